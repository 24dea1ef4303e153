/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Looking up many names, and resolving many paths, at once.
 *
 * A hit in a cache that is bigger than the processor's waits for memory: for the bucket, then for the
 * entry. A batch asks for the lines of many names before it waits for the first of them.
 *
 *	struct d_lookup_request requests[] = {
 *		{ .parent = dir, .name = QSTR_INIT("passwd", 6) },
 *		{ .parent = dir, .name = QSTR_INIT("group", 5) },
 *	};
 *
 *	d_lookup_batch(requests, 2);
 *	use(requests[0].dentry);
 *	dput(requests[0].dentry);
 *	dput(requests[1].dentry);
 *
 * Each request is answered for itself, as by a lookup of its own at some moment of the call: nothing
 * is promised of two of them together. Parents may differ, be of different instances, and have different
 * operations; a name may come twice, and is found twice.
 */
#ifndef DCACHE_BATCH_H
#define DCACHE_BATCH_H

#include <dcache/base.h>
#include <dcache/qstr.h>

DCACHE_BEGIN_DECLS

/**
 * struct d_lookup_request - a name of a batch, and what became of it.
 * @parent: the directory, as for the lookup of one name.
 * @name:   the name. Its hash is an argument, as in any struct qstr, and a result: if it was 0, it is
 *	  what d_hash_name() would store, unless @dentry carries an error. So what is missing can be asked
 *	  for without hashing it again; who reuses the request for another name must set it to 0.
 * @dentry: out: the entry, positive or negative; NULL: not cached; or ERR_PTR.
 * @seq:    out, of d_lookup_batch_rcu(): the entry's sequence number, if there is an entry.
 */
struct d_lookup_request {
	struct dentry *parent;
	struct qstr name;
	struct dentry *dentry;
	uint32_t seq;
};

/**
 * d_lookup_batch - find hashed entries, each as d_lookup() does.
 * @requests: @n of them; parents are referenced. @n may be 0.
 *
 * Every entry found is referenced for the caller, as often as it was found; dput() ignores the other
 * answers. In place of an entry there may be ERR_PTR of -EINVAL (no name), -ENAMETOOLONG, -EOVERFLOW (the
 * entry has 2^30 references), or what d_hash says. A name that holds '/' or NUL is not cached.
 * Nothing is allocated.
 * Return: how many entries were found.
 * Context: as d_lookup().
 */
DCACHE_API size_t d_lookup_batch(struct d_lookup_request *requests, size_t n);

/**
 * d_lookup_batch_rcu - the same, each as d_lookup_rcu() does: nothing is stored that others see.
 * @requests: @n of them; parents are referenced, or were found in this read section.
 *
 * An entry that was found is not referenced; d_seq_retry() with its sequence number says whether what
 * the caller reads of it is true together. One that is being moved may be missed. Errors are those of
 * d_lookup_batch() but for -EOVERFLOW.
 * Return: how many entries were found.
 * Context: in a read section.
 */
DCACHE_API size_t d_lookup_batch_rcu(struct d_lookup_request *requests, size_t n);

/**
 * struct dcache_walk_request - a path of a batch, and where it led.
 * @path:   @len bytes, as for dcache_walk().
 * @dentry: out: the answer, or ERR_PTR; never NULL.
 * @seq:    out, of dcache_walk_batch_rcu(): the answer's sequence number, if it is an entry.
 */
struct dcache_walk_request {
	const char *path;
	size_t len;
	struct dentry *dentry;
	uint32_t seq;
};

/**
 * dcache_walk_batch - resolve many paths, each as dcache_walk() does.
 * @requests: @n of them. @n may be 0.
 * @root, @base, @flags: as for dcache_walk(), of all.
 *
 * Before some paths are walked one after the other, what is cached of them is asked for together, a
 * component of each at a time. That is a gain where they are many and not in the processor's cache; where they
 * are, it costs as much again as a walk. A path is looked ahead of up to a component that is "." or "..", a
 * link, or not cached.
 *
 * Return: how many paths led to an entry. Context: as dcache_walk().
 */
DCACHE_API size_t dcache_walk_batch(struct dentry *root, struct dentry *base,
				    struct dcache_walk_request *requests, size_t n,
				    unsigned int flags);

/**
 * dcache_walk_batch_rcu - the same, each as dcache_walk_rcu() does.
 * Return: how many paths led to an entry. Context: in a read section.
 */
DCACHE_API size_t dcache_walk_batch_rcu(struct dentry *root, struct dentry *base,
					struct dcache_walk_request *requests, size_t n,
					unsigned int flags);

DCACHE_END_DECLS

#endif /* DCACHE_BATCH_H */
