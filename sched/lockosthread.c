/* SPDX-License-Identifier: MIT */
/*
 * lockosthread.c - a goroutine wired to its thread: g->lockedm and m->lockedg
 * point at each other. Such an m runs that g only; when somebody else dequeues
 * the g they hand their p over (startlockedm), and when the g parks its m hands
 * its p on and sleeps (stoplockedm).
 */
#include "sched.h"

static void wire(g *gp)
{
	gp->lockedm = gp->m;
	gp->m->lockedg = gp;
}

static void unwire(g *gp)
{
	if (gp->lockedext || gp->lockedint)
		return;
	gp->lockedm->lockedg = NULL;
	gp->lockedm = NULL;
}

void runtime_lockosthread(void)
{
	g *gp = getg();

	gp->lockedint++;
	wire(gp);
}

void runtime_unlockosthread(void)
{
	g *gp = getg();

	gp->lockedint--;
	unwire(gp);
}

void go_lock_os_thread(void)
{
	g *gp = runtime_need_g("go_lock_os_thread");

	runtime_starttemplate();
	if (++gp->lockedext == 0)
		go_panic("LockOSThread nesting overflow");
	wire(gp);
}

void go_unlock_os_thread(void)
{
	g *gp = runtime_need_g("go_unlock_os_thread");

	if (gp->lockedext == 0)
		return;
	gp->lockedext--;
	unwire(gp);
}

/* This m's wired g does not run: give the p away and sleep until it is to. On g0. */
void runtime_stoplockedm(void)
{
	m *mp = getg()->m;

	if (mp->p)
		runtime_handoffp(runtime_releasep());
	runtime_lock(&runtime_sched.lock);
	runtime_sched.nmidlelocked++;
	runtime_checkdead();
	runtime_unlock(&runtime_sched.lock);
	runtime_msleep(mp);
	runtime_acquirep(mp->nextp);
	mp->nextp = NULL;
}

/* gp, just dequeued here, is wired to another m: that one gets our p. On g0. */
void runtime_startlockedm(g *gp)
{
	m *mp = gp->lockedm;

	if (mp == getg()->m)
		runtime_throw("startlockedm: wired to this m");
	runtime_lock(&runtime_sched.lock);
	runtime_sched.nmidlelocked--;
	runtime_unlock(&runtime_sched.lock);
	mp->nextp = runtime_releasep();
	runtime_notewakeup(&mp->park);
	runtime_stopm();
}
