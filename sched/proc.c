/* SPDX-License-Identifier: MIT */
/*
 * proc.c - goroutines: made, parked, readied, ended.
 *
 * A goroutine that stops switches straight to the next one of its p's queue
 * when there is one (nextlocal), and through g0 and schedule() when there is
 * not. Either way what must happen once it is saved - let go of the lock it
 * parks on, queue it, free it - cannot be done by itself: it is left in
 * m->finish, and is the first thing done by whatever runs next on that m
 * (runtime_finishswitch, called by runtime_switch on the new stack; the g0 path
 * calls it by hand). This is the finish-switch protocol:
 *
 *   stopping g           status, m->finish, m->finishg    (plain: same m)
 *   runtime_switch       saves the context, changes stacks
 *   finishswitch         publishes g: unlock or queue     (release)
 *   waker or taker       locks or dequeues                (acquire), may run g
 *
 * so a g is visible to others only when it can be resumed.
 */
#include "rebirth.h"
#include "signals.h"

#include <stdlib.h>
#include <string.h>

const char *const runtime_waitreasons[NWaitReason] = {
	[WaitNone] = "",
	[WaitSleep] = "sleep",
	[WaitMutex] = "sync.Mutex.Lock",
	[WaitWaitGroup] = "sync.WaitGroup.Wait",
	[WaitSema] = "semacquire",
	[WaitRWMutexR] = "sync.RWMutex.RLock",
	[WaitRWMutexW] = "sync.RWMutex.Lock",
	[WaitCond] = "sync.Cond.Wait",
	[WaitFileLock] = "file lock",
	[WaitPthreadMutex] = "pthread_mutex_lock",
	[WaitPthreadRwlock] = "pthread_rwlock_lock",
	[WaitPthreadCond] = "pthread_cond_wait",
	[WaitPthreadBarrier] = "pthread_barrier_wait",
	[WaitSemaphore] = "sem_wait",
	[WaitPthreadOnce] = "pthread_once",
	[WaitPthreadJoin] = "pthread_join",
	[WaitExit] = "exit",
	[WaitChanRecv] = "chan receive",
	[WaitChanSend] = "chan send",
	[WaitChanRecvNil] = "chan receive (nil chan)",
	[WaitChanSendNil] = "chan send (nil chan)",
	[WaitSelect] = "select",
	[WaitForever] = "select (no cases)",
	[WaitIO] = "IO wait",
};

extern int main(int argc, char **argv, char **envp);

/*
 * ---- free gs ----
 *
 * Pointers in arrays, a p's and the global one, not lists: a g that was used on
 * another CPU is not touched before it is used on this one. The global one has
 * room for all that exist (allg.c), so that the end of a goroutine needs no memory.
 */

/* The n oldest of pp's free gs to the global ones. */
static noinline void gfputslow(p *pp, int32_t n)
{
	struct sched *s = &runtime_sched;

	runtime_lock(&s->gflock);
	memcpy(s->gfree + s->ngfree, pp->gfree, (size_t)n * sizeof *pp->gfree);
	store_rlx(&s->ngfree, s->ngfree + n);
	memmove(pp->gfree, pp->gfree + n, (size_t)(pp->ngfree - n) * sizeof *pp->gfree);
	store_rlx(&pp->ngfree, pp->ngfree - n);
	runtime_unlock(&s->gflock);
}

/*
 * gp has ended: what a goroutine may have changed of it is again as in a new one. Now, when it is in the
 * cache, so that who makes the next one need not touch it.
 */
static inline void cleang(g *gp)
{
	runtime_tlsreset(gp);
	gp->sighandled = 0;
	gp->altstack = NULL;
	gp->defers = NULL;
	gp->trying = NULL;
	gp->panics = NULL;
	gp->leaving = 0;
	gp->leavesmain = false;
	gp->name[0] = 0;
}

/* gp was not used, or is clean. */
static inline void gfput0(p *pp, g *gp)
{
	if (unlikely(pp->ngfree == GfreeMax))
		gfputslow(pp, GfreeMax / 2);
	pp->gfree[pp->ngfree] = gp;
	store_rlx(&pp->ngfree, pp->ngfree + 1);
}

