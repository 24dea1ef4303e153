/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recorded operations on a small tree: each calls the cache and notes what came of it.
 *
 * The same with real threads (record.c) and under the controlled scheduler (scenarios_history.c),
 * which compiles this file with instrumentation.
 */
#ifndef DCACHE_HISTORY_OPERATIONS_H
#define DCACHE_HISTORY_OPERATIONS_H

#include <dcache.h>
#include <stdatomic.h>

#include "history.h"

#define LANE_HELD 6

/* What one thread has done, and the entries that it has references on. */
struct lane {
	struct op *ops;
	unsigned int nr, max;
	uint8_t thread;
	uint8_t nr_held;
	bool shrinking;
	bool asking; /* for asked_cell; should it wait, that is noted */
	uint8_t asked_cell;
	bool overflow;	/* something was not noted */
	uint32_t began; /* stamp before the call under way */
	uint32_t made;	/* entries, inodes and errors so far */
	/* What the backend, called in this lookup, has noted of it. */
	uint16_t asked;
	uint32_t asked_outcome;
	struct held {
		struct dentry *dentry;
		uint16_t entry;
		uint8_t cell; /* where it was made */
	} held[LANE_HELD];
};

/* The tree. */
struct stage {
	struct dcache *dc;
	struct dentry *dirs[HISTORY_DIRS]; /* referenced; NULL: not there */
	/* Directories are locked as the contract says: then names may be added besides by lookups. */
	bool locked;
	_Atomic uint32_t *clock;
	void (*pause)(void);		      /* an owner is asking its backend; may be NULL */
	void (*before_call)(void);	      /* may be NULL */
	_Atomic(struct dentry *) handed_over; /* referenced, in-lookup */
	/* Of each entry, a word of its own: other threads number their entries at the same time. */
	uint32_t cell_of[HISTORY_ENTRIES];    /* where it was made */
	uint32_t is_outcome[HISTORY_ENTRIES]; /* given to those who wait, though not hashed */
	/* Behind the cache (store.c): what is true, by the directory's lock. */
	bool has_truth;
	uint32_t truth[HISTORY_CELLS];
	/* The same, by no lock (outside.c); then entries and references are not recorded. */
	bool has_outside;
	_Atomic uint32_t outside[HISTORY_CELLS];
};

extern struct stage stage;
extern const struct dentry_operations stage_entry_ops;
extern const struct inode_operations stage_file_ops;

/* The program's: of the calling thread; NULL: nothing is recorded. */
struct lane *lane_current(void);

struct qstr cell_name(unsigned int cell);
struct dentry *cell_parent(unsigned int cell);

/* ---- recording ---- */

static inline uint32_t stamp(void)
{
	return atomic_fetch_add_explicit(stage.clock, 1, memory_order_seq_cst);
}

/* Room for what one action can record. */
#define LANE_MARGIN 16

static inline bool lane_full(const struct lane *lane)
{
	return lane->nr + LANE_MARGIN > lane->max ||
	       lane->made + LANE_MARGIN > HISTORY_ENTRIES / HISTORY_THREADS;
}

/* A call is about to begin. */
void call(struct lane *lane);
/* Note an operation of the call under way, or just ended, that had happened by @end. */
void note(struct lane *lane, uint32_t end, enum kind kind, unsigned int cell, unsigned int entry,
	  uint32_t value);
/* Give a new entry its number. */
uint16_t number_entry(struct lane *lane, struct dentry *dentry, unsigned int cell);
uint16_t entry_number(const struct dentry *dentry);
/* The same of a referenced entry that was found at @cell, and may have been made by d_add_ci(). */
uint16_t found_number(struct lane *lane, struct dentry *dentry, unsigned int cell);
uint32_t new_number(struct lane *lane);
struct inode *new_file(struct lane *lane, uint32_t *number);
/* The thread waits for a lookup. */
void note_parked(struct lane *lane, const struct dentry *dentry);
/* What d_alloc_parallel() or a resolve has got by waiting, or as an outcome, by @end. */
void note_outcome(struct lane *lane, uint32_t end, unsigned int cell, uint32_t outcome);

