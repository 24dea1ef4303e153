/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walks along paths while what they lead through is moved, dropped, replaced and freed. Each scenario
 * has a place that exists at no moment, though each step to it does at some.
 */
#include "world.h"

#define PATH(literal) literal, sizeof(literal) - 1

/* Directories "a" and "a/b", and what is added once something else has changed. */
static struct dentry *a, *b, *late;

static int link_body_of(struct inode *inode, char *buf, size_t size, unsigned int flags)
{
	const char *body = inode_private(inode);

	(void)size;
	(void)flags;
	*buf = *body;
	return 1;
}

static const struct inode_operations link_ops = { .get_link = link_body_of };

/* What it asks for is answered as its name says: "d..." is a directory, "n..." a file, the others do not
 * exist. */
static struct dentry *answer_by_name(struct inode *dir, struct dentry *dentry, unsigned int flags);

static const struct inode_operations asking_ops = { .lookup = answer_by_name };

static struct dentry *answer_by_name(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	char first = *d_name(dentry).name;
	struct inode *inode = NULL;

	(void)dir;
	(void)flags;
	if (first == 'd')
		inode = new_inode(world.dc, 8, INODE_DIRECTORY, &asking_ops, NULL);
	else if (first == 'n')
		inode = new_inode(world.dc, 9, INODE_REGULAR, NULL, NULL);
	return d_splice_alias(inode, dentry);
}

static void setup_b(void)
{
	world_setup();
	a = world_add(world.root, NAME("a"), INODE_DIRECTORY);
	b = world_add(a, NAME("b"), INODE_DIRECTORY);
	late = NULL;
}

static void finish_b(void)
{
	dput(late);
	dput(b);
	dput(a);
	world_put_found();
}

static void finish_over(void)
{
	dput(world.entry);
	finish_b();
}

static struct dentry *walk_from(struct dentry *root, struct dentry *base, const char *path,
				size_t len)
{
	struct dentry *dentry = dcache_walk(root, base, path, len, 0);

	if (!IS_ERR(dentry))
		world.found[model_thread()] = dentry;
	return dentry;
}

/* ---- a place that never was ---- */

/* "a/b" goes away, and then gets a "d". */
static void move_b_away_and_fill(void)
{
	world_find_at(b, world.root, NAME("z"));
	late = world_add(b, NAME("d"), INODE_REGULAR);
}

static void walk_never_there(void)
{
	MODEL_CHECK(IS_ERR(walk_from(world.root, NULL, PATH("a/b/d"))));
}

static void walk_never_there_rcu(void)
{
	struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = dcache_walk_rcu(world.root, NULL, PATH("a/b/d"), 0, &seq);
	MODEL_CHECK(IS_ERR(dentry));
	dcache_read_unlock();
}

SCENARIO(a_walk_through_what_moves_away) = {
	.covers = "H46",
	.threads = 2,
	.setup = setup_b,
	.run = { move_b_away_and_fill, walk_never_there },
	.finish = finish_b,
};

SCENARIO(a_walk_without_references_through_what_moves_away) = {
	.covers = "H46",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_b,
	.run = { move_b_away_and_fill, walk_never_there_rcu },
	.finish = finish_b,
};

/* ".." of "a/b" was "a" and is the root, and then that has a "x". */
static void move_b_up_and_fill(void)
{
	world_find_at(b, world.root, NAME("z"));
	late = world_add(world.root, NAME("x"), INODE_REGULAR);
}

static void walk_up_and_down(void)
{
	MODEL_CHECK(IS_ERR(walk_from(world.root, NULL, PATH("a/b/../x"))));
}

static void walk_up_and_down_rcu(void)
{
	struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = dcache_walk_rcu(world.root, NULL, PATH("a/b/../x"), 0, &seq);
	MODEL_CHECK(IS_ERR(dentry));
	dcache_read_unlock();
}

SCENARIO(a_walk_up_from_what_moves_away) = {
	.covers = "H46",
	.threads = 2,
	.setup = setup_b,
	.run = { move_b_up_and_fill, walk_up_and_down },
	.finish = finish_b,
};

SCENARIO(a_walk_without_references_up_from_what_moves_away) = {
	.covers = "H46",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_b,
	.run = { move_b_up_and_fill, walk_up_and_down_rcu },
	.finish = finish_b,
};

/* The last component is renamed over: what was "a" is "n" then, and "a" is nothing. */
static void setup_over(void)
{
	world_setup_file();
	a = world_add(world.root, NAME("a"), INODE_DIRECTORY);
	b = late = NULL;
}

static void rename_over(void)
{
	d_drop(world.entry);
	world_find_at(a, world.root, NAME("n"));
}

