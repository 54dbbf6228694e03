/* SPDX-License-Identifier: MIT */
/*
 * mutex.c - go_mutex, with the rules of Go's sync.Mutex.
 *
 * _state is who holds it, Woken, Starving and above them the number of waiters. In
 * normal mode a woken waiter competes with those that come by and are running
 * already, who mostly win; it queues at the head when it loses. One that has
 * waited for a millisecond switches the mutex to starvation mode: then unlock
 * hands it over to the first waiter and newcomers queue, until the last waiter
 * or one that waited less gets it.
 *
 * Who takes a mutex that nobody waits for, or one whose next waiter is awake, sets Locked
 * alone. If unlock will have somebody to wake, Contended is set besides: by who takes
 * the mutex, or by who queues behind, the woken one that lost too. Unlock counts Locked
 * off, which costs less than a cas: the mutex is free by that, unless Contended is left,
 * the sign, which the processor tells for nothing; then it is held until unlockslow has
 * chosen whom to wake. Unlike in Go it so becomes free by one change: a mutex may be
 * freed as soon as somebody else could take it, and nothing may be touched after that
 * unless a counted waiter is bound to wait for our semaphore.
 *
 * Counted off though it was not there, Locked borrows from the bits above: Broken is set
 * then, and whoever looks next reports it, who unlocks or the waiter that is awake.
 */
#include "sched.h"

enum { Locked = 1, Broken = 2, Woken = 4, Starving = 8, Shift = 4, Contended = INT32_MIN };
enum { Held = Locked | Contended };
enum { StarveNs = 1000 * 1000 };
enum { ActiveSpin = 4, SpinCount = 30 };

static int32_t look(const go_mutex *m)
{
	int32_t state = load_rlx(&m->_state);

	if (unlikely(state & Broken))
		runtime_fatal("sync: unlock of unlocked mutex");
	return state;
}

static inline int32_t waiters(int32_t state)
{
	return (state & ~Contended) >> Shift;
}

/* Spinning helps when the holder runs on another CPU and we keep no one from ours. */
static bool canspin(int iter)
{
	struct sched *s = &runtime_sched;

	return iter < ActiveSpin && runtime_ncpu > 1 && runtime_gomaxprocs > 1 &&
	       (int32_t)(load_rlx(&s->npidle) + load_rlx(&s->nmspinning)) + 1 <
		       runtime_gomaxprocs &&
	       runtime_runqempty(getg()->m->p);
}

static void spin(void)
{
	for (int i = 0; i < SpinCount; i++)
		procyield();
}

/* Whether one that comes by may take it. */
static inline bool mayhave(int32_t state)
{
	return !(state & (Held | Starving));
}

/* The state once it is taken. */
static inline int32_t taken(int32_t old)
{
	return old | (old && !(old & Woken) ? Held : Locked);
}

/* What an attempt with this state seen would make of it. */
static int32_t attempt(int32_t old, bool starving, bool awoke)
{
	int32_t rest = awoke ? old & ~Woken : old;

	if (mayhave(old))
		return taken(rest);
	if (old & Held)
		rest |= Contended | (starving ? Starving : 0);
	return rest + (1 << Shift);
}

/* In starvation mode the mutex was handed to us: note it, and end the mode if it may end. */
static void takehandoff(go_mutex *m, int32_t old, bool starving)
{
	uint32_t delta = (uint32_t)Held - (1 << Shift);

	if (!starving || waiters(old) == 1)
		delta -= Starving;
	xadd(&m->_state, (int32_t)delta);
}

static noinline void lockslow(go_mutex *m)
{
	int64_t waitstart = 0;
	bool starving = false, awoke = false;
	int iter = 0;

	for (;;) {
		int32_t old = look(m);
		bool lifo;

		if (old & Held && !(old & Starving) && canspin(iter)) {
			if (!awoke && !(old & Woken) && waiters(old) &&
			    cas(&m->_state, old, old | Woken))
				awoke = true;
			spin();
			iter++;
			continue;
		}
		if (!cas(&m->_state, old, attempt(old, starving, awoke)))
			continue;
		if (mayhave(old))
			return;
		lifo = waitstart != 0;
		if (!lifo)
			waitstart = runtime_nanotime();
		runtime_semacquire(&m->_sema, lifo, WaitMutex);
		starving = starving || runtime_nanotime() - waitstart > StarveNs;
		old = look(m);
		if (old & Starving) {
			takehandoff(m, old, starving);
			return;
		}
		awoke = true;
		iter = 0;
	}
}

/* It is not just free. */
static noinline void lockmore(go_mutex *m)
{
	int32_t old = load_rlx(&m->_state);

	if (runtime_alone() && mayhave(old))
		store_rlx(&m->_state, taken(old));
	else
		lockslow(m);
}

/* 0 to Locked, if it is 0. */
static inline bool trytake(go_mutex *m)
{
	if (runtime_alone()) {
		if (unlikely(load_rlx(&m->_state) != 0))
			return false;
		store_rlx(&m->_state, Locked);
		return true;
	}
	return cas(&m->_state, 0, Locked);
}

void go_mutex_lock(go_mutex *m)
{
	runtime_need_g("go_mutex_lock");
	if (unlikely(!trytake(m)))
		lockmore(m);
}

bool go_mutex_trylock(go_mutex *m)
{
	int32_t old = load_rlx(&m->_state);

	runtime_need_g("go_mutex_trylock");
	return mayhave(old) && cas_acq(&m->_state, old, taken(old));
}

/* Somebody waits, and nobody is on the way to it yet. */
static inline bool mustwake(int32_t state)
{
	return waiters(state) && !(state & Woken);
}

/* Held by us, and somebody is to be woken or was when Contended was set; or unlocked once too often. */
static noinline void unlockslow(go_mutex *m)
{
	int32_t old, new;

	do {
		old = look(m);
		new = old & ~Held;
		if (!(old & Starving) && mustwake(old))
			new = (new - (1 << Shift)) | Woken;
	} while (!cas(&m->_state, old, new));
	if (old & Starving || mustwake(old))
		runtime_semrelease(&m->_sema, old & Starving);
}

/* With one p. */
static noinline void unlockalone(go_mutex *m)
{
	int32_t old = load_rlx(&m->_state);

	if (!(old & Locked))
		runtime_fatal("sync: unlock of unlocked mutex");
	if (old & Starving || mustwake(old))
		unlockslow(m);
	else
		store_rlx(&m->_state, old & ~Held);
}

void go_mutex_unlock(go_mutex *m)
{
	runtime_need_g("go_mutex_unlock");
	if (runtime_alone()) {
		if (unlikely(load_rlx(&m->_state) != Locked))
			unlockalone(m);
		else
			store_rlx(&m->_state, 0);
	} else if (unlikely(xadd(&m->_state, -Locked) < 0)) {
		unlockslow(m);
	}
}
