/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hash bucket: one cache line.
 *
 * Its first word is the lock, and leads to a chain (hlist_bl.h). The others are slots: a node's address
 * and, in the sixteen bits that addresses do not need (sync/slab.h), a tag, which is bits of the node's hash
 * that have no part in choosing the bucket. A search reads the line and goes to those nodes alone whose tag
 * is right; so it meets a stranger once in some ten thousand times, and a miss reads nothing else. A node
 * goes into a free slot, or if there is none to the front of the chain, and stays in that place until it is
 * taken out.
 *
 * Readers search in a read section, without the lock; slots are stored with release and loaded with
 * acquire. So
 *
 *  B1	a reader sees every node that is there throughout, unless a node of the chain that it stands
 *	on is put on another chain meanwhile (hlist_bl.h);
 *  B2	a reader who finds all words of the bucket as they were, in the same read section and now with the
 *	lock held, knows that what is there is what it has seen, provided that no node comes back within
 *	a grace period.
 *
 * Of a node that is found in a slot the @next is of no account: it may be from a chain of before.
 */
#ifndef DCACHE_BUCKET_H
#define DCACHE_BUCKET_H

#include "hlist_bl.h"

#pragma GCC visibility push(hidden)

/* The controlled scheduler has fewer: fewer states, and chains. */
#ifndef BUCKET_SLOTS
#define BUCKET_SLOTS 7u
#endif

struct bucket {
	struct hlist_bl_head chain;
	_Atomic uint64_t slots[BUCKET_SLOTS];
};

_Static_assert(BUCKET_SLOTS != 7 || sizeof(struct bucket) == 64, "a bucket is a cache line");

#define BUCKET_TAG ((uint64_t)0xffff << 48)

static inline struct hlist_bl_node *bucket_slot(const struct bucket *bucket, unsigned int i)
{
	return hlist_bl_node_of(atomic_load_explicit(&bucket->slots[i], memory_order_acquire) &
				~BUCKET_TAG);
}

/* Those that may have the hash: in a read section, or with the lock held. */
struct bucket_search {
	const struct bucket *bucket;
	uint32_t slots;			/* a bit for each that bears the tag and is not done with */
	struct hlist_bl_node *chained;
};

static inline struct hlist_bl_node *bucket_next(struct bucket_search *search)
{
	while (search->slots) {
		unsigned int i = (unsigned int)__builtin_ctz(search->slots);
		struct hlist_bl_node *node = bucket_slot(search->bucket, i);

		search->slots &= search->slots - 1;
		/* It may be empty, or by now. */
		if (node)
			return node;
	}
	search->chained = search->chained ? hlist_bl_next(search->chained)
					  : hlist_bl_first(&search->bucket->chain);
	return search->chained;
}

static inline struct hlist_bl_node *bucket_first(struct bucket_search *search,
						 const struct bucket *bucket, uint64_t hash)
{
	uint32_t slots = 0;
	unsigned int i;

	/* Without a branch for each: which slot it is cannot be foretold. */
	for (i = 0; i < BUCKET_SLOTS; i++) {
		uint64_t word = atomic_load_explicit(&bucket->slots[i], memory_order_acquire);

		slots |= (uint32_t)(((word ^ hash) & BUCKET_TAG) == 0) << i;
	}
	*search = (struct bucket_search){ .bucket = bucket, .slots = slots };
	return bucket_next(search);
}

#define bucket_for_each(node, search, bucket, hash) \
	for (node = bucket_first(search, bucket, hash); node; node = bucket_next(search))

/* Copy the bucket for B2: search in @view, and let table_lock_as() compare. */
static inline void bucket_view(struct bucket *view, const struct bucket *bucket)
{
	unsigned int i;

	atomic_init(&view->chain.first,
		    atomic_load_explicit(&bucket->chain.first, memory_order_acquire));
	for (i = 0; i < BUCKET_SLOTS; i++)
		atomic_init(&view->slots[i],
			    atomic_load_explicit(&bucket->slots[i], memory_order_acquire));
}

/* The lock is held: are the slots those of @view? */
static inline bool bucket_same_slots(const struct bucket *bucket, const struct bucket *view)
{
	uint64_t differ = 0;
	unsigned int i;

	for (i = 0; i < BUCKET_SLOTS; i++)
		differ |= atomic_load_explicit(&bucket->slots[i], memory_order_relaxed) ^
			  atomic_load_explicit(&view->slots[i], memory_order_relaxed);
	return !differ;
}

/* The lock is held. */
static inline void bucket_add(struct bucket *bucket, struct hlist_bl_node *node, uint64_t hash)
{
	unsigned int i;

	for (i = 0; i < BUCKET_SLOTS; i++) {
		if (!atomic_load_explicit(&bucket->slots[i], memory_order_relaxed)) {
			atomic_store_explicit(&bucket->slots[i],
					      (uint64_t)(uintptr_t)node | (hash & BUCKET_TAG),
					      memory_order_release);
			return;
		}
	}
	hlist_bl_add_head(&bucket->chain, node);
}

/* The lock is held and @node is there. */
static inline void bucket_del(struct bucket *bucket, struct hlist_bl_node *node)
{
	unsigned int i;

	for (i = 0; i < BUCKET_SLOTS; i++) {
		if (bucket_slot(bucket, i) == node) {
			atomic_store_explicit(&bucket->slots[i], 0, memory_order_release);
			return;
		}
	}
	hlist_bl_del(&bucket->chain, node);
}

#pragma GCC visibility pop

#endif /* DCACHE_BUCKET_H */
