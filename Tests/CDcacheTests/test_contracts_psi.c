/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shrinking when the kernel says that memory is short: what is watched, by whom, and until when. */
#define _GNU_SOURCE /* pthread_setattr_default_np(), ptsname_r() */
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>

#include "harness.h"
#include "internal.h"
#include "sync/monitor.h"

#define COLD NAME("cold")

/* Adds, and puts, hashed negative entries of numbered names. */
static void add(struct tree *tree, const char *prefix, int from, int to)
{
	int i;

	for (i = from; i < to; i++) {
		char bytes[16];
		struct qstr name = qstr_init(
			bytes, (size_t)snprintf(bytes, sizeof(bytes), "%s%d", prefix, i));

		dput(tree_add(tree, tree->root, &name, 0));
	}
}

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* A FIFO is what is watched; whoever writes to it makes memory short. */
struct fifo {
	char dir[64], path[80];
	int fd;
};

static bool fifo_begin(struct fifo *fifo)
{
	snprintf(fifo->dir, sizeof(fifo->dir), "/tmp/dcache-psi-XXXXXX");
	if (!CHECK(mkdtemp(fifo->dir)))
		return false;
	snprintf(fifo->path, sizeof(fifo->path), "%s/fifo", fifo->dir);
	if (!CHECK(!mkfifo(fifo->path, 0600)))
		return false;
	fifo->fd = open(fifo->path, O_RDWR | O_CLOEXEC);
	return CHECK(fifo->fd >= 0);
}

static void fifo_end(struct fifo *fifo)
{
	close(fifo->fd);
	unlink(fifo->path);
	rmdir(fifo->dir);
}

static void memory_is_short(struct fifo *fifo)
{
	CHECK_EQ(write(fifo->fd, "x", 1), 1);
}

TEST(the_cache_shrinks_when_memory_is_short, "dcache_watch_psi")
{
	struct dcache_psi psi = DCACHE_PSI_INIT;
	struct tree tree = tree_begin(NULL, NULL);
	int files = open_files();
	struct fifo fifo;
	int round;

	REQUIRE(fifo_begin(&fifo));
	psi.path = fifo.path;
	psi.percent = 50;
	for (round = 0; round < 3; round++) {
		char rest[8];

		errno = 77;
		CHECK_EQ(dcache_watch_psi(tree.dc, &psi), 0);
		CHECK_EQ(dcache_watch_psi(tree.dc, &psi), -EALREADY);
		CHECK_EQ(errno, 77);
		add(&tree, "n", 0, 1000);
		memory_is_short(&fifo);
		CHECK(EVENTUALLY(tree_stats(&tree).entries == 501));
		memory_is_short(&fifo);
		CHECK(EVENTUALLY(tree_stats(&tree).entries == 251));
		dcache_unwatch_psi(tree.dc);
		CHECK_EQ(errno, 77);
		memory_is_short(&fifo);
		test_sleep_ms(20);
		CHECK_EQ(tree_stats(&tree).entries, 251);
		CHECK_EQ(read(fifo.fd, rest, sizeof(rest)), 1);
		dcache_unwatch_psi(tree.dc);
		shrink_dcache(tree.dc, 1000);
	}
	fifo_end(&fifo);
	CHECK_EQ(open_files(), files);
	tree_end(&tree);
}

