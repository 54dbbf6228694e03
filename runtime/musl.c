/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl.c - everything that knows musl's insides, and nothing else does.
 *
 * A goroutine is a thread as far as musl can see: it has a thread block
 * (struct pthread) and static TLS of its own, FS points there while it runs,
 * and so errno, thread-locals, TSD, the locale and owner-checked locks are its
 * own wherever it runs. What differs from a thread:
 *
 * - It is not on musl's list of threads. That list (prev, next) holds the
 *   kernel's threads: ms and the program's own. Whatever walks it from "self"
 *   is therefore called on g0, whose block is the thread's own.
 * - Its tid is not the kernel's: owners are compared by tid, so each block has
 *   one of its own, above every tid the kernel gives out. What needs the
 *   kernel's (raise, pthread_kill, gettid, abort, setuid on all) is replaced.
 *
 * Replaced are whole members of libc.a, by defining all their symbols here,
 * ahead of the archive. __syscall_cp is the most telling: every blocking call of
 * musl goes through it, so its cancellation points are our entersyscall points.
 * Code that musl runs with signals blocked behind our back (inside pthread_create,
 * fork, ...) may wait in __lock and __wait: there the goroutine stays on its m,
 * for the mask is the m's.
 *
 * The layouts are those of musl 1.2.3 to 1.2.6 on 64-bit machines whose TLS
 * lies below the thread pointer; runtime_checklibc makes sure of it at boot.
 */
#include "musl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

struct tls_module {
	struct tls_module *next;
	void *image;
	size_t len, size, align, offset;
};

/* struct __libc, as far as it is used */
struct libc {
	char can_do_threads, threaded, secure;
	volatile signed char need_locks;
	int32_t threads_minus_1;
	size_t *auxv;
	struct tls_module *tls_head;
	size_t tls_size, tls_align, tls_cnt;
	size_t page_size;
	void *global_locale[6];
};

/* pthread_mutex_t, as far as a robust list leads to it */
enum { MutexType = 0, MutexLock = 4, MutexWaiters = 8, MutexNext = 32 };
enum { OwnerDied = 0x40000000 };

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

enum { LastTid = 0x3ffffffe }; /* mutexes and FILE locks keep two bits for themselves */

extern hidden struct libc __libc;
extern hidden volatile int32_t __thread_list_lock;
hidden void __init_libc(char **envp, char *pn);
hidden void __libc_start_init(void);
hidden void *__copy_tls(unsigned char *mem);
int __pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
_Noreturn void __pthread_exit(void *result);
optional hidden void __do_orphaned_stdio_locks(void);
optional hidden int __aio_close(int fd);
optional hidden long __syscall_cp_c(long nr, long a, long b, long c, long d, long e, long f);
extern hidden FILE *volatile __stdout_used;
extern optional hidden void (*const __preinit_array_start[])(int, char **, char **);
extern optional hidden void (*const __preinit_array_end[])(int, char **, char **);

_Thread_local g *runtime_g;

intptr_t runtime_goffset;
/* The program has thread-locals besides ours. */
static bool tlsused;
static uint32_t tidgen = FirstTid;

/* ---- boot ---- */

/* Thread pointer, TLS, page size, auxiliary vector, canary: musl's own start. */
void runtime_settls(char **envp, char *argv0)
{
	__init_libc(envp, argv0);
	runtime_goffset = (char *)&runtime_g - (char *)self();
	tlsused = __libc.tls_head && __libc.tls_head->size > sizeof runtime_g;
}

/* By standard output, which musl initialises statically; NULL where it is not linked. */
static const char *checkfile(struct file *f)
{
	if (f && (f->fd != 1 || f->lock != -1 || f->buf_size != BUFSIZ || f->rpos || f->wpos ||
		  f->prev || f->next))
		return "musl: FILE";
	return NULL;
}

