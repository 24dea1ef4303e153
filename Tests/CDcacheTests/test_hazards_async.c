/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hazards of waiters that do not sleep, or not for ever: cancelling and running out of time against
 * the lookup's end, whoever comes first; owners that are gone.
 */
#include "requests.h"

#include <sched.h>

#define COLD NAME("cold")
#define OTHER NAME("other")

#ifdef DCACHE_DEBUG

static void *fail_lookup(void *dentry)
{
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	return NULL;
}

static void *add_negative(void *dentry)
{
	CHECK_EQ(d_add(dentry, NULL), 0);
	return NULL;
}

struct canceller {
	struct d_waiter *waiter;
	bool got;
};

static void *take_back(void *arg)
{
	struct canceller *canceller = arg;

	canceller->got = d_waiter_cancel(canceller->waiter);
	return NULL;
}

/* The cancel has found the entry, whose lookup is ended and whose last reference is put meanwhile. */
TEST(the_lookup_ends_before_a_cancel_has_the_lock, "H20 H16")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct request request;
	struct canceller canceller = { .waiter = &request.waiter };
	struct gate gate = { 0 };
	pthread_t thread;

	must_wait(&request, tree.root, COLD);
	gate_arm(&gate, DC_W3, dentry, 1);
	thread = test_thread(take_back, &canceller);
	CHECK(gate_wait(&gate, 1));
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	CHECK_EQ(request.calls, 1);
	dput(dentry);
	test_sleep_ms(20);
	gate_open(&gate);
	test_join(thread);
	CHECK(!canceller.got);
	CHECK_EQ(request.calls, 1);
	tree_end(&tree);
}

/* The waiter is the ender's, and not yet told: no use to wait for that. */
static void cancel_at(enum dc_point point)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct request requests[2];
	struct gate gate = { 0 };
	pthread_t owner;
	int i;

	for (i = 0; i < 2; i++)
		must_wait(&requests[i], tree.root, COLD);
	gate_arm(&gate, point, dentry, 1);
	owner = test_thread(fail_lookup, dentry);
	CHECK(gate_wait(&gate, 1));
	for (i = 0; i < 2; i++) {
		CHECK(!d_waiter_cancel(&requests[i].waiter));
		CHECK_EQ(requests[i].calls, 0);
	}
	gate_open(&gate);
	test_join(owner);
	for (i = 0; i < 2; i++) {
		CHECK_EQ(requests[i].calls, 1);
		CHECK_ERR(requests[i].result, -EIO);
	}
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
	tree_end(&tree);
}

TEST(cancelled_between_the_end_and_the_outcome, "H20")
{
	cancel_at(DC_C4);
}

TEST(cancelled_between_the_outcome_and_its_func, "H20")
{
	cancel_at(DC_W4);
}

/* It was hashed by that end, whatever has become of it. */
TEST(an_answer_is_unhashed_before_it_is_told, "d_alloc_parallel_async")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct request request;
	struct gate gate = { 0 };
	pthread_t owner;

	must_wait(&request, tree.root, COLD);
	gate_arm(&gate, DC_C4, dentry, 1);
	owner = test_thread(add_negative, dentry);
	CHECK(gate_wait(&gate, 1));
	d_drop(dentry);
	gate_open(&gate);
	test_join(owner);
	CHECK(request.result == dentry);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

TEST(two_cancels_find_the_same_entry, "H20")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct request request;
	struct canceller cancellers[2] = { { &request.waiter, false }, { &request.waiter, false } };
	struct gate gate = { 0 };
	pthread_t threads[2];

	must_wait(&request, tree.root, COLD);
	gate_arm(&gate, DC_W3, dentry, 2);
	threads[0] = test_thread(take_back, &cancellers[0]);
	threads[1] = test_thread(take_back, &cancellers[1]);
	CHECK(gate_wait(&gate, 2));
	gate_open(&gate);
	test_join(threads[0]);
	test_join(threads[1]);
	CHECK(cancellers[0].got != cancellers[1].got);
	CHECK_EQ(test_nr_counted(dentry), 0);
	CHECK_EQ(d_count(dentry), 1);
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	CHECK_EQ(request.calls, 0);
	dput(dentry);
	tree_end(&tree);
}

/* Somebody has the entry's lock for longer than is worth spinning for: the cancel looks again, outside of its
 * read section, and gets it at last. */
