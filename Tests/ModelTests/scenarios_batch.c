/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Batches of lookups beside moves, drops and the end of what they found. */
#include "world.h"

/* ---- a move ---- */

static struct dentry *still;

static void setup_move(void)
{
	world_setup_dir();
	still = world_add(world.root, NAME(LONG_A), INODE_REGULAR);
}

static void move_dir(void)
{
	world_find_at(world.dir, world.root, NAME("x"));
}

/* What is not moved is found. What is, under one of its names or, looked for too early and too late,
 * under none; and under the first no more once it has been found under the second: the answers are taken in
 * order. */
static void look_up_both_names(void)
{
	struct d_lookup_request requests[] = {
		{ .parent = world.root, .name = *NAME("x") },
		{ .parent = world.root, .name = *NAME(LONG_A) },
		{ .parent = world.root, .name = *NAME("dir") },
	};
	size_t found = d_lookup_batch(requests, 3), i;

	MODEL_CHECK(requests[1].dentry == still);
	MODEL_CHECK(!requests[0].dentry || requests[0].dentry == world.dir);
	MODEL_CHECK(!requests[2].dentry || requests[2].dentry == world.dir);
	MODEL_CHECK(!requests[0].dentry || !requests[2].dentry);
	MODEL_CHECK(found == 1 + (size_t) !!requests[0].dentry + !!requests[2].dentry);
	for (i = 0; i < 3; i++)
		dput(requests[i].dentry);
}

static void finish_move(void)
{
	struct dentry *x = d_lookup(world.root, NAME("x"));

	MODEL_CHECK(x == world.dir && !d_lookup(world.root, NAME("dir")));
	dput(x);
	dput(still);
	world_finish();
}

SCENARIO(a_batch_beside_a_move) = {
	.covers = "H46",
	.threads = 2,
	.setup = setup_move,
	.run = { move_dir, look_up_both_names },
	.finish = finish_move,
};

static void look_without_reference(void)
{
	struct d_lookup_request requests[] = {
		{ .parent = world.root, .name = *NAME("dir") },
		{ .parent = world.root, .name = *NAME("x") },
	};
	int i;

	dcache_read_lock();
	d_lookup_batch_rcu(requests, 2);
	for (i = 0; i < 2; i++) {
		struct dentry *dentry = requests[i].dentry;
		char name[DCACHE_NAME_MAX];
		int len;

		MODEL_CHECK(!dentry || dentry == world.dir);
		len = dentry ? name_copy_rcu(dentry, requests[i].seq, name) : -1;
		MODEL_CHECK(len < 0 || (len == (int)requests[i].name.len &&
					name[0] == requests[i].name.name[0]));
	}
	dcache_read_unlock();
}

SCENARIO(a_batch_without_references_beside_a_move) = {
	.covers = "H46 H40",
	.threads = 2,
	.setup = setup_move,
	.run = { move_dir, look_without_reference },
	.finish = finish_move,
};

/* ---- the end of an entry ---- */

static void setup_end(void)
{
	world_setup();
	world.entry = world_add(world.root, NAME(LONG_A), INODE_REGULAR);
}

/* Nobody else has it: it is freed, and so is its name, after a grace period. */
static void drop_and_put(void)
{
	d_drop(world.entry);
	dput(world.entry);
}

static void look_up_what_ends(void)
{
	struct d_lookup_request requests[] = {
		{ .parent = world.root, .name = *NAME(LONG_A) },
		{ .parent = world.root, .name = *NAME(LONG_A) },
	};

	d_lookup_batch(requests, 2);
	/* Gone once, gone for good. */
	MODEL_CHECK(requests[0].dentry || !requests[1].dentry);
	MODEL_CHECK(!requests[1].dentry || requests[1].dentry == requests[0].dentry);
	dput(requests[0].dentry);
	dput(requests[1].dentry);
}

static void look_at_what_ends(void)
{
	struct d_lookup_request request = { .parent = world.root, .name = *NAME(LONG_A) };

	dcache_read_lock();
	if (d_lookup_batch_rcu(&request, 1) && !d_seq_retry(request.dentry, request.seq))
		MODEL_CHECK(d_is_positive(request.dentry) ||
			    d_seq_retry(request.dentry, request.seq));
	dcache_read_unlock();
}

SCENARIO(a_batch_beside_a_drop) = {
	.covers = "H16 H34 H41",
	.threads = 2,
	.setup = setup_end,
	.run = { drop_and_put, look_up_what_ends },
	.finish = world_finish,
};

SCENARIO(a_batch_without_references_beside_a_drop) = {
	.covers = "H34 H41",
	.threads = 2,
	.setup = setup_end,
	.run = { drop_and_put, look_at_what_ends },
	.finish = world_finish,
};

/* ---- paths ---- */

static struct dentry *below;

static void setup_paths(void)
{
	world_setup_dir();
	below = world_add(world.dir, NAME("n"), INODE_REGULAR);
}

/* Under one of the two paths, or, walked too early and too late, under none. */
static void walk_both_paths(void)
{
	struct dcache_walk_request walks[] = {
		{ .path = "x/n", .len = 3 },
		{ .path = "dir/n", .len = 5 },
	};
	int i;

	dcache_walk_batch(world.root, NULL, walks, 2, WALK_CACHED);
	for (i = 0; i < 2; i++) {
		MODEL_CHECK(walks[i].dentry == below || PTR_ERR(walks[i].dentry) == -EAGAIN);
		if (walks[i].dentry == below)
			dput(below);
	}
	MODEL_CHECK(IS_ERR(walks[0].dentry) || IS_ERR(walks[1].dentry));
}

static void finish_paths(void)
{
	dput(below);
	world_finish();
}

SCENARIO(many_paths_beside_a_move) = {
	.covers = "H46",
	.threads = 2,
	.setup = setup_paths,
	.run = { move_dir, walk_both_paths },
	.finish = finish_paths,
};

/* The directory goes with its last entry, and is freed. */
static void drop_all(void)
{
	d_drop(below);
	dput(below);
	d_drop(world.dir);
	dput(world.dir);
}

static void walk_to_what_ends(void)
{
	struct dcache_walk_request walk = { .path = "dir/n", .len = 5 };

	if (dcache_walk_batch(world.root, NULL, &walk, 1, WALK_CACHED))
		dput(walk.dentry);
	else
		MODEL_CHECK(PTR_ERR(walk.dentry) == -EAGAIN);
}

static void finish_dropped(void)
{
	world.dir = NULL;
	world_finish();
}

SCENARIO(many_paths_beside_the_end_of_a_directory) = {
	.covers = "H34",
	.threads = 2,
	.setup = setup_paths,
	.run = { drop_all, walk_to_what_ends },
	.finish = finish_dropped,
};
