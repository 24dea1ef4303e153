/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The controlled scheduler as a program.
 *
 *	model-tests [options] [SCENARIO...]
 *
 * SCENARIO: part of a name, or of the hazards that a scenario covers; none: all.
 *
 *	-l		list the scenarios
 *	-b N		depth-first, at most N preemptions (default 2); -b -1: no bound
 *	-u N		only scenarios that can be searched without a bound, 1: in seconds, 2: in minutes
 *	-r N		random, N schedules		-p N	PCT, N schedules
 *	-d D		depth of PCT (default 3)	-s N	stale values in a run (default 0)
 *	-w N		futex waits in a run that end though nobody woke them (default 0)
 *	-g N		times in a run that a callback waits though its grace period is over (default 0)
 *	-S SEED		seed (default: of the clock; printed)
 *	-t SECONDS	for each scenario, at most
 *	-f N		the N-th allocation after setup fails
 *	-F		each scenario for N = 1, 2, ... until no run allocates that often
 *	-j N		N scenarios at a time
 *	-R SCHEDULE	replay, with a trace; -s, -w, -g and -f as they were
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model.h"

/* Of all processes. */
static struct totals {
	_Atomic int next;		/* scenario that nobody has taken yet */
	_Atomic int passed, failed;
	_Atomic uint64_t schedules, states;
	_Atomic uint64_t milliseconds;	/* of processor time */
} *totals;

static const struct scenario *selected[1000];
static int nr_selected;

static double seconds_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool matches(const struct scenario *scenario, char **names, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (strstr(scenario->name, names[i]) || strstr(scenario->covers, names[i]))
			return true;
	}
	return !n;
}

/* One search of one scenario. *@reached: the allocation that was to fail was. */
static bool explore(const struct scenario *scenario, const struct model_options *options,
		    const char *program, bool *reached)
{
	static struct model_result result;
	double began = seconds_of(CLOCK_PROCESS_CPUTIME_ID), seconds;
	char name[128];

	snprintf(name, sizeof(name), options->fail_allocation ? "%s, allocation %ld" : "%s",
		 scenario->name, options->fail_allocation);
	model_explore(scenario, options, &result);
	seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - began;
	*reached = result.allocation_failed;
	if (result.failed) {
		printf("FAIL %s: %s\n     replay: %s -s %d -w %d -g %d -f %ld -R '%s' %s\n", name,
		       result.report, program, options->stale_reads, options->spurious_wakeups,
		       options->late_callbacks, options->fail_allocation, result.schedule,
		       scenario->name);
	} else {
		printf("ok   %-44s %9llu schedules %9llu states %6.1f steps %6.2f s %7.0f/s%s\n", name,
		       (unsigned long long)result.schedules, (unsigned long long)result.states,
		       (double)result.steps / (double)result.schedules, seconds,
		       (double)result.schedules / seconds,
		       options->strategy == STRATEGY_DFS && !result.complete ? " not complete" : "");
	}
	fflush(stdout);
	atomic_fetch_add(&totals->schedules, result.schedules);
	atomic_fetch_add(&totals->states, result.states);
	atomic_fetch_add(&totals->milliseconds, (uint64_t)(seconds * 1000));
	atomic_fetch_add(result.failed ? &totals->failed : &totals->passed, 1);
	return !result.failed;
}

/* Scenarios that nobody has taken, until there is none. */
static void work(struct model_options options, bool sweep, const char *program)
{
	bool reached;
	int taken;

	while ((taken = atomic_fetch_add(&totals->next, 1)) < nr_selected) {
		if (sweep)
			options.fail_allocation = 1;
		do
			explore(selected[taken], &options, program, &reached);
		while (sweep && reached && options.fail_allocation++);
	}
}

static void work_in_processes(int processes, const struct model_options *options, bool sweep,
			      const char *program)
{
	int i, status;

	for (i = 0; i < processes; i++) {
		pid_t child = fork();

		if (child < 0) {
			perror("fork");
			exit(2);
		}
		if (!child) {
			work(*options, sweep, program);
			exit(0);
		}
	}
	while (wait(&status) > 0) {
		if (!WIFEXITED(status) || WEXITSTATUS(status)) {
			printf("FAIL a process of the scheduler ended by itself, status %#x\n", status);
			atomic_fetch_add(&totals->failed, 1);
		}
	}
}

int main(int argc, char **argv)
{
	struct model_options options = { .strategy = STRATEGY_DFS, .preemptions = 2, .pct_depth = 3 };
	const struct scenario *scenario;
	bool list = false, sweep = false;
	int processes = 1, unbounded = NO;
	int c;

	options.seed = (uint64_t)time(NULL) * 2654435761u + (uint64_t)getpid();
	while ((c = getopt(argc, argv, "lb:u:r:p:d:s:w:g:S:t:f:Fj:R:")) != -1) {
		switch (c) {
		case 'l':
			list = true;
			break;
		case 'b':
			options.preemptions = atoi(optarg);
			break;
		case 'u':
			unbounded = atoi(optarg);
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
		case 'w':
			options.spurious_wakeups = atoi(optarg);
			break;
		case 'g':
			options.late_callbacks = atoi(optarg);
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
		case 'j':
			processes = atoi(optarg);
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
	for (scenario = scenario_first(); scenario; scenario = scenario->next) {
		if (!matches(scenario, argv + optind, argc - optind) ||
		    (unbounded && (int)scenario->unbounded != unbounded))
			continue;
		if (list)
			printf("%s\t%d\t%s\n", scenario->name, scenario->threads, scenario->covers);
		selected[nr_selected++] = scenario;
	}
	if (list)
		return 0;
	if (!nr_selected) {
		fprintf(stderr, "%s: no such scenario\n", argv[0]);
		return 2;
	}
	if (options.strategy == STRATEGY_RANDOM || options.strategy == STRATEGY_PCT)
		printf("seed %llu\n", (unsigned long long)options.seed);
	fflush(stdout);
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (totals == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	if (processes > 1)
		work_in_processes(processes, &options, sweep, argv[0]);
	else
		work(options, sweep, argv[0]);
	printf("%llu schedules, %llu states, %.0f schedules a second and core\n",
	       (unsigned long long)totals->schedules, (unsigned long long)totals->states,
	       (double)totals->schedules * 1000 / (double)(totals->milliseconds + 1));
	printf("%d passed, %d failed\n", totals->passed, totals->failed);
	return totals->failed != 0;
}
