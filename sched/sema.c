/* SPDX-License-Identifier: MIT */
/*
 * sema.c - sleeping on an address: semaphores for sync, and the wait on a word
 * that file locks use. Not for the runtime's own short sections (lock_futex.c).
 *
 * Waiters hang in a table of roots by hash of the address. A root is a treap:
 * ordered by address, heap-ordered by random ticket, so that a million
 * different addresses in one root cost logarithmic time; a node is the first
 * waiter for its address and heads a list of the others (waitlink), first come
 * first served. All of it is under the root's lock. The sudogs are on the
 * waiters' stacks: blocking allocates nothing.
 *
 * acquire                         release
 *   nwait++                         *addr++
 *   *addr > 0? then take it         nwait == 0? then nobody sleeps
 *   sleep                           else lock, wake one
 * Both middle steps are full barriers: one of the two sees the other.
 */
#include "sched.h"
#include "signals.h"

#include <errno.h>

enum { Roots = 251 };

static struct root {
	alignas(64) mutex lock;
	struct sudog *treap;
	uint32_t nwait; /* waiters in it; read without the lock */
} roots[Roots] bigbss;

/* A zero lock is free; only the debug build gives it a rank, and touches the table's pages for it. */
void runtime_semainit(void)
{
	for (int i = 0; DEBUG && i < Roots; i++)
		runtime_lockinit(&roots[i].lock, RankSema);
}

/* Whoever waited is gone. */
void runtime_forksema(void)
{
	for (int i = 0; i < Roots; i++) {
		struct root *r = &roots[i];

		if (r->lock.key || r->treap || r->nwait) {
			r->lock.key = 0;
			r->treap = NULL;
			r->nwait = 0;
		}
	}
}

static struct root *rootof(const void *addr)
{
	return &roots[((uintptr_t)addr >> 3) % Roots];
}

/* ---- treap; root's lock held ---- */

static struct sudog **linkof(struct root *r, struct sudog *s)
{
	if (!s->parent)
		return &r->treap;
	return s->parent->left == s ? &s->parent->left : &s->parent->right;
}

/* s's child c takes s's place, and s becomes c's child on the other side. */
static void rotateup(struct root *r, struct sudog *c)
{
	struct sudog *s = c->parent, **link = linkof(r, s);
	struct sudog *mid;

	if (s->left == c) {
		mid = s->left = c->right;
		c->right = s;
	} else {
		mid = s->right = c->left;
		c->left = s;
	}
	if (mid)
		mid->parent = s;
	c->parent = s->parent;
	s->parent = c;
	*link = c;
}

/* s takes t's place in the tree. */
static void replace(struct root *r, struct sudog *t, struct sudog *s)
{
	*linkof(r, t) = s;
	s->parent = t->parent;
	s->left = t->left;
	s->right = t->right;
	s->ticket = t->ticket;
	if (s->left)
		s->left->parent = s;
	if (s->right)
		s->right->parent = s;
}

static void queue(struct root *r, struct sudog *s, bool lifo)
{
	struct sudog **link = &r->treap, *t, *parent = NULL;

	s->left = s->right = s->waitlink = s->waittail = NULL;
	for (; (t = *link); link = s->addr < t->addr ? &t->left : &t->right) {
		parent = t;
		if (t->addr != s->addr)
			continue;
		if (lifo) {
			replace(r, t, s);
			s->waitlink = t;
			s->waittail = t->waittail ? t->waittail : t;
			t->parent = t->left = t->right = t->waittail = NULL;
			return;
		}
		(t->waittail ? t->waittail : t)->waitlink = s;
		t->waittail = s;
		return;
	}
	s->parent = parent;
	s->ticket = (uint32_t)(runtime_rand(getg()->m) >> 32) | 1;
	*link = s;
	while (s->parent && s->parent->ticket > s->ticket)
		rotateup(r, s);
}

static struct sudog *find(struct root *r, const void *addr)
{
	struct sudog *s = r->treap;

	while (s && s->addr != addr)
		s = (uintptr_t)addr < (uintptr_t)s->addr ? s->left : s->right;
	return s;
}

/* s, the first for its address, leaves the tree; the next one takes its place there. */
static void takeout(struct root *r, struct sudog *s)
{
	struct sudog *t = s->waitlink;

	if (t) {
		replace(r, s, t);
		t->waittail = t->waitlink ? s->waittail : NULL;
	} else {
		while (s->left || s->right)
			rotateup(r, !s->right || (s->left && s->left->ticket < s->right->ticket)
					    ? s->left
					    : s->right);
		*linkof(r, s) = NULL;
	}
	s->ticket = 0;
	s->waitlink = NULL;
}

/* The first waiter for addr, taken out; NULL: there is none. */
static struct sudog *dequeue(struct root *r, const void *addr)
{
	struct sudog *s = find(r, addr);

