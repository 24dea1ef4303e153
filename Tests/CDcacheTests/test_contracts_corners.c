/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Corners of the contracts: states that take some making, and what the machine refuses. Found by
 * looking at what no other test reaches (docs/coverage.md).
 */
#include "harness.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "internal.h"

#define COLD NAME("cold")

/* ---- what entries may have been ---- */

/* A directory's number in hashes is its entry's: a second inode does not move its names. */
TEST(a_directory_may_become_another_one, "d_delete d_instantiate d_lookup")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	uint64_t number = dir_number(dir);
	struct inode *first = d_inode(dir);
	struct dentry *entry, *found;

	CHECK(d_is_dir(dir));
	d_delete(dir);
	CHECK(d_is_negative(dir) && !d_is_dir(dir) && !d_unhashed(dir));
	CHECK_EQ(d_instantiate(dir, tree_inode(tree.dc, INODE_DIRECTORY)), 0);
	CHECK(d_is_dir(dir) && d_inode(dir) != first);
	CHECK(dir_number(dir) == number);
	entry = tree_add(&tree, dir, COLD, INODE_REGULAR);
	CHECK(!d_is_dir(entry));
	found = d_lookup(dir, COLD);
	CHECK(found == entry);
	dput(found);
	dput(entry);
	dput(dir);
	tree_end(&tree);
}

TEST(an_unhashed_positive_entry_may_be_deleted, "d_delete")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *entry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);

	d_drop(entry);
	dget(entry);
	d_delete(entry);
	CHECK(d_is_positive(entry) && d_unhashed(entry));
	dput(entry);
	/* The last one there is makes it negative, and it stays unhashed. */
	d_delete(entry);
	CHECK(d_is_negative(entry) && d_unhashed(entry));
	CHECK_EQ(tree_stats(&tree).negatives, 0);
	dput(entry);
	tree_end(&tree);
}

/* It was never hashed, but its parent knows of it since it may have children. */
TEST(a_directory_that_was_never_hashed_is_moved, "d_splice_alias H8")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *never = d_alloc(tree.root, NAME("never"));
	struct dentry *target = d_alloc(tree.root, COLD);
	struct inode *inode = tree_inode(tree.dc, INODE_DIRECTORY);
	struct dentry *found;

	ihold(inode);
	CHECK_EQ(d_instantiate(never, inode), 0);
	CHECK(d_flags(never) & DCACHE_LISTED);
	CHECK(d_splice_alias(inode, target) == never);
	CHECK(d_flags(never) & DCACHE_LISTED);
	found = d_lookup(tree.root, COLD);
	CHECK(found == never);
	CHECK_EQ(d_count(tree.root), 3);
	dput(found);
	dput(never);
	dput(never);
	dput(target);
	tree_end(&tree);
}

TEST(a_name_of_dots_is_no_name_but_may_begin_with_one, "lookup_one_unlocked lookup_slow")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	const struct qstr none = { NULL, 3, 0 };
	const struct qstr good[] = { QSTR_INIT(".a", 2), QSTR_INIT("..a", 3), QSTR_INIT("a.", 2) };
	size_t i;

	backend_begin(answer_file);
	CHECK_ERR(lookup_one_unlocked(tree.root, &none, 0), -EINVAL);
	CHECK_ERR(lookup_slow(tree.root, &none, 0), -EINVAL);
	for (i = 0; i < 3; i++) {
		struct dentry *dentry = lookup_one_unlocked(tree.root, &good[i], 0);

		CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
		dput(dentry);
	}
	CHECK_EQ(atomic_load(&backend.calls), 3);
	tree_end(&tree);
}

TEST(a_length_beyond_32_bits_is_too_long, "qstr")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct qstr name = qstr_init("x", ((size_t)1 << 32) + 1);

	CHECK_EQ(name.len, UINT32_MAX);
	CHECK_ERR(d_alloc(tree.root, &name), -ENAMETOOLONG);
	tree_end(&tree);
}

