/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The core's own view of entries, inodes and instances.
 *
 * Locks, outermost first:
 *
 *	inode->i_rwsem		(the caller's)
 *	dcache->rename_lock	moves; whoever must not see a half-done one
 *	dcache->wait_graph_lock	owners of lookups that wait for other lookups
 *	inode->i_lock		its alias list
 *	parent's d_lock		its child list
 *	child's d_lock		all else of an entry
 *	then one of: directory sequence odd, and in it a bucket's lock or a wait queue's;
 *		     a bucket's lock; an LRU shard's lock; a wait queue's lock
 *
 * Nobody waits for a bucket's lock while holding another's, but a move, of which there is one.
 *
 * Under a bucket's lock no reference is taken or given back, nothing is allocated or freed, and no
 * operation of the program runs. Nobody sleeps in a read section: there, locks are only tried.
 */
#ifndef DCACHE_INTERNAL_H
#define DCACHE_INTERNAL_H

#include <dcache.h>

#include "hlist_bl.h"
#include "list.h"
#include "lockref.h"
#include "seqcount.h"
#include "sync/lock.h"
#include "sync/reclaim.h"
#include "sync/rwsem.h"
#include "sync/sync.h"

#pragma GCC visibility push(hidden)

/* Bytes of a name that lie in the entry itself: 94 % of real names fit. */
#define DNAME_INLINE_WORDS 5
#define DNAME_INLINE_LEN (DNAME_INLINE_WORDS * 8)

/* A longer name: immutable, shared by entries that took it in a move, freed after a grace period. */
struct external_name {
	_Atomic uint32_t refs;
	uint32_t len;
	struct reclaim_head rcu;
	struct dcache *dcache;
	char name[];
};

/*
 * d_flags: written under d_lock only, with plain loads and stores of the whole word, so no writer
 * can lose another's bit.
 */
#define DCACHE_HASHED		0x0001u	/* on a chain of the entry table */
#define DCACHE_PAR_LOOKUP	0x0002u	/* in-lookup: on a chain of the in-lookup table */
#define DCACHE_ENDED		0x0004u	/* its lookup ended with an outcome: never to be hashed */
#define DCACHE_LISTED		0x0008u	/* on its parent's child list */
#define DCACHE_LRU_LIST		0x0010u	/* on the LRU */
#define DCACHE_REFERENCED	0x0020u	/* used again since it came onto the LRU */
#define DCACHE_DISCONNECTED	0x0040u	/* made without a name; its own parent */
#define DCACHE_OWN_WAIT		0x0080u	/* d_wait was allocated with the entry */
#define DCACHE_OP_HASH		0x0100u
#define DCACHE_OP_COMPARE	0x0200u
#define DCACHE_OP_REVALIDATE	0x0400u
#define DCACHE_OP_DELETE	0x0800u
#define DCACHE_LRU_SHARD_SHIFT	28	/* the LRU shard, fixed: four bits */

/*
 * An entry, 192 bytes. The first cache line holds what a hit without a reference reads of the
 * directory, and of the entry itself but for the rest of its name, whose line is asked for at the same
 * time.
 *
 * d_seq covers d_parent, d_hash_len, d_iname, d_inode and whether the entry is hashed: they are
 * stored with release while it is odd and loaded with acquire (seqcount.h).
 */
struct dentry {
	struct hlist_bl_node d_hash;		/* bucket lock */
	_Atomic(struct dentry *) d_parent;	/* d_lock, rename_lock, d_seq */
	_Atomic uint64_t d_hash_len;		/* hash low, length high; as d_parent */
	struct seqcount d_seq;			/* d_lock */
	_Atomic uint32_t d_flags;		/* d_lock */
	_Atomic(struct inode *) d_inode;	/* d_lock and i_lock, d_seq */
	struct dcache *d_dcache;		/* fixed */
	/* Number of the directory in hashes, 0 until it first has an inode that is one; then fixed. */
	_Atomic uint32_t d_dirno;
	_Atomic uint32_t d_woken;		/* futex of those who sleep for the lookup's end */
	/* The name's bytes, zero-padded; of a longer one, word 0 is a struct external_name's
	 * address, to be followed only after d_seq has been checked. */
	_Atomic uint64_t d_iname[DNAME_INLINE_WORDS];

	struct lockref d_lockref;		/* d_lock and the count */
	const struct dentry_operations *d_op;	/* fixed before the entry can be found */
	_Atomic(void *) d_fsdata;		/* the program's */
	struct hlist_node d_sib;		/* parent's d_lock */
	struct hlist_head d_children;		/* d_lock */
	/* Next on the in-lookup chain. Shares its place with nothing, since lookups follow that
	 * chain without its lock. */
	struct hlist_bl_node d_in_lookup;
	union {
		struct list_head d_lru;			/* LRU shard's lock */
		struct {				/* d_lock; while in-lookup */
			struct wait_queue_head *d_wait;
			uint32_t d_nr_waiters;		/* references that are waiters' */
			uint32_t d_owner;		/* dc_thread_id(), or 0: not known */
		};
	};
	union {
		struct hlist_node d_alias;		/* i_lock */
		struct reclaim_head d_rcu;		/* once dead */
	};
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct dentry) == 192, "an entry is three cache lines");
_Static_assert(offsetof(struct dentry, d_iname) <= 56, "a name begins in the first line");

