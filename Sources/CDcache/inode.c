/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inodes, and the directory sequence.
 *
 * An inode lives while it is counted. The last iput() runs evict at once; release and the memory
 * follow after a grace period, since readers may have loaded the pointer from an entry, or from the
 * table of inodes (icache.c), which one that is in it leaves between evict and that grace period.
 *
 * The directory sequence i_dir_seq lets a lookup that missed the entry table know, when it has
 * missed the in-lookup table too, whether an entry went from the latter to the former in between.
 * Whoever ends a lookup by adding makes it odd, moves the entry, and makes it even again: one at a
 * time in a directory. Whoever finds it odd before its search waits; a sleeper says so in bit 1,
 * which is set only while bit 0 is, and cleared with it. Whoever hashes an entry otherwise only announces
 * it: the sequence grows, and nobody waits. An announcement that comes while it is odd may be lost in what
 * the end of that stores; but then no even value of before comes again.
 */
#include "internal.h"

#define DIR_SEQ_ODD 1u
#define DIR_SEQ_SLEEPERS 2u
#define DIR_SEQ_ONE 4u

bool inode_type_is_known(enum inode_type type)
{
	return type >= INODE_DIRECTORY && type <= INODE_SPECIAL;
}

struct inode *inode_alloc(struct dcache *dc, uint64_t ino)
{
	struct inode *inode = object_alloc(&dc->inode_slabs);

	if (!inode)
		return NULL;
	atomic_init(&inode->i_count, 1);
	atomic_init(&inode->i_dir_seq, 0);
	dc_lock_init(&inode->i_lock);
	inode->i_type = 0;
	inode->i_dentry.first = NULL;
	inode->i_dcache = dc;
	inode->i_op = NULL;
	inode->i_private = NULL;
	inode->i_ino = ino;
	atomic_init(&inode->i_hash.next, 0);
	atomic_init(&inode->i_state, 0);
	atomic_init(&inode->i_evictor, 0);
	atomic_init(&inode->i_generation, 0);
	atomic_init(&inode->i_complete_expires, 0);
	atomic_init(&inode->i_doubts, 0);
	atomic_init(&inode->i_complete, 0);
	rwsem_init(&inode->i_rwsem);
	count_add(dc, COUNT_INODES_MADE, 1);
	dcache_account(dc, sizeof(*inode));
	return inode;
}

void inode_discard(struct inode *inode)
{
	struct dcache *dc = inode->i_dcache;

	dcache_account(dc, -(int64_t)sizeof(*inode));
	object_free(&dc->inode_slabs, inode);
	count_add(dc, COUNT_INODES_FREED, 1);
}

struct inode *new_inode(struct dcache *dc, uint64_t ino, enum inode_type type,
			const struct inode_operations *ops, void *private_data)
{
	struct inode *inode;

	if (!inode_type_is_known(type))
		return ERR_PTR(-EINVAL);
	inode = inode_alloc(dc, ino);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_type = (uint8_t)type;
	inode->i_op = ops;
	inode->i_private = private_data;
	return inode;
}

void ihold(struct inode *inode)
{
	uint32_t before = atomic_fetch_add_explicit(&inode->i_count, 1, memory_order_relaxed);

	DC_RULE("ihold: the inode is referenced", before > 0);
	(void)before;
}

struct inode *igrab(struct inode *inode)
{
	uint32_t count = atomic_load_explicit(&inode->i_count, memory_order_relaxed);

	while (count) {
		if (atomic_compare_exchange_strong_explicit(&inode->i_count, &count, count + 1,
							    memory_order_acquire,
							    memory_order_relaxed))
			return inode;
	}
	return NULL;
}

static void inode_free(struct reclaim_head *head)
{
	struct inode *inode = container_of(head, struct inode, i_rcu);
	struct dcache *dc = inode->i_dcache;

	if (inode->i_op && inode->i_op->release) {
		int cancel = dc_cancel_off();

		inode->i_op->release(inode);
		dc_cancel_back(cancel);
	}
	account_waited(dc, sizeof(*inode));
	object_free(&dc->inode_slabs, inode);
}

bool iput_unless_last(struct inode *inode)
{
	uint32_t count = atomic_load_explicit(&inode->i_count, memory_order_relaxed);

	DC_RULE("iput: the inode is referenced", count > 0);
	while (count > 1) {
		if (atomic_compare_exchange_strong_explicit(&inode->i_count, &count, count - 1,
							    memory_order_release,
							    memory_order_relaxed))
			return true;
	}
	return false;
}

