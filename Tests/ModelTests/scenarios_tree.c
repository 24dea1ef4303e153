/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walks, shrinking below an entry, and invalidation, against each other and what changes the tree. */
#include "world.h"

/* "dir" is world.dir; in it, unused, the files "a" and "b" and the negative "c". */
static void add_unused(struct dentry *parent, const struct qstr *name, enum inode_type type)
{
	dput(world_add(parent, name, type));
}

static void setup_children(void)
{
	world_setup_dir();
	add_unused(world.dir, NAME("a"), INODE_REGULAR);
	add_unused(world.dir, NAME("b"), INODE_REGULAR);
}

static uint64_t entries(void)
{
	struct dcache_stats stats;

	dcache_get_stats(world.dc, &stats);
	return stats.entries;
}

static void put_dir(void)
{
	dput(world.dir);
	world.dir = NULL;
}

/* The directory was invalidated: with its last reference it is gone, and all that was below. */
static void finish_invalidated(void)
{
	MODEL_CHECK(d_unhashed(world.dir));
	put_dir();
	MODEL_CHECK(entries() == 1);
	world_finish();
}

static void finish_dir_alone(void)
{
	MODEL_CHECK(entries() == 2);
	world_finish();
}

static void shrink_root(void)
{
	MODEL_CHECK(shrink_dcache_parent(world.root) >= 0);
}

static void invalidate_dir(void)
{
	MODEL_CHECK(!d_invalidate(world.dir));
}

/* ---- shrinkers ---- */

static void shrink_and_count(void)
{
	world.result[model_thread()] = shrink_dcache_parent(world.root);
}

static void finish_shrunk(void)
{
	MODEL_CHECK(world.result[0] + world.result[1] == 2);
	finish_dir_alone();
}

SCENARIO(two_shrinkers_of_one_directory) = {
	.covers = "H30 H37",
	.threads = 2,
	.setup = setup_children,
	.run = { shrink_and_count, shrink_and_count },
	.finish = finish_shrunk,
};

/* The directory goes as well, with the last of both to leave it. */
static void setup_unused_dir(void)
{
	world_setup_dir();
	add_unused(world.dir, NAME("a"), INODE_REGULAR);
	put_dir();
}

static void finish_all_shrunk(void)
{
	MODEL_CHECK(world.result[0] + world.result[1] == 2);
	MODEL_CHECK(entries() == 1);
	world_finish();
}

SCENARIO(two_shrinkers_free_the_directory) = {
	.covers = "H30 H32",
	.threads = 2,
	.setup = setup_unused_dir,
	.run = { shrink_and_count, shrink_and_count },
	.finish = finish_all_shrunk,
};

/* What comes back to life stays; what does not goes. */
static void look_up_a(void)
{
	world.found[model_thread()] = d_lookup(world.dir, NAME("a"));
}

static void finish_revived(void)
{
	struct dentry *found = world.found[1];

	MODEL_CHECK(entries() == (found ? 3 : 2));
	MODEL_CHECK(!found || (!d_unhashed(found) && d_count(found) == 1));
	world_put_found();
}

SCENARIO(a_victim_below_comes_back_to_life) = {
	.covers = "H37",
	.threads = 2,
	.setup = setup_children,
	.run = { shrink_root, look_up_a },
	.finish = finish_revived,
};

static void shrink_one_from_the_list(void)
{
	shrink_dcache(world.dc, 1);
}

static void finish_any(void)
{
	MODEL_CHECK(shrink_dcache_parent(world.root) >= 0);
	finish_dir_alone();
}

SCENARIO(a_shrinker_of_the_tree_and_one_of_the_list) = {
	.covers = "H32 H36 H37",
	.threads = 2,
	.setup = setup_children,
	.run = { shrink_root, shrink_one_from_the_list },
	.finish = finish_any,
};

/* ---- walkers ---- */

#define MAX_SEEN 8
static struct dentry *seen[MODEL_MAX_THREADS][MAX_SEEN];
static int nr_seen[MODEL_MAX_THREADS];
static struct dentry *held[3];

static enum d_walk_ret note(struct dentry *dentry, void *data)
{
	int t = model_thread();

	(void)data;
	MODEL_CHECK(nr_seen[t] < MAX_SEEN && d_count(dentry) > 0);
	seen[t][nr_seen[t]++] = dentry;
	return D_WALK_CONTINUE;
}

static int times_seen(int thread, const struct dentry *dentry)
{
	int i, times = 0;

	for (i = 0; i < nr_seen[thread]; i++)
		times += seen[thread][i] == dentry;
	return times;
}

static void forget_seen(void)
{
	int t, i;

	for (t = 0; t < MODEL_MAX_THREADS; t++) {
		nr_seen[t] = 0;
		for (i = 0; i < MAX_SEEN; i++)
			seen[t][i] = NULL;
	}
	held[0] = held[1] = held[2] = NULL;
}

