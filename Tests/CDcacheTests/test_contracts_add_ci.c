/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* d_add_ci(), case by case. Cycles and failures: test_hazards_alias.c. */
#include "harness.h"

#define ASKED NAME("ASKED")
#define STORED NAME("stored")

static bool is_found(struct dentry *parent, const struct qstr *name, const struct dentry *expected)
{
	struct dentry *found = d_lookup(parent, name);
	bool same = found == expected;

	dput(found);
	return same;
}

/* The asked spelling, in-lookup or from d_alloc(). */
static struct dentry *ask(struct tree *tree, bool in_lookup)
{
	return in_lookup ? d_alloc_parallel(tree->root, ASKED, NULL) : d_alloc(tree->root, ASKED);
}

/* It is as it was; end and put it. */
static void end(struct dentry *asked, bool in_lookup)
{
	CHECK(d_in_lookup(asked) == in_lookup);
	CHECK(d_unhashed(asked) && d_is_negative(asked));
	CHECK_EQ(d_count(asked), 1);
	d_lookup_done(asked);
	dput(asked);
}

TEST(the_stored_spelling_is_added, "d_add_ci")
{
	int in_lookup;

	for (in_lookup = 0; in_lookup < 2; in_lookup++) {
		struct tree tree = tree_begin(NULL, NULL);
		struct dentry *asked = ask(&tree, in_lookup);
		struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
		struct dentry *stored = d_add_ci(asked, inode, STORED);

		CHECK(stored != asked && d_inode(stored) == inode && !d_in_lookup(stored));
		CHECK_EQ(d_count(stored), 1);
		CHECK(is_found(tree.root, STORED, stored));
		CHECK(is_found(tree.root, ASKED, NULL));
		end(asked, in_lookup);
		dput(stored);
		CHECK_EQ(tree_stats(&tree).entries, 2);
		tree_end(&tree);
	}
}

TEST(a_stored_spelling_that_is_known_is_returned, "d_add_ci")
{
	int in_lookup;

	for (in_lookup = 0; in_lookup < 2; in_lookup++) {
		struct tree tree = tree_begin(NULL, NULL);
		struct dentry *known = tree_add(&tree, tree.root, STORED, INODE_REGULAR);
		struct dentry *asked = ask(&tree, in_lookup);
		struct inode *inode = d_inode(known);

		CHECK(d_add_ci(asked, tree_inode(tree.dc, INODE_REGULAR), STORED) == known);
		CHECK(d_inode(known) == inode);
		CHECK_EQ(d_count(known), 2);
		CHECK_EQ(tree_stats(&tree).inodes, 2);
		end(asked, in_lookup);
		dput(known);
		dput(known);
		tree_end(&tree);
	}
}

TEST(a_stale_negative_of_the_stored_spelling_is_replaced, "d_add_ci")
{
	int in_lookup, held;

	for (in_lookup = 0; in_lookup < 2; in_lookup++) {
		for (held = 0; held < 2; held++) {
			struct tree tree = tree_begin(NULL, NULL);
			struct dentry *stale = tree_add(&tree, tree.root, STORED, 0);
			struct dentry *asked = ask(&tree, in_lookup);
			struct dentry *stored;

			if (!held)
				dput(stale);
			stored = d_add_ci(asked, tree_inode(tree.dc, INODE_REGULAR), STORED);
			CHECK(!IS_ERR(stored) && d_is_positive(stored));
			CHECK(is_found(tree.root, STORED, stored));
			CHECK_EQ(tree_stats(&tree).negatives, 0);
			if (held) {
				CHECK(d_unhashed(stale) && d_is_negative(stale));
				dput(stale);
			}
			end(asked, in_lookup);
			dput(stored);
			tree_end(&tree);
		}
	}
}

TEST(a_directory_known_elsewhere_is_moved, "d_add_ci")
{
	int in_lookup;

	for (in_lookup = 0; in_lookup < 2; in_lookup++) {
		struct tree tree = tree_begin(NULL, NULL);
		struct dentry *dir = tree_add(&tree, tree.root, NAME("elsewhere"), INODE_DIRECTORY);
		struct dentry *asked = ask(&tree, in_lookup);

		ihold(d_inode(dir));
		CHECK(d_add_ci(asked, d_inode(dir), STORED) == dir);
		CHECK_EQ(d_count(dir), 2);
		CHECK(is_found(tree.root, STORED, dir));
		CHECK(is_found(tree.root, NAME("elsewhere"), NULL));
		end(asked, in_lookup);
		CHECK_EQ(tree_stats(&tree).entries, 2);
		dput(dir);
		dput(dir);
		tree_end(&tree);
	}
}