static int one_hash(const struct dentry *dir, struct qstr *name)
{
	(void)dir;
	name->hash = 5;
	return 0;
}

/* Of one hash, one length, and different from the first word on, or only in a later one; short enough to be
 * compared by windows, and longer. */
TEST(names_that_collide_may_differ_anywhere, "d_hash d_lookup")
{
	static const struct dentry_operations ops = { .d_hash = one_hash };
	static const char *const names[] = {
		"aaaaaaaa-bbbbbbbb",		     "Aaaaaaaa-bbbbbbbb",
		"aaaaaaaa-bbbbbbbB",		     "aaaaaaaa-Bbbbbbbb",
		"aaaaaaaa-cccccccccccccccc-bbbbbbb", "Aaaaaaaa-cccccccccccccccc-bbbbbbb",
		"aaaaaaaa-cccccccccccccccc-bbbbbbB", "aaaaaaaa-cccccccCcccccccc-bbbbbbb",
	};
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *entries[8], *found, *second;
	int i;

	d_set_d_op(tree.root, &ops);
	for (i = 0; i < 8; i++) {
		struct qstr name = qstr_init(names[i], strlen(names[i]));

		entries[i] = tree_add(&tree, tree.root, &name, 0);
	}
	for (i = 0; i < 8; i++) {
		struct qstr name = qstr_init(names[i], strlen(names[i]));

		found = d_lookup(tree.root, &name);
		CHECK(found == entries[i]);
		dput(found);
		second = d_alloc(tree.root, &name);
		CHECK_EQ(d_add(second, NULL), -EEXIST);
		dput(second);
		dput(entries[i]);
	}
	tree_end(&tree);
}

/* Of each length that lies in an entry, and different in each byte. */
TEST(names_that_collide_may_differ_in_any_byte, "d_hash d_lookup")
{
	static const struct dentry_operations ops = { .d_hash = one_hash };
	struct tree tree = tree_begin(NULL, NULL);
	char buf[DNAME_INLINE_LEN];
	struct dentry *entry, *found;
	uint32_t len, at;

	memset(buf, 'a', sizeof(buf));
	d_set_d_op(tree.root, &ops);
	for (len = 1; len <= DNAME_INLINE_LEN; len++) {
		struct qstr name = qstr_init(buf, len);

		entry = tree_add(&tree, tree.root, &name, 0);
		for (at = 0; at < len; at++) {
			buf[at] = 'b';
			CHECK(!d_lookup(tree.root, &name));
			buf[at] = 'a';
			found = d_lookup(tree.root, &name);
			CHECK(found == entry);
			dput(found);
		}
		dput(entry);
	}
	tree_end(&tree);
}

/* ---- writers that do not run, here played by the test: readers neither hang nor burn time ---- */

struct reader {
	struct tree *tree;
	struct dentry *dentry;
	void (*run)(struct reader *reader);
	_Atomic bool done;
};

static void find_cold(struct reader *self)
{
	struct dentry *found = d_lookup(self->tree->root, COLD);

	CHECK(found == self->dentry);
	dput(found);
}

static void add_cold(struct reader *self)
{
	struct dentry *second = d_alloc(self->tree->root, COLD);

	CHECK_EQ(d_add(second, NULL), -EEXIST);
	dput(second);
}

static void path_of_cold(struct reader *self)
{
	char path[16];

	CHECK_EQ(dentry_path(self->dentry, path, sizeof(path)), 5);
	CHECK(!strcmp(path, "/cold"));
}

static void copy_cold(struct reader *self)
{
	char name[16];

	CHECK_EQ(d_name_copy(self->dentry, name, sizeof(name)), 4);
	CHECK(!strcmp(name, "cold"));
}

static void *reader_run(void *arg)
{
	struct reader *self = arg;

	self->run(self);
	atomic_store(&self->done, true);
	return NULL;
}

