/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inodes by number, entries found and freed by their inode, and what is disconnected. */
#include "world.h"

#define INO 5

/* What the store knows of the inode: not atomic, so an order that is missing shows as a race. */
static int stored;

static void evict_and_store(struct inode *inode)
{
	MODEL_CHECK(inode->i_private == &stored);
	stored++;
}

static const struct inode_operations storing_ops = { .evict = evict_and_store };

static void fill(struct inode *inode, enum inode_type type)
{
	stored++;
	MODEL_CHECK(!unlock_new_inode(inode, type, &storing_ops, &stored));
}

static void is_filled(const struct inode *inode, enum inode_type type)
{
	MODEL_CHECK(!inode_is_new(inode) && inode_number(inode) == INO);
	MODEL_CHECK(inode_get_type(inode) == type && inode_private(inode) == &stored);
	MODEL_CHECK(inode->i_op == &storing_ops);
}

/* What threads got and keep. */
static struct inode *got[MODEL_MAX_THREADS];

/* The inode, filled, by whomever; counted in world.asked if by this thread. */
static struct inode *want(enum inode_type type)
{
	struct inode *inode = iget_locked(world.dc, INO);

	MODEL_CHECK(!IS_ERR(inode));
	if (inode_is_new(inode)) {
		atomic_fetch_add_explicit(&world.asked, 1, memory_order_relaxed);
		fill(inode, type);
	}
	is_filled(inode, type);
	return inode;
}

static void setup_none(void)
{
	int i;

	world_setup();
	stored = 0;
	world.inode = NULL;
	for (i = 0; i < MODEL_MAX_THREADS; i++)
		got[i] = NULL;
}

/* ---- several want one number ---- */

static void get_and_keep(void)
{
	got[model_thread()] = want(INODE_REGULAR);
}

static void finish_all_got(void)
{
	int i;

	MODEL_CHECK(atomic_load(&world.asked) == 1);
	for (i = 0; i < MODEL_MAX_THREADS; i++) {
		MODEL_CHECK(!got[i] || got[i] == got[0]);
		if (got[i])
			iput(got[0]);
	}
	world_finish();
}

SCENARIO(two_want_one_number) = {
	.covers = "I1 I2 I3",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_none,
	.run = { get_and_keep, get_and_keep },
	.finish = finish_all_got,
};

SCENARIO(three_want_one_number) = {
	.covers = "I1 I2 I3",
	.threads = 3,
	.setup = setup_none,
	.run = { get_and_keep, get_and_keep, get_and_keep },
	.finish = finish_all_got,
};

/* ---- one that is being filled ---- */

static void setup_new(void)
{
	setup_none();
	world.inode = iget_locked(world.dc, INO);
	MODEL_CHECK(!IS_ERR(world.inode) && inode_is_new(world.inode));
}

static void fill_it(void)
{
	fill(world.inode, INODE_REGULAR);
}

static void look_for_it(void)
{
	struct inode *inode = ilookup(world.dc, INO);

	/* It is in the table throughout. */
	MODEL_CHECK(inode == world.inode);
	is_filled(inode, INODE_REGULAR);
	iput(inode);
}

static void get_it(void)
{
	struct inode *inode = want(INODE_REGULAR);

	MODEL_CHECK(inode == world.inode);
	iput(inode);
}

static void finish_filled(void)
{
	MODEL_CHECK(!atomic_load(&world.asked));
	MODEL_CHECK(stored == 1);
	iput(world.inode);
	world_finish();
}

SCENARIO(a_new_inode_is_filled_and_looked_for) = {
	.covers = "I2 I3 H39",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_new,
	.run = { fill_it, look_for_it },
	.finish = finish_filled,
};

SCENARIO(a_new_inode_is_filled_and_wanted) = {
	.covers = "I2 I3 H39",
	.threads = 3,
	.setup = setup_new,
	.run = { fill_it, look_for_it, get_it },
	.finish = finish_filled,
};

static void fail_it(void)
{
	stored++;
	iget_failed(world.inode);
}

