/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking up a hashed entry.
 *
 * Who may be here: any number of readers, and at the same time writers that add entries to the
 * bucket, take them out, and move them to other buckets.
 *
 *  L1	A reader that finds the entry is right: parent, name and "hashed" were true together, and
 *	d_seq proves it. Taking the reference comes after that, so it is proved once more.
 *  L2	A reader that finds nothing may be wrong only if the entry was moved to another bucket or slot, or
 *	a node of a chain that the reader stood on to another chain (bucket.h, B1). Only moves do that, and
 *	moves make rename_seq odd and then even: a miss with an unchanged even rename_seq is exact.
 *	Otherwise the search is repeated under rename_lock, where nothing moves. A hit never looks at
 *	rename_seq.
 *  L3	In a read section nobody sleeps. If the found entry's lock stays held for longer than a
 *	short spin, the section is left, the processor is yielded, and the search begins anew.
 *
 * The bucket is chosen by the name's hash and the directory's address, mixed into one word: as good as random
 * for one directory and for many. The table may be changing its size: table.c, T1.
 */
#include "internal.h"
#include "match.h"

uint64_t table_hash(const struct dentry *parent, const struct qstr *name)
{
	return table_hash_in(dcache_of(parent), parent, name->hash);
}

uint64_t table_hash_of(const struct dentry *dentry)
{
	return table_hash_in(dcache_of(dentry), d_parent_of(dentry),
			     (uint32_t)atomic_load_explicit(&dentry->d_hash_len,
							    memory_order_relaxed));
}

uint64_t entries_hash(const struct hlist_bl_node *node)
{
	return table_hash_of(container_of(node, struct dentry, d_hash));
}

uint64_t in_lookup_hash(const struct hlist_bl_node *node)
{
	return table_hash_of(container_of(node, struct dentry, d_in_lookup));
}

struct dentry *lookup_rcu(const struct dentry *parent, const struct qstr *name, uint32_t *seq)
{
	const struct dcache *dc = dcache_of(parent);
	uint64_t array = table_current(&dc->entries);
	uint64_t hash = table_hash_in(dc, parent, name->hash);
	struct bucket_search search;

	do {
		struct hlist_bl_node *node;

		bucket_for_each(node, &search, table_bucket(array, hash), hash) {
			struct dentry *dentry = container_of(node, struct dentry, d_hash);

			if (d_match(dentry, DCACHE_HASHED, parent, name, seq) == D_SAME)
				return dentry;
		}
	} while (table_moves_on(search.last, &array));
	return NULL;
}

/* Of any name, and wherever it is. */
static DC_NOINLINE struct dentry *lookup_rcu_any(const struct dentry *parent,
						 const struct qstr *name, uint32_t *seq)
{
	struct qstr prepared;

	return name_prepare(parent, name, &prepared) ? NULL : lookup_rcu(parent, &prepared, seq);
}

static DC_ALWAYS_INLINE struct dentry *lookup_rcu_plain(const struct dcache *dc,
							const struct dentry *parent,
							const struct qstr *name, uint32_t hash,
							uint32_t *seq)
{
	struct dentry *dentry;
	struct hit hit;
	bool missed;

	dentry = find_plain(dc, parent, name->name, (uint64_t)name->len << 32 | hash, false, &hit,
			    &missed);
	if (dc_likely(dentry)) {
		*seq = hit.seq;
		return dentry;
	}
	return missed ? NULL : lookup_rcu_any(parent, name, seq);
}

/* A hash that takes more registers than there are without saving some. */
static DC_NOINLINE struct dentry *lookup_rcu_longer(const struct dentry *parent,
						    const struct qstr *name, uint32_t *seq)
{
	const struct dcache *dc = dcache_of(parent);

	return lookup_rcu_plain(dc, parent, name, plain_hash(dc, parent, name), seq);
}

struct dentry *d_lookup_rcu(const struct dentry *parent, const struct qstr *name, uint32_t *seq)
{
	const struct dcache *dc = dcache_of(parent);
	uint32_t hash = name->hash;

	if (!name_is_plain(dc, parent, name))
		return lookup_rcu_any(parent, name, seq);
	if (hash)
		hash_check(parent, name);
	else if (dc_likely(name->len <= WINDOWS_LEN))
		hash = hash_bytes(dc, name->name, name->len);
	else
		return lookup_rcu_longer(parent, name, seq);
	return lookup_rcu_plain(dc, parent, name, hash, seq);
}

bool d_seq_retry(const struct dentry *dentry, uint32_t seq)
{
	return !seqcount_unchanged(&dentry->d_seq, seq);
}

bool dget_rcu(struct dentry *dentry, uint32_t seq)
{
	bool got;

	/* Under the lock, so that no reference is taken that would have to be put in here. */
	if (!lockref_trylock_spinning(&dentry->d_lockref))
		return false;
	got = lockref_count(&dentry->d_lockref) >= 0 &&
	      !lockref_is_full(&dentry->d_lockref) &&
	      seqcount_unchanged(&dentry->d_seq, seq);
	if (got)
		lockref_add_locked(&dentry->d_lockref, 1);
	lockref_unlock(&dentry->d_lockref);
	return got;
}

