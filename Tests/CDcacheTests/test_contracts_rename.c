/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contracts of rename.h: d_move(), d_exchange(), who is above whom, name snapshots, d_path(). */
#include "harness.h"
#include "internal.h"

#define LONG_A "a-name-that-is-longer-than-forty-bytes-number-one"
#define LONG_B "a-name-that-is-longer-than-forty-bytes-number-two"

static bool bears(struct dentry *dentry, const struct qstr *name)
{
	char buf[DCACHE_NAME_MAX + 1];
	int len = d_name_copy(dentry, buf, sizeof(buf));

	return len == (int)name->len && !memcmp(buf, name->name, name->len);
}

/* Is @dentry what a lookup of the name finds, NULL: nothing? */
static bool found_at(struct dentry *dir, const struct qstr *name, const struct dentry *dentry)
{
	struct dentry *found = d_lookup(dir, name);

	dput(found);
	return found == dentry;
}

static struct dentry *made(struct dentry *dir, const struct qstr *name)
{
	struct dentry *dentry = d_alloc(dir, name);

	CHECK(!IS_ERR(dentry));
	return dentry;
}

/* An entry of another instance, a root; made before the tree of the test, and ended after it. */
static struct dentry *stranger_begin(void)
{
	static const struct inode_operations no_ops;
	struct dcache *dc = NULL;

	CHECK_EQ(dcache_create(NULL, &dc), 0);
	return d_make_root(new_inode(dc, 1, INODE_DIRECTORY, &no_ops, NULL));
}

static void stranger_end(struct dentry *root)
{
	struct dcache *dc = d_dcache(root);

	dput(root);
	CHECK_EQ(dcache_destroy(dc), 0);
}

/* ---- d_move ---- */

static const struct qstr names[] = {
	QSTR_INIT("s", 1),
	QSTR_INIT("forty-bytes-fit-into-the-entry-and-no-mo", 40),
	QSTR_INIT(LONG_A, sizeof(LONG_A) - 1),
	QSTR_INIT(LONG_B, sizeof(LONG_B) - 1),
};

#define NAMES (sizeof(names) / sizeof(names[0]))

enum target { POSITIVE, NEGATIVE, UNHASHED, IN_LOOKUP };

static struct wait_queue_head wq;

static struct dentry *target_of(struct tree *tree, struct dentry *dir, const struct qstr *name,
				enum target what)
{
	switch (what) {
	case POSITIVE:
	case NEGATIVE:
		return tree_add(tree, dir, name, what == POSITIVE ? INODE_REGULAR : 0);
	case UNHASHED:
		return made(dir, name);
	case IN_LOOKUP:
		init_waitqueue_head(&wq);
		return d_alloc_parallel(dir, name, &wq);
	}
	return NULL;
}

static void move_one(size_t from, size_t to, enum target what, bool negative, bool hashed,
		     bool across)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *old = across ? dir : tree.root;
	struct dentry *dentry = tree_add(&tree, old, &names[from], negative ? 0 : INODE_DIRECTORY);
	struct dentry *target, *below = NULL;
	struct inode *inode;
	int before;

	if (!hashed)
		d_drop(dentry);
	if (!negative) {
		below = tree_add(&tree, dentry, NAME("below"), INODE_REGULAR);
		dput(below);
	}
	target = target_of(&tree, tree.root, &names[to], what);
	inode = d_inode(target);
	before = d_count(tree.root);

	CHECK_EQ(d_move(dentry, target), 0);
	CHECK(!d_unhashed(dentry) && d_parent(dentry) == tree.root && bears(dentry, &names[to]));
	CHECK(found_at(tree.root, &names[to], dentry));
	CHECK(from == to || found_at(old, &names[from], NULL));
	CHECK(!across || found_at(old, &names[from], NULL));
	CHECK(negative || found_at(dentry, NAME("below"), below));
	CHECK(d_unhashed(target) && !d_in_lookup(target) && d_parent(target) == tree.root);
	CHECK(bears(target, &names[to]) && d_inode(target) == inode);
	CHECK_EQ(d_count(tree.root), before + across);
	CHECK_EQ(d_count(dir), 1);
	CHECK_EQ(tree_stats(&tree).negatives, negative);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	CHECK_EQ(tree_stats(&tree).renames, 1);
	/* What was asked for has been answered; what was dropped can come back under a free name. */
	CHECK_EQ(d_rehash(target), what == IN_LOOKUP ? -EINVAL : -EEXIST);
	dput(target);
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).entries, 3u + !negative);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	dput(dir);
	shrink_dcache(tree.dc, 100);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	CHECK_EQ(tree_stats(&tree).negatives, 0);
	tree_end(&tree);
}

