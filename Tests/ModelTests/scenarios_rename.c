/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* d_move() and d_exchange() against lookups, waiters, publishers and each other; names and paths of
 * what is moved. */
#include "world.h"

static void setup_two_files(void)
{
	world_setup_file();
	world.other = world_add(world.root, NAME("t"), INODE_REGULAR);
}

/* ---- a move that replaces ---- */

/* The name is borne by one of the two at every moment. */
static void look_up_target(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("t"));

	MODEL_CHECK(dentry == world.other || dentry == world.entry);
	if (dentry == world.entry) {
		/* Who has seen the one does not see the other after it. */
		dput(dentry);
		dentry = d_lookup(world.root, NAME("t"));
		MODEL_CHECK(dentry == world.entry);
	}
	dput(dentry);
}

/* Nor is the other still where it was: without a reference, for which the mover would be waited for. */
static uint32_t other_seq;

static void setup_two_files_to_look_at(void)
{
	setup_two_files();
	dcache_read_lock();
	MODEL_CHECK(d_lookup_rcu(world.root, NAME("t"), &other_seq) == world.other);
	dcache_read_unlock();
}

static void look_at_what_is_replaced(void)
{
	const struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = d_lookup_rcu(world.root, NAME("t"), &seq);
	MODEL_CHECK(dentry != world.entry || d_seq_retry(world.other, other_seq));
	dcache_read_unlock();
}

static void look_up_source(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	MODEL_CHECK(!dentry || dentry == world.entry);
	dput(dentry);
}

static void look_up_both_rcu(void)
{
	struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = d_lookup_rcu(world.root, NAME("t"), &seq);
	MODEL_CHECK(!dentry || dentry == world.entry || dentry == world.other);
	if (dentry == world.entry && !d_seq_retry(dentry, seq)) {
		/* It has moved: it is not at its old name, nor the other at the new one. */
		MODEL_CHECK(!d_lookup_rcu(world.root, NAME("n"), &seq));
		dentry = d_lookup_rcu(world.root, NAME("t"), &seq);
		MODEL_CHECK(!dentry || dentry == world.entry);
	}
	dcache_read_unlock();
}

static void ask_for_target(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("t"), &wq);

	MODEL_CHECK(dentry == world.other || dentry == world.entry);
	dput(dentry);
}

static void ask_for_source(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("n"), &wq);

	MODEL_CHECK(!IS_ERR(dentry));
	if (dentry != world.entry) {
		MODEL_CHECK(d_in_lookup(dentry));
		d_lookup_done(dentry);
	}
	dput(dentry);
}

static void finish_replaced(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("t"));
	struct dcache_stats stats;

	MODEL_CHECK(dentry == world.entry);
	dput(dentry);
	MODEL_CHECK(!d_lookup(world.root, NAME("n")));
	MODEL_CHECK(d_unhashed(world.other) && d_is_positive(world.other) && d_parent(world.other) == world.root);
	MODEL_CHECK(d_name(world.other).len == 1 && *(const char *)d_name(world.other).name == 't');
	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.renames == 1 && stats.negatives == 0);
	world_finish_pair();
}

SCENARIO(a_replacement_and_lookups_of_both_names) = {
	.covers = "H46 H1",
	.threads = 3,
	.setup = setup_two_files,
	.run = { world_replace, look_up_target, look_up_source },
	.finish = finish_replaced,
};

SCENARIO(a_replacement_and_one_who_looks_at_what_is_replaced) = {
	.covers = "H46 H47",
	.threads = 2,
	.setup = setup_two_files_to_look_at,
	.run = { world_replace, look_at_what_is_replaced },
	.finish = finish_replaced,
};

SCENARIO(a_replacement_and_lookups_without_reference) = {
	.covers = "H40 H46",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_two_files,
	.run = { world_replace, look_up_both_rcu },
	.finish = finish_replaced,
};

SCENARIO(a_replacement_and_parallel_lookups) = {
	.covers = "H1 H46",
	.threads = 3,
	.setup = setup_two_files,
	.run = { world_replace, ask_for_target, ask_for_source },
	.finish = finish_replaced,
};

static void setup_replaced_below(void)
{
	world_setup_pair_below();
	dput(world_add(world.root, NAME("still"), INODE_REGULAR));
}

