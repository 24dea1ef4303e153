/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of an entry, call by call, in one thread. */
#include "harness.h"

TEST(create_and_destroy, "instance")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dcache_stats stats;

	dcache_get_stats(tree.dc, &stats);
	CHECK_EQ(stats.entries, 1);
	CHECK_EQ(stats.inodes, 1);
	tree_end(&tree);
}

TEST(destroy_refuses_while_referenced, "instance")
{
	struct tree tree = tree_begin(NULL, NULL);

	CHECK_EQ(dcache_destroy(tree.dc), -EBUSY);
	CHECK(d_is_dir(tree.root));
	tree_end(&tree);
}

TEST(add_and_look_up, "d_add d_lookup")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc(tree.root, NAME("file"));
	struct dentry *found;

	CHECK(d_unhashed(dentry) && d_is_negative(dentry));
	CHECK_EQ(d_count(dentry), 1);
	CHECK(!d_lookup(tree.root, NAME("file")));
	CHECK_EQ(d_add(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK(d_is_positive(dentry) && !d_unhashed(dentry));
	found = d_lookup(tree.root, NAME("file"));
	CHECK(found == dentry);
	CHECK_EQ(d_count(dentry), 2);
	dput(found);
	dput(dentry);
	found = d_lookup(tree.root, NAME("file"));
	CHECK(found == dentry);
	dput(found);
	CHECK(!d_lookup(tree.root, NAME("fil")));
	tree_end(&tree);
}

TEST(parallel_lookup_alone, "d_alloc_parallel")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(
		tree.root, NAME("a name that is longer than the forty bytes inline"), &wq);
	struct dentry *found;

	REQUIRE(!IS_ERR(dentry));
	CHECK(d_in_lookup(dentry));
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK(!d_in_lookup(dentry) && !d_unhashed(dentry));
	found = d_alloc_parallel(tree.root,
				 NAME("a name that is longer than the forty bytes inline"), &wq);
	CHECK(found == dentry);
	dput(found);
	dput(dentry);
	tree_end(&tree);
}
