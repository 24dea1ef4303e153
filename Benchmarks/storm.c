/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory with very many negatives, and what its users feel while it is walked, shrunk, invalidated
 * and torn down: storm [ENTRIES]
 *
 * One thread uses the directory all the time: it looks up names that stay in use, and inserts names and
 * removes them again. Each phase is timed, and so is every single step of that thread meanwhile; "alone"
 * is the same thread with nobody else there. ENTRIES: 10 000 000. Rows of the results (report.h), of one round:
 * "storm-PHASE", its time, and "storm-PHASE-hit-p99.99", "storm-PHASE-insert-p99.99".
 */
#include <pthread.h>
#include <stdatomic.h>

#include "bench.h"
#include "report.h"

#define HELD 1000
#define MAX_SAMPLES (1u << 24)

enum step { HIT, INSERT, NR_STEPS };

struct samples {
	uint32_t *ns;
	size_t nr;
};

static struct dcache *dc;
static struct dentry *root, *dir, *held[HELD];
static struct samples samples[NR_STEPS];
static _Atomic bool stop, pause_wanted, paused;
static size_t entries = 10000000;

static struct qstr name_number(char buf[24], const char *prefix, size_t i)
{
	return qstr_init(buf, (size_t)snprintf(buf, 24, "%s%zu", prefix, i));
}

static struct dentry *add_negative(struct dentry *parent, const struct qstr *name)
{
	struct dentry *dentry = d_alloc(parent, name);

	BENCH_CHECK(!IS_ERR(dentry) && !d_add(dentry, NULL));
	return dentry;
}

static void take_sample(enum step step, double began)
{
	struct samples *s = &samples[step];

	if (s->nr < MAX_SAMPLES)
		s->ns[s->nr++] = (uint32_t)(bench_now_ns() - began);
}

static void *use_directory(void *arg)
{
	uint64_t random = 88172645463325252u;
	char buf[24];
	size_t turn;

	(void)arg;
	for (turn = 0; !atomic_load(&stop); turn++) {
		size_t i = bench_random(&random) % HELD;
		struct qstr name = name_number(buf, "held", i);
		double began;
		struct dentry *dentry;

		if (atomic_load(&pause_wanted)) {
			atomic_store(&paused, true);
			while (atomic_load(&pause_wanted))
				;
			atomic_store(&paused, false);
		}
		began = bench_now_ns();
		dentry = d_lookup(dir, &name);
		take_sample(HIT, began);
		BENCH_CHECK(dentry == held[i]);
		dput(dentry);
		name = name_number(buf, "new", turn);
		began = bench_now_ns();
		dentry = add_negative(dir, &name);
		take_sample(INSERT, began);
		d_drop(dentry);
		dput(dentry);
	}
	return NULL;
}

