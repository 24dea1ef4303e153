/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* d_splice_alias() and d_obtain_alias(), case by case. */
#include "harness.h"
#include "internal.h"

#define COLD NAME("cold")

static bool path_is(struct dentry *dentry, const char *expected)
{
	char path[512];
	int len = dentry_path(dentry, path, sizeof(path));

	return len == (int)strlen(expected) && !strcmp(path, expected);
}

static bool is_found(struct dentry *parent, const struct qstr *name, const struct dentry *expected)
{
	struct dentry *found = d_lookup(parent, name);
	bool same = found == expected;

	dput(found);
	return same;
}

/* Splice @inode, of which one more reference is taken, onto a new in-lookup entry, which is put. */
static struct dentry *splice(struct inode *inode, struct dentry *parent, const struct qstr *name)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(parent, name, &wq);
	struct dentry *res;

	if (!CHECK(!IS_ERR(dentry) && d_in_lookup(dentry)))
		return NULL;
	if (!IS_ERR_OR_NULL(inode))
		ihold(inode);
	res = d_splice_alias(inode, dentry);
	if (!res)
		return dentry;
	if (IS_ERR(res)) {
		/* It still is in-lookup, and still the caller's. */
		CHECK(d_in_lookup(dentry) && d_is_negative(dentry));
		CHECK_EQ(d_count(dentry), 1);
		d_lookup_done(dentry);
	} else {
		CHECK(!d_in_lookup(dentry) && d_unhashed(dentry) && d_is_negative(dentry));
	}
	dput(dentry);
	return res;
}

/* ---- no alias yet ---- */

TEST(nothing_is_spliced_as_a_negative, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = splice(NULL, tree.root, COLD);

	CHECK(d_is_negative(dentry) && !d_unhashed(dentry) && !d_in_lookup(dentry));
	CHECK_EQ(tree_stats(&tree).negatives, 1);
	dput(dentry);
	CHECK_ERR(splice(ERR_PTR(-EPERM), tree.root, NAME("error")), -EPERM);
	tree_end(&tree);
}

TEST(files_get_one_more_alias, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
	struct dentry *first = splice(inode, tree.root, NAME("first"));
	struct dentry *second = splice(inode, tree.root, NAME("second"));

	CHECK(first != second && d_inode(first) == inode && d_inode(second) == inode);
	CHECK(is_found(tree.root, NAME("first"), first));
	CHECK(is_found(tree.root, NAME("second"), second));
	iput(inode);
	dput(first);
	dput(second);
	tree_end(&tree);
}

TEST(a_new_directory_is_added, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_DIRECTORY);
	struct dentry *dentry = splice(inode, tree.root, COLD);

	iput(inode);
	CHECK(d_is_dir(dentry) && is_found(tree.root, COLD, dentry));
	dput(dentry);
	tree_end(&tree);
}

TEST(splicing_onto_what_is_no_free_entry_is_refused, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *hashed = tree_add(&tree, tree.root, COLD, 0);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *dropped = tree_add(&tree, tree.root, NAME("x"), INODE_REGULAR);

	d_drop(dropped);
	CHECK_ERR(d_splice_alias(NULL, hashed), -EEXIST);
	CHECK_ERR(d_splice_alias(tree_inode(tree.dc, INODE_REGULAR), hashed), -EEXIST);
	ihold(d_inode(dir));
	CHECK_ERR(d_splice_alias(d_inode(dir), hashed), -EEXIST);
	CHECK_ERR(d_splice_alias(tree_inode(tree.dc, INODE_REGULAR), dropped), -EINVAL);
	ihold(d_inode(dir));
	CHECK_ERR(d_splice_alias(d_inode(dir), dropped), -EINVAL);
	CHECK_ERR(d_splice_alias(tree_inode(tree.dc, INODE_REGULAR), tree.root), -EINVAL);
	CHECK(is_found(tree.root, NAME("dir"), dir));
	CHECK_EQ(d_count(dir), 1);
	dput(dropped);
	dput(dir);
	dput(hashed);
	tree_end(&tree);
}

/* ---- a directory that has one ---- */

