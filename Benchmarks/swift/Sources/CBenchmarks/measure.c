// SPDX-License-Identifier: LGPL-2.1-or-later
/* The clock and the threads that are timed by it; results. */
#define _GNU_SOURCE
#include "benchmarks.h"
#include "../../../bench.h"
#include "../../../report.h"

#include <pthread.h>
#include <sched.h>

/* A thread that was without its processor for more than this part of its time was disturbed. */
#define LOST 0.02

double benchmark_now(void)
{
	return bench_now_ns();
}

unsigned int benchmark_processors(void)
{
	cpu_set_t set;

	BENCH_CHECK(!sched_getaffinity(0, sizeof(set), &set));
	return (unsigned int)CPU_COUNT(&set);
}

struct run {
	void (*body)(void *arg, unsigned int thread, bool measured);
	void *arg;
	pthread_barrier_t start;
};

struct thread {
	pthread_t id;
	struct run *run;
	unsigned int index;
	double began, ended, processor;
};

static double processor_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;
	struct run *run = thread->run;

	run->body(run->arg, thread->index, false);
	pthread_barrier_wait(&run->start);
	thread->began = bench_now_ns();
	thread->processor = processor_ns();
	run->body(run->arg, thread->index, true);
	thread->processor = processor_ns() - thread->processor;
	thread->ended = bench_now_ns();
	return NULL;
}

struct benchmark_time benchmark_threads(unsigned int threads,
					void (*body)(void *arg, unsigned int thread, bool measured),
					void *arg)
{
	struct run run = { .body = body, .arg = arg };
	struct thread *all = calloc(threads, sizeof(*all));
	struct benchmark_time time = { .undisturbed = true };
	double began, ended;
	unsigned int i;

	BENCH_CHECK(threads && all && !pthread_barrier_init(&run.start, NULL, threads));
	for (i = 0; i < threads; i++) {
		all[i].run = &run;
		all[i].index = i;
		BENCH_CHECK(!pthread_create(&all[i].id, NULL, thread_main, &all[i]));
	}
	for (i = 0; i < threads; i++)
		BENCH_CHECK(!pthread_join(all[i].id, NULL));
	began = all[0].began;
	ended = all[0].ended;
	for (i = 0; i < threads; i++) {
		double own = all[i].ended - all[i].began;

		began = all[i].began < began ? all[i].began : began;
		ended = all[i].ended > ended ? all[i].ended : ended;
		if (own - all[i].processor > LOST * own)
			time.undisturbed = false;
	}
	time.ns = ended - began;
	pthread_barrier_destroy(&run.start);
	free(all);
	return time;
}

struct benchmark_spread benchmark_spread(double *values, size_t n)
{
	struct benchmark_spread spread = { .median = bench_median(values, n) };

	spread.low = values[0];
	spread.high = values[n - 1];
	return spread;
}

void benchmark_report(const char *bench, const char *subject, const char *unit, uint64_t entries,
		      unsigned int threads, unsigned int rounds, struct benchmark_spread spread)
{
	struct bench_result result = {
		.bench = bench,
		.subject = subject,
		.unit = unit,
		.entries = entries,
		.threads = threads,
		.rounds = rounds,
		.median = spread.median,
		.low = spread.low,
		.high = spread.high,
	};

	bench_report(&result);
}
