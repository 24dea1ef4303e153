/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What d_alloc_parallel() and the calls that end a lookup promise. Hazards: test_hazards_*.c. */
#include "harness.h"

#define COLD NAME("cold")
#define LONG_NAME "a name that is longer than the forty bytes that lie in an entry"

static void end_negative(struct asker *asker, struct dentry *dentry)
{
	(void)asker;
	CHECK_EQ(d_add(dentry, NULL), 0);
}

/* ---- what is returned ---- */

TEST(a_hashed_entry_is_returned, "d_alloc_parallel")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, NAME("file"), INODE_REGULAR);
	struct dentry *absent = tree_add(&tree, tree.root, NAME(LONG_NAME), 0);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	CHECK(d_alloc_parallel(tree.root, NAME("file"), &wq) == file);
	CHECK(d_alloc_parallel(tree.root, NAME(LONG_NAME), NULL) == absent);
	CHECK(!d_in_lookup(file) && !d_in_lookup(absent));
	CHECK_EQ(d_count(file), 2);
	CHECK_EQ(d_count(absent), 2);
	CHECK_EQ(tree_stats(&tree).lookups_started, 0);
	dput(file);
	dput(file);
	dput(absent);
	dput(absent);
	tree_end(&tree);
}

TEST(a_new_entry_is_in_lookup, "d_alloc_parallel d_in_lookup")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, NAME(LONG_NAME), &wq);
	struct qstr name = d_name(dentry);
	struct dcache_stats stats = tree_stats(&tree);

	CHECK(d_in_lookup(dentry) && d_unhashed(dentry) && d_is_negative(dentry));
	CHECK(!IS_ROOT(dentry) && d_parent(dentry) == tree.root && d_dcache(dentry) == tree.dc);
	CHECK_EQ(name.len, strlen(LONG_NAME));
	CHECK(!memcmp(name.name, LONG_NAME, name.len));
	CHECK_EQ(d_count(dentry), 1);
	CHECK_EQ(d_count(tree.root), 2);
	CHECK_EQ(stats.in_lookup, 1);
	CHECK_EQ(stats.lookups_started, 1);
	CHECK_EQ(stats.negatives, 0);
	/* Nobody finds it before it is answered. */
	CHECK(!d_lookup(tree.root, NAME(LONG_NAME)));
	d_lookup_done(dentry);
	CHECK(!d_in_lookup(dentry));
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	CHECK_EQ(d_add(dentry, NULL), 0);
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).negatives, 1);
	tree_end(&tree);
}

TEST(an_unhashed_entry_of_the_name_is_ignored, "d_alloc_parallel")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dropped = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *loose = d_alloc(tree.root, COLD);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry;

	d_drop(dropped);
	dentry = d_alloc_parallel(tree.root, COLD, &wq);
	CHECK(dentry != dropped && dentry != loose && d_in_lookup(dentry));
	CHECK_EQ(d_add(dentry, NULL), 0);
	dput(dentry);
	dput(loose);
	dput(dropped);
	tree_end(&tree);
}

TEST(a_name_in_two_directories_is_two_lookups, "d_alloc_parallel")
{
	const struct dcache_options opts = { .size = sizeof(opts),
					     .hash_buckets = 2,
					     .in_lookup_buckets = 2 };
	struct tree tree = tree_begin(&opts, NULL);
	struct dentry *dirs[8], *entries[8];
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	int i;

	for (i = 0; i < 8; i++) {
		struct qstr name = qstr_init(&"12345678"[i], 1);

		dirs[i] = tree_add(&tree, tree.root, &name, INODE_DIRECTORY);
		entries[i] = d_alloc_parallel(dirs[i], COLD, &wq);
		CHECK(d_in_lookup(entries[i]) && d_parent(entries[i]) == dirs[i]);
	}
	CHECK_EQ(tree_stats(&tree).in_lookup, 8);
	for (i = 0; i < 8; i++) {
		struct dentry *found;

		CHECK_EQ(d_add(entries[i], NULL), 0);
		found = d_lookup(dirs[i], COLD);
		CHECK(found == entries[i]);
		dput(found);
		dput(entries[i]);
		dput(dirs[i]);
	}
	tree_end(&tree);
}

static int failing_hash(const struct dentry *dir, struct qstr *name)
{
	(void)dir;
	(void)name;
	return -EILSEQ;
}

