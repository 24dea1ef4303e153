// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The program's own malloc() in front of the C library's, which counts: the same for all that is measured.
 * What Swift's runtime allocates comes this way, too.
 */
#include "benchmarks.h"

#include <errno.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);

static _Thread_local uint64_t allocations;

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	allocations++;
	return __libc_realloc(old, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	allocations++;
	return __libc_memalign(align, size);
}

int posix_memalign(void **result, size_t align, size_t size)
{
	void *memory;

	if (align < sizeof(void *) || (align & (align - 1)))
		return EINVAL;
	allocations++;
	memory = __libc_memalign(align, size);
	if (!memory)
		return ENOMEM;
	*result = memory;
	return 0;
}

uint64_t benchmark_allocations(void)
{
	return allocations;
}
