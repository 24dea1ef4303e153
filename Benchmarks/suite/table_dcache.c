/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compiled a second time, with SUITE_LTO, as one object together with the library's sources and with
 * link-time optimisation, in which the compiler may take apart all that is between them: dcache-lto.
 */
/*
 * This library, by its public interface. An object is an inode, and the value its address.
 *
 * dcache: d_lookup_rcu() in a read section, what it finds checked by d_seq_retry(); a miss is only its word,
 * which is enough where nothing is moved. dcache-ref: d_lookup(), which is exact, and the reference given
 * back. Both: an insertion is d_alloc(), d_add() and dput(), and takes a reference
 * on the inode; a removal is d_lookup(), d_drop() and dput().
 */
#include <dcache.h>

#include "table.h"

static struct dcache *instance(struct table *t)
{
	return (struct dcache *)t;
}

static struct table *dcache_table_create(size_t entries)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache *dc;

	opts.hash_buckets = entries / 5;
	TABLE_CHECK(!dcache_create(&opts, &dc));
	return (struct table *)dc;
}

static void dcache_table_destroy(struct table *t)
{
	TABLE_CHECK(!dcache_destroy(instance(t)));
}

static uintptr_t dcache_make_object(struct table *t, uint64_t number, bool directory)
{
	struct inode *inode = new_inode(instance(t), number,
					directory ? INODE_DIRECTORY : INODE_REGULAR, NULL, NULL);

	TABLE_CHECK(!IS_ERR(inode));
	return (uintptr_t)inode;
}

static void dcache_drop_object(struct table *t, uintptr_t object)
{
	(void)t;
	iput((struct inode *)object);
}

static uintptr_t dcache_make_root(struct table *t)
{
	struct dentry *root = d_make_root(new_inode(instance(t), 1, INODE_DIRECTORY, NULL, NULL));

	TABLE_CHECK(!IS_ERR(root));
	return (uintptr_t)root;
}

static struct dentry *add(struct dentry *dir, const char *name, size_t len, uintptr_t value,
			  int *err)
{
	struct qstr q = qstr_init(name, len);
	struct dentry *dentry = d_alloc(dir, &q);
	struct inode *inode = NULL;

	TABLE_CHECK(!IS_ERR(dentry));
	if (value != TABLE_NEGATIVE) {
		inode = (struct inode *)value;
		ihold(inode);
	}
	*err = d_add(dentry, inode);
	return dentry;
}

static uintptr_t dcache_make_dir(struct table *t, uintptr_t dir, const char *name, size_t len,
				 size_t children, uintptr_t value)
{
	int err;
	struct dentry *dentry = add((struct dentry *)dir, name, len, value, &err);

	(void)t;
	(void)children;
	TABLE_CHECK(!err);
	return (uintptr_t)dentry;
}

static void dcache_drop_dir(struct table *t, uintptr_t dir)
{
	(void)t;
	dput((struct dentry *)dir);
}

static int dcache_insert(struct table *t, uintptr_t dir, const char *name, size_t len,
			 uintptr_t value)
{
	int err;

	(void)t;
	dput(add((struct dentry *)dir, name, len, value, &err));
	return err;
}

static inline uintptr_t value_of(const struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);

	return inode ? (uintptr_t)inode : TABLE_NEGATIVE;
}

static uintptr_t dcache_lookup(struct table *t, uintptr_t dir, const char *name, size_t len)
{
	struct qstr q = qstr_init(name, len);
	struct dentry *dentry;
	uintptr_t value;
	uint32_t seq;

	(void)t;
	dcache_read_lock();
	do {
		dentry = d_lookup_rcu((struct dentry *)dir, &q, &seq);
		value = dentry ? value_of(dentry) : 0;
	} while (dentry && d_seq_retry(dentry, seq));
	dcache_read_unlock();
	return value;
}

#ifndef SUITE_LTO
static uintptr_t dcache_ref_lookup(struct table *t, uintptr_t dir, const char *name, size_t len)
{
	struct qstr q = qstr_init(name, len);
	struct dentry *dentry = d_lookup((struct dentry *)dir, &q);
	uintptr_t value;

	(void)t;
	if (!dentry)
		return 0;
	value = value_of(dentry);
	dput(dentry);
	return value;
}
#endif

static int dcache_remove(struct table *t, uintptr_t dir, const char *name, size_t len)
{
	struct qstr q = qstr_init(name, len);
	struct dentry *dentry = d_lookup((struct dentry *)dir, &q);

	(void)t;
	if (!dentry)
		return -ENOENT;
	d_drop(dentry);
	dput(dentry);
	return 0;
}

static uintptr_t dcache_table_walk(struct table *t, uintptr_t root, const char *path, size_t len)
{
	struct dentry *dentry;
	uintptr_t value;
	uint32_t seq;

	(void)t;
	dcache_read_lock();
	do {
		dentry = dcache_walk_rcu((struct dentry *)root, NULL, path, len, 0, &seq);
		value = IS_ERR(dentry) ? 0 : value_of(dentry);
	} while (value && d_seq_retry(dentry, seq));
	dcache_read_unlock();
	return value;
}

#ifndef SUITE_LTO
static uintptr_t dcache_ref_walk(struct table *t, uintptr_t root, const char *path, size_t len)
{
	struct dentry *dentry = dcache_walk((struct dentry *)root, NULL, path, len, 0);
	uintptr_t value;

	(void)t;
	if (IS_ERR(dentry))
		return 0;
	value = value_of(dentry);
	dput(dentry);
	return value;
}
#endif

static int dcache_rename(struct table *t, const struct table_name *from,
			 const struct table_name *to)
{
	struct qstr old = qstr_init(from->text, from->len), name = qstr_init(to->text, to->len);
	struct dentry *dentry = d_lookup((struct dentry *)from->dir, &old), *target;
	int err;

	(void)t;
	if (!dentry)
		return -ENOENT;
	target = d_alloc((struct dentry *)to->dir, &name);
	TABLE_CHECK(!IS_ERR(target));
	err = d_move(dentry, target);
	dput(target);
	dput(dentry);
	return err;
}

static void dcache_enter(void)
{
	/* The first section makes what a thread has of it. */
	dcache_read_lock();
	dcache_read_unlock();
}

static void dcache_settle(struct table *t)
{
	dcache_barrier(instance(t));
}

#define DCACHE_TABLE(name_, lookup_, walk_)                                                    \
	{                                                                                      \
		.name = name_, .create = dcache_table_create, .destroy = dcache_table_destroy, \
		.make_object = dcache_make_object, .drop_object = dcache_drop_object,          \
		.make_root = dcache_make_root, .make_dir = dcache_make_dir,                    \
		.drop_dir = dcache_drop_dir, .insert = dcache_insert, .lookup = lookup_,       \
		.remove = dcache_remove, .walk = walk_, .rename = dcache_rename,               \
		.thread_enter = dcache_enter, .thread_leave = table_nothing,                   \
		.settle = dcache_settle,                                                       \
	}

#ifdef SUITE_LTO
const struct table_ops table_dcache_lto = DCACHE_TABLE("dcache-lto", dcache_lookup,
						       dcache_table_walk);
#else
const struct table_ops table_dcache = DCACHE_TABLE("dcache", dcache_lookup, dcache_table_walk);
const struct table_ops table_dcache_ref = DCACHE_TABLE("dcache-ref", dcache_ref_lookup,
						       dcache_ref_walk);
#endif
