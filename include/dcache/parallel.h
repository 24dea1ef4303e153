/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Parallel lookups: of those who miss the same name, one asks, the others wait.
 *
 *	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
 *	struct dentry *dentry = d_alloc_parallel(dir, &name, &wq);
 *
 *	if (IS_ERR(dentry))
 *		return dentry;
 *	if (!d_in_lookup(dentry))
 *		return dentry;				(found, or another's answer)
 *	err = ask_the_backend(&name, &inode);		(this caller is the owner)
 *	if (err)
 *		d_lookup_fail(dentry, err);
 *	else
 *		d_add(dentry, inode);			(inode == NULL: it does not exist)
 *
 * While an entry is in-lookup it is negative, unhashed and referenced; its name and parent do not
 * change; there is at most one of a (directory, name), and no hashed one. It stops being in-lookup
 * by exactly one of: d_add(), d_splice_alias(), d_lookup_done(), d_lookup_fail(),
 * d_lookup_redirect().
 *
 * An answer may come too late: its name, or its directory, was invalidated while the backend was asked,
 * or this process made, removed or renamed something of that name. What was answered is then not hashed,
 * and not given to anybody who asked after the change; who asked before it gets it. A lookup of another
 * name is not concerned. No directory's lock is needed for this: owners may end their lookups from any
 * thread, in any order, holding nothing. See d_lookup_overtaken().
 */
#ifndef DCACHE_PARALLEL_H
#define DCACHE_PARALLEL_H

#include <dcache/base.h>
#include <dcache/qstr.h>
#include <dcache/wait.h>

DCACHE_BEGIN_DECLS

/**
 * d_alloc_parallel - find an entry, or become the one who asks for it.
 * @parent: a positive directory, referenced by the caller, who holds its inode_lock_shared() or
 *	    sees to it otherwise that nobody creates or removes the name meanwhile.
 * @name:   the name, copied if needed.
 * @wq:     where others will wait if the caller becomes the owner; must live until the lookup is
 *	    ended. NULL: the entry brings its own, for owners whose frame does not last.
 *
 * If the name is hashed, that entry is returned (positive or negative; revalidating it is the
 * caller's). If somebody is asking for it, the call waits, and returns what that lookup ended with: the
 * entry (unhashed, if the answer was overtaken after this call began), the error, or the other entry
 * that the name turned out to be. If it ended without any, or too early for this caller to have queued,
 * the call starts over. Otherwise the caller becomes the owner of a new entry: d_in_lookup() tells.
 * Nothing is allocated unless a new entry is needed.
 *
 * Return: an entry, referenced; or ERR_PTR: -ENOMEM; -ENOENT (negative parent); -ENOTDIR;
 * -ENAMETOOLONG; -EINVAL (empty name, or one holding '/' or NUL); -EDEADLK: the calling thread
 * itself owns that lookup (see d_lookup_detach()); -EOVERFLOW: the entry, or @parent, has 2^30
 * references; the error that the awaited lookup was failed
 * with; what d_hash says. A cycle of several owners, each waiting for the next by direct calls of
 * this function, is not detected; cycles made by d_add_ci() are.
 * Context: sleeps while another's lookup is under way; not in a read section.
 */
DCACHE_API struct dentry *d_alloc_parallel(struct dentry *parent, const struct qstr *name,
					   struct wait_queue_head *wq);

/** d_in_lookup - is somebody asking for this entry? Context: any; @dentry referenced. */
DCACHE_API bool d_in_lookup(const struct dentry *dentry);

/**
 * d_wait_lookup - wait until an entry is not in-lookup.
 * @dentry: referenced, for this call alone, its d_lock() held by the caller, and held again when
 *	    the call returns.
 *
 * The caller must not be the one who is to end the lookup, and somebody must be: a lookup whose owner
 * has put its reference without ending it is ended when only waiters' references are left, and until
 * then the call sleeps. After the return nobody touches this waiter's place in the queue, nor the
 * owner's queue head for its sake.
 * Context: sleeps; not in a read section.
 */
DCACHE_API void d_wait_lookup(struct dentry *dentry);

/** d_lookup_done - end a lookup without an answer: waiters start over, one becomes the owner.
 *  No-op if @dentry is not in-lookup. Context: as d_drop(). */
DCACHE_API void d_lookup_done(struct dentry *dentry);

/**
 * d_lookup_fail - end a lookup with an error, which everybody who waits gets.
 * @error: -MAX_ERRNO .. -1. A later caller asks afresh.
 *
 * Return: 0; -EINVAL: not an error; -EALREADY: @dentry is not in-lookup (any more).
 * Context: as d_drop().
 */
DCACHE_API int d_lookup_fail(struct dentry *dentry, int error);

/**
 * d_lookup_redirect - end a lookup because the name is another entry's, as with another spelling.
 * @alias: what everybody who waits gets, each with a reference; the caller keeps its own.
 *
 * Return: 0; -EINVAL: @alias is @dentry, in-lookup itself, or NULL; -EXDEV; -EALREADY, as above.
 * Context: as d_drop().
 */
DCACHE_API int d_lookup_redirect(struct dentry *dentry, struct dentry *alias);

/**
 * d_lookup_detach - the lookup may be ended by another thread than the one that began it.
 *
 * From now on that thread may wait for it, instead of getting -EDEADLK. If that thread ends before
 * the lookup does, this must be called before: thread numbers are used again. No-op if @dentry is
 * not in-lookup. Context: as d_drop().
 */
DCACHE_API void d_lookup_detach(struct dentry *dentry);

/**
 * d_lookup_overtaken - does, or did, the answer of this lookup come too late to be cached?
 * @dentry: in-lookup, or was; of the caller's, who is or was the owner, or one who waited.
 *
 * While it is in-lookup: its name or its directory has been changed since the lookup began, and nothing
 * that it ends with will be cached, not even what the backend says from now on. An owner may leave off and
 * end it by d_lookup_done(): then somebody else begins anew, as everybody who came after the change does
 * anyway. Once true it stays so. Afterwards: the lookup ended with an answer, an error or another entry, and
 * that came too late: the entry is unhashed for good. (A directory's, if a later lookup finds that
 * directory, is put in its place then, and was not too late any more.) False if it was hashed, or ended
 * without anything.
 * Context: any.
 */
DCACHE_API bool d_lookup_overtaken(const struct dentry *dentry);

DCACHE_END_DECLS

#endif /* DCACHE_PARALLEL_H */
