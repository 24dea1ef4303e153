/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits and counters while many threads use the cache. */
#include "harness.h"
#include "internal.h"

#define THREADS 4

static struct {
	struct tree tree;
	_Atomic bool stop;
	_Atomic long operations;
} storm;

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static struct qstr numbered(char bytes[24], unsigned int thread, unsigned int number)
{
	return qstr_init(bytes, (size_t)snprintf(bytes, 24, "t%u-%u", thread, number));
}

/* For so long, and so many operations. */
static void run_threads(void *(*run)(void *), unsigned int ms, long operations,
			void (*sample)(void))
{
	uint64_t start = test_now_ns();
	uint64_t until = start + (uint64_t)ms * 1000000;
	pthread_t threads[THREADS];
	uintptr_t i;

	atomic_store(&storm.stop, false);
	atomic_store(&storm.operations, 0);
	for (i = 0; i < THREADS; i++)
		threads[i] = test_thread(run, (void *)i);
	while (test_now_ns() < until || (atomic_load(&storm.operations) < operations &&
					 test_now_ns() < start + test_patience_ns())) {
		sample();
		usleep(100);
	}
	atomic_store(&storm.stop, true);
	for (i = 0; i < THREADS; i++)
		test_join(threads[i]);
	CHECK(atomic_load(&storm.operations) >= operations);
}

/* ---- a flood ---- */

static void *flood(void *arg)
{
	unsigned int thread = (unsigned int)(uintptr_t)arg, i;

	for (i = 0; !atomic_load(&storm.stop); i++) {
		char bytes[24];
		struct qstr name = numbered(bytes, thread, i);

		dput(tree_add(&storm.tree, storm.tree.root, &name, i % 3 ? 0 : INODE_REGULAR));
		atomic_fetch_add_explicit(&storm.operations, 1, memory_order_relaxed);
	}
	return NULL;
}

static struct dcache_limits flood_limits;
static uint64_t most_entries, most_negatives, most_bytes, most_pending;

static void sample_limits(void)
{
	const struct reclaim *reclaim = &storm.tree.dc->reclaim;
	uint64_t freed = atomic_load(&reclaim->freed);
	struct dcache_stats stats = tree_stats(&storm.tree);

	most_entries = stats.entries > most_entries ? stats.entries : most_entries;
	most_negatives = stats.negatives > most_negatives ? stats.negatives : most_negatives;
	most_bytes = stats.bytes - stats.pending_bytes > most_bytes
			     ? stats.bytes - stats.pending_bytes
			     : most_bytes;
	/* What came is read after what went: if more went meanwhile, it is no moment's number. */
	if (atomic_load(&reclaim->freed) == freed && stats.pending_frees > most_pending)
		most_pending = stats.pending_frees;
}

static void flood_with(struct dcache_limits limits)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache_stats stats;

	opts.max_entries = limits.max_entries;
	opts.max_negatives = limits.max_negatives;
	opts.max_bytes = limits.max_bytes;
	flood_limits = limits;
	most_entries = most_negatives = most_bytes = most_pending = 0;
	storm.tree = tree_begin(&opts, NULL);
	run_threads(flood, 300, 12000, sample_limits);
	stats = tree_stats(&storm.tree);
	if (limits.max_entries) {
		CHECK(most_entries <= limits.max_entries);
		CHECK(stats.entries >= limits.max_entries * 9 / 10);
		CHECK_EQ(stats.over_limit, 0);
	}
	if (limits.max_negatives) {
		CHECK(most_negatives <= limits.max_negatives);
		CHECK(stats.negatives >= limits.max_negatives * 9 / 10);
	}
	if (limits.max_bytes)
		CHECK(most_bytes <= limits.max_bytes);
	tree_end(&storm.tree);
}

TEST(limits_hold_under_a_flood, "max_entries max_negatives max_bytes H42")
{
	flood_with((struct dcache_limits){ .max_entries = 50 });
	flood_with((struct dcache_limits){ .max_entries = 5000 });
	flood_with((struct dcache_limits){ .max_negatives = 50 });
	flood_with((struct dcache_limits){ .max_negatives = 5000 });
	flood_with((struct dcache_limits){ .max_bytes = 1 << 20 });
	flood_with((struct dcache_limits){ 1000, 100, 2 << 20 });
}

/* The peak of what waits is small where the limits are. */
TEST(what_waits_is_bounded_by_the_limits, "H50 max_entries max_bytes")
{
	flood_with((struct dcache_limits){ .max_entries = 100 });
	CHECK(most_pending > 0);
	CHECK(most_pending <= RECLAIM_BATCH + 2 * THREADS + 64);
	flood_with((struct dcache_limits){ .max_bytes = 1 << 20 });
	CHECK(most_pending <= RECLAIM_BATCH + 2 * THREADS + 64);
}

