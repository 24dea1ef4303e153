/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* References, freeing, turning negative and positive, and the locks below. */
#include "world.h"

static void put_entry(void)
{
	dput(world.entry);
}

static void drop_and_put(void)
{
	d_drop(world.entry);
	dput(world.entry);
}

static void look_up_and_put(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (dentry) {
		MODEL_CHECK(dentry == world.entry && d_inode(dentry) == world.inode);
		dput(dentry);
	}
}

static void look_up_exactly(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	MODEL_CHECK(dentry == world.entry);
	dput(dentry);
}

static void shrink(void)
{
	shrink_dcache(world.dc, 1);
}

SCENARIO(a_drop_and_a_lookup) = {
	.covers = "H16 H33 H34",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = world_setup_file,
	.run = { drop_and_put, look_up_and_put },
	.finish = world_finish,
};

SCENARIO(a_put_and_a_lookup) = {
	.covers = "D1",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = world_setup_file,
	.run = { put_entry, look_up_exactly },
	.finish = world_finish,
};

SCENARIO(a_put_a_lookup_and_the_shrinker) = {
	.covers = "D1 H36 H37",
	.threads = 3,
	.setup = world_setup_file,
	.run = { put_entry, look_up_and_put, shrink },
	.finish = world_finish,
};

/* Used often enough that puts need no lock, and then dropped by another. */
static void setup_kept(void)
{
	int i;

	world_setup_file();
	dput(world.entry);
	for (i = 0; i < 2; i++)
		dput(d_lookup(world.root, NAME("n")));
	dget(world.entry);
}

static void drop_found(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (dentry) {
		d_drop(dentry);
		dput(dentry);
	}
}

static void finish_dropped(void)
{
	struct dcache_stats stats;

	dcache_get_stats(world.dc, &stats);
	/* Only the root: what was dropped went with its last reference. */
	MODEL_CHECK(stats.entries == 1);
	world_finish();
}

SCENARIO(a_put_without_the_lock_and_a_drop) = {
	.covers = "D1",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_kept,
	.run = { put_entry, drop_found },
	.finish = finish_dropped,
};

SCENARIO(puts_without_the_lock_and_the_shrinker) = {
	.covers = "D1",
	.threads = 3,
	.setup = setup_kept,
	.run = { put_entry, look_up_and_put, shrink },
	.finish = world_finish,
};

/* A name is removed while others look at it. */
static void remove_name(void)
{
	d_delete(world.entry);
	dput(world.entry);
}

static void look_without_reference(void)
{
	struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = d_lookup_rcu(world.root, NAME("n"), &seq);
	if (dentry) {
		const struct inode *inode = d_inode(dentry);
		bool there = inode && inode->i_ino == 7;

		if (!d_seq_retry(dentry, seq))
			MODEL_CHECK(there || !inode);
	}
	dcache_read_unlock();
}

static void look_and_keep(void)
{
	struct dentry *dentry;
	bool kept = false;
	uint32_t seq = 0;

	dcache_read_lock();
	dentry = d_lookup_rcu(world.root, NAME("n"), &seq);
	if (dentry)
		kept = dget_rcu(dentry, seq);
	dcache_read_unlock();
	if (kept) {
		MODEL_CHECK(d_count(dentry) > 0);
		dput(dentry);
	}
}

SCENARIO(a_removal_and_lookups_without_reference) = {
	.covers = "H33 H34 H39",
	.threads = 3,
	.setup = world_setup_file,
	.run = { remove_name, look_without_reference, look_and_keep },
	.finish = world_finish,
};

SCENARIO(a_removal_and_a_lookup) = {
	.covers = "H39",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = world_setup_file,
	.run = { remove_name, look_and_keep },
	.finish = world_finish,
};

/* A child holds its parent, by whatever end. */
static void setup_child(void)
{
	world_setup_dir();
	world.entry = world_add(world.dir, NAME("n"), INODE_REGULAR);
	d_drop(world.dir);
	world.found[0] = world.dir;
	world.dir = NULL;
}

static void put_parent(void)
{
	struct dentry *parent = dget_parent(world.entry);

	MODEL_CHECK(parent == world.found[0]);
	dput(parent);
	dput(world.entry);
}

static void put_dir(void)
{
	dput(world.found[0]);
}

SCENARIO(a_child_and_its_parent_are_put) = {
	.covers = "H32",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_child,
	.run = { put_parent, put_dir },
	.finish = world_finish,
};

/* Inodes. */
static void setup_inode(void)
{
	world_setup();
	world.inode = world_inode(INODE_REGULAR);
}

static void put_inode(void)
{
	iput(world.inode);
}

static void grab_inode(void)
{
	struct inode *inode;

	dcache_read_lock();
	inode = world.inode;
	/* Before the end of this section it is not freed, if this section began in time. */
	if (atomic_load_explicit(&world.succeeded, memory_order_acquire) == 0)
		inode = igrab(inode);
	else
		inode = NULL;
	dcache_read_unlock();
	iput(inode);
}

static void put_inode_and_tell(void)
{
	atomic_store_explicit(&world.succeeded, 1, memory_order_release);
	put_inode();
}

SCENARIO(an_inode_is_put_and_grabbed) = {
	.covers = "inode",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_inode,
	.run = { put_inode_and_tell, grab_inode },
	.finish = world_finish,
};

/* The directory lock. */
static int shared_value;

static void setup_rwsem(void)
{
	world_setup();
	shared_value = 0;
}

static void write_under_lock(void)
{
	inode_lock(world.root_inode);
	shared_value++;
	inode_unlock(world.root_inode);
}

static void read_under_lock(void)
{
	inode_lock_shared(world.root_inode);
	world.result[model_thread()] = shared_value;
	inode_unlock_shared(world.root_inode);
}

static void finish_rwsem(void)
{
	MODEL_CHECK(shared_value == 2);
	world_finish();
}

SCENARIO(two_writers_and_a_reader) = {
	.covers = "rwsem",
	.threads = 3,
	.setup = setup_rwsem,
	.run = { write_under_lock, read_under_lock, write_under_lock },
	.finish = finish_rwsem,
};