/*
 * An inode.
 *
 * i_dir_seq: odd (bit 0) while a lookup of the directory is being ended by adding its entry; bit 1:
 * somebody sleeps until it is even; the rest counts. See inode.c.
 */
struct inode {
	_Atomic uint32_t i_count;
	_Atomic uint32_t i_dir_seq;
	struct dc_lock i_lock;
	uint8_t i_type;
	struct hlist_head i_dentry;		/* i_lock; aliases */
	struct dcache *i_dcache;
	const struct inode_operations *i_op;
	void *i_private;
	uint64_t i_ino;
	struct rwsem i_rwsem;
	struct reclaim_head i_rcu;
};

struct graph_waiter;

struct lru_shard {
	struct dc_lock lock;
	struct list_head list;			/* least recently used first */
	_Atomic uint64_t nr;
} __attribute__((aligned(64)));

/* The controlled scheduler has fewer: fewer states. */
#ifndef LRU_SHARDS
#define LRU_SHARDS 16u
#endif
#define NAME_SECRET_SIZE 192

struct dcache {
	/* Fixed after creation. */
	struct hlist_bl_head *hash;
	uint64_t hash_mask;
	struct hlist_bl_head *in_lookup_hash;
	uint64_t in_lookup_mask;
	const struct dentry_operations *d_op;
	void *private_data;
	uint64_t max_entries;
	uint8_t name_secret[NAME_SECRET_SIZE];

	/* Moves. rename_seq is odd while one is under way; rename_lock is held then. */
	struct dc_lock rename_lock __attribute__((aligned(64)));
	struct seqcount rename_seq;
	struct dc_lock wait_graph_lock;
	struct graph_waiter *graph_waiters;	/* wait_graph_lock */
	_Atomic bool dying;			/* nothing is kept after its last reference */

	_Atomic uint64_t nr_dentry __attribute__((aligned(64)));
	_Atomic uint64_t nr_inode;
	_Atomic uint64_t nr_negative;
	_Atomic uint64_t bytes;
	_Atomic uint64_t nr_in_lookup __attribute__((aligned(64)));
	_Atomic uint64_t lookups_started;
	_Atomic uint64_t lookups_waited;
	_Atomic uint64_t outcomes_shared;
	_Atomic uint64_t evicted;
	_Atomic uint32_t next_dirno;
	_Atomic uint32_t next_lru_shard;

	struct reclaim reclaim __attribute__((aligned(64)));
	struct lru_shard lru[LRU_SHARDS];
};

/* ---- small helpers ---- */

static inline void count_add(_Atomic uint64_t *counter, int64_t by)
{
	atomic_fetch_add_explicit(counter, (uint64_t)by, memory_order_relaxed);
}

static inline uint32_t d_flags(const struct dentry *dentry)
{
	return atomic_load_explicit(&dentry->d_flags, memory_order_relaxed);
}

/* d_lock is held. */
static inline void d_change_flags(struct dentry *dentry, uint32_t clear, uint32_t set)
{
	atomic_store_explicit(&dentry->d_flags, (d_flags(dentry) & ~clear) | set,
			      memory_order_release);
}

static inline struct dentry *d_parent_of(const struct dentry *dentry)
{
	return atomic_load_explicit(&dentry->d_parent, memory_order_acquire);
}

static inline struct inode *d_inode_of(const struct dentry *dentry)
{
	return atomic_load_explicit(&dentry->d_inode, memory_order_acquire);
}

static inline bool is_root(const struct dentry *dentry)
{
	return d_parent_of(dentry) == dentry;
}

static inline bool is_dir(const struct inode *inode)
{
	return inode->i_type == INODE_DIRECTORY;
}

/* ---- name.c ---- */

int name_secret_init(struct dcache *dc, uint64_t seed);
/* 0, -EINVAL, -ENAMETOOLONG */
int name_check(const struct qstr *name);
/* Copy @name to @out, with its hash in @parent. 0, -EINVAL or -ENAMETOOLONG for its length, or
 * what d_hash says. The bytes are not looked at. */
