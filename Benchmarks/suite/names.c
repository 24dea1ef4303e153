/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real names, in the directories that they are in. */
#define _GNU_SOURCE
#include "key.h"
#include "suite.h"

static uint32_t *tree_slot(const struct tree *tree, uint32_t parent, const char *name, size_t len)
{
	size_t at = key_hash(parent, name, len) & tree->mask;

	for (; tree->index[at]; at = (at + 1) & tree->mask) {
		const struct tree_entry *e = &tree->entries[tree->index[at] - 1];

		if (e->parent == parent && key_equal(e->name, e->len, name, len))
			break;
	}
	return &tree->index[at];
}

uint32_t tree_find(const struct tree *tree, uint32_t parent, const char *name, size_t len)
{
	uint32_t entry = *tree_slot(tree, parent, name, len);

	return entry ? entry - 1 : TREE_ROOT;
}

static void tree_start(struct tree *tree, size_t most)
{
	size_t slots = table_power_of_two(2 * most);

	TABLE_CHECK(most < TREE_ROOT / 2);
	tree->entries = suite_array(most, sizeof(*tree->entries));
	tree->index = suite_array(slots, sizeof(*tree->index));
	tree->mask = slots - 1;
	tree->n = 0;
	tree->files = 0;
}

void tree_end(struct tree *tree)
{
	free(tree->entries);
	free(tree->index);
}

/* Finds or makes it. */
static uint32_t tree_add(struct tree *tree, uint32_t parent, const char *name, size_t len)
{
	uint32_t *slot = tree_slot(tree, parent, name, len);

	if (!*slot) {
		struct tree_entry *e = &tree->entries[tree->n];

		e->parent = parent;
		e->name = name;
		e->len = (uint16_t)len;
		*slot = (uint32_t)++tree->n;
		if (parent != TREE_ROOT)
			tree->entries[parent].children++;
	}
	return *slot - 1;
}

static void tree_count_files(struct tree *tree)
{
	size_t i;

	for (i = 0; i < tree->n; i++)
		tree->files += !tree->entries[i].children;
}

void tree_read(struct tree *tree, const char *path)
{
	FILE *file = fopen(path, "r");
	size_t bytes, most = 0;
	char *text, *at, *end;

	if (!file || fseek(file, 0, SEEK_END)) {
		perror(path);
		exit(1);
	}
	bytes = (size_t)ftell(file);
	rewind(file);
	text = table_alloc(bytes + 1);
	TABLE_CHECK(fread(text, 1, bytes, file) == bytes);
	fclose(file);
	text[bytes] = 0;
	for (at = text; *at; at++)
		most += *at == '/' || *at == '\n';
	tree_start(tree, most + 1);
	for (at = text; *at; at = end + (*end != 0)) {
		uint32_t dir = TREE_ROOT;

		end = strchrnul(at, '\n');
		while (at < end) {
			char *slash = memchr(at, '/', (size_t)(end - at));
			size_t len = (size_t)((slash ? slash : end) - at);

			TABLE_CHECK(len <= 255);
			if (len)
				dir = tree_add(tree, dir, at, len);
			at += len + 1;
		}
	}
	tree_count_files(tree);
	if (!tree->files) {
		fprintf(stderr, "%s: no paths\n", path);
		exit(1);
	}
}

/* The entry and all above it, of @base; as far as there is room. */
static uint32_t tree_copy(struct tree *tree, const struct tree *base, uint32_t *copies,
			  uint32_t entry, size_t n)
{
	const struct tree_entry *e = &base->entries[entry];
	uint32_t parent = TREE_ROOT;

	if (copies[entry] != TREE_ROOT)
		return copies[entry];
	if (e->parent != TREE_ROOT) {
		parent = tree_copy(tree, base, copies, e->parent, n);
		if (parent == TREE_ROOT)
			return TREE_ROOT;
	}
	if (tree->n == n)
		return TREE_ROOT;
	copies[entry] = tree_add(tree, parent, e->name, e->len);
	return copies[entry];
}

static void tree_take(struct tree *tree, const struct tree *base, size_t n, uint64_t seed)
{
	uint32_t *copies = suite_array(base->n, sizeof(*copies));
	uint32_t *first = suite_array(base->n + 1, sizeof(*first));
	uint32_t *held = suite_array(base->n, sizeof(*held));
	uint32_t *dirs = suite_array(base->n, sizeof(*dirs));
	size_t nr_dirs = 0, i, j;

	memset(copies, 0xff, base->n * sizeof(*copies));
	/* What each directory holds, one directory after the other. */
	for (i = 0; i < base->n; i++) {
		first[i + 1] = first[i] + base->entries[i].children;
		if (base->entries[i].children)
			dirs[nr_dirs++] = (uint32_t)i;
	}
	for (i = 0; i < base->n; i++) {
		uint32_t parent = base->entries[i].parent;

		if (parent != TREE_ROOT)
			held[first[parent]++] = (uint32_t)i;
	}
	suite_shuffle(dirs, nr_dirs, &seed);
	for (i = 0; i < nr_dirs && tree->n < n; i++) {
		size_t children = base->entries[dirs[i]].children;

		for (j = 0; j < children && tree->n < n; j++)
			tree_copy(tree, base, copies, held[first[dirs[i]] - children + j], n);
	}
	free(copies);
	free(first);
	free(held);
	free(dirs);
}

static void tree_replicate(struct tree *tree, const struct tree *base, size_t n)
{
	uint32_t *copies = suite_array(base->n, sizeof(*copies));
	size_t round, i;

	for (round = 0; tree->n < n; round++) {
		/* Never freed: the tree has it. */
		char *name = table_alloc(32);
		uint32_t top = tree_add(tree, TREE_ROOT, name,
					(size_t)snprintf(name, 32, "tree-%04zu", round));

		for (i = 0; i < base->n && tree->n < n; i++) {
			const struct tree_entry *e = &base->entries[i];

			copies[i] = tree_add(tree, e->parent == TREE_ROOT ? top : copies[e->parent],
					     e->name, e->len);
		}
	}
	free(copies);
}

void tree_make(struct tree *tree, const struct tree *base, size_t n, uint64_t seed)
{
	tree_start(tree, n);
	if (n < base->n)
		tree_take(tree, base, n, seed);
	else
		tree_replicate(tree, base, n);
	TABLE_CHECK(tree->n == n);
	tree_count_files(tree);
}
