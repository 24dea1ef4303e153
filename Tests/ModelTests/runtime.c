/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The runtime under the instrumented core: fibers, and what each access means.
 *
 * Events. A visible event (an atomic operation, a futex call, the begin and end of a read section)
 * may be preceded by a switch to another thread; plain accesses are not switched at, but checked:
 * a pair that is not ordered by happens-before is a race and ends the run. So leaving them out
 * loses nothing.
 *
 * Happens-before. Each thread has a vector clock. A release store carries the clock of its thread,
 * a read-modify-write passes on what it replaced (release sequence), an acquire load joins it.
 * A grace period: the end of every read section that began before an object was queued happens before
 * its callback, and so does the queueing; and the queueing happens before every section that begins
 * later. Freeing counts as a write to all of the
 * block. A futex orders nothing by itself.
 *
 * Grace periods end as early as they may: a callback runs as soon as every section that was open
 * when its object was queued has ended. The earliest free is the one that a late access misses.
 * Freed memory is never used again in a run, so any later access is seen.
 *
 * Stale values. Each atomic keeps its last stores. A load may return an older one if no newer store
 * happens before the load, and the thread has not seen, itself or through what it has acquired, a
 * newer one. Read-modify-writes and sequentially consistent loads get the newest.
 *
 * Stacks. Fibers' stacks lie in the watched region. An access to another thread's stack below where
 * it stands is an access to a frame that has returned.
 *
 * Fewer events. An access to a block whose address has not been stored anywhere but on the thread's
 * own stack is nobody else's business: no switch before it. Nor before statistics' counters
 * (model_quiet()), whose values no thread acts on and which are left out of what it was told. Each
 * thread allocates from a part of the arena of its own, so that addresses do not depend on the order.
 *
 * The state of a run, for caching, is the memory (a sum over all words, kept up to date), for each
 * thread its stack and registers, and what happens before what: each thread's clock, and the clock
 * that each atomic's newest store releases. The clocks at which words were accessed are left out: a
 * thread's clock counts its own events, so they follow from where it is, but for loops that leave no
 * trace. So that what a returned frame left behind does not make two states of one, the space below
 * the stack is wiped at the end of every event.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "machine.h"

struct fiber fibers[MODEL_MAX_THREADS + 2];
int nr_clocks;
uint32_t clocks[MAX_CLOCKS][MAX_CLOCKS];
uint32_t unlock_clocks[MAX_CLOCKS][MAX_CLOCKS];	/* at the end of the last read section */
struct cell *cells;
struct location locations[MAX_LOCATIONS];
int nr_locations;
struct callback callbacks[MAX_CALLBACKS];
int nr_callbacks;
struct block blocks[MAX_BLOCKS];
int nr_blocks;
size_t arena_used[MODEL_MAX_THREADS + 1];
int16_t block_at[ARENA_SIZE / 8];	/* which block, plus one */
const char *quiet_at;
size_t quiet_size;
uint32_t generation;
int current = MAIN;
int nr_threads;
uint32_t queueing_clock[MAX_CLOCKS];	/* all objects queued so far */
bool watching;
uint64_t writes, steps, next_section;
uint64_t memory_hash, order_hash;
long allocations, fail_at;
bool callbacks_running;
bool rules_may_break, numbers_given;
void *main_sp;
jmp_buf main_jump;
bool in_fibers;
const struct scenario *scenario;

struct run run;

/* ---- switching ---- */

#ifndef __x86_64__
#error "the controlled scheduler's switch is written for x86-64"
#endif

void model_switch(void **save, void *load);
__asm__(".text\n"
	".globl model_switch\n"
	".type model_switch,@function\n"
	"model_switch:\n"
	"	push %rbp\n	push %rbx\n	push %r12\n"
	"	push %r13\n	push %r14\n	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n"
	"	pop %r12\n	pop %rbx\n	pop %rbp\n"
	"	ret\n"
	".size model_switch, .-model_switch\n");

bool is_thread(int id)
{
	return id < MODEL_MAX_THREADS;
}

/* ---- reports ---- */

/* End the run: never returns. */
static _Noreturn void end_run(void)
{
	watching = false;
	if (in_fibers) {
		void *unused;

		in_fibers = false;
		model_switch(&unused, main_sp);
	}
	longjmp(main_jump, 1);
}

_Noreturn void fail(const char *format, ...)
{
	va_list args;

	run.failed = true;
	va_start(args, format);
	vsnprintf(run.report, sizeof(run.report), format, args);
	va_end(args);
	trace_event("*** %s", run.report);
	end_run();
}

