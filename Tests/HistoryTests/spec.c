/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the operations of a cache mean, one after the other.
 *
 * The state, in slots of one array so that taking back is a loop:
 *
 *	of a cell	nothing, or a hashed entry, or an in-lookup one: never two. That is "one owner",
 *			"one hashed entry of a name", and "no hashed one while in-lookup".
 *			And what is true of it in the filesystem behind the cache; and if that is
 *			one that changes by itself, what else was since the cache was last told.
 *	of an entry	its inode, its cell, the references that calls have given out, and whether it
 *			is dead, or invalidated, or its lookup has ended.
 *	of a thread	the lookup that it waits for, and whether it was seen to.
 *
 * References are those of the callers. What a call holds for a moment on its own account is not
 * modelled, so an entry has at least the references of the model. Hence:
 *
 *  - an entry is freed only if nobody has a reference, and leaves its chain by itself only to make
 *    room, which the recorder sees. A miss of a name that was hashed, and was neither dropped,
 *    deleted, moved nor seen to be evicted, is wrong, pinned or not;
 *  - d_delete() makes a negative of an entry only for its only user; if it unhashes instead there
 *    must have been other references, or other calls under way that may have had one.
 *
 * Somebody who waited and got an error, or an entry that is not hashed under the name, is two
 * operations: JOIN while that lookup is under way, GET after its end. So nobody is given what a
 * lookup ended with that had ended before he asked. Whether somebody waited who got something else is
 * not to be seen from outside; where the recorder sees it (PARK: in a checked build) he must get the
 * outcome, if there is one: an error, another entry, the directory that was moved to the name. If
 * the entry was added he gets it too, unless it has been dropped again meanwhile.
 *
 * In front of a store that changes by itself an answer need not be true when it is given. It must have
 * been since the last invalidation; of those, the last that had returned when the lookup began, or a
 * later one, comes before it in any order. So nobody is told what was true only before an invalidation
 * that he knows of.
 *
 * What an entry that is not hashed means for its name changes while somebody asks for that name: then
 * the answer is LATE, and not hashed, but an outcome: itself, or the directory that was found. (Directories
 * are locked by whoever hashes an entry otherwise.) Lookups are overtaken before the change can be seen: so
 * it is one operation, and that it may already have overtaken one that ends before, another (DOUBT).
 */
#include <errno.h>
#include <string.h>

#include "history.h"

int spec_fault;

enum { FREE, HASHED, IN_LOOKUP };
enum { INODE, WHERE, REFS, FLAGS };
#define DEAD 1u
#define ENDED 2u   /* its lookup has ended */
#define OUTCOME 4u /* ... with an outcome: never to be hashed */
#define GONE 8u	   /* invalidated: never to be found */
#define LATE 16u   /* the answer to its lookup comes too late */

static uint32_t entry_slot(uint32_t entry, int what)
{
	return SLOT_ENTRY + 4 * entry + (uint32_t)what;
}

