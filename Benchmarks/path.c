/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a path costs, from the root down: path [DIRECTORY] [ROUNDS]
 *
 * The tree below DIRECTORY (/usr/include) is read once, its entries are cached, and all its paths are
 * walked in random order: by dcache_walk_rcu(), by dcache_walk() with its reference given back, and
 * component by component by d_lookup_rcu(), which is what a caller without a walk would do and proves
 * less. Beside them the kernel's own, of the same paths: statx(2) and faccessat(2), relative to
 * DIRECTORY. Nanoseconds of processor time a path and a component; the median over rounds, with the
 * lowest and the highest. Every answer is checked.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

struct path {
	char *text;
	uint32_t len;
	uint32_t components;
	uint64_t ino;
};

static struct path *paths;
static size_t nr_paths, components, room;
static struct dcache *dc;
static struct dentry *root;
static size_t prefix;
static int dir_fd;

static enum inode_type type_of(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return INODE_DIRECTORY;
	return S_ISREG(st->st_mode) ? INODE_REGULAR : INODE_SPECIAL;
}

/* Cache one entry; links are left out, so that all walks go the same way. */
static int fill_one(const char *at, const struct stat *st, int type, struct FTW *ftw)
{
	struct dentry *parent, *dentry;
	const char *path = at + prefix + 1;

	(void)type;
	if (!ftw->level || S_ISLNK(st->st_mode))
		return 0;
	parent = ftw->level == 1 ? dget(root)
				 : dcache_walk(root, NULL, path, (size_t)ftw->base - prefix - 1, 0);
	BENCH_CHECK(!IS_ERR(parent));
	dentry = d_alloc(parent, &(struct qstr)QSTR_INIT(at + ftw->base, strlen(at + ftw->base)));
	BENCH_CHECK(!IS_ERR(dentry));
	BENCH_CHECK(!d_add(dentry, new_inode(dc, st->st_ino, type_of(st), NULL, NULL)));
	dput(dentry);
	dput(parent);
	if (nr_paths == room) {
		room = room ? 2 * room : 1024;
		paths = realloc(paths, room * sizeof(*paths));
		BENCH_CHECK(paths);
	}
	paths[nr_paths++] = (struct path){ strdup(path), (uint32_t)strlen(path),
					   (uint32_t)ftw->level, st->st_ino };
	components += (size_t)ftw->level;
	return 0;
}

static void shuffle(void)
{
	uint64_t seed = 88172645463325252u;
	size_t i;

	for (i = nr_paths - 1; i; i--) {
		size_t j = bench_random(&seed) % (i + 1);
		struct path swap = paths[i];

		paths[i] = paths[j];
		paths[j] = swap;
	}
	/* Texts in the order in which they are used, as a program's would be that has just made them. */
	for (i = 0; i < nr_paths; i++) {
		char *text = strdup(paths[i].text);

		free(paths[i].text);
		paths[i].text = text;
	}
}

static void walk_by_names(const struct path *path)
{
	const char *at = path->text;
	struct dentry *dentry = root;
	uint32_t seq = 0;

	dcache_read_lock();
	for (;;) {
		const char *end = strchrnul(at, '/');
		struct qstr name = QSTR_INIT(at, (size_t)(end - at));

		dentry = d_lookup_rcu(dentry, &name, &seq);
		BENCH_CHECK(dentry);
		if (!*end)
			break;
		at = end + 1;
	}
	BENCH_CHECK(inode_number(d_inode(dentry)) == path->ino && !d_seq_retry(dentry, seq));
	dcache_read_unlock();
}

static void walk_rcu(const struct path *path)
{
	struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = dcache_walk_rcu(root, NULL, path->text, path->len, 0, &seq);
	BENCH_CHECK(!IS_ERR(dentry) && inode_number(d_inode(dentry)) == path->ino);
	dcache_read_unlock();
}

static void walk(const struct path *path)
{
	struct dentry *dentry = dcache_walk(root, NULL, path->text, path->len, 0);

	BENCH_CHECK(!IS_ERR(dentry) && inode_number(d_inode(dentry)) == path->ino);
	dput(dentry);
}

static void kernel_statx(const struct path *path)
{
	struct statx st;

	BENCH_CHECK(!statx(dir_fd, path->text, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, STATX_INO,
			   &st) &&
		    st.stx_ino == path->ino);
}

static void kernel_access(const struct path *path)
{
	BENCH_CHECK(!faccessat(dir_fd, path->text, F_OK, 0));
}

static const struct row {
	const char *name;
	void (*run)(const struct path *path);
} rows[] = {
	{ "dcache_walk_rcu()", walk_rcu },
	{ "dcache_walk(), dput()", walk },
	{ "d_lookup_rcu() of each component", walk_by_names },
	{ "statx(2)", kernel_statx },
	{ "faccessat(2)", kernel_access },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Of this thread: what others run meanwhile is not counted, but for what it does to the caches. */
static double cpu_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	const char *directory = argc > 1 ? argv[1] : "/usr/include";
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 15;
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	double *ns = calloc(rounds * ROWS, sizeof(*ns));
	size_t i, row, round;

	BENCH_CHECK(ns && rounds);
	opts.hash_buckets = 32768;
	BENCH_CHECK(!dcache_create(&opts, &dc));
	root = d_make_root(new_inode(dc, 0, INODE_DIRECTORY, NULL, NULL));
	BENCH_CHECK(!IS_ERR(root));
	prefix = strlen(directory);
	BENCH_CHECK(!nftw(directory, fill_one, 32, FTW_PHYS) && nr_paths > 1);
	dir_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	BENCH_CHECK(dir_fd >= 0);
	shuffle();
	for (round = 0; round < rounds; round++) {
		for (row = 0; row < ROWS; row++) {
			double began = 0;

			/* The second pass counts: the row before has used the processor's caches. */
			for (i = 0; i < 2 * nr_paths; i++) {
				if (i == nr_paths)
					began = cpu_now_ns();
				rows[row].run(&paths[i % nr_paths]);
			}
			ns[row * rounds + round] = (cpu_now_ns() - began) / (double)nr_paths;
		}
	}
	printf("%zu paths of %.2f components in %s, %zu rounds\n", nr_paths,
	       (double)components / (double)nr_paths, directory, rounds);
	printf("%-34s %8s %8s %8s %10s\n", "", "ns/path", "lowest", "highest", "ns/comp.");
	for (row = 0; row < ROWS; row++) {
		double *r = ns + row * rounds;
		double median = bench_median(r, rounds);

		printf("%-34s %8.1f %8.1f %8.1f %10.1f\n", rows[row].name, median, r[0],
		       r[rounds - 1], median * (double)nr_paths / (double)components);
	}
	printf("dcache_walk_rcu() : statx(2) = 1 : %.1f, dcache_walk() : faccessat(2) = 1 : %.1f\n",
	       bench_median(ns + 3 * rounds, rounds) / bench_median(ns, rounds),
	       bench_median(ns + 4 * rounds, rounds) / bench_median(ns + rounds, rounds));
	for (i = 0; i < nr_paths; i++)
		free(paths[i].text);
	free(paths);
	free(ns);
	close(dir_fd);
	dput(root);
	BENCH_CHECK(!dcache_destroy(dc));
	return 0;
}
