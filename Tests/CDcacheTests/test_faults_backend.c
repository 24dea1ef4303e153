/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Backends that answer twice: a lookup is ended in each way, and then again in each way, one after
 * the other and at the same time. The first answer is what waiters get; the second gets the result
 * that the headers promise, and what it brought along is not lost. Other faults:
 * test_faults_answer.c.
 */
#include "harness.h"

#define COLD NAME("cold")

/* What an answer may need. */
struct scene {
	struct tree tree;
	struct dentry *dentry;	  /* in-lookup, with its own queue */
	struct dentry *other;	  /* a file */
	struct dentry *elsewhere; /* a directory ... */
	struct dentry *moved;	  /* ... and one in it, which may be spliced away */
	struct dcache *foreign;
	struct inode *stranger; /* of that instance */
};

static struct scene scene_begin(void)
{
	struct scene scene = { .tree = tree_begin(NULL, NULL) };
	struct tree *tree = &scene.tree;

	scene.other = tree_add(tree, tree->root, NAME("other"), INODE_REGULAR);
	scene.elsewhere = tree_add(tree, tree->root, NAME("elsewhere"), INODE_DIRECTORY);
	scene.moved = tree_add(tree, scene.elsewhere, NAME("moved"), INODE_DIRECTORY);
	if (dcache_create(NULL, &scene.foreign))
		abort();
	scene.stranger = new_inode(scene.foreign, 1, INODE_REGULAR, NULL, NULL);
	scene.dentry = d_alloc_parallel(tree->root, COLD, NULL);
	CHECK(d_in_lookup(scene.dentry));
	/* Any of the test's threads may answer. */
	d_lookup_detach(scene.dentry);
	return scene;
}

static void scene_end(struct scene *scene)
{
	CHECK_EQ(tree_stats(&scene->tree).in_lookup, 0);
	CHECK_EQ(d_count(scene->dentry), 1);
	dput(scene->dentry);
	dput(scene->other);
	dput(scene->moved);
	dput(scene->elsewhere);
	iput(scene->stranger);
	/* Nothing of what was refused is left there. */
	CHECK_EQ(dcache_destroy(scene->foreign), 0);
	tree_end(&scene->tree);
}

static struct inode *held(struct inode *inode)
{
	ihold(inode);
	return inode;
}

static struct inode *file(struct scene *scene)
{
	return tree_inode(scene->tree.dc, INODE_REGULAR);
}

/* ---- answers ---- */

/* What an answer said: 0, an error, or that it returned the entry itself or another one. */
#define ITSELF 1
#define ANOTHER 2

static long said(const struct scene *scene, struct dentry *returned)
{
	if (IS_ERR_OR_NULL(returned))
		return PTR_ERR(returned);
	dput(returned);
	return returned == scene->dentry ? ITSELF : ANOTHER;
}

static long add_negative(struct scene *scene)
{
	return d_add(scene->dentry, NULL);
}

static long add_file(struct scene *scene)
{
	return d_add(scene->dentry, file(scene));
}

static long add_error(struct scene *scene)
{
	return d_add(scene->dentry, ERR_PTR(-EIO));
}

static long add_stranger(struct scene *scene)
{
	return d_add(scene->dentry, held(scene->stranger));
}

static long add_directory_with_an_entry(struct scene *scene)
{
	return d_add(scene->dentry, held(d_inode(scene->moved)));
}

static long splice_negative(struct scene *scene)
{
	return said(scene, d_splice_alias(NULL, scene->dentry));
}

static long splice_file(struct scene *scene)
{
	return said(scene, d_splice_alias(file(scene), scene->dentry));
}

static long splice_error(struct scene *scene)
{
	return said(scene, d_splice_alias(ERR_PTR(-EIO), scene->dentry));
}

static long splice_stranger(struct scene *scene)
{
	return said(scene, d_splice_alias(held(scene->stranger), scene->dentry));
}

static long splice_moved(struct scene *scene)
{
	return said(scene, d_splice_alias(held(d_inode(scene->moved)), scene->dentry));
}

static long splice_ancestor(struct scene *scene)
{
	return said(scene, d_splice_alias(held(d_inode(scene->tree.root)), scene->dentry));
}

static long done(struct scene *scene)
{
	d_lookup_done(scene->dentry);
	return 0;
}

static long detach(struct scene *scene)
{
	d_lookup_detach(scene->dentry);
	return 0;
}

static long fail(struct scene *scene)
{
	return d_lookup_fail(scene->dentry, -EACCES);
}

