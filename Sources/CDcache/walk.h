/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A walk along a path: what its two parts, without references and with them, have in common. */
#ifndef DCACHE_WALK_H
#define DCACHE_WALK_H

#include "internal.h"

#pragma GCC visibility push(hidden)

/* What a walk without references has room for: places, and bytes of links. */
#define WALK_PLACES 128
#define WALK_TEXT 1024

/* The flags that are the program's. */
#define WALK_PROGRAM_FLAGS 0x0000ffffu

/* An entry that the walk came by, and the sequence number with which it was where the path led. */
struct place {
	struct dentry *dentry;
	uint32_t seq;
};

/* What is left of a path or of a link's body. */
struct walk_text {
	const char *at, *end;
};

struct link_block {
	struct link_block *next;
	char text[DCACHE_PATH_MAX];
};

struct walk {
	struct dentry *root, *base;
	struct dentry *top; /* where ".." goes no further */
	struct walk_text path;
	unsigned int flags;
	bool by_reference; /* each of @places holds a reference */
	bool began;
	enum lockref_got got;	/* by the last attempt to take a reference */
	bool follow, directory; /* of the last component; a '/' after it sets both */
	unsigned int links;	/* followed so far */
	unsigned int depth;	/* of @texts */
	struct place at;	/* where the walk is */
	struct inode *inode;	/* of that; NULL only at the end, with WALK_CREATE */
	struct place *places;
	size_t nr, room;
	struct link_block *blocks;
	size_t text_used;
	struct walk_text texts[DCACHE_MAX_LINKS + 1];
	struct place first_places[WALK_PLACES];
	char first_text[WALK_TEXT];
};

/* ---- walk_ref.c: with references, not in a read section ---- */

/* In the read section in which it was made: let the walk go on with references on all places. False:
 * one of them changed; walk_reset() follows, out of the section. */
bool walk_keep(struct walk *w);
/* Give back all that the walk holds. Not in a read section if it is by reference. */
void walk_reset(struct walk *w);
/* Room for one place more. 0, -ENOMEM */
int walk_grow(struct walk *w);
/* The entry of a prepared name where the walk is, referenced, and the sequence number of its being there;
 * or an error; -ECHILD: it was changed meanwhile. */
struct dentry *walk_ask(struct walk *w, const struct qstr *name, uint32_t *seq);
/* Room for a link's body, or NULL. */
char *walk_link_room(struct walk *w);

#pragma GCC visibility pop

#endif /* DCACHE_WALK_H */
