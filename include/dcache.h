/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * dcache: the Linux dentry cache, with its parallel lookups, as a library.
 *
 * A cache of (directory, name) -> object for any program that resolves names: FUSE filesystems,
 * file servers, build tools, language runtimes. When several threads look up the same missing
 * name, one of them asks the filesystem ("the backend") and the others wait for its answer.
 *
 * The header is the manual. Read in this order:
 *
 *	dcache/instance.h	a cache: create, limits, counters, destroy
 *	dcache/qstr.h		names
 *	dcache/inode.h		objects that names lead to, and directories' operations
 *	dcache/dentry.h		entries: references, adding, dropping, looking up
 *	dcache/batch.h		looking up many names at once
 *	dcache/parallel.h	one asks, the others wait: the heart of it
 *	dcache/async.h		waiting without sleeping, or not for ever
 *	dcache/alias.h		d_splice_alias, d_add_ci: what a filesystem's lookup ends with
 *	dcache/namei.h		lookup_one_unlocked: the whole protocol in one call; dcache_walk: whole
 *				paths, with links
 *	dcache/rename.h		d_move, d_exchange; paths and names while others do
 *	dcache/invalidate.h	entries that are no longer true: by subtree, inode, name, time
 *	dcache/directory.h	names from a listing; directories that are known completely
 *	dcache/tree.h		walking what is cached; freeing what is unused of it
 *	dcache/shrink.h		limits, making room, memory pressure (psi)
 *	dcache/casefold.h	ready-made Unicode case-insensitive directories
 *	dcache/rcu.h		read sections, for lookups without a reference
 *	dcache/wait.h		the queue head that the owner of a lookup lends to those who wait
 *
 * Words
 *	hashed		reachable by lookup
 *	negative	known to be absent: an entry without an inode
 *	in-lookup	somebody is asking the backend for it right now
 *	owner		the caller that must end an in-lookup entry; see d_alloc_parallel()
 *	waiter		a caller that found the entry in-lookup
 *	stale		no longer known to be true: its time is over, or its directory's generation
 *	complete	of a directory: all its names are cached
 *	disconnected	found without a name, and not yet in its place
 *	unused		hashed and not referenced: kept until room is needed
 *	checked build	a build with DCACHE_DEBUG defined: a broken rule stops the program
 *
 * Errors are returned: as a negative errno value from functions that return int, and as ERR_PTR()
 * from functions that return a pointer. No call sets errno. Nothing prints, aborts or exits in a
 * release build.
 *
 * Threads: every call may be made from any thread, which need not register itself.
 *
 * Context, in each call's comment, says where the call may be made:
 *	any			also in a read section, and with a d_lock() held; does not sleep
 *	does not sleep for long	waits for those who hold the library's locks, which is short, and may
 *				have to help where very much waits to be freed (inode_operations.release)
 *	may sleep, sleeps	for operations of the program, or for what the call is for
 * Nothing is called in a read section that is not said to be, and nothing with a d_lock() held but
 * d_wait_lookup() and what is for any context. Directories' locks may be held, but not that of a directory
 * which the call locks: lookup_slow() and what uses it. Operations that may sleep may make any call but
 * those that say otherwise; the others call nothing but accessors.
 *
 * An instance has a thread of its own, with all signals blocked: it frees memory after grace periods,
 * ends what changes of a table's size others began, and does what d_invalidate_deferred() left to it.
 * So operations that free something (evict, release, d_release) may run there. dcache_watch_psi()
 * starts one more. Both end with the instance.
 *
 * Locks, outermost first: the directory's inode_lock() or inode_lock_shared(), which the caller
 * takes; then the library's own, which no call returns with, except d_lock(). No call waits for two
 * directories' locks. A program that does, as for a rename, takes them in an order of all directories that
 * no rename changes, such as that of their numbers. Unless something waits for a directory's lock
 * with that of one above it held, as a lookup operation that looks up further down: then the upper one comes
 * first (is_subdir()), and only one thread at a time has two, by a mutex that is taken before both, since
 * renames change who is above whom. ("The upper one first, unrelated ones by number" alone is no order.)
 *
 * Cancellation: no call is a cancellation point, nor is an operation of the program while the library
 * calls it: a pthread_cancel() waits until the call returns. An operation must not end its thread.
 *
 * A cache does not survive fork() in the child, which must not touch it, nor destroy it: it may exec,
 * or exit. It may make caches of its own only if the program has told liburcu about forks, once:
 * pthread_atfork(urcu_bp_before_fork, urcu_bp_after_fork_parent, urcu_bp_after_fork_child). The
 * library does not, since doing it twice hangs. Then fork() waits for grace periods: not in a read
 * section. The parent is not affected.
 */
#ifndef DCACHE_H
#define DCACHE_H

#include <dcache/base.h>
#include <dcache/qstr.h>
#include <dcache/wait.h>
#include <dcache/rcu.h>
#include <dcache/instance.h>
#include <dcache/inode.h>
#include <dcache/dentry.h>
#include <dcache/batch.h>
#include <dcache/parallel.h>
#include <dcache/async.h>
#include <dcache/alias.h>
#include <dcache/namei.h>
#include <dcache/rename.h>
#include <dcache/invalidate.h>
#include <dcache/directory.h>
#include <dcache/tree.h>
#include <dcache/shrink.h>
#include <dcache/casefold.h>

#endif /* DCACHE_H */
