/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Backends that are late, slow, unreliable, or wrong in what they say. What is refused is refused to
 * everybody who waits, with the same error, and the lookup is ended; nothing is lost.
 * Backends that answer twice: test_faults_backend.c.
 */
#include "harness.h"

#define COLD NAME("cold")
#define CROWD 6

/* ---- late: the tree is no longer what it was when the lookup began ---- */

TEST(an_answer_comes_after_its_directory_was_dropped, "faults H16 d_add d_drop")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(dir, COLD, &wq);
	struct asker crowd[CROWD];

	start_crowd(crowd, CROWD, dir, COLD);
	parked(dentry, CROWD);
	d_drop(dir);
	/* All that is left of the directory are those who ask in it. */
	dput(dir);
	CHECK(!d_lookup(tree.root, NAME("dir")));
	CHECK_EQ(d_add(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK_EQ(join_crowd(crowd, CROWD, dentry), 0);
	CHECK(d_parent(dentry) == dir && d_is_dir(dir));
	dput(dentry);
	CHECK_EQ(shrink_dcache(tree.dc, 10), 1);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(an_answer_comes_after_its_directory_was_deleted, "faults H19 d_add d_delete")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(dir, COLD, &wq);
	struct asker asker = { 0 };

	asker_start(&asker, dir, COLD);
	parked(dentry, 1);
	/* A lookup in it is one more user: it stays a directory for them. */
	d_delete(dir);
	CHECK(d_unhashed(dir) && d_is_dir(dir));
	CHECK_EQ(d_lookup_fail(dentry, -ENOENT), 0);
	CHECK_ERR(asker_join(&asker), -ENOENT);
	dput(dentry);
	dput(dir);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

static struct dentry *answer_here(struct dentry *dentry, int way, struct tree *tree)
{
	switch (way) {
	case 0:
		CHECK_EQ(d_add(dentry, tree_inode(tree->dc, INODE_REGULAR)), 0);
		return dentry;
	case 1:
		CHECK(!d_splice_alias(tree_inode(tree->dc, INODE_DIRECTORY), dentry));
		return dentry;
	default:
		CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
		return ERR_PTR(-EIO);
	}
}

static void answer_after_a_move(int way)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *deep = tree_add(&tree, tree.root, NAME("deep"), INODE_DIRECTORY);
	struct dentry *place = d_alloc(deep, NAME("new place"));
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(dir, COLD, &wq);
	struct inode *inode = d_inode(dir);
	struct asker crowd[CROWD];
	char path[64];

	start_crowd(crowd, CROWD, dir, COLD);
	parked(dentry, CROWD);
	ihold(inode);
	CHECK(d_splice_alias(inode, place) == dir);
	dput(dir);
	CHECK_EQ(join_crowd(crowd, CROWD, answer_here(dentry, way, &tree)), 0);
	CHECK(dentry_path(dentry, path, sizeof(path)) > 0);
	CHECK(!strcmp(path, "/deep/new place/cold"));
	dput(dentry);
	dput(place);
	dput(dir);
	dput(deep);
	tree_end(&tree);
}

TEST(an_answer_comes_after_its_directory_was_moved, "faults H10 d_add d_splice_alias")
{
	int way;

	for (way = 0; way < 3; way++)
		answer_after_a_move(way);
}

/* What an answer is, in all ways in which there may be one. */
static struct dentry *answer_late(struct tree *tree, struct dentry *dentry, int way,
				  struct dentry *elsewhere)
{
	struct dentry *answer;

	switch (way) {
	case 0:
		CHECK_EQ(d_add(dentry, NULL), 0);
		break;
	case 1:
		CHECK_EQ(d_add(dentry, tree_inode(tree->dc, INODE_REGULAR)), 0);
		break;
	case 2:
		CHECK(!d_splice_alias(tree_inode(tree->dc, INODE_DIRECTORY), dentry));
		break;
	case 3:
		ihold(d_inode(elsewhere));
		answer = d_splice_alias(d_inode(elsewhere), dentry);
		CHECK(answer == elsewhere && d_parent(answer) == tree->root);
		dput(answer);
		return elsewhere;
	default:
		answer = d_add_ci(dentry, tree_inode(tree->dc, INODE_REGULAR), COLD);
		CHECK(answer == dentry);
		dput(answer);
	}
	CHECK_EQ(d_is_positive(dentry), way != 0);
	return dentry;
}

/* Somebody made the name without the directory's lock: that stands, and is found from then on. Those who
 * have waited since before get what was answered. */
static void answer_after_a_creation(int way)
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct dentry *elsewhere = tree_add(&tree, tree.root, NAME("elsewhere"), INODE_DIRECTORY);
	struct asker crowd[CROWD];
	struct dentry *made, *answer;

	start_crowd(crowd, CROWD, tree.root, COLD);
	parked(dentry, CROWD);
	made = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	CHECK(d_lookup_overtaken(dentry));
	answer = answer_late(&tree, dentry, way, elsewhere);
	CHECK(!d_in_lookup(dentry) && d_unhashed(dentry) && d_lookup_overtaken(dentry));
	CHECK_EQ(join_crowd(crowd, CROWD, answer), 0);
	CHECK_EQ(tree_stats(&tree).overtaken, 1);
	CHECK_EQ(d_rehash(dentry), -EINVAL);
	CHECK(d_lookup(tree.root, COLD) == made);
	dput(made);
	CHECK_EQ(d_count(made), 1);
	dput(made);
	dput(elsewhere);
	dput(dentry);
	tree_end(&tree);
}

