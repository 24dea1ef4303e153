/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers that come too late: what overtakes a lookup, what becomes of its answer then, and what is none
 * of its business. No test here holds a directory's lock.
 */
#include "harness.h"

#define COLD NAME("cold")

/* ---- what overtakes, and what is answered ---- */

/* A lookup of COLD that is under way, and what else its directory has. */
struct scene {
	struct tree tree;
	struct wait_queue_head wq;
	struct dentry *dir;	  /* where COLD is asked for */
	struct dentry *elsewhere; /* a directory with an entry of its own */
	struct dentry *loose;	  /* of that name, unhashed */
	struct dentry *dentry;	  /* in-lookup */
	struct dentry *found;	  /* what was made of that name, or NULL */
};

static void scene_begin(struct scene *scene, int loose)
{
	scene->tree = tree_begin(NULL, &backend_ops);
	init_waitqueue_head(&scene->wq);
	scene->dir = tree_add(&scene->tree, scene->tree.root, NAME("dir"), INODE_DIRECTORY);
	scene->elsewhere = tree_add(&scene->tree, scene->tree.root, NAME("else"), INODE_DIRECTORY);
	scene->loose = d_alloc(scene->dir, COLD);
	if (loose)
		CHECK_EQ(d_instantiate(scene->loose, tree_inode(scene->tree.dc, loose)), 0);
	scene->dentry = d_alloc_parallel(scene->dir, COLD, &scene->wq);
	scene->found = NULL;
	CHECK(d_in_lookup(scene->dentry) && !d_lookup_overtaken(scene->dentry));
}

static void scene_end(struct scene *scene)
{
	dput(scene->found);
	dput(scene->dentry);
	dput(scene->loose);
	dput(scene->elsewhere);
	dput(scene->dir);
	tree_end(&scene->tree);
}

static void children(struct scene *scene)
{
	CHECK_EQ(d_invalidate_children(scene->dir), 0);
}

static void name(struct scene *scene)
{
	CHECK_EQ(d_invalidate_name(scene->dir, COLD), 0);
}

static void made(struct scene *scene)
{
	scene->found = tree_add(&scene->tree, scene->dir, COLD, INODE_REGULAR);
}

static void made_and_dropped(struct scene *scene)
{
	made(scene);
	d_drop(scene->found);
	dput(scene->found);
	scene->found = NULL;
}

static void made_and_removed(struct scene *scene)
{
	made(scene);
	d_delete(scene->found);
	CHECK(d_is_negative(scene->found) && !d_unhashed(scene->found));
}

static void made_and_renamed(struct scene *scene)
{
	struct dentry *to = d_alloc(scene->elsewhere, NAME("away"));

	made(scene);
	CHECK_EQ(d_move(scene->found, to), 0);
	dput(to);
	dput(scene->found);
	scene->found = NULL;
}

static void made_and_exchanged(struct scene *scene)
{
	struct dentry *other = tree_add(&scene->tree, scene->elsewhere, NAME("other"),
					INODE_REGULAR);

	made(scene);
	CHECK_EQ(d_exchange(scene->found, other), 0);
	dput(scene->found);
	d_drop(other);
	dput(other);
	scene->found = NULL;
}

static void made_and_invalidated(struct scene *scene)
{
	made(scene);
	CHECK_EQ(d_invalidate(scene->found), 0);
	dput(scene->found);
	scene->found = NULL;
}

static void rehashed(struct scene *scene)
{
	CHECK_EQ(d_rehash(scene->loose), 0);
	scene->found = dget(scene->loose);
}

static void instantiated(struct scene *scene)
{
	CHECK_EQ(d_instantiate(scene->loose, tree_inode(scene->tree.dc, INODE_REGULAR)), 0);
}

static void removed(struct scene *scene)
{
	d_delete(scene->loose);
}