TEST(bad_arguments_are_refused_on_every_path, "d_add_ci")
{
	int in_lookup;

	for (in_lookup = 0; in_lookup < 2; in_lookup++) {
		struct tree tree = tree_begin(NULL, NULL);
		struct dentry *asked = ask(&tree, in_lookup);
		struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
		char longest[256];
		struct qstr too_long = qstr_init(longest, sizeof(longest));

		memset(longest, 'x', sizeof(longest));
		CHECK_ERR(d_add_ci(asked, ERR_PTR(-EIO), STORED), -EIO);
		CHECK_ERR(d_add_ci(asked, ERR_PTR(-EIO), ASKED), -EIO);
		CHECK_ERR(d_add_ci(tree.root, ERR_PTR(-EIO), STORED), -EIO);
		CHECK_ERR(d_add_ci(asked, NULL, STORED), -EINVAL);
		CHECK_ERR(d_add_ci(asked, NULL, ASKED), -EINVAL);
		CHECK_ERR(d_add_ci(asked, tree_inode(tree.dc, INODE_REGULAR), NAME("a/b")),
			  -EINVAL);
		CHECK_ERR(d_add_ci(asked, tree_inode(tree.dc, INODE_REGULAR), NAME("")), -EINVAL);
		CHECK_ERR(d_add_ci(asked, tree_inode(tree.dc, INODE_REGULAR), &too_long),
			  -ENAMETOOLONG);
		CHECK_ERR(d_add_ci(tree.root, tree_inode(tree.dc, INODE_REGULAR), STORED), -EINVAL);
		ihold(d_inode(tree.root));
		CHECK_ERR(d_add_ci(asked, d_inode(tree.root), STORED), -ELOOP);
		/* Every inode was consumed. */
		CHECK_EQ(tree_stats(&tree).inodes, 2);
		CHECK_EQ(tree_stats(&tree).in_lookup, in_lookup);
		CHECK(is_found(tree.root, STORED, NULL));
		end(asked, in_lookup);
		dput(dir);
		tree_end(&tree);
	}
}

TEST(a_failure_in_place_leaves_the_entry_to_its_owner, "d_add_ci")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *asked = ask(&tree, true);

	ihold(d_inode(tree.root));
	CHECK_ERR(d_add_ci(asked, d_inode(tree.root), ASKED), -ELOOP);
	end(asked, true);
	tree_end(&tree);
}

/* ---- somebody else asks for the stored spelling ---- */

struct ci_call {
	struct dentry *dentry;
	struct inode *inode;
	struct dentry *result;
};

static void *call_add_ci(void *arg)
{
	struct ci_call *call = arg;

	call->result = d_add_ci(call->dentry, call->inode, STORED);
	return NULL;
}

enum answer { POSITIVE, NEGATIVE, FAILED, ABANDONED, REDIRECTED, ITSELF };

static void end_stored(struct tree *tree, struct dentry *stored, struct dentry *other,
		       enum answer answer)
{
	switch (answer) {
	case POSITIVE:
		CHECK_EQ(d_add(stored, tree_inode(tree->dc, INODE_REGULAR)), 0);
		break;
	case NEGATIVE:
		CHECK_EQ(d_add(stored, NULL), 0);
		break;
	case FAILED:
		CHECK_EQ(d_lookup_fail(stored, -EIO), 0);
		break;
	case ABANDONED:
		d_lookup_done(stored);
		break;
	default:
		CHECK_EQ(d_lookup_redirect(stored, other), 0);
	}
}

static void while_another_asks(enum answer answer)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *stored = d_alloc_parallel(tree.root, STORED, NULL);
	struct dentry *other = tree_add(&tree, tree.root, NAME("other"), INODE_REGULAR);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
	struct ci_call call = { ask(&tree, true), inode, NULL };
	bool own_inode = answer != POSITIVE && answer != REDIRECTED;
	pthread_t thread;

	/* Its lookup is this test's thread's own; it waits for the other's. */
	d_lookup_detach(stored);
	thread = test_thread(call_add_ci, &call);
	CHECK(EVENTUALLY(test_nr_waiters(stored) == 1));
	end_stored(&tree, stored, other, answer);
	test_join(thread);
	REQUIRE(!IS_ERR_OR_NULL(call.result));
	CHECK(d_is_positive(call.result) && !d_in_lookup(call.result));
	CHECK((d_inode(call.result) == inode) == own_inode);
	CHECK((call.result == stored) == (answer == POSITIVE));
	CHECK((call.result == other) == (answer == REDIRECTED));
	if (answer != REDIRECTED)
		CHECK(is_found(tree.root, STORED, call.result));
	end(call.dentry, true);
	dput(call.result);
	dput(stored);
	dput(other);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	tree_end(&tree);
}

