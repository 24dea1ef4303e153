/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Names.
 *
 * A name is 1 .. DCACHE_NAME_MAX bytes, any byte but '/' and NUL, and need not end in NUL. It is
 * one component of a path, never a path.
 */
#ifndef DCACHE_QSTR_H
#define DCACHE_QSTR_H

#include <dcache/base.h>

DCACHE_BEGIN_DECLS

/** The longest name, in bytes: NAME_MAX of Linux. */
#define DCACHE_NAME_MAX 255

/**
 * struct qstr - a name on its way into a call ("quick string").
 * @name: the bytes. Borrowed for the call, never kept.
 * @len:  how many.
 * @hash: 0, and the library computes it; or what d_hash_name() stored for a directory of the same
 *	  instance with the same dentry_operations, which saves that work. Any other value makes the
 *	  name unreachable by its other spellers; a checked build stops on it.
 */
struct qstr {
	const char *name;
	uint32_t len;
	uint32_t hash;
};

/** QSTR_INIT - initialise a struct qstr from @n_ bytes and a length; the hash is left to the library. */
#define QSTR_INIT(n_, l_) { .name = (n_), .len = (uint32_t)(l_), .hash = 0 }

/**
 * qstr_init - a name from bytes and a length.
 *
 * @name: @len bytes, which are not copied: they must stay as long as the result is used.
 * A length that does not fit 32 bits is kept as one that every call refuses with -ENAMETOOLONG.
 * Context: any.
 */
static inline struct qstr qstr_init(const char *name, size_t len)
{
	struct qstr q = { name, len > UINT32_MAX ? UINT32_MAX : (uint32_t)len, 0 };

	return q;
}

/**
 * d_hash_name - compute a name's hash once, for many lookups.
 * @parent: any directory of the instance; its dentry_operations apply.
 * @name:   in: bytes and length; out: also the hash. The hash does not depend on @parent itself:
 *	    the same struct qstr serves every directory with the same operations.
 *
 * Return: 0, -EINVAL (empty, or holds '/' or NUL), -ENAMETOOLONG, or the error of the directory's
 * d_hash operation.
 * Context: any.
 */
DCACHE_API int d_hash_name(const struct dentry *parent, struct qstr *name);

DCACHE_END_DECLS

#endif /* DCACHE_QSTR_H */
