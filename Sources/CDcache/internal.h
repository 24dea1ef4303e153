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
 * Nobody waits for a bucket's lock while holding another's, but who moves a bucket to a table's next
 * array, for one of that array (table.c, T3).
 *
 * Under a bucket's lock no reference is taken or given back, but for the one that is tried for
 * (noblock.c, V2); nothing is allocated or freed, and no operation of the program runs. Nobody sleeps in
 * a read section: there, locks are only tried.
 *
 * In struct deferred_queue, run is taken when none of these is held but the caller's; lock is innermost.
 */
#ifndef DCACHE_INTERNAL_H
#define DCACHE_INTERNAL_H

#include <dcache.h>

#include "counters.h"
#include "list.h"
#include "lockref.h"
#include "probes.h"
#include "seqcount.h"
#include "sync/lock.h"
#include "sync/reclaim.h"
#include "sync/rwsem.h"
#include "sync/slab.h"
#include "sync/sync.h"
#include "table.h"

#pragma GCC visibility push(hidden)

/* Bytes of a name that lie in the entry itself: 94 % of real names fit. */
#define DNAME_INLINE_WORDS 5
#define DNAME_INLINE_LEN (DNAME_INLINE_WORDS * 8)
/* ... and in its first line. */
#define DNAME_FIRST_LINE 24

/* A longer name: immutable, shared by entries that took it in a move, freed after a grace period. */
struct external_name {
	_Atomic uint32_t refs;
	uint32_t len;
	bool waits;			/* with the dead entry that alone has it */
	struct reclaim_head rcu;
	struct dcache *dcache;
	char name[];
};

/*
 * d_flags: written under d_lock only, with plain loads and stores of the whole word, so no writer
 * can lose another's bit.
 */
#define DCACHE_HASHED		0x0001u	/* in the entry table */
#define DCACHE_PAR_LOOKUP	0x0002u	/* in-lookup: in the in-lookup table */
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
#define DCACHE_DONTCACHE	0x1000u	/* invalidated, or below one that is: not kept, nor what is
					 * looked up below it */
#define DCACHE_EXPIRES		0x2000u	/* d_expires holds */
#define DCACHE_OWN_TTL		0x4000u	/* ... and is not the instance's default */
#define DCACHE_NEG_LRU		0x8000u	/* on the list of negatives of its LRU shard */
#define DCACHE_OVERTAKEN	0x10000u /* ENDED, and its answer came too late to be hashed */
#define DCACHE_DIRECTORY	0x20000u /* d_inode is one; d_seq */
#define DCACHE_LRU_SHARD_SHIFT	28	/* the LRU shard, fixed: four bits */

/*
 * An entry, 192 bytes. The first cache line holds what a hit without a reference, or a walk, reads of it,
 * with a name of up to 24 bytes; of a longer one the rest is in the second, which is asked for at the same
 * time. Of the directory a lookup reads nothing: its address is a part of the hash (dir_number()), and leads to
 * the instance (dcache_of()). So a walk asks for the bucket of one component as soon as it knows the address of
 * the entry before it.
 *
 * d_seq covers d_parent, d_hash_len, d_iname, d_inode and whether the entry is hashed: they are
 * stored with release while it is odd and loaded with acquire (seqcount.h).
 */
struct dentry {
	_Atomic(struct dentry *) d_parent;	/* d_lock, rename_lock, d_seq */
	_Atomic uint64_t d_hash_len;		/* hash low, length high; as d_parent */
	struct seqcount d_seq;			/* d_lock */
	_Atomic uint32_t d_flags;		/* d_lock */
	_Atomic(struct inode *) d_inode;	/* d_lock and i_lock, d_seq */
	/* The generation of its directory (i_generation) in which it was last known to be true:
	 * taken before the backend was asked. d_lock, and d_seq where it moves; made older by
	 * anybody, d_outdate(). */
	_Atomic uint32_t d_generation;
	/* When it turns stale, in dc_ticks(); with DCACHE_EXPIRES. d_lock. */
	_Atomic uint32_t d_expires;
	/* The name's bytes, zero-padded; of a longer one, word 0 is a struct external_name's
	 * address, to be followed only after d_seq has been checked. */
	_Atomic uint64_t d_iname[DNAME_INLINE_WORDS];