TEST(what_cannot_be_watched_is_an_error, "dcache_watch_psi")
{
	static const struct dcache_psi bad[] = {
		{ 0, 2000000, 10, NULL },	{ 100000, 2000000, 0, NULL },
		{ 100000, 2000000, 101, NULL }, { 2000001, 2000000, 10, NULL },
		{ 100000, 499999, 10, NULL },	{ 100000, 10000001, 10, NULL },
	};
	struct dcache_psi psi = DCACHE_PSI_INIT;
	struct tree tree = tree_begin(NULL, NULL);
	int files = open_files();
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(dcache_watch_psi(tree.dc, &bad[i]), -EINVAL);
	errno = 77;
	psi.path = "/nowhere/memory.pressure";
	CHECK_EQ(dcache_watch_psi(tree.dc, &psi), -ENOENT);
	/* It opens, and takes no trigger. */
	psi.path = "/proc/self/comm";
	i = 0;
	psi.path = "/proc/version";
	CHECK(dcache_watch_psi(tree.dc, &psi) < 0);
	CHECK_EQ(errno, 77);
#ifdef DCACHE_DEBUG
	psi.path = NULL;
	dc_fail_allocation(1);
	CHECK_EQ(dcache_watch_psi(tree.dc, &psi), -ENOMEM);
	dc_fail_allocation(0);
#endif
	CHECK_EQ(open_files(), files);
	/* Nothing is left behind: it can be watched. */
	if (!access("/proc/pressure/memory", W_OK)) {
		int err = dcache_watch_psi(tree.dc, NULL);

		/* Old kernels allow it to the privileged only. */
		CHECK(!err || err == -EPERM || err == -EACCES || err == -EOPNOTSUPP);
		psi.path = "/proc/pressure/memory";
		CHECK(dcache_watch_psi(tree.dc, &psi) == (err ? err : -EALREADY));
	}
	dcache_unwatch_psi(tree.dc);
	CHECK_EQ(open_files(), files);
	tree_end(&tree);
}

TEST(an_instance_ends_while_it_is_watched, "dcache_watch_psi dcache_destroy dcache_release")
{
	struct dcache_psi psi = DCACHE_PSI_INIT;
	int files = open_files();
	struct fifo fifo;
	int round;

	REQUIRE(fifo_begin(&fifo));
	psi.path = fifo.path;
	for (round = 0; round < 40; round++) {
		struct tree tree = tree_begin(NULL, NULL);

		add(&tree, "n", 0, 200);
		CHECK_EQ(dcache_watch_psi(tree.dc, &psi), 0);
		memory_is_short(&fifo);
		if (round % 2) {
			/* In use: it goes on being watched. */
			CHECK_EQ(dcache_destroy(tree.dc), -EBUSY);
			add(&tree, "m", 0, 200);
			memory_is_short(&fifo);
			if (round % 4 == 1)
				CHECK(EVENTUALLY(tree_stats(&tree).entries < 201));
			/* It is ended with the instance. */
			tree_end(&tree);
		} else {
			struct dentry *root = tree.root;

			dcache_release(tree.dc);
			memory_is_short(&fifo);
			dput(root);
			CHECK(EVENTUALLY(atomic_load(&tree_inodes_released) ==
					 atomic_load(&tree_inodes_made)));
			CHECK(EVENTUALLY(open_files() == files + 1));
#ifdef DCACHE_DEBUG
			CHECK(EVENTUALLY(dc_live_allocations() == tree.allocations_before));
#endif
		}
	}
	fifo_end(&fifo);
	CHECK_EQ(open_files(), files);
}

#ifdef DCACHE_DEBUG

static void *destroy(void *dc)
{
	return (void *)(intptr_t)dcache_destroy(dc);
}

/* What the watching thread is about to free is nobody's: the end waits for it. */
TEST(an_instance_ends_while_the_watcher_shrinks, "dcache_watch_psi dcache_destroy")
{
	struct dcache_psi psi = DCACHE_PSI_INIT;
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = tree_add(&tree, tree.root, COLD, 0);
	struct gate isolated = { 0 };
	struct fifo fifo;
	pthread_t thread;
	void *result;

	REQUIRE(fifo_begin(&fifo));
	psi.path = fifo.path;
	CHECK_EQ(dcache_watch_psi(tree.dc, &psi), 0);
	dput(dentry);
	gate_arm(&isolated, DC_S1, dentry, 1);
	memory_is_short(&fifo);
	REQUIRE(gate_wait(&isolated, 1));
	dput(tree.root);
	thread = test_thread(destroy, tree.dc);
	test_sleep_ms(50);
	gate_open(&isolated);
	pthread_join(thread, &result);
	CHECK_EQ((intptr_t)result, 0);
	CHECK_EQ(dc_live_allocations(), tree.allocations_before);
	gates_reset();
	fifo_end(&fifo);
}

#endif

/* ---- what fails ---- */

