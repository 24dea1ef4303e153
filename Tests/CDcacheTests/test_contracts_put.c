/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dput_deferred() and iput_deferred(): what they promise to the caller, and what becomes of the rest. */
#include "harness.h"

#include "internal.h"

/* ---- operations that note who runs them ---- */

static pthread_mutex_t programs_lock = PTHREAD_MUTEX_INITIALIZER;
static bool operations_lock; /* they take it */
static _Atomic int released, evicted, asked_to_keep;
static _Atomic bool ran_here, keep;
static pthread_t here;

static void note_operation(_Atomic int *count)
{
	if (pthread_equal(pthread_self(), here))
		atomic_store(&ran_here, true);
	if (operations_lock) {
		pthread_mutex_lock(&programs_lock);
		pthread_mutex_unlock(&programs_lock);
	}
	atomic_fetch_add(count, 1);
}

static void note_release(struct dentry *dentry)
{
	(void)dentry;
	note_operation(&released);
}

static void note_evict(struct inode *inode)
{
	(void)inode;
	note_operation(&evicted);
}

static int note_delete(const struct dentry *dentry)
{
	(void)dentry;
	note_operation(&asked_to_keep);
	return !atomic_load(&keep);
}

static const struct dentry_operations noting_ops = { .d_release = note_release };
static const struct dentry_operations asking_ops = { .d_release = note_release,
						     .d_delete = note_delete };
static const struct inode_operations noting_inode_ops = { .evict = note_evict };

static struct tree put_tree(const struct dcache_options *opts)
{
	struct dcache_options options = DCACHE_OPTIONS_INIT;

	if (opts)
		options = *opts;
	options.d_op = &noting_ops;
	operations_lock = false;
	atomic_store(&released, 0);
	atomic_store(&evicted, 0);
	atomic_store(&asked_to_keep, 0);
	atomic_store(&ran_here, false);
	atomic_store(&keep, true);
	here = pthread_self();
	return tree_begin(&options, NULL);
}

static struct inode *noting_inode(struct tree *tree)
{
	return new_inode(tree->dc, 1, INODE_REGULAR, &noting_inode_ops, NULL);
}

/* A file that is not hashed. */
static struct dentry *unhashed_file(struct tree *tree)
{
	struct dentry *dentry = d_alloc(tree->root, NAME("unhashed"));

	CHECK_EQ(d_instantiate(dentry, noting_inode(tree)), 0);
	return dentry;
}

/* A hashed file whose d_delete operation says whether to keep it. */
static struct dentry *asking_file(struct tree *tree, const struct qstr *name)
{
	struct dentry *dentry = d_alloc(tree->root, name);

	d_set_d_op(dentry, &asking_ops);
	CHECK_EQ(d_add(dentry, noting_inode(tree)), 0);
	return dentry;
}

/* Nothing is done in the background until hold_end(). */
static void hold_begin(struct tree *tree)
{
	dc_lock(&tree->dc->deferred.run);
}

static void hold_end(struct tree *tree)
{
	dc_unlock(&tree->dc->deferred.run);
	dcache_barrier(tree->dc);
	CHECK_EQ(tree_stats(tree).pending_puts, 0);
}

static bool no_puts_pending(struct tree *tree)
{
	return EVENTUALLY(!tree_stats(tree).pending_puts);
}

/* ---- in the caller's context ---- */

TEST(operations_run_in_another_thread, "dput_deferred iput_deferred")
{
	struct tree tree = put_tree(NULL);

	dput_deferred(unhashed_file(&tree));
	CHECK(EVENTUALLY(atomic_load(&released) == 1 && atomic_load(&evicted) == 1));
	iput_deferred(noting_inode(&tree));
	CHECK(EVENTUALLY(atomic_load(&evicted) == 2));
	dput_deferred(asking_file(&tree, NAME("n")));
	CHECK(EVENTUALLY(atomic_load(&asked_to_keep) == 1));
	CHECK(!atomic_load(&ran_here));
	CHECK(no_puts_pending(&tree));
	tree_end(&tree);
}

