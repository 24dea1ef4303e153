/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Python's tables, UTF-8 by its definition, and the changes that suit names; see fuzz_names.c. */
#include "fuzz_names.h"

#include <string.h>

struct table_range {
	uint32_t first, last;
};

#include "unicode_tables.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LAST 0x10ffffu

#define ASSIGNED 1
#define IGNORABLE 2

static uint16_t point_at[LAST + 1]; /* in table_points, plus one */
static uint8_t flags[LAST + 1];

_Static_assert(COUNT(table_points) < UINT16_MAX, "their number fits");

static void mark(const struct table_range *range, size_t count, uint8_t flag)
{
	uint32_t c;

	for (; count--; range++) {
		for (c = range->first; c <= range->last; c++)
			flags[c] |= flag;
	}
}

void tables_init(void)
{
	size_t i;

	for (i = 0; i < COUNT(table_points); i++)
		point_at[table_points[i].c] = (uint16_t)(i + 1);
	mark(table_assigned, COUNT(table_assigned), ASSIGNED);
	mark(table_ignorable, COUNT(table_ignorable), IGNORABLE);
}

const struct table_point *table_find(uint32_t c)
{
	return point_at[c] ? &table_points[point_at[c] - 1] : NULL;
}

uint32_t table_at(uint32_t place, size_t i)
{
	return table_pool[place + i];
}

uint8_t table_class(uint32_t c)
{
	return point_at[c] ? table_points[point_at[c] - 1].combining : 0;
}

bool table_is_assigned(uint32_t c)
{
	return flags[c] & ASSIGNED;
}

bool table_is_ignorable(uint32_t c)
{
	return flags[c] & IGNORABLE;
}

uint32_t table_nth(unsigned int n)
{
	return table_points[n % COUNT(table_points)].c;
}

/* ---- UTF-8 (The Unicode Standard, table 3-7) ---- */

size_t utf8_decode(const char *signed_bytes, size_t len, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const uint8_t *bytes = (const uint8_t *)signed_bytes;
	size_t size = bytes[0] < 0x80	? 1
		      : bytes[0] < 0xc0 ? 0
		      : bytes[0] < 0xe0 ? 2
		      : bytes[0] < 0xf0 ? 3
		      : bytes[0] < 0xf8 ? 4
					: 0;
	size_t i;

	if (!size || size > len)
		return 0;
	*c = size == 1 ? bytes[0] : bytes[0] & (0x7fu >> size);
	for (i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (bytes[i] & 0x3f);
	}
	return *c < least[size] || *c > LAST || (*c >= 0xd800 && *c <= 0xdfff) ? 0 : size;
}

size_t utf8_encode(uint32_t c, char *bytes)
{
	size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	size_t i;

	for (i = size - 1; i; i--, c >>= 6)
		bytes[i] = (char)(0x80 | (c & 0x3f));
	bytes[0] = (char)(size == 1 ? c : (0xf00u >> size & 0xff) | c);
	return size;
}

/* ---- changes ---- */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

static unsigned int next(unsigned int *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static uint32_t interesting(unsigned int *state)
{
	static const uint32_t few[] = { 0x345,	0x301,	 0x323,	 0x130,	 0x131,	 0xdf,
					0x1e9e, 0x3c2,	 0x3a3,	 0x390,	 0x1f82, 0x1e9b,
					0xfb03, 0x200d,	 0x34f,	 0x1100, 0x1161, 0x11a8,
					0xac01, 0x1d160, 0x2126, 0xff21, 0xe000, 0xfffe };
	const struct table_range *range;
	uint32_t c;

	switch (next(state) % 8) {
	case 0:
		range = &table_ignorable[next(state) % COUNT(table_ignorable)];
		return range->first + next(state) % (range->last - range->first + 1);
	case 1:
	case 2:
		return few[next(state) % COUNT(few)];
	case 3:
		return 0x20 + next(state) % 0x5f;
	case 4:
		c = next(state) % (LAST + 1);
		return c >= 0xd800 && c <= 0xdfff ? 'k' : c;
	case 5:
		/* A mark. */
		return 0x300 + next(state) % 0x70;
	default:
		return table_nth(next(state));
	}
}

/* Where a code point may begin: at or after @at. */
static size_t boundary(const uint8_t *data, size_t size, size_t at)
{
	while (at < size && (data[at] & 0xc0) == 0x80)
		at++;
	return at;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	unsigned int state = seed;
	size_t at, end, len;
	char bytes[4];

	if (size < 2 || next(&state) % 2)
		return LLVMFuzzerMutate(data, size, max_size);
	at = boundary(data, size, 1 + next(&state) % (size - 1));
	end = boundary(data, size, at + 1 < size ? at + 1 : size);
	switch (next(&state) % 4) {
	case 0:
		/* Exchange two neighbours. */
		len = boundary(data, size, end + 1 < size ? end + 1 : size) - end;
		if (len && end - at <= sizeof(bytes)) {
			memcpy(bytes, data + at, end - at);
			memmove(data + at, data + end, len);
			memcpy(data + at + len, bytes, end - at);
		}
		return size;
	case 1:
		memmove(data + at, data + end, size - end);
		return size - (end - at);
	default:
		len = utf8_encode(interesting(&state), bytes);
		if (size + len > max_size)
			return LLVMFuzzerMutate(data, size, max_size);
		memmove(data + at + len, data + at, size - at);
		memcpy(data + at, bytes, len);
		return size + len;
	}
}
