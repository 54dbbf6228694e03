/* SPDX-License-Identifier: MIT */
/*
 * rebirth.h - a goroutine that ends becomes the next one in line, where that has not
 * run yet. Private to proc.c.
 *
 * Nobody knows an unstarted goroutine by its g, thread block or stack: what it is to be
 * is its number, its function and what it inherits. So the one that ends takes those over and
 * goes on, on a stack, in a thread block and with an FS that are as they should be and in the
 * cache; the other's are free. That saves a goroutine that ends without having parked
 * its only switch, and the loads of all that it would have been the first to touch.
 *
 * What sets one of the two apart from a plain goroutine takes the long way.
 */
#ifndef REBIRTH_H
#define REBIRTH_H

#include "park.h"
#include "signals.h"

/* Made by go(), whose argument is not on its stack, and never switched to. */
static inline bool unstarted(g *gp)
{
	return gp->sched.sp == arch_newsp(gp->stackhi);
}

static inline bool mayrebirth(g *gp, g *next, m *mp)
{
	return unstarted(next) && !gp->sizeclass && !next->sizeclass && !gp->deep &&
	       next->sigmask == mp->sigmask && runtime_tlskept();
}

/* gp, whose end is done with, is next from now on; next is dead. */
static inline struct arch_call rebirth(g *gp, g *next)
{
	store_rlx(&next->status, Gdead);
	gp->startfn = next->startfn;
	gp->gopc = next->gopc;
	gp->parentid = next->parentid;
	gp->goid = next->goid;
	gp->sigmask = next->sigmask;
	if (unlikely(gp->sigpending))
		runtime_nosignals(gp);
	gp->forks = next->forks;
	return arch_firstcall(next->sched.sp);
}

#endif
