/* SPDX-License-Identifier: MIT */
/*
 * select.c - waiting on several channels at once.
 *
 *   1  Look over all cases without locks; of those that seem ready try one,
 *      chosen at random. Mostly that is all.
 *   2  Lock all channels, in the order of their addresses, and look again: now
 *      it is true. Do one of the ready cases, or queue a sudog on every channel.
 *   3  Park. The locks are given back, and the timer is started, once the
 *      goroutine is saved (parkcommit).
 *
 * The wake-up protocol. Several wakers may find the sudogs of one select at the
 * same time, each under its own channel's lock; the one that swaps select.done
 * from 0 to 1 has it (claim), the others throw the sudog away and look further.
 * The winner serves its case and, unlike in Go, takes the select out of all
 * other queues itself (runtime_selectleave) before it readies the goroutine:
 * nothing of a select touches a channel after somebody can know of its outcome,
 * so that channels may be freed then. Only after a timeout, which nobody knows
 * of yet, the goroutine does it itself.
 *
 * struct select and the sudogs are in the parked goroutine's frame. It is left
 * only after every channel was locked once by who leaves the queues, the
 * winner's excepted: therefore neither a late waker, who looks at done under its
 * channel's lock, nor parkcommit, which still unlocks, sees the frame go.
 *
 * With GOMAXPROCS=1 there are no locks to take (chan.h), and 1 is already true.
 */
#include "chan.h"

enum { MaxCases = 65536, SmallCases = 64 };

/* What a call works with; its two arrays have room for every case. */
struct call {
	const go_case *cases;
	uint32_t *order; /* the indices of the cases with a channel, by its address */
	struct sudog *waits;
	size_t n;	/* how many have one */
	int64_t when;	/* -1 for ever, 0 not at all */
};

/* ---- which case ---- */

/* May c's case go ahead? Certain when c is locked and certain is set. */
static inline bool ready(const go_case *k, bool certain)
{
	go_chan *c = k->c;

	if (!c)
		return false;
	if (k->send)
		return load_rlx(&c->closed) || load_rlx(&c->count) < c->cap ||
		       (certain ? waiting(&c->recvq) : load_rlx(&c->recvq) != NULL);
	return load_rlx(&c->count) || load_rlx(&c->closed) ||
	       (certain ? waiting(&c->sendq) : load_rlx(&c->sendq) != NULL);
}

/* A ready case, each with equal probability; -1: none. */
static int pick(const go_case *cases, size_t n, bool certain)
{
	uint32_t found = 0;
	int at = -1;

	for (size_t i = 0; i < n; i++) {
		if (!ready(&cases[i], certain))
			continue;
		/* the k-th one found takes the place of the earlier in 1 of k cases */
		if (++found == 1 || (runtime_rand(getg()->m) >> 32) * found >> 32 == 0)
			at = (int)i;
	}
	return at;
}

/* Do k, whose channel is locked. False: it was not ready, and it is still locked. */
static inline bool perform(const go_case *k)
{
	bool ok;

	if (k->send)
		return runtime_chansend(k->c, k->send);
	if (!runtime_chanrecv(k->c, k->recv, &ok))
		return false;
	if (k->ok)
		*k->ok = ok;
	return true;
}

/* ---- lock order ---- */

/* Shell's sort: short for four, and good enough for 65,536. */
static void sortbychan(uint32_t *v, size_t n, const go_case *cases)
{
	static const uint16_t gaps[] = {36983, 16437, 7305, 3247, 1443, 641, 301,
		132, 57, 23, 10, 4, 1};

	for (size_t k = 0; k < nelem(gaps); k++)
		for (size_t gap = gaps[k], i = gap; i < n; i++) {
			uint32_t x = v[i];
			size_t j = i;

			for (; j >= gap && (uintptr_t)cases[v[j - gap]].c > (uintptr_t)cases[x].c;
				j -= gap)
				v[j] = v[j - gap];
			v[j] = x;
		}
}

static void lockall(const struct call *a)
{
	go_chan *last = NULL;

	for (size_t i = 0; i < a->n; i++) {
		go_chan *c = a->cases[a->order[i]].c;

		if (c != last)
			chanlockmore(c, i > 0);
		last = c;
	}
}

/* All but keep's. */
static void unlockall(const struct call *a, go_chan *keep)
{
	go_chan *last = NULL;

	for (size_t i = 0; i < a->n; i++) {
		go_chan *c = a->cases[a->order[i]].c;

		if (c != last && c != keep)
			chanunlock(c);
		last = c;
	}
}

/* ---- waiting ---- */

static inline struct sudog **queueof(struct sudog *s)
{
	return s->issend ? &s->c->sendq : &s->c->recvq;
}

/*
 * The goroutine of sel is saved: it may be woken from now on. The frame is read
 * up to the last unlock, and not after: see the file's head.
 */
static bool parkcommit(g *gp, void *arg)
{
	struct select *sel = arg;
	go_chan *c, *next;

	(void)gp;
	if (sel->when)
		runtime_addtimer(&sel->timer, sel->when);
	if (!DEBUG && alone())
		return true;
	c = sel->waits[0].c;
	for (size_t i = 1, n = sel->n; i < n; i++, c = next) {
		next = sel->waits[i].c;
		if (next != c)
			chanunlock(c);
	}
	chanunlock(c);
	return true;
}

/* The timeout; on g0. */
static void toolate(struct timer *t, int64_t now)
{
	struct select *sel = t->arg;

	(void)now;
	if (claim(sel))
		runtime_goready(sel->g);
}

