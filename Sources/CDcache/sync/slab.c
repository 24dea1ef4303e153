/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Slabs; see slab.h.
 *
 * A region is a huge page's worth of addresses, aligned; a slab is a part of it, at a multiple of its size,
 * and begins with struct slab, so that an object's slab is found by its address. The first slab's head is the
 * region's, too, and begins with the line that lookups read. Pages are the kernel's until they are touched: free objects are handed out in order, before
 * any that was given back, and a cache's first region is not asked to be in huge pages, so a small cache takes
 * as many small pages as it needs.
 *
 * Who may be here: any number of threads that allocate and free. Each allocates with its shard's lock from a
 * slab of that shard; frees with the lock of the shard whose slab it is. A slab with room is on its
 * shard's list. One that becomes empty, unless it is the shard's last with room, goes back to its region under
 * the cache's lock; nobody else can have come to it then, since it has left the list and has no object. That
 * lock is taken under none. A region without slabs in use is unmapped; a shard that has allocated keeps a slab,
 * so the last one stays.
 */
#include <errno.h>

#include "slab.h"

#define SLAB_BYTES ((size_t)64 << 10)
#define REGION_BYTES SLAB_REGION_BYTES
#define REGION_SLABS (REGION_BYTES / SLAB_BYTES)

_Static_assert(REGION_BYTES == DC_HUGE_PAGE, "or it would not be a huge page");
_Static_assert(REGION_SLABS == 32, "a bit for each slab");

struct free_object {
	struct free_object *next;
};

struct slab {
	struct slab_region region;		/* in a region's first slab; fixed */
	struct list_head partial;		/* shard's lock; if it is on the list */
	struct free_object *free;		/* shard's lock: given back */
	uint16_t shard;				/* fixed while it is in use */
	uint16_t used, touched;			/* shard's lock: objects out; handed out at least once */
	/* Of the region, in its first slab; cache's lock. */
	struct list_head regions;
	uint32_t slabs;				/* a bit for each that is in use */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct slab) == 128, "a line that is read, and one that is written");

static struct slab *slab_of(const void *object)
{
	return (struct slab *)((uintptr_t)object & ~(SLAB_BYTES - 1));
}

static struct slab *region_of(const struct slab *slab)
{
	return (struct slab *)((uintptr_t)slab & ~(REGION_BYTES - 1));
}

void slab_init(struct slab_cache *cache, uint32_t size, void *owner)
{
	unsigned int i;

	cache->owner = owner;
	cache->size = size;
	cache->capacity = (uint32_t)((SLAB_BYTES - sizeof(struct slab)) / size);
	dc_lock_init(&cache->lock);
	list_init(&cache->regions);
	cache->nr_regions = 0;
	for (i = 0; i < SLAB_SHARDS; i++) {
		dc_lock_init(&cache->shards[i].lock);
		list_init(&cache->shards[i].partial);
		cache->shards[i].nr_partial = 0;
	}
}

void slab_destroy(struct slab_cache *cache)
{
	if (!cache->size)
		return;
	while (!list_is_empty(&cache->regions)) {
		struct slab *region = container_of(cache->regions.next, struct slab, regions);

		list_del(&region->regions);
		munmap(region, REGION_BYTES);
	}
}

/* ---- regions ---- */

/* The cache's lock is held. */
static struct slab *region_with_room(struct slab_cache *cache)
{
	struct slab *region;

	if (!list_is_empty(&cache->regions)) {
		region = container_of(cache->regions.next, struct slab, regions);
		if (region->slabs != UINT32_MAX)
			return region;
	}
	region = dc_map(REGION_BYTES, cache->nr_regions ? REGION_BYTES : 0);
	if (!region)
		return NULL;
	region->region.owner = cache->owner;
	list_add(&region->regions, &cache->regions);
	cache->nr_regions++;
	return region;
}

static struct slab *slab_take(struct slab_cache *cache)
{
	struct slab *region, *slab = NULL;
	unsigned int i;

