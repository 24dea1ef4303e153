/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dcache_walk() where it gets to the end of its own room, of a link's, of a reference count's; and where
 * it goes on with references among names that are cached. */
#include "harness.h"
#include "internal.h"

#define PATH(literal) literal, sizeof(literal) - 1
#define DEEP 200

/* ---- a backend by names: "d..." and ".d..." are directories, "f..." files, "l..." links ---- */

static _Atomic long asked;
static struct inode_operations dir_ops, link_ops;
static const char *body;
static int body_len;

static struct dentry *by_name(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct dcache *dc = inode_dcache(dir);
	struct qstr name = d_name(dentry);
	struct inode *inode = NULL;

	(void)flags;
	atomic_fetch_add(&asked, 1);
	switch (((const char *)name.name)[*name.name == '.' && name.len > 1]) {
	case 'd':
		inode = new_inode(dc, 1, INODE_DIRECTORY, &dir_ops, NULL);
		break;
	case 'f':
		inode = new_inode(dc, 2, INODE_REGULAR, NULL, NULL);
		break;
	case 'l':
		inode = new_inode(dc, 3, INODE_SYMLINK, &link_ops, NULL);
		break;
	}
	return d_splice_alias(inode, dentry);
}

/* Says how long the body is, whether or not there was room for it. */
static int read_link(struct inode *inode, char *buf, size_t size, unsigned int flags)
{
	(void)inode;
	(void)flags;
	memcpy(buf, body, (size_t)body_len < size ? (size_t)body_len : size);
	return body_len;
}

static struct inode_operations dir_ops = { .lookup = by_name };
static struct inode_operations link_ops = { .get_link = read_link };

static struct tree begin(void)
{
	atomic_store(&asked, 0);
	return tree_begin(NULL, &dir_ops);
}

static struct dentry *walk(struct tree *tree, const char *path, unsigned int flags)
{
	return dcache_walk(tree->root, NULL, path, strlen(path), flags);
}

static void count_by(struct dentry *dentry, int32_t by)
{
	lockref_lock(&dentry->d_lockref);
	lockref_add_locked(&dentry->d_lockref, by);
	lockref_unlock(&dentry->d_lockref);
}

/* ---- places ---- */

/* Each "d" and each ".." is one; all of them together are several times what a frame has room for. */
TEST(a_walk_of_any_number_of_places, "dcache_walk")
{
	char path[DCACHE_PATH_MAX] = "";
	struct tree tree = begin();
	struct dentry *file, *found;
	int i, before = d_count(tree.root);

	file = walk(&tree, "f", 0);
	REQUIRE(!IS_ERR(file));
	for (i = 0; i < 3 * DEEP; i++)
		strcat(path, "d/../");
	strcat(path, "f");
	found = walk(&tree, path, 0);
	CHECK(found == file);
	dput(found);
	CHECK_EQ(atomic_load(&asked), 2);
	CHECK_EQ(d_count(file), 1);
	/* The file's, and the directory's. */
	CHECK_EQ(d_count(tree.root), before + 2);
	dput(file);
	tree_end(&tree);
}

/* What a walk without references is about to note when there is no room any more: a directory by its name,
 * one by "..", a link, or the root, where that leads. */
TEST(a_walk_runs_out_of_places_anywhere, "dcache_walk")
{
	struct tree tree = begin();
	struct dentry *file, *found;
	int places;

	body = "/d/..";
	body_len = 5;
	file = walk(&tree, "d/f", 0);
	REQUIRE(!IS_ERR(file));
	for (places = 100; places < 140; places++) {
		char path[DCACHE_PATH_MAX] = "";
		int i;

		for (i = 0; i < places / 2; i++)
			strcat(path, "d/../");
		strcat(path, places % 2 ? "d/l/d/f" : "l/d/f");
		found = walk(&tree, path, 0);
		CHECK(found == file);
		dput(found);
		CHECK_EQ(d_count(file), 1);
	}
	dput(file);
	tree_end(&tree);
}

/* So many that the places above the starting point are too many already. */
TEST(a_walk_from_deep_below, "dcache_walk")
{
	char path[2 * DEEP + 1] = "";
	struct tree tree = begin();
	struct dentry *deep, *beside, *found;
	int i;

	for (i = 0; i < DEEP; i++)
		strcat(path, "d/");
	deep = walk(&tree, path, 0);
	beside = walk(&tree, "d1", 0);
	REQUIRE(!IS_ERR(deep) && !IS_ERR(beside));
	found = dcache_walk(tree.root, deep, PATH("."), 0);
	CHECK(found == deep);
	dput(found);
	/* It is not below that one. */
	CHECK_ERR(dcache_walk(beside, deep, PATH("."), 0), -EXDEV);
	CHECK_EQ(d_count(deep), 1);
	CHECK_EQ(d_count(beside), 1);
	dput(beside);
	dput(deep);
	tree_end(&tree);
}

/* ---- names and links ---- */

