/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * libccalls.c - calls of libc that may wait long and yet are no cancellation points:
 * libc makes these system calls in line, past __syscall_cp. Each is here again, as
 * the call itself within runtime_blockingcall, which lets go of the p meanwhile.
 *
 * Nothing in this file knows libc's insides; all is weak, for a program may bring
 * its own. What libc does to the arguments of a call, it does not do to these.
 */
#include "runtime.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define weakcall __attribute__((visibility("default"), weak))

static long result(long r)
{
	if (r >= 0 || r < -4095)
		return r;
	errno = (int)-r;
	return -1;
}

/* ---- the table: what it returns, its name and parameters, the system call and its arguments ---- */

#define PAD(a, b, c, d, e, f, ...)                                                          \
	(long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)
#define MAKES(nr, ...) result(runtime_blockingcall(nr, PAD(__VA_ARGS__, 0, 0, 0, 0, 0, 0)))
#define BLOCKS(type, name, params, ...)                                                     \
	weakcall type name params { return (type)MAKES(__VA_ARGS__); }

BLOCKS(int, flock, (int fd, int op), SYS_flock, fd, op)
BLOCKS(int, ftruncate, (int fd, off_t n), SYS_ftruncate, fd, n)
BLOCKS(int, truncate, (const char *path, off_t n), SYS_truncate, path, n)
BLOCKS(int, fallocate, (int fd, int mode, off_t at, off_t n), SYS_fallocate, fd, mode, at, n)
BLOCKS(int, sync_file_range, (int fd, off_t at, off_t n, unsigned flags), SYS_sync_file_range, fd, at, n, flags)
BLOCKS(ssize_t, readahead, (int fd, off_t at, size_t n), SYS_readahead, fd, at, n)
BLOCKS(int, syncfs, (int fd), SYS_syncfs, fd)

BLOCKS(ssize_t, sendfile, (int out, int in, off_t *at, size_t n), SYS_sendfile, out, in, at, n)
BLOCKS(ssize_t, splice, (int in, off_t *inat, int out, off_t *outat, size_t n, unsigned flags),
       SYS_splice, in, inat, out, outat, n, flags)
BLOCKS(ssize_t, tee, (int in, int out, size_t n, unsigned flags), SYS_tee, in, out, n, flags)
BLOCKS(ssize_t, vmsplice, (int fd, const struct iovec *iov, size_t n, unsigned flags), SYS_vmsplice, fd, iov, n, flags)
BLOCKS(ssize_t, copy_file_range, (int in, off_t *inat, int out, off_t *outat, size_t n, unsigned flags),
       SYS_copy_file_range, in, inat, out, outat, n, flags)

BLOCKS(int, semop, (int id, struct sembuf *ops, size_t n), SYS_semtimedop, id, ops, n, NULL)
BLOCKS(int, semtimedop, (int id, struct sembuf *ops, size_t n, const struct timespec *limit),
       SYS_semtimedop, id, ops, n, limit)

BLOCKS(int, unlink, (const char *path), SYS_unlinkat, AT_FDCWD, path, 0)
BLOCKS(int, rmdir, (const char *path), SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR)
BLOCKS(int, rename, (const char *from, const char *to), SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)
BLOCKS(int, mkdir, (const char *path, mode_t mode), SYS_mkdirat, AT_FDCWD, path, mode)
BLOCKS(int, mount, (const char *what, const char *where, const char *type, unsigned long flags, const void *data),
       SYS_mount, what, where, type, flags, data)
BLOCKS(int, umount2, (const char *where, int flags), SYS_umount2, where, flags)
BLOCKS(int, umount, (const char *where), SYS_umount2, where, 0)

/* Names of old objects; the headers make them macros. */
#undef sendfile64
#undef ftruncate64
#undef truncate64
#undef fallocate64
weakcall ssize_t sendfile64(int, int, off_t *, size_t) __attribute__((alias("sendfile")));
weakcall int ftruncate64(int, off_t) __attribute__((alias("ftruncate")));
weakcall int truncate64(const char *, off_t) __attribute__((alias("truncate")));
weakcall int fallocate64(int, int, off_t, off_t) __attribute__((alias("fallocate")));

weakcall pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
{
	return (pid_t)result(runtime_anycall(SYS_wait4, pid, (long)status, options, (long)usage, 0, 0));
}

weakcall void sync(void)
{
	runtime_blockingcall(SYS_sync, 0, 0, 0, 0, 0, 0);
}

/* ---- syscall: any of them ---- */

static bool never(long nr)
{
	switch (nr) {
	case SYS_vfork: /* these return twice, and the child has no use for a p that is let go of */
	case SYS_clone:
	case SYS_clone3:
	case SYS_exit:
	case SYS_exit_group:
	case SYS_gettid: /* and these at once */
	case SYS_getpid:
	case SYS_getppid:
	case SYS_getuid:
	case SYS_geteuid:
	case SYS_getgid:
	case SYS_getegid:
	case SYS_getcpu:
	case SYS_clock_gettime:
	case SYS_gettimeofday:
	case SYS_tgkill:
	case SYS_tkill:
	case SYS_kill:
		return true;
	}
	return false;
}

static long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	g *gp = getg();
	bool running = gp && runtime_mayblock(gp) && gp != gp->m->g0;

	if (nr == SYS_sched_yield)
		return sched_yield();
	if (running && nr == SYS_exit) /* the thread is not the goroutine's to end */
		go_exit();
	if (running && nr == SYS_rt_sigprocmask && b && d == 8) /* its mask goes with the goroutine */
		return -pthread_sigmask((int)a, (const sigset_t *)b, (sigset_t *)c);
	if (nr == SYS_fork || (nr == SYS_clone && !b))
		return runtime_clone(nr == SYS_fork ? SIGCHLD : (unsigned long)a, (int *)c, (int *)d, e);
	if (nr == SYS_signalfd4 || nr == SYS_signalfd)
		return runtime_signalfd((int)a, (const void *)b, c, nr == SYS_signalfd4 ? d : 0);
	if (never(nr) || (nr == SYS_futex && (b & 127) == 1 /* FUTEX_WAKE */))
		return arch_syscall6(nr, a, b, c, d, e, f);
	return runtime_anycall(nr, a, b, c, d, e, f);
}

#undef syscall
weakcall long syscall(long nr, ...)
{
	long v[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		v[i] = va_arg(ap, long);
	va_end(ap);
	return result(raw(nr, v[0], v[1], v[2], v[3], v[4], v[5]));
}
