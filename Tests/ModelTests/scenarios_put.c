/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts that are left to the instance's thread, beside those who find, move and free what waits. */
#include "world.h"

#define INO 7

/* How often an operation ran; in a thread that had deferred what brings it about: that is wrong. */
static _Atomic int released, evicted;
static _Atomic int defers[MODEL_MAX_THREADS + 1];

static void must_not_be_deferring(void)
{
	MODEL_CHECK(!atomic_load_explicit(&defers[model_thread()], memory_order_relaxed));
}

static void count_release(struct dentry *dentry)
{
	(void)dentry;
	must_not_be_deferring();
	atomic_fetch_add_explicit(&released, 1, memory_order_relaxed);
}

static int keep_it(const struct dentry *dentry)
{
	(void)dentry;
	must_not_be_deferring();
	return 0;
}

static void count_evict(struct inode *inode)
{
	(void)inode;
	must_not_be_deferring();
	atomic_fetch_add_explicit(&evicted, 1, memory_order_relaxed);
}

static const struct dentry_operations counting_ops = { .d_release = count_release };
static const struct dentry_operations asking_ops = { .d_release = count_release,
						     .d_delete = keep_it };
static const struct inode_operations evicting_ops = { .evict = count_evict };

static void forget_operations(void)
{
	int i;

	atomic_init(&released, 0);
	atomic_init(&evicted, 0);
	for (i = 0; i <= MODEL_MAX_THREADS; i++)
		atomic_init(&defers[i], 0);
}

