/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers of threads; see number.h.
 *
 * Who may be here: any thread that begins or ends. A bit for each number says whether it is taken. A child of
 * fork() has those of threads that it does not have: they are lost to it.
 *
 * What tells of a thread's end is a key's destructor. Those of other keys may run later, and come here again:
 * no number is had by then.
 */
#include <errno.h>
#include <pthread.h>

#include "number.h"

#define NO_NUMBER (DC_THREAD_NUMBERS + 1)

_Static_assert(DC_THREAD_NUMBERS == 32, "a bit for each");

_Thread_local uint32_t dc_number;

static _Atomic uint32_t taken;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static _Atomic bool has_key;

/* Release: who takes it sees what was done with it. */
static void give_back(uint32_t number)
{
	dc_number = NO_NUMBER;
	atomic_fetch_and_explicit(&taken, ~((uint32_t)1 << (number - 1)), memory_order_release);
}

static void thread_ends(void *unused)
{
	(void)unused;
	give_back(dc_number);
}

static void make_key(void)
{
	atomic_store_explicit(&has_key, !pthread_key_create(&key, thread_ends),
			      memory_order_relaxed);
}

/* The library may be unloaded, and there be no destructor any more. */
static void __attribute__((destructor)) delete_key(void)
{
	if (atomic_exchange_explicit(&has_key, false, memory_order_relaxed))
		pthread_key_delete(key);
}

uint32_t dc_number_take(void)
{
	uint32_t bits = atomic_load_explicit(&taken, memory_order_relaxed);
	int saved = errno;

	dc_number = NO_NUMBER;
	pthread_once(&once, make_key);
	while (atomic_load_explicit(&has_key, memory_order_relaxed) && bits != UINT32_MAX) {
		uint32_t free = ~bits & (bits + 1);

		if (!atomic_compare_exchange_strong_explicit(
			    &taken, &bits, bits | free, memory_order_acquire, memory_order_relaxed))
			continue;
		dc_number = (uint32_t)__builtin_ctz(free) + 1;
		if (pthread_setspecific(key, &key))
			give_back(dc_number);
		break;
	}
	errno = saved;
	return dc_number;
}
