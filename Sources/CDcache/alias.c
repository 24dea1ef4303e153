/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inodes with entries elsewhere: what a filesystem's lookup operation ends with.
 *
 * Who may be here: owners of lookups of different names that found the same inode, at the same
 * time. A file gets one more entry. A directory has one: whoever comes second finds it under
 * i_lock and moves it, under rename_lock, so that of two movers the last one's name stands and
 * everybody holds the same entry.
 *
 * An entry that is on an inode's list is not dead, and will not be while i_lock is held: who kills it
 * takes it off, under i_lock and d_lock, before it marks it dead. So a reference may be taken of any
 * that is found there, also of one whose last put is on its way: that looks at the count again when
 * it has both locks (dentry.c, D2).
 *
 * Moving an entry out of another directory needs that directory's lock, which comes before
 * everything the caller may hold. It is only tried; if it is taken the answer is -ESTALE.
 */
#include "internal.h"

/* i_lock is held. */
static struct dentry *alias_of(struct hlist_node *node)
{
	return node ? container_of(node, struct dentry, d_alias) : NULL;
}

/* The first entry of the inode, or the first @hashed one, referenced, or NULL, or ERR_PTR(-EOVERFLOW). One
 * that is on the list is not dead. */
static struct dentry *find_alias(struct inode *inode, bool hashed)
{
	struct dentry *alias;
	bool fits = false, full = false;

	dc_lock(&inode->i_lock);
	for (alias = alias_of(inode->i_dentry.first); alias;
	     alias = alias_of(alias->d_alias.next)) {
		lockref_lock(&alias->d_lockref);
		fits = !hashed || (d_flags(alias) & DCACHE_HASHED);
		full = fits && lockref_is_full(&alias->d_lockref);
		if (fits && !full)
			lockref_add_locked(&alias->d_lockref, 1);
		lockref_unlock(&alias->d_lockref);
		if (fits)
			break;
	}
	dc_unlock(&inode->i_lock);
	return full ? ERR_PTR(-EOVERFLOW) : alias;
}

struct dentry *d_find_any_alias(struct inode *inode)
{
	struct dentry *alias = find_alias(inode, false);

	return IS_ERR(alias) ? NULL : alias;
}

struct dentry *d_find_alias(struct inode *inode)
{
	struct dentry *alias = find_alias(inode, !is_dir(inode));

	return IS_ERR(alias) ? NULL : alias;
}

/* What d_prune_aliases() does with i_lock held: so much at most, and from where. The controlled scheduler
 * has the smallest turns. */
#define PRUNE_BATCH 32
#ifdef DCACHE_MODEL
#define PRUNE_SCAN 1
#else
#define PRUNE_SCAN 256
#endif

struct prune {
	struct dentry *victims[PRUNE_BATCH];	/* unused ones, referenced */
	size_t nr;
	/* The last one looked at, referenced, so that it keeps its place on the list, if there are
	 * more behind it; or NULL. */
	struct dentry *at;
};

/* Look at some entries from where the last turn ended. */
static void prune_turn(struct inode *inode, struct prune *prune)
{
	struct dentry *alias, *last = NULL;
	size_t scan = PRUNE_SCAN;

	prune->nr = 0;
	dc_lock(&inode->i_lock);
	alias = alias_of(prune->at ? prune->at->d_alias.next : inode->i_dentry.first);
	for (; alias && scan && prune->nr < PRUNE_BATCH; alias = alias_of(alias->d_alias.next)) {
		scan--;
		last = alias;
		lockref_lock(&alias->d_lockref);
		if (!lockref_count(&alias->d_lockref)) {
			lockref_add_locked(&alias->d_lockref, 1);
			prune->victims[prune->nr++] = alias;
		}
		lockref_unlock(&alias->d_lockref);
	}
	prune->at = alias ? last : NULL;
	if (prune->nr && prune->victims[prune->nr - 1] == prune->at)
		prune->nr--;
	else
		dget(prune->at);
	dc_unlock(&inode->i_lock);
}

/*
 * New entries come to the front of the list, so each turn goes on towards the end that there was at
 * the beginning: whatever others take into use, or put back, meanwhile, there is an end. The entry
 * between two turns is kept by a reference: its inode is taken from an entry only by who has the only
 * one.
 */
