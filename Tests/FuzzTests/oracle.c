/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tree of names as the contracts have it; see oracle.h. */
#include "oracle.h"

#include "cursor.h"

#include <string.h>
#include <strings.h>

struct oracle oracle;

void oracle_begin(void)
{
	/* All but what nr_entries and nr_inodes will count again. */
	oracle.nr_entries = 0;
	oracle.nr_inodes = 0;
	memset(oracle.actors, 0, sizeof(oracle) - offsetof(struct oracle, actors));
}

/* ---- inodes ---- */

struct m_inode *m_inode_new(struct inode *real, bool directory, bool foreign, bool backend)
{
	struct m_inode *inode = &oracle.inodes[oracle.nr_inodes++];

	CHECK(oracle.nr_inodes <= MAX_INODES);
	*inode = (struct m_inode){ .real = real,
				   .directory = directory,
				   .foreign = foreign,
				   .backend = backend,
				   .refs = 1 };
	return inode;
}

void m_inode_put(struct m_inode *inode)
{
	if (inode)
		CHECK(--inode->refs >= 0);
}

/* ---- entries ---- */

struct m_entry *m_new(struct dentry *real, struct m_entry *parent, struct m_name name)
{
	struct m_entry *entry = &oracle.entries[oracle.nr_entries++];

	CHECK(oracle.nr_entries <= MAX_ENTRIES);
	*entry = (struct m_entry){ .real = real,
				   .parent = parent ? parent : entry,
				   .len = name.len,
				   .alive = true,
				   .refs = 1,
				   .generation = parent ? parent->inode->generation : 0,
				   .owner = -1 };
	memcpy(entry->name, name.bytes, name.len);
	if (parent)
		m_get(parent);
	d_set_fsdata(real, entry);
	return entry;
}

struct m_entry *m_get(struct m_entry *entry)
{
	CHECK(entry->alive && entry->refs >= 0);
	entry->refs++;
	return entry;
}

void m_kill(struct m_entry *entry)
{
	struct m_entry *parent = entry->parent;

	CHECK(entry->alive && !entry->refs && !entry->in_lookup);
	if (entry->hashed && entry->inode)
		m_lose(parent->inode);
	entry->alive = false;
	entry->hashed = false;
	entry->changes++;
	m_inode_put(entry->inode);
	entry->inode = NULL;
	if (parent != entry)
		m_put(parent);
}

/* What d_delete says in fuzz_program.c: these are not kept. */
static bool is_kept(const struct m_entry *entry)
{
	return entry->hashed && !oracle.dying && entry->name[0] != 'x' && !entry->marked;
}

void m_put(struct m_entry *entry)
{
	CHECK(entry->alive && entry->refs > 0);
	if (!--entry->refs && !is_kept(entry))
		m_kill(entry);
}

void m_gone(struct m_entry *entry)
{
	if (!entry) {
		oracle.unknown_gone++;
		return;
	}
	if (entry->gone)
		die("an entry is freed twice");
	entry->gone = true;
}

/* ---- names ---- */

struct m_name m_name_of(const struct m_entry *entry)
{
	return (struct m_name){ entry->name, entry->len };
}

bool m_equal(struct m_name a, struct m_name b)
{
	if (a.len != b.len)
		return false;
	return oracle.folds ? !strncasecmp(a.bytes, b.bytes, a.len)
			    : !memcmp(a.bytes, b.bytes, a.len);
}

static struct m_entry *find(const struct m_entry *dir, struct m_name name, bool in_lookup)
{
	struct m_entry *found = NULL;
	int i;

	for (i = 0; i < oracle.nr_entries; i++) {
		struct m_entry *entry = &oracle.entries[i];

		if (entry->alive && entry->parent == dir && entry != dir &&
		    (in_lookup ? entry->in_lookup : entry->hashed) &&
		    m_equal(m_name_of(entry), name)) {
			CHECK(!found);
			found = entry;
		}
	}
	return found;
}

struct m_entry *m_hashed(const struct m_entry *dir, struct m_name name)
{
	return find(dir, name, false);
}

struct m_entry *m_in_lookup(const struct m_entry *dir, struct m_name name)
{
	return find(dir, name, true);
}

struct m_entry *m_alias(const struct m_inode *inode)
{
	int i;

	for (i = 0; i < oracle.nr_entries; i++) {
		if (oracle.entries[i].alive && oracle.entries[i].inode == inode)
			return &oracle.entries[i];
	}
	return NULL;
}

