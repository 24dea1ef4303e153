/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hash table that grows and shrinks while it is used.
 *
 * Its buckets (bucket.h) lie in an array. To change its size another array is made and the nodes
 * are moved there bucket by bucket; meanwhile some names are in the one and some in the other.
 * What users have to know:
 *
 *  searching	in a read section, from table_current(): search table_bucket(); whoever has found something
 *		is done. On a miss table_moves_on() says whether to go on, in the next array; or
 *		table_moved_on(), which looks at the bucket once more.
 *  changing	needs the one bucket, in whichever array, that holds the truth about a hash:
 *		table_lock(), or table_truth(), bucket_view() and table_lock_as() to search first; where
 *		most likely nothing is to be found, table_lock_vacant() before that. That bucket is never
 *		MOVED. A bucket that is being moved is waited for.
 *  tending	table_tend(), now and then after a change, holding no lock: it moves some buckets if
 *		a resize goes on, or begins one.
 *
 * Why this is right: table.c.
 */
#ifndef DCACHE_TABLE_H
#define DCACHE_TABLE_H

#include "bucket.h"
#include "sync/reclaim.h"

#pragma GCC visibility push(hidden)

struct dcache;
struct hash_table;

/* The nodes are counted in so many places. The controlled scheduler has fewer, and a smaller step:
 * fewer states. */
#ifndef TABLE_SHARDS
#define TABLE_SHARDS 16u
#endif

/* Buckets that whoever tends a table moves: some twenty nodes. */
#ifndef TABLE_STEP
#define TABLE_STEP 4u
#endif

/* A table grows when there are more nodes than so many a bucket: one in twenty is on a chain then. */
#ifndef TABLE_FILL
#define TABLE_FILL 5u
#endif

struct table_array {
	/* As hash_table.current: the array that this one's nodes are moved to, or 0. Stays. */
	_Atomic uint64_t next;
	struct hash_table *table;
	uint32_t log2;
	struct reclaim_head rcu;
	_Atomic uint64_t cursor __attribute__((aligned(64)));	/* next bucket to be claimed */
	_Atomic uint64_t moved;					/* buckets done with */
	struct bucket buckets[] __attribute__((aligned(64)));
};

enum table_state {
	TABLE_REST,
	TABLE_DUE,	/* somebody saw that another size would be better */
	TABLE_BEGIN,	/* a thread is about to begin a resize */
	TABLE_MOVING,	/* nodes are moved */
};

struct table_count {
	_Atomic int64_t nr __attribute__((aligned(64)));
};

struct hash_table {
	/* The array where searches begin: its address, and in the low bits the log2 of its size.
	 * One word, so that a hit reads no more than this before the bucket. */
	_Atomic uint64_t current __attribute__((aligned(64)));
	/* A node's hash. It does not change while the node's bucket is locked. */
	uint64_t (*hash)(const struct hlist_bl_node *node);
	struct dcache *dc;
	uint32_t min, max;		/* log2 of sizes */
	uint64_t key[2];		/* of the hashes, if they have one; in the line of a search */

	_Atomic uint32_t state __attribute__((aligned(64)));	/* enum table_state */
	_Atomic uint32_t turn;		/* futex of those who wait for a bucket */
	struct table_count counts[TABLE_SHARDS];
};

/* -ENOMEM */
int table_init(struct hash_table *table, struct dcache *dc, uint32_t min, uint32_t max,
	       uint64_t (*hash)(const struct hlist_bl_node *node));
/* Nobody uses it any more. Also of a table of zeroes. */
void table_destroy(struct hash_table *table);
uint64_t table_size(const struct hash_table *table);

#define TABLE_LOG2 ((uint64_t)63)

static inline struct table_array *table_array_of(uint64_t word)
{
	return (struct table_array *)(uintptr_t)(word & ~TABLE_LOG2);
}