TEST(bad_names_are_refused, "d_alloc_parallel d_alloc d_hash_name")
{
	static const struct dentry_operations failing = { .d_hash = failing_hash };
	struct tree tree = tree_begin(NULL, NULL);
	char longest[DCACHE_NAME_MAX + 1];
	const struct {
		struct qstr name;
		int err;
	} bad[] = {
		{ QSTR_INIT("", 0), -EINVAL },
		{ QSTR_INIT(NULL, 3), -EINVAL },
		{ QSTR_INIT("/", 1), -EINVAL },
		{ QSTR_INIT("a/b", 3), -EINVAL },
		{ QSTR_INIT("a\0b", 3), -EINVAL },
		{ QSTR_INIT("a", 2), -EINVAL },
		{ QSTR_INIT(longest, 256), -ENAMETOOLONG },
		{ QSTR_INIT(longest, UINT32_MAX), -ENAMETOOLONG },
	};
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct qstr name;
	size_t i;

	memset(longest, 'x', sizeof(longest));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_ERR(d_alloc_parallel(tree.root, &bad[i].name, &wq), bad[i].err);
		CHECK_ERR(d_alloc(tree.root, &bad[i].name), bad[i].err);
		CHECK(!d_lookup(tree.root, &bad[i].name));
		name = bad[i].name;
		CHECK_EQ(d_hash_name(tree.root, &name), bad[i].err);
		name = bad[i].name;
		CHECK_ERR(d_hash_and_lookup(tree.root, &name), bad[i].err);
	}
	d_set_d_op(tree.root, &failing);
	CHECK_ERR(d_alloc_parallel(tree.root, COLD, &wq), -EILSEQ);
	CHECK_ERR(d_alloc(tree.root, COLD), -EILSEQ);
	CHECK(!d_lookup(tree.root, COLD));
	name = *COLD;
	CHECK_ERR(d_hash_and_lookup(tree.root, &name), -EILSEQ);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	tree_end(&tree);
}

/* ---- waiting ---- */

TEST(a_waiter_gets_the_entry_that_was_added, "d_alloc_parallel d_add")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker crowd[3] = { { 0 } };
	struct dcache_stats stats;
	int i;

	for (i = 0; i < 3; i++)
		asker_start(&crowd[i], tree.root, COLD);
	parked(dentry, 3);
	CHECK_EQ(d_add(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
	for (i = 0; i < 3; i++)
		CHECK(asker_join(&crowd[i]) == dentry && !crowd[i].owned);
	CHECK_EQ(d_count(dentry), 4);
	stats = tree_stats(&tree);
	CHECK_EQ(stats.lookups_started, 1);
	CHECK_EQ(stats.lookups_waited, 3);
	CHECK_EQ(stats.outcomes_shared, 3);
	for (i = 0; i < 4; i++)
		dput(dentry);
	tree_end(&tree);
}

TEST(waiters_start_over_when_there_is_no_answer, "d_lookup_done")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker crowd[4] = { { 0 } };
	int owned = 0;
	int i;

	for (i = 0; i < 4; i++) {
		crowd[i].end = end_negative;
		asker_start(&crowd[i], tree.root, COLD);
	}
	parked(dentry, 4);
	d_lookup_done(dentry);
	d_lookup_done(dentry);
	for (i = 0; i < 4; i++) {
		CHECK(asker_join(&crowd[i]) == crowd[0].result && crowd[i].result != dentry);
		owned += crowd[i].owned;
	}
	CHECK_EQ(owned, 1);
	for (i = 0; i < 4; i++)
		dput(crowd[i].result);
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

static void *add_negative(void *dentry)
{
	CHECK_EQ(d_add(dentry, NULL), 0);
	return NULL;
}

TEST(a_waiter_starts_over_if_the_entry_is_gone_again, "d_alloc_parallel d_drop")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker asker = { .end = end_negative };
	struct gate telling = { 0 };
	pthread_t adder;

	asker_start(&asker, tree.root, COLD);
	parked(dentry, 1);
	gate_arm(&telling, DC_C4, dentry, 1);
	adder = test_thread(add_negative, dentry);
	CHECK(gate_wait(&telling, 1));
	/* Published, but its waiter has not been told yet: no lock is held now. */
	CHECK(d_lookup(tree.root, COLD) == dentry);
	dput(dentry);
	d_drop(dentry);
	gate_open(&telling);
	test_join(adder);
	CHECK(asker_join(&asker) != dentry && asker.owned);
	dput(asker.result);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_lookup_that_finds_allocates_nothing, "d_alloc_parallel")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, NAME(LONG_NAME), INODE_REGULAR);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *cold = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker asker = { 0 };
	long before = dc_live_allocations();

	dc_fail_allocation(1);
	CHECK(d_alloc_parallel(tree.root, NAME(LONG_NAME), NULL) == file);
	CHECK_ERR(d_alloc_parallel(tree.root, COLD, NULL), -EDEADLK);
	asker_start(&asker, tree.root, COLD);
	parked(cold, 1);
	CHECK_EQ(dc_live_allocations(), before);
	CHECK_EQ(d_lookup_fail(cold, -EIO), 0);
	CHECK_ERR(asker_join(&asker), -EIO);
	CHECK(!dc_allocation_failed());
	CHECK_ERR(d_alloc_parallel(tree.root, COLD, NULL), -ENOMEM);
	CHECK(dc_allocation_failed());
	dput(cold);
	dput(file);
	dput(file);
	tree_end(&tree);
}

