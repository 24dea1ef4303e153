/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Disconnected directories find their place: d_reconnect(), over a store whose inodes have numbers. */
#include "harness.h"
#include "internal.h"

/* The store: number n lies in number in[n] under the name n. 0 is the root, in itself. */
#define NODES 64

static struct {
	struct tree tree;
	_Atomic int in[NODES];
	_Atomic int parents, names, lookups; /* times asked */
	int fail_parent, fail_name; /* errors for number failing */
	int failing;
	_Atomic int wrong_names; /* so often get_name() answers with another's name */
	int wrong_name;
	void (*before_lookup)(int child);
} store;

static const struct inode_operations store_ops;

static struct inode *store_inode(int n)
{
	struct inode *inode = iget_locked(store.tree.dc, (uint64_t)n);

	if (!IS_ERR(inode) && inode_is_new(inode))
		CHECK_EQ(unlock_new_inode(inode, INODE_DIRECTORY, &store_ops, NULL), 0);
	return inode;
}

static struct dentry *store_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct qstr name = d_name(dentry);
	int n = atoi((const char[]){ name.name[0], name.len > 1 ? name.name[1] : 0, 0 });

	(void)flags;
	atomic_fetch_add(&store.lookups, 1);
	if (store.before_lookup)
		store.before_lookup(n);
	if (n <= 0 || n >= NODES || atomic_load(&store.in[n]) != (int)inode_number(dir))
		return d_splice_alias(NULL, dentry);
	return d_splice_alias(store_inode(n), dentry);
}

static const struct inode_operations store_ops = { .lookup = store_lookup };

static struct inode *store_parent(struct inode *child)
{
	int n = (int)inode_number(child);

	atomic_fetch_add(&store.parents, 1);
	if (store.fail_parent && n == store.failing)
		return ERR_PTR(store.fail_parent);
	return store_inode(atomic_load(&store.in[n]));
}

static int store_name(struct inode *parent, struct inode *child, char *buf)
{
	int n = (int)inode_number(child);

	(void)parent;
	atomic_fetch_add(&store.names, 1);
	if (store.fail_name && n == store.failing)
		return store.fail_name;
	if (atomic_fetch_sub(&store.wrong_names, 1) > 0)
		n = store.wrong_name;
	return snprintf(buf, DCACHE_NAME_MAX + 1, "%d", n);
}

static const struct export_operations store_export = { store_parent, store_name };

/* A chain: each number lies in the one before. */
static void store_begin(void)
{
	int i;

	memset(&store, 0, sizeof(store));
	store.tree = tree_begin(NULL, NULL);
	dput(store.tree.root);
	for (i = 1; i < NODES; i++)
		atomic_store(&store.in[i], i - 1);
	store.tree.root = d_make_root(store_inode(0));
	CHECK(!IS_ERR(store.tree.root));
}

static void store_end(void)
{
	tree_end(&store.tree);
}

static struct dentry *loose(int n)
{
	struct dentry *dentry = d_obtain_alias(store_inode(n));

	CHECK(!IS_ERR(dentry) && d_is_dir(dentry));
	return dentry;
}

static bool path_is(const struct dentry *dentry, const char *expected)
{
	char path[1000];

	CHECK(dentry_path(dentry, path, sizeof(path)) >= 0);
	return test_check(!strcmp(path, expected), __FILE__, __LINE__, "%s is %s", path, expected);
}

TEST(a_directory_far_below_is_connected, "d_reconnect")
{
	struct dentry *dentry;

	store_begin();
	dentry = loose(5);
	CHECK(d_is_disconnected(dentry));
	CHECK_EQ(d_reconnect(dentry, &store_export), 0);
	CHECK(!d_is_disconnected(dentry));
	path_is(dentry, "/1/2/3/4/5");
	CHECK_EQ(atomic_load(&store.parents), 5);
	CHECK_EQ(atomic_load(&store.names), 5);
	CHECK_EQ(tree_stats(&store.tree).entries, 6);
	CHECK_EQ(tree_stats(&store.tree).in_lookup, 0);
	/* Connected already: nobody is asked. */
	CHECK_EQ(d_reconnect(dentry, &store_export), 0);
	CHECK_EQ(d_reconnect(store.tree.root, &store_export), 0);
	CHECK_EQ(atomic_load(&store.parents), 5);
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
	CHECK_EQ(tree_stats(&store.tree).unused, 1);
	store_end();
}

