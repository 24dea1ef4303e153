/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Static tracepoints (USDT): a place in the code, one no-operation when nobody traces, that perf,
 * bpftrace, systemtap and gdb find by name in the built library. Provider: dcache. Without <sys/sdt.h>
 * (Debian: systemtap-sdt-dev) there are none.
 *
 *	lookup	(parent, name, len, entry or NULL)	an exact lookup ended, d_lookup() among them
 *	miss	(parent, name, len)			a name is not cached: its caller will ask
 *	wait	(entry)					a caller begins to wait for another's lookup
 *	wake	(entry, error)				a lookup ended that others waited for
 *	insert	(entry)					an entry was hashed
 *	evict	(instance, entry)			an unused entry is about to be freed for room
 *	rename	(entry, old parent, new parent)		an entry was moved
 *	resize	(instance, from, to)			a table begins to grow or shrink, in buckets
 *
 * Arguments are what is at hand: whoever traces pays for reading more.
 */
#ifndef DCACHE_PROBES_H
#define DCACHE_PROBES_H

#if !defined(DCACHE_MODEL) && !defined(DCACHE_NO_PROBES) && defined(__has_include)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define DC_HAS_PROBES 1
#endif
#endif

#ifdef DC_HAS_PROBES

#include <stdint.h>

/* The macros of <sys/sdt.h> leave a variadic argument out, which strict compilers have a word for. */
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

struct dcache;
struct dentry;

static inline void DC_PROBE_LOOKUP(const struct dentry *parent, const char *name, uint32_t len,
				   const struct dentry *entry)
{
	DTRACE_PROBE4(dcache, lookup, parent, name, len, entry);
}

static inline void DC_PROBE_MISS(const struct dentry *parent, const char *name, uint32_t len)
{
	DTRACE_PROBE3(dcache, miss, parent, name, len);
}

static inline void DC_PROBE_WAIT(const struct dentry *entry)
{
	DTRACE_PROBE1(dcache, wait, entry);
}

static inline void DC_PROBE_WAKE(const struct dentry *entry, int error)
{
	DTRACE_PROBE2(dcache, wake, entry, error);
}

static inline void DC_PROBE_INSERT(const struct dentry *entry)
{
	DTRACE_PROBE1(dcache, insert, entry);
}

static inline void DC_PROBE_EVICT(const struct dcache *dc, const struct dentry *entry)
{
	DTRACE_PROBE2(dcache, evict, dc, entry);
}

static inline void DC_PROBE_RENAME(const struct dentry *entry, const struct dentry *from,
				   const struct dentry *to)
{
	DTRACE_PROBE3(dcache, rename, entry, from, to);
}

static inline void DC_PROBE_RESIZE(const struct dcache *dc, uint64_t from, uint64_t to)
{
	DTRACE_PROBE3(dcache, resize, dc, from, to);
}

#ifdef __clang__
#pragma clang diagnostic pop
#endif

#else
#define DC_PROBE_LOOKUP(parent, name, len, entry) ((void)0)
#define DC_PROBE_MISS(parent, name, len) ((void)0)
#define DC_PROBE_WAIT(entry) ((void)0)
#define DC_PROBE_WAKE(entry, error) ((void)0)
#define DC_PROBE_INSERT(entry) ((void)0)
#define DC_PROBE_EVICT(dc, entry) ((void)0)
#define DC_PROBE_RENAME(entry, from, to) ((void)0)
#define DC_PROBE_RESIZE(dc, from, to) ((void)0)
#endif

#endif /* DCACHE_PROBES_H */
