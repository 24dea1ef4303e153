/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the C tests are listed and run: by main.c, and by `swift test`. */
#ifndef DCACHE_TESTS_HARNESS_RUN_H
#define DCACHE_TESTS_HARNESS_RUN_H

#include <stddef.h>

struct test;

const struct test *test_first(void);
/* Run one test in this process. Return: the number of failed checks, which are printed. */
int test_run(const struct test *test);

#endif /* DCACHE_TESTS_HARNESS_RUN_H */
