/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trace of one run, for readers: who did what where, by function and line, and what changed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "world.h"

#define MAX_TRACE 8192

struct event {
	char thread[12];
	const void *pc;
	char text[200];
};

bool tracing;

static struct event trace[MAX_TRACE];
static size_t nr_events;

/* ---- places ---- */

struct field {
	const char *name;
	size_t at, size;
};

#define FIELD(type, name) { #name, offsetof(struct type, name), sizeof(((struct type *)0)->name) }

static const struct field dentry_fields[] = {
	FIELD(dentry, d_hash),
	FIELD(dentry, d_parent),
	FIELD(dentry, d_hash_len),
	FIELD(dentry, d_seq),
	FIELD(dentry, d_flags),
	FIELD(dentry, d_inode),
	FIELD(dentry, d_dcache),
	FIELD(dentry, d_woken),
	FIELD(dentry, d_iname),
	FIELD(dentry, d_lockref),
	FIELD(dentry, d_op),
	FIELD(dentry, d_fsdata),
	FIELD(dentry, d_sib),
	FIELD(dentry, d_children),
	FIELD(dentry, d_in_lookup),
	FIELD(dentry, d_wait),
	FIELD(dentry, d_nr_waiters),
	FIELD(dentry, d_owner),
	FIELD(dentry, d_alias),
	{ 0 },
};

static const struct field inode_fields[] = {
	FIELD(inode, i_count),
	FIELD(inode, i_dir_seq),
	FIELD(inode, i_lock),
	FIELD(inode, i_type),
	FIELD(inode, i_dentry),
	FIELD(inode, i_rwsem),
	FIELD(inode, i_rcu),
	{ 0 },
};

static const struct field dcache_fields[] = {
	FIELD(dcache, entries),
	FIELD(dcache, in_lookup),
	FIELD(dcache, rename_lock),
	FIELD(dcache, rename_seq),
	FIELD(dcache, wait_graph_lock),
	FIELD(dcache, graph_waiters),
	FIELD(dcache, dying),
	FIELD(dcache, counters),
	FIELD(dcache, lru),
	{ 0 },
};

/* Blocks are told apart by their size. */
static const struct kind {
	const char *name;
	size_t size;
	const struct field *fields;
} kinds[] = {
	{ "dentry", sizeof(struct dentry), dentry_fields },
	{ "inode", sizeof(struct inode), inode_fields },
	{ "dcache", sizeof(struct dcache), dcache_fields },
};

/* Is @block an array of @table? */
static bool array_name(char *text, size_t size, const char *name, const struct hash_table *table,
		       const struct block *block, size_t offset)
{
	size_t buckets = offsetof(struct table_array, buckets);

	if (block->size < sizeof(struct table_array) ||
	    ((const struct table_array *)(const void *)block->at)->table != table)
		return false;
	if (offset < buckets)
		snprintf(text, size, "%s array of %zu +%zu", name,
			 (size_t)1 << ((const struct table_array *)(const void *)block->at)->log2,
			 offset);
	else
		snprintf(text, size, "%s of %zu [%zu] +%zu", name,
			 (size_t)1 << ((const struct table_array *)(const void *)block->at)->log2,
			 (offset - buckets) / sizeof(struct bucket),
			 (offset - buckets) % sizeof(struct bucket));
	return true;
}

static void block_name(char *text, size_t size, const struct block *block, size_t offset)
{
	const struct field *field;
	size_t i;

	if (world.dc && array_name(text, size, "entries", &world.dc->entries, block, offset))
		return;
	if (world.dc && array_name(text, size, "in_lookup", &world.dc->in_lookup, block, offset))
		return;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].size != block->size)
			continue;
		for (field = kinds[i].fields; field->name; field++) {
			if (offset >= field->at && offset < field->at + field->size)
				break;
		}
		if (field->name)
			snprintf(text, size, "%s %td.%s+%zu", kinds[i].name, block - blocks,
				 field->name, offset - field->at);
		else
			snprintf(text, size, "%s %td+%zu", kinds[i].name, block - blocks, offset);
		i = strlen(text);
		if (i > 2 && !strcmp(text + i - 2, "+0"))
			text[i - 2] = 0;
		return;
	}
	snprintf(text, size, "block %td+%zu of %zu", block - blocks, offset, block->size);
}

const char *place_name(const void *at)
{
	static char texts[8][64];
	static unsigned int next;
	char *text = texts[next++ % 8];
	size_t offset = (size_t)((const char *)at - REGION_AT);
	const struct block *block;

	if ((const char *)at >= (const char *)&world && (const char *)at < (const char *)(&world + 1)) {
		snprintf(text, sizeof(texts[0]), "world+%td", (const char *)at - (const char *)&world);
	} else if (offset >= REGION_SIZE) {
		snprintf(text, sizeof(texts[0]), "%p", at);
	} else if (offset >= ARENA_SIZE) {
		offset -= ARENA_SIZE;
		snprintf(text, sizeof(texts[0]), "T%zu's stack-%zu", offset / STACK_SIZE,
			 STACK_SIZE - offset % STACK_SIZE);
	} else {
		block = block_of(at);
		if (block)
			block_name(text, sizeof(texts[0]), block,
				   (size_t)((const char *)at - block->at));
		else
			snprintf(text, sizeof(texts[0]), "arena+%zu", offset);
	}
	return text;
}

