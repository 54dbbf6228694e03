/* SPDX-License-Identifier: MIT */
/*
 * cond.c - go_cond, with the tickets of Go's notifyList.
 *
 * wait draws a ticket (_wait) before it unlocks the mutex, and queues after;
 * signal calls the next number (_notify). So a wait that began before a signal
 * is woken before one that began after it, though they may queue in another
 * order; one whose number was called before it queued does not queue. Tickets
 * wrap, and are compared by their distance.
 *
 * _lock guards _notify and the queue; both numbers are read without it by signals
 * that have nobody to wake. The queue's nodes are on the waiters' stacks. A waker
 * has unlocked before it readies, and does not touch the go_cond after.
 */
#include "sched.h"

struct waiter {
	g *g;
	struct waiter *next;
	uint32_t ticket;
};

_Static_assert(sizeof(mutex) <= sizeof ((go_cond *)0)->_lock, "a lock fits");

static inline mutex *lockof(go_cond *c)
{
	return (mutex *)c->_lock; /* of no rank: nothing else is locked under it */
}

static bool unlockcond(g *gp, void *lock)
{
	(void)gp;
	runtime_unlock(lock);
	return true;
}

/* Until ticket is called. */
static void await(go_cond *c, uint32_t ticket)
{
	struct waiter w = {.g = getg(), .ticket = ticket}, *last;

	runtime_lock(lockof(c));
	if ((int32_t)(ticket - c->_notify) < 0) {
		runtime_unlock(lockof(c));
		return;
	}
	last = c->_last;
	*(last ? (void **)&last->next : &c->_first) = &w;
	c->_last = &w;
	runtime_gopark(unlockcond, lockof(c), WaitCond);
}

void go_cond_wait(go_cond *c, go_mutex *m)
{
	uint32_t ticket;

	runtime_need_g("go_cond_wait");
	ticket = xadd(&c->_wait, 1) - 1;
	go_mutex_unlock(m);
	await(c, ticket);
	go_mutex_lock(m);
}

/* The waiter with this ticket, taken out; NULL: it has not queued yet. Locked. */
static struct waiter *take(go_cond *c, uint32_t ticket)
{
	struct waiter *prev = NULL, *w = c->_first;

	for (; w && w->ticket != ticket; w = w->next)
		prev = w;
	if (!w)
		return NULL;
	if (prev)
		prev->next = w->next;
	else
		c->_first = w->next;
	if (c->_last == w)
		c->_last = prev;
	return w;
}

/* Everybody who waits has been called. */
static bool nobody(go_cond *c)
{
	return load(&c->_wait) == load(&c->_notify);
}

void go_cond_signal(go_cond *c)
{
	struct waiter *w = NULL;

	runtime_need_g("go_cond_signal");
	if (nobody(c))
		return;
	runtime_lock(lockof(c));
	while (!nobody(c) && (!w || runtime_gone(w->g))) {
		w = take(c, c->_notify);
		store(&c->_notify, c->_notify + 1);
		if (!w)
			break;
	}
	runtime_unlock(lockof(c));
	if (w && !runtime_gone(w->g))
		runtime_goready(w->g);
}

void go_cond_broadcast(go_cond *c)
{
	struct waiter *w, *next;

	runtime_need_g("go_cond_broadcast");
	if (nobody(c))
		return;
	runtime_lock(lockof(c));
	w = c->_first;
	c->_first = c->_last = NULL;
	store(&c->_notify, load(&c->_wait));
	runtime_unlock(lockof(c));
	for (; w; w = next) {
		next = w->next; /* readied, it may be gone */
		if (!runtime_gone(w->g))
			runtime_ready(w->g, false);
	}
}
