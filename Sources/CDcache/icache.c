/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The inode table: inodes by number.
 *
 * Who may be here: any number of threads that ask for any numbers; whoever fills a new inode; and
 * whoever gives back the last reference of one.
 *
 * An inode of the table is new, then filled, then has no reference left and is being evicted, then
 * it is off the table; or it is new and then off the table, because it could not be filled.
 *
 *  I1	One inode of a number at any time: it is added with its bucket locked, where that holds none of
 *	the number, and an evicted one is in its bucket until its evict operation has returned. So what
 *	evict wrote to the store is there when the next inode of the number is filled from it.
 *  I2	A filled inode is found without the lock, in a read section, which keeps its memory while the
 *	reference is taken. INODE_NEW is looked at first: it is taken off, with release, after the
 *	type, the operations and the private pointer were stored, and never comes back. So who holds
 *	a reference, but for the filler, sees them all.
 *  I3	Who cannot have the inode yet, since it is new or being evicted, sleeps on a word of the
 *	instance's, shared by the numbers of a hash, and then begins anew. It has no reference, so it
 *	need not care what becomes of the inode, and a new one whose filler drops it is gone at once.
 *	With the bucket locked it sees the inode in it, says so by INODE_SLEEPERS in the inode, and
 *	reads the word; whoever ends the state takes the lock afterwards, sees the bit, and changes the
 *	word before it wakes. An inode nobody waits for costs no wake-up and no line that others use.
 *  I4	What is in its bucket counts as made (counters.h, N1), and whoever takes it off is done with the
 *	instance before that is counted down: iput().
 *
 * The bucket's lock is innermost; nothing but the above happens under it. The table may be changing its
 * size meanwhile (table.c, T1, T2): what is said here of a bucket is said of the one that holds the truth.
 *
 * The hash of a number is keyed as that of names: who can choose numbers cannot choose buckets.
 */
#include "internal.h"

#define INODE_TABLED 1u		/* in its bucket */
#define INODE_NEW 2u		/* not filled; for ever, if it failed */
#define INODE_SLEEPERS 4u	/* somebody sleeps until it is filled or out of its bucket */

static uint64_t hash_of(const struct inode *inode)
{
	return number_hash(inode->i_dcache, inode->i_ino);
}

uint64_t inodes_hash(const struct hlist_bl_node *node)
{
	return hash_of(container_of(node, struct inode, i_hash));
}

static _Atomic uint32_t *wait_word(struct dcache *dc, uint64_t hash)
{
	return &dc->inode_wait[(hash >> 32) % INODE_WAIT_WORDS];
}

static bool inode_is_unused(const struct inode *inode)
{
	return !atomic_load_explicit(&inode->i_count, memory_order_relaxed);
}

static uint32_t inode_state(const struct inode *inode)
{
	return atomic_load_explicit(&inode->i_state, memory_order_acquire);
}

/* In a read section, or with the bucket locked. */
static struct inode *bucket_find(const struct bucket *bucket, uint64_t hash, uint64_t ino)
{
	struct bucket_search search;
	struct hlist_bl_node *node;

	bucket_for_each(node, &search, bucket, hash) {
		struct inode *inode = container_of(node, struct inode, i_hash);

		if (inode->i_ino == ino)
			return inode;
	}
	return NULL;
}

enum look {
	LOOK_ABSENT,
	LOOK_NEW,	/* it is being filled */
	LOOK_EVICTED,	/* its last reference is gone */
	LOOK_GOT,	/* it is referenced now */
};

static enum look look(const struct dcache *dc, uint64_t ino, uint64_t hash, struct inode **found)
{
	const struct bucket *bucket;
	enum look res = LOOK_ABSENT;
	uint64_t array;

	dc_read_lock();
	array = table_current(&dc->inodes);
	do {
		bucket = table_bucket(array, hash);
		*found = bucket_find(bucket, hash, ino);
	} while (!*found && table_moved_on(bucket, &array));
	if (*found) {
		if (inode_is_unfilled(*found))
			res = LOOK_NEW;
		else
			res = igrab(*found) ? LOOK_GOT : LOOK_EVICTED;
	}
	dc_read_unlock();
	return res;
}

/*
 * Sleep while the inode of the number is new or, with @evicted, being evicted; or not so long.
 * Return: 0; -EDEADLK: by the calling thread.
 */
