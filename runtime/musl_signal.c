/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_signal.c - the calls of libc that send signals and set masks. Whom they
 * mean may be a goroutine, whose tid and whose mask are not the kernel's; how its
 * signals reach it is told in sigroute.c.
 */
#include "musl.h"
#include "signals.h"

#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

weakseam pid_t gettid(void)
{
	return runtime_gettid();
}

static cold int killself(int sig)
{
	return (unsigned)sig < _NSIG ? runtime_signalself(sig) : -EINVAL;
}

weakseam int raise(int sig)
{
	return (int)ret(killself(sig));
}

/* One that is on no thread just now has none. */
int32_t runtime_blocktid(struct block *b)
{
	int32_t tid = load_acq(&b->tid);
	m *mp;

	if (b == self())
		return runtime_gettid();
	if (tid < FirstTid)
		return tid;
	mp = load_acq(&blockg(b)->m);
	return mp ? mp->tid : 0;
}

weakseam int pthread_kill(pthread_t t, int sig)
{
	struct block *b = (struct block *)t;
	int32_t tid = load_acq(&b->tid);
	int r;

	if ((unsigned)sig >= _NSIG)
		return EINVAL;
	if (b == self())
		return -killself(sig);
	if (tid >= FirstTid && sig == SigCancel) /* from pthread_cancel */
		return runtime_cancelg(blockg(b)), 0;
	if (tid >= FirstTid)
		return sig ? -runtime_signalg(blockg(b), sig) : 0;
	r = tid ? -tkill(tid, sig) : 0;
	return r == ESRCH ? 0 : r; /* it ended just now: as good as ended before */
}

static int tell(long nr, pid_t pid, int sig, siginfo_t *si)
{
	int r;

	si->si_pid = (pid_t)arch_syscall3(SYS_getpid, 0, 0, 0);
	si->si_uid = (uid_t)arch_syscall3(SYS_getuid, 0, 0, 0);
	if (pid == si->si_pid && runtime_signalown(pid, sig, si))
		return 0;
	r = (int)arch_syscall3(nr, pid, sig, (long)si);
	if (r < 0)
		errno = -r;
	return r < 0 ? -1 : 0;
}

weakseam int kill(pid_t pid, int sig)
{
	return tell(SYS_kill, pid, sig, &(siginfo_t){.si_signo = sig, .si_code = SI_USER});
}

weakseam int sigqueue(pid_t pid, int sig, const union sigval value)
{
	return tell(SYS_rt_sigqueueinfo, pid, sig,
		&(siginfo_t){.si_signo = sig, .si_code = SI_QUEUE, .si_value = value});
}

weakseam _Noreturn void abort(void)
{
	uint64_t mask = sigbit(SIGABRT);

	raise(SIGABRT);
	runtime_defaultsig(SIGABRT);
	tkill(runtime_gettid(), SIGABRT);
	arch_syscall6(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&mask, 0, 8, 0, 0);
	for (;;)
		runtime_exit(127);
}

/*
 * A goroutine's mask is its own. The thread's is changed here and at switches
 * (runtime_setmask). A handler's is the kernel's to put back. SIGURG is blocked for
 * the program only: preemption needs it.
 */
weakseam int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	g *gp = goroutine();
	uint64_t was, now, arg = set ? *(const uint64_t *)set : 0;
	int r;

	if (set && (unsigned)how > SIG_SETMASK)
		return EINVAL;
	now = getg() ? arg & ~(sigbit(SIGURG) | LibcSignals) : arg;
	r = (int)-arch_syscall6(SYS_rt_sigprocmask, how, set ? (long)&now : 0, (long)&was, 8, 0, 0);
	if (r)
		return r;
	if (gp)
		was |= gp->sigmask & sigbit(SIGURG);
	if (old)
		*(uint64_t *)old = was & ~LibcSignals;
	if (!set || !gp || gp->handling)
		return 0;
	now = (how == SIG_BLOCK ? was | arg : how == SIG_UNBLOCK ? was & ~arg : arg) & ~LibcSignals;
	runtime_recordmask(gp, now);
	if (unlikely(gp->sigpending & ~now))
		runtime_setmask(gp);
	return 0;
}

/* What waits with the thread and what waits with the goroutine. */
weakseam int sigpending(sigset_t *set)
{
	g *gp = goroutine();
	int r = (int)arch_syscall3(SYS_rt_sigpending, (long)set, sizeof(uint64_t), 0);

	if (r < 0) {
		errno = -r;
		return -1;
	}
	if (gp)
		*(uint64_t *)set |= load_rlx(&gp->sigpending);
	return 0;
}

/* sigsetjmp saves the mask, siglongjmp restores it. */
seam int __sigsetjmp_tail(sigjmp_buf jb, int ret)
{
	sigset_t *saved = (sigset_t *)jb->__ss;

	pthread_sigmask(SIG_SETMASK, ret ? saved : NULL, ret ? NULL : saved);
	return ret;
}
