/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names: checking, hashing, storing, comparing.
 *
 * The hash of a name (match.h) is keyed by a secret of the instance, drawn from the kernel's random
 * numbers, so that names chosen to collide in one instance do not in another. It does not depend on
 * the directory, which is mixed in when a bucket is chosen.
 *
 * A name of up to DNAME_INLINE_LEN bytes lies in the entry, as zero-padded 64-bit words, which are
 * atomics: a move rewrites them while lookups without a lock compare them. Whoever reads them so
 * checks d_seq afterwards and, before trusting the bytes to anybody else's code (d_compare),
 * makes a copy. A longer name is immutable in a block of its own, counted by the entries that bear
 * it, and the snapshots taken of it, and freed after a grace period; its address is followed only
 * after d_seq has been checked, since until then it may be the first bytes of a short name. A
 * snapshot takes its reference in a read section, and never the first: a name that all have let go of
 * is on its way to be freed, and its entry, meanwhile, bears another.
 */
#include <string.h>

#include "internal.h"
#include "match.h"

_Static_assert(NAME_SECRET_SIZE >= XXH3_SECRET_SIZE_MIN, "XXH3 takes this much of the secret");

/* SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014). */
static uint64_t split_mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t number_hash(const struct dcache *dc, uint64_t number)
{
	return XXH3_64bits_withSecret(&number, sizeof(number), dc->name_secret, NAME_SECRET_SIZE);
}

int name_secret_init(struct dcache *dc, uint64_t seed)
{
	size_t i;
	int err = seed ? 0 : dc_random(dc->name_secret, sizeof(dc->name_secret));

	if (err)
		return err;
	for (i = 0; seed && i < NAME_SECRET_SIZE / 8; i++)
		dc->name_secret[i] = split_mix(&seed);
	for (i = 0; i < 2; i++)
		dc->entries.key[i] = number_hash(dc, i);
	return 0;
}

uint32_t hash_long(const struct dcache *dc, const void *bytes, size_t len)
{
	return hash_fold(XXH3_64bits_withSecret(bytes, len, dc->name_secret, NAME_SECRET_SIZE));
}

uint32_t full_name_hash(const struct dentry *dir, const void *bytes, size_t len)
{
	const struct dcache *dc = dir->d_dcache;

	/* What a d_hash makes of a name may be nothing. */
	return len ? hash_bytes(dc, bytes, len) : hash_long(dc, bytes, 0);
}

static int name_length_check(const struct qstr *name)
{
	if (!name->len || !name->name)
		return -EINVAL;
	return name->len > DCACHE_NAME_MAX ? -ENAMETOOLONG : 0;
}

int name_check(const struct qstr *name)
{
	int err = name_length_check(name);

	if (!err && (memchr(name->name, '/', name->len) || memchr(name->name, 0, name->len)))
		err = -EINVAL;
	return err;
}

int name_hash(const struct dentry *parent, struct qstr *name)
{
	const struct dcache *dc = dcache_of(parent);

	if (has_own_names(dc, parent) && (d_flags(parent) & DCACHE_OP_HASH)) {
		int err = parent->d_op->d_hash(parent, name);

		if (err)
			return err;
		if (!name->hash)
			name->hash = 1;
		return 0;
	}
	name->hash = hash_bytes(dc, name->name, name->len);
	return 0;
}

int name_prepare(const struct dentry *parent, const struct qstr *name, struct qstr *out)
{
	int err = name_length_check(name);

	if (err)
		return err;
	*out = *name;
	if (!out->hash)
		return name_hash(parent, out);
	hash_check(parent, out);
	return 0;
}

int d_hash_name(const struct dentry *parent, struct qstr *name)
{
	int err = name_check(name);

	return err ? err : name_hash(parent, name);
}

/* ---- storing ---- */

static struct external_name *external_at(uint64_t word)
{
	return (struct external_name *)(uintptr_t)word;
}

static void hash_len_set(struct dentry *dentry, uint32_t hash, uint32_t len)
{
	atomic_store_explicit(&dentry->d_hash_len, (uint64_t)hash | (uint64_t)len << 32,
			      memory_order_release);
}

static uint32_t len_of(const struct dentry *dentry)
{
	return (uint32_t)(atomic_load_explicit(&dentry->d_hash_len, memory_order_acquire) >> 32);
}

struct external_name *name_external(const struct dentry *dentry)
{
	if (len_of(dentry) <= DNAME_INLINE_LEN)
		return NULL;
	return external_at(atomic_load_explicit(&dentry->d_iname[0], memory_order_acquire));
}

static size_t external_size(uint32_t len)
{
	return sizeof(struct external_name) + len + 1;
}

