/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_call.c - the blocking calls of libc, and the locks inside it.
 *
 * Every blocking call of musl goes through __syscall_cp, its cancellation points:
 * they are our entersyscall points. What it does with inlined system calls and we
 * have to know is replaced one by one.
 *
 * Code that musl runs with signals blocked behind our back (inside pthread_create,
 * fork, ...) may wait in __lock and __wait: there the goroutine stays on its m,
 * for the mask is the m's.
 */
#include "musl.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- blocking calls ---- */

static inline long rawcall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (__syscall_cp_c) {
		fence(); /* it looks whether it is cancelled: see musl_cancel.c */
		return __syscall_cp_c(nr, a, b, c, d, e, f);
	}
	return arch_syscall6(nr, a, b, c, d, e, f);
}

long runtime_pointcall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (!maypark())
		return rawcall(nr, a, b, c, d, e, f);
	if (!getg()->atpoint)
		return runtime_blockingcall(nr, a, b, c, d, e, f);
	return runtime_withoutp(rawcall, nr, a, b, c, d, e, f);
}

/* Every call of libc's that may block. From a program's own thread, and the like: the plain call. */
seam long __syscall_cp(long nr, long a, long b, long c, long d, long e, long f)
{
	g *gp = maypark();

	if (!gp && getg() && getg()->vforking) /* what it changes is not ours to note */
		return rawcall(nr, a, b, c, d, e, f);
	if (!gp)
		return runtime_ioplaincall(nr, a, b, c, d, e, f);
	if (__syscall_cp_c) /* the program can cancel */
		return runtime_point(nr, a, b, c, d, e, f);
	return runtime_iocall(nr, a, b, c, d, e, f);
}

/* ---- the clock, which loops wait with ---- */

weakseam int clock_gettime(clockid_t clk, struct timespec *ts)
{
	runtime_giveslice();
	return (int)ret(runtime_clock(clk, ts));
}

weakseam time_t time(time_t *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (t)
		*t = now.tv_sec;
	return now.tv_sec;
}

weakseam int timespec_get(struct timespec *ts, int base)
{
	return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, ts) == 0 ? base : 0;
}

/* What libc does with inlined system calls, no cancellation points, and we have to know: see runtime/iodesc_linux.c. */

weakseam int socket(int domain, int type, int protocol)
{
	long fd = runtime_anycall(SYS_socket, domain, type, protocol, 0, 0, 0);

	if (fd >= 0 && (uintptr_t)__builtin_return_address(0) >= (uintptr_t)runtime_etext)
		runtime_iosilent((int)fd); /* libc calls, or an archive behind us, which costs no more than time */
	return (int)ret(fd);
}

weakseam int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return (int)ret(runtime_anycall(SYS_setsockopt, fd, level, name, (long)value, len, 0));
}

weakseam int dup2(int from, int to)
{
	return (int)ret(runtime_anycall(SYS_dup2, from, to, 0, 0, 0, 0));
}

seam int __dup3(int from, int to, int flags)
{
	return (int)ret(runtime_anycall(SYS_dup3, from, to, flags, 0, 0, 0));
}

weakseam int dup3(int from, int to, int flags)
{
	return __dup3(from, to, flags);
}

weakseam int ioctl(int fd, int request, ...)
{
	va_list ap;
	long arg;

	va_start(ap, request);
	arg = va_arg(ap, long);
	va_end(ap);
	if (request == FIONBIO)
		return (int)ret(runtime_anycall(SYS_ioctl, fd, request, arg, 0, 0, 0));
	return (int)ret(arch_syscall3(SYS_ioctl, fd, request, arg));
}

static long getowner(int fd)
{
	struct f_owner_ex ex;
	long r = arch_syscall3(SYS_fcntl, fd, F_GETOWN_EX, (long)&ex);

	if (r < 0)
		return r;
	return ex.type == F_OWNER_PGRP ? -ex.pid : ex.pid;
}

weakseam int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	switch (cmd) {
	case F_SETFL:
		arg |= O_LARGEFILE; /* fallthrough */
	case F_OFD_SETLKW:
		return (int)ret(runtime_anycall(SYS_fcntl, fd, cmd, arg, 0, 0, 0));
	case F_SETLKW:
		return (int)ret(__syscall_cp(SYS_fcntl, fd, cmd, arg, 0, 0, 0));
	case F_GETOWN:
		return (int)ret(getowner(fd));
	default:
		return (int)ret(arch_syscall3(SYS_fcntl, fd, cmd, arg));
	}
}

/* ---- libc's own locks ---- */

/*
 * Sleep on a word of libc's own locks. They are held for moments, so a
 * goroutine keeps its p unless sysmon wants it, and it comes back to this m.
 */
static void waitword(volatile int *addr, int val, bool private)
{
	g *gp = goroutine();
	int op = private ? 128 : 0; /* FUTEX_WAIT, FUTEX_PRIVATE */

	if (!gp || !runtime_mayblock(gp)) {
		arch_syscall6(SYS_futex, (long)addr, op, val, 0, 0, 0);
		return;
	}
	runtime_lockosthread();
	runtime_entersyscall();
	arch_syscall6(SYS_futex, (long)addr, op, val, 0, 0, 0);
	/* Who holds a p may sleep on the same word: the wake is passed on before we wait for one. */
	if (private)
		runtime_futexwakeup((uint32_t *)addr, 1);
	else
		sharedwake((int32_t *)addr, 1);
	runtime_exitsyscall();
	runtime_unlockosthread();
}

seam cold void __wait(volatile int *addr, volatile int *waiters, int val, int priv)
{
	for (int spins = 100; spins && (!waiters || !*waiters); spins--) {
		if (*addr != val)
			return;
		procyield();
	}
	if (waiters)
		xadd((int *)waiters, 1);
	while (*addr == val)
		waitword(addr, val, priv);
	if (waiters)
		xadd((int *)waiters, -1);
}

static noinline void contend(int *l)
{
	for (int spins = 50; spins; spins--) {
		if (!load_rlx(l) && cas_acq(l, 0, 1))
			return;
		procyield();
	}
	while (xchg(l, 2))
		waitword(l, 2, true);
}

/*
 * The lock inside libc's own structures: 0 free, 1 held, 2 held and slept on. Who holds one keeps its slice
 * while it is in libc (sched/preempt.c).
 */
seam void __lock(volatile int *lock)
{
	int *l = (int *)lock;
	g *gp = getg();

	if (!__libc.need_locks)
		return;
	if (unlikely(!cas_acq(l, 0, 1)))
		contend(l);
	if (likely(gp != NULL))
		gp->nopreempt++;
}

seam void __unlock(volatile int *lock)
{
	int *l = (int *)lock;
	g *gp = getg();

	if (!load_rlx(l))
		return;
	if (xchg(l, 0) == 2)
		runtime_futexwakeup((uint32_t *)l, 1);
	if (likely(gp && gp->nopreempt))
		gp->nopreempt--;
}
