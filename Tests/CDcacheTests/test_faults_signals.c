/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals: a storm of them, with a handler that interrupts system calls (no SA_RESTART), on threads
 * that wait, look up and shrink. No call returns early, none is left asleep, none says EINTR, and
 * errno is the caller's.
 * The clocks that waits go by are watched here, too.
 */
#include "harness.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define COLD NAME("cold")
#define CROWD 4
#define MAX_TARGETS 8

/* ---- the storm ---- */

static _Atomic long signals_handled;

static void note_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&signals_handled, 1);
}

struct storm {
	_Atomic pid_t targets[MAX_TARGETS]; /* threads, by number; 0: none */
	_Atomic bool stop;
	pthread_t thread;
};

static void *storm_run(void *arg)
{
	struct storm *storm = arg;
	int i;

	while (!atomic_load(&storm->stop)) {
		for (i = 0; i < MAX_TARGETS; i++) {
			pid_t target = atomic_load(&storm->targets[i]);

			if (target)
				syscall(SYS_tgkill, getpid(), target, SIGUSR1);
		}
		usleep(100);
	}
	return NULL;
}

static void storm_begin(struct storm *storm)
{
	const struct sigaction action = { .sa_handler = note_signal };
	int i;

	sigaction(SIGUSR1, &action, NULL);
	atomic_store(&signals_handled, 0);
	for (i = 0; i < MAX_TARGETS; i++)
		atomic_init(&storm->targets[i], 0);
	atomic_init(&storm->stop, false);
	storm->thread = test_thread(storm_run, storm);
}

static void storm_end(struct storm *storm, long at_least)
{
	atomic_store(&storm->stop, true);
	test_join(storm->thread);
	/* It has been one. */
	CHECK(atomic_load(&signals_handled) >= at_least);
}

/* The calling thread is in the storm from now on, or no longer. */
static void into_storm(struct storm *storm, int place)
{
	atomic_store(&storm->targets[place], (pid_t)syscall(SYS_gettid));
}

static void out_of_storm(struct storm *storm, int place)
{
	atomic_store(&storm->targets[place], 0);
}

/* ---- waiting for a lookup ---- */

struct waiter {
	struct storm *storm;
	struct dentry *parent;
	struct dentry *dentry; /* for d_wait_lookup() */
	int place;
	_Atomic bool returned;
	struct dentry *result;
	int errno_after;
};

static void *wait_in_storm(void *arg)
{
	struct waiter *self = arg;

	into_storm(self->storm, self->place);
	errno = E2BIG;
	if (self->dentry) {
		d_lock(self->dentry);
		d_wait_lookup(self->dentry);
		CHECK(!d_in_lookup(self->dentry));
		d_unlock(self->dentry);
		dput(self->dentry);
	} else {
		self->result = d_alloc_parallel(self->parent, COLD, NULL);
	}
	self->errno_after = errno;
	atomic_store(&self->returned, true);
	out_of_storm(self->storm, self->place);
	return NULL;
}

/* Half of them by d_alloc_parallel(), half by d_wait_lookup(); until @signals have been handled. */
static void wait_and_be_told(struct storm *storm, struct tree *tree, int signals)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree->root, COLD, &wq);
	struct waiter waiters[CROWD] = { 0 };
	pthread_t threads[CROWD];
	int i;

	for (i = 0; i < CROWD; i++) {
		waiters[i] = (struct waiter){ .storm = storm, .parent = tree->root, .place = i };
		if (i % 2)
			waiters[i].dentry = dget(dentry);
		threads[i] = test_thread(wait_in_storm, &waiters[i]);
	}
	parked(dentry, CROWD);
	while (atomic_load(&signals_handled) < signals)
		test_sleep_ms(1);
	for (i = 0; i < CROWD; i++)
		CHECK(!atomic_load(&waiters[i].returned));
	CHECK_EQ(test_nr_waiters(dentry), CROWD);
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	for (i = 0; i < CROWD; i++) {
		test_join(threads[i]);
		if (!waiters[i].dentry)
			CHECK_ERR(waiters[i].result, -EIO);
		CHECK_EQ(waiters[i].errno_after, E2BIG);
	}
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
}

TEST(waiters_in_a_storm_of_signals, "faults H7 H12 H20 d_alloc_parallel d_wait_lookup")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct storm storm;
	int i;

	storm_begin(&storm);
	wait_and_be_told(&storm, &tree, 200);
	/* And told while they are still falling asleep. */
	for (i = 0; i < 150; i++)
		wait_and_be_told(&storm, &tree, 0);
	storm_end(&storm, 200);
	tree_end(&tree);
}

