/* SPDX-License-Identifier: MIT */
/*
 * idle.pml - who submits work and who goes idle (sched/schedule.c's head).
 *
 * NM ms serve NP ps. A goroutine that runs may submit another (queue, then
 * wakep), yield, leave its p for a system call, end, or compute for ever; which
 * of these is the checker's choice, as often as the budgets allow. When
 * nothing can move any more there must be no runnable g while a p is idle:
 * that is more than "not all ms asleep", for the goroutines that compute for
 * ever keep their ms but nobody else's.
 *
 * A submitter's store into its ring waits in its CPU's store buffer (buf) until
 * Drain, at any time later, makes it visible (q); a fence, a locked instruction or
 * a lock on that CPU waits for that. Everything else that the protocol shares is
 * written by read-modify-writes or under sched.lock. A critical section of
 * sched.lock is one step where it changes one thing that is read without the lock.
 *
 * NOFENCE leaves out wakep's fence, NORECHECK goidle's second look, NOLOOK
 * resetspinning's, and LATESPIN looks first and stops spinning after.
 *
 * YIELD lets goroutines yield: these queue without looking for an idle p, and may
 * leave work waiting while one is. Sysmon finds that out; NOSYSMON leaves it out.
 *
 * POLLS lets goroutines park in the poller, which readies them at any time later: through
 * the m that sleeps there (sched/time.c:runtime_idlesleep), one that looks in passing, or,
 * where YIELD has brought it in, sysmon. When nothing can move, none waits there while all ps
 * are idle. NOSLEEPER has no m sleep there, NOINJECT has one that finds no p start nobody.
 *
 * check:
 * check: -DNP=3 -DSUBMITS=2
 * check: -DCALLS=1 -DSUBMITS=2
 * check: -DYIELD=1 -DSUBMITS=1
 * break: -DNOFENCE
 * break: -DNORECHECK
 * break: -DLATESPIN
 * break: -DNP=3 -DSUBMITS=2 -DNOLOOK
 * check: -DPOLLS=1 -DSUBMITS=1
 * long: -DPOLLS=1 -DSUBMITS=0 -DYIELD=1
 * break: -DYIELD=1 -DSUBMITS=1 -DNOSYSMON
 * break: -DPOLLS=1 -DSUBMITS=0 -DNOSLEEPER
 * break: -DPOLLS=1 -DSUBMITS=0 -DYIELD=1 -DNOINJECT
 */
#ifndef NP
#define NP 2
#endif
#define NM (NP + 1)
#ifndef SUBMITS
#define SUBMITS 3
#endif
#ifndef CALLS
#define CALLS 0
#endif
#ifndef YIELD
#define YIELD 0
#endif
#ifndef POLLS
#define POLLS 0
#endif
#define NONE 255
#if NP > 2
#define QUEUED (globq + q[0] + q[1] + q[2])
#else
#define QUEUED (globq + q[0] + q[1])
#endif

byte q[NP];		/* gs in a p's ring and runnext, as all see them */
byte buf[NP];		/* gs stored there and still in the store buffer */
byte globq;		/* sched.runqsize */
byte npidle, nmspinning;
bit pidle[NP];
bit midle[NM];
bit note[NM];		/* m->park */
byte nextp[NM];
bit nextspin[NM];
byte submits = SUBMITS, calls = CALLS, yields = YIELD, polls = POLLS;
byte waiters;		/* parked in the poller, and ready or soon so */
bit sleeps;		/* sleeper.busy */

/* sched/p.c:runtime_pidleget, under sched.lock. */
inline pidleget(to)
{
	to = NONE;
	i = 0;
	do
	:: i < NP && pidle[i] -> to = i; pidle[i] = 0; npidle--; break
	:: i < NP && !pidle[i] -> i++
	:: i == NP -> break
	od;
	i = 0
}

/* sched/p.c:runtime_pidleput, under sched.lock. */
inline pidleput(which)
{
	pidle[which] = 1;
	npidle++
}