int name_prepare(const struct dentry *parent, const struct qstr *name, struct qstr *out);
/* Store a prepared name in a new entry. -ENOMEM */
int name_set(struct dentry *dentry, const struct qstr *name);
/* Take @from's name; d_lock of both and d_seq of @to are held. Returns the external name that @to
 * had, for external_name_put(). */
struct external_name *name_take(struct dentry *to, const struct dentry *from);
/* The external name of an entry whose name cannot change, or NULL. */
struct external_name *name_external(const struct dentry *dentry);
void external_name_put(struct external_name *name);
/* The bytes of an entry whose name cannot change. */
struct qstr name_of(const struct dentry *dentry);
/* Copy the name as of @seq into @buf of DCACHE_NAME_MAX bytes; in a read section. Returns the
 * length, or -1 if the entry changed. */
int name_copy_rcu(const struct dentry *dentry, uint32_t seq, char *buf);
/* Does @dentry, whose name cannot change, bear @name by @dir's compare? */
bool name_is(const struct dentry *dentry, const struct dentry *dir, const struct qstr *name);

/* ---- lookup.c ---- */

enum d_match {
	D_OTHER,	/* another name, or not in that state */
	D_SAME,		/* the name, as of *seq */
	D_UNSTABLE,	/* it is changing: look again */
};

/* Is @dentry the entry of (@parent, @name), and in @state: DCACHE_HASHED or DCACHE_PAR_LOOKUP? In a
 * read section. */
enum d_match d_match(const struct dentry *dentry, uint32_t state, const struct dentry *parent,
		     const struct qstr *name, uint32_t *seq);
struct hlist_bl_head *hash_bucket(const struct dcache *dc, uint32_t dirno, uint32_t hash);
struct hlist_bl_head *in_lookup_bucket(const struct dcache *dc, uint32_t dirno, uint32_t hash);

enum d_found {
	D_FOUND,	/* *found is referenced */
	D_MISSED,	/* it is not there; exact if no move was under way */
	D_BUSY,		/* leave the read section, dput(*found), yield, come again */
};

/* In a read section. */
enum d_found lookup_get(struct dentry *parent, const struct qstr *name, struct dentry **found);
/* d_lookup() of a prepared name. */
struct dentry *lookup_exact(struct dentry *parent, const struct qstr *name);

/* ---- dentry.c ---- */

/* A new root (@flags: 0) or disconnected entry (DCACHE_DISCONNECTED) of @inode's instance. */
struct dentry *root_alloc(const struct inode *inode, uint32_t flags);
/* As d_alloc(), for a prepared and checked name. */
struct dentry *dentry_alloc(struct dcache *dc, struct dentry *parent, const struct qstr *name);
/* A new entry that nobody has seen: free it at once, but for the grace period. */
void dentry_discard(struct dentry *dentry);
/* Put a reference; if it is the last, free the entry even if it is hashed. True: it was freed. */
bool dentry_kill(struct dentry *dentry);
/* d_lock is held and the entry is hashed: it no longer is. (publish.c) */
void d_unhash(struct dentry *dentry);
/* d_lock is held: mark it as on its parent's child list; the parent's d_lock is held too. */
void d_list_child(struct dentry *dentry, struct dentry *parent);
/* d_lock, and i_lock unless @inode is NULL, are held: give the entry its inode. */
void d_set_inode(struct dentry *dentry, struct inode *inode);
/* i_lock and d_lock are held: take it away. Its reference is the caller's now. NULL: it had none. */
struct inode *d_clear_inode(struct dentry *dentry);

/* ---- publish.c ---- */

/* d_add() that leaves @inode to the caller on error, and says -EAGAIN where @inode is a directory that
 * has an entry. */
int d_publish(struct dentry *dentry, struct inode *inode);
/* Lock the chain where (@dir, @name) belongs, having made sure that no entry there but @except
 * bears that name. NULL: one does. d_compare may run, while no bucket is locked. */
struct hlist_bl_head *bucket_lock_vacant(struct dentry *dir, const struct qstr *name,
					 const struct dentry *except);
/* d_lock of @dentry is held: put it on @bucket's chain, which is locked. */
void d_hash_locked(struct dentry *dentry, struct hlist_bl_head *bucket);

/* ---- lru.c ---- */

void lru_init(struct dcache *dc);
/* d_lock is held. */
void d_lru_add(struct dentry *dentry);
void d_lru_del(struct dentry *dentry);
/* Free up to @nr unused entries, looking at @scan at most; @all: do not spare what was used again. */
size_t lru_shrink(struct dcache *dc, size_t nr, size_t scan, bool all);
uint64_t lru_count(const struct dcache *dc);

/* ---- inode.c ---- */

