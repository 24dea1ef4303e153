/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many names at once: each is answered as by a lookup of its own. */
#include "harness.h"
#include "internal.h"

#include <dcache/casefold.h>

#define COLD NAME("cold")
#define MANY 1000

static struct d_lookup_request asks(struct dentry *parent, const struct qstr *name)
{
	/* What is left there from before is no answer. */
	return (struct d_lookup_request){ parent, *name, ERR_PTR(-EIO), 77 };
}

static size_t look(bool rcu, struct d_lookup_request *requests, size_t n)
{
	size_t found;

	if (!rcu)
		return d_lookup_batch(requests, n);
	dcache_read_lock();
	found = d_lookup_batch_rcu(requests, n);
	dcache_read_unlock();
	return found;
}

static void put_found(struct d_lookup_request *requests, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		dput(requests[i].dentry);
}

/* ---- what is found ---- */

/* Three of four names are cached: one of a letter's length, one inline and one not, one of these negative. */
static struct qstr make_name(size_t i, char *buf, size_t size)
{
	static const char *const formats[4] = {
		"%zu",
		"a name of some thirty bytes %zu",
		"a name that is so long that it lies outside of its entry, in a block %zu",
		"missing %zu",
	};
	int len = snprintf(buf, size, formats[i % 4], i);

	return qstr_init(buf, (size_t)len);
}

static void look_up_so_many(size_t n, bool rcu)
{
	static struct d_lookup_request requests[MANY + 1];
	static struct dentry *entries[MANY];
	static char bufs[MANY][100];
	struct tree tree = tree_begin(NULL, NULL);
	size_t expected = 0, i;

	for (i = 0; i < n; i++) {
		struct qstr name = make_name(i, bufs[i], sizeof(bufs[i]));

		entries[i] = i % 4 == 3
				     ? NULL
				     : tree_add(&tree, tree.root, &name, i % 3 ? INODE_REGULAR : 0);
		expected += !!entries[i];
		requests[i] = asks(tree.root, &name);
	}
	/* What is behind is nobody's affair. */
	requests[n] = asks(tree.root, COLD);
	CHECK_EQ(look(rcu, requests, n), expected);
	for (i = 0; i < n; i++) {
		const struct d_lookup_request *request = &requests[i];

		CHECK(request->dentry == entries[i]);
		CHECK(request->parent == tree.root && request->name.name == bufs[i]);
		CHECK_EQ(request->name.hash, full_name_hash(tree.root, bufs[i], request->name.len));
		if (!entries[i])
			continue;
		CHECK_EQ(d_count(entries[i]), rcu ? 1 : 2);
		CHECK_EQ(request->seq, rcu ? read_seqcount(&entries[i]->d_seq) : 77);
	}
	CHECK_ERR(requests[n].dentry, -EIO);
	CHECK(!requests[n].name.hash);
	/* The hashes are there now, and serve once more. */
	if (!rcu)
		put_found(requests, n);
	CHECK_EQ(look(rcu, requests, n), expected);
	for (i = 0; i < n; i++)
		CHECK(requests[i].dentry == entries[i]);
	if (!rcu)
		put_found(requests, n);
	for (i = 0; i < n; i++)
		dput(entries[i]);
	tree_end(&tree);
}

TEST(batches_of_all_sizes, "d_lookup_batch d_lookup_batch_rcu")
{
	static const size_t sizes[] = { 0, 1, 2, 15, 16, 17, 31, 32, 33, MANY };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		look_up_so_many(sizes[i], false);
		look_up_so_many(sizes[i], true);
	}
	CHECK_EQ(d_lookup_batch(NULL, 0), 0);
	CHECK_EQ(look(true, NULL, 0), 0);
}

