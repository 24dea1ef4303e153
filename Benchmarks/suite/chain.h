/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A chained hash table, for the peers that are a lock around one. */
#ifndef DCACHE_SUITE_CHAIN_H
#define DCACHE_SUITE_CHAIN_H

#include "key.h"
#include "table.h"

struct chain_node {
	struct chain_node *next;
	uint64_t hash, dir;
	uintptr_t value;
	uint32_t len;
	char name[];
};

struct chain_table {
	struct chain_node **buckets;
	size_t mask, entries;
};

static inline void chain_init(struct chain_table *c, size_t entries)
{
	size_t buckets = table_power_of_two(entries);

	c->buckets = (struct chain_node **)calloc(buckets, sizeof(*c->buckets));
	TABLE_CHECK(c->buckets);
	c->mask = buckets - 1;
	c->entries = 0;
}

static inline void chain_end(struct chain_table *c)
{
	size_t i;

	for (i = 0; i <= c->mask; i++) {
		while (c->buckets[i]) {
			struct chain_node *node = c->buckets[i];

			c->buckets[i] = node->next;
			free(node);
		}
	}
	free(c->buckets);
}

static inline struct chain_node **chain_find(struct chain_table *c, uint64_t hash, uint64_t dir,
					     const char *name, size_t len)
{
	struct chain_node **at = &c->buckets[hash & c->mask];

	while (*at && ((*at)->hash != hash || (*at)->dir != dir ||
		       !key_equal((*at)->name, (*at)->len, name, len)))
		at = &(*at)->next;
	return at;
}

static inline void chain_grow(struct chain_table *c)
{
	struct chain_table larger;
	size_t i;

	chain_init(&larger, 2 * (c->mask + 1));
	for (i = 0; i <= c->mask; i++) {
		while (c->buckets[i]) {
			struct chain_node *node = c->buckets[i], **to;

			c->buckets[i] = node->next;
			to = &larger.buckets[node->hash & larger.mask];
			node->next = *to;
			*to = node;
		}
	}
	free(c->buckets);
	larger.entries = c->entries;
	*c = larger;
}

/* What a lock need not be held for. */
static inline struct chain_node *chain_node_make(uint64_t hash, uint64_t dir, const char *name,
						 size_t len, uintptr_t value)
{
	struct chain_node *node = (struct chain_node *)table_alloc(sizeof(*node) + len);

	node->hash = hash;
	node->dir = dir;
	node->value = value;
	node->len = (uint32_t)len;
	memcpy(node->name, name, len);
	return node;
}

/* Return: is the node in the table now? */
static inline bool chain_add(struct chain_table *c, struct chain_node *node)
{
	struct chain_node **at;

	if (*chain_find(c, node->hash, node->dir, node->name, node->len))
		return false;
	if (c->entries++ > c->mask)
		chain_grow(c);
	at = &c->buckets[node->hash & c->mask];
	node->next = *at;
	*at = node;
	return true;
}

static inline uintptr_t chain_value(struct chain_table *c, uint64_t hash, uint64_t dir,
				    const char *name, size_t len)
{
	const struct chain_node *node = *chain_find(c, hash, dir, name, len);

	return node ? node->value : 0;
}

/* Return: the node, to be freed, or NULL. */
static inline struct chain_node *chain_take(struct chain_table *c, uint64_t hash, uint64_t dir,
					    const char *name, size_t len)
{
	struct chain_node **at = chain_find(c, hash, dir, name, len), *node = *at;

	if (node) {
		*at = node->next;
		c->entries--;
	}
	return node;
}

#endif /* DCACHE_SUITE_CHAIN_H */
