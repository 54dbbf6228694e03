/* SPDX-License-Identifier: MIT */
/* sem.c - POSIX semaphores: waited for by goroutines and threads, posted by them and by signal handlers. */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "waits.h"

enum { Many = 20000 };

static sem_t sem, done;
static int64_t taken; /* atomic */

static void setup(void)
{
	CHECK(sem_init(&sem, 0, 0) == 0 && sem_init(&done, 0, 0) == 0);
}

static void taker(void *arg)
{
	(void)arg;
	CHECK(sem_wait(&sem) == 0);
	CHECK(sem_post(&done) == 0);
}

static void collect(int n)
{
	int left;

	for (int i = 0; i < n; i++)
		CHECK(sem_wait(&done) == 0);
	CHECK(sem_getvalue(&sem, &left) == 0 && left == 0);
	CHECK(sem_getvalue(&done, &left) == 0 && left == 0);
}

/* They park: no thread each. */
static void many(void)
{
	setup();
	for (int i = 0; i < Many; i++)
		go(taker, NULL);
	go_sleep(10 * MS);
	CHECK(threads() < 20);
	for (int i = 0; i < Many; i++)
		CHECK(sem_post(&sem) == 0);
	collect(Many);
}

/* ---- semaphores that share a bucket of the table ---- */

static sem_t array[256];

static void array_taker(void *arg)
{
	CHECK(sem_wait(arg) == 0);
	CHECK(sem_post(&done) == 0);
}

static void each_its_own(void)
{
	setup();
	for (int i = 0; i < 256; i++) {
		CHECK(sem_init(&array[i], 0, 0) == 0);
		go(array_taker, &array[i]);
	}
	go_sched();
	for (int i = 255; i >= 0; i -= 2)
		CHECK(sem_post(&array[i]) == 0);
	collect(128);
	CHECK(sem_trywait(&done) == -1 && errno == EAGAIN);
	for (int i = 0; i < 256; i += 2)
		CHECK(sem_post(&array[i]) == 0);
	collect(128);
}

/* ---- time-outs ---- */

static void late(void *arg)
{
	struct timespec at = in(CLOCK_REALTIME, (intptr_t)arg * MS / 10);

	CHECK(sem_timedwait(&sem, &at) == -1 && errno == ETIMEDOUT);
	CHECK(sem_post(&done) == 0);
}

static void timeouts(void)
{
	struct timespec bad = {0, 1000000000}, past = {1, 0}, soon = in(CLOCK_REALTIME, 50000 * MS);

	setup();
	CHECK(sem_timedwait(&sem, &bad) == -1 && errno == EINVAL);
	CHECK(sem_timedwait(&sem, &past) == -1 && errno == ETIMEDOUT);
	for (intptr_t i = 0; i < 100; i++)
		go(late, (void *)i);
	collect(100);
	CHECK(sem_post(&sem) == 0);
	CHECK(sem_timedwait(&sem, &past) == 0); /* the time is not looked at where there is one */
	go(taker, NULL);
	CHECK(sem_post(&sem) == 0);
	CHECK(sem_timedwait(&done, &soon) == 0);
}

/* Those who time out take no post with them. */
static void racing(void *arg)
{
	struct timespec at = in(CLOCK_REALTIME, (intptr_t)arg % 7 * MS / 50);

	if (sem_timedwait(&sem, &at) == 0)
		__atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
	else
		CHECK(errno == ETIMEDOUT);
	CHECK(sem_post(&done) == 0);
}

static void timeouts_lose_nothing(void)
{
	int left;

	setup();
	for (intptr_t i = 0; i < 2000; i++) {
		go(racing, (void *)i);
		CHECK(i % 2 || sem_post(&sem) == 0);
	}
	for (int i = 0; i < 2000; i++)
		CHECK(sem_wait(&done) == 0);
	CHECK(sem_getvalue(&sem, &left) == 0 && left + taken == 1000);
}

/* ---- handlers ---- */

static int64_t posts; /* atomic */

enum { Enough = 500 };

static timer_t ticker;

/* Stops the ticks by itself: on a slow machine they leave nobody the time to. The last may come when all is over. */
static void postit(int sig)
{
	static const struct itimerspec never;

	(void)sig;
	if (__atomic_add_fetch(&posts, 1, __ATOMIC_SEQ_CST) >= Enough)
		timer_settime(ticker, 0, &never, NULL);
	CHECK(sem_post(&sem) == 0);
}

static void counts(void *arg)
{
	(void)arg;
	for (;;) {
		CHECK(sem_wait(&sem) == 0);
		__atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
	}
}

/* Keeps the scheduler, and this semaphore, in the middle of things. */
static void busy(void *arg)
{
	for (;;) {
		CHECK(sem_post(arg) == 0);
		go_sched();
		CHECK(sem_wait(arg) == 0);
		go_sched();
	}
}

static timer_t ticks(long ns)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct itimerspec it = {{0, ns}, {0, ns}};
	timer_t t;

	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
	CHECK(timer_settime(t, 0, &it, NULL) == 0);
	return t;
}

