/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hash bucket: one cache line.
 *
 * Its first word is the lock, and leads to a chain (hlist_bl.h). The others are slots: a node's address
 * and, in the sixteen bits that addresses do not need (sync/slab.h), a tag, which is bits of the node's hash
 * that have no part in choosing the bucket. A search reads the line and goes to those nodes alone whose tag
 * is right; so it meets a stranger once in some ten thousand times, and a miss reads nothing else. A node
 * goes into a free slot, its home if that is one (bucket_home()), or if there is none to the front of the
 * chain, and stays in that place until it is taken out. So two of three are at home, and whoever looks there
 * first need not wait for the comparison of all.
 *
 * Readers search in a read section, without the lock; slots are stored with release and loaded with
 * acquire. So
 *
 *  B1	a reader sees every node that is there throughout, unless a node of the chain that it stands
 *	on is put on another chain meanwhile (hlist_bl.h);
 *  B2	a reader who finds all words of the bucket as they were, in the same read section and now with the
 *	lock held, knows that what is there is what it has seen, provided that no node comes back within
 *	a grace period.
 *
 * Of a node that is found in a slot the @next is of no account: it may be from a chain of before.
 *
 * Where there are vectors of 16 bytes, the tags are compared all at once (bucket_tagged_by_vectors()). C
 * does not know such loads of atomics; the processor does, and what is relied on is little:
 *
 *  B3	A slot is eight bytes at a multiple of eight, and so half of an aligned vector. x86-64 reads each
 *	half whole, so a tag is never one that the slot did not have.
 *  B4	What the vector says is a hint where to look: a slot with the tag is loaded anew, with
 *	acquire, and what it leads to is looked at as ever.
 *  B5	What it does not say counts: that no other slot had the tag. Nothing that is loaded after it, above
 *	all the head's word (table.h), may be older. x86-64 does not let loads pass one another, and the
 *	signal fence keeps the compiler from it.
 */
#ifndef DCACHE_BUCKET_H
#define DCACHE_BUCKET_H

#include "hlist_bl.h"

#if defined(__SSE2__) && defined(__x86_64__) && !defined(DCACHE_MODEL) && !defined(DC_TSAN)
#define BUCKET_VECTORS 1
#include <emmintrin.h>
#endif

#pragma GCC visibility push(hidden)

/* The controlled scheduler has fewer: fewer states, and chains. */
#ifndef BUCKET_SLOTS
#define BUCKET_SLOTS 7u
#endif

struct bucket {
	struct hlist_bl_head chain;
	_Atomic uint64_t slots[BUCKET_SLOTS];
} __attribute__((aligned(16))); /* copies, too (bucket_view()): B3 */

_Static_assert(BUCKET_SLOTS != 7 || sizeof(struct bucket) == 64, "a bucket is a cache line");

#define BUCKET_TAG ((uint64_t)0xffff << 48)

static inline struct hlist_bl_node *bucket_slot(const struct bucket *bucket, unsigned int i)
{
	return hlist_bl_node_of(atomic_load_explicit(&bucket->slots[i], memory_order_acquire) &
				~BUCKET_TAG);
}

/* The slot where a search looks first: bits of the hash that nearly are neither the tag nor choose the
 * bucket. */
static DC_ALWAYS_INLINE unsigned int bucket_home(uint64_t hash)
{
	unsigned int eighth = (unsigned int)(hash >> 40) & 7;

#if BUCKET_SLOTS == 7
	return eighth - eighth / 4;
#else
	return eighth % BUCKET_SLOTS;
#endif
}

/* Those that may have the hash: in a read section, or with the lock held. */
struct bucket_search {
	const struct bucket *bucket;
	uint32_t slots; /* a BUCKET_BIT() for each that has the tag and is not done with */
	struct hlist_bl_node *chained;
	uint64_t last; /* at the end: the head's word, loaded after all else */
};

/* Slots as bits of a word: a byte's each of vectors of 16-bit words, of which the first is the head's. */
#define BUCKET_BIT(slot) (2 * ((slot) + 1))
#define BUCKET_BITS ((uint32_t)0x5554)

/* What is in the first of @slots, which are some. It may be empty, or by now. */
static DC_ALWAYS_INLINE uint64_t bucket_first_word(const struct bucket *bucket, uint32_t slots)
{
	/* Four bytes of the bucket for each bit. */
	const void *slot = (const char *)bucket + 4 * (size_t)__builtin_ctz(slots);

	return atomic_load_explicit((const _Atomic uint64_t *)slot, memory_order_acquire);
}

_Static_assert(offsetof(struct bucket, slots) == 8 && BUCKET_BIT(1) == 4, "bits are of four bytes");

/* The slots that have the tag of @hash. */
static DC_ALWAYS_INLINE uint32_t bucket_tagged_by_words(const struct bucket *bucket, uint64_t hash)
{
	uint32_t slots = 0;
	unsigned int i;

	/* Without a branch for each: which slot it is cannot be foretold. */
#pragma GCC unroll 8
	for (i = 0; i < BUCKET_SLOTS; i++) {
		uint64_t word = atomic_load_explicit(&bucket->slots[i], memory_order_acquire);

		slots |= (uint32_t)(((word ^ hash) & BUCKET_TAG) == 0) << BUCKET_BIT(i);
	}
	return slots;
}

