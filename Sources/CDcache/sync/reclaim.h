/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Freeing after a grace period.
 *
 * liburcu's call_rcu() ends the process when it cannot start its thread, and is one for all the
 * process. An instance has its own: one thread, started where the error can be returned; a list
 * that anyone pushes to with one compare-and-swap; grace periods from liburcu, one for a batch.
 *
 * The thread sleeps while the list is empty, gathers for a few milliseconds once it is not, and is
 * told at once when much has gathered. If frees come faster than grace periods end, whoever pushes
 * beyond the bound waits for one and frees a batch itself, so memory that waits is bounded by
 * @bound objects, RECLAIM_BOUND or fewer, plus one for each thread that is inside a read section.
 */
#ifndef DCACHE_SYNC_RECLAIM_H
#define DCACHE_SYNC_RECLAIM_H

#include <pthread.h>

#include "lock.h"

#pragma GCC visibility push(hidden)

#define RECLAIM_BATCH 1024
#define RECLAIM_BOUND 65536
#define RECLAIM_GATHER_NS 5000000u

struct reclaim {
	_Atomic(struct reclaim_head *) list;
	/* Futex: changes when there is something to look at. Bit 0: reclaim_hurry() was called. */
	_Atomic uint32_t kick;
	_Atomic uint32_t asleep;	/* the thread waits for the list to become non-empty */
	_Atomic uint32_t bound;		/* of objects that wait: RECLAIM_BATCH .. RECLAIM_BOUND */
	_Atomic uint64_t pushed;	/* objects ever pushed */
	_Atomic uint64_t freed;		/* objects whose callback has returned */
	_Atomic bool stop;
	_Atomic bool has_work;		/* work() is to be called */
	/* One batch at a time, so that they end in order; and whose it is. */
	struct dc_lock batch_lock;
	_Atomic uint32_t batch_thread;
	pthread_t thread;
	/* Asked, with nothing pending, when @stop is not set: has the owner of all this come to
	 * its end? If it says so it has freed it, @reclaim too, and the thread ends. */
	bool (*idle)(struct reclaim *reclaim);
	/* A portion of other work that the owner has for the thread, between batches; set before
	 * reclaim_start(). Return: is there more? */
	bool (*work)(struct reclaim *reclaim);
};

/* Return: 0, or a negative errno value. @reclaim->work has been set. */
int reclaim_start(struct reclaim *reclaim, bool (*idle)(struct reclaim *reclaim));
/* Make the thread call @work between other things, a little at a time, until that says it is done. */
void reclaim_work(struct reclaim *reclaim);
/* Free all that is pending, end the thread. Nobody pushes any more, but for callbacks. */
void reclaim_stop(struct reclaim *reclaim);
/* Wait until all that was pushed before has been freed. */
void reclaim_barrier(struct reclaim *reclaim);
/* Make the thread ask idle() from now on, from time to time. @reclaim may be gone afterwards. */
void reclaim_hurry(struct reclaim *reclaim);
bool reclaim_in_hurry(const struct reclaim *reclaim);
/* Is this thread in a callback? */
bool reclaim_is_self(const struct reclaim *reclaim);
uint64_t reclaim_pending(const struct reclaim *reclaim);

#pragma GCC visibility pop

#endif /* DCACHE_SYNC_RECLAIM_H */
