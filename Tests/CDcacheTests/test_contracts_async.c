/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dcache/async.h, case by case. Races: test_hazards_async.c. */
#include "harness.h"

#include "internal.h"

#define COLD NAME("cold")
#define OTHER NAME("other")

/* A waiter of a test's: how often it was called, and with what. */
struct request {
	struct d_waiter waiter;
	struct dentry *result;
	int calls;
	int number; /* it was so many calls before this one */
};

static int calls;

static void answered(struct d_waiter *waiter, struct dentry *result)
{
	struct request *request = container_of(waiter, struct request, waiter);

	request->result = result;
	request->calls++;
	request->number = calls++;
}

/* The memory of the library's part is not as any call left it. */
static void request_init(struct request *request, d_waiter_func *func)
{
	memset(request, 0x5a, sizeof(*request));
	request->waiter.func = func;
	request->calls = 0;
}

/* Register @request for a name that somebody is asking for. */
static void must_wait(struct request *request, struct dentry *parent, const struct qstr *name)
{
	request_init(request, answered);
	CHECK(!d_alloc_parallel_async(parent, name, &request->waiter));
}

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

enum way {
	ADD_POSITIVE,
	ADD_NEGATIVE,
	FAIL,
	REDIRECT,
	GIVE_UP,
	SPLICE,
	END_WITH_ITSELF,
	NR_WAYS
};

/* End @dentry's lookup. Return: what those who wait are to be told. */
static struct dentry *end(struct tree *tree, struct dentry *dentry, struct dentry *dir, enum way way)
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
			struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
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

TEST(a_name_that_cannot_be_asked_for, "d_alloc_parallel_async d_alloc_noblock d_alloc_parallel_until")
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
	const char *stack;
};

static int inside;

static void end_the_next(struct d_waiter *waiter, struct dentry *result)
{
	struct link *link = container_of(waiter, struct link, waiter);
	char here;

	CHECK_ERR(result, -EIO);
	CHECK_EQ(inside++, 0);
	link->stack = &here;
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
		struct qstr qstr = QSTR_INIT(name, (uint32_t)snprintf(name, sizeof(name), "n%d", i));

		dentries[i] = d_alloc_parallel(tree.root, &qstr, NULL);
		links[i].waiter.func = end_the_next;
		CHECK(!d_alloc_parallel_async(tree.root, &qstr, &links[i].waiter));
	}
	for (i = 0; i < CHAIN; i++)
		links[i].next = i + 1 < CHAIN ? dentries[i + 1] : NULL;
	calls = 0;
	CHECK_EQ(d_lookup_fail(dentries[0], -EIO), 0);
	CHECK_EQ(calls, CHAIN);
	for (i = 0; i < CHAIN; i++) {
		CHECK(links[i].stack == links[0].stack);
		dput(dentries[i]);
	}
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

/* ---- until a time ---- */

#define FAR (test_now_ns() + (uint64_t)1000 * 1000000000)

static void *end_soon(void *dentry)
{
	parked(dentry, 1);
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	return NULL;
}

TEST(a_deadline_that_is_not_reached, "d_alloc_parallel_until d_wait_lookup_until")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct dentry *other = d_alloc_parallel(tree.root, OTHER, NULL);
	pthread_t thread;

	d_lookup_detach(dentry);
	thread = test_thread(end_soon, dentry);
	CHECK_ERR(d_alloc_parallel_until(tree.root, COLD, &wq, FAR), -EIO);
	test_join(thread);
	dput(dentry);

	thread = test_thread(end_soon, other);
	dget(other);
	d_lock(other);
	CHECK_EQ(d_wait_lookup_until(other, FAR), 0);
	CHECK(!d_in_lookup(other));
	/* There is nothing to wait for. */
	CHECK_EQ(d_wait_lookup_until(other, 0), 0);
	d_unlock(other);
	test_join(thread);
	CHECK_EQ(d_count(other), 2);
	dput(other);
	dput(other);

	/* Found, and owned, whatever time it is. */
	dentry = d_alloc_parallel_until(tree.root, COLD, &wq, 0);
	CHECK(d_in_lookup(dentry));
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK(d_alloc_parallel_until(tree.root, COLD, &wq, 0) == dentry);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_deadline_that_is_reached, "d_alloc_parallel_until d_wait_lookup_until")
{
	const uint64_t waits[] = { 0, 1, 3000000, 30000000 };
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct request request;
	uint64_t deadline;
	size_t i;

	d_lookup_detach(dentry);
	must_wait(&request, tree.root, COLD);
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		deadline = test_now_ns() + waits[i];
		CHECK_ERR(d_alloc_parallel_until(tree.root, COLD, NULL, deadline), -ETIMEDOUT);
		CHECK(test_now_ns() >= deadline);
		CHECK_EQ(d_count(dentry), 2);
		CHECK_EQ(test_nr_counted(dentry), 1);
		CHECK_EQ(test_nr_waiters(dentry), 1);

		dget(dentry);
		deadline = test_now_ns() + waits[i];
		d_lock(dentry);
		CHECK_EQ(d_wait_lookup_until(dentry, deadline), -ETIMEDOUT);
		CHECK(d_in_lookup(dentry));
		d_unlock(dentry);
		CHECK(test_now_ns() >= deadline);
		CHECK_EQ(d_count(dentry), 3);
		CHECK_EQ(test_nr_counted(dentry), 1);
		dput(dentry);
	}
	/* Whom no deadline concerns goes on waiting. */
	CHECK_EQ(request.calls, 0);
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK(request.result == dentry);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