TEST(a_cancel_waits_for_the_lock, "H20")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct request request;
	struct canceller canceller = { .waiter = &request.waiter };
	pthread_t thread;

	must_wait(&request, tree.root, COLD);
	points_count();
	lockref_lock(&dentry->d_lockref);
	thread = test_thread(take_back, &canceller);
	CHECK(EVENTUALLY(point_count(DC_W3) >= 2));
	lockref_unlock(&dentry->d_lockref);
	test_join(thread);
	CHECK(canceller.got);
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	CHECK_EQ(request.calls, 0);
	dput(dentry);
	tree_end(&tree);
}

static struct dentry *again_in;

static void register_again(struct d_waiter *waiter, struct dentry *result)
{
	CHECK_ERR(result, -EIO);
	waiter->func = answered;
	CHECK(!d_alloc_parallel_async(again_in, OTHER, waiter));
}

/* What the cancel has found is not what the waiter waits for by now. */
TEST(registered_again_before_a_cancel_has_the_lock, "H20")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct dentry *other = d_alloc_parallel(tree.root, OTHER, NULL);
	struct request request;
	struct canceller canceller = { .waiter = &request.waiter };
	struct gate gate = { 0 };
	pthread_t thread;

	must_wait(&request, tree.root, COLD);
	request.waiter.func = register_again;
	again_in = tree.root;
	gate_arm(&gate, DC_W3, dentry, 1);
	thread = test_thread(take_back, &canceller);
	CHECK(gate_wait(&gate, 1));
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	CHECK_EQ(d_count(other), 2);
	gate_open(&gate);
	test_join(thread);
	CHECK(canceller.got);
	CHECK_EQ(d_count(other), 1);
	CHECK_EQ(test_nr_counted(other), 0);
	CHECK_EQ(d_lookup_fail(other, -EIO), 0);
	CHECK_EQ(request.calls, 0);
	dput(dentry);
	dput(other);
	tree_end(&tree);
}

static void answered_and_frees(struct d_waiter *waiter, struct dentry *result)
{
	CHECK_ERR(result, -EIO);
	memset(waiter, 0xa5, sizeof(*waiter));
	free(waiter);
}

static void *register_and_forget(void *parent)
{
	struct d_waiter *waiter = malloc(sizeof(*waiter));

	waiter->func = answered_and_frees;
	CHECK(!d_alloc_parallel_async(parent, COLD, waiter));
	return NULL;
}

TEST(all_is_gone_before_the_registration_returns, "H7")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct gate gate = { 0 };
	pthread_t thread;

	gate_arm(&gate, DC_W2, dentry, 1);
	thread = test_thread(register_and_forget, tree.root);
	CHECK(gate_wait(&gate, 1));
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	dput(dentry);
	CHECK(EVENTUALLY(tree_stats(&tree).pending_frees == 0));
	gate_open(&gate);
	test_join(thread);
	tree_end(&tree);
}

/* ---- time ---- */

struct timed {
	struct dentry *parent;
	struct dentry *result;
	_Atomic bool done;
};

static void *wait_in_vain(void *arg)
{
	struct timed *timed = arg;

	timed->result = d_alloc_parallel_until(timed->parent, COLD, NULL, 1);
	atomic_store(&timed->done, true);
	return NULL;
}

/* Its time is over, and it looks whether it is still on the queue. */
TEST(the_lookup_ends_as_the_time_is_over, "H7 H20")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct timed timed = { .parent = tree.root };
	struct gate giving_up = { 0 }, telling = { 0 };
	pthread_t thread, owner;

	gate_arm(&giving_up, DC_W3, dentry, 1);
	gate_arm(&telling, DC_C4, dentry, 1);
	thread = test_thread(wait_in_vain, &timed);
	CHECK(gate_wait(&giving_up, 1));
	owner = test_thread(fail_lookup, dentry);
	CHECK(gate_wait(&telling, 1));
	gate_open(&giving_up);
	/* It is the owner's to tell: its frame stays till then. */
	test_sleep_ms(30);
	CHECK(!atomic_load(&timed.done));
	gate_open(&telling);
	test_join(owner);
	test_join(thread);
	CHECK_ERR(timed.result, -EIO);
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
	tree_end(&tree);
}

