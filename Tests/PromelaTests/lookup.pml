/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FAULT
#define FAULT 0
#endif
#ifndef PROPERTY
#define PROPERTY 0
#endif
#ifdef CANCEL
#define cancels true
#else
#define cancels false
#endif
#ifdef INVALIDATE
#define future true
#else
#define future false
#endif
#ifndef CHANGES
#define CHANGES 2
#endif

#define FIRST_COMPARED	1	/* S1 both: the chain is locked only if its first node is the same still */
#define SEQ_REREAD	2	/* S3 both: the sequence is looked at again under the chain's lock */
#define SEQ_FIRST	3	/* S3 both: the sequence is sampled before the table is searched */
#define ODD_WAITED	4	/* S3 both: an odd sequence is waited out */
#define ADD_IN_WINDOW	5	/* S2 both: d_add makes the sequence odd first */
#define MOVE_IN_WINDOW	6	/* S2 both: so does a move onto the name */
#define FLAG_OFF_FIRST	7	/* S3 both: PAR_LOOKUP is off before HASHED is on */
#define JOIN_LOOKS	8	/* S4 both: who joins looks at PAR_LOOKUP under d_lock */
#define DONE_LAST	9	/* S5 both: the outcome is stored before the waiter is let go */
#define NEXT_READ	10	/* S5 both: the next waiter is read before one is let go */
#define DONE_SEEN	11	/* S5 both: who wakes up leaves only if it has been let go */
#define WORD_COMPARED	12	/* L1 both: the futex sleeps only while d_woken is unset */
#define WORD_SET_FIRST	13	/* L1 both: d_woken is set before the wake-up */
#define WAKES_ALL	14	/* L1 both: the wake-up is a broadcast */
#define MOVE_ENDS_TARGET 15	/* L1 both: a move wakes those who wait for its target */
#define PUT_LOOKS	16	/* L1 both: a put sees that only waiters are left */
#define WAITER_REF	17	/* S8 both: a waiter has a reference on what it waits for */
#define ALIAS_REF	18	/* S7 both: each waiter gets a reference on the alias */
#define DEAD_SEEN	19	/* S7 both: a dead entry gives no reference */
#define GRACE_PERIOD	20	/* S8 both: memory outlives the read sections of its time */
#define UNHASHED_DEAD	21	/* S8 both: an entry is unhashed before it is dead */
#define OUTCOME_SHARED	22	/* S9 both: who waited for an error gets it */
#define WAITER_MATCHES	23	/* S9 both: a waiter sees whether the entry bears the name */
#define FOUND_TWICE	24	/* S9 both: what was found is proved again, referenced */
#define WINDOW_CLOSED	25	/* L2 both: the sequence is made even again */
#define DIR_LOCK	26	/* S6 now: changes to a directory exclude its lookups */
#define OVERTAKEN	27	/* S6 future: what was overtaken is not published */
#define OVERTAKEN_END	28	/* S6 future: nor is its outcome shared */
#define MARK_FIRST	29	/* S6 future: lookups are marked before the table is searched */
#define MARK_LOCKED	30	/* S6 future: whatever is on the chain is locked, seen in-lookup or not */
#define CANCEL_UNLINKS	31	/* S5 future: who gives up takes itself off the queue */
#define CANCEL_WAITS	32	/* S5 future: or, if it is off it, waits to be let go */
#define CANCEL_PUTS	33	/* S7 future: and puts the outcome it then got */
#define CANCEL_AT_ONCE	34	/* S4 future: place, count of waiters and reference go in one hold */

#define without(guard) (FAULT == guard)
#define SAFE(property, condition) assert((PROPERTY != 0 && PROPERTY != property) || (condition))

#ifndef ASKERS
#define ASKERS 3
#endif
#define ALIAS ASKERS
#define CHANGER ASKERS
#define ENTRIES (ASKERS + 1)
#define NONE 7
#define ERROR 1
#define MOVED 2
#define mask(n) (1 << (n))
#define PATIENT 0
#define IMPATIENT 1
#define GAVE_UP 2

typedef dentry {
	bool locked, par_lookup, hashed, here, dead, overtaken, woken, head;
	byte count, held, nr_waiters, queue, readers, asked, outcome
};
typedef sleeper {
	bool frame, done;
	byte outcome, on
};
dentry d[ENTRIES];
sleeper w[ASKERS];
byte table = NONE, chain = NONE;
bool chain_locked, seq_odd;
byte seq_moved, sections;
byte version, completed;
byte started, answered, waiting;
bool canceller, changed;

#define SEE(e)	SAFE(8, !d[e].dead || d[e].readers)

