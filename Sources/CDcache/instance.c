/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Instances.
 *
 * dcache_destroy() is for one that nobody uses any more: everything unused is freed through the
 * LRU, and if nothing is left the instance's thread is ended and the memory given back.
 *
 * What d_invalidate_deferred() and deferred puts left to the thread holds references: dcache_destroy() does
 * it first.
 *
 * dcache_release() leaves that to the instance's thread. "dying" makes the last put of an entry free
 * it; what had been kept before is freed by the thread, and again from time to time, since an entry
 * may be put without the lock by somebody who saw the decision to keep it. When no entry, inode or
 * pending free is left, nobody can name the instance any more, but a thread may still be on its
 * way out of a call, in a read section: one more grace period, and it goes.
 */
#include <string.h>

#include "internal.h"

/* Sizes of the tables, as logarithms: where they begin, and what they do not pass. */
#define DEFAULT_ENTRIES 8
#define MAX_ENTRIES 28
#define DEFAULT_IN_LOOKUP 4
#define MAX_IN_LOOKUP 20
#define MAX_INODES 28

/* Steps of the instance's thread at a time, in which it moves some hundred buckets, of five entries: below a
 * millisecond. */
#define WORK_STEPS 64

/* The logarithm of a table's size that the program asks for; 0: it does not. */
static uint32_t log2_of(size_t buckets, uint32_t otherwise)
{
	uint32_t log2 = 1;

	while ((size_t)1 << log2 < buckets)
		log2++;
	return buckets ? log2 : otherwise;
}

static void instance_free(struct dcache *dc)
{
	table_destroy(&dc->entries);
	table_destroy(&dc->in_lookup);
	table_destroy(&dc->inodes);
	objects_destroy(&dc->dentry_slabs);
	objects_destroy(&dc->inode_slabs);
	dc_free(dc);
}

static bool instance_is_empty(const struct dcache *dc)
{
	return counters_none_alive(&dc->counters);
}

static void free_all_unused(struct dcache *dc)
{
	while (lru_count(dc) &&
	       lru_shrink(dc, SIZE_MAX, lru_count(dc) + LRU_SHARDS, true))
		;
}

/* The instance's thread has time: see to it that a resize ends, do a portion of what was deferred, and make
 * the room that d_alloc_noblock() did not. */
static bool instance_work(struct reclaim *reclaim)
{
	struct dcache *dc = container_of(reclaim, struct dcache, reclaim);
	bool more = deferred_work(&dc->deferred);

	if (atomic_load_explicit(&dc->dying, memory_order_acquire))
		return more;
	if (atomic_exchange_explicit(&dc->crowded, false, memory_order_relaxed))
		lru_keep_limits(dc);
	more |= table_work(&dc->entries, WORK_STEPS);
	more |= table_work(&dc->in_lookup, WORK_STEPS);
	return table_work(&dc->inodes, WORK_STEPS) || more;
}

/* The instance's thread has nothing to do. */
static bool instance_idle(struct reclaim *reclaim)
{
	struct dcache *dc = container_of(reclaim, struct dcache, reclaim);

	if (!atomic_load_explicit(&dc->dying, memory_order_acquire) ||
	    !reclaim_in_hurry(reclaim))
		return false;
	psi_end(dc);
	free_all_unused(dc);
	if (!instance_is_empty(dc) || reclaim_pending(reclaim))
		return false;
	dc_synchronize_rcu();
	pthread_detach(reclaim->thread);
	instance_free(dc);
	return true;
}

int dcache_create(const struct dcache_options *opts, struct dcache **out)
{
	static const struct dcache_options defaults = DCACHE_OPTIONS_INIT;
	struct dcache_limits limits;
	struct dcache *dc;
	int err = -ENOMEM;

	if (!opts)
		opts = &defaults;
	if (opts->size != sizeof(*opts) || opts->hash_buckets > (size_t)1 << MAX_ENTRIES ||
	    opts->in_lookup_buckets > (size_t)1 << MAX_IN_LOOKUP)
		return -EINVAL;
	limits = (struct dcache_limits){
		.max_entries = opts->max_entries,
		.max_negatives = opts->max_negatives,
		.max_bytes = opts->max_bytes,
	};
	dc = dc_alloc(sizeof(*dc), _Alignof(struct dcache));
	if (!dc)
		return -ENOMEM;
	memset(dc, 0, sizeof(*dc));
	counters_init(&dc->counters,
		      limits.max_entries || limits.max_negatives || limits.max_bytes);
	atomic_init(&dc->reclaim.bound, RECLAIM_BOUND);
	dcache_account(dc, sizeof(*dc));
	dc->d_op = opts->d_op;
	dc->private_data = opts->private_data;
	dc->positive_ttl_ns = opts->positive_ttl_ns;
	dc->negative_ttl_ns = opts->negative_ttl_ns;
	dc_lock_init(&dc->rename_lock);
	dc_lock_init(&dc->wait_graph_lock);
	dc_lock_init(&dc->limits_lock);
	dc_lock_init(&dc->psi_lock);
	objects_init(&dc->dentry_slabs, sizeof(struct dentry), dc);
	objects_init(&dc->inode_slabs, sizeof(struct inode), dc);
	lru_init(dc);
	deferred_init(&dc->deferred);
	puts_init(dc);
	dc->reclaim.work = instance_work;
	if (table_init(&dc->entries, dc, log2_of(opts->hash_buckets, DEFAULT_ENTRIES), MAX_ENTRIES,
		       entries_hash) ||
	    table_init(&dc->in_lookup, dc, log2_of(opts->in_lookup_buckets, DEFAULT_IN_LOOKUP),
		       MAX_IN_LOOKUP, in_lookup_hash) ||
	    table_init(&dc->inodes, dc, log2_of(opts->in_lookup_buckets, DEFAULT_IN_LOOKUP),
		       MAX_INODES, inodes_hash))
		goto free;
	err = limits_set(dc, &limits);
	if (!err)
		err = name_secret_init(dc, opts->seed);
	if (err)
		goto free;
	err = reclaim_start(&dc->reclaim, instance_idle);
	if (err)
		goto free;
	*out = dc;
	return 0;
free:
	instance_free(dc);
	return err;
}

