/* SPDX-License-Identifier: MIT */
/*
 * p.c - ps: made at boot, resized with the world stopped, given and taken.
 *
 * Stopping the world takes every p away: idle ones and those in system calls
 * at once, running ones when their m next enters the scheduler and sees
 * gcwaiting, which preemption makes it do. One stop at a time: worldsema.
 *
 * A p is several KiB, and the boot of a program that uses one p touches no other: until it
 * is first given out, in the order of the ids, a p is all zero, which is Pidle, and on no list.
 * sched.pused says how far that has come. The first is part of the program, among what the boot touches anyhow.
 */
#include "sched.h"
#include "netpoll.h"
#include "signals.h"

#include <string.h>

struct sched runtime_sched nextbss;
p **runtime_allp;
int32_t runtime_gomaxprocs;
p *runtime_onlyp;
static int32_t nallp; /* ps that were ever made; those beyond gomaxprocs are Pdead */

static uint32_t worldsema = 1;

enum { StopShortNs = 100 * 1000, StopLongNs = 1600 * 1000 }; /* between two looks */

/* ---- boot ---- */

static void lockinits(void)
{
	runtime_lockinit(&runtime_sched.lock, RankSched);
	runtime_lockinit(&runtime_sched.gflock, RankGfree);
	runtime_semainit();
	runtime_polldescinit();
}

void runtime_schedinit(void)
{
	int32_t procs;

	runtime_bootstep("schedinit");
	lockinits();
	runtime_stackinit();
	runtime_mallocinit();
	runtime_allocinit();
	runtime_m0.tid = runtime_libctid();
	runtime_mcommoninit(&runtime_m0, runtime_sched.mnext++);
	runtime_sched.mainm = &runtime_m0;
	runtime_sigsave(&runtime_m0);
	runtime_goargs();
	runtime_goenvs();
	runtime_parsedebugvars();
	runtime_gcinit();
	procs = runtime_debug.gomaxprocs ? runtime_debug.gomaxprocs : runtime_ncpu;
	if (procs > MaxProcs)
		procs = MaxProcs;
	runtime_lock(&runtime_sched.lock);
	runtime_procresize(procs);
	runtime_unlock(&runtime_sched.lock);
}

/* ---- idle list and ownership ---- */

void runtime_pidleput(p *pp)
{
	store_rel(&pp->status, Pidle);
	pp->link = runtime_sched.pidle;
	runtime_sched.pidle = pp;
	xadd(&runtime_sched.npidle, 1);
}

/* The next p that was never used; there is one. */
static p *pfresh(void)
{
	int32_t id = runtime_sched.pused;
	p *pp = runtime_allp[id];

	pp->id = id;
	store(&runtime_sched.pused, id + 1);
	return pp;
}

p *runtime_pidleget(void)
{
	p *pp = runtime_sched.pidle;

	if (pp)
		runtime_sched.pidle = pp->link;
	else if (runtime_sched.pused < runtime_gomaxprocs)
		pp = pfresh();
	if (pp)
		xadd(&runtime_sched.npidle, -1);
	return pp;
}

/* pp, in the caller's hand, becomes this m's. */
void runtime_acquirep(p *pp)
{
	m *mp = getg()->m;

	if (mp->p || pp->m)
		runtime_throw("acquirep: the m or the p is taken");
	mp->p = pp;
	pp->m = mp;
	store_rel(&pp->status, Prunning);
	if (unlikely(load(&runtime_sched.sysmonwait)))
		runtime_sysmonwake();
}

/* This m's p, which becomes the caller's. */
p *runtime_releasep(void)
{
	m *mp = getg()->m;
	p *pp = mp->p;

	if (!pp || pp->m != mp || load_rlx(&pp->status) != Prunning)
		runtime_throw("releasep: not this m's running p");
	mp->p = NULL;
	pp->m = NULL;
	store_rel(&pp->status, Pidle);
	return pp;
}

/* ---- resize ---- */

