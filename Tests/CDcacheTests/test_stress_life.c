/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All of an entry's life at once: while one thread moves, one adds and removes, one invalidates, one
 * shrinks, one walks and one lists, names that nobody touches are looked up.
 *
 *  S4	A name that never changes is found, with its inode, by every way of looking: no miss, ever.
 *  S5	A path through a directory that is moved leads to what that directory holds, or to nothing; of
 *	two entries that are exchanged, either name leads to one.
 *  S6	A directory that is known completely says "absent" of absent names only.
 *  S7	A walk of the tree meets what never changes once.
 *  S8	When all have ended, the counters are exact and everything can be given back.
 *
 * DCACHE_STRESS_SECONDS (3) is how long it takes.
 */
#include "harness.h"

#define DIRS 4
#define FILES 16
#define MOVING 6
#define LISTED 32
/* More than the names that never change, less than what comes and goes. */
#define MAX_ENTRIES 1500

static struct {
	struct tree tree;
	struct dentry *still[DIRS];
	struct dentry *file[DIRS][FILES];
	struct dentry *homes[2];		/* where the moving directories move to and fro */
	struct dentry *moving[MOVING];
	struct dentry *mark[MOVING];		/* a file in each */
	struct dentry *twin[2];			/* "twin" in either home, in turns */
	struct dentry *churn, *list;
	_Atomic bool stop;
	_Atomic long lookups, moves, walks;
} life;

static struct qstr format(char *buf, const char *what, unsigned int n)
{
	return qstr_init(buf, (size_t)sprintf(buf, "%s%u", what, n));
}

static struct dentry *add(struct dentry *parent, const char *what, unsigned int n, int type)
{
	char buf[32];
	struct qstr name = format(buf, what, n);

	return tree_add(&life.tree, parent, &name, type);
}

/* ---- S4, S5: those who look ---- */

static struct dentry *walk(const char *path, unsigned int flags)
{
	return dcache_walk(life.tree.root, NULL, path, strlen(path), flags);
}

static void look_at_still(unsigned int d, unsigned int f)
{
	char buf[64];
	struct qstr name = format(buf, "file", f);
	struct dentry *found = d_lookup(life.still[d], &name);

	CHECK(found == life.file[d][f]);
	dput(found);
	found = lookup_one_unlocked(life.still[d], &name, 0);
	CHECK(found == life.file[d][f]);
	dput(found);
	sprintf(buf, "still%u/../still%u/./file%u", d, d, f);
	found = walk(buf, WALK_CACHED);
	/* Who visits the file holds its lock, and may not be running: only the other walk waits for that. */
	if (IS_ERR(found) && PTR_ERR(found) == -EAGAIN)
		found = walk(buf, 0);
	CHECK(found == life.file[d][f]);
	dput(found);
}

static void look_at_moving(unsigned int m)
{
	char path[64];
	unsigned int home;

	for (home = 0; home < 2; home++) {
		struct dentry *found;

		sprintf(path, "home%u/moving%u/mark", home, m);
		found = walk(path, WALK_CACHED);
		if (IS_ERR(found))
			CHECK(PTR_ERR(found) == -ENOENT || PTR_ERR(found) == -EAGAIN);
		else
			CHECK(found == life.mark[m]);
		dput(found);
		sprintf(path, "home%u/twin", home);
		found = walk(path, WALK_CACHED);
		/* Exchanged again and again, just while the walk looks. */
		if (IS_ERR(found))
			CHECK_EQ(PTR_ERR(found), -EAGAIN);
		else
			CHECK(found == life.twin[0] || found == life.twin[1]);
		dput(found);
	}
}

static void *look(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	while (!atomic_load(&life.stop)) {
		look_at_still((unsigned int)rand_r(&seed) % DIRS,
			      (unsigned int)rand_r(&seed) % FILES);
		look_at_moving((unsigned int)rand_r(&seed) % MOVING);
		atomic_fetch_add(&life.lookups, 5);
	}
	return NULL;
}

/* ---- those who change ---- */