static void get_and_put(void)
{
	iput(want(INODE_REGULAR));
}

static void look_and_put(void)
{
	struct inode *inode = ilookup(world.dc, INO);

	if (inode)
		is_filled(inode, INODE_REGULAR);
	iput(inode);
}

static void finish_failed(void)
{
	struct dcache_stats stats;

	MODEL_CHECK(atomic_load(&world.asked) >= 1);
	MODEL_CHECK(!ilookup(world.dc, INO));
	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.inodes == 1);
	world_finish();
}

SCENARIO(a_new_inode_fails_and_is_wanted) = {
	.covers = "I1 I3 H21",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_new,
	.run = { fail_it, get_and_put },
	.finish = finish_failed,
};

SCENARIO(a_new_inode_fails_and_is_wanted_and_looked_for) = {
	.covers = "I1 I3 H21",
	.threads = 3,
	.setup = setup_new,
	.run = { fail_it, get_and_put, look_and_put },
	.finish = finish_failed,
};

/* A filler that only puts what it got. */
static void forget_it(void)
{
	model_rules_may_break();
	stored++;
	iput(world.inode);
}

SCENARIO(a_new_inode_is_forgotten_and_wanted) = {
	.covers = "I3 H11 H21",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_new,
	.run = { forget_it, get_and_put },
	.finish = finish_failed,
};

/* ---- one that is being evicted ---- */

static void setup_filled(void)
{
	setup_new();
	fill(world.inode, INODE_REGULAR);
}

static void put_it(void)
{
	iput(world.inode);
}

static void finish_evicted(void)
{
	MODEL_CHECK(!ilookup(world.dc, INO));
	/* Filled and evicted each time. */
	MODEL_CHECK(stored % 2 == 0 && stored <= 6);
	world_finish();
}

SCENARIO(an_inode_is_evicted_and_wanted) = {
	.covers = "I1 I3",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_filled,
	.run = { put_it, get_and_put },
	.finish = finish_evicted,
};

SCENARIO(an_inode_is_evicted_and_wanted_by_two) = {
	.covers = "I1 I3",
	.threads = 3,
	.setup = setup_filled,
	.run = { put_it, get_and_put, get_and_put },
	.finish = finish_evicted,
};

SCENARIO(an_inode_is_evicted_and_looked_for) = {
	.covers = "I2",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_filled,
	.run = { put_it, look_and_put },
	.finish = finish_evicted,
};

/* Who looks for it may hold what its evict operation wants: that is not waited for. */
static void evict_with_directory_locked(struct inode *inode)
{
	inode_lock(d_inode(world.root));
	evict_and_store(inode);
	inode_unlock(d_inode(world.root));
}

static void fill_it_and_put(void)
{
	static const struct inode_operations locking_ops = { .evict = evict_with_directory_locked };

	stored++;
	MODEL_CHECK(!unlock_new_inode(world.inode, INODE_REGULAR, &locking_ops, &stored));
	iput(world.inode);
}

static void look_with_directory_locked(void)
{
	struct inode *inode;

	inode_lock(d_inode(world.root));
	inode = ilookup(world.dc, INO);
	inode_unlock(d_inode(world.root));
	iput(inode);
}

SCENARIO(an_inode_is_evicted_and_looked_for_with_a_lock_held) = {
	.covers = "I3",
	.threads = 2,
	.setup = setup_new,
	.run = { fill_it_and_put, look_with_directory_locked },
	.finish = finish_evicted,
};

/* The next inode of the number stays: nobody waits for that one to be evicted. */
static void finish_kept(void)
{
	MODEL_CHECK(atomic_load(&world.asked) <= 1 && got[1] == got[2]);
	iput(got[1]);
	iput(got[2]);
	world_finish();
}

SCENARIO(an_inode_is_evicted_and_the_next_is_kept) = {
	.covers = "I1 I3",
	.threads = 3,
	.setup = setup_filled,
	.run = { put_it, get_and_keep, get_and_keep },
	.finish = finish_kept,
};

