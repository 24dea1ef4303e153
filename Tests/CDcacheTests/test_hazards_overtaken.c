/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers that come too late, against the changes that overtake them: from any thread, in any order, at the
 * points of either. No test here holds a directory's lock. What becomes of which answer:
 * test_contracts_overtaken.c.
 */
#include "harness.h"

#define COLD NAME("cold")

/* ---- the whole protocol ---- */

static void *look_up(void *dir)
{
	return lookup_one_unlocked(dir, COLD, 0);
}

/* One call asks once, however late its answer is; the next asks anew. */
TEST(a_call_takes_its_own_answer_however_late, "H22 lookup_one_unlocked d_lookup_overtaken")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	pthread_t first, second;
	void *result;

	backend_begin(answer_negative);
	atomic_store(&backend.held, true);
	first = test_thread(look_up, tree.root);
	CHECK(EVENTUALLY(atomic_load(&backend.inside) == 1));
	CHECK_EQ(d_invalidate_name(tree.root, COLD), 0);
	second = test_thread(look_up, tree.root);
	CHECK(EVENTUALLY(tree_stats(&tree).lookups_waited == 1));
	CHECK_EQ(atomic_load(&backend.calls), 1);
	atomic_store(&backend.held, false);
	pthread_join(first, &result);
	CHECK(!IS_ERR(result) && d_unhashed(result) && d_lookup_overtaken(result));
	dput(result);
	pthread_join(second, &result);
	CHECK(!IS_ERR(result) && !d_unhashed(result) && !d_lookup_overtaken(result));
	dput(result);
	CHECK_EQ(atomic_load(&backend.calls), 2);
	CHECK_EQ(tree_stats(&tree).overtaken, 1);
	tree_end(&tree);
}

/* The backend makes the name itself, or has it invalidated, before it answers. */
static bool create_it;

static struct dentry *answer_overtaken(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	if (create_it) {
		struct dentry *own = d_alloc(d_parent(dentry), COLD);

		CHECK_EQ(d_add(own, new_inode(d_dcache(dentry), 1, INODE_REGULAR, NULL, NULL)), 0);
		dput(own);
	} else {
		CHECK_EQ(d_invalidate_children(d_parent(dentry)), 0);
	}
	CHECK(d_lookup_overtaken(dentry));
	return d_splice_alias(new_inode(d_dcache(dentry), 2, INODE_DIRECTORY, NULL, NULL), dentry);
}

TEST(a_walk_takes_what_was_overtaken, "R2 dcache_walk d_lookup_overtaken")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *found;

	backend_begin(answer_overtaken);
	create_it = false;
	found = dcache_walk(tree.root, NULL, "cold", 4, 0);
	CHECK(!IS_ERR(found) && d_is_dir(found) && d_lookup_overtaken(found));
	CHECK_EQ(atomic_load(&backend.calls), 1);
	dput(found);
	create_it = true;
	found = dcache_walk(tree.root, NULL, "cold", 4, 0);
	CHECK(!IS_ERR(found) && d_is_dir(found) && d_unhashed(found));
	CHECK_EQ(atomic_load(&backend.calls), 2);
	dput(found);
	/* What was made is found. */
	found = dcache_walk(tree.root, NULL, "cold", 4, 0);
	CHECK(!IS_ERR(found) && inode_number(d_inode(found)) == 1 && !d_unhashed(found));
	CHECK_EQ(atomic_load(&backend.calls), 2);
	dput(found);
	tree_end(&tree);
}

/* ---- any thread, any order, no lock ---- */

#define LOOKUPS 64
#define ROUNDS 200

static struct crossing {
	struct tree tree;
	struct dentry *asked[LOOKUPS];
	bool overtaken[LOOKUPS]; /* by a change that had come to its end before it was answered */
	_Atomic int next, changed;
} * crossing;

/* Names are changed from the first on ... */
static void *change_them(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < LOOKUPS; i++) {
		struct qstr copy = d_name(crossing->asked[i]);

		if (i % 3 == 0) {
			CHECK_EQ(d_invalidate_name(crossing->tree.root, &copy), 0);
		} else if (i % 3 == 1) {
			struct dentry *made = d_alloc(crossing->tree.root, &copy);

			/* Or it has been answered. */
			CHECK(!d_add(made, NULL) || !d_lookup_overtaken(crossing->asked[i]));
			dput(made);
		}
		atomic_store(&crossing->changed, i + 1);
	}
	return NULL;
}