TEST(a_name_may_come_twice_in_a_batch, "d_lookup_batch d_lookup_batch_rcu")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct d_lookup_request requests[40];
	int i, rcu;

	for (rcu = 0; rcu < 2; rcu++) {
		for (i = 0; i < 40; i++)
			requests[i] = asks(tree.root, COLD);
		CHECK_EQ(look(rcu, requests, 40), 40);
		for (i = 0; i < 40; i++)
			CHECK(requests[i].dentry == dentry);
		CHECK_EQ(d_count(dentry), rcu ? 1 : 41);
		if (!rcu)
			put_found(requests, 40);
	}
	dput(dentry);
	tree_end(&tree);
}

TEST(parents_of_a_batch_may_be_of_any_kind, "d_lookup_batch d_lookup_batch_rcu casefold")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *plain = tree_add(&tree, tree.root, NAME("plain"), INODE_DIRECTORY);
	struct dentry *fold = d_alloc(tree.root, NAME("fold"));
	struct dentry *ascii = d_alloc(tree.root, NAME("ascii"));
	struct dentry *absent = tree_add(&tree, tree.root, NAME("absent"), 0);
	struct dentry *file = tree_add(&tree, tree.root, NAME("file"), INODE_REGULAR);
	struct dentry *entries[4], *other;
	struct dcache *second;
	int rcu;

	d_set_d_op(fold, &casefold_dentry_operations);
	CHECK_EQ(d_add(fold, tree_inode(tree.dc, INODE_DIRECTORY)), 0);
	d_set_d_op(ascii, &ascii_ci_ops);
	CHECK_EQ(d_add(ascii, tree_inode(tree.dc, INODE_DIRECTORY)), 0);
	entries[0] = tree_add(&tree, plain, NAME("Name"), INODE_REGULAR);
	entries[1] = tree_add(&tree, fold,
			      NAME("Gr\xc3\xb6\xc3\x9f"
				   "e"),
			      INODE_REGULAR);
	entries[2] = tree_add(&tree, ascii, NAME("Name"), INODE_REGULAR);
	CHECK_EQ(dcache_create(&opts, &second), 0);
	other = d_make_root(new_inode(second, 1, INODE_DIRECTORY, NULL, NULL));
	entries[3] = d_alloc(other, NAME("Name"));
	CHECK_EQ(d_add(entries[3], NULL), 0);
	for (rcu = 0; rcu < 2; rcu++) {
		struct d_lookup_request requests[] = {
			asks(plain, NAME("Name")),	   asks(plain, NAME("name")),
			asks(fold, NAME("GR\xc3\x96SSE")), asks(ascii, NAME("nAME")),
			asks(other, NAME("Name")),	   asks(other, NAME("nAME")),
			asks(absent, NAME("Name")),	   asks(file, NAME("Name")),
			asks(tree.root, NAME("ascii")),
		};

		CHECK_EQ(look(rcu, requests, 9), 5);
		CHECK(requests[0].dentry == entries[0]);
		CHECK(!requests[1].dentry);
		CHECK(requests[2].dentry == entries[1]);
		CHECK(requests[3].dentry == entries[2]);
		CHECK(requests[4].dentry == entries[3]);
		CHECK(!requests[5].dentry);
		CHECK(!requests[6].dentry);
		CHECK(!requests[7].dentry);
		CHECK(requests[8].dentry == ascii);
		if (!rcu)
			put_found(requests, 9);
	}
	dput(entries[0]);
	dput(entries[1]);
	dput(entries[2]);
	dput(entries[3]);
	dput(other);
	CHECK_EQ(dcache_destroy(second), 0);
	dput(file);
	dput(absent);
	dput(ascii);
	dput(fold);
	dput(plain);
	tree_end(&tree);
}

