/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unused entries, and making room.
 *
 * Every hashed entry without a reference is on the LRU; one that is taken into use stays on it
 * until the shrinker sees that. So freeing all of the LRU, parents following their last child,
 * frees all that is unused: teardown needs no walk of the tree.
 *
 * The LRU is in shards, chosen by the first name's hash, each with a lock inside d_lock, and a list of
 * positives and one of negatives: a bound on negatives that looked for them among all would look at
 * all. DCACHE_NEG_LRU, under d_lock, says which list an entry is on. The shrinker comes from the other
 * side: it holds the shard's lock and only tries d_lock; an entry whose lock is taken is passed over,
 * never waited for. An entry that is to go gets a reference, leaves the list, and is put like any
 * other, after the shard's lock is released: if somebody found it meanwhile, it stays.
 *
 *  R1	A new entry is counted before it is made, and made only when the count is within the limit, or
 *	nothing unused is found: so those that are made never exceed it, whoever adds at the same time.
 *	Negatives the same way: what is to become one is counted, once more, until it is one.
 *  R2	Making room looks at no more than ROOM_LOOKS entries, however many there are, and frees up to
 *	ROOM_FREES: more than was added, so that what was behind catches up. Those in use that it meets
 *	leave the list: they were put on it one at a time. Those used again are spared once, but no
 *	more than ROOM_SPARES for one that goes; or a cache whose entries are all in demand would grow.
 *	References that wait to be put (put.c) are put first, a few.
 *  R3	Second chance: a list is a queue; who was used again since it came goes to its end, once.
 *	docs/performance.md has what was measured against it.
 */
#include "internal.h"

#define SHRINK_BATCH 32
#define ROOM_FREES 4
#define ROOM_LOOKS 256
#define ROOM_SPARES 8

enum { LRU_POSITIVES, LRU_NEGATIVES };

/* What a search for victims may still do. */
struct lru_search {
	size_t looks;
	size_t spares;	/* for one victim */
	bool negatives; /* no others */
};

void lru_init(struct dcache *dc)
{
	unsigned int i, j;

	for (i = 0; i < LRU_SHARDS; i++) {
		dc_lock_init(&dc->lru[i].lock);
		for (j = 0; j < LRU_LISTS; j++) {
			list_init(&dc->lru[i].lists[j].list);
			atomic_init(&dc->lru[i].lists[j].nr, 0);
		}
	}
}

static struct lru_shard *shard_of(const struct dentry *dentry)
{
	return &dentry->d_dcache->lru[d_flags(dentry) >> DCACHE_LRU_SHARD_SHIFT];
}

static uint64_t list_nr(const struct lru_list *list)
{
	return atomic_load_explicit(&list->nr, memory_order_relaxed);
}

/* d_lock and the shard's lock are held, in this function and the next. */
static void lru_link(struct lru_shard *shard, struct dentry *dentry)
{
	bool negative = !d_inode_of(dentry);
	struct lru_list *list = &shard->lists[negative ? LRU_NEGATIVES : LRU_POSITIVES];

	list_add_tail(&dentry->d_lru, &list->list);
	atomic_store_explicit(&list->nr, list_nr(list) + 1, memory_order_relaxed);
	d_change_flags(dentry, DCACHE_NEG_LRU, DCACHE_LRU_LIST | (negative ? DCACHE_NEG_LRU : 0));
}

static void lru_unlink(struct lru_shard *shard, struct dentry *dentry)
{
	struct lru_list *list =
		&shard->lists[(d_flags(dentry) & DCACHE_NEG_LRU) ? LRU_NEGATIVES : LRU_POSITIVES];

	list_del(&dentry->d_lru);
	atomic_store_explicit(&list->nr, list_nr(list) - 1, memory_order_relaxed);
}

void d_lru_add(struct dentry *dentry)
{
	struct lru_shard *shard = shard_of(dentry);

	d_change_flags(dentry, DCACHE_REFERENCED, 0);
	dc_lock(&shard->lock);
	lru_link(shard, dentry);
	dc_unlock(&shard->lock);
}

