/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chains of the entry table: neighbours that come, go and come back while others search.
 *
 * world.entry is "n". The others have names that lie on its chain. Who is added is put first.
 */
#include "world.h"

static struct qstr first, still, third;
static struct dentry *front;	/* named @first, before "n" and @still on the chain; referenced */

static void setup_chain(void)
{
	world_setup();
	first = world_name(NAME("n"), true, 0);
	still = world_name(NAME("n"), true, 1);
	third = world_name(NAME("n"), true, 2);
	dput(world_add(world.root, &still, INODE_REGULAR));
	world.entry = world_add(world.root, NAME("n"), INODE_REGULAR);
	front = world_add(world.root, &first, INODE_DIRECTORY);
}

static void finish_chain(void)
{
	struct dentry *dentry = d_lookup(world.root, &still);

	MODEL_CHECK(dentry);
	dput(dentry);
	dput(world.entry);
	dput(front);
	world_finish();
}

static void drop_front(void)
{
	d_drop(front);
}

static void drop_entry(void)
{
	d_drop(world.entry);
}

static void look_up_still(void)
{
	struct dentry *dentry = d_lookup(world.root, &still);

	MODEL_CHECK(dentry);
	dput(dentry);
}

static void add_third(void)
{
	dput(world_add(world.root, &third, INODE_REGULAR));
}

static void finish_third(void)
{
	struct dentry *dentry = d_lookup(world.root, &third);

	MODEL_CHECK(dentry);
	dput(dentry);
	MODEL_CHECK(!d_lookup(world.root, &first));
	finish_chain();
}

/* Whoever stands on a node that leaves still comes to those behind it. */
SCENARIO(a_drop_before_a_still_name) = {
	.covers = "H46",
	.threads = 3,
	.setup = setup_chain,
	.run = { drop_front, look_up_still, drop_entry },
	.finish = finish_chain,
};

SCENARIO(a_drop_and_an_addition_to_one_chain) = {
	.covers = "H46 B1",
	.threads = 3,
	.setup = setup_chain,
	.run = { drop_front, add_third, look_up_still },
	.finish = finish_third,
};

/* ---- a move off the chain ---- */

static void move_front(void)
{
	const struct qstr elsewhere = world_name(NAME("n"), false, 0);
	struct dentry *dentry = d_alloc(world.root, &elsewhere);
	struct dentry *alias;

	MODEL_CHECK(!IS_ERR(dentry));
	ihold(d_inode(front));
	alias = d_splice_alias(d_inode(front), dentry);
	MODEL_CHECK(alias == front);
	dput(alias);
	dput(dentry);
}

SCENARIO(a_move_and_an_addition_to_one_chain) = {
	.covers = "H46 B1",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_chain,
	.run = { move_front, add_third },
	.finish = finish_third,
};

/* ---- a node that comes back with another behind it ---- */

static void come_back(void)
{
	d_drop(front);
	add_third();
	MODEL_CHECK(!d_rehash(front));
}

/* Whom the node leads to was not there when the search began. */
static void look_without_reference(void)
{
	struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = d_lookup_rcu(world.root, &third, &seq);
	if (dentry) {
		const struct inode *inode = d_inode(dentry);

		if (!d_seq_retry(dentry, seq))
			MODEL_CHECK(inode && inode->i_ino == 7 && !d_in_lookup(dentry));
	}
	dcache_read_unlock();
}

SCENARIO(a_node_comes_back_with_another_behind_it) = {
	.covers = "B1 B2 H46",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_chain,
	.run = { come_back, look_without_reference },
	.finish = finish_chain,
};

/* ---- an addition, seen without a reference ---- */

static void look_up_in_parallel(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, &third, &wq);

	MODEL_CHECK(!IS_ERR(dentry));
	if (d_in_lookup(dentry))
		MODEL_CHECK(!d_add(dentry, world_inode(INODE_REGULAR)));
	dput(dentry);
}