bool m_is_ancestor(const struct m_entry *ancestor, const struct m_entry *entry)
{
	while (entry != ancestor) {
		if (entry->parent == entry)
			return false;
		entry = entry->parent;
	}
	return true;
}

/* ---- changes ---- */

void m_lose(struct m_inode *dir)
{
	int i;

	dir->complete = false;
	for (i = 0; i < LISTINGS; i++) {
		if (oracle.listings[i].dir && oracle.listings[i].dir->inode == dir)
			oracle.listings[i].lost = true;
	}
}

void m_doubt(struct m_inode *dir)
{
	m_lose(dir);
	dir->doubts++;
}

void m_list(struct m_entry *entry)
{
	if (entry->parent == entry)
		return;
	entry->listed = true;
	entry->marked = entry->parent->marked;
}

void m_unhash_gone(struct m_entry *entry)
{
	if (!entry->hashed)
		return;
	entry->hashed = false;
	entry->changes++;
}

void m_unhash(struct m_entry *entry)
{
	if (entry->hashed && entry->inode)
		m_lose(entry->parent->inode);
	m_unhash_gone(entry);
}

/* Neither the entry nor, if it is negative, what its directory says of all names is true. */
static void unhash_untrue(struct m_entry *entry)
{
	if (entry->hashed)
		m_doubt(entry->parent->inode);
	m_unhash_gone(entry);
}

/* ---- what is below an entry ---- */

/* All that is listed below @top; only below those of its children that are in @only, if that is given. */
static void select_below(const struct m_entry *top, const bool *only, bool *below)
{
	bool more = true;
	int i;

	memset(below, 0, MAX_ENTRIES * sizeof(*below));
	while (more) {
		more = false;
		for (i = 0; i < oracle.nr_entries; i++) {
			const struct m_entry *entry = &oracle.entries[i];

			if (below[i] || !entry->alive || !entry->listed)
				continue;
			below[i] = entry->parent == top ? !only || only[i]
							: below[entry->parent - oracle.entries];
			more |= below[i];
		}
	}
}

/* What is unused of that goes, directories after what they hold. */
static void kill_unused(const bool *below)
{
	bool more = true;
	int i;

	while (more) {
		more = false;
		for (i = 0; i < oracle.nr_entries; i++) {
			if (!below[i] || !oracle.entries[i].alive || oracle.entries[i].refs)
				continue;
			m_kill(&oracle.entries[i]);
			more = true;
		}
	}
}

static long count_alive(void)
{
	long nr = 0;
	int i;

	for (i = 0; i < oracle.nr_entries; i++)
		nr += oracle.entries[i].alive;
	return nr;
}

long m_prune(struct m_entry *top)
{
	long before = count_alive();
	bool below[MAX_ENTRIES];

	select_below(top, NULL, below);
	kill_unused(below);
	return before - count_alive();
}

/* Nothing below @top is true. A root stays, but is no longer what its names are found in. */
static void doubt_below(struct m_entry *top, const bool *only, bool cut)
{
	bool below[MAX_ENTRIES];
	int i;

	select_below(top, only, below);
	for (i = 0; i < oracle.nr_entries; i++) {
		if (!below[i])
			continue;
		oracle.entries[i].marked = true;
		if (cut && oracle.entries[i].parent == top)
			unhash_untrue(&oracle.entries[i]);
	}
	kill_unused(below);
}

void m_cut_off(struct m_entry *entry)
{
	unhash_untrue(entry);
	if (entry->parent != entry) {
		entry->marked = true;
	} else if (entry->inode && entry->inode->directory) {
		m_lose(entry->inode);
		entry->inode->generation++;
	}
}

void m_invalidate(struct m_entry *entry)
{
	m_cut_off(entry);
	doubt_below(entry, NULL, entry->parent == entry);
}

void m_invalidate_deferred(struct m_entry *entry)
{
	struct m_deferred *deferred = &oracle.deferred[oracle.nr_deferred];
	bool any = false;
	int i;

	m_cut_off(entry);
	for (i = 0; i < MAX_ENTRIES; i++) {
		const struct m_entry *child = &oracle.entries[i];

		deferred->child[i] = i < oracle.nr_entries && child->alive && child->listed &&
				     child->parent == entry;
		any |= deferred->child[i];
	}
	/* What another has left to do in the same list looks like a child. */
	for (i = 0; i < oracle.nr_deferred; i++)
		any |= oracle.deferred[i].top == entry;
	if (!any)
		return;
	CHECK(oracle.nr_deferred < MAX_DEFERRED);
	deferred->top = m_get(entry);
	oracle.nr_deferred++;
}

