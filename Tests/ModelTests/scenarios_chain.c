/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chains: neighbours that come, go and come back while others search.
 *
 * world.entry is "n". The others have names that lie on its chain; the slots of the bucket are taken. Who is
 * added is put first.
 */
#include "world.h"

static struct qstr first, still, third, others[BUCKET_SLOTS];
static struct dentry *front;	/* named @first, before "n" and @still on the chain; referenced */

static void setup_chain(void)
{
	unsigned int i;

	world_setup();
	for (i = 0; i < BUCKET_SLOTS; i++) {
		others[i] = world_name(NAME("n"), true, 3 + (int)i);
		dput(world_add(world.root, &others[i], INODE_REGULAR));
	}
	first = world_name(NAME("n"), true, 0);
	still = world_name(NAME("n"), true, 1);
	third = world_name(NAME("n"), true, 2);
	dput(world_add(world.root, &still, INODE_REGULAR));
	world.entry = world_add(world.root, NAME("n"), INODE_REGULAR);
	front = world_add(world.root, &first, INODE_DIRECTORY);
}

static void finish_chain(void)
{
	struct dentry *dentry = d_lookup(world.root, &still);

	MODEL_CHECK(dentry);
	dput(dentry);
	dput(world.entry);
	dput(front);
	world_finish();
}

static void drop_front(void)
{
	d_drop(front);
}

static void drop_entry(void)
{
	d_drop(world.entry);
}

static void look_up_still(void)
{
	struct dentry *dentry = d_lookup(world.root, &still);

	MODEL_CHECK(dentry);
	dput(dentry);
}

static void add_third(void)
{
	dput(world_add(world.root, &third, INODE_REGULAR));
}

static void finish_third(void)
{
	struct dentry *dentry = d_lookup(world.root, &third);

	MODEL_CHECK(dentry);
	dput(dentry);
	MODEL_CHECK(!d_lookup(world.root, &first));
	finish_chain();
}

/* Whoever stands on a node that leaves still comes to those behind it. */
SCENARIO(a_drop_before_a_still_name) = {
	.covers = "H46",
	.threads = 3,
	.setup = setup_chain,
	.run = { drop_front, look_up_still, drop_entry },
	.finish = finish_chain,
};

SCENARIO(a_drop_and_an_addition_to_one_chain) = {
	.covers = "H46 B1",
	.threads = 3,
	.setup = setup_chain,
	.run = { drop_front, add_third, look_up_still },
	.finish = finish_third,
};

/* ---- a move off the chain ---- */

static void move_front(void)
{
	const struct qstr elsewhere = world_name(NAME("n"), false, 0);

	world_find_at(front, world.root, &elsewhere);
}

SCENARIO(a_move_and_an_addition_to_one_chain) = {
	.covers = "H46 B1",
	.threads = 2,
	.unbounded = IN_MINUTES,
	.setup = setup_chain,
	.run = { move_front, add_third },
	.finish = finish_third,
};

/* ---- a node that comes back with another behind it ---- */

static void come_back(void)
{
	d_drop(front);
	add_third();
	MODEL_CHECK(!d_rehash(front));
}

/* Whom the node leads to was not there when the search began. */
static void look_without_reference(void)
{
	struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = d_lookup_rcu(world.root, &third, &seq);
	if (dentry) {
		const struct inode *inode = d_inode(dentry);

		if (!d_seq_retry(dentry, seq))
			MODEL_CHECK(inode && inode->i_ino == 7 && !d_in_lookup(dentry));
	}
	dcache_read_unlock();
}

SCENARIO(a_node_comes_back_with_another_behind_it) = {
	.covers = "B1 B2 H46",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_chain,
	.run = { come_back, look_without_reference },
	.finish = finish_chain,
};

/* ---- an addition, seen without a reference ---- */

static void look_up_in_parallel(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(world.root, &third, &wq);

	MODEL_CHECK(!IS_ERR(dentry));
	if (d_in_lookup(dentry))
		MODEL_CHECK(!d_add(dentry, world_inode(INODE_REGULAR)));
	dput(dentry);
}

SCENARIO(an_addition_and_lookups_without_reference) = {
	.covers = "U2 U3 H39",
	.threads = 3,
	.setup = setup_chain,
	.run = { look_up_in_parallel, look_without_reference, look_without_reference },
	.finish = finish_chain,
};

/* ---- two lookups end, one of which is before the other on a chain of the in-lookup table ---- */

#define NR_ASKED (BUCKET_SLOTS + 2)

static struct qstr asked[NR_ASKED];
static struct dentry *asked_for[NR_ASKED];

static void setup_asked(void)
{
	unsigned int i;

	world_setup();
	for (i = 0; i < NR_ASKED; i++) {
		asked[i] = world_name(NAME("n"), true, (int)i);
		asked_for[i] = d_alloc_parallel(world.root, &asked[i], NULL);
		MODEL_CHECK(!IS_ERR(asked_for[i]) && d_in_lookup(asked_for[i]));
	}
}

static void give_up(unsigned int i)
{
	d_lookup_done(asked_for[i]);
	dput(asked_for[i]);
}

static void answer_the_one_before(void)
{
	MODEL_CHECK(!d_add(asked_for[NR_ASKED - 1], NULL));
	dput(asked_for[NR_ASKED - 1]);
}

/* Answers of one directory come one after the other: this is none. */
static void give_up_the_one_behind(void)
{
	give_up(NR_ASKED - 2);
}

static void finish_asked(void)
{
	const struct bucket *bucket;
	unsigned int i;

	MODEL_CHECK(!d_hash_name(world.root, &asked[0]));
	bucket = table_truth(&world.dc->in_lookup, table_hash(world.root, &asked[0]));
	MODEL_CHECK(!hlist_bl_first(&bucket->chain));
	for (i = 0; i < BUCKET_SLOTS; i++) {
		give_up(i);
		MODEL_CHECK(!bucket_slot(bucket, i));
	}
	world_finish();
}

SCENARIO(two_of_one_chain_end) = {
	.covers = "H1 B1",
	.threads = 2,
	.unbounded = IN_SECONDS,
	.setup = setup_asked,
	.run = { answer_the_one_before, give_up_the_one_behind },
	.finish = finish_asked,
};
