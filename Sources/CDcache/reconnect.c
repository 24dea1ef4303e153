/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding disconnected entries their place in the tree.
 *
 * An entry that was made without a name, by d_obtain_alias(), is the top of a tree of its own until a
 * lookup finds its inode under a name and moves it there, with all that is below it. So an entry is
 * connected if the topmost one above it is; DCACHE_DISCONNECTED is looked at there only.
 *
 * d_reconnect() makes such lookups happen, from below: for the top of the tree it asks the filesystem
 * for its directory and its name in there, gets an entry of the directory, which may be disconnected
 * itself, and looks the name up. Then the top lies in that directory, and what is above that is the
 * top. No lock is held while the filesystem is asked, and so anything may be renamed, removed or
 * connected by others meanwhile:
 *
 *  N1	That the top is its own parent no more is progress, whoever brought it about, and whatever was
 *	answered meanwhile is of no interest then. Nothing that was connected becomes disconnected.
 *  N2	If it still is, and the filesystem says that it is not there, or elsewhere, or its directory's
 *	lock was taken, all of that may have been a race: it is asked again, a few times.
 *  N3	A filesystem that knows ever another directory above the last is ended by a bound on all
 *	steps; one that goes in a circle by d_splice_alias(), which moves nothing below itself.
 *
 * The directory's entry is referenced until its child refers to it. If the way ends early, what was
 * connected stays so, and what nobody uses is freed with its last reference.
 */
#include "internal.h"

/* Asked so often where one top belongs, and so many tops. */
#define RECONNECT_TRIES 8
#define RECONNECT_STEPS 100000

/* Is the topmost entry above @dentry disconnected? In a read section. */
static bool top_is_disconnected(const struct dentry *dentry)
{
	const struct dentry *parent;

	while ((parent = d_parent_of(dentry)) != dentry)
		dentry = parent;
	return atomic_load_explicit(&dentry->d_flags, memory_order_acquire) & DCACHE_DISCONNECTED;
}

bool d_is_disconnected(const struct dentry *dentry)
{
	struct still still = STILL_INIT(dentry->d_dcache);
	bool res;

	do {
		still_begin(&still);
		res = top_is_disconnected(dentry);
	} while (!still_end(&still));
	return res;
}

/* The topmost entry above @dentry at some moment, referenced. */
static struct dentry *top_of(struct dentry *dentry)
{
	struct dentry *top = dget(dentry);

	while (!is_root(top)) {
		struct dentry *parent = dget_parent(top);

		dput(top);
		top = parent;
	}
	return top;
}

/* The entry of the directory in which @top lies, referenced, or an error. */
static struct dentry *directory_of(struct dentry *top, const struct export_operations *ops)
{
	int cancel = dc_cancel_off();
	struct inode *inode = ops->get_parent(d_inode_of(top));
	struct dentry *parent;

	dc_cancel_back(cancel);
	parent = d_obtain_alias(inode);
	if (IS_ERR(parent))
		return parent;
	if (parent->d_dcache == top->d_dcache)
		return parent;
	dput(parent);
	return ERR_PTR(-EXDEV);
}

/* Look @top up in @parent. Return: 0: it has been found there; -ENOENT: something else was; an error. */
static int find_in(struct dentry *top, struct dentry *parent, const struct export_operations *ops)
{
	char buf[DCACHE_NAME_MAX + 1];
	struct dentry *found;
	struct qstr name;
	bool same;
	int cancel = dc_cancel_off();
	int len = ops->get_name(d_inode_of(parent), d_inode_of(top), buf);

	dc_cancel_back(cancel);
	if (len < 0)
		return len;
	if (len > DCACHE_NAME_MAX)
		return -ENAMETOOLONG;
	name = qstr_init(buf, (uint32_t)len);
	found = lookup_one_unlocked(parent, &name, 0);
	if (IS_ERR(found))
		return (int)PTR_ERR(found);
	same = found == top;
	/* The filesystem has just been seen to belie it. */
	if (!same)
		drop_negative(found);
	dput(found);
	return same ? 0 : -ENOENT;
}

/* Once: put @top, the disconnected top of a tree, where the filesystem says that it belongs. */
static int connect_top(struct dentry *top, const struct export_operations *ops)
{
	struct dentry *parent = directory_of(top, ops);
	int err;

	if (IS_ERR(parent))
		return (int)PTR_ERR(parent);
	err = find_in(top, parent, ops);
	dput(parent);
	return err;
}

int d_reconnect(struct dentry *dentry, const struct export_operations *ops)
{
	int steps = 0, tries = 0;

	if (!ops || !ops->get_parent || !ops->get_name)
		return -EINVAL;
	if (!d_is_dir(dentry))
		return -ENOTDIR;
	while (d_is_disconnected(dentry)) {
		struct dentry *top = top_of(dentry);
		int err = 0;
		bool moved;

		if (d_flags(top) & DCACHE_DISCONNECTED)
			err = connect_top(top, ops);
		moved = !is_root(top) || !(d_flags(top) & DCACHE_DISCONNECTED);
		dput(top);
		if (moved) {
			tries = 0;
			if (++steps == RECONNECT_STEPS)
				return -ELOOP;
		} else if (err && err != -ENOENT && err != -ESTALE) {
			return err;
		} else if (++tries == RECONNECT_TRIES) {
			return -ESTALE;
		} else {
			dc_yield((unsigned int)tries);
		}
	}
	return 0;
}
