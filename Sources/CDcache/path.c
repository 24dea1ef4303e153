/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names and paths of entries that may be moved meanwhile, and who is above whom.
 *
 * Who may be here: anybody who has a reference on the entry; at the same time one mover, and whoever
 * drops, fills and frees entries. Those above the entry are kept by it, or, when it is moved away
 * from them, by the read section in which they are looked at.
 *
 * A name is copied under d_seq. A path is built upwards in a read section and is right if no move
 * happened since it was begun; if one did, it is built once more under rename_lock. Whether an entry
 * is deleted is read together with its name: a move leaves it marked as hashed (move.c, M1).
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

void still_begin(struct still *still)
{
	still->rename_seq = read_seqcount(&still->dc->rename_seq);
	dc_read_lock();
}

bool still_end(struct still *still)
{
	dc_read_unlock();
	if (still->excluding_moves) {
		dc_unlock(&still->dc->rename_lock);
		still->excluding_moves = false;
		return true;
	}
	if (seqcount_unchanged(&still->dc->rename_seq, still->rename_seq))
		return true;
	dc_lock(&still->dc->rename_lock);
	still->excluding_moves = true;
	return false;
}

/* ---- paths ---- */

/* Grows downwards from the end of @buf; what does not fit is counted only. */
struct path {
	char *buf;
	size_t size, len;
};

static void prepend(struct path *path, const char *bytes, size_t len)
{
	path->len += len;
	if (path->len <= path->size)
		memcpy(path->buf + path->size - path->len, bytes, len);
}

/* Return: 0; -EXDEV; -EAGAIN: an entry changed. In a read section. */
static int path_build(struct path *path, const struct dentry *leaf, const struct dentry *root,
		      bool mark)
{
	static const char deleted[] = " (deleted)";
	const struct dentry *dentry = leaf;

	path->len = 0;
	for (;;) {
		uint32_t seq = read_seqcount(&dentry->d_seq);
		const struct dentry *parent = d_parent_of(dentry);
		char name[DCACHE_NAME_MAX];
		int len;

		if (dentry == leaf && mark && parent != dentry && d_unhashed(dentry))
			prepend(path, deleted, sizeof(deleted) - 1);
		if (dentry == root || parent == dentry)
			break;
		len = name_copy_rcu(dentry, seq, name);
		if (len < 0)
			return -EAGAIN;
		prepend(path, name, (size_t)len);
		prepend(path, "/", 1);
		dentry = parent;
	}
	if (root && dentry != root)
		return -EXDEV;
	if (dentry == leaf)
		prepend(path, "/", 1);
	return 0;
}

static int path_of(const struct dentry *dentry, const struct dentry *root, bool mark, char *buf,
		   size_t size)
{
	struct still still = STILL_INIT(dentry->d_dcache);
	struct path path = { buf, size ? size - 1 : 0, 0 };
	unsigned int attempt = 0;
	bool exact;
	int err;

	for (;;) {
		still_begin(&still);
		err = path_build(&path, dentry, root, mark);
		exact = still_end(&still);
		if (exact && err != -EAGAIN)
			break;
		if (exact)
			dc_yield(attempt++);
	}
	if (err)
		return err;
	if (path.len >= size)
		return -ENAMETOOLONG;
	memmove(buf, buf + path.size - path.len, path.len);
	buf[path.len] = 0;
	return (int)path.len;
}

int dentry_path(const struct dentry *dentry, char *buf, size_t size)
{
	return path_of(dentry, NULL, false, buf, size);
}

int d_path(const struct dentry *dentry, const struct dentry *root, char *buf, size_t size)
{
	return path_of(dentry, root, true, buf, size);
}

/* ---- who is above whom ---- */

struct dentry *d_ancestor(const struct dentry *above, const struct dentry *below)
{
	struct still still = STILL_INIT(below->d_dcache);
	const struct dentry *at, *parent;

	do {
		still_begin(&still);
		for (at = below; (parent = d_parent_of(at)) != above; at = parent) {
			if (parent == at)
				break;
		}
		/* A root is its own parent, and not below itself. */
		if (parent == at)
			at = NULL;
	} while (!still_end(&still));
	return (struct dentry *)at;
}

bool is_subdir(const struct dentry *dentry, const struct dentry *dir)
{
	return dentry == dir || d_ancestor(dir, dentry);
}
