/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * liburcu's lock-free hash table in the flavour bp, in which threads need not register, as in this library;
 * its read sections inlined. As many buckets as entries, all made at once, and no more: Debian's does not
 * always grow by itself, and if it may, it becomes many times too large for its entries, and slower. What
 * is removed is freed by call_rcu().
 */
#define _LGPL_SOURCE
#include <urcu/urcu-bp.h>
#include <urcu/rculfhash.h>

#include "key.h"
#include "table.h"

struct lfht_node {
	struct cds_lfht_node link;
	uint64_t dir;
	uintptr_t value;
	struct rcu_head rcu;
	uint32_t len;
	char name[];
};

struct lfht_key {
	uint64_t dir;
	const char *name;
	size_t len;
};

static struct cds_lfht *lfht(struct table *t)
{
	return (struct cds_lfht *)t;
}

static struct table *lfht_create(size_t entries)
{
	size_t buckets = table_power_of_two(entries);
	struct cds_lfht *ht = cds_lfht_new_flavor(buckets, buckets, 0, 0, &urcu_bp_flavor, NULL);

	TABLE_CHECK(ht);
	return (struct table *)ht;
}

static int lfht_match(struct cds_lfht_node *link, const void *data)
{
	const struct lfht_node *node = caa_container_of(link, struct lfht_node, link);
	const struct lfht_key *key = data;

	return node->dir == key->dir && key_equal(node->name, node->len, key->name, key->len);
}

static struct lfht_node *lfht_find(struct table *t, const struct lfht_key *key)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *link;

	cds_lfht_lookup(lfht(t), key_hash(key->dir, key->name, key->len), lfht_match, key, &iter);
	link = cds_lfht_iter_get_node(&iter);
	return link ? caa_container_of(link, struct lfht_node, link) : NULL;
}

static int lfht_insert(struct table *t, uintptr_t dir, const char *name, size_t len,
		       uintptr_t value)
{
	struct lfht_node *node = table_alloc(sizeof(*node) + len);
	struct lfht_key key = { dir, name, len };
	struct cds_lfht_node *found;

	cds_lfht_node_init(&node->link);
	node->dir = dir;
	node->value = value;
	node->len = (uint32_t)len;
	memcpy(node->name, name, len);
	urcu_bp_read_lock();
	found = cds_lfht_add_unique(lfht(t), key_hash(dir, name, len), lfht_match, &key,
				    &node->link);
	urcu_bp_read_unlock();
	if (found == &node->link)
		return 0;
	free(node);
	return -EEXIST;
}

static uintptr_t lfht_lookup(struct table *t, uintptr_t dir, const char *name, size_t len)
{
	struct lfht_key key = { dir, name, len };
	struct lfht_node *node;
	uintptr_t value;

	urcu_bp_read_lock();
	node = lfht_find(t, &key);
	value = node ? node->value : 0;
	urcu_bp_read_unlock();
	return value;
}

static void lfht_free(struct rcu_head *rcu)
{
	free(caa_container_of(rcu, struct lfht_node, rcu));
}

static int lfht_remove(struct table *t, uintptr_t dir, const char *name, size_t len)
{
	struct lfht_key key = { dir, name, len };
	struct lfht_node *node;
	int err = -ENOENT;

	urcu_bp_read_lock();
	node = lfht_find(t, &key);
	if (node)
		err = cds_lfht_del(lfht(t), &node->link);
	urcu_bp_read_unlock();
	if (!err)
		urcu_bp_call_rcu(&node->rcu, lfht_free);
	return err;
}

static uintptr_t lfht_make_dir(struct table *t, uintptr_t dir, const char *name, size_t len,
			       size_t children, uintptr_t value)
{
	(void)children;
	TABLE_CHECK(!lfht_insert(t, dir, name, len, value));
	return value;
}

static void lfht_settle(struct table *t)
{
	(void)t;
	urcu_bp_barrier();
}

static void lfht_destroy(struct table *t)
{
	struct cds_lfht_node *link;
	struct cds_lfht_iter iter;

	urcu_bp_read_lock();
	cds_lfht_for_each(lfht(t), &iter, link)
	{
		TABLE_CHECK(!cds_lfht_del(lfht(t), link));
		urcu_bp_call_rcu(&caa_container_of(link, struct lfht_node, link)->rcu, lfht_free);
	}
	urcu_bp_read_unlock();
	urcu_bp_barrier();
	TABLE_CHECK(!cds_lfht_destroy(lfht(t), NULL));
}

TABLE_BY_STEPS(lfht, urcu_bp_read_lock, urcu_bp_read_unlock)

const struct table_ops table_lfht = {
	.name = "lfht",
	.create = lfht_create,
	.destroy = lfht_destroy,
	.make_object = number_object,
	.drop_object = number_drop,
	.make_root = number_root,
	.make_dir = lfht_make_dir,
	.drop_dir = number_drop,
	.insert = lfht_insert,
	.lookup = lfht_lookup,
	.remove = lfht_remove,
	.walk = lfht_walk,
	.rename = lfht_rename,
	.thread_enter = urcu_bp_register_thread,
	.thread_leave = table_nothing,
	.settle = lfht_settle,
};