/* ---- never ---- */

TEST(what_needs_no_waiting_is_done, "d_alloc_noblock")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	char name[DNAME_INLINE_LEN + 20];
	struct qstr long_name = QSTR_INIT(name, sizeof(name));
	const struct qstr *names[] = { COLD, &long_name };
	struct request request;
	int i, own;

	memset(name, 'n', sizeof(name));
	for (i = 0; i < 2; i++) {
		for (own = 0; own < 2; own++) {
			struct dentry *dentry =
				d_alloc_noblock(tree.root, names[i], own ? NULL : &wq);

			CHECK(d_in_lookup(dentry));
			CHECK_EQ(tree_stats(&tree).in_lookup, 1);
			CHECK_EQ(d_count(tree.root), 2);
			CHECK_ERR(d_alloc_noblock(tree.root, names[i], NULL), -EWOULDBLOCK);
			/* It is this thread's. */
			CHECK_ERR(d_alloc_parallel(tree.root, names[i], NULL), -EDEADLK);
			must_wait(&request, tree.root, names[i]);
			CHECK_EQ(d_add(dentry, NULL), 0);
			CHECK(request.result == dentry);
			CHECK(d_alloc_noblock(tree.root, names[i], NULL) == dentry);
			d_drop(dentry);
			dput(dentry);
			dput(dentry);
			dput(dentry);
		}
	}
	tree_end(&tree);
}

TEST(what_is_locked_would_block, "d_alloc_noblock")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, OTHER, INODE_REGULAR);
	uint64_t bytes = tree_stats(&tree).bytes;
	struct qstr prepared = *COLD;
	struct hlist_bl_head *bucket;
	struct dentry *dentry;

	/* The entry, and the directory whose child a new one would be. */
	d_lock(file);
	CHECK_ERR(d_alloc_noblock(tree.root, OTHER, NULL), -EWOULDBLOCK);
	d_unlock(file);
	d_lock(tree.root);
	CHECK_ERR(d_alloc_noblock(tree.root, COLD, NULL), -EWOULDBLOCK);
	CHECK(d_alloc_noblock(tree.root, OTHER, NULL) == file);
	d_unlock(tree.root);
	CHECK_EQ(d_count(file), 2);
	dput(file);
	/* The bucket. */
	CHECK_EQ(d_hash_name(tree.root, &prepared), 0);
	bucket = table_lock(&tree.dc->in_lookup, table_hash(tree.root, &prepared));
	CHECK_ERR(d_alloc_noblock(tree.root, COLD, NULL), -EWOULDBLOCK);
	table_unlock(&tree.dc->in_lookup, bucket);
	/* Somebody is adding, or moving: only what is found is found. */
	dir_seq_begin(d_inode(tree.root));
	CHECK_ERR(d_alloc_noblock(tree.root, COLD, NULL), -EWOULDBLOCK);
	CHECK(d_alloc_noblock(tree.root, OTHER, NULL) == file);
	dir_seq_end(d_inode(tree.root));
	rename_write_lock(tree.dc);
	CHECK_ERR(d_alloc_noblock(tree.root, COLD, NULL), -EWOULDBLOCK);
	CHECK(d_alloc_noblock(tree.root, OTHER, NULL) == file);
	rename_write_unlock(tree.dc);
	dput(file);
	dput(file);
	/* Nothing of what was tried is left. */
	CHECK_EQ(d_count(tree.root), 2);
	CHECK_EQ(tree_stats(&tree).bytes, bytes);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	CHECK_EQ(tree_stats(&tree).lookups_started, 0);
	/* Where nothing else may be called. */
	dc_read_lock();
	dentry = d_alloc_noblock(tree.root, COLD, NULL);
	dc_read_unlock();
	CHECK(d_in_lookup(dentry));
	d_lookup_done(dentry);
	dput(dentry);
	dput(file);
	tree_end(&tree);
}

static _Atomic int evictions;
static _Thread_local bool in_noblock;

static void count_eviction(struct inode *inode)
{
	(void)inode;
	CHECK(!in_noblock);
	atomic_fetch_add(&evictions, 1);
}

static const struct inode_operations evicting_ops = { .evict = count_eviction };

TEST(room_is_made_by_the_instances_thread, "d_alloc_noblock H44")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct tree tree;
	struct dentry *dentry;
	char name[16];
	int i;

	opts.max_entries = 20;
	tree = tree_begin(&opts, NULL);
	for (i = 0; i < 200; i++) {
		struct qstr qstr = QSTR_INIT(name, (uint32_t)snprintf(name, sizeof(name), "n%d", i));

		in_noblock = true;
		dentry = d_alloc_noblock(tree.root, &qstr, NULL);
		in_noblock = false;
		CHECK(d_in_lookup(dentry));
		CHECK_EQ(d_add(dentry, new_inode(tree.dc, (uint64_t)i, INODE_REGULAR, &evicting_ops,
						 NULL)),
			 0);
		dput(dentry);
	}
	CHECK(EVENTUALLY(tree_stats(&tree).entries <= 21));
	CHECK(atomic_load(&evictions) >= 180);
	tree_end(&tree);
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
