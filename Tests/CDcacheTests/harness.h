/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The C tests' harness. A test registers itself:
 *
 *	TEST(one_cold_name_is_asked_for_once, "H1")
 *	{
 *		CHECK_EQ(calls, 1);
 *	}
 *
 * The second argument names the rows of the hazards and contracts that it proves. The same
 * sources are a plain program (main.c) and, inside `swift test`, a table of functions.
 */
#ifndef DCACHE_TESTS_HARNESS_H
#define DCACHE_TESTS_HARNESS_H

#include <dcache.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sync/hooks.h"

/* Built with the address or the thread sanitizer, which both do not allow all that a process may do. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif

struct test {
	const char *name;
	const char *covers;
	const char *file;
	void (*run)(void);
	struct test *next;
};

void test_register(struct test *test);

#define TEST(name_, covers_)                                                                 \
	static void test_##name_(void);                                                      \
	static struct test test_##name_##_entry = { #name_, covers_, __FILE__, test_##name_, \
						    NULL };                                  \
	__attribute__((constructor)) static void test_##name_##_register(void)               \
	{                                                                                    \
		test_register(&test_##name_##_entry);                                        \
	}                                                                                    \
	static void test_##name_(void)

/* Records a failure of the running test; may be called from any thread. Returns @ok. */
bool test_check(bool ok, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define CHECK(x) test_check((x), __FILE__, __LINE__, "%s", #x)
#define CHECK_EQ(a, b)                                                                          \
	do {                                                                                    \
		long long check_a = (long long)(a), check_b = (long long)(b);                   \
		test_check(check_a == check_b, __FILE__, __LINE__, "%s == %s (%lld, %lld)", #a, \
			   #b, check_a, check_b);                                               \
	} while (0)
/* The pointer carries the error. */
#define CHECK_ERR(ptr, error)                                                                  \
	do {                                                                                   \
		const void *check_p = (ptr);                                                   \
		test_check(IS_ERR(check_p) && PTR_ERR(check_p) == (error), __FILE__, __LINE__, \
			   "%s is %s (%ld)", #ptr, #error, PTR_ERR(check_p));                  \
	} while (0)
#define REQUIRE(x)              \
	do {                    \
		if (!CHECK(x))  \
			return; \
	} while (0)

#define NAME(literal) (&(const struct qstr)QSTR_INIT(literal, sizeof(literal) - 1))

/* A thread that runs a closure of a function and a pointer. Aborts if it cannot be started. */
pthread_t test_thread(void *(*run)(void *), void *arg);
void test_join(pthread_t thread);
void test_sleep_ms(unsigned int ms);
/* Monotonic time in nanoseconds. */
uint64_t test_now_ns(void);
/* Processor time of the calling thread in nanoseconds. */
uint64_t test_thread_cpu_ns(void);
/* How often the calling thread has slept so far: given up the processor while it could not go on. */
long test_thread_sleeps(void);
/* How many threads of the process are asleep in futex(2) on a word in @size bytes from @words. */
unsigned int test_futex_sleepers(const void *words, size_t size);
/* How long a test waits for what must happen: 20 s, or DCACHE_TEST_PATIENCE seconds. */
uint64_t test_patience_ns(void);
/* Confine the test to one processor: this thread, and those that it makes from now on. */
bool test_one_cpu(void);
/* Let any other thread that becomes runnable displace @thread at once, or no longer. */
void test_yielding(pthread_t thread, bool yielding);
/* Poll @condition until it is true, with patience; false: it never was. */
#define EVENTUALLY(condition)                                               \
	({                                                                  \
		uint64_t until_ = test_now_ns() + test_patience_ns();       \
		bool is_true_;                                              \
		while (!(is_true_ = (condition)) && test_now_ns() < until_) \
			usleep(200);                                        \
		is_true_;                                                   \
	})

/*
 * A cache with one root directory, and counted release of its inodes.
 * tree_end() puts the root, destroys the cache and checks that no entry, inode, allocation of the
 * sync layer (checked build) or release is missing.
 */
struct tree {
	struct dcache *dc;
	struct dentry *root;
	long allocations_before;
};

struct tree tree_begin(const struct dcache_options *opts, const struct inode_operations *dir_ops);
void tree_end(struct tree *tree);
/* Release operations that tree inodes have had so far, and inodes made. */
extern _Atomic long tree_inodes_made, tree_inodes_released;
/* An inode of @dc that counts its release; NULL on failure. @dir_ops matter for directories. */
struct inode *tree_inode(struct dcache *dc, enum inode_type type);
/* The operations that tree_inode() gives to directories: release, and @lookup of tree_begin(). */
/* A hashed entry with a new inode, referenced; @type 0: a negative one. */
struct dentry *tree_add(struct tree *tree, struct dentry *parent, const struct qstr *name,
			int type);
struct dcache_stats tree_stats(const struct tree *tree);
/* The instance's thread is in a batch, freeing an inode, until it is let go. One at a time. */
void hold_thread(struct tree *tree);
void let_thread_go(void);

/* Threads that are on the queue of an in-lookup entry, and those that count as its waiters, which one of
 * d_add_ci() does before it is on the queue. Both take the entry's d_lock. */
unsigned int test_nr_waiters(struct dentry *dentry);
unsigned int test_nr_counted(struct dentry *dentry);
/* Does somebody sleep for the entry's d_lock, or for the in-lookup bucket of (@parent, @name)? */
bool test_sleepers_on_lock(const struct dentry *dentry);
/* Entries in a bucket of the entry table, of those whose name's hash ends in @shard, unless that is negative.
 * In a read section. */
struct bucket;
uint64_t test_bucket_length(const struct bucket *bucket, int shard);
bool test_sleepers_on_bucket(const struct dentry *parent, const struct qstr *name);
/* Another name of the same in-lookup bucket, the @nth, in @buf. */
#define BUCKET_MATE_SIZE 16
struct qstr test_bucket_mate(const struct dentry *parent, const struct qstr *name, int nth,
			     char *buf);

/*
 * A thread that calls d_alloc_parallel(). If that makes it the owner it notes so and ends the
 * lookup with @end, or d_lookup_done().
 */
struct asker {
	struct dentry *parent;
	struct qstr name;
	void (*end)(struct asker *asker, struct dentry *dentry);
	void *data;	       /* the test's */
	struct dentry *result; /* referenced, or an error */
	bool owned;
	_Atomic bool done;
	pthread_t thread;
};

void asker_start(struct asker *asker, struct dentry *parent, const struct qstr *name);
/* The result is the caller's to put. */
struct dentry *asker_join(struct asker *asker);
/* Several that look up one name, with no end of their own. */
void start_crowd(struct asker *crowd, int n, struct dentry *parent, const struct qstr *name);
/* How often one of @crowd became the owner. Every result is @expected, unless that is NULL. */
int join_crowd(struct asker *crowd, int n, const struct dentry *expected);
/* Checks that so many come to wait for @dentry. */
bool parked(struct dentry *dentry, unsigned int waiters);

/*
 * A backend that a test controls: give backend_ops to tree_begin(). It counts, is held as long as
 * the test likes, and then does what @answer says.
 */
struct backend {
	struct dentry *(*answer)(struct inode *dir, struct dentry *dentry);
	_Atomic long calls;
	_Atomic int inside; /* being asked just now */
	_Atomic bool held;
};

extern struct backend backend;
extern const struct inode_operations backend_ops;
void backend_begin(struct dentry *(*answer)(struct inode *dir, struct dentry *dentry));
struct dentry *answer_file(struct inode *dir, struct dentry *dentry);
struct dentry *answer_negative(struct inode *dir, struct dentry *dentry);
/* -EIO */
struct dentry *answer_error(struct inode *dir, struct dentry *dentry);

/* Names that differ in the case of ASCII letters are one. */
extern const struct dentry_operations ascii_ci_ops;

#ifdef DCACHE_DEBUG
/*
 * Holding a thread at a point. gate_arm() before the thread gets there; the thread that reaches
 * @point (with @object, unless that is NULL) stops; gate_wait() returns once it has stopped there;
 * gate_open() lets it go, and all later ones. Several gates may be armed. gates_reset() at the end.
 */
struct gate {
	enum dc_point point;
	const void *object;
	_Atomic int arrived; /* threads that stopped here so far */
	_Atomic bool open;
	_Atomic bool armed;
	int limit; /* stop only the first @limit threads; 0: all */
	_Atomic int admitted;
};

void gate_arm(struct gate *gate, enum dc_point point, const void *object, int limit);
bool gate_wait(struct gate *gate, int arrivals);
void gate_open(struct gate *gate);
void gates_reset(void);
/* Begin to count passes of points without any gate. */
void points_count(void);
/* How often any thread has passed @point since gates_reset(). */
long point_count(enum dc_point point);
#endif

/* Run @body in a forked child: true if the child was ended by SIGABRT and its standard error holds
 * @text. For checked-build stops. */
bool stops_with(void (*body)(void), const char *text);

#endif /* DCACHE_TESTS_HARNESS_H */
