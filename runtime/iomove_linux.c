/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * iomove_linux.c - calls that move data or make connections: tried without
 * waiting, and when that fails parked for and tried again. See io_linux.h.
 *
 * One try is saved on TCP sockets: a read that got less than it asked for has
 * emptied the socket, so the next need not be tried before an edge comes (epoll(7)
 * says so too). Not so after an edge that told of an end, an error or urgent data
 * (hangup): that may have come together with the data, and no edge follows.
 */
#include "io_linux.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <termios.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif
enum { SysPreadv2 = 327, SysPwritev2 = 328 };

static inline long syscallof(const struct iocall *c)
{
	return arch_syscall6(c->nr, c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5]);
}

/* ---- waiting ---- */

long runtime_iointerrupted(bool always)
{
	g *gp = getg();
	uint8_t handled = gp->sighandled;

	if (unlikely(gp->atpoint) && runtime_cancelled(gp))
		return -ECANCELED;
	return handled & SigNoRestart || (handled && always) ? -EINTR : 0;
}

static bool pollnow(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return runtime_iolook(&p, 1) != 0;
}

/* A datagram socket whose input was shut down: that is an end only to a call that may wait, else EAGAIN. */
static bool ended(const struct io *io)
{
	return io->dir == PollIn && load_rlx(&io->pd->hangup) && !io->asks && io->pd->kind == KindSocket &&
	       pollnow(io->fd, POLLRDHUP);
}

/* io is not ready, as of the edge counts in io->w. 0: try again; else the call's end, or IoPlain. */
static noinline long await(struct io *io)
{
	int64_t max;
	int r;

	runtime_ioknow(io->pd, io->fd);
	if (io->pd->nonblock) {
		if (io->asks)
			return IoPlain; /* poll calls a FIFO that nobody writes to not ready: the read is at its end */
		if (!io->empties || load_rlx(&io->pd->drained) != io->w.edgein + 1)
			return -EAGAIN;
		store_rlx(&io->pd->drained, 0u); /* an edge that nobody fetched may be there: ask the kernel */
		return 0;
	}
	r = runtime_pollopen(io->pd, io->fd);
	if (r == -EAGAIN) {
		runtime_gosched(); /* its number changes hands just now */
		return 0;
	}
	if (r < 0 || ended(io))
		return IoPlain;
	max = io->dir == PollIn ? io->pd->limitin : io->pd->limitout;
	if (unlikely(max && !io->deadline))
		io->deadline = runtime_nanotime() + max;
	io->w.pd = io->pd;
	io->w.events = io->dir;
	io->w.shared = false;
	getg()->sighandled = 0;
	switch (runtime_pollwait(&io->w, 1, io->deadline)) {
	case PollReady:
		return 0;
	case PollTimeout:
		return -EAGAIN;
	case PollClosed:
		return -EBADF;
	default:
		return runtime_iointerrupted(max);
	}
}

/* A terminal set to return without waiting for a first byte: poll calls it not ready for ever. */
static bool impatient(int fd)
{
	struct termios t;

	return arch_syscall3(SYS_ioctl, fd, TCGETS, (long)&t) == 0 && !(t.c_lflag & ICANON) &&
	       t.c_cc[VMIN] == 0;
}

/*
 * eventfd, timerfd and signalfd refuse too small a buffer at once, ready or not. Sizes that the first
 * two take, and that the third does, are not asked for.
 */
static bool mayrefuse(const struct io *io)
{
	const struct iocall *c = &io->try;
	struct stat st;

	if ((c->nr != SYS_read && c->nr != SYS_write) || c->a[2] == 8 || c->a[2] >= 128)
		return false;
	return arch_syscall3(SYS_fstat, io->fd, (long)&st, 0) == 0 && !(st.st_mode & S_IFMT);
}

/* On what is no listener accept fails at once. */
static bool refusesaccept(const struct io *io)
{
	int on = 0;
	socklen_t n = sizeof on;

	if (io->try.nr != SYS_accept && io->try.nr != SYS_accept4)
		return false;
	return arch_syscall6(SYS_getsockopt, io->fd, SOL_SOCKET, SO_ACCEPTCONN, (long)&on, (long)&n, 0) < 0 || !on;
}

