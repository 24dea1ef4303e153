/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits, shrinking, pressure, and reference counts that are full. */
#include "harness.h"
#include "internal.h"

#define COLD NAME("cold")

static struct qstr numbered(char bytes[16], const char *prefix, int number)
{
	return qstr_init(bytes, (size_t)snprintf(bytes, 16, "%s%d", prefix, number));
}

/* Adds, and puts, hashed entries of numbered names; @type 0: negatives. */
static void add(struct tree *tree, const char *prefix, int from, int to, int type)
{
	int i;

	for (i = from; i < to; i++) {
		char bytes[16];
		struct qstr name = numbered(bytes, prefix, i);

		dput(tree_add(tree, tree->root, &name, type));
	}
}

static uint64_t live_bytes(const struct tree *tree)
{
	struct dcache_stats stats = tree_stats(tree);

	return stats.bytes - stats.pending_bytes;
}

/* ---- limits ---- */

TEST(each_limit_holds_and_is_made_use_of, "max_entries max_negatives max_bytes")
{
	static const struct dcache_limits limits[] = {
		{ .max_entries = 10 },	   { .max_entries = 5000 },  { .max_negatives = 10 },
		{ .max_negatives = 5000 }, { .max_bytes = 1 << 20 }, { .max_bytes = 2 << 20 },
		{ 100, 50, 2 << 20 },
	};
	size_t l;

	for (l = 0; l < sizeof(limits) / sizeof(limits[0]); l++) {
		struct dcache_options opts = DCACHE_OPTIONS_INIT;
		uint64_t entries = 0, negatives = 0, bytes = 0;
		struct tree tree;
		int i;

		opts.hash_buckets = 256;
		opts.in_lookup_buckets = 16;
		opts.max_entries = limits[l].max_entries;
		opts.max_negatives = limits[l].max_negatives;
		opts.max_bytes = limits[l].max_bytes;
		tree = tree_begin(&opts, NULL);
		for (i = 0; i < 20000; i++) {
			struct dcache_stats stats;

			add(&tree, "n", i, i + 1, i % 4 ? 0 : INODE_REGULAR);
			stats = tree_stats(&tree);
			entries = stats.entries > entries ? stats.entries : entries;
			negatives = stats.negatives > negatives ? stats.negatives : negatives;
			bytes = live_bytes(&tree) > bytes ? live_bytes(&tree) : bytes;
			if (!CHECK(!stats.over_limit))
				break;
		}
		if (limits[l].max_entries)
			CHECK(entries <= limits[l].max_entries &&
			      entries >= limits[l].max_entries * 9 / 10);
		if (limits[l].max_negatives)
			CHECK(negatives <= limits[l].max_negatives &&
			      negatives >= limits[l].max_negatives * 9 / 10);
		if (limits[l].max_bytes && !limits[l].max_entries)
			CHECK(bytes <= limits[l].max_bytes &&
			      bytes >= limits[l].max_bytes * 85 / 100);
		tree_end(&tree);
	}
}

/* Positives that are in the way of nobody stay, however many negatives come. */
TEST(negatives_make_room_for_negatives, "max_negatives")
{
	const struct dcache_options opts = { .size = sizeof(opts), .max_negatives = 10 };
	struct tree tree = tree_begin(&opts, NULL);

	add(&tree, "p", 0, 500, INODE_REGULAR);
	add(&tree, "n", 0, 5000, 0);
	CHECK_EQ(tree_stats(&tree).negatives, 10);
	CHECK_EQ(tree_stats(&tree).entries, 511);
	tree_end(&tree);
}

