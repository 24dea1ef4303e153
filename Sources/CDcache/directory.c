/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories that are listed, and those all of whose names are cached.
 *
 * i_complete is one word: whether the directory is complete (bit 31), how many listings are under way
 * (below), and how many names were lost since anybody wanted to know (above). A listing that ends with
 * as many losses as it began with, but for those that it made itself, makes the directory complete;
 * every loss makes it not so.
 *
 * Who may be here: listings of one directory, side by side; owners of lookups in it; those who evict,
 * drop and invalidate entries, which lose them; and readers.
 *
 * "Complete" says that every name that exists has a hashed entry, or one that is in-lookup.
 *
 *  N1	A name is lost before it is unhashed: i_complete changes under the entry's d_lock, before the
 *	stores, all with release, by which anybody can tell that the entry is gone. So whoever has
 *	missed it sees the loss.
 *  N2	A loss is not counted while the directory is neither complete nor listed, which costs one
 *	relaxed load. A listing that relies on the entry has said that it is there before it locked the
 *	entry and saw it hashed, or published it under its lock; the loser looks under that lock, later,
 *	and sees the listing. What is published afterwards by others follows the listing by the
 *	directory's lock, or what the callers have instead of it.
 *  N3	To miss a name and then to find the directory complete is not enough: a listing may have added
 *	the name in between. The owner of a lookup asks while its name is in-lookup. Had the listing
 *	that made the directory complete come by that name before, its entry was lost since, which
 *	counts; after, it would have found somebody asking for the name, and a listing that does is not
 *	complete. Without a lookup: complete before and after the miss, with no loss in between
 *	(dir_complete_stamp()).
 *  N4	Invalidating a directory's children, or a name, first says that it is not complete. Who sees the
 *	new generation sees that: what it then finds complete was listed since.
 *  N5	What a listing knows is as old as its beginning: so are the entries that it adds (not, if the
 *	name was invalidated since: parallel.c, P9), and what the
 *	complete directory says, which ends, with the negative entries that it gives rise to, when a
 *	negative entry of that time would. What it replaces is lost to everybody but itself, and so
 *	is what could not be added.
 *  N6	A name is invalidated without another generation: that is counted (i_doubts), and what a listing
 *	has yet to add may have been read before. It is not cached, then, nor takes anything's place. An
 *	entry that is added is in-lookup when the count is looked at; who invalidates counts first, and
 *	then looks for one who asks for the name. So the listing sees the count, or is overtaken; and who
 *	waits for its entry meanwhile has asked before, or starts over.
 *
 * The directory's inode is kept by the reference that the entry that is lost has on its parent.
 */
#include "internal.h"

#define DIR_COMPLETE ((uint64_t)1 << 31)
#define DIR_LISTING ((uint64_t)1)
#define DIR_LOSS ((uint64_t)1 << 32)
#define DIR_WATCHED (DIR_LOSS - 1)

/* What struct dir_listing holds. */
enum {
	SEEN,	 /* losses (low half) that are no reason not to be complete; generation (high) */
	EXPIRES, /* (low half) in ticks, if negative entries expire; doubts before it (high) */
	FAILED,	 /* a name is not there */
};

static uint32_t listing_generation(const struct dir_listing *listing)
{
	return (uint32_t)(listing->opaque[SEEN] >> 32);
}

/* Was a name of the directory invalidated since it began? */
static bool listing_is_doubted(const struct dir_listing *listing)
{
	const struct inode *dir = d_inode_of(listing->dir);

	return atomic_load_explicit(&dir->i_doubts, memory_order_acquire) !=
	       (uint32_t)(listing->opaque[EXPIRES] >> 32);
}

static uint32_t losses_of(uint64_t word)
{
	return (uint32_t)(word / DIR_LOSS);
}

static void lose(struct inode *dir, uint64_t if_any)
{
	uint64_t word = atomic_load_explicit(&dir->i_complete, memory_order_relaxed);

	while ((word & DIR_WATCHED) >= if_any &&
	       !atomic_compare_exchange_strong_explicit(&dir->i_complete, &word,
							(word & ~DIR_COMPLETE) + DIR_LOSS,
							memory_order_acq_rel, memory_order_relaxed))
		;
}

void dir_lose(struct inode *dir)
{
	lose(dir, 1);
}