/* sched/m.c:runtime_startm; newm is an m that is not used yet: there is always one. */
inline startm(spin)
{
	atomic {			/* runtime_lock ... runtime_mget ... runtime_unlock */
		if
		:: pp == NONE -> pidleget(pp)
		:: else
		fi;
		if
		:: pp == NONE -> other = NONE	/* nobody is started */
		:: else ->
			if			/* blocks while every m is between its p and its note */
			:: midle[0] -> other = 0
			:: midle[1] -> other = 1
			:: midle[2] -> other = 2
#if NM > 3
			:: midle[3] -> other = 3
#endif
			fi;
			midle[other] = 0
		fi
	};
	if
	:: other == NONE && spin -> nmspinning--
	:: other == NONE && !spin
	:: else ->
		atomic {
			nextspin[other] = spin;	/* sched/m.c:wakewith: `mp->spinning = spinning` */
			nextp[other] = pp;	/* `mp->nextp = pp` */
			assert(!note[other]);
			note[other] = 1;	/* `runtime_notewakeup(&mp->park)` */
			other = NONE;
			pp = NONE
		}
	fi
}

/* sched/schedule.c:runtime_wakep; on the m of myp. */
inline wakep(myp)
{
#ifndef NOFENCE
	buf[myp] == 0;			/* `fence()` */
#endif
	if
	:: npidle == 0 -> skip		/* `!load_rlx(&runtime_sched.npidle)` */
	:: else ->
		if
		:: nmspinning != 0 -> skip	/* `load_rlx(&runtime_sched.nmspinning)` */
		:: else ->
			if
			:: atomic { nmspinning == 0 && buf[myp] == 0 -> nmspinning = 1 };	/* cas */
				atomic { pidleget(pp) };
				if
				:: pp != NONE -> startm(1)	/* `runtime_startm(pp, true)` */
				:: else -> nmspinning--		/* `xadd(&runtime_sched.nmspinning, -1)` */
				fi
			:: nmspinning != 0	/* the cas lost */
			fi
		fi
	fi
}

/* sched/runq.h:runqputtail: `store_rel(&pp->runqtail, t + 1)` */
inline runqput(myp)
{
	buf[myp]++
}

/* sched/m.c:runtime_handoffp; this m's p becomes another's, or idle. */
inline handoffp()
{
	if
	:: q[p] + buf[p] > 0 || globq > 0 ->	/* `!runtime_runqempty(pp) || load_rlx(&s->runqsize)` */
		buf[p] == 0; pp = p; p = NONE; startm(0)
	:: else ->
		if
		:: atomic { nmspinning + npidle == 0 -> nmspinning = 1 };
			pp = p; p = NONE; startm(1)
		:: else ->
			atomic {		/* `runtime_lock(&s->lock)` */
				if
				:: globq > 0 -> pp = p; p = NONE
				:: else -> pidleput(p); p = NONE	/* `runtime_pidleput(pp)` */
				fi
			};
			if
			:: pp != NONE -> startm(0)	/* `runtime_startm(pp, false)` */
			:: else
			fi
		fi
	fi
}

/* sched/schedule.c:injectglobal, one g. */
inline inject()
{
	atomic { globq++ };
#ifndef NOINJECT
	if				/* `for (; n > 0 && load(&runtime_sched.npidle); n--)` */
	:: npidle > 0 -> startm(0)
	:: npidle == 0
	fi
#endif
}

