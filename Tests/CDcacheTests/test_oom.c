/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Out of memory (H51): for each call that allocates, the n-th allocation fails, for every n that the
 * call reaches. Then the call says -ENOMEM, nothing has changed and nothing is left, and the same
 * call works afterwards.
 */
#include "harness.h"

#include <sys/resource.h>

#include "sync/sync.h"

#ifdef DCACHE_DEBUG

#define COLD NAME("cold")
#define LONG NAME("a name that is longer than the forty bytes that lie in an entry")

/* What the calls below act on. */
struct scene {
	struct tree tree;
	struct dentry *asked; /* in-lookup */
	struct dentry *plain; /* from d_alloc() */
	struct inode *inode;  /* a file's; calls consume a reference taken for them */
	struct inode *dir;    /* a directory's, without an entry */
};

static void scene_begin(struct scene *scene, bool fold_case)
{
	scene->tree = tree_begin(NULL, &backend_ops);
	if (fold_case)
		d_set_d_op(scene->tree.root, &ascii_ci_ops);
	scene->asked = d_alloc_parallel(scene->tree.root, NAME("ASKED"), NULL);
	scene->plain = d_alloc(scene->tree.root, NAME("PLAIN"));
	scene->inode = tree_inode(scene->tree.dc, INODE_REGULAR);
	scene->dir = tree_inode(scene->tree.dc, INODE_DIRECTORY);
}

static void scene_end(struct scene *scene)
{
	d_lookup_done(scene->asked);
	dput(scene->asked);
	dput(scene->plain);
	iput(scene->inode);
	iput(scene->dir);
	tree_end(&scene->tree);
}

/* ---- the calls: each returns what the library's call did, an entry or an error ---- */

typedef struct dentry *(*call_t)(struct scene *scene);

static struct dentry *call_d_alloc(struct scene *scene)
{
	return d_alloc(scene->tree.root, COLD);
}

static struct dentry *call_d_alloc_long(struct scene *scene)
{
	return d_alloc(scene->tree.root, LONG);
}

static struct dentry *own(struct dentry *dentry)
{
	if (!IS_ERR(dentry)) {
		CHECK(d_in_lookup(dentry));
		d_lookup_done(dentry);
	}
	return dentry;
}

static struct dentry *call_alloc_parallel(struct scene *scene)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	return own(d_alloc_parallel(scene->tree.root, COLD, &wq));
}

static struct dentry *call_alloc_parallel_long(struct scene *scene)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	return own(d_alloc_parallel(scene->tree.root, LONG, &wq));
}

static struct dentry *call_alloc_parallel_own_queue(struct scene *scene)
{
	return own(d_alloc_parallel(scene->tree.root, LONG, NULL));
}

static void not_called(struct d_waiter *waiter, struct dentry *result)
{
	CHECK(!waiter && !result);
}

static struct d_waiter waiter = { .func = not_called };

static struct dentry *call_alloc_parallel_async(struct scene *scene)
{
	return own(d_alloc_parallel_async(scene->tree.root, LONG, &waiter));
}

static struct dentry *call_alloc_parallel_until(struct scene *scene)
{
	return own(d_alloc_parallel_until(scene->tree.root, LONG, NULL, 0));
}

static struct dentry *call_alloc_noblock(struct scene *scene)
{
	return own(d_alloc_noblock(scene->tree.root, LONG, NULL));
}

static struct dentry *call_add_ci_async(struct scene *scene)
{
	ihold(scene->inode);
	return d_add_ci_async(scene->asked, scene->inode, LONG, &waiter);
}

/* Waiting, and leaving off, take none. */
static struct dentry *call_wait_for_asked(struct scene *scene)
{
	struct d_waiter registered = { .func = not_called };

	d_lookup_detach(scene->asked);
	CHECK(!d_alloc_parallel_async(scene->tree.root, NAME("ASKED"), &registered));
	CHECK_ERR(d_alloc_parallel_until(scene->tree.root, NAME("ASKED"), NULL, 0), -ETIMEDOUT);
	CHECK_ERR(d_alloc_noblock(scene->tree.root, NAME("ASKED"), NULL), -EWOULDBLOCK);
	CHECK(d_waiter_cancel(&registered));
	return dget(scene->tree.root);
}

static struct dentry *call_add_ci_in_lookup(struct scene *scene)
{
	ihold(scene->inode);
	return d_add_ci(scene->asked, scene->inode, LONG);
}

