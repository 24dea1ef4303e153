/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Limits, and making room.
 *
 * The limits hold for what is unused: an entry that would exceed one frees an unused one first, in a
 * number of steps that does not depend on how many there are. Entries in use, and the directories above
 * them, are never freed; what exceeds a limit because of them is dcache_stats.over_limit.
 */
#ifndef DCACHE_SHRINK_H
#define DCACHE_SHRINK_H

#include <dcache/base.h>

DCACHE_BEGIN_DECLS

struct dcache;

/** struct dcache_limits - 0: no limit. */
struct dcache_limits {
	size_t max_entries;	/**< entries */
	size_t max_negatives;	/**< of these, hashed and negative */
	size_t max_bytes;	/**< memory of the instance, its tables included, without what waits
				 *   for a grace period; at least 1 MiB */
};

/**
 * dcache_set_limits - change the limits of an instance in use.
 * What exceeds them now is freed before the call returns, as far as it is unused.
 * Return: 0; -EINVAL: @limits->max_bytes is too small. Context: may sleep; not in a read section.
 */
DCACHE_API int dcache_set_limits(struct dcache *dc, const struct dcache_limits *limits);

/**
 * shrink_dcache - free up to @nr unused entries, those first that are least likely to be used again.
 *
 * An entry that was used again since it was last considered is spared once.
 * Return: how many were freed, parents that became unused and unhashed on the way not counted.
 * Context: may sleep (inodes' operations run); not in a read section.
 */
DCACHE_API size_t shrink_dcache(struct dcache *dc, size_t nr);

/**
 * dcache_pressure - memory is short: free a share of what is unused.
 * @percent: 1 .. 100. Return: how many were freed; 0 also if @percent is none.
 * Context: as shrink_dcache().
 */
DCACHE_API size_t dcache_pressure(struct dcache *dc, unsigned int percent);

/** struct dcache_psi - when the kernel's pressure stall information is to make the cache shrink. */
struct dcache_psi {
	uint32_t stall_us;	/**< some task of the group waited for memory for so long ... */
	uint32_t window_us;	/**< ... in such a time, 500 000 .. 10 000 000; without privileges, a
				 *   multiple of 2 000 000 */
	uint32_t percent;	/**< the share of what is unused that is then freed, 1 .. 100 */
	const char *path;	/**< the file to watch; NULL: memory.pressure of the process's cgroup if
				 *   there is one, else /proc/pressure/memory. A FIFO: whatever is written
				 *   to it says that memory is short */
};

#define DCACHE_PSI_INIT { 100000, 2000000, 10, NULL }

/**
 * dcache_watch_psi - shrink when memory is short, in a thread of its own, until dcache_unwatch_psi() or
 * the end of the instance.
 * @psi: NULL: the defaults of DCACHE_PSI_INIT.
 * Return: 0; -EALREADY: it is being watched; -EINVAL: a value out of range; -ENOENT, -EOPNOTSUPP: no
 * such file, or a kernel without; -EACCES, -EPERM: not allowed; -ENOMEM; what else open(2), write(2) to
 * the file, eventfd(2) and pthread_create(3) say.
 * Context: may sleep; not in a read section.
 */
DCACHE_API int dcache_watch_psi(struct dcache *dc, const struct dcache_psi *psi);

/** dcache_unwatch_psi - end that; no-op if it is not being watched. Context: sleeps until the thread has
 *  ended; not from an operation, nor in a read section. */
DCACHE_API void dcache_unwatch_psi(struct dcache *dc);

DCACHE_END_DECLS

#endif /* DCACHE_SHRINK_H */
