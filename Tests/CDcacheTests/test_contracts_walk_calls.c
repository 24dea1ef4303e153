/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dcache_walk() and dcache_walk_rcu(): what no host can be asked about. */
#include "harness.h"
#include "internal.h"

#define PATH(literal) literal, sizeof(literal) - 1
#define LONG_TARGET 2000

/* ---- a backend by names: "d..." are directories, "f..." files, "n..." are not cached as absent, "e..."
 * fail, "l..." are links; nothing else exists ---- */

static _Atomic long asked;
static _Atomic long links_read;
static _Atomic long slept; /* times a link was read where it may be slept */
static struct inode_operations dir_ops, link_ops;
static const char *body;
static size_t body_len;

static struct dentry *by_name(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	char first = *d_name(dentry).name;
	struct inode *inode = NULL;

	CHECK(!(flags & ~0xffffu));
	atomic_fetch_add(&asked, 1);
	if (first == 'e')
		return ERR_PTR(-EIO);
	if (first == 'n')
		return NULL;
	if (first == 'd')
		inode = new_inode(inode_dcache(dir), 1, INODE_DIRECTORY, &dir_ops, NULL);
	else if (first == 'f')
		inode = new_inode(inode_dcache(dir), 2, INODE_REGULAR, NULL, NULL);
	else if (first == 'l')
		inode = new_inode(inode_dcache(dir), 3, INODE_SYMLINK, &link_ops, NULL);
	return d_splice_alias(inode, dentry);
}

static int read_link(struct inode *inode, char *buf, size_t size, unsigned int flags)
{
	(void)inode;
	atomic_fetch_add(&links_read, 1);
	if (!(flags & LOOKUP_RCU))
		atomic_fetch_add(&slept, 1);
	if (body_len > size)
		return -ENAMETOOLONG;
	memcpy(buf, body, body_len);
	return (int)body_len;
}

static struct inode_operations dir_ops = { .lookup = by_name };
static struct inode_operations link_ops = { .get_link = read_link };

static struct tree begin(void)
{
	atomic_store(&asked, 0);
	atomic_store(&links_read, 0);
	atomic_store(&slept, 0);
	body = "d";
	body_len = 1;
	return tree_begin(NULL, &dir_ops);
}

static struct dentry *walk(struct tree *tree, const char *path, unsigned int flags)
{
	return dcache_walk(tree->root, NULL, path, strlen(path), flags);
}

static struct dentry *walk_rcu(struct tree *tree, const char *path, unsigned int flags)
{
	struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = dcache_walk_rcu(tree->root, NULL, path, strlen(path), flags, &seq);
	CHECK(IS_ERR(dentry) || !d_seq_retry(dentry, seq));
	dcache_read_unlock();
	return dentry;
}

/* ---- what is cached and what is asked for ---- */

TEST(a_path_is_asked_for_once_and_then_known, "dcache_walk")
{
	struct tree tree = begin();
	struct dentry *first = walk(&tree, "d/d/../d/f", 0);
	struct dentry *second, *dir;

	REQUIRE(!IS_ERR(first));
	CHECK_EQ(atomic_load(&asked), 3);
	CHECK_EQ(d_count(first), 1);
	second = walk(&tree, "d/d/f", WALK_CACHED);
	CHECK(second == first);
	CHECK(walk_rcu(&tree, "d/d/f", 0) == first);
	CHECK_EQ(atomic_load(&asked), 3);
	CHECK_EQ(d_count(first), 2);
	dir = dget_parent(first);
	/* The file's, and this one: a walk keeps none. */
	CHECK_EQ(d_count(dir), 2);
	dput(dir);
	dput(first);
	dput(second);
	CHECK_ERR(walk(&tree, "d/d/absent", 0), -ENOENT);
	CHECK_ERR(walk(&tree, "d/d/absent", 0), -ENOENT);
	CHECK_ERR(walk_rcu(&tree, "d/d/absent", 0), -ENOENT);
	CHECK_EQ(atomic_load(&asked), 4);
	tree_end(&tree);
}