TEST(an_answer_comes_after_somebody_else_made_the_name,
     "faults H13 H22 d_add d_splice_alias d_add_ci d_lookup_overtaken")
{
	int way;

	for (way = 0; way < 5; way++)
		answer_after_a_creation(way);
}

/* The name came and went while it was asked for: that is another time than that of the question. */
TEST(an_answer_comes_after_the_name_came_and_went, "faults H22 d_add d_drop")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct dentry *made = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct asker asker = { 0 };
	struct dentry *answer;

	d_drop(made);
	/* An in-lookup entry is not hashed: there is nothing to drop, and waiters stay. */
	asker_start(&asker, tree.root, COLD);
	parked(dentry, 1);
	d_drop(dentry);
	CHECK_EQ(d_rehash(dentry), -EBUSY);
	CHECK(d_in_lookup(dentry) && test_nr_waiters(dentry) == 1);
	CHECK_EQ(d_add(dentry, NULL), 0);
	/* Who came after that asks anew. */
	answer = asker_join(&asker);
	CHECK(asker.owned && answer != dentry);
	CHECK(d_unhashed(dentry) && d_lookup_overtaken(dentry));
	CHECK_EQ(d_rehash(made), 0);
	dput(answer);
	dput(dentry);
	dput(made);
	tree_end(&tree);
}

/* ---- slow ---- */

static void *look_up_cold(void *parent)
{
	return lookup_slow(parent, COLD, 0);
}

TEST(a_backend_that_hangs_holds_up_nobody_else, "faults H6 H50 lookup_slow")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	pthread_t threads[3];
	void *result;
	int i;

	backend_begin(answer_file);
	atomic_store(&backend.held, true);
	for (i = 0; i < 3; i++)
		threads[i] = test_thread(look_up_cold, tree.root);
	CHECK(EVENTUALLY(tree_stats(&tree).lookups_waited == 2));
	/* Finding, making, dropping and freeing go on, in that directory and elsewhere. */
	for (i = 0; i < 200; i++) {
		struct dentry *found = d_lookup(tree.root, NAME("dir"));

		CHECK(found == dir);
		dput(found);
		found = lookup_one_unlocked(tree.root, NAME("dir"), 0);
		CHECK(found == dir);
		dput(found);
		found = tree_add(&tree, i % 2 ? dir : tree.root, NAME("passing"), INODE_REGULAR);
		d_drop(found);
		dput(found);
	}
	shrink_dcache(tree.dc, 10);
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).pending_frees, 0);
	CHECK_EQ(atomic_load(&backend.calls), 1);
	CHECK_EQ(tree_stats(&tree).in_lookup, 1);
	atomic_store(&backend.held, false);
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], &result);
		CHECK(!IS_ERR(result) && d_is_positive(result));
		dput(result);
	}
	dput(dir);
	tree_end(&tree);
}

