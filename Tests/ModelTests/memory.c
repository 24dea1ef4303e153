/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What each access to memory means: plain accesses, atomics. See runtime.c.
 *
 * Watched are the region, which holds the arena that the core allocates from and the threads' stacks,
 * and the program's static variables, which are the scenarios' and the core's: those of this runtime
 * are not accessed by instrumented code.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"

/* ---- what is watched ---- */

/* From the linker. */
extern char __data_start[], _end[];

static struct cell *static_cells;

void watch_static_variables(void)
{
	static_cells = calloc((size_t)(_end - __data_start) / 4 + 1, sizeof(*static_cells));
	if (!static_cells)
		abort();
}

static bool in_region(const void *at)
{
	return (const char *)at >= REGION_AT && (const char *)at < REGION_AT + REGION_SIZE;
}

static bool on_stack(const void *at)
{
	return in_region(at) && (const char *)at >= REGION_AT + ARENA_SIZE;
}

bool is_watched(const void *at)
{
	return in_region(at) || ((const char *)at >= __data_start && (const char *)at < _end);
}

struct cell *cell_of(const void *at)
{
	struct cell *cell = in_region(at) ? &cells[((const char *)at - REGION_AT) / 4]
					  : &static_cells[((const char *)at - __data_start) / 4];

	if (cell->generation != generation) {
		memset(cell, 0, sizeof(*cell));
		cell->generation = generation;
		cell->value = *(const uint32_t *)((uintptr_t)at & ~(uintptr_t)3);
	}
	return cell;
}

/*
 * Static words that the scenario's threads have written, and what they were after setup. A run must
 * begin like any other, or the states of two runs are not comparable, and no schedule can be replayed.
 */
static struct {
	const uint32_t *word;
	uint32_t value;
	bool known;
} written[1024];
static int nr_written;

static void note_static(const uint32_t *word)
{
	int i;

	for (i = 0; i < nr_written && written[i].word != word; i++)
		;
	if (i < nr_written || nr_written == sizeof(written) / sizeof(written[0]))
		return;
	written[nr_written].word = word;
	written[nr_written++].known = false;
}

void check_static_variables(bool first_run)
{
	int i;

	if (first_run)
		nr_written = 0;
	for (i = 0; i < nr_written; i++) {
		if (!written[i].known)
			written[i].value = *written[i].word;
		written[i].known = true;
		if (written[i].value != *written[i].word)
			fail("a static variable that setup does not set: %s", place_name(written[i].word));
	}
}

static void note_value(const void *at)
{
	const uint32_t *word = (const uint32_t *)((uintptr_t)at & ~(uintptr_t)3);
	struct cell *cell;

	if (on_stack(at)) {
		fibers[((const char *)at - REGION_AT - ARENA_SIZE) / STACK_SIZE].stack_changed = true;
		return;
	}
	cell = cell_of(word);
	if (cell->value != *word) {
		if (!in_region(at))
			note_static(word);
		memory_hash -= mix((uintptr_t)word * 31 + cell->value);
		cell->value = *word;
		memory_hash += mix((uintptr_t)word * 31 + cell->value);
	}
}

void forget_values(const void *at, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += 4) {
		struct cell *cell = cell_of((const char *)at + i);

		memory_hash -= mix((uintptr_t)at * 31 + i * 31 + cell->value);
		memory_hash += mix((uintptr_t)at * 31 + i * 31);
	}
}

struct block *block_of(const void *at)
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
	const struct block *block = block_of(at);

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
void settle(void)
{
	struct fiber *fiber = &fibers[current];
	size_t i;

	if (!fiber->written)
		return;
	trace_write(fiber->written, fiber->written_size, fiber->written_pc);
	for (i = 0; i < fiber->written_size; i += 4)
		note_value((const char *)fiber->written + i);
	for (i = 0; i + 8 <= fiber->written_size; i += 8)
		note_pointer((const char *)fiber->written + i,
			     *(const uint64_t *)(const void *)((const char *)fiber->written + i));
	fiber->written = NULL;
}

