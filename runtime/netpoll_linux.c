/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * netpoll_linux.c - the kernel's side of netpoll: one epoll instance, made when
 * the first goroutine has to wait for a descriptor, and an eventfd to break a
 * wait. What a port must supply is what netpoll.h lists for this file.
 *
 * A descriptor is added once, edge-triggered and for both directions; the kernel
 * forgets it when the last reference to the open file goes. Adding one that the
 * kernel still knows arms it anew: it reports at once what is ready.
 *
 * The eventfd is level-triggered, and only a wait that sleeps resets it: a look
 * in passing by another m must not take the break away from the one that sleeps.
 *
 * Our two descriptors are numbered high, since programs expect low numbers
 * for their own, and so is what runtime_pollertake is given (pidfds). The program
 * cannot close them (to it they are not open). Where it takes the number of
 * one of our two by dup2, ours moves away first; a pidfd is gone then, so
 * who has it closes it with the lock held, if it is still ours.
 *
 * Whose a number is, its polldesc says (ours). We take one with the polldesc's lock
 * held, so that a close that went past ours is seen (closing), or is over:
 *
 *   take (claim)                     close, dup2
 *   1 lock; closing? the next one    1 lock; ours? EBADF (dup2: make way)
 *   2 dup to just that number        2 closing = true; unlock
 *   3 ours = true; unlock            3 the kernel's close; closing = false
 */
#include "netpoll.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

enum { HighFds = 1024, Reserve = 16, Batch = 128 };

static mutex lock;	 /* initialisation and moves */
static int32_t epoll;	 /* atomic; the descriptor and 1, 0: none */
static int32_t breakfd;	 /* likewise */
static uint32_t breaking; /* atomic; the eventfd was written to and nobody has reset it */
static bool nopwait2;	 /* the kernel is older than 5.11 */

bool runtime_pollerinited(void)
{
	return load_acq(&epoll) != 0;
}

/* The numbers from which on the program is not in the way; low: there are none. */
static int top(int low)
{
	struct rlimit r = {HighFds, HighFds};
	int high;

	arch_syscall3(SYS_getrlimit, RLIMIT_NOFILE, (long)&r, 0);
	high = r.rlim_cur < HighFds ? (int)r.rlim_cur : HighFds;
	return high > 2 * Reserve ? high - Reserve : low;
}

/* fd with that number, which becomes ours, or another, which does not; 0: its number is being closed. */
static int take(struct polldesc *pd, int fd, int at)
{
	int to = 0;

	runtime_lock(&pd->lock);
	if (!pd->closing)
		to = (int)arch_syscall3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, at);
	if (to == at) {
		store_rlx(&pd->ours, true);
		store_rel(&pd->registered, false);
	}
	runtime_unlock(&pd->lock);
	return to;
}

/* fd with a number from at on, which is ours; or -errno. */
static int claim(int fd, int at)
{
	for (;;) {
		struct polldesc *pd = runtime_polldesc(at, true);
		int to = pd ? take(pd, fd, at) : -EMFILE;

		if (to == at || to < 0)
			return to;
		if (to)
			arch_syscall3(SYS_close, to, 0, 0);
		at = to ? to : at + 1;
	}
}

static void disown(int fd)
{
	struct polldesc *pd = runtime_polldesc(fd, false);

	if (!pd)
		return;
	runtime_lock(&pd->lock);
	store_rlx(&pd->ours, false);
	runtime_unlock(&pd->lock);
}

/* One of our two, which has to have a number, if it is the one that it has. */
static int high(int fd)
{
	struct polldesc *pd;
	int to = claim(fd, top(3));

	if (to >= 0) {
		arch_syscall3(SYS_close, fd, 0, 0);
		return to;
	}
	if ((pd = runtime_polldesc(fd, true)))
		store_rlx(&pd->ours, true);
	return fd;
}

static int ctl(int op, int fd, uint32_t events, void *data)
{
	struct epoll_event ev = {.events = events, .data.ptr = data};
	int32_t at;
	int r;

	do {
		at = load_acq(&epoll);
		r = (int)arch_syscall6(SYS_epoll_ctl, at - 1, op, fd, (long)&ev, 0, 0);
	} while (unlikely(at != load_acq(&epoll)));
	return r;
}

static int init(void)
{
	long ep = arch_syscall3(SYS_epoll_create1, EPOLL_CLOEXEC, 0, 0), ev;

	if (ep < 0)
		return (int)ep;
	ev = arch_syscall3(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK, 0);
	if (ev < 0) {
		arch_syscall3(SYS_close, ep, 0, 0);
		return (int)ev;
	}
	store_rlx(&breakfd, high((int)ev) + 1);
	store_rel(&epoll, high((int)ep) + 1);
	ctl(EPOLL_CTL_ADD, breakfd - 1, EPOLLIN, NULL);
	return 0;
}

