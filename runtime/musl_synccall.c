/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_synccall.c - setuid and its like: the kernel changes one thread each, POSIX
 * means the process, so libc has a function run on all of them.
 *
 * The caller holds the thread list, catches the others one by one in a signal handler, lets
 * them run func in turn, and then lets them all go. Each sleeps on a word of its
 * own, so that a turn wakes one. Threads are told apart by the kernel's tid, since
 * FS may be a goroutine's.
 */
#include "musl.h"
#include "signals.h"

#include <string.h>

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

static cold void synchandler(int sig, siginfo_t *si, void *uc)
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
	uint64_t all = ~UINT64_C(0), app = ~LibcSignals, old;
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

/* In a child of fork: who was at it is gone. */
void runtime_forksynccall(void)
{
	memset(&call, 0, sizeof call);
}

seam cold void __synccall(void (*func)(void *), void *arg)
{
	g *gp = getg();

	if (gp && gp->vforking) { /* the other threads are the parent's */
		func(arg);
		return;
	}
	syncothers(gp, func, arg);
}