TEST(a_move_takes_place_and_name, "d_move H45 H47")
{
	size_t from, to;
	unsigned int rest;

	for (from = 0; from < NAMES; from++) {
		for (to = 0; to < NAMES; to++) {
			for (rest = 0; rest < 32; rest++) {
				bool across = rest & 16, hashed = rest & 8;

				/* A name is borne once. */
				if (from == to && !across && (hashed || rest % 4 != UNHASHED))
					continue;
				move_one(from, to, rest % 4, rest & 4, hashed, across);
			}
		}
	}
}

static enum d_walk_ret count_it(struct dentry *dentry, void *data)
{
	(void)dentry;
	++*(int *)data;
	return D_WALK_CONTINUE;
}

/* It was not among the children of its directory yet: it is from now on. */
TEST(what_was_never_hashed_moves, "d_move d_for_each_child")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = made(tree.root, NAME("old"));
	struct dentry *target = made(tree.root, NAME("new"));
	int children = 0, before = d_count(tree.root);

	CHECK_EQ(d_for_each_child(tree.root, count_it, &children), 0);
	CHECK_EQ(children, 0);
	CHECK_EQ(d_move(dentry, target), 0);
	CHECK(found_at(tree.root, NAME("new"), dentry) && found_at(tree.root, NAME("old"), NULL));
	CHECK_EQ(d_count(tree.root), before);
	CHECK_EQ(d_for_each_child(tree.root, count_it, &children), 0);
	CHECK_EQ(children, 1);
	dput(dentry);
	dput(target);
	tree_end(&tree);
}

TEST(what_cannot_move_stays, "d_move")
{
	struct dentry *strange = stranger_begin();
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *sub = tree_add(&tree, dir, NAME("sub"), INODE_DIRECTORY);
	struct dentry *file = tree_add(&tree, sub, NAME("file"), INODE_REGULAR);
	struct dentry *taken = tree_add(&tree, tree.root, NAME("taken"), INODE_REGULAR);
	struct dentry *again = made(tree.root, NAME("taken"));
	struct dentry *asked = target_of(&tree, tree.root, NAME("asked"), IN_LOOKUP);
	struct dentry *disconnected = d_obtain_alias(tree_inode(tree.dc, INODE_DIRECTORY));
	const struct {
		struct dentry *dentry, *target;
		int err;
	} cases[] = {
		{ file, file, -EINVAL },
		{ tree.root, file, -EINVAL },
		{ file, tree.root, -EINVAL },
		{ file, disconnected, -EINVAL },
		{ asked, file, -EINVAL },
		{ dir, sub, -ELOOP },
		{ dir, file, -ELOOP },
		{ file, dir, -ELOOP },
		{ file, sub, -ELOOP },
		{ sub, again, -EEXIST },
		{ disconnected, again, -EEXIST },
		{ file, strange, -EXDEV },
		{ strange, file, -EXDEV },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_EQ(d_move(cases[i].dentry, cases[i].target), cases[i].err);
		CHECK(found_at(tree.root, NAME("dir"), dir) && found_at(dir, NAME("sub"), sub));
		CHECK(found_at(sub, NAME("file"), file));
		CHECK(found_at(tree.root, NAME("taken"), taken));
		CHECK(IS_ROOT(disconnected) && d_in_lookup(asked) && d_unhashed(again));
		CHECK(d_parent(again) == tree.root && bears(again, NAME("taken")));
		CHECK_EQ(d_count(tree.root), 5);
		CHECK_EQ(d_count(dir) + d_count(sub), 4);
	}
	CHECK_EQ(tree_stats(&tree).renames, 0);
	/* What was asked for and is answered by another entry is not to be hashed. */
	CHECK_EQ(d_lookup_redirect(asked, file), 0);
	CHECK_EQ(d_move(asked, taken), -EINVAL);
	CHECK_EQ(d_move(taken, asked), -EINVAL);
	dput(disconnected);
	dput(asked);
	dput(again);
	dput(taken);
	dput(file);
	dput(sub);
	dput(dir);
	tree_end(&tree);
	stranger_end(strange);
}

