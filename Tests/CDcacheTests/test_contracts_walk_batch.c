/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many paths at once: each leads where it leads by itself. */
#include "harness.h"
#include "internal.h"

/* ---- paths ---- */

#define LONG_NAME "a-name-that-is-so-long-that-it-lies-outside-of-its-entry"

static _Atomic long paths_asked;

/* What is not there: "new" is a file, "broken" an error, all else is absent. */
static struct dentry *paths_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct qstr name = d_name(dentry);

	(void)flags;
	atomic_fetch_add(&paths_asked, 1);
	if (name.len == 6 && !memcmp(name.name, "broken", 6))
		return ERR_PTR(-EIO);
	return d_splice_alias(name.len == 3 && !memcmp(name.name, "new", 3)
				      ? new_inode(inode_dcache(dir), 0, INODE_REGULAR, NULL, NULL)
				      : NULL,
			      dentry);
}

static int paths_get_link(struct inode *inode, char *buf, size_t size, unsigned int flags)
{
	const char *body = inode_private(inode);

	(void)flags;
	CHECK(size >= strlen(body));
	memcpy(buf, body, strlen(body));
	return (int)strlen(body);
}

static const struct inode_operations paths_ops = {
	.lookup = paths_lookup,
	.get_link = paths_get_link,
};

static struct dentry *paths_add(struct dentry *dir, const char *name, enum inode_type type,
				const char *body)
{
	struct qstr q = qstr_init(name, strlen(name));
	struct dentry *dentry = d_alloc(dir, &q);

	CHECK_EQ(d_add(dentry, new_inode(d_dcache(dir), 0, type, &paths_ops, (void *)body)), 0);
	return dentry;
}

/* a/b/f, a/link to b, top to /a, and a directory in which all names are upper case. */
struct paths {
	struct dcache *dc;
	struct dentry *root, *a, *b, *fold;
};

static struct paths paths_begin(void)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct paths paths;

	CHECK_EQ(dcache_create(&opts, &paths.dc), 0);
	paths.root = d_make_root(new_inode(paths.dc, 1, INODE_DIRECTORY, &paths_ops, NULL));
	paths.a = paths_add(paths.root, "a", INODE_DIRECTORY, NULL);
	paths.b = paths_add(paths.a, "b", INODE_DIRECTORY, NULL);
	dput(paths_add(paths.b, "f", INODE_REGULAR, NULL));
	dput(paths_add(paths.b, LONG_NAME, INODE_REGULAR, NULL));
	dput(paths_add(paths.a, "link", INODE_SYMLINK, "b"));
	dput(paths_add(paths.root, "top", INODE_SYMLINK, "/a"));
	paths.fold = d_alloc(paths.root, NAME("FOLD"));
	d_set_d_op(paths.fold, &ascii_ci_ops);
	CHECK_EQ(d_add(paths.fold, new_inode(paths.dc, 0, INODE_DIRECTORY, &paths_ops, NULL)), 0);
	dput(paths_add(paths.fold, "UPPER", INODE_REGULAR, NULL));
	return paths;
}

static void paths_end(struct paths *paths)
{
	dput(paths->fold);
	dput(paths->b);
	dput(paths->a);
	dput(paths->root);
	CHECK_EQ(dcache_destroy(paths->dc), 0);
}

static char too_long_path[DCACHE_PATH_MAX + 1], too_long_component[DCACHE_NAME_MAX + 5];

static const char *const some_paths[] = {
	"a",
	"/a",
	"a/b",
	"a/b/f",
	"//a///b//f",
	"/a/b/",
	"a/b/f/",
	"a/b/f/x",
	"b",
	"b/f",
	"f",
	"/f",
	"a/link",
	"a/link/f",
	"top",
	"/top/b/f",
	"top/link/../b/f",
	".",
	"..",
	"./a/./b",
	"a/../a/b/f",
	"",
	"/",
	"///",
	"a/b/" LONG_NAME,
	"a/none/x",
	"none",
	"none/x",
	"fold",
	"FOLD/upper",
	"/FOLD/Upper",
	"FOLD/UPPER/x",
	"new",
	"a/new",
	"a/new/x",
	"broken",
	"a/broken/x",
	too_long_path,
	too_long_component,
	NULL,
};
#define PATHS (sizeof(some_paths) / sizeof(some_paths[0]))

static const unsigned int some_flags[] = {
	0,
	WALK_CACHED,
	WALK_NOFOLLOW | WALK_CREATE,
	WALK_NO_SYMLINKS,
	WALK_BENEATH,
	WALK_IN_ROOT,
	WALK_DIRECTORY,
	LOOKUP_RCU,
};

static void fill_walks(struct dcache_walk_request *walks)
{
	size_t i;

	memset(too_long_path, '/', sizeof(too_long_path) - 1);
	memset(too_long_component, 'l', sizeof(too_long_component) - 1);
	for (i = 0; i < PATHS; i++)
		walks[i] = (struct dcache_walk_request){ some_paths[i],
							 some_paths[i] ? strlen(some_paths[i]) : 3,
							 NULL, 77 };
	/* NUL in it. */
	walks[0].path = "a\0b";
	walks[0].len = 3;
}

