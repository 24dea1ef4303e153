/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Entries: making them, counting their references, and what becomes of them after the last.
 *
 * Who may be here: any thread with a reference in dget() and dput(); lookups that take one from
 * zero; the shrinker, which takes one from zero under d_lock and then puts it like anybody else.
 *
 *  D1	Whether the last reference keeps or frees the entry is decided under d_lock with the count at
 *	1, which nobody but the decider can change. KEEP in the lockref word records a decision that
 *	needs no lock: kept, on the LRU already, and marked as used again. Whatever would change
 *	the decision clears KEEP under d_lock first.
 *  D2	Freeing needs i_lock outside d_lock. If it cannot be had at once, d_lock is let go while the
 *	reference is still held, both are taken in order, and everything is looked at again. So
 *	there is no moment at which an entry has no reference and its fate is open.
 *  D3	An entry is unhashed before it is marked dead. Whoever finds it dead, found it before.
 *  D4	Dead, it leaves its parent's child list; only then is its reference on the parent put, as the
 *	next turn of the same loop: a chain of any length takes no stack.
 *  D5	The memory goes after a grace period, always: also of an entry that was never hashed, for
 *	lookups may stand on its in-lookup chain.
 */
#include "internal.h"

static void set_op_flags(struct dentry *dentry, const struct dentry_operations *op)
{
	uint32_t flags = 0;

	dentry->d_op = op;
	if (op && op->d_hash)
		flags |= DCACHE_OP_HASH;
	if (op && op->d_compare)
		flags |= DCACHE_OP_COMPARE;
	if (op && op->d_revalidate)
		flags |= DCACHE_OP_REVALIDATE;
	if (op && op->d_delete)
		flags |= DCACHE_OP_DELETE;
	if (flags & (DCACHE_OP_HASH | DCACHE_OP_COMPARE))
		atomic_store_explicit(&dentry->d_dcache->own_names, true, memory_order_relaxed);
	d_change_flags(dentry,
		       DCACHE_OP_HASH | DCACHE_OP_COMPARE | DCACHE_OP_REVALIDATE | DCACHE_OP_DELETE,
		       flags);
}

void d_set_d_op(struct dentry *dentry, const struct dentry_operations *op)
{
	lockref_lock(&dentry->d_lockref);
	set_op_flags(dentry, op);
	lockref_clear_bits(&dentry->d_lockref, LOCKREF_KEEP);
	lockref_unlock(&dentry->d_lockref);
}

/* One that has its reference on @parent already, and is counted by the limit. */
static struct dentry *dentry_make(struct dcache *dc, struct dentry *parent, const struct qstr *name)
{
	struct dentry *dentry = object_alloc(&dc->dentry_slabs);

	if (!dentry)
		return NULL;
	atomic_init(&dentry->d_hash.next, 0);
	atomic_init(&dentry->d_parent, parent ? parent : dentry);
	atomic_init(&dentry->d_seq.sequence, 0);
	atomic_init(&dentry->d_flags, name->hash % LRU_SHARDS << DCACHE_LRU_SHARD_SHIFT);
	atomic_init(&dentry->d_inode, NULL);
	lockref_init(&dentry->d_lockref, 1);
	dentry->d_dcache = dc;
	atomic_init(&dentry->d_fsdata, NULL);
	dentry->d_children.first = NULL;
	if (SLAB_BYPASSED)
		dentry->d_number = (parent ? parent->d_number : 0) * 31 + name->hash;
	atomic_init(&dentry->d_woken, 0);
	atomic_init(&dentry->d_expires, 0);
	atomic_init(&dentry->d_generation,
		    parent ? atomic_load_explicit(&d_inode_of(parent)->i_generation,
						  memory_order_acquire)
			   : 0);
	atomic_init(&dentry->d_in_lookup.next, 0);
	dentry->d_wait = NULL;
	dentry->d_nr_waiters = 0;
	dentry->d_owner = 0;
	set_op_flags(dentry, dc->d_op);
	if (name_set(dentry, name)) {
		object_free(&dc->dentry_slabs, dentry);
		return NULL;
	}
	dcache_account(dc, sizeof(*dentry));
	count_add(dc, COUNT_ENTRIES_MADE, 1);
	return dentry;
}