int name_set(struct dentry *dentry, const struct qstr *name)
{
	const char *at = name->name;
	uint32_t left = name->len;
	int i;

	if (left > DNAME_INLINE_LEN) {
		struct external_name *ext = dc_alloc(external_size(left), 1);

		if (!ext)
			return -ENOMEM;
		atomic_init(&ext->refs, 1);
		ext->len = left;
		ext->waits = false;
		ext->dcache = dentry->d_dcache;
		memcpy(ext->name, at, left);
		ext->name[left] = 0;
		dcache_account(ext->dcache, (int64_t)external_size(left));
		atomic_init(&dentry->d_iname[0], (uint64_t)(uintptr_t)ext);
		for (i = 1; i < DNAME_INLINE_WORDS; i++)
			atomic_init(&dentry->d_iname[i], 0);
	} else {
		for (i = 0; i < DNAME_INLINE_WORDS; i++) {
			uint64_t word = left >= 8 ? load_word(at) : left ? load_tail(at, left) : 0;
			uint32_t taken = left >= 8 ? 8 : left;

			atomic_init(&dentry->d_iname[i], word);
			at += taken;
			left -= taken;
		}
	}
	atomic_init(&dentry->d_hash_len, (uint64_t)name->hash | (uint64_t)name->len << 32);
	return 0;
}

void name_discard(const struct dentry *dentry)
{
	struct external_name *ext = name_external(dentry);

	if (!ext)
		return;
	dcache_account(ext->dcache, -(int64_t)external_size(ext->len));
	dc_free(ext);
}

static void external_name_free(struct reclaim_head *head)
{
	struct external_name *ext = container_of(head, struct external_name, rcu);

	account_waited(ext->dcache, external_size(ext->len));
	dc_free(ext);
}

void external_name_put(struct external_name *ext)
{
	if (ext && atomic_fetch_sub_explicit(&ext->refs, 1, memory_order_acq_rel) == 1) {
		if (!ext->waits)
			account_waits(ext->dcache, external_size(ext->len));
		dc_call_rcu(&ext->dcache->reclaim, &ext->rcu, external_name_free);
	}
}

void name_waits(const struct dentry *dentry)
{
	struct external_name *ext = name_external(dentry);

	/* Nobody takes it from a dead entry: who has it alone keeps it alone. */
	if (ext && atomic_load_explicit(&ext->refs, memory_order_acquire) == 1) {
		ext->waits = true;
		account_waits(ext->dcache, external_size(ext->len));
	}
}

struct external_name *name_take(struct dentry *to, const struct dentry *from)
{
	struct external_name *had = name_external(to);
	struct external_name *takes = name_external(from);
	uint64_t hash_len = atomic_load_explicit(&from->d_hash_len, memory_order_relaxed);
	int i;

	if (takes)
		atomic_fetch_add_explicit(&takes->refs, 1, memory_order_relaxed);
	for (i = 0; i < DNAME_INLINE_WORDS; i++)
		atomic_store_explicit(&to->d_iname[i],
				      atomic_load_explicit(&from->d_iname[i], memory_order_relaxed),
				      memory_order_release);
	hash_len_set(to, (uint32_t)hash_len, (uint32_t)(hash_len >> 32));
	return had;
}

static void swap_words(_Atomic uint64_t *a, _Atomic uint64_t *b)
{
	uint64_t word = atomic_load_explicit(a, memory_order_relaxed);

	atomic_store_explicit(a, atomic_load_explicit(b, memory_order_relaxed),
			      memory_order_release);
	atomic_store_explicit(b, word, memory_order_release);
}

void name_swap(struct dentry *a, struct dentry *b)
{
	int i;

	/* Names of their own go with the words, each with the reference that its entry has. */
	for (i = 0; i < DNAME_INLINE_WORDS; i++)
		swap_words(&a->d_iname[i], &b->d_iname[i]);
	swap_words(&a->d_hash_len, &b->d_hash_len);
}

/* ---- reading ---- */

struct qstr name_of(const struct dentry *dentry)
{
	const struct external_name *ext = name_external(dentry);
	uint64_t hash_len = atomic_load_explicit(&dentry->d_hash_len, memory_order_acquire);
	struct qstr name = {
		.name = ext ? ext->name : (const char *)dentry->d_iname,
		.len = (uint32_t)(hash_len >> 32),
		.hash = (uint32_t)hash_len,
	};

	return name;
}

struct qstr d_name(const struct dentry *dentry)
{
	return name_of(dentry);
}

int name_copy_rcu(const struct dentry *dentry, uint32_t seq, char *buf)
{
	uint32_t len = len_of(dentry);
	uint64_t words[DNAME_INLINE_WORDS];
	int i;

	for (i = 0; i < DNAME_INLINE_WORDS; i++)
		words[i] = atomic_load_explicit(&dentry->d_iname[i], memory_order_acquire);
	if (!seqcount_unchanged(&dentry->d_seq, seq))
		return -1;
	memcpy(buf, len > DNAME_INLINE_LEN ? external_at(words[0])->name : (const char *)words, len);
	return (int)len;
}