inline read_lock(me) { sections = sections | mask(me) }
inline read_unlock(me) {
	sections = sections & ~mask(me);
	seq_moved = seq_moved & ~mask(me);
	d[0].readers = d[0].readers & ~mask(me);
	d[1].readers = d[1].readers & ~mask(me);
	d[2].readers = d[2].readers & ~mask(me)
#if ASKERS > 2
	;	d[3].readers = d[3].readers & ~mask(me)
#endif
}
inline seq_bump() {
	seq_odd = !seq_odd;
	seq_moved = seq_moved | (sections & (mask(ASKERS) - 1))
}
inline get(e) {
	SAFE(7, !d[e].dead);
	d[e].count++;
	d[e].held++
}
inline unhash(e) {
	d[e].hashed = false;
	table = (table == e -> NONE : table)
}
inline kill(e) {
	SAFE(7, !d[e].held);
	d[e].count = 0; d[e].asked = 0; d[e].outcome = 0; d[e].woken = false; d[e].here = false;
	d[e].overtaken = false;
	d[e].dead = true;
	d[e].readers = (without(GRACE_PERIOD) -> 0 : sections)
}
inline put(e) {
	SAFE(7, d[e].count && d[e].count >= d[e].held);
	d[e].held--;
	d[e].count--;
	if
	:: !d[e].count && !d[e].hashed -> kill(e)
	:: else
	fi
}
#define is_answer(e)	(d[e].hashed && d[e].here)
inline answer(e) {
	SAFE(9, is_answer(e));
	SAFE(6, d[e].asked >= began);
	over = true
}

