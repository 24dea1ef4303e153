/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that change, invalidate, list and visit whole parts of the tree. None of them sleeps. */
#include <string.h>

#include "program.h"

struct dentry *unseen(const struct m_entry *dir, struct m_name name)
{
	struct qstr q = qstr_init(name.bytes, name.len);
	struct dentry *found;
	uint32_t seq;

	dcache_read_lock();
	found = d_lookup_rcu(dir->real, &q, &seq);
	dcache_read_unlock();
	CHECK(found && !d_fsdata(found));
	return found;
}

/* ---- moving ---- */

void op_move(struct m_entry *entry, struct m_entry *target)
{
	struct m_entry *other = m_hashed(target->parent, m_name_of(target));
	struct errors errors = { 0 };
	uint32_t generation;
	int err;

	if (entry == target || target->parent == target ||
	    (entry->parent == entry && !entry->disconnected))
		add_error(&errors, -EINVAL);
	if (m_is_ancestor(entry, target) || m_is_ancestor(target, entry))
		add_error(&errors, -ELOOP);
	if (entry->in_lookup || entry->ended || target->ended)
		add_error(&errors, -EINVAL);
	if (!target->hashed && other && other != entry)
		add_error(&errors, -EEXIST);
	err = d_move(entry->real, target->real);
	say("d_move(%d, %d) = %d", number_of(entry), number_of(target), err);
	/* That the name is taken is seen last. */
	if ((!err || err == -EEXIST) && !entry->hashed && entry->parent != entry)
		m_overtake(entry->parent, m_name_of(entry));
	if (errors.n) {
		CHECK(has_error(&errors, err));
		return;
	}
	CHECK(!err);
	generation = target->in_lookup ? target->generation
				       : m_moved_generation(entry, target->parent);
	m_unhash_gone(target);
	m_move(entry, target->parent, m_name_of(target), generation);
	/* A rename is no answer that may come too late. */
	if (target->in_lookup)
		m_end(target, 0, entry);
	m_overtake(target->parent, m_name_of(target));
}

void op_exchange(struct m_entry *a, struct m_entry *b)
{
	struct errors errors = { 0 };
	int err;

	if (a == b || !a->hashed || !b->hashed)
		add_error(&errors, -EINVAL);
	if (m_is_ancestor(a, b) || m_is_ancestor(b, a))
		add_error(&errors, -ELOOP);
	err = d_exchange(a->real, b->real);
	say("d_exchange(%d, %d) = %d", number_of(a), number_of(b), err);
	if (errors.n) {
		CHECK(has_error(&errors, err));
		return;
	}
	CHECK(!err);
	m_exchange(a, b);
}

/* ---- what is below an entry ---- */

void op_shrink_parent(struct m_entry *top)
{
	long freed = shrink_dcache_parent(top->real);

	say("shrink_dcache_parent(%d) = %ld", number_of(top), freed);
	if (floor_allocation_failed()) {
		CHECK(freed == -ENOMEM);
		m_resync(top);
		return;
	}
	CHECK(freed == m_prune(top));
}

void op_invalidate(struct m_entry *entry, bool deferred)
{
	int err = 0;

	if (deferred && oracle.nr_deferred == MAX_DEFERRED)
		return;
	if (deferred)
		d_invalidate_deferred(entry->real);
	else
		err = d_invalidate(entry->real);
	say("d_invalidate%s(%d) = %d", deferred ? "_deferred" : "", number_of(entry), err);
	if (!floor_allocation_failed()) {
		CHECK(!err);
		(deferred ? m_invalidate_deferred : m_invalidate)(entry);
	} else if (deferred) {
		/* Without memory to note it: at once. */
		m_invalidate(entry);
	} else {
		CHECK(err == -ENOMEM);
		m_cut_off(entry);
		m_resync(entry);
	}
}

void op_invalidate_inode(struct m_inode *inode)
{
	bool alias[MAX_ENTRIES];
	int i;

	for (i = 0; i < oracle.nr_entries; i++) {
		alias[i] = oracle.entries[i].alive && oracle.entries[i].inode == inode;
		if (alias[i])
			m_get(&oracle.entries[i]);
	}
	floor_fail_allocation(0);
	CHECK(!d_invalidate_inode(inode->real));
	say("d_invalidate_inode(%ld)", (long)(inode - oracle.inodes));
	for (i = 0; i < oracle.nr_entries; i++) {
		if (!alias[i])
			continue;
		m_invalidate(&oracle.entries[i]);
		m_put(&oracle.entries[i]);
	}
}

void op_invalidate_name(struct m_entry *dir, struct qstr *name)
{
	struct errors errors = { 0 };
	struct m_entry *entry;
	int err;

	dir_errors(&errors, dir);
	name_errors(&errors, name);
	floor_fail_allocation(0);
	err = d_invalidate_name(dir->real, name);
	say("d_invalidate_name(%d) = %d", number_of(dir), err);
	if (errors.n) {
		CHECK(has_error(&errors, err));
		return;
	}
	CHECK(!err);
	m_doubt(dir->inode);
	m_overtake(dir, m_name(name));
	entry = m_hashed(dir, m_name(name));
	if (entry) {
		m_get(entry);
		m_invalidate(entry);
		m_put(entry);
	}
}

