/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that end where it hurts: while they own a lookup that others wait for, while they wait,
 * in a read section; and threads by the thousands.
 *
 * Cancellation: no call of the library is a cancellation point, so a thread that is cancelled while
 * it waits goes on waiting, and ends at the first cancellation point after the call.
 */
#include "harness.h"

#include "internal.h"

#define COLD NAME("cold")
#define CROWD 4

/* The thread sanitizer loses track of one that is cancelled in a call which it knows: so not there. */
static void wait_to_be_cancelled(void)
{
	int state;

	for (;;) {
		pthread_testcancel();
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
		usleep(200);
		pthread_setcancelstate(state, NULL);
	}
}

/* ---- owners that end ---- */

struct owner {
	struct dentry *parent;
	struct dentry *dentry;
	_Atomic bool owns;
};

static pthread_key_t owner_key;

static void fail_owned(void *arg)
{
	struct owner *owner = arg;

	CHECK_EQ(d_lookup_fail(owner->dentry, -ECANCELED), 0);
	dput(owner->dentry);
}

/* Its queue is in its frame, where it must be as long as the lookup lasts: so what cleans up is
 * called there, not later. */
static void *own_and_be_cancelled(void *arg)
{
	struct owner *owner = arg;
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	owner->dentry = d_alloc_parallel(owner->parent, COLD, &wq);
	pthread_cleanup_push(fail_owned, owner);
	atomic_store(&owner->owns, true);
	wait_to_be_cancelled();
	pthread_cleanup_pop(1);
	return NULL;
}

static void *own_and_exit(void *arg)
{
	struct owner *owner = arg;
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	owner->dentry = d_alloc_parallel(owner->parent, COLD, &wq);
	pthread_cleanup_push(fail_owned, owner);
	atomic_store(&owner->owns, true);
	parked(owner->dentry, CROWD);
	pthread_exit(NULL);
	pthread_cleanup_pop(0);
	return NULL;
}

/* The entry brings its own queue, so that it may outlive all frames: a destructor of thread-specific
 * data ends the lookup, when liburcu has forgotten the thread perhaps. */
static void *own_and_leave_it_to_a_destructor(void *arg)
{
	struct owner *owner = arg;

	owner->dentry = d_alloc_parallel(owner->parent, COLD, NULL);
	pthread_setspecific(owner_key, owner);
	atomic_store(&owner->owns, true);
	parked(owner->dentry, CROWD);
	return NULL;
}

static void an_owner_ends(void *(*run)(void *), bool cancel)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct owner owner = { .parent = tree.root };
	struct asker crowd[CROWD];
	pthread_t thread = test_thread(run, &owner);

	REQUIRE(EVENTUALLY(atomic_load(&owner.owns)));
	start_crowd(crowd, CROWD, tree.root, COLD);
	if (cancel) {
		parked(owner.dentry, CROWD);
		CHECK_EQ(pthread_cancel(thread), 0);
	}
	CHECK_EQ(join_crowd(crowd, CROWD, ERR_PTR(-ECANCELED)), 0);
	test_join(thread);
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	CHECK_EQ(tree_stats(&tree).entries, 1);
	tree_end(&tree);
}

TEST(an_owner_is_cancelled_while_others_wait, "faults H21 d_lookup_fail")
{
	an_owner_ends(own_and_be_cancelled, true);
}

TEST(an_owner_exits_while_others_wait, "faults H21 d_lookup_fail")
{
	an_owner_ends(own_and_exit, false);
}

TEST(an_owner_ends_its_lookup_in_a_destructor, "faults H21 H53 d_lookup_fail")
{
	REQUIRE(!pthread_key_create(&owner_key, fail_owned));
	an_owner_ends(own_and_leave_it_to_a_destructor, false);
	pthread_key_delete(owner_key);
}

static void *own_and_be_gone(void *arg)
{
	struct owner *owner = arg;

	owner->dentry = d_alloc_parallel(owner->parent, COLD, NULL);
	d_lookup_detach(owner->dentry);
	return NULL;
}

