/* SPDX-License-Identifier: MIT */
/*
 * chan.c - channels, with Go's semantics.
 *
 * A channel is a lock, a ring of elements and two queues of parked goroutines;
 * chan.h tells what guards what. Invariants, lock held:
 *   - a sender waits only when the buffer is full, a receiver only when it is
 *     empty (both wait at once only in one select on both ends of a channel);
 *   - nobody waits on a closed channel.
 * A waiter is a sudog on its own stack. Whoever serves it copies the element
 * straight from or to the waiter's variable, unlocks, and readies it; what a
 * waiter finds when it wakes is done. The channel is not touched after
 * the unlock, nor by the waiter after it wakes: it may be freed by then.
 *
 * The fast paths are leaf code: lock, copy, unlock. Parking has functions of its
 * own, whose frames hold the sudog.
 */
#include "chan.h"
#include "park.h"

/* ---- lock, slow ---- */

enum { Spins = 20, SpinCount = 10, Yields = 8, NapUs = 20, MostNapUs = 1000 };

/*
 * A p that meets another in channels so soon again stands back, longer each time up to a few
 * microseconds, and leaves the cache line alone meanwhile. Two that take turns at each element
 * pay for moving lock and buffer from cache to cache, some 50 ns a time; a hundred elements
 * at a turn cost next to nothing, and one of the two would wait anyhow. Not where there is no
 * buffer: the other does not get far alone.
 */
static void standback(go_chan *c, p *pp)
{
	enum { Soon = 2500, Step = 64, Most = 4096 }; /* cycles */
	uint64_t start = arch_cputicks();
	bool soon = c->cap > 0 && start - pp->chantime < Soon + 2 * pp->chanwait;

	pp->chanwait = !soon ? 0 : pp->chanwait < Most / 2 ? 2 * pp->chanwait + Step : Most;
	while (arch_cputicks() - start < pp->chanwait)
		procyield();
}

/* The holder is at it on another CPU, or lost its CPU in the middle. */
noinline void runtime_chanlockslow(go_chan *c, bool more)
{
	uint32_t nap = NapUs;
	p *pp = getg()->m->p; /* NULL: a handler that struck an idle m */

	if (pp && !more)
		standback(c, pp);
	for (int i = 0; load_rlx(&c->lock) || !cas_acq(&c->lock, 0u, 1u); i++) {
		if (i < Spins && runtime_ncpu > 1) {
			for (int k = 0; k < SpinCount && load_rlx(&c->lock); k++)
				procyield();
		} else if (i < Spins + Yields) {
			runtime_osyield();
		} else {
			runtime_usleep(nap);
			nap = nap < MostNapUs / 2 ? nap * 2 : MostNapUs;
		}
	}
	if (likely(pp != NULL))
		pp->chantime = arch_cputicks();
}

/* ---- little things ---- */

/* Only a goroutine may be here, and only with a p: chanlock counts on it. */
static inline void enter(const char *call)
{
	runtime_need_g(call);
}

/* Most elements are words: no call for those. */
static inline void copy(void *to, const void *from, size_t n)
{
	if (likely(n == 8))
		memcpy(to, from, 8);
	else if (likely(n == 4))
		memcpy(to, from, 4);
	else if (n)
		memcpy(to, from, n);
}

static inline void advance(go_chan *c, size_t *x)
{
	size_t next = *x + 1;

	*x = likely(next < c->cap) ? next : 0;
}

static noinline void forever(enum waitreason why)
{
	for (;;)
		runtime_gopark(NULL, NULL, why);
}

/* Ready the goroutine of s, which was dequeued and served; the channel is unlocked. */
static inline void wake(struct sudog *s)
{
	if (unlikely(s->sel != NULL))
		runtime_selectleave(s->sel, s);
	if (!readyalone(s->g))
		runtime_ready(s->g, true);
}

static bool unlockchan(g *gp, void *c)
{
	(void)gp;
	chanunlock(c);
	return true;
}

/* Park with c locked and s queued; c is unlocked once nobody can wake us too early. */
static inline void park(go_chan *c, g *gp, enum waitreason why)
{
	if (!parkalone(gp, why))
		runtime_gopark(runtime_alone() ? NULL : unlockchan, c, why);
}

noinline void runtime_chanclosed(void)
{
	go_panic("send on closed channel");
}

/* ---- make and free ---- */

go_chan *go_chan_make(size_t elemsize, size_t cap)
{
	go_chan *c = NULL;
	size_t n;

	enter("go_chan_make");
	if (cap <= PTRDIFF_MAX && !__builtin_mul_overflow(elemsize, cap, &n) &&
	    n <= PTRDIFF_MAX - ChanHead)
		c = runtime_alloc(ChanHead + n);
	if (unlikely(!c))
		go_panic("makechan: size out of range");
	*c = (go_chan){.elemsize = elemsize, .cap = cap};
	return c;
}

void go_chan_free(go_chan *c)
{
	runtime_need_g("go_chan_free");
	if (!c)
		return;
	if (DEBUG && (c->lock || waiting(&c->sendq) || waiting(&c->recvq)))
		runtime_fatal("go_chan_free of a channel in use");
	runtime_free(c, ChanHead + c->elemsize * c->cap);
}

/* ---- send ---- */

static inline __attribute__((always_inline)) bool send(go_chan *c, const void *elem)
{
	struct sudog *s;

	if (unlikely(c->closed)) {
		chanunlock(c);
		runtime_chanclosed();
	}
	if (c->recvq && (s = dequeue(&c->recvq))) {
		if (likely(s->elem != NULL))
			copy(s->elem, elem, c->elemsize);
		s->success = true;
		chanunlock(c);
		wake(s);
		return true;
	}
	if (c->count < c->cap) {
		copy(chanbuf(c, c->sendx), elem, c->elemsize);
		advance(c, &c->sendx);
		store_rlx(&c->count, c->count + 1);
		chanunlock(c);
		return true;
	}
	return false;
}

