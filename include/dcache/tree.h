/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * The tree of entries: walking it, and freeing what is unused of it.
 *
 * Calls that visit a tree hold no lock while they call the program, and none for more than a few
 * dozen entries at a time: everybody else goes on meanwhile, also in a directory of ten million.
 */
#ifndef DCACHE_TREE_H
#define DCACHE_TREE_H

#include <dcache/base.h>

DCACHE_BEGIN_DECLS

/** enum d_walk_ret - what becomes of a walk after a visit. */
enum d_walk_ret {
	D_WALK_CONTINUE,	/**< go on, below this entry too */
	D_WALK_SKIP,		/**< go on, but not below this entry */
	D_WALK_QUIT,		/**< end the walk */
};

/**
 * d_walk - visit an entry and all cached below it, parents before their children.
 * @visit: called once for each, with the entry referenced for that time and no lock held; may use it
 *	   as any caller may. Does not make an entry look used.
 *
 * An entry that stays in its place for the time of the walk, and whose directories do, is visited once.
 * One that is added or removed meanwhile may be visited or not; one that is moved to another directory,
 * or lies below one that is, may also be visited at both places or at neither. In-lookup entries are not
 * visited; unhashed ones that are still in use are, see d_unhashed().
 *
 * Return: 0: all were visited; 1: the same, but something was moved between directories meanwhile;
 * 2: @visit ended it; -ENOMEM: not all were, the tree is too deep.
 * Context: may sleep, as @visit and dput() may; not in a read section. The thread is not cancelled
 * meanwhile.
 */
DCACHE_API int d_walk(struct dentry *top, enum d_walk_ret (*visit)(struct dentry *dentry, void *data),
		      void *data);

/** d_for_each_child - the same for the cached children of a directory alone, without itself. Return: as
 *  d_walk(), but never -ENOMEM. Context: as d_walk(). */
DCACHE_API int d_for_each_child(struct dentry *dir,
				enum d_walk_ret (*visit)(struct dentry *dentry, void *data),
				void *data);

/**
 * shrink_dcache_parent - free all that is unused below an entry.
 *
 * Entries in use, and the directories above them, stay. @parent itself does. What another call is
 * looking at, or about to free, is in use.
 * Return: how many were freed, or -ENOMEM: not all was looked at.
 * Context: may sleep (inodes' operations run); not in a read section.
 */
DCACHE_API long shrink_dcache_parent(struct dentry *parent);

DCACHE_END_DECLS

#endif /* DCACHE_TREE_H */
