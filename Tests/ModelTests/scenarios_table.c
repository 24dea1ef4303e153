/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables that change their size beside searches, additions, removals, moves, and each other.
 *
 * A resize is begun in the setup, with nothing moved yet; a call of table_tend() moves a bucket, four
 * when the table shrinks. Elsewhere tables keep their size.
 */
#include "world.h"

#define MANY 8

static struct qstr names[MANY];
static struct dentry *entries[MANY];	/* referenced */
static int nr_names, nr_fillers;

/* The @nth name of a letter whose hash ends in the @bits that are @value. */
static struct qstr letter(uint32_t bits, uint64_t value, int nth)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	int i;

	for (i = 0; letters[i]; i++) {
		struct qstr name = qstr_init(&letters[i], 1);

		MODEL_CHECK(!d_hash_name(world.root, &name));
		if ((table_hash(world.root, &name) & (((uint64_t)1 << bits) - 1)) == value && !nth--)
			return name;
	}
	MODEL_CHECK(false);
	return (struct qstr){ 0 };
}

static void add(struct qstr name)
{
	names[nr_names] = name;
	entries[nr_names] = world_add(world.root, &name, INODE_DIRECTORY);
	nr_names++;
}

/* Names that come first and take the slots of the bucket whose names' hashes end in 0, so that others lie on
 * its chain. */
static void fill_slots(void)
{
	for (nr_fillers = 0; nr_fillers < (int)BUCKET_SLOTS; nr_fillers++) {
		struct qstr name = letter(2, 0, 3 + nr_fillers);

		dput(world_add(world.root, &name, INODE_REGULAR));
	}
}

/* The table may have 2^@min to 2^@max buckets from now on, and begins to take on the smallest or the
 * greatest size. */
static void begin_resize(struct hash_table *table, uint32_t min, uint32_t max, bool grow)
{
	_Atomic int64_t *nr = &table->counts[0].nr;
	int64_t real = nr_names + nr_fillers;

	table->min = min;
	table->max = max;
	atomic_store_explicit(nr, grow ? (int64_t)1 << max : 0, memory_order_relaxed);
	atomic_store_explicit(&table->state, TABLE_DUE, memory_order_relaxed);
	table_tend(table);
	MODEL_CHECK(atomic_load_explicit(&table->state, memory_order_relaxed) == TABLE_MOVING);
	atomic_store_explicit(nr, real, memory_order_relaxed);
}

/* Behind slots that are taken, three names on a chain: the outer two go to one of the new buckets, that
 * between to the other. */
static void setup_growing(void)
{
	world_setup();
	nr_names = 0;
	fill_slots();
	add(letter(2, 0, 0));
	add(letter(2, 2, 0));
	add(letter(2, 0, 1));
	begin_resize(&world.dc->entries, 1, 2, true);
}

static void finish_names(void)
{
	struct dcache_stats stats;
	int i;

	for (i = 0; i < nr_names; i++) {
		struct dentry *dentry = d_lookup(world.root, &names[i]);

		MODEL_CHECK(d_unhashed(entries[i]) ? !dentry : dentry == entries[i]);
		dput(dentry);
		dput(entries[i]);
	}
	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.resizes >= 1);
	world_finish();
}

static void finish_grown(void)
{
	while (atomic_load_explicit(&world.dc->entries.state, memory_order_relaxed) == TABLE_MOVING)
		table_tend(&world.dc->entries);
	finish_names();
}

static void tend(void)
{
	table_tend(&world.dc->entries);
}

static void tend_twice(void)
{
	tend();
	tend();
}

static void look_up(int i)
{
	struct dentry *dentry = d_lookup(world.root, &names[i]);

	MODEL_CHECK(dentry == entries[i]);
	dput(dentry);
}

static void look_up_first(void)
{
	look_up(0);
}

static void look_up_second(void)
{
	look_up(1);
}

static void look_up_last_without_reference(void)
{
	uint32_t seq;

	dcache_read_lock();
	MODEL_CHECK(d_lookup_rcu(world.root, &names[2], &seq) == entries[2]);
	MODEL_CHECK(d_lookup_rcu(world.root, &names[0], &seq) == entries[0]);
	dcache_read_unlock();
}

/* Together. What is only asked for ahead must not outlive the array. */
static void look_up_batch(void)
{
	struct d_lookup_request requests[] = {
		{ .parent = world.root, .name = names[0] },
		{ .parent = world.root, .name = names[2] },
	};

	MODEL_CHECK(d_lookup_batch(requests, 2) == 2);
	MODEL_CHECK(requests[0].dentry == entries[0] && requests[1].dentry == entries[2]);
	dput(requests[0].dentry);
	dput(requests[1].dentry);
}

