/* SPDX-License-Identifier: MIT */
/*
 * park.pml - the finish-switch protocol (sched/proc.c's head): a g is never run
 * before it is saved, never on two ms at once, never lost.
 *
 * NM ms, each with its p, run four goroutines:
 *   0  waits twice for a token under a lock; parks with unlockf giving the lock
 *      back (sched/sema.c:unlockroot, sched/chan.c:unlockchan)
 *   1  waits for a flag without a lock; its unlockf compares and swaps itself in, and
 *      returns false when the flag came first. No caller of gopark does that
 *      today, but its contract allows it
 *   2  gives the tokens and sets the flag, yielding in between, and ends
 *   3  made by 0 on the stack of a g that is free; it ends at once
 *
 * A ready g is in a runq; taking it out is one step, as is the lock.
 * saved: sched.sp is where the g is to go on. on: how many stack pointers are on
 * its stack. What a stopping g's m does before and after it has changed stacks is
 * a step each, and any other m may do any of its own in between.
 *
 * EARLY finishes before the switch, LOSE forgets a g whose unlockf returned false,
 * FREEFIRST frees the stack of a g that ends before it is left.
 *
 * check:
 * long: -DNM=3
 * break: -DEARLY
 * break: -DLOSE
 * break: -DFREEFIRST
 */
#ifndef NM
#define NM 2
#endif
#define NG 4
#define NONE 9

mtype = { Gdead, Gwaiting, Grunnable, Grunning };
mtype = { FinishPark, FinishYield, FinishExit };
mtype = { Unlock, Commit };

mtype status[NG] = Gdead;
bit saved[NG];
byte on[NG];
byte pc[NG];
byte gm[NG] = NONE;		/* g->m */
bit isfree[NG];			/* on a free list; one for all */
byte ended;

chan runq[3] = [NG] of { byte };
chan globq = [NG] of { byte };

bit lock;			/* of the token */
byte token;
byte waiter = NONE;
byte slot = NONE;		/* g1's: NONE, READY, or g1 */
#define READY 8

inline acquire() { atomic { !lock -> lock = 1 } }
inline release() { assert(lock); lock = 0 }

/* sched/schedule.c:runtime_ready */
inline ready(g)
{
	assert(status[g] == Gwaiting);	/* "ready of a goroutine that is not parked" */
	status[g] = Grunnable;		/* `store_rlx(&gp->status, Grunnable)` */
	runq[id]!g			/* `runtime_runqput(pp, gp, next)` */
}

/* sched/proc.c:runtime_finishswitch */
inline finishswitch()
{
	if
	:: f == FinishPark && wfn == Unlock -> release()	/* `mp->waitunlockf(gp, mp->waitlock)` */
	:: f == FinishPark && wfn == Commit ->
		if
		:: atomic { slot == NONE -> slot = left }	/* true: parked */
		:: slot == READY ->				/* false: it cancels */
			assert(status[left] == Gwaiting);
			status[left] = Grunnable;		/* `store_rlx(&gp->status, Grunnable)` */
#ifndef LOSE
			runq[id]!left				/* `runtime_runqput(mp->p, gp, true)` */
#endif
		fi
	:: f == FinishYield -> runq[id]!left			/* `runtime_runqput(mp->p, gp, false)` */
	:: f == FinishExit -> free(left)			/* `gfput(mp->p, gp)` */
	fi
}

inline free(g)
{
#ifndef FREEFIRST
	assert(!isfree[g]);
	isfree[g] = 1
#else
	skip
#endif
}

/* rt0/asm_amd64.S:runtime_mcall, and in rt0/asm_amd64.S:runtime_switch `mov %rsp, G_SCHED_SP(%rdi)` */
inline save(g)
{
	assert(on[g] == 1 && !saved[g]);
	saved[g] = 1;
	on[g]--			/* the stack pointer goes to the other stack */
}

/* rt0/asm_amd64.S:runtime_gogo, and in rt0/asm_amd64.S:runtime_switch `mov G_SCHED_SP(%rsi), %rsp` */
inline resume(g)
{
	atomic {
		assert(saved[g] && on[g] == 0);	/* saved, and nobody else runs it */
		on[g]++;
		saved[g] = 0
	}
}