static uint32_t get(const struct spec *spec, uint32_t slot)
{
	return spec->slots[slot];
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

static uint64_t slot_hash(const struct spec *spec, uint32_t slot, uint32_t value)
{
	return value ? mix(((uint64_t)slot << 32 | value) + spec->salt) : 0;
}

static void put_back(struct spec *spec, uint32_t slot, uint32_t value)
{
	/* How many references there are follows from which operations were done. */
	if (slot < SLOT_ENTRY || (slot - SLOT_ENTRY) % 4 != REFS)
		spec->hash += slot_hash(spec, slot, value) -
			      slot_hash(spec, slot, spec->slots[slot]);
	spec->slots[slot] = value;
}

static void set(struct spec *spec, uint32_t slot, uint32_t value)
{
	if (spec->slots[slot] == value)
		return;
	spec->undo[spec->undos].slot = slot;
	spec->undo[spec->undos++].was = spec->slots[slot];
	put_back(spec, slot, value);
}

void spec_undo(struct spec *spec, unsigned int undos)
{
	while (spec->undos > undos) {
		spec->undos--;
		put_back(spec, spec->undo[spec->undos].slot, spec->undo[spec->undos].was);
	}
}

void spec_reset(struct spec *spec, unsigned int entries, uint64_t salt)
{
	memset(spec->slots, 0, (SLOT_ENTRY + 4 * (entries + 1)) * sizeof(spec->slots[0]));
	memset(spec->outcome, 0, (entries + 1) * sizeof(spec->outcome[0]));
	spec->hash = 0;
	spec->salt = salt;
	spec->undos = 0;
}

void spec_foresee(struct spec *spec, const struct op *ops, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (ops[i].kind == OP_FAIL)
			spec->outcome[ops[i].entry] = ops[i].value;
		else if (ops[i].kind == OP_SPLICE)
			spec->outcome[ops[i].entry] = OUTCOME_DIRECTORY(ops[i].entry2);
		else if (ops[i].kind == OP_LATE)
			spec->outcome[ops[i].entry] = OUTCOME_LATE(ops[i].entry);
		else if (ops[i].kind == OP_SPLICE_LATE)
			spec->outcome[ops[i].entry] = OUTCOME_LATE(ops[i].entry2);
	}
}

/* ---- the parts of an operation ---- */

static bool cell_is(const struct spec *spec, uint32_t cell, uint32_t entry, uint32_t state)
{
	return get(spec, SLOT_CELL + cell) == (entry << 2 | state);
}

static void set_cell(struct spec *spec, uint32_t cell, uint32_t entry, uint32_t state)
{
	set(spec, SLOT_CELL + cell, state == FREE ? 0 : entry << 2 | state);
}

static uint32_t cell_state(const struct spec *spec, uint32_t cell)
{
	return get(spec, SLOT_CELL + cell) & 3;
}

static uint32_t where(const struct spec *spec, uint32_t entry)
{
	return get(spec, entry_slot(entry, WHERE)) - 1;
}

static bool is_new(const struct spec *spec, uint32_t entry)
{
	return !get(spec, entry_slot(entry, WHERE));
}

static uint32_t refs(const struct spec *spec, uint32_t entry)
{
	return get(spec, entry_slot(entry, REFS));
}

static bool is_hashed(const struct spec *spec, uint32_t entry)
{
	return !is_new(spec, entry) && cell_is(spec, where(spec, entry), entry, HASHED);
}

static bool is_in_lookup(const struct spec *spec, uint32_t entry)
{
	return !is_new(spec, entry) && cell_is(spec, where(spec, entry), entry, IN_LOOKUP);
}

static void ref(struct spec *spec, uint32_t entry, int by)
{
	set(spec, entry_slot(entry, REFS), refs(spec, entry) + (uint32_t)by);
}

static uint32_t inode(const struct spec *spec, uint32_t entry)
{
	return get(spec, entry_slot(entry, INODE));
}

static void set_inode(struct spec *spec, uint32_t entry, uint32_t number)
{
	set(spec, entry_slot(entry, INODE), number);
}

static void flag(struct spec *spec, uint32_t entry, uint32_t bits)
{
	set(spec, entry_slot(entry, FLAGS), get(spec, entry_slot(entry, FLAGS)) | bits);
}

static void begin_entry(struct spec *spec, uint32_t entry, uint32_t cell, uint32_t state)
{
	set(spec, entry_slot(entry, WHERE), cell + 1);
	ref(spec, entry, 1);
	if (state != FREE)
		set_cell(spec, cell, entry, state);
}

static void unhash(struct spec *spec, uint32_t entry)
{
	if (is_hashed(spec, entry))
		set_cell(spec, where(spec, entry), 0, FREE);
}

static bool is_late(const struct spec *spec, uint32_t entry)
{
	return get(spec, entry_slot(entry, FLAGS)) & LATE;
}

