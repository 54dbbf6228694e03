/* SPDX-License-Identifier: MIT */
/* limits.c - a little of everything that makes the runtime ask the kernel for something; and programs that run out. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "refuse.h"

static go_waitgroup wg;

static void sleeps(void *arg)
{
	go_sleep((1 + (intptr_t)arg % 3) * MS);
	go_waitgroup_done(&wg);
}

static void deep(void *arg)
{
	volatile char frame[100 << 10];

	memset((char *)frame, 1, sizeof frame);
	(void)arg;
	go_waitgroup_done(&wg);
}

static void wired(void *arg)
{
	(void)arg;
	go_lock_os_thread();
	usleep(1000);
	go_waitgroup_done(&wg); /* its thread ends with it */
}

static void masks(void *arg)
{
	sigset_t s;

	(void)arg;
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &s, NULL);
	go_sched();
	usleep(1000);
	go_waitgroup_done(&wg);
}

static void each(int n, void (*fn)(void *))
{
	go_waitgroup_add(&wg, n);
	for (intptr_t i = 0; i < n; i++)
		go(fn, (void *)i);
	go_waitgroup_wait(&wg);
}

static void unwired(void)
{
	each(50, sleeps);
	each(5, deep);
	each(3, masks);
	go_waitgroup_add(&wg, 1);
	go_stack(1 << 20, deep, NULL);
	go_waitgroup_wait(&wg);
	go_maxprocs(3);
	each(20, sleeps);
}

static void work(void)
{
	each(3, wired);
	unwired();
}

/* ---- many stacks at once ---- */

enum { Crowd = 2000 };
static go_waitgroup gate;

static void stands(void *arg)
{
	(void)arg;
	go_waitgroup_wait(&gate);
	go_waitgroup_done(&wg);
}

static void crowd(void)
{
	go_waitgroup_add(&gate, 1);
	go_waitgroup_add(&wg, Crowd);
	for (int i = 0; i < Crowd; i++)
		go(stands, NULL);
	go_waitgroup_done(&gate);
	go_waitgroup_wait(&wg);
}

/* ---- refusals ---- */

/* The runtime has the threads that the first goroutine needed, and no more. */
static void threads_refused(void)
{
	each(1, sleeps); /* the first goroutine starts sysmon, without which nothing goes */
	refuse(SYS_clone, EAGAIN);
	unwired(); /* a wired goroutine that parks on the only thread leaves none for the others */
}

/* No sleeper can be woken: said, for else it would hang. */
static void wakes_refused(void)
{
	struct insn code[] = {{Load, 0, 0, Nr}, {JumpEq, 0, 4, SYS_futex}, {Load, 0, 0, SecondArg},
		{And, 0, 0, 127}, {JumpEq, 0, 1, 1 /* FUTEX_WAKE */},
		{Return, 0, 0, Errno | EINVAL}, {Return, 0, 0, Allow}};

	filter(code, nelem(code));
	work();
}

/* No sleep on a word ever succeeds: who sleeps must look again, and does. */
static void sleeps_fail(int error)
{
	struct insn code[] = {{Load, 0, 0, Nr}, {JumpEq, 0, 4, SYS_futex}, {Load, 0, 0, SecondArg},
		{And, 0, 0, 127}, {JumpEq, 0, 1, 0 /* FUTEX_WAIT */},
		{Return, 0, 0, Errno | (uint32_t)error}, {Return, 0, 0, Allow}};

	filter(code, nelem(code));
	work();
}

static void sleeps_interrupted(void) { sleeps_fail(EINTR); }
static void sleeps_too_late(void) { sleeps_fail(EAGAIN); }

/* ---- no memory for more timers than a p's first heap has: every limit is kept all the same ---- */

enum { Timed = 400, FirstHeap = 256 };
static go_mutex door;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static int fd[2];

static void waits_in_time(void *arg)
{
	int64_t ns = 20 * MS, begin;
	struct pollfd p = {fd[0], POLLIN, 0};
	struct timespec at;

	go_mutex_lock(&door);
	go_mutex_unlock(&door);
	begin = go_nanotime();
	switch ((intptr_t)arg % 4) {
	case 0:
		go_sleep(ns);
		break;
	case 1:
		CHECK(usleep(20000) == 0);
		break;
	case 2:
		CHECK(poll(&p, 1, 20) == 0);
		break;
	default:
		clock_gettime(CLOCK_REALTIME, &at);
		at.tv_nsec += ns;
		if (at.tv_nsec >= 1000000000)
			at.tv_sec++, at.tv_nsec -= 1000000000;
		CHECK(pthread_mutex_timedlock(&held, &at) == ETIMEDOUT);
		ns -= MS; /* of another clock */
	}
	CHECK(go_nanotime() - begin >= ns);
	go_waitgroup_done(&wg);
}

static void makes_timer(void *arg)
{
	if (arg)
		go_timer_reset(arg, MS);
	else
		go_timer_new(3600 * 1000 * MS);
}

static void selects(void *arg)
{
	chan(int) c = arg;

	chan_select_timeout(MS, case_recv(c, NULL));
}

static void timers_full(void)
{
	struct rlimit none = {4096, 4096};
	chan(int) c = chan_make(int, 0);
	go_timer *t;

	CHECK(pipe(fd) == 0 && pthread_mutex_lock(&held) == 0);
	each(1, sleeps);
	usleep(1); /* the poller */
	t = go_timer_new(3600 * 1000 * MS);
	go_mutex_lock(&door);
	go_waitgroup_add(&wg, Timed);
	for (intptr_t i = 0; i < Timed; i++)
		go(waits_in_time, (void *)i);
	yield(100);
	CHECK(setrlimit(RLIMIT_AS, &none) == 0);
	go_mutex_unlock(&door);
	go_waitgroup_wait(&wg);
	for (int i = 0; i < FirstHeap; i++) { /* none but those that are refused end this */
		const char *why = go_try(makes_timer, NULL);

		if (!why)
			continue;
		CHECK(!strcmp(why, "out of memory: no timer"));
		CHECK((why = go_try(selects, c)) && !strcmp(why, "out of memory: no timer for select"));
		CHECK(go_timer_stop(t));
		makes_timer(t);
		return;
	}
	CHECK(!"nothing was refused");
}

const struct testcase cases[] = {
	{"work", work},
	{"unwired", unwired},
	{"crowd", crowd},
	{"threads_refused", threads_refused},
	{"timers_full", timers_full},
	{"wakes_refused", wakes_refused},
	{"sleeps_interrupted", sleeps_interrupted},
	{"sleeps_too_late", sleeps_too_late},
	{NULL, NULL},
};