/* The lowest number that no file has: the next that is opened gets it. */
static int next_file(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

static bool limit_files(rlim_t nr, struct rlimit *usual)
{
	struct rlimit few;

	if (getrlimit(RLIMIT_NOFILE, usual))
		return false;
	few = *usual;
	few.rlim_cur = nr;
	return !setrlimit(RLIMIT_NOFILE, &few);
}

/* What was opened is closed again, and nothing but a word is lost. */
static void watching_fails(struct tree *tree, const struct dcache_psi *psi, int expected)
{
#ifdef DCACHE_DEBUG
	long live = dc_live_allocations();
#endif
	int file = next_file();

	errno = 77;
	CHECK_EQ(dcache_watch_psi(tree->dc, psi), expected);
	CHECK_EQ(errno, 77);
	CHECK_EQ(next_file(), file);
#ifdef DCACHE_DEBUG
	CHECK_EQ(dc_live_allocations(), live);
#endif
}

TEST(files_that_cannot_be_opened_are_an_error, "dcache_watch_psi")
{
	struct dcache_psi psi = DCACHE_PSI_INIT;
	struct tree tree = tree_begin(NULL, NULL);
	int files = open_files();
	struct rlimit usual;
	struct fifo fifo;

	REQUIRE(fifo_begin(&fifo));
	psi.path = fifo.path;
	/* None: not what says which cgroup the process is in either. */
	REQUIRE(limit_files(0, &usual));
	CHECK_EQ(dcache_watch_psi(tree.dc, &psi), -EMFILE);
	CHECK_EQ(dcache_watch_psi(tree.dc, NULL), -EMFILE);
	setrlimit(RLIMIT_NOFILE, &usual);
	/* The file, and not what ends the thread. */
	REQUIRE(limit_files((rlim_t)next_file() + 1, &usual));
	watching_fails(&tree, &psi, -EMFILE);
	setrlimit(RLIMIT_NOFILE, &usual);
	CHECK_EQ(dcache_watch_psi(tree.dc, &psi), 0);
	dcache_unwatch_psi(tree.dc);
	fifo_end(&fifo);
	CHECK_EQ(open_files(), files);
	tree_end(&tree);
}

TEST(a_watcher_that_cannot_be_started_is_an_error, "dcache_watch_psi")
{
	struct dcache_psi psi = DCACHE_PSI_INIT;
	struct tree tree = tree_begin(NULL, NULL);
	int files = open_files();
	pthread_attr_t usual, huge;
	struct fifo fifo;

	REQUIRE(fifo_begin(&fifo));
	psi.path = fifo.path;
	pthread_getattr_default_np(&usual);
	pthread_attr_init(&huge);
	/* More than there are addresses. */
	REQUIRE(!pthread_attr_setstacksize(&huge, (size_t)1 << 48));
	REQUIRE(!pthread_setattr_default_np(&huge));
	watching_fails(&tree, &psi, -EAGAIN);
	pthread_setattr_default_np(&usual);
	/* It is not watched, and can be. */
	add(&tree, "n", 0, 100);
	memory_is_short(&fifo);
	dcache_unwatch_psi(tree.dc);
	CHECK_EQ(tree_stats(&tree).entries, 101);
	psi.percent = 100;
	CHECK_EQ(dcache_watch_psi(tree.dc, &psi), 0);
	CHECK(EVENTUALLY(tree_stats(&tree).entries == 1));
	dcache_unwatch_psi(tree.dc);
	pthread_attr_destroy(&huge);
	pthread_attr_destroy(&usual);
	fifo_end(&fifo);
	CHECK_EQ(open_files(), files);
	tree_end(&tree);
}

TEST(the_cgroup_of_the_process_is_found, "dcache_watch_psi")
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ "0::/\n", "/sys/fs/cgroup/memory.pressure" },
		{ "0::/a/b.slice\n", "/sys/fs/cgroup/a/b.slice/memory.pressure" },
		{ "9:name=systemd:/x\n1:cpu:/y\n0::/z\n", "/sys/fs/cgroup/z/memory.pressure" },
		{ "0::/z\n1:cpu:/0::/y\n", "/sys/fs/cgroup/z/memory.pressure" },
		{ "", NULL },
		{ "4:memory:/0::/a\n", NULL },
		/* Longer than what was read of it. */
		{ "0::/a/b", NULL },
		{ "1:cpu:/\n0::/a", NULL },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64], path[128] = "";

		snprintf(text, sizeof(text), "%s", cases[i].text);
		CHECK_EQ(monitor_cgroup_file(text, path, sizeof(path)), cases[i].path != NULL);
		CHECK(!strcmp(path, cases[i].path ? cases[i].path : ""));
	}
}

