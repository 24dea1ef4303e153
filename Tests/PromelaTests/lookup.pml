/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One parallel lookup, for spin: the protocol of parallel.c, publish.c, wait.c, dentry.c, move.c.
 *
 * Modelled: one name in one directory. ASKERS processes call d_alloc_parallel() for it, once each.
 * Whichever gets to A3 owns the lookup and asks the backend; then it adds its entry, or fails with
 * an error for all, or moves the directory entry ALIAS onto the name, or just puts its entry. The
 * others wait, or find. A fourth process makes CHANGES changes: it drops the name's entry, evicts
 * it or ALIAS, carries ALIAS off to another name, or changes the name itself (a new version; its
 * entry is dropped; ALIAS may take the place). Entry n is the one that asker n makes if it gets to
 * A3. Memory is used once: it is free when its entry is dead and the read sections of then have
 * ended.
 *
 * FUTURE: not in the core yet, but the design for issue 5. One waiter at a time may give up: it
 * takes itself off the queue under d_lock, or, if somebody else has, waits to be let go. And the
 * name is changed without the directory's lock: first the thing itself; then a lookup on the chain
 * is marked as overtaken, and will end with nothing; then the entry in the table is dropped. With
 * three askers that is the only change. Without FUTURE there is no giving up, and a change to the
 * name excludes lookups (i_rwsem), so it is one step.
 *
 * A waiter may be one in d_add_ci(), counted before it queues, which may be refused meanwhile.
 *
 * Left out: memory order (steps come one after the other and all see them so; stale reads are for
 * Tests/ModelTests); other names, so rename_seq, strangers on chains, shared queues (H14), the rest
 * of d_add_ci() and what makes a cycle of waits; memory that comes back while a read section of its
 * time is open, so that a chain's first node is the same and yet another: grace periods exclude it. The
 * read section that the core leaves to allocate, or to wait for a bucket, goes on here: the core then
 * looks at the chain anew. Other outcomes than those above; allocation; i_lock, and in what order locks
 * are taken; the test for a vacant name when an entry is added, a diagnosis (U1), here S2. Askers
 * ask once, so nobody is shown not to starve. What is done under d_lock or a bucket's lock, and of
 * which others can see one store, is one step; so is a load with what follows from it alone. To
 * take a lock is a step that may have to wait. The directory's sequence is: whether it is odd, and
 * which askers between A1 and A3 have seen it move. Waiters are told in any order. Askers begin in
 * the order of their numbers, being alike. Which of table and chain an asker searches first is no
 * guard: the sequence covers either order.
 *
 *	here			in the core
 *	again, search		alloc_parallel(): A1, A2; in_lookup_insert(): A3
 *	join, doze, match	join_lookup(): A4, W1; sleeper_sleep(); d_match()
 *	holder			park_holder()
 *	C1, end, wake		hash_entry(), move_entry(); lookup_unhash(); lookup_wake(): C2-C4
 *	put_it, put, kill	dput(), put_slow(), kill()
 *	drop, evict		d_drop(), and the d_lookup() before it; lru_shrink(), dentry_kill()
 */
#include "guards.pml"

#define without(guard) (FAULT == guard)
#define SAFE(property, condition) assert((PROPERTY && PROPERTY != property) || (condition))
#define SEE(e) SAFE(S8, !d[e].dead || readers >> 4 * e & 15)
#define is_answer(e) (d[e].hashed && d[e].here)
#define evictable(e) (e != NONE && d[e].hashed && !d[e].locked && !d[e].count)
#define any_change (!FUTURE || ASKERS == 2)
#define when(condition, action) if :: (condition) -> action :: else fi

#define LIVENESS 99
#define ALIAS ASKERS
#define CHANGER ASKERS
#define NONE 7
#define MOVED 1		/* outcomes: nothing to tell (0); it is ALIAS; an error */
#define ERROR 2
#define IMPATIENT 1	/* moods of waiters: as long as it takes (0); may give up; has, too late */
#define GAVE_UP 2

typedef dentry {
	bool locked, par_lookup, hashed, woken, dead, overtaken;
	unsigned count : 3, nr_waiters : 2, queue : 3;	/* queue: a bit for each waiter */
	bool here, head;	/* it bears the name; the owner's queue head is alive */
	/* Not in the core: references held, the version of the answer, how the lookup ended. */
	unsigned held : 3, asked : 2, ended : 2
};
typedef sleeper { bool linked, done; unsigned outcome : 2, sleeps_on : 3 };