static void look_up_still(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("still"));

	MODEL_CHECK(dentry);
	dput(dentry);
}

static void ask_for_still(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("still"), &wq);

	MODEL_CHECK(!d_in_lookup(dentry));
	dput(dentry);
}

SCENARIO(a_replacement_and_a_still_name) = {
	.covers = "H46",
	.threads = 3,
	.setup = setup_replaced_below,
	.run = { world_replace, look_up_still, ask_for_still },
	.finish = finish_replaced,
};

/* The replaced entry's last reference goes while it is replaced, or just after. */
static void setup_replaced_by_one_who_waits(void)
{
	world_setup_pair_below();
	dget(world.other);
}

static void replace_and_put(void)
{
	world_replace();
	dput(world.other);
}

static void put_target(void)
{
	dput(world.other);
}

static void finish_target_gone(void)
{
	struct dcache_stats stats;

	dcache_barrier(world.dc);
	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.entries == 3);
	world.other = NULL;
	world_finish_pair();
}

SCENARIO(the_last_put_of_what_is_replaced) = {
	.covers = "H33 H34 H47",
	.threads = 3,
	.setup = setup_replaced_by_one_who_waits,
	.run = { replace_and_put, put_target, look_up_target },
	.finish = finish_target_gone,
};

/* A negative is replaced by an entry that is not hashed. */
static void setup_unhashed_source(void)
{
	world_setup_file();
	d_drop(world.entry);
	world.other = d_alloc(world.root, NAME("t"));
	MODEL_CHECK(!IS_ERR(world.other) && !d_add(world.other, NULL));
}

static void rehash_source(void)
{
	int err = d_rehash(world.entry);

	MODEL_CHECK(!err || err == -EEXIST);
}

static void finish_negative_replaced(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("t"));
	struct dcache_stats stats;

	MODEL_CHECK(dentry == world.entry);
	dput(dentry);
	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.negatives == 0);
	world_finish_pair();
}

SCENARIO(a_negative_is_replaced_by_what_is_rehashed) = {
	.covers = "H45",
	.threads = 3,
	.setup = setup_unhashed_source,
	.run = { world_replace, rehash_source, look_up_target },
	.finish = finish_negative_replaced,
};

/* The moved entry is in a directory that has no other user: a rehash must not look for it there. */
SCENARIO(a_rehash_of_what_leaves_its_directory) = {
	.covers = "H32",
	.threads = 2,
	.setup = world_setup_pair_in_last_dir,
	.run = { world_replace, rehash_source },
	.finish = world_finish_pair,
};

static void look_at_parent(void)
{
	struct dentry *parent = dget_parent(world.entry);

	MODEL_CHECK(d_is_dir(parent) && d_count(parent) > 0);
	dput(parent);
}

SCENARIO(a_parent_is_left_for_good_and_asked_for) = {
	.covers = "H32 H33",
	.threads = 3,
	.setup = world_setup_pair_in_last_dir,
	.run = { world_replace, look_at_parent, look_at_parent },
	.finish = world_finish_pair,
};

/* ---- a name that is being asked for ---- */

static void setup_owned(void)
{
	world_setup_file();
	init_waitqueue_head(&world.wq);
	world.owned = d_alloc_parallel(world.root, NAME("t"), &world.wq);
	MODEL_CHECK(!IS_ERR(world.owned) && d_in_lookup(world.owned));
}

static void move_to_owned(void)
{
	MODEL_CHECK(!d_move(world.entry, world.owned));
	MODEL_CHECK(!d_in_lookup(world.owned) && d_unhashed(world.owned));
	MODEL_CHECK(d_is_negative(world.owned));
	dput(world.owned);
}

static void ask_for_owned(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	world.found[model_thread()] = d_alloc_parallel(world.root, NAME("t"), &wq);
	MODEL_CHECK(world.found[model_thread()] == world.entry);
}

static void finish_owned(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("t"));

	MODEL_CHECK(dentry == world.entry);
	dput(dentry);
	dput(world.entry);
	world_put_found();
}

SCENARIO(a_move_to_a_name_that_two_wait_for) = {
	.covers = "H10 H7",
	.threads = 3,
	.setup = setup_owned,
	.run = { move_to_owned, ask_for_owned, ask_for_owned },
	.finish = finish_owned,
};

