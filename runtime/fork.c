/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * fork.c - fork, _Fork, vfork and clone of a goroutine.
 *
 * fork. In this order, so that nobody waits in a circle:
 *
 *   1 pthread_atfork's handlers, on the goroutine as any code of the program's
 *   2 libc's locks: their holders may be without a p, and need the world to get one
 *   3 the world stops: channels, go_mutexes and heaps of timers are whole
 *   4 signals blocked; the thread list, whose holders need no p (but may want us in
 *     __synccall's handler: so libc's own signals are blocked only after)
 *   5 the kernel's fork
 *   6 the parent takes all that back in reverse order. In the child libc and the
 *     scheduler (sched/fork.c) start afresh before anything else runs.
 *
 * FS points at the goroutine's thread block throughout; in the child it is the
 * block of the m's thread that gets the new tid and is alone on libc's list.
 * Where there is no goroutine to stop the world from - a thread of the program's own,
 * a handler on a signal stack or in a system call - and in _Fork the child gets no
 * scheduler: libc's calls are the kernel's there, and go.h must not be used.
 *
 * vfork. The child runs on the goroutine's stack, with its FS, in the parent's
 * memory, until it execs; the parent's thread stands still that long. What it must not do
 * is enter the scheduler of the parent, whose other threads go on: g->vforking
 * says that whatever runs on this g may be such a child. Where it is set libc's
 * seams make plain system calls and note nothing. The p is let go as in any long system
 * call, so the child does not even see it, and status is Gsyscall meanwhile.
 * posix_spawn (spawn.c) does the same. vforking counts twos, for a child may vfork
 * again; 1 says that the p was let go. Of a thread of the program's own vfork is fork.
 */
#include "signals.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#define weakseam __attribute__((visibility("default"), weak))

enum { Nest = 2, LetGo = 1 };

/* ---- vfork ---- */

/* False: no g to mark, and the child could not be told from its parent. */
bool runtime_vforkenter(void)
{
	g *gp = getg();

	if (!gp || gp == gp->m->g0)
		return false;
	if (!gp->vforking && runtime_mayblock(gp)) {
		runtime_entersyscall();
		gp->vforking = LetGo;
	} else {
		gp->vforking += Nest;
	}
	return true;
}

/* In the parent. r is what the kernel said. */
long runtime_vforkleave(long r)
{
	g *gp = getg();

	if (gp && gp != gp->m->g0) {
		if (gp->vforking == LetGo) {
			gp->vforking = 0;
			runtime_exitsyscall();
		} else {
			gp->vforking -= Nest;
		}
	}
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

/* ---- fork ---- */

static uint64_t sigmask(int how, uint64_t mask)
{
	uint64_t old;

	arch_syscall6(SYS_rt_sigprocmask, how, (long)&mask, (long)&old, 8, 0, 0);
	return old;
}

/* Nothing interrupts from here on, and the list of threads is ours. The mask of before. */
static uint64_t hold(void)
{
	uint64_t mask = sigmask(SIG_BLOCK, ~LibcSignals);

	runtime_forklockthreads();
	sigmask(SIG_BLOCK, ~UINT64_C(0));
	return mask;
}

/* How the kernel forks; flags include the signal at the end. */
struct how {
	unsigned long flags;
	int *parenttid, *childtid;
};
static const struct how plainly = {.flags = SIGCHLD};

static long kernelfork(const struct how *h)
{
	return arch_syscall6(SYS_clone, (long)h->flags, 0, (long)h->parenttid, (long)h->childtid, 0, 0);
}

/* The running goroutine when it can stop the world: it has a p, and is on its own stack. */
static g *forker(void)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	g *gp = getg();

	if (!gp || gp->vforking || !runtime_mayblock(gp) || gp == gp->m->g0)
		return NULL;
	return sp >= gp->stacklo && sp < gp->stackhi ? gp : NULL;
}

