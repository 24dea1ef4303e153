/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walks along paths against threads that drop, free and move what they lead through. */
#include "harness.h"

/* ---- H33: from a directory that is being freed ---- */

#ifdef DCACHE_DEBUG
static void *drop_and_put(void *dentry)
{
	d_drop(dentry);
	dput(dentry);
	return NULL;
}

static void walk_from_the_dead(struct dentry *root, struct dentry *base, const char *path)
{
	struct dentry *dentry;
	uint32_t seq;

	dentry = dcache_walk_rcu(root, base, path, strlen(path), 0, &seq);
	CHECK(PTR_ERR(dentry) == -ECHILD || (!IS_ERR(dentry) && d_seq_retry(dentry, seq)));
}

static void walk_at(enum dc_point point)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct gate gate;
	struct dentry *base;
	pthread_t thread;
	uint32_t seq;

	gate_arm(&gate, point, dir, 1);
	dcache_read_lock();
	base = d_lookup_rcu(tree.root, NAME("dir"), &seq);
	CHECK(base == dir);
	thread = test_thread(drop_and_put, dir);
	CHECK(gate_wait(&gate, 1));
	/* It is dead, and this section keeps its memory. */
	walk_from_the_dead(tree.root, base, ".");
	walk_from_the_dead(tree.root, base, "n");
	walk_from_the_dead(tree.root, base, "./n/..");
	walk_from_the_dead(tree.root, base, "..");
	gate_open(&gate);
	dcache_read_unlock();
	test_join(thread);
	gates_reset();
	tree_end(&tree);
}

TEST(a_walk_that_begins_at_what_is_being_freed, "H33")
{
	walk_at(DC_K2);
	walk_at(DC_K3);
	walk_at(DC_K4);
}
#endif

/* ---- rename storms ---- */

/* "b" goes from "a" to "c" and back. While it is in "c", and only then, it has a child "in-c"; and the
 * root "x-in-c". While it is in "a", and only then, "in-a" and "x-in-a". */
static struct tree storm_tree;
static struct dentry *dir_a, *dir_b, *dir_c;
static _Atomic bool storm_over;
static _Atomic long storm_moves;

static bool find_at(struct dentry *dir, struct dentry *parent, const struct qstr *name)
{
	struct dentry *dentry = d_alloc(parent, name);
	struct dentry *alias;

	ihold(d_inode(dir));
	alias = d_splice_alias(d_inode(dir), dentry);
	/* Somebody who asks the directory that it is to leave: later. */
	CHECK(alias == dir || PTR_ERR(alias) == -ESTALE);
	dput(dentry);
	if (IS_ERR(alias))
		return false;
	dput(alias);
	return true;
}

static void *storm(void *arg)
{
	(void)arg;
	while (!atomic_load(&storm_over)) {
		struct dentry *in = tree_add(&storm_tree, dir_b, NAME("in-a"), INODE_REGULAR);
		struct dentry *x = tree_add(&storm_tree, dir_a, NAME("x-in-a"), INODE_REGULAR);

		d_drop(in);
		dput(in);
		d_drop(x);
		dput(x);
		while (!find_at(dir_b, dir_c, NAME("b")))
			;
		in = tree_add(&storm_tree, dir_b, NAME("in-c"), INODE_REGULAR);
		x = tree_add(&storm_tree, dir_a, NAME("x-in-c"), INODE_REGULAR);
		d_drop(in);
		dput(in);
		d_drop(x);
		dput(x);
		while (!find_at(dir_b, dir_a, NAME("b")))
			;
		atomic_fetch_add(&storm_moves, 2);
	}
	return NULL;
}

/* Nobody is to be asked: then, what is not there. */
static bool is_told_absent(const struct dentry *dentry)
{
	return PTR_ERR(dentry) == -EOPNOTSUPP || PTR_ERR(dentry) == -EAGAIN;
}

static void walk_there(const char *path, const struct dentry *expected)
{
	struct dentry *dentry = dcache_walk(storm_tree.root, NULL, path, strlen(path), 0);

	test_check(dentry == expected, __FILE__, __LINE__, "%s: %ld", path,
		   IS_ERR(dentry) ? PTR_ERR(dentry) : 0);
	dput(dentry);
}

