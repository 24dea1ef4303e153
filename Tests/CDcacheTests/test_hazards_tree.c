/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walks, shrinkers and invalidations against each other and everybody else; trees that are very wide or
 * very deep.
 *
 * DCACHE_TEST_ENTRIES (200 000) is how many entries a large tree has, DCACHE_TEST_CHAIN (100 000) how
 * many levels a deep one; a tenth of that where a sanitizer watches. docs/verification.md has the longer
 * runs.
 */
#include <limits.h>

#include "harness.h"
#include "internal.h"

static int setting(const char *name, int otherwise)
{
	const char *value = getenv(name);

#ifdef TEST_SANITIZED
	otherwise /= 10;
#endif
	return value ? atoi(value) : otherwise;
}

static struct qstr numbered(char buf[16], int i)
{
	return qstr_init(buf, (size_t)snprintf(buf, 16, "n%d", i));
}

/* Hashed, unused: negatives, and a file for each @file_every. */
static void fill(struct tree *tree, struct dentry *dir, int n, int file_every)
{
	char name[16];
	int i;

	for (i = 0; i < n; i++) {
		struct qstr q = numbered(name, i);

		dput(tree_add(tree, dir, &q, i % file_every ? 0 : INODE_REGULAR));
	}
}

static enum d_walk_ret count_visit(struct dentry *dentry, void *data)
{
	(void)dentry;
	(*(long *)data)++;
	return D_WALK_CONTINUE;
}

/* A tree with buckets for so many, so that building it does not take longer than what is tested. */
static struct tree large_tree_begin(int n)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;

	opts.hash_buckets = (size_t)n;
	return tree_begin(&opts, NULL);
}

/* ---- several at once ---- */

struct crowd {
	struct tree tree;
	struct dentry *dir;
	_Atomic bool stop;
	_Atomic long turns;
	_Atomic long freed;
	_Atomic long collisions;
};

static void *shrink_dir(void *data)
{
	struct crowd *crowd = data;

	atomic_fetch_add(&crowd->freed, shrink_dcache_parent(crowd->dir));
	return NULL;
}

static void *invalidate_dir(void *data)
{
	struct crowd *crowd = data;

	CHECK_EQ(d_invalidate(crowd->dir), 0);
	return NULL;
}

static void *walk_until_stopped(void *data)
{
	struct crowd *crowd = data;

	while (!atomic_load(&crowd->stop)) {
		long visited = 0;

		CHECK_EQ(d_walk(crowd->tree.root, count_visit, &visited), 0);
		CHECK(visited >= 2);
		atomic_fetch_add(&crowd->turns, 1);
	}
	return NULL;
}

static void *look_up_until_stopped(void *data)
{
	struct crowd *crowd = data;
	unsigned int seed = (unsigned int)atomic_fetch_add(&crowd->turns, 1);
	char name[16];

	while (!atomic_load(&crowd->stop)) {
		struct qstr q = numbered(name, rand_r(&seed) % 300);
		struct dentry *found = d_lookup(crowd->dir, &q);

		if (found && (seed >> 16) % 4 == 0)
			dput(dget(found));
		dput(found);
		atomic_fetch_add(&crowd->turns, 1);
	}
	return NULL;
}

static struct crowd crowd_begin(int n)
{
	struct crowd crowd = { .tree = large_tree_begin(n) };

	crowd.dir = tree_add(&crowd.tree, crowd.tree.root, NAME("dir"), INODE_DIRECTORY);
	fill(&crowd.tree, crowd.dir, n, 4);
	return crowd;
}

TEST(two_shrinkers_and_a_walker_come_to_an_end, "H30")
{
	struct crowd crowd = crowd_begin(20000);
	pthread_t walker = test_thread(walk_until_stopped, &crowd);
	pthread_t shrinkers[2];
	int i;

	CHECK(EVENTUALLY(atomic_load(&crowd.turns) > 0));
	for (i = 0; i < 2; i++)
		shrinkers[i] = test_thread(shrink_dir, &crowd);
	for (i = 0; i < 2; i++)
		test_join(shrinkers[i]);
	atomic_store(&crowd.stop, true);
	test_join(walker);
	/* What the walker held when they came by is left. */
	atomic_fetch_add(&crowd.freed, shrink_dcache_parent(crowd.dir));
	CHECK_EQ(atomic_load(&crowd.freed), 20000);
	CHECK_EQ(tree_stats(&crowd.tree).entries, 2);
	dput(crowd.dir);
	tree_end(&crowd.tree);
}

