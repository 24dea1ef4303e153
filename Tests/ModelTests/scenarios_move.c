/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Moves: of two at once, out of a directory, of names that are copied meanwhile. */
#include "world.h"

/* "dir" is world.dir, "dir/sub" this: both directories. */
static struct dentry *sub;

static void setup_sub(void)
{
	world_setup_dir();
	sub = world_add(world.dir, NAME("sub"), INODE_DIRECTORY);
}

static void finish_sub(void)
{
	dput(sub);
	world_finish();
}

/* ---- two movers ---- */

static struct dentry *second;

static void setup_two_dirs(void)
{
	world_setup_dir();
	second = world_add(world.root, NAME("2nd"), INODE_DIRECTORY);
	dput(world_add(world.root, NAME("still"), INODE_REGULAR));
}

static void move_first(void)
{
	world_find_at(world.dir, world.root, NAME("x"));
}

static void move_second(void)
{
	world_find_at(second, world.root, NAME("y"));
}

static void look_up_still(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("still"));

	MODEL_CHECK(dentry);
	dput(dentry);
}

static void finish_two_dirs(void)
{
	struct dentry *x = d_lookup(world.root, NAME("x"));
	struct dentry *y = d_lookup(world.root, NAME("y"));

	MODEL_CHECK(x == world.dir && y == second);
	MODEL_CHECK(!d_lookup(world.root, NAME("dir")) && !d_lookup(world.root, NAME("2nd")));
	dput(x);
	dput(y);
	dput(second);
	world_finish();
}

SCENARIO(two_moves_and_a_still_name) = {
	.covers = "H46 H1",
	.threads = 3,
	.setup = setup_two_dirs,
	.run = { move_first, move_second, look_up_still },
	.finish = finish_two_dirs,
};

/* One directory into the other, and the other into the first: never both. */
static void move_into(struct dentry *dir, struct dentry *into)
{
	struct dentry *dentry = d_alloc(into, NAME("in"));
	struct dentry *alias;

	MODEL_CHECK(!IS_ERR(dentry));
	ihold(d_inode(dir));
	alias = d_splice_alias(d_inode(dir), dentry);
	MODEL_CHECK(alias == dir || (IS_ERR(alias) && PTR_ERR(alias) == -ELOOP));
	world.result[model_thread()] = IS_ERR(alias);
	dput(alias);
	dput(dentry);
}

static void move_first_into_second(void)
{
	move_into(world.dir, second);
}

static void move_second_into_first(void)
{
	move_into(second, world.dir);
}

static void finish_no_loop(void)
{
	MODEL_CHECK(world.result[0] + world.result[1] == 1);
	dput(second);
	world_finish();
}

SCENARIO(two_directories_into_each_other) = {
	.covers = "H1 H46",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_two_dirs,
	.run = { move_first_into_second, move_second_into_first },
	.finish = finish_no_loop,
};

/* One directory, which two find under different names. Its parent has no other user: it is gone with
 * the first move. */
static void setup_found_twice(void)
{
	struct dentry *parent;

	world_setup();
	parent = world_add(world.root, NAME("p"), INODE_DIRECTORY);
	world.dir = world_add(parent, NAME("dir"), INODE_DIRECTORY);
	d_drop(parent);
	dput(parent);
}

static void find_dir_as_y(void)
{
	world_find_at(world.dir, world.root, NAME("y"));
}

static void finish_found_twice(void)
{
	struct dentry *x = d_lookup(world.root, NAME("x"));
	struct dentry *y = d_lookup(world.root, NAME("y"));

	MODEL_CHECK(x ? x == world.dir && !y : y == world.dir);
	dput(x);
	dput(y);
	world_finish();
}

SCENARIO(two_moves_of_one_directory) = {
	.covers = "H1 H32",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_found_twice,
	.run = { move_first, find_dir_as_y },
	.finish = finish_found_twice,
};

/* ---- out of a directory ---- */

static void move_sub_up(void)
{
	world_find_at(sub, world.root, NAME("n"));
}

/* Its locks are taken parent first by both. */
static void drop_and_rehash_dir(void)
{
	d_drop(world.dir);
	MODEL_CHECK(!d_rehash(world.dir));
}

static void look_up_below(void)
{
	struct dentry *dentry = d_lookup(world.dir, NAME("sub"));

	MODEL_CHECK(!dentry || dentry == sub);
	dput(dentry);
}

