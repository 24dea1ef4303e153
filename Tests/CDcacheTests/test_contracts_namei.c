/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lookup_one_unlocked(), lookup_slow(), __lookup_slow(): the whole protocol. */
#include "harness.h"
#include "internal.h"

#define COLD NAME("cold")

typedef struct dentry *(*lookup_call_t)(struct dentry *parent, const struct qstr *name,
					unsigned int flags);

static const lookup_call_t lookup_calls[] = { lookup_one_unlocked, lookup_slow, __lookup_slow };

/* ---- answers ---- */

TEST(a_name_is_asked_for_once_and_then_known, "lookup_one_unlocked lookup_slow")
{
	size_t i;

	for (i = 0; i < 3; i++) {
		struct tree tree = tree_begin(NULL, &backend_ops);
		struct dentry *first, *second;

		backend_begin(answer_file);
		first = lookup_calls[i](tree.root, COLD, 0);
		second = lookup_calls[i](tree.root, COLD, 0);
		CHECK(!IS_ERR(first) && first == second && d_is_positive(first));
		CHECK_EQ(atomic_load(&backend.calls), 1);
		CHECK_EQ(d_count(first), 2);
		dput(first);
		dput(second);
		backend_begin(answer_negative);
		first = lookup_calls[i](tree.root, NAME("absent"), 0);
		second = lookup_calls[i](tree.root, NAME("absent"), 0);
		CHECK(first == second && d_is_negative(first) && !d_unhashed(first));
		CHECK_EQ(atomic_load(&backend.calls), 1);
		dput(first);
		dput(second);
		tree_end(&tree);
	}
}

TEST(errors_are_returned_and_not_remembered, "lookup_one_unlocked lookup_slow")
{
	size_t i;

	for (i = 0; i < 3; i++) {
		struct tree tree = tree_begin(NULL, &backend_ops);
		struct dentry *dentry;

		backend_begin(answer_error);
		CHECK_ERR(lookup_calls[i](tree.root, COLD, 0), -EIO);
		CHECK_ERR(lookup_calls[i](tree.root, COLD, 0), -EIO);
		CHECK_EQ(atomic_load(&backend.calls), 2);
		backend_begin(answer_file);
		dentry = lookup_calls[i](tree.root, COLD, 0);
		CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
		dput(dentry);
		CHECK_EQ(tree_stats(&tree).entries, 2);
		tree_end(&tree);
	}
}

static struct dentry *answer_nothing(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	(void)dentry;
	return NULL;
}

TEST(an_answer_that_is_not_to_be_cached, "lookup_slow")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *first, *second;

	backend_begin(answer_nothing);
	first = lookup_slow(tree.root, COLD, 0);
	REQUIRE(!IS_ERR_OR_NULL(first));
	CHECK(d_is_negative(first) && d_unhashed(first) && !d_in_lookup(first));
	second = lookup_slow(tree.root, COLD, 0);
	CHECK(second != first);
	CHECK_EQ(atomic_load(&backend.calls), 2);
	dput(first);
	dput(second);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

static struct dentry *answer_with;

static struct dentry *answer_another(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	(void)dentry;
	return dget(answer_with);
}

static struct dentry *answer_itself(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	CHECK_EQ(d_add(dentry, NULL), 0);
	return dget(dentry);
}

static struct dentry *answer_itself_unended(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	return dget(dentry);
}

static struct dentry *answer_error_although_added(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	CHECK_EQ(d_add(dentry, NULL), 0);
	return ERR_PTR(-EINTR);
}

TEST(another_entry_as_the_answer, "lookup_slow")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *dentry;

	answer_with = tree_add(&tree, tree.root, NAME("other"), INODE_REGULAR);
	backend_begin(answer_another);
	CHECK(lookup_slow(tree.root, COLD, 0) == answer_with);
	CHECK_EQ(d_count(answer_with), 2);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	dput(answer_with);
	dput(answer_with);
	backend_begin(answer_itself);
	dentry = lookup_slow(tree.root, NAME("itself"), 0);
	CHECK(!d_unhashed(dentry) && d_count(dentry) == 1);
	dput(dentry);
	backend_begin(answer_itself_unended);
	dentry = lookup_slow(tree.root, NAME("unended"), 0);
	CHECK(!d_in_lookup(dentry) && d_is_negative(dentry) && d_count(dentry) == 1);
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	tree_end(&tree);
}