void m_run_deferred(void)
{
	int i;

	for (i = 0; i < oracle.nr_deferred; i++) {
		struct m_deferred *deferred = &oracle.deferred[i];

		doubt_below(deferred->top, deferred->child, deferred->top->parent == deferred->top);
		m_put(deferred->top);
	}
	oracle.nr_deferred = 0;
	for (i = 0; i < oracle.nr_puts; i++)
		m_put(oracle.puts[i]);
	oracle.nr_puts = 0;
	for (i = 0; i < oracle.nr_iputs; i++)
		m_inode_put(oracle.iputs[i]);
	oracle.nr_iputs = 0;
}

void m_put_later(struct m_entry *entry)
{
	CHECK(entry->alive && entry->refs > 0);
	if (entry->refs > 1)
		m_put(entry);
	else
		oracle.puts[oracle.nr_puts++] = entry;
	CHECK(oracle.nr_puts <= MAX_PUTS);
}

void m_inode_put_later(struct m_inode *inode)
{
	if (inode->refs > 1)
		m_inode_put(inode);
	else
		oracle.iputs[oracle.nr_iputs++] = inode;
	CHECK(oracle.nr_iputs <= MAX_PUTS);
}

void m_resync(struct m_entry *top)
{
	bool below[MAX_ENTRIES];
	int i;

	select_below(top, NULL, below);
	for (i = 0; i < oracle.nr_entries; i++) {
		struct m_entry *entry = &oracle.entries[i];

		if (!below[i] || entry->gone)
			continue;
		below[i] = false;
		entry->marked = d_flags(entry->real) & DCACHE_DONTCACHE;
		if (d_unhashed(entry->real))
			unhash_untrue(entry);
	}
	kill_unused(below);
}

bool m_stale(const struct m_entry *entry)
{
	return entry->parent != entry && entry->parent->inode &&
	       entry->generation != entry->parent->inode->generation;
}

void m_not_true(struct m_entry *entry, struct m_inode *dir)
{
	if (entry->inode) {
		m_invalidate(entry);
		return;
	}
	if (dir)
		m_doubt(dir);
	m_unhash(entry);
}

void m_renew(struct m_entry *entry, uint32_t generation)
{
	if ((int32_t)(generation - entry->generation) > 0)
		entry->generation = generation;
}

void m_outdate(struct m_entry *entry, uint32_t generation)
{
	if ((int32_t)(generation - entry->generation) < 0)
		entry->generation = generation;
}

bool oracle_doubts(void)
{
	int i;

	for (i = 0; i < oracle.nr_entries; i++) {
		const struct m_entry *entry = &oracle.entries[i];

		if (entry->alive && (entry->marked || m_stale(entry)))
			return true;
	}
	return oracle.nr_deferred;
}

void m_set_inode(struct m_entry *entry, struct m_inode *inode)
{
	entry->inode = inode;
	entry->changes++;
}

void m_clear_inode(struct m_entry *entry)
{
	m_inode_put(entry->inode);
	entry->inode = NULL;
	entry->changes++;
}

void m_end(struct m_entry *entry, int error, struct m_entry *alias)
{
	int i;

	CHECK(entry->in_lookup);
	entry->in_lookup = false;
	entry->owner = -1;
	entry->nr_waiters = 0;
	for (i = 0; i < FLOOR_THREADS; i++) {
		struct actor *actor = &oracle.actors[i];

		if (!actor->busy || actor->waits != entry || actor->told)
			continue;
		actor->told = true;
		actor->error = error;
		actor->alias = alias && !actor->outdated ? m_get(alias) : NULL;
	}
	requests_told(entry, error, alias);
	if (error || alias)
		entry->ended = true;
	queue_head_put(entry->wq);
	entry->wq = NULL;
}

void m_found_late(struct m_inode *dir)
{
	oracle.overtaken++;
	m_lose(dir);
}

void m_overtake(const struct m_entry *dir, struct m_name name)
{
	struct m_entry *asked = m_in_lookup(dir, name);

	if (asked)
		m_outdate(asked, dir->inode->generation - 1);
}

