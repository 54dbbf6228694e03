/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * signal.c - signal stacks, masks, and the faults that the runtime reports.
 *
 * Every m has a signal stack, so that a goroutine that ran out of its own can
 * still be reported. A program's own sigaction for any of these signals wins.
 *
 * Signal masks belong to goroutines: m->sigmask says what the thread has, and a
 * switch to a goroutine whose mask differs changes it. The program's masks are
 * recorded as it set them; SIGURG, which preemption needs, is never blocked in the
 * kernel. In a handler of the program's the thread's mask is another, and the
 * records stay: the kernel restores it.
 *
 * An idle m has the main goroutine's mask: a signal that main blocked before
 * it started others, to take it by sigwait or signalfd, must not find a thread
 * that does not block it. A change of main's mask is taken to those that are idle
 * already by a signal (maskidle).
 */
#include "signals.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* Room also for handlers of the program's that were written for an ordinary stack. */
enum { HandlerStack = 124 << 10, AltStackM0 = 136 << 10 };

static char m0stack[AltStackM0] __attribute__((aligned(64))) bigbss;

static const struct {
	int sig;
	const char *name;
} faults[] = {
	{SIGSEGV, "SIGSEGV: segmentation violation"},
	{SIGBUS, "SIGBUS: bus error"},
	{SIGFPE, "SIGFPE: floating-point exception"},
	{SIGILL, "SIGILL: illegal instruction"},
};

/* ---- per m ---- */

/* Nothing to set up on this processor, as in Go; a port may need to. */
void runtime_asminit(void)
{
}

static size_t altstacksize(void)
{
	size_t frame = runtime_auxv(AT_MINSIGSTKSZ);

	return (frame + HandlerStack + 4095) & -(size_t)4096;
}

static void altstackinit(m *mp)
{
	stack_t st = {0};

	if (!mp->altstack) {
		mp->altstacksize = altstacksize();
		mp->altstack = mp == &runtime_m0 && mp->altstacksize <= sizeof m0stack
				       ? m0stack
				       : runtime_sysalloc(mp->altstacksize);
	}
	if (!mp->altstack)
		return; /* faults will be reported by the kernel alone */
	st.ss_sp = mp->altstack;
	st.ss_size = mp->altstacksize;
	arch_syscall3(SYS_sigaltstack, (long)&st, 0, 0);
}

static void setthreadmask(uint64_t mask)
{
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, 8, 0, 0);
}

/* What mask the thread has. For m0 before the main goroutine is made, which inherits it. */
void runtime_sigsave(m *mp)
{
	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&mp->sigmask, 8, 0, 0);
	mp->g0->sigmask = mp->sigmask;
}

void runtime_setkernelmask(uint64_t mask)
{
	setthreadmask(mask & ~sigbit(SIGURG));
}

/*
 * The main goroutine's mask is to be this m's; all is blocked, so that what is recorded and not in
 * force yet lets nothing through. maskidle stores main's mask and loads the record, here it is
 * the other way round: one of the two sees the other.
 */
static uint64_t mainmask(m *mp)
{
	uint64_t want;

	do
		store(&mp->sigmask, want = load(&runtime_maing->sigmask));
	while (want != load(&runtime_maing->sigmask));
	return want;
}

/*
 * The signal stack of this m, and its mask: m0's thread came with one, the others'
 * block everything. sysmon runs none of the program's code and takes none of its
 * signals.
 */
void runtime_minit(void)
{
	m *mp = getg()->m;

	if (mp->mstartfn) {
		setthreadmask(~LibcSignals);
		return;
	}
	altstackinit(mp);
	if (mp != &runtime_m0)
		runtime_setkernelmask(mainmask(mp));
	else if (mp->sigmask & sigbit(SIGURG)) /* it was saved for main to inherit */
		runtime_setkernelmask(mp->sigmask);
	mp->g0->sigmask = mp->sigmask;
}

/* The signal stack stays with the m, for its next thread; this one's tid may soon be another's. */
void runtime_unminit(void)
{
	stack_t st = {.ss_flags = SS_DISABLE};

	store_rlx(&getg()->m->tid, 0);
	setthreadmask(~LibcSignals);
	arch_syscall3(SYS_sigaltstack, (long)&st, 0, 0);
}

/* ---- masks ---- */

/* Those that its mask lets through; the others go on waiting with it. */
static noinline void deliver(g *gp)
{
	uint64_t ready = load(&gp->sigpending) & ~gp->sigmask;

	for (int sig = 1; ready; sig++, ready >>= 1)
		if (ready & 1)
			for (unsigned n = runtime_howmany(gp, sig); n > 0 && !(gp->sigmask & sigbit(sig)); n--)
				runtime_releasesignal(gp, sig);
}

/* An m that runs nobody, and is nobody's. */
static bool idle(m *mp)
{
	return !load_acq(&mp->curg) && !load_acq(&mp->lockedg);
}

/* On g0, between goroutines. */
void runtime_idlemask(m *mp)
{
	g *maing = runtime_maing;

	if (likely(!maing || load(&maing->sigmask) == mp->sigmask))
		return;
	setthreadmask(~LibcSignals);
	runtime_setkernelmask(mainmask(mp));
}

/* What the handler returns to; in one that has struck another of the program's, that keeps its own, too. */
static void setcontextmask(m *mp, ucontext_t *uc)
{
	uint64_t *mask = (uint64_t *)&uc->uc_sigmask;

	*mask = (mainmask(mp) & ~sigbit(SIGURG)) | (mp->handlers ? *mask : 0);
}

