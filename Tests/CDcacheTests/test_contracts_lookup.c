/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finding entries, with and without references; names and paths. */
#include "harness.h"
#include "internal.h"

#define COLD NAME("cold")

/* ---- names ---- */

static void fill_name(char *name, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		name[i] = (char)('a' + (i * 7 + len) % 26);
}

TEST(names_of_every_length, "d_lookup d_name d_name_copy")
{
	struct tree tree = tree_begin(NULL, NULL);
	char name[DCACHE_NAME_MAX], copy[DCACHE_NAME_MAX + 1], path[DCACHE_NAME_MAX + 2];
	struct dentry *dentry, *found;
	struct qstr q, own, hashed;
	uint32_t seq;
	size_t len;

	for (len = 1; len <= DCACHE_NAME_MAX; len++) {
		fill_name(name, len);
		q = qstr_init(name, len);
		dentry = tree_add(&tree, tree.root, &q, 0);
		found = d_lookup(tree.root, &q);
		CHECK(found == dentry);
		dput(found);
		dcache_read_lock();
		CHECK(d_lookup_rcu(tree.root, &q, &seq) == dentry);
		hashed = q;
		CHECK_EQ(d_hash_name(tree.root, &hashed), 0);
		CHECK(d_lookup_rcu(tree.root, &hashed, &seq) == dentry);
		dcache_read_unlock();
		own = d_name(dentry);
		CHECK(own.len == len && !memcmp(own.name, name, len));
		CHECK_EQ(d_name_copy(dentry, copy, sizeof(copy)), len);
		CHECK(!memcmp(copy, name, len) && !copy[len]);
		CHECK_EQ(d_name_copy(dentry, copy, len + 1), len);
		CHECK_EQ(d_name_copy(dentry, copy, len), -ERANGE);
		CHECK_EQ(dentry_path(dentry, path, sizeof(path)), len + 1);
		CHECK(path[0] == '/' && !memcmp(path + 1, name, len) && !path[len + 1]);
		/* Neither a part of it nor one that differs at its end is it. */
		name[len - 1] ^= 1;
		CHECK(!d_lookup(tree.root, &q));
		name[len - 1] ^= 1;
		dput(dentry);
	}
	CHECK_EQ(tree_stats(&tree).entries, DCACHE_NAME_MAX + 1);
	tree_end(&tree);
}

TEST(names_of_any_byte, "d_lookup qstr")
{
	struct tree tree = tree_begin(NULL, NULL);
	int byte, other;

	for (byte = 1; byte < 256; byte++) {
		char name[3] = { 'x', (char)byte, (char)(256 - byte) };
		struct qstr q = qstr_init(name, 3);

		if (byte != '/' && 256 - byte != '/')
			dput(tree_add(&tree, tree.root, &q, 0));
	}
	for (byte = 1; byte < 256; byte++) {
		for (other = 1; other < 256; other += 5) {
			char name[3] = { 'x', (char)byte, (char)other };
			struct qstr q = qstr_init(name, 3);
			struct dentry *found = d_lookup(tree.root, &q);

			CHECK(!!found == (other == 256 - byte && byte != '/' && other != '/'));
			dput(found);
		}
	}
	tree_end(&tree);
}

TEST(a_name_need_not_end_nor_be_aligned, "qstr")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, NAME("unaligned name"), 0);
	size_t at;

	for (at = 0; at < 9; at++) {
		/* The exact size: what is read beyond it is an error that a sanitizer sees. */
		char *bytes = malloc(at + 14);
		struct qstr q = qstr_init(bytes + at, 14);
		struct dentry *found;

		memcpy(bytes + at, "unaligned name", 14);
		found = d_lookup(tree.root, &q);
		CHECK(found == dentry);
		dput(found);
		free(bytes);
	}
	CHECK_EQ(qstr_init("x", SIZE_MAX).len, UINT32_MAX);
	dput(dentry);
	tree_end(&tree);
}