	if (s)
		takeout(r, s);
	return s;
}

/* s, which waits, goes from wherever it is in the list for its address. */
static void drop(struct root *r, struct sudog *s)
{
	struct sudog *first = find(r, s->addr), *t = first;

	if (first == s) {
		takeout(r, s);
		return;
	}
	while (t->waitlink != s)
		t = t->waitlink;
	t->waitlink = s->waitlink;
	if (first->waittail == s)
		first->waittail = t == first ? NULL : t;
	s->waitlink = NULL;
}

/* ---- semaphores ---- */

static bool unlockroot(g *gp, void *lock)
{
	(void)gp;
	runtime_unlock(lock);
	return true;
}

static bool cansemacquire(uint32_t *addr)
{
	uint32_t v;

	while ((v = load(addr)) > 0)
		if (cas(addr, v, v - 1))
			return true;
	return false;
}

/* Wait until *addr > 0 and take one. lifo: to the head of the queue, not its tail. */
void runtime_semacquire(uint32_t *addr, bool lifo, enum waitreason why)
{
	struct root *r = rootof(addr);
	struct sudog s = {.g = getg(), .addr = addr};

	if (cansemacquire(addr))
		return;
	for (;;) {
		runtime_lock(&r->lock);
		xadd(&r->nwait, 1);
		if (cansemacquire(addr)) {
			xadd(&r->nwait, -1);
			runtime_unlock(&r->lock);
			return;
		}
		queue(r, &s, lifo);
		runtime_gopark(unlockroot, &r->lock, why);
		if (s.granted || cansemacquire(addr))
			return;
	}
}

/*
 * One more in *addr, and the first waiter is woken. handoff: it gets that one
 * for certain, and this p at once. *addr is not touched after its waiter may
 * know that it was released.
 */
void runtime_semrelease(uint32_t *addr, bool handoff)
{
	struct root *r = rootof(addr);
	struct sudog *s;

	xadd(addr, 1);
	if (!load(&r->nwait))
		return;
	runtime_lock(&r->lock);
	s = dequeue(r, addr);
	if (s)
		xadd(&r->nwait, -1);
	runtime_unlock(&r->lock);
	if (!s)
		return;
	s->granted = handoff && cansemacquire(addr);
	handoff = s->granted;
	runtime_goready(s->g);
	if (handoff)
		runtime_gosched();
}

void go_sema_acquire(uint32_t *addr)
{
	runtime_need_g("go_sema_acquire");
	runtime_semacquire(addr, false, WaitSema);
}

void go_sema_release(uint32_t *addr)
{
	runtime_need_g("go_sema_release");
	runtime_semrelease(addr, false);
}

/* ---- waiting on a word ---- */

enum { InVainNs = 100 * 1000, StarvingNs = 1000 * 1000 }; /* StarvingNs as for go_mutex */

struct wordwait {
	struct sudog s;
	struct timer t;
	int64_t since; /* of this wait and those right before it, in vain */
	bool queued;   /* these under the root's lock: it is in the treap */
	bool late;   /* its time is up */
	bool point;  /* it is a cancellation point, */
	bool cancelled; /* and that was heeded */
};

static void ready(g *gp)
{
	g *me = getg();

	if (me && me->m->p)
		runtime_goready(gp);
	else /* a thread of the program's own, or a handler that interrupted a system call */
		runtime_readyforeign(gp);
}

/* s is out of the treap. */
static void leave(struct root *r, struct sudog *s)
{
	((struct wordwait *)s)->queued = false;
	xadd(&r->nwait, -1);
}

/* Its goroutine, if it waits, is to be readied when the root's lock, which is held, is not any more. */
static g *evict(struct root *r, struct wordwait *w)
{
	if (!w->queued)
		return NULL;
	drop(r, &w->s);
	leave(r, &w->s);
	return w->s.g;
}

/* The timer's. It may come before its owner queues, or after a wake. */
static void timeout(struct timer *t, int64_t now)
{
	struct wordwait *w = t->arg;
	struct root *r = rootof(w->s.addr);
	g *gp;

	(void)now;
	runtime_lock(&r->lock);
	w->late = true;
	gp = evict(r, w);
	runtime_unlock(&r->lock);
	if (gp)
		runtime_goready(gp);
}

/*
 * Who has something for gp has said so before, a request to cancel it or a signal; gp stores waitword,
 * takes the lock and looks at the request, and when it is off its m at the signals: so either it sees
 * that or we find it.
 */
static bool evictg(g *gp, bool cancel)
{
	const int32_t *addr = load(&gp->waitword);
	struct root *r = rootof(addr);
	struct wordwait *w;
	struct sudog *s;
	g *found = NULL;

	if (!addr)
		return false;
	runtime_lock(&r->lock);
	for (s = find(r, addr); s && s->g != gp; s = s->waitlink)
		;
	w = (struct wordwait *)s;
	if (w && (w->point || !cancel)) {
		w->cancelled = cancel;
		found = evict(r, w);
	}
	runtime_unlock(&r->lock);
	if (found)
		ready(found);
	return found != NULL;
}

