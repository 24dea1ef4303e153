/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Entries that are no longer true, and complete directories, while others look.
 *
 * The file "n" exists if "truth" says so; it changes behind the cache's back, and the cache is told.
 */
#include "world.h"

static _Atomic int truth;
/* The backend fails instead of answering. */
static bool failing;
/* What the backend finds is stale at once. */
static bool short_lived;

static struct dentry *answer_truly(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct inode *inode = NULL;

	(void)dir;
	(void)flags;
	atomic_fetch_add_explicit(&world.asked, 1, memory_order_relaxed);
	if (failing)
		return ERR_PTR(-EIO);
	if (atomic_load_explicit(&truth, memory_order_acquire))
		inode = world_inode(INODE_REGULAR);
	if (short_lived)
		d_set_ttl(dentry, 0);
	MODEL_CHECK(!d_add(dentry, inode));
	return NULL;
}

static const struct inode_operations true_ops = { .lookup = answer_truly };

static void setup_truth(int exists)
{
	world_setup_backend(&true_ops);
	atomic_init(&truth, exists);
	failing = short_lived = false;
}

static bool list(bool with_n)
{
	struct dir_listing listing;

	MODEL_CHECK(!dir_listing_begin(&listing, world.root));
	if (with_n)
		MODEL_CHECK(!dir_listing_add(&listing, NAME("n"), world_inode(INODE_REGULAR)));
	return dir_listing_end(&listing, true);
}

static void setup_complete(int exists)
{
	setup_truth(exists);
	MODEL_CHECK(list(exists));
}

static void setup_complete_with(void)
{
	setup_complete(1);
}

static void setup_complete_without(void)
{
	setup_complete(0);
}

/* The name is invalidated meanwhile. */
static void setup_complete_until_then(void)
{
	setup_complete(0);
	world.overtaking = true;
}

static void setup_exists(void)
{
	setup_truth(1);
}

static void setup_absent(void)
{
	setup_truth(0);
	world.overtaking = true;
}

static void resolve(void)
{
	struct dentry *dentry = lookup_one_unlocked(world.root, NAME("n"), 0);

	MODEL_CHECK(!IS_ERR(dentry));
	dput(dentry);
}

static void resolve_positive(void)
{
	struct dentry *dentry = lookup_one_unlocked(world.root, NAME("n"), 0);

	MODEL_CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
	dput(dentry);
}

static void resolve_negative(void)
{
	struct dentry *dentry = lookup_one_unlocked(world.root, NAME("n"), 0);

	MODEL_CHECK(!IS_ERR(dentry) && d_is_negative(dentry));
	dput(dentry);
}

static void finish_positive(void)
{
	failing = false;
	resolve_positive();
	world_finish();
}

static void finish_negative(void)
{
	resolve_negative();
	world_finish();
}

/* ---- complete directories ---- */

static void evict(void)
{
	shrink_dcache(world.dc, 1);
}

SCENARIO(a_complete_directory_and_an_eviction) = {
	.covers = "N1 H13",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_complete_with,
	.run = { resolve_positive, evict },
	.finish = finish_positive,
};

static void drop(void)
{
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	if (dentry)
		d_drop(dentry);
	dput(dentry);
}

SCENARIO(a_complete_directory_and_a_drop) = {
	.covers = "N1 H13",
	.threads = 2,
	.setup = setup_complete_with,
	.run = { resolve_positive, drop },
	.finish = finish_positive,
};

/* A reader that asks no lookup: complete before and after it has missed. */
static void look_at_the_stamp(void)
{
	uint64_t before = dir_complete_stamp(world.root_inode);
	struct dentry *dentry = d_lookup(world.root, NAME("n"));

	MODEL_CHECK(dentry || !before || dir_complete_stamp(world.root_inode) != before);
	dput(dentry);
}

SCENARIO(a_stamp_and_an_eviction) = {
	.covers = "N1",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_complete_with,
	.run = { look_at_the_stamp, evict },
	.finish = finish_positive,
};

static void list_n(void)
{
	world.result[model_thread()] = list(true);
}

static void evict_and_list(void)
{
	evict();
	list_n();
}

SCENARIO(a_stamp_an_eviction_and_a_listing) = {
	.covers = "N1 N3",
	.threads = 2,
	.setup = setup_complete_with,
	.run = { look_at_the_stamp, evict_and_list },
	.finish = finish_positive,
};

static void setup_cached(void)
{
	setup_truth(1);
	dput(world_add(world.root, NAME("n"), INODE_REGULAR));
}