static void removed_while_in_use(struct scene *scene)
{
	dget(scene->loose);
	d_delete(scene->loose);
	CHECK(d_is_positive(scene->loose));
	dput(scene->loose);
}

static void renamed_to(struct scene *scene)
{
	struct dentry *to = d_alloc(scene->dir, COLD);

	scene->found = tree_add(&scene->tree, scene->elsewhere, NAME("was"), INODE_REGULAR);
	CHECK_EQ(d_move(scene->found, to), 0);
	dput(to);
}

static void renamed_to_and_away(struct scene *scene)
{
	struct dentry *to = d_alloc(scene->elsewhere, NAME("on"));

	renamed_to(scene);
	CHECK_EQ(d_move(scene->found, to), 0);
	dput(to);
	dput(scene->found);
	scene->found = NULL;
}

static void renamed_from(struct scene *scene)
{
	struct dentry *to = d_alloc(scene->elsewhere, NAME("to"));

	CHECK_EQ(d_move(scene->loose, to), 0);
	dput(to);
}

static const struct {
	const char *what;
	void (*happens)(struct scene *scene);
	int loose;
} changes[] = {
	{ "children", children, 0 },
	{ "name", name, 0 },
	{ "made", made, 0 },
	{ "made and dropped", made_and_dropped, 0 },
	{ "made and removed", made_and_removed, 0 },
	{ "made and renamed", made_and_renamed, 0 },
	{ "made and exchanged", made_and_exchanged, 0 },
	{ "made and invalidated", made_and_invalidated, 0 },
	{ "rehashed, negative", rehashed, 0 },
	{ "rehashed, positive", rehashed, INODE_REGULAR },
	{ "instantiated", instantiated, 0 },
	{ "removed", removed, INODE_REGULAR },
	{ "removed while in use", removed_while_in_use, INODE_REGULAR },
	{ "renamed to", renamed_to, 0 },
	{ "renamed to and away", renamed_to_and_away, 0 },
	{ "renamed from", renamed_from, INODE_REGULAR },
};

#define CHANGES (sizeof(changes) / sizeof(changes[0]))

/* The ways to answer. Each returns what who waits gets: an entry, unreferenced; an error; or NULL. */

static struct dentry *add_negative(struct scene *scene)
{
	CHECK_EQ(d_add(scene->dentry, NULL), 0);
	CHECK(d_is_negative(scene->dentry));
	return scene->dentry;
}

static struct dentry *add_file(struct scene *scene)
{
	struct inode *inode = tree_inode(scene->tree.dc, INODE_REGULAR);

	CHECK_EQ(d_add(scene->dentry, inode), 0);
	CHECK(d_inode(scene->dentry) == inode);
	return scene->dentry;
}

static struct dentry *splice_negative(struct scene *scene)
{
	CHECK(!d_splice_alias(NULL, scene->dentry));
	return scene->dentry;
}

static struct dentry *splice_file(struct scene *scene)
{
	CHECK(!d_splice_alias(tree_inode(scene->tree.dc, INODE_REGULAR), scene->dentry));
	CHECK(d_is_positive(scene->dentry));
	return scene->dentry;
}

static struct dentry *splice_directory(struct scene *scene)
{
	CHECK(!d_splice_alias(tree_inode(scene->tree.dc, INODE_DIRECTORY), scene->dentry));
	CHECK(d_is_dir(scene->dentry));
	return scene->dentry;
}

/* It was in its place when this was asked, and may be by now: it stays where it is. */
static struct dentry *splice_known(struct scene *scene)
{
	struct dentry *answer;

	ihold(d_inode(scene->elsewhere));
	answer = d_splice_alias(d_inode(scene->elsewhere), scene->dentry);
	CHECK(answer == scene->elsewhere && d_parent(answer) == scene->tree.root);
	CHECK(d_lookup(scene->tree.root, NAME("else")) == answer);
	dput(answer);
	dput(answer);
	return answer;
}

