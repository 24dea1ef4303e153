/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Instances: settings, destroy and release; inodes and the directory lock. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setattr_default_np() */
#endif
#include "harness.h"

#define COLD NAME("cold")

/* ---- creation ---- */

TEST(bad_settings_are_refused, "dcache_create")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache *dc = (struct dcache *)&opts;

	opts.size--;
	CHECK_EQ(dcache_create(&opts, &dc), -EINVAL);
	opts.size = 0;
	CHECK_EQ(dcache_create(&opts, &dc), -EINVAL);
	opts.size = SIZE_MAX;
	CHECK_EQ(dcache_create(&opts, &dc), -EINVAL);
	opts.size = sizeof(opts);
	opts.hash_buckets = ((size_t)1 << 28) + 1;
	CHECK_EQ(dcache_create(&opts, &dc), -EINVAL);
	opts.hash_buckets = SIZE_MAX;
	CHECK_EQ(dcache_create(&opts, &dc), -EINVAL);
	opts.hash_buckets = 0;
	opts.in_lookup_buckets = ((size_t)1 << 20) + 1;
	CHECK_EQ(dcache_create(&opts, &dc), -EINVAL);
	/* Untouched on error. */
	CHECK(dc == (struct dcache *)&opts);
}

TEST(any_number_of_buckets_will_do, "dcache_create")
{
	static const size_t sizes[] = { 1, 2, 3, 5, 64, 1000 };
	size_t i;
	int j;

	for (i = 0; i < 6; i++) {
		struct dcache_options opts = DCACHE_OPTIONS_INIT;
		struct tree tree;

		opts.hash_buckets = sizes[i];
		opts.in_lookup_buckets = sizes[i];
		tree = tree_begin(&opts, NULL);
		for (j = 0; j < 100; j++) {
			char name[8];
			struct qstr q = qstr_init(name, (size_t)snprintf(name, 8, "%d", j));
			struct dentry *dentry = d_alloc_parallel(tree.root, &q, NULL);

			CHECK_EQ(d_add(dentry, NULL), 0);
			dput(dentry);
			CHECK(d_lookup(tree.root, &q) == dentry);
			dput(dentry);
		}
		tree_end(&tree);
	}
}

TEST(all_defaults_and_a_private_pointer, "dcache_create dcache_private")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache_stats stats;
	struct dcache *dc;

	CHECK_EQ(dcache_create(NULL, &dc), 0);
	CHECK(!dcache_private(dc));
	dcache_get_stats(dc, &stats);
	CHECK_EQ(stats.entries + stats.inodes + stats.unused + stats.pending_frees, 0);
	CHECK_EQ(stats.buckets, 256);
	CHECK_EQ(stats.in_lookup_buckets, 16);
	CHECK(stats.bytes > (256 + 16 + 16) * 64);
	CHECK_EQ(dcache_destroy(dc), 0);
	opts.private_data = &opts;
	CHECK_EQ(dcache_create(&opts, &dc), 0);
	CHECK(dcache_private(dc) == &opts);
	CHECK_EQ(dcache_destroy(dc), 0);
}

TEST(instances_have_nothing_in_common, "instance")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache *dc[2];
	struct dentry *roots[2], *entries[2];
	struct dcache_stats stats;
	int i;

	for (i = 0; i < 2; i++) {
		CHECK_EQ(dcache_create(&opts, &dc[i]), 0);
		roots[i] = d_make_root(new_inode(dc[i], 1, INODE_DIRECTORY, NULL, NULL));
		entries[i] = d_alloc_parallel(roots[i], COLD, NULL);
	}
	CHECK(d_in_lookup(entries[0]) && d_in_lookup(entries[1]));
	CHECK(d_dcache(entries[0]) == dc[0] && inode_dcache(d_inode(roots[1])) == dc[1]);
	CHECK_EQ(d_add(entries[0], NULL), 0);
	CHECK(!d_lookup(roots[1], COLD));
	CHECK_EQ(d_add(entries[1], NULL), 0);
	for (i = 0; i < 2; i++) {
		dput(entries[i]);
		dput(roots[i]);
	}
	CHECK_EQ(dcache_destroy(dc[0]), 0);
	dcache_get_stats(dc[1], &stats);
	CHECK_EQ(stats.entries, 2);
	CHECK_EQ(dcache_destroy(dc[1]), 0);
}

