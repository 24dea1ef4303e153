/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inode table: inodes by number. */
#include "harness.h"
#include "internal.h"

static _Atomic long released, evicted;

static void count_release(struct inode *inode)
{
	(void)inode;
	atomic_fetch_add(&released, 1);
}

static void count_evict(struct inode *inode)
{
	(void)inode;
	atomic_fetch_add(&evicted, 1);
}

static const struct inode_operations counted_ops = { .evict = count_evict, .release = count_release };

static struct tree table_begin(const struct dcache_options *opts)
{
	atomic_store(&released, 0);
	atomic_store(&evicted, 0);
	return tree_begin(opts, NULL);
}

/* A filled inode of a number that was not there. */
static struct inode *fill(struct tree *tree, uint64_t ino, enum inode_type type, void *private_data)
{
	struct inode *inode = iget_locked(tree->dc, ino);

	CHECK(!IS_ERR(inode) && inode_is_new(inode));
	CHECK_EQ(unlock_new_inode(inode, type, &counted_ops, private_data), 0);
	return inode;
}

TEST(a_number_has_one_inode, "iget_locked ilookup inode_is_new unlock_new_inode")
{
	struct tree tree = table_begin(NULL);
	struct inode *inode, *again;
	int data;

	CHECK(!ilookup(tree.dc, 5));
	inode = iget_locked(tree.dc, 5);
	CHECK(!IS_ERR(inode) && inode_is_new(inode));
	CHECK_EQ(inode_number(inode), 5);
	CHECK(inode_dcache(inode) == tree.dc);
	CHECK_EQ(inode_get_type(inode), 0);
	CHECK_EQ(unlock_new_inode(inode, INODE_REGULAR, &counted_ops, &data), 0);
	CHECK(!inode_is_new(inode));
	CHECK_EQ(inode_get_type(inode), INODE_REGULAR);
	CHECK(inode_private(inode) == &data);
	again = iget_locked(tree.dc, 5);
	CHECK(again == inode && !inode_is_new(again));
	iput(again);
	again = ilookup(tree.dc, 5);
	CHECK(again == inode);
	iput(again);
	CHECK_EQ(tree_stats(&tree).inodes, 2);
	CHECK_EQ(atomic_load(&evicted), 0);
	iput(inode);
	CHECK_EQ(atomic_load(&evicted), 1);
	CHECK_EQ(tree_stats(&tree).inodes, 1);
	CHECK(!ilookup(tree.dc, 5));
	iput(fill(&tree, 5, INODE_DIRECTORY, NULL));
	dcache_barrier(tree.dc);
	CHECK_EQ(atomic_load(&released), 2);
	tree_end(&tree);
}

TEST(an_inode_is_filled_once_and_properly, "unlock_new_inode")
{
	struct tree tree = table_begin(NULL);
	struct inode *inode = iget_locked(tree.dc, 1);
	int data;

	CHECK_EQ(unlock_new_inode(inode, (enum inode_type)0, &counted_ops, &data), -EINVAL);
	CHECK_EQ(unlock_new_inode(inode, (enum inode_type)5, &counted_ops, &data), -EINVAL);
	CHECK(inode_is_new(inode) && !inode_private(inode) && !inode_get_type(inode));
	CHECK_EQ(unlock_new_inode(inode, INODE_SPECIAL, &counted_ops, NULL), 0);
	CHECK_EQ(unlock_new_inode(inode, INODE_REGULAR, &counted_ops, &data), -EINVAL);
	CHECK(inode_get_type(inode) == INODE_SPECIAL && !inode_private(inode));
	CHECK_EQ(unlock_new_inode(d_inode(tree.root), INODE_REGULAR, NULL, &data), -EINVAL);
	CHECK(!inode_is_new(d_inode(tree.root)));
	iput(inode);
	tree_end(&tree);
}

TEST(a_number_that_could_not_be_filled_is_free_again, "iget_failed")
{
	struct tree tree = table_begin(NULL);
	struct inode *inode = iget_locked(tree.dc, 9), *next;

	iget_failed(inode);
	CHECK_EQ(tree_stats(&tree).inodes, 1);
	CHECK(!ilookup(tree.dc, 9));
	/* One that is still held, by whoever had another reference, is neither new nor filled. */
	inode = iget_locked(tree.dc, 9);
	CHECK(inode_is_new(inode));
	ihold(inode);
	iget_failed(inode);
	CHECK(!inode_is_new(inode) && !ilookup(tree.dc, 9));
	CHECK_EQ(unlock_new_inode(inode, INODE_REGULAR, &counted_ops, NULL), -EINVAL);
	next = fill(&tree, 9, INODE_REGULAR, NULL);
	CHECK(next != inode);
	iput(inode);
	inode = ilookup(tree.dc, 9);
	CHECK(inode == next);
	iput(inode);
	iput(next);
	iget_failed(NULL);
	iget_failed(ERR_PTR(-ENOMEM));
	dcache_barrier(tree.dc);
	CHECK_EQ(atomic_load(&evicted), 1);
	CHECK_EQ(atomic_load(&released), 1);
	tree_end(&tree);
}

