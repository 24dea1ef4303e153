/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hazards of finding and becoming: one owner, nobody starved or burning the processor, nothing
 * freed under a search. How waiters are told: test_hazards_wait.c.
 */
#include "harness.h"
#include "internal.h"

#define COLD NAME("cold")

static void *ask_cold(void *parent)
{
	return lookup_slow(parent, COLD, 0);
}

TEST(one_cold_name_is_asked_for_once, "H1")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	void *results[8];
	pthread_t threads[8];
	int i;

	backend_begin(answer_file);
	atomic_store(&backend.held, true);
	for (i = 0; i < 8; i++)
		threads[i] = test_thread(ask_cold, tree.root);
	CHECK(EVENTUALLY(tree_stats(&tree).lookups_waited == 7));
	CHECK_EQ(tree_stats(&tree).in_lookup, 1);
	atomic_store(&backend.held, false);
	for (i = 0; i < 8; i++)
		pthread_join(threads[i], &results[i]);
	CHECK_EQ(atomic_load(&backend.calls), 1);
	for (i = 0; i < 8; i++) {
		CHECK(results[i] == results[0] && d_is_positive(results[i]));
		dput(results[i]);
	}
	tree_end(&tree);
}

struct racer {
	struct dentry *parent;
	pthread_barrier_t *barrier;
	_Atomic int *owners;
};

#define RACES 2000

static void *race_for_names(void *arg)
{
	struct racer *racer = arg;
	char name[16];
	int i;

	for (i = 0; i < RACES; i++) {
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
		struct qstr q = qstr_init(name, (size_t)snprintf(name, sizeof(name), "r%d", i));
		struct dentry *dentry;

		pthread_barrier_wait(racer->barrier);
		dentry = d_alloc_parallel(racer->parent, &q, &wq);
		if (d_in_lookup(dentry)) {
			atomic_fetch_add(racer->owners, 1);
			CHECK_EQ(d_add(dentry, NULL), 0);
		}
		dput(dentry);
	}
	return NULL;
}

/* The whole race, without gates: an entry must be complete at the moment it can be seen. */
TEST(racers_for_one_name_have_one_owner, "H1 H4 H8")
{
	struct tree tree = tree_begin(NULL, NULL);
	pthread_barrier_t barrier;
	_Atomic int owners = 0;
	struct racer racer = { tree.root, &barrier, &owners };
	pthread_t threads[3];
	int i;

	pthread_barrier_init(&barrier, NULL, 3);
	for (i = 0; i < 3; i++)
		threads[i] = test_thread(race_for_names, &racer);
	for (i = 0; i < 3; i++)
		test_join(threads[i]);
	CHECK_EQ(atomic_load(&owners), RACES);
	pthread_barrier_destroy(&barrier);
	tree_end(&tree);
}

/* A caller holds no lock of the directory here: only the sequence tells it of what it missed. */
static void *complete_and_forget(void *arg)
{
	struct racer *racer = arg;
	int i;

	for (i = 0; i < RACES * 4; i++) {
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
		struct dentry *dentry = d_alloc_parallel(racer->parent, COLD, &wq);

		if (d_in_lookup(dentry))
			CHECK_EQ(d_add(dentry, NULL), 0);
		else if (i % 2)
			d_drop(dentry);
		dput(dentry);
	}
	return NULL;
}

TEST(an_entry_is_never_between_the_tables, "H4")
{
	const struct dcache_options opts = { .size = sizeof(opts), .in_lookup_buckets = 2 };
	struct tree tree = tree_begin(&opts, NULL);
	struct racer racer = { .parent = tree.root };
	pthread_t threads[3];
	int i;

	for (i = 0; i < 3; i++)
		threads[i] = test_thread(complete_and_forget, &racer);
	for (i = 0; i < 3; i++)
		test_join(threads[i]);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	tree_end(&tree);
}

/* H13: what a lookup saw stays true until it is published: changes of the directory wait. */

static _Atomic bool exists;

