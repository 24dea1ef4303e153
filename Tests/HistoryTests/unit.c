/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is the checker right? Histories written by hand, whose verdict follows from the meaning of the
 * operations; and thousands of small random ones against a search with nothing clever in it, which
 * tries every order and does each from the beginning.
 */
#include <errno.h>
#include <string.h>

#include "history_tests.h"

/* Operations of a small history, at most; more than its entries. */
#define SMALL 7

#define O(begin_, end_, thread_, kind_, cell_, entry_, value_)                 \
	{                                                                      \
		begin_, end_, value_, entry_, 0, OP_##kind_, cell_, 0, thread_ \
	}
#define O2(begin_, end_, thread_, kind_, cell_, entry_, value_, entry2_, cell2_)          \
	{                                                                                 \
		begin_, end_, value_, entry_, entry2_, OP_##kind_, cell_, cell2_, thread_ \
	}
#define ERR7 OUTCOME_ERROR(-7)

static const struct written {
	const char *name;
	bool linearizable;
	struct op ops[12];
} written[] = {
	{ "added, then found", true, { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 1, HIT, 0, 4, 0) } },
	{ "answered too late: its name was made by way of an entry that is not hashed",
	  true,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, NEW, 0, 5, 9), O(5, 6, 0, LATE, 0, 4, 0),
	    O(7, 8, 1, MISS, 0, 0, 0) } },
	{ "hashed too late",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, NEW, 0, 5, 9), O(5, 6, 0, ADD, 0, 4, 0) } },
	{ "hashed, or too late, while the name is made",
	  true,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 6, 1, NEW, 0, 5, 9), O(4, 5, 0, ADD, 0, 4, 0) } },
	{ "not hashed, though nothing has changed",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, NEW, 1, 5, 9), O(5, 6, 0, LATE, 0, 4, 0) } },
	{ "too late by a call whose change is seen later",
	  true,
	  { O(1, 2, 1, NEW, 0, 5, 0), O(3, 4, 0, OWN, 0, 4, 0), O(5, 12, 1, INSTANTIATE, 0, 5, 9),
	    O(5, 12, 1, DOUBT, 0, 5, 0), O(7, 8, 0, LATE, 0, 4, 0), O(9, 10, 1, READ, 0, 5, 0) } },
	{ "too late by a call that has begun since",
	  false,
	  { O(1, 2, 1, NEW, 0, 5, 0), O(3, 4, 0, OWN, 0, 4, 0), O(5, 6, 0, LATE, 0, 4, 0),
	    O(7, 8, 1, INSTANTIATE, 0, 5, 9), O(7, 8, 1, DOUBT, 0, 5, 0) } },
	{ "hashed, though a call that is over had doubts",
	  false,
	  { O(1, 2, 1, NEW, 0, 5, 0), O(3, 4, 0, OWN, 0, 4, 0), O(5, 6, 1, INSTANTIATE, 0, 5, 9),
	    O(5, 6, 1, DOUBT, 0, 5, 0), O(7, 8, 0, ADD, 0, 4, 0) } },
	{ "removed by way of an entry that is not hashed, and hashed",
	  false,
	  { O(1, 2, 1, NEW, 0, 5, 9), O(3, 4, 0, OWN, 0, 4, 0), O(5, 6, 1, DELETE, 0, 5, 0),
	    O(7, 8, 0, ADD, 0, 4, 9) } },
	{ "who asked before gets what came too late",
	  true,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 12, 2, JOIN, 0, 0, OUTCOME_LATE(4)),
	    O(3, 12, 2, GET, 0, 0, OUTCOME_LATE(4)), O(5, 6, 1, NEW, 0, 5, 9),
	    O(7, 8, 0, LATE, 0, 4, 0) } },
	{ "who asks after the change gets what came too late",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, NEW, 0, 5, 9),
	    O(5, 12, 2, JOIN, 0, 0, OUTCOME_LATE(4)), O(5, 12, 2, GET, 0, 0, OUTCOME_LATE(4)),
	    O(7, 8, 0, LATE, 0, 4, 0) } },
	{ "a directory that was found too late is told of, and not there",
	  true,
	  { O(1, 2, 0, PLACE, 7, 1, 0), O(3, 4, 0, OWN, 0, 4, 0),
	    O(5, 14, 2, JOIN_LATE, 0, 0, OUTCOME_LATE(1)), O(5, 14, 2, HIT, 0, 1, 0),
	    O(7, 8, 1, NEW, 0, 5, 9), O2(9, 10, 0, SPLICE_LATE, 0, 4, 0, 1, 0),
	    O(15, 16, 1, MISS, 0, 0, 0), O(17, 18, 1, HIT, 7, 1, 0) } },
	{ "a directory that was found too late is moved",
	  false,
	  { O(1, 2, 0, PLACE, 7, 1, 0), O(3, 4, 0, OWN, 0, 4, 0), O(7, 8, 1, NEW, 0, 5, 9),
	    O2(9, 10, 0, SPLICE, 0, 4, 0, 1, 0) } },
	{ "a directory that is renamed to a name is never too late",
	  true,
	  { O(1, 2, 0, PLACE, 7, 1, 0), O(3, 4, 0, OWN, 0, 4, 0), O(7, 8, 1, NEW, 0, 5, 9),
	    O2(9, 10, 0, SPLICE, 0, 4, SPLICE_MOVE, 1, 0), O(11, 12, 1, HIT, 0, 1, 0) } },
	{ "stale read: added, then not found",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 1, MISS, 0, 0, 0) } },
	{ "not found while it is being added",
	  true,
	  { O(1, 4, 0, PLAIN_ADD, 0, 4, 9), O(2, 3, 1, MISS, 0, 0, 0) } },
	{ "found, then not, while it is being added",
	  false,
	  { O(1, 6, 0, PLAIN_ADD, 0, 4, 9), O(2, 3, 1, HIT, 0, 4, 0), O(4, 5, 2, MISS, 0, 0, 0) } },
	{ "not found, then found, while it is being added",
	  true,
	  { O(1, 6, 0, PLAIN_ADD, 0, 4, 9), O(2, 3, 1, MISS, 0, 0, 0), O(4, 5, 2, HIT, 0, 4, 0) } },
	{ "an add that has not returned explains a find",
	  true,
	  { O(1, PENDING, 0, PLAIN_ADD, 0, 4, 9), O(2, 3, 1, HIT, 0, 4, 0) } },
	{ "an add that has not returned need not have happened",
	  true,
	  { O(1, PENDING, 0, PLAIN_ADD, 0, 4, 9), O(2, 3, 1, MISS, 0, 0, 0) } },
	{ "an add that has not returned does not happen and then not",
	  false,
	  { O(1, PENDING, 0, PLAIN_ADD, 0, 4, 9), O(2, 3, 1, HIT, 0, 4, 0),
	    O(4, 5, 1, MISS, 0, 0, 0) } },
	{ "an add does not happen before it is called",
	  false,
	  { O(3, PENDING, 0, PLAIN_ADD, 0, 4, 9), O(1, 2, 1, HIT, 0, 4, 0) } },
	{ "lost update: two create one name",
	  false,
	  { O(1, 4, 0, CREATE_NEW, 0, 4, 9), O(2, 3, 1, CREATE_NEW, 0, 5, 8) } },
	{ "one creates, the other is told of it",
	  true,
	  { O(1, 4, 0, CREATE_NEW, 0, 4, 9), O(2, 3, 1, EXISTS, 0, 0, 9) } },
	{ "two writes and reads of both, in the other order",
	  true,
	  { O(1, 10, 0, TRUTH, 0, 0, 8), O(2, 11, 1, TRUTH, 0, 0, 9), O(3, 4, 2, EXISTS, 0, 0, 9),
	    O(5, 6, 2, EXISTS, 0, 0, 8) } },
	{ "two writes read in both orders",
	  false,
	  { O(1, 10, 0, TRUTH, 0, 0, 8), O(2, 11, 1, TRUTH, 0, 0, 9), O(3, 4, 2, EXISTS, 0, 0, 9),
	    O(5, 6, 2, EXISTS, 0, 0, 8), O(7, 8, 2, EXISTS, 0, 0, 9) } },
	{ "two owners at a time", false, { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, OWN, 0, 5, 0) } },
	{ "two owners at a time, one of whom answers",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, OWN, 0, 5, 0), O(5, 6, 0, ADD, 0, 4, 9) } },
	{ "a second owner after the first gave up",
	  true,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 6, 1, OWN, 0, 5, 0), O(4, 5, 0, DONE, 0, 4, 0) } },
	{ "a second owner though the first has answered",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 6, 1, OWN, 0, 5, 0), O(4, 5, 0, ADD, 0, 4, 0) } },
	{ "owners of two names", true, { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, OWN, 1, 5, 0) } },
	{ "in-lookup is not found",
	  true,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, MISS, 0, 0, 0), O(5, 6, 0, ADD, 0, 4, 9) } },
	{ "found before it is answered",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, HIT, 0, 4, 0), O(5, 6, 0, ADD, 0, 4, 9) } },
	{ "waited, and was told the error",
	  true,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 6, 1, JOIN, 0, 0, ERR7), O(3, 6, 1, GET, 0, 0, ERR7),
	    O(4, 5, 0, FAIL, 0, 4, ERR7) } },
	{ "told the error of a lookup that had failed before",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(5, 6, 1, JOIN, 0, 0, ERR7), O(5, 6, 1, GET, 0, 0, ERR7),
	    O(3, 4, 0, FAIL, 0, 4, ERR7) } },
	{ "told the error before it was given",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, JOIN, 0, 0, ERR7), O(3, 4, 1, GET, 0, 0, ERR7),
	    O(5, 6, 0, FAIL, 0, 4, ERR7) } },
	{ "told another error",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 6, 1, JOIN, 0, 0, OUTCOME_ERROR(-8)),
	    O(3, 6, 1, GET, 0, 0, OUTCOME_ERROR(-8)), O(4, 5, 0, FAIL, 0, 4, ERR7) } },
	{ "seen to wait, then asks, though told an error",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, PARK, 0, 4, 0), O(5, 6, 0, FAIL, 0, 4, ERR7),
	    O(3, 7, 1, OWN, 0, 5, 0) } },
	{ "seen to wait, then asks, since the owner gave up",
	  true,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, PARK, 0, 4, 0), O(5, 6, 0, DONE, 0, 4, 0),
	    O(3, 7, 1, OWN, 0, 5, 0) } },
	{ "seen to wait, and was told the error",
	  true,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, PARK, 0, 4, 0), O(5, 6, 0, FAIL, 0, 4, ERR7),
	    O(3, 7, 1, JOIN, 0, 0, ERR7), O(3, 7, 1, GET, 0, 0, ERR7) } },
	{ "seen to wait for what was moved there, finds another",
	  false,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, PARK, 0, 4, 0),
	    O2(5, 6, 0, SPLICE, 0, 4, 0, 1, 0), O(7, 8, 0, DROP, 5, 1, 0),
	    O(9, 10, 0, PLAIN_ADD, 0, 5, 9), O(3, 11, 1, HIT, 0, 5, 0) } },
	{ "its own lookup is not waited for",
	  true,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 0, DEADLOCK, 0, 4, 0), O(5, 6, 0, DONE, 0, 4, 0) } },
	{ "refused to wait for nothing",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 0, DONE, 0, 4, 0), O(5, 6, 0, DEADLOCK, 0, 4, 0) } },
	{ "evicted when nobody had it",
	  true,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, PUT, 0, 4, 0), O(5, 7, 1, KILL, 0, 4, 1),
	    O(6, 8, 0, MISS, 0, 0, 0) } },
	{ "missed though nothing took it away",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, PUT, 0, 4, 0), O(6, 8, 0, MISS, 0, 0, 0) } },
	{ "evicted though pinned",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(5, 7, 1, KILL, 0, 4, 1), O(8, 9, 0, PUT, 0, 4, 0) } },
	{ "freed by a put though hashed",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 5, 0, PUT, 0, 4, 0), O(3, 4, 0, KILL, 0, 4, 0) } },
	{ "freed by the last put of what was dropped",
	  true,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, DROP, 0, 4, 0), O(5, 7, 0, PUT, 0, 4, 0),
	    O(5, 6, 0, KILL, 0, 4, 0) } },
	{ "freed twice",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, PUT, 0, 4, 0), O(5, 6, 1, KILL, 0, 4, 1),
	    O(7, 8, 1, KILL, 0, 4, 1) } },
	{ "found by its inode after it was freed",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, PUT, 0, 4, 0), O(5, 6, 1, KILL, 0, 4, 1),
	    O(7, 8, 1, ALIAS, 0, 4, 0) } },
	{ "found by its inode, and kept",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, PUT, 0, 4, 0), O(5, 6, 1, ALIAS, 0, 4, 0),
	    O(7, 8, 0, KILL, 0, 4, 1) } },
	{ "one put too many",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, PUT, 0, 4, 0), O(5, 6, 0, PUT, 0, 4, 0) } },
	{ "deleted by its only user: negative",
	  true,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, DELETE, 0, 4, DELETE_ALONE),
	    O(5, 6, 0, READ, 0, 4, 0), O(7, 8, 1, HIT, 0, 4, 0) } },
	{ "deleted while others have it: unhashed, positive",
	  true,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 1, HIT, 0, 4, 0),
	    O(5, 6, 0, DELETE, 0, 4, DELETE_ALONE), O(7, 8, 0, READ, 0, 4, 9),
	    O(9, 10, 2, MISS, 0, 0, 0) } },
	{ "deleted while others have it: negative",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 1, HIT, 0, 4, 0),
	    O(5, 6, 0, DELETE, 0, 4, DELETE_ALONE), O(7, 8, 0, READ, 0, 4, 0) } },
	{ "deleted by its only user: unhashed",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, DELETE, 0, 4, DELETE_ALONE),
	    O(5, 6, 0, READ, 0, 4, 9) } },
	{ "dropped, then found",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, DROP, 0, 4, 0), O(5, 6, 1, HIT, 0, 4, 0) } },
	{ "dropped, hashed again, found",
	  true,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, DROP, 0, 4, 0), O(5, 6, 0, REHASH, 0, 4, 0),
	    O(7, 8, 1, HIT, 0, 4, 0) } },
	{ "an outcome hashed",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 0, FAIL, 0, 4, ERR7), O(5, 6, 0, REHASH, 0, 4, 0) } },
	{ "two hashed entries of one name",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 0, PLAIN_ADD, 0, 5, 8) } },
	{ "seen with another inode",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 9), O(3, 4, 1, PEEK, 0, 4, 8) } },
	{ "made positive twice",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 0), O(3, 6, 0, INSTANTIATE, 0, 4, 8),
	    O(4, 7, 1, INSTANTIATE, 0, 4, 9) } },
	{ "moved: found at the new place, then at the old",
	  false,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(3, 4, 0, OWN, 0, 4, 0),
	    O2(5, 10, 0, SPLICE, 0, 4, 0, 1, 0), O(6, 7, 1, HIT, 0, 1, 0),
	    O(8, 9, 1, HIT, 5, 1, 0) } },
	{ "moved: found at the old place, then at the new",
	  true,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(3, 4, 0, OWN, 0, 4, 0),
	    O2(5, 10, 0, SPLICE, 0, 4, 0, 1, 0), O(6, 7, 1, HIT, 5, 1, 0),
	    O(8, 9, 1, HIT, 0, 1, 0) } },
	{ "moved: at neither place",
	  false,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(3, 4, 0, OWN, 0, 4, 0),
	    O2(5, 10, 0, SPLICE, 0, 4, 0, 1, 0), O(6, 7, 1, MISS, 5, 0, 0),
	    O(8, 9, 1, MISS, 0, 0, 0) } },
	{ "moved below itself",
	  false,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(3, 4, 0, OWN, 8, 4, 0),
	    O2(5, 6, 0, SPLICE, 8, 4, 0, 1, 0) } },
	{ "not moved below itself",
	  true,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(3, 4, 0, OWN, 8, 4, 0),
	    O2(5, 6, 0, LOOP, 8, 4, 0, 1, 0) } },
	{ "a path of two moments",
	  false,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(1, 2, 0, PLACE, 6, 2, 0), O(3, 4, 0, OWN, 8, 4, 0),
	    O2(5, 6, 0, SPLICE, 8, 4, 0, 2, 0), O(7, 8, 1, PATH, 6, 2, 0x7) } },
	{ "the path after a move",
	  true,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(1, 2, 0, PLACE, 6, 2, 0), O(3, 4, 0, OWN, 8, 4, 0),
	    O2(5, 6, 0, SPLICE, 8, 4, 0, 2, 0), O(7, 8, 1, PATH, 6, 2, 0x61) } },
	{ "replaced, and then missed",
	  false,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(3, 4, 0, PLAIN_ADD, 0, 4, 9),
	    O2(5, 8, 0, REPLACE, 0, 1, 0, 4, 0), O(6, 7, 1, MISS, 0, 0, 0) } },
	{ "replaced, and still there",
	  false,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(3, 4, 0, PLAIN_ADD, 0, 4, 9),
	    O2(5, 6, 0, REPLACE, 0, 1, 0, 4, 0), O(7, 8, 1, HIT, 0, 4, 0) } },
	{ "replaced: found there, and no longer where it was",
	  true,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(3, 4, 0, PLAIN_ADD, 0, 4, 9),
	    O2(5, 10, 0, REPLACE, 0, 1, 0, 4, 0), O(6, 7, 1, HIT, 0, 1, 0),
	    O(8, 9, 1, MISS, 5, 0, 0) } },
	{ "exchanged, and one of them missed",
	  false,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(1, 2, 0, PLACE, 6, 2, 0),
	    O2(5, 8, 0, EXCHANGE, 0, 1, 0, 2, 0), O(6, 7, 1, MISS, 6, 0, 0) } },
	{ "exchanged, seen at one place after the other",
	  false,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(1, 2, 0, PLACE, 6, 2, 0),
	    O2(5, 10, 0, EXCHANGE, 0, 1, 0, 2, 0), O(6, 7, 1, HIT, 6, 1, 0),
	    O(8, 9, 1, HIT, 6, 2, 0) } },
	{ "exchanged",
	  true,
	  { O(1, 2, 0, PLACE, 5, 1, 0), O(1, 2, 0, PLACE, 6, 2, 0),
	    O2(5, 10, 0, EXCHANGE, 0, 1, 0, 2, 0), O(6, 7, 1, HIT, 6, 1, 0),
	    O(8, 9, 1, HIT, 5, 2, 0) } },
	{ "created, then absent",
	  false,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 0), O(3, 4, 0, CREATE, 0, 4, 9),
	    O(5, 6, 1, RESOLVE, 0, 4, 0) } },
	{ "absent while it is being created",
	  true,
	  { O(1, 2, 0, PLAIN_ADD, 0, 4, 0), O(3, 6, 0, CREATE, 0, 4, 9),
	    O(4, 5, 1, RESOLVE, 0, 4, 0) } },
	{ "what the cache has and is no longer true",
	  false,
	  { O(1, 2, 0, CREATE_NEW, 0, 4, 9), O(3, 4, 1, TRUTH, 0, 0, 8),
	    O(5, 6, 1, RESOLVE, 0, 4, 9) } },
	{ "a stale negative is answered",
	  false,
	  { O(1, 2, 0, OWN, 0, 4, 0), O(3, 4, 1, TRUTH, 0, 0, 9), O(5, 6, 0, ANSWER, 0, 4, 0) } },
	{ "unlinked, then resolved",
	  false,
	  { O(1, 2, 0, CREATE_NEW, 0, 4, 9), O(3, 4, 0, UNLINK, 0, 4, 9),
	    O(5, 6, 1, RESOLVE, 0, 4, 9) } },
	{ "told what was true before an invalidation",
	  false,
	  { O(1, 2, 0, TRUTH, 0, 0, 9), O(3, 4, 0, CHANGE, 0, 0, 8),
	    O(5, 6, 0, INVALIDATE, 0, 0, 0), O(7, 8, 1, KNOWN, 0, 0, 9) } },
	{ "told that, though the question is older than the invalidation",
	  true,
	  { O(1, 2, 0, TRUTH, 0, 0, 9), O(3, 4, 0, CHANGE, 0, 0, 8),
	    O(5, 6, 0, INVALIDATE, 0, 0, 0), O(5, 8, 1, KNOWN, 0, 0, 9) } },
	{ "absent, told after what was created was invalidated",
	  false,
	  { O(1, 2, 0, CHANGE, 0, 0, 9), O(3, 4, 0, INVALIDATE, 0, 0, 0),
	    O(5, 6, 1, KNOWN, 0, 0, 0) } },
	{ "changed, and nobody has told the cache",
	  true,
	  { O(1, 2, 0, TRUTH, 0, 0, 9), O(3, 4, 0, CHANGE, 0, 0, 8), O(5, 6, 1, KNOWN, 0, 0, 9),
	    O(7, 8, 1, KNOWN, 0, 0, 8), O(9, 10, 2, KNOWN, 0, 0, 9) } },
	{ "told what was never true",
	  false,
	  { O(1, 2, 0, TRUTH, 0, 0, 9), O(3, 4, 0, CHANGE, 0, 0, 8), O(5, 6, 1, KNOWN, 0, 0, 7) } },
	{ "told what is not yet true",
	  false,
	  { O(1, 2, 1, KNOWN, 0, 0, 8), O(3, 4, 0, CHANGE, 0, 0, 8) } },
	{ "another name was invalidated",
	  true,
	  { O(1, 2, 0, TRUTH, 0, 0, 9), O(3, 4, 0, CHANGE, 0, 0, 8),
	    O(5, 6, 0, INVALIDATE, 1, 0, 0), O(7, 8, 1, KNOWN, 0, 0, 9) } },
	{ "an invalidated entry is found",
	  false,
	  { O(1, 2, 0, TRUTH, 0, 0, 9), O(3, 4, 0, KNOWN, 0, 4, 9),
	    O(5, 6, 0, INVALIDATE_ENTRY, 0, 4, 0), O(7, 8, 1, KNOWN, 0, 4, 9) } },
	{ "an entry is invalidated while it is found, and another found afterwards",
	  true,
	  { O(1, 2, 0, TRUTH, 0, 0, 9), O(3, 8, 1, KNOWN, 0, 4, 9),
	    O(4, 5, 0, INVALIDATE_ENTRY, 0, 4, 0), O(9, 10, 1, KNOWN, 0, 5, 9) } },
	{ "renamed: at both names",
	  false,
	  { O(1, 2, 0, TRUTH, 0, 0, 9), O2(3, 8, 0, RENAME, 0, 0, 9, 0, 1),
	    O(4, 5, 1, EXISTS, 1, 0, 9), O(6, 7, 1, EXISTS, 0, 0, 9) } },
};

