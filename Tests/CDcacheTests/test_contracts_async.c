/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiters that are registered, case by case; d_add_ci_async() at the end. Races: test_hazards_async.c. */
#include "requests.h"

#define COLD NAME("cold")
#define OTHER NAME("other")

TEST(what_is_found_needs_no_waiter, "d_alloc_parallel_async")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *negative = tree_add(&tree, tree.root, OTHER, 0);
	struct request request;

	request_init(&request, answered);
	CHECK(d_alloc_parallel_async(tree.root, COLD, &request.waiter) == file);
	CHECK(!d_waiter_cancel(&request.waiter));
	CHECK(d_alloc_parallel_async(tree.root, OTHER, &request.waiter) == negative);
	CHECK_EQ(request.calls, 0);
	CHECK_EQ(d_count(file), 2);
	dput(file);
	dput(file);
	dput(negative);
	dput(negative);
	tree_end(&tree);
}

static void *add_negative(void *dentry)
{
	CHECK_EQ(d_add(dentry, NULL), 0);
	dput(dentry);
	return NULL;
}

TEST(an_asynchronous_owner_is_no_thread, "d_alloc_parallel_async")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct request owner, waiter;
	struct dentry *dentry;

	request_init(&owner, answered);
	dentry = d_alloc_parallel_async(tree.root, COLD, &owner.waiter);
	CHECK(d_in_lookup(dentry));
	CHECK(!d_waiter_cancel(&owner.waiter));
	/* The same thread may wait for it, in either way. */
	CHECK_ERR(d_alloc_parallel_until(tree.root, COLD, &wq, 0), -ETIMEDOUT);
	must_wait(&waiter, tree.root, COLD);
	CHECK_EQ(d_count(dentry), 2);
	test_join(test_thread(add_negative, dentry));
	CHECK_EQ(waiter.calls, 1);
	CHECK_EQ(owner.calls, 0);
	CHECK(waiter.result == dentry);
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_thread_waits_for_what_it_asks_for_itself, "d_alloc_parallel_async")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct request requests[3];
	int i;

	CHECK_ERR(d_alloc_parallel_until(tree.root, COLD, NULL, 0), -EDEADLK);
	for (i = 0; i < 3; i++)
		must_wait(&requests[i], tree.root, COLD);
	CHECK_EQ(tree_stats(&tree).lookups_waited, 3);
	CHECK_EQ(test_nr_waiters(dentry), 3);
	CHECK_EQ(test_nr_counted(dentry), 3);
	calls = 0;
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK_EQ(tree_stats(&tree).outcomes_shared, 3);
	CHECK_EQ(d_count(dentry), 4);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(requests[i].calls, 1);
		CHECK_EQ(requests[i].number, i);
		CHECK(requests[i].result == dentry);
		CHECK(!d_waiter_cancel(&requests[i].waiter));
		dput(dentry);
	}
	dput(dentry);
	tree_end(&tree);
}

enum way { ADD_POSITIVE, ADD_NEGATIVE, FAIL, REDIRECT, GIVE_UP, SPLICE, END_WITH_ITSELF, NR_WAYS };

/* End @dentry's lookup. Return: what those who wait are to be told. */
static struct dentry *end(struct tree *tree, struct dentry *dentry, struct dentry *dir,
			  enum way way)
{
	struct dentry *alias;

	switch (way) {
	case ADD_POSITIVE:
		CHECK_EQ(d_add(dentry, tree_inode(tree->dc, INODE_REGULAR)), 0);
		return dentry;
	case ADD_NEGATIVE:
		CHECK_EQ(d_add(dentry, NULL), 0);
		return dentry;
	case FAIL:
		CHECK_EQ(d_lookup_fail(dentry, -EACCES), 0);
		return ERR_PTR(-EACCES);
	case REDIRECT:
		CHECK_EQ(d_lookup_redirect(dentry, dir), 0);
		return dir;
	case GIVE_UP:
		d_lookup_done(dentry);
		return NULL;
	case SPLICE:
		ihold(d_inode(dir));
		alias = d_splice_alias(d_inode(dir), dentry);
		CHECK(alias == dir);
		dput(alias);
		return dir;
	default:
		lookup_end_with_itself(dentry);
		return dentry;
	}
}