TEST(an_error_after_all_is_an_error, "lookup_slow")
{
	struct tree tree = tree_begin(NULL, &backend_ops);

	backend_begin(answer_error_although_added);
	CHECK_ERR(lookup_slow(tree.root, COLD, 0), -EINTR);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	CHECK_EQ(tree_stats(&tree).unused, 1);
	tree_end(&tree);
}

TEST(an_answer_of_another_instance_ends_the_lookup, "lookup_slow")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dcache *other;
	struct dentry *dentry;

	CHECK_EQ(dcache_create(NULL, &other), 0);
	answer_with = d_make_root(new_inode(other, 1, INODE_DIRECTORY, NULL, NULL));
	backend_begin(answer_another);
	dentry = lookup_slow(tree.root, COLD, 0);
	CHECK(dentry == answer_with || PTR_ERR(dentry) == -EXDEV);
	dput(dentry);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	dput(answer_with);
	CHECK_EQ(dcache_destroy(other), 0);
	tree_end(&tree);
}

/* ---- what is refused ---- */

TEST(names_that_no_cache_has, "lookup_one_unlocked lookup_slow")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	char longest[256];
	struct qstr too_long = qstr_init(longest, sizeof(longest));
	struct dentry *dentry;
	size_t i;

	memset(longest, 'x', sizeof(longest));
	backend_begin(answer_file);
	for (i = 0; i < 3; i++) {
		CHECK_ERR(lookup_calls[i](tree.root, NAME("."), 0), -EINVAL);
		CHECK_ERR(lookup_calls[i](tree.root, NAME(".."), 0), -EINVAL);
		CHECK_ERR(lookup_calls[i](tree.root, NAME(""), 0), -EINVAL);
		CHECK_ERR(lookup_calls[i](tree.root, NAME("a/b"), 0), -EINVAL);
		CHECK_ERR(lookup_calls[i](tree.root, NAME("a\0b"), 0), -EINVAL);
		CHECK_ERR(lookup_calls[i](tree.root, &too_long, 0), -ENAMETOOLONG);
	}
	CHECK_EQ(atomic_load(&backend.calls), 0);
	dentry = lookup_slow(tree.root, NAME("..."), 0);
	CHECK(!IS_ERR(dentry));
	dput(dentry);
	tree_end(&tree);
}

TEST(a_directory_without_a_lookup_operation, "lookup_one_unlocked lookup_slow")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *bare = d_alloc(tree.root, NAME("bare"));
	size_t i;

	CHECK_EQ(d_add(bare, new_inode(tree.dc, 1, INODE_DIRECTORY, NULL, NULL)), 0);
	for (i = 0; i < 3; i++) {
		CHECK_ERR(lookup_calls[i](tree.root, COLD, 0), -EOPNOTSUPP);
		CHECK_ERR(lookup_calls[i](bare, COLD, 0), -EOPNOTSUPP);
	}
	dput(bare);
	tree_end(&tree);
}

static struct dentry *answer_by_asking_again(struct inode *dir, struct dentry *dentry)
{
	struct dentry *parent = d_parent(dentry);
	struct qstr name = d_name(dentry);

	(void)dir;
	return __lookup_slow(parent, &name, 0);
}

TEST(a_backend_that_asks_for_the_same_name_is_refused, "lookup_slow H18")
{
	struct tree tree = tree_begin(NULL, &backend_ops);

	backend_begin(answer_by_asking_again);
	CHECK_ERR(lookup_slow(tree.root, COLD, 0), -EDEADLK);
	CHECK_EQ(atomic_load(&backend.calls), 1);
	tree_end(&tree);
}

/* ---- locks and flags ---- */

static unsigned int flags_seen;

static struct dentry *check_lock_and_flags(struct inode *dir, struct dentry *dentry,
					   unsigned int flags)
{
	flags_seen = flags;
	CHECK(d_in_lookup(dentry));
	CHECK(!inode_trylock(dir));
	return answer_file(dir, dentry);
}

