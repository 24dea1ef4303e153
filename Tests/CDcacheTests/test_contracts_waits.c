/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting until a time, and never: d_alloc_parallel_until(), d_wait_lookup_until(), d_alloc_noblock(). */
#include "requests.h"

#define COLD NAME("cold")
#define OTHER NAME("other")

/* ---- until a time ---- */

#define FAR (test_now_ns() + (uint64_t)1000 * 1000000000)

static void *end_soon(void *dentry)
{
	parked(dentry, 1);
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	return NULL;
}

TEST(a_deadline_that_is_not_reached, "d_alloc_parallel_until d_wait_lookup_until")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct dentry *other = d_alloc_parallel(tree.root, OTHER, NULL);
	pthread_t thread;

	d_lookup_detach(dentry);
	thread = test_thread(end_soon, dentry);
	CHECK_ERR(d_alloc_parallel_until(tree.root, COLD, &wq, FAR), -EIO);
	test_join(thread);
	dput(dentry);

	thread = test_thread(end_soon, other);
	dget(other);
	d_lock(other);
	CHECK_EQ(d_wait_lookup_until(other, FAR), 0);
	CHECK(!d_in_lookup(other));
	/* There is nothing to wait for. */
	CHECK_EQ(d_wait_lookup_until(other, 0), 0);
	d_unlock(other);
	test_join(thread);
	CHECK_EQ(d_count(other), 2);
	dput(other);
	dput(other);

	/* Found, and owned, whatever time it is. */
	dentry = d_alloc_parallel_until(tree.root, COLD, &wq, 0);
	CHECK(d_in_lookup(dentry));
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK(d_alloc_parallel_until(tree.root, COLD, &wq, 0) == dentry);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_deadline_that_is_reached, "d_alloc_parallel_until d_wait_lookup_until")
{
	const uint64_t waits[] = { 0, 1, 3000000, 30000000 };
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct request request;
	uint64_t deadline;
	size_t i;

	d_lookup_detach(dentry);
	must_wait(&request, tree.root, COLD);
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		deadline = test_now_ns() + waits[i];
		CHECK_ERR(d_alloc_parallel_until(tree.root, COLD, NULL, deadline), -ETIMEDOUT);
		CHECK(test_now_ns() >= deadline);
		CHECK_EQ(d_count(dentry), 2);
		CHECK_EQ(test_nr_counted(dentry), 1);
		CHECK_EQ(test_nr_waiters(dentry), 1);

		dget(dentry);
		deadline = test_now_ns() + waits[i];
		d_lock(dentry);
		CHECK_EQ(d_wait_lookup_until(dentry, deadline), -ETIMEDOUT);
		CHECK(d_in_lookup(dentry));
		d_unlock(dentry);
		CHECK(test_now_ns() >= deadline);
		CHECK_EQ(d_count(dentry), 3);
		CHECK_EQ(test_nr_counted(dentry), 1);
		dput(dentry);
	}
	/* Whom no deadline concerns goes on waiting. */
	CHECK_EQ(request.calls, 0);
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK(request.result == dentry);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

/* ---- never ---- */

TEST(what_needs_no_waiting_is_done, "d_alloc_noblock")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	char name[DNAME_INLINE_LEN + 20];
	struct qstr long_name = QSTR_INIT(name, sizeof(name));
	const struct qstr *names[] = { COLD, &long_name };
	struct request request;
	int i, own;

	memset(name, 'n', sizeof(name));
	for (i = 0; i < 2; i++) {
		for (own = 0; own < 2; own++) {
			struct dentry *dentry = d_alloc_noblock(tree.root, names[i],
								own ? NULL : &wq);

			CHECK(d_in_lookup(dentry));
			CHECK_EQ(tree_stats(&tree).in_lookup, 1);
			CHECK_EQ(d_count(tree.root), 2);
			CHECK_ERR(d_alloc_noblock(tree.root, names[i], NULL), -EWOULDBLOCK);
			/* It is this thread's. */
			CHECK_ERR(d_alloc_parallel(tree.root, names[i], NULL), -EDEADLK);
			must_wait(&request, tree.root, names[i]);
			CHECK_EQ(d_add(dentry, NULL), 0);
			CHECK(request.result == dentry);
			CHECK(d_alloc_noblock(tree.root, names[i], NULL) == dentry);
			d_drop(dentry);
			dput(dentry);
			dput(dentry);
			dput(dentry);
		}
	}
	tree_end(&tree);
}

