/* SPDX-License-Identifier: MIT */
/*
 * park.h - the short way from one goroutine to the next, inlined where it counts:
 * where there is one p (runtime_onlyp) and nothing is particular about the one that
 * stops. What is, and several ps, take the long way, in proc.c; these here say
 * no without having changed anything.
 *
 * What bounds a switch is wrfsbase, which waits for all before it and lets nothing
 * after it begin (12 ns of 22 on Zen 4). So what counts of the rest is the longest chain of
 * loads up to FS, and then how few instructions there are: runtime_onlyp stands for
 * getg()->m->p, and what belongs to the g that is left is done before, not after. That needs no
 * finish-switch: with one p, nobody can take it from where it was put before it is saved.
 */
#ifndef PARK_H
#define PARK_H

#include "runq.h"

/* The nth switch: whether schedule is to look at the timers, or at the global queue. */
static inline bool seldom(p *pp, uint32_t n)
{
	bool global = n % 64 == 0 && load_rlx(&runtime_sched.runqsize);

	if (global)
		pp->globalfirst = true;
	return global || load_rlx(&pp->timer0when);
}

/* Neither in a handler, nor wired, nor deep in its stack, which has a guard. */
static inline bool plain(g *gp)
{
	return !gp->handling && !gp->lockedm && gp->stackhi - arch_sp() <= StackDeep &&
	       gp->guarded;
}

/* nextlocal, for a plain g and the only p. (The atomics keep the compiler from vectors.) */
static inline g *nextalone(p *pp)
{
	uint32_t n = pp->nswitch + 1, h = load_rlx(&pp->runqhead);
	g *next = pp->runnext;

	if (unlikely(load_rlx(&pp->preempt) || (n % 8 == 0 && seldom(pp, n))))
		return NULL;
	if (next) {
		if (unlikely(next->lockedm != NULL))
			return NULL;
		store_rlx(&pp->runnext, NULL);
	} else {
		next = pp->runq[h % RunqSize];
		if (unlikely(pp->youngtail != load_rlx(&pp->younghead) ||
			     h == load_rlx(&pp->runqtail) || next->lockedm))
			return NULL;
		store_rlx(&pp->runqhead, h + 1);
		pp->schedtick++;
	}
	pp->nswitch = n;
	return next;
}

/* From gp, which is where it belongs, to next. */
static inline void swapto(g *gp, g *next, m *mp)
{
	gp->m = NULL;
	next->m = mp;
	mp->curg = next;
	store_rlx(&next->status, Grunning);
	runtime_swap(&gp->sched, &next->sched, mp);
}

/* runtime_gopark with nothing to unlock; false: it did not, and is to be called. */
static inline bool parkalone(g *gp, enum waitreason why)
{
	p *pp = runtime_onlyp;
	g *next;

	if (unlikely(!pp || !plain(gp) || !(next = nextalone(pp))))
		return false;
	gp->waitreason = (uint8_t)why;
	store_rlx(&gp->status, Gwaiting);
	swapto(gp, next, gp->m);
	return true;
}

/* runtime_goready on the only p; false: it did not, for a handler that struck an m without it. */
static inline bool readyalone(g *gp)
{
	p *pp = runtime_onlyp;
	g *old;

	if (unlikely(!pp || !getg()->m->p))
		return false;
	old = pp->runnext;
	store_rlx(&gp->status, Grunnable);
	__builtin_prefetch((void *)gp->sched.sp); /* as runtime_ready */
	__builtin_prefetch((void *)(gp->sched.tp - 8));
	store_rlx(&pp->runnext, gp);
	if (old)
		runtime_runqput(pp, old, false);
	return true;
}

#endif
