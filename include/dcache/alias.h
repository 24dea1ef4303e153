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
 * unhashed and stops being in-lookup: its waiters get the entry. Otherwise as d_add().
 *
 * Return: NULL: @dentry is now the entry; or the entry that took its place, referenced; or
 * ERR_PTR: -ELOOP: that entry is an ancestor of @dentry; -ESTALE: the locks that moving it from
 * another directory needs cannot be had without waiting; what d_add() says. After an error an
 * in-lookup entry still is, and still the caller's.
 * Context: may sleep (the inode's evict may run); not in a read section.
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
 * reference.
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
 * ERR_PTR(-ENOMEM).
 * Context: may sleep; not in a read section.
 */
DCACHE_API struct dentry *d_obtain_alias(struct inode *inode);

DCACHE_END_DECLS

#endif /* DCACHE_ALIAS_H */
