/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Histories of a cache: what several threads did at once, each operation with a stamp taken before
 * it and one after it, and whether one order of them explains all results.
 *
 * spec.c is what the operations mean one after the other, checker.c looks for the order. Neither
 * knows the cache: both run with real threads and under the controlled scheduler.
 */
#ifndef DCACHE_HISTORY_H
#define DCACHE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A cell is a (directory, name): directory * CELL_NAMES + name. An entry is a small number, given
 * once; numbers 1 .. HISTORY_DIRS - 1 are the entries of directories 1 ..., which may move; directory
 * 0 is the root. Inode numbers up to HISTORY_DIRS - 1 are theirs, 0 is "none".
 */
#define HISTORY_DIRS 4
#define CELL_NAMES 8
#define HISTORY_CELLS (HISTORY_DIRS * CELL_NAMES)
#define HISTORY_THREADS 8
#define HISTORY_ENTRIES 4096
#define HISTORY_OPS 2048

/* What a lookup ended with, for those who waited: an error, or another entry. */
#define OUTCOME_ERROR(err) (0x80000000u | (uint32_t) - (err))
#define OUTCOME_ENTRY(entry) (0x40000000u | (uint32_t)(entry))
#define OUTCOME_DIRECTORY(entry) (0x20000000u | (uint32_t)(entry)) /* moved to the name */
#define OUTCOME_LATE(entry) (0x10000000u | (uint32_t)(entry)) /* not hashed: it came too late */

enum kind {
	/* Finding. */
	OP_HIT,	 /* @entry is hashed at @cell; the caller has a reference */
	OP_MISS, /* nothing is hashed at @cell */
	OP_PEEK, /* @entry is hashed at @cell, with inode @value; no reference. @cell2: it is the truth */
	OP_GRAB, /* the same, and a reference */
	/* Asking. */
	OP_OWN,	     /* @entry, new, is in-lookup at @cell */
	OP_DEADLOCK, /* its owner asks for the name once more: @entry is in-lookup at @cell */
	OP_PARK, /* wait, seen to, for @entry, in-lookup at @cell; and so get what it ends with, if any */
	OP_JOIN, /* wait for a lookup of @cell that ends with outcome @value ... */
	OP_GET,	 /* ... which has ended */
	OP_JOIN_LATE, /* it may be that one waits so; the HIT that follows tells */
	OP_REF,	 /* one more reference on @entry, which is referenced */
	/* Answering: @entry is in-lookup at @cell, and then no longer. */
	OP_ADD,	    /* hashed, with inode @value or 0 */
	OP_FAIL,    /* outcome @value */
	OP_DONE,    /* no outcome */
	OP_ABANDON, /* its owner's reference goes; no outcome */
	OP_LATE,    /* not hashed, with inode @value or 0: @cell was changed meanwhile */
	OP_SPLICE,  /* @entry2, a directory's, is moved to @cell; one more reference on it. @value:
		     * SPLICE_MOVE */
	OP_SPLICE_LATE, /* ... is not moved: as LATE */
	OP_LOOP,    /* that is above @cell: refused, @entry stays in-lookup */
	OP_ENDED,   /* too late: @entry is not in-lookup */
	/* Changing. */
	OP_NEW,		 /* @entry, new and unhashed, with inode @value, of @cell */
	OP_PLAIN_ADD,	 /* @entry, new, is hashed at @cell with inode @value */
	OP_TAKEN,	 /* that is refused: something is hashed at @cell */
	OP_DROP,	 /* @entry is unhashed */
	OP_REHASH,	 /* @entry is hashed again */
	OP_REHASH_ENDED, /* refused: it is the outcome of a lookup */
	OP_REFUSED,	 /* adding @entry is refused: it is positive, or the outcome of a lookup */
	OP_INSTANTIATE,	 /* @entry gets inode @value */
	OP_POSITIVE,	 /* refused: it has one */
	OP_DELETE,	 /* @entry's only user: negative; else unhashed. @value: DELETE_ALONE */
	OP_DOUBT,	 /* whoever changes @entry, unhashed, may say so before it can be seen */
	/* References. */
	OP_READ,   /* @entry has inode @value */
	OP_HASHED, /* @entry is hashed (@value 1) or not, seen under its lock */
	OP_ALIAS,  /* @entry, alive, is found by its inode; the caller has a reference */
	OP_PUT,	   /* one reference less */
	OP_KILL,   /* @entry is freed; @value: KILL_EVICTED */
	OP_SHRINK, /* not in the model: for who wonders whether he was alone */
	/* Places. */
	OP_PLACE,   /* directory @entry is hashed at @cell, referenced: how a history begins */
	OP_PARENT,  /* @entry's parent is directory @value */
	OP_REPLACE, /* directory @entry takes the place of @entry2, of @cell, which is unhashed */
	OP_NO_REPLACE,	/* refused, by the error @value */
	OP_EXCHANGE,	/* directories @entry and @entry2 exchange their places */
	OP_NO_EXCHANGE, /* refused, by the error @value */
	OP_PATH, /* @entry's path is @value: names from the root, one in four bits, plus one */
	/* A filesystem behind the cache: what is true of @cell. */
	OP_TRUTH,	/* @cell is @value: how a history begins */
	OP_RESOLVE,	/* HIT, and @value is the inode of @entry and the truth */
	OP_ANSWER,	/* ADD, and @value is the truth */
	OP_JOIN_ABSENT, /* JOIN, and @cell2 is absent in truth */
	OP_CREATE,	/* @cell was absent; @entry, negative, gets inode @value */
	OP_CREATE_NEW,	/* the same, with a new entry, hashed */
	OP_EXISTS,	/* @cell is @value */
	OP_UNLINK, /* @cell was @value, is absent; @entry, if any, as DELETE with @cell2 for @value */
	OP_RENAME, /* @cell was @value, is absent; @cell2 is @value */
	/* A store that changes by itself. */
	OP_CHANGE,     /* @cell is @value */
	OP_INVALIDATE, /* the cache is told: what is not true of @cell any more is no answer */
	OP_INVALIDATE_ENTRY, /* @entry is no answer */
	OP_KNOWN, /* @value, by @entry, if any, is the answer for @cell: true since it was invalidated */
	OP_KINDS
};

