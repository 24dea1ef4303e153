/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table for each directory, chained, with a POSIX reader-writer lock: what programs have in their own
 * directory objects. Each begins with as many buckets as the directory will have entries.
 */
#include <pthread.h>

#include "chain.h"

struct dir_table {
	pthread_rwlock_t lock;
	struct chain_table names;
};

static uintptr_t dir_table_init(struct dir_table *d, size_t children)
{
	pthread_rwlock_init(&d->lock, NULL);
	chain_init(&d->names, children);
	return (uintptr_t)d;
}

/* A directory's object is its table: what that takes beside buckets and names, the row of memory leaves out. */
static uintptr_t dirs_make_object(struct table *t, uint64_t number, bool directory)
{
	return directory ? (uintptr_t)table_alloc(sizeof(struct dir_table))
			 : number_object(t, number, directory);
}

static struct table *dirs_create(size_t entries)
{
	(void)entries;
	return table_alloc(1);
}

static void dirs_destroy(struct table *t)
{
	free(t);
}

static uintptr_t dirs_make_root(struct table *t)
{
	(void)t;
	return dir_table_init(table_alloc(sizeof(struct dir_table)), 8);
}

static void dirs_drop_dir(struct table *t, uintptr_t dir)
{
	struct dir_table *d = (struct dir_table *)dir;

	(void)t;
	chain_end(&d->names);
	pthread_rwlock_destroy(&d->lock);
	free(d);
}

static int dirs_insert(struct table *t, uintptr_t dir, const char *name, size_t len,
		       uintptr_t value)
{
	struct chain_node *node = chain_node_make(key_hash(0, name, len), 0, name, len, value);
	struct dir_table *d = (struct dir_table *)dir;
	bool is_new;

	(void)t;
	pthread_rwlock_wrlock(&d->lock);
	is_new = chain_add(&d->names, node);
	pthread_rwlock_unlock(&d->lock);
	if (is_new)
		return 0;
	free(node);
	return -EEXIST;
}

static uintptr_t dirs_lookup(struct table *t, uintptr_t dir, const char *name, size_t len)
{
	struct dir_table *d = (struct dir_table *)dir;
	uint64_t hash = key_hash(0, name, len);
	uintptr_t value;

	(void)t;
	pthread_rwlock_rdlock(&d->lock);
	value = chain_value(&d->names, hash, 0, name, len);
	pthread_rwlock_unlock(&d->lock);
	return value;
}

static int dirs_remove(struct table *t, uintptr_t dir, const char *name, size_t len)
{
	struct dir_table *d = (struct dir_table *)dir;
	uint64_t hash = key_hash(0, name, len);
	struct chain_node *node;

	(void)t;
	pthread_rwlock_wrlock(&d->lock);
	node = chain_take(&d->names, hash, 0, name, len);
	pthread_rwlock_unlock(&d->lock);
	if (!node)
		return -ENOENT;
	free(node);
	return 0;
}

static uintptr_t dirs_make_dir(struct table *t, uintptr_t dir, const char *name, size_t len,
			       size_t children, uintptr_t value)
{
	TABLE_CHECK(!dirs_insert(t, dir, name, len, value));
	return dir_table_init((struct dir_table *)value, children);
}

TABLE_BY_STEPS(dirs, table_nothing, table_nothing)

const struct table_ops table_dirs = {
	.name = "dirs",
	.create = dirs_create,
	.destroy = dirs_destroy,
	.make_object = dirs_make_object,
	.drop_object = number_drop,
	.make_root = dirs_make_root,
	.make_dir = dirs_make_dir,
	.drop_dir = dirs_drop_dir,
	.insert = dirs_insert,
	.lookup = dirs_lookup,
	.remove = dirs_remove,
	.walk = dirs_walk,
	.rename = dirs_rename,
	.thread_enter = table_nothing,
	.thread_leave = table_nothing,
	.settle = table_settled,
};
