/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A store that changes by itself, and a cache that is told.
 *
 * What is true of a name is a word of stage.outside, changed at any time and under no lock; whoever
 * has changed it invalidates the name, or all names of the directory. The backend reads the word, and
 * takes its time before and after. So lookups are overtaken, and what they find may be told, but not to
 * anybody who began when the invalidation had returned (H13, H22). Others invalidate an entry that they
 * find: then that is not found again, even if it is true.
 *
 * What is asked for is the value, however it comes: a file's number, an absence, kept or not, an
 * unhashed entry of another name, an error, which says what truth it was given instead of. Whether an
 * entry is hashed is not recorded: an answer that was overtaken may be, if it is stale.
 */
#include <string.h>

#include "operations.h"

/* That of an absence; the next are those of files. */
#define FIRST_ERROR 200
#define LAST_ERROR 4095

/* True of nothing. */
#define NEVER_TRUE UINT16_MAX

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

static struct inode *file_of(uint32_t truth)
{
	return truth ? new_inode(stage.dc, truth, INODE_REGULAR, &stage_file_ops, NULL) : NULL;
}

/* The entry of another name, hashed nowhere. */
static struct dentry *answer_elsewhere(struct lane *lane, unsigned int cell, uint32_t truth)
{
	unsigned int other = cell / CELL_NAMES * CELL_NAMES + (cell + 1) % CELL_NAMES;
	struct qstr name = cell_name(other);
	struct dentry *alias = d_alloc(cell_parent(cell), &name);

	number_entry(lane, alias, cell);
	d_instantiate(alias, file_of(truth));
	return alias;
}

static struct dentry *outside_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct lane *lane = lane_current();
	unsigned int cell = cell_of_entry(dir, dentry);
	uint32_t truth;
	int err;

	(void)flags;
	number_entry(lane, dentry, cell);
	if (stage.pause)
		stage.pause();
	truth = atomic_load_explicit(&stage.outside[cell], memory_order_acquire);
	if (stage.pause)
		stage.pause();
	switch (store_mood()) {
	case MOOD_ERROR:
		if (truth <= LAST_ERROR - FIRST_ERROR)
			return ERR_PTR(-(int)(FIRST_ERROR + truth));
		break;
	case MOOD_UNCACHED:
		return truth ? answer_elsewhere(lane, cell, truth) : NULL;
	case MOOD_TRUE:
	default:
		break;
	}
	if (truth % 2)
		return d_splice_alias(file_of(truth), dentry);
	/* A refusal is an error that no answer was given instead of. */
	err = d_add(dentry, file_of(truth));
	return err ? ERR_PTR(err) : NULL;
}

const struct inode_operations outside_dir_ops = { .lookup = outside_lookup };

/* ---- asking ---- */

/* What a lookup has returned. */
static void note_known(struct lane *lane, unsigned int cell, struct dentry *dentry)
{
	uint32_t end, value = NEVER_TRUE;
	uint16_t entry;

	if (IS_ERR(dentry)) {
		if (-PTR_ERR(dentry) >= FIRST_ERROR)
			value = (uint32_t)(-PTR_ERR(dentry) - FIRST_ERROR);
		note(lane, stamp(), OP_KNOWN, cell, 0, value);
		return;
	}
	/* Nobody makes it positive or negative afterwards. */
	value = d_inode(dentry) ? (uint32_t)inode_number(d_inode(dentry)) : 0;
	end = stamp();
	entry = entry_number(dentry);
	note(lane, end, OP_KNOWN, cell, entry, value);
	hold(lane, dentry, entry);
}

void act_resolve_outside(struct lane *lane, unsigned int cell)
{
	struct qstr name = cell_name(cell);

	call(lane);
	note_known(lane, cell, lookup_one_unlocked(cell_parent(cell), &name, 0));
}

void act_walk_outside(struct lane *lane, unsigned int cell, bool cached)
{
	struct qstr name = cell_name(cell);
	struct dentry *dentry;

	call(lane);
	dentry = dcache_walk(stage.dirs[0], cell_parent(cell), name.name, name.len,
			     WALK_CREATE | (cached ? WALK_CACHED : 0));
	/* It may say at any time that it does not know. */
	if (!IS_ERR(dentry) || PTR_ERR(dentry) != -EAGAIN)
		note_known(lane, cell, dentry);
}

/* Found as it was, by who asks whether it is true. */
static void note_found(struct lane *lane, unsigned int cell, struct dentry *dentry)
{
	if (dentry && !d_is_stale(dentry))
		note_known(lane, cell, dentry);
	else
		dput(dentry);
}

void act_look_up_outside(struct lane *lane, unsigned int cell)
{
	struct qstr name = cell_name(cell);

	call(lane);
	note_found(lane, cell, d_lookup(cell_parent(cell), &name));
}

void act_look_up_outside_rcu(struct lane *lane, unsigned int cell)
{
	struct qstr name = cell_name(cell);
	struct dentry *dentry;
	uint32_t seq;

	call(lane);
	dcache_read_lock();
	dentry = d_lookup_rcu(cell_parent(cell), &name, &seq);
	if (dentry && !dget_rcu(dentry, seq))
		dentry = NULL;
	dcache_read_unlock();
	note_found(lane, cell, dentry);
}

/* ---- changing, and telling the cache ---- */

static void change(struct lane *lane, unsigned int cell)
{
	uint32_t was = atomic_load_explicit(&stage.outside[cell], memory_order_relaxed);
	uint32_t number = new_number(lane);
	/* Now and then it is gone. */
	uint32_t value = was && number % 3 == 0 ? 0 : number;

	call(lane);
	atomic_store_explicit(&stage.outside[cell], value, memory_order_release);
	note(lane, stamp(), OP_CHANGE, cell, 0, value);
}

void act_change_name(struct lane *lane, unsigned int cell)
{
	struct qstr name = cell_name(cell);
	int err;

	change(lane, cell);
	call(lane);
	err = d_invalidate_name(cell_parent(cell), &name);
	/* Refused: nothing that the model allows. */
	note(lane, stamp(), err ? OP_HIT : OP_INVALIDATE, cell, 0, 0);
}

void act_change_children(struct lane *lane, unsigned int cell, unsigned int nr)
{
	unsigned int dir = cell / CELL_NAMES, i;
	uint32_t end;
	int err;

	change(lane, cell);
	call(lane);
	err = d_invalidate_children(stage.dirs[dir]);
	end = stamp();
	/* Of each name apart, which is less than what is promised: checker.c, S2. */
	for (i = 0; i < nr; i++)
		note(lane, end, err ? OP_HIT : OP_INVALIDATE, dir * CELL_NAMES + i, 0, 0);
}

void act_invalidate_found(struct lane *lane, unsigned int cell)
{
	struct qstr name = cell_name(cell);
	struct dentry *dentry = d_lookup(cell_parent(cell), &name);
	uint16_t entry;
	int err;

	if (!dentry)
		return;
	entry = entry_number(dentry);
	call(lane);
	err = d_invalidate(dentry);
	note(lane, stamp(), err ? OP_HIT : OP_INVALIDATE_ENTRY, cell, entry, 0);
	hold(lane, dentry, entry);
}