/* What the cache has, and the listing confirms. */
static void confirm_n(void)
{
	struct dir_listing listing;
	struct dentry *dentry;

	MODEL_CHECK(!dir_listing_begin(&listing, world.root));
	dentry = d_lookup(world.root, NAME("n"));
	if (dentry) {
		ihold(d_inode(dentry));
		MODEL_CHECK(!dir_listing_add(&listing, NAME("n"), d_inode(dentry)));
		dput(dentry);
	} else {
		MODEL_CHECK(!dir_listing_add(&listing, NAME("n"), world_inode(INODE_REGULAR)));
	}
	dir_listing_end(&listing, true);
}

SCENARIO(a_listing_and_an_eviction) = {
	.covers = "N2",
	.threads = 2,
	.setup = setup_cached,
	.run = { list_n, evict },
	.finish = finish_positive,
};

SCENARIO(a_listing_that_confirms_and_a_drop) = {
	.covers = "N2",
	.threads = 2,
	.setup = setup_cached,
	.run = { confirm_n, drop },
	.finish = finish_positive,
};

SCENARIO(a_listing_and_a_lookup) = {
	.covers = "N3 H13",
	.threads = 2,
	.setup = setup_exists,
	.run = { list_n, resolve_positive },
	.finish = finish_positive,
};

SCENARIO(a_listing_an_eviction_and_a_lookup) = {
	.covers = "N3 H13",
	.threads = 3,
	.setup = setup_cached,
	.run = { list_n, resolve_positive, evict },
	.finish = finish_positive,
};

static void setup_failing(void)
{
	setup_truth(1);
	failing = true;
}

static void resolve_or_fail(void)
{
	struct dentry *dentry = lookup_one_unlocked(world.root, NAME("n"), 0);

	MODEL_CHECK(IS_ERR(dentry) || d_is_positive(dentry));
	dput(dentry);
}

SCENARIO(a_listing_and_a_lookup_that_fails) = {
	.covers = "N3",
	.threads = 2,
	.setup = setup_failing,
	.run = { list_n, resolve_or_fail },
	.finish = finish_positive,
};

static void finish_one_complete(void)
{
	/* Whoever was last has lost nothing since it came by, and replaced what the other had. */
	MODEL_CHECK(!world.result[0] || !world.result[1] || d_is_complete(world.root));
	finish_positive();
}

SCENARIO(two_listings) = {
	.covers = "N2 N3",
	.threads = 2,
	.setup = setup_exists,
	.run = { list_n, list_n },
	.finish = finish_one_complete,
};

/* Who creates asks first, holding the directory, and gets the negative entry to use. */
static void create(void)
{
	struct dentry *dentry;

	inode_lock(world.root_inode);
	dentry = __lookup_slow(world.root, NAME("n"), 0);
	MODEL_CHECK(!IS_ERR(dentry) && d_is_negative(dentry));
	atomic_store_explicit(&truth, 1, memory_order_release);
	MODEL_CHECK(!d_instantiate(dentry, world_inode(INODE_REGULAR)));
	inode_unlock(world.root_inode);
	dput(dentry);
	resolve_positive();
}

static void finish_created_unasked(void)
{
	MODEL_CHECK(d_is_complete(world.root));
	MODEL_CHECK(atomic_load(&world.asked) == 0);
	finish_positive();
}

SCENARIO(a_create_in_a_complete_directory_and_a_lookup) = {
	.covers = "H13",
	.threads = 2,
	.setup = setup_complete_without,
	.run = { create, resolve },
	.finish = finish_created_unasked,
};

static void create_evicted(void)
{
	create();
	evict();
	resolve_positive();
}

SCENARIO(a_create_that_is_evicted_from_a_complete_directory) = {
	.covers = "H13 N1 N2",
	.threads = 2,
	.setup = setup_complete_without,
	.run = { create_evicted, resolve },
	.finish = finish_positive,
};

/* ---- invalidation ---- */

/* The file appears, the cache is told, and from then on nobody says that it is absent. */
static void appear_and_invalidate_children(void)
{
	atomic_store_explicit(&truth, 1, memory_order_release);
	MODEL_CHECK(!d_invalidate_children(world.root));
	resolve_positive();
}

static void appear_and_invalidate_name(void)
{
	atomic_store_explicit(&truth, 1, memory_order_release);
	MODEL_CHECK(!d_invalidate_name(world.root, NAME("n")));
	resolve_positive();
}

SCENARIO(children_invalidated_and_a_lookup) = {
	.covers = "H22 F1",
	.threads = 2,
	.setup = setup_absent,
	.run = { resolve, appear_and_invalidate_children },
	.finish = finish_positive,
};

SCENARIO(children_invalidated_and_two_lookups) = {
	.covers = "H22 F1",
	.threads = 3,
	.setup = setup_absent,
	.run = { resolve, appear_and_invalidate_children, resolve },
	.finish = finish_positive,
};