static int wait_for(struct dcache *dc, uint64_t ino, uint64_t hash, bool evicted)
{
	_Atomic uint32_t *word = wait_word(dc, hash);
	struct bucket *bucket = table_lock(&dc->inodes, hash);
	struct inode *inode = bucket_find(bucket, hash, ino);
	bool sleeps = false;
	uint32_t value = 0;
	int err = 0;

	if (inode &&
	    atomic_load_explicit(&inode->i_evictor, memory_order_relaxed) == dc_thread_id()) {
		err = -EDEADLK;
	} else if (inode && (inode_is_unfilled(inode) || (evicted && inode_is_unused(inode)))) {
		atomic_fetch_or_explicit(&inode->i_state, INODE_SLEEPERS, memory_order_relaxed);
		value = atomic_load_explicit(word, memory_order_relaxed);
		sleeps = true;
	}
	table_unlock(&dc->inodes, bucket);
	if (sleeps)
		dc_futex_wait(word, value, DC_NO_DEADLINE);
	return err;
}

/* Take bits off a state that others may sleep for, and tell them. */
static void settle(struct inode *inode, uint32_t clear)
{
	struct dcache *dc = inode->i_dcache;
	uint64_t hash = hash_of(inode);
	_Atomic uint32_t *word = wait_word(dc, hash);
	struct bucket *bucket = table_lock(&dc->inodes, hash);
	uint32_t before;

	if (clear & INODE_TABLED)
		table_del(&dc->inodes, bucket, &inode->i_hash, hash);
	before = atomic_fetch_and_explicit(&inode->i_state, ~(clear | INODE_SLEEPERS),
					   memory_order_release);
	table_unlock(&dc->inodes, bucket);
	if (before & INODE_SLEEPERS) {
		/* What sleepers go by they read after the lock, not after this. */
		atomic_fetch_add_explicit(word, 1, memory_order_relaxed);
		dc_futex_wake(word, INT32_MAX);
	}
	tables_tend(dc);
}

/* False: there is one of that number. */
static bool add_vacant(struct dcache *dc, struct inode *inode, uint64_t hash)
{
	struct bucket *bucket = table_lock(&dc->inodes, hash);
	bool vacant = !bucket_find(bucket, hash, inode->i_ino);

	if (vacant)
		table_add(&dc->inodes, bucket, &inode->i_hash, hash);
	table_unlock(&dc->inodes, bucket);
	tables_tend(dc);
	return vacant;
}

struct inode *iget_locked(struct dcache *dc, uint64_t ino)
{
	uint64_t hash = number_hash(dc, ino);
	struct inode *new = NULL, *found;
	enum look saw;
	int err = 0;

	while ((saw = look(dc, ino, hash, &found)) != LOOK_GOT && !err) {
		if (saw != LOOK_ABSENT) {
			err = wait_for(dc, ino, hash, true);
			continue;
		}
		if (!new) {
			new = inode_alloc(dc, ino);
			if (!new)
				return ERR_PTR(-ENOMEM);
			atomic_init(&new->i_state, INODE_TABLED | INODE_NEW);
		}
		if (add_vacant(dc, new, hash))
			return new;
	}
	if (new)
		inode_discard(new);
	return saw == LOOK_GOT ? found : ERR_PTR(err);
}

struct inode *ilookup(struct dcache *dc, uint64_t ino)
{
	uint64_t hash = number_hash(dc, ino);
	struct inode *found;
	enum look saw;

	while ((saw = look(dc, ino, hash, &found)) == LOOK_NEW)
		wait_for(dc, ino, hash, false);
	return saw == LOOK_GOT ? found : NULL;
}

bool inode_is_unfilled(const struct inode *inode)
{
	return inode_state(inode) & INODE_NEW;
}

bool inode_is_new(const struct inode *inode)
{
	return (inode_state(inode) & (INODE_TABLED | INODE_NEW)) == (INODE_TABLED | INODE_NEW);
}

int unlock_new_inode(struct inode *inode, enum inode_type type, const struct inode_operations *ops,
		     void *private_data)
{
	if (!inode_is_new(inode) || !inode_type_is_known(type))
		return -EINVAL;
	inode->i_type = (uint8_t)type;
	inode->i_op = ops;
	inode->i_private = private_data;
	settle(inode, INODE_NEW);
	return 0;
}

void iget_failed(struct inode *inode)
{
	if (IS_ERR_OR_NULL(inode))
		return;
	DC_RULE("iget_failed: the inode is new", inode_is_new(inode));
	if (inode_is_new(inode))
		settle(inode, INODE_TABLED);
	iput(inode);
}

void icache_evict_begin(struct inode *inode)
{
	DC_RULE("iput: a new inode is filled, or has failed, before its last reference is put",
		!inode_is_new(inode));
	if (inode_state(inode) & INODE_TABLED)
		atomic_store_explicit(&inode->i_evictor, dc_thread_id(), memory_order_relaxed);
}

void icache_evict_end(struct inode *inode)
{
	if (inode_state(inode) & INODE_TABLED)
		settle(inode, INODE_TABLED);
}
