/* SPDX-License-Identifier: MIT */
/*
 * starve.c - goroutines that spend nearly all of their time with a lock, which they are interrupted with, or
 * looking at the clock, where none is preempted: the others get their turn all the same.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <sys/time.h>
#include <threads.h>

#include "prog.h"

enum { Hogs = 3, Turns = 5 };

static go_waitgroup wg;
static volatile bool stop;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static mtx_t mtx;
static sem_t sem;
static FILE *file;

static void spin(void)
{
	for (volatile int i = 0; i < 20000; i = i + 1)
		;
}

static void with_mutex(void)
{
	pthread_mutex_lock(&mutex);
	spin();
	pthread_mutex_unlock(&mutex);
}

static void with_mtx(void)
{
	mtx_lock(&mtx);
	spin();
	mtx_unlock(&mtx);
}

static void with_rwlock(void)
{
	pthread_rwlock_wrlock(&rwlock);
	spin();
	pthread_rwlock_unlock(&rwlock);
}

static void with_sem(void)
{
	sem_wait(&sem);
	spin();
	sem_post(&sem);
}

static void with_file(void)
{
	fprintf(file, ".");
	fflush(file);
}

static void hogs(void *arg)
{
	while (!stop)
		((void (*)(void))arg)();
	go_waitgroup_done(&wg);
}

/* They go on for ever, unless this one gets its turns. */
static void contend(void (*once)(void))
{
	stop = false;
	go_waitgroup_add(&wg, Hogs);
	for (int i = 0; i < Hogs; i++)
		go(hogs, (void *)once);
	go_sleep(10 * MS);
	for (int i = 0; i < Turns; i++)
		once();
	stop = true;
	go_waitgroup_wait(&wg);
}

static void mutexes(void)
{
	contend(with_mutex);
	CHECK(mtx_init(&mtx, mtx_recursive) == thrd_success);
	contend(with_mtx);
}

static void rwlocks(void) { contend(with_rwlock); }

static void semaphores(void)
{
	sem_init(&sem, 0, 1);
	contend(with_sem);
}

static void files(void)
{
	file = fopen("/dev/null", "w");
	CHECK(file);
	contend(with_file);
}

/* exit wants every FILE's lock. */
static void exits(void)
{
	file = fopen("/dev/null", "w");
	go_waitgroup_add(&wg, Hogs);
	for (int i = 0; i < Hogs; i++)
		go(hogs, (void *)with_file);
	go_sleep(10 * MS);
	puts("ok");
	exit(0);
}

/* ---- the clock ---- */

static volatile bool seen;

static void by_clock_gettime(void)
{
	struct timespec ts;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
}

static void by_timespec_get(void)
{
	struct timespec ts;

	CHECK(timespec_get(&ts, TIME_UTC) == TIME_UTC);
}

static void by_gettimeofday(void)
{
	struct timeval tv;

	CHECK(gettimeofday(&tv, NULL) == 0);
}

static void by_time(void)
{
	time_t t;

	CHECK(time(&t) == t && t > 1700000000);
}

static void by_nanotime(void) { CHECK(go_nanotime() > 0); }

static void sleeps(void *arg)
{
	(void)arg;
	go_sleep(MS);
	seen = true;
	go_waitgroup_done(&wg);
}

/* Nobody but the sleeper ends the loop. */
static void wait_with(void (*look)(void))
{
	seen = false;
	go_waitgroup_add(&wg, 1);
	go(sleeps, NULL);
	while (!seen)
		for (int i = 0; i < 1000; i++)
			look();
	go_waitgroup_wait(&wg);
}

static void clocks(void)
{
	go_maxprocs(1);
	for (int i = 0; i < 5; i++) {
		wait_with(by_clock_gettime);
		wait_with(by_timespec_get);
		wait_with(by_gettimeofday);
		wait_with(by_time);
		wait_with(by_nanotime);
	}
}

#define CASE(f) {#f, f}
const struct testcase cases[] = {
	CASE(mutexes), CASE(rwlocks), CASE(semaphores), CASE(files), CASE(exits), CASE(clocks), {NULL, NULL},
};
