/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Entries that are no longer true: times to live, generations, and asking again.
 *
 * Who may be here: readers of a hashed entry that want to know whether it is stale, which store
 * nothing; at the same time those who give it a time to live, renew it, or invalidate it or its
 * directory.
 *
 *  F1	d_generation is the directory's i_generation as it was before the backend was asked: taken
 *	when the entry is allocated, and before d_revalidate runs. So a generation that changes while
 *	an answer is on its way makes that answer too late to be hashed (parallel.c, P9). It is
 *	renewed forwards only, and an entry made after the answer, of the stored spelling or of a
 *	listing, is made as old as the question.
 *  F2	i_generation is raised with release and loaded with acquire: who sees the new one also sees
 *	that the directory is not complete any more, which is said first (directory.c, N4).
 *  F3	d_expires is stored before the flag that it holds, with release, and a turn to positive or
 *	negative stores both before the inode: who sees what is new sees its time, too.
 *  F4	An entry that moves gets the generation of its new directory within the odd window of its
 *	sequence. Who compares the two without looking at the sequence may take a moving entry for
 *	stale, as does d_is_stale(), which must not wait for the mover: before anything is done about
 *	it, is_stale_exactly() is asked.
 *  F5	An in-lookup entry of a name that is invalidated is made older, by whoever invalidates, under
 *	no lock: its owner only ever takes the generation along. Whether it was added meanwhile does
 *	not matter: then it is found hashed, for the invalidation waits until whoever is just adding
 *	in that directory has done so.
 *  F6	A time that the program sets (OWN_TTL) holds where the options' would begin, and no longer: it
 *	outlasts being published, and ends when a hashed entry turns. An operation that is asked
 *	takes it back first, so that one it sets itself can be told. Who waited for an answer, or
 *	finds one whose lookup began during the call, takes it however stale (namei.c); so a call asks
 *	the backend once.
 *  F7	Walks read a directory's generation, another line for each component, only once the instance has been
 *	told (@outdating, which stays) that one was raised, or an entry made older. It is told before, so
 *	who does not see it has come before.
 */
#include "internal.h"

uint32_t dc_expiry(uint64_t ttl_ns)
{
	const uint64_t tick = (uint64_t)1 << 24;

	if (!ttl_ns)
		return dc_ticks();
	if (ttl_ns > DC_TTL_MAX_NS)
		ttl_ns = DC_TTL_MAX_NS;
	return (uint32_t)((dc_now_ns() + ttl_ns + tick - 1) >> 24);
}

/* d_lock is held. @own: DCACHE_OWN_TTL, or 0. */
static void set_ttl(struct dentry *dentry, uint64_t ttl_ns, uint32_t own)
{
	const uint32_t both = DCACHE_EXPIRES | DCACHE_OWN_TTL;
	uint32_t flags = own;

	if (ttl_ns != DCACHE_TTL_NONE) {
		atomic_store_explicit(&dentry->d_expires, dc_expiry(ttl_ns), memory_order_release);
		flags |= DCACHE_EXPIRES;
	}
	if ((d_flags(dentry) & both) != flags)
		d_change_flags(dentry, both & ~flags, flags);
}

void d_start_ttl(struct dentry *dentry, bool positive)
{
	const struct dcache *dc = dentry->d_dcache;
	uint64_t ttl_ns = positive ? dc->positive_ttl_ns : dc->negative_ttl_ns;

	if ((d_flags(dentry) & DCACHE_OWN_TTL) && !(d_flags(dentry) & DCACHE_HASHED))
		return;
	set_ttl(dentry, ttl_ns ? ttl_ns : DCACHE_TTL_NONE, 0);
}

void d_set_ttl(struct dentry *dentry, uint64_t ttl_ns)
{
	lockref_lock(&dentry->d_lockref);
	set_ttl(dentry, ttl_ns, DCACHE_OWN_TTL);
	lockref_unlock(&dentry->d_lockref);
}

/* Before anything is older than its directory: F7. */
static void begin_outdating(struct dcache *dc)
{
	if (!atomic_load_explicit(&dc->outdating, memory_order_relaxed))
		atomic_store_explicit(&dc->outdating, true, memory_order_release);
}

