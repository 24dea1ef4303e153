/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hazards of inodes: several who want one number, eviction meanwhile; entries found by their inode. */
#include "harness.h"
#include "internal.h"

#define INO 77
#define CROWD 16

/* Bit of i_state: icache.c */
#define SLEEPERS 4u

static _Atomic int evicting, owners, failures_left;
static _Atomic bool hold_evict;

static void slow_evict(struct inode *inode)
{
	(void)inode;
	atomic_fetch_add(&evicting, 1);
	while (atomic_load(&hold_evict))
		usleep(100);
	atomic_fetch_sub(&evicting, 1);
}

static const struct inode_operations slow_ops = { .evict = slow_evict };

struct getter {
	struct dcache *dc;
	struct inode *result;
	bool was_new;
	bool crowd; /* one of CROWD */
	_Atomic bool done;
	pthread_t thread;
};

/* Of those who wait for an inode, how many are asleep. */
static unsigned int sleepers(const struct dcache *dc)
{
	return test_futex_sleepers(dc->inode_wait, sizeof(dc->inode_wait));
}

/* Who gets the inode new waits until all others wait for it, and fails as often as the test wants. */
static void *get_and_fill(void *arg)
{
	struct getter *getter = arg;
	struct inode *inode;

	for (;;) {
		inode = iget_locked(getter->dc, INO);
		getter->was_new = inode_is_new(inode);
		if (!getter->was_new)
			break;
		CHECK_EQ(atomic_load(&evicting), 0);
		atomic_fetch_add(&owners, 1);
		if (getter->crowd)
			CHECK(EVENTUALLY(sleepers(getter->dc) == CROWD - 1));
		if (atomic_fetch_sub(&failures_left, 1) <= 0) {
			CHECK_EQ(unlock_new_inode(inode, INODE_DIRECTORY, &slow_ops, &owners), 0);
			break;
		}
		iget_failed(inode);
	}
	getter->result = inode;
	CHECK_EQ(inode_get_type(inode), INODE_DIRECTORY);
	CHECK(inode_private(inode) == &owners);
	atomic_store(&getter->done, true);
	return NULL;
}

static void crowd_of(int failures)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct getter crowd[CROWD] = { { 0 } };
	int i, new = 0;

	atomic_store(&owners, 0);
	atomic_store(&failures_left, failures);
	for (i = 0; i < CROWD; i++) {
		crowd[i].dc = tree.dc;
		crowd[i].crowd = true;
		crowd[i].thread = test_thread(get_and_fill, &crowd[i]);
	}
	for (i = 0; i < CROWD; i++) {
		test_join(crowd[i].thread);
		CHECK(crowd[i].result == crowd[0].result);
		new += crowd[i].was_new;
	}
	CHECK_EQ(new, 1);
	CHECK_EQ(atomic_load(&owners), failures + 1);
	CHECK_EQ(atomic_load(&crowd[0].result->i_count), CROWD);
	CHECK_EQ(tree_stats(&tree).inodes, 2);
	for (i = 0; i < CROWD; i++)
		iput(crowd[i].result);
	tree_end(&tree);
}

TEST(many_who_want_a_number_make_one_inode, "H1 iget_locked")
{
	crowd_of(0);
}

/* Both have seen that the number is vacant, and have made an inode, before either can put it there. */
TEST(two_find_a_number_vacant_at_once, "H1 iget_locked")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct getter both[2] = { { 0 } };
	struct bucket *bucket;
	uint64_t bytes;
	int i;

	atomic_store(&owners, 0);
	atomic_store(&failures_left, 0);
	dcache_barrier(tree.dc);
	bytes = tree_stats(&tree).bytes;
	bucket = table_lock(&tree.dc->inodes, number_hash(tree.dc, INO));
	for (i = 0; i < 2; i++) {
		both[i].dc = tree.dc;
		both[i].thread = test_thread(get_and_fill, &both[i]);
	}
	CHECK(EVENTUALLY(tree_stats(&tree).inodes == 3));
	table_unlock(&tree.dc->inodes, bucket);
	for (i = 0; i < 2; i++)
		test_join(both[i].thread);
	CHECK(both[0].result == both[1].result && both[0].was_new != both[1].was_new);
	CHECK_EQ(atomic_load(&owners), 1);
	/* The other one's is gone. */
	CHECK_EQ(tree_stats(&tree).inodes, 2);
	CHECK_EQ(tree_stats(&tree).bytes, bytes + sizeof(struct inode));
	for (i = 0; i < 2; i++)
		iput(both[i].result);
	tree_end(&tree);
}

