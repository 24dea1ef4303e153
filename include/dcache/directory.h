/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * What is known of whole directories: names taken from a listing, and that there are no others.
 *
 *	struct dir_listing listing;
 *
 *	inode_lock_shared(d_inode(dir));
 *	dir_listing_begin(&listing, dir);
 *	while (read_entry(&name, &inode))
 *		dir_listing_add(&listing, &name, inode);
 *	dir_listing_end(&listing, true);
 *	inode_unlock_shared(d_inode(dir));
 *
 * A complete directory answers what is not in it without the backend, whose lookup operation it must
 * have all the same: lookup_one_unlocked(), lookup_slow() and dcache_walk() say "absent", with a
 * negative entry as any other. It is no longer complete when one of its positive entries is lost:
 * freed to make room, dropped, or invalidated; when its generation changes; or when a name is
 * invalidated, also one that is not cached, or an entry that is negative. What is created, deleted
 * and renamed through the cache keeps it so; but an inode that d_add(), d_instantiate() or
 * d_splice_alias() could not add, or that an entry got while it was unhashed, is lost.
 *
 * Where negative entries have a time to live (dcache_options), what a complete directory says has the
 * same, from the beginning of the listing. One that is given to single entries does not change it.
 */
#ifndef DCACHE_DIRECTORY_H
#define DCACHE_DIRECTORY_H

#include <dcache/base.h>
#include <dcache/qstr.h>

DCACHE_BEGIN_DECLS

/** struct dir_listing - a directory that is being listed, by one thread at a time. The contents are the
 *  library's. There may be several of one directory; each is to be ended, or the directory's losses are
 *  counted for ever. */
struct dir_listing {
	struct dentry *dir;
	uint64_t opaque[3];
};

/**
 * dir_listing_begin - a listing of @dir begins, from its first entry.
 * @dir: a positive directory, referenced until dir_listing_end(). The caller holds its
 *	 inode_lock_shared(), or sees to it otherwise that nobody creates or removes names meanwhile.
 * Return: 0, -ENOENT, -ENOTDIR. After an error the other two calls refuse the listing. Context: any.
 */
DCACHE_API int dir_listing_begin(struct dir_listing *listing, struct dentry *dir);

/**
 * dir_listing_add - the listing holds a name.
 * @inode: what it leads to, consumed; an error pointer is returned. A directory that has an entry
 *	   elsewhere is moved here, as by d_splice_alias().
 *
 * A name that is cached is left as it is if it leads to the same inode, and is no longer stale; it is
 * replaced if it is negative or leads to another. One that somebody is asking for is left to them, and
 * answered by them; the listing does not wait, and since they may not find it, the directory will not be
 * complete. "." and ".." are passed over. If a name of the directory was invalidated since the
 * listing began, this one may have been read before that: it is not cached then, and replaces nothing.
 * Return: 0; what d_alloc() and d_splice_alias() say, or -EINVAL: no inode: the directory will not be
 * complete then.
 * Context: may sleep; not in a read section; the directory is locked as for dir_listing_begin().
 */
DCACHE_API int dir_listing_add(struct dir_listing *listing, const struct qstr *name,
			       struct inode *inode);

/**
 * struct dir_listing_entry - a name of a listing, one of many.
 * @name:  the name.
 * @inode: what it leads to, consumed.
 * @error: out: what dir_listing_add() of it returned.
 */
struct dir_listing_entry {
	struct qstr name;
	struct inode *inode;
	int error;
};

/**
 * dir_listing_add_batch - the listing holds many names: dir_listing_add() of each, whatever became of the
 * others, with the memory in which they lie asked for together, as in d_lookup_batch().
 * @entries: @n of them; @n may be 0.
 *
 * A gain where the cache is bigger than the processor's, most where the names are there already.
 * Return: 0, or the first error. Context: as dir_listing_add().
 */
DCACHE_API int dir_listing_add_batch(struct dir_listing *listing, struct dir_listing_entry *entries,
				     size_t n);

/**
 * dir_listing_end - the listing ends.
 * @complete: it came to its end: there are no other names.
 * Return: true: the directory is complete now; false: not, because @complete is false, a name could not
 * be added or was being asked for, or an entry was lost or the generation changed meanwhile.
 * Context: any.
 */
DCACHE_API bool dir_listing_end(struct dir_listing *listing, bool complete);

/** d_is_complete - are all names of @dir cached? Context: any. */
DCACHE_API bool d_is_complete(const struct dentry *dir);

/** d_clear_complete - not all names of @dir need be cached: something was created in it behind the
 *  cache's back. Context: any. */
DCACHE_API void d_clear_complete(struct dentry *dir);

DCACHE_END_DECLS

#endif /* DCACHE_DIRECTORY_H */
