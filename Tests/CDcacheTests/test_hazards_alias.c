/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hazards of answering with another entry: d_splice_alias() and d_add_ci(); and of bad parents. */
#include "harness.h"
#include "internal.h"

#define COLD NAME("cold")

/* The tables are whole: two names of each of two in-lookup buckets can be asked for and found. */
static void use_directory(struct dentry *dir)
{
	static const char *const names[] = { "u1", "u2", "u3", "u4", "u5", "u6" };
	size_t i;

	for (i = 0; i < 6; i++) {
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
		struct qstr name = qstr_init(names[i], 2);
		struct dentry *dentry = d_alloc_parallel(dir, &name, &wq);
		struct dentry *found;

		if (!CHECK(!IS_ERR(dentry) && d_in_lookup(dentry)))
			return;
		CHECK_EQ(d_add(dentry, NULL), 0);
		found = d_lookup(dir, &name);
		CHECK(found == dentry);
		dput(found);
		d_drop(dentry);
		dput(dentry);
	}
}

/* ---- H5 ---- */

static const struct dcache_options two_buckets = {
	.size = sizeof(two_buckets),
	.in_lookup_buckets = 2,
};

TEST(add_ci_ends_its_entry_when_splicing_fails, "H5")
{
	struct tree tree = tree_begin(&two_buckets, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *asked = d_alloc_parallel(dir, NAME("ASKED"), &wq);

	ihold(d_inode(dir));
	CHECK_ERR(d_add_ci(asked, d_inode(dir), NAME("stored")), -ELOOP);
	CHECK(d_in_lookup(asked));
	CHECK_EQ(d_count(asked), 1);
	CHECK_EQ(tree_stats(&tree).in_lookup, 1);
	CHECK_EQ(tree_stats(&tree).entries, 3);
	CHECK_EQ(d_count(dir), 2);
	CHECK(!d_lookup(dir, NAME("stored")));
	use_directory(dir);
	d_lookup_done(asked);
	dput(asked);
	dput(dir);
	tree_end(&tree);
}

struct ci_call {
	struct dentry *dentry;
	struct inode *inode;
	const struct qstr *name;
	struct dentry *result;
};

static void *call_add_ci(void *arg)
{
	struct ci_call *call = arg;

	call->result = d_add_ci(call->dentry, call->inode, call->name);
	return NULL;
}

TEST(add_ci_wakes_those_who_wait_for_an_entry_that_failed, "H5")
{
	struct tree tree = tree_begin(&two_buckets, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *asked = d_alloc_parallel(dir, NAME("ASKED"), &wq);
	struct asker on_stored[2] = { { 0 }, { 0 } }, on_asked = { 0 };
	struct ci_call call = { asked, d_inode(dir), NAME("stored"), NULL };
	pthread_t thread;
	int i;

	ihold(d_inode(dir));
	/* No moves just now: the call stops with its own entry in-lookup. */
	dc_lock(&tree.dc->rename_lock);
	thread = test_thread(call_add_ci, &call);
	CHECK(EVENTUALLY(tree_stats(&tree).in_lookup == 2));
	for (i = 0; i < 2; i++)
		asker_start(&on_stored[i], dir, NAME("stored"));
	CHECK(EVENTUALLY(tree_stats(&tree).lookups_waited == 2));
	asker_start(&on_asked, dir, NAME("ASKED"));
	parked(asked, 1);
	dc_unlock(&tree.dc->rename_lock);
	test_join(thread);
	CHECK_ERR(call.result, -ELOOP);
	for (i = 0; i < 2; i++)
		CHECK_ERR(asker_join(&on_stored[i]), -ELOOP);
	/* Those who wait for the asked spelling have nothing to do with it. */
	CHECK_EQ(test_nr_waiters(asked), 1);
	use_directory(dir);
	CHECK_EQ(d_lookup_fail(asked, -ELOOP), 0);
	CHECK_ERR(asker_join(&on_asked), -ELOOP);
	dput(asked);
	dput(dir);
	tree_end(&tree);
}

static struct dentry *answer_ancestor(struct inode *dir, struct dentry *dentry)
{
	ihold(dir);
	return d_add_ci(dentry, dir, NAME("stored"));
}

TEST(a_lookup_that_fails_in_add_ci_leaves_nothing, "H5 H17")
{
	struct tree tree = tree_begin(&two_buckets, &backend_ops);

	backend_begin(answer_ancestor);
	CHECK_ERR(lookup_one_unlocked(tree.root, NAME("ASKED"), 0), -ELOOP);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	use_directory(tree.root);
	tree_end(&tree);
}

/* ---- H9 ---- */

TEST(what_is_below_a_disconnected_entry_goes_with_it, "H9")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_DIRECTORY);
	struct dentry *alias, *dir, *dentry;
	struct dcache_stats stats;
	int i;

	alias = d_obtain_alias(inode);
	CHECK(IS_ROOT(alias) && d_unhashed(alias) && d_is_dir(alias));
	dir = tree_add(&tree, alias, NAME("dir"), INODE_DIRECTORY);
	for (i = 0; i < 10; i++) {
		char name[8];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "f%d", i));
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

		dentry = d_alloc_parallel(i % 3 ? alias : dir, &q, &wq);
		CHECK_EQ(d_add(dentry, i % 2 ? NULL : tree_inode(tree.dc, INODE_REGULAR)), 0);
		dput(dentry);
	}
	dput(dir);
	dput(alias);
	/* All of it is kept for later, and can be found by what is kept. */
	stats = tree_stats(&tree);
	CHECK_EQ(stats.entries, 13);
	CHECK_EQ(stats.unused, 10);
	CHECK_EQ(shrink_dcache(tree.dc, 1000), 11);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(a_disconnected_tree_is_gone_after_destroy, "H9")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *alias = d_obtain_alias(tree_inode(tree.dc, INODE_DIRECTORY));

	dput(tree_add(&tree, alias, NAME("file"), INODE_REGULAR));
	dput(tree_add(&tree, alias, NAME("absent"), 0));
	dput(alias);
	tree_end(&tree);
}

