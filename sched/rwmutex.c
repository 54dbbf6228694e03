/* SPDX-License-Identifier: MIT */
/*
 * rwmutex.c - go_rwmutex, with the rules of Go's sync.RWMutex.
 *
 * _state holds all that must change at once: below, what go_mutex has, for the
 * writers among themselves (Locked, Woken, Starving, the number of waiters);
 * above, the number of readers. Locked means that a writer is in, or will be
 * as soon as the readers that were in are out (it drains): who comes to read
 * then is counted already, but waits for its token of _rsema.
 *
 *   rlock     readers++; Locked? then wait for a token of _rsema
 *   runlock   readers--; Locked? then _drain--, and at 0 a token for _dsema
 *   lock      Locked, with r readers at that moment: _drain += r, and unless
 *             that is 0 wait for the token of _dsema
 *   unlock    not Locked: the readers of that moment have waited since, a token for each
 *
 * _drain may fall below zero before the writer adds to it; the one that makes it 0
 * knows that the other has been there.
 *
 * Unlike Go's, which has a mutex and two counters, unlock changes one word
 * once: the rwmutex may be freed as soon as somebody else could lock it, so
 * nothing is touched after that unless a counted waiter is bound to wait for its
 * token until we have given it. The same holds for runlock.
 */
#include "sched.h"

#define Reader (UINT64_C(1) << 32)

enum { Locked = 1, Woken = 2, Starving = 4, Shift = 3, StarveNs = 1000 * 1000 };

static inline uint32_t readers(uint64_t state)
{
	return (uint32_t)(state >> 32);
}

static inline uint32_t waiters(uint64_t state)
{
	return (uint32_t)state >> Shift;
}

/* ---- readers ---- */

void go_rwmutex_rlock(go_rwmutex *rw)
{
	runtime_need_g("go_rwmutex_rlock");
	if (unlikely(xadd(&rw->_state, Reader) & Locked))
		runtime_semacquire(&rw->_rsema, false, WaitRWMutexR);
}

bool go_rwmutex_tryrlock(go_rwmutex *rw)
{
	uint64_t old;

	runtime_need_g("go_rwmutex_tryrlock");
	do {
		old = load_rlx(&rw->_state);
		if (old & Locked)
			return false;
	} while (!cas_acq(&rw->_state, old, old + Reader));
	return true;
}

static noinline void runlockslow(go_rwmutex *rw, uint64_t now)
{
	if ((int32_t)readers(now) < 0)
		runtime_fatal("sync: RUnlock of unlocked RWMutex");
	if (xadd(&rw->_drain, UINT32_MAX) == 0)
		runtime_semrelease(&rw->_dsema, false);
}

void go_rwmutex_runlock(go_rwmutex *rw)
{
	uint64_t now;

	runtime_need_g("go_rwmutex_runlock");
	now = xadd(&rw->_state, -Reader);
	if (unlikely((now & Locked) || (int32_t)readers(now) < 0))
		runlockslow(rw, now);
}

/* ---- writers; mutex.c has the same for its word, and says why ---- */

/* What an attempt with this state seen would make of it. */
static uint64_t attempt(uint64_t old, bool starving, bool awoke)
{
	uint64_t new = old;

	if (!(old & Starving))
		new |= Locked;
	if (old & (Locked | Starving))
		new += 1 << Shift;
	if (starving && (old & Locked))
		new |= Starving;
	if (awoke)
		new &= ~(uint64_t)Woken;
	return new;
}

/* In starvation mode the lock was handed to us: note it, and end the mode if it may end. The new state. */
static uint64_t takehandoff(go_rwmutex *rw, uint64_t old, bool starving)
{
	uint64_t delta = (uint64_t)Locked - (1 << Shift);

	if (!starving || waiters(old) == 1)
		delta -= Starving;
	return xadd(&rw->_state, delta);
}

/* Become the one writer. The state at that moment, with the readers that were in. */
static uint64_t claim(go_rwmutex *rw)
{
	bool starving = false, awoke = false, lifo;
	int64_t waitstart = 0;

	for (;;) {
		uint64_t old = load_rlx(&rw->_state);

		if (!cas(&rw->_state, old, attempt(old, starving, awoke)))
			continue;
		if (!(old & (Locked | Starving)))
			return old;
		lifo = waitstart != 0;
		if (!lifo)
			waitstart = runtime_nanotime();
		runtime_semacquire(&rw->_wsema, lifo, WaitRWMutexW);
		starving = starving || runtime_nanotime() - waitstart > StarveNs;
		old = load_rlx(&rw->_state);
		if (old & Starving)
			return takehandoff(rw, old, starving);
		awoke = true;
	}
}

static noinline void wlockslow(go_rwmutex *rw)
{
	uint32_t r = readers(claim(rw));

	if (r && xadd(&rw->_drain, r) != 0)
		runtime_semacquire(&rw->_dsema, false, WaitRWMutexW);
}

void go_rwmutex_lock(go_rwmutex *rw)
{
	runtime_need_g("go_rwmutex_lock");
	if (unlikely(!cas_acq(&rw->_state, UINT64_C(0), Locked)))
		wlockslow(rw);
}

bool go_rwmutex_trylock(go_rwmutex *rw)
{
	uint64_t old = load_rlx(&rw->_state);

	runtime_need_g("go_rwmutex_trylock");
	return !(old & (Locked | Starving)) && !readers(old) &&
	       cas_acq(&rw->_state, old, old | Locked);
}

static noinline void wunlockslow(go_rwmutex *rw)
{
	uint64_t old, new;
	bool wake;

	do {
		old = load_rlx(&rw->_state);
		if (!(old & Locked))
			runtime_fatal("sync: Unlock of unlocked RWMutex");
		new = old & ~(uint64_t)Locked;
		wake = waiters(old) && !(old & (Woken | Starving));
		if (wake)
			new = (new - (1 << Shift)) | Woken;
	} while (!cas(&rw->_state, old, new));
	for (uint32_t r = readers(old); r > 0; r--)
		runtime_semrelease(&rw->_rsema, false);
	if (wake || (old & Starving))
		runtime_semrelease(&rw->_wsema, old & Starving);
}

void go_rwmutex_unlock(go_rwmutex *rw)
{
	runtime_need_g("go_rwmutex_unlock");
	if (unlikely(!cas_rel(&rw->_state, Locked, UINT64_C(0))))
		wunlockslow(rw);
}
