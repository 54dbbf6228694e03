/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_fork.c - what fork, posix_spawn and execve have to know of libc: its locks,
 * taken around a fork and free in the child, its list of threads, and what it
 * keeps for posix_spawn. The calls themselves are in fork.c and spawn.c.
 */
#include "musl.h"
#include "signals.h"

#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

extern hidden volatile int32_t __thread_list_lock;

typedef volatile int *const lockptr;
extern optional hidden lockptr __at_quick_exit_lockptr, __atexit_lockptr, __gettext_lockptr,
	__locale_lockptr, __random_lockptr, __sem_open_lockptr, __stdio_ofl_lockptr,
	__syslog_lockptr, __timezone_lockptr, __bump_lockptr, __vmlock_lockptr;
extern hidden volatile int __abort_lock[1];

hidden void __get_handler_set(sigset_t *);
optional hidden void __aio_atfork(int who);
optional hidden void __malloc_atfork(int who);
optional hidden void __fork_handler(int who);

hidden void __lock(volatile int *lock);
hidden void __unlock(volatile int *lock);

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
	runtime_forksynccall();
}

cold void runtime_forklibc(g *gp, int32_t was)
{
	if (gp)
		gp->nopreempt = 0;
	forkthread(gp ? (struct block *)gp->m->g0->sched.tp : self());
	forkfreelocks();
	runtime_forkfiles(was, self()->tid);
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
weakseam cold int execve(const char *path, char *const *argv, char *const *envp)
{
	g *gp = goroutine();
	bool ours = !getg() || gp; /* else this is a child of vfork */
	long r;

	if (gp && unlikely(load_rlx(&gp->sigpending)))
		runtime_givepending(gp);
	if (ours)
		__tl_lock();
	r = arch_syscall3(SYS_execve, (long)path, (long)argv, (long)envp);
	if (ours)
		__tl_unlock();
	errno = (int)-r;
	return -1;
}