/* An entry of every kind that lookups do not find. */
TEST(a_batch_finds_nothing_that_is_not_hashed, "d_lookup_batch d_lookup_batch_rcu d_drop")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dropped = tree_add(&tree, tree.root, NAME("dropped"), INODE_REGULAR);
	struct dentry *never = d_alloc(tree.root, NAME("never"));
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *asked = d_alloc_parallel(tree.root, NAME("asked"), &wq);
	struct d_lookup_request requests[3];
	int rcu;

	CHECK(d_in_lookup(asked));
	d_drop(dropped);
	for (rcu = 0; rcu < 2; rcu++) {
		requests[0] = asks(tree.root, NAME("dropped"));
		requests[1] = asks(tree.root, NAME("never"));
		requests[2] = asks(tree.root, NAME("asked"));
		CHECK_EQ(look(rcu, requests, 3), 0);
		CHECK(!requests[0].dentry && !requests[1].dentry && !requests[2].dentry);
	}
	d_lookup_done(asked);
	dput(asked);
	dput(never);
	dput(dropped);
	tree_end(&tree);
}

/* ---- errors ---- */

static int refuse_x(const struct dentry *dir, struct qstr *name)
{
	if (name->name[0] == 'x')
		return -EILSEQ;
	name->hash = full_name_hash(dir, name->name, name->len);
	return 0;
}

TEST(a_bad_name_spoils_no_other, "d_lookup_batch d_lookup_batch_rcu qstr")
{
	static const struct dentry_operations ops = { .d_hash = refuse_x };
	static char long_name[DCACHE_NAME_MAX + 1];
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = d_alloc(tree.root, NAME("dir"));
	struct dentry *first, *last;
	struct qstr longest, too_long;
	int rcu;

	memset(long_name, 'l', sizeof(long_name));
	longest = qstr_init(long_name, DCACHE_NAME_MAX);
	too_long = qstr_init(long_name, DCACHE_NAME_MAX + 1);
	d_set_d_op(dir, &ops);
	CHECK_EQ(d_add(dir, tree_inode(tree.dc, INODE_DIRECTORY)), 0);
	first = tree_add(&tree, dir, COLD, INODE_REGULAR);
	last = tree_add(&tree, tree.root, &longest, INODE_REGULAR);
	for (rcu = 0; rcu < 2; rcu++) {
		struct d_lookup_request requests[] = {
			asks(dir, COLD),
			asks(dir, NAME("")),
			asks(dir, &(struct qstr){ NULL, 3, 0 }),
			asks(dir, &too_long),
			asks(dir, NAME("xylophone")),
			asks(dir, NAME("a/b")),
			asks(dir, NAME("a\0b")),
			asks(tree.root, &longest),
		};

		CHECK_EQ(look(rcu, requests, 8), 2);
		CHECK(requests[0].dentry == first);
		CHECK_ERR(requests[1].dentry, -EINVAL);
		CHECK_ERR(requests[2].dentry, -EINVAL);
		CHECK_ERR(requests[3].dentry, -ENAMETOOLONG);
		CHECK_ERR(requests[4].dentry, -EILSEQ);
		CHECK(!requests[5].dentry);
		CHECK(!requests[6].dentry);
		CHECK(requests[7].dentry == last);
		if (!rcu)
			put_found(requests, 8);
	}
	CHECK_EQ(d_count(first), 1);
	CHECK_EQ(d_count(last), 1);
	dput(first);
	dput(last);
	dput(dir);
	tree_end(&tree);
}

static void count_by(struct dentry *dentry, int32_t by)
{
	d_lock(dentry);
	lockref_add_locked(&dentry->d_lockref, by);
	d_unlock(dentry);
}

TEST(a_full_count_in_a_batch, "H43 d_lookup_batch d_lookup_batch_rcu")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *full = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *other = tree_add(&tree, tree.root, NAME("other"), INODE_REGULAR);
	struct d_lookup_request requests[] = {
		asks(tree.root, COLD),
		asks(tree.root, NAME("other")),
		asks(tree.root, COLD),
	};

	count_by(full, LOCKREF_MAX - 1);
	CHECK_EQ(look(true, requests, 3), 3);
	CHECK_EQ(look(false, requests, 3), 1);
	CHECK_ERR(requests[0].dentry, -EOVERFLOW);
	CHECK(requests[1].dentry == other);
	CHECK_ERR(requests[2].dentry, -EOVERFLOW);
	put_found(requests, 3);
	CHECK_EQ(d_count(full), LOCKREF_MAX);
	count_by(full, 1 - LOCKREF_MAX);
	dput(full);
	dput(other);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