TEST(inodes_made_otherwise_are_not_in_the_table, "new_inode ilookup")
{
	struct tree tree = table_begin(NULL);
	struct inode *inode = new_inode(tree.dc, 3, INODE_REGULAR, &counted_ops, NULL), *other;

	CHECK(!ilookup(tree.dc, 3));
	CHECK(!inode_is_new(inode));
	other = fill(&tree, 3, INODE_REGULAR, NULL);
	CHECK(other != inode);
	iput(inode);
	inode = ilookup(tree.dc, 3);
	CHECK(inode == other);
	iput(inode);
	iput(other);
	tree_end(&tree);
}

TEST(two_instances_have_their_own_numbers, "iget_locked")
{
	struct tree tree = table_begin(NULL);
	struct inode *inode = fill(&tree, 1, INODE_REGULAR, NULL), *other;
	struct dcache *dc;

	CHECK_EQ(dcache_create(NULL, &dc), 0);
	CHECK(!ilookup(dc, 1));
	other = iget_locked(dc, 1);
	CHECK(inode_is_new(other) && inode_dcache(other) == dc);
	CHECK_EQ(dcache_destroy(dc), -EBUSY);
	iget_failed(other);
	CHECK_EQ(dcache_destroy(dc), 0);
	iput(inode);
	tree_end(&tree);
}

#define MANY 20000

TEST(many_numbers, "iget_locked H49")
{
	/* More than there are chains to begin with. */
	static const struct dcache_options opts = { .size = sizeof(opts), .hash_buckets = 64 };
	static struct inode *inodes[MANY];
	struct tree tree = table_begin(&opts);
	uint64_t i;

	for (i = 0; i < MANY; i++)
		inodes[i] = fill(&tree, i << (i % 3 * 16), INODE_REGULAR, &inodes[i]);
	for (i = 0; i < MANY; i++) {
		struct inode *inode = i % 2 ? ilookup(tree.dc, i << (i % 3 * 16))
					    : iget_locked(tree.dc, i << (i % 3 * 16));

		CHECK(inode == inodes[i] && inode_private(inode) == &inodes[i]);
		iput(inode);
	}
	for (i = 0; i < MANY; i += 2)
		iput(inodes[i]);
	for (i = 0; i < MANY; i++) {
		struct inode *inode = ilookup(tree.dc, i << (i % 3 * 16));

		CHECK(inode == (i % 2 ? inodes[i] : NULL));
		iput(inode);
	}
	for (i = 1; i < MANY; i += 2)
		iput(inodes[i]);
	CHECK_EQ(tree_stats(&tree).inodes, 1);
	tree_end(&tree);
	CHECK_EQ(atomic_load(&evicted), MANY);
	CHECK_EQ(atomic_load(&released), MANY);
}

TEST(an_inode_of_the_table_has_entries_as_any, "iget_locked d_add d_splice_alias d_make_root")
{
	struct tree tree = table_begin(NULL);
	struct inode *dir = fill(&tree, 2, INODE_DIRECTORY, NULL);
	struct dentry *dentry = d_alloc(tree.root, NAME("dir")), *other, *root;

	CHECK_EQ(d_add(dentry, dir), 0);
	/* The entry keeps it. */
	dir = iget_locked(tree.dc, 2);
	CHECK(dir == d_inode(dentry) && !inode_is_new(dir));
	other = d_alloc(tree.root, NAME("other"));
	CHECK(d_splice_alias(dir, other) == dentry);
	dput(dentry);
	dput(other);
	root = d_make_root(fill(&tree, 3, INODE_DIRECTORY, NULL));
	CHECK(!IS_ERR(root));
	dput(root);
	CHECK(!ilookup(tree.dc, 3));
	dput(dentry);
	CHECK_EQ(shrink_dcache(tree.dc, 10), 1);
	CHECK(!ilookup(tree.dc, 2));
	tree_end(&tree);
}

/* ---- who asks from where it must not ---- */

static struct dcache *evict_dc;
static struct inode *evict_got[2];

