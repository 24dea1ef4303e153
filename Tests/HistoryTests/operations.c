/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The operations of one thread on the cache, and what is noted of them.
 *
 * Entries are told apart by the number in d_fsdata(), given before they can be found. A callback of
 * the cache tells when an entry is freed, in the thread and within the call that frees it: so the
 * record says which names were evicted, and a miss of any other is wrong.
 *
 * A directory's own entry never dies in a history: the stage has a reference.
 */
#include <string.h>

#include "operations.h"

struct stage stage;

/* Two of them are too long to lie in an entry. */
static const char *const names[CELL_NAMES] = {
	"a",
	"a-name-that-is-longer-than-forty-bytes-number-one",
	"c",
	"A",
	"a-name-that-is-longer-than-forty-bytes-number-ONE",
	"C",
	"g",
	"h",
};

struct qstr cell_name(unsigned int cell)
{
	const char *name = names[cell % CELL_NAMES];

	return qstr_init(name, strlen(name));
}

struct dentry *cell_parent(unsigned int cell)
{
	return stage.dirs[cell / CELL_NAMES];
}

/* ---- recording ---- */

void call(struct lane *lane)
{
	if (stage.before_call)
		stage.before_call();
	lane->began = stamp();
}

void note(struct lane *lane, uint32_t end, enum kind kind, unsigned int cell, unsigned int entry,
	  uint32_t value)
{
	struct op *op = &lane->ops[lane->nr];

	if (lane->nr == lane->max) {
		lane->overflow = true;
		return;
	}
	op->begin = lane->began;
	op->end = end;
	op->value = value;
	op->entry = (uint16_t)entry;
	op->entry2 = 0;
	op->kind = (uint8_t)kind;
	op->cell = (uint8_t)cell;
	op->cell2 = 0;
	op->thread = lane->thread;
	lane->nr++;
}

/* Numbers are the thread's own, so that counting them orders nothing. */
uint32_t new_number(struct lane *lane)
{
	return HISTORY_THREADS * ++lane->made + lane->thread;
}

uint16_t entry_number(const struct dentry *dentry)
{
	return (uint16_t)(uintptr_t)d_fsdata(dentry);
}

uint16_t number_entry(struct lane *lane, struct dentry *dentry, unsigned int cell)
{
	uint16_t entry = (uint16_t)new_number(lane);

	stage.cell_of[entry] = cell;
	stage.is_outcome[entry] = false;
	d_set_fsdata(dentry, (void *)(uintptr_t)entry);
	return entry;
}

uint16_t found_number(struct lane *lane, struct dentry *dentry, unsigned int cell)
{
	uint16_t entry = entry_number(dentry);

	if (entry)
		return entry;
	/* Others may have found it, too. */
	d_lock(dentry);
	entry = entry_number(dentry);
	if (!entry)
		entry = number_entry(lane, dentry, cell);
	d_unlock(dentry);
	return entry;
}

struct inode *new_file(struct lane *lane, uint32_t *number)
{
	*number = new_number(lane);
	return new_inode(stage.dc, *number, INODE_REGULAR, &stage_file_ops, NULL);
}

static void entry_released(struct dentry *dentry)
{
	struct lane *lane = lane_current();
	uint16_t entry = entry_number(dentry);

	/* Without a number nobody has seen it. */
	if (lane && entry && !stage.has_outside)
		note(lane, stamp(), OP_KILL, stage.cell_of[entry], entry,
		     lane->shrinking ? KILL_EVICTED : 0);
}

const struct dentry_operations stage_entry_ops = { .d_release = entry_released };
const struct inode_operations stage_file_ops = { 0 };

/* ---- held entries ---- */

static bool is_directory(unsigned int entry)
{
	return entry < HISTORY_DIRS;
}

void hold(struct lane *lane, struct dentry *dentry, unsigned int entry)
{
	struct held *held;

	if (lane->nr_held == LANE_HELD)
		act_put(lane, lane->made % LANE_HELD);
	held = &lane->held[lane->nr_held++];
	held->dentry = dentry;
	held->entry = (uint16_t)entry;
	held->cell = (uint8_t)stage.cell_of[entry];
}

