/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory an entry: memory [options]
 *
 *	-n ENTRIES	1 000 000
 *	-l FILE		paths, one a line, that names are taken from: what is below /usr
 *	-r ROUNDS	3
 *
 * What the process has resident (Rss of /proc/self/smaps_rollup) after ENTRIES real names were inserted, less
 * what it had before, by their number: tables, names too long for their place, and all that the allocator
 * takes are in it. Each filling is in a process of its own, which had the list of names before; free memory
 * is given back to the system (malloc_trim(3)) before each look.
 *
 *	memory-rss		without inodes: dcache, all names negative but directories, which cannot be;
 *				what their inodes take is taken off, as the next row has it: what a file's
 *				takes there more, times the directories. lfht: a liburcu table, a node with its
 *				name allocated for each entry, a bucket for each from the start
 *	memory-positive		dcache, each with an inode of its own
 *
 * Fair: both have what they need to find a name in its directory and one word of an answer; that dcache's can
 * also be moved, referenced, listed, evicted and invalidated is what its bytes are for. Its table grows by
 * itself. What the instance itself counts (dcache_stats.bytes) is told beside it. Every name is looked
 * up afterwards.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lfht_table.h"
#include "names.h"
#include "rounds.h"

struct result {
	bool done;
	double rss, counted;
};

static struct dentry **dirs; /* by the name's index */

static size_t resident(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	size_t kib = 0;

	BENCH_CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "Rss:", 4))
			kib = strtoul(line + 4, NULL, 10);
	}
	fclose(file);
	BENCH_CHECK(kib);
	return kib * 1024;
}

static size_t resident_trimmed(void)
{
	malloc_trim(0);
	return resident();
}

static double fill_dcache(bool positive, size_t *after)
{
	struct dcache_stats stats;
	struct dentry *root;
	struct dcache *dc;
	size_t i;

	BENCH_CHECK(!dcache_create(NULL, &dc));
	root = d_make_root(new_inode(dc, 0, INODE_DIRECTORY, NULL, NULL));
	BENCH_CHECK(!IS_ERR(root));
	for (i = 0; i < names.n; i++) {
		const struct bench_name *name = &names.at[i];
		struct qstr qstr = qstr_init(name->text, name->len);
		struct inode *inode = NULL;
		struct dentry *dentry;

		if (name->directory || positive)
			inode = new_inode(dc, i + 1,
					  name->directory ? INODE_DIRECTORY : INODE_REGULAR, NULL,
					  NULL);
		dentry = d_alloc(name->parent == NAME_OF_ROOT ? root : dirs[name->parent], &qstr);
		BENCH_CHECK(!IS_ERR(dentry) && !d_add(dentry, inode));
		if (name->directory)
			dirs[i] = dentry;
		else
			dput(dentry);
	}
	dcache_barrier(dc);
	*after = resident_trimmed();
	dcache_get_stats(dc, &stats);
	BENCH_CHECK(stats.entries == names.n + 1);
	for (i = 0; i < names.n; i++) {
		const struct bench_name *name = &names.at[i];
		struct qstr qstr = qstr_init(name->text, name->len);
		struct dentry *dentry = d_lookup(
			name->parent == NAME_OF_ROOT ? root : dirs[name->parent], &qstr);

		BENCH_CHECK(dentry && d_is_positive(dentry) == (name->directory || positive));
		dput(dentry);
	}
	for (i = 0; i < names.n; i++) {
		if (names.at[i].directory)
			dput(dirs[i]);
	}
	dput(root);
	BENCH_CHECK(!dcache_destroy(dc));
	return (double)stats.bytes;
}

/* A directory's number is its name's, from 1 on. */
static struct lfht_key key_of(size_t i)
{
	const struct bench_name *name = &names.at[i];

	return (struct lfht_key){ name->parent == NAME_OF_ROOT ? 0 : name->parent + 1, name->text,
				  name->len };
}