void m_answer(struct m_entry *entry, int error, struct m_entry *alias)
{
	CHECK(error || alias);
	entry->overtaken = m_stale(entry);
	oracle.overtaken += entry->overtaken;
	m_end(entry, error, alias);
}

void m_publish(struct m_entry *entry, struct m_inode *inode)
{
	bool late = entry->in_lookup && m_stale(entry);

	if (inode)
		m_set_inode(entry, inode);
	if (late) {
		if (inode)
			m_lose(entry->parent->inode);
		m_answer(entry, 0, entry);
		return;
	}
	if (entry->in_lookup) {
		/* Whatever becomes of it. */
		requests_told(entry, 0, entry);
		m_end(entry, 0, NULL);
	} else {
		m_overtake(entry->parent, m_name_of(entry));
	}
	CHECK(!m_hashed(entry->parent, m_name_of(entry)));
	entry->hashed = true;
}

/* What is below an entry that is not true is not, either. Done after every move: so what
 * d_invalidate_deferred() left there to be freed is freed. */
static void m_prune_moved(struct m_entry *entry)
{
	if (entry->marked)
		doubt_below(entry, NULL, false);
}

/* It comes to @parent's list, if it was not there. */
static void change_place(struct m_entry *entry, struct m_entry *parent, struct m_name name,
			 uint32_t generation)
{
	int i;

	for (i = 0; i < oracle.nr_deferred && entry->parent != parent; i++)
		oracle.deferred[i].child[entry - oracle.entries] = false;
	entry->parent = parent;
	entry->len = name.len;
	memmove(entry->name, name.bytes, name.len);
	entry->generation = generation;
	entry->disconnected = entry->ended = entry->overtaken = false;
	entry->changes++;
	m_list(entry);
}

void m_move(struct m_entry *entry, struct m_entry *parent, struct m_name name, uint32_t generation)
{
	struct m_entry *from = entry->parent;

	if (from != parent)
		m_get(parent);
	change_place(entry, parent, name, generation);
	entry->hashed = true;
	oracle.renames++;
	if (from != parent && from != entry)
		m_put(from);
	m_prune_moved(entry);
}

uint32_t m_moved_generation(const struct m_entry *entry, const struct m_entry *parent)
{
	return parent->inode->generation - m_stale(entry);
}

void m_exchange(struct m_entry *a, struct m_entry *b)
{
	struct m_entry *a_parent = a->parent, *b_parent = b->parent;
	uint32_t a_generation = m_moved_generation(a, b_parent);
	uint32_t b_generation = m_moved_generation(b, a_parent);
	char name[DCACHE_NAME_MAX];
	size_t len = a->len;

	memcpy(name, a->name, len);
	change_place(a, b_parent, m_name_of(b), a_generation);
	change_place(b, a_parent, (struct m_name){ name, len }, b_generation);
	oracle.renames++;
	m_prune_moved(a);
	m_prune_moved(b);
}

/* ---- errors ---- */

void add_error(struct errors *errors, int error)
{
	CHECK(errors->n < MAX_ERRORS);
	errors->e[errors->n++] = error;
}

bool has_error(const struct errors *errors, long error)
{
	int i;

	for (i = 0; i < errors->n; i++) {
		if (errors->e[i] == error)
			return true;
	}
	return false;
}

void name_errors(struct errors *errors, const struct qstr *name)
{
	size_t i;

	if (!name->name || !name->len) {
		add_error(errors, -EINVAL);
		return;
	}
	if (name->len > DCACHE_NAME_MAX) {
		add_error(errors, -ENAMETOOLONG);
		return;
	}
	for (i = 0; i < name->len; i++) {
		if (name->name[i] == '/' || !name->name[i]) {
			add_error(errors, -EINVAL);
			break;
		}
	}
	/* What d_hash says in fuzz_program.c. */
	if (oracle.folds && name->name[0] == '!')
		add_error(errors, -EILSEQ);
}

void dir_errors(struct errors *errors, const struct m_entry *dir)
{
	if (!dir->inode)
		add_error(errors, -ENOENT);
	else if (!dir->inode->directory)
		add_error(errors, -ENOTDIR);
}