/* ---- operations ---- */

enum answer {
	ANSWER_FILE,
	ANSWER_NEGATIVE,
	ANSWER_ERROR,
	ANSWER_NONE,
	ANSWER_REDIRECT,  /* to an entry of another name */
	ANSWER_NEW_ALIAS, /* to one that is nowhere hashed */
	ANSWER_DIRECTORY, /* @arg: which */
	ANSWER_ABANDON,	  /* not in a checked build */
	ANSWERS
};

void act_look_up(struct lane *lane, unsigned int cell);
void act_look_up_rcu(struct lane *lane, unsigned int cell, bool take);
/* @own_queue: the entry brings its wait queue. */
void act_ask(struct lane *lane, unsigned int cell, enum answer answer, unsigned int arg,
	     bool own_queue);
/* Ask, and leave it to act_take_over() of another thread to answer, if one comes by; wait for that. */
void act_hand_over(struct lane *lane, unsigned int cell, enum answer answer, unsigned int arg);
/* Answer what another has left; not ANSWER_ABANDON. */
void act_take_over(struct lane *lane, enum answer answer, unsigned int arg);
void act_add(struct lane *lane, unsigned int cell, bool positive);
void act_shrink(struct lane *lane, unsigned int nr);
/* Of the @i-th held entry. */
void act_put(struct lane *lane, unsigned int i);
void act_read(struct lane *lane, unsigned int i);
void act_is_hashed(struct lane *lane, unsigned int i);
void act_drop(struct lane *lane, unsigned int i);
void act_invalidate(struct lane *lane, unsigned int i);
void act_delete(struct lane *lane, unsigned int i);
void act_rehash(struct lane *lane, unsigned int i);
/* As it is, but to be added. */
void act_add_again(struct lane *lane, unsigned int i);
void act_instantiate(struct lane *lane, unsigned int i);
/* Put it, and come back to it by its inode. */
void act_obtain(struct lane *lane, unsigned int i);
void act_parent(struct lane *lane, unsigned int i);
/* Directory @dir takes the place of the @i-th held entry. The names of directories are locked. */
void act_replace(struct lane *lane, unsigned int i, unsigned int dir);
/* Two directories exchange their places. */
void act_exchange(struct lane *lane, unsigned int a, unsigned int b);
void act_path(struct lane *lane, unsigned int i);
void act_put_all(struct lane *lane);
/* Keep @dentry, if need be instead of another. */
void hold(struct lane *lane, struct dentry *dentry, unsigned int entry);

/* ---- a filesystem behind the cache: store.c ---- */

extern const struct inode_operations store_dir_ops;
/* Cells of names "N..." are other spellings of the names before. */
#define STORE_FILES 3
unsigned int store_cell(unsigned int cell);

enum mood { MOOD_TRUE, MOOD_ERROR, MOOD_UNCACHED };

/* How the backend answers next, in this thread. */
enum mood store_mood(void);
void act_resolve(struct lane *lane, unsigned int cell);
void act_create(struct lane *lane, unsigned int cell);
void act_unlink(struct lane *lane, unsigned int cell);
void act_rename(struct lane *lane, unsigned int from, unsigned int to);

/* ---- a store that changes by itself: outside.c ---- */

extern const struct inode_operations outside_dir_ops;
void act_resolve_outside(struct lane *lane, unsigned int cell);
void act_walk_outside(struct lane *lane, unsigned int cell, bool cached);
void act_look_up_outside(struct lane *lane, unsigned int cell);
void act_look_up_outside_rcu(struct lane *lane, unsigned int cell);
/* Change the truth; then invalidate the name, or all names of its directory, of which the first @nr
 * are used. */
void act_change_name(struct lane *lane, unsigned int cell);
void act_change_children(struct lane *lane, unsigned int cell, unsigned int nr);
/* Invalidate the entry, if there is one. */
void act_invalidate_found(struct lane *lane, unsigned int cell);

#endif /* DCACHE_HISTORY_OPERATIONS_H */