static int ran(const _Atomic int *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

static struct dentry *add_with(const struct qstr *name, const struct dentry_operations *ops)
{
	struct dentry *dentry = d_alloc(world.root, name);

	MODEL_CHECK(!IS_ERR(dentry));
	d_set_d_op(dentry, ops);
	MODEL_CHECK(!d_add(dentry, new_inode(world.dc, INO, INODE_REGULAR, &evicting_ops, NULL)));
	return dentry;
}

/* "n" in the root, as world.entry, with one reference. */
static void setup_counting(void)
{
	world_setup();
	forget_operations();
	world.entry = add_with(NAME("n"), &counting_ops);
	world.inode = d_inode(world.entry);
}

/* The same; it is asked whether to be kept. */
static void setup_asking(void)
{
	world_setup();
	forget_operations();
	world.entry = add_with(NAME("n"), &asking_ops);
	world.inode = d_inode(world.entry);
}

static void setup_dropped(void)
{
	setup_counting();
	d_drop(world.entry);
}

/* Dropped, and left on the list of unused entries. */
static void setup_dropped_on_list(void)
{
	setup_counting();
	dput(world.entry);
	MODEL_CHECK(d_lookup(world.root, NAME("n")) == world.entry);
	d_drop(world.entry);
}

static void set_defers(int yes)
{
	atomic_store_explicit(&defers[model_thread()], yes, memory_order_relaxed);
}

static void defer_put(void)
{
	set_defers(1);
	dput_deferred(world.entry);
	set_defers(0);
}

static void put_plainly(void)
{
	dput(world.entry);
}

static void shrink(void)
{
	shrink_dcache(world.dc, 1);
}

static void look_up_and_put(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (dentry) {
		MODEL_CHECK(dentry == world.entry && d_inode(dentry) == world.inode);
		dput(dentry);
	}
}

static void look_up_and_defer(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (dentry) {
		MODEL_CHECK(dentry == world.entry && d_inode(dentry) == world.inode);
		defer_put();
	}
}

static void all_done(void)
{
	struct dcache_stats stats;

	dcache_barrier(world.dc);
	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(!stats.pending_puts);
}

/* Freed once, and so its inode. */
static void finish_freed(void)
{
	all_done();
	MODEL_CHECK(ran(&released) == 1 && ran(&evicted) == 1);
	world_finish();
}

/* Kept, as nobody uses it. */
static void finish_kept(void)
{
	all_done();
	MODEL_CHECK(!ran(&released) && !ran(&evicted));
	MODEL_CHECK(d_count(world.entry) == 0);
	MODEL_CHECK(lru_count(world.dc) == 1);
	world_finish();
	MODEL_CHECK(ran(&released) == 1 && ran(&evicted) == 1);
}

/* One or the other. */
static void finish_any(void)
{
	all_done();
	world_finish();
	MODEL_CHECK(ran(&released) == 1 && ran(&evicted) == 1);
}

SCENARIO(a_deferred_put_and_the_thread) = {
	.covers = "dput_deferred",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_dropped,
	.run = { defer_put, model_instance_work },
	.finish = finish_freed,
};

SCENARIO(a_deferred_put_that_keeps) = {
	.covers = "dput_deferred D1",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_counting,
	.run = { defer_put, look_up_and_defer },
	.finish = finish_kept,
};

/* ---- others who put ---- */

static void setup_dropped_twice_held(void)
{
	setup_dropped();
	dget(world.entry);
}

SCENARIO(two_deferred_puts_of_one_entry) = {
	.covers = "dput_deferred",
	.threads = 3,
	.setup = setup_dropped_twice_held,
	.run = { defer_put, defer_put, model_instance_work },
	.finish = finish_freed,
};

SCENARIO(a_deferred_put_and_a_put) = {
	.covers = "dput_deferred",
	.threads = 3,
	.setup = setup_dropped_twice_held,
	.run = { defer_put, put_plainly, model_instance_work },
	.finish = finish_freed,
};

SCENARIO(a_deferred_put_is_found_and_put) = {
	.covers = "dput_deferred d_lookup",
	.threads = 3,
	.setup = setup_asking,
	.run = { defer_put, look_up_and_put, model_instance_work },
	.finish = finish_kept,
};

SCENARIO(a_deferred_put_is_found_and_deferred) = {
	.covers = "dput_deferred d_lookup",
	.threads = 3,
	.setup = setup_asking,
	.run = { defer_put, look_up_and_defer, model_instance_work },
	.finish = finish_kept,
};

static void drop_found(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (dentry) {
		d_drop(dentry);
		defer_put();
	}
}

SCENARIO(a_deferred_put_is_dropped) = {
	.covers = "dput_deferred d_drop",
	.threads = 3,
	.setup = setup_asking,
	.run = { defer_put, drop_found, model_instance_work },
	.finish = finish_any,
};

/* ---- those who free ---- */

SCENARIO(a_deferred_put_and_the_shrinker) = {
	.covers = "dput_deferred shrink_dcache",
	.threads = 3,
	.setup = setup_dropped_on_list,
	.run = { defer_put, shrink, model_instance_work },
	.finish = finish_freed,
};

SCENARIO(a_deferred_put_that_keeps_and_the_shrinker) = {
	.covers = "dput_deferred shrink_dcache",
	.threads = 3,
	.setup = setup_asking,
	.run = { defer_put, shrink, model_instance_work },
	.finish = finish_any,
};

static void shrink_root(void)
{
	MODEL_CHECK(shrink_dcache_parent(world.root) >= 0);
}

SCENARIO(a_deferred_put_and_a_pruner) = {
	.covers = "dput_deferred shrink_dcache_parent",
	.threads = 3,
	.setup = setup_asking,
	.run = { defer_put, shrink_root, model_instance_work },
	.finish = finish_any,
};

static void invalidate_name(void)
{
	MODEL_CHECK(!d_invalidate_name(world.root, NAME("n")));
}

/* Nothing of it is kept. */
SCENARIO(a_deferred_put_is_invalidated) = {
	.covers = "dput_deferred d_invalidate_name",
	.threads = 3,
	.setup = setup_asking,
	.run = { defer_put, invalidate_name, model_instance_work },
	.finish = finish_freed,
};

/* By another name, which its last put does not ask for again. */
static void find_alias_and_put(void)
{
	struct inode *inode = igrab(world.inode);
	struct dentry *alias = d_find_any_alias(inode);

	MODEL_CHECK(!alias || alias == world.entry);
	dput(alias);
	iput(inode);
}

static void setup_dropped_inode_held(void)
{
	setup_dropped();
	ihold(world.inode);
}

static void finish_freed_inode_held(void)
{
	all_done();
	MODEL_CHECK(ran(&released) == 1);
	iput(world.inode);
	MODEL_CHECK(ran(&evicted) == 1);
	world_finish();
}

SCENARIO(a_deferred_put_is_found_by_its_inode) = {
	.covers = "dput_deferred d_find_any_alias H38",
	.threads = 3,
	.setup = setup_dropped_inode_held,
	.run = { defer_put, find_alias_and_put, model_instance_work },
	.finish = finish_freed_inode_held,
};

/* ---- moves ---- */

static void move_it(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));
	struct dentry *target = d_alloc(world.root, NAME("m"));

	MODEL_CHECK(dentry == world.entry && !d_move(dentry, target));
	dput_deferred(target);
	dput_deferred(dentry);
}

