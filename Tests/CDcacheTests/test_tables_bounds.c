/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables at the bounds of their size, and calls that meet one between two arrays. */
#include "harness.h"
#include "internal.h"

#define NAME_SIZE 24
#define MANY 300u

static const struct dcache_options two_buckets = {
	.size = sizeof(two_buckets),
	.hash_buckets = 2,
	.in_lookup_buckets = 2,
};

static struct qstr nth_name(char *buf, unsigned int n)
{
	return qstr_init(buf, (size_t)snprintf(buf, NAME_SIZE, "name%u", n));
}

/* Looks up @nr names without an answer. */
static void open_lookups(struct tree *tree, struct dentry **open, unsigned int nr)
{
	char buf[NAME_SIZE];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct qstr name = nth_name(buf, i);

		open[i] = d_alloc_parallel(tree->root, &name, NULL);
		CHECK(!IS_ERR(open[i]) && d_in_lookup(open[i]));
	}
}

static void end_lookups(struct dentry **open, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		d_lookup_done(open[i]);
		dput(open[i]);
	}
}

/* ---- sizes ---- */

TEST(a_table_is_no_greater_than_it_may_be, "tables")
{
	struct tree tree = tree_begin(&two_buckets, NULL);
	static struct dentry *entries[MANY];
	char buf[NAME_SIZE];
	unsigned int i;

	tree.dc->entries.max = 4;
	for (i = 0; i < MANY; i++) {
		struct qstr name = nth_name(buf, i);

		entries[i] = tree_add(&tree, tree.root, &name, 0);
	}
	CHECK(EVENTUALLY(tree_stats(&tree).buckets == 16));
	for (i = 0; i < MANY; i++) {
		struct qstr name = nth_name(buf, i);
		struct dentry *found = d_lookup(tree.root, &name);

		CHECK(found == entries[i]);
		dput(found);
		d_drop(entries[i]);
		CHECK(tree_stats(&tree).buckets <= 16);
		dput(entries[i]);
	}
	CHECK(EVENTUALLY(tree_stats(&tree).buckets == 2));
	tree_end(&tree);
}

static bool nothing_is_counted(const struct hash_table *table)
{
	unsigned int i;

	for (i = 0; i < TABLE_SHARDS; i++) {
		if (atomic_load(&table->counts[i].nr))
			return false;
	}
	return true;
}

/* What is in a table that cannot change its size need not be counted. */
TEST(a_table_of_the_greatest_size, "tables dcache_options")
{
	const struct dcache_options opts = { .size = sizeof(opts), .in_lookup_buckets = 1 << 20 };
	struct tree tree = tree_begin(&opts, NULL);
	static struct dentry *open[MANY];
	char buf[NAME_SIZE];
	unsigned int i;

	open_lookups(&tree, open, MANY);
	CHECK(nothing_is_counted(&tree.dc->in_lookup));
	for (i = 0; i < MANY; i++) {
		struct qstr name = nth_name(buf, i);

		/* It is found: by its own thread, which must not wait for itself. */
		CHECK_ERR(d_alloc_parallel(tree.root, &name, NULL), -EDEADLK);
	}
	end_lookups(open, MANY);
	CHECK(nothing_is_counted(&tree.dc->in_lookup));
	CHECK_EQ(tree_stats(&tree).in_lookup_buckets, 1 << 20);
	CHECK_EQ(tree_stats(&tree).resizes, 0);
	tree_end(&tree);
}

/* ---- between two arrays ---- */

#ifdef DCACHE_DEBUG

static void *open_and_end(void *arg)
{
	struct dentry *open[MANY];

	open_lookups(arg, open, MANY);
	end_lookups(open, MANY);
	return NULL;
}

/* All of the in-lookup table is in the next array: there, too, a lookup is found that began before its
 * name was invalidated. */
TEST(a_name_is_invalidated_that_is_in_the_next_array, "H22 H46 d_invalidate_name tables")
{
	struct tree tree = tree_begin(&two_buckets, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, NAME("cold"), NULL);
	struct gate gate;
	pthread_t thread;

	gate_arm(&gate, DC_G3, NULL, 1);
	thread = test_thread(open_and_end, &tree);
	CHECK(gate_wait(&gate, 1));
	CHECK_EQ(d_invalidate_name(tree.root, NAME("cold")), 0);
	gate_open(&gate);
	test_join(thread);
	gates_reset();
	CHECK(d_in_lookup(dentry));
	CHECK_EQ(d_add(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK(d_is_stale(dentry));
	dput(dentry);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */
