/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walking the tree, shrinking below an entry, and invalidating. */
#include "harness.h"
#include "internal.h"

#define MAX_SEEN 64

struct visits {
	struct dentry *seen[MAX_SEEN];
	int nr;
	struct dentry *at; /* here, do this: */
	enum d_walk_ret (*then)(struct visits *visits, struct dentry *dentry);
	struct tree *tree;
	struct dentry *extra;
};

static enum d_walk_ret visit(struct dentry *dentry, void *data)
{
	struct visits *visits = data;

	CHECK(d_count(dentry) > 0 && visits->nr < MAX_SEEN);
	visits->seen[visits->nr++] = dentry;
	if (visits->then && (!visits->at || visits->at == dentry))
		return visits->then(visits, dentry);
	return D_WALK_CONTINUE;
}

static int position(const struct visits *visits, const struct dentry *dentry)
{
	int i, at = -1;

	for (i = 0; i < visits->nr; i++) {
		if (visits->seen[i] == dentry) {
			CHECK(at < 0);
			at = i;
		}
	}
	return at;
}

/* root: dir (file, negative, sub (leaf)), other. All referenced. */
struct family {
	struct tree tree;
	struct dentry *dir, *file, *negative, *sub, *leaf, *other;
};

static struct family family_begin(void)
{
	struct family f = { .tree = tree_begin(NULL, NULL) };

	f.dir = tree_add(&f.tree, f.tree.root, NAME("dir"), INODE_DIRECTORY);
	f.file = tree_add(&f.tree, f.dir, NAME("file"), INODE_REGULAR);
	f.negative = tree_add(&f.tree, f.dir, NAME("negative"), 0);
	f.sub = tree_add(&f.tree, f.dir, NAME("sub"), INODE_DIRECTORY);
	f.leaf = tree_add(&f.tree, f.sub, NAME("leaf"), INODE_REGULAR);
	f.other = tree_add(&f.tree, f.tree.root, NAME("other"), INODE_DIRECTORY);
	return f;
}

static void family_end(struct family *f)
{
	dput(f->file);
	dput(f->negative);
	dput(f->leaf);
	dput(f->sub);
	dput(f->dir);
	dput(f->other);
	tree_end(&f->tree);
}

/* ---- walks ---- */

TEST(a_walk_visits_everything_once, "d_walk")
{
	struct family f = family_begin();
	struct visits visits = { .nr = 0 };
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *in_lookup = d_alloc_parallel(f.dir, NAME("cold"), &wq);
	struct dentry *private = d_alloc(f.dir, NAME("private"));

	/* Unhashed, but there. */
	d_drop(f.file);
	CHECK_EQ(d_walk(f.tree.root, visit, &visits), 0);
	CHECK_EQ(visits.nr, 7);
	CHECK_EQ(position(&visits, f.tree.root), 0);
	CHECK(position(&visits, f.dir) > 0 && position(&visits, f.other) > 0);
	CHECK(position(&visits, f.file) > position(&visits, f.dir));
	CHECK(position(&visits, f.negative) > position(&visits, f.dir));
	CHECK(position(&visits, f.sub) > position(&visits, f.dir));
	CHECK(position(&visits, f.leaf) > position(&visits, f.sub));
	visits.nr = 0;
	CHECK_EQ(d_walk(f.leaf, visit, &visits), 0);
	CHECK(visits.nr == 1 && visits.seen[0] == f.leaf);
	CHECK_EQ(d_count(f.leaf), 1);
	/* One whose lookup could not be ended by adding is listed by then. */
	dput(tree_add(&f.tree, f.dir, NAME("cold "), 0));
	visits.nr = 0;
	CHECK_EQ(d_walk(f.dir, visit, &visits), 0);
	CHECK(position(&visits, in_lookup) < 0 && position(&visits, private) < 0);
	d_lookup_done(in_lookup);
	dput(in_lookup);
	dput(private);
	family_end(&f);
}

