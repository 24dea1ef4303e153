/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One subject, in a process of its own: its table, filled, and the rounds that are ordered.
 *
 * What the threads of a round do is written down before in streams of operations, in random order, with the
 * names in the same order beside them: going through a stream is sequential for the processor, so that
 * what costs is the table. Nothing is allocated by this side while the clock runs. Each round first runs
 * unmeasured for a fourth of its time; then for a fixed time, and the operations in it are counted.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "suite.h"

/* Of a small table, streams are longer than the table: no processor learns them by heart. */
#define STREAM_LEAST ((size_t)65536)
#define ZIPF_MOST ((size_t)2000000)
#define ZIPF_EXPONENT 0.99
/* Operations between two looks at the time. */
#define BATCH 64
/* Most insertions, then removals, between two looks at the clock. */
#define BLOCK_MOST ((size_t)256)
/* What other names of files have before them. */
#define MARK_LEN 4
/* An entry of a table with a place for each name takes about so much. */
#define LOAD_STRIDE ((size_t)128)

struct op {
	uintptr_t dir, value;
	const char *name;
	uint16_t len, dice;
	bool may_miss;
};

struct stream {
	struct op *ops;
	size_t n;
	char *names;
};

/*
 * The names that one thread inserts and removes: as many of them as are not there, from @absent on, were
 * removed, and from @moved on the others will be; both go round. In rows of renames all are there: those before
 * @moved under their other names, or, if @back, those from it on.
 */
struct churn {
	const struct op *ops;
	size_t n, absent, moved;
	bool removes; /* what the next update of a row of both is */
	bool back;
};

struct worker {
	const struct table_ops *ops;
	const struct tree *tree;
	struct table *table;
	uintptr_t *values; /* of each entry */
	uintptr_t *dirs;   /* handles; at [tree->n] the root's */
	bool *churned;	   /* removed and inserted at times */
	struct stream all, miss, zipf, paths, churn;
	/* What those that come and go are renamed to, and moved to. */
	struct stream renamed;
	struct churn *parts; /* of the last row of updates, if nothing has been put back since */
	int parts_row;
	unsigned int nr_parts;
	char *memory; /* of the row of loads */
};

enum phase { WARMING, MEASURING, STOPPED };

struct round;

/* One thread's part of a round. */
struct runner {
	struct round *round;
	pthread_t thread;
	size_t at; /* in the stream */
	struct churn churn;
	uint64_t done, total; /* operations measured, and all */
	double insert_ns, remove_ns;
	double wall_ns, cpu_ns, queued_ns;
	uint64_t preempted;
	uintptr_t wrong; /* anything but 0: a wrong answer */
} __attribute__((aligned(128)));

struct round {
	struct worker *worker;
	const struct stream *stream;
	void (*batch)(struct runner *r);
	int row;
	unsigned int update_dice; /* of 65 536 operations, so many are updates */
	bool negative;
	pthread_barrier_t ready;
	_Atomic int phase __attribute__((aligned(128)));
};

static double clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

unsigned int processors(void)
{
	cpu_set_t set;

	TABLE_CHECK(!sched_getaffinity(0, sizeof(set), &set));
	return (unsigned int)CPU_COUNT(&set);
}

/* ---- streams ---- */

static void stream_start(struct stream *s, size_t n, size_t bytes)
{
	s->ops = suite_array(n, sizeof(*s->ops));
	s->names = table_alloc(bytes + 1);
	s->n = n;
}

static uintptr_t dir_handle(const struct worker *w, uint32_t entry)
{
	return w->dirs[entry == TREE_ROOT ? w->tree->n : entry];
}

static char *stream_put(const struct worker *w, struct op *op, char *to, uint32_t dir,
			const char *name, size_t len, uint64_t *seed)
{
	memcpy(to, name, len);
	op->dir = dir_handle(w, dir);
	op->name = to;
	op->len = (uint16_t)len;
	op->dice = (uint16_t)suite_random(seed);
	return to + len;
}

