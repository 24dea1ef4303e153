/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What changing a cache costs, an entry: insert [options]
 *
 *	-n ENTRIES	1 000 000
 *	-l FILE		paths, one a line, that names are taken from: what is below /usr
 *	-r ROUNDS	5
 *	-R ROW,...	only rows whose name begins so, as "insert,shrink"
 *
 * Real names; directories are there before, every other name is used once, in random order, made before
 * the clock starts and looked up after it has stopped. Nanoseconds an operation as in rounds.h.
 *
 *	insert-parallel		d_alloc_parallel(), d_add() of an inode, dput(), beside d_alloc() instead
 *	insert-all		d_alloc(), d_add() of no inode, dput()
 *	remove-all		d_lookup(), d_drop(), dput()
 *	insert-remove		both, one after the other, of half the names; the others are there
 *	rename-within		a name of the same directory: d_lookup(), d_alloc() of the new name, d_move(),
 *				dput() of both; rename-across: of the next directory
 *	shrink			shrink_dcache() of all that is unused; shrink-limit: by a limit
 *	teardown		dcache_destroy() with everything in it
 *
 * Beside it lfht: one liburcu table with an allocated node an entry (lfht_table.h); what is renamed is
 * inserted and removed there, in two steps that others can see. Both tables have their size from the start.
 * What is freed in the background is waited for in the clock, for both: nobody puts it off past the end. Each
 * pass has a new cache, in memory that the pass before gave back: the very first one does not count.
 * Rounds in which a thread did not have its processor are dropped only of the inserts: in the other rows the
 * threads that free take them, too.
 */
#define _GNU_SOURCE
#include "lfht_table.h"
#include "names.h"
#include "rounds.h"

struct key {
	const char *text;
	uint32_t len;
	uint32_t dir; /* index into dirs */
};

static struct key *keys;
static size_t nr_keys;
/* Index of each directory's name, and of those the first is the root. */
static uint32_t *dir_of_name, *dir_names;
static size_t nr_dirs;
static uint64_t seed = 88172645463325252u;
static size_t rounds = 5;
static const char *wanted;

static struct dcache *dc;
static struct dentry **dirs;
static struct inode **inodes;
static struct cds_lfht *table;

static unsigned int threads;
/* Of the keys, those that a pass is about. */
static size_t first_key, last_key;

/* ---- keys ---- */

static void make_keys(void)
{
	uint32_t *order = malloc(names.n * sizeof(*order));
	size_t bytes = 0, i;
	char *text;

	nr_dirs = 1 + names.directories;
	dir_of_name = calloc(names.n, sizeof(*dir_of_name));
	dir_names = calloc(nr_dirs, sizeof(*dir_names));
	keys = calloc(names.n - names.directories, sizeof(*keys));
	BENCH_CHECK(order && dir_of_name && dir_names && keys);
	for (i = 0, nr_dirs = 1; i < names.n; i++) {
		bytes += names.at[i].len;
		if (!names.at[i].directory)
			continue;
		dir_names[nr_dirs] = (uint32_t)i;
		dir_of_name[i] = (uint32_t)nr_dirs++;
	}
	text = malloc(bytes);
	BENCH_CHECK(text);
	bench_order(order, names.n, &seed);
	for (i = 0; i < names.n; i++) {
		const struct bench_name *name = &names.at[order[i]];

		/* Room for the mark of a renamed one. */
		if (name->directory || name->len == DCACHE_NAME_MAX)
			continue;
		memcpy(text, name->text, name->len);
		keys[nr_keys++] = (struct key){ text, name->len,
						name->parent == NAME_OF_ROOT
							? 0
							: dir_of_name[name->parent] };
		text += name->len;
	}
	free(order);
}

static struct qstr qstr_of(const struct key *key)
{
	return qstr_init(key->text, key->len);
}

static struct lfht_key lfht_key_of(const struct key *key)
{
	return (struct lfht_key){ key->dir, key->text, key->len };
}