TEST(a_disconnected_directory_moves_to_its_name, "d_move H9")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *alias = d_obtain_alias(tree_inode(tree.dc, INODE_DIRECTORY));
	struct dentry *below = tree_add(&tree, alias, NAME("below"), INODE_REGULAR);
	struct dentry *target = tree_add(&tree, tree.root, NAME("dir"), 0);

	CHECK_EQ(d_move(alias, target), 0);
	CHECK(!IS_ROOT(alias) && found_at(tree.root, NAME("dir"), alias));
	CHECK(!(d_flags(alias) & DCACHE_DISCONNECTED) && is_subdir(below, tree.root));
	CHECK_EQ(d_count(alias), 2);
	dput(target);
	dput(below);
	dput(alias);
	CHECK_EQ(tree_stats(&tree).entries, 3);
	shrink_dcache(tree.dc, 100);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

/* ---- d_exchange ---- */

static void exchange_two(size_t a_name, size_t b_name, bool across)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *a = tree_add(&tree, across ? dir : tree.root, &names[a_name],
				    INODE_DIRECTORY);
	struct dentry *b = tree_add(&tree, tree.root, &names[b_name], 0);
	struct dentry *below = tree_add(&tree, a, NAME("below"), INODE_REGULAR);
	int root_count = d_count(tree.root), dir_count = d_count(dir);
	int turn;

	for (turn = 0; turn < 2; turn++) {
		CHECK_EQ(turn ? d_exchange(b, a) : d_exchange(a, b), 0);
		CHECK(found_at(tree.root, &names[b_name], turn ? b : a));
		CHECK(found_at(across ? dir : tree.root, &names[a_name], turn ? a : b));
		CHECK(bears(a, &names[turn ? a_name : b_name]));
		CHECK(bears(b, &names[turn ? b_name : a_name]));
		CHECK(d_parent(a) == (turn && across ? dir : tree.root));
		CHECK(d_parent(b) == (!turn && across ? dir : tree.root));
		CHECK(found_at(a, NAME("below"), below));
		CHECK_EQ(d_count(tree.root), root_count);
		CHECK_EQ(d_count(dir), dir_count);
	}
	CHECK_EQ(tree_stats(&tree).renames, 2);
	CHECK_EQ(tree_stats(&tree).negatives, 1);
	CHECK_EQ(d_exchange(a, b), 0);
	dput(below);
	dput(a);
	dput(b);
	dput(dir);
	CHECK_EQ(tree_stats(&tree).entries, 5);
	shrink_dcache(tree.dc, 100);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	CHECK_EQ(tree_stats(&tree).negatives, 0);
	tree_end(&tree);
}

TEST(an_exchange_swaps_places_and_names, "d_exchange H45")
{
	size_t a, b;

	for (a = 0; a < NAMES; a++) {
		for (b = 0; b < NAMES; b++) {
			if (a != b)
				exchange_two(a, b, false);
			exchange_two(a, b, true);
		}
	}
}

