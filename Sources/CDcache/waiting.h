/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for another's lookup: the part of internal.h, which includes it, that is about queues, who is on
 * them, and what a lookup ends with. What may happen at the same time: wait.c, async.c, parallel.c.
 */
#ifndef DCACHE_WAITING_H
#define DCACHE_WAITING_H

/* ---- wait.c ---- */

struct lookup_end;

/*
 * Somebody who waits for an entry to stop being in-lookup. Lies with the waiter, who has a reference
 * on the entry; linked under the entry's d_lock. Whoever ends the lookup takes it off the queue under
 * d_lock and, holding no lock, calls @func, exactly once, after which it does not touch it again.
 */
struct wait_queue_entry {
	struct wait_queue_entry *next, *prev;
	/* On whose queue it is; NULL: on none. Changes under the d_lock of that. */
	_Atomic(struct dentry *) dentry;
	void (*func)(struct wait_queue_entry *entry, struct lookup_end *end);
	/* The outcome, set before @func: an error, or another entry with a reference for this
	 * waiter; neither: look at the entry. */
	int error;
	bool outdated;			/* no outcome is one for this waiter: parallel.c, P8 */
	struct dentry *alias;
};

/* A waiter that sleeps. */
struct sleeper {
	struct wait_queue_entry entry;
	struct dentry *dentry;
	_Atomic bool done;
};

/* A waiter that is called: what lies in a struct d_waiter. */
struct async_waiter {
	d_waiter_func *func;
	struct wait_queue_entry entry;
	struct graph_waiter graph;
	struct dentry *result;
} __attribute__((may_alias));

_Static_assert(sizeof(struct async_waiter) <= sizeof(struct d_waiter), "the waiter has room");

static inline struct async_waiter *async_waiter_of(struct d_waiter *waiter)
{
	return (struct async_waiter *)(void *)waiter;
}

/* What lies in a struct wait_queue_head. */
struct wait_queue {
	struct dc_lock lock;			/* several entries' waiters may share the queue */
	_Atomic(struct wait_queue_entry *) first;
	struct wait_queue_entry *last;
} __attribute__((may_alias));

_Static_assert(sizeof(struct wait_queue) <= sizeof(struct wait_queue_head), "the head has room");

static inline struct wait_queue *wait_queue_of(struct wait_queue_head *wq)
{
	return (struct wait_queue *)(void *)wq;
}

/* A head for an entry of its own, or NULL. */
struct wait_queue_head *wait_queue_alloc(void);
void sleeper_init(struct sleeper *sleeper, struct dentry *dentry);
/* False: @deadline_ns came first. Then d_lock is held, and the waiter is neither on the queue nor counted;
 * its reference is still there. */
bool sleeper_sleep(struct sleeper *sleeper, uint64_t deadline_ns);
/* All who slept for @dentry have been let go: wake them. */
void sleepers_wake(struct dentry *dentry);
/* d_lock of @dentry, which is in-lookup, is held, in this function and the next three. */
void wait_queue_add(struct wait_queue *wq, struct wait_queue_entry *entry, struct dentry *dentry);
/* Is @entry still on the queue? */
static inline bool wait_queue_has(const struct wait_queue_entry *entry, const struct dentry *dentry)
{
	return atomic_load_explicit(&entry->dentry, memory_order_relaxed) == dentry;
}

/* Take it off; it is not counted any more. Its reference is the caller's. */
void wait_queue_withdraw(struct wait_queue_entry *entry, struct dentry *dentry);
/* Returns those who wait for @dentry, linked, oldest first, off the queue. */
struct wait_queue_entry *wait_queue_take(struct wait_queue *wq, const struct dentry *dentry);

/* ---- async.c ---- */

void async_waiter_init(struct async_waiter *waiter);
/* No lock is held: call the funcs of those who have their outcome, or leave them to who does so already. */
void async_tell(struct lookup_end *end);

/* ---- graph.c ---- */

/*
 * Would waiting for @self->target close a cycle: does whoever is to end it wait, directly or
 * through others, for @self->holder or @self->thread? If not, @self is in the graph afterwards.
 */