/* Whatever makes a hashed negative. */
TEST(entries_that_turn_negative_are_bounded, "max_negatives d_delete d_rehash d_move d_splice_alias")
{
	const struct dcache_options opts = { .size = sizeof(opts), .max_negatives = 10 };
	struct tree tree = tree_begin(&opts, NULL);
	int i;

	for (i = 0; i < 300; i++) {
		char bytes[16];
		struct qstr name = numbered(bytes, "d", i);
		struct dentry *dentry = tree_add(&tree, tree.root, &name, INODE_REGULAR);

		/* On the list of positives. */
		dput(dentry);
		dentry = d_lookup(tree.root, &name);
		d_delete(dentry);
		CHECK(d_is_negative(dentry) && !d_unhashed(dentry));
		CHECK(tree_stats(&tree).negatives <= 10);
		if (i % 3 == 0) {
			d_drop(dentry);
			CHECK(tree_stats(&tree).negatives <= 9);
			CHECK_EQ(d_rehash(dentry), 0);
		} else if (i % 3 == 1) {
			struct dentry *target;

			d_drop(dentry);
			add(&tree, "n", 2 * i, 2 * i + 2, 0);
			name = numbered(bytes, "m", i);
			target = d_alloc(tree.root, &name);
			CHECK_EQ(d_move(dentry, target), 0);
			CHECK(!d_unhashed(dentry));
			dput(target);
		}
		CHECK(tree_stats(&tree).negatives <= 10);
		dput(dentry);
		name = numbered(bytes, "s", i);
		dentry = d_alloc(tree.root, &name);
		CHECK(!d_splice_alias(NULL, dentry));
		CHECK(tree_stats(&tree).negatives <= 10);
		dput(dentry);
	}
	CHECK_EQ(tree_stats(&tree).negatives, 10);
	tree_end(&tree);
}

/* A dropped one that a move hashes again; one whose move is refused is none. */
TEST(a_negative_that_is_moved_is_bounded, "max_negatives d_move H45")
{
	const struct dcache_options opts = { .size = sizeof(opts), .max_negatives = 10 };
	struct tree tree = tree_begin(&opts, NULL);
	struct dentry *dentry, *target;
	int i;

	for (i = 0; i < 100; i++) {
		char bytes[16];
		struct qstr name = numbered(bytes, "m", i);

		dentry = tree_add(&tree, tree.root, &name, 0);
		d_drop(dentry);
		add(&tree, "n", 20 * i, 20 * i + 20, 0);
		CHECK_EQ(tree_stats(&tree).negatives, 10);
		CHECK_EQ(d_move(dentry, tree.root), -EINVAL);
		name = numbered(bytes, "t", i);
		target = d_alloc(tree.root, &name);
		CHECK_EQ(d_move(dentry, target), 0);
		CHECK(d_is_negative(dentry) && !d_unhashed(dentry));
		CHECK(tree_stats(&tree).negatives <= 10);
		dput(target);
		dput(dentry);
	}
	/* All of the bound is made use of. */
	add(&tree, "n", 0, 20, 0);
	CHECK_EQ(tree_stats(&tree).negatives, 10);
	shrink_dcache(tree.dc, 100);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	CHECK_EQ(tree_stats(&tree).negatives, 0);
	tree_end(&tree);
}

