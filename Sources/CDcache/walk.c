/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walking along a path.
 *
 * Who may be here: any number of walks, each of which writes to nothing but its own frame, and at the
 * same time whoever adds, moves, drops, deletes and frees the entries that it comes by.
 *
 *  W1	A walk begins in a read section and takes no reference: nothing that it reaches is freed. Of
 *	each entry that it comes by it reads the sequence number first, and then what it wants to know:
 *	parent, name, inode. It notes entry and number: a place. Directories that are left by ".." and
 *	links are places too, and so are the directories above a starting point that is not the root.
 *  W2	At the end it looks at the sequence numbers of all places again. If none has changed, then at
 *	the moment between the last of the first looks and the first of the second ones everything that
 *	was read of them was true at once: the path led there at that moment (a snapshot by double
 *	collect; Afek et al., "Atomic snapshots of shared memory", 1993). If one has, the walk begins
 *	anew. The same goes for errors: that a name does not exist, or is no directory, is proved so too.
 *	No clock orders two changes that nothing else orders; of those that something does, the walk
 *	sees the later one only if it also sees the earlier, for numbers are stored with release and
 *	loaded with acquire.
 *  W3	What it reads before that proof may be of different moments, but is never garbage: an inode is
 *	one that the entry had in this read section.
 *  W4	Every place is below the root, or it: the first one is, by its chain of parents, which are
 *	places; the child of one that is, is; and so is the parent of one that is but not the root.
 *  W5	Where it cannot go on (a name that is not cached, or has to be asked about; a link's body that
 *	is not at hand; too many places) it takes references on all places, proves them once more, leaves
 *	the read section, and goes on from there (walk_ref.c). Such a walk looks at sequence numbers at
 *	its end as the other does. A reference keeps memory and inode, it does not keep the place.
 *
 * A link's body does not change: another body is another inode. So the link's place is enough.
 *
 * That an entry is not stale is seen when it is come by, and not again at the end: it turned stale then
 * while the walk was under way.
 *
 * Nearly all components are the same: a plain name, cached, and true, of a directory. Those are gone down
 * by strides, many at once. A stride does what the general code would do, and does not begin with a
 * component that is different in anything.
 *
 * Links within links are a stack of what is left of each text. A link that is the last of its text
 * replaces it, so no text on the stack is at its end.
 */
#include <string.h>

#include "match.h"
#include "walk.h"

/* How often a walk begins anew, before it says -EAGAIN. */
#define WALK_ROUNDS 64

#define WALK_FLAGS                                                                         \
	(WALK_NOFOLLOW | WALK_NO_SYMLINKS | WALK_BENEATH | WALK_IN_ROOT | WALK_DIRECTORY | \
	 WALK_CACHED | WALK_CREATE | WALK_PROGRAM_FLAGS)

/* One component of a path. */
struct component {
	struct qstr name;
	const char *rest; /* what follows it and its slashes */
	bool last;	  /* of the whole walk */
	bool slash;	  /* one follows it */
};

/* ---- places ---- */

/* Note a place; if the walk is by reference, one of @dentry goes with it. */
static int note(struct walk *w, struct dentry *dentry, uint32_t seq)
{
	if (w->nr == w->room) {
		int err = w->by_reference ? walk_grow(w) : -ECHILD;

		if (err) {
			if (w->by_reference)
				dput(dentry);
			return err;
		}
	}
	w->places[w->nr++] = (struct place){ dentry, seq };
	return 0;
}

static bool unchanged(const struct walk *w)
{
	const struct place *place = w->places, *end = place + w->nr;

	for (; place < end; place++) {
		if (dc_unlikely(!seqcount_unchanged(&place->dentry->d_seq, place->seq)))
			return false;
	}
	return true;
}

/* The sequence number of an entry that nobody is changing. -ECHILD: somebody is. */
static int seq_at_rest(const struct walk *w, const struct dentry *dentry, uint32_t *seq)
{
	unsigned int attempt = 0;

	for (;;) {
		*seq = read_seqcount(&dentry->d_seq);
		if (!(*seq & 1))
			return 0;
		if (!w->by_reference)
			return -ECHILD;
		dc_yield(attempt++);
	}
}

