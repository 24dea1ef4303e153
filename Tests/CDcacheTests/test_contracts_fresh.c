/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Times to live, generations, revalidation, invalidating by name, inode and directory.
 *
 * Nothing here fails because the machine is slow: an entry is expected to be true only if its time to
 * live is none or an hour, and to be stale only after it slept for longer.
 */
#include "harness.h"

#define COLD NAME("cold")
#define HOUR_NS ((uint64_t)3600 * 1000000000)
#define MS_NS ((uint64_t)1000000)
/* A time to live of up to 40 ms has passed after that: it is rounded up to 17 ms. */
#define LONGER_MS 80

static struct dentry *answer_short(struct inode *dir, struct dentry *dentry)
{
	d_set_ttl(dentry, 0);
	return answer_file(dir, dentry);
}

static struct dentry *look_up(struct tree *tree, const struct qstr *name)
{
	return lookup_one_unlocked(tree->root, name, 0);
}

/* ---- times to live ---- */

TEST(a_time_to_live_of_nothing_and_of_ever, "d_set_ttl d_is_stale")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *found;

	CHECK(!d_is_stale(dentry));
	d_set_ttl(dentry, 0);
	CHECK(d_is_stale(dentry));
	/* It is still hashed, and plain calls find it. */
	found = d_lookup(tree.root, COLD);
	CHECK(found == dentry);
	dput(found);
	d_set_ttl(dentry, HOUR_NS);
	CHECK(!d_is_stale(dentry));
	d_set_ttl(dentry, DCACHE_TTL_NONE - 1);
	CHECK(!d_is_stale(dentry));
	d_set_ttl(dentry, DCACHE_TTL_NONE);
	CHECK(!d_is_stale(dentry));
	d_set_ttl(tree.root, 0);
	CHECK(!d_is_stale(tree.root));
	dput(dentry);
	tree_end(&tree);
}

TEST(a_walk_goes_through_what_has_not_expired, "d_set_ttl dcache_walk")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *file = tree_add(&tree, dir, NAME("file"), INODE_REGULAR), *found;

	d_set_ttl(dir, HOUR_NS);
	found = dcache_walk(tree.root, NULL, "dir/file", 8, WALK_CACHED);
	CHECK(found == file);
	dput(found);
	d_set_ttl(dir, 0);
	CHECK_ERR(dcache_walk(tree.root, NULL, "dir/file", 8, WALK_CACHED), -EAGAIN);
	dput(file);
	dput(dir);
	tree_end(&tree);
}

TEST(a_time_to_live_passes, "d_set_ttl d_is_stale")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *negative = tree_add(&tree, tree.root, NAME("none"), 0);

	d_set_ttl(dentry, 20 * MS_NS);
	d_set_ttl(negative, 1);
	test_sleep_ms(LONGER_MS);
	CHECK(d_is_stale(dentry));
	CHECK(d_is_stale(negative));
	/* From now on: it begins anew. */
	d_set_ttl(dentry, HOUR_NS);
	CHECK(!d_is_stale(dentry));
	dput(dentry);
	dput(negative);
	tree_end(&tree);
}

/* With options of @positive_ns and @negative_ns: which of a positive and a negative entry, and of one
 * that turns positive and one that turns negative, is stale after LONGER_MS? */
static unsigned int stale_with(uint64_t positive_ns, uint64_t negative_ns)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *entries[4];
	unsigned int stale = 0;
	struct tree tree;
	int i;

	opts.positive_ttl_ns = positive_ns;
	opts.negative_ttl_ns = negative_ns;
	tree = tree_begin(&opts, NULL);
	entries[0] = tree_add(&tree, tree.root, NAME("positive"), INODE_REGULAR);
	entries[1] = tree_add(&tree, tree.root, NAME("negative"), 0);
	entries[2] = tree_add(&tree, tree.root, NAME("created"), 0);
	CHECK_EQ(d_instantiate(entries[2], tree_inode(tree.dc, INODE_REGULAR)), 0);
	entries[3] = tree_add(&tree, tree.root, NAME("removed"), INODE_REGULAR);
	d_delete(entries[3]);
	CHECK(d_is_negative(entries[3]) && !d_unhashed(entries[3]));
	test_sleep_ms(LONGER_MS);
	for (i = 0; i < 4; i++) {
		stale |= (unsigned int)d_is_stale(entries[i]) << i;
		dput(entries[i]);
	}
	tree_end(&tree);
	return stale;
}