TEST(a_hashed_directory_moves_within_its_parent, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("old"), INODE_DIRECTORY);
	struct dentry *child = tree_add(&tree, dir, NAME("child"), INODE_REGULAR);
	int held = d_count(tree.root);

	CHECK(splice(d_inode(dir), tree.root, NAME("new")) == dir);
	CHECK(is_found(tree.root, NAME("old"), NULL));
	CHECK(is_found(tree.root, NAME("new"), dir));
	CHECK(path_is(child, "/new/child"));
	CHECK(is_found(dir, NAME("child"), child));
	CHECK_EQ(d_count(dir), 3);
	CHECK_EQ(d_count(tree.root), held);
	dput(child);
	dput(dir);
	dput(dir);
	tree_end(&tree);
}

TEST(a_directory_moves_to_another_parent, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *from = tree_add(&tree, tree.root, NAME("from"), INODE_DIRECTORY);
	struct dentry *to = tree_add(&tree, tree.root, NAME("to"), INODE_DIRECTORY);
	struct dentry *dir = tree_add(&tree, from, NAME("dir"), INODE_DIRECTORY);
	struct dentry *child = tree_add(&tree, dir, NAME("child"), 0);

	/* Lookups in the old directory are no hindrance. */
	inode_lock_shared(d_inode(from));
	CHECK(splice(d_inode(dir), to, NAME("moved")) == dir);
	inode_unlock_shared(d_inode(from));
	CHECK(d_parent(dir) == to && path_is(child, "/to/moved/child"));
	CHECK(is_found(from, NAME("dir"), NULL));
	CHECK_EQ(d_count(from), 1);
	CHECK_EQ(d_count(to), 2);
	/* Upwards, and down again; and the directory it came from may go. */
	CHECK(splice(d_inode(dir), tree.root, NAME("up")) == dir);
	CHECK(path_is(child, "/up/child"));
	d_drop(to);
	dput(to);
	CHECK(splice(d_inode(dir), from, NAME("down")) == dir);
	CHECK(path_is(child, "/from/down/child"));
	CHECK_EQ(d_count(dir), 5);
	dput(child);
	dput(dir);
	dput(dir);
	dput(dir);
	dput(dir);
	dput(from);
	tree_end(&tree);
}

TEST(an_unhashed_directory_is_found_and_moved, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *to = tree_add(&tree, tree.root, NAME("to"), INODE_DIRECTORY);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *never = d_alloc(tree.root, NAME("never"));

	d_drop(dir);
	CHECK(splice(d_inode(dir), to, COLD) == dir);
	CHECK(!d_unhashed(dir) && path_is(dir, "/to/cold"));
	/* One that was never hashed at all. */
	CHECK_EQ(d_instantiate(never, tree_inode(tree.dc, INODE_DIRECTORY)), 0);
	CHECK(splice(d_inode(never), to, NAME("hashed")) == never);
	CHECK(path_is(never, "/to/hashed") && is_found(to, NAME("hashed"), never));
	dput(never);
	dput(never);
	dput(dir);
	dput(dir);
	dput(to);
	tree_end(&tree);
}

TEST(a_disconnected_directory_is_connected, "d_splice_alias d_obtain_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *loose = d_obtain_alias(tree_inode(tree.dc, INODE_DIRECTORY));
	struct dentry *child = tree_add(&tree, loose, NAME("child"), 0);
	struct dentry *to = tree_add(&tree, tree.root, NAME("to"), INODE_DIRECTORY);

	CHECK(IS_ROOT(loose));
	CHECK(splice(d_inode(loose), to, COLD) == loose);
	CHECK(!IS_ROOT(loose) && !d_unhashed(loose));
	CHECK(path_is(child, "/to/cold/child"));
	CHECK_EQ(d_count(to), 2);
	dput(child);
	dput(loose);
	dput(loose);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	dput(to);
	tree_end(&tree);
}

TEST(a_kept_directory_is_moved, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("old"), INODE_DIRECTORY);
	struct inode *inode = d_inode(dir);

	dput(dir);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	CHECK(splice(inode, tree.root, NAME("new")) == dir);
	CHECK_EQ(d_count(dir), 1);
	dput(dir);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	tree_end(&tree);
}

TEST(a_directory_may_be_spliced_where_it_is, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, COLD, INODE_DIRECTORY);
	struct dentry *again = d_alloc(tree.root, COLD);

	ihold(d_inode(dir));
	CHECK(d_splice_alias(d_inode(dir), again) == dir);
	CHECK(is_found(tree.root, COLD, dir));
	CHECK(d_unhashed(again) && d_is_negative(again));
	dput(again);
	dput(dir);
	dput(dir);
	tree_end(&tree);
}