SCENARIO(a_batch_while_its_bucket_is_moved) = {
	.covers = "H46 T1 T4",
	.threads = 2,
	.setup = setup_growing,
	.run = { tend_twice, look_up_batch },
	.finish = finish_grown,
};

SCENARIO(a_lookup_while_its_bucket_is_moved) = {
	.covers = "H46 T1",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_growing,
	.run = { tend_twice, look_up_first },
	.finish = finish_grown,
};

SCENARIO(lookups_while_their_bucket_is_moved) = {
	.covers = "H46 T1 T4",
	.threads = 3,
	.setup = setup_growing,
	.run = { tend_twice, look_up_second, look_up_last_without_reference },
	.finish = finish_grown,
};

SCENARIO(two_move_buckets_of_one_table) = {
	.covers = "H46 T4 T6",
	.threads = 3,
	.setup = setup_growing,
	.run = { tend_twice, tend_twice, look_up_second },
	.finish = finish_grown,
};

/* ---- additions and removals ---- */

static struct qstr fourth;
static struct dentry *added[MODEL_MAX_THREADS];

static void setup_growing_to_add(void)
{
	setup_growing();
	fourth = letter(2, 2, 1);
	world.result[0] = world.result[1] = world.result[2] = 0;
	added[0] = added[1] = added[2] = NULL;
}

static void add_fourth(void)
{
	struct dentry *dentry = d_alloc(world.root, &fourth);

	MODEL_CHECK(!IS_ERR(dentry));
	world.result[model_thread()] = d_add(dentry, world_inode(INODE_REGULAR));
	dput(dentry);
	dentry = d_lookup(world.root, &fourth);
	MODEL_CHECK(dentry);
	dput(dentry);
}

static void finish_added(void)
{
	struct dentry *dentry;

	/* One of two is refused; one is not. */
	MODEL_CHECK(world.result[1] + world.result[2] == (world.result[0] == 1 ? 0 : -EEXIST));
	dentry = d_lookup(world.root, &fourth);
	MODEL_CHECK(dentry);
	d_drop(dentry);
	dput(dentry);
	dentry = d_lookup(world.root, &fourth);
	MODEL_CHECK(!dentry);
	finish_grown();
}

static void tend_twice_for_one(void)
{
	world.result[0] = 1;
	tend_twice();
}

SCENARIO(an_addition_while_the_bucket_is_moved) = {
	.covers = "H46 T2",
	.threads = 2,
	.setup = setup_growing_to_add,
	.run = { tend_twice_for_one, add_fourth },
	.finish = finish_added,
};

SCENARIO(two_additions_while_the_bucket_is_moved) = {
	.covers = "H46 T2 U1",
	.threads = 3,
	.setup = setup_growing_to_add,
	.run = { tend_twice, add_fourth, add_fourth },
	.finish = finish_added,
};

static void drop_second(void)
{
	d_drop(entries[1]);
	MODEL_CHECK(!d_lookup(world.root, &names[1]));
}

static void drop_last_and_bring_it_back(void)
{
	d_drop(entries[2]);
	MODEL_CHECK(!d_rehash(entries[2]));
	look_up(2);
}

SCENARIO(a_removal_while_the_bucket_is_moved) = {
	.covers = "H46 T2",
	.threads = 3,
	.setup = setup_growing,
	.run = { tend_twice, drop_second, look_up_first },
	.finish = finish_grown,
};

SCENARIO(one_leaves_and_comes_back_while_the_bucket_is_moved) = {
	.covers = "H46 T1 T2",
	.threads = 3,
	.setup = setup_growing,
	.run = { tend_twice, drop_last_and_bring_it_back, look_up_first },
	.finish = finish_grown,
};

/* ---- moves of entries ---- */

static struct qstr elsewhere;

static void setup_growing_to_move(void)
{
	setup_growing();
	elsewhere = letter(2, 1, 0);
}

/* To a new bucket, of which the old one may be moved too. */
static void setup_growing_to_move_beside(void)
{
	setup_growing();
	elsewhere = letter(2, 2, 1);
}

static void move_last(void)
{
	world_find_at(entries[2], world.root, &elsewhere);
	names[2] = elsewhere;
	look_up(2);
}

SCENARIO(a_move_while_the_bucket_is_moved) = {
	.covers = "H46 T3",
	.threads = 3,
	.setup = setup_growing_to_move,
	.run = { tend_twice, move_last, look_up_first },
	.finish = finish_grown,
};

