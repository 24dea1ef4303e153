/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Small numbers of threads, for what each is to have a place of its own for.
 *
 * A thread takes a number that no other living thread has, the first time that it is asked for, and gives it
 * back when it ends. Who takes it next sees all that its last owner did. There are so many numbers; who finds
 * none has none for as long as it lives, nor has a thread any more whose end has begun.
 */
#ifndef DCACHE_SYNC_NUMBER_H
#define DCACHE_SYNC_NUMBER_H

#include "sync.h"

#pragma GCC visibility push(hidden)

/* The controlled scheduler has fewer: fewer words. */
#ifndef DC_THREAD_NUMBERS
#define DC_THREAD_NUMBERS 32u
#endif

#ifdef DCACHE_MODEL

/* Below DC_THREAD_NUMBERS, or no number. */
uint32_t dc_thread_number(void);

#else

/* One more than the number; 0: not asked for yet. */
extern _Thread_local uint32_t dc_number;

uint32_t dc_number_take(void);

static inline uint32_t dc_thread_number(void)
{
	uint32_t number = dc_number;

	if (dc_unlikely(!number))
		number = dc_number_take();
	return number - 1;
}

#endif

#pragma GCC visibility pop

#endif /* DCACHE_SYNC_NUMBER_H */