static void walk_over(void)
{
	struct dentry *dentry = walk_from(world.root, NULL, PATH("a/../n"));

	MODEL_CHECK(IS_ERR(dentry) || dentry == world.entry);
}

SCENARIO(a_walk_to_what_is_renamed_over) = {
	.covers = "H46 H47",
	.threads = 2,
	.setup = setup_over,
	.run = { rename_over, walk_over },
	.finish = finish_over,
};

/* The last component is deleted, by who alone uses it: it turns negative, and is no answer then. */
static void setup_deleted(void)
{
	world_setup_file();
	a = b = late = NULL;
}

static void delete_entry(void)
{
	d_delete(world.entry);
}

static void walk_to_deleted(void)
{
	struct dentry *dentry = walk_from(world.root, NULL, PATH("n"));

	MODEL_CHECK(IS_ERR(dentry) || d_is_positive(dentry));
	MODEL_CHECK(!IS_ERR(dentry) || PTR_ERR(dentry) == -ENOENT ||
		    PTR_ERR(dentry) == -EOPNOTSUPP);
}

SCENARIO(a_walk_to_what_is_deleted) = {
	.covers = "H39",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_deleted,
	.run = { delete_entry, walk_to_deleted },
	.finish = finish_over,
};

/* ---- out of the root ---- */

/* From "a/b" below the root "a", when it goes to the root of the tree. That has a "x". */
static void setup_out(void)
{
	setup_b();
	late = world_add(world.root, NAME("x"), INODE_REGULAR);
}

static void move_b_out(void)
{
	world_find_at(b, world.root, NAME("z"));
}

static void walk_out(void)
{
	struct dentry *dentry = walk_from(a, b, PATH("../x"));

	MODEL_CHECK(IS_ERR(dentry));
	/* It was below the root, where there is no "x" and nobody to ask, and then it was not. */
	MODEL_CHECK(PTR_ERR(dentry) == -EOPNOTSUPP || PTR_ERR(dentry) == -EXDEV);
}

SCENARIO(a_walk_from_what_leaves_the_root) = {
	.covers = "H46",
	.threads = 2,
	.setup = setup_out,
	.run = { move_b_out, walk_out },
	.finish = finish_b,
};

/* ---- links ---- */

/* "l" leads to "a", then to nothing, and "a" gets a "d". */
static void setup_link(void)
{
	setup_b();
	world.entry = d_alloc(world.root, NAME("l"));
	MODEL_CHECK(
		!d_add(world.entry, new_inode(world.dc, 1, INODE_SYMLINK, &link_ops, (void *)"a")));
}

static void replace_link(void)
{
	struct dentry *dentry = d_alloc(world.root, NAME("l"));

	d_drop(world.entry);
	MODEL_CHECK(!d_add(dentry, new_inode(world.dc, 2, INODE_SYMLINK, &link_ops, (void *)"z")));
	dput(dentry);
	late = world_add(a, NAME("d"), INODE_REGULAR);
}

static void walk_link(void)
{
	MODEL_CHECK(IS_ERR(walk_from(world.root, NULL, PATH("l/d"))));
}

SCENARIO(a_walk_through_a_link_that_is_replaced) = {
	.covers = "H46",
	.threads = 2,
	.setup = setup_link,
	.run = { replace_link, walk_link },
	.finish = finish_over,
};

/* ---- what is dropped and freed ---- */

static void setup_base(void)
{
	world_setup_dir();
	a = b = late = NULL;
}

static void drop_and_put_base(void)
{
	d_drop(world.dir);
	dput(world.dir);
	world.dir = NULL;
}

/* Found in the section, without a reference: it may be dead when the walk begins, or die on the way. */
static void walk_from_found(void)
{
	struct dentry *base, *dentry;
	uint32_t seq;

	dcache_read_lock();
	base = d_lookup_rcu(world.root, NAME("dir"), &seq);
	if (base) {
		dentry = dcache_walk_rcu(world.root, base, PATH("."), 0, &seq);
		if (IS_ERR(dentry)) {
			MODEL_CHECK(PTR_ERR(dentry) == -ECHILD);
		} else {
			struct inode *inode = d_inode(dentry);

			MODEL_CHECK(dentry == base);
			MODEL_CHECK(d_seq_retry(dentry, seq) || inode);
		}
		dentry = dcache_walk_rcu(world.root, base, PATH(".."), 0, &seq);
		MODEL_CHECK(dentry == world.root || PTR_ERR(dentry) == -ECHILD);
	}
	dcache_read_unlock();
}

SCENARIO(a_walk_from_what_is_dropped_and_freed) = {
	.covers = "H33 H34",
	.threads = 2,
	.setup = setup_base,
	.run = { drop_and_put_base, walk_from_found },
	.finish = finish_b,
};