TEST(whole_trees_are_connected_at_their_tops, "d_reconnect H9")
{
	struct dentry *top, *below, *file;

	store_begin();
	top = loose(3);
	below = loose(6);
	file = tree_add(&store.tree, below, NAME("file"), INODE_REGULAR);
	CHECK_EQ(d_reconnect(below, &store_export), 0);
	path_is(file, "/1/2/3/4/5/6/file");
	CHECK(d_parent(d_parent(d_parent(below))) == top);
	CHECK(!d_is_disconnected(top) && !d_is_disconnected(file));
	dput(file);
	dput(below);
	dput(top);
	store_end();
}

TEST(what_cannot_be_connected_is_refused, "d_reconnect")
{
	static const struct export_operations no_name = { store_parent, NULL };
	static const struct export_operations no_parent = { NULL, store_name };
	struct dentry *file, *dir, *absent;

	store_begin();
	dir = loose(2);
	file = d_obtain_alias(tree_inode(store.tree.dc, INODE_REGULAR));
	absent = tree_add(&store.tree, dir, NAME("absent"), 0);
	CHECK_EQ(d_reconnect(dir, NULL), -EINVAL);
	CHECK_EQ(d_reconnect(dir, &no_name), -EINVAL);
	CHECK_EQ(d_reconnect(dir, &no_parent), -EINVAL);
	CHECK_EQ(d_reconnect(file, &store_export), -ENOTDIR);
	CHECK_EQ(d_reconnect(absent, &store_export), -ENOTDIR);
	dput(absent);
	dput(dir);
	dput(file);
	store_end();
}

/* What has been connected stays so; nothing else is left. */
static void fails_at_3(int err)
{
	struct dentry *dentry = loose(5);

	CHECK_EQ(d_reconnect(dentry, &store_export), err);
	CHECK(d_is_disconnected(dentry));
	path_is(dentry, "/4/5");
	CHECK_EQ(d_count(dentry), 1);
	CHECK_EQ(tree_stats(&store.tree).in_lookup, 0);
	CHECK_EQ(tree_stats(&store.tree).entries, 4);
	store.fail_parent = store.fail_name = 0;
	CHECK_EQ(d_reconnect(dentry, &store_export), 0);
	path_is(dentry, "/1/2/3/4/5");
	dput(dentry);
}

TEST(errors_of_the_filesystem_are_returned, "d_reconnect")
{
	static const int errors[] = { -EIO, -ESTALE, -ENOMEM, -EACCES };
	size_t i;

	for (i = 0; i < 4; i++) {
		store_begin();
		store.failing = 3;
		store.fail_parent = errors[i];
		fails_at_3(errors[i]);
		store_end();
		store_begin();
		store.failing = 3;
		store.fail_name = errors[i];
		fails_at_3(errors[i]);
		store_end();
	}
	store_begin();
	store.failing = 3;
	store.fail_name = -ENOENT;
	fails_at_3(-ESTALE);
	CHECK(atomic_load(&store.names) > 6);
	store_end();
	store_begin();
	store.failing = 3;
	store.fail_name = DCACHE_NAME_MAX + 1;
	fails_at_3(-ENAMETOOLONG);
	store_end();
}

TEST(a_name_that_leads_elsewhere_is_asked_for_again, "d_reconnect")
{
	struct dentry *dentry, *other;

	store_begin();
	atomic_store(&store.in[9], 0);
	other = lookup_one_unlocked(store.tree.root, NAME("9"), 0);
	CHECK(d_is_positive(other));
	dentry = loose(1);
	store.wrong_name = 9;
	atomic_store(&store.wrong_names, 2);
	CHECK_EQ(d_reconnect(dentry, &store_export), 0);
	path_is(dentry, "/1");
	dput(dentry);
	CHECK_EQ(atomic_load(&store.names), 3);
	/* What is true of the other name stays. */
	CHECK(!d_unhashed(other) && d_is_positive(other));
	dput(other);
	dentry = loose(20);
	atomic_store(&store.wrong_names, 1000);
	CHECK_EQ(d_reconnect(dentry, &store_export), -ESTALE);
	CHECK(d_is_disconnected(dentry));
	dput(dentry);
	store_end();
}