/* The only one who moves directories. */
static void *move(void *arg)
{
	unsigned int seed = 1, at[MOVING] = { 0 };

	(void)arg;
	while (!atomic_load(&life.stop)) {
		unsigned int m = (unsigned int)rand_r(&seed) % MOVING;
		char buf[32];
		struct qstr name = format(buf, "moving", m);
		struct dentry *target;

		if (rand_r(&seed) % 4 == 0) {
			CHECK_EQ(d_exchange(life.twin[0], life.twin[1]), 0);
			continue;
		}
		at[m] = !at[m];
		target = d_alloc(life.homes[at[m]], &name);
		/* What is replaced is absent, cached or not. */
		CHECK(d_move(life.moving[m], target) == 0);
		dput(target);
		atomic_fetch_add(&life.moves, 1);
	}
	return NULL;
}

static void *churn(void *arg)
{
	unsigned int seed = 2;

	(void)arg;
	while (!atomic_load(&life.stop)) {
		char buf[32];
		struct qstr name = format(buf, "name", (unsigned int)rand_r(&seed) % 20000);
		struct dentry *dentry = d_alloc_parallel(life.churn, &name, NULL);

		if (IS_ERR(dentry)) {
			CHECK(false);
			continue;
		}
		if (d_in_lookup(dentry)) {
			struct inode *inode = rand_r(&seed) % 2
						      ? tree_inode(life.tree.dc, INODE_REGULAR)
						      : NULL;

			CHECK_EQ(d_add(dentry, inode), 0);
		} else if (d_is_positive(dentry)) {
			d_delete(dentry);
		} else if (rand_r(&seed) % 2) {
			int err = d_instantiate(dentry, tree_inode(life.tree.dc, INODE_REGULAR));

			CHECK(!err || err == -EINVAL);
		}
		dput(dentry);
	}
	return NULL;
}

static void *invalidate(void *arg)
{
	unsigned int seed = 3;

	(void)arg;
	while (!atomic_load(&life.stop)) {
		char buf[32];
		struct qstr name = format(buf, "name", (unsigned int)rand_r(&seed) % 20000);

		switch (rand_r(&seed) % 4) {
		case 0:
			CHECK_EQ(d_invalidate_children(life.churn), 0);
			break;
		case 1:
			CHECK(shrink_dcache_parent(life.churn) >= 0);
			break;
		default:
			CHECK_EQ(d_invalidate_name(life.churn, &name), 0);
		}
		usleep(100);
	}
	return NULL;
}

static void *shrink(void *arg)
{
	unsigned int round = 0;

	(void)arg;
	while (!atomic_load(&life.stop)) {
		struct dcache_limits limits = { MAX_ENTRIES, round % 3 ? 300 : 100, 0 };

		switch (round++ % 4) {
		case 0:
			shrink_dcache(life.tree.dc, 50);
			break;
		case 1:
			dcache_pressure(life.tree.dc, 10);
			break;
		case 2:
			CHECK(shrink_dcache_parent(life.tree.root) >= 0);
			break;
		default:
			CHECK_EQ(dcache_set_limits(life.tree.dc, &limits), 0);
		}
		usleep(300);
	}
	return NULL;
}

/* ---- S7 ---- */

static enum d_walk_ret meet(struct dentry *dentry, void *data)
{
	unsigned int(*met)[FILES] = data;
	unsigned int d, f;

	for (d = 0; d < DIRS; d++)
		for (f = 0; f < FILES; f++)
			met[d][f] += dentry == life.file[d][f];
	return D_WALK_CONTINUE;
}

static void *walk_all(void *arg)
{
	(void)arg;
	while (!atomic_load(&life.stop)) {
		unsigned int met[DIRS][FILES] = { { 0 } };
		unsigned int d, f;
		int ret = d_walk(life.tree.root, meet, met);

		CHECK(ret == 0 || ret == 1);
		for (d = 0; d < DIRS; d++)
			for (f = 0; f < FILES; f++)
				CHECK_EQ(met[d][f], 1);
		atomic_fetch_add(&life.walks, 1);
	}
	return NULL;
}

/* ---- S6: even names exist, odd ones do not ---- */

static void *list(void *arg)
{
	unsigned int seed = 4;

	(void)arg;
	while (!atomic_load(&life.stop)) {
		struct dir_listing listing;
		unsigned int n;
		char buf[32];

		CHECK_EQ(dir_listing_begin(&listing, life.list), 0);
		for (n = 0; n < LISTED; n += 2) {
			struct qstr name = format(buf, "entry", n);

			CHECK_EQ(dir_listing_add(&listing, &name,
						 tree_inode(life.tree.dc, INODE_REGULAR)), 0);
		}
		dir_listing_end(&listing, true);
		for (n = 0; n < 20; n++) {
			unsigned int which = (unsigned int)rand_r(&seed) % LISTED;
			struct qstr name = format(buf, "entry", which);
			struct dentry *found = lookup_one_unlocked(life.list, &name, 0);

			if (IS_ERR(found))
				CHECK_EQ(PTR_ERR(found), -ENODATA);
			else
				CHECK_EQ(d_is_positive(found), which % 2 == 0);
			dput(found);
		}
	}
	return NULL;
}

