/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hits, a number of times each, for callgrind to count their instructions: hot_path [-b] [ROW]
 *
 *	ROW	that one alone
 *	-b	row "section" breaks the rule: it does more than it says, and allocates. For the script
 *		to try whether it sees that.
 *
 * scripts/check-hot-paths runs it and compares. Each row is run once to warm up, then N and 2 N times
 * between marks, so that what does not depend on N falls out of the difference. The loop and the check
 * of each answer stay in it, some fifteen instructions: row "nothing" is these alone. A wrong answer
 * ends the program with status 1.
 *
 * A row takes its names in turn from a set of 64, so that a long chain or an odd name is one of many. What
 * the counts could depend on is fixed: the hash's seed, the size of the table, which entries there are
 * and in which order they were made. Nothing depends on addresses.
 *
 * A further row: a function and a line of rows[].
 */
#include <dcache.h>
#include <dcache/casefold.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "marks.h"

#define CHECK(x)                                                                \
	do {                                                                    \
		if (!(x)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			exit(1);                                                \
		}                                                               \
	} while (0)

#define KEYS 64
#define OPERATIONS (16 * KEYS)
#define BUCKETS 4096
#define DEPTH 8

/* What is looked up, and what must be found. */
struct key {
	char name[DCACHE_NAME_MAX + 1];
	uint32_t len;
	uint32_t hash;
	struct dentry *entry;
};

struct set {
	struct dentry *dir;
	struct key keys[KEYS];
};

/* In the entry, as long as fits there, and in a block of its own; known not to exist; not known. */
static struct set names_13, names_40, names_120, negatives, missing;
/* Found by another spelling. */
static struct set ascii_case, unicode_case;
/* Paths of DEPTH components, from the root. */
static struct set paths;
static struct dcache *dc;
static struct dentry *root;
/* Answers that were wrong. */
static size_t wrong;

/* ---- rows ---- */

/*
 * OPERATION for each of @n keys of a set; in it, key is the key, name its name, and dir the directory.
 * @within: read sections are around the whole, not around each.
 */
#define FOR_KEYS(set, within, operation)                                \
	do {                                                            \
		struct dentry *dir = (set).dir;                         \
		size_t at;                                              \
                                                                        \
		(void)dir;                                              \
		if (within)                                             \
			dcache_read_lock();                             \
		for (at = 0; at < n; at++) {                            \
			const struct key *key = &(set).keys[at % KEYS]; \
			struct qstr name = { key->name, key->len, 0 };  \
                                                                        \
			operation;                                      \
		}                                                       \
		if (within)                                             \
			dcache_read_unlock();                           \
	} while (0)

/* The check of an answer that nobody gave. */
static void nothing(const struct set *set, size_t n)
{
	FOR_KEYS(*set, true, {
		struct dentry *found = key->entry;

		(void)name;
		__asm__ volatile("" : "+r"(found));
		wrong += found != key->entry;
	});
}

static void section(const struct set *set, size_t n)
{
	(void)set;
	while (n--) {
		dcache_read_lock();
		dcache_read_unlock();
	}
}

/* -b */
static void section_and_more(const struct set *set, size_t n)
{
	(void)set;
	while (n--) {
		/* Volatile, so that the compiler leaves it here. */
		void *volatile block = malloc(16);

		wrong += !block;
		free(block);
		dcache_read_lock();
		dcache_read_unlock();
	}
}

static void look(const struct set *set, size_t n)
{
	FOR_KEYS(*set, true, {
		uint32_t seq;

		wrong += d_lookup_rcu(dir, &name, &seq) != key->entry;
	});
}

static void look_and_put(const struct set *set, size_t n)
{
	FOR_KEYS(*set, false, {
		struct dentry *found = d_lookup(dir, &name);

		wrong += found != key->entry;
		dput(found);
	});
}

