/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A filesystem behind the cache, and operations on both.
 *
 * What is true of a name is a word of stage.truth: 0, or the number of the file. It is changed with
 * the directory locked exclusively, together with the cache; the backend reads it with the directory
 * locked shared. So that cache and filesystem change at one moment for everybody is what the history
 * is asked for: once a create has returned, nobody is told "absent" (H13), and so on.
 *
 * Names "A..." are other spellings of "a...": the backend answers with d_add_ci(), or with an absence
 * that is not to be cached.
 */
#include <string.h>

#include "operations.h"

unsigned int store_cell(unsigned int cell)
{
	unsigned int name = cell % CELL_NAMES;

	return name >= STORE_FILES && name < 2 * STORE_FILES ? cell - STORE_FILES : cell;
}

/* ---- the backend ---- */

static unsigned int cell_of_entry(const struct inode *dir, const struct dentry *dentry)
{
	unsigned int cell = (unsigned int)inode_number(dir) * CELL_NAMES;
	struct qstr name = d_name(dentry);

	for (;; cell++) {
		struct qstr known = cell_name(cell);

		if (known.len == name.len && !memcmp(known.name, name.name, name.len))
			return cell;
	}
}

static struct dentry *answer_other_spelling(struct lane *lane, struct dentry *dentry,
					    unsigned int stored)
{
	struct qstr name = cell_name(stored);
	uint32_t truth = stage.truth[stored];
	struct inode *inode = new_inode(stage.dc, truth, INODE_REGULAR, &stage_file_ops, NULL);
	struct dentry *res;
	uint32_t end;
	uint16_t entry;

	call(lane);
	res = d_add_ci(dentry, inode, &name);
	end = stamp();
	if (IS_ERR(res)) {
		lane->asked_outcome = OUTCOME_ERROR((int)PTR_ERR(res));
		return res;
	}
	entry = found_number(lane, res, stored);
	lane->asked_outcome = OUTCOME_ENTRY(entry);
	if (d_inode(res) == inode) {
		note(lane, end, OP_OWN, stored, entry, 0);
		note(lane, end, OP_ANSWER, stored, entry, truth);
	} else {
		note(lane, end, OP_RESOLVE, stored, entry, truth);
	}
	return res;
}

static struct dentry *store_answer(struct lane *lane, struct dentry *dentry, unsigned int cell)
{
	unsigned int stored = store_cell(cell);
	uint32_t truth = stage.truth[stored];
	enum mood mood = store_mood();
	struct inode *inode = NULL;

	lane->asked_outcome = 0;
	if (mood == MOOD_ERROR) {
		int error = -200 - (int)(new_number(lane) % 3800);

		lane->asked_outcome = OUTCOME_ERROR(error);
		return ERR_PTR(error);
	}
	if (!truth && (mood == MOOD_UNCACHED || cell != stored)) {
		stage.is_outcome[lane->asked] = true;
		lane->asked_outcome = OUTCOME_ENTRY(lane->asked);
		return NULL;
	}
	if (cell != stored)
		return answer_other_spelling(lane, dentry, stored);
	if (truth)
		inode = new_inode(stage.dc, truth, INODE_REGULAR, &stage_file_ops, NULL);
	call(lane);
	if (truth % 2 ? d_add(dentry, inode) != 0 : d_splice_alias(inode, dentry) != NULL)
		note(lane, stamp(), OP_TAKEN, cell, 0, 0);
	else
		note(lane, stamp(), OP_ANSWER, cell, lane->asked, truth);
	return NULL;
}

static struct dentry *store_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct lane *lane = lane_current();
	unsigned int cell = cell_of_entry(dir, dentry);
	struct dentry *res;

	(void)flags;
	lane->asking = false;
	lane->asked = number_entry(lane, dentry, cell);
	note(lane, stamp(), OP_OWN, cell, lane->asked, 0);
	if (stage.pause)
		stage.pause();
	res = store_answer(lane, dentry, cell);
	/* What the caller of the backend does now, it begins here. */
	call(lane);
	return res;
}

