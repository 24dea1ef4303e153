/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers that come too late. The name "n" is in-lookup, and the backend has answered; while that is
 * published the name is changed. What is not hashed when the change is done is not hashed later, and is not
 * given to who asks then.
 */
#include "world.h"

static struct dir_listing listing;

/* "n" is being asked for, and world.entry bears that name, unhashed; @type 0: negative. */
static void begin_with(enum inode_type type)
{
	world_setup_dir();
	world.overtaking = true;
	world.entry = d_alloc(world.root, NAME("n"));
	if (type)
		MODEL_CHECK(!d_instantiate(world.entry, world_inode(type)));
	init_waitqueue_head(&world.wq);
	world.owned = d_alloc_parallel(world.root, NAME("n"), &world.wq);
	MODEL_CHECK(d_in_lookup(world.owned) && !d_lookup_overtaken(world.owned));
	/* Any thread may end it, and any may wait for it. */
	d_lookup_detach(world.owned);
}

static void setup_negative(void)
{
	begin_with(0);
}

static void setup_positive(void)
{
	begin_with(INODE_REGULAR);
}

static void answer(void)
{
	MODEL_CHECK(!d_add(world.owned, world_inode(INODE_REGULAR)));
	MODEL_CHECK(d_is_positive(world.owned) && !d_in_lookup(world.owned));
}

/* The directory "dir", which is known elsewhere: it stays there, or comes here. */
static void answer_directory(void)
{
	struct dentry *alias;

	ihold(d_inode(world.dir));
	alias = d_splice_alias(d_inode(world.dir), world.owned);
	MODEL_CHECK(alias == world.dir && d_unhashed(world.owned));
	dput(alias);
}

/* The change is done. */
static void look_and_ask(void)
{
	struct dentry *seen = d_lookup(world.root, NAME("n"));
	struct dentry *got = d_alloc_parallel(world.root, NAME("n"), NULL);

	MODEL_CHECK(!IS_ERR(got));
	MODEL_CHECK(seen ? got == seen : d_in_lookup(got));
	d_lookup_done(got);
	dput(got);
	world.found[model_thread()] = seen;
}

static void finish(void)
{
	struct dentry *found = d_lookup(world.root, NAME("n"));
	int i;

	for (i = 0; i < MODEL_MAX_THREADS; i++)
		MODEL_CHECK(!world.found[i] || found == world.found[i]);
	MODEL_CHECK(!found || found == world.found[1]);
	MODEL_CHECK(!found || !d_lookup_overtaken(found));
	dput(found);
	dput(world.entry);
	dput(world.owned);
	world_put_found();
}

static void invalidate(void)
{
	MODEL_CHECK(!d_invalidate_name(world.root, NAME("n")));
	look_and_ask();
	MODEL_CHECK(!world.found[1]);
}

SCENARIO(an_answer_and_an_invalidated_name) = {
	.covers = "H22 P9 F5",
	.threads = 2,
	.setup = setup_negative,
	.run = { answer, invalidate },
	.finish = finish,
};

SCENARIO(an_answer_that_is_a_directory_and_an_invalidated_name) = {
	.covers = "H22 P9 F5",
	.threads = 2,
	.setup = setup_negative,
	.run = { answer_directory, invalidate },
	.finish = finish,
};

/* False: the answer came first. */
static bool make(void)
{
	struct dentry *made = d_alloc(world.root, NAME("n"));
	int err = d_add(made, world_inode(INODE_REGULAR));

	MODEL_CHECK(!err || err == -EEXIST);
	dput(world.entry);
	world.entry = made;
	return !err;
}

static void make_and_drop(void)
{
	if (make()) {
		d_drop(world.entry);
		look_and_ask();
		MODEL_CHECK(!world.found[1]);
	} else {
		look_and_ask();
	}
}

SCENARIO(an_answer_and_a_name_that_is_made_and_dropped) = {
	.covers = "H13 P10",
	.threads = 2,
	.setup = setup_negative,
	.run = { answer, make_and_drop },
	.finish = finish,
};

SCENARIO(an_answer_that_is_a_directory_and_a_name_that_is_made_and_dropped) = {
	.covers = "H13 P10",
	.threads = 2,
	.setup = setup_negative,
	.run = { answer_directory, make_and_drop },
	.finish = finish,
};