proctype M(byte id)
{
	byte gp = NONE, next = NONE, left = NONE, w = NONE;
	mtype f, wfn;

end_schedule:			/* sched/schedule.c:runtime_schedule, on g0 */
	atomic {
		if		/* own queue, global, steal */
		:: runq[0]?gp
		:: runq[1]?gp
		:: runq[2]?gp
		:: globq?gp
		fi
	};
	assert(status[gp] == Grunnable && gm[gp] == NONE);
	gm[gp] = id;		/* sched/schedule.c:runtime_execute: `gp->m = mp` */
	status[gp] = Grunning;	/* `store_rlx(&gp->status, Grunning)` */
	resume(gp);		/* `runtime_gogo(&gp->sched)` */

user:				/* gp runs on its own stack */
	assert(on[gp] == 1 && gm[gp] == id && status[gp] == Grunning);
	if
	:: gp == 0 && pc[0] < 2 ->
		pc[0]++;
		acquire();
		if
		:: token > 0 -> token--; release(); goto user
		:: else -> waiter = 0; wfn = Unlock; f = FinishPark
		fi
	:: gp == 0 && pc[0] == 2 ->	/* sched/proc.c:newg */
		pc[0] = 3;
		if
		:: atomic { isfree[2] -> isfree[2] = 0 };
			assert(on[2] == 0);	/* nobody runs on the stack */
			pc[2] = 10;
			saved[2] = 1;		/* sched/proc.c:startwith: arch_newframe */
			status[2] = Grunnable;
			runq[id]!2
		:: atomic { isfree[3] -> isfree[3] = 0 };
			pc[3] = 10; saved[3] = 1; status[3] = Grunnable; runq[id]!3
		fi;
		goto user
	:: gp == 0 && pc[0] == 3 -> f = FinishExit
	:: gp == 1 && pc[1] == 0 ->
		pc[1] = 1;
		if
		:: slot == READY -> goto user
		:: slot != READY -> wfn = Commit; f = FinishPark
		fi
	:: gp == 1 && pc[1] == 1 -> f = FinishExit
	:: gp == 2 && (pc[2] == 0 || pc[2] == 3) ->
		pc[2]++;
		acquire();
		w = waiter;
		waiter = NONE;
		if
		:: w == NONE -> token++
		:: else
		fi;
		release();
		if
		:: w != NONE -> ready(w); w = NONE
		:: else
		fi;
		goto user
	:: gp == 2 && pc[2] == 1 ->
		pc[2]++;
		atomic { w = slot; slot = READY };	/* an exchange */
		if
		:: w != NONE -> ready(w); w = NONE
		:: else
		fi;
		goto user
	:: gp == 2 && pc[2] == 2 -> pc[2]++; f = FinishYield
	:: gp == 2 && pc[2] == 4 -> f = FinishExit
	:: pc[gp] == 10 -> f = FinishExit
	fi;

	/* It stops. sched/proc.c:runtime_gopark, runtime_gosched, runtime_goexit */
	if
	:: f == FinishPark -> status[gp] = Gwaiting	/* sched/proc.c:runtime_gopark: `store_rlx(&gp->status, Gwaiting)` */
	:: f == FinishYield -> status[gp] = Grunnable
	:: f == FinishExit -> status[gp] = Gdead;
		ended++;
#ifdef FREEFIRST
		isfree[gp] = 1
#endif
	fi;
	left = gp;		/* sched/proc.c:switchto: `mp->finishg = gp` */
	if			/* sched/proc.c:nextlocal: may say NULL for reasons not modelled */
	:: runq[id]?next ->
		gm[gp] = NONE;	/* sched/proc.c:switchto: `gp->m = NULL` */
		assert(status[next] == Grunnable && gm[next] == NONE);
		gm[next] = id;
		status[next] = Grunning;
#ifdef EARLY
		finishswitch();
#endif
		save(left);	/* `runtime_switch(&gp->sched, &next->sched, mp)` */
		resume(next);
		gp = next;
		next = NONE;
#ifndef EARLY
		finishswitch();	/* call runtime_finishswitch, on next's stack */
#endif
		left = NONE;
		goto user
	:: true ->
#ifdef EARLY
		gm[gp] = NONE;
		finishswitch();
#endif
		save(left);	/* runtime_mcall */
		gm[left] = NONE;	/* sched/proc.c:stop0, runtime_gosched0: `gp->m = NULL` */
		gp = NONE;
#ifndef EARLY
		if
		:: f == FinishYield -> globq!left	/* sched/proc.c:runtime_gosched0: `runtime_globrunqput(gp)` */
		:: else -> finishswitch()		/* sched/proc.c:stop0 */
		fi;
#endif
		left = NONE;
		goto end_schedule
	fi
}

/* Nothing can move any more: all four have come to their end. */
active proctype Watch()
{
end:	timeout -> atomic {
		assert(len(runq[0]) + len(runq[1]) + len(runq[2]) + len(globq) == 0);
		assert(ended == 4 && !lock);
		assert(on[0] + on[1] + on[2] + on[3] == 0)
	}
}

init {
	byte k;

	atomic {
		do
		:: k < 3 -> status[k] = Grunnable; saved[k] = 1; runq[0]!k; k++
		:: else -> break
		od;
		isfree[3] = 1;
		k = 0;
		do
		:: k < NM -> run M(k); k++
		:: else -> break
		od;
		k = 0
	}
}
