/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hazards of waiting: queue heads and entries on stacks that are left, wake-ups for other reasons,
 * wake-ups that are lost, owners that are gone. What waiters are told: test_hazards_outcome.c.
 */
#include "harness.h"

#include <sched.h>
#include <signal.h>

#include "internal.h"

#define COLD NAME("cold")
#define CROWD 8

/* ---- H7 ---- */

/* What was on the stack below is something else now. */
static __attribute__((noinline)) void overwrite_stack(void)
{
	volatile char junk[4096];
	size_t i;

	for (i = 0; i < sizeof(junk); i++)
		junk[i] = 0x5a;
}

/* Owns a lookup until the crowd waits, ends it, and leaves the frame with the head in it at once. */
static __attribute__((noinline)) struct dentry *own_briefly(struct dentry *parent,
							    struct dentry *other,
							    struct asker *crowd, int way)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(parent, COLD, &wq);

	start_crowd(crowd, CROWD, parent, COLD);
	parked(dentry, CROWD);
	switch (way) {
	case 0:
		d_lookup_fail(dentry, -EIO);
		break;
	case 1:
		d_lookup_redirect(dentry, other);
		break;
	case 2:
		d_add(dentry, NULL);
		break;
	default:
		d_lookup_done(dentry);
		break;
	}
	return dentry;
}

static void frames_that_are_left(int rounds)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *other = tree_add(&tree, tree.root, NAME("other"), INODE_REGULAR);
	struct asker crowd[CROWD] = { 0 };
	int i;

	for (i = 0; i < rounds; i++) {
		struct dentry *dentry = own_briefly(tree.root, other, crowd, i % 4);
		struct dentry *expected[] = { ERR_PTR(-EIO), other, dentry, NULL };

		overwrite_stack();
		join_crowd(crowd, CROWD, expected[i % 4]);
		d_drop(dentry);
		dput(dentry);
	}
	CHECK_EQ(d_count(other), 1);
	dput(other);
	tree_end(&tree);
}

TEST(owner_leaves_its_frame_as_soon_as_the_lookup_is_ended, "H7")
{
	frames_that_are_left(40);
}

/* On one processor a waiter that is woken often runs before the one who wakes goes on. */
TEST(waiters_leave_their_frames_as_soon_as_they_are_told, "H7")
{
	CHECK(test_one_cpu());
	frames_that_are_left(100);
}

/* A waiter that is gone the moment it has been told, with the memory of its entry. */
static int told;

static void tell_and_free(struct wait_queue_entry *entry, struct lookup_end *end)
{
	(void)end;
	CHECK_EQ(entry->error, -EIO);
	told++;
	memset(entry, 0xa5, sizeof(*entry));
	free(entry);
}

TEST(an_entry_is_not_touched_once_its_waiter_was_told, "H7")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	int i;

	told = 0;
	for (i = 0; i < 5; i++) {
		struct wait_queue_entry *entry = calloc(1, sizeof(*entry));

		entry->func = tell_and_free;
		d_lock(dentry);
		wait_queue_add(wait_queue_of(dentry->d_wait), entry, dentry);
		d_unlock(dentry);
	}
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	CHECK_EQ(told, 5);
	dput(dentry);
	tree_end(&tree);
}

static void ignore_signal(int sig)
{
	(void)sig;
}

/* Wake the thread for a reason of no importance. */
static void disturb(pthread_t thread)
{
	int i;

	for (i = 0; i < 30; i++) {
		pthread_kill(thread, SIGUSR1);
		usleep(500);
	}
}