static void walk_root(void)
{
	world.result[model_thread()] = d_walk(world.root, note, NULL);
	MODEL_CHECK(world.result[model_thread()] >= 0);
}

static void walk_dir_children(void)
{
	world.result[model_thread()] = d_for_each_child(world.dir, note, NULL);
	MODEL_CHECK(world.result[model_thread()] >= 0);
}

/* In the list, newest first: "y", held "b", "x", held "a". */
static void setup_walked(void)
{
	forget_seen();
	world_setup_dir();
	held[0] = world_add(world.dir, NAME("a"), INODE_REGULAR);
	world.entry = world_add(world.dir, NAME("x"), INODE_REGULAR);
	held[1] = world_add(world.dir, NAME("b"), INODE_REGULAR);
}

static void remove_neighbour(void)
{
	d_drop(world.entry);
	dput(world.entry);
}

static void add_in_dir(void)
{
	struct dentry *dentry = d_alloc(world.dir, NAME("z"));

	MODEL_CHECK(!IS_ERR(dentry) && !d_add(dentry, NULL));
	dput(dentry);
}

static void finish_walked(void)
{
	MODEL_CHECK(times_seen(0, held[0]) == 1 && times_seen(0, held[1]) == 1);
	MODEL_CHECK(times_seen(0, world.entry) <= 1);
	MODEL_CHECK(world.result[0] == 0);
	dput(held[0]);
	dput(held[1]);
	shrink_dcache_parent(world.root);
	finish_dir_alone();
}

static void finish_walked_in_use(void)
{
	MODEL_CHECK(times_seen(0, world.entry) == 1);
	dput(world.entry);
	finish_walked();
}

SCENARIO(a_walk_and_a_child_that_is_removed) = {
	.covers = "H32 d_walk",
	.threads = 2,
	.setup = setup_walked,
	.run = { walk_dir_children, remove_neighbour },
	.finish = finish_walked,
};

SCENARIO(a_walk_and_a_child_that_is_added) = {
	.covers = "d_walk",
	.threads = 2,
	.setup = setup_walked,
	.run = { walk_dir_children, add_in_dir },
	.finish = finish_walked_in_use,
};

SCENARIO(a_walk_while_children_come_and_go) = {
	.covers = "H32 d_walk",
	.threads = 3,
	.setup = setup_walked,
	.run = { walk_dir_children, remove_neighbour, add_in_dir },
	.finish = finish_walked,
};

static void finish_walked_twice(void)
{
	MODEL_CHECK(times_seen(1, held[0]) == 1 && times_seen(1, held[1]) == 1);
	MODEL_CHECK(times_seen(1, world.entry) == 1);
	finish_walked_in_use();
}

SCENARIO(two_walks_of_one_directory) = {
	.covers = "d_walk",
	.threads = 2,
	.setup = setup_walked,
	.run = { walk_dir_children, walk_dir_children },
	.finish = finish_walked_twice,
};

static void finish_walked_and_shrunk(void)
{
	MODEL_CHECK(times_seen(1, world.root) == 1 && times_seen(1, world.dir) == 1);
	finish_any();
}

static void setup_walked_unused(void)
{
	forget_seen();
	setup_children();
}

SCENARIO(a_shrinker_and_a_walk) = {
	.covers = "H30 H36",
	.threads = 2,
	.setup = setup_walked_unused,
	.run = { shrink_root, walk_root },
	.finish = finish_walked_and_shrunk,
};

/* It gives back what it has looked at as it was. */
static void walk_and_look_for_traces(void)
{
	struct dentry *a;

	walk_dir_children();
	a = d_lookup(world.dir, NAME("a"));
	MODEL_CHECK(a && !(d_flags(a) & DCACHE_REFERENCED));
	dput(a);
}

SCENARIO(a_walk_and_a_shrinker_of_the_list) = {
	.covers = "D1 H37 d_walk",
	.threads = 2,
	.setup = setup_walked_unused,
	.run = { shrink_one_from_the_list, walk_dir_children },
	.finish = finish_any,
};

SCENARIO(a_walk_leaves_no_trace) = {
	.covers = "d_walk",
	.threads = 1,
	.setup = setup_walked_unused,
	.run = { walk_and_look_for_traces },
	.finish = finish_any,
};

/* A directory is moved out of the one that is walked, perhaps with the walker in it. */
static void setup_moved(void)
{
	forget_seen();
	world_setup_dir();
	held[0] = world_add(world.dir, NAME("sub"), INODE_DIRECTORY);
	held[1] = world_add(held[0], NAME("leaf"), INODE_REGULAR);
}