static void evict_that_asks(struct inode *inode)
{
	count_evict(inode);
	evict_got[0] = iget_locked(evict_dc, inode_number(inode));
	evict_got[1] = ilookup(evict_dc, inode_number(inode));
	/* Others are to be had. */
	iput(iget_locked(evict_dc, 100));
}

static const struct inode_operations asking_ops = { .evict = evict_that_asks };

TEST(evict_cannot_have_its_own_number, "iget_locked")
{
	struct tree tree = table_begin(NULL);
	struct inode *inode = iget_locked(tree.dc, 4);
	struct inode *other = fill(&tree, 100, INODE_REGULAR, NULL);

	evict_dc = tree.dc;
	CHECK_EQ(unlock_new_inode(inode, INODE_REGULAR, &asking_ops, NULL), 0);
	iput(inode);
	CHECK_ERR(evict_got[0], -EDEADLK);
	CHECK(!evict_got[1]);
	iput(other);
	tree_end(&tree);
}

/* ---- rules ---- */

static struct tree rule_tree;
static struct dentry *rule_dentry;

static struct dentry *make_entry(void)
{
	return rule_dentry = d_alloc(rule_tree.root, NAME("n"));
}

static void add_new(void)
{
	CHECK_EQ(d_add(make_entry(), iget_locked(rule_tree.dc, 1)), -EINVAL);
}

static void instantiate_new(void)
{
	CHECK_EQ(d_instantiate(make_entry(), iget_locked(rule_tree.dc, 1)), -EINVAL);
}

static void splice_new(void)
{
	CHECK_ERR(d_splice_alias(iget_locked(rule_tree.dc, 1), make_entry()), -EINVAL);
}

static void make_root_of_new(void)
{
	CHECK_ERR(d_make_root(iget_locked(rule_tree.dc, 1)), -EINVAL);
}

static void obtain_new(void)
{
	CHECK_ERR(d_obtain_alias(iget_locked(rule_tree.dc, 1)), -EINVAL);
}

static void put_new(void)
{
	iput(iget_locked(rule_tree.dc, 1));
}

static void fail_filled(void)
{
	iget_failed(fill(&rule_tree, 1, INODE_REGULAR, NULL));
}

static const struct {
	void (*body)(void);
	const char *rule;
} rules[] = {
	{ add_new, "a new inode is filled first" },
	{ instantiate_new, "a new inode is filled first" },
	{ splice_new, "a new inode is filled first" },
	{ make_root_of_new, "d_make_root: a new inode is filled first" },
	{ obtain_new, "d_obtain_alias: a new inode is filled first" },
	{ put_new, "iput: a new inode is filled" },
	{ fail_filled, "iget_failed: the inode is new" },
};

#ifdef DCACHE_DEBUG

TEST(new_inodes_in_wrong_places_are_diagnosed, "inode_is_new H39")
{
	size_t i;

	rule_tree = table_begin(NULL);
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		CHECK(stops_with(rules[i].body, rules[i].rule));
	tree_end(&rule_tree);
}

#else

/* Refused; and consumed, so that the number is free again. */
TEST(new_inodes_in_wrong_places_are_refused, "inode_is_new H39")
{
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		rule_tree = table_begin(NULL);
		rule_dentry = NULL;
		rules[i].body();
		CHECK(!ilookup(rule_tree.dc, 1));
		CHECK_EQ(tree_stats(&rule_tree).inodes, 1);
		iput(fill(&rule_tree, 1, INODE_REGULAR, NULL));
		dput(rule_dentry);
		tree_end(&rule_tree);
	}
}

#endif

#ifdef DCACHE_DEBUG

TEST(oom_in_iget_locked, "H51 iget_locked")
{
	struct tree tree = table_begin(NULL);
	long live = dc_live_allocations();
	struct inode *inode;

	dc_fail_allocation(1);
	CHECK_ERR(iget_locked(tree.dc, 1), -ENOMEM);
	CHECK(dc_allocation_failed());
	CHECK_EQ(dc_live_allocations(), live);
	CHECK(!ilookup(tree.dc, 1));
	inode = fill(&tree, 1, INODE_REGULAR, NULL);
	/* One that is there needs no memory, nor does a failure, or the end. */
	dc_fail_allocation(1);
	CHECK(iget_locked(tree.dc, 1) == inode);
	CHECK(ilookup(tree.dc, 1) == inode);
	iput(inode);
	iput(inode);
	iput(inode);
	CHECK(!dc_allocation_failed());
	dc_fail_allocation(0);
	inode = iget_locked(tree.dc, 1);
	dc_fail_allocation(1);
	iget_failed(inode);
	CHECK(!dc_allocation_failed());
	dc_fail_allocation(0);
	tree_end(&tree);
}

#endif