	struct lockref d_lockref;		/* d_lock and the count */
	struct hlist_bl_node d_hash;		/* bucket lock */
	struct dcache *d_dcache;		/* fixed */
	const struct dentry_operations *d_op;	/* fixed before the entry can be found */
	_Atomic(void *) d_fsdata;		/* the program's */
	struct hlist_head d_children;		/* d_lock */
	/* Next on a chain of the in-lookup table. Shares its place with nothing, since lookups follow that
	 * chain without its lock. */
	struct hlist_bl_node d_in_lookup;
	struct hlist_node d_sib;		/* parent's d_lock */
	union {
		/* LRU shard's lock; while a put of its only reference waits: put.c, Q1 */
		struct list_head d_lru;
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
	_Atomic uint32_t d_woken;		/* futex of those who sleep for the lookup's end */
	uint32_t d_number;			/* fixed; dir_number() */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct dentry) == 192, "an entry is three cache lines");
_Static_assert(offsetof(struct dentry, d_sib) >= 128, "its links are in one line");
_Static_assert(offsetof(struct dentry, d_iname) == 64 - DNAME_FIRST_LINE, "names in the first line");

/*
 * An inode.
 *
 * i_dir_seq: odd (bit 0) while a lookup of the directory is being ended by adding its entry; bit 1:
 * somebody sleeps until it is even; the rest counts. See inode.c.
 */
struct inode {
	_Atomic uint32_t i_count;
	_Atomic uint32_t i_dir_seq;
	/* Of what is cached in this directory. In one line with the type, wherever the inode begins: a walk
	 * reads these two. */
	_Atomic uint32_t i_generation;
	uint8_t i_type;
	struct dc_lock i_lock;
	struct hlist_head i_dentry;		/* i_lock; aliases */
	struct dcache *i_dcache;
	const struct inode_operations *i_op;
	void *i_private;
	uint64_t i_ino;
	struct hlist_bl_node i_hash;		/* its bucket's lock; icache.c */
	_Atomic uint32_t i_state;		/* its bucket's lock; 0 if it was never in the table */
	_Atomic uint32_t i_evictor;		/* the thread that runs evict, if in the table */
	_Atomic uint32_t i_complete_expires;	/* in dc_ticks(), if negative entries expire */
	_Atomic uint32_t i_doubts;		/* names invalidated: directory.c, N6 */
	_Atomic uint64_t i_complete;		/* what is known of all names: directory.c */
	struct rwsem i_rwsem;
	union {
		struct list_head i_put;		/* its only reference waits to be put: put.c, Q1 */
		struct reclaim_head i_rcu;	/* without references */
	};
};

/*
 * The owner of a lookup that waits for another lookup, in d_add_ci(): graph.c. Lies with the waiter.
 */
struct graph_waiter {
	struct hlist_node node;
	const struct dentry *holder;	/* in-lookup, the waiter's own; NULL: not in the graph */
	struct dentry *target;		/* what it waits for; referenced */
	uint32_t thread;		/* that sleeps; 0: none does */
	bool reached;			/* by the search that goes on */
	struct graph_waiter *next_reached;
};

/* Changed under the shard's lock; @nr is read without. */
struct lru_list {
	struct list_head list;			/* least recently used first */
	_Atomic uint64_t nr;
};

#define LRU_LISTS 2

struct lru_shard {
	struct dc_lock lock;
	struct lru_list lists[LRU_LISTS];	/* positives, negatives */
	uint64_t turn;
} __attribute__((aligned(64)));

struct deferred;

enum put_kind { PUT_DENTRY, PUT_INODE, NR_PUT_KINDS };

/* References that wait to be put; see put.c. */
struct put_queue {
	struct list_head list;			/* deferred_queue.lock */
	_Atomic uint64_t asked, done;
};

/* What is left to the instance's thread: d_invalidate_deferred() calls that are not done, see prune.c;
 * and puts. */
struct deferred_queue {
	struct dc_lock lock;
	struct dc_lock run;			/* one portion at a time */
	struct deferred *first, **last;		/* lock */
	_Atomic uint64_t asked, done;
	struct put_queue puts[NR_PUT_KINDS];
	struct dentry *put_next;		/* run; NULL: the first of the queue */
	_Atomic uint32_t thread;		/* who runs a portion, or 0 */
};

