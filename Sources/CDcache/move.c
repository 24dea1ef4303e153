/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Moving entries to other names.
 *
 * Who may be here: one mover at a time (rename_lock). At the same time lookups, which see an entry at
 * its old name, at its new name, or for a moment at neither; the last makes rename_seq differ, so
 * that they look again (lookup.c, L2). And publishers, droppers and last puts of any entry, the moved
 * ones' too: these see it before or after, under its d_lock.
 *
 *  M1	An entry that moves is out of its bucket for a moment but stays marked as hashed, which it is to
 *	everybody who asks later. No path says meanwhile that it was deleted.
 *  M2	Parent and name change while d_seq is odd, and so a lookup that meets the entry sees one
 *	place or the other. What it replaces is no longer hashed, and its d_seq says so, before d_seq is
 *	even: who has found the new entry does not find the old one after it. Of two that exchange
 *	their places both are odd until both have arrived.
 *  M3	Only one bucket is locked at a time. A name without an entry is seen to be vacant when the mover
 *	has taken its entry off already; if it is not, the entry goes back to where it was, and nobody
 *	has missed it.
 *  M4	Every entry holds one reference on its parent. One that moves takes one on the new parent before
 *	the locks are let go, and that on the old is put after. Of two that exchange, each leaves its
 *	own to the other.
 *
 * d_locks are taken ancestors first. Of two unrelated parents, and of the two entries, neither of
 * which is above the other, any order is right, since only movers lock two unrelated entries, and
 * there is one. While both parents are locked nobody else changes an entry's d_parent, or looks for it
 * in a list of children.
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

/* Take a hashed entry out of its bucket, to be put into another, or back. It stays marked (M1). */
static void bucket_leave(struct dentry *dentry)
{
	struct hash_table *table = &dentry->d_dcache->entries;
	uint64_t hash = table_hash_of(dentry);
	struct bucket *bucket = table_lock(table, hash);

	table_del(table, bucket, &dentry->d_hash, hash);
	table_unlock(table, bucket);
}

static void bucket_join(struct dentry *dentry)
{
	struct hash_table *table = &dentry->d_dcache->entries;
	struct bucket *bucket = table_lock(table, table_hash_of(dentry));

	d_hash_locked(dentry, bucket);
	table_unlock(table, bucket);
}

/*
 * @target's bucket, locked, with the name vacant; NULL: another entry bears it. What bore it is
 * unhashed then: whatever bears a name that an entry is hashed under is that entry. What moves has been
 * taken out of its own bucket.
 */
static struct bucket *make_vacant(struct dentry *target)
{
	struct qstr name = name_of(target);

	if (!(d_flags(target) & DCACHE_HASHED))
		return bucket_lock_vacant(d_parent_of(target), &name);
	/* Not lost to its directory: the name has an entry. */
	d_unhash_gone(target);
	return table_lock(&target->d_dcache->entries, table_hash_of(target));
}

/* What an entry is by its place; d_seq is odd. @generation: of the directory, when what is cached now
 * was seen to be true. */
static void settle(struct dentry *dentry, struct dentry *parent, uint32_t generation)
{
	atomic_store_explicit(&dentry->d_parent, parent, memory_order_release);
	atomic_store_explicit(&dentry->d_generation, generation, memory_order_release);
	/* What an overtaken lookup has found has found its place. */
	d_change_flags(dentry, DCACHE_DISCONNECTED | DCACHE_ENDED | DCACHE_OVERTAKEN, 0);
	d_take_mark(dentry, parent);
}

/* Both parents are locked. */
static void change_lists(struct dentry *dentry, struct dentry *to)
{
	if (d_flags(dentry) & DCACHE_LISTED)
		hlist_del(&dentry->d_sib);
	d_list_child(dentry, to);
}

/* Everything is locked. @found: as the answer to a lookup. False: the name is taken, nothing has
 * changed. */
static bool take_place(struct dentry *dentry, struct dentry *target, bool found,
		       struct move *move)
{
	uint32_t generation = d_moved_generation(dentry, target, found);
	bool was_hashed = d_flags(dentry) & DCACHE_HASHED;
	struct dentry *from = d_parent_of(dentry);
	struct dentry *to = d_parent_of(target);
	struct bucket *bucket;

	if (was_hashed)
		bucket_leave(dentry);
	DC_POINT(DC_M1, dentry);
	bucket = make_vacant(target);
	if (!bucket) {
		if (was_hashed)
			bucket_join(dentry);
		return false;
	}
	write_seqcount_begin(&dentry->d_seq);
	move->had_name = name_take(dentry, target);
	if (found)
		d_found_ttl(dentry, target);
	settle(dentry, to, generation);
	DC_POINT(DC_M2, dentry);
	d_hash_locked(dentry, bucket);
	write_seqcount_end(&dentry->d_seq);
	table_unlock(&dentry->d_dcache->entries, bucket);
	if (!was_hashed && !d_inode_of(dentry))
		count_negative(dentry->d_dcache, 1);

	if (from != to) {
		lockref_get_locked(&to->d_lockref);
		atomic_fetch_add_explicit(&dentry->d_dcache->nr_moves, 1, memory_order_relaxed);
		if (from != dentry)
			move->old_parent = from;
	}
	if (from != to || !(d_flags(dentry) & DCACHE_LISTED))
		change_lists(dentry, to);
	return true;
}

/* May they move so? The locks are held. */
static int move_check(const struct dentry *dentry, const struct dentry *target, bool replace)
{
	/* A directory's one entry is found wherever it turns up, whatever became of it before. */
	if (d_flags(dentry) & (DCACHE_PAR_LOOKUP | (replace ? DCACHE_ENDED : 0)))
		return -EINVAL;
	if (!replace && (d_flags(target) & DCACHE_HASHED))
		return -EEXIST;
	if ((d_flags(target) & DCACHE_ENDED) || (!replace && d_inode_of(target)))
		return -EINVAL;
	return 0;
}