void dir_not_complete(struct inode *dir)
{
	/* Also if nobody is seen to watch: who begins to list now comes later in this word. */
	lose(dir, 0);
}

void dir_doubt(struct inode *dir)
{
	atomic_fetch_add_explicit(&dir->i_doubts, 1, memory_order_acq_rel);
	dir_not_complete(dir);
}

uint64_t dir_complete_stamp(const struct inode *dir)
{
	uint64_t word = atomic_load_explicit(&dir->i_complete, memory_order_acquire);

	if (!(word & DIR_COMPLETE))
		return 0;
	if (dir->i_dcache->negative_ttl_ns &&
	    dc_expired(atomic_load_explicit(&dir->i_complete_expires, memory_order_acquire),
		       dc_ticks()))
		return 0;
	return word & ~(DIR_COMPLETE - 1);
}

bool dir_knows_absent(struct inode *dir, struct dentry *dentry)
{
	if (!dir_is_complete(dir))
		return false;
	if (dir->i_dcache->negative_ttl_ns) {
		uint32_t expires = atomic_load_explicit(&dir->i_complete_expires,
							memory_order_acquire);

		lockref_lock(&dentry->d_lockref);
		atomic_store_explicit(&dentry->d_expires, expires, memory_order_release);
		d_change_flags(dentry, DCACHE_OWN_TTL, DCACHE_EXPIRES);
		lockref_unlock(&dentry->d_lockref);
	}
	return !d_publish(dentry, NULL);
}

int dir_listing_begin(struct dir_listing *listing, struct dentry *dir)
{
	struct inode *inode = d_inode_of(dir);
	uint64_t before, generation;
	int err = dir_check(inode);

	/* Harmless to the other calls if this one fails. */
	listing->dir = NULL;
	if (err)
		return err;
	before = atomic_fetch_add_explicit(&inode->i_complete, DIR_LISTING, memory_order_acq_rel);
	generation = atomic_load_explicit(&inode->i_generation, memory_order_acquire);
	listing->dir = dir;
	listing->opaque[SEEN] = generation << 32 | losses_of(before);
	listing->opaque[EXPIRES] =
		(uint64_t)atomic_load_explicit(&inode->i_doubts, memory_order_acquire) << 32 |
		dc_expiry(dir->d_dcache->negative_ttl_ns);
	listing->opaque[FAILED] = false;
	return 0;
}

/*
 * The name is hashed, as @dentry. Return: true: it leads to @inode, and is known to since the listing, or
 * is newer than that; false: look again, what was there is not any more.
 */
static bool confirm(struct dir_listing *listing, struct dentry *dentry, const struct qstr *name,
		    const struct inode *inode)
{
	struct dentry *dir = listing->dir;
	bool same = false, doubted = false, replaced = false;

	DC_POINT(DC_L1, dentry);
	lockref_lock(&dentry->d_lockref);
	if ((d_flags(dentry) & DCACHE_HASHED) && d_parent_of(dentry) == dir &&
	    name_is(dentry, dir, name)) {
		same = d_inode_of(dentry) == inode;
		doubted = !same && listing_is_doubted(listing);
		replaced = !same && !doubted;
	}
	if (same) {
		d_renew(dentry, listing_generation(listing));
	} else if (replaced) {
		/* Lost to everybody but this listing, which is about to add it. Counted, since this
		 * listing is under way. */
		dir_lose(d_inode_of(dir));
		listing->opaque[SEEN] = (listing->opaque[SEEN] & ~(DIR_LOSS - 1)) |
					(uint32_t)(listing->opaque[SEEN] + 1);
		d_unhash_gone(dentry);
	}
	lockref_unlock(&dentry->d_lockref);
	if (replaced && d_is_dir(dentry))
		d_invalidate(dentry);
	return same || doubted;
}

/* The caller owns @dentry. Consumes both references. */
static int add_new(struct dir_listing *listing, struct dentry *dentry, struct inode *inode)
{
	struct dentry *alias = NULL;

	if (listing_is_doubted(listing))
		iput(inode);
	else
		alias = d_splice_alias(inode, dentry);
	/* Those who wait ask for themselves. */
	d_lookup_done(dentry);
	dput(dentry);
	dput(alias);
	return IS_ERR(alias) ? (int)PTR_ERR(alias) : 0;
}

