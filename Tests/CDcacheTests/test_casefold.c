/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Case folding as pure functions: the guarantees F1 to F6 of casefold.c. The folded forms written
 * down here are Python's; casefold_tables_check.py compares all the others with Python too.
 */
#include <dcache/casefold.h>

#include <utf8proc.h>

#include "harness.h"

#define CODE_POINTS 0x110000
#define IS_SURROGATE(c) ((c) >= 0xd800 && (c) <= 0xdfff)

struct bytes {
	const char *name;
	size_t len;
};

#define BYTES(literal) { literal, sizeof(literal) - 1 }

struct pair {
	struct bytes a, b;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t random_state;

static void random_seed(uint64_t seed)
{
	random_state = seed;
}

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % limit;
}

static void print_name(const char *what, struct bytes name)
{
	fprintf(stderr, "\t%s:", what);
	for (size_t i = 0; i < name.len; i++)
		fprintf(stderr, " %02x", (unsigned int)(unsigned char)name.name[i]);
	fputc('\n', stderr);
}

/* In memory of just its size, so that a sanitizer sees what is read beyond it. */
static struct bytes own_copy(struct bytes name)
{
	char *copy = malloc(name.len ? name.len : 1);

	if (!copy)
		abort();
	if (name.len)
		memcpy(copy, name.name, name.len);
	return (struct bytes){ copy, name.len };
}

static void free_copy(struct bytes copy)
{
	free((void *)(uintptr_t)copy.name);
}

/* Everything that compares two names says @expected, in both directions. */
static bool pair_is(struct bytes a, struct bytes b, bool expected)
{
	const struct bytes own_a = own_copy(a), own_b = own_copy(b);
	const struct qstr q_a = qstr_init(own_a.name, own_a.len);
	const struct qstr q_b = qstr_init(own_b.name, own_b.len);
	char key_a[CASEFOLD_MAX], key_b[CASEFOLD_MAX];
	int len_a = casefold_name(own_a.name, own_a.len, key_a, sizeof(key_a));
	int len_b = casefold_name(own_b.name, own_b.len, key_b, sizeof(key_b));
	bool same_key = len_a >= 0 && len_a == len_b && !memcmp(key_a, key_b, (size_t)len_a);
	bool right;

	right = len_a >= 0 && len_b >= 0 && same_key == expected &&
		casefold_equal(own_a.name, own_a.len, own_b.name, own_b.len) == expected &&
		casefold_equal(own_b.name, own_b.len, own_a.name, own_a.len) == expected &&
		!casefold_d_compare(NULL, q_a.len, q_a.name, &q_b) == expected &&
		!casefold_d_compare(NULL, q_b.len, q_b.name, &q_a) == expected;
	free_copy(own_a);
	free_copy(own_b);
	if (!right) {
		fprintf(stderr, "\tshould be %s:\n", expected ? "equal" : "different");
		print_name("a", a);
		print_name("b", b);
	}
	return right;
}

static bool folds_to(struct bytes name, struct bytes expected)
{
	const struct bytes own = own_copy(name);
	char folded[CASEFOLD_MAX];
	int len = casefold_name(own.name, own.len, folded, sizeof(folded));
	bool right = len >= 0 && (size_t)len == expected.len &&
		     !memcmp(folded, expected.name, expected.len);

	free_copy(own);
	if (!right) {
		print_name("name", name);
		print_name("folded", (struct bytes){ folded, len < 0 ? 0 : (size_t)len });
		print_name("expected", expected);
	}
	return right;
}

static size_t encode(int32_t c, char *buf)
{
	return (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)buf);
}