/* Nothing that is looked up has to be asked for, but for what may be absent. */
static struct dentry *refuse(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	(void)dir;
	(void)dentry;
	(void)flags;
	return ERR_PTR(-ENODATA);
}

static const struct inode_operations refusing_ops = { .lookup = refuse };

static void plant(void)
{
	const struct dcache_options opts = {
		.size = sizeof(opts), .hash_buckets = 2, .in_lookup_buckets = 2,
		.max_entries = MAX_ENTRIES, .max_negatives = 300,
	};
	unsigned int d, f, m;

	life.tree = tree_begin(&opts, &refusing_ops);
	for (d = 0; d < DIRS; d++) {
		life.still[d] = add(life.tree.root, "still", d, INODE_DIRECTORY);
		for (f = 0; f < FILES; f++)
			life.file[d][f] = add(life.still[d], "file", f, INODE_REGULAR);
	}
	for (d = 0; d < 2; d++)
		life.homes[d] = add(life.tree.root, "home", d, INODE_DIRECTORY);
	for (m = 0; m < MOVING; m++) {
		life.moving[m] = add(life.homes[0], "moving", m, INODE_DIRECTORY);
		life.mark[m] = tree_add(&life.tree, life.moving[m], NAME("mark"), INODE_REGULAR);
	}
	for (d = 0; d < 2; d++)
		life.twin[d] = tree_add(&life.tree, life.homes[d], NAME("twin"), INODE_REGULAR);
	life.churn = add(life.tree.root, "churn", 0, INODE_DIRECTORY);
	life.list = add(life.tree.root, "list", 0, INODE_DIRECTORY);
}

static void uproot(void)
{
	unsigned int d, f, m;

	for (m = 0; m < MOVING; m++) {
		dput(life.mark[m]);
		dput(life.moving[m]);
	}
	for (d = 0; d < DIRS; d++) {
		for (f = 0; f < FILES; f++)
			dput(life.file[d][f]);
		dput(life.still[d]);
	}
	for (d = 0; d < 2; d++) {
		dput(life.twin[d]);
		dput(life.homes[d]);
	}
	dput(life.churn);
	dput(life.list);
}

TEST(all_of_life_at_once, "stress S4 S5 S6 S7 S8 H30 H31 H42 H45 H46")
{
	static void *(*const work[])(void *) = {
		look, look, move, churn, churn, invalidate, shrink, walk_all, list,
	};
	enum { THREADS = sizeof(work) / sizeof(work[0]) };
	const char *value = getenv("DCACHE_STRESS_SECONDS");
	pthread_t threads[THREADS];
	struct dcache_stats stats;
	unsigned int i;

	plant();
	atomic_store(&life.stop, false);
	for (i = 0; i < THREADS; i++)
		threads[i] = test_thread(work[i], (void *)(uintptr_t)(i + 1));
	sleep(value ? (unsigned int)atoi(value) : 3);
	atomic_store(&life.stop, true);
	for (i = 0; i < THREADS; i++)
		test_join(threads[i]);
	CHECK(atomic_load(&life.lookups) > 0);
	CHECK(atomic_load(&life.moves) > 0);
	CHECK(atomic_load(&life.walks) > 0);

	shrink_dcache(life.tree.dc, SIZE_MAX);
	dcache_barrier(life.tree.dc);
	stats = tree_stats(&life.tree);
	/* What is referenced, and the root. */
	CHECK_EQ(stats.entries, 1 + DIRS + DIRS * FILES + 2 * 2 + 2 * MOVING + 2);
	CHECK_EQ(stats.inodes, stats.entries);
	CHECK_EQ(stats.negatives, 0);
	CHECK_EQ(stats.in_lookup, 0);
	CHECK_EQ(stats.unused, 0);
	CHECK_EQ(stats.pending_frees, 0);
	CHECK_EQ(stats.pending_bytes, 0);
	uproot();
	tree_end(&life.tree);
}