TEST(a_negative_that_is_out_of_date_is_replaced, "d_reconnect")
{
	struct dentry *absent, *dentry;

	store_begin();
	atomic_store(&store.in[1], 40);
	absent = lookup_one_unlocked(store.tree.root, NAME("1"), 0);
	CHECK(d_is_negative(absent) && !d_unhashed(absent));
	dput(absent);
	atomic_store(&store.in[1], 0);
	dentry = loose(2);
	CHECK_EQ(d_reconnect(dentry, &store_export), 0);
	path_is(dentry, "/1/2");
	dput(dentry);
	store_end();
}

TEST(a_filesystem_that_goes_in_circles_is_refused, "d_reconnect")
{
	struct dentry *dentry;

	store_begin();
	atomic_store(&store.in[3], 5);
	dentry = loose(5);
	CHECK_EQ(d_reconnect(dentry, &store_export), -ELOOP);
	CHECK(d_is_disconnected(dentry));
	atomic_store(&store.in[3], 3);
	CHECK_EQ(d_reconnect(dentry, &store_export), -ELOOP);
	atomic_store(&store.in[3], 2);
	CHECK_EQ(d_reconnect(dentry, &store_export), 0);
	path_is(dentry, "/1/2/3/4/5");
	dput(dentry);
	store_end();
}

/* ---- a filesystem without a root ---- */

/* Ever another directory above the last; and whoever looks for the last one's name moves @endless there,
 * so that the way up from it stays short. */
static struct dentry *endless;
static const struct inode_operations endless_ops;
static struct inode *endless_top;
static int above;

static struct dentry *endless_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct dentry *parent = d_find_any_alias(dir);
	struct dentry *target = d_alloc(parent, NAME("endless"));

	(void)flags;
	if (d_inode(endless) != endless_top)
		CHECK_EQ(d_move(endless, target), 0);
	dput(target);
	dput(parent);
	ihold(endless_top);
	return d_splice_alias(endless_top, dentry);
}

static const struct inode_operations endless_ops = { .lookup = endless_lookup };

static struct inode *endless_parent(struct inode *child)
{
	endless_top = child;
	return new_inode(inode_dcache(child), (uint64_t)above++ + 1000, INODE_DIRECTORY, &endless_ops,
			 NULL);
}

static int endless_name(struct inode *parent, struct inode *child, char *buf)
{
	(void)parent;
	(void)child;
	buf[0] = 't';
	return 1;
}

TEST(a_filesystem_that_has_no_end_is_refused, "d_reconnect")
{
	static const struct export_operations ops = { endless_parent, endless_name };
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct tree tree;

	opts.max_entries = 100;
	tree = tree_begin(&opts, NULL);
	endless = d_obtain_alias(new_inode(tree.dc, 999, INODE_DIRECTORY, &endless_ops, NULL));
	above = 0;
	CHECK_EQ(d_reconnect(endless, &ops), -ELOOP);
	CHECK_EQ(above, 100000);
	CHECK(d_is_disconnected(endless));
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	dput(endless);
	tree_end(&tree);
}

/* ---- wrong answers ---- */

static struct dentry *answered;

static struct dentry *lookup_answers_only(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	(void)dir;
	(void)dentry;
	(void)flags;
	return dget(answered);
}

static const struct inode_operations answer_only_ops = { .lookup = lookup_answers_only };

static struct inode *parent_that_answers(struct inode *child)
{
	return new_inode(inode_dcache(child), 1000, INODE_DIRECTORY, &answer_only_ops, NULL);
}

/* The lookup answers with the directory, and does not put it there. */
TEST(a_directory_that_is_answered_and_not_connected, "d_reconnect")
{
	static const struct export_operations ops = { parent_that_answers, store_name };

	store_begin();
	answered = loose(1);
	CHECK_EQ(d_reconnect(answered, &ops), -ESTALE);
	CHECK(d_is_disconnected(answered) && IS_ROOT(answered));
	CHECK_EQ(atomic_load(&store.names), 8);
	CHECK_EQ(d_reconnect(answered, &store_export), 0);
	path_is(answered, "/1");
	dput(answered);
	store_end();
}

