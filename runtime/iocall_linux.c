/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/* iocall_linux.c - libc's blocking calls, sorted by number. See io_linux.h. */
#include "io_linux.h"

#include <sys/syscall.h>

static long opened(const struct iocall *c)
{
	long fd = runtime_ioasis(c);

	if (fd >= 0)
		runtime_iofresh((int)fd);
	return fd;
}

static inline long sorted(const struct iocall *c)
{
	long r;

	switch (c->nr) {
	case SYS_read:
	case SYS_readv:
		return runtime_ioread(c);
	case SYS_write:
	case SYS_writev:
		return runtime_iowrite(c);
	case SYS_recvfrom:
	case SYS_recvmsg:
		return runtime_iorecv(c);
	case SYS_recvmmsg:
		return runtime_iorecvmany(c);
	case SYS_sendto:
	case SYS_sendmsg:
		return runtime_iosend(c);
	case SYS_accept:
	case SYS_accept4:
		return runtime_ioaccept(c);
	case SYS_connect:
		return runtime_ioconnect(c);
	case SYS_poll:
	case SYS_ppoll:
		return runtime_iopoll(c);
	case SYS_select:
	case SYS_pselect6:
		return runtime_ioselect(c);
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
		return runtime_ioepoll(c);
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
		return runtime_iosleep(c);
	case SYS_wait4:
	case SYS_waitid:
		return runtime_iochild(c);
	case SYS_open:
	case SYS_openat:
		return opened(c);
	default:
		return runtime_iochange(c, &r) ? r : IoPlain;
	}
}

/* On a running goroutine. The call's result or -errno. */
long runtime_iocall(long nr, long a, long b, long c, long d, long e, long f)
{
	struct iocall call = {nr, {a, b, c, d, e, f}};
	long r = sorted(&call);

	if (unlikely(r == IoPlain))
		return runtime_ioasis(&call);
	if (unlikely(load_rlx(&getg()->m->p->preempt)))
		runtime_gosched(); /* a loop of calls that never block */
	return r;
}

/* Elsewhere: nothing parks, but what the call changes is noted. */
long runtime_ioplaincall(long nr, long a, long b, long c, long d, long e, long f)
{
	struct iocall call = {nr, {a, b, c, d, e, f}};
	long r;

	if (runtime_iochange(&call, &r))
		return r;
	return runtime_ioasis(&call);
}

/* From anywhere, and no cancellation point: syscall(2), and what libc calls in line. */
long runtime_anycall(long nr, long a, long b, long c, long d, long e, long f)
{
	g *gp = getg();

	if (gp && gp->vforking)
		return arch_syscall6(nr, a, b, c, d, e, f);
	if (gp && runtime_mayblock(gp) && gp != gp->m->g0)
		return runtime_iocall(nr, a, b, c, d, e, f);
	return runtime_nopoint(nr, a, b, c, d, e, f);
}
