/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The slow store of cold.c and errors.c, and what a cache in front of it is asked for. */
#ifndef DCACHE_COLD_H
#define DCACHE_COLD_H

#include <errno.h>
#include <stdatomic.h>

#include "bench.h"

#define NAME_SIZE 32

/* What becomes of a name. */
enum fate {
	STAYS,
	ABSENT,
	FAILS,	/* the first call is an error; the second is not */
	LEAVES, /* renamed, once it has been answered, to the next name */
	ARRIVES,
	CHANGES, /* created while it is asked for, and replaced once it has been answered */
};

/*
 * Each name has versions, each with a truth: 0, or a number that no other name and version has. A call
 * answers what was true when it began. @known: the version that everybody who begins later must be
 * told, as the cache has been told of the change.
 */
static struct {
	size_t names, dirs;
	double delay_ns;
	bool broken; /* every call fails */
	char (*name)[NAME_SIZE];
	_Atomic uint32_t *version, *known, *calls, *in_flight;
	_Atomic uint8_t *answered;
} store;

static inline enum fate store_fate(size_t i)
{
	static const uint8_t fates[20] = { ABSENT, FAILS, LEAVES, ARRIVES, CHANGES };

	return fates[i % 20] == LEAVES && i + 1 == store.names ? STAYS : (enum fate)fates[i % 20];
}

/* Two that one is renamed to the other are in one directory. */
static inline size_t store_dir(size_t i)
{
	return i / 2 % store.dirs;
}

static inline const char *store_name(size_t i)
{
	return store.name[i];
}

static inline uint64_t store_truth(size_t i, uint32_t version)
{
	switch (store_fate(i)) {
	case ABSENT:
		return 0;
	case LEAVES:
		return version ? 0 : 1 + i;
	case ARRIVES:
		return version ? i : 0;
	case CHANGES:
		return version ? 1 + i + version * store.names : 0;
	case STAYS:
	case FAILS:
	default:
		return 1 + i;
	}
}

static inline void store_sleep(void)
{
	struct timespec delay = { .tv_sec = (time_t)(store.delay_ns / 1e9) };

	delay.tv_nsec = (long)(store.delay_ns - (double)delay.tv_sec * 1e9);
	if (store.delay_ns > 0)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, NULL);
}

/* The slow call. Return: 0, or an error. */
static inline int store_ask(size_t i, uint64_t *answer)
{
	bool fails = !atomic_fetch_add(&store.calls[i], 1) && store_fate(i) == FAILS;

	fails |= store.broken;
	*answer = store_truth(i, atomic_load(&store.version[i]));
	atomic_fetch_add(&store.in_flight[i], 1);
	store_sleep();
	atomic_fetch_sub(&store.in_flight[i], 1);
	return fails ? -EIO : 0;
}

static inline void store_change(size_t i)
{
	atomic_fetch_add(&store.version[i], 1);
}

static inline void store_rename(size_t from, size_t to)
{
	atomic_store(&store.version[from], 1);
	atomic_store(&store.version[to], 1);
}

/* A cache, in front of it. */
struct cold_cache {
	const char *what;
	void (*make)(void);
	int (*get)(size_t i, uint64_t *answer);
	/* The store changes, and the cache is told. */
	void (*change)(size_t i);
	void (*rename)(size_t from, size_t to);
	size_t (*bytes)(void);
	void (*end)(void);
};

#endif /* DCACHE_COLD_H */
