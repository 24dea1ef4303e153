/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a batch saves: batch [-n ENTRIES] [-r ROUNDS] [-b NAMES]
 *
 * ENTRIES names of /usr in their directories, all cached; each is looked up once a round, in random
 * order made before the clock starts, NAMES at a time: one call for them all (dcache), or a call for each
 * (single). Both go through the same keys in the same order, have one read section for so many names, and
 * check every answer; filling the requests, and setting them back to no hash, is part of the batch's time.
 * 1 000 000 entries, 9 rounds, 64 names. One thread. Rows (ns a name, rounds.h):
 *
 *	batch-hit		without a reference, hash computed
 *	batch-hit-known		hash known
 *	batch-reference		with a reference, which is given back
 *	batch-miss		names that are not there, without a reference
 *	batch-walk		their whole paths, without a reference: ns a path
 *	batch-list		each directory, in random order, listed again: its names are there already
 */
#define _GNU_SOURCE
#include "names.h"
#include "rounds.h"

#define MAX_NAMES 4096

struct key {
	struct dentry *dir;
	struct inode *inode; /* NULL: there is no such name */
	const char *text;
	uint32_t len, hash;
	const char *path;
	uint32_t path_len;
};

enum row { HIT, HIT_KNOWN, REFERENCE, MISS, WALK, LIST, ROWS };

static const char *const row_names[ROWS] = {
	"batch-hit", "batch-hit-known", "batch-reference", "batch-miss", "batch-walk", "batch-list",
};

static struct d_lookup_request requests[MAX_NAMES];
static struct dcache_walk_request walks[MAX_NAMES];
static struct dir_listing_entry listed[MAX_NAMES];
static struct dentry *root;
static struct key *keys;    /* in the order of the names */
static struct key *ordered; /* of the round */
static char *ordered_text, *ordered_paths;
/* Keys by directory, and where each directory's begin; the last one's end is there, too. */
static uint32_t *by_directory, *directory_first;
static size_t nr_keys, nr_listed, batch = 64;

static struct qstr name_of_key(const struct key *key, enum row row)
{
	return (struct qstr){ key->text, key->len, row == HIT_KNOWN ? key->hash : 0 };
}

static void check_seen(const struct key *key, const struct dentry *dentry, uint32_t seq)
{
	if (!key->inode)
		BENCH_CHECK(!dentry);
	else
		BENCH_CHECK(dentry && !IS_ERR(dentry) && d_inode(dentry) == key->inode &&
			    !d_seq_retry(dentry, seq));
}

static void check_and_put(const struct key *key, struct dentry *dentry)
{
	BENCH_CHECK(dentry && !IS_ERR(dentry) && d_inode(dentry) == key->inode);
	dput(dentry);
}

/* @n names of the directory that is being listed. */
static void list_some(struct dir_listing *listing, bool together, const struct key *key, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct qstr name = name_of_key(&key[i], LIST);

		/* The listing's own. */
		ihold(key[i].inode);
		if (together)
			listed[i] = (struct dir_listing_entry){ name, key[i].inode, 0 };
		else
			BENCH_CHECK(!dir_listing_add(listing, &name, key[i].inode));
	}
	if (together)
		BENCH_CHECK(!dir_listing_add_batch(listing, listed, n));
}

/* All keys of the directory of @key. Return: how many they are. Nothing was lost, so it is complete then. */
static size_t list_directory(bool together, const struct key *key, size_t left)
{
	struct dir_listing listing;
	size_t at, n = 1;

	while (n < left && key[n].dir == key->dir)
		n++;
	inode_lock_shared(d_inode(key->dir));
	BENCH_CHECK(!dir_listing_begin(&listing, key->dir));
	for (at = 0; at < n; at += batch)
		list_some(&listing, together, key + at, n - at < batch ? n - at : batch);
	BENCH_CHECK(dir_listing_end(&listing, true));
	inode_unlock_shared(d_inode(key->dir));
	return n;
}

static void look_up_singly(enum row row, const struct key *key, size_t n)
{
	size_t i;

	if (row == REFERENCE) {
		for (i = 0; i < n; i++) {
			struct qstr name = name_of_key(&key[i], row);

			check_and_put(&key[i], d_lookup(key[i].dir, &name));
		}
		return;
	}
	dcache_read_lock();
	for (i = 0; i < n; i++) {
		struct qstr name = name_of_key(&key[i], row);
		struct dentry *dentry;
		uint32_t seq = 0;

		dentry = row == WALK ? dcache_walk_rcu(root, NULL, key[i].path, key[i].path_len,
						       WALK_CACHED, &seq)
				     : d_lookup_rcu(key[i].dir, &name, &seq);
		check_seen(&key[i], dentry, seq);
	}
	dcache_read_unlock();
}

