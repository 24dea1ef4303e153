/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The library as a cache in front of the slow store: cold.c and errors.c. */
#ifndef DCACHE_COLD_DCACHE_H
#define DCACHE_COLD_DCACHE_H

#include "cold.h"

static struct dcache *dc;
static struct dentry *root, **dirs;

static inline struct dentry *look_up(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct qstr name = d_name(dentry);
	struct inode *inode = NULL;
	uint64_t answer;
	size_t i = 0;
	uint32_t at;
	int err;

	(void)flags;
	for (at = 4; at < name.len; at++)
		i = i * 10 + (size_t)(name.name[at] - '0');
	err = store_ask(i, &answer);
	if (err)
		return ERR_PTR(err);
	if (answer)
		inode = new_inode(inode_dcache(dir), answer, INODE_REGULAR, NULL, NULL);
	return d_splice_alias(inode, dentry);
}

static const struct inode_operations dir_ops = { .lookup = look_up };

static inline void dcache_make(void)
{
	size_t i;

	BENCH_CHECK(!dcache_create(NULL, &dc));
	root = d_make_root(new_inode(dc, 0, INODE_DIRECTORY, NULL, NULL));
	dirs = calloc(store.dirs, sizeof(struct dentry *));
	BENCH_CHECK(!IS_ERR(root) && dirs);
	for (i = 0; i < store.dirs; i++) {
		char name[24];
		struct qstr qstr = qstr_init(name, (size_t)snprintf(name, 24, "dir%zu", i));

		dirs[i] = d_alloc(root, &qstr);
		BENCH_CHECK(!IS_ERR(dirs[i]) &&
			    !d_add(dirs[i], new_inode(dc, 0, INODE_DIRECTORY, &dir_ops, NULL)));
	}
}

static inline struct qstr qstr_of(size_t i)
{
	return qstr_init(store_name(i), strlen(store_name(i)));
}

static inline int dcache_get(size_t i, uint64_t *answer)
{
	struct qstr name = qstr_of(i);
	struct dentry *dentry = lookup_one_unlocked(dirs[store_dir(i)], &name, 0);
	const struct inode *inode;

	if (IS_ERR(dentry))
		return (int)PTR_ERR(dentry);
	inode = d_inode(dentry);
	*answer = inode ? inode_number(inode) : 0;
	dput(dentry);
	return 0;
}

static inline void dcache_change(size_t i)
{
	struct qstr name = qstr_of(i);

	store_change(i);
	BENCH_CHECK(!d_invalidate_name(dirs[store_dir(i)], &name));
}

/* Whoever owns the lookup of the new name, or has it hashed, has nobody publish it; the old one is
 * hashed. So the directory need not be locked, and lookups of other names go on. */
static inline void dcache_rename(size_t from, size_t to)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct qstr old_name = qstr_of(from), new_name = qstr_of(to);
	struct dentry *dentry = d_lookup(dirs[store_dir(from)], &old_name);
	struct dentry *target = d_alloc_parallel(dirs[store_dir(to)], &new_name, &wq);

	BENCH_CHECK(dentry && !IS_ERR(target));
	store_rename(from, to);
	BENCH_CHECK(!d_move(dentry, target));
	dput(target);
	dput(dentry);
}

static inline size_t dcache_bytes(void)
{
	struct dcache_stats stats;

	dcache_barrier(dc);
	dcache_get_stats(dc, &stats);
	return stats.bytes;
}

static inline void dcache_end(void)
{
	size_t i;

	for (i = 0; i < store.dirs; i++)
		dput(dirs[i]);
	dput(root);
	BENCH_CHECK(!dcache_destroy(dc));
	free(dirs);
}

#endif /* DCACHE_COLD_DCACHE_H */
