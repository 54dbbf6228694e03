/* SPDX-License-Identifier: MIT */
/*
 * musl.h - what the files that know musl's insides (musl*.c) share; nobody else
 * includes it. The layouts are those of musl 1.2.3 to 1.2.6 on 64-bit machines.
 */
#ifndef RUNTIME_MUSL_H
#define RUNTIME_MUSL_H

#include "runtime.h"

#include <limits.h>
#include <pthread.h>
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

/* detach_state */
enum { Exited, Exiting, Joinable, Detached };
enum { FirstTid = 1 << 22 }; /* goroutines'; the kernel's are below: its pid_max never exceeds this */
enum { SigCancel = 33, SigSynccall = 34 };
enum { TsdKeys = PTHREAD_KEYS_MAX };

hidden void __tl_lock(void);
hidden void __tl_unlock(void);
optional hidden void __testcancel(void);
hidden void __vm_lock(void);
hidden void __vm_unlock(void);
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

/* ---- musl.c ---- */
int32_t runtime_blocktid(struct block *b); /* the kernel's tid of the thread b is on, 0: on none */

/* ---- musl_thread.c ---- */
int runtime_untilns(clockid_t clk, const struct timespec *at, int64_t *ns);
int runtime_cpwait(volatile int32_t *word, int32_t val, bool private, int64_t ns);

/* ---- musl_lock.c ---- */
int runtime_wordwait(int32_t *word, int32_t val, int64_t ns, bool cancel, enum waitreason why);
void runtime_wordwake(int32_t *word, int32_t n);
void runtime_shortlock(int32_t *l); /* held for moments, by nobody who parks; it keeps the goroutine on its m */
void runtime_shortunlock(int32_t *l);

/* ---- musl_tsd.c ---- */
extern void *const runtime_nulltsd[TsdKeys]; /* every goroutine's until its first pthread_setspecific */
void runtime_tsdend(struct block *b);	     /* its table, which is not that one, goes to the pool */
void runtime_forktsd(void);
void runtime_forkshortlocks(void);
void __pthread_tsd_run_dtors(void);

#endif
