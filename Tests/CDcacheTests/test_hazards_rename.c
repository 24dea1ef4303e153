/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hazards of moves: what lookups, waiters, paths, names and parents see meanwhile, and what is left.
 *
 * The loops are short here. DCACHE_RENAME_ROUNDS is how often the replace loop replaces (100000), and
 * how often each of two threads looks in a storm. A million replacements take a second; 250000000
 * rounds of the first storm are a billion lookups and take some minutes (DCACHE_TEST_TIMEOUT=1000).
 */
#include "harness.h"
#include "internal.h"

#define LONG_A "a-name-that-is-longer-than-forty-bytes-number-one"
#define LONG_B "a-name-that-is-longer-than-forty-bytes-number-two"

static unsigned long rounds(void)
{
	const char *value = getenv("DCACHE_RENAME_ROUNDS");

	return value ? strtoul(value, NULL, 10) : 100000;
}

static struct dentry *made(struct dentry *dir, const struct qstr *name)
{
	struct dentry *dentry = d_alloc(dir, name);

	CHECK(!IS_ERR(dentry));
	return dentry;
}

/* ---- H10 ---- */

TEST(waiters_for_a_name_get_what_is_moved_there, "H10")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, NAME("old"), INODE_REGULAR);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *asked = d_alloc_parallel(tree.root, NAME("new"), &wq);
	struct asker crowd[3] = { { 0 }, { 0 }, { 0 } };

	start_crowd(crowd, 3, tree.root, NAME("new"));
	parked(asked, 3);
	CHECK_EQ(d_move(file, asked), 0);
	CHECK(!d_in_lookup(asked) && d_unhashed(asked) && d_is_negative(asked));
	CHECK_EQ(join_crowd(crowd, 3, file), 0);
	CHECK_EQ(d_count(asked), 1);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	dput(asked);
	dput(file);
	tree_end(&tree);
}

/* ---- H35 at M1 ---- */

#ifdef DCACHE_DEBUG

struct call {
	struct dentry *a, *b;
	int (*move)(struct dentry *a, struct dentry *b);
	char path[64];
	_Atomic bool done;
};

static void *call_move(void *arg)
{
	struct call *call = arg;

	CHECK_EQ(call->move(call->a, call->b), 0);
	return NULL;
}

static void *call_path(void *arg)
{
	struct call *call = arg;

	CHECK(d_path(call->a, NULL, call->path, sizeof(call->path)) > 0);
	atomic_store(&call->done, true);
	return NULL;
}

static void see_at_m1(int (*move)(struct dentry *, struct dentry *))
{
	struct tree tree = tree_begin(NULL, NULL);
	struct call call = { .move = move }, of_a = { 0 }, of_b = { 0 };
	struct gate between = { 0 };
	pthread_t threads[3];

	call.a = of_a.a = tree_add(&tree, tree.root, NAME("a"), INODE_REGULAR);
	call.b = of_b.a = tree_add(&tree, tree.root, NAME("b"), INODE_REGULAR);
	gate_arm(&between, DC_M1, call.a, 1);
	threads[0] = test_thread(call_move, &call);
	CHECK(gate_wait(&between, 1));
	CHECK(!d_unhashed(call.a) && !d_unhashed(call.b));
	threads[1] = test_thread(call_path, &of_a);
	threads[2] = test_thread(call_path, &of_b);
	test_sleep_ms(20);
	CHECK(!atomic_load(&of_a.done) && !atomic_load(&of_b.done));
	gate_open(&between);
	test_join(threads[0]);
	test_join(threads[1]);
	test_join(threads[2]);
	gates_reset();
	CHECK(!strcmp(of_a.path, "/b"));
	CHECK(!strcmp(of_b.path, move == d_move ? "/b (deleted)" : "/a"));
	dput(call.a);
	dput(call.b);
	tree_end(&tree);
}

TEST(what_is_on_its_way_is_not_deleted, "H35")
{
	see_at_m1(d_move);
	see_at_m1(d_exchange);
}

struct stale_look {
	struct dentry *dentry;
	_Atomic bool stale, done;
};

