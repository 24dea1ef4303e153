/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The strategies: which of the runs that a scenario can have are made.
 *
 * A run is a sequence of choices, each among the threads that can go on, or among the values that
 * a load may return. A choice with one alternative is none. Whatever made the choices, the list of
 * them is the schedule, printed so that --replay makes the same run.
 *
 * DFS	all sequences, by depth-first search with re-execution, that take the processor from a thread
 *	which could have gone on at most so many times (Musuvathi, Qadeer, "Iterative Context
 *	Bounding", PLDI 2007). A state that was met before with no fewer switches left is not
 *	explored again; with stale values, which the state does not tell, every state is.
 * random	each choice evenly.
 * PCT	the thread with the highest priority goes on; at depth - 1 random steps the running one
 *	gets the lowest (Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of
 *	Finding Bugs", ASPLOS 2010).
 *
 * Tests/FuzzTests/fuzz_schedule.c is another strategy, in place of this file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime.h"

#define MAX_CHOICES 100000

struct choice {
	uint8_t alternatives;
	uint8_t taken;
};

static struct choice choices[MAX_CHOICES];
static size_t nr_choices;	/* made in this run */
static size_t prefix;		/* of these, given in advance */

static const struct model_options *options;
static struct model_result *result;
static uint64_t random_state;
static int preemptions, stale_left, spurious_left, late_left;
static uint64_t pct_change[16];
static uint64_t expected_steps;

/* ---- states met ---- */

static uint64_t *states;	/* open addressing; low bits: switches used, plus one */
static size_t states_size, states_used;

static void states_clear(void)
{
	if (states)
		memset(states, 0, states_size * sizeof(*states));
	states_used = 0;
}

static void states_insert(uint64_t entry)
{
	size_t slot = (entry >> 5) % states_size;

	while (states[slot])
		slot = (slot + 1) % states_size;
	states[slot] = entry;
}

/* Has @state been met with at most as many switches used? If not, note it. */
static bool state_known(uint64_t state, int used)
{
	uint64_t key = state & ~(uint64_t)31;
	uint64_t entry = key | (uint64_t)(used < 30 ? used + 1 : 31);
	size_t slot, i;

	if (states_used * 2 >= states_size) {
		uint64_t *old = states;
		size_t old_size = states_size;

		states_size = old_size ? old_size * 2 : 1 << 16;
		states = calloc(states_size, sizeof(*states));
		if (!states)
			abort();
		for (i = 0; i < old_size; i++) {
			if (old[i])
				states_insert(old[i]);
		}
		free(old);
	}
	for (slot = (key >> 5) % states_size; states[slot]; slot = (slot + 1) % states_size) {
		if ((states[slot] & ~(uint64_t)31) != key)
			continue;
		if ((states[slot] & 31) <= (entry & 31))
			return true;
		states[slot] = entry;
		return false;
	}
	states[slot] = entry;
	states_used++;
	return false;
}

/* ---- choosing ---- */

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static int choose(int n, int preferred)
{
	struct choice *choice;

	if (n == 1)
		return 0;
	if (nr_choices == MAX_CHOICES) {
		run.cut = true;
		return 0;
	}
	choice = &choices[nr_choices];
	if (nr_choices >= prefix) {
		choice->taken = (uint8_t)preferred;
		choice->alternatives = (uint8_t)n;
	} else if (choice->taken >= n) {
		/* A schedule of another program. */
		choice->taken = 0;
	}
	nr_choices++;
	return choice->taken;
}

static int pct_pick(int n)
{
	int best = 0, i;

	for (i = 0; i < options->pct_depth - 1; i++) {
		if (pct_change[i] == run.steps)
			model_set_priority(run.candidates[0].thread, -1 - i);
	}
	for (i = 1; i < n; i++) {
		if (run.candidates[i].priority > run.candidates[best].priority)
			best = i;
	}
	return best;
}

int choose_thread(int n, bool current_can, uint64_t state, int current)
{
	int taken = 0, i;

	if (options->strategy == STRATEGY_DFS) {
		/* Without a bound it does not matter how often, nor from whom, one has switched. */
		bool unbounded = options->preemptions < 0;
		uint64_t key = state + (uint64_t)(unbounded ? 0 : current + 1) * 0x9e3779b97f4a7c15u +
			       (uint64_t)(spurious_left * 64 + late_left) * 0xd6e8feb86659fd93u;

		/* Older values that may still be seen are not part of the state. */
		if (!options->stale_reads && nr_choices >= prefix &&
		    state_known(key, unbounded ? 0 : preemptions)) {
			run.cut = true;
			return 0;
		}
		if (current_can && options->preemptions >= 0 && preemptions >= options->preemptions)
			n = 1;
	} else if (nr_choices >= prefix && n > 1) {
		switch (options->strategy) {
		case STRATEGY_RANDOM:
			/* Mostly go on: bugs need few switches, at the right moment. */
			taken = current_can && random_next() % 4 ? 0
								 : (int)(random_next() % (uint64_t)n);
			break;
		case STRATEGY_PCT:
			taken = pct_pick(n);
			break;
		default:
			break;
		}
	}
	i = choose(n, taken);
	if (i && current_can)
		preemptions++;
	return i;
}

/* Does something rare happen here, which may *@left times more? 0: no, else which of @n - 1. */
static int choose_rare(int n, int *left)
{
	int taken = 0;

	if (!*left)
		return 0;
	if (nr_choices >= prefix &&
	    (options->strategy == STRATEGY_RANDOM || options->strategy == STRATEGY_PCT))
		taken = random_next() % 4 ? 0 : (int)(random_next() % (uint64_t)n);
	taken = choose(n, taken);
	*left -= taken != 0;
	return taken;
}

int choose_stale(int n)
{
	return choose_rare(n, &stale_left);
}

bool choose_spurious(void)
{
	return choose_rare(2, &spurious_left);
}

bool choose_late(void)
{
	return choose_rare(2, &late_left);
}

/* ---- runs ---- */

/* The choices as text: digits, a digit that repeats as "digit*count." */
static void schedule_print(char *text, size_t size)
{
	size_t at = 0, i, last = nr_choices;

	/* What is left out at the end is 0. */
	while (last && !choices[last - 1].taken)
		last--;
	for (i = 0; i < last && at + 24 < size;) {
		size_t same = 1;

		while (i + same < last && choices[i + same].taken == choices[i].taken)
			same++;
		if (same > 4) {
			at += (size_t)snprintf(text + at, size - at, "%d*%zu.", choices[i].taken, same);
			i += same;
		} else {
			at += (size_t)snprintf(text + at, size - at, "%d", choices[i].taken);
			i++;
		}
	}
	text[at] = 0;
}

static void schedule_parse(const char *text)
{
	nr_choices = 0;
	while (*text >= '0' && *text <= '9' && nr_choices < MAX_CHOICES) {
		uint8_t taken = (uint8_t)(*text++ - '0');
		size_t count = 1;

		if (*text == '*') {
			count = strtoul(text + 1, (char **)(uintptr_t)&text, 10);
			if (*text == '.')
				text++;
		}
		while (count-- && nr_choices < MAX_CHOICES)
			choices[nr_choices++] = (struct choice){ 9, taken };
	}
	prefix = nr_choices;
}

static void run_once(const struct scenario *scenario)
{
	memset(&run, 0, sizeof(run));
	run.wants_states = options->strategy == STRATEGY_DFS;
	nr_choices = 0;
	preemptions = 0;
	stale_left = options->stale_reads;
	spurious_left = options->spurious_wakeups;
	late_left = options->late_callbacks;
	trace_begin(options->trace);
	model_run(scenario, options->fail_allocation);
	result->schedules++;
	result->steps += run.steps;
	result->allocation_failed |= run.allocation_failed;
	if (run.failed) {
		result->failed = true;
		snprintf(result->report, sizeof(result->report), "%s", run.report);
		schedule_print(result->schedule, sizeof(result->schedule));
	}
}

/* Set the choices to the next sequence in depth-first order; false: there is none. */
static bool backtrack(void)
{
	while (nr_choices) {
		struct choice *last = &choices[nr_choices - 1];

		if (last->taken + 1 < last->alternatives) {
			last->taken++;
			prefix = nr_choices;
			return true;
		}
		nr_choices--;
	}
	return false;
}

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void pct_prepare(const struct scenario *scenario)
{
	int i;

	for (i = 0; i < scenario->threads; i++)
		model_set_priority(i, (int)(random_next() % 1000) + 1);
	for (i = 0; i < options->pct_depth - 1 && i < 16; i++)
		pct_change[i] = 1 + random_next() % (expected_steps ? expected_steps : 1);
}

void model_explore(const struct scenario *scenario, const struct model_options *opts,
		   struct model_result *res)
{
	double until = opts->seconds > 0 ? now_seconds() + opts->seconds : 0;

	options = opts;
	result = res;
	memset(result, 0, sizeof(*result));
	random_state = opts->seed ? opts->seed : 1;
	prefix = 0;
	expected_steps = 200;
	states_clear();
	if (opts->strategy == STRATEGY_REPLAY)
		schedule_parse(opts->replay);
	for (;;) {
		if (opts->strategy == STRATEGY_PCT)
			pct_prepare(scenario);
		run_once(scenario);
		if (run.steps > expected_steps)
			expected_steps = run.steps;
		if (result->failed || opts->strategy == STRATEGY_REPLAY)
			break;
		if (opts->strategy == STRATEGY_DFS) {
			if (!backtrack()) {
				result->complete = true;
				break;
			}
		} else {
			prefix = 0;
			if (result->schedules >= opts->runs)
				break;
		}
		if (until && result->schedules % 64 == 0 && now_seconds() > until)
			break;
	}
	result->states = states_used;
	if (opts->trace)
		trace_print();
}

/* ---- scenarios ---- */

static struct scenario *first_scenario;

void scenario_register(struct scenario *scenario)
{
	struct scenario **at = &first_scenario;

	while (*at && strcmp((*at)->name, scenario->name) < 0)
		at = &(*at)->next;
	scenario->next = *at;
	*at = scenario;
}

struct scenario *scenario_first(void)
{
	return first_scenario;
}