TEST(a_walk_of_what_is_cached_does_not_ask, "dcache_walk WALK_CACHED")
{
	struct tree tree = begin();

	CHECK_ERR(walk(&tree, "d/f", WALK_CACHED), -EAGAIN);
	CHECK_ERR(walk_rcu(&tree, "d/f", 0), -ECHILD);
	CHECK_EQ(atomic_load(&asked), 0);
	dput(walk(&tree, "d", 0));
	CHECK_ERR(walk(&tree, "d/f", WALK_CACHED), -EAGAIN);
	CHECK_EQ(atomic_load(&asked), 1);
	tree_end(&tree);
}

TEST(errors_of_the_backend_are_answers_of_a_walk, "dcache_walk")
{
	struct tree tree = begin();

	CHECK_ERR(walk(&tree, "d/e/f", 0), -EIO);
	CHECK_ERR(walk(&tree, "d/e", WALK_CREATE), -EIO);
	CHECK_EQ(atomic_load(&asked), 3);
	tree_end(&tree);
}

TEST(what_is_not_to_be_cached_still_resolves, "dcache_walk")
{
	struct tree tree = begin();
	struct dentry *dentry;

	CHECK_ERR(walk(&tree, "d/n", 0), -ENOENT);
	CHECK_ERR(walk(&tree, "d/n/x", 0), -ENOENT);
	dentry = walk(&tree, "d/n", WALK_CREATE);
	REQUIRE(!IS_ERR(dentry));
	CHECK(d_is_negative(dentry) && d_unhashed(dentry));
	dput(dentry);
	/* Once each, and the directory once. */
	CHECK_EQ(atomic_load(&asked), 4);
	tree_end(&tree);
}

/* ---- creating ---- */

TEST(a_walk_for_creating_answers_the_negative_entry, "dcache_walk WALK_CREATE")
{
	struct tree tree = begin();
	struct dentry *dentry, *again;

	dentry = walk(&tree, "d/absent", WALK_CREATE);
	REQUIRE(!IS_ERR(dentry));
	CHECK(d_is_negative(dentry) && !d_unhashed(dentry));
	again = walk(&tree, "d/absent/", WALK_CREATE | WALK_CACHED);
	CHECK(again == dentry);
	dput(again);
	CHECK(walk_rcu(&tree, "d/absent", WALK_CREATE) == dentry);
	dput(dentry);
	CHECK_ERR(walk(&tree, "d/absent/x", WALK_CREATE), -ENOENT);
	/* A link that leads to nothing: where it leads is what is to be created. */
	body = "d/absent";
	body_len = 8;
	again = walk(&tree, "l", WALK_CREATE);
	CHECK(again == dentry);
	dput(again);
	again = walk(&tree, "d", WALK_CREATE);
	CHECK(!IS_ERR(again) && d_is_dir(again));
	dput(again);
	tree_end(&tree);
}

/* ---- links ---- */

TEST(a_link_that_leads_to_no_path, "dcache_walk")
{
	struct tree tree = begin();

	body_len = 0;
	CHECK_ERR(walk(&tree, "l", 0), -ENOENT);
	CHECK_ERR(walk_rcu(&tree, "l", 0), -ENOENT);
	body = "d\0d";
	body_len = 3;
	CHECK_ERR(walk(&tree, "l", 0), -EINVAL);
	CHECK_ERR(walk_rcu(&tree, "l/f", 0), -EINVAL);
	tree_end(&tree);
}

static void long_link(size_t len, int expected)
{
	struct tree tree = begin();
	char *text = malloc(len);
	struct dentry *dentry;

	REQUIRE(text);
	memset(text, '/', len);
	text[0] = 'd';
	body = text;
	body_len = len;
	dentry = walk(&tree, "l/l/f", 0);
	if (expected)
		CHECK_ERR(dentry, expected);
	else
		CHECK(!IS_ERR(dentry));
	dput(dentry);
	/* Too long for the frame of a walk without references: then it is read where there is room. */
	CHECK_EQ(atomic_load(&slept) > 0, true);
	atomic_store(&slept, 0);
	dput(walk(&tree, "l/l/f", 0));
	CHECK_EQ(atomic_load(&slept) > 0, len > 1024);
	tree_end(&tree);
	free(text);
}

