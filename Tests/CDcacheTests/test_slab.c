/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Slabs (sync/slab.c): objects that do not overlap, memory that is given back, threads. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "harness.h"
#include "sync/slab.h"

#define SIZE 192u
/* More than a region of huge pages holds. */
#define MANY 40000u

struct object {
	uint64_t words[SIZE / 8];
};

static struct object *objects[MANY];

static void mark(struct object *object, uint64_t value)
{
	size_t i;

	for (i = 0; i < SIZE / 8; i++)
		object->words[i] = value;
}

static bool is_marked(const struct object *object, uint64_t value)
{
	size_t i;

	for (i = 0; i < SIZE / 8; i++) {
		if (object->words[i] != value)
			return false;
	}
	return true;
}

TEST(objects_of_a_slab_do_not_overlap_and_are_given_back, "slab")
{
	struct slab_cache cache;
	unsigned int i, round;

	slab_init(&cache, SIZE, &cache);
	CHECK_EQ(cache.capacity, 340);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < MANY; i++) {
			objects[i] = slab_alloc(&cache);
			REQUIRE(objects[i]);
			CHECK((uintptr_t)objects[i] % 64 == 0 && !((uintptr_t)objects[i] >> 48));
			CHECK(slab_owner(objects[i]) == &cache);
			mark(objects[i], i + 1);
		}
		CHECK(cache.nr_regions == 4);
		for (i = 0; i < MANY; i++)
			CHECK(is_marked(objects[i], i + 1));
		/* The odd ones, then as many again: in their places. */
		for (i = 1; i < MANY; i += 2)
			slab_free(&cache, objects[i]);
		for (i = 1; i < MANY; i += 2) {
			objects[i] = slab_alloc(&cache);
			mark(objects[i], i + 1);
		}
		CHECK(cache.nr_regions == 4);
		for (i = 0; i < MANY; i++)
			CHECK(is_marked(objects[i], i + 1));
		for (i = 0; i < MANY; i++)
			slab_free(&cache, objects[round == 1 ? MANY - 1 - i : i]);
		CHECK_EQ(cache.nr_regions, 1);
	}
	slab_destroy(&cache);
}

TEST(a_slab_cache_of_zeroes_is_nothing_to_destroy, "slab")
{
	struct slab_cache cache = { 0 };

	slab_destroy(&cache);
	CHECK_EQ(cache.nr_regions, 0);
}

TEST(a_small_cache_takes_few_pages, "slab")
{
	static unsigned char resident[DC_HUGE_PAGE / 4096];
	struct slab_cache cache;
	unsigned int i, pages = 0;
	uintptr_t region;

	slab_init(&cache, SIZE, &cache);
	for (i = 0; i < 100; i++) {
		objects[i] = slab_alloc(&cache);
		mark(objects[i], 1);
	}
	region = (uintptr_t)objects[0] & ~(DC_HUGE_PAGE - 1);
	REQUIRE(!mincore((void *)region, DC_HUGE_PAGE, resident));
	for (i = 0; i < sizeof(resident); i++)
		pages += resident[i] & 1;
	CHECK_EQ(pages, 5);
	for (i = 0; i < 100; i++)
		slab_free(&cache, objects[i]);
	slab_destroy(&cache);
}

/* Where address space is limited a sanitizer cannot live. */
#if !SLAB_BYPASSED
TEST(no_memory_for_a_region, "slab H51")
{
	struct slab_cache cache;
	struct rlimit limit;
	unsigned int n = 0;

	slab_init(&cache, SIZE, &cache);
	objects[n++] = slab_alloc(&cache);
	REQUIRE(objects[0] && !getrlimit(RLIMIT_AS, &limit));
	limit.rlim_cur = 1;
	REQUIRE(!setrlimit(RLIMIT_AS, &limit));
	errno = E2BIG;
	/* What is there is used up first. */
	while ((objects[n] = slab_alloc(&cache)))
		n++;
	CHECK(n == 32 * cache.capacity);
	CHECK_EQ(errno, E2BIG);
	CHECK(!slab_alloc(&cache));
	slab_free(&cache, objects[--n]);
	objects[n] = slab_alloc(&cache);
	CHECK(objects[n++]);
	while (n)
		slab_free(&cache, objects[--n]);
	slab_destroy(&cache);
}
#endif

/* ---- threads ---- */

#define THREADS 4u
#define SHELF 512u

static struct {
	struct slab_cache cache;
	_Atomic(struct object *) shelf[SHELF];	/* whoever takes one frees it */
	_Atomic uint64_t wrong;
} shop;

/* Puts an object on the shelf and frees what lay there, which another may have made. */
static void *trade(void *arg)
{
	uint64_t random = (uint64_t)(uintptr_t)arg * 7919 + 1;
	unsigned int i;

	for (i = 0; i < 50000; i++) {
		struct object *object = slab_alloc(&shop.cache);
		uint64_t at;

		random = random * 6364136223846793005u + 1442695040888963407u;
		at = (random >> 33) % SHELF;
		mark(object, (uint64_t)(uintptr_t)object);
		object = atomic_exchange(&shop.shelf[at], object);
		if (!object)
			continue;
		if (!is_marked(object, (uint64_t)(uintptr_t)object))
			atomic_fetch_add(&shop.wrong, 1);
		slab_free(&shop.cache, object);
	}
	return NULL;
}

TEST(threads_free_what_others_allocated, "slab stress")
{
	pthread_t threads[THREADS];
	uintptr_t i;

	slab_init(&shop.cache, SIZE, &shop);
	for (i = 0; i < THREADS; i++)
		threads[i] = test_thread(trade, (void *)i);
	for (i = 0; i < THREADS; i++)
		test_join(threads[i]);
	CHECK_EQ(atomic_load(&shop.wrong), 0);
	for (i = 0; i < SHELF; i++) {
		if (shop.shelf[i])
			slab_free(&shop.cache, shop.shelf[i]);
	}
	CHECK_EQ(shop.cache.nr_regions, 1);
	for (i = 0; i < SLAB_SHARDS; i++)
		CHECK(shop.cache.shards[i].nr_partial <= 1);
	slab_destroy(&shop.cache);
}
