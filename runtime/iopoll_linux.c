/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * iopoll_linux.c - calls that wait for several descriptors, for another epoll
 * instance, or for a time alone. The kernel is asked with a time-out of zero; when
 * it has nothing, the goroutine parks on all of the descriptors and asks again
 * after an edge. With a signal mask to be set meanwhile it is a plain call.
 */
#include "io_linux.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

enum { OnStack = 8 };
static const int64_t Second = 1000000000, NoLimit = -1;

/* ---- time ---- */

/* When that is over; INT64_MAX: beyond all times. */
static int64_t after(int64_t sec, int64_t ns)
{
	int64_t now = runtime_nanotime();

	if (sec > (INT64_MAX - now) / Second - 1)
		return INT64_MAX;
	return now + sec * Second + ns;
}

/* Until the deadline (0: none), and not by descriptors. 0 or -EINTR. */
static long sleepuntil(int64_t deadline)
{
	long r;

	do {
		getg()->sighandled = 0;
		if (runtime_pollwait(NULL, 0, deadline) == PollTimeout)
			return 0;
		r = runtime_iointerrupted(true); /* sleeps are never restarted */
	} while (r == 0);
	return r;
}

static void remaining(struct timespec *rem, int64_t deadline)
{
	int64_t ns = deadline - runtime_nanotime();

	if (!rem)
		return;
	ns = ns > 0 ? ns : 0;
	rem->tv_sec = ns / Second;
	rem->tv_nsec = ns % Second;
}

/* Clocks that run as ours does; others, and moments of the wall clock, are the kernel's to know. */
long runtime_iosleep(const struct iocall *c)
{
	bool plain = c->nr == SYS_nanosleep;
	const struct timespec *req = (void *)(plain ? c->a[0] : c->a[2]);
	struct timespec *rem = (void *)(plain ? c->a[1] : c->a[3]);
	bool moment = !plain && c->a[1] & TIMER_ABSTIME;
	int64_t deadline;
	long r;

	if (!plain && c->a[0] != CLOCK_MONOTONIC && (c->a[0] != CLOCK_REALTIME || moment))
		return IoPlain;
	if (!req || req->tv_sec < 0 || (uint64_t)req->tv_nsec >= (uint64_t)Second)
		return IoPlain; /* EFAULT, EINVAL */
	deadline = moment ? 0 : after(req->tv_sec, req->tv_nsec);
	if (moment)
		deadline = req->tv_sec > INT64_MAX / Second - 1 ? INT64_MAX
								: req->tv_sec * Second + req->tv_nsec;
	if (deadline <= runtime_nanotime()) {
		runtime_gosched();
		return 0;
	}
	r = sleepuntil(deadline);
	if (r && !moment)
		remaining(rem, deadline);
	return r;
}

/* ---- several descriptors ---- */

struct several {
	struct pollwait *w; /* n of them, those that the poller takes */
	size_t n, room;
	struct pollwait few[OnStack];
};

static bool makeroom(struct several *s, size_t n)
{
	s->n = 0;
	s->room = n * sizeof *s->w;
	s->w = n <= OnStack ? s->few : runtime_alloc(s->room);
	return s->w != NULL;
}

static void freeroom(struct several *s)
{
	if (s->w != s->few)
		runtime_free(s->w, s->room);
}

/* False: it cannot be waited for here. What is always ready or not open, the kernel tells. */
static bool add(struct several *s, int fd, uint32_t events)
{
	struct polldesc *pd = runtime_polldesc(fd, true);
	int r = pd ? runtime_pollopen(pd, fd) : -ENOMEM;

	if (r == -EPERM || r == -EBADF)
		return true;
	if (r < 0 && r != -EAGAIN)
		return false;
	s->w[s->n++] = (struct pollwait){.pd = pd, .events = events, .shared = true};
	return true;
}

/* The edges before the kernel is asked; acquire, as in iomove_linux.c. */
static void look(struct several *s)
{
	for (size_t i = 0; i < s->n; i++) {
		s->w[i].edgein = load_acq(&s->w[i].pd->edgein);
		s->w[i].edgeout = load_acq(&s->w[i].pd->edgeout);
	}
}