/* gp is dead and nobody runs on its stack any more. */
static void gfput(p *pp, g *gp)
{
	cleang(gp);
	if (unlikely(gp->sizeclass != 0)) {
		xadd(&runtime_sched.ngfreebig, 1);
		runtime_stackfree(gp);
		return;
	}
	if (unlikely(gp->deep)) {
		gp->deep = false;
		runtime_stacktrim(gp);
	}
	gfput0(pp, gp);
}

static noinline void gfrefill(p *pp)
{
	struct sched *s = &runtime_sched;
	int32_t n;

	if (!load_rlx(&s->ngfree))
		return;
	runtime_lock(&s->gflock);
	n = s->ngfree < GfreeMax / 2 ? s->ngfree : GfreeMax / 2;
	store_rlx(&s->ngfree, s->ngfree - n);
	if (s->ntrimmed > s->ngfree)
		s->ntrimmed = s->ngfree;
	memcpy(pp->gfree, s->gfree + s->ngfree, (size_t)n * sizeof *pp->gfree);
	store_rlx(&pp->ngfree, n);
	runtime_unlock(&s->gflock);
}

static g *gfget(p *pp)
{
	if (unlikely(!pp->ngfree)) {
		gfrefill(pp);
		if (!pp->ngfree)
			return NULL;
	}
	store_rlx(&pp->ngfree, pp->ngfree - 1);
	return pp->gfree[pp->ngfree];
}

/* All of pp's to the global ones; pp is going away. */
void runtime_gfpurge(p *pp)
{
	gfputslow(pp, pp->ngfree);
}

/*
 * Give back what the stacks of dead gs took below their first page: the oldest
 * of the global ones that were not looked at since they died, a batch at a time.
 */
void runtime_gfscavenge(void)
{
	enum { Batch = 64 };
	struct sched *s = &runtime_sched;

	runtime_lock(&s->gflock);
	for (int n = 0; s->ntrimmed < s->ngfree && n < Batch; n++) {
		g *gp = s->gfree[s->ntrimmed++];

		if (!gp->trimmed)
			runtime_stacktrim(gp);
		gp->trimmed = true;
	}
	runtime_unlock(&s->gflock);
}

/* ---- birth ---- */

static uint64_t newgoid(p *pp)
{
	if (unlikely(pp->goidcache == pp->goidcacheend)) {
		pp->goidcacheend = xadd(&runtime_sched.goidgen, GidBatch) + 1;
		pp->goidcache = pp->goidcacheend - GidBatch;
	}
	return pp->goidcache++;
}

/* gp, with its stack and thread block as good as new, is to be a goroutine of pp. */
static inline void birth(g *gp, g *parent, p *pp, void (*fn)(void *), uintptr_t pc)
{
	gp->trimmed = false;
	gp->startfn = fn;
	gp->gopc = pc;
	gp->parentid = parent->goid;
	gp->goid = newgoid(pp);
	gp->sigmask = parent->m->sigmask;
	if (unlikely(gp->sigpending))
		runtime_nosignals(gp);
	gp->forks = load_rlx(&runtime_forks);
	if (unlikely(load_rlx(&runtime_sched.nomain)))
		xadd(&runtime_sched.ngo, 1);
}

/* A runnable g on no queue, or NULL when out of memory. On an m with a p. */
static g *newg(g *parent, p *pp, size_t bytes, void (*fn)(void *), uintptr_t pc)
{
	g *gp;

	if (unlikely(!pp))
		runtime_nop();
	gp = bytes <= StackUsable ? gfget(pp) : NULL;
	if (unlikely(!gp)) {
		if (!(gp = runtime_stackalloc(bytes <= StackUsable ? 0 : bytes, pp)))
			return NULL;
		if (gp->goid) /* a big one, used before */
			xadd(&runtime_sched.ngfreebig, -1);
	}
	birth(gp, parent, pp, fn, pc);
	return gp;
}

/* gp runs startfn(arg) when it is switched to first; hi is where its stack begins. */
static inline void startwith(g *gp, uintptr_t hi, void *arg)
{
	gp->sched.sp = arch_newframe(hi, runtime_goentry, gp->startfn, arg);
	store_rlx(&gp->status, Grunnable);
}

