/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a growing table does to those who look up meanwhile: grow [ENTRIES] [ROUNDS]
 *
 * One thread inserts ENTRIES entries, from a thousand on; another times each of its hits on that
 * thousand. Three times: nobody inserts; into a table that has had its size from the start; into one
 * that grows. What the last row has more than the second is the growing's; a thread that is
 * descheduled shows in all of them. So ROUNDS times (5), in an order of their own each time; medians over the
 * rounds, but the maxima, which are the highest. In the results (report.h) the row is "grow-p99.99", and the
 * inserts' "grow-insert": "dcache" grows, "sized" has had its size, "idle" has nobody who inserts.
 */
#define _GNU_SOURCE
#include "rounds.h"

#define STILL 1000

/* Latencies, in a histogram of sixteen steps an octave. */
#define STEPS 16
#define OCTAVES 40

static uint64_t histogram[OCTAVES * STEPS];
static double longest;
static _Atomic bool stop;
static struct dcache *dc;
static struct dentry *root;
static size_t entries;
static double insert_longest;

static size_t step_of(double ns)
{
	uint64_t value = ns < STEPS ? STEPS : (uint64_t)ns;
	int octave = 63 - __builtin_clzll(value);

	return (size_t)(octave - 4) * STEPS + (size_t)(value >> (octave - 4) & (STEPS - 1));
}

static double value_of(size_t step)
{
	return (double)((uint64_t)(STEPS + step % STEPS) << step / STEPS);
}

static double percentile(double part)
{
	uint64_t all = 0, so_far = 0;
	size_t i;

	for (i = 0; i < OCTAVES * STEPS; i++)
		all += histogram[i];
	for (i = 0; i < OCTAVES * STEPS; i++) {
		so_far += histogram[i];
		if ((double)so_far >= part * (double)all)
			return value_of(i);
	}
	return 0;
}

static void add(const char *kind, size_t n)
{
	char name[24];
	int len = snprintf(name, sizeof(name), "%s%08zx.txt", kind, n);
	struct dentry *dentry = d_alloc(root, &(struct qstr){ name, (uint32_t)len, 0 });

	BENCH_CHECK(!IS_ERR(dentry));
	BENCH_CHECK(!d_add(dentry, NULL));
	dput(dentry);
}

static void *look_up(void *arg)
{
	static char names[STILL][16];
	double before;
	size_t i;

	(void)arg;
	for (i = 0; i < STILL; i++)
		snprintf(names[i], sizeof(names[i]), "s%08zx.txt", i);
	before = bench_now_ns();
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (i = 0; i < STILL; i++) {
			struct qstr name = { names[i], 13, 0 };
			double now;
			uint32_t seq;

			dcache_read_lock();
			BENCH_CHECK(d_lookup_rcu(root, &name, &seq));
			dcache_read_unlock();
			now = bench_now_ns();
			histogram[step_of(now - before)]++;
			if (now - before > longest)
				longest = now - before;
			before = now;
		}
	}
	return NULL;
}

static const struct row {
	const char *what, *subject;
	bool inserts, sized;
} rows[] = {
	{ "hits, nobody inserts", "idle", false, false },
	{ "hits, a table of that size", "sized", true, true },
	{ "hits, a table that grows", "dcache", true, false },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

enum { P50, P99, P9999, INSERT, VALUES };
static const char *const value_names[VALUES] = { "grow-p50", "grow-p99", "grow-p99.99",
						 "grow-insert" };

static struct bench_row values[ROWS][VALUES];
static double most[ROWS], insert_most[ROWS];
static uint64_t resizes[ROWS];

static void measure(size_t number)
{
	const struct row *row = &rows[number];
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache_stats stats;
	double began, last, now, took;
	pthread_t thread;
	size_t i;

	opts.hash_buckets = row->sized ? entries / 5 : 0;
	BENCH_CHECK(!dcache_create(&opts, &dc));
	root = d_make_root(new_inode(dc, 1, INODE_DIRECTORY, NULL, NULL));
	BENCH_CHECK(!IS_ERR(root));
	for (i = 0; i < STILL; i++)
		add("s", i);
	memset(histogram, 0, sizeof(histogram));
	longest = insert_longest = 0;
	atomic_store(&stop, false);
	BENCH_CHECK(!pthread_create(&thread, NULL, look_up, NULL));
	began = last = bench_now_ns();
	if (row->inserts) {
		for (i = 0; i < entries; i++) {
			add("n", i);
			now = bench_now_ns();
			if (now - last > insert_longest)
				insert_longest = now - last;
			last = now;
		}
	} else {
		while (bench_now_ns() - began < 2e9)
			usleep(10000);
	}
	took = bench_now_ns() - began;
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	dcache_get_stats(dc, &stats);
	bench_row_add(&values[number][P50], percentile(0.5), false);
	bench_row_add(&values[number][P99], percentile(0.99), false);
	bench_row_add(&values[number][P9999], percentile(0.9999), false);
	bench_row_add(&values[number][INSERT], row->inserts ? took / (double)entries : 0, false);
	most[number] = longest > most[number] ? longest : most[number];
	if (insert_longest > insert_most[number])
		insert_most[number] = insert_longest;
	resizes[number] = stats.resizes;
	dput(root);
	BENCH_CHECK(!dcache_destroy(dc));
}

int main(int argc, char **argv)
{
	size_t rounds, round, i;
	uint32_t order[ROWS];
	uint64_t seed = 88172645463325252u;
	int value;

	entries = bench_number(argc > 1 ? argv[1] : "4000000", 1, ((size_t)1 << 30) - 1);
	rounds = bench_number(argc > 2 ? argv[2] : "5", 1, BENCH_MAX_ROUNDS);
	for (i = 0; i < ROWS; i++) {
		for (value = 0; value < VALUES; value++)
			bench_row_init(&values[i][value], value_names[value], rows[i].subject,
				       entries, 2, rounds);
	}
	for (round = 0; round < rounds; round++) {
		bench_order(order, ROWS, &seed);
		for (i = 0; i < ROWS; i++)
			measure(order[i]);
	}
	printf("%zu entries inserted beside lookups of %d, %zu rounds\n", entries, STILL, rounds);
	printf("%-34s %7s %7s %9s %10s %9s %10s %8s\n", "", "p50 ns", "p99", "p99.99", "max us",
	       "insert ns", "max us", "resizes");
	for (i = 0; i < ROWS; i++) {
		printf("%-34s %7.0f %7.0f %9.0f %10.1f %9.0f %10.1f %8llu\n", rows[i].what,
		       bench_row_median(&values[i][P50]), bench_row_median(&values[i][P99]),
		       bench_row_median(&values[i][P9999]), most[i] / 1e3,
		       bench_row_median(&values[i][INSERT]), insert_most[i] / 1e3,
		       (unsigned long long)resizes[i]);
	}
	bench_row_heading("ns");
	for (value = 0; value < VALUES; value++) {
		for (i = 0; i < ROWS; i++) {
			if (value != INSERT || rows[i].inserts)
				bench_row_report(&values[i][value]);
		}
	}
	return 0;
}