SCENARIO(children_of_a_complete_directory_invalidated) = {
	.covers = "H22 N4 F2",
	.threads = 2,
	.setup = setup_complete_until_then,
	.run = { resolve, appear_and_invalidate_children },
	.finish = finish_positive,
};

SCENARIO(a_name_invalidated_and_a_lookup) = {
	.covers = "H22 F5",
	.threads = 2,
	.setup = setup_absent,
	.run = { resolve, appear_and_invalidate_name },
	.finish = finish_positive,
};

SCENARIO(a_name_invalidated_and_two_lookups) = {
	.covers = "H22 F5",
	.threads = 3,
	.setup = setup_absent,
	.run = { resolve, appear_and_invalidate_name, resolve },
	.finish = finish_positive,
};

SCENARIO(a_name_of_a_complete_directory_invalidated) = {
	.covers = "H22 N4",
	.threads = 2,
	.setup = setup_complete_until_then,
	.run = { resolve, appear_and_invalidate_name },
	.finish = finish_positive,
};

/* A listing may have read the directory before: then it does not make it complete. */
static void list_truly(void)
{
	struct dir_listing listing;

	MODEL_CHECK(!dir_listing_begin(&listing, world.root));
	if (atomic_load_explicit(&truth, memory_order_acquire))
		MODEL_CHECK(!dir_listing_add(&listing, NAME("n"), world_inode(INODE_REGULAR)));
	dir_listing_end(&listing, true);
}

SCENARIO(children_invalidated_and_a_listing) = {
	.covers = "H22 N4",
	.threads = 2,
	.setup = setup_absent,
	.run = { list_truly, appear_and_invalidate_children },
	.finish = finish_positive,
};

SCENARIO(a_name_invalidated_and_a_listing) = {
	.covers = "H22 N4",
	.threads = 2,
	.setup = setup_absent,
	.run = { list_truly, appear_and_invalidate_name },
	.finish = finish_positive,
};

/* An operation vouches for what is true when it is asked. */
static int vouch(struct dentry *dentry, unsigned int flags)
{
	(void)dentry;
	(void)flags;
	return atomic_load_explicit(&truth, memory_order_acquire);
}

static const struct dentry_operations vouching_ops = { .d_revalidate = vouch };

/* The entry's own operation is gone with it; what is looked up anew has none. */
static void setup_vouched(void)
{
	struct dentry *dentry;

	setup_truth(1);
	dentry = d_alloc(world.root, NAME("n"));
	d_set_d_op(dentry, &vouching_ops);
	MODEL_CHECK(!d_add(dentry, world_inode(INODE_REGULAR)));
	world.entry = dentry;
}

static void revalidate(void)
{
	MODEL_CHECK(d_revalidate(world.entry, 0) >= 0);
}

static void vanish_and_invalidate_children(void)
{
	atomic_store_explicit(&truth, 0, memory_order_release);
	MODEL_CHECK(!d_invalidate_children(world.root));
	MODEL_CHECK(d_is_stale(world.entry) || d_unhashed(world.entry));
}

static void finish_stale(void)
{
	MODEL_CHECK(d_is_stale(world.entry) || d_unhashed(world.entry));
	dput(world.entry);
	finish_negative();
}

SCENARIO(children_invalidated_and_a_revalidation) = {
	.covers = "F1",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_vouched,
	.run = { revalidate, vanish_and_invalidate_children },
	.finish = finish_stale,
};

/* ---- what is seen of an entry that changes ---- */

static void setup_generations(void)
{
	world_setup();
	MODEL_CHECK(!d_invalidate_children(world.root));
	world.dir = world_add(world.root, NAME("dir"), INODE_DIRECTORY);
	world.entry = world_add(world.root, NAME("sub"), INODE_DIRECTORY);
}

static void move(void)
{
	world_find_at(world.entry, world.dir, NAME("moved"));
}

/* Who has its first parent in hand sees it stale there, and looks while it is between the other two. */
static void move_and_back(void)
{
	move();
	world_find_at(world.entry, world.root, NAME("back"));
}

static void revalidate_what_moves(void)
{
	MODEL_CHECK(d_revalidate(world.entry, 0) == 1);
}

static void finish_moved(void)
{
	MODEL_CHECK(!d_is_stale(world.entry));
	dput(world.entry);
	world_finish();
}

SCENARIO(an_entry_that_moves_to_another_generation) = {
	.covers = "F4",
	.threads = 2,
	.setup = setup_generations,
	.run = { move_and_back, revalidate_what_moves },
	.finish = finish_moved,
};