TEST(an_in_lookup_entry_that_is_listed_is_not_visited, "d_walk d_add")
{
	struct family f = family_begin();
	struct visits visits = { .nr = 0 };
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *in_lookup = d_alloc_parallel(f.other, NAME("cold"), &wq);

	/* A directory that has another entry is refused when it is listed already. */
	ihold(d_inode(f.dir));
	CHECK_EQ(d_add(in_lookup, d_inode(f.dir)), -EEXIST);
	dput(tree_add(&f.tree, f.other, NAME("warm"), 0));
	CHECK(d_flags(in_lookup) & DCACHE_LISTED);
	CHECK_EQ(d_walk(f.other, visit, &visits), 0);
	CHECK(visits.nr == 2 && position(&visits, in_lookup) < 0);
	d_lookup_done(in_lookup);
	dput(in_lookup);
	family_end(&f);
}

static enum d_walk_ret skip(struct visits *visits, struct dentry *dentry)
{
	(void)visits;
	(void)dentry;
	return D_WALK_SKIP;
}

static enum d_walk_ret quit(struct visits *visits, struct dentry *dentry)
{
	(void)visits;
	(void)dentry;
	return D_WALK_QUIT;
}

TEST(a_visit_decides_whether_the_walk_goes_on, "d_walk")
{
	struct family f = family_begin();
	struct visits visits = { .at = f.sub, .then = skip };

	CHECK_EQ(d_walk(f.tree.root, visit, &visits), 0);
	CHECK_EQ(visits.nr, 6);
	CHECK(position(&visits, f.leaf) < 0);
	visits = (struct visits){ .at = f.tree.root, .then = skip };
	CHECK_EQ(d_walk(f.tree.root, visit, &visits), 0);
	CHECK_EQ(visits.nr, 1);
	visits.nr = 0;
	visits.then = quit;
	CHECK_EQ(d_walk(f.tree.root, visit, &visits), 2);
	CHECK_EQ(visits.nr, 1);
	visits = (struct visits){ .at = f.leaf, .then = quit };
	CHECK_EQ(d_walk(f.tree.root, visit, &visits), 2);
	CHECK_EQ(position(&visits, f.leaf), visits.nr - 1);
	/* At a directory: what is below it is not visited any more either. */
	visits = (struct visits){ .at = f.sub, .then = quit };
	CHECK_EQ(d_walk(f.tree.root, visit, &visits), 2);
	CHECK_EQ(position(&visits, f.sub), visits.nr - 1);
	CHECK(position(&visits, f.leaf) < 0);
	/* Nothing is left behind: the lists are as they were. */
	CHECK_EQ(d_count(f.sub), 2);
	CHECK_EQ(d_count(f.dir), 4);
	visits = (struct visits){ .nr = 0 };
	CHECK_EQ(d_walk(f.tree.root, visit, &visits), 0);
	CHECK_EQ(visits.nr, 7);
	family_end(&f);
}

TEST(children_are_visited_alone, "d_for_each_child")
{
	struct family f = family_begin();
	struct visits visits = { .nr = 0 };

	CHECK_EQ(d_for_each_child(f.dir, visit, &visits), 0);
	CHECK_EQ(visits.nr, 3);
	CHECK(position(&visits, f.file) >= 0 && position(&visits, f.negative) >= 0 &&
	      position(&visits, f.sub) >= 0);
	visits = (struct visits){ .then = quit };
	CHECK_EQ(d_for_each_child(f.dir, visit, &visits), 2);
	CHECK_EQ(visits.nr, 1);
	visits.nr = 0;
	CHECK_EQ(d_for_each_child(f.negative, visit, &visits), 0);
	CHECK_EQ(d_for_each_child(f.other, visit, &visits), 0);
	CHECK_EQ(visits.nr, 0);
	family_end(&f);
}

static void move_dir(struct dentry *dir, struct dentry *parent, const struct qstr *name)
{
	struct dentry *dentry = d_alloc(parent, name);
	struct dentry *alias;

	ihold(d_inode(dir));
	alias = d_splice_alias(d_inode(dir), dentry);
	CHECK(alias == dir);
	dput(alias);
	dput(dentry);
}

static enum d_walk_ret move_sub_to_other(struct visits *visits, struct dentry *dentry)
{
	move_dir(dentry, visits->extra, NAME("moved"));
	return D_WALK_CONTINUE;
}

static enum d_walk_ret rename_sub(struct visits *visits, struct dentry *dentry)
{
	move_dir(dentry, d_parent(dentry), NAME("renamed"));
	(void)visits;
	return D_WALK_CONTINUE;
}

