/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The small world that scenarios act in: one instance, a root, and what they found. */
#ifndef DCACHE_MODEL_WORLD_H
#define DCACHE_MODEL_WORLD_H

#include "internal.h"
#include "model.h"

#define NAME(literal) (&(const struct qstr)QSTR_INIT(literal, sizeof(literal) - 1))

/* 48 bytes: not inline. */
#define LONG_A "a-name-that-is-longer-than-forty-bytes-number-one"
#define LONG_B "a-name-that-is-longer-than-forty-bytes-number-two"

struct world {
	struct dcache *dc;
	struct dentry *root;
	struct inode *root_inode;
	struct dentry *dir;		/* hashed directory "dir" in the root, referenced */
	struct dentry *entry;		/* what a scenario's setup made, if it says so */
	struct dentry *other;		/* "t" in the root, of a pair with world.entry */
	struct inode *inode;
	struct dentry *owned;		/* an in-lookup entry that setup began */
	struct wait_queue_head wq;
	_Atomic int asked;		/* times that a thread became an owner */
	_Atomic int succeeded;
	bool overtaking;		/* something changes a name while it may be asked for */
	long result[MODEL_MAX_THREADS];
	struct dentry *found[MODEL_MAX_THREADS];
};

extern struct world world;
extern const struct inode_operations world_inode_ops;

/* An instance of two buckets in each table, and a root. */
void world_setup(void);
/* The same, with limits of entries and of hashed negatives; 0: none. */
void world_setup_limited(size_t max_entries, size_t max_negatives);
/* The same, with a root whose operations are @ops. */
void world_setup_backend(const struct inode_operations *ops);
/* The same, with the directory "dir" in the root. */
void world_setup_dir(void);
/* The same, with a referenced file "n" in the root as world.entry. */
void world_setup_file(void);
/* No table of @dc changes its size: that is scenarios_table.c's affair. */
void world_pin_tables(struct dcache *dc);
void world_finish(void);
/* Put what result slots hold, then world_finish(). */
void world_put_found(void);

/* Two files that are moved or exchanged: "n" of "dir" is world.entry, "t" of the root world.other. */
void world_setup_pair_below(void);
/* The same, with "n" and "dir" unhashed, and "dir" kept by "n" alone. */
void world_setup_pair_in_last_dir(void);
void world_replace(void);
void world_exchange(void);
void world_finish_pair(void);
/* The same, having seen that they are exchanged. */
void world_finish_exchanged(void);

struct inode *world_inode(enum inode_type type);
/* Add @name to @parent, hashed, positive; returned referenced. */
struct dentry *world_add(struct dentry *parent, const struct qstr *name, enum inode_type type);

/* The directory @dir is found under @name of @parent, where nobody is asking: it moves there. */
void world_find_at(struct dentry *dir, struct dentry *parent, const struct qstr *name);
/* The same. Return: the entry that was to bear the name, referenced. */
struct dentry *world_found_at(struct dentry *dir, struct dentry *parent, const struct qstr *name);
/* The @nth of the names of one letter that share @like's chain in the root, or do not, and are not
 * @like. */
struct qstr world_name(const struct qstr *like, bool same_chain, int nth);

#endif /* DCACHE_MODEL_WORLD_H */
