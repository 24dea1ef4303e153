/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The controlled scheduler: what a scenario sees of it.
 *
 * The core's own sources are compiled with -fsanitize=thread and linked with runtime.c instead of
 * the sanitizer's: every access to memory and every atomic operation of theirs comes by the
 * runtime, which decides who runs next, watches the order of accesses, and may let a load return
 * an older value that the memory model allows. Threads are fibers of one real thread.
 */
#ifndef DCACHE_MODEL_H
#define DCACHE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_MAX_THREADS 4

struct scenario {
	const char *name;
	const char *covers;		/* rows of the table of hazards */
	int threads;
	/* Small enough to be searched without a bound? */
	enum { NO, IN_SECONDS, IN_MINUTES } unbounded;
	/* Sets every static variable that the threads change. */
	void (*setup)(void);
	void (*run[MODEL_MAX_THREADS])(void);
	/* All threads have ended: check, and take down. */
	void (*finish)(void);
	struct scenario *next;
};

void scenario_register(struct scenario *scenario);
struct scenario *scenario_first(void);

#define SCENARIO(name_)                                                                  \
	static struct scenario scenario_##name_;                                         \
	__attribute__((constructor)) static void scenario_register_##name_(void)         \
	{                                                                                \
		scenario_##name_.name = #name_;                                          \
		scenario_register(&scenario_##name_);                                    \
	}                                                                                \
	static struct scenario scenario_##name_

/* End this run with a report, unless @ok. */
void model_check(bool ok, const char *what, const char *file, int line);
#define MODEL_CHECK(x) model_check((x), #x, __FILE__, __LINE__)

/* Let the @nth allocation of the run fail; 0: none. */
void model_fail_allocation(long nth);
/* From here on in this run a broken rule of the core (DC_RULE) is no failure: what a release build
 * makes of the misuse is looked at. */
void model_rules_may_break(void);
/* Threads have numbers (sync/number.h) from here on in this run, as many as there are numbers: the setup has
 * none. */
void model_numbers(void);
/* Be the thread of the instance that was made last, until it has freed an instance let go of. */
void model_instance_thread(void);
/* Do what the thread of that instance has been asked to do by now. */
void model_instance_work(void);
/* The running thread: 0 .. threads - 1, or MODEL_MAX_THREADS in setup and finish. */
int model_thread(void);
/* Blocks of memory that are not freed. */
long model_live_blocks(void);
/* @size bytes that hold statistics only: nobody acts on their values. */
void model_quiet(const void *at, size_t size);
/* Note in the trace what a scenario does. */
void model_note(const char *text);

/* ---- for main.c ---- */

enum strategy { STRATEGY_DFS, STRATEGY_RANDOM, STRATEGY_PCT, STRATEGY_REPLAY };

struct model_options {
	enum strategy strategy;
	int preemptions;		/* DFS: bound; -1: none */
	int pct_depth;
	/* How often, in one run, a load may return an older value; a futex wait end though nobody
	 * woke it; a callback wait though its grace period has ended. */
	int stale_reads, spurious_wakeups, late_callbacks;
	uint64_t seed;
	uint64_t runs;			/* random, PCT: how many */
	double seconds;			/* stop after so long; 0: never */
	long fail_allocation;
	const char *replay;
	bool trace;
};

struct model_result {
	uint64_t schedules;
	uint64_t states;		/* distinct, with state caching */
	uint64_t steps;
	bool complete;			/* DFS: nothing is left within the bound */
	bool failed;
	bool allocation_failed;		/* in some run the allocation that was to fail was reached */
	char report[2048];
	char schedule[8192];		/* what --replay takes */
};

void model_explore(const struct scenario *scenario, const struct model_options *options,
		   struct model_result *result);

#endif /* DCACHE_MODEL_H */
