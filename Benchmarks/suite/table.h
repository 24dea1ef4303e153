/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a subject of the suite is: something that turns (directory, name) into an object.
 *
 * A value is what a lookup returns: an object's address or number, made before and outside of the clock,
 * TABLE_NEGATIVE for a name that is known not to exist, or 0: nothing is known. Directories are given by
 * handles. All calls but create, destroy and settle may come from any thread that has entered; the
 * directories of a call, and its objects, are there as long as it lasts.
 *
 * A peer's key is a directory's 64-bit number and the name's bytes, hashed by key_hash() (key.h). Each has
 * room for all entries from the start, and takes memory from malloc().
 */
#ifndef DCACHE_SUITE_TABLE_H
#define DCACHE_SUITE_TABLE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

struct table;

#define TABLE_NEGATIVE ((uintptr_t)1)

struct table_ops {
	const char *name;

	/* For @entries entries, directories among them. */
	struct table *(*create)(size_t entries);
	/* All handles and objects have been given back. */
	void (*destroy)(struct table *t);

	/* An object that a value can be; never 0 or TABLE_NEGATIVE, and no two are equal. */
	uintptr_t (*make_object)(struct table *t, uint64_t number, bool directory);
	void (*drop_object)(struct table *t, uintptr_t object);

	/* The root, which is no entry; a directory, which is one, with @value, and will have about @children
	 * entries. Return: the handle. */
	uintptr_t (*make_root)(struct table *t);
	uintptr_t (*make_dir)(struct table *t, uintptr_t dir, const char *name, size_t len,
			      size_t children, uintptr_t value);
	/* Gives a handle back, the root's last. */
	void (*drop_dir)(struct table *t, uintptr_t dir);

	/* Return: 0, or -EEXIST. */
	int (*insert)(struct table *t, uintptr_t dir, const char *name, size_t len,
		      uintptr_t value);
	uintptr_t (*lookup)(struct table *t, uintptr_t dir, const char *name, size_t len);
	/* Not a directory's name. Return: 0, or -ENOENT. */
	int (*remove)(struct table *t, uintptr_t dir, const char *name, size_t len);

	/* Around all else that a thread does with any table. */
	void (*thread_enter)(void);
	void (*thread_leave)(void);
	/* Waits until what was removed has been freed. */
	void (*settle)(struct table *t);
};

extern const struct table_ops table_dcache, table_dcache_ref, table_dcache_lto, table_lfht,
	table_tbb, table_absl, table_ck, table_std, table_fuse, table_dirs;

/* The objects and directories of most peers: numbers. */
static inline uintptr_t number_object(struct table *t, uint64_t number, bool directory)
{
	(void)t;
	(void)directory;
	return (uintptr_t)(number + 1) << 4;
}

static inline void number_drop(struct table *t, uintptr_t number)
{
	(void)t;
	(void)number;
}

static inline uintptr_t number_root(struct table *t)
{
	(void)t;
	return 8;
}

static inline void table_nothing(void)
{
}

static inline void table_settled(struct table *t)
{
	(void)t;
}

#define TABLE_CHECK(x)                                                          \
	do {                                                                    \
		if (!(x)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			exit(1);                                                \
		}                                                               \
	} while (0)

static inline void *table_alloc(size_t bytes)
{
	void *memory = malloc(bytes);

	TABLE_CHECK(memory);
	return memory;
}

static inline size_t table_power_of_two(size_t at_least)
{
	size_t n = 2;

	while (n < at_least)
		n *= 2;
	return n;
}

#ifdef __cplusplus
}
#endif

#endif /* DCACHE_SUITE_TABLE_H */
