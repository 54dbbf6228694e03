/* SPDX-License-Identifier: MIT */
/*
 * waitgroup.c - go_waitgroup. _state is the counter above, the number of
 * waiters below, 32 bits each. The add that takes the counter to zero owns the
 * wait group while there are waiters, for each is bound to wait until it is let go;
 * without waiters it touches nothing any more. So the last waiter to return may
 * free the wait group.
 *
 * A waiter is counted first and queues after, once it is saved. _waiters is the queue,
 * the newest first, linked through the waiters' stacks; or, odd, how many (above Late)
 * are yet to queue though they were let go: those do not. It is 0 again when the last waiter
 * returns. (Go waits on a semaphore: that is four more locked operations on each side, and a lock
 * that other wait groups share.)
 */
#include "sched.h"

struct waiter {
	g *g;
	go_waitgroup *wg;
	struct waiter *next;
};

enum { Late = 1, LateShift = 1 };

static cold _Noreturn void reused(void)
{
	go_panic("sync: WaitGroup is reused before previous Wait has returned");
}

/* All n waiters are let go: those queued are returned, the oldest first, the others will see it. */
static struct waiter *letgo(go_waitgroup *wg, uint32_t n)
{
	struct waiter *first = NULL, *seen = NULL, *w;
	uintptr_t head = load_acq(&wg->_waiters);

	for (;;) {
		if (unlikely(head & Late))
			reused();
		for (w = (struct waiter *)head; w != seen; w = w->next)
			n--;
		seen = (struct waiter *)head;
		if (cas(&wg->_waiters, head, n ? (uintptr_t)n << LateShift | Late : 0))
			break;
		head = load_acq(&wg->_waiters);
	}
	while ((w = seen)) {
		seen = w->next;
		w->next = first;
		first = w;
	}
	return first;
}

static noinline void wake(go_waitgroup *wg, uint32_t n)
{
	struct waiter *w, *next;

	store_rlx(&wg->_state, UINT64_C(0)); /* letgo's cas releases it */
	for (w = letgo(wg, n); w; w = next) {
		next = w->next; /* readied, it may be gone */
		if (!runtime_gone(w->g))
			runtime_goready(w->g);
	}
}

static inline void add(go_waitgroup *wg, int delta)
{
	uint64_t now;
	uint32_t waiters;
	int32_t v;

	now = xadd(&wg->_state, (uint64_t)(int64_t)delta << 32);
	v = (int32_t)(now >> 32);
	waiters = (uint32_t)now;
	if (unlikely(v < 0))
		go_panic("sync: negative WaitGroup counter");
	if (likely(v > 0 && !waiters) || (v > 0 && delta <= 0))
		return;
	if (unlikely(waiters && delta > 0 && v == delta))
		go_panic("sync: WaitGroup misuse: Add called concurrently with Wait");
	if (v > 0 || !waiters)
		return;
	wake(wg, waiters);
}

void go_waitgroup_add(go_waitgroup *wg, int delta)
{
	runtime_need_g("go_waitgroup_add");
	add(wg, delta);
}

void go_waitgroup_done(go_waitgroup *wg)
{
	runtime_need_g("go_waitgroup_done");
	add(wg, -1);
}

/* gp's waiter is w, it is saved. False: it was let go already. */
static bool enqueue(g *gp, void *arg)
{
	struct waiter *w = arg;
	uintptr_t *q = &w->wg->_waiters, old, new;

	(void)gp;
	do {
		old = load_acq(q);
		w->next = (struct waiter *)old;
		new = old & Late ? old - (1 << LateShift) : (uintptr_t)w;
		if (new == Late)
			new = 0;
	} while (!cas(q, old, new));
	return !(old & Late);
}

void go_waitgroup_wait(go_waitgroup *wg)
{
	struct waiter w = {.g = runtime_need_g("go_waitgroup_wait"), .wg = wg};
	uint64_t old;

	do {
		old = load_acq(&wg->_state);
		if (old >> 32 == 0)
			return;
	} while (!cas(&wg->_state, old, old + 1));
	runtime_gopark(enqueue, &w, WaitWaitGroup);
}

struct task {
	go_waitgroup *wg;
	void (*fn)(void *);
	void *arg;
};

static void finished(void *wg)
{
	go_waitgroup_done(wg);
}

/* Done also when fn panics or ends the goroutine. */
static void runtask(void *arg)
{
	struct task *t = arg;

	go_defer(finished, t->wg);
	t->fn(t->arg);
}

void go_waitgroup_go(go_waitgroup *wg, void (*fn)(void *), void *arg)
{
	struct task t = {wg, fn, arg};

	runtime_need_g("go_waitgroup_go");
	if (!fn)
		go_panic("go of nil func value");
	go_waitgroup_add(wg, 1);
	runtime_spawncopy("go_waitgroup_go", runtask, &t, sizeof t,
			  (uintptr_t)__builtin_return_address(0));
}
