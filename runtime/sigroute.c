/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * sigroute.c - which goroutine a signal is for.
 *
 * A signal to the process is the main thread's in C, unless that blocks it: its calls return EINTR,
 * its sigsuspend ends, and its sigsetjmp is where the handler may jump to. The kernel gives it to
 * any m. So the handler (runtime_routesignal) puts what came with it into slots[sig] and sends it
 * on to the m that the main goroutine is on, as CodeRouted, or leaves it with the main goroutine,
 * to be delivered when that runs next, and has sysmon wake it. A slot is in use from then until the
 * handler runs: what comes meanwhile is one with it, as with any pending signal.
 *
 * If main is parked where a signal does not end the wait (a channel, a mutex), the handler runs
 * where the signal came. But if that is in the middle of the runtime, where what the handler calls
 * might wait for a lock that is held right there, sysmon sends it there again (later), and gives
 * that thread time to get out: one that shares its CPU with sysmon may otherwise be struck each
 * time before it has gone on by one instruction. After MaxTries the program does nothing but call
 * the runtime.
 *
 * A signal to a goroutine (pthread_kill, raise) is a bit in its g->sigpending. But one that it
 * blocks and the program reads from a signalfd is sent to the process, where the kernel looks for
 * it. Who sets it pokes the m that the goroutine is on, if any, with the signal, as CodeGoroutine.
 * The handler runs if the bit is there, for the goroutine that is; else that has gone meanwhile,
 * and finds its bit where it runs next (runtime_setmask).
 *
 * Handlers must not take locks or park: they push the g on `waiting', of which
 * sysmon takes all at once, and kick sysmon. A g is never unmapped, and is on the
 * list once: sigqueued.
 */
#include "netpoll.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "context_amd64.h"

g *runtime_maing;

static g *waiting; /* atomic; linked by siglink */

/* What says in si_code that a signal was sent from here. Nobody else's; the kernel wants them negative. */
enum { CodeGoroutine = -0x676f01, CodeRouted = -0x676f02 };

/* Signals to the process on their way to the main goroutine. */
static uint64_t claimed; /* atomic; which slots are in use */
static struct {
	siginfo_t info;
	m *m;	      /* where it came to */
	uint16_t hops;	/* how often it was sent on: main may run away from it */
	uint16_t tries; /* and how often there again */
	bool waits;	/* it is counted in main's sigpending */
} slots[_NSIG] bigbss;

enum { MaxHops = 4, MaxTries = 2000, RetryUs = 50 };

static uint64_t later; /* atomic; slots that sysmon is to send to their m again */

static uint64_t readable; /* atomic; signals that there has been a signalfd for */

/* The slot is free. */
static bool unclaim(int sig)
{
	slots[sig].waits = false;
	return runtime_sigtake(&claimed, sig);
}

static inline bool inslot(g *gp, int sig)
{
	return gp == runtime_maing && sig < (int)nelem(slots) && (load(&claimed) & sigbit(sig));
}

/* ---- sending ---- */

static int tgqueue(long pid, m *mp, int sig, const siginfo_t *si)
{
	return (int)arch_syscall6(SYS_rt_tgsigqueueinfo, pid, mp->tid, sig, (long)si, 0, 0);
}

static bool unpoke(m *mp)
{
	uint32_t n;

	do
		if ((n = load(&mp->poked)) == 0)
			return false;
	while (!cas(&mp->poked, n, n - 1));
	return true;
}

static int poke(m *mp, int sig, int code)
{
	siginfo_t si = {.si_signo = sig, .si_code = code};
	bool counts = sig != SIGURG && runtime_handles(sig); /* preemption sends more; the kernel may drop it */
	int r;

	si.si_pid = (pid_t)arch_syscall3(SYS_getpid, 0, 0, 0); /* for the report of a fault that was sent */
	if (counts)
		xadd(&mp->poked, 1u);
	r = tgqueue(si.si_pid, mp, sig, &si);
	if (r < 0 && counts)
		unpoke(mp);
	return r;
}

/*
 * sig, whose bit is in the running goroutine's sigpending and which it does not
 * block, is for it now: when this returns its handler has run. The handler takes the bit, and it
 * may be there again by then; what has no handler would leave it.
 */
void runtime_releasesignal(g *gp, int sig)
{
	bool routed = inslot(gp, sig);

	store_rlx(&gp->receiving, true);
	if (poke(gp->m, sig, routed ? CodeRouted : CodeGoroutine) < 0 && runtime_takesig(gp, sig)) {
		if (routed)
			unclaim(sig);
		/* A filter of the program's refuses to queue it, or, of a real-time one, the kernel. */
		if (runtime_sigtothread(gp->m, sig) < 0)
			runtime_putsig(gp, sig);
	}
	store_rlx(&gp->receiving, false);
	if (!runtime_handles(sig))
		runtime_takesig(gp, sig);
}

static int sendself(int sig)
{
	return (int)arch_syscall3(SYS_kill, arch_syscall3(SYS_getpid, 0, 0, 0), sig, 0);
}

static bool isreadable(g *gp, int sig)
{
	return unlikely(load_rlx(&readable) & sigbit(sig)) && (load_rlx(&gp->sigmask) & sigbit(sig));
}

/* What waits with the running goroutine is there for the readers, too. */
void runtime_signalsread(uint64_t set)
{
	g *gp = getg();

	__atomic_fetch_or(&readable, set, __ATOMIC_SEQ_CST);
	for (int sig = 1; gp && set; sig++, set >>= 1)
		while ((set & 1) && isreadable(gp, sig) && runtime_takesig(gp, sig))
			sendself(sig);
}

/* raise. 0 or -errno. */
int runtime_signalself(int sig)
{
	g *gp = getg();

	if (!gp || !sig || gp->handling || gp == gp->m->g0 || gp->vforking)
		return (int)arch_syscall3(SYS_tkill, runtime_gettid(), sig, 0);
	if (isreadable(gp, sig))
		return sendself(sig);
	if (!runtime_putsig(gp, sig))
		return -EAGAIN;
	if (!(gp->sigmask & sigbit(sig)))
		runtime_releasesignal(gp, sig);
	return 0;
}

/*
 * kill of the own process, by the goroutine that its signals are for: C promises that one that is
 * not blocked is delivered before kill returns, so it is not left to the kernel which m gets it.
 * False: not such a case.
 */
bool runtime_signalown(int pid, int sig, const siginfo_t *si)
{
	g *gp = getg();

	if (!gp || gp != runtime_maing || gp->handling || (unsigned)sig - 1 >= nelem(slots) - 1 ||
	    gp->sigmask & sigbit(sig) || !runtime_handles(sig) ||
	    pid != arch_syscall3(SYS_getpid, 0, 0, 0))
		return false;
	store_rlx(&gp->receiving, true);
	tgqueue(pid, gp->m, sig, si);
	store_rlx(&gp->receiving, false);
	return true;
}

static void enlist(g *gp)
{
	if (xchg(&gp->sigqueued, 1u))
		return;
	do
		gp->siglink = load(&waiting);
	while (!cas(&waiting, gp->siglink, gp));
	runtime_sysmonkick();
}

/*
 * pthread_kill of a goroutine that is not the running one. 0 or -errno. Also from handlers. What cannot be
 * sent to its thread waits.
 */
int runtime_signalg(g *gp, int sig)
{
	m *mp;

	if (isreadable(gp, sig))
		return sendself(sig);
	if (!runtime_putsig(gp, sig))
		return -EAGAIN;
	mp = load(&gp->m);
	if (load_rlx(&gp->sigmask) & sigbit(sig)) {
		if (load(&gp->sigwaits) & sigbit(sig))
			runtime_passin(gp, sig);
		return 0;
	}
	if (!mp || poke(mp, sig, CodeGoroutine) < 0)
		enlist(gp);
	return 0;
}

/* In a child of fork, which has none of its parent's signals. */
cold void runtime_forksignals(void)
{
	for (g *gp = waiting; gp; gp = gp->siglink)
		gp->sigqueued = 0;
	waiting = NULL;
	claimed = later = 0;
}

void runtime_signaljoined(siginfo_t *si)
{
	si->si_code = CodeGoroutine;
}

/* The program no longer handles sig: what is on its way will not arrive. */
void runtime_forgetsignal(int sig)
{
	unclaim(sig);
}

/* ---- receiving ---- */

/* Neither of the thread's own doing nor about what it does. */
static bool toprocess(int sig, const siginfo_t *si)
{
	switch (sig) {
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
	case SIGSYS:
	case SIGPIPE:
	case SIGXFSZ:
	case SIGPROF:
	case SIGVTALRM:
		return false;
	}
	return si->si_code != SI_TKILL;
}

/* This thread's m: in the middle of a switch FS is at a g that has none. */
static m *thism(void)
{
	m *mp = getg()->m;
	int32_t tid;

	if (likely(mp != NULL))
		return mp;
	tid = runtime_gettid();
	for (mp = load_acq(&runtime_allm); mp && mp->tid != tid; mp = mp->alllink)
		;
	return mp;
}

/* This m was not interrupted in the program, asleep, or in a system call. */
static bool inruntime(m *mp, uintptr_t pc)
{
	g *gp = getg();

	return runtime_owntext(pc) && !load_rlx(&mp->resting) && !load_rlx(&gp->incall) &&
	       !load_rlx(&gp->receiving);
}

/*
 * gp is on this m but in the runtime: on the way to a system call or back, in a switch, or on g0.
 * A handler that jumped away from there would leave a p or a goroutine in
 * nobody's hand, so signals that are for gp wait, and come again in a moment.
 */
static bool intransit(g *gp, m *mp, uintptr_t pc)
{
	if (unlikely(!runtime_watching()))
		return false; /* nobody would send it again: a child of fork, alone */
	return getg() != gp || inruntime(mp, pc);
}

/* Not here, but where this m will be in a moment. */
static bool putoff(m *mp, int sig, uintptr_t pc)
{
	if (!inruntime(mp, pc) || slots[sig].tries == MaxTries || !runtime_watching())
		return false;
	slots[sig].tries++;
	slots[sig].m = mp;
	runtime_sigput(&later, sig);
	runtime_sysmonkick();
	return true;
}

/* The goroutine that signals to the process are for; NULL: whichever is interrupted. */
static g *receiver(int sig)
{
	g *gp = load_acq(&runtime_maing);

	return gp && gp->goid == 1 && load_rlx(&gp->status) != Gdead &&
			       !(load_rlx(&gp->sigmask) & sigbit(sig))
		       ? gp
		       : NULL;
}

/* What is in slots[sig] goes to gp, which is not running here. False: it cannot be woken, or too many wait. */
static bool sendon(g *gp, m *here, int sig)
{
	m *mp = load(&gp->m);

	if (mp && mp != here)
		return poke(mp, sig, CodeRouted) == 0;
	if (!mp && load_rlx(&gp->status) == Gwaiting && !runtime_iowaiting(gp))
		return false;
	if (slots[sig].waits)
		runtime_sigput(&gp->sigpending, sig);
	else if (!runtime_putsig(gp, sig))
		return false;
	slots[sig].waits = true;
	enlist(gp);
	return true;
}

/* What was left with main went another way: to its sigwait. */
static bool gone(int sig)
{
	return slots[sig].waits && !(load(&runtime_maing->sigpending) & sigbit(sig));
}

/* A signal to the process has come to this m. */
static bool route(m *mp, int sig, const siginfo_t *si, uintptr_t pc)
{
	g *gp = receiver(sig);

	if (!gp || sig >= (int)nelem(slots) || !toprocess(sig, si) ||
	    (load(&gp->m) == mp && !intransit(gp, mp, pc)))
		return false;
	/* One is on its way; of the real-time ones each counts, and this one's handler runs here. */
	if (runtime_sigput(&claimed, sig) && !gone(sig))
		return !runtime_isrealtime(sig);
	slots[sig].info = *si;
	slots[sig].m = mp;
	slots[sig].hops = slots[sig].tries = 0;
	slots[sig].waits = false;
	if (sendon(gp, mp, sig))
		return true;
	if (putoff(mp, sig, pc))
		return true;
	unclaim(sig);
	return false;
}

/* It was sent on to this m. Main may have gone, or be in the runtime: then it is sent again. */
static bool arrived(m *mp, int sig, siginfo_t *si, uintptr_t pc)
{
	g *gp = receiver(sig);
	bool here = gp && load(&gp->m) == mp;

	if (!(load(&claimed) & sigbit(sig)))
		return true;
	if (gp && here && intransit(gp, mp, pc))
		return sendon(gp, mp, sig);
	if (gp && !here && slots[sig].hops < MaxHops) {
		slots[sig].hops++;
		if (sendon(gp, mp, sig))
			return true;
	}
	if (putoff(mp, sig, pc))
		return true;
	if (slots[sig].waits)
		runtime_takesig(runtime_maing, sig);
	*si = slots[sig].info;
	return !unclaim(sig);
}

/* It is for a goroutine that was on this m when it was sent. */
static bool forgoroutine(m *mp, int sig, siginfo_t *si, uintptr_t pc)
{
	g *gp = load_rlx(&mp->curg);

	if (!gp || !(load(&gp->sigpending) & sigbit(sig)))
		return true;
	if (intransit(gp, mp, pc)) {
		enlist(gp);
		return true;
	}
	if (inslot(gp, sig) && !runtime_isrealtime(sig)) /* both are pending: it is one signal */
		return arrived(mp, sig, si, pc);
	si->si_code = SI_TKILL;
	si->si_pid = (pid_t)arch_syscall3(SYS_getpid, 0, 0, 0);
	si->si_uid = (uid_t)arch_syscall3(SYS_getuid, 0, 0, 0);
	return !runtime_takesig(gp, sig);
}

/*
 * What was sent from here says so, if it still does: above RLIMIT_SIGPENDING the kernel sends the
 * signal without its siginfo, as one of kill by process 0. Then it is by their number that they
 * are known, which is too high where two were pending as one: any that says so ends that.
 */
static int sentas(m *mp, int sig, const siginfo_t *si)
{
	if (likely(si->si_code == CodeRouted || si->si_code == CodeGoroutine)) {
		store_rlx(&mp->poked, 0u);
		return si->si_code;
	}
	if (likely(si->si_code != SI_USER || si->si_pid || sig == SIGURG || !unpoke(mp)))
		return si->si_code;
	return load(&claimed) & sigbit(sig) ? CodeRouted : CodeGoroutine;
}

/*
 * In a handler. True: it is not for who was interrupted, and the handler is done. Else
 * *si is what the program is to see.
 */
bool runtime_routesignal(int sig, siginfo_t *si, void *uc)
{
	uintptr_t pc = ctx_pc(uc);
	m *mp = getg() ? thism() : NULL;

	if (!mp)
		return false;
	switch (sentas(mp, sig, si)) {
	case CodeRouted:
		return arrived(mp, sig, si, pc);
	case CodeGoroutine:
		return forgoroutine(mp, sig, si, pc);
	}
	return route(mp, sig, si, pc);
}

/* ---- sysmon ---- */

/* The main goroutine cannot be woken: back to where the signal came, if it was to the process. */
static void sendback(g *gp, int sig)
{
	if (!inslot(gp, sig) || !runtime_takesig(gp, sig))
		return;
	slots[sig].waits = false;
	slots[sig].hops = MaxHops;
	poke(slots[sig].m, sig, CodeRouted);
}

static void wake(g *gp)
{
	uint64_t sigs = load(&gp->sigpending) & ~load_rlx(&gp->sigmask);
	uint32_t status = load_acq(&gp->status);
	m *mp = load(&gp->m);

	if (!sigs || status == Grunnable || (!mp && status != Gwaiting))
		return;
	if (!mp && (runtime_iointerrupt(gp) || runtime_addrinterrupt(gp)))
		return;
	for (int sig = 1; sigs; sig++, sigs >>= 1) {
		if (!(sigs & 1))
			continue;
		if (mp) /* it is on one after all */
			poke(mp, sig, inslot(gp, sig) ? CodeRouted : CodeGoroutine);
		else
			sendback(gp, sig);
	}
}

/* To where the last try was; is that thread gone, to any. */
static void sendlater(void)
{
	uint64_t sigs = xchg(&later, UINT64_C(0));

	runtime_usleep(RetryUs);
	for (int sig = 1; sigs; sig++, sigs >>= 1)
		if ((sigs & 1) && poke(slots[sig].m, sig, CodeRouted) < 0) {
			unclaim(sig);
			sendself(sig);
		}
}

/* Wake those that signals were left with. On sysmon. */
void runtime_sigpoll(void)
{
	g *gp, *next;

	if (load_rlx(&later))
		sendlater();
	if (!load_rlx(&waiting))
		return;
	for (gp = xchg(&waiting, NULL); gp; gp = next) {
		next = gp->siglink;
		store(&gp->sigqueued, 0u);
		wake(gp);
	}
}