static void stream_of(struct worker *w, struct stream *s, const uint32_t *keys, size_t n,
		      uint64_t *seed)
{
	const struct tree_entry *entries = w->tree->entries;
	size_t bytes = 0, i;
	char *to;

	for (i = 0; i < n; i++)
		bytes += entries[keys[i]].len;
	stream_start(s, n, bytes);
	for (i = 0, to = s->names; i < n; i++) {
		const struct tree_entry *e = &entries[keys[i]];

		to = stream_put(w, &s->ops[i], to, e->parent, e->name, e->len, seed);
		s->ops[i].value = w->values[keys[i]];
		s->ops[i].may_miss = w->churned[keys[i]];
	}
}

/* All entries in random order, one order after the other until there are enough. */
static uint32_t *keys_uniform(size_t entries, size_t *n, uint64_t *seed)
{
	size_t rounds = (STREAM_LEAST + entries - 1) / entries, i, j;
	uint32_t *keys = suite_array(rounds * entries, sizeof(*keys));

	for (i = 0; i < rounds; i++) {
		for (j = 0; j < entries; j++)
			keys[i * entries + j] = (uint32_t)j;
		suite_shuffle(keys + i * entries, entries, seed);
	}
	*n = rounds * entries;
	return keys;
}

/* The k-th entry of a random order with a probability as 1 / k^s. */
static uint32_t *keys_zipf(size_t entries, size_t *n, uint64_t *seed)
{
	uint32_t *order = suite_array(entries, sizeof(*order)), *keys;
	double *sums = suite_array(entries, sizeof(*sums)), sum = 0;
	size_t i;

	*n = entries < STREAM_LEAST ? STREAM_LEAST : entries < ZIPF_MOST ? entries : ZIPF_MOST;
	keys = suite_array(*n, sizeof(*keys));
	for (i = 0; i < entries; i++) {
		order[i] = (uint32_t)i;
		sums[i] = sum += pow((double)(i + 1), -ZIPF_EXPONENT);
	}
	suite_shuffle(order, entries, seed);
	for (i = 0; i < *n; i++) {
		double at = (double)(suite_random(seed) >> 11) * 0x1p-53 * sum;
		size_t low = 0, high = entries - 1;

		while (low < high) {
			size_t middle = (low + high) / 2;

			if (sums[middle] > at)
				high = middle;
			else
				low = middle + 1;
		}
		keys[i] = order[low];
	}
	free(order);
	free(sums);
	return keys;
}

/* In each entry's directory, a name that others have and it has not. */
static void stream_of_misses(struct worker *w, uint64_t *seed)
{
	const struct tree_entry *entries = w->tree->entries, *other = NULL;
	struct stream *s = &w->miss;
	size_t n, i, bytes = 0, tries;
	uint32_t *keys = keys_uniform(w->tree->n, &n, seed);
	uint32_t *names = suite_array(n, sizeof(*names));
	char *to;

	for (i = 0; i < n; i++) {
		for (tries = 0;; tries++) {
			TABLE_CHECK(tries < 100000);
			names[i] = (uint32_t)suite_below(seed, w->tree->n);
			other = &entries[names[i]];
			if (tree_find(w->tree, entries[keys[i]].parent, other->name, other->len) ==
			    TREE_ROOT)
				break;
		}
		bytes += other->len;
	}
	stream_start(s, n, bytes);
	for (i = 0, to = s->names; i < n; i++) {
		other = &entries[names[i]];
		to = stream_put(w, &s->ops[i], to, entries[keys[i]].parent, other->name, other->len,
				seed);
	}
	free(keys);
	free(names);
}

