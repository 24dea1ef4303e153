/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Public calls that allocate, side by side, tolerant of -ENOMEM: for runs in which the n-th allocation
 * fails (main.c, -F). Whatever failed, nobody hangs, nothing is half done, nothing is left.
 */
#include "world.h"

static bool no_memory(const void *result)
{
	if (!IS_ERR(result))
		return false;
	MODEL_CHECK(PTR_ERR(result) == -ENOMEM);
	return true;
}

/* An inode, or NULL with an answer for whoever waits. */
static struct inode *inode_or_fail(struct dentry *dentry)
{
	struct inode *inode = world_inode(INODE_REGULAR);

	if (no_memory(inode)) {
		MODEL_CHECK(!d_lookup_fail(dentry, -ENOMEM));
		return NULL;
	}
	return inode;
}

static void look_up(const struct qstr *name, struct wait_queue_head *wq)
{
	struct dentry *dentry = d_alloc_parallel(world.root, name, wq);
	struct inode *inode;

	if (no_memory(dentry))
		return;
	if (d_in_lookup(dentry)) {
		inode = inode_or_fail(dentry);
		if (inode)
			MODEL_CHECK(!d_add(dentry, inode));
	}
	MODEL_CHECK(!d_in_lookup(dentry));
	dput(dentry);
}

static void look_up_with_a_head(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	look_up(NAME(LONG_A), &wq);
}

static void look_up_without_a_head(void)
{
	look_up(NAME(LONG_A), NULL);
}

SCENARIO(oom_parallel_lookups) = {
	.covers = "H51 oom",
	.threads = 2,
	.setup = world_setup,
	.run = { look_up_with_a_head, look_up_without_a_head },
	.finish = world_finish,
};

static void wrong_spelling(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("N"), &wq);
	struct inode *inode;
	struct dentry *found;

	if (no_memory(dentry))
		return;
	if (!d_in_lookup(dentry)) {
		dput(dentry);
		return;
	}
	inode = inode_or_fail(dentry);
	if (inode) {
		found = d_add_ci(dentry, inode, NAME(LONG_A));
		if (no_memory(found)) {
			MODEL_CHECK(d_in_lookup(dentry));
			d_lookup_fail(dentry, -ENOMEM);
		} else {
			MODEL_CHECK(!d_lookup_redirect(dentry, found));
			dput(found);
		}
	}
	dput(dentry);
}

SCENARIO(oom_wrong_spellings) = {
	.covers = "H5 H51 oom",
	.threads = 2,
	.setup = world_setup,
	.run = { wrong_spelling, look_up_with_a_head },
	.finish = world_finish,
};

static void wrong_spelling_alone(void)
{
	struct dentry *dentry = d_alloc(world.root, NAME("N"));
	struct inode *inode;
	struct dentry *found;

	if (no_memory(dentry))
		return;
	inode = world_inode(INODE_REGULAR);
	if (!no_memory(inode)) {
		found = d_add_ci(dentry, inode, NAME("n"));
		if (!no_memory(found))
			dput(found);
	}
	dput(dentry);
}

static void obtain_and_splice(void)
{
	struct inode *inode = world_inode(INODE_DIRECTORY);
	struct dentry *alias, *dentry, *spliced;

	if (no_memory(inode))
		return;
	ihold(inode);
	alias = d_obtain_alias(inode);
	if (!no_memory(alias)) {
		dentry = d_alloc(world.root, NAME("d"));
		if (!no_memory(dentry)) {
			ihold(inode);
			spliced = d_splice_alias(inode, dentry);
			MODEL_CHECK(spliced == alias);
			dput(spliced);
			dput(dentry);
		}
		dput(alias);
	}
	iput(inode);
}

SCENARIO(oom_plain_calls) = {
	.covers = "H9 H51 oom",
	.threads = 2,
	.setup = world_setup,
	.run = { wrong_spelling_alone, obtain_and_splice },
	.finish = world_finish,
};

static struct dentry *backend_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	(void)dir;
	(void)flags;
	/* An error pointer comes back as it is. */
	return d_splice_alias(world_inode(INODE_REGULAR), dentry);
}

static const struct inode_operations backend_ops = { .lookup = backend_lookup };

static void make_an_instance(void)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *root, *found;
	struct dcache *dc;
	int err;

	opts.hash_buckets = opts.in_lookup_buckets = 2;
	opts.seed = 2;
	err = dcache_create(&opts, &dc);
	if (err) {
		MODEL_CHECK(err == -ENOMEM);
		return;
	}
	root = d_make_root(new_inode(dc, 1, INODE_DIRECTORY, &backend_ops, NULL));
	if (!no_memory(root)) {
		/* The backend makes its inode in the other instance: refused, or no memory. */
		found = lookup_one_unlocked(root, NAME("n"), 0);
		MODEL_CHECK(IS_ERR(found));
		MODEL_CHECK(PTR_ERR(found) == -EXDEV || PTR_ERR(found) == -ENOMEM);
		dput(root);
	}
	MODEL_CHECK(!dcache_destroy(dc));
}

SCENARIO(oom_instances) = {
	.covers = "H51 oom",
	.threads = 2,
	.setup = world_setup,
	.run = { make_an_instance, look_up_without_a_head },
	.finish = world_finish,
};