/* Search one bucket. @trying: as lookup_try(). */
static enum d_found bucket_get(struct bucket_search *search, const struct bucket *bucket,
			       uint64_t hash, struct dentry *parent, const struct qstr *name,
			       bool trying, struct dentry **found)
{
	struct hlist_bl_node *node;
	int spins = 0;

	bucket_for_each(node, search, bucket, hash) {
		struct dentry *dentry = container_of(node, struct dentry, d_hash);
		enum d_match match;
		uint32_t seq;

		while ((match = d_match(dentry, DCACHE_HASHED, parent, name, &seq)) ==
		       D_UNSTABLE) {
			if (spins++ == DC_SPIN_LIMIT)
				return D_BUSY;
			dc_spin_hint();
		}
		if (match == D_OTHER)
			continue;
		if (trying) {
			if (!dget_rcu(dentry, seq))
				return D_BUSY;
			*found = dentry;
			return D_FOUND;
		}
		switch (lockref_tryget(&dentry->d_lockref)) {
		case LOCKREF_BUSY:
			return D_BUSY;
		case LOCKREF_GONE:
			/* It is being killed: about to be unhashed, so no longer there. */
			continue;
		case LOCKREF_FULL:
			return seqcount_unchanged(&dentry->d_seq, seq) ? D_FULL : D_BUSY;
		case LOCKREF_GOT:
			*found = dentry;
			return seqcount_unchanged(&dentry->d_seq, seq) ? D_FOUND : D_BUSY;
		}
	}
	return D_MISSED;
}

static enum d_found table_get(struct dentry *parent, const struct qstr *name, bool trying,
			      struct dentry **found)
{
	const struct dcache *dc = dcache_of(parent);
	uint64_t array = table_current(&dc->entries);
	uint64_t hash = table_hash_in(dc, parent, name->hash);
	struct bucket_search search;

	*found = NULL;
	do {
		enum d_found result = bucket_get(&search, table_bucket(array, hash), hash, parent,
						 name, trying, found);

		if (result != D_MISSED)
			return result;
	} while (table_moves_on(search.last, &array));
	return D_MISSED;
}

enum d_found lookup_get(struct dentry *parent, const struct qstr *name, struct dentry **found)
{
	return table_get(parent, name, false, found);
}

enum d_found lookup_try(struct dentry *parent, const struct qstr *name, struct dentry **found)
{
	return table_get(parent, name, true, found);
}

/* Of any prepared name, and as often as it takes. */
static DC_NOINLINE struct dentry *lookup_exact_any(struct dentry *parent, const struct qstr *name)
{
	struct dcache *dc = parent->d_dcache;
	unsigned int attempt = 0;
	bool excluding_moves = false;

	for (;;) {
		uint32_t rename_seq = read_seqcount(&dc->rename_seq);
		struct dentry *dentry;
		enum d_found result;
		bool exact;

		dc_read_lock();
		result = lookup_get(parent, name, &dentry);
		dc_read_unlock();
		exact = excluding_moves || seqcount_unchanged(&dc->rename_seq, rename_seq);
		if (excluding_moves)
			dc_unlock(&dc->rename_lock);
		excluding_moves = false;
		if (result == D_FULL)
			dentry = ERR_PTR(-EOVERFLOW);
		if (result == D_FOUND || result == D_FULL || (result == D_MISSED && exact)) {
			DC_PROBE_LOOKUP(parent, name->name, name->len, dentry);
			return dentry;
		}
		if (result == D_BUSY) {
			dput(dentry);
			dc_yield(attempt++);
		} else {
			dc_lock(&dc->rename_lock);
			excluding_moves = true;
		}
	}
}

/* The same of a plain one, if there is nothing in the way. False: there is. */
static DC_ALWAYS_INLINE bool lookup_exact_plain(const struct dcache *dc, struct dentry *parent,
						const char *name, uint64_t hash_len,
						struct dentry **found)
{
	uint32_t rename_seq = read_seqcount(&dc->rename_seq);
	struct hit hit;
	struct dentry *dentry;
	bool missed, got, unchanged;

	dc_read_lock();
	dentry = find_plain(dc, parent, name, hash_len, false, &hit, &missed);
	got = dentry && lockref_tryget_once(&dentry->d_lockref);
	unchanged = got && seqcount_unchanged(&dentry->d_seq, hit.seq);
	dc_read_unlock();
	if (dc_unlikely(!unchanged)) {
		if (got)
			dput(dentry);
		if (dentry || !missed || !seqcount_unchanged(&dc->rename_seq, rename_seq))
			return false;
	}
	DC_PROBE_LOOKUP(parent, name, (uint32_t)(hash_len >> 32), dentry);
	*found = dentry;
	return true;
}

struct dentry *lookup_exact(struct dentry *parent, const struct qstr *name)
{
	const struct dcache *dc = dcache_of(parent);
	struct dentry *dentry;

	if (name_is_plain(dc, parent, name) &&
	    lookup_exact_plain(dc, parent, name->name, (uint64_t)name->len << 32 | name->hash,
			       &dentry))
		return dentry;
	return lookup_exact_any(parent, name);
}

static DC_NOINLINE struct dentry *d_lookup_any(struct dentry *parent, const struct qstr *name)
{
	struct dentry *dentry;
	struct qstr prepared;

	if (name_prepare(parent, name, &prepared))
		return NULL;
	dentry = lookup_exact_any(parent, &prepared);
	return IS_ERR(dentry) ? NULL : dentry;
}

struct dentry *d_lookup(struct dentry *parent, const struct qstr *name)
{
	const struct dcache *dc = dcache_of(parent);
	struct dentry *dentry;

	if (name_is_plain(dc, parent, name) &&
	    lookup_exact_plain(dc, parent, name->name,
			       (uint64_t)name->len << 32 | plain_hash(dc, parent, name), &dentry))
		return dentry;
	return d_lookup_any(parent, name);
}

struct dentry *d_hash_and_lookup(struct dentry *parent, struct qstr *name)
{
	int err = d_hash_name(parent, name);

	return err ? ERR_PTR(err) : lookup_exact(parent, name);
}