TEST(an_instances_times_to_live, "positive_ttl_ns negative_ttl_ns")
{
	CHECK_EQ(stale_with(0, 0), 0);
	CHECK_EQ(stale_with(MS_NS, 0), 1 | 4);
	CHECK_EQ(stale_with(0, MS_NS), 2 | 8);
	CHECK_EQ(stale_with(MS_NS, HOUR_NS), 1 | 4);
	CHECK_EQ(stale_with(HOUR_NS, MS_NS), 2 | 8);
	CHECK_EQ(stale_with(DCACHE_TTL_NONE, HOUR_NS), 0);
}

TEST(a_time_of_its_own_lasts_until_an_entry_turns, "d_set_ttl positive_ttl_ns d_add d_instantiate")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *dentry, *rehashed;
	struct tree tree;

	opts.positive_ttl_ns = opts.negative_ttl_ns = HOUR_NS;
	tree = tree_begin(&opts, NULL);
	/* Given before it is published, it is for what is published. */
	dentry = d_alloc(tree.root, COLD);
	d_set_ttl(dentry, 0);
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK(d_is_stale(dentry));
	CHECK_EQ(d_instantiate(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK(!d_is_stale(dentry));
	d_set_ttl(dentry, 0);
	d_delete(dentry);
	CHECK(d_is_negative(dentry) && !d_is_stale(dentry));
	dput(dentry);
	dentry = d_alloc(tree.root, NAME("n"));
	d_set_ttl(dentry, 0);
	CHECK_EQ(d_add(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
	CHECK(d_is_stale(dentry));
	dput(dentry);
	/* To be hashed again is no news. */
	rehashed = tree_add(&tree, tree.root, NAME("rehashed"), INODE_REGULAR);
	d_set_ttl(rehashed, 0);
	d_drop(rehashed);
	CHECK_EQ(d_rehash(rehashed), 0);
	CHECK(d_is_stale(rehashed));
	dput(rehashed);
	tree_end(&tree);
}

/* ---- stale entries are no answers ---- */

typedef struct dentry *(*lookup_call_t)(struct dentry *parent, const struct qstr *name,
					unsigned int flags);

static const lookup_call_t lookup_calls[] = { lookup_one_unlocked, lookup_slow, __lookup_slow };

TEST(a_stale_entry_is_asked_for_again, "lookup_one_unlocked lookup_slow d_is_stale")
{
	size_t i;

	for (i = 0; i < 3; i++) {
		struct tree tree = tree_begin(NULL, &backend_ops);
		struct dentry *old = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
		struct dentry *none = tree_add(&tree, tree.root, NAME("none"), 0);
		struct dentry *found;

		backend_begin(answer_file);
		d_set_ttl(old, 0);
		d_set_ttl(none, 0);
		found = lookup_calls[i](tree.root, COLD, 0);
		CHECK(found != old && d_is_positive(found) && !d_unhashed(found));
		CHECK(d_unhashed(old));
		dput(found);
		found = lookup_calls[i](tree.root, NAME("none"), 0);
		CHECK(found != none && d_is_positive(found));
		CHECK(d_unhashed(none));
		CHECK_EQ(atomic_load(&backend.calls), 2);
		dput(found);
		found = lookup_calls[i](tree.root, COLD, 0);
		CHECK_EQ(atomic_load(&backend.calls), 2);
		dput(found);
		dput(old);
		dput(none);
		tree_end(&tree);
	}
}

/* Entries that are stale when they are published: each lookup asks once, and has its answer. */
TEST(answers_that_are_stale_at_once, "lookup_one_unlocked lookup_slow d_set_ttl")
{
	size_t i;
	int n;

	for (i = 0; i < 3; i++) {
		struct tree tree = tree_begin(NULL, &backend_ops);

		backend_begin(answer_short);
		for (n = 1; n <= 3; n++) {
			struct dentry *found = lookup_calls[i](tree.root, COLD, 0);

			CHECK(!IS_ERR(found) && d_is_positive(found) && d_is_stale(found));
			CHECK_EQ(atomic_load(&backend.calls), n);
			dput(found);
		}
		tree_end(&tree);
	}
}

struct lookup {
	struct tree *tree;
	pthread_t thread;
	struct dentry *found;
};

static void *run_lookup(void *arg)
{
	struct lookup *lookup = arg;

	lookup->found = lookup_one_unlocked(lookup->tree->root, COLD, 0);
	return NULL;
}

static void start_lookup(struct lookup *lookup, struct tree *tree)
{
	lookup->tree = tree;
	lookup->thread = test_thread(run_lookup, lookup);
}

TEST(who_waits_takes_an_answer_that_is_stale_at_once, "lookup_one_unlocked d_set_ttl")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct lookup lookups[4];
	int i;

	backend_begin(answer_short);
	atomic_store(&backend.held, true);
	for (i = 0; i < 4; i++)
		start_lookup(&lookups[i], &tree);
	CHECK(EVENTUALLY(tree_stats(&tree).lookups_waited == 3));
	atomic_store(&backend.held, false);
	for (i = 0; i < 4; i++) {
		test_join(lookups[i].thread);
		CHECK(lookups[i].found == lookups[0].found);
		dput(lookups[i].found);
	}
	CHECK_EQ(atomic_load(&backend.calls), 1);
	tree_end(&tree);
}

/* Many look up a name whose answers are stale at once, and all come to an end. */
static void *look_up_often(void *arg)
{
	struct tree *tree = arg;
	int i;

	for (i = 0; i < 2000; i++) {
		struct dentry *found = look_up(tree, COLD);

		CHECK(!IS_ERR(found) && d_is_positive(found));
		dput(found);
	}
	return NULL;
}

TEST(a_crowd_whose_answers_are_stale_at_once, "lookup_one_unlocked d_set_ttl")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	pthread_t threads[4];
	int i;

	backend_begin(answer_short);
	for (i = 0; i < 4; i++)
		threads[i] = test_thread(look_up_often, &tree);
	for (i = 0; i < 4; i++)
		test_join(threads[i]);
	tree_end(&tree);
}

/* ---- a directory's generation ---- */

TEST(all_children_are_stale_at_once, "d_invalidate_children")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *file = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *none = tree_add(&tree, tree.root, NAME("none"), 0);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *below = tree_add(&tree, dir, NAME("below"), INODE_REGULAR);
	struct dentry *found;

	backend_begin(answer_negative);
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	CHECK(d_is_stale(file) && d_is_stale(none) && d_is_stale(dir));
	CHECK(!d_is_stale(below) && !d_is_stale(tree.root));
	/* However often. */
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	CHECK(d_is_stale(file));
	found = look_up(&tree, COLD);
	CHECK(d_is_negative(found) && !d_is_stale(found));
	CHECK_EQ(atomic_load(&backend.calls), 1);
	dput(found);
	CHECK_EQ(d_invalidate_children(none), -ENOENT);
	CHECK_EQ(d_invalidate_children(file), -ENOTDIR);
	dput(below);
	dput(dir);
	dput(none);
	dput(file);
	tree_end(&tree);
}

