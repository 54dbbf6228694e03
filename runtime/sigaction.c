/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * sigaction.c - the program's signal handlers: recorded, and called by ours.
 *
 * The kernel is given one handler for all of the program's, so that the runtime
 * knows when one runs: on a goroutine or on g0, wherever the signal struck, also
 * in the middle of the runtime. There nothing may park, and the p must not
 * change hands; so a handler is on its g's list `handling' while it runs, and
 * whatever would block asks runtime_mayblock and makes a plain call instead. An m
 * does not change its g's under a handler, for it never gets to a switch.
 *
 * A handler may be left by longjmp or go_panic: runtime_leavehandlers, called on
 * the stack that is jumped to, takes it off the list, takes note of the mask,
 * which the jump leaves as it was in the handler, and ends a system call that the
 * handler interrupted.
 *
 * Actions are written under a lock, with all signals blocked, and read by
 * handlers without: seq is odd while one changes. The runtime's own handlers
 * (faults, SIGQUIT) stand where the program has set nothing, and are reported to it
 * as SIG_DFL; what it sets wins, SIG_DFL too. SIGURG's is always ours
 * (sched/preempt.c), and calls the program's when the signal is not from us.
 *
 * Where a handler gives way to SIG_DFL, the kernel keeps ours (lapsed) until the signal
 * comes: what sigroute.c sent to some thread may be on its way there, and would
 * end a program that has had its one signal.
 */
#include "signals.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#define hidden __attribute__((visibility("hidden")))
#define seam __attribute__((visibility("default")))
#define weakseam __attribute__((visibility("default"), weak))

enum { Restorer = 0x04000000 };

hidden void __restore_rt(void);
long __syscall_cp(long nr, long a, long b, long c, long d, long e, long f);

/* A handler that ran here is over, but its frame is not gone: what that restores is this m's. */
bool runtime_handlerends(uintptr_t pc)
{
	enum { Length = 16 }; /* or less: a move and a system call */

	return pc - (uintptr_t)__restore_rt < Length;
}