TEST(names_go_along_with_a_move, "d_splice_alias d_name")
{
	static const char *const names[] = {
		"s",
		"the first of the names that are too long to lie in the entry",
		"the second of the names that are too long to lie in the entry",
		"exactly forty bytes, the longest inline.",
		"one more than forty bytes, so not inline.",
		"short again",
	};
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	char copy[DCACHE_NAME_MAX + 1];
	size_t i, j;

	for (i = 0; i < 6; i++) {
		for (j = 0; j < 6; j++) {
			const char *name = names[j % 2 ? j : i];
			struct qstr q = qstr_init(name, strlen(name));
			struct dentry *target = d_alloc(tree.root, &q);

			ihold(d_inode(dir));
			CHECK(d_splice_alias(d_inode(dir), target) == dir);
			/* They may share a name: one lets go of it, the other keeps it. */
			CHECK(d_name(target).len == q.len &&
			      !memcmp(d_name(target).name, name, q.len));
			dput(target);
			dcache_barrier(tree.dc);
			CHECK_EQ(d_name_copy(dir, copy, sizeof(copy)), q.len);
			CHECK(!strcmp(copy, name));
			CHECK(is_found(tree.root, &q, dir));
			dput(dir);
		}
	}
	dput(dir);
	tree_end(&tree);
}

/* ---- refused ---- */

TEST(a_directory_is_not_moved_below_itself, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *a = tree_add(&tree, tree.root, NAME("a"), INODE_DIRECTORY);
	struct dentry *b = tree_add(&tree, a, NAME("b"), INODE_DIRECTORY);
	struct dentry *c = tree_add(&tree, b, NAME("c"), INODE_DIRECTORY);

	CHECK_ERR(splice(d_inode(tree.root), c, COLD), -ELOOP);
	CHECK_ERR(splice(d_inode(a), c, COLD), -ELOOP);
	CHECK_ERR(splice(d_inode(c), c, COLD), -ELOOP);
	CHECK_ERR(splice(d_inode(tree.root), tree.root, COLD), -ELOOP);
	CHECK(path_is(c, "/a/b/c"));
	CHECK_EQ(d_count(a), 2);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	dput(c);
	dput(b);
	dput(a);
	tree_end(&tree);
}

static struct dentry *splice_onto(struct inode *inode, struct dentry *dentry)
{
	ihold(inode);
	return d_splice_alias(inode, dentry);
}

TEST(a_directory_is_not_moved_onto_one_above_it, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *a = tree_add(&tree, tree.root, NAME("a"), INODE_DIRECTORY);
	struct dentry *b = tree_add(&tree, a, NAME("b"), INODE_DIRECTORY);
	struct dentry *c = tree_add(&tree, b, NAME("c"), INODE_DIRECTORY);

	CHECK_ERR(splice_onto(d_inode(c), b), -EEXIST);
	CHECK_ERR(splice_onto(d_inode(c), a), -EEXIST);
	d_drop(a);
	CHECK_ERR(splice_onto(d_inode(b), a), -EINVAL);
	CHECK(path_is(c, "/a/b/c"));
	dput(c);
	dput(b);
	dput(a);
	tree_end(&tree);
}

TEST(a_directory_is_not_moved_out_of_a_locked_one, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *from = tree_add(&tree, tree.root, NAME("from"), INODE_DIRECTORY);
	struct dentry *dir = tree_add(&tree, from, NAME("dir"), INODE_DIRECTORY);

	inode_lock(d_inode(from));
	CHECK_ERR(splice(d_inode(dir), tree.root, COLD), -ESTALE);
	CHECK(path_is(dir, "/from/dir") && is_found(from, NAME("dir"), dir));
	/* Within the locked directory it is the caller who has locked it. */
	CHECK(splice(d_inode(dir), from, NAME("other")) == dir);
	inode_unlock(d_inode(from));
	CHECK(splice(d_inode(dir), tree.root, COLD) == dir);
	/* And it was unlocked again. */
	CHECK(inode_trylock(d_inode(from)));
	inode_unlock(d_inode(from));
	CHECK_EQ(d_count(dir), 3);
	dput(dir);
	dput(dir);
	dput(dir);
	dput(from);
	tree_end(&tree);
}

