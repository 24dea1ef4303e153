/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits: making room beside all else that may become of an entry; which list it is on. */
#include "world.h"

/* All counters and lists agree with what there is. */
static void check_lists(void)
{
	uint64_t listed = 0;
	unsigned int i, j;

	for (i = 0; i < LRU_SHARDS; i++) {
		for (j = 0; j < LRU_LISTS; j++) {
			struct lru_list *list = &world.dc->lru[i].lists[j];
			struct list_head *at;
			uint64_t nr = 0;

			for (at = list->list.next; at != &list->list; at = at->next) {
				struct dentry *dentry = container_of(at, struct dentry, d_lru);

				nr++;
				MODEL_CHECK(d_is_negative(dentry) == (j == 1));
				MODEL_CHECK(!!(dentry->d_flags & DCACHE_NEG_LRU) == (j == 1));
			}
			MODEL_CHECK(list->nr == nr);
			listed += nr;
		}
	}
	MODEL_CHECK(lru_count(world.dc) == listed);
}

/* What the total knows of, or is going to. */
static int64_t counted(enum limit_kind kind)
{
	const struct counters *counters = &world.dc->counters;
	int64_t count = counters->totals[kind].value + counters->shards[0].share[kind];
	unsigned int i;

	for (i = 0; !limits_are_set(counters) && i < DC_THREAD_NUMBERS; i++)
		count += counters->own[i].share[kind];
	return count;
}

static void check_counts(void)
{
	uint64_t entries = 1, negatives = 0;
	const struct hlist_node *node;
	struct dcache_stats stats;

	for (node = world.root->d_children.first; node; node = node->next) {
		const struct dentry *dentry = container_of(node, struct dentry, d_sib);

		entries++;
		negatives += d_is_negative(dentry) && !d_unhashed(dentry);
	}
	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.entries == entries && stats.negatives == negatives);
	MODEL_CHECK(counted(LIMIT_ENTRIES) == (int64_t)entries);
	MODEL_CHECK(counted(LIMIT_NEGATIVES) == (int64_t)negatives);
	check_lists();
}

static void finish_counted(void)
{
	check_counts();
	world_finish();
}

/* ---- an unused entry, on the list ---- */

static void add_negative(const char *letter)
{
	const struct qstr name = qstr_init(letter, 1);
	struct dentry *dentry = d_alloc(world.root, &name);

	MODEL_CHECK(!IS_ERR(dentry));
	MODEL_CHECK(!d_add(dentry, NULL));
	dput(dentry);
}

static void setup_negative(void)
{
	world_setup();
	add_negative("n");
}

static void setup_positive(void)
{
	world_setup_file();
	dput(world.entry);
}

static void shrink_one(void)
{
	world.result[model_thread()] = (long)shrink_dcache(world.dc, 1);
}

static void find_and_put(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	dput(dentry);
}

static void find_and_delete(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (!dentry)
		return;
	d_delete(dentry);
	dput(dentry);
}

static void find_and_instantiate(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (!dentry)
		return;
	MODEL_CHECK(!d_instantiate(dentry, world_inode(INODE_REGULAR)));
	MODEL_CHECK(d_is_positive(dentry));
	dput(dentry);
}

static void find_and_drop(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (!dentry)
		return;
	d_drop(dentry);
	dput(dentry);
}

static void finish_shrunk(void)
{
	struct dcache_stats stats;

	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.evicted ==
		    (uint64_t)(world.result[0] + world.result[1] + world.result[2]));
	finish_counted();
}

SCENARIO(an_eviction_a_lookup_and_a_removal) = {
	.covers = "H45 H36 H37 limits",
	.threads = 3,
	.setup = setup_positive,
	.run = { shrink_one, find_and_put, find_and_delete },
	.finish = finish_shrunk,
};

SCENARIO(an_eviction_and_a_removal) = {
	.covers = "H45 H37 limits",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_positive,
	.run = { shrink_one, find_and_delete },
	.finish = finish_shrunk,
};

SCENARIO(an_eviction_and_a_creation) = {
	.covers = "H45 H37 limits",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_negative,
	.run = { shrink_one, find_and_instantiate },
	.finish = finish_shrunk,
};

SCENARIO(an_eviction_a_creation_and_a_drop) = {
	.covers = "H45 H36 limits",
	.threads = 3,
	.setup = setup_negative,
	.run = { shrink_one, find_and_instantiate, find_and_drop },
	.finish = finish_shrunk,
};