void check_alive(const void *at, size_t size, const char *what)
{
	size_t offset = (size_t)((const char *)at - REGION_AT);

	if (offset < ARENA_SIZE) {
		const struct block *block = block_of(at);

		if (!block || (const char *)at + size > block->at + block->size)
			fail("%s by %s of memory that is not allocated", what, thread_name(current));
		if (!block->live)
			fail("%s by %s of freed memory: %s", what, thread_name(current),
			     place_name(at));
	} else if (on_stack(at)) {
		int owner = (int)((offset - ARENA_SIZE) / STACK_SIZE);

		if (owner != current && is_thread(current) &&
		    (fibers[owner].state == ENDED || (const char *)at < (char *)fibers[owner].sp))
			fail("%s by %s of a frame of %s that has returned", what,
			     thread_name(current), thread_name(owner));
	}
}

static bool ordered(int thread, uint32_t clock)
{
	return clock <= clocks[me()][thread];
}

static _Noreturn void race(const void *at, const char *what, const char *before, int by)
{
	fail("race: %s by %s is not ordered after %s by %s: %s", what, thread_name(current), before,
	     thread_name(by < nr_threads ? by : RECLAIMER), place_name(at));
}

void check_plain(const void *at, size_t size, bool write)
{
	const char *what = write ? "write" : "read";
	size_t i;
	int t;

	for (i = 0; i < size; i += 4) {
		const char *word = (const char *)at + i;
		struct cell *cell = cell_of(word);

		if (!ordered(cell->write_by, cell->write_clock))
			race(word, what, "a write", cell->write_by);
		for (t = 0; t < nr_clocks; t++) {
			if (!ordered(t, cell->atomic_write_clock[t]))
				race(word, what, "an atomic store", t);
			if (write && !ordered(t, cell->read_clock[t]))
				race(word, what, "a read", t);
			if (write && !ordered(t, cell->atomic_read_clock[t]))
				race(word, what, "an atomic load", t);
		}
		if (write) {
			cell->write_by = (uint8_t)me();
			cell->write_clock = clocks[me()][me()];
		} else {
			cell->read_clock[me()] = clocks[me()][me()];
		}
	}
}

void model_plain(const void *at, size_t size, bool write, const void *pc)
{
	if (!watching)
		return;
	if (in_fibers)
		settle();
	if (!is_watched(at))
		return;
	check_alive(at, size, write ? "write" : "read");
	if (!in_fibers)
		return;
	check_plain(at, size, write);
	if (write) {
		fibers[current].written = at;
		fibers[current].written_size = size;
		fibers[current].written_pc = pc;
	}
}

/* ---- atomics ---- */

/* Atomics that share a word with others, or are not watched: by address. */
static struct {
	const void *at;
	uint32_t generation;
	uint16_t location;
} outside[1024];

static uint16_t *outside_link(const void *at)
{
	size_t size = sizeof(outside) / sizeof(outside[0]);
	size_t slot = mix((uintptr_t)at) % size;

	while (outside[slot].generation == generation && outside[slot].at != at)
		slot = (slot + 1) % size;
	if (outside[slot].generation != generation) {
		outside[slot].generation = generation;
		outside[slot].at = at;
		outside[slot].location = 0;
	}
	return &outside[slot].location;
}

/* The atomic of @size bytes at @at. Before the first event at it comes what is in memory. */
static struct location *location_of(const void *at, size_t size)
{
	bool aligned = is_watched(at) && !((uintptr_t)at & 3);
	uint16_t *link = aligned ? &cell_of(at)->location : outside_link(at);
	struct location *location;