/* A reference for a child. False: the count is full. */
static bool get_for_child(struct dentry *parent)
{
	enum lockref_got got = lockref_tryget(&parent->d_lockref);

	if (got == LOCKREF_BUSY) {
		lockref_lock(&parent->d_lockref);
		got = lockref_is_full(&parent->d_lockref) ? LOCKREF_FULL : LOCKREF_GOT;
		if (got == LOCKREF_GOT)
			lockref_add_locked(&parent->d_lockref, 1);
		lockref_unlock(&parent->d_lockref);
	}
	DC_RULE("d_alloc: the parent is referenced", got != LOCKREF_GONE);
	return got != LOCKREF_FULL;
}

struct dentry *dentry_alloc(struct dcache *dc, struct dentry *parent, const struct qstr *name)
{
	struct dentry *dentry;

	if (parent && !get_for_child(parent))
		return ERR_PTR(-EOVERFLOW);
	limit_add(&dc->counters, LIMIT_ENTRIES, 1);
	lru_make_room(dc, name->hash);
	dentry = dentry_make(dc, parent, name);
	if (!dentry) {
		limit_add(&dc->counters, LIMIT_ENTRIES, -1);
		dput(parent);
		return ERR_PTR(-ENOMEM);
	}
	return dentry;
}

struct dentry *dentry_alloc_bare(struct dentry *parent, const struct qstr *name)
{
	struct dcache *dc = parent->d_dcache;
	struct dentry *dentry = dentry_make(dc, parent, name);

	if (!dentry)
		return ERR_PTR(-ENOMEM);
	limit_add(&dc->counters, LIMIT_ENTRIES, 1);
	return dentry;
}

void dentry_discard_bare(struct dentry *dentry)
{
	struct dcache *dc = dentry->d_dcache;

	name_discard(dentry);
	object_free(&dc->dentry_slabs, dentry);
	dcache_account(dc, -(int64_t)sizeof(*dentry));
	counter_limit_add(&dc->counters, COUNT_ENTRIES_GONE, 1, LIMIT_ENTRIES, -1);
	count_add(dc, COUNT_ENTRIES_FREED, 1);
}

struct dentry *d_alloc(struct dentry *parent, const struct qstr *name)
{
	struct qstr prepared;
	int err = dir_check(d_inode_of(parent));

	if (!err)
		err = name_check(name);
	if (!err)
		err = name_prepare(parent, name, &prepared);
	if (err)
		return ERR_PTR(err);
	/* It is going to be hashed, and listed before the first child. */
	table_look_ahead(&parent->d_dcache->entries, table_hash(parent, &prepared));
	dc_prefetch_through(parent->d_children.first);
	return dentry_alloc(parent->d_dcache, parent, &prepared);
}

struct dentry *root_alloc(const struct inode *inode, uint32_t flags)
{
	static const struct qstr slash = QSTR_INIT("/", 1);
	struct dentry *dentry = dentry_alloc(inode->i_dcache, NULL, &slash);

	if (!IS_ERR(dentry))
		d_change_flags(dentry, 0, flags);
	return dentry;
}

struct dentry *d_make_root(struct inode *inode)
{
	struct dentry *root;
	int err;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	if (IS_ERR(inode))
		return (struct dentry *)inode;
	DC_RULE("d_make_root: a new inode is filled first", !inode_is_unfilled(inode));
	if (inode_is_unfilled(inode) || !is_dir(inode)) {
		err = inode_is_unfilled(inode) ? -EINVAL : -ENOTDIR;
		iput(inode);
		return ERR_PTR(err);
	}
	root = root_alloc(inode, 0);
	if (IS_ERR(root)) {
		iput(inode);
		return root;
	}
	err = d_instantiate(root, inode);
	if (err) {
		dput(root);
		return ERR_PTR(err);
	}
	return root;
}