static struct dentry *first_answer(struct inode *dir, struct dentry *dentry)
{
	/* The first was asked before the file was removed. */
	return atomic_load(&backend.calls) == 1 ? answer_file(dir, dentry)
						: answer_negative(dir, dentry);
}

static struct dentry *first_error(struct inode *dir, struct dentry *dentry)
{
	return atomic_load(&backend.calls) == 1 ? answer_error(dir, dentry)
						: answer_negative(dir, dentry);
}

static struct dentry *elsewhere;

static struct dentry *first_redirect(struct inode *dir, struct dentry *dentry)
{
	return atomic_load(&backend.calls) == 1 ? dget(elsewhere) : answer_negative(dir, dentry);
}

static int invalidate_children_of_root(struct tree *tree)
{
	return d_invalidate_children(tree->root);
}

static int invalidate_cold(struct tree *tree)
{
	return d_invalidate_name(tree->root, COLD);
}

/*
 * A lookup is being answered; @invalidate; another begins. The second does not take what the first
 * finds, and afterwards nobody else does.
 */
static void overtake(struct dentry *(*answer)(struct inode *dir, struct dentry *dentry),
		     int (*invalidate)(struct tree *tree))
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct lookup first, second;
	struct dentry *found;

	elsewhere = tree_add(&tree, tree.root, NAME("elsewhere"), INODE_REGULAR);
	backend_begin(answer);
	atomic_store(&backend.held, true);
	start_lookup(&first, &tree);
	CHECK(EVENTUALLY(atomic_load(&backend.inside) == 1));
	CHECK_EQ(invalidate(&tree), 0);
	start_lookup(&second, &tree);
	CHECK(EVENTUALLY(tree_stats(&tree).lookups_waited == 1));
	atomic_store(&backend.held, false);
	test_join(first.thread);
	test_join(second.thread);
	CHECK_EQ(atomic_load(&backend.calls), 2);
	CHECK(!IS_ERR(second.found) && d_is_negative(second.found) && !d_is_stale(second.found));
	found = look_up(&tree, COLD);
	CHECK(found == second.found);
	CHECK_EQ(atomic_load(&backend.calls), 2);
	dput(found);
	dput(first.found);
	dput(second.found);
	dput(elsewhere);
	tree_end(&tree);
}