static void *look_whether_stale(void *arg)
{
	struct stale_look *look = arg;

	dcache_read_lock();
	atomic_store(&look->stale, d_is_stale(look->dentry));
	dcache_read_unlock();
	atomic_store(&look->done, true);
	return NULL;
}

/* In a read section it is not waited for whoever moves it, whose processor may be another's. */
TEST(what_is_moving_seems_stale_at_once, "F4 d_is_stale")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct call call = { .move = d_move };
	struct stale_look look = { 0 };
	struct gate moving = { 0 };
	pthread_t mover, looker;

	call.a = look.dentry = tree_add(&tree, tree.root, NAME("a"), INODE_REGULAR);
	call.b = tree_add(&tree, tree.root, NAME("b"), INODE_REGULAR);
	CHECK(!d_is_stale(call.a));
	gate_arm(&moving, DC_M2, call.a, 1);
	mover = test_thread(call_move, &call);
	CHECK(gate_wait(&moving, 1));
	looker = test_thread(look_whether_stale, &look);
	CHECK(EVENTUALLY(atomic_load(&look.done)));
	CHECK(atomic_load(&look.stale));
	gate_open(&moving);
	test_join(looker);
	test_join(mover);
	gates_reset();
	CHECK(!d_is_stale(call.a));
	dput(call.a);
	dput(call.b);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */

/* ---- H47 ---- */

/* Entries in the bucket of (@dir, @name). */
static uint64_t bucket_length(const struct dentry *dir, struct qstr name)
{
	uint64_t length;

	CHECK_EQ(d_hash_name(dir, &name), 0);
	dcache_read_lock();
	length = test_bucket_length(table_truth(&dir->d_dcache->entries, table_hash(dir, &name)), -1);
	dcache_read_unlock();
	return length;
}

TEST(a_replace_loop_leaves_nothing, "H47 H50")
{
	const struct qstr name = QSTR_INIT(LONG_A, sizeof(LONG_A) - 1);
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *target, *fresh;
	unsigned long i, n = rounds();
	uint64_t bytes = 0, most = 0, longest = 0;
	struct tree tree;

	opts.hash_buckets = 2;
	tree = tree_begin(&opts, NULL);
	dput(tree_add(&tree, tree.root, &name, INODE_REGULAR));
	for (i = 0; i < n; i++) {
		fresh = tree_add(&tree, tree.root, NAME("temporary"), INODE_REGULAR);
		target = d_lookup(tree.root, &name);
		if (!CHECK(target) || !CHECK(!d_move(fresh, target)))
			break;
		dput(target);
		dput(fresh);
		if (i % 1000 == 0) {
			uint64_t length = bucket_length(tree.root, name);

			dcache_barrier(tree.dc);
			longest = length > longest ? length : longest;
			most = tree_stats(&tree).bytes > most ? tree_stats(&tree).bytes : most;
			if (!i)
				bytes = most;
			/* Ever fuller buckets would take for ever. */
			if (length > 1)
				break;
		}
	}
	CHECK_EQ(most, bytes);
	CHECK_EQ(longest, 1);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	CHECK_EQ(tree_stats(&tree).renames, n);
	tree_end(&tree);
}

/* ---- storms ---- */

/*
 * Two directories, below each of which an entry bears a name, and one that is moved and replaces; all of
 * them are moved and exchanged by one thread, as fast as it can, until the others have looked often
 * enough. In a table of two buckets everybody's chain is everybody else's.
 */
struct storm {
	struct tree tree;
	struct dentry *dirs[2];
	struct dentry *entries[2];
	const struct qstr *names[2];
	_Atomic bool stop;
	_Atomic unsigned long moves;
};

static struct storm storm;

/* Exchange the two, then replace one by a third that takes its place for good. */
static void *blow(void *arg)
{
	(void)arg;
	while (!atomic_load(&storm.stop)) {
		struct dentry *there = made(storm.dirs[storm.moves % 2], NAME("there"));
		struct dentry *back;

		CHECK_EQ(d_exchange(storm.entries[0], storm.entries[1]), 0);
		back = made(d_parent(storm.entries[0]), storm.names[(storm.moves + 1) % 2]);
		CHECK_EQ(d_move(storm.entries[0], there), 0);
		CHECK_EQ(d_move(storm.entries[0], back), 0);
		dput(there);
		dput(back);
		storm.moves++;
	}
	return NULL;
}