const char *runtime_checklibc(void)
{
	struct block *b = self();

	if (b->self != b || b->next != b || b->prev != b)
		return "musl: struct pthread: self, prev, next";
	if (b->tid != runtime_gettid())
		return "musl: struct pthread: tid";
	if (b->detach_state != Joinable)
		return "musl: struct pthread: detach_state";
	if (b->robust_list.head != &b->robust_list.head)
		return "musl: struct pthread: robust_list";
	if (b->locale != &__libc.global_locale)
		return "musl: struct pthread: locale";
	if (&errno != &b->errno_val)
		return "musl: struct pthread: errno";
	if (!__libc.can_do_threads || __libc.threads_minus_1 || __libc.need_locks)
		return "musl: struct __libc: thread state";
	if (!__libc.tls_head || __libc.tls_cnt != 1 || __libc.tls_size < sizeof *b ||
	    __libc.tls_align & (__libc.tls_align - 1))
		return "musl: struct __libc: tls";
	if (__libc.page_size & (__libc.page_size - 1) || !__libc.page_size ||
	    (char **)__libc.auxv <= environ || !__libc.auxv)
		return "musl: struct __libc: auxv, page size";
	return checkfile((struct file *)__stdout_used);
}

/* The thread's tid as libc was told it, on g0. */
int32_t runtime_libctid(void)
{
	return self()->tid;
}

/* The program's constructors, in C's order: the counterpart of Go's package inits. */
void runtime_libcinit(void)
{
	for (size_t i = 0; __preinit_array_start + i < __preinit_array_end; i++)
		__preinit_array_start[i](runtime_argc, runtime_argv, runtime_envp);
	__libc_start_init();
}

/* ---- thread blocks ---- */

size_t runtime_tlssize(void)
{
	return __libc.tls_size;
}

static void setg(struct block *b, g *gp)
{
	*(g **)((char *)b + runtime_goffset) = gp;
}

uintptr_t runtime_tlsnew(void *mem, g *gp)
{
	struct block *b = __copy_tls(mem), *m0 = (struct block *)runtime_m0.g0->sched.tp;
	uint32_t tid = __atomic_fetch_add(&tidgen, 1, __ATOMIC_RELAXED);

	if (tid > LastTid)
		runtime_fatal("too many goroutines for musl's thread ids");
	b->self = b->prev = b->next = b;
	b->sysinfo = m0->sysinfo;
	b->canary = m0->canary;
	b->tid = (int32_t)tid;
	b->detach_state = Joinable;
	b->tsd = (void **)runtime_nulltsd;
	b->robust_list.head = &b->robust_list.head;
	b->locale = &__libc.global_locale;
	setg(b, gp);
	return (uintptr_t)b;
}

static noinline void resettls(struct block *b, g *gp)
{
	struct tls_module *t = __libc.tls_head;
	char *p = (char *)b - t->offset;

	memcpy(p, t->image, t->len);
	memset(p + t->len, 0, t->size - t->len);
	setg(b, gp);
}

/* The block as its last goroutine left it becomes as good as new. */
void runtime_tlsreset(g *gp)
{
	struct block *b = (struct block *)gp->sched.tp;

	b->errno_val = 0;
	b->cancel = 0;
	b->canceldisable = b->cancelasync = 0;
	b->tsd_used = b->dlerror_flag = 0;
	b->cancelbuf = NULL;
	b->tsd = (void **)runtime_nulltsd;
	b->h_errno_val = 0;
	b->locale = &__libc.global_locale;
	b->stdio_locks = NULL;
	gp->sigpending = 0;
	gp->sighandled = 0;
	gp->altstack = NULL;
	if (unlikely(tlsused))
		resettls(b, gp);
}

/* Mutexes that the goroutine dies holding: the next to lock one gets EOWNERDEAD. */
static noinline void robustexit(struct block *b)
{
	void *node;

	while ((node = b->robust_list.head) && node != &b->robust_list.head) {
		char *m = (char *)node - MutexNext;
		int32_t waiters = *(volatile int32_t *)(m + MutexWaiters);
		int32_t old;

		b->robust_list.pending = node;
		b->robust_list.head = *(void **)node;
		old = xchg((int32_t *)(m + MutexLock), OwnerDied);
		b->robust_list.pending = NULL;
		if (old < 0 || waiters)
			arch_syscall3(SYS_futex, (long)(m + MutexLock),
				      1 | ((*(int *)(m + MutexType) & 128) ^ 128), 1);
	}
	b->robust_list.head = &b->robust_list.head;
}

