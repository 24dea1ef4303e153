/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A fuzzer of names: checking, hashing, comparing, folding.
 *
 * An input is two names: a byte that says how the second comes of the first, then the first, then,
 * after a byte 0xff that is no part of UTF-8, the second, if it is one of its own. For each, the
 * folded form is compared with that of a second implementation, made of Python's tables
 * (unicode_tables.py) and of the definitions alone: decode, decompose, sort, fold, decompose, sort.
 * For both, these must agree: equal folded forms, casefold_equal(), the directory operations, the
 * hash, and what is found in a case-insensitive and in a plain directory.
 *
 * Most random bytes are no UTF-8, so half of the changes that libFuzzer makes are made here: code
 * points put in, taken out, exchanged, of the kinds that make a difference.
 *
 * With DCACHE_FUZZ_FOLD set to a file's name the names and their folded forms are written there,
 * for names_check.py.
 */
#include <dcache.h>
#include <dcache/casefold.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "fuzz_names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
const char *__asan_default_options(void);

#define CHECK(x) ((x) ? (void)0 : fail(#x, __LINE__))

/* Longer names than there are, so that their refusal is seen too. */
#define NAME_ROOM 300

struct name {
	size_t len;
	char bytes[NAME_ROOM];
	/* By the tables; the same bytes if it has no folded form. */
	size_t folded_len;
	char folded[CASEFOLD_MAX];
	bool valid;  /* UTF-8, and something is left of it */
	bool agreed; /* both versions of Unicode know all of it */
};

static struct name first, second;
static struct dcache *dc;
static struct dentry *plain, *folding;
static FILE *list;

/* ---- what libFuzzer sees ---- */

#define COUNTERS 8192u

__attribute__((section("__libfuzzer_extra_counters"))) static volatile uint8_t counters[COUNTERS];

static void feature(unsigned int kind, unsigned int a)
{
	counters[(kind * 4999 + a) % COUNTERS] = 1;
}

static void print_name(const char *what, const struct name *name)
{
	size_t i;

	fprintf(stderr, "%s: ", what);
	for (i = 0; i < name->len; i++)
		fprintf(stderr, "%02x", (unsigned int)(uint8_t)name->bytes[i]);
	fprintf(stderr, ", folds to ");
	for (i = 0; i < name->folded_len; i++)
		fprintf(stderr, "%02x", (unsigned int)(uint8_t)name->folded[i]);
	fputc('\n', stderr);
}

static _Noreturn void fail(const char *what, int line)
{
	fprintf(stderr, "fuzz_names: check failed: %s (line %d)\n", what, line);
	print_name("first", &first);
	print_name("second", &second);
	abort();
}

/* ---- the second implementation ---- */

static size_t decompose(const uint32_t *points, size_t count, uint32_t *out)
{
	size_t n = 0, i, j;

	for (i = 0; i < count; i++) {
		const struct table_point *point = table_find(points[i]);

		if (!point) {
			out[n++] = points[i];
			continue;
		}
		for (j = 0; j < point->nfd_len; j++)
			out[n++] = table_at(point->nfd, j);
	}
	/* Marks that stand together, by class; of one class, as they stood. */
	for (i = 1; i < n; i++) {
		for (j = i;
		     j && table_class(out[j]) && table_class(out[j - 1]) > table_class(out[j]);
		     j--) {
			uint32_t c = out[j];

			out[j] = out[j - 1];
			out[j - 1] = c;
		}
	}
	return n;
}

static void note_kinds(const uint32_t *points, size_t count)
{
	unsigned int before = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		const struct table_point *point = table_find(points[i]);
		unsigned int kind = 1;

		if (point)
			kind = 2u + (point->nfd_len > 1) + 2u * (point->folded_len > 1) +
			       4u * (table_at(point->folded, 0) != points[i]) +
			       8u * (point->combining != 0);
		else if (table_is_ignorable(points[i]))
			kind = 20;
		feature(0, before * 21 + kind);
		if (point)
			feature(1, points[i] >> 8);
		before = kind;
	}
}

static void fold_by_tables(struct name *name)
{
	static uint32_t points[4 * NAME_ROOM], more[8 * NAME_ROOM], most[16 * NAME_ROOM];
	size_t count = 0, at, n, i, j;

	name->valid = false;
	name->agreed = true;
	memcpy(name->folded, name->bytes, name->len);
	name->folded_len = name->len;
	for (at = 0; at < name->len; count++) {
		size_t size = utf8_decode(name->bytes + at, name->len - at, &points[count]);

		if (!size)
			return;
		at += size;
		if (table_is_assigned(points[count]) !=
		    (utf8proc_category((utf8proc_int32_t)points[count]) != UTF8PROC_CATEGORY_CN))
			name->agreed = false;
	}
	note_kinds(points, count);
	for (i = n = 0; i < count; i++) {
		if (!table_is_ignorable(points[i]))
			points[n++] = points[i];
	}
	if (!n)
		return;
	n = decompose(points, n, more);
	for (i = count = 0; i < n; i++) {
		const struct table_point *point = table_find(more[i]);

		if (!point)
			most[count++] = more[i];
		for (j = 0; point && j < point->folded_len; j++)
			most[count++] = table_at(point->folded, j);
	}
	n = decompose(most, count, more);
	name->valid = true;
	name->folded_len = 0;
	for (i = 0; i < n; i++)
		name->folded_len += utf8_encode(more[i], name->folded + name->folded_len);
}