TEST(many_invalidate_one_directory, "H31")
{
	struct crowd crowd = { .tree = tree_begin(NULL, NULL) };
	pthread_t threads[32], lookers[4];
	int round, i;

	for (round = 0; round < 20; round++) {
		atomic_store(&crowd.stop, false);
		crowd.dir = tree_add(&crowd.tree, crowd.tree.root, NAME("dir"), INODE_DIRECTORY);
		fill(&crowd.tree, crowd.dir, 300, 3);
		for (i = 0; i < 4; i++)
			lookers[i] = test_thread(look_up_until_stopped, &crowd);
		for (i = 0; i < 32; i++)
			threads[i] = test_thread(invalidate_dir, &crowd);
		for (i = 0; i < 32; i++)
			test_join(threads[i]);
		atomic_store(&crowd.stop, true);
		for (i = 0; i < 4; i++)
			test_join(lookers[i]);
		/* Nothing lingers. */
		CHECK_EQ(tree_stats(&crowd.tree).entries, 2);
		dput(crowd.dir);
		CHECK_EQ(tree_stats(&crowd.tree).entries, 1);
	}
	tree_end(&crowd.tree);
}

/* ---- held at a point ---- */

#ifdef DCACHE_DEBUG

static void *put_it(void *dentry)
{
	dput(dentry);
	return NULL;
}

static void pass_by_a_killer(enum dc_point point)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *dying = tree_add(&tree, dir, NAME("dying"), INODE_REGULAR);
	struct gate gate = { 0 };
	pthread_t killer;
	long visited = 0;

	dput(tree_add(&tree, dir, NAME("other"), 0));
	d_drop(dying);
	gate_arm(&gate, point, dying, 1);
	killer = test_thread(put_it, dying);
	REQUIRE(gate_wait(&gate, 1));
	/* It is in the list, and nobody waits for it. */
	CHECK_EQ(d_walk(tree.root, count_visit, &visited), 0);
	CHECK_EQ(visited, 3);
	CHECK_EQ(shrink_dcache_parent(tree.root), 1);
	CHECK_EQ(d_invalidate(dir), 0);
	d_invalidate_deferred(dir);
	dcache_barrier(tree.dc);
	gate_open(&gate);
	test_join(killer);
	dput(dir);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(nobody_waits_for_a_killer, "H36")
{
	CHECK(test_one_cpu());
	pass_by_a_killer(DC_K2);
}

TEST(nobody_waits_for_a_killer_to_leave_the_list, "H36")
{
	CHECK(test_one_cpu());
	pass_by_a_killer(DC_K3);
}

TEST(a_victim_that_comes_back_to_life_is_not_looked_for_again, "H37")
{
	struct crowd crowd = crowd_begin(0);
	struct dentry *dentry = tree_add(&crowd.tree, crowd.dir, NAME("n"), 0);
	struct gate gate = { 0 };
	pthread_t shrinker;

	dput(dentry);
	gate_arm(&gate, DC_S1, dentry, 1);
	shrinker = test_thread(shrink_dir, &crowd);
	REQUIRE(gate_wait(&gate, 1));
	CHECK(d_lookup(crowd.dir, NAME("n")) == dentry);
	gate_open(&gate);
	test_join(shrinker);
	CHECK_EQ(atomic_load(&crowd.freed), 0);
	CHECK_EQ(point_count(DC_S1), 1);
	CHECK(!d_unhashed(dentry) && d_count(dentry) == 1);
	CHECK_EQ(shrink_dcache_parent(crowd.dir), 0);
	dput(dentry);
	CHECK_EQ(shrink_dcache_parent(crowd.dir), 1);
	CHECK_EQ(point_count(DC_S1), 2);
	dput(crowd.dir);
	tree_end(&crowd.tree);
}

