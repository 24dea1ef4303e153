/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Puts that are left to the instance's thread: dput_deferred() and iput_deferred().
 *
 * What runs an operation of the program, frees or sleeps is giving back a last reference. A deferred put
 * that finds it has one keeps it, and queues the object with it. The queues are gone through in portions,
 * a reference after the other, as d_invalidate_deferred()'s is (prune.c, "run"): by the instance's
 * thread, by whoever waits, or by whoever makes room.
 *
 * Who may be here: any number of threads that put, whatever they hold; one that does a portion; and all
 * who find a queued object meanwhile. To these it is one in use.
 *
 *  Q1	The link is in the object, so nothing is allocated: in d_lru's place, or i_rcu's. An object is
 *	queued by who saw that his is the only reference: under d_lock, where nobody can take another;
 *	of an inode, somebody may meanwhile. That one reference is then the queue's. Until it is taken
 *	off again every other is one more, and nobody's who puts it is the last: an object is queued
 *	once at a time, and nobody else needs the place. An entry comes onto the LRU only with its last
 *	reference, and one that was left there leaves it before it is queued; i_rcu is for an inode
 *	without references.
 *  Q2	A last put that keeps the entry, and asks no operation whether to, is done at once.
 *  Q3	Each queue is first in, first out, and one portion runs at a time. So when as many have been put
 *	as were queued at some moment, it is those. One that frees an entry goes on with its parent,
 *	step by step, and is done when nothing is left to be put: a portion is short however long the
 *	chain.
 *  Q4	Who makes a queue non-empty tells the thread, under the lock: nobody can take the object off
 *	before, so the instance is there. Who finds it non-empty need not: the thread goes on until
 *	nothing is left, and a queue with something in it has been told about, or is about to be.
 *  Q5	Nothing bounds a queue: who puts cannot be made to wait. But what is in it was there before, as
 *	something in use, and takes no more than it did. Where there are limits, who makes an entry
 *	that exceeds one does some of the puts first: more than one, so that a flood of entries that
 *	are made and put is drained as fast as it comes. Only if nobody is doing that anyway: one who
 *	makes an entry does not wait for another's operation.
 */
#include "internal.h"

/* Puts, of each kind, of a portion; and of whoever makes room. */
#define PORTION_PUTS 64
#define ROOM_PUTS 4

void puts_init(struct dcache *dc)
{
	int kind;

	for (kind = 0; kind < NR_PUT_KINDS; kind++) {
		list_init(&dc->deferred.puts[kind].list);
		atomic_init(&dc->deferred.puts[kind].asked, 0);
		atomic_init(&dc->deferred.puts[kind].done, 0);
	}
	dc->deferred.put_next = NULL;
}

/* The object of @link has a reference that is the queue's from now on. */
static void put_later(struct dcache *dc, enum put_kind kind, struct list_head *link)
{
	struct put_queue *queue = &dc->deferred.puts[kind];
	bool first;

	dc_lock(&dc->deferred.lock);
	first = list_is_empty(&queue->list);
	list_add_tail(link, &queue->list);
	atomic_fetch_add_explicit(&queue->asked, 1, memory_order_release);
	if (first)
		reclaim_work(&dc->reclaim);
	dc_unlock(&dc->deferred.lock);
}

void dput_deferred(struct dentry *dentry)
{
	if (IS_ERR_OR_NULL(dentry) || lockref_put_fast(&dentry->d_lockref) ||
	    dput_if_harmless(dentry))
		return;
	put_later(dentry->d_dcache, PUT_DENTRY, &dentry->d_lru);
}

void iput_deferred(struct inode *inode)
{
	if (IS_ERR_OR_NULL(inode) || iput_unless_last(inode))
		return;
	put_later(inode->i_dcache, PUT_INODE, &inode->i_put);
}

/* ---- doing it ---- */

bool portion_begin(struct deferred_queue *deferred, bool wait)
{
	if (wait)
		dc_lock(&deferred->run);
	else if (!dc_trylock(&deferred->run))
		return false;
	atomic_store_explicit(&deferred->thread, dc_thread_id(), memory_order_relaxed);
	return true;
}

void portion_end(struct deferred_queue *deferred)
{
	atomic_store_explicit(&deferred->thread, 0, memory_order_relaxed);
	dc_unlock(&deferred->run);
}

static struct list_head *take_first(struct deferred_queue *deferred, enum put_kind kind)
{
	struct put_queue *queue = &deferred->puts[kind];
	struct list_head *first = NULL;

	dc_lock(&deferred->lock);
	if (!list_is_empty(&queue->list)) {
		first = queue->list.next;
		list_del(first);
	}
	dc_unlock(&deferred->lock);
	return first;
}

static void count_done(struct deferred_queue *deferred, enum put_kind kind)
{
	atomic_fetch_add_explicit(&deferred->puts[kind].done, 1, memory_order_release);
}

/* Put one entry. Return: was there any? */
static bool put_dentry(struct deferred_queue *deferred)
{
	if (!deferred->put_next) {
		struct list_head *link = take_first(deferred, PUT_DENTRY);

		if (!link)
			return false;
		deferred->put_next = container_of(link, struct dentry, d_lru);
	}
	deferred->put_next = dput_step(deferred->put_next);
	if (!deferred->put_next)
		count_done(deferred, PUT_DENTRY);
	return true;
}

static bool put_inode(struct deferred_queue *deferred)
{
	struct list_head *link = take_first(deferred, PUT_INODE);

	if (!link)
		return false;
	iput(container_of(link, struct inode, i_put));
	count_done(deferred, PUT_INODE);
	return true;
}

void puts_portion(struct deferred_queue *deferred)
{
	int puts;

	for (puts = 0; puts < PORTION_PUTS && put_dentry(deferred); puts++)
		;
	for (puts = 0; puts < PORTION_PUTS && put_inode(deferred); puts++)
		;
}

/* ---- */

uint64_t puts_pending(const struct deferred_queue *deferred)
{
	uint64_t pending = 0;
	int kind;

	for (kind = 0; kind < NR_PUT_KINDS; kind++) {
		const struct put_queue *queue = &deferred->puts[kind];
		uint64_t done = atomic_load_explicit(&queue->done, memory_order_acquire);

		pending += atomic_load_explicit(&queue->asked, memory_order_acquire) - done;
	}
	return pending;
}

void puts_make_room(struct deferred_queue *deferred)
{
	int puts;

	if (!puts_pending(deferred) || !portion_begin(deferred, false))
		return;
	for (puts = 0; puts < ROOM_PUTS; puts++) {
		if (!put_dentry(deferred) && !put_inode(deferred))
			break;
	}
	portion_end(deferred);
}