/* ---- failing now and then ---- */

static _Atomic unsigned int fickle_turn;

/* Each error there is, a file, nothing; an answer and an error after all. */
static struct dentry *answer_fickle(struct inode *dir, struct dentry *dentry)
{
	unsigned int turn = atomic_fetch_add(&fickle_turn, 1);
	struct dentry *answer = NULL;

	switch (turn % 5) {
	case 0:
		return ERR_PTR(-1 - (long)(turn % MAX_ERRNO));
	case 1:
		return answer_negative(dir, dentry);
	case 2:
		return NULL;
	case 3:
		answer = answer_file(dir, dentry);
		return answer ? answer : ERR_PTR(-EPROTO);
	default:
		return answer_file(dir, dentry);
	}
}

static void *ask_again_and_again(void *arg)
{
	struct tree *tree = arg;
	int i;

	for (i = 0; i < 2500; i++) {
		struct qstr name = qstr_init(&"abcdefgh"[(i + i / 7) % 8], 1);
		struct dentry *dentry = lookup_one_unlocked(tree->root, &name, 0);

		CHECK(dentry);
		if (!IS_ERR(dentry) && i % 3 == 0)
			d_drop(dentry);
		dput(dentry);
	}
	return NULL;
}

TEST(a_backend_that_fails_now_and_then_leaves_nothing, "faults H17 H45 H51 lookup_one_unlocked")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	pthread_t threads[4];
	int i;

	backend_begin(answer_fickle);
	atomic_store(&fickle_turn, 0);
	for (i = 0; i < 4; i++)
		threads[i] = test_thread(ask_again_and_again, &tree);
	for (i = 0; i < 4; i++)
		test_join(threads[i]);
	/* All errors there are. */
	CHECK(atomic_load(&fickle_turn) > 100);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	CHECK_EQ((long long)tree_stats(&tree).lookups_started, atomic_load(&backend.calls));
	tree_end(&tree);
}

/* ---- lying ---- */

static struct tree *lie_tree;
static struct dentry *lie_entry;   /* a directory that has a place already */
static struct dentry *lie_pending; /* in-lookup, another name */
static struct dcache *lie_foreign;

static struct dentry *answer_foreign(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	return d_splice_alias(new_inode(lie_foreign, 1, INODE_DIRECTORY, NULL, NULL), dentry);
}

static struct dentry *answer_foreign_unadorned(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	return ERR_PTR(d_add(dentry, new_inode(lie_foreign, 1, INODE_REGULAR, NULL, NULL)));
}

static struct dentry *answer_foreign_spelling(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	return d_add_ci(dentry, new_inode(lie_foreign, 1, INODE_REGULAR, NULL, NULL),
			NAME("Stored"));
}

static struct dentry *answer_ancestor(struct inode *dir, struct dentry *dentry)
{
	ihold(dir);
	return d_splice_alias(dir, dentry);
}

static struct dentry *answer_directory_again(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = d_inode(lie_entry);

	(void)dir;
	ihold(inode);
	return ERR_PTR(d_add(dentry, inode));
}

static struct dentry *answer_bad_spelling(struct inode *dir, struct dentry *dentry)
{
	return d_add_ci(dentry, tree_inode(inode_dcache(dir), INODE_REGULAR), NAME("a/b"));
}

/* Itself, unended: to be taken for no answer. */
static struct dentry *answer_itself(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	return dget(dentry);
}

static struct dentry *answer_pending(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	(void)dentry;
	return dget(lie_pending);
}

static struct dentry *answer_file_then_another(struct inode *dir, struct dentry *dentry)
{
	CHECK(!answer_file(dir, dentry));
	return dget(lie_entry);
}

static struct dentry *answer_another_then_nothing(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	CHECK_EQ(d_lookup_redirect(dentry, lie_entry), 0);
	return NULL;
}

enum answered { SHARED, ENTRY, PENDING, NEGATIVE };

