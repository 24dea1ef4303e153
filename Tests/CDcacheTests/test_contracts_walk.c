/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dcache_walk() and dcache_walk_rcu() against the host: a directory tree on the disk, a cache whose
 * backend is that tree, and for every path, starting point and set of flags the answer that
 * openat2(2) gives.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "harness.h"

/* ---- a backend that is the host ---- */

static bool links_need_sleep;
static _Atomic long host_asked;

static struct inode *host_inode(struct dcache *dc, const char *path);

static struct dentry *host_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct qstr name = d_name(dentry);
	struct inode *inode;
	struct dentry *alias;
	char *path;

	(void)flags;
	atomic_fetch_add(&host_asked, 1);
	if (asprintf(&path, "%s/%.*s", (const char *)inode_private(dir), (int)name.len, name.name) <
	    0)
		return ERR_PTR(-ENOMEM);
	inode = host_inode(inode_dcache(dir), path);
	free(path);
	if (IS_ERR(inode) && PTR_ERR(inode) == -ENOENT)
		inode = NULL;
	alias = d_splice_alias(inode, dentry);
	return alias;
}

static int host_get_link(struct inode *inode, char *buf, size_t size, unsigned int flags)
{
	char body[DCACHE_PATH_MAX];
	ssize_t len;

	if ((flags & LOOKUP_RCU) && links_need_sleep)
		return -ECHILD;
	len = readlink(inode_private(inode), body, sizeof(body));
	if (len < 0)
		return -errno;
	if ((size_t)len > size)
		return -ENAMETOOLONG;
	memcpy(buf, body, (size_t)len);
	return (int)len;
}

static void host_release(struct inode *inode)
{
	free(inode_private(inode));
}

static const struct inode_operations host_ops = {
	.lookup = host_lookup,
	.get_link = host_get_link,
	.release = host_release,
};

static struct inode *host_inode(struct dcache *dc, const char *path)
{
	enum inode_type type = INODE_SPECIAL;
	struct inode *inode;
	struct stat st;
	char *copy;

	if (lstat(path, &st))
		return ERR_PTR(-errno);
	if (S_ISDIR(st.st_mode))
		type = INODE_DIRECTORY;
	else if (S_ISREG(st.st_mode))
		type = INODE_REGULAR;
	else if (S_ISLNK(st.st_mode))
		type = INODE_SYMLINK;
	copy = strdup(path);
	inode = new_inode(dc, st.st_ino, type, &host_ops, copy);
	if (IS_ERR(inode))
		free(copy);
	return inode;
}

/* ---- the tree ---- */

struct host {
	char path[64];
	int fd;
	struct dcache *dc;
	struct dentry *root;
};

static const char *const base_paths[] = { "", "d", "d/e", "link-to-d" };
#define BASES (sizeof(base_paths) / sizeof(base_paths[0]))

static void make_links(int fd)
{
	static const char *const links[][2] = {
		{ "d", "link-to-d" },
		{ "d/", "link-to-d-slash" },
		{ "f", "link-to-f" },
		{ "f/", "link-to-f-slash" },
		{ "link-to-d", "link-to-link" },
		{ "link-to-d/", "link-to-link-slash" },
		{ "nowhere", "dangling" },
		{ "loop", "loop" },
		{ "loop-b", "loop-a" },
		{ "loop-a", "loop-b" },
		{ "..", "up" },
		{ ".", "here" },
		{ "/", "to-root" },
		{ "///", "to-root-slashes" },
		{ "/d/e", "absolute" },
		{ "/nowhere/x", "absolute-dangling" },
		{ "../..", "d/up-up" },
		{ "../f", "d/to-f" },
		{ "../link-to-d/e/../to-f", "d/zigzag" },
		{ "/d", "d/e/to-d" },
		{ "../../..", "d/e/out" },
		{ "./././../d//e/./", "d/many" },
		{ "f/x", "through-file" },
		{ "f/.", "file-dot" },
		/* What is left of the second is where the body of the first would be. */
		{ "d/./././e", "s" },
		{ "s/f", "t" },
	};
	char name[32], body[32];
	size_t i;

	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		CHECK(!symlinkat(links[i][0], fd, links[i][1]));
	/* chain-N leads to "d" by N + 1 links. */
	CHECK(!symlinkat("d", fd, "chain-0"));
	for (i = 1; i < 45; i++) {
		snprintf(name, sizeof(name), "chain-%zu", i);
		snprintf(body, sizeof(body), "chain-%zu", i - 1);
		CHECK(!symlinkat(body, fd, name));
	}
	/* nested-N/e leads to "d/e" by nested texts. */
	CHECK(!symlinkat("d/.", fd, "nested-0"));
	for (i = 1; i < 45; i++) {
		snprintf(name, sizeof(name), "nested-%zu", i);
		snprintf(body, sizeof(body), "nested-%zu/.", i - 1);
		CHECK(!symlinkat(body, fd, name));
	}
}