TEST(a_lookup_after_an_invalidation_does_not_take_what_began_before, "H22 d_invalidate_children")
{
	overtake(first_answer, invalidate_children_of_root);
	overtake(first_error, invalidate_children_of_root);
	overtake(first_redirect, invalidate_children_of_root);
}

TEST(a_lookup_after_an_invalidated_name_does_not_take_what_began_before, "H22 d_invalidate_name")
{
	overtake(first_answer, invalidate_cold);
	overtake(first_error, invalidate_cold);
	overtake(first_redirect, invalidate_cold);
}

static struct dentry *answer_then_invalidate(struct inode *dir, struct dentry *dentry)
{
	CHECK_EQ(d_invalidate_children(d_parent(dentry)), 0);
	return answer_file(dir, dentry);
}

static struct dentry *answer_other_spelling(struct inode *dir, struct dentry *dentry)
{
	CHECK_EQ(d_invalidate_children(d_parent(dentry)), 0);
	return d_add_ci(dentry, tree_inode(inode_dcache(dir), INODE_REGULAR), NAME("stored"));
}

static struct dentry *spliced;

static struct dentry *answer_directory(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	ihold(d_inode(spliced));
	return d_splice_alias(d_inode(spliced), dentry);
}

static struct dentry *answer_directory_late(struct inode *dir, struct dentry *dentry)
{
	CHECK_EQ(d_invalidate_children(d_parent(dentry)), 0);
	return answer_directory(dir, dentry);
}

TEST(what_is_found_is_as_old_as_the_question, "H22 d_invalidate_children d_add_ci d_splice_alias")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *found;

	backend_begin(answer_then_invalidate);
	found = look_up(&tree, COLD);
	CHECK(d_is_positive(found) && d_is_stale(found));
	dput(found);
	backend_begin(answer_other_spelling);
	found = look_up(&tree, NAME("asked"));
	CHECK(!IS_ERR(found) && d_is_positive(found) && d_is_stale(found));
	dput(found);
	spliced = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	backend_begin(answer_directory_late);
	found = look_up(&tree, NAME("moved"));
	CHECK(found == spliced && d_is_stale(spliced));
	dput(found);
	/* Found again, it is as good as new. */
	backend_begin(answer_directory);
	found = look_up(&tree, NAME("moved"));
	CHECK(found == spliced && !d_is_stale(spliced) && !d_unhashed(spliced));
	CHECK_EQ(atomic_load(&backend.calls), 1);
	dput(found);
	dput(spliced);
	tree_end(&tree);
}

static struct dentry *answer_directory_for_an_hour(struct inode *dir, struct dentry *dentry)
{
	d_set_ttl(dentry, HOUR_NS);
	return answer_directory(dir, dentry);
}

TEST(a_directory_that_is_found_gets_the_time_of_its_new_place, "d_set_ttl d_splice_alias")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *found;
	struct tree tree;

	opts.positive_ttl_ns = 1;
	tree = tree_begin(&opts, &backend_ops);
	spliced = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	d_set_ttl(spliced, HOUR_NS);
	backend_begin(answer_directory);
	found = look_up(&tree, NAME("moved"));
	CHECK(found == spliced);
	dput(found);
	test_sleep_ms(LONGER_MS);
	CHECK(d_is_stale(spliced));
	backend_begin(answer_directory_for_an_hour);
	found = look_up(&tree, NAME("again"));
	CHECK(found == spliced);
	dput(found);
	test_sleep_ms(LONGER_MS);
	CHECK(!d_is_stale(spliced));
	dput(spliced);
	tree_end(&tree);
}