static p *newp(int32_t id)
{
	static p p0;
	p *pp = id ? runtime_persistentalloc(sizeof *pp, 64) : &p0;

	if (DEBUG)
		runtime_lockinit(&pp->timerlock, RankTimer);
	return pp;
}

/* allp for n ps: the old array stays readable for those who hold it. */
static void growallp(int32_t n)
{
	enum { Few = 8 };
	static p *few[Few];
	p **v = n <= Few && !nallp ? few : runtime_persistentalloc((size_t)n * sizeof *v, 64);

	if (nallp)
		memcpy(v, runtime_allp, (size_t)nallp * sizeof *v);
	for (int32_t i = nallp; i < n; i++)
		v[i] = newp(i);
	store_rel(&runtime_allp, v);
	nallp = n;
}

/* pp is beyond the new limit: what it has goes to the global lists and to heir. */
static void destroyp(p *pp, p *heir)
{
	bool inherit;
	g *gp;

	while (pp->runqhead != pp->runqtail) {
		gp = pp->runq[--pp->runqtail % RunqSize];
		runtime_globrunqputhead(gp);
	}
	while ((gp = runtime_runqget(pp, &inherit)))
		runtime_globrunqputhead(gp);
	runtime_movetimers(pp, heir);
	heir->npollwait += pp->npollwait;
	pp->npollwait = 0;
	runtime_gfpurge(pp);
	pp->m = NULL;
	pp->status = Pdead;
}

/*
 * Now there are n ps. World stopped (or not yet started), sched.lock held; the
 * caller's m keeps its p, or gets P0. Ps with work are left for starttheworld,
 * linked through p->link; the others are idle.
 */
static p *procresize(int32_t n)
{
	m *mp = getg()->m;
	int32_t old = runtime_gomaxprocs;
	p *runnable = NULL;

	if (n > nallp)
		growallp(n);
	if (!runtime_sched.pused)
		pfresh();
	for (int32_t i = old; i < n && i < runtime_sched.pused; i++)
		runtime_allp[i]->status = Pgcstop;
	if (mp->p && mp->p->id >= n) {
		mp->p->m = NULL;
		mp->p = NULL;
	}
	for (int32_t i = n; i < old; i++)
		destroyp(runtime_allp[i], runtime_allp[0]);
	store_rel(&runtime_gomaxprocs, n);
	runtime_onlyp = n == 1 && !DEBUG ? runtime_allp[0] : NULL;
	if (!mp->p) {
		runtime_allp[0]->m = NULL;
		runtime_acquirep(runtime_allp[0]);
	} else {
		mp->p->status = Prunning;
	}
	for (int32_t i = n - 1; i >= 0; i--) {
		p *pp = runtime_allp[i];

		if (pp == mp->p)
			continue;
		if (i >= runtime_sched.pused) {
			xadd(&runtime_sched.npidle, 1);
			continue;
		}
		if (runtime_runqempty(pp)) {
			runtime_pidleput(pp);
			continue;
		}
		store_rel(&pp->status, Pidle);
		pp->link = runnable;
		runnable = pp;
	}
	return runnable;
}

void runtime_procresize(int32_t n)
{
	procresize(n);
}

/* ---- stop and start the world ---- */

/* Idle ps and those in system calls stop at once; the others are asked to. sched.lock held. */
static void stopidle(void)
{
	struct sched *s = &runtime_sched;
	p *pp;

	for (int32_t i = 0; i < runtime_gomaxprocs; i++) {
		pp = runtime_allp[i];
		if (load_rlx(&pp->status) == Prunning)
			store_rlx(&pp->preempt, true);
		if (cas(&pp->status, (uint32_t)Psyscall, (uint32_t)Pgcstop)) {
			pp->syscalltick++;
			s->stopwait--;
		}
	}
	while ((pp = runtime_pidleget())) {
		pp->status = Pgcstop;
		s->stopwait--;
	}
}

