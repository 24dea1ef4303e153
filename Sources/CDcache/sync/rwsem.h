/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rwsem: a reader-writer lock that sleeps and is fair.
 *
 * State word: bit 0 held for writing; bit 1 somebody queues; from bit 2 on, the number of readers.
 * Free or read-held and nobody queues: a reader enters with one compare-and-swap. As soon as
 * somebody queues, everybody does, first come, first served, so a stream of readers cannot starve
 * a writer. Whoever leaves as the last grants the lock to the head of the queue: to one writer, or
 * to all readers up to the next writer.
 *
 * The queue's entries lie on the sleepers' stacks and are linked under @queue_lock. A grant is
 * written into the sleeper's own word, the last access to its frame; the wake-up after it uses the
 * address only.
 */
#ifndef DCACHE_SYNC_RWSEM_H
#define DCACHE_SYNC_RWSEM_H

#include "lock.h"

#pragma GCC visibility push(hidden)

struct rwsem_waiter;

struct rwsem {
	_Atomic uint32_t state;
	struct dc_lock queue_lock;
	struct rwsem_waiter *first;
	struct rwsem_waiter **last;
};

void rwsem_init(struct rwsem *sem);
bool down_read_trylock(struct rwsem *sem);
bool down_write_trylock(struct rwsem *sem);
void down_read(struct rwsem *sem);
void down_write(struct rwsem *sem);
void up_read(struct rwsem *sem);
void up_write(struct rwsem *sem);

#pragma GCC visibility pop

#endif /* DCACHE_SYNC_RWSEM_H */
