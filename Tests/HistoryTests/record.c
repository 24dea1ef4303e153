/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Histories of real threads.
 *
 * Threads run random operations on a small tree, from a common start, until each has recorded its
 * share of a history; then the tree is emptied for the next one. After a batch of histories all
 * threads check them, a group at a time.
 *
 * With fewer processors than threads, threads meet where one gives up the processor: between calls,
 * while asking the backend, in a checked build at the points of the core that the tests can stop at,
 * and, by a signal from a timer of its own, between any two instructions; all at random.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "history_tests.h"
#include "operations.h"
#include "sync/hooks.h"

#define BATCH 64
/* What a thread records at the end, when it puts all that it has. */
#define LANE_END (3 * LANE_HELD)

struct world {
	const char *name;
	unsigned int dirs;
	bool locked, moves, store, outside;
};

static const struct world worlds[] = {
	/* Lookups and what ends them, on up to six names of one directory. */
	{ .name = "names", .dirs = 1 },
	/* With directories locked, names are also added by those who hold them exclusively. */
	{ .name = "locked names", .dirs = 2, .locked = true },
	/* Directories move to where a lookup finds them. */
	{ .name = "moves", .dirs = HISTORY_DIRS, .moves = true },
	/* The same with directories locked: they also replace what is there. */
	{ .name = "locked moves", .dirs = HISTORY_DIRS, .locked = true, .moves = true },
	/* A filesystem with creates, unlinks and renames, and two spellings of a name. */
	{ .name = "filesystem", .dirs = 2, .locked = true, .store = true },
	/* A store that changes by itself, and invalidations. */
	{ .name = "invalidations", .dirs = 2, .outside = true },
};

const struct world *world_at(unsigned int i)
{
	return i < sizeof(worlds) / sizeof(worlds[0]) ? &worlds[i] : NULL;
}

const char *world_name(const struct world *world)
{
	return world->name;
}

/* What is shared by the threads of a run. */
static struct {
	const struct world *world;
	const struct settings *settings;
	struct totals *totals;
	pthread_barrier_t barrier;
	struct history histories[BATCH];
	bool renames, interrupts;
	unsigned int names;
	unsigned int at; /* history being recorded */
	_Atomic unsigned int started;
	_Atomic uint32_t clock;
	_Atomic unsigned int next_task;
	_Atomic bool stop;
	_Atomic uint64_t unknown, states, most_states, partitions;
	_Atomic int failing; /* history of the batch, plus one */
	_Atomic unsigned int failing_group;
	uint64_t waits;
	uint64_t began;
} now;

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

struct worker {
	struct lane lane;
	uint64_t random, interrupts;
	timer_t timer;
	pthread_t thread;
	struct checker *checker;
};

static struct worker workers[HISTORY_THREADS];
static _Thread_local struct worker *self;
static _Thread_local volatile bool recording;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static unsigned int below(unsigned int n)
{
	self->random ^= self->random << 13;
	self->random ^= self->random >> 7;
	self->random ^= self->random << 17;
	return (unsigned int)((self->random >> 24) % n);
}

struct lane *lane_current(void)
{
	return recording ? &self->lane : NULL;
}

static void pause_sometimes(void)
{
	if (!below(2))
		sched_yield();
}

enum mood store_mood(void)
{
	unsigned int n = below(12);

	return n == 0 ? MOOD_ERROR : n < 4 ? MOOD_UNCACHED : MOOD_TRUE;
}

#ifdef DCACHE_DEBUG
static void at_point(enum dc_point point, const void *object)
{
	int tries;

	if (!recording)
		return;
	if (point == DC_W1) {
		/* The owner is about to give it a number. */
		for (tries = 0; !entry_number(object) && tries < 100; tries++)
			sched_yield();
		note_parked(&self->lane, object);
	}
	if (!below(24))
		sched_yield();
}
#endif

/* Some time from now, while the thread is running, it is to give way. */
static void interrupt_later(void)
{
	struct itimerspec in = { 0 };

	self->interrupts = self->interrupts * 6364136223846793005u + 1442695040888963407u;
	in.it_value.tv_nsec = 3000 + (long)(self->interrupts >> 48);
	timer_settime(self->timer, 0, &in, NULL);
}

static void interrupted(int signal)
{
	int err = errno;

	(void)signal;
	if (recording) {
		sched_yield();
		interrupt_later();
	}
	errno = err;
}

