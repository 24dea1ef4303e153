/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the suite's driver is made of: names (names.c), one subject's process (worker.c), main.c. */
#ifndef DCACHE_SUITE_H
#define DCACHE_SUITE_H

#include "table.h"

/* ---- names ---- */

#define TREE_ROOT UINT32_MAX

struct tree_entry {
	uint32_t parent; /* an earlier entry, or TREE_ROOT */
	uint32_t children;
	const char *name;
	uint16_t len;
};

/* Each entry's parent comes before it. One with children is a directory. */
struct tree {
	struct tree_entry *entries;
	size_t n, files;
	uint32_t *index; /* by hash of (parent, name); 0: none, else entry + 1 */
	size_t mask;
};

/* A file of paths, one a line. */
void tree_read(struct tree *tree, const char *path);

/*
 * @n entries of @base: if it has more, directories at random, with those above and all that they hold;
 * if it has fewer, copies of it under directories of their own.
 */
void tree_make(struct tree *tree, const struct tree *base, size_t n, uint64_t seed);
void tree_end(struct tree *tree);

/* The entry of a name in a directory, or TREE_ROOT: none. */
uint32_t tree_find(const struct tree *tree, uint32_t parent, const char *name, size_t len);

/* ---- rows ---- */

enum row {
	ROW_HIT,
	ROW_MISS,
	ROW_DEPENDENT,
	ROW_HIT_ZIPF,
	ROW_WALK,
	ROW_95_5,
	ROW_50_50,
	ROW_INSERT, /* and ROW_REMOVE: one run gives both */
	ROW_INSERT_NEGATIVE,
	ROW_RENAME,
	ROW_MOVE,
	ROW_REMOVE,
	/* Processor time of all threads, those that free memory included, until all is freed. */
	ROW_95_5_CPU,
	ROW_50_50_CPU,
	ROW_UPDATE_CPU,
	/* Once for each table. */
	ROW_FILL,
	ROW_MEMORY,
	ROW_DESTROY,
	ROWS
};

extern const char *const row_names[ROWS];

/* ---- one subject's process ---- */

struct worker_order {
	int row; /* ROWS: destroy the table and end */
	unsigned int threads;
	uint64_t seed;
	double ms;
};

struct worker_answer {
	double value[ROWS]; /* ns for each operation, bytes for ROW_MEMORY; 0: not measured */
	int disturbed;	    /* a thread waited for a processor that others had */
};

struct worker_setup {
	const struct table_ops *ops; /* NULL: no table, but the memory's latency */
	const struct tree *tree;
	uint64_t seed;
	bool rows[ROWS]; /* which will be ordered */
};

/* The table is filled, an answer is written, and one for each order then. Does not return. */
void worker_run(const struct worker_setup *setup, int orders, int answers)
	__attribute__((noreturn));

unsigned int processors(void);

/* ---- self-check ---- */

void check_subject(const struct table_ops *ops);

/* ---- random numbers ---- */

/* SplitMix64: any seed will do, 0 and small ones too. */
static inline uint64_t suite_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline size_t suite_below(uint64_t *state, size_t n)
{
	return (size_t)(((unsigned __int128)suite_random(state) * n) >> 64);
}

static inline void suite_shuffle(uint32_t *values, size_t n, uint64_t *state)
{
	size_t i;

	for (i = n; i > 1; i--) {
		size_t j = suite_below(state, i);
		uint32_t swap = values[i - 1];

		values[i - 1] = values[j];
		values[j] = swap;
	}
}

static inline void *suite_array(size_t n, size_t bytes)
{
	void *memory = calloc(n ? n : 1, bytes);

	TABLE_CHECK(memory);
	return memory;
}

#endif /* DCACHE_SUITE_H */
