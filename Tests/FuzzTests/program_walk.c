/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dcache_walk() and dcache_walk_rcu(), and what they must find.
 *
 * The oracle resolves a path from text: one string, in which a link is replaced by its body. It goes
 * on as far as it knows, which is to the next name that a backend is to be asked for, or the next entry
 * whose d_revalidate is to be; the core must call that operation then, and the oracle goes on with its
 * answer. Everything that the path led through is noted, with the number of its changes: if an operation
 * has changed one of these, the core has to begin anew, and so does the oracle.
 *
 * No walk sleeps here: one that would, because somebody is asking for a name or holds a directory's
 * lock, is made with WALK_CACHED, and a backend's answer that would lead there is an error. An error ends
 * a walk only if nothing of its path has changed, so as long as there is anybody to wait for, no walk may
 * change what it came by itself.
 */
#include <string.h>

#include "program.h"

#define MAX_TEXT 8192
#define MAX_PLACES 2048
#define MAX_ASKED 5
/* Without references a walk has room for so much; beyond it may say that it needs them. */
#define ROOM_PLACES 100
#define ROOM_LINKS 1024

struct walk_state {
	enum { GOES_ON, ASKS, DOUBTS, BLOCKED, ENDED } state;
	struct m_entry *root, *base, *top, *at;
	unsigned int flags;
	bool cached; /* nothing but what is cached, true, and needs no operation */
	bool follow, directory, last, slash;
	int links;
	size_t links_len;
	char text[MAX_TEXT];
	size_t start, end;
	/* The component. */
	struct m_name name;
	struct m_entry *found;
	struct m_entry *places[MAX_PLACES];
	unsigned int changes[MAX_PLACES];
	int nr;
	int error;
	bool too_far; /* for a walk without references */
	/* Only looked at, not done: nothing is referenced or changed. */
	bool dry;
};

static struct {
	bool active;
	int thread;
	int asked;
	char path[DCACHE_PATH_MAX + 8];
	bool no_path;
	size_t len;
	struct m_entry *root, *base;
	unsigned int flags;
	struct walk_state state;
} walk;

/* ---- links ---- */

#define DOTS4 "././"
#define DOTS64                                                                                    \
	DOTS4 DOTS4 DOTS4 DOTS4 DOTS4 DOTS4 DOTS4 DOTS4 DOTS4 DOTS4 DOTS4 DOTS4 DOTS4 DOTS4 DOTS4 \
		DOTS4
#define DOTS512 DOTS64 DOTS64 DOTS64 DOTS64 DOTS64 DOTS64 DOTS64 DOTS64

enum { LINK_FAILS = 11, LINK_SLEEPS = 12, LINK_NONE = 15 };

static const struct m_name bodies[LINKS] = {
	{ "a", 1 },	      { "b", 1 },
	{ "..", 2 },	      { "/a", 2 },
	{ "../a/b", 6 },      { "a/", 2 },
	{ "/", 1 },	      { ".", 1 },
	{ "A/b", 3 },	      { "", 0 },
	{ "a\0b", 3 },	      { "a", 1 },
	{ "b", 1 },	      { DOTS512 DOTS512 "b", 1025 },
	{ "../xc/../b", 10 }, { "", 0 },
};

int walk_link(struct inode *inode, char *buf, size_t size, unsigned int flags)
{
	const struct m_inode *link = inode_private(inode);
	const struct m_name *body = &bodies[link->link];

	CHECK((flags & ~LOOKUP_RCU) == 0x55);
	CHECK(!(flags & LOOKUP_RCU) == !dc_read_ongoing());
	if (link->link == LINK_FAILS)
		return -EIO;
	if (link->link == LINK_SLEEPS && (flags & LOOKUP_RCU))
		return -ECHILD;
	if (body->len > size)
		return -ENAMETOOLONG;
	memcpy(buf, body->bytes, body->len);
	return (int)body->len;
}

/* ---- what a walk must find ---- */

static void end(struct walk_state *w, int error)
{
	w->state = ENDED;
	w->error = error;
}