/* An operation is a name here, too. */
static void look_together(const struct set *set, size_t n)
{
	struct d_lookup_request requests[KEYS];
	size_t at, i;

	dcache_read_lock();
	for (at = 0; at < n; at += KEYS) {
		for (i = 0; i < KEYS; i++) {
			const struct key *key = &set->keys[i];

			requests[i].parent = set->dir;
			requests[i].name = (struct qstr){ key->name, key->len, 0 };
		}
		wrong += d_lookup_batch_rcu(requests, KEYS) != KEYS;
		for (i = 0; i < KEYS; i++)
			wrong += requests[i].dentry != set->keys[i].entry;
	}
	dcache_read_unlock();
}

static void look_together_and_put(const struct set *set, size_t n)
{
	struct d_lookup_request requests[KEYS];
	size_t at, i;

	for (at = 0; at < n; at += KEYS) {
		for (i = 0; i < KEYS; i++) {
			const struct key *key = &set->keys[i];

			requests[i].parent = set->dir;
			requests[i].name = (struct qstr){ key->name, key->len, 0 };
		}
		wrong += d_lookup_batch(requests, KEYS) != KEYS;
		for (i = 0; i < KEYS; i++) {
			wrong += requests[i].dentry != set->keys[i].entry;
			dput(requests[i].dentry);
		}
	}
}

static void look_hash_known(const struct set *set, size_t n)
{
	FOR_KEYS(*set, true, {
		uint32_t seq;

		name.hash = key->hash;
		wrong += d_lookup_rcu(dir, &name, &seq) != key->entry;
	});
}

/* As a program does it that does not keep what it finds. */
static void look_and_check(const struct set *set, size_t n)
{
	FOR_KEYS(*set, false, {
		struct dentry *found;
		uint32_t seq;

		dcache_read_lock();
		found = d_lookup_rcu(dir, &name, &seq);
		wrong += found != key->entry || !d_inode(found) || d_seq_retry(found, seq);
		dcache_read_unlock();
	});
}

static void look_and_keep(const struct set *set, size_t n)
{
	FOR_KEYS(*set, false, {
		struct dentry *found;
		bool kept;
		uint32_t seq;

		dcache_read_lock();
		found = d_lookup_rcu(dir, &name, &seq);
		kept = found && dget_rcu(found, seq);
		dcache_read_unlock();
		wrong += !kept || found != key->entry;
		if (kept)
			dput(found);
	});
}

static void hash_and_look(const struct set *set, size_t n)
{
	FOR_KEYS(*set, false, {
		struct dentry *found = d_hash_and_lookup(dir, &name);

		wrong += found != key->entry || name.hash != key->hash;
		dput(found);
	});
}

static void alloc_parallel(const struct set *set, size_t n)
{
	FOR_KEYS(*set, false, {
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
		struct dentry *found = d_alloc_parallel(dir, &name, &wq);

		wrong += found != key->entry || d_in_lookup(found);
		dput(found);
	});
}

static void lookup_one(const struct set *set, size_t n)
{
	FOR_KEYS(*set, false, {
		struct dentry *found = lookup_one_unlocked(dir, &name, 0);

		wrong += found != key->entry;
		dput(found);
	});
}

/* Of an entry that somebody else has, too. */
static void get_and_put(const struct set *set, size_t n)
{
	(void)set;
	while (n--) {
		struct dentry *got = dget(root);

		wrong += got != root;
		dput(got);
	}
}

static void walk_rcu(const struct set *set, size_t n)
{
	FOR_KEYS(*set, true, {
		uint32_t seq;

		wrong += dcache_walk_rcu(dir, dir, name.name, name.len, WALK_CACHED, &seq) !=
			 key->entry;
	});
}

static void walk(const struct set *set, size_t n)
{
	FOR_KEYS(*set, false, {
		struct dentry *found = dcache_walk(dir, dir, name.name, name.len, WALK_CACHED);

		wrong += found != key->entry;
		dput(found);
	});
}

