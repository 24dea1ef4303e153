/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiters of tests: how often each was called, and with what. */
#ifndef DCACHE_TESTS_REQUESTS_H
#define DCACHE_TESTS_REQUESTS_H

#include "harness.h"
#include "internal.h"

struct request {
	struct d_waiter waiter;
	struct dentry *result;
	_Atomic int calls;
	int number; /* so many calls of this file's requests came before */
};

static _Atomic int calls;

static inline void answered(struct d_waiter *waiter, struct dentry *result)
{
	struct request *request = container_of(waiter, struct request, waiter);

	request->result = result;
	request->number = atomic_fetch_add(&calls, 1);
	atomic_fetch_add(&request->calls, 1);
}

/* The memory of the library's part is not as any call left it. */
static inline void request_init(struct request *request, d_waiter_func *func)
{
	memset(request, 0x5a, sizeof(*request));
	request->waiter.func = func;
	atomic_init(&request->calls, 0);
}

/* Register @request for a name that somebody is asking for. */
static inline void must_wait(struct request *request, struct dentry *parent,
			     const struct qstr *name)
{
	request_init(request, answered);
	CHECK(!d_alloc_parallel_async(parent, name, &request->waiter));
}

#endif /* DCACHE_TESTS_REQUESTS_H */
