/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a reference costs, alone and shared: reference [-n ENTRIES] [-r ROUNDS]
 *
 * Nanoseconds an operation (rounds.h), every answer checked, keys in random order made before the clock
 * starts; 1 000 000 entries, 9 rounds. Rows, for one thread, two and 32:
 *
 *	reference-hit		any entry: dcache takes a reference and gives it back; lock-free is the hit
 *				without. No two threads have one key.
 *	reference-shared	one entry that nobody else has, looked up by all: the count goes to one and
 *				back, or stays above
 *	reference-shared-free	the same by the lock-free hit
 *	reference-shared-held	one that is in use all the while
 *	reference-get-put	dget() and dput() of one entry, in use; no lookup
 *	reference-get-put-own	each thread an entry of its own
 *	reference-first-put	the last put of an entry that was just added, which lists it as unused; made
 *				before the clock starts; each thread has its part of them
 *
 * Beside these, lockref: a lock and a count in one word, compare-and-swap while the lock is free, for a
 * hundred times, then the lock. That is what the kernel's algorithm does to the line, with nothing to be
 * decided; in the shared rows it follows the same lock-free hit. It has a line of its own, which the kernel's
 * shares with the name, so the kernel's costs no less. What the second thread adds to an operation, round by
 * round, is the penalty.
 */
#define _GNU_SOURCE
#include "names.h"
#include "rounds.h"

#define MAX_MEMBERS 32
#define SHARED_OPERATIONS 1000000
#define LOCKREF_RETRIES 100

/* ---- the word ---- */

/* Low half: the lock; high half: the count. */
struct lockref_word {
	_Atomic uint64_t word;
	char rest[120];
};

#define WORD_HELD 1u
#define WORD_ONE ((uint64_t)1 << 32)

static struct lockref_word words[MAX_MEMBERS] __attribute__((aligned(128)));

static void word_add(struct lockref_word *ref, uint64_t by, memory_order order)
{
	uint64_t word = atomic_load_explicit(&ref->word, memory_order_relaxed);
	int tries;

	for (tries = 0; tries < LOCKREF_RETRIES && !(word & WORD_HELD); tries++) {
		if (atomic_compare_exchange_strong_explicit(&ref->word, &word, word + by, order,
							    memory_order_relaxed))
			return;
	}
	while (atomic_fetch_or_explicit(&ref->word, WORD_HELD, memory_order_acquire) & WORD_HELD) {
		while (atomic_load_explicit(&ref->word, memory_order_relaxed) & WORD_HELD)
			;
	}
	atomic_fetch_add_explicit(&ref->word, by - WORD_HELD, memory_order_release);
}

static void word_get(struct lockref_word *ref)
{
	word_add(ref, WORD_ONE, memory_order_acquire);
}

static void word_put(struct lockref_word *ref)
{
	word_add(ref, (uint64_t)0 - WORD_ONE, memory_order_release);
}

/* ---- what is in the cache ---- */

struct key {
	struct dentry *dir;
	struct dentry *dentry; /* unreferenced: to compare with */
	char *text;
	uint32_t len;
};

static struct dcache *dc;
static struct dentry *root;
static struct dentry **all; /* referenced */
static struct key *keys;
static size_t nr_keys, passes; /* as many as SHARED_OPERATIONS are, of few keys */
static struct dentry *own[MAX_MEMBERS];
static struct key shared;
static uint64_t seed = 88172645463325252u;

static struct dentry *add(struct dentry *dir, const char *text, size_t len, uint64_t ino,
			  bool directory)
{
	struct qstr name = qstr_init(text, len);
	struct dentry *dentry = d_alloc(dir, &name);

	BENCH_CHECK(!IS_ERR(dentry));
	BENCH_CHECK(!d_add(dentry, new_inode(dc, ino, directory ? INODE_DIRECTORY : INODE_REGULAR,
					     NULL, NULL)));
	return dentry;
}