static inline struct bucket *table_bucket(uint64_t array, uint64_t hash)
{
	uint64_t mask = ((uint64_t)1 << (array & TABLE_LOG2)) - 1;

	return &table_array_of(array)->buckets[hash & mask];
}

/* In a read section. */
static inline uint64_t table_current(const struct hash_table *table)
{
	return atomic_load_explicit(&table->current, memory_order_acquire);
}

/* Ask for the bucket of @hash. It may be gone: that is only a hint. */
static inline void table_look_ahead(const struct hash_table *table, uint64_t hash)
{
	dc_prefetch(table_bucket(table_current(table), hash));
}

/* After a miss in a bucket of *@array, whose head is @word: is there another array to be searched? In a
 * read section. @word was loaded after all that the search has seen, with acquire: who did not meet a node
 * since it was moved sees that MOVED came before. */
static inline bool table_moves_on(uint64_t word, uint64_t *array)
{
	if (dc_likely(!(word & HLIST_BL_MOVED)))
		return false;
	*array = atomic_load_explicit(&table_array_of(*array)->next, memory_order_acquire);
	return true;
}

static inline bool table_moved_on(const struct bucket *bucket, uint64_t *array)
{
	return table_moves_on(atomic_load_explicit(&bucket->chain.first, memory_order_acquire),
			      array);
}

/* The bucket that holds the truth about @hash, or is being moved; it may be by the time it is
 * returned. In a read section. */
struct bucket *table_truth(const struct hash_table *table, uint64_t hash);
/* The bucket that holds the truth about @hash, locked. Not in a read section. */
struct bucket *table_lock(struct hash_table *table, uint64_t hash);
/* @bucket, of an array found in this read section, could not be locked: wait a while before the next
 * attempt. Leaves the section. @spins: 0 before the first. */
void table_pause(struct hash_table *table, struct bucket *bucket, int *spins);
void table_wake(struct hash_table *table);

static inline void table_unlock(struct hash_table *table, struct bucket *bucket)
{
	uint64_t word = atomic_fetch_and_explicit(&bucket->chain.first,
						  ~(HLIST_BL_LOCKED | HLIST_BL_SLEEPERS),
						  memory_order_release);

	if (word & HLIST_BL_SLEEPERS)
		table_wake(table);
}

/* Lock @bucket if nothing was added since @view was taken of it in this read section (bucket.h, B2). */
static inline bool table_lock_as(struct hash_table *table, struct bucket *bucket,
				 const struct bucket *view)
{
	if (!hlist_bl_lock_at(&bucket->chain,
			      atomic_load_explicit(&view->chain.first, memory_order_relaxed)))
		return false;
	if (bucket_same_slots(bucket, view))
		return true;
	table_unlock(table, bucket);
	return false;
}

/* Lock @bucket, found in this read section, if that is free and nothing there can have @hash, which can be told
 * without looking at any node. False: search it. */
static inline bool table_lock_vacant(struct hash_table *table, struct bucket *bucket, uint64_t hash)
{
	if (atomic_load_explicit(&bucket->chain.first, memory_order_relaxed) ||
	    !hlist_bl_lock_at(&bucket->chain, 0))
		return false;
	if (!bucket_tagged(bucket, hash))
		return true;
	table_unlock(table, bucket);
	return false;
}

/* @bucket is locked and holds the truth about @hash, @node's. */
void table_add(struct hash_table *table, struct bucket *bucket, struct hlist_bl_node *node,
	       uint64_t hash);
void table_del(struct hash_table *table, struct bucket *bucket, struct hlist_bl_node *node,
	       uint64_t hash);

void table_tend_slow(struct hash_table *table);
/* Move up to @steps times TABLE_STEP buckets. True: more are left to be claimed. */
bool table_work(struct hash_table *table, unsigned int steps);

static inline void table_tend(struct hash_table *table)
{
	if (atomic_load_explicit(&table->state, memory_order_relaxed) != TABLE_REST)
		table_tend_slow(table);
}

#pragma GCC visibility pop

#endif /* DCACHE_TABLE_H */