/* A process in the background that reads its terminal gets SIGTTIN or EIO, whatever there is to read. */
static bool background(int fd)
{
	int group = 0;

	return arch_syscall3(SYS_ioctl, fd, TIOCGPGRP, (long)&group) == 0 && group > 0 &&
	       group != arch_syscall3(SYS_getpgid, 0, 0, 0);
}

static bool askready(struct io *io)
{
	if (io->dir == PollOut)
		return pollnow(io->fd, POLLOUT) || mayrefuse(io);
	return pollnow(io->fd, POLLIN) || impatient(io->fd) || mayrefuse(io) || refusesaccept(io) ||
	       background(io->fd);
}

/*
 * The end of a connect that was under way. Where shutdown took it back (ECONNRESET) another call would begin
 * anew; after any other failure it makes the socket one that may connect again.
 */
static long connected(struct io *io)
{
	int e = 0;
	socklen_t n = sizeof e;

	arch_syscall6(SYS_getsockopt, io->fd, SOL_SOCKET, SO_ERROR, (long)&e, (long)&n, 0);
	if (e == ECONNRESET)
		return -e;
	return e ? (runtime_ioasis(&io->try), -e) : runtime_ioasis(&io->try);
}

/* By poll; when that says ready, another process may still be faster: the p is let go. */
static long askfirst(struct io *io)
{
	const struct iocall *c = &io->try;
	long r = -EAGAIN;

	if (!runtime_pollask(io->pd, io->dir))
		return r;
	if (askready(io))
		r = c->nr == SYS_connect ? connected(io) : runtime_ioasis(c);
	runtime_pollasked(io->pd, io->dir);
	return r;
}

/* It was emptied, and nothing has come since. */
static inline bool isempty(struct io *io)
{
	struct polldesc *pd = io->pd;

	return load_rlx(&pd->drained) == io->w.edgein + 1 && !load_rlx(&pd->hangup) &&
	       load_rlx(&pd->registered);
}

static inline long try(struct io *io)
{
	long r;

	io->w.edgein = load_acq(&io->pd->edgein); /* releases what the edge told, hangup for one */
	io->w.edgeout = load_acq(&io->pd->edgeout);
	if (unlikely(io->asks))
		return askfirst(io);
	if (io->empties && isempty(io))
		return -EAGAIN;
	r = syscallof(&io->try);
	if (io->empties && r > 0)
		store_rlx(&io->pd->drained, r < io->try.a[2] ? io->w.edgein + 1 : 0);
	return r;
}

/* The call's result, -errno or IoPlain. */
long runtime_iotry(struct io *io)
{
	long r;

	io->w.woken = false;
	do {
		r = try(io);
		if (likely(r != -EAGAIN))
			break;
		r = await(io);
	} while (r == 0);
	if (unlikely(io->w.woken))
		runtime_pollpass(&io->w);
	return r;
}

/*
 * The same, for a call that goes by the kind of the descriptor. False: the kind was
 * not what we thought (its number was given away behind libc's back, or the kernel
 * is too old): forget it, and begin anew.
 */
static bool done(struct io *io, long *r)
{
	*r = runtime_iotry(io);
	if (likely(*r != -ENOTSOCK && *r != -EOPNOTSUPP && *r != -ENOSYS && *r != -ESPIPE))
		return true;
	if (io->asks)
		return true;
	if (*r == -ENOTSOCK)
		runtime_pollfresh(io->pd);
	else if (io->pd->kind == KindPipe)
		store_rlx(&io->pd->kind, (uint8_t)KindAsk);
	else
		return true;
	return false;
}

bool runtime_iostart(struct io *io, int fd, uint32_t dir)
{
	io->fd = fd;
	io->pd = runtime_polldesc(fd, true);
	io->dir = dir;
	io->asks = io->empties = false;
	io->flags = 0;
	io->deadline = 0;
	return io->pd != NULL;
}

