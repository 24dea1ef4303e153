/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wait queue of in-lookup entries.
 *
 * The head lies with the owner of a lookup, the entries with the waiters. Life times:
 *
 *  W1	A waiter links itself while it holds d_lock of an in-lookup entry. The head is alive then:
 *	its owner can let it go only after ending the lookup, which takes that d_lock.
 *  W2	Ending the lookup takes the waiters of that entry off the queue under the same d_lock.
 *	After the lock is released nobody touches the head for this entry's sake.
 *  W3	A waiter's entry belongs to whoever took it off until its func is called. func's last
 *	access to it is the store that lets the waiter go. The waiter leaves its frame only when it
 *	has seen that store, whatever else woke it.
 *  W4	Sleepers sleep on one word of the entry they wait for, which all have a reference on, as has
 *	the one who ends the lookup. It is set after the last sleeper has been let go, and all are
 *	woken by one broadcast. A sleeper that finds it unset and sleeps is woken by that; one that
 *	finds it set has been let go.
 *
 * Since one head may serve several lookups, whose d_locks differ, the list has a lock of its own,
 * and taking off picks the entry's own waiters. A lookup that nobody waits for does not take it:
 * its waiters, if any, were linked under the d_lock that is held.
 */
#include "internal.h"

void init_waitqueue_head(struct wait_queue_head *wq)
{
	struct wait_queue *queue = wait_queue_of(wq);

	dc_lock_init(&queue->lock);
	atomic_init(&queue->first, NULL);
	queue->last = NULL;
}

void wait_queue_add(struct wait_queue *wq, struct wait_queue_entry *entry)
{
	dc_lock(&wq->lock);
	entry->next = NULL;
	if (wq->last)
		wq->last->next = entry;
	else
		atomic_store_explicit(&wq->first, entry, memory_order_relaxed);
	wq->last = entry;
	dc_unlock(&wq->lock);
}

struct wait_queue_entry *wait_queue_take(struct wait_queue *wq, const struct dentry *dentry)
{
	struct wait_queue_entry *taken = NULL, *left = NULL;
	struct wait_queue_entry **taken_end = &taken, **left_end = &left;
	struct wait_queue_entry *entry, *next, *last = NULL;

	if (!atomic_load_explicit(&wq->first, memory_order_relaxed))
		return NULL;
	dc_lock(&wq->lock);
	for (entry = atomic_load_explicit(&wq->first, memory_order_relaxed); entry; entry = next) {
		next = entry->next;
		entry->next = NULL;
		if (entry->dentry == dentry) {
			*taken_end = entry;
			taken_end = &entry->next;
		} else {
			*left_end = entry;
			left_end = &entry->next;
			last = entry;
		}
	}
	atomic_store_explicit(&wq->first, left, memory_order_relaxed);
	wq->last = last;
	dc_unlock(&wq->lock);
	return taken;
}

static void sleeper_done(struct wait_queue_entry *entry)
{
	struct sleeper *sleeper = container_of(entry, struct sleeper, entry);

	atomic_store_explicit(&sleeper->done, true, memory_order_release);
}

void sleeper_init(struct sleeper *sleeper, struct dentry *dentry)
{
	sleeper->entry.next = NULL;
	sleeper->entry.dentry = dentry;
	sleeper->entry.func = sleeper_done;
	sleeper->entry.error = 0;
	sleeper->entry.alias = NULL;
	atomic_init(&sleeper->done, false);
}

void sleeper_sleep(struct sleeper *sleeper)
{
	while (!atomic_load_explicit(&sleeper->done, memory_order_acquire))
		dc_futex_wait(&sleeper->entry.dentry->d_woken, 0, DC_NO_DEADLINE);
}

void sleepers_wake(struct dentry *dentry)
{
	atomic_store_explicit(&dentry->d_woken, 1, memory_order_release);
	dc_futex_wake(&dentry->d_woken, INT32_MAX);
}