/* All names, and all entries referenced. */
static void fill(void)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	size_t i;

	opts.hash_buckets = names.n / 5;
	BENCH_CHECK(!dcache_create(&opts, &dc));
	root = d_make_root(new_inode(dc, 0, INODE_DIRECTORY, NULL, NULL));
	BENCH_CHECK(!IS_ERR(root));
	for (i = 0; i < names.n; i++) {
		const struct bench_name *name = &names.at[i];

		all[i] = add(name->parent == NAME_OF_ROOT ? root : all[name->parent], name->text,
			     name->len, i + 1, name->directory);
	}
}

/* What is not a directory, in another order each time; texts as they are used. */
static void order_keys(void)
{
	uint32_t *order = malloc(names.n * sizeof(*order));
	char *text = keys[0].text;
	size_t i;

	BENCH_CHECK(order);
	bench_order(order, names.n, &seed);
	nr_keys = 0;
	for (i = 0; i < names.n; i++) {
		const struct bench_name *name = &names.at[order[i]];

		if (name->directory)
			continue;
		memcpy(text, name->text, name->len);
		keys[nr_keys++] = (struct key){ name->parent == NAME_OF_ROOT ? root
									     : all[name->parent],
						all[order[i]], text, name->len };
		text += name->len;
	}
	free(order);
}

/* ---- the rows ---- */

static inline void hit(const struct key *key)
{
	struct qstr name = { key->text, key->len, 0 };
	const struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = d_lookup_rcu(key->dir, &name, &seq);
	BENCH_CHECK(dentry == key->dentry && !d_seq_retry(dentry, seq));
	dcache_read_unlock();
}

static inline void hit_with_word(const struct key *key)
{
	struct qstr name = { key->text, key->len, 0 };
	const struct dentry *dentry;
	uint32_t seq;

	dcache_read_lock();
	dentry = d_lookup_rcu(key->dir, &name, &seq);
	BENCH_CHECK(dentry == key->dentry && !d_seq_retry(dentry, seq));
	word_get(&words[0]);
	dcache_read_unlock();
	word_put(&words[0]);
}

static inline void hit_with_reference(const struct key *key)
{
	struct qstr name = { key->text, key->len, 0 };
	struct dentry *dentry = d_lookup(key->dir, &name);

	BENCH_CHECK(dentry == key->dentry);
	dput(dentry);
}

static void all_free(unsigned int thread, void *arg)
{
	size_t pass, from, to, i;

	bench_share(nr_keys, thread, *(unsigned int *)arg, &from, &to);
	for (pass = 0; pass < passes; pass++) {
		for (i = from; i < to; i++)
			hit(&keys[i]);
	}
}

static void all_reference(unsigned int thread, void *arg)
{
	size_t pass, from, to, i;

	bench_share(nr_keys, thread, *(unsigned int *)arg, &from, &to);
	for (pass = 0; pass < passes; pass++) {
		for (i = from; i < to; i++)
			hit_with_reference(&keys[i]);
	}
}

static const unsigned int thread_numbers[] = { 1, 2, MAX_MEMBERS };
#define THREAD_NUMBERS (sizeof(thread_numbers) / sizeof(thread_numbers[0]))

/* How often each of them does what is repeated: many together no more than two. */
static size_t repeats(unsigned int threads)
{
	return threads > 2 ? 2 * SHARED_OPERATIONS / threads : SHARED_OPERATIONS;
}

#define REPEATED(name_, operation_)                          \
	static void name_(unsigned int thread, void *arg)    \
	{                                                    \
		size_t n = repeats(*(unsigned int *)arg), i; \
                                                             \
		(void)thread;                                \
		for (i = 0; i < n; i++)                      \
			operation_;                          \
	}

REPEATED(shared_free, hit(&shared))
REPEATED(shared_reference, hit_with_reference(&shared))
REPEATED(shared_word, hit_with_word(&shared))
REPEATED(get_put, dput(dget(own[0])))
REPEATED(get_put_word, (word_get(&words[0]), word_put(&words[0])))
REPEATED(get_put_own, dput(dget(own[thread])))
REPEATED(get_put_own_word, (word_get(&words[thread]), word_put(&words[thread])))

