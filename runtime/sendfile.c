/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * sendfile.c - libc's sendfile is no cancellation point, and so would keep its p
 * from the other goroutines while a slow reader holds it up.
 */
#include "runtime.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#define weakseam __attribute__((visibility("default"), weak))

weakseam ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
	g *gp = getg();
	bool enter = gp && gp != gp->m->g0 && gp->status == Grunning;
	long r;

	if (enter)
		runtime_entersyscall();
	r = arch_syscall6(SYS_sendfile, out, in, (long)offset, (long)n, 0, 0);
	if (enter)
		runtime_exitsyscall();
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

#undef sendfile64
weakseam ssize_t sendfile64(int out, int in, off_t *offset, size_t n)
	__attribute__((alias("sendfile")));