/* The name with a mark before it. */
static uint32_t marked(const struct key *key, char mark, char *text)
{
	text[0] = mark;
	memcpy(text + 1, key->text, key->len);
	return key->len + 1;
}

static uint32_t next_dir(const struct key *key)
{
	return key->dir + 1 < nr_dirs ? key->dir + 1 : 0;
}

/* ---- the cache ---- */

static void cache_make(void)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	size_t i;

	opts.hash_buckets = names.n / 5;
	BENCH_CHECK(!dcache_create(&opts, &dc));
	dirs[0] = d_make_root(new_inode(dc, 0, INODE_DIRECTORY, NULL, NULL));
	BENCH_CHECK(!IS_ERR(dirs[0]));
	for (i = 1; i < nr_dirs; i++) {
		const struct bench_name *name = &names.at[dir_names[i]];
		struct qstr qstr = qstr_init(name->text, name->len);

		dirs[i] = d_alloc(name->parent == NAME_OF_ROOT ? dirs[0]
							       : dirs[dir_of_name[name->parent]],
				  &qstr);
		BENCH_CHECK(!IS_ERR(dirs[i]));
		BENCH_CHECK(!d_add(dirs[i], new_inode(dc, i, INODE_DIRECTORY, NULL, NULL)));
	}
}

static void cache_make_inodes(void)
{
	size_t i;

	for (i = 0; i < nr_keys; i++) {
		inodes[i] = new_inode(dc, nr_dirs + i, INODE_REGULAR, NULL, NULL);
		BENCH_CHECK(!IS_ERR(inodes[i]));
	}
}

static void cache_put_dirs(void)
{
	size_t i;

	for (i = 0; i < nr_dirs; i++)
		dput(dirs[i]);
}

static void cache_end(void)
{
	cache_put_dirs();
	BENCH_CHECK(!dcache_destroy(dc));
}

static uint64_t cache_entries(void)
{
	struct dcache_stats stats;

	dcache_get_stats(dc, &stats);
	return stats.entries;
}

/* Keys are there as they should be: with that inode, or negative. */
static void cache_verify(bool positive, char mark, bool across)
{
	char text[DCACHE_NAME_MAX + 1];
	size_t i;

	for (i = first_key; i < last_key; i++) {
		struct qstr name = qstr_of(&keys[i]);
		const struct dentry *dir = dirs[across ? next_dir(&keys[i]) : keys[i].dir], *dentry;
		uint32_t seq;

		if (mark)
			name = qstr_init(text, marked(&keys[i], mark, text));
		dcache_read_lock();
		dentry = d_lookup_rcu(dir, &name, &seq);
		BENCH_CHECK(dentry && d_inode(dentry) == (positive ? inodes[i] : NULL));
		dcache_read_unlock();
	}
	BENCH_CHECK(cache_entries() == nr_dirs + last_key - first_key);
}

static void share(unsigned int thread, size_t *from, size_t *to)
{
	bench_share(last_key - first_key, thread, threads, from, to);
	*from += first_key;
	*to += first_key;
}

static void cache_insert(unsigned int thread, void *arg)
{
	bool positive = *(const bool *)arg;
	size_t i, to;

	for (share(thread, &i, &to); i < to; i++) {
		struct qstr name = qstr_of(&keys[i]);
		struct dentry *dentry = d_alloc(dirs[keys[i].dir], &name);

		BENCH_CHECK(!IS_ERR(dentry) && !d_add(dentry, positive ? inodes[i] : NULL));
		dput(dentry);
	}
}

static void cache_insert_parallel(unsigned int thread, void *arg)
{
	bool positive = *(const bool *)arg;
	size_t i, to;

	for (share(thread, &i, &to); i < to; i++) {
		DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
		struct qstr name = qstr_of(&keys[i]);
		struct dentry *dentry = d_alloc_parallel(dirs[keys[i].dir], &name, &wq);

		BENCH_CHECK(!IS_ERR(dentry) && d_in_lookup(dentry));
		BENCH_CHECK(!d_add(dentry, positive ? inodes[i] : NULL));
		dput(dentry);
	}
}