proctype M(byte id; byte p)
{
	byte pp = NONE, other = NONE, v, i;
	bit spinning, was, work;
	byte seen;

	if
	:: p == NONE -> goto end_asleep
	:: else
	fi;
user:					/* a goroutine, on p */
	assert(p != NONE && !spinning);
	if
	:: atomic { submits > 0 -> submits-- };
		runqput(p);		/* sched/schedule.c:runtime_ready, sched/proc.c:queuenew */
		wakep(p);
		goto user
#if YIELD
	:: atomic { yields > 0 -> yields-- };
		if
		:: atomic { buf[p] == 0 && q[p] > 0 -> q[p]-- };	/* sched/proc.c:nextlocal */
			runqput(p);	/* sched/proc.c:runtime_finishswitch, FinishYield */
			goto user
		:: atomic { buf[p] == 0 -> globq++ };	/* sched/proc.c:runtime_gosched0 */
			goto find
		fi
#endif
#if CALLS
	:: atomic { calls > 0 -> calls-- };
		handoffp();		/* sched/syscall.c:runtime_entersyscallblock */
		if			/* the call returns. sched/syscall.c:takeidle */
		:: npidle > 0 -> atomic { pidleget(p) }
		:: npidle == 0
		fi;
		if
		:: p != NONE -> goto user
		:: else ->		/* sched/syscall.c:exitsyscall0 */
			atomic {
				pidleget(p);
				if
				:: p == NONE -> globq++	/* `if (!pp) runtime_globrunqput(gp)` */
				:: else
				fi
			};
			if
			:: p != NONE -> goto user
			:: else -> goto stopm
			fi
		fi
#endif
#if POLLS
	:: atomic { polls > 0 -> polls--; waiters++ }; goto find	/* sched/netpoll.c:runtime_pollwait */
#endif
	:: true -> goto find		/* it ends */
	:: true -> goto end_forever
	fi;

find:					/* sched/schedule.c:findlocal */
	assert(p != NONE);
	if				/* `runtime_runqget(pp, inherit)` sees its own buffer, and drains it */
	:: atomic { buf[p] == 0 && q[p] > 0 -> q[p]-- }; goto found
	:: buf[p] == 0 && q[p] == 0
	fi;
	if				/* sched/schedule.c:globget */
	:: globq > 0 ->			/* `load_rlx(&runtime_sched.runqsize)` */
		if
		:: atomic { globq > 0 -> globq-- }; goto found
		:: globq == 0
		fi
	:: globq == 0
	fi;
#if POLLS
	if				/* sched/schedule.c:pollget: `runtime_netpoll(0, &l);` */
	:: atomic { waiters > 0 -> waiters-- };
		runqput(p);		/* sched/schedule.c:runtime_injectglist: `runtime_runqput(me->m->p, gp, false)` */
		wakep(p);
		goto find
	:: true				/* none, or not ready yet */
	fi;
#endif
	if
	:: spinning
	:: !spinning ->
		seen = nmspinning;	/* sched/schedule.c:findlocal: `2 * load(&runtime_sched.nmspinning) >=` */
		if
		:: 2 * seen >= NP - npidle -> seen = 0; goto idle
		:: else -> seen = 0
		fi;
		nmspinning++;		/* sched/schedule.c:startspinning */
		spinning = 1
	fi;
	v = 0;				/* sched/schedule.c:stealwork; one round of its four */
	do
	:: v == NP -> break
	:: v < NP && v == p -> v++
	:: v < NP && v != p ->
		if
		:: atomic { q[v] > 0 -> q[v]--; v = 0 }; goto found	/* sched/runq.c:runqgrab: cas_rel */
		:: q[v] == 0 -> v++
		fi
	od;
	v = 0;

idle:					/* sched/schedule.c:goidle */
	was = spinning;			/* `wasspinning = mp->spinning` */
	atomic {			/* `runtime_lock(&runtime_sched.lock)` */
		if
		:: globq > 0 -> globq--; was = 0; goto found	/* `runtime_globrunqget(pp, 0)` */
		:: else -> pidleput(p); p = NONE	/* `runtime_releasep(); runtime_pidleput(pp)` */
		fi
	};				/* `runtime_unlock(&runtime_sched.lock)` */
#ifndef LATESPIN
	if
	:: was -> spinning = 0; nmspinning--	/* `xadd(&runtime_sched.nmspinning, -1)` */
	:: else
	fi;
	was = 0;
#endif
#ifndef NORECHECK
	work = (globq > 0);		/* sched/schedule.c:anywork: `load(&runtime_sched.runqsize)` */
	v = 0;
	do
	:: v < NP && !work -> work = (q[v] > 0); v++	/* `!runtime_runqempty(load_acq(&runtime_allp)[i])` */
	:: else -> break
	od;
	v = 0;
#endif
#ifdef LATESPIN
	if
	:: was -> spinning = 0; nmspinning--
	:: else
	fi;
	was = 0;
#endif
	if
	:: work -> work = 0; atomic { pidleget(p) }	/* sched/schedule.c:recheck: `pp = runtime_pidleget()` */
	:: else
	fi;
	if
	:: p != NONE -> nmspinning++; spinning = 1; goto find	/* `runtime_acquirep(pp); startspinning(mp);` */
	:: else
	fi;
#if POLLS && !defined(NOSLEEPER)
	if				/* sched/schedule.c:goidle: `runtime_pollwaiters() > 0) && runtime_idlesleep(until, &ready)` */
	:: atomic { waiters > 0 && !sleeps -> sleeps = 1 };
end_polls:	if			/* sched/time.c:sleepfor */
		:: atomic { waiters > 0 -> waiters-- }; work = 1
		:: waiters == 0		/* somebody else has got it: woken for a timer, a break */
		fi;
		sleeps = 0;		/* sched/time.c:runtime_idlesleep: `store(&sleeper.busy, 0u);` */
		atomic { pidleget(p) };	/* sched/schedule.c:goidle */
		if
		:: p != NONE && work -> work = 0; runqput(p); wakep(p); goto find
		:: p != NONE && !work -> nmspinning++; spinning = 1; goto find
		:: p == NONE && work -> work = 0; inject()
		:: else
		fi
	:: waiters == 0 || sleeps
	fi;
#endif

stopm:					/* sched/m.c:runtime_stopm */
	assert(p == NONE && !spinning);	/* "stopm holding a p or spinning" */
	midle[id] = 1;			/* `runtime_mput(mp)` */
end_asleep:
	atomic {			/* sched/m.c:runtime_msleep, and then sched/m.c:runtime_stopm: `runtime_acquirep(mp->nextp)` */
		note[id] -> note[id] = 0;
		p = nextp[id];
		spinning = nextspin[id]
	};
	goto find;

found:					/* sched/schedule.c:runtime_schedule */
	if
	:: spinning ->			/* sched/schedule.c:runtime_resetspinning */
		spinning = 0;
		assert(nmspinning > 0);	/* "nmspinning below zero" */
		nmspinning--;			/* `xadd(&runtime_sched.nmspinning, -1)` */
#if POLLS
		work = !sleeps;			/* `if (!runtime_idlesleeping() || anywork())` */
#endif
#ifndef NOLOOK
		work = work || (globq > 0);	/* sched/schedule.c:anywork */
		v = 0;
		do
		:: v < NP && !work -> work = (q[v] > 0); v++
		:: else -> break
		od;
		v = 0;
#endif
		if
		:: work -> work = 0; wakep(p)
		:: else
		fi
	:: else
	fi;
	goto user;

end_forever:
	false
}

