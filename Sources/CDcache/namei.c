/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One name through the whole protocol.
 *
 * The directory's lock is held shared while the backend is asked: lookups of one directory go on
 * side by side, changes to it wait, so what the backend saw is still so when the entry is
 * published. No other lock of the library is held then.
 */
#include "internal.h"

/* Consumes @dentry's reference: returns it, or an error, or NULL if it was not true any more. */
static struct dentry *revalidate(struct dentry *dentry, unsigned int flags)
{
	int valid = 1;

	if (d_flags(dentry) & DCACHE_OP_REVALIDATE) {
		int cancel = dc_cancel_off();

		valid = dentry->d_op->d_revalidate(dentry, flags);
		dc_cancel_back(cancel);
	}
	if (valid > 0)
		return dentry;
	if (!valid)
		d_drop(dentry);
	dput(dentry);
	return valid ? ERR_PTR(valid) : NULL;
}

/* May @name be asked for in @parent? */
static int lookup_check(const struct dentry *parent, const struct qstr *name)
{
	const struct inode *dir = d_inode_of(parent);

	if (!dir)
		return -ENOENT;
	if (!is_dir(dir))
		return -ENOTDIR;
	if (!name->name || !name->len || (name->len == 1 && name->name[0] == '.') ||
	    (name->len == 2 && name->name[0] == '.' && name->name[1] == '.'))
		return -EINVAL;
	return dir->i_op && dir->i_op->lookup ? 0 : -EOPNOTSUPP;
}

/* Ask the backend for an entry that the caller owns; consumes its reference. */
static struct dentry *ask(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	int cancel = dc_cancel_off();
	struct dentry *answer = dir->i_op->lookup(dir, dentry, flags);

	dc_cancel_back(cancel);
	if (IS_ERR(answer)) {
		d_lookup_fail(dentry, (int)PTR_ERR(answer));
	} else if (!answer) {
		/* Not ended: it does not exist, and that is not to be cached. */
		if (d_in_lookup(dentry))
			lookup_end_with_itself(dentry);
		return dentry;
	} else {
		/* Refused for an answer that is no good; not needed if it has been ended. */
		d_lookup_redirect(dentry, answer);
		d_lookup_done(dentry);
	}
	dput(dentry);
	return answer;
}

struct dentry *__lookup_slow(struct dentry *parent, const struct qstr *name, unsigned int flags)
{
	struct dentry *dentry;
	int err = lookup_check(parent, name);

	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	if (err)
		return ERR_PTR(err);
	do {
		dentry = d_alloc_parallel(parent, name, &wq);
		if (IS_ERR(dentry))
			return dentry;
		if (d_in_lookup(dentry))
			return ask(d_inode_of(parent), dentry, flags);
		dentry = revalidate(dentry, flags);
	} while (!dentry);
	return dentry;
}

struct dentry *lookup_slow(struct dentry *parent, const struct qstr *name, unsigned int flags)
{
	struct inode *dir = d_inode_of(parent);
	struct dentry *dentry;

	if (!dir)
		return ERR_PTR(-ENOENT);
	inode_lock_shared(dir);
	dentry = __lookup_slow(parent, name, flags);
	inode_unlock_shared(dir);
	return dentry;
}

struct dentry *lookup_one_unlocked(struct dentry *parent, const struct qstr *name,
				   unsigned int flags)
{
	struct dentry *dentry = NULL;
	struct qstr prepared;
	int err = lookup_check(parent, name);

	if (!err)
		err = name_prepare(parent, name, &prepared);
	if (err)
		return ERR_PTR(err);
	dentry = lookup_exact(parent, &prepared);
	if (dentry)
		dentry = revalidate(dentry, flags);
	return dentry ? dentry : lookup_slow(parent, &prepared, flags);
}