/* What a thread that ends does; runs on the goroutine that ends. */
void runtime_tlsend(g *gp)
{
	struct block *b = (struct block *)gp->sched.tp;

	if (unlikely(b->tsd_used))
		__pthread_tsd_run_dtors();
	if (unlikely(b->robust_list.head != &b->robust_list.head))
		robustexit(b);
	if (unlikely(b->stdio_locks != NULL) && __do_orphaned_stdio_locks)
		__do_orphaned_stdio_locks();
	if (unlikely(b->tsd != runtime_nulltsd))
		runtime_tsdend(b);
	if (unlikely(b->dlerror_buf != NULL) && b->dlerror_buf != (void *)-1)
		b->dlerror_buf = NULL;
}

/* ---- threads ---- */

static void *threadstart(void *arg)
{
	m *mp = arg;

	runtime_g = mp->g0;
	mp->g0->sched.tp = (uintptr_t)self();
	mp->g0->stackhi = (uintptr_t)__builtin_frame_address(0);
	mp->g0->stacklo = (uintptr_t)self()->stack - self()->stack_size;
	mp->tid = self()->tid;
	runtime_mstart();
}

/*
 * A detached thread that runs runtime_mstart with mp; on g0. 0 or -errno. It starts with the
 * program's signals blocked: until it has a g it can take none. Not libc's own: libc waits for the
 * thread list here, whose holder may be a setuid that waits for this thread to take its signal.
 */
int runtime_newosproc(m *mp)
{
	uint64_t all = ~(UINT64_C(7) << 31), old;
	pthread_attr_t attr;
	pthread_t t;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (mp->threadstack)
		pthread_attr_setstack(&attr, mp->threadstack, MStackSize);
	else
		pthread_attr_setstacksize(&attr, MStackSize);
	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&old, 8, 0, 0);
	r = __pthread_create(&t, &attr, threadstart, mp);
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, 8, 0, 0);
	return -r;
}

/* The thread of the running g0 ends. */
_Noreturn void runtime_exitosproc(void)
{
	runtime_g = NULL;
	__pthread_exit(NULL);
}

/* Threads that the program made itself and that still run. */
int runtime_foreignthreads(int ms)
{
	return __libc.threads_minus_1 + 1 - ms;
}

struct create {
	pthread_t *t;
	const pthread_attr_t *attr;
	void *(*fn)(void *);
	void *arg;
	int ret;
};

static void create0(void *p)
{
	struct create *c = p;

	c->ret = __pthread_create(c->t, c->attr, c->fn, c->arg);
}

/* On g0: the new thread joins the list next to its creator's block. */
weakseam int pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *),
			    void *arg)
{
	struct create c = {t, attr, fn, arg, 0};

	if (goroutine()) {
		runtime_watch();
		runtime_systemstack(create0, &c);
	} else {
		create0(&c);
	}
	return c.ret;
}

#define C11_THREAD ((const pthread_attr_t *)(uintptr_t)-1)

weakseam int thrd_create(thrd_t *t, thrd_start_t fn, void *arg)
{
	switch (pthread_create(t, C11_THREAD, (void *(*)(void *))(uintptr_t)fn, arg)) {
	case 0:
		return thrd_success;
	case EAGAIN:
		return thrd_nomem;
	default:
		return thrd_error;
	}
}

/* In a goroutine: its cleanup handlers, then the end of the goroutine. */
weakseam _Noreturn void pthread_exit(void *result)
{
	struct block *b = self();
	g *gp = goroutine();

	if (!gp)
		__pthread_exit(result);
	if (gp->handling)
		runtime_endhandlers(gp);
	if (gp->status == Gsyscall) /* cancelled inside a call */
		runtime_exitsyscall();
	b->canceldisable = 1;
	b->cancelasync = 0;
	while (b->cancelbuf) {
		struct cleanup *c = b->cancelbuf;

		b->cancelbuf = c->next;
		c->f(c->x);
	}
	if (gp->goid == 1)
		runtime_leavemain();
	go_exit();
}

weakseam _Noreturn void thrd_exit(int result)
{
	pthread_exit((void *)(intptr_t)result);
}

/* ---- blocking calls ---- */

static void givepending(g *gp);

static inline long rawcall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (__syscall_cp_c)
		return __syscall_cp_c(nr, a, b, c, d, e, f);
	return arch_syscall6(nr, a, b, c, d, e, f);
}

