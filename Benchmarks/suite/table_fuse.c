/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a program over libfuse's path interface has: one table of names, chained, by the directory's number
 * and the name, and one mutex around it. What that library does besides, counting lookups and finding a
 * node by its number, is left out in the peer's favour, and nothing is hashed or allocated under the mutex.
 */
#include <pthread.h>

#include "chain.h"

struct table {
	pthread_mutex_t lock;
	struct chain_table names;
};

static struct table *fuse_create(size_t entries)
{
	struct table *t = table_alloc(sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	chain_init(&t->names, entries);
	return t;
}

static void fuse_destroy(struct table *t)
{
	chain_end(&t->names);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static int fuse_insert(struct table *t, uintptr_t dir, const char *name, size_t len,
		       uintptr_t value)
{
	struct chain_node *node = chain_node_make(key_hash(dir, name, len), dir, name, len, value);
	bool is_new;

	pthread_mutex_lock(&t->lock);
	is_new = chain_add(&t->names, node);
	pthread_mutex_unlock(&t->lock);
	if (is_new)
		return 0;
	free(node);
	return -EEXIST;
}

static uintptr_t fuse_lookup(struct table *t, uintptr_t dir, const char *name, size_t len)
{
	uint64_t hash = key_hash(dir, name, len);
	uintptr_t value;

	pthread_mutex_lock(&t->lock);
	value = chain_value(&t->names, hash, dir, name, len);
	pthread_mutex_unlock(&t->lock);
	return value;
}

static int fuse_remove(struct table *t, uintptr_t dir, const char *name, size_t len)
{
	uint64_t hash = key_hash(dir, name, len);
	struct chain_node *node;

	pthread_mutex_lock(&t->lock);
	node = chain_take(&t->names, hash, dir, name, len);
	pthread_mutex_unlock(&t->lock);
	if (!node)
		return -ENOENT;
	free(node);
	return 0;
}

static uintptr_t fuse_make_dir(struct table *t, uintptr_t dir, const char *name, size_t len,
			       size_t children, uintptr_t value)
{
	(void)children;
	TABLE_CHECK(!fuse_insert(t, dir, name, len, value));
	return value;
}

TABLE_BY_STEPS(fuse, table_nothing, table_nothing)

const struct table_ops table_fuse = {
	.name = "fuse",
	.create = fuse_create,
	.destroy = fuse_destroy,
	.make_object = number_object,
	.drop_object = number_drop,
	.make_root = number_root,
	.make_dir = fuse_make_dir,
	.drop_dir = number_drop,
	.insert = fuse_insert,
	.lookup = fuse_lookup,
	.remove = fuse_remove,
	.walk = fuse_walk,
	.rename = fuse_rename,
	.thread_enter = table_nothing,
	.thread_leave = table_nothing,
	.settle = table_settled,
};
