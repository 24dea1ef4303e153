/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only door to the machine.
 *
 * Everything in the core that is not a plain C11 atomic goes through the functions below: read
 * sections and grace periods, futexes, the spin hint, allocation, thread identity, time. They are
 * inline here; a build for a model checker (DCACHE_MODEL) gets them as functions it defines. So:
 *
 *  - no inline assembly, no liburcu macro and no uatomic_* outside this header and reclaim.c;
 *  - every shared word is _Atomic and is accessed with an explicit order; there are no fences;
 *  - every loop that waits for another thread calls dc_spin_hint() or sleeps on a futex.
 *
 * Cancellation: no call of the library is a cancellation point. The C library's functions that would
 * be are not used (system calls are made directly), or are called between dc_cancel_off() and
 * dc_cancel_back(), as are the program's operations that may sleep: locks may be held around them.
 *
 * Memory order of a grace period: what a thread did in a read section, before it left the section,
 * happens before the callbacks of objects queued before the section ended. liburcu orders this
 * with barriers that the thread sanitizer cannot see, so its annotation is here, once.
 */
#ifndef DCACHE_SYNC_SYNC_H
#define DCACHE_SYNC_SYNC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef DCACHE_MODEL
/*
 * liburcu inlines its read side where it is told that this is allowed. Its readers are not aligned
 * as their type says, which is its own affair and harmless; a build that checks alignment calls it
 * out of line instead (DCACHE_RCU_OUT_OF_LINE).
 */
#if !defined(_LGPL_SOURCE) && !defined(DCACHE_RCU_OUT_OF_LINE)
#define _LGPL_SOURCE
#endif
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <urcu/urcu-bp.h>

#if defined(__SANITIZE_THREAD__)
#define DC_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DC_TSAN 1
#endif
#endif

#ifdef DC_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#endif
#endif /* !DCACHE_MODEL */

#include "hooks.h"

#pragma GCC visibility push(hidden)

/* Where the way of most hits is to be the one without jumps. */
#define dc_likely(x) __builtin_expect(!!(x), 1)
#define dc_unlikely(x) __builtin_expect(!!(x), 0)
/* What a hit consists of is one function in each of its callers; but one of its own where its branches are
 * counted. */
#ifdef DCACHE_COVERAGE
#define DC_ALWAYS_INLINE inline
#else
#define DC_ALWAYS_INLINE inline __attribute__((always_inline))
#endif
/* ... and what is not the usual stays out of it. */
#define DC_NOINLINE __attribute__((noinline))

/* An object on its way to being freed after a grace period; embedded in the object. */
struct reclaim_head {
	struct reclaim_head *next;
	void (*func)(struct reclaim_head *head);
};

struct reclaim;

/*
 * Call @head->func after a grace period. Never waits for one unless so much is waiting already
 * that memory would grow without bound; then it does, outside of read sections only.
 */
void dc_call_rcu(struct reclaim *reclaim, struct reclaim_head *head,
		 void (*func)(struct reclaim_head *head));

/* A futex with 32 bits; a lock in the low half of a 64-bit word sleeps on that half. */
#define DC_NO_DEADLINE UINT64_MAX

/* Ask for the line at an address, which may be any: if there is nothing, nothing happens. */
static inline void dc_prefetch(const void *at)
{
	__builtin_prefetch(at);
}

/* The same of what a pointer leads to that others may be changing: whatever it is, it is only a hint. */
#if defined(DC_TSAN) || defined(DCACHE_MODEL)
#define dc_prefetch_through(pointer) ((void)&(pointer))
#else
#define dc_prefetch_through(pointer) dc_prefetch(*(void *const volatile *)(const void *)&(pointer))
#endif

#ifdef DCACHE_MODEL