/* The path of an entry, which ends at @end; NULL: only count. Return: its length. */
static size_t put_path(const struct tree *tree, uint32_t entry, char *end)
{
	size_t len = 0;

	for (; entry != TREE_ROOT; entry = tree->entries[entry].parent) {
		const struct tree_entry *e = &tree->entries[entry];

		if (len && ++len && end)
			end[-(ptrdiff_t)len] = '/';
		len += e->len;
		if (end)
			memcpy(end - len, e->name, e->len);
	}
	return len;
}

static void stream_of_paths(struct worker *w, uint64_t *seed)
{
	struct stream *s = &w->paths;
	size_t n, bytes = 0, i, len;
	uint32_t *keys = keys_uniform(w->tree->n, &n, seed);
	char *to;

	for (i = 0; i < n; i++)
		bytes += put_path(w->tree, keys[i], NULL);
	stream_start(s, n, bytes);
	for (i = 0, to = s->names; i < n; i++, to += len) {
		len = put_path(w->tree, keys[i], NULL);
		TABLE_CHECK(len <= UINT16_MAX);
		put_path(w->tree, keys[i], to + len);
		s->ops[i].dir = dir_handle(w, TREE_ROOT);
		s->ops[i].value = w->values[keys[i]];
		s->ops[i].name = to;
		s->ops[i].len = (uint16_t)len;
	}
	free(keys);
}

/*
 * Each of those that come and go gets a name that nothing else has, with four bytes more, and another one's
 * directory.
 */
static void stream_of_renamed(struct worker *w)
{
	const struct stream *from = &w->churn;
	struct stream *s = &w->renamed;
	size_t bytes = 0, i;
	char *to;

	for (i = 0; i < from->n; i++)
		bytes += from->ops[i].len + (size_t)MARK_LEN;
	stream_start(s, from->n, bytes);
	for (i = 0, to = s->names; i < s->n; i++) {
		const struct op *op = &from->ops[i];
		size_t number = i, at;

		s->ops[i] = *op;
		s->ops[i].dir = from->ops[(i + 1) % s->n].dir;
		s->ops[i].name = to;
		s->ops[i].len = (uint16_t)(op->len + MARK_LEN);
		/* Bytes that no name of a real tree begins with. */
		for (at = 0; at < MARK_LEN; at++, number /= 64)
			*to++ = (char)(0x80 | number % 64);
		memcpy(to, op->name, op->len);
		to += op->len;
	}
}

/* A fourth of the files come and go. */
static void choose_churned(struct worker *w, uint64_t *seed)
{
	uint32_t *files = suite_array(w->tree->files, sizeof(*files));
	size_t n = 0, i;

	for (i = 0; i < w->tree->n; i++) {
		const struct tree_entry *e = &w->tree->entries[i];

		if (!e->children && e->len + MARK_LEN <= NAME_MAX)
			files[n++] = (uint32_t)i;
	}
	suite_shuffle(files, n, seed);
	n /= 4;
	for (i = 0; i < n; i++)
		w->churned[files[i]] = true;
	stream_of(w, &w->churn, files, n, seed);
	free(files);
}

/* ---- the table ---- */

/* Memory that is this process's alone, of what it has touched. */
static double memory_bytes(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	char line[200];
	double kib = -1;

	malloc_trim(0);
	TABLE_CHECK(file);
	while (kib < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "Private_Dirty: %lf kB", &kib);
	fclose(file);
	TABLE_CHECK(kib >= 0);
	return kib * 1024;
}

