/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a hit consists of, for the few functions that are one: the hash of a name, its bucket, and the
 * comparison with the entry that is there (name.c, lookup.c). Others call d_match() and the like.
 *
 * All of it is meant to stay in registers, and in those that need not be saved. So it takes a name as its
 * bytes, and hash and length as they are in the entry, in one word; and it calls nothing, but leaves to the
 * general functions whatever is not usual.
 */
#ifndef DCACHE_MATCH_H
#define DCACHE_MATCH_H

#include <string.h>

/* Of XXH3_64bits_withSecret() one part, by its own name, which Debian's and later versions of the header have.
 * What it returns need not be the same as that of the whole: all hashes of names are made here. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "internal.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#pragma GCC visibility push(hidden)

/* ---- words ---- */

static DC_ALWAYS_INLINE uint64_t load_word(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* The last @len, 1 .. 7, bytes at @at as a zero-padded word. */
static DC_ALWAYS_INLINE uint64_t load_tail(const char *at, uint32_t len)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint32_t low, high;

	if (len >= 4) {
		memcpy(&low, at, 4);
		memcpy(&high, at + len - 4, 4);
		return (uint64_t)low | (uint64_t)high << (8 * (len - 4));
	}
	return (uint64_t)(unsigned char)at[0] |
	       (uint64_t)(unsigned char)at[len / 2] << (8 * (len / 2)) |
	       (uint64_t)(unsigned char)at[len - 1] << (8 * (len - 1));
#else
	uint64_t word = 0;

	memcpy(&word, at, len);
	return word;
#endif
}

/* The last word, zero-padded, of a name of @len bytes, at least one. */
static DC_ALWAYS_INLINE uint64_t load_last(const char *name, uint32_t len)
{
	if (dc_unlikely(len < 8))
		return load_tail(name, len);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return load_word(name + len - 8) >> (8 * (-len & 7));
#else
	return load_word(name + len - 8) << (8 * (-len & 7));
#endif
}

/*
 * A name of up to 24 bytes, as three words of its bytes, which may overlap: so all lengths are the same to a
 * processor, but for those below eight, of which all three are the one zero-padded word.
 */
#define WINDOWS_LEN 24u

struct windows {
	uint64_t first, second, last;
	uint32_t second_at, last_at; /* in bytes */
};

static DC_ALWAYS_INLINE struct windows windows_of(const char *name, uint32_t len)
{
	struct windows words;

	if (dc_likely(len >= 8)) {
		words.last_at = len - 8;
		words.second_at = words.last_at < 8 ? words.last_at : 8;
		words.first = load_word(name);
		words.second = load_word(name + words.second_at);
		words.last = load_word(name + words.last_at);
	} else {
		words.last_at = words.second_at = 0;
		words.first = words.second = words.last = load_tail(name, len);
	}
	return words;
}

/* How many bytes are there from @at to the first '/', or to @end? */
static DC_ALWAYS_INLINE uint32_t length_until_slash(const char *at, const char *end)
{
	const char *from = at;

#ifdef __SSE2__
	const __m128i slashes = _mm_set1_epi8('/');

	while (dc_likely(end - at >= 16)) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
		uint32_t found = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, slashes));

		if (dc_likely(found))
			return (uint32_t)(at - from) + (uint32_t)__builtin_ctz(found);
		at += 16;
	}
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	while (at < end) {
		const uint64_t ones = 0x0101010101010101u;
		uint64_t word = end - at >= 8 ? load_word(at) : load_tail(at, (uint32_t)(end - at));
		uint64_t found;

		/* The lowest that is set is right: a byte borrows of those above it. */
		word ^= ones * '/';
		found = (word - ones) & ~word & ones << 7;
		if (found)
			return (uint32_t)(at - from) + (uint32_t)__builtin_ctzll(found) / 8;
		at += 8;
	}
	return (uint32_t)(end - from);
#else
	while (at < end && *at != '/')
		at++;
	return (uint32_t)(at - from);
#endif
}

/* ---- hashes ---- */

static DC_ALWAYS_INLINE uint32_t hash_fold(uint64_t hash)
{
	return dc_likely((uint32_t)hash) ? (uint32_t)hash : 1;
}