/* Note an entry that is not reached by its name: a starting point, or what is above one. */
static int note_as_it_is(struct walk *w, struct dentry *dentry, uint32_t *seq)
{
	int err = seq_at_rest(w, dentry, seq);

	return err ? err : note(w, dentry, *seq);
}

/* Go to a directory that is not reached by its name. By reference, one of @dentry is consumed. */
static int enter(struct walk *w, struct dentry *dentry)
{
	struct inode *inode;
	uint32_t seq;
	int err = note_as_it_is(w, dentry, &seq);

	if (err)
		return err;
	inode = d_inode_of(dentry);
	/* What nobody has referenced may be on its way to be freed: that says nothing about the path. */
	if (!inode)
		return w->by_reference ? -ENOENT : -ECHILD;
	if (!is_dir(inode))
		return -ENOTDIR;
	w->at = (struct place){ dentry, seq };
	w->inode = inode;
	return 0;
}

static int enter_again(struct walk *w, struct dentry *dentry)
{
	return enter(w, w->by_reference ? dget(dentry) : dentry);
}

/* Referenced, if the walk is by reference. */
static struct dentry *parent_of(const struct walk *w, struct dentry *dentry)
{
	return w->by_reference ? dget_parent(dentry) : d_parent_of(dentry);
}

/* ---- the beginning ---- */

/* Note all from the base up to the root. */
static int climb(struct walk *w)
{
	struct dentry *dentry = w->by_reference ? dget(w->base) : w->base;
	uint32_t seq;

	for (;;) {
		int err = note_as_it_is(w, dentry, &seq);

		if (err)
			return err;
		if (dentry == w->root)
			return 0;
		dentry = parent_of(w, dentry);
		if (dentry == w->places[w->nr - 1].dentry) {
			if (w->by_reference)
				dput(dentry);
			return -EXDEV;
		}
	}
}

static int begin(struct walk *w)
{
	bool absolute = *w->path.at == '/';
	bool from_base = !absolute || (w->flags & WALK_IN_ROOT);
	int err = 0;

	if (absolute && (w->flags & WALK_BENEATH))
		return -EXDEV;
	if (from_base && w->base != w->root)
		err = climb(w);
	if (!err)
		err = enter_again(w, from_base ? w->base : w->root);
	w->began = !err;
	return err;
}

/* ---- components ---- */

static const char *skip_slashes(const char *at, const char *end)
{
	while (at < end && *at == '/')
		at++;
	return at;
}

/* The next component, which stays the next one until the walk has gone there. False: there is none. */
static bool next_component(struct walk *w, struct component *c)
{
	struct walk_text *text = &w->texts[w->depth];
	const char *slash;

	for (;;) {
		text->at = skip_slashes(text->at, text->end);
		if (text->at < text->end)
			break;
		if (!w->depth)
			return false;
		text = &w->texts[--w->depth];
	}
	slash = memchr(text->at, '/', (size_t)(text->end - text->at));
	c->slash = slash;
	c->name = qstr_init(text->at, (size_t)((slash ? slash : text->end) - text->at));
	c->rest = slash ? skip_slashes(slash, text->end) : text->end;
	c->last = c->rest == text->end && !w->depth;
	return true;
}

/* The walk has gone there, or need not go. */
static void advance(struct walk *w, const struct component *c)
{
	w->texts[w->depth].at = c->rest;
}

static bool is_dots(const struct qstr *name, uint32_t n)
{
	return name->len == n && name->name[0] == '.' && name->name[n - 1] == '.';
}

static int go_up(struct walk *w, const struct component *c)
{
	int err = 0;

	if (w->at.dentry != w->top) {
		struct dentry *parent = parent_of(w, w->at.dentry);

		/* It was below the root when that was seen, so it has changed since. */
		if (parent == w->at.dentry) {
			if (w->by_reference)
				dput(parent);
			return -ECHILD;
		}
		err = enter(w, parent);
	} else if (w->flags & WALK_BENEATH) {
		err = -EXDEV;
	}
	if (!err)
		advance(w, c);
	return err;
}

