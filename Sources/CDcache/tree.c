/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walking the tree.
 *
 * Who may be here: any number of walkers, each with a place of its own in the child lists that it is
 * in (a cursor, cursor.h); at the same time those who add children to a list, at its front, and those
 * who take one off, which need not know what its neighbours are. All of that happens under the d_lock
 * of the list's directory. Nobody else goes along a child list.
 *
 *  T1	A walker holds a directory's lock for a bounded number of children: it takes those that it
 *	wants, each with a reference, moves its cursor behind all that it has looked at, and lets go.
 *	It stands in no lock while it works on what it has taken.
 *  T2	What is in the list throughout is met exactly once, whatever is added and removed around it:
 *	nothing but the walker itself moves its cursor, and nodes that stay do not change places. A
 *	new child comes to the front, where the cursor has passed. Only what leaves the list and comes
 *	back, a move, can be met twice, or never.
 *  T3	A child in the list is memory: it leaves the list before it is freed. A dead one that has not
 *	left it yet gives no reference, and is passed over; its killer needs the directory's lock to
 *	go on and nothing of the walker's.
 *  T4	A walker holds a reference of every directory that it has a cursor in, so the list outlives
 *	the cursor.
 *  T5	Locks are taken downwards: the directory's, then one child's. Who holds a child's lock does not
 *	wait for its directory's: killers have let go of it by then (dentry.c, D4).
 *  T6	A child that has children ends what is taken in one go, so a walker holds references of a
 *	bounded number of entries besides those that it has cursors in. A tree may be of any depth:
 *	cursors beyond the frame's lie in blocks. Nothing is recursive.
 *  T7	Giving a reference back that was taken only to look decides like any last put whether the
 *	entry is kept, but does not mark it as used again.
 */
#include "cursor.h"

struct cursor_block {
	struct cursor cursors[WALK_BLOCK_LEVELS];
	struct cursor_block *below;
} __attribute__((aligned(CURSOR_ALIGN)));

static bool is_cursor(const struct hlist_node *node)
{
	return (uintptr_t)node % CURSOR_ALIGN == 0;
}

static struct cursor *cursor_alloc(struct walk *walk)
{
	if (walk->used == (walk->block ? WALK_BLOCK_LEVELS : WALK_FRAME_LEVELS)) {
		struct cursor_block *block = walk->spare;

		if (!block)
			block = dc_alloc(sizeof(*block), _Alignof(struct cursor_block));
		if (!block)
			return NULL;
		walk->spare = NULL;
		block->below = walk->block;
		walk->block = block;
		walk->used = 0;
	}
	return &(walk->block ? walk->block->cursors : walk->frame)[walk->used++];
}

/* The newest is no longer needed. */
static void cursor_free(struct walk *walk)
{
	struct cursor_block *block = walk->block;

	walk->used--;
	if (walk->used || !block)
		return;
	dc_free(walk->spare);
	walk->spare = block;
	walk->block = block->below;
	walk->used = walk->block ? WALK_BLOCK_LEVELS : WALK_FRAME_LEVELS;
}

void walk_begin(struct walk *walk, bool (*wants)(struct walk *walk, struct dentry *child),
		bool deep)
{
	DC_RULE("a tree is not walked in a read section", !dc_read_ongoing());
	walk->at = NULL;
	walk->block = NULL;
	walk->spare = NULL;
	walk->used = 0;
	walk->wants = wants;
	walk->deep = deep;
}

int walk_enter(struct walk *walk, struct dentry *dir)
{
	struct cursor *cursor = cursor_alloc(walk);

	if (!cursor)
		return -ENOMEM;
	cursor->dir = dir;
	cursor->up = walk->at;
	walk->at = cursor;
	lockref_lock(&dir->d_lockref);
	hlist_add_head(&cursor->node, &dir->d_children);
	lockref_unlock(&dir->d_lockref);
	return 0;
}

/* The directory's d_lock is held. */
static void take_child(struct walk *walk, struct batch *batch, struct dentry *child)
{
	int32_t count;

	lockref_lock(&child->d_lockref);
	count = lockref_count(&child->d_lockref);
	if (count >= 0 && count < LOCKREF_MAX && walk->wants(walk, child)) {
		lockref_add_locked(&child->d_lockref, 1);
		batch->branch = walk->deep && child->d_children.first;
		batch->entries[batch->nr++] = child;
	}
	lockref_unlock(&child->d_lockref);
}

bool walk_take(struct walk *walk, struct batch *batch)
{
	struct cursor *at = walk->at;
	struct hlist_node *last = &at->node;
	unsigned int looked;

	batch->nr = 0;
	batch->branch = false;
	lockref_lock(&at->dir->d_lockref);
	for (looked = 0;
	     last->next && looked < WALK_LOOK && batch->nr < WALK_TAKE && !batch->branch;
	     looked++) {
		last = last->next;
		if (!is_cursor(last))
			take_child(walk, batch, container_of(last, struct dentry, d_sib));
	}
	if (looked) {
		hlist_del(&at->node);
		hlist_add_behind(&at->node, last);
	}
	lockref_unlock(&at->dir->d_lockref);
	return looked;
}

struct dentry *walk_leave(struct walk *walk)
{
	struct cursor *at = walk->at;
	struct dentry *dir = at->dir;

	lockref_lock(&dir->d_lockref);
	hlist_del(&at->node);
	lockref_unlock(&dir->d_lockref);
	walk->at = at->up;
	cursor_free(walk);
	return dir;
}

void walk_end(struct walk *walk)
{
	dc_free(walk->spare);
}

/* ---- visiting ---- */

typedef enum d_walk_ret (*visit_t)(struct dentry *dentry, void *data);

static bool wants_all(struct walk *walk, struct dentry *child)
{
	(void)walk;
	return !(d_flags(child) & DCACHE_PAR_LOOKUP);
}

/* Visit what was taken, and go on below the last of it if it is a branch. Return: 0; 2: @visit ended the
 * walk; -ENOMEM: there is more below that branch. */
static int visit_batch(struct walk *walk, const struct batch *batch, visit_t visit, void *data)
{
	enum d_walk_ret ret = D_WALK_CONTINUE;
	int err = 0;
	unsigned int i;

	for (i = 0; i < batch->nr; i++) {
		struct dentry *dentry = batch->entries[i];
		bool entered = false;

		if (ret != D_WALK_QUIT)
			ret = visit(dentry, data);
		if (batch->branch && i == batch->nr - 1 && ret != D_WALK_QUIT &&
		    ret != D_WALK_SKIP) {
			err = walk_enter(walk, dentry);
			entered = !err;
		}
		if (!entered)
			dput_quietly(dentry);
	}
	return ret == D_WALK_QUIT ? 2 : err;
}

static int visit_below(struct dentry *top, bool deep, visit_t visit, void *data)
{
	/* A move changes lists under the locks of both directories, and is counted under them: who
	 * has met its work sees the count. */
	_Atomic uint64_t *moves = &top->d_dcache->nr_moves;
	uint64_t before = atomic_load_explicit(moves, memory_order_acquire);
	struct batch batch;
	struct walk walk;
	int result = 0;

	walk_begin(&walk, wants_all, deep);
	walk_enter(&walk, dget(top));
	while (walk.at) {
		int err = 0;

		if (result != 2 && walk_take(&walk, &batch))
			err = visit_batch(&walk, &batch, visit, data);
		else
			dput_quietly(walk_leave(&walk));
		result = err ? err : result;
	}
	walk_end(&walk);
	if (!result && atomic_load_explicit(moves, memory_order_acquire) != before)
		result = 1;
	return result;
}

int d_walk(struct dentry *top, visit_t visit, void *data)
{
	int cancel = dc_cancel_off();
	enum d_walk_ret ret = visit(top, data);
	int result = ret == D_WALK_QUIT ? 2 : 0;

	if (ret != D_WALK_QUIT && ret != D_WALK_SKIP)
		result = visit_below(top, true, visit, data);
	dc_cancel_back(cancel);
	return result;
}

int d_for_each_child(struct dentry *dir, visit_t visit, void *data)
{
	int cancel = dc_cancel_off();
	int result = visit_below(dir, false, visit, data);

	dc_cancel_back(cancel);
	return result;
}
