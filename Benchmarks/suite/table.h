/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a subject of the suite is: something that turns (directory, name) into an object.
 *
 * A value is what a lookup returns: an object's address or number, made before and outside of the clock,
 * TABLE_NEGATIVE for a name that is known not to exist, or 0: nothing is known. Directories are given by
 * handles; a peer's are their values, so that its user can go on from what was found. All calls but create,
 * destroy and settle may come from any thread that has entered; the directories of a call, and its objects,
 * are there as long as it lasts.
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

struct table_name {
	uintptr_t dir;
	const char *text;
	size_t len;
};

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
	/* The value of a path, its components separated by one '/' each. */
	uintptr_t (*walk)(struct table *t, uintptr_t root, const char *path, size_t len);
	/* Not a directory's name. Return: 0, -ENOENT or -EEXIST. */
	int (*rename)(struct table *t, const struct table_name *from, const struct table_name *to);

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

typedef uintptr_t table_lookup_fn(struct table *t, uintptr_t dir, const char *name, size_t len);

/* A peer's walk, with its own lookup in it. */
static inline uintptr_t table_walk(struct table *t, table_lookup_fn *lookup, uintptr_t dir,
				   const char *path, size_t len)
{
	const char *end = path + len;

	for (;;) {
		const char *slash = (const char *)memchr(path, '/', (size_t)(end - path));

		dir = lookup(t, dir, path, (size_t)((slash ? slash : end) - path));
		if (!slash || !dir || dir == TABLE_NEGATIVE)
			return slash ? 0 : dir;
		path = slash + 1;
	}
}

/* A peer's rename: others can see both names in between. */
static inline int table_rename(struct table *t, const struct table_ops *ops,
			       const struct table_name *from, const struct table_name *to)
{
	uintptr_t value = ops->lookup(t, from->dir, from->text, from->len);
	int err = value ? ops->insert(t, to->dir, to->text, to->len, value) : -ENOENT;

	return err ? err : ops->remove(t, from->dir, from->text, from->len);
}

/* walk and rename of a peer in C, inside of what holds the table still for a read, if something does. */
#define TABLE_BY_STEPS(prefix, enter, leave)                                              \
	static uintptr_t prefix##_walk(struct table *t, uintptr_t root, const char *path, \
				       size_t len)                                        \
	{                                                                                 \
		uintptr_t value;                                                          \
                                                                                          \
		enter();                                                                  \
		value = table_walk(t, prefix##_lookup, root, path, len);                  \
		leave();                                                                  \
		return value;                                                             \
	}                                                                                 \
                                                                                          \
	static int prefix##_rename(struct table *t, const struct table_name *from,        \
				   const struct table_name *to)                           \
	{                                                                                 \
		return table_rename(t, &table_##prefix, from, to);                        \
	}

#ifdef __cplusplus
}
#endif

#endif /* DCACHE_SUITE_TABLE_H */
