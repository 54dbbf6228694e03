/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_create.c - threads begin and end: the runtime's ms, the program's own
 * pthread_create, and pthread_exit, which on a goroutine is the goroutine's end.
 *
 * All are made by musl's own code, so that its list and count of threads stay
 * true. It links the new one next to "self": so it is called on g0, whose block
 * is the thread's own.
 */
#include "musl.h"
#include "signals.h"

#include <signal.h>
#include <threads.h>

int __pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
_Noreturn void __pthread_exit(void *result);

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
	uint64_t all = ~LibcSignals, old;
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
		runtime_startwatch();
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
	runtime_sigwaitleft(gp);
	if (gp->status == Gsyscall) /* cancelled inside a call */
		runtime_exitsyscall();
	runtime_pointleft(gp);
	b->canceldisable = PTHREAD_CANCEL_DISABLE;
	b->cancelasync = 0;
	while (b->cancelbuf) {
		struct cleanup *c = b->cancelbuf;

		b->cancelbuf = c->next;
		c->f(c->x);
	}
	if (gp->goid == 1) {
		b->result = result;
		runtime_leavemain();
	}
	go_exit();
}

weakseam _Noreturn void thrd_exit(int result)
{
	pthread_exit((void *)(intptr_t)result);
}