/* ... and answered by two threads from the last on. */
static void *answer_them(void *arg)
{
	int i;

	(void)arg;
	while ((i = LOOKUPS - 1 - atomic_fetch_add(&crossing->next, 1)) >= 0) {
		struct dentry *dentry = crossing->asked[i];

		crossing->overtaken[i] = i % 3 < 2 && atomic_load(&crossing->changed) > i;
		CHECK(!crossing->overtaken[i] || d_lookup_overtaken(dentry));
		CHECK_EQ(d_add(dentry, tree_inode(crossing->tree.dc, INODE_REGULAR)), 0);
		CHECK_EQ(d_unhashed(dentry) || i % 3 == 0,
			 d_lookup_overtaken(dentry) || i % 3 == 0);
		CHECK(!crossing->overtaken[i] || d_lookup_overtaken(dentry));
	}
	return NULL;
}

TEST(answers_and_changes_cross, "H13 H22 P9 P10 d_lookup_overtaken d_add d_invalidate_name")
{
	struct crossing crossed = { .tree = tree_begin(NULL, NULL) };
	uint64_t late = 0;
	int round, i;

	crossing = &crossed;
	for (round = 0; round < ROUNDS; round++) {
		pthread_t threads[3];
		char buf[16];

		atomic_store(&crossed.next, 0);
		atomic_store(&crossed.changed, 0);
		for (i = 0; i < LOOKUPS; i++) {
			struct qstr each = qstr_init(buf,
						     (size_t)snprintf(buf, sizeof(buf), "n%d", i));

			crossed.asked[i] = d_alloc_parallel(crossed.tree.root, &each, NULL);
			CHECK(d_in_lookup(crossed.asked[i]));
			d_lookup_detach(crossed.asked[i]);
		}
		threads[0] = test_thread(change_them, NULL);
		threads[1] = test_thread(answer_them, NULL);
		threads[2] = test_thread(answer_them, NULL);
		for (i = 0; i < 3; i++)
			test_join(threads[i]);
		for (i = 0; i < LOOKUPS; i++) {
			struct dentry *asked = crossed.asked[i];
			struct qstr each = qstr_init(buf,
						     (size_t)snprintf(buf, sizeof(buf), "n%d", i));
			struct dentry *found = d_lookup(crossed.tree.root, &each);

			/* Of what was made and what was answered one stands; of what was invalidated
			 * nothing; of the others, the answer. */
			CHECK(found != asked || !d_lookup_overtaken(asked));
			CHECK(i % 3 != 0 || !found);
			CHECK(i % 3 != 1 || found);
			CHECK(i % 3 != 1 || !crossed.overtaken[i] || d_is_negative(found));
			CHECK(i % 3 != 2 || found == asked);
			late += d_lookup_overtaken(asked);
			if (found)
				d_drop(found);
			dput(found);
			dput(asked);
		}
	}
	CHECK_EQ(tree_stats(&crossed.tree).overtaken, late);
	tree_end(&crossed.tree);
}

#ifdef DCACHE_DEBUG

/* ---- at the points ---- */

static void *answer_negatively(void *dentry)
{
	CHECK_EQ(d_add(dentry, NULL), 0);
	return NULL;
}

static void *invalidate_cold(void *dir)
{
	CHECK_EQ(d_invalidate_name(dir, COLD), 0);
	return NULL;
}

static void *delete_it(void *dentry)
{
	d_delete(dentry);
	return NULL;
}

static struct dentry *made_meanwhile;

static void *make_cold(void *arg)
{
	struct tree *tree = arg;

	made_meanwhile = d_alloc(tree->root, COLD);
	return (void *)(intptr_t)d_add(made_meanwhile,
				       new_inode(tree->dc, 1, INODE_REGULAR, NULL, NULL));
}

/* Stopped where it has said that it is about to hash: whoever changes the name waits until it has looked
 * once more. */
TEST(a_name_is_invalidated_before_its_answer_has_looked, "H22 P9 F5 d_invalidate_name")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	pthread_t owner, other;
	struct gate gate;

	gate_arm(&gate, DC_C1, dentry, 1);
	owner = test_thread(answer_negatively, dentry);
	CHECK(gate_wait(&gate, 1));
	other = test_thread(invalidate_cold, tree.root);
	CHECK(EVENTUALLY(d_lookup_overtaken(dentry)));
	gate_open(&gate);
	test_join(owner);
	test_join(other);
	gates_reset();
	CHECK(d_unhashed(dentry) && d_lookup_overtaken(dentry));
	CHECK(!d_lookup(tree.root, COLD));
	dput(dentry);
	tree_end(&tree);
}