void act_put(struct lane *lane, unsigned int i)
{
	struct held held = lane->held[i];

	lane->held[i] = lane->held[--lane->nr_held];
	call(lane);
	dput(held.dentry);
	if (!stage.has_outside)
		note(lane, stamp(), OP_PUT, held.cell, held.entry, 0);
}

void act_put_all(struct lane *lane)
{
	while (lane->nr_held)
		act_put(lane, 0);
}

/* ---- finding ---- */

void act_look_up(struct lane *lane, unsigned int cell)
{
	struct qstr name = cell_name(cell);
	struct dentry *dentry;
	uint16_t entry;
	uint32_t end;

	call(lane);
	dentry = d_lookup(cell_parent(cell), &name);
	end = stamp();
	if (!dentry) {
		note(lane, end, OP_MISS, cell, 0, 0);
		return;
	}
	entry = found_number(lane, dentry, cell);
	note(lane, end, OP_HIT, cell, entry, 0);
	hold(lane, dentry, entry);
}

void act_look_up_rcu(struct lane *lane, unsigned int cell, bool take)
{
	struct qstr name = cell_name(cell);
	struct dentry *dentry;
	uint32_t seq, number = 0, end;
	uint16_t entry = 0;
	bool valid = false;

	call(lane);
	dcache_read_lock();
	dentry = d_lookup_rcu(cell_parent(cell), &name, &seq);
	if (dentry) {
		struct inode *inode = d_inode(dentry);

		number = inode ? (uint32_t)inode_number(inode) : 0;
		entry = entry_number(dentry);
		valid = take ? dget_rcu(dentry, seq) : !d_seq_retry(dentry, seq);
	}
	dcache_read_unlock();
	end = stamp();
	if (!valid)
		return;
	if (take)
		entry = found_number(lane, dentry, cell);
	/* One that d_add_ci() has made just now has no number yet. */
	if (!entry)
		return;
	note(lane, end, take ? OP_GRAB : OP_PEEK, cell, entry, number);
	lane->ops[lane->nr - 1].cell2 = stage.has_truth;
	if (take)
		hold(lane, dentry, entry);
}

/* ---- asking ---- */

void note_parked(struct lane *lane, const struct dentry *dentry)
{
	/* Some may go unnoted. */
	if (lane->asking && lane->nr + LANE_MARGIN / 2 < lane->max && entry_number(dentry))
		note(lane, stamp(), OP_PARK, lane->asked_cell, entry_number(dentry), 0);
}

static struct dentry *alloc_parallel_noted(struct lane *lane, unsigned int cell,
					   struct wait_queue_head *wq)
{
	struct qstr name = cell_name(cell);
	struct dentry *dentry;

	lane->asking = true;
	lane->asked_cell = (uint8_t)cell;
	call(lane);
	dentry = d_alloc_parallel(cell_parent(cell), &name, wq);
	lane->asking = false;
	return dentry;
}

void note_outcome(struct lane *lane, uint32_t end, unsigned int cell, uint32_t outcome)
{
	note(lane, end, OP_JOIN, cell, 0, outcome);
	note(lane, end, OP_GET, cell, 0, outcome);
}

/* What d_alloc_parallel() returned to one who is not the owner. */
static void note_answer(struct lane *lane, uint32_t end, unsigned int cell, struct dentry *dentry)
{
	uint16_t entry;

	if (IS_ERR(dentry)) {
		note_outcome(lane, end, cell, OUTCOME_ERROR((int)PTR_ERR(dentry)));
		return;
	}
	entry = entry_number(dentry);
	if (is_directory(entry)) {
		/* It is there; or it was found too late, and is not: that cannot be seen. */
		note(lane, end, OP_JOIN_LATE, cell, 0, OUTCOME_LATE(entry));
		note(lane, end, OP_HIT, cell, entry, 0);
	} else if (stage.cell_of[entry] == cell && d_lookup_overtaken(dentry)) {
		note_outcome(lane, end, cell, OUTCOME_LATE(entry));
		note(lane, end, OP_REF, cell, entry, 0);
	} else if (stage.cell_of[entry] == cell) {
		note(lane, end, OP_HIT, cell, entry, 0);
	} else {
		note_outcome(lane, end, cell, OUTCOME_ENTRY(entry));
		note(lane, end, OP_REF, stage.cell_of[entry], entry, 0);
	}
	hold(lane, dentry, entry);
}