/* All are used again and again: nobody's chance may let the cache grow. */
static void *use_all(void *arg)
{
	uint64_t random = 7 + (uintptr_t)arg;

	while (!atomic_load(&storm.stop)) {
		char bytes[24];
		struct qstr name = numbered(bytes, 0, (unsigned int)(next_random(&random) % 120));
		struct dentry *dentry = d_lookup(storm.tree.root, &name);

		if (!dentry) {
			dentry = d_alloc(storm.tree.root, &name);
			CHECK(!IS_ERR(dentry));
			d_add(dentry, NULL);
		}
		dput(dentry);
		atomic_fetch_add_explicit(&storm.operations, 1, memory_order_relaxed);
	}
	return NULL;
}

TEST(limits_hold_where_everything_is_in_demand, "max_entries")
{
	const struct dcache_options opts = { .size = sizeof(opts), .max_entries = 100 };

	most_entries = 0;
	storm.tree = tree_begin(&opts, NULL);
	run_threads(use_all, 300, 2000, sample_limits);
	CHECK(most_entries <= 100);
	tree_end(&storm.tree);
}

/* ---- counters ---- */

#define NAMES 40

static struct dentry *dirs[3];

static void one_of_all(unsigned int what, struct dentry *dir, const struct qstr *name)
{
	struct dentry *dentry = d_lookup(dir, name);

	if (!dentry) {
		dentry = d_alloc(dir, name);
		if (IS_ERR(dentry))
			return;
		d_add(dentry, what % 2 ? tree_inode(storm.tree.dc, INODE_REGULAR) : NULL);
	}
	switch (what % 8) {
	case 0:
	case 1:
		d_delete(dentry);
		break;
	case 2:
	case 3:
		d_instantiate(dentry, tree_inode(storm.tree.dc, INODE_REGULAR));
		break;
	case 4:
		d_drop(dentry);
		break;
	case 5:
		d_drop(dentry);
		d_rehash(dentry);
		break;
	default:
		break;
	}
	dput(dentry);
}

static void *change_all(void *arg)
{
	uint64_t random = 77 + (uintptr_t)arg;

	while (!atomic_load(&storm.stop)) {
		unsigned int what = (unsigned int)(next_random(&random) >> 20);
		char bytes[24];
		struct qstr name = numbered(bytes, 0, what / 64 % NAMES);

		if (what % 61 == 0)
			shrink_dcache(storm.tree.dc, what / 61 % 8);
		else if (what % 61 == 1)
			dcache_pressure(storm.tree.dc, 30);
		else
			one_of_all(what, dirs[what / 8 % 3], &name);
		atomic_fetch_add_explicit(&storm.operations, 1, memory_order_relaxed);
	}
	return NULL;
}

static void no_sample(void)
{
}

/* What is on the lists, and what is below the directories, counted by hand. */
static void check_counters(void)
{
	struct dcache_stats stats = tree_stats(&storm.tree);
	uint64_t entries = 4, negatives = 0, inodes = 4, listed = 0;
	unsigned int i, j;

	for (i = 0; i < 3; i++) {
		const struct hlist_node *node = dirs[i]->d_children.first;

		for (; node; node = node->next) {
			const struct dentry *dentry = container_of(node, struct dentry, d_sib);

			entries++;
			negatives += d_is_negative(dentry) && !d_unhashed(dentry);
			inodes += d_is_positive(dentry);
		}
	}
	for (i = 0; i < LRU_SHARDS; i++) {
		for (j = 0; j < LRU_LISTS; j++) {
			const struct list_head *list = &storm.tree.dc->lru[i].lists[j].list, *at;

			for (at = list->next; at != list; at = at->next) {
				const struct dentry *dentry = container_of(at, struct dentry,
									   d_lru);

				listed++;
				CHECK_EQ(d_is_negative(dentry), j == 1);
				CHECK_EQ(!!(d_flags(dentry) & DCACHE_NEG_LRU), j == 1);
			}
		}
	}
	CHECK_EQ(stats.entries, entries);
	CHECK_EQ(stats.negatives, negatives);
	CHECK_EQ(stats.inodes, inodes);
	CHECK_EQ(stats.unused, listed);
	CHECK_EQ(stats.in_lookup, 0);
}

static void count_after_storms(const struct dcache_options *opts)
{
	struct dcache_stats stats;
	uint64_t bytes;
	int i;

	storm.tree = tree_begin(opts, NULL);
	bytes = tree_stats(&storm.tree).bytes;
	for (i = 0; i < 3; i++) {
		char bytes_[24];
		struct qstr name = numbered(bytes_, 9, (unsigned int)i);

		dirs[i] = tree_add(&storm.tree, storm.tree.root, &name, INODE_DIRECTORY);
	}
	for (i = 0; i < 4; i++) {
		run_threads(change_all, 60, 500, no_sample);
		check_counters();
	}
	for (i = 0; i < 3; i++)
		dput(dirs[i]);
	while (shrink_dcache(storm.tree.dc, SIZE_MAX))
		;
	dcache_barrier(storm.tree.dc);
	stats = tree_stats(&storm.tree);
	CHECK_EQ(stats.entries, 1);
	CHECK_EQ(stats.inodes, 1);
	CHECK_EQ(stats.negatives, 0);
	CHECK_EQ(stats.unused, 0);
	CHECK_EQ(stats.pending_bytes, 0);
	CHECK_EQ(stats.bytes, bytes);
	tree_end(&storm.tree);
}