/* ---- read ---- */

/* What readv and writev find out before the file is asked: too many pieces, and for reads that there is no room. */
static bool isodd(const struct iocall *c, bool in)
{
	const struct iovec *v = (void *)c->a[1];
	size_t n = (size_t)c->a[2];

	if (n > IOV_MAX)
		return true;
	for (size_t i = 0; in && i < n; i++)
		if (v[i].iov_len)
			return false;
	return in;
}

long runtime_ioread(const struct iocall *c)
{
	bool vec = c->nr == SYS_readv;
	struct iovec one = {(void *)c->a[1], (size_t)c->a[2]};
	struct msghdr h;
	struct io io;
	long r;

	if (unlikely(!runtime_iostart(&io, (int)c->a[0], PollIn) || c->a[2] <= 0 || (vec && isodd(c, true))))
		return IoPlain;
	do {
		switch (runtime_iokind(io.pd, io.fd)) {
		case KindTcp:
			io.empties = !vec; /* fallthrough */
		case KindSocket:
			if (!vec) {
				io.try = (struct iocall){SYS_recvfrom, {io.fd, c->a[1], c->a[2], MSG_DONTWAIT}};
				break;
			}
			h = (struct msghdr){.msg_iov = (void *)c->a[1], .msg_iovlen = (int)c->a[2]};
			io.try = (struct iocall){SYS_recvmsg, {io.fd, (long)&h, MSG_DONTWAIT}};
			break;
		case KindPipe:
			io.try = (struct iocall){SysPreadv2, {io.fd, vec ? c->a[1] : (long)&one,
							      vec ? c->a[2] : 1, -1, -1, RWF_NOWAIT}};
			break;
		case KindAsk:
			io.asks = true;
			io.try = *c;
			break;
		default:
			return IoPlain;
		}
	} while (!done(&io, &r));
	return r;
}

/* ---- write ---- */

/* How n bytes, or less, are written to io. False: by a plain call. */
static bool writetry(struct io *io, const struct iocall *c, struct iovec *one)
{
	switch (runtime_iokind(io->pd, io->fd)) {
	case KindTcp:
	case KindSocket:
		io->try = (struct iocall){SYS_sendto, {io->fd, (long)one->iov_base, (long)one->iov_len,
						       MSG_DONTWAIT | io->flags}};
		return true;
	case KindPipe:
		io->try = (struct iocall){SysPwritev2, {io->fd, (long)one, 1, -1, -1, RWF_NOWAIT}};
		return true;
	case KindAsk:
		io->asks = true;
		io->try = *c;
		return true;
	default:
		return false;
	}
}

/* All of one, in as many writes as it takes; how much, or the first one's error. */
static long writeall(struct io *io, const struct iocall *c, struct iovec one)
{
	long r, sum = 0;

	for (;;) {
		if (!writetry(io, c, &one))
			return sum ? sum : IoPlain;
		if (!done(io, &r))
			continue;
		if (unlikely(r < 0))
			return sum ? sum : r;
		sum += r;
		io->flags |= MSG_NOSIGNAL; /* a call that has written something returns that */
		if (likely((size_t)r >= one.iov_len) || r == 0 || io->asks)
			return sum;
		one.iov_base = (char *)one.iov_base + r;
		one.iov_len -= (size_t)r;
	}
}

/* The first write of several pieces at once. False: the kind was wrong, begin anew. */
static bool writevtry(struct io *io, const struct iocall *c, struct msghdr *h, long *r)
{
	h->msg_iov = (void *)c->a[1];
	h->msg_iovlen = (int)c->a[2];
	switch (runtime_iokind(io->pd, io->fd)) {
	case KindTcp:
	case KindSocket:
		io->try = (struct iocall){SYS_sendmsg, {io->fd, (long)h, MSG_DONTWAIT}};
		break;
	case KindPipe:
		io->try = (struct iocall){SysPwritev2, {io->fd, c->a[1], c->a[2], -1, -1, RWF_NOWAIT}};
		break;
	case KindAsk:
		io->asks = true;
		io->try = *c;
		break;
	default:
		*r = IoPlain;
		return true;
	}
	return done(io, r);
}