/* The entry of a name where the walk is, as a place that is not noted yet. */
static struct dentry *find(struct walk *w, const struct qstr *name, uint32_t *seq)
{
	struct dentry *dentry;
	struct qstr prepared;
	int err = name_prepare(w->at.dentry, name, &prepared);

	if (err)
		return ERR_PTR(err);
	if (w->by_reference)
		return walk_ask(w, &prepared, seq);
	dentry = lookup_rcu(w->at.dentry, &prepared, seq);
	if (!dentry || (d_flags(dentry) & DCACHE_OP_REVALIDATE) || d_stale_in(dentry, w->inode))
		return ERR_PTR(-ECHILD);
	return dentry;
}

/* The body of a link. Return: its length, or an error. */
static int link_body(struct walk *w, struct inode *inode, const char **body)
{
	size_t size = DCACHE_PATH_MAX - 1;
	int cancel, len;
	char *room;

	if (!inode->i_op || !inode->i_op->get_link)
		return -EOPNOTSUPP;
	if (!w->by_reference) {
		room = w->first_text + w->text_used;
		size = WALK_TEXT - w->text_used;
		len = inode->i_op->get_link(inode, room, size,
					    (w->flags & WALK_PROGRAM_FLAGS) | LOOKUP_RCU);
		/* A longer one, or what it says when it may sleep. */
		if (len < 0 || (size_t)len > size)
			return -ECHILD;
		w->text_used += (size_t)len;
	} else {
		room = walk_link_room(w);
		if (!room)
			return -ENOMEM;
		cancel = dc_cancel_off();
		len = inode->i_op->get_link(inode, room, size, w->flags & WALK_PROGRAM_FLAGS);
		dc_cancel_back(cancel);
		if (len > (int)size)
			return -ENAMETOOLONG;
	}
	*body = room;
	return len;
}

/* Go on with a link's body. The link is a place already. */
static int follow(struct walk *w, const struct component *c, struct inode *inode)
{
	struct walk_text *text = &w->texts[w->depth];
	const char *body;
	int len, err;

	if (w->links == DCACHE_MAX_LINKS || (w->flags & WALK_NO_SYMLINKS))
		return -ELOOP;
	len = link_body(w, inode, &body);
	if (len <= 0)
		return len ? len : -ENOENT;
	if (memchr(body, 0, (size_t)len))
		return -EINVAL;
	if (*body == '/') {
		if (w->flags & WALK_BENEATH)
			return -EXDEV;
		err = enter_again(w, w->top);
		if (err)
			return err;
	}
	w->links++;
	advance(w, c);
	if (text->at < text->end)
		text = &w->texts[++w->depth];
	*text = (struct walk_text){ body, body + len };
	return 0;
}

static int go_down(struct walk *w, const struct component *c)
{
	struct inode *inode;
	uint32_t seq;
	struct dentry *dentry = find(w, &c->name, &seq);
	int err;

	if (IS_ERR(dentry))
		return (int)PTR_ERR(dentry);
	inode = d_inode_of(dentry);
	err = note(w, dentry, seq);
	if (err)
		return err;
	if (c->last && c->slash)
		w->follow = w->directory = true;
	if (!inode) {
		if (!c->last || !(w->flags & WALK_CREATE))
			return -ENOENT;
	} else if (inode->i_type == INODE_SYMLINK && (!c->last || w->follow)) {
		return follow(w, c, inode);
	} else if (!is_dir(inode) && (!c->last || w->directory)) {
		return -ENOTDIR;
	}
	w->at = (struct place){ dentry, seq };
	w->inode = inode;
	advance(w, c);
	return 0;
}

/*
 * Go on, without references, as long as components are plain. What is different is left to be done by
 * walk_on(), the walk being as it was before it; but -ENOENT and -ENOTDIR are found here, too.
 */