void model_check(bool ok, const char *what, const char *file, int line)
{
	if (!ok)
		fail("check failed: %s (%s:%d)", what, file, line);
}

const char *thread_name(int id)
{
	static const char *const names[] = { "T0", "T1", "T2", "T3", "main", "reclaimer" };

	return names[id];
}

int model_thread(void)
{
	return current;
}

const char *model_thread_name(void)
{
	return thread_name(current);
}

/* ---- hashing ---- */

uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

/* Everything from here up to the top of the current thread's stack, registers included. */
static __attribute__((noinline)) void hash_stack(void)
{
	struct fiber *fiber = &fibers[current];
	const char *sp;

	__builtin_unwind_init();
	sp = __builtin_frame_address(0);
	fiber->stack_hash = XXH3_64bits(sp, (size_t)(fiber->stack + STACK_SIZE - sp));
}

/* Wipe what calls have left below the stack. */
static __attribute__((noinline)) void wipe_below(void)
{
	char below[1024];

	memset(below, 0, sizeof(below));
	__asm__ __volatile__("" : : "r"(below) : "memory");
}

static uint64_t state_hash(void)
{
	uint64_t hash = memory_hash + order_hash * 3;
	int i, j;

	for (i = 0; i < nr_threads; i++) {
		struct fiber *fiber = &fibers[i];

		if (fiber->stack_changed && i != current) {
			const char *sp = fiber->sp;

			fiber->stack_hash = fiber->state == ENDED ? 1 : XXH3_64bits(
				sp, (size_t)(fiber->stack + STACK_SIZE - sp));
			fiber->stack_changed = false;
		}
		hash = mix(hash + fiber->stack_hash + (uint64_t)fibers[i].state * 77 +
			   (uint64_t)(fibers[i].spun_at == writes));
	}
	for (i = 0; i < nr_threads; i++) {
		for (j = 0; j < nr_clocks; j++)
			hash = mix(hash + (i == j ? 0 : clocks[i][j]));
	}
	for (i = 0; i < nr_callbacks; i++) {
		for (j = 0; j < nr_threads; j++)
			hash += mix((uintptr_t)callbacks[i].head + (callbacks[i].sections[j] ? 1u : 0u) +
				    (uint64_t)j * 3);
	}
	return hash;
}

/* ---- choosing ---- */

/* Threads that can go on, the current one first if it can. Returns how many. */
static int runnable(int *ids, bool *current_can)
{
	int n = 0, i, pass;

	*current_can = false;
	for (pass = 0; pass < 2 && !n; pass++) {
		for (i = 0; i < nr_threads; i++) {
			int id = (current + i) % nr_threads;
			const struct fiber *fiber;

			if (!is_thread(current))
				id = i;
			fiber = &fibers[id];
			/* Who waits for a change goes on when there was one, or when nobody else can. */
			if (fiber->state == READY || (fiber->state == BLOCKED && fiber->timed) ||
			    (fiber->state == SPINNING && (pass || fiber->spun_at != writes))) {
				if (id == current)
					*current_can = fiber->state == READY;
				ids[n++] = id;
			}
		}
	}
	return n;
}

static void switch_to(int id)
{
	int from = current;

	fibers[id].state = READY;
	if (id == from)
		return;
	if (is_thread(from))
		fibers[from].stack_changed = true;
	current = id;
	trace_event("-- %s goes on", thread_name(id));
	model_switch(is_thread(from) ? &fibers[from].sp : &main_sp, fibers[id].sp);
}

/* Let somebody go on: perhaps the current thread, perhaps another. */
static void reschedule(void)
{
	int ids[MODEL_MAX_THREADS];
	bool current_can;
	int n = runnable(ids, &current_can);
	int i;

	if (!n) {
		char who[128] = "";

		for (i = 0; i < nr_threads; i++) {
			if (fibers[i].state == ENDED)
				continue;
			strcat(who, " ");
			strcat(who, thread_name(i));
		}
		fail("nobody can go on; asleep:%s", who);
	}
	if (is_thread(current) && run.wants_states)
		hash_stack();
	for (i = 0; i < n; i++)
		run.candidates[i] = (struct candidate){ ids[i], fibers[ids[i]].priority };
	switch_to(ids[choose_thread(n, current_can, run.wants_states ? state_hash() : 0, current)]);
}

void model_set_priority(int thread, int priority)
{
	fibers[thread].priority = priority;
}

/* A visible event is about to happen. */
void visible(void)
{
	if (!in_fibers || callbacks_running)
		return;
	if (++steps > MAX_STEPS)
		fail("no end after %d steps", MAX_STEPS);
	run.steps++;
	reschedule();
	if (run.cut)
		end_run();
	if (run.wants_states)
		wipe_below();
}

