/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lookup.pml shows, and the guards that each can be taken out of it. `run` reads this list: a
 * guard's line names the property that must fail without it, and whether it is of the core as it is
 * (now) or of the design for issue 5 (future). Properties L1 and L2 stand at lookup.pml's end.
 *
 * The rows of the hazards that guards are for:
 *
 *	H1	FIRST_COMPARED SEQ_REREAD SEQ_FIRST ADD_IN_WINDOW WINDOW_LASTS FLAG_OFF_FIRST
 *	H3	ODD_WAITED WINDOW_ENDS
 *	H7	JOIN_LOOKS NEXT_READ DONE_LAST DONE_SEEN
 *	H10	MOVE_IN_WINDOW MOVE_ENDS_TARGET
 *	H11	PUT_LOOKS REFUSED_AT_ONCE
 *	H12	WORD_COMPARED WORD_SET_FIRST WAKES_ALL
 *	H13	DIR_LOCK
 *	H15	REFUSED_AT_ONCE
 *	H16	WAITER_REF DEAD_SEEN UNHASHED_DEAD GRACE_PERIOD
 *	H17	OUTCOME_SHARED ALIAS_REF WAITER_MATCHES
 *	H20	CANCEL_UNLINKS CANCEL_WAITS CANCEL_PUTS CANCEL_AT_ONCE
 *	H21	PUT_LOOKS
 *	H22	OVERTAKEN OVERTAKEN_END MARK_FIRST MARK_LOCKED TABLE_FIRST
 *	H34	GRACE_PERIOD
 *	H46	FOUND_TWICE
 */
#define S1 1 /* one owner: nobody begins a lookup while another's is on the chain */
#define S2 2 /* one hashed entry of the name */
#define S3 3 /* no entry is hashed and in-lookup; no lookup begins while the name is hashed */
#define S4 4 /* nobody touches a queue head whose owner has returned */
#define S5 5 /* nobody touches the entry of a waiter that has left */
#define S6 6 /* no answer from before a change is published after it, or told who asked after it */
#define S7 7 /* no count is below what is held; none is held of the dead; in the end none is held */
#define S8 8 /* nobody touches freed memory */
#define S9 9 /* a waiter gets the outcome of what it waited for; an entry returned bears the name */

#define FIRST_COMPARED	 1	/* S1 now: the chain is locked only if its first node is the same */
#define SEQ_REREAD	 2	/* S3 now: the sequence is looked at again with the chain locked */
#define SEQ_FIRST	 3	/* S3 now: the sequence is sampled before the table is searched */
#define ODD_WAITED	 4	/* S3 now: an odd sequence is waited out */
#define ADD_IN_WINDOW	 5	/* S2 now: adding makes the sequence odd first */
#define MOVE_IN_WINDOW	 6	/* S2 now: so does a move onto the name */
#define WINDOW_LASTS	 7	/* S3 now: it is even only when the entry is in the table */
#define WINDOW_ENDS	 8	/* L2 now: it is made even again */
#define FLAG_OFF_FIRST	 9	/* S3 now: PAR_LOOKUP is off before HASHED is on */
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
#define MARK_FIRST	30	/* S6 future: who overtakes sees to the chain before the table */
#define MARK_LOCKED	31	/* S6 future: what is on the chain it locks, whatever the flags */
#define TABLE_FIRST	32	/* S6 future: entries enter the table before they leave the chain */
#define CANCEL_UNLINKS	33	/* S5 future: who gives up takes itself off the queue */
#define CANCEL_WAITS	34	/* S5 future: or, if it is off it, waits to be let go */
#define CANCEL_PUTS	35	/* S7 future: and puts what it then gets */
#define CANCEL_AT_ONCE	36	/* S4 future: place, waiters' count and reference go in one hold */
#define REFUSED_AT_ONCE	37	/* S4 now: the same of a waiter that is refused for a cycle */