TEST(a_walk_tells_of_moves_between_directories, "d_walk")
{
	struct family f = family_begin();
	struct visits visits = { .at = f.sub, .then = rename_sub };

	CHECK_EQ(d_walk(f.tree.root, visit, &visits), 0);
	CHECK_EQ(visits.nr, 7);
	CHECK(position(&visits, f.sub) > 0 && position(&visits, f.leaf) > 0);
	/* It was entered before it was moved, or is visited where it is now. */
	visits = (struct visits){ .at = f.sub, .then = move_sub_to_other, .extra = f.other };
	CHECK_EQ(d_walk(f.dir, visit, &visits), 1);
	CHECK_EQ(visits.nr, 5);
	visits = (struct visits){ .nr = 0 };
	CHECK_EQ(d_walk(f.tree.root, visit, &visits), 0);
	CHECK_EQ(visits.nr, 7);
	family_end(&f);
}

/* Everything about it changes but that what stays is there. */
static enum d_walk_ret churn(struct visits *visits, struct dentry *dentry)
{
	char name[16];
	struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "new%d", visits->nr));

	dput(tree_add(visits->tree, visits->extra, &q, 0));
	if (dentry != visits->extra && d_is_negative(dentry))
		d_drop(dentry);
	return D_WALK_CONTINUE;
}

TEST(what_stays_is_visited_once_whatever_comes_and_goes, "d_walk")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *stays[40];
	struct visits visits = { .then = churn, .tree = &tree, .extra = tree.root };
	int i;

	for (i = 0; i < 40; i++) {
		char name[16];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "n%d", i));

		stays[i] = tree_add(&tree, tree.root, &q, i % 2 ? INODE_DIRECTORY : INODE_REGULAR);
		if (i % 2)
			dput(tree_add(&tree, stays[i], NAME("gone"), 0));
	}
	CHECK_EQ(d_walk(tree.root, visit, &visits), 0);
	/* And what was added before the list was begun. */
	CHECK_EQ(visits.nr, 62);
	for (i = 0; i < 40; i++) {
		CHECK(position(&visits, stays[i]) > 0);
		dput(stays[i]);
	}
	tree_end(&tree);
}

TEST(what_is_only_visited_does_not_look_used, "d_walk")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct visits visits = { .nr = 0 };
	int i;

	for (i = 0; i < 10; i++) {
		char name[16];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "n%d", i));

		dput(tree_add(&tree, tree.root, &q, INODE_REGULAR));
	}
	CHECK_EQ(d_walk(tree.root, visit, &visits), 0);
	CHECK_EQ(d_for_each_child(tree.root, visit, &visits), 0);
	CHECK_EQ(visits.nr, 21);
	for (i = 0; i < visits.nr; i++)
		CHECK(!(d_flags(visits.seen[i]) & DCACHE_REFERENCED));
	CHECK_EQ(tree_stats(&tree).unused, 10);
	tree_end(&tree);
}

/* Whoever is cancelled in a visit leaves nothing of itself in the tree. */
static enum d_walk_ret be_cancelled(struct visits *visits, struct dentry *dentry)
{
	(void)visits;
	(void)dentry;
	pthread_cancel(pthread_self());
	pthread_testcancel();
	return D_WALK_CONTINUE;
}

static void *walk_and_be_cancelled(void *data)
{
	struct visits *visits = data;

	if (visits->extra)
		d_walk(visits->tree->root, visit, visits);
	else
		d_for_each_child(visits->tree->root, visit, visits);
	pthread_testcancel();
	return NULL;
}

TEST(a_walk_is_not_cancelled, "d_walk d_for_each_child")
{
	struct family f = family_begin();
	struct visits visits = { .then = be_cancelled, .tree = &f.tree, .extra = f.dir };

	test_join(test_thread(walk_and_be_cancelled, &visits));
	CHECK_EQ(visits.nr, 7);
	visits.nr = 0;
	visits.extra = NULL;
	test_join(test_thread(walk_and_be_cancelled, &visits));
	CHECK_EQ(visits.nr, 2);
	family_end(&f);
}

TEST(one_whose_count_is_full_is_passed_over, "H43 d_walk")
{
	struct family f = family_begin();
	struct visits visits = { .nr = 0 };

	lockref_lock(&f.file->d_lockref);
	lockref_add_locked(&f.file->d_lockref, LOCKREF_MAX - 1);
	lockref_unlock(&f.file->d_lockref);
	CHECK_EQ(d_walk(f.dir, visit, &visits), 0);
	CHECK_EQ(visits.nr, 4);
	CHECK_EQ(d_count(f.file), LOCKREF_MAX);
	lockref_lock(&f.file->d_lockref);
	lockref_add_locked(&f.file->d_lockref, 1 - LOCKREF_MAX);
	lockref_unlock(&f.file->d_lockref);
	family_end(&f);
}

