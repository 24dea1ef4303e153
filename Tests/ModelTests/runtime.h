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
void model_plain(const void *at, size_t size, bool write, const void *pc);

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
/* Does a futex wait return though nobody woke it? */
bool choose_spurious(void);
/* Does a callback wait though its grace period has ended? */
bool choose_late(void);

/* ---- trace.c ---- */

extern bool tracing;

void trace_begin(bool wanted);
void trace_print(void);
void trace_add(const char *format, ...) __attribute__((format(printf, 1, 2)));
void trace_access(const void *pc, const char *what, const void *at, size_t size, int order,
		  const char *format, ...) __attribute__((format(printf, 6, 7)));

#define trace_event(...) (tracing ? trace_add(__VA_ARGS__) : (void)0)
#define trace_load(at, size, value, stale, order, pc)                                            \
	(tracing ? trace_access(pc, "load", at, size, order, "is %#llx%s", (unsigned long long)(value), \
				(stale) ? ", an older value" : "") : (void)0)
#define trace_store(what, at, size, before, after, order, pc)                                    \
	(tracing ? trace_access(pc, what, at, size, order, "%#llx -> %#llx",                     \
				(unsigned long long)(before), (unsigned long long)(after)) : (void)0)
/* A plain store of the current thread has happened. */
#define trace_write(at, size, pc) (tracing ? trace_plain(pc, at, size) : (void)0)
void trace_plain(const void *pc, const void *at, size_t size);

/* What is at an address, for readers. The text is good until the eighth call from now. */
const char *place_name(const void *at);

#endif /* DCACHE_MODEL_RUNTIME_H */