static void look_up_with_a_wrong_hash(void)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct d_lookup_request request = asks(tree.root, COLD);

	CHECK_EQ(d_hash_name(tree.root, &request.name), 0);
	request.name.hash++;
	d_lookup_batch(&request, 1);
}

TEST(a_wrong_hash_in_a_batch_stops_a_checked_build, "qstr d_lookup_batch")
{
	CHECK(stops_with(look_up_with_a_wrong_hash, "the hash is 0 or d_hash_name()'s"));
}

#endif

/* ---- no allocation, no store ---- */

TEST(a_batch_in_a_read_section_stores_nothing, "d_lookup_batch_rcu d_seq_retry")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry before[2];
	struct d_lookup_request requests[] = { asks(tree.root, COLD), asks(tree.root, NAME("o")) };

	memcpy(&before[0], tree.root, sizeof(before[0]));
	memcpy(&before[1], dentry, sizeof(before[1]));
	dcache_read_lock();
	CHECK_EQ(d_lookup_batch_rcu(requests, 2), 1);
	CHECK(requests[0].dentry == dentry && !d_seq_retry(dentry, requests[0].seq));
	CHECK(!memcmp(&before[0], tree.root, sizeof(before[0])));
	CHECK(!memcmp(&before[1], dentry, sizeof(before[1])));
	d_drop(dentry);
	CHECK(d_seq_retry(dentry, requests[0].seq));
	CHECK(!dget_rcu(dentry, requests[0].seq));
	dcache_read_unlock();
	dput(dentry);
	tree_end(&tree);
}

/* ---- listings ---- */

TEST(a_listing_takes_many_names_at_once, "dir_listing_add_batch dir_listing_add")
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 100 };
	static struct dir_listing_entry entries[100];
	static char bufs[100][100];
	size_t s, i;

	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct tree tree = tree_begin(NULL, &backend_ops);
		size_t n = sizes[s];
		int round;

		/* New, and then known. */
		for (round = 0; round < 2; round++) {
			struct dir_listing listing;

			CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
			for (i = 0; i < n; i++) {
				struct qstr name = make_name(i, bufs[i], sizeof(bufs[i]));
				struct dentry *known = d_lookup(tree.root, &name);

				CHECK(!known == !round);
				entries[i] = (struct dir_listing_entry){
					name,
					known ? d_inode(known) : tree_inode(tree.dc, INODE_REGULAR),
					-EIO
				};
				if (known)
					ihold(d_inode(known));
				dput(known);
			}
			CHECK_EQ(dir_listing_add_batch(&listing, entries, n), 0);
			for (i = 0; i < n; i++)
				CHECK_EQ(entries[i].error, 0);
			CHECK(dir_listing_end(&listing, true));
			CHECK(d_is_complete(tree.root));
			CHECK_EQ(tree_stats(&tree).entries, n + 1);
		}
		tree_end(&tree);
	}
}