/* d_lock and the shard's lock are held. */
static void lru_isolate(struct lru_shard *shard, struct dentry *dentry)
{
	lru_unlink(shard, dentry);
	d_change_flags(dentry, DCACHE_LRU_LIST | DCACHE_REFERENCED | DCACHE_NEG_LRU, 0);
	lockref_clear_bits(&dentry->d_lockref, LOCKREF_KEEP);
}

void d_lru_del(struct dentry *dentry)
{
	struct lru_shard *shard = shard_of(dentry);

	dc_lock(&shard->lock);
	lru_isolate(shard, dentry);
	dc_unlock(&shard->lock);
}

void d_lru_turned(struct dentry *dentry)
{
	struct lru_shard *shard = shard_of(dentry);

	if (!(d_flags(dentry) & DCACHE_LRU_LIST))
		return;
	dc_lock(&shard->lock);
	lru_unlink(shard, dentry);
	lru_link(shard, dentry);
	dc_unlock(&shard->lock);
}

uint64_t lru_count(const struct dcache *dc)
{
	uint64_t count = 0;
	unsigned int i;

	for (i = 0; i < LRU_SHARDS; i++)
		count += list_nr(&dc->lru[i].lists[LRU_POSITIVES]) +
			 list_nr(&dc->lru[i].lists[LRU_NEGATIVES]);
	return count;
}

/* Take up to @want victims, each with a reference for the caller, off the cold end of a list. */
static size_t list_take(struct lru_shard *shard, struct lru_list *list, struct dentry **victims,
			size_t want, struct lru_search *search)
{
	/* Those that are spared go to the end; do not meet them again. */
	uint64_t left = list_nr(list);
	struct list_head *at, *next;
	size_t spared = 0;
	size_t taken = 0;

	for (at = list->list.next; taken < want && search->looks && left; at = next) {
		struct dentry *dentry = container_of(at, struct dentry, d_lru);

		next = at->next;
		left--;
		search->looks--;
		if (!lockref_trylock(&dentry->d_lockref))
			continue;
		if (lockref_count(&dentry->d_lockref) > 0) {
			lru_isolate(shard, dentry);
		} else if ((d_flags(dentry) & DCACHE_REFERENCED) && spared < search->spares) {
			spared++;
			list_del(at);
			list_add_tail(at, &list->list);
			d_change_flags(dentry, DCACHE_REFERENCED, 0);
			lockref_clear_bits(&dentry->d_lockref, LOCKREF_KEEP);
		} else {
			spared = 0;
			lru_isolate(shard, dentry);
			lockref_add_locked(&dentry->d_lockref, 1);
			victims[taken++] = dentry;
		}
		lockref_unlock(&dentry->d_lockref);
	}
	return taken;
}

/* The shard's lock is held. From which list are the next victims to be? Each gives as it has. */
static struct lru_list *list_in_turn(struct lru_shard *shard, const struct lru_search *search)
{
	uint64_t positives = list_nr(&shard->lists[LRU_POSITIVES]);
	uint64_t negatives = list_nr(&shard->lists[LRU_NEGATIVES]);

	if (search->negatives || !positives)
		return &shard->lists[LRU_NEGATIVES];
	shard->turn += negatives;
	if (shard->turn < positives + negatives)
		return &shard->lists[LRU_POSITIVES];
	shard->turn = 0;
	return &shard->lists[LRU_NEGATIVES];
}

/* Is there nothing to find, as far as can be seen without the lock? */
static bool shard_looks_empty(const struct lru_shard *shard, const struct lru_search *search)
{
	return !list_nr(&shard->lists[LRU_NEGATIVES]) &&
	       (search->negatives || !list_nr(&shard->lists[LRU_POSITIVES]));
}

static size_t shard_take(struct lru_shard *shard, struct dentry **victims, size_t want,
			 struct lru_search *search)
{
	struct lru_list *list;
	size_t taken;

	dc_lock(&shard->lock);
	list = list_in_turn(shard, search);
	taken = list_take(shard, list, victims, want, search);
	if (!taken && !search->negatives)
		taken = list_take(
			shard,
			&shard->lists[list == &shard->lists[LRU_POSITIVES] ? LRU_NEGATIVES
									   : LRU_POSITIVES],
			victims, want, search);
	dc_unlock(&shard->lock);
	return taken;
}

