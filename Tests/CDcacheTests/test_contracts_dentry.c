/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of an entry: made, added, dropped, rehashed, deleted, put. */
#include "harness.h"
#include "internal.h"

#define COLD NAME("cold")

static bool is_found(struct dentry *parent, const struct qstr *name, const struct dentry *expected)
{
	struct dentry *found = d_lookup(parent, name);
	bool same = found == expected;

	dput(found);
	return same;
}

/* ---- d_alloc, d_make_root ---- */

TEST(d_alloc_makes_a_private_negative, "d_alloc")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc(tree.root, COLD);
	struct qstr name = d_name(dentry);

	CHECK(d_unhashed(dentry) && d_is_negative(dentry) && !d_in_lookup(dentry));
	CHECK(!d_is_positive(dentry) && !d_is_dir(dentry) && !d_inode(dentry));
	CHECK(d_parent(dentry) == tree.root);
	CHECK_EQ(d_count(dentry), 1);
	CHECK_EQ(d_count(tree.root), 2);
	CHECK(name.len == 4 && !memcmp(name.name, "cold", 4));
	CHECK(!d_fsdata(dentry));
	d_set_fsdata(dentry, &tree);
	CHECK(d_fsdata(dentry) == &tree);
	CHECK(is_found(tree.root, COLD, NULL));
	dput(dentry);
	CHECK_EQ(d_count(tree.root), 1);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(d_make_root_wants_a_directory, "d_make_root")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *second;

	CHECK_ERR(d_make_root(NULL), -ENOMEM);
	CHECK_ERR(d_make_root(ERR_PTR(-EIO)), -EIO);
	CHECK_ERR(d_make_root(tree_inode(tree.dc, INODE_REGULAR)), -ENOTDIR);
	CHECK_EQ(tree_stats(&tree).inodes, 1);
	CHECK(IS_ROOT(tree.root) && d_unhashed(tree.root) && d_parent(tree.root) == tree.root);
	CHECK_EQ(d_count(tree.root), 1);
	second = d_make_root(tree_inode(tree.dc, INODE_DIRECTORY));
	CHECK(IS_ROOT(second) && second != tree.root);
	/* A directory has one entry. */
	ihold(d_inode(second));
	CHECK_ERR(d_make_root(d_inode(second)), -EEXIST);
	dput(second);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

/* ---- d_add ---- */

TEST(d_add_refuses_a_second_time, "d_add")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, 0);
	struct dentry *dropped = tree_add(&tree, tree.root, NAME("x"), INODE_REGULAR);

	CHECK_EQ(d_add(dentry, NULL), -EEXIST);
	CHECK_EQ(d_add(dentry, tree_inode(tree.dc, INODE_REGULAR)), -EEXIST);
	CHECK(d_is_negative(dentry));
	CHECK(is_found(tree.root, COLD, dentry));
	d_drop(dropped);
	CHECK_EQ(d_add(dropped, tree_inode(tree.dc, INODE_REGULAR)), -EINVAL);
	CHECK_EQ(d_add(dropped, NULL), -EINVAL);
	CHECK_EQ(d_rehash(dropped), 0);
	CHECK_EQ(d_add(dropped, NULL), -EEXIST);
	CHECK_EQ(d_add(tree.root, NULL), -EINVAL);
	CHECK_EQ(tree_stats(&tree).inodes, 2);
	dput(dropped);
	dput(dentry);
	tree_end(&tree);
}

TEST(d_add_refuses_a_second_entry_of_a_name, "d_add")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *first = d_alloc(tree.root, COLD);
	struct dentry *second = d_alloc(tree.root, COLD);

	CHECK_EQ(d_add(first, NULL), 0);
	CHECK_EQ(d_add(second, NULL), -EEXIST);
	CHECK_EQ(d_add(second, tree_inode(tree.dc, INODE_REGULAR)), -EEXIST);
	CHECK(d_unhashed(second) && d_is_negative(second));
	CHECK(is_found(tree.root, COLD, first));
	d_drop(first);
	CHECK_EQ(d_add(second, NULL), 0);
	CHECK(is_found(tree.root, COLD, second));
	dput(second);
	dput(first);
	tree_end(&tree);
}