static inline void cache_remove_one(const struct key *key)
{
	struct qstr name = qstr_of(key);
	struct dentry *dentry = d_lookup(dirs[key->dir], &name);

	BENCH_CHECK(dentry && d_is_negative(dentry));
	d_drop(dentry);
	dput(dentry);
}

static void cache_remove(unsigned int thread, void *arg)
{
	size_t i, to;

	(void)arg;
	for (share(thread, &i, &to); i < to; i++)
		cache_remove_one(&keys[i]);
}

static void cache_insert_remove(unsigned int thread, void *arg)
{
	size_t i, to;

	(void)arg;
	for (share(thread, &i, &to); i < to; i++) {
		struct qstr name = qstr_of(&keys[i]);
		struct dentry *dentry = d_alloc(dirs[keys[i].dir], &name);

		BENCH_CHECK(!IS_ERR(dentry) && !d_add(dentry, NULL));
		dput(dentry);
		cache_remove_one(&keys[i]);
	}
}

/* Under its own name, or the one that rename-within has given it. */
struct rename {
	char from, to;
	bool across;
};

static const struct rename within = { 0, '<', false }, across = { '<', '>', true };

static void cache_rename(unsigned int thread, void *arg)
{
	const struct rename *rename = arg;
	char text[DCACHE_NAME_MAX + 1];
	size_t i, to;

	for (share(thread, &i, &to); i < to; i++) {
		struct qstr name = qstr_of(&keys[i]);
		struct dentry *dentry, *target;

		if (rename->from)
			name = qstr_init(text, marked(&keys[i], rename->from, text));
		dentry = d_lookup(dirs[keys[i].dir], &name);
		BENCH_CHECK(dentry);
		name = qstr_init(text, marked(&keys[i], rename->to, text));
		target = d_alloc(dirs[rename->across ? next_dir(&keys[i]) : keys[i].dir], &name);
		BENCH_CHECK(!IS_ERR(target) && !d_move(dentry, target));
		dput(target);
		dput(dentry);
	}
}

/* ---- the peer ---- */

static void table_verify(char mark, bool across_)
{
	char text[DCACHE_NAME_MAX + 1];
	size_t i;

	for (i = first_key; i < last_key; i++) {
		struct lfht_key key = lfht_key_of(&keys[i]);
		const struct lfht_entry *entry;

		if (mark) {
			key.len = marked(&keys[i], mark, text);
			key.name = text;
		}
		if (across_)
			key.dir = next_dir(&keys[i]);
		urcu_bp_read_lock();
		entry = lfht_find(table, &key);
		BENCH_CHECK(entry && entry->value == i);
		urcu_bp_read_unlock();
	}
}

static void table_insert_keys(unsigned int thread, void *arg)
{
	size_t i, to;

	(void)arg;
	for (share(thread, &i, &to); i < to; i++) {
		struct lfht_key key = lfht_key_of(&keys[i]);

		BENCH_CHECK(lfht_insert(table, &key, i));
	}
}

static void table_remove(unsigned int thread, void *arg)
{
	size_t i, to;

	(void)arg;
	for (share(thread, &i, &to); i < to; i++) {
		struct lfht_key key = lfht_key_of(&keys[i]);

		BENCH_CHECK(lfht_remove(table, &key));
	}
}

static void table_insert_remove(unsigned int thread, void *arg)
{
	size_t i, to;

	(void)arg;
	for (share(thread, &i, &to); i < to; i++) {
		struct lfht_key key = lfht_key_of(&keys[i]);

		BENCH_CHECK(lfht_insert(table, &key, i) && lfht_remove(table, &key));
	}
}