static void move_sub(void)
{
	world_find_at(held[0], world.root, NAME("n"));
}

static void finish_moved(void)
{
	if (!world.result[0]) {
		MODEL_CHECK(times_seen(0, held[0]) == 1);
		MODEL_CHECK(times_seen(0, held[1]) == 1);
	}
	dput(held[1]);
	dput(held[0]);
	world_finish();
}

SCENARIO(a_walk_and_a_move_with_the_walker_inside) = {
	.covers = "H32 d_walk",
	.threads = 2,
	.setup = setup_moved,
	.run = { walk_root, move_sub },
	.finish = finish_moved,
};

static void rename_sub(void)
{
	world_find_at(held[0], world.dir, NAME("other"));
}

static void finish_renamed(void)
{
	MODEL_CHECK(!world.result[0]);
	finish_moved();
}

SCENARIO(a_walk_and_a_rename_in_its_directory) = {
	.covers = "d_walk",
	.threads = 2,
	.setup = setup_moved,
	.run = { walk_root, rename_sub },
	.finish = finish_renamed,
};

/* ---- invalidation ---- */

static void look_up_below_and_put(void)
{
	int i;

	for (i = 0; i < 2; i++)
		dput(d_lookup(world.dir, NAME("a")));
}

SCENARIO(an_invalidation_and_lookups_below) = {
	.covers = "H31 d_invalidate",
	.threads = 2,
	.setup = setup_children,
	.run = { invalidate_dir, look_up_below_and_put },
	.finish = finish_invalidated,
};

/* "a" has been used so often that its last put needs no lock. */
static void setup_kept_below(void)
{
	int i;

	world_setup_dir();
	world.entry = world_add(world.dir, NAME("a"), INODE_REGULAR);
	dput(world.entry);
	for (i = 0; i < 2; i++)
		dput(d_lookup(world.dir, NAME("a")));
	dget(world.entry);
}

static void put_entry(void)
{
	dput(world.entry);
}

SCENARIO(an_invalidation_and_the_last_put_below) = {
	.covers = "D1 d_invalidate",
	.threads = 2,
	.setup = setup_kept_below,
	.run = { invalidate_dir, put_entry },
	.finish = finish_invalidated,
};

SCENARIO(two_invalidations) = {
	.covers = "H31",
	.threads = 2,
	.setup = setup_children,
	.run = { invalidate_dir, invalidate_dir },
	.finish = finish_invalidated,
};

SCENARIO(two_invalidations_and_a_lookup_below) = {
	.covers = "H31",
	.threads = 3,
	.setup = setup_kept_below,
	.run = { invalidate_dir, invalidate_dir, put_entry },
	.finish = finish_invalidated,
};

SCENARIO(an_invalidation_and_a_child_that_is_added) = {
	.covers = "d_invalidate",
	.threads = 2,
	.setup = world_setup_dir,
	.run = { invalidate_dir, add_in_dir },
	.finish = finish_invalidated,
};

/* A child that was never hashed, and one that is hashed again. */
static void setup_dropped_below(void)
{
	world_setup_dir();
	world.entry = world_add(world.dir, NAME("a"), INODE_REGULAR);
	d_drop(world.entry);
}

static void rehash_entry(void)
{
	MODEL_CHECK(!d_rehash(world.entry));
	dput(world.entry);
}

SCENARIO(an_invalidation_and_a_child_that_is_hashed_again) = {
	.covers = "d_invalidate d_rehash",
	.threads = 2,
	.setup = setup_dropped_below,
	.run = { invalidate_dir, rehash_entry },
	.finish = finish_invalidated,
};

/* Below a directory in use below it. */
static void setup_sub(void)
{
	world_setup_dir();
	world.entry = world_add(world.dir, NAME("sub"), INODE_DIRECTORY);
}

static void add_below_sub(void)
{
	struct dentry *dentry = d_alloc(world.entry, NAME("z"));

	MODEL_CHECK(!IS_ERR(dentry) && !d_add(dentry, NULL));
	dput(dentry);
	dput(world.entry);
}

SCENARIO(an_invalidation_and_what_is_added_further_below) = {
	.covers = "d_invalidate",
	.threads = 2,
	.setup = setup_sub,
	.run = { invalidate_dir, add_below_sub },
	.finish = finish_invalidated,
};

/* A lookup below that ends while the directory is invalidated. */
static void setup_lookup_below(void)
{
	world_setup_dir();
	init_waitqueue_head(&world.wq);
	world.owned = d_alloc_parallel(world.dir, NAME("n"), &world.wq);
}

static void add_owned(void)
{
	MODEL_CHECK(!d_add(world.owned, world_inode(INODE_REGULAR)));
	dput(world.owned);
}