TEST(an_entry_that_is_being_changed_is_waited_for, "H6 H39 d_lookup d_add dentry_path d_name_copy")
{
	void (*runs[])(struct reader *) = { find_cold, add_cold, path_of_cold, copy_cold };
	size_t i;

	for (i = 0; i < 4; i++) {
		struct tree tree = tree_begin(NULL, NULL);
		struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
		struct reader reader = { &tree, dentry, runs[i], false };
		pthread_t thread;

		/* As between the two stores of d_set_inode(). */
		d_lock(dentry);
		write_seqcount_begin(&dentry->d_seq);
		thread = test_thread(reader_run, &reader);
		test_sleep_ms(20);
		CHECK(!atomic_load(&reader.done));
		write_seqcount_end(&dentry->d_seq);
		d_unlock(dentry);
		test_join(thread);
		dput(dentry);
		tree_end(&tree);
	}
}

static void *unlock_later(void *dentry)
{
	test_sleep_ms(20);
	d_unlock(dentry);
	return NULL;
}

/* Whoever destroys passes over what is locked, and comes back for it. */
TEST(an_unused_entry_that_is_locked_is_freed_later, "dcache_destroy H36")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	pthread_t thread;

	dput(dentry);
	d_lock(dentry);
	thread = test_thread(unlock_later, dentry);
	CHECK_EQ(shrink_dcache(tree.dc, 1), 0);
	tree_end(&tree);
	test_join(thread);
}

/* ---- limits ---- */

/* A count that is full is not passed: who finds the entry is refused, who has it is not. */
TEST(a_count_that_is_full_is_not_passed, "H43 d_lookup dget_rcu dget")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, 0);
	uint32_t seq;
	bool got;

	d_lock(dentry);
	lockref_add_locked(&dentry->d_lockref, LOCKREF_MAX - 1);
	d_unlock(dentry);
	CHECK(!d_lookup(tree.root, COLD));
	dcache_read_lock();
	CHECK(d_lookup_rcu(tree.root, COLD, &seq) == dentry);
	got = dget_rcu(dentry, seq);
	dcache_read_unlock();
	CHECK(!got);
	CHECK_EQ(d_count(dentry), LOCKREF_MAX);
	dput(dentry);
	/* There is room for one again. */
	CHECK(d_lookup(tree.root, COLD) == dentry);
	CHECK_EQ(d_count(dentry), LOCKREF_MAX);
	d_lock(dentry);
	lockref_add_locked(&dentry->d_lockref, 1 - LOCKREF_MAX);
	d_unlock(dentry);
	dput(dentry);
	tree_end(&tree);
}

/* Making room looks at a few entries only, and spares those that were used again. */
TEST(one_entry_more_does_not_walk_the_list, "max_entries H42")
{
	struct dcache_options opts = { .size = sizeof(opts), .max_entries = 1000, .seed = 1 };
	struct tree tree = tree_begin(&opts, NULL);
	int i, round, spared = 0;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < 999; i++) {
			char text[16];
			struct qstr name = qstr_init(
				text, (size_t)snprintf(text, sizeof(text), "n%d", i));

			dput(round ? d_lookup(tree.root, &name)
				   : tree_add(&tree, tree.root, &name, 0));
		}
	}
	dput(tree_add(&tree, tree.root, COLD, 0));
	CHECK_EQ(tree_stats(&tree).entries, 1000);
	CHECK_EQ(tree_stats(&tree).evicted, 1);
	/* Few were spared for it: the others are still to be. */
	for (i = 0; i < 999; i++) {
		char text[16];
		struct qstr name = qstr_init(text,
					     (size_t)snprintf(text, sizeof(text), "n%d", i));
		struct dentry *dentry = d_lookup(tree.root, &name);

		if (dentry && !(d_flags(dentry) & DCACHE_REFERENCED))
			spared++;
		dput(dentry);
	}
	CHECK(spared > 0 && spared <= 8);
	tree_end(&tree);
}