static void table_rename_keys(unsigned int thread, void *arg)
{
	const struct rename *rename = arg;
	char from[DCACHE_NAME_MAX + 1], text[DCACHE_NAME_MAX + 1];
	size_t i, to;

	for (share(thread, &i, &to); i < to; i++) {
		struct lfht_key old = lfht_key_of(&keys[i]), key = old;
		const struct lfht_entry *entry;
		uint64_t value = 0;

		if (rename->from) {
			old.len = marked(&keys[i], rename->from, from);
			old.name = from;
		}
		key.len = marked(&keys[i], rename->to, text);
		key.name = text;
		if (rename->across)
			key.dir = next_dir(&keys[i]);
		urcu_bp_read_lock();
		entry = lfht_find(table, &old);
		BENCH_CHECK(entry);
		value = entry->value;
		urcu_bp_read_unlock();
		BENCH_CHECK(lfht_insert(table, &key, value) && lfht_remove(table, &old));
	}
}

/* ---- rows ---- */

enum { DCACHE, SINGLE, LFHT, SUBJECTS };
static const char *const subject_names[SUBJECTS] = { "dcache", "d_alloc", "lfht" };

enum {
	INSERT_PARALLEL,
	INSERT_ALL,
	REMOVE_ALL,
	INSERT_REMOVE,
	RENAME_WITHIN,
	RENAME_ACROSS,
	SHRINK,
	SHRINK_LIMIT,
	TEARDOWN,
	NR_ROWS
};
static const char *const row_names[NR_ROWS] = {
	"insert-parallel", "insert-all", "remove-all",	 "insert-remove", "rename-within",
	"rename-across",   "shrink",	 "shrink-limit", "teardown",
};

static const unsigned int thread_numbers[] = { 1, 2, 8, 32 };
#define THREAD_NUMBERS (sizeof(thread_numbers) / sizeof(thread_numbers[0]))

static struct bench_row rows[NR_ROWS][SUBJECTS][THREAD_NUMBERS];
static bool warming = true;

/* Return: false: it was no good, and the pass is to be done again. */
static bool add_value(int row, int subject, double ns, size_t operations, bool disturbed)
{
	size_t t = 0;

	while (thread_numbers[t] != threads)
		t++;
	if (warming)
		return true;
	if (!rows[row][subject][t].values)
		bench_row_init(&rows[row][subject][t], row_names[row], subject_names[subject],
			       names.n, threads, rounds);
	return bench_row_add(&rows[row][subject][t], bench_per_operation(ns, threads, operations),
			     disturbed);
}

/* One more step of the clock: all that waits for a grace period is freed. */
static double all_freed(int subject)
{
	double began = bench_now_ns();

	if (subject == LFHT)
		urcu_bp_barrier();
	else
		dcache_barrier(dc);
	return bench_now_ns() - began;
}

static void all_keys(void)
{
	first_key = 0;
	last_key = nr_keys;
}

static bool pass_insert_parallel(int subject)
{
	bool positive = true, disturbed = false;
	double ns;

	all_keys();
	cache_make();
	cache_make_inodes();
	ns = bench_run(threads, subject == DCACHE ? cache_insert_parallel : cache_insert, &positive,
		       &disturbed);
	cache_verify(true, 0, false);
	cache_end();
	return add_value(INSERT_PARALLEL, subject, ns, nr_keys, disturbed);
}

/* @disturbed: as bench_run()'s. */
static double fill(int subject, bool *disturbed)
{
	bool positive = false;
	double ns;

	if (subject == LFHT) {
		table = lfht_make(names.n);
		ns = bench_run(threads, table_insert_keys, NULL, disturbed);
		table_verify(0, false);
	} else {
		cache_make();
		ns = bench_run(threads, cache_insert, &positive, disturbed);
		cache_verify(false, 0, false);
	}
	return ns;
}

static void end_filled(int subject, size_t left)
{
	if (subject == LFHT) {
		BENCH_CHECK(lfht_end(table) == left);
		return;
	}
	BENCH_CHECK(cache_entries() == nr_dirs + left);
	cache_end();
}