TEST(a_hash_computed_once_serves_every_directory, "d_hash_name d_hash_and_lookup")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("dir"), INODE_DIRECTORY);
	struct dentry *above = tree_add(&tree, tree.root, COLD, 0);
	struct dentry *below = tree_add(&tree, dir, COLD, 0);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct qstr name = *COLD;

	CHECK_EQ(d_hash_name(tree.root, &name), 0);
	CHECK(name.hash);
	CHECK_EQ(name.hash, full_name_hash(dir, "cold", 4));
	/* What a d_hash has left of a name. */
	CHECK_EQ(full_name_hash(dir, "", 0), full_name_hash(tree.root, NULL, 0));
	CHECK(d_lookup(tree.root, &name) == above);
	CHECK(d_lookup(dir, &name) == below);
	CHECK(d_alloc_parallel(dir, &name, &wq) == below);
	name.hash = 0;
	CHECK(d_hash_and_lookup(dir, &name) == below);
	CHECK(name.hash);
	CHECK_EQ(d_count(below), 4);
	dput(below);
	dput(below);
	dput(below);
	dput(below);
	dput(above);
	dput(above);
	dput(dir);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

static void look_up_with_a_wrong_hash(void)
{
	struct tree tree = tree_begin(NULL, NULL);
	struct qstr name = *COLD;

	CHECK_EQ(d_hash_name(tree.root, &name), 0);
	name.hash++;
	d_lookup(tree.root, &name);
}

TEST(a_wrong_hash_stops_a_checked_build, "qstr")
{
	CHECK(stops_with(look_up_with_a_wrong_hash, "the hash is 0 or d_hash_name()'s"));
}

#endif

TEST(the_seed_makes_hashes_the_instances_own, "full_name_hash dcache_options")
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct dcache *dc[4];
	struct dentry *roots[4];
	uint32_t hashes[4];
	int i;

	for (i = 0; i < 4; i++) {
		opts.seed = i < 2 ? 7 : 0;
		CHECK_EQ(dcache_create(&opts, &dc[i]), 0);
		roots[i] = d_make_root(new_inode(dc[i], 1, INODE_DIRECTORY, NULL, NULL));
		hashes[i] = full_name_hash(roots[i], "name", 4);
	}
	CHECK_EQ(hashes[0], hashes[1]);
	CHECK(hashes[2] != hashes[0] || hashes[3] != hashes[0]);
	CHECK(hashes[2] != hashes[3]);
	for (i = 0; i < 4; i++) {
		dput(roots[i]);
		CHECK_EQ(dcache_destroy(dc[i]), 0);
	}
}

/* ---- a directory's own idea of names ---- */

TEST(a_directory_may_fold_case, "dentry_operations d_lookup d_add")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = d_alloc(tree.root, NAME("dir"));
	struct dentry *dentry, *second, *found;
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	d_set_d_op(dir, &ascii_ci_ops);
	CHECK_EQ(d_add(dir, tree_inode(tree.dc, INODE_DIRECTORY)), 0);
	dentry = tree_add(&tree, dir, NAME("MixedCase"), INODE_REGULAR);
	found = d_lookup(dir, NAME("mIXEDcASE"));
	CHECK(found == dentry);
	dput(found);
	CHECK(d_alloc_parallel(dir, NAME("mixedcase"), &wq) == dentry);
	dput(dentry);
	second = d_alloc(dir, NAME("MIXEDCASE"));
	CHECK_EQ(d_add(second, NULL), -EEXIST);
	CHECK(!memcmp(d_name(dentry).name, "MixedCase", 9));
	dput(second);
	/* The root is another directory, and does not. */
	second = tree_add(&tree, tree.root, NAME("x"), 0);
	CHECK(!d_lookup(tree.root, NAME("X")));
	dput(second);
	dput(dentry);
	dput(dir);
	tree_end(&tree);
}

/* All names collide, and all are longer than what lies in the entry, or not. */
static int one_hash(const struct dentry *dir, struct qstr *name)
{
	(void)dir;
	name->hash = 0;
	return 0;
}

TEST(names_may_collide, "d_hash d_lookup")
{
	static const struct dentry_operations ops = { .d_hash = one_hash };
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *entries[64];
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	char name[64];
	int i;

	d_set_d_op(tree.root, &ops);
	for (i = 0; i < 64; i++) {
		int len = snprintf(name, sizeof(name), "%0*d", i % 2 ? 60 : 12, i);
		struct qstr q = qstr_init(name, (size_t)len);

		entries[i] = d_alloc_parallel(tree.root, &q, &wq);
		CHECK(d_in_lookup(entries[i]));
		if (i % 4 < 2)
			CHECK_EQ(d_add(entries[i], NULL), 0);
	}
	for (i = 0; i < 64; i++) {
		int len = snprintf(name, sizeof(name), "%0*d", i % 2 ? 60 : 12, i);
		struct qstr q = qstr_init(name, (size_t)len);
		struct dentry *found = d_lookup(tree.root, &q);

		CHECK(found == (i % 4 < 2 ? entries[i] : NULL));
		dput(found);
		d_lookup_done(entries[i]);
		dput(entries[i]);
	}
	tree_end(&tree);
}

