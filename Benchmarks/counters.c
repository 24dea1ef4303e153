/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Do threads that use one instance get in each other's way? counters [ROUNDS]
 *
 * Each thread works in a directory of its own: adds and drops negatives (every one is counted many
 * times), then the same at a limit of entries, then looks up what is there. For each the time of an
 * operation with one thread and with two; the ratio is what the second one costs the first. On as
 * many processors as threads, 1 would be perfect. Rows of the results (report.h): "counters-add-drop",
 * "counters-add-limit", "counters-look-up".
 */
#include <pthread.h>
#include <stdatomic.h>

#include "bench.h"
#include "report.h"

#define NAMES 2000
#define THREADS 2

static struct dcache *dc;
static struct dentry *dirs[THREADS];
static pthread_barrier_t barrier;
static int what;

static void work(struct dentry *dir)
{
	int i;

	for (i = 0; i < NAMES; i++) {
		char bytes[24];
		struct qstr name = qstr_init(bytes, (size_t)snprintf(bytes, 24, "name%08d", i));
		struct dentry *dentry;

		if (what == 2) {
			dentry = d_lookup(dir, &name);
			dput(dentry);
			continue;
		}
		dentry = d_alloc(dir, &name);
		BENCH_CHECK(!IS_ERR(dentry));
		BENCH_CHECK(!d_add(dentry, NULL) || what == 1);
		if (what == 0)
			d_drop(dentry);
		dput(dentry);
	}
}

/* Of each thread, by its own clock: whoever waits for the barrier beside them may come late. */
static struct runner {
	struct dentry *dir;
	double began, ended;
} runners[THREADS];

static void *run(void *arg)
{
	struct runner *self = arg;

	pthread_barrier_wait(&barrier);
	self->began = bench_now_ns();
	work(self->dir);
	self->ended = bench_now_ns();
	return NULL;
}

static double one_round(unsigned int threads)
{
	pthread_t thread[THREADS];
	double longest = 0;
	unsigned int i;

	pthread_barrier_init(&barrier, NULL, threads);
	for (i = 0; i < threads; i++) {
		runners[i].dir = dirs[i];
		BENCH_CHECK(!pthread_create(&thread[i], NULL, run, &runners[i]));
	}
	for (i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
		if (runners[i].ended - runners[i].began > longest)
			longest = runners[i].ended - runners[i].began;
	}
	pthread_barrier_destroy(&barrier);
	return longest / NAMES;
}

int main(int argc, char **argv)
{
	static const char *const rows[] = { "add and drop", "add at a limit", "look up" };
	static const char *const benches[] = { "counters-add-drop", "counters-add-limit",
					       "counters-look-up" };
	int rounds = argc > 1 ? atoi(argv[1]) : 51;
	double *times[THREADS];
	int i, round;

	for (i = 0; i < THREADS; i++)
		BENCH_CHECK((times[i] = calloc((size_t)rounds, sizeof(double))));
	for (what = 0; what < 3; what++) {
		struct dcache_options opts = DCACHE_OPTIONS_INIT;
		struct dentry *root;

		opts.max_entries = what == 1 ? 1500 : 0;
		BENCH_CHECK(!dcache_create(&opts, &dc));
		root = d_make_root(new_inode(dc, 1, INODE_DIRECTORY, NULL, NULL));
		for (i = 0; i < THREADS; i++) {
			char bytes[8];
			struct qstr name = qstr_init(bytes, (size_t)snprintf(bytes, 8, "d%d", i));

			dirs[i] = d_alloc(root, &name);
			BENCH_CHECK(!d_add(dirs[i], new_inode(dc, 2, INODE_DIRECTORY, NULL, NULL)));
		}
		if (what == 2) {
			what = 1;
			for (i = 0; i < THREADS; i++)
				work(dirs[i]);
			what = 2;
		}
		for (round = 0; round < rounds; round++) {
			for (i = 0; i < THREADS; i++)
				times[i][round] = one_round((unsigned int)i + 1);
		}
		for (i = 0; i < THREADS; i++)
			dput(dirs[i]);
		dput(root);
		BENCH_CHECK(!dcache_destroy(dc));
		{
			double one = bench_median(times[0], (size_t)rounds);
			double two = bench_median(times[1], (size_t)rounds);

			printf("%-16s one thread %7.1f ns  two %7.1f ns  ratio %.2f\n", rows[what],
			       one, two, two / one);
			for (i = 0; i < THREADS; i++)
				bench_report(&(struct bench_result){
					benches[what], "dcache", "ns", NAMES, (unsigned int)i + 1,
					(unsigned int)rounds, i ? two : one, times[i][0],
					times[i][rounds - 1] });
		}
	}
	return 0;
}
