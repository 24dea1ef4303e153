/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "mixed.h"

struct mixed_owner {
	pthread_t thread;
	sem_t owns, go;
	struct dentry *parent;
	char name[DCACHE_NAME_MAX + 1];
	bool is_owner;
	enum mixed_ending ending;
	struct inode *inode;
	struct dentry *alias;
	int error, result;
};

static int end(struct mixed_owner *owner, struct dentry *dentry)
{
	struct dentry *other;

	switch (owner->ending) {
	case MIXED_ADD:
		return d_add(dentry, owner->inode);
	case MIXED_SPLICE:
		other = d_splice_alias(owner->inode, dentry);
		if (IS_ERR(other))
			return (int)PTR_ERR(other);
		dput(other);
		return 0;
	case MIXED_FAIL:
		return d_lookup_fail(dentry, owner->error);
	case MIXED_REDIRECT:
		return d_lookup_redirect(dentry, owner->alias);
	case MIXED_DONE:
		d_lookup_done(dentry);
		return 0;
	}
	return -EINVAL;
}

static void *own(void *arg)
{
	struct mixed_owner *owner = arg;
	struct qstr name = qstr_init(owner->name, strlen(owner->name));
	struct dentry *dentry;

	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);

	dentry = d_alloc_parallel(owner->parent, &name, &wq);
	owner->is_owner = !IS_ERR(dentry) && d_in_lookup(dentry);
	sem_post(&owner->owns);
	sem_wait(&owner->go);
	if (owner->is_owner)
		owner->result = end(owner, dentry);
	dput(dentry);
	return NULL;
}

struct mixed_owner *mixed_owner_start(struct dentry *parent, const char *name)
{
	struct mixed_owner *owner = calloc(1, sizeof(*owner));

	if (!owner)
		return NULL;
	owner->parent = parent;
	strncpy(owner->name, name, DCACHE_NAME_MAX);
	sem_init(&owner->owns, 0, 0);
	sem_init(&owner->go, 0, 0);
	if (pthread_create(&owner->thread, NULL, own, owner)) {
		free(owner);
		return NULL;
	}
	sem_wait(&owner->owns);
	if (owner->is_owner)
		return owner;
	mixed_owner_finish(owner, MIXED_DONE, NULL, NULL, 0);
	return NULL;
}

int mixed_owner_finish(struct mixed_owner *owner, enum mixed_ending ending, struct inode *inode,
		       struct dentry *alias, int error)
{
	int result;

	owner->ending = ending;
	owner->inode = inode;
	owner->alias = alias;
	owner->error = error;
	sem_post(&owner->go);
	pthread_join(owner->thread, NULL);
	result = owner->result;
	free(owner);
	return result;
}

struct mixed_waiter {
	pthread_t thread;
	struct dentry *parent;
	char name[DCACHE_NAME_MAX + 1];
	struct dentry *result;
};

static void *wait_in_c(void *arg)
{
	struct mixed_waiter *waiter = arg;
	struct qstr name = qstr_init(waiter->name, strlen(waiter->name));

	/* No head of this frame: the caller may end up as the owner. */
	waiter->result = d_alloc_parallel(waiter->parent, &name, NULL);
	return NULL;
}

struct mixed_waiter *mixed_waiter_start(struct dentry *parent, const char *name)
{
	struct mixed_waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		return NULL;
	waiter->parent = parent;
	strncpy(waiter->name, name, DCACHE_NAME_MAX);
	if (pthread_create(&waiter->thread, NULL, wait_in_c, waiter)) {
		free(waiter);
		return NULL;
	}
	return waiter;
}

struct dentry *mixed_waiter_join(struct mixed_waiter *waiter)
{
	struct dentry *result;

	pthread_join(waiter->thread, NULL);
	result = waiter->result;
	free(waiter);
	return result;
}

/*
 * The program's own malloc() in front of the C library's, which counts for threads that want it.
 * Sanitizers bring their own, so there nothing is counted.
 */
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

void mixed_count_allocations(void)
{
}

long mixed_counted_allocations(void)
{
	return -1;
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_memalign(size_t align, size_t size);

static _Thread_local bool counts;
static _Thread_local long counted;

void *malloc(size_t size)
{
	counted += counts;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	counted += counts;
	return __libc_calloc(count, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	counted += counts;
	return __libc_memalign(align, size);
}

void mixed_count_allocations(void)
{
	counted = 0;
	counts = true;
}

long mixed_counted_allocations(void)
{
	counts = false;
	return counted;
}

#endif

/* sync/hooks.h, of the checked build only. */
__attribute__((weak)) void dc_fail_allocation(long nth);
__attribute__((weak)) bool dc_allocation_failed(void);

bool mixed_fail_allocation(long nth)
{
	if (!dc_fail_allocation)
		return false;
	dc_fail_allocation(nth);
	return true;
}

bool mixed_allocation_failed(void)
{
	bool failed = dc_allocation_failed();

	dc_fail_allocation(0);
	return failed;
}