const struct inode_operations store_dir_ops = { .lookup = store_lookup };

/* ---- operations ---- */

/* The inode of @dentry, read as a program does; and whether it is hashed with that. */
static bool is_hashed_with(struct dentry *dentry, uint32_t *number)
{
	const struct inode *inode = d_inode(dentry);
	bool hashed;

	*number = inode ? (uint32_t)inode_number(inode) : 0;
	if (stage.pause)
		stage.pause();
	d_lock(dentry);
	hashed = !d_unhashed(dentry) && d_inode(dentry) == inode;
	d_unlock(dentry);
	return hashed;
}

static void note_own(struct lane *lane, uint32_t end, unsigned int cell, struct dentry *dentry)
{
	uint16_t entry = lane->asked;
	uint32_t outcome = lane->asked_outcome;

	if (outcome)
		note(lane, end, OP_FAIL, cell, entry, outcome);
	if (outcome && outcome != OUTCOME_ENTRY(entry))
		note(lane, end, OP_PUT, cell, entry, 0);
	/* Another answer than its own: none that the model allows. */
	if (IS_ERR(dentry) ? outcome != OUTCOME_ERROR((int)PTR_ERR(dentry))
	    : outcome	   ? outcome != OUTCOME_ENTRY(entry_number(dentry))
			   : entry_number(dentry) != entry)
		note(lane, end, OP_HIT, cell, 0, 0);
	if (!IS_ERR(dentry))
		hold(lane, dentry, entry_number(dentry));
}

void act_resolve(struct lane *lane, unsigned int cell)
{
	struct qstr name = cell_name(cell);
	struct dentry *dentry;
	uint32_t began, end, number = 0;
	uint16_t entry;
	bool hashed = false;

	call(lane);
	began = lane->began;
	lane->asked = 0;
	lane->asking = true;
	lane->asked_cell = (uint8_t)cell;
	dentry = lookup_one_unlocked(cell_parent(cell), &name, 0);
	lane->asking = false;
	if (!IS_ERR(dentry))
		hashed = is_hashed_with(dentry, &number);
	end = stamp();
	if (lane->asked) {
		note_own(lane, end, cell, dentry);
		return;
	}
	lane->began = began;
	if (IS_ERR(dentry)) {
		note_outcome(lane, end, cell, OUTCOME_ERROR((int)PTR_ERR(dentry)));
		return;
	}
	entry = found_number(lane, dentry, cell);
	if (stage.cell_of[entry] == cell && !stage.is_outcome[entry]) {
		/* If dropped since it was found, what became of it since need not be the truth. */
		note(lane, end, hashed ? OP_RESOLVE : OP_HIT, cell, entry, number);
	} else {
		note_outcome(lane, end, cell, OUTCOME_ENTRY(entry));
		if (stage.cell_of[entry] == cell) {
			lane->ops[lane->nr - 2].kind = OP_JOIN_ABSENT;
			lane->ops[lane->nr - 2].cell2 = (uint8_t)store_cell(cell);
		}
		note(lane, end, OP_REF, stage.cell_of[entry], entry, 0);
	}
	hold(lane, dentry, entry);
}

/* The directory is locked. Noted, but not kept. */
static struct dentry *look_up_locked(struct lane *lane, unsigned int cell)
{
	struct qstr name = cell_name(cell);
	struct dentry *dentry;
	uint32_t end;

	call(lane);
	dentry = d_lookup(cell_parent(cell), &name);
	end = stamp();
	if (dentry)
		note(lane, end, OP_HIT, cell, found_number(lane, dentry, cell), 0);
	else
		note(lane, end, OP_MISS, cell, 0, 0);
	return dentry;
}