static void fail_lookup(struct lane *lane, unsigned int cell, struct dentry *dentry, int error)
{
	call(lane);
	if (d_lookup_fail(dentry, error))
		note(lane, stamp(), OP_ENDED, cell, entry_number(dentry), 0);
	else
		note(lane, stamp(), OP_FAIL, cell, entry_number(dentry), OUTCOME_ERROR(error));
}

static int new_error(struct lane *lane)
{
	return -200 - (int)(new_number(lane) % 3800);
}

static void answer_redirect(struct lane *lane, unsigned int cell, struct dentry *dentry,
			    struct dentry *alias)
{
	uint16_t entry = entry_number(alias);

	call(lane);
	if (d_lookup_redirect(dentry, alias))
		note(lane, stamp(), OP_ENDED, cell, entry_number(dentry), 0);
	else
		note(lane, stamp(), OP_FAIL, cell, entry_number(dentry), OUTCOME_ENTRY(entry));
}

/* A held entry that was found under another name than @cell. */
static struct dentry *held_elsewhere(const struct lane *lane, unsigned int cell)
{
	unsigned int i;

	for (i = 0; i < lane->nr_held; i++) {
		if (!is_directory(lane->held[i].entry) && lane->held[i].cell != cell)
			return lane->held[i].dentry;
	}
	return NULL;
}

static void answer_new_alias(struct lane *lane, unsigned int cell, struct dentry *dentry)
{
	/* The same directory, the next name. */
	unsigned int other = cell / CELL_NAMES * CELL_NAMES + (cell + 1) % CELL_NAMES;
	struct qstr name = cell_name(other);
	struct dentry *alias;
	struct inode *inode;
	uint32_t number;
	uint16_t entry;

	call(lane);
	alias = d_alloc(cell_parent(other), &name);
	entry = number_entry(lane, alias, other);
	inode = new_file(lane, &number);
	d_instantiate(alias, inode);
	note(lane, stamp(), OP_NEW, other, entry, number);
	answer_redirect(lane, cell, dentry, alias);
	hold(lane, alias, entry);
}

/* The same by d_move(), as one does who knows that it was moved there. */
static void answer_by_moving(struct lane *lane, unsigned int cell, struct dentry *dentry,
			     unsigned int which)
{
	struct dentry *dir = dget(stage.dirs[which]);
	uint16_t entry = entry_number(dentry);
	int err;

	call(lane);
	err = d_move(dir, dentry);
	note(lane, stamp(), err ? OP_LOOP : OP_SPLICE, cell, entry, err ? 0 : SPLICE_MOVE);
	lane->ops[lane->nr - 1].entry2 = (uint16_t)which;
	if (!err) {
		hold(lane, dir, which);
		return;
	}
	dput(dir);
	fail_lookup(lane, cell, dentry, err);
}

static void answer_directory(struct lane *lane, unsigned int cell, struct dentry *dentry,
			     unsigned int which)
{
	struct inode *inode = d_inode(stage.dirs[which]);
	uint16_t entry = entry_number(dentry);
	struct dentry *res;

	ihold(inode);
	call(lane);
	res = d_splice_alias(inode, dentry);
	if (!IS_ERR(res)) {
		note(lane, stamp(), d_lookup_overtaken(dentry) ? OP_SPLICE_LATE : OP_SPLICE, cell,
		     entry, 0);
		/* None is the entry itself: not what the model allows. */
		lane->ops[lane->nr - 1].entry2 = res ? entry_number(res) : entry;
		if (res)
			hold(lane, res, entry_number(res));
		return;
	}
	if (PTR_ERR(res) == -ELOOP) {
		note(lane, stamp(), OP_LOOP, cell, entry, 0);
		lane->ops[lane->nr - 1].entry2 = (uint16_t)which;
	}
	/* -ESTALE: locks could not be had. */
	fail_lookup(lane, cell, dentry, (int)PTR_ERR(res));
}

