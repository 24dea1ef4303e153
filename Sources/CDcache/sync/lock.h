/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dc_lock: a lock in 32 bits that spins for a bounded time and then sleeps.
 *
 *	0	free
 *	1	held
 *	2	held, and somebody may be asleep
 *
 * The standard three-state futex mutex (U. Drepper, "Futexes Are Tricky", 2011): whoever slept
 * takes the lock in state 2, since it cannot know whether others still sleep. Unlocking writes
 * the word for the last time before the wake-up, which uses its address only: the lock may be
 * freed by the next holder.
 */
#ifndef DCACHE_SYNC_LOCK_H
#define DCACHE_SYNC_LOCK_H

#include "sync.h"

#pragma GCC visibility push(hidden)

struct dc_lock {
	_Atomic uint32_t word;
};

void dc_lock_slow(struct dc_lock *lock);

static inline void dc_lock_init(struct dc_lock *lock)
{
	atomic_init(&lock->word, 0);
}

static inline bool dc_trylock(struct dc_lock *lock)
{
	uint32_t free = 0;

	return atomic_compare_exchange_strong_explicit(&lock->word, &free, 1, memory_order_acquire,
						       memory_order_relaxed);
}

static inline void dc_lock(struct dc_lock *lock)
{
	if (!dc_trylock(lock))
		dc_lock_slow(lock);
}

static inline void dc_unlock(struct dc_lock *lock)
{
	if (atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2)
		dc_futex_wake(&lock->word, 1);
}

#pragma GCC visibility pop

#endif /* DCACHE_SYNC_LOCK_H */