TEST(d_add_refuses_bad_inodes, "d_add d_instantiate d_splice_alias")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct dentry *plain = d_alloc(tree.root, NAME("plain"));
	struct inode *foreign;
	struct dcache *other;

	CHECK_EQ(dcache_create(NULL, &other), 0);
	foreign = new_inode(other, 1, INODE_REGULAR, NULL, NULL);
	ihold(foreign);
	ihold(foreign);
	CHECK_EQ(d_add(dentry, foreign), -EXDEV);
	CHECK_EQ(d_instantiate(plain, foreign), -EXDEV);
	CHECK_ERR(d_splice_alias(foreign, dentry), -EXDEV);
	CHECK_EQ(dcache_destroy(other), 0);
	CHECK_EQ(d_add(dentry, ERR_PTR(-EIO)), -EIO);
	CHECK_EQ(d_instantiate(plain, ERR_PTR(-EIO)), -EIO);
	ihold(d_inode(dir));
	CHECK_EQ(d_add(dentry, d_inode(dir)), -EEXIST);
	ihold(d_inode(dir));
	CHECK_EQ(d_instantiate(plain, d_inode(dir)), -EEXIST);
	CHECK(d_in_lookup(dentry) && d_is_negative(plain));
	CHECK_EQ(d_add(dentry, NULL), 0);
	dput(plain);
	dput(dentry);
	dput(dir);
	tree_end(&tree);
}

static uint32_t sequence(struct tree *tree)
{
	return dir_seq_read(d_inode(tree->root));
}

/* Whoever has missed a name looks again when one has been hashed, and for nothing else. */
TEST(only_what_is_hashed_is_announced, "d_add d_rehash d_lookup_done")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc(tree.root, COLD);
	struct dentry *asked = d_alloc_parallel(tree.root, NAME("asked"), &wq);
	uint32_t before = sequence(&tree);

	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK(sequence(&tree) != before && !dir_seq_is_odd(sequence(&tree)));
	before = sequence(&tree);
	d_drop(dentry);
	CHECK_EQ(sequence(&tree), before);
	CHECK_EQ(d_rehash(dentry), 0);
	CHECK(sequence(&tree) != before && !dir_seq_is_odd(sequence(&tree)));
	before = sequence(&tree);
	d_lookup_done(asked);
	dput(asked);
	asked = d_alloc_parallel(tree.root, NAME("asked"), &wq);
	CHECK_EQ(d_lookup_fail(asked, -EIO), 0);
	dput(asked);
	CHECK_EQ(sequence(&tree), before);
	asked = d_alloc_parallel(tree.root, NAME("asked"), &wq);
	CHECK_EQ(d_add(asked, NULL), 0);
	CHECK(sequence(&tree) != before && !dir_seq_is_odd(sequence(&tree)));
	dput(asked);
	dput(dentry);
	tree_end(&tree);
}

/* ---- d_instantiate ---- */

