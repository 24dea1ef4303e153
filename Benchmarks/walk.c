/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a path costs, from the root down, beside the kernel: walk [options]
 *
 *	-d DIRECTORY	walk the paths of this tree, too, such as /usr/include
 *	-n PATHS,...	distinct paths of the cold rows: 16384,65536
 *	-N NAMES	where the names come from: /usr
 *	-r ROUNDS	15
 *	-t DIRECTORY	where the tree is made, which is removed at the end: $TMPDIR, or /tmp
 *
 * A real tree is made, and the same entries are cached: chains of directories with names of a real tree,
 * and files at each depth that is asked for. The same paths in the same order are walked
 *
 *	walk		by dcache_walk_rcu()
 *	  lfht-walk	component by component in one table of (directory, name) (lfht_table.h)
 *	  statx		by statx(2), relative to the tree's root, without links
 *	walk-ref	by dcache_walk(), its reference given back
 *	  access	by faccessat(2), so
 *	  openat2	by openat2(2) with O_PATH, and close(2): the kernel's reference, in a descriptor
 *	walk-names	component by component by d_lookup_rcu(), which proves less
 *
 * and each answer's inode number is checked (but faccessat's and openat2's, which have none).
 *
 * Hot: 16 paths at each depth of 1 .. 12, over and over. Cold: so many distinct paths at depths of 2, 4, 6
 * and 8, in random order; four files in each directory of a quarter as many chains, so that hardly a
 * directory is where the one before was. A further component's cost is the slope of the least-squares
 * line through the depths of one round; the row is over the rounds' slopes. Fair: the kernel is asked for
 * the least (one number, no synchronisation), and entering it is not in the slopes; that it checks permissions
 * and mounts at each component is. Everything has been walked once before the clock starts. Paths lie in memory
 * in the order in which they are used, and the order of the subjects is another one in each round.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lfht_table.h"
#include "names.h"
#include "rounds.h"

#define HOT_CHAINS 16
#define HOT_DEPTH 12
#define HOT_TIMES 64
#define HOT_PASSES 16
#define COLD_FILES 4
#define COLD_DEPTH 8
#define MAX_DEPTHS 12
#define ROOT_NUMBER 1

struct path {
	const char *text;
	uint32_t len;
	uint32_t depth;
	uint64_t ino;
};

/* Those of one depth, or of any, in the order in which they are walked, so many times over. */
struct path_set {
	struct path *at;
	char *texts;
	size_t n, room, passes;
	uint32_t depth; /* 0: any */
};

static struct dcache *dc;
static struct dentry *root;
static struct cds_lfht *table;
static uint64_t entries;
static int tree_fd = -1;
static size_t rounds = 15;
static uint64_t seed = 88172645463325252u;
static char tree_path[PATH_MAX];
static volatile sig_atomic_t stopped;

/* ---- the subjects ---- */

static void walk_rcu(const struct path *path)
{
	struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = dcache_walk_rcu(root, NULL, path->text, path->len, 0, &seq);
	BENCH_CHECK(!IS_ERR(dentry) && inode_number(d_inode(dentry)) == path->ino);
	dcache_read_unlock();
}

static void walk_ref(const struct path *path)
{
	struct dentry *dentry = dcache_walk(root, NULL, path->text, path->len, 0);

	BENCH_CHECK(!IS_ERR(dentry) && inode_number(d_inode(dentry)) == path->ino);
	dput(dentry);
}

static void walk_names(const struct path *path)
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

static void walk_table(const struct path *path)
{
	struct lfht_key key = { .dir = ROOT_NUMBER, .name = path->text };

	urcu_bp_read_lock();
	for (;;) {
		const char *end = strchrnul(key.name, '/');
		const struct lfht_entry *entry;

		key.len = (size_t)(end - key.name);
		entry = lfht_find(table, &key);
		BENCH_CHECK(entry);
		key.dir = entry->value;
		if (!*end)
			break;
		key.name = end + 1;
	}
	BENCH_CHECK(key.dir == path->ino);
	urcu_bp_read_unlock();
}