/* Everything but the calling thread is gone, the scheduler too. */
static long forkbare(const struct how *h)
{
	g *gp = getg();
	int32_t tid = runtime_libctid();
	uint64_t mask;
	long r;

	if (gp)
		gp->vforking += Nest; /* libc's locks wait without the scheduler; and so it stays in the child */
	mask = hold();
	r = kernelfork(h);
	if (r == 0) {
		runtime_forklibc(gp, tid);
		runtime_forkwipe();
	} else {
		runtime_forkunlockthreads();
		if (gp)
			gp->vforking -= Nest;
	}
	sigmask(SIG_SETMASK, mask);
	return r;
}

static long forkworld(g *gp, const struct how *h)
{
	int32_t tid = runtime_libctid();
	uint64_t mask;
	long r;

	runtime_stoptheworld();
	gp->vforking = Nest; /* as above */
	mask = hold();
	r = kernelfork(h);
	gp->vforking = 0;
	if (r == 0) {
		runtime_forklibc(gp, tid);
		runtime_forkwipe();
		runtime_forksched(gp);
		runtime_forkstart();
	} else {
		runtime_forkunlockthreads();
		sigmask(SIG_SETMASK, ~LibcSignals); /* a setuid may wait for us, with locks that the world needs */
		runtime_starttheworld(load_rlx(&runtime_gomaxprocs));
	}
	sigmask(SIG_SETMASK, mask);
	return r;
}

/* gp: the running goroutine, by which the world is stopped; NULL: there is none. */
static long dofork(g *gp, const struct how *h)
{
	long r;

	runtime_forklocklibc();
	r = gp ? forkworld(gp, h) : forkbare(h);
	if (r != 0)
		runtime_forkunlocklibc();
	return r;
}

static pid_t result(long r)
{
	if (r < 0)
		errno = (int)-r;
	return r < 0 ? -1 : (pid_t)r;
}

weakseam pid_t fork(void)
{
	long r;

	runtime_forkhandlers(-1);
	r = dofork(forker(), &plainly);
	runtime_forkhandlers(r == 0);
	return result(r);
}

/*
 * Left to the kernel: what shares the memory is a thread that libc knows nothing of, what shares
 * the descriptors would close our poller's.
 */
enum { Left = CLONE_VM | CLONE_FILES | CLONE_SETTLS };

/* The kernel's clone without a stack. From a handler as _Fork. */
long runtime_clone(unsigned long flags, int *parenttid, int *childtid, long tls)
{
	struct how h = {flags, parenttid, childtid};
	g *gp = forker();

	if (flags & Left)
		return arch_syscall6(SYS_clone, (long)flags, 0, (long)parenttid, (long)childtid, tls, 0);
	return gp ? dofork(gp, &h) : forkbare(&h);
}

/*
 * A child that is a process of its own is one of fork, whose main is fn: it stays on the goroutine's stack. One that
 * borrows the memory until it execs is one of vfork.
 */
weakseam int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	int *parenttid, *childtid;
	void *tls;
	va_list ap;
	long r;

	va_start(ap, arg);
	parenttid = va_arg(ap, int *);
	tls = va_arg(ap, void *);
	childtid = va_arg(ap, int *);
	va_end(ap);
	if ((flags & (Left | CLONE_VFORK)) == (CLONE_VM | CLONE_VFORK)) {
		runtime_vforkenter();
		r = __clone(fn, stack, flags, arg, parenttid, tls, childtid);
		runtime_vforkleave(0);
		return result(r);
	}
	if (flags & Left)
		return result(__clone(fn, stack, flags, arg, parenttid, tls, childtid));
	r = runtime_clone((unsigned)flags, parenttid, childtid, 0);
	if (r == 0)
		_exit(fn(arg));
	return result(r);
}

/* For signal handlers: no handlers, and no locks that the interrupted code may hold. */
weakseam pid_t _Fork(void)
{
	return result(forkbare(&plainly));
}