/* ---- the watching thread ---- */

#define MAX_THREADS 64

/* The process's threads; those that /proc has. */
static int all_threads(int threads[MAX_THREADS])
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int nr = 0;

	while (dir && nr < MAX_THREADS && (entry = readdir(dir))) {
		if (atoi(entry->d_name))
			threads[nr++] = atoi(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return nr;
}

/* Watch, and open the "status" of the thread that does: the one that there has not been. */
static int watch_and_see(struct tree *tree, const struct dcache_psi *psi)
{
	int before[MAX_THREADS], after[MAX_THREADS];
	int nr_before = all_threads(before), nr_after, i, j;

	CHECK_EQ(dcache_watch_psi(tree->dc, psi), 0);
	nr_after = all_threads(after);
	for (i = 0; i < nr_after; i++) {
		char path[64];

		for (j = 0; j < nr_before && before[j] != after[i]; j++)
			;
		if (j < nr_before)
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%d/status", after[i]);
		return open(path, O_RDONLY | O_CLOEXEC);
	}
	return -1;
}

/* What follows @key there. */
static const char *status_of(int status, const char *key)
{
	static char text[8192];
	ssize_t len = pread(status, text, sizeof(text) - 1, 0);
	const char *found;

	text[len > 0 ? len : 0] = 0;
	found = strstr(text, key);
	return found ? found + strlen(key) : "";
}

static bool is_asleep(int status)
{
	return *status_of(status, "\nState:\t") == 'S';
}

/* How often it has slept so far. */
static long sleeps_of(int status)
{
	return atol(status_of(status, "\nvoluntary_ctxt_switches:\t"));
}

/* A terminal stands for a file of the kernel's here: it takes what is written to it for a trigger, can be
 * made to have something urgent to say, and can go away. */

TEST(a_file_with_something_urgent_is_an_event, "dcache_watch_psi")
{
	struct dcache_psi psi = DCACHE_PSI_INIT;
	struct tree tree = tree_begin(NULL, NULL);
	int files = open_files();
	int packets = 1;
	int round, master, slave;
	char name[64], said[64];

	psi.path = "/dev/ptmx";
	psi.percent = 100;
	master = next_file();
	/* No terminals here. */
	if (access(psi.path, R_OK | W_OK)) {
		tree_end(&tree);
		return;
	}
	CHECK_EQ(dcache_watch_psi(tree.dc, &psi), 0);
	REQUIRE(!unlockpt(master) && !ptsname_r(master, name, sizeof(name)));
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	REQUIRE(slave >= 0);
	REQUIRE(!ioctl(master, TIOCPKT, &packets));
	for (round = 0; round < 3; round++) {
		add(&tree, "n", 0, 1000);
		REQUIRE(!tcflush(slave, TCIFLUSH));
		CHECK(EVENTUALLY(tree_stats(&tree).entries == 1));
		/* It has been said. */
		CHECK_EQ(read(master, said, sizeof(said)), 1);
	}
	dcache_unwatch_psi(tree.dc);
	close(slave);
	CHECK_EQ(open_files(), files);
	tree_end(&tree);
}

TEST(a_file_that_goes_away_is_no_event, "dcache_watch_psi dcache_unwatch_psi")
{
	struct dcache_psi psi = DCACHE_PSI_INIT;
	struct tree tree = tree_begin(NULL, NULL);
	int files = open_files();
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];
	int status;
	long sleeps;

	if (master < 0) {
		tree_end(&tree);
		return;
	}
	REQUIRE(!unlockpt(master) && !ptsname_r(master, name, sizeof(name)));
	psi.path = name;
	add(&tree, "n", 0, 1000);
	status = watch_and_see(&tree, &psi);
	REQUIRE(status >= 0);
	CHECK(EVENTUALLY(is_asleep(status)));
	sleeps = sleeps_of(status);
	close(master);
	/* It has looked, and waits again. */
	CHECK(EVENTUALLY(sleeps_of(status) > sleeps && is_asleep(status)));
	CHECK_EQ(tree_stats(&tree).entries, 1001);
	dcache_unwatch_psi(tree.dc);
	close(status);
	CHECK_EQ(open_files(), files);
	tree_end(&tree);
}

