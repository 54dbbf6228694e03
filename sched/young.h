/* SPDX-License-Identifier: MIT */
/*
 * young.h - a p's young: goroutines that were spawned on it and did not run yet,
 * newest last. Private to runq.c.
 *
 * Its m takes the newest, thieves take the oldest. A tree of goroutines is so
 * run depth first, with some few alive for each of its levels, on stacks that
 * are still in the cache; from a ring, first in first out, it is run breadth
 * first, with most of a level alive at once. The oldest is for thieves the one
 * with the most work below it. (Go has the ring alone.) Who is young goes before
 * the ring but on its predecessor's time slice, at the end of which all of them go
 * behind the ring: they hold up others no longer than runnext does.
 *
 * This is the deque of Chase and Lev. head is advanced by cas only, after the
 * slot is read: by thieves and, for the last one, by the m. tail is the m's; to take
 * it lowers tail, then looks at head, a thief looks at head, then at tail, each
 * with a full barrier between: of two that are after the same one, one sees the
 * other and both go by the cas. With one p there are no thieves (runtime_alone).
 */
#ifndef YOUNG_H
#define YOUNG_H

#include "sched.h"

/* Seen from any m. The difference is negative while the m takes the last one. */
static inline bool noyoung(p *pp)
{
	return (int32_t)(load(&pp->youngtail) - load(&pp->younghead)) <= 0;
}

/* On pp's m, with room for gp. Releases gp's saved state to who takes it. */
static inline void youngput(p *pp, g *gp)
{
	uint32_t t = pp->youngtail;

	store_rlx(&pp->young[t % YoungSize], gp);
	store_rel(&pp->youngtail, t + 1);
}

/* The newest while there are thieves; there was one at t. */
static noinline g *youngtake(p *pp, uint32_t t)
{
	g *gp = pp->young[t % YoungSize];
	uint32_t h;

	store_rlx(&pp->youngtail, t);
	fence();
	h = load_rlx(&pp->younghead);
	if ((int32_t)(t - h) > 0)
		return gp;
	if (t != h || !cas(&pp->younghead, h, h + 1))
		gp = NULL;
	store_rlx(&pp->youngtail, t + 1); /* empty either way: head is there too */
	return gp;
}

/* The newest, or NULL. On pp's m. */
static inline g *youngget(p *pp)
{
	uint32_t t = pp->youngtail;

	if (likely(t == load_rlx(&pp->younghead)))
		return NULL;
	if (!runtime_alone())
		return youngtake(pp, t - 1);
	store_rlx(&pp->youngtail, t - 1);
	return pp->young[(t - 1) % YoungSize];
}

/* The oldest, or NULL: there is none or another took it. On any m. */
static inline g *youngsteal(p *from)
{
	uint32_t h = load_acq(&from->younghead), t;
	g *gp;

	fence();
	t = load_acq(&from->youngtail);
	if ((int32_t)(t - h) <= 0)
		return NULL;
	gp = load_rlx(&from->young[h % YoungSize]);
	return cas(&from->younghead, h, h + 1) ? gp : NULL;
}

#endif
