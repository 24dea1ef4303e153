/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contended side of the bucket lock; see hlist_bl.h. */
#include "hlist_bl.h"

void hlist_bl_lock_slow(struct hlist_bl_head *head)
{
	uint64_t word = atomic_load_explicit(&head->first, memory_order_relaxed);
	uint64_t take = HLIST_BL_LOCKED;
	int spins = 0;

	for (;;) {
		if (!(word & HLIST_BL_LOCKED)) {
			if (atomic_compare_exchange_strong_explicit(&head->first, &word, word | take,
								    memory_order_acquire,
								    memory_order_relaxed))
				return;
			continue;
		}
		if (spins++ < DC_SPIN_LIMIT) {
			dc_spin_hint();
		} else if ((word & HLIST_BL_SLEEPERS) ||
			   atomic_compare_exchange_strong_explicit(
				   &head->first, &word, word | HLIST_BL_SLEEPERS,
				   memory_order_relaxed, memory_order_relaxed)) {
			dc_futex_wait_low(&head->first, (uint32_t)(word | HLIST_BL_SLEEPERS));
			/* Others may sleep yet: wake one more when unlocking. */
			take = HLIST_BL_BITS;
		}
		word = atomic_load_explicit(&head->first, memory_order_relaxed);
	}
}