static void fill(struct worker *w, uint64_t *seed, struct worker_answer *answer)
{
	const struct table_ops *ops = w->ops;
	const struct tree *tree = w->tree;
	uint32_t *files = suite_array(tree->files, sizeof(*files));
	struct stream order;
	double bytes = -memory_bytes(), began;
	size_t n = 0, i;

	w->table = ops->create(tree->n);
	w->dirs[tree->n] = ops->make_root(w->table);
	bytes += memory_bytes();
	for (i = 0; i < tree->n; i++) {
		w->values[i] = ops->make_object(w->table, i, tree->entries[i].children);
		if (!tree->entries[i].children)
			files[n++] = (uint32_t)i;
	}
	bytes -= memory_bytes();
	for (i = 0; i < tree->n; i++) {
		const struct tree_entry *e = &tree->entries[i];

		if (e->children)
			w->dirs[i] = ops->make_dir(w->table, dir_handle(w, e->parent), e->name,
						   e->len, e->children, w->values[i]);
	}
	bytes += memory_bytes();
	suite_shuffle(files, n, seed);
	stream_of(w, &order, files, n, seed);
	free(files);
	bytes -= memory_bytes();
	began = now_ns();
	for (i = 0; i < n; i++) {
		const struct op *op = &order.ops[i];

		TABLE_CHECK(!ops->insert(w->table, op->dir, op->name, op->len, op->value));
	}
	answer->value[ROW_FILL] = (now_ns() - began) / (double)n;
	bytes += memory_bytes();
	answer->value[ROW_MEMORY] = bytes / (double)tree->n;
	free(order.ops);
	free(order.names);
}

static void set_up(struct worker *w, const struct worker_setup *setup, struct worker_answer *answer)
{
	size_t n = setup->tree->n, streamed;
	uint64_t seed = setup->seed;
	uint32_t *keys;

	w->tree = setup->tree;
	w->ops = setup->ops;
	w->values = suite_array(n, sizeof(*w->values));
	w->dirs = suite_array(n + 1, sizeof(*w->dirs));
	w->churned = suite_array(n, sizeof(*w->churned));
	/* Touched here, so as not to count as the table's. */
	memset(w->values, 1, n * sizeof(*w->values));
	memset(w->dirs, 1, (n + 1) * sizeof(*w->dirs));
	w->ops->thread_enter();
	fill(w, &seed, answer);
	choose_churned(w, &seed);
	keys = keys_uniform(n, &streamed, &seed);
	stream_of(w, &w->all, keys, streamed, &seed);
	free(keys);
	if (setup->rows[ROW_MISS])
		stream_of_misses(w, &seed);
	if (setup->rows[ROW_HIT_ZIPF]) {
		keys = keys_zipf(n, &streamed, &seed);
		stream_of(w, &w->zipf, keys, streamed, &seed);
		free(keys);
	}
	if (setup->rows[ROW_WALK])
		stream_of_paths(w, &seed);
	if (setup->rows[ROW_RENAME] || setup->rows[ROW_MOVE])
		stream_of_renamed(w);
}

static void tear_down(struct worker *w, struct worker_answer *answer)
{
	const struct table_ops *ops = w->ops;
	double began;
	size_t i;

	/* What is given back here is the driver's; then the table alone is taken down, but for a table
	 * whose directories own what they hold. */
	for (i = 0; i < w->tree->n; i++)
		ops->drop_object(w->table, w->values[i]);
	began = now_ns();
	for (i = w->tree->n; i--;) {
		if (w->tree->entries[i].children)
			ops->drop_dir(w->table, w->dirs[i]);
	}
	ops->drop_dir(w->table, w->dirs[w->tree->n]);
	ops->destroy(w->table);
	answer->value[ROW_DESTROY] = (now_ns() - began) / (double)w->tree->n;
	ops->thread_leave();
}

/* ---- what threads do ---- */

static inline uintptr_t ask(const struct worker *w, const struct op *op)
{
	return w->ops->lookup(w->table, op->dir, op->name, op->len);
}

/* Of names or of whole paths, by the call for them. */
static inline void batch_by(struct runner *r, uintptr_t (*find)(struct table *t, uintptr_t dir,
								const char *name, size_t len))
{
	const struct worker *w = r->round->worker;
	const struct stream *s = r->round->stream;
	size_t at = r->at, i;
	uintptr_t wrong = 0;

	for (i = 0; i < BATCH; i++) {
		const struct op *op = &s->ops[at];

		wrong |= find(w->table, op->dir, op->name, op->len) ^ op->value;
		if (++at >= s->n)
			at = 0;
	}
	r->at = at;
	r->wrong |= wrong;
	r->done += BATCH;
}