static bool end_lookup(struct spec *spec, const struct op *op, uint32_t flags)
{
	if (!cell_is(spec, op->cell, op->entry, IN_LOOKUP))
		return false;
	set_cell(spec, op->cell, 0, FREE);
	flag(spec, op->entry, ENDED | flags);
	return true;
}

/* What @entry's name means changes by way of it. */
static void overtake(struct spec *spec, uint32_t entry)
{
	uint32_t cell = where(spec, entry);

	if (!is_hashed(spec, entry) && cell_state(spec, cell) == IN_LOOKUP && spec_fault != 18)
		flag(spec, get(spec, SLOT_CELL + cell) >> 2, LATE);
}

static bool late(struct spec *spec, const struct op *op)
{
	if ((!is_late(spec, op->entry) && spec_fault != 19) || !end_lookup(spec, op, OUTCOME))
		return false;
	if (op->kind == OP_SPLICE_LATE)
		ref(spec, op->entry2, 1);
	else
		set_inode(spec, op->entry, op->value);
	return true;
}

static bool add(struct spec *spec, const struct op *op)
{
	if ((is_late(spec, op->entry) && spec_fault != 17) || !end_lookup(spec, op, 0))
		return false;
	set_inode(spec, op->entry, op->value);
	set_cell(spec, op->cell, op->entry, HASHED);
	return true;
}

static bool join(struct spec *spec, const struct op *op)
{
	uint32_t entry = get(spec, SLOT_CELL + op->cell) >> 2;

	if (cell_state(spec, op->cell) != IN_LOOKUP || spec->outcome[entry] != op->value ||
	    (is_late(spec, entry) && spec_fault != 20))
		return false;
	set(spec, SLOT_WAITER + op->thread, entry);
	return true;
}

static bool has_outcome(const struct spec *spec, uint32_t entry)
{
	return get(spec, entry_slot(entry, FLAGS)) & OUTCOME;
}

static bool get_outcome(struct spec *spec, const struct op *op)
{
	uint32_t entry = get(spec, SLOT_WAITER + op->thread);
	uint32_t parked = get(spec, SLOT_PARKED + op->thread);

	if (!entry || (!(get(spec, entry_slot(entry, FLAGS)) & ENDED) && spec_fault != 9))
		return false;
	if (parked && parked != entry && has_outcome(spec, parked))
		return false;
	set(spec, SLOT_PARKED + op->thread, 0);
	set(spec, SLOT_WAITER + op->thread, 0);
	return true;
}

/* @op is what came of its thread's waiting, if it waited, but for JOIN and GET. */
static bool leave_park(struct spec *spec, const struct op *op)
{
	uint32_t entry = get(spec, SLOT_PARKED + op->thread);

	if (!entry)
		return true;
	if (!(get(spec, entry_slot(entry, FLAGS)) & ENDED))
		return false;
	set(spec, SLOT_PARKED + op->thread, 0);
	return !has_outcome(spec, entry) || spec_fault == 11 ||
	       (op->kind == OP_HIT && spec->outcome[entry] == OUTCOME_DIRECTORY(op->entry));
}

static bool delete_entry(struct spec *spec, uint32_t entry, int way, bool alone)
{
	if (!refs(spec, entry))
		return false;
	if (!inode(spec, entry))
		return way == 0;
	overtake(spec, entry);
	if (way == 0) {
		if (refs(spec, entry) != 1 && spec_fault != 4)
			return false;
		set_inode(spec, entry, 0);
	} else {
		if (alone && refs(spec, entry) == 1 && spec_fault != 10)
			return false;
		unhash(spec, entry);
	}
	return true;
}

static bool truth_is(const struct spec *spec, uint32_t cell, uint32_t value)
{
	return get(spec, SLOT_TRUTH + cell) == value;
}

/* Directory @dir's parent; its entry bears its number. */
static uint32_t parent_dir(const struct spec *spec, uint32_t dir)
{
	return is_new(spec, dir) ? 0 : where(spec, dir) / CELL_NAMES;
}