void op_invalidate_children(struct m_entry *dir)
{
	struct errors errors = { 0 };
	int err = d_invalidate_children(dir->real);

	say("d_invalidate_children(%d) = %d", number_of(dir), err);
	dir_errors(&errors, dir);
	if (errors.n) {
		CHECK(has_error(&errors, err));
		return;
	}
	CHECK(!err);
	m_lose(dir->inode);
	dir->inode->generation++;
}

/* ---- visiting ---- */

static struct {
	struct m_entry *top;
	bool deep, quit;
	uint8_t how;
	int nr;
	bool seen[MAX_ENTRIES], skipped[MAX_ENTRIES];
} visits;

/* Is it to be visited, after what has been so far? */
static bool to_be_visited(const struct m_entry *entry)
{
	const struct m_entry *parent = entry->parent;

	if (!entry->alive || !entry->listed || entry->in_lookup)
		return false;
	if (!visits.deep)
		return parent == visits.top;
	return visits.seen[parent - oracle.entries] && !visits.skipped[parent - oracle.entries];
}

static enum d_walk_ret visit(struct dentry *real, void *data)
{
	struct m_entry *entry = d_fsdata(real);
	int number = number_of(entry);

	CHECK(data == &visits && entry && entry->real == real && !visits.quit);
	CHECK(!visits.seen[number]);
	CHECK((visits.deep && entry == visits.top) || to_be_visited(entry));
	CHECK(d_count(real) > entry->refs - (entry == visits.top));
	visits.seen[number] = true;
	visits.quit = (visits.how & 0x80) && visits.nr++ == (visits.how & 7);
	if (visits.quit)
		return D_WALK_QUIT;
	visits.skipped[number] = (visits.how & 0x40) && number % 3 == visits.how % 3;
	return visits.skipped[number] ? D_WALK_SKIP : D_WALK_CONTINUE;
}

void op_visit(struct m_entry *top, bool deep, uint8_t how)
{
	int result, i;

	memset(&visits, 0, sizeof(visits));
	visits.top = top;
	visits.deep = deep;
	visits.how = how;
	result = (deep ? d_walk : d_for_each_child)(top->real, visit, &visits);
	say("%s(%d) = %d", deep ? "d_walk" : "d_for_each_child", number_of(top), result);
	if (visits.quit) {
		CHECK(result == 2);
		return;
	}
	if (floor_allocation_failed()) {
		CHECK(result == -ENOMEM);
		return;
	}
	CHECK(!result);
	CHECK(!deep || visits.seen[number_of(top)]);
	for (i = 0; i < oracle.nr_entries; i++)
		CHECK(visits.seen[i] || !to_be_visited(&oracle.entries[i]));
}

/* ---- all entries of an inode ---- */

static void prune_aliases(struct m_inode *inode)
{
	size_t unused = 0;
	int i;

	for (i = 0; i < oracle.nr_entries; i++) {
		struct m_entry *entry = &oracle.entries[i];

		if (entry->alive && entry->inode == inode && !entry->refs) {
			m_kill(entry);
			unused++;
		}
	}
	CHECK(d_prune_aliases(inode->real) == unused);
	say("d_prune_aliases(%ld) = %zu", (long)(inode - oracle.inodes), unused);
}

void op_aliases(struct m_inode *inode, uint8_t how)
{
	struct m_entry *entry;
	struct dentry *real;
	bool any = false;
	int i;

	if (how & 2) {
		prune_aliases(inode);
		return;
	}
	for (i = 0; i < oracle.nr_entries; i++) {
		entry = &oracle.entries[i];
		any |= entry->alive && entry->inode == inode &&
		       (entry->hashed || inode->directory || (how & 1));
	}
	real = (how & 1 ? d_find_any_alias : d_find_alias)(inode->real);
	say("d_find%s_alias(%ld) = %d", how & 1 ? "_any" : "", (long)(inode - oracle.inodes), any);
	CHECK(!!real == any);
	if (!real)
		return;
	entry = d_fsdata(real);
	CHECK(entry && entry->alive && entry->real == real && entry->inode == inode);
	CHECK(entry->hashed || inode->directory || (how & 1));
	keep(m_get(entry));
}

/* ---- listings ---- */

void op_list_begin(struct m_listing *listing, struct m_entry *dir)
{
	struct errors errors = { 0 };
	int err = dir_listing_begin(&listing->real, dir->real);

	say("dir_listing_begin(%d) = %d", number_of(dir), err);
	dir_errors(&errors, dir);
	if (errors.n) {
		CHECK(has_error(&errors, err));
		return;
	}
	CHECK(!err);
	listing->dir = get_entry(dir);
	listing->generation = dir->inode->generation;
	listing->doubts = dir->inode->doubts;
	listing->lost = listing->failed = false;
}

