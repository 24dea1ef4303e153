/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

struct world world;

static void inode_release(struct inode *inode)
{
	(void)inode;
}

const struct inode_operations world_inode_ops = { .release = inode_release };

struct inode *world_inode(enum inode_type type)
{
	return new_inode(world.dc, 7, type, &world_inode_ops, NULL);
}

struct dentry *world_add(struct dentry *parent, const struct qstr *name, enum inode_type type)
{
	struct dentry *dentry = d_alloc(parent, name);

	MODEL_CHECK(!IS_ERR(dentry));
	MODEL_CHECK(!d_add(dentry, world_inode(type)));
	return dentry;
}

void world_pin_tables(struct dcache *dc)
{
	dc->entries.max = dc->entries.min;
	dc->in_lookup.max = dc->in_lookup.min;
	dc->inodes.max = dc->inodes.min;
}

void world_setup_limited(size_t max_entries, size_t max_negatives)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	int i;

	opts.hash_buckets = 2;
	opts.in_lookup_buckets = 2;
	opts.seed = 1;
	opts.max_entries = max_entries;
	opts.max_negatives = max_negatives;
	atomic_init(&world.asked, 0);
	atomic_init(&world.succeeded, 0);
	world.dir = world.entry = world.owned = NULL;
	world.overtaking = false;
	for (i = 0; i < MODEL_MAX_THREADS; i++) {
		world.result[i] = 0;
		world.found[i] = NULL;
	}
	MODEL_CHECK(!dcache_create(&opts, &world.dc));
	world_pin_tables(world.dc);
	/* With a limit its totals are acted on. */
	if (!max_entries && !max_negatives)
		model_quiet(&world.dc->counters, sizeof(world.dc->counters));
	else
		model_quiet(&world.dc->counters.shards[0].count,
			    sizeof(world.dc->counters.shards[0].count));
	world.root_inode = world_inode(INODE_DIRECTORY);
	world.root = d_make_root(world.root_inode);
	MODEL_CHECK(!IS_ERR(world.root));
}

void world_setup(void)
{
	world_setup_limited(0, 0);
}

void world_setup_backend(const struct inode_operations *ops)
{
	world_setup();
	world.root_inode->i_op = ops;
}

void world_setup_dir(void)
{
	world_setup();
	world.dir = world_add(world.root, NAME("dir"), INODE_DIRECTORY);
}

void world_setup_file(void)
{
	world_setup();
	world.entry = world_add(world.root, NAME("n"), INODE_REGULAR);
	world.inode = d_inode(world.entry);
}

void world_find_at(struct dentry *dir, struct dentry *parent, const struct qstr *name)
{
	dput(world_found_at(dir, parent, name));
}

struct dentry *world_found_at(struct dentry *dir, struct dentry *parent, const struct qstr *name)
{
	struct dentry *dentry = d_alloc(parent, name);
	struct dentry *alias;

	MODEL_CHECK(!IS_ERR(dentry));
	ihold(d_inode(dir));
	alias = d_splice_alias(d_inode(dir), dentry);
	MODEL_CHECK(alias == dir);
	dput(alias);
	return dentry;
}

struct qstr world_name(const struct qstr *like, bool same_chain, int nth)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	struct qstr asked = *like, name;
	const struct bucket *bucket;
	int i;

	MODEL_CHECK(!d_hash_name(world.root, &asked));
	bucket = table_truth(&world.dc->entries, table_hash(world.root, &asked));
	for (i = 0; letters[i]; i++) {
		name = qstr_init(&letters[i], 1);
		MODEL_CHECK(!d_hash_name(world.root, &name));
		if ((table_truth(&world.dc->entries, table_hash(world.root, &name)) == bucket) ==
			    same_chain &&
		    letters[i] != *(const char *)like->name && !nth--)
			return name;
	}
	MODEL_CHECK(false);
	return name;
}

void world_finish(void)
{
	struct dcache_stats stats;

	dcache_get_stats(world.dc, &stats);
	MODEL_CHECK(stats.in_lookup == 0);
	MODEL_CHECK(stats.overtaken == 0 || world.overtaking);
	dput(world.dir);
	dput(world.root);
	MODEL_CHECK(!dcache_destroy(world.dc));
}

void world_put_found(void)
{
	int i;

	for (i = 0; i < MODEL_MAX_THREADS; i++)
		dput(world.found[i]);
	world_finish();
}

void world_setup_pair_below(void)
{
	world_setup_dir();
	world.entry = world_add(world.dir, NAME("n"), INODE_REGULAR);
	world.other = world_add(world.root, NAME("t"), INODE_REGULAR);
}

void world_finish_pair(void)
{
	dput(world.entry);
	dput(world.other);
	world_put_found();
}

void world_replace(void)
{
	MODEL_CHECK(!d_move(world.entry, world.other));
	MODEL_CHECK(d_unhashed(world.other) && !d_unhashed(world.entry));
}

void world_exchange(void)
{
	MODEL_CHECK(!d_exchange(world.entry, world.other));
}

void world_finish_exchanged(void)
{
	struct dentry *dir = world.dir ? world.dir : world.root;
	struct dentry *at_n = d_lookup(dir, NAME("n"));
	struct dentry *at_t = d_lookup(world.root, NAME("t"));

	MODEL_CHECK(at_n == world.other && at_t == world.entry);
	MODEL_CHECK(d_parent(world.other) == dir && d_parent(world.entry) == world.root);
	dput(at_n);
	dput(at_t);
	world_finish_pair();
}

void world_setup_pair_in_last_dir(void)
{
	world_setup();
	world.dir = world_add(world.root, NAME("dir"), INODE_DIRECTORY);
	world.entry = world_add(world.dir, NAME("n"), INODE_REGULAR);
	world.other = world_add(world.root, NAME("t"), INODE_REGULAR);
	d_drop(world.entry);
	d_drop(world.dir);
	dput(world.dir);
	world.dir = NULL;
}
