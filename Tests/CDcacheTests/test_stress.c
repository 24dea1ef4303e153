/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random operations of several threads at once, then teardown to nothing.
 *
 * The world is a handful of directories, each with a few files. What is true of a file - absent, or
 * present as its n-th incarnation - is an array that is changed with the directory locked
 * exclusively. So whoever holds it shared knows what a lookup must say:
 *
 *  S1	the answer agrees with the array, whatever others do to the cache;
 *  S2	nobody else is asking the backend for the same name of the same directory;
 *  S3	a lookup without references, if its sequence held, agrees too.
 *
 * Besides files, each directory shows each other one under a name of its own, as if it had just
 * been moved there by somebody far away: looking it up moves its entry.
 *
 * DCACHE_STRESS_SECONDS (3) is how long it takes, DCACHE_STRESS_SEED (1) what it begins with; the
 * rest is up to the machine.
 */
#include "harness.h"

#define DIRS 5
#define FILES 6
#define THREADS 4

struct world {
	struct tree tree;
	struct inode *dirs[DIRS];	    /* the first is the root's */
	uint32_t truth[DIRS][FILES];	    /* incarnation, 0: absent; the directory's lock */
	_Atomic int asking[DIRS][2][FILES]; /* backend calls under way; [1]: capital letter */
	_Atomic uint32_t incarnations;
	_Atomic long inodes_made, inodes_released;
	_Atomic bool stop;
	_Atomic long operations;
};

static struct world world;
static _Thread_local unsigned int seed;