TEST(a_path_through_a_name_that_begins_with_a_dot, "dcache_walk")
{
	struct tree tree = begin();
	struct dentry *dentry = walk(&tree, ".d/.././.d", 0);
	struct dentry *found = d_lookup(tree.root, NAME(".d"));

	CHECK(found && dentry == found);
	CHECK_EQ(atomic_load(&asked), 1);
	dput(found);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_link_without_operations, "dcache_walk")
{
	struct tree tree = begin();
	struct dentry *link = d_alloc(tree.root, NAME("link"));

	CHECK_EQ(d_add(link, new_inode(tree.dc, 4, INODE_SYMLINK, NULL, NULL)), 0);
	CHECK_ERR(walk(&tree, "link", 0), -EOPNOTSUPP);
	CHECK_ERR(walk(&tree, "link/f", 0), -EOPNOTSUPP);
	dput(link);
	tree_end(&tree);
}

TEST(a_link_whose_length_is_more_than_there_is_room_for, "dcache_walk get_link")
{
	static char text[2 * DCACHE_PATH_MAX];
	struct tree tree = begin();
	struct dentry *dentry;

	memset(text, '/', sizeof(text));
	text[0] = 'd';
	body = text;
	/* Without references there is less room. */
	body_len = DCACHE_PATH_MAX - 1;
	dentry = walk(&tree, "l/f", 0);
	CHECK(!IS_ERR(dentry));
	dput(dentry);
	dentry = walk(&tree, "l/f", 0);
	CHECK(!IS_ERR(dentry));
	dput(dentry);
	CHECK_EQ(atomic_load(&asked), 3);
	body_len = DCACHE_PATH_MAX;
	CHECK_ERR(walk(&tree, "l/f", 0), -ENAMETOOLONG);
	body_len = sizeof(text);
	CHECK_ERR(walk(&tree, "l/f", 0), -ENAMETOOLONG);
	tree_end(&tree);
}

/* ---- counts ---- */

TEST(a_full_count_of_what_a_path_leads_to_or_through, "H43 dcache_walk")
{
	struct tree tree = begin();
	struct dentry *dir = walk(&tree, "d", 0);
	struct dentry *file = walk(&tree, "d/f", 0);

	REQUIRE(!IS_ERR(dir) && !IS_ERR(file));
	count_by(file, LOCKREF_MAX - 1);
	CHECK_ERR(walk(&tree, "d/f", 0), -EOVERFLOW);
	CHECK_ERR(walk(&tree, "d/f", WALK_CACHED), -EOVERFLOW);
	/* Met with references, for the other name had to be asked for. */
	CHECK_ERR(walk(&tree, "d/d1/../f", 0), -EOVERFLOW);
	CHECK_EQ(d_count(file), LOCKREF_MAX);
	CHECK_EQ(d_count(dir), 3);
	CHECK_EQ(atomic_load(&asked), 3);
	count_by(file, 1 - LOCKREF_MAX);

	count_by(dir, LOCKREF_MAX - 3);
	/* It is only passed through. */
	dput(walk(&tree, "d/f", 0));
	CHECK_EQ(d_count(dir), LOCKREF_MAX);
	CHECK_ERR(walk(&tree, "d/d2", 0), -EOVERFLOW);
	CHECK_EQ(d_count(dir), LOCKREF_MAX);
	CHECK_EQ(atomic_load(&asked), 3);
	count_by(dir, 3 - LOCKREF_MAX);
	dput(file);
	dput(dir);
	tree_end(&tree);
}

/* ---- among names that are cached ---- */

TEST(a_walk_with_references_asks_again_for_what_is_stale, "dcache_walk d_invalidate_children")
{
	struct tree tree = begin();
	struct dentry *file = walk(&tree, "f", 0), *found;

	REQUIRE(!IS_ERR(file));
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	found = walk(&tree, "d/../f", 0);
	CHECK(!IS_ERR(found) && found != file && !d_is_stale(found));
	CHECK_EQ(atomic_load(&asked), 3);
	dput(file);
	/* It is not asked for if it is not. */
	file = walk(&tree, "d1/../f", 0);
	CHECK(file == found);
	CHECK_EQ(atomic_load(&asked), 4);
	dput(file);
	dput(found);
	tree_end(&tree);
}

static struct dentry *stored; /* dropped, and referenced by nobody but a test */
static bool comes_and_goes;

static struct dentry *answer_stored(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	(void)dir;
	(void)dentry;
	(void)flags;
	atomic_fetch_add(&asked, 1);
	if (comes_and_goes) {
		CHECK_EQ(d_rehash(stored), 0);
		d_drop(stored);
	}
	return dget(stored);
}

/* R3 and R4: what is answered by another name, and is not there, is asked for until it is the same answer
 * with nothing changed, and not for ever. */
TEST(an_answer_of_another_name_that_is_dropped, "dcache_walk")
{
	static const struct inode_operations ops = { .lookup = answer_stored };
	int i;

	for (i = 0; i < 2; i++) {
		struct tree tree = tree_begin(NULL, &ops);
		struct dentry *found;

		stored = tree_add(&tree, tree.root, NAME("stored"), INODE_REGULAR);
		d_drop(stored);
		comes_and_goes = i;
		atomic_store(&asked, 0);
		found = walk(&tree, "asked", 0);
		CHECK(found == stored);
		CHECK_EQ(atomic_load(&asked), i ? 3 : 2);
		CHECK_EQ(d_count(stored), 2);
		dput(found);
		dput(stored);
		tree_end(&tree);
	}
}
