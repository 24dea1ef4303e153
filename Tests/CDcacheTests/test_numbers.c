/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers of threads (sync/number.c), and what is counted by those who have one or none. */
#include "harness.h"
#include "internal.h"
#include "sync/number.h"

#define MORE (DC_THREAD_NUMBERS + 8)
#define ENTRIES 20u

static struct {
	struct tree tree;
	pthread_barrier_t all, done;
	uint32_t numbers[MORE];
	uint32_t at_the_end;
} scene;

static void add_some(unsigned int thread)
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		char bytes[24];
		struct qstr name = qstr_init(
			bytes, (size_t)snprintf(bytes, sizeof(bytes), "t%u-%u", thread, i));

		dput(tree_add(&scene.tree, scene.tree.root, &name, INODE_REGULAR));
	}
}

static void *take_and_add(void *arg)
{
	unsigned int thread = (unsigned int)(uintptr_t)arg;

	scene.numbers[thread] = dc_thread_number();
	pthread_barrier_wait(&scene.all);
	CHECK_EQ(dc_thread_number(), scene.numbers[thread]);
	add_some(thread);
	pthread_barrier_wait(&scene.done);
	return NULL;
}

/* More threads at once than there are numbers, of which the caller has one. */
static void take_numbers(void)
{
	const unsigned int n = MORE;
	bool seen[DC_THREAD_NUMBERS] = { false };
	pthread_t threads[MORE];
	unsigned int i, had = 0;

	/* The instance's thread has counted nothing yet, and asked for none. */
	pthread_barrier_init(&scene.all, NULL, n);
	pthread_barrier_init(&scene.done, NULL, n);
	for (i = 0; i < n; i++)
		threads[i] = test_thread(take_and_add, (void *)(uintptr_t)i);
	for (i = 0; i < n; i++)
		test_join(threads[i]);
	for (i = 0; i < n; i++) {
		if (scene.numbers[i] >= DC_THREAD_NUMBERS)
			continue;
		CHECK(!seen[scene.numbers[i]]);
		seen[scene.numbers[i]] = true;
		had++;
	}
	CHECK_EQ(had, DC_THREAD_NUMBERS - 1);
	pthread_barrier_destroy(&scene.all);
	pthread_barrier_destroy(&scene.done);
}

static void check_entries(uint64_t entries)
{
	struct dcache_stats stats = tree_stats(&scene.tree);

	CHECK_EQ(stats.entries, entries);
	CHECK_EQ(stats.inodes, entries);
	CHECK_EQ(stats.inserted, entries - 1);
}

TEST(numbers_are_each_had_by_one_and_given_back, "H45 dcache_stats")
{
	unsigned int round;

	scene.tree = tree_begin(NULL, NULL);
	CHECK(dc_thread_number() < DC_THREAD_NUMBERS);
	for (round = 0; round < 3; round++) {
		take_numbers();
		check_entries(1 + MORE * ENTRIES);
		CHECK_EQ(shrink_dcache(scene.tree.dc, SIZE_MAX), MORE * ENTRIES);
		dcache_barrier(scene.tree.dc);
		CHECK_EQ(tree_stats(&scene.tree).pending_bytes, 0);
		tree_end(&scene.tree);
		scene.tree = tree_begin(NULL, NULL);
	}
	tree_end(&scene.tree);
}

/* The first limit of an instance that threads with and without numbers have counted in. */
TEST(a_first_limit_knows_what_was_counted_before, "dcache_set_limits")
{
	const struct dcache_limits limits = { .max_entries = 10 };
	struct dcache_stats stats;

	scene.tree = tree_begin(NULL, NULL);
	take_numbers();
	check_entries(1 + MORE * ENTRIES);
	CHECK_EQ(dcache_set_limits(scene.tree.dc, &limits), 0);
	CHECK_EQ(tree_stats(&scene.tree).entries, 10);
	add_some(MORE);
	stats = tree_stats(&scene.tree);
	CHECK_EQ(stats.entries, 10);
	CHECK_EQ(stats.over_limit, 0);
	tree_end(&scene.tree);
}

static pthread_key_t later;

static void add_at_the_end(void *unused)
{
	(void)unused;
	scene.at_the_end = dc_thread_number();
	add_some(0);
}

static void *end_with_a_key(void *unused)
{
	(void)unused;
	CHECK(dc_thread_number() < DC_THREAD_NUMBERS);
	CHECK(!pthread_setspecific(later, &later));
	return NULL;
}

TEST(a_thread_counts_to_its_very_end, "H45 dcache_stats")
{
	scene.tree = tree_begin(NULL, NULL);
	/* The library's key is there; this one is after it. */
	dc_thread_number();
	CHECK(!pthread_key_create(&later, add_at_the_end));
	test_join(test_thread(end_with_a_key, NULL));
	CHECK(scene.at_the_end >= DC_THREAD_NUMBERS);
	check_entries(1 + ENTRIES);
	pthread_key_delete(later);
	tree_end(&scene.tree);
}

TEST(without_a_key_there_are_no_numbers, "H45 dcache_stats")
{
	pthread_key_t key;

	while (!pthread_key_create(&key, NULL))
		;
	CHECK(dc_thread_number() >= DC_THREAD_NUMBERS);
	CHECK(dc_thread_number() >= DC_THREAD_NUMBERS);
}