/* Hashed, and the sequence still odd: in time, and found by who invalidates. */
TEST(a_name_is_invalidated_when_its_answer_is_just_hashed, "H22 P9 F5 d_invalidate_name")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	pthread_t owner, other;
	struct gate gate;

	gate_arm(&gate, DC_C2, dentry, 1);
	owner = test_thread(answer_negatively, dentry);
	CHECK(gate_wait(&gate, 1));
	other = test_thread(invalidate_cold, tree.root);
	/* It cannot come to its end before. */
	test_sleep_ms(2);
	CHECK(!d_unhashed(dentry));
	gate_open(&gate);
	test_join(owner);
	test_join(other);
	gates_reset();
	CHECK(d_unhashed(dentry) && !d_lookup_overtaken(dentry));
	CHECK(!d_lookup(tree.root, COLD));
	dput(dentry);
	tree_end(&tree);
}

/* Somebody deletes another entry of the name, which is not hashed: what is found is older than that. */
TEST(a_name_is_deleted_while_its_answer_is_about_to_be_hashed, "H13 P10 d_delete")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *gone = d_alloc(tree.root, COLD);
	struct dentry *dentry;
	pthread_t owner, other;
	struct gate gate;

	CHECK_EQ(d_instantiate(gone, tree_inode(tree.dc, INODE_REGULAR)), 0);
	dentry = d_alloc_parallel(tree.root, COLD, NULL);
	gate_arm(&gate, DC_C1, dentry, 1);
	owner = test_thread(answer_negatively, dentry);
	CHECK(gate_wait(&gate, 1));
	other = test_thread(delete_it, gone);
	CHECK(EVENTUALLY(d_lookup_overtaken(dentry)));
	gate_open(&gate);
	test_join(owner);
	test_join(other);
	gates_reset();
	CHECK(d_unhashed(dentry) && !d_lookup(tree.root, COLD));
	dput(gone);
	dput(dentry);
	tree_end(&tree);
}

/* The name is made while its lookup stands before its last look, or when it is hashed. */
static void make_at(enum dc_point point, int err)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct dentry *found;
	pthread_t owner, other;
	struct gate gate;
	void *result;

	gate_arm(&gate, point, dentry, 1);
	owner = test_thread(answer_negatively, dentry);
	CHECK(gate_wait(&gate, 1));
	other = test_thread(make_cold, &tree);
	if (!err)
		CHECK(EVENTUALLY(d_lookup_overtaken(dentry)));
	gate_open(&gate);
	test_join(owner);
	pthread_join(other, &result);
	gates_reset();
	CHECK_EQ((intptr_t)result, err);
	found = d_lookup(tree.root, COLD);
	CHECK(found == (err ? dentry : made_meanwhile));
	CHECK_EQ(d_lookup_overtaken(dentry), !err);
	dput(found);
	dput(made_meanwhile);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_name_is_made_before_its_answer_has_looked, "H13 P10 d_add")
{
	make_at(DC_C1, 0);
}

TEST(a_name_is_made_when_its_answer_is_just_hashed, "H13 P10 d_add")
{
	make_at(DC_C2, -EEXIST);
}

static void *find_or_ask(void *tree)
{
	return d_alloc_parallel(((struct tree *)tree)->root, COLD, NULL);
}

/* One misses the name, and puts an entry of its own on the in-lookup chain only when it has been made, and
 * dropped: it looks again, and asks after that. */
static void missed_before_it_was_made(enum dc_point point, bool drop)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry;
	pthread_t asker;
	struct gate gate;
	void *result;

	gate_arm(&gate, point, tree.root, 1);
	asker = test_thread(find_or_ask, &tree);
	CHECK(gate_wait(&gate, 1));
	dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	if (drop)
		d_drop(dentry);
	gate_open(&gate);
	pthread_join(asker, &result);
	gates_reset();
	if (drop) {
		CHECK(d_in_lookup(result) && !d_lookup_overtaken(result));
		d_lookup_done(result);
	} else {
		CHECK(result == dentry);
	}
	dput(result);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_name_is_made_after_it_was_missed, "H1 H13 P10 d_add d_alloc_parallel")
{
	missed_before_it_was_made(DC_A2, false);
	missed_before_it_was_made(DC_A2, true);
}

#endif /* DCACHE_DEBUG */
