/* SPDX-License-Identifier: MIT */
/*
 * sched.h - the scheduler's own: what the files of sched/ share, and no other room
 * includes. What runtime/ may call of it is at the end of runtime.h.
 */
#ifndef SCHED_H
#define SCHED_H

#include "runtime.h"

/* sched.lock guards what is not said to be atomic. */
struct sched {
	mutex lock;
	m *midle; /* idle ms waiting for work, last in first out */
	int32_t nmidle, nmidlelocked;
	int64_t mnext; /* ms made so far, also the next id */
	m *mfree;      /* ended, to be used again */
	int32_t nmfreed, nmsys; /* ms that ended; system ms, not counted for deadlock */
	p *pidle;
	int32_t pused;	     /* atomic reads; ps so far given out. Those from it to gomaxprocs are idle too, and all zero */
	uint32_t npidle;     /* atomic */
	uint32_t nmspinning; /* atomic */
	g *runqhead, *runqtail; /* global run queue */
	int32_t runqsize;	/* atomic reads */
	m *mainm;		/* its thread is the process's first, and cannot end alone; constant but for fork */
	bool newmfailed;	/* atomic; a thread is wanted: sysmon is to start one */

	mutex gflock; /* the global free gs and allgs */
	g **gfree;    /* ngfree of them, room for all on allgs */
	int32_t ngfree;
	int32_t ntrimmed; /* so many of the oldest were looked at by gfscavenge */
	int32_t ngfreebig; /* atomic; dead gs with other stacks, see stack.c */

	uint32_t gcwaiting; /* atomic; somebody wants the world stopped */
	int32_t stopwait;   /* ps yet to stop */
	note stopnote;
	g *mainleft;	     /* atomic; main, when it waits in runtime_leavemain */
	m *sysmonm;	     /* atomic; sysmon's, while it has no thread yet; then NULL */
	uint32_t sysmonwait; /* atomic; sysmon sleeps on sysmonnote */
	note sysmonnote;
	uint32_t sysmonkick; /* futex: changed to have sysmon look at once */

	alignas(64) uint64_t goidgen; /* atomic */

	/* In a child of fork that does not have the main goroutine; atomic. */
	uint32_t nomain;
	int32_t ngo; /* goroutines that have not ended */
};
extern struct sched runtime_sched;

/* ---- sched/allg.c ---- */
int runtime_gcount(void);
void runtime_forkallgs(void); /* there are none */

/* ---- sched/proc.c: goroutines ---- */
void runtime_newproc(void (*const *fn)(void *));
_Noreturn void runtime_main(void *unused);
void runtime_goready(g *gp);
void runtime_gosched0(g *gp); /* for mcall */
_Noreturn void runtime_goexit(void); /* ends the running goroutine */
struct arch_call runtime_goend(void); /* the same; returns as another goroutine, which is to make that call */
void runtime_finishswitch(m *mp);
void runtime_gfpurge(p *pp);
void runtime_gfscavenge(void);
void runtime_spawncopy(const char *call, void (*fn)(void *), const void *data, size_t n, uintptr_t pc);
/*
 * fn(arg) on a new goroutine of pp, which the caller's m holds, on g0 or not: as if started at pc by
 * a goroutine with that number and mask. False: out of memory.
 */
bool runtime_spawnfrom(p *pp, void (*fn)(void *), void *arg, uintptr_t pc, uint64_t parentid,
		       uint64_t sigmask);

/* ---- sched/panic.c ---- */
void runtime_rundefers(void); /* all of the running goroutine's deferred calls */

/* ---- sched/runq.c ---- */
void runtime_runqput(p *pp, g *gp, bool next);
void runtime_runqspawn(p *pp, g *gp); /* new, and next in line */
void runtime_runqage(p *pp);	      /* all that would go before the ring goes behind it */
g *runtime_runqget(p *pp, bool *inherit);
g *runtime_runqsteal(p *pp, p *from, bool stealnext);
bool runtime_runqempty(p *pp);
void runtime_globrunqput(g *gp);     /* sched.lock held */
void runtime_globrunqputhead(g *gp); /* sched.lock held */
g *runtime_globrunqwired(void);	     /* sched.lock held */
g *runtime_globrunqget(p *pp, int32_t max); /* sched.lock held; up to max, the rest to pp */

