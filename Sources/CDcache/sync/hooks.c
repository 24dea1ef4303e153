/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The checked build's state. It is the process's, not an instance's: a test drives one thing at a
 * time. Every variable is an atomic of its own; no order between them is needed.
 */
#include "hooks.h"

#ifdef DCACHE_DEBUG

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic(dc_point_hook_t) point_hook;
static _Atomic long fail_countdown;
static _Atomic bool has_failed;
static _Atomic long live;

void dc_set_point_hook(dc_point_hook_t hook)
{
	atomic_store_explicit(&point_hook, hook, memory_order_release);
}

void dc_point_reached(enum dc_point point, const void *object)
{
	dc_point_hook_t hook = atomic_load_explicit(&point_hook, memory_order_acquire);

	if (hook)
		hook(point, object);
}

void dc_fail_allocation(long nth)
{
	atomic_store_explicit(&has_failed, false, memory_order_relaxed);
	atomic_store_explicit(&fail_countdown, nth, memory_order_relaxed);
}

bool dc_allocation_failed(void)
{
	return atomic_load_explicit(&has_failed, memory_order_relaxed);
}

bool dc_allocation_should_fail(void)
{
	if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) <= 0)
		return false;
	if (atomic_fetch_sub_explicit(&fail_countdown, 1, memory_order_relaxed) != 1)
		return false;
	atomic_store_explicit(&has_failed, true, memory_order_relaxed);
	return true;
}

long dc_live_allocations(void)
{
	return atomic_load_explicit(&live, memory_order_relaxed);
}

void dc_count_allocation(long by)
{
	atomic_fetch_add_explicit(&live, by, memory_order_relaxed);
}

void dc_broken_rule(const char *rule, const char *file, int line)
{
	char text[512];
	int len = snprintf(text, sizeof(text), "dcache: broken rule: %s (%s:%d)\n", rule, file, line);

	if (len > 0 && write(STDERR_FILENO, text, strnlen(text, sizeof(text))) < 0)
		abort();
	abort();
}

#else

/* ISO C wants a translation unit to declare something. */
typedef int dc_hooks_are_of_the_checked_build;

#endif /* DCACHE_DEBUG */