/* Every post of a handler, wherever it strikes, lets somebody through. */
static void handlers(void)
{
	static const struct itimerspec often = {{0, 30000}, {0, 30000}};
	struct sigaction sa = {.sa_handler = postit, .sa_flags = SA_RESTART};

	setup();
	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	for (int i = 0; i < 3; i++) {
		go(counts, NULL);
		go(busy, &sem);
		go(busy, &done);
	}
	ticker = ticks(MS);
	CHECK(timer_settime(ticker, 0, &often, NULL) == 0);
	while (__atomic_load_n(&posts, __ATOMIC_SEQ_CST) < Enough)
		go_sleep(MS);
	CHECK(timer_delete(ticker) == 0);
	while (__atomic_load_n(&taken, __ATOMIC_SEQ_CST) < __atomic_load_n(&posts, __ATOMIC_SEQ_CST))
		go_sleep(MS); /* or the test is killed: one was lost */
}

static sem_t own[40];

static void postall(int sig)
{
	(void)sig;
	for (int i = 0; i < 40; i++)
		CHECK(sem_post(&own[i]) == 0);
}

/* More semaphores at once than a handler can leave behind one by one. */
static void handler_posts_many(void)
{
	setup();
	signal(SIGUSR1, postall);
	for (int i = 0; i < 40; i++) {
		CHECK(sem_init(&own[i], 0, 0) == 0);
		go(array_taker, &own[i]);
	}
	go_sleep(MS);
	CHECK(raise(SIGUSR1) == 0);
	collect(40);
}

static void nothing(int sig)
{
	(void)sig;
}

static void interrupted(void)
{
	struct sigaction sa = {.sa_handler = nothing};
	timer_t t;

	setup();
	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	t = ticks(MS);
	CHECK(sem_wait(&sem) == -1 && errno == EINTR);
	sa.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	go(taker, NULL);
	while (go_num_goroutine() < 2)
		go_sched();
	go_timer *later = go_timer_func(20 * MS, (void (*)(void *))(void *)sem_post, &sem);
	CHECK(sem_wait(&done) == 0);
	CHECK(timer_delete(t) == 0);
	go_timer_free(later);
}

/* ---- others ---- */

static void *thread_taker(void *arg)
{
	taker(arg);
	return NULL;
}

static void *thread_poster(void *arg)
{
	for (intptr_t i = 0; i < (intptr_t)arg; i++)
		CHECK(sem_post(&sem) == 0);
	return NULL;
}

/* Threads and goroutines wait for one semaphore, and both post it. */
static void threads_too(void)
{
	pthread_t waits[8], posts[2];

	setup();
	for (int i = 0; i < 8; i++)
		CHECK(pthread_create(&waits[i], NULL, thread_taker, NULL) == 0);
	for (int i = 0; i < 200; i++)
		go(taker, NULL);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&posts[i], NULL, thread_poster, (void *)80) == 0);
	for (int i = 0; i < 48; i++)
		CHECK(sem_post(&sem) == 0);
	collect(208);
	for (int i = 0; i < 8; i++)
		CHECK(pthread_join(waits[i], NULL) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(posts[i], NULL) == 0);
}

/* Between processes, over memory that they share, both ways. */
static void processes(void)
{
	sem_t *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	CHECK(s != MAP_FAILED && sem_init(&s[0], 1, 0) == 0 && sem_init(&s[1], 1, 0) == 0);
	if ((pid = fork()) == 0) {
		for (int i = 0; i < 100; i++) {
			CHECK(sem_wait(&s[0]) == 0);
			CHECK(sem_post(&s[1]) == 0);
		}
		_exit(0);
	}
	for (int i = 0; i < 100; i++) {
		CHECK(sem_post(&s[0]) == 0);
		CHECK(sem_wait(&s[1]) == 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* The child's waiters are its own. */
static void child(void)
{
	int status;
	pid_t pid;

	setup();
	go(taker, NULL);
	go_sched();
	if ((pid = fork()) == 0) {
		go(taker, NULL);
		go_sched();
		CHECK(sem_post(&sem) == 0);
		CHECK(sem_wait(&done) == 0);
		_exit(7);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	CHECK(sem_post(&sem) == 0);
	collect(1);
}

/* Whoever gets what was posted may free the semaphore. */
static void freeing(void *arg)
{
	CHECK(sem_wait(arg) == 0);
	CHECK(munmap(arg, 4096) == 0);
	CHECK(sem_post(&done) == 0);
}

static void freed(void)
{
	setup();
	for (int i = 0; i < 300; i++) {
		sem_t *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(s != MAP_FAILED && sem_init(s, 0, 0) == 0);
		go(freeing, s);
		if (i % 3)
			go_sched();
		CHECK(sem_post(s) == 0);
	}
	collect(300);
}

static void limit(void)
{
	CHECK(sem_init(&sem, 0, SEM_VALUE_MAX) == 0);
	CHECK(sem_post(&sem) == -1 && errno == EOVERFLOW);
	CHECK(sem_wait(&sem) == 0 && sem_post(&sem) == 0);
}

static void deadlock(void)
{
	setup();
	sem_wait(&sem);
}

const struct testcase cases[] = {
	{"many", many},
	{"each_its_own", each_its_own},
	{"timeouts", timeouts},
	{"timeouts_lose_nothing", timeouts_lose_nothing},
	{"handlers", handlers},
	{"handler_posts_many", handler_posts_many},
	{"interrupted", interrupted},
	{"threads_too", threads_too},
	{"processes", processes},
	{"child", child},
	{"freed", freed},
	{"limit", limit},
	{"deadlock", deadlock},
	{NULL, NULL},
};