SCENARIO(an_invalidation_and_a_lookup_that_ends_below) = {
	.covers = "d_invalidate H22",
	.threads = 2,
	.setup = setup_lookup_below,
	.run = { invalidate_dir, add_owned },
	.finish = finish_invalidated,
};

/* A directory with something cached in it is moved into the one that is invalidated. */
static void setup_moved_in(void)
{
	world_setup_dir();
	world.entry = world_add(world.root, NAME("m"), INODE_DIRECTORY);
	add_unused(world.entry, NAME("a"), INODE_REGULAR);
}

static void move_in(void)
{
	world_find_at(world.entry, world.dir, NAME("in"));
	dput(world.entry);
}

SCENARIO(an_invalidation_and_a_move_into_it) = {
	.covers = "d_invalidate d_splice_alias",
	.threads = 2,
	.setup = setup_moved_in,
	.run = { invalidate_dir, move_in },
	.finish = finish_invalidated,
};

/* A root stays; what is in it does not. */
static void setup_root_children(void)
{
	world_setup_dir();
	world.entry = world_add(world.dir, NAME("a"), INODE_REGULAR);
}

static void invalidate_root(void)
{
	MODEL_CHECK(!d_invalidate(world.root));
}

SCENARIO(the_invalidation_of_a_root) = {
	.covers = "d_invalidate",
	.threads = 2,
	.setup = setup_root_children,
	.run = { invalidate_root, put_entry },
	.finish = finish_invalidated,
};

static void invalidate_dir_deferred(void)
{
	d_invalidate_deferred(world.dir);
	MODEL_CHECK(d_unhashed(world.dir));
}

/* Whoever waits does what the thread has not. */
static void finish_deferred(void)
{
	dcache_barrier(world.dc);
	finish_invalidated();
}

SCENARIO(a_deferred_invalidation_and_the_thread) = {
	.covers = "d_invalidate_deferred",
	.threads = 2,
	.setup = setup_children,
	.run = { invalidate_dir_deferred, model_instance_work },
	.finish = finish_deferred,
};

SCENARIO(a_deferred_invalidation_is_left_to_destroy) = {
	.covers = "d_invalidate_deferred dcache_destroy",
	.threads = 1,
	.setup = setup_children,
	.run = { invalidate_dir_deferred },
	.finish = world_finish,
};

static void wait_for_what_was_deferred(void)
{
	dcache_barrier(world.dc);
}

SCENARIO(a_deferred_invalidation_is_waited_for) = {
	.covers = "d_invalidate_deferred dcache_barrier",
	.threads = 3,
	.setup = setup_children,
	.run = { invalidate_dir_deferred, wait_for_what_was_deferred, model_instance_work },
	.finish = finish_deferred,
};

/* The instance is let go of with one pending: it goes when that is done. */
static void defer_and_release(void)
{
	d_invalidate_deferred(world.dir);
	dput(world.dir);
	dput(world.root);
	dcache_release(world.dc);
}

static void finish_gone(void)
{
	MODEL_CHECK(!model_live_blocks());
}

SCENARIO(an_instance_with_a_deferred_invalidation_is_let_go_of) = {
	.covers = "d_invalidate_deferred dcache_release",
	.threads = 2,
	.setup = setup_children,
	.run = { defer_and_release, model_instance_thread },
	.finish = finish_gone,
};

/* ---- no memory ---- */

/* Deeper than the levels of a frame: dir/s/t. */
static void setup_deep(void)
{
	struct dentry *at, *below;

	forget_seen();
	world_setup_dir();
	at = world_add(world.dir, NAME("s"), INODE_DIRECTORY);
	below = world_add(at, NAME("t"), INODE_DIRECTORY);
	add_unused(below, NAME("u"), INODE_REGULAR);
	dput(at);
	dput(below);
}

static bool no_memory(long result)
{
	MODEL_CHECK(result >= 0 || result == -ENOMEM);
	return result < 0;
}

static void walk_deep(void)
{
	if (!no_memory(d_walk(world.root, note, NULL)))
		MODEL_CHECK(nr_seen[model_thread()] == 5);
}

static void shrink_deep(void)
{
	no_memory(shrink_dcache_parent(world.dir));
}

static void invalidate_deep(void)
{
	no_memory(d_invalidate(world.dir));
}

static void invalidate_deep_deferred(void)
{
	d_invalidate_deferred(world.dir);
}

SCENARIO(oom_walks) = {
	.covers = "H51 oom",
	.threads = 2,
	.setup = setup_deep,
	.run = { walk_deep, walk_deep },
	.finish = world_finish,
};

SCENARIO(oom_prunings) = {
	.covers = "H51 oom",
	.threads = 3,
	.setup = setup_deep,
	.run = { shrink_deep, invalidate_deep, invalidate_deep_deferred },
	.finish = world_finish,
};