static const struct pair folded_forms[] = {
	{ BYTES("stra\u00dfe"), BYTES("strasse") },
	{ BYTES("STRASSE"), BYTES("strasse") },
	{ BYTES("\u1e9e"), BYTES("ss") },
	{ BYTES("\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3 \u03c2"),
	  BYTES("\u03c3\u03b9\u0301\u03c3\u03c5\u03c6\u03bf\u03c3 \u03c3") },
	{ BYTES("\ufb01le \ufb03 \ufb06"), BYTES("file ffi st") },
	{ BYTES("\u212aelvin"), BYTES("kelvin") },
	{ BYTES("\u212bngstr\u00f6m"), BYTES("a\u030angstro\u0308m") },
	{ BYTES("\u2126"), BYTES("\u03c9") },
	{ BYTES("\u0130"), BYTES("i\u0307") },
	{ BYTES("\u0131"), BYTES("\u0131") },
	{ BYTES("\u0149"), BYTES("\u02bcn") },
	{ BYTES("\u01f0"), BYTES("j\u030c") },
	{ BYTES("\u0344"), BYTES("\u0308\u0301") },
	{ BYTES("\u0345"), BYTES("\u03b9") },
	{ BYTES("\u0390"), BYTES("\u03b9\u0308\u0301") },
	{ BYTES("\u1fb3"), BYTES("\u03b1\u03b9") },
	{ BYTES("\u1fb7\u0301"), BYTES("\u03b1\u0342\u0301\u03b9") },
	{ BYTES("\u03b1\u0345\u0301"), BYTES("\u03b1\u0301\u03b9") },
	{ BYTES("\u1f80\u0301"), BYTES("\u03b1\u0313\u0301\u03b9") },
	{ BYTES("\u1e9b\u0323"), BYTES("s\u0323\u0307") },
	{ BYTES("a\u0301\u0323"), BYTES("a\u0323\u0301") },
	{ BYTES("\uac01"), BYTES("\u1100\u1161\u11a8") },
	{ BYTES("\u0587"), BYTES("\u0565\u0582") },
	{ BYTES("\u0958"), BYTES("\u0915\u093c") },
	{ BYTES("\u0f73"), BYTES("\u0f71\u0f72") },
	{ BYTES("\u13a0"), BYTES("\u13a0") },
	{ BYTES("\uab70"), BYTES("\u13a0") },
	{ BYTES("\u1c90"), BYTES("\u10d0") },
	{ BYTES("\u01c5"), BYTES("\u01c6") },
	{ BYTES("\u2160"), BYTES("\u2170") },
	{ BYTES("\u24b6"), BYTES("\u24d0") },
	{ BYTES("\uff21"), BYTES("\uff41") },
	{ BYTES("\uf900"), BYTES("\u8c48") },
	{ BYTES("\u037e"), BYTES(";") },
	{ BYTES("\u1fef"), BYTES("`") },
	{ BYTES("\U00010400"), BYTES("\U00010428") },
	{ BYTES("\U0001d15e"), BYTES("\U0001d157\U0001d165") },
	{ BYTES("\U0001f1e6"), BYTES("\U0001f1e6") },
	{ BYTES("A\u200dB\u00adC"), BYTES("abc") },
	{ BYTES("a\u0301\u034f\u0323"), BYTES("a\u0323\u0301") },
};

TEST(casefold_name_gives_the_folded_form, "F1 F3")
{
	for (size_t i = 0; i < COUNT(folded_forms); i++) {
		CHECK(folds_to(folded_forms[i].a, folded_forms[i].b));
		CHECK(folds_to(folded_forms[i].b, folded_forms[i].b));
		CHECK(pair_is(folded_forms[i].a, folded_forms[i].b, true));
	}
}