size_t d_prune_aliases(struct inode *inode)
{
	struct prune prune = { .at = NULL };
	size_t freed = 0;

	do {
		struct dentry *was_at = prune.at;
		size_t i;

		prune_turn(inode, &prune);
		/* Unused then, or now, or it stays. */
		if (was_at)
			freed += dentry_kill(was_at);
		for (i = 0; i < prune.nr; i++)
			freed += dentry_kill(prune.victims[i]);
	} while (prune.at);
	return freed;
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
		err = move_entry(alias, dentry, false, &move);
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
		d_not_added(dentry, inode);
		return ERR_PTR(err);
	}
	/* Between the two steps somebody may give the directory an entry, and take it away again. */
	do {
		alias = inode && is_dir(inode) ? find_alias(inode, false) : NULL;
		if (alias) {
			if (!IS_ERR(alias))
				alias = splice_directory(alias, dentry);
			if (IS_ERR(alias))
				d_not_added(dentry, inode);
			else
				iput(inode);
			return alias;
		}
		err = d_publish(dentry, inode);
	} while (err == -EAGAIN);
	if (err)
		d_not_added(dentry, inode);
	return ERR_PTR(err);
}

struct dentry *d_obtain_alias(struct inode *inode)
{
	struct dentry *alias, *new;

	if (!inode)
		return ERR_PTR(-ESTALE);
	if (IS_ERR(inode))
		return (struct dentry *)inode;
	DC_RULE("d_obtain_alias: a new inode is filled first", !inode_is_unfilled(inode));
	if (inode_is_unfilled(inode)) {
		iput(inode);
		return ERR_PTR(-EINVAL);
	}
	alias = find_alias(inode, false);
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

void drop_negative(struct dentry *dentry)
{
	lockref_lock(&dentry->d_lockref);
	if ((d_flags(dentry) & DCACHE_HASHED) && !d_inode_of(dentry))
		d_unhash(dentry);
	lockref_unlock(&dentry->d_lockref);
}

/*
 * An entry of the stored spelling, to be spliced by the caller (*@fresh), or a positive one that is
 * there already; or an error; or NULL: @wait->pending. @holder is the entry of the asked spelling.
 */
static struct dentry *stored_spelling(struct dentry *holder, struct dentry *parent,
				      const struct qstr *name, struct lookup_wait *wait,
				      bool *fresh)
{
	wait->holder = holder;
	/* The backend has been asked already: parallel.c, P11. */
	wait->as_old_as = &holder->d_generation;
	for (;;) {
		struct dentry *found;

		*fresh = false;
		if (d_in_lookup(holder)) {
			found = alloc_parallel(parent, name, wait);
			if (wait->pending)
				return NULL;
			*fresh = !IS_ERR(found) && d_in_lookup(found);
		} else {
			wait->shared = false;
			found = lookup_exact(parent, name);
			if (!found) {
				found = dentry_alloc(parent->d_dcache, parent, name);
				if (!IS_ERR(found))
					d_outdate(found, atomic_load_explicit(
								 wait->as_old_as, memory_order_acquire));
				*fresh = true;
			}
		}
		/* Another's lookup of it failed, but the caller's has seen the file: once more. */
		if (wait->shared && IS_ERR(found))
			continue;
		if (*fresh || IS_ERR(found) || d_is_positive(found))
			return found;
		drop_negative(found);
		dput(found);
	}
}

static struct dentry *add_ci(struct dentry *dentry, struct inode *inode, const struct qstr *name,
			     struct lookup_wait *wait)
{
	struct dentry *parent = d_parent_of(dentry);
	struct dentry *found, *res;
	struct qstr stored;
	bool fresh;
	int err;

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

	found = stored_spelling(dentry, parent, &stored, wait, &fresh);
	/* Asked again, the caller needs it still. */
	if (wait->pending)
		return NULL;
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

struct dentry *d_add_ci(struct dentry *dentry, struct inode *inode, const struct qstr *name)
{
	/* The helper entry's waiters queue here: it is ended before this frame is left. */
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct lookup_wait wait = LOOKUP_WAIT_INIT(WAIT_ASLEEP, &wq);

	return add_ci(dentry, inode, name, &wait);
}

struct dentry *d_add_ci_async(struct dentry *dentry, struct inode *inode, const struct qstr *name,
			      struct d_waiter *waiter)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct lookup_wait wait = LOOKUP_WAIT_INIT(WAIT_ASYNC, &wq);

	wait.waiter = waiter;
	async_waiter_init(async_waiter_of(waiter));
	return add_ci(dentry, inode, name, &wait);
}
