/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A walk that goes on with references, because it has to ask or to sleep.
 *
 * Who may be here: as in walk.c. Each place that the walk came by is referenced until its end, so that
 * its sequence number can be looked at again then, and so that none of it is freed or turns negative
 * meanwhile: who deletes a name in use only unhashes it.
 *
 * Where an answer of the backend is. One that is cached is found by its name, with a sequence number
 * that proves it (R1). What a backend answers and does not let be cached has no such number: it was
 * true when it was asked for.
 *
 *  R2	An entry that never was on its directory's list, or came too late to be hashed, never was
 *	hashed: nobody has taken it from its place. Nothing has changed it since the backend gave
 *	it, or its number tells.
 *  R3	One that bears another name (d_add_ci()), or is unhashed though it was hashed, may be the
 *	backend's answer or may have been moved or dropped since. It is asked for once more: if it is the
 *	answer again, with the number that it had before, it was the answer while it had that number.
 *  R4	One that is another each time, and is dropped each time it is there, comes from a backend that
 *	drops what it answers. After a few times it is taken, as of the time of the last answer. The one
 *	case in which a place is not proved: someone who dropped that name each time, just then.
 *
 * In R2 - R4 all other places are proved for a time that began before the question and ends after the
 * answer, so the moment of the answer is one at which all was in place.
 *
 * An entry that is in another directory than the one it was asked for is never taken: a backend that
 * answers so, always, makes the walk -EAGAIN.
 */
#include <string.h>

#include "walk.h"

/* How often a name is asked for before R4. */
#define WALK_ASKED 3

bool walk_keep(struct walk *w)
{
	bool kept = true;
	size_t i;

	for (i = 0; kept && i < w->nr; i++) {
		struct dentry *dentry = w->places[i].dentry;

		w->got = lockref_tryget(&dentry->d_lockref);
		if (w->got != LOCKREF_GOT)
			break;
		kept = seqcount_unchanged(&dentry->d_seq, w->places[i].seq);
	}
	kept = kept && i == w->nr;
	/* So many are to be put. */
	w->nr = i;
	w->by_reference = true;
	return kept;
}

void walk_reset(struct walk *w)
{
	while (w->by_reference && w->nr)
		dput(w->places[--w->nr].dentry);
	w->nr = 0;
	w->by_reference = false;
	if (w->places != w->first_places)
		dc_free(w->places);
	w->places = w->first_places;
	w->room = WALK_PLACES;
	while (w->blocks) {
		struct link_block *block = w->blocks;

		w->blocks = block->next;
		dc_free(block);
	}
}

int walk_grow(struct walk *w)
{
	struct place *places = dc_alloc(2 * w->room * sizeof(*places), _Alignof(struct place));

	if (!places)
		return -ENOMEM;
	memcpy(places, w->places, w->nr * sizeof(*places));
	if (w->places != w->first_places)
		dc_free(w->places);
	w->places = places;
	w->room *= 2;
	return 0;
}

char *walk_link_room(struct walk *w)
{
	struct link_block *block = dc_alloc(sizeof(*block), _Alignof(struct link_block));

	if (!block)
		return NULL;
	block->next = w->blocks;
	w->blocks = block;
	return block->text;
}

/* Is @dentry found in @dir by @name (R1), as of *@seq? Otherwise *@seq is the number it has. */
static bool found_by_name(const struct dentry *dentry, const struct dentry *dir,
			  const struct qstr *name, uint32_t *seq)
{
	unsigned int attempt = 0;

	for (;;) {
		enum d_match match;

		*seq = read_seqcount(&dentry->d_seq);
		dc_read_lock();
		match = (*seq & 1) ? D_UNSTABLE : d_match(dentry, DCACHE_HASHED, dir, name, seq);
		dc_read_unlock();
		if (match != D_UNSTABLE)
			return match == D_SAME;
		dc_yield(attempt++);
	}
}

/* What is cached, true, and needs no asking; or an error. NULL: nothing. A directory without a lookup
 * operation has no other entries. */
static struct dentry *cached(struct walk *w, const struct qstr *name)
{
	struct dentry *dentry = lookup_exact(w->at.dentry, name);

	if (IS_ERR_OR_NULL(dentry))
		return dentry;
	if (!(d_flags(dentry) & DCACHE_OP_REVALIDATE) && !d_stale_in(dentry, w->inode))
		return dentry;
	dput(dentry);
	return NULL;
}

struct dentry *walk_ask(struct walk *w, const struct qstr *name, uint32_t *seq)
{
	struct dentry *dir = w->at.dentry;
	struct dentry *dentry = cached(w, name);
	struct place before = { NULL, 0 };
	int asked;

	if (IS_ERR(dentry))
		return dentry;
	if (dentry) {
		if (found_by_name(dentry, dir, name, seq))
			return dentry;
		dput(dentry);
		return ERR_PTR(-ECHILD);
	}
	for (asked = 1;; asked++) {
		uint32_t flags;

		dentry = lookup_one_unlocked(dir, name, w->flags & WALK_PROGRAM_FLAGS);
		if (IS_ERR(dentry) || found_by_name(dentry, dir, name, seq))
			break;
		flags = atomic_load_explicit(&dentry->d_flags, memory_order_acquire);
		if (d_parent_of(dentry) != dir) {
			dput(dentry);
			dentry = ERR_PTR(-ECHILD);
			break;
		}
		if (!(flags & (DCACHE_HASHED | DCACHE_LISTED)) || (flags & DCACHE_OVERTAKEN) ||
		    (before.dentry == dentry && before.seq == *seq) || asked == WALK_ASKED)
			break;
		dput(before.dentry);
		before = (struct place){ dentry, *seq };
	}
	dput(before.dentry);
	return dentry;
}