TEST(the_lookup_ends_after_the_time_is_over, "H7 H20")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL);
	struct timed timed = { .parent = tree.root };
	struct gate giving_up = { 0 };
	pthread_t thread;

	gate_arm(&giving_up, DC_W3, dentry, 1);
	thread = test_thread(wait_in_vain, &timed);
	CHECK(gate_wait(&giving_up, 1));
	CHECK_EQ(test_nr_waiters(dentry), 1);
	gate_open(&giving_up);
	test_join(thread);
	CHECK_ERR(timed.result, -ETIMEDOUT);
	CHECK_EQ(test_nr_waiters(dentry), 0);
	CHECK_EQ(test_nr_counted(dentry), 0);
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	CHECK_EQ(d_count(dentry), 1);
	dput(dentry);
	tree_end(&tree);
}

/* ---- d_alloc_noblock() ---- */

/* At no moment of its becoming hashed can another lookup of the name be begun. */
TEST(not_blocking_at_every_point_of_an_addition, "H1 H2 H3 d_alloc_noblock")
{
	const enum dc_point points[] = { DC_C1, DC_C2, DC_C3, DC_C4 };
	struct gate gates[4] = { { 0 } };
	size_t i;

	for (i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct tree tree = tree_begin(NULL, NULL);
		struct dentry *dentry = d_alloc_parallel(tree.root, COLD, NULL), *found;
		struct request request;
		pthread_t owner;

		must_wait(&request, tree.root, COLD);
		gate_arm(&gates[i], points[i], dentry, 1);
		owner = test_thread(add_negative, dentry);
		CHECK(gate_wait(&gates[i], 1));
		found = d_alloc_noblock(tree.root, COLD, NULL);
		/* Its lock is held until it is all done. */
		CHECK(points[i] == DC_C4 ? found == dentry : found == ERR_PTR(-EWOULDBLOCK));
		if (!IS_ERR(found))
			dput(found);
		gate_open(&gates[i]);
		test_join(owner);
		CHECK(request.result == dentry);
		dput(dentry);
		dput(dentry);
		tree_end(&tree);
	}
}

static struct tree *noblock_tree;

/* Too long for the entry itself. */
#define NOBLOCK_LONG NAME("a name that has memory of its own, since it does not fit into its entry")

static void *ask_without_blocking(void *arg)
{
	const struct qstr *name = arg;

	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	return d_alloc_noblock(noblock_tree->root, name, name->len < 40 ? NULL : &wq);
}

/* It has missed, and made its entry, and missed again; then a whole lookup adds the name, before it goes on. */
static void add_after_it_was_missed(const struct qstr *name)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct gate first = { 0 }, begun = { 0 }, second = { 0 };
	struct dentry *dentry;
	pthread_t thread;
	void *found;

	noblock_tree = &tree;
	gate_arm(&first, DC_A2, tree.root, 1);
	pthread_create(&thread, NULL, ask_without_blocking, (void *)name);
	CHECK(gate_wait(&first, 1));
	gate_arm(&begun, DC_A1, tree.root, 1);
	gate_open(&first);
	CHECK(gate_wait(&begun, 1));
	gate_arm(&second, DC_A2, tree.root, 1);
	gate_open(&begun);
	CHECK(gate_wait(&second, 1));
	dentry = d_alloc_parallel(tree.root, name, NULL);
	CHECK_EQ(d_add(dentry, NULL), 0);
	gate_open(&second);
	pthread_join(thread, &found);
	CHECK(found == dentry);
	CHECK_EQ(tree_stats(&tree).entries, 2);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

TEST(added_after_it_was_missed_without_blocking, "H1 H2 d_alloc_noblock")
{
	add_after_it_was_missed(COLD);
}

TEST(a_long_name_added_after_it_was_missed_without_blocking, "d_alloc_noblock")
{
	add_after_it_was_missed(NOBLOCK_LONG);
}

#else

/* A checked build stops: it is the owner's mistake. */
TEST(waiters_of_every_kind_whose_owner_is_gone, "H11 H21")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct asker asker = { 0 };
	struct request requests[3];
	struct dentry *dentry = d_alloc_parallel_async(tree.root, COLD, &requests[0].waiter);
	int i;

	for (i = 0; i < 3; i++)
		must_wait(&requests[i], tree.root, COLD);
	asker_start(&asker, tree.root, COLD);
	parked(dentry, 4);
	CHECK_ERR(d_alloc_parallel_until(tree.root, COLD, NULL, 1), -ETIMEDOUT);
	CHECK(d_waiter_cancel(&requests[1].waiter));
	dput(dentry);
	for (i = 0; i < 3; i++) {
		CHECK_EQ(requests[i].calls, i != 1);
		CHECK(i == 1 || !requests[i].result);
	}
	/* The one that slept has begun anew. */
	dput(asker_join(&asker));
	CHECK(asker.owned);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */

/* ---- everything at once ---- */

#define NAMES 4
#define THREADS 6

struct storm {
	struct tree tree;
	_Atomic bool over;
	_Atomic long told, taken_back, registered, timed_out;
	_Atomic int owners[NAMES];
};

static struct storm storm;

struct rain {
	struct d_waiter waiter;
	_Atomic int hands; /* the registering thread's, and func's or the cancel's */
};

static void leave(struct rain *rain)
{
	if (atomic_fetch_sub(&rain->hands, 1) == 1)
		free(rain);
}

static void rained(struct d_waiter *waiter, struct dentry *result)
{
	if (!IS_ERR(result))
		dput(result);
	atomic_fetch_add(&storm.told, 1);
	leave(container_of(waiter, struct rain, waiter));
}

static void end_somehow(struct dentry *dentry, int name, unsigned int how)
{
	if (how & 8)
		sched_yield();
	atomic_fetch_sub(&storm.owners[name], 1);
	switch (how % 4) {
	case 0:
		CHECK_EQ(d_add(dentry, NULL), 0);
		d_drop(dentry);
		break;
	case 1:
		CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
		break;
	case 2:
		d_lookup_done(dentry);
		break;
	default:
		CHECK_EQ(d_lookup_redirect(dentry, storm.tree.root), 0);
		break;
	}
}

static void got(struct dentry *dentry, int name, unsigned int how)
{
	if (IS_ERR(dentry)) {
		CHECK(PTR_ERR(dentry) == -EIO || PTR_ERR(dentry) == -ETIMEDOUT ||
		      PTR_ERR(dentry) == -EWOULDBLOCK);
		return;
	}
	if (d_in_lookup(dentry)) {
		CHECK_EQ(atomic_fetch_add(&storm.owners[name], 1), 0);
		end_somehow(dentry, name, how);
	}
	dput(dentry);
}

static void *storm_thread(void *arg)
{
	static const char *const names[NAMES] = { "a", "b", "c", "d" };
	unsigned int state = (unsigned int)(uintptr_t)arg * 2654435761u + 1;

	while (!atomic_load(&storm.over)) {
		struct dentry *root = storm.tree.root, *dentry;
		struct rain *rain;
		struct qstr name;
		unsigned int how;
		int which;

		state = state * 1103515245u + 12345u;
		how = state >> 16;
		which = (int)(how >> 8) % NAMES;
		name = (struct qstr)QSTR_INIT(names[which], 1);
		switch (how % 5) {
		case 0:
			dentry = d_alloc_parallel_until(root, &name, NULL,
							test_now_ns() + how % 64 * 1000);
			atomic_fetch_add(&storm.timed_out, dentry == ERR_PTR(-ETIMEDOUT));
			got(dentry, which, how >> 4);
			break;
		case 1:
			got(d_alloc_noblock(root, &name, NULL), which, how >> 4);
			break;
		default:
			rain = malloc(sizeof(*rain));
			rain->waiter.func = rained;
			atomic_init(&rain->hands, 2);
			dentry = d_alloc_parallel_async(root, &name, &rain->waiter);
			if (dentry) {
				got(dentry, which, how >> 4);
				free(rain);
				break;
			}
			atomic_fetch_add(&storm.registered, 1);
			if (how & 16)
				sched_yield();
			if ((how & 32) && d_waiter_cancel(&rain->waiter)) {
				atomic_fetch_add(&storm.taken_back, 1);
				leave(rain);
			}
			leave(rain);
			break;
		}
	}
	return NULL;
}

TEST(a_storm_of_waiters_of_every_kind, "stress H7 H20 H21")
{
	pthread_t threads[THREADS];
	int i;

	memset(&storm, 0, sizeof(storm));
	storm.tree = tree_begin(NULL, NULL);
	for (i = 0; i < THREADS; i++)
		threads[i] = test_thread(storm_thread, (void *)(uintptr_t)(i + 1));
	test_sleep_ms(1500);
	atomic_store(&storm.over, true);
	for (i = 0; i < THREADS; i++)
		test_join(threads[i]);
	CHECK(storm.registered && storm.taken_back && storm.told);
	CHECK_EQ(storm.told + storm.taken_back, storm.registered);
	CHECK_EQ(tree_stats(&storm.tree).in_lookup, 0);
	tree_end(&storm.tree);
}
