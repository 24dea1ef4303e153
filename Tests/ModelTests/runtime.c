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
 * The state of a run, for caching, is the memory (a sum over all words, kept up to date) and for
 * each thread its stack and registers. So that what a returned frame left behind does not make two
 * states of one, the space below the stack is wiped at the end of every event.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime.h"
#include "sync/reclaim.h"

#define MAIN MODEL_MAX_THREADS
#define RECLAIMER (MODEL_MAX_THREADS + 1)
#define NR_CLOCKS (MODEL_MAX_THREADS + 2)

#define REGION_AT ((char *)0x600000000000)
#define ARENA_SIZE (640u * 1024)
#define ARENA_PART (ARENA_SIZE / (MODEL_MAX_THREADS + 1))
#define STACK_SIZE (64u * 1024)
#define REGION_SIZE (ARENA_SIZE + MODEL_MAX_THREADS * STACK_SIZE)
#define CELLS (REGION_SIZE / 4)

#define HISTORY 4
#define MAX_LOCATIONS 16384
#define MAX_CALLBACKS 512
#define MAX_BLOCKS 512
#define MAX_STEPS 200000

enum fiber_state { READY, BLOCKED, SPINNING, ENDED };

struct fiber {
	void *sp;
	char *stack;
	enum fiber_state state;
	const void *waits_on;
	uint64_t blocked_at;
	uint64_t spun_at;		/* number of writes when it began to wait for one */
	uint64_t stack_hash;
	bool stack_changed;		/* since that was computed; for who is not running */
	int priority;
	int sections;			/* nesting of read sections */
	uint64_t section;		/* which one */
	const void *written;		/* plain store that is about to happen */
	size_t written_size;
};

/* Four bytes of the region. */
struct cell {
	uint32_t generation;
	uint8_t allocated;		/* 0 never, 1 yes, 2 freed */
	uint8_t write_thread;
	uint32_t write_clock;
	uint32_t value;			/* as counted in the memory's hash */
	uint32_t read_clock[NR_CLOCKS];
	uint32_t atomic_read_clock[NR_CLOCKS];
	uint32_t atomic_write_clock[NR_CLOCKS];
};

struct store {
	uint64_t value;
	uint32_t clock;
	uint8_t thread;
	bool releases;
	uint32_t release[NR_CLOCKS];
	uint32_t seen[NR_CLOCKS];	/* clock at which a thread first saw it; 0: not */
};

struct location {
	uint32_t generation;
	const void *at;
	uint32_t stores;		/* made so far */
	struct store history[HISTORY];
};

struct callback {
	struct reclaim_head *head;
	void (*func)(struct reclaim_head *head);
	uint64_t sections[MODEL_MAX_THREADS + 1];	/* open ones it waits for, 0: none */
	uint32_t clock[NR_CLOCKS];
};

struct block {
	char *at;
	size_t size;
	bool live;
	bool private;			/* its address has been stored nowhere yet */
};

static struct fiber fibers[MODEL_MAX_THREADS + 2];
static uint32_t clocks[NR_CLOCKS][NR_CLOCKS];
static uint32_t unlock_clocks[NR_CLOCKS][NR_CLOCKS];	/* at the end of the last read section */
static struct cell *cells;
static struct location locations[MAX_LOCATIONS];
static struct callback callbacks[MAX_CALLBACKS];
static int nr_callbacks;
static struct block blocks[MAX_BLOCKS];
static int nr_blocks;
static size_t arena_used[MODEL_MAX_THREADS + 1];
static int16_t block_at[ARENA_SIZE / 8];	/* which block, plus one */
static const char *quiet_at;
static size_t quiet_size;
static uint32_t generation;
static int current = MAIN;
static int nr_threads;
static uint32_t queueing_clock[NR_CLOCKS];	/* all objects queued so far */
static bool watching;
static uint64_t writes, steps, next_section;
static uint64_t memory_hash;
static long allocations, fail_at;
static bool callbacks_running;
static void *main_sp;
static jmp_buf main_jump;
static bool in_fibers;
static const struct scenario *scenario;

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

