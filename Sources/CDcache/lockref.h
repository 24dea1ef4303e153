/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lockref: a lock and a reference count in one 64-bit word.
 *
 *	bits 0, 1	the lock (sync/word_lock.h)
 *	bit 2		KEEP: giving back the last reference needs nothing but the count
 *	bit 3		SLOW: giving back any reference needs the lock
 *	bits 32..63	count, signed; negative: dead
 *
 * While the lock is free, taking a reference and giving one back is a compare-and-swap of the
 * whole word. While it is held the count does not move but by its holder, so the holder can decide
 * on it. KEEP and SLOW change under the lock only. They are in this word so that a put without the
 * lock and the state it relies on are one: no put can succeed on a state that has just changed.
 *
 * A count is never wrapped. From LOCKREF_MAX on, whoever finds the object is refused; who has a
 * reference may take more of it, since dget() cannot fail. From LOCKREF_STUCK on the count does not
 * move any more, neither way: how many there are is not known, so the object lives for ever.
 */
#ifndef DCACHE_LOCKREF_H
#define DCACHE_LOCKREF_H

#include "sync/word_lock.h"

#pragma GCC visibility push(hidden)

#define LOCKREF_LOCKED WORD_LOCKED
#define LOCKREF_SLEEPERS WORD_SLEEPERS
#define LOCKREF_KEEP ((uint64_t)4)
#define LOCKREF_SLOW ((uint64_t)8)
#define LOCKREF_ONE ((uint64_t)1 << 32)
#define LOCKREF_DEAD (-128)

#define LOCKREF_MAX (INT32_MAX / 2)
#define LOCKREF_STUCK (INT32_MAX / 4 * 3)

struct lockref {
	_Atomic uint64_t word;
};

enum lockref_got {
	LOCKREF_GOT,
	LOCKREF_GONE,	/* the object is dead */
	LOCKREF_BUSY,	/* the lock is held */
	LOCKREF_FULL,	/* no more references are given to those who have none */
};

static inline int32_t lockref_count_of(uint64_t word)
{
	return (int32_t)(uint32_t)(word >> 32);
}

static inline void lockref_init(struct lockref *ref, int32_t count)
{
	atomic_init(&ref->word, (uint64_t)(uint32_t)count << 32);
}

static inline bool lockref_trylock(struct lockref *ref)
{
	return word_trylock(&ref->word);
}

/* Without sleeping: for read sections. False: its holder keeps it for long. */
static inline bool lockref_trylock_spinning(struct lockref *ref)
{
	int spins;

	for (spins = 0; !lockref_trylock(ref); spins++) {
		if (spins == DC_SPIN_LIMIT)
			return false;
		dc_spin_hint();
	}
	return true;
}

static inline void lockref_lock(struct lockref *ref)
{
	word_lock(&ref->word);
}

static inline void lockref_unlock(struct lockref *ref)
{
	word_unlock(&ref->word);
}

static inline int32_t lockref_count(const struct lockref *ref)
{
	return lockref_count_of(atomic_load_explicit(&ref->word, memory_order_relaxed));
}

/* The lock is held: nobody else moves the count, but sleepers may set their bit. */
static inline bool lockref_is_full(const struct lockref *ref)
{
	return lockref_count(ref) >= LOCKREF_MAX;
}

/* The same. For references, see lockref_get_locked(). */
static inline void lockref_add_locked(struct lockref *ref, int32_t by)
{
	atomic_fetch_add_explicit(&ref->word, (uint64_t)by << 32, memory_order_relaxed);
}

/* The lock is held, and a reference by the caller or by what it holds. */
static inline void lockref_get_locked(struct lockref *ref)
{
	if (lockref_count(ref) < LOCKREF_STUCK)
		lockref_add_locked(ref, 1);
}

static inline void lockref_put_locked(struct lockref *ref)
{
	if (lockref_count(ref) < LOCKREF_STUCK)
		lockref_add_locked(ref, -1);
}

