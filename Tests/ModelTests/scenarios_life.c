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

/* ---- what a reader without a reference may rely on ---- */

static void drop_and_tell(void)
{
	d_drop(world.entry);
	atomic_store_explicit(&world.succeeded, 1, memory_order_release);
	dput(world.entry);
}

/* Once somebody was told that the entry is dropped, what was read of it before is out of date. */
static void look_after_being_told(void)
{
	struct dentry *dentry;
	uint32_t seq = 0;
	bool told;

	dcache_read_lock();
	dentry = d_lookup_rcu(world.root, NAME("n"), &seq);
	told = atomic_load_explicit(&world.succeeded, memory_order_acquire);
	if (dentry && told)
		MODEL_CHECK(d_seq_retry(dentry, seq));
	dcache_read_unlock();
}

SCENARIO(a_drop_and_a_reader_who_is_told) = {
	.covers = "H33 H34",
	.threads = 3,
	.setup = world_setup_file,
	.run = { drop_and_tell, look_after_being_told, look_after_being_told },
	.finish = world_finish,
};

/* One who came by the entry when it was unhashed already, as a walk that starts there does. */
static void setup_unhashed(void)
{
	world_setup_file();
	d_drop(world.entry);
	atomic_store(&world.succeeded, 0);
}

static void tell_and_put(void)
{
	/* Told before: a section that began earlier keeps its memory. */
	atomic_store_explicit(&world.succeeded, 1, memory_order_release);
	dput(world.entry);
}

static void start_on_unhashed(void)
{
	const struct inode *inode;
	uint32_t seq;

	dcache_read_lock();
	if (!atomic_load_explicit(&world.succeeded, memory_order_acquire)) {
		seq = read_seqcount(&world.entry->d_seq);
		inode = d_inode(world.entry);
		/* What it was at that sequence it is no longer: that shows. */
		if (inode && !d_inode(world.entry))
			MODEL_CHECK(inode->i_ino == 7 && d_seq_retry(world.entry, seq));
		if (inode && dget_rcu(world.entry, seq)) {
			MODEL_CHECK(d_inode(world.entry) == inode);
			dcache_read_unlock();
			dput(world.entry);
			return;
		}
	}
	dcache_read_unlock();
}

SCENARIO(a_walk_starts_on_what_is_being_put) = {
	.covers = "H33",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_unhashed,
	.run = { tell_and_put, start_on_unhashed },
	.finish = world_finish,
};

/* ---- eviction ---- */

static void setup_unused(void)
{
	world_setup_file();
	dput(world.entry);
}

/* Who asks for a name that is being evicted can publish it again. */
static void look_up_again(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("n"), &wq);

	MODEL_CHECK(!IS_ERR(dentry));
	if (d_in_lookup(dentry))
		MODEL_CHECK(!d_add(dentry, world_inode(INODE_REGULAR)));
	MODEL_CHECK(d_is_positive(dentry) && !d_unhashed(dentry));
	dput(dentry);
}

static void shrink_all(void)
{
	world.result[model_thread()] = (long)shrink_dcache(world.dc, 8);
}

/* Those that were in use again were not evicted. */
static void finish_evicted(void)
{
	struct dcache_stats stats;

	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.evicted == (uint64_t)(world.result[0] + world.result[1] + world.result[2]));
	world_finish();
}

SCENARIO(an_eviction_and_lookups_that_publish_again) = {
	.covers = "D3 H36 H37",
	.threads = 3,
	.setup = setup_unused,
	.run = { shrink_all, look_up_again, look_up_again },
	.finish = finish_evicted,
};

/* On the list of unused entries, and in use. */
static void setup_listed(void)
{
	world_setup_file();
	dput(world.entry);
	world.entry = d_lookup(world.root, NAME("n"));
}

SCENARIO(a_listed_entry_is_put_beside_the_shrinker) = {
	.covers = "H36",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_listed,
	.run = { drop_and_put, shrink },
	.finish = world_finish,
};

/* Two neighbours on one list of unused entries. */
static struct dentry *neighbour;

static void setup_two_unused(void)
{
	world_setup_file();
	neighbour = world_add(world.root, NAME("m"), INODE_REGULAR);
	dput(dget(neighbour));
	dput(neighbour);
	neighbour = d_lookup(world.root, NAME("m"));
}

static void drop_neighbour(void)
{
	d_drop(neighbour);
	dput(neighbour);
}

SCENARIO(neighbours_on_the_list_of_unused_entries) = {
	.covers = "D1 H37",
	.threads = 3,
	.setup = setup_two_unused,
	.run = { drop_neighbour, put_entry, shrink_all },
	.finish = finish_evicted,
};

