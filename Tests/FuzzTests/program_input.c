/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes as arguments, what the program holds, and what the core calls; see program.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

const uint8_t *input, *input_end;
bool tracing;

struct m_entry *handles[HANDLES];
struct m_inode *inode_handles[INODE_HANDLES];
struct call calls[FLOOR_THREADS];
bool revalidates, crowded, many_calls;
struct dcache *foreign;

/* ---- input ---- */

uint8_t byte(void)
{
	return input < input_end ? *input++ : 0;
}

/*
 * What libFuzzer sees besides the core's branches (these files and the oracle are not instrumented):
 * which event of those that are said followed which, with what result.
 */
#define COUNTERS 8192u

__attribute__((section("__libfuzzer_extra_counters"))) static volatile uint8_t counters[COUNTERS];
static unsigned int last_event;

void feature(unsigned int kind, unsigned int a, unsigned int b)
{
	counters[(kind * 0x9e3779b1u ^ a * 0x85ebca6bu ^ b * 0xc2b2ae35u) >> 7 & (COUNTERS - 1)] =
		1;
}

void said_nothing(void)
{
	last_event = 0;
}

void said(unsigned int line, const char *format, ...)
{
	va_list args;

	feature(1, last_event, line);
	last_event = line;
	if (!tracing)
		return;
	printf("T%d ", floor_thread());
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

long outcome(const void *real)
{
	long error = IS_ERR(real) ? PTR_ERR(real) : 0;

	feature(2, last_event, (unsigned int)error);
	return error;
}

int number_of(const struct m_entry *entry)
{
	return entry ? (int)(entry - oracle.entries) : -1;
}

#define LONG "0123456789-0123456789-0123456789-0123456"

char longest[DCACHE_NAME_MAX + 1];

const struct m_name good_names[GOOD_NAMES] = {
	{ "a", 1 },   { "A", 1 },	{ "b", 1 },	   { "B", 1 },
	{ "xc", 2 },  { "Xc", 2 },	{ "seven77", 7 },  { "EIGHT888", 8 },
	{ LONG, 40 }, { LONG "s", 41 }, { LONG "S", 41 },  { longest, DCACHE_NAME_MAX },
	{ ".", 1 },   { "..", 2 },	{ "\xff\xfe", 2 }, { "!n", 2 },
};

static const struct m_name bad_names[] = {
	{ "", 0 },	     { NULL, 3 },	{ "a/b", 3 },
	{ "a\0b", 3 },	     { "/", 1 },	{ longest, DCACHE_NAME_MAX + 1 },
	{ "a", UINT32_MAX }, { "a", SIZE_MAX },
};

/* Mostly one of a few, so that they meet. */
struct qstr pick_name(void)
{
	uint8_t b = byte();
	struct m_name name;

	if (b >= 0xf0)
		name = bad_names[b % (sizeof(bad_names) / sizeof(bad_names[0]))];
	else
		name = good_names[b < 0xa0 ? b % 4 : b % GOOD_NAMES];
	return qstr_init(name.bytes, name.len);
}

struct m_name m_name(const struct qstr *name)
{
	return (struct m_name){ name->name, name->len };
}

bool any_entry(const struct m_entry *entry)
{
	return entry;
}

bool is_directory(const struct m_entry *entry)
{
	return entry && entry->inode && entry->inode->directory;
}

bool is_asked_for(const struct m_entry *entry)
{
	return entry && entry->in_lookup;
}

struct m_entry *pick_where(bool (*wanted)(const struct m_entry *), uint8_t b)
{
	int nr = 0, i;

	for (i = 0; i < HANDLES; i++)
		nr += wanted(handles[i]);
	if (!nr)
		return NULL;
	b = (uint8_t)(b % nr);
	for (i = 0; !wanted(handles[i]) || b--; i++)
		;
	return handles[i];
}

struct m_entry *pick_entry(void)
{
	return pick_where(any_entry, byte());
}

/* A directory, now and then something else. */
struct m_entry *pick_dir(void)
{
	uint8_t b = byte();

	return b < 0xf0 ? pick_where(is_directory, b) : pick_where(any_entry, b);
}

/* ---- what is held ---- */

void put_entry(struct m_entry *entry)
{
	dput(entry->real);
	m_put(entry);
}

struct m_entry *get_entry(struct m_entry *entry)
{
	CHECK(dget(entry->real) == entry->real);
	return m_get(entry);
}

int free_handles(void)
{
	int nr = 0, i;

	for (i = 0; i < HANDLES; i++)
		nr += !handles[i];
	return nr;
}

/* The program keeps the reference that a call gave it. */
void keep(struct m_entry *entry)
{
	int i;

	for (i = 0; i < HANDLES; i++) {
		if (!handles[i]) {
			handles[i] = entry;
			return;
		}
	}
	die("no handle is free");
}

/* ---- what the core calls ---- */

static void inode_evict(struct inode *real)
{
	struct m_inode *inode = inode_private(real);

	inode->evicted++;
}

static void inode_release(struct inode *real)
{
	struct m_inode *inode = inode_private(real);

	inode->released++;
}

static const struct inode_operations plain_inode = { .evict = inode_evict,
						     .release = inode_release };
static const struct inode_operations backend_inode = {
	.lookup = backend_lookup,
	.evict = inode_evict,
	.release = inode_release,
};

static const struct inode_operations link_inode = {
	.get_link = walk_link,
	.evict = inode_evict,
	.release = inode_release,
};

static uint8_t lower(char c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int own_hash(const struct dentry *dir, struct qstr *name)
{
	uint8_t folded[DCACHE_NAME_MAX];
	size_t i;

	if (oracle.folds && name->name[0] == '!')
		return -EILSEQ;
	for (i = 0; i < name->len; i++)
		folded[i] = oracle.folds ? lower(name->name[i]) : (uint8_t)name->name[i];
	name->hash = full_name_hash(dir, folded, name->len);
	/* The hash's last bits choose the shard of the LRU. */
	if (crowded)
		name->hash |= 15;
	return 0;
}

static int folding_compare(const struct dentry *dir, unsigned int len, const char *str,
			   const struct qstr *name)
{
	unsigned int i;

	(void)dir;
	if (len != name->len)
		return 1;
	for (i = 0; i < len; i++) {
		if (lower(str[i]) != lower(name->name[i]))
			return 1;
	}
	return 0;
}

static int not_kept(const struct dentry *dentry)
{
	return d_name(dentry).name[0] == 'x';
}

static void entry_release(struct dentry *dentry)
{
	m_gone(d_fsdata(dentry));
}

struct dentry_operations operations;

void set_operations(void)
{
	operations = (struct dentry_operations){
		.d_hash = oracle.folds || crowded ? own_hash : NULL,
		.d_compare = oracle.folds ? folding_compare : NULL,
		.d_revalidate = revalidates ? revalidate : NULL,
		.d_delete = not_kept,
		.d_release = entry_release,
	};
}

/* ---- inodes as arguments ---- */

static struct m_inode *make(struct dcache *dc, enum inode_type type,
			    const struct inode_operations *op)
{
	struct m_inode *inode = &oracle.inodes[oracle.nr_inodes];
	struct inode *real = new_inode(dc, (uint64_t)oracle.nr_inodes, type, op, inode);

	if (IS_ERR(real)) {
		CHECK(PTR_ERR(real) == -ENOMEM && floor_allocation_failed());
		floor_fail_allocation(0);
		return NULL;
	}
	CHECK(inode_private(real) == inode && inode_dcache(real) == dc &&
	      inode_number(real) == (uint64_t)oracle.nr_inodes && inode_get_type(real) == type);
	return m_inode_new(real, type == INODE_DIRECTORY, dc != oracle.dc, op == &backend_inode);
}

struct m_inode *make_inode(struct dcache *dc, bool directory, bool backend)
{
	return make(dc, directory ? INODE_DIRECTORY : INODE_REGULAR,
		    backend ? &backend_inode : &plain_inode);
}

/* The last kind has no operation that says where it leads. */
struct m_inode *make_link(uint8_t link)
{
	struct m_inode *inode = make(oracle.dc, INODE_SYMLINK,
				     link % LINKS < LINKS - 1 ? &link_inode : &plain_inode);

	if (inode) {
		inode->symlink = true;
		inode->link = link % LINKS;
	}
	return inode;
}

/* An inode whose reference the call will consume: call->inode and ->real_inode, which may be NULL
 * or an error. */
void pick_inode(struct call *call)
{
	uint8_t b = byte();
	struct m_entry *entry;

	call->inode = NULL;
	call->real_inode = NULL;
	switch (b & 15) {
	case 0:
	case 1:
		return;
	case 2:
		call->real_inode = ERR_PTR(-EIO);
		return;
	case 3:
		if (foreign)
			call->inode = make_inode(foreign, b & 16, false);
		break;
	case 4:
	case 5:
	case 6:
		if (many_calls && (b & 15) == 6) {
			call->inode = make_link(b >> 4);
			break;
		}
		call->inode = make_inode(oracle.dc, false, false);
		break;
	case 7:
	case 8:
		call->inode = make_inode(oracle.dc, true, true);
		break;
	case 9:
		call->inode = make_inode(oracle.dc, true, false);
		break;
	case 10:
	case 11:
		call->inode = inode_handles[(b >> 4) % INODE_HANDLES];
		if (call->inode) {
			ihold(call->inode->real);
			call->inode->refs++;
		}
		break;
	default:
		entry = b < 0x80 ? pick_where(is_directory, b >> 4) : pick_where(any_entry, b >> 4);
		if (entry && entry->inode) {
			call->inode = entry->inode;
			CHECK(igrab(call->inode->real) == call->inode->real);
			call->inode->refs++;
		}
		break;
	}
	if (call->inode)
		call->real_inode = call->inode->real;
}