TEST(a_waiter_is_told_the_outcome, "d_alloc_parallel_async H17")
{
	int way, outdated;

	for (way = 0; way < NR_WAYS; way++) {
		for (outdated = 0; outdated < 2; outdated++) {
			struct tree tree = tree_begin(NULL, NULL);
			struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"),
						      INODE_DIRECTORY);
			struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
			struct request early, late;
			struct dentry *expected;

			must_wait(&early, tree.root, COLD);
			if (outdated)
				d_invalidate_name(tree.root, COLD);
			must_wait(&late, tree.root, COLD);
			expected = end(&tree, dentry, dir, (enum way)way);
			CHECK_EQ(early.calls, 1);
			CHECK_EQ(late.calls, 1);
			CHECK(early.result == expected);
			/* Who came after the invalidation is not told what was asked for before. */
			CHECK(late.result == (outdated ? NULL : expected));
			if (!IS_ERR(early.result))
				dput(early.result);
			if (!IS_ERR(late.result))
				dput(late.result);
			CHECK_EQ(d_count(dentry), 1);
			CHECK_EQ(d_count(dir), 1);
			dput(dentry);
			dput(dir);
			tree_end(&tree);
		}
	}
}

static void answered_and_drops(struct d_waiter *waiter, struct dentry *result)
{
	d_drop(result);
	answered(waiter, result);
}

TEST(an_answer_that_is_unhashed_at_once_is_one, "d_alloc_parallel_async")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct request first, second;

	must_wait(&first, tree.root, COLD);
	first.waiter.func = answered_and_drops;
	must_wait(&second, tree.root, COLD);
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK(d_unhashed(dentry));
	CHECK(first.result == dentry && second.result == dentry);
	dput(first.result);
	dput(second.result);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_name_that_cannot_be_asked_for,
     "d_alloc_parallel_async d_alloc_noblock d_alloc_parallel_until")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, NAME("file"), INODE_REGULAR);
	struct dentry *negative = tree_add(&tree, tree.root, NAME("none"), 0);
	static char long_name[DCACHE_NAME_MAX + 2];
	struct qstr too_long = QSTR_INIT(long_name, DCACHE_NAME_MAX + 1);
	const struct {
		struct dentry *parent;
		const struct qstr *name;
		int error;
	} cases[] = {
		{ file, COLD, -ENOTDIR },
		{ negative, COLD, -ENOENT },
		{ tree.root, NAME(""), -EINVAL },
		{ tree.root, NAME("a/b"), -EINVAL },
		{ tree.root, &too_long, -ENAMETOOLONG },
	};
	struct request request;
	size_t i;

	memset(long_name, 'x', sizeof(long_name));
	request_init(&request, answered);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_ERR(d_alloc_parallel_async(cases[i].parent, cases[i].name, &request.waiter),
			  cases[i].error);
		CHECK_ERR(d_alloc_parallel_until(cases[i].parent, cases[i].name, NULL, 0),
			  cases[i].error);
		CHECK_ERR(d_alloc_noblock(cases[i].parent, cases[i].name, NULL), cases[i].error);
	}
	CHECK(!d_waiter_cancel(&request.waiter));
	CHECK_EQ(request.calls, 0);
	dput(file);
	dput(negative);
	tree_end(&tree);
}

/* ---- taking back ---- */

TEST(a_registration_is_taken_back, "d_waiter_cancel H20")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct request requests[5];
	/* The one in the middle, the last, the first, again the first, and the only one. */
	const int order[] = { 2, 4, 0, 1, 3 };
	int round, i;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 5; i++)
			must_wait(&requests[i], tree.root, COLD);
		for (i = 0; i < 5; i++) {
			CHECK(d_waiter_cancel(&requests[order[i]].waiter));
			CHECK(!d_waiter_cancel(&requests[order[i]].waiter));
			CHECK_EQ(test_nr_waiters(dentry), 4 - i);
			CHECK_EQ(test_nr_counted(dentry), 4 - i);
			CHECK_EQ(d_count(dentry), 5 - i);
		}
	}
	must_wait(&requests[0], tree.root, COLD);
	must_wait(&requests[1], tree.root, COLD);
	CHECK(d_waiter_cancel(&requests[0].waiter));
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	CHECK_EQ(requests[0].calls, 0);
	CHECK_EQ(requests[1].calls, 1);
	CHECK_ERR(requests[1].result, -EIO);
	dput(dentry);
	tree_end(&tree);
}

