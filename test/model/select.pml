/* SPDX-License-Identifier: MIT */
/*
 * select.pml - the wake-up protocol of select (sched/select.c's head): of several
 * cases that fire at once exactly one happens, none is missed, and nobody
 * touches a frame that was left or a channel that was freed.
 *
 * Up to four goroutines do one operation each on two channels; SCENE says which. A
 * goroutine that selects is joined by two more processes: what its m does
 * after the switch (sched/select.c:parkcommit) and its timer (sched/select.c:toolate).
 * The switch itself is park.pml's.
 *
 * What is done under a channel's lock and touches only what that lock guards is
 * one step. done is not: each look at it is a step. live: the frame with the struct select and its sudogs
 * exists. served: how many times a goroutine's wish was granted.
 *
 * NOCLAIM looks at done and sets it later; READYFIRST readies the goroutine before it
 * has left all queues, NOLOCK leaves a queue that it is not on without locking;
 * NODELTIMER forgets the timer; ONEFIRE tries the case that seemed ready but once.
 *
 * gcc: -O0
 * Two selects that face each other on both channels, and a third party:
 * check: -DSCENE=1
 * Three cases that fire at once, and a timeout:
 * check: -DSCENE=2
 * The same channel in several cases, both ways, in two selects:
 * check: -DSCENE=3
 * close, against a select that sends and receives there:
 * check: -DSCENE=4
 * A select with a default against a select that waits, and a close:
 * check: -DSCENE=5
 * Who knows the outcome first frees both channels:
 * check: -DSCENE=6
 * check: -DSCENE=6 -DTIMER
 * A channel with a buffer of one:
 * check: -DSCENE=2 -DCAP=1
 * check: -DSCENE=4 -DCAP=1
 * break: -DSCENE=2 -DNOCLAIM
 * break: -DSCENE=1 -DREADYFIRST
 * break: -DSCENE=6 -DREADYFIRST
 * break: -DSCENE=2 -DNOLOCK
 * break: -DSCENE=2 -DNODELTIMER
 * break: -DSCENE=1 -DONEFIRE
 */
#ifndef CAP
#define CAP 0
#endif
#define NG 4
#define NC 2
#define K 3			/* cases a select, at most */
#define SD(g, i) ((g) * K + (i))
#define NONE 99

mtype = { Nothing, Send, Recv, Close, Select };
mtype = { Forever, Default, Timeout };
mtype = { Block, Served, WasClosed, Panicked, TimedOut };

/* What the goroutines do. A select's cases are in the order of their channels. */
mtype does[NG] = Nothing;
mtype waits[NG] = Forever;
byte ncases[NG];
byte ch[NG * K];
bit sends[NG * K];
byte cap[NC];

/* Channels. All but freed under lk. */
bit lk[NC], closed[NC], freed[NC];
byte count[NC], put[NC], got[NC];
chan sendq[NC] = [NG * K] of { byte };
chan recvq[NC] = [NG * K] of { byte };

/* Sudogs and selects, in the frames of goroutines. */
bit live[NG];
bit onq[NG * K];		/* s->next */
bit success[NG * K];
bit done[NG];
byte fired[NG] = NONE;
byte served[NG];
mtype result[NG] = Block;

bit parked[NG], woken[NG], ended[NG];
bit commits[NG], armed[NG], firing[NG];

/* sched/chan.h:chanlock, chanunlock */
inline lock(c) { atomic { assert(!freed[c]); !lk[c] -> assert(!freed[c]); lk[c] = 1 } }
inline unlock(c) { atomic { assert(lk[c] && !freed[c]); lk[c] = 0 } }

/* sched/schedule.c:runtime_ready */
inline ready(who) { atomic { assert(parked[who] && !woken[who]); woken[who] = 1 } }

/*
 * sched/chan.h:dequeue: w, the first waiter, who is now the caller's; NONE: there is none.
 * Whose sudog was taken off is not on the queue any more, and may be about to leave its
 * frame: the look at done is a step of its own.
 */
