/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Ready-made case-insensitive directories.
 *
 * Two names are equal if their Unicode full case foldings, normalised, are (canonical caseless
 * matching, D145 of The Unicode Standard): "straße" = "STRASSE", NFC = NFD, every sigma equal. Code
 * points that Unicode says to ignore by default are ignored, such as U+200D. No locale: dotted
 * capital I (U+0130) folds to "i" with a combining dot, so it does not equal "i". Compatibility is
 * not equality: fullwidth "Ａ" is not "a".
 *
 * Compared as bytes, and equal to no other name: a name that is not valid UTF-8, and one of nothing
 * but ignored code points. Code points that utf8proc's version of Unicode does not know are
 * themselves; a newer one may make two names one.
 */
#ifndef DCACHE_CASEFOLD_H
#define DCACHE_CASEFOLD_H

#include <dcache/base.h>
#include <dcache/dentry.h>

DCACHE_BEGIN_DECLS

/**
 * casefold_dentry_operations - d_hash and d_compare of a case-insensitive directory; everything
 * else is unset. Give it to d_set_d_op(), or to an instance's options, or copy its two functions
 * into operations of your own.
 */
DCACHE_API extern const struct dentry_operations casefold_dentry_operations;

/** casefold_d_hash - d_hash: full_name_hash() of what casefold_name() makes. Return: 0, or
 *  -ENAMETOOLONG above DCACHE_NAME_MAX bytes, which no other call lets through. Context: any; allocates
 *  nothing. */
DCACHE_API int casefold_d_hash(const struct dentry *dir, struct qstr *name);

/** casefold_d_compare - d_compare: 0 if the @len bytes @str and @name are equal by that rule, 1 if not.
 *  Context: any; allocates nothing. */
DCACHE_API int casefold_d_compare(const struct dentry *dir, unsigned int len, const char *str,
				  const struct qstr *name);

/**
 * casefold_equal - are two names equal by that rule? For backends that search a directory.
 * @a_len, @b_len: bytes. More than DCACHE_NAME_MAX are no name, and equal only the same bytes.
 * Context: any; allocates nothing.
 */
DCACHE_API bool casefold_equal(const char *a, size_t a_len, const char *b, size_t b_len);

/**
 * casefold_name - the folded form of a name, in NFD, the same for names that are equal and for no
 * others: for tables keyed by it. A name that is compared as bytes is copied.
 * @buf:  receives the bytes, no NUL. CASEFOLD_MAX bytes always suffice for a name.
 * @size: bytes of @buf.
 * Return: the length; -ERANGE: it does not fit, nothing is written; -ENAMETOOLONG: @len is above
 * DCACHE_NAME_MAX.
 * Context: any; allocates nothing.
 */
DCACHE_API int casefold_name(const char *name, size_t len, char *buf, size_t size);

/** Bytes that always suffice for the folded form of a name. (Up to Unicode 15, it takes at most
 *  three times those of the name.) */
#define CASEFOLD_MAX 4096

DCACHE_END_DECLS

#endif /* DCACHE_CASEFOLD_H */