/* Each is on the list of the parent that it has now: the other parent may go. */
TEST(an_exchanged_entry_outlives_its_old_parent, "d_exchange H32")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *a = tree_add(&tree, dir, NAME("a"), INODE_REGULAR);
	struct dentry *b = tree_add(&tree, tree.root, NAME("b"), INODE_REGULAR);

	CHECK_EQ(d_exchange(a, b), 0);
	d_drop(b);
	dput(b);
	d_drop(dir);
	dput(dir);
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	d_drop(a);
	dput(a);
	tree_end(&tree);
}

TEST(what_cannot_be_exchanged_stays, "d_exchange")
{
	struct dentry *strange = stranger_begin();
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *sub = tree_add(&tree, dir, NAME("sub"), INODE_DIRECTORY);
	struct dentry *file = tree_add(&tree, sub, NAME("file"), INODE_REGULAR);
	struct dentry *free_one = tree_add(&tree, tree.root, NAME("free"), INODE_REGULAR);
	struct dentry *asked = target_of(&tree, tree.root, NAME("asked"), IN_LOOKUP);
	const struct {
		struct dentry *a, *b;
		int err;
	} cases[] = {
		{ file, file, -EINVAL },      { tree.root, file, -EINVAL },
		{ file, tree.root, -EINVAL }, { asked, file, -EINVAL },
		{ file, asked, -EINVAL },     { free_one, file, -EINVAL },
		{ file, free_one, -EINVAL },  { dir, sub, -ELOOP },
		{ sub, dir, -ELOOP },	      { dir, file, -ELOOP },
		{ file, dir, -ELOOP },	      { file, strange, -EXDEV },
	};
	size_t i;

	d_drop(free_one);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_EQ(d_exchange(cases[i].a, cases[i].b), cases[i].err);
		CHECK(found_at(tree.root, NAME("dir"), dir) && found_at(dir, NAME("sub"), sub));
		CHECK(found_at(sub, NAME("file"), file) && d_unhashed(free_one));
		CHECK(d_in_lookup(asked) && bears(free_one, NAME("free")));
		CHECK_EQ(d_count(tree.root), 4);
	}
	CHECK_EQ(tree_stats(&tree).renames, 0);
	d_lookup_done(asked);
	dput(asked);
	dput(free_one);
	dput(file);
	dput(sub);
	dput(dir);
	tree_end(&tree);
	stranger_end(strange);
}

/* ---- what an entry is by its place ---- */

static void set_generation(struct dentry *dir, uint32_t generation)
{
	atomic_store(&d_inode(dir)->i_generation, generation);
}

TEST(what_moves_is_as_fresh_as_its_place, "d_move d_exchange")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *one = tree_add(&tree, tree.root, NAME("one"), INODE_DIRECTORY);
	struct dentry *two = tree_add(&tree, tree.root, NAME("two"), INODE_DIRECTORY);
	struct dentry *a, *b, *target, *asked;

	set_generation(one, 3);
	set_generation(two, 5);
	a = tree_add(&tree, one, NAME("a"), INODE_REGULAR);
	b = tree_add(&tree, two, NAME("b"), INODE_REGULAR);
	target = made(two, NAME("c"));
	CHECK_EQ(d_exchange(a, b), 0);
	CHECK_EQ(a->d_generation, 5);
	CHECK_EQ(b->d_generation, 3);
	set_generation(two, 6);
	/* The store has done it just now. */
	CHECK_EQ(d_move(b, target), 0);
	CHECK_EQ(b->d_generation, 6);
	dput(target);
	/* What was asked for before the directory changed is no younger than the question. */
	asked = target_of(&tree, two, NAME("d"), IN_LOOKUP);
	set_generation(two, 8);
	CHECK_EQ(d_move(b, asked), 0);
	CHECK_EQ(b->d_generation, 6);
	dput(asked);
	/* What was renamed is not known to be what the cache took it for. */
	target = made(one, NAME("e"));
	CHECK(d_is_stale(b));
	CHECK_EQ(d_move(b, target), 0);
	CHECK(d_is_stale(b));
	dput(target);
	dput(b);
	dput(a);
	dput(two);
	dput(one);
	tree_end(&tree);
}

