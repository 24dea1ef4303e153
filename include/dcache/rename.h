/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Renaming entries, and asking where they are while others do.
 *
 * Moves of one instance happen one after the other. Each is atomic for everybody else: a lookup, a
 * path or a walk sees the tree as it was before or as it is after, and lookups of names that are not
 * part of it never miss because of it.
 */
#ifndef DCACHE_RENAME_H
#define DCACHE_RENAME_H

#include <dcache/base.h>
#include <dcache/qstr.h>

DCACHE_BEGIN_DECLS

/**
 * d_move - an entry takes the place of another: its parent and its name.
 * @dentry: hashed or not; hashed afterwards. What is below it goes with it.
 * @target: hashed or not, in-lookup or not, positive or negative; unhashed afterwards, and otherwise
 *	    as it was: its own parent and name, its inode. If it was in-lookup that ends, and waiters
 *	    get @dentry, which is stale if that lookup was overtaken.
 *
 * Lookups of either name that are under way are overtaken (d_lookup_overtaken()).
 *
 * The caller, a filesystem whose store has done the rename, holds both directories' inode_lock(), or
 * sees to it otherwise that nobody publishes those names meanwhile.
 *
 * Return: 0; -EINVAL: @dentry is @target, a root that is not disconnected, or in-lookup; @target is a
 * root; one of them is what was asked for in a lookup that ended with another outcome; -ELOOP: one is
 * above the other; -EEXIST: @target is unhashed and another entry bears its name; -EXDEV. After an
 * error nothing has changed (but that with -EEXIST a lookup of an unhashed @dentry's name may be overtaken).
 * Context: may sleep: inodes' operations run if the parent left behind goes, if an unhashed negative entry
 * needs room, and if @dentry comes below what was invalidated, with what is unused below it; not in a
 * read section.
 */
DCACHE_API int d_move(struct dentry *dentry, struct dentry *target);

/**
 * d_exchange - two hashed entries swap their places: parents and names.
 *
 * Return: 0; -EINVAL: they are the same, or one is unhashed or a root; -ELOOP: one is above the
 * other; -EXDEV. After an error nothing has changed. Directories' locks: as for d_move().
 * Context: as d_move().
 */
DCACHE_API int d_exchange(struct dentry *a, struct dentry *b);

/** d_ancestor - the child of @above that is @below or above it, not referenced, good for comparing
 *  only; NULL if @above is not above @below, as it is not above itself. Right under concurrent moves.
 *  Context: does not sleep for long; not in a read section. */
DCACHE_API struct dentry *d_ancestor(const struct dentry *above, const struct dentry *below);

/** is_subdir - is @dentry @dir, or below it? Right under concurrent moves.
 *  Context: does not sleep for long; not in a read section. */
DCACHE_API bool is_subdir(const struct dentry *dentry, const struct dentry *dir);

/**
 * struct name_snapshot - the name of an entry as of one moment.
 * @name: valid, and unchanged, until release_dentry_name_snapshot().
 */
struct name_snapshot {
	struct qstr name;
	/** The library's. */
	void *external;
	char inline_name[40];
};

/**
 * take_dentry_name_snapshot - keep an entry's name, whatever becomes of the entry.
 * Allocates nothing. The structure must not be moved: @name may point into it. It is to be released
 * before the instance is destroyed.
 * Context: does not sleep for long; not in a read section.
 */
DCACHE_API void take_dentry_name_snapshot(struct name_snapshot *snapshot,
					  const struct dentry *dentry);

/** release_dentry_name_snapshot - let go of it. Context: does not sleep for long; not in a read section. */
DCACHE_API void release_dentry_name_snapshot(struct name_snapshot *snapshot);

/**
 * d_path - the path from @root to an entry, as of one moment.
 * @root: a directory; NULL: the root of the entry's tree.
 * @buf:  receives the path, beginning with '/' and without @root's own name, and a NUL. An entry that
 *	  is not hashed (dropped, deleted, or not yet added) and no root is marked by " (deleted)"
 *	  at the end; one that is being moved is hashed throughout.
 * Return: the length; -EXDEV: @dentry is neither @root nor below it; -ENAMETOOLONG: the path does not
 * fit into @size bytes.
 * Context: does not sleep for long; not in a read section.
 */
DCACHE_API int d_path(const struct dentry *dentry, const struct dentry *root, char *buf, size_t size);

DCACHE_END_DECLS

#endif /* DCACHE_RENAME_H */
