/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lock in the two lowest bits of a 64-bit word that holds something else besides: a bucket's first
 * node (hlist_bl.h), an entry's reference count (lockref.h).
 *
 *	bit 0	locked
 *	bit 1	somebody may sleep, waiting for that
 *
 * Bit 1 is set by those who are about to sleep, at any time while bit 0 is set, so the holder changes
 * the word by atomic operations that leave it alone. Sleeping is on the low half of the word, which
 * the holder's own changes may alter: the sleeper then just looks again.
 */
#ifndef DCACHE_SYNC_WORD_LOCK_H
#define DCACHE_SYNC_WORD_LOCK_H

#include "sync.h"

#pragma GCC visibility push(hidden)

#define WORD_LOCKED ((uint64_t)1)
#define WORD_SLEEPERS ((uint64_t)2)
#define WORD_LOCK_BITS (WORD_LOCKED | WORD_SLEEPERS)

void word_lock_slow(_Atomic uint64_t *word);

static inline bool word_trylock(_Atomic uint64_t *word)
{
	uint64_t value = atomic_load_explicit(word, memory_order_relaxed);

	while (!(value & WORD_LOCKED)) {
		if (atomic_compare_exchange_strong_explicit(word, &value, value | WORD_LOCKED,
							    memory_order_acquire,
							    memory_order_relaxed))
			return true;
	}
	return false;
}

static inline void word_lock(_Atomic uint64_t *word)
{
	if (!word_trylock(word))
		word_lock_slow(word);
}

/* The word's address may be used once more, for the wake-up, after the object was freed. */
static inline void word_unlock(_Atomic uint64_t *word)
{
	uint64_t value = atomic_fetch_and_explicit(word, ~WORD_LOCK_BITS, memory_order_release);

	if (value & WORD_SLEEPERS)
		dc_futex_wake_low(word, 1);
}

/* The same, and add @by to what the word holds besides: one step instead of two. */
static inline void word_add_unlock(_Atomic uint64_t *word, uint64_t by)
{
	uint64_t value = atomic_load_explicit(word, memory_order_relaxed);

	while (!atomic_compare_exchange_strong_explicit(word, &value,
							(value & ~WORD_LOCK_BITS) + by,
							memory_order_release, memory_order_relaxed))
		;
	if (value & WORD_SLEEPERS)
		dc_futex_wake_low(word, 1);
}

#pragma GCC visibility pop

#endif /* DCACHE_SYNC_WORD_LOCK_H */
