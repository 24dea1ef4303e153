/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One name through the whole protocol.
 *
 * The directory's lock is held shared while the backend is asked: lookups of one directory go on
 * side by side, changes to it wait, so what the backend saw is still so when the entry is
 * published. No other lock of the library is held then.
 *
 * A stale entry is no answer, unless it was true when the call began or later: what an owner has been
 * told is its answer, and that of those who waited for it, however short its time to live.
 */
#include "internal.h"

/* What a call began with: what became stale later is a good answer to it. */
struct moment {
	uint32_t generation;
	uint32_t ticks;
};

static struct moment moment_now(const struct inode *dir)
{
	return (struct moment){
		.generation = atomic_load_explicit(&dir->i_generation, memory_order_acquire),
		.ticks = dc_ticks(),
	};
}

/* Was @dentry true at @then, or since, whatever it is now? */
static bool true_since(const struct dentry *dentry, struct moment then)
{
	uint32_t generation = atomic_load_explicit(&dentry->d_generation, memory_order_acquire);

	if ((int32_t)(generation - then.generation) < 0)
		return false;
	return !(d_flags(dentry) & DCACHE_EXPIRES) ||
	       !dc_expired(atomic_load_explicit(&dentry->d_expires, memory_order_acquire),
			   then.ticks - 1);
}

/* Consumes @dentry's reference: returns it, or an error, or NULL if it was not true any more. */
static struct dentry *revalidate(struct dentry *dentry, struct dentry *parent, unsigned int flags)
{
	int valid = revalidate_in(dentry, parent, flags);

	if (valid > 0)
		return dentry;
	dput(dentry);
	return valid ? ERR_PTR(valid) : NULL;
}

/* May @name be asked for in @parent? */
static int lookup_check(const struct dentry *parent, const struct qstr *name)
{
	const struct inode *dir = d_inode_of(parent);
	int err = dir_check(dir);

	if (err)
		return err;
	if (!name->name || !name->len || name_is_dots(name))
		return -EINVAL;
	return dir->i_op && dir->i_op->lookup ? 0 : -EOPNOTSUPP;
}

/* Ask the backend for an entry that the caller owns, unless all names of @dir are known; consumes its
 * reference. */
static struct dentry *ask(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct dentry *answer;
	int cancel;

	if (dir_knows_absent(dir, dentry))
		return dentry;
	cancel = dc_cancel_off();
	answer = dir->i_op->lookup(dir, dentry, flags);
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

/*
 * The backend is asked until the answer was true at some moment of this call. Without that, answers of
 * others that are stale at once could be found and dropped for ever.
 */
struct dentry *__lookup_slow(struct dentry *parent, const struct qstr *name, unsigned int flags)
{
	struct inode *dir = d_inode_of(parent);
	struct dentry *dentry = NULL;
	bool again = false;
	struct qstr prepared;
	struct moment begun;
	int err = lookup_check(parent, name);

	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	if (!err)
		err = name_prepare(parent, name, &prepared);
	if (err)
		return ERR_PTR(err);
	begun = moment_now(dir);
	while (!dentry) {
		bool shared;

		dentry = alloc_parallel(parent, &prepared, &wq, NULL, &shared, NULL);
		if (IS_ERR(dentry))
			break;
		if (d_in_lookup(dentry))
			return ask(dir, dentry, flags);
		if (!(d_flags(dentry) & DCACHE_OP_REVALIDATE) &&
		    (shared || (again && true_since(dentry, begun))))
			break;
		dentry = revalidate(dentry, parent, flags);
		again = true;
	}
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
	if (!IS_ERR_OR_NULL(dentry))
		dentry = revalidate(dentry, parent, flags);
	return dentry ? dentry : lookup_slow(parent, &prepared, flags);
}