/* In a read section nobody waits for who is moving it: it may seem stale then, and only then. */
static void look_in_a_section(void)
{
	struct dentry *found;
	uint32_t seq;

	dcache_read_lock();
	found = d_lookup_rcu(world.root, NAME("sub"), &seq);
	if (found)
		MODEL_CHECK(!d_is_stale(found) || d_seq_retry(found, seq));
	dcache_read_unlock();
}

SCENARIO(an_entry_that_moves_is_looked_at_in_a_read_section) = {
	.covers = "F4",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_generations,
	.run = { move, look_in_a_section },
	.finish = finish_moved,
};

/* Negative and stale, it turns positive. */
static void setup_stale_negative(void)
{
	setup_truth(0);
	world.entry = d_alloc(world.root, NAME("n"));
	MODEL_CHECK(!d_add(world.entry, NULL));
	d_set_ttl(world.entry, 0);
}

static void turn_positive(void)
{
	MODEL_CHECK(!d_instantiate(world.entry, world_inode(INODE_REGULAR)));
}

static void look_at_the_turn(void)
{
	/* d_is_stale() does not wait until it can tell. */
	if (d_is_positive(world.entry))
		MODEL_CHECK(d_revalidate(world.entry, 0) == 1);
}

static void finish_entry(void)
{
	dput(world.entry);
	world_finish();
}

SCENARIO(an_entry_that_turns_positive_and_is_stale_no_more) = {
	.covers = "F3",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_stale_negative,
	.run = { turn_positive, look_at_the_turn },
	.finish = finish_entry,
};

static void look_whether_stale(void)
{
	MODEL_CHECK(!d_is_stale(world.entry));
}

static void set_an_hour(void)
{
	d_set_ttl(world.entry, (uint64_t)3600 * 1000000000);
}

SCENARIO(a_time_to_live_that_is_being_set) = {
	.covers = "F3",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = world_setup_file,
	.run = { set_an_hour, look_whether_stale },
	.finish = finish_entry,
};

/* ---- answers that are stale at once ---- */

static void setup_short_lived(void)
{
	setup_truth(1);
	short_lived = true;
}

static void finish_short_lived(void)
{
	/* Each asked once at most. */
	MODEL_CHECK(atomic_load(&world.asked) >= 1 && atomic_load(&world.asked) <= 3);
	world_finish();
}

SCENARIO(answers_that_are_stale_at_once) = {
	.covers = "H1 H17",
	.threads = 3,
	.setup = setup_short_lived,
	.run = { resolve_positive, resolve_positive, resolve_positive },
	.finish = finish_short_lived,
};

/* ---- all names of an inode ---- */

static void setup_links(void)
{
	struct dentry *dentry;

	world_setup_file();
	dentry = d_alloc(world.root, NAME("m"));
	ihold(world.inode);
	MODEL_CHECK(!d_add(dentry, world.inode));
	dput(dentry);
	ihold(world.inode);
}

static void invalidate_inode(void)
{
	MODEL_CHECK(!d_invalidate_inode(world.inode));
}

static void put_and_link_again(void)
{
	struct dentry *dentry = d_alloc(world.root, NAME("l"));

	ihold(world.inode);
	MODEL_CHECK(!d_add(dentry, world.inode));
	dput(dentry);
	dput(world.entry);
}

static void finish_links(void)
{
	struct dentry *n = d_lookup(world.root, NAME("n")), *m = d_lookup(world.root, NAME("m"));

	MODEL_CHECK(!n && !m);
	iput(world.inode);
	world_finish();
}

SCENARIO(all_names_of_an_inode_invalidated) = {
	.covers = "H31 H38",
	.threads = 2,
	.setup = setup_links,
	.run = { invalidate_inode, put_and_link_again },
	.finish = finish_links,
};

SCENARIO(all_names_of_an_inode_invalidated_and_evicted) = {
	.covers = "H31 H38",
	.threads = 3,
	.setup = setup_links,
	.run = { invalidate_inode, put_and_link_again, evict },
	.finish = finish_links,
};

/* ---- out of memory ---- */

static void list_in_need(void)
{
	struct inode *inode = world_inode(INODE_REGULAR);
	struct dir_listing listing;
	bool complete;
	int err;

	MODEL_CHECK(!dir_listing_begin(&listing, world.root));
	err = dir_listing_add(&listing, NAME(LONG_A), inode);
	MODEL_CHECK(!err || err == -ENOMEM);
	complete = dir_listing_end(&listing, true);
	MODEL_CHECK(!err || !complete);
}

SCENARIO(oom_listings) = {
	.covers = "H51 oom",
	.threads = 2,
	.setup = world_setup,
	.run = { list_in_need, list_in_need },
	.finish = world_finish,
};