void publish_errors(struct errors *errors, const struct m_entry *entry, const struct m_inode *inode)
{
	const struct m_entry *other;

	if (entry->parent == entry) {
		add_error(errors, -EINVAL);
		return;
	}
	other = m_hashed(entry->parent, m_name_of(entry));
	/* What was made of a name overtakes who asks for it. */
	CHECK(!other || !entry->in_lookup || m_stale(entry));
	if (entry->hashed || (other && other != entry && !entry->in_lookup))
		add_error(errors, -EEXIST);
	if (entry->ended || entry->inode)
		add_error(errors, -EINVAL);
	if (inode && inode->foreign)
		add_error(errors, -EXDEV);
	if (inode && inode->directory && m_alias(inode))
		add_error(errors, -EEXIST);
}

/* ---- asking for a name ---- */

void asking_begin(int thread, struct m_entry *dir, struct m_name name, struct m_entry *holder)
{
	struct actor *actor = &oracle.actors[thread];

	actor->state = ASKING_START;
	actor->dir = dir;
	actor->name = name;
	actor->holder = holder;
	actor->waits = NULL;
	actor->found = NULL;
	actor->error = 0;
	actor->shared = false;
	actor->joined = false;
}

/* Would whoever is to end @target's lookup wait for @actor? */
static bool closes_cycle(int thread, const struct m_entry *holder, const struct m_entry *target)
{
	int i;

again:
	if (target == holder || target->owner == thread)
		return true;
	for (i = 0; i < FLOOR_THREADS; i++) {
		const struct actor *other = &oracle.actors[i];

		if (i == thread || !other->busy || !other->holder || !other->waits)
			continue;
		if (other->holder == target || (target->in_lookup && target->owner == i)) {
			target = other->waits;
			goto again;
		}
	}
	return false;
}

static void start(int thread, struct actor *actor)
{
	struct m_entry *entry = m_hashed(actor->dir, actor->name);

	actor->waits = NULL;
	actor->error = 0;
	if (entry) {
		actor->found = m_get(entry);
		actor->state = ASKING_FOUND;
		return;
	}
	entry = m_in_lookup(actor->dir, actor->name);
	if (!entry) {
		actor->state = ASKING_OWN;
		return;
	}
	if (entry->owner == thread ||
	    (actor->holder && closes_cycle(thread, actor->holder, entry))) {
		actor->state = ASKING_ERROR;
		actor->error = -EDEADLK;
		return;
	}
	actor->waits = m_get(entry);
	entry->nr_waiters++;
	oracle.waited++;
	actor->told = false;
	actor->outdated = m_stale(entry);
	actor->state = ASKING_PARKED;
}

void asking_step(int thread)
{
	struct actor *actor = &oracle.actors[thread];
	struct m_entry *entry;

	for (;;) {
		switch (actor->state) {
		case ASKING_START:
			start(thread, actor);
			if (actor->state != ASKING_START)
				return;
			break;
		case ASKING_PARKED:
			if (!actor->told)
				return;
			entry = actor->waits;
			actor->waits = NULL;
			if (actor->outdated) {
				m_put(entry);
				actor->state = ASKING_START;
				break;
			}
			if (actor->error || actor->alias) {
				oracle.shared++;
				actor->joined = true;
				actor->shared = actor->error;
				actor->found = actor->alias;
				actor->state = actor->error ? ASKING_ERROR : ASKING_FOUND;
				m_put(entry);
				return;
			}
			if (entry->hashed && entry->parent == actor->dir &&
			    m_equal(m_name_of(entry), actor->name)) {
				oracle.shared++;
				actor->joined = true;
				actor->found = entry;
				actor->state = ASKING_FOUND;
				return;
			}
			m_put(entry);
			actor->state = ASKING_START;
			break;
		default:
			return;
		}
	}
}

/* ---- directories' locks ---- */

bool m_try_lock(struct m_inode *inode, bool writer)
{
	if (inode->writer || inode->queued || (writer && inode->readers))
		return false;
	if (writer)
		inode->writer = true;
	else
		inode->readers++;
	return true;
}

bool m_lock(int thread, struct m_inode *inode, bool writer)
{
	struct actor *actor = &oracle.actors[thread];

	actor->lock = inode;
	actor->lock_writer = writer;
	actor->granted = m_try_lock(inode, writer);
	if (!actor->granted)
		inode->queue[inode->queued++] = thread;
	return actor->granted;
}