static int revalidated, verdict;

static int revalidate(struct dentry *dentry, unsigned int flags)
{
	CHECK(!d_unhashed(dentry) || d_is_negative(dentry));
	revalidated++;
	flags_seen = flags;
	return verdict;
}

TEST(the_directory_is_locked_shared_while_it_is_asked, "lookup_slow")
{
	static const struct inode_operations ops = { .lookup = check_lock_and_flags };
	struct tree tree = tree_begin(NULL, &ops);
	struct inode *dir = d_inode(tree.root);
	struct dentry *dentry;

	dput(lookup_slow(tree.root, NAME("slow"), 5));
	CHECK_EQ(flags_seen, 5);
	dput(lookup_one_unlocked(tree.root, NAME("one"), 6));
	CHECK_EQ(flags_seen, 6);
	inode_lock(dir);
	dput(__lookup_slow(tree.root, NAME("locked"), 7));
	CHECK_EQ(flags_seen, 7);
	/* A hit needs no lock of the directory. */
	dentry = lookup_one_unlocked(tree.root, NAME("locked"), 0);
	CHECK(!IS_ERR(dentry));
	dput(dentry);
	inode_unlock(dir);
	CHECK(inode_trylock(dir));
	inode_unlock(dir);
	tree_end(&tree);
}

TEST(a_hit_is_revalidated, "lookup_one_unlocked lookup_slow d_revalidate")
{
	static const struct dentry_operations ops = { .d_revalidate = revalidate };
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	size_t i;

	opts.d_op = &ops;
	for (i = 0; i < 3; i++) {
		struct tree tree = tree_begin(&opts, &backend_ops);
		struct dentry *first, *second;

		backend_begin(answer_file);
		revalidated = 0;
		verdict = 1;
		first = lookup_calls[i](tree.root, COLD, 0);
		CHECK_EQ(revalidated, 0);
		second = lookup_calls[i](tree.root, COLD, 9);
		CHECK(first == second);
		CHECK_EQ(revalidated, 1);
		CHECK_EQ(flags_seen, 9);
		dput(second);
		verdict = -ESTALE;
		CHECK_ERR(lookup_calls[i](tree.root, COLD, 0), -ESTALE);
		CHECK(!d_unhashed(first) && d_count(first) == 1);
		verdict = 0;
		second = lookup_calls[i](tree.root, COLD, 0);
		CHECK(second != first && d_is_positive(second));
		CHECK(d_unhashed(first));
		CHECK_EQ(atomic_load(&backend.calls), 2);
		dput(first);
		dput(second);
		tree_end(&tree);
	}
}

/* ---- side by side ---- */

struct one_lookup {
	struct dentry *parent;
	struct qstr name;
};

static void *look_up_one(void *arg)
{
	struct one_lookup *one = arg;

	return lookup_one_unlocked(one->parent, &one->name, 0);
}

TEST(different_names_are_asked_for_in_parallel, "lookup_slow")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct one_lookup lookups[4];
	pthread_t threads[4];
	void *result;
	int i;

	backend_begin(answer_file);
	atomic_store(&backend.held, true);
	for (i = 0; i < 4; i++) {
		lookups[i] = (struct one_lookup){ tree.root, qstr_init(&"abcd"[i], 1) };
		threads[i] = test_thread(look_up_one, &lookups[i]);
	}
	CHECK(EVENTUALLY(atomic_load(&backend.inside) == 4));
	atomic_store(&backend.held, false);
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		CHECK(!IS_ERR(result));
		dput(result);
	}
	tree_end(&tree);
}

/* A backend may answer by looking elsewhere in the same cache. */
static struct dentry *answer_by_looking_below(struct inode *dir, struct dentry *dentry)
{
	struct dentry *parent = d_parent(dentry);
	struct dentry *other;

	if (d_name(dentry).len > 1)
		return answer_negative(dir, dentry);
	other = __lookup_slow(parent, NAME("other"), 0);
	CHECK(!IS_ERR(other));
	dput(other);
	return answer_file(dir, dentry);
}