TEST(long_links_are_read_where_there_is_room, "dcache_walk")
{
	long_link(100, 0);
	long_link(LONG_TARGET, 0);
	long_link(DCACHE_PATH_MAX - 1, 0);
	long_link(DCACHE_PATH_MAX, -ENAMETOOLONG);
}

TEST(a_link_or_directory_without_its_operation, "dcache_walk")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("d"), INODE_DIRECTORY);
	struct dentry *link = tree_add(&tree, tree.root, NAME("l"), INODE_SYMLINK);
	struct dentry *dentry;

	CHECK_ERR(walk(&tree, "l", 0), -EOPNOTSUPP);
	CHECK_ERR(walk_rcu(&tree, "l/x", 0), -EOPNOTSUPP);
	CHECK_ERR(walk(&tree, "d/x", 0), -EOPNOTSUPP);
	dentry = walk(&tree, "l", WALK_NOFOLLOW);
	CHECK(dentry == link);
	dput(dentry);
	dput(link);
	dput(dir);
	tree_end(&tree);
}

/* ---- arguments ---- */

TEST(a_walk_refuses_what_is_no_path, "dcache_walk")
{
	struct tree tree = begin();
	struct dcache *other;
	struct dentry *other_root;
	struct dentry *file = walk(&tree, "f", 0);
	struct dentry *absent = walk(&tree, "absent", WALK_CREATE);
	size_t i;
	static const struct {
		const char *path;
		size_t len;
		unsigned int flags;
		int error;
	} refused[] = {
		{ "", 0, 0, -EINVAL },
		{ NULL, 1, 0, -EINVAL },
		{ "d\0", 2, 0, -EINVAL },
		{ "d", 1, LOOKUP_RCU, -EINVAL },
		{ "d", 1, 0x00800000u, -EINVAL },
		{ "d", 1, WALK_BENEATH | WALK_IN_ROOT, -EINVAL },
	};

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK_ERR(dcache_walk(tree.root, NULL, refused[i].path, refused[i].len,
				      refused[i].flags),
			  refused[i].error);
	REQUIRE(!IS_ERR(file) && !IS_ERR(absent));
	CHECK_ERR(dcache_walk(tree.root, file, PATH("."), 0), -ENOTDIR);
	CHECK_ERR(dcache_walk(tree.root, absent, PATH("."), 0), -ENOENT);
	REQUIRE(!dcache_create(NULL, &other));
	other_root = d_make_root(new_inode(other, 1, INODE_DIRECTORY, NULL, NULL));
	CHECK_ERR(dcache_walk(tree.root, other_root, PATH("."), 0), -EXDEV);
	dput(other_root);
	CHECK_EQ(dcache_destroy(other), 0);
	CHECK_ERR(dcache_walk(file, NULL, PATH("."), 0), -ENOTDIR);
	dput(file);
	dput(absent);
	tree_end(&tree);
}

/* ---- roots ---- */

TEST(a_walk_stays_below_its_root, "dcache_walk")
{
	struct tree tree = begin();
	struct dentry *root = walk(&tree, "d1/d2", 0);
	struct dentry *below = walk(&tree, "d1/d2/d3/d4", 0);
	struct dentry *beside = walk(&tree, "d1/d5", 0);
	struct dentry *dentry;
	size_t i;
	static const char *const to_root[] = { "/", "..", "/..", "/d6/../..", "../../../d2/.." };

	REQUIRE(!IS_ERR(root) && !IS_ERR(below) && !IS_ERR(beside));
	for (i = 0; i < 4; i++) {
		dentry = dcache_walk(root, NULL, to_root[i], strlen(to_root[i]), 0);
		CHECK(dentry == root);
		dput(dentry);
	}
	dentry = dcache_walk(root, below, PATH("../../../.."), 0);
	CHECK(dentry == root);
	dput(dentry);
	dentry = dcache_walk(root, below, PATH("/d3/d4"), 0);
	CHECK(dentry == below);
	dput(dentry);
	/* Not below it: wherever the path would lead. */
	CHECK_ERR(dcache_walk(root, beside, PATH("."), 0), -EXDEV);
	CHECK_ERR(dcache_walk(root, beside, PATH(".."), 0), -EXDEV);
	CHECK_ERR(dcache_walk(root, tree.root, PATH("d1/d2"), 0), -EXDEV);
	CHECK_ERR(dcache_walk(root, beside, PATH("f"), WALK_BENEATH), -EXDEV);
	CHECK_ERR(dcache_walk(root, beside, PATH("/f"), WALK_IN_ROOT), -EXDEV);
	/* The base does not matter to a path from the root. */
	dentry = dcache_walk(root, beside, PATH("/d3"), 0);
	CHECK(!IS_ERR(dentry));
	dput(dentry);
	dput(root);
	dput(below);
	dput(beside);
	tree_end(&tree);
}

