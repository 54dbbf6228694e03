/* SPDX-License-Identifier: MIT */
/*
 * io_linux.h - libc's blocking calls, made so that they block the goroutine alone;
 * what the files io*_linux.c share. runtime/musl_call.c sends every such call to
 * runtime_iocall.
 *
 * A call is first tried without waiting, in a way that is asked for by the call and
 * not by the descriptor (O_NONBLOCK belongs to the open file, which other
 * processes share: it is never touched): MSG_DONTWAIT on sockets, RWF_NOWAIT on
 * pipes, a look by poll on what knows neither. When that says EAGAIN and the
 * program did not make the descriptor non-blocking, the goroutine parks until the
 * poller reports an edge (sched/netpoll.c), and tries again. What the poller does
 * not take (files, directories) is a plain call, for which the p is let go.
 *
 *   iocall_linux.c   sorts the calls by number
 *   iodesc_linux.c   what is remembered of a descriptor, and when it is forgotten
 *   iomove_linux.c   try and wait; read, write, recv, send, accept, connect
 *   iomsg_linux.c    recvmsg that wants all, recvmmsg
 *   iopoll_linux.c   poll, select, epoll_wait, the sleep family
 *   iowait_linux.c   waitpid and waitid of one child
 */
#ifndef IO_LINUX_H
#define IO_LINUX_H

#include "netpoll.h"

#include <errno.h>
#include <sys/syscall.h>

/* How a descriptor is asked not to wait; polldesc's kind. */
enum iokind {
	KindUnknown,
	KindFile,   /* always ready, or not for the poller: a plain call */
	KindTcp,    /* MSG_DONTWAIT, and a short read tells that it is empty */
	KindSocket, /* MSG_DONTWAIT */
	KindPipe,   /* RWF_NOWAIT */
	KindAsk,    /* by poll: terminals, eventfd, timerfd, inotify ... */
};

/* A system call, as its number and arguments. */
struct iocall {
	long nr, a[6];
};

/* It as it is; the p is let go of meanwhile. */
static inline long runtime_ioasis(const struct iocall *c)
{
	return runtime_pointcall(c->nr, c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5]);
}

/* The functions below say so when the call is to be made as it is, letting go of the p. */
enum { IoPlain = -(1 << 30) }; /* neither a count nor an -errno */

/* One call under way. */
struct io {
	struct polldesc *pd;
	int fd;
	uint32_t dir;	   /* PollIn or PollOut */
	struct iocall try; /* does not wait, unless asks: then poll is asked first */
	bool asks;
	int flags;	   /* of a piece that is written to a socket, besides MSG_DONTWAIT */
	bool empties;	   /* a short read from TCP tells that there is no more */
	int64_t deadline;  /* 0: none, or not known yet */
	struct pollwait w;
};

/* ---- iodesc_linux.c ---- */
void runtime_ioknow(struct polldesc *pd, int fd); /* nonblock and the limits are as they are now */
enum iokind runtime_ioclassify(struct polldesc *pd, int fd);
static inline enum iokind runtime_iokind(struct polldesc *pd, int fd)
{
	enum iokind k = (enum iokind)load_rlx(&pd->kind);

	return likely(k) ? k : runtime_ioclassify(pd, fd);
}
void runtime_iofresh(int fd); /* a number that was just given out: what was known is another file's */
void runtime_ioaccepted(struct polldesc *listener, int fd, int flags);
bool runtime_iochange(const struct iocall *c, long *r); /* a call that changes what is known: made, with its result */

/* ---- iomove_linux.c: the result, -errno, or IoPlain ---- */
long runtime_ioread(const struct iocall *c);
long runtime_iowrite(const struct iocall *c);
long runtime_iorecv(const struct iocall *c);
long runtime_iosend(const struct iocall *c);
long runtime_ioaccept(const struct iocall *c);
long runtime_ioconnect(const struct iocall *c);
bool runtime_iostart(struct io *io, int fd, uint32_t dir); /* false: out of memory */
long runtime_iotry(struct io *io); /* until it is done, waiting between tries */
bool runtime_ioisstream(int fd);
long runtime_iointerrupted(bool always); /* after PollInterrupt: -EINTR, -ECANCELED, or 0 when it is to be restarted */

/* ---- iomsg_linux.c: the same ---- */
long runtime_iorecvwhole(struct io *io, const struct iocall *c);
long runtime_iorecvmany(const struct iocall *c);

/* ---- iopoll_linux.c ---- */
long runtime_iopoll(const struct iocall *c);
long runtime_ioselect(const struct iocall *c);
long runtime_ioepoll(const struct iocall *c);
long runtime_iosleep(const struct iocall *c);

/* ---- iowait_linux.c ---- */
long runtime_iochild(const struct iocall *c);

/*
 * poll with a time-out of zero. Even that ends early when a signal is pending, one of the
 * runtime's own perhaps: it came before the program's call waited, and is over.
 */
static inline long runtime_iolook(void *fds, size_t n)
{
	long r;

	do
		r = arch_syscall3(SYS_poll, (long)fds, (long)n, 0);
	while (r == -EINTR);
	return r;
}

#endif