TEST(add_ci_waits_for_anothers_answer, "d_add_ci")
{
	while_another_asks(POSITIVE);
	while_another_asks(REDIRECTED);
}

/* This caller has seen the file, whatever the other says of it. */
TEST(add_ci_goes_on_when_anothers_lookup_has_no_file, "d_add_ci")
{
	while_another_asks(NEGATIVE);
	while_another_asks(FAILED);
	while_another_asks(ABANDONED);
}

TEST(several_spellings_meet_in_one_entry, "d_add_ci")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
	struct ci_call calls[4];
	pthread_t threads[4];
	int i;

	for (i = 0; i < 4; i++) {
		struct qstr name = qstr_init(&"ABCD"[i], 1);

		ihold(inode);
		calls[i] = (struct ci_call){ d_alloc_parallel(tree.root, &name, NULL), inode,
					     NULL };
	}
	for (i = 0; i < 4; i++)
		threads[i] = test_thread(call_add_ci, &calls[i]);
	for (i = 0; i < 4; i++) {
		test_join(threads[i]);
		CHECK(calls[i].result == calls[0].result);
	}
	CHECK(d_inode(calls[0].result) == inode);
	CHECK_EQ(d_count(calls[0].result), 4);
	for (i = 0; i < 4; i++) {
		dput(calls[i].result);
		d_lookup_done(calls[i].dentry);
		dput(calls[i].dentry);
	}
	iput(inode);
	tree_end(&tree);
}

/* ---- in a case-insensitive directory ---- */

TEST(in_a_case_insensitive_directory_the_spellings_are_one, "d_add_ci casefold")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *asked, *found;

	d_set_d_op(tree.root, &casefold_dentry_operations);
	asked = d_alloc_parallel(tree.root, NAME("STRASSE"), NULL);
	CHECK(d_add_ci(asked, tree_inode(tree.dc, INODE_REGULAR), NAME("stra\303\237e")) == asked);
	CHECK_EQ(d_count(asked), 2);
	found = d_lookup(tree.root, NAME("Stra\303\237e"));
	CHECK(found == asked);
	dput(found);
	dput(asked);
	dput(asked);
	/* Another name is another entry there too. */
	asked = d_alloc_parallel(tree.root, ASKED, NULL);
	found = d_add_ci(asked, tree_inode(tree.dc, INODE_REGULAR), STORED);
	CHECK(found != asked && is_found(tree.root, NAME("Stored"), found));
	end(asked, true);
	dput(found);
	tree_end(&tree);
}

/* ---- as a lookup operation's answer ---- */

static struct dentry *answer_stored(struct inode *dir, struct dentry *dentry)
{
	return d_add_ci(dentry, tree_inode(inode_dcache(dir), INODE_REGULAR), STORED);
}

TEST(only_the_stored_spelling_is_cached, "d_add_ci lookup_one_unlocked")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *first, *second, *stored;

	backend_begin(answer_stored);
	first = lookup_one_unlocked(tree.root, ASKED, 0);
	REQUIRE(!IS_ERR(first));
	second = lookup_one_unlocked(tree.root, NAME("Asked"), 0);
	stored = lookup_one_unlocked(tree.root, STORED, 0);
	CHECK(first == second && second == stored);
	CHECK_EQ(atomic_load(&backend.calls), 2);
	dput(lookup_one_unlocked(tree.root, ASKED, 0));
	CHECK_EQ(atomic_load(&backend.calls), 3);
	CHECK_EQ(d_count(stored), 3);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	dput(first);
	dput(second);
	dput(stored);
	tree_end(&tree);
}

TEST(the_stored_spelling_itself_may_be_asked_for, "d_add_ci lookup_slow H15")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *stored;

	backend_begin(answer_stored);
	stored = lookup_slow(tree.root, STORED, 0);
	CHECK(!IS_ERR(stored) && d_is_positive(stored) && !d_unhashed(stored));
	CHECK_EQ(d_count(stored), 1);
	dput(stored);
	tree_end(&tree);
}
