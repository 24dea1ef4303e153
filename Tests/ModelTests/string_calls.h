/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Included before the core's files: what the C library does with the core's memory is an access of
 * the core's. The compiler instruments no such call; of those with a constant size it makes loads and
 * stores, which it does instrument.
 */
#ifndef DCACHE_MODEL_STRING_CALLS_H
#define DCACHE_MODEL_STRING_CALLS_H

#include <string.h>

void *model_memcpy(void *to, const void *from, size_t size);
void *model_memmove(void *to, const void *from, size_t size);
void *model_memchr(const void *at, int c, size_t size);
int model_memcmp(const void *a, const void *b, size_t size);

#define memcpy(to, from, size) \
	(__builtin_constant_p(size) ? __builtin_memcpy(to, from, size) : model_memcpy(to, from, size))
#define memmove(to, from, size) model_memmove(to, from, size)
#define memchr(at, c, size) model_memchr(at, c, size)
#define memcmp(a, b, size) model_memcmp(a, b, size)

#endif /* DCACHE_MODEL_STRING_CALLS_H */