TEST(a_walk_from_a_directory_that_was_dropped, "dcache_walk H33")
{
	struct tree tree = begin();
	struct dentry *dir = walk(&tree, "d1/d2", 0);
	struct dentry *dentry;

	REQUIRE(!IS_ERR(dir));
	d_drop(dir);
	dentry = dcache_walk(tree.root, dir, PATH("d3/.."), 0);
	CHECK(dentry == dir);
	dput(dentry);
	dentry = walk(&tree, "d1/d2", 0);
	CHECK(!IS_ERR(dentry) && dentry != dir);
	dput(dentry);
	dput(dir);
	tree_end(&tree);
}

/* ---- entries that have to be asked about ---- */

static int valid;
static _Atomic long revalidated;

static int revalidate(struct dentry *dentry, unsigned int flags)
{
	(void)dentry;
	CHECK_EQ(flags, 7);
	atomic_fetch_add(&revalidated, 1);
	return valid;
}

static int never_keep(const struct dentry *dentry)
{
	(void)dentry;
	return 1;
}

static const struct dentry_operations revalidating = { .d_revalidate = revalidate };
static const struct dentry_operations deleting = { .d_delete = never_keep };

TEST(a_walk_revalidates_what_wants_it, "dcache_walk")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *first, *second;
	struct tree tree;

	atomic_store(&asked, 0);
	opts.d_op = &revalidating;
	tree = tree_begin(&opts, &dir_ops);
	first = walk(&tree, "d/f", 7);
	REQUIRE(!IS_ERR(first));
	atomic_store(&revalidated, 0);
	valid = 1;
	CHECK_ERR(walk(&tree, "d/f", 7 | WALK_CACHED), -EAGAIN);
	CHECK_ERR(walk_rcu(&tree, "d/f", 7), -ECHILD);
	CHECK_EQ(atomic_load(&revalidated), 0);
	second = walk(&tree, "d/f", 7);
	CHECK(second == first);
	CHECK_EQ(atomic_load(&revalidated), 2);
	CHECK_EQ(atomic_load(&asked), 2);
	dput(second);
	valid = 0;
	second = walk(&tree, "d/f", 7);
	CHECK(!IS_ERR(second) && second != first);
	CHECK_EQ(atomic_load(&asked), 4);
	dput(second);
	valid = -EACCES;
	CHECK_ERR(walk(&tree, "d/f", 7), -EACCES);
	dput(first);
	tree_end(&tree);
}

/* ---- an entry whose lock is held ---- */

static _Atomic long compared;

static int counting_compare(const struct dentry *dir, unsigned int len, const char *str,
			    const struct qstr *name)
{
	(void)dir;
	atomic_fetch_add(&compared, 1);
	return len != name->len || memcmp(str, name->name, len);
}

static struct {
	struct tree *tree;
	const char *path;
	unsigned int flags;
	struct dentry *answer;
	_Atomic bool done;
} walker;

static void *walk_there(void *arg)
{
	walker.answer = walk(walker.tree, walker.path, walker.flags);
	atomic_store(&walker.done, true);
	return arg;
}