/* As the kernel has it. */
struct ksigaction {
	void *handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

struct action {
	uint32_t seq; /* atomic */
	bool set;     /* by the program; else it is the kernel's or the runtime's */
	bool lapsed;  /* under lock; SIG_DFL to the program, ours to the kernel */
	struct sigaction sa;
};
static struct action actions[_NSIG] bigbss;
static uint32_t lock; /* by cas, signals blocked */
static uint64_t handled; /* signals that ever had a handler, for posix_spawn */

seam volatile int __eintr_valid_flag; /* some handler interrupts calls: libc's timed waits ask */

/* ---- the kernel's side ---- */

static long ksigaction(int sig, const struct ksigaction *new, struct ksigaction *old)
{
	return arch_syscall6(SYS_rt_sigaction, sig, (long)new, (long)old, sizeof(uint64_t), 0, 0);
}

static bool ishandler(const void *fn)
{
	return fn != (void *)SIG_DFL && fn != (void *)SIG_IGN;
}

/* The program has a handler for some signal, which may come. */
bool runtime_handlessignals(void)
{
	for (int sig = 1; sig < _NSIG; sig++)
		if (actions[sig].set && ishandler((void *)actions[sig].sa.sa_handler))
			return true;
	return false;
}

/* ... and it is not one that only running code brings about. */
bool runtime_awaitssignals(void)
{
	static const uint64_t own = 1 << (SIGSEGV - 1) | 1 << (SIGBUS - 1) | 1 << (SIGFPE - 1) |
				    1 << (SIGILL - 1) | 1 << (SIGTRAP - 1) | 1 << (SIGABRT - 1) |
				    1 << (SIGSYS - 1) | 1 << (SIGPIPE - 1);

	for (int sig = 1; sig < _NSIG; sig++)
		if (!(own & sigbit(sig)) && runtime_handles(sig))
			return true;
	return false;
}

static long install(int sig, void *fn, uint64_t mask, unsigned long flags)
{
	struct ksigaction k = {fn, flags | Restorer, __restore_rt, mask};

	if (ishandler(fn))
		__atomic_or_fetch(&handled, sigbit(sig), __ATOMIC_RELAXED);
	return ksigaction(sig, &k, NULL);
}

/* A handler of the runtime's own, on the signal stack, by which nothing else is interrupted. */
void runtime_setsig(int sig, void (*fn)(int, siginfo_t *, void *))
{
	install(sig, (void *)fn, ~UINT64_C(0), SA_SIGINFO | SA_ONSTACK | SA_RESTART);
}

void runtime_defaultsig(int sig)
{
	install(sig, (void *)SIG_DFL, 0, 0);
}

bool runtime_ignored(int sig)
{
	struct ksigaction k;

	return ksigaction(sig, NULL, &k) == 0 && k.handler == (void *)SIG_IGN;
}

/*
 * Straight to the kernel, as posix_spawn's child uses it, which has our memory but
 * its own actions, and libc for its own signals.
 */
seam int __libc_sigaction(int sig, const struct sigaction *sa, struct sigaction *old)
{
	void *fn = sa ? (void *)(uintptr_t)sa->sa_handler : NULL;
	struct ksigaction k;
	long r = ksigaction(sig, NULL, &k);

	if (r == 0 && sa)
		r = install(sig, ishandler(fn) ? (void *)runtime_libchandler(sig, sa->sa_sigaction) : fn,
			    *(const uint64_t *)&sa->sa_mask, (unsigned long)sa->sa_flags | SA_ONSTACK);
	if (r < 0) {
		errno = (int)-r;
		return -1;
	}
	if (old) {
		old->sa_handler = (void (*)(int))(uintptr_t)k.handler;
		old->sa_flags = (int)(k.flags & ~(unsigned long)Restorer);
		*(uint64_t *)&old->sa_mask = k.mask;
	}
	return 0;
}

seam void __get_handler_set(sigset_t *set)
{
	memcpy(set, &handled, sizeof handled);
}

/* ---- the program's side ---- */

static uint64_t lockactions(void)
{
	uint64_t all = ~UINT64_C(0), old;

	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&old, 8, 0, 0);
	while (!cas_acq(&lock, 0u, 1u))
		runtime_osyield();
	return old;
}

static void unlockactions(uint64_t mask)
{
	store_rel(&lock, 0u);
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, 8, 0, 0);
}

/* In the child of a fork, which may have caught another thread in between. */
void runtime_sigactionfork(void)
{
	store_rel(&lock, 0u);
	for (int sig = 1; sig < _NSIG; sig++)
		actions[sig].seq &= ~1u;
}

static void write(struct action *a, const struct sigaction *sa)
{
	store(&a->seq, a->seq + 1);
	fence();
	a->sa = *sa;
	a->set = true;
	store_rel(&a->seq, a->seq + 1);
}