/* ---- lookups, shrinking, and the locks in between ---- */

struct worker {
	struct storm *storm;
	struct tree *tree;
	int place;
	long *guarded; /* by the root's inode_lock() */
	_Atomic bool *stop;
};

static void *look_up_in_storm(void *arg)
{
	struct worker *self = arg;
	unsigned int i;

	into_storm(self->storm, self->place);
	errno = E2BIG;
	for (i = 0; !atomic_load(self->stop); i++) {
		struct qstr name = qstr_init(&"abcdefghijkl"[i % 12], 1);
		struct dentry *dentry = lookup_one_unlocked(self->tree->root, &name, 0);

		CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
		if (i % 5 == 0)
			d_drop(dentry);
		dput(dentry);
	}
	CHECK_EQ(errno, E2BIG);
	out_of_storm(self->storm, self->place);
	return NULL;
}

static void *shrink_in_storm(void *arg)
{
	struct worker *self = arg;

	into_storm(self->storm, self->place);
	errno = E2BIG;
	while (!atomic_load(self->stop)) {
		shrink_dcache(self->tree->dc, 4);
		dcache_barrier(self->tree->dc);
	}
	CHECK_EQ(errno, E2BIG);
	out_of_storm(self->storm, self->place);
	return NULL;
}

static void *write_in_storm(void *arg)
{
	struct worker *self = arg;
	long before;

	into_storm(self->storm, self->place);
	while (!atomic_load(self->stop)) {
		errno = E2BIG;
		inode_lock(d_inode(self->tree->root));
		CHECK_EQ(errno, E2BIG);
		before = (*self->guarded)++;
		usleep(20);
		CHECK_EQ(*self->guarded, before + 1);
		errno = E2BIG;
		inode_unlock(d_inode(self->tree->root));
		CHECK_EQ(errno, E2BIG);
		usleep(100);
	}
	out_of_storm(self->storm, self->place);
	return NULL;
}

static struct dentry *answer_slowly(struct inode *dir, struct dentry *dentry)
{
	int saved = errno;

	usleep(50);
	errno = saved;
	return answer_file(dir, dentry);
}

TEST(lookups_and_shrinking_in_a_storm_of_signals,
     "faults H7 H12 H30 H36 lookup_one_unlocked shrink_dcache")
{
	void *(*runs[])(void *) = { look_up_in_storm, look_up_in_storm, look_up_in_storm,
				    shrink_in_storm,  write_in_storm,	write_in_storm };
	struct tree tree = tree_begin(NULL, &backend_ops);
	_Atomic bool stop = false;
	struct worker workers[6];
	pthread_t threads[6];
	struct storm storm;
	long guarded = 0;
	int i;

	backend_begin(answer_slowly);
	storm_begin(&storm);
	for (i = 0; i < 6; i++) {
		workers[i] = (struct worker){ &storm, &tree, i, &guarded, &stop };
		threads[i] = test_thread(runs[i], &workers[i]);
	}
	test_sleep_ms(400);
	atomic_store(&stop, true);
	for (i = 0; i < 6; i++)
		test_join(threads[i]);
	storm_end(&storm, 200);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	CHECK(guarded > 0);
	tree_end(&tree);
}

static void *look_up_the_locked(void *arg)
{
	struct waiter *self = arg;

	into_storm(self->storm, self->place);
	errno = E2BIG;
	self->result = d_lookup(self->parent, COLD);
	self->errno_after = errno;
	out_of_storm(self->storm, self->place);
	return NULL;
}

/* What cannot be slept on is tried again after a pause, which a signal may cut short. */
TEST(a_lookup_that_pauses_in_a_storm_of_signals, "faults H6 d_lookup d_lock")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, 0);
	struct storm storm;
	struct waiter waiter = { .storm = &storm, .parent = tree.root };
	pthread_t thread;

	storm_begin(&storm);
	d_lock(dentry);
	thread = test_thread(look_up_the_locked, &waiter);
	test_sleep_ms(100);
	d_unlock(dentry);
	test_join(thread);
	storm_end(&storm, 20);
	CHECK(waiter.result == dentry);
	CHECK_EQ(waiter.errno_after, E2BIG);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

static void *create_in_storm(void *arg)
{
	struct worker *self = arg;
	int i;

	into_storm(self->storm, self->place);
	errno = E2BIG;
	for (i = 0; i < 200; i++) {
		struct tree tree = { 0 };

		CHECK_EQ(dcache_create(NULL, &tree.dc), 0);
		if (!tree.dc)
			break;
		dput(d_make_root(new_inode(tree.dc, 1, INODE_DIRECTORY, NULL, NULL)));
		CHECK_EQ(dcache_destroy(tree.dc), 0);
	}
	CHECK_EQ(errno, E2BIG);
	out_of_storm(self->storm, self->place);
	return NULL;
}

