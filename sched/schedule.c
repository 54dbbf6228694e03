/* SPDX-License-Identifier: MIT */
/*
 * schedule.c - one round of the scheduler: find a runnable goroutine, run it.
 *
 * Work is looked for in this order: timers that are due, every 61st time and at
 * the end of a slice the global queue, this p's ring, the global queue, other ps' rings. An m that
 * found nothing spins (is counted in nmspinning and goes on looking) while at
 * most half of the busy ps do; then it gives its p back and sleeps.
 *
 * Who submits work and who goes idle agree by the following, which is Go's:
 *
 *   submitter            idler
 *   1 queue the g        1 stop spinning (nmspinning--)
 *   2 full barrier       2 full barrier (the atomic above is one)
 *   3 nmspinning == 0?   3 look at all queues once more
 *     then wake an m
 *
 * so at least one of the two sees the other. A spinning m that finds work wakes
 * another spinner (resetspinning) before it runs it.
 */
#include "sched.h"
#include "netpoll.h"
#include "signals.h"

enum { DueFirst = 8 };

/*
 * gp, parked and in the caller's hand, becomes runnable on this p. There is none in a signal
 * handler that struck an m without.
 */
void runtime_ready(g *gp, bool next)
{
	p *pp = getg()->m->p;

	if (unlikely(!pp))
		return runtime_readyforeign(gp);
	if (DEBUG && load_rlx(&gp->status) != Gwaiting)
		runtime_throw("ready of a goroutine that is not parked");
	store_rlx(&gp->status, Grunnable);
	if (next) { /* its frame and its thread-locals will be wanted soon */
		__builtin_prefetch((void *)gp->sched.sp);
		__builtin_prefetch((void *)(gp->sched.tp - 8));
	}
	runtime_runqput(pp, gp, next);
	runtime_wakep();
}

/*
 * By a timer: behind those that were due before. But where a slice was used up just now, before those
 * in the ring that may use theirs up, too.
 */
void runtime_readydue(g **v, uint32_t n)
{
	p *pp = getg()->m->p;

	for (uint32_t i = 0; i < n; i++) {
		if (DEBUG && load_rlx(&v[i]->status) != Gwaiting)
			runtime_throw("a goroutine that is not parked is due");
		store_rlx(&v[i]->status, Grunnable);
		runtime_runqput(pp, v[i], pp->globalfirst);
	}
	runtime_wakep();
}

/*
 * From a thread without a p, which can wake an m but not make one: if there is none to wake,
 * sysmon makes it.
 */
void runtime_readyforeign(g *gp)
{
	struct sched *s = &runtime_sched;
	p *pp = NULL;
	m *mp = NULL;
	bool idle;

	runtime_lock(&s->lock);
	store_rlx(&gp->status, Grunnable);
	runtime_globrunqput(gp);
	idle = s->npidle;
	if (idle && (mp = runtime_mget()))
		pp = runtime_pidleget();
	runtime_unlock(&s->lock);
	if (mp) {
		mp->nextp = pp;
		runtime_notewakeup(&mp->park);
	} else if (idle) {
		store(&s->newmfailed, true);
		runtime_sysmonwake();
	}
}

/* Without a p: the global queue, and an m for each idle p that they can use. */
static void injectglobal(struct glist *l)
{
	g *gp, *next;
	int32_t n = l->n;

	runtime_lock(&runtime_sched.lock);
	for (gp = l->head; gp; gp = next) {
		next = gp->schedlink;
		runtime_globrunqput(gp);
	}
	runtime_unlock(&runtime_sched.lock);
	for (; n > 0 && load(&runtime_sched.npidle); n--)
		runtime_startm(NULL, false);
}

/* Parked goroutines in the caller's hand become runnable, in their order; from any thread. */
void runtime_injectglist(struct glist *l)
{
	g *me = getg(), *gp, *next;

	if (!l->head)
		return;
	for (gp = l->head; me && gp; gp = gp->schedlink)
		store_rlx(&gp->status, Grunnable);
	if (me && !me->m->p) {
		injectglobal(l);
		return;
	}
	for (gp = l->head; gp; gp = next) {
		next = gp->schedlink;
		if (me)
			runtime_runqput(me->m->p, gp, false);
		else
			runtime_readyforeign(gp);
	}
	if (me)
		runtime_wakep();
}

/* Work was queued: make sure that somebody looks for it if a p is idle. */
void runtime_wakep(void)
{
	p *pp;

	if (runtime_gomaxprocs == 1)
		return;
	fence();
	if (!load_rlx(&runtime_sched.npidle) || load_rlx(&runtime_sched.nmspinning) ||
	    !cas(&runtime_sched.nmspinning, 0u, 1u))
		return;
	runtime_lock(&runtime_sched.lock);
	pp = runtime_pidleget();
	runtime_unlock(&runtime_sched.lock);
	if (pp)
		runtime_startm(pp, true);
	else
		xadd(&runtime_sched.nmspinning, -1);
}

