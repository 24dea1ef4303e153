/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many threads, many cold names, a slow backend: cold [options]
 *
 *	-t THREADS	64; each asks for every name once, and again after an error
 *	-n NAMES	10000
 *	-d MS		what a call of the backend takes: 20, asleep
 *	-g GROUPS	of threads; those of one take the names in one order: THREADS, each its own
 *	-D DIRS		directories that the names are in: 1
 *	-l NAMES	for the table with a mutex a directory, which takes minutes: NAMES / 20
 *
 * Of twenty names one does not exist, one fails at the first call, one is renamed to the next one
 * while the threads run, and one is created while it is asked for, replaced later, and invalidated
 * each time. Each answer must be one that was true at some time since the call began, or since the
 * last change before that; and at the end each name's answer is looked at once more.
 *
 * Three caches, each in a process of its own: Dcache; a map with single flight; a mutex for each
 * directory (cold_tables.h). A name that nobody changes must cost one call, one that fails two, any
 * other one more for each change: checked for all three, as is, for Dcache and the mutex, that no
 * answer is stale. The program fails if it is not so.
 *
 * Rows of the results (report.h), of one round: "cold-names", until all threads have all; "cold-names-p99" and
 * "cold-names-p99.9", of the waits.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cold_dcache.h"
#include "cold_tables.h"
#include "report.h"

struct result {
	bool done;
	size_t names;
	double seconds, p50, p99, p999, max; /* waits: ns */
	size_t still, still_calls;	     /* names that nobody changes, and that do not fail */
	size_t calls;
	size_t errors, failed_calls, stale, stale_after;
	size_t changed, in_flight, renamed;
	size_t bytes, peak;
};

static size_t threads = 64, groups;
static uint32_t *orders;
static double *waits;
static const struct cold_cache *cache;
static _Atomic size_t errors, stale;
static _Atomic bool finished;
static pthread_barrier_t barrier;

static const struct cold_cache caches[] = {
	{ "Dcache", dcache_make, dcache_get, dcache_change, dcache_rename, dcache_bytes,
	  dcache_end },
	{ "single flight", flights_make, flights_get, flights_change, flights_rename, flights_bytes,
	  flights_end },
	{ "mutex a directory", locked_make, locked_get, locked_change, locked_rename, locked_bytes,
	  locked_end },
};

enum { DCACHE, SINGLE_FLIGHT, LOCKED, NR_CACHES };

/* ---- the threads ---- */

/* Which version of the name @answer is. */
static uint32_t version_of(size_t i, uint64_t answer)
{
	uint32_t version = atomic_load(&store.version[i]);

	while (store_truth(i, version) != answer) {
		BENCH_CHECK(version);
		version--;
	}
	return version;
}

/* Is what was told of the name what had been true before the cache knew better? */
static bool is_stale(size_t i, uint32_t known, uint64_t answer)
{
	return version_of(i, answer) < known;
}

static void *ask_for_all(void *arg)
{
	size_t number = (size_t)arg, turn;
	const uint32_t *order = &orders[number % groups * store.names];

	pthread_barrier_wait(&barrier);
	for (turn = 0; turn < store.names; turn++) {
		size_t i = order[turn];
		double began = bench_now_ns();
		uint32_t known = atomic_load(&store.known[i]);
		uint64_t answer;

		while (cache->get(i, &answer)) {
			atomic_fetch_add(&errors, 1);
			known = atomic_load(&store.known[i]);
		}
		waits[number * store.names + turn] = bench_now_ns() - began;
		if (is_stale(i, known, answer))
			atomic_fetch_add(&stale, 1);
		if (!atomic_load_explicit(&store.answered[i], memory_order_relaxed))
			atomic_store(&store.answered[i], 1);
	}
	return NULL;
}

static void change_one(size_t i, struct result *result)
{
	bool answered = atomic_load(&store.answered[i]);
	uint32_t version = atomic_load(&store.version[i]);

	switch (store_fate(i)) {
	case LEAVES:
		if (version || !answered)
			break;
		cache->rename(i, i + 1);
		atomic_store(&store.known[i], 1);
		atomic_store(&store.known[i + 1], 1);
		result->renamed++;
		break;
	case CHANGES:
		if (version == 2 || (!answered && (version || !atomic_load(&store.in_flight[i]))))
			break;
		/* To be replaced, it must be answered once more. */
		atomic_store(&store.answered[i], 0);
		result->in_flight += atomic_load(&store.in_flight[i]) != 0;
		cache->change(i);
		atomic_store(&store.known[i], version + 1);
		result->changed++;
		break;
	case STAYS:
	case ABSENT:
	case FAILS:
	case ARRIVES:
	default:
		break;
	}
}

