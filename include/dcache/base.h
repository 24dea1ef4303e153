/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * What every header of the library needs: visibility, and errors carried by pointers.
 */
#ifndef DCACHE_BASE_H
#define DCACHE_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define DCACHE_BEGIN_DECLS extern "C" {
#define DCACHE_END_DECLS }
#else
#define DCACHE_BEGIN_DECLS
#define DCACHE_END_DECLS
#endif

/** A symbol that the library exports. Everything without it is hidden. */
#define DCACHE_API __attribute__((visibility("default")))

DCACHE_BEGIN_DECLS

struct dcache;
struct dentry;
struct inode;

/** The largest errno value that a pointer can carry. */
#define MAX_ERRNO 4095

/**
 * ERR_PTR - carry an error in a pointer.
 * @error: a negative errno value, -MAX_ERRNO .. -1.
 * Return: a pointer for which IS_ERR() holds; not to be followed. Context: any.
 */
static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

/** PTR_ERR - the negative errno value that an error pointer carries. Context: any. */
static inline long PTR_ERR(const void *ptr)
{
	return (long)ptr;
}

/** IS_ERR - does @ptr carry an error? NULL does not. Context: any. */
static inline bool IS_ERR(const void *ptr)
{
	return (uintptr_t)ptr >= (uintptr_t)-MAX_ERRNO;
}

/** IS_ERR_OR_NULL - is @ptr NULL, or does it carry an error? Context: any. */
static inline bool IS_ERR_OR_NULL(const void *ptr)
{
	return !ptr || IS_ERR(ptr);
}

DCACHE_END_DECLS

#endif /* DCACHE_BASE_H */