static bool pass_insert_all(int subject)
{
	bool disturbed = false;
	double ns;

	all_keys();
	ns = fill(subject, &disturbed);
	if (!add_value(INSERT_ALL, subject, ns, nr_keys, disturbed)) {
		end_filled(subject, nr_keys);
		return false;
	}
	ns = bench_run(threads, subject == LFHT ? table_remove : cache_remove, NULL, NULL);
	ns += all_freed(subject);
	end_filled(subject, 0);
	return add_value(REMOVE_ALL, subject, ns, nr_keys, false);
}

static bool pass_insert_remove(int subject)
{
	double ns;

	first_key = 0;
	last_key = nr_keys / 2;
	fill(subject, NULL);
	first_key = last_key;
	last_key = nr_keys;
	ns = bench_run(threads, subject == LFHT ? table_insert_remove : cache_insert_remove, NULL,
		       NULL);
	ns += all_freed(subject);
	end_filled(subject, nr_keys / 2);
	return add_value(INSERT_REMOVE, subject, ns, last_key - first_key, false);
}

static void rename_all(int subject, int row, const struct rename *rename)
{
	struct rename how = *rename;
	double ns;

	ns = bench_run(threads, subject == LFHT ? table_rename_keys : cache_rename, &how, NULL);
	add_value(row, subject, ns + all_freed(subject), nr_keys, false);
	if (subject == LFHT)
		table_verify(rename->to, rename->across);
	else
		cache_verify(false, rename->to, rename->across);
}

static bool pass_rename(int subject)
{
	all_keys();
	fill(subject, NULL);
	rename_all(subject, RENAME_WITHIN, &within);
	rename_all(subject, RENAME_ACROSS, &across);
	end_filled(subject, nr_keys);
	return true;
}

static bool pass_shrink(int subject)
{
	size_t freed;
	double began;

	all_keys();
	fill(subject, NULL);
	began = bench_now_ns();
	/* Those that were used are spared once. */
	for (freed = 0; freed < nr_keys;) {
		size_t more = shrink_dcache(dc, nr_keys);

		BENCH_CHECK(more);
		freed += more;
	}
	began = bench_now_ns() - began;
	began += all_freed(subject);
	end_filled(subject, 0);
	return add_value(SHRINK, subject, began, freed, false);
}

/* The directories are in use, and count. The limit keeps some to spare (counters.h), so it may free more. */
static bool pass_shrink_limit(int subject)
{
	struct dcache_limits limits = { .max_entries = nr_dirs + nr_keys / 2 };
	uint64_t left;
	double ns;

	all_keys();
	fill(subject, NULL);
	ns = bench_now_ns();
	BENCH_CHECK(!dcache_set_limits(dc, &limits));
	ns = bench_now_ns() - ns + all_freed(subject);
	left = cache_entries();
	BENCH_CHECK(left <= limits.max_entries && left >= nr_dirs + nr_keys / 4);
	end_filled(subject, left - nr_dirs);
	return add_value(SHRINK_LIMIT, subject, ns, nr_dirs + nr_keys - left, false);
}

static bool pass_teardown(int subject)
{
	double began;

	all_keys();
	fill(subject, NULL);
	if (subject == LFHT) {
		began = bench_now_ns();
		BENCH_CHECK(lfht_end(table) == nr_keys);
	} else {
		cache_put_dirs();
		began = bench_now_ns();
		BENCH_CHECK(!dcache_destroy(dc));
	}
	return add_value(TEARDOWN, subject, bench_now_ns() - began, nr_keys, false);
}

