/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listings, and directories all of whose names are known. */
#include "harness.h"

#define HOUR_NS ((uint64_t)3600 * 1000000000)
#define LONGER_MS 80

/* List @names, a NULL at the end, in @dir. Return: what dir_listing_end() says. */
static bool list(struct tree *tree, struct dentry *dir, const char *const *names)
{
	struct dir_listing listing;

	inode_lock_shared(d_inode(dir));
	CHECK_EQ(dir_listing_begin(&listing, dir), 0);
	for (; *names; names++) {
		struct qstr name = qstr_init(*names, strlen(*names));

		CHECK_EQ(dir_listing_add(&listing, &name, tree_inode(tree->dc, INODE_REGULAR)), 0);
	}
	inode_unlock_shared(d_inode(dir));
	return dir_listing_end(&listing, true);
}

static const char *const three[] = { "one", "two", "three", NULL };

static struct dentry *look_up(struct tree *tree, const struct qstr *name)
{
	return lookup_one_unlocked(tree->root, name, 0);
}

/* The directory is complete, which a lookup of @name sees: absent, and the backend is not asked. */
static bool says_absent(struct tree *tree, const struct qstr *name)
{
	long before = atomic_load(&backend.calls);
	struct dentry *dentry = look_up(tree, name);
	bool absent = !IS_ERR(dentry) && d_is_negative(dentry) && !d_unhashed(dentry);

	dput(dentry);
	return absent && atomic_load(&backend.calls) == before;
}

/* The root is complete; @lose; it is not any more, and the backend is asked. */
static void is_lost_by(void (*lose)(struct tree *tree, struct dentry *one), bool expected)
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *one;

	backend_begin(answer_negative);
	CHECK(list(&tree, tree.root, three));
	one = d_lookup(tree.root, NAME("one"));
	lose(&tree, one);
	CHECK_EQ(d_is_complete(tree.root), !expected);
	CHECK_EQ(says_absent(&tree, NAME("absent")), !expected);
	dput(one);
	tree_end(&tree);
}

TEST(a_complete_directory_answers_without_the_backend, "d_is_complete dir_listing_end lookup_slow")
{
	static struct dentry *(*const calls[])(struct dentry *, const struct qstr *,
					       unsigned int) = { lookup_one_unlocked, lookup_slow,
								 __lookup_slow };
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *dentry;
	size_t i;

	backend_begin(answer_file);
	CHECK(!d_is_complete(tree.root));
	CHECK(list(&tree, tree.root, three));
	CHECK(d_is_complete(tree.root));
	dentry = look_up(&tree, NAME("two"));
	CHECK(d_is_positive(dentry));
	dput(dentry);
	for (i = 0; i < 3; i++) {
		static const char *const names[] = { "a", "b", "c" };
		struct qstr name = qstr_init(names[i], 1);
		uint64_t negatives = tree_stats(&tree).negatives;

		dentry = calls[i](tree.root, &name, 0);
		CHECK(d_is_negative(dentry) && !d_unhashed(dentry) && !d_in_lookup(dentry));
		/* Counted, and bounded, as other negatives. */
		CHECK_EQ(tree_stats(&tree).negatives, negatives + 1);
		dput(dentry);
	}
	CHECK_EQ(atomic_load(&backend.calls), 0);
	d_clear_complete(tree.root);
	CHECK(!d_is_complete(tree.root));
	CHECK(!says_absent(&tree, NAME("other")));
	CHECK_EQ(atomic_load(&backend.calls), 1);
	tree_end(&tree);
}

TEST(an_inode_of_another_instance_is_lost, "d_splice_alias -EXDEV")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *dentry = d_alloc(tree.root, NAME("new"));
	struct dcache *other;

	CHECK(list(&tree, tree.root, three));
	REQUIRE(!dcache_create(NULL, &other));
	CHECK_ERR(d_splice_alias(tree_inode(other, INODE_REGULAR), dentry), -EXDEV);
	CHECK_EQ(dcache_destroy(other), 0);
	CHECK(!d_is_complete(tree.root));
	dput(dentry);
	tree_end(&tree);
}

