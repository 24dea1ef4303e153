/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is there an order that explains a history?
 *
 * The search is Wing's and Gong's ("Testing and Verifying Concurrent Objects", Journal of Parallel and
 * Distributed Computing 17, 1993): of the operations that began before the first of those still to
 * be ordered returned, one comes next; try each, take back what leads nowhere. With Lowe's
 * improvement ("Testing for Linearizability", Concurrency and Computation: Practice and Experience
 * 29(4), 2017): a set of ordered operations that was met before in the same state of the model is
 * not tried again. The list of calls and returns is walked as by Horn and Kroening ("Faster
 * Linearizability Checking via P-Compositionality", FORTE 2015).
 *
 * Why a failure is one.
 *
 *  S1	Stamps. All come from one counter by fetch_add, sequentially consistent; one is taken before
 *	the call and one after it. If the stamp after A is less than the one before B, then A's was
 *	taken first, so A had returned when B was called, and what A did happens before B. An
 *	interval is never shorter than the call, so the order that is demanded is one that was.
 *	The time between a stamp and the call only makes the check milder. What a call does in two
 *	steps is recorded as two operations, each within the call; the stamps of a callback (an entry
 *	is freed, a backend is asked) are taken in it.
 *  S2	Partitions. The model without moves and renames is a product: each operation reads and changes
 *	the slots of one group of cells, of the entries made in them, and of the threads that wait
 *	there. A history of independent objects is linearizable if and only if each object's part is
 *	(Herlihy, Wing, "Linearizability: A Correctness Condition for Concurrent Objects", TOPLAS
 *	1990, theorem 1). Histories with moves or renames have one group. An operation on two groups
 *	without a change of more than one (a lookup that ended with an entry of another name) is
 *	recorded as one operation in each, which is implied by the whole, and so still sound.
 *  S3	Hashes. A set and state is known by 64 bits. Two that collide make the search give up a
 *	branch that it should not, so they can only make a failure of what is none, never hide
 *	one: an answer "linearizable" is an order that was found and replayed. A failure is looked
 *	for once more with other hashes before it is believed.
 *  S4	What had not returned may or may not have happened, so a history can be cut at any time and
 *	the rest of it still has to be explained. That, and leaving out operations that change
 *	nothing, is what explanations are made small by: the less is asked, the more is a failure
 *	of it one of the whole.
 *
 * What is not shown. The stamps are full barriers: orders that a program without them could see are
 * not seen here. That is for the controlled scheduler with stale values, and for the thread sanitizer.
 * A lookup without references that finds nothing may be wrong at any time, and is not recorded. What
 * the model leaves open (spec.c) is not checked: which of the unused entries is evicted, how many
 * references calls hold on their own account. And a run is a sample: an order of events that did not
 * occur was not looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "history.h"

#define DEFAULT_LIMIT 32000000u
#define NONE UINT16_MAX

int checker_fault;

struct seen {
	uint64_t key;
	uint32_t run;
};

struct step {
	uint16_t op;
	uint16_t way;
	uint32_t undos;
};

struct checker {
	struct spec spec;
	uint64_t limit, states;
	uint64_t random; /* for hashes */
	/* Set and state met in this run. */
	struct seen *seen;
	size_t seen_size, seen_used;
	uint32_t run;
	uint64_t op_key[HISTORY_OPS];
	/* Calls and returns in time, linked; event 2 * op is its call, 2 * op + 1 its return. */
	uint16_t next[2 * HISTORY_OPS + 2], prev[2 * HISTORY_OPS + 2];
	uint64_t sorted[2 * HISTORY_OPS];
	struct step steps[HISTORY_OPS];
	/* One partition, its entries numbered anew. */
	struct op ops[HISTORY_OPS];
	uint16_t number[HISTORY_ENTRIES];
};

#define HEAD (2 * HISTORY_OPS)

static uint64_t random_next(struct checker *checker)
{
	checker->random ^= checker->random << 13;
	checker->random ^= checker->random >> 7;
	checker->random ^= checker->random << 17;
	return checker->random * 0x9e3779b97f4a7c15u;
}

static void *allocate(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	if (!memory) {
		perror("the checker");
		exit(2);
	}
	return memory;
}

struct checker *checker_make(uint64_t limit)
{
	struct checker *checker = allocate(1, sizeof(*checker));
	size_t i;

	checker->random = 0x2545f4914f6cdd1du;
	checker->limit = limit ? limit : DEFAULT_LIMIT;
	checker->seen_size = 4096;
	checker->seen = allocate(checker->seen_size, sizeof(*checker->seen));
	for (i = 0; i < HISTORY_OPS; i++)
		checker->op_key[i] = random_next(checker);
	return checker;
}

void checker_free(struct checker *checker)
{
	free(checker->seen);
	free(checker);
}

uint64_t checker_states(const struct checker *checker)
{
	return checker->states;
}

/* ---- sets and states met ---- */

static bool seen_insert(struct checker *checker, uint64_t key)
{
	size_t slot = key & (checker->seen_size - 1);

	for (; checker->seen[slot].run == checker->run;
	     slot = (slot + 1) & (checker->seen_size - 1)) {
		if (checker->seen[slot].key == key)
			return false;
	}
	checker->seen[slot].key = key;
	checker->seen[slot].run = checker->run;
	checker->seen_used++;
	return true;
}

/* Is it new? */
static bool seen_first(struct checker *checker, uint64_t key)
{
	struct seen *old = checker->seen;
	size_t size = checker->seen_size, i;

	if (checker->seen_used * 2 >= size) {
		checker->seen_size *= 2;
		checker->seen = allocate(checker->seen_size, sizeof(*checker->seen));
		checker->seen_used = 0;
		for (i = 0; i < size; i++) {
			if (old[i].run == checker->run)
				seen_insert(checker, old[i].key);
		}
		free(old);
	}
	return seen_insert(checker, key);
}

static void seen_clear(struct checker *checker)
{
	checker->seen_used = 0;
	if (++checker->run == 0) {
		memset(checker->seen, 0, checker->seen_size * sizeof(*checker->seen));
		checker->run = 1;
	}
}

/* ---- the list of calls and returns ---- */

static int compare_keys(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Returns how many operations returned. */
static unsigned int list_make(struct checker *checker, const struct op *ops, unsigned int nr)
{
	unsigned int events = 0, returned = 0, i;
	uint16_t last = HEAD;

	for (i = 0; i < nr; i++) {
		checker->sorted[events++] = (uint64_t)ops[i].begin << 16 | 2 * i;
		if (ops[i].end == PENDING)
			continue;
		/* After all calls of the same stamp. */
		checker->sorted[events++] = ((uint64_t)ops[i].end << 16 | (2 * i + 1)) +
					    (1ull << 15);
		returned++;
	}
	qsort(checker->sorted, events, sizeof(checker->sorted[0]), compare_keys);
	for (i = 0; i < events; i++) {
		uint16_t event = checker->sorted[i] & 0x7fff;

		checker->next[last] = event;
		checker->prev[event] = last;
		last = event;
	}
	checker->next[last] = NONE;
	return returned;
}

static void unlink_event(struct checker *checker, uint16_t event)
{
	checker->next[checker->prev[event]] = checker->next[event];
	if (checker->next[event] != NONE)
		checker->prev[checker->next[event]] = checker->prev[event];
}

/* In the reverse order of unlinking. */
static void link_event(struct checker *checker, uint16_t event)
{
	checker->next[checker->prev[event]] = event;
	if (checker->next[event] != NONE)
		checker->prev[checker->next[event]] = event;
}

/* ---- the search ---- */

static enum verdict search(struct checker *checker, const struct op *ops, unsigned int nr,
			   unsigned int entries)
{
	struct spec *spec = &checker->spec;
	unsigned int left, steps = 0;
	uint64_t set = 0, until = checker->states + checker->limit;
	int way = 0;
	uint16_t event;

	spec_reset(spec, entries, random_next(checker));
	spec_foresee(spec, ops, nr);
	seen_clear(checker);
	left = list_make(checker, ops, nr);
	event = checker->next[HEAD];
	while (left) {
		if (event != NONE && !(event & 1)) {
			const struct op *op = &ops[event / 2];
			unsigned int undos = spec->undos;
			uint64_t key;

			if (way == spec_ways(op)) {
				way = 0;
				event = checker->next[event];
				continue;
			}
			if (!spec_apply(spec, op, way++))
				continue;
			if (++checker->states > until)
				return UNKNOWN;
			set += checker->op_key[event / 2];
			key = (checker_fault == 4 ? 0 : set) +
			      (checker_fault == 1 ? 0 : spec->hash);
			if (!seen_first(checker, key)) {
				set -= checker->op_key[event / 2];
				spec_undo(spec, undos);
				continue;
			}
			checker->steps[steps++] = (struct step){ event, (uint16_t)way, undos };
			unlink_event(checker, event);
			if (op->end != PENDING) {
				unlink_event(checker, event + 1);
				left--;
			}
			way = 0;
			event = checker->next[HEAD];
		} else if (checker_fault == 2 && event != NONE) {
			event = checker->next[event];
		} else {
			/* What returns here should have come before, or all that is left is pending. */
			const struct step *step;

			if (!steps || checker_fault == 3)
				return NOT_LINEARIZABLE;
			step = &checker->steps[--steps];
			event = step->op;
			way = step->way;
			spec_undo(spec, step->undos);
			set -= checker->op_key[event / 2];
			if (ops[event / 2].end != PENDING) {
				link_event(checker, event + 1);
				left++;
			}
			link_event(checker, event);
		}
	}
	return LINEARIZABLE;
}

enum verdict checker_run(struct checker *checker, const struct op *ops, unsigned int nr,
			 unsigned int entries)
{
	enum verdict verdict = search(checker, ops, nr, entries);
	unsigned int i;

	if (verdict != NOT_LINEARIZABLE)
		return verdict;
	for (i = 0; i < nr; i++)
		checker->op_key[i] = random_next(checker);
	return search(checker, ops, nr, entries);
}

/* ---- partitions ---- */

static uint16_t number_anew(struct checker *checker, uint16_t entry, unsigned int *entries)
{
	if (!entry || entry < HISTORY_DIRS)
		return entry;
	if (!checker->number[entry])
		checker->number[entry] = (uint16_t)++ * entries;
	return checker->number[entry];
}

static bool alone(const struct history *history, const struct op *op)
{
	unsigned int i;

	for (i = 0; i < history->nr; i++) {
		const struct op *other = &history->ops[i];

		if (other->thread != op->thread && other->begin < op->end && op->begin < other->end)
			return false;
	}
	return true;
}

/* Does an answer come too late while @op, a DOUBT, goes on? Otherwise that explains nothing, and would only make
 * more orders. */
static bool doubt_matters(const struct history *history, const struct op *op)
{
	unsigned int i;

	for (i = 0; i < history->nr; i++) {
		const struct op *other = &history->ops[i];

		if ((other->kind == OP_LATE || other->kind == OP_SPLICE_LATE) &&
		    other->cell == op->cell && other->begin < op->end && op->begin < other->end)
			return true;
	}
	return false;
}

/* Gather a group's operations in checker->ops. */
static unsigned int gather(struct checker *checker, const struct history *history,
			   unsigned int group, unsigned int *entries)
{
	unsigned int nr = 0, i;

	memset(checker->number, 0, sizeof(checker->number));
	*entries = HISTORY_DIRS - 1;
	for (i = 0; i < history->nr; i++) {
		const struct op *from = &history->ops[i];
		struct op *op = &checker->ops[nr];

		if (history->group[from->cell] != group || from->kind == OP_SHRINK ||
		    (from->kind == OP_DOUBT && !doubt_matters(history, from)))
			continue;
		*op = *from;
		op->entry = number_anew(checker, from->entry, entries);
		op->entry2 = number_anew(checker, from->entry2, entries);
		/* It is known by what the entry's own lookup ended with. */
		if (op->value >> 28 == OUTCOME_LATE(0) >> 28)
			op->value = OUTCOME_LATE(
				number_anew(checker, (uint16_t)op->value, entries));
		if (op->kind == OP_DELETE)
			op->value = alone(history, from) ? DELETE_ALONE : 0;
		if (op->kind == OP_UNLINK)
			op->cell2 = alone(history, from);
		nr++;
	}
	return nr;
}

enum verdict checker_group(struct checker *checker, const struct history *history,
			   unsigned int group, unsigned int *nr)
{
	unsigned int entries;

	*nr = gather(checker, history, group, &entries);
	return checker_run(checker, checker->ops, *nr, entries);
}

/* ---- explaining ---- */

static bool fails(struct checker *checker, const struct op *ops, unsigned int nr,
		  unsigned int entries)
{
	return checker_run(checker, ops, nr, entries) == NOT_LINEARIZABLE;
}

/* What had begun by @time, as known then. */
static unsigned int cut(const struct op *ops, unsigned int nr, uint32_t time, struct op *out)
{
	unsigned int n = 0, i;

	for (i = 0; i < nr; i++) {
		if (ops[i].begin > time)
			continue;
		out[n] = ops[i];
		if (out[n].end > time)
			out[n].end = PENDING;
		n++;
	}
	return n;
}

static unsigned int without(struct op *ops, unsigned int nr, unsigned int which)
{
	memmove(&ops[which], &ops[which + 1], (nr - which - 1) * sizeof(*ops));
	return nr - 1;
}

/* Of an operation that takes a reference: the one that gives it back, or @nr. */
static unsigned int its_put(const struct op *ops, unsigned int nr, unsigned int which)
{
	unsigned int best = nr, i;

	for (i = 0; i < nr; i++) {
		if (ops[i].kind == OP_PUT && ops[i].entry == ops[which].entry &&
		    ops[i].thread == ops[which].thread && ops[i].begin >= ops[which].end &&
		    (best == nr || ops[i].begin < ops[best].begin))
			best = i;
	}
	return best;
}

static unsigned int try_without(struct checker *checker, struct op *ops, unsigned int nr,
				unsigned int entries, unsigned int which)
{
	static struct op smaller[HISTORY_OPS];
	unsigned int n = nr, put = its_put(ops, nr, which);
	bool takes = ops[which].kind == OP_HIT || ops[which].kind == OP_GRAB ||
		     ops[which].kind == OP_REF || ops[which].kind == OP_RESOLVE ||
		     ops[which].kind == OP_ALIAS;

	memcpy(smaller, ops, nr * sizeof(*ops));
	if (takes && put < nr)
		n = without(smaller, n, put);
	n = without(smaller, n, takes && put < which ? which - 1 : which);
	if (!fails(checker, smaller, n, entries))
		return nr;
	memcpy(ops, smaller, n * sizeof(*ops));
	return n;
}

/*
 * Without all that there was of an entry. What was legal with it is so without: its cell is free
 * instead, which is all that others ask for, but for those who were told that it is not (TAKEN).
 * Unless it is of consequence elsewhere.
 */
static unsigned int try_without_entry(struct checker *checker, struct op *ops, unsigned int nr,
				      unsigned int entries, uint32_t entry)
{
	static struct op smaller[HISTORY_OPS];
	uint32_t outcome = 0, cell = 0;
	unsigned int n = 0, i;

	for (i = 0; i < nr; i++) {
		if (ops[i].entry2 == entry)
			return nr;
		if (ops[i].entry != entry)
			continue;
		if (ops[i].kind == OP_CREATE || ops[i].kind == OP_CREATE_NEW ||
		    ops[i].kind == OP_UNLINK || ops[i].kind == OP_SPLICE ||
		    ops[i].kind == OP_SPLICE_LATE || ops[i].kind == OP_PLACE)
			return nr;
		cell = ops[i].cell;
		if (ops[i].kind == OP_FAIL)
			outcome = ops[i].value;
		else if (ops[i].kind == OP_LATE)
			outcome = OUTCOME_LATE(entry);
	}
	for (i = 0; i < nr; i++) {
		bool told = ops[i].kind == OP_JOIN || ops[i].kind == OP_GET ||
			    ops[i].kind == OP_JOIN_ABSENT;

		if (ops[i].entry == entry || (ops[i].kind == OP_TAKEN && ops[i].cell == cell) ||
		    (told && ops[i].cell == cell && ops[i].value == outcome))
			continue;
		smaller[n++] = ops[i];
	}
	if (n == nr || !fails(checker, smaller, n, entries))
		return nr;
	memcpy(ops, smaller, n * sizeof(*ops));
	return n;
}

static int by_begin(const void *a, const void *b)
{
	const struct op *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

void checker_explain(struct checker *checker, const struct history *history, unsigned int group,
		     FILE *out)
{
	static struct op ops[HISTORY_OPS], all[HISTORY_OPS];
	unsigned int entries, nr = gather(checker, history, group, &entries), n, i;
	uint32_t low = 0, high = 0;
	enum verdict verdict;

	memcpy(all, checker->ops, nr * sizeof(*all));
	verdict = checker_run(checker, all, nr, entries);
	if (verdict != NOT_LINEARIZABLE) {
		fprintf(out, "%u operations: %s\n", nr,
			verdict == UNKNOWN ? "given up" : "an order exists");
		return;
	}
	for (i = 0; i < nr; i++)
		high = all[i].end != PENDING && all[i].end > high ? all[i].end : high;
	/* The earliest time by which nothing explains it. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		n = cut(all, nr, middle, ops);
		if (fails(checker, ops, n, entries))
			high = middle;
		else
			low = middle + 1;
	}
	n = cut(all, nr, high, ops);
	for (i = HISTORY_DIRS; i <= entries; i++)
		n = try_without_entry(checker, ops, n, entries, i);
	for (i = 0; i < n;) {
		unsigned int before = n;

		if (spec_observes(&ops[i]))
			n = try_without(checker, ops, n, entries, i);
		if (n == before)
			i++;
	}
	qsort(ops, n, sizeof(*ops), by_begin);
	fprintf(out, "no order explains these %u of %u operations:\n", n, nr);
	for (i = 0; i < n; i++)
		op_print(&ops[i], out);
}

void op_print(const struct op *op, FILE *out)
{
	static const char *const names[OP_KINDS] = {
		[OP_HIT] = "finds",
		[OP_MISS] = "finds nothing",
		[OP_PEEK] = "sees",
		[OP_GRAB] = "sees and takes",
		[OP_OWN] = "asks, is the owner of",
		[OP_DEADLOCK] = "may not wait for its own",
		[OP_PARK] = "is seen to wait",
		[OP_JOIN] = "waits",
		[OP_GET] = "is told",
		[OP_JOIN_LATE] = "may wait",
		[OP_REF] = "gets",
		[OP_ADD] = "answers with",
		[OP_FAIL] = "answers with an outcome",
		[OP_DONE] = "gives up",
		[OP_ABANDON] = "puts, unanswered,",
		[OP_LATE] = "answers too late with",
		[OP_SPLICE] = "answers with the directory",
		[OP_SPLICE_LATE] = "answers too late with the directory",
		[OP_LOOP] = "may not move what is above",
		[OP_ENDED] = "answers too late",
		[OP_NEW] = "makes",
		[OP_PLAIN_ADD] = "adds",
		[OP_TAKEN] = "may not add to what is there",
		[OP_DROP] = "drops",
		[OP_REHASH] = "hashes again",
		[OP_REHASH_ENDED] = "may not hash what was an outcome",
		[OP_REFUSED] = "may not add what was an outcome, or is positive,",
		[OP_INSTANTIATE] = "makes positive",
		[OP_POSITIVE] = "may not make positive what is",
		[OP_DELETE] = "deletes",
		[OP_DOUBT] = "may overtake the lookup of the name of",
		[OP_READ] = "reads",
		[OP_HASHED] = "looks whether hashed",
		[OP_ALIAS] = "finds by its inode",
		[OP_PUT] = "puts",
		[OP_KILL] = "frees",
		[OP_SHRINK] = "shrinks",
		[OP_PLACE] = "begins with directory",
		[OP_REPLACE] = "moves, replacing,",
		[OP_NO_REPLACE] = "may not replace by",
		[OP_EXCHANGE] = "exchanges",
		[OP_NO_EXCHANGE] = "may not exchange",
		[OP_PARENT] = "reads the parent of",
		[OP_PATH] = "reads the path of",
		[OP_TRUTH] = "begins with the truth",
		[OP_RESOLVE] = "resolves to",
		[OP_ANSWER] = "answers, truly, with",
		[OP_JOIN_ABSENT] = "waits for what is absent",
		[OP_CREATE] = "creates in",
		[OP_CREATE_NEW] = "creates with new",
		[OP_EXISTS] = "may not create what exists",
		[OP_UNLINK] = "unlinks",
		[OP_RENAME] = "renames",
		[OP_CHANGE] = "is changed outside to",
		[OP_INVALIDATE] = "is invalidated",
		[OP_INVALIDATE_ENTRY] = "invalidates",
		[OP_KNOWN] = "is known as",
	};
	char end[16] = "-";

	if (op->end != PENDING)
		snprintf(end, sizeof(end), "%u", op->end);
	fprintf(out, "  %6u .. %-6s thread %u: name %u of directory %u: %s", op->begin, end,
		op->thread, op->cell % CELL_NAMES, op->cell / CELL_NAMES, names[op->kind]);
	if (op->entry)
		fprintf(out, " entry %u", op->entry);
	if (op->entry2)
		fprintf(out, ", entry %u", op->entry2);
	if (op->value & OUTCOME_ERROR(0))
		fprintf(out, ", error %u", op->value & 0xffff);
	else if (op->value & (OUTCOME_ENTRY(0) | OUTCOME_LATE(0)))
		fprintf(out, ", entry numbered %u", op->value & 0xffff);
	else
		fprintf(out, ", value %u", op->value);
	if (op->kind == OP_RENAME || op->kind == OP_JOIN_ABSENT)
		fprintf(out, ", name %u of directory %u", op->cell2 % CELL_NAMES,
			op->cell2 / CELL_NAMES);
	fputc('\n', out);
}
