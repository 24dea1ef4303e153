/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * marks.h. Libraries allocate here too, as the program's symbols come before theirs; what the C library
 * does within itself ends at its own entry points, which all of these pass on to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

#include "include/marks.h"

#define INTERPOSED __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t align, size_t size);

/* Volatile: the compiler takes it that the C library does not call back. */
static _Thread_local volatile unsigned long allocations;
static unsigned long allocations_before;

INTERPOSED void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

INTERPOSED void *calloc(size_t count, size_t size)
{
	allocations++;
	return __libc_calloc(count, size);
}

INTERPOSED void *realloc(void *block, size_t size)
{
	allocations++;
	return __libc_realloc(block, size);
}

INTERPOSED void *reallocarray(void *block, size_t count, size_t size)
{
	size_t bytes;

	allocations++;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(block, bytes);
}

INTERPOSED void *memalign(size_t align, size_t size)
{
	allocations++;
	return __libc_memalign(align, size);
}

INTERPOSED void *aligned_alloc(size_t align, size_t size)
{
	allocations++;
	return __libc_memalign(align, size);
}

INTERPOSED int posix_memalign(void **block, size_t align, size_t size)
{
	allocations++;
	*block = __libc_memalign(align, size);
	return *block ? 0 : ENOMEM;
}

INTERPOSED void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
	allocations++;
	return (void *)syscall(SYS_mmap, at, len, protection, flags, fd, offset);
}

INTERPOSED void *mmap64(void *at, size_t len, int protection, int flags, int fd, off64_t offset)
	__attribute__((alias("mmap")));

INTERPOSED void *mremap(void *old, size_t old_len, size_t len, int flags, ...)
{
	void *at = NULL;

	allocations++;
	if (flags & MREMAP_FIXED) {
		va_list arguments;

		va_start(arguments, flags);
		at = va_arg(arguments, void *);
		va_end(arguments);
	}
	return (void *)syscall(SYS_mremap, old, old_len, len, flags, at);
}

static void counted(const char *call, unsigned long before, const volatile void *block)
{
	if (allocations == before + 1 && block && block != MAP_FAILED)
		return;
	fprintf(stderr, "a call of %s is not counted as one allocation\n", call);
	exit(1);
}

void hot_path_check_counter(void)
{
	/* Volatile, so that no call is optimised away. */
	void *volatile block;
	void *aligned = NULL, *stays;
	unsigned long before;
	char *text = NULL;
	size_t size = 0;
	FILE *stream;

	before = allocations;
	block = malloc(40);
	counted("malloc", before, block);
	before = allocations;
	block = realloc(block, 4000);
	counted("realloc", before, block);
	before = allocations;
	block = reallocarray(block, 80, 100);
	counted("reallocarray", before, block);
	free(block);
	before = allocations;
	block = calloc(3, 40);
	counted("calloc", before, block);
	free(block);
	before = allocations;
	block = aligned_alloc(64, 128);
	counted("aligned_alloc", before, block);
	free(block);
	before = allocations;
	block = memalign(64, 128);
	counted("memalign", before, block);
	free(block);
	before = allocations;
	if (posix_memalign(&aligned, 64, 128))
		aligned = NULL;
	counted("posix_memalign", before, aligned);
	free(aligned);
	before = allocations;
	block = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	counted("mmap", before, block);
	before = allocations;
	stays = mmap64(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	counted("mmap64", before, stays);
	munmap(stays, 4096);
	before = allocations;
	block = mremap(block, 4096, 8192, MREMAP_MAYMOVE);
	counted("mremap", before, block);
	munmap(block, 8192);
	/* By a library, whose calls must come here as well. */
	before = allocations;
	stream = open_memstream(&text, &size);
	if (!stream || allocations == before || fclose(stream)) {
		fputs("what a library allocates is not counted\n", stderr);
		exit(1);
	}
	free(text);
}

static void *run(void *body)
{
	(*(void (**)(void))body)();
	return NULL;
}

void hot_path_run(void (*body)(void))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, &body) || pthread_join(thread, NULL)) {
		fputs("no thread can be started\n", stderr);
		exit(1);
	}
}

void hot_path_begin(void)
{
	allocations_before = allocations;
	CALLGRIND_ZERO_STATS;
	CALLGRIND_TOGGLE_COLLECT;
}

void hot_path_end(const char *row, size_t operations)
{
	unsigned long made;
	char label[80];

	CALLGRIND_TOGGLE_COLLECT;
	made = allocations - allocations_before;
	snprintf(label, sizeof(label), "%s %zu", row, operations);
	CALLGRIND_DUMP_STATS_AT(label);
	printf("%s %lu\n", label, made);
}
