/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the runtime (runtime.c), its entry points (tsan.c) and the strategies (explore.c). */
#ifndef DCACHE_MODEL_RUNTIME_H
#define DCACHE_MODEL_RUNTIME_H

#include "model.h"

enum model_op {
	MODEL_EXCHANGE,
	MODEL_ADD,
	MODEL_SUB,
	MODEL_AND,
	MODEL_OR,
	MODEL_XOR,
	MODEL_NAND,
};

/* ---- runtime.c ---- */

void model_run(const struct scenario *which, long fail_allocation);
const char *model_thread_name(void);
void model_set_priority(int thread, int priority);

uint64_t model_load(const volatile void *at, size_t size, int order, const void *pc);
void model_store(volatile void *at, size_t size, uint64_t value, int order, const void *pc);
uint64_t model_rmw(volatile void *at, size_t size, enum model_op op, uint64_t operand, int order,
		   const void *pc);
bool model_compare_exchange(volatile void *at, size_t size, uint64_t *expected, uint64_t desired,
			    int order, int failure_order, const void *pc);
void model_plain(const void *at, size_t size, bool write);

/* ---- explore.c ---- */

struct candidate {
	int thread;
	int priority;
};

/* What a run has come to so far. */
struct run {
	bool failed;
	bool cut;			/* not worth going on: known from here */
	bool wants_states;		/* choose_thread() looks at the state */
	bool allocation_failed;
	uint64_t steps;
	char report[1024];
	struct candidate candidates[MODEL_MAX_THREADS];
};

extern struct run run;

/* Which of run.candidates, @n of them, goes on? @current_can: it is the first. @state: a hash of the
 * run's, but for who is running. */
int choose_thread(int n, bool current_can, uint64_t state, int current);
/* Of @n values that a load may return, newest first: which? */
int choose_stale(int n);

void trace_event(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace_access(const char *what, const void *at, size_t size, uint64_t value, int order,
		  const void *pc);

#endif /* DCACHE_MODEL_RUNTIME_H */