/* ---- sched/schedule.c ---- */
_Noreturn void runtime_schedule(void);
_Noreturn void runtime_execute(g *gp, bool inherit);
g *runtime_findrunnable(bool *inherit); /* blocks until there is one */
void runtime_ready(g *gp, bool next);
void runtime_readydue(g **v, uint32_t n); /* the time that they slept for is over; on an m with a p */
void runtime_readyforeign(g *gp); /* the same from a thread without a p */
void runtime_wakep(void);
void runtime_injectglist(struct glist *l); /* parked gs become runnable; with a p or without */
void runtime_resetspinning(void);

/* ---- sched/m.c ---- */
_Noreturn void runtime_mstart0(void);
void runtime_mstart1(void);
void runtime_mstartm0(void);
_Noreturn void runtime_mexit(bool osstack);
void runtime_mcommoninit(m *mp, int64_t id);
bool runtime_newm(void (*fn)(void), p *pp, bool spinning, void *stack);
bool runtime_newsysm(void (*fn)(void));
bool runtime_newthread(m *mp);
void runtime_msleep(m *mp); /* until woken by its note, on g0 and with no lock */
void runtime_stopm(void);
void runtime_startm(p *pp, bool spinning);
void runtime_handoffp(p *pp);
void runtime_stoplockedm(void);
void runtime_startlockedm(g *gp);
void runtime_mput(m *mp);  /* sched.lock held */
m *runtime_mget(void);	   /* sched.lock held */
int32_t runtime_mcount(void);
void runtime_checkdead(void); /* sched.lock held */

/* ---- sched/p.c ---- */
void runtime_schedinit(void);
void runtime_procresize(int32_t n); /* world stopped, sched.lock held */
void runtime_acquirep(p *pp);
p *runtime_releasep(void);
void runtime_pidleput(p *pp); /* sched.lock held */
p *runtime_pidleget(void);    /* sched.lock held */
void runtime_gcstopm(void);
void runtime_forkps(void); /* stopped, and emptied */

/* ---- sched/service.c ---- */
enum { NoService, ServiceBegins, ServiceThere };
struct service {
	uint32_t state; /* atomic */
	m *asked;	/* atomic; newest first */
	uint32_t wake;	/* futex: counts requests */
};
static inline bool runtime_serves(struct service *s)
{
	return load_acq(&s->state) == ServiceThere;
}
void runtime_ask(struct service *s, m *mp);
_Noreturn void runtime_serve(struct service *s, void (*serve)(m *mp));

/* ---- sched/template.c ---- */
void runtime_starttemplate(void);
bool runtime_templatenewm(m *mp);
void runtime_forktemplate(void);

/* ---- sched/preempt.c ---- */
bool runtime_callable(g *gp, uintptr_t sp);
void runtime_preemptone(p *pp); /* ask pp's m for its slice, with or without its goroutine's help */

/* ---- sched/rawlook.c ---- */
void runtime_rawsend(m *mp); /* the signal, unless it would be felt */
void runtime_forklooker(void);

/* ---- sched/rawcall.c ---- */
bool runtime_rawredoable(m *mp, const struct rawcall *seen); /* the call may be made again */
bool runtime_rawredo(ucontext_t *uc, m *mp);
bool runtime_rawagain(ucontext_t *uc, m *mp);

/* ---- sched/sysmon.c ---- */
void runtime_startsysmon(void); /* unless it runs */
bool runtime_sysmonwake(void); /* if it sleeps; sched.lock not needed */

/* ---- sched/time.c ---- */
/*
 * A timer: its owner's memory, a stack frame will do; zeroed before first use,
 * then fn and arg set. On at most one heap. The owner sees to it that no two calls
 * of add, del and mod for one timer run at once.
 *
 * fn runs once a firing, on g0 of an m with a p, without any lock: it may take
 * locks, ready goroutines and use go_chan_trysend. It must not park, nor delete
 * its own timer. The runtime does not touch *t after fn was entered: fn may ready
 * the owner, whose frame may be gone before fn returns.
 */
struct timer {
	void (*fn)(struct timer *, int64_t now);
	void *arg;
	int64_t when;	/* under the heap's lock while on one; what it is for when not yet */
	int64_t period; /* > 0: fires again that much later, without drift */
	p *pp;		/* atomic; whose heap it is on or was last, see lockheap */
	uint32_t slot;	/* its index in that heap and one, 0: on none; under the heap's lock */
	bool lasting;	/* not some goroutine's: goes on in a child of fork */
};
/*
 * The heap has, or gets, room for what this goroutine adds next without parking in between; false: out of
 * memory. Who adds without asking dies where there is none.
 */
bool runtime_timerroom(void);
void runtime_nap(int64_t until); /* what is left then: to sleep on the thread, without the p */
bool runtime_napbriefly(int64_t deadline); /* ... for a moment, not beyond; true: it is past */
void runtime_addtimer(struct timer *t, int64_t when); /* t is on no heap */
/*
 * True: t was pending and is no more. False: it was not: it fired or was never
 * added. Either way its fn is not running any more: so not to be called with a
 * lock that fn takes.
 */
bool runtime_deltimer(struct timer *t);
bool runtime_modtimer(struct timer *t, int64_t when, int64_t period); /* deltimer, then added anew */
int64_t runtime_checktimers(p *pp, int64_t now); /* runs what is due; when the next is, 0 for none */
int64_t runtime_nexttimer(void); /* over all ps; 0 for none */
void runtime_movetimers(p *from, p *to);
void runtime_forktimers(void);
bool runtime_idlesleep(int64_t until, struct glist *l);
bool runtime_idlesleeping(void); /* an m is at that: it will do nothing without a p */
void runtime_timerwake(int64_t when);	/* a timer for when was added: the sleeper must not oversleep it */

/* ---- sched/sema.c ---- */
struct sudog { /* one g waiting for one thing; on its stack */
	g *g;
	union {
		struct { /* sema.c; under the root's lock */
			const void *addr;
			struct sudog *parent, *left, *right; /* treap */
			struct sudog *waitlink, *waittail;   /* others for the same address */
			uint32_t ticket;
			bool granted;
		};
		struct { /* chan.c, select.c; under the channel's lock */
			struct sudog *next, *prev; /* the channel's queue, a ring; next NULL: on none */
			void *elem;	    /* the waiter's variable, NULL: wants none */
			struct select *sel; /* NULL: one operation alone */
			go_chan *c;	    /* with sel only, as issend */
			bool issend;
			bool success; /* the waker's: served; false: woken by close */
		};
	};
};
void runtime_semainit(void);
void runtime_forksema(void);
void runtime_semacquire(uint32_t *addr, bool lifo, enum waitreason why);
void runtime_semrelease(uint32_t *addr, bool handoff);

/* gp was left behind by a fork: it exists no more, though what it queued itself on may not know. */
static inline bool runtime_gone(g *gp)
{
	return unlikely(load_rlx(&runtime_forks)) && gp->forks != runtime_forks;
}

/*
 * There is one p, and the caller holds it: whatever only holders of a p touch is
 * the caller's, and needs no atomic read-modify-write. It stays so until the p is
 * let go, for GOMAXPROCS changes with the world stopped, and a p changes hands
 * by operations that order memory. sysmon and threads without a p only look. The
 * debug build always takes the other way.
 */
static inline bool runtime_alone(void)
{
	return likely(load_rlx(&runtime_onlyp) != NULL);
}

/* There is more than main alone from now on: see runtime_startwatch. */
static inline void runtime_watch(void)
{
	if (unlikely(load_rlx(&runtime_sched.sysmonm) != NULL))
		runtime_startwatch();
}

/* A cheap random number; on an m. */
static inline uint64_t runtime_rand(m *mp)
{
	uint64_t x = mp->rand;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return mp->rand = x;
}

#endif