static bool is_above(const struct spec *spec, uint32_t entry, uint32_t cell)
{
	uint32_t dir = cell / CELL_NAMES;

	while (dir && dir != entry)
		dir = parent_dir(spec, dir);
	return dir == entry;
}

/* 0: @entry, or a directory above it, is nowhere. */
static uint32_t path(const struct spec *spec, uint32_t entry)
{
	uint32_t names = 0;
	int shift = 0;

	do {
		uint32_t cell = where(spec, entry);

		if (is_new(spec, entry) || shift == 32)
			return 0;
		names |= (cell % CELL_NAMES + 1) << shift;
		shift += 4;
		entry = cell / CELL_NAMES;
	} while (entry);
	return names;
}

static bool splice(struct spec *spec, const struct op *op)
{
	if (is_new(spec, op->entry2) || is_above(spec, op->entry2, op->cell) ||
	    (is_late(spec, op->entry) && op->value != SPLICE_MOVE) ||
	    !end_lookup(spec, op, OUTCOME))
		return false;
	if (op->value == SPLICE_MOVE)
		overtake(spec, op->entry2);
	if (spec_fault != 5)
		unhash(spec, op->entry2);
	set(spec, entry_slot(op->entry2, WHERE), op->cell + 1u);
	set_cell(spec, op->cell, op->entry2, HASHED);
	ref(spec, op->entry2, 1);
	return true;
}

/* @cell is @entry's place from now on, and it is hashed there. */
static void put_at(struct spec *spec, uint32_t entry, uint32_t cell)
{
	set(spec, entry_slot(entry, WHERE), cell + 1u);
	set_cell(spec, cell, entry, HASHED);
}

static bool replace(struct spec *spec, const struct op *op)
{
	if (is_new(spec, op->entry) || is_new(spec, op->entry2) ||
	    is_above(spec, op->entry, op->cell) || has_outcome(spec, op->entry2) ||
	    where(spec, op->entry2) != op->cell || !refs(spec, op->entry2))
		return false;
	overtake(spec, op->entry);
	unhash(spec, op->entry);
	if (spec_fault != 12)
		unhash(spec, op->entry2);
	if (cell_state(spec, op->cell) != FREE)
		return false;
	put_at(spec, op->entry, op->cell);
	return true;
}

static bool replace_refused(struct spec *spec, const struct op *op)
{
	switch ((int)op->value) {
	case -ELOOP:
		return is_above(spec, op->entry, op->cell);
	case -EINVAL:
		return has_outcome(spec, op->entry2);
	case -EEXIST:
		/* Seen last. */
		if (!is_new(spec, op->entry))
			overtake(spec, op->entry);
		return cell_state(spec, op->cell) == HASHED &&
		       !cell_is(spec, op->cell, op->entry2, HASHED) &&
		       !cell_is(spec, op->cell, op->entry, HASHED);
	default:
		return false;
	}
}

static bool are_above(const struct spec *spec, uint32_t a, uint32_t b)
{
	return is_above(spec, a, where(spec, b)) || is_above(spec, b, where(spec, a));
}

static bool exchange(struct spec *spec, const struct op *op)
{
	uint32_t from, to;

	if (!is_hashed(spec, op->entry) || !is_hashed(spec, op->entry2) ||
	    are_above(spec, op->entry, op->entry2))
		return false;
	from = where(spec, op->entry);
	to = where(spec, op->entry2);
	put_at(spec, op->entry, to);
	if (spec_fault != 13)
		put_at(spec, op->entry2, from);
	return true;
}

static bool exchange_refused(const struct spec *spec, const struct op *op)
{
	if (is_new(spec, op->entry) || is_new(spec, op->entry2))
		return false;
	if ((int)op->value == -ELOOP)
		return are_above(spec, op->entry, op->entry2);
	return (int)op->value == -EINVAL &&
	       (!is_hashed(spec, op->entry) || !is_hashed(spec, op->entry2));
}

