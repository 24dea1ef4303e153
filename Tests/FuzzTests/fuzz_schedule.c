/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A fuzzer of schedules: libFuzzer's bytes choose who runs.
 *
 * The scenarios, the core and the runtime are those of Tests/ModelTests, the very same object files;
 * this file is linked instead of the strategies there (explore.c) and of what prints traces
 * (trace.c), so a schedule that is found here is one that model-tests replays. For that the core is
 * not instrumented for coverage, and coverage of its branches would tell little anyway: a scenario
 * runs the same code in each schedule. What differs is who saw whose store, and where one thread
 * stood when another went on. So the runtime's events are turned into libFuzzer's extra counters:
 *
 *	- an access to a word by one thread after a store to it by another: the two places;
 *	- a switch: the place where a thread stood, and the first access of the one that goes on;
 *	- a load that got an older value: the place.
 *
 * An input:
 *
 *	byte 0, 1	the scenario: the one whose name's hash comes next. So a new scenario takes
 *			over a few inputs of one other, and all others mean what they meant.
 *	byte 2		bits 0, 1: how many loads may get an older value. Bits 2 .. 4: which allocation
 *			fails, in scenarios that are about that. Bit 5: a futex wait may end though
 *			nobody woke it, once. Bit 6: a callback may come late, once.
 *	each further	bits 0 .. 5: so many choices are passed over (the first alternative, which is
 *			to go on with the same thread or with the newest value), then bits 6, 7 say
 *			which of the others is taken. 63: only passes over.
 *
 * A failure prints the report and the line for model-tests, and stops.
 */
#include <stdio.h>
#include <string.h>

#include "runtime.h"

#define MAX_CHOICES 100000
#define HEAD 3
#define GAP 0x3f

/*
 * Two threads that wait for a third can go on for ever if it is never its turn: no bug. So from some
 * time after the end of the input on, all have their turns.
 */
#define FAIR_AFTER 1000
#define FAIR_TURN 37

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- what libFuzzer sees ---- */

#define COUNTERS (1u << 16)
#define MAX_WORDS 1024u

/* Nobody here reads them: libFuzzer does, by the section's name. */
__attribute__((section("__libfuzzer_extra_counters"))) static volatile uint8_t counters[COUNTERS];

extern const char __executable_start[];

struct word {
	const void *at;
	uint32_t run;
	int thread; /* who stored last */
	uint32_t place;
};

static struct word words[MAX_WORDS];
static uint32_t run_number;
static uint32_t places[MODEL_MAX_THREADS + 2]; /* the last access of each thread */
static int last_thread;

static uint32_t mix32(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return x ^ x >> 16;
}

static void feature(uint32_t kind, uint32_t a, uint32_t b)
{
	counters[mix32(mix32(a + kind * 0x9e3779b9u) + b) % COUNTERS] = 1;
}

static struct word *word_of(const void *at)
{
	uint32_t slot = mix32((uint32_t)(uintptr_t)at), probes;

	for (probes = 0; probes < MAX_WORDS; probes++, slot++) {
		struct word *word = &words[slot % MAX_WORDS];

		if (word->run == run_number && word->at == at)
			return word;
		if (word->run != run_number) {
			*word = (struct word){ .at = at, .run = run_number, .thread = -1 };
			return word;
		}
	}
	return NULL;
}

void trace_access(const void *pc, const char *what, const void *at, size_t size, int order,
		  const char *format, ...)
{
	uint32_t place = (uint32_t)((const char *)pc - __executable_start);
	int thread = model_thread();
	struct word *word;

	(void)size;
	(void)order;
	(void)format;
	if (thread >= MODEL_MAX_THREADS)
		return;
	if (thread != last_thread) {
		feature(1, last_thread < 0 ? 0 : places[last_thread], 0);
		last_thread = thread;
	}
	places[thread] = place;
	word = word_of(at);
	if (!word)
		return;
	if (word->thread >= 0 && word->thread != thread)
		feature(2, word->place, place);
	if (strcmp(what, "load") && strcmp(what, "no exchange")) {
		word->thread = thread;
		word->place = place;
	}
}

/* The events are wanted, always. */
bool tracing = true;

void trace_begin(bool wanted)
{
	(void)wanted;
}

void trace_print(void)
{
}

void trace_add(const char *format, ...)
{
	(void)format;
}

void trace_plain(const void *pc, const void *at, size_t size)
{
	(void)pc;
	(void)at;
	(void)size;
}

