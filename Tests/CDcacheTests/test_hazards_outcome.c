/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hazards of outcomes: what everybody who waits is told, so that nobody asks again; and of waiting
 * for oneself.
 */
#include "harness.h"

#define COLD NAME("cold")
#define CROWD 8

/* ---- H17 ---- */

TEST(waiters_share_an_error, "H17")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker crowd[CROWD] = { 0 };

	start_crowd(crowd, CROWD, tree.root, COLD);
	parked(dentry, CROWD);
	CHECK_EQ(d_lookup_fail(dentry, -EACCES), 0);
	CHECK_EQ(join_crowd(crowd, CROWD, ERR_PTR(-EACCES)), 0);
	CHECK_EQ(tree_stats(&tree).lookups_started, 1);
	CHECK_EQ(tree_stats(&tree).outcomes_shared, CROWD);
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
	tree_end(&tree);
}

TEST(waiters_share_a_redirect, "H17")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *alias = tree_add(&tree, tree.root, NAME("Stored"), INODE_REGULAR);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker crowd[CROWD] = { 0 };
	int i;

	start_crowd(crowd, CROWD, tree.root, COLD);
	parked(dentry, CROWD);
	CHECK_EQ(d_lookup_redirect(dentry, alias), 0);
	for (i = 0; i < CROWD; i++)
		CHECK(asker_join(&crowd[i]) == alias && !crowd[i].owned);
	/* Each has a reference, and the caller has kept its own. */
	CHECK_EQ(d_count(alias), CROWD + 1);
	CHECK_EQ(d_count(dentry), 1);
	CHECK_EQ(tree_stats(&tree).outcomes_shared, CROWD);
	for (i = 0; i < CROWD + 1; i++)
		dput(alias);
	dput(dentry);
	tree_end(&tree);
}

static struct dentry *redirect_to;

static struct dentry *answer_redirect(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	(void)dentry;
	return dget(redirect_to);
}

static struct dentry *answer_nothing(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	(void)dentry;
	return NULL;
}

static void *ask_slowly(void *parent)
{
	return lookup_slow(parent, COLD, 0);
}

/* @n callers of lookup_slow() at once. Returns the first's result; the others' are equal and put. */
static struct dentry *storm(struct tree *tree, int n)
{
	pthread_t *threads = calloc((size_t)n, sizeof(*threads));
	uint64_t waited = tree_stats(tree).lookups_waited;
	void *result, *first = NULL;
	int i;

	atomic_store(&backend.calls, 0);
	atomic_store(&backend.held, true);
	for (i = 0; i < n; i++)
		threads[i] = test_thread(ask_slowly, tree->root);
	CHECK(EVENTUALLY(tree_stats(tree).lookups_waited == waited + (uint64_t)n - 1));
	atomic_store(&backend.held, false);
	for (i = 0; i < n; i++) {
		pthread_join(threads[i], &result);
		CHECK(!i || result == first);
		if (i)
			dput(result);
		else
			first = result;
	}
	CHECK_EQ(atomic_load(&backend.calls), 1);
	free(threads);
	return first;
}

TEST(a_storm_on_a_failing_backend_is_one_call, "H17")
{
	struct tree tree = tree_begin(NULL, &backend_ops);

	backend_begin(answer_error);
	CHECK_ERR(storm(&tree, 128), -EIO);
	/* Nothing of it is remembered. */
	CHECK_ERR(storm(&tree, 2), -EIO);
	tree_end(&tree);
}

TEST(a_storm_on_a_redirecting_backend_is_one_call, "H17")
{
	struct tree tree = tree_begin(NULL, &backend_ops);

	redirect_to = tree_add(&tree, tree.root, NAME("Stored"), INODE_REGULAR);
	backend_begin(answer_redirect);
	CHECK(storm(&tree, 128) == redirect_to);
	CHECK_EQ(d_count(redirect_to), 2);
	dput(redirect_to);
	dput(redirect_to);
	tree_end(&tree);
}

TEST(a_storm_on_a_backend_that_caches_nothing_is_one_call, "H17")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *dentry;

	backend_begin(answer_nothing);
	dentry = storm(&tree, 32);
	REQUIRE(!IS_ERR_OR_NULL(dentry));
	CHECK(d_is_negative(dentry) && d_unhashed(dentry) && !d_in_lookup(dentry));
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(a_storm_on_a_positive_name_is_one_call, "H1 H17")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *dentry;

	backend_begin(answer_file);
	dentry = storm(&tree, 128);
	CHECK(d_is_positive(dentry) && d_count(dentry) == 1);
	dput(dentry);
	tree_end(&tree);
}

/* ---- H18 ---- */

TEST(asking_twice_before_answering_is_refused, "H18")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq2);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);

	CHECK_ERR(d_alloc_parallel(tree.root, COLD, &wq), -EDEADLK);
	CHECK_ERR(d_alloc_parallel(tree.root, COLD, &wq2), -EDEADLK);
	CHECK_ERR(d_alloc_parallel(tree.root, COLD, NULL), -EDEADLK);
	CHECK_EQ(d_count(dentry), 1);
	CHECK(d_in_lookup(dentry));
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK(d_alloc_parallel(tree.root, COLD, &wq2) == dentry);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

static void *end_later(void *dentry)
{
	parked(dentry, 1);
	CHECK_EQ(d_add(dentry, NULL), 0);
	return NULL;
}

TEST(a_detached_lookup_may_be_waited_for, "H18")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	pthread_t other;

	CHECK_ERR(d_alloc_parallel(tree.root, COLD, NULL), -EDEADLK);
	d_lookup_detach(dentry);
	other = test_thread(end_later, dentry);
	CHECK(d_alloc_parallel(tree.root, COLD, NULL) == dentry);
	test_join(other);
	/* Nothing to do any more. */
	d_lookup_detach(dentry);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}