static const struct row {
	const char *name;
	void (*run)(const struct set *set, size_t n);
	const struct set *set;
} rows[] = {
	{ "nothing", nothing, &names_13 },
	{ "section", section, NULL },
	{ "d_lookup_rcu-13", look, &names_13 },
	{ "d_lookup_rcu-40", look, &names_40 },
	{ "d_lookup_rcu-120", look, &names_120 },
	{ "d_lookup_rcu-13-hash-known", look_hash_known, &names_13 },
	{ "d_lookup_rcu-13-whole", look_and_check, &names_13 },
	{ "d_lookup_batch_rcu-13", look_together, &names_13 },
	{ "d_lookup_batch-dput-13", look_together_and_put, &names_13 },
	{ "d_lookup_rcu-negative", look, &negatives },
	{ "d_lookup_rcu-miss", look, &missing },
	{ "d_lookup_rcu-case-ascii", look, &ascii_case },
	{ "d_lookup_rcu-case-unicode", look, &unicode_case },
	{ "d_lookup_rcu-dget_rcu-dput", look_and_keep, &names_13 },
	{ "d_lookup-dput-13", look_and_put, &names_13 },
	{ "d_lookup-dput-40", look_and_put, &names_40 },
	{ "d_lookup-dput-120", look_and_put, &names_120 },
	{ "d_lookup-dput-negative", look_and_put, &negatives },
	{ "d_lookup-miss", look_and_put, &missing },
	{ "d_hash_and_lookup-dput", hash_and_look, &names_13 },
	{ "d_alloc_parallel-dput", alloc_parallel, &names_13 },
	{ "lookup_one_unlocked-dput", lookup_one, &names_13 },
	{ "dget-dput", get_and_put, NULL },
	{ "dcache_walk_rcu-8", walk_rcu, &paths },
	{ "dcache_walk-dput-8", walk, &paths },
};

/* ---- the cache ---- */

/* Nothing that is looked up here needs to be asked for. */
static struct dentry *asked(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	(void)dir;
	(void)dentry;
	(void)flags;
	return ERR_PTR(-EIO);
}

static const struct inode_operations operations = { .lookup = asked };

static struct dentry *add(struct dentry *parent, const char *bytes, size_t len, bool positive,
			  enum inode_type type)
{
	struct qstr name = qstr_init(bytes, len);
	struct dentry *dentry = d_alloc(parent, &name);
	static uint64_t number;

	CHECK(!IS_ERR(dentry));
	CHECK(!d_add(dentry, positive ? new_inode(dc, ++number, type, &operations, NULL) : NULL));
	return dentry;
}

static struct dentry *add_dir(struct dentry *parent, const char *name)
{
	return add(parent, name, strlen(name), true, INODE_DIRECTORY);
}

/* Names of @len bytes that differ in the middle. */
static void make_names(struct set *set, const char *dir, size_t len)
{
	size_t i;

	set->dir = add_dir(root, dir);
	for (i = 0; i < KEYS; i++) {
		struct key *key = &set->keys[i];
		char digits[16];

		snprintf(digits, sizeof(digits), "%08x", (unsigned int)(i * 2654435761u));
		memset(key->name, 'n', len);
		memcpy(key->name + (len - 8) / 2, digits, 8);
		key->len = (uint32_t)len;
	}
}

static void fill(struct set *set, const char *dir, size_t len, bool positive)
{
	size_t i;

	make_names(set, dir, len);
	for (i = 0; i < KEYS; i++) {
		struct key *key = &set->keys[i];
		struct qstr name = { key->name, key->len, 0 };

		key->entry = add(set->dir, key->name, len, positive, INODE_REGULAR);
		CHECK(!d_hash_name(set->dir, &name));
		key->hash = name.hash;
		/* Nobody has it, as most of what is cached. */
		dput(key->entry);
	}
}