	if (*link)
		return &locations[*link - 1];
	if (nr_locations == MAX_LOCATIONS)
		fail("too many atomics");
	location = &locations[nr_locations++];
	*link = (uint16_t)nr_locations;
	memset(&location->history[0], 0, sizeof(location->history[0]));
	memcpy(&location->history[0].value, at, size);
	location->at = at;
	location->stores = 1;
	location->order = 0;
	return location;
}

static struct store *newest(struct location *location)
{
	return &location->history[(location->stores - 1) % HISTORY];
}

static void saw(struct store *store)
{
	if (!store->seen[me()])
		store->seen[me()] = clocks[me()][me()];
}

void join(const uint32_t *clock)
{
	uint32_t *mine = clocks[me()];
	int t;

	for (t = 0; t < nr_clocks; t++) {
		if (clock[t] > mine[t])
			mine[t] = clock[t];
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
	const char *what = write ? "atomic store" : "atomic load";
	size_t i;

	if (!is_watched(at))
		return;
	check_alive(at, size, what);
	for (i = 0; i < size; i += 4) {
		const char *word = (const char *)at + i;
		struct cell *cell = cell_of(word);
		int t;

		if (!ordered(cell->write_by, cell->write_clock))
			race(word, what, "a write", cell->write_by);
		for (t = 0; write && t < nr_clocks; t++) {
			if (!ordered(t, cell->read_clock[t]))
				race(word, what, "a read", t);
		}
		(write ? cell->atomic_write_clock : cell->atomic_read_clock)[me()] =
			clocks[me()][me()];
	}
}

/* May the current thread still see @location's store @nth? */
static bool may_see(struct location *location, uint32_t nth)
{
	uint32_t later;
	int t;

	for (later = nth + 1; later < location->stores; later++) {
		const struct store *store = &location->history[later % HISTORY];

		if (ordered(store->by, store->clock))
			return false;
		for (t = 0; t < nr_clocks; t++) {
			if (store->seen[t] && ordered(t, store->seen[t]))
				return false;
		}
	}
	return true;
}

/* Of the stores that a load may return, the one that it does. */
static struct store *visible_store(struct location *location)
{
	uint32_t oldest = location->stores > HISTORY ? location->stores - HISTORY : 0;
	uint32_t newest_nth = location->stores - 1, nth = newest_nth;

	while (nth > oldest && may_see(location, nth - 1))
		nth--;
	if (nth < newest_nth)
		newest_nth -= (uint32_t)choose_stale((int)(newest_nth - nth) + 1);
	return &location->history[newest_nth % HISTORY];
}

/*
 * The atomic at @at is about to be accessed. NULL: nobody else is there (setup, finish): it is
 * memory.
 */
static struct location *enter_atomic(const void *at, size_t size)
{
	if (!in_fibers) {
		if (watching && is_watched(at))
			check_alive(at, size, "atomic access");
		return NULL;
	}
	settle();
	if (!is_private(at) && !is_quiet(at))
		visible();
	clocks[me()][me()]++;
	return location_of(at, size);
}

uint64_t model_load(const volatile void *volatile_at, size_t size, int order, const void *pc)
{
	const void *at = (const void *)(uintptr_t)volatile_at;
	struct location *location = enter_atomic(at, size);
	struct store *store;
	uint64_t value = 0;

	if (!location) {
		memcpy(&value, at, size);
		return value;
	}
	check_atomic(at, size, false);
	if (order == __ATOMIC_SEQ_CST || callbacks_running)
		store = newest(location);
	else
		store = visible_store(location);
	saw(store);
	if (acquires(order) && store->releases)
		join(store->release);
	trace_load(at, size, store->value, store != newest(location), order, pc);
	return store->value;
}

static void put_store(struct location *location, size_t size, uint64_t value, int order,
		      const struct store *replaces)
{
	struct store *store = &location->history[location->stores % HISTORY];
	const uint32_t *mine = clocks[me()];
	void *at = (void *)(uintptr_t)location->at;
	struct store made = { .value = value, .by = (uint8_t)me(), .clock = mine[me()] };
	size_t i;
	int t;

	if (replaces && replaces->releases) {
		made.releases = true;
		memcpy(made.release, replaces->release, sizeof(made.release));
	}
	if (releases(order)) {
		made.releases = true;
		for (t = 0; t < nr_clocks; t++) {
			if (mine[t] > made.release[t])
				made.release[t] = mine[t];
		}
	}
	made.seen[me()] = mine[me()];
	order_hash -= location->order;
	location->order = (uintptr_t)at;
	for (t = 0; made.releases && t < nr_clocks; t++)
		location->order = mix(location->order + made.release[t]);
	order_hash += location->order;
	*store = made;
	location->stores++;
	memcpy(at, &value, size);
	if (!is_quiet(at))
		writes++;
	if (size == 8)
		note_pointer(at, value);
	if (is_watched(at)) {
		for (i = 0; i < size; i += 4)
			note_value((const char *)at + i);
	}
	/* What comes after a release is not told by it. */
	if (releases(order))
		clocks[me()][me()]++;
}

void model_store(volatile void *volatile_at, size_t size, uint64_t value, int order, const void *pc)
{
	void *at = (void *)(uintptr_t)volatile_at;
	struct location *location = enter_atomic(at, size);

	if (!location) {
		memcpy(at, &value, size);
		return;
	}
	check_atomic(at, size, true);
	trace_store("store", at, size, newest(location)->value, value, order, pc);
	put_store(location, size, value, order, NULL);
}

static uint64_t result_of(enum model_op op, uint64_t value, uint64_t operand)
{
	switch (op) {
	case MODEL_EXCHANGE:
		return operand;
	case MODEL_ADD:
		return value + operand;
	case MODEL_SUB:
		return value - operand;
	case MODEL_AND:
		return value & operand;
	case MODEL_OR:
		return value | operand;
	case MODEL_XOR:
		return value ^ operand;
	case MODEL_NAND:
		return ~(value & operand);
	}
	abort();
}

uint64_t model_rmw(volatile void *volatile_at, size_t size, enum model_op op, uint64_t operand,
		   int order, const void *pc)
{
	void *at = (void *)(uintptr_t)volatile_at;
	uint64_t mask = size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
	struct location *location = enter_atomic(at, size);
	struct store before;
	uint64_t after, value = 0;

	if (!location) {
		memcpy(&value, at, size);
		after = result_of(op, value, operand);
		memcpy(at, &after, size);
		return value;
	}
	check_atomic(at, size, true);
	saw(newest(location));
	before = *newest(location);
	after = result_of(op, before.value, operand) & mask;
	if (acquires(order) && before.releases)
		join(before.release);
	trace_store("rmw", at, size, before.value, after, order, pc);
	put_store(location, size, after, order, &before);
	return before.value;
}

bool model_compare_exchange(volatile void *volatile_at, size_t size, uint64_t *expected,
			    uint64_t desired, int order, int failure_order, const void *pc)
{
	void *at = (void *)(uintptr_t)volatile_at;
	uint64_t mask = size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
	struct location *location = enter_atomic(at, size);
	struct store before;
	uint64_t value = 0;
	bool same;

	if (!location) {
		memcpy(&value, at, size);
		same = value == (*expected & mask);
		if (same)
			memcpy(at, &desired, size);
		*expected = value;
		return same;
	}
	same = newest(location)->value == (*expected & mask);
	check_atomic(at, size, same);
	saw(newest(location));
	before = *newest(location);
	if (acquires(same ? order : failure_order) && before.releases)
		join(before.release);
	if (same) {
		trace_store("exchange", at, size, before.value, desired & mask, order, pc);
		put_store(location, size, desired & mask, order, &before);
	} else {
		trace_load(at, size, before.value, false, failure_order, pc);
	}
	*expected = before.value;
	return same;
}
