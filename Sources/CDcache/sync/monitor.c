/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's pressure stall information as an event; see monitor.h. */
#include "monitor.h"

#ifndef DCACHE_MODEL

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync.h"

#define SYSTEM_PRESSURE "/proc/pressure/memory"
#define CGROUP_PRESSURE "/sys/fs/cgroup%s/memory.pressure"
#define OPEN_FLAGS (O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define PATH_SIZE 4096

static int open_file(const char *path)
{
	int fd = open(path, OPEN_FLAGS);

	return fd < 0 ? -errno : fd;
}

bool monitor_cgroup_file(char *text, char *path, size_t size)
{
	char *line = strncmp(text, "0::/", 4) ? strstr(text, "\n0::/") : text;
	char *end;

	if (!line)
		return false;
	line += line == text ? 3 : 4;
	end = strchr(line, '\n');
	if (!end)
		return false;
	*end = 0;
	snprintf(path, size, CGROUP_PRESSURE, strcmp(line, "/") ? line : "");
	return true;
}

static int open_cgroup_file(void)
{
	char text[PATH_SIZE], path[PATH_SIZE + sizeof(CGROUP_PRESSURE)];
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t len = 0;

	if (fd >= 0) {
		len = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[len > 0 ? len : 0] = 0;
	return monitor_cgroup_file(text, path, sizeof(path)) ? open_file(path) : -ENOENT;
}

static int open_and_trigger(struct monitor *monitor, const char *path, const char *trigger)
{
	struct stat st;
	int fd;

	if (path) {
		fd = open_file(path);
	} else {
		fd = open_cgroup_file();
		if (fd == -ENOENT)
			fd = open_file(SYSTEM_PRESSURE);
	}
	if (fd < 0)
		return fd;
	monitor->file = fd;
	monitor->readable = !fstat(fd, &st) && S_ISFIFO(st.st_mode);
	if (!monitor->readable && write(fd, trigger, strlen(trigger) + 1) < 0) {
		int err = errno;

		close(fd);
		return -err;
	}
	return 0;
}

int monitor_open(struct monitor *monitor, const char *path, const char *trigger)
{
	int cancel = dc_cancel_off();
	int saved = errno;
	int err = open_and_trigger(monitor, path, trigger);

	errno = saved;
	dc_cancel_back(cancel);
	return err;
}

static void *monitor_main(void *arg)
{
	struct monitor *monitor = arg;
	struct pollfd fds[] = {
		{ .fd = monitor->file, .events = monitor->readable ? POLLIN : POLLPRI },
		{ .fd = monitor->stop, .events = POLLIN },
	};
	char text[64];

	for (;;) {
		if (poll(fds, 2, -1) < 0) {
			/* The process may have fewer than two files just now. */
			dc_yield(4);
			continue;
		}
		if (fds[1].revents)
			return NULL;
		/* The cgroup is gone: nothing will ever happen, but somebody will end this. */
		if (fds[0].revents & (POLLERR | POLLNVAL)) {
			fds[0].fd = -1;
			continue;
		}
		while (monitor->readable && read(monitor->file, text, sizeof(text)) > 0)
			;
		monitor->happened(monitor);
	}
}

static int start(struct monitor *monitor)
{
	sigset_t all, before;
	int err;

	monitor->stop = eventfd(0, EFD_CLOEXEC);
	if (monitor->stop < 0)
		return -errno;
	/* The program's signals are not this thread's to take. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&monitor->thread, NULL, monitor_main, monitor);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		close(monitor->stop);
	return -err;
}

int monitor_start(struct monitor *monitor, void (*happened)(struct monitor *monitor))
{
	int cancel = dc_cancel_off();
	int saved = errno;
	int err;

	monitor->happened = happened;
	err = start(monitor);
	if (err)
		close(monitor->file);
	errno = saved;
	dc_cancel_back(cancel);
	return err;
}

void monitor_end(struct monitor *monitor)
{
	int cancel = dc_cancel_off();
	int saved = errno;

	/* Sleeps at 2^64 - 2 only. */
	eventfd_write(monitor->stop, 1);
	pthread_join(monitor->thread, NULL);
	close(monitor->stop);
	close(monitor->file);
	errno = saved;
	dc_cancel_back(cancel);
}

bool monitor_is_self(const struct monitor *monitor)
{
	return pthread_equal(monitor->thread, pthread_self());
}

#endif /* !DCACHE_MODEL */