/* ---- events ---- */

static struct event *event_next(const void *pc)
{
	struct event *event = &trace[nr_events++ % MAX_TRACE];

	snprintf(event->thread, sizeof(event->thread), "%s", model_thread_name());
	event->pc = pc;
	return event;
}

void trace_add(const char *format, ...)
{
	struct event *event = event_next(NULL);
	va_list args;

	va_start(args, format);
	vsnprintf(event->text, sizeof(event->text), format, args);
	va_end(args);
}

void trace_access(const void *pc, const char *what, const void *at, size_t size, int order,
		  const char *format, ...)
{
	static const char *const orders[] = { "relaxed", "consume", "acquire",
					      "release", "acq_rel", "seq_cst" };
	struct event *event = event_next(pc);
	size_t len = (size_t)snprintf(event->text, sizeof(event->text), "%-8s %s/%zu %s ", what,
				      place_name(at), size, orders[order & 7]);
	va_list args;

	va_start(args, format);
	if (len < sizeof(event->text))
		vsnprintf(event->text + len, sizeof(event->text) - len, format, args);
	va_end(args);
}

void trace_plain(const void *pc, const void *at, size_t size)
{
	struct event *event;
	uint64_t value = 0;

	/* What a thread does to its own stack goes without saying. */
	if ((size_t)((const char *)at - REGION_AT) - ARENA_SIZE < REGION_SIZE - ARENA_SIZE)
		return;
	event = event_next(pc);
	if (size <= sizeof(value)) {
		memcpy(&value, at, size);
		snprintf(event->text, sizeof(event->text), "write    %s/%zu -> %#llx", place_name(at),
			 size, (unsigned long long)value);
	} else {
		snprintf(event->text, sizeof(event->text), "write    %s/%zu", place_name(at), size);
	}
}

void trace_begin(bool wanted)
{
	tracing = wanted;
	nr_events = 0;
}

/* Names of functions and lines for all events, from one run of addr2line; NULL if it cannot be had. */
static FILE *trace_names(size_t begin, char *list, size_t size)
{
	Dl_info info;
	char command[1024];
	FILE *addresses;
	size_t i;
	int fd;

	snprintf(list, size, "/tmp/dcache-model-XXXXXX");
	fd = mkstemp(list);
	addresses = fd < 0 ? NULL : fdopen(fd, "w");
	if (!addresses || !dladdr((void *)(uintptr_t)trace_names, &info))
		return NULL;
	for (i = begin; i < nr_events; i++) {
		const char *pc = trace[i % MAX_TRACE].pc;

		fprintf(addresses, "%#lx\n",
			pc ? (unsigned long)(pc - 1 - (const char *)info.dli_fbase) : 0ul);
	}
	fclose(addresses);
	snprintf(command, sizeof(command), "addr2line -aifse '%s' < %s", info.dli_fname, list);
	return popen(command, "r");
}

/*
 * The next address's function and line, of what was inlined the innermost, and as @caller the function
 * that it was inlined into. @ahead: the line read last.
 */
static void next_name(FILE *names, char *ahead, size_t size, char *function, char *line, char *caller)
{
	bool first = true;
	char where[256];

	while (fgets(ahead, (int)size, names) && strncmp(ahead, "0x", 2)) {
		ahead[strcspn(ahead, "\n")] = 0;
		if (!fgets(where, sizeof(where), names))
			return;
		where[strcspn(where, "\n ")] = 0;
		snprintf(first ? function : caller, 128, "%s", ahead);
		if (first)
			snprintf(line, 128, "%s", where);
		first = false;
	}
}

void trace_print(void)
{
	size_t begin = nr_events > MAX_TRACE ? nr_events - MAX_TRACE : 0, i;
	char list[64], ahead[256];
	FILE *names = trace_names(begin, list, sizeof(list));

	if (names && !fgets(ahead, sizeof(ahead), names))
		ahead[0] = 0;
	for (i = begin; i < nr_events; i++) {
		const struct event *event = &trace[i % MAX_TRACE];
		char function[128] = "", line[128] = "", caller[128] = "";

		if (names)
			next_name(names, ahead, sizeof(ahead), function, line, caller);
		if (!event->pc) {
			printf("%5zu %-9s %s\n", i, event->thread, event->text);
			continue;
		}
		if (*caller) {
			size_t used = strlen(function);

			snprintf(function + used, sizeof(function) - used, " in %s", caller);
		}
		printf("%5zu %-9s %-40s %-16s %s\n", i, event->thread, function, line, event->text);
	}
	if (names)
		pclose(names);
	remove(list);
}
