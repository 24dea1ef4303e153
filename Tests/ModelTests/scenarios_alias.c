/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Entries that move, other spellings, and inodes with several entries. */
#include "world.h"

static struct dentry *begin(const struct qstr *name, struct wait_queue_head *wq)
{
	struct dentry *dentry;

	init_waitqueue_head(wq);
	dentry = d_alloc_parallel(world.root, name, wq);
	/* Another's lookup may have been refused for a cycle. */
	MODEL_CHECK(!IS_ERR(dentry) || PTR_ERR(dentry) == -EDEADLK);
	return dentry;
}

/* What this thread found, for finish to look at. */
static void keep_or_put(struct dentry *dentry)
{
	if (IS_ERR(dentry))
		return;
	if (world.found[model_thread()])
		dput(dentry);
	else
		world.found[model_thread()] = dentry;
}

/* ---- a directory turns up under a new name ---- */

static void splice_directory(void)
{
	struct wait_queue_head wq;
	struct dentry *dentry = begin(NAME("n"), &wq);
	struct dentry *alias;

	if (!d_in_lookup(dentry)) {
		MODEL_CHECK(dentry == world.dir);
		dput(dentry);
		return;
	}
	atomic_fetch_add_explicit(&world.asked, 1, memory_order_relaxed);
	ihold(d_inode(world.dir));
	alias = d_splice_alias(d_inode(world.dir), dentry);
	MODEL_CHECK(alias == world.dir);
	MODEL_CHECK(!d_in_lookup(dentry) && d_unhashed(dentry) && d_is_negative(dentry));
	dput(alias);
	dput(dentry);
}

static void finish_spliced(void)
{
	struct dentry *found;

	MODEL_CHECK(atomic_load(&world.asked) == 1);
	found = d_lookup(world.root, NAME("n"));
	MODEL_CHECK(found == world.dir);
	dput(found);
	MODEL_CHECK(!d_lookup(world.root, NAME("dir")));
	world_finish();
}

SCENARIO(three_find_a_directory_under_a_new_name) = {
	.covers = "H10",
	.threads = 3,
	.setup = world_setup_dir,
	.run = { splice_directory, splice_directory, splice_directory },
	.finish = finish_spliced,
};

SCENARIO(two_find_a_directory_under_a_new_name) = {
	.covers = "H10",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = world_setup_dir,
	.run = { splice_directory, splice_directory },
	.finish = finish_spliced,
};

/*
 * A neighbour is never missed, and paths are of one moment. The neighbour lies behind the directory on
 * its chain, and the directory moves to the other: who stands on it then is led astray.
 */
static struct qstr still;

static const struct bucket *bucket_of(struct qstr *name)
{
	MODEL_CHECK(!d_hash_name(world.root, name));
	return table_truth(&world.dc->entries, table_hash(world.root, name));
}

static void setup_neighbour(void)
{
	static const char letters[] = "abcdefgh";
	struct qstr dir = QSTR_INIT("dir", 3), to = QSTR_INIT("n", 1);
	unsigned int before = 0;
	int i;

	world_setup();
	/* The seed is fixed, and so are the buckets. The first names take the slots. */
	MODEL_CHECK(bucket_of(&dir) != bucket_of(&to));
	for (i = 0; letters[i] && before <= BUCKET_SLOTS; i++) {
		still = qstr_init(&letters[i], 1);
		if (bucket_of(&still) != bucket_of(&dir))
			continue;
		dput(world_add(world.root, &still, INODE_REGULAR));
		before++;
	}
	MODEL_CHECK(before > BUCKET_SLOTS);
	world.dir = world_add(world.root, NAME("dir"), INODE_DIRECTORY);
	world.entry = world_add(world.dir, NAME("child"), INODE_REGULAR);
}

static void look_up_still(void)
{
	struct dentry *dentry = d_lookup(world.root, &still);

	MODEL_CHECK(dentry);
	dput(dentry);
}

/* Onto an entry that is not in-lookup: the directory's sequence moves when all is done. */
static void splice_onto_plain(void)
{
	atomic_fetch_add_explicit(&world.asked, 1, memory_order_relaxed);
	world_find_at(world.dir, world.root, NAME("n"));
}

/* Whoever looks it up in parallel finds it, too, and does not ask. */
static void look_up_still_in_parallel(void)
{
	struct wait_queue_head wq;
	struct dentry *dentry = begin(&still, &wq);

	MODEL_CHECK(!d_in_lookup(dentry));
	dput(dentry);
}