void d_set_inode(struct dentry *dentry, struct inode *inode)
{
	struct dcache *dc = dentry->d_dcache;

	hlist_add_head(&dentry->d_alias, &inode->i_dentry);
	/* Before the inode is seen. */
	d_start_ttl(dentry, true);
	write_seqcount_begin(&dentry->d_seq);
	if (is_dir(inode))
		d_change_flags(dentry, 0, DCACHE_DIRECTORY);
	atomic_store_explicit(&dentry->d_inode, inode, memory_order_release);
	write_seqcount_end(&dentry->d_seq);
	if (d_flags(dentry) & DCACHE_HASHED)
		count_negative(dc, -1);
	d_lru_turned(dentry);
}

struct inode *d_clear_inode(struct dentry *dentry)
{
	struct inode *inode = d_inode_of(dentry);

	if (!inode)
		return NULL;
	hlist_del(&dentry->d_alias);
	d_start_ttl(dentry, false);
	write_seqcount_begin(&dentry->d_seq);
	d_change_flags(dentry, DCACHE_DIRECTORY, 0);
	atomic_store_explicit(&dentry->d_inode, NULL, memory_order_release);
	write_seqcount_end(&dentry->d_seq);
	if (d_flags(dentry) & DCACHE_HASHED)
		count_negative(dentry->d_dcache, 1);
	d_lru_turned(dentry);
	return inode;
}

void d_list_child(struct dentry *dentry, struct dentry *parent)
{
	hlist_add_head(&dentry->d_sib, &parent->d_children);
	d_change_flags(dentry, 0, DCACHE_LISTED);
}

/* ---- references ---- */

struct dentry *dget(struct dentry *dentry)
{
	enum lockref_got got;

	if (!dentry)
		return NULL;
	got = lockref_tryget_again(&dentry->d_lockref);
	if (got == LOCKREF_BUSY) {
		lockref_lock(&dentry->d_lockref);
		lockref_get_locked(&dentry->d_lockref);
		lockref_unlock(&dentry->d_lockref);
	}
	DC_RULE("dget: the entry is referenced", got != LOCKREF_GONE);
	return dentry;
}

struct dentry *dget_parent(struct dentry *dentry)
{
	unsigned int attempt = 0;

	for (;;) {
		enum lockref_got got;
		struct dentry *parent;

		dc_read_lock();
		parent = d_parent_of(dentry);
		got = lockref_tryget_again(&parent->d_lockref);
		dc_read_unlock();
		if (got == LOCKREF_GOT) {
			/* It was the parent after the reference was taken, or it is not right. */
			if (d_parent_of(dentry) == parent)
				return parent;
			dput(parent);
		} else {
			dc_yield(attempt++);
		}
	}
}

void d_dontcache(struct dentry *dentry)
{
	d_change_flags(dentry, 0, DCACHE_DONTCACHE);
	lockref_clear_bits(&dentry->d_lockref, LOCKREF_KEEP);
}

void d_take_mark(struct dentry *dentry, const struct dentry *parent)
{
	if (d_flags(parent) & DCACHE_DONTCACHE)
		d_dontcache(dentry);
	else if (d_flags(dentry) & DCACHE_DONTCACHE)
		d_change_flags(dentry, DCACHE_DONTCACHE, 0);
}

enum put_how {
	PUT,		/* as a user */
	PUT_QUIETLY,	/* as one who only looked */
	PUT_DISCARD,	/* and do not keep the entry */
};

/* d_lock is held and the count is 1. Is the entry to be kept, unused, for later? */
static bool retain(struct dentry *dentry, enum put_how how)
{
	uint32_t flags = d_flags(dentry);

	if (!(flags & DCACHE_HASHED) || (flags & DCACHE_DONTCACHE) || how == PUT_DISCARD ||
	    atomic_load_explicit(&dentry->d_dcache->dying, memory_order_relaxed))
		return false;
	if ((flags & DCACHE_OP_DELETE) && dentry->d_op->d_delete(dentry))
		return false;
	if (!(flags & DCACHE_LRU_LIST)) {
		d_lru_add(dentry);
	} else if (how == PUT && !(flags & DCACHE_REFERENCED)) {
		d_change_flags(dentry, 0, DCACHE_REFERENCED);
		if (!(flags & DCACHE_OP_DELETE))
			lockref_set_bits(&dentry->d_lockref, LOCKREF_KEEP);
	}
	return true;
}

