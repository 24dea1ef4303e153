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

/* ---- not asleep ---- */

static void answer(struct dentry *dentry)
{
	struct inode *inode;

	if (d_in_lookup(dentry)) {
		inode = inode_or_fail(dentry);
		if (inode)
			MODEL_CHECK(!d_add(dentry, inode));
	}
	dput(dentry);
}

static struct d_waiter waiter;
static int told;

static void answered(struct d_waiter *self, struct dentry *result)
{
	MODEL_CHECK(self == &waiter);
	told++;
	if (!no_memory(result))
		dput(result);
}

static void setup_waiter(void)
{
	world_setup();
	told = 0;
	waiter = (struct d_waiter){ .func = answered };
}

static void look_up_registered(void)
{
	struct dentry *dentry = d_alloc_parallel_async(world.root, NAME(LONG_A), &waiter);

	world.result[0] = !dentry;
	if (dentry && !no_memory(dentry))
		answer(dentry);
}

static void look_up_without_blocking(void)
{
	struct dentry *dentry = d_alloc_noblock(world.root, NAME(LONG_A), NULL);

	if (dentry != ERR_PTR(-EWOULDBLOCK) && !no_memory(dentry))
		answer(dentry);
}

static void finish_waiter(void)
{
	MODEL_CHECK(told == world.result[0]);
	world_finish();
}

SCENARIO(oom_lookups_that_do_not_sleep) = {
	.covers = "H20 H51 oom",
	.threads = 3,
	.setup = setup_waiter,
	.run = { look_up_registered, look_up_without_blocking, look_up_with_a_head },
	.finish = finish_waiter,
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
