/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_tsd.c - pthread keys, of goroutines and of the program's threads.
 *
 * Goroutines share one table, all NULL, until they first write to theirs; then
 * they have one from a pool. Libc's own lock over its keys could be held by a
 * goroutine that does not run, and would be waited for on g0: so the keys are ours,
 * and taken and given back by compare-and-swap.
 *
 * pool.lock guards the pool, and each table against the walk of a key's deletion:
 * a table leaves its block and enters the pool in one section. It is held for
 * moments and nothing else is taken under it; it comes after sched.gflock.
 */
#include "musl.h"
#include "signals.h"

#include <string.h>
#include <threads.h>

typedef void (*destructor)(void *);

void *runtime_nulltsd[TsdKeys] bigbss; /* never written; not const, or its zeros would be in every file */

/* What pthread_create sizes a thread's table by, and the first thread's. */
seam volatile size_t __pthread_tsd_size = TsdKeys * sizeof(void *);
seam void *__pthread_tsd_main[TsdKeys] bigbss;

/* NULL: free. Atomic. */
static destructor keys[TsdKeys] bigbss;
static uint32_t nextkey; /* where the search begins; a hint */

static void nothing(void *x) { (void)x; }  /* the destructor of keys without one, */
static void deleted(void *x) { (void)x; }  /* and of those that are being deleted */

static struct {
	uint32_t lock;
	void **free; /* linked through their first words */
} pool;

static void poollock(void)
{
	while (!cas_acq(&pool.lock, 0u, 1u))
		runtime_osyield();
}

static void poolunlock(void)
{
	store_rel(&pool.lock, 0u);
}

/* In a child of fork: who held it is gone, and may have left it half done. */
void runtime_forktsd(void)
{
	pool.lock = 0;
	pool.free = NULL;
}

/* A table of one's own, all NULL. Not from malloc, which may be the program's and use TSD. */
static void **tablealloc(void)
{
	void **t;

	poollock();
	t = pool.free;
	if (t)
		pool.free = t[0];
	poolunlock();
	if (!t)
		return runtime_persistentalloc(TsdKeys * sizeof *t, 64);
	t[0] = NULL;
	return t;
}

void runtime_tsdend(struct block *b)
{
	void **t = b->tsd;

	memset(t, 0, TsdKeys * sizeof *t);
	poollock();
	b->tsd = runtime_nulltsd;
	t[0] = pool.free;
	pool.free = t;
	poolunlock();
}

static int settsd(pthread_key_t k, const void *x)
{
	struct block *b = self();

	if (b->tsd[k] == x)
		return 0;
	if (b->tsd == runtime_nulltsd)
		b->tsd = tablealloc();
	b->tsd[k] = (void *)x;
	b->tsd_used = 1;
	return 0;
}

weakseam int pthread_setspecific(pthread_key_t k, const void *x)
{
	return settsd(k, x);
}

weakseam int tss_set(tss_t k, void *x)
{
	return settsd(k, x) ? thrd_error : thrd_success;
}

seam int __pthread_key_create(pthread_key_t *k, destructor d)
{
	uint32_t first = load_rlx(&nextkey);

	if (!self()->tsd) /* the first thread, before it made another */
		self()->tsd = __pthread_tsd_main;
	for (uint32_t i = 0; i < TsdKeys; i++) {
		pthread_key_t at = (first + i) % TsdKeys;

		if (load_rlx(&keys[at]) || !cas(&keys[at], NULL, d ? d : nothing))
			continue;
		store_rlx(&nextkey, at);
		*k = at;
		return 0;
	}
	return EAGAIN;
}

weakseam int pthread_key_create(pthread_key_t *k, destructor d)
{
	return __pthread_key_create(k, d);
}

/* The key in the tables of libc's threads, ms among them; on g0 or on a thread of the program's own. */
static void forgetthreads(void *key)
{
	uint64_t app = ~LibcSignals, old;
	struct block *b = self();

	arch_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&app, (long)&old, 8, 0, 0);
	__tl_lock();
	do {
		if (b->tsd)
			b->tsd[*(pthread_key_t *)key] = NULL;
	} while ((b = b->next) != self());
	__tl_unlock();
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, 8, 0, 0);
}

static void forget(g *gp, void *key)
{
	struct block *b = (struct block *)gp->sched.tp;

	poollock();
	if (b->tsd != runtime_nulltsd)
		b->tsd[*(pthread_key_t *)key] = NULL;
	poolunlock();
}

/* Free for another use only when nobody has a value under it any more. */
seam int __pthread_key_delete(pthread_key_t k)
{
	store(&keys[k], deleted);
	if (goroutine())
		runtime_systemstack(forgetthreads, &k);
	else
		forgetthreads(&k);
	runtime_allgs(forget, &k);
	store(&keys[k], NULL);
	return 0;
}

weakseam int pthread_key_delete(pthread_key_t k)
{
	return __pthread_key_delete(k);
}

weakseam void tss_delete(tss_t k)
{
	__pthread_key_delete(k);
}

static void runkeys(struct block *b)
{
	for (int round = 0; b->tsd_used && round < PTHREAD_DESTRUCTOR_ITERATIONS; round++) {
		b->tsd_used = 0;
		for (pthread_key_t k = 0; k < TsdKeys; k++) {
			destructor d = load_acq(&keys[k]);
			void *x = b->tsd[k];

			if (!x)
				continue;
			b->tsd[k] = NULL;
			if (d && d != nothing && d != deleted)
				d(x);
		}
	}
}

/* At the end of a goroutine or a thread; destructors may set values anew. */
seam void __pthread_tsd_run_dtors(void)
{
	if (runtime_ends)
		runtime_runends();
	runkeys(self());
	if (runtime_ends)
		runtime_runends();
}