static void walk_together(const struct key *key, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		walks[i].path = key[i].path;
		walks[i].len = key[i].path_len;
	}
	dcache_read_lock();
	BENCH_CHECK(dcache_walk_batch_rcu(root, NULL, walks, n, WALK_CACHED) == n);
	for (i = 0; i < n; i++)
		check_seen(&key[i], walks[i].dentry, walks[i].seq);
	dcache_read_unlock();
}

static void look_up_together(enum row row, const struct key *key, size_t n)
{
	size_t i;

	if (row == WALK) {
		walk_together(key, n);
		return;
	}
	for (i = 0; i < n; i++) {
		requests[i].parent = key[i].dir;
		requests[i].name = name_of_key(&key[i], row);
	}
	if (row == REFERENCE) {
		BENCH_CHECK(d_lookup_batch(requests, n) == n);
		for (i = 0; i < n; i++)
			check_and_put(&key[i], requests[i].dentry);
		return;
	}
	dcache_read_lock();
	BENCH_CHECK(d_lookup_batch_rcu(requests, n) == (row == MISS ? 0 : n));
	for (i = 0; i < n; i++)
		check_seen(&key[i], requests[i].dentry, requests[i].seq);
	dcache_read_unlock();
}

struct work {
	enum row row;
	bool together;
};

static void work(unsigned int thread, void *arg)
{
	const struct work *what = arg;
	size_t i, n;

	(void)thread;
	for (i = 0; i < nr_keys; i += n) {
		if (what->row == LIST) {
			n = list_directory(what->together, ordered + i, nr_keys - i);
			continue;
		}
		n = nr_keys - i < batch ? nr_keys - i : batch;
		if (what->together)
			look_up_together(what->row, ordered + i, n);
		else
			look_up_singly(what->row, ordered + i, n);
	}
}

static int compare_directories(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	uint32_t p = names.at[*x].parent, q = names.at[*y].parent;

	return p != q ? (p > q) - (p < q) : (*x > *y) - (*x < *y);
}

static void sort_by_directory(void)
{
	size_t i;

	by_directory = malloc(nr_keys * sizeof(*by_directory));
	directory_first = malloc((nr_keys + 1) * sizeof(*directory_first));
	BENCH_CHECK(by_directory && directory_first);
	for (i = 0; i < nr_keys; i++)
		by_directory[i] = (uint32_t)i;
	qsort(by_directory, nr_keys, sizeof(*by_directory), compare_directories);
	for (i = 0; i < nr_keys; i++) {
		if (!i || keys[by_directory[i]].dir != keys[by_directory[i - 1]].dir)
			directory_first[nr_listed++] = (uint32_t)i;
	}
	directory_first[nr_listed] = (uint32_t)nr_keys;
}

/* Whole directories in random order, their names as they were made. */
static void order_directories(uint32_t *order, uint64_t *seed)
{
	uint32_t *directories = malloc(nr_listed * sizeof(*directories));
	size_t n = 0, i;

	BENCH_CHECK(directories);
	bench_order(directories, nr_listed, seed);
	for (i = 0; i < nr_listed; i++) {
		uint32_t at = directory_first[directories[i]];

		while (at < directory_first[directories[i] + 1])
			order[n++] = by_directory[at++];
	}
	BENCH_CHECK(n == nr_keys);
	free(directories);
}

/* The keys in random order, their texts and paths too: going through them is sequential, so only what the cache
 * itself touches is not. */
static void order_keys(enum row row, uint32_t *order, uint64_t *seed)
{
	char *text = ordered_text, *path = ordered_paths;
	size_t i;

	if (row == LIST)
		order_directories(order, seed);
	else
		bench_order(order, nr_keys, seed);
	for (i = 0; i < nr_keys; i++) {
		struct key key = keys[order[i]];

		memcpy(text, key.text, key.len);
		key.text = text;
		text += key.len;
		if (row == MISS) {
			/* No name of a file ends so. */
			text[-1] = '\n';
			key.inode = NULL;
		}
		memcpy(path, key.path, key.path_len);
		key.path = path;
		path += key.path_len;
		ordered[i] = key;
	}
}