void m_unlock(struct m_inode *inode, bool writer)
{
	if (writer)
		inode->writer = false;
	else
		CHECK(--inode->readers >= 0);
	while (inode->queued) {
		struct actor *next = &oracle.actors[inode->queue[0]];

		if (inode->writer || (next->lock_writer && inode->readers))
			return;
		if (next->lock_writer)
			inode->writer = true;
		else
			inode->readers++;
		next->granted = true;
		inode->queued--;
		memmove(inode->queue, inode->queue + 1,
			(size_t)inode->queued * sizeof(inode->queue[0]));
	}
}

/* ---- eviction ---- */

static struct m_entry *entry_of(const struct dentry *real)
{
	return d_fsdata(real);
}

void oracle_before_eviction(void)
{
	unsigned int shard;
	int i;

	oracle.may_evict = true;
	for (i = 0; i < oracle.nr_entries; i++)
		oracle.entries[i].lru_place = -1;
	for (shard = 0; shard < LRU_SHARDS * LRU_LISTS; shard++) {
		const struct list_head *list, *at;
		int place = (int)shard << 16;

		list = &oracle.dc->lru[shard / LRU_LISTS].lists[shard % LRU_LISTS].list;
		for (at = list->next; at != list; at = at->next) {
			struct dentry *real = container_of(at, struct dentry, d_lru);
			struct m_entry *entry = entry_of(real);

			CHECK(entry && entry->alive && entry->real == real);
			entry->lru_place = place++;
			entry->lru_again = d_flags(real) & DCACHE_REFERENCED;
			entry->lru_unused = !entry->refs;
		}
	}
}

/* @entry went. Is there one on the same list that had to go before it? */
static void check_order(const struct m_entry *entry)
{
	int i;

	if (entry->lru_place < 0 || !entry->lru_unused)
		return;
	for (i = 0; i < oracle.nr_entries; i++) {
		const struct m_entry *other = &oracle.entries[i];

		if (!other->alive || other->gone || other->refs || other->lru_place < 0 ||
		    !other->lru_unused || other->lru_again ||
		    other->lru_place >> 16 != entry->lru_place >> 16)
			continue;
		if (entry->lru_again)
			die("an entry that was used again is evicted before one that was not");
		if (other->lru_place < entry->lru_place)
			die("an entry is evicted before one that was used less recently");
	}
}

size_t oracle_adopt(void)
{
	size_t evicted = 0;
	bool more = true;
	int i;

	while (more) {
		more = false;
		for (i = 0; i < oracle.nr_entries; i++) {
			struct m_entry *entry = &oracle.entries[i];

			if (!entry->gone || !entry->alive || entry->refs)
				continue;
			if (!oracle.may_evict)
				die("an entry is freed that is to be kept");
			m_kill(entry);
			evicted++;
			more = true;
		}
	}
	oracle.evicted += evicted;
	return evicted;
}

void oracle_adopt_before_splice(const struct m_entry *dir)
{
	struct dcache_stats stats;

	oracle_adopt();
	if (!dir->marked)
		return;
	/* What is spliced there is not true, and what is unused below it is freed as well, which is
	 * no eviction. */
	dcache_get_stats(oracle.dc, &stats);
	CHECK(stats.evicted <= oracle.evicted);
	oracle.evicted = stats.evicted;
}

size_t oracle_settle(bool ordered)
{
	size_t evicted = oracle_adopt();
	int i;

	for (i = 0; i < oracle.nr_entries; i++) {
		const struct m_entry *entry = &oracle.entries[i];

		if (entry->gone == entry->alive)
			die(entry->gone ? "an entry is freed that is in use"
					: "an entry is not freed with its last reference");
	}
	for (i = 0; evicted && ordered && i < oracle.nr_entries; i++) {
		if (oracle.entries[i].gone && oracle.entries[i].lru_place >= 0) {
			check_order(&oracle.entries[i]);
			oracle.entries[i].lru_place = -1;
		}
	}
	CHECK(oracle.unknown_gone == oracle.unknown_deaths);
	oracle.may_evict = false;
	return evicted;
}

/* ---- comparing ---- */