TEST(d_instantiate_turns_a_negative_positive, "d_instantiate")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *hashed = tree_add(&tree, tree.root, COLD, 0);
	struct dentry *loose = d_alloc(tree.root, NAME("loose"));
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *asked = d_alloc_parallel(tree.root, NAME("asked"), &wq);
	struct inode *inode = tree_inode(tree.dc, INODE_SYMLINK);

	CHECK_EQ(tree_stats(&tree).negatives, 1);
	CHECK_EQ(d_instantiate(hashed, inode), 0);
	CHECK(d_inode(hashed) == inode && inode_get_type(inode) == INODE_SYMLINK);
	CHECK_EQ(tree_stats(&tree).negatives, 0);
	CHECK(is_found(tree.root, COLD, hashed));
	CHECK_EQ(d_instantiate(hashed, tree_inode(tree.dc, INODE_REGULAR)), -EINVAL);
	CHECK_EQ(d_instantiate(loose, NULL), -EINVAL);
	CHECK_EQ(d_instantiate(loose, tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK(d_unhashed(loose) && d_is_positive(loose));
	CHECK_EQ(d_rehash(loose), 0);
	CHECK_EQ(d_instantiate(asked, tree_inode(tree.dc, INODE_REGULAR)), -EBUSY);
	d_lookup_done(asked);
	dput(asked);
	dput(loose);
	dput(hashed);
	tree_end(&tree);
}

/* A file may have several entries. */
TEST(hard_links_are_entries_of_one_inode, "d_instantiate d_add")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *first = tree_add(&tree, tree.root, NAME("first"), INODE_REGULAR);
	struct dentry *second = d_alloc(tree.root, NAME("second"));

	ihold(d_inode(first));
	CHECK_EQ(d_add(second, d_inode(first)), 0);
	CHECK(d_inode(second) == d_inode(first));
	CHECK_EQ(tree_stats(&tree).inodes, 2);
	d_delete(first);
	CHECK(d_is_negative(first) && d_is_positive(second));
	dput(first);
	dput(second);
	tree_end(&tree);
}

/* ---- d_drop, d_rehash ---- */

TEST(a_dropped_entry_is_not_found, "d_drop d_rehash")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, 0);

	d_drop(dentry);
	d_drop(dentry);
	CHECK(d_unhashed(dentry));
	CHECK_EQ(tree_stats(&tree).negatives, 0);
	CHECK(is_found(tree.root, COLD, NULL));
	CHECK_EQ(d_rehash(dentry), 0);
	CHECK_EQ(tree_stats(&tree).negatives, 1);
	CHECK(is_found(tree.root, COLD, dentry));
	d_drop(dentry);
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	d_drop(tree.root);
	tree_end(&tree);
}

TEST(d_rehash_refuses_what_cannot_be_found, "d_rehash")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dropped = tree_add(&tree, tree.root, COLD, 0);
	struct dentry *hashed;
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *asked = d_alloc_parallel(tree.root, NAME("asked"), &wq);

	d_drop(dropped);
	hashed = tree_add(&tree, tree.root, COLD, 0);
	CHECK_EQ(d_rehash(dropped), -EEXIST);
	CHECK_EQ(d_rehash(hashed), -EEXIST);
	CHECK_EQ(d_rehash(tree.root), -EINVAL);
	CHECK_EQ(d_rehash(asked), -EBUSY);
	d_drop(asked);
	CHECK(d_in_lookup(asked));
	CHECK_EQ(d_lookup_fail(asked, -EIO), 0);
	CHECK_EQ(d_rehash(asked), -EINVAL);
	CHECK(is_found(tree.root, COLD, hashed));
	dput(asked);
	dput(dropped);
	dput(hashed);
	tree_end(&tree);
}

/* ---- d_delete ---- */

static _Atomic int evicted;

static void count_evict(struct inode *inode)
{
	(void)inode;
	atomic_fetch_add(&evicted, 1);
}

TEST(a_sole_user_deletes_to_a_negative, "d_delete")
{
	static const struct inode_operations ops = { .evict = count_evict };
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc(tree.root, COLD);

	atomic_store(&evicted, 0);
	CHECK_EQ(d_add(dentry, new_inode(tree.dc, 1, INODE_REGULAR, &ops, NULL)), 0);
	d_delete(dentry);
	CHECK(d_is_negative(dentry) && !d_unhashed(dentry));
	CHECK_EQ(atomic_load(&evicted), 1);
	CHECK(is_found(tree.root, COLD, dentry));
	CHECK_EQ(tree_stats(&tree).negatives, 1);
	d_delete(dentry);
	CHECK(!d_unhashed(dentry));
	CHECK_EQ(d_instantiate(dentry, tree_inode(tree.dc, INODE_DIRECTORY)), 0);
	CHECK(d_is_dir(dentry));
	dput(dentry);
	tree_end(&tree);
}

