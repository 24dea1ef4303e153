/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables that grow and shrink while they are used; how evenly they are filled. */
#include <fts.h>

#include "harness.h"
#include "internal.h"

#define NAME_SIZE 24

static struct qstr nth_name(char *buf, const char *kind, unsigned int n)
{
	return qstr_init(buf, (size_t)snprintf(buf, NAME_SIZE, "%s%u", kind, n));
}

/* As a caller without an inode: a table does not care. */
static void add_nth(struct tree *tree, unsigned int n)
{
	char buf[NAME_SIZE];
	struct qstr name = nth_name(buf, "name", n);
	struct dentry *dentry = d_alloc(tree->root, &name);

	CHECK(!IS_ERR(dentry) && !d_add(dentry, NULL));
	dput(dentry);
}

static bool find_nth(struct tree *tree, unsigned int n)
{
	char buf[NAME_SIZE];
	struct qstr name = nth_name(buf, "name", n);
	struct dentry *dentry = d_lookup(tree->root, &name), *seen;
	uint32_t seq;

	dcache_read_lock();
	seen = d_lookup_rcu(tree->root, &name, &seq);
	dcache_read_unlock();
	dput(dentry);
	return dentry && seen == dentry;
}

static void drop_nth(struct tree *tree, unsigned int n)
{
	char buf[NAME_SIZE];
	struct qstr name = nth_name(buf, "name", n);
	struct dentry *dentry = d_lookup(tree->root, &name);

	if (CHECK(dentry))
		d_drop(dentry);
	dput(dentry);
}

static const struct dcache_options two_buckets = {
	.size = sizeof(two_buckets),
	.hash_buckets = 2,
	.in_lookup_buckets = 2,
};

/* ---- growing and shrinking ---- */

#define MANY 20000u

static uint64_t buckets(struct tree *tree)
{
	return tree_stats(tree).buckets;
}

/* Entries that the table is for, as large as it is. */
static uint64_t room(struct tree *tree)
{
	return buckets(tree) * TABLE_FILL;
}

TEST(a_table_grows_with_its_entries_and_shrinks_with_them, "H46 dcache_get_stats tables")
{
	struct tree tree = tree_begin(&two_buckets, NULL);
	uint64_t bytes = tree_stats(&tree).bytes, resizes;
	unsigned int i, step;

	for (i = 0; i < MANY; i++) {
		add_nth(&tree, i);
		/* All while there are few, then some from all over. */
		for (step = 0; step <= i; step += i / 64 + 1)
			CHECK(find_nth(&tree, step));
		CHECK(find_nth(&tree, i));
	}
	CHECK(EVENTUALLY(room(&tree) >= MANY));
	CHECK(room(&tree) <= 2 * MANY);
	resizes = tree_stats(&tree).resizes;
	CHECK(resizes >= 10 && resizes <= 16);
	for (i = 0; i < MANY; i++)
		CHECK(find_nth(&tree, i));
	for (i = MANY; i--;) {
		drop_nth(&tree, i);
		for (step = 0; step < i; step += i / 64 + 1)
			CHECK(find_nth(&tree, step));
	}
	/* The last of it, in the background. */
	CHECK(EVENTUALLY(buckets(&tree) == 2));
	CHECK(tree_stats(&tree).resizes > resizes);
	dcache_barrier(tree.dc);
	CHECK(EVENTUALLY(tree_stats(&tree).bytes == bytes));
	tree_end(&tree);
}