static struct dentry *call_add_ci_plain(struct scene *scene)
{
	ihold(scene->inode);
	return d_add_ci(scene->plain, scene->inode, LONG);
}

static struct dentry *call_add_ci_directory(struct scene *scene)
{
	ihold(scene->dir);
	return d_add_ci(scene->asked, scene->dir, LONG);
}

static struct dentry *call_obtain_alias(struct scene *scene)
{
	ihold(scene->dir);
	return d_obtain_alias(scene->dir);
}

static struct dentry *call_make_root(struct scene *scene)
{
	return d_make_root(new_inode(scene->tree.dc, 1, INODE_DIRECTORY, NULL, NULL));
}

static struct dentry *answer_with_new_file(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = new_inode(inode_dcache(dir), 1, INODE_REGULAR, NULL, NULL);

	return d_splice_alias(inode, dentry);
}

static struct dentry *answer_with_stored_spelling(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = new_inode(inode_dcache(dir), 1, INODE_REGULAR, NULL, NULL);

	return d_add_ci(dentry, inode, LONG);
}

static struct dentry *call_lookup_slow(struct scene *scene)
{
	backend_begin(answer_with_new_file);
	return lookup_slow(scene->tree.root, LONG, 0);
}

static struct dentry *call_lookup_one(struct scene *scene)
{
	backend_begin(answer_with_new_file);
	return lookup_one_unlocked(scene->tree.root, LONG, 0);
}

static struct dentry *call_lookup_stored(struct scene *scene)
{
	backend_begin(answer_with_stored_spelling);
	return lookup_slow(scene->tree.root, COLD, 0);
}

/* ---- the sweep ---- */

static void is_as_before(const struct scene *scene, const struct dcache_stats *before, long live)
{
	struct dcache_stats after;

	dcache_barrier(scene->tree.dc);
	dcache_barrier(scene->tree.dc);
	after = tree_stats(&scene->tree);
	CHECK_EQ(dc_live_allocations(), live);
	CHECK_EQ(after.entries, before->entries);
	CHECK_EQ(after.inodes, before->inodes);
	CHECK_EQ(after.negatives, before->negatives);
	CHECK_EQ(after.in_lookup, before->in_lookup);
	CHECK_EQ(after.unused, before->unused);
	CHECK_EQ(after.bytes, before->bytes);
	CHECK(d_in_lookup(scene->asked) && d_is_negative(scene->asked));
	CHECK_EQ(d_count(scene->asked), 1);
	CHECK_EQ(d_count(scene->plain), 1);
	CHECK(inode_trylock(d_inode(scene->tree.root)));
	inode_unlock(d_inode(scene->tree.root));
}

/* @allocations: how many the call makes, so that the sweep is seen to have gone through all. */
static void sweep(call_t call, int allocations)
{
	struct dcache_stats before;
	struct scene scene;
	struct dentry *res;
	long live;
	int n;

	scene_begin(&scene, false);
	dcache_barrier(scene.tree.dc);
	before = tree_stats(&scene.tree);
	live = dc_live_allocations();
	for (n = 1;; n++) {
		dc_fail_allocation(n);
		res = call(&scene);
		if (!dc_allocation_failed())
			break;
		CHECK_ERR(res, -ENOMEM);
		is_as_before(&scene, &before, live);
	}
	dc_fail_allocation(0);
	CHECK_EQ(n - 1, allocations);
	CHECK(!IS_ERR_OR_NULL(res));
	dput(res);
	scene_end(&scene);
}

TEST(oom_in_d_alloc, "H51 d_alloc")
{
	sweep(call_d_alloc, 1);
	sweep(call_d_alloc_long, 2);
}

TEST(oom_in_d_alloc_parallel, "H51 d_alloc_parallel")
{
	sweep(call_alloc_parallel, 1);
	sweep(call_alloc_parallel_long, 2);
	sweep(call_alloc_parallel_own_queue, 3);
}

TEST(oom_in_waiting_and_not_waiting,
     "H51 d_alloc_parallel_async d_alloc_parallel_until d_alloc_noblock d_waiter_cancel")
{
	sweep(call_alloc_parallel_async, 3);
	sweep(call_alloc_parallel_until, 3);
	sweep(call_alloc_noblock, 3);
	sweep(call_wait_for_asked, 0);
}