static DC_NOINLINE int stride(struct walk *w)
{
	struct walk_text *text = &w->texts[w->depth];
	const char *at = text->at, *const end = text->end;
	struct place *place = w->places + w->nr, *const room = w->places + w->room;
	struct dentry *dir = w->at.dentry;
	const struct dcache *dc = dcache_of(dir);
	struct inode *inode = w->inode;
	int err = 0;

	while (place < room) {
		struct dentry *dentry;
		struct inode *child;
		struct hit hit;
		const char *rest;
		uint32_t len;
		bool missed;

		at = skip_slashes(at, end);
		if (at == end)
			break;
		len = length_until_slash(at, end);
		if (dc_unlikely(len > DNAME_INLINE_LEN || (*at == '.' && len <= 2) ||
				has_own_names(dc, dir)))
			break;
		dentry = find_plain(dc, dir, at, (uint64_t)len << 32 | hash_bytes(dc, at, len), true,
				    &hit, &missed);
		if (dc_unlikely(!dentry || d_outdated_in(dc, dentry, inode)))
			break;
		if (dc_unlikely(hit.flags & (DCACHE_OP_REVALIDATE | DCACHE_EXPIRES)) &&
		    ((hit.flags & DCACHE_OP_REVALIDATE) || d_stale_in(dentry, inode)))
			break;
		child = d_inode_of(dentry);
		rest = at + len;
		if (dc_unlikely(!(hit.flags & DCACHE_DIRECTORY) || !child)) {
			/* After the last one, a slash says what the flags say otherwise. */
			bool last = !w->depth && skip_slashes(rest, end) == end;
			bool slash = rest < end;

			if (child ? child->i_type == INODE_SYMLINK && (!last || slash || w->follow)
				  : last && (w->flags & WALK_CREATE))
				break;
			if (!child)
				err = -ENOENT;
			else if (!last || slash || w->directory)
				err = -ENOTDIR;
		}
		*place++ = (struct place){ dentry, hit.seq };
		if (dc_unlikely(err))
			break;
		dir = dentry;
		inode = child;
		at = rest;
	}
	if (place > w->places + w->nr) {
		w->nr = (size_t)(place - w->places);
		w->at = place[-1];
		w->inode = inode;
	}
	text->at = at;
	return err;
}

/*
 * Go on to the end. -ECHILD: without references, the walk is as it was before the component that needs
 * them; with references, it came by something that has changed.
 */
static int walk_on(struct walk *w)
{
	struct component c;
	size_t nr = 0;
	int err = w->began ? 0 : begin(w);

	while (!err) {
		if (!w->by_reference) {
			err = stride(w);
			/* The usual end. */
			if (err || (!w->depth && w->texts[0].at == w->texts[0].end))
				break;
		}
		nr = w->nr;
		if (!next_component(w, &c))
			return 0;
		if (is_dots(&c.name, 1))
			advance(w, &c);
		else if (is_dots(&c.name, 2))
			err = go_up(w, &c);
		else
			err = go_down(w, &c);
	}
	if (err == -ECHILD && !w->by_reference)
		w->nr = nr;
	return err;
}

/* ---- rounds ---- */

static int walk_init(struct walk *w, struct dentry *root, struct dentry *base, const char *path,
		     size_t len, unsigned int flags)
{
	if (!path || !len || (flags & ~WALK_FLAGS) ||
	    (flags & (WALK_BENEATH | WALK_IN_ROOT)) == (WALK_BENEATH | WALK_IN_ROOT))
		return -EINVAL;
	if (len >= DCACHE_PATH_MAX)
		return -ENAMETOOLONG;
	if (memchr(path, 0, len))
		return -EINVAL;
	w->root = root;
	w->base = base ? base : root;
	if (w->base->d_dcache != root->d_dcache)
		return -EXDEV;
	w->top = (flags & (WALK_BENEATH | WALK_IN_ROOT)) ? w->base : root;
	w->path = (struct walk_text){ path, path + len };
	w->flags = flags;
	w->blocks = NULL;
	w->by_reference = false;
	w->places = w->first_places;
	w->room = WALK_PLACES;
	w->nr = 0;
	return 0;
}

/* A round. The walk holds nothing: walk_init(), or walk_reset(). */
static void walk_start(struct walk *w)
{
	w->began = false;
	w->follow = !(w->flags & WALK_NOFOLLOW);
	w->directory = w->flags & WALK_DIRECTORY;
	w->at = (struct place){ NULL, 0 };
	w->got = LOCKREF_GOT;
	w->links = w->depth = 0;
	w->text_used = 0;
	w->texts[0] = w->path;
}