/* What is left of v[0..n) after the first sum bytes went out, piece by piece. */
static long writerest(struct io *io, const struct iocall *c, const struct iovec *v, long n, long sum)
{
	size_t skip = (size_t)sum;

	io->flags |= MSG_NOSIGNAL; /* as in writeall */
	for (long i = 0; i < n; skip -= skip < v[i].iov_len ? skip : v[i].iov_len, i++) {
		struct iovec rest = {(char *)v[i].iov_base + skip, v[i].iov_len - skip};
		long r;

		if (skip >= v[i].iov_len)
			continue;
		r = writeall(io, c, rest);
		if (r < 0)
			break;
		sum += r;
		if ((size_t)r < rest.iov_len)
			break;
	}
	return sum;
}

static size_t total(const struct iovec *v, long n)
{
	size_t sum = 0;

	for (long i = 0; i < n; i++)
		sum += v[i].iov_len;
	return sum;
}

static long writev0(struct io *io, const struct iocall *c)
{
	struct msghdr h = {0};
	long r;

	while (!writevtry(io, c, &h, &r))
		;
	if (r <= 0 || io->asks || (size_t)r >= total((void *)c->a[1], c->a[2]))
		return r;
	return writerest(io, c, (void *)c->a[1], c->a[2], r);
}

long runtime_iowrite(const struct iocall *c)
{
	struct iovec one = {(void *)c->a[1], (size_t)c->a[2]};
	struct io io;

	if (unlikely(!runtime_iostart(&io, (int)c->a[0], PollOut) || c->a[2] <= 0 ||
		     (c->nr == SYS_writev && isodd(c, false))))
		return IoPlain;
	return c->nr == SYS_write ? writeall(&io, c, one) : writev0(&io, c);
}

/* ---- recv, send: for sockets alone ---- */

bool runtime_ioisstream(int fd)
{
	int type = 0;
	socklen_t n = sizeof type;

	arch_syscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, (long)&type, (long)&n, 0);
	return type == SOCK_STREAM;
}

/* With MSG_WAITALL: the rest of what recvfrom asked for. */
static long recvrest(struct io *io, const struct iocall *c, long got)
{
	io->try.a[4] = io->try.a[5] = 0;
	while (got < c->a[2]) {
		long r;

		io->try.a[1] = c->a[1] + got;
		io->try.a[2] = c->a[2] - got;
		r = runtime_iotry(io);
		if (r <= 0)
			break;
		got += r;
	}
	return got;
}

long runtime_iorecv(const struct iocall *c)
{
	bool msg = c->nr == SYS_recvmsg;
	int flags = (int)(msg ? c->a[2] : c->a[3]);
	struct io io;
	long r;

	if (!runtime_iostart(&io, (int)c->a[0], PollIn) || flags & (MSG_DONTWAIT | MSG_ERRQUEUE))
		return IoPlain;
	if (flags & MSG_PEEK && flags & MSG_WAITALL)
		return IoPlain; /* TCP waits for all, others do not: the kernel knows */
	if (runtime_iokind(io.pd, io.fd) == KindFile)
		return IoPlain;
	if (msg && flags & MSG_WAITALL)
		return runtime_iorecvwhole(&io, c);
	io.empties = load_rlx(&io.pd->kind) == KindTcp && !msg && !flags;
	io.try = *c;
	io.try.a[msg ? 2 : 3] = flags | MSG_DONTWAIT;
	r = runtime_iotry(&io);
	if (r > 0 && r < c->a[2] && flags & MSG_WAITALL && runtime_ioisstream(io.fd))
		return recvrest(&io, c, r);
	return r;
}

