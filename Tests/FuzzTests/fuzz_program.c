/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A fuzzer of programs: libFuzzer's bytes are calls of the public API, the oracle says what each
 * must answer and what must be there afterwards.
 *
 * The core runs on floor.c: three threads that are fibers of one, so calls that wait for others
 * (d_alloc_parallel(), d_wait_lookup(), d_add_ci(), lookup operations that take their time,
 * directories' locks) do wait, and are let go when the bytes say so.
 *
 * An input: two bytes of settings, then calls: a byte that names the call, one that says by which
 * thread, then its arguments. Programs are correct ones, in the sense that they break no rule that
 * the headers state as the caller's duty; wrong arguments whose answer is defined are theirs. A
 * call that would break a rule is passed over. Built without DCACHE_DEBUG, also those diagnosed by
 * a checked build are made whose outcome in a release build is defined.
 *
 * Inputs whose second byte has MANY_CALLS have a second set of calls: those whose first byte has
 * MORE (more_calls()). In other inputs that bit is an argument of the first set's.
 *
 * With DCACHE_FUZZ_TRACE set the calls are printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
const char *__asan_default_options(void);

#define MAX_CALLS 150
/* One call makes no more entries than this, and no more handles. */
#define ENTRIES_A_CALL 8
#define SPARE_HANDLES 5

#define MANY_CALLS 0x20
#define MORE 0x40

static long fail_next; /* allocation of the next call */

/* A read section of a thread, and what it found there. */
static struct {
	bool open;
	struct m_entry *found;
	uint32_t seq;
	unsigned int changes;
} sections[FLOOR_THREADS];

/* ---- read sections ---- */

static void op_section(int thread, uint8_t how)
{
	struct m_entry *found = sections[thread].found;

	if (!sections[thread].open) {
		struct m_entry *dir = pick_dir();
		struct qstr name = pick_name();
		struct errors errors = { 0 };
		struct dentry *real;

		if (!dir)
			return;
		dcache_read_lock();
		sections[thread].open = true;
		name_errors(&errors, &name);
		found = errors.n ? NULL : m_hashed(dir, m_name(&name));
		real = d_lookup_rcu(dir->real, &name, &sections[thread].seq);
		say("begins a section, finds %d", number_of(found));
		CHECK(real == (found ? found->real : NULL));
		sections[thread].found = found;
		sections[thread].changes = found ? found->changes : 0;
		return;
	}
	if (found) {
		bool changed = found->changes != sections[thread].changes;
		char name[DCACHE_NAME_MAX + 1];

		CHECK(d_seq_retry(found->real, sections[thread].seq) == changed);
		/* Its memory is there. */
		CHECK(d_name_copy(found->real, name, sizeof(name)) == (int)found->len);
		CHECK(!memcmp(name, found->name, found->len));
		CHECK(!changed ? d_inode(found->real) == (found->inode ? found->inode->real : NULL)
			       : true);
		if (how & 1) {
			bool got = dget_rcu(found->real, sections[thread].seq);

			say("dget_rcu(%d) = %d", number_of(found), got);
			CHECK(got == !changed);
			if (got)
				keep(m_get(found));
		}
	}
	if (how & 2) {
		say("ends its section");
		sections[thread].open = false;
		dcache_read_unlock();
	}
}

/* ---- the rest ---- */

static void op_put(struct m_entry *entry, int slot)
{
	if (entry->in_lookup && entry->refs - 1 == entry->nr_waiters) {
#ifdef DCACHE_DEBUG
		return;
#else
		/* Nobody is left to end it: the lookup ends, a waiter will be the owner. */
		say("dput(%d), which is in-lookup", number_of(entry));
		handles[slot] = NULL;
		dput(entry->real);
		m_end(entry, 0, NULL);
		m_put(entry);
		return;
#endif
	}
	say("dput(%d)", number_of(entry));
	handles[slot] = NULL;
	put_entry(entry);
}

/* Nothing happens but that the reference is given away. Where there are limits, whoever makes an entry
 * does some of what waits, and how much is not the contracts' to say: not called there. */
static void op_put_later(struct m_entry *entry, int slot)
{
	bool ends = entry->in_lookup && entry->refs - 1 == entry->nr_waiters;

	if (oracle.nr_puts == MAX_PUTS || limit_max(&oracle.dc->counters, LIMIT_ENTRIES))
		return;
#ifdef DCACHE_DEBUG
	if (ends)
		return;
#endif
	say("dput_deferred(%d)%s", number_of(entry), ends ? ", which is in-lookup" : "");
	handles[slot] = NULL;
	dput_deferred(entry->real);
	if (ends)
		m_end(entry, 0, NULL);
	m_put_later(entry);
}

static void op_inode_put_later(int slot)
{
	struct m_inode *inode = inode_handles[slot];

	if (!inode || inode->foreign || oracle.nr_iputs == MAX_PUTS ||
	    limit_max(&oracle.dc->counters, LIMIT_ENTRIES))
		return;
	say("iput_deferred");
	inode_handles[slot] = NULL;
	iput_deferred(inode->real);
	m_inode_put_later(inode);
}

static void op_shrink(size_t nr)
{
	size_t freed, evicted, left = 0;
	int i;

	oracle_before_eviction();
	freed = shrink_dcache(oracle.dc, nr);
	say("shrink_dcache(%zu) = %zu", nr, freed);
	evicted = oracle_settle(true);
	CHECK(freed == evicted && freed <= nr);
	for (i = 0; i < oracle.nr_entries; i++)
		left += oracle.entries[i].alive && !oracle.entries[i].refs;
	if (freed < nr && left)
		die("shrink_dcache() leaves %zu that are unused", left);
}

static bool any_busy(void)
{
	int i;

	for (i = 0; i < FLOOR_THREADS; i++) {
		if (oracle.actors[i].busy || sections[i].open)
			return true;
	}
	return false;
}

static void op_barrier(void)
{
	if (any_busy())
		return;
	dcache_barrier(oracle.dc);
	m_run_deferred();
	say("dcache_barrier()");
}

/* In the midst of use: refused. */
static void op_destroy(void)
{
	uint64_t alive = 0, inodes = 0;
	int i, err;

	for (i = 0; i < oracle.nr_entries; i++)
		alive += oracle.entries[i].alive && oracle.entries[i].refs;
	for (i = 0; i < INODE_HANDLES; i++)
		inodes += !!inode_handles[i];
	if (any_busy() || (!alive && !inodes))
		return;
	oracle_before_eviction();
	err = dcache_destroy(oracle.dc);
	say("dcache_destroy() = %d", err);
	CHECK(err == -EBUSY);
	oracle.dying = true;
	m_run_deferred();
	oracle_settle(false);
	oracle.dying = false;
	for (i = 0; i < oracle.nr_entries; i++)
		CHECK(!oracle.entries[i].alive || oracle.entries[i].refs);
}

static void op_inode(uint8_t how)
{
	int slot = how % INODE_HANDLES;
	struct call call;

	if (inode_handles[slot]) {
		say("iput");
		iput(inode_handles[slot]->real);
		m_inode_put(inode_handles[slot]);
		inode_handles[slot] = NULL;
		return;
	}
	pick_inode(&call);
	inode_handles[slot] = call.inode;
}

static void op_unlock(int thread)
{
	struct m_inode *inode = held[thread];

	say("inode_unlock(%ld)", (long)(inode - oracle.inodes));
	held[thread] = NULL;
	if (held_writer[thread])
		inode_unlock(inode->real);
	else
		inode_unlock_shared(inode->real);
	m_unlock(inode, held_writer[thread]);
	iput(inode->real);
	m_inode_put(inode);
}

static void op_try_lock(int thread, struct m_inode *inode, bool writer)
{
	bool expected = m_try_lock(inode, writer);
	bool got = writer ? inode_trylock(inode->real) : inode_trylock_shared(inode->real);

	say("inode_trylock(%ld) = %d", (long)(inode - oracle.inodes), got);
	CHECK(got == expected);
	if (!got)
		return;
	ihold(inode->real);
	inode->refs++;
	held[thread] = inode;
	held_writer[thread] = writer;
}

static void asleep(int thread)
{
	struct actor *actor = &oracle.actors[thread];

	actor->advance(thread);
	if (actor->waits ? actor->told : !actor->lock || actor->granted)
		die("sleeps though there is nothing to wait for");
}

static void ended(int thread)
{
	memset(&oracle.actors[thread], 0, sizeof(oracle.actors[thread]));
}

static void run(int thread, void (*operation)(int), void (*advance)(int))
{
	struct actor *actor = &oracle.actors[thread];

	memset(actor, 0, sizeof(*actor));
	actor->busy = true;
	actor->advance = advance;
	oracle_before_eviction();
	if (floor_run(thread, operation))
		ended(thread);
}

static void resume(int thread)
{
	floor_act_as(thread);
	say("goes on");
	oracle_before_eviction();
	if (floor_resume(thread))
		ended(thread);
}

/* An inode that the program can be sure of: one that it holds, or an entry's. */
static struct m_inode *pick_held_inode(void)
{
	uint8_t b = byte();
	struct m_entry *entry = pick_where(any_entry, b);

	if (b >= 0xc0 && inode_handles[b % INODE_HANDLES])
		return inode_handles[b % INODE_HANDLES];
	return entry->inode;
}

static bool is_hashed(const struct m_entry *entry)
{
	return entry && entry->hashed;
}

static bool has_place(const struct m_entry *entry)
{
	return entry && entry->parent != entry;
}

/* Two entries that may have to do with each other; mostly such as can be moved. */
static bool pick_two(uint8_t what, struct m_entry **entry, struct m_entry **target)
{
	bool any = !(what & 0xa0);
	bool (*wanted)(const struct m_entry *) = any ? any_entry : what & 2 ? is_hashed : has_place;

	*entry = pick_where(wanted, byte());
	*target = pick_where(wanted, byte());
	return *entry && *target && !(*entry)->busy && !(*target)->busy;
}

/* One that is under way, if the first byte says so and there is one. */
static struct m_listing *pick_listing(uint8_t what, uint8_t who)
{
	int i = who >> 2 & 1;

	return &oracle.listings[(what & 32) && !oracle.listings[i].dir ? !i : i];
}

static bool limited; /* there is a limit of entries */

static void more_calls(int thread, uint8_t what, uint8_t who, struct m_entry **touched)
{
	struct m_listing *listing = pick_listing(what, who);
	struct call *call = &calls[thread];
	struct m_entry *other;
	int i;

	switch (what % 32) {
	case 0:
	case 1:
	case 2:
	case 3:
		if (!pick_two(what, &call->entry, &other))
			break;
		*touched = other->parent;
		floor_fail_allocation(0);
		if (what & 2)
			op_exchange(call->entry, other);
		else
			op_move(call->entry, other);
		break;
	case 4:
		op_shrink_parent(pick_entry());
		break;
	case 5:
	case 6:
		call->entry = pick_entry();
		*touched = call->entry->parent;
		op_invalidate(call->entry, what & 1);
		break;
	case 7:
		call->inode = pick_held_inode();
		if (call->inode && !call->inode->foreign)
			op_invalidate_inode(call->inode);
		break;
	case 8:
		call->dir = pick_dir();
		call->name = pick_name();
		*touched = call->dir;
		hash_maybe(call->dir, &call->name, who & 0x80);
		op_invalidate_name(call->dir, &call->name);
		break;
	case 9:
		*touched = pick_dir();
		op_invalidate_children(*touched);
		break;
	case 10:
		listing = &oracle.listings[who >> 2 & 1];
		if (!listing->dir)
			op_list_begin(listing, pick_dir());
		break;
	case 11:
	case 12:
	case 13:
		call->name = pick_name();
		pick_inode(call);
		if (!call->real_inode && (what & 0xa0)) {
			call->inode = make_inode(oracle.dc, what & 0x80, true);
			call->real_inode = call->inode ? call->inode->real : NULL;
		}
		*touched = listing->dir;
		op_list_add(listing, call);
		break;
	case 14:
		op_list_end(listing, what & 0xa0);
		break;
	case 15:
		call->dir = pick_dir();
		say("d_clear_complete(%d)", number_of(call->dir));
		d_clear_complete(call->dir->real);
		if (call->dir->inode)
			m_lose(call->dir->inode);
		break;
	case 16:
	case 17:
		call->entry = what & 32 ? pick_entry() : handles[0];
		op_visit(call->entry, what & 1, byte());
		break;
	case 18:
		call->inode = pick_held_inode();
		if (call->inode && !call->inode->foreign)
			op_aliases(call->inode, what >> 5 | (who & 2));
		break;
	case 19:
		call->entry = pick_entry();
		call->dir = what & 32 ? NULL : pick_entry();
		say("d_path(%d, %d)", number_of(call->entry), number_of(call->dir));
		oracle_check_place(call->entry, call->dir);
		break;
	case 20:
		op_barrier();
		break;
	case 21:
	case 22:
		pick_walk(thread);
		op_walk_rcu();
		break;
	case 24:
	case 25:
	case 26:
	case 27:
		op_async(thread, byte(), limited);
		*touched = call->dir;
		break;
	case 29: {
		struct d_lookup_request requests[BATCH_REQUESTS];
		struct m_entry *dirs[BATCH_REQUESTS];
		size_t n = (what >> 5 & 1) + (what >> 7) * 2 + 1, j;

		for (j = 0; j < n; j++) {
			dirs[j] = pick_dir();
			if (!dirs[j])
				return;
			requests[j] = (struct d_lookup_request){ dirs[j]->real, pick_name(), NULL,
								 0 };
			hash_maybe(dirs[j], &requests[j].name, who >> 7 && j % 2);
		}
		op_lookup_batch(requests, dirs, n);
		break;
	}
	case 30:
		if (what & 0x80) {
			op_inode_put_later((who >> 2) % INODE_HANDLES);
			break;
		}
		call->entry = pick_entry();
		for (i = HANDLES - 1; handles[i] != call->entry; i--)
			;
		if (i)
			op_put_later(handles[i], i);
		break;
	default:
		revalidation = who & 0x80 ? 0 : (who & 0x30) == 0x30 ? -ESTALE : 1;
		pick_walk(thread);
		run(thread, fiber_walk, advance_wait);
		break;
	}
}

/* One call. False: the program is over. */
static bool step(struct m_entry **touched)
{
	uint8_t what = byte(), who = byte();
	int thread = who % FLOOR_THREADS, i;
	struct call *call;

	/* Those who sleep do nothing else: go on, woken or not, or somebody else acts. */
	if (oracle.actors[thread].busy && !(who & 0x40)) {
		resume(thread);
		return true;
	}
	for (i = 0; oracle.actors[thread].busy && i < FLOOR_THREADS; i++)
		thread = (thread + 1) % FLOOR_THREADS;
	if (oracle.actors[thread].busy) {
		resume(thread);
		return true;
	}
	floor_act_as(thread);
	call = &calls[thread];
	memset(call, 0, sizeof(*call));
	if (sections[thread].open) {
		op_section(thread, what);
		return true;
	}
	/* What is not true is freed on many occasions, and some have nobody to tell that there was no
	 * memory to look for it. */
	floor_fail_allocation(oracle_doubts() ? 0 : fail_next);
	fail_next = 0;
	if (many_calls && (what & MORE)) {
		more_calls(thread, what, who, touched);
		return true;
	}
	switch (what % 32) {
	case 0:
	case 1:
		call->dir = pick_dir();
		call->name = pick_name();
		*touched = call->dir;
		hash_maybe(call->dir, &call->name, who & 0x80);
		op_alloc(call);
		break;
	case 2:
	case 3:
	case 4:
		call->entry = what & 32 ? pick_where(is_asked_for, byte()) : pick_entry();
		if (!call->entry || call->entry->busy)
			break;
		*touched = call->entry->parent;
		pick_inode(call);
		op_add(call, what % 32 == 4);
		break;
	case 5:
	case 6:
		call->dir = pick_dir();
		call->name = pick_name();
		*touched = call->dir;
		hash_maybe(call->dir, &call->name, who & 0x80);
		op_lookup(call, what & 1);
		break;
	case 7:
	case 8:
	case 9:
	case 10:
		call->dir = get_entry(pick_dir());
		call->name = pick_name();
		*touched = call->dir;
		hash_maybe(call->dir, &call->name, who & 0x80);
		call->head = pick_head(thread, what >> 5);
		run(thread, fiber_parallel, asking_step);
		break;
	case 11:
	case 12:
		call->entry = what & 32 ? pick_where(is_asked_for, byte()) : pick_entry();
		if (call->entry && !call->entry->busy) {
			*touched = call->entry->parent;
			op_end(call->entry, what >> 6, byte());
		}
		break;
	case 13:
		call->entry = what & 32 ? pick_where(is_asked_for, byte()) : pick_entry();
		if (call->entry && !call->entry->busy)
			op_end(call->entry, 3 + (what >> 6) % 2, byte());
		break;
	case 14:
		call->entry = what & 32 ? pick_where(is_asked_for, byte()) : pick_entry();
		if (!call->entry)
			break;
		get_entry(call->entry);
		run(thread, fiber_wait, advance_wait);
		break;
	case 15:
		call->entry = pick_entry();
		if (call->entry && free_handles() > SPARE_HANDLES)
			keep(get_entry(call->entry));
		break;
	case 16:
	case 17:
	case 18:
		call->entry = pick_entry();
		for (i = HANDLES - 1; handles[i] != call->entry; i--)
			;
		if (i)
			op_put(handles[i], i);
		break;
	case 19:
		call->entry = pick_entry();
		*touched = call->entry->parent;
		say("d_drop(%d)", number_of(call->entry));
		d_drop(call->entry->real);
		m_unhash(call->entry);
		break;
	case 20:
		call->entry = pick_entry();
		*touched = call->entry->parent;
		op_rehash(call->entry);
		break;
	case 21:
		call->entry = pick_entry();
		*touched = call->entry->parent;
		if (call->entry != &oracle.entries[0])
			op_delete(call->entry);
		break;
	case 22:
	case 23: {
		struct m_entry *moved;
		int error;

		call->entry = what & 32 ? pick_where(is_asked_for, byte()) : pick_entry();
		if (!call->entry || call->entry->busy)
			break;
		*touched = call->entry->parent;
		pick_inode(call);
		moved = op_splice(call, call->entry, &error);
		if (moved)
			keep(moved);
		break;
	}
	case 24:
	case 25:
		call->entry = what & 32 ? pick_where(is_asked_for, byte()) : pick_entry();
		if (!call->entry || call->entry->busy ||
		    (call->entry->in_lookup && call->entry->owner >= 0 &&
		     call->entry->owner != thread))
			break;
		*touched = call->entry->parent;
		pick_inode(call);
		call->name = pick_name();
		get_entry(call->entry);
		run(thread, fiber_add_ci, advance_ci);
		break;
	case 26:
		pick_inode(call);
		if (call->inode && call->inode->foreign) {
			drop_inode(call);
			break;
		}
		if (what & 32)
			op_obtain(call);
		else
			op_make_root(call);
		break;
	case 28:
		if (what & 0x80) {
			op_shrink(1 + byte() % 3);
			break;
		}
		/* fall through */
	case 27:
		call->dir = pick_dir();
		*touched = call->dir;
		if (held[thread] && call->dir->inode == held[thread])
			break;
		get_entry(call->dir);
		call->name = pick_name();
		hash_maybe(call->dir, &call->name, who & 0x80);
		call->kind = (what >> 5) % 3;
		revalidation = (what & 0x80) ? 0 : (who & 0x20) ? -ESTALE : 1;
		run(thread, fiber_lookup, advance_lookup);
		break;
	case 29:
		switch (what >> 5) {
		case 0:
			fail_next = 1 + who / FLOOR_THREADS % 4;
			break;
		case 1:
			op_shrink(byte() % 8);
			break;
		case 2:
			op_shrink(SIZE_MAX);
			break;
		case 3:
			op_barrier();
			break;
		case 4:
			op_destroy();
			break;
		default:
			floor_grace_period();
			break;
		}
		break;
	case 30:
		if (what & 0x80)
			op_section(thread, 0);
		else
			op_inode(who >> 2);
		break;
	default:
		if (held[thread]) {
			op_unlock(thread);
			break;
		}
		call->dir = pick_dir();
		if (!call->dir->inode)
			break;
		if (what & 0x80) {
			op_try_lock(thread, call->dir->inode, what & 32);
			break;
		}
		call->inode = call->dir->inode;
		call->dir = NULL;
		call->kind = what >> 5 & 1;
		ihold(call->inode->real);
		call->inode->refs++;
		run(thread, fiber_lock, advance_wait);
		break;
	}
	return true;
}

/* Nobody is to be left asleep: locks are let go, lookups ended, sections closed. */
static void let_all_go(void)
{
	bool more = true;
	int rounds = 0, i;

	for (i = 0; i < FLOOR_THREADS; i++) {
		if (sections[i].open) {
			floor_act_as(i);
			op_section(i, 2);
		}
	}
	while (more) {
		more = false;
		if (++rounds > 1000)
			die("there is no end to it");
		for (i = 0; i < FLOOR_THREADS; i++) {
			if (oracle.actors[i].busy && floor_woken(i)) {
				resume(i);
				requests_check();
				oracle_settle(false);
				oracle_check();
				more = true;
			}
		}
		floor_act_as(0);
		for (i = 0; i < HANDLES && !more; i++) {
			if (handles[i] && handles[i]->in_lookup && !handles[i]->busy) {
				op_end(handles[i], 0, 0);
				more = true;
			}
		}
		for (i = 0; i < FLOOR_THREADS && !more; i++) {
			if (held[i]) {
				op_unlock(i);
				more = true;
			}
		}
		requests_check();
		oracle_settle(false);
		oracle_check();
		/* Not one that a thread which sleeps may yet need. */
		for (i = 0; i < HANDLES && free_handles() < SPARE_HANDLES; i++) {
			if (handles[i] && !handles[i]->in_lookup)
				op_put(handles[i], i);
		}
		oracle_settle(false);
	}
	requests_end();
	for (i = 0; i < FLOOR_THREADS; i++) {
		if (oracle.actors[i].busy)
			die("T%d sleeps for ever", i);
	}
	for (i = 0; i < LISTINGS; i++)
		op_list_end(&oracle.listings[i], true);
}

/* ... of an instance that may have been released: its thread does what was deferred. */
static void grace_period(void)
{
	floor_grace_period();
	if (oracle.dying)
		m_run_deferred();
}

static void take_down(bool release, uint64_t bytes)
{
	struct dcache_stats stats;
	int i;

	floor_act_as(0);
	floor_fail_allocation(0);
	if (release) {
		say("dcache_release()");
		dcache_release(oracle.dc);
		oracle.dying = true;
	}
	for (i = 0; i < HANDLES; i++) {
		if (!handles[i])
			continue;
		oracle_before_eviction();
		op_put(handles[i], i);
		if (release && i % 4 == 1)
			grace_period();
		oracle_settle(false);
	}
	for (i = 0; i < INODE_HANDLES; i++) {
		if (inode_handles[i]) {
			iput(inode_handles[i]->real);
			m_inode_put(inode_handles[i]);
			inode_handles[i] = NULL;
		}
	}
	oracle.dying = true;
	if (release) {
		if (!floor_released_instance_is_gone())
			oracle_before_eviction();
		for (i = 0; i < 10 && !floor_released_instance_is_gone(); i++)
			grace_period();
		CHECK(floor_released_instance_is_gone());
	} else {
		oracle_before_eviction();
		floor_grace_period();
		dcache_barrier(oracle.dc);
		m_run_deferred();
		shrink_dcache(oracle.dc, SIZE_MAX);
		floor_finish_resizes(oracle.dc);
		dcache_barrier(oracle.dc);
		dcache_get_stats(oracle.dc, &stats);
		CHECK(stats.bytes == bytes && !stats.pending_frees && !stats.unused);
		CHECK(!dcache_destroy(oracle.dc));
	}
	oracle_settle(false);
	if (foreign)
		CHECK(!dcache_destroy(foreign));
	foreign = NULL;
	for (i = 0; i < oracle.nr_entries; i++)
		CHECK(!oracle.entries[i].alive);
	for (i = 0; i < oracle.nr_inodes; i++)
		CHECK(oracle.inodes[i].evicted == 1 && oracle.inodes[i].released == 1);
	CHECK(!floor_live());
}

static void set_up(uint8_t settings, uint8_t more, uint64_t *bytes)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache_stats stats;
	struct m_inode *inode;
	struct m_entry *root;
	struct dentry *real;

	floor_begin();
	floor_free_at_once(!(settings & 1));
	oracle_begin();
	oracle.folds = settings & 2;
	revalidates = settings & 4;
	crowded = settings & 0x80;
	limited = settings & 0x40;
	requests_begin();
	many_calls = more & MANY_CALLS;
	set_operations();
	opts.d_op = &operations;
	opts.hash_buckets = (size_t)2 << (settings >> 3 & 3);
	opts.in_lookup_buckets = (size_t)2 << (settings >> 5 & 1);
	opts.max_entries = settings & 0x40 ? 1 + more % 16 : 0;
	opts.seed = 1;
	CHECK(!dcache_create(&opts, &oracle.dc));
	dcache_get_stats(oracle.dc, &stats);
	*bytes = stats.bytes;
	if (more & 0x40)
		CHECK(!dcache_create(&opts, &foreign));
	memset(handles, 0, sizeof(handles));
	memset(inode_handles, 0, sizeof(inode_handles));
	memset(sections, 0, sizeof(sections));
	memset(held, 0, sizeof(held));
	fail_next = 0;
	revalidation = 1;
	inode = make_inode(oracle.dc, true, true);
	real = d_make_root(inode->real);
	CHECK(!IS_ERR(real));
	root = m_new(real, NULL, (struct m_name){ "/", 1 });
	m_set_inode(root, inode);
	keep(root);
}