void runtime_selectleave(struct select *sel, struct sudog *fired)
{
	sel->fired = fired;
	for (size_t i = 0; i < sel->n; i++) {
		struct sudog *s = &sel->waits[i];

		if (s == fired)
			continue;
		chanlock(s->c);
		if (s->next)
			unqueue(queueof(s), s);
		chanunlock(s->c);
	}
}

static void enqueueall(const struct call *a, struct select *sel)
{
	for (size_t i = 0; i < a->n; i++) {
		const go_case *k = &a->cases[a->order[i]];
		struct sudog *s = &sel->waits[i];

		*s = (struct sudog){.g = sel->g, .sel = sel, .c = k->c, .issend = k->send,
			.elem = k->send ? (void *)k->send : k->recv};
		enqueue(queueof(s), s);
	}
}

/* All channels are locked and no case is ready. The index of the case that happened. */
static int block(const struct call *a)
{
	struct select sel = {.g = getg(), .waits = a->waits, .n = a->n};
	const go_case *k;

	if (a->when > 0) {
		sel.when = a->when;
		sel.timer.fn = toolate;
		sel.timer.arg = &sel;
	}
	enqueueall(a, &sel);
	runtime_gopark(!DEBUG && alone() && !sel.when ? NULL : parkcommit, &sel, WaitSelect);
	if (!sel.fired) {
		runtime_selectleave(&sel, NULL);
		return -1;
	}
	if (sel.when)
		runtime_deltimer(&sel.timer); /* and its fn has let go of sel */
	k = &a->cases[a->order[sel.fired - sel.waits]];
	if (k->send && !sel.fired->success)
		return -2;
	if (!k->send && k->ok)
		*k->ok = sel.fired->success;
	return (int)(k - a->cases);
}

/* With all locks: one of the ready cases, or wait. -1: timeout; -2: the channel of a send was closed. */
static int choose(const struct call *a, size_t n)
{
	for (;;) {
		const go_case *k;
		int i;

		lockall(a);
		i = pick(a->cases, n, true);
		if (i < 0)
			break;
		k = &a->cases[i];
		unlockall(a, k->c);
		if (k->send && k->c->closed) {
			chanunlock(k->c);
			return -2;
		}
		if (perform(k))
			return i;
		chanunlock(k->c); /* its waiter was lost to another case */
	}
	if (a->when)
		return block(a);
	unlockall(a, NULL);
	return -1;
}

/* ---- the call ---- */

/* No case has a channel. */
static cold int nochannel(size_t n, int64_t timeout)
{
	if (timeout < 0)
		for (;;)
			runtime_gopark(NULL, NULL, n ? WaitSelect : WaitForever);
	go_sleep(timeout);
	return -1;
}

static size_t listcases(struct call *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a->cases[i].c)
			a->order[a->n++] = (uint32_t)i;
	if (DEBUG || !alone())
		sortbychan(a->order, a->n, a->cases);
	return a->n;
}

static int64_t deadline(int64_t timeout)
{
	int64_t now;

	if (timeout <= 0)
		return timeout < 0 ? -1 : 0;
	now = runtime_nanotime();
	return timeout > INT64_MAX - now ? INT64_MAX : now + timeout;
}

static noinline int selectsmall(const go_case *cases, size_t n, int64_t timeout)
{
	uint32_t order[SmallCases];
	struct sudog waits[SmallCases];
	struct call a = {.cases = cases, .order = order, .waits = waits};

	if (!listcases(&a, n))
		return nochannel(n, timeout);
	a.when = deadline(timeout);
	return choose(&a, n);
}

static noinline cold int selectbig(const go_case *cases, size_t n, int64_t timeout)
{
	struct call a = {.cases = cases};
	size_t bytes = n * (sizeof *a.waits + sizeof *a.order);
	int i;

	a.waits = runtime_alloc(bytes);
	if (!a.waits)
		go_panic("out of memory: select of %zu cases", n);
	a.order = (uint32_t *)(a.waits + n);
	a.when = deadline(timeout);
	i = listcases(&a, n) ? choose(&a, n) : nochannel(n, timeout);
	runtime_free(a.waits, bytes);
	return i;
}

/* One case: no different from the operation by itself. */
static inline int single(const go_case *k, bool wait)
{
	if (k->send) {
		if (!wait)
			return go_chan_trysend(k->c, k->send) - 1;
		go_chan_send(k->c, k->send);
	} else if (wait) {
		bool ok = go_chan_recv(k->c, k->recv);

		if (k->ok)
			*k->ok = ok;
	} else {
		return go_chan_tryrecv(k->c, k->recv, k->ok) - 1;
	}
	return 0;
}

int go_select(const go_case *cases, size_t n, int64_t timeout)
{
	p *pp = runtime_need_g("go_select")->m->p;
	int i;

	if (unlikely(!pp || load_rlx(&pp->preempt)) && pp)
		runtime_gosched(); /* a loop of selects that never block */
	if (unlikely(n > MaxCases))
		go_panic("select: too many cases (max 65536)");
	if (n == 1 && timeout <= 0 && cases->c)
		return single(cases, timeout < 0);
	i = pick(cases, n, alone());
	if (i >= 0) {
		chanlock(cases[i].c);
		if (likely(perform(&cases[i])))
			return i;
		chanunlock(cases[i].c);
	} else if (timeout == 0 && alone()) {
		return -1;
	}
	if (unlikely(timeout > 0 && !runtime_timerroom()))
		go_panic("out of memory: no timer for select");
	i = n <= SmallCases ? selectsmall(cases, n, timeout) : selectbig(cases, n, timeout);
	if (unlikely(i == -2))
		runtime_chanclosed();
	return i;
}