/* Nobody has ended it, but somebody knows of it. Those who wait stay until that one does. */
TEST(a_lookup_outlives_its_owner, "faults H21 d_lookup_detach d_lookup_fail")
{
	int way;

	for (way = 0; way < 3; way++) {
		struct tree tree = tree_begin(NULL, NULL);
		struct owner owner = { .parent = tree.root };
		struct asker crowd[CROWD];
		const struct dentry *told;

		test_join(test_thread(own_and_be_gone, &owner));
		start_crowd(crowd, CROWD, tree.root, COLD);
		parked(owner.dentry, CROWD);
		if (way == 2) {
#ifdef DCACHE_DEBUG
			/* See test_hazards_wait.c (H11). */
			d_lookup_done(owner.dentry);
#endif
			/* Its reference is all that keeps the lookup going. */
			dput(owner.dentry);
			CHECK_EQ(join_crowd(crowd, CROWD, NULL), CROWD);
		} else {
			if (way)
				CHECK_EQ(d_lookup_fail(owner.dentry, -ECANCELED), 0);
			else
				CHECK_EQ(d_add(owner.dentry, NULL), 0);
			told = way ? ERR_PTR(-ECANCELED) : owner.dentry;
			CHECK_EQ(join_crowd(crowd, CROWD, told), 0);
			dput(owner.dentry);
		}
		tree_end(&tree);
	}
}

/* ---- backends that are cancelled ---- */

static _Atomic bool backend_may_answer;

static struct dentry *answer_at_cancellation_points(struct inode *dir, struct dentry *dentry)
{
	while (!atomic_load(&backend_may_answer))
		usleep(100);
	return answer_file(dir, dentry);
}

static void *look_up_cold(void *parent)
{
	struct dentry *dentry = lookup_slow(parent, COLD, 0);

	CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
	dput(dentry);
	wait_to_be_cancelled();
	return NULL;
}

/* Cancellation waits until the backend has answered: who waits for the answer gets it, and the
 * directory's lock is given back. */
TEST(a_lookup_is_not_cancelled_in_its_backend, "faults H21 lookup_slow")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct asker crowd[CROWD];
	struct dentry *dentry;
	pthread_t thread;
	void *result;

	backend_begin(answer_at_cancellation_points);
	atomic_store(&backend_may_answer, false);
	thread = test_thread(look_up_cold, tree.root);
	REQUIRE(EVENTUALLY(atomic_load(&backend.inside) == 1));
	start_crowd(crowd, CROWD, tree.root, COLD);
	CHECK(EVENTUALLY(tree_stats(&tree).lookups_waited == CROWD));
	CHECK_EQ(pthread_cancel(thread), 0);
	test_sleep_ms(20);
	CHECK_EQ(tree_stats(&tree).in_lookup, 1);
	CHECK_EQ(atomic_load(&backend.inside), 1);
	atomic_store(&backend_may_answer, true);
	pthread_join(thread, &result);
	CHECK(result == PTHREAD_CANCELED);
	dentry = d_lookup(tree.root, COLD);
	CHECK_EQ(join_crowd(crowd, CROWD, dentry), 0);
	dput(dentry);
	CHECK(inode_trylock(d_inode(tree.root)));
	inode_unlock(d_inode(tree.root));
	tree_end(&tree);
}

/* ---- calls that are cancelled ---- */

struct call {
	struct tree *tree;
	struct dentry *dentry;
	void (*run)(struct call *call);
	_Atomic bool begun, returned;
};

static void *call_until_cancelled(void *arg)
{
	struct call *call = arg;

	atomic_store(&call->begun, true);
	call->run(call);
	atomic_store(&call->returned, true);
	wait_to_be_cancelled();
	return NULL;
}

