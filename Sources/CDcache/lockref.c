/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contended side of lockref; see lockref.h. */
#include "lockref.h"

void lockref_lock_slow(struct lockref *ref)
{
	uint64_t word = atomic_load_explicit(&ref->word, memory_order_relaxed);
	uint64_t take = LOCKREF_LOCKED;
	int spins = 0;

	for (;;) {
		if (!(word & LOCKREF_LOCKED)) {
			if (atomic_compare_exchange_strong_explicit(&ref->word, &word, word | take,
								    memory_order_acquire,
								    memory_order_relaxed))
				return;
			continue;
		}
		if (spins++ < DC_SPIN_LIMIT) {
			dc_spin_hint();
		} else if ((word & LOCKREF_SLEEPERS) ||
			   atomic_compare_exchange_strong_explicit(
				   &ref->word, &word, word | LOCKREF_SLEEPERS,
				   memory_order_relaxed, memory_order_relaxed)) {
			dc_futex_wait_low(&ref->word, (uint32_t)(word | LOCKREF_SLEEPERS));
			/* Others may sleep yet: wake one more when unlocking. */
			take = LOCKREF_BITS;
		}
		word = atomic_load_explicit(&ref->word, memory_order_relaxed);
	}
}
