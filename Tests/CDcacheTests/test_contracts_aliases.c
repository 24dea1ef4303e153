/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entries found by their inode, unused ones freed, and what is disconnected. */
#include "harness.h"
#include "internal.h"

/* One more name of a file, referenced. */
static struct dentry *link_to(struct dentry *parent, const struct qstr *name, struct inode *inode)
{
	struct dentry *dentry = d_alloc(parent, name);

	ihold(inode);
	CHECK_EQ(d_add(dentry, inode), 0);
	return dentry;
}

TEST(a_file_is_found_by_a_hashed_name, "d_find_alias d_find_any_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
	struct dentry *a, *b, *found;

	CHECK(!d_find_alias(inode) && !d_find_any_alias(inode));
	a = link_to(tree.root, NAME("a"), inode);
	b = link_to(tree.root, NAME("b"), inode);
	d_drop(b);
	found = d_find_alias(inode);
	CHECK(found == a);
	CHECK_EQ(d_count(a), 2);
	dput(found);
	d_drop(a);
	CHECK(!d_find_alias(inode));
	CHECK_EQ(d_count(a), 1);
	CHECK_EQ(d_count(b), 1);
	found = d_find_any_alias(inode);
	CHECK(found == a || found == b);
	dput(found);
	CHECK_EQ(d_rehash(b), 0);
	dput(b);
	/* An unused one is found, too. */
	found = d_find_alias(inode);
	CHECK(found == b);
	CHECK_EQ(d_count(b), 1);
	dput(b);
	dput(a);
	iput(inode);
	tree_end(&tree);
}

TEST(a_directory_is_found_by_its_one_entry, "d_find_alias d_find_any_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY), *loose;

	CHECK(d_find_alias(d_inode(dir)) == dir);
	d_drop(dir);
	CHECK(d_find_alias(d_inode(dir)) == dir);
	CHECK(d_find_any_alias(d_inode(dir)) == dir);
	CHECK_EQ(d_count(dir), 4);
	CHECK(d_find_alias(d_inode(tree.root)) == tree.root);
	dput(tree.root);
	loose = d_obtain_alias(tree_inode(tree.dc, INODE_DIRECTORY));
	CHECK(d_find_alias(d_inode(loose)) == loose);
	dput(loose);
	dput(loose);
	dput(dir);
	dput(dir);
	dput(dir);
	dput(dir);
	tree_end(&tree);
}

TEST(unused_names_are_pruned, "d_prune_aliases")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
	struct dentry *used, *dropped, *found;

	CHECK_EQ(d_prune_aliases(inode), 0);
	dput(link_to(tree.root, NAME("a"), inode));
	used = link_to(tree.root, NAME("b"), inode);
	dput(link_to(tree.root, NAME("c"), inode));
	dropped = link_to(tree.root, NAME("d"), inode);
	d_drop(dropped);
	CHECK_EQ(d_prune_aliases(inode), 2);
	CHECK_EQ(tree_stats(&tree).entries, 3);
	CHECK_EQ(tree_stats(&tree).unused, 0);
	CHECK(!d_lookup(tree.root, NAME("a")) && !d_lookup(tree.root, NAME("c")));
	found = d_lookup(tree.root, NAME("b"));
	CHECK(found == used && d_inode(used) == inode);
	CHECK_EQ(d_prune_aliases(inode), 0);
	dput(found);
	CHECK_EQ(d_count(used), 1);
	CHECK_EQ(d_count(dropped), 1);
	dput(used);
	CHECK_EQ(d_prune_aliases(inode), 1);
	dput(dropped);
	CHECK_EQ(atomic_load(&inode->i_count), 1);
	iput(inode);
	tree_end(&tree);
}

TEST(a_directory_is_pruned_if_nothing_is_below, "d_prune_aliases")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct inode *inode = d_inode(dir);

	ihold(inode);
	dput(tree_add(&tree, dir, NAME("file"), INODE_REGULAR));
	dput(dir);
	CHECK_EQ(d_prune_aliases(inode), 0);
	CHECK_EQ(d_prune_aliases(d_inode(tree.root)), 0);
	CHECK_EQ(tree_stats(&tree).entries, 3);
	CHECK_EQ(shrink_dcache(tree.dc, 1), 1);
	CHECK_EQ(d_prune_aliases(inode), 1);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	iput(inode);
	tree_end(&tree);
}

