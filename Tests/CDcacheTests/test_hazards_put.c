/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dput_deferred() and iput_deferred() where something goes on at the same time, or goes wrong. */
#include "harness.h"

#include <sys/wait.h>

#include "internal.h"

#define CROWD 4

static _Atomic long evicted;

static void count_evict(struct inode *inode)
{
	(void)inode;
	atomic_fetch_add(&evicted, 1);
}

static const struct inode_operations counting_ops = { .evict = count_evict };

static struct inode *counting_inode(struct dcache *dc)
{
	return new_inode(dc, 1, INODE_REGULAR, &counting_ops, NULL);
}

static struct dentry *unhashed_file(struct dentry *parent)
{
	struct dentry *dentry = d_alloc(parent, NAME("unhashed"));

	CHECK_EQ(d_instantiate(dentry, counting_inode(d_dcache(parent))), 0);
	return dentry;
}

/* ---- limits ---- */

#define MAX_ENTRIES 64
#define FLOOD 5000
/* Fewer than may wait for a grace period, each with its inode, where limits are small. */
#define LIMITED_FLOOD 400

/* Whoever makes an entry does of the puts what makes room, whatever the instance's thread does. */
TEST(a_flood_of_deferred_puts_is_within_the_limits, "dput_deferred max_entries H50")
{
	struct dcache_options options = DCACHE_OPTIONS_INIT;
	uint64_t most = 0, pending = 0;
	struct tree tree;
	int i;

	options.max_entries = MAX_ENTRIES;
	tree = tree_begin(&options, NULL);
	hold_thread(&tree);
	for (i = 0; i < LIMITED_FLOOD; i++) {
		struct dentry *dentry = unhashed_file(tree.root);
		struct dcache_stats stats = tree_stats(&tree);

		most = stats.entries > most ? stats.entries : most;
		pending = stats.pending_puts > pending ? stats.pending_puts : pending;
		dput_deferred(dentry);
	}
	CHECK_EQ(most, MAX_ENTRIES);
	CHECK(pending < MAX_ENTRIES);
	let_thread_go();
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

/* What waits to be put goes before what is cached. */
TEST(what_is_cached_outlives_what_waits_to_be_put, "dput_deferred max_entries")
{
	struct dcache_options options = DCACHE_OPTIONS_INIT;
	struct dentry *waiting[MAX_ENTRIES / 2];
	struct tree tree;
	int i;

	options.max_entries = MAX_ENTRIES;
	tree = tree_begin(&options, NULL);
	hold_thread(&tree);
	for (i = 0; i < MAX_ENTRIES / 2; i++)
		waiting[i] = unhashed_file(tree.root);
	for (i = 0; i < MAX_ENTRIES / 2 - 1; i++) {
		char buf[16];
		struct qstr name = qstr_init(buf, (size_t)sprintf(buf, "n%d", i));

		dput(tree_add(&tree, tree.root, &name, INODE_REGULAR));
	}
	CHECK_EQ(tree_stats(&tree).entries, MAX_ENTRIES);
	for (i = 0; i < MAX_ENTRIES / 2; i++)
		dput_deferred(waiting[i]);
	for (i = 0; i < 4; i++)
		waiting[i] = unhashed_file(tree.root);
	CHECK_EQ(tree_stats(&tree).evicted, 0);
	CHECK_EQ(tree_stats(&tree).unused, MAX_ENTRIES / 2 - 1);
	CHECK(tree_stats(&tree).entries <= MAX_ENTRIES);
	for (i = 0; i < 4; i++)
		dput(waiting[i]);
	let_thread_go();
	tree_end(&tree);
}

/* Room for a negative is made in the same way, and for bytes from inodes. */
TEST(deferred_puts_make_room_for_negatives, "dput_deferred max_negatives d_add")
{
	struct dcache_options options = DCACHE_OPTIONS_INIT;
	struct dentry *dentry, *waiting;
	struct tree tree;

	options.max_negatives = 1;
	tree = tree_begin(&options, NULL);
	hold_thread(&tree);
	waiting = tree_add(&tree, tree.root, NAME("waiting"), 0);
	d_drop(waiting);
	dput_deferred(waiting);
	iput_deferred(counting_inode(tree.dc));
	CHECK_EQ(tree_stats(&tree).pending_puts, 2);
	dput(tree_add(&tree, tree.root, NAME("first"), 0));
	CHECK_EQ(tree_stats(&tree).pending_puts, 2);
	dentry = d_alloc(tree.root, NAME("second"));
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK_EQ(tree_stats(&tree).pending_puts, 0);
	dput(dentry);
	let_thread_go();
	tree_end(&tree);
}

/* One who makes an entry does not wait for another's operation. */
TEST(who_makes_room_does_not_wait_for_a_portion, "dput_deferred max_entries")
{
	struct dcache_options options = DCACHE_OPTIONS_INIT;
	struct tree tree;
	int i;

	options.max_entries = MAX_ENTRIES;
	tree = tree_begin(&options, NULL);
	dc_lock(&tree.dc->deferred.run);
	for (i = 0; i < 2 * MAX_ENTRIES; i++)
		dput_deferred(unhashed_file(tree.root));
	CHECK_EQ(tree_stats(&tree).pending_puts, 2 * MAX_ENTRIES);
	CHECK_EQ(tree_stats(&tree).over_limit, MAX_ENTRIES + 1);
	dc_unlock(&tree.dc->deferred.run);
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

/* Without limits no caller is made to put what others have deferred. */
TEST(without_limits_nobody_makes_room, "dput_deferred d_alloc")
{
	struct tree tree = tree_begin(NULL, NULL);
	int i;

	hold_thread(&tree);
	atomic_store(&evicted, 0);
	for (i = 0; i < FLOOD; i++)
		dput_deferred(unhashed_file(tree.root));
	CHECK_EQ(tree_stats(&tree).pending_puts, FLOOD);
	CHECK_EQ(atomic_load(&evicted), 0);
	let_thread_go();
	dcache_barrier(tree.dc);
	CHECK_EQ(atomic_load(&evicted), FLOOD);
	tree_end(&tree);
}

/* ---- an instance that is let go of ---- */

#ifdef DCACHE_DEBUG

TEST(an_instance_let_go_of_ends_with_a_deferred_put, "dput_deferred iput_deferred dcache_release")
{
	long before = dc_live_allocations();
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, NAME("n"), INODE_REGULAR);
	struct inode *inode = counting_inode(tree.dc);

	dcache_release(tree.dc);
	dput_deferred(tree.root);
	/* Hashed, but nothing is kept any more. */
	dput_deferred(dentry);
	iput_deferred(inode);
	CHECK(EVENTUALLY(dc_live_allocations() == before));
}

/* ---- H11 ---- */

static void put_while_in_lookup(void)
{
	struct tree tree = tree_begin(NULL, NULL);

	dput_deferred(d_alloc_parallel(tree.root, NAME("cold"), NULL));
}

static void put_too_often(void)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, NAME("n"), INODE_REGULAR);

	dput_deferred(dentry);
	dput_deferred(dentry);
}