/* Any but 0 (G. Marsaglia, "Xorshift RNGs", 2003). */
static uint64_t random_word(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

/* The slots with the tag are found one by one, or all at once: which depends on the machine. */
TEST(the_tags_of_a_bucket_are_found_alike, "tables")
{
	static const uint64_t tags[] = { 0, 1, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff };
	uint64_t seed = 1;
	unsigned int round, i;

	for (round = 0; round < 200000; round++) {
		/* Few tags, so that many are the same; what is below them is anything. */
		uint64_t hash = random_word(&seed);
		uint32_t expected = 0;
		struct bucket bucket;

		hash = (hash & ~BUCKET_TAG) | tags[(hash >> 32) % 7] << 48;
		atomic_init(&bucket.chain.first,
			    (random_word(&seed) & ~BUCKET_TAG) | (hash & BUCKET_TAG));
		for (i = 0; i < BUCKET_SLOTS; i++) {
			uint64_t word = random_word(&seed);

			word = (word & ~BUCKET_TAG) | tags[(word >> 32) % 7] << 48;
			if (word % 8 == 0)
				word = 0;
			atomic_init(&bucket.slots[i], word);
			if (word >> 48 == hash >> 48)
				expected |= (uint32_t)1 << BUCKET_BIT(i);
		}
		CHECK(bucket_tagged_by_words(&bucket, hash) == expected);
		CHECK(bucket_tagged(&bucket, hash) == expected);
	}
}

TEST(a_table_is_no_smaller_than_asked_for, "tables dcache_options")
{
	const struct dcache_options opts = { .size = sizeof(opts), .hash_buckets = 512 };
	struct tree tree = tree_begin(&opts, NULL);
	unsigned int i;

	for (i = 0; i < 8000; i++)
		add_nth(&tree, i);
	CHECK(EVENTUALLY(buckets(&tree) > 512));
	for (i = 0; i < 8000; i++)
		drop_nth(&tree, i);
	CHECK(EVENTUALLY(buckets(&tree) == 512));
	tree_end(&tree);
}

TEST(a_resize_ends_though_nobody_changes_anything_more, "tables")
{
	struct tree tree = tree_begin(&two_buckets, NULL);
	unsigned int n = 0;

	do {
		add_nth(&tree, n++);
	} while (tree_stats(&tree).resizes < 12);
	CHECK(EVENTUALLY(room(&tree) >= n));
	while (n--)
		CHECK(find_nth(&tree, n));
	tree_end(&tree);
}

/* What is left of resizes is given back with the instance. */
TEST(an_instance_ends_in_the_middle_of_a_resize, "tables dcache_destroy")
{
	unsigned int size, i;

	for (size = 1; size < 200; size++) {
		struct tree tree = tree_begin(&two_buckets, NULL);

		for (i = 0; i < size; i++)
			add_nth(&tree, i);
		tree_end(&tree);
	}
}

#define OPEN 1000u

TEST(the_in_lookup_table_grows_and_shrinks, "H1 H46 tables")
{
	struct tree tree = tree_begin(&two_buckets, NULL);
	static struct dentry *open[OPEN];
	char buf[NAME_SIZE];
	unsigned int i;

	for (i = 0; i < OPEN; i++) {
		struct qstr name = nth_name(buf, "open", i);

		open[i] = d_alloc_parallel(tree.root, &name, NULL);
		CHECK(!IS_ERR(open[i]) && d_in_lookup(open[i]));
	}
	CHECK(EVENTUALLY(tree_stats(&tree).in_lookup_buckets * TABLE_FILL >= OPEN));
	for (i = 0; i < OPEN; i++) {
		struct qstr name = nth_name(buf, "open", i);

		/* It is found: by its own thread, which must not wait for itself. */
		CHECK_ERR(d_alloc_parallel(tree.root, &name, NULL), -EDEADLK);
	}
	for (i = 0; i < OPEN; i++) {
		CHECK_EQ(d_add(open[i], NULL), 0);
		dput(open[i]);
	}
	CHECK(EVENTUALLY(tree_stats(&tree).in_lookup_buckets == 2));
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

/* The only allocation in d_add() is that of an array. */
TEST(no_memory_for_a_greater_table_is_no_error, "H51 tables")
{
	struct tree tree = tree_begin(&two_buckets, NULL);
	unsigned int failed = 0, i, j;
	char buf[NAME_SIZE];

	for (i = 0; i < 300; i++) {
		struct qstr name = nth_name(buf, "name", i);
		struct dentry *dentry = d_alloc(tree.root, &name);

		dc_fail_allocation(1);
		CHECK_EQ(d_add(dentry, NULL), 0);
		failed += dc_allocation_failed();
		dc_fail_allocation(0);
		dput(dentry);
		for (j = 0; j <= i; j++)
			CHECK(find_nth(&tree, j));
	}
	CHECK(failed > 100);
	CHECK_EQ(buckets(&tree), 2);
	CHECK_EQ(tree_stats(&tree).resizes, 0);
	/* As soon as there is some. */
	add_nth(&tree, 300);
	add_nth(&tree, 301);
	CHECK(EVENTUALLY(buckets(&tree) >= 64));
	for (j = 0; j <= 301; j++)
		CHECK(find_nth(&tree, j));
	tree_end(&tree);
}

TEST(no_memory_for_an_instances_tables, "H51 dcache_create")
{
	struct dcache *dc = NULL;
	long n, before = dc_live_allocations();
	int err;

	for (n = 1;; n++) {
		dc_fail_allocation(n);
		err = dcache_create(&two_buckets, &dc);
		if (!dc_allocation_failed())
			break;
		CHECK_EQ(err, -ENOMEM);
		CHECK(!dc);
		CHECK_EQ(dc_live_allocations(), before);
	}
	dc_fail_allocation(0);
	CHECK(n == 5 && !err);
	CHECK_EQ(dcache_destroy(dc), 0);
}

/* ---- stopped in the middle of it ---- */

#define NR 40u

static _Atomic unsigned int nr_added;

static void *add_all(void *arg)
{
	struct tree *tree = arg;
	unsigned int i;

	for (i = NR; i < 2 * NR; i++) {
		add_nth(tree, i);
		atomic_store(&nr_added, i + 1);
	}
	return NULL;
}

static void *add_another(void *arg)
{
	struct tree *tree = arg;

	add_nth(tree, 2 * NR);
	return NULL;
}

/* A thread is stopped at @point of a resize: what others do goes on. */
static void stopped_at(enum dc_point point, int limit)
{
	struct tree tree = tree_begin(&two_buckets, NULL);
	struct gate gate;
	struct dentry *dentry;
	char buf[NAME_SIZE];
	struct qstr cold;
	pthread_t adder, thread;
	unsigned int i;

	for (i = 0; i < NR; i++)
		add_nth(&tree, i);
	REQUIRE(EVENTUALLY(room(&tree) >= NR));
	atomic_store(&nr_added, NR);
	gate_arm(&gate, point, NULL, limit);
	adder = test_thread(add_all, &tree);
	CHECK(gate_wait(&gate, 1));
	/* Hits. Misses, and lookups of names that nobody knows. */
	for (i = 0; i < atomic_load(&nr_added); i++)
		CHECK(find_nth(&tree, i));
	for (i = 0; i < NR; i++) {
		cold = nth_name(buf, "cold", i);
		CHECK(!d_lookup(tree.root, &cold));
		dentry = d_alloc_parallel(tree.root, &cold, NULL);
		CHECK(d_in_lookup(dentry));
		d_lookup_done(dentry);
		dput(dentry);
	}
	/* An addition may have to wait for that bucket, and no longer. */
	thread = test_thread(add_another, &tree);
	test_sleep_ms(2);
	gate_open(&gate);
	test_join(thread);
	test_join(adder);
	gates_reset();
	for (i = 0; i <= 2 * NR; i++)
		CHECK(find_nth(&tree, i));
	tree_end(&tree);
}

TEST(a_thread_stops_having_marked_a_bucket, "H46 T1 tables")
{
	stopped_at(DC_G1, 1);
}

TEST(a_thread_stops_with_a_node_on_both_chains, "H46 T1 tables")
{
	stopped_at(DC_G2, 1);
}

TEST(a_thread_stops_before_the_old_array_is_retired, "H46 T4 tables")
{
	stopped_at(DC_G3, 1);
}

/* So many come while the last bucket of a resize is counted that the next one is due at its end. */
TEST(the_end_of_a_resize_begins_the_next, "H46 T6 tables")
{
	struct tree tree = tree_begin(&two_buckets, NULL);
	struct gate gate;
	unsigned int n = 0;

	/* The instance's thread: this one begins the resize, and finds nothing left to be moved later. */
	gate_arm(&gate, DC_G3, NULL, 1);
	do {
		add_nth(&tree, n++);
	} while (tree_stats(&tree).resizes < 1);
	REQUIRE(gate_wait(&gate, 1));
	while (n < 500)
		add_nth(&tree, n++);
	CHECK_EQ(tree_stats(&tree).resizes, 1);
	gate_open(&gate);
	CHECK(EVENTUALLY(room(&tree) >= n));
	gates_reset();
	while (n--)
		CHECK(find_nth(&tree, n));
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */

/* ---- a reader who is in a bucket that is moved ---- */

static struct {
	const char *at;			/* the name at whose entry the reader stops */
	_Atomic bool armed, stands, go_on;
} stop;

static int one_hash(const struct dentry *dir, struct qstr *name)
{
	/* Those that begin with "same" lie in one bucket, and have one tag. */
	name->hash = name->len > 4 && !memcmp(name->name, "same", 4)
			     ? 4711
			     : full_name_hash(dir, name->name, name->len);
	return 0;
}

static int stopping_compare(const struct dentry *dir, unsigned int len, const char *str,
			    const struct qstr *name)
{
	(void)dir;
	if (len == strlen(stop.at) && !memcmp(str, stop.at, len) && atomic_exchange(&stop.armed, false)) {
		atomic_store(&stop.stands, true);
		while (!atomic_load(&stop.go_on))
			;
	}
	return len != name->len || memcmp(str, name->name, len);
}

struct same_search {
	struct tree *tree;
	unsigned int wanted;
};

static void *look_up_same(void *arg)
{
	struct same_search *search = arg;
	char buf[NAME_SIZE];
	struct qstr name = nth_name(buf, "same", search->wanted);

	return d_lookup(search->tree->root, &name);
}

/* The number of the name in that slot: they fill the slots from the home on. */
static unsigned int number_in(struct tree *tree, unsigned int slot)
{
	char buf[NAME_SIZE];
	struct qstr name = nth_name(buf, "same", 0);

	if (slot >= BUCKET_SLOTS)
		return slot;
	CHECK(!d_hash_name(tree->root, &name));
	return (slot + BUCKET_SLOTS - bucket_home(table_hash(tree->root, &name))) % BUCKET_SLOTS;
}

/* The names fill the slots and then a chain, of which the last is the newest. Who looks for @wanted is
 * stopped at the entry of @at while the table grows. Both are slots, or numbers of the chain's. */
static void moved_under_a_reader(unsigned int at, unsigned int wanted)
{
	static const struct dentry_operations ops = { .d_hash = one_hash,
						      .d_compare = stopping_compare };
	struct dcache_options opts = two_buckets;
	char buf[NAME_SIZE], at_buf[NAME_SIZE];
	struct same_search search;
	struct dentry *dentry;
	struct tree tree;
	struct qstr name;
	pthread_t thread;
	unsigned int i;
	void *found;

	opts.d_op = &ops;
	opts.hash_buckets = 16;
	tree = tree_begin(&opts, NULL);
	nth_name(at_buf, "same", number_in(&tree, at));
	stop.at = at_buf;
	wanted = number_in(&tree, wanted);
	for (i = 0; i < BUCKET_SLOTS + 5; i++) {
		name = nth_name(buf, "same", i);
		dput(tree_add(&tree, tree.root, &name, 0));
	}
	atomic_store(&stop.stands, false);
	atomic_store(&stop.go_on, false);
	atomic_store(&stop.armed, true);
	search = (struct same_search){ &tree, wanted };
	thread = test_thread(look_up_same, &search);
	CHECK(EVENTUALLY(atomic_load(&stop.stands)));
	for (i = 0; i < 500; i++)
		add_nth(&tree, i);
	CHECK(EVENTUALLY(buckets(&tree) >= 64));
	atomic_store(&stop.go_on, true);
	if (pthread_join(thread, &found))
		abort();
	name = nth_name(buf, "same", wanted);
	dentry = d_lookup(tree.root, &name);
	CHECK(dentry && found == dentry);
	dput(dentry);
	dput(found);
	tree_end(&tree);
}

TEST(a_reader_stands_on_a_chain_while_it_is_moved, "H46 T1 tables")
{
	moved_under_a_reader(BUCKET_SLOTS + 4, BUCKET_SLOTS);
}

TEST(a_reader_is_at_a_slot_while_its_bucket_is_moved, "H46 T1 tables")
{
	moved_under_a_reader(0, 5);
	moved_under_a_reader(0, BUCKET_SLOTS);
}

/* ---- how evenly it is filled ---- */

struct filling {
	double nodes, buckets, squares;
	uint64_t longest;
};

/* Of the buckets; of the entries whose name's hash ends in @shard alone, unless that is negative. */
static struct filling filling_of(struct dcache *dc, int shard)
{
	struct filling filling = { 0 };
	uint64_t array, i;

	dcache_read_lock();
	array = table_current(&dc->entries);
	filling.buckets = (double)((uint64_t)1 << (array & TABLE_LOG2));
	for (i = 0; i < (uint64_t)1 << (array & TABLE_LOG2); i++) {
		uint64_t len = test_bucket_length(table_bucket(array, i), shard);

		filling.nodes += (double)len;
		filling.squares += (double)(len * len);
		if (len > filling.longest)
			filling.longest = len;
	}
	dcache_read_unlock();
	return filling;
}

/* Chosen at random, a bucket's squared length is what the number of pairs says. */
static void check_filling(struct dcache *dc, const char *what)
{
	int shard;

	/* All in one array. */
	CHECK(EVENTUALLY(atomic_load(&dc->entries.state) == TABLE_REST));
	for (shard = -1; shard < 16; shard += 4) {
		struct filling filling = filling_of(dc, shard);
		double ideal = filling.nodes + filling.nodes * (filling.nodes - 1) / filling.buckets;

		/* A few names in all directories: not in all shards are there enough to judge. */
		if (filling.nodes < 500)
			continue;
		test_check(filling.squares < ideal * 1.1, __FILE__, __LINE__,
			   "%s, shard %d: %.0f in %.0f, squares %.0f, ideal %.0f", what, shard,
			   filling.nodes, filling.buckets, filling.squares, ideal);
		test_check(filling.longest <= 25, __FILE__, __LINE__, "%s: fullest bucket %llu", what,
			   (unsigned long long)filling.longest);
	}
}

#define FILL 30000u

/* Names that differ in little, as real ones do. @dir_size: entries of a directory. */
static void fill(struct tree *tree, unsigned int nr, unsigned int dir_size)
{
	static const char *const kinds[] = { "IMG_%04u.JPG", "lib%u.so.1", "%08x.dat", "a%u",
					     "frame-%06u" };
	struct dentry *dir = dget(tree->root);
	char buf[NAME_SIZE];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct qstr name;

		if (i % dir_size == 0) {
			dput(dir);
			name = nth_name(buf, "dir", i);
			dir = tree_add(tree, tree->root, &name, INODE_DIRECTORY);
		}
		name = qstr_init(buf, (size_t)snprintf(buf, sizeof(buf), kinds[i % 5],
						       dir_size < 100 ? i % dir_size : i));
		dput(tree_add(tree, dir, &name, 0));
	}
	dput(dir);
	CHECK(EVENTUALLY(room(tree) >= nr));
}

TEST(one_big_directory_is_spread_evenly, "H48 tables")
{
	struct tree tree = tree_begin(&two_buckets, NULL);

	fill(&tree, FILL, FILL);
	check_filling(tree.dc, "one directory");
	tree_end(&tree);
}

TEST(many_directories_with_the_same_names_are_spread_evenly, "H48 tables")
{
	struct tree tree = tree_begin(&two_buckets, NULL);

	/* Fewer: each is searched for in one bucket if this does not hold. */
	fill(&tree, FILL / 3, 10);
	check_filling(tree.dc, "many directories");
	tree_end(&tree);
}

/* Those of this machine; as many as there are, up to a bound. */
TEST(real_names_are_spread_evenly, "H48 tables")
{
	char usr[] = "/usr", *paths[] = { usr, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	struct tree tree = tree_begin(&two_buckets, NULL);
	struct dentry *dirs[64] = { tree.root };
	unsigned int n = 0;
	FTSENT *at;

	while (fts && n < FILL && (at = fts_read(fts))) {
		struct dentry *dentry;
		struct qstr name = qstr_init(at->fts_name, at->fts_namelen);

		if (at->fts_level < 1 || at->fts_level > 62 || !dirs[at->fts_level - 1])
			continue;
		if (at->fts_info == FTS_DP) {
			dput(dirs[at->fts_level]);
			dirs[at->fts_level] = NULL;
			continue;
		}
		dentry = tree_add(&tree, dirs[at->fts_level - 1], &name,
				  at->fts_info == FTS_D ? INODE_DIRECTORY : INODE_REGULAR);
		n++;
		if (at->fts_info == FTS_D)
			dirs[at->fts_level] = dentry;
		else
			dput(dentry);
	}
	if (fts)
		fts_close(fts);
	if (n > 10000) {
		CHECK(EVENTUALLY(room(&tree) >= n));
		check_filling(tree.dc, "/usr");
	}
	for (n = 1; n < 64; n++)
		dput(dirs[n]);
	tree_end(&tree);
}

static uint64_t hash_bits(struct tree *tree, const char *text, uint64_t mask)
{
	struct qstr name = qstr_init(text, strlen(text));

	CHECK(!d_hash_name(tree->root, &name));
	return name.hash & mask;
}

/* Names that somebody has found to share so much of their hash in one instance. */
TEST(names_that_collide_in_one_instance_do_not_in_another, "H49 tables")
{
	struct tree one = tree_begin(NULL, NULL), other = { 0 };
	uint64_t all = 1023, wanted = hash_bits(&one, "victim", all);
	unsigned int chosen = 0, hits = 0, i;
	char buf[NAME_SIZE];

	REQUIRE(!dcache_create(NULL, &other.dc));
	other.root = d_make_root(new_inode(other.dc, 1, INODE_DIRECTORY, NULL, NULL));

	for (i = 0; chosen < 100; i++) {
		nth_name(buf, "v", i);
		if (hash_bits(&one, buf, all) != wanted)
			continue;
		chosen++;
		hits += hash_bits(&other, buf, all) == hash_bits(&other, "victim", all);
	}
	/* By chance, one in a thousand. */
	CHECK(hits <= 5);
	dput(other.root);
	CHECK_EQ(dcache_destroy(other.dc), 0);
	tree_end(&one);
}

/* ---- names that never change, while the table does ---- */

#define STILL 64u

static struct {
	struct tree tree;
	_Atomic bool stop;
	_Atomic uint64_t lookups, misses;
} storm;

static void *look_up_still(void *arg)
{
	bool with_reference = arg;
	uint64_t lookups = 0, misses = 0;
	struct qstr names[STILL];
	char buf[STILL][NAME_SIZE];
	unsigned int i;

	for (i = 0; i < STILL; i++)
		names[i] = nth_name(buf[i], "still", i);
	while (!atomic_load(&storm.stop)) {
		for (i = 0; i < STILL; i++) {
			if (with_reference) {
				struct dentry *dentry = d_lookup(storm.tree.root, &names[i]);

				misses += !dentry;
				dput(dentry);
			} else {
				uint32_t seq;

				dcache_read_lock();
				misses += !d_lookup_rcu(storm.tree.root, &names[i], &seq);
				dcache_read_unlock();
			}
		}
		lookups += STILL;
	}
	atomic_fetch_add(&storm.lookups, lookups);
	atomic_fetch_add(&storm.misses, misses);
	return NULL;
}

static void *come_and_go(void *arg)
{
	const unsigned int first = *(unsigned int *)arg, nr = 3000;
	unsigned int i;

	while (!atomic_load(&storm.stop)) {
		for (i = 0; i < nr && !atomic_load(&storm.stop); i++)
			add_nth(&storm.tree, first + i);
		while (i--)
			drop_nth(&storm.tree, first + i);
	}
	return NULL;
}

/* DCACHE_STRESS_SECONDS: how long; 2 unless given. */
TEST(still_names_are_never_missed_while_the_table_grows_and_shrinks, "stress H46 tables")
{
	const char *seconds = getenv("DCACHE_STRESS_SECONDS");
	unsigned int first[] = { 0, 100000 }, i;
	pthread_t threads[4];
	char buf[NAME_SIZE];

	storm.tree = tree_begin(&two_buckets, NULL);
	atomic_store(&storm.stop, false);
	atomic_store(&storm.lookups, 0);
	atomic_store(&storm.misses, 0);
	for (i = 0; i < STILL; i++) {
		struct qstr name = nth_name(buf, "still", i);

		dput(tree_add(&storm.tree, storm.tree.root, &name, 0));
	}
	threads[0] = test_thread(look_up_still, NULL);
	threads[1] = test_thread(look_up_still, &storm);
	threads[2] = test_thread(come_and_go, &first[0]);
	threads[3] = test_thread(come_and_go, &first[1]);
	test_sleep_ms(seconds ? (unsigned int)atoi(seconds) * 1000 : 2000);
	atomic_store(&storm.stop, true);
	for (i = 0; i < 4; i++)
		test_join(threads[i]);
	CHECK(atomic_load(&storm.lookups) > 1000);
	CHECK_EQ(atomic_load(&storm.misses), 0);
	CHECK(tree_stats(&storm.tree).resizes > 10);
	if (seconds)
		printf("%llu lookups, %llu resizes\n",
		       (unsigned long long)atomic_load(&storm.lookups),
		       (unsigned long long)tree_stats(&storm.tree).resizes);
	tree_end(&storm.tree);
}
