/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of a real tree, as many as are wanted.
 *
 * They are read from a list of paths, one a line, or found by walking a directory. Fewer than there are:
 * a random part, with all directories above. More: the tree once more, its uppermost names with a number
 * after them. A name's directory always comes before it.
 */
#ifndef DCACHE_BENCH_NAMES_H
#define DCACHE_BENCH_NAMES_H

#include <ftw.h>

#include "bench.h"

#define NAME_OF_ROOT UINT32_MAX

struct bench_name {
	const char *text;
	uint32_t parent; /* index of its directory, or NAME_OF_ROOT */
	uint16_t len;
	bool directory; /* something lies in it */
};

static struct {
	struct bench_name *at;
	size_t n, directories;
} names;

static struct {
	char **at;
	size_t n, room, prefix;
} name_paths;

static inline void names_add_path(const char *path)
{
	if (name_paths.n == name_paths.room) {
		name_paths.room = name_paths.room ? 2 * name_paths.room : 65536;
		name_paths.at = realloc(name_paths.at, name_paths.room * sizeof(char *));
		BENCH_CHECK(name_paths.at);
	}
	name_paths.at[name_paths.n] = strdup(path);
	BENCH_CHECK(name_paths.at[name_paths.n]);
	name_paths.n++;
}

static inline int names_visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	if (ftw->level)
		names_add_path(path + name_paths.prefix);
	return 0;
}

static inline void names_read_list(const char *list)
{
	FILE *file = fopen(list, "r");
	size_t room = 0;
	char *line = NULL;
	ssize_t len;

	if (!file) {
		perror(list);
		exit(1);
	}
	while ((len = getline(&line, &room, file)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		names_add_path(line);
	}
	free(line);
	fclose(file);
}

/* As strcmp(), but what is below a directory comes right after it. */
static inline int names_compare(const void *a, const void *b)
{
	const unsigned char *x = *(unsigned char *const *)a, *y = *(unsigned char *const *)b;

	while (*x && *x == *y) {
		x++;
		y++;
	}
	if (*x == *y)
		return 0;
	if (!*x || !*y)
		return *x ? 1 : -1;
	if (*x == '/' || *y == '/')
		return *x == '/' ? -1 : 1;
	return *x < *y ? -1 : 1;
}

/* The tree of the sorted paths: each shares its first components with the one before. */
static inline void names_make_tree(void)
{
	uint32_t above[2048];
	size_t depth = 0, room = 0, i;

	qsort(name_paths.at, name_paths.n, sizeof(char *), names_compare);
	for (i = 0; i < name_paths.n; i++) {
		char *rest = name_paths.at[i], *part;
		bool same = true;
		size_t level = 0;

		while ((part = strsep(&rest, "/"))) {
			size_t len = strlen(part);

			if (!len)
				continue;
			BENCH_CHECK(len <= DCACHE_NAME_MAX && level < 2048);
			if (same && level < depth && names.at[above[level]].len == len &&
			    !memcmp(names.at[above[level]].text, part, len)) {
				level++;
				continue;
			}
			same = false;
			if (names.n == room) {
				room = room ? 2 * room : 65536;
				names.at = realloc(names.at, room * sizeof(*names.at));
				BENCH_CHECK(names.at);
			}
			names.at[names.n] = (struct bench_name){
				part, level ? above[level - 1] : NAME_OF_ROOT, (uint16_t)len, false
			};
			if (level)
				names.at[above[level - 1]].directory = true;
			above[level++] = (uint32_t)names.n++;
			depth = level;
		}
	}
}

/* @wanted of them, the directories of each first. */
static inline void names_take_some(size_t wanted)
{
	uint32_t *order = malloc(names.n * sizeof(*order));
	uint32_t *becomes = calloc(names.n, sizeof(*becomes)), above[2048];
	uint64_t seed = 88172645463325252u;
	size_t taken = 0, i, n = 0;

	BENCH_CHECK(order && becomes);
	for (i = 0; i < names.n; i++) {
		size_t j = bench_random(&seed) % (i + 1);

		order[i] = order[j];
		order[j] = (uint32_t)i;
	}
	for (i = 0; i < names.n && taken < wanted; i++) {
		uint32_t at = order[i];
		size_t depth = 0;

		for (; at != NAME_OF_ROOT && !becomes[at]; at = names.at[at].parent)
			above[depth++] = at;
		for (; depth && taken < wanted; taken++)
			becomes[above[--depth]] = 1;
	}
	for (i = 0; i < names.n; i++) {
		struct bench_name name = names.at[i];

		if (!becomes[i])
			continue;
		if (name.parent != NAME_OF_ROOT) {
			name.parent = becomes[name.parent];
			names.at[name.parent].directory = true;
		}
		name.directory = false;
		becomes[i] = (uint32_t)n;
		names.at[n++] = name;
	}
	BENCH_CHECK(n == wanted);
	names.n = n;
	free(order);
	free(becomes);
}

static inline void names_take_again(size_t wanted)
{
	size_t base = names.n, i;

	names.at = realloc(names.at, wanted * sizeof(*names.at));
	BENCH_CHECK(names.at);
	for (i = base; i < wanted; i++) {
		struct bench_name name = names.at[i - base];
		char text[DCACHE_NAME_MAX + 32];

		name.directory = false;
		if (name.parent == NAME_OF_ROOT) {
			/* The first ones' text, not the last ones'. */
			const struct bench_name *first = &names.at[i % base];
			int len = snprintf(text, sizeof(text), "%.*s~%zu", (int)first->len,
					   first->text, i / base);

			BENCH_CHECK(len > 0 && len <= DCACHE_NAME_MAX);
			name.text = strdup(text);
			BENCH_CHECK(name.text);
			name.len = (uint16_t)len;
		} else {
			name.parent += (uint32_t)base;
			names.at[name.parent].directory = true;
		}
		names.at[i] = name;
	}
	names.n = wanted;
}

/* @list: a file of paths; NULL: what is below @directory. @wanted: 0: as many as there are. */
static inline void names_make(const char *list, const char *directory, size_t wanted)
{
	size_t i;

	BENCH_CHECK(wanted < NAME_OF_ROOT);
	name_paths.prefix = strlen(directory);
	if (list)
		names_read_list(list);
	else
		BENCH_CHECK(!nftw(directory, names_visit, 64, FTW_PHYS | FTW_MOUNT));
	names_make_tree();
	BENCH_CHECK(names.n);
	if (wanted && wanted < names.n)
		names_take_some(wanted);
	else if (wanted)
		names_take_again(wanted);
	for (i = 0; i < names.n; i++)
		names.directories += names.at[i].directory;
}

static inline int names_compare_text(const void *a, const void *b)
{
	const struct bench_name *x = a, *y = b;
	int result = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);

	return result ? result : (x->len > y->len) - (x->len < y->len);
}

/* The names alone, each once, in random order; of what they were the tree is forgotten. */
static inline void names_make_distinct(void)
{
	uint64_t seed = 88172645463325252u;
	size_t n = 1, i;

	qsort(names.at, names.n, sizeof(*names.at), names_compare_text);
	for (i = 1; i < names.n; i++) {
		if (names_compare_text(&names.at[i], &names.at[n - 1]))
			names.at[n++] = names.at[i];
	}
	names.n = n;
	for (i = n - 1; i; i--) {
		size_t j = bench_random(&seed) % (i + 1);
		struct bench_name swap = names.at[i];

		names.at[i] = names.at[j];
		names.at[j] = swap;
	}
}

#endif /* DCACHE_BENCH_NAMES_H */