#define SPLICE_MOVE 1u	/* by d_move(), which is never too late */
#define DELETE_ALONE 1u /* nobody else was in any call meanwhile */
#define KILL_EVICTED 1u /* may have been hashed: to make room */

#define PENDING UINT32_MAX /* end of an operation that had not returned */

struct op {
	uint32_t begin, end;
	uint32_t value;
	uint16_t entry, entry2;
	uint8_t kind, cell, cell2, thread;
};

/* Cells of one group are checked together; others apart. */
struct history {
	struct op *ops;
	unsigned int nr;
	uint8_t group[HISTORY_CELLS];
	unsigned int groups;
};

/* ---- spec.c ---- */

/* Of a cell, since it was last invalidated: a thread that has changed it does so next. */
#define FORMER_TRUTHS HISTORY_THREADS

enum {
	SLOT_CELL = 0,
	SLOT_TRUTH = SLOT_CELL + HISTORY_CELLS,
	SLOT_FORMER = SLOT_TRUTH + HISTORY_CELLS,
	SLOT_WAITER = SLOT_FORMER + HISTORY_CELLS * FORMER_TRUTHS,
	SLOT_PARKED = SLOT_WAITER + HISTORY_THREADS,
	SLOT_ENTRY = SLOT_PARKED + HISTORY_THREADS
};
#define SPEC_SLOTS (SLOT_ENTRY + 4 * HISTORY_OPS)

/* The state of the model, and how to take back what was done. */
struct spec {
	uint32_t slots[SPEC_SLOTS];
	uint32_t outcome[HISTORY_OPS]; /* fixed: what each entry's lookup ends with, 0: nothing */
	uint64_t hash;		       /* of all slots but references */
	uint64_t salt;
	struct {
		uint32_t slot, was;
	} undo[6 * HISTORY_OPS];
	unsigned int undos;
};

void spec_reset(struct spec *spec, unsigned int entries, uint64_t salt);
/* Note what the lookups of @ops will end with. */
void spec_foresee(struct spec *spec, const struct op *ops, unsigned int nr);
/* Ways in which an operation may go. */
int spec_ways(const struct op *op);
/* Do @op in the @way-th way. False: its result is none that the state allows; nothing has changed. */
bool spec_apply(struct spec *spec, const struct op *op, int way);
void spec_undo(struct spec *spec, unsigned int undos);
/* Does it change nothing, but for references that it takes? */
bool spec_observes(const struct op *op);
/* Deliberate faults, to see that a wrong model is noticed; 0: none. */
extern int spec_fault;
#define SPEC_FAULTS 20

/* ---- checker.c ---- */

enum verdict { LINEARIZABLE, NOT_LINEARIZABLE, UNKNOWN };

struct checker;

/* @limit: states to look at in one partition before giving up; 0: a default. */
struct checker *checker_make(uint64_t limit);
void checker_free(struct checker *checker);
/* One partition: @ops of one group, in any order, whose entries are numbered 1 .. @entries. */
enum verdict checker_run(struct checker *checker, const struct op *ops, unsigned int nr,
			 unsigned int entries);
/* Group @group of @history; *@nr: how many operations it has. */
enum verdict checker_group(struct checker *checker, const struct history *history,
			   unsigned int group, unsigned int *nr);
/* Print the group made as small as a failure allows. */
void checker_explain(struct checker *checker, const struct history *history, unsigned int group,
		     FILE *out);
/* States looked at so far. */
uint64_t checker_states(const struct checker *checker);
/* Deliberate faults of the search itself; 0: none. */
extern int checker_fault;
#define CHECKER_FAULTS 4

void op_print(const struct op *op, FILE *out);

#endif /* DCACHE_HISTORY_H */