/* The main goroutine, from rt0_go on g0, into P0's queue. */
cold void runtime_newproc(void (*const *fn)(void *))
{
	g *g0 = getg(), *gp;

	runtime_bootstep("newproc");
	gp = runtime_stackmain(runtime_mainstacksize(), g0->m->p);
	if (!gp)
		runtime_fatal("out of memory for the main goroutine's stack");
	birth(gp, g0, g0->m->p, *fn, (uintptr_t)__builtin_return_address(0));
	startwith(gp, gp->stackhi, NULL);
	store_rel(&runtime_maing, gp);
	runtime_runqput(g0->m->p, gp, true);
}

/*
 * A spawner far ahead of those it spawned gives way to them: goroutines then
 * run on stacks that are still in the cache, and there is no more of them than
 * young holds. (Go lets it run on, up to a whole slice.)
 */
static void giveway(g *gp, p *pp)
{
	if (unlikely(pp->youngtail - load_rlx(&pp->younghead) >= YoungSize - 1) && !gp->lockedm)
		runtime_gosched();
}

static g *mustnewg(const char *call, size_t bytes, void (*fn)(void *), uintptr_t pc)
{
	g *gp = runtime_need_g(call), *new;

	if (unlikely(!fn))
		go_panic("go of nil func value");
	new = newg(gp, gp->m->p, bytes, fn, pc);
	if (unlikely(!new))
		go_panic("out of memory: no stack for a new goroutine");
	return new;
}

static void queuenew(g *new)
{
	g *gp = getg();

	runtime_runqspawn(gp->m->p, new);
	runtime_watch();
	runtime_wakep();
	giveway(gp, gp->m->p);
}

void go(void (*fn)(void *), void *arg)
{
	g *new = mustnewg("go", 0, fn, (uintptr_t)__builtin_return_address(0));

	startwith(new, new->stackhi, arg);
	queuenew(new);
}

cold void go_stack(size_t bytes, void (*fn)(void *), void *arg)
{
	g *new = mustnewg("go_stack", bytes, fn, (uintptr_t)__builtin_return_address(0));

	startwith(new, new->stackhi, arg);
	queuenew(new);
}

/* fn(&copy of data) on a new goroutine, on whose stack the copy is. */
cold void runtime_spawncopy(const char *call, void (*fn)(void *), const void *data, size_t n,
		       uintptr_t pc)
{
	g *new = mustnewg(call, 0, fn, pc);
	uintptr_t copy = (new->stackhi - n) & -(uintptr_t)16;

	memcpy((void *)copy, data, n);
	startwith(new, copy, (void *)copy);
	queuenew(new);
}

bool runtime_spawnfrom(p *pp, void (*fn)(void *), void *arg, uintptr_t pc, uint64_t parentid,
		       uint64_t sigmask)
{
	g *new = newg(getg(), pp, 0, fn, pc);

	if (!new)
		return false;
	new->parentid = parentid;
	new->sigmask = sigmask;
	startwith(new, new->stackhi, arg);
	runtime_watch();
	arch_initfpenv(new->sched.sp);
	runtime_runqput(pp, new, false);
	runtime_wakep();
	return true;
}

/* The main goroutine's entry: Go's runtime.main. */
_Noreturn void runtime_main(void *unused)
{
	(void)unused;
	runtime_bootstep("main");
	runtime_startsysmon();
	runtime_libcinit();
	runtime_bootstep("main.main");
	runtime_bootreport();
	exit(main(runtime_argc, runtime_argv, runtime_envp));
}

/* ---- stopping ---- */

/* Let the g that was left here go where it belongs. Runs on mp, on what it runs next. */
void runtime_finishswitch(m *mp)
{
	g *gp = mp->finishg, *now = mp->curg;
	enum finish f = mp->finish;

	mp->finish = FinishNone;
	if (f == FinishPark) {
		if (!mp->waitunlockf || mp->waitunlockf(gp, mp->waitlock))
			goto done;
		store_rlx(&gp->status, Grunnable);
		runtime_runqput(mp->p, gp, true);
		runtime_wakep();
	} else if (f == FinishYield) {
		runtime_runqput(mp->p, gp, false);
	} else if (f == FinishExit) {
		gfput(mp->p, gp);
	}
done:
	if (now && unlikely(now->sigmask != mp->sigmask || (now->sigpending & ~now->sigmask)))
		runtime_setmask(now);
}

