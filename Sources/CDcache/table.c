/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hash tables that change their size in use; see table.h.
 *
 * Who may be here: any number of searches in read sections; writers, each with one bucket at a time;
 * and those who move buckets from an array to its next: one for a bucket, several at once.
 *
 * A bucket is moved so: it is locked and marked MOVED. Then each node of a slot, and after them the
 * chain's last, again and again, is added to its new bucket, which is locked for it, and taken out of the
 * old one. Then that is unlocked. MOVED stays.
 *
 *  T1	A search misses nothing that is there throughout. A node is always in the old bucket or in
 *	the new one. A reader who stands on a chain's when it is moved goes on to strangers of the new
 *	chain, or to nothing, and loses nothing: it was the last of the old. Whoever does not meet a node because
 *	it has been moved, has read a word that was stored after MOVED was set, sees MOVED when
 *	looking at the bucket again, and searches the next array. A hit does not look again.
 *  T2	The truth about a hash is in one bucket. In the next array there is nothing of a bucket that
 *	is not MOVED, and in a bucket that is MOVED and unlocked there is nothing left. So a writer
 *	follows MOVED while the bucket is unlocked, and waits while it is locked. Once it has locked
 *	a bucket that is not MOVED, that stays so until it unlocks.
 *  T3	Waiting. Only those who move buckets wait for a bucket while they hold one: for one of the
 *	next array, holding one of the array before. One resize ends before the next begins, so
 *	who holds a bucket of the next array holds none that is before it, and waits for none. A
 *	move of an entry has one at a time (move.c, M3).
 *  T4	An array is there in a read section that has found it; while a bucket of it is locked that is
 *	not MOVED; and for those who have claimed buckets of it (@cursor) until they have counted
 *	them as done (@moved). Whoever counts the last makes @next the current one and
 *	lets go of the array, which is freed after a grace period.
 *  T5	Sleeping for a bucket is done outside of read sections, when the array may be gone. So it is
 *	not on the bucket but on @turn, which changes whenever a bucket that somebody sleeps for is
 *	unlocked. Lost wake-up: a sleeper loads @turn, sees or makes the bucket LOCKED with
 *	SLEEPERS, and sleeps on the value. Whoever clears that bit changes @turn after it. If the
 *	sleeper had loaded the changed value, it would not have seen the bit of before.
 *  T6	One resize at a time: @state is BEGIN or MOVING from the thread that took it out of DUE to
 *	the one that counts the last bucket. It is in nobody's way: where there is no memory for an
 *	array, the table stays as it is until the next change.
 *
 * Nodes are counted in shards by the highest bits of the hash, as the buckets are chosen by the
 * lowest: a shard of a table that is too full is too full itself, or the others tell. Only then all
 * of them are summed. A change while a resize goes on moves TABLE_STEP buckets, or four times as many of
 * a bigger array than the next one: growing ends after a twentieth of the additions that make the
 * next resize due.
 */
#include <errno.h>

#include "internal.h"

/* ---- arrays ---- */

static size_t array_bytes(uint32_t log2)
{
	size_t size = sizeof(struct table_array) + (sizeof(struct bucket) << log2);

	return (size + 63) & ~(size_t)63;
}

/* Return: as hash_table.current; 0: no memory. */
static uint64_t array_alloc(struct hash_table *table, uint32_t log2)
{
	struct table_array *array = dc_alloc_zeroed(array_bytes(log2));

	if (!array)
		return 0;
	/* All zero: buckets that are empty, a cursor at the first. */
	array->table = table;
	array->log2 = log2;
	dcache_account(table->dc, (int64_t)array_bytes(log2));
	return (uint64_t)(uintptr_t)array | log2;
}

static void array_free(struct reclaim_head *head)
{
	struct table_array *array = container_of(head, struct table_array, rcu);
	size_t bytes = array_bytes(array->log2);

	account_waited(array->table->dc, bytes);
	dc_free_zeroed(array, bytes);
}

int table_init(struct hash_table *table, struct dcache *dc, uint32_t min, uint32_t max,
	       uint64_t (*hash)(const struct hlist_bl_node *node))
{
	uint64_t array;

	table->dc = dc;
	table->hash = hash;
	table->min = min;
	table->max = max;
	array = array_alloc(table, min);
	atomic_init(&table->current, array);
	return array ? 0 : -ENOMEM;
}

void table_destroy(struct hash_table *table)
{
	uint64_t word = atomic_load_explicit(&table->current, memory_order_acquire);

	while (word) {
		struct table_array *array = table_array_of(word);

		word = atomic_load_explicit(&array->next, memory_order_acquire);
		dc_free_zeroed(array, array_bytes(array->log2));
	}
}

uint64_t table_size(const struct hash_table *table)
{
	return (uint64_t)1 << (atomic_load_explicit(&table->current, memory_order_relaxed) &
			       TABLE_LOG2);
}

