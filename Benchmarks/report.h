/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Results of the suite, for its tables and plots: one JSON object a line, appended to the file that the
 * environment names in BENCH_JSON, if it does.
 *
 *	{"bench": "hit", "subject": "dcache", "entries": 1000000, "threads": 2, "unit": "ns",
 *	 "median": 101.2, "low": 99.8, "high": 110.0, "rounds": 9}
 *
 * bench: the row; subject: what was measured, as "dcache", "tbb", "statx". The best of a row's other subjects,
 * with equal entries and threads, is what dcache is compared with.
 */
#ifndef DCACHE_BENCH_REPORT_H
#define DCACHE_BENCH_REPORT_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench_result {
	const char *bench, *subject, *unit;
	uint64_t entries;
	unsigned int threads, rounds;
	double median, low, high;
};

/* Ends the program if the file cannot be written. */
static inline void bench_report(const struct bench_result *r)
{
	const char *path = getenv("BENCH_JSON");
	FILE *file;
	int len;

	if (!path || !*path)
		return;
	file = fopen(path, "a");
	len = file ? fprintf(file,
			     "{\"bench\": \"%s\", \"subject\": \"%s\", \"entries\": %" PRIu64
			     ", \"threads\": %u, \"unit\": \"%s\", \"median\": %.3f, \"low\": %.3f, "
			     "\"high\": %.3f, \"rounds\": %u}\n",
			     r->bench, r->subject, r->entries, r->threads, r->unit, r->median, r->low,
			     r->high, r->rounds)
		   : -1;
	if (len < 0 || fclose(file)) {
		perror(path);
		exit(1);
	}
}

#ifdef __cplusplus
}
#endif

#endif /* DCACHE_BENCH_REPORT_H */