#ifdef BUCKET_VECTORS
/* The upper halves of two pairs of words, each with its tag alone. */
static DC_ALWAYS_INLINE __m128i bucket_tags(const __m128i *pairs)
{
	__m128 halves = _mm_shuffle_ps(_mm_castsi128_ps(_mm_load_si128(&pairs[0])),
				       _mm_castsi128_ps(_mm_load_si128(&pairs[1])),
				       _MM_SHUFFLE(3, 1, 3, 1));

	/* The sign stays, so that packing them to 16 bits changes none. */
	return _mm_srai_epi32(_mm_castps_si128(halves), 16);
}

/* The same: B3 to B5. */
static DC_ALWAYS_INLINE uint32_t bucket_tagged_by_vectors(const struct bucket *bucket,
							  uint64_t hash)
{
	const __m128i *pairs = (const __m128i *)(const void *)bucket;
	__m128i tags = _mm_packs_epi32(bucket_tags(&pairs[0]), bucket_tags(&pairs[2]));
	__m128i same = _mm_cmpeq_epi16(tags, _mm_set1_epi16((short)(hash >> 48)));

	atomic_signal_fence(memory_order_acquire);
	return (uint32_t)_mm_movemask_epi8(same) & BUCKET_BITS;
}

#define bucket_tagged bucket_tagged_by_vectors
#else
#define bucket_tagged bucket_tagged_by_words
#endif

static DC_ALWAYS_INLINE struct hlist_bl_node *bucket_next(struct bucket_search *search)
{
	while (search->slots) {
		struct hlist_bl_node *node = hlist_bl_node_of(
			bucket_first_word(search->bucket, search->slots) & ~BUCKET_TAG);

		search->slots &= search->slots - 1;
		if (dc_likely(node))
			return node;
	}
	if (dc_unlikely(search->chained)) {
		search->chained = hlist_bl_next(search->chained);
		if (search->chained)
			return search->chained;
		search->last = atomic_load_explicit(&search->bucket->chain.first,
						    memory_order_acquire);
		return NULL;
	}
	search->last = atomic_load_explicit(&search->bucket->chain.first, memory_order_acquire);
	search->chained = hlist_bl_node_of(search->last);
	return search->chained;
}

static DC_ALWAYS_INLINE struct hlist_bl_node *bucket_first(struct bucket_search *search,
							   const struct bucket *bucket,
							   uint64_t hash)
{
	*search = (struct bucket_search){ .bucket = bucket, .slots = bucket_tagged(bucket, hash) };
	return bucket_next(search);
}

#define bucket_for_each(node, search, bucket, hash) \
	for (node = bucket_first(search, bucket, hash); node; node = bucket_next(search))

/* Is there nothing that may have the hash, nor anybody who may be adding it, nor another array to be looked
 * into? In a read section. Sequentially consistent: parallel.c, P10. */
static inline bool bucket_is_vacant(const struct bucket *bucket, uint64_t hash)
{
	return !atomic_load_explicit(&bucket->chain.first, memory_order_seq_cst) &&
	       !bucket_tagged(bucket, hash);
}

/* Copy the bucket for B2: search in @view, and let table_lock_as() compare. */
static inline void bucket_view(struct bucket *view, const struct bucket *bucket)
{
	unsigned int i;

	atomic_init(&view->chain.first,
		    atomic_load_explicit(&bucket->chain.first, memory_order_acquire));
	for (i = 0; i < BUCKET_SLOTS; i++)
		atomic_init(&view->slots[i],
			    atomic_load_explicit(&bucket->slots[i], memory_order_acquire));
}

/* The lock is held: are the slots those of @view? */
static inline bool bucket_same_slots(const struct bucket *bucket, const struct bucket *view)
{
	uint64_t differ = 0;
	unsigned int i;

	for (i = 0; i < BUCKET_SLOTS; i++)
		differ |= atomic_load_explicit(&bucket->slots[i], memory_order_relaxed) ^
			  atomic_load_explicit(&view->slots[i], memory_order_relaxed);
	return !differ;
}

/* The lock is held. */
static inline void bucket_add(struct bucket *bucket, struct hlist_bl_node *node, uint64_t hash)
{
	unsigned int i = bucket_home(hash), left;

	for (left = BUCKET_SLOTS; left; left--, i = (i + 1) % BUCKET_SLOTS) {
		if (!atomic_load_explicit(&bucket->slots[i], memory_order_relaxed)) {
			atomic_store_explicit(&bucket->slots[i],
					      (uint64_t)(uintptr_t)node | (hash & BUCKET_TAG),
					      memory_order_release);
			return;
		}
	}
	hlist_bl_add_head(&bucket->chain, node);
}

/* The lock is held and @node is there. */
static inline void bucket_del(struct bucket *bucket, struct hlist_bl_node *node)
{
	unsigned int i;

	for (i = 0; i < BUCKET_SLOTS; i++) {
		if (bucket_slot(bucket, i) == node) {
			atomic_store_explicit(&bucket->slots[i], 0, memory_order_release);
			return;
		}
	}
	hlist_bl_del(&bucket->chain, node);
}

#pragma GCC visibility pop

#endif /* DCACHE_BUCKET_H */