/* The kernel would put back the mask of before; maskidle may have had another set meanwhile. */
void runtime_idlehandled(m *mp, ucontext_t *uc)
{
	if (!idle(mp) || !runtime_maing)
		return;
	setthreadmask(~UINT64_C(0));
	setcontextmask(mp, uc);
}

void runtime_remask(ucontext_t *uc)
{
	g *gp = getg();
	m *mp = gp->m;

	if (gp == mp->g0 && idle(mp))
		setcontextmask(mp, uc);
	store(&mp->remask, 0u);
	runtime_futexwakeup(&mp->remask, 1);
}

/* mp has neither the main goroutine's mask nor that of the one it runs: it is idle, or about to take that on. */
static bool stale(m *mp)
{
	g *gp = load_acq(&mp->curg);
	uint64_t mask = load(&mp->sigmask);

	if (mp->mstartfn || mask == runtime_maing->sigmask)
		return false;
	return gp ? mask != load_rlx(&gp->sigmask) : idle(mp);
}

/*
 * Until mp has another mask, however long its thread has to wait for a CPU. One that ends does not
 * answer.
 */
static void awaitmask(m *mp)
{
	enum { LookNs = 1000 * 1000 };

	while (stale(mp) && runtime_signalm(mp, 0) == 0)
		if (runtime_futexsleep(&mp->remask, 1, LookNs) == -EAGAIN)
			runtime_osyield();
}

static void maskidle(void)
{
	for (m *mp = load_acq(&runtime_allm); mp; mp = mp->alllink) {
		if (likely(!stale(mp)))
			continue;
		runtime_preemptinit();
		store(&mp->remask, 1u);
		if (runtime_signalm(mp, SIGURG) == 0)
			awaitmask(mp);
	}
}

/* gp runs with this mask, on this m. */
void runtime_recordmask(g *gp, uint64_t mask)
{
	bool tell = gp == runtime_maing && mask != gp->sigmask;

	store_rlx(&gp->sigmask, mask);
	store(&gp->m->sigmask, mask);
	if (tell)
		maskidle();
}

/* The thread's mask was changed behind our back, by a jump out of a handler. */
void runtime_readmask(g *gp)
{
	uint64_t now;

	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&now, 8, 0, 0);
	runtime_recordmask(gp, now | (gp->sigmask & sigbit(SIGURG)));
}

/* gp is about to run on this m: its mask, and what pthread_kill sent it while it was parked. */
noinline void runtime_setmask(g *gp)
{
	m *mp = gp->m;

	if (gp->sigmask != mp->sigmask) {
		runtime_setkernelmask(gp->sigmask);
		store_rlx(&mp->sigmask, gp->sigmask);
	}
	if ((load_rlx(&gp->sigpending) & ~gp->sigmask) && !gp->sigheld)
		deliver(gp);
}

/* ---- faults ---- */

static const char *faultname(int sig)
{
	for (size_t i = 0; i < nelem(faults); i++)
		if (faults[i].sig == sig)
			return faults[i].name;
	return "signal";
}

/* Let the kernel do what it does: the fault happens again without us. */
static void giveup(int sig)
{
	runtime_defaultsig(sig);
}

/* The g on whose stack the thread is, as far as guards go: not the one FS says while switching. */
static bool inguard(g *gp, uintptr_t addr)
{
	uintptr_t size, lo;

	if (!gp || gp == gp->m->g0)
		return false;
	lo = runtime_stackguard(gp, &size);
	return gp->guarded && addr - lo < size;
}

_Noreturn void runtime_stackoverflow(g *gp)
{
	runtime_diestart();
	runtime_print("runtime: goroutine %lu's stack of %lu bytes is used up\n",
		      (unsigned long)gp->goid, (unsigned long)(gp->stackhi - gp->stacklo));
	runtime_print("fatal error: stack overflow\n");
	runtime_crash();
}

static void faulthandler(int sig, siginfo_t *si, void *uc)
{
	uintptr_t addr = (uintptr_t)si->si_addr;
	g *gp = getg();

	if (!gp || gp->vforking) { /* not ours to report: in a child of vfork the memory is the parent's */
		giveup(sig);
		return;
	}
	runtime_crashcontext(uc);
	if (sig == SIGSEGV && si->si_code > 0 && inguard(gp, addr))
		runtime_stackoverflow(gp);
	runtime_diestart();
	runtime_print("fatal error: %s\n", faultname(sig));
	if (si->si_code > 0)
		runtime_print("[signal %s code=%#x addr=%#lx pc=%#lx]\n", faultname(sig),
			      (unsigned)si->si_code, (unsigned long)addr,
			      (unsigned long)runtime_contextpc(uc));
	else
		runtime_print("[signal %s sent by process %d]\n", faultname(sig), si->si_pid);
	runtime_crash();
}

static void quithandler(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si;
	runtime_crashcontext(uc);
	runtime_diestart();
	runtime_print("SIGQUIT: quit\nPC=%#lx\n", (unsigned long)runtime_contextpc(uc));
	runtime_debug.traceback = runtime_debug.traceback == 3 ? 3 : 2;
	runtime_crash();
}

/* A signal ignored since before the program started stays ignored. */
void runtime_initsig(void)
{
	for (size_t i = 0; i < nelem(faults); i++)
		runtime_setsig(faults[i].sig, faulthandler);
	if (!runtime_ignored(SIGQUIT))
		runtime_setsig(SIGQUIT, quithandler);
}