void d_outdate(struct dentry *dentry, uint32_t generation)
{
	uint32_t now = atomic_load_explicit(&dentry->d_generation, memory_order_relaxed);
	uint32_t then;

	begin_outdating(dentry->d_dcache);
	do {
		then = (int32_t)(generation - now) < 0 ? generation : now;
		/* Also if it stays as it is: P9. */
	} while (!atomic_compare_exchange_strong_explicit(
		&dentry->d_generation, &now, then, memory_order_acq_rel, memory_order_relaxed));
}

void d_renew(struct dentry *dentry, uint32_t generation)
{
	uint32_t now = atomic_load_explicit(&dentry->d_generation, memory_order_relaxed);

	if ((int32_t)(generation - now) > 0)
		atomic_store_explicit(&dentry->d_generation, generation, memory_order_release);
	if (!(d_flags(dentry) & DCACHE_OWN_TTL))
		d_start_ttl(dentry, d_inode_of(dentry));
}

uint32_t d_moved_generation(const struct dentry *dentry, const struct dentry *target, bool found)
{
	const struct dentry *from = d_parent_of(dentry);
	uint32_t now = atomic_load_explicit(&d_inode_of(d_parent_of(target))->i_generation,
					    memory_order_relaxed);

	if (found)
		return atomic_load_explicit(&target->d_generation, memory_order_acquire);
	return from != dentry && d_outdated(dentry, d_inode_of(from)) ? now - 1 : now;
}

void d_found_ttl(struct dentry *dentry, const struct dentry *target)
{
	const uint32_t both = DCACHE_EXPIRES | DCACHE_OWN_TTL;

	set_ttl(dentry, DCACHE_TTL_NONE, 0);
	d_start_ttl(dentry, d_inode_of(dentry));
	if (d_flags(target) & DCACHE_OWN_TTL) {
		atomic_store_explicit(&dentry->d_expires,
				      atomic_load_explicit(&target->d_expires,
							   memory_order_relaxed),
				      memory_order_release);
		d_change_flags(dentry, both, d_flags(target) & both);
	}
}

/* Is @dentry stale? False: it changed while it was looked at. */
static bool look_whether_stale(const struct dentry *dentry, bool *stale)
{
	const struct dentry *parent;
	const struct inode *dir;
	uint32_t seq;
	bool same;

	dc_read_lock();
	seq = read_seqcount(&dentry->d_seq);
	parent = d_parent_of(dentry);
	dir = d_inode_of(parent);
	/* What it was moved away from may have been deleted. */
	*stale = parent != dentry && dir && d_stale_in(dentry, dir);
	same = seqcount_unchanged(&dentry->d_seq, seq);
	dc_read_unlock();
	return same;
}

/* Not in a read section: it waits for whoever is moving the entry. */
static bool is_stale_exactly(const struct dentry *dentry)
{
	unsigned int attempt = 0;
	bool stale;

	while (!look_whether_stale(dentry, &stale))
		dc_yield(attempt++);
	return stale;
}

bool d_is_stale(const struct dentry *dentry)
{
	bool stale;
	int spins;

	/* The caller may be in a read section: whoever is moving it is not waited for. */
	for (spins = 0; !look_whether_stale(dentry, &stale); spins++) {
		if (spins == DC_SPIN_LIMIT)
			return true;
		dc_spin_hint();
	}
	return stale;
}

/* The operation has said that @dentry is true, or was at least in @generation. */
static void renew_in(struct dentry *dentry, const struct dentry *parent, uint32_t generation)
{
	const struct dcache *dc = dentry->d_dcache;

	if (!dc->positive_ttl_ns && !dc->negative_ttl_ns && !(d_flags(dentry) & DCACHE_EXPIRES) &&
	    atomic_load_explicit(&dentry->d_generation, memory_order_acquire) == generation)
		return;
	lockref_lock(&dentry->d_lockref);
	/* Elsewhere the number means another thing. */
	if (d_parent_of(dentry) == parent)
		d_renew(dentry, generation);
	lockref_unlock(&dentry->d_lockref);
}

/* From now on a time of its own is one that the operation has set. */
static void disown_ttl(struct dentry *dentry)
{
	if (!(d_flags(dentry) & DCACHE_OWN_TTL))
		return;
	lockref_lock(&dentry->d_lockref);
	d_change_flags(dentry, DCACHE_OWN_TTL, 0);
	lockref_unlock(&dentry->d_lockref);
}

