/* SPDX-License-Identifier: MIT */
/* sync.c - wait groups, mutexes and sleep. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>

#include "prog.h"

static go_waitgroup wg;
static go_mutex mu;
static int64_t counter;

/* ---- mutex ---- */

static void adds(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		int64_t was;

		go_mutex_lock(&mu);
		was = counter;
		if (i % 100 == (intptr_t)arg % 100)
			go_sched();
		CHECK(counter == was);
		counter = was + 1;
		go_mutex_unlock(&mu);
	}
	go_waitgroup_done(&wg);
}

static void mutex_counts(void)
{
	go_waitgroup_add(&wg, 500);
	for (intptr_t i = 0; i < 500; i++)
		go(adds, (void *)i);
	go_waitgroup_wait(&wg);
	CHECK(counter == 500 * 1000);
}

static void tries(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000;) {
		if (!go_mutex_trylock(&mu)) {
			go_sched();
			continue;
		}
		counter++;
		i++;
		if (i % 10 == 0)
			go_sched();
		go_mutex_unlock(&mu);
	}
	go_waitgroup_done(&wg);
}

static void mutex_tries(void)
{
	CHECK(go_mutex_trylock(&mu));
	CHECK(!go_mutex_trylock(&mu));
	go_mutex_unlock(&mu);
	CHECK(go_mutex_trylock(&mu));
	go_mutex_unlock(&mu);
	go_waitgroup_add(&wg, 40);
	for (intptr_t i = 0; i < 20; i++) {
		go(tries, NULL);
		go(adds, (void *)i);
	}
	go_waitgroup_wait(&wg);
	CHECK(counter == 40 * 1000);
}

static void unlocks(void *arg)
{
	(void)arg;
	go_mutex_unlock(&mu);
}

/* No goroutine owns it: another may unlock. */
static void mutex_ownerless(void)
{
	for (int i = 0; i < 1000; i++) {
		go_mutex_lock(&mu);
		go(unlocks, NULL);
	}
	go_mutex_lock(&mu);
	go_mutex_unlock(&mu);
}

static bool stop;

/* Holds it nearly all the time. */
static void hogs(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		go_mutex_lock(&mu);
		for (int64_t end = go_nanotime() + 200000; go_nanotime() < end;)
			go_sched();
		go_mutex_unlock(&mu);
	}
	go_waitgroup_done(&wg);
}

