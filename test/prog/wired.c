/* SPDX-License-Identifier: MIT */
/* wired.c - goroutines wired to threads. */
#include <dirent.h>

#include "prog.h"

static go_waitgroup wg, go_on;
static go_mutex mu;
static bool stop;

/* Whatever makes a goroutine move. */
static void move_about(void)
{
	struct timespec t = {0, 1000};

	yield(20);
	go_sleep(1000);
	nanosleep(&t, NULL);
	go_mutex_lock(&mu);
	go_sched();
	go_mutex_unlock(&mu);
}

static void stays(void *arg)
{
	int here;

	(void)arg;
	go_lock_os_thread();
	here = thread();
	for (int i = 0; i < 30; i++) {
		move_about();
		CHECK(thread() == here);
	}
	go_unlock_os_thread();
	go_waitgroup_done(&wg);
}

static void wanders(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		go_sched();
	go_waitgroup_done(&go_on);
}

static void same_thread(void)
{
	go_waitgroup_add(&go_on, 20);
	for (int i = 0; i < 20; i++)
		go(wanders, NULL);
	go_waitgroup_add(&wg, 10 + 1);
	for (int i = 0; i < 10; i++)
		go(stays, NULL);
	stays(NULL);
	go_waitgroup_wait(&wg);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	go_waitgroup_wait(&go_on);
}

static void nests(void)
{
	int here;

	go_unlock_os_thread(); /* nothing to undo */
	go_waitgroup_add(&go_on, 20);
	for (int i = 0; i < 20; i++)
		go(wanders, NULL);
	go_lock_os_thread();
	go_lock_os_thread();
	go_lock_os_thread();
	here = thread();
	for (int i = 0; i < 2; i++) {
		go_unlock_os_thread();
		for (int k = 0; k < 20; k++) {
			move_about();
			CHECK(thread() == here);
		}
	}
	go_unlock_os_thread();
	go_unlock_os_thread();
	go_lock_os_thread();
	here = thread();
	move_about();
	CHECK(thread() == here);
	go_unlock_os_thread();
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	go_waitgroup_wait(&go_on);
}

/* Nobody else runs on the thread of a wired goroutine. */
static int wiredto;

static void not_there(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		CHECK(thread() != __atomic_load_n(&wiredto, __ATOMIC_SEQ_CST));
		if (i % 20 == 0)
			go_sleep(100000);
		else
			go_sched();
	}
	go_waitgroup_done(&wg);
}

static void alone(void)
{
	go_lock_os_thread();
	__atomic_store_n(&wiredto, thread(), __ATOMIC_SEQ_CST);
	go_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(not_there, NULL);
	for (int i = 0; i < 50; i++)
		move_about();
	go_waitgroup_wait(&wg);
	CHECK(thread() == wiredto);
}

static bool thread_exists(int tid)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/task/%d", tid);
	return access(path, F_OK) == 0;
}

static int ended[8];

static void ends_wired(void *arg)
{
	intptr_t i = (intptr_t)arg;

	go_lock_os_thread();
	ended[i] = thread();
	move_about();
	CHECK(ended[i] == thread());
	if (i % 2)
		go_lock_os_thread();
	go_waitgroup_done(&wg);
	if (i % 3 == 0)
		go_exit();
}

/* The main goroutine's thread is m0's, which stays; the others must go. */
static void ends_thread(void)
{
	int others = 0;

	for (int round = 0; round < 20; round++) {
		int left = 1;

		go_waitgroup_add(&wg, nelem(ended));
		for (intptr_t i = 0; i < (intptr_t)nelem(ended); i++)
			go(ends_wired, (void *)i);
		go_waitgroup_wait(&wg);
		for (int tries = 0; left && tries < 5000; tries++) {
			left = 0;
			for (size_t i = 0; i < nelem(ended); i++)
				if (ended[i] != getpid())
					left += thread_exists(ended[i]);
			go_sleep(MS);
		}
		CHECK(left == 0);
		for (size_t i = 0; i < nelem(ended); i++)
			others += ended[i] != getpid();
	}
	CHECK(others > 0);
	wait_for_goroutines(1);
}

static void says_it_went_on(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++)
		move_about();
	print("went on\n");
	exit(0);
}

static void main_ends_wired(void)
{
	go_lock_os_thread();
	go(says_it_went_on, NULL);
	go_exit();
}

/* A goroutine made by a wired one is not wired. */
static void child(void *arg)
{
	(void)arg;
	CHECK(thread() != wiredto);
	go_waitgroup_done(&wg);
}

static void children(void)
{
	go_lock_os_thread();
	wiredto = thread();
	for (int i = 0; i < 100; i++) {
		go_waitgroup_add(&wg, 10);
		for (int k = 0; k < 10; k++)
			go(child, NULL);
		go_waitgroup_wait(&wg);
	}
	CHECK(thread() == wiredto);
}

/* Two wired goroutines hand a turn to each other. */
static int turn;

static void pong(void *arg)
{
	int here;

	(void)arg;
	go_lock_os_thread();
	here = thread();
	for (int i = 0; i < 500;) {
		go_mutex_lock(&mu);
		if (turn % 2 == 1) {
			turn++;
			i++;
		}
		go_mutex_unlock(&mu);
		go_sched();
		CHECK(thread() == here);
	}
	go_waitgroup_done(&wg);
}

static void pingpong(void)
{
	go_waitgroup_add(&wg, 1);
	go_lock_os_thread();
	wiredto = thread();
	go(pong, NULL);
	for (int i = 0; i < 500;) {
		go_mutex_lock(&mu);
		if (turn % 2 == 0) {
			turn++;
			i++;
		}
		go_mutex_unlock(&mu);
		go_sched();
		CHECK(thread() == wiredto);
	}
	go_waitgroup_wait(&wg);
}

const struct testcase cases[] = {
	{"same_thread", same_thread}, {"nests", nests},		{"alone", alone},
	{"ends_thread", ends_thread}, {"main_ends", main_ends_wired}, {"children", children},
	{"pingpong", pingpong},	      {NULL, NULL},
};