SCENARIO(an_addition_and_lookups_without_reference) = {
	.covers = "U2 U3 H39",
	.threads = 3,
	.setup = setup_chain,
	.run = { look_up_in_parallel, look_without_reference, look_without_reference },
	.finish = finish_chain,
};

/* Who sees that the lookup has ended sees what it ended with. */
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

	for (i = 0; i < 2; i++) {
		struct dentry *dentry = d_alloc(world.root, &names[i]);
		struct dentry *alias;

		MODEL_CHECK(!IS_ERR(dentry));
		ihold(d_inode(world.dir));
		alias = d_splice_alias(d_inode(world.dir), dentry);
		MODEL_CHECK(alias == world.dir);
		dput(alias);
		dput(dentry);
	}
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
	struct dentry *dentry = d_alloc(made, NAME("d"));
	struct dentry *alias;

	MODEL_CHECK(!IS_ERR(dentry));
	ihold(d_inode(world.dir));
	alias = d_splice_alias(d_inode(world.dir), dentry);
	MODEL_CHECK(alias == world.dir);
	dput(alias);
	dput(dentry);
	dput(made);
}

static void walk_up(void)
{
	/* Enough for either, not for a mixture. */
	char path[sizeof("/dir/c")];

	MODEL_CHECK(dentry_path(world.entry, path, sizeof(path)) > 0);
	MODEL_CHECK(!__builtin_strcmp(path, "/dir/c") || !__builtin_strcmp(path, "/m/d/c"));
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

/* The one who moves lets go of a name that only a dead entry shares, which the reclaimer frees. */
static void setup_shared_name(void)
{
	struct dentry *alias, *target;

	world_setup_dir();
	target = d_alloc(world.root, NAME(LONG_A));
	MODEL_CHECK(!IS_ERR(target));
	ihold(d_inode(world.dir));
	alias = d_splice_alias(d_inode(world.dir), target);
	MODEL_CHECK(alias == world.dir);
	dput(alias);
	world.entry = target;
}

static void move_to_short(void)
{
	struct dentry *dentry = d_alloc(world.root, NAME("s"));
	struct dentry *alias;

	MODEL_CHECK(!IS_ERR(dentry));
	ihold(d_inode(world.dir));
	alias = d_splice_alias(d_inode(world.dir), dentry);
	MODEL_CHECK(alias == world.dir);
	dput(alias);
	dput(dentry);
}

static void put_entry(void)
{
	dput(world.entry);
}

SCENARIO(a_shared_name_is_left_by_both) = {
	.covers = "H41",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_shared_name,
	.run = { move_to_short, put_entry },
	.finish = world_finish,
};

/* ---- eviction ---- */

/* On the list of unused entries, and in use. */
static void setup_listed(void)
{
	world_setup();
	world.entry = world_add(world.root, NAME("n"), INODE_REGULAR);
	dput(world.entry);
	world.entry = d_lookup(world.root, NAME("n"));
}

static void drop_and_put(void)
{
	d_drop(world.entry);
	dput(world.entry);
}

static void shrink(void)
{
	shrink_dcache(world.dc, 1);
}

SCENARIO(a_listed_entry_is_put_beside_the_shrinker) = {
	.covers = "H36",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_listed,
	.run = { drop_and_put, shrink },
	.finish = world_finish,
};

/* ---- a create that a lookup has begun before ---- */

static int truth;	/* under the directory's lock */

static struct dentry *backend_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = truth ? world_inode(INODE_REGULAR) : NULL;

	(void)dir;
	(void)flags;
	return d_splice_alias(inode, dentry);
}

static const struct inode_operations backend_ops = { .lookup = backend_lookup };

static void setup_backend(void)
{
	world_setup();
	dput(world.root);
	truth = 0;
	world.root_inode = new_inode(world.dc, 1, INODE_DIRECTORY, &backend_ops, NULL);
	world.root = d_make_root(world.root_inode);
	MODEL_CHECK(!IS_ERR(world.root));
}

/* It does not ask in parallel, and what it adds is evicted at once. */
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

static void resolve(void)
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
	.run = { create_and_evict, resolve },
	.finish = finish_created,
};
