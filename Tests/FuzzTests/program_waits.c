/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls that may sleep, each on a fiber. What the oracle knows of such a call goes forward, by the
 * actor's advance(), whenever the call is seen: as it falls asleep, as it asks the backend, and when
 * it returns.
 */
#include <stdlib.h>
#include <string.h>

#include "program.h"

struct queue_head *shared_heads[FLOOR_THREADS];
struct m_inode *held[FLOOR_THREADS];
bool held_writer[FLOOR_THREADS];
int revalidation;

struct queue_head *pick_head(int thread, uint8_t how)
{
	struct queue_head *head;

	if (how % 3 == 0)
		return NULL;
	if (how % 3 == 1 && shared_heads[thread]) {
		shared_heads[thread]->users++;
		return shared_heads[thread];
	}
	head = malloc(sizeof(*head));
	if (!head)
		die("no memory");
	init_waitqueue_head(&head->head);
	head->users = 1;
	if (how % 3 == 1)
		shared_heads[thread] = head;
	return head;
}

void queue_head_put(struct queue_head *head)
{
	int i;

	if (!head || --head->users)
		return;
	for (i = 0; i < FLOOR_THREADS; i++) {
		if (shared_heads[i] == head)
			shared_heads[i] = NULL;
	}
	free(head);
}

static void own(int thread, struct m_entry *entry, struct queue_head *head)
{
	entry->in_lookup = true;
	entry->owner = thread;
	entry->wq = head;
	if (head)
		head->users++;
	oracle.started++;
}

/* The entry that a call says is the caller's to ask for. */
struct m_entry *owned(int thread, struct dentry *real, struct queue_head *head)
{
	const struct actor *actor = &oracle.actors[thread];
	struct m_entry *entry;

	CHECK(!IS_ERR_OR_NULL(real) && d_in_lookup(real));
	entry = m_new(real, actor->dir, actor->name);
	own(thread, entry, head);
	return entry;
}

void fiber_parallel(int thread)
{
	struct call *call = &calls[thread];
	struct actor *actor = &oracle.actors[thread];
	struct errors errors = { 0 };
	struct dentry *real;

	dir_errors(&errors, call->dir);
	name_errors(&errors, &call->name);
	if (!errors.n) {
		asking_begin(thread, call->dir, m_name(&call->name), NULL);
		asking_step(thread);
	}
	say("d_alloc_parallel(%d, '%.*s')...", number_of(call->dir),
	    errors.n ? 0 : (int)call->name.len, call->name.name);
	real = d_alloc_parallel(call->dir->real, &call->name,
				call->head ? &call->head->head : NULL);
	say("... = %ld", outcome(real));
	if (!failed(&errors, real)) {
		asking_step(thread);
		if (actor->state == ASKING_OWN) {
			if (!ran_out(real))
				keep(owned(thread, real, call->head));
		} else if (actor->state == ASKING_FOUND) {
			checks(real, actor->found);
			keep(actor->found);
		} else if (actor->state == ASKING_ERROR) {
			CHECK(PTR_ERR(real) == actor->error);
		} else {
			die("returns before it is told");
		}
	}
	queue_head_put(call->head);
	put_entry(call->dir);
}

void advance_wait(int thread)
{
	(void)thread;
}

void fiber_wait(int thread)
{
	struct call *call = &calls[thread];
	struct actor *actor = &oracle.actors[thread];
	struct m_entry *entry = call->entry;

	/* The reference, its own, was taken by the caller. */
	if (entry->in_lookup) {
		actor->waits = entry;
		actor->told = false;
		actor->outdated = false;
		actor->error = 0;
		entry->nr_waiters++;
	}
	say("d_wait_lookup(%d)...", number_of(entry));
	d_lock(entry->real);
	d_wait_lookup(entry->real);
	d_unlock(entry->real);
	say("... returns");
	if (actor->waits) {
		if (!actor->told)
			die("returns before it is told");
		if (actor->alias)
			m_put(actor->alias);
		actor->waits = NULL;
	}
	put_entry(entry);
}

void fiber_lock(int thread)
{
	struct call *call = &calls[thread];
	struct actor *actor = &oracle.actors[thread];

	m_lock(thread, call->inode, call->kind);
	say("inode_lock(%ld, %s)...", (long)(call->inode - oracle.inodes), call->kind ? "w" : "r");
	if (call->kind)
		inode_lock(call->inode->real);
	else
		inode_lock_shared(call->inode->real);
	say("... has it");
	if (!actor->granted)
		die("has a lock that is held");
	held[thread] = call->inode;
	held_writer[thread] = call->kind;
}

/* ---- d_add_ci() ---- */

