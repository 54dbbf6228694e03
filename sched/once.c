/* SPDX-License-Identifier: MIT */
/*
 * once.c - go_once. _state is 0, then Running with the number of those who wait
 * above it, then Done. Unlike Go's, which has a flag and a mutex, it changes to
 * Done in one step: who sees that may free the go_once, so nothing is touched after
 * it but for those who wait, each bound to wait for its token of _sema.
 */
#include "sched.h"

enum { Running = 1, Done = 2, Waiter = 4 };

/* fn returned, or is left by a panic or go_exit. */
static void finish(void *arg)
{
	go_once *once = arg;
	uint32_t waiters = xchg(&once->_state, Done) / Waiter;

	while (waiters-- > 0)
		runtime_semrelease(&once->_sema, false);
}

static void first(go_once *once, void (*fn)(void *), void *arg)
{
	go_defer(finish, once);
	fn(arg);
}

static noinline void doslow(go_once *once, void (*fn)(void *), void *arg)
{
	uint32_t old;

	if (cas(&once->_state, 0u, Running)) {
		first(once, fn, arg);
		return;
	}
	do {
		old = load_acq(&once->_state);
		if (old == Done)
			return;
	} while (!cas(&once->_state, old, old + Waiter));
	runtime_semacquire(&once->_sema, false, WaitMutex); /* as Go's dumps have it */
}

void go_once_do(go_once *once, void (*fn)(void *), void *arg)
{
	runtime_need_g("go_once_do");
	if (unlikely(load_acq(&once->_state) != Done))
		doslow(once, fn, arg);
}
