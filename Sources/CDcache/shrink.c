/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Freeing what is unused because somebody says so. Any number of threads may do this, beside any other
 * use of the instance; lru.c has what protects whom.
 */
#include "internal.h"

size_t shrink_dcache(struct dcache *dc, size_t nr)
{
	size_t freed = 0;
	size_t now;

	/* A round spares what was used again; the next frees it, and parents that are left alone. */
	do {
		now = lru_shrink(dc, nr - freed, 2 * lru_count(dc) + LRU_SHARDS, false);
		freed += now;
	} while (now && freed < nr);
	return freed;
}

size_t dcache_pressure(struct dcache *dc, unsigned int percent)
{
	uint64_t unused = lru_count(dc);

	if (!percent || percent > 100)
		return 0;
	return shrink_dcache(dc, (size_t)((unused * percent + 99) / 100));
}

/* What waits for a grace period is to be little beside what the limits allow. */
#define WAITING_PART 8

static void bound_waiting(struct dcache *dc)
{
	uint64_t entries = limit_max(&dc->counters, LIMIT_ENTRIES);
	uint64_t bytes = limit_max(&dc->counters, LIMIT_BYTES);
	uint64_t bound = RECLAIM_BOUND;

	if (entries && entries / WAITING_PART < bound)
		bound = entries / WAITING_PART;
	if (bytes && bytes / sizeof(struct dentry) / WAITING_PART < bound)
		bound = bytes / sizeof(struct dentry) / WAITING_PART;
	if (bound < RECLAIM_BATCH)
		bound = RECLAIM_BATCH;
	atomic_store_explicit(&dc->reclaim.bound, (uint32_t)bound, memory_order_relaxed);
}

int limits_set(struct dcache *dc, const struct dcache_limits *limits)
{
	if (limits->max_bytes && limits->max_bytes < MIN_MAX_BYTES)
		return -EINVAL;
	limit_set(&dc->counters, LIMIT_ENTRIES, limits->max_entries);
	limit_set(&dc->counters, LIMIT_NEGATIVES, limits->max_negatives);
	limit_set(&dc->counters, LIMIT_BYTES, limits->max_bytes);
	bound_waiting(dc);
	return 0;
}

int dcache_set_limits(struct dcache *dc, const struct dcache_limits *limits)
{
	int err;

	dc_lock(&dc->limits_lock);
	err = limits_set(dc, limits);
	dc_unlock(&dc->limits_lock);
	if (!err)
		lru_keep_limits(dc);
	return err;
}