TEST(a_listing_that_does_not_come_to_its_end, "dir_listing_end")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dir_listing listing, other;
	struct dentry *dentry;

	backend_begin(answer_negative);
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	CHECK_EQ(dir_listing_add(&listing, NAME("one"), tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK(!d_is_complete(tree.root));
	CHECK(!dir_listing_end(&listing, false));
	CHECK(!d_is_complete(tree.root));
	/* What it had is cached. */
	dentry = d_lookup(tree.root, NAME("one"));
	CHECK(dentry && d_is_positive(dentry));
	dput(dentry);
	/* Ended, it is good for nothing, and does no harm. */
	CHECK(!dir_listing_end(&listing, true));
	CHECK_EQ(dir_listing_add(&listing, NAME("two"), tree_inode(tree.dc, INODE_REGULAR)),
		 -EINVAL);
	CHECK(!d_is_complete(tree.root));
	/* Two at once: each for itself. */
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	CHECK_EQ(dir_listing_begin(&other, tree.root), 0);
	CHECK(!dir_listing_end(&other, false));
	dentry = d_lookup(tree.root, NAME("one"));
	CHECK_EQ(dir_listing_add(&listing, NAME("one"), (ihold(d_inode(dentry)), d_inode(dentry))),
		 0);
	dput(dentry);
	CHECK(dir_listing_end(&listing, true));
	CHECK(d_is_complete(tree.root));
	/* A complete one stays so if it is listed again, but not to the end. */
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	CHECK(!dir_listing_end(&listing, false));
	CHECK(d_is_complete(tree.root));
	tree_end(&tree);
}

static void by_drop(struct tree *tree, struct dentry *one)
{
	(void)tree;
	d_drop(one);
}

static void by_drop_and_rehash(struct tree *tree, struct dentry *one)
{
	(void)tree;
	d_drop(one);
	CHECK_EQ(d_rehash(one), 0);
}

static void by_eviction(struct tree *tree, struct dentry *one)
{
	(void)one;
	CHECK(shrink_dcache(tree->dc, 2) > 0);
}

static void by_invalidation(struct tree *tree, struct dentry *one)
{
	(void)tree;
	CHECK_EQ(d_invalidate(one), 0);
}

static void by_inode(struct tree *tree, struct dentry *one)
{
	(void)tree;
	CHECK_EQ(d_invalidate_inode(d_inode(one)), 0);
}

static void by_name(struct tree *tree, struct dentry *one)
{
	(void)one;
	/* One that is not there: it may be now. */
	CHECK_EQ(d_invalidate_name(tree->root, NAME("absent")), 0);
}

static void by_absent(struct tree *tree, struct dentry *one)
{
	struct dentry *absent = look_up(tree, NAME("absent"));

	(void)one;
	CHECK_EQ(d_invalidate(absent), 0);
	dput(absent);
}

static void by_generation(struct tree *tree, struct dentry *one)
{
	(void)one;
	CHECK_EQ(d_invalidate_children(tree->root), 0);
}

static void by_time(struct tree *tree, struct dentry *one)
{
	struct dentry *found;

	d_set_ttl(one, 0);
	backend_begin(answer_file);
	found = look_up(tree, NAME("one"));
	CHECK(found != one && d_is_positive(found));
	CHECK_EQ(atomic_load(&backend.calls), 1);
	dput(found);
	backend_begin(answer_negative);
}

static void by_failed_add(struct tree *tree, struct dentry *one)
{
	struct dentry *absent = look_up(tree, NAME("absent"));
	struct dentry *dentry = d_alloc(tree->root, NAME("absent"));

	(void)one;
	CHECK_EQ(d_add(dentry, tree_inode(tree->dc, INODE_REGULAR)), -EEXIST);
	d_drop(absent);
	dput(absent);
	dput(dentry);
}

static void by_hidden_create(struct tree *tree, struct dentry *one)
{
	struct dentry *dentry = d_alloc(tree->root, NAME("created"));

	(void)one;
	CHECK_EQ(d_instantiate(dentry, tree_inode(tree->dc, INODE_REGULAR)), 0);
	dput(dentry);
}

TEST(what_loses_an_entry_ends_it,
     "d_is_complete d_drop d_invalidate shrink_dcache d_invalidate_name")
{
	is_lost_by(by_drop, true);
	is_lost_by(by_drop_and_rehash, true);
	is_lost_by(by_eviction, true);
	is_lost_by(by_invalidation, true);
	is_lost_by(by_inode, true);
	is_lost_by(by_name, true);
	is_lost_by(by_absent, true);
	is_lost_by(by_generation, true);
	is_lost_by(by_time, true);
	is_lost_by(by_failed_add, true);
	is_lost_by(by_hidden_create, true);
}

static void create(struct tree *tree, const struct qstr *name)
{
	struct dentry *dentry;

	inode_lock(d_inode(tree->root));
	dentry = __lookup_slow(tree->root, name, 0);
	CHECK(d_is_negative(dentry));
	CHECK_EQ(d_instantiate(dentry, tree_inode(tree->dc, INODE_REGULAR)), 0);
	inode_unlock(d_inode(tree->root));
	dput(dentry);
}

static void by_create(struct tree *tree, struct dentry *one)
{
	struct dentry *dentry;

	(void)one;
	create(tree, NAME("new"));
	dentry = look_up(tree, NAME("new"));
	CHECK(d_is_positive(dentry));
	dput(dentry);
}

static void by_add(struct tree *tree, struct dentry *one)
{
	(void)one;
	dput(tree_add(tree, tree->root, NAME("added"), INODE_REGULAR));
}

static void by_delete(struct tree *tree, struct dentry *one)
{
	struct dentry *two = d_lookup(tree->root, NAME("two"));

	dget(one);
	d_delete(one);
	CHECK(d_unhashed(one));
	dput(one);
	d_delete(two);
	CHECK(!d_unhashed(two));
	dput(two);
	CHECK(says_absent(tree, NAME("one")) && says_absent(tree, NAME("two")));
}

/* The name of what is replaced has an entry. */
static void by_replacing(struct tree *tree, struct dentry *one)
{
	struct dentry *two = d_lookup(tree->root, NAME("two")), *found;

	CHECK_EQ(d_move(one, two), 0);
	CHECK(d_unhashed(two) && d_is_positive(two));
	dput(two);
	CHECK(says_absent(tree, NAME("one")));
	found = look_up(tree, NAME("two"));
	CHECK(found == one);
	dput(found);
}

static void by_losing_absent(struct tree *tree, struct dentry *one)
{
	struct dentry *absent = look_up(tree, NAME("absent"));

	(void)one;
	d_drop(absent);
	dput(absent);
	absent = look_up(tree, NAME("absent"));
	d_set_ttl(absent, 0);
	dput(absent);
}

static void by_loss_elsewhere(struct tree *tree, struct dentry *one)
{
	struct dentry *dir = tree_add(tree, tree->root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *below = tree_add(tree, dir, NAME("below"), INODE_REGULAR);

	(void)one;
	d_drop(below);
	dput(below);
	dput(dir);
}

static void by_moving_away(struct tree *tree, struct dentry *one)
{
	struct dentry *sub = tree_add(tree, tree->root, NAME("sub"), INODE_DIRECTORY);
	struct dentry *dir = tree_add(tree, tree->root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *target = d_alloc(dir, NAME("moved"));
	struct dentry *alias;

	(void)one;
	ihold(d_inode(sub));
	alias = d_splice_alias(d_inode(sub), target);
	CHECK(alias == sub);
	dput(alias);
	dput(target);
	CHECK(says_absent(tree, NAME("sub")));
	dput(sub);
	dput(dir);
}

TEST(what_goes_through_the_cache_keeps_it,
     "d_is_complete d_instantiate d_add d_delete d_move d_splice_alias")
{
	is_lost_by(by_create, false);
	is_lost_by(by_add, false);
	is_lost_by(by_delete, false);
	is_lost_by(by_replacing, false);
	is_lost_by(by_losing_absent, false);
	is_lost_by(by_loss_elsewhere, false);
	is_lost_by(by_moving_away, false);
}

/* ---- what a listing meets ---- */

TEST(a_listing_confirms_and_replaces, "dir_listing_add")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *same = tree_add(&tree, tree.root, NAME("same"), INODE_REGULAR);
	struct dentry *none = tree_add(&tree, tree.root, NAME("none"), 0);
	struct dentry *other = tree_add(&tree, tree.root, NAME("other"), INODE_REGULAR);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *below = tree_add(&tree, dir, NAME("below"), INODE_REGULAR);
	struct inode *new[3];
	struct dir_listing listing;
	struct dentry *found;
	int i;

	backend_begin(answer_negative);
	for (i = 0; i < 3; i++)
		new[i] = tree_inode(tree.dc, INODE_REGULAR);
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	d_set_ttl(same, HOUR_NS);
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	ihold(d_inode(same));
	CHECK_EQ(dir_listing_add(&listing, NAME("same"), d_inode(same)), 0);
	CHECK(!d_is_stale(same) && !d_unhashed(same) && d_count(same) == 1);
	CHECK_EQ(dir_listing_add(&listing, NAME("none"), new[0]), 0);
	CHECK_EQ(dir_listing_add(&listing, NAME("other"), new[1]), 0);
	CHECK_EQ(dir_listing_add(&listing, NAME("dir"), new[2]), 0);
	CHECK(d_unhashed(none) && d_unhashed(other) && d_unhashed(dir));
	/* What it replaced it has not lost. */
	CHECK(dir_listing_end(&listing, true));
	CHECK(d_is_complete(tree.root));
	found = look_up(&tree, NAME("other"));
	CHECK(d_inode(found) == new[1] && !d_is_stale(found));
	dput(found);
	found = look_up(&tree, NAME("none"));
	CHECK(d_inode(found) == new[0]);
	dput(found);
	CHECK_EQ(atomic_load(&backend.calls), 0);
	dput(below);
	dput(dir);
	dput(other);
	dput(none);
	dput(same);
	tree_end(&tree);
}

/* What one listing replaces, another has lost. */
TEST(a_listing_loses_for_others_what_it_replaces, "dir_listing_add dir_listing_end")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dir_listing first, second;

	CHECK_EQ(dir_listing_begin(&first, tree.root), 0);
	CHECK_EQ(dir_listing_add(&first, NAME("one"), tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK_EQ(dir_listing_begin(&second, tree.root), 0);
	CHECK_EQ(dir_listing_add(&second, NAME("one"), tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK(!dir_listing_end(&first, true));
	CHECK(!d_is_complete(tree.root));
	CHECK(dir_listing_end(&second, true));
	CHECK(d_is_complete(tree.root));
	tree_end(&tree);
}

TEST(a_loss_during_a_listing, "dir_listing_end d_drop d_invalidate_children d_clear_complete")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dir_listing listing;
	struct dentry *one;

	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	CHECK_EQ(dir_listing_add(&listing, NAME("one"), tree_inode(tree.dc, INODE_REGULAR)), 0);
	one = d_lookup(tree.root, NAME("one"));
	d_drop(one);
	dput(one);
	CHECK(!dir_listing_end(&listing, true));
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	CHECK(!dir_listing_end(&listing, true));
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	d_clear_complete(tree.root);
	CHECK(!dir_listing_end(&listing, true));
	CHECK(!d_is_complete(tree.root));
	/* Before it began is another matter. */
	CHECK(list(&tree, tree.root, three));
	tree_end(&tree);
}

TEST(what_a_listing_finds_is_as_old_as_the_listing, "dir_listing_add d_invalidate_children")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *known = tree_add(&tree, tree.root, NAME("known"), INODE_REGULAR);
	struct dir_listing listing;

	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	/* Not cached, as what any question finds that was asked before. */
	CHECK_EQ(dir_listing_add(&listing, NAME("one"), tree_inode(tree.dc, INODE_REGULAR)), 0);
	ihold(d_inode(known));
	CHECK_EQ(dir_listing_add(&listing, NAME("known"), d_inode(known)), 0);
	CHECK(!dir_listing_end(&listing, true));
	CHECK(!d_lookup(tree.root, NAME("one")) && d_is_stale(known));
	CHECK_EQ(tree_stats(&tree).overtaken, 1);
	dput(known);
	tree_end(&tree);
}

/* One name is said not to be true any more, while a listing is under way that may have read it before. */
static void name_of_a_listing(struct tree *tree, int way)
{
	struct dentry *one = tree_add(tree, tree->root, NAME("one"), way > 2 ? 0 : INODE_REGULAR);

	if (!way)
		CHECK_EQ(d_invalidate_name(tree->root, NAME("one")), 0);
	else if (way == 1)
		CHECK_EQ(d_invalidate_inode(d_inode(one)), 0);
	else
		CHECK_EQ(d_invalidate(one), 0);
	dput(one);
}

TEST(a_name_that_was_invalidated_during_a_listing,
     "N5 dir_listing_add d_invalidate d_invalidate_name d_invalidate_inode")
{
	int way, known;

	for (way = 0; way < 4; way++) {
		for (known = 0; known < 2; known++) {
			struct tree tree = tree_begin(NULL, &backend_ops);
			struct dir_listing listing;
			struct dentry *fresh, *found;

			CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
			name_of_a_listing(&tree, way);
			/* Somebody has asked since: that is newer than the listing. */
			fresh = known ? tree_add(&tree, tree.root, NAME("one"), INODE_REGULAR) : NULL;
			CHECK_EQ(dir_listing_add(&listing, NAME("one"),
						 tree_inode(tree.dc, INODE_REGULAR)),
				 0);
			found = d_lookup(tree.root, NAME("one"));
			CHECK(found == fresh && (!fresh || !d_unhashed(fresh)));
			dput(found);
			dput(fresh);
			CHECK(!dir_listing_end(&listing, true));
			/* A listing that begins now knows better. */
			CHECK(list(&tree, tree.root, three));
			tree_end(&tree);
		}
	}
}

TEST(a_directory_that_is_listed_elsewhere_moves, "dir_listing_add d_splice_alias")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *to = tree_add(&tree, tree.root, NAME("to"), INODE_DIRECTORY);
	struct dentry *sub = tree_add(&tree, tree.root, NAME("sub"), INODE_DIRECTORY);
	struct dir_listing listing;

	CHECK_EQ(dir_listing_begin(&listing, to), 0);
	ihold(d_inode(sub));
	CHECK_EQ(dir_listing_add(&listing, NAME("moved"), d_inode(sub)), 0);
	CHECK(d_parent(sub) == to);
	/* An ancestor cannot be below: said, and not complete. */
	ihold(d_inode(to));
	CHECK_EQ(dir_listing_add(&listing, NAME("loop"), d_inode(to)), -ELOOP);
	CHECK(!dir_listing_end(&listing, true));
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	dput(sub);
	dput(to);
	tree_end(&tree);
}

/* A name that somebody is asking for is theirs; the listing goes on, and does not wait. */
TEST(a_listing_does_not_wait_for_a_lookup, "dir_listing_add H13")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *asked = d_alloc_parallel(tree.root, NAME("two"), &wq);

	backend_begin(answer_file);
	REQUIRE(!IS_ERR(asked) && d_in_lookup(asked));
	CHECK(!list(&tree, tree.root, three));
	CHECK(d_in_lookup(asked));
	/* If that lookup fails, "two" exists all the same. */
	CHECK_EQ(d_lookup_fail(asked, -EIO), 0);
	dput(asked);
	CHECK(!says_absent(&tree, NAME("two")));
	CHECK_EQ(atomic_load(&backend.calls), 1);
	tree_end(&tree);
}

TEST(names_in_any_spelling, "dir_listing_add d_compare")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dir_listing listing;
	struct dentry *upper;
	struct tree tree;

	opts.d_op = &ascii_ci_ops;
	tree = tree_begin(&opts, &backend_ops);
	backend_begin(answer_file);
	upper = tree_add(&tree, tree.root, NAME("UPPER"), INODE_REGULAR);
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	ihold(d_inode(upper));
	CHECK_EQ(dir_listing_add(&listing, NAME("upper"), d_inode(upper)), 0);
	CHECK_EQ(dir_listing_add(&listing, NAME("Name"), tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK(dir_listing_end(&listing, true));
	CHECK_EQ(tree_stats(&tree).entries, 3);
	CHECK(says_absent(&tree, NAME("nAMEs")));
	CHECK(!says_absent(&tree, NAME("nAME")));
	CHECK_EQ(atomic_load(&backend.calls), 0);
	dput(upper);
	tree_end(&tree);
}

TEST(listings_of_bad_things, "dir_listing_begin dir_listing_add")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dcache *another = NULL;
	struct dentry *file = tree_add(&tree, tree.root, NAME("file"), INODE_REGULAR);
	struct dentry *none = tree_add(&tree, tree.root, NAME("none"), 0);
	char long_name[DCACHE_NAME_MAX + 1];
	struct dir_listing listing;
	const struct {
		struct qstr name;
		int err;
	} bad[] = {
		{ qstr_init("", 0), -EINVAL },
		{ { NULL, 1, 0 }, -EINVAL },
		{ qstr_init("a/b", 3), -EINVAL },
		{ qstr_init(long_name, sizeof(long_name)), -ENAMETOOLONG },
	};
	size_t i;

	memset(long_name, 'n', sizeof(long_name));
	CHECK_EQ(dir_listing_begin(&listing, file), -ENOTDIR);
	CHECK(!dir_listing_end(&listing, true));
	CHECK_EQ(dir_listing_begin(&listing, none), -ENOENT);
	CHECK_EQ(dir_listing_add(&listing, NAME("n"), tree_inode(tree.dc, INODE_REGULAR)), -EINVAL);
	CHECK(!dir_listing_end(&listing, true));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
		CHECK_EQ(
			dir_listing_add(&listing, &bad[i].name, tree_inode(tree.dc, INODE_REGULAR)),
			bad[i].err);
		CHECK(!dir_listing_end(&listing, true));
	}
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	CHECK_EQ(dir_listing_add(&listing, NAME("n"), NULL), -EINVAL);
	CHECK_EQ(dir_listing_add(&listing, NAME("n"), ERR_PTR(-EIO)), -EIO);
	CHECK(!dir_listing_end(&listing, true));
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	CHECK_EQ(dcache_create(NULL, &another), 0);
	CHECK_EQ(dir_listing_add(&listing, NAME("n"),
				 new_inode(another, 1, INODE_REGULAR, NULL, NULL)),
		 -EXDEV);
	CHECK_EQ(dcache_destroy(another), 0);
	CHECK(!dir_listing_end(&listing, true));
	/* What readdir() says besides. */
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	CHECK_EQ(dir_listing_add(&listing, NAME("."), tree_inode(tree.dc, INODE_DIRECTORY)), 0);
	CHECK_EQ(dir_listing_add(&listing, NAME(".."), tree_inode(tree.dc, INODE_DIRECTORY)), 0);
	CHECK(dir_listing_end(&listing, true));
	CHECK(!d_is_complete(file) && !d_is_complete(none));
	d_clear_complete(file);
	d_clear_complete(none);
	dput(file);
	dput(none);
	tree_end(&tree);
}