int move_entry(struct dentry *dentry, struct dentry *target, bool replace, struct move *move)
{
	struct dentry *from = d_parent_of(dentry);
	struct dentry *to = d_parent_of(target);
	struct qstr name = name_of(target);
	bool in_lookup, was_vacant;
	int err;

	lock_parents(from == dentry ? to : from, to);
	lockref_lock(&dentry->d_lockref);
	lockref_lock(&target->d_lockref);
	err = move_check(dentry, target, replace);
	if (err)
		goto out;
	in_lookup = d_flags(target) & DCACHE_PAR_LOOKUP;
	was_vacant = !in_lookup && !(d_flags(target) & DCACHE_HASHED);
	if (replace && !(d_flags(dentry) & DCACHE_HASHED))
		in_lookup_outdate_of(dentry);
	if (in_lookup) {
		dir_seq_begin(d_inode_of(to));
		DC_POINT(DC_C1, target);
	}
	if ((!in_lookup || replace || !lookup_overtaken(target)) &&
	    take_place(dentry, target, in_lookup || !replace, move)) {
		DC_POINT(DC_C2, target);
		if (in_lookup || !replace)
			d_change_flags(target, 0, DCACHE_ENDED);
		if (in_lookup)
			lookup_unhash(target, &move->end);
		move->moved = true;
		count_add(dentry->d_dcache, COUNT_RENAMES, 1);
		DC_PROBE_RENAME(dentry, from, to);
	} else if (in_lookup && !replace) {
		lookup_unhash_overtaken(target, true, &move->end);
	} else {
		err = -EEXIST;
	}
	DC_POINT(DC_C3, target);
	if (in_lookup)
		dir_seq_end(d_inode_of(to));
	else if (was_vacant && !err)
		in_lookup_overtake(to, &name);
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
	tables_tend(dentry->d_dcache);
	external_name_put(move->had_name);
	dput(move->old_parent);
	if (move->moved)
		prune_moved(dentry);
}

int d_move(struct dentry *dentry, struct dentry *target)
{
	struct dcache *dc = dentry->d_dcache;
	struct move move = MOVE_INIT;
	bool negative;
	int err;

	if (target->d_dcache != dc)
		return -EXDEV;
	if (dentry == target)
		return -EINVAL;
	negative = d_unhashed(dentry) && !d_inode_of(dentry) && negative_begin(dc, dentry);
	rename_write_lock(dc);
	if (is_root(target) || (is_root(dentry) && !(d_flags(dentry) & DCACHE_DISCONNECTED)))
		err = -EINVAL;
	else if (is_ancestor(dentry, target) || is_ancestor(target, dentry))
		err = -ELOOP;
	else
		err = move_entry(dentry, target, true, &move);
	rename_write_unlock(dc);
	negative_end(dc, negative);
	move_end(&move, dentry);
	return err;
}

/* Everything is locked, and both are hashed. */
static void swap_places(struct dentry *a, struct dentry *b)
{
	struct dentry *a_parent = d_parent_of(a);
	struct dentry *b_parent = d_parent_of(b);
	uint32_t a_generation = d_moved_generation(a, b, false);
	uint32_t b_generation = d_moved_generation(b, a, false);

	bucket_leave(a);
	bucket_leave(b);
	DC_POINT(DC_M1, a);
	write_seqcount_begin(&a->d_seq);
	write_seqcount_begin(&b->d_seq);
	name_swap(a, b);
	settle(a, b_parent, a_generation);
	settle(b, a_parent, b_generation);
	bucket_join(a);
	bucket_join(b);
	write_seqcount_end(&a->d_seq);
	write_seqcount_end(&b->d_seq);
	if (a_parent != b_parent) {
		change_lists(a, b_parent);
		change_lists(b, a_parent);
		atomic_fetch_add_explicit(&a->d_dcache->nr_moves, 1, memory_order_relaxed);
	}
}

static int exchange_entries(struct dentry *a, struct dentry *b)
{
	struct dentry *a_parent = d_parent_of(a);
	struct dentry *b_parent = d_parent_of(b);
	int err = -EINVAL;

	lock_parents(a_parent, b_parent);
	lockref_lock(&a->d_lockref);
	lockref_lock(&b->d_lockref);
	if (d_flags(a) & d_flags(b) & DCACHE_HASHED) {
		swap_places(a, b);
		count_add(a->d_dcache, COUNT_RENAMES, 1);
		DC_PROBE_RENAME(a, a_parent, b_parent);
		DC_PROBE_RENAME(b, b_parent, a_parent);
		err = 0;
	}
	lockref_unlock(&b->d_lockref);
	lockref_unlock(&a->d_lockref);
	lockref_unlock(&b_parent->d_lockref);
	if (a_parent != b_parent)
		lockref_unlock(&a_parent->d_lockref);
	return err;
}

int d_exchange(struct dentry *a, struct dentry *b)
{
	struct dcache *dc = a->d_dcache;
	int err;

	if (b->d_dcache != dc)
		return -EXDEV;
	if (a == b)
		return -EINVAL;
	rename_write_lock(dc);
	if (is_root(a) || is_root(b))
		err = -EINVAL;
	else if (is_ancestor(a, b) || is_ancestor(b, a))
		err = -ELOOP;
	else
		err = exchange_entries(a, b);
	rename_write_unlock(dc);
	if (!err) {
		prune_moved(a);
		prune_moved(b);
	}
	return err;
}