/* Not true: neither is what the directory says of the name. */
static int not_true(struct dentry *dentry, const struct dentry *parent, bool expired)
{
	/* A negative entry whose time has passed is another matter: all names' time passes, too. */
	if (d_inode_of(dentry)) {
		d_invalidate(dentry);
	} else {
		if (!expired)
			dir_doubt(d_inode_of(parent));
		d_drop(dentry);
	}
	return 0;
}

int revalidate_in(struct dentry *dentry, struct dentry *parent, unsigned int flags)
{
	uint32_t generation;
	int valid, cancel;

	if (!(d_flags(dentry) & DCACHE_OP_REVALIDATE)) {
		if (!d_stale_in(dentry, d_inode_of(parent)) || !is_stale_exactly(dentry))
			return 1;
		return not_true(dentry, parent, true);
	}
	disown_ttl(dentry);
	generation = atomic_load_explicit(&d_inode_of(parent)->i_generation, memory_order_acquire);
	cancel = dc_cancel_off();
	valid = dentry->d_op->d_revalidate(dentry, flags);
	dc_cancel_back(cancel);
	if (!valid)
		return not_true(dentry, parent, false);
	if (valid < 0)
		return valid;
	renew_in(dentry, parent, generation);
	return 1;
}

int d_revalidate(struct dentry *dentry, unsigned int flags)
{
	struct dentry *parent = dget_parent(dentry);
	int valid = 1;

	/* A root is nobody's answer; without an operation there is nobody to doubt it. */
	if (parent != dentry || ((d_flags(dentry) & DCACHE_OP_REVALIDATE) && d_inode_of(dentry)))
		valid = revalidate_in(dentry, parent, flags);
	dput(parent);
	return valid;
}

int d_invalidate_children(struct dentry *dir)
{
	int err = dir_check(d_inode_of(dir));

	if (err)
		return err;
	dir_not_complete(d_inode_of(dir));
	begin_outdating(dir->d_dcache);
	atomic_fetch_add_explicit(&d_inode_of(dir)->i_generation, 1, memory_order_release);
	return 0;
}

int d_invalidate_name(struct dentry *parent, const struct qstr *name)
{
	struct dentry *dentry;
	struct qstr prepared;
	int err = dir_check(d_inode_of(parent));

	if (!err)
		err = name_check(name);
	if (!err)
		err = name_prepare(parent, name, &prepared);
	if (err)
		return err;
	/* It may exist now. */
	dir_doubt(d_inode_of(parent));
	/* F5 */
	in_lookup_outdate(parent, &prepared);
	dentry = lookup_exact(parent, &prepared);
	if (IS_ERR(dentry))
		return (int)PTR_ERR(dentry);
	if (dentry)
		err = d_invalidate(dentry);
	dput(dentry);
	return err;
}

#define ALIAS_BATCH 16

int d_invalidate_inode(struct inode *inode)
{
	struct dentry *batch[ALIAS_BATCH];
	struct dentry *last = NULL;
	int err = 0;
	int nr, i;

	do {
		struct hlist_node *node;

		/* An entry with more than one reference does not leave the list, and new ones come
		 * to its front: it ends. */
		dc_lock(&inode->i_lock);
		node = last ? last->d_alias.next : inode->i_dentry.first;
		for (nr = 0; node && nr < ALIAS_BATCH; node = node->next) {
			struct dentry *alias = container_of(node, struct dentry, d_alias);

			/* One on the list is not dead. */
			lockref_lock(&alias->d_lockref);
			lockref_get_locked(&alias->d_lockref);
			lockref_unlock(&alias->d_lockref);
			batch[nr++] = alias;
		}
		dc_unlock(&inode->i_lock);
		dput(last);
		last = NULL;
		for (i = 0; i < nr; i++) {
			int failed = d_invalidate(batch[i]);

			if (failed)
				err = failed;
			if (i == ALIAS_BATCH - 1)
				last = batch[i];
			else
				dput(batch[i]);
		}
	} while (nr == ALIAS_BATCH);
	return err;
}