SCENARIO(a_move_within_the_bucket_that_is_moved) = {
	.covers = "H46 T3",
	.threads = 3,
	.setup = setup_growing_to_move_beside,
	.run = { tend_twice, move_last, look_up_second },
	.finish = finish_grown,
};

/* Two buckets become one: a mover holds it and wants one of the two. */
static void setup_shrinking(void)
{
	world_setup();
	nr_names = nr_fillers = 0;
	begin_resize(&world.dc->entries, 1, 2, true);
	tend_twice();
	add(letter(2, 0, 0));
	add(letter(2, 2, 0));
	add(letter(2, 0, 1));
	begin_resize(&world.dc->entries, 1, 2, false);
	elsewhere = letter(2, 2, 1);
}

SCENARIO(a_lookup_while_buckets_become_one) = {
	.covers = "H46 T1",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_shrinking,
	.run = { tend, look_up_first },
	.finish = finish_grown,
};

SCENARIO(a_move_while_buckets_become_one) = {
	.covers = "H46 T3",
	.threads = 3,
	.setup = setup_shrinking,
	.run = { tend, move_last, look_up_second },
	.finish = finish_grown,
};

/* To the bucket that is moved first, from the one that is moved next. */
static void setup_shrinking_to_move(void)
{
	setup_shrinking();
	elsewhere = letter(2, 0, 2);
}

static void move_second(void)
{
	world_find_at(entries[1], world.root, &elsewhere);
	names[1] = elsewhere;
	look_up(1);
}

SCENARIO(a_move_to_where_its_bucket_is_moved) = {
	.covers = "H46 T3",
	.threads = 3,
	.setup = setup_shrinking_to_move,
	.run = { tend, move_second, look_up_first },
	.finish = finish_grown,
};

static void setup_shrinking_to_add(void)
{
	setup_shrinking();
	fourth = letter(2, 2, 1);
	world.result[0] = world.result[1] = world.result[2] = 0;
}

SCENARIO(two_additions_while_buckets_become_one) = {
	.covers = "H46 T2 U1",
	.threads = 3,
	.setup = setup_shrinking_to_add,
	.run = { tend, add_fourth, add_fourth },
	.finish = finish_added,
};

SCENARIO(a_removal_while_buckets_become_one) = {
	.covers = "H46 T2",
	.threads = 3,
	.setup = setup_shrinking,
	.run = { tend, drop_second, drop_last_and_bring_it_back },
	.finish = finish_grown,
};

/* ---- one resize after the other ---- */

static void setup_growing_twice(void)
{
	setup_growing();
	world.dc->entries.max = 3;
}

/* What is moved by one thread: growth by additions alone. */
static void grow_twice(void)
{
	atomic_store_explicit(&world.dc->entries.counts[0].nr, 8, memory_order_relaxed);
	tend_twice();
	tend();
	tend_twice();
	tend_twice();
}

static void finish_grown_twice(void)
{
	MODEL_CHECK(table_size(&world.dc->entries) == 8);
	atomic_store_explicit(&world.dc->entries.counts[0].nr, nr_names + nr_fillers,
			      memory_order_relaxed);
	finish_names();
}

SCENARIO(a_lookup_beside_two_resizes) = {
	.covers = "H46 T1 T4",
	.threads = 2,
	.setup = setup_growing_twice,
	.run = { grow_twice, look_up_first },
	.finish = finish_grown_twice,
};

/* Both see that a resize is due. */
static void setup_due(void)
{
	world_setup();
	nr_names = nr_fillers = 0;
	add(letter(2, 0, 0));
	add(letter(2, 2, 0));
	add(letter(2, 0, 1));
	world.dc->entries.max = 2;
	atomic_store_explicit(&world.dc->entries.counts[0].nr, nr_names + nr_fillers,
			      memory_order_relaxed);
	atomic_store_explicit(&world.dc->entries.state, TABLE_DUE, memory_order_relaxed);
}

SCENARIO(two_begin_a_resize) = {
	.covers = "H46 T6",
	.threads = 3,
	.setup = setup_due,
	.run = { tend_twice, tend_twice, look_up_second },
	.finish = finish_grown,
};

/* There is memory for the array, or not: then the table stays as it is. */
static void finish_perhaps_grown(void)
{
	MODEL_CHECK(atomic_load_explicit(&world.dc->entries.state, memory_order_relaxed) !=
		    TABLE_BEGIN);
	model_fail_allocation(0);
	atomic_store_explicit(&world.dc->entries.counts[0].nr, 4, memory_order_relaxed);
	if (atomic_load_explicit(&world.dc->entries.state, memory_order_relaxed) == TABLE_REST)
		atomic_store_explicit(&world.dc->entries.state, TABLE_DUE, memory_order_relaxed);
	tend();
	finish_grown();
}

