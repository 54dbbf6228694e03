/* SPDX-License-Identifier: MIT */
/*
 * cancel.c - goroutines as threads that others join and cancel. Cases of joining end by
 * main's pthread_exit: who joins says ok.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "prog.h"

static pthread_t mainthread;
static go_waitgroup wg;

static struct timespec in(int64_t ns)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	ns += t.tv_nsec;
	t.tv_sec += ns / 1000000000;
	t.tv_nsec = ns % 1000000000;
	return t;
}

/* ---- join of main ---- */

static int cleaned;

static void cleans(void *arg)
{
	cleaned += (int)(intptr_t)arg;
}

static void joins_main(void)
{
	struct timespec soon = in(3 * MS);
	void *result = NULL;
	pthread_attr_t attr;
	int state;

	CHECK(pthread_getattr_np(mainthread, &attr) == 0);
	CHECK(pthread_attr_getdetachstate(&attr, &state) == 0 && state == PTHREAD_CREATE_JOINABLE);
	CHECK(pthread_tryjoin_np(mainthread, &result) == EBUSY);
	CHECK(pthread_timedjoin_np(mainthread, &result, &soon) == ETIMEDOUT);
	go_waitgroup_done(&wg);
	CHECK(pthread_join(mainthread, &result) == 0);
	CHECK(result == (void *)42 && cleaned == 7);
	puts("ok");
}

static void goroutine_joins(void *arg)
{
	(void)arg;
	joins_main();
}

static void *thread_joins(void *arg)
{
	struct timespec t = {0, 3 * MS};
	void *result;

	nanosleep(&t, NULL); /* main waits for it by then */
	CHECK(pthread_tryjoin_np(mainthread, NULL) == EBUSY);
	__atomic_store_n((int *)arg, 1, __ATOMIC_SEQ_CST);
	CHECK(pthread_join(mainthread, &result) == 0);
	CHECK(result == (void *)42 && cleaned == 7);
	puts("ok");
	return NULL;
}

static _Noreturn void leaves(void)
{
	pthread_cleanup_push(cleans, (void *)7);
	pthread_exit((void *)42);
	pthread_cleanup_pop(0);
	_exit(1);
}

static void join_main(void)
{
	mainthread = pthread_self();
	go_waitgroup_add(&wg, 1);
	go(goroutine_joins, NULL);
	go_waitgroup_wait(&wg);
	yield(3); /* it waits, or is about to */
	leaves();
}

static void join_main_by_thread(void)
{
	int joins = 0;
	pthread_t t;

	mainthread = pthread_self();
	CHECK(pthread_create(&t, NULL, thread_joins, &joins) == 0);
	while (!__atomic_load_n(&joins, __ATOMIC_SEQ_CST))
		go_sched();
	leaves();
}

static void joins_late(void *arg)
{
	void *result;

	go_sleep(5 * MS);
	CHECK(pthread_join(mainthread, &result) == 0);
	CHECK(result == (void *)42 && cleaned == 7);
	go_sleep(MS); /* and goes on */
	puts("ok");
	(void)arg;
}

static void join_main_late(void)
{
	mainthread = pthread_self();
	go(joins_late, NULL);
	leaves();
}

static void joins_none(void *arg)
{
	CHECK(pthread_join(mainthread, NULL) == EINVAL);
	CHECK(pthread_detach(mainthread) == EINVAL);
	if (arg)
		puts("ok");
}

static void detach_main(void)
{
	mainthread = pthread_self();
	CHECK(pthread_detach(mainthread) == 0);
	go(joins_none, NULL);
	wait_for_goroutines(1);
	go(joins_none, &wg);
	pthread_exit(NULL);
}

/* Who waits for main while main waits for it: no way out, and it is said so. */
static void joins_stuck(void *arg)
{
	(void)arg;
	pthread_join(mainthread, NULL);
}

static void join_stuck(void)
{
	mainthread = pthread_self();
	go_waitgroup_add(&wg, 1);
	go(joins_stuck, NULL);
	go_waitgroup_wait(&wg);
}

const struct testcase cases[] = {
	{"join_main", join_main},
	{"join_main_by_thread", join_main_by_thread},
	{"join_main_late", join_main_late},
	{"detach_main", detach_main},
	{"join_stuck", join_stuck},
	{NULL, NULL},
};