static void look_at_path(void)
{
	char path[32];
	int len = dentry_path(world.entry, path, sizeof(path));

	MODEL_CHECK(len > 0);
	MODEL_CHECK(!__builtin_strcmp(path, "/dir/child") || !__builtin_strcmp(path, "/n/child"));
}

static void finish_neighbour(void)
{
	dput(world.entry);
	finish_spliced();
}

SCENARIO(a_move_and_a_still_neighbour) = {
	.covers = "H46",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_neighbour,
	.run = { splice_directory, look_up_still },
	.finish = finish_neighbour,
};

SCENARIO(a_move_and_a_parallel_lookup_of_a_neighbour) = {
	.covers = "H1 H46",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_neighbour,
	.run = { splice_onto_plain, look_up_still_in_parallel },
	.finish = finish_neighbour,
};

SCENARIO(a_move_a_neighbour_and_a_path) = {
	.covers = "H35 H46",
	.threads = 3,
	.setup = setup_neighbour,
	.run = { splice_directory, look_up_still, look_at_path },
	.finish = finish_neighbour,
};

/* Without references: what is seen is true together. */
static void look_without_reference(void)
{
	const struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = d_lookup_rcu(world.root, NAME("n"), &seq);
	if (dentry) {
		const struct inode *inode = d_inode(dentry);
		const struct dentry *parent = d_parent(dentry);

		if (!d_seq_retry(dentry, seq)) {
			MODEL_CHECK(parent == world.root);
			MODEL_CHECK(!inode || inode->i_ino == 7);
		}
	}
	dcache_read_unlock();
}

SCENARIO(a_move_and_a_lookup_without_reference) = {
	.covers = "H34 H39",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = world_setup_dir,
	.run = { splice_directory, look_without_reference },
	.finish = finish_spliced,
};

/* Names that are not inline: the old one is freed while others look. */
static void setup_long(void)
{
	world_setup();
	world.dir = world_add(world.root, NAME(LONG_A), INODE_DIRECTORY);
}

static void splice_long(void)
{
	struct wait_queue_head wq;
	struct dentry *dentry = begin(NAME(LONG_B), &wq);

	MODEL_CHECK(d_in_lookup(dentry));
	ihold(d_inode(world.dir));
	dput(d_splice_alias(d_inode(world.dir), dentry));
	dput(dentry);
}

static void look_up_long(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME(LONG_A));

	MODEL_CHECK(!dentry || dentry == world.dir);
	dput(dentry);
}

static void copy_name(void)
{
	char name[64];
	int len = d_name_copy(world.dir, name, sizeof(name));

	MODEL_CHECK(len == sizeof(LONG_A) - 1);
	MODEL_CHECK(!__builtin_memcmp(name, LONG_A, 46));
}

SCENARIO(a_long_name_is_replaced) = {
	.covers = "H40 H41",
	.threads = 3,
	.setup = setup_long,
	.run = { splice_long, look_up_long, copy_name },
	.finish = world_finish,
};

/* ---- another spelling ---- */

static void add_ci(const struct qstr *asked, const struct qstr *stored)
{
	struct wait_queue_head wq;
	struct dentry *dentry = begin(asked, &wq);
	struct dentry *found;

	if (IS_ERR(dentry) || !d_in_lookup(dentry)) {
		keep_or_put(dentry);
		return;
	}
	atomic_fetch_add_explicit(&world.asked, 1, memory_order_relaxed);
	found = d_add_ci(dentry, world_inode(INODE_REGULAR), stored);
	world.result[model_thread()] = IS_ERR(found) ? PTR_ERR(found) : 0;
	if (IS_ERR(found)) {
		MODEL_CHECK(!d_lookup_fail(dentry, (int)PTR_ERR(found)));
	} else {
		MODEL_CHECK(d_is_positive(found) && !d_unhashed(found) && d_in_lookup(dentry));
		MODEL_CHECK(!d_lookup_redirect(dentry, found));
		keep_or_put(found);
	}
	dput(dentry);
}

static void ask_wrong_spelling(void)
{
	add_ci(NAME("N"), NAME("n"));
}

static void ask_stored_spelling(void)
{
	struct wait_queue_head wq;
	struct dentry *dentry = begin(NAME("n"), &wq);

	if (d_in_lookup(dentry))
		MODEL_CHECK(!d_add(dentry, world_inode(INODE_REGULAR)));
	MODEL_CHECK(d_is_positive(dentry) && !d_unhashed(dentry));
	keep_or_put(dentry);
}