static void kernel_statx(const struct path *path)
{
	struct statx st;

	BENCH_CHECK(!statx(tree_fd, path->text, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, STATX_INO,
			   &st) &&
		    st.stx_ino == path->ino);
}

static void kernel_access(const struct path *path)
{
	BENCH_CHECK(!faccessat(tree_fd, path->text, F_OK, 0));
}

static void kernel_openat2(const struct path *path)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC };
	long fd = syscall(SYS_openat2, tree_fd, path->text, &how, sizeof(how));

	BENCH_CHECK(fd >= 0 && !close((int)fd));
}

/* Each row has dcache's walk and its peers; how the library is used otherwise is a row of its own. */
static const struct subject {
	const char *row, *name;
	void (*walk)(const struct path *path);
} subjects[] = {
	{ "walk", "dcache", walk_rcu },		 { "walk", "lfht-walk", walk_table },
	{ "walk", "statx", kernel_statx },	 { "walk-ref", "dcache", walk_ref },
	{ "walk-ref", "access", kernel_access }, { "walk-ref", "openat2", kernel_openat2 },
	{ "walk-names", "dcache", walk_names },
};
enum { DCACHE, LFHT, STATX, DCACHE_REF, ACCESS, OPENAT2, DCACHE_NAMES, SUBJECTS };

/* ---- the caches and the tree ---- */

static void caches_make(size_t expected)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;

	opts.hash_buckets = expected / 5;
	BENCH_CHECK(!dcache_create(&opts, &dc));
	root = d_make_root(new_inode(dc, ROOT_NUMBER, INODE_DIRECTORY, NULL, NULL));
	BENCH_CHECK(!IS_ERR(root));
	table = lfht_make(expected);
	entries = 0;
}

static void caches_end(void)
{
	dput(root);
	BENCH_CHECK(!dcache_destroy(dc));
	BENCH_CHECK(lfht_end(table) == entries);
}

/* @path, whose last component begins at @base, is inode @ino of the tree; its directory is cached. */
static void caches_add(const char *path, size_t base, uint64_t ino, enum inode_type type)
{
	struct lfht_key key = { ROOT_NUMBER, path + base, strlen(path + base) };
	struct qstr name = QSTR_INIT(path + base, key.len);
	struct dentry *parent, *dentry;

	parent = base ? dcache_walk(root, NULL, path, base - 1, 0) : dget(root);
	BENCH_CHECK(!IS_ERR(parent));
	dentry = d_alloc(parent, &name);
	BENCH_CHECK(!IS_ERR(dentry) && !d_add(dentry, new_inode(dc, ino, type, NULL, NULL)));
	dput(dentry);
	key.dir = inode_number(d_inode(parent));
	BENCH_CHECK(lfht_insert(table, &key, ino));
	dput(parent);
	entries++;
}

static void path_add(struct path_set *set, const char *text, uint32_t depth, uint64_t ino)
{
	struct path path = { strdup(text), (uint32_t)strlen(text), depth, ino };

	BENCH_CHECK(path.text);
	if (set->n == set->room) {
		set->room = set->room ? 2 * set->room : 64;
		set->at = realloc(set->at, set->room * sizeof(path));
		BENCH_CHECK(set->at);
	}
	set->at[set->n++] = path;
}

/* Into a random order, and each so many times; texts one after the other. */
static void path_set_order(struct path_set *set, size_t times, size_t passes)
{
	size_t n = set->n * times, bytes = 0, i;
	uint32_t *order = malloc(n * sizeof(*order));
	struct path *at = malloc(n * sizeof(*at));
	char *texts;

	BENCH_CHECK(n && order && at);
	for (i = 0; i < set->n; i++)
		bytes += (set->at[i].len + 1) * times;
	texts = malloc(bytes);
	BENCH_CHECK(texts);
	set->texts = texts;
	bench_order(order, n, &seed);
	for (i = 0; i < n; i++) {
		at[i] = set->at[order[i] % set->n];
		memcpy(texts, at[i].text, at[i].len + 1);
		at[i].text = texts;
		texts += at[i].len + 1;
	}
	for (i = 0; i < set->n; i++)
		free((char *)set->at[i].text);
	free(set->at);
	free(order);
	set->at = at;
	set->n = n;
	set->passes = passes;
}