/* ---- checks of one name ---- */

static void check_folded(const struct name *name)
{
	char buf[CASEFOLD_MAX + 1], again[CASEFOLD_MAX];
	int len = casefold_name(name->bytes, name->len, buf, CASEFOLD_MAX);

	if (name->len > DCACHE_NAME_MAX) {
		CHECK(len == -ENAMETOOLONG);
		return;
	}
	CHECK(len >= 0 && (size_t)len <= 3 * name->len);
	if (!name->agreed)
		return;
	CHECK((size_t)len == name->folded_len && !memcmp(buf, name->folded, (size_t)len));
	/* Just room enough; and one byte less. */
	memset(buf, 0x55, sizeof(buf));
	CHECK(casefold_name(name->bytes, name->len, buf, (size_t)len) == len && buf[len] == 0x55);
	if (len) {
		memset(buf, 0x55, sizeof(buf));
		CHECK(casefold_name(name->bytes, name->len, buf, (size_t)len - 1) == -ERANGE);
		CHECK(buf[0] == 0x55);
	}
	/* Folding a folded form changes nothing. */
	if (name->folded_len <= DCACHE_NAME_MAX) {
		CHECK(casefold_name(name->folded, name->folded_len, again, sizeof(again)) == len);
		CHECK(!memcmp(again, name->folded, (size_t)len));
	}
}

/* 0, or what every call must say of it. */
static int name_error(const struct name *name)
{
	if (!name->len)
		return -EINVAL;
	if (name->len > DCACHE_NAME_MAX)
		return -ENAMETOOLONG;
	return memchr(name->bytes, '/', name->len) || memchr(name->bytes, 0, name->len) ? -EINVAL
											: 0;
}

static void check_hash(const struct name *name)
{
	struct qstr qstr = qstr_init(name->bytes, name->len), by_bytes = qstr;
	int error = name_error(name);

	CHECK(d_hash_name(folding, &qstr) == error && d_hash_name(plain, &by_bytes) == error);
	if (error)
		return;
	CHECK(qstr.hash && by_bytes.hash);
	CHECK(by_bytes.hash == full_name_hash(plain, name->bytes, name->len));
	if (name->agreed)
		CHECK(qstr.hash == full_name_hash(folding, name->folded, name->folded_len));
}

/* ---- checks of two ---- */