static void setup_two(void)
{
	world_setup();
	add_negative("n");
	add_negative("m");
}

SCENARIO(two_shrinkers_and_a_creation) = {
	.covers = "H36 H37 H45 limits",
	.threads = 3,
	.setup = setup_two,
	.run = { shrink_one, shrink_one, find_and_instantiate },
	.finish = finish_shrunk,
};

/* ---- a limit of entries ---- */

static void add_own(void)
{
	char letter = (char)('a' + model_thread());
	const struct qstr name = qstr_init(&letter, 1);
	struct dcache_stats stats;

	dput(world_add(world.root, &name, INODE_REGULAR));
	dcache_get_stats(world.dc, &stats);
	/* What the other holds just now is in use; but that leaves room for both. */
	MODEL_CHECK(stats.entries <= 4);
}

static void setup_room_for_three(void)
{
	world_setup_limited(4, 0);
	dput(world_add(world.root, NAME("x"), INODE_REGULAR));
	dput(world_add(world.root, NAME("y"), INODE_REGULAR));
	dput(world_add(world.root, NAME("z"), INODE_REGULAR));
}

SCENARIO(two_add_and_the_limit_holds) = {
	.covers = "limits H42",
	.threads = 2,
	.setup = setup_room_for_three,
	.run = { add_own, add_own },
	.finish = finish_counted,
};

static void setup_full_of_four(void)
{
	setup_room_for_three();
	model_quiet(NULL, 0);
}

static void shrink_beside(void)
{
	shrink_dcache(world.dc, 1);
}

SCENARIO(an_addition_and_a_shrinker_at_the_limit) = {
	.covers = "limits N2",
	.threads = 2,
	.setup = setup_full_of_four,
	.run = { shrink_beside, add_own },
	.finish = finish_counted,
};

/* Room is made of an entry while it gets its last put. */
static void setup_full_and_held(void)
{
	world_setup_limited(2, 0);
	world.entry = world_add(world.root, NAME("n"), INODE_REGULAR);
	dput(world.entry);
	world.entry = d_lookup(world.root, NAME("n"));
}

static void put_held(void)
{
	dput(world.entry);
}

static void add_one(void)
{
	dput(world_add(world.root, NAME("a"), INODE_REGULAR));
}

static void finish_put_and_full(void)
{
	struct dcache_stats stats;

	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.entries + stats.evicted == 3);
	finish_counted();
}

SCENARIO(place_is_made_beside_the_last_put) = {
	.covers = "limits D1 H38",
	.threads = 2,
	.setup = setup_full_and_held,
	.run = { put_held, add_one },
	.finish = finish_put_and_full,
};

static void drop_held(void)
{
	d_drop(world.entry);
	dput(world.entry);
}

SCENARIO(place_is_made_beside_a_drop) = {
	.covers = "limits D1 D3",
	.threads = 2,
	.setup = setup_full_and_held,
	.run = { drop_held, add_one },
	.finish = finish_counted,
};

/* ---- a limit of negatives ---- */

static void check_negatives(uint64_t most)
{
	struct dcache_stats stats;

	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.negatives <= most);
}

static void setup_two_negatives(void)
{
	world_setup_limited(0, 2);
	add_negative("x");
	add_negative("y");
	world.entry = world_add(world.root, NAME("n"), INODE_REGULAR);
}

static void add_own_negative(void)
{
	char letter = (char)('a' + model_thread());

	add_negative(&letter);
	check_negatives(2);
}

static void delete_held(void)
{
	d_delete(world.entry);
	check_negatives(2);
	dput(world.entry);
}

SCENARIO(a_removal_and_a_miss_at_the_limit_of_negatives) = {
	.covers = "limits H45",
	.threads = 2,
	.setup = setup_two_negatives,
	.run = { add_own_negative, delete_held },
	.finish = finish_counted,
};

static void find_x_and_instantiate(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("x"));

	if (dentry)
		MODEL_CHECK(!d_instantiate(dentry, world_inode(INODE_REGULAR)));
	dput(dentry);
	check_negatives(2);
	dput(world.entry);
}

SCENARIO(a_creation_and_a_miss_at_the_limit_of_negatives) = {
	.covers = "limits H45",
	.threads = 2,
	.setup = setup_two_negatives,
	.run = { add_own_negative, find_x_and_instantiate },
	.finish = finish_counted,
};

/* ---- limits that change ---- */

