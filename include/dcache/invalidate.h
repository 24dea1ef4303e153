/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Entries that are no longer true, or not for long.
 *
 * An entry is stale if its time to live has passed, or if its directory's generation has changed
 * since it was last known to be true. lookup_one_unlocked(), lookup_slow() and dcache_walk() do not
 * answer with a stale entry: they ask its d_revalidate operation, and without one drop it and ask the
 * backend again. What the backend says is the answer of who asked, and of those who wait for it, even if
 * it is stale at once. d_lookup(), d_lookup_rcu() and d_alloc_parallel() return what is hashed; their
 * callers ask d_is_stale() or d_revalidate().
 *
 * A lookup that begins after an invalidation, of its name or its directory's children, does not take
 * what another finds that began before; and what that one finds is not cached (d_lookup_overtaken()). A root
 * is never stale.
 */
#ifndef DCACHE_INVALIDATE_H
#define DCACHE_INVALIDATE_H

#include <dcache/base.h>
#include <dcache/qstr.h>

DCACHE_BEGIN_DECLS

/**
 * d_invalidate - an entry, and all below it, is no longer true.
 *
 * It is unhashed first: from then on nothing below it is found by a path from above. Then what is
 * unused below is freed. Entries in use survive until their last reference is put, and are freed then
 * instead of being kept; so is what is looked up below them until then. One that is hashed again, or
 * moved, by whoever has seen that it is true, is kept again.
 *
 * A root cannot be unhashed: its children are instead, one after the other, and what is being asked for in
 * it is not cached, as after d_invalidate_children(). An in-lookup entry stays so.
 * Return: 0; -ENOMEM: not all below was looked at; what was not is found by nobody from above, and goes
 * as it becomes the least recently used.
 * Context: may sleep (inodes' operations run); not in a read section.
 */
DCACHE_API int d_invalidate(struct dentry *dentry);

/**
 * d_invalidate_deferred - the same, but what is below is freed in the background: returns at once
 * however large the tree. If there is no memory to note it, it is done at once; if very many wait, the
 * caller does a portion of what was asked for before. dcache_barrier() waits for it.
 * Context: as d_invalidate().
 */
DCACHE_API void d_invalidate_deferred(struct dentry *dentry);

/**
 * d_invalidate_inode - every name of an inode is no longer true: invalidate all its entries.
 * @inode: referenced.
 *
 * All that it has when the call begins. What a lookup that is under way finds is not one of them: where
 * that matters, d_invalidate_name() or d_invalidate_children().
 * Return: as d_invalidate(). Context: as d_invalidate().
 */
DCACHE_API int d_invalidate_inode(struct inode *inode);

/**
 * d_invalidate_name - what is cached of a name is no longer true, positive or negative.
 *
 * Nor is what is being found by a lookup that is under way, which will not be cached. A complete
 * directory is not complete any more, since the name may exist now.
 * Return: 0, also if nothing is cached; -ENOENT (negative parent), -ENOTDIR; -EINVAL, -ENAMETOOLONG: no
 * name; -EOVERFLOW: the entry has 2^30 references; what d_hash or d_invalidate() says.
 * Context: as d_invalidate().
 */
DCACHE_API int d_invalidate_name(struct dentry *parent, const struct qstr *name);

/**
 * d_invalidate_children - nothing cached of a directory's names is known to be true any more: its
 * generation changes. Takes the same short time however many there are; each is found stale when it is
 * next looked up. A lookup that is under way was begun in the old generation: what it finds is not cached.
 * Return: 0, -ENOENT (negative), -ENOTDIR. Context: any.
 */
DCACHE_API int d_invalidate_children(struct dentry *dir);

/** No time to live. */
#define DCACHE_TTL_NONE UINT64_MAX

/**
 * d_set_ttl - an entry is true for so long, from now on.
 * @ttl_ns: nanoseconds of the monotonic clock, in steps of 17 ms, rounded up; at most 20 days, which
 *	    longer ones are taken for. 0: stale at once. DCACHE_TTL_NONE: for ever.
 *
 * Overrides what the instance's options say for this entry until it turns positive or negative while it
 * is hashed, or a d_revalidate operation vouches for it without setting a time. On an entry that is
 * in-lookup or not yet hashed, as in a lookup operation, it is for what will be published; a directory
 * that d_splice_alias() moves there gets it, too. An entry's time does not begin anew by d_rehash().
 * Context: does not sleep for long; not in a read section.
 */
DCACHE_API void d_set_ttl(struct dentry *dentry, uint64_t ttl_ns);

/**
 * d_is_stale - has its time to live passed, or its directory's generation changed?
 *
 * True also if that cannot be told, since the entry is being moved just now: whoever asks again a little
 * later is told. "False" is so.
 * Context: any, a read section, too; never sleeps.
 */
DCACHE_API bool d_is_stale(const struct dentry *dentry);

/**
 * d_revalidate - see that a hashed entry is true before it is used.
 * @flags: passed on to the d_revalidate operation.
 *
 * An entry with that operation is asked about, stale or not; if it is true it is no longer stale: its
 * time to live, unless the operation sets one, begins anew, as the instance's options say. One without
 * is true if it is not stale. If it is not true it is invalidated.
 * Return: 1: true; 0: not, and it has been invalidated; the operation's negative errno value: not known.
 * Context: sleeps if the operation does; not in a read section.
 */
DCACHE_API int d_revalidate(struct dentry *dentry, unsigned int flags);

DCACHE_END_DECLS

#endif /* DCACHE_INVALIDATE_H */