/* On a goroutine whose calls may park it: not in a signal handler, nor on g0. */
static inline g *maypark(void)
{
	g *gp = goroutine();

	return gp && runtime_mayblock(gp) ? gp : NULL;
}

long runtime_pointcall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (!maypark())
		return rawcall(nr, a, b, c, d, e, f);
	return runtime_withoutp(rawcall, nr, a, b, c, d, e, f);
}

/* Every call of libc's that may block. From a program's own thread, and the like: the plain call. */
seam long __syscall_cp(long nr, long a, long b, long c, long d, long e, long f)
{
	g *gp = maypark();

	if (!gp && getg() && getg()->vforking) /* what it changes is not ours to note */
		return rawcall(nr, a, b, c, d, e, f);
	if (!gp)
		return runtime_ioplaincall(nr, a, b, c, d, e, f);
	if (unlikely(gp->sigwaits)) /* sigwait and its like find it there */
		givepending(gp);
	return runtime_iocall(nr, a, b, c, d, e, f);
}

/* libc's result of a call: -1 and errno, or the value. */
static long ret(long r)
{
	if ((unsigned long)r <= -4096UL)
		return r;
	errno = (int)-r;
	return -1;
}

/* What libc does with inlined system calls, and we have to know: see runtime/iodesc_linux.c. */

weakseam int socket(int domain, int type, int protocol)
{
	return (int)ret(__syscall_cp(SYS_socket, domain, type, protocol, 0, 0, 0));
}

weakseam int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return (int)ret(__syscall_cp(SYS_setsockopt, fd, level, name, (long)value, len, 0));
}

weakseam int dup2(int from, int to)
{
	return (int)ret(__syscall_cp(SYS_dup2, from, to, 0, 0, 0, 0));
}

seam int __dup3(int from, int to, int flags)
{
	return (int)ret(__syscall_cp(SYS_dup3, from, to, flags, 0, 0, 0));
}

weakseam int dup3(int from, int to, int flags)
{
	return __dup3(from, to, flags);
}

weakseam int ioctl(int fd, int request, ...)
{
	va_list ap;
	long arg;

	va_start(ap, request);
	arg = va_arg(ap, long);
	va_end(ap);
	if (request == FIONBIO)
		return (int)ret(__syscall_cp(SYS_ioctl, fd, request, arg, 0, 0, 0));
	return (int)ret(arch_syscall3(SYS_ioctl, fd, request, arg));
}

static long getowner(int fd)
{
	struct f_owner_ex ex;
	long r = arch_syscall3(SYS_fcntl, fd, F_GETOWN_EX, (long)&ex);

	if (r < 0)
		return r;
	return ex.type == F_OWNER_PGRP ? -ex.pid : ex.pid;
}

weakseam int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	switch (cmd) {
	case F_SETFL:
		arg |= O_LARGEFILE; /* fallthrough */
	case F_SETLKW:
	case F_OFD_SETLKW:
		return (int)ret(__syscall_cp(SYS_fcntl, fd, cmd, arg, 0, 0, 0));
	case F_GETOWN:
		return (int)ret(getowner(fd));
	default:
		return (int)ret(arch_syscall3(SYS_fcntl, fd, cmd, arg));
	}
}

seam int __stdio_close(FILE *f)
{
	int fd = ((struct file *)f)->fd;

	return (int)ret(__syscall_cp(SYS_close, __aio_close ? __aio_close(fd) : fd, 0, 0, 0, 0, 0));
}

/*
 * Sleep on a word of libc's own locks. They are held for moments, so a
 * goroutine keeps its p unless sysmon wants it, and it comes back to this m.
 */
static void waitword(volatile int *addr, int val, bool private)
{
	g *gp = goroutine();
	int op = private ? 128 : 0; /* FUTEX_WAIT, FUTEX_PRIVATE */

	if (!gp || !runtime_mayblock(gp)) {
		arch_syscall6(SYS_futex, (long)addr, op, val, 0, 0, 0);
		return;
	}
	runtime_lockosthread();
	runtime_entersyscall();
	arch_syscall6(SYS_futex, (long)addr, op, val, 0, 0, 0);
	/* Who holds a p may sleep on the same word: the wake is passed on before we wait for one. */
	arch_syscall6(SYS_futex, (long)addr, op | 1, 1, 0, 0, 0);
	runtime_exitsyscall();
	runtime_unlockosthread();
}