static void check_entry(const struct m_entry *entry)
{
	const struct dentry *real = entry->real;
	struct qstr name = d_name(real);
	const struct hlist_node *node;
	uint32_t flags = d_flags(real);
	int listed = 0;

	CHECK(d_fsdata(real) == entry);
	CHECK(d_count(real) == entry->refs);
	CHECK(d_inode(real) == (entry->inode ? entry->inode->real : NULL));
	CHECK(d_is_negative(real) == !entry->inode && d_is_positive(real) == !!entry->inode);
	CHECK(d_is_dir(real) == (entry->inode && entry->inode->directory));
	CHECK(d_parent(real) == entry->parent->real);
	CHECK(IS_ROOT(real) == (entry->parent == entry));
	CHECK(d_unhashed(real) == !entry->hashed);
	CHECK(d_in_lookup(real) == entry->in_lookup);
	CHECK(d_lookup_overtaken(real) == (entry->in_lookup ? m_stale(entry) : entry->overtaken));
	CHECK(name.len == entry->len && !memcmp(name.name, entry->name, name.len));
	if (entry->in_lookup)
		CHECK(real->d_nr_waiters == (uint32_t)entry->nr_waiters);
	if (!entry->refs)
		CHECK(entry->hashed && (flags & DCACHE_LRU_LIST) && !(flags & DCACHE_DONTCACHE));
	CHECK(!!(flags & DCACHE_DONTCACHE) == entry->marked);
	CHECK(!!(flags & DCACHE_LISTED) == entry->listed);
	CHECK(entry->listed || !entry->hashed);
	CHECK(d_is_stale(real) == m_stale(entry));
	CHECK(d_is_complete(real) == (entry->inode && entry->inode->complete));
	for (node = real->d_children.first; node; node = node->next) {
		const struct m_entry *child;

		if ((uintptr_t)node % CURSOR_ALIGN == 0)
			continue; /* of what is deferred */
		child = entry_of(container_of(node, struct dentry, d_sib));
		CHECK(child && child->alive && child->parent == entry && child != entry);
		CHECK(child->listed);
		listed++;
	}
	if (entry->listed) {
		for (node = entry->parent->real->d_children.first; node; node = node->next) {
			if (container_of(node, struct dentry, d_sib) == real)
				break;
		}
		CHECK(node);
	}
	CHECK(listed <= MAX_ENTRIES);
}

static void check_inode(const struct m_inode *inode)
{
	const struct hlist_node *node;
	int aliases = 0, i;

	CHECK(inode->evicted == !inode->refs);
	CHECK(inode->released <= inode->evicted);
	if (!inode->refs || inode->foreign)
		return;
	for (node = inode->real->i_dentry.first; node; node = node->next) {
		const struct m_entry *alias = entry_of(container_of(node, struct dentry, d_alias));

		CHECK(alias && alias->alive && alias->inode == inode);
		aliases++;
	}
	for (i = 0; i < oracle.nr_entries; i++)
		aliases -= oracle.entries[i].alive && oracle.entries[i].inode == inode;
	CHECK(!aliases);
}

static void check_actor(int thread)
{
	const struct actor *actor = &oracle.actors[thread];

	if (!actor->busy)
		return;
	if (actor->waits)
		CHECK(floor_woken(thread) == actor->told);
	else if (actor->lock && !actor->granted)
		CHECK(!floor_woken(thread));
	else
		CHECK(floor_woken(thread));
}

void oracle_check(void)
{
	struct dcache_stats stats;
	uint64_t entries = 0, negatives = 0, unused = 0, in_lookup = 0, inodes = 0;
	int i;

	for (i = 0; i < oracle.nr_entries; i++) {
		const struct m_entry *entry = &oracle.entries[i];

		if (!entry->alive)
			continue;
		check_entry(entry);
		entries++;
		negatives += entry->hashed && !entry->inode;
		unused += !entry->refs;
		in_lookup += entry->in_lookup;
	}
	for (i = 0; i < oracle.nr_inodes; i++) {
		check_inode(&oracle.inodes[i]);
		inodes += oracle.inodes[i].refs && !oracle.inodes[i].foreign;
	}
	for (i = 0; i < FLOOR_THREADS; i++)
		check_actor(i);
	dcache_get_stats(oracle.dc, &stats);
	CHECK(stats.entries == entries);
	CHECK(stats.negatives == negatives);
	CHECK(stats.unused >= unused && stats.unused <= entries);
	CHECK(stats.in_lookup == in_lookup);
	CHECK(stats.inodes == inodes);
	CHECK(stats.pending_puts == (uint64_t)(oracle.nr_puts + oracle.nr_iputs));
	CHECK(stats.lookups_started == oracle.started);
	CHECK(stats.lookups_waited == oracle.waited);
	CHECK(stats.outcomes_shared == oracle.shared);
	CHECK(stats.overtaken == oracle.overtaken);
	CHECK(stats.evicted == oracle.evicted);
	CHECK(stats.renames == oracle.renames);
}

