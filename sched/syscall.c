/* SPDX-License-Identifier: MIT */
/*
 * syscall.c - a goroutine in a call that may block keeps its m and lets go of
 * its p: the p is Psyscall, still remembered in m->oldp, and sysmon takes it
 * away when the call takes long. On return one compare-and-swap gets it back;
 * when it is gone, any idle p will do, and without one the goroutine queues.
 *
 *   entersyscall   m->oldp = p; p->status = Psyscall (release)
 *   exitsyscall    cas(p->status, Psyscall, Prunning)       who wins the cas
 *   sysmon         cas(p->status, Psyscall, Pidle)          owns the p
 *   stoptheworld   cas(p->status, Psyscall, Pgcstop)
 *
 * g->incall: the call may be left by a jump from a signal handler, which then ends
 * it by exitsyscall. On the way there and back handlers wait (sigroute.c).
 */
#include "sched.h"
#include "signals.h"

#include <errno.h>
#include <sys/syscall.h>

void runtime_entersyscall(void)
{
	g *gp = getg();
	m *mp = gp->m;
	p *pp = mp->p;

	if (unlikely(load_rlx(&runtime_sched.sysmonm) != NULL) && runtime_nexttimer())
		runtime_watch(); /* nobody else looks after them meanwhile */
	if (unlikely(gp->stackhi - (uintptr_t)__builtin_frame_address(0) > StackDeep))
		gp->deep = true;
	store_rlx(&gp->status, Gsyscall);
	pp->m = NULL;
	mp->oldp = pp;
	mp->p = NULL;
	store_rel(&pp->status, Psyscall);
	store_rlx(&gp->incall, true);
}

static void handoff0(void *unused)
{
	(void)unused;
	runtime_handoffp(runtime_releasep());
}

/* For a call that is known to block: the p goes to another m at once. */
void runtime_entersyscallblock(void)
{
	g *gp = getg();

	store_rlx(&gp->status, Gsyscall);
	gp->m->oldp = NULL;
	runtime_systemstack(handoff0, NULL);
	store_rlx(&gp->incall, true);
}

/* No p for gp: queue it, and this m sleeps, or serves another if there is a p after all. */
static void exitsyscall0(g *gp)
{
	m *mp = getg()->m;
	bool locked = gp->lockedm != NULL;
	p *pp;

	store_rlx(&gp->status, Grunnable);
	gp->m = NULL;
	mp->curg = NULL;
	runtime_lock(&runtime_sched.lock);
	pp = load_rlx(&runtime_sched.gcwaiting) ? NULL : runtime_pidleget();
	if (!pp)
		runtime_globrunqput(gp);
	runtime_unlock(&runtime_sched.lock);
	if (pp) {
		runtime_acquirep(pp);
		runtime_execute(gp, false);
	}
	if (locked) {
		runtime_stoplockedm();
		runtime_execute(gp, false);
	}
	runtime_stopm();
	runtime_schedule();
}

static bool takeidle(void)
{
	p *pp;

	if (!load_rlx(&runtime_sched.npidle))
		return false;
	runtime_lock(&runtime_sched.lock);
	pp = load_rlx(&runtime_sched.gcwaiting) ? NULL : runtime_pidleget();
	runtime_unlock(&runtime_sched.lock);
	if (pp)
		runtime_acquirep(pp);
	return pp != NULL;
}

static noinline void exitslow(g *gp, m *mp)
{
	mp->oldp = NULL;
	if (takeidle())
		store_rlx(&gp->status, Grunning);
	else
		runtime_mcall(exitsyscall0);
}

/* Back from the call, with a p again, maybe on another m. errno is the goroutine's and stays. */
void runtime_exitsyscall(void)
{
	g *gp = getg();
	m *mp = gp->m;
	p *pp = mp->oldp;

	store_rlx(&gp->incall, false);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (likely(pp && cas(&pp->status, (uint32_t)Psyscall, (uint32_t)Prunning))) {
		pp->m = mp;
		mp->p = pp;
		pp->syscalltick++;
		store_rlx(&gp->status, Grunning);
	} else {
		exitslow(gp, mp);
	}
	if (unlikely(load_rlx(&gp->m->p->preempt)))
		runtime_gosched();
}

/*
 * r ended a call that the program knows no reason for: by a SIGURG of ours that came just as it
 * began, and the call is of those that the kernel never restarts. (Those two it must not see twice.)
 */
static inline bool unheard(g *gp, long nr, long r)
{
	return unlikely(r == -EINTR) && !gp->sighandled && nr != SYS_close && nr != SYS_connect;
}

static inline bool awaitssignals(long nr)
{
	return nr == SYS_rt_sigtimedwait || nr == SYS_rt_sigsuspend;
}

/* call(nr, ...) on the running goroutine, with the p let go of meanwhile. */
cold long runtime_withoutp(syscallfn *call, long nr, long a, long b, long c, long d, long e, long f)
{
	g *gp = getg();
	uint8_t before = gp->sighandled;
	long r;

	gp->sighandled = 0;
	do {
		runtime_entersyscall();
		r = unlikely(awaitssignals(nr)) && gp->sigwaits
			    ? runtime_sigwaitcall(gp, call, nr, a, b, c, d)
			    : call(nr, a, b, c, d, e, f);
		runtime_exitsyscall();
	} while (unheard(gp, nr, r));
	gp->sighandled |= before;
	return r;
}

static long plain(long nr, long a, long b, long c, long d, long e, long f)
{
	return arch_syscall6(nr, a, b, c, d, e, f);
}

/*
 * A system call that may block, from anywhere: on a goroutine the p is let go of
 * meanwhile. From g0, a thread of the program's own, a child of vfork, or a handler that
 * interrupted such a call, just the call. Its result or -errno; errno is not touched.
 */
long runtime_blockingcall(long nr, long a, long b, long c, long d, long e, long f)
{
	g *gp = getg();

	if (!gp || gp->vforking || !runtime_mayblock(gp) || gp == gp->m->g0)
		return plain(nr, a, b, c, d, e, f);
	return runtime_withoutp(plain, nr, a, b, c, d, e, f);
}
