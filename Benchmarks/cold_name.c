/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One cold name and N threads: cold_name [N...]
 *
 * All but one thread wait for the lookup of one; the time is from just before the owner ends it
 * until the last waiter runs again. Beside it, in the same rounds, a bare broadcast: the same
 * threads sleep on one futex, which is changed and woken once. The ratio of the medians is what
 * sharing an answer costs over the least that waking so many threads can cost. Row "cold-name-last" of the
 * results (report.h).
 */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "report.h"

#define ROUNDS 60

static struct dentry *root;
static _Atomic uint32_t round_word, ready, woken;
static _Atomic uint64_t last_ns;
static char cold[32];
static pthread_barrier_t barrier;

static void wait_on_futex(void)
{
	while (!atomic_load(&round_word))
		syscall(SYS_futex, &round_word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void *waiter(void *arg)
{
	int round;

	(void)arg;
	for (round = 0; round < 2 * ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		atomic_fetch_add(&ready, 1);
		if (round % 2) {
			wait_on_futex();
		} else {
			DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
			struct qstr name = qstr_init(cold, strlen(cold));
			struct dentry *dentry = d_alloc_parallel(root, &name, &wq);

			BENCH_CHECK(!IS_ERR(dentry) && !d_in_lookup(dentry));
			dput(dentry);
		}
		atomic_store(&last_ns, (uint64_t)bench_now_ns());
		atomic_fetch_add(&woken, 1);
	}
	return NULL;
}

static double one_round(int round, uint32_t waiters, struct dcache *dc)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dcache_stats stats;
	struct dentry *dentry = NULL;
	uint64_t waited_before;
	double began;

	snprintf(cold, sizeof(cold), "cold%d", round);
	atomic_store(&round_word, 0);
	atomic_store(&ready, 0);
	atomic_store(&woken, 0);
	dcache_get_stats(dc, &stats);
	waited_before = stats.lookups_waited;
	if (round % 2 == 0) {
		struct qstr name = qstr_init(cold, strlen(cold));

		dentry = d_alloc_parallel(root, &name, &wq);
		BENCH_CHECK(!IS_ERR(dentry) && d_in_lookup(dentry));
	}
	pthread_barrier_wait(&barrier);
	while (atomic_load(&ready) < waiters)
		usleep(100);
	while (dentry) {
		dcache_get_stats(dc, &stats);
		if (stats.lookups_waited - waited_before == waiters)
			break;
		usleep(100);
	}
	/* Until all of them sleep. */
	usleep(5000);
	began = bench_now_ns();
	if (dentry) {
		BENCH_CHECK(!d_add(dentry, NULL));
	} else {
		atomic_store(&round_word, 1);
		syscall(SYS_futex, &round_word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
	}
	while (atomic_load(&woken) < waiters)
		usleep(50);
	dput(dentry);
	return (double)atomic_load(&last_ns) - began;
}

/* @ns: sorted. */
static void report(const char *subject, uint32_t threads, const double *ns)
{
	bench_report(&(struct bench_result){ "cold-name-last", subject, "us", 1, threads, ROUNDS,
					     ns[ROUNDS / 2] / 1e3, ns[0] / 1e3,
					     ns[ROUNDS - 1] / 1e3 });
}

static void run(uint32_t threads)
{
	uint32_t waiters = threads - 1, i;
	double lookup[ROUNDS], futex[ROUNDS];
	pthread_t *ids = calloc(waiters, sizeof(*ids));
	pthread_attr_t attr;
	struct dcache *dc;
	int round;

	BENCH_CHECK(ids && waiters && !dcache_create(NULL, &dc));
	root = d_make_root(new_inode(dc, 0, INODE_DIRECTORY, NULL, NULL));
	BENCH_CHECK(!IS_ERR(root));
	pthread_barrier_init(&barrier, NULL, threads);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	for (i = 0; i < waiters; i++)
		BENCH_CHECK(!pthread_create(&ids[i], &attr, waiter, NULL));
	for (round = 0; round < 2 * ROUNDS; round++)
		*(round % 2 ? &futex[round / 2] : &lookup[round / 2]) = one_round(round, waiters,
										  dc);
	for (i = 0; i < waiters; i++)
		pthread_join(ids[i], NULL);
	{
		double a = bench_median(lookup, ROUNDS), b = bench_median(futex, ROUNDS);

		printf("%8u %12.1f %12.1f %12.1f %12.1f %8.2f\n", threads, a / 1e3,
		       lookup[ROUNDS * 9 / 10] / 1e3, b / 1e3, futex[ROUNDS * 9 / 10] / 1e3, a / b);
		report("dcache", threads, lookup);
		report("futex", threads, futex);
	}
	dput(root);
	BENCH_CHECK(!dcache_destroy(dc));
	pthread_barrier_destroy(&barrier);
	free(ids);
}

int main(int argc, char **argv)
{
	static const char *const usual[] = { "2", "8", "32", "128", "1000" };
	int i;

	printf("%8s %12s %12s %12s %12s %8s\n", "threads", "lookup us", "p90", "futex us", "p90",
	       "ratio");
	for (i = 0; i < (argc > 1 ? argc - 1 : 5); i++)
		run((uint32_t)strtoul(argc > 1 ? argv[i + 1] : usual[i], NULL, 0));
	return 0;
}
