/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The peers' hash, so that none of them loses by a bad one: XXH3, seeded with the directory. */
#ifndef DCACHE_SUITE_KEY_H
#define DCACHE_SUITE_KEY_H

#define XXH_INLINE_ALL
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

static inline uint64_t key_hash(uint64_t dir, const char *name, size_t len)
{
	return XXH3_64bits_withSeed(name, len, dir * 0x9e3779b97f4a7c15u);
}

static inline bool key_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && !memcmp(a, b, a_len);
}

#endif /* DCACHE_SUITE_KEY_H */