/*
 * The g to switch to without a stop at g0, or NULL when schedule has to see to
 * something: a used-up slice (who stops the world says so too), timers and the global queue
 * every so often, gs that are wired to their ms.
 */
static inline g *nextlocal(g *gp, p *pp)
{
	uint32_t n = ++pp->nswitch;
	bool inherit;
	g *next;

	if (unlikely(load_rlx(&pp->preempt) || gp->lockedm))
		return NULL;
	if (unlikely(n % 8 == 0) && seldom(pp, n))
		return NULL;
	next = runtime_alone() ? runqgetalone(pp, &inherit) : runtime_runqget(pp, &inherit);
	if (unlikely(!next))
		return NULL;
	if (unlikely(next->lockedm != NULL)) {
		runtime_runqput(pp, next, true);
		return NULL;
	}
	if (!inherit)
		pp->schedtick++;
	return next;
}

static inline void switchto(g *gp, g *next, m *mp, enum finish f)
{
	mp->finish = f;
	mp->finishg = gp;
	gp->m = NULL;
	next->m = mp;
	mp->curg = next;
	store_rlx(&next->status, Grunning);
	runtime_switch(&gp->sched, &next->sched, mp);
}

/* On g0, after mcall: gp is saved; part with it, finish it and run something else. */
static _Noreturn void stop0(g *gp, enum finish f)
{
	m *mp = getg()->m;

	gp->m = NULL;
	mp->curg = NULL;
	mp->finish = f;
	mp->finishg = gp;
	runtime_finishswitch(mp);
	runtime_schedule();
}

static void park0(g *gp)
{
	stop0(gp, FinishPark);
}

static inline void checkstack(g *gp)
{
	uintptr_t sp = arch_sp();

	if (unlikely(gp->stackhi - sp > StackDeep))
		gp->deep = true;
	if (unlikely(!gp->guarded) && !runtime_stackcanaryok(gp))
		runtime_stackoverflow(gp);
}

/*
 * Park the running goroutine, then run unlockf(it, lock), on another stack and
 * without parking itself; false from it cancels. NULL: nothing to unlock. A waker
 * that finds the goroutine through what unlockf unlocks calls runtime_goready.
 */
void runtime_gopark(bool (*unlockf)(g *, void *), void *lock, enum waitreason why)
{
	g *gp = getg(), *next;
	m *mp = gp->m;

	if (!unlockf && parkalone(gp, why))
		return;
	if (unlikely(gp->handling != NULL))
		runtime_fatal("a signal handler would park its goroutine");
	checkstack(gp);
	gp->waitreason = (uint8_t)why;
	store_rlx(&gp->status, Gwaiting);
	next = nextlocal(gp, mp->p);
	mp->waitunlockf = unlockf;
	mp->waitlock = lock;
	if (likely(next != NULL))
		switchto(gp, next, mp, FinishPark);
	else
		runtime_mcall(park0);
}

/* gp, which is parked and in the caller's hand, runs next on this p. */
void runtime_goready(g *gp)
{
	if (!readyalone(gp))
		runtime_ready(gp, true);
}

/* gp, saved and Grunnable, goes to the global queue, where the others are; by mcall, on g0. */
void runtime_gosched0(g *gp)
{
	m *mp = getg()->m;

	gp->m = NULL;
	mp->curg = NULL;
	gp->usedup |= load_rlx(&mp->p->preempt);
	runtime_lock(&runtime_sched.lock);
	runtime_globrunqput(gp);
	runtime_unlock(&runtime_sched.lock);
	runtime_schedule();
}

noinline void runtime_gosched(void)
{
	g *gp = getg(), *next;
	m *mp = gp->m;

	if (unlikely(gp->handling != NULL))
		return;
	checkstack(gp);
	store_rlx(&gp->status, Grunnable);
	next = nextlocal(gp, mp->p);
	if (likely(next != NULL))
		switchto(gp, next, mp, FinishYield);
	else
		runtime_mcall(runtime_gosched0);
}