TEST(other_holders_keep_what_is_deleted, "d_delete")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct inode *inode = d_inode(dentry);

	dget(dentry);
	d_delete(dentry);
	CHECK(d_inode(dentry) == inode && d_unhashed(dentry));
	CHECK(is_found(tree.root, COLD, NULL));
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).inodes, 2);
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).inodes, 1);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(a_directory_with_entries_below_is_deleted_as_shared, "d_delete")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);

	dput(tree_add(&tree, dir, COLD, 0));
	d_delete(dir);
	CHECK(d_is_dir(dir) && d_unhashed(dir));
	dput(dir);
	tree_end(&tree);
}

/* ---- references ---- */

TEST(the_last_put_keeps_a_hashed_entry, "dput")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *found;

	dput(dentry);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	found = d_lookup(tree.root, COLD);
	CHECK(found == dentry && d_is_positive(found));
	CHECK_EQ(d_count(found), 1);
	dput(found);
	dput(NULL);
	dput(ERR_PTR(-EIO));
	CHECK(!dget(NULL));
	tree_end(&tree);
}

/* However often it was used: dropping it revokes what its word says of keeping it. */
TEST(a_popular_entry_goes_when_it_is_dropped, "dput d_drop d_delete")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	int way, i;

	for (way = 0; way < 2; way++) {
		for (i = 0; i < 5; i++) {
			dput(dentry);
			dentry = d_lookup(tree.root, COLD);
		}
		if (way) {
			dget(dentry);
			d_delete(dentry);
			dput(dentry);
		} else {
			d_drop(dentry);
		}
		dput(dentry);
		CHECK_EQ(tree_stats(&tree).entries, 1);
		CHECK_EQ(tree_stats(&tree).unused, 0);
		dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	}
	dput(dentry);
	tree_end(&tree);
}

#define DEEP 100000

TEST(a_put_goes_up_a_chain_without_recursion, "dput")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = dget(tree.root);
	int i;

	for (i = 0; i < DEEP; i++) {
		struct dentry *child = tree_add(&tree, dentry, NAME("d"), INODE_DIRECTORY);

		d_drop(child);
		dput(dentry);
		dentry = child;
	}
	CHECK_EQ(tree_stats(&tree).entries, DEEP + 1);
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(a_child_holds_its_parent, "dput d_alloc")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *child = tree_add(&tree, dir, COLD, 0);
	struct dentry *parent;

	CHECK_EQ(d_count(dir), 2);
	d_drop(dir);
	dput(dir);
	CHECK_EQ(d_count(dir), 1);
	parent = dget_parent(child);
	CHECK(parent == dir);
	CHECK_EQ(d_count(dir), 2);
	dput(parent);
	d_drop(child);
	dput(child);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	parent = dget_parent(tree.root);
	CHECK(parent == tree.root);
	dput(parent);
	tree_end(&tree);
}

static _Atomic int released, deleted_asked;

static int delete_always(const struct dentry *dentry)
{
	CHECK(d_name(dentry).len == 4);
	atomic_fetch_add(&deleted_asked, 1);
	return 1;
}

static int delete_never(const struct dentry *dentry)
{
	(void)dentry;
	atomic_fetch_add(&deleted_asked, 1);
	return 0;
}

static void count_release(struct dentry *dentry)
{
	CHECK(!d_lookup(d_parent(dentry), COLD));
	CHECK(d_fsdata(dentry) == &released);
	atomic_fetch_add(&released, 1);
}

