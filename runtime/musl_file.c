/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_file.c - stdio: its reads and writes, which do not go through __syscall_cp,
 * and its locks, which are owned by tid; a goroutine that waits for one parks.
 */
#include "musl.h"

#include <stdio.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* FILE, as far as reading and writing go */
struct file {
	unsigned flags;
	unsigned char *rpos, *rend;
	int (*close)(FILE *);
	unsigned char *wend, *wpos;
	unsigned char *mustbezero;
	unsigned char *wbase;
	size_t (*read)(FILE *, unsigned char *, size_t);
	size_t (*write)(FILE *, const unsigned char *, size_t);
	off_t (*seek)(FILE *, off_t, int);
	unsigned char *buf;
	size_t buf_size;
	FILE *prev, *next;
	int fd;
	int pipe_pid;
	long lockcount;
	int mode;
	int32_t lock; /* owner's tid, 0: free, below 0: not needed */
};
_Static_assert(offsetof(struct file, fd) == 120 && offsetof(struct file, lock) == 140, "FILE");
enum { FileEOF = 16, FileError = 32 };		 /* flags */
enum { FileMaybeWaiters = 0x40000000 };		 /* lock */

optional hidden int __aio_close(int fd);
extern hidden FILE *volatile __stdout_used;
extern optional hidden FILE *volatile __stdin_used, *volatile __stderr_used;
hidden FILE **__ofl_lock(void);
hidden void __ofl_unlock(void);
void __unlockfile(FILE *f);

/* By standard output, which musl initialises statically; NULL where it is not linked. */
const char *runtime_checkfile(void)
{
	struct file *f = (struct file *)__stdout_used;

	if (f && (f->fd != 1 || f->lock != -1 || f->buf_size != BUFSIZ || f->rpos || f->wpos ||
		  f->prev || f->next))
		return "musl: FILE";
	return NULL;
}

/* ---- reads and writes ---- */

static ssize_t filevec(long nr, struct file *f, struct iovec *iov, int n)
{
	if (!maypark())
		return arch_syscall3(nr, f->fd, (long)iov, n);
	return runtime_iocall(nr, f->fd, (long)iov, n, 0, 0, 0);
}

/* Fill the caller's memory and with what is left the buffer; the buffer's first byte is the caller's last. */
seam size_t __stdio_read(FILE *file, unsigned char *buf, size_t len)
{
	struct file *f = (struct file *)file;
	size_t direct = len - (f->buf_size != 0);
	struct iovec iov[2] = {{buf, direct}, {f->buf, f->buf_size}};
	ssize_t n = direct ? filevec(SYS_readv, f, iov, 2) : filevec(SYS_readv, f, iov + 1, 1);

	if (n <= 0) {
		f->flags |= n ? FileError : FileEOF;
		if (n < 0)
			errno = (int)-n;
		return 0;
	}
	if ((size_t)n <= direct)
		return (size_t)n;
	f->rpos = f->buf;
	f->rend = f->buf + (n - (ssize_t)direct);
	if (f->buf_size)
		buf[len - 1] = *f->rpos++;
	return len;
}

/* Write the buffer and then the caller's memory; how much of the caller's was written. */
seam size_t __stdio_write(FILE *file, const unsigned char *buf, size_t len)
{
	struct file *f = (struct file *)file;
	struct iovec iov[2] = {{f->wbase, (size_t)(f->wpos - f->wbase)}, {(void *)buf, len}};
	size_t rem = iov[0].iov_len + len;

	for (int i = 0;;) {
		ssize_t n = filevec(SYS_writev, f, iov + i, 2 - i);

		if (n < 0) {
			f->wpos = f->wbase = f->wend = NULL;
			f->flags |= FileError;
			errno = (int)-n;
			return i == 0 ? 0 : len - iov[1].iov_len;
		}
		rem -= (size_t)n;
		if (rem == 0)
			break;
		if (i == 0 && (size_t)n >= iov[0].iov_len) {
			n -= (ssize_t)iov[0].iov_len;
			i = 1;
		}
		iov[i].iov_base = (char *)iov[i].iov_base + n;
		iov[i].iov_len -= (size_t)n;
	}
	f->wend = f->buf + f->buf_size;
	f->wpos = f->wbase = f->buf;
	return len;
}

