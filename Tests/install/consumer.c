/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A user's program: built against the installed tree, shared and static, with nothing but the
 * public header. Several threads ask for one name that is not cached; the slow backend must be
 * asked once, and everybody must get the same entry.
 */
#include <dcache.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define THREADS 8

static atomic_int calls, releases;
static int passed, failed;
static struct dentry *root;

static void check(bool ok, const char *what)
{
	if (ok)
		passed++;
	else
		failed++;
	if (!ok)
		printf("FAIL %s\n", what);
}

static void release(struct inode *inode)
{
	(void)inode;
	atomic_fetch_add(&releases, 1);
}

static const struct inode_operations file_operations = { .release = release };

static struct dentry *slow_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct inode *inode;
	int err;

	(void)flags;
	atomic_fetch_add(&calls, 1);
	usleep(100000);
	inode = new_inode(inode_dcache(dir), 2, INODE_REGULAR, &file_operations, NULL);
	if (IS_ERR(inode))
		return ERR_PTR(PTR_ERR(inode));
	err = d_add(dentry, inode);
	return err ? ERR_PTR(err) : NULL;
}

static const struct inode_operations directory_operations = {
	.lookup = slow_lookup,
	.release = release,
};

static void *look_up(void *unused)
{
	struct qstr name = QSTR_INIT("Wanted", 6);

	(void)unused;
	return lookup_one_unlocked(root, &name, 0);
}

int main(void)
{
	struct dcache_options options = DCACHE_OPTIONS_INIT;
	struct dentry *entries[THREADS];
	pthread_t threads[THREADS];
	struct dcache_stats stats;
	struct qstr other_spelling = QSTR_INIT("wANTED", 6);
	struct dentry *again;
	struct dcache *dc;
	int i;

	/* A variable of the library's as well as its functions. */
	options.d_op = &casefold_dentry_operations;
	if (dcache_create(&options, &dc))
		return 2;
	root = d_make_root(new_inode(dc, 1, INODE_DIRECTORY, &directory_operations, NULL));
	if (IS_ERR(root))
		return 2;

	for (i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, look_up, NULL))
			return 2;
	}
	for (i = 0; i < THREADS; i++) {
		void *entry;

		if (pthread_join(threads[i], &entry))
			return 2;
		entries[i] = entry;
		check(!IS_ERR_OR_NULL(entry) && d_is_positive(entry), "the name is found");
		check(entry == entries[0], "everybody gets the same entry");
	}
	check(atomic_load(&calls) == 1, "the backend is asked once");
	again = lookup_one_unlocked(root, &other_spelling, 0);
	check(again == entries[0], "another spelling is the same name");
	check(atomic_load(&calls) == 1, "a hit does not ask the backend");
	dcache_get_stats(dc, &stats);
	check(stats.lookups_started == 1, "one lookup is counted");

	check(dcache_destroy(dc) == -EBUSY, "a cache in use is not destroyed");
	dput(again);
	for (i = 0; i < THREADS; i++)
		dput(entries[i]);
	dput(root);
	check(dcache_destroy(dc) == 0, "a cache that nobody uses is destroyed");
	check(atomic_load(&releases) == 2, "both inodes are released");

	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
