/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inodes with entries elsewhere: what a filesystem's lookup operation ends with.
 *
 * Who may be here: owners of lookups of different names that found the same inode, at the same
 * time. A file gets one more entry. A directory has one: whoever comes second finds it under
 * i_lock and moves it, under rename_lock, so that of two movers the last one's name stands and
 * everybody holds the same entry.
 *
 * Moving an entry out of another directory needs that directory's lock, which comes before
 * everything the caller may hold. It is only tried; if it is taken the answer is -ESTALE.
 */
#include "internal.h"

/* Any entry of the inode, referenced, or NULL. One that is on the list is not dead. */
static struct dentry *find_any_alias(struct inode *inode)
{
	struct dentry *alias = NULL;

	dc_lock(&inode->i_lock);
	if (inode->i_dentry.first) {
		alias = container_of(inode->i_dentry.first, struct dentry, d_alias);
		lockref_lock(&alias->d_lockref);
		lockref_add_locked(&alias->d_lockref, 1);
		lockref_unlock(&alias->d_lockref);
	}
	dc_unlock(&inode->i_lock);
	return alias;
}

/* @alias is referenced: the reference is returned to the caller, or put. */
static struct dentry *splice_directory(struct dentry *alias, struct dentry *dentry)
{
	struct dcache *dc = dentry->d_dcache;
	struct move move = MOVE_INIT;
	struct inode *locked = NULL;
	struct dentry *from;
	int err = 0;

	rename_write_lock(dc);
	from = d_parent_of(alias);
	if (is_ancestor(alias, dentry)) {
		err = -ELOOP;
	} else if (d_inode_of(dentry)) {
		/* It may be one of those that are to be locked before the alias. */
		err = d_unhashed(dentry) ? -EINVAL : -EEXIST;
	} else if (from != alias && from != d_parent_of(dentry)) {
		/* A parent has an inode: its child keeps it from being deleted. */
		locked = d_inode_of(from);
		if (!inode_trylock_shared(locked)) {
			locked = NULL;
			err = -ESTALE;
		}
	}
	if (!err)
		err = move_entry(alias, dentry, &move);
	/* While nobody can take the alias away from that directory, or after it has left it with its
	 * reference in @move: either keeps the directory. */
	if (locked)
		inode_unlock_shared(locked);
	rename_write_unlock(dc);
	move_end(&move, alias);
	if (err) {
		dput(alias);
		return ERR_PTR(err);
	}
	return alias;
}

struct dentry *d_splice_alias(struct inode *inode, struct dentry *dentry)
{
	struct dentry *alias;
	int err;

	if (IS_ERR(inode))
		return (struct dentry *)inode;
	if (is_root(dentry) || (inode && inode->i_dcache != dentry->d_dcache)) {
		err = is_root(dentry) ? -EINVAL : -EXDEV;
		iput(inode);
		return ERR_PTR(err);
	}
	/* Between the two steps somebody may give the directory an entry, and take it away again. */
	do {
		alias = inode && is_dir(inode) ? find_any_alias(inode) : NULL;
		if (alias) {
			alias = splice_directory(alias, dentry);
			iput(inode);
			return alias;
		}
		err = d_publish(dentry, inode);
	} while (err == -EAGAIN);
	if (err)
		iput(inode);
	return ERR_PTR(err);
}

struct dentry *d_obtain_alias(struct inode *inode)
{
	struct dentry *alias, *new;

	if (!inode)
		return ERR_PTR(-ESTALE);
	if (IS_ERR(inode))
		return (struct dentry *)inode;
	alias = find_any_alias(inode);
	if (!alias) {
		new = root_alloc(inode, DCACHE_DISCONNECTED);
		if (IS_ERR(new)) {
			iput(inode);
			return new;
		}
		dc_lock(&inode->i_lock);
		if (!inode->i_dentry.first) {
			lockref_lock(&new->d_lockref);
			d_set_inode(new, inode);
			lockref_unlock(&new->d_lockref);
			dc_unlock(&inode->i_lock);
			return new;
		}
		dc_unlock(&inode->i_lock);
		dput(new);
		return d_obtain_alias(inode);
	}
	iput(inode);
	return alias;
}

/* A negative that the filesystem has just been seen to belie. */
static void drop_negative(struct dentry *dentry)
{
	lockref_lock(&dentry->d_lockref);
	if ((d_flags(dentry) & DCACHE_HASHED) && !d_inode_of(dentry))
		d_unhash(dentry);
	lockref_unlock(&dentry->d_lockref);
}

/*
 * An entry of the stored spelling, to be spliced by the caller (*@fresh), or a positive one that is
 * there already; or an error. @holder is the entry of the asked spelling.
 */
static struct dentry *stored_spelling(struct dentry *holder, struct dentry *parent,
				      const struct qstr *name, struct wait_queue_head *wq,
				      bool *fresh)
{
	for (;;) {
		struct dentry *found;
		bool shared = false;

		*fresh = false;
		if (d_in_lookup(holder)) {
			found = alloc_parallel(parent, name, wq, holder, &shared);
			*fresh = !IS_ERR(found) && d_in_lookup(found);
		} else {
			found = lookup_exact(parent, name);
			if (!found) {
				found = dentry_alloc(parent->d_dcache, parent, name);
				*fresh = true;
			}
		}
		/* Another's lookup of it failed, but the caller's has seen the file: once more. */
		if (shared)
			continue;
		if (*fresh || IS_ERR(found) || d_is_positive(found))
			return found;
		drop_negative(found);
		dput(found);
	}
}

struct dentry *d_add_ci(struct dentry *dentry, struct inode *inode, const struct qstr *name)
{
	struct dentry *parent = d_parent_of(dentry);
	struct dentry *found, *res;
	struct qstr stored;
	bool fresh;
	int err;

	/* The helper entry's waiters queue here: it is ended before this frame is left. */
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	if (IS_ERR(inode))
		return (struct dentry *)inode;
	err = !inode || is_root(dentry) ? -EINVAL : name_check(name);
	if (!err)
		err = name_prepare(parent, name, &stored);
	if (err) {
		iput(inode);
		return ERR_PTR(err);
	}
	if (name_is(dentry, parent, &stored)) {
		res = d_splice_alias(inode, dentry);
		return res ? res : dget(dentry);
	}

	found = stored_spelling(dentry, parent, &stored, &wq, &fresh);
	if (IS_ERR(found) || !fresh) {
		iput(inode);
		return found;
	}
	res = d_splice_alias(inode, found);
	if (!res)
		return found;
	if (IS_ERR(res))
		d_lookup_fail(found, (int)PTR_ERR(res));
	dput(found);
	return res;
}