void iput(struct inode *inode)
{
	struct dcache *dc;
	uint32_t before;

	if (IS_ERR_OR_NULL(inode))
		return;
	before = atomic_fetch_sub_explicit(&inode->i_count, 1, memory_order_acq_rel);
	DC_RULE("iput: the inode is referenced", before > 0);
	if (before != 1)
		return;
	icache_evict_begin(inode);
	if (inode->i_op && inode->i_op->evict) {
		int cancel = dc_cancel_off();

		inode->i_op->evict(inode);
		dc_cancel_back(cancel);
	}
	icache_evict_end(inode);
	dc = inode->i_dcache;
	account_waits(dc, sizeof(*inode));
	dc_call_rcu(&dc->reclaim, &inode->i_rcu, inode_free);
	/* The last touch: an instance let go of may be freed when nothing is alive. */
	count_add(dc, COUNT_INODES_FREED, 1);
}

void *inode_private(const struct inode *inode)
{
	return inode->i_private;
}

uint64_t inode_number(const struct inode *inode)
{
	return inode->i_ino;
}

enum inode_type inode_get_type(const struct inode *inode)
{
	return (enum inode_type)inode->i_type;
}

struct dcache *inode_dcache(const struct inode *inode)
{
	return inode->i_dcache;
}

void inode_lock(struct inode *dir)
{
	down_write(&dir->i_rwsem);
}

void inode_unlock(struct inode *dir)
{
	up_write(&dir->i_rwsem);
}

void inode_lock_shared(struct inode *dir)
{
	down_read(&dir->i_rwsem);
}

void inode_unlock_shared(struct inode *dir)
{
	up_read(&dir->i_rwsem);
}

bool inode_trylock(struct inode *dir)
{
	return down_write_trylock(&dir->i_rwsem);
}

bool inode_trylock_shared(struct inode *dir)
{
	return down_read_trylock(&dir->i_rwsem);
}

uint32_t dir_seq_read(const struct inode *dir)
{
	return atomic_load_explicit(&dir->i_dir_seq, memory_order_seq_cst);
}

bool dir_seq_is_odd(uint32_t seq)
{
	return seq & DIR_SEQ_ODD;
}

void dir_seq_wait(struct inode *dir)
{
	uint32_t seq;
	int spins = 0;

	while (dir_seq_is_odd(seq = dir_seq_read(dir))) {
		if (spins++ < DC_SPIN_LIMIT) {
			dc_spin_hint();
		} else if ((seq & DIR_SEQ_SLEEPERS) ||
			   atomic_compare_exchange_strong_explicit(
				   &dir->i_dir_seq, &seq, seq | DIR_SEQ_SLEEPERS,
				   memory_order_relaxed, memory_order_relaxed)) {
			dc_futex_wait(&dir->i_dir_seq, seq | DIR_SEQ_SLEEPERS, DC_NO_DEADLINE);
		}
	}
}

void dir_seq_begin(struct inode *dir)
{
	uint32_t seq = atomic_load_explicit(&dir->i_dir_seq, memory_order_relaxed);

	for (;;) {
		if (dir_seq_is_odd(seq)) {
			dir_seq_wait(dir);
			seq = atomic_load_explicit(&dir->i_dir_seq, memory_order_relaxed);
		} else if (atomic_compare_exchange_strong_explicit(
				   &dir->i_dir_seq, &seq, seq | DIR_SEQ_ODD, memory_order_acquire,
				   memory_order_relaxed)) {
			return;
		}
	}
}

void dir_seq_end(struct inode *dir)
{
	uint32_t seq = atomic_load_explicit(&dir->i_dir_seq, memory_order_relaxed);

	seq = atomic_exchange_explicit(&dir->i_dir_seq,
				       (seq & ~(DIR_SEQ_ODD | DIR_SEQ_SLEEPERS)) + DIR_SEQ_ONE,
				       memory_order_release);
	if (seq & DIR_SEQ_SLEEPERS)
		dc_futex_wake(&dir->i_dir_seq, INT32_MAX);
}

void dir_seq_announce(struct inode *dir)
{
	atomic_fetch_add_explicit(&dir->i_dir_seq, DIR_SEQ_ONE, memory_order_seq_cst);
}
