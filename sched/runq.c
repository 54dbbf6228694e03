/* SPDX-License-Identifier: MIT */
/*
 * runq.c - run queues: each p's ring with its runnext and its young, and the global list.
 *
 * The ring: only its p's m stores tail (release, after the slot is filled);
 * the m and thieves advance head by cas (release, after the slots are read).
 * A thief copies slots before its cas and throws the copy away when it loses,
 * so that a slot is never read after it may have been refilled. runnext is put
 * by the m and taken by cas by anybody. Where there is one p there are no
 * thieves, and no read-modify-writes (runtime_alone).
 *
 * The global list is under sched.lock; its size may be read without.
 */
#include "runq.h"

/*
 * Half of a full ring and gp go to the global list, as one batch.
 * Runs on the p's m. False: a thief made room meanwhile.
 */
static noinline cold bool runqputslow(p *pp, g *gp, uint32_t h, uint32_t t)
{
	enum { Half = RunqSize / 2 };
	g *batch[Half + 1];
	uint32_t n = (t - h) / 2;

	for (uint32_t i = 0; i < n; i++)
		batch[i] = load_rlx(&pp->runq[(h + i) % RunqSize]);
	if (!cas_rel(&pp->runqhead, h, h + n))
		return false;
	batch[n] = gp;
	if (DEBUG)
		for (uint32_t i = n; i > 0; i--) {
			uint32_t j = (uint32_t)(runtime_rand(getg()->m) % (i + 1));
			g *tmp = batch[i];

			batch[i] = batch[j];
			batch[j] = tmp;
		}
	runtime_lock(&runtime_sched.lock);
	for (uint32_t i = 0; i <= n; i++)
		runtime_globrunqput(batch[i]);
	runtime_unlock(&runtime_sched.lock);
	return true;
}

/* gp is pp's next; who was, or NULL. Releases gp's saved state to who takes it. Runs on pp's m. */
static inline g *putnext(p *pp, g *gp)
{
	g *old = pp->runnext;

	if (!runtime_alone())
		return xchg(&pp->runnext, gp);
	store_rlx(&pp->runnext, gp);
	return old;
}

/*
 * gp becomes runnable on pp: next in line (and what was next goes to the tail)
 * or at the tail. Runs on pp's m. Releases gp's saved state to who takes it.
 */
void runtime_runqput(p *pp, g *gp, bool next)
{
	if (DEBUG && next && runtime_rand(getg()->m) % 2)
		next = false;
	if (next && !(gp = putnext(pp, gp)))
		return;
	while (unlikely(!runqputtail(pp, gp)))
		if (runqputslow(pp, gp, load_acq(&pp->runqhead), pp->runqtail))
			return;
}

/* The older half of a full young goes to the ring. */
static noinline void younghalve(p *pp)
{
	g *gp;

	while (pp->youngtail - load_rlx(&pp->younghead) > YoungSize / 2)
		if ((gp = youngsteal(pp)))
			runtime_runqput(pp, gp, false);
}

/* A new gp is next in line on pp, what was next is young. Runs on pp's m. */
void runtime_runqspawn(p *pp, g *gp)
{
	g *old;

	if (DEBUG && runtime_rand(getg()->m) % 2) {
		runtime_runqput(pp, gp, false);
		return;
	}
	old = putnext(pp, gp);
	if (!old)
		return;
	if (unlikely(pp->youngtail - load_rlx(&pp->younghead) == YoungSize))
		younghalve(pp);
	youngput(pp, old);
}

/* Runs on pp's m. */
cold void runtime_runqage(p *pp)
{
	g *next = xchg(&pp->runnext, NULL), *gp;

	while (!noyoung(pp))
		if ((gp = youngsteal(pp)))
			runtime_runqput(pp, gp, false);
	if (next)
		runtime_runqput(pp, next, false);
}

/*
 * The next g of pp, or NULL. *inherit: it is to run on what is left of its
 * predecessor's time slice. Runs on pp's m.
 */
g *runtime_runqget(p *pp, bool *inherit)
{
	g *next = load_rlx(&pp->runnext);

	if (runtime_alone())
		return runqgetalone(pp, inherit);
	*inherit = true;
	if (next && cas(&pp->runnext, next, NULL))
		return next;
	if ((next = youngget(pp)))
		return next;
	*inherit = false;
	for (;;) {
		uint32_t h = load_acq(&pp->runqhead), t = pp->runqtail;
		g *gp;

		if (t == h)
			return NULL;
		gp = load_rlx(&pp->runq[h % RunqSize]);
		if (cas_rel(&pp->runqhead, h, h + 1))
			return gp;
	}
}

/*
 * Nothing to run on pp, seen from any m: runnext and young are looked at between two equal
 * tails. What its m moves from one to another just now may not be seen; it will run that.
 */
bool runtime_runqempty(p *pp)
{
	for (;;) {
		uint32_t h = load(&pp->runqhead), t = load(&pp->runqtail);
		g *next = load(&pp->runnext);
		bool none = noyoung(pp);

		if (t == load(&pp->runqtail))
			return h == t && !next && none;
	}
}

/*
 * How many of n to steal. A g of a p that switches all the time is cheap to run
 * there and dear to run here, where none of it is in the cache: take the oldest
 * alone (in a fork-join tree the one with the most work below it). From a p that
 * has neither switched nor spawned since this thief's last look, half.
 */
