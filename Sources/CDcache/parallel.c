/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parallel lookups: d_alloc_parallel() and the ways in which a lookup ends.
 *
 * An in-lookup entry is in a bucket of the in-lookup table, by directory and hash. Who may be here
 * at the same time: callers that look for a name, owners that end a lookup (publish.c, move.c, and
 * below), and waiters that come and go.
 *
 * A caller does, in this order:
 *
 *	A1	sample the directory sequence
 *	A2	search the entry table, and miss
 *		wait if the sequence was odd; a move meanwhile means: again from A1
 *		search the bucket of the in-lookup table, without its lock
 *	A4	if the name is there: lock the entry, join those who wait for it
 *	A3	lock the bucket if nothing was added to it since (bucket.h, B2), or nothing in it can be of the
 *		name, see that the sequence is what it was at A1, and put a new entry into it
 *
 *  P1	One owner. Two callers that both get to A3 for one name: the second finds another bucket
 *	and searches again.
 *  P2	No entry falls between the tables. One that is added goes into its bucket of the entry table
 *	before it leaves that of the in-lookup table, both while the sequence is odd. A caller that missed
 *	it in both searched the first before that and the second after it, so the sequence moved
 *	between A1 and A3. A lookup that failed leaves nothing to be found, and does not move it.
 *  P3	A writer that has made the sequence odd needs bucket locks only. Callers look at the
 *	sequence before they take one, and hold it for a few instructions, so they cannot keep the
 *	writer from it.
 *  P4	The entry of A4 may be ended, put and killed before it is locked. The read section keeps its
 *	memory, and a dead entry gives no reference: the caller starts over.
 *  P5	Waiting begins under d_lock with the entry in-lookup, and an entry stops being in-lookup
 *	under d_lock; so a waiter is either taken off the queue by the one who ends, or was never on
 *	it. What becomes of queue and waiters then: wait.c, W1 - W3.
 *  P6	Waiters are told after all locks are released. The outcome is in their own entry; nobody
 *	needs the lock of the entry they waited for.
 *  P7	The new entry is private until A3: its flags are set before it can be seen. It joins its
 *	parent's child list only when it is published.
 *  P8	Who comes after an invalidation does not take what a lookup finds that began before it: a
 *	waiter compares the entry's generation, taken when the lookup began, with the directory's
 *	before it queues, and if they differ forgets the outcome and starts over. Invalidating a name
 *	makes the generation of the entry that is asked for older.
 *  P9	What was overtaken is not hashed. Whoever ends a lookup by hashing compares the two generations
 *	while the sequence is odd. Who invalidates the name outdates the in-lookup entry, waits until
 *	the sequence is even, and then looks at the hashed one. Both read and write d_generation in one
 *	step, so one comes first. If it is the invalidation, the lookup sees it. If it is the lookup, the
 *	invalidation has read what was written while the sequence was odd, so it waits, and finds the
 *	entry hashed. (One that is not seen in-lookup any more was seen to be less than that.) Who
 *	invalidates the whole directory need not wait: what passed the comparison before is as stale as all
 *	else that is hashed there.
 *  P10	A name that this process changes is overtaken as well. Whatever hashes an entry otherwise than by
 *	ending a lookup (d_add(), d_rehash(), d_move()) then moves the sequence, and then outdates the
 *	lookup of that name, waiting as in P9. A lookup that is not in its bucket by then sees at A3 that the
 *	sequence moved, or found the entry at A2; so while a name has a hashed entry, any lookup of it is
 *	overtaken, and who drops, deletes or moves that entry need not look. One that had passed the
 *	comparison finds the name taken, which is the same. Who changes what the name of an unhashed entry
 *	means (d_instantiate(), d_delete(), d_move()) outdates the lookup of it, too, before anybody can see
 *	the change. Looking for that lookup takes no lock where its bucket is seen to have none. Whoever
 *	begins a lookup locks the bucket and then reads the sequence (A3); who hashes an entry moves the
 *	sequence and then reads the bucket: all four sequentially consistent, and so is marking a bucket MOVED.
 *	If the bucket's word is from before it was locked at A3, A3 sees that the sequence moved. Otherwise
 *	it is locked, or MOVED, which leads to the way with the lock; or what A3 put there is seen, or is
 *	gone: then that lookup has ended, and met the hashed entry or was hashed before it. There is nobody
 *	to wait for.
 *  P11	An entry made for an answer that is known already (the stored spelling, a listing's names) is as
 *	old as the question before it can be seen: who waits for it compares it, too.
 *
 * While an entry is in-lookup its lockref has the SLOW bit, so that every put comes by and sees
 * whether the remaining references are those of waiters only: nobody could end the lookup then.
 * d_nr_waiters counts these; such a reference and the count are taken at once, under d_lock.
 */
#include "internal.h"

bool d_in_lookup(const struct dentry *dentry)
{
	return atomic_load_explicit(&dentry->d_flags, memory_order_acquire) & DCACHE_PAR_LOOKUP;
}

int d_wait_lookup_until(struct dentry *dentry, uint64_t deadline_ns)
{
	struct sleeper self;

	if (!(d_flags(dentry) & DCACHE_PAR_LOOKUP))
		return 0;
	sleeper_init(&self, dentry);
	dentry->d_nr_waiters++;
	wait_queue_add(wait_queue_of(dentry->d_wait), &self.entry, dentry);
	lockref_unlock(&dentry->d_lockref);
	DC_POINT(DC_W1, dentry);
	if (!sleeper_sleep(&self, deadline_ns))
		return -ETIMEDOUT;
	dput(self.entry.alias);
	lockref_lock(&dentry->d_lockref);
	return 0;
}

void d_wait_lookup(struct dentry *dentry)
{
	d_wait_lookup_until(dentry, DC_NO_DEADLINE);
}

/*
 * d_lock is held, @dentry is in-lookup, and @entry has a reference and is counted: queue. Who waits
 * asynchronously may be told, and be gone, as soon as the lock is released.
 */
static void park(struct dentry *dentry, struct wait_queue_entry *entry)
{
	count_add(dentry->d_dcache, COUNT_LOOKUPS_WAITED, 1);
	DC_PROBE_WAIT(dentry);
	wait_queue_add(wait_queue_of(dentry->d_wait), entry, dentry);
}

/*
 * @holder's owner wants to wait for @dentry, as whose waiter it is counted. Return: 1: @self is
 * queued, and @graph is in the list of the instance; 0: the lookup has ended meanwhile; -EDEADLK:
 * that would close a cycle. Reference and count are given back then, in one hold: a reference that
 * outlived its count could be the last of an entry whose owner has left without ending it.
 */
static int park_holder(struct dentry *dentry, struct graph_waiter *graph,
		       struct wait_queue_entry *self)
{
	bool entered = graph_enter(dentry->d_dcache, graph);
	bool in_lookup;

	lockref_lock(&dentry->d_lockref);
	in_lookup = d_flags(dentry) & DCACHE_PAR_LOOKUP;
	if (in_lookup && entered) {
		park(dentry, self);
	} else if (in_lookup) {
		dentry->d_nr_waiters--;
		lockref_put_locked(&dentry->d_lockref);
	}
	lockref_unlock(&dentry->d_lockref);
	if (entered && !in_lookup)
		graph_leave(dentry->d_dcache, graph);
	return entered || !in_lookup ? in_lookup : -EDEADLK;
}

/*
 * Join those who wait for @dentry, which was seen in-lookup and is not referenced. In a read section,
 * which this leaves. @attempt: as dc_yield(). Return: an entry, referenced; an error; or NULL: start
 * over, unless @wait->pending.
 */
static struct dentry *join_lookup(struct dentry *dentry, struct dentry *parent,
				  const struct qstr *name, struct lookup_wait *wait,
				  unsigned int *attempt)
{
	struct dcache *dc = parent->d_dcache;
	struct async_waiter *async =
		wait->how == WAIT_ASYNC ? async_waiter_of(wait->waiter) : NULL;
	struct sleeper sleeper;
	struct wait_queue_entry *self = async ? &async->entry : &sleeper.entry;
	struct graph_waiter asleep = { .thread = dc_thread_id() };
	struct graph_waiter *graph = async ? &async->graph : &asleep;
	enum d_match match;
	bool outdated;
	int parked;
	uint32_t seq;

	if (!lockref_trylock_spinning(&dentry->d_lockref)) {
		dc_read_unlock();
		dc_yield((*attempt)++);
		return NULL;
	}
	if (lockref_count(&dentry->d_lockref) < 0) {
		lockref_unlock(&dentry->d_lockref);
		dc_read_unlock();
		return NULL;
	}
	if (!async && (d_flags(dentry) & DCACHE_PAR_LOOKUP) && dentry->d_owner == asleep.thread) {
		lockref_unlock(&dentry->d_lockref);
		dc_read_unlock();
		return ERR_PTR(-EDEADLK);
	}
	if (lockref_is_full(&dentry->d_lockref)) {
		lockref_unlock(&dentry->d_lockref);
		dc_read_unlock();
		return ERR_PTR(-EOVERFLOW);
	}
	/* The directory, or this name, was invalidated since that lookup began (P8). */
	outdated = d_outdated(dentry, d_inode_of(parent));
	lockref_add_locked(&dentry->d_lockref, 1);
	dc_read_unlock();
	if (async)
		async_waiter_init(async);
	else
		sleeper_init(&sleeper, dentry);
	self->outdated = outdated;
	graph->holder = wait->holder;
	graph->target = dentry;
	parked = (d_flags(dentry) & DCACHE_PAR_LOOKUP) != 0;
	if (parked) {
		dentry->d_nr_waiters++;
		if (!wait->holder)
			park(dentry, self);
	}
	lockref_unlock(&dentry->d_lockref);
	if (parked && wait->holder)
		parked = park_holder(dentry, graph, self);
	if (parked < 0)
		return ERR_PTR(parked);
	if (parked && async) {
		/* It may have been told, and everything be gone. */
		DC_POINT(DC_W2, dentry);
		wait->pending = true;
		return NULL;
	}
	if (parked) {
		DC_POINT(DC_W1, dentry);
		/* Who holds a lookup has no deadline. */
		if (!sleeper_sleep(&sleeper, wait->deadline_ns)) {
			lockref_put_locked(&dentry->d_lockref);
			lockref_unlock(&dentry->d_lockref);
			return ERR_PTR(-ETIMEDOUT);
		}
		if (wait->holder)
			graph_leave(dc, graph);
		if (outdated) {
			dput(dentry);
			return NULL;
		}
		if (self->error || self->alias) {
			count_add(dc, COUNT_OUTCOMES_SHARED, 1);
			dput(dentry);
			wait->shared = true;
			return self->error ? ERR_PTR(self->error) : self->alias;
		}
	}

	/* It is what a search would find now, most likely. Otherwise search. */
	dc_read_lock();
	match = d_match(dentry, DCACHE_HASHED, parent, name, &seq);
	dc_read_unlock();
	if (match == D_SAME) {
		if (parked)
			count_add(dc, COUNT_OUTCOMES_SHARED, 1);
		wait->shared = !outdated;
		return dentry;
	}
	dput(dentry);
	return NULL;
}

struct dentry *in_lookup_find(const struct bucket *bucket, uint64_t hash, const struct dentry *parent,
			      const struct qstr *name)
{
	struct bucket_search search;
	struct hlist_bl_node *node;
	uint32_t seq;

	bucket_for_each(node, &search, bucket, hash) {
		struct dentry *dentry = container_of(node, struct dentry, d_in_lookup);

		/* One that is changing is being added: the sequence of its directory is odd, so A3
		 * will not pass. */
		if (d_match(dentry, DCACHE_PAR_LOOKUP, parent, name, &seq) == D_SAME)
			return dentry;
	}
	return NULL;
}

void in_lookup_outdate(struct dentry *parent, const struct qstr *name)
{
	struct hash_table *table = &parent->d_dcache->in_lookup;
	struct inode *dir = d_inode_of(parent);
	uint64_t hash = table_hash(parent, name);
	const struct bucket *bucket;
	struct dentry *dentry;
	uint64_t array;

	/* Whose entry came into the bucket before is seen now; who comes later sees, in the backend, too,
	 * what the caller knows. */
	table_unlock(table, table_lock(table, hash));
	dc_read_lock();
	array = table_current(table);
	do {
		bucket = table_bucket(array, hash);
		dentry = in_lookup_find(bucket, hash, parent, name);
	} while (!dentry && table_moved_on(bucket, &array));
	if (dentry)
		d_outdate(dentry, atomic_load_explicit(&dir->i_generation, memory_order_acquire) - 1);
	dc_read_unlock();
	/* P9 */
	dir_seq_wait(dir);
}

/* A stale array will do: what has been moved from there leaves its bucket MOVED. */
static bool in_lookup_is_vacant(const struct hash_table *table, uint64_t hash)
{
	bool vacant;

	dc_read_lock();
	vacant = bucket_is_vacant(table_bucket(table_current(table), hash), hash);
	dc_read_unlock();
	return vacant;
}

void in_lookup_overtake(struct dentry *parent, const struct qstr *name)
{
	dir_seq_announce(d_inode_of(parent));
	if (!in_lookup_is_vacant(&parent->d_dcache->in_lookup, table_hash(parent, name)))
		in_lookup_outdate(parent, name);
}

void in_lookup_outdate_of(struct dentry *dentry)
{
	struct qstr name;

	if (is_root(dentry))
		return;
	name = name_of(dentry);
	in_lookup_outdate(d_parent_of(dentry), &name);
}

struct dentry *in_lookup_alloc(struct dentry *parent, const struct qstr *name,
			       const struct lookup_wait *wait)
{
	/* One that must not sleep is not to be found by its thread; a helper's is ended by this one. */
	bool nobodys = wait->how == WAIT_ASYNC && !wait->holder;
	struct wait_queue_head *own = NULL;
	struct dentry *dentry;
	int err = name_check(name);

	if (err)
		return ERR_PTR(err);
	if (!wait->wq) {
		own = wait_queue_alloc();
		if (!own)
			return ERR_PTR(-ENOMEM);
	}
	dentry = wait->how == WAIT_NEVER ? dentry_alloc_bare(parent, name)
					 : dentry_alloc(parent->d_dcache, parent, name);
	if (IS_ERR(dentry)) {
		dc_free(own);
		return dentry;
	}
	if (wait->as_old_as)
		d_outdate(dentry, atomic_load_explicit(wait->as_old_as, memory_order_acquire));
	d_change_flags(dentry, 0, DCACHE_PAR_LOOKUP | (own ? DCACHE_OWN_WAIT : 0));
	dentry->d_wait = own ? own : wait->wq;
	dentry->d_owner = nobodys ? 0 : dc_thread_id();
	lockref_set_bits(&dentry->d_lockref, LOCKREF_SLOW);
	return dentry;
}

/* It was not needed after all. */
static void in_lookup_discard(struct dentry *dentry)
{
	if (IS_ERR_OR_NULL(dentry))
		return;
	if (d_flags(dentry) & DCACHE_OWN_WAIT)
		dc_free(dentry->d_wait);
	dentry_discard(dentry);
}

/*
 * Put *@new into the in-lookup table, unless somebody else's entry is there, which is returned
 * unreferenced; NULL: *@new is there, or the sequence moved (*@moved). Makes *@new if it is needed;
 * an error of that is returned. In a read section, which it leaves and enters again.
 */
static struct dentry *in_lookup_insert(struct dentry *parent, struct inode *dir, uint32_t dir_seq,
				       const struct qstr *name, const struct lookup_wait *wait,
				       struct dentry **new, bool *moved)
{
	struct hash_table *table = &parent->d_dcache->in_lookup;
	uint64_t hash = table_hash(parent, name);
	int spins = 0;

	for (;;) {
		struct bucket *bucket = table_truth(table, hash);
		bool locked = *new && table_lock_vacant(table, bucket, hash);

		if (!locked) {
			struct dentry *dentry;
			struct bucket view;

			bucket_view(&view, bucket);
			dentry = in_lookup_find(&view, hash, parent, name);
			if (dentry)
				return dentry;
			locked = *new && table_lock_as(table, bucket, &view);
		}
		if (!*new) {
			/* The sequence tells whether what was missed before is still true. */
			dc_read_unlock();
			*new = in_lookup_alloc(parent, name, wait);
			dc_read_lock();
			if (IS_ERR(*new))
				return *new;
			continue;
		}
		if (!locked) {
			table_pause(table, bucket, &spins);
			dc_read_lock();
			continue;
		}
		DC_POINT(DC_A3, parent);
		*moved = dir_seq_read(dir) != dir_seq;
		/* From here on the entry can be seen. */
		if (!*moved)
			table_add(table, bucket, &(*new)->d_in_lookup, hash);
		table_unlock(table, bucket);
		return NULL;
	}
}

struct dentry *alloc_parallel(struct dentry *parent, const struct qstr *name,
			      struct lookup_wait *wait)
{
	struct dcache *dc = parent->d_dcache;
	struct inode *dir = d_inode_of(parent);
	struct dentry *new = NULL;
	struct dentry *result = NULL;
	unsigned int attempt = 0;
	int err = dir_check(dir);

	wait->pending = false;
	wait->shared = false;
	if (err)
		return ERR_PTR(err);

	while (!result && !wait->pending) {
		uint32_t rename_seq = read_seqcount(&dc->rename_seq);
		uint32_t dir_seq = dir_seq_read(dir);
		struct dentry *dentry;
		enum d_found found;
		bool moved = false;

		dc_read_lock();
		DC_POINT(DC_A1, parent);
		found = lookup_get(parent, name, &dentry);
		if (found != D_MISSED) {
			dc_read_unlock();
			if (found == D_FOUND || found == D_FULL) {
				result = found == D_FULL ? ERR_PTR(-EOVERFLOW) : dentry;
				break;
			}
			dput(dentry);
			dc_yield(attempt++);
			continue;
		}
		DC_POINT(DC_A2, parent);
		if (dir_seq_is_odd(dir_seq)) {
			dc_read_unlock();
			dir_seq_wait(dir);
			continue;
		}
		if (!seqcount_unchanged(&dc->rename_seq, rename_seq)) {
			/* A move may have hidden it. An exact miss is as good as one at A2. */
			dc_read_unlock();
			result = lookup_exact(parent, name);
			if (result)
				break;
			dc_read_lock();
		}
		dentry = in_lookup_insert(parent, dir, dir_seq, name, wait, &new, &moved);
		if (IS_ERR(dentry)) {
			dc_read_unlock();
			return dentry;
		}
		if (!dentry) {
			dc_read_unlock();
			if (moved)
				continue;
			tables_tend(dc);
			count_add(dc, COUNT_LOOKUPS_STARTED, 1);
			DC_PROBE_MISS(parent, name->name, name->len);
			return new;
		}
		DC_POINT(DC_A4, dentry);
		if (wait->how == WAIT_NOT) {
			dc_read_unlock();
			result = ERR_PTR(-EAGAIN);
			break;
		}
		result = join_lookup(dentry, parent, name, wait, &attempt);
	}
	in_lookup_discard(new);
	return result;
}

struct dentry *d_alloc_parallel_until(struct dentry *parent, const struct qstr *name,
				      struct wait_queue_head *wq, uint64_t deadline_ns)
{
	struct lookup_wait wait = LOOKUP_WAIT_INIT(WAIT_ASLEEP, wq);
	struct qstr prepared;
	int err = name_prepare(parent, name, &prepared);

	wait.deadline_ns = deadline_ns;
	return err ? ERR_PTR(err) : alloc_parallel(parent, &prepared, &wait);
}

struct dentry *d_alloc_parallel(struct dentry *parent, const struct qstr *name,
				struct wait_queue_head *wq)
{
	return d_alloc_parallel_until(parent, name, wq, DC_NO_DEADLINE);
}

/* ---- ending ---- */

bool lookup_overtaken(struct dentry *dentry)
{
	const struct inode *dir = d_inode_of(d_parent_of(dentry));
	uint32_t generation = atomic_fetch_add_explicit(&dentry->d_generation, 0,
							memory_order_acq_rel);

	return generation != atomic_load_explicit(&dir->i_generation, memory_order_acquire);
}

bool d_lookup_overtaken(const struct dentry *dentry)
{
	const struct inode *dir;
	uint32_t flags;
	bool overtaken;

	dc_read_lock();
	/* While it is in-lookup it stays where it is; the section keeps what it leaves. */
	dir = d_inode_of(d_parent_of(dentry));
	overtaken = dir && d_outdated(dentry, dir);
	flags = atomic_load_explicit(&dentry->d_flags, memory_order_acquire);
	dc_read_unlock();
	return (flags & DCACHE_PAR_LOOKUP) ? overtaken : (flags & DCACHE_OVERTAKEN) != 0;
}

void lookup_unhash(struct dentry *dentry, struct lookup_end *end)
{
	struct hash_table *table = &dentry->d_dcache->in_lookup;
	uint64_t hash = table_hash_of(dentry);
	struct bucket *bucket = table_lock(table, hash);

	table_del(table, bucket, &dentry->d_in_lookup, hash);
	table_unlock(table, bucket);
	end->dentry = dentry;
	end->waiters = wait_queue_take(wait_queue_of(dentry->d_wait), dentry);
	end->told = NULL;
	end->own_wait = (d_flags(dentry) & DCACHE_OWN_WAIT) ? dentry->d_wait : NULL;
	end->hashed = d_flags(dentry) & DCACHE_HASHED;
	dentry->d_nr_waiters = 0;
	dentry->d_wait = NULL;
	d_change_flags(dentry, DCACHE_PAR_LOOKUP | DCACHE_OWN_WAIT, 0);
	lockref_clear_bits(&dentry->d_lockref, LOCKREF_SLOW);
	count_add(dentry->d_dcache, COUNT_LOOKUPS_ENDED, 1);
}

void lookup_unhash_overtaken(struct dentry *dentry, bool positive, struct lookup_end *end)
{
	/* The directory may be known completely again, while this was in-lookup: directory.c, N1. */
	if (positive)
		dir_lose(d_inode_of(d_parent_of(dentry)));
	d_change_flags(dentry, 0, DCACHE_ENDED | DCACHE_OVERTAKEN);
	lookup_unhash(dentry, end);
	end->overtaken = true;
	count_add(dentry->d_dcache, COUNT_OVERTAKEN, 1);
}

void lookup_wake(struct lookup_end *end, int error, struct dentry *alias)
{
	struct wait_queue_entry *waiter = end->waiters;

	dc_free(end->own_wait);
	if (!waiter)
		return;
	DC_POINT(DC_C4, end->dentry);
	DC_PROBE_WAKE(end->dentry, error);
	end->told_end = &end->told;
	while (waiter) {
		/* Read before func: the waiter's frame may be gone after it. */
		struct wait_queue_entry *next = waiter->next;

		waiter->error = waiter->outdated ? 0 : error;
		waiter->alias = waiter->outdated ? NULL : dget(alias);
		waiter->func(waiter, end);
		waiter = next;
	}
	sleepers_wake(end->dentry);
	if (end->told)
		async_tell(end);
}

static int lookup_end(struct dentry *dentry, int error, struct dentry *alias)
{
	struct lookup_end end = LOOKUP_END_INIT;
	bool was_in_lookup;

	lockref_lock(&dentry->d_lockref);
	was_in_lookup = d_flags(dentry) & DCACHE_PAR_LOOKUP;
	if (was_in_lookup && (error || alias) && lookup_overtaken(dentry)) {
		/* Nothing of it would be cached anyway. */
		lookup_unhash_overtaken(dentry, false, &end);
	} else if (was_in_lookup) {
		lookup_unhash(dentry, &end);
		if (error || alias)
			d_change_flags(dentry, 0, DCACHE_ENDED);
	}
	lockref_unlock(&dentry->d_lockref);
	if (!was_in_lookup)
		return -EALREADY;
	lookup_wake(&end, error, alias);
	tables_tend(dentry->d_dcache);
	return 0;
}

void lookup_end_with_itself(struct dentry *dentry)
{
	lookup_end(dentry, 0, dentry);
}

void d_lookup_done(struct dentry *dentry)
{
	/* Most often it has been added: then there is nothing to do, nor a lock to take. */
	if (d_in_lookup(dentry))
		lookup_end(dentry, 0, NULL);
}

int d_lookup_fail(struct dentry *dentry, int error)
{
	if (error >= 0 || error < -MAX_ERRNO)
		return -EINVAL;
	return lookup_end(dentry, error, NULL);
}

int d_lookup_redirect(struct dentry *dentry, struct dentry *alias)
{
	if (!alias || alias == dentry || d_in_lookup(alias))
		return -EINVAL;
	if (alias->d_dcache != dentry->d_dcache)
		return -EXDEV;
	return lookup_end(dentry, 0, alias);
}

void d_lookup_detach(struct dentry *dentry)
{
	lockref_lock(&dentry->d_lockref);
	if (d_flags(dentry) & DCACHE_PAR_LOOKUP)
		dentry->d_owner = 0;
	lockref_unlock(&dentry->d_lockref);
}
