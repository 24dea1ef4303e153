/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Instances: settings, limits, destroy and release; inodes and the directory lock. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pthread_setattr_default_np() */
#endif
#include "harness.h"
#include "internal.h"

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
	opts.hash_buckets = ((size_t)1 << 30) + 1;
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
	CHECK(stats.bytes > 65536 * 8);
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

/* ---- limits ---- */

static void add_numbered(struct tree *tree, int from, int to)
{
	int i;

	for (i = from; i < to; i++) {
		char name[16];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "n%d", i));

		dput(tree_add(tree, tree->root, &q, 0));
	}
}

TEST(the_number_of_entries_is_bounded, "max_entries")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *held[50];
	struct tree tree;
	int i;

	opts.max_entries = 100;
	tree = tree_begin(&opts, NULL);
	add_numbered(&tree, 0, 5000);
	CHECK(tree_stats(&tree).entries <= 101);
	CHECK_EQ(tree_stats(&tree).evicted, 5001 - tree_stats(&tree).entries);
	/* What is in use is never freed. */
	for (i = 0; i < 50; i++) {
		char name[16];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "h%d", i));

		held[i] = tree_add(&tree, tree.root, &q, INODE_REGULAR);
	}
	add_numbered(&tree, 0, 5000);
	CHECK(tree_stats(&tree).entries <= 101);
	for (i = 0; i < 50; i++) {
		CHECK(d_is_positive(held[i]) && !d_unhashed(held[i]));
		dput(held[i]);
	}
	tree_end(&tree);
}

TEST(shrinking_spares_once_what_was_used_again, "shrink_dcache")
{
	struct tree tree = tree_begin(NULL, NULL);
	int i;

	add_numbered(&tree, 0, 100);
	for (i = 0; i < 2; i++) {
		struct dentry *used = d_lookup(tree.root, NAME("n50"));

		CHECK(used);
		dput(used);
		/* All others were used once only. */
		if (!i) {
			CHECK_EQ(shrink_dcache(tree.dc, 99), 99);
			CHECK_EQ(tree_stats(&tree).entries, 2);
		}
	}
	CHECK_EQ(shrink_dcache(tree.dc, 1), 1);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	CHECK_EQ(tree_stats(&tree).evicted, 100);
	CHECK_EQ(shrink_dcache(tree.dc, 1), 0);
	CHECK_EQ(shrink_dcache(tree.dc, 0), 0);
	tree_end(&tree);
}

static unsigned int lru_shard_of(const struct dentry *dentry)
{
	return d_flags(dentry) >> DCACHE_LRU_SHARD_SHIFT;
}

/* An unused entry whose LRU shard is @shard, or any if that is -1. Its name is made in @bytes, from the
 * number *@next on; *@next: one more. */
static struct qstr add_to_shard(struct tree *tree, int *shard, char bytes[12], int *next)
{
	for (;;) {
		int len = snprintf(bytes, 12, "n%d", (*next)++);
		struct qstr name = qstr_init(bytes, (size_t)len);
		struct dentry *dentry = tree_add(tree, tree->root, &name, INODE_REGULAR);
		bool right = *shard < 0 || lru_shard_of(dentry) == (unsigned int)*shard;

		*shard = *shard < 0 ? (int)lru_shard_of(dentry) : *shard;
		if (!right)
			d_drop(dentry);
		dput(dentry);
		if (right)
			return name;
	}
}

TEST(what_is_used_after_it_was_spared_is_spared_again, "shrink_dcache")
{
	struct tree tree = tree_begin(NULL, NULL);
	char used_bytes[12], other_bytes[12];
	int shard = -1, next = 0, round, i;
	struct qstr used = add_to_shard(&tree, &shard, used_bytes, &next), other;

	for (i = 0; i < 2; i++)
		dput(d_lookup(tree.root, &used));
	for (round = 0; round < 2; round++) {
		other = add_to_shard(&tree, &shard, other_bytes, &next);
		CHECK_EQ(shrink_dcache(tree.dc, 1), 1);
		CHECK(!d_lookup(tree.root, &other));
		dput(d_lookup(tree.root, &used));
		CHECK_EQ(tree_stats(&tree).entries, 2);
	}
	tree_end(&tree);
}

TEST(what_was_freed_is_given_back_by_itself, "dcache_barrier")
{
	struct tree tree = tree_begin(NULL, NULL);
	int i;

	for (i = 0; i < 100; i++) {
		uint64_t until = test_now_ns() + test_patience_ns();

		iput(new_inode(tree.dc, 1, INODE_REGULAR, NULL, NULL));
		/* Without a pause, so that the next is freed while the thread falls asleep. */
		while (tree_stats(&tree).pending_frees && test_now_ns() < until)
			;
		if (!CHECK(!tree_stats(&tree).pending_frees))
			break;
		/* Sometimes when it is asleep. */
		usleep(i % 10 ? 0 : 1000);
	}
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

TEST(what_is_put_as_the_thread_falls_asleep_wakes_it, "dcache_barrier")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct gate gate;

	gate_arm(&gate, DC_R1, &tree.dc->reclaim, 1);
	/* It may be asleep already. */
	iput(new_inode(tree.dc, 1, INODE_REGULAR, NULL, NULL));
	REQUIRE(gate_wait(&gate, 1));
	iput(new_inode(tree.dc, 1, INODE_REGULAR, NULL, NULL));
	gate_open(&gate);
	CHECK(EVENTUALLY(!tree_stats(&tree).pending_frees));
	tree_end(&tree);
}