static bool kill(struct spec *spec, const struct op *op)
{
	if (is_new(spec, op->entry) || refs(spec, op->entry) || is_in_lookup(spec, op->entry) ||
	    (get(spec, entry_slot(op->entry, FLAGS)) & DEAD))
		return false;
	if (is_hashed(spec, op->entry) && !(op->value & KILL_EVICTED))
		return false;
	unhash(spec, op->entry);
	flag(spec, op->entry, DEAD);
	return true;
}

/* A former truth is noted as one more, so that 0 can be: @noted is how. */
static bool was_true(const struct spec *spec, uint32_t cell, uint32_t noted)
{
	uint32_t slot = SLOT_FORMER + cell * FORMER_TRUTHS, i;

	for (i = 0; i < FORMER_TRUTHS && get(spec, slot + i) != noted; i++)
		;
	return i < FORMER_TRUTHS;
}

static bool change(struct spec *spec, const struct op *op)
{
	uint32_t slot = SLOT_FORMER + op->cell * FORMER_TRUTHS;
	uint32_t was = get(spec, SLOT_TRUTH + op->cell) + 1;

	if (!was_true(spec, op->cell, was)) {
		uint32_t end = slot + FORMER_TRUTHS;

		while (slot < end && get(spec, slot))
			slot++;
		if (slot == end)
			return false;
		set(spec, slot, was);
	}
	set(spec, SLOT_TRUTH + op->cell, op->value);
	return true;
}

static void invalidate(struct spec *spec, uint32_t cell)
{
	uint32_t i;

	for (i = 0; i < FORMER_TRUTHS && spec_fault != 14; i++)
		set(spec, SLOT_FORMER + cell * FORMER_TRUTHS + i, 0);
}

static bool is_known(const struct spec *spec, const struct op *op)
{
	if ((get(spec, entry_slot(op->entry, FLAGS)) & GONE) && spec_fault != 15)
		return false;
	return truth_is(spec, op->cell, op->value) ||
	       (was_true(spec, op->cell, op->value + 1) && spec_fault != 16);
}

static bool outside(struct spec *spec, const struct op *op)
{
	switch ((enum kind)op->kind) {
	case OP_CHANGE:
		return change(spec, op);
	case OP_INVALIDATE:
		invalidate(spec, op->cell);
		return true;
	case OP_INVALIDATE_ENTRY:
		flag(spec, op->entry, GONE);
		return true;
	case OP_KNOWN:
		return is_known(spec, op);
	default:
		return false;
	}
}

static bool filesystem(struct spec *spec, const struct op *op, int way)
{
	switch ((enum kind)op->kind) {
	case OP_TRUTH:
		set(spec, SLOT_TRUTH + op->cell, op->value);
		return true;
	case OP_RESOLVE:
		if (!cell_is(spec, op->cell, op->entry, HASHED) ||
		    inode(spec, op->entry) != op->value || !leave_park(spec, op) ||
		    (!truth_is(spec, op->cell, op->value) && spec_fault != 6))
			return false;
		ref(spec, op->entry, 1);
		return true;
	case OP_ANSWER:
		return truth_is(spec, op->cell, op->value) && add(spec, op);
	case OP_JOIN_ABSENT:
		return truth_is(spec, op->cell2, 0) && join(spec, op);
	case OP_CREATE:
		if (!truth_is(spec, op->cell, 0) || !refs(spec, op->entry) ||
		    inode(spec, op->entry))
			return false;
		overtake(spec, op->entry);
		set_inode(spec, op->entry, op->value);
		set(spec, SLOT_TRUTH + op->cell, op->value);
		return true;
	case OP_CREATE_NEW:
		if (!truth_is(spec, op->cell, 0) || cell_state(spec, op->cell) != FREE ||
		    !is_new(spec, op->entry))
			return false;
		begin_entry(spec, op->entry, op->cell, HASHED);
		set_inode(spec, op->entry, op->value);
		set(spec, SLOT_TRUTH + op->cell, op->value);
		return true;
	case OP_EXISTS:
		return truth_is(spec, op->cell, op->value);
	case OP_UNLINK:
		if (!truth_is(spec, op->cell, op->value))
			return false;
		if (op->entry ? !delete_entry(spec, op->entry, way, op->cell2)
			      : way || cell_state(spec, op->cell) == HASHED)
			return false;
		set(spec, SLOT_TRUTH + op->cell, 0);
		return true;
	case OP_RENAME:
		if (!truth_is(spec, op->cell, op->value))
			return false;
		set(spec, SLOT_TRUTH + op->cell, 0);
		set(spec, SLOT_TRUTH + op->cell2, op->value);
		return true;
	default:
		return outside(spec, op);
	}
}