static enum d_walk_ret drop(struct visits *visits, struct dentry *dentry)
{
	(void)visits;
	if (!IS_ROOT(dentry))
		d_drop(dentry);
	return D_WALK_CONTINUE;
}

TEST(what_a_visit_drops_is_freed_after_it, "d_walk")
{
	struct family f = family_begin();
	struct visits visits = { .then = drop };

	dput(f.file);
	dput(f.leaf);
	f.file = f.leaf = NULL;
	CHECK_EQ(d_walk(f.tree.root, visit, &visits), 0);
	CHECK_EQ(visits.nr, 7);
	CHECK_EQ(tree_stats(&f.tree).entries, 5);
	family_end(&f);
}

/* ---- shrinking ---- */

TEST(what_is_unused_below_is_freed, "shrink_dcache_parent")
{
	struct family f = family_begin();

	CHECK_EQ(shrink_dcache_parent(f.tree.root), 0);
	CHECK_EQ(tree_stats(&f.tree).entries, 7);
	dput(f.file);
	dput(f.negative);
	dput(f.sub);
	dput(f.other);
	f.file = f.negative = f.sub = f.other = NULL;
	/* Not outside, and not what the leaf needs. */
	CHECK_EQ(shrink_dcache_parent(f.dir), 2);
	CHECK_EQ(tree_stats(&f.tree).entries, 5);
	dput(f.leaf);
	f.leaf = NULL;
	CHECK_EQ(shrink_dcache_parent(f.dir), 2);
	CHECK_EQ(tree_stats(&f.tree).entries, 3);
	CHECK(!d_unhashed(f.dir));
	dput(f.dir);
	f.dir = NULL;
	CHECK_EQ(shrink_dcache_parent(f.tree.root), 2);
	CHECK_EQ(shrink_dcache_parent(f.tree.root), 0);
	CHECK_EQ(tree_stats(&f.tree).entries, 1);
	family_end(&f);
}

/* More than the walker takes or looks at in one go, of all kinds. */
TEST(a_wide_directory_is_shrunk_to_what_is_in_use, "shrink_dcache_parent")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *held[100];
	int i;

	for (i = 0; i < 1000; i++) {
		char name[16];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "n%d", i));
		struct dentry *dentry = tree_add(&tree, tree.root, &q, i % 3 ? 0 : INODE_DIRECTORY);

		if (i % 3 == 0)
			dput(tree_add(&tree, dentry, NAME("below"), INODE_REGULAR));
		if (i % 10 == 0)
			held[i / 10] = dentry;
		else
			dput(dentry);
	}
	CHECK_EQ(shrink_dcache_parent(tree.root), 900 + 334);
	CHECK_EQ(tree_stats(&tree).entries, 101);
	for (i = 0; i < 100; i++) {
		CHECK(!d_unhashed(held[i]));
		dput(held[i]);
	}
	tree_end(&tree);
}

/* ---- invalidation ---- */

TEST(what_is_unused_below_an_invalidated_entry_is_freed, "d_invalidate")
{
	struct family f = family_begin();

	dput(f.file);
	dput(f.negative);
	dput(f.sub);
	dput(f.leaf);
	f.file = f.negative = f.sub = f.leaf = NULL;
	CHECK_EQ(d_invalidate(f.dir), 0);
	CHECK(d_unhashed(f.dir) && d_is_positive(f.dir));
	CHECK(!d_lookup(f.tree.root, NAME("dir")));
	CHECK_EQ(tree_stats(&f.tree).entries, 3);
	CHECK_EQ(d_invalidate(f.dir), 0);
	CHECK_EQ(tree_stats(&f.tree).negatives, 0);
	CHECK_EQ(d_invalidate(f.other), 0);
	dput(f.dir);
	dput(f.other);
	f.dir = f.other = NULL;
	CHECK_EQ(tree_stats(&f.tree).entries, 1);
	family_end(&f);
}