/* Three at once: who was woken may have to sleep again. */
SCENARIO(an_inode_comes_and_goes) = {
	.covers = "I1 I3",
	.threads = 3,
	.setup = setup_none,
	.run = { get_and_put, get_and_put, look_and_put },
	.finish = finish_evicted,
};

/* ---- the table grows meanwhile ---- */

static void setup_growing(void)
{
	uint64_t ino;

	setup_none();
	world.dc->inodes.max += 2;
	for (ino = INO; ino < INO + 2; ino++) {
		struct inode *inode = iget_locked(world.dc, ino);

		fill(inode, INODE_REGULAR);
		got[ino - INO] = inode;
	}
	world.inode = got[0];
}

static void add_the_third(void)
{
	struct inode *inode = iget_locked(world.dc, INO + 2);
	int i;

	MODEL_CHECK(inode_is_new(inode));
	MODEL_CHECK(!unlock_new_inode(inode, INODE_REGULAR, NULL, NULL));
	got[2] = inode;
	/* Each moves a bucket: all of them. */
	for (i = 0; i < 3; i++)
		table_tend(&world.dc->inodes);
}

static void finish_grown(void)
{
	int i;

	MODEL_CHECK(table_size(&world.dc->inodes) > 2);
	for (i = 0; i < 3; i++) {
		struct inode *inode = ilookup(world.dc, INO + (uint64_t)i);

		MODEL_CHECK(inode == got[i]);
		iput(inode);
		iput(got[i]);
	}
	world_finish();
}

SCENARIO(a_number_is_looked_for_while_the_table_grows) = {
	.covers = "I2 H46",
	.threads = 2,
	.setup = setup_growing,
	.run = { add_the_third, look_for_it },
	.finish = finish_grown,
};

SCENARIO(a_number_is_wanted_while_the_table_grows) = {
	.covers = "I1 H46",
	.threads = 3,
	.setup = setup_growing,
	.run = { add_the_third, get_it, look_for_it },
	.finish = finish_grown,
};

/* ---- an instance that is let go of ---- */

static void setup_last(void)
{
	setup_filled();
	dput(world.root);
	world.root = NULL;
}

static void let_go(void)
{
	dcache_release(world.dc);
}

SCENARIO(an_instance_is_let_go_of_with_its_last_inode) = {
	.covers = "I4 release",
	.threads = 3,
	.setup = setup_last,
	.run = { put_it, let_go, model_instance_thread },
};

/* ---- entries of an inode ---- */

/* world.entry is "n" in the root; a reference on its inode is the scenario's. */
static void setup_alias(void)
{
	world_setup_file();
	ihold(world.inode);
}

static void setup_unused_alias(void)
{
	setup_alias();
	dput(world.entry);
}

static void drop_and_put(void)
{
	d_drop(world.entry);
	dput(world.entry);
}

static void find_hashed(void)
{
	struct dentry *alias = d_find_alias(world.inode);

	if (alias)
		MODEL_CHECK(alias == world.entry && d_count(alias) > 0 &&
			    d_inode(alias) == world.inode);
	dput(alias);
}

static void find_any(void)
{
	struct dentry *alias = d_find_any_alias(world.inode);

	if (alias)
		MODEL_CHECK(alias == world.entry && d_count(alias) > 0 &&
			    d_inode(alias) == world.inode);
	dput(alias);
}

static void finish_alias(void)
{
	MODEL_CHECK(!world.inode->i_dentry.first);
	iput(world.inode);
	world_finish();
}

SCENARIO(an_alias_is_found_and_put) = {
	.covers = "H38",
	.threads = 3,
	.setup = setup_alias,
	.run = { drop_and_put, find_any, find_hashed },
	.finish = finish_alias,
};

static void prune(void)
{
	world.result[model_thread()] = (long)d_prune_aliases(world.inode);
}

static void look_up_n(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (dentry)
		MODEL_CHECK(d_count(dentry) > 0 && d_inode(dentry) == world.inode);
	dput(dentry);
}