/* Until there is an entry to splice, or the answer, or a wait. */
void advance_ci(int thread)
{
	struct actor *actor = &oracle.actors[thread];
	struct m_entry *found;

	for (;;) {
		if (actor->holder) {
			asking_step(thread);
			if (actor->state == ASKING_ERROR && actor->shared) {
				asking_begin(thread, actor->dir, actor->name, actor->holder);
				continue;
			}
		} else {
			found = m_hashed(actor->dir, actor->name);
			actor->found = found ? m_get(found) : NULL;
			actor->state = found ? ASKING_FOUND : ASKING_OWN;
		}
		if (actor->state != ASKING_FOUND || actor->found->inode)
			return;
		/* The file has been seen: what says that it is not there is out of date. */
		found = actor->found;
		m_unhash(found);
		m_put(found);
		asking_begin(thread, actor->dir, actor->name, actor->holder);
	}
}

/* The answer, referenced; or *@error. */
static struct m_entry *add_ci(int thread, struct call *call, struct m_entry *entry, int *error)
{
	struct actor *actor = &oracle.actors[thread];
	void (*was)(int) = actor->advance;
	struct m_entry *parent = entry->parent, *moved = NULL, *result = NULL;
	struct m_name name = m_name(&call->name);
	struct errors errors = { 0 };
	bool was_in_lookup = entry->in_lookup, onto_itself = false;
	struct dentry *real;
	uint32_t generation;

	*error = 0;
	actor->state = ASKING_ERROR;
	if (IS_ERR(call->real_inode)) {
		add_error(&errors, (int)PTR_ERR(call->real_inode));
	} else {
		if (!call->inode || parent == entry)
			add_error(&errors, -EINVAL);
		name_errors(&errors, &call->name);
		onto_itself = !errors.n && m_equal(name, m_name_of(entry));
		if (onto_itself) {
			splice(&errors, call, entry, parent, m_name_of(entry), &moved);
			splice_lists(call, entry, moved);
		} else if (!errors.n) {
			actor->advance = advance_ci;
			asking_begin(thread, parent, name, was_in_lookup ? entry : NULL);
			advance_ci(thread);
		}
	}
	entry->busy = true;
	say("d_add_ci(%d, inode %ld, '%.*s')...", number_of(entry),
	    call->inode ? (long)(call->inode - oracle.inodes) : -1, errors.n ? 0 : (int)name.len,
	    name.bytes);
	real = d_add_ci(entry->real, call->real_inode, &call->name);
	say("... = %ld", outcome(real));
	entry->busy = false;
	actor->advance = was;
	if (failed(&errors, real)) {
		if (onto_itself)
			not_added(entry, call->inode);
		m_inode_put(call->inode);
		*error = (int)PTR_ERR(real);
		return NULL;
	}
	if (onto_itself) {
		if (moved) {
			checks(real, moved);
			spliced(moved, entry, entry->in_lookup, parent, m_name_of(entry),
				entry->generation);
			m_inode_put(call->inode);
			return moved;
		}
		checks(real, entry);
		m_publish(entry, call->inode);
		return m_get(entry);
	}
	actor->advance = advance_ci;
	if (actor->state == ASKING_PARKED)
		advance_ci(thread);
	actor->advance = was;
	actor->holder = NULL;
	switch (actor->state) {
	case ASKING_FOUND:
		checks(real, actor->found);
		m_inode_put(call->inode);
		return actor->found;
	case ASKING_ERROR:
		CHECK(PTR_ERR(real) == actor->error);
		m_inode_put(call->inode);
		*error = actor->error;
		return NULL;
	case ASKING_OWN:
		break;
	default:
		die("returns before it is told");
	}
	if (ran_out(real)) {
		m_inode_put(call->inode);
		*error = -ENOMEM;
		return NULL;
	}
	oracle.started += was_in_lookup;
	/* What the directory had may be what was evicted for the new entry. */
	oracle_adopt_before_splice(parent);
	splice(&errors, call, NULL, parent, name, &moved);
	generation = parent->inode->generation;
	if ((int32_t)(entry->generation - generation) < 0)
		generation = entry->generation;
	if (errors.n) {
		CHECK(failed(&errors, real));
		not_added(entry, call->inode);
		m_inode_put(call->inode);
		/* The helper's lookup fails, too. */
		oracle.overtaken += was_in_lookup && generation != parent->inode->generation;
		oracle.unknown_deaths++;
		*error = (int)PTR_ERR(real);
		return NULL;
	}
	if (moved) {
		checks(real, moved);
		spliced(moved, NULL, was_in_lookup, parent, name, generation);
		m_inode_put(call->inode);
		oracle.unknown_deaths++;
		return moved;
	}
	CHECK(!IS_ERR_OR_NULL(real));
	result = m_new(real, parent, name);
	m_outdate(result, generation);
	m_list(result);
	if (was_in_lookup && m_stale(result)) {
		m_found_late(parent->inode);
		m_set_inode(result, call->inode);
		result->ended = result->overtaken = true;
	} else {
		m_publish(result, call->inode);
	}
	return result;
}

