/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * sigpend.c - the signals that wait with a goroutine, and the one that waits for them in the kernel.
 */
#include "signals.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

/* ---- a bit, and of the real-time signals how many ---- */

/* The count before the bit: who takes the bit meanwhile finds the count, and puts it back. False: there are too many. */
bool runtime_putsig(g *gp, int sig)
{
	uint8_t n, *count;

	if (runtime_isrealtime(sig)) {
		count = &gp->rtpending[sig - FirstRealtime];
		do
			if ((n = load(count)) == UINT8_MAX)
				return false;
		while (!cas(count, n, (uint8_t)(n + 1)));
	}
	runtime_sigput(&gp->sigpending, sig);
	return true;
}

/* One of those that are; false: there is none. */
bool runtime_takesig(g *gp, int sig)
{
	uint8_t n, *count;

	if (!runtime_sigtake(&gp->sigpending, sig))
		return false;
	if (!runtime_isrealtime(sig))
		return true;
	count = &gp->rtpending[sig - FirstRealtime];
	do
		if ((n = load(count)) == 0)
			return false;
	while (!cas(count, n, (uint8_t)(n - 1)));
	if (n > 1)
		runtime_sigput(&gp->sigpending, sig);
	return true;
}

unsigned runtime_howmany(g *gp, int sig)
{
	if (!(load(&gp->sigpending) & sigbit(sig)))
		return 0;
	return runtime_isrealtime(sig) ? load(&gp->rtpending[sig - FirstRealtime]) : 1;
}

void runtime_nosignals(g *gp)
{
	gp->sigpending = gp->sigwaits = 0;
	gp->door = 0;
	memset(gp->rtpending, 0, sizeof gp->rtpending);
}

int runtime_sigtothread(m *mp, int sig)
{
	return (int)arch_syscall3(SYS_tkill, mp->tid, sig, 0);
}

bool runtime_sentbyus(const siginfo_t *si)
{
	return si->si_code == SI_TKILL && si->si_pid == (int)arch_syscall3(SYS_getpid, 0, 0, 0);
}

void runtime_givepending(g *gp)
{
	uint64_t now = load(&gp->sigpending);

	for (int sig = 1; now; sig++, now >>= 1)
		while ((now & 1) && runtime_takesig(gp, sig))
			runtime_sigtothread(gp->m, sig);
}

/* ---- a goroutine waits in the kernel for signals that it blocks ---- */

/*
 * sigwait and its like find one that waits with the goroutine on the thread, where only one is put for
 * each call: more might be left there, and the goroutine run on another next. gp->door says how far that
 * is: which signal, and a state. The goroutine opens and shuts it, and stays on its thread in
 * between; whoever makes it DoorSending owns it until DoorSent.
 */
enum { DoorShut, DoorOpen, DoorSending, DoorSent, DoorStates };

void runtime_passin(g *gp, int sig)
{
	uint32_t what = (uint32_t)sig * DoorStates;
	bool sent;

	if (!cas(&gp->door, (uint32_t)DoorOpen, what + DoorSending))
		return;
	sent = runtime_takesig(gp, sig);
	if (sent && runtime_sigtothread(gp->m, sig) < 0) { /* none can be queued now */
		runtime_putsig(gp, sig);
		sent = false;
	}
	store(&gp->door, sent ? what + DoorSent : (uint32_t)DoorOpen);
}

/* The signal that was passed in and may still be there goes back to where it came from. */
static void takeback(g *gp, int sig)
{
	static const struct timespec now;
	uint64_t set = sigbit(sig);
	long pid = arch_syscall3(SYS_getpid, 0, 0, 0);
	siginfo_t si;

	if (arch_syscall6(SYS_rt_sigtimedwait, (long)&set, (long)&si, (long)&now, 8, 0, 0) != sig)
		return;
	if (runtime_sentbyus(&si))
		runtime_putsig(gp, sig);
	else if (arch_syscall3(SYS_rt_sigqueueinfo, pid, sig, (long)&si) < 0) /* kill's, but for the first thread */
		arch_syscall3(SYS_kill, pid, sig, 0);
}

/* The wait is over, the goroutine still on its thread. fetched: what was passed in, if it is that; else 0. */
static void shut(g *gp, long fetched)
{
	uint32_t was;

	while (load(&gp->door) % DoorStates == DoorSending)
		runtime_osyield();
	was = xchg(&gp->door, (uint32_t)DoorShut);
	if (was % DoorStates == DoorSent && was / DoorStates != fetched)
		takeback(gp, (int)(was / DoorStates));
}

/* By a jump or pthread_exit, perhaps. */
void runtime_sigwaitleft(g *gp)
{
	if (likely(!gp->sigwaits))
		return;
	store(&gp->sigwaits, UINT64_C(0));
	shut(gp, 0);
}

/* rt_sigtimedwait or rt_sigsuspend, which waits for gp->sigwaits. */
long runtime_sigwaitcall(g *gp, syscallfn *call, long nr, long a, long b, long c, long d)
{
	siginfo_t si = {0}, *out = (siginfo_t *)b;
	bool fetches = nr == SYS_rt_sigtimedwait;
	uint64_t here;
	long r;

	store(&gp->door, (uint32_t)DoorOpen);
	here = load(&gp->sigpending) & gp->sigwaits; /* a sender sets its bit and then looks at the door */
	if (here)
		runtime_passin(gp, __builtin_ctzll(here) + 1);
	r = call(nr, a, fetches ? (long)&si : b, c, d, 0, 0);
	if (fetches && r > 0 && out)
		*out = si;
	shut(gp, fetches && runtime_sentbyus(&si) ? r : 0);
	return r;
}