/* ---- buckets ---- */

struct bucket *table_truth(const struct hash_table *table, uint64_t hash)
{
	uint64_t array = table_current(table);

	for (;;) {
		struct bucket *bucket = table_bucket(array, hash);
		uint64_t word = atomic_load_explicit(&bucket->chain.first, memory_order_acquire);

		if (!(word & HLIST_BL_MOVED) || (word & HLIST_BL_LOCKED))
			return bucket;
		array = atomic_load_explicit(&table_array_of(array)->next, memory_order_acquire);
	}
}

/* See to it that who unlocks @head changes @turn; false: it is not locked. */
static bool announce_sleeper(struct hlist_bl_head *head)
{
	uint64_t word = atomic_load_explicit(&head->first, memory_order_relaxed);

	while (word & HLIST_BL_LOCKED) {
		if ((word & HLIST_BL_SLEEPERS) ||
		    atomic_compare_exchange_strong_explicit(&head->first, &word,
							    word | HLIST_BL_SLEEPERS,
							    memory_order_relaxed,
							    memory_order_relaxed))
			return true;
	}
	return false;
}

void table_pause(struct hash_table *table, struct bucket *bucket, int *spins)
{
	struct hlist_bl_head *head = &bucket->chain;
	uint32_t turn = atomic_load_explicit(&table->turn, memory_order_acquire);
	bool sleeps = false;

	/* If it is not locked, it is free by now, or is MOVED and has nothing left. */
	if (*spins == DC_SPIN_LIMIT) {
		sleeps = announce_sleeper(head);
	} else if (atomic_load_explicit(&head->first, memory_order_relaxed) & HLIST_BL_LOCKED) {
		++*spins;
		dc_spin_hint();
	}
	dc_read_unlock();
	if (sleeps)
		dc_futex_wait(&table->turn, turn, DC_NO_DEADLINE);
}

void table_wake(struct hash_table *table)
{
	atomic_fetch_add_explicit(&table->turn, 1, memory_order_release);
	dc_futex_wake(&table->turn, INT32_MAX);
}

struct bucket *table_lock(struct hash_table *table, uint64_t hash)
{
	int spins = 0;

	for (;;) {
		struct bucket *bucket;

		dc_read_lock();
		bucket = table_truth(table, hash);
		if (hlist_bl_trylock(&bucket->chain)) {
			dc_read_unlock();
			return bucket;
		}
		table_pause(table, bucket, &spins);
	}
}

/* ---- how many ---- */

static struct table_count *count_of(struct hash_table *table, uint64_t hash)
{
	return &table->counts[(hash >> 60) % TABLE_SHARDS];
}

static void table_is_due(struct hash_table *table)
{
	uint32_t state = TABLE_REST;

	atomic_compare_exchange_strong_explicit(&table->state, &state, TABLE_DUE,
						memory_order_relaxed, memory_order_relaxed);
}

void table_add(struct hash_table *table, struct bucket *bucket, struct hlist_bl_node *node,
	       uint64_t hash)
{
	int64_t nr;

	bucket_add(bucket, node, hash);
	if (table->min == table->max)
		return;
	nr = atomic_fetch_add_explicit(&count_of(table, hash)->nr, 1, memory_order_relaxed) + 1;
	if (nr > (int64_t)(table_size(table) * TABLE_FILL / TABLE_SHARDS))
		table_is_due(table);
}

void table_del(struct hash_table *table, struct bucket *bucket, struct hlist_bl_node *node,
	       uint64_t hash)
{
	uint64_t size = table_size(table);
	int64_t nr;

	bucket_del(bucket, node);
	if (table->min == table->max)
		return;
	nr = atomic_fetch_sub_explicit(&count_of(table, hash)->nr, 1, memory_order_relaxed) - 1;
	if (nr <= (int64_t)(size * TABLE_FILL / 8 / TABLE_SHARDS) && size > (uint64_t)1 << table->min)
		table_is_due(table);
}

/* The size for as many nodes as there are, from @log2; its logarithm. */
static uint32_t wanted_size(const struct hash_table *table, uint32_t log2)
{
	int64_t nr = 0;
	unsigned int i;

	for (i = 0; i < TABLE_SHARDS; i++)
		nr += atomic_load_explicit(&table->counts[i].nr, memory_order_relaxed);
	while (log2 < table->max && nr > (int64_t)TABLE_FILL << log2)
		log2++;
	if (nr * 8 < (int64_t)TABLE_FILL << log2) {
		while (log2 > table->min && nr * 4 <= (int64_t)TABLE_FILL << log2)
			log2--;
	}
	return log2;
}

/* ---- resizing ---- */

/* Lock a bucket of an array that stays, MOVED or not. */
static void bucket_lock(struct hash_table *table, struct bucket *bucket)
{
	int spins = 0;

	while (!hlist_bl_trylock(&bucket->chain)) {
		dc_read_lock();
		table_pause(table, bucket, &spins);
	}
}