static void put_inode_too_often(void)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = counting_inode(tree.dc);

	/* Its memory is still there. */
	dcache_read_lock();
	iput(inode);
	iput_deferred(inode);
}

/* In the thread that does it. */
TEST(wrong_deferred_puts_stop_a_checked_build, "H11 dput_deferred")
{
	CHECK(stops_with(put_while_in_lookup, "an in-lookup entry is ended before its last put"));
	CHECK(stops_with(put_too_often, "dput: the entry is referenced"));
	CHECK(stops_with(put_inode_too_often, "iput: the inode is referenced"));
}

#else

TEST(the_last_deferred_put_of_an_in_lookup_entry_ends_the_lookup, "H11 dput_deferred")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, NAME("cold"), &wq);
	struct asker crowd[CROWD] = { 0 };

	start_crowd(crowd, CROWD, tree.root, NAME("cold"));
	parked(dentry, CROWD);
	dput_deferred(dentry);
	/* Each in turn becomes the owner, and gives up. */
	CHECK_EQ(join_crowd(crowd, CROWD, NULL), CROWD);
	dput_deferred(d_alloc_parallel(tree.root, NAME("cold"), NULL));
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

/* A filler that forgot: the next one who asks for the number fills it. */
TEST(a_new_inode_whose_put_is_deferred_holds_nobody_up, "H11 H21 iput_deferred")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode;

	iput_deferred(iget_locked(tree.dc, 77));
	inode = iget_locked(tree.dc, 77);
	CHECK(inode_is_new(inode));
	CHECK_EQ(unlock_new_inode(inode, INODE_REGULAR, &counting_ops, NULL), 0);
	iput_deferred(inode);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */

/* An owner that has ended its lookup puts it as any entry. */
TEST(an_ended_lookup_is_put_later, "dput_deferred d_lookup_done d_lookup_fail d_alloc_parallel")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *done = d_alloc_parallel(tree.root, NAME("done"), NULL);
	struct dentry *failed = d_alloc_parallel(tree.root, NAME("failed"), NULL);
	struct dentry *added = d_alloc_parallel(tree.root, NAME("added"), NULL);

	dput_deferred(dget(done));
	d_lookup_done(done);
	CHECK_EQ(d_lookup_fail(failed, -EIO), 0);
	CHECK_EQ(d_add(added, NULL), 0);
	dc_lock(&tree.dc->deferred.run);
	dput_deferred(done);
	dput_deferred(failed);
	dput_deferred(added);
	CHECK_EQ(tree_stats(&tree).pending_puts, 2);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	dc_unlock(&tree.dc->deferred.run);
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	tree_end(&tree);
}

/* ---- H43 ---- */

TEST(a_stuck_count_is_not_put_later, "dput_deferred H43")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, NAME("n"), INODE_REGULAR);

	lockref_lock(&dentry->d_lockref);
	lockref_add_locked(&dentry->d_lockref, LOCKREF_STUCK - 1);
	lockref_unlock(&dentry->d_lockref);
	dput_deferred(dentry);
	CHECK_EQ(d_count(dentry), LOCKREF_STUCK);
	lockref_lock(&dentry->d_lockref);
	lockref_add_locked(&dentry->d_lockref, 1 - LOCKREF_STUCK);
	lockref_unlock(&dentry->d_lockref);
	dput_deferred(dentry);
	CHECK_EQ(tree_stats(&tree).pending_puts, 0);
	tree_end(&tree);
}

/* ---- H52 ---- */

/* A child inherits what waits, and must leave it alone; its parent's thread does it. */
TEST(deferred_puts_are_the_parents_of_a_fork, "faults H52 fork dput_deferred iput_deferred")
{
	struct tree tree = tree_begin(NULL, NULL);
	int status = 0;
	pid_t child;

	atomic_store(&evicted, 0);
	dc_lock(&tree.dc->deferred.run);
	dput_deferred(unhashed_file(tree.root));
	iput_deferred(counting_inode(tree.dc));
	child = fork();
	if (!child)
		_exit(atomic_load(&evicted) ? 1 : 0);
	dc_unlock(&tree.dc->deferred.run);
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	CHECK(EVENTUALLY(!tree_stats(&tree).pending_puts));
	CHECK_EQ(atomic_load(&evicted), 2);
	tree_end(&tree);
}

/* ---- all at once ---- */

#define NAMES 8
#define ROUNDS 20000

static struct {
	struct tree tree;
	struct dentry *dir[2];
	_Atomic bool stop;
	_Atomic long made;
} storm;

