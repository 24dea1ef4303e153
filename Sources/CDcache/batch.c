/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking up many names at once.
 *
 * The lookups themselves are those of lookup.c, one after the other. Before them, for a group of
 * requests at a time, the lines that they will read are asked for: in stages, each of which needs what the
 * one before has asked for, so that a group waits some four times for memory instead of that
 * many times for each name.
 *
 * Nothing depends on what the stages see, but how long the lookups take. They read in a read section:
 *
 *  A1	an array that was found there stays there (table.c, T4), and so does an entry that was found in
 *	a bucket, which is all that is read;
 *  A2	what is only prefetched may be anything: an entry that has left the section's protection behind,
 *	the first bytes of a short name for the address of a long one. A prefetch neither faults nor
 *	reads, as far as the language and other threads are concerned.
 *
 * The exact lookup sleeps for what it cannot have at once, and puts what it has taken in vain. So the
 * section ends before it, and it has its own.
 */
#include "internal.h"

struct ahead {
	const struct bucket *bucket; /* NULL: the request is answered, by an error */
	uint64_t hash;
	const struct dentry *dentry; /* the first that may be it, or NULL */
};

static void prefetch_bucket(struct d_lookup_request *request, struct ahead *ahead)
{
	struct qstr name;

	request->dentry = ERR_PTR(name_prepare(request->parent, &request->name, &name));
	ahead->bucket = NULL;
	if (request->dentry)
		return;
	request->name = name;
	ahead->hash = table_hash(request->parent, &name);
	ahead->bucket = table_bucket(table_current(&dcache_of(request->parent)->entries),
				     ahead->hash);
	dc_prefetch(ahead->bucket);
}

static void prefetch_entry(struct ahead *ahead, bool second_line)
{
	struct bucket_search search;
	struct hlist_bl_node *node;

	ahead->dentry = NULL;
	if (!ahead->bucket)
		return;
	node = bucket_first(&search, ahead->bucket, ahead->hash);
	if (!node)
		return;
	ahead->dentry = container_of(node, struct dentry, d_hash);
	dc_prefetch(ahead->dentry);
	if (second_line)
		dc_prefetch((const char *)ahead->dentry + 64);
}

static void prefetch_long_name(const struct d_lookup_request *request, const struct ahead *ahead)
{
	uint64_t word;

	if (!ahead->dentry || request->name.len <= DNAME_INLINE_LEN)
		return;
	word = atomic_load_explicit(&ahead->dentry->d_iname[0], memory_order_relaxed);
	/* Or the bytes of a short one: no address to compute a member's of. */
	dc_prefetch((const char *)(uintptr_t)word + offsetof(struct external_name, name));
}

void look_ahead(struct d_lookup_request *requests, size_t n, bool referenced)
{
	struct ahead ahead[BATCH_GROUP];
	size_t i;

	for (i = 0; i < n; i++) {
		dc_prefetch(requests[i].name.name);
	}
	for (i = 0; i < n; i++)
		prefetch_bucket(&requests[i], &ahead[i]);
	for (i = 0; i < n; i++)
		prefetch_entry(&ahead[i], referenced || requests[i].name.len > DNAME_FIRST_LINE);
	for (i = 0; i < n; i++)
		prefetch_long_name(&requests[i], &ahead[i]);
}

size_t d_lookup_batch(struct d_lookup_request *requests, size_t n)
{
	size_t found = 0, group, i;

	for (; n; n -= group, requests += group) {
		group = batch_group(n);
		dc_read_lock();
		look_ahead(requests, group, true);
		dc_read_unlock();
		for (i = 0; i < group; i++) {
			struct d_lookup_request *request = &requests[i];

			if (!request->dentry)
				request->dentry = lookup_exact(request->parent, &request->name);
			found += !IS_ERR_OR_NULL(request->dentry);
		}
	}
	return found;
}

size_t d_lookup_batch_rcu(struct d_lookup_request *requests, size_t n)
{
	size_t found = 0, group, i;

	for (; n; n -= group, requests += group) {
		group = batch_group(n);
		look_ahead(requests, group, false);
		for (i = 0; i < group; i++) {
			struct d_lookup_request *request = &requests[i];

			if (!request->dentry)
				request->dentry = lookup_rcu(request->parent, &request->name,
							     &request->seq);
			found += !IS_ERR_OR_NULL(request->dentry);
		}
	}
	return found;
}
