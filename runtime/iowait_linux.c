/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * iowait_linux.c - waiting for the end of one child: the goroutine parks until the
 * child's pidfd is readable, so that many who wait hold no threads. See io_linux.h.
 *
 * A pidfd tells of the end alone. So a plain call remains what asks for any child, for
 * those that stop or go on, or for clone's, and every wait of a program that is
 * linked with ptrace, whose children stop unasked. Who is told of the end asks the
 * kernel again, without waiting: another may have been faster (ECHILD).
 *
 * The pidfd's number is high and the runtime's own (runtime_pollertake); where there
 * is none to be had below the program's limit it is a plain call, too. It is a low one
 * for a moment, until it is moved.
 */
#include "io_linux.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

__attribute__((weak)) long ptrace(int, ...); /* NULL: the program does not link it */

/* waitid, too, as wait4: the child's pid, 0 when it is not to be waited for here. */
static int suits(const struct iocall *c)
{
	if (ptrace)
		return 0;
	if (c->nr == SYS_wait4)
		return (int)c->a[0] > 0 && c->a[2] == 0 ? (int)c->a[0] : 0;
	return c->a[0] == P_PID && (c->a[3] & ~WNOWAIT) == WEXITED ? (int)c->a[1] : 0;
}

/* The call without waiting; -EAGAIN: the child has not ended. */
static long try(const struct iocall *c)
{
	siginfo_t si = {0};
	long r;

	if (c->nr == SYS_wait4) {
		r = arch_syscall6(SYS_wait4, c->a[0], c->a[1], WNOHANG, c->a[3], 0, 0);
		return r ? r : -EAGAIN;
	}
	r = arch_syscall6(SYS_waitid, c->a[0], c->a[1], (long)&si, c->a[3] | WNOHANG, c->a[4], 0);
	if (r == 0 && !si.si_pid)
		return -EAGAIN;
	if (r == 0 && c->a[2])
		*(siginfo_t *)c->a[2] = si;
	return r;
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return runtime_iolook(&p, 1) != 0;
}

/* With its pidfd, which the poller has. */
static long untilend(const struct iocall *c, struct polldesc *pd, int fd)
{
	struct pollwait w = {.pd = pd, .events = PollIn, .shared = true};
	bool woken = false;
	long r;

	for (;;) {
		w.edgein = load_acq(&pd->edgein);
		r = try(c);
		if (r != -EAGAIN)
			return r;
		if (woken && readable(fd))
			return IoPlain; /* it ended, but another process that traces it comes first */
		getg()->sighandled = 0;
		switch (runtime_pollwait(&w, 1, 0)) {
		case PollReady:
			woken = true;
			break;
		case PollInterrupt:
			if ((r = runtime_iointerrupted(false)))
				return r;
			break;
		default:
			return IoPlain; /* the program took the number */
		}
	}
}

long runtime_iochild(const struct iocall *c)
{
	int pid = suits(c), fd;
	struct polldesc *pd;
	long r;

	if (!pid)
		return IoPlain;
	r = try(c);
	if (r != -EAGAIN)
		return r;
	fd = (int)arch_syscall3(SYS_pidfd_open, pid, 0, 0);
	if (fd < 0 || (fd = runtime_pollertake(fd)) < 0)
		return IoPlain;
	pd = runtime_polldesc(fd, true);
	r = runtime_pollopen(pd, fd) == 0 ? untilend(c, pd, fd) : IoPlain;
	runtime_pollergive(fd);
	return r;
}
