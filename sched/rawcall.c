/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * rawcall.c - system calls made behind our back: by an inlined system call of
 * libc's or the program's own. The m sleeps in the kernel with its p, and the p
 * is lost to others until somebody notices that the slice is over.
 *
 * Then the m is signalled, as for any slice, and the call is made again by
 * runtime_asynccall as one that may block, the p given away:
 *
 * - A call that the kernel restarts has the context at its instruction again, the
 *   number in place. It was not made, as far as anybody can see.
 * - One that it never restarts after a handler returned -EINTR, and its
 *   number is lost. So the sender looks first: /proc has the number, the
 *   arguments, sp and pc of a thread that is blocked in a call (rawlook.c). It leaves them in
 *   m->raw, and when the handler finds the same arguments, sp and pc, it makes
 *   the same call again. A time-out that the kernel does not count down itself
 *   is shortened by the time since the call was seen: it ends late by what it had
 *   waited before, never early. (Of two calls alike it cannot be told which was seen
 *   before: only the last look counts.)
 *
 * Nothing else is interrupted. For a signal that ended any other call, one entered after the
 * look, could not be made good: the number is lost, and the program would see EINTR though it had no
 * signal. So an m that is not blocked is signalled by a timer on its CPU time, which never
 * ends a call (runtime/cpusignal_linux.c has the proof): it takes the signal in
 * user mode, a tick late, or goes to sleep in its call undisturbed, and the next look finds it
 * there. One that is blocked in the call that was seen is signalled at once, within microseconds
 * of the look (FreshNs). It would have to be woken, come back, and enter another
 * call meanwhile, having been in the first one for the rest of a slice: that is the
 * one way left. It closes only with a number that outlives the call: the kernel's syscall user
 * dispatch would have it, and slow down every call of every program.
 *
 * A call of the runtime's own is not interrupted either, least of all one that is made
 * again. Once signalled the m is not blocked until it has taken the signal: there is no second
 * one on its way when the call is made again.
 *
 * Only calls that are known not to be about the thread itself are made again: the
 * goroutine may return from them on another m. An m in any other call is not
 * signalled at all.
 */
#include "sched.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "context_amd64.h"

/* What making a call again takes; arg says which argument it is about. */
enum again {
	Unknown, /* it must not be made again */
	Same,	 /* no time-out, an absolute one, or one that the kernel counts down */
	Millis,	 /* relative, in milliseconds */
	Timespec, /* relative, or NULL */
	Sleep,	 /* the same, and the kernel stores the rest where the next argument says */
};

enum { FutexWait = 0, FutexWaitBitset = 9, FutexCommand = 127 };

struct kind {
	uint16_t nr;
	uint8_t again, arg;
};

static const struct kind kinds[] = {
	{SYS_read, Same, 0},	   {SYS_write, Same, 0},	 {SYS_readv, Same, 0},
	{SYS_writev, Same, 0},	   {SYS_pread64, Same, 0},	 {SYS_pwrite64, Same, 0},
	{SYS_preadv, Same, 0},	   {SYS_pwritev, Same, 0},	 {SYS_preadv2, Same, 0},
	{SYS_pwritev2, Same, 0},   {SYS_open, Same, 0},		 {SYS_openat, Same, 0},
	{SYS_close, Same, 0},	   {SYS_ioctl, Same, 0},	 {SYS_fcntl, Same, 0},
	{SYS_flock, Same, 0},	   {SYS_fsync, Same, 0},	 {SYS_fdatasync, Same, 0},
	{SYS_sync, Same, 0},	   {SYS_syncfs, Same, 0},	 {SYS_sendfile, Same, 0},
	{SYS_splice, Same, 0},	   {SYS_tee, Same, 0},		 {SYS_vmsplice, Same, 0},
	{SYS_copy_file_range, Same, 0}, {SYS_accept, Same, 0},	 {SYS_accept4, Same, 0},
	{SYS_connect, Same, 0},	   {SYS_recvfrom, Same, 0},	 {SYS_recvmsg, Same, 0},
	{SYS_recvmmsg, Same, 0},   {SYS_sendto, Same, 0},	 {SYS_sendmsg, Same, 0},
	{SYS_sendmmsg, Same, 0},   {SYS_wait4, Same, 0},	 {SYS_waitid, Same, 0},
	{SYS_msgsnd, Same, 0},	   {SYS_msgrcv, Same, 0},	 {SYS_semop, Same, 0},
	{SYS_semtimedop, Timespec, 3}, {SYS_mq_timedsend, Same, 0}, {SYS_mq_timedreceive, Same, 0},
	{SYS_getdents64, Same, 0}, {SYS_fallocate, Same, 0},	 {SYS_getrandom, Same, 0},
	{SYS_select, Same, 0},	   {SYS_pselect6, Same, 0},	 {SYS_ppoll, Same, 0},
	{SYS_poll, Millis, 2},	   {SYS_epoll_wait, Millis, 3},	 {SYS_epoll_pwait, Millis, 3},
	{SYS_epoll_pwait2, Timespec, 3}, {SYS_nanosleep, Sleep, 0}, {SYS_clock_nanosleep, Sleep, 2},
	{SYS_futex, Timespec, 3},
};