proctype asker(byte me)
{
	byte e = NONE, also = NONE, began, outcome, taken, mood, i;
	bool over, odd, woke;

	atomic {
		started == me ->
		started++;
		began = completed;
		goto again
	}
again:	atomic {
		e = NONE;
		odd = seq_odd;
		read_lock(me)
	}
	atomic {
		e = table;
		if
		:: e == NONE && odd && !without(ODD_WAITED) ->
			odd = false; read_unlock(me); goto wait_even
		:: e == NONE && !(odd && !without(ODD_WAITED)) -> odd = false;
#if FAULT == SEQ_FIRST
			goto resample
#else
			goto search
#endif
		:: else -> odd = false
		fi
	}
	atomic {
		!d[e].locked -> SEE(e);
		if
		:: d[e].dead -> goto search
		:: else ->
			get(e);
			read_unlock(me);
			if
			:: is_answer(e) || without(FOUND_TWICE) -> answer(e)
			:: else
			fi;
			goto put_it
		fi
	}
#if FAULT == SEQ_FIRST
resample: atomic { seq_moved = seq_moved & ~mask(me); goto search }
#endif
wait_even:
	atomic { !seq_odd -> goto again }
search:	atomic {
		e = chain;
		if
		:: e != NONE && d[e].par_lookup -> SEE(e); goto join
		:: else
		fi
	}
	atomic {
		!chain_locked ->
		if
		:: chain == e || without(FIRST_COMPARED) -> chain_locked = true
		:: else -> goto search
		fi
	}
	atomic {
		chain_locked = false;
		if
		:: (seq_moved & mask(me)) && !without(SEQ_REREAD) -> read_unlock(me); goto again
		:: else
		fi;
		SAFE(1, chain == NONE || !d[chain].par_lookup);
		SAFE(3, table == NONE);
		e = me;
		read_unlock(me);
		d[e].par_lookup = true; d[e].here = true; d[e].head = true;
		d[e].count = 1; d[e].held = 1;
		chain = e;
		over = true
	}
	atomic {
		d[e].asked = version;
		if
		:: goto put_it
		:: outcome = ERROR
		:: outcome = MOVED
		:: true
		fi
	}
	atomic {
		!d[e].locked && (outcome != MOVED || !d[ALIAS].locked) ->
		if
		:: outcome == MOVED && !d[ALIAS].dead -> get(ALIAS); d[ALIAS].locked = true; also = ALIAS
		:: outcome == MOVED && d[ALIAS].dead -> outcome = 0
		:: else
		fi;
		d[e].locked = true;
		if
		:: d[e].overtaken && !(outcome == ERROR -> without(OVERTAKEN_END) : without(OVERTAKEN)) ->
			outcome = 0; goto end
		:: else
		fi;
		if
		:: outcome == ERROR -> goto end
		:: outcome == MOVED && without(MOVE_IN_WINDOW) -> goto hash
		:: outcome == 0 && without(ADD_IN_WINDOW) -> goto flag
		:: else
		fi;
		!seq_odd -> seq_bump(); odd = true;
		if
		:: outcome == MOVED -> goto hash
		:: else
		fi
	}
flag:
#if FAULT != FLAG_OFF_FIRST
	d[e].par_lookup = false;
#endif
hash:	atomic {
		SAFE(2, table == NONE);
		SAFE(6, d[e].asked >= completed);
		if
		:: outcome == MOVED ->
			i = ALIAS;
			d[i].here = true;
			d[i].asked = d[e].asked
		:: else ->
			i = e;
			SAFE(3, !d[e].par_lookup)
		fi;
		d[i].hashed = true;
		table = i;
		i = 0
	}
end:	atomic {
		!chain_locked -> chain = (chain == e -> NONE : chain);
		SAFE(4, d[e].head);
		d[e].par_lookup = false;
		d[e].nr_waiters = 0;
		d[e].outcome = outcome;
#if FAULT == MOVE_ENDS_TARGET
		if
		:: outcome == MOVED -> taken = d[ALIAS].queue
		:: else -> taken = d[e].queue
		fi;
#else
		taken = d[e].queue;
#endif
		d[e].queue = 0
	}
	atomic {
		if
		:: odd && !without(WINDOW_CLOSED) -> seq_bump()
		:: else
		fi;
		odd = false;
		d[e].locked = false;
		if
		:: also == ALIAS -> d[ALIAS].locked = false
		:: else
		fi;
		if
		:: outcome == ERROR && without(OUTCOME_SHARED) -> outcome = 0
		:: else
		fi;
		if
		:: taken == 0 -> outcome = 0; goto put_it
		:: else -> woke = true
		fi
	}
	do
	:: atomic {
		taken && (outcome != MOVED || !d[ALIAS].locked) ->
		if
		:: taken & 1 -> i = 0
		:: taken & 2 -> i = 1
		:: taken & 4 -> i = 2
		fi;
		taken = taken & ~mask(i);
		SAFE(5, w[i].frame);
		if
		:: outcome == MOVED && without(ALIAS_REF) -> d[ALIAS].held++
		:: outcome == MOVED && !without(ALIAS_REF) -> get(ALIAS)
		:: else
		fi;
#if FAULT == DONE_LAST
		w[i].done = true
	   }
	   atomic {
		SAFE(5, w[i].frame);
		w[i].outcome = outcome;
#else
		w[i].outcome = outcome;
		w[i].done = true;
#endif
#if FAULT == NEXT_READ
	   }
	   atomic {
		SAFE(5, w[i].frame);
#endif
		i = 0
	   }
	:: atomic { taken == 0 -> outcome = 0; break }
	od;
#if FAULT != WORD_SET_FIRST
	atomic { SEE(e); d[e].woken = true }
#endif
	d_step {
		for (i : 0 .. ASKERS - 1) {
			if
			:: w[i].on == e ->
				w[i].on = NONE;
				if
				:: without(WAKES_ALL) -> break
				:: else
				fi
			:: else
			fi
		}
		i = 0; woke = false
	}
#if FAULT == WORD_SET_FIRST
	d[e].woken = true;
#endif
	goto put_it;

join:	atomic {
		!d[e].locked -> SEE(e);
		if
		:: d[e].dead && !without(DEAD_SEEN) -> read_unlock(me); goto again
		:: else
		fi;
		if
		:: without(WAITER_REF) -> d[e].held++
		:: else -> get(e)
		fi;
		read_unlock(me);
		if
		:: !d[e].par_lookup && !without(JOIN_LOOKS) -> goto match
		:: else
		fi;
		SAFE(4, d[e].head);
		d[e].nr_waiters++;
		d[e].queue = d[e].queue | mask(me);
		w[me].frame = true;
		waiting++;
		if
		:: cancels && !canceller -> canceller = true; mood = IMPATIENT
		:: true
		fi;
		goto doze
	}
sleep:	atomic {
		if
		:: w[me].done -> goto done
		:: !w[me].done
		fi
	}
doze:	if
	:: atomic { mood == IMPATIENT -> goto cancel }
	:: atomic { !d[e].woken || without(WORD_COMPARED) -> SEE(e); w[me].on = e }
	:: atomic { true -> 
#if FAULT == DONE_SEEN
		goto done
#else
		goto sleep
#endif
	}
	fi;
	if
	:: atomic { w[me].on == NONE ->
#if FAULT == DONE_SEEN
		goto done
#else
		goto sleep
#endif
	}
	:: atomic { mood == IMPATIENT -> w[me].on = NONE; goto cancel }
	fi;
done:	atomic {
		waiting--;
		outcome = w[me].outcome;
		w[me].outcome = 0; w[me].done = false; w[me].frame = false;
		SAFE(9, outcome == d[e].outcome);
		if
		:: outcome -> SAFE(6, d[e].asked >= began); over = true
		:: else
		fi;
		if
		:: outcome == MOVED && !(mood == GAVE_UP && without(CANCEL_PUTS)) -> also = ALIAS
		:: else
		fi;
		if
		:: mood == IMPATIENT -> mood = PATIENT
		:: else
		fi;
		if
		:: mood == GAVE_UP -> over = true; mood = PATIENT; outcome = 0; goto put_it
		:: outcome -> outcome = 0; goto put_it
		:: else -> goto match
		fi
	}
match:	atomic {
		SEE(e);
		if
		:: is_answer(e) || without(WAITER_MATCHES) -> answer(e)
		:: else
		fi;
		goto put_it
	}
cancel:	atomic {
		!d[e].locked ->
		if
		:: d[e].queue & mask(me) ->
			d[e].nr_waiters--;
			if
			:: without(CANCEL_UNLINKS)
			:: else -> d[e].queue = d[e].queue & ~mask(me)
			fi;
			w[me].frame = false; waiting--; mood = PATIENT; over = true;
			if
			:: without(CANCEL_AT_ONCE) -> goto put_it
			:: else -> put(e); goto out
			fi
		:: else ->
			mood = GAVE_UP;
			if
			:: without(CANCEL_WAITS) -> w[me].frame = false; waiting--; over = true; goto put_it
			:: else -> goto sleep
			fi
		fi
	}
put_it:	atomic {
		!d[e].locked -> SEE(e);
		if
		:: d[e].par_lookup && d[e].count - 1 == d[e].nr_waiters && !without(PUT_LOOKS) ->
			d[e].locked = true;
			goto end
		:: else -> put(e)
		fi;
		e = also; also = NONE;
		if
		:: e != NONE -> goto put_it
		:: e == NONE && !over -> goto again
		:: else -> goto out
		fi
	}
out:	atomic {
		e = NONE; over = false; began = 0; mood = PATIENT;
		d[me].head = false;
		answered++
	}
}