TEST(who_cannot_fill_an_inode_hands_it_on, "H21 iget_failed")
{
	crowd_of(3);
}

static bool has_sleepers(const struct inode *inode)
{
	return atomic_load(&inode->i_state) & SLEEPERS;
}

static void *look_for(void *arg)
{
	struct getter *getter = arg;

	getter->result = ilookup(getter->dc, INO);
	atomic_store(&getter->done, true);
	return NULL;
}

TEST(who_looks_for_a_new_inode_waits_until_it_is_filled, "ilookup H39")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = iget_locked(tree.dc, INO);
	struct getter looker = { .dc = tree.dc };

	looker.thread = test_thread(look_for, &looker);
	CHECK(EVENTUALLY(has_sleepers(inode)));
	test_sleep_ms(20);
	CHECK(!atomic_load(&looker.done));
	CHECK_EQ(atomic_load(&inode->i_count), 1);
	CHECK_EQ(unlock_new_inode(inode, INODE_REGULAR, NULL, NULL), 0);
	test_join(looker.thread);
	CHECK(looker.result == inode);
	iput(inode);
	iput(inode);

	inode = iget_locked(tree.dc, INO);
	looker = (struct getter){ .dc = tree.dc };
	looker.thread = test_thread(look_for, &looker);
	CHECK(EVENTUALLY(has_sleepers(inode)));
	iget_failed(inode);
	test_join(looker.thread);
	CHECK(!looker.result);
	tree_end(&tree);
}

#ifndef DCACHE_DEBUG

/* A filler that forgot: those who wait go on. */
TEST(a_new_inode_that_is_only_put_holds_nobody_up, "H11 H21 iput")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = iget_locked(tree.dc, INO);
	struct getter getter = { .dc = tree.dc };

	atomic_store(&failures_left, 0);
	getter.thread = test_thread(get_and_fill, &getter);
	CHECK(EVENTUALLY(has_sleepers(inode)));
	iput(inode);
	test_join(getter.thread);
	CHECK(getter.was_new);
	iput(getter.result);
	tree_end(&tree);
}

#endif

static void *put_inode(void *inode)
{
	iput(inode);
	return NULL;
}

TEST(a_number_is_not_filled_while_it_is_evicted, "I1 iget_locked iput")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct getter getter = { .dc = tree.dc }, looker = { .dc = tree.dc };
	struct inode *inode = iget_locked(tree.dc, INO), *other;
	pthread_t putter;

	CHECK_EQ(unlock_new_inode(inode, INODE_DIRECTORY, &slow_ops, &owners), 0);
	atomic_store(&evicting, 0);
	atomic_store(&failures_left, 0);
	atomic_store(&hold_evict, true);
	putter = test_thread(put_inode, inode);
	CHECK(EVENTUALLY(atomic_load(&evicting) == 1));
	getter.thread = test_thread(get_and_fill, &getter);
	CHECK(EVENTUALLY(has_sleepers(inode)));
	/* It is found by nobody, and others are not concerned. */
	looker.thread = test_thread(look_for, &looker);
	test_join(looker.thread);
	CHECK(!looker.result);
	other = iget_locked(tree.dc, INO + 1);
	CHECK(inode_is_new(other));
	iget_failed(other);
	test_sleep_ms(20);
	CHECK(!atomic_load(&getter.done));
	CHECK_EQ(atomic_load(&evicting), 1);
	atomic_store(&hold_evict, false);
	test_join(putter);
	test_join(getter.thread);
	CHECK(getter.was_new);
	iput(getter.result);
	tree_end(&tree);
}

#define TURNS 4000

/* Get, perhaps fill, put: numbers come and go under everybody's hands. */
static void *come_and_go(void *arg)
{
	struct getter *getter = arg;
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	int i;

	for (i = 0; i < TURNS; i++) {
		uint64_t ino = (uint64_t)(rand_r(&seed) % 3);
		struct inode *inode = rand_r(&seed) % 4 ? iget_locked(getter->dc, ino)
							: ilookup(getter->dc, ino);

		if (!inode)
			continue;
		if (inode_is_new(inode)) {
			CHECK_EQ(atomic_load(&inode->i_count), 1);
			if (rand_r(&seed) % 4 == 0) {
				iget_failed(inode);
				continue;
			}
			CHECK_EQ(unlock_new_inode(inode, INODE_REGULAR, NULL, getter), 0);
		}
		CHECK(inode_number(inode) == ino && inode_private(inode));
		CHECK_EQ(inode_get_type(inode), INODE_REGULAR);
		iput(inode);
	}
	return NULL;
}

