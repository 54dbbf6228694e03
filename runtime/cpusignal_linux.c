/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * cpusignal_linux.c - a signal to a thread that runs which ends no system call: by a timer
 * on the thread's own CPU time, set to the next nanosecond.
 *
 * Why it ends none. Such a timer is looked at by the clock's tick on the CPU that the thread
 * runs on. What is due is not sent from there: it is noted as work that the thread itself has
 * to do before it goes back to user mode (POSIX_CPU_TIMERS_TASK_WORK, on x86-64 from Linux
 * 5.9 on), and such work, unlike a signal, does not wake who sleeps in a call nor
 * keep him from going to sleep. So the thread sends the signal to itself, at the end of the tick
 * when that came in user mode, at the end of the call when it came in one, whose result
 * is there by then. A thread that does not run has no ticks and gets no signal. (Before 5.9 a
 * tick that comes in a call sends the signal from there, as tgkill would.)
 *
 * It comes a tick late: up to 4 ms where there are 250 of them a second.
 *
 * m->cputimer belongs to its sender, who holds m->raw.busy. A timer is made when an m is first
 * sent one and deleted with its thread; one of a thread that is gone is noticed by the
 * kernel. A child of fork has none.
 */
#include "runtime.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

enum { PerThread = 4, SchedClock = 2 }; /* of a clock's number: below the thread's, inverted */

static const char ours; /* its address tells our timers' signals from the program's */

bool runtime_iscpusignal(const siginfo_t *si)
{
	return si->si_code == SI_TIMER && si->si_value.sival_ptr == (void *)&ours;
}

static bool make(m *mp)
{
	struct sigevent ev = {.sigev_signo = SIGURG, .sigev_notify = SIGEV_THREAD_ID};
	long clock = (long)(~(unsigned)mp->tid << 3 | PerThread | SchedClock);
	int32_t id;

	ev.sigev_value.sival_ptr = (void *)&ours;
	ev.sigev_notify_thread_id = mp->tid;
	if (arch_syscall3(SYS_timer_create, (int)clock, (long)&ev, (long)&id) < 0)
		return false;
	mp->cputimer = id + 1;
	return true;
}

static void drop(m *mp)
{
	if (mp->cputimer)
		arch_syscall3(SYS_timer_delete, mp->cputimer - 1, 0, 0);
	mp->cputimer = 0;
}

static bool set(m *mp)
{
	struct itimerspec soon = {.it_value.tv_nsec = 1};

	return mp->cputimer &&
	       arch_syscall6(SYS_timer_settime, mp->cputimer - 1, 0, (long)&soon, 0, 0, 0) == 0;
}

/* mp's thread gets SIGURG when it has run a little more. False: no timer is to be had. */
bool runtime_cpusignal(m *mp)
{
	if (likely(set(mp)))
		return true;
	drop(mp);
	return make(mp) && set(mp);
}

/* mp's thread ends; a sender may be at it. */
void runtime_cpusignalend(m *mp)
{
	while (!cas(&mp->raw.busy, 0u, 1u))
		runtime_osyield();
	drop(mp);
	store_rel(&mp->raw.busy, 0u);
}