/* All who found something found the one entry of the stored spelling. */
static void finish_one_spelling(void)
{
	struct dentry *stored = d_lookup(world.root, NAME("n"));
	int i;

	MODEL_CHECK(stored && !d_lookup(world.root, NAME("N")));
	for (i = 0; i < MODEL_MAX_THREADS; i++)
		MODEL_CHECK(!world.found[i] || world.found[i] == stored);
	dput(stored);
	world_put_found();
}

SCENARIO(a_wrong_spelling_and_the_stored_one) = {
	.covers = "H14 H17",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = world_setup,
	.run = { ask_wrong_spelling, ask_stored_spelling },
	.finish = finish_one_spelling,
};

SCENARIO(two_wrong_spellings_and_the_stored_one) = {
	.covers = "H14 H17",
	.threads = 3,
	.setup = world_setup,
	.run = { ask_wrong_spelling, ask_stored_spelling, ask_wrong_spelling },
	.finish = finish_one_spelling,
};

static void ask_a_stored_as_b(void)
{
	add_ci(NAME("a"), NAME("b"));
}

static void ask_b_stored_as_a(void)
{
	add_ci(NAME("b"), NAME("a"));
}

/* At most one of the two may be refused for the cycle, and nobody hangs. */
static void finish_cycle(void)
{
	MODEL_CHECK(!world.result[0] || world.result[0] == -EDEADLK);
	MODEL_CHECK(!world.result[1] || world.result[1] == -EDEADLK);
	world_put_found();
}

SCENARIO(a_cycle_of_spellings) = {
	.covers = "H15",
	.threads = 2,
	.setup = world_setup,
	.run = { ask_a_stored_as_b, ask_b_stored_as_a },
	.finish = finish_cycle,
};

/*
 * One who waits for a cycle's other end forgets to end its own lookup, and leaves the frame with the
 * queue head. Who was refused for the cycle must not touch that any more.
 */
static _Atomic(struct dentry *) lent;

static void setup_forgetful(void)
{
	world_setup();
	model_rules_may_break();
	/* Whose own lookup has been ended adds the stored spelling without one. */
	world.overtaking = true;
	atomic_init(&lent, NULL);
}

static void ask_a_and_lend_it(void)
{
	struct wait_queue_head wq;
	struct dentry *dentry = begin(NAME("a"), &wq);

	if (!IS_ERR(dentry) && d_in_lookup(dentry)) {
		atomic_store_explicit(&lent, dget(dentry), memory_order_release);
		keep_or_put(d_add_ci(dentry, world_inode(INODE_REGULAR), NAME("b")));
		d_lookup_done(dentry);
	}
	if (!IS_ERR(dentry))
		dput(dentry);
}

static __attribute__((noinline)) void ask_b_and_forget_it(void)
{
	struct wait_queue_head wq;
	struct dentry *dentry = begin(NAME("b"), &wq);

	if (IS_ERR(dentry))
		return;
	if (d_in_lookup(dentry))
		keep_or_put(d_add_ci(dentry, world_inode(INODE_REGULAR), NAME("a")));
	dput(dentry);
}

static void end_what_was_lent(void)
{
	struct dentry *dentry = atomic_exchange_explicit(&lent, NULL, memory_order_acquire);

	if (dentry) {
		d_lookup_done(dentry);
		dput(dentry);
	}
}

static void finish_forgetful(void)
{
	end_what_was_lent();
	world_put_found();
}

SCENARIO(a_cycle_and_an_owner_that_forgets) = {
	.covers = "H11 H15",
	.threads = 3,
	.setup = setup_forgetful,
	.run = { ask_a_and_lend_it, ask_b_and_forget_it, end_what_was_lent },
	.finish = finish_forgetful,
};

/* ---- aliases ---- */

static void setup_alias(void)
{
	world_setup_file();
	ihold(world.inode);
}

static void drop_and_put(void)
{
	d_drop(world.entry);
	dput(world.entry);
}

static void obtain(void)
{
	struct dentry *dentry;

	dentry = d_obtain_alias(world.inode);
	MODEL_CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
	dput(dentry);
}

SCENARIO(the_last_put_and_an_alias_finder) = {
	.covers = "H38",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_alias,
	.run = { drop_and_put, obtain },
	.finish = world_finish,
};