/* ---- without a reference ---- */

TEST(a_lookup_in_a_read_section_stores_nothing, "d_lookup_rcu d_seq_retry")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, INODE_REGULAR);
	struct dentry before[2], *found;
	uint32_t seq;

	memcpy(&before[0], tree.root, sizeof(before[0]));
	memcpy(&before[1], dentry, sizeof(before[1]));
	dcache_read_lock();
	dcache_read_lock();
	found = d_lookup_rcu(tree.root, COLD, &seq);
	dcache_read_unlock();
	CHECK(found == dentry && d_inode(found) == d_inode(dentry));
	CHECK(!d_seq_retry(found, seq));
	CHECK(!d_lookup_rcu(tree.root, NAME("other"), &seq));
	CHECK(!d_lookup_rcu(tree.root, NAME(""), &seq));
	dcache_read_unlock();
	CHECK(!memcmp(&before[0], tree.root, sizeof(before[0])));
	CHECK(!memcmp(&before[1], dentry, sizeof(before[1])));
	dput(dentry);
	tree_end(&tree);
}

enum change { DROP, DELETE, INSTANTIATE, REHASH, MOVE };

static void change_entry(struct tree *tree, struct dentry *dentry, enum change change)
{
	struct dentry *target;

	switch (change) {
	case DROP:
		d_drop(dentry);
		break;
	case DELETE:
		d_delete(dentry);
		break;
	case INSTANTIATE:
		CHECK_EQ(d_instantiate(dentry, tree_inode(tree->dc, INODE_REGULAR)), 0);
		break;
	case REHASH:
		d_drop(dentry);
		CHECK_EQ(d_rehash(dentry), 0);
		break;
	case MOVE:
		target = d_alloc(tree->root, NAME("elsewhere"));
		ihold(d_inode(dentry));
		CHECK(d_splice_alias(d_inode(dentry), target) == dentry);
		dput(target);
		dput(dentry);
		break;
	}
}

TEST(a_sequence_number_notices_every_change, "d_seq_retry dget_rcu d_lookup_rcu")
{
	enum change change;

	for (change = DROP; change <= MOVE; change++) {
		struct tree tree = tree_begin(NULL, NULL);
		struct dentry *dentry = tree_add(&tree, tree.root, COLD,
						 change == INSTANTIATE ? 0 : INODE_DIRECTORY);
		uint32_t seq, now;

		dcache_read_lock();
		CHECK(d_lookup_rcu(tree.root, COLD, &seq) == dentry);
		CHECK(dget_rcu(dentry, seq));
		dcache_read_unlock();
		dput(dentry);
		CHECK_EQ(d_count(dentry), 1);
		change_entry(&tree, dentry, change);
		dcache_read_lock();
		CHECK(d_seq_retry(dentry, seq));
		CHECK(!dget_rcu(dentry, seq));
		CHECK(!!d_lookup_rcu(tree.root, COLD, &now) == (change != DROP && change != MOVE));
		dcache_read_unlock();
		CHECK_EQ(d_count(dentry), 1);
		dput(dentry);
		tree_end(&tree);
	}
}

TEST(a_dead_entry_gives_no_reference, "dget_rcu")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, 0);
	uint32_t seq;

	dcache_read_lock();
	CHECK(d_lookup_rcu(tree.root, COLD, &seq) == dentry);
	d_drop(dentry);
	dput(dentry);
	/* Its memory is there to the end of the section. */
	CHECK(d_count(dentry) < 0);
	CHECK(d_seq_retry(dentry, seq));
	CHECK(!dget_rcu(dentry, seq));
	CHECK(!dget_rcu(dentry, read_seqcount(&dentry->d_seq)));
	dcache_read_unlock();
	tree_end(&tree);
}

/* ---- paths ---- */

static bool path_is(struct dentry *dentry, const char *expected)
{
	char path[256];
	int len = dentry_path(dentry, path, sizeof(path));

	return len == (int)strlen(expected) && !strcmp(path, expected);
}

