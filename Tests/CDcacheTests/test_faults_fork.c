/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork() in a process with a live cache (H52). The parent goes on as if nothing had happened. The child
 * must leave what it inherited alone; it may exec or exit, or make caches of its own if the program
 * tells liburcu of forks.
 */
#include "harness.h"

#include <signal.h>
#include <sys/wait.h>

#include "internal.h"

#define COLD NAME("cold")
#define CROWD 4
#ifdef TEST_SANITIZED
#define FORKS 16
#else
#define FORKS 40
#endif

/* Did the child end, and well? One that hangs is killed, for it may have blocked all signals. */
static bool ended_well(pid_t child)
{
	int status = 0;

	if (child < 0)
		return false;
	if (!EVENTUALLY(waitpid(child, &status, WNOHANG))) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
	}
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* ---- what goes on meanwhile ---- */

struct traffic {
	struct tree *tree;
	_Atomic bool stop;
	_Atomic long found;
	pthread_t threads[4];
};

static void *look_up(void *arg)
{
	struct traffic *traffic = arg;
	unsigned int i;

	for (i = 0; !atomic_load(&traffic->stop); i++) {
		struct qstr name = qstr_init(&"abcdefghijklmnop"[i % 16], 1);
		struct dentry *dentry = lookup_one_unlocked(traffic->tree->root, &name, 0);

		CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
		dput(dentry);
		atomic_fetch_add(&traffic->found, 1);
	}
	return NULL;
}

static void *read_on(void *arg)
{
	struct traffic *traffic = arg;
	uint32_t seq;

	while (!atomic_load(&traffic->stop)) {
		dcache_read_lock();
		d_lookup_rcu(traffic->tree->root, NAME("a"), &seq);
		usleep(300);
		dcache_read_unlock();
	}
	return NULL;
}

static void *free_on(void *arg)
{
	struct traffic *traffic = arg;

	while (!atomic_load(&traffic->stop)) {
		shrink_dcache(traffic->tree->dc, 4);
		dcache_barrier(traffic->tree->dc);
	}
	return NULL;
}

static void traffic_begin(struct traffic *traffic, struct tree *tree)
{
	traffic->tree = tree;
	atomic_store(&traffic->stop, false);
	atomic_store(&traffic->found, 0);
	traffic->threads[0] = test_thread(look_up, traffic);
	traffic->threads[1] = test_thread(look_up, traffic);
	traffic->threads[2] = test_thread(read_on, traffic);
	traffic->threads[3] = test_thread(free_on, traffic);
}

static bool traffic_goes_on(struct traffic *traffic)
{
	long before = atomic_load(&traffic->found);

	return EVENTUALLY(atomic_load(&traffic->found) > before + 100);
}

static void traffic_end(struct traffic *traffic)
{
	int i;

	atomic_store(&traffic->stop, true);
	for (i = 0; i < 4; i++)
		test_join(traffic->threads[i]);
}

/* ---- */

static void child_exits(void)
{
#ifndef TEST_SANITIZED
	/* What the parent's threads hold looks like leaks there. */
	exit(0);
#endif
}

static void child_runs_a_test(void)
{
	/* Which begins with nothing of ours but what it inherits by exec. */
	if (!freopen("/dev/null", "w", stdout))
		_exit(2);
	execl("/proc/self/exe", "cdcache-tests", "all_defaults_and_a_private_pointer",
	      (char *)NULL);
	_exit(2);
}

TEST(the_parent_of_a_fork_goes_on, "faults H52 fork")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker crowd[CROWD];
	struct traffic traffic;
	int i;

	backend_begin(answer_file);
	start_crowd(crowd, CROWD, tree.root, COLD);
	parked(dentry, CROWD);
	traffic_begin(&traffic, &tree);
	for (i = 0; i < FORKS; i++) {
		pid_t child = fork();

		if (!child) {
			if (i % 8 == 1)
				child_exits();
			if (i % 8 == 2)
				child_runs_a_test();
			_exit(0);
		}
		CHECK(ended_well(child));
		CHECK(traffic_goes_on(&traffic));
	}
	traffic_end(&traffic);
	CHECK_EQ(test_nr_waiters(dentry), CROWD);
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK_EQ(join_crowd(crowd, CROWD, dentry), 0);
	dput(dentry);
	tree_end(&tree);
}

#ifndef TEST_SANITIZED

/* All that a cache does, in a process that has a thread of its own again. */
static int use_a_new_cache(void)
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct asker asker = { 0 };
	struct dentry *dentry;
	int wrong = 0;
	int i;

	backend_begin(answer_file);
	for (i = 0; i < 3; i++) {
		dentry = lookup_one_unlocked(tree.root, COLD, 0);
		wrong += IS_ERR_OR_NULL(dentry) || !d_is_positive(dentry);
		d_drop(dentry);
		dput(dentry);
		dcache_barrier(tree.dc);
	}
	wrong += tree_stats(&tree).pending_frees != 0;
	dentry = d_alloc_parallel(tree.root, COLD, NULL);
	asker_start(&asker, tree.root, COLD);
	wrong += !parked(dentry, 1) || d_lookup_fail(dentry, -EIO) ||
		 asker_join(&asker) != ERR_PTR(-EIO);
	dput(dentry);
	dput(tree.root);
	wrong += dcache_destroy(tree.dc) != 0;
	return wrong;
}

TEST(a_child_may_make_caches_of_its_own, "faults H52 H53 fork dcache_create")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct traffic traffic;
	int i;

	/* The program's to do, for liburcu is the process's. Without it the child would wait for the
	 * read sections of threads that it does not have. */
	REQUIRE(!pthread_atfork(urcu_bp_before_fork, urcu_bp_after_fork_parent,
				urcu_bp_after_fork_child));
	backend_begin(answer_file);
	traffic_begin(&traffic, &tree);
	for (i = 0; i < FORKS; i++) {
		pid_t child;

		/* Here or there in a read section or a grace period of the threads. */
		usleep((unsigned int)(137 * i % 1000));
		child = fork();
		if (!child)
			_exit(use_a_new_cache());
		if (!CHECK(ended_well(child)))
			break;
		CHECK(traffic_goes_on(&traffic));
	}
	traffic_end(&traffic);
	tree_end(&tree);
}

#endif /* in a child of a process with threads, the one's heap may be locked, the other starts none */