static void rehash_and_remove(void)
{
	int err = d_rehash(world.entry);

	MODEL_CHECK(!err || err == -EEXIST);
	if (!err) {
		dget(world.entry);
		d_delete(world.entry);
		dput(world.entry);
	}
	look_and_ask();
	MODEL_CHECK(err || !world.found[1]);
}

SCENARIO(an_answer_and_a_name_that_is_rehashed_and_removed) = {
	.covers = "H13 P10",
	.threads = 2,
	.setup = setup_positive,
	.run = { answer, rehash_and_remove },
	.finish = finish,
};

static void rename_here_and_on(void)
{
	struct dentry *here = d_alloc(world.root, NAME("n"));
	struct dentry *on = d_alloc(world.dir, NAME("on"));
	struct dentry *was = world_add(world.dir, NAME("was"), INODE_REGULAR);
	int err = d_move(was, here);

	MODEL_CHECK(!err || err == -EEXIST);
	if (!err)
		MODEL_CHECK(!d_move(was, on));
	look_and_ask();
	MODEL_CHECK(err || !world.found[1]);
	dput(was);
	dput(on);
	dput(here);
}

SCENARIO(an_answer_and_a_rename_to_the_name_and_on) = {
	.covers = "H13 P10",
	.threads = 2,
	.setup = setup_negative,
	.run = { answer, rename_here_and_on },
	.finish = finish,
};

/* What is done to the name by way of an entry that is not hashed. */

static void rename_away(void)
{
	struct dentry *to = d_alloc(world.dir, NAME("to"));

	MODEL_CHECK(!d_move(world.entry, to));
	dput(to);
	look_and_ask();
}

SCENARIO(an_answer_and_a_rename_of_what_is_not_hashed) = {
	.covers = "H13 P10",
	.threads = 2,
	.setup = setup_positive,
	.run = { answer, rename_away },
	.finish = finish,
};

static void instantiate(void)
{
	MODEL_CHECK(!d_instantiate(world.entry, world_inode(INODE_REGULAR)));
	look_and_ask();
}

SCENARIO(an_answer_and_a_creation_of_what_is_not_hashed) = {
	.covers = "H13 P10",
	.threads = 2,
	.setup = setup_negative,
	.run = { answer, instantiate },
	.finish = finish,
};

static void remove_it(void)
{
	d_delete(world.entry);
	look_and_ask();
}

SCENARIO(an_answer_and_a_removal_of_what_is_not_hashed) = {
	.covers = "H13 P10",
	.threads = 2,
	.setup = setup_positive,
	.run = { answer, remove_it },
	.finish = finish,
};

/* ---- one that begins while the name is made ---- */

static _Atomic int exists;

static void setup_absent(void)
{
	world_setup();
	world.overtaking = true;
	world.entry = NULL;
	atomic_init(&exists, 0);
}

/* What the file is like is asked after the entry is in-lookup; it is hashed only if that is still so. */
static void ask_and_answer(void)
{
	struct dentry *dentry = d_alloc_parallel(world.root, NAME("n"), NULL);
	bool seen;

	MODEL_CHECK(!IS_ERR(dentry));
	if (d_in_lookup(dentry)) {
		seen = atomic_load_explicit(&exists, memory_order_acquire);
		MODEL_CHECK(!d_add(dentry, seen ? world_inode(INODE_REGULAR) : NULL));
	}
	dput(dentry);
}

/* It is made, and then neither known nor there: whoever says "absent" has asked since. */
static void create_and_drop(void)
{
	struct dentry *found;

	atomic_store_explicit(&exists, 1, memory_order_release);
	if (make())
		d_drop(world.entry);
	else
		MODEL_CHECK(!d_invalidate_name(world.root, NAME("n")));
	found = d_lookup(world.root, NAME("n"));
	MODEL_CHECK(!found || d_is_positive(found));
	dput(found);
}

static void finish_created(void)
{
	struct dentry *found = d_lookup(world.root, NAME("n"));

	MODEL_CHECK(!found || d_is_positive(found));
	dput(found);
	dput(world.entry);
	world_finish();
}

