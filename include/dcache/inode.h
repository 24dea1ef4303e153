/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Inodes: the objects that names lead to.
 *
 * An inode carries a type, a number, operations and one pointer of the program's. It is counted:
 * new_inode() gives the first reference, each positive entry holds one.
 */
#ifndef DCACHE_INODE_H
#define DCACHE_INODE_H

#include <dcache/base.h>

DCACHE_BEGIN_DECLS

/** enum inode_type - what kind of object; only directories are treated differently. */
enum inode_type {
	INODE_DIRECTORY = 1,
	INODE_REGULAR = 2,
	INODE_SYMLINK = 3,
	INODE_SPECIAL = 4,	/**< device, FIFO, socket, or what else the program has */
};

/**
 * struct inode_operations - what the program does for an inode. All optional, all may be NULL.
 */
struct inode_operations {
	/**
	 * The backend: look up @dentry's name in @dir, a directory. Called by lookup_slow() with
	 * @dir locked shared (not by __lookup_slow()), by one thread for one name at a time;
	 * different names of one directory in parallel. May sleep.
	 *
	 * @dentry is in-lookup and the callee's to end. It either ends it with d_add(@dentry, inode
	 * or NULL), or returns what d_splice_alias() or d_add_ci() returned, or returns an error.
	 * Return: NULL (the answer is @dentry; if it was not ended: "does not exist, do not cache
	 * that"), another entry, referenced (the answer is that one), or ERR_PTR: waiters get the
	 * same.
	 */
	struct dentry *(*lookup)(struct inode *dir, struct dentry *dentry, unsigned int flags);

	/**
	 * Where a symbolic link leads: copy the path to @buf. With LOOKUP_RCU in @flags it is called
	 * in a read section, must not sleep, and may return -ECHILD to be called again without.
	 * Return: the length, at most @size; -ENAMETOOLONG; another negative errno value.
	 */
	int (*get_link)(struct inode *inode, char *buf, size_t size, unsigned int flags);

	/** The last reference is gone. Runs at once, in the context of whoever gave it back, with
	 *  no lock of the library held. May sleep. Readers may still see the inode. */
	void (*evict)(struct inode *inode);

	/** Nobody can see the inode any more: free what inode_private() points to. Runs once, after
	 *  a grace period, usually in the instance's own thread, in no order. Whoever calls the
	 *  library may have to wait for it if very much is to be freed: it must not take a lock
	 *  that is held during such calls. */
	void (*release)(struct inode *inode);
};

/**
 * new_inode - make an inode with one reference, which the inode table does not know.
 * @dc:   instance it belongs to.
 * @ino:  number, for the program's use.
 * @type: kind of object.
 * @ops:  operations, or NULL; must outlive the instance.
 * @private_data: the program's pointer; given back through ops->release.
 *
 * Return: the inode, or ERR_PTR(-ENOMEM), ERR_PTR(-EINVAL) for an unknown type. On error
 * ops->release is not called.
 * Context: does not sleep; also in a read section.
 */
DCACHE_API struct inode *new_inode(struct dcache *dc, uint64_t ino, enum inode_type type,
				   const struct inode_operations *ops, void *private_data);

/*
 * The inode table: inodes by number, for backends whose store has numbers and that want one inode
 * for one number without a table of their own.
 */

/**
 * iget_locked - the inode of a number, or a new one that the caller is to fill.
 *
 * Of all who ask for a number that is not there, one gets a new inode, for which inode_is_new() holds,
 * and ends that with unlock_new_inode() or iget_failed(); the others sleep until then. If it failed, the
 * next one gets a new inode. An inode whose last reference is gone is found no more, but who asks for
 * its number sleeps until its evict operation has returned.
 *
 * So the thread that fills an inode, or whom that waits for, must not ask for the same number before it
 * has ended that, and two evict operations must not ask for each other's numbers: they would sleep for
 * ever. An evict operation that asks for its own number is told.
 *
 * Return: the inode, referenced, or ERR_PTR: -ENOMEM; -EDEADLK: the calling thread is in the evict
 * operation of that very number.
 * Context: sleeps; not in a read section.
 */
DCACHE_API struct inode *iget_locked(struct dcache *dc, uint64_t ino);

