/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may be here: any number of threads entering by the fast path, leaving, queueing. The queue
 * and the QUEUED bit change under queue_lock only. Once QUEUED is set no fast path enters, so
 * under queue_lock the state can only fall, by holders that leave; each of those that sees QUEUED
 * and was the last comes to grant(), and one that left before QUEUED was set is seen by the
 * grant() of the thread that set it. So a free lock with a queue is always granted.
 */
#include "rwsem.h"

#define RWSEM_WRITER 1u
#define RWSEM_QUEUED 2u
#define RWSEM_READER 4u

struct rwsem_waiter {
	struct rwsem_waiter *next;
	_Atomic uint32_t granted;
	bool writer;
};

void rwsem_init(struct rwsem *sem)
{
	atomic_init(&sem->state, 0);
	dc_lock_init(&sem->queue_lock);
	sem->first = NULL;
	sem->last = &sem->first;
}

bool down_read_trylock(struct rwsem *sem)
{
	uint32_t state = atomic_load_explicit(&sem->state, memory_order_relaxed);

	while (!(state & (RWSEM_WRITER | RWSEM_QUEUED))) {
		if (atomic_compare_exchange_strong_explicit(&sem->state, &state,
							    state + RWSEM_READER,
							    memory_order_acquire,
							    memory_order_relaxed))
			return true;
	}
	return false;
}

bool down_write_trylock(struct rwsem *sem)
{
	uint32_t state = 0;

	return atomic_compare_exchange_strong_explicit(&sem->state, &state, RWSEM_WRITER,
						       memory_order_acquire, memory_order_relaxed);
}

/* queue_lock is held. Returns the granted waiters, still linked through ->next. */
static struct rwsem_waiter *grant(struct rwsem *sem)
{
	struct rwsem_waiter *granted = NULL;
	struct rwsem_waiter **end = &granted;
	struct rwsem_waiter *waiter;

	while ((waiter = sem->first)) {
		uint32_t state = atomic_load_explicit(&sem->state, memory_order_acquire);

		/* Only a fall can race with us, and whoever falls last will come here after us. */
		if (state & RWSEM_WRITER)
			break;
		if (waiter->writer && state >= RWSEM_READER)
			break;
		atomic_fetch_add_explicit(&sem->state, waiter->writer ? RWSEM_WRITER : RWSEM_READER,
					  memory_order_acquire);
		sem->first = waiter->next;
		if (!sem->first) {
			sem->last = &sem->first;
			atomic_fetch_and_explicit(&sem->state, ~RWSEM_QUEUED, memory_order_relaxed);
		}
		waiter->next = NULL;
		*end = waiter;
		end = &waiter->next;
	}
	return granted;
}

static void wake_granted(struct rwsem_waiter *waiter)
{
	while (waiter) {
		struct rwsem_waiter *next = waiter->next;

		atomic_store_explicit(&waiter->granted, 1, memory_order_release);
		dc_futex_wake(&waiter->granted, 1);
		waiter = next;
	}
}

static void down_slow(struct rwsem *sem, bool writer)
{
	struct rwsem_waiter self = { .writer = writer };
	struct rwsem_waiter *granted;

	dc_lock(&sem->queue_lock);
	*sem->last = &self;
	sem->last = &self.next;
	atomic_fetch_or_explicit(&sem->state, RWSEM_QUEUED, memory_order_relaxed);
	granted = grant(sem);
	dc_unlock(&sem->queue_lock);
	wake_granted(granted);
	while (!atomic_load_explicit(&self.granted, memory_order_acquire))
		dc_futex_wait(&self.granted, 0, DC_NO_DEADLINE);
}

static void up_slow(struct rwsem *sem)
{
	struct rwsem_waiter *granted;

	dc_lock(&sem->queue_lock);
	granted = grant(sem);
	dc_unlock(&sem->queue_lock);
	wake_granted(granted);
}

void down_read(struct rwsem *sem)
{
	if (!down_read_trylock(sem))
		down_slow(sem, false);
}

void down_write(struct rwsem *sem)
{
	if (!down_write_trylock(sem))
		down_slow(sem, true);
}

void up_read(struct rwsem *sem)
{
	uint32_t left = atomic_fetch_sub_explicit(&sem->state, RWSEM_READER, memory_order_release) -
			RWSEM_READER;

	DC_RULE("inode_unlock_shared: the lock is held shared", left + RWSEM_READER >= RWSEM_READER);
	if (left == RWSEM_QUEUED)
		up_slow(sem);
}

void up_write(struct rwsem *sem)
{
	uint32_t state = atomic_fetch_and_explicit(&sem->state, ~RWSEM_WRITER, memory_order_release);

	DC_RULE("inode_unlock: the lock is held exclusively", state & RWSEM_WRITER);
	if (state & RWSEM_QUEUED)
		up_slow(sem);
}
