/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* d_invalidate_deferred() in operations: those that a portion calls, those of a batch, and at the end. */
#include "harness.h"
#include "internal.h"

/* ---- more than may wait, by who must not help ---- */

/* More than 1024: whoever else asks for so many has to do a portion. */
#define MANY 1100

static struct dentry *dirs[MANY];
static struct dcache *deferring_dc;
static _Atomic uint64_t pending_in_operation;

static void defer_all(struct inode *inode)
{
	int i;

	(void)inode;
	for (i = 0; i < MANY; i++)
		d_invalidate_deferred(dirs[i]);
	atomic_store(&pending_in_operation, deferred_pending(&deferring_dc->deferred));
}

/* Directories with an entry each. */
static struct tree many_begin(void)
{
	struct tree tree = tree_begin(NULL, NULL);
	int i;

	for (i = 0; i < MANY; i++) {
		char bytes[16];
		struct qstr name = qstr_init(bytes,
					     (size_t)snprintf(bytes, sizeof(bytes), "d%d", i));

		dirs[i] = tree_add(&tree, tree.root, &name, INODE_DIRECTORY);
		dput(tree_add(&tree, dirs[i], NAME("below"), 0));
	}
	CHECK_EQ(tree_stats(&tree).entries, 1 + 2 * MANY);
	deferring_dc = tree.dc;
	atomic_store(&pending_in_operation, 0);
	return tree;
}

static void many_end(struct tree *tree)
{
	int i;

	/* The first waits for what asked for the others. */
	dcache_barrier(tree->dc);
	dcache_barrier(tree->dc);
	CHECK_EQ(deferred_pending(&tree->dc->deferred), 0);
	CHECK_EQ(tree_stats(tree).entries, 1 + MANY);
	for (i = 0; i < MANY; i++) {
		CHECK(d_unhashed(dirs[i]));
		dput(dirs[i]);
	}
	tree_end(tree);
}

/* It is called by a portion, and there is one at a time. */
TEST(an_operation_of_a_portion_defers_any_number, "d_invalidate_deferred H36")
{
	static const struct inode_operations ops = { .evict = defer_all };
	struct tree tree = many_begin();
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *dentry = d_alloc(dir, NAME("evicts"));

	CHECK_EQ(d_add(dentry, new_inode(tree.dc, 1, INODE_REGULAR, &ops, NULL)), 0);
	dput(dentry);
	d_invalidate_deferred(dir);
	CHECK(EVENTUALLY(atomic_load(&pending_in_operation)));
	/* The portion's own is not at its end. */
	CHECK_EQ(atomic_load(&pending_in_operation), MANY + 1);
	dput(dir);
	many_end(&tree);
}

/* It is called by a batch, which a portion may wait for. */
TEST(an_operation_of_a_batch_defers_any_number, "d_invalidate_deferred H50")
{
	static const struct inode_operations ops = { .release = defer_all };
	struct tree tree = many_begin();

	iput(new_inode(tree.dc, 1, INODE_REGULAR, &ops, NULL));
	/* By the instance's thread, which does no portion meanwhile. */
	CHECK(EVENTUALLY(atomic_load(&pending_in_operation)));
	CHECK_EQ(atomic_load(&pending_in_operation), MANY);
	many_end(&tree);
}

/* After an error nothing has changed: what is to be freed in the background still is. */
TEST(a_move_that_is_refused_frees_nothing, "d_move d_exchange d_invalidate_deferred")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *below = tree_add(&tree, dir, NAME("below"), INODE_DIRECTORY);
	struct dentry *other = tree_add(&tree, tree.root, NAME("other"), INODE_REGULAR);
	struct dentry *target = d_alloc(below, NAME("target"));

	dput(tree_add(&tree, dir, NAME("unused"), INODE_REGULAR));
	dc_lock(&tree.dc->deferred.run);
	d_invalidate_deferred(dir);
	CHECK_EQ(d_move(dir, target), -ELOOP);
	CHECK_EQ(d_exchange(dir, other), -EINVAL);
	CHECK_EQ(d_exchange(other, dir), -EINVAL);
	CHECK_EQ(tree_stats(&tree).entries, 6);
	dc_unlock(&tree.dc->deferred.run);
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).entries, 5);
	dput(target);
	dput(other);
	dput(below);
	dput(dir);
	tree_end(&tree);
}

/* Whoever asks for more than may wait does some of it, whatever the instance's thread does. */
TEST(who_defers_too_much_helps, "d_invalidate_deferred H50")
{
	struct tree tree = many_begin();
	uint64_t most = 0;
	int i;

	hold_thread(&tree);
	for (i = 0; i < MANY; i++) {
		uint64_t pending;

		d_invalidate_deferred(dirs[i]);
		pending = deferred_pending(&tree.dc->deferred);
		most = pending > most ? pending : most;
	}
	CHECK_EQ(most, 1024);
	CHECK_EQ(deferred_pending(&tree.dc->deferred), 1024);
	CHECK_EQ(tree_stats(&tree).entries, 1 + MANY + 1024);
	let_thread_go();
	many_end(&tree);
}

/* ---- at the end ---- */

#define CHILDREN 20000

static struct dentry *large, *trigger, *children[CHILDREN];

/* The first inode's release defers @large, in which all is in use, and lets go of @trigger ... */
static void defer_in_release(struct inode *inode)
{
	(void)inode;
	d_invalidate_deferred(large);
	dput(large);
	dput(trigger);
}

/* ... whose inode's lets go of all that. */
static void put_in_release(struct inode *inode)
{
	int i;

	(void)inode;
	for (i = 0; i < CHILDREN; i++)
		dput(children[i]);
}

/* What a release operation defers at the end is waited for, as is what that keeps. */
TEST(an_instance_ends_with_what_a_release_defers, "d_invalidate_deferred dcache_destroy")
{
	static const struct inode_operations first = { .release = defer_in_release };
	static const struct inode_operations second = { .release = put_in_release };
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode;
	int i;

	large = tree_add(&tree, tree.root, NAME("large"), INODE_DIRECTORY);
	for (i = 0; i < CHILDREN; i++) {
		char bytes[16];
		struct qstr name = qstr_init(bytes,
					     (size_t)snprintf(bytes, sizeof(bytes), "n%d", i));

		children[i] = tree_add(&tree, large, &name, 0);
	}
	trigger = d_alloc(large, NAME("trigger"));
	CHECK_EQ(d_add(trigger, new_inode(tree.dc, 1, INODE_REGULAR, &second, NULL)), 0);
	inode = new_inode(tree.dc, 2, INODE_REGULAR, &first, NULL);
	CHECK_EQ(dcache_destroy(tree.dc), -EBUSY);
	iput(inode);
	tree_end(&tree);
}

/* A chain: each inode's release lets go of an entry, which nobody else uses, with the next inode. */
#define LINKS 8

static struct dentry *links[LINKS + 1];

static void put_next(struct inode *inode)
{
	dput(links[inode_number(inode)]);
}

TEST(an_instance_ends_with_what_releases_let_go_of, "dcache_destroy")
{
	static const struct inode_operations ops = { .release = put_next };
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = new_inode(tree.dc, 0, INODE_REGULAR, &ops, NULL);
	int i;

	for (i = 0; i < LINKS; i++) {
		links[i] = d_alloc(tree.root, NAME("link"));
		CHECK_EQ(d_instantiate(links[i], new_inode(tree.dc, (uint64_t)i + 1, INODE_REGULAR,
							   &ops, NULL)),
			 0);
	}
	links[LINKS] = NULL;
	iput(inode);
	tree_end(&tree);
}