static unsigned int ops_of(const struct written *w)
{
	unsigned int n = 0;

	while (n < 12 && w->ops[n].end)
		n++;
	return n;
}

/* ---- every order ---- */

static struct spec spec;

static bool replay(const struct op *ops, unsigned int nr, const uint8_t *order, const uint8_t *ways,
		   unsigned int n)
{
	unsigned int i;

	spec_reset(&spec, HISTORY_DIRS + SMALL, 0);
	spec_foresee(&spec, ops, nr);
	for (i = 0; i < n; i++) {
		if (!spec_apply(&spec, &ops[order[i]], ways[i]))
			return false;
	}
	return true;
}

static bool any_order(const struct op *ops, unsigned int nr, uint8_t *order, uint8_t *ways,
		      unsigned int n, unsigned int done)
{
	unsigned int i, j;
	bool all = true;

	for (i = 0; i < nr; i++)
		all &= (done >> i & 1) || ops[i].end == PENDING;
	if (all)
		return true;
	for (i = 0; i < nr; i++) {
		bool first = !(done >> i & 1);
		int way;

		for (j = 0; j < nr; j++)
			first &= (done >> j & 1) || ops[j].end >= ops[i].begin;
		for (way = 0; first && way < spec_ways(&ops[i]); way++) {
			order[n] = (uint8_t)i;
			ways[n] = (uint8_t)way;
			if (replay(ops, nr, order, ways, n + 1) &&
			    any_order(ops, nr, order, ways, n + 1, done | 1u << i))
				return true;
		}
	}
	return false;
}