inline dequeue(q)
{
	do
	:: atomic { empty(q) -> w = NONE; break }
	:: atomic { nempty(q) -> q?w; onq[w] = 0; assert(live[w / K]) };	/* `unqueue(q, s)` */
		if
		:: does[w / K] != Select -> break	/* `likely(!s->sel)` */
#ifdef NOCLAIM
		:: atomic { does[w / K] == Select -> assert(live[w / K]); won = !done[w / K] };
			if
			:: won -> done[w / K] = 1; break
			:: else
			fi
#else
		:: atomic { does[w / K] == Select -> assert(live[w / K]);	/* `claim(s->sel)` */
			won = !done[w / K]; done[w / K] = 1 };
			if
			:: won -> break
			:: else
			fi
#endif
		fi
	od;
	won = 0
}

/* sched/select.c:runtime_selectleave; by the winner, or by who itself after a timeout. */
inline leave(who, winner)
{
	atomic { assert(live[who]); fired[who] = winner };	/* `sel->fired = fired` */
	i = 0;
	do
	:: atomic { i < ncases[who] -> assert(live[who]) };	/* `i < sel->n` */
		if
		:: SD(who, i) == winner				/* `s == fired` */
#ifdef NOLOCK
		:: SD(who, i) != winner && !onq[SD(who, i)]
		:: SD(who, i) != winner && onq[SD(who, i)] ->
#else
		:: SD(who, i) != winner ->
#endif
			lock(ch[SD(who, i)]);
			atomic {
				assert(live[who]);
				if
				:: onq[SD(who, i)] ->		/* `if (s->next)` */
					onq[SD(who, i)] = 0;	/* `unqueue(queueof(s), s)` */
					if
					:: sends[SD(who, i)] -> sendq[ch[SD(who, i)]]??eval(SD(who, i))
					:: else -> recvq[ch[SD(who, i)]]??eval(SD(who, i))
					fi
				:: else
				fi
			};
			unlock(ch[SD(who, i)])
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

/* sched/chan.c:wake; w was dequeued and served, its channel is unlocked. */
inline wake()
{
	if
#ifdef READYFIRST
	:: does[w / K] == Select -> fired[w / K] = w; ready(w / K); leave(w / K, w)
#else
	:: does[w / K] == Select -> leave(w / K, w); ready(w / K)
#endif
	:: else -> ready(w / K)			/* `runtime_ready(s->g, true)` */
	fi;
	w = NONE
}

inline serve(c)
{
	assert(live[w / K]);
	success[w] = 1;				/* sched/chan.c:send: `s->success = true` */
	served[w / K]++;
	served[me]++
}

/* sched/chan.c:send; c is locked, and stays so when r is Block. */
inline send(c)
{
	if
	:: closed[c] -> r = Panicked; unlock(c)		/* `runtime_chanclosed()` */
	:: else ->
		dequeue(recvq[c]);
		if
		:: w != NONE ->
			atomic { serve(c); put[c]++; got[c]++ };	/* `copy(s->elem, elem, c->elemsize)` */
			unlock(c);
			wake();
			r = Served
		:: w == NONE && count[c] < cap[c] ->
			atomic { count[c]++; put[c]++; served[me]++ };
			unlock(c);
			r = Served
		:: else -> r = Block
		fi
	fi
}

/* The same for sched/chan.c:recv. */
inline recv(c)
{
	dequeue(sendq[c]);
	if
	:: w != NONE ->
		atomic {
			assert(count[c] == cap[c]);	/* "a sender waits only when the buffer is full" */
			serve(c); put[c]++; got[c]++
		};
		unlock(c);
		wake();
		r = Served
	:: w == NONE && count[c] > 0 ->
		atomic { count[c]--; got[c]++; served[me]++ };
		unlock(c);
		r = Served
	:: w == NONE && count[c] == 0 && closed[c] -> r = WasClosed; unlock(c)
	:: else -> r = Block
	fi
}

inline operate(s)
{
	if
	:: sends[s] -> send(ch[s])
	:: else -> recv(ch[s])
	fi
}

/* sched/chan.c:takeall, one waiter; then sched/chan.c:go_chan_close wakes them all. */
inline takeall(q)
{
	do
	:: dequeue(q);
		if
		:: w == NONE -> break
		:: else -> success[w] = 0; list!w	/* sched/chan.c:takeall: `*tail = s` */
		fi
	od
}

/* sched/chan.h:waiting, for sched/select.c:ready with all locks held. Those that lost are thrown out. */
inline look(q)
{
	do
	:: atomic { nempty(q) -> q?<w>; assert(live[w / K]) };
		if
		:: does[w / K] == Select && done[w / K] -> q?w; onq[w] = 0
		:: else -> canbe = 1; break
		fi
	:: empty(q) -> break
	od;
	w = NONE
}

proctype G(byte me)
{
	byte w = NONE, i, k, last;
	mtype r = Block;
	bit canbe, won;
	byte pick = NONE;
	chan list = [NG] of { byte };

	if
	:: does[me] == Close -> goto close
	:: does[me] == Select -> goto choices
	:: else
	fi;

	/* sched/chan.c:go_chan_send, go_chan_recv */
	lock(ch[SD(me, 0)]);
	operate(SD(me, 0));
	if
	:: r == Block ->
		atomic {		/* sched/chan.c:blocksend, blockrecv; park, unlockchan */
			live[me] = 1;
			if
			:: sends[SD(me, 0)] -> sendq[ch[SD(me, 0)]]!SD(me, 0)
			:: else -> recvq[ch[SD(me, 0)]]!SD(me, 0)
			fi;
			onq[SD(me, 0)] = 1;
			parked[me] = 1;
			unlock(ch[SD(me, 0)])
		};
end_parked:	atomic { woken[me] -> parked[me] = 0; woken[me] = 0 };
		r = (success[SD(me, 0)] -> Served : (sends[SD(me, 0)] -> Panicked : WasClosed));
		live[me] = 0
	:: else
	fi;
	goto out;

close:	/* sched/chan.c:go_chan_close */
	lock(ch[SD(me, 0)]);
	closed[ch[SD(me, 0)]] = 1;	/* `store_rel(&c->closed, true)` */
	takeall(recvq[ch[SD(me, 0)]]);
	takeall(sendq[ch[SD(me, 0)]]);
	unlock(ch[SD(me, 0)]);
	do
	:: list?w -> wake()
	:: empty(list) -> break
	od;
	served[me]++;
	r = Served;
	goto out;

choices:/* sched/select.c:go_select: the first look, without locks, may say anything */
	if
	:: k = 0
	:: ncases[me] > 1 -> k = 1
	:: ncases[me] > 2 -> k = 2
	:: goto choose
	fi;
	lock(ch[SD(me, k)]);
	operate(SD(me, k));
	if
	:: r != Block -> goto out
	:: else -> unlock(ch[SD(me, k)])
	fi;

choose:	/* sched/select.c:choose */
	i = 0; last = NONE;
	do				/* sched/select.c:lockall */
	:: i < ncases[me] ->
		if
		:: ch[SD(me, i)] != last -> last = ch[SD(me, i)]; lock(last)
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0; pick = NONE;
	do				/* sched/select.c:pick */
	:: i < ncases[me] ->
		canbe = closed[ch[SD(me, i)]];
		if
		:: sends[SD(me, i)] -> canbe = canbe || count[ch[SD(me, i)]] < cap[ch[SD(me, i)]]; look(recvq[ch[SD(me, i)]])
		:: else -> canbe = canbe || count[ch[SD(me, i)]] > 0; look(sendq[ch[SD(me, i)]])
		fi;
		if
		:: canbe -> pick = i
		:: canbe && pick != NONE	/* the earlier one stays */
		:: !canbe
		fi;
		canbe = 0;
		i++
	:: else -> break
	od;
	if
	:: pick == NONE && waits[me] != Default -> goto block
	:: pick == NONE && waits[me] == Default -> k = NONE	/* sched/select.c:choose: `unlockall(a, NULL)` */
	:: else -> k = ch[SD(me, pick)]				/* `unlockall(a, k->c)` */
	fi;
	i = 0; last = NONE;
	do				/* sched/select.c:unlockall */
	:: i < ncases[me] ->
		if
		:: ch[SD(me, i)] != last -> last = ch[SD(me, i)];
			if
			:: last != k -> unlock(last)
			:: else
			fi
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	if
	:: k == NONE -> r = TimedOut; goto out
	:: else
	fi;
	operate(SD(me, pick));		/* sched/select.c:choose: `if (perform(k))` */
	if
	:: r != Block -> goto out
	:: else ->			/* "its waiter was lost to another case" */
		unlock(k);
#ifdef ONEFIRE
		goto out
#else
		goto choose
#endif
	fi;

block:	/* sched/select.c:block */
	atomic {
		live[me] = 1;
		i = 0;
		do			/* sched/select.c:enqueueall */
		:: i < ncases[me] ->
			if
			:: sends[SD(me, i)] -> sendq[ch[SD(me, i)]]!SD(me, i)
			:: else -> recvq[ch[SD(me, i)]]!SD(me, i)
			fi;
			onq[SD(me, i)] = 1;
			i++
		:: else -> break
		od;
		i = 0;
		parked[me] = 1;		/* runtime_gopark */
		commits[me] = 1
	};
end_selecting:
	atomic { woken[me] -> parked[me] = 0; woken[me] = 0 };
	if
	:: fired[me] == NONE -> leave(me, NONE); r = TimedOut	/* sched/select.c:block: `if (!sel.fired)` */
	:: else ->
#ifndef NODELTIMER
		if			/* `runtime_deltimer(&sel.timer)` */
		:: atomic { armed[me] -> armed[me] = 0 }
		:: atomic { !armed[me] && !firing[me] }
		fi;
#endif
		r = (success[fired[me]] -> Served : (sends[fired[me]] -> Panicked : WasClosed))
	fi;
	live[me] = 0;

out:	atomic {
		assert(r != Block && served[me] == (r == Served));
		result[me] = r;
		ended[me] = 1
	};
#if SCENE == 6
	if
	:: atomic { r == Served && !freed[0] ->	/* the program: go_chan_free */
		assert(!lk[0] && !lk[1] && empty(sendq[0]) && empty(recvq[0]) &&
			empty(sendq[1]) && empty(recvq[1]));
		freed[0] = 1; freed[1] = 1 }
	:: else
	fi
#endif
}

/* sched/select.c:parkcommit, run by the m after the switch */
proctype Commit(byte me)
{
	byte i = 1, c, next;

end:	commits[me] == 1;
	if
	:: waits[me] == Timeout -> atomic { assert(live[me]); armed[me] = 1 }	/* `runtime_addtimer(&sel->timer, sel->when)` */
	:: else
	fi;
	atomic { assert(live[me]); c = ch[SD(me, 0)] };	/* `c = sel->waits[0].c` */
	do
	:: i < ncases[me] ->		/* `n = sel->n` */
		atomic { assert(live[me]); next = ch[SD(me, i)] };	/* `next = sel->waits[i].c` */
		if
		:: next != c -> unlock(c)
		:: else
		fi;
		c = next;
		i++
	:: else -> break
	od;
	unlock(c)
}

/* sched/time.c:fire, sched/select.c:toolate */
proctype Timer(byte me)
{
	bit won;

end:	atomic { armed[me] -> armed[me] = 0; firing[me] = 1 };
	atomic { assert(live[me]); won = !done[me]; done[me] = 1 };	/* `claim(sel)` */
	if
	:: won -> ready(me)		/* `runtime_goready(sel->g)` */
	:: else
	fi;
	firing[me] = 0			/* sched/time.c:fire: `store_rel(&pp->firing, NULL)` */
}

/* Nothing can move any more: who waits could not have gone on. */
active proctype Watch()
{
	byte g, i, k;

end:	timeout -> d_step {
		assert(!lk[0] && !lk[1]);
		i = 0;
		do
		:: i < NC ->
			assert(put[i] == got[i] + count[i] && count[i] <= cap[i]);
			assert(!closed[i] || (empty(sendq[i]) && empty(recvq[i])));
			i++
		:: else -> break
		od;
		g = 0;
		do
		:: g < NG ->
			assert(does[g] == Nothing || ended[g] || (parked[g] && !woken[g] && !done[g]));
			assert(waits[g] == Forever || ended[g]);
			i = 0;
			do
			:: i < ncases[g] && does[g] != Nothing && !ended[g] ->
				assert(onq[SD(g, i)] && !closed[ch[SD(g, i)]]);
				assert(sends[SD(g, i)] || count[ch[SD(g, i)]] == 0);
				assert(!sends[SD(g, i)] || count[ch[SD(g, i)]] == cap[ch[SD(g, i)]]);
				k = 0;	/* nobody else waits at the other end */
				do
				:: k < NG * K ->
					assert(!onq[k] || k / K == g || ch[k] != ch[SD(g, i)] ||
						sends[k] == sends[SD(g, i)]);
					k++
				:: else -> break
				od;
				i++
			:: else -> break
			od;
			g++
		:: else -> break
		od
	}
}

#define one(g, what, c) does[g] = what; ncases[g] = 1; ch[SD(g, 0)] = c; sends[SD(g, 0)] = (what == Send); run G(g)
#define thecase(g, i, c, s) ch[SD(g, i)] = c; sends[SD(g, i)] = s
#define sel(g, n, how) does[g] = Select; ncases[g] = n; waits[g] = how; run G(g); run Commit(g)

init {
	atomic {
		cap[0] = CAP;
#if SCENE == 1
		thecase(0, 0, 0, 1); thecase(0, 1, 1, 0); sel(0, 2, Forever);
		thecase(1, 0, 0, 0); thecase(1, 1, 1, 1); sel(1, 2, Forever);
		one(2, Recv, 1)
#elif SCENE == 2
		thecase(0, 0, 0, 0); thecase(0, 1, 1, 0); thecase(0, 2, 1, 1); sel(0, 3, Timeout); run Timer(0);
		one(1, Send, 0);
		one(2, Send, 1);
		one(3, Recv, 1)
#elif SCENE == 3
		thecase(0, 0, 0, 0); thecase(0, 1, 0, 1); thecase(0, 2, 0, 0); sel(0, 3, Forever);
		thecase(1, 0, 0, 0); thecase(1, 1, 0, 1); sel(1, 2, Forever);
		one(2, Send, 0)
#elif SCENE == 4
		thecase(0, 0, 0, 0); thecase(0, 1, 0, 1); thecase(0, 2, 1, 1); sel(0, 3, Timeout); run Timer(0);
		one(1, Close, 0);
		one(2, Recv, 1);
		one(3, Send, 0)
#elif SCENE == 5
		thecase(0, 0, 0, 0); thecase(0, 1, 1, 1); sel(0, 2, Forever);
		thecase(1, 0, 0, 1); thecase(1, 1, 1, 0); sel(1, 2, Default);
		one(2, Close, 1)
#elif SCENE == 6
#ifdef TIMER
		thecase(0, 0, 0, 1); thecase(0, 1, 1, 0); sel(0, 2, Timeout); run Timer(0);
#else
		thecase(0, 0, 0, 1); thecase(0, 1, 1, 0); sel(0, 2, Forever);
#endif
		one(1, Recv, 0)
#endif
	}
}