/* @referenced: there is a reference already that the walk takes over. */
static void note(struct walk_state *w, struct m_entry *entry, bool referenced)
{
	CHECK(w->nr < MAX_PLACES);
	if (!w->dry && !referenced)
		m_get(entry);
	w->places[w->nr] = entry;
	w->changes[w->nr++] = entry->changes;
	w->too_far |= w->nr > ROOM_PLACES;
}

static void forget(struct walk_state *w)
{
	while (w->nr) {
		struct m_entry *entry = w->places[--w->nr];

		if (!w->dry)
			m_put(entry);
	}
}

static bool changed(const struct walk_state *w)
{
	int i;

	for (i = 0; i < w->nr; i++) {
		if (w->places[i]->changes != w->changes[i])
			return true;
	}
	return false;
}

static void enter(struct walk_state *w, struct m_entry *entry)
{
	note(w, entry, false);
	w->at = entry;
	if (!entry->inode)
		end(w, w->cached ? -ECHILD : -ENOENT);
	else if (!entry->inode->directory)
		end(w, -ENOTDIR);
}

static void begin(struct walk_state *w)
{
	bool absolute = walk.path[0] == '/';
	bool from_base = !absolute || (w->flags & WALK_IN_ROOT);
	struct m_entry *at;

	w->state = GOES_ON;
	w->error = 0;
	w->links = 0;
	w->links_len = 0;
	w->follow = !(w->flags & WALK_NOFOLLOW);
	w->directory = w->flags & WALK_DIRECTORY;
	w->start = 0;
	w->end = walk.len;
	memcpy(w->text, walk.path, walk.len);
	if (absolute && (w->flags & WALK_BENEATH)) {
		end(w, -EXDEV);
		return;
	}
	for (at = w->base; from_base && w->base != w->root; at = at->parent) {
		note(w, at, false);
		if (at == w->root)
			break;
		if (at->parent == at) {
			end(w, -EXDEV);
			return;
		}
	}
	enter(w, from_base ? w->base : w->root);
}

static bool is_same(struct m_name name, const char *text)
{
	return name.len == strlen(text) && !memcmp(name.bytes, text, name.len);
}

/* The next component. False: the path has come to its end. */
static bool next(struct walk_state *w)
{
	size_t at = w->start, len = 0;

	while (at < w->end && w->text[at] == '/')
		at++;
	while (at + len < w->end && w->text[at + len] != '/')
		len++;
	w->name = (struct m_name){ w->text + at, len };
	at += len;
	w->slash = at < w->end;
	while (at < w->end && w->text[at] == '/')
		at++;
	w->start = at;
	w->last = at == w->end;
	return len;
}

static void follow(struct walk_state *w, const struct m_inode *inode)
{
	struct m_name body = bodies[inode->link];
	size_t rest = w->end - w->start;

	if (w->links == DCACHE_MAX_LINKS || (w->flags & WALK_NO_SYMLINKS)) {
		end(w, -ELOOP);
		return;
	}
	if (inode->link == LINK_NONE) {
		end(w, -EOPNOTSUPP);
		return;
	}
	if (w->cached && (inode->link == LINK_FAILS || inode->link == LINK_SLEEPS ||
			  w->links_len + body.len > ROOM_LINKS)) {
		end(w, -ECHILD);
		return;
	}
	w->links_len += body.len;
	if (inode->link == LINK_FAILS)
		end(w, -EIO);
	else if (!body.len)
		end(w, -ENOENT);
	else if (memchr(body.bytes, 0, body.len))
		end(w, -EINVAL);
	else if (body.bytes[0] == '/' && (w->flags & WALK_BENEATH))
		end(w, -EXDEV);
	if (w->state != GOES_ON)
		return;
	if (body.bytes[0] == '/')
		enter(w, w->top);
	w->links++;
	CHECK(body.len + 1 + rest <= MAX_TEXT);
	memmove(w->text + body.len + 1, w->text + w->start, rest);
	memcpy(w->text, body.bytes, body.len);
	w->text[body.len] = '/';
	w->start = 0;
	w->end = rest ? body.len + 1 + rest : body.len;
}