static void first_put(unsigned int thread, void *arg)
{
	size_t i, to;

	bench_share(nr_keys, thread, *(unsigned int *)arg, &i, &to);
	for (; i < to; i++)
		dput(keys[i].dentry);
}

enum { HIT, SHARED, SHARED_FREE, SHARED_HELD, GET_PUT, GET_PUT_OWN, FIRST_PUT, NR_ROWS };

static const char *const row_names[NR_ROWS] = {
	"reference-hit",	 "reference-shared",  "reference-shared-free",
	"reference-shared-held", "reference-get-put", "reference-get-put-own",
	"reference-first-put",
};

static const struct subject {
	int row;
	const char *name;
	void (*work)(unsigned int thread, void *arg);
} subjects[] = {
	{ HIT, "dcache", all_reference },
	{ HIT, "lock-free", all_free },
	{ SHARED, "dcache", shared_reference },
	{ SHARED, "lockref", shared_word },
	{ SHARED_FREE, "dcache", shared_free },
	{ SHARED_HELD, "dcache", shared_reference },
	{ SHARED_HELD, "lockref", shared_word },
	{ GET_PUT, "dcache", get_put },
	{ GET_PUT, "lockref", get_put_word },
	{ GET_PUT_OWN, "dcache", get_put_own },
	{ GET_PUT_OWN, "lockref", get_put_own_word },
	{ FIRST_PUT, "dcache", first_put },
};
#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

static struct bench_row rows[SUBJECTS][THREAD_NUMBERS];
static double medians[SUBJECTS][THREAD_NUMBERS];

/* @t: of thread_numbers. */
static void measure(size_t subject, size_t t)
{
	const struct subject *which = &subjects[subject];
	unsigned int threads = thread_numbers[t];
	size_t operations = threads * repeats(threads);
	bool disturbed;
	double ns;
	unsigned int i;

	if (which->row == HIT)
		operations = nr_keys * passes;
	if (which->row == FIRST_PUT)
		operations = nr_keys;
	do {
		disturbed = false;
		for (i = 0; i < MAX_MEMBERS; i++)
			atomic_store(&words[i].word, which->row == SHARED ? 0 : WORD_ONE);
		if (which->row == HIT || which->row == FIRST_PUT)
			order_keys();
		if (which->row == SHARED_HELD)
			dget(own[0]);
		ns = bench_run(threads, which->work, &threads, &disturbed);
		if (which->row == SHARED_HELD)
			dput(own[0]);
		for (i = 0; i < MAX_MEMBERS; i++)
			BENCH_CHECK(atomic_load(&words[i].word) ==
				    (which->row == SHARED ? 0 : WORD_ONE));
		/* What is first can be had only once. */
	} while (!bench_row_add(&rows[subject][t], bench_per_operation(ns, threads, operations),
				disturbed && which->row != FIRST_PUT));
}

/* All other rows, in an order of their own. The entries are unused, and have been listed. */
static void measure_others(void)
{
	uint32_t order[SUBJECTS * THREAD_NUMBERS];
	size_t i;

	for (i = 0; i < MAX_MEMBERS; i++)
		own[i] = keys[i].dentry;
	shared = keys[0];
	shared.text = malloc(shared.len);
	BENCH_CHECK(shared.text);
	memcpy(shared.text, keys[0].text, shared.len);
	bench_order(order, SUBJECTS * THREAD_NUMBERS, &seed);
	for (i = 0; i < SUBJECTS * THREAD_NUMBERS; i++) {
		size_t subject = order[i] / THREAD_NUMBERS;

		if (subjects[subject].row != FIRST_PUT)
			measure(subject, order[i] % THREAD_NUMBERS);
	}
	free(shared.text);
}

static void one_round(void)
{
	size_t first = bench_random(&seed) % THREAD_NUMBERS, name, i;

	for (i = 0; i < THREAD_NUMBERS; i++) {
		struct dcache_stats stats;

		fill();
		measure(SUBJECTS - 1, (first + i) % THREAD_NUMBERS);
		dcache_get_stats(dc, &stats);
		BENCH_CHECK(stats.unused == nr_keys);
		if (i == THREAD_NUMBERS - 1)
			measure_others();
		for (name = 0; name < names.n; name++) {
			if (names.at[name].directory)
				dput(all[name]);
		}
		dput(root);
		BENCH_CHECK(!dcache_destroy(dc));
	}
}