static unsigned int below(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

static unsigned int setting(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value ? (unsigned int)atoi(value) : otherwise;
}

static void release_inode(struct inode *inode)
{
	(void)inode;
	atomic_fetch_add(&world.inodes_released, 1);
}

static struct dentry *look_up(struct inode *dir, struct dentry *dentry, unsigned int flags);

static const struct inode_operations dir_ops = { .lookup = look_up, .release = release_inode };
static const struct inode_operations file_ops = { .release = release_inode };

static struct inode *make_inode(uint32_t number, enum inode_type type)
{
	atomic_fetch_add(&world.inodes_made, 1);
	return new_inode(world.tree.dc, number, type,
			 type == INODE_DIRECTORY ? &dir_ops : &file_ops, NULL);
}

/* ---- names: "n0" a file, "N0" the same file by another spelling, "m0" a directory ---- */

struct where {
	unsigned int dir;
	char kind;
	unsigned int index;
	char bytes[2];
};

static struct where where_of(unsigned int dir, char kind, unsigned int index)
{
	struct where where = { dir, kind, index, { kind, (char)('0' + index) } };

	return where;
}

static struct qstr name_of_where(const struct where *where)
{
	return qstr_init(where->bytes, 2);
}

static struct where somewhere(void)
{
	char kind = "nnnnNNm"[below(7)];

	return where_of(below(DIRS), kind, below(kind == 'm' ? DIRS : FILES));
}

/* The entry of a directory, referenced; it may be moved at any time. */
static struct dentry *entry_of(unsigned int dir)
{
	if (!dir)
		return dget(world.tree.root);
	ihold(world.dirs[dir]);
	return d_obtain_alias(world.dirs[dir]);
}

/* ---- the backend ---- */

static bool is_expected_error(long err)
{
	return err == -EIO || err == -EINTR || err == -EDEADLK || err == -ESTALE || err == -ELOOP;
}

static struct dentry *answer_file_name(const struct where *where, struct dentry *dentry)
{
	uint32_t incarnation = world.truth[where->dir][where->index];
	struct where stored = where_of(where->dir, 'n', where->index);
	struct qstr name = name_of_where(&stored);
	int err;

	if (!below(12))
		return ERR_PTR(-EIO);
	if (!below(4))
		usleep(below(100));
	if (!incarnation && (where->kind == 'N' || !below(8)))
		return NULL;
	if (where->kind == 'N')
		return d_add_ci(dentry, make_inode(incarnation, INODE_REGULAR), &name);
	err = d_add(dentry, incarnation ? make_inode(incarnation, INODE_REGULAR) : NULL);
	CHECK_EQ(err, 0);
	return err ? ERR_PTR(err) : NULL;
}

static struct dentry *answer(const struct where *where, struct dentry *dentry)
{
	_Atomic int *asking = &world.asking[where->dir][where->kind == 'N'][where->index];
	struct dentry *res;

	if (where->kind == 'm') {
		ihold(world.dirs[where->index]);
		return d_splice_alias(world.dirs[where->index], dentry);
	}
	CHECK_EQ(atomic_fetch_add(asking, 1), 0);
	if (!below(4))
		sched_yield();
	CHECK_EQ(atomic_fetch_sub(asking, 1), 1);
	res = answer_file_name(where, dentry);
	return res;
}

static struct dentry *look_up(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct qstr name = d_name(dentry);
	struct where where;
	unsigned int i;

	(void)flags;
	for (i = 0; world.dirs[i] != dir; i++)
		;
	where = where_of(i, name.name[0], (unsigned int)(name.name[1] - '0'));
	return answer(&where, dentry);
}

/* ---- what is checked ---- */

static void check_error(const struct where *where, struct dentry *dentry)
{
	test_check(!IS_ERR(dentry) || is_expected_error(PTR_ERR(dentry)), __FILE__, __LINE__,
		   "%c%u in %u: %ld", where->kind, where->index, where->dir, PTR_ERR(dentry));
}

/* S1. The directory is locked shared at least. */
static void check_answer(const struct where *where, struct dentry *dentry)
{
	struct inode *inode;
	uint32_t said;

	check_error(where, dentry);
	if (IS_ERR(dentry))
		return;
	CHECK(!d_in_lookup(dentry));
	inode = d_inode(dentry);
	if (where->kind == 'm') {
		CHECK(!inode || inode == world.dirs[where->index]);
		return;
	}
	said = inode ? (uint32_t)inode_number(inode) : 0;
	test_check(said == world.truth[where->dir][where->index], __FILE__, __LINE__,
		   "%c%u in %u is %u, was said to be %u", where->kind, where->index, where->dir,
		   world.truth[where->dir][where->index], said);
}

/* ---- operations ---- */

typedef void (*operation_t)(const struct where *where, struct dentry *parent, struct qstr *name);

static void op_resolve(const struct where *where, struct dentry *parent, struct qstr *name)
{
	struct dentry *dentry = lookup_one_unlocked(parent, name, 0);

	check_error(where, dentry);
	dput(dentry);
}

static void op_resolve_locked(const struct where *where, struct dentry *parent, struct qstr *name)
{
	struct dentry *dentry;

	inode_lock_shared(world.dirs[where->dir]);
	dentry = __lookup_slow(parent, name, 0);
	check_answer(where, dentry);
	dput(dentry);
	inode_unlock_shared(world.dirs[where->dir]);
}

/* The machinery by hand, with ends that lookup_slow() does not have. */
static void op_parallel(const struct where *where, struct dentry *parent, struct qstr *name)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry, *res;

	if (where->kind == 'N')
		return;
	inode_lock_shared(world.dirs[where->dir]);
	dentry = d_alloc_parallel(parent, name, below(2) ? &wq : NULL);
	if (IS_ERR(dentry) || !d_in_lookup(dentry)) {
		check_answer(where, dentry);
	} else if (!below(3)) {
		usleep(below(50));
		if (below(2))
			CHECK_EQ(d_lookup_fail(dentry, -EINTR), 0);
		else
			d_lookup_done(dentry);
	} else {
		res = answer(where, dentry);
		if (IS_ERR(res))
			d_lookup_fail(dentry, (int)PTR_ERR(res));
		else
			check_answer(where, res ? res : (d_lookup_done(dentry), dentry));
		dput(res);
	}
	dput(dentry);
	inode_unlock_shared(world.dirs[where->dir]);
}