static const struct pair equal_pairs[] = {
	{ BYTES("stra\u00dfe"), BYTES("STRASSE") },
	{ BYTES("stra\u00dfe"), BYTES("STRA\u1e9eE") },
	{ BYTES("\u03c3"), BYTES("\u03c2") },
	{ BYTES("\u03a3"), BYTES("\u03c2") },
	{ BYTES("\u00e9t\u00e9"), BYTES("E\u0301TE\u0301") },
	{ BYTES("\u00c5"), BYTES("a\u030a") },
	{ BYTES("\u212b"), BYTES("\u00e5") },
	{ BYTES("\ufb01"), BYTES("FI") },
	{ BYTES("\ufb03"), BYTES("f\ufb01") },
	{ BYTES("\ufb05"), BYTES("\ufb06") },
	{ BYTES("k"), BYTES("\u212a") },
	{ BYTES("Makefile"), BYTES("ma\u212aefile") },
	{ BYTES("s"), BYTES("\u017f") },
	{ BYTES("\ud55c\uae00"), BYTES("\u1112\u1161\u11ab\u1100\u1173\u11af") },
	{ BYTES("\uac01"), BYTES("\uac00\u11a8") },
	{ BYTES("q\u0307\u0323"), BYTES("Q\u0323\u0307") },
	{ BYTES("\u0130"), BYTES("i\u0307") },
	{ BYTES("\u0130"), BYTES("I\u0307") },
	{ BYTES("\u1f80\u0301"), BYTES("\u1f84") },
	{ BYTES("\u1f8c"), BYTES("\u1f84") },
	{ BYTES("\u03b1\u0345\u0301"), BYTES("\u1fb4") },
	{ BYTES("\u1fb4"), BYTES("\u03ac\u03b9") },
	{ BYTES("\u1fb4"), BYTES("\u0386\u0399") },
	/* What is ignored. */
	{ BYTES("ab"), BYTES("a\u00adb") },
	{ BYTES("ab"), BYTES("\ufeffAB") },
	{ BYTES("abcdefgh"), BYTES("abcdefgH\u200d") },
	{ BYTES("a\u200db"), BYTES("ab\u200c") },
	{ BYTES("\u1112\u115f"), BYTES("\u1112") },
	{ BYTES("x\u2065y\ufff0\ufff8z"), BYTES("XYZ") },
	{ BYTES("x\U000e0000\U000e0001\U000e01f0\U000e0fff"), BYTES("X") },
	{ BYTES("\u2764\ufe0f"), BYTES("\u2764") },
	{ BYTES("e\u0323\u034f\u0301"), BYTES("e\u0301\u034f\u0323") },
};

static const struct pair different_pairs[] = {
	{ BYTES("a"), BYTES("b") },
	{ BYTES("a"), BYTES("aa") },
	{ BYTES("abcdefgh"), BYTES("abcdefghi") },
	{ BYTES("abcdefgh\u00e9"), BYTES("abcdefgi\u00e9") },
	{ BYTES("@"), BYTES("`") },
	{ BYTES("["), BYTES("{") },
	{ BYTES("\x01"), BYTES("!") },
	{ BYTES("i"), BYTES("\u0130") },
	{ BYTES("I"), BYTES("\u0130") },
	{ BYTES("i"), BYTES("\u0131") },
	{ BYTES("I"), BYTES("\u0131") },
	{ BYTES("e"), BYTES("\u00e9") },
	{ BYTES("k"), BYTES("\u212ak") },
	{ BYTES("a"), BYTES("\uff21") },
	{ BYTES("\u00df"), BYTES("s") },
	{ BYTES("2"), BYTES("\u00b2") },
	/* Marks of one class keep their order. */
	{ BYTES("a\u0301\u0300"), BYTES("a\u0300\u0301") },
	{ BYTES("\uac01"), BYTES("\uac00") },
	/* A space is not ignored, nor is a noncharacter or a private one. */
	{ BYTES("a"), BYTES("a ") },
	{ BYTES("a"), BYTES("a\uffff") },
	{ BYTES("a"), BYTES("a\ue000") },
	{ BYTES("a"), BYTES("a\ufff9") },
	{ BYTES("a"), BYTES("a\U000e1000") },
	{ BYTES("a\0b"), BYTES("a\0c") },
};

TEST(casefold_equal_names, "F1 F6")
{
	for (size_t i = 0; i < COUNT(equal_pairs); i++)
		CHECK(pair_is(equal_pairs[i].a, equal_pairs[i].b, true));
}

TEST(casefold_different_names, "F1 F6")
{
	for (size_t i = 0; i < COUNT(different_pairs); i++)
		CHECK(pair_is(different_pairs[i].a, different_pairs[i].b, false));
}

static const struct bytes not_utf8[] = {
	BYTES("A\x80"), BYTES("A\xbf"), BYTES("A\xc0\xaf"), BYTES("A\xc1\xbf"),
	BYTES("A\xe0\x80\xaf"), BYTES("A\xe0\x9f\xbf"), BYTES("A\xf0\x80\x80\xaf"),
	BYTES("A\xf0\x8f\xbf\xbf"),
	BYTES("A\xed\xa0\x80"), BYTES("A\xed\xbf\xbf"), BYTES("A\xed\xa0\x80\xed\xb0\x80"),
	BYTES("A\xf4\x90\x80\x80"), BYTES("A\xf5\x80\x80\x80"), BYTES("A\xf8\x88\x80\x80\x80"),
	BYTES("A\xfe"), BYTES("A\xff"), BYTES("A\xc3"), BYTES("A\xe2\x84"), BYTES("A\xf0\x9f\x98"),
	BYTES("A\xc3Z"), BYTES("A\xe2\x84Z"), BYTES("A\u00c9\xff\u00c9"), BYTES("\xff\u200d"),
};