TEST(counters_are_exact_at_rest, "H45 dcache_stats")
{
	const struct dcache_options limited = { .size = sizeof(limited),
						.max_entries = 40,
						.max_negatives = 10 };

	count_after_storms(NULL);
	count_after_storms(&limited);
}

/* What comes and goes at once, one at a time, is never counted as more. */
static struct counters coming;
static _Atomic bool came_all;

static void *come_and_go(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < 300000; i++) {
		counter_add(&coming, COUNT_ENTRIES_MADE, 1);
		counter_add(&coming, COUNT_ENTRIES_GONE, 1);
	}
	atomic_store(&came_all, true);
	return NULL;
}

TEST(no_more_are_counted_than_there_are, "H45 dcache_stats")
{
	pthread_t thread;

	counters_init(&coming, false);
	atomic_store(&came_all, false);
	thread = test_thread(come_and_go, NULL);
	while (!atomic_load(&came_all))
		CHECK(counter_level(&coming, COUNT_ENTRIES_MADE, COUNT_ENTRIES_GONE) <= 1);
	test_join(thread);
	CHECK_EQ(counter_level(&coming, COUNT_ENTRIES_MADE, COUNT_ENTRIES_GONE), 0);
}

#ifdef DCACHE_DEBUG

/* An entry turns positive, and negative again, while a shrinker has it on a list of its own. */
static void *shrink_one(void *dc)
{
	shrink_dcache(dc, 1);
	return NULL;
}

TEST(an_entry_turns_while_it_is_isolated, "H45 d_instantiate d_delete")
{
	int end;

	for (end = 0; end < 2; end++) {
		struct tree tree = tree_begin(NULL, NULL);
		struct dentry *dentry = tree_add(&tree, tree.root, NAME("cold"), 0);
		struct gate isolated = { 0 };
		pthread_t shrinker;

		dput(dentry);
		gate_arm(&isolated, DC_S1, dentry, 1);
		shrinker = test_thread(shrink_one, tree.dc);
		CHECK(gate_wait(&isolated, 1));
		CHECK_EQ(tree_stats(&tree).unused, 0);
		CHECK(d_lookup(tree.root, NAME("cold")) == dentry);
		CHECK_EQ(d_instantiate(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
		CHECK_EQ(tree_stats(&tree).negatives, 0);
		gate_open(&isolated);
		test_join(shrinker);
		gates_reset();
		if (end) {
			d_delete(dentry);
			CHECK_EQ(tree_stats(&tree).negatives, 1);
		}
		dput(dentry);
		CHECK_EQ(tree_stats(&tree).unused, 1);
		CHECK_EQ(!!(d_flags(dentry) & DCACHE_NEG_LRU), end);
		CHECK_EQ(shrink_dcache(tree.dc, 2), 1);
		CHECK_EQ(tree_stats(&tree).negatives, 0);
		CHECK_EQ(tree_stats(&tree).unused, 0);
		CHECK_EQ(tree_stats(&tree).inodes, 1);
		tree_end(&tree);
	}
}

#endif

/* The limits themselves come and go. */
static void *change_limits(void *arg)
{
	static const struct dcache_limits limits[] = {
		{ 0, 0, 0 },
		{ 100, 0, 0 },
		{ 0, 20, 0 },
		{ 50, 50, 1 << 20 },
	};
	unsigned int i;

	(void)arg;
	for (i = 0; !atomic_load(&storm.stop); i++)
		CHECK_EQ(dcache_set_limits(storm.tree.dc, &limits[i % 4]), 0);
	return NULL;
}

TEST(limits_change_under_a_flood, "dcache_set_limits")
{
	const struct dcache_limits last = { .max_entries = 200, .max_negatives = 100 };
	pthread_t changers[2];
	int i;

	atomic_store(&storm.stop, false);
	storm.tree = tree_begin(NULL, NULL);
	for (i = 0; i < 2; i++)
		changers[i] = test_thread(change_limits, NULL);
	run_threads(flood, 300, 1000, no_sample);
	for (i = 0; i < 2; i++)
		test_join(changers[i]);
	CHECK_EQ(dcache_set_limits(storm.tree.dc, &last), 0);
	CHECK(tree_stats(&storm.tree).entries <= 200);
	CHECK(tree_stats(&storm.tree).negatives <= 100);
	most_entries = most_negatives = 0;
	run_threads(flood, 100, 1000, sample_limits);
	CHECK(most_entries <= 200 && most_negatives <= 100);
	CHECK(tree_stats(&storm.tree).entries >= 180);
	tree_end(&storm.tree);
}
