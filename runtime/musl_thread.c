/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_thread.c - the pthread calls that name a thread, when it is a goroutine.
 *
 * A goroutine's tid is not the kernel's. What asks the kernel about a thread
 * (affinity, scheduling, CPU clock) is asked about the one that the goroutine is
 * on at the moment, and answers ESRCH when it is on none. Its stack and its name
 * are its own. It is a detached thread: to join or detach it is EINVAL. But the main
 * goroutine is joinable, as C's main thread is: it ends by pthread_exit, which puts the
 * result into its block and Exited into detach_state, and wakes who waits for that; the block stays.
 *
 * A thread of the program's own is what it is under plain musl.
 */
#include "musl.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { CommLen = 16 };		  /* a thread's name with its NUL, the kernel's limit */
enum { LongestWait = 1 << 30 }; /* seconds; more is for ever */

hidden void __tl_sync(pthread_t t);

static inline struct block *blockof(pthread_t t)
{
	return (struct block *)t;
}

/* The goroutine that t is, NULL: it is a thread. */
static g *goroutineof(pthread_t t)
{
	return load_acq(&blockof(t)->tid) >= FirstTid ? blockg(blockof(t)) : NULL;
}

/* ---- join and detach ---- */

/* Not one that libc knows nothing of; the main goroutine's block is the first thread's in all but its tid. */
static bool joinable(pthread_t t)
{
	g *gp = goroutineof(t);

	return (!gp || gp->goid == 1) && load_acq(&blockof(t)->detach_state) < Detached;
}

/* The main goroutine's last act as a thread. */
void runtime_endjoinable(struct block *b)
{
	if (cas(&b->detach_state, Joinable, Exited))
		runtime_wordwake(&b->detach_state, INT32_MAX);
}

/* Nanoseconds from now till at on its clock, -1: for ever. ETIMEDOUT: it is past; EINVAL: at is no time. */
int runtime_untilns(clockid_t clk, const struct timespec *at, int64_t *ns)
{
	struct timespec now;

	*ns = -1;
	if (!at)
		return 0;
	if (at->tv_nsec < 0 || at->tv_nsec >= 1000000000 || runtime_clock(clk, &now))
		return EINVAL;
	if (at->tv_sec < now.tv_sec)
		return ETIMEDOUT;
	if (at->tv_sec - now.tv_sec > LongestWait)
		return 0;
	*ns = (at->tv_sec - now.tv_sec) * INT64_C(1000000000) + at->tv_nsec - now.tv_nsec;
	return *ns <= 0 ? ETIMEDOUT : 0;
}

/* Sleep in the kernel while *word is val; a cancellation point. 0 or an error, ETIMEDOUT among them. */
int runtime_cpwait(volatile int32_t *word, int32_t val, bool private, int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};

	return (int)-__syscall_cp(SYS_futex, (long)word, private ? 128 : 0, val,
				  ns < 0 ? 0 : (long)&ts, 0, 0);
}

static int waitexit(struct block *b, const struct timespec *at)
{
	int32_t state;
	int64_t ns;
	int r;

	while ((state = load_acq(&b->detach_state)) != Exited) {
		if ((r = runtime_untilns(CLOCK_REALTIME, at, &ns)))
			return r;
		r = goroutineof((pthread_t)b)
			    ? runtime_wordwait(&b->detach_state, state, ns, true, WaitPthreadJoin)
			    : runtime_cpwait(&b->detach_state, state, true, ns);
		if (r == ETIMEDOUT || r == ECANCELED)
			return r;
	}
	return 0;
}

seam int pthread_timedjoin_np(pthread_t t, void **result, const struct timespec *at)
{
	struct block *b = blockof(t);
	uint8_t cancel = self()->canceldisable;
	int r;

	if (b == self())
		return EDEADLK;
	if (!joinable(t))
		return EINVAL;
	if (__testcancel)
		__testcancel();
	/* A request is ECANCELED, and acts when nothing is under way any more. */
	self()->canceldisable = cancel ? PTHREAD_CANCEL_DISABLE : PTHREAD_CANCEL_MASKED;
	r = waitexit(b, at);
	self()->canceldisable = cancel;
	if (r == ECANCELED && __testcancel)
		__testcancel();
	if (r)
		return r;
	if (!goroutineof(t))
		__tl_sync(t);
	if (result)
		*result = b->result;
	if (b->map_base)
		munmap(b->map_base, b->map_size);
	return 0;
}