TEST(a_bad_name_spoils_no_other_of_a_listing, "dir_listing_add_batch")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dir_listing listing;
	struct dir_listing_entry entries[40];
	struct dentry *found;
	int i;

	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	for (i = 0; i < 40; i++) {
		struct qstr name = i == 3    ? *NAME("a/b")
				   : i == 20 ? *NAME("")
				   : i == 39 ? *COLD
					     : *NAME("..");

		entries[i] = (struct dir_listing_entry){ name, tree_inode(tree.dc, INODE_REGULAR),
							 -EIO };
	}
	entries[3].name.len = 3;
	iput(entries[21].inode);
	entries[21].inode = ERR_PTR(-ENXIO);
	CHECK_EQ(dir_listing_add_batch(&listing, entries, 40), -EINVAL);
	for (i = 0; i < 40; i++)
		CHECK_EQ(entries[i].error, i == 3 || i == 20 ? -EINVAL : i == 21 ? -ENXIO : 0);
	CHECK(!dir_listing_end(&listing, true));
	found = d_lookup(tree.root, COLD);
	CHECK(found && d_is_positive(found));
	dput(found);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	/* The listing has ended. */
	for (i = 0; i < 40; i++)
		entries[i] = (struct dir_listing_entry){ *COLD, NULL, 0 };
	CHECK_EQ(dir_listing_add_batch(&listing, entries, 40), -EINVAL);
	for (i = 0; i < 40; i++)
		CHECK_EQ(entries[i].error, -EINVAL);
	/* The first error need not be of the first group. */
	CHECK_EQ(dir_listing_begin(&listing, tree.root), 0);
	for (i = 0; i < 40; i++)
		entries[i] = (struct dir_listing_entry){
			*NAME("."), i == 30 ? ERR_PTR(-ENXIO) : tree_inode(tree.dc, INODE_REGULAR),
			0
		};
	CHECK_EQ(dir_listing_add_batch(&listing, entries, 40), -ENXIO);
	dir_listing_end(&listing, false);
	tree_end(&tree);
}

/* ---- beside others ---- */

struct looker {
	struct d_lookup_request requests[3];
	_Atomic bool done;
};

static void *look_beside(void *arg)
{
	struct looker *looker = arg;

	CHECK_EQ(d_lookup_batch(looker->requests, 3), 3);
	atomic_store(&looker->done, true);
	return NULL;
}

/* The exact lookup waits for who holds the entry's lock; it must not do so in the read section of what
 * comes before it, nor hinder others from freeing memory. */
TEST(a_batch_waits_for_a_locked_entry_outside_of_read_sections, "H3 d_lookup_batch")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *first = tree_add(&tree, tree.root, NAME("first"), INODE_REGULAR);
	struct dentry *locked = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry *last = tree_add(&tree, tree.root, NAME("last"), INODE_REGULAR);
	struct looker looker = { .requests = {
					 asks(tree.root, NAME("first")),
					 asks(tree.root, COLD),
					 asks(tree.root, NAME("last")),
				 } };
	pthread_t thread;

	d_lock(locked);
	thread = test_thread(look_beside, &looker);
	/* It has come as far as that. */
	CHECK(EVENTUALLY(d_count(first) == 2));
	dc_synchronize_rcu();
	CHECK(!atomic_load(&looker.done));
	CHECK_EQ(d_count(last), 1);
	d_unlock(locked);
	test_join(thread);
	CHECK(looker.requests[0].dentry == first);
	CHECK(looker.requests[1].dentry == locked);
	CHECK(looker.requests[2].dentry == last);
	put_found(looker.requests, 3);
	dput(first);
	dput(locked);
	dput(last);
	tree_end(&tree);
}

#define SHUTTLES 8
#define STILL 24

static struct {
	struct tree tree;
	struct dentry *dirs[2], *shuttles[SHUTTLES], *still[STILL];
	struct qstr still_names[STILL];
	char bufs[STILL][100];
	_Atomic bool stop;
	_Atomic unsigned long moves;
} shuttle;