SCENARIO(a_name_is_made_and_dropped_beside_a_lookup) = {
	.covers = "H13 P10",
	.threads = 2,
	.setup = setup_absent,
	.run = { ask_and_answer, create_and_drop },
	.finish = finish_created,
};

SCENARIO(a_name_is_made_and_dropped_beside_two_lookups) = {
	.covers = "H13 P10",
	.threads = 3,
	.setup = setup_absent,
	.run = { ask_and_answer, create_and_drop, ask_and_answer },
	.finish = finish_created,
};

/* The same, and removed by way of its entry, which is hashed: that alone overtakes nobody, since nobody may
 * be asking for the name of such a one. */
static void create_and_remove(void)
{
	atomic_store_explicit(&exists, 1, memory_order_release);
	if (!make()) {
		MODEL_CHECK(!d_invalidate_name(world.root, NAME("n")));
		return;
	}
	dget(world.entry);
	atomic_store_explicit(&exists, 0, memory_order_release);
	d_delete(world.entry);
	dput(world.entry);
}

static void finish_removed(void)
{
	struct dentry *found = d_lookup(world.root, NAME("n"));

	MODEL_CHECK(!found || d_is_positive(found) == (bool)atomic_load(&exists));
	dput(found);
	dput(world.entry);
	world_finish();
}

SCENARIO(a_name_is_made_and_removed_beside_a_lookup) = {
	.covers = "H13 P10",
	.threads = 2,
	.setup = setup_absent,
	.run = { ask_and_answer, create_and_remove },
	.finish = finish_removed,
};

/* ---- entries that are made when the backend has answered ---- */

/* The question was asked for "N". */
static void setup_asked(void)
{
	world_setup();
	world.overtaking = true;
	world.entry = NULL;
	world.owned = d_alloc_parallel(world.root, NAME("N"), NULL);
	d_lookup_detach(world.owned);
}

static void answer_stored(void)
{
	struct dentry *stored = d_add_ci(world.owned, world_inode(INODE_REGULAR), NAME("n"));

	MODEL_CHECK(!IS_ERR(stored) && d_is_positive(stored));
	MODEL_CHECK(!d_lookup_redirect(world.owned, stored));
	dput(stored);
}

/* Who asks after the invalidation gets nothing that was found before, but what is hashed, and stale. */
static void invalidate_all_and_ask(void)
{
	struct dentry *got;

	MODEL_CHECK(!d_invalidate_children(world.root));
	got = d_alloc_parallel(world.root, NAME("n"), NULL);
	MODEL_CHECK(!IS_ERR(got));
	MODEL_CHECK(d_in_lookup(got) || (d_is_stale(got) && !d_unhashed(got)));
	d_lookup_done(got);
	dput(got);
}

static void finish_asked(void)
{
	struct dentry *found = d_lookup(world.root, NAME("n"));

	MODEL_CHECK(!found || d_is_stale(found));
	dput(found);
	dput(world.owned);
	world_finish();
}

SCENARIO(a_stored_spelling_is_as_old_as_the_question) = {
	.covers = "H22 P11 F1",
	.threads = 2,
	.setup = setup_asked,
	.run = { answer_stored, invalidate_all_and_ask },
	.finish = finish_asked,
};

static void setup_listing(void)
{
	world_setup();
	world.overtaking = true;
	world.entry = world.owned = NULL;
	MODEL_CHECK(!dir_listing_begin(&listing, world.root));
}

static void list_n(void)
{
	MODEL_CHECK(!dir_listing_add(&listing, NAME("n"), world_inode(INODE_REGULAR)));
	dir_listing_end(&listing, true);
}

SCENARIO(a_listed_name_is_as_old_as_the_listing) = {
	.covers = "H22 P11 F1 N5",
	.threads = 2,
	.setup = setup_listing,
	.run = { list_n, invalidate_all_and_ask },
	.finish = finish_asked,
};

/* ---- complete directories ---- */

/* The owner makes the file that it has found absent. */
static void create_as_the_owner(void)
{
	inode_lock(world.root_inode);
	atomic_store_explicit(&exists, 1, memory_order_release);
	MODEL_CHECK(!d_add(world.owned, world_inode(INODE_REGULAR)));
	inode_unlock(world.root_inode);
}

