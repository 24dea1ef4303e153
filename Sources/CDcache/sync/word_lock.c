/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contended side of a word's lock; see word_lock.h. */
#include "word_lock.h"

void word_lock_slow(_Atomic uint64_t *word)
{
	uint64_t value = atomic_load_explicit(word, memory_order_relaxed);
	uint64_t take = WORD_LOCKED;
	int spins = 0;

	for (;;) {
		if (!(value & WORD_LOCKED)) {
			if (atomic_compare_exchange_strong_explicit(word, &value, value | take,
								    memory_order_acquire,
								    memory_order_relaxed))
				return;
			continue;
		}
		if (spins++ < DC_SPIN_LIMIT) {
			dc_spin_hint();
		} else if ((value & WORD_SLEEPERS) ||
			   atomic_compare_exchange_strong_explicit(
				   word, &value, value | WORD_SLEEPERS, memory_order_relaxed,
				   memory_order_relaxed)) {
			dc_futex_wait_low(word, (uint32_t)(value | WORD_SLEEPERS));
			/* Others may sleep yet: wake one more when unlocking. */
			take = WORD_LOCK_BITS;
		}
		value = atomic_load_explicit(word, memory_order_relaxed);
	}
}
