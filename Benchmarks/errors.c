/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An error storm: errors [options]
 *
 *	-t THREADS	64
 *	-d US		what a call of the backend takes before it fails: 1000, asleep
 *	-k TIMES	that each thread asks in a storm: 50
 *	-r ROUNDS	30
 *
 * All threads want one name, which is another one in each round, of a backend that fails each time; each of
 * them must be told of the error. Beside Dcache a map with single flight, and, in the bursts only, a table
 * with a mutex that is held during the call (cold_tables.h), in an order of their own in each round.
 *
 *	errors-burst-last	each asks once, at the same time: how long the last one waits
 *	errors-burst-calls	calls of the backend for that; who comes after the error begins another
 *	errors-storm-p99	each asks again as soon as it is told: of all waits of a round
 *	errors-storm-calls	calls of the backend for all that; one call's time for each turn is the least
 *
 * Afterwards the backend works, and each name is asked for once more: it must cost one call, for no error is
 * to be kept, and the answer must be right.
 */
#define _GNU_SOURCE
#include "cold_dcache.h"
#include "cold_tables.h"
#include "rounds.h"

static const struct cold_cache caches[] = {
	{ "dcache", dcache_make, dcache_get, dcache_change, dcache_rename, dcache_bytes,
	  dcache_end },
	{ "single-flight", flights_make, flights_get, flights_change, flights_rename, flights_bytes,
	  flights_end },
	{ "mutex", locked_make, locked_get, locked_change, locked_rename, locked_bytes,
	  locked_end },
};
enum { DCACHE, SINGLE_FLIGHT, LOCKED, CACHES };

enum { BURST, STORM, KINDS };
enum { WAIT, CALLS, VALUES };

static const char *const row_names[KINDS][VALUES] = {
	{ "errors-burst-last", "errors-burst-calls" },
	{ "errors-storm-p99", "errors-storm-calls" },
};

static struct bench_row rows[KINDS][CACHES][VALUES];
static double *waits;
static unsigned int threads = 64;
static size_t rounds = 30;
static uint64_t seed = 88172645463325252u;

struct asking {
	const struct cold_cache *cache;
	size_t name, times;
};

static void ask(unsigned int thread, void *arg)
{
	const struct asking *asking = arg;
	double *wait = &waits[thread * asking->times];
	uint64_t answer;
	size_t i;

	for (i = 0; i < asking->times; i++) {
		double began = bench_now_ns();

		BENCH_CHECK(asking->cache->get(asking->name, &answer) == -EIO);
		wait[i] = bench_now_ns() - began;
	}
}

static void *array(size_t nr, size_t size)
{
	void *memory = calloc(nr, size);

	BENCH_CHECK(memory);
	return memory;
}

static void store_make(size_t nr)
{
	size_t i;

	store.names = nr;
	store.dirs = 1;
	store.broken = true;
	store.name = array(nr, NAME_SIZE);
	store.version = array(nr, sizeof(*store.version));
	store.calls = array(nr, sizeof(*store.calls));
	store.in_flight = array(nr, sizeof(*store.in_flight));
	for (i = 0; i < nr; i++)
		snprintf(store.name[i], NAME_SIZE, "name%07zu", i);
}

static size_t name_of(size_t round, int kind, int cache)
{
	return (round * KINDS + (size_t)kind) * CACHES + (size_t)cache;
}

static bool takes_part(int kind, int cache)
{
	/* A call for each time that each thread asks. */
	return kind == BURST || cache != LOCKED;
}

static void measure(size_t round, int kind, int cache, size_t times)
{
	struct asking asking = { &caches[cache], name_of(round, kind, cache),
				 kind == BURST ? 1 : times };
	size_t nr = threads * asking.times, at = kind == BURST ? nr - 1 : nr * 99 / 100;
	uint32_t calls;

	bench_run(threads, ask, &asking, NULL);
	calls = atomic_load(&store.calls[asking.name]);
	/* The call that answers a thread is over before the thread asks again. */
	BENCH_CHECK(calls >= asking.times && calls <= nr);
	qsort(waits, nr, sizeof(*waits), bench_compare);
	bench_row_add(&rows[kind][cache][WAIT], waits[at] / 1e3, false);
	bench_row_add(&rows[kind][cache][CALLS], calls, false);
}

/* The backend works again. */
static void check_that_no_error_is_kept(void)
{
	size_t round;
	int kind, cache;

	store.broken = false;
	store.delay_ns = 0;
	for (round = 0; round < rounds; round++) {
		for (kind = 0; kind < KINDS; kind++) {
			for (cache = 0; cache < CACHES; cache++) {
				size_t i = name_of(round, kind, cache);
				uint32_t calls = atomic_load(&store.calls[i]);
				uint64_t answer;

				if (!takes_part(kind, cache))
					continue;
				BENCH_CHECK(!caches[cache].get(i, &answer));
				BENCH_CHECK(answer == store_truth(i, 0));
				BENCH_CHECK(atomic_load(&store.calls[i]) == calls + 1);
			}
		}
	}
}

int main(int argc, char **argv)
{
	double medians[KINDS][CACHES][VALUES];
	size_t delay_us = 1000, times = 50, round;
	uint32_t order[KINDS * CACHES];
	int option, kind, cache, value, i;

	while ((option = getopt(argc, argv, "t:d:k:r:")) != -1) {
		switch (option) {
		case 't':
			threads = (unsigned int)bench_number(optarg, 2, BENCH_MAX_THREADS);
			break;
		case 'd':
			delay_us = bench_number(optarg, 1, 10000000);
			break;
		case 'k':
			times = bench_number(optarg, 1, 1000000);
			break;
		case 'r':
			rounds = bench_number(optarg, 1, BENCH_MAX_ROUNDS);
			break;
		default:
			return 2;
		}
	}
	store_make(rounds * KINDS * CACHES);
	store.delay_ns = (double)delay_us * 1e3;
	waits = array(threads * times, sizeof(*waits));
	for (cache = 0; cache < CACHES; cache++) {
		caches[cache].make();
		for (kind = 0; kind < KINDS; kind++) {
			for (value = 0; value < VALUES; value++) {
				bench_row_init(&rows[kind][cache][value], row_names[kind][value],
					       caches[cache].what, 1, threads, rounds);
				rows[kind][cache][value].unit = value == WAIT ? "us" : "calls";
			}
		}
	}
	for (round = 0; round < rounds; round++) {
		bench_order(order, KINDS * CACHES, &seed);
		for (i = 0; i < KINDS * CACHES; i++) {
			if (takes_part((int)order[i] % KINDS, (int)order[i] / KINDS))
				measure(round, (int)order[i] % KINDS, (int)order[i] / KINDS, times);
		}
	}
	check_that_no_error_is_kept();
	printf("%u threads, a call fails after %zu us; a storm: each asks %zu times; %zu rounds\n",
	       threads, delay_us, times, rounds);
	bench_row_heading("us, or calls");
	for (kind = 0; kind < KINDS; kind++) {
		for (value = 0; value < VALUES; value++) {
			for (cache = 0; cache < CACHES; cache++) {
				if (takes_part(kind, cache))
					medians[kind][cache][value] = bench_row_report(
						&rows[kind][cache][value]);
			}
			printf("%-30s dcache / single-flight %.2f\n", row_names[kind][value],
			       medians[kind][DCACHE][value] / medians[kind][SINGLE_FLIGHT][value]);
		}
	}
	for (cache = 0; cache < CACHES; cache++)
		caches[cache].end();
	return 0;
}