static void finish_moved(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("m"));

	MODEL_CHECK(dentry == world.entry);
	dput_deferred(dentry);
	finish_kept();
}

SCENARIO(a_deferred_put_is_moved) = {
	.covers = "dput_deferred d_move",
	.threads = 3,
	.setup = setup_asking,
	.run = { defer_put, move_it, model_instance_work },
	.finish = finish_moved,
};

/* ---- inodes ---- */

static void setup_inode(void)
{
	world_setup();
	forget_operations();
	world.inode = iget_locked(world.dc, INO);
	MODEL_CHECK(!unlock_new_inode(world.inode, INODE_REGULAR, &evicting_ops, NULL));
}

static void defer_inode(void)
{
	set_defers(1);
	iput_deferred(world.inode);
	set_defers(0);
}

/* It is there, or it is gone, and then it is evicted. */
static void look_for_inode(void)
{
	struct inode *inode = ilookup(world.dc, INO);

	if (inode) {
		MODEL_CHECK(inode == world.inode && !ran(&evicted));
		iput_deferred(inode);
	}
}

static void look_for_inode_and_put(void)
{
	struct inode *inode = ilookup(world.dc, INO);

	if (inode) {
		MODEL_CHECK(inode == world.inode && !ran(&evicted));
		iput(inode);
	}
}

static void finish_evicted(void)
{
	all_done();
	MODEL_CHECK(ran(&evicted) == 1);
	world_finish();
}

SCENARIO(a_deferred_iput_and_the_thread) = {
	.covers = "iput_deferred",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_inode,
	.run = { defer_inode, model_instance_work },
	.finish = finish_evicted,
};

SCENARIO(a_deferred_iput_is_found_and_deferred) = {
	.covers = "iput_deferred ilookup",
	.threads = 3,
	.setup = setup_inode,
	.run = { defer_inode, look_for_inode, model_instance_work },
	.finish = finish_evicted,
};

SCENARIO(a_deferred_iput_is_found_and_put) = {
	.covers = "iput_deferred ilookup",
	.threads = 3,
	.setup = setup_inode,
	.run = { defer_inode, look_for_inode_and_put, model_instance_work },
	.finish = finish_evicted,
};

static void setup_inode_twice_held(void)
{
	setup_inode();
	ihold(world.inode);
}

SCENARIO(two_deferred_iputs_of_one_inode) = {
	.covers = "iput_deferred",
	.threads = 3,
	.setup = setup_inode_twice_held,
	.run = { defer_inode, defer_inode, model_instance_work },
	.finish = finish_evicted,
};

/* ---- waiting for it ---- */

static void setup_two(void)
{
	setup_dropped();
	world.other = add_with(NAME("t"), &counting_ops);
	d_drop(world.other);
	ihold(world.inode);
}

/* What was put before is gone, whoever did it: one of the two at least. */
static void defer_and_wait(void)
{
	struct dentry *dentry = model_thread() ? world.other : world.entry;
	struct inode *inode = d_inode(dentry);
	struct dcache_stats stats;

	ihold(inode);
	dput_deferred(dentry);
	/* The first half of dcache_barrier(): grace periods order more. */
	deferred_barrier(&world.dc->deferred);
	/* Its entry lets go of it before it is done. */
	MODEL_CHECK(!inode->i_dentry.first);
	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.pending_puts <= 1);
	iput(inode);
}

static void finish_two(void)
{
	all_done();
	iput(world.inode);
	MODEL_CHECK(ran(&released) == 2 && ran(&evicted) == 2);
	world_finish();
}

SCENARIO(deferred_puts_are_waited_for) = {
	.covers = "dput_deferred dcache_barrier",
	.threads = 2,
	.setup = setup_two,
	.run = { defer_and_wait, defer_and_wait },
	.finish = finish_two,
};

SCENARIO(deferred_puts_are_waited_for_beside_the_thread) = {
	.covers = "dput_deferred dcache_barrier",
	.threads = 3,
	.setup = setup_two,
	.run = { defer_and_wait, defer_and_wait, model_instance_work },
	.finish = finish_two,
};