static void *put_entry(void *dentry)
{
	dput(dentry);
	return NULL;
}

TEST(an_instance_let_go_of_stays_to_the_end_of_the_last_put, "dcache_release")
{
	long before = dc_live_allocations();
	struct tree tree = tree_begin(NULL, NULL);
	pthread_t thread;
	struct gate gate;

	dcache_release(tree.dc);
	gate_arm(&gate, DC_K4, tree.root, 1);
	thread = test_thread(put_entry, tree.root);
	REQUIRE(gate_wait(&gate, 1));
	usleep(100000);
	/* The instance and its two tables. */
	CHECK(dc_live_allocations() - before >= 3);
	gate_open(&gate);
	test_join(thread);
	CHECK(EVENTUALLY(dc_live_allocations() == before));
}

#endif

static _Atomic int slowly_released;

static void release_slowly(struct inode *inode)
{
	(void)inode;
	usleep(20000);
	atomic_fetch_add(&slowly_released, 1);
}

TEST(a_barrier_waits_for_what_is_being_released, "dcache_barrier")
{
	static const struct inode_operations ops = { .release = release_slowly };
	struct tree tree = tree_begin(NULL, NULL);
	int i;

	atomic_store(&slowly_released, 0);
	for (i = 1; i <= 5; i++) {
		iput(new_inode(tree.dc, 1, INODE_REGULAR, &ops, NULL));
		/* Long enough for the instance's thread to have begun. */
		usleep(8000);
		dcache_barrier(tree.dc);
		CHECK_EQ(atomic_load(&slowly_released), i);
	}
	tree_end(&tree);
}

TEST(shrinking_leaves_what_is_in_use, "shrink_dcache")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *sub = tree_add(&tree, dir, NAME("sub"), INODE_DIRECTORY);
	struct dentry *leaf = tree_add(&tree, sub, NAME("leaf"), 0);

	dput(dir);
	dput(sub);
	CHECK_EQ(shrink_dcache(tree.dc, 100), 0);
	CHECK_EQ(tree_stats(&tree).entries, 4);
	dput(leaf);
	/* Parents follow their last child. */
	CHECK_EQ(shrink_dcache(tree.dc, 100), 3);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

static void *shrink_one(void *dc)
{
	CHECK_EQ(shrink_dcache(dc, 1), 0);
	return NULL;
}

TEST(a_victim_that_is_found_meanwhile_stays, "shrink_dcache")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, 0);
	struct gate isolated = { 0 };
	pthread_t shrinker;

	dput(dentry);
	gate_arm(&isolated, DC_S1, dentry, 1);
	shrinker = test_thread(shrink_one, tree.dc);
	CHECK(gate_wait(&isolated, 1));
	CHECK(d_lookup(tree.root, COLD) == dentry);
	gate_open(&isolated);
	test_join(shrinker);
	CHECK_EQ(d_count(dentry), 1);
	CHECK(!d_unhashed(dentry));
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	tree_end(&tree);
}

#endif

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

/* Frees that come while a reader keeps grace periods from ending. */
static void *read_for_a_while(void *arg)
{
	_Atomic int *state = arg;

	dcache_read_lock();
	atomic_store(state, 1);
	while (atomic_load(state) == 1)
		usleep(1000);
	dcache_read_unlock();
	return NULL;
}

static _Atomic int reader_state;

static void *let_reader_go(void *arg)
{
	struct tree *tree = arg;

	/* So much waits now that whoever frees more waits with it. */
	CHECK(EVENTUALLY(tree_stats(tree).pending_frees > 65000));
	test_sleep_ms(20);
	atomic_store(&reader_state, 2);
	return NULL;
}

TEST(what_waits_to_be_freed_is_bounded, "dcache_stats iput")
{
	struct tree tree = tree_begin(NULL, NULL);
	uint64_t most = 0;
	pthread_t threads[2];
	int i;

	atomic_store(&reader_state, 0);
	threads[0] = test_thread(read_for_a_while, &reader_state);
	CHECK(EVENTUALLY(atomic_load(&reader_state) == 1));
	threads[1] = test_thread(let_reader_go, &tree);
	for (i = 0; i < 100000; i++) {
		uint64_t pending;

		iput(new_inode(tree.dc, 1, INODE_REGULAR, NULL, NULL));
		pending = tree_stats(&tree).pending_frees;
		most = pending > most ? pending : most;
	}
	test_join(threads[0]);
	test_join(threads[1]);
	CHECK(most > 65000 && most < 66000);
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).pending_frees, 0);
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

TEST(a_barrier_waits_for_names_too, "dcache_barrier")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dcache_stats stats;
	struct dentry *dentry = d_alloc(
		tree.root, NAME("a name of more than forty bytes has a block of its own"));

	REQUIRE(!IS_ERR(dentry));
	dput(dentry);
	dcache_barrier(tree.dc);
	dcache_get_stats(tree.dc, &stats);
	CHECK_EQ(stats.pending_frees, 0);
	CHECK_EQ(stats.entries, 1);
	tree_end(&tree);
}