/* In the read section, the walk having come to an end with @err: prove it. NULL: it has changed. */
static struct dentry *proved(const struct walk *w, int err)
{
	if (!unchanged(w))
		return NULL;
	return err ? ERR_PTR(err) : w->at.dentry;
}

/* -EAGAIN if what is needed is not cached, or NULL: look again. In the read section. */
static struct dentry *not_cached(const struct walk *w, uint32_t rename_seq)
{
	/* A move may have hidden what is there. */
	if (!unchanged(w) || !seqcount_unchanged(&w->root->d_dcache->rename_seq, rename_seq))
		return NULL;
	return ERR_PTR(-EAGAIN);
}

/* Without references, as far as that goes. The answer, referenced; or an error; or NULL: it was changed,
 * or the walk is by reference now (*@kept). */
static struct dentry *round_without_references(struct walk *w, bool *kept)
{
	struct dentry *answer = NULL, *taken = NULL;
	uint32_t rename_seq = 1;
	int err;

	*kept = false;
	/* Others need not read what movers write. */
	if (w->flags & WALK_CACHED)
		rename_seq = read_seqcount(&w->root->d_dcache->rename_seq);
	dc_read_lock();
	err = walk_on(w);
	if (err != -ECHILD)
		answer = proved(w, err);
	else if (w->flags & WALK_CACHED)
		answer = not_cached(w, rename_seq);
	else
		*kept = walk_keep(w);
	if (answer && !IS_ERR(answer)) {
		w->got = lockref_tryget(&answer->d_lockref);
		if (w->got == LOCKREF_GOT)
			taken = answer;
		if (!taken || !seqcount_unchanged(&answer->d_seq, w->at.seq))
			answer = NULL;
	}
	dc_read_unlock();
	if (!answer)
		dput(taken);
	return w->got == LOCKREF_FULL ? ERR_PTR(-EOVERFLOW) : answer;
}

/* The same, by reference. */
static struct dentry *round_with_references(struct walk *w)
{
	int err = walk_on(w);
	struct dentry *answer;

	/* Nothing that is seen once more would say that there is memory. */
	if (err == -ENOMEM)
		return ERR_PTR(err);
	answer = err == -ECHILD ? NULL : proved(w, err);
	return IS_ERR(answer) ? answer : dget(answer);
}

struct dentry *dcache_walk(struct dentry *root, struct dentry *base, const char *path, size_t len,
			   unsigned int flags)
{
	struct dentry *answer = NULL;
	struct walk w;
	unsigned int round, attempt = 0;
	bool kept;
	int err = walk_init(&w, root, base, path, len, flags);

	if (err)
		return ERR_PTR(err);
	/* A holder of a lock that does not run has changed nothing: that is waited for, however long it
	 * takes, but not with WALK_CACHED. */
	for (round = 0; !answer && round < WALK_ROUNDS;
	     round += w.got != LOCKREF_BUSY || (flags & WALK_CACHED)) {
		if (attempt)
			dc_yield((flags & WALK_CACHED) ? 0 : attempt - 1);
		if (attempt++)
			walk_reset(&w);
		walk_start(&w);
		answer = round_without_references(&w, &kept);
		if (kept)
			answer = round_with_references(&w);
	}
	/* Without references nothing was allocated. */
	if (w.by_reference)
		walk_reset(&w);
	return answer ? answer : ERR_PTR(-EAGAIN);
}

struct dentry *dcache_walk_rcu(struct dentry *root, struct dentry *base, const char *path,
			       size_t len, unsigned int flags, uint32_t *seq)
{
	struct dentry *answer;
	struct walk w;
	int err = walk_init(&w, root, base, path, len, flags);

	if (err)
		return ERR_PTR(err);
	walk_start(&w);
	err = walk_on(&w);
	answer = err == -ECHILD ? NULL : proved(&w, err);
	*seq = w.at.seq;
	return answer ? answer : ERR_PTR(-ECHILD);
}
