/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * traceback.c - goroutines in print, in Go's form, for reports that end the
 * program:
 *
 *	goroutine 7 [sleep]:
 *	worker()
 *		/src/app.c:12 +0x1d
 *	created by main in goroutine 1
 *		/src/app.c:30 +0x8
 *
 * The crashing goroutine is walked from where the signal interrupted it, or from
 * here; a stopped one from its saved frame; one that runs on another thread
 * cannot be.
 */
#include "signals.h"
#include "symtab.h"
#include "unwind.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

enum { MaxFrames = 100 };

static const void *crashcontext; /* of the fault that is being reported */

/* Report from where this signal context was, not from the handler. */
void runtime_crashcontext(const void *uc)
{
	crashcontext = uc;
}

uintptr_t runtime_contextpc(const void *uc)
{
	struct runtime_unwind u;

	runtime_unwind_signal(&u, uc, 0, 0);
	return u.pc;
}

const char *runtime_waitreasonstr(g *gp)
{
	static const char *const states[] = {
		[Gidle] = "idle",	  [Grunnable] = "runnable", [Grunning] = "running",
		[Gsyscall] = "syscall", [Gwaiting] = "waiting",  [Gdead] = "dead",
	};
	uint32_t s = load_rlx(&gp->status);

	if (s == Gwaiting && gp->waitreason != WaitNone && gp->waitreason < NWaitReason)
		return runtime_waitreasons[gp->waitreason];
	return s < nelem(states) && states[s] ? states[s] : "unknown";
}

static void printpc(uintptr_t pc, uintptr_t entry)
{
	const char *file, *dir;
	int line;

	if (runtime_findlinedir(pc, &dir, &file, &line))
		runtime_print("\t%s%s%s:%d +%#lx\n", file[0] == '/' ? "" : dir,
			      file[0] == '/' || !dir[0] ? "" : "/", file, line,
			      (unsigned long)(pc - entry));
	else
		runtime_print("\tpc=%#lx +%#lx\n", (unsigned long)pc,
			      (unsigned long)(pc - entry));
}

/* One frame; false where a goroutine's or thread's own bottom begins, which is not shown. */
static bool printframe(uintptr_t pc, bool guessed)
{
	struct runtime_func f;

	if (!runtime_findfunc(pc, &f)) {
		runtime_print("?()\n\tpc=%#lx\n", (unsigned long)pc);
		return true;
	}
	if (!strcmp(f.name, "runtime_gostart"))
		return false;
	runtime_print("%s()%s\n", f.name, guessed ? " (guessed)" : "");
	printpc(pc, f.entry);
	return true;
}

/* Which known stack holds addr: for walks that go from one to another. */
static bool stackof(uintptr_t addr, uintptr_t *lo, uintptr_t *hi)
{
	g *gp = getg();
	m *mp = gp ? gp->m : NULL;
	g *known[3] = {gp, mp ? mp->g0 : NULL, mp ? mp->curg : NULL};

	for (size_t i = 0; i < nelem(known); i++)
		if (known[i] && addr >= known[i]->stacklo && addr < known[i]->stackhi) {
			*lo = known[i]->stacklo;
			*hi = known[i]->stackhi;
			return true;
		}
	if (mp && mp->altstack && addr - (uintptr_t)mp->altstack < mp->altstacksize) {
		*lo = (uintptr_t)mp->altstack;
		*hi = *lo + mp->altstacksize;
		return true;
	}
	return false;
}

/* The last few of a long walk matter as little as the middle: the first MaxFrames are shown. */
static void walk(struct runtime_unwind *u)
{
	int n = 0;

	u->stackof = stackof;
	do
		if (!printframe(runtime_unwind_lookup(u), u->guessed))
			return;
	while (++n < MaxFrames && runtime_unwind_step(u));
	if (n == MaxFrames)
		runtime_print("...additional frames elided...\n");
}

static void createdby(g *gp)
{
	struct runtime_func f;

	if (gp->goid == 1 || !gp->gopc || !runtime_findfunc(gp->gopc - 1, &f))
		return;
	runtime_print("created by %s in goroutine %lu\n", f.name, (unsigned long)gp->parentid);
	printpc(gp->gopc - 1, f.entry);
}

static void header(g *gp)
{
	runtime_print("\ngoroutine %lu [%s%s]:", (unsigned long)gp->goid,
		      runtime_waitreasonstr(gp), gp->lockedm ? ", locked to thread" : "");
	if (gp->name[0])
		runtime_print(" \"%s\"", gp->name);
	runtime_print("\n");
}

/* A goroutine that stopped in runtime_switch, swap, mcall or systemstack. */
static void walkstopped(g *gp)
{
	const uintptr_t *frame = (const uintptr_t *)gp->sched.sp;
	struct runtime_unwind u = {.lo = gp->stacklo, .hi = gp->stackhi};

	if ((uintptr_t)frame < gp->stacklo || (uintptr_t)frame > gp->stackhi - FRAME_SIZE)
		return;
	arch_frameregs(frame, u.reg, &u.valid);
	u.pc = frame[FRAME_PC / 8];
	u.sp = (uintptr_t)frame + FRAME_SIZE;
	u.exact = false;
	walk(&u);
}

/* The one that crashes: from the signal's context, or from this call. */
static noinline void walkself(void)
{
	struct runtime_unwind u;
	uintptr_t lo = 0, hi = 0;

	stackof((uintptr_t)__builtin_frame_address(0), &lo, &hi);
	if (crashcontext) {
		runtime_unwind_signal(&u, crashcontext, lo, hi);
		if (!stackof(u.sp, &u.lo, &u.hi))
			u.lo = u.hi = 0;
	} else {
		runtime_unwind_self(&u, lo, hi);
		runtime_unwind_step(&u); /* out of this */
		runtime_unwind_step(&u); /* and out of runtime_tracebackexit */
	}
	walk(&u);
}

static void others(g *gp, void *me)
{
	uint32_t s = load_rlx(&gp->status);

	if (gp == me || s == Gdead || s == Gidle)
		return;
	header(gp);
	if (s == Gwaiting || s == Grunnable)
		walkstopped(gp);
	else
		runtime_print("\tgoroutine running on other thread; stack unavailable\n");
	createdby(gp);
}

/*
 * The traceback that GOTRACEBACK asks for, and the end: exit status 2, or with
 * "crash" SIGABRT. all: every goroutine whatever it says, but for "none".
 */
_Noreturn void runtime_tracebackexit(bool all)
{
	int level = runtime_debug.traceback;
	g *gp = getg(), *user = gp && gp->m ? gp->m->curg : NULL;

	if (level > 0) {
		if (user) {
			header(user);
			if (gp == user || crashcontext)
				walkself();
			else
				walkstopped(user);
			createdby(user);
		} else if (gp && gp->m && !all) {
			runtime_print("\ngoroutine 0 [idle]:\n");
			walkself();
		}
		if (all || level >= 2)
			runtime_allgstry(others, user);
	}
	if (level == 3) {
		uint64_t none = 0;

		runtime_defaultsig(SIGABRT);
		arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, 8, 0, 0);
		arch_syscall3(SYS_tkill, runtime_gettid(), SIGABRT, 0);
	}
	runtime_exit(2);
}
