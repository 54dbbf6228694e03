/* SPDX-License-Identifier: MIT */
/*
 * netpoll.c - goroutines that wait until descriptors are ready, a deadline passes,
 * or somebody interrupts them. What is done with a descriptor, and when it
 * is not ready, is runtime/iocall_*.c's; what tells us of readiness is
 * runtime/netpoll_*.c's.
 *
 * A descriptor's number leads to a polldesc, which is never freed. The poller reports
 * edges: each is counted in edgein or edgeout, then wakes waiters. No edge is
 * lost to a goroutine that finds a descriptor not ready and then waits:
 *
 *   waiter                              poller (netpoll)
 *   1 load edgein                       1 lock pd
 *   2 try: not ready                    2 count the edge
 *   3 lock pd; edgein as it was? link   3 claim whom it wakes among the linked
 *   4 unlock, park                      4 unlock pd, ready those claimed
 *
 * for an edge after 2 is counted before 3 (and seen there) or finds the waiter linked.
 *
 * An edge may stand for more than one goroutine can take (two connections, say),
 * so one waiter is woken, and it wakes the next when it got something
 * (pollpass): those that wait for what is not there sleep on. Waiters that take nothing away
 * (shared: poll and select) are all woken.
 *
 * What is no descriptor (a semaphore) is waited for in the same way: one of a few polldescs,
 * chosen by its address, counts the edges, and w->key says who is meant.
 *
 * g->iowait says which wait of a goroutine this is, and how far it has come:
 *
 *   ticket | Preparing   its own; links itself, adds its timer
 *   ticket | Parked      saved and parked: who claims it makes it runnable
 *   ticket | Claimed | reason   by the poller, the timer, close or an interrupt: only the first
 *
 * by compare-and-swap, so that of several wakers one wins, and a late one,
 * whose ticket is old, touches nothing. A claim while Preparing cancels the park
 * (commit returns false). The waiter unlinks itself from all polldescs before
 * its frame, which holds the links, is gone; a waker does not touch a link after
 * it stored linked = false.
 */
#include "sched.h"
#include "netpoll.h"
#include "signals.h"

#include <errno.h>

enum { ChunkBits = 9, Chunk = 1 << ChunkBits, Chunks = 1 << 15 };
enum { Preparing = 1, Parked = 2, Claimed = 4, TicketUnit = 8 };
enum { Events = 128 };
enum { PollAll = 4 };
enum { Keys = 64 };

/* The first chunk is part of the program: the boot of one that only prints maps none. */
static struct polldesc first[Chunk] fdsbss;
static struct polldesc *chunks[Chunks] bigbss; /* the others; atomic; each set once */
static struct polldesc keyed[Keys] bigbss; /* who waits for no descriptor, by address */
static uint32_t polls;			       /* atomic; looks at the poller so far, about */

/* ---- descriptors ---- */

/* A zero lock is free; only the debug build gives it a rank, and touches the pages for it. */
static void ranks(struct polldesc *c, int n)
{
	for (int i = 0; DEBUG && i < n; i++)
		runtime_lockinit(&c[i].lock, RankPoll);
}

void runtime_polldescinit(void)
{
	ranks(first, Chunk);
	ranks(keyed, Keys);
}

