/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What sync.h and reclaim.h promise, on one real thread; see floor.h. */
#include "floor.h"

#include <errno.h>
#include <sanitizer/common_interface_defs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "internal.h"

#define STACK_SIZE (256u * 1024)
#define MAX_SPINS 1000

struct fiber {
	ucontext_t context;
	char *stack;
	void *fake_stack;
	void (*operation)(int thread);
	bool busy;
	bool asleep;
	bool woken;
	const void *waits_on;
	int sections;
	void *slot;			/* dc_thread_slot() */
};

static struct fiber fibers[FLOOR_THREADS];
static ucontext_t main_context;
static void *main_fake_stack;
static const void *main_stack;
static size_t main_stack_size;
static int current; /* who the core thinks it is run by */
static bool in_fiber;
static int spins;

static long live, fail_countdown;
static bool allocation_failed;

static struct reclaim_head *pending, **pending_end = &pending;
static uint64_t nr_pending;
static bool at_once, freeing;
static struct reclaim *hurried;

void (*floor_asleep)(int thread);

void die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("fuzz_program: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/* ---- fibers ---- */

static void leave_fiber(void)
{
	struct fiber *self = &fibers[current];

	in_fiber = false;
	__sanitizer_start_switch_fiber(&self->fake_stack, main_stack, main_stack_size);
	swapcontext(&self->context, &main_context);
	__sanitizer_finish_switch_fiber(self->fake_stack, &main_stack, &main_stack_size);
}

static void fiber_main(void)
{
	__sanitizer_finish_switch_fiber(NULL, &main_stack, &main_stack_size);
	for (;;) {
		int thread = current;

		fibers[thread].operation(thread);
		fibers[thread].busy = false;
		leave_fiber();
	}
}

static void fiber_make(struct fiber *fiber)
{
	fiber->stack = malloc(STACK_SIZE);
	if (!fiber->stack || getcontext(&fiber->context))
		die("no stack");
	fiber->context.uc_stack.ss_sp = fiber->stack;
	fiber->context.uc_stack.ss_size = STACK_SIZE;
	fiber->context.uc_link = NULL;
	makecontext(&fiber->context, fiber_main, 0);
}

/* True: its operation has ended. */
static bool enter_fiber(int thread)
{
	struct fiber *fiber = &fibers[thread];

	CHECK(!in_fiber);
	current = thread;
	in_fiber = true;
	spins = 0;
	__sanitizer_start_switch_fiber(&main_fake_stack, fiber->stack, STACK_SIZE);
	swapcontext(&main_context, &fiber->context);
	__sanitizer_finish_switch_fiber(main_fake_stack, NULL, NULL);
	return !fiber->busy;
}

bool floor_run(int thread, void (*operation)(int thread))
{
	struct fiber *fiber = &fibers[thread];

	CHECK(!fiber->busy);
	fiber->operation = operation;
	fiber->busy = true;
	return enter_fiber(thread);
}

bool floor_resume(int thread)
{
	CHECK(fibers[thread].busy && fibers[thread].asleep);
	fibers[thread].asleep = false;
	return enter_fiber(thread);
}

void floor_pause(void)
{
	struct fiber *self = &fibers[current];

	CHECK(in_fiber);
	self->asleep = true;
	self->woken = true;
	self->waits_on = NULL;
	leave_fiber();
}

bool floor_sleeps(int thread)
{
	return fibers[thread].asleep;
}

bool floor_woken(int thread)
{
	return fibers[thread].asleep && fibers[thread].woken;
}

int floor_thread(void)
{
	return current;
}

void floor_act_as(int thread)
{
	CHECK(!in_fiber);
	current = thread;
	spins = 0;
}

void floor_begin(void)
{
	int i;

	for (i = 0; i < FLOOR_THREADS; i++) {
		if (!fibers[i].stack)
			fiber_make(&fibers[i]);
		CHECK(!fibers[i].busy && !fibers[i].sections);
	}
	CHECK(!pending && !live);
	nr_pending = 0;
	current = 0;
	fail_countdown = 0;
	allocation_failed = false;
	hurried = NULL;
}

/* ---- sleeping ---- */

static void sleep_on(const void *at)
{
	struct fiber *self = &fibers[current];

	if (self->sections)
		die("sleeps in a read section");
	if (!in_fiber)
		die("sleeps where nobody can wake it");
	self->asleep = true;
	self->woken = false;
	self->waits_on = at;
	floor_asleep(current);
	leave_fiber();
}

int dc_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	if (atomic_load_explicit(word, memory_order_relaxed) != value)
		return 0;
	/* Nobody else comes to run meanwhile. */
	if (deadline_ns != DC_NO_DEADLINE)
		return -ETIMEDOUT;
	sleep_on((const void *)word);
	return 0;
}

void dc_futex_wait_low(_Atomic uint64_t *word, uint32_t low)
{
	if ((uint32_t)atomic_load_explicit(word, memory_order_relaxed) == low)
		sleep_on((const void *)word);
}

void dc_futex_wake(_Atomic uint32_t *word, int count)
{
	int i;

	for (i = 0; i < FLOOR_THREADS && count > 0; i++) {
		struct fiber *fiber = &fibers[i];

		if (!fiber->asleep || fiber->woken || fiber->waits_on != (const void *)word)
			continue;
		fiber->woken = true;
		count--;
	}
}

