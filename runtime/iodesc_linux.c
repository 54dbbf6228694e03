/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * iodesc_linux.c - what is remembered of a descriptor, in the polldesc of its
 * number, and when it is forgotten. All of it is a hint.
 *
 * How it is asked not to wait (kind), and that the poller has it (registered), hold as
 * long as the number means the same open file. Numbers are closed and given to other
 * files by libc's calls alone, which all pass runtime_iochange; what libc closes
 * for itself inside (the resolver's sockets, for one) it got from socket, and of such a number
 * nothing is remembered (runtime_iosilent).
 *
 * What a program may change at any time, through this or another descriptor of
 * the same open file (O_NONBLOCK, SO_RCVTIMEO, SO_SNDTIMEO), is asked for again
 * after any such change on any descriptor: `generation' counts them.
 *
 * While a number is closed or replaced its polldesc is `closing': who waits
 * has been woken (close gives them EBADF), and who comes now finds it changing.
 */
#include "io_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { MemoryMajor = 1 }; /* of /dev/null and its kin */
enum { Ours = 1 << 30 }; /* no result of a call: the number is the runtime's */

static uint32_t generation = 1; /* atomic */

/* ---- asking the kernel ---- */

static void getopt(int fd, int name, void *v, uint32_t n)
{
	arch_syscall6(SYS_getsockopt, fd, SOL_SOCKET, name, (long)v, (long)&n, 0);
}

/* One that must not return less than SO_RCVLOWAT is not asked to return what there is. */
static enum iokind socketkind(int fd)
{
	int proto = 0, least = 1;

	getopt(fd, SO_RCVLOWAT, &least, sizeof least);
	if (least > 1)
		return KindFile;
	getopt(fd, SO_PROTOCOL, &proto, sizeof proto);
	return proto == IPPROTO_TCP ? KindTcp : KindSocket;
}

static bool isfile(const struct stat *st)
{
	return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISBLK(st->st_mode) ||
	       (S_ISCHR(st->st_mode) && st->st_rdev >> 8 == MemoryMajor);
}

static enum iokind kindof(int fd)
{
	struct stat st;

	if (arch_syscall3(SYS_fstat, fd, (long)&st, 0) < 0)
		return KindUnknown;
	if (S_ISSOCK(st.st_mode))
		return socketkind(fd);
	if (S_ISFIFO(st.st_mode))
		return KindPipe;
	return isfile(&st) ? KindFile : KindAsk;
}

/* Under the lock, and not while the number changes hands: what is kept is of the file that it means. */
noinline enum iokind runtime_ioclassify(struct polldesc *pd, int fd)
{
	enum iokind kind;

	runtime_lock(&pd->lock);
	kind = kindof(fd);
	if (!pd->closing)
		store_rlx(&pd->kind, (uint8_t)kind);
	runtime_unlock(&pd->lock);
	return kind ? kind : KindFile; /* not open: the plain call has the right error */
}

static int64_t limit(int fd, int name)
{
	struct timeval tv = {0, 0};

	getopt(fd, name, &tv, sizeof tv);
	return tv.tv_sec * INT64_C(1000000000) + tv.tv_usec * 1000;
}

/* The kind may have been forgotten since it was asked for, when the close of the number's last file was over. */
static noinline void learn(struct polldesc *pd, int fd, uint32_t gen)
{
	long flags = arch_syscall3(SYS_fcntl, fd, F_GETFL, 0);
	bool socket = pd->kind == KindUnknown || pd->kind == KindTcp || pd->kind == KindSocket;

	pd->nonblock = flags >= 0 && flags & O_NONBLOCK;
	pd->limitin = socket ? limit(fd, SO_RCVTIMEO) : 0;
	pd->limitout = socket ? limit(fd, SO_SNDTIMEO) : 0;
	store_rel(&pd->gen, pd->closing || pd->silent || flags < 0 ? 0 : gen);
}

void runtime_ioknow(struct polldesc *pd, int fd)
{
	uint32_t gen = load_acq(&generation);

	if (likely(load_acq(&pd->gen) == gen))
		return;
	runtime_lock(&pd->lock);
	learn(pd, fd, gen);
	runtime_unlock(&pd->lock);
}

/* ---- new numbers ---- */

static inline bool known(struct polldesc *pd)
{
	return load_rlx(&pd->kind) || load_rlx(&pd->registered) || load_rlx(&pd->closing) || load_rlx(&pd->silent);
}

void runtime_iofresh(int fd)
{
	struct polldesc *pd = runtime_polldesc(fd, false);

	if (pd && known(pd))
		runtime_pollfresh(pd);
}

/*
 * libc itself has made fd. It closes that in line, and the next file of that number may come from a call that we
 * do not see either: so nothing is remembered of this number until a close or a call of the program's.
 */
void runtime_iosilent(int fd)
{
	struct polldesc *pd = runtime_polldesc(fd, true);

	if (pd)
		store_rlx(&pd->silent, true);
}

/*
 * A connection is of its listener's kind, but not non-blocking unless asked. Whether it has the listener's limits
 * depends on the protocol and on when it was made: where there are any the connection is asked itself.
 */
void runtime_ioaccepted(struct polldesc *listener, int fd, int flags)
{
	struct polldesc *pd = runtime_polldesc(fd, true);

	runtime_iofresh(fd);
	if (!pd)
		return;
	pd->nonblock = flags & SOCK_NONBLOCK;
	pd->limitin = pd->limitout = 0;
	store_rlx(&pd->kind, listener->kind);
	store_rel(&pd->gen, listener->limitin || listener->limitout ? 0 : load_acq(&listener->gen));
}

/* ---- changes ---- */

/* fd was closed before there was a polldesc to note it in, or perhaps: a number of ours may be there already. */
static void late(struct polldesc *pd, int fd)
{
	if (runtime_pollerowns(fd)) {
		if (arch_syscall3(SYS_fcntl, fd, F_GETFD, 0) >= 0)
			return;
		runtime_pollermove(fd);
	}
	runtime_polllate(pd);
}

/*
 * A call after which fd is closed or means another file. Also where nothing is known of it yet: somebody
 * may just be about to wait for it. Where there is no polldesc yet, who waits made it before the
 * poller took the file, which was before it was closed: it is there after that. Or Ours, and no call.
 */
static long replace(const struct iocall *c, int fd)
{
	struct polldesc *pd = runtime_polldesc(fd, false);
	uint32_t which;
	long r;

	if (unlikely(!pd)) {
		r = runtime_ioasis(c);
		if ((pd = runtime_polldesc(fd, false)))
			late(pd, fd);
		return r;
	}
	if (unlikely(!(which = runtime_pollclose(pd, fd))))
		return Ours;
	r = runtime_ioasis(c);
	runtime_pollclosed(pd, which);
	return r;
}

static long closefd(const struct iocall *c)
{
	long r = replace(c, (int)c->a[0]);

	return unlikely(r == Ours) ? -EBADF : r;
}

static long dupto(const struct iocall *c)
{
	int from = (int)c->a[0], to = (int)c->a[1], moved;
	long r;

	if (from == to || runtime_pollerowns(from))
		return from == to ? runtime_ioasis(c) : -EBADF;
	/* EBUSY: another thread is just opening that number; libc's dup2 tries again, too. */
	while ((r = replace(c, to)) == Ours || r == -EBUSY)
		if (r == Ours && (moved = runtime_pollermove(to)) < 0)
			return moved;
	return r;
}

/* Those of the range that there are: closing begins, or is over, for those too that were made meanwhile. */
static void eachdesc(unsigned first, unsigned last, bool over)
{
	enum { Most = 1 << 24 };

	for (unsigned fd = first; fd <= last && fd < Most; fd++) {
		struct polldesc *pd = runtime_polldesc((int)fd, false);

		if (!pd)
			fd |= 511; /* nor of its neighbours */
		else if (over && load_rlx(&pd->closing))
			runtime_pollfresh(pd);
		else if (over && known(pd))
			late(pd, (int)fd);
		else if (!over)
			runtime_pollclose(pd, (int)fd);
	}
}

/* [first, last] less the poller's own. */
static long closeothers(const struct iocall *c, unsigned first, unsigned last)
{
	struct iocall part = *c;
	unsigned from = first;
	long r = 0;

	for (unsigned fd = first; runtime_pollerinited() && fd <= last && fd < 1 << 24; fd++) {
		if (!runtime_pollerowns((int)fd))
			continue;
		part.a[0] = from;
		part.a[1] = (long)fd - 1;
		r = from < fd ? runtime_ioasis(&part) : 0;
		from = fd + 1;
	}
	part.a[0] = from;
	part.a[1] = last;
	return from <= last && r == 0 ? runtime_ioasis(&part) : r;
}

static long closerange(const struct iocall *c)
{
	enum { CloexecOnly = 4 }; /* CLOSE_RANGE_CLOEXEC */
	unsigned first = (unsigned)c->a[0], last = (unsigned)c->a[1];
	long r;

	if (c->a[2] & CloexecOnly || first > last)
		return runtime_ioasis(c);
	eachdesc(first, last, false);
	r = closeothers(c, first, last);
	eachdesc(first, last, true);
	return r;
}

static long changed(const struct iocall *c)
{
	long r = runtime_ioasis(c);

	__atomic_fetch_add(&generation, 1, __ATOMIC_SEQ_CST);
	return r;
}

static long reclassify(const struct iocall *c)
{
	struct polldesc *pd = runtime_polldesc((int)c->a[0], false);
	long r = runtime_ioasis(c);

	if (pd)
		store_rlx(&pd->kind, (uint8_t)KindUnknown);
	return r;
}

static long setoption(const struct iocall *c)
{
	struct polldesc *pd;

	if (c->a[1] == SOL_SOCKET && (c->a[2] == SO_RCVTIMEO || c->a[2] == SO_SNDTIMEO))
		return changed(c);
	if (c->a[1] == SOL_SOCKET && c->a[2] == SO_RCVLOWAT)
		return reclassify(c);
	if (c->a[1] == IPPROTO_TCP && c->a[2] == TCP_ULP && (pd = runtime_polldesc((int)c->a[0], true)))
		store_rlx(&pd->kind, (uint8_t)KindSocket); /* its reads stop at records: short ones tell nothing */
	return runtime_ioasis(c);
}

static long newsocket(const struct iocall *c)
{
	long fd = runtime_ioasis(c);

	if (fd >= 0)
		runtime_iofresh((int)fd);
	return fd;
}

bool runtime_iochange(const struct iocall *c, long *r)
{
	switch (c->nr) {
	case SYS_close:
		return *r = closefd(c), true;
	case SYS_dup2:
	case SYS_dup3:
		return *r = dupto(c), true;
	case SYS_close_range:
		return *r = closerange(c), true;
	case SYS_fcntl:
		return c->a[1] == F_SETFL && (*r = changed(c), true);
	case SYS_ioctl:
		return c->a[1] == FIONBIO && (*r = changed(c), true);
	case SYS_setsockopt:
		return *r = setoption(c), true;
	case SYS_socket:
		return *r = newsocket(c), true;
	default:
		return false;
	}
}
