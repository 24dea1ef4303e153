/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Case-insensitive names: two names are one if their folded forms are the same bytes.
 *
 * The rule is Unicode's canonical caseless matching (The Unicode Standard, 3.13, D145),
 *
 *	NFD(toCasefold(NFD(X))) = NFD(toCasefold(NFD(Y))),
 *
 * with full case folding (CaseFolding.txt, C and F; no locale), and with X and Y first stripped of
 * their default-ignorable code points, so that one of those does not keep combining marks from
 * being ordered either. The inner NFD is not idle: U+0345 is a mark that folds to a letter. If it
 * were folded before the marks are in order, it would keep the others from being ordered, and two
 * spellings that are canonically equivalent would differ.
 *
 * Guarantees, which the tests cite:
 *
 *  F1. Two valid UTF-8 names are equal exactly if that equation holds, but for F2.
 *  F2. A name that is not valid UTF-8 (overlong, surrogate, above U+10FFFF, cut off) is its own
 *      folded form. So is a valid one of nothing but ignorable code points, whose folded form
 *      would be no name at all. Neither equals any other name: other folded forms are valid UTF-8
 *      and hold no ignorable code point. More than DCACHE_NAME_MAX bytes are not a name: they equal
 *      only themselves, and have no folded form.
 *  F3. Folding a folded form changes nothing.
 *  F4. A folded name takes at most 3 bytes per byte: 765, well below CASEFOLD_MAX.
 *  F5. Names of ASCII bytes are folded and compared without utf8proc, with the same result.
 *  F6. casefold_equal(), casefold_name() and the two dentry operations agree: all rest on fold(),
 *      and the only short cut past it is the one proved at compare_ascii().
 *
 * What utf8proc 2.8 does otherwise, and what is done about it here:
 *
 *  - UTF8PROC_CASEFOLD folds and decomposes in one go, without the inner NFD. Hence two passes.
 *  - UTF8PROC_IGNORE knows assigned ignorable code points only. is_ignorable() adds those that
 *    Unicode reserves as ignorable, so that a newer utf8proc does not make two names one.
 *  - utf8proc_decompose() orders marks by swapping neighbours, and looks both up each time: 120 us
 *    for the worst name of marks alone. Here a mark's class is looked up once and travels along: 7.
 *
 * The outer NFD has no marks to order: a code point in NFD that folds to something else folds to
 * starters alone, and the marks around it stay as they are. The tests try all code points.
 *
 * Code points that are unassigned in utf8proc's version of Unicode fold to themselves.
 *
 * Pure functions of their arguments and of constant tables: any number of threads, any context.
 * They allocate nothing and use less than 5 KB of stack.
 */
#include <dcache/casefold.h>

#include <string.h>

#include <utf8proc.h>

/*
 * Room for a name decomposed and for one folded. The most that a code point of 1, 2, 3 and 4 bytes
 * becomes is 1, 3, 4 and 3 code points (U+0390, U+1F82, U+1D160), and 1, 6, 9 and 12 bytes (U+0390,
 * U+AC01, U+1D160): 3/2 code points and 3 bytes for a byte, 382 and 765 for a name. Both arrays
 * have a third more, for versions of Unicode to come. A name that did not fit would be treated as
 * one that is not valid (F2).
 */
#define DECOMPOSED_MAX (2 * DCACHE_NAME_MAX)
#define FOLDED_MAX (4 * DCACHE_NAME_MAX)

_Static_assert(FOLDED_MAX <= CASEFOLD_MAX, "casefold_name() promises that CASEFOLD_MAX suffices");

/* One code point becomes no more than this: four today. */
#define EXPANSION_MAX 8

/* UTF-8 bytes of one code point. */
#define UTF8_MAX 4

/* A code point, with its canonical combining class in the top byte. */
#define CLASS_SHIFT 24
#define CODE_POINT 0x1fffffu

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))
#define NOT_ASCII EACH_BYTE(0x80)

struct folded {
	const char *bytes;		/* the name's own (F2), or @buffer */
	size_t len;
	char buffer[FOLDED_MAX];
};

/*
 * ASCII goes a word at a time. The last word of a name overlaps the one before, so as not to reach
 * beyond the name; a name that is shorter than a word is filled up with zeroes.
 */