dentry d[ASKERS + 1];
sleeper w[ASKERS];
unsigned table : 3 = NONE, chain : 3 = NONE;	/* the first nodes */
bool chain_locked, seq_odd, canceller, changed;
unsigned seq_moved : 3, sections : 4;		/* a bit for each process */
unsigned readers : 16;				/* four bits for each entry, set when it dies */
unsigned version : 2, completed : 2;		/* of the name; the last whose change is over */
unsigned started : 2, answered : 2, waiting : 2;

inline read_lock(me) { sections = sections | 1 << me }
inline read_unlock(me) {
	sections = sections & ~(1 << me); seq_moved = seq_moved & ~(1 << me);
	readers = readers & ~(4369 << me)	/* 0x1111 */
}
inline seq_bump() { seq_odd = !seq_odd; seq_moved = seq_moved | sections & (1 << ASKERS) - 1 }
inline get(e) { SAFE(S7, !d[e].dead); d[e].count++; d[e].held++ }
inline hash(e, when_asked) {
	SAFE(S2, table == NONE); SAFE(S3, !d[e].par_lookup); SAFE(S6, when_asked >= completed);
	d[e].hashed = true; d[e].here = true; d[e].asked = when_asked; table = e
}
inline unhash(e) { d[e].hashed = false; table = (table == e -> NONE : table) }
inline kill(e) {
	SAFE(S7, !d[e].held);
	readers = (without(GRACE_PERIOD) -> readers : readers | sections << 4 * e);
	d[e].dead = true; d[e].woken = false; d[e].here = false;
	d[e].count = 0; d[e].asked = 0; d[e].ended = 0
}
inline put(e) {
	SAFE(S7, d[e].count && d[e].count >= d[e].held);
	d[e].held--; d[e].count--;
	when(!d[e].count && !d[e].hashed, kill(e))
}
inline answer(e) { SAFE(S9, is_answer(e)); SAFE(S6, d[e].asked >= began); over = true }