/* Consumes @inode. -EAGAIN: somebody is asking for the name. */
static int add_name(struct dir_listing *listing, const struct qstr *name, struct inode *inode)
{
	const _Atomic uint32_t generation = listing_generation(listing);

	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct lookup_wait wait = LOOKUP_WAIT_INIT(WAIT_NOT, &wq);

	wait.as_old_as = &generation;
	for (;;) {
		struct dentry *dentry = alloc_parallel(listing->dir, name, &wait);
		bool same;

		if (IS_ERR(dentry)) {
			iput(inode);
			return (int)PTR_ERR(dentry);
		}
		if (d_in_lookup(dentry))
			return add_new(listing, dentry, inode);
		same = confirm(listing, dentry, name, inode);
		dput(dentry);
		if (same) {
			iput(inode);
			return 0;
		}
	}
}

int dir_listing_add(struct dir_listing *listing, const struct qstr *name, struct inode *inode)
{
	struct dentry *dir = listing->dir;
	struct qstr prepared;
	int err;

	if (IS_ERR(inode)) {
		err = (int)PTR_ERR(inode);
		inode = NULL;
	} else if (!dir || !inode) {
		err = -EINVAL;
	} else if (inode->i_dcache != dir->d_dcache) {
		err = -EXDEV;
	} else if (name_is_dots(name)) {
		iput(inode);
		return 0;
	} else {
		err = name_check(name);
		if (!err)
			err = name_prepare(dir, name, &prepared);
	}
	if (err)
		iput(inode);
	else
		err = add_name(listing, &prepared, inode);
	if (err)
		listing->opaque[FAILED] = true;
	return err == -EAGAIN ? 0 : err;
}

/* @n is at most BATCH_GROUP. Return: the first error, or 0. */
static int add_group(struct dir_listing *listing, struct dir_listing_entry *entries, size_t n)
{
	struct d_lookup_request requests[BATCH_GROUP];
	int first_error = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		requests[i].parent = listing->dir;
		requests[i].name = entries[i].name;
	}
	/* Without a directory each is refused. */
	if (listing->dir) {
		dc_read_lock();
		look_ahead(requests, n, true);
		dc_read_unlock();
	}
	for (i = 0; i < n; i++) {
		entries[i].error = dir_listing_add(listing, &requests[i].name, entries[i].inode);
		if (!first_error)
			first_error = entries[i].error;
	}
	return first_error;
}

int dir_listing_add_batch(struct dir_listing *listing, struct dir_listing_entry *entries, size_t n)
{
	int first_error = 0;
	size_t group;

	for (; n; n -= group, entries += group) {
		int err;

		group = batch_group(n);
		err = add_group(listing, entries, group);
		if (!first_error)
			first_error = err;
	}
	return first_error;
}

bool dir_listing_end(struct dir_listing *listing, bool complete)
{
	struct inode *dir;
	uint64_t word, then;
	bool nothing_lost;

	if (!listing->dir)
		return false;
	dir = d_inode_of(listing->dir);
	listing->dir = NULL;
	complete = complete && !listing->opaque[FAILED] &&
		   atomic_load_explicit(&dir->i_generation, memory_order_acquire) ==
			   listing_generation(listing);
	if (complete)
		atomic_store_explicit(&dir->i_complete_expires, (uint32_t)listing->opaque[EXPIRES],
				      memory_order_release);
	word = atomic_load_explicit(&dir->i_complete, memory_order_relaxed);
	do {
		nothing_lost = losses_of(word) == (uint32_t)listing->opaque[SEEN];
		then = word - DIR_LISTING;
		if (complete && nothing_lost)
			then |= DIR_COMPLETE;
	} while (!atomic_compare_exchange_strong_explicit(
		&dir->i_complete, &word, then, memory_order_acq_rel, memory_order_relaxed));
	return complete && nothing_lost;
}

bool d_is_complete(const struct dentry *dir)
{
	const struct inode *inode = d_inode_of(dir);

	return inode && dir_is_complete(inode);
}

void d_clear_complete(struct dentry *dir)
{
	struct inode *inode = d_inode_of(dir);

	if (inode)
		dir_not_complete(inode);
}
