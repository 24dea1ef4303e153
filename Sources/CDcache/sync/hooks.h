/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What only the checked build has: interleaving points at which a test can stop a thread, and
 * rules whose breach stops the program. In a release build all of it is nothing.
 *
 * The points' letters are those of the design's table of hazards.
 */
#ifndef DCACHE_SYNC_HOOKS_H
#define DCACHE_SYNC_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

enum dc_point {
	DC_A1,	/* d_alloc_parallel: directory sequence sampled */
	DC_A2,	/* ... primary hash missed */
	DC_A3,	/* ... in-lookup bucket locked */
	DC_A4,	/* ... match found, no reference on it yet */
	DC_W1,	/* waiter queued, about to sleep */
	DC_W2,	/* waiter registered, about to return */
	DC_W3,	/* about to take a waiter off the queue: cancelled, or its time is over */
	DC_W4,	/* all waiters have their outcome, func not yet called */
	DC_C1,	/* completion: directory sequence odd */
	DC_C2,	/* ... off the in-lookup hash, not yet in the primary hash */
	DC_C3,	/* ... before the sequence is released */
	DC_C4,	/* ... before waiters are woken */
	DC_K1,	/* last put: locks dropped and retaken */
	DC_K2,	/* ... marked dead */
	DC_K3,	/* ... before it leaves its parent's child list */
	DC_K4,	/* ... about to be freed after a grace period, still counted */
	DC_S1,	/* shrinker: taken off the LRU, not yet disposed of */
	DC_G1,	/* table: a bucket is MOVED, all its nodes still there */
	DC_G2,	/* ... a node is in both buckets */
	DC_G3,	/* ... all buckets are moved, the old array is still the current one */
	DC_M1,	/* move: unhashed at the old name, not yet hashed at the new */
	DC_M2,	/* ... its sequence is odd, its parent and name are the new ones */
	DC_L1,	/* listing: a name's entry is found, its lock not yet taken */
	DC_R1,	/* instance's thread: found nothing to free, about to sleep */
	DC_NR_POINTS
};

#ifdef DCACHE_DEBUG

typedef void (*dc_point_hook_t)(enum dc_point point, const void *object);

/* Called by every thread at every point, with the locks held that are held there. */
void dc_set_point_hook(dc_point_hook_t hook);
void dc_point_reached(enum dc_point point, const void *object);

/* Let the @nth allocation from now (1 is the next one) fail; 0: none. */
void dc_fail_allocation(long nth);
/* Was that allocation reached? */
bool dc_allocation_failed(void);
bool dc_allocation_should_fail(void);
/* Objects that the sync layer has handed out and not yet had back, in this process. */
long dc_live_allocations(void);
void dc_count_allocation(long by);

/* Stops the program. Only the controlled scheduler's returns, where a scenario breaks a rule on
 * purpose, to see that the release build keeps out of harm. */
void dc_broken_rule(const char *rule, const char *file, int line);

#define DC_POINT(point, object) dc_point_reached((point), (object))
#define DC_RULE(rule, holds) \
	((holds) ? (void)0 : dc_broken_rule((rule), __FILE__, __LINE__))

#else /* !DCACHE_DEBUG */

#define DC_POINT(point, object) ((void)0)
#define DC_RULE(rule, holds) ((void)0)
#define dc_allocation_should_fail() false
#define dc_count_allocation(by) ((void)0)

#endif /* DCACHE_DEBUG */

#pragma GCC visibility pop

#endif /* DCACHE_SYNC_HOOKS_H */