static void wakeword(volatile int *addr, int n)
{
	arch_syscall6(SYS_futex, (long)addr, 1 | 128, n, 0, 0, 0);
}

seam void __wait(volatile int *addr, volatile int *waiters, int val, int priv)
{
	for (int spins = 100; spins && (!waiters || !*waiters); spins--) {
		if (*addr != val)
			return;
		procyield();
	}
	if (waiters)
		xadd((int *)waiters, 1);
	while (*addr == val)
		waitword(addr, val, priv);
	if (waiters)
		xadd((int *)waiters, -1);
}

/* The lock inside libc's own structures: 0 free, 1 held, 2 held and slept on. */
seam void __lock(volatile int *lock)
{
	int *l = (int *)lock;

	if (!__libc.need_locks || cas_acq(l, 0, 1))
		return;
	for (int spins = 50; spins; spins--) {
		if (!load_rlx(l) && cas_acq(l, 0, 1))
			return;
		procyield();
	}
	while (xchg(l, 2))
		waitword(l, 2, true);
}

seam void __unlock(volatile int *lock)
{
	int *l = (int *)lock;

	if (load_rlx(l) && xchg(l, 0) == 2)
		wakeword(l, 1);
}

/* ---- stdio's own reads and writes, which do not go through __syscall_cp ---- */

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

/* ---- stdio locks: owned by tid, and a goroutine that waits parks ---- */

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

/* ---- signals ---- */

weakseam pid_t gettid(void)
{
	return runtime_gettid();
}

static int tkill(int32_t tid, int sig)
{
	return (int)arch_syscall3(SYS_tkill, tid, sig, 0);
}

/* What waits with the goroutine and is now to be seen by the kernel: it is about to wait there. */
static void givepending(g *gp)
{
	uint64_t now = load(&gp->sigpending);

	for (int sig = 1; now; sig++, now >>= 1)
		if (now & 1)
			runtime_signalthread(gp, sig);
}

static int killself(int sig)
{
	return (unsigned)sig < _NSIG ? runtime_signalself(sig) : -EINVAL;
}

weakseam int raise(int sig)
{
	int r = killself(sig);

	if (r < 0)
		errno = -r;
	return r < 0 ? -1 : 0;
}

/* One that is on no thread just now has none. */
int32_t runtime_blocktid(struct block *b)
{
	int32_t tid = load_acq(&b->tid);
	m *mp;

	if (b == self())
		return runtime_gettid();
	if (tid < FirstTid)
		return tid;
	mp = load_acq(&blockg(b)->m);
	return mp ? mp->tid : 0;
}

/* From pthread_cancel: a goroutine can cancel itself only; it parks where nothing looks for that. */
static int nocancel(struct block *b)
{
	store(&b->cancel, 0);
	return ENOTSUP;
}

weakseam int pthread_kill(pthread_t t, int sig)
{
	struct block *b = (struct block *)t;
	int32_t tid = load_acq(&b->tid);
	int r;

	if ((unsigned)sig >= _NSIG)
		return EINVAL;
	if (b == self())
		return -killself(sig);
	if (tid >= FirstTid && sig == SigCancel)
		return nocancel(b);
	if (tid >= FirstTid)
		return sig ? -runtime_signalg(blockg(b), sig) : 0;
	r = tid ? -tkill(tid, sig) : 0;
	return r == ESRCH ? 0 : r; /* it ended just now: as good as ended before */
}

static int tell(long nr, pid_t pid, int sig, siginfo_t *si)
{
	int r;

	si->si_pid = (pid_t)arch_syscall3(SYS_getpid, 0, 0, 0);
	si->si_uid = (uid_t)arch_syscall3(SYS_getuid, 0, 0, 0);
	if (pid == si->si_pid && runtime_signalown(pid, sig, si))
		return 0;
	r = (int)arch_syscall3(nr, pid, sig, (long)si);
	if (r < 0)
		errno = -r;
	return r < 0 ? -1 : 0;
}