SCENARIO(a_move_up_and_a_rehash_of_the_parent) = {
	.covers = "H4 H46",
	.threads = 3,
	.setup = setup_sub,
	.run = { move_sub_up, drop_and_rehash_dir, look_up_below },
	.finish = finish_sub,
};

/* The child was the last to hold its parent. */
static void setup_last_child(void)
{
	setup_sub();
	d_drop(world.dir);
	dput(world.dir);
	world.dir = NULL;
}

static void look_at_parent(void)
{
	struct dentry *parent = dget_parent(sub);

	MODEL_CHECK(d_is_dir(parent) && d_count(parent) > 0);
	dput(parent);
}

SCENARIO(the_last_child_moves_away) = {
	.covers = "H32 H33 H34",
	.threads = 3,
	.setup = setup_last_child,
	.run = { move_sub_up, look_at_parent, look_at_parent },
	.finish = finish_sub,
};

/* ---- names that are copied ---- */

/* In two words, of different lengths, with no byte in common at any place. */
#define INLINE_A "aaaaaaaaaaaaaa"
#define INLINE_B "bbbbbbbbbbb"

static void setup_inline(void)
{
	world_setup();
	world.dir = world_add(world.root, NAME(INLINE_A), INODE_DIRECTORY);
}

static void rename_inline(void)
{
	world_find_at(world.dir, world.root, NAME(INLINE_B));
}

static bool is_one_of_both(const char *name)
{
	return !__builtin_strcmp(name, INLINE_A) || !__builtin_strcmp(name, INLINE_B);
}

static void copy_inline(void)
{
	char name[32];

	MODEL_CHECK(d_name_copy(world.dir, name, sizeof(name)) == (int)__builtin_strlen(name));
	MODEL_CHECK(is_one_of_both(name));
}

static void path_inline(void)
{
	char path[32];

	MODEL_CHECK(dentry_path(world.dir, path, sizeof(path)) == (int)__builtin_strlen(path));
	MODEL_CHECK(is_one_of_both(path + 1));
}

static void look_up_inline(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("aaaaaaaabbbbbb"));

	MODEL_CHECK(!dentry);
}

SCENARIO(an_inline_name_is_replaced_and_copied) = {
	.covers = "H40 H41",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_inline,
	.run = { rename_inline, copy_inline },
	.finish = world_finish,
};

SCENARIO(an_inline_name_is_replaced_and_walked) = {
	.covers = "H35 H40",
	.threads = 3,
	.setup = setup_inline,
	.run = { rename_inline, path_inline, look_up_inline },
	.finish = world_finish,
};

/* A long name is shared by the entry that moved and the one that was in its place. */
static struct dentry *target;

static void setup_shared_name(void)
{
	world_setup_dir();
	target = world_found_at(world.dir, world.root, NAME(LONG_A));
}

static void setup_shared_name_unhashed(void)
{
	setup_shared_name();
	d_drop(world.dir);
	dget(world.dir);
}

static void put_target(void)
{
	dput(target);
}

static void put_moved(void)
{
	dput(world.dir);
}

static void copy_moved(void)
{
	char name[64];

	MODEL_CHECK(d_name_copy(world.dir, name, sizeof(name)) == sizeof(LONG_A) - 1);
	MODEL_CHECK(!__builtin_strcmp(name, LONG_A));
	dput(world.dir);
}

static void finish_shared_name(void)
{
	world.dir = NULL;
	world_finish();
}

SCENARIO(two_that_share_a_name_are_put) = {
	.covers = "H41",
	.threads = 3,
	.setup = setup_shared_name_unhashed,
	.run = { put_target, put_moved, copy_moved },
	.finish = finish_shared_name,
};

/* The one who moves lets go of a name that only a dead entry shares, which the reclaimer frees. */
static void move_to_short(void)
{
	world_find_at(world.dir, world.root, NAME("s"));
}

SCENARIO(a_shared_name_is_left_by_both) = {
	.covers = "H41",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_shared_name,
	.run = { move_to_short, put_target },
	.finish = world_finish,
};

/* ---- names that are not inline, and paths through what is new ---- */

static void setup_long_to_short(void)
{
	world_setup();
	world.dir = world_add(world.root, NAME(LONG_A), INODE_DIRECTORY);
}