/* ---- H10 ---- */

/* Splice the entry of @inode onto "new" in @parent, for which three askers wait. */
static void splice_before_a_crowd(struct tree *tree, struct inode *inode, struct dentry *alias,
				  struct dentry *parent)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *target = d_alloc_parallel(parent, NAME("new"), &wq);
	struct asker crowd[3] = { { 0 } };
	int before = d_count(alias);
	int i;

	for (i = 0; i < 3; i++)
		asker_start(&crowd[i], parent, NAME("new"));
	parked(target, 3);
	ihold(inode);
	CHECK(d_splice_alias(inode, target) == alias);
	for (i = 0; i < 3; i++)
		CHECK(asker_join(&crowd[i]) == alias && !crowd[i].owned);
	CHECK_EQ(d_count(alias), before + 4);
	CHECK(!d_in_lookup(target) && d_unhashed(target) && d_is_negative(target));
	CHECK(d_parent(alias) == parent && !d_unhashed(alias));
	CHECK_EQ(tree_stats(tree).in_lookup, 0);
	/* It is spent: what it was is another entry now. */
	CHECK_EQ(d_add(target, NULL), -EINVAL);
	CHECK_EQ(d_rehash(target), -EINVAL);
	for (i = 0; i < 4; i++)
		dput(alias);
	CHECK_EQ(d_count(target), 1);
	dput(target);
}

TEST(waiters_for_a_name_get_the_directory_that_is_moved_there, "H10")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *sub = tree_add(&tree, tree.root, NAME("sub"), INODE_DIRECTORY);
	struct inode *inode = tree_inode(tree.dc, INODE_DIRECTORY);
	struct dentry *loose;

	splice_before_a_crowd(&tree, d_inode(sub), sub, tree.root);
	CHECK(!d_lookup(tree.root, NAME("sub")));
	d_drop(sub);
	splice_before_a_crowd(&tree, d_inode(sub), sub, tree.root);
	splice_before_a_crowd(&tree, d_inode(sub), sub, dir);
	CHECK(!d_lookup(tree.root, NAME("new")));
	ihold(inode);
	loose = d_obtain_alias(inode);
	splice_before_a_crowd(&tree, inode, loose, tree.root);
	iput(inode);
	dput(loose);
	dput(sub);
	dput(dir);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