TEST(oom_in_d_add_ci, "H51 d_add_ci d_add_ci_async")
{
	sweep(call_add_ci_async, 2);
	sweep(call_add_ci_in_lookup, 2);
	sweep(call_add_ci_plain, 2);
	sweep(call_add_ci_directory, 2);
}

TEST(oom_in_making_roots, "H51 d_obtain_alias d_make_root new_inode")
{
	sweep(call_obtain_alias, 1);
	sweep(call_make_root, 2);
}

TEST(oom_in_lookups, "H51 lookup_slow lookup_one_unlocked")
{
	sweep(call_lookup_slow, 3);
	sweep(call_lookup_one, 3);
	sweep(call_lookup_stored, 4);
}

TEST(oom_in_dcache_create, "H51 dcache_create")
{
	struct dcache *dc = NULL;
	long live = dc_live_allocations();
	int n, err;

	for (n = 1;; n++) {
		dc_fail_allocation(n);
		err = dcache_create(NULL, &dc);
		if (!dc_allocation_failed())
			break;
		CHECK_EQ(err, -ENOMEM);
		CHECK(!dc);
		CHECK_EQ(dc_live_allocations(), live);
	}
	dc_fail_allocation(0);
	CHECK_EQ(n - 1, 4);
	REQUIRE(!err);
	CHECK_EQ(dcache_destroy(dc), 0);
	CHECK_EQ(dc_live_allocations(), live);
}

/* Those that wait for the lookup that fails for want of memory get that error too. */
static void *look_up_cold(void *parent)
{
	return lookup_slow(parent, COLD, 0);
}

TEST(waiters_share_an_owners_want_of_memory, "H51 H17")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	pthread_t threads[4];
	void *result;
	int i;

	backend_begin(answer_with_new_file);
	atomic_store(&backend.held, true);
	for (i = 0; i < 4; i++)
		threads[i] = test_thread(look_up_cold, tree.root);
	CHECK(EVENTUALLY(tree_stats(&tree).lookups_waited == 3));
	dc_fail_allocation(1);
	atomic_store(&backend.held, false);
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		CHECK_ERR(result, -ENOMEM);
	}
	CHECK_EQ(atomic_load(&backend.calls), 1);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

/* Calls that must not depend on memory. */
TEST(ending_dropping_and_finding_need_no_memory, "H51")
{
	struct scene scene;
	struct dentry *target, *found;
	struct tree *tree = &scene.tree;

	scene_begin(&scene, true);
	target = d_alloc(tree->root, LONG);
	ihold(scene.dir);
	CHECK_EQ(d_add(scene.plain, scene.dir), 0);
	dc_fail_allocation(1);
	found = d_lookup(tree->root, NAME("plain"));
	CHECK(found == scene.plain);
	dput(found);
	ihold(scene.dir);
	CHECK(d_splice_alias(scene.dir, target) == scene.plain);
	ihold(scene.inode);
	CHECK(d_add_ci(scene.asked, scene.inode, NAME("asked")) == scene.asked);
	d_delete(scene.asked);
	d_drop(scene.asked);
	CHECK_EQ(d_rehash(scene.asked), 0);
	CHECK_EQ(shrink_dcache(tree->dc, 10), 0);
	dcache_barrier(tree->dc);
	CHECK(!dc_allocation_failed());
	dc_fail_allocation(0);
	dput(scene.plain);
	dput(scene.asked);
	dput(target);
	scene_end(&scene);
}

/* Every allocation of a long random run may fail: nothing is lost. */
TEST(a_run_in_which_memory_comes_and_goes, "H51")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	unsigned int seed = 1;
	int i;

	backend_begin(answer_with_stored_spelling);
	for (i = 0; i < 3000; i++) {
		char name[80];
		int len = snprintf(name, sizeof(name), "%0*d", i % 3 ? 5 : 60, rand_r(&seed) % 40);
		struct qstr q = qstr_init(name, (size_t)len);
		struct dentry *dentry;

		dc_fail_allocation(rand_r(&seed) % 6);
		dentry = lookup_one_unlocked(tree.root, &q, 0);
		CHECK(!IS_ERR(dentry) || PTR_ERR(dentry) == -ENOMEM);
		if (!IS_ERR(dentry) && rand_r(&seed) % 4 == 0)
			d_drop(dentry);
		dput(dentry);
	}
	dc_fail_allocation(0);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	tree_end(&tree);
}