TEST(a_waiter_woken_for_another_reason_goes_on_waiting, "H7")
{
	struct sigaction action = { .sa_handler = ignore_signal };
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker asker = { 0 };

	sigaction(SIGUSR1, &action, NULL);
	asker_start(&asker, tree.root, COLD);
	parked(dentry, 1);
	disturb(asker.thread);
	CHECK(!atomic_load(&asker.done));
	CHECK_EQ(test_nr_waiters(dentry), 1);
	CHECK_EQ(tree_stats(&tree).lookups_waited, 1);
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	CHECK_ERR(asker_join(&asker), -EIO);
	dput(dentry);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

static void *fail_lookup(void *dentry)
{
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	return NULL;
}

TEST(a_waiter_woken_just_before_it_is_told_stays_in_its_frame, "H7")
{
	struct sigaction action = { .sa_handler = ignore_signal };
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker crowd[2] = { { 0 }, { 0 } };
	struct gate telling = { 0 };
	pthread_t owner;

	sigaction(SIGUSR1, &action, NULL);
	start_crowd(crowd, 2, tree.root, COLD);
	parked(dentry, 2);
	gate_arm(&telling, DC_C4, dentry, 1);
	owner = test_thread(fail_lookup, dentry);
	CHECK(gate_wait(&telling, 1));
	disturb(crowd[0].thread);
	disturb(crowd[1].thread);
	CHECK(!atomic_load(&crowd[0].done) && !atomic_load(&crowd[1].done));
	gate_open(&telling);
	test_join(owner);
	CHECK_EQ(join_crowd(crowd, 2, ERR_PTR(-EIO)), 0);
	dput(dentry);
	tree_end(&tree);
}

/* The owner's thread, which sees that another has ended its lookup and leaves its frame. */
struct absent_owner {
	struct dentry *parent;
	_Atomic(struct dentry *) dentry;
	_Atomic bool left, may_end;
};

static __attribute__((noinline)) void own_until_ended(struct absent_owner *self)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(self->parent, COLD, &wq);

	atomic_store(&self->dentry, dget(dentry));
	while (d_in_lookup(dentry))
		usleep(100);
	dput(dentry);
}

static void *own_and_leave(void *arg)
{
	struct absent_owner *self = arg;

	own_until_ended(self);
	overwrite_stack();
	atomic_store(&self->left, true);
	while (!atomic_load(&self->may_end))
		usleep(100);
	return NULL;
}

TEST(the_head_may_go_once_the_lookup_is_seen_to_have_ended, "H7")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct absent_owner owner = { .parent = tree.root };
	struct asker crowd[2] = { { 0 }, { 0 } };
	struct gate telling = { 0 };
	pthread_t threads[2];
	struct dentry *dentry;

	threads[0] = test_thread(own_and_leave, &owner);
	CHECK(EVENTUALLY(atomic_load(&owner.dentry)));
	dentry = atomic_load(&owner.dentry);
	start_crowd(crowd, 2, tree.root, COLD);
	parked(dentry, 2);
	gate_arm(&telling, DC_C4, dentry, 1);
	threads[1] = test_thread(fail_lookup, dentry);
	CHECK(gate_wait(&telling, 1));
	CHECK(EVENTUALLY(atomic_load(&owner.left)));
	gate_open(&telling);
	test_join(threads[1]);
	atomic_store(&owner.may_end, true);
	test_join(threads[0]);
	CHECK_EQ(join_crowd(crowd, 2, ERR_PTR(-EIO)), 0);
	dput(dentry);
	tree_end(&tree);
}

/* Told while still on its way to sleep: it must not sleep then. */
TEST(a_waiter_told_before_it_sleeps_does_not_sleep, "H7 H12")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker asker = { 0 };
	struct gate falling_asleep = { 0 };

	gate_arm(&falling_asleep, DC_W1, dentry, 1);
	asker_start(&asker, tree.root, COLD);
	CHECK(gate_wait(&falling_asleep, 1));
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	dput(dentry);
	gate_open(&falling_asleep);
	CHECK_ERR(asker_join(&asker), -EIO);
	tree_end(&tree);
}

/* ---- H12 ---- */

static void *change_flags(void *dentry)
{
	static const struct dentry_operations none;
	int i;

	for (i = 0; i < 1000; i++) {
		d_set_d_op(dentry, &none);
		d_set_fsdata(dentry, &i);
		d_lookup_detach(dentry);
		dput(dget(dentry));
		d_set_d_op(dentry, &ascii_ci_ops);
	}
	return NULL;
}

TEST(flag_changes_do_not_hide_a_waiter, "H12")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker crowd[2] = { { 0 }, { 0 } };
	struct gate falling_asleep = { 0 }, telling = { 0 };
	pthread_t setters[2], owner;

	gate_arm(&falling_asleep, DC_W1, dentry, 1);
	start_crowd(crowd, 2, tree.root, COLD);
	CHECK(gate_wait(&falling_asleep, 1));
	setters[0] = test_thread(change_flags, dentry);
	setters[1] = test_thread(change_flags, dentry);
	parked(dentry, 2);
	gate_arm(&telling, DC_C4, dentry, 1);
	owner = test_thread(fail_lookup, dentry);
	CHECK(gate_wait(&telling, 1));
	test_join(setters[0]);
	test_join(setters[1]);
	gate_open(&telling);
	gate_open(&falling_asleep);
	test_join(owner);
	CHECK_EQ(join_crowd(crowd, 2, ERR_PTR(-EIO)), 0);
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */

static void *toggle_flags(void *arg)
{
	struct asker *asker = arg;
	static const struct dentry_operations none;

	while (!atomic_load(&asker->done)) {
		d_set_d_op(asker->data, &none);
		d_set_d_op(asker->data, NULL);
	}
	return NULL;
}

/* No gates: the setter's and the owner's changes of one word meet anywhere. */
TEST(flag_changes_race_the_end_of_a_lookup, "H12")
{
	struct tree tree = tree_begin(NULL, NULL);
	int i;

	for (i = 0; i < 300; i++) {
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
		struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
		struct asker asker = { .data = dentry };
		pthread_t setter;

		asker_start(&asker, tree.root, COLD);
		setter = test_thread(toggle_flags, &asker);
		parked(dentry, 1);
		CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
		CHECK(!d_in_lookup(dentry));
		CHECK_ERR(asker_join(&asker), -EIO);
		test_join(setter);
		CHECK(!d_in_lookup(dentry));
		dput(dentry);
	}
	tree_end(&tree);
}

#define MOMENTS 2000

/* The end of the lookup meets the waiter anywhere between queueing and sleeping. */
TEST(a_waiter_is_told_while_it_falls_asleep, "H12 H7")
{
	struct tree tree = tree_begin(NULL, NULL);
	volatile int spin;
	int i;

	for (i = 0; i < MOMENTS; i++) {
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
		struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
		uint64_t until = test_now_ns() + test_patience_ns();
		struct asker asker = { 0 };

		asker_start(&asker, tree.root, COLD);
		while (!test_nr_waiters(dentry) && test_now_ns() < until)
			sched_yield();
		for (spin = 0; spin < i % 50 * 5;)
			spin++;
		CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
		if (!CHECK(asker_join(&asker) == ERR_PTR(-EIO)))
			break;
		dput(dentry);
	}
	tree_end(&tree);
}

/* ---- H11 ---- */

#ifdef DCACHE_DEBUG

static void put_while_in_lookup(void)
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	dput(d_alloc_parallel(tree.root, COLD, &wq));
}

static void put_while_others_wait(void)
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker crowd[2] = { { 0 }, { 0 } };

	start_crowd(crowd, 2, tree.root, COLD);
	parked(dentry, 2);
	dput(dentry);
}

TEST(the_last_put_of_an_in_lookup_entry_stops_a_checked_build, "H11")
{
	CHECK(stops_with(put_while_in_lookup, "an in-lookup entry is ended before its last put"));
	CHECK(stops_with(put_while_others_wait, "an in-lookup entry is ended before its last put"));
}

#else

TEST(the_last_put_of_an_in_lookup_entry_ends_the_lookup, "H11")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker crowd[CROWD] = { 0 };

	start_crowd(crowd, CROWD, tree.root, COLD);
	parked(dentry, CROWD);
	dput(dentry);
	/* Each in turn becomes the owner, and gives up. */
	CHECK_EQ(join_crowd(crowd, CROWD, NULL), CROWD);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);

	dput(d_alloc_parallel(tree.root, COLD, NULL));
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	dentry = d_alloc_parallel(tree.root, COLD, &wq);
	CHECK(d_in_lookup(dentry));
	CHECK_EQ(d_add(dentry, NULL), 0);
	dput(dentry);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */

/* ---- H14 ---- */