/* NULL: out of memory. */
static noinline struct polldesc *newchunk(int fd)
{
	struct polldesc *old = NULL, *c = runtime_persistenttry(Chunk * sizeof *c, 64);

	if (!c)
		return NULL;
	ranks(c, Chunk);
	if (!__atomic_compare_exchange_n(&chunks[fd >> ChunkBits], &old, c, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return old; /* somebody was faster; this happens once in a program's life, if at all */
	return c;
}

struct polldesc *runtime_polldesc(int fd, bool make)
{
	struct polldesc *c;

	if (likely((unsigned)fd < Chunk))
		return &first[fd];
	if (unlikely((unsigned)fd >= (unsigned)Chunks * Chunk))
		return NULL;
	c = load_acq(&chunks[fd >> ChunkBits]);
	if (unlikely(!c) && (!make || !(c = newchunk(fd))))
		return NULL;
	return c + (fd & (Chunk - 1));
}

/* pd is with the poller: 0, or -errno (EPERM: the file is always ready; EAGAIN: try again, it changes). */
int runtime_pollopen(struct polldesc *pd, int fd)
{
	int r = 0;

	if (likely(load_acq(&pd->registered) && !load_rlx(&pd->silent)))
		return 0;
	if ((r = runtime_pollerinit()))
		return r;
	runtime_lock(&pd->lock);
	if (pd->closing) {
		r = -EAGAIN;
	} else if (!pd->registered || pd->silent) {
		r = runtime_polleradd(fd, pd);
		pd->hangup = false;
		store_rel(&pd->registered, r == 0);
	}
	runtime_unlock(&pd->lock);
	return r;
}

/* ---- lists of waiters; pd->lock held ---- */

/* Those that take nothing away in front, so that whoever has woken them knows the end of them. */
static void link(struct polldesc *pd, struct pollwait *w)
{
	struct pollwait *prev = w->shared ? NULL : pd->last, *next = w->shared ? pd->first : NULL;

	w->prev = prev;
	w->next = next;
	*(prev ? &prev->next : &pd->first) = w;
	*(next ? &next->prev : &pd->last) = w;
	w->linked = true;
}

/* After this w is its owner's: it may be gone. */
static void unlink(struct polldesc *pd, struct pollwait *w)
{
	*(w->next ? &w->next->prev : &pd->last) = w->prev;
	*(w->prev ? &w->prev->next : &pd->first) = w->next;
	store_rel(&w->linked, false);
}

/* ---- claims ---- */

/* True: this wait of gp is over for that reason, by us. *parked: and we are to make gp runnable. */
static bool claim(g *gp, uint64_t ticket, enum pollreason why, bool *parked)
{
	for (;;) {
		uint64_t v = load(&gp->iowait);

		if (v != (ticket | Preparing) && v != (ticket | Parked))
			return false;
		if (cas(&gp->iowait, v, ticket | Claimed | why)) {
			*parked = v & Parked;
			return true;
		}
	}
}

static void push(struct glist *l, g *gp)
{
	gp->schedlink = NULL;
	*(l->tail ? &l->tail->schedlink : &l->head) = gp;
	l->tail = gp;
	l->n++;
}

/*
 * pd->lock held. Of those who take something one a direction, or with PollAll all, and of the shared
 * ones all. key: only who waits for that.
 */
static void wakekey(struct polldesc *pd, uint32_t events, enum pollreason why, const void *key,
		    struct glist *l)
{
	uint32_t left = events;
	struct pollwait *next;

	for (struct pollwait *w = pd->first; w; w = next) {
		uint32_t hit = w->events & (w->shared ? events : left);
		uint64_t ticket = w->ticket;
		bool shared = w->shared, parked;
		g *gp = w->gp;

		if (!left && !shared)
			break;
		next = w->next;
		if (!hit || (key && w->key != key))
			continue;
		w->woken = why == PollReady && !shared;
		unlink(pd, w);
		if (!claim(gp, ticket, why, &parked))
			continue;
		if (parked)
			push(l, gp);
		if (!shared && !(events & PollAll))
			left &= ~hit;
	}
}

static void wake(struct polldesc *pd, uint32_t events, enum pollreason why, struct glist *l)
{
	wakekey(pd, events, why, NULL, l);
}

/* ---- waiting ---- */

struct iotimer {
	struct timer t;
	uint64_t ticket;
};

static void timedout(struct timer *t, int64_t now)
{
	uint64_t ticket = ((struct iotimer *)t)->ticket;
	g *gp = t->arg;
	bool parked;

	(void)now;
	if (claim(gp, ticket, PollTimeout, &parked) && parked)
		runtime_readydue(&gp, 1);
}

/* Links w to its descriptor; false: that has changed since it was found not ready. */
static bool linkup(struct pollwait *w, g *gp, uint64_t ticket)
{
	struct polldesc *pd = w->pd;
	bool same;

	w->gp = gp;
	w->ticket = ticket;
	w->woken = false;
	runtime_lock(&pd->lock);
	same = pd->registered && !pd->closing &&
	       !(w->events & PollIn && pd->edgein != w->edgein) &&
	       !(w->events & PollOut && pd->edgeout != w->edgeout);
	if (same)
		link(pd, w);
	runtime_unlock(&pd->lock);
	return same;
}

static void unlinkall(struct pollwait *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (load_acq(&w[i].linked)) {
			runtime_lock(&w[i].pd->lock);
			if (w[i].linked)
				unlink(w[i].pd, &w[i]);
			runtime_unlock(&w[i].pd->lock);
		}
}

/*
 * gp is saved and on no m. Who sends it a signal puts the bit, then looks for its m: so
 * either it finds none and has the wait interrupted, or the bit is seen here.
 */
static bool commit(g *gp, void *arg)
{
	uint64_t ticket = *(uint64_t *)arg;
	bool parked;

	if (!cas(&gp->iowait, ticket | Preparing, ticket | Parked))
		return false;
	return likely(!(load(&gp->sigpending) & ~gp->sigmask)) ||
	       !claim(gp, ticket, PollInterrupt, &parked);
}

/* Without a timer: for a moment, and then it is to look again. */
static noinline cold enum pollreason napping(g *gp, int64_t deadline)
{
	bool late = runtime_napbriefly(deadline);

	if (gp->sighandled || (gp->atpoint && runtime_cancelled(gp)))
		return PollInterrupt;
	return late ? PollTimeout : PollReady;
}

/* outside: something outside of the program may end it, so it is never a deadlock. */
static enum pollreason wait(struct pollwait *w, size_t n, int64_t deadline, enum waitreason why,
			    uint32_t outside)
{
	g *gp = getg();
	uint64_t ticket = (load_rlx(&gp->iowait) & ~(uint64_t)(TicketUnit - 1)) + TicketUnit;
	struct iotimer t = {.t = {.fn = timedout, .arg = gp}, .ticket = ticket};
	bool parked;

	if (unlikely(deadline && !runtime_timerroom()))
		return napping(gp, deadline);
	gp->sigheld = true; /* a handler may jump away: not before all this is undone */
	store(&gp->iowait, ticket | Preparing);
	if (unlikely(gp->atpoint) && runtime_cancelled(gp)) /* said before it could be seen that we wait */
		claim(gp, ticket, PollInterrupt, &parked);
	for (size_t i = 0; i < n; i++)
		w[i].linked = false;
	for (size_t i = 0; i < n; i++)
		if (!linkup(&w[i], gp, ticket)) {
			claim(gp, ticket, PollReady, &parked);
			break;
		}
	if (load(&gp->iowait) == (ticket | Preparing)) {
		store_rlx(&gp->m->p->npollwait, gp->m->p->npollwait + outside);
		runtime_watch(); /* it passes signals on */
		if (deadline)
			runtime_addtimer(&t.t, deadline);
		runtime_gopark(commit, &ticket, why);
		if (deadline)
			runtime_deltimer(&t.t);
		store_rlx(&gp->m->p->npollwait, gp->m->p->npollwait - outside);
	}
	unlinkall(w, n);
	gp->sigheld = false;
	if (unlikely(load_rlx(&gp->sigpending) & ~gp->sigmask))
		runtime_setmask(gp);
	return load(&gp->iowait) & 3;
}

/*
 * Until one of n descriptors may be ready, the deadline has passed (0: none) or
 * somebody interrupts. Each w has pd, events, shared, and the edge counts from
 * before it was found not ready. Spurious PollReady happens: look again.
 */
enum pollreason runtime_pollwait(struct pollwait *w, size_t n, int64_t deadline)
{
	return wait(w, n, deadline, n ? WaitIO : WaitSleep, 1);
}

/* Whose edges tell of what is at this address; and of other addresses. */
struct polldesc *runtime_pollkey(const void *key)
{
	return &keyed[((uintptr_t)key >> 4) % Keys];
}

/* The same for what is at w->key; w->pd is runtime_pollkey's. Not a deadlock's way out. */
enum pollreason runtime_pollwaitkey(struct pollwait *w, int64_t deadline, enum waitreason why)
{
	w->events = PollIn;
	w->shared = false;
	store_rel(&w->pd->registered, true);
	return wait(w, 1, deadline, why, 0);
}

static void post(struct polldesc *pd, const void *key, uint32_t events)
{
	struct glist l = {0};

	runtime_lock(&pd->lock);
	store_rel(&pd->edgein, pd->edgein + 1);
	wakekey(pd, events, PollReady, key, &l);
	runtime_unlock(&pd->lock);
	runtime_injectglist(&l);
}

/* An edge: the first that waits for key, or all, and who is about to wait look again. Not in a signal handler. */
void runtime_pollpost(const void *key, bool all)
{
	post(runtime_pollkey(key), key, all ? PollIn | PollAll : PollIn);
}

/* An edge for every key. */
void runtime_pollpostall(void)
{
	for (int i = 0; i < Keys; i++)
		if (load_acq(&keyed[i].registered))
			post(&keyed[i], NULL, PollIn | PollAll);
}

/* w's owner was woken and has got something: the next one is to look whether there is more. */
void runtime_pollpass(struct pollwait *w)
{
	struct glist l = {0};

	w->woken = false;
	if (!load_rlx(&w->pd->first))
		return;
	runtime_lock(&w->pd->lock);
	wake(w->pd, w->events, PollReady, &l);
	runtime_unlock(&w->pd->lock);
	runtime_injectglist(&l);
}

/*
 * Where a call can only be made after a look whether it will wait (accept, terminals),
 * one goroutine at a time does so: of two that look together the slower would wait
 * in the kernel, where close does not wake it. False: another does; wait for an edge.
 * When it is done, who was turned away is let look, by what counts as an edge.
 */
bool runtime_pollask(struct polldesc *pd, uint32_t dir)
{
	g *gp = getg(), **who = &pd->asking[dir == PollOut];
	bool mine;

	runtime_lock(&pd->lock);
	mine = !*who || *who == gp; /* gp's own: it left by longjmp from a handler */
	if (mine)
		*who = gp;
	else
		pd->turnedaway |= dir;
	runtime_unlock(&pd->lock);
	return mine;
}

void runtime_pollasked(struct polldesc *pd, uint32_t dir)
{
	struct glist l = {0};

	runtime_lock(&pd->lock);
	pd->asking[dir == PollOut] = NULL;
	if (pd->turnedaway & dir) {
		pd->turnedaway &= (uint8_t)~dir;
		store_rel(dir == PollIn ? &pd->edgein : &pd->edgeout,
			  (dir == PollIn ? pd->edgein : pd->edgeout) + 1);
		wake(pd, dir, PollReady, &l);
	}
	runtime_unlock(&pd->lock);
	runtime_injectglist(&l);
}

int32_t runtime_pollwaiters(void)
{
	int32_t n = load_acq(&runtime_gomaxprocs), sum = 0;

	for (int32_t i = 0; i < n; i++)
		sum += load_rlx(&load_acq(&runtime_allp)[i]->npollwait);
	return sum;
}

bool runtime_iowaiting(g *gp)
{
	uint64_t v = load(&gp->iowait) & (TicketUnit - 1);

	return v == Preparing || v == Parked;
}

cold bool runtime_iointerrupt(g *gp)
{
	uint64_t v = load(&gp->iowait);
	struct glist l = {0};
	bool parked;

	if (!claim(gp, v & ~(uint64_t)(TicketUnit - 1), PollInterrupt, &parked))
		return false;
	if (parked) {
		push(&l, gp);
		runtime_injectglist(&l);
	}
	return true;
}

/* ---- closing ---- */

uint32_t runtime_pollclose(struct polldesc *pd, int fd)
{
	struct glist l = {0};
	uint32_t which;

	runtime_lock(&pd->lock);
	if (unlikely(pd->ours)) {
		runtime_unlock(&pd->lock);
		return 0;
	}
	if (++pd->closes == 0)
		pd->closes = 1;
	pd->closing = which = pd->closes;
	if (pd->registered)
		runtime_pollerdel(fd);
	store_rel(&pd->registered, false);
	wake(pd, PollIn | PollOut | PollAll, PollClosed, &l);
	runtime_unlock(&pd->lock);
	runtime_injectglist(&l);
	return which;
}

/* lock held */
static void forget(struct polldesc *pd)
{
	pd->closing = 0;
	store_rel(&pd->registered, false);
	pd->kind = 0;
	pd->gen = 0;
	pd->drained = 0;
	pd->silent = false;
}

/*
 * That close is over. Between the kernel's part of it and this another goroutine may have been
 * given the number, and wait there already: then all this is done (pollfresh).
 */
void runtime_pollclosed(struct polldesc *pd, uint32_t which)
{
	runtime_lock(&pd->lock);
	if (pd->closing == which)
		forget(pd);
	runtime_unlock(&pd->lock);
}

void runtime_pollfresh(struct polldesc *pd)
{
	runtime_lock(&pd->lock);
	forget(pd);
	runtime_unlock(&pd->lock);
}

/*
 * Its number was closed by somebody who found no polldesc to note that in: this one was made meanwhile. It
 * may be another file's by now, so who waits is not told of a close but looks again.
 */
void runtime_polllate(struct polldesc *pd)
{
	struct glist l = {0};

	runtime_lock(&pd->lock);
	forget(pd);
	wake(pd, PollIn | PollOut, PollReady, &l);
	runtime_unlock(&pd->lock);
	runtime_injectglist(&l);
}

/* ---- polling ---- */

static void deliver(const struct pollevent *ev, struct glist *l)
{
	struct polldesc *pd = ev->pd;

	runtime_lock(&pd->lock);
	if (pd->registered) { /* else the event is an older file's */
		if (ev->hangup)
			store_rlx(&pd->hangup, true); /* before the count, which releases it */
		if (ev->events & PollIn)
			store_rel(&pd->edgein, pd->edgein + 1);
		if (ev->events & PollOut)
			store_rel(&pd->edgeout, pd->edgeout + 1);
		wake(pd, ev->events, PollReady, l);
	}
	runtime_unlock(&pd->lock);
}

/* With a thousand connections hardly a line of one is in a near cache: fetch those of all together. */
static void fetch(const struct pollevent *ev, int n)
{
	for (int i = 0; i < n; i++)
		__builtin_prefetch(ev[i].pd, 1);
	for (int i = 0; i < n; i++)
		__builtin_prefetch(load_rlx(&ev[i].pd->first), 1); /* it may be gone: only fetched, not read */
}

static void fetchframes(const struct glist *l)
{
	for (const g *gp = l->head; gp; gp = gp->schedlink) {
		const char *sp = (const char *)gp->sched.sp;

		for (int i = 0; i < 3; i++)
			__builtin_prefetch(sp + 64 * i, 1);
	}
}

/* Who can go on now, or within ns (< 0: no limit), in l, which is the caller's to queue. */
void runtime_netpoll(int64_t ns, struct glist *l)
{
	struct pollevent ev[Events];
	m *mp = getg()->m;
	int n;

	runtime_rest(mp, ns != 0);
	n = runtime_pollerwait(ev, Events, ns);
	runtime_rest(mp, false);
	store_rlx(&polls, load_rlx(&polls) + 1);
	fetch(ev, n);
	for (int i = 0; i < n; i++)
		deliver(&ev[i], l);
	fetchframes(l);
}

/* Without a p, for sysmon: looks when nobody has since the last call. */
void runtime_netpollstale(void)
{
	static uint32_t seen;
	uint32_t now = load_rlx(&polls);
	struct glist l = {0};

	if (now == seen && runtime_pollerinited() && runtime_pollwaiters() > 0)
		runtime_netpoll(0, &l);
	seen = load_rlx(&polls);
	runtime_injectglist(&l);
}

/* ---- fork ---- */

/* Those from number fd on. Pages of descriptors that were never used stay untouched. */
static void abandon(struct polldesc *c, int fd)
{
	for (struct polldesc *pd = c; pd < c + Chunk; pd++, fd++) {
		if (!(pd->lock.key || pd->closing || pd->registered || pd->ours || pd->asking[0] ||
		      pd->asking[1]))
			continue;
		pd->lock.key = 0;
		pd->first = pd->last = NULL;
		pd->asking[0] = pd->asking[1] = NULL;
		pd->registered = false;
		pd->closing = 0;
		runtime_pollergive(fd);
	}
}

/* The child's world is stopped: the caller alone is left, and waits for nothing. */
void runtime_netpollfork(void)
{
	for (int i = 0; i < Keys; i++)
		if (keyed[i].registered) {
			keyed[i].lock.key = 0;
			keyed[i].first = keyed[i].last = NULL;
		}
	abandon(first, 0);
	for (int i = 1; i < Chunks; i++)
		if (chunks[i])
			abandon(chunks[i], i * Chunk);
	for (int32_t i = 0; i < runtime_gomaxprocs; i++)
		runtime_allp[i]->npollwait = 0;
	runtime_pollerfork();
}