static bool apply(struct spec *spec, const struct op *op, int way)
{
	uint32_t entry = op->entry;

	switch ((enum kind)op->kind) {
	case OP_HIT:
		if (get(spec, SLOT_WAITER + op->thread)) {
			if (!get_outcome(spec, op))
				return false;
			ref(spec, entry, 1);
			return true;
		}
		if (!cell_is(spec, op->cell, entry, HASHED) || !leave_park(spec, op))
			return false;
		ref(spec, entry, 1);
		return true;
	case OP_MISS:
		return cell_state(spec, op->cell) != HASHED || spec_fault == 1;
	case OP_PEEK:
	case OP_GRAB:
		if (!cell_is(spec, op->cell, entry, HASHED) || inode(spec, entry) != op->value ||
		    (op->cell2 && !truth_is(spec, op->cell, op->value)))
			return false;
		if (op->kind == OP_GRAB)
			ref(spec, entry, 1);
		return true;
	case OP_OWN:
		if (!is_new(spec, entry) ||
		    (cell_state(spec, op->cell) != FREE && spec_fault != 2) ||
		    !leave_park(spec, op))
			return false;
		begin_entry(spec, entry, op->cell, IN_LOOKUP);
		return true;
	case OP_DEADLOCK:
		return cell_is(spec, op->cell, entry, IN_LOOKUP);
	case OP_PARK:
		if (!cell_is(spec, op->cell, entry, IN_LOOKUP) || !leave_park(spec, op))
			return false;
		/* Who comes when the answer is late already gets nothing of it. */
		set(spec, SLOT_PARKED + op->thread, is_late(spec, entry) ? 0 : entry);
		return true;
	case OP_JOIN:
		return join(spec, op);
	case OP_JOIN_LATE:
		return !way || join(spec, op);
	case OP_GET:
		return get_outcome(spec, op);
	case OP_REF:
		if (!refs(spec, entry))
			return false;
		ref(spec, entry, 1);
		return true;
	case OP_ADD:
		return add(spec, op);
	case OP_FAIL:
		return end_lookup(spec, op, OUTCOME);
	case OP_DONE:
		return end_lookup(spec, op, 0);
	case OP_ABANDON:
		if (!end_lookup(spec, op, 0))
			return false;
		ref(spec, entry, -1);
		return true;
	case OP_LATE:
	case OP_SPLICE_LATE:
		return late(spec, op);
	case OP_SPLICE:
		return splice(spec, op);
	case OP_LOOP:
		return cell_is(spec, op->cell, entry, IN_LOOKUP) &&
		       is_above(spec, op->entry2, op->cell);
	case OP_ENDED:
		return !is_new(spec, entry) && !is_in_lookup(spec, entry);
	case OP_REFUSED:
		return inode(spec, entry) || has_outcome(spec, entry);
	case OP_NEW:
		if (!is_new(spec, entry))
			return false;
		begin_entry(spec, entry, op->cell, FREE);
		overtake(spec, entry);
		set_inode(spec, entry, op->value);
		return true;
	case OP_PLAIN_ADD:
		if (!is_new(spec, entry) || cell_state(spec, op->cell) != FREE)
			return false;
		begin_entry(spec, entry, op->cell, HASHED);
		set_inode(spec, entry, op->value);
		return true;
	case OP_TAKEN:
		return cell_state(spec, op->cell) == HASHED;
	case OP_DROP:
		if (spec_fault != 3)
			unhash(spec, entry);
		return refs(spec, entry);
	case OP_REHASH:
		if (!refs(spec, entry) || has_outcome(spec, entry) ||
		    cell_state(spec, op->cell) != FREE)
			return false;
		set_cell(spec, op->cell, entry, HASHED);
		return true;
	case OP_REHASH_ENDED:
		return has_outcome(spec, entry);
	case OP_INSTANTIATE:
		if (!refs(spec, entry) || inode(spec, entry) || is_in_lookup(spec, entry))
			return false;
		overtake(spec, entry);
		set_inode(spec, entry, op->value);
		return true;
	case OP_POSITIVE:
		return inode(spec, entry);
	case OP_DELETE:
		return delete_entry(spec, entry, way, op->value & DELETE_ALONE);
	case OP_DOUBT:
		if (is_new(spec, entry))
			return false;
		if (way == 1)
			overtake(spec, entry);
		return true;
	case OP_READ:
		return refs(spec, entry) && inode(spec, entry) == op->value;
	case OP_HASHED:
		return refs(spec, entry) && is_hashed(spec, entry) == op->value;
	case OP_ALIAS:
		if (!inode(spec, entry) || (get(spec, entry_slot(entry, FLAGS)) & DEAD))
			return false;
		ref(spec, entry, 1);
		return true;
	case OP_PUT:
		if (!refs(spec, entry))
			return false;
		ref(spec, entry, -1);
		return true;
	case OP_KILL:
		return kill(spec, op) || spec_fault == 7;
	case OP_SHRINK:
		return true;
	case OP_PLACE:
		if (cell_state(spec, op->cell) != FREE)
			return false;
		begin_entry(spec, entry, op->cell, HASHED);
		set_inode(spec, entry, entry);
		return true;
	case OP_REPLACE:
		return replace(spec, op);
	case OP_NO_REPLACE:
		return replace_refused(spec, op);
	case OP_EXCHANGE:
		return exchange(spec, op);
	case OP_NO_EXCHANGE:
		return exchange_refused(spec, op);
	case OP_PARENT:
		return !is_new(spec, entry) && where(spec, entry) / CELL_NAMES == op->value;
	case OP_PATH:
		return (op->value && path(spec, entry) == op->value) || spec_fault == 8;
	default:
		return filesystem(spec, op, way);
	}
}

int spec_ways(const struct op *op)
{
	return op->kind == OP_DELETE || op->kind == OP_UNLINK || op->kind == OP_JOIN_LATE ||
			       op->kind == OP_DOUBT
		       ? 2
		       : 1;
}

bool spec_apply(struct spec *spec, const struct op *op, int way)
{
	unsigned int undos = spec->undos;

	if (apply(spec, op, way))
		return true;
	spec_undo(spec, undos);
	return false;
}

bool spec_observes(const struct op *op)
{
	switch ((enum kind)op->kind) {
	case OP_HIT:
	case OP_MISS:
	case OP_PEEK:
	case OP_GRAB:
	case OP_DEADLOCK:
	case OP_REF:
	case OP_ALIAS:
	case OP_LOOP:
	case OP_ENDED:
	case OP_TAKEN:
	case OP_REHASH_ENDED:
	case OP_REFUSED:
	case OP_POSITIVE:
	case OP_READ:
	case OP_HASHED:
	case OP_SHRINK:
	case OP_NO_EXCHANGE:
	case OP_PARENT:
	case OP_PATH:
	case OP_RESOLVE:
	case OP_EXISTS:
	case OP_KNOWN:
		return true;
	default:
		return false;
	}
}