weakseam int kill(pid_t pid, int sig)
{
	return tell(SYS_kill, pid, sig, &(siginfo_t){.si_signo = sig, .si_code = SI_USER});
}

weakseam int sigqueue(pid_t pid, int sig, const union sigval value)
{
	return tell(SYS_rt_sigqueueinfo, pid, sig,
		&(siginfo_t){.si_signo = sig, .si_code = SI_QUEUE, .si_value = value});
}

weakseam _Noreturn void abort(void)
{
	uint64_t mask = sigbit(SIGABRT);

	raise(SIGABRT);
	runtime_defaultsig(SIGABRT);
	tkill(runtime_gettid(), SIGABRT);
	arch_syscall6(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&mask, 0, 8, 0, 0);
	for (;;)
		runtime_exit(127);
}

/*
 * A goroutine's mask is its own. The thread's is changed here and at switches
 * (runtime_setmask). A handler's is the kernel's to put back. SIGURG is blocked for
 * the program only: preemption needs it.
 */
weakseam int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	static const uint64_t reserved = UINT64_C(7) << 31; /* 32 to 34, musl's own: __synccall waits for each thread */
	g *gp = goroutine();
	uint64_t was, now, arg = set ? *(const uint64_t *)set : 0;
	int r;

	if (set && (unsigned)how > SIG_SETMASK)
		return EINVAL;
	now = getg() ? arg & ~(sigbit(SIGURG) | reserved) : arg;
	r = (int)-arch_syscall6(SYS_rt_sigprocmask, how, set ? (long)&now : 0, (long)&was, 8, 0, 0);
	if (r)
		return r;
	if (gp)
		was |= gp->sigmask & sigbit(SIGURG);
	if (old)
		*(uint64_t *)old = was & ~reserved;
	if (!set || !gp || gp->handling)
		return 0;
	now = (how == SIG_BLOCK ? was | arg : how == SIG_UNBLOCK ? was & ~arg : arg) & ~reserved;
	runtime_recordmask(gp, now);
	if (gp == runtime_maing && now != was)
		runtime_maskidle();
	if (unlikely(gp->sigpending & ~now))
		runtime_setmask(gp);
	return 0;
}

/* What waits with the thread and what waits with the goroutine. */
weakseam int sigpending(sigset_t *set)
{
	g *gp = goroutine();
	int r = (int)arch_syscall3(SYS_rt_sigpending, (long)set, sizeof(uint64_t), 0);

	if (r < 0) {
		errno = -r;
		return -1;
	}
	if (gp)
		*(uint64_t *)set |= load_rlx(&gp->sigpending);
	return 0;
}

/* sigsetjmp saves the mask, siglongjmp restores it. */
seam int __sigsetjmp_tail(sigjmp_buf jb, int ret)
{
	sigset_t *saved = (sigset_t *)jb->__ss;

	pthread_sigmask(SIG_SETMASK, ret ? saved : NULL, ret ? NULL : saved);
	return ret;
}

/*
 * setuid and its like change one thread each: func must run on all. The caller
 * holds the thread list, catches the others one by one in a signal handler, lets
 * them run func in turn, and then lets them all go. Each sleeps on a word of its
 * own, so that a turn wakes one. Threads are told apart by the kernel's tid, since
 * FS may be a goroutine's.
 */
struct caught { /* on the caught thread's stack, its own again once it let go */
	uint32_t order;	 /* 0: wait, else Run, LetGo; the caller's */
	struct caught *next; /* the caller's */
};

static struct {
	void (*func)(void *);
	void *arg;
	int32_t target;	    /* who is meant by the signal just sent */
	struct caught *now; /* who arrived last; the target writes it, before arrived */
	uint32_t arrived, done, left; /* handlers that came, ran func, let go of this structure */
} call;

enum { Run = 1, LetGo };

static void syncwait(uint32_t *word, uint32_t want)
{
	uint32_t v;

	while ((v = load_acq(word)) != want)
		runtime_futexsleep(word, v, -1);
}

static void syncpost(uint32_t *word, uint32_t v)
{
	store(word, v);
	runtime_futexwakeup(word, 1);
}