TEST(the_directory_of_a_victim_is_let_go_of_meanwhile, "H32")
{
	struct crowd crowd = crowd_begin(0);
	struct dentry *sub = tree_add(&crowd.tree, crowd.dir, NAME("sub"), INODE_DIRECTORY);
	struct dentry *dentry = tree_add(&crowd.tree, sub, NAME("n"), INODE_REGULAR);
	struct gate gate = { 0 };
	pthread_t shrinker;

	dput(dentry);
	gate_arm(&gate, DC_S1, dentry, 1);
	shrinker = test_thread(shrink_dir, &crowd);
	REQUIRE(gate_wait(&gate, 1));
	/* All but the shrinker let go of it. */
	CHECK_EQ(d_invalidate(sub), 0);
	dput(sub);
	CHECK_EQ(tree_stats(&crowd.tree).entries, 4);
	gate_open(&gate);
	test_join(shrinker);
	CHECK_EQ(atomic_load(&crowd.freed), 2);
	CHECK_EQ(tree_stats(&crowd.tree).entries, 2);
	dput(crowd.dir);
	tree_end(&crowd.tree);
}

TEST(what_is_found_below_an_invalidated_victim_does_not_linger, "H37 d_invalidate")
{
	struct crowd crowd = crowd_begin(0);
	struct dentry *dentry = tree_add(&crowd.tree, crowd.dir, NAME("n"), 0);
	struct gate gate = { 0 };
	pthread_t thread;

	dput(dentry);
	gate_arm(&gate, DC_S1, dentry, 1);
	thread = test_thread(invalidate_dir, &crowd);
	REQUIRE(gate_wait(&gate, 1));
	CHECK(d_lookup(crowd.dir, NAME("n")) == dentry);
	gate_open(&gate);
	test_join(thread);
	CHECK(!d_unhashed(dentry));
	dput(dentry);
	CHECK_EQ(tree_stats(&crowd.tree).entries, 2);
	dput(crowd.dir);
	tree_end(&crowd.tree);
}

#endif

/* ---- very wide ---- */

/* Lookups, inserts and removals in the directory that others are at. */
static void *use_until_stopped(void *data)
{
	struct crowd *crowd = data;
	unsigned int seed = 1;
	char name[16];

	while (!atomic_load(&crowd->stop)) {
		struct qstr q = numbered(name, 1000000 + rand_r(&seed) % 100);
		struct dentry *dentry = d_lookup(crowd->dir, &q);

		if (!dentry) {
			dentry = d_alloc(crowd->dir, &q);
			if (!CHECK(!IS_ERR(dentry)))
				break;
			/* Another user may have been faster. */
			if (d_add(dentry, NULL) == -EEXIST)
				atomic_fetch_add(&crowd->collisions, 1);
		} else if (seed >> 16 & 1) {
			d_drop(dentry);
		}
		dput(dentry);
		q = numbered(name, rand_r(&seed) % 1000);
		dput(d_lookup(crowd->dir, &q));
		atomic_fetch_add(&crowd->turns, 1);
	}
	return NULL;
}

static bool others_go_on(struct crowd *crowd)
{
	long before = atomic_load(&crowd->turns);

	return EVENTUALLY(atomic_load(&crowd->turns) > before + 100);
}

static enum d_walk_ret stop_now_and_then(struct dentry *dentry, void *data)
{
	struct crowd *crowd = data;
	static _Thread_local long visited;

	(void)dentry;
	if (++visited % 10000 == 0)
		CHECK(others_go_on(crowd));
	return D_WALK_CONTINUE;
}

TEST(others_go_on_in_a_directory_that_is_walked, "H42")
{
	struct crowd crowd = crowd_begin(setting("DCACHE_TEST_ENTRIES", 200000));
	pthread_t threads[2];
	int i;

	for (i = 0; i < 2; i++)
		threads[i] = test_thread(use_until_stopped, &crowd);
	CHECK_EQ(d_walk(crowd.dir, stop_now_and_then, &crowd), 0);
	CHECK_EQ(d_for_each_child(crowd.dir, stop_now_and_then, &crowd), 0);
	atomic_store(&crowd.stop, true);
	for (i = 0; i < 2; i++)
		test_join(threads[i]);
	dput(crowd.dir);
	tree_end(&crowd.tree);
}

