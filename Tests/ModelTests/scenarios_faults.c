/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Faults: calls that allocate and that scenarios_oom.c does not have, for runs in which the n-th
 * allocation fails (main.c, -F); and backends that answer twice, or late.
 */
#include "world.h"

static bool no_memory(const void *result)
{
	if (!IS_ERR(result))
		return false;
	MODEL_CHECK(PTR_ERR(result) == -ENOMEM);
	return true;
}

/* ---- no memory: the whole protocol ---- */

static struct dentry *answer_file(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	(void)dir;
	(void)flags;
	return d_splice_alias(world_inode(INODE_REGULAR), dentry);
}

static void inode_release(struct inode *inode)
{
	(void)inode;
}

static const struct inode_operations backend_ops = {
	.lookup = answer_file,
	.release = inode_release,
};

static void setup_with_a_backend(void)
{
	world_setup_backend(&backend_ops);
}

/* An owner's want of memory is its waiters'; who comes later asks afresh. */
static void is_found(struct dentry *dentry)
{
	if (no_memory(dentry))
		return;
	MODEL_CHECK(d_is_positive(dentry) && !d_unhashed(dentry));
	dput(dentry);
}

static void look_up_one(void)
{
	is_found(lookup_one_unlocked(world.root, NAME(LONG_A), 0));
}

static void look_up_slowly(void)
{
	is_found(lookup_slow(world.root, NAME(LONG_A), 0));
}

static void look_up_unlocked(void)
{
	is_found(__lookup_slow(world.root, NAME(LONG_A), 0));
}

/* The directory's lock was given back, whatever became of the lookup. */
static void finish_with_a_backend(void)
{
	MODEL_CHECK(inode_trylock(world.root_inode));
	inode_unlock(world.root_inode);
	world_finish();
}

SCENARIO(oom_lookup_slow) = {
	.covers = "H17 H51 oom",
	.threads = 2,
	.setup = setup_with_a_backend,
	.run = { look_up_one, look_up_slowly },
	.finish = finish_with_a_backend,
};

SCENARIO(oom_lookup_without_the_lock) = {
	.covers = "H17 H51 oom",
	.threads = 2,
	.setup = setup_with_a_backend,
	.run = { look_up_unlocked, look_up_slowly },
	.finish = finish_with_a_backend,
};

/* ---- no memory: entries without a lookup ---- */

static void alloc_long(void)
{
	struct dentry *dentry = d_alloc(world.root, NAME(LONG_B));

	if (!no_memory(dentry)) {
		MODEL_CHECK(!d_add(dentry, NULL));
		dput(dentry);
	}
}

static void make_a_root(void)
{
	struct dentry *root = d_make_root(world_inode(INODE_DIRECTORY));

	if (!no_memory(root))
		dput(root);
}

/* Over the limit each new entry frees another. */
static void setup_full(void)
{
	world_setup_file();
	dput(world_add(world.root, NAME("m"), INODE_REGULAR));
	dput(world.entry);
	limit_set(&world.dc->counters, LIMIT_ENTRIES, 1);
}

SCENARIO(oom_over_the_limit) = {
	.covers = "H51 oom",
	.threads = 2,
	.setup = setup_full,
	.run = { alloc_long, make_a_root },
	.finish = world_finish,
};

static void setup_nameless(void)
{
	world_setup();
	world.inode = world_inode(INODE_DIRECTORY);
}

static void obtain(void)
{
	struct dentry *alias;

	ihold(world.inode);
	alias = d_obtain_alias(world.inode);
	if (!no_memory(alias)) {
		MODEL_CHECK(d_inode(alias) == world.inode);
		dput(alias);
	}
}

static void finish_nameless(void)
{
	iput(world.inode);
	world_finish();
}

SCENARIO(oom_obtain_alias) = {
	.covers = "H9 H38 H51 oom",
	.threads = 2,
	.setup = setup_nameless,
	.run = { obtain, obtain },
	.finish = finish_nameless,
};

/* The directory "dir" turns out to be stored under another name. */
static void stored_elsewhere(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("N"), &wq);
	struct inode *dir = d_inode(world.dir);
	struct dentry *found;

	if (no_memory(dentry))
		return;
	MODEL_CHECK(d_in_lookup(dentry));
	ihold(dir);
	found = d_add_ci(dentry, dir, NAME(LONG_A));
	if (no_memory(found)) {
		MODEL_CHECK(d_in_lookup(dentry));
		MODEL_CHECK(!d_lookup_fail(dentry, -ENOMEM));
	} else {
		MODEL_CHECK(found == world.dir);
		MODEL_CHECK(!d_lookup_redirect(dentry, found));
		dput(found);
	}
	dput(dentry);
}

static void ask_for_the_stored(void)
{
	struct dentry *dentry = d_alloc_parallel(world.root, NAME(LONG_A), NULL);

	if (no_memory(dentry))
		return;
	if (d_in_lookup(dentry))
		MODEL_CHECK(!d_lookup_fail(dentry, -ENOMEM));
	else
		MODEL_CHECK(dentry == world.dir);
	dput(dentry);
}

SCENARIO(oom_a_directory_of_another_spelling) = {
	.covers = "H5 H10 H51 oom",
	.threads = 2,
	.setup = world_setup_dir,
	.run = { stored_elsewhere, ask_for_the_stored },
	.finish = world_finish,
};