static void dentry_free(struct reclaim_head *head)
{
	struct dentry *dentry = container_of(head, struct dentry, d_rcu);
	struct dcache *dc = dentry->d_dcache;

	/* Others may share the name and may have let go of it only now: another grace period. */
	external_name_put(name_external(dentry));
	account_waited(dc, sizeof(*dentry));
	object_free(&dc->dentry_slabs, dentry);
}

/* Ask for the neighbours of an entry that is to be taken from its lists, all at once and before the locks. */
static void look_around(const struct dentry *dentry, const struct dentry *parent)
{
	dc_prefetch_through(dentry->d_lru.next);
	dc_prefetch_through(dentry->d_lru.prev);
	dc_prefetch_through(dentry->d_sib.next);
	dc_prefetch_through(dentry->d_sib.pprev);
	dc_prefetch(&parent->d_lockref);
}

/*
 * d_lock, and i_lock if there is an inode, are held, and the caller's is the only reference.
 * Releases both locks. Return: the parent, whose reference is now the caller's, or NULL.
 */
static struct dentry *kill(struct dentry *dentry)
{
	struct dcache *dc = dentry->d_dcache;
	struct dentry *parent = d_parent_of(dentry);
	struct inode *inode;

	look_around(dentry, parent);
	if (d_flags(dentry) & DCACHE_LRU_LIST)
		d_lru_del(dentry);
	if (d_flags(dentry) & DCACHE_HASHED)
		d_unhash(dentry);
	else
		/* A walk without references may stand here, and must not go on. */
		write_seqcount_invalidate(&dentry->d_seq);
	inode = d_clear_inode(dentry);
	lockref_die_unlock(&dentry->d_lockref);
	if (inode)
		dc_unlock(&inode->i_lock);
	DC_POINT(DC_K2, dentry);

	if (dentry->d_op && dentry->d_op->d_release) {
		int cancel = dc_cancel_off();

		dentry->d_op->d_release(dentry);
		dc_cancel_back(cancel);
	}
	DC_POINT(DC_K3, dentry);
	/* Nobody changes the flags of a dead entry. */
	if (d_flags(dentry) & DCACHE_LISTED) {
		lockref_lock(&parent->d_lockref);
		hlist_del(&dentry->d_sib);
		lockref_unlock(&parent->d_lockref);
	}
	if (parent == dentry)
		parent = NULL;
	iput(inode);
	DC_POINT(DC_K4, dentry);
	tables_tend(dc);
	account_waits(dc, sizeof(*dentry));
	name_waits(dentry);
	dc_call_rcu(&dc->reclaim, &dentry->d_rcu, dentry_free);
	counter_limit_add(&dc->counters, COUNT_ENTRIES_GONE, 1, LIMIT_ENTRIES, -1);
	/* The last touch of the instance, but for the parent's sake. */
	count_add(dc, COUNT_ENTRIES_FREED, 1);
	return parent;
}

/*
 * d_lock is held. If the caller is to put the last reference to an in-lookup entry, those of waiters aside,
 * nobody could end that lookup: end it, which releases the lock.
 */
static bool end_abandoned(struct dentry *dentry)
{
	struct lookup_end end;

	if (!(d_flags(dentry) & DCACHE_PAR_LOOKUP) ||
	    lockref_count(&dentry->d_lockref) - 1 != (int32_t)dentry->d_nr_waiters)
		return false;
	DC_RULE("dput: an in-lookup entry is ended before its last put", false);
	lookup_unhash(dentry, &end);
	lockref_unlock(&dentry->d_lockref);
	lookup_wake(&end, 0, NULL);
	return true;
}

/*
 * Give back a reference where the lockref word alone does not decide. *@killed: it was the last, and the
 * entry is gone. Return: as kill().
 */
static struct dentry *put_slow(struct dentry *dentry, enum put_how how, bool *killed)
{
	struct inode *locked = NULL; /* its i_lock, and a reference of our own */
	struct dentry *parent = NULL;
	struct inode *inode;