static void op_look_up(const struct where *where, struct dentry *parent, struct qstr *name)
{
	struct dentry *dentry;

	inode_lock_shared(world.dirs[where->dir]);
	dentry = d_lookup(parent, name);
	if (dentry)
		check_answer(where, dentry);
	inode_unlock_shared(world.dirs[where->dir]);
	dput(dentry);
}

/* S3 */
static void op_look_up_rcu(const struct where *where, struct dentry *parent, struct qstr *name)
{
	struct dentry *dentry;
	struct inode *inode;
	uint64_t number;
	uint32_t seq;
	bool got = false;

	inode_lock_shared(world.dirs[where->dir]);
	dcache_read_lock();
	dentry = d_lookup_rcu(parent, name, &seq);
	if (dentry) {
		inode = d_inode(dentry);
		number = inode ? inode_number(inode) : 0;
		if (!d_seq_retry(dentry, seq) && where->kind == 'n')
			CHECK_EQ(number, world.truth[where->dir][where->index]);
		got = dget_rcu(dentry, seq);
	}
	dcache_read_unlock();
	inode_unlock_shared(world.dirs[where->dir]);
	if (got)
		dput(dentry);
}

static void op_create(const struct where *where, struct dentry *parent, struct qstr *name)
{
	uint32_t *truth = &world.truth[where->dir][where->index % FILES];
	struct dentry *dentry;
	struct inode *inode;

	if (where->kind != 'n')
		return;
	inode_lock(world.dirs[where->dir]);
	dentry = d_lookup(parent, name);
	if (dentry)
		check_answer(where, dentry);
	if (!*truth) {
		*truth = atomic_fetch_add(&world.incarnations, 1) + 1;
		inode = make_inode(*truth, INODE_REGULAR);
		if (dentry) {
			CHECK_EQ(d_instantiate(dentry, inode), 0);
		} else {
			dentry = d_alloc(parent, name);
			CHECK_EQ(d_add(dentry, inode), 0);
		}
	}
	inode_unlock(world.dirs[where->dir]);
	dput(dentry);
}

static void op_unlink(const struct where *where, struct dentry *parent, struct qstr *name)
{
	struct dentry *dentry;

	if (where->kind != 'n')
		return;
	inode_lock(world.dirs[where->dir]);
	dentry = d_lookup(parent, name);
	if (dentry)
		check_answer(where, dentry);
	world.truth[where->dir][where->index] = 0;
	if (dentry)
		d_delete(dentry);
	inode_unlock(world.dirs[where->dir]);
	dput(dentry);
}

static void op_drop(const struct where *where, struct dentry *parent, struct qstr *name)
{
	struct dentry *dentry = d_lookup(parent, name);

	(void)where;
	if (dentry)
		d_drop(dentry);
	dput(dentry);
}

static void op_shrink(const struct where *where, struct dentry *parent, struct qstr *name)
{
	(void)where;
	(void)parent;
	(void)name;
	shrink_dcache(world.tree.dc, below(20));
}

static void op_names(const struct where *where, struct dentry *parent, struct qstr *name)
{
	char path[512], copy[DCACHE_NAME_MAX + 1];
	struct dentry *dentry = d_lookup(parent, name);
	struct dentry *above;

	(void)where;
	if (!dentry)
		return;
	CHECK_EQ(d_name_copy(dentry, copy, sizeof(copy)), 2);
	CHECK(dentry_path(dentry, path, sizeof(path)) > 0 && path[0] == '/');
	above = dget_parent(dentry);
	CHECK(d_is_dir(above));
	dput(above);
	dput(dentry);
}

static const operation_t operations[] = {
	op_resolve,  op_resolve,  op_resolve, op_resolve_locked, op_resolve_locked, op_parallel,
	op_parallel, op_parallel, op_look_up, op_look_up_rcu,	 op_look_up_rcu,    op_create,
	op_create,   op_unlink,	  op_drop,    op_drop,		 op_shrink,	    op_names,
};

