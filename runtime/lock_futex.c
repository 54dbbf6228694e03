/* SPDX-License-Identifier: MIT */
/*
 * lock_futex.c - the runtime's own lock and one-shot note, on futexes.
 *
 * A lock guards a short section that does not park; it blocks the m. A waiter
 * spins a little when another CPU can make progress, then marks the lock as
 * slept on (2) and sleeps; an unlock that finds 2 wakes one. unlock's exchange
 * releases what lock's compare-and-swap acquires. The unlocked word may be
 * freed by the next holder at once: the wake uses its address only.
 *
 * In the debug build every lock has a rank and an m takes locks in rising rank
 * (two of the same rank never); the table is enum lockrank in runtime.h.
 */
#include "runtime.h"

enum { Unlocked, Locked, Sleeping };
enum { ActiveSpin = 4, ActiveSpinCount = 30, PassiveSpin = 1 };

void runtime_lockinit(mutex *l, enum lockrank rank)
{
	l->key = Unlocked;
#if DEBUG
	l->rank = rank;
#else
	(void)rank;
#endif
}

#if DEBUG
static void rankacquire(mutex *l)
{
	g *gp = getg();
	uint64_t bit = UINT64_C(1) << l->rank;

	if (!gp || !gp->m || l->rank == RankNone)
		return;
	if (gp->m->heldranks >= bit) {
		runtime_print("runtime: lock of rank %d while holding %#lx\n", l->rank,
			      (unsigned long)gp->m->heldranks);
		runtime_throw("lock order violated");
	}
	gp->m->heldranks |= bit;
}

static void rankrelease(mutex *l)
{
	g *gp = getg();

	if (gp && gp->m && l->rank != RankNone)
		gp->m->heldranks &= ~(UINT64_C(1) << l->rank);
}
#else
static inline void rankacquire(mutex *l) { (void)l; }
static inline void rankrelease(mutex *l) { (void)l; }
#endif

static bool spin(mutex *l)
{
	int n = runtime_ncpu > 1 ? ActiveSpin : 0;

	for (int i = 0; i < n; i++) {
		if (load_rlx(&l->key) == Unlocked && cas_acq(&l->key, Unlocked, Locked))
			return true;
		for (int k = 0; k < ActiveSpinCount; k++)
			procyield();
	}
	for (int i = 0; i < PassiveSpin; i++) {
		if (load_rlx(&l->key) == Unlocked && cas_acq(&l->key, Unlocked, Locked))
			return true;
		runtime_osyield();
	}
	return false;
}

static noinline void contended(mutex *l)
{
	if (spin(l))
		return;
	while (xchg(&l->key, Sleeping) != Unlocked)
		runtime_futexsleep(&l->key, Sleeping, -1);
}

void runtime_lock(mutex *l)
{
	rankacquire(l);
	if (unlikely(!cas_acq(&l->key, Unlocked, Locked)))
		contended(l);
}

void runtime_unlock(mutex *l)
{
	rankrelease(l);
	switch (__atomic_exchange_n(&l->key, Unlocked, __ATOMIC_RELEASE)) {
	case Unlocked:
		runtime_throw("unlock of an unlocked lock");
	case Sleeping:
		runtime_futexwakeup(&l->key, 1);
	}
}

void runtime_noteclear(note *n)
{
	store_rlx(&n->key, 0);
}

/* Releases what came before to the sleeper. */
void runtime_notewakeup(note *n)
{
	if (xchg(&n->key, 1) != 0)
		runtime_throw("double wakeup of a note");
	runtime_futexwakeup(&n->key, 1);
}

void runtime_notesleep(note *n)
{
	while (load_acq(&n->key) == 0)
		runtime_futexsleep(&n->key, 0, -1);
}

bool runtime_notetsleep(note *n, int64_t ns)
{
	int64_t deadline;

	if (ns < 0) {
		runtime_notesleep(n);
		return true;
	}
	deadline = runtime_nanotime() + ns;
	while (load_acq(&n->key) == 0) {
		if (ns <= 0)
			return false;
		runtime_futexsleep(&n->key, 0, ns);
		ns = deadline - runtime_nanotime();
	}
	return true;
}