cold bool runtime_addrinterrupt(g *gp)
{
	return evictg(gp, false);
}

cold bool runtime_addrcancel(g *gp)
{
	return evictg(gp, true);
}

/* gp is saved and on no m. */
static bool unlockwait(g *gp, void *arg)
{
	struct wordwait *w = arg;
	struct root *r = rootof(w->s.addr);
	bool stays;

	fence();
	stays = likely(!(load(&gp->sigpending) & ~gp->sigmask));
	if (!stays)
		evict(r, w);
	runtime_unlock(&r->lock);
	return stays;
}

static void sleepon(struct root *r, struct wordwait *w, int32_t val, enum waitreason why)
{
	runtime_lock(&r->lock);
	xadd(&r->nwait, 1);
	w->cancelled = w->point && runtime_cancelled(w->s.g);
	if (w->late || w->cancelled || load((const int32_t *)w->s.addr) != val) {
		xadd(&r->nwait, -1);
		runtime_unlock(&r->lock);
		return;
	}
	w->queued = true;
	queue(r, &w->s, false);
	runtime_gopark(unlockwait, w, why);
}

/* gp waits for w's word. Woken a moment ago and here again it was in vain, and counts as one wait. */
static void beginwait(g *gp, struct wordwait *w)
{
	w->since = runtime_nanotime();
	if (gp->waitedword == w->s.addr && w->since - gp->waiteduntil < InVainNs)
		w->since = gp->waitedsince;
}

/* Its handlers may jump away: they run when all this is undone. */
static void waiton(struct wordwait *w, int32_t val, int64_t ns, enum waitreason why)
{
	int64_t deadline = ns < 0 ? 0 : runtime_nanotime() + ns;
	g *gp = w->s.g;

	if (unlikely(ns >= 0 && !runtime_timerroom())) { /* woken for nothing, every now and then */
		w->late = runtime_napbriefly(deadline);
		w->cancelled = w->point && runtime_cancelled(gp);
		return;
	}
	gp->sigheld = true;
	store(&gp->waitword, w->s.addr);
	if (ns >= 0) {
		w->t.fn = timeout;
		w->t.arg = w;
		runtime_addtimer(&w->t, deadline);
	}
	beginwait(gp, w);
	sleepon(rootof(w->s.addr), w, val, why);
	gp->waitedword = w->s.addr;
	gp->waitedsince = w->since;
	gp->waiteduntil = runtime_nanotime();
	if (ns >= 0)
		runtime_deltimer(&w->t);
	store_rlx(&gp->waitword, NULL);
	gp->sigheld = false;
	if (unlikely(load_rlx(&gp->sigpending) & ~gp->sigmask))
		runtime_setmask(gp);
}

/*
 * Until runtime_addrwake(addr), unless *addr is not val: checked under the lock
 * that the waker takes; or for nothing. ns < 0: no limit. False: the time is up; a wake may have
 * come as well.
 */
bool runtime_addrtimedwait(int32_t *addr, int32_t val, int64_t ns, enum waitreason why)
{
	struct wordwait w = {.s = {.g = getg(), .addr = addr}};

	waiton(&w, val, ns, why);
	return !w.late;
}

/* The same, and a cancellation point: ECANCELED, too, when no wake has come. */
int runtime_addrpointwait(int32_t *addr, int32_t val, int64_t ns, enum waitreason why)
{
	struct wordwait w = {.s = {.g = getg(), .addr = addr}, .point = true};

	waiton(&w, val, ns, why);
	return w.cancelled ? ECANCELED : w.late ? ETIMEDOUT : 0;
}

void runtime_addrwait(int32_t *addr, int32_t val, enum waitreason why)
{
	runtime_addrtimedwait(addr, val, -1, why);
}

/* Who was woken has waited long: it is to find the lock free, so the caller gives way when it has unlocked it. */
static void giveway(void)
{
	g *gp = getg();

	if (gp)
		gp->givesway = true;
}

bool runtime_addrwake(int32_t *addr)
{
	struct root *r = rootof(addr);
	struct sudog *s;
	int64_t since = 0;

	fence();
	if (!load(&r->nwait))
		return false;
	runtime_lock(&r->lock);
	s = dequeue(r, addr);
	if (s) {
		leave(r, s);
		since = ((struct wordwait *)s)->since;
	}
	runtime_unlock(&r->lock);
	if (!s)
		return false;
	ready(s->g);
	if (unlikely(runtime_nanotime() - since > StarvingNs))
		giveway();
	return true;
}
