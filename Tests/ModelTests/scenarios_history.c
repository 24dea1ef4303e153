/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Histories under the controlled scheduler: threads run short programs of recorded operations, and
 * in the end some order must explain what came of them (../HistoryTests).
 *
 * The records lie in the watched memory, so two runs that came to one state of the cache by different
 * histories are not taken for one. A stamp is an atomic of its own to which nobody switches; before
 * the first stamp of a call somebody else may go on. So a call's interval is as short as it can be,
 * and what one call did happens before another that began later, as the check of it demands. What
 * follows from the absence of such an order is for the other scenarios.
 *
 * A program is a string of steps of two characters: what, and in which cell ('0' ...: of the root,
 * '8' ...: of its directory); for what is done to the entry that the thread has found last, '.'.
 */
#include "operations.h"
#include "world.h"

#define LANE_OPS 40

static struct lane *lanes;
static struct lane *main_lane; /* whose setup and finish act for */
static const char *const *programs;
static const char *beginning;
/* What is behind the cache. */
static enum behind { NOTHING, STORE, OUTSIDE, OUTSIDE_FAILING } behind;

struct lane *lane_current(void)
{
	int thread = model_thread();

	return thread < MODEL_MAX_THREADS ? &lanes[thread] : main_lane;
}

enum mood store_mood(void)
{
	return behind == OUTSIDE_FAILING ? MOOD_ERROR : MOOD_TRUE;
}

static void somebody_else_may_go_on(void)
{
	atomic_load_explicit(&world.asked, memory_order_relaxed);
}

static void on_the_last(struct lane *lane, char what)
{
	unsigned int last = lane->nr_held - 1u;

	if (!lane->nr_held)
		return;
	switch (what) {
	case 'd':
		act_drop(lane, last);
		break;
	case 'x':
		act_delete(lane, last);
		break;
	case 'h':
		act_rehash(lane, last);
		break;
	case 'i':
		act_instantiate(lane, last);
		break;
	case 'r':
		act_read(lane, last);
		break;
	case 'l':
		act_path(lane, last);
		break;
	case 'o':
		act_obtain(lane, last);
		break;
	case 'p':
		act_put(lane, last);
		break;
	case 'w':
		act_replace(lane, last, 1);
		break;
	default:
		MODEL_CHECK(!"a step is known");
	}
}

static void step_outside(struct lane *lane, char what, unsigned int cell)
{
	switch (what) {
	case 'L':
		act_look_up_outside(lane, cell);
		break;
	case 'R':
		act_look_up_outside_rcu(lane, cell);
		break;
	case 'V':
		act_resolve_outside(lane, cell);
		break;
	case 'W':
		act_walk_outside(lane, cell, false);
		break;
	case 'I':
		act_change_name(lane, cell);
		break;
	case 'J':
		act_change_children(lane, cell, 1);
		break;
	case 'K':
		act_invalidate_found(lane, cell);
		break;
	default:
		on_the_last(lane, what);
	}
}

static void step(struct lane *lane, char what, unsigned int cell)
{
	switch (what) {
	case 'L':
		act_look_up(lane, cell);
		break;
	case 'R':
	case 'G':
		act_look_up_rcu(lane, cell, what == 'G');
		break;
	case 'F':
		act_ask(lane, cell, ANSWER_FILE, 0, false);
		break;
	case 'N':
		act_ask(lane, cell, ANSWER_NEGATIVE, 0, false);
		break;
	case 'E':
		act_ask(lane, cell, ANSWER_ERROR, 0, true);
		break;
	case 'O':
		act_ask(lane, cell, ANSWER_NONE, 0, false);
		break;
	case 'X':
		act_ask(lane, cell, ANSWER_NEW_ALIAS, 0, false);
		break;
	case 'D':
		act_ask(lane, cell, ANSWER_DIRECTORY, 1, false);
		break;
	case 'H':
		act_hand_over(lane, cell, ANSWER_FILE, 0);
		break;
	case 'T':
		act_take_over(lane, ANSWER_NEGATIVE, 0);
		break;
	case 'A':
		act_add(lane, cell, true);
		break;
	case 'S':
		act_shrink(lane, 1);
		break;
	case 'V':
		act_resolve(lane, cell);
		break;
	case 'C':
		act_create(lane, cell);
		break;
	case 'U':
		act_unlink(lane, cell);
		break;
	case 'M':
		act_rename(lane, cell, cell + 1);
		break;
	default:
		on_the_last(lane, what);
	}
}

static void run_program(struct lane *lane, const char *program)
{
	for (; *program; program += 2)
		(behind < OUTSIDE ? step : step_outside)(
			lane, program[0], program[1] == '.' ? 0 : (unsigned int)(program[1] - '0'));
}

