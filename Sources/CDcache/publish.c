/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Publishing entries: hashing, unhashing, and turning negative and positive.
 *
 * Who may be here: for one entry, whoever holds its d_lock. For one directory, any number of
 * publishers of different names; those that end a lookup pass one after the other, in the odd
 * window of the directory sequence.
 *
 *  U1	One hashed entry of a name. The bucket is locked if there is nothing, seen with the lock held, that
 *	may bear the name. Otherwise it is searched without its lock, d_compare and all, and
 *	then locked only if nothing was added since (bucket.h, B2). An entry that is dropped and
 *	rehashed in between can hide another from this: it is a diagnosis, for callers that do not
 *	exclude each other as they should, and no more than that.
 *  U2	An entry that ends its lookup is in the in-lookup table, or in the entry table, or in both,
 *	never in neither (parallel.c, P2). PAR_LOOKUP is off before HASHED is on and before the
 *	entry can be found, so nobody finds an in-lookup entry in the entry table.
 *	One whose answer was overtaken leaves the in-lookup table for none: P9. What is hashed without
 *	a lookup overtakes the lookup of its name: P10.
 *  U3	What can fail is done before anything is changed: after an error the entry is as it was.
 */
#include "internal.h"

struct bucket *bucket_lock_vacant(struct dentry *dir, const struct qstr *name)
{
	struct hash_table *table = &dir->d_dcache->entries;
	uint64_t hash = table_hash(dir, name);
	unsigned int attempt = 0;
	int spins = 0;

	for (;;) {
		struct bucket *bucket, view;
		struct bucket_search search;
		struct hlist_bl_node *node;
		enum d_match match = D_OTHER;
		uint32_t seq;

		dc_read_lock();
		bucket = table_truth(table, hash);
		if (table_lock_vacant(table, bucket, hash)) {
			dc_read_unlock();
			return bucket;
		}
		bucket_view(&view, bucket);
		bucket_for_each(node, &search, &view, hash) {
			match = d_match(container_of(node, struct dentry, d_hash), DCACHE_HASHED,
					dir, name, &seq);
			if (match != D_OTHER)
				break;
		}
		if (match == D_OTHER && table_lock_as(table, bucket, &view)) {
			dc_read_unlock();
			return bucket;
		}
		if (match == D_OTHER) {
			table_pause(table, bucket, &spins);
			continue;
		}
		dc_read_unlock();
		if (match == D_SAME)
			return NULL;
		dc_yield(attempt++);
	}
}

void d_hash_locked(struct dentry *dentry, struct bucket *bucket)
{
	d_change_flags(dentry, 0, DCACHE_HASHED);
	table_add(&dentry->d_dcache->entries, bucket, &dentry->d_hash, table_hash_of(dentry));
}

void d_unhash(struct dentry *dentry)
{
	/* Before anybody can miss it: directory.c, N1. */
	if (d_inode_of(dentry))
		dir_lose(d_inode_of(d_parent_of(dentry)));
	d_unhash_gone(dentry);
}

void d_unhash_gone(struct dentry *dentry)
{
	struct hash_table *table = &dentry->d_dcache->entries;
	uint64_t hash = table_hash_of(dentry);
	struct bucket *bucket = table_lock(table, hash);

	table_del(table, bucket, &dentry->d_hash, hash);
	table_unlock(table, bucket);
	d_change_flags(dentry, DCACHE_HASHED, 0);
	lockref_clear_bits(&dentry->d_lockref, LOCKREF_KEEP);
	write_seqcount_invalidate(&dentry->d_seq);
	if (!d_inode_of(dentry))
		count_negative(dentry->d_dcache, -1);
}

/* May @dentry get @inode? -EAGAIN: not while that directory has another entry. i_lock is held, unless
 * @inode is NULL. */
static int inode_fits(const struct dentry *dentry, const struct inode *inode)
{
	if (!inode)
		return 0;
	if (inode->i_dcache != dentry->d_dcache)
		return -EXDEV;
	DC_RULE("d_add, d_instantiate: a new inode is filled first", !inode_is_unfilled(inode));
	if (inode_is_unfilled(inode))
		return -EINVAL;
	return is_dir(inode) && inode->i_dentry.first ? -EAGAIN : 0;
}

/* Lock the parent of an entry, which keeps it as long as that is locked: a move needs its lock. */
static struct dentry *lock_parent(struct dentry *dentry)
{
	struct dentry *parent;