static void fill_lfht(size_t *after)
{
	struct cds_lfht *table = lfht_make(names.n);
	size_t i;

	for (i = 0; i < names.n; i++) {
		struct lfht_key key = key_of(i);

		BENCH_CHECK(lfht_insert(table, &key, i));
	}
	*after = resident_trimmed();
	for (i = 0; i < names.n; i++) {
		struct lfht_key key = key_of(i);
		const struct lfht_entry *entry;

		urcu_bp_read_lock();
		entry = lfht_find(table, &key);
		BENCH_CHECK(entry && entry->value == i);
		urcu_bp_read_unlock();
	}
	BENCH_CHECK(lfht_end(table) == names.n);
}

enum { NEGATIVE, POSITIVE, LFHT, FILLINGS };

static void fill_in_child(int filling, struct result *result)
{
	int status;
	pid_t pid;

	fflush(NULL);
	result->done = false;
	pid = fork();
	BENCH_CHECK(pid >= 0);
	if (!pid) {
		size_t before = resident_trimmed(), after;

		if (filling == LFHT)
			fill_lfht(&after);
		else
			result->counted = fill_dcache(filling == POSITIVE, &after);
		result->rss = (double)after - (double)before;
		result->done = true;
		_exit(0);
	}
	BENCH_CHECK(waitpid(pid, &status, 0) == pid);
	if (!result->done)
		exit(1);
}

enum { DCACHE_ROW, LFHT_ROW, POSITIVE_ROW, NR_ROWS };

int main(int argc, char **argv)
{
	static const char *const benches[NR_ROWS] = { "memory-rss", "memory-rss",
						      "memory-positive" };
	static const char *const subjects[NR_ROWS] = { "dcache", "lfht", "dcache" };
	size_t entries = 1000000, rounds = 3, round, i, files, bytes = 0;
	double n, inode = 0, medians[NR_ROWS];
	struct bench_row rows[NR_ROWS];
	const char *list = NULL;
	struct result *results;
	int option;

	while ((option = getopt(argc, argv, "l:n:r:")) != -1) {
		switch (option) {
		case 'l':
			list = optarg;
			break;
		case 'n':
			entries = bench_number(optarg, 1000, 100000000);
			break;
		case 'r':
			rounds = bench_number(optarg, 1, BENCH_MAX_ROUNDS);
			break;
		default:
			return 2;
		}
	}
	names_make(list, "/usr", entries);
	n = (double)names.n;
	files = names.n - names.directories;
	BENCH_CHECK(files);
	for (i = 0; i < names.n; i++)
		bytes += names.at[i].len;
	dirs = malloc(names.n * sizeof(struct dentry *));
	results = mmap(NULL, FILLINGS * sizeof(*results), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	BENCH_CHECK(dirs && results != MAP_FAILED);
	/* So that it is resident before. */
	memset(dirs, 1, names.n * sizeof(struct dentry *));
	for (i = 0; i < NR_ROWS; i++) {
		bench_row_init(&rows[i], benches[i], subjects[i], names.n, 1, rounds);
		rows[i].unit = "bytes";
	}
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < FILLINGS; i++)
			fill_in_child((int)i, &results[i]);
		inode = (results[POSITIVE].rss - results[NEGATIVE].rss) / (double)files;
		bench_row_add(&rows[DCACHE_ROW],
			      (results[NEGATIVE].rss - inode * (double)names.directories) / n,
			      false);
		bench_row_add(&rows[POSITIVE_ROW], results[POSITIVE].rss / n, false);
		bench_row_add(&rows[LFHT_ROW], results[LFHT].rss / n, false);
	}
	printf("%zu names of %.1f bytes, %zu of directories; %zu rounds; bytes an entry\n", names.n,
	       (double)bytes / n, names.directories, rounds);
	bench_row_heading("");
	for (i = 0; i < NR_ROWS; i++)
		medians[i] = bench_row_report(&rows[i]);
	printf("dcache / lfht %.2f; an inode %.1f; the instance counts %.1f of %.1f, and %.1f of "
	       "%.1f "
	       "with inodes\n",
	       medians[DCACHE_ROW] / medians[LFHT_ROW], inode, results[NEGATIVE].counted / n,
	       results[NEGATIVE].rss / n, results[POSITIVE].counted / n, results[POSITIVE].rss / n);
	return 0;
}