/* Directories to and fro between two, and additions and drops, by which the table changes its size. */
static void *move_shuttles(void *arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; !atomic_load(&shuttle.stop); i++) {
		struct dentry *moving = shuttle.shuttles[i % SHUTTLES];
		char name[] = { 's', (char)('0' + i % SHUTTLES), 0 };
		struct dentry *target = d_alloc(shuttle.dirs[i / SHUTTLES % 2],
						&(struct qstr)QSTR_INIT(name, 2));

		ihold(d_inode(moving));
		CHECK(d_splice_alias(d_inode(moving), target) == moving);
		dput(moving);
		dput(target);
		if (i % 4096 == 4095)
			shrink_dcache(shuttle.tree.dc, SIZE_MAX);
		target = d_alloc(shuttle.tree.root,
				 &(struct qstr)QSTR_INIT((const char *)&i, sizeof(i)));
		/* Some of these are no names. */
		if (!IS_ERR(target)) {
			CHECK_EQ(d_add(target, NULL), 0);
			dput(target);
		}
		atomic_fetch_add(&shuttle.moves, 1);
	}
	return NULL;
}

/* What stays is found, throughout; what moves is where it was found; nothing else is. */
static bool look_at_all(bool rcu)
{
	struct d_lookup_request requests[STILL + 2 * SHUTTLES];
	size_t n = 0, i;
	bool right = true;

	for (i = 0; i < STILL; i++)
		requests[n++] = asks(shuttle.dirs[i % 2], &shuttle.still_names[i]);
	for (i = 0; i < 2 * SHUTTLES; i++) {
		const char *const names = "s0s1s2s3s4s5s6s7";

		requests[n++] = asks(shuttle.dirs[i % 2],
				     &(struct qstr)QSTR_INIT(names + i / 2 * 2, 2));
	}
	dcache_read_lock();
	if (rcu)
		d_lookup_batch_rcu(requests, n);
	else
		dcache_read_unlock();
	if (!rcu)
		d_lookup_batch(requests, n);
	for (i = 0; i < n; i++) {
		struct dentry *found = requests[i].dentry;

		if (i < STILL) {
			/* Without a reference one may be missed; not what does not move, unless a
			 * node that was moved led the search away. */
			right = CHECK(found == shuttle.still[i] || (rcu && !found)) && right;
		} else {
			right = CHECK(!found || found == shuttle.shuttles[(i - STILL) / 2]) &&
				right;
		}
	}
	if (rcu)
		dcache_read_unlock();
	else
		put_found(requests, n);
	return right;
}

TEST(batches_beside_moves_and_resizes, "H46 d_lookup_batch d_lookup_batch_rcu")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	pthread_t mover;
	int i;

	memset(&shuttle, 0, sizeof(shuttle));
	opts.hash_buckets = 2;
	shuttle.tree = tree_begin(&opts, NULL);
	shuttle.dirs[0] = tree_add(&shuttle.tree, shuttle.tree.root, NAME("one"), INODE_DIRECTORY);
	shuttle.dirs[1] = tree_add(&shuttle.tree, shuttle.tree.root, NAME("two"), INODE_DIRECTORY);
	for (i = 0; i < STILL; i++) {
		shuttle.still_names[i] = make_name((size_t)i, shuttle.bufs[i], 100);
		shuttle.still[i] = tree_add(&shuttle.tree, shuttle.dirs[i % 2],
					    &shuttle.still_names[i], INODE_REGULAR);
	}
	for (i = 0; i < SHUTTLES; i++) {
		char name[] = { 's', (char)('0' + i), 0 };

		shuttle.shuttles[i] = tree_add(&shuttle.tree, shuttle.dirs[0],
					       &(struct qstr)QSTR_INIT(name, 2), INODE_DIRECTORY);
	}
	mover = test_thread(move_shuttles, NULL);
	for (i = 0; i < 20000 || atomic_load(&shuttle.moves) < 20000; i++) {
		if (!look_at_all(i % 2))
			break;
	}
	atomic_store(&shuttle.stop, true);
	test_join(mover);
	CHECK(tree_stats(&shuttle.tree).resizes > 0);
	for (i = 0; i < STILL; i++)
		dput(shuttle.still[i]);
	for (i = 0; i < SHUTTLES; i++)
		dput(shuttle.shuttles[i]);
	dput(shuttle.dirs[0]);
	dput(shuttle.dirs[1]);
	tree_end(&shuttle.tree);
}