/* Walk, while @held's lock is held for as long as the walker looks again, or until it has gone. */
static struct dentry *walk_beside(struct tree *tree, struct dentry *held, const char *path,
				  unsigned int flags)
{
	pthread_t thread;

	walker.tree = tree;
	walker.path = path;
	walker.flags = flags;
	atomic_store(&walker.done, false);
	atomic_store(&compared, 0);
	d_lock(held);
	thread = test_thread(walk_there, NULL);
	/* It compares one name or two each time. */
	CHECK(flags & WALK_CACHED ? EVENTUALLY(atomic_load(&walker.done)) :
				    EVENTUALLY(atomic_load(&compared) > 500));
	d_unlock(held);
	test_join(thread);
	return walker.answer;
}

TEST(a_walk_waits_for_who_holds_a_lock, "dcache_walk WALK_CACHED")
{
	static const struct dentry_operations counting = { .d_compare = counting_compare };
	const struct dcache_options opts = { .size = sizeof(opts), .d_op = &counting };
	struct tree tree = tree_begin(&opts, &dir_ops);
	struct dentry *dir = walk(&tree, "d", 0), *file = walk(&tree, "d/f", 0);

	CHECK(walk_beside(&tree, file, "d/f", 0) == file);
	dput(file);
	/* A place that is to be referenced, as the backend is to be asked. */
	CHECK_ERR(walk_beside(&tree, dir, "d/e", 0), -EIO);
	CHECK_ERR(walk_beside(&tree, file, "d/f", WALK_CACHED), -EAGAIN);
	dput(file);
	dput(dir);
	tree_end(&tree);
}

static _Atomic uint32_t walker_tid;

static void *walk_from_base(void *base)
{
	atomic_store(&walker_tid, dc_thread_id());
	walker.answer = dcache_walk(walker.tree->root, base, PATH("f"), 0);
	return NULL;
}

/* How often the walker has slept. */
static long walker_sleeps(void)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char text[4096], *at;
	size_t len;
	FILE *file;

	snprintf(text, sizeof(text), "/proc/self/task/%u/status", atomic_load(&walker_tid));
	file = fopen(text, "r");
	if (!file)
		return 0;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = 0;
	at = strstr(text, key);
	return at ? atol(at + sizeof(key) - 1) : 0;
}

/* For more than all its rounds, each of which sleeps once. */
TEST(a_walk_waits_for_who_changes_its_base, "dcache_walk")
{
	struct tree tree = tree_begin(NULL, &dir_ops);
	struct dentry *dir = walk(&tree, "d", 0), *file = walk(&tree, "d/f", 0);
	pthread_t thread;

	walker.tree = &tree;
	atomic_store(&walker_tid, 0);
	/* As a move that is stopped. */
	write_seqcount_begin(&dir->d_seq);
	thread = test_thread(walk_from_base, dir);
	CHECK(EVENTUALLY(atomic_load(&walker_tid) && walker_sleeps() > 500));
	write_seqcount_end(&dir->d_seq);
	test_join(thread);
	CHECK(walker.answer == file);
	dput(file);
	dput(file);
	dput(dir);
	tree_end(&tree);
}

TEST(what_is_not_kept_still_resolves, "dcache_walk")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *dentry;
	struct tree tree;
	int i;

	atomic_store(&asked, 0);
	opts.d_op = &deleting;
	tree = tree_begin(&opts, &dir_ops);
	for (i = 0; i < 3; i++) {
		dentry = walk(&tree, "d/d/d/f", 0);
		CHECK(!IS_ERR(dentry));
		dput(dentry);
	}
	CHECK_EQ(atomic_load(&asked), 12);
	tree_end(&tree);
	opts.d_op = NULL;
	opts.max_entries = 1;
	tree = tree_begin(&opts, &dir_ops);
	for (i = 0; i < 3; i++) {
		dentry = walk(&tree, "d/d/d/f", 0);
		CHECK(!IS_ERR(dentry));
		dput(dentry);
	}
	tree_end(&tree);
}