static void batch_hit(struct runner *r)
{
	batch_by(r, r->round->worker->ops->lookup);
}

static void batch_walk(struct runner *r)
{
	batch_by(r, r->round->worker->ops->walk);
}

/* The address of the next operation, and with it the next name, is only known when the answer is. */
static void batch_dependent(struct runner *r)
{
	const struct worker *w = r->round->worker;
	const struct stream *s = r->round->stream;
	size_t at = r->at, i;
	uintptr_t wrong = 0;

	for (i = 0; i < BATCH; i++) {
		uintptr_t difference = ask(w, &s->ops[at]) ^ s->ops[at].value;

		/* 0, which the compiler is not to know. */
		__asm__("" : "+r"(difference));
		wrong |= difference;
		at += 1 + difference;
		if (at >= s->n)
			at = 0;
	}
	r->at = at;
	r->wrong |= wrong;
	r->done += BATCH;
}

static inline size_t next_of(const struct churn *c, size_t at)
{
	return at + 1 == c->n ? 0 : at + 1;
}

static inline void insert_next(struct runner *r)
{
	const struct worker *w = r->round->worker;
	const struct op *op = &r->churn.ops[r->churn.absent];
	uintptr_t value = r->round->negative ? TABLE_NEGATIVE : op->value;

	r->wrong |= w->ops->insert(w->table, op->dir, op->name, op->len, value) != 0;
	r->churn.absent = next_of(&r->churn, r->churn.absent);
}

static inline void remove_next(struct runner *r)
{
	const struct worker *w = r->round->worker;
	const struct op *op = &r->churn.ops[r->churn.moved];

	r->wrong |= w->ops->remove(w->table, op->dir, op->name, op->len) != 0;
	r->churn.moved = next_of(&r->churn, r->churn.moved);
}

/*
 * Lookups of all, and updates between them: insertions and removals in turn, of names that no other thread
 * updates. Half of these are there at any time; what is inserted was removed longest ago. A lookup of such
 * a name may find it or not.
 */
static void batch_mixed(struct runner *r)
{
	const struct worker *w = r->round->worker;
	const struct stream *s = r->round->stream;
	size_t i;

	for (i = 0; i < BATCH; i++) {
		const struct op *op = &s->ops[r->at];

		if (op->dice < r->round->update_dice) {
			if (r->churn.removes)
				remove_next(r);
			else
				insert_next(r);
			r->churn.removes = !r->churn.removes;
		} else {
			uintptr_t found = ask(w, op);

			r->wrong |= found != op->value && !(op->may_miss && !found);
		}
		if (++r->at == s->n)
			r->at = 0;
	}
	r->done += BATCH;
}

/* The same updates in blocks: insertions, then as many removals. */
static void batch_updates(struct runner *r)
{
	size_t block = r->churn.n / 2 < BLOCK_MOST ? r->churn.n / 2 : BLOCK_MOST, i;
	double began = now_ns(), between;

	for (i = 0; i < block; i++)
		insert_next(r);
	between = now_ns();
	for (i = 0; i < block; i++)
		remove_next(r);
	r->insert_ns += between - began;
	r->remove_ns += now_ns() - between;
	r->done += 2 * block;
}

/* Both names of a file: its own, and the other one in the same directory or in another one. */
static void names_of(const struct worker *w, int row, const struct op *op, struct table_name *own,
		     struct table_name *other)
{
	const struct op *renamed = &w->renamed.ops[op - w->churn.ops];

	*own = (struct table_name){ op->dir, op->name, op->len };
	*other = (struct table_name){ row == ROW_MOVE ? renamed->dir : op->dir, renamed->name,
				      renamed->len };
}