void dc_read_lock(void);
void dc_read_unlock(void);
bool dc_read_ongoing(void);
void dc_synchronize_rcu(void);
int dc_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns);
void dc_futex_wake(_Atomic uint32_t *word, int count);
void dc_futex_wait_low(_Atomic uint64_t *word, uint32_t low);
void dc_futex_wake_low(_Atomic uint64_t *word, int count);
void dc_spin_hint(void);
void dc_yield(unsigned int attempt);
void *dc_alloc(size_t size, size_t align);
void dc_free(void *p);
void *dc_alloc_zeroed(size_t size);
void dc_free_zeroed(void *p, size_t size);
uint32_t dc_thread_id(void);
void **dc_thread_slot(void);
uint64_t dc_now_ns(void);
int dc_random(void *buf, size_t len);
/* There, no thread is cancelled. */
static inline int dc_cancel_off(void)
{
	return 0;
}

static inline void dc_cancel_back(int before)
{
	(void)before;
}

#else

#ifdef DC_TSAN
/* One tag for all grace periods: coarser than the truth by nothing that the core relies on. */
extern char dc_grace_period_tag;
#define DC_GRACE_RELEASE() __tsan_release(&dc_grace_period_tag)
#define DC_GRACE_ACQUIRE() __tsan_acquire(&dc_grace_period_tag)
#else
#define DC_GRACE_RELEASE() ((void)0)
#define DC_GRACE_ACQUIRE() ((void)0)
#endif

static inline void dc_read_lock(void)
{
	urcu_bp_read_lock();
}

static inline void dc_read_unlock(void)
{
	DC_GRACE_RELEASE();
	urcu_bp_read_unlock();
}

static inline bool dc_read_ongoing(void)
{
	return urcu_bp_read_ongoing();
}

/* From now on the calling thread is not cancelled. Return: for dc_cancel_back(). */
static inline int dc_cancel_off(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void dc_cancel_back(int before)
{
	pthread_setcancelstate(before, NULL);
}

static inline void dc_synchronize_rcu(void)
{
	int cancel = dc_cancel_off();

	urcu_bp_synchronize_rcu();
	dc_cancel_back(cancel);
	DC_GRACE_ACQUIRE();
}

static inline long dc_futex(void *addr, int op, uint32_t value, const struct timespec *deadline)
{
	return syscall(SYS_futex, addr, op | FUTEX_PRIVATE_FLAG, value, deadline, NULL,
		       FUTEX_BITSET_MATCH_ANY);
}

/*
 * Sleep while *@word is @value, until woken or until @deadline_ns of the monotonic clock. May
 * return early for no reason. Return: 0, or -ETIMEDOUT.
 */
static inline int dc_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(deadline_ns / 1000000000u),
		.tv_nsec = (long)(deadline_ns % 1000000000u),
	};
	int saved = errno;
	int ret = 0;

	if (dc_futex(word, FUTEX_WAIT_BITSET, value, deadline_ns == DC_NO_DEADLINE ? NULL : &ts) &&
	    errno == ETIMEDOUT)
		ret = -ETIMEDOUT;
	errno = saved;
	return ret;
}

/*
 * Wake up to @count sleepers. @word is used as an address only: it may be a frame that has
 * returned or memory that was freed, since whoever was woken there looks at its condition again.
 */
static inline void dc_futex_wake(_Atomic uint32_t *word, int count)
{
	int saved = errno;

	dc_futex((void *)word, FUTEX_WAKE, (uint32_t)count, NULL);
	errno = saved;
}

static inline _Atomic uint32_t *dc_low_half(_Atomic uint64_t *word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (_Atomic uint32_t *)(void *)word;
#else
	return (_Atomic uint32_t *)(void *)word + 1;
#endif
}

/* Only the kernel ever reads the half: the core loads and stores the whole word. */
static inline void dc_futex_wait_low(_Atomic uint64_t *word, uint32_t low)
{
	dc_futex_wait(dc_low_half(word), low, DC_NO_DEADLINE);
}

static inline void dc_futex_wake_low(_Atomic uint64_t *word, int count)
{
	dc_futex_wake(dc_low_half(word), count);
}

/* A moment's pause between two looks at a word that another thread is about to change. */
static inline void dc_spin_hint(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/*
 * Let others run, between two attempts at something that cannot be slept on because its memory is
 * not ours to keep: holders of a lock run for well below a microsecond unless descheduled.
 */
static inline void dc_yield(unsigned int attempt)
{
	if (attempt < 4) {
		sched_yield();
	} else {
		const struct timespec pause = { .tv_sec = 0, .tv_nsec = 50000 };
		int saved = errno;

		syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &pause, NULL);
		errno = saved;
	}
}