TEST(what_leaves_an_invalidated_directory_is_kept, "d_move d_exchange")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *a = tree_add(&tree, dir, NAME("a"), INODE_REGULAR);
	struct dentry *b = tree_add(&tree, tree.root, NAME("b"), INODE_REGULAR);
	struct dentry *target = made(tree.root, NAME("c"));

	d_lock(dir);
	d_change_flags(dir, 0, DCACHE_DONTCACHE);
	d_unlock(dir);
	d_lock(a);
	d_change_flags(a, 0, DCACHE_DONTCACHE);
	d_unlock(a);
	CHECK_EQ(d_exchange(a, b), 0);
	CHECK(!(d_flags(a) & DCACHE_DONTCACHE) && (d_flags(b) & DCACHE_DONTCACHE));
	CHECK_EQ(d_move(b, target), 0);
	CHECK(!(d_flags(b) & DCACHE_DONTCACHE));
	dput(target);
	dput(b);
	dput(a);
	CHECK_EQ(tree_stats(&tree).unused, 2);
	dput(dir);
	tree_end(&tree);
}

/* ---- who is above whom ---- */

TEST(who_is_above_whom, "d_ancestor is_subdir")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *sub = tree_add(&tree, dir, NAME("sub"), INODE_DIRECTORY);
	struct dentry *file = tree_add(&tree, sub, NAME("file"), INODE_REGULAR);
	struct dentry *second = tree_add(&tree, tree.root, NAME("2nd"), INODE_DIRECTORY);
	struct dentry *target = made(second, NAME("x"));

	CHECK(d_ancestor(tree.root, file) == dir && d_ancestor(dir, file) == sub);
	CHECK(d_ancestor(sub, file) == file && !d_ancestor(file, sub));
	CHECK(!d_ancestor(sub, sub) && !d_ancestor(tree.root, tree.root));
	CHECK(!d_ancestor(second, file) && !d_ancestor(sub, dir));
	CHECK(is_subdir(file, dir) && is_subdir(file, file) && is_subdir(dir, tree.root));
	CHECK(!is_subdir(dir, file) && !is_subdir(file, second) && !is_subdir(tree.root, dir));
	CHECK_EQ(d_move(sub, target), 0);
	CHECK(d_ancestor(tree.root, file) == second && !is_subdir(file, dir));
	CHECK(d_ancestor(second, file) == sub);
	dput(target);
	dput(second);
	dput(file);
	dput(sub);
	dput(dir);
	tree_end(&tree);
}

/* ---- name snapshots ---- */

TEST(a_snapshot_outlives_the_name_and_the_entry, "take_dentry_name_snapshot H41")
{
	struct tree tree = tree_begin(NULL, NULL);
	size_t i;

	for (i = 0; i < NAMES; i++) {
		struct dentry *dentry = tree_add(&tree, tree.root, &names[i], INODE_REGULAR);
		struct dentry *target = made(tree.root, NAME("t"));
		struct name_snapshot before, after;

		take_dentry_name_snapshot(&before, dentry);
		CHECK_EQ(d_move(dentry, target), 0);
		take_dentry_name_snapshot(&after, dentry);
		d_drop(dentry);
		dput(target);
		dput(dentry);
		dcache_barrier(tree.dc);
		CHECK(before.name.len == names[i].len &&
		      !memcmp(before.name.name, names[i].name, names[i].len));
		CHECK(after.name.len == 1 && *(const char *)after.name.name == 't');
		/* It is good for a lookup. */
		CHECK(found_at(tree.root, &before.name, NULL));
		release_dentry_name_snapshot(&before);
		release_dentry_name_snapshot(&after);
	}
	dcache_barrier(tree.dc);
	tree_end(&tree);
}