#ifndef TEST_SANITIZED

TEST(memory_that_is_not_there_is_an_error, "H51 dcache_create")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache *dc = NULL;
	struct rlimit usual, little;

	REQUIRE(!getrlimit(RLIMIT_AS, &usual));
	little = usual;
	little.rlim_cur = (rlim_t)1 << 32;
	REQUIRE(!setrlimit(RLIMIT_AS, &little));
	opts.hash_buckets = (size_t)1 << 28;
	errno = E2BIG;
	CHECK_EQ(dcache_create(&opts, &dc), -ENOMEM);
	CHECK(!dc);
	CHECK_EQ(errno, E2BIG);
	setrlimit(RLIMIT_AS, &usual);
	CHECK_EQ(dcache_create(NULL, &dc), 0);
	CHECK_EQ(dcache_destroy(dc), 0);
}

#endif

/* For the rest of the process. */
static bool forbid_random_numbers(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* Without a secret seed names could be made to collide: so no instance, rather than a weak one. */
TEST(no_random_numbers_no_instance, "H49 dcache_create")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache *dc = NULL;
#ifdef DCACHE_DEBUG
	long live = dc_live_allocations();
#endif

	REQUIRE(forbid_random_numbers());
	errno = E2BIG;
	CHECK_EQ(dcache_create(NULL, &dc), -ENOSYS);
	CHECK(!dc);
	CHECK_EQ(errno, E2BIG);
#ifdef DCACHE_DEBUG
	CHECK_EQ(dc_live_allocations(), live);
#endif
	opts.seed = 1;
	CHECK_EQ(dcache_create(&opts, &dc), 0);
	CHECK_EQ(dcache_destroy(dc), 0);
}

/* ---- so much to be freed that whoever frees more helps: but not where it must not wait ---- */

static struct dcache *flooded;
static _Atomic long released;

static void release_and_make_one_more(struct inode *inode)
{
	static const struct inode_operations plain;

	/* While all that was found is still counted as waiting. */
	if (inode_number(inode) == 0)
		iput(new_inode(flooded, 1, INODE_REGULAR, &plain, NULL));
	atomic_fetch_add(&released, 1);
}

#define FLOOD 66000

TEST(a_flood_in_a_read_section_does_not_wait, "H50 iput dcache_read_lock")
{
	static const struct inode_operations ops = { .release = release_and_make_one_more };
	struct tree tree = tree_begin(NULL, NULL);
	int i;

	flooded = tree.dc;
	atomic_store(&released, 0);
	dcache_read_lock();
	for (i = 0; i < FLOOD; i++)
		iput(new_inode(tree.dc, (uint64_t)i, INODE_REGULAR, &ops, NULL));
	CHECK_EQ(tree_stats(&tree).pending_frees, FLOOD);
	CHECK_EQ(atomic_load(&released), 0);
	dcache_read_unlock();
	dcache_barrier(tree.dc);
	CHECK_EQ(atomic_load(&released), FLOOD);
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).pending_frees, 0);
	tree_end(&tree);
}

/* ---- cycles of waiting that go through a thread, not through the entry that it brought ---- */

struct two_lookups {
	struct tree *tree;
	struct qstr asked[2];  /* the names that it owns */
	struct qstr stored;    /* where the first of them is found to be */
	struct dentry *own[2]; /* in-lookup */
	_Atomic bool owns, go, end;
	struct dentry *result;
};

static void *own_two(void *arg)
{
	struct two_lookups *self = arg;
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	int i;

	for (i = 0; i < 2; i++)
		self->own[i] = d_alloc_parallel(self->tree->root, &self->asked[i], &wq);
	atomic_store(&self->owns, true);
	while (!atomic_load(&self->go))
		usleep(100);
	self->result = d_add_ci(self->own[0], tree_inode(self->tree->dc, INODE_REGULAR),
				&self->stored);
	while (!atomic_load(&self->end))
		usleep(100);
	for (i = 0; i < 2; i++) {
		d_lookup_fail(self->own[i], -EIO);
		dput(self->own[i]);
	}
	return NULL;
}

