/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contended side of dc_lock; see lock.h. */
#include "lock.h"

void dc_lock_slow(struct dc_lock *lock)
{
	int spins;

	for (spins = 0; spins < DC_SPIN_LIMIT; spins++) {
		if (!atomic_load_explicit(&lock->word, memory_order_relaxed) && dc_trylock(lock))
			return;
		dc_spin_hint();
	}
	while (atomic_exchange_explicit(&lock->word, 2, memory_order_acquire) != 0)
		dc_futex_wait(&lock->word, 2, DC_NO_DEADLINE);
}