static void answer(struct lane *lane, unsigned int cell, struct dentry *dentry, enum answer how,
		   unsigned int arg)
{
	uint16_t entry = entry_number(dentry);
	struct dentry *other = held_elsewhere(lane, cell);
	struct inode *inode = NULL;
	uint32_t number = 0;

	if (how == ANSWER_REDIRECT && !other)
		how = ANSWER_NONE;
	switch (how) {
	case ANSWER_FILE:
	case ANSWER_NEGATIVE:
		if (how == ANSWER_FILE)
			inode = new_file(lane, &number);
		call(lane);
		if (d_add(dentry, inode)) {
			/* Then something else is there. */
			note(lane, stamp(), OP_TAKEN, cell, 0, 0);
			fail_lookup(lane, cell, dentry, new_error(lane));
		} else {
			note(lane, stamp(), d_lookup_overtaken(dentry) ? OP_LATE : OP_ADD, cell,
			     entry, number);
		}
		break;
	case ANSWER_ERROR:
		fail_lookup(lane, cell, dentry, new_error(lane));
		break;
	case ANSWER_REDIRECT:
		answer_redirect(lane, cell, dentry, other);
		break;
	case ANSWER_NEW_ALIAS:
		answer_new_alias(lane, cell, dentry);
		break;
	case ANSWER_DIRECTORY:
		(entry % 2 ? answer_by_moving : answer_directory)(lane, cell, dentry, arg);
		break;
	case ANSWER_ABANDON:
#ifndef DCACHE_DEBUG
		call(lane);
		dput(dentry);
		note(lane, stamp(), OP_ABANDON, cell, entry, 0);
		return;
#endif
	case ANSWER_NONE:
	default:
		call(lane);
		d_lookup_done(dentry);
		note(lane, stamp(), OP_DONE, cell, entry, 0);
		break;
	}
	/* Now and then, once more. */
	if (entry % 5 == 0)
		fail_lookup(lane, cell, dentry, new_error(lane));
	hold(lane, dentry, entry);
}

void act_ask(struct lane *lane, unsigned int cell, enum answer how, unsigned int arg,
	     bool own_queue)
{
	struct inode *dir = d_inode(cell_parent(cell));
	struct qstr name = cell_name(cell);
	struct dentry *dentry;
	uint16_t entry;
	uint32_t end;

	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	if (stage.locked)
		inode_lock_shared(dir);
	dentry = alloc_parallel_noted(lane, cell, own_queue ? NULL : &wq);
	end = stamp();
	if (IS_ERR(dentry) || !d_in_lookup(dentry)) {
		note_answer(lane, end, cell, dentry);
	} else {
		entry = number_entry(lane, dentry, cell);
		note(lane, end, OP_OWN, cell, entry, 0);
		if (entry % 7 == 0) {
			struct dentry *again;

			call(lane);
			again = d_alloc_parallel(cell_parent(cell), &name, NULL);
			if (IS_ERR(again) && PTR_ERR(again) == -EDEADLK)
				note(lane, stamp(), OP_DEADLOCK, cell, entry, 0);
			else
				note_answer(lane, stamp(), cell, again);
		}
		if (stage.pause)
			stage.pause();
		answer(lane, cell, dentry, how, arg);
	}
	if (stage.locked)
		inode_unlock_shared(dir);
}

void act_hand_over(struct lane *lane, unsigned int cell, enum answer how, unsigned int arg)
{
	struct inode *dir = d_inode(cell_parent(cell));
	struct dentry *dentry, *none = NULL;
	uint16_t entry;

	if (stage.locked)
		inode_lock_shared(dir);
	dentry = alloc_parallel_noted(lane, cell, NULL);
	if (IS_ERR(dentry) || !d_in_lookup(dentry)) {
		note_answer(lane, stamp(), cell, dentry);
		goto out;
	}
	entry = number_entry(lane, dentry, cell);
	note(lane, stamp(), OP_OWN, cell, entry, 0);
	d_lookup_detach(dentry);
	call(lane);
	dget(dentry);
	note(lane, stamp(), OP_REF, cell, entry, 0);
	if (atomic_compare_exchange_strong(&stage.handed_over, &none, dentry)) {
		struct dentry *still = dentry;

		if (stage.pause)
			stage.pause();
		if (!atomic_compare_exchange_strong(&stage.handed_over, &still, NULL)) {
			call(lane);
			d_lock(dentry);
			d_wait_lookup(dentry);
			d_unlock(dentry);
			note(lane, stamp(), OP_ENDED, cell, entry, 0);
			hold(lane, dentry, entry);
			goto out;
		}
	}
	call(lane);
	dput(dentry);
	note(lane, stamp(), OP_PUT, cell, entry, 0);
	answer(lane, cell, dentry, how, arg);
out:
	if (stage.locked)
		inode_unlock_shared(dir);
}

