/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * Entries (dentries): what is known of a name in a directory.
 *
 * An entry is positive (it has an inode), or negative (the name is known not to exist). It is
 * counted; a hashed one outlives its last reference and is kept until room is needed. Every entry
 * holds a reference on its parent.
 *
 * References: unless a call says otherwise, an entry it returns is referenced for the caller, who
 * gives it back with dput(); an entry passed in must be referenced by the caller and stays so.
 * An inode passed to d_add(), d_instantiate(), d_splice_alias(), d_add_ci(), d_make_root(),
 * d_obtain_alias() and dir_listing_add() is consumed: its reference is the library's, also when the call
 * fails.
 */
#ifndef DCACHE_DENTRY_H
#define DCACHE_DENTRY_H

#include <dcache/base.h>
#include <dcache/inode.h>
#include <dcache/qstr.h>

DCACHE_BEGIN_DECLS

/**
 * struct dentry_operations - how a directory treats names, and what happens to entries.
 *
 * Set for the whole instance in dcache_options, or for an entry with d_set_d_op(). @d_hash and
 * @d_compare are taken from the directory, the others from the entry itself. All optional.
 * The structure must outlive the instance.
 */
struct dentry_operations {
	/**
	 * Set @name->hash, equal for all names that @d_compare calls equal; build it with
	 * full_name_hash(). Return 0 or a negative errno value, which the lookup returns.
	 * May be called in a read section: must not sleep, and call nothing of the library but
	 * full_name_hash() and accessors.
	 */
	int (*d_hash)(const struct dentry *dir, struct qstr *name);

	/**
	 * Compare the @len bytes @str, an entry's name in @dir, with @name. Return 0 if equal.
	 * @str never changes during the call. May be called in a read section, as @d_hash, and
	 * with the entry's lock held; never under a bucket's lock.
	 */
	int (*d_compare)(const struct dentry *dir, unsigned int len, const char *str,
			 const struct qstr *name);

	/**
	 * Is a hashed entry that lookup_one_unlocked() or lookup_slow() found still true? Return
	 * positive: yes; 0: no, it is dropped and asked for again; negative errno: that error is
	 * returned and the entry stays. May sleep. The directory may be locked shared, by
	 * lookup_slow(), so it must not lock it.
	 */
	int (*d_revalidate)(struct dentry *dentry, unsigned int flags);

	/** The last reference goes: return nonzero to free the entry instead of keeping it.
	 *  Called with the entry's lock held: must not sleep nor call anything but accessors. */
	int (*d_delete)(const struct dentry *dentry);

	/** The entry is about to be freed; nobody can reach it but readers in a section. Free what
	 *  d_fsdata() points to if readers do not follow it. No lock held; may sleep. */
	void (*d_release)(struct dentry *dentry);
};

/**
 * full_name_hash - the instance's keyed hash of any bytes, for d_hash operations.
 * @dir: any entry of the instance.
 * Return: a hash, never 0. Context: any.
 */
DCACHE_API uint32_t full_name_hash(const struct dentry *dir, const void *bytes, size_t len);

/**
 * d_make_root - make the root entry of a tree.
 * @inode: its directory, consumed; NULL: -ENOMEM, an error pointer: that error, so that
 *	   d_make_root(new_inode(...)) needs no check between.
 *
 * The root is never hashed and has itself as its parent. An instance may have several.
 * Return: the entry, or ERR_PTR: -ENOMEM, -ENOTDIR, -EEXIST (the directory has an entry already),
 * -EINVAL (it is new, inode_is_new()).
 * Context: may sleep (making room frees others); not in a read section.
 */
DCACHE_API struct dentry *d_make_root(struct inode *inode);

/**
 * d_alloc - make an entry that is not yet reachable.
 * @parent: its directory.
 * @name:   its name, copied.
 *
 * The entry is negative, unhashed, has one reference and pins @parent.
 * Return: the entry, or ERR_PTR: -ENOMEM, -EINVAL, -ENAMETOOLONG, -ENOENT (negative parent),
 * -ENOTDIR, -EOVERFLOW (@parent has 2^30 references), or what d_hash says.
 * Context: may sleep (making room frees others); not in a read section.
 */