/* Both halves of a product, each bit of which both numbers have a part in: this is how W. Yi's wyhash, 2019, and
 * XXH3 mix two words. */
static DC_ALWAYS_INLINE uint64_t fold_product(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 product = a;

	product *= b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Keyed as XXH3 is, by the secret's words, but without a way of its own for each of several lengths, between
 * which a processor would have to guess. */
static DC_ALWAYS_INLINE uint32_t hash_windows(const struct dcache *dc, const struct windows *name,
					      size_t len)
{
	const uint64_t *key = dc->name_secret;
	uint64_t hash = fold_product(name->first ^ key[0], name->last ^ key[1]) ^
			fold_product(name->second ^ key[2], len ^ key[3]);

	return hash_fold(hash ^ hash >> 32);
}

/* name.c: of more than 128 bytes. */
uint32_t hash_long(const struct dcache *dc, const void *bytes, size_t len);

static DC_ALWAYS_INLINE uint32_t hash_bytes(const struct dcache *dc, const void *bytes, size_t len)
{
	if (dc_likely(len <= WINDOWS_LEN)) {
		struct windows name = windows_of(bytes, (uint32_t)len);

		return hash_windows(dc, &name, len);
	}
	if (len > 128)
		return hash_long(dc, bytes, len);
	return hash_fold(XXH3_len_17to128_64b(bytes, len, (const void *)dc->name_secret,
					      NAME_SECRET_SIZE, 0));
}

/*
 * Directory and name, mixed. Addresses are at regular distances, and so would be products with one name: the
 * directory is spread first, and is in both factors. Keyed, as names are: who can make directories cannot choose
 * those in which one name comes into one bucket.
 */
static DC_ALWAYS_INLINE uint64_t table_hash_in(const struct dcache *dc, const struct dentry *parent,
					       uint32_t hash)
{
	uint64_t dir = (dir_number(parent) ^ dc->entries.key[0]) * 0x9e3779b97f4a7c15u;

	return fold_product(dir ^ hash, dir ^ dc->entries.key[1]);
}

/* name.c */
int name_hash(const struct dentry *parent, struct qstr *name);

/* A hash that is there already is the right one. */
static DC_ALWAYS_INLINE void hash_check(const struct dentry *parent, const struct qstr *name)
{
#ifdef DCACHE_DEBUG
	struct qstr again = *name;

	DC_RULE("struct qstr: the hash is 0 or d_hash_name()'s",
		name_hash(parent, &again) || again.hash == name->hash);
#else
	(void)parent;
	(void)name;
#endif
}

/* ---- comparing ---- */

#ifdef BUCKET_VECTORS
/*
 * The same words of an entry's name. C does not know such loads of atomics. A word may be of two moments, since
 * it may lie in two; then d_seq has changed. That is seen, for x86-64 does not let the load of d_seq pass these
 * loads, and the signal fence keeps the compiler from it.
 */
static DC_ALWAYS_INLINE bool iname_equal_windows(const struct dentry *dentry, const char *name,
						 uint32_t len)
{
	const char *iname = (const char *)dentry->d_iname;
	struct windows own = windows_of(name, len);
	uint64_t differ = (own.first ^ load_word(iname)) |
			  (own.second ^ load_word(iname + own.second_at)) |
			  (own.last ^ load_word(iname + own.last_at));

	atomic_signal_fence(memory_order_acquire);
	return !differ;
}
#endif

/* Of at least one byte. The last word first: more names are the same in the beginning. */
static DC_ALWAYS_INLINE bool iname_equal(const struct dentry *dentry, const char *name,
					 uint32_t len)
{
	uint32_t last = (len - 1) / 8;

#ifdef BUCKET_VECTORS
	if (dc_likely(len <= WINDOWS_LEN))
		return iname_equal_windows(dentry, name, len);
#endif
	if (atomic_load_explicit(&dentry->d_iname[last], memory_order_acquire) !=
	    load_last(name, len))
		return false;
	while (last--) {
		if (atomic_load_explicit(&dentry->d_iname[last], memory_order_acquire) !=
		    load_word(name + 8 * (size_t)last))
			return false;
	}
	return true;
}

/* Does the directory hash or compare names by itself? Reads it only if some do. */
static DC_ALWAYS_INLINE bool has_own_names(const struct dcache *dc, const struct dentry *dir)
{
	return dc_unlikely(atomic_load_explicit(&dc->own_names, memory_order_relaxed)) &&
	       (d_flags(dir) & (DCACHE_OP_HASH | DCACHE_OP_COMPARE));
}

/* May what is below be used? Not where the directory has operations of its own, or the name would not lie in
 * the entry, or is none: the general functions know about all that. */
static DC_ALWAYS_INLINE bool name_is_plain(const struct dcache *dc, const struct dentry *parent,
					   const struct qstr *name)
{
	return dc_likely(name->len - 1 < DNAME_INLINE_LEN && name->name &&
			 !has_own_names(dc, parent));
}

static DC_ALWAYS_INLINE uint32_t plain_hash(const struct dcache *dc, const struct dentry *parent,
					    const struct qstr *name)
{
	if (!name->hash)
		return hash_bytes(dc, name->name, name->len);
	hash_check(parent, name);
	return name->hash;
}

/* What was found by its name, as of @seq. */
struct hit {
	uint32_t seq;
	uint32_t flags;
};

/*
 * d_match() == D_SAME, of a plain name and a hashed entry. False says nothing.
 *
 * The order is that of d_match(): the sequence number, what it covers, and the number again.
 */
static DC_ALWAYS_INLINE bool d_hits(const struct dentry *dentry, const struct dentry *parent,
				    const char *name, uint64_t hash_len, struct hit *hit)
{
	hit->seq = read_seqcount(&dentry->d_seq);
	if (dc_unlikely(atomic_load_explicit(&dentry->d_hash_len, memory_order_acquire) !=
			hash_len) ||
	    dc_unlikely(atomic_load_explicit(&dentry->d_parent, memory_order_acquire) != parent))
		return false;
	hit->flags = atomic_load_explicit(&dentry->d_flags, memory_order_acquire);
	return dc_likely(hit->flags & DCACHE_HASHED) &&
	       dc_likely(iname_equal(dentry, name, (uint32_t)(hash_len >> 32))) &&
	       dc_likely(seqcount_unchanged(&dentry->d_seq, hit->seq));
}

/*
 * The entry of a plain name if it is where nearly all are: in the first slot with the tag. NULL: search as
 * ever; but if *@missed, that has been done, and there is none. In a read section.
 *
 * @home: look at its home first. That is for who needs the answer to know what to do next, and so waits for
 * each step of it: two of three times there are fewer of them. Others would do better with what is foretold
 * wrongly the third time.
 */
static DC_ALWAYS_INLINE struct dentry *find_plain(const struct dcache *dc,
						  const struct dentry *parent, const char *name,
						  uint64_t hash_len, bool home, struct hit *hit,
						  bool *missed)
{
	uint64_t array = table_current(&dc->entries);
	uint64_t hash = table_hash_in(dc, parent, (uint32_t)hash_len);
	const struct bucket *bucket = table_bucket(array, hash);
	struct hlist_bl_node *node;
	uint64_t word = 0;

	*missed = false;
	if (home)
		word = atomic_load_explicit(&bucket->slots[bucket_home(hash)],
					    memory_order_acquire);
	if (!home || !dc_likely((word ^ hash) < (uint64_t)1 << 48)) {
		uint32_t slots = bucket_tagged(bucket, hash);

		if (dc_unlikely(!slots)) {
			/* Neither a chain, nor MOVED: in one look, after the slots (table.h). */
			word = atomic_load_explicit(&bucket->chain.first, memory_order_acquire);
			*missed = !(word & ~(HLIST_BL_LOCKED | HLIST_BL_SLEEPERS));
			return NULL;
		}
		word = bucket_first_word(bucket, slots);
	}
	node = hlist_bl_node_of(word & ~BUCKET_TAG);
	if (dc_likely(node)) {
		struct dentry *dentry = container_of(node, struct dentry, d_hash);

		if (d_hits(dentry, parent, name, hash_len, hit))
			return dentry;
	}
	return NULL;
}

#pragma GCC visibility pop

#endif /* DCACHE_MATCH_H */