/* "stem03.txt", looked up by another spelling of the stem. */
static void fill_folded(struct set *set, const char *dir, const char *stem, const char *other)
{
	size_t i;

	set->dir = add_dir(root, dir);
	d_set_d_op(set->dir, &casefold_dentry_operations);
	for (i = 0; i < KEYS; i++) {
		struct key *key = &set->keys[i];
		char name[64];
		int len = snprintf(name, sizeof(name), "%s%02zu.txt", stem, i);

		key->entry = add(set->dir, name, (size_t)len, true, INODE_REGULAR);
		dput(key->entry);
		key->len = (uint32_t)snprintf(key->name, sizeof(key->name), "%s%02zu.TXT", other,
					      i);
	}
}

static void fill_paths(void)
{
	char path[DCACHE_NAME_MAX] = "";
	struct dentry *dir = dget(root);
	size_t i;

	for (i = 0; i < DEPTH - 1; i++) {
		char name[32];
		struct dentry *next;

		snprintf(name, sizeof(name), "directory%zu", i);
		strcat(strcat(path, name), "/");
		next = add_dir(dir, name);
		dput(dir);
		dir = next;
	}
	paths.dir = dget(root);
	for (i = 0; i < KEYS; i++) {
		struct key *key = &paths.keys[i];
		char name[32];
		int len = snprintf(name, sizeof(name), "file%05zu.txt", i);

		key->entry = add(dir, name, (size_t)len, true, INODE_REGULAR);
		dput(key->entry);
		len = snprintf(key->name, sizeof(key->name), "%s%s", path, name);
		CHECK(len > 0 && (size_t)len < sizeof(key->name));
		key->len = (uint32_t)len;
	}
	dput(dir);
}

static void make_cache(void)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;

	opts.hash_buckets = BUCKETS;
	opts.seed = 1;
	CHECK(!dcache_create(&opts, &dc));
	root = d_make_root(new_inode(dc, 0, INODE_DIRECTORY, NULL, NULL));
	CHECK(!IS_ERR(root));
	fill(&names_13, "names13", 13, true);
	fill(&names_40, "names40", 40, true);
	fill(&names_120, "names120", 120, true);
	fill(&negatives, "negatives", 13, false);
	make_names(&missing, "missing", 13);
	fill_folded(&ascii_case, "ascii", "readme", "ReadMe");
	fill_folded(&unicode_case, "unicode", "stra\u00dfe", "STRASSE");
	fill_paths();
}

static void end_cache(void)
{
	const struct set *const sets[] = { &names_13, &names_40,   &names_120,	  &negatives,
					   &missing,  &ascii_case, &unicode_case, &paths };
	struct dcache_stats stats;
	size_t i;

	/* All that was there is there, and in the table that was asked for. */
	dcache_get_stats(dc, &stats);
	CHECK(stats.entries == 1 + 7 + 6 * KEYS + DEPTH - 1 + KEYS);
	CHECK(stats.negatives == KEYS && stats.in_lookup == 0 && stats.evicted == 0);
	CHECK(stats.buckets == BUCKETS && stats.resizes == 0);
	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		dput(sets[i]->dir);
	dput(root);
	CHECK(!dcache_destroy(dc));
}

/* Apart, so that each time the same leads from mark to mark. */
__attribute__((noinline)) static void measure(const struct row *row, size_t n)
{
	hot_path_begin();
	row->run(row->set, n);
	hot_path_end(row->name, n);
}

static const char *only;
static bool broken;

static void run_rows(void)
{
	size_t i, ran = 0;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct row row = rows[i];

		if (only && strcmp(row.name, only))
			continue;
		if (broken && row.run == section)
			row.run = section_and_more;
		row.run(row.set, OPERATIONS);
		measure(&row, OPERATIONS);
		measure(&row, 2 * OPERATIONS);
		if (wrong) {
			fprintf(stderr, "%s: %zu answers are wrong\n", row.name, wrong);
			exit(1);
		}
		ran++;
	}
	CHECK(ran);
}

int main(int argc, char **argv)
{
	int at = 1;

	if (at < argc && !strcmp(argv[at], "-b")) {
		broken = true;
		at++;
	}
	only = argv[at];
	hot_path_check_counter();
	make_cache();
	hot_path_run(run_rows);
	end_cache();
	return 0;
}
