/* SPDX-License-Identifier: MIT */
/*
 * runq.h - what a switch needs of a run queue, to be inlined there. Private to
 * runq.c, which tells the rules, and proc.c.
 */
#ifndef RUNQ_H
#define RUNQ_H

#include "young.h"

/* gp is the last of pp's ring; false: it is full. Runs on pp's m, releases gp's saved state. */
static inline bool runqputtail(p *pp, g *gp)
{
	uint32_t t = pp->runqtail;

	if (unlikely(t - load_acq(&pp->runqhead) >= RunqSize))
		return false;
	store_rlx(&pp->runq[t % RunqSize], gp);
	store_rel(&pp->runqtail, t + 1);
	return true;
}

/* runtime_runqget where there are no thieves. */
static inline g *runqgetalone(p *pp, bool *inherit)
{
	g *next = pp->runnext;
	uint32_t h;

	*inherit = true;
	if (next) {
		store_rlx(&pp->runnext, NULL);
		return next;
	}
	if (unlikely((next = youngget(pp)) != NULL))
		return next;
	*inherit = false;
	h = pp->runqhead;
	if (pp->runqtail == h)
		return NULL;
	store_rlx(&pp->runqhead, h + 1);
	return pp->runq[h % RunqSize];
}

#endif