/* What it had made before another was faster is given back. */
TEST(a_new_entry_that_is_not_needed_is_given_back, "d_alloc_parallel")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct asker first = { .end = end_negative }, second = { .end = end_negative };
	struct gate missed = { 0 };

	gate_arm(&missed, DC_A3, tree.root, 1);
	asker_start(&first, tree.root, COLD);
	CHECK(gate_wait(&missed, 1));
	asker_start(&second, tree.root, COLD);
	CHECK(EVENTUALLY(tree_stats(&tree).entries == 3));
	gate_open(&missed);
	CHECK(asker_join(&first) == asker_join(&second));
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	dput(first.result);
	dput(second.result);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */

struct wait_call {
	struct dentry *dentry;
	_Atomic bool done;
	pthread_t thread;
};

static void *call_wait_lookup(void *arg)
{
	struct wait_call *call = arg;

	d_lock(call->dentry);
	d_wait_lookup(call->dentry);
	/* It returns with the lock held. */
	CHECK(!d_in_lookup(call->dentry));
	d_unlock(call->dentry);
	atomic_store(&call->done, true);
	dput(call->dentry);
	return NULL;
}

static void two_wait(struct dentry *dentry, struct wait_call calls[2])
{
	int i;

	for (i = 0; i < 2; i++) {
		calls[i].dentry = dget(dentry);
		atomic_init(&calls[i].done, false);
		calls[i].thread = test_thread(call_wait_lookup, &calls[i]);
	}
	parked(dentry, 2);
}

static void two_return(struct wait_call calls[2])
{
	test_join(calls[0].thread);
	test_join(calls[1].thread);
}

static void wait_for_end(int way)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *other = tree_add(&tree, tree.root, NAME("other"), 0);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct wait_call calls[2];

	two_wait(dentry, calls);
	test_sleep_ms(5);
	CHECK(!atomic_load(&calls[0].done) && !atomic_load(&calls[1].done));
	switch (way) {
	case 0:
		CHECK_EQ(d_add(dentry, NULL), 0);
		break;
	case 1:
		CHECK_EQ(d_lookup_redirect(dentry, other), 0);
		break;
	case 2:
		CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
		break;
	default:
		d_lookup_done(dentry);
	}
	two_return(calls);
	CHECK_EQ(d_count(dentry), 1);
	CHECK_EQ(d_count(other), 1);
	d_lock(dentry);
	d_wait_lookup(dentry);
	d_unlock(dentry);
	dput(dentry);
	dput(other);
	tree_end(&tree);
}

TEST(d_wait_lookup_waits_for_any_end, "d_wait_lookup")
{
	int way;

	for (way = 0; way < 4; way++)
		wait_for_end(way);
}

#ifndef DCACHE_DEBUG
/* A checked build stops there. */
TEST(who_waits_in_d_wait_lookup_goes_on_if_the_owner_forgets, "d_wait_lookup H11")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct wait_call calls[2];

	two_wait(dentry, calls);
	CHECK_EQ(test_nr_counted(dentry), 2);
	dput(dentry);
	two_return(calls);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	tree_end(&tree);
}
#endif

/* ---- ending with an outcome ---- */