/* An entry that its backend no longer vouches for is dropped while others evict. */
static int never_valid(struct dentry *dentry, unsigned int flags)
{
	(void)dentry;
	(void)flags;
	return 0;
}

static const struct dentry_operations never_valid_ops = { .d_revalidate = never_valid };

static struct dentry *find_nothing(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	(void)dir;
	(void)flags;
	return d_splice_alias(NULL, dentry);
}

static const struct inode_operations find_nothing_ops = { .lookup = find_nothing };

static void setup_doubtful(void)
{
	struct dentry *dentry;

	world_setup_backend(&find_nothing_ops);
	dentry = d_alloc(world.root, NAME("n"));
	MODEL_CHECK(!IS_ERR(dentry));
	d_set_d_op(dentry, &never_valid_ops);
	MODEL_CHECK(!d_add(dentry, world_inode(INODE_REGULAR)));
	dput(dentry);
}

static void resolve_doubtful(void)
{
	struct dentry *dentry = lookup_one_unlocked(world.root, NAME("n"), 0);

	MODEL_CHECK(!IS_ERR(dentry) && d_is_negative(dentry));
	dput(dentry);
}

SCENARIO(a_doubtful_entry_is_dropped_and_evicted) = {
	.covers = "H16 H34",
	.threads = 2,
	.setup = setup_doubtful,
	.run = { resolve_doubtful, shrink_all },
	.finish = world_finish,
};

/* A cache that is full: who adds makes room. */
static void setup_full(void)
{
	world_setup_limited(2, 0);
	dput(world_add(world.root, NAME("old"), INODE_REGULAR));
}

static void add_to_full(void)
{
	char letter = (char)('a' + model_thread());
	const struct qstr name = qstr_init(&letter, 1);
	struct dentry *dentry = world_add(world.root, &name, INODE_REGULAR);

	MODEL_CHECK(d_is_positive(dentry));
	dput(dentry);
}

static void finish_full(void)
{
	struct dcache_stats stats;

	dcache_get_stats(world.dc, &stats);
	/* The bound is soft: what each of those who add at once brings may be too much. */
	MODEL_CHECK(stats.entries <= 4);
	world_finish();
}

SCENARIO(two_add_to_a_full_cache) = {
	.covers = "limits",
	.threads = 2,
	.setup = setup_full,
	.run = { add_to_full, add_to_full },
	.finish = finish_full,
};

/* ---- an instance that is let go of ---- */

static void let_go(void)
{
	dcache_release(world.dc);
}

static void put_the_last(void)
{
	dput(world.entry);
	dput(world.root);
}

/* That nothing is left is looked at after each run. */
SCENARIO(an_instance_is_let_go_of) = {
	.covers = "release",
	.threads = 3,
	.setup = world_setup_file,
	.run = { put_the_last, let_go, model_instance_thread },
};

/* ---- an entry in use stays what it is ---- */

static void delete_found(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (dentry) {
		d_delete(dentry);
		dput(dentry);
	}
}

static void use_found(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (!dentry)
		return;
	if (d_is_positive(dentry)) {
		MODEL_CHECK(d_inode(dentry) == world.inode);
		MODEL_CHECK(d_inode(dentry)->i_ino == 7);
		MODEL_CHECK(d_is_positive(dentry));
	}
	dput(dentry);
}

SCENARIO(a_removal_and_one_who_uses_it) = {
	.covers = "H39",
	.threads = 3,
	.setup = setup_unused,
	.run = { delete_found, use_found, use_found },
	.finish = world_finish,
};

/* ---- more than one asleep for one lock ---- */

static void setup_three_references(void)
{
	world_setup_file();
	dget(dget(world.entry));
}

SCENARIO(three_drop_one_entry) = {
	.covers = "H12",
	.threads = 3,
	.setup = setup_three_references,
	.run = { drop_and_put, drop_and_put, drop_and_put },
	.finish = world_finish,
};

static void setup_three_inode_references(void)
{
	world_setup();
	world.inode = world_inode(INODE_REGULAR);
	ihold(world.inode);
	ihold(world.inode);
	ihold(world.inode);
}

static void add_alias(void)
{
	char letter = (char)('a' + model_thread());
	const struct qstr name = qstr_init(&letter, 1);
	struct dentry *dentry = d_alloc(world.root, &name);

	MODEL_CHECK(!IS_ERR(dentry) && !d_add(dentry, world.inode));
	dput(dentry);
}

static void finish_aliases(void)
{
	iput(world.inode);
	world_finish();
}

SCENARIO(three_add_an_alias_of_one_file) = {
	.covers = "H12",
	.threads = 3,
	.setup = setup_three_inode_references,
	.run = { add_alias, add_alias, add_alias },
	.finish = finish_aliases,
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
