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

void counters_init(struct counters *counters, bool limited)
{
	unsigned int i;

	atomic_init(&counters->limited, limited);
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

/* Of those without a place of their own. */
static struct counter_shard *counter_shard(struct counters *counters)
{
	return &counters->shards[dc_thread_id() % COUNTER_SHARDS];
}

void counter_add_shared(struct counters *counters, enum counter counter, int64_t by)
{
	atomic_fetch_add_explicit(&counter_shard(counters)->count[counter], (uint64_t)by,
				  memory_order_release);
}

/* A share has become as big as @share: that much goes over to the total, unless somebody else has seen to it. */
static void limit_fold(struct counters *counters, enum limit_kind kind, struct counter_shard *shard,
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

void limit_add_shared(struct counters *counters, enum limit_kind kind, int64_t by)
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

/* N5. Limits are set by one thread at a time. */
static void begin_limits(struct counters *counters)
{
	unsigned int i;
	int kind;

	if (limits_are_set(counters))
		return;
	atomic_store_explicit(&counters->limited, true, memory_order_seq_cst);
	dc_synchronize_rcu();
	for (i = 0; i < DC_THREAD_NUMBERS; i++) {
		for (kind = 0; kind < NR_LIMITS; kind++)
			atomic_fetch_add_explicit(
				&counters->totals[kind].value,
				atomic_load_explicit(&counters->own[i].share[kind],
						     memory_order_relaxed),
				memory_order_acq_rel);
	}
}

void limit_set(struct counters *counters, enum limit_kind kind, uint64_t max)
{
	struct limit *limit = &counters->limits[kind];
	uint64_t most = INT64_MAX / 2;
	int64_t threshold = INT64_MAX;
	int64_t batch = UNLIMITED_BATCH;

	if (max) {
		begin_limits(counters);
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
