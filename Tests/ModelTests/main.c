/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The controlled scheduler as a program.
 *
 *	model-tests [options] [SCENARIO...]
 *
 *	-l		list the scenarios
 *	-b N		depth-first, at most N preemptions (default 2); -b -1: no bound
 *	-r N		random, N schedules		-p N	PCT, N schedules
 *	-d D		depth of PCT (default 3)	-s N	stale values in a run (default 0)
 *	-S SEED		seed (default: of the clock; printed)
 *	-t SECONDS	for each scenario, at most
 *	-f N		the N-th allocation after setup fails
 *	-F		each scenario for N = 1, 2, ... until no run allocates that often
 *	-R SCHEDULE	replay, with a trace
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "model.h"

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool selected(const struct scenario *scenario, char **names, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (strstr(scenario->name, names[i]) || strstr(scenario->covers, names[i]))
			return true;
	}
	return !n;
}

static bool explore(const struct scenario *scenario, const struct model_options *options,
		    const char *program, bool *reached)
{
	static struct model_result result;
	double began = now_seconds(), seconds;
	char name[128];

	snprintf(name, sizeof(name), options->fail_allocation ? "%s, allocation %ld" : "%s",
		 scenario->name, options->fail_allocation);
	model_explore(scenario, options, &result);
	seconds = now_seconds() - began;
	*reached = result.allocation_failed;
	if (result.failed) {
		printf("FAIL %s: %s\n     replay: %s -s %d -f %ld -R '%s' %s\n", name, result.report,
		       program, options->stale_reads, options->fail_allocation, result.schedule,
		       scenario->name);
	} else {
		printf("ok   %-44s %9llu schedules %9llu states %5.1f steps %6.2f s %8.0f/s%s\n", name,
		       (unsigned long long)result.schedules, (unsigned long long)result.states,
		       (double)result.steps / (double)result.schedules, seconds,
		       (double)result.schedules / seconds,
		       options->strategy == STRATEGY_DFS && !result.complete ? " not complete" : "");
	}
	fflush(stdout);
	return !result.failed;
}

int main(int argc, char **argv)
{
	struct model_options options = { .strategy = STRATEGY_DFS, .preemptions = 2, .pct_depth = 3 };
	const struct scenario *scenario;
	int passed = 0, failed = 0;
	bool list = false, sweep = false, reached;
	int c;

	options.seed = (uint64_t)time(NULL) * 2654435761u + (uint64_t)getpid();
	while ((c = getopt(argc, argv, "lb:r:p:d:s:S:t:f:FR:")) != -1) {
		switch (c) {
		case 'l':
			list = true;
			break;
		case 'b':
			options.preemptions = atoi(optarg);
			break;
		case 'r':
		case 'p':
			options.strategy = c == 'r' ? STRATEGY_RANDOM : STRATEGY_PCT;
			options.runs = strtoull(optarg, NULL, 0);
			break;
		case 'd':
			options.pct_depth = atoi(optarg);
			break;
		case 's':
			options.stale_reads = atoi(optarg);
			break;
		case 'S':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			options.seconds = atof(optarg);
			break;
		case 'f':
			options.fail_allocation = atol(optarg);
			break;
		case 'F':
			sweep = true;
			break;
		case 'R':
			options.strategy = STRATEGY_REPLAY;
			options.replay = optarg;
			options.trace = true;
			break;
		default:
			return 2;
		}
	}
	if (options.strategy == STRATEGY_RANDOM || options.strategy == STRATEGY_PCT)
		printf("seed %llu\n", (unsigned long long)options.seed);
	for (scenario = scenario_first(); scenario; scenario = scenario->next) {
		if (!selected(scenario, argv + optind, argc - optind))
			continue;
		if (list) {
			printf("%s\t%d\t%s\n", scenario->name, scenario->threads, scenario->covers);
			continue;
		}
		if (sweep)
			options.fail_allocation = 1;
		do {
			bool ok = explore(scenario, &options, argv[0], &reached);

			passed += ok;
			failed += !ok;
		} while (sweep && reached && options.fail_allocation++);
	}
	if (!list)
		printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