/** inode_is_new - is it to be filled by the caller who got it from iget_locked()? No entry can be given
 *  such an inode: -EINVAL. Context: any. */
DCACHE_API bool inode_is_new(const struct inode *inode);

/**
 * unlock_new_inode - a new inode is filled: give it what new_inode() would, and to those who wait.
 * Return: 0; -EINVAL: not new, or an unknown type; nothing has changed then. Context: does not sleep
 * for long; not in a read section.
 */
DCACHE_API int unlock_new_inode(struct inode *inode, enum inode_type type,
				const struct inode_operations *ops, void *private_data);

/** iget_failed - a new inode cannot be filled: it is taken out of the table and put; those who wait look
 *  again. It has no operations, so none is called. NULL and error pointers are ignored.
 *  Context: may sleep; not in a read section. */
DCACHE_API void iget_failed(struct inode *inode);

/** ilookup - the inode of a number if it is in the table and filled, referenced; NULL otherwise, also for
 *  one whose last reference is gone. Waits for one that is being filled. Context: sleeps; not in a read
 *  section. */
DCACHE_API struct inode *ilookup(struct dcache *dc, uint64_t ino);

/** ihold - take another reference on an inode that is referenced. It is not refused: there must not be 2^32.
 *  Context: any. */
DCACHE_API void ihold(struct inode *inode);

/**
 * igrab - take a reference on an inode seen in a read section, or otherwise not known to be held.
 * Return: @inode, or NULL if its last reference is gone.
 * Context: any.
 */
DCACHE_API struct inode *igrab(struct inode *inode);

/** iput - give a reference back; NULL and error pointers are ignored. The last one evicts.
 *  Context: may sleep if it is the last; not in a read section. */
DCACHE_API void iput(struct inode *inode);

/**
 * iput_deferred - give a reference back, and leave what that may take to the background; NULL and error
 * pointers are ignored.
 *
 * As dput_deferred(): if it is the last, the reference stays, so that the inode is still found, until the
 * instance's thread gives it back soon, as iput() does. evict is never called in the caller's context,
 * nothing is freed or allocated, and it cannot fail.
 * Context: with any locks of the program's held, from any operation that may call the library; does
 * not sleep for long: it waits for a lock that is held for a few instructions and, at times, a
 * wake-up of the thread; not in a read section.
 */
DCACHE_API void iput_deferred(struct inode *inode);

/** inode_private - the pointer given to new_inode() or unlock_new_inode(), NULL before; what it points to is
 *  the program's (inode_operations.release). Context: any. */
DCACHE_API void *inode_private(const struct inode *inode);
/** inode_number - the number given to new_inode() or iget_locked(). Context: any. */
DCACHE_API uint64_t inode_number(const struct inode *inode);
/** inode_get_type - the type given to new_inode() or unlock_new_inode(), 0 before. Context: any. */
DCACHE_API enum inode_type inode_get_type(const struct inode *inode);
/** inode_dcache - the instance given to new_inode() or iget_locked(); no reference is taken on it.
 *  Context: any. */
DCACHE_API struct dcache *inode_dcache(const struct inode *inode);

/**
 * inode_lock, inode_unlock, inode_lock_shared, inode_unlock_shared - the directory lock (i_rwsem).
 * @dir: referenced.
 *
 * Lookups hold a directory shared; whoever creates, removes or renames in it holds it exclusively,
 * so that a lookup which raced the change cannot publish what was true before it. First come,
 * first served: a waiting writer is not overtaken by later readers, so a thread must not take it
 * shared twice. Any thread may unlock; a checked build stops if it is not locked so.
 * Context: locking sleeps; not in a read section. Unlocking does not sleep for long. Two directories: see
 * dcache.h.
 */
DCACHE_API void inode_lock(struct inode *dir);
DCACHE_API void inode_unlock(struct inode *dir);
DCACHE_API void inode_lock_shared(struct inode *dir);
DCACHE_API void inode_unlock_shared(struct inode *dir);
/** inode_trylock, inode_trylock_shared - the same if it can be had at once. Return: true: it is locked.
 *  Context: any; never sleeps. */
DCACHE_API bool inode_trylock(struct inode *dir);
DCACHE_API bool inode_trylock_shared(struct inode *dir);

DCACHE_END_DECLS

#endif /* DCACHE_INODE_H */
