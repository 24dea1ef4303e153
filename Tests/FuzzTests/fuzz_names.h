/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Python's tables of Unicode, and UTF-8, for fuzz_names.c. Nothing here is utf8proc's or the core's. */
#ifndef DCACHE_FUZZ_NAMES_H
#define DCACHE_FUZZ_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A code point that is a mark, or that NFD or folding turns into something else. */
struct table_point {
	uint32_t c;
	uint8_t combining;
	uint32_t nfd; /* where in the pool */
	uint8_t nfd_len;
	uint32_t folded;
	uint8_t folded_len;
};

void tables_init(void);
/* NULL: it is none of those. */
const struct table_point *table_find(uint32_t c);
uint32_t table_at(uint32_t place, size_t i);
uint8_t table_class(uint32_t c);
bool table_is_assigned(uint32_t c);
bool table_is_ignorable(uint32_t c);
/* Of those in the table: any. */
uint32_t table_nth(unsigned int n);

/* Bytes taken; 0: they are not valid UTF-8. */
size_t utf8_decode(const char *bytes, size_t len, uint32_t *c);
size_t utf8_encode(uint32_t c, char *bytes);

#endif /* DCACHE_FUZZ_NAMES_H */