static void invalidate_all_and_list(void)
{
	struct dir_listing new;

	MODEL_CHECK(!d_invalidate_children(world.root));
	inode_lock_shared(world.root_inode);
	MODEL_CHECK(!dir_listing_begin(&new, world.root));
	if (atomic_load_explicit(&exists, memory_order_acquire))
		MODEL_CHECK(!dir_listing_add(&new, NAME("n"), world_inode(INODE_REGULAR)));
	dir_listing_end(&new, true);
	inode_unlock_shared(world.root_inode);
}

static void setup_creation(void)
{
	setup_absent();
	world.owned = d_alloc_parallel(world.root, NAME("n"), NULL);
	d_lookup_detach(world.owned);
}

static void finish_complete(void)
{
	struct dentry *found = d_lookup(world.root, NAME("n"));

	MODEL_CHECK(found || !d_is_complete(world.root));
	MODEL_CHECK(!found || d_is_positive(found));
	dput(found);
	dput(world.owned);
	world_finish();
}

SCENARIO(an_overtaken_file_is_lost_to_a_complete_directory) = {
	.covers = "H13 N1",
	.threads = 2,
	.setup = setup_creation,
	.run = { create_as_the_owner, invalidate_all_and_list },
	.finish = finish_complete,
};

/* ---- a name is invalidated that a listing has read ---- */

static void setup_listing_of_one(void)
{
	world_setup();
	world.overtaking = true;
	MODEL_CHECK(!dir_listing_begin(&listing, world.root));
	world.inode = world_inode(INODE_REGULAR);
	ihold(world.inode);
}

static void setup_listing_of_one_known(void)
{
	setup_listing_of_one();
	dput(world_add(world.root, NAME("n"), INODE_REGULAR));
}

static void add_what_was_read(void)
{
	MODEL_CHECK(!dir_listing_add(&listing, NAME("n"), world.inode));
}

/* Who asks afterwards gets nothing that the listing has read before, and what he finds stays. */
static void invalidate_and_find(void)
{
	struct dentry *got;

	MODEL_CHECK(!d_invalidate_name(world.root, NAME("n")));
	got = d_alloc_parallel(world.root, NAME("n"), NULL);
	MODEL_CHECK(!IS_ERR(got) && d_in_lookup(got));
	MODEL_CHECK(!d_add(got, NULL) && !d_unhashed(got));
	world.found[1] = got;
}

static void finish_what_is_found(void)
{
	MODEL_CHECK(!d_unhashed(world.found[1]));
	MODEL_CHECK(!dir_listing_end(&listing, true));
	iput(world.inode);
	world_put_found();
}

SCENARIO(a_name_is_invalidated_that_a_listing_is_adding) = {
	.covers = "N6 H22",
	.threads = 2,
	.setup = setup_listing_of_one,
	.run = { add_what_was_read, invalidate_and_find },
	.finish = finish_what_is_found,
};

SCENARIO(a_name_is_invalidated_that_a_listing_is_replacing) = {
	.covers = "N6 H22",
	.threads = 2,
	.setup = setup_listing_of_one_known,
	.run = { add_what_was_read, invalidate_and_find },
	.finish = finish_what_is_found,
};

/* ---- a lookup that begins while the name is made ---- */

static void begin(void)
{
	struct dentry *got = d_alloc_parallel(world.root, NAME("n"), NULL);

	MODEL_CHECK(!IS_ERR(got));
	world.found[model_thread()] = got;
}

static void make_and_keep(void)
{
	world.entry = world_add(world.root, NAME("n"), INODE_REGULAR);
}

/* It found what was made, or is not to be hashed. */
static void finish_begun(void)
{
	struct dentry *got = world.found[0];

	MODEL_CHECK(d_in_lookup(got) ? d_lookup_overtaken(got) : got == world.entry);
	d_lookup_done(got);
	dput(world.entry);
	world_put_found();
}

SCENARIO(a_lookup_begins_while_the_name_is_made) = {
	.covers = "H13 P10",
	.threads = 2,
	.setup = world_setup,
	.run = { begin, make_and_keep },
	.finish = finish_begun,
};