/* poll(2) refuses more files than the process may have. */
TEST(the_watcher_outlives_a_time_without_files, "dcache_watch_psi")
{
	struct dcache_psi psi = DCACHE_PSI_INIT;
	struct tree tree = tree_begin(NULL, NULL);
	struct rlimit usual;
	struct fifo fifo;
	long sleeps;
	int status;

	REQUIRE(fifo_begin(&fifo));
	psi.path = fifo.path;
	psi.percent = 50;
	status = watch_and_see(&tree, &psi);
	REQUIRE(status >= 0);
	CHECK(EVENTUALLY(is_asleep(status)));
	add(&tree, "n", 0, 1000);
	REQUIRE(limit_files(0, &usual));
	memory_is_short(&fifo);
	CHECK(EVENTUALLY(tree_stats(&tree).entries == 501));
	sleeps = sleeps_of(status);
	/* It tries again and again, and sleeps in between. */
	CHECK(EVENTUALLY(sleeps_of(status) > sleeps + 3));
	memory_is_short(&fifo);
	CHECK_EQ(tree_stats(&tree).entries, 501);
	setrlimit(RLIMIT_NOFILE, &usual);
	CHECK(EVENTUALLY(tree_stats(&tree).entries == 251));
	dcache_unwatch_psi(tree.dc);
	close(status);
	fifo_end(&fifo);
	tree_end(&tree);
}

/* ---- not from an operation ---- */

static struct fifo watched;
static struct dcache *watched_dc;
static _Atomic int unwatched;

static void unwatch_in_release(struct dentry *dentry)
{
	(void)dentry;
	dcache_unwatch_psi(watched_dc);
	atomic_fetch_add(&unwatched, 1);
}

/* An entry that the watching thread frees, and whose operation wants to end that thread. */
static struct tree unwatch_in_watcher(void)
{
	static const struct dentry_operations ops = { .d_release = unwatch_in_release };
	struct dcache_psi psi = DCACHE_PSI_INIT;
	struct tree tree = tree_begin(NULL, NULL);
	struct dentry *dentry = d_alloc(tree.root, COLD);

	watched_dc = tree.dc;
	psi.path = watched.path;
	psi.percent = 100;
	d_set_d_op(dentry, &ops);
	CHECK_EQ(d_add(dentry, NULL), 0);
	dput(dentry);
	CHECK_EQ(dcache_watch_psi(tree.dc, &psi), 0);
	memory_is_short(&watched);
	return tree;
}

#ifdef DCACHE_DEBUG

static void unwatch_and_stop(void)
{
	unwatch_in_watcher();
	pause();
}

TEST(the_watcher_does_not_end_itself, "dcache_unwatch_psi")
{
	REQUIRE(fifo_begin(&watched));
	CHECK(stops_with(unwatch_and_stop, "dcache_unwatch_psi: not from an operation"));
	fifo_end(&watched);
}

#else

TEST(the_watcher_does_not_end_itself, "dcache_unwatch_psi")
{
	struct dcache_psi psi = DCACHE_PSI_INIT;
	struct tree tree;

	REQUIRE(fifo_begin(&watched));
	atomic_store(&unwatched, 0);
	tree = unwatch_in_watcher();
	CHECK(EVENTUALLY(atomic_load(&unwatched) == 1));
	psi.path = watched.path;
	CHECK_EQ(dcache_watch_psi(tree.dc, &psi), -EALREADY);
	dcache_unwatch_psi(tree.dc);
	CHECK_EQ(dcache_watch_psi(tree.dc, &psi), 0);
	fifo_end(&watched);
	tree_end(&tree);
}

#endif
