/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * The queue that the owner of a lookup lends to those who wait for it.
 *
 * The head lies with the owner, usually on its stack, and must stay there until the lookup is
 * ended. The entries lie on the stacks of the waiters. The library links and wakes; a caller only
 * declares a head and hands it to d_alloc_parallel(). One head may serve several lookups of one
 * owner.
 */
#ifndef DCACHE_WAIT_H
#define DCACHE_WAIT_H

#include <dcache/base.h>

DCACHE_BEGIN_DECLS

/** struct wait_queue_head - where waiters of an in-lookup entry queue. The contents are the library's. */
struct wait_queue_head {
	uint64_t opaque[4];
};

typedef struct wait_queue_head wait_queue_head_t;

/**
 * init_waitqueue_head - make @wq ready for d_alloc_parallel().
 *
 * Needs no counterpart: a head whose lookups have ended holds nothing.
 * Context: any; nobody uses @wq yet.
 */
DCACHE_API void init_waitqueue_head(struct wait_queue_head *wq);

/** DECLARE_WAIT_QUEUE_HEAD_ONSTACK - a ready head in the calling function's frame. */
#define DECLARE_WAIT_QUEUE_HEAD_ONSTACK(name_) \
	struct wait_queue_head name_;          \
	init_waitqueue_head(&name_)

DCACHE_END_DECLS

#endif /* DCACHE_WAIT_H */