static bool is_thread(int id)
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

static _Noreturn void fail(const char *format, ...)
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

static const char *thread_name(int id)
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

static uint64_t mix(uint64_t x)
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
	uint64_t hash = memory_hash;
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
	for (i = 0; i < nr_callbacks; i++) {
		for (j = 0; j < nr_threads; j++)
			hash += mix((uintptr_t)callbacks[i].head + (callbacks[i].sections[j] ? 1u : 0u) +
				    (uint64_t)j * 3);
	}
	return hash;
}

/* ---- the region ---- */

static bool in_region(const void *at)
{
	return (const char *)at >= REGION_AT && (const char *)at < REGION_AT + REGION_SIZE;
}

static struct cell *cell_of(const void *at)
{
	struct cell *cell = &cells[((const char *)at - REGION_AT) / 4];

	if (cell->generation != generation) {
		memset(cell, 0, sizeof(*cell));
		cell->generation = generation;
		cell->value = *(const uint32_t *)((uintptr_t)at & ~(uintptr_t)3);
	}
	return cell;
}

static void note_value(const void *at)
{
	const uint32_t *word = (const uint32_t *)((uintptr_t)at & ~(uintptr_t)3);
	size_t offset = (size_t)((const char *)at - REGION_AT);
	struct cell *cell;

	if (offset >= ARENA_SIZE) {
		fibers[(offset - ARENA_SIZE) / STACK_SIZE].stack_changed = true;
		return;
	}
	cell = cell_of(word);
	if (cell->value != *word) {
		memory_hash -= mix((uintptr_t)word * 31 + cell->value);
		cell->value = *word;
		memory_hash += mix((uintptr_t)word * 31 + cell->value);
	}
}

static struct block *block_of(const void *at)
{
	size_t offset = (size_t)((const char *)at - REGION_AT);

	if (offset >= ARENA_SIZE || !block_at[offset / 8])
		return NULL;
	return &blocks[block_at[offset / 8] - 1];
}

/* @value is stored at @at: if it is the address of a block, others may come to know it. */
static void note_pointer(const void *at, uint64_t value)
{
	struct block *block;
	size_t offset = (size_t)((const char *)at - REGION_AT);

	if (value < (uintptr_t)REGION_AT || value >= (uintptr_t)REGION_AT + ARENA_SIZE)
		return;
	block = block_of((const void *)(uintptr_t)value);
	if (!block || !block->private || block == block_of(at))
		return;
	/* On the thread's own stack: still its own affair. */
	if (is_thread(current) && offset >= ARENA_SIZE &&
	    (offset - ARENA_SIZE) / STACK_SIZE == (size_t)current)
		return;
	block->private = false;
}

static bool is_private(const void *at)
{
	const struct block *block = in_region(at) ? block_of(at) : NULL;

	return block && block->private;
}

static bool is_quiet(const void *at)
{
	return (const char *)at >= quiet_at && (const char *)at < quiet_at + quiet_size;
}

void model_quiet(const void *at, size_t size)
{
	quiet_at = at;
	quiet_size = size;
}

/* The plain store announced before this event has happened by now. */
static void settle(void)
{
	struct fiber *fiber = &fibers[current];
	size_t i;

	if (!fiber->written)
		return;
	for (i = 0; i < fiber->written_size; i += 4)
		note_value((const char *)fiber->written + i);
	for (i = 0; i + 8 <= fiber->written_size; i += 8)
		note_pointer((const char *)fiber->written + i,
			     *(const uint64_t *)(const void *)((const char *)fiber->written + i));
	fiber->written = NULL;
}