TEST(what_is_locked_would_block, "d_alloc_noblock")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, OTHER, INODE_REGULAR);
	uint64_t bytes = tree_stats(&tree).bytes;
	struct qstr prepared = *COLD;
	struct bucket *bucket;
	struct dentry *dentry;

	/* The entry, and the directory whose child a new one would be. */
	d_lock(file);
	CHECK_ERR(d_alloc_noblock(tree.root, OTHER, NULL), -EWOULDBLOCK);
	/* It is turning positive or negative, or moves: what it is cannot be told. */
	write_seqcount_begin(&file->d_seq);
	CHECK_ERR(d_alloc_noblock(tree.root, OTHER, NULL), -EWOULDBLOCK);
	write_seqcount_end(&file->d_seq);
	d_unlock(file);
	d_lock(tree.root);
	CHECK_ERR(d_alloc_noblock(tree.root, COLD, NULL), -EWOULDBLOCK);
	CHECK(d_alloc_noblock(tree.root, OTHER, NULL) == file);
	d_unlock(tree.root);
	CHECK_EQ(d_count(file), 2);
	dput(file);
	/* The bucket. */
	CHECK_EQ(d_hash_name(tree.root, &prepared), 0);
	bucket = table_lock(&tree.dc->in_lookup, table_hash(tree.root, &prepared));
	CHECK_ERR(d_alloc_noblock(tree.root, COLD, NULL), -EWOULDBLOCK);
	table_unlock(&tree.dc->in_lookup, bucket);
	/* Somebody is adding, or moving: only what is found is found. */
	dir_seq_begin(d_inode(tree.root));
	CHECK_ERR(d_alloc_noblock(tree.root, COLD, NULL), -EWOULDBLOCK);
	CHECK(d_alloc_noblock(tree.root, OTHER, NULL) == file);
	dir_seq_end(d_inode(tree.root));
	rename_write_lock(tree.dc);
	CHECK_ERR(d_alloc_noblock(tree.root, COLD, NULL), -EWOULDBLOCK);
	CHECK(d_alloc_noblock(tree.root, OTHER, NULL) == file);
	rename_write_unlock(tree.dc);
	dput(file);
	dput(file);
	/* Nothing of what was tried is left. */
	CHECK_EQ(d_count(tree.root), 2);
	CHECK_EQ(tree_stats(&tree).bytes, bytes);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	CHECK_EQ(tree_stats(&tree).lookups_started, 0);
	/* Where nothing else may be called. */
	dc_read_lock();
	dentry = d_alloc_noblock(tree.root, COLD, NULL);
	dc_read_unlock();
	CHECK(d_in_lookup(dentry));
	d_lookup_done(dentry);
	dput(dentry);
	dput(file);
	tree_end(&tree);
}

static _Atomic int evictions;
static _Thread_local bool in_noblock;

static void count_eviction(struct inode *inode)
{
	(void)inode;
	CHECK(!in_noblock);
	atomic_fetch_add(&evictions, 1);
}

static const struct inode_operations evicting_ops = { .evict = count_eviction };

TEST(room_is_made_by_the_instances_thread, "d_alloc_noblock dcache_limits")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct tree tree;
	struct dentry *dentry;
	char name[16];
	int i;

	opts.max_entries = 20;
	tree = tree_begin(&opts, NULL);
	for (i = 0; i < 200; i++) {
		struct qstr qstr = QSTR_INIT(name,
					     (uint32_t)snprintf(name, sizeof(name), "n%d", i));

		in_noblock = true;
		dentry = d_alloc_noblock(tree.root, &qstr, NULL);
		in_noblock = false;
		CHECK(d_in_lookup(dentry));
		CHECK_EQ(d_add(dentry,
			       new_inode(tree.dc, (uint64_t)i, INODE_REGULAR, &evicting_ops, NULL)),
			 0);
		dput(dentry);
	}
	CHECK(EVENTUALLY(tree_stats(&tree).entries <= 21));
	CHECK(atomic_load(&evictions) >= 180);
	tree_end(&tree);
}