static void *create_cold(void *arg)
{
	struct tree *tree = arg;
	struct inode *dir = d_inode(tree->root);
	struct dentry *dentry;

	inode_lock(dir);
	dentry = d_lookup(tree->root, COLD);
	if (!dentry)
		dentry = d_alloc(tree->root, COLD);
	atomic_store(&exists, true);
	if (d_unhashed(dentry))
		CHECK_EQ(d_add(dentry, tree_inode(tree->dc, INODE_REGULAR)), 0);
	else
		CHECK_EQ(d_instantiate(dentry, tree_inode(tree->dc, INODE_REGULAR)), 0);
	inode_unlock(dir);
	dput(dentry);
	dentry = d_lookup(tree->root, COLD);
	CHECK(dentry && d_is_positive(dentry));
	dput(dentry);
	return NULL;
}

static struct dentry *answer_what_was_true(struct inode *dir, struct dentry *dentry)
{
	uint64_t until = test_now_ns() + 50000000;
	bool existed = atomic_load(&exists);

	/* Others may look, nobody may change. */
	CHECK(!inode_trylock(dir));
	CHECK(inode_trylock_shared(dir));
	inode_unlock_shared(dir);
	while (!atomic_load(&exists) && test_now_ns() < until)
		usleep(100);
	CHECK(existed == atomic_load(&exists));
	CHECK_EQ(d_add(dentry, existed ? tree_inode(inode_dcache(dir), INODE_REGULAR) : NULL), 0);
	return NULL;
}

