/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The C tests' harness; see harness.h. */
#include "harness.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "harness_run.h"

static struct test *first_test;
static _Atomic int failures;
static pthread_mutex_t report_lock = PTHREAD_MUTEX_INITIALIZER;
static char report[4096];

void test_register(struct test *test)
{
	struct test **at = &first_test;

	/* By file and name: the order of constructors is the linker's. */
	while (*at && (strcmp((*at)->file, test->file) < 0 ||
		       (strcmp((*at)->file, test->file) == 0 && strcmp((*at)->name, test->name) < 0)))
		at = &(*at)->next;
	test->next = *at;
	*at = test;
}

const struct test *test_first(void)
{
	return first_test;
}

bool test_check(bool ok, const char *file, int line, const char *format, ...)
{
	va_list args;
	size_t used;

	if (ok)
		return true;
	atomic_fetch_add(&failures, 1);
	pthread_mutex_lock(&report_lock);
	used = strlen(report);
	if (used < sizeof(report) - 1) {
		int len = snprintf(report + used, sizeof(report) - used, "%s:%d: ", file, line);

		if (len > 0 && used + (size_t)len < sizeof(report)) {
			used += (size_t)len;
			va_start(args, format);
			len = vsnprintf(report + used, sizeof(report) - used, format, args);
			va_end(args);
			used += (size_t)len < sizeof(report) - used ? (size_t)len : 0;
			if (used < sizeof(report) - 1)
				strcpy(report + used, "\n");
		}
	}
	pthread_mutex_unlock(&report_lock);
	return false;
}

int test_run(const struct test *test, char *text, size_t size)
{
	atomic_store(&failures, 0);
	report[0] = 0;
	test->run();
#ifdef DCACHE_DEBUG
	gates_reset();
	dc_fail_allocation(0);
#endif
	snprintf(text, size, "%s", report);
	return atomic_load(&failures);
}

pthread_t test_thread(void *(*run)(void *), void *arg)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, run, arg);

	if (err) {
		fprintf(stderr, "pthread_create: %s\n", strerror(err));
		abort();
	}
	return thread;
}

void test_join(pthread_t thread)
{
	if (pthread_join(thread, NULL))
		abort();
}

void test_sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

uint64_t test_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- trees ---- */

_Atomic long tree_inodes_made, tree_inodes_released;

static struct inode_operations directory_ops, other_ops;
static uint64_t next_ino;

static void tree_inode_release(struct inode *inode)
{
	(void)inode;
	atomic_fetch_add(&tree_inodes_released, 1);
}

struct inode *tree_inode(struct dcache *dc, enum inode_type type)
{
	struct inode *inode = new_inode(dc, ++next_ino, type,
					type == INODE_DIRECTORY ? &directory_ops : &other_ops, NULL);

	if (IS_ERR(inode))
		return NULL;
	atomic_fetch_add(&tree_inodes_made, 1);
	return inode;
}

struct tree tree_begin(const struct dcache_options *opts, const struct inode_operations *dir_ops)
{
	static const struct dcache_options defaults = DCACHE_OPTIONS_INIT;
	struct dcache_options small = opts ? *opts : defaults;
	struct tree tree = { 0 };

	if (!small.hash_buckets)
		small.hash_buckets = 1024;
	directory_ops = dir_ops ? *dir_ops : (struct inode_operations){ 0 };
	directory_ops.release = tree_inode_release;
	other_ops = (struct inode_operations){ .release = tree_inode_release };
	atomic_store(&tree_inodes_made, 0);
	atomic_store(&tree_inodes_released, 0);
#ifdef DCACHE_DEBUG
	tree.allocations_before = dc_live_allocations();
#endif
	if (dcache_create(&small, &tree.dc))
		abort();
	tree.root = d_make_root(tree_inode(tree.dc, INODE_DIRECTORY));
	if (IS_ERR(tree.root))
		abort();
	return tree;
}