static void batch_rename(struct runner *r)
{
	const struct worker *w = r->round->worker;
	struct churn *c = &r->churn;
	struct table_name own, other;
	size_t i;

	for (i = 0; i < BATCH; i++) {
		names_of(w, r->round->row, &c->ops[c->moved], &own, &other);
		r->wrong |= w->ops->rename(w->table, c->back ? &other : &own,
					   c->back ? &own : &other) != 0;
		c->moved = next_of(c, c->moved);
		c->back ^= !c->moved;
	}
	r->done += BATCH;
}

/* A chain through one line of each place for an entry. */
static void batch_load(struct runner *r)
{
	char *memory = r->round->worker->memory;
	size_t at = r->at, i;

	for (i = 0; i < BATCH; i++)
		at = *(size_t *)(memory + at * LOAD_STRIDE);
	r->at = at;
	r->done += BATCH;
}

/* How long this thread has been ready to run without a processor; -1: the kernel does not say. */
static double queued_ns(void)
{
	FILE *file = fopen("/proc/thread-self/schedstat", "r");
	double ran, queued = -1;

	if (file) {
		if (fscanf(file, "%lf %lf", &ran, &queued) != 2)
			queued = -1;
		fclose(file);
	}
	return queued;
}

static uint64_t preemptions(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nivcsw;
}

static void *runner_main(void *argument)
{
	struct runner *r = argument;
	struct round *round = r->round;
	const struct table_ops *ops = round->worker->ops;

	if (ops)
		ops->thread_enter();
	pthread_barrier_wait(&round->ready);
	while (atomic_load_explicit(&round->phase, memory_order_relaxed) == WARMING)
		round->batch(r);
	r->total = r->done;
	r->done = 0;
	r->insert_ns = r->remove_ns = 0;
	r->preempted = preemptions();
	r->queued_ns = queued_ns();
	r->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	r->wall_ns = now_ns();
	while (atomic_load_explicit(&round->phase, memory_order_relaxed) == MEASURING)
		round->batch(r);
	r->wall_ns = now_ns() - r->wall_ns;
	r->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - r->cpu_ns;
	/* Where the kernel does not say: what is lost of the time, by whatever. */
	r->queued_ns = r->queued_ns < 0 ? r->wall_ns - r->cpu_ns : queued_ns() - r->queued_ns;
	r->preempted = preemptions() - r->preempted;
	r->total += r->done;
	if (ops)
		ops->thread_leave();
	return NULL;
}

/* ---- rounds ---- */

static void sleep_ms(double ms)
{
	struct timespec ts = { (time_t)(ms / 1e3), (long)(fmod(ms, 1e3) * 1e6) };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		continue;
}

static bool is_of_renames(int row)
{
	return row == ROW_RENAME || row == ROW_MOVE;
}

/* All that comes and goes is there again, under its own name. */
static void churn_end(struct worker *w)
{
	const struct table_ops *ops = w->ops;
	size_t i;

	if (!w->parts)
		return;
	for (i = 0; i < w->churn.n; i++) {
		const struct op *op = &w->churn.ops[i];
		uintptr_t found = ask(w, op);

		if (!found && is_of_renames(w->parts_row)) {
			struct table_name own, other;

			names_of(w, w->parts_row, op, &own, &other);
			TABLE_CHECK(!ops->rename(w->table, &other, &own));
			found = ask(w, op);
			TABLE_CHECK(found == op->value);
		}
		/* Negative ones take the place of what was there. */
		if (found && found != op->value) {
			TABLE_CHECK(found == TABLE_NEGATIVE);
			TABLE_CHECK(!ops->remove(w->table, op->dir, op->name, op->len));
			found = 0;
		}
		if (!found)
			TABLE_CHECK(!ops->insert(w->table, op->dir, op->name, op->len, op->value));
	}
	ops->settle(w->table);
	free(w->parts);
	w->parts = NULL;
}

