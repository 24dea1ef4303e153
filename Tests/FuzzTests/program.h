/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of fuzz_program share: the bytes as arguments, what the program holds, and the
 * calls.
 */
#ifndef DCACHE_FUZZ_PROGRAM_H
#define DCACHE_FUZZ_PROGRAM_H

#include "oracle.h"

#define HANDLES 20
#define INODE_HANDLES 6
#define GOOD_NAMES 16

/* What a thread's call was given. */
struct call {
	struct m_entry *dir, *entry;
	struct qstr name;
	struct queue_head *head;
	struct m_inode *inode;
	struct inode *real_inode;
	int kind;
	/* lookup_*() */
	enum { FIRST, LOCK, ASK, BACKEND, DONE } stage;
	bool locks;
	struct m_entry *owned, *answer;
	uint32_t begun; /* the directory's generation, when lookup_slow() began */
	bool again;
	int error;
};

/* ---- program_input.c ---- */

extern const uint8_t *input, *input_end;
extern bool tracing;
/* References that the program has. */
extern struct m_entry *handles[HANDLES];
extern struct m_inode *inode_handles[INODE_HANDLES];
extern struct call calls[FLOOR_THREADS];
extern bool revalidates;       /* the entries have d_revalidate */
extern bool crowded;	       /* all names share a shard of the LRU */
extern bool many_calls;	       /* the input says all calls, see fuzz_program.c */
extern struct dcache *foreign; /* another instance, or NULL */
extern char longest[DCACHE_NAME_MAX + 1];
extern const struct m_name good_names[GOOD_NAMES];
extern struct dentry_operations operations;
void set_operations(void);

uint8_t byte(void);
/* Something for libFuzzer to see. */
void feature(unsigned int kind, unsigned int a, unsigned int b);
void said(unsigned int line, const char *format, ...) __attribute__((format(printf, 2, 3)));
void said_nothing(void);
#define say(...) said(__LINE__, __VA_ARGS__)
/* The error that a call returned, or 0, for say(). */
long outcome(const void *real);
int number_of(const struct m_entry *entry);

struct qstr pick_name(void);
struct m_name m_name(const struct qstr *name);
bool any_entry(const struct m_entry *entry);
bool is_directory(const struct m_entry *entry);
bool is_asked_for(const struct m_entry *entry);
/* Of the entries that the program holds and @wanted accepts: one, or NULL. */
struct m_entry *pick_where(bool (*wanted)(const struct m_entry *), uint8_t b);
struct m_entry *pick_entry(void);
struct m_entry *pick_dir(void);
struct m_inode *make_inode(struct dcache *dc, bool directory, bool backend);
struct m_inode *make_link(uint8_t link);
void pick_inode(struct call *call);

void put_entry(struct m_entry *entry);
struct m_entry *get_entry(struct m_entry *entry);
int free_handles(void);
void keep(struct m_entry *entry);

/* ---- program_calls.c ---- */

bool ran_out(const void *real);
bool failed(const struct errors *errors, const void *real);
void checks(const void *real, const struct m_entry *expected);
void hash_maybe(struct m_entry *dir, struct qstr *name, bool yes);
void splice(struct errors *errors, struct call *call, struct m_entry *entry, struct m_entry *parent,
	    struct m_name name, struct m_entry **moved);
void spliced(struct m_entry *moved, struct m_entry *entry, bool in_lookup, struct m_entry *parent,
	     struct m_name name, uint32_t generation);
void not_added(const struct m_entry *entry, const struct m_inode *inode);
void splice_lists(struct call *call, struct m_entry *entry, const struct m_entry *moved);
void drop_inode(struct call *call);

void op_alloc(struct call *call);
void op_add(struct call *call, int which);
void op_rehash(struct m_entry *entry);
void op_delete(struct m_entry *entry);
struct m_entry *op_splice(struct call *call, struct m_entry *entry, int *error);
void op_obtain(struct call *call);
void op_make_root(struct call *call);
void op_lookup(struct call *call, bool hash);
/* Requests for names in @dirs. No more than handles that are spare in any case. */
#define BATCH_REQUESTS 4
void op_lookup_batch(struct d_lookup_request *requests, struct m_entry *const *dirs, size_t n);
void op_end(struct m_entry *entry, uint8_t how, uint8_t arg);

/* ---- program_waits.c ---- */

/* Heads that a thread lends to several lookups. */
extern struct queue_head *shared_heads[FLOOR_THREADS];
/* The lock that a thread holds, by its calls of inode_lock(), with a reference on the inode. */
extern struct m_inode *held[FLOOR_THREADS];
extern bool held_writer[FLOOR_THREADS];
extern int revalidation; /* what d_revalidate says next */

struct queue_head *pick_head(int thread, uint8_t how);
struct m_entry *owned(int thread, struct dentry *real, struct queue_head *head);
struct m_entry *said_absent(struct m_entry *dir, struct m_name name, bool put);
void fiber_parallel(int thread);
void fiber_wait(int thread);
void fiber_lock(int thread);
void fiber_add_ci(int thread);
void fiber_lookup(int thread);
void advance_wait(int thread);
void advance_ci(int thread);
void advance_lookup(int thread);
int revalidate(struct dentry *dentry, unsigned int flags);
struct dentry *backend_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags);

/* ---- program_async.c ---- */

#define REQUESTS 4

void requests_begin(void);
/* All that has been told was told right, and is put. */
void requests_check(void);
/* Nobody waits any more. */
void requests_end(void);
/* @limited: the instance has limits. */
void op_async(int thread, uint8_t how, bool limited);

/* ---- program_tree.c ---- */

/* The entry that is hashed in @dir under @name, and that the oracle does not know yet. */
struct dentry *unseen(const struct m_entry *dir, struct m_name name);
void op_move(struct m_entry *entry, struct m_entry *target);
void op_exchange(struct m_entry *a, struct m_entry *b);
void op_shrink_parent(struct m_entry *top);
void op_invalidate(struct m_entry *entry, bool deferred);
void op_invalidate_inode(struct m_inode *inode);
void op_invalidate_name(struct m_entry *dir, struct qstr *name);
void op_invalidate_children(struct m_entry *dir);
void op_visit(struct m_entry *top, bool deep, uint8_t how);
void op_aliases(struct m_inode *inode, uint8_t how);
void op_list_begin(struct m_listing *listing, struct m_entry *dir);
void op_list_add(struct m_listing *listing, struct call *call);
void op_list_end(struct m_listing *listing, bool complete);

/* ---- program_walk.c ---- */

#define LINKS 16

/* Is dcache_walk() under way? */
bool walking(void);
int walk_revalidate(struct dentry *dentry);
struct dentry *walk_backend(struct inode *dir, struct dentry *dentry);
int walk_link(struct inode *inode, char *buf, size_t size, unsigned int flags);
/* A walk's arguments, from the input; then one of the two. */
void pick_walk(int thread);
void fiber_walk(int thread);
void op_walk_rcu(void);

#endif /* DCACHE_FUZZ_PROGRAM_H */
