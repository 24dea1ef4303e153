/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What sync.h and reclaim.h promise: read sections, futexes, allocation, deferred freeing. See
 * runtime.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "sync/number.h"

/* ---- what sync.h promises ---- */

static void run_callbacks(bool all);

static void merge(uint32_t *clock, const uint32_t *other)
{
	int t;

	for (t = 0; t < nr_clocks; t++) {
		if (other[t] > clock[t])
			clock[t] = other[t];
	}
}

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
		if (in_fibers)
			join(queueing_clock);
	}
}

void dc_read_unlock(void)
{
	struct fiber *fiber = &fibers[current];
	int i;

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
	if (in_fibers && is_thread(current)) {
		clocks[current][current]++;
		memcpy(unlock_clocks[current], clocks[current], sizeof(unlock_clocks[current]));
		for (i = 0; i < nr_callbacks; i++) {
			if (callbacks[i].sections[current] != fiber->section)
				continue;
			callbacks[i].sections[current] = 0;
			merge(callbacks[i].clock, clocks[current]);
		}
	}
	run_callbacks(false);
}

bool dc_read_ongoing(void)
{
	return fibers[current].sections;
}

void dc_synchronize_rcu(void)
{
	uint64_t open[MODEL_MAX_THREADS];
	int i;

	for (i = 0; i < nr_threads; i++)
		open[i] = fibers[i].sections ? fibers[i].section : 0;
	for (i = 0; i < nr_threads; i++) {
		while (open[i] && fibers[i].sections && fibers[i].section == open[i])
			dc_spin_hint();
	}
	for (i = 0; in_fibers && i < nr_clocks; i++)
		join(unlock_clocks[i]);
}

/* Those whose grace period has ended; @all: none is left for later. */
static void run_callbacks(bool all)
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
		if (open || (in_fibers && !all && choose_late())) {
			i++;
			continue;
		}
		memmove(&callbacks[i], &callbacks[i + 1],
			(size_t)(--nr_callbacks - i) * sizeof(callbacks[0]));
		current = RECLAIMER;
		if (in_fibers) {
			join(callback.clock);
			clocks[me()][me()]++;
		}
		trace_event("grace period ends");
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

	settle();
	check_alive(reclaim, sizeof(*reclaim), "a deferred free");
	if (nr_callbacks == MAX_CALLBACKS)
		fail("too many pending callbacks");
	callback->head = head;
	callback->func = func;
	if (in_fibers) {
		clocks[me()][me()]++;
		memcpy(callback->clock, clocks[me()], sizeof(callback->clock));
		merge(queueing_clock, clocks[me()]);
		for (i = 0; i < nr_clocks; i++)
			merge(callback->clock, unlock_clocks[i]);
	}
	for (i = 0; i < MODEL_MAX_THREADS; i++)
		callback->sections[i] = i < nr_threads && fibers[i].sections ? fibers[i].section : 0;
	nr_callbacks++;
	run_callbacks(false);
}

static void must_not_sleep_in_a_section(const char *what)
{
	if (fibers[current].sections)
		fail("%s in %s inside a read section", what, thread_name(current));
}

/* @timed: there is a deadline. True: it came. */
static bool futex_wait(const void *word, uint32_t value, bool timed)
{
	struct fiber *fiber = &fibers[current];
	uint32_t now;

	settle();
	must_not_sleep_in_a_section("a futex wait");
	visible();
	check_alive(word, sizeof(now), "futex wait");
	memcpy(&now, word, sizeof(now));
	trace_event("futex wait on %s for %u, is %u", place_name(word), value, now);
	if (now != value || choose_spurious())
		return false;
	if (!is_thread(current))
		fail("%s would sleep for ever", thread_name(current));
	fiber->state = BLOCKED;
	fiber->waits_on = word;
	fiber->timed = timed;
	fiber->blocked_at = steps;
	block();
	fiber->timed = false;
	timed = fiber->waits_on;
	fiber->waits_on = NULL;
	if (timed)
		trace_event("its time is over");
	return timed;
}

int dc_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	return futex_wait((const void *)word, value, deadline_ns != DC_NO_DEADLINE) ? -ETIMEDOUT : 0;
}

void dc_futex_wait_low(_Atomic uint64_t *word, uint32_t low)
{
	/* The low half is the first. */
	futex_wait((const void *)word, low, false);
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
		first->waits_on = NULL;
		trace_event("wakes %s", thread_name((int)(first - fibers)));
	}
}