#ifdef DCACHE_DEBUG

/* @take_away is stopped when it is about to free an entry, with others taken. */
static void others_go_on_meanwhile(void *(*take_away)(void *data))
{
	struct crowd crowd = crowd_begin(10000);
	struct gate gate = { 0 };
	pthread_t users[2], thread;
	struct dentry *middle;
	int i;

	middle = d_lookup(crowd.dir, NAME("n5000"));
	dput(middle);
	gate_arm(&gate, DC_S1, middle, 1);
	for (i = 0; i < 2; i++)
		users[i] = test_thread(use_until_stopped, &crowd);
	/* Names below 1000 are used meanwhile: they may or may not be there. */
	thread = test_thread(take_away, &crowd);
	REQUIRE(gate_wait(&gate, 1));
	CHECK(others_go_on(&crowd));
	gate_open(&gate);
	test_join(thread);
	CHECK(others_go_on(&crowd));
	atomic_store(&crowd.stop, true);
	for (i = 0; i < 2; i++)
		test_join(users[i]);
	CHECK(tree_stats(&crowd.tree).entries < 2000);
	dput(crowd.dir);
	tree_end(&crowd.tree);
}

static void *invalidate_dir_later(void *data)
{
	struct crowd *crowd = data;

	d_invalidate_deferred(crowd->dir);
	dcache_barrier(crowd->tree.dc);
	return NULL;
}

TEST(others_go_on_in_a_directory_that_is_shrunk, "H42")
{
	others_go_on_meanwhile(shrink_dir);
}

TEST(others_go_on_in_a_directory_that_is_invalidated, "H42")
{
	others_go_on_meanwhile(invalidate_dir);
}

TEST(others_go_on_in_a_directory_that_is_invalidated_later, "H42")
{
	others_go_on_meanwhile(invalidate_dir_later);
}

#endif

static _Atomic bool let_go_of;
static _Atomic long evicted, released, most_pending;

static void evict_after_the_call(struct inode *inode)
{
	long pending = atomic_fetch_add(&evicted, 1) + 1 - atomic_load(&released);

	(void)inode;
	/* The caller is back before the first is gone. */
	CHECK(EVENTUALLY(atomic_load(&let_go_of)));
	if (pending > atomic_load(&most_pending))
		atomic_store(&most_pending, pending);
}

static void count_release(struct inode *inode)
{
	(void)inode;
	atomic_fetch_add(&released, 1);
}

TEST(a_large_instance_is_let_go_of_at_once, "H42 H50 dcache_release")
{
	static const struct inode_operations ops = { .evict = evict_after_the_call,
						     .release = count_release };
	int n = setting("DCACHE_TEST_ENTRIES", 200000), i;
	struct tree tree;
	char name[16];

	atomic_store(&let_go_of, false);
	atomic_store(&evicted, 0);
	atomic_store(&released, 0);
	atomic_store(&most_pending, 0);
	tree = large_tree_begin(n);
	for (i = 0; i < n; i++) {
		struct qstr q = numbered(name, i);
		struct dentry *dentry = d_alloc(tree.root, &q);

		CHECK_EQ(d_add(dentry, new_inode(tree.dc, 1, INODE_REGULAR, &ops, NULL)), 0);
		dput(dentry);
	}
	dput(tree.root);
	dcache_release(tree.dc);
	atomic_store(&let_go_of, true);
	CHECK(EVENTUALLY(atomic_load(&released) == n));
	CHECK(atomic_load(&most_pending) <= 65536 + 1024);
#ifdef DCACHE_DEBUG
	CHECK(EVENTUALLY(dc_live_allocations() == tree.allocations_before));
#endif
}

