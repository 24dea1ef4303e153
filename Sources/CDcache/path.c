/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names and paths of entries that may be moved meanwhile.
 *
 * A name is copied under d_seq. A path is built upwards in a read section and is right if no move
 * happened since it was begun; if one did, it is built once more under rename_lock.
 */
#include <string.h>

#include "internal.h"

int d_name_copy(const struct dentry *dentry, char *buf, size_t size)
{
	char name[DCACHE_NAME_MAX];
	unsigned int attempt = 0;
	int len;

	for (;;) {
		dc_read_lock();
		len = name_copy_rcu(dentry, read_seqcount(&dentry->d_seq), name);
		dc_read_unlock();
		if (len >= 0)
			break;
		dc_yield(attempt++);
	}
	if ((size_t)len >= size)
		return -ERANGE;
	memcpy(buf, name, (size_t)len);
	buf[len] = 0;
	return len;
}

/* Build the path at the end of @buf. Return: its length; -ENAMETOOLONG; -EAGAIN: an entry changed. */
static int path_build(const struct dentry *dentry, char *buf, size_t size)
{
	size_t at = size;

	if (is_root(dentry)) {
		if (size < 1)
			return -ENAMETOOLONG;
		buf[--at] = '/';
	}
	while (!is_root(dentry)) {
		char name[DCACHE_NAME_MAX];
		int len = name_copy_rcu(dentry, read_seqcount(&dentry->d_seq), name);

		if (len < 0)
			return -EAGAIN;
		if ((size_t)len + 1 > at)
			return -ENAMETOOLONG;
		at -= (size_t)len;
		memcpy(buf + at, name, (size_t)len);
		buf[--at] = '/';
		dentry = d_parent_of(dentry);
	}
	return (int)(size - at);
}

int dentry_path(const struct dentry *dentry, char *buf, size_t size)
{
	struct dcache *dc = dentry->d_dcache;
	unsigned int attempt = 0;
	bool excluding_moves = false;

	if (!size)
		return -ENAMETOOLONG;
	for (;;) {
		uint32_t rename_seq = read_seqcount(&dc->rename_seq);
		bool exact;
		int len;

		dc_read_lock();
		len = path_build(dentry, buf, size - 1);
		dc_read_unlock();
		exact = excluding_moves || seqcount_unchanged(&dc->rename_seq, rename_seq);
		if (excluding_moves)
			dc_unlock(&dc->rename_lock);
		excluding_moves = false;
		if (exact && len != -EAGAIN) {
			if (len >= 0) {
				memmove(buf, buf + size - 1 - len, (size_t)len);
				buf[len] = 0;
			}
			return len;
		}
		if (exact) {
			dc_yield(attempt++);
		} else {
			dc_lock(&dc->rename_lock);
			excluding_moves = true;
		}
	}
}