uint32_t dir_seq_read(const struct inode *dir);
bool dir_seq_is_odd(uint32_t seq);
/* Wait until the sequence is even. Not in a read section. */
void dir_seq_wait(struct inode *dir);
/* Make it odd: nobody else's lookup in @dir ends by adding until dir_seq_end(). */
void dir_seq_begin(struct inode *dir);
void dir_seq_end(struct inode *dir);

/* ---- wait.c ---- */

/*
 * Somebody who waits for an entry to stop being in-lookup. Lies with the waiter, who has a reference
 * on the entry; linked under the entry's d_lock. Whoever ends the lookup takes it off the queue under
 * d_lock and, holding no lock, calls @func, exactly once, after which it does not touch it again.
 */
struct wait_queue_entry {
	struct wait_queue_entry *next;
	struct dentry *dentry;
	void (*func)(struct wait_queue_entry *entry);
	/* The outcome, set before @func: an error, or another entry with a reference for this
	 * waiter; neither: look at @dentry. */
	int error;
	struct dentry *alias;
};

/* A waiter that sleeps. */
struct sleeper {
	struct wait_queue_entry entry;
	_Atomic bool done;
};

/* What lies in a struct wait_queue_head. */
struct wait_queue {
	struct dc_lock lock;			/* several entries' waiters may share the queue */
	_Atomic(struct wait_queue_entry *) first;
	struct wait_queue_entry *last;
} __attribute__((may_alias));

_Static_assert(sizeof(struct wait_queue) <= sizeof(struct wait_queue_head), "the head has room");

static inline struct wait_queue *wait_queue_of(struct wait_queue_head *wq)
{
	return (struct wait_queue *)(void *)wq;
}

void sleeper_init(struct sleeper *sleeper, struct dentry *dentry);
void sleeper_sleep(struct sleeper *sleeper);
/* All who slept for @dentry have been let go: wake them. */
void sleepers_wake(struct dentry *dentry);
/* d_lock of @entry->dentry, which is in-lookup, is held. */
void wait_queue_add(struct wait_queue *wq, struct wait_queue_entry *entry);
/* The same; returns those who wait for @dentry, linked, oldest first, off the queue. */
struct wait_queue_entry *wait_queue_take(struct wait_queue *wq, const struct dentry *dentry);

/* ---- parallel.c ---- */

/* A lookup that has been ended and whose waiters are yet to be told. */
struct lookup_end {
	struct dentry *dentry;			/* referenced by whoever ends it, to the end */
	struct wait_queue_entry *waiters;
	struct wait_queue_head *own_wait;
};

#define LOOKUP_END_INIT { NULL, NULL, NULL }

/* d_lock is held and @dentry is in-lookup: it no longer is. */
void lookup_unhash(struct dentry *dentry, struct lookup_end *end);
/* No lock is held. Tell the waiters; each gets a reference of @alias, if given. */
void lookup_wake(struct lookup_end *end, int error, struct dentry *alias);
/*
 * d_alloc_parallel() of a prepared name. @holder: an in-lookup entry of the caller's that stays so
 * while the call waits, or NULL. *@shared is set if the error returned is another lookup's outcome.
 */
struct dentry *alloc_parallel(struct dentry *parent, const struct qstr *name,
			      struct wait_queue_head *wq, struct dentry *holder, bool *shared);
/* End a lookup with the entry as it is, negative and unhashed: waiters get it so. */
void lookup_end_with_itself(struct dentry *dentry);

/* ---- move.c ---- */

/* What a move leaves to be done when no lock is held. */
struct move {
	struct lookup_end end;
	struct dentry *old_parent;
	struct external_name *had_name;
};

#define MOVE_INIT { LOOKUP_END_INIT, NULL, NULL }

/*
 * Move @dentry to @target's parent and name; @target, unhashed and negative, stays so, and if it
 * was in-lookup it no longer is. rename_lock is held; @dentry is no ancestor of @target.
 * Return: 0; -EEXIST: the name is taken; -EINVAL: @target is not as it should be. After an error
 * nothing has changed.
 */
int move_entry(struct dentry *dentry, struct dentry *target, struct move *move);
/* No lock is held: tell @target's waiters that @dentry is what they wanted, put what is left. */
void move_end(struct move *move, struct dentry *dentry);
void rename_write_lock(struct dcache *dc);
void rename_write_unlock(struct dcache *dc);
/* Is @ancestor @dentry or above it? rename_lock is held. */
bool is_ancestor(const struct dentry *ancestor, const struct dentry *dentry);

/* ---- instance.c ---- */

void dcache_account(struct dcache *dc, int64_t bytes);

#pragma GCC visibility pop

#endif /* DCACHE_INTERNAL_H */
