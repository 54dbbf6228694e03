/* SPDX-License-Identifier: MIT */
/*
 * waitgroup.c - go_waitgroup. _state is the counter above, the number of
 * waiters below, 32 bits each. The add that takes the counter to zero owns the
 * wait group while there are waiters, for each is bound to wait for its token
 * of the semaphore; without waiters it touches nothing any more. So the last
 * waiter to return may free the wait group.
 */
#include "sched.h"

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
	store(&wg->_state, UINT64_C(0)); /* the waiters cannot go before they have their tokens */
	while (waiters--)
		runtime_semrelease(&wg->_sema, false);
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

void go_waitgroup_wait(go_waitgroup *wg)
{
	uint64_t old;

	runtime_need_g("go_waitgroup_wait");
	do {
		old = load_acq(&wg->_state);
		if (old >> 32 == 0)
			return;
	} while (!cas(&wg->_state, old, old + 1));
	runtime_semacquire(&wg->_sema, false, WaitWaitGroup);
}

struct task {
	go_waitgroup *wg;
	void (*fn)(void *);
	void *arg;
};

static void done(void *wg)
{
	go_waitgroup_done(wg);
}

/* Done also when fn panics or ends the goroutine. */
static void runtask(void *arg)
{
	struct task *t = arg;

	go_defer(done, t->wg);
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