static const struct pass {
	bool (*run)(int subject);
	int rows[2];
	int subjects[2];
	unsigned int threads[3];
} passes[] = {
	{ pass_insert_parallel, { INSERT_PARALLEL, -1 }, { DCACHE, SINGLE }, { 1, 2, 32 } },
	{ pass_insert_all, { INSERT_ALL, REMOVE_ALL }, { DCACHE, LFHT }, { 1, 2, 32 } },
	{ pass_insert_remove, { INSERT_REMOVE, -1 }, { DCACHE, LFHT }, { 2, 8, 32 } },
	{ pass_rename, { RENAME_WITHIN, RENAME_ACROSS }, { DCACHE, LFHT }, { 1, 2, 32 } },
	{ pass_shrink, { SHRINK, -1 }, { DCACHE, -1 }, { 1, 0, 0 } },
	{ pass_shrink_limit, { SHRINK_LIMIT, -1 }, { DCACHE, -1 }, { 1, 0, 0 } },
	{ pass_teardown, { TEARDOWN, -1 }, { DCACHE, LFHT }, { 1, 0, 0 } },
};
#define PASSES (sizeof(passes) / sizeof(passes[0]))

static bool is_wanted(int row)
{
	const char *at = wanted;

	if (!wanted)
		return true;
	while (row >= 0 && *at) {
		size_t len = strcspn(at, ",");

		if (len && !strncmp(row_names[row], at, len))
			return true;
		at += len + (at[len] == ',');
	}
	return false;
}

/* Each pass, in an order of their own. */
static void one_round(void)
{
	uint32_t order[PASSES * 2 * 3];
	size_t i;

	bench_order(order, PASSES * 2 * 3, &seed);
	for (i = 0; i < PASSES * 2 * 3; i++) {
		const struct pass *pass = &passes[order[i] / 6];
		int subject = pass->subjects[order[i] % 2];

		threads = pass->threads[order[i] / 2 % 3];
		if (subject < 0 || !threads ||
		    !(is_wanted(pass->rows[0]) || is_wanted(pass->rows[1])))
			continue;
		while (!pass->run(subject))
			;
	}
}

static void report(void)
{
	double medians[SUBJECTS][THREAD_NUMBERS];
	size_t t;
	int row, subject;

	bench_row_heading("ns an operation");
	for (row = 0; row < NR_ROWS; row++) {
		if (!is_wanted(row))
			continue;
		for (t = 0; t < THREAD_NUMBERS; t++) {
			for (subject = 0; subject < SUBJECTS; subject++) {
				struct bench_row *r = &rows[row][subject][t];

				medians[subject][t] = r->values ? bench_row_report(r) : 0;
				if (subject != DCACHE && medians[subject][t] > 0)
					printf("%-30s dcache / %s %.2f\n", row_names[row],
					       subject_names[subject],
					       medians[DCACHE][t] / medians[subject][t]);
			}
		}
		for (subject = 0; subject < SUBJECTS; subject++) {
			if (medians[subject][1] > 0 && medians[subject][3] > 0)
				printf("%-30s %s: throughput of 32 threads / of 2 %.2f\n",
				       row_names[row], subject_names[subject],
				       medians[subject][1] / medians[subject][3]);
		}
	}
}

int main(int argc, char **argv)
{
	const char *list = NULL;
	size_t entries = 1000000, round;
	int option;

	while ((option = getopt(argc, argv, "l:n:r:R:")) != -1) {
		switch (option) {
		case 'l':
			list = optarg;
			break;
		case 'n':
			entries = bench_number(optarg, 100, 100000000);
			break;
		case 'r':
			rounds = bench_number(optarg, 1, BENCH_MAX_ROUNDS);
			break;
		case 'R':
			wanted = optarg;
			break;
		default:
			return 2;
		}
	}
	names_make(list, "/usr", entries);
	make_keys();
	dirs = calloc(nr_dirs, sizeof(struct dentry *));
	inodes = calloc(nr_keys, sizeof(struct inode *));
	BENCH_CHECK(dirs && inodes && nr_keys > 32 && nr_dirs > 1);
	printf("%zu names, %zu of directories; %zu rounds\n", names.n, nr_dirs - 1, rounds);
	threads = 1;
	pass_insert_parallel(DCACHE);
	pass_teardown(LFHT);
	warming = false;
	for (round = 0; round < rounds; round++)
		one_round();
	report();
	return 0;
}