/* The name is @entry's. */
static void arrive(struct walk_state *w, struct m_entry *entry, bool referenced)
{
	const struct m_inode *inode = entry->inode;

	w->state = GOES_ON;
	note(w, entry, referenced);
	if (w->last && w->slash)
		w->follow = w->directory = true;
	if (!inode) {
		if (!w->last || !(w->flags & WALK_CREATE))
			end(w, -ENOENT);
	} else if (inode->symlink && (!w->last || w->follow)) {
		follow(w, inode);
		return;
	} else if (!inode->directory && (!w->last || w->directory)) {
		end(w, -ENOTDIR);
	}
	w->at = entry;
}

static bool anybody_to_wait_for(void)
{
	int i;

	for (i = 0; i < oracle.nr_inodes; i++) {
		if (oracle.inodes[i].writer || oracle.inodes[i].queued)
			return true;
	}
	for (i = 0; i < oracle.nr_entries; i++) {
		if (oracle.entries[i].alive && oracle.entries[i].in_lookup)
			return true;
	}
	return false;
}

/* If @found is not true the walk begins anew, whatever it is answered: may it? */
static bool may_be_untrue(const struct walk_state *w, const struct m_entry *found)
{
	int i;

	for (i = 0; i < w->nr; i++) {
		if (w->places[i] == found)
			return !anybody_to_wait_for();
	}
	return true;
}

static void not_true(struct m_entry *found, bool asking)
{
	m_get(found);
	m_not_true(found, asking ? found->parent->inode : NULL);
	m_put(found);
}

/* The name is not cached, or was not true. */
static void missed(struct walk_state *w)
{
	const struct m_inode *dir = w->at->inode;

	if (dir->writer || dir->queued || m_in_lookup(w->at, w->name))
		w->state = BLOCKED;
	else if (w->dry && dir->complete && changed(w))
		w->state = BLOCKED; /* It would begin anew without having asked; who knows. */
	else
		w->state = ASKS;
}

static void go_down(struct walk_state *w)
{
	struct qstr name = qstr_init(w->name.bytes, w->name.len);
	struct errors errors = { 0 };
	struct m_entry *found;

	name_errors(&errors, &name);
	if (errors.n) {
		end(w, errors.e[0]);
		return;
	}
	found = m_hashed(w->at, w->name);
	if (found && !revalidates && !m_stale(found)) {
		arrive(w, found, false);
	} else if (w->cached) {
		end(w, -ECHILD);
	} else if (!w->at->inode->backend) {
		end(w, -EOPNOTSUPP);
	} else if (found && revalidates) {
		w->found = found;
		w->state = DOUBTS;
	} else if (found && !may_be_untrue(w, found)) {
		w->state = BLOCKED;
	} else {
		if (found && !w->dry)
			not_true(found, false);
		missed(w);
	}
}

static void go_up(struct walk_state *w)
{
	if (w->at != w->top)
		enter(w, w->at->parent);
	else if (w->flags & WALK_BENEATH)
		end(w, -EXDEV);
}

static void go_on(struct walk_state *w)
{
	while (w->state == GOES_ON || w->state == ENDED) {
		if (w->state == GOES_ON && next(w)) {
			if (is_same(w->name, ".."))
				go_up(w);
			else if (!is_same(w->name, "."))
				go_down(w);
			continue;
		}
		w->state = ENDED;
		if (!changed(w))
			return;
		forget(w);
		begin(w);
	}
}

static void start(struct walk_state *w, bool dry)
{
	w->root = walk.root;
	w->base = walk.base ? walk.base : walk.root;
	w->top = (walk.flags & (WALK_BENEATH | WALK_IN_ROOT)) ? w->base : w->root;
	w->flags = walk.flags;
	w->dry = dry;
	w->nr = 0;
	w->too_far = false;
	begin(w);
	go_on(w);
}

/* What d_revalidate() says, if that is @answer for other entries. */
static int validity(const struct walk_state *w, int answer)
{
	return answer || may_be_untrue(w, w->found) ? answer : 1;
}

/* Going on from @from: would it sleep before it has to ask? */
static bool would_block(const struct walk_state *from)
{
	static struct walk_state w;
	int answer = revalidation;

	w = *from;
	w.dry = true;
	for (;;) {
		go_on(&w);
		if (w.state != DOUBTS)
			return w.state == BLOCKED;
		if (!validity(&w, answer)) {
			/* d_revalidate() will say that this one is not true. */
			missed(&w);
			return w.state == BLOCKED;
		}
		answer = 1;
		arrive(&w, w.found, false);
	}
}