TEST(a_lookup_does_not_publish_what_a_create_has_overtaken, "H13")
{
	struct tree tree = tree_begin(NULL, &backend_ops);
	struct dentry *dentry;
	pthread_t asking, creating;
	void *result;

	backend_begin(answer_what_was_true);
	atomic_store(&exists, false);
	asking = test_thread(ask_cold, tree.root);
	CHECK(EVENTUALLY(atomic_load(&backend.inside)));
	creating = test_thread(create_cold, &tree);
	test_join(creating);
	dentry = lookup_one_unlocked(tree.root, COLD, 0);
	CHECK(!IS_ERR(dentry) && d_is_positive(dentry));
	pthread_join(asking, &result);
	CHECK(!IS_ERR(result));
	dput(dentry);
	dput(result);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

static void end_negative(struct asker *asker, struct dentry *dentry)
{
	(void)asker;
	CHECK_EQ(d_add(dentry, NULL), 0);
}

static void *add_negative(void *dentry)
{
	CHECK_EQ(d_add(dentry, NULL), 0);
	return NULL;
}

TEST(a_reference_is_not_taken_under_a_bucket_lock, "H2")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct gate missed = { 0 }, holds_d_lock = { 0 };
	struct asker asker = { 0 };
	pthread_t adder;

	/* The asker has seen an even sequence and missed; then the owner takes d_lock ... */
	gate_arm(&missed, DC_A2, tree.root, 1);
	asker_start(&asker, tree.root, COLD);
	CHECK(gate_wait(&missed, 1));
	gate_arm(&holds_d_lock, DC_C1, dentry, 1);
	adder = test_thread(add_negative, dentry);
	CHECK(gate_wait(&holds_d_lock, 1));
	/* ... which the asker needs for its reference. The owner needs the bucket. */
	gate_open(&missed);
	CHECK(EVENTUALLY(point_count(DC_A4) >= 1));
	test_sleep_ms(20);
	CHECK(!atomic_load(&asker.done));
	gate_open(&holds_d_lock);
	test_join(adder);
	CHECK(asker_join(&asker) == dentry && !asker.owned);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

#define STALLED_ASKERS 6

TEST(an_odd_sequence_is_waited_out_before_the_bucket, "H3")
{
	const struct dcache_options opts = { .size = sizeof(opts), .in_lookup_buckets = 2 };
	struct tree tree = tree_begin(&opts, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker askers[STALLED_ASKERS] = { 0 };
	char names[STALLED_ASKERS][BUCKET_MATE_SIZE];
	struct gate odd = { 0 };
	pthread_t adder;
	int i;

	gate_arm(&odd, DC_C1, dentry, 1);
	adder = test_thread(add_negative, dentry);
	CHECK(gate_wait(&odd, 1));
	for (i = 0; i < STALLED_ASKERS; i++) {
		struct qstr mate = test_bucket_mate(tree.root, COLD, i, names[i]);

		askers[i].end = end_negative;
		asker_start(&askers[i], tree.root, &mate);
	}
	CHECK(EVENTUALLY(point_count(DC_A2) >= STALLED_ASKERS));
	test_sleep_ms(50);
	/* Nobody has come near the bucket that the writer is about to want. */
	CHECK_EQ(point_count(DC_A3), 0);
	gate_open(&odd);
	test_join(adder);
	for (i = 0; i < STALLED_ASKERS; i++) {
		dput(asker_join(&askers[i]));
		CHECK(askers[i].owned);
	}
	dput(dentry);
	tree_end(&tree);
}

/* The sequence is sampled before the first search, so what was missed in between is noticed. */
TEST(an_entry_added_between_the_searches_is_not_missed, "H1 H3")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker asker = { 0 };
	struct gate missed = { 0 };

	gate_arm(&missed, DC_A2, tree.root, 1);
	asker_start(&asker, tree.root, COLD);
	CHECK(gate_wait(&missed, 1));
	CHECK_EQ(d_add(dentry, NULL), 0);
	gate_open(&missed);
	CHECK(asker_join(&asker) == dentry && !asker.owned);
	dput(dentry);
	dput(dentry);
	tree_end(&tree);
}

struct patient {
	struct dentry *parent;
	struct qstr name;
	struct dentry *own; /* in-lookup: add it; NULL: ask for name */
	uint64_t cpu;
	long sleeps;
	_Atomic bool done;
};

static void *measure(void *arg)
{
	struct patient *patient = arg;
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = patient->own;
	uint64_t cpu = test_thread_cpu_ns();
	long sleeps = test_thread_sleeps();

	if (dentry)
		CHECK_EQ(d_add(dentry, NULL), 0);
	else
		dentry = d_alloc_parallel(patient->parent, &patient->name, &wq);
	patient->cpu = test_thread_cpu_ns() - cpu;
	patient->sleeps = test_thread_sleeps() - sleeps;
	atomic_store(&patient->done, true);
	d_lookup_done(dentry);
	dput(dentry);
	return NULL;
}

#define STALL_MS 200

static void stall_writer_at(enum dc_point point)
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct patient patients[4] = {
		{ .parent = tree.root, .name = *NAME("one") },
		{ .parent = tree.root, .name = *NAME("two") },
		{ .parent = tree.root, .name = *NAME("three") },
		{ .own = d_alloc_parallel(tree.root, NAME("writer too"), &wq) },
	};
	pthread_t writer, threads[4];
	struct gate gate = { 0 };
	int i;

	gate_arm(&gate, point, dentry, 1);
	writer = test_thread(add_negative, dentry);
	CHECK(gate_wait(&gate, 1));
	for (i = 0; i < 4; i++)
		threads[i] = test_thread(measure, &patients[i]);
	CHECK(EVENTUALLY(point_count(DC_A2) >= 3));
	test_sleep_ms(STALL_MS);
	for (i = 0; i < 4; i++)
		CHECK(!atomic_load(&patients[i].done));
	gate_open(&gate);
	test_join(writer);
	for (i = 0; i < 4; i++) {
		test_join(threads[i]);
		/* On a busy machine one that spins has little of the processor too. */
		CHECK(patients[i].sleeps > 0);
		test_check(patients[i].cpu < STALL_MS * 1000000ull / 10, __FILE__, __LINE__,
			   "point %d: thread %d used %llu us in a stall of %d ms", point, i,
			   (unsigned long long)patients[i].cpu / 1000, STALL_MS);
	}
	dput(dentry);
	tree_end(&tree);
	gates_reset();
}

TEST(a_descheduled_writer_burns_nobodys_processor, "H6")
{
	CHECK(test_one_cpu());
	stall_writer_at(DC_C1);
	stall_writer_at(DC_C2);
	stall_writer_at(DC_C3);
}