TEST(a_cycle_through_a_second_lookup_of_a_thread_is_refused, "H15 d_add_ci")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct two_lookups two[2] = {
		{ .tree = &tree,
		  .asked = { QSTR_INIT("a", 1), QSTR_INIT("A", 1) },
		  .stored = QSTR_INIT("B", 1),
		  .end = true },
		{ .tree = &tree,
		  .asked = { QSTR_INIT("b", 1), QSTR_INIT("B", 1) },
		  .stored = QSTR_INIT("A", 1) },
	};
	struct dentry *loose = d_alloc_parallel(tree.root, NAME("loose"), NULL);
	struct two_lookups third = { .tree = &tree,
				     .stored = QSTR_INIT("loose", 5),
				     .end = true,
				     .asked = { QSTR_INIT("c", 1), QSTR_INIT("C", 1) } };
	pthread_t threads[3];
	int i;

	for (i = 0; i < 2; i++) {
		threads[i] = test_thread(own_two, &two[i]);
		CHECK(EVENTUALLY(atomic_load(&two[i].owns)));
	}
	/* "a" waits for the thread of "b". */
	atomic_store(&two[0].go, true);
	parked(two[1].own[1], 1);
	/* One whose owner is nobody in particular is no part of any cycle. */
	d_lookup_detach(loose);
	threads[2] = test_thread(own_two, &third);
	atomic_store(&third.go, true);
	parked(loose, 1);
	/* So the thread of "b" must not wait for "A", which is of the thread of "a". */
	atomic_store(&two[1].go, true);
	test_sleep_ms(5);
	atomic_store(&two[1].end, true);
	for (i = 0; i < 2; i++)
		test_join(threads[i]);
	CHECK_ERR(two[1].result, -EDEADLK);
	/* That lookup of "B" failed, but it has seen the file. */
	if (CHECK(!IS_ERR_OR_NULL(two[0].result))) {
		CHECK(d_is_positive(two[0].result));
		dput(two[0].result);
	}
	CHECK_EQ(d_add(loose, NULL), 0);
	test_join(threads[2]);
	CHECK(!IS_ERR_OR_NULL(third.result));
	dput(third.result);
	dput(loose);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	tree_end(&tree);
}

/* The graph of who waits is locked while the lookup ends that somebody is about to wait for. @cycle: and
 * that one would have closed a cycle. Either way it starts over, and finds what there is now. */
static void end_before_it_is_waited_for(bool cycle)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct two_lookups first = { .tree = &tree,
				     .stored = QSTR_INIT("b", 1),
				     .end = true,
				     .asked = { QSTR_INIT("a", 1), QSTR_INIT("A", 1) } };
	struct two_lookups second = { .tree = &tree,
				      .stored = QSTR_INIT("a", 1),
				      .end = true,
				      .asked = { QSTR_INIT("b", 1), QSTR_INIT("B", 1) } };
	pthread_t threads[2];
	struct dentry *b;

	threads[0] = test_thread(own_two, &first);
	threads[1] = test_thread(own_two, &second);
	CHECK(EVENTUALLY(atomic_load(&first.owns) && atomic_load(&second.owns)));
	b = second.own[0];
	if (cycle) {
		atomic_store(&second.go, true);
		parked(first.own[0], 1);
	}
	dc_lock(&tree.dc->wait_graph_lock);
	atomic_store(&first.go, true);
	CHECK(EVENTUALLY(test_nr_counted(b) == 1));
	CHECK_EQ(d_lookup_fail(b, -EACCES), 0);
	dc_unlock(&tree.dc->wait_graph_lock);
	test_join(threads[0]);
	/* There is no entry of "b" any more: the one who has seen the file made it. */
	if (CHECK(!IS_ERR_OR_NULL(first.result))) {
		CHECK(d_is_positive(first.result));
		dput(first.result);
	}
	if (!cycle)
		atomic_store(&second.go, true);
	test_join(threads[1]);
	if (CHECK(!IS_ERR_OR_NULL(second.result)))
		dput(second.result);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	/* Who has gone is on no list. */
	CHECK(!tree.dc->graph_waiters.first);
	tree_end(&tree);
}