/* ---- what the core calls meanwhile ---- */

bool walking(void)
{
	return walk.active && walk.thread == floor_thread();
}

int walk_revalidate(struct dentry *dentry)
{
	struct walk_state *w = &walk.state;
	int answer;

	go_on(w);
	if (w->state != DOUBTS)
		die("d_revalidate() of what need not be asked");
	CHECK(w->found->real == dentry);
	answer = validity(w, revalidation);
	say("d_revalidate(%d) = %d", number_of(w->found), answer);
	revalidation = 1;
	if (answer > 0) {
		m_renew(w->found, w->at->inode->generation);
		arrive(w, w->found, false);
	} else if (answer < 0) {
		end(w, answer);
	} else {
		not_true(w->found, true);
		missed(w);
	}
	return answer;
}

struct dentry *walk_backend(struct inode *dir, struct dentry *dentry)
{
	struct walk_state *w = &walk.state;
	struct actor *actor = &oracle.actors[walk.thread];
	uint8_t b = walk.asked++ < MAX_ASKED ? byte() : 5;
	struct call add = { 0 };
	struct m_entry *entry;

	go_on(w);
	if (w->state != ASKS)
		die("the backend is asked for what is known");
	oracle_settle(false);
	oracle_before_eviction();
	CHECK(dir == w->at->inode->real && !w->at->inode->complete);
	actor->dir = w->at;
	actor->name = w->name;
	entry = owned(walk.thread, dentry, NULL);
	floor_fail_allocation(0);
	say("the backend is asked for %d: %d", number_of(entry), b);
	switch (b & 7) {
	case 5:
		m_answer(entry, -EIO, NULL);
		m_put(entry);
		end(w, -EIO);
		return ERR_PTR(-EIO);
	case 6:
		m_answer(entry, 0, entry);
		arrive(w, entry, true);
		return NULL;
	case 0:
		break;
	case 3:
		add.inode = make_inode(oracle.dc, false, false);
		break;
	case 4:
		add.inode = make_link(b >> 4);
		break;
	default:
		add.inode = make_inode(oracle.dc, true, (b & 7) != 2);
		break;
	}
	add.entry = entry;
	add.real_inode = add.inode ? add.inode->real : NULL;
	op_add(&add, 0);
	arrive(w, entry, true);
	if (!would_block(w))
		return NULL;
	end(w, -EIO);
	return ERR_PTR(-EIO);
}

/* ---- calls ---- */

static const char *const words[16] = { "a", "A",  "b", "B", "..", "..", ".",	   "xc",
				       "a", "..", "b", "a", "b",  "!n", "seven77", NULL };

static void append(const char *bytes, size_t len)
{
	if (walk.len + len > sizeof(walk.path))
		return;
	memcpy(walk.path + walk.len, bytes, len);
	walk.len += len;
}

/* A name that is seldom good. */
static void append_odd(uint8_t b)
{
	switch (b >> 5) {
	case 0:
		append("a\0b", 3);
		break;
	case 1:
		append(longest, DCACHE_NAME_MAX + 1);
		break;
	case 2:
		while (walk.len < DCACHE_PATH_MAX + 1u - (b & 15))
			append("/", 1);
		break;
	default:
		append(longest, DCACHE_NAME_MAX);
		break;
	}
}

static unsigned int pick_flags(uint8_t b)
{
	static const unsigned int flags[7] = {
		WALK_NOFOLLOW,	WALK_NO_SYMLINKS, WALK_BENEATH, WALK_IN_ROOT,
		WALK_DIRECTORY, WALK_CACHED,	  WALK_CREATE,
	};
	unsigned int chosen = 0x55;
	int i;

	for (i = 0; i < 7; i++)
		chosen |= b >> i & 1 ? flags[i] : 0;
	return (b & 0x87) == 0x87 ? chosen | 0x00800000u : chosen;
}

