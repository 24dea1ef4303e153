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
 *  W5	A waiter that gives up, because its time is over or it is cancelled, looks under d_lock whether
 *	it is on the queue: what takes it off, here or in W2, says so in the same hold. If it is, it was
 *	in nobody's hands and is now its own; if not, it is in those of W3 and will be told. So the
 *	two never both get it, nor neither.
 *  W6	Reference and count of who gives up go in one hold of d_lock. There is a reference that is no
 *	waiter's then, or the lookup would have been ended: it is never the last, and nothing is freed.
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

struct wait_queue_head *wait_queue_alloc(void)
{
	struct wait_queue_head *wq = dc_alloc(sizeof(*wq), _Alignof(struct wait_queue_head));

	if (wq)
		init_waitqueue_head(wq);
	return wq;
}

void wait_queue_add(struct wait_queue *wq, struct wait_queue_entry *entry, struct dentry *dentry)
{
	atomic_store_explicit(&entry->dentry, dentry, memory_order_release);
	entry->next = NULL;
	dc_lock(&wq->lock);
	entry->prev = wq->last;
	if (wq->last)
		wq->last->next = entry;
	else
		atomic_store_explicit(&wq->first, entry, memory_order_relaxed);
	wq->last = entry;
	dc_unlock(&wq->lock);
}

/* The queue's lock is held. */
static void take_off(struct wait_queue *wq, struct wait_queue_entry *entry)
{
	if (entry->prev)
		entry->prev->next = entry->next;
	else
		atomic_store_explicit(&wq->first, entry->next, memory_order_relaxed);
	if (entry->next)
		entry->next->prev = entry->prev;
	else
		wq->last = entry->prev;
	atomic_store_explicit(&entry->dentry, NULL, memory_order_release);
}

void wait_queue_withdraw(struct wait_queue_entry *entry, struct dentry *dentry)
{
	struct wait_queue *wq = wait_queue_of(dentry->d_wait);

	dc_lock(&wq->lock);
	take_off(wq, entry);
	dc_unlock(&wq->lock);
	dentry->d_nr_waiters--;
}

struct wait_queue_entry *wait_queue_take(struct wait_queue *wq, const struct dentry *dentry)
{
	struct wait_queue_entry *taken = NULL, **taken_end = &taken;
	struct wait_queue_entry *entry, *next;

	if (!atomic_load_explicit(&wq->first, memory_order_relaxed))
		return NULL;
	dc_lock(&wq->lock);
	for (entry = atomic_load_explicit(&wq->first, memory_order_relaxed); entry; entry = next) {
		next = entry->next;
		if (!wait_queue_has(entry, dentry))
			continue;
		take_off(wq, entry);
		entry->next = NULL;
		*taken_end = entry;
		taken_end = &entry->next;
	}
	dc_unlock(&wq->lock);
	return taken;
}

static void sleeper_done(struct wait_queue_entry *entry, struct lookup_end *end)
{
	struct sleeper *sleeper = container_of(entry, struct sleeper, entry);

	(void)end;
	atomic_store_explicit(&sleeper->done, true, memory_order_release);
}

void sleeper_init(struct sleeper *sleeper, struct dentry *dentry)
{
	atomic_init(&sleeper->entry.dentry, NULL);
	sleeper->entry.func = sleeper_done;
	sleeper->entry.error = 0;
	sleeper->entry.outdated = false;
	sleeper->entry.alias = NULL;
	sleeper->dentry = dentry;
	atomic_init(&sleeper->done, false);
}

bool sleeper_sleep(struct sleeper *sleeper, uint64_t deadline_ns)
{
	struct dentry *dentry = sleeper->dentry;

	while (!atomic_load_explicit(&sleeper->done, memory_order_acquire)) {
		if (!dc_futex_wait(&dentry->d_woken, 0, deadline_ns))
			continue;
		DC_POINT(DC_W3, dentry);
		lockref_lock(&dentry->d_lockref);
		if (wait_queue_has(&sleeper->entry, dentry)) {
			wait_queue_withdraw(&sleeper->entry, dentry);
			return false;
		}
		lockref_unlock(&dentry->d_lockref);
		/* Taken: about to be let go (W3). */
		deadline_ns = DC_NO_DEADLINE;
	}
	return true;
}

void sleepers_wake(struct dentry *dentry)
{
	atomic_store_explicit(&dentry->d_woken, 1, memory_order_release);
	dc_futex_wake(&dentry->d_woken, INT32_MAX);
}