/* Add a node of a bucket that is being moved to its new one, and let @link, in the old one, lead nowhere. */
static void move_node(struct hash_table *table, struct hlist_bl_node *node, _Atomic uint64_t *link,
		      uint64_t next)
{
	uint64_t hash = table->hash(node);
	struct bucket *new = table_bucket(next, hash);

	bucket_lock(table, new);
	bucket_add(new, node, hash);
	DC_POINT(DC_G2, node);
	hlist_bl_point(link, NULL);
	table_unlock(table, new);
}

/* Move a bucket that the caller has claimed. */
static void move_bucket(struct hash_table *table, struct bucket *old, uint64_t next)
{
	struct hlist_bl_node *node;
	_Atomic uint64_t *link;
	unsigned int i;

	bucket_lock(table, old);
	/* Sequentially consistent: parallel.c, P10. */
	atomic_fetch_or_explicit(&old->chain.first, HLIST_BL_MOVED, memory_order_seq_cst);
	DC_POINT(DC_G1, old);
	for (i = 0; i < BUCKET_SLOTS; i++) {
		node = bucket_slot(old, i);
		if (node)
			move_node(table, node, &old->slots[i], next);
	}
	while ((node = hlist_bl_last(&old->chain, &link)))
		move_node(table, node, link, next);
	table_unlock(table, old);
}

/* All buckets of @array have been moved to @next. */
static void end_resize(struct hash_table *table, struct table_array *array, uint64_t next)
{
	uint32_t log2 = next & TABLE_LOG2;

	DC_POINT(DC_G3, array);
	atomic_store_explicit(&table->current, next, memory_order_release);
	atomic_store_explicit(&table->state,
			      wanted_size(table, log2) == log2 ? TABLE_REST : TABLE_DUE,
			      memory_order_release);
	account_waits(table->dc, array_bytes(array->log2));
	dc_call_rcu(&table->dc->reclaim, &array->rcu, array_free);
}

/* Claim some buckets and move them; false: none is left to be claimed. */
static bool help(struct hash_table *table)
{
	uint64_t word, next, size, step = TABLE_STEP, at, i;
	struct table_array *array;

	dc_read_lock();
	word = table_current(table);
	array = table_array_of(word);
	next = atomic_load_explicit(&array->next, memory_order_acquire);
	size = (uint64_t)1 << (word & TABLE_LOG2);
	at = size;
	if ((next & TABLE_LOG2) < (word & TABLE_LOG2))
		step *= 4;
	if (next && atomic_load_explicit(&array->cursor, memory_order_relaxed) < size)
		at = atomic_fetch_add_explicit(&array->cursor, step, memory_order_relaxed);
	dc_read_unlock();
	if (at >= size)
		return false;
	if (step > size - at)
		step = size - at;
	for (i = 0; i < step; i++)
		move_bucket(table, &array->buckets[at + i], next);
	if (atomic_fetch_add_explicit(&array->moved, step, memory_order_acq_rel) + step == size)
		end_resize(table, array, next);
	return true;
}

static void begin_resize(struct hash_table *table)
{
	uint32_t state = TABLE_DUE;
	uint32_t log2, wanted;
	uint64_t word, next = 0;

	if (!atomic_compare_exchange_strong_explicit(&table->state, &state, TABLE_BEGIN,
						     memory_order_acquire, memory_order_relaxed))
		return;
	/* Nobody else changes the array from here on. */
	word = table_current(table);
	log2 = word & TABLE_LOG2;
	wanted = wanted_size(table, log2);
	if (wanted != log2)
		next = array_alloc(table, wanted);
	if (!next) {
		atomic_store_explicit(&table->state, TABLE_REST, memory_order_release);
		return;
	}
	count_add(table->dc, COUNT_RESIZES, 1);
	DC_PROBE_RESIZE(table->dc, (uint64_t)1 << log2, (uint64_t)1 << wanted);
	atomic_store_explicit(&table_array_of(word)->next, next, memory_order_release);
	atomic_store_explicit(&table->state, TABLE_MOVING, memory_order_release);
	reclaim_work(&table->dc->reclaim);
}

void table_tend_slow(struct hash_table *table)
{
	uint32_t state = atomic_load_explicit(&table->state, memory_order_acquire);

	if (state == TABLE_DUE)
		begin_resize(table);
	else if (state == TABLE_MOVING)
		help(table);
}

bool table_work(struct hash_table *table, unsigned int steps)
{
	while (steps--) {
		/* The end of one resize may find that another is due. */
		if (atomic_load_explicit(&table->state, memory_order_acquire) == TABLE_DUE)
			begin_resize(table);
		if (!help(table))
			return atomic_load_explicit(&table->state, memory_order_acquire) ==
			       TABLE_DUE;
	}
	return true;
}
