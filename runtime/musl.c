/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl.c - the seam to musl: its start, and the thread block of a goroutine.
 *
 * The files musl*.c and musl.h know musl's insides, and nothing else does. A
 * goroutine is a thread as far as musl can see: it has a thread block (struct
 * pthread) and static TLS of its own, FS points there while it runs, and so errno,
 * thread-locals, TSD, the locale and owner-checked locks are its own wherever it
 * runs. What differs from a thread:
 *
 * - It is not on musl's list of threads. That list (prev, next) holds the
 *   kernel's threads: ms and the program's own. Whatever walks it from "self"
 *   is therefore called on g0, whose block is the thread's own.
 * - Its tid is not the kernel's: owners are compared by tid, so each block has
 *   one of its own, above every tid the kernel gives out. What needs the
 *   kernel's (raise, pthread_kill, gettid, abort, setuid on all) is replaced.
 *
 * Replaced are whole members of libc.a, by defining all their symbols here,
 * ahead of the archive:
 *
 *   musl_call.c      blocking calls, the locks inside libc
 *   musl_file.c      stdio
 *   musl_create.c    threads begin and end
 *   musl_thread.c    the pthread calls that name a thread
 *   musl_tsd.c       pthread keys
 *   musl_lock.c      mutexes, read-write locks, spin locks, once
 *   musl_cond.c      conditions, barriers
 *   musl_sem.c       semaphores
 *   musl_cancel.c    pthread_cancel of goroutines
 *   musl_signal.c    sending signals, masks
 *   musl_synccall.c  setuid on all threads
 *   musl_fork.c      libc's locks around fork
 *   musl_exit.c      exit
 *
 * Elsewhere calls of libc are replaced as POSIX describes them, without a look
 * inside: sigaction.c, fork.c, spawn.c, libccalls.c, rt0/longjmp_amd64.S.
 *
 * The layouts are those of musl 1.2.3 to 1.2.6 on 64-bit machines whose TLS
 * lies below the thread pointer; runtime_checklibc makes sure of it at boot.
 */
#include "musl.h"

#include <string.h>
#include <unistd.h>

/* pthread_mutex_t, as far as a robust list leads to it */
enum { MutexType = 0, MutexLock = 4, MutexWaiters = 8, MutexNext = 32 };
enum { OwnerDied = 0x40000000 };

enum { LastTid = 0x3ffffffe }; /* mutexes and FILE locks keep two bits for themselves */

hidden void __init_libc(char **envp, char *pn);
hidden void __libc_start_init(void);
hidden void *__copy_tls(unsigned char *mem);
optional hidden void __do_orphaned_stdio_locks(void);
hidden void *__vdsosym(const char *version, const char *name);
extern optional hidden void (*const __preinit_array_start[])(int, char **, char **);
extern optional hidden void (*const __preinit_array_end[])(int, char **, char **);

_Thread_local g *runtime_g;
_Thread_local struct end *runtime_ends;

intptr_t runtime_goffset;
/* The program has thread-locals besides ours. */
static bool tlsused;
static uint32_t tidgen = FirstTid;

/* ---- boot ---- */

/* The vDSO is looked at when the time is first asked for: its pages cost a boot dear. */
static noinline cold int firstclock(clockid_t clk, struct timespec *ts)
{
	g *gp = getg();

	if (gp)
		gp->nopreempt++; /* in libc, and called from anywhere */
	runtime_vdsoclock = __vdsosym("LINUX_2.6", "__vdso_clock_gettime");
	if (gp)
		gp->nopreempt--;
	return runtime_clock(clk, ts);
}

/* Thread pointer, TLS, page size, auxiliary vector, canary: musl's own start. */
void runtime_settls(char **envp, char *argv0)
{
	__init_libc(envp, argv0);
	runtime_vdsoclock = firstclock;
	runtime_goffset = (char *)&runtime_g - (char *)self();
	tlsused = __libc.tls_head && __libc.tls_head->size > sizeof runtime_g + sizeof runtime_ends;
}

cold const char *runtime_checklibc(void)
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
	return runtime_checkfile();
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

/* In libc, with a new goroutine in hand: no slice is taken meanwhile. */
static struct block *copytls(void *mem)
{
	g *me = getg();
	struct block *b;

	me->nopreempt++;
	b = __copy_tls(mem);
	me->nopreempt--;
	return b;
}

uintptr_t runtime_tlsnew(void *mem, g *gp)
{
	struct block *b = copytls(mem), *m0 = (struct block *)runtime_m0.g0->sched.tp;
	uint32_t tid = __atomic_fetch_add(&tidgen, 1, __ATOMIC_RELAXED);

	if (tid > LastTid)
		runtime_fatal("too many goroutines for musl's thread ids");
	b->self = b->prev = b->next = b;
	b->sysinfo = m0->sysinfo;
	b->canary = m0->canary;
	b->tid = (int32_t)tid;
	b->detach_state = Joinable;
	b->tsd = runtime_nulltsd;
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

bool runtime_tlskept(void)
{
	return !tlsused;
}

/* The block as its goroutine left it becomes as good as new. */
void runtime_tlsreset(g *gp)
{
	struct block *b = (struct block *)gp->sched.tp;

	b->errno_val = 0;
	b->cancel = 0;
	b->canceldisable = b->cancelasync = 0;
	gp->atpoint = 0;
	gp->nopreempt = 0;
	gp->waitword = NULL;
	b->tsd_used = b->dlerror_flag = 0;
	b->cancelbuf = NULL;
	b->tsd = runtime_nulltsd;
	b->h_errno_val = 0;
	b->locale = &__libc.global_locale;
	b->stdio_locks = NULL;
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

	if (unlikely(b->tsd_used || runtime_ends))
		__pthread_tsd_run_dtors();
	if (unlikely(b->robust_list.head != &b->robust_list.head))
		robustexit(b);
	if (unlikely(b->stdio_locks != NULL) && __do_orphaned_stdio_locks)
		__do_orphaned_stdio_locks();
	if (unlikely(b->tsd != runtime_nulltsd))
		runtime_tsdend(b);
	if (unlikely(b->dlerror_buf != NULL) && b->dlerror_buf != (void *)-1)
		b->dlerror_buf = NULL;
	if (unlikely(gp->goid == 1))
		runtime_endjoinable(b);
}