/* The controlled scheduler has fewer: fewer states. */
#ifndef LRU_SHARDS
#define LRU_SHARDS 16u
#endif
#define NAME_SECRET_SIZE 192
/* Futexes of those who wait for inodes. */
#define INODE_WAIT_WORDS 16u

struct dcache {
	/* Some entry has a d_hash or d_compare: set before the entry can be found, and stays. */
	_Atomic bool own_names;
	/* Some entry may be older than its directory's generation: set before it is, and stays. */
	_Atomic bool outdating;
	/* Fixed after creation. */
	const struct dentry_operations *d_op;
	void *private_data;
	uint64_t positive_ttl_ns;
	uint64_t negative_ttl_ns;
	uint64_t name_secret[NAME_SECRET_SIZE / 8];

	struct hash_table entries;		/* by d_hash: hashed entries */
	struct hash_table in_lookup;		/* by d_in_lookup: in-lookup entries */
	struct hash_table inodes;		/* by i_hash: inodes of iget_locked() */

	/* Moves. rename_seq is odd while one is under way; rename_lock is held then. */
	struct dc_lock rename_lock __attribute__((aligned(64)));
	struct seqcount rename_seq;
	struct dc_lock wait_graph_lock;
	struct hlist_head graph_waiters;	/* wait_graph_lock */
	_Atomic bool dying;			/* nothing is kept after its last reference */
	_Atomic bool crowded;			/* the instance's thread is to keep the limits */
	/* Each changes when an inode of its numbers that somebody waits for is filled or gone. */
	_Atomic uint32_t inode_wait[INODE_WAIT_WORDS];

	struct slab_cache dentry_slabs, inode_slabs;

	struct counters counters;
	_Atomic uint32_t next_lru_shard __attribute__((aligned(64)));
	/* Moves from one directory to another; counted under the d_lock of both. */
	_Atomic uint64_t nr_moves;
	struct dc_lock limits_lock;		/* changing the limits */
	struct dc_lock psi_lock;		/* beginning and ending to watch */
	struct psi_watch *psi;			/* psi_lock */

	struct deferred_queue deferred __attribute__((aligned(64)));
	struct reclaim reclaim __attribute__((aligned(64)));
	struct lru_shard lru[LRU_SHARDS];
};

/* ---- small helpers ---- */

static inline void count_add(struct dcache *dc, enum counter counter, int64_t by)
{
	counter_add(&dc->counters, counter, by);
}

/* There is one hashed negative more or less: @by is 1 or -1. */
static inline void count_negative(struct dcache *dc, int64_t by)
{
	counter_limit_add(&dc->counters, by > 0 ? COUNT_NEGATIVES_MADE : COUNT_NEGATIVES_GONE, 1,
			  LIMIT_NEGATIVES, by);
}

/* Memory comes and goes; or waits for a grace period, and then goes. */
static inline void account_waits(struct dcache *dc, size_t bytes)
{
	counter_limit_add(&dc->counters, COUNT_BYTES_LEFT, (int64_t)bytes, LIMIT_BYTES,
			  -(int64_t)bytes);
}

static inline void dcache_account(struct dcache *dc, int64_t bytes)
{
	if (bytes > 0) {
		counter_limit_add(&dc->counters, COUNT_BYTES_TAKEN, bytes, LIMIT_BYTES, bytes);
	} else {
		account_waits(dc, (size_t)-bytes);
		counter_add(&dc->counters, COUNT_BYTES_FREED, -bytes);
	}
}