/* Something is queued, whether on a p or not. Of sequentially consistent loads. */
static bool anywork(void)
{
	int32_t n = load_acq(&runtime_gomaxprocs); /* pairs with procresize, after growallp */
	bool work = load(&runtime_sched.runqsize) > 0;

	for (int32_t i = 0; i < n && !work; i++)
		work = !runtime_runqempty(load_acq(&runtime_allp)[i]);
	return work;
}

/*
 * This m found work: it no longer spins, and another should in its place, to look for what was queued
 * meanwhile, and to sleep until the next timer then. If there is neither to do it would be woken for nothing.
 */
void runtime_resetspinning(void)
{
	m *mp = getg()->m;

	mp->spinning = false;
	if ((int32_t)xadd(&runtime_sched.nmspinning, -1) < 0)
		runtime_throw("nmspinning below zero");
	if (!runtime_idlesleeping() || anywork())
		runtime_wakep();
}

/* Run gp on this m; on g0. */
_Noreturn void runtime_execute(g *gp, bool inherit)
{
	m *mp = getg()->m;

	mp->curg = gp;
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* from here on no handler changes mp->sigmask */
	gp->m = mp;
	store_rlx(&gp->status, Grunning);
	if (!inherit)
		mp->p->schedtick++;
	if (unlikely(gp->sigmask != mp->sigmask || load_rlx(&gp->sigpending))) {
		gobuf nowhere;

		runtime_switch(&nowhere, &gp->sched, mp); /* signals arrive on gp, not here */
	}
	runtime_gogo(&gp->sched);
}

static void startspinning(m *mp)
{
	mp->spinning = true;
	xadd(&runtime_sched.nmspinning, 1);
}

/* Steal from another p, in random order, four times over; the last time timers and runnexts too. */
static g *stealwork(p *pp, int64_t *next)
{
	int32_t n = runtime_gomaxprocs;
	bool inherit;

	for (int round = 0; round < 4; round++) {
		bool last = round == 3;
		uint32_t at = (uint32_t)(runtime_rand(pp->m) >> 32);

		for (int32_t i = 0; i < n; i++) {
			p *from = runtime_allp[(at + (uint32_t)i) % (uint32_t)n];
			g *gp;

			if (load_rlx(&runtime_sched.gcwaiting))
				return NULL;
			if (from == pp)
				continue;
			if (last && load_rlx(&from->timer0when)) {
				int64_t when = runtime_checktimers(from, runtime_nanotime());

				if (when && (!*next || when < *next))
					*next = when;
				if ((gp = runtime_runqget(pp, &inherit)))
					return gp;
			}
			if ((gp = runtime_runqsteal(pp, from, last)))
				return gp;
		}
	}
	return NULL;
}

/* A p for this m, which has none, if one is idle and there is work; the m then spins again. */
static p *recheck(m *mp)
{
	p *pp;

	if (!anywork())
		return NULL;
	runtime_lock(&runtime_sched.lock);
	pp = runtime_pidleget();
	runtime_unlock(&runtime_sched.lock);
	if (pp) {
		runtime_acquirep(pp);
		startspinning(mp);
	}
	return pp;
}

static g *globget(p *pp, int32_t max)
{
	g *gp;

	if (!load_rlx(&runtime_sched.runqsize))
		return NULL;
	runtime_lock(&runtime_sched.lock);
	gp = runtime_globrunqget(pp, max);
	runtime_unlock(&runtime_sched.lock);
	return gp;
}

/* Those whose descriptors are ready: one is returned, the rest goes to pp's ring. */
static g *pollget(p *pp)
{
	struct glist l = {0};

	if (!runtime_pollerinited() || runtime_pollwaiters() == 0)
		return NULL;
	runtime_netpoll(0, &l);
	if (!l.head)
		return NULL;
	runtime_injectglist(&l);
	return runtime_runqget(pp, &(bool){false});
}

/*
 * Whether the global queue goes first. Goroutines that hand the p to each other
 * through runnext are one execute to schedtick: their turns are counted by
 * nextlocal and endslice, which leave a mark. It counts every other time: whoever uses up his slice
 * goes to the global queue, and would else be back before the ring had a turn. Nor when timers
 * were due just now, unless they have been again and again: a sleeper beside loops waits for one
 * slice, not two.
 */