/* How many wait, have been told, ask, hold locks: for libFuzzer to see. */
static void note_state(void)
{
	unsigned int waiting = 0, told = 0, holders = 0, asked = 0;
	int i;

	for (i = 0; i < FLOOR_THREADS; i++) {
		const struct actor *actor = &oracle.actors[i];

		waiting += actor->busy && (actor->waits || (actor->lock && !actor->granted));
		told += actor->busy && actor->waits && actor->told;
		holders += actor->busy && actor->holder;
	}
	for (i = 0; i < HANDLES; i++)
		asked += handles[i] && handles[i]->in_lookup;
	feature(3, waiting + told * 4 + holders * 16, asked < 4 ? asked : 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct m_entry *touched;
	uint8_t settings, more;
	uint64_t bytes;
	int nr = 0, i;

	input = data;
	input_end = data + size;
	settings = byte();
	more = byte();
	said_nothing();
	if (tracing)
		puts("----");
	set_up(settings, more, &bytes);
	while (input < input_end && nr++ < MAX_CALLS &&
	       oracle.nr_entries + ENTRIES_A_CALL < MAX_ENTRIES) {
		touched = NULL;
		if (!step(&touched))
			break;
		requests_check();
		oracle_settle(false);
		oracle_check();
		if (touched && touched->alive) {
			oracle_check_names(touched, good_names, GOOD_NAMES);
			oracle_check_path(touched);
		}
		floor_fail_allocation(0);
		note_state();
		for (i = 1; i < HANDLES && free_handles() < SPARE_HANDLES; i++) {
			if (handles[i])
				op_put(handles[i], i);
			oracle_settle(false);
		}
	}
	floor_fail_allocation(0);
	let_all_go();
	for (i = 0; i < HANDLES; i++) {
		if (is_directory(handles[i]))
			oracle_check_names(handles[i], good_names, GOOD_NAMES);
		if (handles[i])
			oracle_check_path(handles[i]);
	}
	take_down(more & 0x80, bytes);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	tracing = getenv("DCACHE_FUZZ_TRACE");
	memset(longest, 'L', sizeof(longest));
	floor_asleep = asleep;
	return 0;
}

const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=1:detect_leaks=0:quarantine_size_mb=8";
}