void act_take_over(struct lane *lane, enum answer how, unsigned int arg)
{
	struct dentry *dentry = atomic_exchange(&stage.handed_over, NULL);

	if (dentry)
		answer(lane, stage.cell_of[entry_number(dentry)], dentry, how, arg);
}

/* ---- changing ---- */

void act_add(struct lane *lane, unsigned int cell, bool positive)
{
	struct inode *dir = d_inode(cell_parent(cell));
	struct qstr name = cell_name(cell);
	struct inode *inode = NULL;
	struct dentry *dentry;
	uint32_t number = 0;
	uint16_t entry;

	inode_lock(dir);
	call(lane);
	dentry = d_alloc(cell_parent(cell), &name);
	entry = number_entry(lane, dentry, cell);
	if (positive)
		inode = new_file(lane, &number);
	if (d_add(dentry, inode)) {
		note(lane, stamp(), OP_TAKEN, cell, 0, 0);
		d_set_fsdata(dentry, NULL);
		dput(dentry);
		inode_unlock(dir);
		return;
	}
	note(lane, stamp(), OP_PLAIN_ADD, cell, entry, number);
	inode_unlock(dir);
	hold(lane, dentry, entry);
}

void act_shrink(struct lane *lane, unsigned int nr)
{
	call(lane);
	lane->shrinking = true;
	shrink_dcache(stage.dc, nr);
	lane->shrinking = false;
	note(lane, stamp(), OP_SHRINK, 0, 0, 0);
}

void act_read(struct lane *lane, unsigned int i)
{
	const struct held *held = &lane->held[i];
	struct inode *inode;

	call(lane);
	inode = d_inode(held->dentry);
	note(lane, stamp(), OP_READ, held->cell, held->entry,
	     inode ? (uint32_t)inode_number(inode) : 0);
}

void act_is_hashed(struct lane *lane, unsigned int i)
{
	const struct held *held = &lane->held[i];
	bool hashed;

	call(lane);
	d_lock(held->dentry);
	hashed = !d_unhashed(held->dentry);
	d_unlock(held->dentry);
	note(lane, stamp(), OP_HASHED, held->cell, held->entry, hashed);
}

void act_drop(struct lane *lane, unsigned int i)
{
	const struct held *held = &lane->held[i];

	call(lane);
	d_drop(held->dentry);
	note(lane, stamp(), OP_DROP, held->cell, held->entry, 0);
}

/* Nothing is below a file. */
void act_invalidate(struct lane *lane, unsigned int i)
{
	const struct held *held = &lane->held[i];
	int err;

	if (is_directory(held->entry))
		return;
	call(lane);
	err = d_invalidate(held->dentry);
	/* Refused: nothing that the model allows. */
	note(lane, stamp(), err ? OP_HIT : OP_DROP, held->cell, err ? 0 : held->entry, 0);
}

/* The call that has ended may have overtaken a lookup before what it did could be seen. */
static void note_doubt(struct lane *lane, uint32_t end, const struct held *held)
{
	note(lane, end, OP_DOUBT, held->cell, held->entry, 0);
}

void act_delete(struct lane *lane, unsigned int i)
{
	const struct held *held = &lane->held[i];
	uint32_t end;

	if (is_directory(held->entry))
		return;
	call(lane);
	d_delete(held->dentry);
	end = stamp();
	note(lane, end, OP_DELETE, held->cell, held->entry, 0);
	note_doubt(lane, end, held);
}

/* Hash a held entry again by @publish; @otherwise: what it means if that is refused, and not since the
 * name is taken. */
static void publish_again(struct lane *lane, unsigned int i, int (*publish)(struct dentry *),
			  int otherwise)
{
	const struct held *held = &lane->held[i];
	struct inode *dir = d_inode(cell_parent(held->cell));
	int err;

	if (is_directory(held->entry))
		return;
	inode_lock(dir);
	call(lane);
	err = publish(held->dentry);
	note(lane, stamp(),
	     !err	      ? OP_REHASH
	     : err == -EEXIST ? OP_TAKEN
			      : otherwise,
	     held->cell, held->entry, 0);
	inode_unlock(dir);
}

