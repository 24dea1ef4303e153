/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names, paths, and who is above whom, while d_move() and d_exchange() are at work. */
#include "world.h"

static struct dentry *third;

/* ---- names ---- */

static void setup_long_and_short(void)
{
	world_setup();
	world.entry = world_add(world.root, NAME(LONG_A), INODE_REGULAR);
	world.other = world_add(world.root, NAME("short"), INODE_REGULAR);
}

static void setup_two_long(void)
{
	world_setup();
	world.entry = world_add(world.root, NAME(LONG_A), INODE_REGULAR);
	world.other = world_add(world.root, NAME(LONG_B), INODE_REGULAR);
}

static bool bears(const struct name_snapshot *snapshot, const char *name)
{
	return snapshot->name.len == __builtin_strlen(name) &&
	       !__builtin_memcmp(snapshot->name.name, name, snapshot->name.len);
}

static void snapshot_entry(void)
{
	struct name_snapshot snapshot;

	take_dentry_name_snapshot(&snapshot, world.entry);
	MODEL_CHECK(bears(&snapshot, LONG_A) || bears(&snapshot, "short") ||
		    bears(&snapshot, LONG_B));
	release_dentry_name_snapshot(&snapshot);
}

/* It leaves its long name behind, whose last other user is put. */
static void replace_and_put_target(void)
{
	MODEL_CHECK(!d_move(world.entry, world.other));
	dput(world.other);
	world.other = NULL;
}

static void put_entry_twice(void)
{
	struct dentry *back = d_alloc(world.root, NAME("s"));

	MODEL_CHECK(!IS_ERR(back) && !d_move(world.entry, back));
	dput(back);
}

SCENARIO(a_snapshot_of_a_name_that_becomes_short) = {
	.covers = "H41 H40",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_long_and_short,
	.run = { replace_and_put_target, snapshot_entry },
	.finish = world_finish_pair,
};

static void replace_long_then_short(void)
{
	replace_and_put_target();
	put_entry_twice();
}

static void snapshot_entry_again(void)
{
	struct name_snapshot snapshot;

	take_dentry_name_snapshot(&snapshot, world.entry);
	MODEL_CHECK(bears(&snapshot, LONG_A) || bears(&snapshot, LONG_B) || bears(&snapshot, "s"));
	release_dentry_name_snapshot(&snapshot);
}

SCENARIO(a_snapshot_of_a_long_name_that_is_left) = {
	.covers = "H41",
	.threads = 2,
	.setup = setup_two_long,
	.run = { replace_long_then_short, snapshot_entry_again },
	.finish = world_finish_pair,
};

static void snapshot_both(void)
{
	struct name_snapshot a, b;

	take_dentry_name_snapshot(&a, world.entry);
	take_dentry_name_snapshot(&b, world.other);
	MODEL_CHECK(bears(&a, LONG_A) || bears(&a, "short"));
	MODEL_CHECK(bears(&b, LONG_A) || bears(&b, "short"));
	release_dentry_name_snapshot(&b);
	release_dentry_name_snapshot(&a);
}

SCENARIO(snapshots_of_two_that_exchange_their_names) = {
	.covers = "H41 H40",
	.threads = 2,
	.setup = setup_long_and_short,
	.run = { world_exchange, snapshot_both },
	.finish = world_finish_pair,
};

static void look_up_long_and_short(void)
{
	struct dentry *at_long = d_lookup(world.root, NAME(LONG_A));
	struct dentry *at_short = d_lookup(world.root, NAME("short"));

	MODEL_CHECK(at_long == world.entry || at_long == world.other);
	MODEL_CHECK(at_short == world.entry || at_short == world.other);
	dput(at_long);
	dput(at_short);
}

SCENARIO(a_long_and_a_short_name_are_exchanged) = {
	.covers = "H40 H41 H46",
	.threads = 2,
	.setup = setup_long_and_short,
	.run = { world_exchange, look_up_long_and_short },
	.finish = world_finish_pair,
};

/* ---- paths ---- */