static void setup_three(void)
{
	/* A limit, so that the totals are watched; far away, and with a batch of more than one. */
	world_setup_limited(1000, 0);
	dput(world_add(world.root, NAME("x"), INODE_REGULAR));
	dput(world_add(world.root, NAME("y"), INODE_REGULAR));
}

static void lower_the_limit(void)
{
	const struct dcache_limits limits = { .max_entries = 3 };

	MODEL_CHECK(!dcache_set_limits(world.dc, &limits));
}

static void add_two(void)
{
	dput(world_add(world.root, NAME("a"), INODE_REGULAR));
	dput(world_add(world.root, NAME("b"), INODE_REGULAR));
}

static void finish_lowered(void)
{
	struct dcache_stats stats;

	dput(world_add(world.root, NAME("c"), INODE_REGULAR));
	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.entries == 3);
	finish_counted();
}

SCENARIO(a_limit_is_lowered_while_entries_come) = {
	.covers = "limits",
	.threads = 2,
	.setup = setup_three,
	.run = { lower_the_limit, add_two },
	.finish = finish_lowered,
};

/* The first limit of an instance, whose threads have counted for themselves until then. */
static void setup_three_unlimited(void)
{
	world_setup();
	model_quiet(NULL, 0);
	model_numbers();
	dput(world_add(world.root, NAME("x"), INODE_REGULAR));
	dput(world_add(world.root, NAME("y"), INODE_REGULAR));
}

SCENARIO(a_first_limit_is_set_while_entries_come) = {
	.covers = "limits N5",
	.threads = 2,
	.setup = setup_three_unlimited,
	.run = { lower_the_limit, add_two },
	.finish = finish_lowered,
};

static void finish_unlimited(void)
{
	struct dcache_stats stats;

	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.entries == 5 && stats.bytes);
	finish_counted();
}

static void add_own_unlimited(void)
{
	const char *letter = model_thread() ? "a" : "b";

	dput(world_add(world.root, &(const struct qstr)QSTR_INIT(letter, 1), INODE_REGULAR));
}

SCENARIO(two_count_for_themselves) = {
	.covers = "limits N5",
	.threads = 2,
	.setup = setup_three_unlimited,
	.run = { add_own_unlimited, add_own_unlimited },
	.finish = finish_unlimited,
};

/* ---- full counts ---- */

static void setup_almost_full(void)
{
	world_setup_file();
	lockref_add_locked(&world.entry->d_lockref, LOCKREF_MAX - 2);
}

/* One of both gets the last reference, and the other knows that it is there. */
static void find_full(void)
{
	struct qstr name = *NAME("n");
	struct dentry *dentry = d_hash_and_lookup(world.root, &name);

	MODEL_CHECK(dentry == world.entry || PTR_ERR(dentry) == -EOVERFLOW);
	world.result[model_thread()] = !IS_ERR(dentry);
}

static void lock_and_unlock(void)
{
	d_lock(world.entry);
	d_unlock(world.entry);
}

static void finish_full(void)
{
	MODEL_CHECK(world.result[0] + world.result[1] == 1);
	MODEL_CHECK(d_count(world.entry) == LOCKREF_MAX);
	lockref_add_locked(&world.entry->d_lockref, 1 - LOCKREF_MAX);
	dput(world.entry);
	world_finish();
}

SCENARIO(two_find_an_entry_with_a_place_for_one) = {
	.covers = "H43",
	.threads = 3,
	.setup = setup_almost_full,
	.run = { find_full, find_full, lock_and_unlock },
	.finish = finish_full,
};

/* ---- is anything alive? ---- */

/* The instance is let go of; entries are made by who holds one, and put elsewhere. */
static void setup_let_go(void)
{
	world_setup_limited(100, 0);
	model_quiet(NULL, 0);
	world.entry = d_alloc(world.root, NAME("n"));
	dcache_release(world.dc);
}

static void make_one_more(void)
{
	struct dentry *dentry = d_alloc(world.root, NAME("m"));

	MODEL_CHECK(!IS_ERR(dentry));
	dput(world.root);
	dput(dentry);
}

static void put_entry(void)
{
	dput(world.entry);
}

static void finish_gone(void)
{
	MODEL_CHECK(!model_live_blocks());
}

SCENARIO(entries_are_made_and_freed_while_they_are_counted) = {
	.covers = "N1 H45",
	.threads = 3,
	.setup = setup_let_go,
	.run = { model_instance_thread, make_one_more, put_entry },
	.finish = finish_gone,
};