/* A link of many bytes: "./././.../d". */
static void make_long_link(int fd)
{
	char body[DCACHE_PATH_MAX];
	size_t at;

	for (at = 0; at < 4000; at += 2)
		memcpy(body + at, "./", 2);
	memcpy(body + at, "d", 2);
	CHECK(!symlinkat(body, fd, "long-link"));
	for (at = 0; at < 900; at += 2)
		memcpy(body + at, "./", 2);
	memcpy(body + at, "long-link/..", 13);
	CHECK(!symlinkat(body, fd, "long-link-link"));
}

static bool host_begin(struct host *host)
{
	static const char *const dirs[] = { "d", "d/e", "d/e/g", "empty" };
	char deep[16] = "deep";
	size_t i;
	int fd, at;

	strcpy(host->path, "/tmp/dcache-walk.XXXXXX");
	if (!CHECK(mkdtemp(host->path)))
		return false;
	host->fd = open(host->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!CHECK(host->fd >= 0))
		return false;
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		CHECK(!mkdirat(host->fd, dirs[i], 0700));
	close(openat(host->fd, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	close(openat(host->fd, "d/e/f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	make_links(host->fd);
	make_long_link(host->fd);
	/* Deeper than a walk without references has room for. */
	fd = dup(host->fd);
	for (i = 0; i < 200; i++) {
		CHECK(!mkdirat(fd, deep, 0700));
		at = openat(fd, deep, O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = at;
		strcpy(deep, "n");
	}
	close(fd);
	return true;
}

static bool host_cache(struct host *host)
{
	if (!CHECK(!dcache_create(NULL, &host->dc)))
		return false;
	host->root = d_make_root(host_inode(host->dc, host->path));
	return CHECK(!IS_ERR(host->root));
}

static void host_uncache(struct host *host)
{
	dput(host->root);
	CHECK_EQ(dcache_destroy(host->dc), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void host_end(struct host *host)
{
	close(host->fd);
	nftw(host->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the host's answer ---- */

/* Inode number, or a negative errno value. */
static long long host_walk(const struct host *host, int base, const char *path, unsigned int flags)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	char whole[2 * DCACHE_PATH_MAX];
	int dir = host->fd, fd, tries;
	struct stat st;

	if (flags & WALK_NOFOLLOW)
		how.flags |= O_NOFOLLOW;
	if (flags & WALK_DIRECTORY)
		how.flags |= O_DIRECTORY;
	if (flags & WALK_BENEATH)
		how.resolve = RESOLVE_BENEATH;
	if (flags & WALK_NO_SYMLINKS)
		how.resolve |= RESOLVE_NO_SYMLINKS;
	snprintf(whole, sizeof(whole), "%s", path);
	if (flags & (WALK_BENEATH | WALK_IN_ROOT)) {
		if (base)
			dir = openat(host->fd, base_paths[base], O_PATH | O_CLOEXEC);
	} else if (base && *path != '/') {
		/* The real directory of the base, so that its links do not count. */
		snprintf(whole, sizeof(whole), "%s/%s", base == 3 ? "d" : base_paths[base], path);
	}
	for (tries = 0; tries < 100; tries++) {
		fd = (int)syscall(SYS_openat2, dir, whole, &how, sizeof(how));
		/* When a rename elsewhere makes it start over, it goes on counting links from where it
		 * was, and says "too many" of half of them. */
		if (fd >= 0 || (errno != EAGAIN && (errno != ELOOP || tries >= 20)))
			break;
	}
	if (dir != host->fd) {
		int saved = errno;

		close(dir);
		errno = saved;
	}
	if (fd < 0)
		return -errno;
	CHECK(!fstat(fd, &st));
	close(fd);
	return (long long)st.st_ino;
}

static bool host_has_openat2(const struct host *host)
{
	return host_walk(host, 0, "d", 0) > 0;
}

/* ---- ours ---- */

static long long told(struct dentry *dentry)
{
	const struct inode *inode = IS_ERR(dentry) ? NULL : d_inode(dentry);

	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
	return inode ? (long long)inode_number(inode) : 0;
}

static long long walk(const struct host *host, struct dentry *base, const char *path,
		      unsigned int flags)
{
	struct dentry *dentry = dcache_walk(host->root, base, path, strlen(path), flags);
	long long answer = told(dentry);

	dput(dentry);
	return answer;
}

static long long walk_rcu(const struct host *host, struct dentry *base, const char *path,
			  unsigned int flags)
{
	struct dentry *dentry;
	long long answer;
	uint32_t seq;

	dcache_read_lock();
	dentry = dcache_walk_rcu(host->root, base, path, strlen(path), flags, &seq);
	answer = told(dentry);
	/* Somebody may have dropped it since. */
	if (!IS_ERR(dentry) && d_seq_retry(dentry, seq))
		answer = -ECHILD;
	dcache_read_unlock();
	return answer;
}

static void compare(const struct host *host, int nr, struct dentry *base, const char *path,
		    unsigned int flags, bool warm)
{
	long long expected = host_walk(host, nr, path, flags);
	long long got = walk(host, base, path, flags);

	/* The host leaves its walk without references when ".." would lead out, and goes on counting links
	 * when it begins anew: half of them are too many. Random paths come to that. */
	if (!warm && (flags & WALK_BENEATH) && expected == -ELOOP && got == -EXDEV)
		expected = got;
	test_check(got == expected, __FILE__, __LINE__,
		   "%.60s from \"%s\", flags %#x: %lld, not %lld", path, base_paths[nr], flags, got,
		   expected);
	got = walk_rcu(host, base, path, flags);
	test_check(got == expected || got == -ECHILD, __FILE__, __LINE__,
		   "%.60s from \"%s\", flags %#x, RCU: %lld, not %lld", path, base_paths[nr], flags,
		   got, expected);
	/* What has been walked is cached, and is not asked for again. */
	if (warm && strlen(path) < 200 && !links_need_sleep && !strstr(path, "long"))
		test_check(got != -ECHILD, __FILE__, __LINE__, "%.60s, flags %#x: not cached", path,
			   flags);
	got = walk(host, base, path, flags | WALK_CACHED);
	test_check(got == expected || got == -EAGAIN, __FILE__, __LINE__,
		   "%.60s from \"%s\", flags %#x, cached: %lld, not %lld", path, base_paths[nr],
		   flags, got, expected);
}

static const unsigned int scopes[] = { 0, WALK_BENEATH, WALK_IN_ROOT };
static const unsigned int others[] = {
	0,
	WALK_NOFOLLOW,
	WALK_NO_SYMLINKS,
	WALK_DIRECTORY,
	WALK_NOFOLLOW | WALK_NO_SYMLINKS,
	WALK_NOFOLLOW | WALK_DIRECTORY,
};

static void compare_all(const struct host *host, const char *path, bool warm)
{
	size_t base, scope, other;

	for (base = 0; base < BASES; base++) {
		struct dentry *from = base ? dcache_walk(host->root, NULL, base_paths[base],
							 strlen(base_paths[base]), 0)
					   : NULL;

		REQUIRE(!IS_ERR(from));
		for (scope = 0; scope < 3; scope++) {
			for (other = 0; other < sizeof(others) / sizeof(others[0]); other++)
				compare(host, (int)base, from, path, scopes[scope] | others[other],
					warm);
		}
		dput(from);
	}
}

static const char *const paths[] = {
	"d",
	"/d",
	"//d",
	"d/",
	"d//",
	"d/e",
	"d//e",
	"/d/e/",
	"d/./e",
	"d/e/..",
	"d/e/../",
	"d/e/../..",
	"..",
	"../",
	"../..",
	"../d",
	".",
	"./",
	"/",
	"//",
	"/.",
	"/..",
	"/../d",
	"f",
	"f/",
	"/f/",
	"f/.",
	"f/..",
	"f/x",
	"f/../f",
	"nowhere",
	"nowhere/",
	"nowhere/x",
	"nowhere/..",
	"d/nowhere",
	"link-to-d",
	"link-to-d/",
	"link-to-d/.",
	"link-to-d/..",
	"link-to-d/e",
	"link-to-d-slash",
	"link-to-d-slash/",
	"link-to-f",
	"link-to-f/",
	"link-to-f/.",
	"link-to-f-slash",
	"link-to-link",
	"link-to-link/",
	"link-to-link-slash",
	"link-to-link/e/f",
	"dangling",
	"dangling/",
	"dangling/x",
	"loop",
	"loop/",
	"loop/x",
	"loop-a",
	"up",
	"up/",
	"up/d",
	"up/up/d",
	"here",
	"here/",
	"here/d",
	"to-root",
	"to-root/",
	"to-root/d",
	"to-root/..",
	"to-root-slashes",
	"to-root-slashes/d/",
	"absolute",
	"absolute/",
	"absolute/f",
	"absolute/../f",
	"absolute-dangling",
	"d/up-up",
	"d/up-up/d",
	"d/to-f",
	"d/to-f/",
	"d/zigzag",
	"d/zigzag/",
	"d/e/to-d",
	"d/e/to-d/e/f",
	"d/e/out",
	"d/e/out/d",
	"d/many",
	"d/many/f",
	"through-file",
	"file-dot",
	"d/e/f",
	"d/e/f/",
	"d/e/f/..",
	"chain-0",
	"chain-38",
	"chain-39",
	"chain-40",
	"chain-44",
	"chain-39/e",
	"chain-38/e/../e",
	"chain-40/e",
	"nested-38/e",
	"nested-39/e",
	"nested-40/e",
	"nested-39",
	"nested-40",
	"nested-20/.",
	"link-to-d/../link-to-d/../link-to-d/e/f",
	"long-link",
	"long-link/",
	"long-link-link/d",
	"long-link-link/long-link/e",
	"...",
	"..d",
	"d/...",
	"e",
	"e/f",
	"to-f",
	"out",
	"many",
	"up-up",
	"g",
	"g/..",
	"e/g/../../..",
	"to-d",
	"../f",
	"../../f",
	"empty/..",
	"empty/x",
	"t",
	"t/",
	"d/../t",
	"s/..",
};

static void each_path_as_the_host(void)
{
	struct host host;
	char *deep;
	size_t i;
	int sleep, warm;

	REQUIRE(host_begin(&host));
	if (!host_has_openat2(&host)) {
		host_end(&host);
		return;
	}
	deep = malloc(DCACHE_PATH_MAX + 8);
	REQUIRE(deep);
	for (sleep = 0; sleep < 2; sleep++) {
		links_need_sleep = sleep;
		REQUIRE(host_cache(&host));
		for (warm = 0; warm < 2; warm++) {
			for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
				compare_all(&host, paths[i], warm);
			/* Many components, and a name and paths that are too long, or just not. */
			strcpy(deep, "deep");
			for (i = 1; i < 200; i++)
				strcat(deep, "/n");
			compare_all(&host, deep, warm);
			strcat(deep, "/../../n/nowhere");
			compare_all(&host, deep, warm);
			memset(deep, 'x', 256);
			deep[256] = 0;
			compare_all(&host, deep, warm);
			deep[255] = 0;
			compare_all(&host, deep, warm);
			for (i = 0; i < 4096; i += 2)
				memcpy(deep + i, "./", 2);
			for (i = 4085; i < 4098; i++) {
				deep[i] = 0;
				compare(&host, 0, NULL, deep, 0, false);
				deep[i] = i % 2 ? '/' : '.';
			}
		}
		host_uncache(&host);
	}
	free(deep);
	host_end(&host);
}

TEST(every_path_leads_where_the_host_says, "dcache_walk dcache_walk_rcu")
{
	each_path_as_the_host();
}

/* ---- made up paths ---- */

static size_t make_path(char *path, uint64_t *state)
{
	static const char *const parts[] = {
		"d",
		"e",
		"f",
		"g",
		"..",
		"..",
		".",
		"link-to-d",
		"link-to-f",
		"up",
		"here",
		"to-root",
		"absolute",
		"to-d",
		"to-f",
		"zigzag",
		"many",
		"up-up",
		"out",
		"nowhere",
		"loop",
		"chain-15",
		"nested-15",
		"dangling",
		"link-to-link-slash",
		"to-root-slashes",
		"empty",
	};
	size_t at = 0;
	int left;

	*state = *state * 6364136223846793005u + 1442695040888963407u;
	left = (int)(*state >> 60) % 7 + 1;
	if ((*state >> 56) % 4 == 0)
		path[at++] = '/';
	while (left--) {
		const char *part;

		*state = *state * 6364136223846793005u + 1442695040888963407u;
		part = parts[(*state >> 33) % (sizeof(parts) / sizeof(parts[0]))];
		at += (size_t)sprintf(path + at, "%s%s", part,
				      left || (*state >> 60) % 4 == 0 ? "/" : "");
	}
	path[at] = 0;
	return at;
}

TEST(any_path_leads_where_the_host_says, "dcache_walk dcache_walk_rcu")
{
	uint64_t state = test_now_ns();
	struct host host;
	char path[512];
	int i;

	printf("seed %llu\n", (unsigned long long)state);
	links_need_sleep = false;
	REQUIRE(host_begin(&host));
	if (host_has_openat2(&host)) {
		REQUIRE(host_cache(&host));
		for (i = 0; i < 1000; i++) {
			make_path(path, &state);
			compare_all(&host, path, false);
			if (i % 100 == 99)
				shrink_dcache(host.dc, 1000);
		}
		host_uncache(&host);
	}
	host_end(&host);
}

/* ---- many at once, while entries come and go ---- */

#define CROWD_PATHS 200

static struct crowd {
	struct host host;
	char paths[CROWD_PATHS][256];
	long long expected[CROWD_PATHS];
	_Atomic bool over;
	_Atomic long walks, given_up;
} crowd;

static void *crowd_walk(void *arg)
{
	uint64_t state = (uint64_t)(uintptr_t)arg;

	while (!atomic_load(&crowd.over)) {
		size_t nr = (state = state * 6364136223846793005u + 1442695040888963407u) >> 33;
		const char *path = crowd.paths[nr %= CROWD_PATHS];
		long long got = walk(&crowd.host, NULL, path, 0);

		if (got == -EAGAIN)
			atomic_fetch_add(&crowd.given_up, 1);
		else
			test_check(got == crowd.expected[nr], __FILE__, __LINE__,
				   "%s: %lld, not %lld", path, got, crowd.expected[nr]);
		got = walk_rcu(&crowd.host, NULL, path, 0);
		test_check(got == -ECHILD || got == crowd.expected[nr], __FILE__, __LINE__,
			   "%s, RCU: %lld, not %lld", path, got, crowd.expected[nr]);
		atomic_fetch_add(&crowd.walks, 2);
	}
	return NULL;
}

static void *crowd_disturb(void *arg)
{
	uint64_t state = 1;

	(void)arg;
	while (!atomic_load(&crowd.over)) {
		size_t nr = (state = state * 6364136223846793005u + 1442695040888963407u) >> 33;
		struct dentry *dentry;

		nr %= CROWD_PATHS;
		if (nr % 2) {
			shrink_dcache(crowd.host.dc, nr / 8);
		} else {
			dentry = dcache_walk(crowd.host.root, NULL, crowd.paths[nr],
					     strlen(crowd.paths[nr]), WALK_CREATE);
			/* Whoever asks for it again gets another entry, of another inode with the
			 * same number. */
			if (!IS_ERR(dentry))
				d_drop(dentry);
			dput(dentry);
		}
		usleep(50);
	}
	return NULL;
}

TEST(walks_while_entries_come_and_go, "dcache_walk H34 H36 H46")
{
	uint64_t state = test_now_ns();
	pthread_t threads[4];
	size_t i;

	links_need_sleep = false;
	REQUIRE(host_begin(&crowd.host));
	if (!host_has_openat2(&crowd.host)) {
		host_end(&crowd.host);
		return;
	}
	REQUIRE(host_cache(&crowd.host));
	for (i = 0; i < CROWD_PATHS; i++) {
		make_path(crowd.paths[i], &state);
		crowd.expected[i] = host_walk(&crowd.host, 0, crowd.paths[i], 0);
	}
	atomic_store(&crowd.over, false);
	atomic_store(&crowd.walks, 0);
	atomic_store(&crowd.given_up, 0);
	for (i = 0; i < 3; i++)
		threads[i] = test_thread(crowd_walk, (void *)(i + 1));
	threads[3] = test_thread(crowd_disturb, NULL);
	test_sleep_ms(1000);
	atomic_store(&crowd.over, true);
	for (i = 0; i < 4; i++)
		test_join(threads[i]);
	printf("%ld walks, %ld of them given up\n", atomic_load(&crowd.walks),
	       atomic_load(&crowd.given_up));
	CHECK(atomic_load(&crowd.given_up) * 100 < atomic_load(&crowd.walks));
	host_uncache(&crowd.host);
	host_end(&crowd.host);
}
