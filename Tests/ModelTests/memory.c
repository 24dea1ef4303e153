/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each access to memory means: the watched region, plain accesses, atomics. See runtime.c. */
#include <string.h>

#include "machine.h"

/* ---- the region ---- */

bool in_region(const void *at)
{
	return (const char *)at >= REGION_AT && (const char *)at < REGION_AT + REGION_SIZE;
}

struct cell *cell_of(const void *at)
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
void settle(void)
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

void check_alive(const void *at, const char *what)
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

void check_plain(const void *at, size_t size, bool write)
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

void join(const uint32_t *clock)
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