/* Any time, anywhere. False: the program has set nothing. */
static bool read(int sig, struct sigaction *sa)
{
	struct action *a = &actions[sig];
	uint32_t seq;
	bool set;

	do {
		seq = load_acq(&a->seq);
		*sa = a->sa;
		set = a->set;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((seq & 1) || load_rlx(&a->seq) != seq);
	return set;
}

bool runtime_handles(int sig)
{
	struct sigaction sa;

	return read(sig, &sa) && ishandler((void *)(uintptr_t)sa.sa_handler);
}

/* What the kernel has where the program has set nothing: ours look like SIG_DFL. */
static void inherited(int sig, struct sigaction *old)
{
	memset(old, 0, sizeof *old);
	old->sa_handler = runtime_ignored(sig) ? SIG_IGN : SIG_DFL;
}

enum { KernelFlags = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_ONSTACK | SA_RESTART | SA_NODEFER };

/* The kernel's one handler for all of the program's. SA_RESETHAND is done by us: it may be sent on first. */
static long installours(int sig, const struct sigaction *sa)
{
	return install(sig, (void *)runtime_sighandler, *(const uint64_t *)&sa->sa_mask & ~sigbit(SIGURG),
		       (unsigned long)(sa->sa_flags & KernelFlags) | SA_SIGINFO);
}

static long giveto(int sig, void *fn, const struct sigaction *sa)
{
	return install(sig, fn, *(const uint64_t *)&sa->sa_mask, (unsigned long)(sa->sa_flags & KernelFlags));
}

/* Its handler is no more. Where the default is to do nothing, what is on its way does no harm. */
static long lapse(int sig, const struct sigaction *sa)
{
	struct sigaction ours = {.sa_flags = sa->sa_flags | SA_ONSTACK | SA_RESTART};

	if (sig == SIGCHLD || sig == SIGCONT || sig == SIGWINCH || sig == SIGURG)
		return giveto(sig, (void *)SIG_DFL, sa);
	actions[sig].lapsed = true;
	return installours(sig, &ours);
}

static long installfor(int sig, const struct sigaction *sa, const struct sigaction *was)
{
	void *fn = (void *)(uintptr_t)sa->sa_handler;
	bool lapsed = actions[sig].lapsed || ishandler((void *)(uintptr_t)was->sa_handler);

	if (sig == SIGURG)
		return runtime_preemptinit(), 0;
	if (fn == (void *)SIG_DFL && lapsed)
		return lapse(sig, sa);
	actions[sig].lapsed = false;
	return ishandler(fn) ? installours(sig, sa) : giveto(sig, fn, sa);
}

static long setaction(int sig, const struct sigaction *sa, struct sigaction *old)
{
	struct sigaction was;
	long r;

	if (!read(sig, &was))
		inherited(sig, &was);
	if (ishandler((void *)(uintptr_t)sa->sa_handler)) {
		if (!(sa->sa_flags & SA_RESTART))
			__eintr_valid_flag = 1;
		write(&actions[sig], sa);
		r = installfor(sig, sa, &was);
	} else if (!(r = installfor(sig, sa, &was))) {
		write(&actions[sig], sa);
		runtime_forgetsignal(sig);
	}
	if (r == 0 && old)
		*old = was;
	return r;
}

seam int __sigaction(int sig, const struct sigaction *sa, struct sigaction *old)
{
	uint64_t mask;
	long r;

	if (sig < 1 || sig >= _NSIG || (sig >= 32 && sig <= 34) ||
	    (sa && (sig == SIGKILL || sig == SIGSTOP))) {
		errno = EINVAL;
		return -1;
	}
	if (!sa) {
		if (old && !read(sig, old))
			inherited(sig, old);
		return 0;
	}
	if (getg() && getg()->m && runtime_mayblock(getg()) && !getg()->vforking)
		runtime_startwatch(); /* it passes signals on */
	mask = lockactions();
	r = setaction(sig, sa, old);
	unlockactions(mask);
	if (r < 0)
		errno = (int)-r;
	return r < 0 ? -1 : 0;
}

weakseam int sigaction(int sig, const struct sigaction *sa, struct sigaction *old)
{
	return __sigaction(sig, sa, old);
}

/* ---- a handler runs ---- */

/* SA_RESETHAND: it runs once. False: it is another by now. */
static bool resethandler(int sig, const struct sigaction *once)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL, .sa_flags = once->sa_flags & ~(int)SA_RESETHAND};
	uint64_t mask = lockactions();
	const struct sigaction *now = &actions[sig].sa;
	bool same = now->sa_sigaction == once->sa_sigaction && now->sa_flags == once->sa_flags;

	if (same && installfor(sig, &dfl, once) == 0)
		write(&actions[sig], &dfl);
	unlockactions(mask);
	return same;
}

/* The kernel does what is the default when this handler is done. */
static void bydefault(int sig)
{
	uint64_t mask = lockactions();

	if (actions[sig].lapsed)
		runtime_defaultsig(sig);
	actions[sig].lapsed = false;
	unlockactions(mask);
	arch_syscall3(SYS_tkill, runtime_gettid(), sig, 0);
}

