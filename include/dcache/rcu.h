/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Read sections.
 *
 * Between dcache_read_lock() and dcache_read_unlock() no entry, inode or name that the thread
 * could reach is freed, and d_lookup_rcu() can be used. Sections nest. Threads need not register.
 * Nothing in a section may sleep: no call that is documented to sleep, no lock held by a thread
 * that waits for the end of sections.
 *
 * A section costs a few nanoseconds and no shared cache line. One that lasts keeps all freed
 * memory of the process's caches from being given back. If a thread ends in a section, the section
 * ends with it.
 */
#ifndef DCACHE_RCU_H
#define DCACHE_RCU_H

#include <dcache/base.h>

DCACHE_BEGIN_DECLS

/** dcache_read_lock - begin a read section. Context: any; never sleeps. */
DCACHE_API void dcache_read_lock(void);

/** dcache_read_unlock - end the innermost read section of this thread. Context: never sleeps. */
DCACHE_API void dcache_read_unlock(void);

DCACHE_END_DECLS

#endif /* DCACHE_RCU_H */
