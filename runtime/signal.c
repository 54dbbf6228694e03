/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * signal.c - signal stacks, masks, and the faults that the runtime reports.
 *
 * Every m has a signal stack, so that a goroutine that ran out of its own can
 * still be reported. A program's own sigaction for any of these signals wins.
 * Signal masks belong to goroutines: m->sigmask says what the thread has, and a
 * switch to a goroutine whose mask differs changes it.
 */
#include "runtime.h"

#include <elf.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

enum { HandlerStack = 24 << 10, AltStackM0 = 32 << 10 };

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

static void blocksignals(void)
{
	sigset_t all;

	sigfillset(&all); /* all but libc's own */
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, 0, 8, 0, 0);
}

/* What mask the thread has. For m0 before the main goroutine is made, which inherits it. */
void runtime_sigsave(m *mp)
{
	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&mp->sigmask, 8, 0, 0);
	mp->g0->sigmask = mp->sigmask;
}

/*
 * The signal stack of this m, and what mask its thread came with. sysmon runs
 * none of the program's code and takes none of its signals.
 */
void runtime_minit(void)
{
	m *mp = getg()->m;

	if (mp->mstartfn) {
		blocksignals();
		return;
	}
	altstackinit(mp);
	runtime_sigsave(mp);
}

/* The signal stack stays with the m, for its next thread. */
void runtime_unminit(void)
{
	stack_t st = {.ss_flags = SS_DISABLE};

	arch_syscall3(SYS_sigaltstack, (long)&st, 0, 0);
}

/* ---- masks ---- */

/* Those that its mask lets through; the others go on waiting with it. */
static noinline void deliver(g *gp)
{
	uint64_t ready = __atomic_fetch_and(&gp->sigpending, gp->sigmask, __ATOMIC_SEQ_CST) &
			 ~gp->sigmask;

	for (int sig = 1; ready; sig++, ready >>= 1)
		if (ready & 1)
			arch_syscall3(SYS_tkill, gp->m->tid, sig, 0);
}

/* gp is about to run on this m: its mask, and what pthread_kill sent it while it was parked. */
noinline void runtime_setmask(g *gp)
{
	m *mp = gp->m;

	if (gp->sigmask != mp->sigmask) {
		arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&gp->sigmask, 0, 8, 0, 0);
		mp->sigmask = gp->sigmask;
	}
	if (load_rlx(&gp->sigpending) & ~gp->sigmask)
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
	struct sigaction dfl = {.sa_handler = SIG_DFL};

	sigaction(sig, &dfl, NULL);
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
static bool ignored(int sig)
{
	struct sigaction sa;

	return sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

void runtime_initsig(void)
{
	for (size_t i = 0; i < nelem(faults); i++)
		runtime_setsig(faults[i].sig, faulthandler);
	if (!ignored(SIGQUIT))
		runtime_setsig(SIGQUIT, quithandler);
}
