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
 * for their own. The program cannot close them (to it they are not open),
 * and where it takes one's number by dup2 ours moves away first.
 *
 * So is what runtime_pollertake is given (pidfds); polldesc's `ours' says whose the
 * number is. Where the program takes that one, ours is gone: whoever has it
 * must not close it then, and so closes it with the lock held.
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

/* fd with a number out of the program's way, or -errno where there is none, and fd stays. */
static int movehigh(int fd)
{
	struct rlimit r = {HighFds, HighFds};
	long high;

	arch_syscall3(SYS_getrlimit, RLIMIT_NOFILE, (long)&r, 0);
	high = r.rlim_cur < HighFds ? (long)r.rlim_cur : HighFds;
	high = arch_syscall3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, high > 2 * Reserve ? high - Reserve : 3);
	if (high >= 0)
		arch_syscall3(SYS_close, fd, 0, 0);
	return (int)high;
}

static int high(int fd)
{
	int to = movehigh(fd);

	return to < 0 ? fd : to;
}

static int ctl(int op, int fd, uint32_t events, void *data)
{
	struct epoll_event ev = {.events = events, .data.ptr = data};

	return (int)arch_syscall6(SYS_epoll_ctl, load_acq(&epoll) - 1, op, fd, (long)&ev, 0, 0);
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

static long wait(struct epoll_event *ev, int n, int64_t ns)
{
	int ep = load_acq(&epoll) - 1;
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

int runtime_pollerwait(struct pollevent *out, int n, int64_t ns)
{
	struct epoll_event ev[Batch];
	long got = wait(ev, n < Batch ? n : Batch, ns);
	int k = 0;

	if (unlikely(got == -EBADF || got == -EINVAL))
		runtime_fatal("the netpoller's descriptor was closed by a system call past libc");
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

static bool isours(int fd)
{
	struct polldesc *pd = runtime_polldesc(fd, false);

	return pd && load_rlx(&pd->ours);
}

bool runtime_pollerowns(int fd)
{
	return runtime_pollerinited() &&
	       (fd == load_rlx(&epoll) - 1 || fd == load_rlx(&breakfd) - 1 || isours(fd));
}

int runtime_pollertake(int fd)
{
	int to = runtime_pollerinit();
	struct polldesc *pd = NULL;

	if (to == 0 && (to = movehigh(fd)) >= 0)
		fd = to;
	if (to >= 0)
		pd = runtime_polldesc(to, true);
	if (!pd) {
		arch_syscall3(SYS_close, fd, 0, 0);
		return to < 0 ? to : -EMFILE;
	}
	runtime_pollfresh(pd);
	runtime_lock(&pd->lock);
	store_rlx(&pd->ours, true);
	runtime_unlock(&pd->lock);
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

/* The program takes that number. */
static void disown(int fd)
{
	struct polldesc *pd = runtime_polldesc(fd, false);

	runtime_lock(&pd->lock);
	store_rlx(&pd->ours, false);
	runtime_unlock(&pd->lock);
}

/* An m that sleeps on the old number goes on with the open file, which stays the same. */
int runtime_pollermove(int fd)
{
	int32_t *which = fd == load_rlx(&epoll) - 1 ? &epoll : &breakfd;
	long to;

	if (isours(fd))
		return disown(fd), 0;
	runtime_lock(&lock);
	to = arch_syscall3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
	if (to >= 0)
		store_rel(which, (int32_t)to + 1);
	runtime_unlock(&lock);
	return to < 0 ? (int)to : 0;
}

/* The instance is the parent's too: leave it to the parent. */
void runtime_pollerfork(void)
{
	if (!runtime_pollerinited())
		return;
	arch_syscall3(SYS_close, epoll - 1, 0, 0);
	arch_syscall3(SYS_close, breakfd - 1, 0, 0);
	epoll = breakfd = 0;
	breaking = 0;
	lock.key = 0;
}
