/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Objects of one size, many of them: entries, inodes.
 *
 * malloc() spends a header on each, and to align one of 192 bytes to a cache line it spends two thirds as
 * much again; and it spreads them over small pages. Here they lie side by side in slabs, and slabs in
 * regions of a huge page. A region belongs to one cache, so an object's address leads to the cache's owner
 * by way of a line that all the region's objects share. Other allocators of this kind: J. Bonwick, "The Slab
 * Allocator", 1994.
 */
#ifndef DCACHE_SYNC_SLAB_H
#define DCACHE_SYNC_SLAB_H

#include <stdint.h>

#include "../list.h"
#include "lock.h"

#pragma GCC visibility push(hidden)

/* Threads share a shard of as many; each allocates from slabs of its own. */
#define SLAB_SHARDS 8u

struct slab_shard {
	struct dc_lock lock;
	struct list_head partial;	/* slabs with room; the first is allocated from */
	uint32_t nr_partial;
} __attribute__((aligned(64)));

struct slab_cache {
	void *owner;
	uint32_t size;			/* of an object */
	uint32_t capacity;		/* objects of a slab */
	struct dc_lock lock;		/* of the regions, which are taken and given back */
	struct list_head regions;	/* with room first */
	uint32_t nr_regions;
	struct slab_shard shards[SLAB_SHARDS];
};

/* What a region begins with: a line that is written once. */
struct slab_region {
	void *owner;
} __attribute__((aligned(64)));

#define SLAB_REGION_BYTES ((size_t)2 << 20)

/* @size: a multiple of 8. Objects of a multiple of 64 bytes begin on a cache line. */
void slab_init(struct slab_cache *cache, uint32_t size, void *owner);
/* No object is left, or nobody uses one any more. Also of a cache of zeroes. */
void slab_destroy(struct slab_cache *cache);
/* Not zeroed. NULL: no memory. Does not sleep for long. The address has no more than 48 bits. */
void *slab_alloc(struct slab_cache *cache);
/* By any thread. */
void slab_free(struct slab_cache *cache, void *object);

/* The sanitizers and the controlled scheduler are to know each object as one. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(DCACHE_MODEL)
#define SLAB_BYPASSED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLAB_BYPASSED 1
#endif
#endif
#ifndef SLAB_BYPASSED
#define SLAB_BYPASSED 0
#endif

static inline void objects_init(struct slab_cache *cache, uint32_t size, void *owner)
{
	if (SLAB_BYPASSED)
		cache->size = size;
	else
		slab_init(cache, size, owner);
}

/* Of an object in a slab: its cache's owner. */
static DC_ALWAYS_INLINE void *slab_owner(const void *object)
{
	return ((const struct slab_region *)((uintptr_t)object & ~(SLAB_REGION_BYTES - 1)))->owner;
}

static inline void objects_destroy(struct slab_cache *cache)
{
	if (!SLAB_BYPASSED)
		slab_destroy(cache);
}

static inline void *object_alloc(struct slab_cache *cache)
{
	return SLAB_BYPASSED ? dc_alloc(cache->size, cache->size % 64 ? 8 : 64) : slab_alloc(cache);
}

static inline void object_free(struct slab_cache *cache, void *object)
{
	if (SLAB_BYPASSED)
		dc_free(object);
	else
		slab_free(cache, object);
}

#pragma GCC visibility pop

#endif /* DCACHE_SYNC_SLAB_H */