static void run_history(void)
{
	run_program(lane_current(), programs[model_thread()]);
}

static struct inode *directory(uint64_t number)
{
	static const struct inode_operations *const ops[] = {
		[NOTHING] = &stage_file_ops,
		[STORE] = &store_dir_ops,
		[OUTSIDE] = &outside_dir_ops,
		[OUTSIDE_FAILING] = &outside_dir_ops,
	};

	return new_inode(stage.dc, number, INODE_DIRECTORY, ops[behind], NULL);
}

static void setup_tree(bool locked)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	struct qstr name = cell_name(CELL_NAMES - 1);

	opts.hash_buckets = 2;
	opts.in_lookup_buckets = 2;
	opts.seed = 1;
	opts.d_op = &stage_entry_ops;
	atomic_init(&world.asked, 0);
	MODEL_CHECK(!dcache_create(&opts, &stage.dc));
	world_pin_tables(stage.dc);
	model_quiet(&stage.dc->counters, sizeof(stage.dc->counters));
	stage.dirs[0] = d_make_root(directory(0));
	MODEL_CHECK(!IS_ERR(stage.dirs[0]));
	stage.dirs[1] = d_alloc(stage.dirs[0], &name);
	MODEL_CHECK(!IS_ERR(stage.dirs[1]) && !d_add(stage.dirs[1], directory(1)));
	d_set_fsdata(stage.dirs[1], (void *)1);
	stage.locked = locked;
	stage.has_truth = behind == STORE;
	stage.has_outside = behind >= OUTSIDE;
	stage.pause = NULL;
	atomic_init(&stage.handed_over, NULL);
	stage.before_call = somebody_else_may_go_on;
}

static void setup_history(bool locked, enum behind what, const char *first, const char *const *rest)
{
	unsigned int i;

	behind = what;
	beginning = first;
	programs = rest;
	setup_tree(locked);
	lanes = dc_alloc(MODEL_MAX_THREADS * sizeof(*lanes), _Alignof(struct lane));
	stage.clock = dc_alloc(sizeof(*stage.clock), _Alignof(uint64_t));
	MODEL_CHECK(lanes && stage.clock);
	atomic_init(stage.clock, 1);
	for (i = 0; i < MODEL_MAX_THREADS; i++) {
		lanes[i] = (struct lane){ .max = LANE_OPS, .thread = (uint8_t)i, .made = i };
		lanes[i].ops = dc_alloc(LANE_OPS * sizeof(struct op), _Alignof(struct op));
		MODEL_CHECK(lanes[i].ops);
	}
	for (i = 0; i < HISTORY_CELLS; i++) {
		stage.truth[i] = 0;
		atomic_init(&stage.outside[i], 0);
	}
	main_lane = &lanes[0];
	call(&lanes[0]);
	note(&lanes[0], stamp(), OP_PLACE, CELL_NAMES - 1, 1, 0);
	run_program(&lanes[0], beginning);
}

/* What the threads did, in one group, and what putting all in the end did. */
static void check_history(void)
{
	static struct checker *checker;
	static struct op ops[MODEL_MAX_THREADS * LANE_OPS];
	struct history history = { .ops = ops, .groups = 1 };
	unsigned int i, j, nr;
	enum verdict verdict;

	if (!checker)
		checker = checker_make(0);
	for (i = 0; i < MODEL_MAX_THREADS; i++) {
		main_lane = &lanes[i];
		act_put_all(main_lane);
	}
	main_lane = NULL;
	for (i = 0; i < MODEL_MAX_THREADS; i++) {
		MODEL_CHECK(!lanes[i].overflow);
		for (j = 0; j < lanes[i].nr; j++)
			ops[history.nr++] = lanes[i].ops[j];
		dc_free(lanes[i].ops);
	}
	verdict = checker_group(checker, &history, 0, &nr);
	if (verdict != LINEARIZABLE)
		checker_explain(checker, &history, 0, stdout);
	MODEL_CHECK(verdict == LINEARIZABLE);
}

static void finish_history(void)
{
	struct dcache_stats stats;

	check_history();
	dcache_get_stats(stage.dc, &stats);
	MODEL_CHECK(stats.in_lookup == 0);
	dput(stage.dirs[1]);
	dput(stage.dirs[0]);
	MODEL_CHECK(!dcache_destroy(stage.dc));
	dc_free(stage.clock);
	dc_free(lanes);
}