static bool same_bytes(const struct name *a, const struct name *b)
{
	return a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

static bool same_folded(const struct name *a, const struct name *b)
{
	if (a->len > DCACHE_NAME_MAX || b->len > DCACHE_NAME_MAX)
		return same_bytes(a, b);
	return a->folded_len == b->folded_len && !memcmp(a->folded, b->folded, a->folded_len);
}

static void check_equal(const struct name *a, const struct name *b)
{
	bool equal = casefold_equal(a->bytes, a->len, b->bytes, b->len);
	struct qstr name = qstr_init(b->bytes, b->len), hashed = qstr_init(a->bytes, a->len);

	CHECK(casefold_equal(b->bytes, b->len, a->bytes, a->len) == equal);
	CHECK(!same_bytes(a, b) || equal);
	if (a->agreed && b->agreed)
		CHECK(equal == same_folded(a, b));
	if (a->len > DCACHE_NAME_MAX || b->len > DCACHE_NAME_MAX)
		return;
	CHECK(casefold_d_compare(folding, (unsigned int)a->len, a->bytes, &name) == !equal);
	CHECK(!casefold_d_hash(folding, &name) && !casefold_d_hash(folding, &hashed));
	CHECK(!equal || name.hash == hashed.hash);
}

/* @a is stored in @dir: is it found as @b? */
static void check_directory(struct dentry *dir, const struct name *a, const struct name *b,
			    bool same)
{
	struct qstr stored = qstr_init(a->bytes, a->len), asked = qstr_init(b->bytes, b->len);
	struct dentry *entry = d_alloc(dir, &stored), *found;
	char buf[DCACHE_NAME_MAX + 1];
	uint32_t seq;
	int error = name_error(a);

	if (error) {
		CHECK(PTR_ERR(entry) == error);
		return;
	}
	CHECK(!IS_ERR(entry));
	CHECK(d_name_copy(entry, buf, sizeof(buf)) == (int)a->len);
	CHECK(!memcmp(buf, a->bytes, a->len) && !buf[a->len]);
	CHECK(!d_lookup(dir, &asked));
	CHECK(!d_add(entry, NULL));
	found = d_lookup(dir, &asked);
	CHECK(found == (same && !name_error(b) ? entry : NULL));
	dput(found);
	dcache_read_lock();
	CHECK(d_lookup_rcu(dir, &asked, &seq) == found);
	dcache_read_unlock();
	/* With the hash computed before. */
	if (!d_hash_name(dir, &asked)) {
		struct dentry *again = d_lookup(dir, &asked);

		CHECK(again == found);
		dput(again);
	}
	/* The same name once more is refused, another is not. */
	if (!name_error(b)) {
		struct dentry *other = d_alloc(dir, &asked);

		CHECK(!IS_ERR(other));
		CHECK(d_add(other, NULL) == (same ? -EEXIST : 0));
		d_drop(other);
		dput(other);
	}
	d_drop(entry);
	dput(entry);
}

/* ---- names from bytes ---- */

static void set(struct name *name, const char *bytes, size_t len)
{
	name->len = len < NAME_ROOM ? len : NAME_ROOM;
	memcpy(name->bytes, bytes, name->len);
}

/* Put an ignorable code point at the @nth boundary of a valid name. */
static void with_ignorable(struct name *name, const struct name *of, unsigned int nth)
{
	size_t at = 0;
	uint32_t c;

	while (nth-- && at < of->len)
		at += utf8_decode(of->bytes + at, of->len - at, &c);
	memcpy(name->bytes, of->bytes, at);
	name->len = at + utf8_encode(nth & 1 ? 0x200d : 0xe0100, name->bytes + at);
	memcpy(name->bytes + name->len, of->bytes + at, of->len - at);
	name->len += of->len - at;
}

/* True: the two names are equal by construction. */
static bool split(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1;
	const char *end = size > 1 ? memchr(bytes, 0xff, size - 1) : NULL;
	size_t rest = 0;

	if (end) {
		rest = size - 1 - (size_t)(end - bytes) - 1;
		size -= rest + 1;
	}
	set(&first, bytes, size ? size - 1 : 0);
	fold_by_tables(&first);
	switch (data[0] & 7) {
	case 1:
		if (first.folded_len > DCACHE_NAME_MAX || first.len > DCACHE_NAME_MAX)
			break;
		set(&second, first.folded, first.folded_len);
		return true;
	case 2:
		if (!first.valid || first.len + 8 > DCACHE_NAME_MAX)
			break;
		with_ignorable(&second, &first, data[0] >> 3);
		return true;
	case 3:
		set(&second, first.bytes, first.len ? first.len - 1 : 0);
		return false;
	case 4:
		/* The same, a byte changed. */
		set(&second, first.bytes, first.len);
		if (first.len)
			second.bytes[data[0] % first.len] ^= 0x20;
		return false;
	default:
		break;
	}
	if (end)
		set(&second, end + 1, rest);
	else
		set(&second, first.bytes, first.len);
	return !end;
}

static void write_list(const struct name *name)
{
	char folded[CASEFOLD_MAX];
	int len = casefold_name(name->bytes, name->len, folded, sizeof(folded)), i;

	if (len < 0)
		return;
	for (i = 0; i < (int)name->len; i++)
		fprintf(list, "%02x", (unsigned int)(uint8_t)name->bytes[i]);
	fputc(' ', list);
	for (i = 0; i < len; i++)
		fprintf(list, "%02x", (unsigned int)(uint8_t)folded[i]);
	fputs(name->agreed ? " .\n" : " ?\n", list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool same;

	if (!size)
		return 0;
	same = split(data, size);
	fold_by_tables(&second);
	if (list) {
		write_list(&first);
		write_list(&second);
	}
	check_folded(&first);
	check_folded(&second);
	check_hash(&first);
	check_hash(&second);
	check_equal(&first, &second);
	if (same)
		CHECK(casefold_equal(first.bytes, first.len, second.bytes, second.len));
	same = casefold_equal(first.bytes, first.len, second.bytes, second.len);
	check_directory(folding, &first, &second, same);
	check_directory(plain, &first, &second, same_bytes(&first, &second));
	return 0;
}

static void close_list(void)
{
	if (fclose(list))
		abort();
}

static struct dentry *make_directory(const struct dentry_operations *op)
{
	struct dentry *root = d_make_root(new_inode(dc, 1, INODE_DIRECTORY, NULL, NULL));

	if (IS_ERR(root))
		abort();
	if (op)
		d_set_d_op(root, op);
	return root;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct dcache_options opts = DCACHE_OPTIONS_INIT;
	const char *file = getenv("DCACHE_FUZZ_FOLD");

	(void)argc;
	(void)argv;
	if (file) {
		list = fopen(file, "w");
		if (!list)
			abort();
		/* libFuzzer ends its process with _Exit(), but calls what is registered so. */
		atexit(close_list);
		setlinebuf(list);
	}
	tables_init();
	opts.hash_buckets = 2;
	opts.seed = 1;
	if (dcache_create(&opts, &dc))
		abort();
	plain = make_directory(NULL);
	folding = make_directory(&casefold_dentry_operations);
	return 0;
}

const char *__asan_default_options(void)
{
	return "detect_leaks=0:quarantine_size_mb=8";
}