/* The lock that is held for long is the awaited entry's own. */
TEST(a_locked_entry_burns_nobodys_processor, "H6")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct patient patient = { .parent = tree.root, .name = *COLD };
	pthread_t thread;
	long looks;

	CHECK(test_one_cpu());
	points_count();
	d_lock(dentry);
	thread = test_thread(measure, &patient);
	CHECK(EVENTUALLY(point_count(DC_A4) >= 1));
	test_sleep_ms(STALL_MS);
	CHECK(!atomic_load(&patient.done));
	d_unlock(dentry);
	CHECK_EQ(d_add(dentry, NULL), 0);
	test_join(thread);
	/*
	 * It cannot sleep for the lock of an entry that it has no reference on. It looks now and
	 * then, and sleeps in between, but for the first few times.
	 */
	looks = point_count(DC_A4);
	test_check(looks <= patient.sleeps + 10, __FILE__, __LINE__,
		   "looked %ld times and slept %ld times in a stall of %d ms", looks,
		   patient.sleeps, STALL_MS);
	dput(dentry);
	tree_end(&tree);
}

TEST(an_entry_joins_its_parent_when_it_is_published, "H8")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);

	/* Until then nobody who walks the children can come by to change its flags. */
	CHECK(!tree.root->d_children.first);
	CHECK(!(d_flags(dentry) & (DCACHE_LISTED | DCACHE_HASHED)));
	CHECK(d_flags(dentry) & DCACHE_PAR_LOOKUP);
	CHECK_EQ(d_add(dentry, NULL), 0);
	CHECK(tree.root->d_children.first == &dentry->d_sib);
	dput(dentry);
	tree_end(&tree);
}

static void add_when_another_has_asked(struct asker *asker, struct dentry *dentry)
{
	struct tree *tree = asker->data;

	CHECK(EVENTUALLY(tree_stats(tree).lookups_waited + tree_stats(tree).lookups_started == 2));
	CHECK_EQ(d_add(dentry, NULL), 0);
}

/*
 * A new entry is seen by others at the earliest at A3, and is complete then. On one processor, which
 * the owner yields as soon as it has let go of the bucket and with that woken who slept for it.
 */
TEST(a_new_entry_is_seen_complete, "H1 H8")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct asker first = { .end = add_when_another_has_asked, .data = &tree };
	struct asker second = { 0 };
	struct gate inserting = { 0 };

	CHECK(test_one_cpu());
	gate_arm(&inserting, DC_A3, tree.root, 1);
	asker_start(&first, tree.root, COLD);
	CHECK(gate_wait(&inserting, 1));
	asker_start(&second, tree.root, COLD);
	CHECK(EVENTUALLY(test_sleepers_on_bucket(tree.root, COLD)));
	test_sleep_ms(20);
	CHECK_EQ(tree_stats(&tree).in_lookup, 0);
	test_yielding(first.thread, true);
	gate_open(&inserting);
	CHECK(EVENTUALLY(tree_stats(&tree).lookups_waited + tree_stats(&tree).lookups_started ==
			 2));
	test_yielding(first.thread, false);
	CHECK(asker_join(&first) == asker_join(&second));
	CHECK(first.owned && !second.owned);
	CHECK_EQ(tree_stats(&tree).lookups_started, 1);
	dput(first.result);
	dput(second.result);
	tree_end(&tree);
}