static void *change_some(void *arg)
{
	const struct timespec moment = { .tv_nsec = 500000 };
	struct result *result = arg;
	bool last;
	size_t i;

	pthread_barrier_wait(&barrier);
	do {
		last = atomic_load(&finished);
		for (i = 0; i < store.names; i++)
			change_one(i, result);
		nanosleep(&moment, NULL);
	} while (!last);
	return NULL;
}

static void count_calls(struct result *result)
{
	size_t i;

	for (i = 0; i < store.names; i++) {
		uint32_t calls = atomic_load(&store.calls[i]);
		uint32_t version = atomic_load(&store.version[i]);

		result->calls += calls;
		switch (store_fate(i)) {
		case STAYS:
		case ABSENT:
			result->still++;
			result->still_calls += calls;
			BENCH_CHECK(calls == 1);
			break;
		case FAILS:
			result->failed_calls++;
			BENCH_CHECK(calls == 2);
			break;
		case LEAVES:
		case ARRIVES:
		case CHANGES:
		default:
			BENCH_CHECK(calls <= 1 + version);
			break;
		}
	}
}

/* KiB, of /proc/self/status. */
static size_t status_kib(const char *field)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	size_t kib = 0;

	BENCH_CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, field, strlen(field)))
			kib = strtoul(line + strlen(field) + 1, NULL, 10);
	}
	fclose(file);
	return kib;
}

static void *array(size_t nr, size_t size)
{
	void *memory = malloc(nr * size);

	BENCH_CHECK(memory);
	/* So that it is there before the cache is. */
	memset(memory, 0, nr * size);
	return memory;
}

static void store_make(void)
{
	uint64_t random = 88172645463325252u;
	size_t i, group;

	store.name = array(store.names, NAME_SIZE);
	store.version = array(store.names, sizeof(*store.version));
	store.known = array(store.names, sizeof(*store.known));
	store.calls = array(store.names, sizeof(*store.calls));
	store.in_flight = array(store.names, sizeof(*store.in_flight));
	store.answered = array(store.names, sizeof(*store.answered));
	waits = array(threads * store.names, sizeof(*waits));
	orders = array(groups * store.names, sizeof(*orders));
	for (i = 0; i < store.names; i++)
		snprintf(store.name[i], NAME_SIZE, "name%07zu", i);
	for (group = 0; group < groups; group++) {
		uint32_t *order = &orders[group * store.names];

		for (i = 0; i < store.names; i++) {
			size_t other = bench_random(&random) % (i + 1);

			order[i] = order[other];
			order[other] = (uint32_t)i;
		}
	}
}

static double wait_at(size_t of_1000)
{
	size_t nr = threads * store.names;

	return waits[nr * of_1000 / 1000 < nr ? nr * of_1000 / 1000 : nr - 1];
}

static void run(struct result *result)
{
	pthread_t *ids = array(threads + 1, sizeof(*ids));
	size_t before, i;
	double began;

	result->names = store.names;
	store_make();
	before = status_kib("VmRSS:");
	cache->make();
	pthread_barrier_init(&barrier, NULL, (unsigned int)threads + 2);
	for (i = 0; i < threads; i++)
		BENCH_CHECK(!pthread_create(&ids[i], NULL, ask_for_all, (void *)i));
	BENCH_CHECK(!pthread_create(&ids[threads], NULL, change_some, result));
	pthread_barrier_wait(&barrier);
	began = bench_now_ns();
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	result->seconds = (bench_now_ns() - began) / 1e9;
	atomic_store(&finished, true);
	pthread_join(ids[threads], NULL);
	count_calls(result);
	result->peak = (status_kib("VmHWM:") - before) * 1024;
	store.delay_ns = 0;
	for (i = 0; i < store.names; i++) {
		uint64_t answer;

		while (cache->get(i, &answer))
			;
		result->stale_after += is_stale(i, atomic_load(&store.known[i]), answer);
	}
	result->bytes = cache->bytes();
	result->errors = atomic_load(&errors);
	result->stale = atomic_load(&stale);
	qsort(waits, threads * store.names, sizeof(*waits), bench_compare);
	result->p50 = wait_at(500);
	result->p99 = wait_at(990);
	result->p999 = wait_at(999);
	result->max = wait_at(1000);
	cache->end();
	free(ids);
}

/* In a process of its own, so that its peak of memory is its own, too. */
static void run_in_child(const struct cold_cache *which, struct result *result)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	BENCH_CHECK(pid >= 0);
	if (!pid) {
		cache = which;
		run(result);
		result->done = true;
		_exit(0);
	}
	BENCH_CHECK(waitpid(pid, &status, 0) == pid);
	if (!result->done)
		exit(1);
}