void tree_end(struct tree *tree)
{
	struct dcache_stats stats;
	int err;

	dput(tree->root);
	err = dcache_destroy(tree->dc);
	if (!test_check(!err, __FILE__, __LINE__, "dcache_destroy: %d", err)) {
		dcache_get_stats(tree->dc, &stats);
		test_check(false, __FILE__, __LINE__,
			   "left: %llu entries, %llu negatives, %llu inodes, %llu unused",
			   (unsigned long long)stats.entries, (unsigned long long)stats.negatives,
			   (unsigned long long)stats.inodes, (unsigned long long)stats.unused);
		return;
	}
	CHECK_EQ(atomic_load(&tree_inodes_released), atomic_load(&tree_inodes_made));
#ifdef DCACHE_DEBUG
	CHECK_EQ(dc_live_allocations(), tree->allocations_before);
#endif
}

/* ---- gates ---- */

#ifdef DCACHE_DEBUG

#define MAX_GATES 8

static struct gate *_Atomic gates[MAX_GATES];
static _Atomic long counts[DC_NR_POINTS];

static void gate_hook(enum dc_point point, const void *object)
{
	int i;

	atomic_fetch_add(&counts[point], 1);
	for (i = 0; i < MAX_GATES; i++) {
		struct gate *gate = atomic_load(&gates[i]);

		if (!gate || gate->point != point || !atomic_load(&gate->armed) ||
		    (gate->object && gate->object != object) || atomic_load(&gate->open))
			continue;
		if (gate->limit && atomic_fetch_add(&gate->admitted, 1) >= gate->limit)
			continue;
		atomic_fetch_add(&gate->arrived, 1);
		while (!atomic_load(&gate->open))
			usleep(100);
	}
}

void gate_arm(struct gate *gate, enum dc_point point, const void *object, int limit)
{
	int i;

	gate->point = point;
	gate->object = object;
	gate->limit = limit;
	atomic_store(&gate->arrived, 0);
	atomic_store(&gate->admitted, 0);
	atomic_store(&gate->open, false);
	atomic_store(&gate->armed, true);
	dc_set_point_hook(gate_hook);
	for (i = 0; i < MAX_GATES; i++) {
		struct gate *none = NULL;

		if (atomic_load(&gates[i]) == gate || atomic_compare_exchange_strong(&gates[i], &none, gate))
			return;
	}
	abort();
}

bool gate_wait(struct gate *gate, int arrivals)
{
	return EVENTUALLY(atomic_load(&gate->arrived) >= arrivals);
}

void gate_open(struct gate *gate)
{
	atomic_store(&gate->open, true);
}

void gates_reset(void)
{
	int i;

	dc_set_point_hook(NULL);
	for (i = 0; i < MAX_GATES; i++)
		atomic_store(&gates[i], NULL);
	for (i = 0; i < DC_NR_POINTS; i++)
		atomic_store(&counts[i], 0);
}

void points_count(void)
{
	dc_set_point_hook(gate_hook);
}

long point_count(enum dc_point point)
{
	return atomic_load(&counts[point]);
}

#endif /* DCACHE_DEBUG */

bool stops_with(void (*body)(void), const char *text)
{
	int fds[2], status = 0;
	char output[2048];
	size_t used = 0;
	pid_t child;

	fflush(NULL);
	if (pipe(fds))
		return test_check(false, __FILE__, __LINE__, "pipe");
	child = fork();
	if (child < 0)
		return test_check(false, __FILE__, __LINE__, "fork");
	if (!child) {
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		signal(SIGABRT, SIG_DFL);
		alarm(30);
		body();
		_exit(0);
	}
	close(fds[1]);
	for (;;) {
		ssize_t got = read(fds[0], output + used, sizeof(output) - 1 - used);

		if (got <= 0)
			break;
		used += (size_t)got;
		if (used == sizeof(output) - 1)
			break;
	}
	output[used] = 0;
	close(fds[0]);
	waitpid(child, &status, 0);
	return test_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(output, text),
			  __FILE__, __LINE__, "stops with \"%s\" (status %d, output: %s)", text, status,
			  output);
}