TEST(a_thread_that_cannot_be_started_is_an_error, "dcache_create")
{
	struct dcache *dc = NULL;
	pthread_attr_t usual, huge;
#ifdef DCACHE_DEBUG
	long live = dc_live_allocations();
#endif

	pthread_getattr_default_np(&usual);
	pthread_attr_init(&huge);
	/* More than there are addresses. */
	REQUIRE(!pthread_attr_setstacksize(&huge, (size_t)1 << 48));
	REQUIRE(!pthread_setattr_default_np(&huge));
	CHECK_EQ(dcache_create(NULL, &dc), -EAGAIN);
	CHECK(!dc);
#ifdef DCACHE_DEBUG
	CHECK_EQ(dc_live_allocations(), live);
#endif
	pthread_setattr_default_np(&usual);
	CHECK_EQ(dcache_create(NULL, &dc), 0);
	CHECK_EQ(dcache_destroy(dc), 0);
	pthread_attr_destroy(&huge);
	pthread_attr_destroy(&usual);
}

/* ---- destruction ---- */

TEST(destroy_refuses_and_the_instance_stays_usable, "dcache_destroy")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *held = tree_add(&tree, tree.root, NAME("held"), INODE_REGULAR);
	struct inode *inode;

	dput(tree_add(&tree, tree.root, NAME("kept"), 0));
	CHECK_EQ(dcache_destroy(tree.dc), -EBUSY);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	dput(tree_add(&tree, tree.root, NAME("kept"), 0));
	CHECK_EQ(tree_stats(&tree).unused, 1);
	dput(held);
	/* An inode alone is enough. */
	inode = tree_inode(tree.dc, INODE_REGULAR);
	CHECK_EQ(dcache_destroy(tree.dc), -EBUSY);
	iput(inode);
	tree_end(&tree);
}

static struct dcache *to_destroy;
static _Atomic int destroy_result;

static void destroy_in_release(struct inode *inode)
{
	(void)inode;
	atomic_store(&destroy_result, dcache_destroy(to_destroy));
}

static void destroy_while_releasing(bool in_the_callers_thread)
{
	static const struct inode_operations ops = { .release = destroy_in_release };
	struct tree tree = tree_begin(NULL, NULL);

	to_destroy = tree.dc;
	atomic_store(&destroy_result, 0);
	iput(new_inode(tree.dc, 1, INODE_REGULAR, &ops, NULL));
	if (in_the_callers_thread)
		dcache_barrier(tree.dc);
	CHECK(EVENTUALLY(atomic_load(&destroy_result)));
	CHECK_EQ(atomic_load(&destroy_result), -EDEADLK);
	tree_end(&tree);
}

TEST(destroy_is_refused_in_a_release_operation, "dcache_destroy")
{
	destroy_while_releasing(false);
}

TEST(destroy_is_refused_in_a_release_operation_of_any_thread, "dcache_destroy")
{
	destroy_while_releasing(true);
}

#ifdef DCACHE_DEBUG

static bool is_absent(struct dentry *parent, const struct qstr *name)
{
	struct dentry *found = d_lookup(parent, name);

	dput(found);
	return !found;
}

TEST(a_released_instance_goes_with_its_last_entry, "dcache_release")
{
	long before = dc_live_allocations();
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *entry, *found;

	dput(tree_add(&tree, dir, NAME("kept"), INODE_REGULAR));
	dput(tree.root);
	dcache_release(tree.dc);
	/* What is referenced works as ever, but nothing is kept any more. */
	entry = d_alloc_parallel(dir, COLD, NULL);
	CHECK_EQ(d_add(entry, NULL), 0);
	found = d_lookup(dir, COLD);
	CHECK(found == entry);
	dput(found);
	dput(entry);
	CHECK(is_absent(dir, COLD));
	CHECK(EVENTUALLY(is_absent(dir, NAME("kept"))));
	dput(dir);
	CHECK(EVENTUALLY(dc_live_allocations() == before));
	CHECK_EQ(atomic_load(&tree_inodes_released), atomic_load(&tree_inodes_made));
}

