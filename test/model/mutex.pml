/* SPDX-License-Identifier: MIT */
/*
 * mutex.pml - go_mutex with several ps (sched/mutex.c's head): one holder at a time,
 * nobody waits for a mutex that nobody holds, and nobody touches one that the last
 * to leave it has freed.
 *
 * N goroutines take it TURNS times each. Who is the last to get it frees it after
 * its unlock. Every access to _state is a step. The semaphore is a count, and its
 * sleepers are woken in any order: sched/sema.c says why none is missed. Time is a coin:
 * whether to spin, and whether one has waited for long.
 *
 * ASGO has unlock free the mutex by counting Locked off, as Go's does, and look again
 * at what is left; NOCONTENDED queues without telling the holder; KEEPWOKEN forgets to
 * take Woken back; NOWAKE counts on the woken one where there is none; NEVERHELD has who
 * takes it leave it to those behind to tell that somebody is to be woken.
 *
 * check: -DN=2 -DTURNS=3
 * check: -DN=3 -DTURNS=1
 * check: -DN=3 -DTURNS=2
 * long: -DN=4 -DTURNS=1
 * break: -DN=2 -DTURNS=3 -DASGO
 * break: -DN=3 -DTURNS=1 -DNOCONTENDED
 * break: -DN=3 -DTURNS=2 -DKEEPWOKEN
 * break: -DN=3 -DTURNS=1 -DNOWAKE
 * break: -DN=3 -DTURNS=2 -DNEVERHELD
 */
#define Locked 1
#define Contended 2
#define Held 3
#define Woken 4
#define Starving 8
#define Waiter 16

int state, sema;
byte inside, got;
bit freed;

#define mayhave(s) (((s) & (Held | Starving)) == 0)	/* sched/mutex.c:mayhave `!(state & (Held | Starving))` */
#define mustwake(s) ((s) >= Waiter && ((s) & Woken) == 0)

/* sched/mutex.c:taken `return old | (old && !(old & Woken) ? Held : Locked)` */
#ifdef NEVERHELD
#define taken(s) ((s) | Locked)
#else
#define taken(s) ((s) | (((s) != 0 && ((s) & Woken) == 0) -> Held : Locked))
#endif

inline touch()
{
	assert(!freed)
}

/* One step; ok tells whether it was done. */
inline cas(old, new)
{
	atomic {
		touch();
		ok = (state == old);
		if
		:: ok -> state = new
		:: else
		fi
	}
}

/* sched/mutex.c:attempt */
inline attempt(old)
{
	rest = (awoke -> old & ~Woken : old);
#ifdef KEEPWOKEN
	rest = old;
#endif
	if
	:: mayhave(old) -> new = taken(rest)
	:: else ->
		if
#ifdef NOCONTENDED
		:: old & Held -> rest = rest | (starving -> Starving : 0)
#else
		:: old & Held -> rest = rest | Contended | (starving -> Starving : 0)
#endif
		:: else
		fi;
		new = rest + Waiter	/* `return rest + (1 << Shift)` */
	fi
}

/* sched/mutex.c:lockslow */
inline lockslow()
{
	starving = 0;
	awoke = 0;
	do
	:: atomic { touch(); old = state };
		if
		:: (old & Held) && !(old & Starving) && !awoke && !(old & Woken) && old >= Waiter ->
			cas(old, old | Woken);	/* `cas(&m->_state, old, old | Woken)` */
			if
			:: ok -> awoke = 1
			:: else
			fi
		:: d_step { attempt(old) };
			cas(old, new);		/* `if (!cas(&m->_state, old, attempt(old, starving, awoke)))` */
			if
			:: !ok
			:: ok && mayhave(old) -> break
			:: ok && !mayhave(old) ->
				atomic { sema > 0 -> touch(); sema-- };	/* `runtime_semacquire(&m->_sema, lifo, WaitMutex)` */
				if
				:: starving = 1
				:: skip
				fi;
				atomic { touch(); old = state };
				if
				:: old & Starving ->
					atomic {	/* sched/mutex.c:takehandoff `xadd(&m->_state, (int32_t)delta)` */
						touch();
						assert((state & Held) == 0 && state >= Waiter);
						state = state + Held - Waiter;
						if
						:: !starving || old / Waiter == 1 -> state = state - Starving
						:: else
						fi
					};
					break
				:: else -> awoke = 1
				fi
			fi
		fi
	od
}

/* sched/mutex.c:unlockslow */
inline unlockslow()
{
	do
	:: atomic { touch(); old = state };
		assert((old & Locked) == 0);
		new = old & ~Held;		/* `new = old & ~Held` */
		if
		:: !(old & Starving) && mustwake(old) -> new = (new - Waiter) | Woken	/* `new = (new - (1 << Shift)) | Woken` */
		:: else
		fi;
		cas(old, new);			/* `while (!cas(&m->_state, old, new))` */
		if
		:: ok -> break
		:: else
		fi
	od;
#ifdef NOWAKE
	if
	:: old & Starving -> atomic { touch(); sema++ }
	:: else
	fi
#else
	if
	:: (old & Starving) || mustwake(old) -> atomic { touch(); sema++ }	/* `runtime_semrelease(&m->_sema, old & Starving)` */
	:: else
	fi
#endif
}

/* Go's unlockSlow: free already, and looks once more. */
inline unlockasgo()
{
	do
	:: atomic { touch(); old = state };
		if
		:: old & Starving -> atomic { touch(); sema++ }; break
		:: !(old & Starving) && (old < Waiter || (old & (Locked | Contended | Woken))) -> break
		:: else ->
			cas(old, (old - Waiter) | Woken);
			if
			:: ok -> atomic { touch(); sema++ }; break
			:: else
			fi
		fi
	od
}

active [N] proctype G()
{
	int old, new, rest;
	bool ok, awoke, starving, last;
	byte turn;

	for (turn : 1 .. TURNS) {
		cas(0, Locked);			/* sched/mutex.c:trytake `return cas(&m->_state, 0, Locked)` */
		if
		:: !ok -> lockslow()		/* sched/mutex.c:lockmore */
		:: else
		fi;

		inside++;
		assert(inside == 1);
		got++;
		last = (got == N * TURNS);
		inside--;

		atomic {			/* sched/mutex.c:go_mutex_unlock `xadd(&m->_state, -Locked) < 0` */
			touch();
			assert(state & Locked);
#ifdef ASGO
			state = state - (state & Held);
			ok = (state == 0)
#else
			state = state - Locked;
			ok = ((state & Contended) == 0)
#endif
		};
		if				/* Contended is the sign there */
#ifdef ASGO
		:: !ok -> unlockasgo()
#else
		:: !ok -> unlockslow()
#endif
		:: else
		fi;
	}
	if
	:: last -> freed = 1
	:: else
	fi
}
