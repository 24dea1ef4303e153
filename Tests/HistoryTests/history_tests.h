/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the parts of the program history-tests. */
#ifndef DCACHE_HISTORY_TESTS_H
#define DCACHE_HISTORY_TESTS_H

#include "history.h"

/* ---- unit.c ---- */

void unit_run(uint64_t seed, unsigned int histories, int *passed, int *failed);

/* ---- record.c ---- */

struct settings {
	uint64_t seed;
	unsigned int threads;
	uint64_t operations; /* of each world; 0: no limit */
	double seconds;	     /* of each world; 0: no limit */
	unsigned int length; /* of a history */
};

struct totals {
	uint64_t operations; /* calls */
	uint64_t records;    /* what was noted of them */
	uint64_t histories, partitions, unknown, states, most_states, waits, overlapping;
	double recording, checking;
	bool failed;
};

struct world;

/* The @i-th kind of world; NULL: there are no more. */
const struct world *world_at(unsigned int i);
const char *world_name(const struct world *world);
void world_run(const struct world *world, const struct settings *settings, struct totals *totals);

#endif /* DCACHE_HISTORY_TESTS_H */
