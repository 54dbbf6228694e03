/* SPDX-License-Identifier: MIT */
/*
 * musl.h - what the files that know musl's insides (musl*.c) share; nobody else
 * includes it. The layouts are those of musl 1.2.3 to 1.2.6 on 64-bit machines.
 */
#ifndef RUNTIME_MUSL_H
#define RUNTIME_MUSL_H

#include "runtime.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#define hidden __attribute__((visibility("hidden")))
#define optional __attribute__((weak)) /* NULL where the program does not link it */
#define seam __attribute__((visibility("default")))
#define weakseam __attribute__((visibility("default"), weak))

/* struct pthread */
struct block {
	struct block *self;
	uintptr_t *dtv;
	struct block *prev, *next;
	uintptr_t sysinfo;
	uintptr_t canary;
	int32_t tid;
	int32_t errno_val;
	int32_t detach_state;
	int32_t cancel;
	uint8_t canceldisable, cancelasync;
	uint8_t tsd_used : 1, dlerror_flag : 1;
	unsigned char *map_base;
	size_t map_size;
	void *stack;
	size_t stack_size, guard_size;
	void *result;
	struct cleanup {
		void (*f)(void *);
		void *x;
		struct cleanup *next;
	} *cancelbuf;
	void **tsd;
	struct {
		void *head;
		long off;
		void *pending;
	} robust_list;
	int32_t h_errno_val;
	int32_t timer_id;
	void *locale;
	int32_t killlock;
	char *dlerror_buf;
	void *stdio_locks;
};
_Static_assert(sizeof(struct block) == 200, "struct pthread");
_Static_assert(offsetof(struct block, canary) == 40 && offsetof(struct block, tid) == 48 &&
		       offsetof(struct block, tsd) == 128 &&
		       offsetof(struct block, locale) == 168 &&
		       offsetof(struct block, stdio_locks) == 192,
	       "struct pthread");

/* struct __libc, as far as it is used */
struct libc {
	char can_do_threads, threaded, secure;
	volatile signed char need_locks;
	int32_t threads_minus_1;
	size_t *auxv;
	struct tls_module {
		struct tls_module *next;
		void *image;
		size_t len, size, align, offset;
	} *tls_head;
	size_t tls_size, tls_align, tls_cnt;
	size_t page_size;
	void *global_locale[6];
};
extern hidden struct libc __libc;

/* detach_state */
enum { Exited, Exiting, Joinable, Detached };
enum { FirstTid = 1 << 22 }; /* goroutines'; the kernel's are below: its pid_max never exceeds this */
enum { SigCancel = 33, SigSynccall = 34 };
enum { TsdKeys = PTHREAD_KEYS_MAX };

/* Weak, lest ld take the first member that defines them, membarrier's: __pthread_create's has them too. */
optional hidden void __tl_lock(void);
optional hidden void __tl_unlock(void);
optional hidden void __testcancel(void);
optional hidden long __syscall_cp_c(long nr, long a, long b, long c, long d, long e, long f);
hidden void __vm_lock(void);
hidden void __vm_unlock(void);
long __syscall_cp(long nr, long a, long b, long c, long d, long e, long f);
extern volatile int __eintr_valid_flag;
void __wait(volatile int *addr, volatile int *waiters, int val, int priv);
int __pthread_mutex_lock(pthread_mutex_t *m);
int __pthread_mutex_unlock(pthread_mutex_t *m);

/* Where runtime_g lies from a thread pointer; the same in every block. */
extern intptr_t runtime_goffset;

static inline struct block *self(void)
{
	return (struct block *)__builtin_thread_pointer();
}

/*
 * On a goroutine, neither on g0 nor on a thread of the program's own, nor in a child of vfork.
 * (A g without an m is seen by a signal handler that struck in a switch.)
 */
static inline g *goroutine(void)
{
	g *gp = getg();

	return gp && gp->m && gp != gp->m->g0 && likely(!gp->vforking) ? gp : NULL;
}

/* Whose block it is: a goroutine, an m's g0, or NULL, a thread of the program's own. */
static inline g *blockg(struct block *b)
{
	return *(g **)((char *)b + runtime_goffset);
}

/* On a goroutine whose calls may park it: not in a signal handler, nor on g0. */
static inline g *maypark(void)
{
	g *gp = goroutine();

	return gp && runtime_mayblock(gp) ? gp : NULL;
}

/* libc's result of a call: -1 and errno, or the value. */
static inline long ret(long r)
{
	if ((unsigned long)r <= -4096UL)
		return r;
	errno = (int)-r;
	return -1;
}

static inline int tkill(int32_t tid, int sig)
{
	return (int)arch_syscall3(SYS_tkill, tid, sig, 0);
}

/*
 * Those that sleep in the kernel on a word of this process, and on one that others
 * use too. The word is the program's and may be gone: what the kernel says is nobody's.
 */
static inline void wakeword(volatile int32_t *word, int32_t n)
{
	arch_syscall3(SYS_futex, (long)word, 1 | 128, n); /* FUTEX_WAKE, FUTEX_PRIVATE */
}

static inline void sharedwake(int32_t *word, int32_t n)
{
	arch_syscall3(SYS_futex, (long)word, 1, n);
}

/* ---- musl_file.c ---- */
const char *runtime_checkfile(void); /* NULL, or that FILE is not as we know it */
void runtime_forkfiles(int32_t was, int32_t now);

/* ---- musl_signal.c ---- */
int32_t runtime_blocktid(struct block *b); /* the kernel's tid of the thread b is on, 0: on none */

/* ---- musl_cancel.c ---- */
long runtime_point(long nr, long a, long b, long c, long d, long e, long f);
bool runtime_beginpoint(void); /* what the running goroutine waits for until endpoint may end by ECANCELED; false: not */
void runtime_endpoint(void);
void runtime_cancelg(g *gp);

/* ---- musl_synccall.c ---- */
void runtime_forksynccall(void);

/* ---- musl_thread.c ---- */
int runtime_untilns(clockid_t clk, const struct timespec *at, int64_t *ns);
int runtime_cpwait(volatile int32_t *word, int32_t val, bool private, int64_t ns);
void runtime_endjoinable(struct block *b);

/* ---- musl_lock.c ---- */
int runtime_wordwait(int32_t *word, int32_t val, int64_t ns, bool cancel, enum waitreason why);
void runtime_wordwake(int32_t *word, int32_t n);
void runtime_threadwake(int32_t *word, int32_t n);
void runtime_shortlock(int32_t *l); /* held for moments, by nobody who parks; it keeps the goroutine on its m */
void runtime_shortunlock(int32_t *l);
void runtime_forkshortlocks(void);

/* ---- musl_tsd.c ---- */
extern void *runtime_nulltsd[TsdKeys]; /* every goroutine's until its first pthread_setspecific */
void runtime_tsdend(struct block *b);	     /* its table, which is not that one, goes to the pool */
void runtime_forktsd(void);
void __pthread_tsd_run_dtors(void);

#endif
