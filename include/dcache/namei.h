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
 * The answer was true at some moment of this call. If it was overtaken (d_lookup_overtaken()) it is an entry
 * that is not cached, and the next call asks anew.
 *
 * Return: an entry, referenced, positive or negative; or ERR_PTR: the backend's error; -ENOENT
 * (negative parent); -ENOTDIR; -EINVAL, -ENAMETOOLONG (bad name); -EOPNOTSUPP: the directory has
 * no lookup operation; -ENOMEM; -EOVERFLOW, -EDEADLK: as d_alloc_parallel(); what d_hash and
 * d_revalidate say.
 * Context: sleeps; not in a read section; takes the directory's lock.
 */
DCACHE_API struct dentry *lookup_one_unlocked(struct dentry *parent, const struct qstr *name,
					      unsigned int flags);

/**
 * lookup_slow - the same without looking for a hit first: for callers that have just missed.
 *
 * Takes the directory's lock shared, then does as __lookup_slow().
 * Return: as lookup_one_unlocked().
 * Context: sleeps; not in a read section; takes the directory's lock.
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
 *
 * Return: as lookup_one_unlocked().
 * Context: sleeps, also for another's lookup of the name; the directory's lock is held; not in a read
 * section.
 */
DCACHE_API struct dentry *__lookup_slow(struct dentry *parent, const struct qstr *name,
					unsigned int flags);

/* Flags of dcache_walk(). The low 16 bits are the program's, for its operations. */
/** The last component's symbolic link is the answer, not followed; as O_NOFOLLOW with O_PATH. A '/' after
 *  it makes it followed nevertheless. */
#define WALK_NOFOLLOW 0x00010000u
/** -ELOOP on any symbolic link that is to be followed; as RESOLVE_NO_SYMLINKS. */
#define WALK_NO_SYMLINKS 0x00020000u
/** -EXDEV on leaving @base, by "..", by an absolute path, or by a link; as RESOLVE_BENEATH. */
#define WALK_BENEATH 0x00040000u
/** @base is "/", and its own parent, for path and links; as RESOLVE_IN_ROOT. Not with WALK_BENEATH. */
#define WALK_IN_ROOT 0x00080000u
/** The answer is a directory, or -ENOTDIR; as O_DIRECTORY. A path that ends in '/' means the same. */
#define WALK_DIRECTORY 0x00100000u
/** -EAGAIN instead of asking a backend or sleeping; as RESOLVE_CACHED. */
#define WALK_CACHED 0x00200000u
/** A last component that does not exist is answered by its negative entry, not by -ENOENT: for
 *  creating it. */
#define WALK_CREATE 0x00400000u
/** Set in the flags of operations that are called in a read section; not to be passed to calls. */
#define LOOKUP_RCU 0x80000000u

/** Symbolic links followed in one walk before it is -ELOOP; as MAXSYMLINKS of Linux. */
#define DCACHE_MAX_LINKS 40
/** A path, a link's too, is shorter than this; as PATH_MAX of Linux, which counts a NUL. */
#define DCACHE_PATH_MAX 4096

/**
 * dcache_walk - resolve a whole path.
 * @root: what "/" means, and what ".." of it is; a directory, referenced.
 * @base: where a path begins that does not begin with '/'; referenced. NULL: @root.
 * @path: @len bytes, components separated by any number of '/'; need not end in NUL.
 * @flags: WALK_..., and the program's own.
 *
 * While all it needs is cached, true, and needs no operation that sleeps, it takes no lock and stores
 * nothing but the reference on the answer. Where it needs more, it asks as lookup_one_unlocked() does.
 * "." and ".." are never passed on to a backend; ".." of @root is @root, and no walk leaves it.
 *
 * The answer is where the path led at one moment: every directory and link of it was in its place
 * then, whatever is renamed meanwhile. So is the absence of a name, and every other error of the path.
 * An answer that a backend does not let be cached was true when it was asked for, at which moment all
 * else was in its place. An entry counts as true from when it is found so (see d_is_stale()), even if it
 * turns stale before the walk ends.
 *
 * Return: the entry, referenced, positive unless WALK_CREATE; or ERR_PTR: -ENOENT; -ENOTDIR; -ELOOP;
 * -ENAMETOOLONG (a component, or the path); -EXDEV (WALK_BENEATH; or @base is not below @root);
 * -EINVAL (empty path, NUL in it or in a link's, unknown flags); -EAGAIN: WALK_CACHED; or what the path
 * goes through was changed again and again while it was looked at; -EOPNOTSUPP (no lookup or get_link
 * operation); -EOVERFLOW: the answer's count is full; backend's errors; -ENOMEM; what else
 * lookup_one_unlocked() says.
 * Context: sleeps, no directory's lock is held; with WALK_CACHED as d_lookup(), any may be. Not in a read
 * section.
 */
DCACHE_API struct dentry *dcache_walk(struct dentry *root, struct dentry *base, const char *path,
				      size_t len, unsigned int flags);

/**
 * dcache_walk_rcu - the same within a read section, without any store.
 * @seq: receives the answer's sequence number, see d_seq_retry() and dget_rcu().
 *
 * Return: the entry, not referenced; an error of the path; or ERR_PTR(-ECHILD): it cannot be told
 * without a reference, ask dcache_walk().
 * Context: in a read section.
 */
DCACHE_API struct dentry *dcache_walk_rcu(struct dentry *root, struct dentry *base,
					  const char *path, size_t len, unsigned int flags,
					  uint32_t *seq);

DCACHE_END_DECLS

#endif /* DCACHE_NAMEI_H */