DCACHE_API struct dentry *d_alloc(struct dentry *parent, const struct qstr *name);

/**
 * d_set_d_op - give an entry operations of its own, instead of the instance's.
 * @op: NULL: none. Not copied: must outlive the instance.
 *
 * Only before lookups can find the entry: in the lookup operation, say, or after d_alloc(); a root, before
 * it has children.
 * Context: does not sleep for long; not in a read section.
 */
DCACHE_API void d_set_d_op(struct dentry *dentry, const struct dentry_operations *op);

/**
 * d_add - publish an entry.
 * @dentry: unhashed and negative, in-lookup or not; of the caller's.
 * @inode:  consumed. NULL makes the entry a hashed negative; an error pointer is returned.
 *
 * If @dentry is in-lookup this ends the lookup: waiters get @dentry. Nobody looking for the name
 * finds it neither hashed nor in-lookup meanwhile. An answer that was overtaken (d_lookup_overtaken()) is
 * not hashed: @dentry is what was answered, unhashed for good, and who asked in time gets it so. One that is
 * not in-lookup overtakes the lookup of its name that is under way, as what makes a name known to be there
 * or gone does: d_add(), d_rehash(), d_instantiate(), d_delete(), d_move() and d_exchange().
 *
 * Return: 0; -EEXIST: @dentry is already hashed, its name is already hashed in that directory, or
 * @inode is a directory that has an entry already (see d_splice_alias()); -EINVAL: @dentry is a
 * root, already positive, or its lookup ended with an outcome, or @inode is new (inode_is_new());
 * -EXDEV: @inode is another instance's. After an error an in-lookup entry still is, and still the caller's.
 * Context: does not sleep for long, but for a negative in an instance that limits these (making room frees
 * others, as in d_alloc()), and after an error (the inode's evict may run); not in a read section.
 */
DCACHE_API int d_add(struct dentry *dentry, struct inode *inode);

/**
 * d_instantiate - make a negative entry positive where it is, hashed or not.
 *
 * Return: 0; -EINVAL: positive already, or @inode is NULL or new (inode_is_new()); -EBUSY: in-lookup;
 * -EEXIST: @inode is a directory that has an entry already; -EXDEV.
 * Context: as d_add().
 */
DCACHE_API int d_instantiate(struct dentry *dentry, struct inode *inode);

/** d_drop - make an entry unreachable for lookups from now on. Holders keep it. No-op if it is
 *  unhashed. Context: does not sleep for long; not in a read section. */
DCACHE_API void d_drop(struct dentry *dentry);

/**
 * d_rehash - make an entry reachable again after d_drop(), under its name.
 * Return: 0; -EEXIST: hashed already, or its name is; -EINVAL: a root, or the outcome of a lookup;
 * -EBUSY: in-lookup.
 * Context: as d_add().
 */
DCACHE_API int d_rehash(struct dentry *dentry);

/**
 * d_delete - the name was removed.
 *
 * If the caller's is the only reference the entry becomes negative and lets go of its inode, and
 * stays hashed if it was; otherwise it is only unhashed, and the other holders keep a positive entry. A
 * lookup of the name that is under way is overtaken. If @dentry was unhashed already another entry may bear
 * the name by now, which is not touched: where nobody keeps lookups out, d_invalidate_name().
 * Context: may sleep (the inode's evict may run); not in a read section.
 */
DCACHE_API void d_delete(struct dentry *dentry);

/** dget - take another reference. @dentry is referenced, or NULL. Return: @dentry. It cannot fail: an
 *  entry with three quarters of 2^31 references is not counted any more and lives for ever.
 *  Context: does not sleep for long (waits for the holder of the entry's lock); also in a read section, if
 *  the entry is referenced. */
DCACHE_API struct dentry *dget(struct dentry *dentry);