bool graph_enter(struct dcache *dc, struct graph_waiter *self);
void graph_leave(struct dcache *dc, struct graph_waiter *self);

/* ---- parallel.c ---- */

/* A lookup that has been ended and whose waiters are yet to be told. */
struct lookup_end {
	struct dentry *dentry;			/* referenced by whoever ends it, to the end */
	struct wait_queue_entry *waiters;
	/* Those that have their outcome, and are to be called: async.c, Y3. */
	struct wait_queue_entry *told, **told_end;
	struct wait_queue_head *own_wait;
	bool hashed;				/* by this: the entry itself is the answer */
	bool overtaken;
};

#define LOOKUP_END_INIT { NULL, NULL, NULL, NULL, NULL, false, false }

/* d_lock is held and @dentry is in-lookup: it no longer is. */
void lookup_unhash(struct dentry *dentry, struct lookup_end *end);
/*
 * d_lock is held and @dentry is in-lookup: has its name, or its directory, been changed or invalidated
 * since that began? For one that is to be hashed the sequence is odd: parallel.c, P9.
 */
bool lookup_overtaken(struct dentry *dentry);
/* lookup_unhash() of such a one, which is never to be hashed. If it is positive, or another entry is the
 * answer (@positive), that is lost to its directory. */
void lookup_unhash_overtaken(struct dentry *dentry, bool positive, struct lookup_end *end);
/* No lock is held. Tell the waiters; each gets a reference of @alias, if given. */
void lookup_wake(struct lookup_end *end, int error, struct dentry *alias);
enum lookup_waiting {
	WAIT_NEVER,	/* nor for anything else: noblock.c */
	WAIT_NOT,	/* -EAGAIN */
	WAIT_ASLEEP,
	WAIT_ASYNC,
};

/* What alloc_parallel() does if somebody else is asking. */
struct lookup_wait {
	enum lookup_waiting how;
	struct wait_queue_head *wq;	/* for others, if the caller becomes the owner; or NULL */
	uint64_t deadline_ns;		/* WAIT_ASLEEP, and no holder */
	struct d_waiter *waiter;	/* WAIT_ASYNC */
	/* An in-lookup entry of the caller's that stays so while it waits, or NULL. */
	struct dentry *holder;
	/* The generation of the question whose answer the caller knows already; NULL: it is yet to ask. */
	const _Atomic uint32_t *as_old_as;
	/* What came of it. NULL was returned, since @waiter is registered: */
	bool pending;
	/* What was returned, an entry or an error, is the outcome of another's lookup that ended
	 * during the call: */
	bool shared;
};

#define LOOKUP_WAIT_INIT(how_, wq_) \
	{ .how = (how_), .wq = (wq_), .deadline_ns = DC_NO_DEADLINE }

/* d_alloc_parallel() of a prepared name. */
struct dentry *alloc_parallel(struct dentry *parent, const struct qstr *name,
			      struct lookup_wait *wait);
/* The in-lookup entry of (@parent, @name) in @bucket, or in a view of it, not referenced. In a
 * read section. */
struct dentry *in_lookup_find(const struct bucket *bucket, uint64_t hash, const struct dentry *parent,
			      const struct qstr *name);
/* A new entry, ready to be put into the in-lookup table; or an error. WAIT_NEVER: dentry_alloc_bare()'s. */
struct dentry *in_lookup_alloc(struct dentry *parent, const struct qstr *name,
			       const struct lookup_wait *wait);
/* If somebody is asking for @name in @parent, what they find comes too late, or they have hashed it when
 * this returns. Not while the caller has made the sequence odd. */
void in_lookup_outdate(struct dentry *parent, const struct qstr *name);
/* The same, after an entry of that name has been hashed otherwise than by ending a lookup: P10. */
void in_lookup_overtake(struct dentry *parent, const struct qstr *name);
/* d_lock is held. The same for the name of @dentry, which is not hashed, nor in-lookup; nothing if it is a
 * root. */
void in_lookup_outdate_of(struct dentry *dentry);
/* End a lookup with the entry as it is, negative and unhashed: waiters get it so. */
void lookup_end_with_itself(struct dentry *dentry);

#endif /* DCACHE_WAITING_H */