/* The entry, and an inode without one. */
static void setup_both(void)
{
	setup_dropped();
	world.inode = new_inode(world.dc, INO, INODE_REGULAR, &evicting_ops, NULL);
}

static void defer_both(void)
{
	defer_put();
	defer_inode();
}

/* What the thread has not done is done at the end. */
static void finish_at_once(void)
{
	world_finish();
	MODEL_CHECK(ran(&released) == 1 && ran(&evicted) == 2);
}

SCENARIO(deferred_puts_are_left_to_destroy) = {
	.covers = "dput_deferred iput_deferred dcache_destroy",
	.threads = 1,
	.setup = setup_both,
	.run = { defer_both },
	.finish = finish_at_once,
};

/* The instance is let go of, and ends with the last deferred put: nobody else puts anything. */
static void release_and_defer(void)
{
	dcache_release(world.dc);
	dput_deferred(world.root);
	defer_both();
}

static void release_and_defer_inode_first(void)
{
	dcache_release(world.dc);
	defer_inode();
	dput_deferred(world.root);
	defer_put();
}

static void finish_gone(void)
{
	MODEL_CHECK(!model_live_blocks());
	MODEL_CHECK(ran(&released) == 1 && ran(&evicted) == 2);
}

SCENARIO(an_instance_let_go_of_ends_with_a_deferred_iput) = {
	.covers = "iput_deferred dcache_release",
	.threads = 2,
	.setup = setup_both,
	.run = { release_and_defer, model_instance_thread },
	.finish = finish_gone,
};

SCENARIO(an_instance_let_go_of_ends_with_a_deferred_put) = {
	.covers = "dput_deferred dcache_release",
	.threads = 2,
	.setup = setup_both,
	.run = { release_and_defer_inode_first, model_instance_thread },
	.finish = finish_gone,
};

/* Each in a thread of its own: one may find the queue not empty, and rely on the other. */
static void release_and_defer_one(void)
{
	dcache_release(world.dc);
	dput_deferred(world.root);
	dput_deferred(world.other);
	iput_deferred(world.inode);
}

static void finish_both_gone(void)
{
	MODEL_CHECK(!model_live_blocks());
	MODEL_CHECK(ran(&released) == 2 && ran(&evicted) == 2);
}

SCENARIO(an_instance_let_go_of_ends_with_two_deferred_puts) = {
	.covers = "dput_deferred dcache_release",
	.threads = 3,
	.setup = setup_two,
	.run = { release_and_defer_one, defer_put, model_instance_thread },
	.finish = finish_both_gone,
};

/* ---- making room ---- */

/* The root, one that waits, and one that is cached: no room for another. */
static void setup_full(void)
{
	world_setup_limited(3, 0);
	forget_operations();
	world.entry = add_with(NAME("n"), &counting_ops);
	d_drop(world.entry);
	dput(world_add(world.root, NAME("k"), INODE_REGULAR));
}

static void make_one(void)
{
	struct dentry *dentry = d_alloc(world.root, NAME("x"));

	MODEL_CHECK(!IS_ERR(dentry));
	dput(dentry);
}

SCENARIO(deferred_puts_make_way) = {
	.covers = "dput_deferred max_entries",
	.threads = 3,
	.setup = setup_full,
	.run = { defer_put, make_one, model_instance_work },
	.finish = finish_freed,
};

/* ---- H11 ---- */

static void setup_owned(void)
{
	world_setup();
	forget_operations();
	init_waitqueue_head(&world.wq);
	world.owned = d_alloc_parallel(world.root, NAME("n"), &world.wq);
	MODEL_CHECK(d_in_lookup(world.owned));
	model_rules_may_break();
}

static void defer_owned(void)
{
	dput_deferred(world.owned);
}

/* Whoever waits is let go, and asks. */
static void ask(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("n"), &wq);

	MODEL_CHECK(!IS_ERR(dentry) && d_in_lookup(dentry));
	d_lookup_done(dentry);
	dput_deferred(dentry);
}

static void finish_owned(void)
{
	all_done();
	world_finish();
}

SCENARIO(a_deferred_put_of_a_lookup_that_was_forgotten) = {
	.covers = "H11 dput_deferred",
	.threads = 3,
	.setup = setup_owned,
	.run = { defer_owned, ask, model_instance_work },
	.finish = finish_owned,
};