/**
 * dput - give a reference back; NULL and error pointers are ignored.
 *
 * The last one keeps a hashed entry for later and frees an unhashed one, then gives back the
 * parent's, and so on upwards without recursion. The last reference to an in-lookup entry, those
 * of parked waiters aside, must not go: a checked build stops; others end the lookup, so that a
 * waiter becomes the owner.
 * Context: may sleep if it is the last; not in a read section.
 */
DCACHE_API void dput(struct dentry *dentry);

/**
 * dput_deferred - give a reference back, and leave what that may take to the background; NULL and error
 * pointers are ignored.
 *
 * For whoever holds a lock that the program's operations take, or must not wait for them. In the caller's
 * context no operation of the program is called, nothing is freed and nothing allocated; so it cannot fail.
 * If nothing more than counting is to be done, it is done. Otherwise, if it is the last reference of an
 * entry that is not to be kept, or whose d_delete operation says whether it is, the reference stays, and
 * the entry with it, in use as far as others see it, until the instance's thread gives it back soon, as
 * dput() does, parents included. Until then it counts in dcache_stats.pending_puts.
 *
 * dcache_barrier() waits for what was deferred before, and dcache_destroy() for all; both take part in it.
 * So does, in an instance with limits, a call that makes an entry and would exceed one. Otherwise nothing
 * bounds how many wait, but that each is an entry that was there before. If a process has no such thread
 * left, after fork(), it has no cache either (dcache.h).
 *
 * An in-lookup entry is ended first, as for dput(); where that was forgotten, and the build is not checked,
 * this ends it as d_lookup_done() does, in the caller's context.
 * Context: with any locks of the program's held that d_compare and d_delete operations do not take, from any
 * operation that may call the library; does not sleep for long: it waits for locks of the library under
 * which nothing of the program's is called but these two; not in a read section.
 */
DCACHE_API void dput_deferred(struct dentry *dentry);

/** dget_parent - the parent, referenced, right also while the entry is being moved. A root's is
 *  itself. Context: does not sleep for long, but where the entry is moved away in that moment, and
 *  everybody else lets go of its old parent: then as dput(); not in a read section. */
DCACHE_API struct dentry *dget_parent(struct dentry *dentry);

/** d_inode - the entry's inode, or NULL; valid while the entry is referenced and not deleted, or
 *  in a read section. Context: any. */
DCACHE_API struct inode *d_inode(const struct dentry *dentry);
/** d_is_negative - has the entry no inode? Context: any. */
DCACHE_API bool d_is_negative(const struct dentry *dentry);
/** d_is_positive - has the entry an inode? Context: any. */
DCACHE_API bool d_is_positive(const struct dentry *dentry);
/** d_is_dir - has the entry an inode that is a directory? Context: any. */
DCACHE_API bool d_is_dir(const struct dentry *dentry);
/** d_unhashed - can lookups not find the entry? Roots are always unhashed. Context: any. */
DCACHE_API bool d_unhashed(const struct dentry *dentry);
/** IS_ROOT - is the entry its own parent: the root of a tree, or disconnected? Context: any. */
DCACHE_API bool IS_ROOT(const struct dentry *dentry);
/** d_count - references just now, the caller's and waiters' too; negative once the entry is dead. For
 *  tests and diagnostics. Context: any. */
DCACHE_API int d_count(const struct dentry *dentry);
/** d_dcache - the instance; no reference is taken on it. Context: any. */
DCACHE_API struct dcache *d_dcache(const struct dentry *dentry);
/** d_fsdata, d_set_fsdata - one pointer of the program's, to whom what it points to belongs
 *  (dentry_operations.d_release); NULL in a new entry. Readers in a section may load it at any time.
 *  Context: any. */
DCACHE_API void *d_fsdata(const struct dentry *dentry);
DCACHE_API void d_set_fsdata(struct dentry *dentry, void *fsdata);