/* Those that still run are asked to stop; asked again, for it may not have been possible. */
static void stoprunning(void)
{
	p *ours = getg()->m->p;

	for (int32_t i = 0; i < runtime_gomaxprocs; i++) {
		p *pp = runtime_allp[i];

		if (pp != ours && load_acq(&pp->status) == Prunning)
			runtime_preemptone(pp);
	}
}

/* All other ps stop; the caller keeps its own, and the right to start them. On a goroutine. */
void runtime_stoptheworld(void)
{
	struct sched *s = &runtime_sched;
	int64_t ns = StopShortNs;
	bool wait;

	runtime_semacquire(&worldsema, false, WaitSema);
	getg()->nopreempt++; /* to what it calls of libc, the stop does not apply */
	runtime_lock(&s->lock);
	s->stopwait = runtime_gomaxprocs - 1;
	runtime_noteclear(&s->stopnote);
	store(&s->gcwaiting, 1);
	getg()->m->p->status = Pgcstop;
	stopidle();
	wait = s->stopwait > 0;
	runtime_unlock(&s->lock);
	if (wait)
		stoprunning();
	while (wait && !runtime_notetsleep(&s->stopnote, ns)) {
		runtime_lock(&s->lock); /* one may have entered a system call unseen */
		stopidle();
		wait = s->stopwait > 0;
		runtime_unlock(&s->lock);
		if (wait)
			stoprunning();
		if (ns < StopLongNs)
			ns *= 2;
	}
}

void runtime_starttheworld(int32_t procs)
{
	struct sched *s = &runtime_sched;
	p *pp, *next;

	runtime_lock(&s->lock);
	pp = procresize(procs);
	store(&s->gcwaiting, 0);
	runtime_unlock(&s->lock);
	if (load(&s->sysmonwait))
		runtime_sysmonwake();
	for (; pp; pp = next) {
		next = pp->link;
		pp->link = NULL;
		runtime_startm(pp, false);
	}
	runtime_wakep();
	getg()->nopreempt--;
	runtime_semrelease(&worldsema, false);
}

/* This m gives its p up to who stops the world, and sleeps. On g0. */
void runtime_gcstopm(void)
{
	struct sched *s = &runtime_sched;
	m *mp = getg()->m;
	p *pp;

	if (mp->spinning) {
		mp->spinning = false;
		if ((int32_t)xadd(&s->nmspinning, -1) < 0)
			runtime_throw("nmspinning below zero");
	}
	pp = runtime_releasep();
	runtime_lock(&s->lock);
	store_rel(&pp->status, Pgcstop);
	if (--s->stopwait == 0)
		runtime_notewakeup(&s->stopnote);
	runtime_unlock(&s->lock);
	runtime_stopm();
}

void runtime_forkps(void)
{
	m *mp = getg()->m;

	for (int32_t i = 0; i < runtime_gomaxprocs && i < runtime_sched.pused; i++) {
		p *pp = runtime_allp[i];

		if (pp != mp->p)
			pp->m = NULL;
		pp->status = Pgcstop;
		pp->link = NULL;
		pp->preempt = false;
		pp->runqhead = pp->runqtail;
		pp->younghead = pp->youngtail;
		pp->runnext = NULL;
		pp->ngfree = 0;
		memset(&pp->fresh, 0, sizeof pp->fresh); /* one that is gone may have been at it */
	}
}

/* As starttheworld, but wakes nobody: there is nothing to do for others. */
void runtime_forkstart(void)
{
	runtime_lock(&runtime_sched.lock);
	procresize(runtime_gomaxprocs);
	store(&runtime_sched.gcwaiting, 0);
	runtime_unlock(&runtime_sched.lock);
	worldsema = 1;
}

int go_maxprocs(int n)
{
	int32_t old;

	runtime_need_g("go_maxprocs");
	old = load_acq(&runtime_gomaxprocs);
	if (n <= 0 || n == old)
		return old;
	if (!getg()->m->p)
		runtime_nop();
	if (n > MaxProcs)
		n = MaxProcs;
	runtime_stoptheworld();
	old = runtime_gomaxprocs;
	runtime_starttheworld(n);
	return old;
}