/* An entry on the list of negatives that turns positive is not looked for there any more. */
TEST(what_turned_positive_does_not_make_room_for_negatives, "max_negatives d_instantiate H45")
{
	const struct dcache_options opts = { .size = sizeof(opts), .max_negatives = 4 };
	struct tree tree = tree_begin(&opts, NULL);
	int i;

	for (i = 0; i < 50; i++) {
		char bytes[16];
		struct qstr name = numbered(bytes, "n", i);
		struct dentry *dentry;

		dput(tree_add(&tree, tree.root, &name, 0));
		dentry = d_lookup(tree.root, &name);
		REQUIRE(dentry);
		CHECK_EQ(d_instantiate(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
		dput(dentry);
	}
	add(&tree, "x", 0, 500, 0);
	CHECK_EQ(tree_stats(&tree).negatives, 4);
	CHECK_EQ(tree_stats(&tree).entries, 55);
	tree_end(&tree);
}

TEST(limits_are_changed_in_use, "dcache_set_limits")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dcache_limits limits = { .max_bytes = (1 << 20) - 1 };
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache *none = NULL;
	struct dentry *held[30];
	uint64_t bytes;
	int i;

	add(&tree, "n", 0, 3000, 0);
	add(&tree, "p", 0, 3000, INODE_REGULAR);
	CHECK_EQ(dcache_set_limits(tree.dc, &limits), -EINVAL);
	opts.max_bytes = limits.max_bytes;
	CHECK_EQ(dcache_create(&opts, &none), -EINVAL);
	CHECK(!none);
	CHECK_EQ(tree_stats(&tree).entries, 6001);
	limits = (struct dcache_limits){ .max_negatives = 100 };
	CHECK_EQ(dcache_set_limits(tree.dc, &limits), 0);
	CHECK_EQ(tree_stats(&tree).negatives, 100);
	CHECK_EQ(tree_stats(&tree).entries, 3101);
	limits = (struct dcache_limits){ .max_entries = 1000 };
	CHECK_EQ(dcache_set_limits(tree.dc, &limits), 0);
	CHECK_EQ(tree_stats(&tree).entries, 1000);
	/* No limit again. */
	limits = (struct dcache_limits){ 0 };
	CHECK_EQ(dcache_set_limits(tree.dc, &limits), 0);
	add(&tree, "m", 0, 3000, 0);
	CHECK(tree_stats(&tree).entries >= 3999);
	for (i = 0; i < 30; i++) {
		char bytes_[16];
		struct qstr name = numbered(bytes_, "h", i);

		held[i] = tree_add(&tree, tree.root, &name, 0);
	}
	/* What is in use is said. */
	limits = (struct dcache_limits){ .max_entries = 11, .max_negatives = 20 };
	CHECK_EQ(dcache_set_limits(tree.dc, &limits), 0);
	CHECK_EQ(tree_stats(&tree).entries, 31);
	CHECK_EQ(tree_stats(&tree).over_limit, 20);
	add(&tree, "z", 0, 10, 0);
	CHECK(tree_stats(&tree).entries <= 32);
	for (i = 0; i < 30; i++)
		dput(held[i]);
	add(&tree, "z", 0, 40, 0);
	CHECK_EQ(tree_stats(&tree).entries, 11);
	CHECK_EQ(tree_stats(&tree).over_limit, 0);
	bytes = live_bytes(&tree);
	limits = (struct dcache_limits){ .max_bytes = bytes > 1 << 20 ? bytes - 1024 : 1 << 20 };
	CHECK_EQ(dcache_set_limits(tree.dc, &limits), 0);
	tree_end(&tree);
}

/* Entries that come to the list first, and are referenced then: they stay on it for a while. */
static bool add_held(struct tree *tree, struct dentry **held, int n)
{
	int i;

	add(tree, "h", 0, n, 0);
	for (i = 0; i < n; i++) {
		char bytes[16];
		struct qstr name = numbered(bytes, "h", i);

		held[i] = d_lookup(tree->root, &name);
		if (!CHECK(held[i]))
			return false;
	}
	return true;
}

/* More than 256 entries in use are met on the list: who adds does not clear them away all at once, but
 * those who come after do. */
TEST(what_is_in_use_leaves_the_list_bit_by_bit, "max_entries H42")
{
	const struct dcache_options opts = { .size = sizeof(opts), .max_entries = 9000 };
	struct tree tree = tree_begin(&opts, NULL);
	struct dentry *held[8000];
	int i;

	REQUIRE(add_held(&tree, held, 8000));
	CHECK_EQ(tree_stats(&tree).unused, 8000);
	for (i = 0; i < 2000; i++) {
		uint64_t unused = tree_stats(&tree).unused;

		add(&tree, "n", i, i + 1, 0);
		CHECK(tree_stats(&tree).unused + 256 + 4 >= unused);
	}
	CHECK(tree_stats(&tree).entries <= 9000);
	CHECK(tree_stats(&tree).unused <= 3000);
	for (i = 0; i < 8000; i++)
		dput(held[i]);
	tree_end(&tree);
}

/* So many in use on the lists that one search does not get past them: a limit is kept all the same. */
TEST(many_in_use_do_not_keep_a_limit_from_its_effect, "dcache_set_limits")
{
	const struct dcache_limits limits = { .max_entries = 8001 };
	struct tree tree = tree_begin(NULL, NULL);
	static struct dentry *held[8000];
	int i;

	REQUIRE(add_held(&tree, held, 8000));
	add(&tree, "n", 0, 100, 0);
	CHECK_EQ(tree_stats(&tree).unused, 8100);
	CHECK_EQ(dcache_set_limits(tree.dc, &limits), 0);
	CHECK_EQ(tree_stats(&tree).entries, 8001);
	for (i = 0; i < 8000; i++)
		dput(held[i]);
	tree_end(&tree);
}

/* As good as none: threads keep no more to themselves than without one, and as much waits. */
TEST(limits_that_nothing_reaches, "dcache_set_limits max_entries max_negatives max_bytes")
{
	const struct dcache_limits most = { UINT64_MAX, UINT64_MAX, UINT64_MAX };
	const struct dcache_limits few = { .max_entries = 1000 };
	struct tree tree = tree_begin(NULL, NULL);
	struct limit *limits = tree.dc->counters.limits;
	int64_t batch = atomic_load(&limits[LIMIT_ENTRIES].batch);
	uint32_t bound = atomic_load(&tree.dc->reclaim.bound);
	int kind;

	CHECK_EQ(dcache_set_limits(tree.dc, &most), 0);
	for (kind = 0; kind < NR_LIMITS; kind++) {
		CHECK_EQ(atomic_load(&limits[kind].batch), batch);
		CHECK(!limit_exceeded(&tree.dc->counters, (enum limit_kind)kind));
	}
	CHECK_EQ(atomic_load(&tree.dc->reclaim.bound), bound);
	add(&tree, "n", 0, 3000, 0);
	CHECK_EQ(tree_stats(&tree).entries, 3001);
	CHECK_EQ(tree_stats(&tree).over_limit, 0);
	/* What they kept is known to a lower one. */
	CHECK_EQ(dcache_set_limits(tree.dc, &few), 0);
	CHECK_EQ(tree_stats(&tree).entries, 1000);
	CHECK(atomic_load(&tree.dc->reclaim.bound) < bound);
	tree_end(&tree);
}

/* An entry used again is spared, as long as few enough are. */
TEST(what_is_in_demand_outlives_what_is_not, "max_entries")
{
	const struct dcache_options opts = { .size = sizeof(opts), .max_entries = 500, .seed = 1 };
	struct tree tree = tree_begin(&opts, NULL);
	int found = 0, i, j;

	add(&tree, "hot", 0, 50, INODE_REGULAR);
	for (i = 0; i < 5000; i++) {
		add(&tree, "n", i, i + 1, INODE_REGULAR);
		for (j = 0; i % 50 == 0 && j < 50; j++) {
			char bytes[16];
			struct qstr name = numbered(bytes, "hot", j);
			struct dentry *dentry = d_lookup(tree.root, &name);

			found += dentry != NULL;
			dput(dentry);
		}
	}
	CHECK_EQ(found, 100 * 50);
	tree_end(&tree);
}

/* ---- statistics ---- */

#define LONG_NAME (sizeof("a name of more than forty bytes has a block of its own") - 1)

TEST(memory_that_waits_is_told_apart, "dcache_stats")
{
	struct tree tree = tree_begin(NULL, NULL);
	uint64_t before = live_bytes(&tree);
	struct dcache_stats stats;
	int i;

	dcache_read_lock();
	for (i = 0; i < 100; i++) {
		struct dentry *dentry = d_alloc(
			tree.root, NAME("a name of more than forty bytes has a block of its own"));

		CHECK_EQ(live_bytes(&tree), before + sizeof(struct dentry) +
						    sizeof(struct external_name) + LONG_NAME + 1);
		dput(dentry);
	}
	stats = tree_stats(&tree);
	CHECK_EQ(stats.bytes - stats.pending_bytes, before);
	CHECK_EQ(stats.pending_bytes,
		 100 * (sizeof(struct dentry) + sizeof(struct external_name) + LONG_NAME + 1));
	dcache_read_unlock();
	dcache_barrier(tree.dc);
	stats = tree_stats(&tree);
	CHECK_EQ(stats.pending_bytes, 0);
	CHECK_EQ(stats.bytes, before);
	CHECK_EQ(stats.inserted, 0);
	add(&tree, "n", 0, 7, 0);
	CHECK_EQ(tree_stats(&tree).inserted, 7);
	tree_end(&tree);
}

/* ---- pressure ---- */

TEST(pressure_frees_a_share_of_what_is_unused, "dcache_pressure")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *held = tree_add(&tree, tree.root, NAME("held"), 0);

	CHECK_EQ(dcache_pressure(tree.dc, 50), 0);
	add(&tree, "n", 0, 500, 0);
	add(&tree, "p", 0, 500, INODE_REGULAR);
	CHECK_EQ(dcache_pressure(tree.dc, 0), 0);
	CHECK_EQ(dcache_pressure(tree.dc, 101), 0);
	CHECK_EQ(dcache_pressure(tree.dc, 10), 100);
	CHECK_EQ(tree_stats(&tree).entries, 902);
	CHECK_EQ(dcache_pressure(tree.dc, 1), 9);
	CHECK_EQ(dcache_pressure(tree.dc, 100), 891);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	dput(held);
	CHECK_EQ(dcache_pressure(tree.dc, 1), 1);
	tree_end(&tree);
}

