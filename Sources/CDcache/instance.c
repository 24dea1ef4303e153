/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Instances.
 *
 * dcache_destroy() is for one that nobody uses any more: everything unused is freed through the
 * LRU, and if nothing is left the instance's thread is ended and the memory given back.
 *
 * dcache_release() leaves that to the instance's thread. "dying" makes the last put of an entry free
 * it; what had been kept before is freed by the thread, and again from time to time, since an entry
 * may be put without the lock by somebody who saw the decision to keep it. When no entry, inode or
 * pending free is left, nobody can name the instance any more, but a thread may still be on its
 * way out of a call, in a read section: one more grace period, and it goes.
 */
#include <string.h>

#include "internal.h"

#define DEFAULT_HASH_BUCKETS 65536
#define MAX_HASH_BUCKETS ((size_t)1 << 30)
#define DEFAULT_IN_LOOKUP_BUCKETS 1024
#define MAX_IN_LOOKUP_BUCKETS ((size_t)1 << 20)

void dcache_account(struct dcache *dc, int64_t bytes)
{
	count_add(&dc->bytes, bytes);
}

static size_t power_of_two(size_t n)
{
	size_t power = 2;

	while (power < n)
		power *= 2;
	return power;
}

static struct hlist_bl_head *table_alloc(struct dcache *dc, size_t buckets)
{
	size_t size = buckets * sizeof(struct hlist_bl_head);
	struct hlist_bl_head *table;
	size_t i;

	size = (size + 63) & ~(size_t)63;
	table = dc_alloc(size, 64);
	if (!table)
		return NULL;
	for (i = 0; i < buckets; i++)
		atomic_init(&table[i].first, 0);
	dcache_account(dc, (int64_t)size);
	return table;
}

static void instance_free(struct dcache *dc)
{
	dc_free(dc->hash);
	dc_free(dc->in_lookup_hash);
	dc_free(dc);
}

static bool instance_is_empty(struct dcache *dc)
{
	return !atomic_load_explicit(&dc->nr_dentry, memory_order_acquire) &&
	       !atomic_load_explicit(&dc->nr_inode, memory_order_acquire);
}

static void free_all_unused(struct dcache *dc)
{
	while (lru_count(dc) &&
	       lru_shrink(dc, SIZE_MAX, lru_count(dc) + LRU_SHARDS, true))
		;
}

/* The instance's thread has nothing to do. */
static bool instance_idle(struct reclaim *reclaim)
{
	struct dcache *dc = container_of(reclaim, struct dcache, reclaim);

	if (!atomic_load_explicit(&dc->dying, memory_order_acquire) ||
	    !reclaim_in_hurry(reclaim))
		return false;
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
	size_t buckets, in_lookup_buckets;
	struct dcache *dc;
	int err = -ENOMEM;

	if (!opts)
		opts = &defaults;
	if (opts->size != sizeof(*opts) || opts->hash_buckets > MAX_HASH_BUCKETS ||
	    opts->in_lookup_buckets > MAX_IN_LOOKUP_BUCKETS)
		return -EINVAL;
	buckets = power_of_two(opts->hash_buckets ? opts->hash_buckets : DEFAULT_HASH_BUCKETS);
	in_lookup_buckets = power_of_two(opts->in_lookup_buckets ? opts->in_lookup_buckets
								 : DEFAULT_IN_LOOKUP_BUCKETS);
	dc = dc_alloc(sizeof(*dc), _Alignof(struct dcache));
	if (!dc)
		return -ENOMEM;
	memset(dc, 0, sizeof(*dc));
	dcache_account(dc, sizeof(*dc));
	dc->hash = table_alloc(dc, buckets);
	dc->hash_mask = buckets - 1;
	dc->in_lookup_hash = table_alloc(dc, in_lookup_buckets);
	dc->in_lookup_mask = in_lookup_buckets - 1;
	dc->d_op = opts->d_op;
	dc->private_data = opts->private_data;
	dc->max_entries = opts->max_entries;
	dc_lock_init(&dc->rename_lock);
	dc_lock_init(&dc->wait_graph_lock);
	lru_init(dc);
	if (!dc->hash || !dc->in_lookup_hash)
		goto free;
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
	if (reclaim_is_self(&dc->reclaim))
		return -EDEADLK;
	atomic_store_explicit(&dc->dying, true, memory_order_release);
	/* Releasing an inode may put what it referenced, here or in the instance's thread. */
	do {
		free_all_unused(dc);
		reclaim_barrier(&dc->reclaim);
	} while (lru_count(dc));
	if (!instance_is_empty(dc)) {
		atomic_store_explicit(&dc->dying, false, memory_order_release);
		return -EBUSY;
	}
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

void dcache_get_stats(const struct dcache *dc, struct dcache_stats *stats)
{
	const _Atomic uint64_t *counters[] = {
		&dc->nr_dentry,	      &dc->nr_negative,	       &dc->nr_in_lookup,
		&dc->nr_inode,	      &dc->bytes,	       &dc->lookups_started,
		&dc->lookups_waited,  &dc->outcomes_shared,    &dc->evicted,
	};
	uint64_t *fields[] = {
		&stats->entries,	&stats->negatives,	 &stats->in_lookup,
		&stats->inodes,		&stats->bytes,		 &stats->lookups_started,
		&stats->lookups_waited, &stats->outcomes_shared, &stats->evicted,
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		*fields[i] = atomic_load_explicit(counters[i], memory_order_relaxed);
	stats->unused = lru_count(dc);
	stats->pending_frees = reclaim_pending(&dc->reclaim);
}

void dcache_barrier(struct dcache *dc)
{
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