static int compare_ns(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void report_row(const char *phase, const char *what, const char *unit, double value)
{
	char bench[64];

	BENCH_CHECK((size_t)snprintf(bench, sizeof(bench), "storm-%s%s", phase, what) <
		    sizeof(bench));
	bench_report(&(struct bench_result){ bench, "dcache", unit, entries, 2, 1, value, value,
					     value });
}

static void report_step(const char *phase, const char *what, struct samples *s)
{
	char row[32];

	if (!s->nr)
		return;
	qsort(s->ns, s->nr, sizeof(*s->ns), compare_ns);
	printf("    %-7s %9zu  p50 %6.2f  p99 %7.2f  p99.99 %8.1f  max %8.1f us\n", what, s->nr,
	       s->ns[s->nr / 2] / 1e3, s->ns[s->nr * 99 / 100] / 1e3,
	       s->ns[s->nr * 9999 / 10000] / 1e3, s->ns[s->nr - 1] / 1e3);
	snprintf(row, sizeof(row), "-%s-p99.99", what);
	report_row(phase, row, "us", s->ns[s->nr * 9999 / 10000] / 1e3);
}

static void pause_user(void)
{
	atomic_store(&pause_wanted, true);
	while (!atomic_load(&paused))
		;
}

static void resume_user(void)
{
	atomic_store(&pause_wanted, false);
	while (atomic_load(&paused))
		;
}

/* The user is paused before and after. */
static void phase(const char *what, long (*run)(void))
{
	struct dcache_stats stats;
	double began;
	long result;

	samples[HIT].nr = samples[INSERT].nr = 0;
	resume_user();
	began = bench_now_ns();
	result = run();
	began = bench_now_ns() - began;
	pause_user();
	dcache_get_stats(dc, &stats);
	printf("%-22s %8.1f ms  result %ld, %lu entries left, %lu MiB\n", what, began / 1e6, result,
	       (unsigned long)stats.entries, (unsigned long)(stats.bytes >> 20));
	report_row(what, "", "ms", began / 1e6);
	report_step(what, "hit", &samples[HIT]);
	report_step(what, "insert", &samples[INSERT]);
	fflush(stdout);
}

static void fill(void)
{
	char buf[24];
	size_t i;

	for (i = 0; i < entries; i++) {
		struct qstr name = name_number(buf, "n", i);

		dput(add_negative(dir, &name));
	}
}

static long alone(void)
{
	double until = bench_now_ns() + 2e9;

	while (bench_now_ns() < until)
		;
	return 0;
}

static enum d_walk_ret visit(struct dentry *dentry, void *data)
{
	(void)dentry;
	(*(long *)data)++;
	return D_WALK_CONTINUE;
}

static long walk(void)
{
	long visited = 0;

	BENCH_CHECK(d_walk(root, visit, &visited) == 0);
	return visited;
}

static long shrink(void)
{
	return shrink_dcache_parent(dir);
}

static long invalidate(void)
{
	return d_invalidate(dir);
}

static double deferred_took;

static long invalidate_later(void)
{
	double began = bench_now_ns();

	d_invalidate_deferred(dir);
	deferred_took = bench_now_ns() - began;
	dcache_barrier(dc);
	return 0;
}

static void make_directory(void)
{
	struct dentry *dentry = d_alloc(root, &(struct qstr)QSTR_INIT("dir", 3));
	char buf[24];
	int i;

	BENCH_CHECK(!IS_ERR(dentry) &&
		    !d_add(dentry, new_inode(dc, 2, INODE_DIRECTORY, NULL, NULL)));
	for (i = 0; i < HELD; i++) {
		struct qstr name = name_number(buf, "held", (size_t)i);

		held[i] = add_negative(dentry, &name);
	}
	dir = dentry;
}

static void put_directory(void)
{
	int i;

	for (i = 0; i < HELD; i++)
		dput(held[i]);
	dput(dir);
}

static _Atomic bool all_gone;

/* The root goes last. */
static void release_root(struct inode *inode)
{
	(void)inode;
	atomic_store(&all_gone, true);
}

static void release_instance(void)
{
	double began = bench_now_ns(), call, took;
	const struct timespec moment = { .tv_nsec = 100000 };

	dcache_release(dc);
	call = bench_now_ns() - began;
	while (!atomic_load(&all_gone))
		nanosleep(&moment, NULL);
	took = (bench_now_ns() - began) / 1e6;
	printf("%-22s %8.1f us, all freed after %.1f ms\n", "dcache_release", call / 1e3, took);
	report_row("dcache_release", "", "ms", took);
}

int main(int argc, char **argv)
{
	static const struct inode_operations root_ops = { .release = release_root };
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	pthread_t user;
	int i;

	if (argc > 1)
		entries = (size_t)atol(argv[1]);
	for (i = 0; i < NR_STEPS; i++) {
		samples[i].ns = malloc(MAX_SAMPLES * sizeof(*samples[i].ns));
		BENCH_CHECK(samples[i].ns);
		memset(samples[i].ns, 0, MAX_SAMPLES * sizeof(*samples[i].ns));
	}
	opts.hash_buckets = entries / 5;
	BENCH_CHECK(!dcache_create(&opts, &dc));
	root = d_make_root(new_inode(dc, 1, INODE_DIRECTORY, &root_ops, NULL));
	BENCH_CHECK(!IS_ERR(root));
	make_directory();
	pause_wanted = true;
	BENCH_CHECK(!pthread_create(&user, NULL, use_directory, NULL));

	printf("%zu negatives in one directory\n", entries);
	fill();
	while (!atomic_load(&paused))
		;
	phase("alone", alone);
	phase("d_walk", walk);
	phase("shrink_dcache_parent", shrink);
	fill();
	phase("d_invalidate", invalidate);
	put_directory();
	make_directory();
	fill();
	phase("d_invalidate_deferred", invalidate_later);
	printf("    the call itself: %.1f us\n", deferred_took / 1e3);
	put_directory();
	make_directory();
	fill();
	atomic_store(&stop, true);
	atomic_store(&pause_wanted, false);
	pthread_join(user, NULL);
	put_directory();
	dput(root);
	release_instance();
	return 0;
}