/* What dput() could not do. */
TEST(a_lock_that_the_operations_take_may_be_held, "dput_deferred iput_deferred")
{
	struct tree tree = put_tree(NULL);
	struct dentry *asking = asking_file(&tree, NAME("n"));
	struct dentry *dentry = unhashed_file(&tree);

	operations_lock = true;
	pthread_mutex_lock(&programs_lock);
	dput_deferred(dentry);
	iput_deferred(noting_inode(&tree));
	dput_deferred(asking);
	CHECK_EQ(tree_stats(&tree).pending_puts, 3);
	CHECK_EQ(tree_stats(&tree).inodes, 4);
	pthread_mutex_unlock(&programs_lock);
	CHECK(no_puts_pending(&tree));
	CHECK_EQ(atomic_load(&released), 1);
	CHECK_EQ(atomic_load(&evicted), 2);
	CHECK_EQ(atomic_load(&asked_to_keep), 1);
	tree_end(&tree);
}

TEST(a_directorys_lock_may_be_held, "dput_deferred inode_lock")
{
	struct tree tree = put_tree(NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct inode *inode = d_inode(dir);

	ihold(inode);
	inode_lock(inode);
	d_drop(dir);
	dput_deferred(dir);
	inode_unlock(inode);
	iput_deferred(inode);
	CHECK(no_puts_pending(&tree));
	CHECK_EQ(tree_stats(&tree).inodes, 1);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

/* Out of memory is no input of theirs. */
TEST(a_deferred_put_allocates_and_frees_nothing, "dput_deferred iput_deferred H51")
{
	struct tree tree = put_tree(NULL);
	struct dentry *kept = tree_add(&tree, tree.root, NAME("kept"), INODE_REGULAR);
	struct dentry *dropped = tree_add(&tree, tree.root, NAME("dropped"), INODE_REGULAR);
	struct dentry *asking = asking_file(&tree, NAME("asking"));
	struct dentry *dentry = unhashed_file(&tree);
	struct inode *inode = noting_inode(&tree);
	long before;

	dget(dropped);
	dput(dropped);
	d_drop(dropped);
	hold_begin(&tree);
	before = dc_live_allocations();
	dc_fail_allocation(1);
	dput_deferred(dget(dentry));
	dput_deferred(dentry);
	dput_deferred(kept);
	dput_deferred(dropped);
	dput_deferred(asking);
	iput_deferred(inode);
	CHECK(!dc_allocation_failed());
	dc_fail_allocation(0);
	CHECK_EQ(dc_live_allocations(), before);
	CHECK_EQ(tree_stats(&tree).pending_puts, 4);
	hold_end(&tree);
	tree_end(&tree);
}

#endif

TEST(what_needs_counting_only_is_done_at_once, "dput_deferred iput_deferred")
{
	struct tree tree = put_tree(NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, NAME("n"), INODE_REGULAR);
	struct inode *inode = d_inode(dentry);
	int i;

	hold_begin(&tree);
	dput_deferred(NULL);
	iput_deferred(NULL);
	dput_deferred(ERR_PTR(-EIO));
	iput_deferred((struct inode *)ERR_PTR(-EIO));
	ihold(inode);
	iput_deferred(inode);
	CHECK_EQ(atomic_load(&inode->i_count), 1);
	dput_deferred(dget(dentry));
	CHECK_EQ(d_count(dentry), 1);
	CHECK_EQ(tree_stats(&tree).unused, 0);
	/* The last: for the first time, as used again, and as one that is known to be. */
	for (i = 0; i < 3; i++) {
		dput_deferred(i ? d_lookup(tree.root, NAME("n")) : dentry);
		CHECK_EQ(d_count(dentry), 0);
		CHECK_EQ(tree_stats(&tree).unused, 1);
	}
	CHECK_EQ(tree_stats(&tree).pending_puts, 0);
	hold_end(&tree);
	/* It is spared once, as what dput() put is. */
	CHECK_EQ(lru_shrink(tree.dc, 1, 1, false), 0);
	CHECK_EQ(lru_shrink(tree.dc, 1, 1, false), 1);
	tree_end(&tree);
}

TEST(the_thread_is_told_once_of_many, "dput_deferred iput_deferred")
{
	struct tree tree = put_tree(NULL);
	uint32_t before;
	int i;

	/* Until it has begun a portion that it cannot go on with. */
	hold_begin(&tree);
	before = atomic_load(&tree.dc->reclaim.kick);
	for (i = 0; i < 1000; i++)
		dput_deferred(unhashed_file(&tree));
	CHECK_EQ(atomic_load(&tree.dc->reclaim.kick) - before, 2);
	for (i = 0; i < 1000; i++)
		iput_deferred(noting_inode(&tree));
	CHECK_EQ(atomic_load(&tree.dc->reclaim.kick) - before, 4);
	CHECK_EQ(tree_stats(&tree).pending_puts, 2000);
	CHECK_EQ(tree_stats(&tree).entries, 1001);
	CHECK_EQ(tree_stats(&tree).inodes, 2001);
	/* It goes on until nothing is left. */
	dc_unlock(&tree.dc->deferred.run);
	CHECK(no_puts_pending(&tree));
	CHECK_EQ(tree_stats(&tree).entries, 1);
	CHECK_EQ(atomic_load(&released), 1000);
	CHECK_EQ(atomic_load(&evicted), 2000);
	tree_end(&tree);
}

/* Again and again, as it falls asleep and is awake. */
TEST(the_thread_is_told_each_time, "dput_deferred iput_deferred")
{
	struct tree tree = put_tree(NULL);
	int i;

	for (i = 0; i < 3000; i++) {
		dput_deferred(unhashed_file(&tree));
		if (i % 3)
			iput_deferred(noting_inode(&tree));
		if (i % 7 == 0 && !CHECK(no_puts_pending(&tree)))
			break;
	}
	CHECK(no_puts_pending(&tree));
	CHECK_EQ(atomic_load(&released), 3000);
	CHECK_EQ(atomic_load(&evicted), 5000);
	tree_end(&tree);
}

/* ---- from operations ---- */

static struct dentry *from_operation[2];
static struct inode *inode_from_operation;
static struct dcache *operations_dc;
static _Atomic long result_in_operation;

static void defer_more(struct inode *inode)
{
	(void)inode;
	dput_deferred(from_operation[0]);
	dput_deferred(from_operation[1]);
	iput_deferred(inode_from_operation);
	/* Neither waits for the portion that calls this. */
	atomic_store(&result_in_operation, dcache_destroy(operations_dc));
	dcache_barrier(operations_dc);
	note_evict(NULL);
}

static void operation_begin(struct tree *tree)
{
	from_operation[0] = unhashed_file(tree);
	from_operation[1] = asking_file(tree, NAME("n"));
	inode_from_operation = noting_inode(tree);
	operations_dc = tree->dc;
	atomic_store(&result_in_operation, 0);
}

TEST(an_operation_in_the_background_defers_puts, "dput_deferred iput_deferred dcache_destroy")
{
	static const struct inode_operations ops = { .evict = defer_more };
	struct tree tree = put_tree(NULL);

	operation_begin(&tree);
	iput_deferred(new_inode(tree.dc, 2, INODE_REGULAR, &ops, NULL));
	CHECK(EVENTUALLY(atomic_load(&evicted) == 3));
	CHECK_EQ(atomic_load(&result_in_operation), -EDEADLK);
	CHECK(no_puts_pending(&tree));
	CHECK(!atomic_load(&ran_here));
	tree_end(&tree);
}

static void defer_in_release(struct inode *inode)
{
	(void)inode;
	dput_deferred(from_operation[0]);
	dput_deferred(from_operation[1]);
	iput_deferred(inode_from_operation);
}

/* What a release operation defers at the end is waited for, as is what that keeps. */
TEST(an_instance_ends_with_the_puts_that_a_release_defers, "dput_deferred dcache_destroy")
{
	static const struct inode_operations ops = { .release = defer_in_release };
	struct tree tree = put_tree(NULL);

	operation_begin(&tree);
	iput_deferred(new_inode(tree.dc, 2, INODE_REGULAR, &ops, NULL));
	tree_end(&tree);
	CHECK_EQ(atomic_load(&evicted), 3);
}

/* ---- what becomes of it ---- */

TEST(a_dropped_entry_leaves_the_list_of_unused_ones, "dput_deferred d_drop")
{
	struct tree tree = put_tree(NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, NAME("n"), INODE_REGULAR);

	dput(dentry);
	CHECK(d_lookup(tree.root, NAME("n")) == dentry);
	d_drop(dentry);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	hold_begin(&tree);
	dput_deferred(dentry);
	CHECK_EQ(tree_stats(&tree).unused, 0);
	CHECK_EQ(d_count(dentry), 1);
	CHECK_EQ(shrink_dcache(tree.dc, 10), 0);
	CHECK_EQ(atomic_load(&released), 0);
	hold_end(&tree);
	CHECK_EQ(atomic_load(&released), 1);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(a_root_is_put, "dput_deferred d_make_root")
{
	struct tree tree = put_tree(NULL);
	struct dentry *other = d_make_root(tree_inode(tree.dc, INODE_DIRECTORY));

	hold_begin(&tree);
	dput_deferred(other);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	hold_end(&tree);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(d_delete_operations_decide_in_the_background, "dput_deferred")
{
	struct tree tree = put_tree(NULL);
	struct dentry *dentry = asking_file(&tree, NAME("n"));

	hold_begin(&tree);
	dput_deferred(dentry);
	CHECK_EQ(atomic_load(&asked_to_keep), 0);
	hold_end(&tree);
	CHECK_EQ(atomic_load(&asked_to_keep), 1);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	CHECK_EQ(d_count(dentry), 0);

	CHECK(d_lookup(tree.root, NAME("n")) == dentry);
	atomic_store(&keep, false);
	hold_begin(&tree);
	dput_deferred(dentry);
	CHECK_EQ(tree_stats(&tree).unused, 0);
	hold_end(&tree);
	CHECK_EQ(atomic_load(&asked_to_keep), 2);
	CHECK_EQ(atomic_load(&released), 1);
	tree_end(&tree);
}

#ifdef TEST_SANITIZED
#define LINKS 20000
#else
#define LINKS 200000
#endif

/* Each is kept by the next alone: a portion does not go all the way. */
TEST(a_chain_is_put_in_portions, "dput_deferred H44")
{
	struct tree tree = put_tree(NULL);
	struct dentry *dentry = dget(tree.root);
	int i;

	for (i = 0; i < LINKS; i++) {
		struct dentry *below = d_alloc(dentry, NAME("link"));

		CHECK_EQ(d_instantiate(below, tree_inode(tree.dc, INODE_DIRECTORY)), 0);
		dput(dentry);
		dentry = below;
	}
	hold_thread(&tree);
	dput_deferred(dentry);
	CHECK_EQ(tree_stats(&tree).entries, 1 + LINKS);
	CHECK(deferred_work(&tree.dc->deferred));
	CHECK_EQ(tree_stats(&tree).entries, 1 + LINKS - 64);
	/* It is one reference that waits, until all is done that follows from it. */
	CHECK_EQ(tree_stats(&tree).pending_puts, 1);
	let_thread_go();
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).pending_puts, 0);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	CHECK_EQ(atomic_load(&released), LINKS);
	tree_end(&tree);
}

/* ---- while it waits ---- */

TEST(what_waits_to_be_put_is_found_and_put_again, "dput_deferred d_lookup")
{
	struct tree tree = put_tree(NULL);
	struct dentry *dentry = asking_file(&tree, NAME("n"));
	int i;

	hold_begin(&tree);
	dput_deferred(dentry);
	CHECK_EQ(tree_stats(&tree).pending_puts, 1);
	for (i = 0; i < 4; i++) {
		CHECK(d_lookup(tree.root, NAME("n")) == dentry);
		CHECK_EQ(d_count(dentry), 2);
		/* Not the last: that waits. */
		if (i % 2)
			dput_deferred(dentry);
		else
			dput(dentry);
		CHECK_EQ(d_count(dentry), 1);
		CHECK_EQ(tree_stats(&tree).pending_puts, 1);
	}
	CHECK(d_lookup(tree.root, NAME("n")) == dentry);
	hold_end(&tree);
	/* Somebody has it: it was not asked about. */
	CHECK_EQ(atomic_load(&asked_to_keep), 0);
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	tree_end(&tree);
}

TEST(what_waits_to_be_put_is_shrunk_past, "dput_deferred shrink_dcache shrink_dcache_parent")
{
	struct tree tree = put_tree(NULL);
	struct dentry *dentry = asking_file(&tree, NAME("n"));

	dput(tree_add(&tree, tree.root, NAME("unused"), INODE_REGULAR));
	hold_begin(&tree);
	dput_deferred(dentry);
	CHECK_EQ(shrink_dcache(tree.dc, 10), 1);
	CHECK_EQ(shrink_dcache_parent(tree.root), 0);
	CHECK_EQ(d_count(dentry), 1);
	hold_end(&tree);
	CHECK_EQ(d_count(dentry), 0);
	CHECK_EQ(shrink_dcache_parent(tree.root), 1);
	tree_end(&tree);
}

TEST(what_waits_to_be_put_is_invalidated, "dput_deferred d_invalidate")
{
	struct tree tree = put_tree(NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *dentry = d_alloc(dir, NAME("n"));

	d_set_d_op(dentry, &asking_ops);
	CHECK_EQ(d_add(dentry, noting_inode(&tree)), 0);
	hold_begin(&tree);
	dput_deferred(dentry);
	CHECK_EQ(d_invalidate(dir), 0);
	CHECK_EQ(d_count(dentry), 1);
	hold_end(&tree);
	/* Nobody is asked about what is not true any more. */
	CHECK_EQ(atomic_load(&asked_to_keep), 0);
	CHECK_EQ(atomic_load(&released), 1);
	dput(dir);
	tree_end(&tree);
}

TEST(what_waits_to_be_put_moves_and_turns, "dput_deferred d_move d_instantiate d_delete")
{
	struct tree tree = put_tree(NULL);
	struct dentry *dentry = asking_file(&tree, NAME("n"));
	struct dentry *negative = d_alloc(tree.root, NAME("negative"));
	struct dentry *target = d_alloc(tree.root, NAME("target"));

	d_set_d_op(negative, &asking_ops);
	CHECK_EQ(d_add(negative, NULL), 0);
	hold_begin(&tree);
	dput_deferred(negative);
	dput_deferred(dentry);
	CHECK_EQ(d_move(dentry, target), 0);
	CHECK(d_lookup(tree.root, NAME("negative")) == negative);
	CHECK_EQ(d_instantiate(negative, noting_inode(&tree)), 0);
	CHECK_EQ(tree_stats(&tree).unused, 0);
	dput(negative);
	hold_end(&tree);
	CHECK_EQ(tree_stats(&tree).unused, 2);
	CHECK(d_lookup(tree.root, NAME("target")) == dentry);
	dput(dentry);
	dput(target);
	tree_end(&tree);
}

TEST(an_inode_that_waits_to_be_put_is_found, "iput_deferred iget_locked igrab")
{
	struct tree tree = put_tree(NULL);
	struct inode *inode = iget_locked(tree.dc, 77);

	CHECK_EQ(unlock_new_inode(inode, INODE_REGULAR, &noting_inode_ops, NULL), 0);
	hold_begin(&tree);
	iput_deferred(inode);
	CHECK(iget_locked(tree.dc, 77) == inode);
	iput_deferred(inode);
	CHECK_EQ(tree_stats(&tree).pending_puts, 1);
	CHECK(ilookup(tree.dc, 77) == inode);
	CHECK_EQ(atomic_load(&inode->i_count), 2);
	hold_end(&tree);
	CHECK_EQ(atomic_load(&evicted), 0);
	CHECK_EQ(atomic_load(&inode->i_count), 1);
	iput_deferred(inode);
	dcache_barrier(tree.dc);
	CHECK_EQ(atomic_load(&evicted), 1);
	CHECK(!ilookup(tree.dc, 77));
	CHECK_EQ(tree_stats(&tree).inodes, 1);
	tree_end(&tree);
}

/* ---- the end of it ---- */

TEST(a_barrier_waits_for_deferred_puts, "dcache_barrier dput_deferred iput_deferred")
{
	struct tree tree = put_tree(NULL);
	int i;

	for (i = 0; i < 2000; i++) {
		dput_deferred(unhashed_file(&tree));
		iput_deferred(noting_inode(&tree));
		if (i % 500 == 0) {
			dcache_barrier(tree.dc);
			CHECK_EQ(tree_stats(&tree).entries, 1);
			CHECK_EQ(tree_stats(&tree).inodes, 1);
			CHECK_EQ(tree_stats(&tree).pending_frees, 0);
			CHECK_EQ(atomic_load(&evicted), 2 * (i + 1));
		}
	}
	dcache_barrier(tree.dc);
	CHECK_EQ(atomic_load(&released), 2000);
	tree_end(&tree);
}

/* More than a portion, which the thread has not begun with. */
TEST(an_instance_ends_with_deferred_puts, "dcache_destroy dput_deferred iput_deferred")
{
	struct tree tree = put_tree(NULL);
	struct dentry *used = tree_add(&tree, tree.root, NAME("used"), INODE_REGULAR);
	int i;

	for (i = 0; i < 1000; i++) {
		dput_deferred(unhashed_file(&tree));
		iput_deferred(noting_inode(&tree));
	}
	CHECK_EQ(dcache_destroy(tree.dc), -EBUSY);
	CHECK_EQ(tree_stats(&tree).pending_puts, 0);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	dput_deferred(used);
	for (i = 0; i < 1000; i++)
		dput_deferred(unhashed_file(&tree));
	dput_deferred(dget(tree.root));
	tree_end(&tree);
	CHECK_EQ(atomic_load(&released), 2002);
	CHECK_EQ(atomic_load(&evicted), 3000);
}