#define WORD sizeof(uint64_t)

static size_t word_start(size_t at, size_t len)
{
	return len >= WORD && len - at < WORD ? len - WORD : at;
}

static uint64_t load(const char *name, size_t start, size_t len)
{
	uint64_t word = 0;

	if (len >= WORD)
		memcpy(&word, name + start, WORD);
	else
		memcpy(&word, name, len);
	return word;
}

/*
 * Eight ASCII bytes, folded. No sum carries from byte to byte: a byte is at most 0x7f, and what is
 * added at most 0x3f.
 */
static uint64_t fold_word(uint64_t word)
{
	uint64_t from_a = word + EACH_BYTE(0x80 - 'A');
	uint64_t beyond_z = word + EACH_BYTE(0x80 - 'Z' - 1);

	return word + ((from_a & ~beyond_z & NOT_ASCII) >> 2);
}

/* False: not all ASCII, and nothing is said of @buffer. It has room for a word at least. */
static bool fold_ascii(const char *name, size_t len, char *buffer)
{
	for (size_t at = 0; at < len; at += WORD) {
		size_t start = word_start(at, len);
		uint64_t word = load(name, start, len);

		if (word & NOT_ASCII)
			return false;
		word = fold_word(word);
		memcpy(buffer + start, &word, WORD);
	}
	return true;
}

static bool is_ascii(const char *name, size_t len)
{
	for (size_t at = 0; at < len; at += WORD) {
		if (load(name, word_start(at, len), len) & NOT_ASCII)
			return false;
	}
	return true;
}

/* Default_Ignorable_Code_Point; the ranges are those that hold code points reserved for it. */
static bool is_ignorable(utf8proc_int32_t c)
{
	return utf8proc_get_property(c)->ignorable || c == 0x2065 ||
	       (c >= 0xfff0 && c <= 0xfff8) || (c >= 0xe0000 && c <= 0xe0fff);
}

/*
 * Append a code point, but before the marks of a higher class that @out ends in (Canonical Ordering
 * Algorithm, D109). A starter has class 0, so no mark passes one.
 */
static void append_ordered(uint32_t *out, size_t count, utf8proc_int32_t c)
{
	uint32_t class = (uint32_t)utf8proc_get_property(c)->combining_class;

	if (class) {
		for (; count && out[count - 1] >> CLASS_SHIFT > class; count--)
			out[count] = out[count - 1];
	}
	out[count] = class << CLASS_SHIFT | (uint32_t)c;
}

/*
 * NFD of a name without its ignorable code points. Returns the number of code points; 0: it is not
 * valid UTF-8, nothing is left of it, or it does not fit.
 */
static size_t decompose(const char *name, size_t len, uint32_t *out)
{
	const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)name;
	utf8proc_int32_t parts[EXPANSION_MAX];
	size_t count = 0;

	for (size_t at = 0; at < len;) {
		utf8proc_ssize_t size, n;
		utf8proc_int32_t c;

		if (count == DECOMPOSED_MAX)
			return 0;
		if (bytes[at] < 0x80) {
			out[count++] = bytes[at++];
			continue;
		}
		size = utf8proc_iterate(bytes + at, (utf8proc_ssize_t)(len - at), &c);
		if (size <= 0)
			return 0;
		at += (size_t)size;
		if (is_ignorable(c))
			continue;

		n = utf8proc_decompose_char(c, parts, EXPANSION_MAX, UTF8PROC_DECOMPOSE, NULL);
		if (n < 0 || n > EXPANSION_MAX || (size_t)n > DECOMPOSED_MAX - count)
			return 0;
		for (utf8proc_ssize_t i = 0; i < n; i++)
			append_ordered(out, count++, parts[i]);
	}
	return count;
}