static void timer_make(void)
{
	struct sigaction action = { .sa_handler = interrupted, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };

	event.sigev_notify_thread_id = gettid();
	if (sigaction(SIGUSR1, &action, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &self->timer)) {
		perror("a timer");
		exit(2);
	}
}

/* ---- the tree ---- */

static unsigned int home(unsigned int dir)
{
	return CELL_NAMES - dir;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf("FAIL between histories: %s\n", what);
	exit(1);
}

static struct inode *make_dir(unsigned int number)
{
	return new_inode(stage.dc, number, INODE_DIRECTORY,
			 now.world->store     ? &store_dir_ops
			 : now.world->outside ? &outside_dir_ops
					      : &stage_file_ops,
			 NULL);
}

/* Bring directory @dir home, from wherever it is; nobody else is there. */
static void go_home(unsigned int dir)
{
	struct qstr name = cell_name(home(dir));
	struct dentry *dentry = d_alloc(stage.dirs[0], &name), *res;
	struct inode *inode = d_inode(stage.dirs[dir]);

	ihold(inode);
	res = d_splice_alias(inode, dentry);
	must(res == stage.dirs[dir], "a directory's entry can be moved home");
	dput(res);
	dput(dentry);
}

static void tree_begin(void)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	unsigned int dir;

	opts.hash_buckets = below(2) ? 2 : 256;
	opts.in_lookup_buckets = below(2) ? 2 : 256;
	opts.d_op = &stage_entry_ops;
	must(!dcache_create(&opts, &stage.dc), "an instance can be made");
	stage.dirs[0] = d_make_root(make_dir(0));
	must(!IS_ERR(stage.dirs[0]), "a root can be made");
	for (dir = 1; dir < now.world->dirs; dir++) {
		struct qstr name = cell_name(home(dir));

		stage.dirs[dir] = d_alloc(stage.dirs[0], &name);
		must(!d_add(stage.dirs[dir], make_dir(dir)), "a directory can be added");
		d_set_fsdata(stage.dirs[dir], (void *)(uintptr_t)dir);
	}
	stage.locked = now.world->locked;
	stage.has_truth = now.world->store;
	stage.has_outside = now.world->outside;
	stage.clock = &now.clock;
	stage.pause = pause_sometimes;
}

static void tree_count_waits(void)
{
	struct dcache_stats stats;

	dcache_get_stats(stage.dc, &stats);
	now.totals->waits += stats.lookups_waited;
}

static void tree_end(void)
{
	unsigned int dir;

	tree_count_waits();
	for (dir = now.world->dirs; dir-- > 0;)
		dput(stage.dirs[dir]);
	must(!dcache_destroy(stage.dc), "nothing is referenced any more");
	memset(stage.dirs, 0, sizeof(stage.dirs));
}

/* Nothing is held: leave the directories alone, at home. */
static void tree_clear(void)
{
	struct dcache_stats stats;
	unsigned int hashed = 0, cell, dir;

	dcache_get_stats(stage.dc, &stats);
	for (cell = 0; cell < now.world->dirs * CELL_NAMES; cell++) {
		struct qstr name = cell_name(cell);
		struct dentry *dentry = d_lookup(stage.dirs[cell / CELL_NAMES], &name);

		hashed += dentry && (!entry_number(dentry) || entry_number(dentry) >= HISTORY_DIRS);
		if (dentry && (now.world->moves || dentry != stage.dirs[cell == home(1) ? 1 : 0]))
			d_drop(dentry);
		dput(dentry);
	}
	must(stats.entries == now.world->dirs + hashed, "what is neither hashed nor used is freed");
	for (dir = 1; now.world->moves && dir < now.world->dirs; dir++)
		go_home(dir);
	shrink_dcache(stage.dc, SIZE_MAX / 2);
	dcache_get_stats(stage.dc, &stats);
	must(stats.entries == now.world->dirs, "only the directories are left");
	must(!stats.in_lookup, "no lookup is left");
}

/* ---- one history ---- */

static unsigned int some_cell(void)
{
	unsigned int dir = below(now.world->dirs), name = below(now.names);

	/* Home is worth a look, too: directories leave it. */
	if (now.world->moves && !below(6))
		return home(1 + below(HISTORY_DIRS - 1));
	return dir * CELL_NAMES + name;
}

static enum answer some_answer(void)
{
	static const uint8_t weights[ANSWERS] = { 6, 4, 2, 2, 2, 1, 0, 1 };
	unsigned int at = below(18), i;