/* ---- counts that are full ---- */

static void count_by(struct dentry *dentry, int32_t by)
{
	d_lock(dentry);
	lockref_add_locked(&dentry->d_lockref, by);
	d_unlock(dentry);
}

TEST(a_full_count_is_an_error, "H43 d_alloc d_alloc_parallel d_alloc_noblock lookup_one_unlocked d_hash_and_lookup")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct qstr name = *COLD;
	uint64_t entries = tree_stats(&tree).entries;

	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	backend_begin(answer_negative);
	count_by(dentry, LOCKREF_MAX - 1);
	CHECK(!d_lookup(tree.root, COLD));
	CHECK_ERR(d_hash_and_lookup(tree.root, &name), -EOVERFLOW);
	CHECK_ERR(d_alloc_parallel(tree.root, COLD, &wq), -EOVERFLOW);
	CHECK_ERR(lookup_one_unlocked(tree.root, COLD, 0), -EOVERFLOW);
	CHECK_ERR(lookup_slow(tree.root, COLD, 0), -EOVERFLOW);
	CHECK_EQ(d_invalidate_name(tree.root, COLD), -EOVERFLOW);
	CHECK(!d_unhashed(dentry));
	CHECK_EQ(atomic_load(&backend.calls), 0);
	count_by(dentry, 1 - LOCKREF_MAX);

	/* The directory's: no child more. */
	count_by(dir, LOCKREF_MAX - 1);
	CHECK_ERR(d_alloc(dir, COLD), -EOVERFLOW);
	CHECK_ERR(d_alloc_parallel(dir, COLD, &wq), -EOVERFLOW);
	CHECK_ERR(d_alloc_noblock(dir, COLD, &wq), -EOVERFLOW);
	ihold(d_inode(dir));
	CHECK_ERR(d_obtain_alias(d_inode(dir)), -EOVERFLOW);
	CHECK_EQ(d_count(dir), LOCKREF_MAX);
	CHECK_EQ(tree_stats(&tree).entries, entries);
	count_by(dir, 1 - LOCKREF_MAX);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	dput(dir);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_full_count_of_an_inodes_entry, "H43 d_find_alias d_find_any_alias d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *dentry = d_alloc(tree.root, NAME("new"));
	struct dentry *both[] = { file, dir };
	size_t i;

	for (i = 0; i < 2; i++) {
		count_by(both[i], LOCKREF_MAX - 1);
		CHECK(!d_find_any_alias(d_inode(both[i])));
		CHECK(!d_find_alias(d_inode(both[i])));
		CHECK_EQ(d_count(both[i]), LOCKREF_MAX);
		count_by(both[i], -1);
		CHECK(d_find_alias(d_inode(both[i])) == both[i]);
		CHECK(!d_find_any_alias(d_inode(both[i])));
	}
	/* A directory has no other entry to be found by. */
	ihold(d_inode(dir));
	CHECK_ERR(d_splice_alias(d_inode(dir), dentry), -EOVERFLOW);
	CHECK(d_is_negative(dentry) && d_unhashed(dentry));
	CHECK_EQ(d_count(dir), LOCKREF_MAX);
	for (i = 0; i < 2; i++) {
		count_by(both[i], 1 - LOCKREF_MAX);
		dput(both[i]);
	}
	dput(dentry);
	tree_end(&tree);
}