/* H12: "somebody sleeps" is a bit in a word that the lock's holder changes meanwhile. */
TEST(a_sleeper_for_a_bucket_is_not_forgotten, "H12")
{
	const struct dcache_options opts = { .size = sizeof(opts), .in_lookup_buckets = 2 };
	struct tree tree = tree_begin(&opts, NULL);
	struct asker first = { 0 }, sleepers[2] = { { 0 }, { 0 } };
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *before[BUCKET_SLOTS];
	char names[2][BUCKET_MATE_SIZE], name[BUCKET_MATE_SIZE];
	struct gate inserting = { 0 };
	struct qstr mate;
	int i;

	/* The slots are taken: what comes goes onto the chain, whose head is that word. */
	tree.dc->in_lookup.max = tree.dc->in_lookup.min;
	for (i = 0; i < (int)BUCKET_SLOTS; i++) {
		mate = test_bucket_mate(tree.root, COLD, 2 + i, name);
		before[i] = d_alloc_parallel(tree.root, &mate, &wq);
		CHECK(!IS_ERR(before[i]) && d_in_lookup(before[i]));
	}
	gate_arm(&inserting, DC_A3, tree.root, 1);
	asker_start(&first, tree.root, COLD);
	CHECK(gate_wait(&inserting, 1));
	for (i = 0; i < 2; i++) {
		mate = test_bucket_mate(tree.root, COLD, i, names[i]);
		asker_start(&sleepers[i], tree.root, &mate);
	}
	CHECK(EVENTUALLY(test_sleepers_on_bucket(tree.root, COLD)));
	test_sleep_ms(20);
	gate_open(&inserting);
	dput(asker_join(&first));
	for (i = 0; i < 2; i++)
		dput(asker_join(&sleepers[i]));
	for (i = 0; i < (int)BUCKET_SLOTS; i++) {
		d_lookup_done(before[i]);
		dput(before[i]);
	}
	tree_end(&tree);
}

static void *lock_and_unlock(void *dentry)
{
	d_lock(dentry);
	d_unlock(dentry);
	return NULL;
}

TEST(a_sleeper_for_an_entry_is_not_forgotten, "H12")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	pthread_t adder, threads[2];
	struct gate locked = { 0 };
	int i;

	gate_arm(&locked, DC_C1, dentry, 1);
	adder = test_thread(add_negative, dentry);
	CHECK(gate_wait(&locked, 1));
	for (i = 0; i < 2; i++)
		threads[i] = test_thread(lock_and_unlock, dentry);
	CHECK(EVENTUALLY(test_sleepers_on_lock(dentry)));
	test_sleep_ms(20);
	/* From here on the adder changes bits of the word in which the sleepers left theirs. */
	gate_open(&locked);
	test_join(adder);
	for (i = 0; i < 2; i++)
		test_join(threads[i]);
	dput(dentry);
	tree_end(&tree);
}

static void *barrier(void *arg)
{
	struct tree *tree = arg;

	dcache_barrier(tree->dc);
	return NULL;
}

struct barrier_thread {
	struct dcache *dc;
	_Atomic bool done;
};

static void *barrier_and_tell(void *arg)
{
	struct barrier_thread *self = arg;

	dcache_barrier(self->dc);
	atomic_store(&self->done, true);
	return NULL;
}

TEST(an_entry_found_in_lookup_is_not_freed_before_it_is_referenced, "H16")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct barrier_thread reclaimer = { .dc = tree.dc };
	struct asker asker = { .end = end_negative };
	struct gate found = { 0 };
	pthread_t thread;

	gate_arm(&found, DC_A4, dentry, 1);
	asker_start(&asker, tree.root, COLD);
	CHECK(gate_wait(&found, 1));
	CHECK_EQ(d_lookup_fail(dentry, -EIO), 0);
	dput(dentry);
	thread = test_thread(barrier_and_tell, &reclaimer);
	test_sleep_ms(100);
	CHECK(!atomic_load(&reclaimer.done));
	gate_open(&found);
	/* It was too early to share the outcome: it asks itself. */
	dput(asker_join(&asker));
	CHECK(asker.owned && !IS_ERR(asker.result));
	test_join(thread);
	tree_end(&tree);
}

/* The same with an entry that was never ended by a call of its own: the last put of a negative. */
TEST(an_entry_found_in_lookup_may_be_added_and_evicted, "H16")
{
	struct tree tree = tree_begin(NULL, NULL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(tree.root, COLD, &wq);
	struct asker asker = { .end = end_negative };
	struct gate found = { 0 };
	pthread_t thread;

	gate_arm(&found, DC_A4, dentry, 1);
	asker_start(&asker, tree.root, COLD);
	CHECK(gate_wait(&found, 1));
	CHECK_EQ(d_add(dentry, NULL), 0);
	dput(dentry);
	CHECK_EQ(shrink_dcache(tree.dc, 10), 1);
	thread = test_thread(barrier, &tree);
	test_sleep_ms(20);
	gate_open(&found);
	dput(asker_join(&asker));
	CHECK(asker.owned);
	test_join(thread);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */
