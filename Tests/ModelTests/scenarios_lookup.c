/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parallel lookups of one name and of neighbours: how they begin, and each way in which they end. */
#include "world.h"

/* Look up @name in the root; an owner ends it with @end. */
static struct dentry *look_up(const struct qstr *name, void (*end)(struct dentry *))
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, name, &wq);

	if (!IS_ERR(dentry) && d_in_lookup(dentry)) {
		atomic_fetch_add_explicit(&world.asked, 1, memory_order_relaxed);
		end(dentry);
	}
	return dentry;
}

static void keep(struct dentry *dentry)
{
	world.found[model_thread()] = dentry;
}

static void end_with_file(struct dentry *dentry)
{
	MODEL_CHECK(!d_add(dentry, world_inode(INODE_REGULAR)));
}

static void end_negative(struct dentry *dentry)
{
	MODEL_CHECK(!d_add(dentry, NULL));
}

static void end_with_error(struct dentry *dentry)
{
	MODEL_CHECK(!d_lookup_fail(dentry, -EIO));
}

static void look_up_file(void)
{
	struct dentry *dentry = look_up(NAME("n"), end_with_file);

	MODEL_CHECK(!IS_ERR(dentry));
	MODEL_CHECK(d_is_positive(dentry) && !d_unhashed(dentry) && !d_in_lookup(dentry));
	keep(dentry);
}

/* All found the same entry, and one asked. */
static void finish_one_answer(void)
{
	int i;

	MODEL_CHECK(atomic_load(&world.asked) == 1);
	for (i = 1; i < MODEL_MAX_THREADS; i++)
		MODEL_CHECK(!world.found[i] || world.found[i] == world.found[0]);
	world_put_found();
}

SCENARIO(two_look_up_one_name) = {
	.covers = "H1 H2 H3 H4 H7 H12",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = world_setup,
	.run = { look_up_file, look_up_file },
	.finish = finish_one_answer,
};

SCENARIO(three_look_up_one_name) = {
	.covers = "H1 H2 H3 H4 H7 H12",
	.threads = 3,
	.setup = world_setup,
	.run = { look_up_file, look_up_file, look_up_file },
	.finish = finish_one_answer,
};

static void look_up_absent(void)
{
	struct dentry *dentry = look_up(NAME("n"), end_negative);

	MODEL_CHECK(!IS_ERR(dentry) && d_is_negative(dentry) && !d_unhashed(dentry));
	keep(dentry);
}

SCENARIO(three_look_up_an_absent_name) = {
	.covers = "H1 H7",
	.threads = 3,
	.setup = world_setup,
	.run = { look_up_absent, look_up_absent, look_up_absent },
	.finish = finish_one_answer,
};

static void look_up_other(void)
{
	struct dentry *dentry = look_up(NAME("other"), end_with_file);

	MODEL_CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
	dput(dentry);
}

static void look_up_third(void)
{
	struct dentry *dentry = look_up(NAME("3rd"), end_negative);

	MODEL_CHECK(!IS_ERR(dentry) && d_is_negative(dentry));
	dput(dentry);
}

static void finish_each_asked_once(void)
{
	MODEL_CHECK(atomic_load(&world.asked) == 2);
	world_put_found();
}

SCENARIO(two_names_of_one_directory) = {
	.covers = "H3 H6",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = world_setup,
	.run = { look_up_other, look_up_third },
	.finish = finish_each_asked_once,
};

SCENARIO(one_name_and_a_neighbour) = {
	.covers = "H1 H3 H6",
	.threads = 3,
	.setup = world_setup,
	.run = { look_up_file, look_up_other, look_up_file },
	.finish = finish_each_asked_once,
};

/* A failed lookup: whoever waited got the error; whoever came later asked again. */
static void look_up_failing(void)
{
	struct dentry *dentry = look_up(NAME("n"), end_with_error);

	if (IS_ERR(dentry)) {
		MODEL_CHECK(PTR_ERR(dentry) == -EIO);
		world.result[model_thread()] = 1;
	} else {
		MODEL_CHECK(d_unhashed(dentry) && !d_in_lookup(dentry));
		dput(dentry);
	}
}

static void finish_failing(void)
{
	struct dcache_stats stats;
	int i, got = 0;

	dcache_get_stats(world.dc, &stats);
	for (i = 0; i < MODEL_MAX_THREADS; i++)
		got += (int)world.result[i];
	/* Those who waited until the end are those who got the error without asking. */
	MODEL_CHECK((uint64_t)got == stats.outcomes_shared);
	MODEL_CHECK(stats.lookups_waited == stats.outcomes_shared);
	world_finish();
}