TEST(others_on_the_same_head_are_left_there, "d_waiter_cancel H14")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *one = d_alloc_parallel(tree.root, COLD, &wq);
	struct dentry *two = d_alloc_parallel(tree.root, OTHER, &wq);
	struct request requests[6];
	int i;

	for (i = 0; i < 6; i++)
		must_wait(&requests[i], tree.root, i % 2 ? OTHER : COLD);
	CHECK(d_waiter_cancel(&requests[2].waiter));
	CHECK(d_waiter_cancel(&requests[5].waiter));
	CHECK_EQ(d_lookup_fail(one, -EIO), 0);
	for (i = 0; i < 6; i++)
		CHECK_EQ(requests[i].calls, i == 0 || i == 4);
	CHECK_EQ(d_lookup_fail(two, -EPERM), 0);
	CHECK_ERR(requests[1].result, -EPERM);
	CHECK_ERR(requests[3].result, -EPERM);
	CHECK_EQ(requests[2].calls + requests[5].calls, 0);
	dput(one);
	dput(two);
	tree_end(&tree);
}

/* ---- what a func may do ---- */

static struct request *victim;
static bool victim_was_taken_back;

static void answered_and_cancels(struct d_waiter *waiter, struct dentry *result)
{
	answered(waiter, result);
	victim_was_taken_back = d_waiter_cancel(&victim->waiter);
	CHECK(!d_waiter_cancel(waiter));
}

TEST(a_func_takes_another_waiter_back, "d_waiter_func d_waiter_cancel H20")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct dentry *other = d_alloc_parallel(tree.root, OTHER, NULL);
	struct request first, second, third;

	must_wait(&first, tree.root, COLD);
	first.waiter.func = answered_and_cancels;
	must_wait(&second, tree.root, COLD);
	/* One whose turn is next: too late. */
	victim = &second;
	d_lookup_fail(dentry, -EIO);
	CHECK(!victim_was_taken_back);
	CHECK_EQ(second.calls, 1);
	dput(dentry);

	/* One of another lookup. */
	dentry = d_alloc_parallel(tree.root, COLD, NULL);
	must_wait(&first, tree.root, COLD);
	first.waiter.func = answered_and_cancels;
	must_wait(&third, tree.root, OTHER);
	victim = &third;
	d_lookup_fail(dentry, -EIO);
	CHECK(victim_was_taken_back);
	d_lookup_fail(other, -EIO);
	CHECK_EQ(third.calls, 0);
	dput(dentry);
	dput(other);
	tree_end(&tree);
}

/* A program that asks until it has an answer. */
struct asking {
	struct d_waiter waiter;
	struct dentry *parent;
	struct dentry *result;
	int owned;
};

static void ask_on(struct d_waiter *waiter, struct dentry *result)
{
	struct asking *asking = container_of(waiter, struct asking, waiter);

	if (!result)
		result = d_alloc_parallel_async(asking->parent, COLD, waiter);
	if (!result)
		return;
	asking->result = result;
	if (!IS_ERR(result) && d_in_lookup(result)) {
		asking->owned++;
		CHECK_EQ(d_add(result, NULL), 0);
	}
}

TEST(a_func_registers_again, "d_waiter_func")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct asking asking[4];
	int i, owned = 0;

	for (i = 0; i < 4; i++) {
		asking[i] = (struct asking){ { .func = ask_on }, .parent = tree.root };
		CHECK(!d_alloc_parallel_async(tree.root, COLD, &asking[i].waiter));
	}
	d_lookup_done(dentry);
	dput(dentry);
	for (i = 0; i < 4; i++) {
		owned += asking[i].owned;
		CHECK(asking[i].result == asking[0].result);
		dput(asking[i].result);
	}
	CHECK_EQ(owned, 1);
	CHECK_EQ(tree_stats(&tree).lookups_started, 2);
	tree_end(&tree);
}

static void answered_and_frees(struct d_waiter *waiter, struct dentry *result)
{
	CHECK_ERR(result, -EIO);
	calls++;
	memset(waiter, 0xa5, sizeof(*waiter));
	free(waiter);
}

TEST(a_func_frees_its_waiter, "d_waiter_func H7")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	int i;

	for (i = 0; i < 5; i++) {
		struct d_waiter *waiter = malloc(sizeof(*waiter));

		waiter->func = answered_and_frees;
		CHECK(!d_alloc_parallel_async(tree.root, COLD, waiter));
	}
	calls = 0;
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	CHECK_EQ(calls, 5);
	dput(dentry);
	tree_end(&tree);
}

/* Each is told of the end of one lookup, and ends the next. */
struct link {
	struct d_waiter waiter;
	struct dentry *next;
};

static int inside;

static void end_the_next(struct d_waiter *waiter, struct dentry *result)
{
	struct link *link = container_of(waiter, struct link, waiter);

	CHECK_ERR(result, -EIO);
	CHECK_EQ(inside++, 0);
	if (link->next)
		CHECK_EQ(d_lookup_fail(link->next, -EIO), 0);
	inside--;
	calls++;
}