int runtime_pollerinit(void)
{
	int r = 0;

	if (likely(runtime_pollerinited()))
		return 0;
	runtime_lock(&lock);
	if (!runtime_pollerinited())
		r = init();
	runtime_unlock(&lock);
	if (r == 0)
		runtime_sleeperwake(); /* from now on it sleeps in pollerwait */
	return r;
}

int runtime_polleradd(int fd, struct polldesc *pd)
{
	uint32_t all = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
	int r = ctl(EPOLL_CTL_ADD, fd, all, pd);

	return r == -EEXIST ? ctl(EPOLL_CTL_MOD, fd, all, pd) : r;
}

void runtime_pollerdel(int fd)
{
	ctl(EPOLL_CTL_DEL, fd, 0, NULL);
}

static long wait(int ep, struct epoll_event *ev, int n, int64_t ns)
{
	struct timespec ts;
	long r;

	if (ns <= 0)
		return arch_syscall6(SYS_epoll_pwait, ep, (long)ev, n, ns < 0 ? -1 : 0, 0, 0);
	ts.tv_sec = ns / 1000000000;
	ts.tv_nsec = ns % 1000000000;
	if (!load_rlx(&nopwait2)) {
		r = arch_syscall6(SYS_epoll_pwait2, ep, (long)ev, n, (long)&ts, 0, 0);
		if (r != -ENOSYS)
			return r;
		store_rlx(&nopwait2, true);
	}
	ns = ns > INT64_C(1000000000000) ? INT64_C(1000000000000) : ns;
	return arch_syscall6(SYS_epoll_pwait, ep, (long)ev, n, (ns + 999999) / 1000000, 0, 0);
}

static void resetbreak(void)
{
	uint64_t count;

	arch_syscall3(SYS_read, load_acq(&breakfd) - 1, (long)&count, sizeof count);
	store(&breaking, 0u);
}

static struct pollevent translate(const struct epoll_event *e)
{
	struct pollevent ev = {.pd = e->data.ptr};

	if (e->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
		ev.events |= PollIn;
	if (e->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		ev.events |= PollOut;
	ev.hangup = e->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI);
	return ev;
}

static _Noreturn cold void refused(long err)
{
	char msg[64];

	runtime_snprint(msg, sizeof msg, "the netpoller cannot wait: epoll_pwait: error %d", (int)err);
	runtime_fatal(msg);
}

int runtime_pollerwait(struct pollevent *out, int n, int64_t ns)
{
	struct epoll_event ev[Batch];
	int32_t at = load_acq(&epoll);
	long got = wait(at - 1, ev, n < Batch ? n : Batch, ns);
	int k = 0;

	if (unlikely((got == -EBADF || got == -EINVAL) && at == load_acq(&epoll)))
		runtime_fatal("the netpoller's descriptor was closed by a system call past libc");
	else if (unlikely(got < 0 && got != -EINTR && got != -EBADF && got != -EINVAL))
		refused(-got);
	for (long i = 0; i < got; i++) {
		if (ev[i].data.ptr)
			out[k++] = translate(&ev[i]);
		else if (ns != 0)
			resetbreak();
	}
	return k;
}

void runtime_pollerbreak(void)
{
	uint64_t one = 1;

	if (cas(&breaking, 0u, 1u))
		arch_syscall3(SYS_write, load_acq(&breakfd) - 1, (long)&one, sizeof one);
}

bool runtime_pollerowns(int fd)
{
	struct polldesc *pd = runtime_polldesc(fd, false);

	return pd && load_rlx(&pd->ours);
}

int runtime_pollertake(int fd)
{
	int to = runtime_pollerinit();

	if (to == 0)
		to = claim(fd, top(3));
	arch_syscall3(SYS_close, fd, 0, 0);
	return to;
}

void runtime_pollergive(int fd)
{
	struct polldesc *pd = runtime_polldesc(fd, false);

	runtime_lock(&pd->lock);
	if (pd->ours) {
		if (pd->registered)
			runtime_pollerdel(fd); /* a child of fork may have it, too */
		store_rel(&pd->registered, false);
		store_rlx(&pd->ours, false);
		arch_syscall3(SYS_close, fd, 0, 0);
	}
	runtime_unlock(&pd->lock);
}

/*
 * Ours at fd makes way. An m that sleeps on the old number of the instance goes on with the
 * open file, which stays the same.
 */
int runtime_pollermove(int fd)
{
	int32_t *which;
	int to = 0;

	runtime_lock(&lock);
	which = fd == epoll - 1 ? &epoll : fd == breakfd - 1 ? &breakfd : NULL;
	if (which && (to = claim(fd, top(3))) < 0)
		to = claim(fd, 3);
	if (which && to >= 0)
		store_rel(which, to + 1);
	if (to >= 0)
		disown(fd);
	runtime_unlock(&lock);
	return to < 0 ? to : 0;
}

/* The instance is the parent's too: leave it to the parent. What is ours is closed already. */
void runtime_pollerfork(void)
{
	lock.key = 0;
	epoll = breakfd = 0;
	breaking = 0;
}
