/* SPDX-License-Identifier: MIT */
/*
 * waitgroup.c - go_waitgroup. _state is the counter above, the number of
 * waiters below, 32 bits each. The change that takes the counter to zero takes
 * the waiters with it in one step; after it only the semaphore is touched, and
 * only as often as there are waiters bound to wait for it, so that the last
 * waiter may free the wait group.
 */
#include "runtime.h"

void go_waitgroup_add(go_waitgroup *wg, int delta)
{
	uint64_t old, new;
	uint32_t waiters;
	int64_t v;

	runtime_need_g("go_waitgroup_add");
	do {
		old = load_rlx(&wg->_state);
		waiters = (uint32_t)old;
		v = (int64_t)(int32_t)(old >> 32) + delta;
		if (v < 0)
			go_panic("sync: negative WaitGroup counter");
		if (v > INT32_MAX)
			go_panic("sync: WaitGroup counter overflow");
		if (waiters && delta > 0 && v == delta)
			go_panic("sync: WaitGroup misuse: Add called concurrently with Wait");
		new = v ? (uint64_t)v << 32 | waiters : 0;
	} while (!cas(&wg->_state, old, new));
	if (v == 0)
		while (waiters--)
			runtime_semrelease(&wg->_sema, false);
}

void go_waitgroup_done(go_waitgroup *wg)
{
	go_waitgroup_add(wg, -1);
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

static void runtask(void *arg)
{
	struct task *t = arg;

	t->fn(t->arg);
	go_waitgroup_done(t->wg);
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