static void synchandler(int sig, siginfo_t *si, void *uc)
{
	struct caught me = {0, NULL};
	uint32_t order;

	(void)sig, (void)si, (void)uc;
	if (load_acq(&call.target) != runtime_gettid())
		return;
	call.now = &me;
	syncpost(&call.arrived, call.arrived + 1);
	while (!(order = load_acq(&me.order)))
		runtime_futexsleep(&me.order, 0, -1);
	if (order == Run) {
		call.func(call.arg);
		syncpost(&call.done, call.done + 1);
		syncwait(&me.order, LetGo);
	}
	xadd(&call.left, 1);
	runtime_futexwakeup(&call.left, 1);
}

/* Catch all other threads into *list; 0, or -errno with none to run func. */
static int catchthreads(struct block *first, struct caught **list)
{
	int32_t me = runtime_gettid();
	struct block *b = first;
	uint32_t n = 0;

	do {
		int r;

		if (b->tid == me)
			continue;
		store(&call.target, b->tid);
		while ((r = tkill(b->tid, SigSynccall)) == -EAGAIN)
			runtime_osyield();
		if (r < 0)
			return r;
		syncwait(&call.arrived, ++n);
		call.now->next = *list;
		*list = call.now;
	} while ((b = b->next) != first);
	return 0;
}

/* One after the other, each to its end: func may depend on what it did before. */
static void runcaught(struct caught *list)
{
	for (uint32_t n = 0; list; list = list->next) {
		syncpost(&list->order, Run);
		syncwait(&call.done, ++n);
	}
}

static void letgo(struct caught *list)
{
	for (struct caught *next; list; list = next) {
		next = list->next;
		syncpost(&list->order, LetGo);
	}
	syncwait(&call.left, call.arrived);
}

static void syncothers(g *gp, void (*func)(void *), void *arg)
{
	struct block *first = gp ? (struct block *)gp->m->g0->sched.tp : self();
	uint64_t all = ~UINT64_C(0), app = ~(UINT64_C(7) << 31), old;
	struct caught *list = NULL;

	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&app, (long)&old, 8, 0, 0);
	__tl_lock();
	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, 0, 8, 0, 0);
	call.func = func;
	call.arg = arg;
	call.arrived = call.done = call.left = 0;
	runtime_setsig(SigSynccall, synchandler);
	if (catchthreads(first, &list) == 0) {
		call.target = 0;
		runcaught(list);
		func(arg);
	}
	call.target = 0;
	letgo(list);
	__tl_unlock();
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, 8, 0, 0);
}

seam void __synccall(void (*func)(void *), void *arg)
{
	g *gp = getg();

	if (gp && gp->vforking) { /* the other threads are the parent's */
		func(arg);
		return;
	}
	syncothers(gp, func, arg);
}

/* ---- fork and posix_spawn: see fork.c ---- */

typedef volatile int *const lockptr;
extern optional hidden lockptr __at_quick_exit_lockptr, __atexit_lockptr, __gettext_lockptr,
	__locale_lockptr, __random_lockptr, __sem_open_lockptr, __stdio_ofl_lockptr,
	__syslog_lockptr, __timezone_lockptr, __bump_lockptr, __vmlock_lockptr;
extern hidden volatile int __abort_lock[1];
extern optional hidden FILE *volatile __stdin_used, *volatile __stderr_used;
hidden FILE **__ofl_lock(void);
hidden void __ofl_unlock(void);
hidden void __get_handler_set(sigset_t *);
optional hidden void __aio_atfork(int who);
optional hidden void __malloc_atfork(int who);
optional hidden void __fork_handler(int who);

/* In the order in which they are taken: one that allocates may hold any of those before. */
static lockptr *const forklocks[] = {
	&__at_quick_exit_lockptr, &__atexit_lockptr,	&__gettext_lockptr,  &__locale_lockptr,
	&__random_lockptr,	  &__sem_open_lockptr,	&__stdio_ofl_lockptr, &__syslog_lockptr,
	&__timezone_lockptr,	  &__bump_lockptr,
};

void runtime_forkhandlers(int who)
{
	if (__fork_handler)
		__fork_handler(who);
}

void runtime_forklocklibc(void)
{
	for (size_t i = 0; i < nelem(forklocks); i++)
		if (forklocks[i] && *forklocks[i])
			__lock(*forklocks[i]);
	if (__aio_atfork)
		__aio_atfork(-1);
	if (__malloc_atfork)
		__malloc_atfork(-1);
}