TEST(snapshots_of_one_name_are_counted, "take_dentry_name_snapshot H41")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, NAME(LONG_A), INODE_REGULAR);
	uint64_t bytes = tree_stats(&tree).bytes;
	struct name_snapshot snapshots[3];
	int i;

	for (i = 0; i < 3; i++)
		take_dentry_name_snapshot(&snapshots[i], dentry);
	CHECK_EQ(tree_stats(&tree).bytes, bytes);
	d_drop(dentry);
	dput(dentry);
	for (i = 0; i < 3; i++) {
		CHECK(!memcmp(snapshots[i].name.name, LONG_A, sizeof(LONG_A) - 1));
		release_dentry_name_snapshot(&snapshots[i]);
		dcache_barrier(tree.dc);
	}
	tree_end(&tree);
}

/* ---- d_path ---- */

/* The path is @expected where it fits, to the byte, and refused where it does not. */
static void check_path(struct dentry *dentry, struct dentry *root, const char *expected)
{
	int len = (int)strlen(expected);
	char buf[256];

	memset(buf, '#', sizeof(buf));
	CHECK_EQ(d_path(dentry, root, buf, (size_t)len + 1), len);
	CHECK(!strcmp(buf, expected) && buf[len + 1] == '#');
	memset(buf, '#', sizeof(buf));
	CHECK_EQ(d_path(dentry, root, buf, (size_t)len), -ENAMETOOLONG);
	CHECK(buf[len] == '#');
	CHECK_EQ(d_path(dentry, root, buf, sizeof(buf)), len);
	CHECK(!strcmp(buf, expected));
	CHECK_EQ(d_path(dentry, root, NULL, 0), -ENAMETOOLONG);
}

TEST(a_path_from_a_root, "d_path H35")
{
	struct dentry *strange = stranger_begin();
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *sub = tree_add(&tree, dir, NAME(LONG_A), INODE_DIRECTORY);
	struct dentry *file = tree_add(&tree, sub, NAME("f"), INODE_REGULAR);
	struct dentry *alias = d_obtain_alias(tree_inode(tree.dc, INODE_DIRECTORY));
	struct dentry *below = tree_add(&tree, alias, NAME("b"), INODE_REGULAR);
	struct dentry *fresh = made(tree.root, NAME("new"));
	char buf[64];

	check_path(tree.root, NULL, "/");
	check_path(tree.root, tree.root, "/");
	check_path(file, NULL, "/dir/" LONG_A "/f");
	check_path(file, tree.root, "/dir/" LONG_A "/f");
	check_path(file, dir, "/" LONG_A "/f");
	check_path(file, sub, "/f");
	check_path(file, file, "/");
	check_path(alias, NULL, "/");
	check_path(below, alias, "/b");
	check_path(fresh, NULL, "/new (deleted)");
	CHECK_EQ(d_path(dir, sub, buf, sizeof(buf)), -EXDEV);
	CHECK_EQ(d_path(tree.root, dir, buf, sizeof(buf)), -EXDEV);
	CHECK_EQ(d_path(file, strange, buf, 1), -EXDEV);
	CHECK_EQ(d_path(below, tree.root, buf, 0), -EXDEV);
	d_drop(file);
	check_path(file, NULL, "/dir/" LONG_A "/f (deleted)");
	check_path(file, sub, "/f (deleted)");
	check_path(file, file, "/ (deleted)");
	CHECK_EQ(d_rehash(file), 0);
	check_path(file, sub, "/f");
	/* The mark is the entry's own. */
	d_drop(dir);
	check_path(file, NULL, "/dir/" LONG_A "/f");
	check_path(dir, NULL, "/dir (deleted)");
	CHECK_EQ(dentry_path(dir, buf, sizeof(buf)), 4);
	CHECK_EQ(d_move(dir, fresh), 0);
	check_path(file, NULL, "/new/" LONG_A "/f");
	dput(fresh);
	dput(below);
	dput(alias);
	dput(file);
	dput(sub);
	dput(dir);
	tree_end(&tree);
	stranger_end(strange);
}