void pick_walk(int thread)
{
	uint8_t first = byte(), root = byte(), base = byte(), b;
	int i;

	walk.thread = thread;
	walk.asked = 0;
	walk.len = 0;
	walk.flags = pick_flags(byte());
	walk.root = root < 0xa0 ? handles[0] : pick_where(is_directory, root);
	walk.base = base < 0x60 ? NULL : pick_where(any_entry, base);
	walk.no_path = first == 0xff;
	if (first & 8)
		append("//", 1 + (first >> 5 & 1));
	for (i = first & 7; i; i--) {
		b = byte();
		if (words[b & 15])
			append(words[b & 15], strlen(words[b & 15]));
		else
			append_odd(b);
		if (i > 1 || (first & 16))
			append("//", 1 + (b >> 4 & 1));
	}
}

static void walk_errors(struct errors *errors)
{
	if (walk.no_path || !walk.len || memchr(walk.path, 0, walk.len) ||
	    (walk.flags & 0x00800000u) || (walk.flags & WALK_BENEATH && walk.flags & WALK_IN_ROOT))
		add_error(errors, -EINVAL);
	if (walk.len >= DCACHE_PATH_MAX)
		add_error(errors, -ENAMETOOLONG);
}

static const char *path(void)
{
	return walk.no_path ? NULL : walk.path;
}

static void say_walk(const char *call, const void *real)
{
	say("%s(%d, %d, '%.*s', %#x) = %ld", call, number_of(walk.root), number_of(walk.base),
	    walk.len < 200 ? (int)walk.len : 0, walk.path, walk.flags, outcome(real));
}

/* What a call answers must be what was found, or, without references, that it needs them. */
static void compare(const struct walk_state *w, const void *real, int needs)
{
	int error = w->error == -ECHILD ? needs : w->error;

	if (w->cached && w->too_far && PTR_ERR(real) == needs)
		return;
	if (error && PTR_ERR(real) != error)
		die("the walk answers %ld, not %d", PTR_ERR(real), error);
	if (!error)
		checks(real, w->at);
}

void fiber_walk(int thread)
{
	struct walk_state *w = &walk.state;
	struct errors errors = { 0 };
	struct m_entry *root = get_entry(walk.root);
	struct m_entry *base = walk.base ? get_entry(walk.base) : NULL;
	struct m_entry *absent;
	struct dentry *real;

	walk_errors(&errors);
	if (!errors.n) {
		w->cached = walk.flags & WALK_CACHED;
		start(w, true);
		if (held[thread] || would_block(w))
			walk.flags |= WALK_CACHED;
		w->cached = walk.flags & WALK_CACHED;
		start(w, false);
		walk.active = true;
	}
	real = dcache_walk(walk.root->real, base ? base->real : NULL, path(), walk.len, walk.flags);
	say_walk("dcache_walk", real);
	walk.active = false;
	if (!errors.n) {
		go_on(w);
		if (floor_allocation_failed()) {
			CHECK(PTR_ERR(real) == -ENOMEM);
			floor_fail_allocation(0);
		} else {
			if (w->state == ASKS) {
				absent = said_absent(w->at, w->name, IS_ERR(real));
				if (absent)
					arrive(w, absent, true);
				else
					end(w, -ENOENT);
				go_on(w);
			}
			if (w->state != ENDED)
				die("the walk ends without having asked");
			compare(w, real, -EAGAIN);
			if (!IS_ERR(real))
				keep(m_get(d_fsdata(real)));
		}
		forget(w);
	} else {
		CHECK(failed(&errors, real));
	}
	put_entry(root);
	if (base)
		put_entry(base);
}

void op_walk_rcu(void)
{
	struct walk_state *w = &walk.state;
	struct errors errors = { 0 };
	struct dentry *real;
	uint32_t seq = 0;

	walk_errors(&errors);
	dcache_read_lock();
	real = dcache_walk_rcu(walk.root->real, walk.base ? walk.base->real : NULL, path(),
			       walk.len, walk.flags, &seq);
	say_walk("dcache_walk_rcu", real);
	if (!failed(&errors, real)) {
		w->cached = true;
		start(w, true);
		compare(w, real, -ECHILD);
		if (!IS_ERR(real)) {
			CHECK(dget_rcu(real, seq));
			keep(m_get(d_fsdata(real)));
		}
	}
	dcache_read_unlock();
}
