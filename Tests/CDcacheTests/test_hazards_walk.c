/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walks along paths against threads that drop, free and move what they lead through. */
#include <sched.h>
#include <sys/syscall.h>

#include "harness.h"
#include "internal.h"

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

/* ---- what is being changed is waited for, but not in a read section ---- */

/* A walk that cannot end before a test goes on. */
struct slow_walk {
	struct dentry *root, *base;
	const char *path;
	struct dentry *found;
	_Atomic int tid;
	_Atomic bool done;
	pthread_t thread;
};

static void *walk_slowly(void *arg)
{
	struct slow_walk *walk = arg;

	atomic_store(&walk->tid, (int)syscall(SYS_gettid));
	walk->found = dcache_walk(walk->root, walk->base, walk->path, strlen(walk->path), 0);
	atomic_store(&walk->done, true);
	return NULL;
}

static void slow_walk_start(struct slow_walk *walk)
{
	walk->thread = test_thread(walk_slowly, walk);
}

/* How often it has given up the processor. */
static long sleeps_of(const struct slow_walk *walk)
{
	char path[64], line[128];
	long sleeps = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", atomic_load(&walk->tid));
	file = fopen(path, "r");
	if (!file)
		return -1;
	while (sleeps < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "voluntary_ctxt_switches: %ld", &sleeps);
	fclose(file);
	return sleeps;
}

/* No lock is held that it could sleep for: it has looked several times, and waits before it looks again. */
static bool looks_again_and_again(const struct slow_walk *walk)
{
	long before = sleeps_of(walk);

	return EVENTUALLY(sleeps_of(walk) > before + 3) && !atomic_load(&walk->done);
}

/* The directory where a walk begins is changed by a mover who is slow, all but the lock. */
TEST(a_walk_that_begins_at_what_is_being_changed, "dcache_walk dcache_walk_rcu WALK_CACHED")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct slow_walk walk = { .root = tree.root, .base = dir, .path = "." };
	uint32_t seq;

	write_seqcount_begin(&dir->d_seq);
	dcache_read_lock();
	CHECK_ERR(dcache_walk_rcu(tree.root, dir, ".", 1, 0, &seq), -ECHILD);
	CHECK_ERR(dcache_walk_rcu(dir, NULL, ".", 1, 0, &seq), -ECHILD);
	dcache_read_unlock();
	CHECK_ERR(dcache_walk(tree.root, dir, ".", 1, WALK_CACHED), -EAGAIN);
	slow_walk_start(&walk);
	CHECK(EVENTUALLY(d_count(dir) == 2));
	CHECK(looks_again_and_again(&walk));
	write_seqcount_end(&dir->d_seq);
	test_join(walk.thread);
	CHECK(walk.found == dir);
	CHECK_EQ(d_count(dir), 2);
	dput(walk.found);
	dput(dir);
	tree_end(&tree);
}

/* ---- what a walk with references has found changes before it is proved ---- */

static struct {
	_Atomic int countdown; /* comparisons with "file" before one stops */
	_Atomic bool stands, go_on;
} stop;
static _Atomic long asked;

static int stopping_compare(const struct dentry *dir, unsigned int len, const char *str,
			    const struct qstr *name)
{
	(void)dir;
	if (len == 4 && !memcmp(str, "file", 4) && atomic_fetch_sub(&stop.countdown, 1) == 1) {
		atomic_store(&stop.stands, true);
		while (!atomic_load(&stop.go_on))
			sched_yield();
	}
	return len != name->len || memcmp(str, name->name, len);
}

static struct dentry *answer_by_name(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	bool file = *d_name(dentry).name == 'f';

	(void)flags;
	atomic_fetch_add(&asked, 1);
	return d_splice_alias(tree_inode(inode_dcache(dir),
					 file ? INODE_REGULAR : INODE_DIRECTORY), dentry);
}

enum change { COMES_BACK, IS_CHANGING, IS_GONE };

static void changes_before_it_is_proved(enum change change)
{
	static const struct dentry_operations stopping = { .d_compare = stopping_compare };
	static const struct inode_operations ops = { .lookup = answer_by_name };
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *file, *now;
	struct slow_walk walk = { 0 };
	struct tree tree;

	opts.d_op = &stopping;
	tree = tree_begin(&opts, &ops);
	file = tree_add(&tree, tree.root, NAME("file"), INODE_REGULAR);
	walk.root = tree.root;
	walk.path = "asked/../file";
	atomic_store(&asked, 0);
	atomic_store(&stop.stands, false);
	atomic_store(&stop.go_on, false);
	/* The first one finds it, the second is to prove it. */
	atomic_store(&stop.countdown, 2);
	slow_walk_start(&walk);
	CHECK(EVENTUALLY(atomic_load(&stop.stands)));
	/* It is found, and referenced. */
	CHECK_EQ(d_count(file), 2);
	if (change == IS_CHANGING) {
		write_seqcount_begin(&file->d_seq);
		atomic_store(&stop.go_on, true);
		CHECK(looks_again_and_again(&walk));
		write_seqcount_end(&file->d_seq);
	} else {
		d_drop(file);
		if (change == COMES_BACK)
			CHECK_EQ(d_rehash(file), 0);
		atomic_store(&stop.go_on, true);
	}
	test_join(walk.thread);
	now = d_lookup(tree.root, NAME("file"));
	CHECK(!IS_ERR(walk.found) && walk.found == now);
	CHECK_EQ(walk.found == file, change != IS_GONE);
	CHECK_EQ(atomic_load(&asked), 1 + (change == IS_GONE));
	dput(now);
	dput(walk.found);
	CHECK_EQ(d_count(file), 1);
	dput(file);
	tree_end(&tree);
}

TEST(what_a_walk_has_found_changes_before_it_is_proved, "dcache_walk H39")
{
	changes_before_it_is_proved(COMES_BACK);
	changes_before_it_is_proved(IS_CHANGING);
	changes_before_it_is_proved(IS_GONE);
}

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

struct still_walks {
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
	struct still_walks *still = arg;

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
	struct still_walks still = { 0 };
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