	if (now.world->moves && below(3))
		return ANSWER_DIRECTORY;
	for (i = 0; at >= weights[i]; i++)
		at -= weights[i];
	return (enum answer)i;
}

static void act_on_held(struct lane *lane, unsigned int what)
{
	unsigned int i;

	if (!lane->nr_held)
		return;
	i = below(lane->nr_held);
	switch (what) {
	case 0:
		act_read(lane, i);
		break;
	case 1:
		act_is_hashed(lane, i);
		break;
	case 2:
		act_drop(lane, i);
		break;
	case 3:
		(below(2) ? act_drop : act_invalidate)(lane, i);
		break;
	case 4:
		/* Behind a filesystem's back its files are not deleted. */
		if (!now.world->store)
			act_delete(lane, i);
		break;
	case 5:
		if (now.world->locked && now.world->moves && below(2))
			act_replace(lane, i, 1 + below(HISTORY_DIRS - 1));
		else if (now.world->locked && !now.world->store)
			(below(2) ? act_rehash : act_add_again)(lane, i);
		else if (now.world->moves)
			act_path(lane, i);
		break;
	case 6:
		if (!now.world->store)
			act_instantiate(lane, i);
		break;
	case 7:
		if (now.world->moves)
			act_parent(lane, i);
		break;
	case 8:
		act_obtain(lane, i);
		break;
	default:
		act_put(lane, i);
		break;
	}
}

static void act_on_store(struct lane *lane)
{
	unsigned int cell = some_cell();

	switch (below(8)) {
	case 0:
	case 1:
		act_create(lane, store_cell(cell));
		break;
	case 2:
		act_unlink(lane, store_cell(cell));
		break;
	case 3:
		if (now.renames) {
			act_rename(lane, store_cell(cell), store_cell(some_cell()));
			break;
		}
		/* fall through */
	default:
		act_resolve(lane, cell);
		break;
	}
}

static void act_on_outside(struct lane *lane)
{
	unsigned int cell = some_cell(), what = below(32);

	if (what < 4)
		act_change_name(lane, cell);
	else if (what < 6)
		act_change_children(lane, cell, now.names);
	else if (what < 8)
		act_invalidate_found(lane, cell);
	else if (what < 11)
		act_look_up_outside(lane, cell);
	else if (what < 13)
		act_look_up_outside_rcu(lane, cell);
	else if (what < 17)
		act_walk_outside(lane, cell, what == 13);
	else if (what == 17)
		act_shrink(lane, 1 + below(4));
	else if (what < 22 && lane->nr_held)
		act_put(lane, below(lane->nr_held));
	else
		act_resolve_outside(lane, cell);
}

static void act_exchange_two(struct lane *lane)
{
	unsigned int a = below(HISTORY_DIRS - 1);

	act_exchange(lane, 1 + a, 1 + (a + 1 + below(HISTORY_DIRS - 2)) % (HISTORY_DIRS - 1));
}

static void act_somehow(struct lane *lane)
{
	unsigned int what = below(32);
	enum answer how = some_answer();

	if (now.world->outside)
		act_on_outside(lane);
	else if (atomic_load_explicit(&stage.handed_over, memory_order_relaxed))
		act_take_over(lane, how == ANSWER_ABANDON ? ANSWER_NONE : how,
			      1 + below(HISTORY_DIRS - 1));
	else if (what < 5)
		act_look_up(lane, some_cell());
	else if (what < 8)
		act_look_up_rcu(lane, some_cell(), what < 6);
	else if (what < 18 && now.world->store)
		act_on_store(lane);
	else if (what == 8 && now.world->locked)
		act_add(lane, some_cell(), below(2));
	else if (what == 17)
		act_hand_over(lane, some_cell(), some_answer(), 1 + below(HISTORY_DIRS - 1));
	else if (what < 18)
		act_ask(lane, some_cell(), some_answer(), 1 + below(HISTORY_DIRS - 1), below(2));
	else if (what == 18 && now.world->moves && below(2))
		act_exchange_two(lane);
	else if (what == 18)
		act_shrink(lane, 1 + below(4));
	else
		act_on_held(lane, what - 19);
}

/* Between two calls somebody else may have his turn. */
static void act(struct worker *worker)
{
	if (!below(6))
		sched_yield();
	act_somehow(&worker->lane);
}