/* From its directory's, which was made before. */
static void make_path(size_t i)
{
	const struct bench_name *name = &names.at[i];
	size_t above = name->parent == NAME_OF_ROOT ? 0 : keys[name->parent].path_len + 1u;
	char *path = malloc(above + name->len);

	BENCH_CHECK(path);
	if (above) {
		memcpy(path, keys[name->parent].path, above - 1);
		path[above - 1] = '/';
	}
	memcpy(path + above, name->text, name->len);
	keys[i].path = path;
	keys[i].path_len = (uint32_t)(above + name->len);
}

static void fill(void)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dentry **all = calloc(names.n, sizeof(*all));
	size_t bytes = 0, path_bytes = 0, i;
	struct dcache *dc;

	keys = calloc(names.n, sizeof(*keys));
	ordered = calloc(names.n, sizeof(*ordered));
	BENCH_CHECK(all && keys && ordered);
	opts.hash_buckets = names.n / 5;
	BENCH_CHECK(!dcache_create(&opts, &dc));
	root = d_make_root(new_inode(dc, 0, INODE_DIRECTORY, NULL, NULL));
	BENCH_CHECK(!IS_ERR(root));
	for (i = 0; i < names.n; i++) {
		const struct bench_name *name = &names.at[i];
		struct dentry *dir = name->parent == NAME_OF_ROOT ? root : all[name->parent];
		struct qstr q = qstr_init(name->text, name->len);
		struct inode *inode = new_inode(
			dc, i + 1, name->directory ? INODE_DIRECTORY : INODE_REGULAR, NULL, NULL);

		BENCH_CHECK(!d_hash_name(root, &q));
		all[i] = d_alloc(dir, &q);
		BENCH_CHECK(!IS_ERR(all[i]) && !d_add(all[i], inode));
		/* A file is unused from now on, as most are; a directory is a key's parent. */
		if (!name->directory)
			dput(all[i]);
		keys[i] = (struct key){ dir, inode, name->text, q.len, q.hash, NULL, 0 };
		bytes += q.len;
		make_path(i);
		path_bytes += keys[i].path_len;
	}
	nr_keys = names.n;
	ordered_text = malloc(bytes);
	ordered_paths = malloc(path_bytes);
	BENCH_CHECK(ordered_text && ordered_paths);
	sort_by_directory();
	free(all);
}

int main(int argc, char **argv)
{
	size_t entries = 1000000, rounds = 9, round;
	uint64_t seed = 88172645463325252u;
	struct bench_row rows[ROWS][2];
	uint32_t *order;
	int option, row, together;

	while ((option = getopt(argc, argv, "n:r:b:")) != -1) {
		switch (option) {
		case 'n':
			entries = bench_number(optarg, 100, 100000000);
			break;
		case 'r':
			rounds = bench_number(optarg, 1, BENCH_MAX_ROUNDS);
			break;
		case 'b':
			batch = bench_number(optarg, 1, MAX_NAMES);
			break;
		default:
			return 2;
		}
	}
	names_make(NULL, "/usr", entries);
	fill();
	order = malloc(nr_keys * sizeof(*order));
	BENCH_CHECK(order);
	for (row = 0; row < ROWS; row++) {
		for (together = 0; together < 2; together++)
			bench_row_init(&rows[row][together], row_names[row],
				       together ? "dcache" : "single", nr_keys, 1, rounds);
	}
	for (round = 0; round < rounds; round++) {
		for (row = 0; row < ROWS; row++) {
			order_keys((enum row)row, order, &seed);
			for (together = 0; together < 2; together++) {
				/* Each first in every other round. */
				struct work what = { (enum row)row, (together + round) % 2 };
				bool disturbed;
				double ns;

				do {
					disturbed = false;
					ns = bench_run(1, work, &what, &disturbed);
				} while (!bench_row_add(&rows[row][what.together],
							bench_per_operation(ns, 1, nr_keys),
							disturbed));
			}
		}
	}
	printf("%zu names of /usr, %zu of directories; %zu rounds; %zu at a time; ns a name\n",
	       nr_keys, names.directories, rounds, batch);
	bench_row_heading("");
	for (row = 0; row < ROWS; row++) {
		double single = bench_row_report(&rows[row][0]);
		double batched = bench_row_report(&rows[row][1]);

		printf("%-30s dcache / single %.2f\n", row_names[row], batched / single);
	}
	return 0;
}