/* Moved there, and moved on: a waiter still gets what came. */
static void move_to_owned_and_on(void)
{
	struct dentry *back = d_alloc(world.root, NAME("u"));

	MODEL_CHECK(!IS_ERR(back));
	MODEL_CHECK(!d_move(world.entry, world.owned));
	dput(world.owned);
	MODEL_CHECK(!d_move(world.entry, back));
	dput(back);
}

static void ask_for_what_moves_on(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("t"), &wq);

	MODEL_CHECK(!IS_ERR(dentry));
	world.result[1] = d_in_lookup(dentry);
	if (world.result[1])
		d_lookup_done(dentry);
	else
		MODEL_CHECK(dentry == world.entry);
	dput(dentry);
}

static void finish_moved_on(void)
{
	struct dcache_stats stats;

	dcache_get_stats(world.dc, &stats);
	/* Who waited was answered. */
	MODEL_CHECK(!(stats.lookups_waited && world.result[1]));
	dput(world.entry);
	world_finish();
}

SCENARIO(a_waiter_gets_what_has_moved_on) = {
	.covers = "H10 H17",
	.threads = 2,
	.setup = setup_owned,
	.run = { move_to_owned_and_on, ask_for_what_moves_on },
	.finish = finish_moved_on,
};

/* ---- exchanges ---- */

static void look_up_t(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("t"));

	MODEL_CHECK(dentry == world.other || dentry == world.entry);
	dput(dentry);
}

static void look_up_n(void)
{
	struct dentry *dentry = d_lookup(world.dir ? world.dir : world.root, NAME("n"));

	MODEL_CHECK(dentry == world.other || dentry == world.entry);
	dput(dentry);
}

/* Both together, as they come: who has seen one at its new place sees the other there. */
static void look_up_in_turn(void)
{
	struct dentry *dir = world.dir ? world.dir : world.root;
	struct dentry *at_t = d_lookup(world.root, NAME("t"));
	struct dentry *at_n = d_lookup(dir, NAME("n"));

	MODEL_CHECK(at_t && at_n && (at_t == world.other || at_n == world.other));
	dput(at_t);
	dput(at_n);
}

static void exchange_seen_rcu(void)
{
	struct dentry *dir = world.dir ? world.dir : world.root;
	struct dentry *at_t, *at_n;
	uint32_t seq_t, seq_n;

	dcache_read_lock();
	at_t = d_lookup_rcu(world.root, NAME("t"), &seq_t);
	at_n = d_lookup_rcu(dir, NAME("n"), &seq_n);
	MODEL_CHECK(!at_t || at_t == world.other || at_t == world.entry);
	MODEL_CHECK(!at_n || at_n == world.other || at_n == world.entry);
	/* Both hold: together they are one moment's. */
	if (at_t && at_n && !d_seq_retry(at_t, seq_t) && !d_seq_retry(at_n, seq_n))
		MODEL_CHECK(at_t != at_n);
	dcache_read_unlock();
}

SCENARIO(an_exchange_and_lookups_of_both) = {
	.covers = "H46",
	.threads = 3,
	.setup = setup_two_files,
	.run = { world_exchange, look_up_n, look_up_in_turn },
	.finish = world_finish_exchanged,
};

SCENARIO(an_exchange_between_directories_and_lookups) = {
	.covers = "H46 H32",
	.threads = 3,
	.setup = world_setup_pair_below,
	.run = { world_exchange, look_up_n, look_up_in_turn },
	.finish = world_finish_exchanged,
};

SCENARIO(an_exchange_and_lookups_without_reference) = {
	.covers = "H40 H46",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_two_files,
	.run = { world_exchange, exchange_seen_rcu },
	.finish = world_finish_exchanged,
};

static void ask_for_t(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("t"), &wq);

	MODEL_CHECK(dentry == world.other || dentry == world.entry);
	dput(dentry);
}

static void setup_two_and_still(void)
{
	setup_two_files();
	dput(world_add(world.root, NAME("still"), INODE_REGULAR));
}