static struct dentry *create_new(struct lane *lane, unsigned int cell)
{
	struct qstr name = cell_name(cell);
	struct dentry *dentry = d_alloc(cell_parent(cell), &name);
	uint16_t entry = number_entry(lane, dentry, cell);
	struct inode *inode;
	uint32_t number;
	int err;

	inode = new_file(lane, &number);
	call(lane);
	stage.truth[cell] = number;
	err = d_add(dentry, inode);
	note(lane, stamp(), OP_CREATE_NEW, cell, entry, number);
	/* It was not found, yet it is there: none that the model allows. */
	if (err)
		note(lane, stamp(), OP_HIT, cell, 0, 0);
	return dentry;
}

static void create_in(struct lane *lane, unsigned int cell, struct dentry *dentry)
{
	struct inode *inode;
	uint32_t number;
	int err;

	inode = new_file(lane, &number);
	call(lane);
	stage.truth[cell] = number;
	err = d_instantiate(dentry, inode);
	note(lane, stamp(), OP_CREATE, cell, entry_number(dentry), number);
	/* A positive entry of what did not exist: none that the model allows. */
	if (err)
		note(lane, stamp(), OP_HIT, cell, 0, 0);
}

void act_create(struct lane *lane, unsigned int cell)
{
	struct inode *dir = d_inode(cell_parent(cell));
	struct dentry *dentry;

	inode_lock(dir);
	dentry = look_up_locked(lane, cell);
	call(lane);
	if (stage.truth[cell])
		note(lane, stamp(), OP_EXISTS, cell, 0, stage.truth[cell]);
	else if (dentry)
		create_in(lane, cell, dentry);
	else
		dentry = create_new(lane, cell);
	inode_unlock(dir);
	if (dentry)
		hold(lane, dentry, entry_number(dentry));
}

void act_unlink(struct lane *lane, unsigned int cell)
{
	struct inode *dir = d_inode(cell_parent(cell));
	struct dentry *dentry;
	uint32_t truth;

	inode_lock(dir);
	dentry = look_up_locked(lane, cell);
	truth = stage.truth[cell];
	call(lane);
	if (!truth) {
		note(lane, stamp(), OP_EXISTS, cell, 0, 0);
	} else {
		stage.truth[cell] = 0;
		if (dentry)
			d_delete(dentry);
		note(lane, stamp(), OP_UNLINK, cell, dentry ? entry_number(dentry) : 0, truth);
	}
	inode_unlock(dir);
	if (dentry)
		hold(lane, dentry, entry_number(dentry));
}

static void drop_locked(struct lane *lane, unsigned int cell, struct dentry *dentry)
{
	if (!dentry)
		return;
	call(lane);
	d_drop(dentry);
	note(lane, stamp(), OP_DROP, cell, entry_number(dentry), 0);
}

void act_rename(struct lane *lane, unsigned int from, unsigned int to)
{
	struct inode *dir = d_inode(cell_parent(from)), *other = d_inode(cell_parent(to));
	struct dentry *source, *target;
	uint32_t truth;

	if (from == to)
		return;
	inode_lock(inode_number(dir) < inode_number(other) ? dir : other);
	if (dir != other)
		inode_lock(inode_number(dir) < inode_number(other) ? other : dir);
	source = look_up_locked(lane, from);
	target = look_up_locked(lane, to);
	truth = stage.truth[from];
	if (!truth) {
		call(lane);
		note(lane, stamp(), OP_EXISTS, from, 0, 0);
	} else {
		/* There is no call that moves a file: both names are asked for afresh. */
		drop_locked(lane, from, source);
		drop_locked(lane, to, target);
		call(lane);
		stage.truth[from] = 0;
		stage.truth[to] = truth;
		note(lane, stamp(), OP_RENAME, from, 0, truth);
		lane->ops[lane->nr - 1].cell2 = (uint8_t)to;
	}
	if (dir != other)
		inode_unlock(other);
	inode_unlock(dir);
	if (source)
		hold(lane, source, entry_number(source));
	if (target)
		hold(lane, target, entry_number(target));
}