static void path_of_entry(void)
{
	/* Enough for either, not for a mark. */
	char path[sizeof("/dir/n")];
	int len = d_path(world.entry, NULL, path, sizeof(path));

	MODEL_CHECK(len == (int)__builtin_strlen(path));
	MODEL_CHECK(!__builtin_strcmp(path, "/dir/n") || !__builtin_strcmp(path, "/t"));
}

SCENARIO(a_path_of_what_replaces) = {
	.covers = "H35",
	.threads = 2,
	.setup = world_setup_pair_below,
	.run = { world_replace, path_of_entry },
	.finish = world_finish_pair,
};

static void path_below_dir(void)
{
	char path[sizeof("/n")];
	int len = d_path(world.entry, world.dir, path, sizeof(path));

	MODEL_CHECK(len == -EXDEV || (len == 2 && !__builtin_strcmp(path, "/n")));
}

SCENARIO(a_path_of_what_is_exchanged) = {
	.covers = "H35",
	.threads = 3,
	.setup = world_setup_pair_below,
	.run = { world_exchange, path_of_entry, path_below_dir },
	.finish = world_finish_exchanged,
};

/* From a directory that goes with it. */
static void path_of_what_leaves(void)
{
	char path[sizeof("/dir/n")];

	MODEL_CHECK(d_path(world.entry, world.root, path, sizeof(path)) > 0);
	MODEL_CHECK(!__builtin_strcmp(path, "/dir/n") || !__builtin_strcmp(path, "/t"));
}

static void setup_path_of_what_leaves(void)
{
	world_setup_pair_in_last_dir();
	MODEL_CHECK(!d_rehash(world.entry));
}

SCENARIO(a_path_out_of_what_is_gone) = {
	.covers = "H32 H35",
	.threads = 2,
	.setup = setup_path_of_what_leaves,
	.run = { world_replace, path_of_what_leaves },
	.finish = world_finish_pair,
};

/* ---- who is above whom ---- */

/* "dir/n" moves to "b/x", then "dir" to "b/in": "n" is below one of both throughout. */
static void setup_above(void)
{
	world_setup_dir();
	world.entry = world_add(world.dir, NAME("n"), INODE_REGULAR);
	world.other = world_add(world.root, NAME("b"), INODE_DIRECTORY);
	third = d_alloc(world.other, NAME("in"));
	MODEL_CHECK(!IS_ERR(third));
	world.owned = d_alloc(world.other, NAME("x"));
	MODEL_CHECK(!IS_ERR(world.owned));
}

static void move_dir_then_entry(void)
{
	MODEL_CHECK(!d_move(world.entry, world.owned));
	MODEL_CHECK(!d_move(world.dir, third));
}

static void is_below_one_of_both(void)
{
	MODEL_CHECK(is_subdir(world.entry, world.root));
	if (!is_subdir(world.entry, world.dir))
		MODEL_CHECK(is_subdir(world.entry, world.other));
	MODEL_CHECK(!is_subdir(world.other, world.dir) && is_subdir(world.other, world.other));
}

static void finish_above(void)
{
	MODEL_CHECK(d_ancestor(world.other, world.entry) == world.entry);
	MODEL_CHECK(d_ancestor(world.root, world.entry) == world.other);
	MODEL_CHECK(!d_ancestor(world.entry, world.entry) && !d_ancestor(world.dir, world.entry));
	dput(third);
	dput(world.owned);
	world_finish_pair();
}

SCENARIO(who_is_below_whom_while_they_move) = {
	.covers = "H46 H32",
	.threads = 2,
	.setup = setup_above,
	.run = { move_dir_then_entry, is_below_one_of_both },
	.finish = finish_above,
};

/* "dir/n/f" moves to "dir/b/x", then "n", where it was, out of "dir": the file is below "dir"
 * throughout, but a walk that begins before the first move and ends after the second leads out. */
static struct dentry *file;

static void setup_stays_below(void)
{
	world_setup_dir();
	world.entry = world_add(world.dir, NAME("n"), INODE_DIRECTORY);
	world.other = world_add(world.dir, NAME("b"), INODE_DIRECTORY);
	file = world_add(world.entry, NAME("f"), INODE_REGULAR);
	third = d_alloc(world.other, NAME("x"));
	world.owned = d_alloc(world.root, NAME("further-out"));
	MODEL_CHECK(!IS_ERR(third) && !IS_ERR(world.owned));
}

