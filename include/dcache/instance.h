/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * An instance: one cache, what the kernel calls a super block.
 *
 * Instances share nothing: tables, limits, hash key, counters and the thread that works in the
 * background are each one's own. Passing an entry of one instance to a call together
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
	/** Buckets of the entry table to begin with, and not to fall below; rounded up to a power of
	 *  two, 2 .. 2^28. 0: 256. A bucket takes 64 bytes and is for five entries: the table grows when
	 *  there are more, and shrinks, by itself. */
	size_t hash_buckets;
	/** The same for the in-lookup table, at most 2^20, and for the table of iget_locked(). 0: 16. */
	size_t in_lookup_buckets;
	/** Limits, see struct dcache_limits: entries, hashed negatives, bytes. 0: none. */
	size_t max_entries;
	size_t max_negatives;
	size_t max_bytes;
	/** How long positive and negative entries are true unless d_set_ttl() says otherwise, in
	 *  nanoseconds. 0: for ever. */
	uint64_t positive_ttl_ns;
	uint64_t negative_ttl_ns;
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
	uint64_t unused;		/**< of these, on the list of those without a reference, which
					 *   one that is used again leaves when it is come by */
	uint64_t in_lookup;		/**< of these, being asked for now */
	uint64_t inodes;		/**< inodes alive */
	uint64_t pending_puts;		/**< references that dput_deferred() and iput_deferred() left
					 *   to the background */
	uint64_t pending_frees;		/**< objects waiting for a grace period */
	uint64_t pending_bytes;		/**< their memory, of those, when it is known */
	uint64_t bytes;			/**< memory of the instance: tables, and what is pending, too */
	uint64_t over_limit;		/**< entries above a limit because all unused ones are gone */
	uint64_t buckets;		/**< of the entry table */
	uint64_t in_lookup_buckets;	/**< of the in-lookup table */
	uint64_t inserted;		/**< times an entry was hashed, but by a move */
	uint64_t renames;		/**< moves and exchanges */
	uint64_t resizes;		/**< times a table began to grow or shrink */
	uint64_t lookups_started;	/**< times d_alloc_parallel() gave a caller a new entry */
	uint64_t lookups_waited;	/**< times a caller waited for another's lookup */
	uint64_t outcomes_shared;	/**< of these, answered by that lookup: calls saved */
	uint64_t overtaken;		/**< outcomes that came too late to be cached, see
					 *   d_lookup_overtaken() */
	uint64_t evicted;		/**< entries freed to make room, or by shrink_dcache() */
};

/**
 * dcache_create - make an instance.
 * @opts: settings, or NULL for all defaults.
 * @out:  receives the instance; untouched on error.
 *
 * Return: 0; -EINVAL (a setting out of range, or a size this library does not know); -ENOMEM;
 * -EAGAIN or what else pthread_create(3) says: the thread that frees memory could not be started; what
 * getrandom(2) says.
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
 * -EDEADLK: called from an inode's release operation, or from an operation within what
 * d_invalidate_deferred(), dput_deferred() or iput_deferred() left to the background.
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

/** dcache_private - options.private_data of the instance. Context: any. */
DCACHE_API void *dcache_private(const struct dcache *dc);

/** dcache_get_stats - read the counters. Context: any; does not sleep. */
DCACHE_API void dcache_get_stats(const struct dcache *dc, struct dcache_stats *stats);

/** dcache_barrier - wait until all that was put before the call, deferred or not, has been freed, and what
 *  d_invalidate_deferred() was asked for before is done. From an operation within what was left to the
 *  background it does not wait for the rest of that.
 *  Context: sleeps; not in a read section, nor from an inode's release operation. */
DCACHE_API void dcache_barrier(struct dcache *dc);

DCACHE_END_DECLS

#endif /* DCACHE_INSTANCE_H */