static long redirect(struct scene *scene)
{
	return d_lookup_redirect(scene->dentry, scene->other);
}

static long add_ci_own_name(struct scene *scene)
{
	return said(scene, d_add_ci(scene->dentry, file(scene), COLD));
}

static long add_ci_other_name(struct scene *scene)
{
	return said(scene, d_add_ci(scene->dentry, file(scene), NAME("Cold")));
}

static long add_ci_error(struct scene *scene)
{
	return said(scene, d_add_ci(scene->dentry, ERR_PTR(-EIO), COLD));
}

static long add_ci_nothing(struct scene *scene)
{
	return said(scene, d_add_ci(scene->dentry, NULL, COLD));
}

static long rehash(struct scene *scene)
{
	return d_rehash(scene->dentry);
}

static long instantiate(struct scene *scene)
{
	return d_instantiate(scene->dentry, file(scene));
}

/* ---- one after the other ---- */

/* What has become of the entry. */
enum state { NEGATIVE, POSITIVE, OPEN, FINAL };

static const struct first {
	const char *name;
	long (*answer)(struct scene *scene);
	long says;
	enum state state;
} firsts[] = {
	{ "d_add negative", add_negative, 0, NEGATIVE },
	{ "d_add", add_file, 0, POSITIVE },
	{ "d_splice_alias negative", splice_negative, 0, NEGATIVE },
	{ "d_splice_alias", splice_file, 0, POSITIVE },
	{ "d_splice_alias of a directory", splice_moved, ANOTHER, FINAL },
	{ "d_add_ci of the own name", add_ci_own_name, ITSELF, POSITIVE },
	{ "d_lookup_done", done, 0, OPEN },
	{ "d_lookup_fail", fail, 0, FINAL },
	{ "d_lookup_redirect", redirect, 0, FINAL },
};

