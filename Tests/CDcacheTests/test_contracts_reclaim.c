/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Room: limits and shrinking; and when what was freed is given back. */
#include "harness.h"
#include "internal.h"

#define COLD NAME("cold")

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

static void *make_one(void *root)
{
	return d_alloc(root, NAME("new"));
}

/* Who makes room takes the next one. */
TEST(a_victim_that_is_found_meanwhile_is_no_room, "max_entries")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct gate isolated = { 0 };
	struct dentry *dentry;
	pthread_t maker;
	struct tree tree;
	void *made;

	opts.max_entries = 2;
	tree = tree_begin(&opts, NULL);
	dentry = tree_add(&tree, tree.root, COLD, 0);
	dput(dentry);
	gate_arm(&isolated, DC_S1, dentry, 1);
	maker = test_thread(make_one, tree.root);
	CHECK(gate_wait(&isolated, 1));
	CHECK(d_lookup(tree.root, COLD) == dentry);
	gate_open(&isolated);
	CHECK(!pthread_join(maker, &made));
	CHECK_EQ(d_count(dentry), 1);
	CHECK_EQ(tree_stats(&tree).over_limit, 1);
	CHECK_EQ(tree_stats(&tree).evicted, 0);
	dput(dentry);
	dput(made);
	tree_end(&tree);
}

#endif

/* ---- giving back ---- */

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