static void finish_pruned(void)
{
	MODEL_CHECK(world.result[0] + world.result[1] + world.result[2] <= 1);
	d_prune_aliases(world.inode);
	finish_alias();
}

SCENARIO(an_unused_alias_is_pruned_and_looked_up) = {
	.covers = "H16 H37 H38",
	.threads = 3,
	.setup = setup_unused_alias,
	.run = { prune, look_up_n, find_hashed },
	.finish = finish_pruned,
};

static void shrink(void)
{
	shrink_dcache(world.dc, 1);
}

SCENARIO(an_unused_alias_is_pruned_by_two) = {
	.covers = "H36 H37",
	.threads = 3,
	.setup = setup_unused_alias,
	.run = { prune, prune, shrink },
	.finish = finish_pruned,
};

static void put_entry(void)
{
	dput(world.entry);
}

SCENARIO(an_alias_is_pruned_and_put) = {
	.covers = "D1 H38",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_alias,
	.run = { prune, put_entry },
	.finish = finish_pruned,
};

/* More than are looked at in one turn: the place between two turns is kept. */
static void setup_three_aliases(void)
{
	int i;

	setup_alias();
	for (i = 0; i < 2; i++) {
		const struct qstr name = qstr_init(&"ab"[i], 1);
		struct dentry *dentry = d_alloc(world.root, &name);

		ihold(world.inode);
		MODEL_CHECK(!IS_ERR(dentry) && !d_add(dentry, world.inode));
		dput(dentry);
	}
}

static void finish_three(void)
{
	long freed = world.result[0] + world.result[1] + world.result[2];

	MODEL_CHECK(freed >= 2 && freed <= 3);
	d_prune_aliases(world.inode);
	finish_alias();
}

SCENARIO(several_aliases_are_pruned) = {
	.covers = "H37 H38",
	.threads = 2,
	.setup = setup_three_aliases,
	.run = { prune, drop_and_put },
	.finish = finish_three,
};

/* Two come by file handle to an inode that neither knows. */
static void obtain_by_number(void)
{
	struct dentry *dentry = d_obtain_alias(want(INODE_DIRECTORY));

	MODEL_CHECK(!IS_ERR(dentry) && d_is_dir(dentry) && d_is_disconnected(dentry));
	world.found[model_thread()] = dentry;
}

static void finish_twins(void)
{
	MODEL_CHECK(world.found[0] == world.found[1]);
	MODEL_CHECK(atomic_load(&world.asked) == 1);
	world_put_found();
}

SCENARIO(two_obtain_an_alias_of_one_number) = {
	.covers = "I1 H9 H38",
	.threads = 2,
	.setup = setup_none,
	.run = { obtain_by_number, obtain_by_number },
	.finish = finish_twins,
};

/* ---- disconnected ---- */

static struct dentry *loose, *second;

static void splice_to(struct dentry *alias, struct dentry *parent, const struct qstr *name)
{
	world_find_at(alias, parent, name);
}

static void setup_loose(void)
{
	world_setup();
	loose = d_obtain_alias(world_inode(INODE_DIRECTORY));
	MODEL_CHECK(!IS_ERR(loose));
	world.entry = world_add(loose, NAME("c"), INODE_REGULAR);
}

static void connect(void)
{
	splice_to(loose, world.root, NAME("n"));
}

static void look_twice(void)
{
	bool before = d_is_disconnected(world.entry);
	bool after = d_is_disconnected(world.entry);

	MODEL_CHECK(before || !after);
}

static void finish_loose(void)
{
	MODEL_CHECK(!d_is_disconnected(world.entry));
	dput(world.entry);
	dput(loose);
	world_finish();
}

SCENARIO(a_tree_is_connected_and_asked_about) = {
	.covers = "H9",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_loose,
	.run = { connect, look_twice },
	.finish = finish_loose,
};

/* The entry leaves a directory, which then is found in one that is disconnected: it never is itself. */
static void setup_never_disconnected(void)
{
	world_setup_dir();
	second = world_add(world.dir, NAME("c"), INODE_DIRECTORY);
	loose = d_obtain_alias(world_inode(INODE_DIRECTORY));
}