TEST(a_stale_entry_is_not_an_answer, "dcache_walk d_is_stale")
{
	struct tree tree = begin();
	struct dentry *dentry = walk(&tree, "d/f", 0);

	REQUIRE(!IS_ERR(dentry));
	CHECK(walk_rcu(&tree, "d/f", 0) == dentry);
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	CHECK_ERR(walk_rcu(&tree, "d/f", 0), -ECHILD);
	CHECK_ERR(walk(&tree, "d/f", WALK_CACHED), -EAGAIN);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_directory_becomes_a_file, "dcache_walk_rcu d_delete d_instantiate")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);

	CHECK(walk_rcu(&tree, "dir/.", 0) == dir);
	d_delete(dir);
	CHECK_ERR(walk_rcu(&tree, "dir/x", 0), -ENOENT);
	CHECK_EQ(d_instantiate(dir, tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK_ERR(walk_rcu(&tree, "dir/x", 0), -ENOTDIR);
	CHECK(walk_rcu(&tree, "dir", 0) == dir);
	dput(dir);
	tree_end(&tree);
}

/* ---- answers that are elsewhere than where they were asked for ---- */

static struct dentry *stored; /* "Stored", referenced by nobody but a test */
static bool drops;

/* "asked" is stored as "Stored"; "d..." are dropped as soon as they are there. */
static struct dentry *odd_answer(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct dentry *answer;

	if (*d_name(dentry).name == 'a') {
		atomic_fetch_add(&asked, 1);
		return dget(stored);
	}
	answer = by_name(dir, dentry, flags);
	if (drops && !answer)
		d_drop(dentry);
	return answer;
}

static const struct inode_operations odd_ops = { .lookup = odd_answer };

TEST(a_name_that_is_stored_otherwise_resolves, "dcache_walk")
{
	struct dentry *dentry, *elsewhere;
	struct tree tree;

	atomic_store(&asked, 0);
	drops = false;
	tree = tree_begin(NULL, &odd_ops);
	stored = tree_add(&tree, tree.root, NAME("Stored"), INODE_DIRECTORY);
	dentry = walk(&tree, "asked", 0);
	CHECK(dentry == stored);
	dput(dentry);
	dentry = walk(&tree, "asked/../asked/d", 0);
	CHECK(!IS_ERR(dentry));
	dput(dentry);
	/* An entry that is in another directory is no answer. */
	elsewhere = walk(&tree, "d", 0);
	CHECK_ERR(walk(&tree, "d/asked", 0), -ENOENT);
	dput(stored);
	stored = tree_add(&tree, elsewhere, NAME("far"), INODE_REGULAR);
	CHECK_ERR(walk(&tree, "asked", 0), -EAGAIN);
	dput(stored);
	dput(elsewhere);
	tree_end(&tree);
}

TEST(what_is_dropped_at_once_still_resolves, "dcache_walk")
{
	struct tree tree;
	struct dentry *dentry;

	atomic_store(&asked, 0);
	drops = true;
	tree = tree_begin(NULL, &odd_ops);
	dentry = walk(&tree, "d/../f", 0);
	CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
	CHECK(atomic_load(&asked) <= 6);
	dput(dentry);
	tree_end(&tree);
}

/* ---- no memory ---- */

#ifdef DCACHE_DEBUG
TEST(a_walk_without_memory, "H51")
{
	char path[8 + 2 * 200] = "l";
	char text[LONG_TARGET];
	struct dentry *dentry;
	struct tree tree;
	bool failed = true;
	long nth;
	int i;

	/* A long link, and more places than the frame has room for. */
	for (i = 0; i < 200; i++)
		strcat(path, "/d");
	for (nth = 1; failed; nth++) {
		tree = begin();
		memset(text, '/', sizeof(text));
		text[0] = 'd';
		body = text;
		body_len = sizeof(text);
		if (nth % 2) {
			/* Much of it is known. */
			dentry = walk(&tree, path, 0);
			CHECK(!IS_ERR(dentry));
			d_drop(dentry);
			dput(dentry);
		}
		dc_fail_allocation((nth + 1) / 2);
		dentry = walk(&tree, path, 0);
		failed = dc_allocation_failed();
		dc_fail_allocation(0);
		if (failed)
			CHECK(IS_ERR(dentry) && PTR_ERR(dentry) == -ENOMEM);
		else
			CHECK(!IS_ERR(dentry));
		dput(dentry);
		dentry = walk(&tree, path, 0);
		CHECK(!IS_ERR(dentry));
		dput(dentry);
		tree_end(&tree);
		/* Few with much known, many without. */
		failed = failed || nth < 1200;
	}
}
#endif