/* Both of one row. */
static double *median_of(int row, const char *subject)
{
	size_t i;

	for (i = 0; i < SUBJECTS; i++) {
		if (subjects[i].row == row && !strcmp(subjects[i].name, subject))
			return medians[i];
	}
	BENCH_CHECK(!"a row of that name");
	return NULL;
}

/* What the second thread adds, round by round; before the rows are sorted. */
static void make_penalty(struct bench_row *penalty, const char *name, int row, const char *subject)
{
	size_t i, round;

	for (i = 0; subjects[i].row != row || strcmp(subjects[i].name, subject); i++)
		;
	bench_row_init(penalty, name, subject, names.n, 2, rows[i][0].n);
	for (round = 0; round < rows[i][0].n; round++)
		bench_row_add(penalty, rows[i][1].values[round] - rows[i][0].values[round], false);
}

static const struct penalty {
	int row;
	const char *name;
} penalties[] = {
	{ SHARED, "reference-shared-penalty" },
	{ SHARED_HELD, "reference-shared-held-penalty" },
	{ GET_PUT, "reference-get-put-penalty" },
};
#define PENALTIES (sizeof(penalties) / sizeof(penalties[0]))

int main(int argc, char **argv)
{
	size_t entries = 1000000, rounds = 9, i, t, round, bytes = 0;
	struct bench_row ours[PENALTIES], words_row[PENALTIES];
	const double *with, *without, *first;
	int option;

	while ((option = getopt(argc, argv, "n:r:")) != -1) {
		switch (option) {
		case 'n':
			entries = bench_number(optarg, 100, 100000000);
			break;
		case 'r':
			rounds = bench_number(optarg, 1, BENCH_MAX_ROUNDS);
			break;
		default:
			return 2;
		}
	}
	names_make(NULL, "/usr", entries);
	nr_keys = names.n - names.directories;
	passes = 1 + SHARED_OPERATIONS / (nr_keys + 1);
	all = calloc(names.n, sizeof(struct dentry *));
	keys = calloc(names.n, sizeof(*keys));
	for (i = 0; i < names.n; i++)
		bytes += names.at[i].len;
	BENCH_CHECK(nr_keys >= MAX_MEMBERS && all && keys && (keys[0].text = malloc(bytes)));
	for (i = 0; i < SUBJECTS; i++) {
		for (t = 0; t < THREAD_NUMBERS; t++)
			bench_row_init(&rows[i][t], row_names[subjects[i].row], subjects[i].name,
				       names.n, thread_numbers[t], rounds);
	}
	for (round = 0; round < rounds; round++)
		one_round();
	printf("%zu names of /usr, %zu of directories; %zu rounds; ns an operation\n", names.n,
	       names.directories, rounds);
	bench_row_heading("");
	for (i = 0; i < PENALTIES; i++) {
		make_penalty(&ours[i], penalties[i].name, penalties[i].row, "dcache");
		make_penalty(&words_row[i], penalties[i].name, penalties[i].row, "lockref");
	}
	for (i = 0; i < SUBJECTS; i++) {
		for (t = 0; t < THREAD_NUMBERS; t++)
			medians[i][t] = bench_row_report(&rows[i][t]);
	}
	for (i = 0; i < PENALTIES; i++) {
		double a = bench_row_report(&ours[i]), b = bench_row_report(&words_row[i]);

		printf("%-30s dcache / lockref %.2f\n", penalties[i].name, a / b);
	}
	with = median_of(HIT, "dcache");
	without = median_of(HIT, "lock-free");
	first = median_of(FIRST_PUT, "dcache");
	printf("with a reference / lock-free: %.2f, two threads %.2f\n", with[0] / without[0],
	       with[1] / without[1]);
	printf("first put, two threads / one: %.2f\n", first[1] / first[0]);
	return 0;
}