static int keep_some(const struct dentry *dentry)
{
	return d_inode(dentry) && inode_number(d_inode(dentry)) % 2;
}

static const struct dentry_operations storm_ops = { .d_delete = keep_some };

static struct qstr storm_name(unsigned int n)
{
	return qstr_init(&"abcdefgh"[n % NAMES], 1);
}

static void *put_in_storm(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg, i;

	for (i = 0; i < ROUNDS; i++) {
		unsigned int n = (unsigned int)rand_r(&seed);
		struct qstr name = storm_name(n);
		struct dentry *dentry = d_alloc_parallel(storm.dir[n / 16 % 2], &name, NULL);

		if (d_in_lookup(dentry)) {
			struct inode *inode = iget_locked(storm.tree.dc, n % 64);

			if (inode_is_new(inode)) {
				unlock_new_inode(inode, INODE_REGULAR, &counting_ops, NULL);
				atomic_fetch_add(&storm.made, 1);
			}
			ihold(inode);
			/* Another may be moved there meanwhile. */
			if (d_add(dentry, inode))
				d_lookup_done(dentry);
			iput_deferred(inode);
		}
		if (n / 256 % 4 == 0)
			d_drop(dentry);
		if (n / 2048 % 8)
			dput_deferred(dentry);
		else
			dput(dentry);
	}
	return NULL;
}

static void *change_in_storm(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	while (!atomic_load(&storm.stop)) {
		unsigned int n = (unsigned int)rand_r(&seed);
		struct qstr name = storm_name(n / 16), to = storm_name(n / 256);
		struct dentry *dentry, *target;

		switch (n % 6) {
		case 0:
			shrink_dcache(storm.tree.dc, 4);
			break;
		case 1:
			d_invalidate_name(storm.dir[0], &name);
			break;
		case 2:
			CHECK(shrink_dcache_parent(storm.dir[1]) >= 0);
			break;
		case 3:
			dcache_barrier(storm.tree.dc);
			break;
		default:
			dentry = d_lookup(storm.dir[n / 4096 % 2], &name);
			target = d_alloc(storm.dir[n / 8192 % 2], &to);
			if (dentry)
				d_move(dentry, target);
			dput_deferred(target);
			dput_deferred(dentry);
		}
	}
	return NULL;
}

TEST(a_storm_of_deferred_puts, "dput_deferred iput_deferred H45")
{
	struct dcache_options options = DCACHE_OPTIONS_INIT;
	pthread_t putters[3], changers[2];
	uintptr_t i;

	options.d_op = &storm_ops;
	storm.tree = tree_begin(&options, NULL);
	storm.dir[0] = tree_add(&storm.tree, storm.tree.root, NAME("x"), INODE_DIRECTORY);
	storm.dir[1] = tree_add(&storm.tree, storm.tree.root, NAME("y"), INODE_DIRECTORY);
	atomic_store(&storm.stop, false);
	atomic_store(&storm.made, 0);
	atomic_store(&evicted, 0);
	for (i = 0; i < 3; i++)
		putters[i] = test_thread(put_in_storm, (void *)(i + 1));
	for (i = 0; i < 2; i++)
		changers[i] = test_thread(change_in_storm, (void *)(i + 7));
	for (i = 0; i < 3; i++)
		test_join(putters[i]);
	atomic_store(&storm.stop, true);
	for (i = 0; i < 2; i++)
		test_join(changers[i]);
	CHECK(EVENTUALLY(!tree_stats(&storm.tree).pending_puts));
	/* What is left is unused, but for the directories. */
	CHECK_EQ(tree_stats(&storm.tree).entries, 3 + tree_stats(&storm.tree).unused);
	CHECK(tree_stats(&storm.tree).unused <= 2 * NAMES);
	dput_deferred(storm.dir[0]);
	dput_deferred(storm.dir[1]);
	tree_end(&storm.tree);
	CHECK_EQ(atomic_load(&evicted), atomic_load(&storm.made));
}