TEST(casefold_compares_what_is_not_utf8_as_bytes, "F2 F6")
{
	char other[64];

	for (size_t i = 0; i < COUNT(not_utf8); i++) {
		struct bytes name = not_utf8[i];

		CHECK(folds_to(name, name));
		CHECK(pair_is(name, name, true));
		for (size_t j = 0; j < i; j++)
			CHECK(pair_is(name, not_utf8[j], false));
		for (size_t j = 0; j < COUNT(equal_pairs); j++) {
			CHECK(pair_is(name, equal_pairs[j].a, false));
			CHECK(pair_is(name, equal_pairs[j].b, false));
		}

		/* Neither case nor what is ignored makes it one with another. */
		memcpy(other, name.name, name.len);
		if (other[0] == 'A') {
			other[0] = 'a';
			CHECK(pair_is(name, (struct bytes){ other, name.len }, false));
			other[0] = 'A';
		}
		memcpy(other + name.len, "\u200d", 3);
		CHECK(pair_is(name, (struct bytes){ other, name.len + 3 }, false));
	}
}

/* Table 3-7 of The Unicode Standard, Well-Formed UTF-8 Byte Sequences. */
static bool is_utf8(const unsigned char *s, size_t len)
{
	static const struct {
		unsigned char first, first_last, second, second_last;
		size_t size;
	} rows[] = {
		{ 0x00, 0x7f, 0, 0, 1 },	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },	{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	while (len) {
		size_t row = 0, size;

		while (row < COUNT(rows) && (*s < rows[row].first || *s > rows[row].first_last))
			row++;
		if (row == COUNT(rows))
			return false;
		size = rows[row].size;
		if (size > len)
			return false;
		if (size > 1 && (s[1] < rows[row].second || s[1] > rows[row].second_last))
			return false;
		for (size_t i = 2; i < size; i++) {
			if (s[i] < 0x80 || s[i] > 0xbf)
				return false;
		}
		s += size;
		len -= size;
	}
	return true;
}

TEST(casefold_knows_utf8_from_other_bytes, "F2")
{
	static const unsigned char edges[] = {
		0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
		0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff,
	};
	size_t combinations = 1;
	long wrong = 0;

	for (size_t len = 1; len <= 4; len++) {
		combinations *= COUNT(edges);
		for (size_t i = 0; i < combinations; i++) {
			unsigned char name[5] = "A";
			char folded[CASEFOLD_MAX];
			size_t rest = i;
			bool as_bytes;

			for (size_t at = 1; at <= len; at++) {
				name[at] = edges[rest % COUNT(edges)];
				rest /= COUNT(edges);
			}
			/* The first letter shows whether it was folded. */
			if (casefold_name((char *)name, len + 1, folded, sizeof(folded)) < 1)
				wrong++;
			as_bytes = folded[0] == 'A';
			wrong += as_bytes == is_utf8(name, len + 1);
		}
	}
	CHECK_EQ(wrong, 0);
}

static const struct bytes only_ignorable[] = {
	BYTES("\u200d"), BYTES("\u200c"), BYTES("\u200d\u200d"), BYTES("\u00ad"), BYTES("\ufeff"),
	BYTES("\u115f"), BYTES("\u3164"), BYTES("\ufe0f"), BYTES("\u2065"), BYTES("\ufff0"),
	BYTES("\U000e0001"), BYTES("\U000e0fff"), BYTES("\u200d\u200c"), BYTES("\u200c\u200d"),
};

TEST(casefold_compares_names_of_nothing_but_ignorables_as_bytes, "F2 F6")
{
	for (size_t i = 0; i < COUNT(only_ignorable); i++) {
		struct bytes name = only_ignorable[i];

		CHECK(folds_to(name, name));
		CHECK(pair_is(name, name, true));
		CHECK(pair_is(name, (struct bytes)BYTES(""), false));
		CHECK(pair_is(name, (struct bytes)BYTES("a"), false));
		CHECK(pair_is(name, (struct bytes)BYTES("a\u200d"), false));
		CHECK(pair_is(name, (struct bytes)BYTES("\xff"), false));
		for (size_t j = 0; j < i; j++)
			CHECK(pair_is(name, only_ignorable[j], false));
	}
	CHECK(pair_is((struct bytes)BYTES(""), (struct bytes)BYTES(""), true));
}

TEST(casefold_lengths, "F2 F4")
{
	char upper[DCACHE_NAME_MAX + 2], lower[DCACHE_NAME_MAX + 2], folded[CASEFOLD_MAX];
	const size_t max = DCACHE_NAME_MAX;
	struct qstr q;

	memset(upper, 'A', sizeof(upper));
	memset(lower, 'a', sizeof(lower));
	CHECK(pair_is((struct bytes){ upper, max }, (struct bytes){ lower, max }, true));

	/* What is longer than a name is only itself. */
	CHECK(!casefold_equal(upper, max + 1, lower, max + 1));
	CHECK(casefold_equal(upper, max + 1, upper, max + 1));
	CHECK(!casefold_equal(upper, max + 1, upper, max + 2));
	CHECK(!casefold_equal(upper, max + 1, upper, max));
	CHECK(!casefold_equal(upper, max, upper, max + 1));
	CHECK_EQ(casefold_name(upper, max + 1, folded, sizeof(folded)), -ENAMETOOLONG);
	CHECK_EQ(casefold_name(upper, SIZE_MAX, folded, sizeof(folded)), -ENAMETOOLONG);
	q = qstr_init(upper, max + 1);
	CHECK_EQ(casefold_d_hash(NULL, &q), -ENAMETOOLONG);

	CHECK_EQ(casefold_name("A\u00c9", 3, folded, 4), 4);
	CHECK_EQ(casefold_name("ABC", 3, folded, 3), 3);
	CHECK_EQ(casefold_name("\xff", 1, folded, 1), 1);
	CHECK_EQ(casefold_name("", 0, folded, 0), 0);
	memset(folded, '#', sizeof(folded));
	CHECK_EQ(casefold_name("A\u00c9", 3, folded, 3), -ERANGE);
	CHECK_EQ(casefold_name("ABC", 3, folded, 2), -ERANGE);
	CHECK_EQ(casefold_name("\xff", 1, folded, 0), -ERANGE);
	CHECK_EQ(folded[0], '#');
}

TEST(casefold_ascii_is_the_same_without_utf8proc, "F5 F6")
{
	char name[DCACHE_NAME_MAX], lower[DCACHE_NAME_MAX + 3];
	long wrong = 0;

	/* Each byte at each place of a word, and of what is left after the words. */
	for (size_t len = 1; len <= 20; len++) {
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 0x80; c++) {
				memset(name, '-', len);
				memset(lower, '-', len);
				name[at] = (char)c;
				lower[at] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
				wrong += !folds_to((struct bytes){ name, len },
						   (struct bytes){ lower, len });
			}
		}
	}
	CHECK_EQ(wrong, 0);

	random_seed(5);
	for (int i = 0; i < 20000; i++) {
		size_t len = random_below(DCACHE_NAME_MAX - 2) + 1;

		for (size_t at = 0; at < len; at++) {
			int c = (int)random_below(0x80);

			name[at] = (char)c;
			lower[at] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
		}
		wrong += !folds_to((struct bytes){ name, len }, (struct bytes){ lower, len });
		wrong += !pair_is((struct bytes){ name, len }, (struct bytes){ lower, len }, true);
		/* The same bytes in a name that does go through utf8proc. */
		memcpy(name + len, "\u00c9", 2);
		memcpy(lower + len, "e\u0301", 3);
		wrong += !folds_to((struct bytes){ name, len + 2 },
				   (struct bytes){ lower, len + 3 });
		/* One byte changed. */
		memcpy(lower, name, len);
		lower[random_below((uint32_t)len)] ^= 1;
		wrong += !pair_is((struct bytes){ name, len }, (struct bytes){ lower, len }, false);
	}
	CHECK_EQ(wrong, 0);
}