/* ---- random histories ---- */

static uint32_t below(uint64_t *seed, uint32_t n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)((*seed >> 20) % n);
}

static void random_op(uint64_t *seed, struct op *op)
{
	memset(op, 0, sizeof(*op));
	op->kind = (uint8_t)below(seed, OP_KINDS);
	op->cell = (uint8_t)below(seed, 2);
	op->cell2 = op->kind == OP_RENAME || op->kind == OP_JOIN_ABSENT ? 1 - op->cell : 0;
	op->entry = (uint16_t)(HISTORY_DIRS + below(seed, 3));
	op->thread = (uint8_t)below(seed, 3);
	op->value = below(seed, 3);
	if (op->kind == OP_JOIN || op->kind == OP_GET || op->kind == OP_FAIL ||
	    op->kind == OP_JOIN_ABSENT)
		op->value = OUTCOME_ERROR(-1 - (int)op->value);
	if (op->kind == OP_JOIN_LATE)
		op->value = OUTCOME_LATE(HISTORY_DIRS + op->value);
	if (op->kind == OP_PLACE || op->kind == OP_SPLICE || op->kind == OP_SPLICE_LATE ||
	    op->kind == OP_LOOP) {
		op->entry2 = op->kind == OP_PLACE ? 0 : 1;
		op->entry = op->kind == OP_PLACE ? 1 : op->entry;
		/* Not below itself. */
		op->cell = op->kind == OP_PLACE ? 0 : (uint8_t)below(seed, 2) * CELL_NAMES;
	}
	if (op->kind == OP_REPLACE || op->kind == OP_NO_REPLACE || op->kind == OP_EXCHANGE ||
	    op->kind == OP_NO_EXCHANGE) {
		op->entry2 = op->entry;
		op->entry = 1;
		op->value = (uint32_t)-EEXIST;
	}
}

