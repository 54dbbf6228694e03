/* SPDX-License-Identifier: MIT */
/*
 * chan.h - what chan.c and select.c share: the channel, its lock, its queues of
 * waiters. Private to those two.
 *
 * A channel's lock is its own word, not a mutex. It is held for some tens of
 * instructions, so unlock is a plain store and nobody ever has to be woken: a
 * waiter spins, then yields, then naps (for when the kernel took the CPU from
 * the holder). That halves the atomic read-modify-writes of a channel operation.
 * Where ps meet again and again they take turns of many operations (standback).
 *
 * With GOMAXPROCS=1 the lock is not taken at all: the p is the lock. All who
 * use channels hold a p - goroutines (enter), and timer callbacks on g0; sysmon
 * and the program's own threads do not - and nobody lets go of the p between
 * chanlock and chanunlock: nothing there parks, calls the system or can be
 * preempted (preemption happens in the program's text only, never in ours). A
 * park that carries the lock over the switch gives it back in the finish-switch,
 * before the m can lose the p. GOMAXPROCS changes with the world stopped, that
 * is when nobody holds a lock, so that a pair never sees two values. A p changes
 * hands by locks and compare-and-swaps, which order the two holders' accesses.
 * The debug build takes the lock all the same and throws when it is contended.
 *
 * chanunlock is the last touch of a channel in every operation, before the
 * waiter is readied: who was served may free the channel at once.
 */
#ifndef CHAN_H
#define CHAN_H

#include "sched.h"

#include <string.h>

/* One cache line, and the elements behind it. */
struct go_chan {
	uint32_t lock; /* 0 free, 1 held */
	bool closed;   /* under the lock, as all below; polled without it, too */
	size_t count;  /* elements in the buffer */
	size_t sendx;  /* where the next one goes */
	size_t recvx;  /* where the next one comes from */
	/* Parked senders and receivers, first come first served: rings, NULL when empty. */
	struct sudog *sendq, *recvq;
	/* These two never change. */
	size_t elemsize;
	size_t cap;
};

/* A goroutine parked in a select; on its stack. */
struct select {
	uint32_t done;	     /* atomic; 0 until a case or the timeout has won */
	g *g;
	struct sudog *fired; /* the winner, NULL for the timeout; the waker's until g is ready */
	struct sudog *waits; /* n of them, one for each case whose channel is not NULL, */
	size_t n;	     /* in lock order */
	int64_t when;	     /* timeout's, 0: none */
	struct timer timer;
};

enum { ChanHead = 64 };
_Static_assert(sizeof(struct go_chan) == ChanHead, "a channel is a cache line");

static inline char *chanbuf(go_chan *c, size_t i)
{
	return (char *)c + ChanHead + i * c->elemsize;
}

/* ---- lock ---- */

void runtime_chanlockslow(go_chan *c, bool more);

/* No other goroutine runs while this one holds the p: see above. The debug build checks it. */
static inline bool alone(void)
{
	return load_rlx(&runtime_gomaxprocs) == 1;
}

#if DEBUG
/* Channels rank together; select locks several, in the order of their addresses. */
static inline void chanrank(bool hold)
{
	uint64_t *held = &getg()->m->heldranks, bit = UINT64_C(1) << RankChan;

	if (*held & ~(bit | (bit - 1)))
		runtime_throw("channel locked under a lock of higher rank");
	*held = hold ? *held | bit : *held & ~bit;
}
#else
static inline void chanrank(bool hold) { (void)hold; }
#endif

/* more: while others are held, whose waiters are not to wait longer than need be. */
static inline void chanlockmore(go_chan *c, bool more)
{
	chanrank(true);
	if (runtime_alone())
		return;
	if (unlikely(!cas_acq(&c->lock, 0u, 1u))) {
		if (DEBUG && alone())
			runtime_throw("channel lock contended on one p");
		runtime_chanlockslow(c, more);
	}
}

static inline void chanlock(go_chan *c) { chanlockmore(c, false); }

/* Releases to the next chanlock. The first unlock of a select counts for all to chanrank. */
static inline void chanunlock(go_chan *c)
{
	chanrank(false);
	store_rel(&c->lock, 0);
}

/* ---- waiters; channel's lock held ---- */

static inline void enqueue(struct sudog **q, struct sudog *s)
{
	struct sudog *first = *q;

	if (likely(!first)) {
		s->next = s->prev = s;
		store_rlx(q, s);
		return;
	}
	s->next = first;
	s->prev = first->prev;
	first->prev->next = s;
	first->prev = s;
}

/* s is in q. After this s->next is NULL: on no queue. */
static inline void unqueue(struct sudog **q, struct sudog *s)
{
	struct sudog *next = s->next;

	if (likely(next == s)) {
		store_rlx(q, NULL);
	} else {
		next->prev = s->prev;
		s->prev->next = next;
		if (*q == s)
			store_rlx(q, next);
	}
	s->next = NULL;
}

/* Decide a select: true for one caller only, who must wake its goroutine. */
static inline bool claim(struct select *sel)
{
	return !load_rlx(&sel->done) && cas(&sel->done, 0u, 1u);
}

/*
 * Throw out selects that another case has won, and whom a fork left behind: is there a waiter left?
 * It may still be lost to another case.
 */
static inline bool waiting(struct sudog **q)
{
	struct sudog *s;

	while ((s = *q) && ((s->sel && load_rlx(&s->sel->done)) || runtime_gone(s->g)))
		unqueue(q, s);
	return s != NULL;
}

/* The first waiter, who is now the caller's to serve and wake; NULL: none. */
static inline struct sudog *dequeue(struct sudog **q)
{
	struct sudog *s;

	while ((s = *q)) {
		unqueue(q, s);
		if (likely(!runtime_gone(s->g)) && (likely(!s->sel) || claim(s->sel)))
			break;
	}
	return s;
}

/* ---- operations; chan.c ---- */

/*
 * One try with the lock held. True: done, and unlocked. False: it would block,
 * and the lock is still held.
 */
bool runtime_chansend(go_chan *c, const void *elem); /* panics on a closed channel */
bool runtime_chanrecv(go_chan *c, void *elem, bool *ok);
_Noreturn void runtime_chanclosed(void); /* the panic of a send */

/* ---- select.c ---- */

/* Take a decided select out of all queues but where s was. Before it is readied. */
void runtime_selectleave(struct select *sel, struct sudog *s);

#endif