static struct asker crowd[2];

TEST(a_full_count_of_what_is_being_asked_for, "H43 d_alloc_parallel")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *owned;

	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	owned = d_alloc_parallel(tree.root, COLD, &wq);
	count_by(owned, LOCKREF_MAX - 1);
	start_crowd(crowd, 1, tree.root, COLD);
	CHECK_ERR(asker_join(&crowd[0]), -EOVERFLOW);
	count_by(owned, 1 - LOCKREF_MAX);
	d_lookup_done(owned);
	dput(owned);
	tree_end(&tree);
}

TEST(who_has_a_reference_gets_more_until_it_sticks, "H43 dget dput dget_parent")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, 0);
	int i;

	count_by(dentry, LOCKREF_MAX - 1);
	CHECK(dget(dentry) == dentry);
	CHECK_EQ(d_count(dentry), LOCKREF_MAX + 1);
	dput(dentry);
	count_by(dentry, LOCKREF_STUCK - 1 - LOCKREF_MAX);
	/* From here on it does not move, not under the lock either. */
	for (i = 0; i < 3; i++)
		dget(dentry);
	CHECK_EQ(d_count(dentry), LOCKREF_STUCK);
	for (i = 0; i < 5; i++)
		dput(dentry);
	CHECK_EQ(d_count(dentry), LOCKREF_STUCK);
	d_drop(dentry);
	dput(dentry);
	CHECK_EQ(d_count(dentry), LOCKREF_STUCK);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	count_by(dentry, 1 - LOCKREF_STUCK);
	dput(dentry);

	count_by(tree.root, LOCKREF_MAX);
	dentry = tree.root;
	CHECK(dget_parent(dentry) == dentry);
	dput(dentry);
	count_by(tree.root, -LOCKREF_MAX);
	tree_end(&tree);
}