static void check_alive(const void *at, const char *what)
{
	size_t offset = (size_t)((const char *)at - REGION_AT);

	if (offset < ARENA_SIZE) {
		const struct cell *cell = cell_of(at);

		if (cell->allocated == 1)
			return;
		fail("%s by %s of %s memory", what, thread_name(current),
		     cell->allocated ? "freed" : "unallocated");
	} else {
		int owner = (int)((offset - ARENA_SIZE) / STACK_SIZE);

		if (owner != current && is_thread(current) &&
		    (fibers[owner].state == ENDED || (const char *)at < (char *)fibers[owner].sp))
			fail("%s by %s of a frame of %s that has returned", what,
			     thread_name(current), thread_name(owner));
	}
}

static bool ordered(int thread, uint32_t clock)
{
	return clock <= clocks[current][thread];
}

static _Noreturn void race(const char *what, const char *before, int thread)
{
	fail("race: %s by %s is not ordered after %s by %s", what, thread_name(current), before,
	     thread_name(thread));
}

static void check_plain(const void *at, size_t size, bool write)
{
	size_t i;
	int t;

	for (i = 0; i < size; i += 4) {
		struct cell *cell = cell_of((const char *)at + i);

		if (!ordered(cell->write_thread, cell->write_clock))
			race(write ? "write" : "read", "a write", cell->write_thread);
		for (t = 0; t < NR_CLOCKS; t++) {
			if (!ordered(t, cell->atomic_write_clock[t]))
				race(write ? "write" : "read", "an atomic store", t);
			if (write && !ordered(t, cell->read_clock[t]))
				race("write", "a read", t);
			if (write && !ordered(t, cell->atomic_read_clock[t]))
				race("write", "an atomic load", t);
		}
		if (write) {
			cell->write_thread = (uint8_t)current;
			cell->write_clock = clocks[current][current];
		} else {
			cell->read_clock[current] = clocks[current][current];
		}
	}
}

