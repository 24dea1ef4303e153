/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine that the core runs on in fuzz_program: one real thread.
 *
 * Threads are fibers. One runs until it sleeps on a futex or its operation ends; nobody is
 * interrupted. So a waiter is as real as it can be (a frame of its own, with its place in the queue
 * on it) and the result of every call is still fixed by the calls before it.
 */
#ifndef DCACHE_FUZZ_FLOOR_H
#define DCACHE_FUZZ_FLOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOOR_THREADS 3

/* Print and abort(). */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define CHECK(x) ((x) ? (void)0 : die("check failed: %s (%s:%d)", #x, __FILE__, __LINE__))

/* Called on a fiber that is about to fall asleep. */
extern void (*floor_asleep)(int thread);

void floor_begin(void);
/* Who the caller is, for the core, outside of fibers. */
void floor_act_as(int thread);
int floor_thread(void);
/* Let @thread do @operation. True: it has ended; false: it sleeps. */
bool floor_run(int thread, void (*operation)(int thread));
/* Let a thread that sleeps go on, whether it was woken or not. True: its operation has ended. */
bool floor_resume(int thread);
/* The calling fiber stops until it is resumed. */
void floor_pause(void);
bool floor_sleeps(int thread);
bool floor_woken(int thread);

/* Let the @nth allocation from now fail; 0: none. */
void floor_fail_allocation(long nth);
struct dcache;
void floor_finish_resizes(struct dcache *dc);
bool floor_allocation_failed(void);
/* Objects allocated and not freed. */
long floor_live(void);
/* Is any read section open? */
bool floor_in_section(void);
/* Free as soon as may be (true), or only when floor_grace_period() is called. */
void floor_free_at_once(bool at_once);
/* A grace period, if no section is open. Runs idle() too of an instance that was released. */
void floor_grace_period(void);
bool floor_released_instance_is_gone(void);

#endif /* DCACHE_FUZZ_FLOOR_H */
