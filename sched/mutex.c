/* SPDX-License-Identifier: MIT */
/*
 * mutex.c - go_mutex, with the rules of Go's sync.Mutex.
 *
 * _state is Locked, Woken, Starving and above them the number of waiters. In
 * normal mode a woken waiter competes with those that come by and are running
 * already, who mostly win; it queues at the head when it loses. One that has
 * waited for a millisecond switches the mutex to starvation mode: then unlock
 * hands it over to the first waiter and newcomers queue, until the last waiter
 * or one that waited less gets it.
 *
 * Unlike Go's, unlock changes _state once: a mutex may be freed as soon as
 * somebody else could take it, so nothing may be touched after that unless a
 * counted waiter is bound to wait for our semaphore.
 */
#include "sched.h"

enum { Locked = 1, Woken = 2, Starving = 4, Shift = 3, StarveNs = 1000 * 1000 };
enum { ActiveSpin = 4, SpinCount = 30 };

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

/* What an attempt with this state seen would make of it. */
static int32_t attempt(int32_t old, bool starving, bool awoke)
{
	int32_t new = old;

	if (!(old & Starving))
		new |= Locked;
	if (old & (Locked | Starving))
		new += 1 << Shift;
	if (starving && (old & Locked))
		new |= Starving;
	if (awoke)
		new &= ~Woken;
	return new;
}

/* In starvation mode the mutex was handed to us: note it, and end the mode if it may end. */
static void takehandoff(go_mutex *m, int32_t old, bool starving)
{
	int32_t delta = Locked - (1 << Shift);

	if (!starving || old >> Shift == 1)
		delta -= Starving;
	xadd(&m->_state, delta);
}

static noinline void lockslow(go_mutex *m)
{
	int64_t waitstart = 0;
	bool starving = false, awoke = false;
	int iter = 0;

	for (;;) {
		int32_t old = load_rlx(&m->_state);
		bool lifo;

		if ((old & (Locked | Starving)) == Locked && canspin(iter)) {
			if (!awoke && !(old & Woken) && old >> Shift &&
			    cas(&m->_state, old, old | Woken))
				awoke = true;
			spin();
			iter++;
			continue;
		}
		if (!cas(&m->_state, old, attempt(old, starving, awoke)))
			continue;
		if (!(old & (Locked | Starving)))
			return;
		lifo = waitstart != 0;
		if (!lifo)
			waitstart = runtime_nanotime();
		runtime_semacquire(&m->_sema, lifo, WaitMutex);
		starving = starving || runtime_nanotime() - waitstart > StarveNs;
		old = load_rlx(&m->_state);
		if (old & Starving) {
			takehandoff(m, old, starving);
			return;
		}
		awoke = true;
		iter = 0;
	}
}

/* 0 to Locked, or back, if it can be done at once. */
static inline bool swap(go_mutex *m, int32_t from, int32_t to)
{
	if (runtime_alone()) {
		if (unlikely(load_rlx(&m->_state) != from))
			return false;
		store_rlx(&m->_state, to);
		return true;
	}
	return cas(&m->_state, from, to);
}

void go_mutex_lock(go_mutex *m)
{
	runtime_need_g("go_mutex_lock");
	if (unlikely(!swap(m, 0, Locked)))
		lockslow(m);
}

bool go_mutex_trylock(go_mutex *m)
{
	int32_t old = load_rlx(&m->_state);

	runtime_need_g("go_mutex_trylock");
	return !(old & (Locked | Starving)) && cas_acq(&m->_state, old, old | Locked);
}

static noinline void unlockslow(go_mutex *m)
{
	for (;;) {
		int32_t old = load_rlx(&m->_state), new = old & ~Locked;
		bool wake = old >> Shift && !(old & Woken);

		if (!(old & Locked))
			runtime_fatal("sync: unlock of unlocked mutex");
		if (old & Starving) {
			if (!cas(&m->_state, old, new))
				continue;
			runtime_semrelease(&m->_sema, true);
			return;
		}
		if (wake)
			new = (new - (1 << Shift)) | Woken;
		if (!cas(&m->_state, old, new))
			continue;
		if (wake)
			runtime_semrelease(&m->_sema, false);
		return;
	}
}

void go_mutex_unlock(go_mutex *m)
{
	runtime_need_g("go_mutex_unlock");
	if (unlikely(!swap(m, Locked, 0)))
		unlockslow(m);
}