static void *get_five(void *dc)
{
	return iget_locked(dc, 5);
}

/* Between looking for a number and adding an inode of it another one comes, and goes: that cannot be
 * filled. The inode that was made first does. */
TEST(an_inode_that_came_too_late_is_used_after_all, "H21 iget_locked iget_failed")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *other = iget_locked(tree.dc, 5);
	uint64_t hash = number_hash(tree.dc, 5);
	uint64_t inodes = tree_stats(&tree).inodes;
	uint32_t state = atomic_load(&other->i_state);
	struct bucket *bucket = table_lock(&tree.dc->inodes, hash);
	struct inode *inode;
	pthread_t thread;
	void *result;

	table_del(&tree.dc->inodes, bucket, &other->i_hash, hash);
	thread = test_thread(get_five, tree.dc);
	CHECK(EVENTUALLY(atomic_load(&bucket->chain.first) & HLIST_BL_SLEEPERS));
	table_add(&tree.dc->inodes, bucket, &other->i_hash, hash);
	table_unlock(&tree.dc->inodes, bucket);
	/* It is slept for. */
	CHECK(EVENTUALLY(atomic_load(&other->i_state) != state));
	CHECK_EQ(tree_stats(&tree).inodes, inodes + 1);
	iget_failed(other);
	pthread_join(thread, &result);
	inode = result;
	CHECK(!IS_ERR(inode) && inode != other && inode_is_new(inode));
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).inodes, inodes);
	CHECK_EQ(unlock_new_inode(inode, INODE_REGULAR, NULL, NULL), 0);
	iput(inode);
	tree_end(&tree);
}

TEST(inodes_come_and_go, "stress iget_locked H39")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct getter crowd[6] = { { 0 } };
	int i;

	for (i = 0; i < 6; i++) {
		crowd[i].dc = tree.dc;
		crowd[i].crowd = true;
		crowd[i].thread = test_thread(come_and_go, &crowd[i]);
	}
	for (i = 0; i < 6; i++)
		test_join(crowd[i].thread);
	CHECK_EQ(tree_stats(&tree).inodes, 1);
	tree_end(&tree);
}

/* ---- H38 ---- */

#ifdef DCACHE_DEBUG

static void *put_entry(void *dentry)
{
	dput(dentry);
	return NULL;
}

static void *find_any(void *inode)
{
	return d_find_any_alias(inode);
}

/* At K2 the entry is dead: it is not found. */
TEST(an_entry_that_is_being_killed_is_nobodys_alias, "H38")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, NAME("file"), INODE_REGULAR);
	struct inode *inode = d_inode(file);
	struct gate killing = { 0 };
	pthread_t putter;

	ihold(inode);
	d_drop(file);
	gate_arm(&killing, DC_K2, file, 1);
	putter = test_thread(put_entry, file);
	CHECK(gate_wait(&killing, 1));
	CHECK(d_count(file) < 0);
	CHECK(!d_find_alias(inode) && !d_find_any_alias(inode));
	CHECK_EQ(d_prune_aliases(inode), 0);
	gate_open(&killing);
	test_join(putter);
	iput(inode);
	tree_end(&tree);
}

/* At K1 the last put has let go of the entry's lock, and looks again when it has both. */
TEST(an_alias_is_found_while_its_last_put_waits, "H38")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, NAME("file"), INODE_REGULAR);
	struct inode *inode = d_inode(file);
	struct gate retaken = { 0 };
	pthread_t putter, finder;
	void *found;

	ihold(inode);
	d_drop(file);
	gate_arm(&retaken, DC_K1, file, 1);
	dc_lock(&inode->i_lock);
	putter = test_thread(put_entry, file);
	CHECK(EVENTUALLY(atomic_load(&inode->i_count) == 3));
	/* As a finder does that has the lock now. */
	lockref_lock(&file->d_lockref);
	lockref_add_locked(&file->d_lockref, 1);
	lockref_unlock(&file->d_lockref);
	dc_unlock(&inode->i_lock);
	CHECK(gate_wait(&retaken, 1));
	/* The putter has i_lock: who comes now waits for it. */
	finder = test_thread(find_any, inode);
	test_sleep_ms(20);
	gate_open(&retaken);
	test_join(putter);
	pthread_join(finder, &found);
	CHECK(found == file);
	CHECK_EQ(d_count(file), 2);
	dput(file);
	dput(file);
	iput(inode);
	tree_end(&tree);
}

#endif
