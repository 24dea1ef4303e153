/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The C tests' harness; see harness.h. */
#include "harness.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness_run.h"
#include "internal.h"

static struct test *first_test;
static _Atomic int failures;

void test_register(struct test *test)
{
	struct test **at = &first_test;

	/* By file and name: the order of constructors is the linker's. */
	while (*at &&
	       (strcmp((*at)->file, test->file) < 0 ||
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
	char what[512];
	va_list args;

	if (ok)
		return true;
	/* At once: a crash may follow. Not all: a loop may go on. */
	if (atomic_fetch_add(&failures, 1) < 32) {
		va_start(args, format);
		vsnprintf(what, sizeof(what), format, args);
		va_end(args);
		fprintf(stderr, "%s:%d: %s\n", file, line, what);
	}
	return false;
}

static void test_usual_cpus(void);

int test_run(const struct test *test)
{
	atomic_store(&failures, 0);
	test->run();
#ifdef DCACHE_DEBUG
	gates_reset();
	dc_fail_allocation(0);
#endif
	test_usual_cpus();
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

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t test_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t test_thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

long test_thread_sleeps(void)
{
	struct rusage usage;

	/* RUSAGE_THREAD; its name wants _GNU_SOURCE. */
	return getrusage(1, &usage) ? 0 : usage.ru_nvcsw;
}

/* What a thread's file "syscall" says: its number, and its arguments in hexadecimal, or "running". */
static bool sleeps_on(const char *thread, const void *words, size_t size)
{
	char path[64], line[256];
	unsigned long number, address;
	FILE *file;
	bool asleep = false;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/syscall", thread);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fgets(line, sizeof(line), file) && sscanf(line, "%lu %lx", &number, &address) == 2)
		asleep = number == SYS_futex && address - (uintptr_t)words < size;
	fclose(file);
	return asleep;
}

unsigned int test_futex_sleepers(const void *words, size_t size)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	unsigned int nr = 0;

	while (tasks && (task = readdir(tasks)))
		nr += sleeps_on(task->d_name, words, size);
	if (tasks)
		closedir(tasks);
	return nr;
}

uint64_t test_patience_ns(void)
{
	const char *seconds = getenv("DCACHE_TEST_PATIENCE");

	return (seconds ? (uint64_t)atoi(seconds) : 20) * 1000000000u;
}

/* As words: cpu_set_t's macros want _GNU_SOURCE before the first header. */
static unsigned long usual_cpus[16];
static long usual_cpus_size;

bool test_one_cpu(void)
{
	unsigned long one[16] = { 0 };
	size_t i;

	if (!usual_cpus_size)
		usual_cpus_size = syscall(SYS_sched_getaffinity, 0, sizeof(usual_cpus), usual_cpus);
	for (i = 0; usual_cpus_size > 0 && i < (size_t)usual_cpus_size / sizeof(one[0]); i++) {
		if (usual_cpus[i]) {
			one[i] = usual_cpus[i] & -usual_cpus[i];
			return !syscall(SYS_sched_setaffinity, 0, sizeof(one), one);
		}
	}
	return false;
}

static void test_usual_cpus(void)
{
	if (usual_cpus_size > 0)
		syscall(SYS_sched_setaffinity, 0, usual_cpus_size, usual_cpus);
	usual_cpus_size = 0;
}

void test_yielding(pthread_t thread, bool yielding)
{
	const struct sched_param param = { 0 };

	/* SCHED_IDLE; its name wants _GNU_SOURCE. */
	pthread_setschedparam(thread, yielding ? 5 : SCHED_OTHER, &param);
}

/* ---- trees ---- */

_Atomic long tree_inodes_made, tree_inodes_released;

static struct inode_operations directory_ops, other_ops;
static _Atomic uint64_t next_ino;

static void tree_inode_release(struct inode *inode)
{
	(void)inode;
	atomic_fetch_add(&tree_inodes_released, 1);
}

struct inode *tree_inode(struct dcache *dc, enum inode_type type)
{
	struct inode *inode = new_inode(dc, atomic_fetch_add(&next_ino, 1) + 1, type,
					type == INODE_DIRECTORY ? &directory_ops : &other_ops,
					NULL);

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
		small.hash_buckets = 256;
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

struct dentry *tree_add(struct tree *tree, struct dentry *parent, const struct qstr *name, int type)
{
	struct dentry *dentry = d_alloc(parent, name);
	struct inode *inode = type ? tree_inode(tree->dc, (enum inode_type)type) : NULL;

	if (IS_ERR(dentry) || (type && !inode) || d_add(dentry, inode))
		abort();
	return dentry;
}

struct dcache_stats tree_stats(const struct tree *tree)
{
	struct dcache_stats stats;

	dcache_get_stats(tree->dc, &stats);
	return stats;
}

static _Atomic bool thread_held, thread_let_go;

static void hold_the_thread(struct inode *inode)
{
	(void)inode;
	atomic_store(&thread_held, true);
	while (!atomic_load(&thread_let_go))
		usleep(100);
}

void hold_thread(struct tree *tree)
{
	static const struct inode_operations ops = { .release = hold_the_thread };

	atomic_store(&thread_held, false);
	atomic_store(&thread_let_go, false);
	iput(new_inode(tree->dc, 3, INODE_REGULAR, &ops, NULL));
	CHECK(EVENTUALLY(atomic_load(&thread_held)));
}

void let_thread_go(void)
{
	atomic_store(&thread_let_go, true);
}

unsigned int test_nr_waiters(struct dentry *dentry)
{
	const struct wait_queue_entry *entry;
	unsigned int nr = 0;
	struct wait_queue *wq;

	d_lock(dentry);
	if (d_flags(dentry) & DCACHE_PAR_LOOKUP) {
		wq = wait_queue_of(dentry->d_wait);
		dc_lock(&wq->lock);
		for (entry = atomic_load(&wq->first); entry; entry = entry->next)
			nr += entry->dentry == dentry;
		dc_unlock(&wq->lock);
	}
	d_unlock(dentry);
	return nr;
}

unsigned int test_nr_counted(struct dentry *dentry)
{
	unsigned int nr;

	d_lock(dentry);
	nr = (d_flags(dentry) & DCACHE_PAR_LOOKUP) ? dentry->d_nr_waiters : 0;
	d_unlock(dentry);
	return nr;
}

bool test_sleepers_on_lock(const struct dentry *dentry)
{
	return atomic_load(&dentry->d_lockref.word) & LOCKREF_SLEEPERS;
}

static struct bucket *test_bucket(const struct dentry *parent, const struct qstr *name)
{
	struct qstr hashed = *name;
	struct bucket *bucket;

	if (d_hash_name(parent, &hashed))
		abort();
	dcache_read_lock();
	bucket = table_truth(&parent->d_dcache->in_lookup, table_hash(parent, &hashed));
	dcache_read_unlock();
	return bucket;
}

static bool is_of_shard(const struct hlist_bl_node *node, int shard)
{
	const struct dentry *dentry = container_of(node, struct dentry, d_hash);

	return shard < 0 || (int)(atomic_load(&dentry->d_hash_len) % 16) == shard;
}

uint64_t test_bucket_length(const struct bucket *bucket, int shard)
{
	struct hlist_bl_node *node;
	uint64_t length = 0;
	unsigned int i;

	for (i = 0; i < BUCKET_SLOTS; i++) {
		node = bucket_slot(bucket, i);
		length += node && is_of_shard(node, shard);
	}
	for (node = hlist_bl_first(&bucket->chain); node; node = hlist_bl_next(node))
		length += is_of_shard(node, shard);
	return length;
}

bool test_sleepers_on_bucket(const struct dentry *parent, const struct qstr *name)
{
	return atomic_load(&test_bucket(parent, name)->chain.first) & HLIST_BL_SLEEPERS;
}

struct qstr test_bucket_mate(const struct dentry *parent, const struct qstr *name, int nth,
			     char *buf)
{
	struct qstr mate;
	int i;

	for (i = 0;; i++) {
		int len = snprintf(buf, BUCKET_MATE_SIZE, "mate%d", i);

		mate = qstr_init(buf, (size_t)len);
		if (test_bucket(parent, &mate) == test_bucket(parent, name) && !nth--)
			return mate;
	}
}

/* ---- askers ---- */

static void *asker_run(void *arg)
{
	struct asker *asker = arg;
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry = d_alloc_parallel(asker->parent, &asker->name, &wq);

	asker->result = dentry;
	if (!IS_ERR(dentry) && d_in_lookup(dentry)) {
		asker->owned = true;
		if (asker->end)
			asker->end(asker, dentry);
		d_lookup_done(dentry);
	}
	atomic_store(&asker->done, true);
	return NULL;
}

void asker_start(struct asker *asker, struct dentry *parent, const struct qstr *name)
{
	asker->parent = parent;
	asker->name = *name;
	asker->result = NULL;
	asker->owned = false;
	atomic_store(&asker->done, false);
	asker->thread = test_thread(asker_run, asker);
}

struct dentry *asker_join(struct asker *asker)
{
	test_join(asker->thread);
	return asker->result;
}

void start_crowd(struct asker *crowd, int n, struct dentry *parent, const struct qstr *name)
{
	int i;

	for (i = 0; i < n; i++) {
		crowd[i].end = NULL;
		asker_start(&crowd[i], parent, name);
	}
}

int join_crowd(struct asker *crowd, int n, const struct dentry *expected)
{
	int owned = 0;
	int i;

	for (i = 0; i < n; i++) {
		struct dentry *result = asker_join(&crowd[i]);

		CHECK(!expected || result == expected);
		owned += crowd[i].owned;
		dput(result);
	}
	return owned;
}

bool parked(struct dentry *dentry, unsigned int waiters)
{
	return CHECK(EVENTUALLY(test_nr_waiters(dentry) == waiters));
}

/* ---- a backend ---- */

struct backend backend;

static struct dentry *backend_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct dentry *result;

	(void)flags;
	atomic_fetch_add(&backend.calls, 1);
	atomic_fetch_add(&backend.inside, 1);
	while (atomic_load(&backend.held))
		usleep(100);
	result = backend.answer(dir, dentry);
	atomic_fetch_sub(&backend.inside, 1);
	return result;
}

const struct inode_operations backend_ops = { .lookup = backend_lookup };

void backend_begin(struct dentry *(*answer)(struct inode *dir, struct dentry *dentry))
{
	backend.answer = answer;
	atomic_store(&backend.calls, 0);
	atomic_store(&backend.inside, 0);
	atomic_store(&backend.held, false);
}

struct dentry *answer_file(struct inode *dir, struct dentry *dentry)
{
	int err = d_add(dentry, tree_inode(inode_dcache(dir), INODE_REGULAR));

	return err ? ERR_PTR(err) : NULL;
}

struct dentry *answer_negative(struct inode *dir, struct dentry *dentry)
{
	int err = d_add(dentry, NULL);

	(void)dir;
	return err ? ERR_PTR(err) : NULL;
}

struct dentry *answer_error(struct inode *dir, struct dentry *dentry)
{
	(void)dir;
	(void)dentry;
	return ERR_PTR(-EIO);
}

/* ---- case ---- */

static char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int ascii_ci_hash(const struct dentry *dir, struct qstr *name)
{
	char lower[DCACHE_NAME_MAX];
	uint32_t i;

	for (i = 0; i < name->len; i++)
		lower[i] = ascii_lower(name->name[i]);
	name->hash = full_name_hash(dir, lower, name->len);
	return 0;
}

static int ascii_ci_compare(const struct dentry *dir, unsigned int len, const char *str,
			    const struct qstr *name)
{
	uint32_t i;

	(void)dir;
	if (len != name->len)
		return 1;
	for (i = 0; i < len; i++) {
		if (ascii_lower(str[i]) != ascii_lower(name->name[i]))
			return 1;
	}
	return 0;
}

const struct dentry_operations ascii_ci_ops = {
	.d_hash = ascii_ci_hash,
	.d_compare = ascii_ci_compare,
};

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

		if (atomic_load(&gates[i]) == gate ||
		    atomic_compare_exchange_strong(&gates[i], &none, gate))
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

#ifdef DCACHE_COVERAGE

/* What was counted goes to the files when a program ends, but not when it is aborted. */
void __gcov_dump(void);

static void dump_counts(int sig)
{
	signal(sig, SIG_DFL);
	__gcov_dump();
}

#define ON_ABORT dump_counts
#else
#define ON_ABORT SIG_DFL
#endif

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
		signal(SIGABRT, ON_ABORT);
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
	return test_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
				  strstr(output, text),
			  __FILE__, __LINE__, "stops with \"%s\" (status %d, output: %s)", text,
			  status, output);
}
