/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * seqcount: readers of several words learn whether a writer was there meanwhile.
 *
 * Even: at rest; odd: a writer is between begin and end. Writers exclude each other by a lock of
 * theirs. Without fences, the order comes from the data: a writer stores every protected word with
 * release, so that none is seen without the odd count; a reader loads every protected word with
 * acquire, so that the second look at the count is not made before it.
 */
#ifndef DCACHE_SEQCOUNT_H
#define DCACHE_SEQCOUNT_H

#include "sync/sync.h"

struct seqcount {
	_Atomic uint32_t sequence;
};

static inline void write_seqcount_begin(struct seqcount *s)
{
	uint32_t seq = atomic_load_explicit(&s->sequence, memory_order_relaxed);

	/* Release: who sees the odd count also sees what led the writer here. */
	atomic_store_explicit(&s->sequence, seq + 1, memory_order_release);
}

static inline void write_seqcount_end(struct seqcount *s)
{
	uint32_t seq = atomic_load_explicit(&s->sequence, memory_order_relaxed);

	atomic_store_explicit(&s->sequence, seq + 1, memory_order_release);
}

/* What was read before is no longer true, though no word of it changed. */
static inline void write_seqcount_invalidate(struct seqcount *s)
{
	uint32_t seq = atomic_load_explicit(&s->sequence, memory_order_relaxed);

	atomic_store_explicit(&s->sequence, seq + 2, memory_order_release);
}

static inline uint32_t read_seqcount(const struct seqcount *s)
{
	return atomic_load_explicit(&s->sequence, memory_order_acquire);
}

/*
 * After loads with acquire: @seq is even and nothing changed since it was read. Acquire: a reader
 * that is told "changed" may go on to look for what changed, and must find it.
 */
static inline bool seqcount_unchanged(const struct seqcount *s, uint32_t seq)
{
	return !(seq & 1) && atomic_load_explicit(&s->sequence, memory_order_acquire) == seq;
}

#endif /* DCACHE_SEQCOUNT_H */