struct splice_call {
	struct dentry *alias, *target;
};

static void *call_splice(void *arg)
{
	struct splice_call *call = arg;

	ihold(d_inode(call->alias));
	CHECK(d_splice_alias(d_inode(call->alias), call->target) == call->alias);
	dput(call->alias);
	return NULL;
}

/* It is the answer even if it cannot be found any more by the time the waiter is told. */
TEST(waiters_get_the_directory_whatever_became_of_it, "H10 H17")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct splice_call call = { dir, d_alloc_parallel(tree.root, COLD, &wq) };
	struct asker asker = { 0 };
	struct gate telling = { 0 };
	pthread_t splicer;

	asker_start(&asker, tree.root, COLD);
	parked(call.target, 1);
	gate_arm(&telling, DC_C4, call.target, 1);
	splicer = test_thread(call_splice, &call);
	CHECK(gate_wait(&telling, 1));
	d_drop(dir);
	gate_open(&telling);
	test_join(splicer);
	CHECK(asker_join(&asker) == dir && !asker.owned);
	CHECK_EQ(tree_stats(&tree).lookups_started, 1);
	dput(asker.result);
	dput(call.target);
	dput(dir);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */

/* ---- H15 ---- */

TEST(add_ci_of_the_own_name_is_done_in_place, "H15")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct asker asker = { 0 };
	struct dentry *dentry;

	d_set_d_op(tree.root, &ascii_ci_ops);
	dentry = d_alloc_parallel(tree.root, NAME("COLD"), &wq);
	asker_start(&asker, tree.root, NAME("cOLD"));
	parked(dentry, 1);
	CHECK(d_add_ci(dentry, tree_inode(tree.dc, INODE_REGULAR), COLD) == dentry);
	CHECK(asker_join(&asker) == dentry);
	CHECK(!d_in_lookup(dentry) && !d_unhashed(dentry) && d_is_positive(dentry));
	CHECK_EQ(d_count(dentry), 3);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	dput(dentry);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

TEST(add_ci_of_the_very_same_bytes_is_done_in_place, "H15")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);

	CHECK(d_add_ci(dentry, tree_inode(tree.dc, INODE_REGULAR), COLD) == dentry);
	CHECK_EQ(d_count(dentry), 2);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

TEST(add_ci_refuses_to_wait_for_its_own_thread, "H15")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *a = d_alloc_parallel(tree.root, NAME("a"), &wq);
	struct dentry *b = d_alloc_parallel(tree.root, NAME("b"), &wq);

	CHECK_ERR(d_add_ci(a, tree_inode(tree.dc, INODE_REGULAR), NAME("b")), -EDEADLK);
	CHECK(d_in_lookup(a) && d_in_lookup(b));
	CHECK_EQ(d_count(a), 1);
	CHECK_EQ(d_count(b), 1);
	d_lookup_done(a);
	d_lookup_done(b);
	dput(a);
	dput(b);
	tree_end(&tree);
}

#define RING 4

/* An owner of the lookup of a letter that finds the next letter stored. */
struct ring_member {
	struct tree *tree;
	struct qstr asked, stored;
	_Atomic bool go;
	_Atomic(struct dentry *) dentry; /* in-lookup */
	struct dentry *result;
};

static void *ring_run(void *arg)
{
	struct ring_member *self = arg;
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(self->tree->root, &self->asked, &wq);

	CHECK(d_in_lookup(dentry));
	atomic_store(&self->dentry, dentry);
	while (!atomic_load(&self->go))
		usleep(100);
	self->result = d_add_ci(dentry, tree_inode(self->tree->dc, INODE_REGULAR), &self->stored);
	if (IS_ERR(self->result))
		d_lookup_fail(dentry, (int)PTR_ERR(self->result));
	else
		d_lookup_redirect(dentry, self->result);
	dput(dentry);
	return NULL;
}

