/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls that Swift's view of the C library lacks: for the module DcacheFileSystem only.
 *
 * Each returns what the call does, or a negative errno value.
 */
#ifndef DCACHE_HOST_H
#define DCACHE_HOST_H

#include <stdbool.h>
#include <stdint.h>

/** Changes are waiting to be read. */
#define HOST_CHANGES 1
/** Something was mounted or unmounted; said once. */
#define HOST_MOUNTS 2
/** Whoever waits is to end. */
#define HOST_STOP 4

/** host_poller - a descriptor to wait at for these three; @mounts, @stop: -1: there is none. */
int host_poller(int changes, int mounts, int stop);

/** host_poll - what has happened: HOST_... flags. @timeout: in milliseconds; -1: for ever. */
int host_poll(int poller, int timeout);

/** host_stopper - a descriptor for @stop. */
int host_stopper(void);

/** host_stop - say HOST_STOP, from now on. */
int host_stop(int stopper);

/** host_filesystem - the f_type of what a directory is on, fstatfs(2), and its st_dev. */
int64_t host_filesystem(const char *path, uint64_t *device);

/** host_is_casefolded - does a directory take names in any case? 1, or 0 also if it cannot say. */
int host_is_casefolded(const char *path);

/** O_PATH */
extern const int host_o_path;

/** host_open_in_root - openat2(2) with RESOLVE_IN_ROOT. */
int host_open_in_root(int root, const char *path, int flags);

#endif