/* Operations that go one after the other; then stretched, so that they overlap, and half of the time
 * one is changed. */
static unsigned int random_history(uint64_t *seed, struct op *ops)
{
	unsigned int nr = 3 + below(seed, SMALL - 2), n = 0, tries, i;
	uint8_t order[SMALL], ways[SMALL] = { 0 };

	for (tries = 0; n < nr && tries < 400; tries++) {
		random_op(seed, &ops[n]);
		order[n] = (uint8_t)n;
		ways[n] = (uint8_t)below(seed, (uint32_t)spec_ways(&ops[n]));
		if (replay(ops, n + 1, order, ways, n + 1))
			n++;
	}
	for (i = 0; i < n; i++) {
		uint32_t at = 20 + 10 * i, begin = below(seed, 20), end = below(seed, 20);

		ops[i].begin = 2 * (at - begin);
		ops[i].end = below(seed, 12) ? 2 * (at + end) + 1 : PENDING;
	}
	if (n && below(seed, 2)) {
		struct op *op = &ops[below(seed, n)], was = *op;

		random_op(seed, op);
		op->begin = was.begin;
		op->end = was.end;
		if (below(seed, 2))
			op->kind = was.kind;
	}
	return n;
}

static void fill_outcomes(struct op *ops, unsigned int nr)
{
	unsigned int i;

	/* One lookup of an entry, one outcome. */
	for (i = 0; i < nr; i++) {
		if (ops[i].kind == OP_FAIL)
			ops[i].value = OUTCOME_ERROR(-1 - (int)(ops[i].entry % 3));
	}
}