static uint32_t stealcount(p *pp, p *from, uint32_t n)
{
	enum { Long = 32 };
	uint32_t tick = load_rlx(&from->nswitch) + load_rlx(&from->schedtick) +
			load_rlx(&from->runqtail);
	bool stuck = pp->stealfrom == from && pp->stealtick == tick;

	pp->stealfrom = from;
	pp->stealtick = tick;
	return stuck || n > Long ? n - n / 2 : n > 0;
}

/*
 * Some of from's ring into batch, whose place is pp's ring at tail t. With
 * stealnext also a lone runnext, but only after giving its p the time to run it
 * itself: it is most likely about to, and moving it costs more than waiting.
 */
static uint32_t runqgrab(p *from, p *pp, uint32_t t, bool stealnext)
{
	for (;;) {
		uint32_t h = load_acq(&from->runqhead), ft = load_acq(&from->runqtail);
		uint32_t n = stealcount(pp, from, ft - h);

		if (n == 0) {
			g *next = stealnext ? load(&from->runnext) : NULL;

			if (!next)
				return 0;
			if (load_rlx(&from->status) == Prunning)
				runtime_usleep(3);
			if (!cas(&from->runnext, next, NULL))
				continue;
			store_rlx(&pp->runq[t % RunqSize], next);
			return 1;
		}
		if (n > RunqSize / 2)
			continue; /* head and tail were not of one moment */
		for (uint32_t i = 0; i < n; i++)
			store_rlx(&pp->runq[(t + i) % RunqSize],
				  load_rlx(&from->runq[(h + i) % RunqSize]));
		if (cas_rel(&from->runqhead, h, h + n))
			return n;
	}
}

/*
 * A thief that is back so soon stole what was not worth its journey: it waits, longer each time, so that
 * whoever works through a queue of small things is left alone with it. A few microseconds it
 * spins, then it naps: a nap costs less than to spin for as long, and takes 50 us more than it says.
 */
static void backoff(p *pp)
{
	enum { Soon = 6000, Round = 24, Spins = 3, Most = 7, NapUs = 20 }; /* Soon is in cycles */
	bool soon = arch_cputicks() - pp->stealtime < Soon;
	uint32_t n = !soon ? 0 : pp->stealwait < Most ? pp->stealwait + 1 : Most;

	pp->stealwait = n;
	if (n > Spins)
		runtime_usleep(NapUs << (n - Spins - 1));
	else
		for (uint32_t i = (1 << n) - 1; i > 0 && !load_rlx(&runtime_sched.gcwaiting); i--)
			for (int k = 0; k < Round; k++)
				procyield();
}

/* Some of what from has, to pp; one of them is returned. Runs on pp's m, whose ring is empty. */
g *runtime_runqsteal(p *pp, p *from, bool stealnext)
{
	uint32_t t = pp->runqtail, n;
	g *gp;

	if (runtime_runqempty(from))
		return NULL;
	backoff(pp);
	if ((gp = youngsteal(from))) {
		pp->stealtime = arch_cputicks();
		return gp;
	}
	n = runqgrab(from, pp, t, stealnext);
	if (n == 0)
		return NULL;
	pp->stealtime = arch_cputicks();
	gp = load_rlx(&pp->runq[(t + --n) % RunqSize]);
	if (n > 0)
		store_rel(&pp->runqtail, t + n);
	return gp;
}

void runtime_globrunqput(g *gp)
{
	struct sched *s = &runtime_sched;

	gp->schedlink = NULL;
	if (s->runqtail)
		s->runqtail->schedlink = gp;
	else
		s->runqhead = gp;
	s->runqtail = gp;
	store_rlx(&s->runqsize, s->runqsize + 1);
}

void runtime_globrunqputhead(g *gp)
{
	struct sched *s = &runtime_sched;

	gp->schedlink = s->runqhead;
	s->runqhead = gp;
	if (!s->runqtail)
		s->runqtail = gp;
	store_rlx(&s->runqsize, s->runqsize + 1);
}

/* The first there that only its own m may run, taken out; NULL: there is none. sched.lock held. */
g *runtime_globrunqwired(void)
{
	struct sched *s = &runtime_sched;
	g *gp = s->runqhead, *prev = NULL;

	for (; gp && !gp->lockedm; gp = gp->schedlink)
		prev = gp;
	if (!gp)
		return NULL;
	*(prev ? &prev->schedlink : &s->runqhead) = gp->schedlink;
	if (s->runqtail == gp)
		s->runqtail = prev;
	store_rlx(&s->runqsize, s->runqsize - 1);
	gp->schedlink = NULL;
	gp->usedup = false;
	return gp;
}

static g *globpop(void)
{
	struct sched *s = &runtime_sched;
	g *gp = s->runqhead;

	s->runqhead = gp->schedlink;
	if (!s->runqhead)
		s->runqtail = NULL;
	store_rlx(&s->runqsize, s->runqsize - 1);
	gp->schedlink = NULL;
	gp->usedup = false;
	return gp;
}

/*
 * pp's fair share, at most max (0: half a ring): one is returned, the rest goes to pp's ring. Not who
 * used his slice up: in the ring he would be before those that are woken by then, for a slice each.
 */
g *runtime_globrunqget(p *pp, int32_t max)
{
	int32_t size = runtime_sched.runqsize, n;
	g *gp;

	if (size == 0)
		return NULL;
	n = size / runtime_gomaxprocs + 1;
	if (n > size)
		n = size;
	if (max > 0 && n > max)
		n = max;
	if (n > RunqSize / 2)
		n = RunqSize / 2;
	gp = globpop();
	while (--n > 0 && !runtime_sched.runqhead->usedup)
		runtime_runqput(pp, globpop(), false);
	return gp;
}
