/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a hit costs: hit [ENTRIES] [ROUNDS]
 *
 * ENTRIES entries in directories of 32, names of 13 bytes (the median of real trees), looked up in
 * random order; every answer is checked. Each row is the median over rounds, with the lowest and
 * the highest. Beside them, the latency of a dependent load over the same number of cache lines of
 * an entry, in the same run: the unit in which such costs are counted. In the results (report.h) rows begin
 * with "short-names-", so as not to be taken for the suite's.
 */
#include "bench.h"
#include "report.h"

#define DIR_SIZE 32

struct key {
	struct dentry *dir;
	struct inode *inode;
	uint32_t hash;
	char name[20];
};

static struct key *keys;
static size_t entries;

/* Put the keys into a random order; going through them is then sequential, and only what the cache
 * itself touches is not. */
static void shuffle_keys(uint64_t *seed)
{
	size_t i;

	for (i = entries - 1; i; i--) {
		size_t j = bench_random(seed) % (i + 1);
		struct key swap = keys[i];

		keys[i] = keys[j];
		keys[j] = swap;
	}
}

static void shuffle(uint32_t *values, size_t n, uint64_t *seed)
{
	size_t i;

	for (i = 0; i < n; i++)
		values[i] = (uint32_t)i;
	for (i = n - 1; i; i--) {
		size_t j = bench_random(seed) % (i + 1);
		uint32_t swap = values[i];

		values[i] = values[j];
		values[j] = swap;
	}
}

static void fill(struct dcache *dc, struct dentry *root)
{
	struct dentry *dir = NULL;
	size_t i;

	for (i = 0; i < entries; i++) {
		struct dentry *dentry;
		char name[32];
		int len;

		if (i % DIR_SIZE == 0) {
			len = snprintf(name, sizeof(name), "directory%zu", i);
			dir = d_alloc(root, &(struct qstr){ name, (uint32_t)len, 0 });
			BENCH_CHECK(!IS_ERR(dir));
			BENCH_CHECK(!d_add(dir, new_inode(dc, i, INODE_DIRECTORY, NULL, NULL)));
		}
		snprintf(keys[i].name, sizeof(keys[i].name), "f%08x.txt",
			 (unsigned int)(i * 2654435761u));
		keys[i].dir = dir;
		keys[i].inode = new_inode(dc, i, INODE_REGULAR, NULL, NULL);
		dentry = d_alloc(dir, &(struct qstr){ keys[i].name, 13, 0 });
		BENCH_CHECK(!IS_ERR(dentry));
		BENCH_CHECK(!d_add(dentry, keys[i].inode));
		dput(dentry);
	}
}

enum row { RCU_KNOWN, RCU_COMPUTED, RCU_DEPENDENT, REFERENCE, MISS, ROWS };

static const char *const row_names[ROWS] = {
	"hit, no reference, hash known",
	"hit, no reference, hash computed",
	"hit, no reference, each key from the last answer",
	"hit with a reference taken and given back",
	"miss",
};

static const char *const bench_names[ROWS] = {
	"short-names-hit-known", "short-names-hit",  "short-names-dependent",
	"short-names-reference", "short-names-miss",
};

static double run(enum row row)
{
	double began = bench_now_ns();
	uint32_t carry = 0;
	size_t i;

	for (i = 0; i < entries; i++) {
		const struct key *key = &keys[i ^ (row == RCU_DEPENDENT ? carry : 0)];
		struct qstr name = { key->name, 13, row == RCU_KNOWN ? key->hash : 0 };
		struct dentry *dentry;
		uint32_t seq;

		switch (row) {
		case REFERENCE:
			dentry = d_lookup(key->dir, &name);
			BENCH_CHECK(dentry && d_inode(dentry) == key->inode);
			dput(dentry);
			continue;
		case MISS:
			name.len = 12;
			dcache_read_lock();
			BENCH_CHECK(!d_lookup_rcu(key->dir, &name, &seq));
			dcache_read_unlock();
			continue;
		default:
			dcache_read_lock();
			dentry = d_lookup_rcu(key->dir, &name, &seq);
			BENCH_CHECK(dentry && d_inode(dentry) == key->inode &&
				    !d_seq_retry(dentry, seq));
			dcache_read_unlock();
			/* 0, but only the answer says so. */
			carry = (uint32_t)((uintptr_t)dentry & 1);
		}
	}
	return (bench_now_ns() - began) / (double)entries;
}

static double load_latency(uint64_t *seed)
{
	size_t lines = entries, i;
	uint32_t *next = malloc(lines * 64), *order = malloc(lines * sizeof(*order));
	double began;
	uint32_t at = 0;

	BENCH_CHECK(next && order);
	shuffle(order, lines, seed);
	for (i = 0; i < lines; i++)
		next[(size_t)order[i] * 16] = order[(i + 1) % lines];
	began = bench_now_ns();
	for (i = 0; i < lines; i++)
		at = next[(size_t)at * 16];
	began = (bench_now_ns() - began) / (double)lines;
	BENCH_CHECK(at < lines);
	free(next);
	free(order);
	return began;
}

int main(int argc, char **argv)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 7;
	double *ns, latency;
	uint64_t seed = 88172645463325252u;
	struct dcache_stats stats;
	struct dentry *root;
	struct dcache *dc;
	size_t i, round;
	int row;

	entries = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
	BENCH_CHECK(entries >= 2 && entries < UINT32_MAX && rounds);
	keys = calloc(entries, sizeof(*keys));
	ns = calloc(rounds * ROWS, sizeof(*ns));
	BENCH_CHECK(keys && ns);
	opts.hash_buckets = entries / 5;
	BENCH_CHECK(!dcache_create(&opts, &dc));
	root = d_make_root(new_inode(dc, 0, INODE_DIRECTORY, NULL, NULL));
	BENCH_CHECK(!IS_ERR(root));
	fill(dc, root);
	for (i = 0; i < entries; i++) {
		struct qstr name = { keys[i].name, 13, 0 };

		BENCH_CHECK(!d_hash_name(root, &name));
		keys[i].hash = name.hash;
	}
	for (round = 0; round < rounds; round++) {
		for (row = 0; row < ROWS; row++) {
			shuffle_keys(&seed);
			ns[(size_t)row * rounds + round] = run((enum row)row);
		}
	}
	latency = load_latency(&seed);
	dcache_get_stats(dc, &stats);
	printf("%zu entries, %zu rounds; dependent load over %zu lines: %.1f ns; "
	       "%.0f bytes an entry, inode and table included\n",
	       entries, rounds, entries, latency, (double)stats.bytes / (double)stats.entries);
	printf("%-50s %8s %8s %8s %8s\n", "ns per lookup", "median", "lowest", "highest", "loads");
	for (row = 0; row < ROWS; row++) {
		double *at = ns + (size_t)row * rounds;
		double median = bench_median(at, rounds);

		printf("%-50s %8.1f %8.1f %8.1f %8.2f\n", row_names[row], median, at[0],
		       at[rounds - 1], median / latency);
		bench_report(&(struct bench_result){ bench_names[row], "dcache", "ns", entries, 1,
						     (unsigned int)rounds, median, at[0],
						     at[rounds - 1] });
		bench_report(&(struct bench_result){ bench_names[row], "load", "ns", entries, 1, 1,
						     latency, latency, latency });
	}
	return 0;
}