static bool random_agrees(uint64_t seed, unsigned int histories, bool quiet)
{
	struct checker *checker = checker_make(0);
	unsigned int verdicts[2] = { 0, 0 }, i, j, nr, wrong = 0;
	uint8_t order[SMALL], ways[SMALL];
	struct op ops[SMALL];

	for (i = 0; i < histories && !wrong; i++) {
		enum verdict verdict;
		bool expected;

		nr = random_history(&seed, ops);
		fill_outcomes(ops, nr);
		expected = any_order(ops, nr, order, ways, 0, 0);
		verdict = checker_run(checker, ops, nr, HISTORY_DIRS + SMALL);
		verdicts[expected]++;
		if (verdict == (expected ? LINEARIZABLE : NOT_LINEARIZABLE))
			continue;
		wrong++;
		if (quiet)
			break;
		printf("the checker says \"%s\", all orders tried say otherwise:\n",
		       verdict == LINEARIZABLE ? "linearizable" : "not");
		for (j = 0; j < nr; j++)
			op_print(&ops[j], stdout);
	}
	checker_free(checker);
	if (!quiet)
		printf("     %u linearizable, %u not\n", verdicts[1], verdicts[0]);
	/* A comparison of one verdict only would be none. */
	return !wrong && verdicts[0] > histories / 10 && verdicts[1] > histories / 10;
}