/* Cancel it while it is in the call: it stays there until @let_go, and ends after it. */
static void cancel_in(struct call *call, pthread_t thread, void (*let_go)(struct call *call))
{
	void *result;

	CHECK_EQ(pthread_cancel(thread), 0);
	test_sleep_ms(20);
	CHECK(!atomic_load(&call->returned));
	let_go(call);
	pthread_join(thread, &result);
	CHECK(result == PTHREAD_CANCELED);
	CHECK(atomic_load(&call->returned));
}

static pthread_t start_call(struct call *call, struct tree *tree, void (*run)(struct call *call))
{
	pthread_t thread;

	call->tree = tree;
	call->run = run;
	thread = test_thread(call_until_cancelled, call);
	CHECK(EVENTUALLY(atomic_load(&call->begun)));
	return thread;
}

static void ask_cold(struct call *call)
{
	struct dentry *dentry = d_alloc_parallel(call->tree->root, COLD, NULL);

	CHECK(dentry == call->dentry);
	dput(dentry);
}

static void wait_lookup(struct call *call)
{
	dget(call->dentry);
	d_lock(call->dentry);
	d_wait_lookup(call->dentry);
	d_unlock(call->dentry);
	dput(call->dentry);
}

static void lookup_slow_cold(struct call *call)
{
	struct dentry *dentry = lookup_slow(call->tree->root, COLD, 0);

	CHECK(dentry == call->dentry);
	dput(dentry);
}

static void add_negative(struct call *call)
{
	CHECK_EQ(d_add(call->dentry, NULL), 0);
}

TEST(a_waiter_is_cancelled_after_it_was_answered, "faults H20 H21 d_alloc_parallel d_wait_lookup")
{
	void (*waits[])(struct call *) = { ask_cold, wait_lookup, lookup_slow_cold };
	size_t i;

	for (i = 0; i < 3; i++) {
		struct tree tree = tree_begin(NULL, &backend_ops);
		struct call call = { .dentry = d_alloc_parallel(tree.root, COLD, NULL) };
		pthread_t thread = start_call(&call, &tree, waits[i]);

		parked(call.dentry, 1);
		cancel_in(&call, thread, add_negative);
		/* The waiter's reference has not been lost with it. */
		CHECK_EQ(d_count(call.dentry), 1);
		dput(call.dentry);
		tree_end(&tree);
	}
}

static void lock_root(struct call *call)
{
	inode_lock(d_inode(call->tree->root));
	inode_unlock(d_inode(call->tree->root));
}

static void lock_root_shared(struct call *call)
{
	inode_lock_shared(d_inode(call->tree->root));
	inode_unlock_shared(d_inode(call->tree->root));
}

static void unlock_root(struct call *call)
{
	inode_unlock(d_inode(call->tree->root));
}

static void lock_dentry(struct call *call)
{
	d_lock(call->dentry);
	d_unlock(call->dentry);
}

static void unlock_dentry(struct call *call)
{
	d_unlock(call->dentry);
}

static void lookup_cold(struct call *call)
{
	struct dentry *dentry = d_lookup(call->tree->root, COLD);

	CHECK(dentry == call->dentry);
	dput(dentry);
}

/* Names are looked up while the entry is locked by somebody who does not run: what cannot be slept on
 * is tried again and again, with pauses. */
TEST(who_waits_for_a_lock_is_cancelled_after_it_had_it, "faults H21 inode_lock d_lock d_lookup")
{
	static const struct {
		void (*wait)(struct call *call);
		void (*let_go)(struct call *call);
	} waits[] = {
		{ lock_root, unlock_root },
		{ lock_root_shared, unlock_root },
		{ lock_dentry, unlock_dentry },
		{ lookup_cold, unlock_dentry },
	};
	size_t i;

	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct tree tree = tree_begin(NULL, NULL);
		struct call call = { .dentry = tree_add(&tree, tree.root, COLD, 0) };
		pthread_t thread;

		inode_lock(d_inode(tree.root));
		d_lock(call.dentry);
		thread = start_call(&call, &tree, waits[i].wait);
		cancel_in(&call, thread, waits[i].let_go);
		if (waits[i].let_go == unlock_root)
			d_unlock(call.dentry);
		else
			inode_unlock(d_inode(tree.root));
		CHECK_EQ(d_count(call.dentry), 1);
		dput(call.dentry);
		tree_end(&tree);
	}
}