TEST(a_lookup_ends_before_it_is_waited_for, "H15 H17 d_add_ci")
{
	end_before_it_is_waited_for(false);
	end_before_it_is_waited_for(true);
}

#ifdef DCACHE_DEBUG

TEST(a_lookup_that_is_found_ends_before_it_is_joined, "H16 d_alloc_parallel")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct asker asker = { 0 };
	struct gate found = { 0 };

	gate_arm(&found, DC_A4, dentry, 1);
	asker_start(&asker, tree.root, COLD);
	CHECK(gate_wait(&found, 1));
	CHECK_EQ(d_add(dentry, NULL), 0);
	gate_open(&found);
	CHECK(asker_join(&asker) == dentry && !asker.owned);
	/* It has not waited for anybody. */
	CHECK_EQ(tree_stats(&tree).lookups_waited, 0);
	CHECK_EQ(tree_stats(&tree).outcomes_shared, 0);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

static void *ask_with_a_queue_of_its_own(void *parent)
{
	return d_alloc_parallel(parent, COLD, NULL);
}

/* What it had made before another was faster is given back, the queue too. */
TEST(a_queue_that_is_not_needed_is_given_back, "d_alloc_parallel")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct gate missed = { 0 };
	pthread_t threads[2];
	void *first, *second;

	gate_arm(&missed, DC_A3, tree.root, 1);
	threads[0] = test_thread(ask_with_a_queue_of_its_own, tree.root);
	CHECK(gate_wait(&missed, 1));
	threads[1] = test_thread(ask_with_a_queue_of_its_own, tree.root);
	CHECK(EVENTUALLY(tree_stats(&tree).entries == 3));
	gate_open(&missed);
	pthread_join(threads[0], &first);
	parked(first, 1);
	CHECK_EQ(d_add(first, NULL), 0);
	pthread_join(threads[1], &second);
	CHECK(first == second);
	dput(first);
	dput(second);
	tree_end(&tree);
}

struct stored {
	struct tree *tree;
	struct dentry *result;
};

static void *find_stored(void *arg)
{
	struct stored *self = arg;
	struct dentry *asked = d_alloc_parallel(self->tree->root, NAME("ASKED"), NULL);

	self->result = d_add_ci(asked, tree_inode(self->tree->dc, INODE_REGULAR), COLD);
	d_lookup_done(asked);
	dput(asked);
	return NULL;
}

static void *add_nothing(void *dentry)
{
	CHECK_EQ(d_add(dentry, NULL), 0);
	return NULL;
}

/* The answer of another's lookup, a negative, is no negative, or not hashed, any more when it is
 * about to be dropped. */
static void change_before_it_is_dropped(bool positive)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);
	struct stored stored = { .tree = &tree };
	struct gate telling = { 0 };
	pthread_t threads[2];

	threads[0] = test_thread(find_stored, &stored);
	parked(dentry, 1);
	gate_arm(&telling, DC_C4, dentry, 1);
	threads[1] = test_thread(add_nothing, dentry);
	CHECK(gate_wait(&telling, 1));
	dc_lock(&inode->i_lock);
	d_lock(dentry);
	gate_open(&telling);
	CHECK(EVENTUALLY(test_sleepers_on_lock(dentry)));
	if (positive)
		d_set_inode(dentry, inode);
	else
		d_unhash(dentry);
	d_unlock(dentry);
	dc_unlock(&inode->i_lock);
	test_join(threads[0]);
	test_join(threads[1]);
	CHECK(positive == (stored.result == dentry));
	CHECK(d_is_positive(stored.result) && !d_unhashed(stored.result));
	CHECK(positive == !d_unhashed(dentry));
	dput(stored.result);
	dput(dentry);
	if (!positive)
		iput(inode);
	gates_reset();
	tree_end(&tree);
}