TEST(paths_lead_from_the_root, "dentry_path")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *a = tree_add(&tree, tree.root, NAME("a"), INODE_DIRECTORY);
	struct dentry *bc = tree_add(&tree, a, NAME("bc"), INODE_DIRECTORY);
	struct dentry *d = d_alloc(bc, NAME("d"));
	struct dentry *loose = d_obtain_alias(tree_inode(tree.dc, INODE_DIRECTORY));
	struct dentry *below = tree_add(&tree, loose, NAME("below"), 0);
	char path[16];

	CHECK(path_is(tree.root, "/"));
	CHECK(path_is(a, "/a"));
	CHECK(path_is(bc, "/a/bc"));
	CHECK(path_is(d, "/a/bc/d"));
	CHECK(path_is(loose, "/"));
	CHECK(path_is(below, "/below"));
	CHECK_EQ(dentry_path(d, path, 8), 7);
	CHECK(!strcmp(path, "/a/bc/d"));
	CHECK_EQ(dentry_path(d, path, 7), -ENAMETOOLONG);
	CHECK_EQ(dentry_path(d, path, 1), -ENAMETOOLONG);
	CHECK_EQ(dentry_path(d, path, 0), -ENAMETOOLONG);
	CHECK_EQ(dentry_path(tree.root, path, 2), 1);
	CHECK_EQ(dentry_path(tree.root, path, 1), -ENAMETOOLONG);
	dput(below);
	dput(loose);
	dput(d);
	dput(bc);
	dput(a);
	tree_end(&tree);
}

struct mover {
	struct tree *tree;
	struct dentry *dirs[2];
	struct dentry *moving;
	_Atomic bool stop;
};

static const char *const mover_names[4] = {
	"short",
	"a name that is so long that it lies outside of its entry",
	"x",
	"exactly forty bytes, the longest inline.",
};

/* Move one directory between two others, to short and to long names. */
static void *move_about(void *arg)
{
	struct mover *mover = arg;
	unsigned int i;

	for (i = 0; !atomic_load(&mover->stop); i++) {
		struct qstr name = qstr_init(mover_names[i % 4], strlen(mover_names[i % 4]));
		struct dentry *target = d_alloc(mover->dirs[i / 3 % 2], &name);

		ihold(d_inode(mover->moving));
		CHECK(d_splice_alias(d_inode(mover->moving), target) == mover->moving);
		dput(mover->moving);
		dput(target);
	}
	return NULL;
}

static bool is_a_name(const char *name)
{
	int i;

	for (i = 0; i < 4; i++) {
		if (!strcmp(name, mover_names[i]))
			return true;
	}
	return false;
}

/* "/p0/NAME/leaf" or "/p1/NAME/leaf" */
static bool is_a_path(char *path)
{
	size_t len = strlen(path);

	if (len < 10 || (strncmp(path, "/p0/", 4) && strncmp(path, "/p1/", 4)) ||
	    strcmp(path + len - 5, "/leaf"))
		return false;
	path[len - 5] = 0;
	return is_a_name(path + 4);
}

TEST(names_and_paths_are_whole_while_entries_move, "d_name_copy dentry_path dget_parent d_lookup")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct mover mover = {
		.tree = &tree,
		.dirs = { tree_add(&tree, tree.root, NAME("p0"), INODE_DIRECTORY),
			  tree_add(&tree, tree.root, NAME("p1"), INODE_DIRECTORY) },
	};
	struct dentry *leaf, *found;
	uint64_t until = test_now_ns() + 300000000;
	pthread_t thread;

	mover.moving = tree_add(&tree, mover.dirs[0], NAME("short"), INODE_DIRECTORY);
	leaf = tree_add(&tree, mover.moving, NAME("leaf"), 0);
	thread = test_thread(move_about, &mover);
	while (test_now_ns() < until) {
		char name[DCACHE_NAME_MAX + 1], path[256];
		struct dentry *parent = dget_parent(mover.moving);
		uint32_t seq;

		CHECK(parent == mover.dirs[0] || parent == mover.dirs[1]);
		dput(parent);
		CHECK(d_name_copy(mover.moving, name, sizeof(name)) > 0 && is_a_name(name));
		CHECK(dentry_path(leaf, path, sizeof(path)) > 0 && is_a_path(path));
		/* What does not move is never missed, whatever moves through its chain. */
		found = d_lookup(mover.moving, NAME("leaf"));
		CHECK(found == leaf);
		dput(found);
		dcache_read_lock();
		found = d_lookup_rcu(mover.dirs[0], NAME("x"), &seq);
		CHECK(!found || found == mover.moving);
		dcache_read_unlock();
	}
	atomic_store(&mover.stop, true);
	test_join(thread);
	dput(leaf);
	dput(mover.moving);
	dput(mover.dirs[0]);
	dput(mover.dirs[1]);
	tree_end(&tree);
}