TEST(what_is_in_use_below_an_invalidated_entry_does_not_linger, "d_invalidate")
{
	struct family f = family_begin();
	struct dentry *late;

	dput(f.sub);
	/* Used so often that its last put would need no lock. */
	dput(f.file);
	f.file = d_lookup(f.dir, NAME("file"));
	dput(f.file);
	f.file = d_lookup(f.dir, NAME("file"));
	CHECK_EQ(d_invalidate(f.dir), 0);
	CHECK_EQ(tree_stats(&f.tree).entries, 7);
	/* From below it is still found, and what is new there is found as well. */
	CHECK(d_lookup(f.dir, NAME("file")) == f.file);
	dput(f.file);
	late = tree_add(&f.tree, d_parent(f.leaf), NAME("late"), INODE_REGULAR);
	CHECK_EQ(tree_stats(&f.tree).entries, 8);
	dput(late);
	CHECK_EQ(tree_stats(&f.tree).entries, 7);
	dput(f.file);
	CHECK_EQ(tree_stats(&f.tree).entries, 6);
	dput(f.negative);
	/* The leaf keeps its directory, which goes with it. */
	dput(f.leaf);
	CHECK_EQ(tree_stats(&f.tree).entries, 3);
	CHECK_EQ(tree_stats(&f.tree).unused, 0);
	f.file = f.negative = f.leaf = f.sub = NULL;
	family_end(&f);
}

TEST(what_is_hashed_again_is_kept_again, "d_invalidate d_rehash d_splice_alias")
{
	struct family f = family_begin();

	CHECK_EQ(d_invalidate(f.other), 0);
	CHECK_EQ(d_rehash(f.other), 0);
	dput(f.other);
	CHECK_EQ(tree_stats(&f.tree).unused, 1);
	CHECK(d_lookup(f.tree.root, NAME("other")) == f.other);
	CHECK_EQ(d_invalidate(f.dir), 0);
	/* The directory is found again under another name. */
	move_dir(f.dir, f.tree.root, NAME("dir2"));
	dput(f.dir);
	CHECK(d_lookup(f.tree.root, NAME("dir2")) == f.dir);
	/* One below it is found elsewhere. */
	CHECK_EQ(d_invalidate(f.dir), 0);
	move_dir(f.sub, f.other, NAME("sub"));
	dput(f.leaf);
	f.leaf = NULL;
	dput(f.sub);
	/* The other directory is on the list yet. */
	CHECK_EQ(tree_stats(&f.tree).unused, 2);
	CHECK(d_lookup(f.other, NAME("sub")) == f.sub);
	/* Below what is invalidated it is hashed in vain. */
	d_drop(f.file);
	CHECK_EQ(d_rehash(f.file), 0);
	dput(f.file);
	f.file = NULL;
	CHECK_EQ(tree_stats(&f.tree).unused, 2);
	CHECK_EQ(tree_stats(&f.tree).entries, 5);
	family_end(&f);
}

TEST(what_is_moved_below_an_invalidated_entry_does_not_linger, "d_invalidate d_splice_alias")
{
	struct family f = family_begin();

	CHECK_EQ(d_invalidate(f.other), 0);
	dput(f.file);
	dput(f.negative);
	dput(f.leaf);
	dput(f.sub);
	f.file = f.negative = f.leaf = f.sub = NULL;
	CHECK_EQ(tree_stats(&f.tree).unused, 3);
	move_dir(f.dir, f.other, NAME("dir"));
	CHECK_EQ(tree_stats(&f.tree).unused, 0);
	dput(f.dir);
	f.dir = NULL;
	CHECK_EQ(tree_stats(&f.tree).entries, 2);
	family_end(&f);
}

/* It was positive before it was ever hashed, and has children. */
TEST(below_what_was_never_hashed_nothing_lingers, "d_invalidate d_instantiate")
{
	struct family f = family_begin();
	struct dentry *never = d_alloc(f.other, NAME("never"));

	CHECK_EQ(d_instantiate(never, tree_inode(f.tree.dc, INODE_DIRECTORY)), 0);
	dput(tree_add(&f.tree, never, NAME("child"), 0));
	CHECK_EQ(d_invalidate(f.other), 0);
	CHECK_EQ(tree_stats(&f.tree).unused, 0);
	dput(never);
	CHECK_EQ(tree_stats(&f.tree).entries, 7);
	family_end(&f);
}