static void cycle_of(int n)
{
	static const char letters[] = "abcdefgh";
	struct tree tree = tree_begin(NULL, NULL);
	struct ring_member ring[RING] = { { 0 } };
	pthread_t threads[RING];
	int i;

	for (i = 0; i < n; i++) {
		ring[i].tree = &tree;
		ring[i].asked = qstr_init(&letters[i], 1);
		ring[i].stored = qstr_init(&letters[(i + 1) % n], 1);
		threads[i] = test_thread(ring_run, &ring[i]);
		CHECK(EVENTUALLY(atomic_load(&ring[i].dentry)));
	}
	for (i = 0; i < n - 1; i++) {
		atomic_store(&ring[i].go, true);
		parked(atomic_load(&ring[i + 1].dentry), 1);
	}
	/* The last one closes the cycle, is refused and fails; then the others can go on. */
	atomic_store(&ring[n - 1].go, true);
	for (i = 0; i < n; i++)
		test_join(threads[i]);
	CHECK_ERR(ring[n - 1].result, -EDEADLK);
	for (i = 0; i < n - 1; i++) {
		if (CHECK(!IS_ERR_OR_NULL(ring[i].result))) {
			CHECK(d_is_positive(ring[i].result));
			dput(ring[i].result);
		}
	}
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	tree_end(&tree);
}

TEST(a_cycle_of_two_owners_is_refused, "H15")
{
	cycle_of(2);
}

TEST(a_cycle_of_three_owners_is_refused, "H15")
{
	cycle_of(3);
}

TEST(a_cycle_of_four_owners_is_refused, "H15")
{
	cycle_of(4);
}

TEST(a_chain_of_owners_is_not_a_cycle, "H15")
{
	static const char letters[] = "abcd";
	struct tree tree = tree_begin(NULL, NULL);
	struct ring_member chain[3] = { { 0 } };
	pthread_t threads[3];
	int i;

	for (i = 0; i < 3; i++) {
		chain[i].tree = &tree;
		chain[i].asked = qstr_init(&letters[i], 1);
		chain[i].stored = qstr_init(&letters[i + 1], 1);
		threads[i] = test_thread(ring_run, &chain[i]);
		CHECK(EVENTUALLY(atomic_load(&chain[i].dentry)));
	}
	for (i = 0; i < 2; i++) {
		atomic_store(&chain[i].go, true);
		parked(atomic_load(&chain[i + 1].dentry), 1);
	}
	/* The last finds "d", which nobody asks for; the others are told of it one after the other. */
	atomic_store(&chain[2].go, true);
	for (i = 0; i < 3; i++)
		test_join(threads[i]);
	CHECK(!IS_ERR_OR_NULL(chain[2].result));
	for (i = 0; i < 3; i++) {
		CHECK(chain[i].result == chain[2].result);
		dput(chain[i].result);
	}
	tree_end(&tree);
}

/* ---- H19 ---- */

static void refuse_parent(struct dentry *parent, int err)
{
	struct wait_queue_head wq;

	init_waitqueue_head(&wq);
	CHECK_ERR(d_alloc_parallel(parent, COLD, &wq), err);
	CHECK_ERR(d_alloc_parallel(parent, COLD, NULL), err);
	CHECK_ERR(d_alloc(parent, COLD), err);
	CHECK_ERR(lookup_one_unlocked(parent, COLD, 0), err);
	CHECK_ERR(lookup_slow(parent, COLD, 0), err);
	CHECK_ERR(__lookup_slow(parent, COLD, 0), err);
	CHECK(!d_lookup(parent, COLD));
	CHECK_EQ(d_count(parent), 1);
}

TEST(a_negative_parent_is_refused, "H19")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *absent = tree_add(&tree, tree.root, NAME("absent"), 0);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *asked = d_alloc_parallel(tree.root, NAME("asked"), &wq);

	refuse_parent(absent, -ENOENT);
	refuse_parent(asked, -ENOENT);
	d_lookup_done(asked);
	dput(asked);
	dput(absent);
	tree_end(&tree);
}

TEST(a_parent_that_is_no_directory_is_refused, "H19")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	enum inode_type type;

	for (type = INODE_REGULAR; type <= INODE_SPECIAL; type++) {
		struct dentry *file = tree_add(&tree, tree.root, NAME("file"), type);

		refuse_parent(file, -ENOTDIR);
		d_drop(file);
		dput(file);
	}
	tree_end(&tree);
}