	dc_read_lock();
	parent = d_parent_of(dentry);
	if (lockref_trylock(&parent->d_lockref)) {
		if (d_parent_of(dentry) == parent) {
			dc_read_unlock();
			return parent;
		}
		lockref_unlock(&parent->d_lockref);
	}
	dc_read_unlock();
	for (;;) {
		parent = dget_parent(dentry);
		lockref_lock(&parent->d_lockref);
		if (d_parent_of(dentry) == parent) {
			lockref_put_locked(&parent->d_lockref);
			return parent;
		}
		lockref_unlock(&parent->d_lockref);
		dput(parent);
	}
}

/* Lock an entry, which may be moved until then, and see that it is on its parent's list. */
static void lock_and_list(struct dentry *dentry)
{
	struct dentry *parent = lock_parent(dentry);

	lockref_lock(&dentry->d_lockref);
	if (!(d_flags(dentry) & DCACHE_LISTED))
		d_list_child(dentry, parent);
	d_take_mark(dentry, parent);
	lockref_unlock(&parent->d_lockref);
}

/*
 * Hash a locked entry, with @inode or as it is; if it is in-lookup, end that, and do not hash it if it was
 * overtaken. i_lock is held. Return: 0; -EEXIST: not in-lookup, and the name is taken: nothing has changed.
 */
static int hash_entry(struct dentry *dentry, struct inode *inode, struct lookup_end *end)
{
	struct dentry *parent = d_parent_of(dentry);
	struct inode *dir = d_inode_of(parent);
	bool in_lookup = d_flags(dentry) & DCACHE_PAR_LOOKUP;
	struct qstr name = name_of(dentry);
	struct bucket *bucket = NULL;

	if (in_lookup) {
		dir_seq_begin(dir);
		DC_POINT(DC_C1, dentry);
	}
	if (!in_lookup || !lookup_overtaken(dentry))
		bucket = bucket_lock_vacant(parent, &name);
	if (bucket) {
		if (inode)
			d_set_inode(dentry, inode);
		if (!(d_flags(dentry) & (DCACHE_EXPIRES | DCACHE_OWN_TTL)))
			d_start_ttl(dentry, d_inode_of(dentry));
		d_change_flags(dentry, DCACHE_PAR_LOOKUP, 0);
		d_hash_locked(dentry, bucket);
		table_unlock(&dentry->d_dcache->entries, bucket);
		if (!d_inode_of(dentry))
			count_negative(dentry->d_dcache, 1);
		count_add(dentry->d_dcache, COUNT_INSERTED, 1);
		DC_PROBE_INSERT(dentry);
		DC_POINT(DC_C2, dentry);
		if (in_lookup)
			lookup_unhash(dentry, end);
		else
			in_lookup_overtake(parent, &name);
	} else if (in_lookup) {
		/* Or somebody has made the name, and is about to say so. */
		if (inode)
			d_set_inode(dentry, inode);
		lookup_unhash_overtaken(dentry, inode, end);
	}
	DC_POINT(DC_C3, dentry);
	if (in_lookup)
		dir_seq_end(dir);
	return bucket || in_lookup ? 0 : -EEXIST;
}

int d_publish(struct dentry *dentry, struct inode *inode)
{
	struct lookup_end end = LOOKUP_END_INIT;
	bool negative;
	int err;

	if (is_root(dentry))
		return -EINVAL;
	negative = !inode && negative_begin(dentry->d_dcache, dentry);
	if (inode)
		dc_lock(&inode->i_lock);
	lock_and_list(dentry);
	if (d_flags(dentry) & DCACHE_HASHED)
		err = -EEXIST;
	else if ((d_flags(dentry) & DCACHE_ENDED) || d_inode_of(dentry))
		err = -EINVAL;
	else
		err = inode_fits(dentry, inode);
	if (!err)
		err = hash_entry(dentry, inode, &end);
	lockref_unlock(&dentry->d_lockref);
	if (inode)
		dc_unlock(&inode->i_lock);
	negative_end(dentry->d_dcache, negative);
	/* It is found nowhere: those who wait get it as it is. */
	lookup_wake(&end, 0, end.overtaken ? dentry : NULL);
	tables_tend(dentry->d_dcache);
	return err;
}

