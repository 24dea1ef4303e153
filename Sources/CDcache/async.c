/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiters that do not sleep: d_alloc_parallel_async(), and taking them back.
 *
 * To the queue they are as sleepers (wait.c). Their memory is the program's, which may free it as soon
 * as func is called.
 *
 *  Y1	A cancel has no reference. It finds the entry that its waiter waits for in a read section: what
 *	is read there has been taken off no queue, or only after the section began; so the reference
 *	that the waiter had was not given back before, and the section keeps the memory. Whether the
 *	waiter still is on the queue is asked again under d_lock (W5).
 *  Y2	A waiter that another thread has registered again meanwhile is on another entry's queue, or on
 *	the same: it is as good as if the cancel had come later.
 *  Y3	Who ends a lookup gives every waiter its outcome first, in its own memory, with a reference; and
 *	calls the funcs after that. From then on they have nothing to do with the lookup, nor with
 *	each other: a func may free its own waiter, but the next is read before.
 *  Y4	A func may end a lookup others wait for, whose func ends another, and so on. They are not called
 *	within each other, which would take stack: the innermost end leaves its waiters to the
 *	outermost, which goes on until none is left.
 */
#include "internal.h"

static void async_ended(struct wait_queue_entry *entry, struct lookup_end *end)
{
	struct async_waiter *waiter = container_of(entry, struct async_waiter, entry);
	struct dentry *dentry = end->dentry;

	if (waiter->graph.holder)
		graph_leave(dentry->d_dcache, &waiter->graph);
	waiter->result = entry->error ? ERR_PTR(entry->error) : entry->alias;
	/* What is hashed was not overtaken (parallel.c, P9): nobody registered too late for it. */
	if (!waiter->result && end->hashed)
		waiter->result = dentry;
	else
		/* Never the last: who ends the lookup has one. */
		dput(dentry);
	if (waiter->result)
		count_add(dentry->d_dcache, COUNT_OUTCOMES_SHARED, 1);
	entry->next = NULL;
	*end->told_end = entry;
	end->told_end = &entry->next;
}

void async_tell(struct lookup_end *end)
{
	struct lookup_end **slot = (struct lookup_end **)dc_thread_slot();
	struct wait_queue_entry *entry;
	int cancel;

	DC_POINT(DC_W4, end->dentry);
	if (*slot) {
		*(*slot)->told_end = end->told;
		(*slot)->told_end = end->told_end;
		return;
	}
	*slot = end;
	cancel = dc_cancel_off();
	while ((entry = end->told)) {
		struct async_waiter *waiter = container_of(entry, struct async_waiter, entry);

		/* Read before func. */
		end->told = entry->next;
		if (!end->told)
			end->told_end = &end->told;
		waiter->func((struct d_waiter *)(void *)waiter, waiter->result);
	}
	dc_cancel_back(cancel);
	*slot = NULL;
}

void async_waiter_init(struct async_waiter *waiter)
{
	atomic_store_explicit(&waiter->entry.dentry, NULL, memory_order_relaxed);
	waiter->entry.func = async_ended;
	waiter->graph.holder = NULL;
	waiter->graph.thread = 0;
}

struct dentry *d_alloc_parallel_async(struct dentry *parent, const struct qstr *name,
				      struct d_waiter *waiter)
{
	struct lookup_wait wait = LOOKUP_WAIT_INIT(WAIT_ASYNC, NULL);
	struct qstr prepared;
	int err = name_prepare(parent, name, &prepared);

	wait.waiter = waiter;
	async_waiter_init(async_waiter_of(waiter));
	return err ? ERR_PTR(err) : alloc_parallel(parent, &prepared, &wait);
}

/* The entry on whose queue @entry is, locked; or NULL. */
static struct dentry *lock_awaited(const struct wait_queue_entry *entry)
{
	unsigned int attempt = 0;

	for (;;) {
		struct dentry *dentry;
		bool locked, queued;

		dc_read_lock();
		dentry = atomic_load_explicit(&entry->dentry, memory_order_acquire);
		if (!dentry) {
			dc_read_unlock();
			return NULL;
		}
		DC_POINT(DC_W3, dentry);
		locked = lockref_trylock_spinning(&dentry->d_lockref);
		queued = locked && wait_queue_has(entry, dentry);
		if (locked && !queued)
			lockref_unlock(&dentry->d_lockref);
		dc_read_unlock();
		if (queued)
			return dentry;
		if (!locked)
			dc_yield(attempt++);
	}
}

bool d_waiter_cancel(struct d_waiter *waiter)
{
	struct async_waiter *async = async_waiter_of(waiter);
	struct dentry *dentry = lock_awaited(&async->entry);
	bool in_graph;

	if (!dentry)
		return false;
	in_graph = async->graph.holder;
	wait_queue_withdraw(&async->entry, dentry);
	if (!in_graph)
		lockref_put_locked(&dentry->d_lockref);
	lockref_unlock(&dentry->d_lockref);
	if (in_graph) {
		graph_leave(dentry->d_dcache, &async->graph);
		dput(dentry);
	}
	return true;
}