static void walk_them(struct paths *paths, struct dentry *base, unsigned int flags)
{
	struct dcache_walk_request walks[PATHS + 1];
	size_t found = 0, i;

	fill_walks(walks);
	walks[PATHS] = (struct dcache_walk_request){ "a", 1, ERR_PTR(-EIO), 77 };
	dcache_read_lock();
	dcache_walk_batch_rcu(paths->root, base, walks, PATHS, flags);
	for (i = 0; i < PATHS; i++) {
		uint32_t seq = 77;

		CHECK(walks[i].dentry ==
		      dcache_walk_rcu(paths->root, base, walks[i].path, walks[i].len, flags, &seq));
		CHECK(IS_ERR(walks[i].dentry) || walks[i].seq == seq);
	}
	dcache_read_unlock();
	found = dcache_walk_batch(paths->root, base, walks, PATHS, flags);
	for (i = 0; i < PATHS; i++) {
		struct dentry *alone = dcache_walk(paths->root, base, walks[i].path, walks[i].len,
						   flags);

		CHECK(walks[i].dentry && walks[i].dentry == alone);
		found -= !IS_ERR(alone);
		dput(alone);
		dput(walks[i].dentry);
	}
	CHECK_EQ(found, 0);
	CHECK_ERR(walks[PATHS].dentry, -EIO);
}

TEST(many_paths_lead_where_each_leads, "dcache_walk_batch dcache_walk_batch_rcu")
{
	size_t i;

	for (i = 0; i < sizeof(some_flags) / sizeof(some_flags[0]); i++) {
		struct paths paths = paths_begin();

		walk_them(&paths, NULL, some_flags[i]);
		walk_them(&paths, paths.root, some_flags[i]);
		walk_them(&paths, paths.a, some_flags[i]);
		walk_them(&paths, paths.b, some_flags[i]);
		paths_end(&paths);
	}
}

TEST(many_paths_ask_the_backend_for_what_is_not_cached, "dcache_walk_batch dcache_walk_batch_rcu")
{
	struct paths paths = paths_begin();
	struct dcache_walk_request walks[40];
	long asked = atomic_load(&paths_asked);
	struct dentry *found;
	int i;

	for (i = 0; i < 40; i++)
		walks[i] = (struct dcache_walk_request){ "a/b/new", 7, NULL, 0 };
	dcache_read_lock();
	CHECK_EQ(dcache_walk_batch_rcu(paths.root, NULL, walks, 40, 0), 0);
	dcache_read_unlock();
	for (i = 0; i < 40; i++)
		CHECK_ERR(walks[i].dentry, -ECHILD);
	CHECK_EQ(atomic_load(&paths_asked), asked);
	CHECK_EQ(dcache_walk_batch(paths.root, NULL, walks, 40, 0), 40);
	CHECK_EQ(atomic_load(&paths_asked), asked + 1);
	found = d_lookup(paths.b, NAME("new"));
	for (i = 0; i < 40; i++) {
		CHECK(found && walks[i].dentry == found);
		dput(walks[i].dentry);
	}
	dput(found);
	CHECK_EQ(dcache_walk_batch(paths.root, NULL, NULL, 0, 0), 0);
	paths_end(&paths);
}

/* ---- operations of the program's ---- */

static _Atomic unsigned int asked_of_others;

/* As one that keeps what it needs in the directory's inode. */
static int hash_in_directory(const struct dentry *dir, struct qstr *name)
{
	if (!d_is_dir(dir))
		atomic_fetch_add(&asked_of_others, 1);
	name->hash = full_name_hash(dir, name->name, name->len);
	return 0;
}

TEST(d_hash_is_asked_of_directories_alone, "dcache_walk_batch d_hash")
{
	static const struct dentry_operations ops = { .d_hash = hash_in_directory };
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache_walk_request walks[] = {
		{ .path = "gone/x/y", .len = 8 },
		{ .path = "file/x/y", .len = 8 },
		{ .path = "dir/x/y", .len = 7 },
	};
	struct tree tree;
	size_t i;

	opts.d_op = &ops;
	tree = tree_begin(&opts, NULL);
	dput(tree_add(&tree, tree.root, NAME("gone"), 0));
	dput(tree_add(&tree, tree.root, NAME("file"), INODE_REGULAR));
	dput(tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY));
	atomic_store(&asked_of_others, 0);
	CHECK_EQ(dcache_walk_batch(tree.root, NULL, walks, 3, WALK_CACHED), 0);
	CHECK_EQ(PTR_ERR(walks[0].dentry), -ENOENT);
	CHECK_EQ(PTR_ERR(walks[1].dentry), -ENOTDIR);
	for (i = 0; i < 3; i++)
		CHECK(IS_ERR(walks[i].dentry));
	CHECK_EQ(atomic_load(&asked_of_others), 0);
	tree_end(&tree);
}