static void move_both(void)
{
	splice_to(second, world.root, NAME("c"));
	splice_to(world.dir, loose, NAME("dir"));
}

static void is_connected(void)
{
	MODEL_CHECK(!d_is_disconnected(second));
}

static void finish_never_disconnected(void)
{
	MODEL_CHECK(d_is_disconnected(world.dir) && d_is_disconnected(loose));
	dput(second);
	dput(loose);
	world_finish();
}

SCENARIO(a_connected_entry_leaves_in_time) = {
	.covers = "H9 H35",
	.threads = 2,
	.setup = setup_never_disconnected,
	.run = { move_both, is_connected },
	.finish = finish_never_disconnected,
};

/* A filesystem of two directories: number 5 is "d" in the root. */
static struct dentry *find_by_number(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	(void)dir;
	(void)flags;
	return d_splice_alias(want(INODE_DIRECTORY), dentry);
}

static struct inode *parent_of(struct inode *child)
{
	(void)child;
	ihold(world.root_inode);
	return world.root_inode;
}

static int name_in(struct inode *parent, struct inode *child, char *buf)
{
	(void)parent;
	(void)child;
	buf[0] = 'd';
	buf[1] = 0;
	return 1;
}

static const struct inode_operations finding_ops = { .lookup = find_by_number };
static const struct export_operations exporting = { parent_of, name_in };

static void setup_export(void)
{
	world_setup_backend(&finding_ops);
	stored = 0;
	loose = d_obtain_alias(want(INODE_DIRECTORY));
	MODEL_CHECK(!IS_ERR(loose));
}

static void reconnect(void)
{
	MODEL_CHECK(!d_reconnect(loose, &exporting));
	MODEL_CHECK(!d_is_disconnected(loose));
}

static void look_up_d(void)
{
	struct dentry *dentry = lookup_one_unlocked(world.root, NAME("d"), 0);

	MODEL_CHECK(dentry == loose);
	dput(dentry);
}

static void finish_export(void)
{
	MODEL_CHECK(d_parent(loose) == world.root && !d_unhashed(loose));
	MODEL_CHECK(d_count(loose) == 1);
	dput(loose);
	world_finish();
}

SCENARIO(two_connect_one_directory) = {
	.covers = "H9",
	.threads = 2,
	.setup = setup_export,
	.run = { reconnect, reconnect },
	.finish = finish_export,
};

SCENARIO(a_directory_is_connected_and_looked_up) = {
	.covers = "H9",
	.threads = 2,
	.setup = setup_export,
	.run = { reconnect, look_up_d },
	.finish = finish_export,
};

/* ---- without memory ---- */

static void get_if_there_is_memory(void)
{
	struct inode *inode = iget_locked(world.dc, INO);

	if (IS_ERR(inode)) {
		MODEL_CHECK(PTR_ERR(inode) == -ENOMEM);
		return;
	}
	if (inode_is_new(inode))
		fill(inode, INODE_DIRECTORY);
	is_filled(inode, INODE_DIRECTORY);
	dput(d_obtain_alias(inode));
}

static void finish_oom(void)
{
	MODEL_CHECK(!ilookup(world.dc, INO));
	world_finish();
}

SCENARIO(oom_two_want_one_number) = {
	.covers = "I1 H51 oom",
	.threads = 2,
	.setup = setup_none,
	.run = { get_if_there_is_memory, get_if_there_is_memory },
	.finish = finish_oom,
};

static void reconnect_if_there_is_memory(void)
{
	int err = d_reconnect(loose, &exporting);

	MODEL_CHECK(!err || err == -ENOMEM);
	MODEL_CHECK(d_is_disconnected(loose) == (err != 0));
}

static void finish_oom_export(void)
{
	dput(loose);
	world_finish();
}

SCENARIO(oom_a_directory_is_connected) = {
	.covers = "H9 H51 oom",
	.threads = 1,
	.setup = setup_export,
	.run = { reconnect_if_there_is_memory },
	.finish = finish_oom_export,
};