SCENARIO(two_look_up_and_the_owner_fails) = {
	.covers = "H17",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = world_setup,
	.run = { look_up_failing, look_up_failing },
	.finish = finish_failing,
};

SCENARIO(three_look_up_and_the_owner_fails) = {
	.covers = "H17",
	.threads = 3,
	.setup = world_setup,
	.run = { look_up_failing, look_up_failing, look_up_failing },
	.finish = finish_failing,
};

/* Ended without an answer: waiters start over, and each asks in turn. */
static void end_without(struct dentry *dentry)
{
	d_lookup_done(dentry);
	d_lookup_done(dentry);
}

static void look_up_given_up(void)
{
	struct dentry *dentry = look_up(NAME("n"), end_without);

	MODEL_CHECK(!IS_ERR(dentry) && d_unhashed(dentry));
	dput(dentry);
}

static void finish_all_asked(void)
{
	MODEL_CHECK(atomic_load(&world.asked) == 3);
	world_finish();
}

SCENARIO(three_look_up_and_owners_give_up) = {
	.covers = "H7",
	.threads = 3,
	.setup = world_setup,
	.run = { look_up_given_up, look_up_given_up, look_up_given_up },
	.finish = finish_all_asked,
};

/* The name turns out to be another entry's. */
static void setup_redirect(void)
{
	world_setup();
	world.entry = world_add(world.root, NAME("stored"), INODE_REGULAR);
}

static void end_redirected(struct dentry *dentry)
{
	MODEL_CHECK(!d_lookup_redirect(dentry, world.entry));
}

static void look_up_redirected(void)
{
	struct dentry *dentry = look_up(NAME("n"), end_redirected);

	MODEL_CHECK(!IS_ERR(dentry));
	MODEL_CHECK(dentry == world.entry || d_unhashed(dentry));
	keep(dentry);
}

static void finish_redirected(void)
{
	struct dcache_stats stats;
	uint64_t got = 0;
	int i;

	dcache_get_stats(world.dc, &stats);
	for (i = 0; i < MODEL_MAX_THREADS; i++)
		got += world.found[i] == world.entry;
	MODEL_CHECK(got == stats.outcomes_shared && got == stats.lookups_waited);
	dput(world.entry);
	world_put_found();
}

SCENARIO(three_look_up_and_the_owner_redirects) = {
	.covers = "H17 H10",
	.threads = 3,
	.setup = setup_redirect,
	.run = { look_up_redirected, look_up_redirected, look_up_redirected },
	.finish = finish_redirected,
};

/* The queue head is in the frame of a function that returns right after ending the lookup. */
static __attribute__((noinline)) struct dentry *own_and_return(void)
{
	return look_up(NAME("n"), end_with_error);
}

static void look_up_twice(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct dentry *dentry = own_and_return();

		if (!IS_ERR(dentry))
			dput(dentry);
	}
}

SCENARIO(queue_heads_of_returned_frames) = {
	.covers = "H7 H14",
	.threads = 2,
	.setup = world_setup,
	.run = { look_up_twice, look_up_twice },
	.finish = world_finish,
};

/* One thread begins, another ends, a third waits. */
static void setup_owned(void)
{
	world_setup();
	init_waitqueue_head(&world.wq);
	world.owned = d_alloc_parallel(world.root, NAME("n"), &world.wq);
	MODEL_CHECK(!IS_ERR(world.owned) && d_in_lookup(world.owned));
	d_lookup_detach(world.owned);
	dget(world.owned);
}

static void end_owned(void)
{
	MODEL_CHECK(!d_add(world.owned, world_inode(INODE_REGULAR)));
	dput(world.owned);
}

static void wait_for_owned(void)
{
	struct dentry *dentry = look_up(NAME("n"), end_with_file);

	MODEL_CHECK(dentry == world.owned);
	dput(dentry);
}

static void wait_with_the_lock(void)
{
	d_lock(world.owned);
	d_wait_lookup(world.owned);
	MODEL_CHECK(!d_in_lookup(world.owned));
	d_unlock(world.owned);
	dput(world.owned);
}

static void finish_nobody_asked(void)
{
	MODEL_CHECK(atomic_load(&world.asked) == 0);
	world_finish();
}