TEST(casefold_every_code_point, "F3 F4")
{
	long wrong_bound = 0, wrong_again = 0, wrong_bytes = 0, wrong_repeated = 0;
	size_t longest[5] = { 0 };

	for (int32_t c = 0; c < CODE_POINTS; c++) {
		char name[DCACHE_NAME_MAX], folded[CASEFOLD_MAX], again[CASEFOLD_MAX];
		size_t size, times;
		int len;

		if (IS_SURROGATE(c))
			continue;
		size = encode(c, name);
		len = casefold_name(name, size, folded, sizeof(folded));
		wrong_bound += len < 1 || (size_t)len > 3 * size;
		if (len < 1)
			continue;
		if ((size_t)len > longest[size])
			longest[size] = (size_t)len;
		wrong_again += casefold_name(folded, (size_t)len, again, sizeof(again)) != len ||
			       memcmp(folded, again, (size_t)len);
		/* No name turns into one that a directory cannot hold. */
		wrong_bytes += c && c != '/' &&
			       (memchr(folded, 0, (size_t)len) || memchr(folded, '/', (size_t)len));

		/* As often as it fits into a name. */
		if (size == (size_t)len && !memcmp(name, folded, size))
			continue;
		for (times = 0; (times + 1) * size <= sizeof(name); times++)
			encode(c, name + times * size);
		wrong_repeated += casefold_name(name, times * size, again, sizeof(again)) !=
				  (int)times * len;
	}
	CHECK_EQ(wrong_bound, 0);
	CHECK_EQ(wrong_again, 0);
	CHECK_EQ(wrong_bytes, 0);
	CHECK_EQ(wrong_repeated, 0);
	CHECK_EQ(longest[1], 1);
	CHECK_EQ(longest[2], 6);
	CHECK_EQ(longest[3], 9);
	CHECK_EQ(longest[4], 12);
	CHECK(longest[4] * DCACHE_NAME_MAX <= CASEFOLD_MAX);
}