void oracle_check_names(const struct m_entry *dir, const struct m_name *names, size_t count)
{
	size_t i;

	dcache_read_lock();
	for (i = 0; i < count; i++) {
		struct qstr name = qstr_init(names[i].bytes, names[i].len);
		const struct m_entry *expected = m_hashed(dir, names[i]);
		struct errors errors = { 0 };
		uint32_t seq;
		const struct dentry *found = d_lookup_rcu(dir->real, &name, &seq);

		name_errors(&errors, &name);
		if (errors.n)
			expected = NULL;
		CHECK(found == (expected ? expected->real : NULL));
		CHECK(!found || !d_seq_retry(found, seq));
	}
	dcache_read_unlock();
}

/* The path up to @root, or to the root of the tree, at the end of @buf of @size bytes. Returns where it
 * begins; -1: there is none; -2: it does not fit. */
static int path_of(const struct m_entry *entry, const struct m_entry *root, bool mark, char *buf,
		   size_t size)
{
	static const char deleted[] = " (deleted)";
	const struct m_entry *at;
	size_t start = size;

	if (mark && entry->parent != entry && !entry->hashed) {
		start -= sizeof(deleted) - 1;
		memcpy(buf + start, deleted, sizeof(deleted) - 1);
	}
	if (entry == root || entry->parent == entry)
		buf[--start] = '/';
	for (at = entry; at != root && at->parent != at; at = at->parent) {
		if (start < at->len + 1)
			return -2;
		start -= at->len;
		memcpy(buf + start, at->name, at->len);
		buf[--start] = '/';
	}
	return root && at != root ? -1 : (int)start;
}

#define PATH_ROOM (16 * (DCACHE_NAME_MAX + 1))

void oracle_check_path(const struct m_entry *entry)
{
	char path[PATH_ROOM], got[PATH_ROOM + 1];
	int start = path_of(entry, NULL, false, path, sizeof(path));
	size_t len = sizeof(path) - (size_t)start;
	int ret;

	if (start < 0)
		return;
	ret = dentry_path(entry->real, got, sizeof(got));
	CHECK(ret == (int)len && !memcmp(got, path + start, len) && !got[len]);
	/* The smallest buffer, and one byte less. */
	memset(got, 0x55, sizeof(got));
	CHECK(dentry_path(entry->real, got, len + 1) == (int)len && got[len + 1] == 0x55);
	CHECK(dentry_path(entry->real, got, len) == -ENAMETOOLONG);
	if (entry->len) {
		memset(got, 0x55, DCACHE_NAME_MAX + 2);
		CHECK(d_name_copy(entry->real, got, entry->len + 1) == (int)entry->len);
		CHECK(!memcmp(got, entry->name, entry->len) && !got[entry->len]);
		CHECK(got[entry->len + 1] == 0x55);
		memset(got, 0x55, DCACHE_NAME_MAX + 2);
		CHECK(d_name_copy(entry->real, got, entry->len) == -ERANGE && got[0] == 0x55);
	}
}

void oracle_check_place(const struct m_entry *entry, const struct m_entry *root)
{
	char path[PATH_ROOM], got[PATH_ROOM + 1];
	int start = path_of(entry, root, true, path, sizeof(path));
	int ret = d_path(entry->real, root ? root->real : NULL, got, sizeof(got));
	const struct m_entry *child = entry;

	if (start == -1) {
		CHECK(ret == -EXDEV);
	} else if (start >= 0) {
		size_t len = sizeof(path) - (size_t)start;

		CHECK(ret == (int)len && !memcmp(got, path + start, len) && !got[len]);
		memset(got, 0x55, sizeof(got));
		CHECK(d_path(entry->real, root ? root->real : NULL, got, len) == -ENAMETOOLONG);
		CHECK(got[len] == 0x55);
	}
	if (!root)
		return;
	while (child->parent != root && child->parent != child)
		child = child->parent;
	if (child->parent != root || child == root)
		child = NULL;
	CHECK(d_ancestor(root->real, entry->real) == (child ? child->real : NULL));
	CHECK(is_subdir(entry->real, root->real) == (child || entry == root));
}