#define HISTORY_OF(name_, covers_, locked_, behind_, first_, ...)                         \
	static void setup_##name_(void)                                                   \
	{                                                                                 \
		static const char *const rest[MODEL_MAX_THREADS] = { __VA_ARGS__ };       \
                                                                                          \
		setup_history(locked_, behind_, first_, rest);                            \
	}                                                                                 \
	SCENARIO(name_) = {                                                               \
		.covers = covers_,                                                        \
		.threads = sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), \
		.setup = setup_##name_,                                                   \
		.run = { run_history, run_history, run_history, run_history },            \
		.finish = finish_history,                                                 \
	}

/* Who asks, who finds, who drops. */
HISTORY_OF(history_ask_find_drop, "H1 H2 H3", false, NOTHING, "", "F0d.", "F0r.", "L0L0");
/* An error for who waits, none for who comes later. */
HISTORY_OF(history_ask_and_fail, "H17", false, NOTHING, "", "E0F0", "N0p.", "L0R0");
/* The name turns out to be another entry; who gives up leaves the name to the next. */
HISTORY_OF(history_redirect_and_give_up, "H17 H10", false, NOTHING, "", "X0p.", "O0p.", "N0R0");
/* An unused entry goes; a used one does not. */
HISTORY_OF(history_evict_and_find, "H46", false, NOTHING, "A0p.", "S0R0", "L0p.", "R0L0");
/* A negative for its only user, unhashed for others. */
HISTORY_OF(history_delete_and_find, "H39", false, NOTHING, "A0", "x.r.", "L0r.", "R0G0");
/* Names that are added by who holds the directory. */
HISTORY_OF(history_add_drop_rehash, "H1", true, NOTHING, "A0", "d.h.", "N0L0", "A0r.");
HISTORY_OF(history_instantiate_and_see, "H39", false, NOTHING, "", "N0i.", "R0R0", "L0r.");
/* A directory goes where it is found; it is at one place at any time. */
HISTORY_OF(history_move_and_find, "H46 H10", false, NOTHING, "", "D0l.", "L0L7", "L7l.");
HISTORY_OF(history_move_to_a_name_asked_for, "H10 H46", false, NOTHING, "", "D0p.", "F0r.", "L7N7");
/* A neighbour on the chains that it leaves and comes to. */
HISTORY_OF(history_move_and_ask_a_neighbour, "H46", false, NOTHING, "F0F1F2", "D3l.", "F0p.",
	   "L2R0");
/* The same by who knows that it is there now; and where an entry is already. */
HISTORY_OF(history_move_by_name_and_find, "H46 H10", false, NOTHING, "", "L0L7", "D0l.", "N0L7");
HISTORY_OF(history_replace_and_find, "H46 H47", true, NOTHING, "A0", "w.l.", "L0L7", "R0F0");
HISTORY_OF(history_replace_and_drop, "H46 H45", true, NOTHING, "A0", "w.h.", "L0d.", "L7R0");
/* One begins, another ends. */
HISTORY_OF(history_hand_over, "H18 H21", false, NOTHING, "", "H0r.", "T0T0", "N0L0");
/* Found by its inode while it goes. */
HISTORY_OF(history_obtain_and_evict, "H38", false, NOTHING, "A0", "o.r.", "S0R0", "R0L0");
/* A filesystem: what was created is not absent, what was unlinked not there. */
HISTORY_OF(history_create_and_resolve, "H13", true, STORE, "", "C0r.", "V0V0", "V0L0");
HISTORY_OF(history_unlink_and_resolve, "H13 H22", true, STORE, "C0", "p.U0", "V0V0", "V0R0");
/* The same by another spelling, and a rename. */
HISTORY_OF(history_two_spellings, "H5 H17", true, STORE, "C0d.p.", "V3p.", "V0p.", "R0L0");
HISTORY_OF(history_rename_and_resolve, "H13 H46", true, STORE, "C0p.", "M0p.", "R0V1", "L1R0");
/* A store that changes by itself: what was true before an invalidation is told to nobody who began
 * after it: not by the lookup that it overtook, nor by what that has added, as value or as error. */
HISTORY_OF(history_invalidate_name, "H22 H13", false, OUTSIDE, "", "V0p.", "I0V0", "L0V0");
HISTORY_OF(history_invalidate_name_and_wait, "H22", false, OUTSIDE, "", "V0p.", "I0V0", "I0V0");
HISTORY_OF(history_invalidate_children, "H22 H13", false, OUTSIDE, "", "V0p.", "J0V0", "V0R0");
HISTORY_OF(history_invalidate_and_fail, "H22 H17", false, OUTSIDE_FAILING, "", "V0", "I0V0", "V0");
HISTORY_OF(history_invalidate_what_was_found, "H22", false, OUTSIDE, "V0p.", "K0V0", "I0W0",
	   "V0R0");
HISTORY_OF(history_invalidate_and_walk, "H22 H46", false, OUTSIDE, "V0p.", "J0W0", "I0W0", "R0p.");