TEST(casefold_longest_names, "F4 F6")
{
	static const struct {
		struct bytes unit;
		int expected;
	} worst[] = {
		{ BYTES("\u0390"), 762 },	{ BYTES("\u03b0"), 762 }, { BYTES("\ufb2c"), 510 },
		{ BYTES("\u1f82"), 680 },	{ BYTES("\U0001d160"), 756 },
		{ BYTES("\u0344"), 508 },	{ BYTES("\uac01"), 765 }, { BYTES("\u00df"), 254 },
		{ BYTES("\u0345"), 254 },	{ BYTES("\u200d"), 255 }, { BYTES("\xff"), 255 },
		{ BYTES("\u0315\u0301\u0327\u0323\u0334"), 250 },
	};

	for (size_t i = 0; i < COUNT(worst); i++) {
		char name[DCACHE_NAME_MAX], folded[CASEFOLD_MAX], again[CASEFOLD_MAX];
		size_t len = 0;
		int folded_len;

		for (; len + worst[i].unit.len <= sizeof(name); len += worst[i].unit.len)
			memcpy(name + len, worst[i].unit.name, worst[i].unit.len);
		folded_len = casefold_name(name, len, folded, sizeof(folded));
		CHECK_EQ(folded_len, worst[i].expected);
		CHECK(casefold_equal(name, len, name, len));
		CHECK(pair_is((struct bytes){ name, len - 1 }, (struct bytes){ name, len }, false));
		if (folded_len <= DCACHE_NAME_MAX)
			CHECK_EQ(casefold_name(folded, (size_t)folded_len, again, sizeof(again)),
				 folded_len);
	}
}

/*
 * What casefold.c says of the outer NFD: a code point in NFD that does not fold to itself folds to
 * starters alone.
 */
TEST(casefold_leaves_marks_in_order, "F1")
{
	long wrong = 0, marks = 0;

	for (int32_t c = 0; c < CODE_POINTS; c++) {
		utf8proc_int32_t parts[8];
		utf8proc_ssize_t n;

		n = utf8proc_decompose_char(c, parts, 8, UTF8PROC_DECOMPOSE, NULL);
		if (n != 1 || parts[0] != c)
			continue;
		n = utf8proc_decompose_char(c, parts, 8, UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD,
					    NULL);
		if (n == 1 && parts[0] == c)
			continue;
		marks += utf8proc_get_property(c)->combining_class != 0;
		for (utf8proc_ssize_t i = 0; i < n; i++)
			wrong += utf8proc_get_property(parts[i])->combining_class != 0;
	}
	CHECK_EQ(wrong, 0);
	/* U+0345, for which the inner NFD is there. */
	CHECK_EQ(marks, 1);
}

