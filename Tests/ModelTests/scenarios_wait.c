/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiters, their frames, the queues they are on, and who may wait for what. */
#include "world.h"

/* Every waiter returns from the frame that was queued at once, and the stack is used again. */
static __attribute__((noinline)) void use_the_stack(void)
{
	volatile char buf[512];

	__builtin_memset((void *)(uintptr_t)buf, 0x55, sizeof(buf));
}

/* Ask for @name in the root. Whoever becomes the owner gives up at once. Return: an error, or 0. */
static __attribute__((noinline)) long ask(const struct qstr *name)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, name, &wq);

	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	d_lookup_done(dentry);
	dput(dentry);
	return 0;
}

static struct dentry *begin_detached(const struct qstr *name)
{
	struct dentry *dentry = d_alloc_parallel(world.root, name, &world.wq);

	MODEL_CHECK(!IS_ERR(dentry) && d_in_lookup(dentry));
	d_lookup_detach(dentry);
	return dentry;
}

/* ---- one lookup, two who wait for it ---- */

static void setup_owned(void)
{
	world_setup();
	init_waitqueue_head(&world.wq);
	world.owned = begin_detached(NAME("n"));
}

static void fail_owned(void)
{
	MODEL_CHECK(!d_lookup_fail(world.owned, -EIO));
	dput(world.owned);
}

static void ask_n(void)
{
	long err = ask(NAME("n"));

	use_the_stack();
	MODEL_CHECK(!err || err == -EIO);
}

SCENARIO(waiters_leave_their_frames) = {
	.covers = "H7 H17",
	.threads = 3,
	.setup = setup_owned,
	.run = { fail_owned, ask_n, ask_n },
	.finish = world_finish,
};

/* ---- one queue head for two lookups ---- */

static struct dentry *other;	/* in-lookup; the first is world.owned */

static void setup_one_head(void)
{
	setup_owned();
	other = begin_detached(NAME("m"));
	/* How far the owner is. */
	atomic_init(&world.succeeded, 0);
}

static void fail_both(void)
{
	MODEL_CHECK(!d_lookup_fail(world.owned, -EIO));
	atomic_store_explicit(&world.succeeded, 1, memory_order_release);
	MODEL_CHECK(!d_lookup_fail(other, -ESTALE));
	dput(other);
	dput(world.owned);
}

static void ask_m(void)
{
	long err = ask(NAME("m"));

	use_the_stack();
	MODEL_CHECK(!err || err == -ESTALE);
	MODEL_CHECK(!err || atomic_load_explicit(&world.succeeded, memory_order_acquire));
}

SCENARIO(two_lookups_on_one_queue_head) = {
	.covers = "H14",
	.threads = 3,
	.setup = setup_one_head,
	.run = { fail_both, ask_n, ask_m },
	.finish = world_finish,
};

/* ---- the answer is another entry, which is gone again at once ---- */

static void setup_owned_and_dir(void)
{
	world_setup_dir();
	init_waitqueue_head(&world.wq);
	world.owned = begin_detached(NAME("n"));
}

static void splice_and_drop(void)
{
	struct dentry *alias;

	ihold(d_inode(world.dir));
	alias = d_splice_alias(d_inode(world.dir), world.owned);
	MODEL_CHECK(alias == world.dir);
	MODEL_CHECK(!d_in_lookup(world.owned));
	d_drop(alias);
	dput(alias);
	dput(world.owned);
}

static void ask_for_the_directory(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("n"), &wq);

	MODEL_CHECK(!IS_ERR(dentry));
	world.result[model_thread()] = d_in_lookup(dentry);
	if (d_in_lookup(dentry))
		d_lookup_done(dentry);
	else
		MODEL_CHECK(dentry == world.dir);
	dput(dentry);
}

/* Who waited for the directory was given it, though it could not be found any more. */
static void finish_given(void)
{
	struct dcache_stats stats;

	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(!(stats.lookups_waited && world.result[1]));
	world_finish();
}

SCENARIO(a_waiter_gets_what_is_gone_again) = {
	.covers = "H10 H17",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_owned_and_dir,
	.run = { splice_and_drop, ask_for_the_directory },
	.finish = finish_given,
};

/* ---- who asks for what it asks for itself ---- */

static void ask_twice(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("n"), &wq);

	MODEL_CHECK(!IS_ERR(dentry));
	if (d_in_lookup(dentry)) {
		MODEL_CHECK(ask(NAME("n")) == -EDEADLK);
		MODEL_CHECK(d_in_lookup(dentry));
		MODEL_CHECK(!d_add(dentry, NULL));
	}
	MODEL_CHECK(d_is_negative(dentry));
	dput(dentry);
}

SCENARIO(an_owner_asks_for_its_own_name) = {
	.covers = "H18",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = world_setup,
	.run = { ask_twice, ask_twice },
	.finish = world_finish,
};

/* The stored spelling turns out to be the directory above: whoever waits for it is told. */
static void find_the_root_below(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.dir, NAME("N"), &wq);
	struct dentry *found;

	MODEL_CHECK(!IS_ERR(dentry) && d_in_lookup(dentry));
	ihold(world.root_inode);
	found = d_add_ci(dentry, world.root_inode, NAME("n"));
	MODEL_CHECK(IS_ERR(found) ? PTR_ERR(found) == -ELOOP : d_is_negative(found));
	d_lookup_done(dentry);
	dput(dentry);
	dput(found);
}

static void ask_below(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.dir, NAME("n"), &wq);

	if (IS_ERR(dentry)) {
		MODEL_CHECK(PTR_ERR(dentry) == -ELOOP);
		return;
	}
	if (d_in_lookup(dentry))
		d_lookup_done(dentry);
	dput(dentry);
}

SCENARIO(a_spelling_that_cannot_be_spliced) = {
	.covers = "H5 H17",
	.threads = 3,
	.setup = world_setup_dir,
	.run = { find_the_root_below, ask_below, ask_below },
	.finish = world_finish,
};

/* ---- flags that change while a lookup ends ---- */

static int delete_always(const struct dentry *dentry)
{
	(void)dentry;
	return 0;
}

static const struct dentry_operations own_ops = { .d_delete = delete_always };

static void setup_shared(void)
{
	setup_owned();
	dget(dget(world.owned));
}

static void end_shared(void)
{
	d_lookup_done(world.owned);
	dput(world.owned);
}

static void give_operations(void)
{
	d_set_d_op(world.owned, &own_ops);
	dput(world.owned);
}

static void finish_flags(void)
{
	MODEL_CHECK(!d_in_lookup(world.owned));
	MODEL_CHECK(d_flags(world.owned) & DCACHE_OP_DELETE);
	dput(world.owned);
	world_finish();
}

SCENARIO(flags_change_while_a_lookup_ends) = {
	.covers = "H12",
	.threads = 3,
	.setup = setup_shared,
	.run = { end_shared, give_operations, ask_n },
	.finish = finish_flags,
};