void dc_futex_wake(_Atomic uint32_t *word, int count)
{
	settle();
	visible();
	wake((const void *)word, count);
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
	memory_hash += mix((uintptr_t)REGION_AT + at);
	/* Whoever finds it must do so by way of who allocated it. */
	for (i = 0; in_fibers && i < size; i += 4) {
		struct cell *cell = cell_of(REGION_AT + at + i);

		cell->write_by = (uint8_t)me();
		cell->write_clock = clocks[me()][me()];
	}
	trace_event("allocates %s", place_name(REGION_AT + at));
	return REGION_AT + at;
}

void dc_free(void *p)
{
	int b;

	if (!p)
		return;
	settle();
	for (b = 0; b < nr_blocks && blocks[b].at != p; b++)
		;
	if (b == nr_blocks || !blocks[b].live)
		fail("%s frees what is not allocated", thread_name(current));
	trace_event("frees %s", place_name(p));
	if (in_fibers) {
		check_plain(p, blocks[b].size, true);
		forget_values(p, blocks[b].size);
	}
	memory_hash -= mix((uintptr_t)p);
	blocks[b].live = false;
}

/* No memory is used twice in a run, and all is zero at its beginning. */
void *dc_alloc_zeroed(size_t size)
{
	return dc_alloc(size, 64);
}

void dc_free_zeroed(void *p, size_t size)
{
	(void)size;
	dc_free(p);
}

uint32_t dc_thread_id(void)
{
	return (uint32_t)current + 1;
}

uint32_t dc_thread_number(void)
{
	return numbers_given ? (uint32_t)current : DC_THREAD_NUMBERS;
}

void model_numbers(void)
{
	numbers_given = true;
}

void **dc_thread_slot(void)
{
	return &fibers[current].slot;
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
	if (!rules_may_break)
		fail("broken rule: %s (%s:%d)", rule, file, line);
	trace_event("breaks the rule: %s", rule);
}

void model_rules_may_break(void)
{
	rules_may_break = true;
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

/* Of the instance that was made last; a scenario may play its thread. */
static struct reclaim *instance;
static bool (*instance_idle)(struct reclaim *reclaim);
static bool in_hurry;
static bool work_asked;

int reclaim_start(struct reclaim *reclaim, bool (*idle)(struct reclaim *))
{
	instance = reclaim;
	instance_idle = idle;
	in_hurry = false;
	work_asked = false;
	return 0;
}

void reclaim_work(struct reclaim *reclaim)
{
	settle();
	visible();
	check_alive(reclaim, sizeof(*reclaim), "asking for work");
	work_asked |= reclaim == instance;
	writes++;
}

void model_instance_work(void)
{
	while (work_asked) {
		work_asked = false;
		work_asked |= instance->work(instance);
	}
}

void model_instance_thread(void)
{
	/* What comes late comes at last: this is who frees. */
	for (;;) {
		model_instance_work();
		run_callbacks(true);
		if (instance_idle(instance))
			return;
		dc_spin_hint();
	}
}

/* Instead of the C library's, by the compiler's options: nobody waits for the thread. */
int pthread_detach(pthread_t thread)
{
	(void)thread;
	return 0;
}

void reclaim_barrier(struct reclaim *reclaim)
{
	(void)reclaim;
	run_callbacks(true);
	while (nr_callbacks && is_thread(current)) {
		must_not_sleep_in_a_section("a barrier");
		dc_spin_hint();
		run_callbacks(true);
	}
	if (in_fibers)
		join(clocks[nr_threads]);
}

void reclaim_stop(struct reclaim *reclaim)
{
	reclaim_barrier(reclaim);
	if (nr_callbacks)
		fail("the instance ends while a read section is open");
}

void reclaim_hurry(struct reclaim *reclaim)
{
	in_hurry |= reclaim == instance;
	writes++;
}

bool reclaim_in_hurry(const struct reclaim *reclaim)
{
	return reclaim == instance && in_hurry;
}

bool reclaim_is_self(const struct reclaim *reclaim)
{
	(void)reclaim;
	return false;
}

uint64_t reclaim_pending(const struct reclaim *reclaim)
{
	(void)reclaim;
	/* What is no longer pending was counted by who freed it, with release. */
	if (in_fibers)
		join(clocks[nr_threads]);
	return (uint64_t)nr_callbacks;
}