SCENARIO(a_lookup_ended_by_another_thread) = {
	.covers = "H7 H18",
	.threads = 3,
	.setup = setup_owned,
	.run = { end_owned, wait_for_owned, wait_with_the_lock },
	.finish = finish_nobody_asked,
};

/* Who sees that the lookup has ended sees what it ended with. */
static void look_at_owned(void)
{
	if (!d_in_lookup(world.owned))
		MODEL_CHECK(d_is_positive(world.owned));
	dput(world.owned);
}

SCENARIO(an_ended_lookup_is_seen_whole) = {
	.covers = "U3",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_owned,
	.run = { end_owned, look_at_owned },
	.finish = world_finish,
};

/* Two publish one name, who should exclude each other and do not: one is refused. */
static void add_plain(void)
{
	struct dentry *dentry = d_alloc(world.root, NAME("n"));
	int err;

	MODEL_CHECK(!IS_ERR(dentry));
	err = d_add(dentry, world_inode(INODE_REGULAR));
	MODEL_CHECK(!err || err == -EEXIST);
	atomic_fetch_add_explicit(&world.succeeded, !err, memory_order_relaxed);
	dput(dentry);
}

static void finish_one_succeeded(void)
{
	MODEL_CHECK(atomic_load(&world.succeeded) == 1);
	world_finish();
}

SCENARIO(two_add_one_name) = {
	.covers = "U1",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = world_setup,
	.run = { add_plain, add_plain },
	.finish = finish_one_succeeded,
};

/* The whole protocol under the directory's lock, against a create. */
static int truth;

static struct dentry *backend_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = truth ? world_inode(INODE_REGULAR) : NULL;

	(void)dir;
	(void)flags;
	atomic_fetch_add_explicit(&world.asked, 1, memory_order_relaxed);
	return d_splice_alias(inode, dentry);
}

static const struct inode_operations backend_ops = { .lookup = backend_lookup };

static void setup_backend(void)
{
	world_setup_backend(&backend_ops);
	truth = 0;
}

static void create(void)
{
	struct dentry *dentry;

	inode_lock(world.root_inode);
	dentry = __lookup_slow(world.root, NAME("n"), 0);
	MODEL_CHECK(!IS_ERR(dentry) && d_is_negative(dentry));
	truth = 1;
	MODEL_CHECK(!d_instantiate(dentry, world_inode(INODE_REGULAR)));
	inode_unlock(world.root_inode);
	dput(dentry);
	dentry = lookup_one_unlocked(world.root, NAME("n"), 0);
	MODEL_CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
	dput(dentry);
}

static void resolve(void)
{
	struct dentry *dentry = lookup_one_unlocked(world.root, NAME("n"), 0);

	MODEL_CHECK(!IS_ERR(dentry) && !d_unhashed(dentry));
	dput(dentry);
}

SCENARIO(a_create_and_two_lookups) = {
	.covers = "H13",
	.threads = 3,
	.setup = setup_backend,
	.run = { create, resolve, resolve },
	.finish = world_finish,
};

/* A create that a lookup has begun before. It does not ask in parallel, and what it adds is evicted
 * at once. */
static void create_and_evict(void)
{
	struct dentry *dentry;
	int err;

	inode_lock(world.root_inode);
	truth = 1;
	dentry = d_alloc(world.root, NAME("n"));
	MODEL_CHECK(!IS_ERR(dentry));
	err = d_add(dentry, world_inode(INODE_REGULAR));
	MODEL_CHECK(!err || err == -EEXIST);
	dput(dentry);
	if (err) {
		/* A lookup was there first: its negative has to go. */
		dentry = d_lookup(world.root, NAME("n"));
		if (dentry)
			d_drop(dentry);
		dput(dentry);
	}
	inode_unlock(world.root_inode);
	shrink_dcache(world.dc, 1);
}

static void resolve_what_may_go(void)
{
	struct dentry *dentry = lookup_one_unlocked(world.root, NAME("n"), 0);

	MODEL_CHECK(!IS_ERR(dentry));
	dput(dentry);
}

static void finish_created(void)
{
	struct dentry *dentry = lookup_one_unlocked(world.root, NAME("n"), 0);

	MODEL_CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
	dput(dentry);
	world_finish();
}

SCENARIO(a_create_that_is_evicted_and_a_lookup) = {
	.covers = "H13",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_backend,
	.run = { create_and_evict, resolve_what_may_go },
	.finish = finish_created,
};
