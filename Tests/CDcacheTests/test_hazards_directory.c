/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listings against threads that change what they list. */
#include "harness.h"

#ifdef DCACHE_DEBUG

static struct dir_listing slow;
static struct inode *slow_inode;

static void *list_slowly(void *arg)
{
	(void)arg;
	CHECK_EQ(dir_listing_add(&slow, NAME("one"), slow_inode), 0);
	return NULL;
}

static void drop_it(struct tree *tree, struct dentry *one)
{
	(void)tree;
	d_drop(one);
}

static void move_it(struct dentry *one, struct dentry *dir, const struct qstr *name)
{
	struct dentry *target = d_alloc(dir, name);

	CHECK_EQ(d_move(one, target), 0);
	dput(target);
}

static void rename_it(struct tree *tree, struct dentry *one)
{
	move_it(one, tree->root, NAME("moved"));
}

static void move_it_away(struct tree *tree, struct dentry *one)
{
	struct dentry *dir = d_lookup(tree->root, NAME("dir"));

	/* By the same name. */
	move_it(one, dir, NAME("one"));
	dput(dir);
}

/* A listing has found the entry of a name, and it leaves before the listing looks at it. */
static void leaves(void (*leave)(struct tree *tree, struct dentry *one), bool hashed, bool lost)
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *one = tree_add(&tree, tree.root, NAME("one"), INODE_REGULAR);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct inode *inode = d_inode(one);
	struct dentry *found;
	struct gate gate;
	pthread_t thread;

	CHECK_EQ(dir_listing_begin(&slow, tree.root), 0);
	slow_inode = tree_inode(tree.dc, INODE_REGULAR);
	gate_arm(&gate, DC_L1, one, 1);
	thread = test_thread(list_slowly, NULL);
	CHECK(gate_wait(&gate, 1));
	leave(&tree, one);
	gate_open(&gate);
	test_join(thread);
	gates_reset();
	/* It is none of the listing's business any more: what was listed is another entry. */
	CHECK(d_inode(one) == inode && !d_unhashed(one) == hashed);
	found = d_lookup(tree.root, NAME("one"));
	CHECK(found && found != one && d_inode(found) == slow_inode);
	dput(found);
	CHECK_EQ(dir_listing_end(&slow, true), !lost);
	dput(dir);
	dput(one);
	tree_end(&tree);
}

TEST(a_name_leaves_while_it_is_listed, "dir_listing_add")
{
	leaves(drop_it, false, true);
	leaves(rename_it, true, false);
	leaves(move_it_away, true, false);
}

#endif /* DCACHE_DEBUG */