proctype changer()
{
	byte e = NONE, todo = CHANGES;
	bool change;
more:
	if
	:: atomic { todo > 0 -> todo-- }
	:: goto out
	fi;
	if
	:: atomic { !future && table == ALIAS && !d[ALIAS].locked -> table = NONE; d[ALIAS].here = false; goto more }
	:: atomic { !future && (started == answered || without(DIR_LOCK)) && (table == NONE || !d[table].locked) && !d[ALIAS].locked ->
		version++; completed = version;
		e = table;
		if
		:: e != NONE -> unhash(e);
			if
			:: !d[e].count -> kill(e)
			:: else
			fi
		:: else
		fi;
		e = NONE;
		if
		:: !d[ALIAS].dead -> d[ALIAS].hashed = true; d[ALIAS].here = true; d[ALIAS].asked = version; SAFE(2, table == NONE); table = ALIAS
		:: true
		fi;
		goto more }
	:: atomic { future -> change = true; version++ }
		atomic { chain == NONE || !d[chain].locked || (without(MARK_LOCKED) && !d[chain].par_lookup) ->
			if
			:: chain != NONE && !d[chain].locked -> d[chain].overtaken = d[chain].par_lookup
			:: else
			fi
		}
		goto drop
	:: !future -> goto drop
	:: atomic { !future && table != NONE && !d[table].locked && !d[table].count -> e = table; get(e); goto evict }
	:: atomic { !future && !d[ALIAS].locked && !d[ALIAS].count && !d[ALIAS].dead && d[ALIAS].hashed && !d[ALIAS].here -> e = ALIAS; get(e); goto evict }
	fi;
drop:	
	atomic { table == NONE || !d[table].locked ->
		e = table;
		if
		:: e == NONE -> goto next
		:: else -> get(e); unhash(e)
		fi }
	atomic { !d[e].locked -> put(e); e = NONE; goto next }
evict:
	atomic { !d[e].locked ->
		if
		:: d[e].count > 1 -> put(e); e = NONE; goto next
		:: else -> d[e].locked = true;
			if
			:: without(UNHASHED_DEAD)
			:: else -> unhash(e)
			fi
		fi }
	atomic { d[e].held--; kill(e); d[e].locked = false; e = NONE };
next:	atomic {
		if
		:: change -> completed = version; change = false
		:: else
		fi;
		goto more
	}
out:	changed = true
}

init {
	byte i;

	atomic {
	d[ALIAS].hashed = true;
	for (i : 0 .. ASKERS - 1) { w[i].on = NONE }
	i = 0;
		run asker(0);
		run asker(1);
#if ASKERS > 2
		run asker(2);
#endif
		run changer()
	}
	answered == ASKERS && changed;
	d_step {
		for (i : 0 .. ASKERS) {
			SAFE(7, !d[i].held && !d[i].count && (d[i].dead || d[i].hashed || !d[i].par_lookup))
		}
	}
}
ltl L1 { <>[](waiting == 0) }
ltl L2 { <>(answered == ASKERS) }