static void storm_run(const struct dentry_operations *d_op, const struct qstr *a,
		      const struct qstr *b, void *(*look)(void *))
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	pthread_t mover, lookers[2];
	int i;

	memset(&storm, 0, sizeof(storm));
	opts.hash_buckets = 2;
	opts.d_op = d_op;
	storm.tree = tree_begin(&opts, NULL);
	storm.dirs[0] = tree_add(&storm.tree, storm.tree.root, NAME("one"), INODE_DIRECTORY);
	storm.dirs[1] = tree_add(&storm.tree, storm.tree.root, NAME("two"), INODE_DIRECTORY);
	storm.names[0] = a;
	storm.names[1] = b;
	storm.entries[0] = tree_add(&storm.tree, storm.dirs[0], a, INODE_DIRECTORY);
	storm.entries[1] = tree_add(&storm.tree, storm.dirs[1], b, INODE_DIRECTORY);
	dput(tree_add(&storm.tree, storm.dirs[0], NAME("still"), INODE_REGULAR));
	dput(tree_add(&storm.tree, storm.entries[0], NAME("below"), INODE_REGULAR));
	mover = test_thread(blow, NULL);
	/* On a busy machine the others might have looked their fill before. */
	CHECK(EVENTUALLY(storm.moves > 0));
	for (i = 0; i < 2; i++)
		lookers[i] = test_thread(look, storm.entries[i]);
	for (i = 0; i < 2; i++)
		test_join(lookers[i]);
	atomic_store(&storm.stop, true);
	test_join(mover);
	for (i = 0; i < 2; i++) {
		dput(storm.entries[i]);
		dput(storm.dirs[i]);
	}
	shrink_dcache(storm.tree.dc, 100);
	CHECK_EQ(tree_stats(&storm.tree).entries, 1);
	tree_end(&storm.tree);
}

/* What is not moved is never missed, nor what is below that which is. */
static void *look_up_still(void *arg)
{
	unsigned long i;

	(void)arg;
	for (i = 0; i < rounds(); i++) {
		struct dentry *still = d_lookup(storm.dirs[0], NAME("still"));
		struct dentry *below = d_lookup(storm.entries[0], NAME("below"));

		if (i % 8 == 0) {
			DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
			struct dentry *again = d_alloc_parallel(storm.dirs[0], NAME("still"), &wq);

			CHECK(again == still);
			dput(again);
		}
		if (!CHECK(still && below))
			break;
		dput(still);
		dput(below);
	}
	return NULL;
}

TEST(a_storm_of_moves_hides_no_still_name, "H46")
{
	storm_run(NULL, NAME("a"), NAME("b"), look_up_still);
}

/* What is found is one of both, by a compare that must see whole names only. */
static void *look_up_moving(void *arg)
{
	unsigned long i;

	(void)arg;
	for (i = 0; i < rounds() / 2; i++) {
		const struct dentry *dentry;
		struct dentry *found;
		uint32_t seq;

		dcache_read_lock();
		dentry = d_lookup_rcu(storm.dirs[0], NAME("AAAAAAAAaaaaaaAAAAAA"), &seq);
		CHECK(!dentry || dentry == storm.entries[0] || dentry == storm.entries[1]);
		CHECK(!d_lookup_rcu(storm.dirs[0], NAME("aaaaaaaabbbb"), &seq));
		CHECK(!d_lookup_rcu(storm.dirs[1], NAME("bbbbbbbbaaaaaaaaaaaa"), &seq));
		dcache_read_unlock();
		found = d_lookup(storm.dirs[1], NAME("bbbbbbbbBBBB"));
		CHECK(!found || found == storm.entries[0] || found == storm.entries[1]);
		dput(found);
	}
	return NULL;
}