/* ---- two answers ---- */

/* world.owned: a lookup of "cold" that anybody may end; world.entry: a file. */
static void setup_owned(void)
{
	world_setup_file();
	world.owned = d_alloc_parallel(world.root, NAME("cold"), NULL);
	d_lookup_detach(world.owned);
}

/* The directory "dir" in the root as well. */
static void setup_owned_and_dir(void)
{
	world_setup_dir();
	world.entry = world_add(world.root, NAME("n"), INODE_REGULAR);
	world.owned = d_alloc_parallel(world.root, NAME("cold"), NULL);
	d_lookup_detach(world.owned);
}

static void answer_add(void)
{
	world.result[model_thread()] = d_add(world.owned, world_inode(INODE_REGULAR));
}

static void answer_fail(void)
{
	world.result[model_thread()] = d_lookup_fail(world.owned, -EIO);
}

static void answer_redirect(void)
{
	world.result[model_thread()] = d_lookup_redirect(world.owned, world.entry);
}

static void answer_directory(void)
{
	struct inode *dir = d_inode(world.dir);
	struct dentry *moved;

	ihold(dir);
	moved = d_splice_alias(dir, world.owned);
	world.result[model_thread()] = IS_ERR(moved) ? PTR_ERR(moved) : 0;
	if (!IS_ERR(moved)) {
		MODEL_CHECK(moved == world.dir);
		dput(moved);
	}
}

/* What it gets, not referenced any more; an entry of its own it ends with -ENOENT. */
static void wait_for_an_answer(void)
{
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("cold"), NULL);

	if (!IS_ERR(dentry) && d_in_lookup(dentry)) {
		MODEL_CHECK(dentry != world.owned);
		MODEL_CHECK(!d_lookup_fail(dentry, -ENOENT));
		dput(dentry);
		dentry = ERR_PTR(-ENOENT);
	}
	dput(dentry);
	world.found[model_thread()] = dentry;
}

/* One has ended the lookup, and the waiter, thread 2, was told what that one said; or it came after
 * an answer that leaves nothing behind. */
static void one_answered(const void *first, const void *second, long too_late_first,
			 long too_late_second, bool leaves_something)
{
	const void *told = world.found[2];
	bool first_won = !world.result[0];

	world.found[2] = NULL;
	MODEL_CHECK(first_won != !world.result[1]);
	MODEL_CHECK(first_won ? world.result[1] == too_late_second
			      : world.result[0] == too_late_first);
	MODEL_CHECK(told == (first_won ? first : second) ||
		    (!(first_won && leaves_something) && told == ERR_PTR(-ENOENT)));
	dput(world.owned);
	dput(world.entry);
	world_finish();
}

static void finish_add_or_fail(void)
{
	one_answered(world.owned, ERR_PTR(-EIO), -EINVAL, -EALREADY, true);
}

SCENARIO(added_and_failed_at_once) = {
	.covers = "H7 H17 H21 faults",
	.threads = 3,
	.setup = setup_owned,
	.run = { answer_add, answer_fail, wait_for_an_answer },
	.finish = finish_add_or_fail,
};

static void finish_directory_or_redirect(void)
{
	one_answered(world.dir, world.entry, -EINVAL, -EALREADY, true);
}

SCENARIO(a_directory_moved_there_and_redirected_at_once) = {
	.covers = "H7 H10 H17 faults",
	.threads = 3,
	.setup = setup_owned_and_dir,
	.run = { answer_directory, answer_redirect, wait_for_an_answer },
	.finish = finish_directory_or_redirect,
};

static void finish_fail_or_redirect(void)
{
	one_answered(ERR_PTR(-EIO), world.entry, -EALREADY, -EALREADY, false);
}

SCENARIO(failed_and_redirected_at_once) = {
	.covers = "H7 H17 faults",
	.threads = 3,
	.setup = setup_owned,
	.run = { answer_fail, answer_redirect, wait_for_an_answer },
	.finish = finish_fail_or_redirect,
};

/* ---- a late answer ---- */

static void setup_owned_in_dir(void)
{
	world_setup_dir();
	world.owned = d_alloc_parallel(world.dir, NAME("cold"), NULL);
	d_lookup_detach(world.owned);
	/* For the one who asks, thread 2. */
	dget(world.dir);
}

static void drop_the_directory(void)
{
	d_drop(world.dir);
	dput(world.dir);
}

static void add_and_put(void)
{
	MODEL_CHECK(!d_add(world.owned, world_inode(INODE_REGULAR)));
	dput(world.owned);
}

static void wait_in_the_directory(void)
{
	struct dentry *dentry = d_alloc_parallel(world.dir, NAME("cold"), NULL);

	MODEL_CHECK(dentry == world.owned && d_is_positive(dentry) &&
		    d_parent(dentry) == world.dir);
	dput(dentry);
	dput(world.dir);
}

static void finish_without_the_directory(void)
{
	world.dir = NULL;
	shrink_dcache(world.dc, 2);
	world_finish();
}

SCENARIO(an_answer_in_a_directory_that_is_dropped) = {
	.covers = "H16 H32 faults",
	.threads = 3,
	.setup = setup_owned_in_dir,
	.run = { add_and_put, drop_the_directory, wait_in_the_directory },
	.finish = finish_without_the_directory,
};