void act_rehash(struct lane *lane, unsigned int i)
{
	publish_again(lane, i, d_rehash, OP_REHASH_ENDED);
}

static int add_nothing(struct dentry *dentry)
{
	return d_add(dentry, NULL);
}

void act_add_again(struct lane *lane, unsigned int i)
{
	publish_again(lane, i, add_nothing, OP_REFUSED);
}

void act_instantiate(struct lane *lane, unsigned int i)
{
	const struct held *held = &lane->held[i];
	struct inode *inode;
	uint32_t number, end;
	int err;

	if (is_directory(held->entry))
		return;
	inode = new_file(lane, &number);
	call(lane);
	err = d_instantiate(held->dentry, inode);
	end = stamp();
	if (err) {
		note(lane, end, OP_POSITIVE, held->cell, held->entry, 0);
	} else {
		note(lane, end, OP_INSTANTIATE, held->cell, held->entry, number);
		note_doubt(lane, end, held);
	}
}

void act_obtain(struct lane *lane, unsigned int i)
{
	struct held held = lane->held[i];
	struct inode *inode = d_inode(held.dentry);
	struct dentry *dentry;

	if (!inode || is_directory(held.entry))
		return;
	ihold(inode);
	act_put(lane, i);
	call(lane);
	dentry = d_obtain_alias(inode);
	/* A new one, without a name or a number, if the old one is gone. */
	if (entry_number(dentry)) {
		note(lane, stamp(), OP_ALIAS, held.cell, entry_number(dentry), 0);
		hold(lane, dentry, entry_number(dentry));
	} else {
		dput(dentry);
	}
}

/* ---- places ---- */

void act_parent(struct lane *lane, unsigned int i)
{
	const struct held *held = &lane->held[i];
	struct dentry *parent;
	unsigned int dir;

	call(lane);
	parent = dget_parent(held->dentry);
	for (dir = 0; dir < HISTORY_DIRS && stage.dirs[dir] != parent; dir++)
		;
	note(lane, stamp(), OP_PARENT, held->cell, held->entry, dir);
	dput(parent);
}

void act_replace(struct lane *lane, unsigned int i, unsigned int dir)
{
	const struct held *held = &lane->held[i];
	struct inode *names_of = d_inode(cell_parent(held->cell));
	int err;

	if (is_directory(held->entry))
		return;
	inode_lock(names_of);
	call(lane);
	err = d_move(stage.dirs[dir], held->dentry);
	note(lane, stamp(), err ? OP_NO_REPLACE : OP_REPLACE, held->cell, dir, (uint32_t)err);
	lane->ops[lane->nr - 1].entry2 = held->entry;
	inode_unlock(names_of);
}

void act_exchange(struct lane *lane, unsigned int a, unsigned int b)
{
	int err;

	call(lane);
	err = d_exchange(stage.dirs[a], stage.dirs[b]);
	note(lane, stamp(), err ? OP_NO_EXCHANGE : OP_EXCHANGE, 0, a, (uint32_t)err);
	lane->ops[lane->nr - 1].entry2 = (uint16_t)b;
}

/* The names of a path, as OP_PATH has them; 0: it is none. */
static uint32_t path_names(const char *path)
{
	uint32_t value = 0;

	while (*path == '/') {
		size_t len = strcspn(++path, "/");
		uint32_t i;

		for (i = 0; i < CELL_NAMES; i++) {
			if (strlen(names[i]) == len && !memcmp(names[i], path, len))
				break;
		}
		if (i == CELL_NAMES)
			return 0;
		value = value << 4 | (i + 1);
		path += len;
	}
	return value;
}

void act_path(struct lane *lane, unsigned int i)
{
	const struct held *held = &lane->held[i];
	char path[512];
	uint32_t end;
	int len;

	call(lane);
	len = dentry_path(held->dentry, path, sizeof(path));
	end = stamp();
	note(lane, end, OP_PATH, held->cell, held->entry, len > 0 ? path_names(path) : 0);
}