/**
 * d_parent - the parent, unreferenced: stays valid while the entry is referenced and cannot be
 * moved (in-lookup, or its directory is locked), or in a read section. See dget_parent(). A root's is
 * itself.
 * Context: any.
 */
DCACHE_API struct dentry *d_parent(const struct dentry *dentry);

/**
 * d_name - the entry's name where it lies, not NUL-terminated.
 *
 * Valid while the entry is referenced and cannot be moved: while it is in-lookup, as in the
 * lookup operation, or while its directory is locked. Everywhere else: d_name_copy().
 * Context: any.
 */
DCACHE_API struct qstr d_name(const struct dentry *dentry);

/**
 * d_name_copy - copy the entry's name, right also while it is being moved.
 * @buf: receives the bytes and a NUL; DCACHE_NAME_MAX + 1 always suffices.
 * @size: bytes of @buf.
 * Return: the length, or -ERANGE if it does not fit; nothing is written then.
 * Context: any; waits, briefly, for whoever is moving the entry.
 */
DCACHE_API int d_name_copy(const struct dentry *dentry, char *buf, size_t size);

/**
 * dentry_path - the path from the root of the entry's tree, as of one moment.
 * @buf: receives the path, beginning with '/', and a NUL.
 * Return: its length, or -ENAMETOOLONG if it does not fit into @size bytes.
 * Context: does not sleep for long; not in a read section.
 */
DCACHE_API int dentry_path(const struct dentry *dentry, char *buf, size_t size);

/**
 * d_lookup - find a hashed entry, positive or negative.
 * @parent: a referenced directory.
 *
 * Exact: an entry that was hashed under that name throughout the call is found. An unhashed or
 * in-lookup entry is not.
 * Return: the entry, or NULL, also where the name or the parent is no good, or the entry has 2^30
 * references: calls that return errors say -EOVERFLOW then.
 * Context: does not sleep for long, but where what it has found is dropped or moved in that moment, and
 * everybody else lets go of it: then as dput(); not in a read section.
 */
DCACHE_API struct dentry *d_lookup(struct dentry *parent, const struct qstr *name);

/**
 * d_hash_and_lookup - compute the name's hash, leave it in @name, then d_lookup().
 * Return: the entry; NULL: not cached; ERR_PTR of what d_hash_name() says, or -EOVERFLOW.
 * Context: as d_lookup().
 */
DCACHE_API struct dentry *d_hash_and_lookup(struct dentry *parent, struct qstr *name);

/**
 * d_lookup_rcu - find a hashed entry without storing to anything others see.
 * @seq: receives the entry's sequence number.
 *
 * What the caller then reads of the entry, its inode too, is true together if d_seq_retry() says
 * so afterwards. May miss an entry that is being moved: a miss means "ask d_lookup()".
 * Return: the entry, not referenced, valid to the end of the read section; or NULL.
 * Context: in a read section.
 */
DCACHE_API struct dentry *d_lookup_rcu(const struct dentry *parent, const struct qstr *name,
				       uint32_t *seq);

/** d_seq_retry - did @dentry change (move, drop, turn negative or positive) since @seq was read?
 *  Context: in the read section in which it was found. */
DCACHE_API bool d_seq_retry(const struct dentry *dentry, uint32_t seq);

/**
 * dget_rcu - keep an entry found by d_lookup_rcu() beyond the read section.
 * Return: true: it is now referenced, and had not changed since @seq when it was.
 * Context: in the read section; waits, briefly, for the holder of the entry's lock.
 */
DCACHE_API bool dget_rcu(struct dentry *dentry, uint32_t seq);

/** d_lock, d_unlock - an entry's own lock, for d_wait_lookup(). Innermost: nothing of the library
 *  but d_wait_lookup() and accessors may be called under it, nor another entry's be taken.
 *  Context: d_lock() does not sleep for long; not in a read section. d_unlock(): any. */
DCACHE_API void d_lock(struct dentry *dentry);
DCACHE_API void d_unlock(struct dentry *dentry);

DCACHE_END_DECLS

#endif /* DCACHE_DENTRY_H */