/* ---- by name, by inode ---- */

TEST(a_name_is_invalidated, "d_invalidate_name")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *file = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *none = tree_add(&tree, tree.root, NAME("none"), 0);
	struct dentry *other = tree_add(&tree, tree.root, NAME("other"), INODE_REGULAR);
	char long_name[DCACHE_NAME_MAX + 1];
	struct qstr too_long = qstr_init(long_name, sizeof(long_name));

	memset(long_name, 'n', sizeof(long_name));
	CHECK_EQ(d_invalidate_name(tree.root, COLD), 0);
	CHECK_EQ(d_invalidate_name(tree.root, NAME("none")), 0);
	CHECK_EQ(d_invalidate_name(tree.root, NAME("not cached")), 0);
	CHECK(d_unhashed(file) && d_unhashed(none) && !d_unhashed(other) && !d_is_stale(other));
	CHECK_EQ(d_count(file), 1);
	CHECK_EQ(d_invalidate_name(tree.root, &too_long), -ENAMETOOLONG);
	CHECK_EQ(d_invalidate_name(tree.root, NAME("a/b")), -EINVAL);
	CHECK_EQ(d_invalidate_name(tree.root, NAME("")), -EINVAL);
	CHECK_EQ(d_invalidate_name(none, COLD), -ENOENT);
	CHECK_EQ(d_invalidate_name(file, COLD), -ENOTDIR);
	dput(file);
	dput(none);
	dput(other);
	tree_end(&tree);
}

TEST(a_name_is_invalidated_in_any_spelling, "d_invalidate_name d_compare")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *file;
	struct tree tree;

	opts.d_op = &ascii_ci_ops;
	tree = tree_begin(&opts, NULL);
	file = tree_add(&tree, tree.root, NAME("File"), INODE_REGULAR);
	CHECK_EQ(d_invalidate_name(tree.root, NAME("fILE")), 0);
	CHECK(d_unhashed(file));
	dput(file);
	tree_end(&tree);
}

TEST(all_names_of_an_inode_are_invalidated, "d_invalidate_inode")
{
	enum { LINKS = 100 };
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
	struct dentry *other = tree_add(&tree, tree.root, NAME("other"), INODE_REGULAR);
	struct dentry *links[LINKS];
	char name[16];
	int i;

	for (i = 0; i < LINKS; i++) {
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "link%d", i));

		links[i] = d_alloc(tree.root, &q);
		ihold(inode);
		CHECK_EQ(d_add(links[i], inode), 0);
		/* Some are in use, some not, some unhashed. */
		if (i % 3 == 0)
			d_drop(links[i]);
	}
	for (i = 1; i < LINKS; i += 3) {
		dput(links[i]);
		links[i] = NULL;
	}
	CHECK_EQ(d_invalidate_inode(inode), 0);
	for (i = 0; i < LINKS; i++) {
		CHECK(!links[i] || (d_unhashed(links[i]) && d_count(links[i]) == 1));
		dput(links[i]);
	}
	CHECK(!d_unhashed(other));
	CHECK_EQ(tree_stats(&tree).entries, 2);
	CHECK_EQ(d_invalidate_inode(inode), 0);
	iput(inode);
	dput(other);
	tree_end(&tree);
}

/* ---- d_revalidate ---- */

static int verdict, revalidated;
static uint64_t ttl_to_set;
static bool set_ttl, invalidate_meanwhile;

static int revalidate(struct dentry *dentry, unsigned int flags)
{
	CHECK_EQ(flags, 7);
	revalidated++;
	if (set_ttl)
		d_set_ttl(dentry, ttl_to_set);
	if (invalidate_meanwhile)
		CHECK_EQ(d_invalidate_children(d_parent(dentry)), 0);
	return verdict;
}

static const struct dentry_operations revalidate_ops = { .d_revalidate = revalidate };