static void *stress(void *arg)
{
	long done = 0;

	seed = (unsigned int)(uintptr_t)arg;
	for (; !atomic_load(&world.stop); done++) {
		operation_t operation =
			operations[below(sizeof(operations) / sizeof(operations[0]))];
		struct where where = somewhere();
		struct qstr name = name_of_where(&where);
		struct dentry *parent = entry_of(where.dir);

		operation(&where, parent, &name);
		dput(parent);
	}
	atomic_fetch_add(&world.operations, done);
	return NULL;
}

static void run_world(const struct dcache_options *opts, unsigned int ms, unsigned int first_seed)
{
	uint64_t until = test_now_ns() + ms * 1000000ull;
	pthread_t threads[THREADS];
	unsigned int i;

	memset(&world, 0, sizeof(world));
	world.tree = tree_begin(opts, &(const struct inode_operations){ .lookup = look_up });
	world.dirs[0] = d_inode(world.tree.root);
	for (i = 1; i < DIRS; i++)
		world.dirs[i] = make_inode(i, INODE_DIRECTORY);
	for (i = 0; i < THREADS; i++)
		threads[i] = test_thread(stress, (void *)(uintptr_t)(first_seed * 1000 + i));
	while (test_now_ns() < until)
		test_sleep_ms(10);
	atomic_store(&world.stop, true);
	for (i = 0; i < THREADS; i++)
		test_join(threads[i]);
	CHECK(atomic_load(&world.operations) > 100);
	CHECK_EQ(tree_stats(&world.tree).in_lookup, 0);
	for (i = 1; i < DIRS; i++)
		iput(world.dirs[i]);
	tree_end(&world.tree);
	CHECK_EQ(atomic_load(&world.inodes_released), atomic_load(&world.inodes_made));
}

TEST(random_operations_agree_with_the_model, "stress S1 S2 S3 H1 H4 H13")
{
	unsigned int ms = setting("DCACHE_STRESS_SECONDS", 3) * 500;
	unsigned int first_seed = setting("DCACHE_STRESS_SEED", 1);
	struct dcache_options opts = DCACHE_OPTIONS_INIT;

	/* Everything collides and little is kept; then as most people would have it. */
	opts.hash_buckets = 2;
	opts.in_lookup_buckets = 2;
	opts.max_entries = 20;
	run_world(&opts, ms, first_seed);
	run_world(NULL, ms, first_seed + 1);
}

/* ---- many threads, many cold names ---- */

#define CROWD 16
#define COLD_NAMES 200

static void *ask_for_all(void *arg)
{
	struct dentry *root = arg;
	int i;

	for (i = 0; i < COLD_NAMES; i++) {
		char name[16];
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "c%d", i));
		struct dentry *dentry = lookup_one_unlocked(root, &q, 0);

		CHECK(!IS_ERR(dentry) && d_is_positive(dentry) == (i % 2));
		dput(dentry);
	}
	return NULL;
}

static struct dentry *answer_odd_ones(struct inode *dir, struct dentry *dentry)
{
	struct qstr name = d_name(dentry);

	return name.name[name.len - 1] % 2 ? answer_file(dir, dentry)
					   : answer_negative(dir, dentry);
}

TEST(every_cold_name_is_asked_for_once, "stress H1")
{
	const struct dcache_options opts = { .size = sizeof(opts), .in_lookup_buckets = 2 };
	struct tree tree = tree_begin(&opts, &backend_ops);
	pthread_t threads[CROWD];
	int i;

	backend_begin(answer_odd_ones);
	for (i = 0; i < CROWD; i++)
		threads[i] = test_thread(ask_for_all, tree.root);
	for (i = 0; i < CROWD; i++)
		test_join(threads[i]);
	CHECK_EQ(atomic_load(&backend.calls), COLD_NAMES);
	CHECK_EQ(tree_stats(&tree).negatives, COLD_NAMES / 2);
	CHECK_EQ(tree_stats(&tree).entries, COLD_NAMES + 1);
	tree_end(&tree);
}