TEST(a_root_cannot_be_unhashed_but_what_is_in_it_can, "d_invalidate")
{
	struct family f = family_begin();
	struct dentry *new;

	dput(f.file);
	f.file = NULL;
	CHECK_EQ(d_invalidate(f.tree.root), 0);
	CHECK_EQ(tree_stats(&f.tree).entries, 6);
	CHECK(d_unhashed(f.dir) && d_unhashed(f.other) && !d_unhashed(f.sub));
	/* What is found in it from now on is true. */
	new = tree_add(&f.tree, f.tree.root, NAME("dir"), INODE_DIRECTORY);
	dput(new);
	CHECK_EQ(tree_stats(&f.tree).unused, 1);
	family_end(&f);
}

TEST(a_lookup_that_is_invalidated_goes_on, "d_invalidate")
{
	struct family f = family_begin();
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *in_lookup = d_alloc_parallel(f.other, NAME("cold"), &wq);

	CHECK_EQ(d_invalidate(in_lookup), 0);
	CHECK(d_in_lookup(in_lookup));
	CHECK_EQ(d_add(in_lookup, NULL), 0);
	dput(in_lookup);
	CHECK_EQ(tree_stats(&f.tree).unused, 1);
	/* One in a directory that is invalidated ends as it likes, and is not kept. */
	in_lookup = d_alloc_parallel(f.dir, NAME("cold"), &wq);
	CHECK_EQ(d_invalidate(f.dir), 0);
	CHECK_EQ(d_add(in_lookup, NULL), 0);
	dput(in_lookup);
	CHECK_EQ(tree_stats(&f.tree).unused, 1);
	family_end(&f);
}

/* ---- later ---- */

static void fill(struct dentry *dir, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		char name[16];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "n%d", i));
		struct dentry *dentry = d_alloc(dir, &q);

		CHECK(!IS_ERR(dentry) && !d_add(dentry, NULL));
		dput(dentry);
	}
}

TEST(a_large_tree_is_invalidated_in_the_background, "d_invalidate_deferred")
{
	struct family f = family_begin();

	fill(f.dir, 20000);
	d_invalidate_deferred(f.dir);
	CHECK(d_unhashed(f.dir));
	/* By itself. */
	CHECK(EVENTUALLY(tree_stats(&f.tree).entries == 7));
	/* The pass may have those in hand that are left. */
	dcache_barrier(f.tree.dc);
	/* What is used meanwhile does not linger either. */
	dput(f.file);
	dput(f.leaf);
	CHECK_EQ(tree_stats(&f.tree).entries, 5);
	f.file = f.leaf = NULL;
	family_end(&f);
}

/* A portion after which there is nothing to free, and more to do. */
TEST(what_is_in_use_is_passed_over_in_the_background, "d_invalidate_deferred")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	static struct dentry *held[10000];
	char name[16];
	int i;

	for (i = 0; i < 10000; i++) {
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "n%d", i));

		held[i] = tree_add(&tree, dir, &q, 0);
	}
	d_invalidate_deferred(dir);
	CHECK(EVENTUALLY(!deferred_pending(&tree.dc->deferred)));
	for (i = 0; i < 10000; i++)
		dput(held[i]);
	dput(dir);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(a_barrier_waits_for_what_was_deferred, "d_invalidate_deferred dcache_barrier")
{
	struct family f = family_begin();

	fill(f.dir, 20000);
	fill(f.other, 20000);
	d_invalidate_deferred(f.dir);
	d_invalidate_deferred(f.other);
	dcache_barrier(f.tree.dc);
	CHECK_EQ(tree_stats(&f.tree).entries, 7);
	CHECK_EQ(tree_stats(&f.tree).pending_frees, 0);
	/* Nothing below, or nothing that could be unhashed. */
	d_invalidate_deferred(f.other);
	d_invalidate_deferred(f.tree.root);
	dcache_barrier(f.tree.dc);
	CHECK_EQ(d_count(f.other), 1);
	family_end(&f);
}

TEST(an_instance_is_destroyed_with_what_was_deferred, "d_invalidate_deferred dcache_destroy")
{
	struct family f = family_begin();

	fill(f.dir, 20000);
	d_invalidate_deferred(f.dir);
	family_end(&f);
}

static enum d_walk_ret defer(struct visits *visits, struct dentry *dentry)
{
	(void)visits;
	if (!IS_ROOT(dentry))
		d_invalidate_deferred(dentry);
	return D_WALK_CONTINUE;
}