/* What is cached of the name leads elsewhere, or nowhere. */
static void replace(struct m_listing *listing, struct m_entry *found)
{
	bool lost = listing->lost;

	/* Not lost to this listing, which is about to add it. */
	m_lose(listing->dir->inode);
	listing->lost = lost;
	m_get(found);
	m_unhash_gone(found);
	if (found->inode && found->inode->directory)
		m_invalidate(found);
	m_put(found);
}

/* The name is not cached: it is spliced. */
static void list_new(struct m_listing *listing, struct call *call, struct m_name name, int err)
{
	struct m_entry *dir = listing->dir, *entry, *moved;
	struct errors errors = { 0 };

	oracle.started++;
	splice(&errors, call, NULL, dir, name, &moved);
	if (errors.n) {
		CHECK(has_error(&errors, err));
		m_lose(dir->inode);
		listing->failed = true;
		m_inode_put(call->inode);
		oracle.unknown_deaths++;
		return;
	}
	CHECK(!err);
	if (moved) {
		spliced(moved, NULL, true, dir, name, listing->generation);
		m_put(moved);
		m_inode_put(call->inode);
		oracle.unknown_deaths++;
	} else if (listing->generation != dir->inode->generation) {
		m_found_late(dir->inode);
		m_inode_put(call->inode);
		oracle.unknown_deaths++;
	} else if (dir->marked || name.bytes[0] == 'x') {
		/* It is not kept, and so lost at once. */
		m_lose(dir->inode);
		m_inode_put(call->inode);
		oracle.unknown_deaths++;
	} else {
		entry = m_new(unseen(dir, name), dir, name);
		m_outdate(entry, listing->generation);
		m_list(entry);
		m_publish(entry, call->inode);
		m_put(entry);
	}
}

static void list_name(struct m_listing *listing, struct call *call, int err)
{
	struct m_name name = m_name(&call->name);
	struct m_entry *found = m_hashed(listing->dir, name);
	bool doubted = listing->doubts != listing->dir->inode->doubts;

	if (found && found->inode != call->inode && doubted) {
		/* It may be newer. */
		CHECK(!err);
		m_inode_put(call->inode);
		return;
	}
	if (found && found->inode == call->inode) {
		CHECK(!err);
		m_renew(found, listing->generation);
		m_inode_put(call->inode);
		return;
	}
	if (found)
		replace(listing, found);
	if (m_in_lookup(listing->dir, name)) {
		CHECK(!err);
		listing->failed = true;
		m_inode_put(call->inode);
		return;
	}
	oracle_adopt_before_splice(listing->dir);
	if (floor_allocation_failed()) {
		CHECK(err == -ENOMEM);
		listing->failed = true;
		m_inode_put(call->inode);
		return;
	}
	if (doubted) {
		/* Somebody's for a moment. */
		CHECK(!err);
		oracle.started++;
		m_inode_put(call->inode);
		oracle.unknown_deaths++;
		return;
	}
	list_new(listing, call, name, err);
}

static bool is_dots(const struct qstr *name)
{
	return name->name && (name->len == 1 || name->len == 2) && name->name[0] == '.' &&
	       name->name[name->len - 1] == '.';
}

void op_list_add(struct m_listing *listing, struct call *call)
{
	struct m_entry *pinned = NULL, *found = NULL;
	struct errors errors = { 0 };
	bool dots = false;
	int err;

	if (IS_ERR(call->real_inode))
		add_error(&errors, (int)PTR_ERR(call->real_inode));
	else if (!listing->dir || !call->inode)
		add_error(&errors, -EINVAL);
	else if (call->inode->foreign)
		add_error(&errors, -EXDEV);
	else if (is_dots(&call->name))
		dots = true;
	else
		name_errors(&errors, &call->name);
	if (!dots && !errors.n) {
		found = m_hashed(listing->dir, m_name(&call->name));
		/* What is moved is neither evicted for the new entry nor freed: who did which could
		 * not be told. */
		if (call->inode->directory)
			pinned = m_alias(call->inode);
	}
	if (pinned)
		get_entry(pinned);
	/* What is below it is invalidated: with whatever memory there is. */
	if (found && found->inode && found->inode->directory)
		floor_fail_allocation(0);
	oracle_before_eviction();
	err = dir_listing_add(&listing->real, &call->name, call->real_inode);
	say("dir_listing_add(%d, inode %ld) = %d", number_of(listing->dir),
	    call->inode ? (long)(call->inode - oracle.inodes) : -1, err);
	if (errors.n) {
		CHECK(has_error(&errors, err));
		listing->failed = true;
		m_inode_put(call->inode);
	} else if (dots) {
		CHECK(!err);
		m_inode_put(call->inode);
	} else {
		list_name(listing, call, err);
	}
	if (pinned)
		put_entry(pinned);
}

void op_list_end(struct m_listing *listing, bool complete)
{
	struct m_entry *dir = listing->dir;
	bool expected, got = dir_listing_end(&listing->real, complete);

	say("dir_listing_end(%d) = %d", number_of(dir), got);
	expected = dir && complete && !listing->failed && !listing->lost &&
		   dir->inode->generation == listing->generation;
	CHECK(got == expected);
	if (!dir)
		return;
	if (expected)
		dir->inode->complete = true;
	listing->dir = NULL;
	put_entry(dir);
}