/* On the interrupted g, which may be none of ours. */
static void call(const struct sigaction *sa, int sig, siginfo_t *si, void *uc)
{
	g *gp = getg();
	struct handling h = {.outer = gp ? gp->handling : NULL};
	struct heldpoint point = {0};
	const uint64_t *ucmask = (const uint64_t *)&((ucontext_t *)uc)->uc_sigmask;
	uint64_t was = *ucmask;

	h.sp = (uintptr_t)&h;
	if (gp) {
		point = runtime_pointpause(gp);
		h.onstack = gp->altstack && (sa->sa_flags & SA_ONSTACK);
		gp->sighandled |= sa->sa_flags & SA_RESTART ? SigRan
							     : SigRan | SigNoRestart;
		store_rlx(&gp->handling, &h);
	}
	sa->sa_sigaction(sig, si, uc);
	if (gp) {
		store_rlx(&gp->handling, h.outer);
		if (unlikely(*ucmask != was) && !h.outer && gp->m && gp != gp->m->g0) /* the kernel will put that back */
			runtime_recordmask(gp, *ucmask | (gp->sigmask & sigbit(SIGURG)));
		runtime_pointresume(gp, point, uc);
	}
}

/* The program's handler for sig, if it has one. */
bool runtime_callhandler(int sig, siginfo_t *si, void *uc)
{
	struct sigaction sa;

	do
		if (!read(sig, &sa) || !ishandler((void *)(uintptr_t)sa.sa_handler))
			return false;
	while (sa.sa_flags & SA_RESETHAND && !resethandler(sig, &sa));
	call(&sa, sig, si, uc);
	return true;
}

static void sighandler(int sig, siginfo_t *si, void *uc)
{
	struct sigaction sa;

	if (runtime_routesignal(sig, si, uc))
		return;
	if (!runtime_callhandler(sig, si, uc) && read(sig, &sa) && sa.sa_handler == SIG_DFL)
		bydefault(sig);
}

/* The kernel's one handler for all of the program's. */
void runtime_sighandler(int sig, siginfo_t *si, void *uc)
{
	g *gp = getg();
	m *mp = gp && gp->m && gp == gp->m->g0 ? gp->m : NULL;

	if (mp)
		mp->handlers++;
	sighandler(sig, si, uc);
	if (mp) {
		mp->handlers--;
		runtime_idlehandled(mp, uc);
	}
}

/* ---- a handler is left by a jump ---- */

/* Whether sp is in the frames of h's handler or of what that has called. */
static bool within(g *gp, const struct handling *h, uintptr_t sp)
{
	bool spgoroutine = sp >= gp->stacklo && sp < gp->stackhi;
	bool hgoroutine = h->sp >= gp->stacklo && h->sp < gp->stackhi;

	return spgoroutine == hgoroutine && sp < h->sp;
}

/* Handlers of signals to the process run elsewhere while the main goroutine waits for others. */
static bool isother(g *gp, uintptr_t sp)
{
	g *maing = runtime_maing;

	return gp != maing && sp >= maing->stacklo && sp < maing->stackhi;
}

/*
 * A longjmp to sp, on whose stack this runs. What handlers are left, what mask
 * that leaves, and the system call that was interrupted come to an end.
 */
void runtime_leavehandlers(uintptr_t sp)
{
	g *gp = getg();
	struct handling *h = gp->handling;

	while (h && !within(gp, h, sp))
		h = h->outer;
	if (h == gp->handling)
		return;
	if (!gp->m || gp == gp->m->g0 || isother(gp, sp))
		runtime_fatal("a signal handler jumped to a goroutine that it did not interrupt");
	store_rlx(&gp->handling, h);
	store_rlx(&gp->receiving, false);
	runtime_sigwaitleft(gp);
	runtime_readmask(gp);
	if (!h && gp->status == Gsyscall)
		runtime_exitsyscall();
	if (!h)
		runtime_pointleft(gp);
}

void runtime_unwindhandlers(g *gp)
{
	if (gp->handling)
		runtime_setkernelmask(gp->sigmask);
}