static inline void account_waited(struct dcache *dc, size_t bytes)
{
	counter_add(&dc->counters, COUNT_BYTES_FREED, (int64_t)bytes);
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

/* @dentry->d_dcache, by way of the address: for those who read nothing else of the entry. */
static DC_ALWAYS_INLINE struct dcache *dcache_of(const struct dentry *dentry)
{
	return SLAB_BYPASSED ? dentry->d_dcache : slab_owner(dentry);
}

/*
 * What a directory is known by in hashes: its address, or where that differs from one run to the next and must
 * not matter, a number made of its path. Two may have the same.
 */
static DC_ALWAYS_INLINE uint64_t dir_number(const struct dentry *dir)
{
	return SLAB_BYPASSED ? dir->d_number : (uintptr_t)dir;
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

/* May names be looked up in an entry with @inode? 0; -ENOENT: it is negative; -ENOTDIR. */
static inline int dir_check(const struct inode *inode)
{
	if (!inode)
		return -ENOENT;
	return is_dir(inode) ? 0 : -ENOTDIR;
}

/* ---- freshness: invalidate.c ---- */

/* The longest time to live, in ticks: 20 days. */
#define DC_TTL_MAX_NS ((uint64_t)20 * 86400 * 1000000000)
#define DC_TTL_MAX ((uint32_t)(DC_TTL_MAX_NS >> 24) + 1)

/* A clock for times to live: ticks of 17 ms (2^24 ns); wraps after 2.3 years. */
static inline uint32_t dc_ticks(void)
{
	return (uint32_t)(dc_now_ns() >> 24);
}

/* It is not so that what expires has from one tick to the longest time left. What nobody has looked at
 * for the 2.3 years would look good again; a signed difference would have it so after half of that. */
static inline bool dc_expired(uint32_t expires, uint32_t now)
{
	return expires - now - 1 > DC_TTL_MAX;
}

/* Is what is known of @dentry, in @dir, older than the directory's generation? */
static inline bool d_outdated(const struct dentry *dentry, const struct inode *dir)
{
	return atomic_load_explicit(&dentry->d_generation, memory_order_acquire) !=
	       atomic_load_explicit(&dir->i_generation, memory_order_acquire);
}

/* The same, but the inode is read only if something has ever been outdated. */
static inline bool d_outdated_in(const struct dcache *dc, const struct dentry *dentry,
				 const struct inode *dir)
{
	return dc_unlikely(atomic_load_explicit(&dc->outdating, memory_order_acquire)) &&
	       d_outdated(dentry, dir);
}

/* Is @dentry, an entry of the directory @dir, stale? Stores nothing; as of the time of its sequence
 * number in a read section. Without that, one that is being moved may seem so. */
static inline bool d_stale_in(const struct dentry *dentry, const struct inode *dir)
{
	if (d_outdated(dentry, dir))
		return true;
	if (!(atomic_load_explicit(&dentry->d_flags, memory_order_acquire) & DCACHE_EXPIRES))
		return false;
	return dc_expired(atomic_load_explicit(&dentry->d_expires, memory_order_acquire),
			  dc_ticks());
}

/* When what is true for @ttl_ns from now on expires. */
uint32_t dc_expiry(uint64_t ttl_ns);
/* d_lock is held: its time to live begins, as the instance's options say; but a time of its own that an
 * unhashed entry was given stays. */
void d_start_ttl(struct dentry *dentry, bool positive);
/* What is known of the entry is no newer than @generation. */
void d_outdate(struct dentry *dentry, uint32_t generation);
/* d_lock is held: the entry was true in @generation of its directory, or later. */
void d_renew(struct dentry *dentry, uint32_t generation);
/*
 * d_lock of both is held, and @dentry is about to take the place of @target. @found: because it was
 * found there, by whoever asked for @target's name; otherwise because it was renamed, so that what was
 * no longer known to be true is not now. Return: its generation there.
 */
uint32_t d_moved_generation(const struct dentry *dentry, const struct dentry *target, bool found);
/* The same, @found, and d_seq of @dentry is odd: it gets the time to live of what was found. */
void d_found_ttl(struct dentry *dentry, const struct dentry *target);
/* d_revalidate() of an entry that was seen in @parent, which is referenced. */
int revalidate_in(struct dentry *dentry, struct dentry *parent, unsigned int flags);

/* ---- directory.c ---- */

/* Nonzero: @dir is complete, and the same as long as it is so without a break. Who reads the same before
 * and after an exact miss knows that the name is absent, see directory.c. */
uint64_t dir_complete_stamp(const struct inode *dir);
/* Not more than a hint for who has missed: it may be complete only since then. */
static inline bool dir_is_complete(const struct inode *dir)
{
	return dir_complete_stamp(dir) != 0;
}
/* The caller owns the lookup @dentry in @dir: if the directory is complete, end it by adding the
 * negative entry. */
bool dir_knows_absent(struct inode *dir, struct dentry *dentry);
/* A name of @dir is about to be cached no longer, though it exists. d_unhash() says it. */
void dir_lose(struct inode *dir);
/* @dir is not complete, whatever is being listed. */
void dir_not_complete(struct inode *dir);
/* The same because a name is not what it was: what a listing has yet to add is not cached. To be called
 * before the name can be missed, or asked for. */
void dir_doubt(struct inode *dir);

/* ---- name.c ---- */

int name_secret_init(struct dcache *dc, uint64_t seed);
/* A keyed hash of an inode's number. */
uint64_t number_hash(const struct dcache *dc, uint64_t number);
/* "." and "..", which no entry bears. */
static inline bool name_is_dots(const struct qstr *name)
{
	return name->name && (name->len == 1 || name->len == 2) &&
	       ((const char *)name->name)[0] == '.' && ((const char *)name->name)[name->len - 1] == '.';
}

/* 0, -EINVAL, -ENAMETOOLONG */
int name_check(const struct qstr *name);
/* Copy @name to @out, with its hash in @parent. 0, -EINVAL or -ENAMETOOLONG for its length, or
 * what d_hash says. The bytes are not looked at. */
int name_prepare(const struct dentry *parent, const struct qstr *name, struct qstr *out);
/* Store a prepared name in a new entry. -ENOMEM */
int name_set(struct dentry *dentry, const struct qstr *name);
/* Nobody has seen it. */
void name_discard(const struct dentry *dentry);
/* Take @from's name; d_lock of both and d_seq of @to are held. Returns the external name that @to
 * had, for external_name_put(). */
struct external_name *name_take(struct dentry *to, const struct dentry *from);
/* Swap two names; the same locks, and d_seq of both. */
void name_swap(struct dentry *a, struct dentry *b);
/* The external name of an entry whose name cannot change, or NULL. */
struct external_name *name_external(const struct dentry *dentry);
void external_name_put(struct external_name *name);
/* @dentry is dead: if nobody shares its name, that waits for a grace period too. */
void name_waits(const struct dentry *dentry);
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
/* What the tables choose a bucket by: of a prepared name in @parent; of an entry, which cannot change. */
uint64_t table_hash(const struct dentry *parent, const struct qstr *name);
uint64_t table_hash_of(const struct dentry *dentry);
/* The same of nodes, for the tables of entries and of in-lookup entries. */
uint64_t entries_hash(const struct hlist_bl_node *node);
uint64_t in_lookup_hash(const struct hlist_bl_node *node);
/* After changes to the tables, with no lock held: a little of what resizing them takes. */
static inline void tables_tend(struct dcache *dc)
{
	if (atomic_load_explicit(&dc->dying, memory_order_relaxed))
		return;
	table_tend(&dc->entries);
	table_tend(&dc->in_lookup);
	table_tend(&dc->inodes);
}

enum d_found {
	D_FOUND,	/* *found is referenced */
	D_MISSED,	/* it is not there; exact if no move was under way */
	D_BUSY,		/* leave the read section, dput(*found), yield, come again */
	D_FULL,		/* it is there, and its count is full */
};

/* d_lookup_rcu() of a prepared name. */
struct dentry *lookup_rcu(const struct dentry *parent, const struct qstr *name, uint32_t *seq);
/* In a read section. */
enum d_found lookup_get(struct dentry *parent, const struct qstr *name, struct dentry **found);
/* The same by tries alone: D_BUSY leaves nothing to be put, and stands for D_FULL, too. */
enum d_found lookup_try(struct dentry *parent, const struct qstr *name, struct dentry **found);
/* d_lookup() of a prepared name. ERR_PTR(-EOVERFLOW): it is there, but its count is full. */
struct dentry *lookup_exact(struct dentry *parent, const struct qstr *name);

/* ---- batch.c ---- */

/* A processor has some ten to sixteen lines on their way at once. By Benchmarks/batch.c eight names leave
 * time unused, and 24 or 32 are no gain that stands out. */
#ifndef BATCH_GROUP
#define BATCH_GROUP 16u
#endif

/* The next of @left requests that go together. */
static inline size_t batch_group(size_t left)
{
	return left < BATCH_GROUP ? left : BATCH_GROUP;
}

/*
 * Ask for what lookups of up to BATCH_GROUP names are going to read. In a read section. Names are hashed;
 * @dentry is NULL, or the error of one that is no good. @referenced: they take references.
 */
void look_ahead(struct d_lookup_request *requests, size_t n, bool referenced);

/* ---- dentry.c ---- */

/* A new root (@flags: 0) or disconnected entry (DCACHE_DISCONNECTED) of @inode's instance. */
struct dentry *root_alloc(const struct inode *inode, uint32_t flags);
/* As d_alloc(), for a prepared and checked name. */
struct dentry *dentry_alloc(struct dcache *dc, struct dentry *parent, const struct qstr *name);
/* A new entry that nobody has seen: free it at once, but for the grace period. */
void dentry_discard(struct dentry *dentry);
/* A new entry that has no reference on @parent yet, and is counted by the limit, for which no room was
 * made; or -ENOMEM. */
struct dentry *dentry_alloc_bare(struct dentry *parent, const struct qstr *name);
/* Nobody has seen it: free it, without a look at anything else. */
void dentry_discard_bare(struct dentry *dentry);
/* Put a reference; if it is the last, free the entry even if it is hashed. True: it was freed. */
bool dentry_kill(struct dentry *dentry);
/* A part of dput(). Return: what is to be put next, or NULL. */
struct dentry *dput_step(struct dentry *dentry);
/* The reference could not be put without the lock: put it if no operation is called and nothing is freed.
 * False: it still is the caller's, and the only one, or was just now; and the entry is not on the LRU. */
bool dput_if_harmless(struct dentry *dentry);
/* Put a reference that was taken to look at the entry: it does not look used because of that. */
void dput_quietly(struct dentry *dentry);
/* d_lock is held: its last put frees it, even if it is hashed. */
void d_dontcache(struct dentry *dentry);
/* The d_lock of both is held and @dentry is being put, or hashed again, below @parent: it is to be kept
 * as far as that is; see prune.c, N4. */
void d_take_mark(struct dentry *dentry, const struct dentry *parent);
/* d_lock is held and the entry is hashed: it no longer is, and a positive one is lost to its
 * directory. (publish.c) */
void d_unhash(struct dentry *dentry);
/* The same where the name is gone from the directory, too: deleted, or moved away. */
void d_unhash_gone(struct dentry *dentry);
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
/* It failed: @inode, if any, is known to be there and not cached. Consumes it. */
void d_not_added(struct dentry *dentry, struct inode *inode);
/* Lock the bucket where (@dir, @name) belongs, having made sure that no entry there bears that name.
 * NULL: one does. d_compare may run, while no bucket is locked. */
struct bucket *bucket_lock_vacant(struct dentry *dir, const struct qstr *name);
/* d_lock of @dentry is held: put it into @bucket, which is locked. */
void d_hash_locked(struct dentry *dentry, struct bucket *bucket);

/* ---- lru.c ---- */

void lru_init(struct dcache *dc);
/* d_lock is held. */
void d_lru_add(struct dentry *dentry);
void d_lru_del(struct dentry *dentry);
/* The same: it has turned positive or negative. */
void d_lru_turned(struct dentry *dentry);
/* Free up to @nr unused entries, looking at @looks at most; @all: do not spare what was used again. */
size_t lru_shrink(struct dcache *dc, size_t nr, size_t looks, bool all);
uint64_t lru_count(const struct dcache *dc);
/* No lock is held, in all of these. Something of a name with that @hash has been counted: free what it
 * is too much, if anything. */
void lru_make_room(struct dcache *dc, uint32_t hash);
/* @dentry is about to be a hashed negative: room for it. Return: for negative_end(), once it is one, or
 * will not be. */
bool negative_begin(struct dcache *dc, const struct dentry *dentry);
void negative_end(struct dcache *dc, bool begun);
/* Free all that is unused and too much. */
void lru_keep_limits(struct dcache *dc);

/* ---- shrink.c ---- */

/* The least that dcache_limits.max_bytes may be. */
#define MIN_MAX_BYTES ((size_t)1 << 20)

/* -EINVAL. limits_lock is held, or nobody else uses the instance yet. */
int limits_set(struct dcache *dc, const struct dcache_limits *limits);

/* ---- psi.c ---- */

/* Until it is resumed, or ended, no shrinking is begun, and none is under way when this returns. */
void psi_pause(struct dcache *dc);
void psi_resume(struct dcache *dc);
/* Watch no more. */
void psi_end(struct dcache *dc);

/* ---- put.c ---- */

void puts_init(struct dcache *dc);
/* Do something of what is left to the thread: run is taken, and who has it noted. False: somebody else has
 * it, and the caller does not @wait. */
bool portion_begin(struct deferred_queue *deferred, bool wait);
void portion_end(struct deferred_queue *deferred);
/* Within a portion: do some of the puts that wait. */
void puts_portion(struct deferred_queue *deferred);
uint64_t puts_pending(const struct deferred_queue *deferred);
/* No lock is held: a few, in a portion of their own, unless somebody is at one already. */
void puts_make_room(struct deferred_queue *deferred);

/* ---- prune.c ---- */

/* No lock is held. @dentry was moved to another directory: if that is below what was invalidated, so
 * is what lies below @dentry. */
void prune_moved(struct dentry *dentry);
void deferred_init(struct deferred_queue *queue);
/* Do a portion of what was deferred. Return: is there more? */
bool deferred_work(struct deferred_queue *queue);
/* Wait until all that was deferred before is done, by doing it; nothing from within it. */
void deferred_barrier(struct deferred_queue *queue);
/* Is this thread in such a portion? */
bool deferred_is_self(const struct deferred_queue *queue);
uint64_t deferred_pending(const struct deferred_queue *queue);

/* ---- inode.c ---- */

bool inode_type_is_known(enum inode_type type);
/* An inode with one reference, counted, without type, operations and private pointer. NULL: no memory. */
struct inode *inode_alloc(struct dcache *dc, uint64_t ino);
/* Nobody has seen it. */
void inode_discard(struct inode *inode);
/* Put a reference, unless it is the only one. */
bool iput_unless_last(struct inode *inode);

uint32_t dir_seq_read(const struct inode *dir);
bool dir_seq_is_odd(uint32_t seq);
/* Wait until the sequence is even. Not in a read section. */
void dir_seq_wait(struct inode *dir);
/* Make it odd: nobody else's lookup in @dir ends by adding until dir_seq_end(). */
void dir_seq_begin(struct inode *dir);
void dir_seq_end(struct inode *dir);
/* It is not what it was, and as odd as it was: whoever missed a name before looks again. Sequentially consistent,
 * as dir_seq_read(): parallel.c, P10. */
void dir_seq_announce(struct inode *dir);

/* ---- icache.c ---- */

/* For the table of inodes. */
uint64_t inodes_hash(const struct hlist_bl_node *node);
/* It has no type yet, or never will: no entry may have it. */
bool inode_is_unfilled(const struct inode *inode);
/* Before and after the evict operation. */
void icache_evict_begin(struct inode *inode);
void icache_evict_end(struct inode *inode);

/* ---- alias.c ---- */

/* Unhash a negative that the filesystem has just been seen to belie; nothing if it is positive. */
void drop_negative(struct dentry *dentry);

/* ---- wait.c, async.c, graph.c, parallel.c ---- */

#include "waiting.h"

/* ---- move.c ---- */

/* What a move leaves to be done when no lock is held. */
struct move {
	struct lookup_end end;
	struct dentry *old_parent;
	struct external_name *had_name;
	bool moved;
};

#define MOVE_INIT { LOOKUP_END_INIT, NULL, NULL, false }

/*
 * Move @dentry to @target's parent and name; @target ends unhashed, and if it was in-lookup it no
 * longer is. @replace: it may have been hashed and positive; otherwise it was found to be @dentry, and
 * is never to be hashed. rename_lock is held; neither is above the other; only a disconnected @dentry
 * is a root.
 * Return: 0; -EEXIST: the name is taken; -EINVAL: they are not as they should be. After an error
 * nothing has changed.
 */
int move_entry(struct dentry *dentry, struct dentry *target, bool replace, struct move *move);
/* No lock is held: tell @target's waiters that @dentry is what they wanted, put what is left. */
void move_end(struct move *move, struct dentry *dentry);
void rename_write_lock(struct dcache *dc);
void rename_write_unlock(struct dcache *dc);
/* Is @ancestor @dentry or above it? rename_lock is held. */
bool is_ancestor(const struct dentry *ancestor, const struct dentry *dentry);

/* ---- path.c ---- */

/*
 * Reading what several entries say together: at first as it comes; if there was a move meanwhile, once
 * more with moves kept out.
 */
struct still {
	struct dcache *dc;
	uint32_t rename_seq;
	bool excluding_moves;
};

#define STILL_INIT(dc_) { (dc_), 0, false }

/* Enters a read section, which still_end() leaves. */
void still_begin(struct still *still);
/* True: what was read was so at one moment. False: read it again. */
bool still_end(struct still *still);

#pragma GCC visibility pop

#endif /* DCACHE_INTERNAL_H */