static long sendmsg0(struct io *io, const struct iocall *c, int flags)
{
	const struct msghdr *h = (void *)c->a[1];
	long r;

	io->flags = flags;
	io->try = (struct iocall){SYS_sendmsg, {io->fd, c->a[1], flags | MSG_DONTWAIT}};
	r = runtime_iotry(io);
	if (r <= 0 || (size_t)r >= total(h->msg_iov, h->msg_iovlen))
		return r;
	return writerest(io, c, h->msg_iov, h->msg_iovlen, r);
}

/* The rest of what sendto sent in part, to where it went. */
static long sendrest(struct io *io, const struct iocall *c, long sent)
{
	io->try.a[3] |= MSG_NOSIGNAL; /* as in writeall */
	while (sent < c->a[2]) {
		long r;

		io->try.a[1] = c->a[1] + sent;
		io->try.a[2] = c->a[2] - sent;
		r = runtime_iotry(io);
		if (r <= 0)
			break;
		sent += r;
	}
	return sent;
}

long runtime_iosend(const struct iocall *c)
{
	bool msg = c->nr == SYS_sendmsg;
	int flags = (int)(msg ? c->a[2] : c->a[3]);
	struct io io;
	long r;

	if (!runtime_iostart(&io, (int)c->a[0], PollOut) || flags & MSG_DONTWAIT)
		return IoPlain;
	runtime_iokind(io.pd, io.fd);
	if (msg)
		return sendmsg0(&io, c, flags);
	io.try = *c;
	io.try.a[3] = flags | MSG_DONTWAIT;
	r = runtime_iotry(&io);
	return likely(r >= c->a[2]) || r <= 0 ? r : sendrest(&io, c, r);
}

/* ---- connections ---- */

cold long runtime_ioaccept(const struct iocall *c)
{
	struct io io;
	long fd;

	if (!runtime_iostart(&io, (int)c->a[0], PollIn))
		return IoPlain;
	runtime_iokind(io.pd, io.fd);
	io.asks = true;
	io.try = *c;
	fd = runtime_iotry(&io);
	if (fd >= 0)
		runtime_ioaccepted(io.pd, (int)fd, c->nr == SYS_accept4 ? (int)c->a[3] : 0);
	return fd;
}

static void setlimit(int fd, int64_t ns)
{
	struct timeval tv = {ns / 1000000000, ns % 1000000000 / 1000};

	arch_syscall6(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, (long)&tv, sizeof tv, 0);
}

/* With the shortest time-out. A signal that the program does not see ends it too, and the connection is under way. */
static long connectbriefly(struct io *io, const struct iocall *c)
{
	long r;

	getg()->sighandled = 0;
	setlimit(io->fd, 1000);
	runtime_entersyscallblock();
	r = syscallof(c);
	runtime_exitsyscall();
	setlimit(io->fd, io->pd->limitout);
	return r == -EINTR && runtime_iointerrupted(false) == 0 ? -EINPROGRESS : r;
}

/*
 * connect cannot be asked not to wait but by O_NONBLOCK or a time-out. The shortest time-out
 * is set for the moment (the socket is not connected: nobody else can be sending): a tick
 * of the kernel's clock, for which the p goes to others at once. After that the
 * kernel goes on connecting by itself; the goroutine waits until the socket is writable,
 * and asks again for the result. A Unix socket's connect waits for room in the listener's
 * queue, which nobody reports: a plain call.
 */
cold long runtime_ioconnect(const struct iocall *c)
{
	sa_family_t *family = (void *)c->a[1];
	struct io io;
	long r, began;

	if (!runtime_iostart(&io, (int)c->a[0], PollOut) || c->a[2] < (long)sizeof *family ||
	    runtime_iokind(io.pd, io.fd) != KindTcp || *family == AF_UNSPEC)
		return IoPlain;
	runtime_ioknow(io.pd, io.fd);
	if (io.pd->nonblock)
		return IoPlain;
	r = connectbriefly(&io, c);
	if (r != -EINPROGRESS && r != -EALREADY) /* EALREADY: begun by an earlier call, waited for all the same */
		return r;
	began = r;
	io.asks = true;
	io.try = *c;
	r = runtime_iotry(&io);
	return r == -EAGAIN ? began : r == -EISCONN ? 0 : r;
}