static enum d_walk_ret count_visit(struct dentry *dentry, void *data)
{
	(void)dentry;
	++*(int *)data;
	return D_WALK_CONTINUE;
}

/* Room for the levels of a deep tree is taken once, however often the walk comes down so far. */
TEST(a_walk_takes_memory_once_for_what_is_deep, "H51 d_walk")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *at = dget(tree.root);
	int visits = 0, i;

	/* Two a level: one with more of the same, one with a file. */
	for (i = 0; i < 12; i++) {
		struct dentry *deep = tree_add(&tree, at, NAME("deep"), INODE_DIRECTORY);
		struct dentry *side = tree_add(&tree, at, NAME("side"), INODE_DIRECTORY);

		dput(tree_add(&tree, side, NAME("file"), INODE_REGULAR));
		dput(side);
		dput(at);
		at = deep;
	}
	dput(at);
	dc_fail_allocation(2);
	CHECK_EQ(d_walk(tree.root, count_visit, &visits), 0);
	CHECK(!dc_allocation_failed());
	CHECK_EQ(visits, 37);
	dc_fail_allocation(1);
	CHECK_EQ(d_walk(tree.root, count_visit, &visits), -ENOMEM);
	dc_fail_allocation(0);
	tree_end(&tree);
}

/* All names of an inode, one of which has too deep a tree below it. */
TEST(oom_in_d_invalidate_inode, "H51 d_invalidate_inode")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *top = tree_add(&tree, tree.root, COLD, INODE_DIRECTORY);
	struct dentry *at = dget(top);
	struct inode *inode = d_inode(top);
	int i;

	for (i = 0; i < 20; i++) {
		struct dentry *below = tree_add(&tree, at, COLD, INODE_DIRECTORY);

		dput(at);
		at = below;
	}
	dput(at);
	ihold(inode);
	dc_fail_allocation(1);
	CHECK_EQ(d_invalidate_inode(inode), -ENOMEM);
	CHECK(dc_allocation_failed());
	dc_fail_allocation(0);
	CHECK(d_unhashed(top));
	CHECK_EQ(d_count(top), 2);
	CHECK_EQ(d_invalidate_inode(inode), 0);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	iput(inode);
	dput(top);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */

/* ---- without the harness's help ---- */

#ifndef TEST_SANITIZED

#define BLOCK ((size_t)1 << 20)

static void *alloc_plain(void)
{
	return dc_alloc(BLOCK, 16);
}

static void *alloc_aligned(void)
{
	return dc_alloc(BLOCK, 64);
}

static void *alloc_zeroed(void)
{
	return dc_alloc_zeroed(BLOCK);
}

static void *alloc_mapped(void)
{
	return dc_alloc_zeroed(DC_HUGE_PAGE);
}

static void free_plain(void *p)
{
	dc_free(p);
}

static void free_zeroed(void *p)
{
	dc_free_zeroed(p, BLOCK);
}

static void free_mapped(void *p)
{
	dc_free_zeroed(p, DC_HUGE_PAGE);
}

/* The process gets no more memory: what it has is used up, and then there is none. */
TEST(memory_that_runs_out, "H51")
{
	static const struct {
		void *(*alloc)(void);
		void (*free)(void *p);
	} kinds[] = {
		{ alloc_plain, free_plain },
		{ alloc_aligned, free_plain },
		{ alloc_zeroed, free_zeroed },
		{ alloc_mapped, free_mapped },
	};
	struct rlimit usual, none;
	static void *blocks[1000];
	size_t i;

	REQUIRE(!getrlimit(RLIMIT_AS, &usual));
	none = usual;
	none.rlim_cur = 1;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
#ifdef DCACHE_DEBUG
		long live = dc_live_allocations();
#endif
		int nr = 0;

		REQUIRE(!setrlimit(RLIMIT_AS, &none));
		errno = 77;
		while (nr < 1000 && (blocks[nr] = kinds[i].alloc()))
			nr++;
		CHECK_EQ(errno, 77);
		setrlimit(RLIMIT_AS, &usual);
		CHECK(nr < 1000);
#ifdef DCACHE_DEBUG
		CHECK_EQ(dc_live_allocations(), live + nr);
#endif
		while (nr)
			kinds[i].free(blocks[--nr]);
#ifdef DCACHE_DEBUG
		CHECK_EQ(dc_live_allocations(), live);
#endif
	}
}

#endif