/* What a deferred invalidation frees waits within the same bound. */
TEST(what_is_freed_in_the_background_is_bounded, "H50 d_invalidate_deferred")
{
	int n = setting("DCACHE_TEST_ENTRIES", 200000);
	struct crowd crowd = crowd_begin(n);
	uint64_t most = 0;

	d_invalidate_deferred(crowd.dir);
	while (tree_stats(&crowd.tree).entries > 2) {
		uint64_t pending = tree_stats(&crowd.tree).pending_frees;

		most = pending > most ? pending : most;
		usleep(100);
	}
	CHECK(most <= 65536 + 2048);
	dput(crowd.dir);
	tree_end(&crowd.tree);
}

/* ---- very deep ---- */

struct chain {
	struct tree tree;
	struct dentry *top, *bottom;
	int levels;
};

/* Each level pins the one above; the bottom is the caller's. */
static struct chain chain_begin(bool dropped)
{
	struct chain chain = { .levels = setting("DCACHE_TEST_CHAIN", 100000) };
	struct dentry *at;
	int i;

	chain.tree = large_tree_begin(chain.levels);
	at = tree_add(&chain.tree, chain.tree.root, NAME("top"), INODE_DIRECTORY);
	chain.top = dget(at);
	for (i = 1; i < chain.levels; i++) {
		struct dentry *below = tree_add(&chain.tree, at, NAME("d"), INODE_DIRECTORY);

		if (dropped)
			d_drop(at);
		dput(at);
		at = below;
	}
	if (dropped)
		d_drop(at);
	chain.bottom = at;
	return chain;
}

static void chain_end(struct chain *chain)
{
	CHECK_EQ(tree_stats(&chain->tree).entries, 1);
	tree_end(&chain->tree);
}

/* On a stack that recursion through the levels would overflow. */
static void on_a_small_stack(void *(*run)(void *), struct chain *chain)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
#ifdef TEST_SANITIZED
	pthread_attr_setstacksize(&attr, 1 << 20);
#else
	pthread_attr_setstacksize(&attr, 1 << 16);
#endif
	if (CHECK(!pthread_create(&thread, &attr, run, chain)))
		pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
}

static void *put_bottom(void *data)
{
	struct chain *chain = data;

	dput(chain->bottom);
	return NULL;
}

static void *walk_chain(void *data)
{
	struct chain *chain = data;
	long visited = 0;

	CHECK_EQ(d_walk(chain->tree.root, count_visit, &visited), 0);
	CHECK_EQ(visited, chain->levels + 1);
	return NULL;
}

static void *shrink_chain(void *data)
{
	struct chain *chain = data;

	dput(chain->top);
	CHECK_EQ(shrink_dcache_parent(chain->tree.root), 0);
	dput(chain->bottom);
	CHECK_EQ(shrink_dcache_parent(chain->tree.root), chain->levels);
	return NULL;
}

static void *invalidate_chain(void *data)
{
	struct chain *chain = data;

	/* In use at the bottom: all is marked, and goes with the last put. */
	CHECK_EQ(d_invalidate(chain->top), 0);
	dput(chain->top);
	CHECK_EQ(tree_stats(&chain->tree).entries, chain->levels + 1);
	dput(chain->bottom);
	return NULL;
}

static void *invalidate_chain_later(void *data)
{
	struct chain *chain = data;

	dput(chain->bottom);
	d_invalidate_deferred(chain->top);
	dput(chain->top);
	dcache_barrier(chain->tree.dc);
	return NULL;
}

TEST(the_last_put_of_a_deep_chain, "H44")
{
	struct chain chain = chain_begin(true);

	dput(chain.top);
	on_a_small_stack(put_bottom, &chain);
	chain_end(&chain);
}

TEST(a_deep_chain_is_walked_and_shrunk, "H44 d_walk shrink_dcache_parent")
{
	struct chain chain = chain_begin(false);

	on_a_small_stack(walk_chain, &chain);
	on_a_small_stack(shrink_chain, &chain);
	chain_end(&chain);
}

TEST(a_deep_chain_is_invalidated, "H44 d_invalidate")
{
	struct chain chain = chain_begin(false);

	on_a_small_stack(invalidate_chain, &chain);
	chain_end(&chain);
	chain = chain_begin(false);
	on_a_small_stack(invalidate_chain_later, &chain);
	chain_end(&chain);
}
