/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rounds of a row: threads that begin together, what their work took, and how it is told.
 *
 * Nanoseconds an operation are processor time as if each thread had a processor, or an equal share of
 * them: the time by the clock, times the smaller of threads and processors, by the operations of all. So
 * 32 threads on two processors are as good as two if the figure is the same.
 *
 * A round in which a thread did not have its processor (it was made to yield it, or its own time is more
 * than 2 % less than the clock's) is dropped and done again, while no more were dropped than twice as
 * many as are wanted; only where there are as many processors as threads, and nothing sleeps.
 */
#ifndef DCACHE_BENCH_ROUNDS_H
#define DCACHE_BENCH_ROUNDS_H

/* Programs define _GNU_SOURCE: RUSAGE_THREAD. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "report.h"

#define BENCH_MAX_ROUNDS 1024
#define BENCH_MAX_THREADS 1024

struct bench_row {
	const char *bench, *subject, *unit;
	uint64_t entries;
	unsigned int threads;
	/* How many are wanted, of which so many are there; and so many were dropped. */
	size_t rounds, n, dropped;
	double *values;
};

static inline void bench_row_init(struct bench_row *row, const char *bench, const char *subject,
				  uint64_t entries, unsigned int threads, size_t rounds)
{
	*row = (struct bench_row){ bench, subject, "ns", entries, threads, rounds, 0, 0, NULL };
	row->values = malloc(rounds * sizeof(double));
	BENCH_CHECK(row->values);
}

/* A value is there. Return: false: it was no good, and is to be taken again. */
static inline bool bench_row_add(struct bench_row *row, double value, bool disturbed)
{
	if (disturbed && row->dropped < 2 * row->rounds) {
		row->dropped++;
		return false;
	}
	BENCH_CHECK(row->n < row->rounds);
	row->values[row->n++] = value;
	return true;
}

static inline double bench_row_median(struct bench_row *row)
{
	BENCH_CHECK(row->n == row->rounds);
	return bench_median(row->values, row->n);
}

static inline void bench_row_heading(const char *what)
{
	printf("%-30s %-16s %9s %7s %10s %10s %10s %7s\n", what, "", "entries", "threads", "median",
	       "lowest", "highest", "dropped");
}

/* One line of the table, and the JSON. Frees the values. Return: the median. */
static inline double bench_row_report(struct bench_row *row)
{
	double median = bench_row_median(row);

	printf("%-30s %-16s %9" PRIu64 " %7u %10.1f %10.1f %10.1f %7zu\n", row->bench, row->subject,
	       row->entries, row->threads, median, row->values[0], row->values[row->n - 1],
	       row->dropped);
	fflush(stdout);
	bench_report(&(struct bench_result){ row->bench, row->subject, row->unit, row->entries,
					     row->threads, (unsigned int)row->n, median,
					     row->values[0], row->values[row->n - 1] });
	free(row->values);
	row->values = NULL;
	return median;
}

/* ---- threads that begin together ---- */

struct bench_member {
	unsigned int number;
	double began, ended;
	bool disturbed;
};

static struct {
	void (*work)(unsigned int thread, void *arg);
	void *arg;
	unsigned int threads, processors;
	_Atomic unsigned int arrived;
	struct bench_member members[BENCH_MAX_THREADS];
} bench_crew;

static inline unsigned int bench_processors(void)
{
	cpu_set_t set;

	BENCH_CHECK(!sched_getaffinity(0, sizeof(set), &set));
	return (unsigned int)CPU_COUNT(&set);
}

static inline double bench_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static inline void *bench_member_run(void *arg)
{
	struct bench_member *self = arg;
	struct rusage before, after;
	double cpu;

	BENCH_CHECK(!getrusage(RUSAGE_THREAD, &before));
	atomic_fetch_add(&bench_crew.arrived, 1);
	while (atomic_load(&bench_crew.arrived) < bench_crew.threads) {
		if (bench_crew.threads > bench_crew.processors)
			sched_yield();
	}
	cpu = bench_cpu_ns();
	self->began = bench_now_ns();
	bench_crew.work(self->number, bench_crew.arg);
	self->ended = bench_now_ns();
	cpu = bench_cpu_ns() - cpu;
	BENCH_CHECK(!getrusage(RUSAGE_THREAD, &after));
	self->disturbed = after.ru_nivcsw != before.ru_nivcsw ||
			  cpu < 0.98 * (self->ended - self->began);
	return NULL;
}

/*
 * Run @work in @threads threads, one of them the caller's.
 * @disturbed: set if one did not have its processor, where each could; may be NULL.
 * Return: the nanoseconds from the first one's beginning to the last one's end.
 */
static inline double bench_run(unsigned int threads, void (*work)(unsigned int thread, void *arg),
			       void *arg, bool *disturbed)
{
	pthread_t ids[BENCH_MAX_THREADS];
	double began, ended;
	unsigned int i;

	BENCH_CHECK(threads && threads <= BENCH_MAX_THREADS);
	bench_crew.work = work;
	bench_crew.arg = arg;
	bench_crew.threads = threads;
	bench_crew.processors = bench_processors();
	atomic_store(&bench_crew.arrived, 0);
	for (i = 0; i < threads; i++)
		bench_crew.members[i] = (struct bench_member){ .number = i };
	for (i = 1; i < threads; i++)
		BENCH_CHECK(
			!pthread_create(&ids[i], NULL, bench_member_run, &bench_crew.members[i]));
	bench_member_run(&bench_crew.members[0]);
	for (i = 1; i < threads; i++)
		pthread_join(ids[i], NULL);
	began = bench_crew.members[0].began;
	ended = bench_crew.members[0].ended;
	for (i = 0; i < threads; i++) {
		const struct bench_member *member = &bench_crew.members[i];

		began = member->began < began ? member->began : began;
		ended = member->ended > ended ? member->ended : ended;
		if (disturbed && threads <= bench_crew.processors && member->disturbed)
			*disturbed = true;
	}
	return ended - began;
}

/* Nanoseconds of processor time an operation, see above. */
static inline double bench_per_operation(double ns, unsigned int threads, size_t operations)
{
	unsigned int processors = bench_processors();

	return ns * (threads < processors ? threads : processors) / (double)operations;
}

/* The part of @n that is @thread's. */
static inline void bench_share(size_t n, unsigned int thread, unsigned int threads, size_t *from,
			       size_t *to)
{
	*from = n * thread / threads;
	*to = n * (thread + 1) / threads;
}

/* A random order of 0 .. n - 1. */
static inline void bench_order(uint32_t *order, size_t n, uint64_t *seed)
{
	size_t i;

	for (i = 0; i < n; i++) {
		size_t j = bench_random(seed) % (i + 1);

		order[i] = order[j];
		order[j] = (uint32_t)i;
	}
}

/* A positive number of the command line, or the program ends. */
static inline size_t bench_number(const char *text, size_t least, size_t most)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (!*text || *end || number < least || number > most) {
		fprintf(stderr, "%s: not a number from %zu to %zu\n", text, least, most);
		exit(2);
	}
	return number;
}

#endif /* DCACHE_BENCH_ROUNDS_H */
