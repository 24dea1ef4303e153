/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tree of names must look like: a plain second implementation of the contracts, for one
 * call at a time. It knows nothing of chains, buckets, sequences or locks of the core; a search is
 * a loop over all entries.
 *
 * Each entry here belongs to one of the core. oracle_check() compares all that can be seen of the
 * two. What the contracts leave open (which unused entry is evicted) is taken from the core and
 * checked against what they forbid.
 */
#ifndef DCACHE_FUZZ_ORACLE_H
#define DCACHE_FUZZ_ORACLE_H

#include "floor.h"
#include "internal.h"

#define MAX_ENTRIES 200
#define MAX_INODES 300
#define MAX_ERRORS 12
#define MAX_DEFERRED 16
#define MAX_PUTS 32
#define LISTINGS 2

struct m_inode {
	struct inode *real;
	bool directory;
	bool foreign; /* of another instance */
	bool backend; /* has a lookup operation */
	bool symlink;
	int link; /* what get_link says, in program_input.c */
	uint32_t generation;
	bool complete;
	unsigned int doubts; /* times that something of it was said not to be true */
	int refs;
	int evicted, released; /* times that the core said so */
	/* Its lock: who holds it, and who waits, first come first served. */
	int readers;
	bool writer;
	int queue[FLOOR_THREADS];
	int queued;
};

struct m_name {
	const char *bytes;
	size_t len;
};

struct m_entry {
	struct dentry *real;
	struct m_entry *parent; /* itself: a root, or disconnected */
	char name[DCACHE_NAME_MAX];
	size_t len;
	struct m_inode *inode;
	bool alive;  /* not freed */
	bool gone;   /* the core said that it is freed */
	bool marked; /* it is, or is below, what was invalidated, and not kept */
	bool hashed;
	bool in_lookup;
	bool ended;	/* its lookup ended with an outcome */
	bool overtaken; /* ... that came too late */
	bool listed;	/* on its parent's list */
	bool disconnected;
	uint32_t generation; /* of its directory, when it was known to be true */
	bool busy;	     /* somebody is in a call that must find it in-lookup */
	int refs;
	int nr_waiters;
	int owner; /* thread, or -1 */
	unsigned int changes;
	struct queue_head *wq;
	/* The LRU before the call. */
	int lru_place; /* -1: not on it */
	bool lru_again;
	bool lru_unused;
};

/* A queue head that the program lent to lookups of a thread. */
struct queue_head {
	struct wait_queue_head head;
	int users; /* lookups that are under way, and calls */
};

/* @entry's lookup ends: those who are registered are to be told that, @error or @alias, or nothing.
 * (program_async.c) */
void requests_told(struct m_entry *entry, int error, struct m_entry *alias);
/* One less; the last frees it. (fuzz_program.c) */
void queue_head_put(struct queue_head *head);

/* Of several reasons for which a call may fail, the contracts do not say which it gives. */
struct errors {
	int n;
	int e[MAX_ERRORS];
};

enum asking_state {
	ASKING_START,
	ASKING_PARKED,
	ASKING_FOUND, /* found is referenced */
	ASKING_OWN,
	ASKING_ERROR,
};

/* What a thread is doing in a call that may sleep. */
struct actor {
	bool busy;
	void (*advance)(int thread); /* as far as it can go now */
	/* d_alloc_parallel(), also within others */
	enum asking_state state;
	struct m_entry *dir;
	struct m_name name;
	struct m_entry *holder; /* d_add_ci()'s */
	struct m_entry *waits;
	bool told;
	bool outdated; /* what it waits for was not true any more when it came */
	int error;
	bool shared; /* the error is another's */
	bool joined; /* what it found is another's answer */
	struct m_entry *alias, *found;
	/* a directory's lock */
	struct m_inode *lock;
	bool lock_writer, granted;
};

/* A directory that is being listed. */
struct m_listing {
	struct dir_listing real;
	struct m_entry *dir; /* referenced; NULL: none */
	uint32_t generation;
	unsigned int doubts; /* of the directory, when it began */
	bool lost, failed;
};

/* What d_invalidate_deferred() has left to do. */
struct m_deferred {
	struct m_entry *top;	 /* referenced */
	bool child[MAX_ENTRIES]; /* it had then, and has not left since */
};

struct oracle {
	struct dcache *dc;
	struct m_entry entries[MAX_ENTRIES];
	int nr_entries;
	struct m_inode inodes[MAX_INODES];
	int nr_inodes;
	struct actor actors[FLOOR_THREADS];
	bool folds; /* names are compared without case */
	bool dying; /* nothing is kept */
	bool may_evict;
	uint64_t started, waited, shared, overtaken, evicted, renames;
	struct m_listing listings[LISTINGS];
	struct m_deferred deferred[MAX_DEFERRED];
	int nr_deferred;
	/* References that wait to be put. */
	struct m_entry *puts[MAX_PUTS];
	int nr_puts;
	struct m_inode *iputs[MAX_PUTS];
	int nr_iputs;
	int unknown_deaths; /* of entries that no call returned: expected */
	int unknown_gone;   /* seen */
};

extern struct oracle oracle;

void oracle_begin(void);