TEST(a_released_instance_goes_with_its_last_inode, "dcache_release")
{
	long before = dc_live_allocations();
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);

	dput(tree.root);
	dcache_release(tree.dc);
	test_sleep_ms(20);
	iput(inode);
	CHECK(EVENTUALLY(dc_live_allocations() == before));
}

TEST(an_unused_instance_is_released_at_once, "dcache_release")
{
	long before = dc_live_allocations();
	struct tree tree = tree_begin(NULL, NULL);

	dput(tree_add(&tree, tree.root, COLD, INODE_REGULAR));
	dput(tree.root);
	dcache_release(tree.dc);
	CHECK(EVENTUALLY(dc_live_allocations() == before));
	CHECK_EQ(atomic_load(&tree_inodes_released), 2);
}

TEST(a_released_instance_outlives_a_lookup, "dcache_release d_lookup_detach")
{
	long before = dc_live_allocations();
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *entry = d_alloc_parallel(tree.root, COLD, NULL);

	dput(tree.root);
	dcache_release(tree.dc);
	test_sleep_ms(20);
	CHECK(d_in_lookup(entry));
	CHECK_EQ(d_lookup_fail(entry, -EIO), 0);
	dput(entry);
	CHECK(EVENTUALLY(dc_live_allocations() == before));
}

#endif /* DCACHE_DEBUG */

/* ---- inodes ---- */

static _Atomic int evictions, releases;
static void *released_private;

static void note_evict(struct inode *inode)
{
	CHECK(inode_private(inode) == &evictions);
	CHECK(!igrab(inode));
	atomic_fetch_add(&evictions, 1);
}

static void note_release(struct inode *inode)
{
	released_private = inode_private(inode);
	atomic_fetch_add(&releases, 1);
}

TEST(an_inode_is_evicted_at_once_and_released_later, "new_inode iput igrab ihold")
{
	static const struct inode_operations ops = { .evict = note_evict, .release = note_release };
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = new_inode(tree.dc, 77, INODE_SPECIAL, &ops, &evictions);

	atomic_store(&evictions, 0);
	atomic_store(&releases, 0);
	CHECK_EQ(inode_number(inode), 77);
	CHECK_EQ(inode_get_type(inode), INODE_SPECIAL);
	CHECK(inode_dcache(inode) == tree.dc);
	CHECK(igrab(inode) == inode);
	iput(inode);
	ihold(inode);
	iput(inode);
	CHECK_EQ(atomic_load(&evictions), 0);
	dcache_read_lock();
	iput(inode);
	CHECK_EQ(atomic_load(&evictions), 1);
	/* Readers may still see it. */
	test_sleep_ms(20);
	CHECK_EQ(atomic_load(&releases), 0);
	CHECK(!igrab(inode));
	CHECK_EQ(inode_number(inode), 77);
	dcache_read_unlock();
	dcache_barrier(tree.dc);
	CHECK_EQ(atomic_load(&releases), 1);
	CHECK(released_private == &evictions);
	iput(NULL);
	iput(ERR_PTR(-EIO));
	CHECK_ERR(new_inode(tree.dc, 1, (enum inode_type)0, &ops, NULL), -EINVAL);
	CHECK_ERR(new_inode(tree.dc, 1, (enum inode_type)5, &ops, NULL), -EINVAL);
	CHECK_EQ(atomic_load(&releases), 1);
	tree_end(&tree);
}

/* ---- the directory lock ---- */

TEST(trylocks_of_a_directory, "inode_lock")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *dir = d_inode(tree.root);

	inode_lock_shared(dir);
	CHECK(inode_trylock_shared(dir));
	CHECK(!inode_trylock(dir));
	inode_unlock_shared(dir);
	CHECK(!inode_trylock(dir));
	inode_unlock_shared(dir);
	CHECK(inode_trylock(dir));
	CHECK(!inode_trylock(dir));
	CHECK(!inode_trylock_shared(dir));
	inode_unlock(dir);
	inode_lock(dir);
	inode_unlock(dir);
	tree_end(&tree);
}

struct locker {
	struct inode *dir;
	_Atomic long *turns;
	_Atomic bool *stop;
	long turn;
};

static void *write_once(void *arg)
{
	struct locker *self = arg;

	inode_lock(self->dir);
	self->turn = atomic_fetch_add(self->turns, 1);
	inode_unlock(self->dir);
	return NULL;
}

