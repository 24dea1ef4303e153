/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * d_alloc_noblock(): d_alloc_parallel() (parallel.c, A1 - A3) that only tries.
 *
 *  V1	Nothing is taken that may have to be given back: an entry's reference only under its lock, which
 *	is tried, with the name proved; the new entry's on its parent last, when nothing can fail any
 *	more. So no put runs, which may be the last, and would have to free.
 *  V2	That reference is tried for under the bucket's lock, against the order of locks: who holds the
 *	parent's lock and waits for the bucket waits no longer for that, since here nobody waits.
 *  V3	No room is made for the new entry, which means freeing others: the instance's thread does it.
 *	The table is tended by whoever ends the lookup.
 *  V4	The number of tries is fixed, and so is what one waits for a lock: DC_SPIN_LIMIT looks.
 */
#include "internal.h"

#define TRIES 4

/* A3: @new becomes the in-lookup entry. -EBUSY: try again; -EWOULDBLOCK: somebody else is asking.
 * In a read section. */
static int try_insert(struct dentry *parent, struct inode *dir, uint32_t dir_seq,
		      const struct qstr *name, struct dentry *new)
{
	struct hash_table *table = &parent->d_dcache->in_lookup;
	uint64_t hash = table_hash(parent, name);
	struct bucket *bucket = table_truth(table, hash);
	struct bucket view;
	enum lockref_got got;
	int err = 0;

	bucket_view(&view, bucket);
	if (in_lookup_find(&view, hash, parent, name))
		return -EWOULDBLOCK;
	if (!new || !table_lock_as(table, bucket, &view))
		return -EBUSY;
	DC_POINT(DC_A3, parent);
	if (dir_seq_read(dir) != dir_seq) {
		err = -EBUSY;
	} else {
		got = lockref_tryget(&parent->d_lockref);
		if (got != LOCKREF_GOT)
			err = got == LOCKREF_FULL ? -EOVERFLOW : -EBUSY;
	}
	if (!err)
		table_add(table, bucket, &new->d_in_lookup, hash);
	table_unlock(table, bucket);
	return err;
}

/* Return: an entry, which may be @new; or an error, as try_insert(). */
static struct dentry *try_once(struct dentry *parent, struct inode *dir, const struct qstr *name,
			       struct dentry *new)
{
	struct dcache *dc = parent->d_dcache;
	uint32_t rename_seq = read_seqcount(&dc->rename_seq);
	uint32_t dir_seq = dir_seq_read(dir);
	struct dentry *dentry;
	enum d_found found;
	int err = -EBUSY;

	dc_read_lock();
	DC_POINT(DC_A1, parent);
	found = lookup_try(parent, name, &dentry);
	DC_POINT(DC_A2, parent);
	if (found == D_MISSED && !dir_seq_is_odd(dir_seq) &&
	    seqcount_unchanged(&dc->rename_seq, rename_seq))
		err = try_insert(parent, dir, dir_seq, name, new);
	dc_read_unlock();
	if (found == D_FOUND)
		return dentry;
	return err ? ERR_PTR(err) : new;
}

static void discard(struct dentry *dentry)
{
	if (d_flags(dentry) & DCACHE_OWN_WAIT)
		dc_free(dentry->d_wait);
	dentry_discard_bare(dentry);
}

/* It is there: are there too many now? */
static void ask_for_room(struct dcache *dc)
{
	int kind;

	for (kind = 0; kind < NR_LIMITS; kind++) {
		if (!limit_exceeded(&dc->counters, (enum limit_kind)kind))
			continue;
		atomic_store_explicit(&dc->crowded, true, memory_order_relaxed);
		reclaim_work(&dc->reclaim);
		return;
	}
}

struct dentry *d_alloc_noblock(struct dentry *parent, const struct qstr *name,
			       struct wait_queue_head *wq)
{
	struct dcache *dc = parent->d_dcache;
	struct inode *dir = d_inode_of(parent);
	struct lookup_wait wait = LOOKUP_WAIT_INIT(WAIT_NEVER, wq);
	struct dentry *new = NULL, *dentry;
	struct qstr prepared;
	int tries;
	int err = dir_check(dir);

	if (!err)
		err = name_prepare(parent, name, &prepared);
	if (err)
		return ERR_PTR(err);
	dentry = ERR_PTR(-EBUSY);
	for (tries = 0; PTR_ERR(dentry) == -EBUSY && tries < TRIES; tries++) {
		dentry = try_once(parent, dir, &prepared, new);
		if (PTR_ERR(dentry) != -EBUSY || new)
			continue;
		new = in_lookup_alloc(parent, &prepared, &wait);
		if (IS_ERR(new))
			return new;
	}
	if (new && dentry != new) {
		discard(new);
	} else if (new) {
		ask_for_room(dc);
		count_add(dc, COUNT_LOOKUPS_STARTED, 1);
		DC_PROBE_MISS(parent, prepared.name, prepared.len);
	}
	return dentry == ERR_PTR(-EBUSY) ? ERR_PTR(-EWOULDBLOCK) : dentry;
}
