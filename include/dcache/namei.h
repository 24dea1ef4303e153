/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * The whole protocol of one name in one call: look in the cache, revalidate, and if it is not
 * there, ask the directory's lookup operation, together with all who want the same.
 */
#ifndef DCACHE_NAMEI_H
#define DCACHE_NAMEI_H

#include <dcache/base.h>
#include <dcache/qstr.h>

DCACHE_BEGIN_DECLS

/**
 * lookup_one_unlocked - resolve one name in a directory.
 * @parent: a referenced directory; the caller does not hold its inode_lock() or
 *	    inode_lock_shared().
 * @name:   the name. "." and ".." are refused: a cache has no entries for them.
 * @flags:  passed on to the d_revalidate and lookup operations.
 *
 * A hit costs no lock of the directory and allocates nothing. A hit that d_revalidate rejects is
 * dropped and asked for again.
 *
 * Return: an entry, referenced, positive or negative; or ERR_PTR: the backend's error; -ENOENT
 * (negative parent); -ENOTDIR; -EINVAL, -ENAMETOOLONG (bad name); -EOPNOTSUPP: the directory has
 * no lookup operation; -ENOMEM; -EDEADLK.
 * Context: sleeps; not in a read section.
 */
DCACHE_API struct dentry *lookup_one_unlocked(struct dentry *parent, const struct qstr *name,
					      unsigned int flags);

/**
 * lookup_slow - the same without looking for a hit first: for callers that have just missed.
 *
 * Takes the directory's lock shared, then does as __lookup_slow().
 */
DCACHE_API struct dentry *lookup_slow(struct dentry *parent, const struct qstr *name,
				      unsigned int flags);

/**
 * __lookup_slow - the same for callers that hold the directory's lock, shared or exclusively, or
 * need none.
 *
 * The lookup operation's answer is honoured so: NULL and the entry ended by d_add() or
 * d_splice_alias(): that entry. Another entry: that one, and waiters get it too. An error:
 * returned, to waiters too. NULL and the entry not ended: the name does not exist, and that is not
 * to be cached; the entry is returned negative and unhashed, to waiters too.
 */
DCACHE_API struct dentry *__lookup_slow(struct dentry *parent, const struct qstr *name,
					unsigned int flags);

DCACHE_END_DECLS

#endif /* DCACHE_NAMEI_H */