static bool globalturn(p *pp, bool due)
{
	bool turn = pp->globalfirst && !pp->globalwas;

	if (turn && due && pp->duewas < DueFirst) {
		pp->duewas++;
		return false;
	}
	pp->duewas = 0;
	pp->globalfirst = false;
	pp->globalwas = turn;
	return turn || pp->schedtick % 61 == 0;
}

/* True when timers of the p's own fired. */
static bool checkown(p *pp)
{
	int64_t now = runtime_nanotime(), when = load_rlx(&pp->timer0when);

	runtime_checktimers(pp, now);
	return when && when <= now;
}

/* With the p still held: everything that can be had without giving it up. */
static g *findlocal(m *mp, p *pp, bool *inherit)
{
	int64_t next = 0;
	bool due = false;
	g *gp;

	*inherit = false;
	if (load_rlx(&pp->timer0when))
		due = checkown(pp);
	if (globalturn(pp, due) && (gp = globget(pp, 1)))
		return gp;
	if ((gp = runtime_runqget(pp, inherit)))
		return gp;
	*inherit = false;
	if ((gp = globget(pp, 0)))
		return gp;
	if ((gp = pollget(pp)))
		return gp;
	if (runtime_gomaxprocs == 1)
		return NULL;
	if (!mp->spinning && 2 * load(&runtime_sched.nmspinning) >=
				     (uint32_t)runtime_gomaxprocs - load(&runtime_sched.npidle))
		return NULL;
	if (!mp->spinning)
		startspinning(mp);
	return stealwork(pp, &next);
}

/*
 * Give the p up and sleep, unless work came meanwhile. A g, or NULL for another
 * round: then the m has a p, the same or another.
 */
static g *goidle(m *mp, p *pp)
{
	bool wasspinning = mp->spinning;
	struct glist ready = {0};
	int64_t until;
	g *gp;

	if (unlikely(!runtime_watching()) && runtime_handlessignals())
		runtime_watch(); /* a child of fork; no handler may run with the lock held: see sigroute.c */
	runtime_lock(&runtime_sched.lock);
	if (load(&runtime_sched.gcwaiting)) {
		runtime_unlock(&runtime_sched.lock);
		return NULL;
	}
	if ((gp = runtime_globrunqget(pp, 0))) {
		runtime_unlock(&runtime_sched.lock);
		return gp;
	}
	runtime_releasep();
	runtime_pidleput(pp);
	runtime_unlock(&runtime_sched.lock);
	runtime_idlemask(mp);
	if (wasspinning) {
		mp->spinning = false;
		if ((int32_t)xadd(&runtime_sched.nmspinning, -1) < 0)
			runtime_throw("nmspinning below zero");
	}
	if (recheck(mp))
		return NULL;
	until = runtime_nexttimer();
	if ((until || runtime_pollwaiters() > 0) && runtime_idlesleep(until, &ready)) {
		runtime_lock(&runtime_sched.lock);
		pp = runtime_pidleget();
		runtime_unlock(&runtime_sched.lock);
		if (pp)
			runtime_acquirep(pp);
		if (pp && !ready.head)
			startspinning(mp);
		runtime_injectglist(&ready);
		if (pp)
			return NULL;
	}
	runtime_stopm();
	return NULL;
}

/* A goroutine to run on this m; blocks until there is one. The p may be another one after. */
g *runtime_findrunnable(bool *inherit)
{
	m *mp = getg()->m;
	g *gp;

	for (;;) {
		if (load_rlx(&runtime_sched.gcwaiting)) {
			runtime_gcstopm();
			continue;
		}
		if ((gp = findlocal(mp, mp->p, inherit)))
			return gp;
		*inherit = false;
		if ((gp = goidle(mp, mp->p)))
			return gp;
	}
}

/* sysmon wants the slice back: what was to inherit it goes behind the others. */
static void endslice(p *pp)
{
	store_rlx(&pp->preempt, false);
	pp->globalfirst = true;
	pp->schedtick++;
	runtime_runqage(pp);
	runtime_wakep();
}

/* Find a runnable goroutine and execute it; on g0, with a p. Never returns. */
_Noreturn void runtime_schedule(void)
{
	m *mp = getg()->m;
	bool inherit;
	g *gp;

	if (DEBUG && mp->heldranks)
		runtime_throw("schedule while holding locks");
	if (mp->lockedg) {
		runtime_stoplockedm();
		runtime_execute(mp->lockedg, false);
	}
	for (;;) {
		if (load_rlx(&mp->p->preempt))
			endslice(mp->p);
		gp = runtime_findrunnable(&inherit);
		if (mp->spinning)
			runtime_resetspinning();
		if (likely(!gp->lockedm))
			break;
		runtime_startlockedm(gp); /* hands it our p, and sleeps until there is another */
	}
	runtime_execute(gp, inherit);
}