static void path_set_free(struct path_set *set)
{
	free(set->at);
	free(set->texts);
}

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* The tree goes by exit(). */
static void exit_if_stopped(void)
{
	if (stopped)
		exit(1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(void)
{
	if (*tree_path && nftw(tree_path, remove_one, 64, FTW_DEPTH | FTW_PHYS))
		perror(tree_path);
	*tree_path = '\0';
}

/* Make it in the real tree, and cache it. Return: its number. */
static uint64_t make_one(const char *path, size_t base, bool directory)
{
	struct stat st;

	BENCH_CHECK(!(directory ? mkdirat(tree_fd, path, 0700)
				: mknodat(tree_fd, path, S_IFREG | 0600, 0)));
	BENCH_CHECK(!fstatat(tree_fd, path, &st, AT_SYMLINK_NOFOLLOW));
	/* It would be taken for the root's in the peer's table. */
	BENCH_CHECK(st.st_ino != ROOT_NUMBER);
	caches_add(path, base, st.st_ino, directory ? INODE_DIRECTORY : INODE_REGULAR);
	return st.st_ino;
}

/* A name after @base, in directory number @chain of the root if it lies there. Return: its length. */
static size_t put_name(char *path, size_t base, const struct bench_name *name, size_t chain)
{
	size_t room = DCACHE_PATH_MAX - base;
	int len;

	if (base)
		len = snprintf(path + base, room, "%.*s", (int)name->len, name->text);
	else
		len = snprintf(path, room, "%.*s.%zu", name->len < 240 ? (int)name->len : 240,
			       name->text, chain);
	BENCH_CHECK(len > 0 && (size_t)len < room);
	return (size_t)len;
}

/*
 * One chain of directories, as deep as the deepest files need; so many files for each depth that is asked
 * for. Names of one directory follow each other in the list of names, in which none is twice; in the
 * root, where all chains begin, a number tells them apart.
 */
static void make_chain(size_t chain, size_t files, struct path_set *sets, size_t nr_sets)
{
	char path[DCACHE_PATH_MAX];
	size_t base = 0, set = 0, i;
	uint32_t depth;

	for (depth = 1; set < nr_sets; depth++) {
		size_t next = bench_random(&seed) % names.n;

		if (sets[set].depth == depth) {
			for (i = 0; i < files; i++) {
				put_name(path, base, &names.at[next++ % names.n], chain);
				path_add(&sets[set], path, depth, make_one(path, base, false));
			}
			set++;
		}
		if (set < nr_sets) {
			size_t len = put_name(path, base, &names.at[next % names.n], chain);

			make_one(path, base, true);
			base += len;
			path[base++] = '/';
		}
		exit_if_stopped();
	}
}

static void make_tree(const char *where, size_t chains, size_t files, struct path_set *sets,
		      size_t nr_sets)
{
	size_t i;

	BENCH_CHECK((size_t)snprintf(tree_path, sizeof(tree_path), "%s/dcache-bench-walk.XXXXXX",
				     where) < sizeof(tree_path));
	if (!mkdtemp(tree_path)) {
		perror(tree_path);
		*tree_path = '\0';
		exit(1);
	}
	tree_fd = open(tree_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	BENCH_CHECK(tree_fd >= 0);
	caches_make(chains * (sets[nr_sets - 1].depth + nr_sets * files));
	for (i = 0; i < chains; i++)
		make_chain(i, files, sets, nr_sets);
}

/* ---- the rounds ---- */

struct pass {
	const struct path_set *set;
	void (*walk)(const struct path *path);
};

static void one_pass(unsigned int thread, void *arg)
{
	const struct pass *pass = arg;
	size_t n, i;

	(void)thread;
	for (n = 0; n < pass->set->passes; n++) {
		for (i = 0; i < pass->set->n; i++)
			pass->walk(&pass->set->at[i]);
	}
}

/* ns a path. */
static double measure(const struct path_set *set, const struct subject *subject, bool *disturbed)
{
	struct pass pass = { set, subject->walk };
	double ns;

	ns = bench_run(1, one_pass, &pass, disturbed);
	return bench_per_operation(ns, 1, set->n * set->passes);
}

static double slope(const struct path_set *sets, const double *ns, size_t n)
{
	double x = 0, y = 0, xx = 0, xy = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		x += sets[i].depth / (double)n;
		y += ns[i] / (double)n;
	}
	for (i = 0; i < n; i++) {
		xx += (sets[i].depth - x) * (sets[i].depth - x);
		xy += (sets[i].depth - x) * (ns[i] - y);
	}
	return xy / xx;
}

/*
 * All subjects' rounds over all sets. Rows are called "walk-@what-DEPTH" and "walk-@what-slope".
 * @paths: how many distinct ones there are in a set.
 */
static void run(const char *what, uint64_t paths, const struct path_set *sets, size_t nr_sets)
{
	static char row_names[SUBJECTS][MAX_DEPTHS + 1][64];
	struct bench_row rows[SUBJECTS][MAX_DEPTHS + 1];
	double medians[SUBJECTS][MAX_DEPTHS + 1];
	uint32_t order[SUBJECTS], set_order[MAX_DEPTHS];
	size_t set, round, i, j;

	for (i = 0; i < SUBJECTS; i++) {
		for (set = 0; set <= nr_sets; set++) {
			char *name = row_names[i][set];
			int len = snprintf(name, 64, "%s-%s", subjects[i].row, what);

			if (set == nr_sets)
				snprintf(name + len, 64 - (size_t)len, "-slope");
			else if (sets[set].depth)
				snprintf(name + len, 64 - (size_t)len, "-%u", sets[set].depth);
			bench_row_init(&rows[i][set], name, subjects[i].name, paths, 1, rounds);
		}
		/* So that it has been walked before. */
		for (set = 0; set < nr_sets; set++)
			measure(&sets[set], &subjects[i], NULL);
	}
	for (round = 0; round < rounds; round++) {
		bench_order(order, SUBJECTS, &seed);
		for (i = 0; i < SUBJECTS; i++) {
			uint32_t subject = order[i];
			double ns[MAX_DEPTHS] = { 0 };

			/* No depth profits from what a certain other one has just read. */
			bench_order(set_order, nr_sets, &seed);
			for (j = 0; j < nr_sets; j++) {
				bool disturbed;

				set = set_order[j];
				do {
					disturbed = false;
					ns[set] = measure(&sets[set], &subjects[subject],
							  &disturbed);
					exit_if_stopped();
				} while (!bench_row_add(&rows[subject][set], ns[set], disturbed));
			}
			if (nr_sets > 1)
				bench_row_add(&rows[subject][nr_sets], slope(sets, ns, nr_sets),
					      false);
		}
	}
	printf("\n%" PRIu64 " entries, a table for as many; ns a path\n", entries);
	bench_row_heading("");
	for (set = 0; set < nr_sets + (nr_sets > 1); set++) {
		for (i = 0; i < SUBJECTS; i++)
			medians[i][set] = bench_row_report(&rows[i][set]);
		printf("%-30s dcache / statx %.3f, dcache / lfht-walk %.3f, -ref / access %.3f, / "
		       "openat2 %.3f\n",
		       row_names[DCACHE][set], medians[DCACHE][set] / medians[STATX][set],
		       medians[DCACHE][set] / medians[LFHT][set],
		       medians[DCACHE_REF][set] / medians[ACCESS][set],
		       medians[DCACHE_REF][set] / medians[OPENAT2][set]);
	}
}

static void hot(const char *where)
{
	struct path_set sets[HOT_DEPTH] = { 0 };
	size_t i;

	for (i = 0; i < HOT_DEPTH; i++)
		sets[i].depth = (uint32_t)i + 1;
	make_tree(where, HOT_CHAINS, 1, sets, HOT_DEPTH);
	for (i = 0; i < HOT_DEPTH; i++)
		path_set_order(&sets[i], HOT_TIMES, HOT_PASSES);
	run("hot", HOT_CHAINS, sets, HOT_DEPTH);
	for (i = 0; i < HOT_DEPTH; i++)
		path_set_free(&sets[i]);
	caches_end();
	close(tree_fd);
	remove_tree();
}

static void cold(const char *where, size_t paths)
{
	struct path_set sets[COLD_DEPTH / 2] = { 0 };
	size_t i;

	for (i = 0; i < COLD_DEPTH / 2; i++)
		sets[i].depth = 2 * (uint32_t)i + 2;
	make_tree(where, paths / COLD_FILES, COLD_FILES, sets, COLD_DEPTH / 2);
	for (i = 0; i < COLD_DEPTH / 2; i++)
		path_set_order(&sets[i], 1, 1);
	run("cold", paths, sets, COLD_DEPTH / 2);
	for (i = 0; i < COLD_DEPTH / 2; i++)
		path_set_free(&sets[i]);
	caches_end();
	close(tree_fd);
	remove_tree();
}

/* ---- a tree that is there ---- */

static struct path_set found;
static size_t found_prefix;

/* Links are left out, so that all walks go the same way. */
static int count_one(const char *at, const struct stat *st, int type, struct FTW *ftw)
{
	(void)at;
	(void)type;
	entries += ftw->level && !S_ISLNK(st->st_mode);
	return 0;
}

static int fill_one(const char *at, const struct stat *st, int type, struct FTW *ftw)
{
	const char *path = at + found_prefix + 1;

	(void)type;
	if (!ftw->level || S_ISLNK(st->st_mode))
		return 0;
	caches_add(path, (size_t)ftw->base - found_prefix - 1, st->st_ino,
		   S_ISDIR(st->st_mode)	  ? INODE_DIRECTORY
		   : S_ISREG(st->st_mode) ? INODE_REGULAR
					  : INODE_SPECIAL);
	path_add(&found, path, (uint32_t)ftw->level, st->st_ino);
	return 0;
}

static void real_tree(const char *directory)
{
	size_t components = 0, i;

	found_prefix = strlen(directory);
	while (found_prefix && directory[found_prefix - 1] == '/')
		found_prefix--;
	BENCH_CHECK(!nftw(directory, count_one, 64, FTW_PHYS | FTW_MOUNT) && entries);
	caches_make(entries);
	BENCH_CHECK(!nftw(directory, fill_one, 64, FTW_PHYS | FTW_MOUNT));
	tree_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	BENCH_CHECK(tree_fd >= 0);
	for (i = 0; i < found.n; i++)
		components += found.at[i].depth;
	printf("\n%s: %zu paths of %.2f components\n", directory, found.n,
	       (double)components / (double)found.n);
	path_set_order(&found, 1, 1);
	run("tree", found.n, &found, 1);
	path_set_free(&found);
	caches_end();
	close(tree_fd);
}

int main(int argc, char **argv)
{
	const char *where = getenv("TMPDIR"), *directory = NULL, *names_of = "/usr";
	struct sigaction action = { .sa_handler = stop };
	char usual[] = "16384,65536", *paths = usual, *number;
	int option;

	if (!where || !*where)
		where = "/tmp";
	while ((option = getopt(argc, argv, "d:n:N:r:t:")) != -1) {
		switch (option) {
		case 'd':
			directory = optarg;
			break;
		case 'n':
			paths = optarg;
			break;
		case 'N':
			names_of = optarg;
			break;
		case 'r':
			rounds = bench_number(optarg, 1, BENCH_MAX_ROUNDS);
			break;
		case 't':
			where = optarg;
			break;
		default:
			return 2;
		}
	}
	names_make(NULL, names_of, 0);
	names_make_distinct();
	BENCH_CHECK(names.n > COLD_FILES);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	BENCH_CHECK(!atexit(remove_tree));
	printf("%zu rounds, names of %s, a tree in %s\n", rounds, names_of, where);
	hot(where);
	for (number = strtok(paths, ","); number; number = strtok(NULL, ","))
		cold(where, bench_number(number, COLD_FILES, 1u << 22));
	if (directory)
		real_tree(directory);
	return 0;
}
