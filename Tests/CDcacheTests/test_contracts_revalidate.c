/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* d_revalidate() and staleness of what is no usual entry: roots, negatives, the moved and the dead. */
#include "harness.h"
#include "internal.h"

#define COLD NAME("cold")
#define HOUR_NS ((uint64_t)3600 * 1000000000)

static int verdict, revalidated;

static int revalidate(struct dentry *dentry, unsigned int flags)
{
	(void)dentry;
	(void)flags;
	revalidated++;
	return verdict;
}

static const struct dentry_operations revalidate_ops = { .d_revalidate = revalidate };

static struct tree revalidating(uint64_t negative_ttl_ns)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;

	opts.d_op = &revalidate_ops;
	opts.negative_ttl_ns = negative_ttl_ns;
	revalidated = 0;
	return tree_begin(&opts, NULL);
}

/* No operation is asked about it, which would expect its directory. */
TEST(a_root_that_is_negative_is_not_revalidated, "d_revalidate d_delete")
{
	struct tree tree = revalidating(0);

	verdict = 1;
	CHECK_EQ(d_revalidate(tree.root, 0), 1);
	CHECK_EQ(revalidated, 1);
	d_delete(tree.root);
	CHECK(d_is_negative(tree.root));
	verdict = 0;
	CHECK_EQ(d_revalidate(tree.root, 0), 1);
	CHECK_EQ(revalidated, 1);
	tree_end(&tree);
}

static void complete(struct dentry *dir)
{
	struct dir_listing listing;

	inode_lock_shared(d_inode(dir));
	CHECK_EQ(dir_listing_begin(&listing, dir), 0);
	inode_unlock_shared(d_inode(dir));
	CHECK(dir_listing_end(&listing, true));
}

/* The name is there now: what the directory was said to hold is not all. */
TEST(a_negative_that_is_belied_belies_its_directory, "d_revalidate d_is_complete")
{
	struct tree tree = revalidating(0);
	struct dentry *none = tree_add(&tree, tree.root, COLD, 0);

	complete(tree.root);
	verdict = 1;
	CHECK_EQ(d_revalidate(none, 0), 1);
	CHECK(d_is_complete(tree.root) && !d_unhashed(none));
	verdict = 0;
	CHECK_EQ(d_revalidate(none, 0), 0);
	CHECK(!d_is_complete(tree.root) && d_unhashed(none));
	CHECK_EQ(revalidated, 2);
	dput(none);
	tree_end(&tree);
}

/* A time to live for negatives only: it begins anew when one is vouched for, and positives have none. */
TEST(a_negatives_time_begins_anew, "d_revalidate negative_ttl_ns")
{
	struct tree tree = revalidating(HOUR_NS);
	struct dentry *none = tree_add(&tree, tree.root, COLD, 0);
	struct dentry *file = tree_add(&tree, tree.root, NAME("file"), INODE_REGULAR);
	uint32_t soon = dc_ticks() + 2;

	verdict = 1;
	CHECK(d_flags(none) & DCACHE_EXPIRES);
	atomic_store(&none->d_expires, soon);
	CHECK_EQ(d_revalidate(none, 0), 1);
	CHECK(atomic_load(&none->d_expires) != soon && (d_flags(none) & DCACHE_EXPIRES));
	/* As it does when the time of its own was none. */
	d_set_ttl(none, DCACHE_TTL_NONE);
	CHECK(!(d_flags(none) & DCACHE_EXPIRES));
	CHECK_EQ(d_revalidate(none, 0), 1);
	CHECK(d_flags(none) & DCACHE_EXPIRES);
	CHECK_EQ(d_revalidate(file, 0), 1);
	CHECK(!(d_flags(file) & DCACHE_EXPIRES));
	dput(none);
	dput(file);
	tree_end(&tree);
}

/* Between finding an entry in its directory and looking whether it is stale it goes to another, where it
 * is not; the first one's number means nothing there. */
TEST(what_has_gone_elsewhere_is_not_stale_for_where_it_was, "d_revalidate d_move")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *from = tree_add(&tree, tree.root, NAME("from"), INODE_DIRECTORY);
	struct dentry *to = tree_add(&tree, tree.root, NAME("to"), INODE_DIRECTORY);
	struct dentry *dentry = tree_add(&tree, from, COLD, INODE_REGULAR);
	struct dentry *target = d_alloc(to, COLD);
	int i;

	CHECK_EQ(d_move(dentry, target), 0);
	dput(target);
	for (i = 0; i < 3; i++)
		CHECK_EQ(d_invalidate_children(from), 0);
	CHECK(d_stale_in(dentry, d_inode(from)) && !d_is_stale(dentry));
	CHECK_EQ(revalidate_in(dentry, from, 0), 1);
	CHECK(!d_unhashed(dentry));
	/* It is stale where it is, and that counts. */
	CHECK_EQ(d_invalidate_children(to), 0);
	CHECK_EQ(revalidate_in(dentry, from, 0), 0);
	CHECK(d_unhashed(dentry));
	dput(dentry);
	dput(from);
	dput(to);
	tree_end(&tree);
}

/* Seen in a read section, it may be gone, and its directory with it. */
TEST(what_is_gone_with_its_directory_is_not_stale, "d_is_stale")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *dentry = tree_add(&tree, dir, COLD, INODE_REGULAR);

	CHECK_EQ(d_invalidate_children(dir), 0);
	CHECK(d_is_stale(dentry));
	dcache_read_lock();
	d_drop(dir);
	d_drop(dentry);
	dput(dir);
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	CHECK(d_is_negative(dir) && d_parent(dentry) == dir);
	CHECK(!d_is_stale(dentry));
	dcache_read_unlock();
	tree_end(&tree);
}

struct question {
	struct dentry *dentry;
	_Atomic bool asking;
	int answer;
};

static void *ask_whether_true(void *arg)
{
	struct question *question = arg;

	atomic_store(&question->asking, true);
	question->answer = d_revalidate(question->dentry, 0);
	return NULL;
}

static uint64_t cpu_ns_of(pthread_t thread)
{
	struct timespec ts = { 0 };
	clockid_t clock;

	CHECK(!pthread_getcpuclockid(thread, &clock) && !clock_gettime(clock, &ts));
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* What is read of an entry on its way from one directory to another does not fit together. */
TEST(an_entry_that_is_being_moved_is_not_taken_for_stale, "F4 d_revalidate")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct question question = { .dentry = dentry };
	uint32_t generation = atomic_load(&dentry->d_generation);
	pthread_t thread;
	uint64_t before;

	d_lock(dentry);
	write_seqcount_begin(&dentry->d_seq);
	atomic_store(&dentry->d_generation, generation - 1);
	thread = test_thread(ask_whether_true, &question);
	CHECK(EVENTUALLY(atomic_load(&question.asking)));
	before = cpu_ns_of(thread);
	/* It looks again and again. One that has answered does no more. */
	CHECK(EVENTUALLY(cpu_ns_of(thread) > before + 2000000));
	atomic_store(&dentry->d_generation, generation);
	write_seqcount_end(&dentry->d_seq);
	d_unlock(dentry);
	test_join(thread);
	CHECK_EQ(question.answer, 1);
	CHECK(!d_unhashed(dentry));
	dput(dentry);
	tree_end(&tree);
}