_Static_assert(sizeof(((struct name_snapshot *)0)->inline_name) == DNAME_INLINE_LEN,
	       "a snapshot holds an inline name");

/* A reference that keeps the name. False: the last is gone, and so will the name be, after the read
 * section. */
static bool external_name_tryget(struct external_name *ext)
{
	uint32_t refs = atomic_load_explicit(&ext->refs, memory_order_relaxed);

	while (refs) {
		if (atomic_compare_exchange_strong_explicit(&ext->refs, &refs, refs + 1,
							    memory_order_acquire,
							    memory_order_relaxed))
			return true;
	}
	return false;
}

/* In a read section. False: the name changed meanwhile. */
static bool snapshot_take(struct name_snapshot *snapshot, const struct dentry *dentry)
{
	uint32_t seq = read_seqcount(&dentry->d_seq);
	uint64_t hash_len = atomic_load_explicit(&dentry->d_hash_len, memory_order_acquire);
	uint64_t words[DNAME_INLINE_WORDS];
	struct external_name *ext;
	int i;

	for (i = 0; i < DNAME_INLINE_WORDS; i++)
		words[i] = atomic_load_explicit(&dentry->d_iname[i], memory_order_acquire);
	if (!seqcount_unchanged(&dentry->d_seq, seq))
		return false;
	snapshot->external = NULL;
	snapshot->name.hash = (uint32_t)hash_len;
	snapshot->name.len = (uint32_t)(hash_len >> 32);
	if (snapshot->name.len <= DNAME_INLINE_LEN) {
		memcpy(snapshot->inline_name, words, sizeof(words));
		snapshot->name.name = snapshot->inline_name;
		return true;
	}
	ext = external_at(words[0]);
	if (!external_name_tryget(ext))
		return false;
	snapshot->external = ext;
	snapshot->name.name = ext->name;
	return true;
}

void take_dentry_name_snapshot(struct name_snapshot *snapshot, const struct dentry *dentry)
{
	unsigned int attempt = 0;
	bool taken;

	for (;;) {
		dc_read_lock();
		taken = snapshot_take(snapshot, dentry);
		dc_read_unlock();
		if (taken)
			return;
		dc_yield(attempt++);
	}
}

void release_dentry_name_snapshot(struct name_snapshot *snapshot)
{
	external_name_put(snapshot->external);
	snapshot->external = NULL;
}

bool name_is(const struct dentry *dentry, const struct dentry *dir, const struct qstr *name)
{
	struct qstr own = name_of(dentry);

	if (d_flags(dir) & DCACHE_OP_COMPARE)
		return !dir->d_op->d_compare(dir, own.len, own.name, name);
	return own.len == name->len && !memcmp(own.name, name->name, own.len);
}

/* The lock-free side of a lookup: compare, then see whether it held still. */
enum d_match d_match(const struct dentry *dentry, uint32_t state, const struct dentry *parent,
		     const struct qstr *name, uint32_t *seqp)
{
	uint64_t hash_len = atomic_load_explicit(&dentry->d_hash_len, memory_order_acquire);
	uint32_t seq;
	bool same;

	/* A stranger, mostly: its name's hash tells without looking at anything else. */
	if ((uint32_t)hash_len != name->hash)
		return D_OTHER;
	seq = read_seqcount(&dentry->d_seq);
	if (seq & 1)
		return D_UNSTABLE;
	*seqp = seq;
	if (atomic_load_explicit(&dentry->d_parent, memory_order_acquire) != parent ||
	    !(atomic_load_explicit(&dentry->d_flags, memory_order_acquire) & state))
		return seqcount_unchanged(&dentry->d_seq, seq) ? D_OTHER : D_UNSTABLE;

	if (d_flags(parent) & DCACHE_OP_COMPARE) {
		char copy[DCACHE_NAME_MAX];
		int len = name_copy_rcu(dentry, seq, copy);

		if (len < 0)
			return D_UNSTABLE;
		same = !parent->d_op->d_compare(parent, (unsigned int)len, copy, name);
	} else {
		hash_len = atomic_load_explicit(&dentry->d_hash_len, memory_order_acquire);
		if ((uint32_t)(hash_len >> 32) != name->len) {
			same = false;
		} else if (name->len <= DNAME_INLINE_LEN) {
			same = iname_equal(dentry, name->name, name->len);
		} else {
			uint64_t word = atomic_load_explicit(&dentry->d_iname[0],
							     memory_order_acquire);

			if (!seqcount_unchanged(&dentry->d_seq, seq))
				return D_UNSTABLE;
			same = !memcmp(external_at(word)->name, name->name, name->len);
		}
	}
	if (!seqcount_unchanged(&dentry->d_seq, seq))
		return D_UNSTABLE;
	return same ? D_SAME : D_OTHER;
}
