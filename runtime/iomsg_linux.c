/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * iomsg_linux.c - calls that wait several times before they are done: recvmsg that wants
 * all (MSG_WAITALL), recvmmsg. See io_linux.h.
 *
 * As plain calls they would not do: a signal that comes between two of the waits ends the
 * call with what it has got, and it may be one of the runtime's own. Linux even keeps
 * its internal error number for the next recvmmsg then, which returns 512.
 */
#include "io_linux.h"

#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

enum { Second = 1000000000 };

/* ---- recvmsg with MSG_WAITALL ---- */

/* More for one piece, until it is full. */
static long fill(struct io *io, const struct iocall *c, struct iovec piece)
{
	long r = 0, got = 0;

	while ((size_t)got < piece.iov_len) {
		io->try = (struct iocall){SYS_recvfrom, {io->fd, (long)piece.iov_base + got,
							 (long)piece.iov_len - got,
							 c->a[2] | MSG_DONTWAIT}};
		r = runtime_iotry(io);
		if (r <= 0)
			break;
		got += r;
	}
	return got;
}

/* The pieces behind the first got bytes; how much there is then. */
static long fillrest(struct io *io, const struct iocall *c, long got)
{
	const struct msghdr *h = (void *)c->a[1];
	size_t skip = (size_t)got;

	for (int i = 0; i < h->msg_iovlen; i++) {
		struct iovec v = h->msg_iov[i];
		size_t done = skip < v.iov_len ? skip : v.iov_len;
		long r;

		skip -= done;
		r = fill(io, c, (struct iovec){(char *)v.iov_base + done, v.iov_len - done});
		got += r;
		if ((size_t)r < v.iov_len - done)
			break;
	}
	return got;
}

/* Control data and peeking are the kernel's to join. */
long runtime_iorecvwhole(struct io *io, const struct iocall *c)
{
	const struct msghdr *h = (void *)c->a[1];
	long r;

	if (c->a[2] & MSG_PEEK || h->msg_controllen || !runtime_ioisstream(io->fd))
		return IoPlain;
	io->try = *c;
	io->try.a[2] |= MSG_DONTWAIT;
	r = runtime_iotry(io);
	return r > 0 ? fillrest(io, c, r) : r;
}

/* ---- recvmmsg ---- */

static bool isvalid(const struct timespec *t)
{
	return t->tv_sec >= 0 && t->tv_sec < INT_MAX && (uint64_t)t->tv_nsec < Second;
}

static void left(struct timespec *t, int64_t deadline)
{
	int64_t ns = deadline - runtime_nanotime();

	ns = ns > 0 ? ns : 0;
	t->tv_sec = ns / Second;
	t->tv_nsec = ns % Second;
}

/* As the kernel has it, the time-out is looked at after each message alone. */
static long recvmany(struct io *io, const struct iocall *c, int64_t deadline)
{
	long r, got = 0;

	do {
		io->deadline = 0; /* SO_RCVTIMEO is a message's */
		io->try = *c;
		io->try.a[1] += got * (long)sizeof(struct mmsghdr);
		io->try.a[2] = deadline ? 1 : c->a[2] - got;
		io->try.a[3] |= MSG_DONTWAIT;
		io->try.a[4] = 0;
		r = runtime_iotry(io);
		if (r <= 0)
			return got ? got : r;
		got += r;
	} while (got < c->a[2] && !(c->a[3] & MSG_WAITFORONE) &&
		 !(deadline && runtime_nanotime() >= deadline));
	return got;
}

long runtime_iorecvmany(const struct iocall *c)
{
	struct timespec *t = (void *)c->a[4];
	int flags = (int)c->a[3];
	int64_t deadline = 0;
	struct io io;
	long r;

	if (!runtime_iostart(&io, (int)c->a[0], PollIn) || flags & (MSG_DONTWAIT | MSG_ERRQUEUE) ||
	    (unsigned)c->a[2] - 1 >= IOV_MAX || (t && !isvalid(t)))
		return IoPlain;
	if (flags & MSG_WAITALL && runtime_ioisstream(io.fd))
		return IoPlain;
	if (runtime_iokind(io.pd, io.fd) == KindFile)
		return IoPlain;
	if (t)
		deadline = runtime_nanotime() + t->tv_sec * Second + t->tv_nsec;
	r = recvmany(&io, c, deadline);
	if (t && r > 0)
		left(t, deadline);
	return r;
}