/* More than may wait; the last by those who ask. */
TEST(many_are_deferred, "d_invalidate_deferred H50")
{
	struct tree tree = tree_begin(NULL, NULL);
	uint64_t most = 0;
	int i;

	for (i = 0; i < 3000; i++) {
		char name[16];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "n%d", i));
		struct dentry *dir = tree_add(&tree, tree.root, &q, INODE_DIRECTORY);
		uint64_t pending;

		fill(dir, 1);
		d_invalidate_deferred(dir);
		dput(dir);
		pending = deferred_pending(&tree.dc->deferred);
		most = pending > most ? pending : most;
	}
	CHECK(most <= 1026);
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(a_visit_may_defer, "d_walk d_invalidate_deferred")
{
	struct family f = family_begin();
	struct visits visits = { .then = defer };

	dput(f.leaf);
	dput(f.sub);
	f.leaf = f.sub = NULL;
	CHECK_EQ(d_walk(f.tree.root, visit, &visits), 0);
	dcache_barrier(f.tree.dc);
	CHECK_EQ(tree_stats(&f.tree).entries, 5);
	family_end(&f);
}

/* An operation that runs in a portion may call what waits for portions. */
static int destroyed_in_evict;
static struct dcache *evict_dc;

static void evict_and_wait(struct inode *inode)
{
	(void)inode;
	dcache_barrier(evict_dc);
	destroyed_in_evict = dcache_destroy(evict_dc);
}

TEST(an_operation_in_the_background_does_not_wait_for_itself, "d_invalidate_deferred H36")
{
	static const struct inode_operations ops = { .evict = evict_and_wait };
	struct family f = family_begin();
	struct dentry *dentry = d_alloc(f.dir, NAME("evicts"));

	evict_dc = f.tree.dc;
	destroyed_in_evict = 0;
	CHECK_EQ(d_add(dentry, new_inode(f.tree.dc, 1, INODE_REGULAR, &ops, NULL)), 0);
	dput(dentry);
	d_invalidate_deferred(f.dir);
	dcache_barrier(f.tree.dc);
	CHECK_EQ(destroyed_in_evict, -EDEADLK);
	family_end(&f);
}

/* ---- no memory ---- */

#ifdef DCACHE_DEBUG

/* root/0/1/2/.../19, unused. */
static void dig(struct tree *tree)
{
	struct dentry *at = dget(tree->root);
	int i;

	for (i = 0; i < 20; i++) {
		char name[16];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "%d", i));
		struct dentry *below = tree_add(tree, at, &q, INODE_DIRECTORY);

		dput(at);
		at = below;
	}
	dput(at);
}

TEST(a_deep_tree_without_memory, "H51 d_walk shrink_dcache_parent d_invalidate")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct visits visits = { .nr = 0 };
	struct dentry *top;

	dig(&tree);
	dc_fail_allocation(1);
	CHECK_EQ(d_walk(tree.root, visit, &visits), -ENOMEM);
	CHECK(dc_allocation_failed());
	CHECK(visits.nr >= 8 && visits.nr < 21);
	dc_fail_allocation(1);
	CHECK_EQ(shrink_dcache_parent(tree.root), -ENOMEM);
	CHECK_EQ(tree_stats(&tree).entries, 21);
	top = d_lookup(tree.root, NAME("0"));
	dc_fail_allocation(1);
	CHECK_EQ(d_invalidate(top), -ENOMEM);
	CHECK(d_unhashed(top));
	visits.nr = 0;
	CHECK_EQ(d_walk(tree.root, visit, &visits), 0);
	CHECK_EQ(visits.nr, 21);
	/* Without memory to note it, at once; and that has none either. */
	dc_fail_allocation(1);
	d_invalidate_deferred(top);
	CHECK(dc_allocation_failed());
	CHECK_EQ(tree_stats(&tree).entries, 2);
	dput(top);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

static void walk_in_a_section(void)
{
	struct tree tree = tree_begin(NULL, NULL);

	dcache_read_lock();
	shrink_dcache_parent(tree.root);
}

TEST(a_tree_is_not_walked_in_a_read_section, "d_walk shrink_dcache_parent")
{
	CHECK(stops_with(walk_in_a_section, "a tree is not walked in a read section"));
}

#endif