static void run_lane(struct worker *worker)
{
	struct lane *lane = &worker->lane;

	/* Whoever is early waits for the others: histories are short. */
	atomic_fetch_add(&now.started, 1);
	while (atomic_load(&now.started) < now.settings->threads)
		sched_yield();
	recording = true;
	if (now.interrupts)
		interrupt_later();
	while (!lane_full(lane))
		act(worker);
	lane->max += LANE_END;
	act_put_all(lane);
	recording = false;
}

static void place(struct lane *lane, enum kind kind, unsigned int cell, unsigned int entry,
		  uint32_t value)
{
	call(lane);
	note(lane, stamp(), kind, cell, entry, value);
}

/* How the history begins, in the first thread's lane. */
static void prepare(void)
{
	struct history *history = &now.histories[now.at];
	unsigned int share = now.settings->length / now.settings->threads, i, dir;

	now.names = now.world->moves ? 1 + below(3) : 1 + below(6);
	now.renames = now.world->store && !below(4);
	now.interrupts = !below(4);
	tree_clear();
	atomic_store(&now.clock, 1);
	atomic_store(&now.started, 0);
	history->groups = now.world->moves || now.renames ? 1 : HISTORY_CELLS;
	for (i = 0; i < HISTORY_CELLS; i++)
		history->group[i] = history->groups == 1 ? 0
				    : now.world->store	 ? (uint8_t)store_cell(i)
							 : (uint8_t)i;
	for (i = 0; i < now.settings->threads; i++) {
		workers[i].lane = (struct lane){
			.ops = &history->ops[i * share],
			.max = share - LANE_END,
			.thread = (uint8_t)i,
			.made = 1,
		};
	}
	for (dir = 1; now.world->moves && dir < now.world->dirs; dir++)
		place(&workers[0].lane, OP_PLACE, home(dir), dir, 0);
	memset(stage.truth, 0, sizeof(stage.truth));
	for (i = 0; now.world->store && i < now.world->dirs * CELL_NAMES; i++) {
		if (store_cell(i) == i && i % CELL_NAMES < now.names && below(2)) {
			stage.truth[i] = new_number(&workers[0].lane);
			place(&workers[0].lane, OP_TRUTH, i, 0, stage.truth[i]);
		}
	}
	for (i = 0; now.world->outside && i < now.world->dirs * CELL_NAMES; i++) {
		bool there = i % CELL_NAMES < now.names && below(2);
		uint32_t truth = there ? new_number(&workers[0].lane) : 0;

		atomic_store(&stage.outside[i], truth);
		if (there)
			place(&workers[0].lane, OP_TRUTH, i, 0, truth);
	}
}

/* Put the lanes together. */
static void collect(void)
{
	struct history *history = &now.histories[now.at++];
	unsigned int i, j;

	history->nr = 0;
	for (i = 0; i < now.settings->threads; i++) {
		const struct lane *lane = &workers[i].lane;

		must(!lane->overflow, "all was recorded");
		/* What was recorded of one call has one beginning, but for what its backend did. */
		for (j = 0; j < lane->nr; j++)
			now.totals->operations += !j ||
						  lane->ops[j].begin != lane->ops[j - 1].begin;
		now.totals->records += lane->nr;
		memmove(&history->ops[history->nr], lane->ops, lane->nr * sizeof(*lane->ops));
		history->nr += lane->nr;
	}
	now.totals->histories++;
}

/* ---- checking ---- */

static void check_groups(struct checker *checker)
{
	for (;;) {
		unsigned int task = atomic_fetch_add(&now.next_task, 1);
		unsigned int which = task / HISTORY_CELLS, group = task % HISTORY_CELLS, nr;
		uint64_t before = checker_states(checker), states, most;
		enum verdict verdict;

		if (which >= now.at || atomic_load(&now.failing))
			return;
		if (group >= now.histories[which].groups)
			continue;
		verdict = checker_group(checker, &now.histories[which], group, &nr);
		if (!nr)
			continue;
		states = checker_states(checker) - before;
		most = atomic_load(&now.most_states);
		while (most < states &&
		       !atomic_compare_exchange_weak(&now.most_states, &most, states))
			;
		atomic_fetch_add(&now.partitions, 1);
		atomic_fetch_add(&now.unknown, verdict == UNKNOWN);
		if (verdict == NOT_LINEARIZABLE) {
			int none = 0;

			if (atomic_compare_exchange_strong(&now.failing, &none, (int)which + 1))
				atomic_store(&now.failing_group, group);
		}
	}
}