static struct inode *foreign;

static struct inode *parent_elsewhere(struct inode *child)
{
	(void)child;
	ihold(foreign);
	return foreign;
}

static struct inode *parent_none(struct inode *child)
{
	(void)child;
	return NULL;
}

TEST(a_parent_that_is_none_is_refused, "d_reconnect")
{
	static const struct export_operations elsewhere = { parent_elsewhere, store_name };
	static const struct export_operations none = { parent_none, store_name };
	struct dentry *dentry, *own;
	struct dcache *dc;

	store_begin();
	CHECK_EQ(dcache_create(NULL, &dc), 0);
	foreign = new_inode(dc, 1, INODE_DIRECTORY, NULL, NULL);
	dentry = loose(1);
	CHECK_EQ(d_reconnect(dentry, &elsewhere), -EXDEV);
	CHECK_EQ(d_reconnect(dentry, &none), -ESTALE);
	iput(foreign);
	CHECK_EQ(dcache_destroy(dc), 0);
	/* A file, and a directory without a lookup operation. */
	foreign = tree_inode(store.tree.dc, INODE_REGULAR);
	CHECK_EQ(d_reconnect(dentry, &elsewhere), -ENOTDIR);
	iput(foreign);
	foreign = tree_inode(store.tree.dc, INODE_DIRECTORY);
	CHECK_EQ(d_reconnect(dentry, &elsewhere), -EOPNOTSUPP);
	own = d_find_any_alias(foreign);
	CHECK(!own);
	iput(foreign);
	dput(dentry);
	store_end();
}

/* ---- meanwhile ---- */

static int renamed_once;

/* Between the question for its name and the lookup the directory goes elsewhere. */
static void rename_3(int child)
{
	if (child == 3 && !renamed_once++)
		atomic_store(&store.in[3], 0);
}

TEST(a_directory_that_is_renamed_meanwhile_is_found, "d_reconnect")
{
	struct dentry *dentry;

	store_begin();
	renamed_once = 0;
	store.before_lookup = rename_3;
	dentry = loose(4);
	CHECK_EQ(d_reconnect(dentry, &store_export), 0);
	path_is(dentry, "/3/4");
	dput(dentry);
	store_end();
}

static void *reconnect(void *dentry)
{
	return (void *)(intptr_t)d_reconnect(dentry, &store_export);
}

TEST(many_are_connected_at_once, "d_reconnect stress H9")
{
	int turn, i;

	for (turn = 0; turn < 20; turn++) {
		struct dentry *dentries[8];
		pthread_t threads[8];

		store_begin();
		for (i = 0; i < 8; i++) {
			/* Two trees' leaves, and some on the way. */
			atomic_store(&store.in[40], turn % 2 ? 3 : 0);
			dentries[i] = loose(i % 2 ? 10 + i : 40 + i);
		}
		for (i = 0; i < 8; i++)
			threads[i] = test_thread(reconnect, dentries[i]);
		for (i = 0; i < 8; i++) {
			void *err;

			pthread_join(threads[i], &err);
			CHECK_EQ((intptr_t)err, 0);
			CHECK(!d_is_disconnected(dentries[i]));
		}
		path_is(dentries[1], "/1/2/3/4/5/6/7/8/9/10/11");
		for (i = 0; i < 8; i++)
			dput(dentries[i]);
		store_end();
	}
}

#ifdef DCACHE_DEBUG

TEST(oom_in_d_reconnect, "H51 d_reconnect d_obtain_alias")
{
	int n;

	for (n = 1;; n++) {
		struct dentry *dentry;
		bool failed;

		store_begin();
		dentry = loose(4);
		dc_fail_allocation(n);
		failed = d_reconnect(dentry, &store_export);
		CHECK(failed == dc_allocation_failed());
		dc_fail_allocation(0);
		CHECK_EQ(tree_stats(&store.tree).in_lookup, 0);
		CHECK_EQ(d_reconnect(dentry, &store_export), 0);
		path_is(dentry, "/1/2/3/4");
		dput(dentry);
		store_end();
		if (!failed)
			break;
	}
	/* An inode and an entry for each directory above, and an entry for each name that is looked up. */
	CHECK_EQ(n - 1, 3 * 2 + 4);
}

#endif