seam int __pthread_join(pthread_t t, void **result)
{
	return pthread_timedjoin_np(t, result, NULL);
}

weakseam int pthread_join(pthread_t t, void **result)
{
	return __pthread_join(t, result);
}

seam int pthread_tryjoin_np(pthread_t t, void **result)
{
	if (joinable(t) && load_acq(&blockof(t)->detach_state) == Joinable)
		return EBUSY;
	return __pthread_join(t, result);
}

weakseam int thrd_join(thrd_t t, int *result)
{
	void *p;

	if (__pthread_join(t, &p))
		return thrd_error;
	if (result)
		*result = (int)(intptr_t)p;
	return thrd_success;
}

/* One that ended or is about to is joined. */
static int detach(pthread_t t)
{
	if (!joinable(t))
		return EINVAL;
	if (cas(&blockof(t)->detach_state, Joinable, Detached))
		return 0;
	return __pthread_join(t, NULL);
}

weakseam int pthread_detach(pthread_t t)
{
	return detach(t);
}

weakseam int thrd_detach(thrd_t t)
{
	return detach(t) ? thrd_error : thrd_success;
}

/* ---- stack ---- */

static void stackof(pthread_t t, uintptr_t *lo, uintptr_t *hi, size_t *guard)
{
	struct block *b = blockof(t);
	g *gp = blockg(b);

	if (gp) { /* a goroutine, or an m's g0 from within a handler */
		*lo = gp->stacklo;
		*hi = gp->stackhi;
		if (goroutineof(t))
			runtime_stackguard(gp, guard);
		return;
	}
	*hi = (uintptr_t)b->stack;
	*lo = *hi - b->stack_size;
	*guard = b->guard_size;
}

weakseam int pthread_getattr_np(pthread_t t, pthread_attr_t *attr)
{
	bool detached = !joinable(t);
	uintptr_t lo, hi;
	size_t guard = 0;

	stackof(t, &lo, &hi, &guard);
	pthread_attr_init(attr);
	pthread_attr_setguardsize(attr, guard);
	pthread_attr_setstack(attr, (void *)lo, hi - lo);
	if (detached)
		pthread_attr_setdetachstate(attr, PTHREAD_CREATE_DETACHED);
	return 0;
}

/* ---- the kernel's thread ---- */

weakseam int pthread_setaffinity_np(pthread_t t, size_t size, const cpu_set_t *set)
{
	int32_t tid = runtime_blocktid(blockof(t));

	return tid ? (int)-arch_syscall3(SYS_sched_setaffinity, tid, (long)size, (long)set) : ESRCH;
}

/* 0 or -errno; the kernel fills less than all. */
static int getaffinity(int32_t tid, size_t size, cpu_set_t *set)
{
	long n = arch_syscall3(SYS_sched_getaffinity, tid, (long)size, (long)set);

	if (n < 0)
		return (int)n;
	if ((size_t)n < size)
		memset((char *)set + n, 0, size - (size_t)n);
	return 0;
}

weakseam int pthread_getaffinity_np(pthread_t t, size_t size, cpu_set_t *set)
{
	int32_t tid = runtime_blocktid(blockof(t));

	return tid ? -getaffinity(tid, size, set) : ESRCH;
}

weakseam int sched_setaffinity(pid_t tid, size_t size, const cpu_set_t *set)
{
	return (int)ret(arch_syscall3(SYS_sched_setaffinity, tid, (long)size, (long)set));
}

weakseam int sched_getaffinity(pid_t tid, size_t size, cpu_set_t *set)
{
	return (int)ret(getaffinity(tid, size, set));
}

weakseam int pthread_getschedparam(pthread_t t, int *policy, struct sched_param *param)
{
	int32_t tid = runtime_blocktid(blockof(t));
	long r;

	if (!tid)
		return ESRCH;
	if ((r = arch_syscall3(SYS_sched_getparam, tid, (long)param, 0)) < 0)
		return (int)-r;
	if ((r = arch_syscall3(SYS_sched_getscheduler, tid, 0, 0)) < 0)
		return (int)-r;
	*policy = (int)r;
	return 0;
}

