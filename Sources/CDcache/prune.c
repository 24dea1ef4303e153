/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Freeing what is below an entry: because it is unused (shrink_dcache_parent), or because it is no
 * longer true (d_invalidate).
 *
 * One pass over the tree (tree.c), parents after their children. A child without a reference is given
 * one under its directory's lock and, when that lock has been let go of, killed; a directory is tried
 * after what is below it; everything else is in use, and left.
 *
 * Who may be here: any number of passes, walkers, lookups, shrinkers and killers in the same tree.
 *
 *  N1	One pass, no second look. What somebody else holds at the moment when it is met is in use, be
 *	it another pass that is about to free it (H30, H31), or a killer that is not done with it
 *	(H36): nobody waits for anybody else's entry. What is on its way out is freed by who holds it:
 *	of several passes in one directory it is the last to leave that frees it.
 *  N2	A child that was taken and came back to life before it was to be killed is in use, and stays:
 *	the pass gives its reference back, and has no list to which that would be added (H37).
 *  N3	A pass holds a reference of every directory above what it has taken: no child that it kills
 *	lets go of the last reference of a directory that the pass is still in (H32).
 *
 * Invalidation cannot leave it at "in use": what is in use must not be kept when it no longer is. It is
 * marked with DCACHE_DONTCACHE, under its d_lock, and retain() keeps nothing so marked.
 *
 *  N4	No entry below an invalidated one is without the mark when the pass has ended. A directory is
 *	marked before its list is gone through. A child joins the list, and is hashed again, under its
 *	directory's lock, and takes the directory's mark then: so it either was in the list when the
 *	directory was marked, and is met by the pass, or has the mark. And by that every entry below
 *	it, in turn. An entry that is moved takes the mark of where it comes to; if it comes below
 *	what was invalidated, a pass over what is below it follows (prune_moved).
 *  N5	The mark goes as it came: an entry that is hashed again, or moved, takes that of its directory,
 *	which may be none. It has been said to be true then.
 *  N6	A root cannot be unhashed: it is not marked, and its children are unhashed instead, each when
 *	the pass meets it. What is hashed in it later is true.
 *
 * Deferred: the same pass, in portions, by the instance's thread, or by whoever waits for it. One portion
 * at a time (run; puts are part of it, put.c), in the order in which they were asked for. A portion
 * frees a bounded number of entries outside of any batch of reclaim.c, so that its frees are
 * subject to RECLAIM_BOUND like anybody's. An entry that waits for its pass is referenced, so the
 * instance cannot be gone.
 */
#include "cursor.h"

struct prune {
	struct walk walk;
	struct dentry *top;
	bool mark; /* what is met is not true any more */
	bool cut;  /* and nor is @top's name for it: N6 */
	long freed;
	int err;
};

struct deferred {
	struct prune prune;
	struct deferred *next;
};

/* Steps of a portion, WALK_LOOK entries each. */
#define DEFERRED_STEPS 64
/* How many may wait before those who ask for more help. */
#define DEFERRED_BOUND 1024

/* d_lock is held, and the entry is hashed: neither it nor what its directory, or a listing, says of it is
 * true. */
static void unhash_untrue(struct dentry *dentry)
{
	dir_doubt(d_inode_of(d_parent_of(dentry)));
	d_unhash(dentry);
}

/* Unused, or to be looked below. Marked anyway. */
static bool wants_unused(struct walk *walk, struct dentry *child)
{
	struct prune *prune = container_of(walk, struct prune, walk);

	if (prune->mark)
		d_dontcache(child);
	if (prune->cut && !walk->at->up && (d_flags(child) & DCACHE_HASHED))
		unhash_untrue(child);
	return !lockref_count(&child->d_lockref) || child->d_children.first;
}

static void prune_begin(struct prune *prune, struct dentry *top, bool mark)
{
	prune->top = top;
	prune->mark = mark;
	prune->cut = mark && is_root(top);
	prune->freed = 0;
	prune->err = 0;
	walk_begin(&prune->walk, wants_unused, true);
	walk_enter(&prune->walk, dget(top));
}

/* Return: is there more to do? */
static bool prune_step(struct prune *prune)
{
	struct batch batch;
	struct dentry *dir;
	unsigned int i;

	if (!walk_take(&prune->walk, &batch)) {
		dir = walk_leave(&prune->walk);
		if (dir == prune->top)
			dput_quietly(dir);
		else
			prune->freed += dentry_kill(dir);
	}
	for (i = 0; i < batch.nr; i++) {
		struct dentry *dentry = batch.entries[i];

		DC_POINT(DC_S1, dentry);
		if (batch.branch && i == batch.nr - 1) {
			if (!walk_enter(&prune->walk, dentry))
				continue;
			prune->err = -ENOMEM;
		}
		prune->freed += dentry_kill(dentry);
	}
	return prune->walk.at;
}

static long prune_below(struct dentry *top, bool mark)
{
	struct prune prune;

	prune_begin(&prune, top, mark);
	while (prune_step(&prune))
		;
	walk_end(&prune.walk);
	return prune.err ? prune.err : prune.freed;
}