static void rename_twice(void)
{
	static const struct qstr names[] = { QSTR_INIT("short", 5), QSTR_INIT(LONG_B, sizeof(LONG_B) - 1) };
	int i;

	for (i = 0; i < 2; i++)
		world_find_at(world.dir, world.root, &names[i]);
}

static void look_up_long(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME(LONG_A));

	MODEL_CHECK(!dentry || dentry == world.dir);
	dput(dentry);
	dentry = d_lookup(world.root, NAME(LONG_B));
	MODEL_CHECK(!dentry || dentry == world.dir);
	dput(dentry);
}

SCENARIO(a_name_is_long_then_short_then_long) = {
	.covers = "H40 H41",
	.threads = 2,
	.setup = setup_long_to_short,
	.run = { rename_twice, look_up_long },
	.finish = world_finish,
};

static void setup_below(void)
{
	world_setup_dir();
	world.entry = world_add(world.dir, NAME("c"), INODE_REGULAR);
}

static void move_below_what_is_new(void)
{
	struct dentry *made = world_add(world.root, NAME("m"), INODE_DIRECTORY);

	world_find_at(world.dir, made, NAME("d"));
	dput(made);
}

static void walk_up(void)
{
	/* Enough for either, not for a mixture. */
	char path[sizeof("/dir/c")];

	MODEL_CHECK(dentry_path(world.entry, path, sizeof(path)) > 0);
	MODEL_CHECK(!__builtin_strcmp(path, "/dir/c") || !__builtin_strcmp(path, "/m/d/c"));
}

/* By addresses alone: nothing is proved before the end. */
static void is_below(void)
{
	MODEL_CHECK(is_subdir(world.entry, world.root));
}

static void finish_below(void)
{
	dput(world.entry);
	world_finish();
}

SCENARIO(a_path_leads_through_what_is_new) = {
	.covers = "H35",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_below,
	.run = { move_below_what_is_new, walk_up },
	.finish = finish_below,
};

SCENARIO(what_is_above_is_new) = {
	.covers = "H32",
	.threads = 2,
	.setup = setup_below,
	.run = { move_below_what_is_new, is_below },
	.finish = finish_below,
};

/* ---- several entries of one inode ---- */

static void setup_inode(void)
{
	world_setup();
	world.inode = world_inode(INODE_DIRECTORY);
	ihold(world.inode);
	ihold(world.inode);
}

static void setup_file_inode(void)
{
	world_setup();
	world.inode = world_inode(INODE_REGULAR);
	ihold(world.inode);
	ihold(world.inode);
}

static void obtain(void)
{
	world.found[model_thread()] = d_obtain_alias(world.inode);
	MODEL_CHECK(!IS_ERR(world.found[model_thread()]));
}

static void finish_one_alias(void)
{
	MODEL_CHECK(world.found[0] == world.found[1]);
	iput(world.inode);
	world_put_found();
}

SCENARIO(two_obtain_an_alias) = {
	.covers = "H9 H38",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_inode,
	.run = { obtain, obtain },
	.finish = finish_one_alias,
};

static void add_inode(const struct qstr *name)
{
	struct dentry *dentry = d_alloc(world.root, name);

	MODEL_CHECK(!IS_ERR(dentry));
	world.result[model_thread()] = d_add(dentry, world.inode);
	dput(dentry);
}

static void add_as_a(void)
{
	add_inode(NAME("a"));
}

static void add_as_b(void)
{
	add_inode(NAME("b"));
}

/* A directory has one entry. */
static void finish_one_added(void)
{
	MODEL_CHECK(!world.result[0] != !world.result[1]);
	MODEL_CHECK(world.result[0] + world.result[1] == -EEXIST);
	iput(world.inode);
	world_finish();
}

SCENARIO(two_add_one_directory) = {
	.covers = "U2",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_inode,
	.run = { add_as_a, add_as_b },
	.finish = finish_one_added,
};

static void finish_both_added(void)
{
	MODEL_CHECK(!world.result[0] && !world.result[1]);
	iput(world.inode);
	world_finish();
}

SCENARIO(two_add_one_file) = {
	.covers = "U2",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_file_inode,
	.run = { add_as_a, add_as_b },
	.finish = finish_both_added,
};
