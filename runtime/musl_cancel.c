/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_cancel.c - pthread_cancel of a goroutine, by another or by a thread.
 *
 * What libc does stays: the request is block.cancel, its handling __cancel, which
 * ends in pthread_exit, and libc's own handler of SIGCANCEL serves the program's
 * threads. Where pthread_cancel is not linked nothing here runs.
 *
 * A goroutine is cancelled at the points where a thread is (__syscall_cp, waiting for
 * a condition or a semaphore, pthread_join, pthread_testcancel); go_* calls, stdio and locks are none. Within
 * a point the state is PTHREAD_CANCEL_MASKED and the type deferred, so that a request
 * ends the call as an error does, by ECANCELED, and what the call has under way is
 * undone; the program's own state and type are in g->atpoint meanwhile. Back at the
 * point's own frame it acts (runtime_point).
 *
 * Who cancels says so first, then looks how the goroutine waits; the goroutine shows
 * how it waits, then looks at the request. Full barriers lie between, so one of the
 * two sees the other:
 *
 *   waits in     shown by        the request is looked at by
 *   the treap    g->waitword    sleepon, under the root's lock
 *   netpoll      g->iowait       runtime_pollwait
 *   the kernel   g->status       __syscall_cp_asm; a signal that comes between its look
 *                                and the call's end makes it go on at __cp_cancel
 *
 * Asynchronous cancelling acts at points too, and where the goroutine is preempted in the
 * program's own code (sched/preempt.c), nowhere else: it might hold anything.
 */
#include "musl.h"
#include "netpoll.h"
#include "signals.h"

#include <signal.h>

#include "context_amd64.h"

optional hidden long __cancel(void);
extern optional hidden const char __cp_begin[], __cp_end[], __cp_cancel[];

/* g->atpoint: 0, or At and what the program's own type and state are. */
enum { At = 1, AsyncBit = 2, StateShift = 2 };

static sigfn *libchandler; /* libc's, of SIGCANCEL; set before the first is sent */

static inline struct block *blockof(g *gp)
{
	return (struct block *)gp->sched.tp;
}

bool runtime_cancelled(g *gp)
{
	struct block *b = blockof(gp);

	return load_acq(&b->cancel) && load_rlx(&b->canceldisable) != PTHREAD_CANCEL_DISABLE;
}

bool runtime_cancelasync(g *gp)
{
	struct block *b = blockof(gp);

	return load_rlx(&b->cancel) && load_rlx(&b->cancelasync) &&
	       load_rlx(&b->canceldisable) == PTHREAD_CANCEL_ENABLE;
}

/* By __cancel, which is linked where this can happen, and pthread_exit not everywhere. */
_Noreturn void runtime_cancelexit(void)
{
	__cancel();
	runtime_throw("__cancel returned");
}

/* ---- points ---- */

static void enterpoint(g *gp, struct block *b)
{
	int own = b->canceldisable << StateShift | (b->cancelasync ? AsyncBit : 0) | At;

	store_rlx(&gp->atpoint, (uint8_t)own);
	b->cancelasync = 0;
	b->canceldisable = PTHREAD_CANCEL_MASKED;
}

static void leavepoint(g *gp, struct block *b)
{
	b->canceldisable = gp->atpoint >> StateShift;
	b->cancelasync = (gp->atpoint & AsyncBit) != 0;
	store_rlx(&gp->atpoint, 0);
}

/* A call of libc's that is a cancellation point, of the running goroutine, which may park. */
long runtime_point(long nr, long a, long b, long c, long d, long e, long f)
{
	struct block *me = self();
	long r;

	/* As libc: close acts before it closes or not at all. */
	if (me->canceldisable == PTHREAD_CANCEL_DISABLE || (me->canceldisable && nr == SYS_close))
		return runtime_iocall(nr, a, b, c, d, e, f);
	if (unlikely(load_rlx(&me->cancel)))
		return __cancel();
	enterpoint(getg(), me);
	r = runtime_iocall(nr, a, b, c, d, e, f);
	leavepoint(getg(), me);
	return unlikely(r == -ECANCELED) && load_rlx(&me->cancel) ? __cancel() : r;
}

bool runtime_beginpoint(void)
{
	struct block *me = self();

	if (!__cancel || me->canceldisable == PTHREAD_CANCEL_DISABLE)
		return false;
	enterpoint(getg(), me);
	return true;
}

void runtime_endpoint(void)
{
	leavepoint(getg(), self());
}

/* From elsewhere: a thread of the program's own, a handler, g0. */
long runtime_nopoint(long nr, long a, long b, long c, long d, long e, long f)
{
	uint8_t state = self()->canceldisable;
	long r;

	self()->canceldisable = PTHREAD_CANCEL_DISABLE;
	r = runtime_ioplaincall(nr, a, b, c, d, e, f);
	self()->canceldisable = state;
	return r;
}

/* ---- handlers of the program's that interrupt one ---- */

/* To the handler, state and type are the program's own. */
struct heldpoint runtime_pointpause(g *gp)
{
	struct block *b = blockof(gp);
	struct heldpoint h = {gp->atpoint && !gp->handling, b->canceldisable};

	if (unlikely(h.paused))
		leavepoint(gp, b);
	return h;
}

static bool inpoint(const ucontext_t *uc)
{
	return ctx_pc(uc) - (uintptr_t)__cp_begin < (uintptr_t)(__cp_end - __cp_begin);
}

/* The call that was interrupted is left, if somebody wants that. */
static void divert(g *gp, ucontext_t *uc)
{
	if (runtime_cancelled(gp))
		ctx_setpc(uc, (uintptr_t)__cp_cancel);
}

/*
 * What the handler has made of them is the program's own from now on. A request that came while it
 * ran found no call to interrupt; one that comes now waits for the end of the signal's frame.
 */
void runtime_pointresume(g *gp, struct heldpoint h, ucontext_t *uc)
{
	uint64_t cancel = sigbit(SigCancel);
	struct block *b = blockof(gp);

	if (unlikely(h.paused)) {
		bool off = b->canceldisable == PTHREAD_CANCEL_DISABLE;

		enterpoint(gp, b);
		b->canceldisable = off ? PTHREAD_CANCEL_DISABLE : h.state;
	}
	if (!__cancel || !inpoint(uc))
		return;
	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&cancel, 0, 8, 0, 0);
	divert(gp, uc);
}

void runtime_pointleft(g *gp)
{
	if (unlikely(gp->atpoint))
		leavepoint(gp, blockof(gp));
	store_rlx(&gp->waitword, NULL);
}

/* ---- SIGCANCEL ---- */

/* Sent to an m because of a goroutine that may be elsewhere by now: then it has seen the request or will. */
static void cancelhandler(int sig, siginfo_t *si, void *uc)
{
	g *gp = getg();

	if (!gp)
		libchandler(sig, si, uc);
	else if (inpoint(uc))
		divert(gp, uc);
}

sigfn *runtime_libchandler(int sig, sigfn *fn)
{
	if (sig != SigCancel)
		return fn;
	libchandler = fn;
	return cancelhandler;
}

/* From pthread_cancel, the request being made: gp is to heed it, wherever it waits. */
void runtime_cancelg(g *gp)
{
	m *mp;

	fence();
	if (runtime_addrcancel(gp) || (load_rlx(&gp->atpoint) && runtime_iointerrupt(gp)))
		return;
	mp = load(&gp->m);
	if (!mp)
		return;
	if (load(&gp->status) == Gsyscall || load_rlx(&gp->handling))
		runtime_signalm(mp, SigCancel);
	else if (runtime_cancelasync(gp))
		runtime_preemptm(mp);
}