TEST(d_lookup_fail_takes_errors_only, "d_lookup_fail")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);

	CHECK_EQ(d_lookup_fail(dentry, 0), -EINVAL);
	CHECK_EQ(d_lookup_fail(dentry, EIO), -EINVAL);
	CHECK_EQ(d_lookup_fail(dentry, -MAX_ERRNO - 1), -EINVAL);
	CHECK(d_in_lookup(dentry));
	CHECK_EQ(d_lookup_fail(dentry, -MAX_ERRNO), 0);
	CHECK(!d_in_lookup(dentry) && d_unhashed(dentry) && d_is_negative(dentry));
	CHECK_EQ(d_lookup_fail(dentry, -EIO), -EALREADY);
	/* An outcome is final for this entry, and for no other. */
	CHECK_EQ(d_add(dentry, NULL), -EINVAL);
	CHECK_EQ(d_rehash(dentry), -EINVAL);
	CHECK(!d_lookup(tree.root, COLD));
	dput(dentry);
	dentry = d_alloc_parallel(tree.root, COLD, &wq);
	CHECK(d_in_lookup(dentry));
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK_EQ(d_lookup_fail(dentry, -EIO), -EALREADY);
	dput(dentry);
	tree_end(&tree);
}

TEST(d_lookup_redirect_takes_finished_entries_only, "d_lookup_redirect")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct dentry *busy = d_alloc_parallel(tree.root, NAME("busy"), &wq);
	struct dentry *alias = tree_add(&tree, tree.root, NAME("alias"), 0);
	struct dentry *foreign;
	struct dcache *other;

	CHECK_EQ(dcache_create(NULL, &other), 0);
	foreign = d_make_root(new_inode(other, 1, INODE_DIRECTORY, NULL, NULL));
	CHECK_EQ(d_lookup_redirect(dentry, NULL), -EINVAL);
	CHECK_EQ(d_lookup_redirect(dentry, dentry), -EINVAL);
	CHECK_EQ(d_lookup_redirect(dentry, busy), -EINVAL);
	CHECK_EQ(d_lookup_redirect(dentry, foreign), -EXDEV);
	CHECK(d_in_lookup(dentry));
	CHECK_EQ(d_lookup_redirect(dentry, alias), 0);
	CHECK_EQ(d_lookup_redirect(dentry, alias), -EALREADY);
	CHECK_EQ(d_count(alias), 1);
	CHECK_EQ(d_add(dentry, NULL), -EINVAL);
	d_lookup_done(busy);
	dput(busy);
	dput(dentry);
	dput(alias);
	dput(foreign);
	CHECK_EQ(dcache_destroy(other), 0);
	tree_end(&tree);
}

TEST(a_lookup_ended_without_an_answer_may_still_be_added, "d_lookup_done d_add")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct dentry *found;

	d_lookup_done(dentry);
	CHECK_EQ(d_add(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
	found = d_lookup(tree.root, COLD);
	CHECK(found == dentry);
	dput(found);
	dput(dentry);
	tree_end(&tree);
}

/* ---- owners whose frame does not last ---- */

static struct dentry *own_without_a_frame(struct dentry *parent)
{
	return d_alloc_parallel(parent, COLD, NULL);
}

static void *add_and_put(void *dentry)
{
	CHECK_EQ(d_add(dentry, NULL), 0);
	dput(dentry);
	return NULL;
}

TEST(an_entry_may_bring_its_own_queue, "d_alloc_parallel d_lookup_detach")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = own_without_a_frame(tree.root);
	struct asker crowd[2] = { { 0 }, { 0 } };
	pthread_t other;
	int i;

	d_lookup_detach(dentry);
	for (i = 0; i < 2; i++)
		asker_start(&crowd[i], tree.root, COLD);
	parked(dentry, 2);
	/* Another thread ends it, and holds the last reference but the waiters'. */
	other = test_thread(add_and_put, dentry);
	test_join(other);
	for (i = 0; i < 2; i++) {
		CHECK(asker_join(&crowd[i]) == dentry);
		dput(dentry);
	}
	tree_end(&tree);
}

/* Detaching one lookup says nothing of another with the same queue head. */
TEST(lookups_of_one_queue_head_are_detached_one_by_one, "d_lookup_detach H18")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *detached = d_alloc_parallel(tree.root, NAME("detached"), &wq);
	struct dentry *owned = d_alloc_parallel(tree.root, NAME("owned"), &wq);
	struct dentry *later;
	pthread_t other;

	d_lookup_detach(detached);
	CHECK_ERR(d_alloc_parallel(tree.root, NAME("owned"), NULL), -EDEADLK);
	later = d_alloc_parallel(tree.root, NAME("later"), &wq);
	other = test_thread(add_and_put, dget(detached));
	CHECK(d_alloc_parallel(tree.root, NAME("detached"), NULL) == detached);
	test_join(other);
	d_lookup_done(owned);
	d_lookup_done(later);
	dput(owned);
	dput(later);
	dput(detached);
	dput(detached);
	tree_end(&tree);
}