static void *read_once(void *arg)
{
	struct locker *self = arg;

	inode_lock_shared(self->dir);
	self->turn = atomic_fetch_add(self->turns, 1);
	inode_unlock_shared(self->dir);
	return NULL;
}

TEST(who_waits_for_a_directory_is_not_overtaken, "inode_lock")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *dir = d_inode(tree.root);
	_Atomic long turns = 0;
	struct locker writer = { .dir = dir, .turns = &turns };
	struct locker reader = { .dir = dir, .turns = &turns };
	pthread_t threads[2];

	inode_lock_shared(dir);
	threads[0] = test_thread(write_once, &writer);
	/* As soon as the writer queues, nobody enters by the side. */
	CHECK(EVENTUALLY(!inode_trylock_shared(dir) || (inode_unlock_shared(dir), false)));
	threads[1] = test_thread(read_once, &reader);
	test_sleep_ms(10);
	CHECK_EQ(atomic_load(&turns), 0);
	inode_unlock_shared(dir);
	test_join(threads[0]);
	test_join(threads[1]);
	CHECK_EQ(writer.turn, 0);
	CHECK_EQ(reader.turn, 1);
	tree_end(&tree);
}

static void *read_for_ever(void *arg)
{
	struct locker *self = arg;

	while (!atomic_load(self->stop)) {
		inode_lock_shared(self->dir);
		usleep(200);
		inode_unlock_shared(self->dir);
	}
	return NULL;
}

TEST(a_stream_of_readers_does_not_starve_a_writer, "inode_lock")
{
	struct tree tree = tree_begin(NULL, NULL);
	_Atomic bool stop = false;
	_Atomic long turns = 0;
	struct locker locker = { .dir = d_inode(tree.root), .turns = &turns, .stop = &stop };
	pthread_t readers[6];
	int i;

	for (i = 0; i < 6; i++)
		readers[i] = test_thread(read_for_ever, &locker);
	for (i = 0; i < 20; i++)
		write_once(&locker);
	atomic_store(&stop, true);
	for (i = 0; i < 6; i++)
		test_join(readers[i]);
	CHECK_EQ(atomic_load(&turns), 20);
	tree_end(&tree);
}

struct counted {
	struct inode *dir;
	long value;
	_Atomic int inside;
};

static void *count_up(void *arg)
{
	struct counted *counted = arg;
	int i;

	for (i = 0; i < 5000; i++) {
		if (i % 4) {
			inode_lock_shared(counted->dir);
			CHECK_EQ(atomic_load(&counted->inside), 0);
			inode_unlock_shared(counted->dir);
		} else {
			inode_lock(counted->dir);
			atomic_fetch_add(&counted->inside, 1);
			counted->value++;
			CHECK_EQ(atomic_fetch_sub(&counted->inside, 1), 1);
			inode_unlock(counted->dir);
		}
	}
	return NULL;
}

TEST(a_writer_is_alone, "inode_lock")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct counted counted = { .dir = d_inode(tree.root) };
	pthread_t threads[4];
	int i;

	for (i = 0; i < 4; i++)
		threads[i] = test_thread(count_up, &counted);
	for (i = 0; i < 4; i++)
		test_join(threads[i]);
	CHECK_EQ(counted.value, 4 * 1250);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

static void unlock_what_is_not_locked(void)
{
	struct tree tree = tree_begin(NULL, NULL);

	inode_unlock(d_inode(tree.root));
}

static void unlock_shared_what_is_not_locked(void)
{
	struct tree tree = tree_begin(NULL, NULL);

	inode_unlock_shared(d_inode(tree.root));
}

static void put_inode_once_too_often(void)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);

	dcache_read_lock();
	iput(inode);
	iput(inode);
}

TEST(broken_rules_of_inodes_stop_a_checked_build, "inode_lock iput")
{
	CHECK(stops_with(unlock_what_is_not_locked, "inode_unlock: the lock is held"));
	CHECK(stops_with(unlock_shared_what_is_not_locked,
			 "inode_unlock_shared: the lock is held"));
	CHECK(stops_with(put_inode_once_too_often, "iput: the inode is referenced"));
}

#endif