const char *place_name(const void *at)
{
	static char name[32];

	snprintf(name, sizeof(name), "%p", at);
	return name;
}

/* ---- choosing ---- */

static uint8_t choices[MAX_CHOICES];
static size_t nr_choices;
static const uint8_t *input, *input_end;
static unsigned int passed;   /* choices passed over since the last byte */
static unsigned int unguided; /* choices since the end of the input */
static int stale_left, spurious_left, late_left;

static int choose(int n)
{
	int taken = 0;

	if (n == 1)
		return 0;
	if (nr_choices == MAX_CHOICES) {
		run.cut = true;
		return 0;
	}
	if (input < input_end && passed++ == (*input & GAP)) {
		if ((*input & GAP) != GAP)
			taken = 1 + (*input >> 6) % (n - 1);
		input++;
		passed = 0;
	} else if (input == input_end && ++unguided > FAIR_AFTER) {
		taken = (int)(unguided / FAIR_TURN) % n;
	}
	choices[nr_choices++] = (uint8_t)taken;
	return taken;
}

int choose_thread(int n, bool current_can, uint64_t state, int current)
{
	(void)current_can;
	(void)state;
	(void)current;
	return choose(n);
}

/* Something rare, that may happen *@left times. */
static int choose_rare(int n, int *left, uint32_t kind)
{
	int taken = *left ? choose(n) : 0;

	if (taken) {
		--*left;
		feature(kind, places[model_thread()], (uint32_t)taken);
	}
	return taken;
}

int choose_stale(int n)
{
	return choose_rare(n, &stale_left, 3);
}

bool choose_spurious(void)
{
	return choose_rare(2, &spurious_left, 4);
}

bool choose_late(void)
{
	return choose_rare(2, &late_left, 5);
}

/* As explore.c writes and reads it: digits, one that repeats as "digit*count.". */
static void schedule_print(void)
{
	size_t last = nr_choices, i;

	while (last && !choices[last - 1])
		last--;
	for (i = 0; i < last;) {
		size_t same = 1;

		while (i + same < last && choices[i + same] == choices[i])
			same++;
		if (same > 4) {
			printf("%d*%zu.", choices[i], same);
			i += same;
		} else {
			printf("%d", choices[i]);
			i++;
		}
	}
}

/* ---- scenarios ---- */

static struct scenario *first_scenario;

void scenario_register(struct scenario *scenario)
{
	scenario->next = first_scenario;
	first_scenario = scenario;
}

struct scenario *scenario_first(void)
{
	return first_scenario;
}

static uint16_t name_hash(const char *name)
{
	uint32_t hash = 0;

	while (*name)
		hash = mix32(hash + (uint8_t)*name++);
	return (uint16_t)hash;
}

/* Round the circle of hashes from @at on: the first. */
static const struct scenario *scenario_at(uint16_t at)
{
	const struct scenario *scenario, *best = NULL;
	uint16_t distance = 0;

	for (scenario = first_scenario; scenario; scenario = scenario->next) {
		uint16_t this = (uint16_t)(name_hash(scenario->name) - at);

		if (!best || this < distance) {
			best = scenario;
			distance = this;
		}
	}
	return best;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct scenario *scenario;
	uint8_t head[HEAD] = { 0 };
	long fail_allocation = 0;
	int stale, spurious, late;

	memcpy(head, data, size < HEAD ? size : HEAD);
	scenario = scenario_at((uint16_t)(head[0] | head[1] << 8));
	stale = head[2] & 3;
	spurious = head[2] >> 5 & 1;
	late = head[2] >> 6 & 1;
	if (strstr(scenario->name, "oom"))
		fail_allocation = head[2] >> 2 & 7;
	input_end = data + size;
	input = size < HEAD ? input_end : data + HEAD;
	passed = unguided = 0;
	nr_choices = 0;
	stale_left = stale;
	spurious_left = spurious;
	late_left = late;
	run_number++;
	last_thread = -1;
	memset(places, 0, sizeof(places));
	memset(&run, 0, sizeof(run));
	model_run(scenario, fail_allocation);
	if (run.failed) {
		printf("FAIL %s: %s\n     replay: model-tests -s %d -w %d -g %d -f %ld -R '",
		       scenario->name, run.report, stale, spurious, late, fail_allocation);
		schedule_print();
		printf("' %s\n", scenario->name);
		fflush(stdout);
		/* Not abort(): that signal is the runtime's, this one libFuzzer's. */
		__builtin_trap();
	}
	return 0;
}