static const struct lie {
	struct dentry *(*answer)(struct inode *dir, struct dentry *dentry);
	long err;		      /* for all, of one call of the backend; or: */
	enum answered owner, waiters; /* what the one who asked gets, and the others */
} lies[] = {
	{ answer_foreign, -EXDEV, SHARED, SHARED },
	{ answer_foreign_unadorned, -EXDEV, SHARED, SHARED },
	{ answer_foreign_spelling, -EXDEV, SHARED, SHARED },
	{ answer_ancestor, -ELOOP, SHARED, SHARED },
	{ answer_directory_again, -EEXIST, SHARED, SHARED },
	{ answer_bad_spelling, -EINVAL, SHARED, SHARED },
	/* No good as an outcome: each asks for itself. */
	{ answer_itself, 0, NEGATIVE, NEGATIVE },
	{ answer_pending, 0, PENDING, PENDING },
	/* The first word counts for those who wait, the last for the one who asked. */
	{ answer_file_then_another, 0, ENTRY, SHARED },
	{ answer_another_then_nothing, 0, NEGATIVE, ENTRY },
};

static bool is_what_a_lie_gives(const struct dentry *result, enum answered what)
{
	switch (what) {
	case ENTRY:
		return result == lie_entry;
	case PENDING:
		return result == lie_pending;
	case NEGATIVE:
		return !IS_ERR(result) && d_is_negative(result) && d_unhashed(result);
	case SHARED:
		return !IS_ERR(result) && d_is_positive(result);
	}
	return false;
}

static void lie_to_a_crowd(const struct lie *lie)
{
	pthread_t threads[CROWD];
	struct dentry *results[CROWD];
	int for_owner = 0, for_waiters = 0;
	void *result;
	int i;

	backend_begin(lie->answer);
	atomic_store(&backend.held, true);
	for (i = 0; i < CROWD; i++) {
		threads[i] = test_thread(look_up_cold, lie_tree->root);
		/* The first is the one who asks. */
		if (!i)
			CHECK(EVENTUALLY(atomic_load(&backend.inside) == 1));
	}
	CHECK(EVENTUALLY(tree_stats(lie_tree).in_lookup == 2 &&
			 tree_stats(lie_tree).lookups_waited == CROWD - 1));
	atomic_store(&backend.held, false);
	for (i = 0; i < CROWD; i++) {
		pthread_join(threads[i], &result);
		results[i] = result;
		if (lie->err) {
			CHECK_ERR(result, lie->err);
			continue;
		}
		for_owner += is_what_a_lie_gives(result, lie->owner);
		for_waiters += is_what_a_lie_gives(result, lie->waiters);
	}
	if (lie->err) {
		CHECK_EQ(atomic_load(&backend.calls), 1);
		CHECK_EQ(for_owner + for_waiters, 0);
	} else if (lie->owner == lie->waiters) {
		CHECK_EQ(for_owner, CROWD);
	} else {
		CHECK_EQ(atomic_load(&backend.calls), 1);
		CHECK(is_what_a_lie_gives(results[0], lie->owner));
		for (i = 1; i < CROWD; i++)
			CHECK(is_what_a_lie_gives(results[i], lie->waiters));
	}
	for (i = 0; i < CROWD; i++)
		dput(results[i]);
	CHECK_EQ(tree_stats(lie_tree).in_lookup, 1);
	CHECK(inode_trylock(d_inode(lie_tree->root)));
	inode_unlock(d_inode(lie_tree->root));
	shrink_dcache(lie_tree->dc, 10);
}

TEST(a_lie_is_refused_to_all_and_leaves_nothing, "faults H5 H15 H17 lookup_slow d_splice_alias")
{
	size_t i;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct tree tree = tree_begin(NULL, &backend_ops);

		lie_tree = &tree;
		lie_entry = tree_add(&tree, tree.root, NAME("place"), INODE_DIRECTORY);
		lie_pending = d_alloc_parallel(tree.root, NAME("pending"), NULL);
		if (dcache_create(NULL, &lie_foreign))
			abort();
		lie_to_a_crowd(&lies[i]);
		CHECK_EQ(dcache_destroy(lie_foreign), 0);
		CHECK_EQ(d_count(lie_entry), 1);
		d_lookup_done(lie_pending);
		dput(lie_pending);
		dput(lie_entry);
		CHECK_EQ(tree_stats(&tree).entries, 1 + tree_stats(&tree).unused);
		tree_end(&tree);
	}
}