/* How many calls met another thread's. */
static unsigned int overlapping(const struct history *history)
{
	unsigned int n = 0, i, j;

	for (i = 0; i < history->nr; i++) {
		for (j = 0; j < history->nr; j++) {
			const struct op *a = &history->ops[i], *b = &history->ops[j];

			if (a->thread != b->thread && a->begin < b->end && b->begin < a->end)
				break;
		}
		n += j < history->nr;
	}
	return n;
}

static void check_done(void)
{
	const struct settings *settings = now.settings;
	int failing = atomic_load(&now.failing);

	/* Of one in the batch. */
	now.totals->overlapping += (uint64_t)overlapping(&now.histories[0]) * 100 /
				   now.histories[0].nr;
	if (failing) {
		struct checker *checker = checker_make(0);

		printf("FAIL %s: seed %llu, history %llu\n", now.world->name,
		       (unsigned long long)settings->seed,
		       (unsigned long long)now.totals->histories - now.at + (unsigned int)failing);
		checker_explain(checker, &now.histories[failing - 1],
				atomic_load(&now.failing_group), stdout);
		checker_free(checker);
		now.totals->failed = true;
	}
	if (failing || (settings->operations && now.totals->operations >= settings->operations) ||
	    (settings->seconds > 0 && (double)(now_ns() - now.began) / 1e9 >= settings->seconds))
		atomic_store(&now.stop, true);
}

/* ---- threads ---- */

static void record_batch(struct worker *worker, bool leads)
{
	unsigned int i;

	if (leads) {
		now.at = 0;
		tree_begin();
	}
	for (i = 0; i < BATCH; i++) {
		if (leads)
			prepare();
		pthread_barrier_wait(&now.barrier);
		run_lane(worker);
		pthread_barrier_wait(&now.barrier);
		if (leads)
			collect();
	}
	if (leads) {
		tree_clear();
		tree_end();
		atomic_store(&now.next_task, 0);
	}
	pthread_barrier_wait(&now.barrier);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	bool leads = worker == &workers[0];
	unsigned int batches = 0;

	self = worker;
	timer_make();
	while (!atomic_load(&now.stop)) {
		uint64_t began = now_ns(), recorded;

		if (leads)
			alarm(60);
		record_batch(worker, leads);
		recorded = now_ns();
		check_groups(worker->checker);
		pthread_barrier_wait(&now.barrier);
		if (leads) {
			now.totals->recording += (double)(recorded - began) / 1e9;
			now.totals->checking += (double)(now_ns() - recorded) / 1e9;
			check_done();
			now.totals->partitions = atomic_load(&now.partitions);
			batches++;
			if (atomic_load(&now.stop))
				now.totals->overlapping /= batches;
		}
		pthread_barrier_wait(&now.barrier);
	}
	timer_delete(worker->timer);
	atomic_fetch_add(&now.states, checker_states(worker->checker));
	return NULL;
}

void world_run(const struct world *world, const struct settings *settings, struct totals *totals)
{
	struct op *ops = calloc((size_t)BATCH * settings->length, sizeof(*ops));
	unsigned int i;

	must(ops, "there is memory");
	memset(&now, 0, sizeof(now));
	memset(totals, 0, sizeof(*totals));
	now.world = world;
	now.settings = settings;
	now.totals = totals;
	now.began = now_ns();
	for (i = 0; i < BATCH; i++)
		now.histories[i].ops = &ops[i * settings->length];
#ifdef DCACHE_DEBUG
	dc_set_point_hook(at_point);
#endif
	pthread_barrier_init(&now.barrier, NULL, settings->threads);
	for (i = 0; i < settings->threads; i++) {
		workers[i].random = (settings->seed + i) * 0x9e3779b97f4a7c15u | 1;
		workers[i].interrupts = settings->seed + i;
		workers[i].checker = checker_make(0);
		must(!pthread_create(&workers[i].thread, NULL, work, &workers[i]),
		     "threads can be started");
	}
	for (i = 0; i < settings->threads; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < settings->threads; i++)
		checker_free(workers[i].checker);
	alarm(0);
	pthread_barrier_destroy(&now.barrier);
	totals->unknown = atomic_load(&now.unknown);
	totals->states = atomic_load(&now.states);
	totals->most_states = atomic_load(&now.most_states);
	free(ops);
}
