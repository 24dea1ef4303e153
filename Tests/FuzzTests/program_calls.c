/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls that do not sleep. Each is made after the oracle has said what it must answer, and the
 * oracle is told of it afterwards.
 */
#include "program.h"

/* If an allocation failed the call must say so. True: it did. */
bool ran_out(const void *real)
{
	if (!floor_allocation_failed())
		return false;
	CHECK(PTR_ERR(real) == -ENOMEM);
	floor_fail_allocation(0);
	return true;
}

bool failed(const struct errors *errors, const void *real)
{
	if (!errors->n)
		return false;
	if (!has_error(errors, PTR_ERR(real)))
		die("answers %ld, not %d", PTR_ERR(real), errors->e[0]);
	return true;
}

void checks(const void *real, const struct m_entry *expected)
{
	if (real != expected->real)
		die("answers %ld, not entry %d", PTR_ERR(real), number_of(expected));
}

void hash_maybe(struct m_entry *dir, struct qstr *name, bool yes)
{
	struct errors errors = { 0 };
	int err;

	if (!yes)
		return;
	err = d_hash_name(dir->real, name);
	name_errors(&errors, name);
	CHECK(errors.n ? has_error(&errors, err) : !err && name->hash);
	if (err)
		name->hash = 0;
}

void op_alloc(struct call *call)
{
	struct errors errors = { 0 };
	struct dentry *real;

	dir_errors(&errors, call->dir);
	name_errors(&errors, &call->name);
	oracle_before_eviction();
	real = d_alloc(call->dir->real, &call->name);
	say("d_alloc(%d) = %ld", number_of(call->dir), outcome(real));
	if (failed(&errors, real) || ran_out(real))
		return;
	CHECK(!IS_ERR(real));
	keep(m_new(real, call->dir, m_name(&call->name)));
}

/* The inode of a name is there, and not cached. */
void not_added(const struct m_entry *entry, const struct m_inode *inode)
{
	if (inode && entry->parent != entry)
		m_lose(entry->parent->inode);
}

/* What d_add() and d_instantiate() have in common. */
void op_add(struct call *call, int which)
{
	struct m_entry *entry = call->entry;
	struct errors errors = { 0 };
	int err;

	if (IS_ERR(call->real_inode)) {
		add_error(&errors, (int)PTR_ERR(call->real_inode));
	} else if (which == 0) {
		publish_errors(&errors, entry, call->inode);
		m_list(entry);
	} else {
		if (!call->inode)
			add_error(&errors, -EINVAL);
		else if (entry->in_lookup)
			add_error(&errors, -EBUSY);
		else if (entry->inode)
			add_error(&errors, -EINVAL);
		else if (call->inode->foreign)
			add_error(&errors, -EXDEV);
		else if (call->inode->directory && m_alias(call->inode))
			add_error(&errors, -EEXIST);
		/* It may get children: it is listed by now. */
		if (call->inode && !entry->in_lookup && !entry->listed)
			m_list(entry);
	}
	err = which ? d_instantiate(entry->real, call->real_inode)
		    : d_add(entry->real, call->real_inode);
	say("%s(%d, inode %ld) = %d", which ? "d_instantiate" : "d_add", number_of(entry),
	    call->inode ? (long)(call->inode - oracle.inodes) : -1, err);
	if (errors.n) {
		CHECK(has_error(&errors, err));
		not_added(entry, call->inode);
		m_inode_put(call->inode);
		return;
	}
	CHECK(!err);
	if (which)
		m_set_inode(entry, call->inode);
	if (which && !entry->hashed) {
		not_added(entry, call->inode);
		if (entry->parent != entry)
			m_overtake(entry->parent, m_name_of(entry));
	}
	if (!which)
		m_publish(entry, call->inode);
}

void op_rehash(struct m_entry *entry)
{
	struct errors errors = { 0 };
	int err;

	if (entry->parent == entry) {
		add_error(&errors, -EINVAL);
	} else {
		struct m_entry *other = m_hashed(entry->parent, m_name_of(entry));

		if (entry->hashed || (other && other != entry))
			add_error(&errors, -EEXIST);
		if (entry->in_lookup)
			add_error(&errors, -EBUSY);
		if (entry->ended)
			add_error(&errors, -EINVAL);
		m_list(entry);
	}
	err = d_rehash(entry->real);
	say("d_rehash(%d) = %d", number_of(entry), err);
	if (errors.n) {
		CHECK(has_error(&errors, err));
		return;
	}
	CHECK(!err);
	m_overtake(entry->parent, m_name_of(entry));
	entry->hashed = true;
}

void op_delete(struct m_entry *entry)
{
	say("d_delete(%d)", number_of(entry));
	d_delete(entry->real);
	if (!entry->inode)
		return;
	if (!entry->hashed && entry->parent != entry)
		m_overtake(entry->parent, m_name_of(entry));
	if (entry->refs == 1)
		m_clear_inode(entry);
	else
		m_unhash_gone(entry);
}