void block(void)
{
	reschedule();
	if (run.cut)
		end_run();
}

/* ---- one run ---- */

static void fiber_main(void)
{
	scenario->run[current]();
	settle();
	if (fibers[current].sections)
		fail("%s ends inside a read section", thread_name(current));
	fibers[current].state = ENDED;
	trace_event("ends");
	for (;;) {
		int i, left = 0;

		for (i = 0; i < nr_threads; i++)
			left += fibers[i].state != ENDED;
		if (!left) {
			void *unused;

			in_fibers = false;
			model_switch(&unused, main_sp);
		}
		reschedule();
	}
}

static void fiber_make(int id)
{
	struct fiber *fiber = &fibers[id];
	uintptr_t top = (uintptr_t)fiber->stack + STACK_SIZE;
	void **sp = (void **)(top & ~(uintptr_t)15) - 1;
	int i;

	/* As if fiber_main() had been called: the stack is off by one word at its entry. */
	*--sp = (void *)(uintptr_t)fiber_main;
	for (i = 0; i < 6; i++)
		*--sp = NULL;
	fiber->sp = sp;
	fiber->state = READY;
}

/* What the scenario does to addresses that are nobody's ends the run like any other failure. */
static void crashed(int signal)
{
	if (!watching)
		abort();
	fail("%s in %s", signal == SIGSEGV ? "access to no memory" : "abort", thread_name(current));
}

static void catch_crashes(void)
{
	static char stack[64 * 1024];
	const stack_t alternative = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_NODEFER };

	sigaltstack(&alternative, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGABRT, &action, NULL);
}

static void region_make(void)
{
	int i;

	if (cells)
		return;
	if (mmap(REGION_AT, REGION_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != REGION_AT) {
		perror("the model's region");
		exit(2);
	}
	cells = calloc(CELLS, sizeof(*cells));
	if (!cells) {
		perror("the model's shadow");
		exit(2);
	}
	watch_static_variables();
	catch_crashes();
	for (i = 0; i < MODEL_MAX_THREADS; i++)
		fibers[i].stack = REGION_AT + ARENA_SIZE + (size_t)i * STACK_SIZE;
}

static void begin(const struct scenario *which, long fail_allocation)
{
	int i;

	region_make();
	scenario = which;
	nr_threads = which->threads;
	nr_clocks = nr_threads + 1;
	nr_locations = 0;
	generation++;
	for (i = 0; i <= MODEL_MAX_THREADS; i++) {
		memset(REGION_AT + (size_t)i * ARENA_PART, 0, arena_used[i]);
		memset(block_at + (size_t)i * ARENA_PART / 8, 0, arena_used[i] / 8 * sizeof(*block_at));
		arena_used[i] = 0;
	}
	nr_blocks = 0;
	quiet_size = 0;
	nr_callbacks = 0;
	writes = steps = next_section = 0;
	callbacks_running = rules_may_break = numbers_given = false;
	memset(clocks, 0, sizeof(clocks));
	memset(unlock_clocks, 0, sizeof(unlock_clocks));
	memset(queueing_clock, 0, sizeof(queueing_clock));
	for (i = 0; i < MODEL_MAX_THREADS + 2; i++) {
		char *stack = fibers[i].stack;

		memset(&fibers[i], 0, sizeof(fibers[i]));
		fibers[i].stack = stack;
	}
	for (i = 0; i < nr_clocks; i++)
		clocks[i][i] = 1;
	current = MAIN;
	fail_at = fail_allocation;
	allocations = 0;
	for (i = 0; i < nr_threads; i++)
		fiber_make(i);
}

void model_run(const struct scenario *which, long fail_allocation)
{
	static const struct scenario *last_scenario;
	int i;

	begin(which, 0);
	if (setjmp(main_jump))
		return;
	watching = true;
	if (scenario->setup)
		scenario->setup();
	if (fail_allocation)
		model_fail_allocation(fail_allocation);
	check_static_variables(which != last_scenario);
	last_scenario = which;
	for (i = 0; i < nr_blocks; i++)
		blocks[i].private = false;
	memory_hash = order_hash = 0;
	in_fibers = true;
	reschedule();
	/* Here again when all have ended, or the run was ended. */
	if (run.failed || run.cut)
		return;
	current = MAIN;
	fail_at = 0;
	if (scenario->finish)
		scenario->finish();
	if (model_live_blocks())
		fail("%ld blocks are left", model_live_blocks());
	watching = false;
}
