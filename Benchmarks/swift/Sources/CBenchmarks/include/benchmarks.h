/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The C side of the Swift benchmarks: the clock, allocations, results, and the calls themselves. */
#ifndef DCACHE_SWIFT_BENCHMARKS_H
#define DCACHE_SWIFT_BENCHMARKS_H

#include <dcache.h>

/* The monotonic clock, in nanoseconds. */
double benchmark_now(void);

/* How many processors the program may use. */
unsigned int benchmark_processors(void);

/* How often this thread has allocated memory so far. */
uint64_t benchmark_allocations(void);

/* What a run of threads took. */
struct benchmark_time {
	/* From when the first began to when the last ended. */
	double ns;
	/* Had each thread its processor throughout? Only asked where there are enough of them. */
	bool undisturbed;
};

/*
 * Run @body in @threads threads at once: each calls it with @measured false, to warm up; once all have, each
 * calls it with @measured true, which is what the time is taken of.
 */
struct benchmark_time benchmark_threads(unsigned int threads,
					void (*body)(void *arg, unsigned int thread, bool measured),
					void *arg);

/* The lowest, the median and the highest of @n values, as all of Benchmarks/ computes them; sorts them. */
struct benchmark_spread {
	double low, median, high;
};
struct benchmark_spread benchmark_spread(double *values, size_t n);

/* Benchmarks/report.h's bench_report(). */
void benchmark_report(const char *bench, const char *subject, const char *unit, uint64_t entries,
		      unsigned int threads, unsigned int rounds, struct benchmark_spread spread);

/* One lookup, and what it must lead to. */
struct benchmark_key {
	const char *name;
	uint32_t len;
	/* Which of the directories. */
	uint32_t directory;
	uint64_t number;
	const void *payload;
};

/*
 * @n lookups, each answer checked, a wrong one ends the program: the calls that the Swift module makes for
 * the rows of the same names. @directories: struct dentry *, as Swift stores an array of entries.
 */
void benchmark_reference(const void *directories, const struct benchmark_key *keys, size_t n);
void benchmark_section(const void *directories, const struct benchmark_key *keys, size_t n);
void benchmark_reference_payload(const void *directories, const struct benchmark_key *keys,
				 size_t n);
void benchmark_section_payload(const void *directories, const struct benchmark_key *keys, size_t n);

/*
 * The same, many at once, as many as Swift gives to a call: names of the directory of each key, and paths from
 * the directories' parent. Several keys in a row are of one directory.
 */
void benchmark_lookup_batch(const void *directories, const struct benchmark_key *keys, size_t n);
void benchmark_walk_batch(const void *directories, const struct benchmark_key *keys, size_t n);

#endif /* DCACHE_SWIFT_BENCHMARKS_H */
