/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Places in child lists; see tree.c.
 */
#ifndef DCACHE_CURSOR_H
#define DCACHE_CURSOR_H

#include "internal.h"

#pragma GCC visibility push(hidden)

/*
 * A walker's place in the child list of a directory: a node of its own in that list, behind what it
 * has met. Whoever goes along a child list tells the two kinds of nodes by the address: a cursor lies at
 * a multiple of CURSOR_ALIGN, the node in an entry never does.
 */
#define CURSOR_ALIGN 32

struct cursor {
	struct hlist_node node; /* dir's d_lock */
	struct dentry *dir;	/* referenced by the walker */
	struct cursor *up;	/* the level above */
} __attribute__((aligned(CURSOR_ALIGN)));

_Static_assert(offsetof(struct cursor, node) == 0, "a cursor is told by its address");
_Static_assert(_Alignof(struct dentry) % CURSOR_ALIGN == 0 &&
		       offsetof(struct dentry, d_sib) % CURSOR_ALIGN != 0,
	       "no entry's node is taken for a cursor");

/*
 * How many children a walker takes, and looks at, in one hold of their directory's lock; and how many
 * levels lie in its frame, and in a block when the tree is deeper. The controlled scheduler has fewer:
 * fewer states.
 */
#ifdef DCACHE_MODEL
#define WALK_TAKE 2
#define WALK_LOOK 2
#define WALK_FRAME_LEVELS 2
#define WALK_BLOCK_LEVELS 1
#else
#define WALK_TAKE 32
#define WALK_LOOK 64
#define WALK_FRAME_LEVELS 8
#define WALK_BLOCK_LEVELS 127
#endif

struct cursor_block;

/* A walk of a tree: one cursor a level. Stays where it is: others' nodes point into it. */
struct walk {
	struct cursor frame[WALK_FRAME_LEVELS];
	struct cursor *at;	    /* the innermost level; NULL: the walk has ended */
	struct cursor_block *block; /* the newest; NULL: the frame */
	struct cursor_block *spare; /* an empty one, so that one level more or less costs nothing */
	unsigned int used;	    /* levels in the newest block, or in the frame */
	/* Is @child, alive and not in-lookup, to be taken? Its d_lock and its directory's are held. */
	bool (*wants)(struct walk *walk, struct dentry *child);
	bool deep; /* children that have children are a branch of their own */
};

/* Children that were taken, each with a reference for the walker. */
struct batch {
	struct dentry *entries[WALK_TAKE];
	unsigned int nr;
	bool branch; /* the last one has children */
};

void walk_begin(struct walk *walk, bool (*wants)(struct walk *walk, struct dentry *child),
		bool deep);
/* Go on in @dir; its reference is the walk's then. -ENOMEM: it still is the caller's. The first one of
 * a walk does not fail. */
int walk_enter(struct walk *walk, struct dentry *dir);
/* The next children of the innermost level. False: there are no more. */
bool walk_take(struct walk *walk, struct batch *batch);
/* Leave the innermost level. Return: its directory, whose reference is the caller's now. */
struct dentry *walk_leave(struct walk *walk);
/* All levels have been left. */
void walk_end(struct walk *walk);

#pragma GCC visibility pop

#endif /* DCACHE_CURSOR_H */
