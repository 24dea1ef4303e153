/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "dcache_host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef FS_CASEFOLD_FL
#define FS_CASEFOLD_FL 0x40000000
#endif

const int host_o_path = O_PATH;

static int failed(int descriptor)
{
	int err = -errno;

	if (descriptor >= 0)
		close(descriptor);
	return err;
}

static int add(int poller, int descriptor, uint32_t events, uint32_t what)
{
	struct epoll_event event = { .events = events, .data = { .u32 = what } };

	return descriptor < 0 ? 0 : epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
}

int host_poller(int changes, int mounts, int stop)
{
	int poller = epoll_create1(EPOLL_CLOEXEC);

	if (poller < 0 || add(poller, changes, EPOLLIN, HOST_CHANGES) ||
	    add(poller, mounts, EPOLLPRI, HOST_MOUNTS) || add(poller, stop, EPOLLIN, HOST_STOP))
		return failed(poller);
	return poller;
}

int host_poll(int poller, int timeout)
{
	struct epoll_event events[3];
	int what = 0;
	int nr = epoll_wait(poller, events, 3, timeout);

	if (nr < 0)
		return errno == EINTR ? 0 : -errno;
	while (nr--)
		what |= (int)events[nr].data.u32;
	return what;
}

int host_stopper(void)
{
	int stopper = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return stopper < 0 ? -errno : stopper;
}

int host_stop(int stopper)
{
	return eventfd_write(stopper, 1) ? -errno : 0;
}

int64_t host_filesystem(const char *path, uint64_t *device)
{
	struct statfs filesystem;
	struct stat status;
	int64_t type;
	int directory = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (directory < 0 || fstatfs(directory, &filesystem) || fstat(directory, &status))
		return failed(directory);
	/* f_type is signed, and of the numbers some are not. */
	type = (int64_t)(uint32_t)filesystem.f_type;
	*device = status.st_dev;
	close(directory);
	return type;
}

int host_is_casefolded(const char *path)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int flags = 0;

	if (directory < 0)
		return -errno;
	if (ioctl(directory, FS_IOC_GETFLAGS, &flags))
		flags = 0;
	close(directory);
	return (flags & FS_CASEFOLD_FL) != 0;
}

int host_open_in_root(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags,
		.resolve = RESOLVE_IN_ROOT,
	};
	long descriptor = syscall(SYS_openat2, root, path, &how, sizeof(how));

	return descriptor < 0 ? -errno : (int)descriptor;
}