/* Nothing is ready. 0: ask again; 1: the time is over; -EINTR. */
static long waitsome(struct several *s, int64_t deadline)
{
	getg()->sighandled = 0;
	for (size_t i = 0; i < s->n; i++) /* one that changed hands is with the poller no more */
		if (!load_acq(&s->w[i].pd->registered)) {
			runtime_gosched();
			break;
		}
	switch (runtime_pollwait(s->w, s->n, deadline)) {
	case PollTimeout:
		return 1;
	case PollInterrupt:
		return runtime_iointerrupted(true); /* nor are these ever restarted */
	default:
		return 0;
	}
}

static uint32_t pollevents(const struct pollfd *p)
{
	bool out = p->events & (POLLOUT | POLLWRNORM | POLLWRBAND);
	bool in = p->events & ~(POLLOUT | POLLWRNORM | POLLWRBAND);

	return (uint32_t)(out ? PollOut : 0) | (uint32_t)(in || !out ? PollIn : 0);
}

static bool addall(struct several *s, const struct pollfd *fds, size_t n)
{
	s->n = 0;
	for (size_t i = 0; i < n; i++)
		if (fds[i].fd >= 0 && !add(s, fds[i].fd, pollevents(&fds[i])))
			return false;
	return true;
}

static long pollwhile(struct several *s, struct pollfd *fds, size_t n, int64_t ns)
{
	int64_t deadline = ns < 0 ? 0 : after(0, ns);
	long r, w;

	do {
		if (!addall(s, fds, n))
			return IoPlain;
		look(s);
		r = runtime_iolook(fds, n);
		w = r == 0 ? waitsome(s, deadline) : 1;
	} while (w == 0);
	return w < 0 ? w : r;
}

/* The time-out of a call in ns, NoLimit without one; false: it is not valid, or too long to be one. */
static bool timeoutof(const struct timespec *t, int64_t *ns)
{
	*ns = NoLimit;
	if (!t)
		return true;
	if (t->tv_sec < 0 || (uint64_t)t->tv_nsec >= (uint64_t)Second)
		return false;
	if (t->tv_sec < INT64_MAX / Second / 2)
		*ns = t->tv_sec * Second + t->tv_nsec;
	return true;
}

long runtime_iopoll(const struct iocall *c)
{
	struct pollfd *fds = (void *)c->a[0];
	size_t n = (size_t)c->a[1];
	struct several s;
	int64_t ns = NoLimit;
	long r;

	if (c->nr == SYS_poll && (int)c->a[2] >= 0)
		ns = (int64_t)(int)c->a[2] * 1000000;
	if (c->nr == SYS_ppoll && (c->a[3] || !timeoutof((void *)c->a[2], &ns)))
		return IoPlain;
	r = runtime_iolook(fds, n);
	if (r != 0 || ns == 0)
		return r;
	if (!makeroom(&s, n))
		return IoPlain;
	r = pollwhile(&s, fds, n, ns);
	freeroom(&s);
	return r;
}

/* ---- select ---- */

struct sets {
	fd_set *v[3]; /* the program's: in, out, exceptional; NULL: none */
	size_t bytes; /* of each that the call looks at */
	unsigned long *saved[3];
};

static long selectnow(const struct iocall *c)
{
	struct timespec zero = {0, 0};
	long r;

	do /* as runtime_iolook; the sets are not touched then */
		r = arch_syscall6(SYS_pselect6, c->a[0], c->a[1], c->a[2], c->a[3], (long)&zero, 0);
	while (r == -EINTR);
	return r;
}

static void save(struct sets *s, bool back)
{
	for (int i = 0; i < 3; i++)
		if (s->v[i] && back)
			memcpy(s->v[i], s->saved[i], s->bytes);
		else if (s->v[i])
			memcpy(s->saved[i], s->v[i], s->bytes);
}

static uint32_t selectevents(const struct sets *s, int fd)
{
	unsigned long bit = 1UL << fd % 64;
	bool in[3];

	for (int i = 0; i < 3; i++)
		in[i] = s->v[i] && s->saved[i][fd / 64] & bit;
	return (uint32_t)(in[0] || in[2] ? PollIn : 0) | (uint32_t)(in[1] ? PollOut : 0);
}