/*
 * What d_splice_alias() must do with @entry, whose place is @parent and @name; or, NULL, with a new
 * one there. Errors; or *@moved, referenced; or NULL: it is added as it is.
 */
void splice(struct errors *errors, struct call *call, struct m_entry *entry, struct m_entry *parent,
	    struct m_name name, struct m_entry **moved)
{
	struct m_entry *alias = NULL, *other;

	*moved = NULL;
	if (call->inode && call->inode->foreign)
		add_error(errors, -EXDEV);
	else if (call->inode && call->inode->directory)
		alias = m_alias(call->inode);
	if (!alias) {
		if (entry)
			publish_errors(errors, entry, call->inode);
		return;
	}
	if (entry && entry->parent == entry)
		add_error(errors, -EINVAL);
	if (m_is_ancestor(alias, parent) || alias == entry)
		add_error(errors, -ELOOP);
	if (alias->parent != alias && alias->parent != parent &&
	    (alias->parent->inode->writer || alias->parent->inode->queued))
		add_error(errors, -ESTALE);
	other = m_hashed(parent, name);
	if ((entry && entry->hashed) ||
	    (other && other != alias && other != entry && !(entry && entry->in_lookup)))
		add_error(errors, -EEXIST);
	if (entry && (entry->ended || entry->inode))
		add_error(errors, -EINVAL);
	*moved = alias;
}

/* The alias has taken @entry's place; or that of one that nobody has seen, which was in-lookup, or not. It
 * stays where it is if that was overtaken. */
void spliced(struct m_entry *moved, struct m_entry *entry, bool in_lookup, struct m_entry *parent,
	     struct m_name name, uint32_t generation)
{
	m_get(moved);
	if (in_lookup && generation != parent->inode->generation) {
		if (entry) {
			m_lose(parent->inode);
			m_answer(entry, 0, moved);
		} else {
			m_found_late(parent->inode);
		}
		return;
	}
	m_move(moved, parent, name, generation);
	if (entry) {
		if (entry->in_lookup)
			m_end(entry, 0, moved);
		entry->ended = true;
	}
	m_overtake(parent, name);
}

void drop_inode(struct call *call)
{
	iput(call->real_inode);
	m_inode_put(call->inode);
	call->inode = NULL;
	call->real_inode = NULL;
}

/* d_splice_alias() has begun to publish @entry, unless it moves @moved. */
void splice_lists(struct call *call, struct m_entry *entry, const struct m_entry *moved)
{
	if (!moved && !(call->inode && call->inode->foreign))
		m_list(entry);
}

/* Returns the entry that took its place, if one did; *@error. */
struct m_entry *op_splice(struct call *call, struct m_entry *entry, int *error)
{
	struct errors errors = { 0 };
	struct m_entry *moved = NULL;
	struct dentry *real;

	*error = 0;
	if (IS_ERR(call->real_inode)) {
		add_error(&errors, (int)PTR_ERR(call->real_inode));
	} else {
		splice(&errors, call, entry, entry->parent, m_name_of(entry), &moved);
		splice_lists(call, entry, moved);
	}
	real = d_splice_alias(call->real_inode, entry->real);
	say("d_splice_alias(%d, inode %ld) = %ld", number_of(entry),
	    call->inode ? (long)(call->inode - oracle.inodes) : -1, outcome(real));
	if (failed(&errors, real)) {
		not_added(entry, call->inode);
		m_inode_put(call->inode);
		*error = (int)PTR_ERR(real);
		return NULL;
	}
	if (moved) {
		checks(real, moved);
		spliced(moved, entry, entry->in_lookup, entry->parent, m_name_of(entry),
			entry->generation);
		m_inode_put(call->inode);
		return moved;
	}
	CHECK(!real);
	m_publish(entry, call->inode);
	return NULL;
}

void op_obtain(struct call *call)
{
	struct errors errors = { 0 };
	struct m_entry *alias = call->inode ? m_alias(call->inode) : NULL;
	struct dentry *real;

	if (!call->real_inode)
		add_error(&errors, -ESTALE);
	else if (IS_ERR(call->real_inode))
		add_error(&errors, (int)PTR_ERR(call->real_inode));
	oracle_before_eviction();
	real = d_obtain_alias(call->real_inode);
	say("d_obtain_alias = %ld", outcome(real));
	if (failed(&errors, real))
		return;
	if (ran_out(real)) {
		m_inode_put(call->inode);
		return;
	}
	CHECK(!IS_ERR(real));
	if (alias) {
		/* Any of them. */
		alias = d_fsdata(real);
		CHECK(alias && alias->alive && alias->inode == call->inode);
		keep(m_get(alias));
		m_inode_put(call->inode);
		return;
	}
	alias = m_new(real, NULL, (struct m_name){ "/", 1 });
	m_set_inode(alias, call->inode);
	alias->disconnected = true;
	keep(alias);
}