TEST(a_backend_may_look_up_other_names, "lookup_slow")
{
	struct tree tree = tree_begin(NULL, &backend_ops);

	backend_begin(answer_by_looking_below);
	dput(lookup_slow(tree.root, NAME("x"), 0));
	dput(lookup_slow(tree.root, NAME("y"), 0));
	CHECK_EQ(atomic_load(&backend.calls), 3);
	tree_end(&tree);
}

TEST(names_with_dots_are_names, "lookup_one_unlocked lookup_slow dir_listing_add")
{
	static const char *const names[] = { ".a", "a.", "...", "..a", "a", "ab" };
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dir_listing listing;
	size_t i, j;

	backend_begin(answer_negative);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct qstr name = qstr_init(names[i], strlen(names[i]));

		for (j = 0; j < 3; j++) {
			struct dentry *dentry = lookup_calls[j](tree.root, &name, 0);

			CHECK(!IS_ERR(dentry) && d_is_negative(dentry));
			dput(dentry);
		}
		CHECK_EQ(atomic_load(&backend.calls), i + 1);
	}
	CHECK_EQ(shrink_dcache(tree.dc, 100), 6);
	inode_lock_shared(d_inode(tree.root));
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct qstr name = qstr_init(names[i], strlen(names[i]));

		CHECK_EQ(dir_listing_add(&listing, &name, tree_inode(tree.dc, INODE_REGULAR)), 0);
	}
	/* None at all is neither. */
	CHECK_EQ(dir_listing_add(&listing, &(const struct qstr){ .len = 1 },
				 tree_inode(tree.dc, INODE_REGULAR)),
		 -EINVAL);
	inode_unlock_shared(d_inode(tree.root));
	dir_listing_end(&listing, false);
	CHECK_EQ(tree_stats(&tree).entries, 7);
	tree_end(&tree);
}

/* ---- what comes in the place of a stale entry, while a call is on its way ---- */

static struct dentry *successor;
static bool stale_at_once;

static void add_successor(struct dentry *dentry)
{
	(void)dentry;
	if (stale_at_once)
		d_set_ttl(successor, 0);
	CHECK_EQ(d_add(successor, tree_inode(d_dcache(successor), INODE_REGULAR)), 0);
}

/*
 * lookup_slow() drops a stale entry, in whose place another is added at once: @make makes that one, before
 * the call begins. Return: is it the answer? Otherwise the backend has given one.
 */
static bool is_answered_by_successor(void (*make)(struct tree *tree))
{
	static const struct dentry_operations ops = { .d_release = add_successor };
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *dentry = d_alloc(tree.root, COLD);
	struct dentry *found;
	bool same;

	backend_begin(answer_negative);
	d_set_d_op(dentry, &ops);
	CHECK_EQ(d_add(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
	d_set_ttl(dentry, 0);
	make(&tree);
	dput(dentry);
	found = lookup_slow(tree.root, COLD, 0);
	CHECK(!IS_ERR(found));
	same = found == successor;
	CHECK_EQ(d_is_stale(found), same && stale_at_once);
	CHECK(same ? !d_unhashed(successor) : d_unhashed(successor) && d_is_negative(found));
	CHECK_EQ(atomic_load(&backend.calls), same ? 0 : 1);
	dput(found);
	dput(successor);
	tree_end(&tree);
	return same;
}

static void make_true(struct tree *tree)
{
	stale_at_once = false;
	successor = d_alloc(tree->root, COLD);
}

/* But it was true when the call began. */
static void make_stale_at_once(struct tree *tree)
{
	make_true(tree);
	stale_at_once = true;
}

static void make_long_stale(struct tree *tree)
{
	make_true(tree);
	d_set_ttl(successor, 0);
	atomic_store(&successor->d_expires, dc_ticks() - 5);
}

static void make_of_before(struct tree *tree)
{
	make_true(tree);
	CHECK_EQ(d_invalidate_children(tree->root), 0);
}

TEST(only_what_was_true_since_the_call_began_is_its_answer,
     "lookup_slow d_set_ttl d_invalidate_children")
{
	CHECK(is_answered_by_successor(make_true));
	CHECK(is_answered_by_successor(make_stale_at_once));
	CHECK(!is_answered_by_successor(make_long_stale));
	CHECK(!is_answered_by_successor(make_of_before));
}
