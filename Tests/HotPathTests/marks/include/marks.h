/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where what is counted begins and ends, for hot_path.c and for the Swift program beside it.
 *
 * Between hot_path_begin() and hot_path_end() callgrind collects what this thread executes; its other
 * threads, the instance's own among them, are not in it. Callgrind must be started with
 * --collect-atstart=no. Allocations are counted by this program's own malloc() and mmap(), of this
 * thread too.
 */
#ifndef DCACHE_HOT_PATH_MARKS_H
#define DCACHE_HOT_PATH_MARKS_H

#include <stddef.h>

/* Ends the program with status 1 if one of the calls that allocate is not counted. */
void hot_path_check_counter(void);

/*
 * Run @body in a thread of its own. Its stack begins at a page, wherever the environment and the
 * arguments have put the main thread's: string functions take other ways where a page ends.
 */
void hot_path_run(void (*body)(void));

void hot_path_begin(void);
/* What was collected is dumped as "ROW OPERATIONS", and "ROW OPERATIONS ALLOCATIONS" goes to stdout. */
void hot_path_end(const char *row, size_t operations);

#endif /* DCACHE_HOT_PATH_MARKS_H */