/* How many of those written by hand get another verdict than they should. */
static unsigned int written_wrong(bool quiet)
{
	struct checker *checker = checker_make(0);
	uint8_t order[12], ways[12];
	unsigned int wrong = 0;
	size_t i;

	for (i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		const struct written *w = &written[i];
		unsigned int nr = ops_of(w);
		enum verdict verdict = checker_run(checker, w->ops, nr, HISTORY_DIRS + SMALL);

		if (verdict == (w->linearizable ? LINEARIZABLE : NOT_LINEARIZABLE) &&
		    any_order(w->ops, nr, order, ways, 0, 0) == w->linearizable)
			continue;
		wrong++;
		if (!quiet)
			printf("FAIL written by hand: %s\n", w->name);
	}
	checker_free(checker);
	return wrong;
}

/* Is each deliberate fault of the model and of the search noticed by what is above? */
static bool faults_noticed(uint64_t seed)
{
	bool ok = true;
	int fault;

	for (fault = 1; fault <= SPEC_FAULTS + CHECKER_FAULTS; fault++) {
		spec_fault = fault <= SPEC_FAULTS ? fault : 0;
		checker_fault = fault <= SPEC_FAULTS ? 0 : fault - SPEC_FAULTS;
		if (!written_wrong(true) && random_agrees(seed, 2000, true)) {
			printf("FAIL not noticed: -m %d -c %d\n", spec_fault, checker_fault);
			ok = false;
		}
	}
	spec_fault = checker_fault = 0;
	return ok;
}

static void count(bool ok, int *passed, int *failed)
{
	*passed += ok;
	*failed += !ok;
	printf("%s ", ok ? "ok  " : "FAIL");
}

void unit_run(uint64_t seed, unsigned int histories, int *passed, int *failed)
{
	bool faulty = spec_fault || checker_fault;

	count(!written_wrong(false), passed, failed);
	printf("%zu histories written by hand\n", sizeof(written) / sizeof(written[0]));
	count(random_agrees(seed | 1, histories, false), passed, failed);
	printf("%u small random histories against every order\n", histories);
	if (!faulty) {
		count(faults_noticed(seed | 1), passed, failed);
		printf("%d deliberate faults of the model and the search are noticed\n",
		       SPEC_FAULTS + CHECKER_FAULTS);
	}
}
