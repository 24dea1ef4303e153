/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The peer of these programs: one flat table of liburcu, (number of a directory, name) -> value, as good
 * as it can be had. It has its size from the start and does not count what is in it, so it never
 * resizes; a node is one allocation with its name in it; readers inline liburcu's read side; what is
 * removed is freed by call_rcu(). The hash takes eight bytes a step.
 */
#ifndef DCACHE_BENCH_LFHT_TABLE_H
#define DCACHE_BENCH_LFHT_TABLE_H

#ifndef _LGPL_SOURCE
#define _LGPL_SOURCE
#endif
#include <urcu/urcu-bp.h>
#include <urcu/rculfhash.h>

#include "bench.h"

struct lfht_entry {
	struct cds_lfht_node node;
	struct rcu_head rcu;
	uint64_t dir;
	uint64_t value;
	uint32_t len;
	char name[];
};

struct lfht_key {
	uint64_t dir;
	const char *name;
	size_t len;
};

static inline uint64_t lfht_load(const char *at, size_t len)
{
	uint64_t word = 0;
	uint32_t half;

	if (len >= 8) {
		memcpy(&word, at, 8);
	} else if (len >= 4) {
		memcpy(&half, at + len - 4, 4);
		word = (uint64_t)half << 32;
		memcpy(&half, at, 4);
		word |= half;
	} else if (len) {
		word = (uint64_t)(unsigned char)at[0] << 16 |
		       (uint64_t)(unsigned char)at[len / 2] << 8 | (unsigned char)at[len - 1];
	}
	return word;
}

static inline uint64_t lfht_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline unsigned long lfht_hash(const struct lfht_key *key)
{
	uint64_t hash = key->dir ^ (uint64_t)key->len << 48 ^ 0x6a09e667f3bcc908u;
	const char *at = key->name;
	size_t left = key->len;

	for (; left > 8; left -= 8, at += 8)
		hash = lfht_fold(hash ^ lfht_load(at, 8), 0x9e3779b97f4a7c15u);
	/* The last eight bytes, some of them for the second time, where there are so many. */
	if (key->len > 8)
		hash ^= lfht_load(key->name + key->len - 8, 8);
	else
		hash ^= lfht_load(at, left);
	return lfht_fold(hash, 0xd6e8feb86659fd93u);
}

static inline int lfht_match(struct cds_lfht_node *node, const void *arg)
{
	const struct lfht_entry *entry = caa_container_of(node, struct lfht_entry, node);
	const struct lfht_key *key = arg;

	return entry->dir == key->dir && entry->len == key->len &&
	       !memcmp(entry->name, key->name, key->len);
}

static inline struct cds_lfht *lfht_make(size_t entries)
{
	unsigned long buckets = 2;
	struct cds_lfht *table;

	while (buckets < entries)
		buckets *= 2;
	table = cds_lfht_new_flavor(buckets, buckets, buckets, 0, &urcu_bp_flavor, NULL);
	BENCH_CHECK(table);
	return table;
}

/* In a read section. Return: NULL if it is not there. */
static inline struct lfht_entry *lfht_find(struct cds_lfht *table, const struct lfht_key *key)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(table, lfht_hash(key), lfht_match, key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct lfht_entry, node) : NULL;
}

/* Return: is it new? */
static inline bool lfht_insert(struct cds_lfht *table, const struct lfht_key *key, uint64_t value)
{
	struct lfht_entry *entry = malloc(sizeof(*entry) + key->len);
	struct cds_lfht_node *node;

	BENCH_CHECK(entry);
	cds_lfht_node_init(&entry->node);
	entry->dir = key->dir;
	entry->value = value;
	entry->len = (uint32_t)key->len;
	memcpy(entry->name, key->name, key->len);
	urcu_bp_read_lock();
	node = cds_lfht_add_unique(table, lfht_hash(key), lfht_match, key, &entry->node);
	urcu_bp_read_unlock();
	if (node != &entry->node)
		free(entry);
	return node == &entry->node;
}

static inline void lfht_free(struct rcu_head *rcu)
{
	free(caa_container_of(rcu, struct lfht_entry, rcu));
}

/* Return: was it there? */
static inline bool lfht_remove(struct cds_lfht *table, const struct lfht_key *key)
{
	struct lfht_entry *entry;
	bool removed;

	urcu_bp_read_lock();
	entry = lfht_find(table, key);
	removed = entry && !cds_lfht_del(table, &entry->node);
	urcu_bp_read_unlock();
	if (removed)
		urcu_bp_call_rcu(&entry->rcu, lfht_free);
	return removed;
}

/* Nobody uses it any more, so that all can be freed at once. Return: how many there were. */
static inline size_t lfht_end(struct cds_lfht *table)
{
	struct cds_lfht_iter iter;
	struct lfht_entry *entry;
	size_t n = 0;

	urcu_bp_read_lock();
	/* The iterator knows the next node before this one goes. */
	cds_lfht_for_each_entry(table, &iter, entry, node)
	{
		BENCH_CHECK(!cds_lfht_del(table, &entry->node));
		free(entry);
		n++;
	}
	urcu_bp_read_unlock();
	BENCH_CHECK(!cds_lfht_destroy(table, NULL));
	return n;
}

#endif /* DCACHE_BENCH_LFHT_TABLE_H */