void fiber_add_ci(int thread)
{
	struct call *call = &calls[thread];
	int error;
	struct m_entry *result = add_ci(thread, call, call->entry, &error);

	if (result)
		keep(result);
	/* The program may have put its own reference meanwhile: somebody must end the lookup. */
	if (call->entry->in_lookup && call->entry->refs - 1 == call->entry->nr_waiters)
		keep(call->entry);
	else
		put_entry(call->entry);
}

/* ---- lookup_one_unlocked(), lookup_slow(), __lookup_slow() ---- */

/* The call has found an entry, which is not asked about: may it be the answer? */
static bool is_answer(const struct call *call, const struct actor *actor)
{
	return actor->joined || !m_stale(actor->found) ||
	       (call->again && (int32_t)(actor->found->generation - call->begun) >= 0);
}

static void not_true(struct actor *actor, struct m_inode *dir)
{
	m_not_true(actor->found, dir);
	m_put(actor->found);
	actor->found = NULL;
}

void advance_lookup(int thread)
{
	struct call *call = &calls[thread];
	struct actor *actor = &oracle.actors[thread];
	struct m_entry *found;

	if (call->stage == FIRST) {
		if (actor->found)
			return;
		found = m_hashed(call->dir, m_name(&call->name));
		if (found) {
			actor->found = m_get(found);
			if (revalidates || !m_stale(found))
				return;
			not_true(actor, NULL);
		}
		call->stage = LOCK;
		if (call->locks)
			m_lock(thread, call->dir->inode, false);
		else
			actor->granted = true;
	}
	if (call->stage == LOCK) {
		if (!actor->granted)
			return;
		call->stage = ASK;
		call->begun = call->dir->inode->generation;
		call->again = false;
		asking_begin(thread, call->dir, m_name(&call->name), NULL);
	}
	while (call->stage == ASK) {
		asking_step(thread);
		if (actor->state != ASKING_FOUND || revalidates || is_answer(call, actor))
			return;
		not_true(actor, NULL);
		call->again = true;
		asking_begin(thread, call->dir, m_name(&call->name), NULL);
	}
}

int revalidate(struct dentry *dentry, unsigned int flags)
{
	int thread = floor_thread(), answer = revalidation;
	struct call *call = &calls[thread];
	struct actor *actor = &oracle.actors[thread];
	struct m_entry *found;

	CHECK(flags == 0x55);
	if (!answer)
		floor_fail_allocation(0);
	if (walking())
		return walk_revalidate(dentry);
	advance_lookup(thread);
	CHECK(call->stage == FIRST || (call->stage == ASK && actor->state == ASKING_FOUND));
	found = actor->found;
	CHECK(found && found->real == dentry);
	say("d_revalidate(%d) = %d", number_of(found), answer);
	revalidation = 1;
	if (answer > 0) {
		/* The generation says nothing of an alias that is elsewhere. */
		if (found->parent == call->dir)
			m_renew(found, call->dir->inode->generation);
		call->answer = found;
		call->stage = DONE;
		return answer;
	}
	if (answer < 0) {
		call->error = answer;
		call->stage = DONE;
		m_put(found);
		return answer;
	}
	not_true(actor, call->dir->inode);
	if (call->stage == FIRST)
		advance_lookup(thread);
	else
		asking_begin(thread, call->dir, m_name(&call->name), NULL);
	return 0;
}

struct dentry *backend_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	int thread = floor_thread(), error = 0;
	struct call *call = &calls[thread];
	struct actor *actor = &oracle.actors[thread];
	struct m_entry *entry, *other = NULL;
	uint8_t b;

	CHECK(flags == 0x55);
	if (walking())
		return walk_backend(dir, dentry);
	b = byte();
	advance_lookup(thread);
	CHECK(call->stage == ASK && actor->state == ASKING_OWN);
	oracle_settle(false);
	oracle_before_eviction();
	CHECK(dir == call->dir->inode->real);
	CHECK(!call->dir->inode->complete);
	call->stage = BACKEND;
	entry = owned(thread, dentry, NULL);
	call->owned = entry;
	entry->busy = true;
	floor_fail_allocation(0);
	say("the backend is asked for %d: %d", number_of(entry), b);
	if (b & 0x80)
		floor_pause();
	entry->busy = false;
	switch (b & 15) {
	case 0:
	case 1:
	case 2:
		call->entry = entry;
		pick_inode(call);
		op_add(call, 0);
		break;
	case 3:
		error = -EIO;
		break;
	case 4:
		break;
	case 5:
	case 6:
		other = pick_entry();
		if (other)
			get_entry(other);
		break;
	case 7:
	case 8:
		pick_inode(call);
		other = op_splice(call, entry, &error);
		break;
	case 9:
	case 10:
	case 11: {
		struct qstr asked = call->name, stored = pick_name();

		pick_inode(call);
		call->name = stored;
		other = add_ci(thread, call, entry, &error);
		call->name = asked;
		break;
	}
	case 12:
	case 13:
		op_end(entry, b & 15 & 3, byte());
		break;
	case 14:
		op_end(entry, 3, byte());
		break;
	default:
		other = get_entry(entry);
		break;
	}
	actor->holder = NULL;
	call->error = error;
	call->answer = other;
	return error ? ERR_PTR(error) : other ? other->real : NULL;
}