static void barrier(struct call *call)
{
	dcache_barrier(call->tree->dc);
}

static void leave_section(struct call *call)
{
	(void)call;
	dcache_read_unlock();
}

/* liburcu waits with its lock held, at a cancellation point. */
TEST(a_grace_period_is_not_cancelled, "faults H21 H50 dcache_barrier")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct call call = { .dentry = NULL };
	pthread_t thread;

	dput(tree_add(&tree, tree.root, COLD, INODE_REGULAR));
	dcache_read_lock();
	CHECK_EQ(shrink_dcache(tree.dc, 1), 1);
	thread = start_call(&call, &tree, barrier);
	test_sleep_ms(20);
	cancel_in(&call, thread, leave_section);
	/* Others' grace periods end as well. */
	dput(tree_add(&tree, tree.root, COLD, INODE_REGULAR));
	shrink_dcache(tree.dc, 1);
	dcache_barrier(tree.dc);
	CHECK_EQ(tree_stats(&tree).pending_frees, 0);
	tree_end(&tree);
}

static void create_and_destroy(struct call *call)
{
	struct dcache *dc;

	(void)call;
	/* Cancelled already, when it begins. */
	CHECK_EQ(dcache_create(NULL, &dc), 0);
	CHECK_EQ(dcache_destroy(dc), 0);
}

static void *cancelled_from_the_start(void *arg)
{
	struct call *call = arg;

	pthread_cancel(pthread_self());
	call->run(call);
	atomic_store(&call->returned, true);
	pthread_testcancel();
	return NULL;
}

TEST(no_call_is_a_cancellation_point, "faults H21 dcache_create dcache_destroy lookup_slow")
{
	void (*calls[])(struct call *) = { create_and_destroy, barrier, lookup_slow_cold };
	size_t i;

	for (i = 0; i < 3; i++) {
		struct tree tree = tree_begin(NULL, &backend_ops);
		struct call call = { .tree = &tree, .run = calls[i] };
		void *result;

		call.dentry = tree_add(&tree, tree.root, COLD, 0);
		dput(tree_add(&tree, tree.root, NAME("to free"), INODE_REGULAR));
		shrink_dcache(tree.dc, 1);
		pthread_join(test_thread(cancelled_from_the_start, &call), &result);
		CHECK(result == PTHREAD_CANCELED);
		CHECK(atomic_load(&call.returned));
		dput(call.dentry);
		tree_end(&tree);
	}
}

/* ---- read sections that a thread's end ends ---- */

static void *end_in_a_section(void *arg)
{
	struct tree *tree = arg;
	uint32_t seq;

	dcache_read_lock();
	dcache_read_lock();
	CHECK(d_lookup_rcu(tree->root, COLD, &seq));
	return NULL;
}

static void *be_cancelled_in_a_section(void *arg)
{
	(void)arg;
	dcache_read_lock();
	wait_to_be_cancelled();
	return NULL;
}

static void *section_of_a_later_thread(void *arg)
{
	struct tree *tree = arg;
	struct dentry *dentry;
	uint32_t seq;

	CHECK(!dc_read_ongoing());
	dcache_read_lock();
	dentry = d_lookup_rcu(tree->root, COLD, &seq);
	CHECK(dentry && dget_rcu(dentry, seq));
	dcache_read_unlock();
	CHECK(!dc_read_ongoing());
	dput(dentry);
	return NULL;
}