/* No lock is held. How many of @victims went. */
static size_t kill_victims(struct dcache *dc, struct dentry **victims, size_t taken)
{
	size_t freed = 0;
	size_t i;

	for (i = 0; i < taken; i++) {
		DC_POINT(DC_S1, victims[i]);
		DC_PROBE_EVICT(dc, victims[i]);
		if (dentry_kill(victims[i]))
			freed++;
	}
	if (freed)
		counter_add(&dc->counters, COUNT_EVICTED, (int64_t)freed);
	return freed;
}

size_t lru_shrink(struct dcache *dc, size_t nr, size_t looks, bool all)
{
	struct lru_search search = { .looks = looks, .spares = all ? 0 : SIZE_MAX };
	struct dentry *victims[SHRINK_BATCH];
	size_t freed = 0;
	unsigned int idle = 0;

	while (freed < nr && search.looks && idle < LRU_SHARDS) {
		uint32_t turn = atomic_fetch_add_explicit(&dc->next_lru_shard, 1,
							  memory_order_relaxed);
		size_t want = nr - freed < SHRINK_BATCH ? nr - freed : SHRINK_BATCH;
		size_t looks_before = search.looks;
		size_t taken = shard_take(&dc->lru[turn % LRU_SHARDS], victims, want, &search);

		idle = search.looks == looks_before ? idle + 1 : 0;
		freed += kill_victims(dc, victims, taken);
	}
	return freed;
}

/* ---- limits ---- */

/* Free one, from the shard @first or the next that has any. */
static bool room_for_one(struct dcache *dc, unsigned int first, struct lru_search *search)
{
	unsigned int i;

	for (i = 0; i < LRU_SHARDS && search->looks; i++) {
		struct lru_shard *shard = &dc->lru[(first + i) % LRU_SHARDS];
		struct dentry *victim;

		/* One that somebody is just putting there is as good as in use. */
		if (shard_looks_empty(shard, search))
			continue;
		while (shard_take(shard, &victim, 1, search)) {
			if (kill_victims(dc, &victim, 1))
				return true;
		}
	}
	return false;
}

static void make_room(struct dcache *dc, unsigned int first, enum limit_kind kind)
{
	struct lru_search search = {
		.looks = ROOM_LOOKS,
		.spares = ROOM_SPARES,
		.negatives = kind == LIMIT_NEGATIVES,
	};
	int frees;

	if (!limit_exceeded(&dc->counters, kind))
		return;
	/* What waits to be put is used less than what is unused. */
	puts_make_room(&dc->deferred);
	for (frees = 0; frees < ROOM_FREES && limit_exceeded(&dc->counters, kind); frees++) {
		if (!room_for_one(dc, first, &search))
			return;
	}
}

void lru_make_room(struct dcache *dc, uint32_t hash)
{
	if (!limits_are_set(&dc->counters))
		return;
	make_room(dc, hash % LRU_SHARDS, LIMIT_NEGATIVES);
	make_room(dc, hash % LRU_SHARDS, LIMIT_ENTRIES);
	make_room(dc, hash % LRU_SHARDS, LIMIT_BYTES);
}

bool negative_begin(struct dcache *dc, const struct dentry *dentry)
{
	if (!limit_max(&dc->counters, LIMIT_NEGATIVES))
		return false;
	limit_add(&dc->counters, LIMIT_NEGATIVES, 1);
	make_room(dc, d_flags(dentry) >> DCACHE_LRU_SHARD_SHIFT, LIMIT_NEGATIVES);
	return true;
}

void negative_end(struct dcache *dc, bool begun)
{
	if (begun)
		limit_add(&dc->counters, LIMIT_NEGATIVES, -1);
}

void lru_keep_limits(struct dcache *dc)
{
	int kind;

	for (kind = 0; kind < NR_LIMITS; kind++) {
		struct lru_search search = { .negatives = kind == LIMIT_NEGATIVES };
		unsigned int turn = 0;

		do {
			search.looks = ROOM_LOOKS;
			search.spares = ROOM_SPARES;
			/* One that frees nothing may have met those in use only, which are off now. */
		} while (limit_exceeded(&dc->counters, (enum limit_kind)kind) &&
			 (room_for_one(dc, turn++, &search) || search.looks < ROOM_LOOKS));
	}
}