static void move_file_then_its_directory(void)
{
	MODEL_CHECK(!d_move(file, third));
	MODEL_CHECK(!d_move(world.entry, world.owned));
}

static void is_below_dir(void)
{
	MODEL_CHECK(is_subdir(file, world.dir));
}

static void finish_stays_below(void)
{
	MODEL_CHECK(d_ancestor(world.dir, file) == world.other && !is_subdir(world.entry, world.dir));
	dput(file);
	dput(third);
	dput(world.owned);
	world_finish_pair();
}

SCENARIO(who_stays_below_while_others_leave) = {
	.covers = "H46",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_stays_below,
	.run = { move_file_then_its_directory, is_below_dir },
	.finish = finish_stays_below,
};

static void path_below_dir_always(void)
{
	/* Enough for both, not for the mixture. */
	char path[sizeof("/dir/n/f")];

	MODEL_CHECK(d_path(file, NULL, path, sizeof(path)) > 0);
	MODEL_CHECK(!__builtin_strcmp(path, "/dir/n/f") || !__builtin_strcmp(path, "/dir/b/x"));
}

SCENARIO(a_path_stays_below_while_others_leave) = {
	.covers = "H35",
	.threads = 2,
	.setup = setup_stays_below,
	.run = { move_file_then_its_directory, path_below_dir_always },
	.finish = finish_stays_below,
};

/* "dir/n/m" becomes "n/m" and then "n/dir": what is above "m" is of one moment. */
static void setup_turned_over(void)
{
	world_setup_dir();
	world.entry = world_add(world.dir, NAME("n"), INODE_DIRECTORY);
	world.other = world_add(world.entry, NAME("m"), INODE_REGULAR);
	third = d_alloc(world.root, NAME("n"));
	world.owned = d_alloc(world.entry, NAME("dir"));
	MODEL_CHECK(!IS_ERR(third) && !IS_ERR(world.owned));
}

static void turn_over(void)
{
	MODEL_CHECK(!d_move(world.entry, third));
	MODEL_CHECK(!d_move(world.dir, world.owned));
}

static void is_above_or_not(void)
{
	struct dentry *first = d_ancestor(world.root, world.other);

	MODEL_CHECK(first == world.dir || first == world.entry);
	MODEL_CHECK(d_ancestor(world.entry, world.other) == world.other);
}

static void finish_turned_over(void)
{
	MODEL_CHECK(is_subdir(world.dir, world.entry) && !is_subdir(world.entry, world.dir));
	dput(third);
	dput(world.owned);
	world_finish_pair();
}

SCENARIO(who_is_above_while_they_turn_over) = {
	.covers = "H46",
	.threads = 2,
	.setup = setup_turned_over,
	.run = { turn_over, is_above_or_not },
	.finish = finish_turned_over,
};

/* One into the other, and the other into the one: never both. */
static void setup_two_dirs(void)
{
	world_setup_dir();
	world.other = world_add(world.root, NAME("2nd"), INODE_DIRECTORY);
	world.entry = d_alloc(world.other, NAME("in"));
	third = d_alloc(world.dir, NAME("in"));
	MODEL_CHECK(!IS_ERR(world.entry) && !IS_ERR(third));
}

static void move_first_into_second(void)
{
	world.result[0] = d_move(world.dir, world.entry);
}

static void move_second_into_first(void)
{
	world.result[1] = d_move(world.other, third);
}

static void finish_no_loop(void)
{
	MODEL_CHECK(world.result[0] + world.result[1] == -ELOOP);
	MODEL_CHECK(is_subdir(world.dir, world.root) && is_subdir(world.other, world.root));
	dput(third);
	world_finish_pair();
}

SCENARIO(two_directories_move_into_each_other) = {
	.covers = "H46",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_two_dirs,
	.run = { move_first_into_second, move_second_into_first },
	.finish = finish_no_loop,
};