static bool addsets(struct several *w, const struct sets *s, int n)
{
	w->n = 0;
	for (int fd = 0; fd < n; fd++) {
		uint32_t events = selectevents(s, fd);

		if (events && !add(w, fd, events))
			return false;
	}
	return true;
}

static long selectwhile(struct several *w, struct sets *s, const struct iocall *c, int64_t ns)
{
	int64_t deadline = ns < 0 ? 0 : after(0, ns);
	long r, e;

	do {
		save(s, true);
		if (!addsets(w, s, (int)c->a[0]))
			return IoPlain;
		look(w);
		r = selectnow(c);
		e = r == 0 ? waitsome(w, deadline) : 1;
	} while (e == 0);
	if (e < 0)
		save(s, true); /* as the kernel leaves them */
	return e < 0 ? e : r;
}

/* The time-out of select or pselect6, as timeoutof. */
static bool selecttimeout(const struct iocall *c, int64_t *ns)
{
	const struct timeval *tv = (void *)c->a[4];
	struct timespec ts;

	if (c->nr == SYS_pselect6 || !tv)
		return timeoutof((void *)c->a[4], ns);
	if (tv->tv_usec < 0 || tv->tv_sec < 0)
		return false;
	ts.tv_sec = tv->tv_sec + tv->tv_usec / 1000000;
	ts.tv_nsec = tv->tv_usec % 1000000 * 1000;
	return timeoutof(&ts, ns);
}

static bool hasmask(const struct iocall *c)
{
	const long *mask = (void *)c->a[5];

	return c->nr == SYS_pselect6 && mask && mask[0];
}

static long selectparked(struct sets *s, const struct iocall *c, int64_t ns)
{
	size_t words = s->bytes / sizeof(long);
	unsigned long few[3 * 16], *mem = few;
	struct several w;
	long r = IoPlain;

	if (words > 16 && !(mem = runtime_alloc(3 * s->bytes)))
		return IoPlain;
	for (int i = 0; i < 3; i++)
		s->saved[i] = mem + (size_t)i * words;
	save(s, false);
	r = selectnow(c);
	if (r == 0 && ns != 0) {
		r = IoPlain;
		save(s, true);
		if (makeroom(&w, (size_t)c->a[0])) {
			r = selectwhile(&w, s, c, ns);
			freeroom(&w);
		}
		if (r == IoPlain)
			save(s, true);
	}
	if (mem != few)
		runtime_free(mem, 3 * s->bytes);
	return r;
}

long runtime_ioselect(const struct iocall *c)
{
	struct sets s = {.v = {(void *)c->a[1], (void *)c->a[2], (void *)c->a[3]}};
	int64_t ns;

	if (c->a[0] < 0 || c->a[0] > 1 << 20 || hasmask(c) || !selecttimeout(c, &ns))
		return IoPlain;
	s.bytes = ((size_t)c->a[0] + 63) / 64 * sizeof(long);
	return selectparked(&s, c, ns);
}

/* ---- the program's own epoll ---- */

long runtime_ioepoll(const struct iocall *c)
{
	struct several s = {.w = s.few};
	int ms = (int)c->a[3], fd = (int)c->a[0];
	int64_t deadline;
	long r, w;

	if (c->nr == SYS_epoll_pwait && c->a[4])
		return IoPlain;
	r = arch_syscall6(SYS_epoll_pwait, fd, c->a[1], c->a[2], 0, 0, 0);
	if (r != 0 || ms == 0)
		return r;
	deadline = ms < 0 ? 0 : after(0, ms * INT64_C(1000000));
	do {
		s.n = 0;
		if (!add(&s, fd, PollIn))
			return IoPlain;
		look(&s);
		r = arch_syscall6(SYS_epoll_pwait, fd, c->a[1], c->a[2], 0, 0, 0);
		w = r == 0 ? waitsome(&s, deadline) : 1;
	} while (w == 0);
	return w < 0 ? w : r;
}
