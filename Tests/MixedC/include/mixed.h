/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The C half of the tests in which C and Swift share one cache: C threads that own a lookup, and C
 * threads that wait for one. And what the Swift tests can only learn in C.
 */
#ifndef DCACHE_TESTS_MIXED_H
#define DCACHE_TESTS_MIXED_H

#include <dcache.h>

enum mixed_ending {
	MIXED_ADD,	/* d_add() of the inode, which may be NULL */
	MIXED_SPLICE,	/* d_splice_alias() of the inode */
	MIXED_FAIL,	/* d_lookup_fail() */
	MIXED_REDIRECT, /* d_lookup_redirect() */
	MIXED_DONE,	/* d_lookup_done() */
};

/* A C thread that owns a lookup, its queue head on its stack. */
struct mixed_owner;

/* Begin: returns when the thread owns the lookup of @name; NULL if it could not. */
struct mixed_owner *mixed_owner_start(struct dentry *parent, const char *name);
/*
 * Let it end the lookup, and end the thread. @inode is consumed; @alias is borrowed.
 * Return: what the ending call returned, 0 or a negative errno value.
 */
int mixed_owner_finish(struct mixed_owner *owner, enum mixed_ending ending, struct inode *inode,
		       struct dentry *alias, int error);

/* A C thread in d_alloc_parallel(). */
struct mixed_waiter;

struct mixed_waiter *mixed_waiter_start(struct dentry *parent, const char *name);
/* What d_alloc_parallel() returned: an entry, referenced, or an error pointer. */
struct dentry *mixed_waiter_join(struct mixed_waiter *waiter);

/* Count what this thread allocates from now on. */
void mixed_count_allocations(void);
/* Stop; how many there were. -1: this build cannot tell. */
long mixed_counted_allocations(void);

/* Let the @nth allocation of the core from now fail. False: this is not the checked build. */
bool mixed_fail_allocation(long nth);
/* Did it come to that? No allocation fails from now on. */
bool mixed_allocation_failed(void);

#endif /* DCACHE_TESTS_MIXED_H */
