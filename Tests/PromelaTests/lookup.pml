/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One parallel lookup: the protocol of parallel.c, publish.c, wait.c, dentry.c and move.c, for spin.
 *
 * Modelled: one name in one directory. ASKERS processes each call d_alloc_parallel() for it once.
 * Whichever gets to A3 owns the lookup, asks the backend, and adds its entry, fails, moves the
 * directory's entry (ALIAS) that is elsewhere onto the name, or just puts its entry; the others wait
 * or find. A fourth process makes CHANGES changes: drops the entry of the name, evicts it or ALIAS,
 * takes ALIAS away from the name, or changes the name itself. Entry n is the one that asker n makes
 * if it comes to own a lookup. No memory is used twice: an entry is free once it is dead and the
 * read sections of that time have ended.
 *
 * Of the future (issue 5; built with -DFUTURE, a design yet): one waiter at a time may give up, and
 * the name is changed without the directory's lock: first the thing itself, then a lookup on the
 * chain is marked as overtaken, then the table's entry is dropped. Without FUTURE a change excludes
 * lookups (i_rwsem) and is one step.
 *
 * Left out: steps happen one after the other, all see them so (memory order and stale reads are
 * Tests/ModelTests' matter); other names, hence rename_seq, chains of strangers and shared queues
 * (H14); allocation and its failure; i_lock and the order of locks; d_add_ci() and cycles of waits;
 * vacancy of the name when an entry is added (a diagnosis, U1: here S2). Work under d_lock or a
 * bucket's lock of which others can see one store only is one step. A lock that is spun for or slept
 * on is a step that must wait. The directory sequence is: is it odd, and which askers between A1 and
 * A3 has it moved under. Waiters are told in any order. Askers begin in the order of their numbers:
 * else they are alike. Which of the table and the chain is changed, or searched, first does not
 * matter to anything below: the sequence covers both orders.
 *
 *	label or inline		in the core
 *	again, search		alloc_parallel() A1, A2; in_lookup_insert() A3
 *	join, sleep, match	join_lookup() A4, W1; sleeper_sleep(); d_match()
 *	end, wake		lookup_unhash(); lookup_wake(), sleepers_wake()
 *	put_it, put, kill	dput(), put_slow(), kill()
 *	hash			d_publish(), hash_entry(); move_entry(), take_place()
 *	changer: drop, evict	d_drop(); lru_shrink(), dentry_kill()
 */
#define S1 1 /* one owner: none begins to ask while another's entry is in-lookup on the chain */
#define S2 2 /* one hashed entry of the name */
#define S3 3 /* no entry is hashed and in-lookup, nor a lookup begun while the name is hashed */
#define S4 4 /* nobody touches a queue head whose owner has returned */
#define S5 5 /* nobody touches the entry of a waiter that has left */
#define S6 6 /* what was true before a change is not published, nor told who asked, after it */
#define S7 7 /* no count is below what is held, the dead are not held, in the end nothing is left */
#define S8 8 /* nobody touches freed memory */
#define S9 9 /* who waited gets the outcome of what it waited for; an answer bears the name */

/* The guards, each to be taken out (-DFAULT=n), which must break the property that stands first. */
#define FIRST_COMPARED	1	/* S1 now: the chain is locked only if its first node is the same */
#define SEQ_REREAD	2	/* S3 now: the sequence is looked at again under the chain's lock */
#define SEQ_FIRST	3	/* S3 now: the sequence is sampled before the table is searched */
#define ODD_WAITED	4	/* S3 now: an odd sequence is waited out */
#define ADD_IN_WINDOW	5	/* S2 now: d_add makes the sequence odd first */
#define MOVE_IN_WINDOW	6	/* S2 now: so does a move onto the name */
#define WINDOW_LASTS	7	/* S3 now: the sequence is even only when the entry is in the table */
#define WINDOW_ENDS	8	/* L2 now: the sequence is made even again */
#define FLAG_OFF_FIRST	9	/* S3 now: PAR_LOOKUP is off before HASHED is on */
#define JOIN_LOOKS	10	/* S4 now: who joins looks at PAR_LOOKUP under d_lock */
#define WAITER_REF	11	/* S8 now: a waiter has a reference on what it waits for */
#define DEAD_SEEN	12	/* S7 now: a dead entry gives no reference */
#define FOUND_TWICE	13	/* S9 now: what was found is proved again once it is referenced */
#define NEXT_READ	14	/* S5 now: the next waiter is read before one is let go */
#define DONE_LAST	15	/* S5 now: the outcome is stored before the waiter is let go */
#define DONE_SEEN	16	/* S5 now: who wakes up leaves only if it has been let go */
#define WORD_COMPARED	17	/* L1 now: the futex sleeps only while d_woken is unset */
#define WORD_SET_FIRST	18	/* L1 now: d_woken is set before the wake-up */
#define WAKES_ALL	19	/* L1 now: the wake-up is a broadcast */
#define MOVE_ENDS_TARGET 20	/* L1 now: a move wakes those who wait for its target */
#define PUT_LOOKS	21	/* L1 now: a put sees that only waiters are left */
#define OUTCOME_SHARED	22	/* S9 now: who waited for an error gets it */
#define ALIAS_REF	23	/* S7 now: each waiter gets a reference on the alias */
#define WAITER_MATCHES	24	/* S9 now: a waiter sees whether the entry bears the name */
#define UNHASHED_DEAD	25	/* S8 now: an entry is unhashed before it is dead */
#define GRACE_PERIOD	26	/* S8 now: memory outlives the read sections of its time */
#define DIR_LOCK	27	/* S6 now: changes to a directory exclude its lookups */
#define OVERTAKEN	28	/* S6 future: what was overtaken is not published */
#define OVERTAKEN_END	29	/* S6 future: nor is its outcome shared */
#define MARK_FIRST	30	/* S6 future: the chain is seen to before the table */
#define MARK_LOCKED	31	/* S6 future: what is on the chain is locked, whatever its flags */
#define CANCEL_UNLINKS	32	/* S5 future: who gives up takes itself off the queue */
#define CANCEL_WAITS	33	/* S5 future: or, if it is off it, waits to be let go */
#define CANCEL_PUTS	34	/* S7 future: and puts what it then gets */
#define CANCEL_AT_ONCE	35	/* S4 future: place, waiter's count and reference go in one hold */

#ifndef FAULT
#define FAULT 0
#endif
#ifndef PROPERTY
#define PROPERTY 0	/* check this one only */
#endif
#ifndef ASKERS
#define ASKERS 3	/* or 2 */
#endif
#ifndef CHANGES
#define CHANGES 1	/* at most 3 */
#endif
#ifdef FUTURE
#define future true
#else
#define future false
#endif
#define without(guard) (FAULT == guard)
#define SAFE(p, condition) assert((PROPERTY != 0 && PROPERTY != p) || (condition))
#define SEE(e) SAFE(S8, !d[e].dead || d[e].readers)

#define ALIAS ASKERS
#define CHANGER ASKERS
#define NONE 7
#define one(n) (1 << (n))
mtype:outcome = { MOVED, ERROR }	/* 0: none */
mtype:mood = { GAVE_UP, IMPATIENT }	/* 0: waits as long as it takes */

typedef dentry {
	bool locked, par_lookup, hashed, woken, dead, overtaken;
	unsigned count : 3, nr_waiters : 2, queue : 3;	/* queue: a bit for each waiter */
	/* Not in the core: has the modelled name; the queue head is alive; references there really
	 * are; who may still read it; the version the backend told; how the lookup ended. */
	bool here, head;
	unsigned held : 3, readers : 4, asked : 2, ended : 2
};
typedef sleeper { bool linked, done; unsigned outcome : 2, sleeps_on : 3 };	/* linked: alive */

dentry d[ASKERS + 1];
sleeper w[ASKERS];
unsigned table : 3 = NONE, chain : 3 = NONE;	/* the first node of each */
bool chain_locked, seq_odd, canceller, changed;
unsigned seq_moved : 3, sections : 4;		/* a bit for each process */
unsigned version : 2, completed : 2;		/* of the thing itself; all of it that is done */
unsigned started : 2, answered : 2, waiting : 2;

inline read_lock(me) { sections = sections | one(me) }
inline read_unlock(me) {
	sections = sections & ~one(me);
	seq_moved = seq_moved & ~one(me);
	for (k : 0 .. ASKERS) { d[k].readers = d[k].readers & ~one(me) }
	k = 0
}