SCENARIO(an_exchange_and_parallel_lookups) = {
	.covers = "H1 H46",
	.threads = 3,
	.setup = setup_two_and_still,
	.run = { world_exchange, ask_for_t, ask_for_still },
	.finish = world_finish_exchanged,
};

/* Others add to a chain onto which one of the two comes. */
static struct qstr neighbour;

static void setup_two_and_a_neighbour(void)
{
	setup_two_files();
	neighbour = world_name(NAME("n"), true, 0);
	if (*(const char *)neighbour.name == 't')
		neighbour = world_name(NAME("n"), true, 1);
}

static void add_a_neighbour(void)
{
	dput(world_add(world.root, &neighbour, INODE_REGULAR));
}

static void finish_with_a_neighbour(void)
{
	struct dentry *dentry = d_lookup(world.root, &neighbour);

	MODEL_CHECK(dentry);
	dput(dentry);
	world_finish_exchanged();
}

SCENARIO(an_exchange_and_an_addition_to_the_chain) = {
	.covers = "H46",
	.threads = 2,
	.setup = setup_two_and_a_neighbour,
	.run = { world_exchange, add_a_neighbour },
	.finish = finish_with_a_neighbour,
};

static void finish_as_it_was(void)
{
	struct dentry *at_n = d_lookup(world.dir, NAME("n"));
	struct dentry *at_t = d_lookup(world.root, NAME("t"));

	MODEL_CHECK(at_n == world.entry && at_t == world.other);
	dput(at_n);
	dput(at_t);
	world_finish_pair();
}

SCENARIO(two_exchanges_of_the_same_two) = {
	.covers = "H46",
	.threads = 3,
	.setup = world_setup_pair_below,
	.run = { world_exchange, world_exchange, look_up_t },
	.finish = finish_as_it_was,
};

/* Dropped at the same time: refused then, or dropped where it has come. */
static void exchange_or_not(void)
{
	int err = d_exchange(world.entry, world.other);

	MODEL_CHECK(!err || err == -EINVAL);
}

static void drop_other(void)
{
	d_drop(world.other);
}

static void finish_dropped(void)
{
	struct dentry *at_n = d_lookup(world.dir, NAME("n"));
	struct dentry *at_t = d_lookup(world.root, NAME("t"));

	MODEL_CHECK(!at_n != !at_t && d_unhashed(world.other) && !d_unhashed(world.entry));
	MODEL_CHECK(d_parent(world.entry) == (at_n ? world.dir : world.root));
	MODEL_CHECK(d_parent(world.other) == (at_n ? world.root : world.dir));
	dput(at_n);
	dput(at_t);
	world_finish_pair();
}

SCENARIO(an_exchange_and_a_drop) = {
	.covers = "H45",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = world_setup_pair_below,
	.run = { exchange_or_not, drop_other },
	.finish = finish_dropped,
};

/* A move onto one of the two: it replaces what is there then. */
static struct dentry *third;

static void setup_three(void)
{
	world_setup_pair_below();
	third = world_add(world.dir, NAME("v"), INODE_REGULAR);
}

static void replace_other(void)
{
	MODEL_CHECK(!d_move(third, world.other));
}

/* Each of the two names is borne at every moment. */
static void look_up_both(void)
{
	struct dentry *at_n = d_lookup(world.dir, NAME("n"));
	struct dentry *at_t = d_lookup(world.root, NAME("t"));

	MODEL_CHECK(at_n && at_t);
	dput(at_n);
	dput(at_t);
}

static void finish_three(void)
{
	bool exchanged = d_parent(world.entry) == world.root;
	struct dentry *at_n = d_lookup(world.dir, NAME("n"));
	struct dentry *at_t = d_lookup(world.root, NAME("t"));

	MODEL_CHECK(at_n == (exchanged ? third : world.entry));
	MODEL_CHECK(at_t == (exchanged ? world.entry : third));
	MODEL_CHECK(d_unhashed(world.other) && !d_lookup(world.dir, NAME("v")));
	dput(at_n);
	dput(at_t);
	dput(third);
	world_finish_pair();
}

SCENARIO(an_exchange_and_a_move) = {
	.covers = "H46",
	.threads = 3,
	.setup = setup_three,
	.run = { exchange_or_not, replace_other, look_up_both },
	.finish = finish_three,
};