static const struct second {
	const char *name;
	long (*answer)(struct scene *scene);
	long says[4]; /* by enum state */
} seconds[] = {
	{ "d_add negative", add_negative, { -EEXIST, -EEXIST, 0, -EINVAL } },
	{ "d_add", add_file, { -EEXIST, -EEXIST, 0, -EINVAL } },
	{ "d_add error", add_error, { -EIO, -EIO, -EIO, -EIO } },
	{ "d_add foreign", add_stranger, { -EEXIST, -EEXIST, -EXDEV, -EINVAL } },
	{ "d_add directory", add_directory_with_an_entry, { -EEXIST, -EEXIST, -EEXIST, -EINVAL } },
	{ "d_splice_alias negative", splice_negative, { -EEXIST, -EEXIST, 0, -EINVAL } },
	{ "d_splice_alias", splice_file, { -EEXIST, -EEXIST, 0, -EINVAL } },
	{ "d_splice_alias error", splice_error, { -EIO, -EIO, -EIO, -EIO } },
	{ "d_splice_alias foreign", splice_stranger, { -EXDEV, -EXDEV, -EXDEV, -EXDEV } },
	{ "d_splice_alias of a directory", splice_moved, { -EEXIST, -EEXIST, ANOTHER, -EINVAL } },
	{ "d_splice_alias of an ancestor", splice_ancestor, { -ELOOP, -ELOOP, -ELOOP, -ELOOP } },
	{ "d_lookup_done", done, { 0, 0, 0, 0 } },
	{ "d_lookup_detach", detach, { 0, 0, 0, 0 } },
	{ "d_lookup_fail", fail, { -EALREADY, -EALREADY, -EALREADY, -EALREADY } },
	{ "d_lookup_redirect", redirect, { -EALREADY, -EALREADY, -EALREADY, -EALREADY } },
	{ "d_add_ci of the own name", add_ci_own_name, { -EEXIST, -EEXIST, ITSELF, -EINVAL } },
	{ "d_add_ci", add_ci_other_name, { ANOTHER, ANOTHER, ANOTHER, ANOTHER } },
	{ "d_add_ci error", add_ci_error, { -EIO, -EIO, -EIO, -EIO } },
	{ "d_add_ci nothing", add_ci_nothing, { -EINVAL, -EINVAL, -EINVAL, -EINVAL } },
	{ "d_rehash", rehash, { -EEXIST, -EEXIST, 0, -EINVAL } },
	{ "d_instantiate", instantiate, { 0, -EINVAL, 0, 0 } },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What those who waited for the first answer got. */
static const struct dentry *expected(const struct scene *scene, const struct first *first)
{
	if (first->answer == fail)
		return ERR_PTR(-EACCES);
	if (first->answer == redirect)
		return scene->other;
	if (first->answer == splice_moved)
		return scene->moved;
	return first->answer == done ? NULL : scene->dentry;
}

static void answer_twice(const struct first *first, const struct second *second)
{
	struct scene scene = scene_begin();
	struct asker crowd[2] = { { 0 }, { 0 } };
	bool unhashed, negative;
	long got;

	start_crowd(crowd, 2, scene.tree.root, COLD);
	parked(scene.dentry, 2);
	got = first->answer(&scene);
	test_check(got == first->says, __FILE__, __LINE__, "%s: %ld", first->name, got);
	/* Each of those that were told nothing asks for itself. */
	CHECK_EQ(join_crowd(crowd, 2, expected(&scene, first)), first->state == OPEN ? 2 : 0);
	CHECK(!d_in_lookup(scene.dentry));
	unhashed = d_unhashed(scene.dentry);
	negative = d_is_negative(scene.dentry);
	CHECK_EQ(unhashed, first->state == OPEN || first->state == FINAL);
	CHECK_EQ(negative, first->state != POSITIVE);

	got = second->answer(&scene);
	test_check(got == second->says[first->state], __FILE__, __LINE__, "%s, then %s: %ld",
		   first->name, second->name, got);
	if (got < 0) {
		CHECK_EQ(d_unhashed(scene.dentry), unhashed);
		CHECK_EQ(d_is_negative(scene.dentry), negative);
	}
	scene_end(&scene);
}

TEST(a_second_answer_gets_its_result_and_loses_nothing, "faults H11 H17 d_add d_splice_alias")
{
	size_t i, j;

	for (i = 0; i < COUNT(firsts); i++) {
		for (j = 0; j < COUNT(seconds); j++)
			answer_twice(&firsts[i], &seconds[j]);
	}
}

/* ---- both at the same time ---- */

struct answerer {
	struct scene *scene;
	const struct first *first;
	_Atomic int *ready;
	long got;
};

static void *answer_at_once(void *arg)
{
	struct answerer *self = arg;

	atomic_fetch_add(self->ready, 1);
	while (atomic_load(self->ready) < 2)
		;
	self->got = self->first->answer(self->scene);
	return NULL;
}

/* One of the two has ended the lookup with an answer. d_lookup_done() has none, and leaves the other's
 * to be given. */
static void one_has_answered(const struct answerer *two)
{
	bool first_won = two[0].got == two[0].first->says;
	bool second_won = two[1].got == two[1].first->says;
	bool undecided = two[0].first->answer == done || two[1].first->answer == done;

	test_check(undecided ? first_won || second_won : first_won != second_won, __FILE__,
		   __LINE__, "%s and %s: %ld, %ld", two[0].first->name, two[1].first->name,
		   two[0].got, two[1].got);
}

static void answer_at_the_same_time(const struct first *a, const struct first *b)
{
	struct scene scene = scene_begin();
	_Atomic int ready = 0;
	struct answerer two[2] = { { &scene, a, &ready, 0 }, { &scene, b, &ready, 0 } };
	struct asker crowd[3] = { { 0 } };
	pthread_t threads[2];
	int i;

	start_crowd(crowd, 3, scene.tree.root, COLD);
	parked(scene.dentry, 3);
	for (i = 0; i < 2; i++)
		threads[i] = test_thread(answer_at_once, &two[i]);
	for (i = 0; i < 2; i++)
		test_join(threads[i]);
	for (i = 0; i < 3; i++) {
		const struct dentry *result = asker_join(&crowd[i]);
		bool as_a = result == expected(&scene, a) && two[0].got == a->says;
		bool as_b = result == expected(&scene, b) && two[1].got == b->says;
		bool for_itself = (a->answer == done || b->answer == done) && !IS_ERR(result);

		test_check(as_a || as_b || for_itself, __FILE__, __LINE__,
			   "%s and %s: a waiter got %p", a->name, b->name, (const void *)result);
		dput(crowd[i].result);
	}
	one_has_answered(two);
	scene_end(&scene);
}

TEST(two_answers_at_the_same_time_are_one, "faults H7 H17 H21 d_add d_splice_alias")
{
	size_t i, j;
	int round;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < COUNT(firsts); i++) {
			for (j = i; j < COUNT(firsts); j++)
				answer_at_the_same_time(&firsts[i], &firsts[j]);
		}
	}
}