TEST(a_negative_changes_before_it_is_dropped, "d_add_ci H13")
{
	change_before_it_is_dropped(false);
	change_before_it_is_dropped(true);
}

#endif

/* ---- rules ---- */

#ifdef DCACHE_DEBUG

static void hold_what_is_gone(void)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct inode *inode = tree_inode(tree.dc, INODE_REGULAR);

	dcache_read_lock();
	iput(inode);
	ihold(inode);
}

static void barrier_in_release(struct inode *inode)
{
	dcache_barrier(inode_dcache(inode));
}

static void wait_for_oneself(void)
{
	static const struct inode_operations ops = { .release = barrier_in_release };
	struct tree tree = tree_begin(NULL, NULL);

	iput(new_inode(tree.dc, 1, INODE_REGULAR, &ops, NULL));
	dcache_barrier(tree.dc);
}

static void break_a_rule_with_no_place_to_say_so(void)
{
	close(STDERR_FILENO);
	hold_what_is_gone();
}

TEST(more_broken_rules_stop_a_checked_build, "ihold dcache_barrier")
{
	CHECK(stops_with(hold_what_is_gone, "ihold: the inode is referenced"));
	CHECK(stops_with(wait_for_oneself, "dcache_barrier: not from a release operation"));
	CHECK(stops_with(break_a_rule_with_no_place_to_say_so, ""));
}

static bool hash_fails;

static int fickle_hash(const struct dentry *dir, struct qstr *name)
{
	if (hash_fails)
		return -EIO;
	name->hash = full_name_hash(dir, name->name, name->len);
	return 0;
}

/* A hash that was computed before is looked at again, if it can be. */
TEST(a_hash_that_cannot_be_checked_is_believed, "d_hash_name qstr")
{
	static const struct dentry_operations ops = { .d_hash = fickle_hash };
	struct tree tree = tree_begin(NULL, NULL);
	struct qstr name = *COLD;
	struct dentry *entry, *found;

	hash_fails = false;
	d_set_d_op(tree.root, &ops);
	entry = tree_add(&tree, tree.root, COLD, 0);
	CHECK_EQ(d_hash_name(tree.root, &name), 0);
	hash_fails = true;
	found = d_lookup(tree.root, &name);
	CHECK(found == entry);
	CHECK(!d_lookup(tree.root, COLD));
	dput(found);
	dput(entry);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */

/* ---- races that other tests leave to chance ---- */

static struct inode *grabbed;

static void *grab_and_put(void *arg)
{
	_Atomic int *ready = arg;
	int i;

	atomic_fetch_add(ready, 1);
	while (atomic_load(ready) < 3)
		usleep(10);
	for (i = 0; i < 300000; i++) {
		struct inode *inode = igrab(grabbed);

		if (!CHECK(inode == grabbed))
			break;
		iput(inode);
	}
	return NULL;
}

TEST(an_inode_is_grabbed_by_many, "igrab iput H4")
{
	struct tree tree = tree_begin(NULL, NULL);
	_Atomic int ready = 0;
	pthread_t threads[3];
	int i;

	grabbed = tree_inode(tree.dc, INODE_REGULAR);
	for (i = 0; i < 3; i++)
		threads[i] = test_thread(grab_and_put, &ready);
	for (i = 0; i < 3; i++)
		test_join(threads[i]);
	CHECK_EQ(tree_stats(&tree).inodes, 2);
	iput(grabbed);
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).inodes, 1);
	tree_end(&tree);
}
