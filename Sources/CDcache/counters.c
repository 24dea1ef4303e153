/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The side of counters that few come to; see counters.h. */
#include "counters.h"

/* Without a limit the totals are read by nobody. */
#define UNLIMITED_BATCH 65536
/* How often a sum that others change is tried. */
#define LEVEL_ATTEMPTS 4
/* At most this part of a limit is kept to spare. */
#define SLACK_PART 64
/* What threads may have allocated, and counted, when they come to make room for it. */
#define BYTES_IN_FLIGHT 65536

void counters_init(struct counters *counters)
{
	unsigned int i;

	for (i = 0; i < NR_LIMITS; i++)
		limit_set(counters, (enum limit_kind)i, 0);
}

uint64_t counter_level(const struct counters *counters, enum counter came, enum counter went)
{
	uint64_t best = 0;
	int attempt;

	for (attempt = 0; attempt < LEVEL_ATTEMPTS; attempt++) {
		uint64_t came_before = counter_sum(counters, came);
		int64_t level = (int64_t)(came_before - counter_sum(counters, went));

		if (level > 0 && (uint64_t)level > best)
			best = (uint64_t)level;
		if (counter_sum(counters, came) == came_before)
			break;
	}
	return best;
}

bool counters_none_alive(const struct counters *counters)
{
	uint64_t freed = counter_sum(counters, COUNT_ENTRIES_FREED) +
			 counter_sum(counters, COUNT_INODES_FREED);

	return freed ==
	       counter_sum(counters, COUNT_ENTRIES_MADE) + counter_sum(counters, COUNT_INODES_MADE);
}

void limit_fold(struct counters *counters, enum limit_kind kind, struct counter_shard *shard,
		int64_t share)
{
	_Atomic int64_t *total = &counters->totals[kind].value;
	int64_t now;

	if (share > 0)
		atomic_fetch_add_explicit(total, share, memory_order_acq_rel);
	now = atomic_load_explicit(&shard->share[kind], memory_order_relaxed);
	while (share > 0 ? now >= share : now <= share) {
		if (!atomic_compare_exchange_strong_explicit(&shard->share[kind], &now, now - share,
							     memory_order_acq_rel,
							     memory_order_relaxed))
			continue;
		if (share < 0)
			atomic_fetch_add_explicit(total, share, memory_order_acq_rel);
		return;
	}
	if (share > 0)
		atomic_fetch_sub_explicit(total, share, memory_order_acq_rel);
}

/* None keeps more than @batch. */
static void empty_shares(struct counters *counters, enum limit_kind kind, int64_t batch)
{
	unsigned int i;

	for (i = 0; i < COUNTER_SHARDS; i++) {
		struct counter_shard *shard = &counters->shards[i];
		int64_t share;

		while ((share = atomic_load_explicit(&shard->share[kind], memory_order_seq_cst)) >=
			       batch ||
		       share <= -batch)
			limit_fold(counters, kind, shard, share);
	}
}

void limit_set(struct counters *counters, enum limit_kind kind, uint64_t max)
{
	struct limit *limit = &counters->limits[kind];
	uint64_t most = INT64_MAX / 2;
	int64_t threshold = INT64_MAX;
	int64_t batch = UNLIMITED_BATCH;

	if (max) {
		threshold = (int64_t)(max < most ? max : most);
		batch = threshold / SLACK_PART / COUNTER_SHARDS;
		if (batch > UNLIMITED_BATCH)
			batch = UNLIMITED_BATCH;
		if (batch < 1)
			batch = 1;
		threshold -= (batch - 1) * (int64_t)COUNTER_SHARDS;
		if (kind == LIMIT_BYTES)
			threshold -= BYTES_IN_FLIGHT;
	}
	atomic_store_explicit(&limit->max, max, memory_order_relaxed);
	atomic_store_explicit(&limit->batch, batch, memory_order_seq_cst);
	empty_shares(counters, kind, batch);
	atomic_store_explicit(&limit->threshold, threshold, memory_order_relaxed);
}