TEST(a_directory_is_not_moved_to_a_name_that_is_taken, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *target = d_alloc(tree.root, COLD);
	struct dentry *taken = tree_add(&tree, tree.root, COLD, 0);

	ihold(d_inode(dir));
	CHECK_ERR(d_splice_alias(d_inode(dir), target), -EEXIST);
	CHECK(path_is(dir, "/dir") && is_found(tree.root, COLD, taken));
	CHECK_EQ(d_count(dir), 1);
	d_drop(taken);
	ihold(d_inode(dir));
	CHECK(d_splice_alias(d_inode(dir), target) == dir);
	dput(taken);
	dput(target);
	dput(dir);
	dput(dir);
	tree_end(&tree);
}

/* ---- at the same time ---- */

struct splicer {
	struct tree *tree;
	struct inode *inode;
	struct dentry *parent;
	pthread_barrier_t *barrier;
	char letter;
	struct dentry *result;
};

static void *splice_at_once(void *arg)
{
	struct splicer *self = arg;
	struct qstr name = qstr_init(&self->letter, 1);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(self->parent, &name, &wq);
	struct dentry *res;

	ihold(self->inode);
	pthread_barrier_wait(self->barrier);
	res = d_splice_alias(self->inode, dentry);
	self->result = res ? res : dget(dentry);
	if (IS_ERR(res))
		d_lookup_fail(dentry, (int)PTR_ERR(res));
	dput(dentry);
	return NULL;
}

/* Two lookups of two names find one directory that nobody knew. */
TEST(two_owners_splice_one_directory, "d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dirs[2] = { tree_add(&tree, tree.root, NAME("p"), INODE_DIRECTORY),
				   tree_add(&tree, tree.root, NAME("q"), INODE_DIRECTORY) };
	pthread_barrier_t barrier;
	int round, i;

	pthread_barrier_init(&barrier, NULL, 2);
	for (round = 0; round < 200; round++) {
		struct inode *inode = tree_inode(tree.dc, INODE_DIRECTORY);
		struct splicer splicers[2];
		pthread_t threads[2];

		for (i = 0; i < 2; i++) {
			splicers[i] = (struct splicer){ &tree,	  inode,   dirs[round % 2 ? i : 0],
							&barrier, "ab"[i], NULL };
			threads[i] = test_thread(splice_at_once, &splicers[i]);
		}
		test_join(threads[0]);
		test_join(threads[1]);
		/* Both have the same entry, at the name of the one who came last. */
		CHECK(!IS_ERR(splicers[0].result) && splicers[0].result == splicers[1].result);
		CHECK(d_inode(splicers[0].result) == inode && !d_unhashed(splicers[0].result));
		d_drop(splicers[0].result);
		dput(splicers[0].result);
		dput(splicers[1].result);
		iput(inode);
	}
	pthread_barrier_destroy(&barrier);
	CHECK_EQ(tree_stats(&tree).entries, 3);
	dput(dirs[0]);
	dput(dirs[1]);
	tree_end(&tree);
}

struct flicker {
	struct inode *inode;
	_Atomic bool stop;
};

static void *obtain_and_put(void *arg)
{
	struct flicker *flicker = arg;

	while (!atomic_load(&flicker->stop)) {
		ihold(flicker->inode);
		dput(d_obtain_alias(flicker->inode));
	}
	return NULL;
}

TEST(an_alias_that_comes_and_goes_is_no_error, "d_splice_alias d_obtain_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct flicker flicker = { .inode = tree_inode(tree.dc, INODE_DIRECTORY) };
	uint64_t until = test_now_ns() + 200000000;
	pthread_t threads[2];
	int i;

	for (i = 0; i < 2; i++)
		threads[i] = test_thread(obtain_and_put, &flicker);
	while (test_now_ns() < until) {
		struct dentry *dentry = splice(flicker.inode, tree.root, COLD);

		if (!CHECK(!IS_ERR(dentry)))
			break;
		d_drop(dentry);
		dput(dentry);
	}
	atomic_store(&flicker.stop, true);
	for (i = 0; i < 2; i++)
		test_join(threads[i]);
	iput(flicker.inode);
	tree_end(&tree);
}

/* ---- d_obtain_alias ---- */

