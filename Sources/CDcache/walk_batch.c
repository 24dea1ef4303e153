/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resolving many paths at once.
 *
 * The walks are those of walk.c and walk_ref.c, one after the other. A walk cannot look far ahead: where the
 * next bucket is depends on the entry before. But the first components of many paths do not depend on each
 * other, nor do the second. So before a group is walked, look_ahead() is given one component of each
 * at a time, and what is found is where the next one is looked for.
 *
 * As in batch.c, nothing but time depends on what is seen here, and all that is followed was found in the same
 * read section. Names are found as anybody finds them without a reference; whether the way is right, and as of
 * one moment, links and the rest, are the walk's to say. One thing is done twice, then: hashing and matching.
 */
#include <string.h>

#include "internal.h"

struct way {
	struct dentry *at;
	const char *path;
	size_t left;
};

/* The next component that can be looked up ahead. */
static bool way_next(struct way *way, struct qstr *name)
{
	const char *slash;

	while (way->left && *way->path == '/') {
		way->path++;
		way->left--;
	}
	if (!way->left)
		return false;
	slash = memchr(way->path, '/', way->left);
	*name = qstr_init(way->path, slash ? (size_t)(slash - way->path) : way->left);
	way->path += name->len;
	way->left -= name->len;
	return !name_is_dots(name);
}

/* As far as it is a path. */
static struct way way_begin(struct dentry *root, struct dentry *base,
			    const struct dcache_walk_request *walk, unsigned int flags)
{
	struct way way = { base, walk->path, walk->len };

	if (!way.path || way.left >= DCACHE_PATH_MAX)
		way.left = 0;
	else if (way.left && *way.path == '/' && !(flags & WALK_IN_ROOT))
		way.at = root;
	return way;
}

/* In a read section. @n is at most BATCH_GROUP. */
static void walk_ahead(struct dentry *root, struct dentry *base,
		       const struct dcache_walk_request *walks, size_t n, unsigned int flags)
{
	struct d_lookup_request requests[BATCH_GROUP];
	struct way ways[BATCH_GROUP];
	size_t i, going;

	if (!base)
		base = root;
	for (i = 0; i < n; i++)
		ways[i] = way_begin(root, base, &walks[i], flags);
	for (; n; n = going) {
		size_t asked = 0;

		for (i = 0; i < n; i++) {
			struct d_lookup_request *request = &requests[asked];
			const struct inode *inode = d_inode_of(ways[i].at);

			/* The program's d_hash is asked of directories alone. */
			if (!inode || !is_dir(inode))
				continue;
			request->parent = ways[i].at;
			if (way_next(&ways[i], &request->name))
				ways[asked++] = ways[i];
		}
		look_ahead(requests, asked, false);
		going = 0;
		for (i = 0; i < asked; i++) {
			struct dentry *dentry = requests[i].dentry;

			if (!dentry)
				dentry = lookup_rcu(requests[i].parent, &requests[i].name,
						    &requests[i].seq);
			if (IS_ERR_OR_NULL(dentry))
				continue;
			ways[going] = ways[i];
			ways[going++].at = dentry;
		}
	}
}

size_t dcache_walk_batch(struct dentry *root, struct dentry *base,
			 struct dcache_walk_request *requests, size_t n, unsigned int flags)
{
	size_t found = 0, group, i;

	for (; n; n -= group, requests += group) {
		group = batch_group(n);
		dc_read_lock();
		walk_ahead(root, base, requests, group, flags);
		dc_read_unlock();
		for (i = 0; i < group; i++) {
			requests[i].dentry = dcache_walk(root, base, requests[i].path,
							 requests[i].len, flags);
			found += !IS_ERR(requests[i].dentry);
		}
	}
	return found;
}

size_t dcache_walk_batch_rcu(struct dentry *root, struct dentry *base,
			     struct dcache_walk_request *requests, size_t n, unsigned int flags)
{
	size_t found = 0, group, i;

	for (; n; n -= group, requests += group) {
		group = batch_group(n);
		walk_ahead(root, base, requests, group, flags);
		for (i = 0; i < group; i++) {
			requests[i].dentry = dcache_walk_rcu(root, base, requests[i].path,
							     requests[i].len, flags,
							     &requests[i].seq);
			found += !IS_ERR(requests[i].dentry);
		}
	}
	return found;
}