	*killed = false;
	for (;;) {
		lockref_lock(&dentry->d_lockref);
		DC_RULE("dput: the entry is referenced", lockref_count(&dentry->d_lockref) > 0);
		if (end_abandoned(dentry))
			continue;
		if (lockref_count(&dentry->d_lockref) > 1 || retain(dentry, how)) {
			lockref_put_unlock(&dentry->d_lockref);
			break;
		}
		inode = d_inode_of(dentry);
		if (inode == locked || (!locked && dc_trylock(&inode->i_lock))) {
			*killed = true;
			parent = kill(dentry);
			break;
		}
		if (inode)
			ihold(inode);
		lockref_unlock(&dentry->d_lockref);
		if (locked) {
			dc_unlock(&locked->i_lock);
			iput(locked);
		}
		locked = inode;
		if (locked)
			dc_lock(&locked->i_lock);
		DC_POINT(DC_K1, dentry);
	}
	if (locked) {
		if (!*killed)
			dc_unlock(&locked->i_lock);
		iput(locked);
	}
	return parent;
}

struct dentry *dput_step(struct dentry *dentry)
{
	bool killed;

	return lockref_put_fast(&dentry->d_lockref) ? NULL : put_slow(dentry, PUT, &killed);
}

void dput(struct dentry *dentry)
{
	if (IS_ERR(dentry))
		return;
	while (dentry)
		dentry = dput_step(dentry);
}

bool dput_if_harmless(struct dentry *dentry)
{
	bool harmless;

	do {
		lockref_lock(&dentry->d_lockref);
		DC_RULE("dput: the entry is referenced", lockref_count(&dentry->d_lockref) > 0);
	} while (end_abandoned(dentry));
	harmless = lockref_count(&dentry->d_lockref) > 1 ||
		   (!(d_flags(dentry) & DCACHE_OP_DELETE) && retain(dentry, PUT));
	if (harmless)
		lockref_put_locked(&dentry->d_lockref);
	else if (d_flags(dentry) & DCACHE_LRU_LIST)
		d_lru_del(dentry);
	lockref_unlock(&dentry->d_lockref);
	return harmless;
}

void dput_quietly(struct dentry *dentry)
{
	bool killed;

	if (!lockref_put_fast(&dentry->d_lockref))
		dput(put_slow(dentry, PUT_QUIETLY, &killed));
}

bool dentry_kill(struct dentry *dentry)
{
	bool killed;

	dput(put_slow(dentry, PUT_DISCARD, &killed));
	return killed;
}

void dentry_discard(struct dentry *dentry)
{
	lockref_lock(&dentry->d_lockref);
	d_change_flags(dentry, DCACHE_PAR_LOOKUP, 0);
	lockref_clear_bits(&dentry->d_lockref, LOCKREF_SLOW);
	lockref_unlock(&dentry->d_lockref);
	dput(dentry);
}

/* ---- accessors ---- */

void d_lock(struct dentry *dentry)
{
	lockref_lock(&dentry->d_lockref);
}

void d_unlock(struct dentry *dentry)
{
	lockref_unlock(&dentry->d_lockref);
}

struct inode *d_inode(const struct dentry *dentry)
{
	return d_inode_of(dentry);
}

bool d_is_negative(const struct dentry *dentry)
{
	return !d_inode_of(dentry);
}

bool d_is_positive(const struct dentry *dentry)
{
	return d_inode_of(dentry);
}

bool d_is_dir(const struct dentry *dentry)
{
	const struct inode *inode = d_inode_of(dentry);

	return inode && is_dir(inode);
}

bool d_unhashed(const struct dentry *dentry)
{
	return !(atomic_load_explicit(&dentry->d_flags, memory_order_acquire) & DCACHE_HASHED);
}

bool IS_ROOT(const struct dentry *dentry)
{
	return is_root(dentry);
}

int d_count(const struct dentry *dentry)
{
	return lockref_count(&dentry->d_lockref);
}

struct dcache *d_dcache(const struct dentry *dentry)
{
	return dentry->d_dcache;
}

struct dentry *d_parent(const struct dentry *dentry)
{
	return d_parent_of(dentry);
}

void *d_fsdata(const struct dentry *dentry)
{
	return atomic_load_explicit(&dentry->d_fsdata, memory_order_acquire);
}

void d_set_fsdata(struct dentry *dentry, void *fsdata)
{
	atomic_store_explicit(&dentry->d_fsdata, fsdata, memory_order_release);
}