/* Each thread gets its part of what comes and goes, and the second half of it is removed, unless the row
 * renames; but if the round before was one of the same kind, it has left all so. */
static void churn_begin(struct worker *w, int row, unsigned int threads)
{
	size_t share = w->churn.n / threads, i;
	unsigned int part;

	if (w->parts && w->parts_row == row && w->nr_parts == threads)
		return;
	churn_end(w);
	if (share < 2) {
		fprintf(stderr, "suite: too few entries for updates by %u threads\n", threads);
		exit(1);
	}
	w->parts = suite_array(threads, sizeof(*w->parts));
	w->parts_row = row;
	w->nr_parts = threads;
	for (part = 0; part < threads; part++) {
		const struct op *ops = w->churn.ops + part * share;

		w->parts[part] = (struct churn){ .ops = ops, .n = share, .absent = share / 2 };
		for (i = share / 2; i < share && !is_of_renames(row); i++)
			TABLE_CHECK(!w->ops->remove(w->table, ops[i].dir, ops[i].name, ops[i].len));
	}
	w->ops->settle(w->table);
}

/* Were the threads kept from running by others than this process's own background threads? */
static int was_disturbed(const struct runner *runners, unsigned int threads, double process_cpu_ns)
{
	double wall = 0, queued = 0, own = 0;
	uint64_t preempted = 0;
	unsigned int i;

	if (threads > processors())
		return 0;
	for (i = 0; i < threads; i++) {
		wall += runners[i].wall_ns;
		queued += runners[i].queued_ns;
		own += runners[i].cpu_ns;
		preempted += runners[i].preempted;
	}
	queued -= process_cpu_ns > own ? process_cpu_ns - own : 0;
	return preempted && queued > 0.02 * wall;
}

/* Return: is it a row of updates? */
static bool round_choose(struct round *round, int row)
{
	struct worker *w = round->worker;

	round->stream = &w->all;
	round->batch = batch_hit;
	round->row = row;
	switch (row) {
	case ROW_MISS:
		round->stream = &w->miss;
		break;
	case ROW_DEPENDENT:
		round->batch = w->memory ? batch_load : batch_dependent;
		break;
	case ROW_HIT_ZIPF:
		round->stream = &w->zipf;
		break;
	case ROW_WALK:
		round->stream = &w->paths;
		round->batch = batch_walk;
		break;
	case ROW_95_5:
		round->batch = batch_mixed;
		round->update_dice = 65536 * 5 / 100;
		return true;
	case ROW_50_50:
		round->batch = batch_mixed;
		round->update_dice = 65536 / 2;
		return true;
	case ROW_INSERT:
	case ROW_INSERT_NEGATIVE:
		round->batch = batch_updates;
		round->negative = row == ROW_INSERT_NEGATIVE;
		return true;
	case ROW_RENAME:
	case ROW_MOVE:
		round->batch = batch_rename;
		return true;
	}
	return false;
}

static void run_round(struct worker *w, const struct worker_order *order,
		      struct worker_answer *answer)
{
	static const int cpu_rows[ROWS] = {
		[ROW_95_5] = ROW_95_5_CPU, [ROW_50_50] = ROW_50_50_CPU, [ROW_INSERT] = ROW_UPDATE_CPU
	};
	unsigned int threads = order->threads, cores = processors(), thread;
	double running = threads < cores ? threads : cores;
	struct round round = { .worker = w };
	bool updates = round_choose(&round, order->row);
	double began, cpu_began, cpu_measured, wall, ns, insert_ns = 0, remove_ns = 0;
	uint64_t done = 0, total = 0, seed = order->seed;
	struct runner *runners;