weakseam int pthread_setschedparam(pthread_t t, int policy, const struct sched_param *param)
{
	int32_t tid = runtime_blocktid(blockof(t));

	return tid ? (int)-arch_syscall3(SYS_sched_setscheduler, tid, policy, (long)param) : ESRCH;
}

weakseam int pthread_setschedprio(pthread_t t, int prio)
{
	int32_t tid = runtime_blocktid(blockof(t));

	return tid ? (int)-arch_syscall3(SYS_sched_setparam, tid, (long)&prio, 0) : ESRCH;
}

/* The kernel's encoding: a thread's scheduled time. */
weakseam int pthread_getcpuclockid(pthread_t t, clockid_t *clock)
{
	int32_t tid = runtime_blocktid(blockof(t));

	if (!tid)
		return ESRCH;
	*clock = (clockid_t)(~(unsigned)tid * 8u + 6u);
	return 0;
}

/* ---- names ---- */

static void commpath(char *path, size_t n, int32_t tid)
{
	runtime_snprint(path, n, "/proc/self/task/%d/comm", tid);
}

static int setcomm(int32_t tid, const char *name)
{
	char path[48];
	int32_t fd;
	long r;

	if (tid == runtime_gettid())
		return (int)-arch_syscall6(SYS_prctl, PR_SET_NAME, (long)name, 0, 0, 0, 0);
	commpath(path, sizeof path, tid);
	fd = (int32_t)arch_syscall3(SYS_open, (long)path, 1 | 02000000, 0); /* O_WRONLY, O_CLOEXEC */
	if (fd < 0)
		return -fd;
	r = arch_syscall3(SYS_write, fd, (long)name, (long)strlen(name));
	arch_syscall3(SYS_close, fd, 0, 0);
	return r < 0 ? (int)-r : 0;
}

static int getcomm(int32_t tid, char *name)
{
	char path[48];
	int32_t fd;
	long r;

	if (tid == runtime_gettid())
		return (int)-arch_syscall6(SYS_prctl, PR_GET_NAME, (long)name, 0, 0, 0, 0);
	commpath(path, sizeof path, tid);
	fd = (int32_t)arch_syscall3(SYS_open, (long)path, 02000000, 0);
	if (fd < 0)
		return -fd;
	r = arch_syscall3(SYS_read, fd, (long)name, CommLen);
	arch_syscall3(SYS_close, fd, 0, 0);
	if (r <= 0)
		return r ? (int)-r : EIO;
	name[r - 1] = '\0'; /* the newline */
	return 0;
}

/* A goroutine's name is the one in dumps; the thread that it is wired to gets it too. */
weakseam int pthread_setname_np(pthread_t t, const char *name)
{
	size_t n = strnlen(name, CommLen);
	g *gp = goroutineof(t);

	if (n == CommLen)
		return ERANGE;
	if (!gp)
		return setcomm(load_acq(&blockof(t)->tid), name);
	memcpy(gp->name, name, n + 1);
	if (gp == goroutine() && gp->lockedext)
		return setcomm(runtime_gettid(), name);
	return 0;
}

weakseam int pthread_getname_np(pthread_t t, char *name, size_t n)
{
	g *gp = goroutineof(t);

	if (n < CommLen)
		return ERANGE;
	if (!gp || !gp->name[0])
		return getcomm(gp ? runtime_gettid() : load_acq(&blockof(t)->tid), name);
	memcpy(name, gp->name, CommLen - 1);
	name[CommLen - 1] = '\0';
	return 0;
}

/* ---- mutex protocols ---- */

/* The kernel's inheritance of priority knows its own tids only, and would wait for a thread that is none. */
weakseam int pthread_mutexattr_setprotocol(pthread_mutexattr_t *a, int protocol)
{
	if (protocol == PTHREAD_PRIO_NONE) {
		a->__attr &= ~8u;
		return 0;
	}
	return protocol == PTHREAD_PRIO_INHERIT || protocol == PTHREAD_PRIO_PROTECT ? ENOTSUP : EINVAL;
}
