/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * rawlook.c - what a thread is blocked in, as /proc has it, before it is sent a signal that
 * would end it: see rawcall.c.
 *
 * The look takes a descriptor, and the kernel gives the lowest number that is free. For the
 * moment of the look the program would have one that it did not open: a number that it has
 * closed would read, and close(0) followed by open would not give 0. So a thread with a
 * descriptor table of its own looks and sends. It is made with the first look, runs nothing
 * else and takes no signals of the program's. Where it is not to be had (no thread, or before
 * Linux 5.9) the number is seen for that moment.
 *
 * Senders take turns by mp->raw.busy: who has set it owns what senders write of mp->raw,
 * mp->cputimer and mp->servicelink, and passes them to this thread with mp.
 */
#include "sched.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

enum { FreshNs = 20 * 1000, Looks = 3, CloseRangeUnshare = 2 };

/* The number at *s, which moves behind it: decimal, or hexadecimal after 0x. */
static uintptr_t number(const char **s)
{
	const char *p = *s;
	uintptr_t v = 0, base = 10;

	while (*p == ' ')
		p++;
	if (p[0] == '0' && p[1] == 'x') {
		base = 16;
		p += 2;
	}
	for (;; p++) {
		unsigned d = *p >= 'a' ? (unsigned)(*p - 'a') + 10 : (unsigned)(*p - '0');

		if (d >= base)
			break;
		v = v * base + d;
	}
	*s = p;
	return v;
}

/* What /proc says of a thread's call in text; false: it is in none, or that cannot be known. */
static bool parse(const char *s, struct rawcall *r)
{
	if (*s < '0' || *s > '9')
		return false;
	r->nr = (long)number(&s);
	for (int i = 0; i < 6; i++)
		r->arg[i] = number(&s);
	r->sp = number(&s);
	r->pc = number(&s);
	return true;
}

/* A call was seen, at now: it is left in r. */
static void leave(struct rawcall *r, const struct rawcall *seen, int64_t now)
{
	store(&r->nr, NoCall);
	memcpy(r->arg, seen->arg, sizeof r->arg);
	r->sp = seen->sp;
	r->pc = seen->pc;
	r->since = now;
	store_rel(&r->nr, seen->nr);
}

static long opencall(int32_t tid)
{
	char path[64];

	runtime_snprint(path, sizeof path, "/proc/self/task/%d/syscall", tid);
	return arch_syscall3(SYS_open, (long)path, O_RDONLY | O_CLOEXEC, 0);
}

/* The call that the thread is blocked in, as of at most FreshNs ago if that can be had. False: none. */
static bool look(long fd, struct rawcall *seen)
{
	char text[256];

	for (int i = 0;; i++) {
		int64_t start = runtime_nanotime();
		long n = arch_syscall6(SYS_pread64, fd, (long)text, sizeof text - 1, 0, 0, 0);

		text[n < 0 ? 0 : n] = 0;
		if (!parse(text, seen))
			return false;
		if (runtime_nanotime() - start <= FreshNs || i == Looks)
			return true;
	}
}

/* Without /proc (but not while the program has all descriptors in use) there is only the signal. */
static bool nolook(long fd)
{
	return fd < 0 && fd != -EMFILE && fd != -ENFILE;
}

/* mp gets the signal at once, or at the next tick where it might be felt. raw.busy is passed to us. */
static void send(m *mp)
{
	struct rawcall seen, *r = &mp->raw;
	long fd = opencall(mp->tid);

	if (fd >= 0 && look(fd, &seen)) {
		if (runtime_rawredoable(mp, &seen)) {
			leave(r, &seen, runtime_nanotime());
			runtime_signalm(mp, SIGURG);
		}
	} else if (nolook(fd) || runtime_debug.slice || !runtime_cpusignal(mp)) {
		runtime_signalm(mp, SIGURG);
	}
	if (fd >= 0)
		arch_syscall3(SYS_close, fd, 0, 0);
	store_rel(&r->busy, 0u);
}

/* ---- the thread ---- */

static struct service looker; /* once refused it is taken to be on its way for ever */

static void lookerthread(void)
{
	arch_syscall3(SYS_close_range, 0, UINT32_MAX, CloseRangeUnshare);
	runtime_serve(&looker, send);
}

/* False while it is being made, and where it could not be: by a thread of the program's, or at all. */
static bool lookerthere(void)
{
	if (likely(runtime_serves(&looker)))
		return true;
	if (!getg() || !cas(&looker.state, (uint32_t)NoService, (uint32_t)ServiceBegins) ||
	    !runtime_newsysm(lookerthread))
		return false;
	store(&looker.state, ServiceThere);
	return true;
}

/*
 * Have mp, which keeps its p too long, take the signal: see send. Tests that ask
 * for slices shorter than a tick get them, at the price of what could be felt.
 */
void runtime_rawsend(m *mp)
{
	if (!cas(&mp->raw.busy, 0u, 1u))
		return;
	if (lookerthere())
		runtime_ask(&looker, mp);
	else
		send(mp);
}

/* In a child of fork it is gone, with what was asked of it. */
void runtime_forklooker(void)
{
	looker = (struct service){0};
}
