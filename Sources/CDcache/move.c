/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Moving an entry to another name.
 *
 * Who may be here: one mover at a time (rename_lock). At the same time lookups, which see the
 * entry at its old name, at its new name, or for a moment at neither; the last makes rename_seq
 * differ, so that they look again (lookup.c, L2). And publishers of other names.
 *
 * d_locks are taken ancestors first. Of two unrelated parents any order is right, since only movers
 * lock two unrelated entries, and there is one.
 */
#include "internal.h"

void rename_write_lock(struct dcache *dc)
{
	dc_lock(&dc->rename_lock);
	write_seqcount_begin(&dc->rename_seq);
}

void rename_write_unlock(struct dcache *dc)
{
	write_seqcount_end(&dc->rename_seq);
	dc_unlock(&dc->rename_lock);
}

bool is_ancestor(const struct dentry *ancestor, const struct dentry *dentry)
{
	while (dentry != ancestor) {
		if (is_root(dentry))
			return false;
		dentry = d_parent_of(dentry);
	}
	return true;
}

static void lock_parents(struct dentry *from, struct dentry *to)
{
	if (from == to) {
		lockref_lock(&to->d_lockref);
	} else if (is_ancestor(to, from)) {
		lockref_lock(&to->d_lockref);
		lockref_lock(&from->d_lockref);
	} else {
		lockref_lock(&from->d_lockref);
		lockref_lock(&to->d_lockref);
	}
}

/*
 * Everything is locked, the name is vacant and its bucket locked. The old bucket is locked within:
 * there is one mover, and nobody else waits for a bucket while holding one.
 */
static struct external_name *take_place(struct dentry *dentry, struct dentry *target,
					struct hlist_bl_head *bucket)
{
	struct dentry *from = d_parent_of(dentry);
	struct dentry *to = d_parent_of(target);
	struct external_name *had;

	write_seqcount_begin(&dentry->d_seq);
	if (d_flags(dentry) & DCACHE_HASHED) {
		struct hlist_bl_head *old = hash_bucket(
			dentry->d_dcache,
			atomic_load_explicit(&from->d_dirno, memory_order_relaxed),
			name_of(dentry).hash);

		if (old != bucket)
			hlist_bl_lock(old);
		hlist_bl_del(old, &dentry->d_hash);
		if (old != bucket)
			hlist_bl_unlock(old);
	}
	DC_POINT(DC_M1, dentry);
	had = name_take(dentry, target);
	atomic_store_explicit(&dentry->d_parent, to, memory_order_release);
	d_change_flags(dentry, DCACHE_DISCONNECTED, 0);
	d_hash_locked(dentry, bucket);
	write_seqcount_end(&dentry->d_seq);
	hlist_bl_unlock(bucket);

	if (from != to) {
		if (d_flags(dentry) & DCACHE_LISTED)
			hlist_del(&dentry->d_sib);
		lockref_add_locked(&to->d_lockref, 1);
	}
	if (from != to || !(d_flags(dentry) & DCACHE_LISTED))
		d_list_child(dentry, to);
	return had;
}

int move_entry(struct dentry *dentry, struct dentry *target, struct move *move)
{
	struct dentry *from = d_parent_of(dentry);
	struct dentry *to = d_parent_of(target);
	struct qstr name = name_of(target);
	struct hlist_bl_head *bucket = NULL;
	struct inode *dir = NULL;
	int err = 0;

	lock_parents(from == dentry ? to : from, to);
	lockref_lock(&dentry->d_lockref);
	lockref_lock(&target->d_lockref);
	if (d_flags(target) & DCACHE_HASHED)
		err = -EEXIST;
	else if ((d_flags(target) & DCACHE_ENDED) || d_inode_of(target))
		err = -EINVAL;
	if (err)
		goto out;
	if (d_flags(target) & DCACHE_PAR_LOOKUP) {
		dir = d_inode_of(to);
		dir_seq_begin(dir);
		DC_POINT(DC_C1, target);
	}
	bucket = bucket_lock_vacant(to, &name, dentry);
	if (bucket) {
		move->had_name = take_place(dentry, target, bucket);
		if (from != to && from != dentry)
			move->old_parent = from;
		DC_POINT(DC_C2, target);
		d_change_flags(target, 0, DCACHE_ENDED);
		if (dir)
			lookup_unhash(target, &move->end);
	} else {
		err = -EEXIST;
	}
	DC_POINT(DC_C3, target);
	if (dir)
		dir_seq_end(dir);
out:
	lockref_unlock(&target->d_lockref);
	lockref_unlock(&dentry->d_lockref);
	lockref_unlock(&to->d_lockref);
	if (from != to && from != dentry)
		lockref_unlock(&from->d_lockref);
	return err;
}

void move_end(struct move *move, struct dentry *dentry)
{
	lookup_wake(&move->end, 0, dentry);
	external_name_put(move->had_name);
	dput(move->old_parent);
}