TEST(a_storm_of_short_names_is_compared_whole, "H40")
{
	storm_run(&ascii_ci_ops, NAME("aaaaaaaaaaaaaaaaaaaa"), NAME("bbbbbbbbbbbb"),
		  look_up_moving);
}

static bool is(const struct qstr *name, const char *expected)
{
	return name->len == strlen(expected) && !memcmp(name->name, expected, name->len);
}

static void *take_snapshots(void *arg)
{
	struct name_snapshot kept[4];
	unsigned long i;

	for (i = 0; i < rounds() / 2; i++) {
		struct name_snapshot *snapshot = &kept[i % 4];

		if (i >= 4)
			release_dentry_name_snapshot(snapshot);
		take_dentry_name_snapshot(snapshot, arg);
		CHECK(is(&snapshot->name, LONG_A) || is(&snapshot->name, "s") ||
		      is(&snapshot->name, "there"));
		snapshot = &kept[(i + 2) % 4];
		CHECK(i < 4 || is(&snapshot->name, LONG_A) || is(&snapshot->name, "s") ||
		      is(&snapshot->name, "there"));
	}
	for (i = 0; i < 4; i++)
		release_dentry_name_snapshot(&kept[i]);
	return NULL;
}

TEST(snapshots_of_names_in_a_storm, "H41 H40")
{
	storm_run(NULL, NAME(LONG_A), NAME("s"), take_snapshots);
}

static void *read_paths(void *arg)
{
	static const char *const right[] = { "/one/a", "/two/b", "/one/there", "/two/there" };
	unsigned long i;
	size_t j;

	for (i = 0; i < rounds() / 2; i++) {
		char path[64];

		CHECK(d_path(arg, NULL, path, sizeof(path)) > 0);
		for (j = 0; j < 4 && strcmp(path, right[j]); j++)
			;
		if (!CHECK(j < 4))
			break;
	}
	return NULL;
}

TEST(paths_in_a_storm_are_of_one_moment, "H35")
{
	storm_run(NULL, NAME("a"), NAME("b"), read_paths);
}

static void *look_at_parents(void *arg)
{
	unsigned long i;

	for (i = 0; i < rounds() / 2; i++) {
		struct dentry *parent = dget_parent(arg);

		CHECK(parent == storm.dirs[0] || parent == storm.dirs[1]);
		dput(parent);
		CHECK(is_subdir(arg, storm.tree.root));
		parent = d_ancestor(storm.tree.root, arg);
		CHECK(parent == storm.dirs[0] || parent == storm.dirs[1]);
	}
	return NULL;
}

TEST(parents_in_a_storm, "H32")
{
	storm_run(NULL, NAME("a"), NAME("b"), look_at_parents);
}

/* Each move leaves behind a directory that nobody else knows. */
static void *leave_directories(void *arg)
{
	unsigned long i;

	for (i = 0; i < rounds() / 20; i++) {
		struct dentry *dir = tree_add(arg, storm.tree.root, NAME("new"), INODE_DIRECTORY);
		struct dentry *there = made(dir, NAME("there"));

		CHECK_EQ(d_move(storm.entries[0], there), 0);
		d_drop(dir);
		dput(there);
		dput(dir);
	}
	atomic_store(&storm.stop, true);
	return NULL;
}

static void *look_at_what_is_left(void *arg)
{
	while (!atomic_load(&storm.stop)) {
		struct dentry *parent = dget_parent(arg);

		CHECK(d_is_dir(parent) && d_count(parent) > 0);
		dput(parent);
	}
	return NULL;
}

TEST(parents_that_go_with_their_last_child, "H32")
{
	pthread_t threads[2];

	memset(&storm, 0, sizeof(storm));
	storm.tree = tree_begin(NULL, NULL);
	storm.entries[0] = tree_add(&storm.tree, storm.tree.root, NAME("a"), INODE_REGULAR);
	threads[0] = test_thread(look_at_what_is_left, storm.entries[0]);
	threads[1] = test_thread(leave_directories, &storm.tree);
	test_join(threads[1]);
	test_join(threads[0]);
	dput(storm.entries[0]);
	tree_end(&storm.tree);
}
