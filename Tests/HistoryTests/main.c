/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random concurrent runs, checked for linearizability.
 *
 *	history-tests [options] [WORLD...]
 *
 *	-S SEED		of the programs; of the clock unless given; printed. With real threads it repeats
 *			the threads' choices, not their interleaving.
 *	-t N		threads (default 8)
 *	-n N		operations to check, all worlds together (default 10 500 000); 0: no limit
 *	-s SECONDS	for all worlds together, at most
 *	-l N		operations of a history (default 1000, at most 1000)
 *	-u N		small random histories for the checker's own test (default 20000)
 *	-m N		deliberate fault of the model, 1 ... ; -c N: of the search. A run with either must
 *			fail.
 *
 * WORLDs: those whose name holds one of the patterns; all unless given.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "history_tests.h"

static void too_late(int signal)
{
	static const char text[] = "FAIL: no end within a minute: somebody waits for ever\n";

	(void)signal;
	(void)!write(1, text, sizeof(text) - 1);
	_exit(1);
}

static bool selected(const struct world *world, char **names, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (strstr(world_name(world), names[i]))
			return true;
	}
	return !n;
}

/* Of so many partitions one may take more states than the checker has: nothing is known of it then. */
#define PARTITIONS_AN_UNKNOWN 500

static bool run(const struct world *world, const struct settings *settings, struct totals *sum)
{
	struct totals totals;
	double seconds;
	bool ok;

	world_run(world, settings, &totals);
	seconds = totals.recording + totals.checking;
	ok = !totals.failed && totals.unknown * PARTITIONS_AN_UNKNOWN <= totals.partitions;
	printf("%s %-13s %9llu operations %9llu records %6llu histories %7llu partitions, %llu "
	       "unknown, "
	       "%.2f states a record, %llu at most in one, %u%% overlap, %llu waits, %.1f + %.1f "
	       "s, %.0f/s\n",
	       ok ? "ok  " : "FAIL", world_name(world), (unsigned long long)totals.operations,
	       (unsigned long long)totals.records, (unsigned long long)totals.histories,
	       (unsigned long long)totals.partitions, (unsigned long long)totals.unknown,
	       (double)totals.states / (double)totals.records,
	       (unsigned long long)totals.most_states, (unsigned int)totals.overlapping,
	       (unsigned long long)totals.waits, totals.recording, totals.checking,
	       (double)totals.operations / seconds);
	fflush(stdout);
	sum->operations += totals.operations;
	sum->histories += totals.histories;
	sum->partitions += totals.partitions;
	sum->unknown += totals.unknown;
	sum->recording += totals.recording;
	sum->checking += totals.checking;
	return ok;
}

int main(int argc, char **argv)
{
	struct settings settings = { .threads = HISTORY_THREADS, .length = 1000 };
	uint64_t operations = 10500000;
	unsigned int small = 20000, worlds = 0, i;
	struct totals sum = { 0 };
	int passed = 0, failed = 0, c;
	const struct world *world;
	double seconds = 0;

	settings.seed = (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000;
	while ((c = getopt(argc, argv, "S:t:n:s:l:u:m:c:")) != -1) {
		switch (c) {
		case 'S':
			settings.seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			settings.threads = (unsigned int)atoi(optarg);
			break;
		case 'n':
			operations = strtoull(optarg, NULL, 0);
			break;
		case 's':
			seconds = atof(optarg);
			break;
		case 'l':
			settings.length = (unsigned int)atoi(optarg);
			break;
		case 'u':
			small = (unsigned int)atoi(optarg);
			break;
		case 'm':
			spec_fault = atoi(optarg);
			break;
		case 'c':
			checker_fault = atoi(optarg);
			break;
		default:
			return 2;
		}
	}
	if (settings.threads < 2 || settings.threads > HISTORY_THREADS ||
	    settings.length < 60 * settings.threads || settings.length > 1000) {
		fprintf(stderr,
			"2 to 8 threads, 60 operations each at least, 1000 in all at most\n");
		return 2;
	}
	for (i = 0; (world = world_at(i)); i++)
		worlds += selected(world, argv + optind, argc - optind);
	if (!worlds)
		return 2;
	printf("seed %llu, %u threads\n", (unsigned long long)settings.seed, settings.threads);
	signal(SIGALRM, too_late);
	if (small)
		unit_run(settings.seed, small, &passed, &failed);
	settings.operations = operations ? operations / worlds + 1 : 0;
	settings.seconds = seconds / worlds;
	for (i = 0; (world = world_at(i)); i++) {
		bool ok;

		if (!selected(world, argv + optind, argc - optind))
			continue;
		ok = run(world, &settings, &sum);
		passed += ok;
		failed += !ok;
	}
	printf("%llu operations checked in %llu histories, %llu partitions; %llu unknown; "
	       "%.0f operations/s; seed %llu\n",
	       (unsigned long long)sum.operations, (unsigned long long)sum.histories,
	       (unsigned long long)sum.partitions, (unsigned long long)sum.unknown,
	       (double)sum.operations / (sum.recording + sum.checking),
	       (unsigned long long)settings.seed);
	printf("%d passed, %d failed\n", passed, failed);
	return failed || !passed;
}
