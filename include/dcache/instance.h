/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * An instance: one cache, what the kernel calls a super block.
 *
 * Instances share nothing: tables, limits, hash key, counters and the thread that frees memory
 * after a grace period are each one's own. Passing an entry of one instance to a call together
 * with an inode or entry of another is refused with -EXDEV where two meet.
 */
#ifndef DCACHE_INSTANCE_H
#define DCACHE_INSTANCE_H

#include <dcache/base.h>

DCACHE_BEGIN_DECLS

struct dentry_operations;

/**
 * struct dcache_options - settings of a new instance.
 *
 * Initialise with DCACHE_OPTIONS_INIT, then set what is to differ: a program built against this
 * header works with a later library that knows more settings.
 */
struct dcache_options {
	/** sizeof(struct dcache_options) of the program. */
	size_t size;
	/** Buckets of the entry table, rounded up to a power of two, 2 .. 2^30. 0: 65536.
	 *  About one bucket for an entry is best; a bucket takes 8 bytes. */
	size_t hash_buckets;
	/** Buckets of the in-lookup table, as above, at most 2^20. 0: 1024. About one for a lookup
	 *  that is under way at the same time. */
	size_t in_lookup_buckets;
	/** Entries to keep. Above it, each new entry frees a few unused ones, least recently used
	 *  first; entries in use are never freed, so their number may exceed it. 0: no limit. */
	size_t max_entries;
	/** Seed of the hash of names. 0: taken from the kernel's random numbers, which is what
	 *  keeps chosen names from colliding. Anything else: for tests that must repeat. */
	uint64_t seed;
	/** Operations of entries that no d_set_d_op() was called for. NULL: none. */
	const struct dentry_operations *d_op;
	/** The program's own, see dcache_private(). */
	void *private_data;
};

#define DCACHE_OPTIONS_INIT { .size = sizeof(struct dcache_options) }

/**
 * struct dcache_stats - counters, read one after the other while others change them; exact when
 * nobody does.
 */
struct dcache_stats {
	uint64_t entries;		/**< entries alive */
	uint64_t negatives;		/**< of these, hashed and without an inode */
	uint64_t unused;		/**< of these, on the list of those without a reference */
	uint64_t in_lookup;		/**< of these, being asked for now */
	uint64_t inodes;		/**< inodes alive */
	uint64_t pending_frees;		/**< objects waiting for a grace period */
	uint64_t bytes;			/**< memory of the instance, its tables included */
	uint64_t lookups_started;	/**< times d_alloc_parallel() gave a caller a new entry */
	uint64_t lookups_waited;	/**< times a caller waited for another's lookup */
	uint64_t outcomes_shared;	/**< of these, answered by that lookup: calls saved */
	uint64_t evicted;		/**< entries freed to make room, or by shrink_dcache() */
};

/**
 * dcache_create - make an instance.
 * @opts: settings, or NULL for all defaults.
 * @out:  receives the instance; untouched on error.
 *
 * Return: 0; -EINVAL (a setting out of range, or a size this library does not know); -ENOMEM;
 * -EAGAIN or what else pthread_create(3) says: the thread that frees memory could not be started.
 * Context: may sleep.
 */
DCACHE_API int dcache_create(const struct dcache_options *opts, struct dcache **out);

/**
 * dcache_destroy - free an instance and all that it holds.
 *
 * Every reference to an entry or inode that a call gave out must have been given back.
 * Unreferenced entries are freed, their inodes released, and all that waited for a grace period is
 * gone when the call returns.
 *
 * Return: 0; -EBUSY: an entry or inode is still referenced, the instance stays usable;
 * -EDEADLK: called from an inode's release operation.
 * Context: may sleep; not in a read section. Nobody else may use the instance meanwhile.
 */
DCACHE_API int dcache_destroy(struct dcache *dc);

/**
 * dcache_release - let go of an instance that may still be referenced.
 *
 * From now on an entry is freed with its last reference instead of being kept; when none is left,
 * the instance frees itself in the background. Until then calls on referenced entries work as
 * ever. The caller must not name @dc itself again.
 * Context: may sleep; not in a read section.
 */
DCACHE_API void dcache_release(struct dcache *dc);

/** dcache_private - options.private_data of the instance. */
DCACHE_API void *dcache_private(const struct dcache *dc);

/** dcache_get_stats - read the counters. Context: any; does not sleep. */
DCACHE_API void dcache_get_stats(const struct dcache *dc, struct dcache_stats *stats);

/**
 * shrink_dcache - free up to @nr unused entries, the least recently used first.
 *
 * An entry that was used again since it was last considered is spared once.
 * Return: how many were freed, parents that became unused and unhashed on the way not counted.
 * Context: may sleep (inodes' operations run); not in a read section.
 */
DCACHE_API size_t shrink_dcache(struct dcache *dc, size_t nr);

/** dcache_barrier - wait until all that was put before the call has been freed.
 *  Context: sleeps; not in a read section, nor from an inode's release operation. */
DCACHE_API void dcache_barrier(struct dcache *dc);

DCACHE_END_DECLS

#endif /* DCACHE_INSTANCE_H */
