/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Several names of one inode: what a filesystem's lookup operation ends with.
 *
 * An inode that is not a directory may have any number of entries (hard links). A directory has
 * one: if it turns up under a new name, its entry moves there, with all that is below it.
 */
#ifndef DCACHE_ALIAS_H
#define DCACHE_ALIAS_H

#include <dcache/base.h>
#include <dcache/qstr.h>

DCACHE_BEGIN_DECLS

/**
 * d_splice_alias - answer a lookup with an inode that may be known under another name.
 * @inode:  consumed. NULL: the name does not exist. An error pointer is returned as it is.
 * @dentry: unhashed, negative; usually in-lookup.
 *
 * If @inode is a directory that has an entry already (hashed, unhashed or disconnected), that
 * entry takes @dentry's place in the tree and is returned, referenced; @dentry stays negative and
 * unhashed and stops being in-lookup: its waiters get the entry. Otherwise as d_add(). If the lookup was
 * overtaken (d_lookup_overtaken()) such an entry is returned all the same, but stays where it is.
 *
 * Return: NULL: @dentry is now the entry; or the directory's other entry, referenced; or
 * ERR_PTR: -ELOOP: that entry is an ancestor of @dentry; -ESTALE: the locks that moving it from
 * another directory needs cannot be had without waiting; -EOVERFLOW: that entry has 2^30 references; what
 * d_add() says. After an error an in-lookup entry still is, and still the caller's.
 * Context: may sleep (the inode's evict may run); not in a read section. The directory's lock is held as for
 * d_alloc_parallel(); that of the directory which the entry is in is tried, shared.
 */
DCACHE_API struct dentry *d_splice_alias(struct inode *inode, struct dentry *dentry);

/**
 * d_add_ci - answer a lookup of one spelling with the entry of the stored one.
 * @dentry: the spelling that was asked for; in-lookup, or from d_alloc().
 * @inode:  what the filesystem found, consumed. An error pointer is returned.
 * @name:   the spelling under which it is stored.
 *
 * Only the stored spelling is cached: @dentry is left as it was, for the caller (lookup_slow(), if
 * called from a lookup operation) to end and put. If the stored spelling is hashed and positive
 * that entry is returned; a negative one is out of date and replaced. If somebody else is asking
 * for the stored spelling this call waits for the answer. If @name equals @dentry's own name by
 * the directory's compare, @inode is spliced onto @dentry itself, which is returned with one more
 * reference. What was found is as old as the lookup of @dentry: if that was overtaken, the stored
 * spelling is not cached either, and the entry returned is unhashed.
 *
 * Return: the entry of the stored spelling, referenced (a directory's that was cached elsewhere is
 * moved there); or ERR_PTR: -EDEADLK: waiting would close a cycle of d_add_ci() calls, or the
 * calling thread itself is asking for the stored spelling; -EINVAL: @inode is NULL, or the name is
 * bad, or @dentry is a root; -ENOMEM, or what d_splice_alias() says.
 * Context: sleeps while another's lookup is under way; not in a read section.
 */
DCACHE_API struct dentry *d_add_ci(struct dentry *dentry, struct inode *inode,
				   const struct qstr *name);

/**
 * d_obtain_alias - an entry for an inode that was found without a name, as by a file handle.
 * @inode: consumed. NULL: -ESTALE, an error pointer: that error.
 *
 * Return: any entry of the inode, or a new one that is disconnected: its own parent, unhashed,
 * freed with its last reference unless d_splice_alias() finds it a place before. Or
 * ERR_PTR: -ENOMEM; -EINVAL: the inode is new (inode_is_new()); -EOVERFLOW: the entry has 2^30 references.
 * Context: may sleep; not in a read section.
 */
DCACHE_API struct dentry *d_obtain_alias(struct inode *inode);

/**
 * d_find_alias - an entry of an inode: a directory's one entry, even unhashed; of any other inode, a
 * hashed one. @inode is referenced. Return: the entry, referenced, or NULL, also if it has 2^30 references.
 * Context: does not sleep for long; not in a read section.
 */
DCACHE_API struct dentry *d_find_alias(struct inode *inode);

/** d_find_any_alias - any entry of an inode, hashed or not, referenced, or NULL.
 *  Context: as d_find_alias(). */
DCACHE_API struct dentry *d_find_any_alias(struct inode *inode);

/** d_prune_aliases - free those entries of an inode that are unused. Each that was there at the beginning
 *  is looked at once; none that is in use is touched. Return: how many were freed. @inode is referenced.
 *  Context: may sleep; not in a read section. */
DCACHE_API size_t d_prune_aliases(struct inode *inode);

/** d_is_disconnected - is it, or the topmost entry above it, one of d_obtain_alias() that has found no
 *  place yet? Right under concurrent moves. Context: does not sleep for long; not in a read section. */
DCACHE_API bool d_is_disconnected(const struct dentry *dentry);

/** struct export_operations - how a filesystem finds the way up from an inode. */
struct export_operations {
	/** The directory in which @child, a directory, lies. Return: it, referenced, or ERR_PTR.
	 *  No lock held; may sleep. */
	struct inode *(*get_parent)(struct inode *child);
	/** The name of @child in @parent, into @buf of DCACHE_NAME_MAX + 1 bytes, with a NUL.
	 *  Return: its length, or a negative errno value; -ENOENT: it is not there (any more). */
	int (*get_name)(struct inode *parent, struct inode *child, char *buf);
};

/**
 * d_reconnect - find a disconnected directory its place in the tree.
 *
 * Asks for the directory of the topmost disconnected entry above, and for its name in there, and looks
 * that name up: the directory's lookup operation ends with d_splice_alias(), which finds the
 * disconnected entry and moves it there. If the directory is disconnected itself, so on from there.
 *
 * Return: 0: connected (now or before); -ESTALE: not found where the filesystem says it is, or moved
 * about, though tried again; -ENOTDIR: not a directory; -EINVAL: no operations; -ELOOP: the filesystem
 * says that it lies below itself, or goes up without end; -EXDEV: its directory is another
 * instance's; the operations' other errors; what lookup_one_unlocked() says; -ENOMEM. After an error
 * what has been connected so far stays so.
 * Context: sleeps; no directory's lock is held; not in a read section.
 */
DCACHE_API int d_reconnect(struct dentry *dentry, const struct export_operations *ops);

DCACHE_END_DECLS

#endif /* DCACHE_ALIAS_H */