TEST(any_alias_is_obtained, "d_obtain_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct inode *inode = d_inode(file);
	int i;

	CHECK_ERR(d_obtain_alias(NULL), -ESTALE);
	CHECK_ERR(d_obtain_alias(ERR_PTR(-EIO)), -EIO);
	for (i = 0; i < 3; i++) {
		ihold(inode);
		CHECK(d_obtain_alias(inode) == file);
		dput(file);
		if (i == 0)
			d_drop(file);
		else if (i == 1)
			CHECK_EQ(d_rehash(file), 0);
	}
	/* Kept without a reference, it is found as well. */
	dput(file);
	ihold(inode);
	CHECK(d_obtain_alias(inode) == file);
	CHECK_EQ(d_count(file), 1);
	dput(file);
	tree_end(&tree);
}

TEST(an_inode_without_a_name_gets_a_disconnected_alias, "d_obtain_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
	struct dentry *alias;

	ihold(inode);
	alias = d_obtain_alias(inode);
	CHECK(IS_ROOT(alias) && d_unhashed(alias) && d_inode(alias) == inode);
	CHECK_EQ(d_count(alias), 1);
	ihold(inode);
	CHECK(d_obtain_alias(inode) == alias);
	CHECK_EQ(d_add(alias, NULL), -EINVAL);
	dput(alias);
	dput(alias);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	CHECK_EQ(tree_stats(&tree).inodes, 2);
	iput(inode);
	tree_end(&tree);
}

struct obtainer {
	struct inode *inode;
	pthread_barrier_t *barrier;
	struct dentry *result;
};

static void *obtain_at_once(void *arg)
{
	struct obtainer *self = arg;

	pthread_barrier_wait(self->barrier);
	self->result = d_obtain_alias(self->inode);
	return NULL;
}

TEST(two_obtain_one_alias, "d_obtain_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	pthread_barrier_t barrier;
	int round, i;

	pthread_barrier_init(&barrier, NULL, 2);
	for (round = 0; round < 200; round++) {
		struct inode *inode = tree_inode(tree.dc, INODE_DIRECTORY);
		struct obtainer obtainers[2];
		pthread_t threads[2];

		ihold(inode);
		for (i = 0; i < 2; i++) {
			obtainers[i] = (struct obtainer){ inode, &barrier, NULL };
			threads[i] = test_thread(obtain_at_once, &obtainers[i]);
		}
		test_join(threads[0]);
		test_join(threads[1]);
		CHECK(obtainers[0].result == obtainers[1].result);
		CHECK_EQ(d_count(obtainers[0].result), 2);
		dput(obtainers[0].result);
		dput(obtainers[1].result);
	}
	pthread_barrier_destroy(&barrier);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

static void *put_entry(void *dentry)
{
	dput(dentry);
	return NULL;
}

static void *obtain(void *arg)
{
	struct obtainer *self = arg;

	self->result = d_obtain_alias(self->inode);
	return NULL;
}

/* The last put has gone too far for an alias finder to save the entry, which must then not find it. */
TEST(a_dying_alias_is_not_obtained, "d_obtain_alias dput")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct inode *inode = d_inode(dentry);
	struct obtainer obtainer = { inode, NULL, NULL };
	struct gate dead = { 0 };
	pthread_t putter;

	d_drop(dentry);
	ihold(inode);
	gate_arm(&dead, DC_K2, dentry, 1);
	putter = test_thread(put_entry, dentry);
	CHECK(gate_wait(&dead, 1));
	obtain(&obtainer);
	CHECK(obtainer.result != dentry && IS_ROOT(obtainer.result));
	gate_open(&dead);
	test_join(putter);
	dput(obtainer.result);
	tree_end(&tree);
}

/* The last put has dropped and retaken its locks: who came first has the say. */
TEST(an_alias_is_obtained_or_dies_but_not_both, "d_obtain_alias dput")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct inode *inode = d_inode(dentry);
	struct obtainer obtainer = { inode, NULL, NULL };
	struct gate retaken = { 0 };
	pthread_t putter, finder;

	d_drop(dentry);
	ihold(inode);
	gate_arm(&retaken, DC_K1, dentry, 1);
	dc_lock(&inode->i_lock);
	putter = test_thread(put_entry, dentry);
	/* The entry's reference, ours, and the one of the put that waits for the lock. */
	CHECK(EVENTUALLY(atomic_load(&inode->i_count) == 3));
	dc_unlock(&inode->i_lock);
	CHECK(gate_wait(&retaken, 1));
	finder = test_thread(obtain, &obtainer);
	test_sleep_ms(20);
	gate_open(&retaken);
	test_join(putter);
	test_join(finder);
	CHECK(obtainer.result != dentry && d_inode(obtainer.result) == inode);
	dput(obtainer.result);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */
