/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hlist_bl: a chain whose head is one word, of which bit 0 is its lock: what a bucket (bucket.h) begins with.
 *
 *	bits 0, 1	the lock, as in sync/word_lock.h; waiting for it: table.c
 *	bit 2		MOVED: its nodes are being moved to the next array, or have been (table.h)
 *	others		the first node
 *
 * Readers follow the chain in a read section, without the lock: nodes are published with release
 * and loaded with acquire, a node that leaves keeps its @next until a grace period has passed or it
 * is put on a chain again, and new nodes go to the front. So a reader sees every node that is there
 * throughout, unless a node it stands on is put on another chain meanwhile (a rename: the rename sequence
 * tells; a resize: MOVED tells).
 *
 * Chains are singly linked: whoever takes a node off walks to it under the lock. They are short, and adding
 * a node does not write to its neighbour.
 */
#ifndef DCACHE_HLIST_BL_H
#define DCACHE_HLIST_BL_H

#include "sync/word_lock.h"

#pragma GCC visibility push(hidden)

#define HLIST_BL_LOCKED WORD_LOCKED
#define HLIST_BL_SLEEPERS WORD_SLEEPERS
#define HLIST_BL_MOVED ((uint64_t)4)
#define HLIST_BL_BITS (HLIST_BL_LOCKED | HLIST_BL_SLEEPERS | HLIST_BL_MOVED)

struct hlist_bl_head {
	_Atomic uint64_t first;
};

struct hlist_bl_node {
	_Atomic uint64_t next;
};

/* Lock the bucket if it is free and not MOVED. Sequentially consistent, as the next: parallel.c, P10. */
static inline bool hlist_bl_trylock(struct hlist_bl_head *head)
{
	uint64_t word = atomic_load_explicit(&head->first, memory_order_relaxed);

	while (!(word & (HLIST_BL_LOCKED | HLIST_BL_MOVED))) {
		if (atomic_compare_exchange_strong_explicit(&head->first, &word,
							    word | HLIST_BL_LOCKED,
							    memory_order_seq_cst,
							    memory_order_relaxed))
			return true;
	}
	return false;
}

/* The same, if its word is still @word, which is that of an unlocked head. */
static inline bool hlist_bl_lock_at(struct hlist_bl_head *head, uint64_t word)
{
	return !(word & HLIST_BL_BITS) &&
	       atomic_compare_exchange_strong_explicit(&head->first, &word, word | HLIST_BL_LOCKED,
						       memory_order_seq_cst, memory_order_relaxed);
}

static inline struct hlist_bl_node *hlist_bl_node_of(uint64_t word)
{
	return (struct hlist_bl_node *)(uintptr_t)(word & ~HLIST_BL_BITS);
}

/* In a read section, or with the lock held. */
static inline struct hlist_bl_node *hlist_bl_first(const struct hlist_bl_head *head)
{
	return hlist_bl_node_of(atomic_load_explicit(&head->first, memory_order_acquire));
}

static inline struct hlist_bl_node *hlist_bl_next(const struct hlist_bl_node *node)
{
	return hlist_bl_node_of(atomic_load_explicit(&node->next, memory_order_acquire));
}

/* Let @word lead to @to; the bits in it, if it is a head, are others' to change. */
static inline void hlist_bl_point(_Atomic uint64_t *word, struct hlist_bl_node *to)
{
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

	while (!atomic_compare_exchange_strong_explicit(
		word, &old, (uint64_t)(uintptr_t)to | (old & HLIST_BL_BITS), memory_order_release,
		memory_order_relaxed))
		;
}

/* The lock is held. */
static inline void hlist_bl_add_head(struct hlist_bl_head *head, struct hlist_bl_node *node)
{
	uint64_t first = (uint64_t)(uintptr_t)hlist_bl_first(head);

	/* A reader may still stand on a node that comes back: it goes on from here. */
	atomic_store_explicit(&node->next, first, memory_order_release);
	hlist_bl_point(&head->first, node);
}

/* The lock is held and @node is on the chain. @node->next stays, for those who stand on it. */
static inline void hlist_bl_del(struct hlist_bl_head *head, struct hlist_bl_node *node)
{
	_Atomic uint64_t *word = &head->first;
	struct hlist_bl_node *at;

	while ((at = hlist_bl_node_of(atomic_load_explicit(word, memory_order_relaxed))) != node)
		word = &at->next;
	hlist_bl_point(word, hlist_bl_next(node));
}

/* The lock is held. The last node, or NULL; *@link leads to it. */
static inline struct hlist_bl_node *hlist_bl_last(struct hlist_bl_head *head,
						  _Atomic uint64_t **link)
{
	struct hlist_bl_node *node = NULL, *next;

	*link = &head->first;
	while ((next = hlist_bl_node_of(atomic_load_explicit(
			node ? &node->next : &head->first, memory_order_relaxed)))) {
		if (node)
			*link = &node->next;
		node = next;
	}
	return node;
}

#pragma GCC visibility pop

#endif /* DCACHE_HLIST_BL_H */