int dcache_destroy(struct dcache *dc)
{
	if (reclaim_is_self(&dc->reclaim) || deferred_is_self(&dc->deferred))
		return -EDEADLK;
	psi_pause(dc);
	atomic_store_explicit(&dc->dying, true, memory_order_release);
	/* Releasing an inode may put what it referenced, here or in the instance's thread, and that may
	 * be the last of an entry whose inode is to be released after another grace period. */
	do {
		deferred_barrier(&dc->deferred);
		free_all_unused(dc);
		reclaim_barrier(&dc->reclaim);
	} while (lru_count(dc) || deferred_pending(&dc->deferred) || puts_pending(&dc->deferred) ||
		 (!instance_is_empty(dc) && reclaim_pending(&dc->reclaim)));
	if (!instance_is_empty(dc)) {
		atomic_store_explicit(&dc->dying, false, memory_order_release);
		psi_resume(dc);
		return -EBUSY;
	}
	psi_resume(dc);
	psi_end(dc);
	reclaim_stop(&dc->reclaim);
	instance_free(dc);
	return 0;
}

void dcache_release(struct dcache *dc)
{
	atomic_store_explicit(&dc->dying, true, memory_order_release);
	/* After this store the instance may be gone at any time. */
	reclaim_hurry(&dc->reclaim);
}

void *dcache_private(const struct dcache *dc)
{
	return dc->private_data;
}

/* How many entries, about, are above a limit. */
static uint64_t over_limit(const struct dcache *dc, const struct dcache_stats *stats, uint64_t live)
{
	const uint64_t levels[NR_LIMITS] = { stats->entries, stats->negatives, live };
	uint64_t over = 0;
	int kind;

	for (kind = 0; kind < NR_LIMITS; kind++) {
		uint64_t max = limit_max(&dc->counters, (enum limit_kind)kind);
		uint64_t above = max && levels[kind] > max ? levels[kind] - max : 0;

		if (kind == LIMIT_BYTES)
			above = (above + sizeof(struct dentry) - 1) / sizeof(struct dentry);
		if (above > over)
			over = above;
	}
	return over;
}

void dcache_get_stats(const struct dcache *dc, struct dcache_stats *stats)
{
	const struct counters *counters = &dc->counters;
	uint64_t live = counter_level(counters, COUNT_BYTES_TAKEN, COUNT_BYTES_LEFT);

	memset(stats, 0, sizeof(*stats));
	stats->entries = counter_level(counters, COUNT_ENTRIES_MADE, COUNT_ENTRIES_GONE);
	stats->inodes = counter_level(counters, COUNT_INODES_MADE, COUNT_INODES_FREED);
	stats->negatives = counter_level(counters, COUNT_NEGATIVES_MADE, COUNT_NEGATIVES_GONE);
	stats->unused = lru_count(dc);
	stats->in_lookup = counter_level(counters, COUNT_LOOKUPS_STARTED, COUNT_LOOKUPS_ENDED);
	stats->pending_puts = puts_pending(&dc->deferred);
	stats->pending_frees = reclaim_pending(&dc->reclaim);
	stats->pending_bytes = counter_level(counters, COUNT_BYTES_LEFT, COUNT_BYTES_FREED);
	stats->bytes = live + stats->pending_bytes;
	stats->over_limit = over_limit(dc, stats, live);
	stats->buckets = table_size(&dc->entries);
	stats->in_lookup_buckets = table_size(&dc->in_lookup);
	stats->inserted = counter_sum(counters, COUNT_INSERTED);
	stats->renames = counter_sum(counters, COUNT_RENAMES);
	stats->resizes = counter_sum(counters, COUNT_RESIZES);
	stats->lookups_started = counter_sum(counters, COUNT_LOOKUPS_STARTED);
	stats->lookups_waited = counter_sum(counters, COUNT_LOOKUPS_WAITED);
	stats->outcomes_shared = counter_sum(counters, COUNT_OUTCOMES_SHARED);
	stats->overtaken = counter_sum(counters, COUNT_OVERTAKEN);
	stats->evicted = counter_sum(counters, COUNT_EVICTED);
}

void dcache_barrier(struct dcache *dc)
{
	deferred_barrier(&dc->deferred);
	/* Freeing an entry may be what queues the name that it shared. */
	reclaim_barrier(&dc->reclaim);
	reclaim_barrier(&dc->reclaim);
}

void dcache_read_lock(void)
{
	dc_read_lock();
}

void dcache_read_unlock(void)
{
	dc_read_unlock();
}