TEST(d_delete_and_d_release_operations, "dput dentry_operations")
{
	static const struct dentry_operations frees = { .d_delete = delete_always,
							.d_release = count_release };
	static const struct dentry_operations keeps = { .d_delete = delete_never };
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc(tree.root, COLD);
	int i;

	atomic_store(&released, 0);
	atomic_store(&deleted_asked, 0);
	d_set_d_op(dentry, &frees);
	d_set_fsdata(dentry, &released);
	CHECK_EQ(d_add(dentry, NULL), 0);
	dget(dentry);
	dput(dentry);
	CHECK_EQ(atomic_load(&deleted_asked), 0);
	dput(dentry);
	CHECK_EQ(atomic_load(&deleted_asked), 1);
	CHECK_EQ(atomic_load(&released), 1);
	CHECK_EQ(tree_stats(&tree).entries, 1);

	/* It is asked every time: no put of it is a mere decrement. */
	dentry = d_alloc(tree.root, COLD);
	d_set_d_op(dentry, &keeps);
	CHECK_EQ(d_add(dentry, NULL), 0);
	dput(dentry);
	for (i = 0; i < 5; i++)
		dput(d_lookup(tree.root, COLD));
	CHECK_EQ(atomic_load(&deleted_asked), 1 + 6);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

static void get_without_a_reference(void)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc(tree.root, COLD);

	dcache_read_lock();
	dput(dentry);
	dget(dentry);
}

static void put_once_too_often(void)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, 0);

	dput(dentry);
	dput(dentry);
}

static struct dentry *let_go;

static int hash_and_let_go(const struct dentry *dir, struct qstr *name)
{
	name->hash = full_name_hash(dir, name->name, name->len);
	dput(let_go);
	return 0;
}

/* The last reference goes while the name is hashed. */
static void alloc_in_what_is_gone(void)
{
	static const struct dentry_operations ops = { .d_hash = hash_and_let_go };
	struct tree tree = tree_begin(NULL, NULL);

	let_go = d_alloc(tree.root, COLD);
	d_set_d_op(let_go, &ops);
	CHECK_EQ(d_add(let_go, tree_inode(tree.dc, INODE_DIRECTORY)), 0);
	d_drop(let_go);
	dcache_read_lock();
	d_alloc(let_go, COLD);
}

TEST(broken_rules_of_references_stop_a_checked_build, "dget dput d_alloc")
{
	CHECK(stops_with(get_without_a_reference, "dget: the entry is referenced"));
	CHECK(stops_with(put_once_too_often, "dput: the entry is referenced"));
	CHECK(stops_with(alloc_in_what_is_gone, "d_alloc: the parent is referenced"));
}

#endif /* DCACHE_DEBUG */

static void *put_entry(void *dentry)
{
	dput(dentry);
	return NULL;
}

/* The last put wants the inode's lock and lets go of the entry's for that: somebody comes by. */
TEST(an_entry_that_is_taken_while_it_is_put_stays, "dput")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct inode *inode = d_inode(dentry);
	pthread_t putter;

	d_drop(dentry);
	dc_lock(&inode->i_lock);
	putter = test_thread(put_entry, dentry);
	CHECK(EVENTUALLY(atomic_load(&inode->i_count) == 2));
	dget(dentry);
	dc_unlock(&inode->i_lock);
	test_join(putter);
	CHECK_EQ(d_count(dentry), 1);
	CHECK(d_inode(dentry) == inode);
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

/* The same for d_delete(): who comes by makes it a shared one. */
static void *delete_entry(void *dentry)
{
	d_delete(dentry);
	return NULL;
}

TEST(an_entry_that_is_taken_while_it_is_deleted_stays_positive, "d_delete")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct inode *inode = d_inode(dentry);
	pthread_t deleter;

	dc_lock(&inode->i_lock);
	deleter = test_thread(delete_entry, dentry);
	CHECK(EVENTUALLY(atomic_load(&inode->i_count) == 2));
	CHECK(d_lookup(tree.root, COLD) == dentry);
	dc_unlock(&inode->i_lock);
	test_join(deleter);
	CHECK(d_inode(dentry) == inode && d_unhashed(dentry));
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}