struct m_inode *m_inode_new(struct inode *real, bool directory, bool foreign, bool backend);
void m_inode_put(struct m_inode *inode);
struct m_entry *m_new(struct dentry *real, struct m_entry *parent, struct m_name name);
struct m_entry *m_get(struct m_entry *entry);
void m_put(struct m_entry *entry);
/* Without references: it is freed. */
void m_kill(struct m_entry *entry);
/* The core's d_release says that it is gone; NULL: one that it never gave out. */
void m_gone(struct m_entry *entry);

struct m_name m_name_of(const struct m_entry *entry);
bool m_equal(struct m_name a, struct m_name b);
struct m_entry *m_hashed(const struct m_entry *dir, struct m_name name);
struct m_entry *m_in_lookup(const struct m_entry *dir, struct m_name name);
/* A directory's entry; a file's: any. */
struct m_entry *m_alias(const struct m_inode *inode);
bool m_is_ancestor(const struct m_entry *ancestor, const struct m_entry *entry);

/* A directory is not complete, nor will be what is listing it. */
void m_lose(struct m_inode *dir);
/* ... and what is listing it caches nothing any more. */
void m_doubt(struct m_inode *dir);
/* It is on its parent's list now, and as true as that. */
void m_list(struct m_entry *entry);
void m_unhash(struct m_entry *entry);
/* ... since the name is not there any more. */
void m_unhash_gone(struct m_entry *entry);
/* Free what is unused below it; returns how many. */
long m_prune(struct m_entry *top);
/* Unhashed, and not kept. */
void m_cut_off(struct m_entry *entry);
/* What d_invalidate() does. */
void m_invalidate(struct m_entry *entry);
void m_invalidate_deferred(struct m_entry *entry);
/* dput_deferred(): every entry has a d_delete operation, so the last always waits. */
void m_put_later(struct m_entry *entry);
void m_inode_put_later(struct m_inode *inode);
/* All that is deferred. */
void m_run_deferred(void);
/* There was no memory to look at all below @top: take from the core what it did. */
void m_resync(struct m_entry *top);
bool m_stale(const struct m_entry *entry);
/* It was found not to be true: by @asking, or because it is stale. */
void m_not_true(struct m_entry *entry, struct m_inode *dir);
/* Known to be true in @generation, or no later. */
void m_renew(struct m_entry *entry, uint32_t generation);
void m_outdate(struct m_entry *entry, uint32_t generation);
/* Is anything not true of what there is? */
bool oracle_doubts(void);
void m_set_inode(struct m_entry *entry, struct m_inode *inode);
void m_clear_inode(struct m_entry *entry);
/* It gets @inode, or not, and is hashed, unless it is in-lookup and was overtaken. */
void m_publish(struct m_entry *entry, struct m_inode *inode);
void m_end(struct m_entry *entry, int error, struct m_entry *alias);
/* The same by who was asked, which may come too late. */
void m_answer(struct m_entry *entry, int error, struct m_entry *alias);
/* What is there, and was found too late to be hashed in @dir, is lost. */
void m_found_late(struct m_inode *dir);
/* A name has changed: an answer that is on its way comes too late. */
void m_overtake(const struct m_entry *dir, struct m_name name);
/* @generation: what it has in @parent. */
void m_move(struct m_entry *entry, struct m_entry *parent, struct m_name name, uint32_t generation);
/* ... if it is renamed. */
uint32_t m_moved_generation(const struct m_entry *entry, const struct m_entry *parent);
void m_exchange(struct m_entry *a, struct m_entry *b);

void add_error(struct errors *errors, int error);
bool has_error(const struct errors *errors, long error);
void name_errors(struct errors *errors, const struct qstr *name);
void dir_errors(struct errors *errors, const struct m_entry *dir);
/* Of d_add(); @entry: what is to be published. */
void publish_errors(struct errors *errors, const struct m_entry *entry,
		    const struct m_inode *inode);

/* Begin to ask for a name, and go on with it: until an answer, or parked. */
void asking_begin(int thread, struct m_entry *dir, struct m_name name, struct m_entry *holder);
void asking_step(int thread);

bool m_try_lock(struct m_inode *inode, bool writer);
/* True: had at once. Otherwise the thread is queued. */
bool m_lock(int thread, struct m_inode *inode, bool writer);
void m_unlock(struct m_inode *inode, bool writer);

/* Before a call that may evict. */
void oracle_before_eviction(void);
/* What is unused and was freed meanwhile was evicted. Returns how many were. */
size_t oracle_adopt(void);
/* The same within a call that made an entry in @dir, and then spliced it. */
void oracle_adopt_before_splice(const struct m_entry *dir);
/* What the core freed meanwhile must be what had to be freed, or could. @ordered: nothing but
 * eviction happened. Returns how many were evicted. */
size_t oracle_settle(bool ordered);
void oracle_check(void);
/* Every name of @names in @dir. */
void oracle_check_names(const struct m_entry *dir, const struct m_name *names, size_t count);
void oracle_check_path(const struct m_entry *entry);
/* d_path() from @root, or NULL, and who is above whom. */
void oracle_check_place(const struct m_entry *entry, const struct m_entry *root);

#endif /* DCACHE_FUZZ_ORACLE_H */