/* The same two, and release the lock. */
static inline void lockref_put_unlock(struct lockref *ref)
{
	word_add_unlock(&ref->word, lockref_count(ref) < LOCKREF_STUCK ? (uint64_t)-1 << 32 : 0);
}

/* The lock is held, and released, and the caller's is the only reference: there will be none any more. */
static inline void lockref_die_unlock(struct lockref *ref)
{
	word_add_unlock(&ref->word, (uint64_t)(LOCKREF_DEAD - 1) << 32);
}

/* The lock is held. @bits: LOCKREF_KEEP, LOCKREF_SLOW. */
static inline void lockref_set_bits(struct lockref *ref, uint64_t bits)
{
	atomic_fetch_or_explicit(&ref->word, bits, memory_order_relaxed);
}

static inline void lockref_clear_bits(struct lockref *ref, uint64_t bits)
{
	/* Nobody else changes them meanwhile. */
	if (atomic_load_explicit(&ref->word, memory_order_relaxed) & bits)
		atomic_fetch_and_explicit(&ref->word, ~bits, memory_order_relaxed);
}

/* Take a reference while there are fewer than @full; those of LOCKREF_STUCK need not be counted. */
static inline enum lockref_got lockref_get_below(struct lockref *ref, int32_t full)
{
	uint64_t word = atomic_load_explicit(&ref->word, memory_order_relaxed);
	int spins = 0;

	for (;;) {
		if (lockref_count_of(word) < 0) {
			/* Who is told that it is gone sees what was done before (lockref_die_unlock()). */
			(void)atomic_load_explicit(&ref->word, memory_order_acquire);
			return LOCKREF_GONE;
		}
		if (lockref_count_of(word) >= full)
			return LOCKREF_FULL;
		if (word & LOCKREF_LOCKED) {
			if (spins++ == DC_SPIN_LIMIT)
				return LOCKREF_BUSY;
			dc_spin_hint();
			word = atomic_load_explicit(&ref->word, memory_order_relaxed);
		} else if (atomic_compare_exchange_strong_explicit(
				   &ref->word, &word, word + LOCKREF_ONE, memory_order_acquire,
				   memory_order_relaxed)) {
			return LOCKREF_GOT;
		}
	}
}

/*
 * Take a reference without ever sleeping: for read sections. The memory must be kept by the
 * section or by a reference.
 */
static inline enum lockref_got lockref_tryget(struct lockref *ref)
{
	return lockref_get_below(ref, LOCKREF_MAX);
}

/* The same at the first attempt, or not at all: false says nothing. */
static inline bool lockref_tryget_once(struct lockref *ref)
{
	uint64_t word = atomic_load_explicit(&ref->word, memory_order_relaxed);

	return !(word & LOCKREF_LOCKED) && (word >> 32) < LOCKREF_MAX &&
	       atomic_compare_exchange_strong_explicit(&ref->word, &word, word + LOCKREF_ONE,
						       memory_order_acquire, memory_order_relaxed);
}

/* The same for who has one, or has something that has: not refused, but stuck in the end. */
static inline enum lockref_got lockref_tryget_again(struct lockref *ref)
{
	enum lockref_got got = lockref_get_below(ref, LOCKREF_STUCK);

	return got == LOCKREF_FULL ? LOCKREF_GOT : got;
}

/* Give a reference back, if the word alone says that nothing else is to be done. */
static inline bool lockref_put_fast(struct lockref *ref)
{
	uint64_t word = atomic_load_explicit(&ref->word, memory_order_relaxed);

	if (lockref_count_of(word) >= LOCKREF_STUCK)
		return true;
	while (!(word & (LOCKREF_LOCKED | LOCKREF_SLOW)) &&
	       lockref_count_of(word) > ((word & LOCKREF_KEEP) ? 0 : 1)) {
		if (atomic_compare_exchange_strong_explicit(&ref->word, &word, word - LOCKREF_ONE,
							    memory_order_release,
							    memory_order_relaxed))
			return true;
	}
	return false;
}

#pragma GCC visibility pop

#endif /* DCACHE_LOCKREF_H */