static struct dentry *add_ci(struct scene *scene)
{
	struct dentry *answer = d_add_ci(scene->dentry, tree_inode(scene->tree.dc, INODE_REGULAR),
					 COLD);

	CHECK(answer == scene->dentry && d_is_positive(answer));
	dput(answer);
	return answer;
}

static struct dentry *fail(struct scene *scene)
{
	CHECK_EQ(d_lookup_fail(scene->dentry, -EIO), 0);
	return ERR_PTR(-EIO);
}

static struct dentry *redirect(struct scene *scene)
{
	CHECK_EQ(d_lookup_redirect(scene->dentry, scene->elsewhere), 0);
	return scene->elsewhere;
}

static struct dentry *(*const answers[])(struct scene *scene) = {
	add_negative, add_file, splice_negative, splice_file, splice_directory, splice_known,
	add_ci,	      fail,	redirect,
};

#define ANSWERS (sizeof(answers) / sizeof(answers[0]))

/* One asks before the change and one after it. */
static void answer_late(size_t change, size_t way)
{
	struct asker before, after;
	struct dentry *answer, *got;
	struct scene scene;

	scene_begin(&scene, changes[change].loose);
	before.end = after.end = NULL;
	asker_start(&before, scene.dir, COLD);
	parked(scene.dentry, 1);
	changes[change].happens(&scene);
	CHECK(d_in_lookup(scene.dentry) && d_lookup_overtaken(scene.dentry));
	/* Who comes now finds what there is, or waits, and asks anew. */
	asker_start(&after, scene.dir, COLD);
	if (scene.found)
		CHECK(asker_join(&after) == scene.found);
	else
		parked(scene.dentry, 2);
	answer = answers[way](&scene);
	CHECK(!d_in_lookup(scene.dentry) && d_lookup_overtaken(scene.dentry));
	CHECK(d_unhashed(scene.dentry));
	CHECK_EQ(tree_stats(&scene.tree).overtaken, 1);
	CHECK(asker_join(&before) == answer && !before.owned);
	if (!IS_ERR(answer))
		dput(answer);
	if (!scene.found) {
		CHECK(asker_join(&after) != answer && after.owned);
		CHECK(!d_lookup(scene.dir, COLD));
	}
	dput(after.result);
	/* It is never hashed; the name is free for what is true. */
	CHECK_EQ(d_rehash(scene.dentry), -EINVAL);
	if (d_is_negative(scene.dentry))
		CHECK_EQ(d_add(scene.dentry, NULL), -EINVAL);
	got = d_alloc_parallel(scene.dir, COLD, &scene.wq);
	CHECK(scene.found ? got == scene.found : d_in_lookup(got));
	if (d_in_lookup(got)) {
		CHECK(!d_lookup_overtaken(got));
		CHECK_EQ(d_add(got, NULL), 0);
		CHECK(!d_unhashed(got) && !d_lookup_overtaken(got));
	}
	dput(got);
	scene_end(&scene);
}

TEST(what_was_overtaken_is_not_cached,
     "H13 H22 P9 P10 d_lookup_overtaken d_add d_splice_alias d_add_ci d_lookup_fail "
     "d_lookup_redirect d_move d_exchange d_delete d_instantiate d_rehash d_drop d_invalidate "
     "d_invalidate_name d_invalidate_children")
{
	size_t change, way;

	for (change = 0; change < CHANGES; change++) {
		for (way = 0; way < ANSWERS; way++)
			answer_late(change, way);
	}
}

