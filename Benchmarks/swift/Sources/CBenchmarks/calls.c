// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The C calls that the Swift module makes, in the loops that Swift has around its own: the keys are the same
 * memory, in the same order, and what is read of the answer is the same, so that what is left between the
 * two is the module.
 */
#include "benchmarks.h"
#include "../../../bench.h"

/* What Swift reads of the answer: the number of its inode, or the payload. */
static inline __attribute__((always_inline)) bool
is_right(const struct dentry *dentry, const struct benchmark_key *key, bool payload)
{
	return dentry && (payload ? inode_private(d_inode(dentry)) == key->payload
				  : inode_number(d_inode(dentry)) == key->number);
}

static inline __attribute__((always_inline)) void
reference(struct dentry *const *dirs, const struct benchmark_key *keys, size_t n, bool payload)
{
	const struct benchmark_key *key;

	for (key = keys; key < keys + n; key++) {
		struct qstr name = qstr_init(key->name, key->len);
		struct dentry *dentry = d_lookup(dirs[key->directory], &name);

		BENCH_CHECK(is_right(dentry, key, payload));
		dput(dentry);
	}
}

static inline __attribute__((always_inline)) void
section(struct dentry *const *dirs, const struct benchmark_key *keys, size_t n, bool payload)
{
	const struct benchmark_key *key;

	for (key = keys; key < keys + n; key++) {
		struct qstr name = qstr_init(key->name, key->len);
		struct dentry *dentry;
		uint32_t seq;

		dcache_read_lock();
		dentry = d_lookup_rcu(dirs[key->directory], &name, &seq);
		BENCH_CHECK(is_right(dentry, key, payload) && !d_seq_retry(dentry, seq));
		dcache_read_unlock();
	}
}

void benchmark_reference(const void *directories, const struct benchmark_key *keys, size_t n)
{
	reference(directories, keys, n, false);
}

void benchmark_section(const void *directories, const struct benchmark_key *keys, size_t n)
{
	section(directories, keys, n, false);
}

void benchmark_reference_payload(const void *directories, const struct benchmark_key *keys,
				 size_t n)
{
	reference(directories, keys, n, true);
}

void benchmark_section_payload(const void *directories, const struct benchmark_key *keys, size_t n)
{
	section(directories, keys, n, true);
}

/* Of the keys that are given to a call. It divides the names of a directory. */
#define BATCH 16

void benchmark_lookup_batch(const void *directories, const struct benchmark_key *keys, size_t n)
{
	struct dentry *const *dirs = directories;
	struct d_lookup_request requests[BATCH];
	size_t i, j;

	BENCH_CHECK(n % BATCH == 0);
	for (i = 0; i < n; i += BATCH) {
		for (j = 0; j < BATCH; j++) {
			requests[j].parent = dirs[keys[i + j].directory];
			requests[j].name = qstr_init(keys[i + j].name, keys[i + j].len);
		}
		d_lookup_batch(requests, BATCH);
		for (j = 0; j < BATCH; j++) {
			BENCH_CHECK(is_right(requests[j].dentry, &keys[i + j], false));
			dput(requests[j].dentry);
		}
	}
}

void benchmark_walk_batch(const void *directories, const struct benchmark_key *keys, size_t n)
{
	struct dentry *root = dget_parent(*(struct dentry *const *)directories);
	struct dcache_walk_request requests[BATCH];
	size_t i, j;

	BENCH_CHECK(n % BATCH == 0);
	for (i = 0; i < n; i += BATCH) {
		for (j = 0; j < BATCH; j++) {
			requests[j].path = keys[i + j].name;
			requests[j].len = keys[i + j].len;
		}
		dcache_walk_batch(root, NULL, requests, BATCH, 0);
		for (j = 0; j < BATCH; j++) {
			BENCH_CHECK(is_right(requests[j].dentry, &keys[i + j], false));
			dput(requests[j].dentry);
		}
	}
	dput(root);
}