void op_make_root(struct call *call)
{
	struct errors errors = { 0 };
	struct m_entry *root;
	const struct m_entry *alias = NULL;
	struct dentry *real;
	bool taken;

	if (!call->real_inode)
		add_error(&errors, -ENOMEM);
	else if (IS_ERR(call->real_inode))
		add_error(&errors, (int)PTR_ERR(call->real_inode));
	else if (!call->inode->directory)
		add_error(&errors, -ENOTDIR);
	else
		alias = m_alias(call->inode);
	oracle_before_eviction();
	real = d_make_root(call->real_inode);
	say("d_make_root = %ld", outcome(real));
	/* What the directory had may be what was evicted, to make room for the root. */
	taken = alias && !alias->gone;
	if (taken)
		add_error(&errors, -EEXIST);
	if (IS_ERR(real) && ran_out(real)) {
		m_inode_put(call->inode);
		return;
	}
	if (failed(&errors, real)) {
		m_inode_put(call->inode);
		oracle.unknown_deaths += taken;
		return;
	}
	CHECK(!IS_ERR(real));
	root = m_new(real, NULL, (struct m_name){ "/", 1 });
	m_set_inode(root, call->inode);
	keep(root);
}

void op_lookup(struct call *call, bool hash)
{
	struct errors errors = { 0 };
	struct m_entry *expected = NULL;
	struct dentry *real;

	name_errors(&errors, &call->name);
	if (!errors.n)
		expected = m_hashed(call->dir, m_name(&call->name));
	real = hash ? d_hash_and_lookup(call->dir->real, &call->name)
		    : d_lookup(call->dir->real, &call->name);
	say("d_lookup(%d) = %ld", number_of(call->dir), outcome(real));
	CHECK(!floor_allocation_failed());
	if (hash && failed(&errors, real))
		return;
	CHECK(real == (expected ? expected->real : NULL));
	if (expected)
		keep(m_get(expected));
}

void op_lookup_batch(struct d_lookup_request *requests, struct m_entry *const *dirs, size_t n)
{
	struct m_entry *expected[BATCH_REQUESTS];
	size_t found, expected_found = 0, i;

	for (i = 0; i < n; i++) {
		struct errors errors = { 0 };

		name_errors(&errors, &requests[i].name);
		expected[i] = errors.n ? NULL : m_hashed(dirs[i], m_name(&requests[i].name));
		expected_found += !!expected[i];
	}
	found = d_lookup_batch(requests, n);
	say("d_lookup_batch(%zu) = %zu", n, found);
	CHECK(!floor_allocation_failed());
	CHECK(found == expected_found);
	for (i = 0; i < n; i++) {
		const struct d_lookup_request *request = &requests[i];
		struct errors errors = { 0 };

		name_errors(&errors, &request->name);
		say("of %d: %ld", number_of(dirs[i]), outcome(request->dentry));
		/* The bytes are not looked at, but by d_hash. */
		if (IS_ERR(request->dentry)) {
			CHECK(failed(&errors, request->dentry));
			continue;
		}
		CHECK(request->name.len && request->name.name &&
		      request->name.len <= DCACHE_NAME_MAX && request->name.hash);
		CHECK(request->dentry == (expected[i] ? expected[i]->real : NULL));
		if (expected[i])
			keep(m_get(expected[i]));
	}
}

void op_end(struct m_entry *entry, uint8_t how, uint8_t arg)
{
	struct m_entry *alias = arg < 0xf0 ? pick_where(any_entry, arg) : NULL;
	bool in_lookup = entry->in_lookup;
	int error = how == 2 ? -1 - arg : 0, expected = 0, got = 0;

	switch (how) {
	case 0:
		d_lookup_done(entry->real);
		if (in_lookup)
			m_end(entry, 0, NULL);
		break;
	case 1:
		/* No error. */
		error = arg & 1 ? arg : -MAX_ERRNO - 1 - arg;
		expected = -EINVAL;
		got = d_lookup_fail(entry->real, error);
		break;
	case 2:
		expected = in_lookup ? 0 : -EALREADY;
		got = d_lookup_fail(entry->real, error);
		if (in_lookup)
			m_answer(entry, error, NULL);
		break;
	case 3:
		if (!alias || alias == entry || alias->in_lookup)
			expected = -EINVAL;
		else if (!in_lookup)
			expected = -EALREADY;
		got = d_lookup_redirect(entry->real, alias ? alias->real : NULL);
		if (!expected)
			m_answer(entry, 0, alias);
		break;
	default:
		d_lookup_detach(entry->real);
		if (in_lookup)
			entry->owner = -1;
		break;
	}
	say("end of the lookup of %d, kind %d = %d", number_of(entry), how, got);
	CHECK(got == expected);
}