TEST(casefold_upper_equals_lower, "F1 F6")
{
	long pairs = 0, wrong = 0;

	for (int32_t c = 0; c < CODE_POINTS; c++) {
		const int32_t others[] = { utf8proc_toupper(c), utf8proc_tolower(c),
					   utf8proc_totitle(c) };

		for (size_t i = 0; i < COUNT(others); i++) {
			char a[4], b[4];
			/*
			 * The two whose simple mappings lead to another letter: dotless i, whose
			 * capital is I, and dotted capital I, whose small letter is i.
			 */
			bool expected = !(c == 0x131 && others[i] == 'I') &&
					!(c == 0x130 && others[i] == 'i');

			if (others[i] == c)
				continue;
			pairs++;
			wrong += !pair_is((struct bytes){ a, encode(c, a) },
					  (struct bytes){ b, encode(others[i], b) }, expected);
		}
	}
	CHECK_EQ(wrong, 0);
	CHECK(pairs > 2700);
}

/*
 * Spellings of one thing, each, whatever marks follow. (Not so capital alpha and capital iota for
 * alpha with U+0345: a mark after them is the iota's.)
 */
static const struct bytes spellings[][4] = {
	{ BYTES("s"), BYTES("S"), BYTES("\u017f"), BYTES("s\u200d") },
	{ BYTES("ss"), BYTES("\u00df"), BYTES("\u1e9e"), BYTES("S\u017f") },
	{ BYTES("k"), BYTES("K"), BYTES("\u212a"), BYTES("\u00adK") },
	{ BYTES("a"), BYTES("A"), BYTES("a\ufe0f"), BYTES("A") },
	{ BYTES("7"), BYTES("7"), BYTES("7\u034f"), BYTES("\u034f" "7") },
	{ BYTES("."), BYTES("."), BYTES(".\u2065"), BYTES("\ufff3.") },
	{ BYTES("longer than a word"), BYTES("LONGER than a word"), BYTES("Longer Than A Word"),
	  BYTES("longer than a \u2060word") },
	{ BYTES("\u00e5"), BYTES("\u212b"), BYTES("A\u030a"), BYTES("a\u200c\u030a") },
	{ BYTES("\ufb01"), BYTES("fi"), BYTES("FI"), BYTES("Fi") },
	{ BYTES("\u03c3"), BYTES("\u03c2"), BYTES("\u03a3"), BYTES("\u03a3") },
	{ BYTES("\u1fb4"), BYTES("\u03b1\u0345\u0301"), BYTES("\u03ac\u0345"),
	  BYTES("\u1fb3\u0301") },
	{ BYTES("\u0130"), BYTES("i\u0307"), BYTES("I\u0307"), BYTES("I\U000e0041\u0307") },
	{ BYTES("\uac01"), BYTES("\uac00\u11a8"), BYTES("\u1100\u1161\u11a8"),
	  BYTES("\u1100\u1161\u115f\u11a8") },
	{ BYTES("\u0344"), BYTES("\u0308\u0301"), BYTES("\u0308\u0341"), BYTES("\u0308\u0301") },
	{ BYTES("\u0327\u0301"), BYTES("\u0301\u0327"), BYTES("\u0301\u034f\u0327"),
	  BYTES("\u0327\u0341") },
	{ BYTES("\u4e2d"), BYTES("\u4e2d"), BYTES("\u4e2d\ufe00"), BYTES("\u4e2d") },
	{ BYTES("\U00010400"), BYTES("\U00010428"), BYTES("\U00010400"), BYTES("\U00010428") },
};

/* Append a spelling of a thing, if that leaves room. */
static bool spell(char *name, size_t *len, size_t thing)
{
	struct bytes spelling = spellings[thing][random_below(4)];

	if (*len + spelling.len > DCACHE_NAME_MAX)
		return false;
	memcpy(name + *len, spelling.name, spelling.len);
	*len += spelling.len;
	return true;
}