proctype asker(byte me)
{
	unsigned e : 3 = NONE, also : 3 = NONE, began : 2, outcome : 2, taken : 3, mood : 2, i : 2;
	bool over, odd;

	atomic { started == me -> started++; began = completed; goto again }
again:	atomic { odd = seq_odd; read_lock(me) }				/* A1 */
	atomic {							/* A2 */
		e = table;
		if
		:: e == NONE && odd && !without(ODD_WAITED) -> read_unlock(me); goto wait
		:: e == NONE && (!odd || without(ODD_WAITED)) -> odd = false; goto search
		:: else -> odd = false
		fi
	}
	atomic {
		!d[e].locked -> SEE(e);
		when(d[e].dead, goto search);
		get(e); read_unlock(me);
		when(is_answer(e) || without(FOUND_TWICE), answer(e));
		goto put_it
	}
wait:	atomic { !seq_odd -> odd = false; goto again }
search:	atomic {
		seq_moved = (without(SEQ_FIRST) -> seq_moved & ~(1 << me) : seq_moved);
		e = chain;
		when(e != NONE && d[e].par_lookup, SEE(e); goto join)	/* A4 */
	}
	atomic {
		!chain_locked ->
		when(chain != e && !without(FIRST_COMPARED), goto search);
		chain_locked = true
	}
	atomic {							/* A3 */
		chain_locked = false;
		when(seq_moved >> me & 1 && !without(SEQ_REREAD), read_unlock(me); goto again);
		SAFE(S1, chain == NONE || !d[chain].par_lookup); SAFE(S3, table == NONE);
		e = me; chain = e; over = true; read_unlock(me);
		d[e].par_lookup = true; d[e].here = true; d[e].head = true;
		d[e].count = 1; d[e].held = 1
	}
	d[e].asked = version;						/* the backend */
	atomic {
		!d[e].locked ->
		if
		:: goto put_it
		:: outcome = ERROR
		:: !d[ALIAS].locked && !d[ALIAS].dead ->
			outcome = MOVED; also = ALIAS; get(ALIAS); d[ALIAS].locked = true
		:: true
		fi;
		d[e].locked = true;
		when(outcome == ERROR, goto end);
		when(d[e].overtaken && !without(OVERTAKEN), goto end);	/* future */
		when(!(outcome == MOVED -> without(MOVE_IN_WINDOW) : without(ADD_IN_WINDOW)),
			!seq_odd -> seq_bump(); odd = true)
	}
	if								/* C1 */
	:: atomic { outcome == MOVED -> hash(ALIAS, d[e].asked) }
	:: atomic {
		outcome != MOVED -> d[e].par_lookup = without(FLAG_OFF_FIRST);
		when(without(WINDOW_LASTS), seq_bump(); odd = false);
		when(without(TABLE_FIRST) && chain == e, chain = NONE)
	   }
	   atomic { hash(e, d[e].asked) }
	fi;
end:	atomic {							/* C2 */
		!chain_locked -> SAFE(S4, d[e].head);
		when(d[e].overtaken && !without(OVERTAKEN_END), outcome = 0);		/* future */
		chain = (chain == e -> NONE : chain);
		taken = d[(outcome == MOVED && without(MOVE_ENDS_TARGET) -> ALIAS : e)].queue;
		d[e].queue = 0; d[e].nr_waiters = 0;
		d[e].par_lookup = false; d[e].overtaken = false; d[e].ended = outcome
	}
	atomic {							/* C3 */
		when(odd && !without(WINDOW_ENDS), seq_bump());
		odd = false; d[e].locked = false;
		d[ALIAS].locked = (also == ALIAS -> false : d[ALIAS].locked);
		outcome = (outcome == ERROR && without(OUTCOME_SHARED) -> 0 : outcome);
		when(taken, goto wake);
		outcome = 0; goto put_it
	}
wake:	atomic {							/* C4 */
		if
		:: taken & 1 -> i = 0
		:: taken & 2 -> i = 1
		:: taken & 4 -> i = 2
		fi;
		taken = taken & ~(1 << i);
		SAFE(S5, w[i].linked); w[i].done = without(DONE_LAST)
	}
	atomic {
		outcome != MOVED || !d[ALIAS].locked -> SAFE(S5, w[i].linked);
		if
		:: outcome == MOVED && without(ALIAS_REF) -> d[ALIAS].held++
		:: outcome == MOVED && !without(ALIAS_REF) -> get(ALIAS)
		:: else
		fi;
		w[i].outcome = outcome; w[i].done = true
	}
#if FAULT == NEXT_READ
	SAFE(S5, w[i].linked);
#endif
	atomic {
		when(taken, goto wake);
		outcome = 0; SEE(e); d[e].woken = !without(WORD_SET_FIRST)
	}
	atomic {
		for (i : 0 .. ASKERS - 1) {
			when(w[i].sleeps_on == e,
				w[i].sleeps_on = NONE; when(without(WAKES_ALL), break))
		}
		i = 0;
		when(without(WORD_SET_FIRST), goto late);
		goto put_it
	}
late:	atomic { d[e].woken = true; goto put_it }

join:	atomic {
		!d[e].locked -> SEE(e);
		read_unlock(me);
		if
		:: d[e].dead && !without(DEAD_SEEN) -> goto again
		:: without(WAITER_REF) -> d[e].held++
		:: else -> get(e)
		fi;
		when(!d[e].par_lookup && !without(JOIN_LOOKS), goto match);
		SAFE(S4, d[e].head);
		d[e].nr_waiters++;
		if
		:: !FUTURE && !canceller -> canceller = true; goto holder
		:: true
		fi;
		d[e].queue = d[e].queue | 1 << me;
		w[me].linked = true; waiting++;
		if
		:: FUTURE && !canceller -> canceller = true; mood = IMPATIENT
		:: true
		fi;
		goto doze						/* W1 */
	}
holder:	atomic {							/* d_add_ci() */
		!d[e].locked -> SEE(e);
		canceller = false;
		when(!d[e].par_lookup, goto match);
		if
		:: SAFE(S4, d[e].head); d[e].queue = d[e].queue | 1 << me;
			w[me].linked = true; waiting++; goto doze
		:: d[e].nr_waiters--; over = true;			/* a cycle */
			when(without(REFUSED_AT_ONCE), goto put_it);
			put(e); goto out
		fi
	}
sleep:	if
	:: atomic { w[me].done || without(DONE_SEEN) -> goto done }
	:: !w[me].done
	fi;
doze:	if
	:: atomic { !d[e].woken || without(WORD_COMPARED) -> SEE(e); w[me].sleeps_on = e }
	:: goto sleep			/* the word is set, or there was a signal */
	:: atomic { mood == IMPATIENT -> goto cancel }
	fi;
	if
	:: w[me].sleeps_on == NONE -> goto sleep
	:: atomic { mood == IMPATIENT -> w[me].sleeps_on = NONE; goto cancel }
	fi;
done:	atomic {
		outcome = w[me].outcome;
		w[me].outcome = 0; w[me].done = false; w[me].linked = false; waiting--;
		SAFE(S9, outcome == d[e].ended); SAFE(S6, !outcome || d[e].asked >= began);
		over = mood == GAVE_UP;
		also = (outcome == MOVED && !(over && without(CANCEL_PUTS)) -> ALIAS : NONE);
		over = over || outcome;
		outcome = 0; canceller = canceller && !mood; mood = 0;
		when(over, goto put_it);
		goto match
	}
match:	atomic {
		SEE(e);
		when(is_answer(e) || without(WAITER_MATCHES), answer(e));
		goto put_it
	}
cancel:	atomic {							/* future */
		!d[e].locked ->
		if
		:: d[e].queue >> me & 1 ->
			d[e].nr_waiters--;
			d[e].queue = d[e].queue & ~(without(CANCEL_UNLINKS) -> 0 : 1 << me)
		:: else -> when(!without(CANCEL_WAITS), mood = GAVE_UP; goto sleep)
		fi;
		w[me].linked = false; waiting--; canceller = false; mood = 0; over = true;
		when(!without(CANCEL_AT_ONCE), put(e); goto out)
	}
put_it:	atomic {
		!d[e].locked -> SEE(e);
		when(d[e].par_lookup && d[e].count - 1 == d[e].nr_waiters && !without(PUT_LOOKS),
			d[e].locked = true; goto end);
		put(e); e = also; also = NONE;
		when(e != NONE, goto put_it);
		when(!over, goto again);
		goto out
	}
out:	atomic {
		/* An entry that was never made is as one that is dead: fewer states. */
		d[me].head = false; d[me].dead = !d[me].count && !d[me].hashed;
		e = NONE; over = false; began = 0; answered++
	}
}