void runtime_endhandlers(g *gp)
{
	store_rlx(&gp->handling, NULL);
	runtime_sigwaitleft(gp);
	runtime_readmask(gp);
}

/*
 * ---- sigaltstack ----
 *
 * A thread has one of its own, so a goroutine has. It is only recorded: with
 * SA_ONSTACK a handler runs on its m's signal stack, which is there for every
 * goroutine, and larger than what programs bring. Were the kernel told of theirs, it
 * would have to be told at every switch.
 */

static void altstack(g *gp, stack_t *old)
{
	old->ss_sp = gp->altstack;
	old->ss_size = gp->altstacksize;
	old->ss_flags = gp->altstack ? 0 : SS_DISABLE;
	for (struct handling *h = gp->handling; h; h = h->outer)
		if (h->onstack)
			old->ss_flags = SS_ONSTACK;
}

static int setaltstack(g *gp, const stack_t *new)
{
	stack_t now;

	altstack(gp, &now);
	if (now.ss_flags == SS_ONSTACK)
		return EPERM;
	if (new->ss_flags & ~(SS_DISABLE | SS_ONSTACK | (int)SS_AUTODISARM))
		return EINVAL;
	if (!(new->ss_flags & SS_DISABLE) && new->ss_size < MINSIGSTKSZ)
		return ENOMEM;
	gp->altstack = new->ss_flags & SS_DISABLE ? NULL : new->ss_sp;
	gp->altstacksize = new->ss_flags & SS_DISABLE ? 0 : new->ss_size;
	return 0;
}

weakseam int sigaltstack(const stack_t *restrict new, stack_t *restrict old)
{
	g *gp = getg();
	stack_t was = {0};
	int r = 0;

	if (gp) {
		altstack(gp, &was);
		if (new)
			r = setaltstack(gp, new);
		if (!r && old)
			*old = was;
	} else {
		r = (int)-arch_syscall3(SYS_sigaltstack, (long)new, (long)old, 0);
	}
	if (r)
		errno = r;
	return r ? -1 : 0;
}

/* ---- waits for signals that are blocked ---- */

/* Not of a handler, whose call is just the kernel's, nor of a child of vfork. */
static bool waits(uint64_t set)
{
	g *gp = getg();

	if (gp && !gp->handling && !gp->vforking)
		store(&gp->sigwaits, set);
	return gp != NULL;
}

/* As libc's, which takes no EINTR for an answer. SIGURG's are mostly the runtime's own. */
weakseam int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict si,
			  const struct timespec *restrict timeout)
{
	uint64_t want = *(const uint64_t *)set;
	long r;

	if (waits(want & ~sigbit(SIGURG)))
		want &= ~sigbit(SIGURG);
	do
		r = __syscall_cp(SYS_rt_sigtimedwait, (long)&want, (long)si, (long)timeout, 8, 0, 0);
	while (r == -EINTR);
	waits(0);
	if (r < 0)
		errno = (int)-r;
	return r < 0 ? -1 : (int)r;
}

weakseam int sigsuspend(const sigset_t *mask)
{
	uint64_t with = *(const uint64_t *)mask & ~sigbit(SIGURG);
	long r;

	waits(~with & ~sigbit(SIGURG));
	r = __syscall_cp(SYS_rt_sigsuspend, (long)&with, 8, 0, 0, 0, 0);
	waits(0);
	errno = (int)-r;
	return -1;
}

/* set is the kernel's to look at first. The result or -errno. */
long runtime_signalfd(int fd, const void *set, long size, long flags)
{
	long r = arch_syscall6(SYS_signalfd4, fd, (long)set, size, flags, 0, 0);

	if (r >= 0)
		runtime_signalsread(*(const uint64_t *)set);
	return r;
}

weakseam int signalfd(int fd, const sigset_t *set, int flags)
{
	long r = runtime_signalfd(fd, set, 8, flags);

	if (r < 0)
		errno = (int)-r;
	return r < 0 ? -1 : (int)r;
}
