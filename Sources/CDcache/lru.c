/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unused entries, and freeing them.
 *
 * Every hashed entry without a reference is on the LRU; one that is taken into use stays on it
 * until the shrinker sees that. So freeing all of the LRU, parents following their last child,
 * frees all that is unused: teardown needs no walk of the tree.
 *
 * The LRU is in shards, chosen by the first name's hash, each with a lock inside d_lock. The shrinker
 * comes from the other side: it holds the shard's lock and only tries d_lock; an entry whose lock is
 * taken is passed over, never waited for. An entry that is to go gets a reference, leaves the list,
 * and is put like any other, after the shard's lock is released: if somebody found it meanwhile, it
 * stays.
 */
#include "internal.h"

#define SHRINK_BATCH 32

void lru_init(struct dcache *dc)
{
	unsigned int i;

	for (i = 0; i < LRU_SHARDS; i++) {
		dc_lock_init(&dc->lru[i].lock);
		list_init(&dc->lru[i].list);
		atomic_init(&dc->lru[i].nr, 0);
	}
}

static struct lru_shard *shard_of(const struct dentry *dentry)
{
	return &dentry->d_dcache->lru[d_flags(dentry) >> DCACHE_LRU_SHARD_SHIFT];
}

void d_lru_add(struct dentry *dentry)
{
	struct lru_shard *shard = shard_of(dentry);

	d_change_flags(dentry, DCACHE_REFERENCED, DCACHE_LRU_LIST);
	dc_lock(&shard->lock);
	list_add_tail(&dentry->d_lru, &shard->list);
	count_add(&shard->nr, 1);
	dc_unlock(&shard->lock);
}

/* d_lock and the shard's lock are held. */
static void lru_isolate(struct lru_shard *shard, struct dentry *dentry)
{
	list_del(&dentry->d_lru);
	count_add(&shard->nr, -1);
	d_change_flags(dentry, DCACHE_LRU_LIST | DCACHE_REFERENCED, 0);
	lockref_clear_bits(&dentry->d_lockref, LOCKREF_KEEP);
}

void d_lru_del(struct dentry *dentry)
{
	struct lru_shard *shard = shard_of(dentry);

	dc_lock(&shard->lock);
	lru_isolate(shard, dentry);
	dc_unlock(&shard->lock);
}

uint64_t lru_count(const struct dcache *dc)
{
	uint64_t count = 0;
	unsigned int i;

	for (i = 0; i < LRU_SHARDS; i++)
		count += atomic_load_explicit(&dc->lru[i].nr, memory_order_relaxed);
	return count;
}

/* Take up to @want victims, each with a reference for the caller, off the cold end of a shard. */
static size_t lru_take(struct lru_shard *shard, struct dentry **victims, size_t want, size_t *scan,
		       bool all)
{
	struct list_head *at, *next;
	uint64_t left;
	size_t taken = 0;

	dc_lock(&shard->lock);
	/* Those that are spared go to the end; do not meet them again. */
	left = atomic_load_explicit(&shard->nr, memory_order_relaxed);
	for (at = shard->list.next; at != &shard->list && taken < want && *scan && left; at = next) {
		struct dentry *dentry = container_of(at, struct dentry, d_lru);

		next = at->next;
		left--;
		(*scan)--;
		if (!lockref_trylock(&dentry->d_lockref))
			continue;
		if (lockref_count(&dentry->d_lockref) > 0) {
			lru_isolate(shard, dentry);
		} else if (!all && (d_flags(dentry) & DCACHE_REFERENCED)) {
			list_del(at);
			list_add_tail(at, &shard->list);
			d_change_flags(dentry, DCACHE_REFERENCED, 0);
			lockref_clear_bits(&dentry->d_lockref, LOCKREF_KEEP);
		} else {
			lru_isolate(shard, dentry);
			lockref_add_locked(&dentry->d_lockref, 1);
			victims[taken++] = dentry;
		}
		lockref_unlock(&dentry->d_lockref);
	}
	dc_unlock(&shard->lock);
	return taken;
}

size_t lru_shrink(struct dcache *dc, size_t nr, size_t scan, bool all)
{
	struct dentry *victims[SHRINK_BATCH];
	size_t freed = 0;
	unsigned int idle = 0;

	while (freed < nr && scan && idle < LRU_SHARDS) {
		uint32_t turn = atomic_fetch_add_explicit(&dc->next_lru_shard, 1,
							  memory_order_relaxed);
		size_t want = nr - freed < SHRINK_BATCH ? nr - freed : SHRINK_BATCH;
		size_t scan_before = scan;
		size_t taken = lru_take(&dc->lru[turn % LRU_SHARDS], victims, want, &scan, all);
		size_t i;

		idle = scan == scan_before ? idle + 1 : 0;
		for (i = 0; i < taken; i++) {
			DC_POINT(DC_S1, victims[i]);
			if (dentry_kill(victims[i])) {
				freed++;
				count_add(&dc->evicted, 1);
			}
		}
	}
	return freed;
}

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