/* A waiter gets it in the end, whatever others do (starvation mode). */
static void mutex_starving(void)
{
	go_waitgroup_add(&wg, 2);
	go(hogs, NULL);
	go(hogs, NULL);
	go_sleep(MS);
	for (int i = 0; i < 20; i++) {
		go_mutex_lock(&mu);
		go_mutex_unlock(&mu);
		go_sleep(10000);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	go_waitgroup_wait(&wg);
}

/* Those who wait long enough get it in the order in which they came. */
enum { Queue = 20 };
static int order[Queue], nth;

static void queues(void *arg)
{
	go_mutex_lock(&mu);
	order[nth++] = (int)(intptr_t)arg;
	go_mutex_unlock(&mu);
	go_waitgroup_done(&wg);
}

static void mutex_in_order(void)
{
	go_waitgroup_add(&wg, Queue);
	go_mutex_lock(&mu);
	for (intptr_t i = 0; i < Queue; i++) {
		go(queues, (void *)i);
		let_park();
		go_sleep(2 * MS);
	}
	go_mutex_unlock(&mu);
	go_waitgroup_wait(&wg);
	for (int i = 0; i < Queue; i++)
		CHECK(order[i] == i);
}

/*
 * The last one out unmaps it. Nobody whose unlock let the last one in may touch
 * it any more.
 */
struct shared {
	go_mutex mu;
	int left;
};

enum { Sharers = 6 };

static void leaves(void *arg)
{
	struct shared *s = arg;
	bool last;

	go_mutex_lock(&s->mu);
	last = --s->left == 0;
	go_mutex_unlock(&s->mu);
	if (!last)
		return;
	CHECK(munmap(s, 4096) == 0);
	go_waitgroup_done(&wg);
}

static void mutex_freed(void)
{
	for (int round = 0; round < 3000; round++) {
		struct shared *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(s != MAP_FAILED);
		s->left = Sharers;
		go_waitgroup_add(&wg, 1);
		for (int i = 0; i < Sharers; i++)
			go(leaves, s);
		if (round % 8 == 0)
			go_waitgroup_wait(&wg);
	}
	go_waitgroup_wait(&wg);
}

static void unlocked(void) { go_mutex_unlock(&mu); }

static void unlocked_twice(void)
{
	go_mutex_lock(&mu);
	go_mutex_unlock(&mu);
	go_mutex_unlock(&mu);
}

static void locks_and_unlocks(void *arg)
{
	(void)arg;
	go_mutex_lock(&mu);
	go_mutex_unlock(&mu);
	go_waitgroup_done(&wg);
}

/* Once too often while a waiter is on its way: whoever comes last finds it unlocked. */
static void unlocked_behind(void)
{
	go_waitgroup_add(&wg, 3);
	go_mutex_lock(&mu);
	for (int i = 0; i < 3; i++)
		go(locks_and_unlocks, NULL);
	go_sleep(5 * MS);
	go_mutex_unlock(&mu);
	go_mutex_unlock(&mu);
	go_waitgroup_wait(&wg);
}

/* ---- wait group ---- */

static void done(void *arg)
{
	__atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
	go_waitgroup_done(arg);
}

static void count_one(void *arg)
{
	(void)arg;
	__atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
}

static void group_counts(void)
{
	go_waitgroup_wait(&wg); /* nothing to wait for */
	for (int round = 1; round <= 50; round++) {
		go_waitgroup_add(&wg, 100);
		for (int i = 0; i < 100; i++)
			go(done, &wg);
		for (int i = 0; i < 100; i++)
			go_waitgroup_go(&wg, count_one, NULL);
		go_waitgroup_wait(&wg);
		CHECK(counter == round * 200);
	}
	go_waitgroup_add(&wg, 5);
	go_waitgroup_add(&wg, -5);
	go_waitgroup_wait(&wg);
	go_waitgroup_add(&wg, 0);
}

static go_waitgroup gate, all;

static void waits(void *arg)
{
	(void)arg;
	go_waitgroup_wait(&gate);
	CHECK(__atomic_load_n(&stop, __ATOMIC_RELAXED));
	go_waitgroup_done(&all);
}

static void group_many_waiters(void)
{
	for (int round = 0; round < 50; round++) {
		__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
		go_waitgroup_add(&gate, 1);
		go_waitgroup_add(&all, 300);
		for (int i = 0; i < 300; i++)
			go(waits, NULL);
		yield(3);
		__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
		go_waitgroup_done(&gate);
		go_waitgroup_wait(&all);
	}
}

/* Its memory may go as soon as wait returns. */
static void group_freed(void)
{
	for (int round = 0; round < 3000; round++) {
		go_waitgroup *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(w != MAP_FAILED);
		go_waitgroup_add(w, 4);
		for (int i = 0; i < 4; i++)
			go(done, w);
		if (round % 2)
			go_sched();
		go_waitgroup_wait(w);
		CHECK(munmap(w, 4096) == 0);
	}
	CHECK(counter == 3000 * 4);
}

static void on_stack(void *arg)
{
	go_waitgroup mine = {0};

	for (int i = 0; i < 20; i++) {
		go_waitgroup_go(&mine, count_one, NULL);
		go_waitgroup_go(&mine, count_one, NULL);
		go_waitgroup_wait(&mine);
		memset(&mine, 0, sizeof mine);
	}
	go_waitgroup_done(arg);
}

static void group_on_stack(void)
{
	go_waitgroup_add(&wg, 200);
	for (int i = 0; i < 200; i++)
		go(on_stack, &wg);
	go_waitgroup_wait(&wg);
	CHECK(counter == 200 * 40);
}

static void negative(void) { go_waitgroup_done(&wg); }

static void negative_add(void)
{
	go_waitgroup_add(&wg, 3);
	go_waitgroup_add(&wg, -4);
}

static void ends_early(void *arg)
{
	(void)arg;
	go_exit();
}

/* As in Go, a goroutine of WaitGroup.Go that ends by Goexit: done is deferred there. */
static void group_exit(void)
{
	go_waitgroup_go(&wg, ends_early, NULL);
	go_waitgroup_wait(&wg);
}

/* ---- sleep ---- */

enum { Sleepers = 8 };
static int64_t bedtime;
static bool late; /* somebody went to bed when others were to be up */

static void wakes(void *arg)
{
	intptr_t i = (intptr_t)arg;
	int64_t until = bedtime + (i + 1) * 15 * MS;

	if (go_nanotime() > bedtime + 15 * MS)
		__atomic_store_n(&late, true, __ATOMIC_RELAXED);
	go_sleep(until - go_nanotime());
	CHECK(go_nanotime() >= until);
	go_mutex_lock(&mu);
	order[nth++] = (int)i;
	go_mutex_unlock(&mu);
	go_waitgroup_done(&wg);
}

static void sleep_order(void)
{
	static const int mixed[Sleepers] = {5, 0, 7, 2, 6, 1, 4, 3};

	bedtime = go_nanotime();
	go_waitgroup_add(&wg, Sleepers);
	for (int i = 0; i < Sleepers; i++)
		go(wakes, (void *)(intptr_t)mixed[i]);
	go_waitgroup_wait(&wg);
	for (int i = 0; i < Sleepers; i++)
		CHECK(late || order[i] == i);
}

static void naps(void *arg)
{
	uint32_t x = (uint32_t)(uintptr_t)arg * 2654435761u;

	for (int i = 0; i < 5; i++) {
		int64_t ns = (x >> 8) % (20 * MS), start = go_nanotime();

		go_sleep(ns);
		CHECK(go_nanotime() - start >= ns);
		x = x * 1103515245 + 12345;
	}
	go_waitgroup_done(&wg);
}

static void sleep_many(void)
{
	go_waitgroup_add(&wg, 5000);
	for (uintptr_t i = 1; i <= 5000; i++)
		go(naps, (void *)i);
	go_waitgroup_wait(&wg);
}

static void spins(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		go_sched();
	go_waitgroup_done(&wg);
}

/* Timers are served though every P has work. */
static void sleep_busy(void)
{
	go_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(spins, NULL);
	for (int i = 0; i < 20; i++)
		go_sleep(MS);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	go_waitgroup_wait(&wg);
}

static void sleeps_for_ever(void *arg)
{
	(void)arg;
	go_sleep(INT64_MAX);
	CHECK(!"it woke");
}

static void sleep_edges(void)
{
	int64_t start = go_nanotime(), last = start;

	go_sleep(0);
	go_sleep(-1);
	go_sleep(INT64_MIN);
	go(sleeps_for_ever, NULL);
	go_sleep(1);
	go_sleep(5 * MS);
	CHECK(go_nanotime() - start >= 5 * MS);
	for (int i = 0; i < 100000; i++) {
		int64_t now = go_nanotime();

		CHECK(now >= last);
		last = now;
	}
}

static void *from_thread(void *arg)
{
	*(int64_t *)arg = go_nanotime();
	return NULL;
}

static void time_on_thread(void)
{
	int64_t before = go_nanotime(), there = 0;
	pthread_t t;

	CHECK(pthread_create(&t, NULL, from_thread, &there) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(there >= before && there <= go_nanotime());
}

const struct testcase cases[] = {
	{"mutex_counts", mutex_counts},
	{"mutex_tries", mutex_tries},
	{"mutex_ownerless", mutex_ownerless},
	{"mutex_starving", mutex_starving},
	{"mutex_in_order", mutex_in_order},
	{"mutex_freed", mutex_freed},
	{"unlocked", unlocked},
	{"unlocked_twice", unlocked_twice},
	{"unlocked_behind", unlocked_behind},
	{"group_counts", group_counts},
	{"group_many_waiters", group_many_waiters},
	{"group_freed", group_freed},
	{"group_on_stack", group_on_stack},
	{"negative", negative},
	{"negative_add", negative_add},
	{"group_exit", group_exit},
	{"sleep_order", sleep_order},
	{"sleep_many", sleep_many},
	{"sleep_busy", sleep_busy},
	{"sleep_edges", sleep_edges},
	{"time_on_thread", time_on_thread},
	{NULL, NULL},
};
