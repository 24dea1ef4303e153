/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread that waits for the kernel to say that something has happened.
 *
 * Who may be here: whoever starts and ends it, one at a time, and the thread itself. It does nothing
 * but wait on a file and call a function, and waits on an eventfd too, by which it is ended. Signals
 * are blocked in it. Nothing here is needed by the controlled scheduler, whose build has none of it.
 */
#ifndef DCACHE_SYNC_MONITOR_H
#define DCACHE_SYNC_MONITOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

struct monitor {
	pthread_t thread;
	int file;
	int stop;      /* eventfd */
	bool readable; /* a FIFO: what is written to it is the event */
	void (*happened)(struct monitor *monitor);
};

/*
 * Open a file of pressure stall information, and write the trigger @trigger to it; or open a FIFO. NULL:
 * that of the process's cgroup, or the system's. Return: 0, or a negative errno value.
 */
int monitor_open(struct monitor *monitor, const char *path, const char *trigger);
/* After monitor_open(). On error all is closed. */
int monitor_start(struct monitor *monitor, void (*happened)(struct monitor *monitor));
/* When it returns the thread has ended and all is closed. Not from @happened. */
void monitor_end(struct monitor *monitor);
/*
 * @text, which it changes, is what /proc/self/cgroup says: "0::/path" for a cgroup of version 2. False: it
 * names none. @path: that cgroup's file of pressure stall information.
 */
bool monitor_cgroup_file(char *text, char *path, size_t size);
bool monitor_is_self(const struct monitor *monitor);

#pragma GCC visibility pop

#endif /* DCACHE_SYNC_MONITOR_H */