SCENARIO(oom_a_table_begins_to_grow) = {
	.covers = "H51 oom",
	.threads = 3,
	.setup = setup_due,
	.run = { tend_twice, tend_twice, look_up_second },
	.finish = finish_perhaps_grown,
};

/* The one ends a resize, the other begins the next. */
static void setup_almost_grown(void)
{
	setup_growing();
	world.dc->entries.max = 3;
	tend();
	atomic_store_explicit(&world.dc->entries.counts[0].nr, 8, memory_order_relaxed);
}

static void finish_almost_grown(void)
{
	while (atomic_load_explicit(&world.dc->entries.state, memory_order_relaxed) != TABLE_REST)
		tend();
	MODEL_CHECK(table_size(&world.dc->entries) == 8);
	atomic_store_explicit(&world.dc->entries.counts[0].nr, nr_names + nr_fillers,
			      memory_order_relaxed);
	finish_names();
}

SCENARIO(a_resize_ends_and_the_next_begins) = {
	.covers = "H46 T4 T6",
	.threads = 3,
	.setup = setup_almost_grown,
	.run = { tend_twice, tend_twice, look_up_first },
	.finish = finish_almost_grown,
};

/* ---- the in-lookup table ---- */

static struct qstr asked_for, begun;
static struct dentry *begun_entry;

static void setup_in_lookup(void)
{
	world_setup();
	nr_names = nr_fillers = 0;
	begun = letter(2, 0, 0);
	asked_for = letter(2, 0, 1);
	begun_entry = d_alloc_parallel(world.root, &begun, NULL);
	MODEL_CHECK(!IS_ERR(begun_entry) && d_in_lookup(begun_entry));
	begin_resize(&world.dc->in_lookup, 1, 2, true);
	atomic_store_explicit(&world.dc->in_lookup.counts[0].nr, 1, memory_order_relaxed);
}

static void tend_in_lookup(void)
{
	table_tend(&world.dc->in_lookup);
	table_tend(&world.dc->in_lookup);
}

/* The owner adds: nobody else may become one. */
static void ask(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, &asked_for, &wq);

	MODEL_CHECK(!IS_ERR(dentry));
	if (d_in_lookup(dentry)) {
		atomic_fetch_add_explicit(&world.asked, 1, memory_order_relaxed);
		MODEL_CHECK(!d_add(dentry, world_inode(INODE_REGULAR)));
	}
	MODEL_CHECK(d_is_positive(dentry));
	dput(dentry);
}

static void ask_for_begun(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, &begun, &wq);

	MODEL_CHECK(dentry == begun_entry && d_is_positive(dentry));
	dput(dentry);
}

static void end_begun(void)
{
	MODEL_CHECK(!d_add(begun_entry, world_inode(INODE_REGULAR)));
}

static void finish_one_asked(void)
{
	MODEL_CHECK(atomic_load_explicit(&world.asked, memory_order_relaxed) == 1);
	end_begun();
	dput(begun_entry);
	world_finish();
}

static void finish_begun(void)
{
	dput(begun_entry);
	world_finish();
}

SCENARIO(one_owner_while_the_in_lookup_bucket_is_moved) = {
	.covers = "H1 P1 T2",
	.threads = 3,
	.setup = setup_in_lookup,
	.run = { tend_in_lookup, ask, ask },
	.finish = finish_one_asked,
};

SCENARIO(a_waiter_while_the_in_lookup_bucket_is_moved) = {
	.covers = "H1 P2 T2",
	.threads = 3,
	.setup = setup_in_lookup,
	.run = { tend_in_lookup, ask_for_begun, end_begun },
	.finish = finish_begun,
};

static void setup_in_lookup_until_then(void)
{
	setup_in_lookup();
	world.overtaking = true;
}

/* What is asked for is invalidated: the answer is from before that. */
static void invalidate_begun(void)
{
	MODEL_CHECK(!d_invalidate_name(world.root, &begun));
}

static void finish_outdated(void)
{
	end_begun();
	MODEL_CHECK(d_is_stale(begun_entry) && d_lookup_overtaken(begun_entry));
	finish_begun();
}

SCENARIO(a_name_invalidated_while_the_in_lookup_bucket_is_moved) = {
	.covers = "F5 T1",
	.threads = 2,
	.setup = setup_in_lookup_until_then,
	.run = { tend_in_lookup, invalidate_begun },
	.finish = finish_outdated,
};