/* A root cannot be unhashed, so it does not keep what is being asked for in it from being found. */
TEST(what_is_asked_for_in_an_invalidated_root_is_overtaken, "H13 d_invalidate d_invalidate_deferred")
{
	int deferred;

	for (deferred = 0; deferred < 2; deferred++) {
		struct tree tree = tree_begin(NULL, NULL);
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
		struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);

		dput(tree_add(&tree, tree.root, NAME("else"), INODE_REGULAR));
		if (deferred)
			d_invalidate_deferred(tree.root);
		else
			CHECK_EQ(d_invalidate(tree.root), 0);
		CHECK(d_lookup_overtaken(dentry));
		CHECK_EQ(d_add(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
		CHECK(d_unhashed(dentry) && !d_lookup(tree.root, COLD));
		dput(dentry);
		tree_end(&tree);
	}
}

TEST(a_lookup_that_ends_with_nothing_is_not_overtaken, "d_lookup_overtaken d_lookup_done")
{
	struct scene scene;

	scene_begin(&scene, 0);
	children(&scene);
	CHECK(d_lookup_overtaken(scene.dentry));
	d_lookup_done(scene.dentry);
	CHECK(!d_lookup_overtaken(scene.dentry));
	CHECK_EQ(tree_stats(&scene.tree).overtaken, 0);
	scene_end(&scene);
}

TEST(what_was_hashed_in_time_was_not_overtaken, "d_lookup_overtaken d_invalidate_name")
{
	struct scene scene;

	scene_begin(&scene, 0);
	CHECK_EQ(d_add(scene.dentry, NULL), 0);
	CHECK(!d_lookup_overtaken(scene.dentry));
	children(&scene);
	name(&scene);
	CHECK(d_unhashed(scene.dentry) && !d_lookup_overtaken(scene.dentry));
	CHECK(!d_lookup_overtaken(scene.dir) && !d_lookup_overtaken(scene.tree.root));
	CHECK_EQ(tree_stats(&scene.tree).overtaken, 0);
	scene_end(&scene);
}

/* ---- what does not overtake ---- */

#define NEIGHBOURS 1000

TEST(a_lookup_is_not_overtaken_by_its_neighbours, "H22 P10 d_lookup_overtaken d_invalidate_name")
{
	struct scene scene;
	struct dentry *to;
	int i;

	scene_begin(&scene, 0);
	for (i = 0; i < NEIGHBOURS; i++) {
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
		char buf[16];
		struct qstr other = qstr_init(buf, (size_t)snprintf(buf, sizeof(buf), "n%d", i));
		struct dentry *dentry = d_alloc_parallel(scene.dir, &other, &wq);

		switch (i % 8) {
		case 0:
			CHECK_EQ(d_add(dentry, NULL), 0);
			break;
		case 1:
			CHECK(!d_splice_alias(tree_inode(scene.tree.dc, INODE_REGULAR), dentry));
			CHECK_EQ(d_invalidate_name(scene.dir, &other), 0);
			break;
		case 2:
			CHECK_EQ(d_invalidate_name(scene.dir, &other), 0);
			CHECK_EQ(d_add(dentry, NULL), 0);
			CHECK(d_lookup_overtaken(dentry));
			break;
		case 3:
			CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
			break;
		case 4:
			CHECK_EQ(d_add(dentry, tree_inode(scene.tree.dc, INODE_REGULAR)), 0);
			d_delete(dentry);
			break;
		case 5:
			d_lookup_done(dentry);
			dput(dentry);
			dentry = tree_add(&scene.tree, scene.dir, &other, INODE_REGULAR);
			d_drop(dentry);
			CHECK_EQ(d_rehash(dentry), 0);
			break;
		case 6:
			CHECK_EQ(d_add(dentry, tree_inode(scene.tree.dc, INODE_REGULAR)), 0);
			to = d_alloc(scene.dir, NAME("moved"));
			CHECK_EQ(d_move(dentry, to), 0);
			dput(to);
			d_drop(dentry);
			break;
		default:
			CHECK_EQ(d_add(dentry, NULL), 0);
			CHECK_EQ(d_instantiate(dentry, tree_inode(scene.tree.dc, INODE_REGULAR)),
				 0);
			CHECK_EQ(d_invalidate(dentry), 0);
		}
		dput(dentry);
	}
	/* That name elsewhere, and what takes none away. */
	dput(tree_add(&scene.tree, scene.elsewhere, COLD, 0));
	CHECK_EQ(d_invalidate_children(scene.elsewhere), 0);
	d_drop(scene.loose);
	CHECK_EQ(d_invalidate(scene.loose), 0);
	shrink_dcache(scene.tree.dc, NEIGHBOURS);
	CHECK(!d_lookup_overtaken(scene.dentry));
	CHECK_EQ(d_add(scene.dentry, NULL), 0);
	CHECK(!d_unhashed(scene.dentry) && !d_is_stale(scene.dentry));
	CHECK_EQ(tree_stats(&scene.tree).overtaken, NEIGHBOURS / 8);
	scene_end(&scene);
}

TEST(one_name_is_overtaken_of_a_thousand_that_are_asked_for,
     "H22 d_invalidate_name d_lookup_overtaken")
{
	struct tree tree = tree_begin(NULL, NULL);
	static struct dentry *asked[NEIGHBOURS];
	char buf[16];
	int i;

	for (i = 0; i < NEIGHBOURS; i++) {
		struct qstr other = qstr_init(buf, (size_t)snprintf(buf, sizeof(buf), "n%d", i));

		asked[i] = d_alloc_parallel(tree.root, &other, NULL);
	}
	CHECK_EQ(d_invalidate_name(tree.root, NAME("n7")), 0);
	dput(tree_add(&tree, tree.root, NAME("n77"), 0));
	for (i = NEIGHBOURS - 1; i >= 0; i--) {
		bool overtaken = i == 7 || i == 77;

		CHECK_EQ(d_lookup_overtaken(asked[i]), overtaken);
		CHECK_EQ(d_add(asked[i], NULL), 0);
		CHECK_EQ(d_unhashed(asked[i]), overtaken);
		dput(asked[i]);
	}
	CHECK_EQ(tree_stats(&tree).overtaken, 2);
	tree_end(&tree);
}

/* ---- directories ---- */

TEST(a_directory_that_was_found_too_late_is_put_in_its_place_later,
     "d_lookup_overtaken d_splice_alias d_drop d_rehash")
{
	struct scene scene;
	struct dentry *again;

	scene_begin(&scene, 0);
	children(&scene);
	CHECK(!d_splice_alias(tree_inode(scene.tree.dc, INODE_DIRECTORY), scene.dentry));
	CHECK(d_lookup_overtaken(scene.dentry) && d_is_stale(scene.dentry));
	/* It is a directory like others. */
	dput(tree_add(&scene.tree, scene.dentry, NAME("below"), 0));
	again = d_alloc_parallel(scene.dir, COLD, &scene.wq);
	ihold(d_inode(scene.dentry));
	CHECK(d_splice_alias(d_inode(scene.dentry), again) == scene.dentry);
	dput(scene.dentry);
	dput(again);
	CHECK(d_lookup(scene.dir, COLD) == scene.dentry);
	dput(scene.dentry);
	CHECK(!d_lookup_overtaken(scene.dentry) && !d_is_stale(scene.dentry));
	d_drop(scene.dentry);
	CHECK_EQ(d_rehash(scene.dentry), 0);
	scene_end(&scene);
}

TEST(a_disconnected_directory_that_was_found_too_late_stays_so, "d_lookup_overtaken d_obtain_alias")
{
	struct scene scene;
	struct inode *inode;
	struct dentry *loose, *again;

	scene_begin(&scene, 0);
	inode = tree_inode(scene.tree.dc, INODE_DIRECTORY);
	ihold(inode);
	ihold(inode);
	loose = d_obtain_alias(inode);
	name(&scene);
	CHECK(d_splice_alias(inode, scene.dentry) == loose);
	CHECK(IS_ROOT(loose) && d_is_disconnected(loose) && d_is_negative(scene.dentry));
	dput(loose);
	again = d_alloc_parallel(scene.dir, COLD, &scene.wq);
	CHECK(d_splice_alias(inode, again) == loose);
	CHECK(d_parent(loose) == scene.dir && !d_is_disconnected(loose));
	dput(loose);
	dput(loose);
	dput(again);
	scene_end(&scene);
}

TEST(who_is_above_is_no_answer_however_late, "d_splice_alias d_lookup_overtaken")
{
	struct scene scene;

	scene_begin(&scene, 0);
	children(&scene);
	ihold(d_inode(scene.dir));
	CHECK_ERR(d_splice_alias(d_inode(scene.dir), scene.dentry), -ELOOP);
	CHECK(d_in_lookup(scene.dentry));
	CHECK_EQ(d_lookup_fail(scene.dentry, -ELOOP), 0);
	scene_end(&scene);
}

/* A rename that the store has done is no answer: it stands, but what was invalidated meanwhile is stale. */
TEST(a_move_onto_what_was_overtaken, "H10 H22 d_move d_lookup_overtaken")
{
	struct asker asker = { .end = NULL };
	struct dentry *file;
	struct scene scene;

	scene_begin(&scene, 0);
	file = tree_add(&scene.tree, scene.elsewhere, NAME("file"), INODE_REGULAR);
	asker_start(&asker, scene.dir, COLD);
	parked(scene.dentry, 1);
	children(&scene);
	CHECK_EQ(d_move(file, scene.dentry), 0);
	CHECK(asker_join(&asker) == file);
	dput(file);
	CHECK(d_lookup(scene.dir, COLD) == file && d_is_stale(file));
	dput(file);
	CHECK(!d_in_lookup(scene.dentry) && !d_lookup_overtaken(scene.dentry));
	CHECK_EQ(tree_stats(&scene.tree).overtaken, 0);
	dput(file);
	scene_end(&scene);
}

/* What fails changes nothing. */
TEST(a_move_that_is_refused_overtakes_nothing, "P10 d_move d_add d_rehash d_lookup_overtaken")
{
	struct dentry *file;
	struct scene scene;

	scene_begin(&scene, INODE_REGULAR);
	file = tree_add(&scene.tree, scene.elsewhere, NAME("file"), INODE_REGULAR);
	CHECK_EQ(d_move(scene.loose, scene.dir), -ELOOP);
	CHECK_EQ(d_add(scene.loose, NULL), -EINVAL);
	CHECK_EQ(d_rehash(scene.dentry), -EBUSY);
	CHECK_EQ(d_move(scene.dentry, file), -EINVAL);
	d_delete(scene.dentry);
	CHECK(!d_lookup_overtaken(scene.dentry));
	CHECK_EQ(d_add(scene.dentry, NULL), 0);
	CHECK(!d_unhashed(scene.dentry));
	CHECK_EQ(d_rehash(scene.loose), -EEXIST);
	dput(file);
	scene_end(&scene);
}

/* ---- directories that are known completely ---- */

/* The owner makes the file that it has asked for, in a directory that has been listed since. */
/* Somebody has made the name meanwhile, by an entry of his own. */
TEST(a_move_onto_a_lookup_whose_name_is_taken, "P10 d_move d_add")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *file = tree_add(&tree, tree.root, NAME("file"), INODE_REGULAR);
	struct dentry *asked = d_alloc_parallel(tree.root, COLD, NULL);
	struct dentry *made = d_alloc(tree.root, COLD);

	CHECK_EQ(d_add(made, tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK_EQ(d_move(file, asked), -EEXIST);
	CHECK(d_in_lookup(asked) && d_lookup_overtaken(asked));
	CHECK(!d_unhashed(file) && !d_unhashed(made));
	d_lookup_done(asked);
	dput(asked);
	dput(made);
	dput(file);
	tree_end(&tree);
}

TEST(what_was_overtaken_is_lost_to_a_complete_directory,
     "H13 N1 d_add d_lookup_overtaken d_is_complete")
{
	struct dir_listing listing;
	struct scene scene;

	scene_begin(&scene, 0);
	children(&scene);
	CHECK_EQ(dir_listing_begin(&listing, scene.dir), 0);
	CHECK(dir_listing_end(&listing, true));
	CHECK_EQ(d_add(scene.dentry, tree_inode(scene.tree.dc, INODE_REGULAR)), 0);
	CHECK(d_lookup_overtaken(scene.dentry) && !d_is_complete(scene.dir));
	scene_end(&scene);
}

TEST(a_directory_that_stays_elsewhere_is_lost_to_a_complete_one,
     "H13 N1 d_splice_alias d_is_complete")
{
	struct dir_listing listing;
	struct scene scene;

	scene_begin(&scene, 0);
	children(&scene);
	CHECK_EQ(dir_listing_begin(&listing, scene.dir), 0);
	CHECK(dir_listing_end(&listing, true));
	splice_known(&scene);
	CHECK(d_lookup_overtaken(scene.dentry) && !d_is_complete(scene.dir));
	scene_end(&scene);
}

/* What does not exist is no loss. */
TEST(an_absence_that_was_overtaken_is_no_loss, "N1 d_add d_is_complete")
{
	struct dir_listing listing;
	struct scene scene;

	scene_begin(&scene, 0);
	children(&scene);
	CHECK_EQ(dir_listing_begin(&listing, scene.dir), 0);
	CHECK(dir_listing_end(&listing, true));
	CHECK_EQ(d_add(scene.dentry, NULL), 0);
	CHECK(d_lookup_overtaken(scene.dentry) && d_is_complete(scene.dir));
	scene_end(&scene);
}

/* What one listing finds after the directory was invalidated is not cached: the listing loses it. */
TEST(a_listing_that_was_overtaken_is_not_complete, "N5 dir_listing_add d_invalidate_name")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dir_listing old, new;

	CHECK_EQ(dir_listing_begin(&old, tree.root), 0);
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	CHECK_EQ(dir_listing_begin(&new, tree.root), 0);
	CHECK_EQ(dir_listing_add(&old, COLD, tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK(!d_lookup(tree.root, COLD));
	CHECK(!dir_listing_end(&old, true));
	/* It might have come by that name before. */
	CHECK(!dir_listing_end(&new, true));
	CHECK_EQ(tree_stats(&tree).overtaken, 1);
	tree_end(&tree);
}

/* ---- other spellings ---- */

TEST(a_stored_spelling_is_as_old_as_the_question, "F1 P11 d_add_ci d_lookup_overtaken")
{
	struct dcache_options opts = { .size = sizeof(opts), .d_op = &ascii_ci_ops };
	int directory;

	for (directory = 0; directory < 2; directory++) {
		struct tree tree = tree_begin(directory ? &opts : NULL, NULL);
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
		struct dentry *asked = d_alloc_parallel(tree.root, NAME("asked~1"), &wq);
		struct dentry *stored;

		/* The question, or all of the directory. */
		if (directory)
			CHECK_EQ(d_invalidate_children(tree.root), 0);
		else
			CHECK_EQ(d_invalidate_name(tree.root, NAME("asked~1")), 0);
		stored = d_add_ci(asked, tree_inode(tree.dc, INODE_REGULAR), NAME("stored"));
		CHECK(!IS_ERR(stored) && d_is_positive(stored) && d_unhashed(stored));
		CHECK(d_lookup_overtaken(stored) && d_lookup_overtaken(asked));
		CHECK(d_in_lookup(asked) && !d_lookup(tree.root, NAME("stored")));
		CHECK_EQ(d_lookup_redirect(asked, stored), 0);
		CHECK_EQ(tree_stats(&tree).overtaken, 2);
		dput(stored);
		dput(asked);
		tree_end(&tree);
	}
}