long shrink_dcache_parent(struct dentry *parent)
{
	return prune_below(parent, false);
}

/* Unhash an entry and mark it. Return: is there anything below it? */
static bool cut_off(struct dentry *dentry)
{
	bool below;

	/* Nothing else keeps what is being asked for in a root from being found there. */
	if (is_root(dentry))
		d_invalidate_children(dentry);
	lockref_lock(&dentry->d_lockref);
	if (d_flags(dentry) & DCACHE_HASHED)
		unhash_untrue(dentry);
	/* One that is in-lookup loses the mark again when it is hashed. */
	if (!is_root(dentry))
		d_dontcache(dentry);
	below = dentry->d_children.first;
	lockref_unlock(&dentry->d_lockref);
	return below;
}

int d_invalidate(struct dentry *dentry)
{
	return cut_off(dentry) && prune_below(dentry, true) < 0 ? -ENOMEM : 0;
}

void prune_moved(struct dentry *dentry)
{
	bool needed;

	lockref_lock(&dentry->d_lockref);
	needed = (d_flags(dentry) & DCACHE_DONTCACHE) && dentry->d_children.first;
	lockref_unlock(&dentry->d_lockref);
	/* If there is no memory, some of it is freed only as it becomes the least recently used. */
	if (needed)
		prune_below(dentry, true);
}

/* ---- deferred ---- */

void deferred_init(struct deferred_queue *queue)
{
	dc_lock_init(&queue->lock);
	dc_lock_init(&queue->run);
	queue->first = NULL;
	queue->last = &queue->first;
	atomic_init(&queue->asked, 0);
	atomic_init(&queue->done, 0);
	atomic_init(&queue->thread, 0);
}

bool deferred_is_self(const struct deferred_queue *queue)
{
	return atomic_load_explicit(&queue->thread, memory_order_relaxed) == dc_thread_id();
}

uint64_t deferred_pending(const struct deferred_queue *queue)
{
	uint64_t done = atomic_load_explicit(&queue->done, memory_order_acquire);

	return atomic_load_explicit(&queue->asked, memory_order_acquire) - done;
}

static struct deferred *first_of(struct deferred_queue *queue)
{
	struct deferred *first;

	dc_lock(&queue->lock);
	first = queue->first;
	dc_unlock(&queue->lock);
	return first;
}

static void remove_first(struct deferred_queue *queue)
{
	struct deferred *first;

	dc_lock(&queue->lock);
	first = queue->first;
	queue->first = first->next;
	if (!queue->first)
		queue->last = &queue->first;
	dc_unlock(&queue->lock);
	walk_end(&first->prune.walk);
	dc_free(first);
}

/* Within a portion. */
static void invalidate_some(struct deferred_queue *queue)
{
	struct deferred *first = first_of(queue);
	unsigned int steps;

	for (steps = 0; first && steps < DEFERRED_STEPS; steps++) {
		if (!prune_step(&first->prune)) {
			remove_first(queue);
			atomic_fetch_add_explicit(&queue->done, 1, memory_order_release);
			break;
		}
	}
}

bool deferred_work(struct deferred_queue *queue)
{
	portion_begin(queue, true);
	invalidate_some(queue);
	puts_portion(queue);
	portion_end(queue);
	return deferred_pending(queue) || puts_pending(queue);
}

static bool is_done(const _Atomic uint64_t *done, uint64_t asked)
{
	return (int64_t)(atomic_load_explicit(done, memory_order_acquire) - asked) >= 0;
}

void deferred_barrier(struct deferred_queue *queue)
{
	struct put_queue *puts = queue->puts;
	uint64_t asked = atomic_load_explicit(&queue->asked, memory_order_acquire);
	uint64_t dentries = atomic_load_explicit(&puts[PUT_DENTRY].asked, memory_order_acquire);
	uint64_t inodes = atomic_load_explicit(&puts[PUT_INODE].asked, memory_order_acquire);

	while (!deferred_is_self(queue) &&
	       (!is_done(&queue->done, asked) || !is_done(&puts[PUT_DENTRY].done, dentries) ||
		!is_done(&puts[PUT_INODE].done, inodes)))
		deferred_work(queue);
}

void d_invalidate_deferred(struct dentry *dentry)
{
	struct dcache *dc = dentry->d_dcache;
	struct deferred_queue *queue = &dc->deferred;
	struct deferred *deferred;

	if (!cut_off(dentry))
		return;
	deferred = dc_alloc(sizeof(*deferred), _Alignof(struct deferred));
	if (!deferred) {
		prune_below(dentry, true);
		return;
	}
	prune_begin(&deferred->prune, dentry, true);
	deferred->next = NULL;
	dc_lock(&queue->lock);
	*queue->last = deferred;
	queue->last = &deferred->next;
	atomic_fetch_add_explicit(&queue->asked, 1, memory_order_release);
	dc_unlock(&queue->lock);
	reclaim_work(&dc->reclaim);
	/* Not in an operation that is called by a portion, or in a batch that one may wait for. */
	if (deferred_pending(queue) > DEFERRED_BOUND && !deferred_is_self(queue) &&
	    !reclaim_is_self(&dc->reclaim))
		deferred_work(queue);
}