active proctype Drain()
{
end:	do
	:: d_step { buf[0] > 0 -> buf[0]--; q[0]++ }
	:: d_step { buf[1] > 0 -> buf[1]--; q[1]++ }
#if NP > 2
	:: d_step { buf[2] > 0 -> buf[2]--; q[2]++ }
#endif
	od
}

#if YIELD && !defined(NOSYSMON)
/* sched/sysmon.c:startidle: `else if (stranded())` (then runtime_wakep). It looks while a p is not idle; a look that is out of date finds nothing to do or starts an m for nothing. */
active proctype Sysmon()
{
	byte pp = NONE, other = NONE, i;

end:	do
	:: atomic { npidle > 0 && npidle < NP && nmspinning == 0 && QUEUED > 0 ->
		nmspinning = 1 };
		atomic { pidleget(pp) };
		if
		:: pp != NONE -> startm(1)
		:: else -> nmspinning--
		fi
#if POLLS
	:: atomic { waiters > 0 && npidle < NP -> waiters-- }; inject()	/* sched/netpoll.c:runtime_netpollstale */
#endif
	od
}
#endif

/* Nothing can move any more. */
active proctype Watch()
{
end:	timeout -> atomic {
		assert(nmspinning == 0);
		assert(npidle == 0 || QUEUED == 0);
		assert(npidle < NP || waiters == 0)
	}
}

init {
	byte k;

	atomic {
		run M(0, 0);		/* m0 on p0; the others asleep, or not made yet */
		k = 1;
		do
		:: k < NM -> midle[k] = 1; run M(k, NONE); k++
		:: else -> break
		od;
		k = 1;
		do
		:: k < NP -> pidleput(k); k++
		:: else -> break
		od;
		k = 0
	}
}