static void walk_there_or_not(const char *path, const struct dentry *expected)
{
	struct dentry *dentry = dcache_walk(storm_tree.root, NULL, path, strlen(path), 0);

	test_check(dentry == expected || is_told_absent(dentry), __FILE__, __LINE__, "%s: %ld",
		   path, IS_ERR(dentry) ? PTR_ERR(dentry) : 0);
	dput(dentry);
}

static void walk_nowhere(const char *path)
{
	struct dentry *dentry = dcache_walk(storm_tree.root, NULL, path, strlen(path), 0);

	test_check(is_told_absent(dentry), __FILE__, __LINE__, "%s: %ld", path,
		   IS_ERR(dentry) ? PTR_ERR(dentry) : 0);
	dput(dentry);
}

struct still {
	struct dentry *entry;
	_Atomic long walks;
};

static void *walk_impossible(void *arg)
{
	(void)arg;
	while (!atomic_load(&storm_over)) {
		walk_nowhere("a/b/in-c");
		walk_nowhere("c/b/in-a");
		walk_nowhere("a/b/../x-in-c");
		walk_nowhere("c/b/../../a/x-in-a");
		walk_nowhere("c/b/../../a/b");
		walk_nowhere("a/b/../../c/b");
		walk_there_or_not("a/b", dir_b);
		walk_there_or_not("a/b/..", dir_a);
		walk_there_or_not("c/b/..", dir_c);
	}
	return NULL;
}

static void *walk_still(void *arg)
{
	struct still *still = arg;

	while (!atomic_load(&storm_over)) {
		walk_there("still/s/t", still->entry);
		walk_there("still/./s/../../a/../still/s/t", still->entry);
		atomic_fetch_add(&still->walks, 2);
	}
	return NULL;
}

/* One second, or DCACHE_STORM_SECONDS. */
static uint64_t storm_end(void)
{
	const char *seconds = getenv("DCACHE_STORM_SECONDS");

	return test_now_ns() + 1000000000u * (seconds ? strtoull(seconds, NULL, 0) : 1);
}

TEST(a_rename_storm_and_walks, "H46 H40 dcache_walk")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct still still = { 0 };
	struct dentry *dir, *sub;
	pthread_t threads[4];
	uint64_t until;
	int i;

	/* Long chains: moves take entries from under those who stand on them. */
	opts.hash_buckets = 2;
	storm_tree = tree_begin(&opts, NULL);
	dir_a = tree_add(&storm_tree, storm_tree.root, NAME("a"), INODE_DIRECTORY);
	dir_c = tree_add(&storm_tree, storm_tree.root, NAME("c"), INODE_DIRECTORY);
	dir_b = tree_add(&storm_tree, dir_a, NAME("b"), INODE_DIRECTORY);
	dir = tree_add(&storm_tree, storm_tree.root, NAME("still"), INODE_DIRECTORY);
	sub = tree_add(&storm_tree, dir, NAME("s"), INODE_DIRECTORY);
	still.entry = tree_add(&storm_tree, sub, NAME("t"), INODE_REGULAR);
	atomic_store(&storm_over, false);
	atomic_store(&storm_moves, 0);
	threads[0] = test_thread(storm, NULL);
	threads[1] = test_thread(walk_impossible, NULL);
	threads[2] = test_thread(walk_impossible, NULL);
	threads[3] = test_thread(walk_still, &still);
	until = storm_end();
	while (test_now_ns() < until)
		test_sleep_ms(10);
	atomic_store(&storm_over, true);
	for (i = 0; i < 4; i++)
		test_join(threads[i]);
	printf("%ld moves, %ld walks of still names\n", atomic_load(&storm_moves),
	       atomic_load(&still.walks));
	CHECK(atomic_load(&storm_moves) && atomic_load(&still.walks));
	dput(still.entry);
	dput(sub);
	dput(dir);
	dput(dir_a);
	dput(dir_b);
	dput(dir_c);
	tree_end(&storm_tree);
}