TEST(instances_come_and_go_in_a_storm_of_signals, "faults H12 dcache_create dcache_destroy")
{
	struct worker worker = { .place = 0 };
	struct storm storm;

	storm_begin(&storm);
	worker.storm = &storm;
	test_join(test_thread(create_in_storm, &worker));
	storm_end(&storm, 1);
}

/* ---- the instance's own thread takes none of the program's signals ---- */

TEST(the_programs_signals_are_not_the_librarys, "faults dcache_create")
{
	const struct sigaction action = { .sa_handler = note_signal };
	struct tree tree = tree_begin(NULL, NULL);
	sigset_t set, before, pending;
	int i;

	sigaction(SIGUSR2, &action, NULL);
	atomic_store(&signals_handled, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	/* Nobody is left to take it but the thread that tree_begin() has started. */
	pthread_sigmask(SIG_BLOCK, &set, &before);
	kill(getpid(), SIGUSR2);
	for (i = 0; i < 20; i++) {
		dput(tree_add(&tree, tree.root, COLD, 0));
		shrink_dcache(tree.dc, 1);
		usleep(1000);
	}
	CHECK_EQ(atomic_load(&signals_handled), 0);
	sigpending(&pending);
	CHECK(sigismember(&pending, SIGUSR2));
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	CHECK_EQ(atomic_load(&signals_handled), 1);
	tree_end(&tree);
}

/* ---- clocks ---- */

#if defined(__x86_64__) && !defined(TEST_SANITIZED)

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned int)offsetof(struct seccomp_data, field))
/* Skip @n instructions unless what was loaded is @value, or has one of the bits @value. */
#define UNLESS_IS(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)(value), 0, (n))
#define UNLESS_HAS(value, n) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (unsigned int)(value), 0, (n))
#define STOP BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

/*
 * From now on a system call ends the process that waits by the wall clock, to a point of time: a futex's,
 * or clock_nanosleep(2). A wait of some length goes by no clock that can be set.
 */
static bool forbid_the_wall_clock(void)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		UNLESS_IS(SYS_futex, 6),
		LOAD(args[1]),
		UNLESS_HAS(FUTEX_CLOCK_REALTIME, 3),
		/* pthread_join(3) says so, but sets no time. */
		LOAD(args[3]),
		UNLESS_HAS(~0u, 1),
		STOP,
		/* For the next question; a futex is none of it. */
		LOAD(nr),
		UNLESS_IS(SYS_clock_nanosleep, 5),
		LOAD(args[0]),
		UNLESS_IS(CLOCK_REALTIME, 3),
		LOAD(args[1]),
		UNLESS_HAS(TIMER_ABSTIME, 1),
		STOP,
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

static void *hold_and_let_go(void *arg)
{
	struct dentry *dentry = arg;

	d_lock(dentry);
	usleep(2000);
	d_unlock(dentry);
	return NULL;
}

/* Every wait there is, in a process that must not wait by the wall clock; and memory is freed within
 * milliseconds, which it would not be if a deadline of one clock were waited for by another. */
TEST(no_wait_goes_by_the_wall_clock, "faults H20 H50 clock")
{
	struct tree tree;
	struct dentry *dentry;
	struct asker asker = { 0 };
	uint64_t began;
	int i;

	REQUIRE(forbid_the_wall_clock());
	tree = tree_begin(NULL, NULL);
	for (i = 0; i < 10; i++) {
		pthread_t holder;

		dentry = d_alloc_parallel(tree.root, COLD, NULL);
		asker_start(&asker, tree.root, COLD);
		parked(dentry, 1);
		CHECK_EQ(d_add(dentry, tree_inode(tree.dc, INODE_REGULAR)), 0);
		CHECK(asker_join(&asker) == dentry);
		dput(dentry);
		/* A lookup that yields, and then pauses. */
		holder = test_thread(hold_and_let_go, dentry);
		usleep(500);
		CHECK(d_lookup(tree.root, COLD) == dentry);
		test_join(holder);
		dput(dentry);
		d_drop(dentry);
		began = test_now_ns();
		dput(dentry);
		CHECK(EVENTUALLY(!tree_stats(&tree).pending_frees));
		CHECK(test_now_ns() - began < 5000000000u);
	}
	tree_end(&tree);
}

#endif