	if (updates)
		churn_begin(w, order->row, threads);
	else
		churn_end(w);
	TABLE_CHECK(!posix_memalign((void **)&runners, 128, threads * sizeof(*runners)));
	memset(runners, 0, threads * sizeof(*runners));
	for (thread = 0; thread < threads; thread++) {
		runners[thread].round = &round;
		runners[thread].at = suite_below(&seed, w->memory ? w->tree->n : round.stream->n);
		if (updates)
			runners[thread].churn = w->parts[thread];
	}
	pthread_barrier_init(&round.ready, NULL, threads + 1);
	cpu_began = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (thread = 0; thread < threads; thread++)
		TABLE_CHECK(!pthread_create(&runners[thread].thread, NULL, runner_main,
					    &runners[thread]));
	pthread_barrier_wait(&round.ready);
	sleep_ms(order->ms / 4);
	cpu_measured = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	began = now_ns();
	atomic_store(&round.phase, MEASURING);
	sleep_ms(order->ms);
	atomic_store(&round.phase, STOPPED);
	wall = now_ns() - began;
	cpu_measured = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_measured;
	for (thread = 0; thread < threads; thread++) {
		struct runner *r = &runners[thread];

		TABLE_CHECK(!pthread_join(r->thread, NULL));
		if (r->wrong) {
			fprintf(stderr, "suite: %s: wrong answer in row %s\n", w->ops->name,
				row_names[order->row]);
			exit(1);
		}
		if (updates)
			w->parts[thread] = r->churn;
		done += r->done;
		total += r->total;
		insert_ns += r->insert_ns;
		remove_ns += r->remove_ns;
	}
	if (updates)
		w->ops->settle(w->table);
	/* No thread may have had a processor all the while: then nothing was measured. */
	if (done) {
		if (cpu_rows[order->row])
			answer->value[cpu_rows[order->row]] =
				(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_began) / (double)total;
		ns = wall * running / (double)done;
		answer->value[order->row] = ns;
		if (round.batch == batch_updates) {
			/* As many of one as of the other. A thread without a processor, between blocks or
			 * within, is in the whole time, so only their ratio is taken from these. */
			answer->value[order->row] = 2 * ns * insert_ns / (insert_ns + remove_ns);
			if (order->row == ROW_INSERT)
				answer->value[ROW_REMOVE] = 2 * ns * remove_ns /
							    (insert_ns + remove_ns);
		}
	}
	answer->disturbed = !done || was_disturbed(runners, threads, cpu_measured);
	pthread_barrier_destroy(&round.ready);
	free(runners);
}

/* ---- the process ---- */

static void set_up_loads(struct worker *w, const struct worker_setup *setup)
{
	size_t n = setup->tree->n, i;
	uint32_t *order = suite_array(n, sizeof(*order));
	uint64_t seed = setup->seed;

	w->tree = setup->tree;
	w->memory = suite_array(n, LOAD_STRIDE);
	for (i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	suite_shuffle(order, n, &seed);
	for (i = 0; i < n; i++)
		*(size_t *)(w->memory + order[i] * LOAD_STRIDE) = order[(i + 1) % n];
	free(order);
}

static void answer_write(int fd, const struct worker_answer *answer)
{
	TABLE_CHECK(write(fd, answer, sizeof(*answer)) == (ssize_t)sizeof(*answer));
}

void worker_run(const struct worker_setup *setup, int orders, int answers)
{
	struct worker w = { 0 };
	struct worker_answer answer = { 0 };
	struct worker_order order;

	if (setup->ops)
		set_up(&w, setup, &answer);
	else
		set_up_loads(&w, setup);
	answer_write(answers, &answer);
	for (;;) {
		/* Nobody to work for any more. */
		if (read(orders, &order, sizeof(order)) != (ssize_t)sizeof(order))
			_exit(1);
		if (order.row == ROWS)
			break;
		memset(&answer, 0, sizeof(answer));
		run_round(&w, &order, &answer);
		answer_write(answers, &answer);
	}
	memset(&answer, 0, sizeof(answer));
	if (w.ops)
		tear_down(&w, &answer);
	answer_write(answers, &answer);
	_exit(0);
}