/* The folded form of a valid name. Returns its bytes; 0: F2 applies. */
static size_t fold_unicode(const char *name, size_t len, char *buffer)
{
	uint32_t decomposed[DECOMPOSED_MAX];
	utf8proc_int32_t parts[EXPANSION_MAX];
	size_t count = decompose(name, len, decomposed);
	size_t used = 0;

	for (size_t at = 0; at < count; at++) {
		utf8proc_int32_t c = (utf8proc_int32_t)(decomposed[at] & CODE_POINT);
		utf8proc_ssize_t n;

		if (used == FOLDED_MAX)
			return 0;
		if (c < 0x80) {
			buffer[used++] = (char)fold_word((uint64_t)c);
			continue;
		}
		n = utf8proc_decompose_char(c, parts, EXPANSION_MAX,
					    UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD, NULL);
		if (n < 0 || n > EXPANSION_MAX || (size_t)n * UTF8_MAX > FOLDED_MAX - used)
			return 0;
		for (utf8proc_ssize_t i = 0; i < n; i++)
			used += (size_t)utf8proc_encode_char(parts[i],
							     (utf8proc_uint8_t *)buffer + used);
	}
	return used;
}

static void fold(struct folded *folded, const char *name, size_t len)
{
	folded->bytes = folded->buffer;
	folded->len = len;
	if (fold_ascii(name, len, folded->buffer))
		return;

	folded->len = fold_unicode(name, len, folded->buffer);
	if (!folded->len) {
		folded->bytes = name;
		folded->len = len;
	}
}

enum comparison {
	SAME,		/* ASCII throughout, and equal when folded */
	DIFFERENT,	/* whatever follows them, the names differ */
	UNDECIDED,	/* not ASCII throughout */
};

/*
 * Compare the first @len bytes of two names, as far as that goes without utf8proc.
 *
 * DIFFERENT: there is a first place at which the names fold to different ASCII characters, and all
 * before it is ASCII and equal when folded. ASCII characters are starters that decompose to
 * themselves and fold to one ASCII character each. So nothing that follows can move in front of
 * them, and the folded forms differ at this place. If F2 applies to one of the names it is because
 * it is not valid, and then it equals none but its own bytes, which these are not.
 */
static enum comparison compare_ascii(const char *a, const char *b, size_t len)
{
	for (size_t at = 0; at < len; at += WORD) {
		size_t start = word_start(at, len);
		uint64_t word_a = load(a, start, len);
		uint64_t word_b = load(b, start, len);

		if ((word_a | word_b) & NOT_ASCII)
			return UNDECIDED;
		if (fold_word(word_a) != fold_word(word_b))
			return DIFFERENT;
	}
	return SAME;
}

bool casefold_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t common = a_len < b_len ? a_len : b_len;
	struct folded folded_a, folded_b;

	if (a_len == b_len && (!a_len || !memcmp(a, b, a_len)))
		return true;
	if (a_len > DCACHE_NAME_MAX || b_len > DCACHE_NAME_MAX)
		return false;

	switch (compare_ascii(a, b, common)) {
	case SAME:
		/* The longer one may go on with what is ignorable. ASCII is not. */
		if (a_len == b_len)
			return true;
		if (a_len > b_len ? is_ascii(a + common, a_len - common) :
				    is_ascii(b + common, b_len - common))
			return false;
		break;
	case DIFFERENT:
		return false;
	case UNDECIDED:
		break;
	}

	fold(&folded_a, a, a_len);
	fold(&folded_b, b, b_len);
	return folded_a.len == folded_b.len &&
	       !memcmp(folded_a.bytes, folded_b.bytes, folded_a.len);
}

int casefold_name(const char *name, size_t len, char *buf, size_t size)
{
	struct folded folded;

	if (len > DCACHE_NAME_MAX)
		return -ENAMETOOLONG;
	fold(&folded, name, len);
	if (folded.len > size)
		return -ERANGE;
	if (folded.len)
		memcpy(buf, folded.bytes, folded.len);
	return (int)folded.len;
}

int casefold_d_hash(const struct dentry *dir, struct qstr *name)
{
	struct folded folded;

	if (name->len > DCACHE_NAME_MAX)
		return -ENAMETOOLONG;
	fold(&folded, name->name, name->len);
	name->hash = full_name_hash(dir, folded.bytes, folded.len);
	return 0;
}

int casefold_d_compare(const struct dentry *dir, unsigned int len, const char *str,
		       const struct qstr *name)
{
	(void)dir;
	return casefold_equal(str, len, name->name, name->len) ? 0 : 1;
}

const struct dentry_operations casefold_dentry_operations = {
	.d_hash = casefold_d_hash,
	.d_compare = casefold_d_compare,
};