static void plain(const void *at, size_t size, bool write)
{
	if (!watching)
		return;
	settle();
	if (!in_region(at))
		return;
	check_alive(at, write ? "write" : "read");
	check_plain(at, size, write);
	if (write) {
		fibers[current].written = at;
		fibers[current].written_size = size;
	}
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
			if (fiber->state == READY ||
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
	switch_to(ids[choose_thread(n, current_can, state_hash(), current)]);
}

void model_set_priority(int thread, int priority)
{
	fibers[thread].priority = priority;
}

/* A visible event is about to happen. */
static void visible(void)
{
	if (!is_thread(current) || callbacks_running)
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

static void block(void)
{
	reschedule();
	if (run.cut)
		end_run();
}

/* ---- atomics ---- */

static struct location *location_of(const void *at)
{
	size_t slot = mix((uintptr_t)at) % MAX_LOCATIONS;
	struct location *location;

	for (;; slot = (slot + 1) % MAX_LOCATIONS) {
		location = &locations[slot];
		if (location->generation != generation)
			break;
		if (location->at == at)
			return location;
	}
	memset(location, 0, sizeof(*location));
	location->generation = generation;
	location->at = at;
	return location;
}

static struct store *newest(struct location *location, const void *at, size_t size)
{
	if (!location->stores) {
		struct store *first = &location->history[0];

		/* What was there before anybody came. */
		memcpy(&first->value, at, size);
		first->thread = MAIN;
		location->stores = 1;
	}
	return &location->history[(location->stores - 1) % HISTORY];
}

static void saw(struct store *store)
{
	if (!store->seen[current])
		store->seen[current] = clocks[current][current];
}

static void join(const uint32_t *clock)
{
	int t;

	for (t = 0; t < NR_CLOCKS; t++) {
		if (clock[t] > clocks[current][t])
			clocks[current][t] = clock[t];
	}
}

static bool acquires(int order)
{
	return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME || order >= __ATOMIC_ACQ_REL;
}

static bool releases(int order)
{
	return order == __ATOMIC_RELEASE || order >= __ATOMIC_ACQ_REL;
}

static void check_atomic(const void *at, size_t size, bool write)
{
	size_t i;

	if (!in_region(at))
		return;
	check_alive(at, write ? "atomic store" : "atomic load");
	for (i = 0; i < size; i += 4) {
		struct cell *cell = cell_of((const char *)at + i);
		int t;

		if (!ordered(cell->write_thread, cell->write_clock))
			race(write ? "atomic store" : "atomic load", "a write", cell->write_thread);
		for (t = 0; write && t < NR_CLOCKS; t++) {
			if (!ordered(t, cell->read_clock[t]))
				race("atomic store", "a read", t);
		}
		(write ? cell->atomic_write_clock : cell->atomic_read_clock)[current] =
			clocks[current][current];
	}
}

/* May the current thread still see @location's store @nth? */
static bool may_see(struct location *location, uint32_t nth)
{
	uint32_t later;
	int t;

	for (later = nth + 1; later < location->stores; later++) {
		const struct store *store = &location->history[later % HISTORY];

		if (ordered(store->thread, store->clock))
			return false;
		for (t = 0; t < NR_CLOCKS; t++) {
			if (store->seen[t] && ordered(t, store->seen[t]))
				return false;
		}
	}
	return true;
}

static void enter_atomic(const void *at)
{
	settle();
	if (!is_private(at) && !is_quiet(at))
		visible();
	clocks[current][current]++;
}

uint64_t model_load(const volatile void *volatile_at, size_t size, int order, const void *pc)
{
	const void *at = (const void *)(uintptr_t)volatile_at;
	struct location *location;
	struct store *store;
	uint64_t value = 0;

	if (!watching) {
		memcpy(&value, at, size);
		return value;
	}
	enter_atomic(at);
	check_atomic(at, size, false);
	location = location_of(at);
	store = newest(location, at, size);
	if (order != __ATOMIC_SEQ_CST && is_thread(current) && !callbacks_running) {
		uint32_t oldest = location->stores > HISTORY ? location->stores - HISTORY : 0;
		uint32_t nth = location->stores - 1;
		int allowed = 1;

		while (nth > oldest && may_see(location, nth - 1)) {
			nth--;
			allowed++;
		}
		if (allowed > 1)
			store = &location->history[(location->stores - 1 -
						    (uint32_t)choose_stale(allowed)) % HISTORY];
	}
	saw(store);
	if (acquires(order) && store->releases)
		join(store->release);
	value = store->value;
	trace_access("load", at, size, value, order, pc);
	return value;
}

static void put_store(struct location *location, const void *at, size_t size, uint64_t value,
		      int order, const struct store *replaces)
{
	struct store *store = &location->history[location->stores % HISTORY];
	struct store made = { .value = value,
			      .thread = (uint8_t)current,
			      .clock = clocks[current][current] };
	int t;

	if (replaces && replaces->releases) {
		made.releases = true;
		memcpy(made.release, replaces->release, sizeof(made.release));
	}
	if (releases(order)) {
		made.releases = true;
		for (t = 0; t < NR_CLOCKS; t++) {
			if (clocks[current][t] > made.release[t])
				made.release[t] = clocks[current][t];
		}
	}
	made.seen[current] = clocks[current][current];
	*store = made;
	location->stores++;
	memcpy((void *)(uintptr_t)at, &value, size);
	if (!is_quiet(at))
		writes++;
	if (size == 8)
		note_pointer(at, value);
	if (in_region(at)) {
		size_t i;

		for (i = 0; i < size; i += 4)
			note_value((const char *)at + i);
	}
}

void model_store(volatile void *volatile_at, size_t size, uint64_t value, int order, const void *pc)
{
	void *at = (void *)(uintptr_t)volatile_at;
	struct location *location;

	if (!watching) {
		memcpy(at, &value, size);
		return;
	}
	enter_atomic(at);
	check_atomic(at, size, true);
	location = location_of(at);
	newest(location, at, size);
	put_store(location, at, size, value, order, NULL);
	trace_access("store", at, size, value, order, pc);
}

uint64_t model_rmw(volatile void *volatile_at, size_t size, enum model_op op, uint64_t operand,
		   int order, const void *pc)
{
	void *at = (void *)(uintptr_t)volatile_at;
	uint64_t mask = size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
	struct location *location;
	struct store before;
	uint64_t value = 0, after = 0;

	if (watching) {
		enter_atomic(at);
		check_atomic(at, size, true);
		location = location_of(at);
		before = *newest(location, at, size);
		value = before.value & mask;
	} else {
		memcpy(&value, at, size);
	}
	switch (op) {
	case MODEL_EXCHANGE:
		after = operand;
		break;
	case MODEL_ADD:
		after = value + operand;
		break;
	case MODEL_SUB:
		after = value - operand;
		break;
	case MODEL_AND:
		after = value & operand;
		break;
	case MODEL_OR:
		after = value | operand;
		break;
	case MODEL_XOR:
		after = value ^ operand;
		break;
	case MODEL_NAND:
		after = ~(value & operand);
		break;
	}
	after &= mask;
	if (!watching) {
		memcpy(at, &after, size);
		return value;
	}
	saw(newest(location, at, size));
	if (acquires(order) && before.releases)
		join(before.release);
	put_store(location, at, size, after, order, &before);
	trace_access("rmw", at, size, after, order, pc);
	return value;
}

bool model_compare_exchange(volatile void *volatile_at, size_t size, uint64_t *expected,
			    uint64_t desired, int order, int failure_order, const void *pc)
{
	void *at = (void *)(uintptr_t)volatile_at;
	uint64_t mask = size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
	struct location *location;
	struct store before;
	bool same;

	if (!watching) {
		uint64_t value = 0;

		memcpy(&value, at, size);
		same = value == (*expected & mask);
		if (same)
			memcpy(at, &desired, size);
		*expected = value;
		return same;
	}
	enter_atomic(at);
	location = location_of(at);
	before = *newest(location, at, size);
	same = (before.value & mask) == (*expected & mask);
	check_atomic(at, size, same);
	saw(newest(location, at, size));
	if (acquires(same ? order : failure_order) && before.releases)
		join(before.release);
	if (same)
		put_store(location, at, size, desired & mask, order, &before);
	*expected = before.value & mask;
	trace_access(same ? "exchange" : "no exchange", at, size, same ? desired : before.value, order,
		     pc);
	return same;
}

/* ---- plain accesses ---- */

void model_plain(const void *at, size_t size, bool write)
{
	plain(at, size, write);
}

/* ---- what sync.h promises ---- */

static void run_callbacks(void);

void dc_read_lock(void)
{
	struct fiber *fiber = &fibers[current];

	if (!watching)
		return;
	settle();
	if (!fiber->sections)
		visible();
	if (!fiber->sections++) {
		fiber->section = ++next_section;
		join(queueing_clock);
	}
}

void dc_read_unlock(void)
{
	struct fiber *fiber = &fibers[current];
	int i, t;

	if (!watching)
		return;
	settle();
	if (fiber->sections == 1)
		visible();
	if (!fiber->sections)
		fail("%s ends a read section that it did not begin", thread_name(current));
	if (--fiber->sections)
		return;
	/* Whoever waits for a grace period has something to look at. */
	writes += nr_callbacks != 0;
	clocks[current][current]++;
	memcpy(unlock_clocks[current], clocks[current], sizeof(unlock_clocks[current]));
	for (i = 0; i < nr_callbacks; i++) {
		if (is_thread(current) && callbacks[i].sections[current] == fiber->section) {
			callbacks[i].sections[current] = 0;
			for (t = 0; t < NR_CLOCKS; t++) {
				if (clocks[current][t] > callbacks[i].clock[t])
					callbacks[i].clock[t] = clocks[current][t];
			}
		}
	}
	run_callbacks();
}

bool dc_read_ongoing(void)
{
	return fibers[current].sections;
}

void dc_synchronize_rcu(void)
{
}

static void run_callbacks(void)
{
	int was = current, i, j;

	if (callbacks_running)
		return;
	callbacks_running = true;
	for (i = 0; i < nr_callbacks;) {
		struct callback callback = callbacks[i];
		bool open = false;

		for (j = 0; j < nr_threads; j++)
			open |= callback.sections[j] != 0;
		if (open) {
			i++;
			continue;
		}
		memmove(&callbacks[i], &callbacks[i + 1],
			(size_t)(--nr_callbacks - i) * sizeof(callbacks[0]));
		current = RECLAIMER;
		join(callback.clock);
		clocks[RECLAIMER][RECLAIMER]++;
		callback.func(callback.head);
		settle();
		current = was;
		i = 0;
	}
	callbacks_running = false;
}

void dc_call_rcu(struct reclaim *reclaim, struct reclaim_head *head,
		 void (*func)(struct reclaim_head *))
{
	struct callback *callback = &callbacks[nr_callbacks];
	int i;

	(void)reclaim;
	settle();
	if (nr_callbacks == MAX_CALLBACKS)
		fail("too many pending callbacks");
	clocks[current][current]++;
	callback->head = head;
	callback->func = func;
	memcpy(callback->clock, clocks[current], sizeof(callback->clock));
	for (i = 0; i < NR_CLOCKS; i++) {
		if (clocks[current][i] > queueing_clock[i])
			queueing_clock[i] = clocks[current][i];
	}
	for (i = 0; i < NR_CLOCKS; i++) {
		int t;

		for (t = 0; t < NR_CLOCKS; t++) {
			if (unlock_clocks[i][t] > callback->clock[t])
				callback->clock[t] = unlock_clocks[i][t];
		}
	}
	for (i = 0; i < MODEL_MAX_THREADS; i++)
		callback->sections[i] = i < nr_threads && fibers[i].sections ? fibers[i].section : 0;
	nr_callbacks++;
	run_callbacks();
}

static void must_not_sleep_in_a_section(const char *what)
{
	if (fibers[current].sections)
		fail("%s in %s inside a read section", what, thread_name(current));
}

int dc_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	uint32_t now;

	(void)deadline_ns;
	settle();
	must_not_sleep_in_a_section("a futex wait");
	visible();
	check_alive(word, "futex wait");
	memcpy(&now, (const void *)word, sizeof(now));
	trace_event("futex wait on %p for %u, is %u", (void *)word, value, now);
	if (now != value)
		return 0;
	if (!is_thread(current))
		fail("%s would sleep for ever", thread_name(current));
	fibers[current].state = BLOCKED;
	fibers[current].waits_on = (const void *)word;
	fibers[current].blocked_at = steps;
	block();
	return 0;
}

/* Oldest first. */
static void wake(const void *word, int count)
{
	while (count-- > 0) {
		struct fiber *first = NULL;
		int i;

		for (i = 0; i < nr_threads; i++) {
			if (fibers[i].state == BLOCKED && fibers[i].waits_on == word &&
			    (!first || fibers[i].blocked_at < first->blocked_at))
				first = &fibers[i];
		}
		if (!first)
			return;
		first->state = READY;
		trace_event("wakes %s", thread_name((int)(first - fibers)));
	}
}

void dc_futex_wake(_Atomic uint32_t *word, int count)
{
	settle();
	visible();
	wake((const void *)word, count);
}

void dc_futex_wait_low(_Atomic uint64_t *word, uint32_t low)
{
	uint64_t now;

	settle();
	must_not_sleep_in_a_section("a futex wait");
	visible();
	memcpy(&now, (const void *)word, sizeof(now));
	trace_event("futex wait on %p for %u, is %u", (void *)word, low, (uint32_t)now);
	if ((uint32_t)now != low)
		return;
	if (!is_thread(current))
		fail("%s would sleep for ever", thread_name(current));
	fibers[current].state = BLOCKED;
	fibers[current].waits_on = (const void *)word;
	fibers[current].blocked_at = steps;
	block();
}

void dc_futex_wake_low(_Atomic uint64_t *word, int count)
{
	dc_futex_wake((_Atomic uint32_t *)(void *)word, count);
}

void dc_spin_hint(void)
{
	if (!watching || !is_thread(current))
		return;
	settle();
	steps++;
	fibers[current].state = SPINNING;
	fibers[current].spun_at = writes;
	/* Whoever waits for others gives way to them, whatever its priority. */
	fibers[current].priority -= 2000;
	block();
	fibers[current].state = READY;
}

void dc_yield(unsigned int attempt)
{
	(void)attempt;
	must_not_sleep_in_a_section("a yield");
	dc_spin_hint();
}

void *dc_alloc(size_t size, size_t align)
{
	int part = is_thread(current) ? current : MAIN;
	size_t at = (arena_used[part] + align - 1) & ~(align - 1);
	size_t i;

	settle();
	if (fail_at && ++allocations == fail_at) {
		run.allocation_failed = true;
		return NULL;
	}
	/* Eight bytes of nothing between blocks. */
	if (at + size + 8 > ARENA_PART || nr_blocks == MAX_BLOCKS)
		fail("the model's arena is full");
	arena_used[part] = (at + size + 8 + 7) & ~(size_t)7;
	at += (size_t)part * ARENA_PART;
	blocks[nr_blocks++] = (struct block){ REGION_AT + at, size, true, true };
	for (i = 0; i < size; i += 8)
		block_at[(at + i) / 8] = (int16_t)nr_blocks;
	for (i = 0; i < size; i += 4) {
		struct cell *cell = cell_of(REGION_AT + at + i);

		memory_hash += mix((uintptr_t)REGION_AT * 31 + (at + i) * 31 + cell->value);
		cell->allocated = 1;
		cell->write_thread = (uint8_t)current;
		cell->write_clock = clocks[current][current];
	}
	return REGION_AT + at;
}

void dc_free(void *p)
{
	size_t i;
	int b;

	if (!p)
		return;
	settle();
	for (b = 0; b < nr_blocks && blocks[b].at != p; b++)
		;
	if (b == nr_blocks || !blocks[b].live)
		fail("%s frees what is not allocated", thread_name(current));
	check_plain(p, blocks[b].size, true);
	for (i = 0; i < blocks[b].size; i += 4) {
		struct cell *cell = cell_of((char *)p + i);

		/* What it held is of no account any more. */
		memory_hash -= mix((uintptr_t)p * 31 + i * 31 + cell->value);
		cell->allocated = 2;
	}
	memory_hash += mix((uintptr_t)p + 1);
	blocks[b].live = false;
	trace_event("frees %p, %zu bytes", p, blocks[b].size);
}

uint32_t dc_thread_id(void)
{
	return (uint32_t)current + 1;
}

uint64_t dc_now_ns(void)
{
	return 0;
}

int dc_random(void *buf, size_t len)
{
	memset(buf, 0x5a, len);
	return 0;
}

void dc_broken_rule(const char *rule, const char *file, int line)
{
	fail("broken rule: %s (%s:%d)", rule, file, line);
}

void dc_point_reached(enum dc_point point, const void *object)
{
	(void)point;
	(void)object;
}

bool dc_allocation_should_fail(void)
{
	return false;
}

void dc_count_allocation(long by)
{
	(void)by;
}

void model_fail_allocation(long nth)
{
	fail_at = nth;
	allocations = 0;
}

long model_live_blocks(void)
{
	long live = 0;
	int b;

	for (b = 0; b < nr_blocks; b++)
		live += blocks[b].live;
	return live;
}

void model_note(const char *text)
{
	trace_event("%s", text);
}

/* ---- deferred freeing, as reclaim.h has it ---- */

int reclaim_start(struct reclaim *reclaim, bool (*idle)(struct reclaim *))
{
	(void)reclaim;
	(void)idle;
	return 0;
}

void reclaim_barrier(struct reclaim *reclaim)
{
	(void)reclaim;
	run_callbacks();
	while (nr_callbacks && is_thread(current)) {
		must_not_sleep_in_a_section("a barrier");
		dc_spin_hint();
	}
	join(clocks[RECLAIMER]);
}

void reclaim_stop(struct reclaim *reclaim)
{
	reclaim_barrier(reclaim);
	if (nr_callbacks)
		fail("the instance ends while a read section is open");
}

void reclaim_hurry(struct reclaim *reclaim)
{
	(void)reclaim;
}

bool reclaim_in_hurry(const struct reclaim *reclaim)
{
	(void)reclaim;
	return false;
}

bool reclaim_is_self(const struct reclaim *reclaim)
{
	(void)reclaim;
	return false;
}

uint64_t reclaim_pending(const struct reclaim *reclaim)
{
	(void)reclaim;
	return (uint64_t)nr_callbacks;
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
	for (i = 0; i < MODEL_MAX_THREADS; i++)
		fibers[i].stack = REGION_AT + ARENA_SIZE + (size_t)i * STACK_SIZE;
}

static void begin(const struct scenario *which, long fail_allocation)
{
	int i;

	region_make();
	scenario = which;
	nr_threads = which->threads;
	generation++;
	for (i = 0; i <= MODEL_MAX_THREADS; i++) {
		memset(REGION_AT + (size_t)i * ARENA_PART, 0, arena_used[i]);
		memset(block_at + (size_t)i * ARENA_PART / 8, 0, arena_used[i] / 8 * sizeof(*block_at));
		arena_used[i] = 0;
	}
	nr_blocks = 0;
	quiet_size = 0;
	nr_callbacks = 0;
	writes = steps = next_section = memory_hash = 0;
	callbacks_running = false;
	memset(clocks, 0, sizeof(clocks));
	memset(unlock_clocks, 0, sizeof(unlock_clocks));
	memset(queueing_clock, 0, sizeof(queueing_clock));
	for (i = 0; i < MODEL_MAX_THREADS + 2; i++) {
		char *stack = fibers[i].stack;

		memset(&fibers[i], 0, sizeof(fibers[i]));
		fibers[i].stack = stack;
		clocks[i][i] = 1;
	}
	current = MAIN;
	fail_at = fail_allocation;
	allocations = 0;
	for (i = 0; i < nr_threads; i++)
		fiber_make(i);
}

void model_run(const struct scenario *which, long fail_allocation)
{
	int i;

	begin(which, 0);
	if (setjmp(main_jump))
		return;
	watching = true;
	if (scenario->setup)
		scenario->setup();
	settle();
	if (fail_allocation)
		model_fail_allocation(fail_allocation);
	clocks[MAIN][MAIN]++;
	for (i = 0; i < nr_threads; i++) {
		memcpy(clocks[i], clocks[MAIN], sizeof(clocks[i]));
		clocks[i][i] = clocks[MAIN][i] + 1;
	}
	clocks[MAIN][MAIN]++;
	in_fibers = true;
	reschedule();
	/* Here again when all have ended, or the run was ended. */
	if (run.failed || run.cut)
		return;
	current = MAIN;
	for (i = 0; i < NR_CLOCKS; i++)
		join(clocks[i]);
	clocks[MAIN][MAIN]++;
	fail_at = 0;
	if (scenario->finish)
		scenario->finish();
	settle();
	if (model_live_blocks())
		fail("%ld blocks are left", model_live_blocks());
	watching = false;
}