#define CHAIN 1000

TEST(ends_in_funcs_do_not_nest, "d_waiter_func")
{
	struct tree tree = tree_begin(NULL, NULL);
	static struct link links[CHAIN];
	static struct dentry *dentries[CHAIN];
	char name[16];
	int i;

	for (i = 0; i < CHAIN; i++) {
		struct qstr qstr = QSTR_INIT(name,
					     (uint32_t)snprintf(name, sizeof(name), "n%d", i));

		dentries[i] = d_alloc_parallel(tree.root, &qstr, NULL);
		links[i].waiter.func = end_the_next;
		CHECK(!d_alloc_parallel_async(tree.root, &qstr, &links[i].waiter));
	}
	for (i = 0; i < CHAIN; i++)
		links[i].next = i + 1 < CHAIN ? dentries[i + 1] : NULL;
	calls = 0;
	CHECK_EQ(d_lookup_fail(dentries[0], -EIO), 0);
	CHECK_EQ(calls, CHAIN);
	for (i = 0; i < CHAIN; i++)
		dput(dentries[i]);
	tree_end(&tree);
}

static struct dentry *ends[2];

static void end_two(struct d_waiter *waiter, struct dentry *result)
{
	int i;

	answered(waiter, result);
	for (i = 0; i < 2; i++)
		CHECK_EQ(d_lookup_fail(ends[i], -EPERM), 0);
}

