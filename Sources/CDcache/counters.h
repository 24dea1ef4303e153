/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counters that many threads change and few read.
 *
 * Who may be here: any thread that makes, publishes or frees something. Each adds to a shard of its
 * own, if it has a number (sync/number.h): nobody else writes there, so it takes no atomic addition. The
 * others share some. Reading adds the shards up: exact when nobody changes them.
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
 *  N5	While there has never been a limit, a thread with a number adds its shares where nobody else writes,
 *	too, and looks at no batch. It sees that there is no limit and adds in one read section. Who sets
 *	the first limit says so (@limited, which stays), waits for a grace period, and then has all those shares
 *	before it, which nobody changes any more: they go over to the totals. Who reads that there is none has
 *	read it before it was said (sequentially consistent), in a section that had begun by then.
 */
#ifndef DCACHE_COUNTERS_H
#define DCACHE_COUNTERS_H

#include "sync/number.h"
#include "sync/sync.h"

#pragma GCC visibility push(hidden)

/* Those that are shared. The controlled scheduler has one: fewer states. */
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
	_Atomic bool limited; /* N5 */
	struct limit_total totals[NR_LIMITS];
	struct counter_shard shards[COUNTER_SHARDS];
	struct counter_shard own[DC_THREAD_NUMBERS]; /* share: N5 */
};

void counter_add_shared(struct counters *counters, enum counter counter, int64_t by);

static inline void own_count_add(struct counter_shard *own, enum counter counter, int64_t by)
{
	uint64_t before = atomic_load_explicit(&own->count[counter], memory_order_relaxed);

	atomic_store_explicit(&own->count[counter], before + (uint64_t)by, memory_order_release);
}

/* Release: what is freed is counted last (N1), and what goes before the limit lets others in (N2). */
static inline void counter_add(struct counters *counters, enum counter counter, int64_t by)
{
	uint32_t number = dc_thread_number();

	if (dc_likely(number < DC_THREAD_NUMBERS))
		own_count_add(&counters->own[number], counter, by);
	else
		counter_add_shared(counters, counter, by);
}

static inline uint64_t counter_sum(const struct counters *counters, enum counter counter)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < COUNTER_SHARDS; i++)
		sum += atomic_load_explicit(&counters->shards[i].count[counter],
					    memory_order_acquire);
	for (i = 0; i < DC_THREAD_NUMBERS; i++)
		sum += atomic_load_explicit(&counters->own[i].count[counter], memory_order_acquire);
	return sum;
}

/* @limited: there is going to be a limit; no need to wait when the first is set. */
void counters_init(struct counters *counters, bool limited);
/* What came less what went (N2). */
uint64_t counter_level(const struct counters *counters, enum counter came, enum counter went);
/* Is nothing alive (N1)? */
bool counters_none_alive(const struct counters *counters);
/* @max: 0: no limit. Not in a read section. */
void limit_set(struct counters *counters, enum limit_kind kind, uint64_t max);
static inline uint64_t limit_max(const struct counters *counters, enum limit_kind kind)
{
	return atomic_load_explicit(&counters->limits[kind].max, memory_order_relaxed);
}

/* Has there ever been a limit? */
static inline bool limits_are_set(const struct counters *counters)
{
	return atomic_load_explicit(&counters->limited, memory_order_seq_cst);
}

/* The shard of the calling thread, of which the share is its own, too; then this is in a read section. Or NULL:
 * N5. */
static inline struct counter_shard *counters_enter_own(struct counters *counters)
{
	uint32_t number = dc_thread_number();

	if (dc_unlikely(number >= DC_THREAD_NUMBERS || limits_are_set(counters)))
		return NULL;
	dc_read_lock();
	if (dc_likely(!limits_are_set(counters)))
		return &counters->own[number];
	dc_read_unlock();
	return NULL;
}

static inline void own_share_add(struct counter_shard *own, enum limit_kind kind, int64_t by)
{
	int64_t before = atomic_load_explicit(&own->share[kind], memory_order_relaxed);

	atomic_store_explicit(&own->share[kind], before + by, memory_order_relaxed);
}

void limit_add_shared(struct counters *counters, enum limit_kind kind, int64_t by);

static inline void limit_add(struct counters *counters, enum limit_kind kind, int64_t by)
{
	struct counter_shard *own = counters_enter_own(counters);

	if (own) {
		own_share_add(own, kind, by);
		dc_read_unlock();
	} else {
		limit_add_shared(counters, kind, by);
	}
}

/* The same, having counted @nr. */
static inline void counter_limit_add(struct counters *counters, enum counter counter, int64_t nr,
				     enum limit_kind kind, int64_t by)
{
	struct counter_shard *own = counters_enter_own(counters);

	if (own) {
		own_count_add(own, counter, nr);
		own_share_add(own, kind, by);
		dc_read_unlock();
	} else {
		counter_add(counters, counter, nr);
		limit_add_shared(counters, kind, by);
	}
}

/* May there be more than the limit allows? Never "no" while there is. */
static inline bool limit_exceeded(const struct counters *counters, enum limit_kind kind)
{
	return atomic_load_explicit(&counters->totals[kind].value, memory_order_acquire) >
	       atomic_load_explicit(&counters->limits[kind].threshold, memory_order_relaxed);
}

#pragma GCC visibility pop

#endif /* DCACHE_COUNTERS_H */