	dc_lock(&cache->lock);
	region = region_with_room(cache);
	if (region) {
		i = (unsigned int)__builtin_ctz(~region->slabs);
		region->slabs |= (uint32_t)1 << i;
		if (region->slabs == UINT32_MAX) {
			list_del(&region->regions);
			list_add_tail(&region->regions, &cache->regions);
		}
		slab = (struct slab *)((char *)region + i * SLAB_BYTES);
	}
	dc_unlock(&cache->lock);
	return slab;
}

/* A region that was full has room again: behind the one that is allocated from, so that those with little in
 * use become empty. The cache's lock is held. */
static void region_has_room(struct slab_cache *cache, struct slab *region)
{
	struct list_head *at = &cache->regions;

	list_del(&region->regions);
	if (!list_is_empty(at) &&
	    container_of(at->next, struct slab, regions)->slabs != UINT32_MAX)
		at = at->next;
	list_add(&region->regions, at);
}

/* @slab is empty and on no list. */
static void slab_give_back(struct slab_cache *cache, struct slab *slab)
{
	struct slab *region = region_of(slab);
	int saved = errno;
	bool was_full;

	dc_lock(&cache->lock);
	was_full = region->slabs == UINT32_MAX;
	region->slabs &= ~((uint32_t)1 << ((uintptr_t)slab - (uintptr_t)region) / SLAB_BYTES);
	if (was_full)
		region_has_room(cache, region);
	if (!region->slabs) {
		struct list_head links = region->regions;

		/* One between others may not go where the kernel has no room for two mappings instead of
		 * one: it stays for the next slab. */
		if (!munmap(region, REGION_BYTES)) {
			links.next->prev = links.prev;
			links.prev->next = links.next;
			cache->nr_regions--;
		}
	}
	dc_unlock(&cache->lock);
	errno = saved;
}

/* ---- objects ---- */

/* A slab of the shard with room, or NULL. Its lock is held, and let go of meanwhile if there is none. */
static struct slab *slab_with_room(struct slab_cache *cache, struct slab_shard *shard)
{
	struct slab *slab;

	if (list_is_empty(&shard->partial)) {
		dc_unlock(&shard->lock);
		slab = slab_take(cache);
		dc_lock(&shard->lock);
		if (slab) {
			slab->free = NULL;
			slab->shard = (uint16_t)(shard - cache->shards);
			slab->used = slab->touched = 0;
			list_add(&slab->partial, &shard->partial);
			shard->nr_partial++;
		}
	}
	return list_is_empty(&shard->partial)
		       ? NULL
		       : container_of(shard->partial.next, struct slab, partial);
}

void *slab_alloc(struct slab_cache *cache)
{
	struct slab_shard *shard = &cache->shards[dc_thread_id() % SLAB_SHARDS];
	void *object = NULL;
	int saved = errno;
	struct slab *slab;

	if (dc_allocation_should_fail())
		return NULL;
	dc_lock(&shard->lock);
	slab = slab_with_room(cache, shard);
	if (slab) {
		if (slab->free) {
			object = slab->free;
			slab->free = slab->free->next;
		} else {
			object = (char *)slab + sizeof(*slab) + (size_t)slab->touched++ * cache->size;
		}
		if (++slab->used == cache->capacity) {
			list_del(&slab->partial);
			shard->nr_partial--;
		}
	}
	dc_unlock(&shard->lock);
	errno = saved;
	if (object)
		dc_count_allocation(1);
	return object;
}

void slab_free(struct slab_cache *cache, void *object)
{
	struct slab *slab = slab_of(object);
	struct slab_shard *shard = &cache->shards[slab->shard];
	struct free_object *freed = object;
	bool empty;

	dc_count_allocation(-1);
	dc_lock(&shard->lock);
	freed->next = slab->free;
	slab->free = freed;
	if (slab->used-- == cache->capacity) {
		list_add_tail(&slab->partial, &shard->partial);
		shard->nr_partial++;
	}
	empty = !slab->used && shard->nr_partial > 1;
	if (empty) {
		list_del(&slab->partial);
		shard->nr_partial--;
	}
	dc_unlock(&shard->lock);
	if (empty)
		slab_give_back(cache, slab);
}