/* ---- time ---- */

TEST(what_a_complete_directory_says_is_as_old_as_the_listing, "negative_ttl_ns dir_listing_begin")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *dentry;
	struct tree tree;

	opts.negative_ttl_ns = HOUR_NS;
	tree = tree_begin(&opts, &backend_ops);
	backend_begin(answer_negative);
	CHECK(list(&tree, tree.root, three));
	CHECK(says_absent(&tree, NAME("absent")));
	tree_end(&tree);

	opts.negative_ttl_ns = 1;
	tree = tree_begin(&opts, &backend_ops);
	backend_begin(answer_negative);
	list(&tree, tree.root, three);
	test_sleep_ms(LONGER_MS);
	CHECK(!d_is_complete(tree.root));
	dentry = look_up(&tree, NAME("absent"));
	CHECK_EQ(atomic_load(&backend.calls), 1);
	dput(dentry);
	tree_end(&tree);
}

/* ---- out of memory ---- */

#ifdef DCACHE_DEBUG

TEST(oom_in_a_listing, "H51 dir_listing_add")
{
	static const char *const names[] = {
		"short", "a name that is longer than the forty bytes that lie in an entry", NULL
	};
	struct tree tree = tree_begin(NULL, &backend_ops);
	int n;

	backend_begin(answer_file);
	for (n = 1;; n++) {
		struct dir_listing listing;
		struct dcache_stats before = tree_stats(&tree);
		struct inode *inodes[2];
		bool failed = false, complete;
		int i;

		for (i = 0; i < 2; i++)
			inodes[i] = tree_inode(tree.dc, INODE_REGULAR);
		dc_fail_allocation(n);
		CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
		for (i = 0; i < 2; i++) {
			struct qstr name = qstr_init(names[i], strlen(names[i]));
			int err = dir_listing_add(&listing, &name, inodes[i]);

			CHECK(!err || err == -ENOMEM);
			failed |= err;
		}
		complete = dir_listing_end(&listing, true);
		CHECK_EQ(dc_allocation_failed(), failed);
		CHECK_EQ(complete, !failed);
		CHECK_EQ(d_is_complete(tree.root), complete);
		CHECK_EQ(tree_stats(&tree).in_lookup, 0);
		if (!failed)
			break;
		CHECK(shrink_dcache(tree.dc, 2) <= 1);
		dcache_barrier(tree.dc);
		CHECK_EQ(tree_stats(&tree).entries, before.entries);
		CHECK_EQ(tree_stats(&tree).inodes, before.inodes);
	}
	dc_fail_allocation(0);
	CHECK_EQ(n - 1, 3);
	tree_end(&tree);
}

TEST(confirming_and_ending_need_no_memory, "H51 dir_listing_add d_set_ttl d_revalidate")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *one = tree_add(&tree, tree.root, NAME("one"), INODE_REGULAR);
	struct dir_listing listing;

	dc_fail_allocation(1);
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	ihold(d_inode(one));
	CHECK_EQ(dir_listing_add(&listing, NAME("one"), d_inode(one)), 0);
	CHECK(dir_listing_end(&listing, true));
	d_set_ttl(one, 1);
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	CHECK_EQ(d_revalidate(one, 0), 0);
	CHECK(!dc_allocation_failed());
	dc_fail_allocation(0);
	dput(one);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */
