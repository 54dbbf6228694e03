/* SPDX-License-Identifier: MIT */
/*
 * sysmon.c - the thread that watches, without a p: it takes ps back from long
 * system calls, preempts slices that are used up, starts an m for timers that
 * nobody looks at, looks at descriptors that nobody looks at, wakes goroutines
 * that signals were left with, and tries again to make a thread where one was refused. It
 * looks every 20 us while that finds something to do, and up to every 5 ms while it
 * does not. (Go looks every 10 ms: then a slice that
 * began just after a look is taken after 20 ms at the earliest.) Once no p has
 * run for two of the slow looks it sleeps until one does. Not as soon as none
 * runs, as Go's: a server that waits a moment between two batches of requests
 * would wake it for each, and it would take the CPU from the server 5,000 times
 * a second [measured: an eighth of all its time]. While main is alone there is
 * nothing to watch: its m is made by runtime_main, as in Go, its thread by the first
 * runtime_watch; in a child of fork too, which may just go on to exec.
 */
#include "sched.h"
#include "netpoll.h"
#include "signals.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

enum { SliceNs = 10 * 1000 * 1000, FastUs = 20, SlowUs = 5 * 1000, PatienceRounds = 50 };
enum { ScavengeNs = 1000 * 1000 * 1000, ForeignWaitNs = 100 * 1000 * 1000, RetryNs = SliceNs, PollNs = SliceNs };

/* What was seen of each p at the last look; only sysmon's. */
struct seen {
	uint32_t schedtick, syscalltick;
	int64_t schedwhen, syscallwhen;
};
static struct seen seen[MaxProcs] bigbss;

static char stack[MStackSize] __attribute__((aligned(64))) bigbss;

static int64_t slicens(void)
{
	return runtime_debug.slice > 0 ? runtime_debug.slice * INT64_C(1000) : SliceNs;
}

/* Its goroutine is to be cancelled wherever it is. */
static bool cancelled(p *pp)
{
	m *mp = load_acq(&pp->m);
	g *gp = mp ? load_acq(&mp->curg) : NULL;

	return gp && runtime_cancelasync(gp);
}

/* Somebody could run on pp if its goroutine did not. */
static bool wanted(p *pp, int64_t now)
{
	int64_t when = load_rlx(&pp->timer0when);

	return !runtime_runqempty(pp) || load_rlx(&runtime_sched.runqsize) ||
	       load_rlx(&runtime_sched.gcwaiting) || (when && when <= now) || cancelled(pp) || DEBUG;
}

/*
 * A used-up slice is asked for at every look until the goroutine changes. It is
 * taken by a signal only if somebody wants it: system calls made behind our
 * back feel one.
 */
static void needslice(p *pp, uint32_t status, struct seen *o, int64_t now)
{
	uint32_t t = load_rlx(&pp->schedtick);

	if (o->schedtick != t) {
		o->schedtick = t;
		o->schedwhen = now;
	} else if (now - o->schedwhen < slicens()) {
		return;
	} else if (status == Prunning && wanted(pp, now)) {
		runtime_preemptone(pp);
	} else {
		store_rlx(&pp->preempt, true);
	}
}

/* Every p idles, and none has run anything since the last look that found them so. */
static bool atrest(void)
{
	static uint32_t last;
	uint32_t ticks = 0;
	int32_t procs = load_acq(&runtime_gomaxprocs);
	bool same;

	if (load(&runtime_sched.npidle) != (uint32_t)procs)
		return false;
	for (int32_t i = 0; i < procs; i++) {
		p *pp = load_acq(&runtime_allp)[i];

		ticks += load_rlx(&pp->schedtick) + load_rlx(&pp->nswitch);
	}
	same = ticks == last;
	last = ticks;
	return same;
}

/* True when pp was taken from its system call and handed on. */
static bool retakesyscall(p *pp, struct seen *o, int64_t now)
{
	uint32_t t = load_rlx(&pp->syscalltick);

	if (o->syscalltick != t) {
		o->syscalltick = t;
		o->syscallwhen = now;
		return false;
	}
	/* With nothing to run and others looking for work it may keep it a while. */
	if (runtime_runqempty(pp) &&
	    load(&runtime_sched.nmspinning) + load(&runtime_sched.npidle) > 0 &&
	    now - o->syscallwhen < SliceNs)
		return false;
	if (!cas(&pp->status, (uint32_t)Psyscall, (uint32_t)Pidle))
		return false;
	pp->syscalltick++;
	runtime_handoffp(pp);
	return true;
}

static int retake(int64_t now)
{
	int32_t procs = load_acq(&runtime_gomaxprocs);
	int n = 0;

	for (int32_t i = 0; i < procs; i++) {
		p *pp = load_acq(&runtime_allp)[i];
		uint32_t s = load_acq(&pp->status);

		if (s == Prunning || s == Psyscall)
			needslice(pp, s, &seen[i], now);
		if (s == Psyscall)
			n += retakesyscall(pp, &seen[i], now);
	}
	return n;
}

/*
 * Work waits for its p while another p may be idle. Who makes a g runnable sees to
 * that (wakep); a yield and the end of a slice do not, for a barrier and the
 * wake-up of a thread cost more than a switch. So it may last until we look.
 */
static bool stranded(void)
{
	int32_t n = load_acq(&runtime_gomaxprocs);
	bool work = load_rlx(&runtime_sched.runqsize) > 0;

	for (int32_t i = 0; i < n && !work; i++) {
		p *pp = load_acq(&runtime_allp)[i];

		work = load_rlx(&pp->runqhead) != load_rlx(&pp->runqtail) ||
		       load_rlx(&pp->younghead) != load_rlx(&pp->youngtail);
	}
	return work;
}

/* How long to sleep when nobody runs. After sysmonwait was set, for readyforeign may be at it. */
static int64_t deeptimeout(void)
{
	if (load(&runtime_sched.newmfailed))
		return RetryNs;
	return runtime_foreignthreads(runtime_mcount()) > 0 ? ForeignWaitNs : -1;
}

/*
 * No p runs: sleep until one does. Before that, and each time the sleep was
 * limited, see whether one ever will. Not after a kick later than the one seen.
 * True when woken, false when the time was up or a p runs already.
 */
static bool deepsleep(uint32_t kick)
{
	struct sched *s = &runtime_sched;
	int64_t ns;
	bool woken;

	runtime_lock(&s->lock);
	if (!load(&s->gcwaiting) && (load(&s->npidle) != (uint32_t)runtime_gomaxprocs ||
				     (load(&s->newmfailed) && stranded()))) {
		runtime_unlock(&s->lock);
		return false;
	}
	runtime_checkdead();
	store(&s->sysmonwait, 1);
	ns = deeptimeout();
	runtime_unlock(&s->lock);
	if (load(&s->sysmonkick) == kick)
		runtime_notetsleep(&s->sysmonnote, ns);
	woken = !xchg(&s->sysmonwait, 0);
	if (woken)
		runtime_notesleep(&s->sysmonnote); /* the waker may be on its way still */
	runtime_noteclear(&s->sysmonnote);
	return woken;
}

/* Wake sysmon if it sleeps; one of several callers does it. */
bool runtime_sysmonwake(void)
{
	if (!xchg(&runtime_sched.sysmonwait, 0))
		return false;
	runtime_notewakeup(&runtime_sched.sysmonnote);
	return true;
}

void runtime_sysmonkick(void)
{
	xadd(&runtime_sched.sysmonkick, 1);
	runtime_futexwakeup(&runtime_sched.sysmonkick, 1);
	runtime_sysmonwake();
}

/* A timer is due and its p's m is busy, a thread is missing, or work waits: an idle p sees to it. */
static void startidle(int64_t now)
{
	struct sched *s = &runtime_sched;
	int64_t when;

	if (!load(&s->npidle))
		return;
	if (xchg(&s->newmfailed, false) || ((when = runtime_nexttimer()) && when < now))
		runtime_startm(NULL, false);
	else if (stranded())
		runtime_wakep();
}

static uint32_t slowest(void)
{
	uint32_t slice = (uint32_t)runtime_debug.slice;

	return slice && slice < SlowUs ? slice : SlowUs;
}

static void sysmon(void)
{
	int64_t scavenged = 0, polled = 0, now;
	uint32_t idle = 0, delay = FastUs, kick;

	if (runtime_debug.slice)
		arch_syscall3(SYS_prctl, PR_SET_TIMERSLACK, 1, 0);
	for (;;) {
		kick = load(&runtime_sched.sysmonkick);
		runtime_sigpoll();
		runtime_sempoll();
		delay = idle == 0 ? FastUs : idle > PatienceRounds ? delay * 2 : delay;
		if (delay > slowest())
			delay = slowest();
		runtime_futexsleep(&runtime_sched.sysmonkick, kick, delay * INT64_C(1000));
		if ((load(&runtime_sched.gcwaiting) || (delay == slowest() && atrest())) &&
		    deepsleep(kick)) {
			idle = 0;
			delay = FastUs;
		}
		now = runtime_nanotime();
		startidle(now);
		if (now - polled > PollNs) {
			polled = now;
			runtime_netpollstale();
		}
		idle = retake(now) ? 0 : idle + 1;
		if (now - scavenged > ScavengeNs) {
			scavenged = now;
			runtime_gfscavenge();
		}
	}
}

/* By runtime_main and in a child of fork. The thread follows when there is something to watch: see runtime_newm. */
void runtime_startsysmon(void)
{
	runtime_lock(&runtime_sched.lock);
	runtime_sched.nmsys++;
	runtime_unlock(&runtime_sched.lock);
	if (!runtime_newm(sysmon, NULL, false, stack))
		runtime_fatal("out of memory for sysmon");
}