/* A rule is broken, but the section ends with its thread, and holds up nobody for ever. */
TEST(a_thread_ends_inside_a_read_section, "faults H53 dcache_read_lock dcache_barrier")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *kept = tree_add(&tree, tree.root, COLD, 0);
	pthread_t thread;
	int i;

	for (i = 0; i < 20; i++) {
		if (i % 2) {
			thread = test_thread(be_cancelled_in_a_section, &tree);
			usleep(500);
			pthread_cancel(thread);
		} else {
			thread = test_thread(end_in_a_section, &tree);
		}
		test_join(thread);
		/* Its place is another's now, who is in no section. */
		test_join(test_thread(section_of_a_later_thread, &tree));
		dput(tree_add(&tree, tree.root, NAME("passing"), INODE_REGULAR));
		CHECK_EQ(shrink_dcache(tree.dc, 1), 1);
		dcache_barrier(tree.dc);
		CHECK_EQ(tree_stats(&tree).pending_frees, 0);
	}
	dput(kept);
	tree_end(&tree);
}

/* ---- thousands ---- */

#define WAVE 40
#ifdef TEST_SANITIZED
#define WAVES 60
#else
#define WAVES 300
#endif

struct passer {
	struct tree *tree;
	int wave;
	_Atomic int turn;
};

static struct dentry *answer_after_a_while(struct inode *dir, struct dentry *dentry)
{
	usleep(300);
	return answer_file(dir, dentry);
}

static void *pass_by(void *arg)
{
	struct passer *self = arg;
	char name[16], own[16];
	struct qstr cold = qstr_init(name, (size_t)snprintf(name, sizeof(name), "n%d", self->wave));
	struct qstr colder = qstr_init(
		own, (size_t)snprintf(own, sizeof(own), "own%d", atomic_fetch_add(&self->turn, 1)));
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = lookup_slow(self->tree->root, &cold, 0);
	uint32_t seq;

	/* All of a wave ask for one name: one owns, some wait, some find. Each owns one besides. */
	CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
	dput(dentry);
	dentry = d_alloc_parallel(self->tree->root, &colder, &wq);
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	dcache_read_lock();
	d_lookup_rcu(self->tree->root, &cold, &seq);
	dcache_read_unlock();
	dput(dentry);
	return NULL;
}

/* Pages of the process that are in memory. */
static long resident_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long size = 0, resident = 0;

	if (file) {
		if (fscanf(file, "%ld %ld", &size, &resident) != 2)
			resident = 0;
		fclose(file);
	}
	return resident;
}

TEST(thousands_of_threads_come_and_go, "faults H53 H50 lookup_slow")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	uint64_t bytes = 0;
	struct tree tree;
	long pages = 0;
	int wave, i;

	opts.max_entries = 16;
	/* Tables of one size: what is compared is what threads leave behind. */
	opts.hash_buckets = opts.in_lookup_buckets = 1024;
	tree = tree_begin(&opts, &backend_ops);
	backend_begin(answer_after_a_while);
	for (wave = 0; wave < WAVES; wave++) {
		struct passer passer = { &tree, wave, 0 };
		pthread_t threads[WAVE];

		if (wave == WAVES / 3) {
			dcache_barrier(tree.dc);
			bytes = tree_stats(&tree).bytes;
			pages = resident_pages();
		}
		for (i = 0; i < WAVE; i++)
			threads[i] = test_thread(pass_by, &passer);
		for (i = 0; i < WAVE; i++)
			test_join(threads[i]);
	}
	dcache_barrier(tree.dc);
	/* Some of a name may be so late that it is gone again. */
	CHECK(atomic_load(&backend.calls) >= WAVES && atomic_load(&backend.calls) < 2 * WAVES);
	CHECK(tree_stats(&tree).lookups_waited > WAVES);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	CHECK(tree_stats(&tree).bytes < bytes + 8192);
#ifndef TEST_SANITIZED
	/* A thread that liburcu did not forget would cost 256 bytes. */
	CHECK(pages && (resident_pages() - pages) * sysconf(_SC_PAGESIZE) <
			       128 * WAVE * (WAVES - WAVES / 3));
#else
	(void)pages;
#endif
	tree_end(&tree);
}
