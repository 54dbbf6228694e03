/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * spawn.c - posix_spawn, by which system and popen make their children too.
 *
 * The child is a clone in the parent's memory, on a piece of the caller's stack,
 * while the caller's thread stands still. So it sees the caller's g by FS, and
 * must not use the parent's scheduler by it: vforking says so (fork.c), and every
 * call here goes straight to the kernel. The p is let go meanwhile.
 *
 * All signals are blocked from before the clone until the child's handlers are
 * reset: no handler of the parent's runs in the child. The caller's mask is not
 * changed as far as its g goes. As memory is shared, the child reports its errors there.
 */
#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#define weakseam __attribute__((visibility("default"), weak))

enum { ChildStack = 8 << 10, NotFound = 127 }; /* the search of PATH has a path on it */

typedef int execfn(const char *, char *const *, char *const *);

struct spawn {
	const char *path;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attr;
	char *const *argv, *const *envp;
	uint64_t mask; /* the caller's */
	long err;      /* of the child, -errno */
};

/* ---- the child ---- */

/* Signal actions as the kernel takes them. */
struct ksigaction {
	uintptr_t handler;
	unsigned long flags;
	uintptr_t restorer;
	uint64_t mask;
};

static void setdefault(int sig)
{
	struct ksigaction dfl = {0};

	arch_syscall6(SYS_rt_sigaction, sig, (long)&dfl, 0, 8, 0, 0);
}

static bool ignored(int sig)
{
	struct ksigaction sa = {0};

	arch_syscall6(SYS_rt_sigaction, sig, 0, (long)&sa, 8, 0, 0);
	return sa.handler == (uintptr_t)SIG_IGN;
}

/* What the attributes ask for, and whatever has a handler. */
static void resetsignals(uint64_t wanted)
{
	uint64_t sigs = runtime_handlers() | wanted;

	for (int sig = 1; sigs; sig++, sigs >>= 1, wanted >>= 1)
		if (wanted & 1 || (sigs & 1 && !ignored(sig)))
			setdefault(sig);
}

static long resetids(void)
{
	long r = arch_syscall3(SYS_setgid, arch_syscall3(SYS_getgid, 0, 0, 0), 0, 0);

	return r ? r : arch_syscall3(SYS_setuid, arch_syscall3(SYS_getuid, 0, 0, 0), 0, 0);
}

static long setattributes(const posix_spawnattr_t *a)
{
	long r = 0;

	if (a->__flags & POSIX_SPAWN_SETSID)
		r = arch_syscall3(SYS_setsid, 0, 0, 0);
	if (r >= 0 && a->__flags & POSIX_SPAWN_SETPGROUP)
		r = arch_syscall3(SYS_setpgid, 0, a->__pgrp, 0);
	if (r >= 0 && a->__flags & POSIX_SPAWN_RESETIDS)
		r = resetids();
	return r < 0 ? r : 0;
}

/* A descriptor that is put where it is already stays open over exec. */
static long dupaction(int from, int to)
{
	long flags;

	if (from != to)
		return arch_syscall3(SYS_dup3, from, to, 0);
	flags = arch_syscall3(SYS_fcntl, to, F_GETFD, 0);
	return flags < 0 ? flags : arch_syscall3(SYS_fcntl, to, F_SETFD, flags & ~FD_CLOEXEC);
}

static long openaction(const struct runtime_fileaction *a)
{
	long fd = arch_syscall6(SYS_openat, AT_FDCWD, (long)a->path, a->flags | O_LARGEFILE, a->mode, 0, 0);
	long r;

	if (fd < 0 || fd == a->fd)
		return fd;
	r = arch_syscall3(SYS_dup3, fd, a->fd, 0);
	arch_syscall3(SYS_close, fd, 0, 0);
	return r;
}

static long action(const struct runtime_fileaction *a)
{
	switch (a->what) {
	case ActClose:
		arch_syscall3(SYS_close, a->fd, 0, 0); /* one that is not open is closed already */
		return 0;
	case ActDup2:
		return dupaction(a->from, a->fd);
	case ActOpen:
		return openaction(a);
	case ActChdir:
		return arch_syscall3(SYS_chdir, (long)a->path, 0, 0);
	case ActFchdir:
		return arch_syscall3(SYS_fchdir, a->fd, 0, 0);
	}
	return 0;
}

static long actions(const void *list)
{
	struct runtime_fileaction a;
	const void *at = NULL;
	long r = 0;

	while (r >= 0 && list && runtime_nextaction(list, &at, &a))
		r = action(&a);
	return r < 0 ? r : 0;
}

static long exec(const struct spawn *s)
{
	const posix_spawnattr_t *a = s->attr;
	const uint64_t *mask = a && a->__flags & POSIX_SPAWN_SETSIGMASK ? (const uint64_t *)&a->__mask : &s->mask;

	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)mask, 0, 8, 0, 0);
	if (!a || !a->__fn)
		return arch_syscall3(SYS_execve, (long)s->path, (long)s->argv, (long)s->envp);
	((execfn *)a->__fn)(s->path, s->argv, s->envp); /* posix_spawnp's */
	return -errno;
}

static int child(void *arg)
{
	struct spawn *s = arg;
	const posix_spawnattr_t *a = s->attr;
	bool def = a && a->__flags & POSIX_SPAWN_SETSIGDEF;

	resetsignals(def ? *(const uint64_t *)&a->__def : 0);
	if ((!a || (s->err = setattributes(a)) == 0) && (s->err = actions(s->actions)) == 0)
		s->err = exec(s);
	runtime_exit(NotFound);
}

/* ---- the parent ---- */

/* The child that could not be what it was to be is nobody's to wait for. */
static void reap(long pid)
{
	while (arch_syscall6(SYS_wait4, pid, 0, 0, 0, 0, 0) == -EINTR)
		;
}

weakseam int posix_spawn(pid_t *restrict res, const char *restrict path,
			 const posix_spawn_file_actions_t *fa, const posix_spawnattr_t *restrict attr,
			 char *const *restrict argv, char *const *restrict envp)
{
	struct spawn s = {.path = path, .actions = fa, .attr = attr, .argv = argv, .envp = envp};
	alignas(16) char stack[ChildStack];
	uint64_t all = ~UINT64_C(0);
	int saved = errno;
	long pid;

	runtime_vforkenter();
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&s.mask, 8, 0, 0);
	pid = __clone(child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &s);
	if (pid < 0)
		s.err = pid;
	else if (s.err)
		reap(pid);
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&s.mask, 0, 8, 0, 0);
	runtime_vforkleave(0);
	errno = saved;
	if (!s.err && res)
		*res = (pid_t)pid;
	return (int)-s.err;
}