void d_not_added(struct dentry *dentry, struct inode *inode)
{
	struct inode *dir;

	if (inode && !is_root(dentry)) {
		/* One that should not have been passed may be moved meanwhile. */
		dc_read_lock();
		dir = d_inode_of(d_parent_of(dentry));
		if (dir)
			dir_lose(dir);
		dc_read_unlock();
	}
	iput(inode);
}

int d_add(struct dentry *dentry, struct inode *inode)
{
	int err;

	if (IS_ERR(inode))
		return (int)PTR_ERR(inode);
	err = d_publish(dentry, inode);
	if (err)
		d_not_added(dentry, inode);
	return err == -EAGAIN ? -EEXIST : err;
}

int d_instantiate(struct dentry *dentry, struct inode *inode)
{
	int err;

	if (!inode)
		return -EINVAL;
	if (IS_ERR(inode))
		return (int)PTR_ERR(inode);
	dc_lock(&inode->i_lock);
	/* It may have children from now on: whoever goes down the tree is to find them. */
	if (is_root(dentry) || (d_flags(dentry) & (DCACHE_LISTED | DCACHE_PAR_LOOKUP)))
		lockref_lock(&dentry->d_lockref);
	else
		lock_and_list(dentry);
	if (d_flags(dentry) & DCACHE_PAR_LOOKUP)
		err = -EBUSY;
	else if (d_inode_of(dentry))
		err = -EINVAL;
	else
		err = inode_fits(dentry, inode);
	if (!err && !is_root(dentry) && !(d_flags(dentry) & DCACHE_HASHED)) {
		/* There, and not to be found; nor is what was found before. */
		dir_lose(d_inode_of(d_parent_of(dentry)));
		in_lookup_outdate_of(dentry);
	}
	if (!err)
		d_set_inode(dentry, inode);
	lockref_unlock(&dentry->d_lockref);
	dc_unlock(&inode->i_lock);
	if (err)
		d_not_added(dentry, inode);
	return err == -EAGAIN ? -EEXIST : err;
}

void d_drop(struct dentry *dentry)
{
	/* It will be put: what it is linked to is written there. */
	dc_prefetch(&dentry->d_lru);
	lockref_lock(&dentry->d_lockref);
	if (d_flags(dentry) & DCACHE_HASHED)
		d_unhash(dentry);
	lockref_unlock(&dentry->d_lockref);
	tables_tend(dentry->d_dcache);
}

int d_rehash(struct dentry *dentry)
{
	struct lookup_end end = LOOKUP_END_INIT;
	bool negative;
	int err;

	if (is_root(dentry))
		return -EINVAL;
	negative = !d_inode_of(dentry) && negative_begin(dentry->d_dcache, dentry);
	lock_and_list(dentry);
	if (d_flags(dentry) & DCACHE_HASHED)
		err = -EEXIST;
	else if (d_flags(dentry) & DCACHE_PAR_LOOKUP)
		err = -EBUSY;
	else if (d_flags(dentry) & DCACHE_ENDED)
		err = -EINVAL;
	else
		err = hash_entry(dentry, NULL, &end);
	lockref_unlock(&dentry->d_lockref);
	negative_end(dentry->d_dcache, negative);
	tables_tend(dentry->d_dcache);
	return err;
}

void d_delete(struct dentry *dentry)
{
	bool negative = !d_unhashed(dentry) && negative_begin(dentry->d_dcache, dentry);
	struct inode *inode;

	for (;;) {
		lockref_lock(&dentry->d_lockref);
		inode = d_inode_of(dentry);
		if (inode && !(d_flags(dentry) & DCACHE_HASHED))
			in_lookup_outdate_of(dentry);
		if (!inode || lockref_count(&dentry->d_lockref) > 1)
			break;
		if (dc_trylock(&inode->i_lock)) {
			d_clear_inode(dentry);
			lockref_unlock(&dentry->d_lockref);
			dc_unlock(&inode->i_lock);
			negative_end(dentry->d_dcache, negative);
			iput(inode);
			return;
		}
		/* Its holder is about to let go. Wait for that, not holding what it may want. */
		ihold(inode);
		lockref_unlock(&dentry->d_lockref);
		dc_lock(&inode->i_lock);
		dc_unlock(&inode->i_lock);
		iput(inode);
	}
	if (inode && (d_flags(dentry) & DCACHE_HASHED))
		d_unhash_gone(dentry);
	lockref_unlock(&dentry->d_lockref);
	negative_end(dentry->d_dcache, negative);
	tables_tend(dentry->d_dcache);
}