TEST(two_lookups_share_a_queue_head, "H14")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *first = d_alloc_parallel(tree.root, NAME("first"), &wq);
	struct dentry *second = d_alloc_parallel(tree.root, NAME("second"), &wq);
	struct asker on_first[2] = { { 0 }, { 0 } }, on_second[2] = { { 0 }, { 0 } };
	int i;

	for (i = 0; i < 2; i++) {
		asker_start(&on_first[i], tree.root, NAME("first"));
		parked(first, (unsigned int)i + 1);
		asker_start(&on_second[i], tree.root, NAME("second"));
		parked(second, (unsigned int)i + 1);
	}
	CHECK_EQ(d_lookup_fail(first, -EIO), 0);
	for (i = 0; i < 2; i++)
		CHECK_ERR(asker_join(&on_first[i]), -EIO);
	overwrite_stack();
	/* The others' waiters know nothing of it. */
	test_sleep_ms(10);
	CHECK(!atomic_load(&on_second[0].done) && !atomic_load(&on_second[1].done));
	CHECK_EQ(test_nr_waiters(second), 2);
	CHECK_EQ(tree_stats(&tree).lookups_waited, 4);
	CHECK_EQ(d_add(second, NULL), 0);
	for (i = 0; i < 2; i++) {
		CHECK(asker_join(&on_second[i]) == second);
		dput(second);
	}
	CHECK_EQ(d_count(second), 1);
	dput(first);
	dput(second);
	tree_end(&tree);
}

/* Each entry's lock says nothing of the other's waiters, who want the same head. */
TEST(waiters_of_two_lookups_queue_at_the_same_time, "H14")
{
	struct tree tree = tree_begin(NULL, NULL);
	int round, i;

	for (round = 0; round < 50; round++) {
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
		struct dentry *first = d_alloc_parallel(tree.root, NAME("first"), &wq);
		struct dentry *second = d_alloc_parallel(tree.root, NAME("second"), &wq);
		struct asker askers[6] = { { 0 } };

		for (i = 0; i < 6; i++)
			asker_start(&askers[i], tree.root, i % 2 ? NAME("first") : NAME("second"));
		parked(first, 3);
		CHECK_EQ(d_lookup_fail(first, -EIO), 0);
		parked(second, 3);
		CHECK_EQ(d_lookup_fail(second, -EACCES), 0);
		for (i = 0; i < 6; i++)
			CHECK_ERR(asker_join(&askers[i]), i % 2 ? -EIO : -EACCES);
		dput(first);
		dput(second);
	}
	tree_end(&tree);
}

struct ci_owner {
	struct tree *tree;
	struct inode *inode; /* stored as "stored" */
	struct dentry *answer;
	_Atomic bool may_end;
	_Atomic(struct dentry *) asked; /* in-lookup */
	_Atomic bool spliced;
};

/* A filesystem's lookup of "asked": the frame, with both queue heads, is left at its end. */
static void *answer_by_stored_spelling(void *arg)
{
	struct ci_owner *owner = arg;
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *asked = d_alloc_parallel(owner->tree->root, NAME("asked"), &wq);

	CHECK(d_in_lookup(asked));
	atomic_store(&owner->asked, asked);
	owner->answer = d_add_ci(asked, owner->inode, NAME("stored"));
	atomic_store(&owner->spliced, true);
	while (!atomic_load(&owner->may_end))
		usleep(100);
	CHECK_EQ(d_lookup_redirect(asked, owner->answer), 0);
	dput(asked);
	return NULL;
}

TEST(add_ci_has_a_queue_of_its_own_for_the_stored_spelling, "H14 H10")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_DIRECTORY);
	struct asker on_asked = { 0 }, on_stored = { 0 };
	struct dentry *alias;
	struct ci_owner owner = { .tree = &tree, .inode = inode };
	pthread_t thread;

	ihold(inode);
	alias = d_obtain_alias(inode);
	/* While the alias is locked the helper entry "stored" stays in-lookup. */
	d_lock(alias);
	thread = test_thread(answer_by_stored_spelling, &owner);
	CHECK(EVENTUALLY(atomic_load(&owner.asked) && tree_stats(&tree).in_lookup == 2));
	asker_start(&on_asked, tree.root, NAME("asked"));
	parked(atomic_load(&owner.asked), 1);
	asker_start(&on_stored, tree.root, NAME("stored"));
	CHECK(EVENTUALLY(tree_stats(&tree).lookups_waited == 2));
	d_unlock(alias);
	CHECK(asker_join(&on_stored) == alias);
	overwrite_stack();
	CHECK(EVENTUALLY(atomic_load(&owner.spliced)));
	CHECK(!atomic_load(&on_asked.done));
	atomic_store(&owner.may_end, true);
	CHECK(asker_join(&on_asked) == alias);
	test_join(thread);
	CHECK(owner.answer == alias);
	CHECK_EQ(d_count(alias), 4);
	dput(on_stored.result);
	dput(on_asked.result);
	dput(owner.answer);
	dput(alias);
	tree_end(&tree);
}
