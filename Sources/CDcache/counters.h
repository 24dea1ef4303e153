/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counters that many threads change and few read.
 *
 * Who may be here: any thread that makes, publishes or frees something. Each adds to the shard of its
 * own, so that threads do not pass one cache line around. Reading adds the shards up: exact when
 * nobody changes them.
 *
 *  N1	Is anything alive? What is made and what is freed are counted apart, and neither count ever
 *	falls. Whoever reads all that was freed (acquire; counted with release) and then all that was
 *	made, and finds the same number, knows that nothing was alive at the moment between: what was
 *	made before it is in the second sum, what was freed after it is not in the first. Nothing made
 *	before is missed: whoever makes an entry or inode does it by a reference on another one, which
 *	is freed later; so either that one is missing in the first sum, or its being freed, seen there,
 *	brings along that the new one was made.
 *  N2	How many there are, for statistics, is read the other way round: all that came, then all that
 *	went; so it is never more than there were. The best of a few attempts is taken. Nothing is
 *	counted both up and down, for the shards of such a sum are of different moments. What went is
 *	counted before the limit lets others in, and they count themselves (release) after that.
 *  N3	Limits are compared with a total that is nearly right and costs one line to read. A shard's
 *	share of it goes over to the total when it has come to @batch, either way; so there is less
 *	than @batch for each shard that the total does not know of, and the limit is tried with that
 *	much to spare. What goes over is in both for a moment, never in neither: the total may be too
 *	high, which frees an entry too many. A batch of one needs no shares.
 *  N4	Who adds to a share and then reads @batch, and who changes @batch and then empties the shares:
 *	one of the two sees the other (sequentially consistent), so none keeps more than the new batch.
 */
#ifndef DCACHE_COUNTERS_H
#define DCACHE_COUNTERS_H

#include "sync/sync.h"

#pragma GCC visibility push(hidden)

/* The controlled scheduler has one: fewer states. */
#ifndef COUNTER_SHARDS
#define COUNTER_SHARDS 16u
#endif

enum counter {
	COUNT_ENTRIES_MADE,  /* N1 */
	COUNT_ENTRIES_GONE,  /* N2: no longer counted by the limit */
	COUNT_ENTRIES_FREED, /* N1 */
	COUNT_INODES_MADE,
	COUNT_INODES_FREED,
	COUNT_NEGATIVES_MADE, /* hashed ones */
	COUNT_NEGATIVES_GONE,
	COUNT_BYTES_TAKEN,
	COUNT_BYTES_LEFT, /* waiting for a grace period, or freed */
	COUNT_BYTES_FREED,
	COUNT_LOOKUPS_STARTED,
	COUNT_LOOKUPS_ENDED,
	COUNT_LOOKUPS_WAITED,
	COUNT_OUTCOMES_SHARED,
	COUNT_OVERTAKEN,
	COUNT_EVICTED,
	COUNT_INSERTED,
	COUNT_RENAMES,
	COUNT_RESIZES,
	NR_COUNTERS
};

enum limit_kind { LIMIT_ENTRIES, LIMIT_NEGATIVES, LIMIT_BYTES, NR_LIMITS };

struct counter_shard {
	_Atomic uint64_t count[NR_COUNTERS];
	_Atomic int64_t share[NR_LIMITS]; /* not yet in the totals */
} __attribute__((aligned(64)));

/* Read by all, changed by dcache_set_limits(). */
struct limit {
	_Atomic uint64_t max; /* 0: none */
	_Atomic int64_t batch;
	_Atomic int64_t threshold; /* a total above it may be too much */
};

struct limit_total {
	_Atomic int64_t value;
} __attribute__((aligned(64)));

struct counters {
	struct limit limits[NR_LIMITS] __attribute__((aligned(64)));
	struct limit_total totals[NR_LIMITS];
	struct counter_shard shards[COUNTER_SHARDS];
};

static inline struct counter_shard *counter_shard(struct counters *counters)
{
	return &counters->shards[dc_thread_id() % COUNTER_SHARDS];
}

/* Release: what is freed is counted last (N1), and what goes before the limit lets others in (N2). */
static inline void counter_add(struct counters *counters, enum counter counter, int64_t by)
{
	atomic_fetch_add_explicit(&counter_shard(counters)->count[counter], (uint64_t)by,
				  memory_order_release);
}

static inline uint64_t counter_sum(const struct counters *counters, enum counter counter)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < COUNTER_SHARDS; i++)
		sum += atomic_load_explicit(&counters->shards[i].count[counter],
					    memory_order_acquire);
	return sum;
}

void counters_init(struct counters *counters);
/* What came less what went (N2). */
uint64_t counter_level(const struct counters *counters, enum counter came, enum counter went);
/* Is nothing alive (N1)? */
bool counters_none_alive(const struct counters *counters);
/* @max: 0: no limit. */
void limit_set(struct counters *counters, enum limit_kind kind, uint64_t max);
/* A share has become as big as @share: that much goes over to the total, unless somebody else has seen
 * to it. */
void limit_fold(struct counters *counters, enum limit_kind kind, struct counter_shard *shard,
		int64_t share);

static inline uint64_t limit_max(const struct counters *counters, enum limit_kind kind)
{
	return atomic_load_explicit(&counters->limits[kind].max, memory_order_relaxed);
}

static inline void limit_add(struct counters *counters, enum limit_kind kind, int64_t by)
{
	struct counter_shard *shard = counter_shard(counters);
	int64_t batch = atomic_load_explicit(&counters->limits[kind].batch, memory_order_relaxed);
	int64_t share;

	if (batch == 1) {
		atomic_fetch_add_explicit(&counters->totals[kind].value, by, memory_order_acq_rel);
		return;
	}
	share = atomic_fetch_add_explicit(&shard->share[kind], by, memory_order_seq_cst) + by;
	batch = atomic_load_explicit(&counters->limits[kind].batch, memory_order_seq_cst);
	if (share >= batch || share <= -batch)
		limit_fold(counters, kind, shard, share);
}

/* May there be more than the limit allows? Never "no" while there is. */
static inline bool limit_exceeded(const struct counters *counters, enum limit_kind kind)
{
	return atomic_load_explicit(&counters->totals[kind].value, memory_order_acquire) >
	       atomic_load_explicit(&counters->limits[kind].threshold, memory_order_relaxed);
}

#pragma GCC visibility pop

#endif /* DCACHE_COUNTERS_H */