/* A name that was a directory is said to be a file, then to be absent. */
TEST(a_directory_that_turns_out_to_be_none, "faults H19 lookup_slow d_alloc_parallel d_alloc")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *(*answers[])(struct inode *, struct dentry *) = { answer_file,
									 answer_negative };
	const long errors[] = { -ENOTDIR, -ENOENT };
	int i;

	for (i = 0; i < 2; i++) {
		struct dentry *found;

		backend_begin(answers[i]);
		found = lookup_slow(tree.root, COLD, 0);
		REQUIRE(!IS_ERR(found));
		CHECK_ERR(lookup_slow(found, NAME("below"), 0), errors[i]);
		CHECK_ERR(lookup_one_unlocked(found, NAME("below"), 0), errors[i]);
		CHECK_ERR(d_alloc_parallel(found, NAME("below"), NULL), errors[i]);
		CHECK_ERR(d_alloc(found, NAME("below")), errors[i]);
		CHECK(!d_lookup(found, NAME("below")));
		CHECK_EQ(atomic_load(&backend.calls), 1);
		d_drop(found);
		dput(found);
	}
	tree_end(&tree);
}

/* ---- operations that lie ---- */

static int never_valid(struct dentry *dentry, unsigned int flags)
{
	(void)dentry;
	(void)flags;
	return 0;
}

TEST(a_revalidation_that_never_holds_ends_all_the_same, "faults lookup_one_unlocked d_revalidate")
{
	static const struct dentry_operations ops = { .d_revalidate = never_valid };
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct tree tree;
	pthread_t threads[4];
	int i;

	opts.d_op = &ops;
	tree = tree_begin(&opts, &backend_ops);
	backend_begin(answer_file);
	/* What one has just been told is dropped by the next. */
	for (i = 0; i < 100; i++) {
		struct dentry *dentry = lookup_one_unlocked(tree.root, COLD, 0);

		CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
		CHECK_EQ(atomic_load(&backend.calls), i + 1);
		dput(dentry);
	}
	for (i = 0; i < 4; i++)
		threads[i] = test_thread(ask_again_and_again, &tree);
	for (i = 0; i < 4; i++)
		test_join(threads[i]);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	tree_end(&tree);
}

static int compare_says;

static int same_hash(const struct dentry *dir, struct qstr *name)
{
	(void)dir;
	name->hash = 7;
	return 0;
}

static int compare_lies(const struct dentry *dir, unsigned int len, const char *str,
			const struct qstr *name)
{
	(void)dir;
	(void)len;
	(void)str;
	(void)name;
	return compare_says;
}

/* Nothing is found right any more, but nothing is corrupted either, and all of it is given back. */
TEST(a_comparison_that_lies_hurts_nobody_else, "faults d_compare d_hash lookup_one_unlocked")
{
	static const struct dentry_operations ops = { .d_hash = same_hash,
						      .d_compare = compare_lies };
	struct dcache_options opts = DCACHE_OPTIONS_INIT;

	opts.d_op = &ops;
	/* All are on one chain. */
	opts.max_entries = 100;
	for (compare_says = 0; compare_says < 2; compare_says++) {
		struct tree tree = tree_begin(&opts, &backend_ops);
		struct dentry *one, *two;
		pthread_t threads[3];
		int i;

		backend_begin(answer_fickle);
		one = tree_add(&tree, tree.root, NAME("one"), INODE_REGULAR);
		two = d_alloc(tree.root, compare_says ? NAME("one") : NAME("two"));
		/* All names are equal, or not even a name to itself. */
		CHECK_EQ(d_add(two, NULL), compare_says ? 0 : -EEXIST);
		for (i = 0; i < 3; i++)
			threads[i] = test_thread(ask_again_and_again, &tree);
		for (i = 0; i < 3; i++)
			test_join(threads[i]);
		CHECK_EQ(tree_stats(&tree).in_lookup, 0);
		dput(one);
		dput(two);
		tree_end(&tree);
	}
}
