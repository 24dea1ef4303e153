// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The C calls that the Swift module makes, in the loops that Swift has around its own: the keys are the same
 * memory, in the same order, and what is read of the answer is the same, so that what is left between the
 * two is the module.
 */
#include "benchmarks.h"
#include "../../../bench.h"

void benchmark_reference(const void *directories, const struct benchmark_key *keys, size_t n)
{
	struct dentry *const *dirs = directories;
	const struct benchmark_key *key;

	for (key = keys; key < keys + n; key++) {
		struct qstr name = qstr_init(key->name, key->len);
		struct dentry *dentry = d_lookup(dirs[key->directory], &name);

		BENCH_CHECK(dentry && inode_number(d_inode(dentry)) == key->number);
		dput(dentry);
	}
}

void benchmark_section(const void *directories, const struct benchmark_key *keys, size_t n)
{
	struct dentry *const *dirs = directories;
	const struct benchmark_key *key;

	for (key = keys; key < keys + n; key++) {
		struct qstr name = qstr_init(key->name, key->len);
		struct dentry *dentry;
		uint32_t seq;

		dcache_read_lock();
		dentry = d_lookup_rcu(dirs[key->directory], &name, &seq);
		BENCH_CHECK(dentry && inode_number(d_inode(dentry)) == key->number &&
			    !d_seq_retry(dentry, seq));
		dcache_read_unlock();
	}
}

void benchmark_reference_payload(const void *directories, const struct benchmark_key *keys,
				 size_t n)
{
	struct dentry *const *dirs = directories;
	const struct benchmark_key *key;

	for (key = keys; key < keys + n; key++) {
		struct qstr name = qstr_init(key->name, key->len);
		struct dentry *dentry = d_lookup(dirs[key->directory], &name);

		BENCH_CHECK(dentry && inode_private(d_inode(dentry)) == key->payload);
		dput(dentry);
	}
}

void benchmark_section_payload(const void *directories, const struct benchmark_key *keys, size_t n)
{
	struct dentry *const *dirs = directories;
	const struct benchmark_key *key;

	for (key = keys; key < keys + n; key++) {
		struct qstr name = qstr_init(key->name, key->len);
		struct dentry *dentry;
		uint32_t seq;

		dcache_read_lock();
		dentry = d_lookup_rcu(dirs[key->directory], &name, &seq);
		BENCH_CHECK(dentry && inode_private(d_inode(dentry)) == key->payload &&
			    !d_seq_retry(dentry, seq));
		dcache_read_unlock();
	}
}
