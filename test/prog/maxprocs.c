/* SPDX-License-Identifier: MIT */
/* maxprocs.c - the number of Ps, from the environment and changed while goroutines run. */
#define _GNU_SOURCE
#include <sched.h>

#include "prog.h"

static go_waitgroup wg;
static go_mutex mu;
static int64_t counter, guarded;
static bool stop;

static void print_maxprocs(void)
{
	printf("%d %d\n", go_maxprocs(0), go_num_cpu());
}

static void set_and_read(void)
{
	static const int n[] = {1, 7, 2, 64, 3, 1024, 1};
	int was = go_maxprocs(0);

	for (size_t i = 0; i < nelem(n); i++) {
		CHECK(go_maxprocs(n[i]) == was);
		CHECK(go_maxprocs(0) == n[i]);
		CHECK(go_maxprocs(-5) == n[i]);
		was = n[i];
	}
	CHECK(go_maxprocs(1000000) == 1);
	CHECK(go_maxprocs(1) == 1024);
}

static void work(void *arg)
{
	for (int i = 0; i < 200; i++) {
		__atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
		if (i % 3 == (intptr_t)arg % 3)
			go_sched();
		else if (i % 50 == (intptr_t)arg % 50)
			go_sleep(10000);
		go_mutex_lock(&mu);
		guarded++;
		go_mutex_unlock(&mu);
	}
	go_waitgroup_done(&wg);
}

enum { Workers = 3000, Changes = 300 };

/* Up and down while thousands run, sleep and wait for a mutex. */
static void up_and_down(void)
{
	unsigned seed = 1;

	go_waitgroup_add(&wg, Workers);
	for (intptr_t i = 0; i < Workers; i++)
		go(work, (void *)i);
	for (int i = 0; i < Changes; i++) {
		int n;

		seed = seed * 1103515245 + 12345;
		n = 1 + (int)(seed >> 16) % 12;
		go_maxprocs(n);
		CHECK(go_maxprocs(0) == n);
		go_sched();
	}
	go_waitgroup_wait(&wg);
	CHECK(counter == (int64_t)Workers * 200 && guarded == counter);
}

static void resize(void *arg)
{
	for (int i = 0; i < 100; i++) {
		go_maxprocs(1 + (i * 7 + (int)(intptr_t)arg) % 9);
		go_sched();
	}
	go_waitgroup_done(&wg);
}

/* Several change it at once. */
static void together(void)
{
	go_waitgroup_add(&wg, 8 + 100);
	for (intptr_t i = 0; i < 8; i++)
		go(resize, (void *)i);
	for (intptr_t i = 0; i < 100; i++)
		go(work, (void *)i);
	go_waitgroup_wait(&wg);
	CHECK(counter == 100 * 200);
}

static void nap(void *arg)
{
	go_sleep((intptr_t)arg);
	go_waitgroup_done(&wg);
}

/* Sleepers of Ps that go away wake up all the same. */
static void sleepers(void)
{
	go_maxprocs(16);
	go_waitgroup_add(&wg, 2000);
	for (intptr_t i = 0; i < 2000; i++)
		go(nap, (void *)(i * 20000));
	go_maxprocs(1);
	go_maxprocs(3);
	go_waitgroup_wait(&wg);
}

static void spin(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		go_sched();
	go_waitgroup_done(&wg);
}

/* Goroutines that are wired to threads, and ones in system calls. */
static void wired_spin(void *arg)
{
	int here;

	go_lock_os_thread();
	here = thread();
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		go_sched();
		CHECK(thread() == here);
	}
	go_waitgroup_done(&wg);
	(void)arg;
}

static void call_spin(void *arg)
{
	struct timespec t = {0, 100000};

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		nanosleep(&t, NULL);
	go_waitgroup_done(&wg);
}

static void mixed(void)
{
	go_waitgroup_add(&wg, 30);
	for (int i = 0; i < 10; i++) {
		go(spin, NULL);
		go(wired_spin, NULL);
		go(call_spin, NULL);
	}
	for (int i = 0; i < 40; i++) {
		go_maxprocs(1 + i % 5);
		yield(5);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	go_waitgroup_wait(&wg);
}

/* One that never enters the runtime holds a P, not the others. */
static void busy(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		;
	go_waitgroup_done(&wg);
}

static void busy_one(void)
{
	go_maxprocs(2);
	go_waitgroup_add(&wg, 1);
	go(busy, NULL);
	go_sleep(20 * MS);
	go_waitgroup_add(&wg, 100);
	for (intptr_t i = 0; i < 100; i++)
		go(nap, (void *)(i * 1000));
	go_sleep(50 * MS);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	go_waitgroup_wait(&wg);
}

/* Never more goroutines at the same moment than Ps. */
static int at_once, most;

static void be_counted(void *arg)
{
	for (int i = 0; i < 300; i++) {
		int n = __atomic_add_fetch(&at_once, 1, __ATOMIC_SEQ_CST);

		if (n > __atomic_load_n(&most, __ATOMIC_RELAXED))
			__atomic_store_n(&most, n, __ATOMIC_RELAXED);
		for (volatile int k = 0; k < 2000; k = k + 1)
			;
		__atomic_sub_fetch(&at_once, 1, __ATOMIC_SEQ_CST);
		go_sched();
	}
	go_waitgroup_done(&wg);
	(void)arg;
}

static void not_more(void)
{
	go_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(be_counted, NULL);
	go_waitgroup_wait(&wg);
	CHECK(most <= go_maxprocs(0));
}

const struct testcase cases[] = {
	{"print", print_maxprocs}, {"set", set_and_read},   {"up_and_down", up_and_down},
	{"together", together},	   {"sleepers", sleepers},  {"mixed", mixed},
	{"busy_one", busy_one},	   {"not_more", not_more},  {NULL, NULL},
};