proctype changer()
{
	unsigned e : 3 = NONE, left : 2 = CHANGES;

more:	atomic {
		if
		:: left -> left--
		:: changed = true; goto out
		fi;
		if
		:: any_change -> goto drop
		:: any_change && evictable(table) -> e = table; get(e)
		:: any_change && evictable(ALIAS) -> e = ALIAS; get(e)
		:: any_change && table == ALIAS && !d[ALIAS].locked ->	/* a move to elsewhere */
			table = NONE; d[ALIAS].here = false; goto more
		:: !FUTURE && (started == answered || without(DIR_LOCK)) && !d[ALIAS].locked &&
		   (table == NONE || !d[table].locked) ->			/* under i_rwsem */
			version++; completed++; e = table;
			when(e != NONE, get(e); unhash(e); put(e); e = NONE);
			if
			:: !d[ALIAS].dead -> hash(ALIAS, version)
			:: true
			fi;
			goto more
		:: FUTURE -> version++; when(without(MARK_FIRST), goto drop); goto mark
		fi
	}
evict:	atomic {
		!d[e].locked ->
		when(d[e].count > 1, put(e); e = NONE; goto more);
		d[e].locked = true;
		when(!without(UNHASHED_DEAD), unhash(e))
	}
	atomic { d[e].held--; kill(e); d[e].locked = false; e = NONE; goto more }
mark:	atomic {							/* future */
		chain == NONE || !d[chain].locked || without(MARK_LOCKED) && !d[chain].par_lookup ->
		when(chain != NONE, d[chain].overtaken = d[chain].par_lookup);
		when(without(MARK_FIRST), goto done)
	}
drop:	atomic {
		table == NONE || !d[table].locked -> e = table;
		when(e == NONE, goto next);
		get(e); unhash(e)
	}
	atomic { !d[e].locked -> put(e); e = NONE; goto next }
next:	atomic { when(FUTURE && without(MARK_FIRST), goto mark); goto done }
done:	atomic { completed = version; goto more }
out:	skip
}

init {
	byte i;

	atomic {
		d[ALIAS].hashed = true;
		for (i : 0 .. ASKERS - 1) { w[i].sleeps_on = NONE; run asker(i) }
		run changer()
	}
	/* Time goes on when all are stuck: with -f, spin sees nothing wrong in an end. */
	do
	:: PROPERTY == LIVENESS
	:: atomic { answered == ASKERS && changed -> break }
	od;
	for (i : 0 .. ASKERS) { SAFE(S7, !d[i].held && !d[i].count && (d[i].dead || d[i].hashed)) }
}

ltl L1 { <>[] (waiting == 0) }		/* every waiter returns */
ltl L2 { <> (answered == ASKERS) }	/* every asker gets an answer */
