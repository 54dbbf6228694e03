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
	uint8_t n, *count = &gp->rtpending[runtime_isrealtime(sig) ? sig - FirstRealtime : 0];

	if (runtime_isrealtime(sig)) {
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
	uint8_t n, *count = &gp->rtpending[runtime_isrealtime(sig) ? sig - FirstRealtime : 0];

	if (!runtime_sigtake(&gp->sigpending, sig))
		return false;
	if (!runtime_isrealtime(sig))
		return true;
	do
		if ((n = load(count)) == 0)
			return false;
	while (!cas(count, n, (uint8_t)(n - 1)));
	if (n > 1)
		runtime_sigput(&gp->sigpending, sig);
	return true;
}

void runtime_nosignals(g *gp)
{
	gp->sigpending = 0;
	memset(gp->rtpending, 0, sizeof gp->rtpending);
}

/* ---- a goroutine waits in the kernel for signals that it blocks ---- */

int runtime_sigtothread(m *mp, int sig)
{
	return (int)arch_syscall3(SYS_tkill, mp->tid, sig, 0);
}

/*
 * sigwait and its like find one that waits with the goroutine on the thread, where only one is put for
 * each call: more might be left there, and the goroutine run on another next. gp->door, which
 * is open while gp->m is the thread that waits, says which: DoorSending until it is there.
 */
enum { DoorShut, DoorOpen, DoorSending, DoorSent, DoorStates };

void runtime_passin(g *gp, int sig)
{
	uint32_t what = (uint32_t)sig * DoorStates;

	if (!cas(&gp->door, (uint32_t)DoorOpen, what + DoorSending))
		return;
	if (runtime_takesig(gp, sig))
		runtime_sigtothread(gp->m, sig);
	store(&gp->door, what + DoorSent);
}

/* Shut again. The signal that was passed in, 0: none. */
static int shut(g *gp)
{
	while (load(&gp->door) % DoorStates == DoorSending)
		runtime_osyield();
	return (int)(xchg(&gp->door, (uint32_t)DoorShut) / DoorStates);
}

/* sig was passed in, and may still be there: the call has ended by something else. */
static void takeback(g *gp, int sig)
{
	static const struct timespec now;
	uint64_t set = sigbit(sig);
	long pid = arch_syscall3(SYS_getpid, 0, 0, 0);
	siginfo_t si;

	if (arch_syscall6(SYS_rt_sigtimedwait, (long)&set, (long)&si, (long)&now, 8, 0, 0) != sig)
		return;
	if (si.si_code == SI_TKILL && si.si_pid == pid)
		runtime_putsig(gp, sig);
	else
		arch_syscall3(SYS_rt_sigqueueinfo, pid, sig, (long)&si);
}

/* call(nr, ...), which waits for gp->sigwaits; on the thread where it began. */
long runtime_sigwaitcall(g *gp, syscallfn *call, long nr, long a, long b, long c, long d)
{
	uint64_t here;
	int sent;
	long r;

	store(&gp->door, (uint32_t)DoorOpen);
	here = load(&gp->sigpending) & gp->sigwaits; /* a sender sets its bit and then looks at the door */
	if (here)
		runtime_passin(gp, __builtin_ctzll(here) + 1);
	r = call(nr, a, b, c, d, 0, 0);
	sent = shut(gp);
	if (sent && r != sent)
		takeback(gp, sent);
	return r;
}