void dc_futex_wake_low(_Atomic uint64_t *word, int count)
{
	dc_futex_wake((_Atomic uint32_t *)(void *)word, count);
}

/* Nobody runs at the same time: what is waited for does not come. */
void dc_spin_hint(void)
{
	if (++spins > MAX_SPINS)
		die("spins for ever");
}

void dc_yield(unsigned int attempt)
{
	(void)attempt;
	if (fibers[current].sections)
		die("yields in a read section");
	dc_spin_hint();
}

/* ---- read sections and what waits for them ---- */

bool floor_in_section(void)
{
	int i;

	for (i = 0; i < FLOOR_THREADS; i++) {
		if (fibers[i].sections)
			return true;
	}
	return false;
}

static void free_pending(void)
{
	struct reclaim_head *head;

	if (freeing || floor_in_section())
		return;
	freeing = true;
	while ((head = pending)) {
		pending = head->next;
		if (!pending)
			pending_end = &pending;
		head->func(head);
		nr_pending--;
	}
	freeing = false;
}

void dc_read_lock(void)
{
	fibers[current].sections++;
}

void dc_read_unlock(void)
{
	if (--fibers[current].sections < 0)
		die("a read section is ended that was not begun");
	if (at_once)
		free_pending();
}

bool dc_read_ongoing(void)
{
	return fibers[current].sections;
}

void dc_synchronize_rcu(void)
{
	if (fibers[current].sections)
		die("waits for a grace period in a read section");
}

void dc_call_rcu(struct reclaim *reclaim, struct reclaim_head *head,
		 void (*func)(struct reclaim_head *))
{
	(void)reclaim;
	head->func = func;
	head->next = NULL;
	*pending_end = head;
	pending_end = &head->next;
	nr_pending++;
	if (at_once)
		free_pending();
}

void floor_free_at_once(bool yes)
{
	at_once = yes;
}

void floor_grace_period(void)
{
	if (floor_in_section())
		return;
	free_pending();
	while (hurried && hurried->work(hurried))
		;
	free_pending();
	if (hurried && !nr_pending && hurried->idle(hurried))
		hurried = NULL;
}

bool floor_released_instance_is_gone(void)
{
	return !hurried;
}

int reclaim_start(struct reclaim *reclaim, bool (*idle)(struct reclaim *))
{
	reclaim->idle = idle;
	return 0;
}

/* Whoever waits for it does it, and whoever changes a table. */
void reclaim_work(struct reclaim *reclaim)
{
	(void)reclaim;
}

void reclaim_barrier(struct reclaim *reclaim)
{
	(void)reclaim;
	if (floor_in_section())
		die("a barrier while a section is open");
	free_pending();
}

void reclaim_stop(struct reclaim *reclaim)
{
	reclaim_barrier(reclaim);
}

void reclaim_hurry(struct reclaim *reclaim)
{
	hurried = reclaim;
}

bool reclaim_in_hurry(const struct reclaim *reclaim)
{
	return hurried == reclaim;
}

bool reclaim_is_self(const struct reclaim *reclaim)
{
	(void)reclaim;
	return freeing;
}

uint64_t reclaim_pending(const struct reclaim *reclaim)
{
	(void)reclaim;
	return nr_pending;
}

/* The core detaches the thread of an instance that frees itself; there is none here. */
int floor_pthread_detach(pthread_t thread);
int floor_pthread_detach(pthread_t thread)
{
	(void)thread;
	return 0;
}

/* What the thread of an instance would do in the background. */
void floor_finish_resizes(struct dcache *dc)
{
	struct hash_table *tables[] = { &dc->entries, &dc->in_lookup };
	int i;

	for (i = 0; i < 2; i++) {
		while (atomic_load_explicit(&tables[i]->state, memory_order_relaxed) != TABLE_REST)
			table_work(tables[i], 1);
	}
}

/* ---- memory ---- */

void floor_fail_allocation(long nth)
{
	fail_countdown = nth;
	allocation_failed = false;
}

bool floor_allocation_failed(void)
{
	return allocation_failed;
}

long floor_live(void)
{
	return live;
}

void *dc_alloc(size_t size, size_t align)
{
	void *p;

	if (fail_countdown > 0 && !--fail_countdown) {
		allocation_failed = true;
		return NULL;
	}
	p = align > _Alignof(max_align_t) ? aligned_alloc(align, size) : malloc(size);
	if (!p)
		die("no memory");
	live++;
	return p;
}

void dc_free(void *p)
{
	if (p)
		live--;
	free(p);
}

/* For tables. No call fails for want of a greater one, so these are not made to fail. */
void *dc_alloc_zeroed(size_t size)
{
	long countdown = fail_countdown;
	void *p;

	fail_countdown = 0;
	p = dc_alloc(size, 64);
	fail_countdown = countdown;
	return memset(p, 0, size);
}

void dc_free_zeroed(void *p, size_t size)
{
	(void)size;
	dc_free(p);
}

/* ---- the rest ---- */

uint32_t dc_thread_id(void)
{
	return (uint32_t)current + 1;
}

uint32_t dc_thread_number(void)
{
	return (uint32_t)current;
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

#ifdef DCACHE_DEBUG

void dc_broken_rule(const char *rule, const char *file, int line)
{
	die("broken rule: %s (%s:%d)", rule, file, line);
}

void dc_point_reached(enum dc_point point, const void *object)
{
	(void)point;
	(void)object;
}

#endif