TEST(a_func_ends_two, "d_waiter_func")
{
	struct tree tree = tree_begin(NULL, NULL);
	const struct qstr *names[] = { NAME("one"), NAME("two") };
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct request first[2], requests[4];
	int i;

	for (i = 0; i < 2; i++) {
		ends[i] = d_alloc_parallel(tree.root, names[i], NULL);
		must_wait(&first[i], tree.root, COLD);
	}
	first[0].waiter.func = end_two;
	for (i = 0; i < 4; i++)
		must_wait(&requests[i], tree.root, names[i / 2]);
	calls = 0;
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	/* In the order in which they were ended. */
	CHECK_EQ(first[1].number, 1);
	for (i = 0; i < 4; i++) {
		CHECK_EQ(requests[i].calls, 1);
		CHECK_EQ(requests[i].number, i + 2);
		CHECK_ERR(requests[i].result, -EPERM);
	}
	CHECK_EQ(calls, 6);
	for (i = 0; i < 2; i++)
		dput(ends[i]);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_thousand_wait_for_one, "d_alloc_parallel_async d_waiter_cancel")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct request *requests = calloc(1000, sizeof(*requests));
	int i, told = 0;

	for (i = 0; i < 1000; i++)
		must_wait(&requests[i], tree.root, COLD);
	CHECK_EQ(test_nr_waiters(dentry), 1000);
	for (i = 0; i < 1000; i += 3)
		CHECK(d_waiter_cancel(&requests[(i * 7) % 1000].waiter));
	CHECK_EQ(d_add(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
	for (i = 0; i < 1000; i++) {
		told += requests[i].calls;
		if (requests[i].calls)
			dput(requests[i].result);
	}
	CHECK_EQ(told, 666);
	CHECK_EQ(tree_stats(&tree).lookups_started, 1);
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
	tree_end(&tree);
	free(requests);
}

/* ---- d_add_ci_async() ---- */

#define ASKED NAME("ASKED")

TEST(a_stored_spelling_without_sleeping, "d_add_ci_async")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *asked = d_alloc_parallel(tree.root, ASKED, NULL);
	struct dentry *stored = d_alloc_parallel(tree.root, COLD, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
	struct request request;
	int way;

	for (way = 0; way < 2; way++) {
		request_init(&request, answered);
		CHECK(!d_add_ci_async(asked, inode, COLD, &request.waiter));
		CHECK(tree.dc->graph_waiters.first);
		CHECK_EQ(test_nr_counted(stored), 1);
		if (!way) {
			CHECK(d_waiter_cancel(&request.waiter));
			CHECK(!tree.dc->graph_waiters.first);
			CHECK_EQ(test_nr_counted(stored), 0);
			CHECK_EQ(d_count(stored), 1);
		}
	}
	CHECK_EQ(d_lookup_fail(stored, -EIO), 0);
	dput(stored);
	CHECK_EQ(request.calls, 1);
	CHECK_ERR(request.result, -EIO);
	CHECK(!tree.dc->graph_waiters.first);
	/* The failure is the other's: the file has been seen. */
	stored = d_add_ci_async(asked, inode, COLD, &request.waiter);
	CHECK(stored && !IS_ERR(stored) && d_inode(stored) == inode && stored != asked);
	CHECK(!d_waiter_cancel(&request.waiter));
	CHECK_EQ(request.calls, 1);
	CHECK(d_in_lookup(asked));
	d_lookup_done(asked);
	dput(asked);
	dput(stored);
	tree_end(&tree);
}

TEST(holders_that_wait_in_a_circle_without_sleeping, "d_add_ci_async H15")
{
	struct tree tree = tree_begin(NULL, NULL);
	const struct qstr *names[] = { NAME("a"), NAME("b"), NAME("c") };
	struct dentry *dentries[3];
	struct request requests[3];
	struct inode *inode;
	int i;

	for (i = 0; i < 3; i++) {
		request_init(&requests[i], answered);
		dentries[i] = d_alloc_parallel_async(tree.root, names[i], &requests[i].waiter);
	}
	inode = tree_inode(tree.dc, INODE_REGULAR);
	CHECK(!d_add_ci_async(dentries[0], inode, names[1], &requests[0].waiter));
	CHECK(!d_add_ci_async(dentries[1], inode, names[2], &requests[1].waiter));
	ihold(inode);
	CHECK_ERR(d_add_ci_async(dentries[2], inode, names[0], &requests[2].waiter), -EDEADLK);
	ihold(inode);
	CHECK_ERR(d_add_ci(dentries[2], inode, names[0]), -EDEADLK);
	for (i = 0; i < 3; i++)
		CHECK_EQ(d_count(dentries[i]), 1 + (i > 0));
	/* One that was taken back blocks nobody. */
	CHECK(d_waiter_cancel(&requests[1].waiter));
	CHECK(!d_add_ci_async(dentries[2], inode, names[0], &requests[2].waiter));
	for (i = 2; i >= 0; i--) {
		d_lookup_done(dentries[i]);
		dput(dentries[i]);
	}
	CHECK(!tree.dc->graph_waiters.first);
	CHECK_EQ(requests[0].calls + requests[2].calls, 2);
	CHECK_EQ(requests[1].calls, 0);
	iput(inode);
	tree_end(&tree);
}

/* A thread that owns "h" and "i", has one wait without sleeping, and sleeps with the other. */
struct two_ways {
	struct tree *tree;
	struct dentry *h;
	struct request request;
	struct inode *inode;
};

static void *wait_two_ways(void *arg)
{
	struct two_ways *self = arg;
	struct dentry *i = d_alloc_parallel(self->tree->root, NAME("i"), NULL), *found;

	self->h = d_alloc_parallel(self->tree->root, NAME("h"), NULL);
	request_init(&self->request, answered);
	CHECK(!d_add_ci_async(self->h, self->inode, NAME("t"), &self->request.waiter));
	ihold(self->inode);
	found = d_add_ci(i, self->inode, NAME("u"));
	CHECK(d_inode(found) == self->inode);
	dput(found);
	d_lookup_done(i);
	dput(i);
	return NULL;
}

TEST(a_lookup_may_be_held_up_in_two_ways, "d_add_ci_async H15")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct two_ways two = { .tree = &tree, .inode = tree_inode(tree.dc, INODE_REGULAR) };
	const struct qstr *names[] = { NAME("t"), NAME("u"), NAME("v") };
	struct dentry *targets[3];
	struct request requests[3];
	pthread_t thread;
	int i;

	for (i = 0; i < 3; i++) {
		request_init(&requests[i], answered);
		targets[i] = d_alloc_parallel_async(tree.root, names[i], &requests[i].waiter);
	}
	thread = test_thread(wait_two_ways, &two);
	parked(targets[1], 1);
	for (i = 0; i < 2; i++) {
		ihold(two.inode);
		CHECK_ERR(d_add_ci_async(targets[i], two.inode, NAME("h"), &requests[i].waiter),
			  -EDEADLK);
	}
	/* It holds nobody up itself. */
	CHECK(!d_add_ci_async(targets[2], two.inode, NAME("h"), &requests[2].waiter));
	d_lookup_done(targets[1]);
	test_join(thread);
	d_lookup_done(targets[0]);
	CHECK_EQ(two.request.calls, 1);
	d_lookup_done(two.h);
	CHECK_EQ(requests[2].calls, 1);
	d_lookup_done(targets[2]);
	for (i = 0; i < 3; i++)
		dput(targets[i]);
	dput(two.h);
	iput(two.inode);
	tree_end(&tree);
}