/* NULL if there is no memory. @align is a power of two; @size a multiple of it. */
static inline void *dc_alloc(size_t size, size_t align)
{
	int saved = errno;
	void *p;

	if (dc_allocation_should_fail())
		return NULL;
	p = align > _Alignof(max_align_t) ? aligned_alloc(align, size) : malloc(size);
	if (p)
		dc_count_allocation(1);
	else
		errno = saved;
	return p;
}

static inline void dc_free(void *p)
{
	if (p)
		dc_count_allocation(-1);
	free(p);
}

/* Big enough to be mapped: pages come when they are touched, and may be huge. */
#define DC_HUGE_PAGE ((size_t)2 << 20)

/* @size bytes of zeroes at a multiple of DC_HUGE_PAGE, of which the first @huge in huge pages where the kernel
 * has some, and the others not; or NULL. The address has 48 bits at most. */
static inline void *dc_map(size_t size, size_t huge)
{
	size_t room = size + DC_HUGE_PAGE, before;
	char *p = mmap(NULL, room, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)p & (DC_HUGE_PAGE - 1);
	if (before)
		munmap(p, before);
	munmap(p + before + size, room - before - size);
	p += before;
	/* Longer ones are for who asks for them, on what is common. */
	if ((uint64_t)(uintptr_t)p >> 48) {
		munmap(p, size);
		return NULL;
	}
	if (huge)
		madvise(p, huge, MADV_HUGEPAGE);
	if (huge < size)
		madvise(p + huge, size - huge, MADV_NOHUGEPAGE);
	return p;
}

static inline size_t dc_map_size(size_t size)
{
	return (size + DC_HUGE_PAGE - 1) & ~(DC_HUGE_PAGE - 1);
}

/* Zeroes, aligned to a cache line; @size is a multiple of it. For dc_free_zeroed(). NULL: no memory. */
static inline void *dc_alloc_zeroed(size_t size)
{
	int saved = errno;
	void *p;

	if (dc_allocation_should_fail())
		return NULL;
	if (size >= DC_HUGE_PAGE) {
		p = dc_map(dc_map_size(size), size & ~(DC_HUGE_PAGE - 1));
	} else {
		p = aligned_alloc(64, size);
		if (p)
			memset(p, 0, size);
	}
	errno = saved;
	if (p)
		dc_count_allocation(1);
	return p;
}

static inline void dc_free_zeroed(void *p, size_t size)
{
	dc_count_allocation(-1);
	if (size >= DC_HUGE_PAGE)
		munmap(p, dc_map_size(size));
	else
		free(p);
}

/* Nonzero, and no other living thread's. */
static inline uint32_t dc_thread_id(void)
{
	static _Thread_local uint32_t id;

	if (!id)
		id = (uint32_t)syscall(SYS_gettid);
	return id;
}

/* A pointer of the calling thread's, NULL at first. For async_tell() alone. */
extern _Thread_local void *dc_slot;

static inline void **dc_thread_slot(void)
{
	return &dc_slot;
}

/* The monotonic clock; never the wall clock. */
static inline uint64_t dc_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Return: 0, or a negative errno value. */
static inline int dc_random(void *buf, size_t len)
{
	unsigned char *at = buf;
	int saved = errno;
	int err;

	while (len) {
		ssize_t got = syscall(SYS_getrandom, at, len, 0);

		if (got < 0) {
			err = errno;
			errno = saved;
			if (err == EINTR)
				continue;
			return -err;
		}
		at += got;
		len -= (size_t)got;
	}
	return 0;
}

#endif /* DCACHE_MODEL */

/*
 * How often to look before sleeping. The holder of a lock of ours runs some tens of instructions;
 * if it has not let go by then it was most likely descheduled, and spinning would only keep it so.
 */
#ifdef DCACHE_MODEL
#define DC_SPIN_LIMIT 1
#else
#define DC_SPIN_LIMIT 64
#endif

#pragma GCC visibility pop

#endif /* DCACHE_SYNC_SYNC_H */
