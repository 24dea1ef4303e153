/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine that the core runs on here, shared by runtime.c, memory.c and floor.c. */
#ifndef DCACHE_MODEL_MACHINE_H
#define DCACHE_MODEL_MACHINE_H

#include <setjmp.h>

#include "runtime.h"
#include "sync/reclaim.h"

/* Who runs: a thread, setup and finish, or the callbacks of grace periods. */
#define MAIN MODEL_MAX_THREADS
#define RECLAIMER (MODEL_MAX_THREADS + 1)
/* What setup does happens before all else, and finish after it: only the others have clocks. The
 * reclaimer's is the one behind those of the scenario's threads. */
#define MAX_CLOCKS (MODEL_MAX_THREADS + 1)

#define REGION_AT ((char *)0x600000000000)
#define ARENA_SIZE (640u * 1024)
#define ARENA_PART (ARENA_SIZE / (MODEL_MAX_THREADS + 1))
#define STACK_SIZE (64u * 1024)
#define REGION_SIZE (ARENA_SIZE + MODEL_MAX_THREADS * STACK_SIZE)
#define CELLS (REGION_SIZE / 4)

#define HISTORY 4
#define MAX_LOCATIONS 8192
#define MAX_CALLBACKS 512
#define MAX_BLOCKS 512
#define MAX_STEPS 200000

enum fiber_state { READY, BLOCKED, SPINNING, ENDED };

struct fiber {
	void *sp;
	char *stack;
	enum fiber_state state;
	const void *waits_on;
	bool timed;			/* blocked until a deadline, which may come at any time */
	uint64_t blocked_at;
	uint64_t spun_at;		/* number of writes when it began to wait for one */
	uint64_t stack_hash;
	bool stack_changed;		/* since that was computed; for who is not running */
	int priority;
	void *slot;			/* dc_thread_slot() */
	int sections;			/* nesting of read sections */
	uint64_t section;		/* which one */
	const void *written;		/* plain store that is about to happen */
	size_t written_size;
	const void *written_pc;
};

/* Four bytes of the region. */
struct cell {
	uint32_t generation;
	uint32_t value;			/* as counted in the memory's hash */
	uint32_t write_clock;		/* of the last plain write; 0: before the threads began */
	uint8_t write_by;
	uint16_t location;		/* plus one, if there is an atomic at it */
	uint32_t read_clock[MAX_CLOCKS];
	uint32_t atomic_read_clock[MAX_CLOCKS];
	uint32_t atomic_write_clock[MAX_CLOCKS];
};

struct store {
	uint64_t value;
	uint32_t clock;			/* 0: before the threads began */
	uint8_t by;
	bool releases;
	uint32_t release[MAX_CLOCKS];
	uint32_t seen[MAX_CLOCKS];	/* clock at which a thread first saw it; 0: not */
};

struct location {
	const void *at;
	uint32_t stores;		/* made so far */
	uint64_t order;			/* hash of what its newest store releases */
	struct store history[HISTORY];
};

struct callback {
	struct reclaim_head *head;
	void (*func)(struct reclaim_head *head);
	uint64_t sections[MODEL_MAX_THREADS + 1];	/* open ones it waits for, 0: none */
	uint32_t clock[MAX_CLOCKS];
};

struct block {
	char *at;
	size_t size;
	bool live;
	bool private;			/* its address has been stored nowhere yet */
};

extern struct fiber fibers[MODEL_MAX_THREADS + 2];
extern int nr_clocks;
extern uint32_t clocks[MAX_CLOCKS][MAX_CLOCKS];
extern uint32_t unlock_clocks[MAX_CLOCKS][MAX_CLOCKS];	/* at the end of the last read section */
extern struct cell *cells;
extern struct location locations[MAX_LOCATIONS];
extern int nr_locations;
extern struct callback callbacks[MAX_CALLBACKS];
extern int nr_callbacks;
extern struct block blocks[MAX_BLOCKS];
extern int nr_blocks;
extern size_t arena_used[MODEL_MAX_THREADS + 1];
extern int16_t block_at[ARENA_SIZE / 8];	/* which block, plus one */
extern const char *quiet_at;
extern size_t quiet_size;
extern uint32_t generation;
extern int current;
extern int nr_threads;
extern uint32_t queueing_clock[MAX_CLOCKS];	/* all objects queued so far */
extern bool watching;
extern uint64_t writes, steps, next_section;
extern uint64_t memory_hash, order_hash;
extern long allocations, fail_at;
extern bool callbacks_running;
extern bool rules_may_break, numbers_given;
extern void *main_sp;
extern jmp_buf main_jump;
extern bool in_fibers;			/* not setup, not finish: somebody else may be there */
extern const struct scenario *scenario;

/* ---- runtime.c ---- */

/* The clock of who is running, a thread or the reclaimer. */
static inline int me(void)
{
	return current < MODEL_MAX_THREADS ? current : nr_threads;
}

bool is_thread(int id);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *thread_name(int id);
uint64_t mix(uint64_t x);
/* A visible event is about to happen: somebody else may go on first. */
void visible(void);
/* The current thread cannot go on: others do. */
void block(void);

/* ---- memory.c ---- */

bool is_watched(const void *at);
void watch_static_variables(void);
/* Setup has ended. @first_run: of this scenario. */
void check_static_variables(bool first_run);
/* NULL: none was ever there. */
struct block *block_of(const void *at);
/* What freed memory at @at held is of no account for the state any more. */
void forget_values(const void *at, size_t size);
struct cell *cell_of(const void *at);
/* The plain store announced before this event has happened by now. */
void settle(void);
void check_alive(const void *at, size_t size, const char *what);
void check_plain(const void *at, size_t size, bool write);
void join(const uint32_t *clock);

#endif /* DCACHE_MODEL_MACHINE_H */