static void setup_below(void)
{
	world_setup_dir();
	a = b = late = NULL;
	world.entry = world_add(world.dir, NAME("n"), INODE_REGULAR);
}

static void drop_and_put_both(void)
{
	d_drop(world.entry);
	dput(world.entry);
	drop_and_put_base();
}

static void walk_below(void)
{
	struct dentry *dentry = walk_from(world.root, NULL, PATH("dir/n"));

	MODEL_CHECK(IS_ERR(dentry) ? PTR_ERR(dentry) == -EOPNOTSUPP : d_is_positive(dentry));
}

SCENARIO(a_walk_through_what_is_dropped_and_freed) = {
	.covers = "H33 H34",
	.threads = 2,
	.setup = setup_below,
	.run = { drop_and_put_both, walk_below },
	.finish = finish_b,
};

/* ---- what is asked for ---- */

static void setup_asking(void)
{
	world_setup_backend(&asking_ops);
	a = b = late = NULL;
}

/* What the walk asks for may be made meanwhile. */
static void setup_asking_until_then(void)
{
	setup_asking();
	world.overtaking = true;
}

static void setup_evicting(void)
{
	setup_asking();
	dput(dcache_walk(world.root, NULL, PATH("d/n"), 0));
}

static void evict(void)
{
	shrink_dcache(world.dc, 2);
}

static void walk_always_there(void)
{
	struct dentry *dentry = walk_from(world.root, NULL, PATH("d/n"));

	MODEL_CHECK(!IS_ERR(dentry) && inode_number(d_inode(dentry)) == 9);
}

SCENARIO(a_walk_and_the_shrinker) = {
	.covers = "H34 H36",
	.threads = 2,
	.setup = setup_evicting,
	.run = { evict, walk_always_there },
	.finish = finish_b,
};

SCENARIO(two_walks_to_what_is_asked_for) = {
	.covers = "H1",
	.threads = 2,
	.setup = setup_asking,
	.run = { walk_always_there, walk_always_there },
	.finish = finish_b,
};

static void walk_with_luck(void)
{
	struct dentry *dentry = dcache_walk(world.root, NULL, PATH("d/d/../n"), 0);

	MODEL_CHECK(!IS_ERR(dentry) || PTR_ERR(dentry) == -ENOMEM);
	dput(dentry);
}

SCENARIO(oom_walks) = {
	.covers = "H51 oom",
	.threads = 2,
	.setup = setup_asking,
	.run = { walk_with_luck, walk_with_luck },
	.finish = finish_b,
};

/* "d" is dropped as soon as it is there, and then gets a "x": "d/x" never was. */
static void drop_and_fill(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("d"));
	int err;

	if (!dentry)
		return;
	d_drop(dentry);
	late = d_alloc(dentry, NAME("x"));
	err = d_add(late, world_inode(INODE_REGULAR));
	/* The walk may have asked for it, and found that it does not exist. */
	MODEL_CHECK(!err || err == -EEXIST);
	dput(dentry);
}

static void walk_to_what_was_dropped(void)
{
	struct dentry *dentry = walk_from(world.root, NULL, PATH("d/x"));

	MODEL_CHECK(IS_ERR(dentry) && PTR_ERR(dentry) == -ENOENT);
}

SCENARIO(a_walk_to_an_answer_that_is_dropped) = {
	.covers = "H22 H46",
	.threads = 2,
	.setup = setup_asking_until_then,
	.run = { drop_and_fill, walk_to_what_was_dropped },
	.finish = finish_b,
};

/* ---- what does not change ---- */

static void setup_still(void)
{
	setup_below();
	dput(world.entry);
	a = world_add(world.root, NAME("a"), INODE_DIRECTORY);
}

static void move_twice(void)
{
	world_find_at(a, world.root, NAME("x"));
	world_find_at(a, world.root, NAME("y"));
}

static void walk_still(void)
{
	MODEL_CHECK(walk_from(world.root, NULL, PATH("dir/n")) == world.entry);
}

static void walk_still_cached(void)
{
	struct dentry *dentry = dcache_walk(world.root, NULL, PATH("dir/n"), WALK_CACHED);

	MODEL_CHECK(dentry == world.entry || PTR_ERR(dentry) == -EAGAIN);
	dput(dentry);
}

SCENARIO(moves_and_a_walk_of_still_names) = {
	.covers = "H46 H40",
	.threads = 2,
	.setup = setup_still,
	.run = { move_twice, walk_still },
	.finish = finish_b,
};

SCENARIO(moves_and_a_walk_of_cached_names) = {
	.covers = "H46 H40",
	.threads = 2,
	.setup = setup_still,
	.run = { move_twice, walk_still_cached },
	.finish = finish_b,
};