/* Above LOCKREF_STUCK who holds the lock leaves the count alone, too. */
TEST(a_stuck_count_is_not_moved_by_a_move, "H43 d_move")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *dentry = tree_add(&tree, tree.root, NAME("n"), INODE_REGULAR);
	struct dentry *there = d_alloc(dir, NAME("t")), *back = d_alloc(tree.root, NAME("n"));
	int count = d_count(dir);

	count_by(dir, LOCKREF_STUCK - count);
	CHECK_EQ(d_move(dentry, there), 0);
	CHECK(d_parent(dentry) == dir);
	CHECK_EQ(d_count(dir), LOCKREF_STUCK);
	CHECK_EQ(d_move(dentry, back), 0);
	CHECK(d_parent(dentry) == tree.root);
	CHECK_EQ(d_count(dir), LOCKREF_STUCK);
	count_by(dir, count - LOCKREF_STUCK);
	dput(there);
	dput(back);
	dput(dentry);
	dput(dir);
	tree_end(&tree);
}

static void *alloc_cold(void *parent)
{
	return d_alloc(parent, COLD);
}

static void *rehash(void *dentry)
{
	return (void *)(intptr_t)d_rehash(dentry);
}

/* Whoever waits for a lock meets another count than the one that it saw first. */
TEST(a_count_that_is_full_when_the_lock_is_free, "H43 d_alloc")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	pthread_t thread;
	void *result;

	d_lock(dir);
	thread = test_thread(alloc_cold, dir);
	CHECK(EVENTUALLY(test_sleepers_on_lock(dir)));
	lockref_add_locked(&dir->d_lockref, LOCKREF_MAX - 1);
	d_unlock(dir);
	pthread_join(thread, &result);
	CHECK_ERR(result, -EOVERFLOW);
	CHECK_EQ(d_count(dir), LOCKREF_MAX);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	count_by(dir, 1 - LOCKREF_MAX);
	dput(dir);
	tree_end(&tree);
}

static void *add_negative(void *dentry)
{
	CHECK_EQ(d_add(dentry, NULL), 0);
	return NULL;
}

/* Who finds the parent locked references it while it waits. */
TEST(a_stuck_count_of_a_parent_that_is_waited_for, "H43 d_add")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *dentry = d_alloc(dir, NAME("n"));
	int count = d_count(dir);
	pthread_t thread;

	count_by(dir, LOCKREF_STUCK - count);
	d_lock(dir);
	thread = test_thread(add_negative, dentry);
	CHECK(EVENTUALLY(test_sleepers_on_lock(dir)));
	d_unlock(dir);
	test_join(thread);
	CHECK_EQ(d_count(dir), LOCKREF_STUCK);
	count_by(dir, count - LOCKREF_STUCK);
	dput(dentry);
	dput(dir);
	tree_end(&tree);
}

TEST(a_stuck_count_does_not_move_under_the_lock_either, "H43 d_rehash d_invalidate_inode")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *dentry = tree_add(&tree, dir, COLD, INODE_REGULAR);
	int count = d_count(dir);
	pthread_t thread;
	void *result;

	/* Given back by who has waited for the parent's lock. */
	d_drop(dentry);
	d_lock(dir);
	lockref_add_locked(&dir->d_lockref, LOCKREF_STUCK - count);
	thread = test_thread(rehash, dentry);
	CHECK(EVENTUALLY(test_sleepers_on_lock(dir)));
	d_unlock(dir);
	pthread_join(thread, &result);
	CHECK_EQ((intptr_t)result, 0);
	CHECK_EQ(d_count(dir), LOCKREF_STUCK);
	count_by(dir, count - LOCKREF_STUCK);
	/* Taken by who has found it among an inode's. */
	count_by(dentry, LOCKREF_STUCK - 1);
	CHECK_EQ(d_invalidate_inode(d_inode(dentry)), 0);
	CHECK(d_unhashed(dentry));
	CHECK_EQ(d_count(dentry), LOCKREF_STUCK);
	count_by(dentry, 1 - LOCKREF_STUCK);
	dput(dentry);
	dput(dir);
	tree_end(&tree);
}