void runtime_forkunlocklibc(void)
{
	if (__malloc_atfork)
		__malloc_atfork(0);
	if (__aio_atfork)
		__aio_atfork(0);
	for (size_t i = nelem(forklocks); i-- > 0;)
		if (forklocks[i] && *forklocks[i])
			__unlock(*forklocks[i]);
}

void runtime_forklockthreads(void)
{
	__tl_lock();
}

void runtime_forkunlockthreads(void)
{
	__tl_unlock();
}

/* The thread t is the only one of this process. */
static void forkthread(struct block *t)
{
	t->tid = (int32_t)arch_syscall3(SYS_set_tid_address, (long)&__thread_list_lock, 0, 0);
	t->prev = t->next = t;
	t->robust_list.off = 0;
	t->robust_list.pending = NULL;
	__libc.threads_minus_1 = 0;
	if (__libc.need_locks)
		__libc.need_locks = -1;
}

/* A lock of somebody who is gone would never be given back, and exit wants them all. */
static void forkfile(FILE *f, int32_t was, int32_t now)
{
	int32_t *l = f ? filelock(f) : NULL;

	if (l && *l > 0)
		*l = (*l & ~FileMaybeWaiters) == was ? now : 0;
}

static void forkfiles(int32_t was, int32_t now)
{
	forkfile(&__stdin_used ? __stdin_used : NULL, was, now);
	forkfile(__stdout_used, was, now);
	forkfile(&__stderr_used ? __stderr_used : NULL, was, now);
	for (FILE *f = *__ofl_lock(); f; f = ((struct file *)f)->next)
		forkfile(f, was, now);
	__ofl_unlock();
}

/* The locks that are held by the gone, or were taken for fork's sake, are free. */
static void forkfreelocks(void)
{
	__tl_unlock();
	__abort_lock[0] = 0;
	if (&__vmlock_lockptr)
		__vmlock_lockptr[0] = __vmlock_lockptr[1] = 0;
	if (__malloc_atfork)
		__malloc_atfork(1);
	if (__aio_atfork)
		__aio_atfork(1);
	for (size_t i = 0; i < nelem(forklocks); i++)
		if (forklocks[i] && *forklocks[i])
			**forklocks[i] = 0;
	runtime_forktsd();
	runtime_forkshortlocks();
	memset(&call, 0, sizeof call);
}

void runtime_forklibc(g *gp, int32_t was)
{
	forkthread(gp ? (struct block *)gp->m->g0->sched.tp : self());
	forkfreelocks();
	forkfiles(was, self()->tid);
}

/* posix_spawn's list of what to do; it is linked from the last to the first. */
struct fdop {
	struct fdop *next, *prev;
	int cmd, fd, srcfd, oflag;
	mode_t mode;
	char path[];
};
_Static_assert(offsetof(struct fdop, path) == 36, "struct fdop");

bool runtime_nextaction(const void *actions, const void **at, struct runtime_fileaction *a)
{
	const struct fdop *op = *at;

	if (op)
		op = op->prev;
	else
		for (op = ((const posix_spawn_file_actions_t *)actions)->__actions; op && op->next;)
			op = op->next;
	*at = op;
	if (op)
		*a = (struct runtime_fileaction){op->cmd, op->fd, op->srcfd, op->oflag, op->mode, op->path};
	return op != NULL;
}

uint64_t runtime_handlers(void)
{
	sigset_t set;

	__get_handler_set(&set);
	return *(uint64_t *)&set;
}

/*
 * What waits with the goroutine goes on waiting in the new program. No thread is
 * made meanwhile: that would fail, and an m would report it.
 */
weakseam int execve(const char *path, char *const *argv, char *const *envp)
{
	g *gp = goroutine();
	bool ours = !getg() || gp; /* else this is a child of vfork */
	long r;

	if (gp && unlikely(load_rlx(&gp->sigpending)))
		givepending(gp);
	if (ours)
		__tl_lock();
	r = arch_syscall3(SYS_execve, (long)path, (long)argv, (long)envp);
	if (ours)
		__tl_unlock();
	errno = (int)-r;
	return -1;
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