TEST(revalidating_without_an_operation, "d_revalidate")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *none = tree_add(&tree, tree.root, NAME("none"), 0);

	CHECK_EQ(d_revalidate(dentry, 7), 1);
	CHECK(!d_unhashed(dentry));
	d_set_ttl(dentry, 0);
	d_set_ttl(none, 0);
	CHECK_EQ(d_revalidate(dentry, 7), 0);
	CHECK_EQ(d_revalidate(none, 7), 0);
	CHECK(d_unhashed(dentry) && d_unhashed(none));
	CHECK_EQ(d_count(dentry), 1);
	CHECK_EQ(d_revalidate(tree.root, 7), 1);
	dput(dentry);
	dput(none);
	tree_end(&tree);
}

TEST(revalidating_with_an_operation, "d_revalidate d_invalidate_children")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *dentry;
	struct tree tree;

	opts.d_op = &revalidate_ops;
	tree = tree_begin(&opts, NULL);
	dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	set_ttl = invalidate_meanwhile = false;
	revalidated = 0;
	verdict = 1;
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	CHECK(d_is_stale(dentry));
	CHECK_EQ(d_revalidate(dentry, 7), 1);
	CHECK(!d_is_stale(dentry));
	verdict = -EIO;
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	CHECK_EQ(d_revalidate(dentry, 7), -EIO);
	CHECK(d_is_stale(dentry) && !d_unhashed(dentry));
	verdict = 1;
	/* What is said while the directory is invalidated is no longer known to be true. */
	invalidate_meanwhile = true;
	CHECK_EQ(d_revalidate(dentry, 7), 1);
	CHECK(d_is_stale(dentry));
	invalidate_meanwhile = false;
	verdict = 0;
	CHECK_EQ(d_revalidate(dentry, 7), 0);
	CHECK(d_unhashed(dentry));
	verdict = 1;
	CHECK_EQ(d_revalidate(tree.root, 7), 1);
	CHECK_EQ(revalidated, 5);
	dput(dentry);
	tree_end(&tree);
}

TEST(an_operation_renews_the_time_to_live, "d_revalidate d_set_ttl positive_ttl_ns")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *dentry;
	struct tree tree;

	opts.d_op = &revalidate_ops;
	opts.positive_ttl_ns = HOUR_NS;
	tree = tree_begin(&opts, NULL);
	dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	set_ttl = invalidate_meanwhile = false;
	verdict = 1;
	/* Its own time was for once: the instance's begins, unless the operation sets another. */
	d_set_ttl(dentry, 0);
	CHECK_EQ(d_revalidate(dentry, 7), 1);
	CHECK(!d_is_stale(dentry));
	set_ttl = true;
	ttl_to_set = 0;
	CHECK_EQ(d_revalidate(dentry, 7), 1);
	CHECK(d_is_stale(dentry));
	CHECK_EQ(d_revalidate(dentry, 7), 1);
	CHECK(d_is_stale(dentry));
	ttl_to_set = DCACHE_TTL_NONE;
	CHECK_EQ(d_revalidate(dentry, 7), 1);
	CHECK(!d_is_stale(dentry));
	set_ttl = false;
	dput(dentry);
	tree_end(&tree);
	/* Without a time in the options it is for ever. */
	opts.positive_ttl_ns = 0;
	tree = tree_begin(&opts, NULL);
	dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	d_set_ttl(dentry, 0);
	CHECK_EQ(d_revalidate(dentry, 7), 1);
	CHECK(!d_is_stale(dentry));
	dput(dentry);
	tree_end(&tree);
}

TEST(an_operation_is_asked_about_stale_entries_too, "lookup_one_unlocked d_revalidate")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry *dentry, *found;
	struct tree tree;

	opts.d_op = &revalidate_ops;
	tree = tree_begin(&opts, &backend_ops);
	dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	backend_begin(answer_negative);
	set_ttl = invalidate_meanwhile = false;
	verdict = 1;
	d_set_ttl(dentry, 0);
	CHECK_EQ(d_invalidate_children(tree.root), 0);
	found = lookup_one_unlocked(tree.root, COLD, 7);
	CHECK(found == dentry && !d_is_stale(dentry));
	CHECK_EQ(atomic_load(&backend.calls), 0);
	dput(found);
	dput(dentry);
	tree_end(&tree);
}
