/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who holds a lookup and waits for another's, in d_add_ci(): so that no circle of them waits for ever.
 *
 * A lookup is not ended as long as its holder waits, by d_add_ci_async() for just that lookup, or asleep
 * with all that the thread owns. So each waiter leads from what it blocks to its target, and the search
 * goes from the new waiter's target over all that must end before. It and the entering are one, under
 * wait_graph_lock: of those that would close a circle together, the last finds the others.
 *
 * A waiter leaves before its reference on the target is given back. Until then it may be seen though its
 * wait is over: it leads nowhere then, for a target that has been ended blocks nobody.
 */
#include "internal.h"

static struct graph_waiter *graph_waiter_of(struct hlist_node *node)
{
	return node ? container_of(node, struct graph_waiter, node) : NULL;
}

/* The thread that owns @dentry's lookup; 0: none, or not known. */
static uint32_t lookup_owner(struct dentry *dentry)
{
	uint32_t owner;

	lockref_lock(&dentry->d_lockref);
	owner = (d_flags(dentry) & DCACHE_PAR_LOOKUP) ? dentry->d_owner : 0;
	lockref_unlock(&dentry->d_lockref);
	return owner;
}

/* wait_graph_lock is held, in this function and the next. Add those that block @target, owned by @owner,
 * to those whose targets are to be looked at. */
static struct graph_waiter *reach(struct dcache *dc, const struct dentry *target, uint32_t owner,
				  struct graph_waiter *reached)
{
	struct graph_waiter *waiter = graph_waiter_of(dc->graph_waiters.first);

	for (; waiter; waiter = graph_waiter_of(waiter->node.next)) {
		if (waiter->reached ||
		    (waiter->holder != target && !(owner && waiter->thread == owner)))
			continue;
		waiter->reached = true;
		waiter->next_reached = reached;
		reached = waiter;
	}
	return reached;
}

static bool closes_cycle(struct dcache *dc, const struct graph_waiter *self)
{
	struct graph_waiter *waiter = graph_waiter_of(dc->graph_waiters.first), *reached = NULL;
	struct dentry *target = self->target;

	for (; waiter; waiter = graph_waiter_of(waiter->node.next))
		waiter->reached = false;
	for (;;) {
		/* Those in the graph keep a reference of their target. */
		uint32_t owner = lookup_owner(target);

		if (target == self->holder || (owner && owner == self->thread))
			return true;
		reached = reach(dc, target, owner, reached);
		if (!reached)
			return false;
		target = reached->target;
		reached = reached->next_reached;
	}
}

bool graph_enter(struct dcache *dc, struct graph_waiter *self)
{
	bool cycle;

	dc_lock(&dc->wait_graph_lock);
	cycle = closes_cycle(dc, self);
	if (!cycle)
		hlist_add_head(&self->node, &dc->graph_waiters);
	dc_unlock(&dc->wait_graph_lock);
	return !cycle;
}

void graph_leave(struct dcache *dc, struct graph_waiter *self)
{
	dc_lock(&dc->wait_graph_lock);
	hlist_del(&self->node);
	dc_unlock(&dc->wait_graph_lock);
}