static struct kind kindof(long nr, const uintptr_t *arg)
{
	struct kind k = {0, Unknown, 0};

	for (size_t i = 0; i < nelem(kinds); i++)
		if (kinds[i].nr == nr)
			k = kinds[i];
	if (nr == SYS_clock_nanosleep && (arg[1] & TIMER_ABSTIME))
		k.again = Same;
	if (nr == SYS_futex)
		switch (arg[1] & FutexCommand) {
		case FutexWait:
			break;
		case FutexWaitBitset:
			k.again = Same;
			break;
		default: /* owned by thread id, or never waiting */
			k.again = Unknown;
		}
	return k;
}

/* Made by the runtime: maybe by asynccall2, the m having parted with its p since the sender took its name. */
static bool isours(const struct rawcall *seen)
{
	return runtime_owntext(seen->pc);
}

/* The m that is in it can be made to make it again. */
bool runtime_rawredoable(m *mp, const struct rawcall *seen)
{
	g *gp = load_acq(&mp->curg);

	return !isours(seen) && gp && runtime_callable(gp, seen->sp) &&
	       kindof(seen->nr, seen->arg).again != Unknown;
}

/* ---- the handler ---- */

/* The context is at the instruction of a call, about to be made. */
static bool restarts(const ucontext_t *uc)
{
	uintptr_t arg[6];

	ctx_args(uc, arg);
	return issyscall(ctx_pc(uc)) && kindof(ctx_result(uc), arg).again != Unknown;
}

/* It was interrupted in the call that the sender saw: its number, else NoCall. */
static long wasin(const ucontext_t *uc, const struct rawcall *r)
{
	long nr = load_acq(&r->nr);
	uintptr_t arg[6];

	if (ctx_result(uc) != -EINTR || nr == NoCall)
		return NoCall;
	ctx_args(uc, arg);
	if (r->pc != ctx_pc(uc) || r->sp != ctx_sp(uc) || memcmp(arg, r->arg, sizeof arg) ||
	    !issyscall(r->pc - SyscallLength))
		return NoCall;
	return load(&r->nr) == nr ? nr : NoCall;
}

/* If the context is at a system call, have it made by runtime_asynccall. */
bool runtime_rawagain(ucontext_t *uc, m *mp)
{
	if (!restarts(uc))
		return false;
	mp->raw.elapsed = 0;
	ctx_injectcall(uc, runtime_asynccall, ctx_result(uc), ctx_pc(uc));
	return true;
}

/* The same if it was interrupted in the one that the sender saw. */
bool runtime_rawredo(ucontext_t *uc, m *mp)
{
	struct rawcall *r = &mp->raw;
	long nr;

	if ((nr = wasin(uc, r)) == NoCall)
		return false;
	r->elapsed = runtime_nanotime() - r->since;
	ctx_injectcall(uc, runtime_asynccall, nr, ctx_pc(uc) - SyscallLength);
	return true;
}

/* ---- the goroutine ---- */

static struct timespec less(const struct timespec *t, int64_t ns)
{
	int64_t left = t->tv_sec < INT64_MAX / 1000000000
			       ? t->tv_sec * INT64_C(1000000000) + t->tv_nsec - ns
			       : INT64_MAX;

	if (left < 0)
		left = 0;
	return (struct timespec){left / 1000000000, left % 1000000000};
}

/* The time-out of a call that was interrupted when it had waited ns; *t is where it goes. */
static void shorten(struct kind k, uintptr_t *arg, int64_t ns, struct timespec *t)
{
	uintptr_t *a = &arg[k.arg];

	if (k.again == Millis && (int)*a > 0) {
		int64_t left = (int)*a - ns / 1000000;

		*a = left > 0 ? (uintptr_t)left : 0;
	} else if (k.again == Sleep && a[1]) {
		*t = *(struct timespec *)a[1];
		*a = (uintptr_t)t;
	} else if ((k.again == Sleep || k.again == Timespec) && *a) {
		*t = less((struct timespec *)*a, ns);
		*a = (uintptr_t)t;
	}
}

/* Called by runtime_asynccall, all registers saved: those of the call are in *r. */
void runtime_asynccall2(struct savedregs *r)
{
	int64_t elapsed = getg()->m->raw.elapsed;
	uintptr_t arg[6];
	struct timespec t;
	long ret;

	regs_args(r, arg);
	if (elapsed > 0)
		shorten(kindof((long)r->ax, arg), arg, elapsed, &t);
	runtime_entersyscallblock();
	ret = regs_syscall(r, arg);
	runtime_exitsyscall();
	regs_setresult(r, ret);
}