/* ---- the report ---- */

static void report_row(int which, const struct result *r, const char *bench, double ms)
{
	static const char *const subjects[NR_CACHES] = { "dcache", "single-flight", "mutex" };

	bench_report(&(struct bench_result){ bench, subjects[which], "ms", r->names,
					     (unsigned int)threads, 1, ms, ms, ms });
}

static void report(int which, const struct result *r)
{
	double nr = (double)r->names;

	report_row(which, r, "cold-names", r->seconds * 1e3);
	report_row(which, r, "cold-names-p99", r->p99 / 1e6);
	report_row(which, r, "cold-names-p99.9", r->p999 / 1e6);
	printf("%s, %zu names\n", caches[which].what, r->names);
	printf("    %.2f s; a wait: p50 %.2f us, p99 %.2f, p99.9 %.2f, max %.2f ms\n", r->seconds,
	       r->p50 / 1e3, r->p99 / 1e6, r->p999 / 1e6, r->max / 1e6);
	printf("    backend calls %zu: %zu for %zu names that stay or are absent, %zu for %zu that "
	       "fail\n"
	       "        once, %zu for all others\n",
	       r->calls, r->still_calls, r->still, 2 * r->failed_calls, r->failed_calls,
	       r->calls - r->still_calls - 2 * r->failed_calls);
	printf("    %zu errors told, %zu renames, %zu invalidations, %zu of them during a call\n",
	       r->errors, r->renamed, r->changed, r->in_flight);
	printf("    stale answers: %zu, and %zu of %zu names at the end\n", r->stale,
	       r->stale_after, r->names);
	printf("    memory: %.0f bytes a name, peak %.1f MiB more than before\n",
	       (double)r->bytes / nr, (double)r->peak / 1048576);
	fflush(stdout);
}

static void compare(const struct cold_cache *which, const struct result *ours,
		    const struct result *r)
{
	double scale = (double)ours->names / (double)r->names;

	printf("Dcache / %s: time %.3f, p50 %.2f, p99 %.3f, max %.3f, bytes a name %.2f",
	       which->what, ours->seconds / (r->seconds * scale), ours->p50 / r->p50,
	       ours->p99 / r->p99, ours->max / r->max,
	       (double)ours->bytes / ((double)r->bytes * scale));
	if (r->names == ours->names)
		printf(", peak %.2f\n", (double)ours->peak / (double)r->peak);
	else
		printf("\n    That table had %zu names: its time is taken for %.1f times as much, "
		       "%.0f s; its "
		       "waits are not.\n",
		       r->names, scale, r->seconds * scale);
}

static size_t number_of(const char *text, size_t least)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*end || number < least || number > 9999999) {
		fprintf(stderr, "%s: not a number from %zu to 9999999\n", text, least);
		exit(2);
	}
	return number;
}

int main(int argc, char **argv)
{
	size_t names = 10000, locked_names = 0, delay_ms = 20;
	struct result *results;
	int option, i;

	store.dirs = 1;
	while ((option = getopt(argc, argv, "t:n:d:g:D:l:")) != -1) {
		size_t *const where[] = {
			['t'] = &threads, ['n'] = &names,      ['d'] = &delay_ms,
			['g'] = &groups,  ['D'] = &store.dirs, ['l'] = &locked_names
		};

		if (option == '?')
			return 2;
		*where[option] = number_of(optarg, option != 'd');
	}
	if (!groups || groups > threads)
		groups = threads;
	if (!locked_names)
		locked_names = names < 20 ? names : names / 20;
	if (locked_names > names)
		locked_names = names;
	results = mmap(NULL, NR_CACHES * sizeof(*results), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	BENCH_CHECK(results != MAP_FAILED);
	store.delay_ns = (double)delay_ms * 1e6;
	printf("%zu threads in %zu orders, %zu names in %zu directories, %zu ms a call\n", threads,
	       groups, names, store.dirs, delay_ms);
	for (i = 0; i < NR_CACHES; i++) {
		store.names = i == LOCKED ? locked_names : names;
		run_in_child(&caches[i], &results[i]);
		report(i, &results[i]);
	}
	compare(&caches[SINGLE_FLIGHT], &results[DCACHE], &results[SINGLE_FLIGHT]);
	compare(&caches[LOCKED], &results[DCACHE], &results[LOCKED]);
	BENCH_CHECK(!results[DCACHE].stale && !results[DCACHE].stale_after);
	BENCH_CHECK(!results[LOCKED].stale && !results[LOCKED].stale_after);
	return 0;
}