/*
 * The backend was not asked for a name that is not cached, so @dir must be complete, and there is a
 * negative entry now, which nobody has seen. @put: and nobody has; NULL: so it was not kept.
 */
struct m_entry *said_absent(struct m_entry *dir, struct m_name name, bool put)
{
	struct m_entry *entry;

	/* What was evicted for that entry may have been a name of the directory. */
	oracle_adopt();
	if (!dir->inode->complete)
		die("the backend is not asked");
	oracle.started++;
	if (put && (dir->marked || name.bytes[0] == 'x')) {
		oracle.unknown_deaths++;
		return NULL;
	}
	entry = m_new(unseen(dir, name), dir, name);
	m_list(entry);
	m_publish(entry, NULL);
	return entry;
}

/* The backend has answered: what becomes of the lookup. */
static void after_backend(struct call *call)
{
	struct m_entry *entry = call->owned;

	if (call->error) {
		if (entry->in_lookup)
			m_answer(entry, call->error, NULL);
		m_put(entry);
	} else if (!call->answer) {
		if (entry->in_lookup)
			m_answer(entry, 0, entry);
		call->answer = entry;
	} else {
		if (entry->in_lookup && call->answer != entry && !call->answer->in_lookup)
			m_answer(entry, 0, call->answer);
		else if (entry->in_lookup)
			m_end(entry, 0, NULL);
		m_put(entry);
	}
	call->stage = DONE;
}

void fiber_lookup(int thread)
{
	struct call *call = &calls[thread];
	struct actor *actor = &oracle.actors[thread];
	struct errors errors = { 0 };
	struct dentry *real;

	dir_errors(&errors, call->dir);
	name_errors(&errors, &call->name);
	if (call->name.name && ((call->name.len == 1 && !memcmp(call->name.name, ".", 1)) ||
				(call->name.len == 2 && !memcmp(call->name.name, "..", 2))))
		add_error(&errors, -EINVAL);
	if (call->dir->inode && !call->dir->inode->backend)
		add_error(&errors, -EOPNOTSUPP);
	call->stage = call->kind ? LOCK : FIRST;
	call->locks = call->kind != 2;
	call->answer = NULL;
	call->error = 0;
	actor->found = NULL;
	if (errors.n) {
		/* It may wait for the lock first. */
		if (call->dir->inode && (call->dir->inode->writer || call->dir->inode->queued)) {
			put_entry(call->dir);
			return;
		}
	} else {
		actor->granted = true;
		if (call->kind == 1)
			m_lock(thread, call->dir->inode, false);
		advance_lookup(thread);
	}
	say("lookup kind %d(%d, '%.*s')...", call->kind, number_of(call->dir),
	    errors.n ? 0 : (int)call->name.len, call->name.name);
	real = call->kind == 0	 ? lookup_one_unlocked(call->dir->real, &call->name, 0x55)
	       : call->kind == 1 ? lookup_slow(call->dir->real, &call->name, 0x55)
				 : __lookup_slow(call->dir->real, &call->name, 0x55);
	say("... = %ld", outcome(real));
	if (errors.n) {
		CHECK(failed(&errors, real));
		put_entry(call->dir);
		return;
	}
	if (call->stage == BACKEND) {
		after_backend(call);
	} else if (call->stage != DONE) {
		advance_lookup(thread);
		if (!actor->granted)
			die("does not wait for the directory's lock");
		if (call->stage == FIRST || actor->state == ASKING_FOUND) {
			CHECK(actor->found && !revalidates);
			call->answer = actor->found;
		} else if (actor->state == ASKING_ERROR) {
			call->error = actor->error;
		} else if (actor->state == ASKING_OWN && floor_allocation_failed()) {
			call->error = -ENOMEM;
			floor_fail_allocation(0);
		} else if (actor->state == ASKING_OWN) {
			call->answer = said_absent(call->dir, m_name(&call->name), false);
		} else {
			die("returns without having asked");
		}
	}
	if (call->locks && actor->lock == call->dir->inode)
		m_unlock(call->dir->inode, false);
	if (call->error) {
		CHECK(PTR_ERR(real) == call->error);
	} else {
		checks(real, call->answer);
		keep(call->answer);
	}
	put_entry(call->dir);
}