#ifdef DCACHE_DEBUG

struct splice_call {
	struct dentry *alias, *target;
};

static void *call_splice(void *arg)
{
	struct splice_call *call = arg;

	ihold(d_inode(call->alias));
	CHECK(d_splice_alias(d_inode(call->alias), call->target) == call->alias);
	dput(call->alias);
	return NULL;
}

struct lookup_call {
	struct dentry *parent;
	const struct qstr *name;
	struct dentry *result;
	_Atomic bool done;
};

static void *call_lookup(void *arg)
{
	struct lookup_call *call = arg;

	call->result = d_lookup(call->parent, call->name);
	atomic_store(&call->done, true);
	return NULL;
}

/* At M1 the entry is at neither name. Whoever misses it must look again. */
TEST(an_entry_on_its_way_is_at_one_of_its_names, "d_lookup d_alloc_parallel")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dir = tree_add(&tree, tree.root, NAME("old"), INODE_DIRECTORY);
	struct splice_call splice = { dir, d_alloc(tree.root, NAME("new")) };
	struct lookup_call at_old = { .parent = tree.root, .name = NAME("old") };
	struct lookup_call at_new = { .parent = tree.root, .name = NAME("new") };
	struct asker asker = { 0 };
	struct gate between = { 0 };
	pthread_t threads[3];
	uint32_t seq;

	gate_arm(&between, DC_M1, dir, 1);
	threads[0] = test_thread(call_splice, &splice);
	CHECK(gate_wait(&between, 1));
	dcache_read_lock();
	CHECK(!d_lookup_rcu(tree.root, NAME("old"), &seq));
	CHECK(!d_lookup_rcu(tree.root, NAME("new"), &seq));
	dcache_read_unlock();
	threads[1] = test_thread(call_lookup, &at_old);
	threads[2] = test_thread(call_lookup, &at_new);
	asker_start(&asker, tree.root, NAME("new"));
	test_sleep_ms(20);
	CHECK(!atomic_load(&at_old.done) && !atomic_load(&at_new.done));
	CHECK(!atomic_load(&asker.done));
	gate_open(&between);
	test_join(threads[0]);
	test_join(threads[1]);
	test_join(threads[2]);
	CHECK(!at_old.result && at_new.result == dir);
	CHECK(asker_join(&asker) == dir && !asker.owned);
	dput(asker.result);
	dput(at_new.result);
	dput(splice.target);
	dput(dir);
	tree_end(&tree);
}

static void *call_exchange(void *arg)
{
	struct splice_call *call = arg;

	CHECK_EQ(d_exchange(call->alias, call->target), 0);
	return NULL;
}

/* Nothing of that is announced by the directory's sequence: both names have had entries all the time. */
TEST(an_entry_that_is_exchanged_is_at_one_of_its_names, "d_exchange d_alloc_parallel")
{
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *one = tree_add(&tree, tree.root, NAME("one"), INODE_REGULAR);
	struct dentry *two = tree_add(&tree, tree.root, NAME("two"), INODE_REGULAR);
	struct splice_call exchange = { one, two };
	uint32_t before = dir_seq_read(d_inode(tree.root));
	struct asker asker = { 0 };
	struct gate between = { 0 };
	pthread_t thread;

	gate_arm(&between, DC_M1, one, 1);
	thread = test_thread(call_exchange, &exchange);
	CHECK(gate_wait(&between, 1));
	asker_start(&asker, tree.root, NAME("one"));
	test_sleep_ms(20);
	CHECK(!atomic_load(&asker.done));
	gate_open(&between);
	test_join(thread);
	CHECK(asker_join(&asker) == two && !asker.owned);
	CHECK_EQ(dir_seq_read(d_inode(tree.root)), before);
	dput(asker.result);
	dput(two);
	dput(one);
	tree_end(&tree);
}

#endif /* DCACHE_DEBUG */