seam int __stdio_close(FILE *f)
{
	int fd = ((struct file *)f)->fd;

	return (int)ret(__syscall_cp(SYS_close, __aio_close ? __aio_close(fd) : fd, 0, 0, 0, 0, 0));
}

/* ---- locks ---- */

static int32_t *filelock(FILE *f)
{
	return &((struct file *)f)->lock;
}

static void filewait(int32_t *l, int32_t val)
{
	g *gp = goroutine();

	if (gp && runtime_mayblock(gp))
		runtime_addrwait(l, val, WaitFileLock);
	else
		arch_syscall6(SYS_futex, (long)l, 128, val, 0, 0, 0);
}

seam int __lockfile(FILE *f)
{
	int32_t *l = filelock(f), tid = self()->tid, owner = load_rlx(l);

	if ((owner & ~FileMaybeWaiters) == tid)
		return 0;
	if (cas(l, 0, tid))
		return 1;
	while (!cas(l, 0, tid | FileMaybeWaiters)) {
		owner = load_rlx(l);
		if (owner && ((owner & FileMaybeWaiters) ||
			      cas(l, owner, owner | FileMaybeWaiters)))
			filewait(l, owner | FileMaybeWaiters);
	}
	return 1;
}

seam void __unlockfile(FILE *f)
{
	int32_t *l = filelock(f);

	if ((xchg(l, 0) & FileMaybeWaiters) && !runtime_addrwake(l))
		wakeword(l, 1);
	runtime_giveslice();
}

/*
 * musl's getc and putc unlock with a futex wake of their own, which would not
 * find a parked goroutine: so they go through the pair above.
 */
static int lockedgetc(FILE *f)
{
	int c, locked = *filelock(f) >= 0 ? __lockfile(f) : 0;

	c = getc_unlocked(f);
	if (locked)
		__unlockfile(f);
	return c;
}

static int lockedputc(int c, FILE *f)
{
	int locked = *filelock(f) >= 0 ? __lockfile(f) : 0;

	c = putc_unlocked(c, f);
	if (locked)
		__unlockfile(f);
	return c;
}

#undef getc
#undef putc
#undef getchar
#undef putchar
weakseam int fgetc(FILE *f) { return lockedgetc(f); }
weakseam int getc(FILE *f) { return lockedgetc(f); }
weakseam int _IO_getc(FILE *f) { return lockedgetc(f); }
weakseam int fputc(int c, FILE *f) { return lockedputc(c, f); }
weakseam int putc(int c, FILE *f) { return lockedputc(c, f); }
weakseam int _IO_putc(int c, FILE *f) { return lockedputc(c, f); }
weakseam int getchar(void) { return lockedgetc(stdin); }
weakseam int putchar(int c) { return lockedputc(c, stdout); }

/* A lock of somebody who is gone would never be given back, and exit wants them all. */
static void forkfile(FILE *f, int32_t was, int32_t now)
{
	int32_t *l = f ? filelock(f) : NULL;

	if (l && *l > 0)
		*l = (*l & ~FileMaybeWaiters) == was ? now : 0;
}

void runtime_forkfiles(int32_t was, int32_t now)
{
	forkfile(&__stdin_used ? __stdin_used : NULL, was, now);
	forkfile(__stdout_used, was, now);
	forkfile(&__stderr_used ? __stderr_used : NULL, was, now);
	for (FILE *f = *__ofl_lock(); f; f = ((struct file *)f)->next)
		forkfile(f, was, now);
	__ofl_unlock();
}

/* ---- the end of popen's children ---- */

optional int fclose(FILE *);

weakseam int pclose(FILE *f)
{
	pid_t pid = ((struct file *)f)->pipe_pid, r;
	int status;

	((struct file *)f)->pipe_pid = 0; /* while still listed its number may be another popen's: that must not close it */
	fclose(f);
	do
		r = wait4(pid, &status, 0, NULL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -1 : status;
}