TEST(casefold_any_spelling_of_the_same_things, "F1 F5 F6")
{
	random_seed(1);
	for (int i = 0; i < 100000; i++) {
		char a[DCACHE_NAME_MAX], b[DCACHE_NAME_MAX];
		size_t a_len = 0, b_len = 0, a_before, b_before;
		uint32_t things = random_below(random_below(8) ? 6 : 60) + 1;

		while (things--) {
			size_t thing = random_below(COUNT(spellings));

			a_before = a_len;
			b_before = b_len;
			if (!spell(a, &a_len, thing) || !spell(b, &b_len, thing)) {
				a_len = a_before;
				b_len = b_before;
				break;
			}
		}
		REQUIRE(pair_is((struct bytes){ a, a_len }, (struct bytes){ b, b_len }, true));
		if (a_len == DCACHE_NAME_MAX)
			continue;
		a[a_len++] = 'x';
		REQUIRE(pair_is((struct bytes){ a, a_len }, (struct bytes){ b, b_len }, false));
	}
}

TEST(casefold_marks_in_any_order, "F1")
{
	/* Each of another class, in the order of their classes. */
	static const int32_t marks[] = { 0x334, 0x93c, 0x3099, 0x94d, 0x5b0, 0x327, 0x31b,
					 0x323, 0x301, 0x315,  0x35c, 0x360, 0x345 };
	char ordered[DCACHE_NAME_MAX];
	size_t ordered_len = 1;

	ordered[0] = 'o';
	for (size_t i = 0; i < COUNT(marks); i++)
		ordered_len += encode(marks[i], ordered + ordered_len);

	random_seed(2);
	for (int i = 0; i < 20000; i++) {
		int32_t shuffled[COUNT(marks)];
		char name[DCACHE_NAME_MAX];
		size_t len = 1;

		memcpy(shuffled, marks, sizeof(marks));
		for (uint32_t j = COUNT(marks) - 1; j; j--) {
			uint32_t k = random_below(j + 1);
			int32_t c = shuffled[j];

			shuffled[j] = shuffled[k];
			shuffled[k] = c;
		}
		name[0] = i & 1 ? 'o' : 'O';
		for (size_t j = 0; j < COUNT(marks); j++)
			len += encode(shuffled[j], name + len);
		REQUIRE(pair_is((struct bytes){ name, len }, (struct bytes){ ordered, ordered_len },
				true));
	}
}

/* Any bytes at all: the comparisons agree with each other and with the keys. */
TEST(casefold_comparisons_agree_on_random_names, "F6")
{
	static const struct bytes pieces[] = {
		BYTES("a"), BYTES("A"), BYTES("k"), BYTES("\u212a"), BYTES("\u0301"),
		BYTES("\u0323"), BYTES("\u0345"), BYTES("\u03b9"), BYTES("\u200d"), BYTES("\xcc"),
		BYTES("\x81"), BYTES("\xe2\x84"), BYTES("\xff"), BYTES("eight___"),
	};
	long equal_pairs_seen = 0;

	random_seed(3);
	for (int i = 0; i < 300000; i++) {
		char name[2][64];
		size_t len[2] = { 0, 0 };
		bool equal;

		for (int which = 0; which < 2; which++) {
			uint32_t count = random_below(4) + 1;

			while (count--) {
				struct bytes piece = pieces[random_below(COUNT(pieces))];

				memcpy(name[which] + len[which], piece.name, piece.len);
				len[which] += piece.len;
			}
		}
		equal = casefold_equal(name[0], len[0], name[1], len[1]);
		equal_pairs_seen += equal;
		REQUIRE(pair_is((struct bytes){ name[0], len[0] },
				(struct bytes){ name[1], len[1] }, equal));
	}
	CHECK(equal_pairs_seen > 1000);
}

TEST(casefold_operations_are_the_two, "F6")
{
	CHECK(casefold_dentry_operations.d_hash == casefold_d_hash);
	CHECK(casefold_dentry_operations.d_compare == casefold_d_compare);
	CHECK(!casefold_dentry_operations.d_revalidate);
	CHECK(!casefold_dentry_operations.d_delete);
	CHECK(!casefold_dentry_operations.d_release);
}
