/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Waiting for another's lookup without sleeping, or not for ever.
 *
 * For event loops and coroutines, whose threads must not sleep, a struct d_waiter takes the place of
 * the sleeping thread:
 *
 *	request->waiter.func = answered;
 *	dentry = d_alloc_parallel_async(dir, &name, &request->waiter);
 *	if (!dentry)
 *		return;					(answered() will be called)
 *
 * The other three are for threads that may sleep a little, or not at all just now. All wait on the same
 * queue, and what ends a lookup ends all waits for it.
 */
#ifndef DCACHE_ASYNC_H
#define DCACHE_ASYNC_H

#include <dcache/base.h>
#include <dcache/inode.h>
#include <dcache/qstr.h>
#include <dcache/wait.h>

DCACHE_BEGIN_DECLS

struct d_waiter;

/**
 * d_waiter_func - the lookup that @waiter was registered for has ended.
 * @waiter: the program's again; it may be freed, or registered again at once.
 * @result: an entry, referenced, now the callee's; ERR_PTR: the error that the lookup was failed with;
 *	    or NULL: it ended without an answer for this waiter: d_alloc_parallel_async() again.
 *
 * Called exactly once for a registration that is not taken back, in the thread that ended the lookup,
 * before the call that ended it returns; one that was ended by a func is told of when that func has
 * returned, so that calls do not nest. It is outside all locks of the library and all read sections, but
 * within another's d_add() or dput(): it must be short. It may make any call that does not wait for a
 * lookup or for a directory's lock: it may register again, take others back, end lookups. It must not
 * end its thread.
 *
 * An entry that is given is what the lookup ended with. It was hashed under the name at some moment after
 * the registration, unless the lookup was redirected to it, or the answer was not to be cached: of a
 * lookup operation that said so, or overtaken after the registration (d_lookup_overtaken()). It may be
 * stale or unhashed by now, as any entry that was found.
 */
typedef void d_waiter_func(struct d_waiter *waiter, struct dentry *result);

/**
 * struct d_waiter - a registration, in memory of the program's that stays until func is called or
 * d_waiter_cancel() has returned true. @func is set by the program before it registers; the rest is the
 * library's, which allocates nothing for it.
 */
struct d_waiter {
	d_waiter_func *func;
	uint64_t opaque[15];
};

/**
 * d_alloc_parallel_async - d_alloc_parallel(), but another's lookup is not waited for.
 * @parent, @name: as for d_alloc_parallel().
 * @waiter:	   not registered; func is set.
 *
 * If this makes the caller the owner, the entry brings its own wait queue and belongs to no thread, as
 * after d_lookup_detach(). For the same reason a thread may register any number of waiters, for names
 * that it asks for itself, too.
 *
 * Return: an entry (found, or in-lookup and the caller's to end); ERR_PTR as d_alloc_parallel(), but
 * never -EDEADLK; or NULL: somebody is asking, and @waiter is registered. func may have been called
 * by the time NULL is returned: @waiter is not to be touched then but by d_waiter_cancel().
 * Context: as d_alloc(): it sleeps for nobody, but operations of what is freed to make room may run.
 */
DCACHE_API struct dentry *d_alloc_parallel_async(struct dentry *parent, const struct qstr *name,
						 struct d_waiter *waiter);

/**
 * d_waiter_cancel - take a registration back.
 * @waiter: registered, by a call that has returned; its memory stays during this one.
 *
 * True: func will not be called for it, and the lookup goes on without this waiter. False: func has been
 * called, is being called or is about to be, or another cancel was first; func is not waited for.
 * May be called by any thread, in a func too, and in any order with others and with the lookup's end:
 * exactly one of them gets the waiter. Takes the same time however many wait.
 * Context: does not sleep for long; not in a read section. One of d_add_ci_async(): as dput().
 */
DCACHE_API bool d_waiter_cancel(struct d_waiter *waiter);

/**
 * d_alloc_parallel_until - d_alloc_parallel() that waits no longer than until a time.
 * @deadline_ns: of CLOCK_MONOTONIC, in nanoseconds; UINT64_MAX: never. One that has passed makes it a
 *		 try.
 *
 * Return: as d_alloc_parallel(), and ERR_PTR(-ETIMEDOUT): another's lookup was still under way then.
 * That lookup is not disturbed. The library's own locks are not subject to the deadline.
 * Context: sleeps; not in a read section.
 */
DCACHE_API struct dentry *d_alloc_parallel_until(struct dentry *parent, const struct qstr *name,
						 struct wait_queue_head *wq, uint64_t deadline_ns);

/**
 * d_wait_lookup_until - d_wait_lookup() that waits no longer than until a time.
 * @dentry: as for d_wait_lookup(); locked, also when the call returns.
 *
 * Return: 0: it is not in-lookup; -ETIMEDOUT: it still is. The reference is the caller's as before.
 * Context: sleeps; not in a read section.
 */
DCACHE_API int d_wait_lookup_until(struct dentry *dentry, uint64_t deadline_ns);

/**
 * d_alloc_noblock - d_alloc_parallel() that does not wait, for anybody.
 *
 * Locks are tried a few times at most, and nothing is freed or given back that could make an operation of
 * the program run, but for d_hash and d_compare. Memory is allocated if the name is missed. Entries beyond
 * a limit are freed by the instance's thread.
 *
 * Return: as d_alloc_parallel(), but for -EDEADLK; and ERR_PTR(-EWOULDBLOCK): another's lookup is under
 * way, or something was changing or locked that could not be done without: call d_alloc_parallel(), or
 * later again.
 * Context: any but an operation of the program that must not allocate; never sleeps, but malloc() may.
 */
DCACHE_API struct dentry *d_alloc_noblock(struct dentry *parent, const struct qstr *name,
					  struct wait_queue_head *wq);

/**
 * d_add_ci_async - d_add_ci() for callers that must not sleep.
 * @waiter: not registered; func is set.
 *
 * Return: as d_add_ci(); or NULL: somebody else is asking for the stored spelling. Then @inode is still
 * the caller's and @waiter is registered: when func is called, put its result, if it is an entry, and
 * call again with the same arguments. Cycles of owners that wait for each other's spellings,
 * sleeping or not, are found: -EDEADLK. Until then, or until it is taken back, @dentry is to stay
 * in-lookup.
 * Context: as d_splice_alias().
 */
DCACHE_API struct dentry *d_add_ci_async(struct dentry *dentry, struct inode *inode,
					 const struct qstr *name, struct d_waiter *waiter);

DCACHE_END_DECLS

#endif /* DCACHE_ASYNC_H */