bool runtime_chansend(go_chan *c, const void *elem)
{
	return send(c, elem);
}

/* c is locked, open and has no room. */
static noinline void blocksend(go_chan *c, const void *elem)
{
	struct sudog s;

	s.g = getg();
	s.elem = (void *)elem;
	s.sel = NULL;
	enqueue(&c->sendq, &s);
	park(c, s.g, WaitChanSend);
	if (unlikely(!s.success))
		runtime_chanclosed();
}

void go_chan_send(go_chan *c, const void *elem)
{
	enter("go_chan_send");
	if (unlikely(!c))
		forever(WaitChanSendNil);
	chanlock(c);
	if (!send(c, elem))
		blocksend(c, elem);
}

/* Open, then full or nobody there: a closed channel does not become ready to block. */
static inline bool nosend(go_chan *c)
{
	return !load_acq(&c->closed) &&
	       (c->cap ? load_rlx(&c->count) == c->cap : !load_rlx(&c->recvq));
}

bool go_chan_trysend(go_chan *c, const void *elem)
{
	enter("go_chan_trysend");
	if (!c || nosend(c))
		return false;
	chanlock(c);
	if (runtime_chansend(c, elem))
		return true;
	chanunlock(c);
	return false;
}

/* ---- receive ---- */

/* The buffer is full and s waits to send: its element takes the place of the first. */
static inline void rotate(go_chan *c, void *elem, struct sudog *s)
{
	char *slot = chanbuf(c, c->recvx);

	if (likely(elem != NULL))
		copy(elem, slot, c->elemsize);
	copy(slot, s->elem, c->elemsize);
	advance(c, &c->recvx);
	c->sendx = c->recvx;
}

static inline __attribute__((always_inline)) bool recv(go_chan *c, void *elem, bool *ok)
{
	struct sudog *s = c->sendq ? dequeue(&c->sendq) : NULL;

	*ok = true;
	if (s) {
		if (c->cap > 0)
			rotate(c, elem, s);
		else if (likely(elem != NULL))
			copy(elem, s->elem, c->elemsize);
		s->success = true;
		chanunlock(c);
		wake(s);
		return true;
	}
	if (c->count > 0) {
		if (likely(elem != NULL))
			copy(elem, chanbuf(c, c->recvx), c->elemsize);
		advance(c, &c->recvx);
		store_rlx(&c->count, c->count - 1);
		chanunlock(c);
		return true;
	}
	if (unlikely(c->closed)) {
		size_t n = c->elemsize;

		chanunlock(c);
		if (elem && n)
			memset(elem, 0, n);
		*ok = false;
		return true;
	}
	return false;
}

bool runtime_chanrecv(go_chan *c, void *elem, bool *ok)
{
	return recv(c, elem, ok);
}

/* c is locked, open and has nothing. */
static noinline bool blockrecv(go_chan *c, void *elem)
{
	struct sudog s;

	s.g = getg();
	s.elem = elem;
	s.sel = NULL;
	enqueue(&c->recvq, &s);
	park(c, s.g, WaitChanRecv);
	return s.success;
}

bool go_chan_recv(go_chan *c, void *elem)
{
	bool ok;

	enter("go_chan_recv");
	if (unlikely(!c))
		forever(WaitChanRecvNil);
	chanlock(c);
	if (recv(c, elem, &ok))
		return ok;
	return blockrecv(c, elem);
}

/*
 * Nothing there while it was open. closed is read last: as it was not set then,
 * the channel was open when nothing was seen in it, and a value that was sent
 * before the close is not missed.
 */
static inline bool norecv(go_chan *c)
{
	return !(c->cap ? load_acq(&c->count) != 0 : load_acq(&c->sendq) != NULL) &&
	       !load_acq(&c->closed);
}

bool go_chan_tryrecv(go_chan *c, void *elem, bool *ok)
{
	bool got, received;

	enter("go_chan_tryrecv");
	if (!c || norecv(c))
		return false;
	chanlock(c);
	got = runtime_chanrecv(c, elem, &received);
	if (!got)
		chanunlock(c);
	else if (ok)
		*ok = received;
	return got;
}

/* ---- close ---- */

/* Move all of a queue to the list at *tail, as not served. Returns the new tail. */
static struct sudog **takeall(struct sudog **q, struct sudog **tail, size_t zero)
{
	struct sudog *s;

	while ((s = dequeue(q))) {
		s->success = false;
		if (s->elem && zero)
			memset(s->elem, 0, zero);
		*tail = s;
		tail = &s->next;
	}
	return tail;
}

cold void go_chan_close(go_chan *c)
{
	struct sudog *list = NULL, **tail = &list, *next;

	enter("go_chan_close");
	if (unlikely(!c))
		go_panic("close of nil channel");
	chanlock(c);
	if (unlikely(c->closed)) {
		chanunlock(c);
		go_panic("close of closed channel");
	}
	store_rel(&c->closed, true);
	tail = takeall(&c->recvq, tail, c->elemsize);
	tail = takeall(&c->sendq, tail, 0);
	chanunlock(c);
	for (*tail = NULL; list; list = next) {
		next = list->next; /* readied, it may be gone */
		wake(list);
	}
}

/* ---- about a channel ---- */

size_t go_chan_len(go_chan *c)
{
	return c ? load_rlx(&c->count) : 0;
}

size_t go_chan_cap(go_chan *c)
{
	return c ? c->cap : 0;
}
