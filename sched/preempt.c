/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * preempt.c - asynchronous preemption: a goroutine that does not enter the
 * runtime is made to, by a signal to its m (SIGURG, as Go: harmless when it comes
 * for nothing, not used by debuggers, and ignored where nobody handles it).
 *
 * Who wants the slice sets p->preempt (sysmon) or sched.gcwaiting (stop the
 * world) and signals the m, again and again until it has what it wants: the
 * handler does nothing but where all of this holds, and then makes the
 * interrupted code call runtime_asyncpreempt.
 *
 * - The pc is in the program's text or in libc's, or another library's, not in the
 *   runtime's or the vDSO's. The runtime calls nothing of the program while it
 *   holds a lock or has a goroutine half switched, and of libc little, and not
 *   what the compiler calls unasked (runtime/mem.c).
 * - In libc: it holds none of the locks inside libc, for which others wait with their
 *   m, and is not called by who makes a goroutine or has stopped the world (nopreempt). What
 *   libc does with signals blocked is not interrupted anyway. Those of its locks that
 *   goroutines park for (FILE, pthread) are as the program's own.
 * - FS is at a goroutine, which is its m's current one, Grunning, with a p: so
 *   no switch is under way.
 * - It is not in a signal handler of the program's.
 * - Its stack has room for what is saved.
 *
 * A switch moves FS and everything else that the interrupted code can have in
 * its registers with the goroutine, so it may go on on another m.
 */
#include "sched.h"
#include "signals.h"

#include <sys/syscall.h>

#include "context_amd64.h"

enum { Room = 4 << 10 }; /* of stack, for our frames and a signal's small ones */

extern char __executable_start[] __attribute__((weak)), etext[];

static uint32_t ready; /* atomic; 1: the handler is installed */

/* The runtime's own, or not of the program's file at all. */
static bool ourtext(uintptr_t pc)
{
	return runtime_owntext(pc) || pc >= (uintptr_t)etext || pc < (uintptr_t)__executable_start;
}

/* ---- the receiving side ---- */

/* gp, which runs, may enter the runtime from where its stack pointer is sp; also seen from elsewhere. */
bool runtime_callable(g *gp, uintptr_t sp)
{
	return load_rlx(&gp->status) == Grunning && !load_rlx(&gp->handling) && sp < gp->stackhi &&
	       sp >= gp->stacklo + Room + ctx_room();
}

/* The goroutine that was interrupted, if it is in a state to enter the runtime. */
static g *interrupted(const ucontext_t *uc)
{
	g *gp = getg();
	m *mp = gp ? gp->m : NULL;

	if (!mp || gp == mp->g0 || gp != mp->curg || !mp->p || mp->finish != FinishNone ||
	    !runtime_callable(gp, ctx_sp(uc)))
		return NULL;
	return gp;
}

/* Sent by tgkill or such a timer, as the runtime's own are; a program's go another way (sigroute.c). */
static bool isours(const siginfo_t *si)
{
	return runtime_iscpusignal(si) || runtime_sentbyus(si);
}

/* One for the goroutine came with it. */
static bool joined(g *gp)
{
	return load(&gp->sigpending) & ~gp->sigmask & sigbit(SIGURG);
}

/* gp, which is not in the runtime's text, may lose its slice there. */
static bool mayloseslice(const g *gp, uintptr_t pc)
{
	return pc < (uintptr_t)runtime_text || (!gp->nopreempt && !runtime_handlerends(pc));
}

/* A call that the signal ended goes on, wanted or not: the slice may be another by now. */
static void preempt(ucontext_t *uc, const siginfo_t *si)
{
	uintptr_t pc = ctx_pc(uc);
	g *gp = interrupted(uc);

	if (!gp || ourtext(pc))
		return;
	if (isours(si) && !joined(gp) && runtime_rawredo(uc, gp->m))
		return;
	if (!load_rlx(&gp->m->p->preempt) && !load_rlx(&runtime_sched.gcwaiting))
		return;
	if (runtime_rawagain(uc, gp->m))
		return;
	if (mayloseslice(gp, pc))
		ctx_inject(uc, runtime_asyncpreempt, pc);
}

/*
 * A signal that the runtime did not send is the program's, and so is one of the
 * runtime's own that one for the goroutine was joined with. One that it blocks waits
 * with the goroutine: the thread does not block it.
 */
static void others(int sig, siginfo_t *si, void *uc)
{
	g *gp = getg();

	if (gp && isours(si)) {
		if (!joined(gp))
			return;
		runtime_signaljoined(si);
	} else if (gp && gp->m && gp != gp->m->g0 && (gp->sigmask & sigbit(sig))) {
		__atomic_or_fetch(&gp->sigpending, sigbit(sig), __ATOMIC_SEQ_CST);
		return;
	}
	if (!runtime_routesignal(sig, si, uc))
		runtime_callhandler(sig, si, uc);
}

static void handler(int sig, siginfo_t *si, void *uc)
{
	g *gp = getg();

	if (gp && gp->m && load_acq(&gp->m->remask))
		runtime_remask(uc);
	if (gp)
		preempt(uc, si);
	others(sig, si, uc);
}

/* Called by runtime_asyncpreempt, all registers saved. */
void runtime_asyncpreempt2(struct savedregs *r)
{
	g *gp = getg();

	(void)r;
	if (DEBUG && gp->m->heldranks)
		runtime_throw("preempted while holding locks");
	if (unlikely(runtime_cancelasync(gp)))
		runtime_cancelexit();
	if (gp->stackhi - (uintptr_t)__builtin_frame_address(0) > StackDeep)
		gp->deep = true;
	gp->usedup = true;
	store_rlx(&gp->status, Grunnable);
	runtime_mcall(runtime_gosched0);
}

/*
 * Where a loop may come by that spends its time in the vDSO, where no slice can be taken: at
 * looks at the clock, and where a lock of libc's has just been unlocked, for who takes it
 * again and again would otherwise be interrupted only while it has it, and nobody else would get it.
 */
void runtime_giveslice(void)
{
	g *gp = getg();
	p *pp = gp && gp->m ? gp->m->p : NULL;

	if (likely(!pp || (!load_rlx(&pp->preempt) && !gp->givesway)))
		return;
	gp->givesway = false;
	if (gp != gp->m->g0 && runtime_mayblock(gp) && !gp->vforking)
		runtime_gosched();
}

/* ---- the sending side ---- */

/* Before the first signal: none of this is needed by a program that takes no slice too many. */
void runtime_preemptinit(void)
{
	if (load_acq(&ready))
		return;
	arch_xsaveinit();
	runtime_setsig(SIGURG, handler);
	store_rel(&ready, 1u);
}

void runtime_preemptone(p *pp)
{
	m *mp = load_acq(&pp->m);

	store_rlx(&pp->preempt, true);
	if (!mp || runtime_debug.asyncpreemptoff)
		return;
	runtime_preemptinit();
	runtime_rawsend(mp);
}

void runtime_preemptm(m *mp)
{
	p *pp = load_acq(&mp->p);

	if (pp)
		runtime_preemptone(pp);
}