void go_sched(void)
{
	g *gp = runtime_need_g("go_sched"), *next;
	p *pp = runtime_onlyp;

	if (unlikely(!pp || !plain(gp) || !(next = nextalone(pp)))) {
		runtime_gosched();
		return;
	}
	if (unlikely(!runqputtail(pp, gp)))
		runtime_runqput(pp, gp, false);
	store_rlx(&gp->status, Grunnable);
	swapto(gp, next, gp->m);
}

/* ---- death ---- */

static void exit0(g *gp)
{
	m *mp = getg()->m;

	if (gp->lockedm) { /* its thread is its own to end: Go's rule */
		gp->lockedm = NULL;
		gp->lockedext = gp->lockedint = 0;
		gp->m = NULL;
		mp->curg = NULL;
		gfput(mp->p, gp);
		runtime_mexit(mp == runtime_sched.mainm);
	}
	stop0(gp, FinishExit);
}

/*
 * A child of fork that has no main goroutine, which would end it by returning, ends
 * as a process does whose last thread has ended.
 */
static noinline void endorphan(void)
{
	if (xadd(&runtime_sched.ngo, -1) > 0)
		return;
	store(&runtime_sched.nomain, 0);
	exit(0);
}

/* What a thread that ends does; the running goroutine. */
static g *ending(void)
{
	g *gp = getg();

	runtime_tlsend(gp);
	if (unlikely(load_rlx(&runtime_sched.nomain)))
		endorphan();
	gp = getg();
	if (unlikely(gp->handling != NULL))
		runtime_endhandlers(gp);
	checkstack(gp);
	return gp;
}

/* To next, from gp that is free then. */
static inline _Noreturn void leave(g *gp, g *next)
{
	store_rlx(&gp->status, Gdead);
	if (likely(next != NULL))
		switchto(gp, next, gp->m, FinishExit);
	else
		runtime_mcall(exit0);
	__builtin_unreachable();
}

_Noreturn void runtime_goexit(void)
{
	g *gp = ending();

	leave(gp, nextlocal(gp, gp->m->p));
}

/* By runtime_gostart, with nothing of the goroutine left on its stack. */
struct arch_call runtime_goend(void)
{
	g *gp = ending(), *next = nextlocal(gp, gp->m->p);
	struct arch_call start;

	if (!next || !mayrebirth(gp, next, gp->m))
		leave(gp, next);
	cleang(gp);
	start = rebirth(gp, next);
	gfput0(gp->m->p, next);
	return start;
}

_Noreturn void go_exit(void)
{
	if (unlikely(!runtime_need_g("go_exit")->m->p))
		runtime_nop();
	runtime_rundefers();
	runtime_goexit();
}

static bool setleft(g *gp, void *unused)
{
	(void)unused;
	store(&runtime_sched.mainleft, gp);
	return true;
}

/*
 * pthread_exit in main: C's rule, not Go's. The process ends well when the last thread
 * or goroutine has; checkdead finds that out, and lets main go on to exit.
 */
_Noreturn void runtime_leavemain(void)
{
	getg()->leavesmain = true;
	runtime_rundefers();
	runtime_tlsend(getg());
	runtime_watch(); /* it sees when the program's threads have ended */
	runtime_gopark(setleft, NULL, WaitForever);
	exit(0);
}

/* ---- about oneself ---- */

uint64_t go_id(void)
{
	return runtime_need_g("go_id")->goid;
}

int go_num_goroutine(void)
{
	runtime_need_g("go_num_goroutine");
	return runtime_gcount();
}

int go_num_cpu(void)
{
	return runtime_ncpu;
}

cold void go_set_name(const char *name)
{
	g *gp = runtime_need_g("go_set_name");
	size_t n = name ? strlen(name) : 0;

	if (n > sizeof gp->name - 1)
		n = sizeof gp->name - 1;
	if (n)
		memcpy(gp->name, name, n);
	gp->name[n] = 0;
}