/* More than are looked at under one hold of the lock, in use and not in every manner of turns. */
static void prune_many(int n, int every, int but)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
	static struct dentry *used[2000];
	int i, nr_used = 0;

	for (i = 0; i < n; i++) {
		char name[8];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "%d", i));
		struct dentry *dentry = link_to(tree.root, &q, inode);

		if ((i % every == 0) != but)
			used[nr_used++] = dentry;
		else
			dput(dentry);
	}
	CHECK_EQ(d_prune_aliases(inode), n - nr_used);
	CHECK_EQ(tree_stats(&tree).entries, 1 + nr_used);
	for (i = 0; i < nr_used; i++) {
		CHECK(d_count(used[i]) == 1 && !d_unhashed(used[i]));
		dput(used[i]);
	}
	CHECK_EQ(tree_stats(&tree).unused, nr_used);
	CHECK_EQ(d_prune_aliases(inode), nr_used);
	CHECK_EQ(d_prune_aliases(inode), 0);
	iput(inode);
	tree_end(&tree);
}

TEST(any_number_of_names_is_pruned, "d_prune_aliases")
{
	static const int sizes[] = { 1, 31, 32, 33, 64, 255, 256, 257, 512, 1000, 2000 };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		prune_many(sizes[i], 1, 1);
		prune_many(sizes[i], 1, 0);
		prune_many(sizes[i], 2, 0);
		prune_many(sizes[i], 7, 0);
		prune_many(sizes[i], 7, 1);
		prune_many(sizes[i], 300, 0);
		prune_many(sizes[i], 300, 1);
	}
}

/* Names that are used and let go of all the time do not keep the pruner at it. */
struct user {
	struct dentry *parent;
	_Atomic bool stop;
};

static void *use_names(void *arg)
{
	struct user *user = arg;
	int i;

	for (i = 0; !atomic_load(&user->stop); i = (i + 1) % 50) {
		char name[8];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "%d", i));

		dput(d_lookup(user->parent, &q));
	}
	return NULL;
}

TEST(pruning_ends_whatever_others_do, "d_prune_aliases H37 stress")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
	struct user user = { .parent = tree.root };
	pthread_t threads[2];
	int i, turn;

	for (i = 0; i < 2; i++)
		threads[i] = test_thread(use_names, &user);
	for (turn = 0; turn < 200; turn++) {
		for (i = 0; i < 50; i++) {
			char name[8];
			struct qstr q = qstr_init(name, (size_t)snprintf(name, 8, "%d", i));
			struct dentry *dentry = d_lookup(tree.root, &q);

			if (!dentry)
				dentry = link_to(tree.root, &q, inode);
			CHECK(d_inode(dentry) == inode);
			dput(dentry);
		}
		CHECK(d_prune_aliases(inode) <= 50);
	}
	atomic_store(&user.stop, true);
	for (i = 0; i < 2; i++)
		test_join(threads[i]);
	d_prune_aliases(inode);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	iput(inode);
	tree_end(&tree);
}

/* ---- disconnected ---- */

TEST(what_is_below_a_disconnected_entry_is_disconnected, "d_is_disconnected d_obtain_alias H9")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *loose = d_obtain_alias(tree_inode(tree.dc, INODE_DIRECTORY));
	struct dentry *sub = tree_add(&tree, loose, NAME("sub"), INODE_DIRECTORY);
	struct dentry *file = tree_add(&tree, sub, NAME("file"), INODE_REGULAR);
	struct dentry *absent = tree_add(&tree, sub, NAME("absent"), 0);
	struct dentry *asked = d_alloc_parallel(sub, NAME("asked"), NULL);
	struct dentry *place = d_alloc(tree.root, NAME("place"));
	struct dentry *loose_file = d_obtain_alias(tree_inode(tree.dc, INODE_REGULAR));
	struct dentry *const all[] = { loose, sub, file, absent, asked };
	size_t i;

	CHECK(!d_is_disconnected(tree.root) && !d_is_disconnected(place));
	CHECK(d_is_disconnected(loose_file));
	for (i = 0; i < 5; i++)
		CHECK(d_is_disconnected(all[i]));
	ihold(d_inode(loose));
	CHECK(d_splice_alias(d_inode(loose), place) == loose);
	dput(loose);
	for (i = 0; i < 5; i++)
		CHECK(!d_is_disconnected(all[i]));
	/* Dropped is not disconnected. */
	d_drop(loose);
	CHECK(!d_is_disconnected(file));
	d_lookup_done(asked);
	for (i = 0; i < 5; i++)
		dput(all[i]);
	dput(place);
	dput(loose_file);
	tree_end(&tree);
}
