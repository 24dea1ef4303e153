/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Deferred freeing; see reclaim.h.
 *
 * Who may be here: any thread in dc_call_rcu(), with or without a read section of its own; the
 * instance's thread; a thread over the bound or in reclaim_barrier(), which does what the instance's
 * thread does. Whoever exchanges the list with NULL owns what was on it. A callback may push more.
 *
 * Batches run one after the other. So when as many objects have been freed as had been pushed at some
 * moment, it is those: a batch that began later holds all that was left of them.
 *
 * Lost wake-up: the thread sets @asleep, then looks at the list, then sleeps on the value that
 * @kick had before; a pusher pushes, then looks at @asleep, then changes @kick. Both are
 * sequentially consistent, so one of them sees the other. Whoever asks for work sets @has_work and then
 * changes @kick, always: the thread reads @kick before it looks.
 */
#include "reclaim.h"

#include <signal.h>

char dc_grace_period_tag;
_Thread_local void *dc_slot;

#define KICK_HURRY 1u
#define KICK_ONE 2u

/* Free what is on the list. Nothing is done by a callback that comes here. */
static size_t run_batch(struct reclaim *reclaim)
{
	struct reclaim_head *head, *next;
	size_t count = 0;

	if (atomic_load_explicit(&reclaim->batch_thread, memory_order_relaxed) == dc_thread_id())
		return 0;
	dc_lock(&reclaim->batch_lock);
	atomic_store_explicit(&reclaim->batch_thread, dc_thread_id(), memory_order_relaxed);
	head = atomic_exchange_explicit(&reclaim->list, NULL, memory_order_acquire);
	if (head)
		dc_synchronize_rcu();
	for (; head; head = next, count++) {
		next = head->next;
		head->func(head);
	}
	atomic_fetch_add_explicit(&reclaim->freed, count, memory_order_release);
	atomic_store_explicit(&reclaim->batch_thread, 0, memory_order_relaxed);
	dc_unlock(&reclaim->batch_lock);
	return count;
}

uint64_t reclaim_pending(const struct reclaim *reclaim)
{
	uint64_t freed = atomic_load_explicit(&reclaim->freed, memory_order_acquire);
	uint64_t pushed = atomic_load_explicit(&reclaim->pushed, memory_order_acquire);

	return pushed - freed;
}

static void reclaim_kick(struct reclaim *reclaim)
{
	atomic_fetch_add_explicit(&reclaim->kick, KICK_ONE, memory_order_seq_cst);
	dc_futex_wake(&reclaim->kick, 1);
}

void reclaim_hurry(struct reclaim *reclaim)
{
	atomic_fetch_or_explicit(&reclaim->kick, KICK_HURRY, memory_order_seq_cst);
	/* The futex is woken by its address alone: the thread may have ended everything by now. */
	dc_futex_wake(&reclaim->kick, 1);
}

void reclaim_work(struct reclaim *reclaim)
{
	atomic_store_explicit(&reclaim->has_work, true, memory_order_seq_cst);
	reclaim_kick(reclaim);
}

bool reclaim_in_hurry(const struct reclaim *reclaim)
{
	return atomic_load_explicit(&reclaim->kick, memory_order_seq_cst) & KICK_HURRY;
}

void dc_call_rcu(struct reclaim *reclaim, struct reclaim_head *head,
		 void (*func)(struct reclaim_head *head))
{
	struct reclaim_head *first = atomic_load_explicit(&reclaim->list, memory_order_relaxed);
	uint64_t pending = reclaim_pending(reclaim) + 1;

	/* Counted before it can be freed, so that @freed never passes @pushed. */
	atomic_fetch_add_explicit(&reclaim->pushed, 1, memory_order_release);
	head->func = func;
	do {
		head->next = first;
	} while (!atomic_compare_exchange_strong_explicit(&reclaim->list, &first, head,
							  memory_order_seq_cst,
							  memory_order_relaxed));
	if (atomic_load_explicit(&reclaim->asleep, memory_order_seq_cst) ||
	    pending == RECLAIM_BATCH)
		reclaim_kick(reclaim);
	if (pending > atomic_load_explicit(&reclaim->bound, memory_order_relaxed) &&
	    !dc_read_ongoing())
		run_batch(reclaim);
}

/* Sleep until there is something to do. */
static void wait_for_work(struct reclaim *reclaim)
{
	uint32_t kick = atomic_load_explicit(&reclaim->kick, memory_order_seq_cst);

	atomic_store_explicit(&reclaim->asleep, 1, memory_order_seq_cst);
	if (!atomic_load_explicit(&reclaim->list, memory_order_seq_cst) &&
	    !atomic_load_explicit(&reclaim->stop, memory_order_seq_cst) &&
	    !atomic_load_explicit(&reclaim->has_work, memory_order_seq_cst)) {
		bool hurry = kick & KICK_HURRY;

		DC_POINT(DC_R1, reclaim);
		dc_futex_wait(&reclaim->kick, kick,
			      hurry ? dc_now_ns() + 2 * RECLAIM_GATHER_NS : DC_NO_DEADLINE);
	}
	atomic_store_explicit(&reclaim->asleep, 0, memory_order_seq_cst);
}

/* Something has come: let more gather, unless somebody waits for it or it is much already. */
static void gather(struct reclaim *reclaim)
{
	uint64_t until = dc_now_ns() + RECLAIM_GATHER_NS;

	for (;;) {
		uint32_t kick = atomic_load_explicit(&reclaim->kick, memory_order_seq_cst);

		if (atomic_load_explicit(&reclaim->stop, memory_order_seq_cst) ||
		    atomic_load_explicit(&reclaim->has_work, memory_order_seq_cst) ||
		    (kick & KICK_HURRY) ||
		    reclaim_pending(reclaim) >= RECLAIM_BATCH)
			return;
		if (dc_futex_wait(&reclaim->kick, kick, until))
			return;
	}
}

static void *reclaim_main(void *arg)
{
	struct reclaim *reclaim = arg;

	for (;;) {
		wait_for_work(reclaim);
		/* Taken back first: more may be announced while this is done. */
		if (atomic_exchange_explicit(&reclaim->has_work, false, memory_order_seq_cst) &&
		    reclaim->work(reclaim))
			atomic_store_explicit(&reclaim->has_work, true, memory_order_seq_cst);
		if (atomic_load_explicit(&reclaim->list, memory_order_relaxed)) {
			gather(reclaim);
			run_batch(reclaim);
			continue;
		}
		if (atomic_load_explicit(&reclaim->stop, memory_order_seq_cst))
			return NULL;
		if (!reclaim_pending(reclaim) && reclaim->idle(reclaim))
			return NULL;
	}
}

int reclaim_start(struct reclaim *reclaim, bool (*idle)(struct reclaim *reclaim))
{
	sigset_t all, before;
	int err;

	atomic_init(&reclaim->list, NULL);
	atomic_init(&reclaim->kick, 0);
	atomic_init(&reclaim->asleep, 0);
	atomic_init(&reclaim->pushed, 0);
	atomic_init(&reclaim->freed, 0);
	atomic_init(&reclaim->stop, false);
	atomic_init(&reclaim->has_work, false);
	dc_lock_init(&reclaim->batch_lock);
	atomic_init(&reclaim->batch_thread, 0);
	reclaim->idle = idle;
	/* The program's signals are not this thread's to take. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&reclaim->thread, NULL, reclaim_main, reclaim);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

void reclaim_stop(struct reclaim *reclaim)
{
	int cancel;

	atomic_store_explicit(&reclaim->stop, true, memory_order_seq_cst);
	reclaim_kick(reclaim);
	cancel = dc_cancel_off();
	pthread_join(reclaim->thread, NULL);
	dc_cancel_back(cancel);
}

void reclaim_barrier(struct reclaim *reclaim)
{
	uint64_t target = atomic_load_explicit(&reclaim->pushed, memory_order_acquire);

	DC_RULE("dcache_barrier: not from a release operation", !reclaim_is_self(reclaim));
	while ((int64_t)(atomic_load_explicit(&reclaim->freed, memory_order_acquire) - target) < 0) {
		/* Nothing, and not all: somebody has counted an object and is about to push it. */
		if (!run_batch(reclaim))
			dc_yield(4);
	}
}

bool reclaim_is_self(const struct reclaim *reclaim)
{
	return atomic_load_explicit(&reclaim->batch_thread, memory_order_relaxed) == dc_thread_id();
}
