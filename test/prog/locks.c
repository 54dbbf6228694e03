/* SPDX-License-Identifier: MIT */
/* locks.c - rwmutex, once, cond and the bare semaphore. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "prog.h"

static go_waitgroup wg;
static go_mutex mu;
static go_rwmutex rw;
static go_once once;
static go_cond cond;
static uint32_t sema;
static int32_t activity, counter;
static int order[64], nth;

static int32_t add(int32_t *n, int32_t d) { return __atomic_add_fetch(n, d, __ATOMIC_SEQ_CST); }
static int32_t get(int32_t *n) { return __atomic_load_n(n, __ATOMIC_SEQ_CST); }

static void *page(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

/* ---- rwmutex ---- */

enum { Writing = 10000 };

static void hold(int n)
{
	for (volatile int i = 0; i < 100; i++)
		;
	if (n % 5 == 0)
		go_sched();
}

static void reads(void *arg)
{
	for (int i = 0; i < (int)(intptr_t)arg; i++) {
		int32_t n;

		if (i % 7 == 0 && !go_rwmutex_tryrlock(&rw)) {
			go_sched();
			continue;
		}
		if (i % 7)
			go_rwmutex_rlock(&rw);
		n = add(&activity, 1);
		CHECK(n >= 1 && n < Writing);
		hold(i);
		add(&activity, -1);
		go_rwmutex_runlock(&rw);
	}
	go_waitgroup_done(&wg);
}

static void writes(void *arg)
{
	for (int i = 0; i < (int)(intptr_t)arg; i++) {
		if (i % 7 == 0 && !go_rwmutex_trylock(&rw)) {
			go_sched();
			continue;
		}
		if (i % 7)
			go_rwmutex_lock(&rw);
		CHECK(add(&activity, Writing) == Writing);
		hold(i);
		add(&activity, -Writing);
		counter++;
		go_rwmutex_unlock(&rw);
	}
	go_waitgroup_done(&wg);
}

static void hammer(int readers, int writers, int n)
{
	go_waitgroup_add(&wg, readers + writers);
	for (int i = 0; i < readers; i++) {
		go(reads, (void *)(intptr_t)n);
		if (i < writers)
			go(writes, (void *)(intptr_t)n);
	}
	for (int i = readers; i < writers; i++)
		go(writes, (void *)(intptr_t)n);
	go_waitgroup_wait(&wg);
	CHECK(activity == 0);
	CHECK(go_rwmutex_trylock(&rw));
	go_rwmutex_unlock(&rw);
}

static void rw_excludes(void)
{
	hammer(1, 1, 1000);
	hammer(3, 1, 1000);
	hammer(10, 1, 500);
	hammer(1, 10, 500);
	hammer(10, 10, 500);
	hammer(50, 50, 100);
}

static void meets(void *arg)
{
	int n = (int)(intptr_t)arg;

	go_rwmutex_rlock(&rw);
	add(&activity, 1);
	while (get(&activity) < n)
		go_sched();
	go_rwmutex_runlock(&rw);
	go_waitgroup_done(&wg);
}

/* All readers are in at once. */
static void rw_shares(void)
{
	for (int n = 1; n <= 64; n *= 2) {
		activity = 0;
		go_waitgroup_add(&wg, n);
		for (int i = 0; i < n; i++)
			go(meets, (void *)(intptr_t)n);
		go_waitgroup_wait(&wg);
	}
}

static void rw_tries(void)
{
	CHECK(go_rwmutex_trylock(&rw));
	CHECK(!go_rwmutex_trylock(&rw));
	CHECK(!go_rwmutex_tryrlock(&rw));
	go_rwmutex_unlock(&rw);
	CHECK(go_rwmutex_tryrlock(&rw));
	CHECK(go_rwmutex_tryrlock(&rw));
	CHECK(!go_rwmutex_trylock(&rw));
	go_rwmutex_runlock(&rw);
	CHECK(!go_rwmutex_trylock(&rw));
	go_rwmutex_runlock(&rw);
	CHECK(go_rwmutex_trylock(&rw));
	go_rwmutex_unlock(&rw);
}

static void note(int who)
{
	go_mutex_lock(&mu);
	order[nth++] = who;
	go_mutex_unlock(&mu);
}

static void one_write(void *arg)
{
	go_rwmutex_lock(&rw);
	note((int)(intptr_t)arg);
	go_rwmutex_unlock(&rw);
	go_waitgroup_done(&wg);
}

static void one_read(void *arg)
{
	go_rwmutex_rlock(&rw);
	note((int)(intptr_t)arg);
	go_rwmutex_runlock(&rw);
	go_waitgroup_done(&wg);
}

/*
 * A writer that waits keeps new readers out; and these go before the next
 * writer, though he came first.
 */
static void rw_order(void)
{
	for (int round = 0; round < 20; round++) {
		nth = 0;
		go_rwmutex_rlock(&rw);
		go_waitgroup_add(&wg, 5);
		go(one_write, (void *)1);
		while (go_rwmutex_tryrlock(&rw)) { /* until the writer is there */
			go_rwmutex_runlock(&rw);
			go_sched();
		}
		go(one_write, (void *)3);
		let_park();
		for (int i = 0; i < 3; i++)
			go(one_read, (void *)2);
		let_park();
		CHECK(nth == 0);
		go_rwmutex_runlock(&rw);
		go_waitgroup_wait(&wg);
		CHECK(nth == 5);
		CHECK(order[0] == 1 && order[4] == 3);
	}
}

static void unlocks(void *arg)
{
	if (arg)
		go_rwmutex_unlock(&rw);
	else
		go_rwmutex_runlock(&rw);
}

static void rw_ownerless(void)
{
	for (int i = 0; i < 500; i++) {
		go_rwmutex_lock(&rw);
		go(unlocks, &rw);
		go_rwmutex_rlock(&rw);
		go(unlocks, NULL);
	}
	go_rwmutex_lock(&rw);
	go_rwmutex_unlock(&rw);
}

static bool stop;

/* Two of them keep it read-locked without a gap. */
static void reads_on(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		go_rwmutex_rlock(&rw);
		go_sleep(MS / 10);
		go_rwmutex_runlock(&rw);
	}
	go_waitgroup_done(&wg);
}

static void writes_on(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		go_rwmutex_lock(&rw);
		for (int64_t end = go_nanotime() + MS / 5; go_nanotime() < end;)
			go_sched();
		go_rwmutex_unlock(&rw);
	}
	go_waitgroup_done(&wg);
}

static void rw_fair(void)
{
	go_waitgroup_add(&wg, 5);
	for (int i = 0; i < 3; i++)
		go(reads_on, NULL);
	for (int i = 0; i < 2; i++)
		go(writes_on, NULL);
	for (int i = 0; i < 20; i++) {
		go_rwmutex_lock(&rw);
		go_rwmutex_unlock(&rw);
		go_rwmutex_rlock(&rw);
		go_rwmutex_runlock(&rw);
		go_sleep(10000);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	go_waitgroup_wait(&wg);
}

/* The last one out unmaps it: nobody who let another in may touch it any more. */
struct shared {
	go_rwmutex rw;
	go_once once;
	int32_t left;
};

static void leaves(struct shared *s, bool last)
{
	if (last) {
		CHECK(munmap(s, 4096) == 0);
		go_waitgroup_done(&wg);
	}
}

static void leaves_as_writer(void *arg)
{
	struct shared *s = arg;
	bool last;

	go_rwmutex_lock(&s->rw);
	last = --s->left == 0;
	go_rwmutex_unlock(&s->rw);
	leaves(s, last);
}

static void leaves_as_reader(void *arg)
{
	struct shared *s = arg;
	bool last;

	go_rwmutex_rlock(&s->rw);
	last = add(&s->left, -1) == 0;
	go_rwmutex_runlock(&s->rw);
	if (last) { /* other readers may still be leaving */
		go_rwmutex_lock(&s->rw);
		go_rwmutex_unlock(&s->rw);
	}
	leaves(s, last);
}

static void rw_freed(void)
{
	for (int round = 0; round < 3000; round++) {
		struct shared *s = page();

		s->left = 6;
		go_waitgroup_add(&wg, 1);
		for (int i = 0; i < 6; i++)
			go((i + round) % 3 ? leaves_as_reader : leaves_as_writer, s);
		if (round % 8 == 0)
			go_waitgroup_wait(&wg);
	}
	go_waitgroup_wait(&wg);
}

static void reads_and_frees(void *arg)
{
	struct shared *s = arg;

	go_rwmutex_rlock(&s->rw);
	leaves(s, true);
}

/* Who gets in by an unlock may free it while that returns. */
static void rw_freed_early(void)
{
	for (int round = 0; round < 3000; round++) {
		struct shared *s = page();

		go_waitgroup_add(&wg, 1);
		go_rwmutex_lock(&s->rw);
		go(reads_and_frees, s);
		for (int i = round % 4; i > 0; i--)
			go_sched();
		go_rwmutex_unlock(&s->rw);
		go_waitgroup_wait(&wg);
	}
}

static void runlock_unlocked(void) { go_rwmutex_runlock(&rw); }
static void unlock_unlocked(void) { go_rwmutex_unlock(&rw); }

static void runlock_locked(void)
{
	go_rwmutex_lock(&rw);
	go_rwmutex_runlock(&rw);
}

static void unlock_rlocked(void)
{
	go_rwmutex_rlock(&rw);
	go_rwmutex_unlock(&rw);
}

static void runlock_twice(void)
{
	go_rwmutex_rlock(&rw);
	go_rwmutex_runlock(&rw);
	go_rwmutex_runlock(&rw);
}

static void rlock_stuck(void)
{
	go_rwmutex_lock(&rw);
	go_rwmutex_rlock(&rw);
}

static void lock_stuck(void)
{
	go_rwmutex_rlock(&rw);
	go_rwmutex_lock(&rw);
}

static void lock_stuck_behind(void)
{
	go_rwmutex_lock(&rw);
	go_rwmutex_lock(&rw);
}

/* ---- once ---- */

static void counts(void *arg)
{
	CHECK(arg == &counter);
	go_sched();
	go_sleep(MS);
	counter++;
}

static void does(void *arg)
{
	go_once_do(arg, counts, &counter);
	CHECK(counter == 1); /* it is over for everybody who returns */
	go_waitgroup_done(&wg);
}

static void once_only(void)
{
	for (int round = 0; round < 20; round++) {
		go_once o = {0};

		counter = 0;
		go_waitgroup_add(&wg, 100);
		for (int i = 0; i < 100; i++)
			go(does, &o);
		go_waitgroup_wait(&wg);
		go_once_do(&o, counts, NULL);
		CHECK(counter == 1);
	}
}

static void panics(void *arg)
{
	(void)arg;
	counter++;
	go_sleep(MS);
	go_panic("the one time");
}

static void do_panics(void *arg)
{
	(void)arg;
	go_once_do(&once, panics, NULL);
}

static void comes_late(void *arg)
{
	(void)arg;
	do_panics(NULL);
	go_waitgroup_done(&wg);
}

static go_waitgroup running;

static void panics_watched(void *arg)
{
	go_waitgroup_done(&running);
	panics(arg);
}

static void do_watched(void *arg)
{
	(void)arg;
	go_once_do(&once, panics_watched, NULL);
}

static void tries(void *arg)
{
	const char *msg = go_try(do_watched, NULL);

	CHECK(msg && !strcmp(msg, "the one time"));
	go_waitgroup_done(arg);
}

/* A panic is done, too, for those who wait and those who come later. */
static void once_panics(void)
{
	go_waitgroup_add(&running, 1);
	go_waitgroup_add(&wg, 11);
	go(tries, &wg);
	go_waitgroup_wait(&running);
	for (int i = 0; i < 10; i++)
		go(comes_late, NULL);
	go_waitgroup_wait(&wg);
	do_panics(NULL);
	CHECK(counter == 1);
}

static void exits(void *arg)
{
	(void)arg;
	counter++;
	go_waitgroup_done(&running);
	go_sleep(MS);
	go_exit();
}

static void do_exits(void *arg)
{
	(void)arg;
	go_once_do(&once, exits, NULL);
	CHECK(!"go_exit returned");
}

static void once_exits(void)
{
	go_waitgroup_add(&running, 1);
	go(do_exits, NULL);
	go_waitgroup_wait(&running);
	go_once_do(&once, exits, NULL);
	CHECK(counter == 1);
}

static void nothing(void *arg) { (void)arg; }

static void do_and_leave(void *arg)
{
	struct shared *s = arg;

	go_once_do(&s->once, nothing, NULL);
	leaves(s, add(&s->left, -1) == 0);
}

static void once_freed(void)
{
	for (int round = 0; round < 3000; round++) {
		struct shared *s = page();

		s->left = 4;
		go_waitgroup_add(&wg, 1);
		for (int i = 0; i < 4; i++)
			go(do_and_leave, s);
		if (round % 8 == 0)
			go_waitgroup_wait(&wg);
	}
	go_waitgroup_wait(&wg);
}

static void again(void *arg)
{
	go_once_do(arg, nothing, NULL);
}

static void once_nested(void) { go_once_do(&once, again, &once); }

/* ---- cond ---- */

static int woken, waiting;

static void awaits(void *arg)
{
	(void)arg;
	go_mutex_lock(&mu);
	waiting++;
	go_cond_wait(&cond, &mu);
	woken++;
	go_mutex_unlock(&mu);
	go_waitgroup_done(&wg);
}

/* Start n that wait, and see them waiting. */
static void start_waiters(void (*fn)(void *), int n)
{
	int base;

	go_mutex_lock(&mu);
	base = waiting;
	go_mutex_unlock(&mu);
	go_waitgroup_add(&wg, n);
	for (int i = 0; i < n; i++)
		go(fn, (void *)(intptr_t)i);
	for (bool all = false; !all; go_sched()) {
		go_mutex_lock(&mu);
		all = waiting == base + n;
		go_mutex_unlock(&mu);
	}
}

static int how_many_woke(void)
{
	int n;

	go_mutex_lock(&mu);
	n = woken;
	go_mutex_unlock(&mu);
	return n;
}

/* One signal wakes one, and not one more. */
static void cond_signals(void)
{
	go_cond_signal(&cond); /* nobody there: is forgotten */
	go_cond_broadcast(&cond);
	start_waiters(awaits, 20);
	for (int i = 0; i < 20; i++) {
		CHECK(how_many_woke() == i);
		if (i % 2)
			go_mutex_lock(&mu);
		go_cond_signal(&cond);
		if (i % 2)
			go_mutex_unlock(&mu);
		while (how_many_woke() == i)
			go_sched();
		yield(20);
	}
	go_cond_signal(&cond);
	go_waitgroup_wait(&wg);
	CHECK(woken == 20);
}

static void cond_broadcasts(void)
{
	for (int round = 1; round <= 30; round++) {
		start_waiters(awaits, 50);
		CHECK(how_many_woke() == (round - 1) * 50);
		go_cond_broadcast(&cond);
		go_waitgroup_wait(&wg);
		CHECK(woken == round * 50);
	}
}

static void awaits_turn(void *arg)
{
	(void)arg;
	go_mutex_lock(&mu);
	int ticket = waiting++;
	go_cond_wait(&cond, &mu);
	CHECK(ticket == woken);
	woken++;
	go_mutex_unlock(&mu);
	go_waitgroup_done(&wg);
}

/* Who began to wait first is woken first, though he may have queued later. */
static void cond_in_order(void)
{
	for (int round = 0; round < 30; round++) {
		woken = waiting = 0;
		start_waiters(awaits_turn, 50);
		for (int i = 0; i < 50; i++) {
			go_cond_signal(&cond);
			while (how_many_woke() == i)
				go_sched();
		}
		go_waitgroup_wait(&wg);
	}
}

static bool filled;
enum { Items = 2000 };

static void produces(void *arg)
{
	(void)arg;
	for (int i = 0; i < Items; i++) {
		go_mutex_lock(&mu);
		while (filled)
			go_cond_wait(&cond, &mu);
		filled = true;
		go_cond_broadcast(&cond);
		go_mutex_unlock(&mu);
	}
	go_waitgroup_done(&wg);
}

static void consumes(void *arg)
{
	(void)arg;
	for (int i = 0; i < Items; i++) {
		go_mutex_lock(&mu);
		while (!filled)
			go_cond_wait(&cond, &mu);
		filled = false;
		counter++;
		go_cond_broadcast(&cond);
		go_mutex_unlock(&mu);
	}
	go_waitgroup_done(&wg);
}

static void cond_buffer(void)
{
	go_waitgroup_add(&wg, 8);
	for (int i = 0; i < 4; i++) {
		go(produces, NULL);
		go(consumes, NULL);
	}
	go_waitgroup_wait(&wg);
	CHECK(counter == 4 * Items && !filled);
}

/* Signals and waits cross: no signal is lost while somebody waits for it. */
static void passes_on(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 500; i++) {
		go_mutex_lock(&mu);
		while (counter % 2 != me)
			go_cond_wait(&cond, &mu);
		counter++;
		go_mutex_unlock(&mu);
		go_cond_signal(&cond);
	}
	go_waitgroup_done(&wg);
}

static void cond_ping_pong(void)
{
	go_waitgroup_add(&wg, 2);
	go(passes_on, (void *)0);
	go(passes_on, (void *)1);
	go_waitgroup_wait(&wg);
	CHECK(counter == 1000);
}

struct meeting {
	go_mutex mu;
	go_cond cond;
	bool set;
};

static void sets(void *arg)
{
	struct meeting *m = arg;

	go_mutex_lock(&m->mu);
	m->set = true;
	go_cond_signal(&m->cond);
	go_mutex_unlock(&m->mu);
}

/* It may go as soon as the only waiter is back. */
static void cond_freed(void)
{
	for (int round = 0; round < 3000; round++) {
		struct meeting *m = page();

		go(sets, m);
		for (int i = round % 3; i > 0; i--)
			go_sched();
		go_mutex_lock(&m->mu);
		while (!m->set)
			go_cond_wait(&m->cond, &m->mu);
		go_mutex_unlock(&m->mu);
		CHECK(munmap(m, 4096) == 0);
	}
}

static void cond_stuck(void)
{
	go_mutex_lock(&mu);
	go_cond_wait(&cond, &mu);
}

static void cond_unlocked(void) { go_cond_wait(&cond, &mu); }

/* ---- semaphore ---- */

static void takes_and_gives(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		go_sema_acquire(&sema);
		CHECK(add(&activity, 1) <= 3);
		if (i % 10 == 0)
			go_sched();
		add(&activity, -1);
		go_sema_release(&sema);
	}
	go_waitgroup_done(&wg);
}

static void sema_limits(void)
{
	sema = 3;
	go_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(takes_and_gives, NULL);
	go_waitgroup_wait(&wg);
	CHECK(sema == 3);
}

static void queues(void *arg)
{
	go_sema_acquire(&sema);
	order[nth++] = (int)(intptr_t)arg;
	go_sema_release(&sema);
	go_waitgroup_done(&wg);
}

static void sema_in_order(void)
{
	go_waitgroup_add(&wg, 20);
	for (intptr_t i = 0; i < 20; i++) {
		go(queues, (void *)i);
		go_sleep(2 * MS);
	}
	CHECK(nth == 0);
	go_sema_release(&sema);
	go_waitgroup_wait(&wg);
	for (int i = 0; i < 20; i++)
		CHECK(order[i] == i);
	CHECK(sema == 1);
}

/* Many semaphores at once: they share the runtime's table. */
enum { Many = 5000 };
static uint32_t many[Many];

static void takes_its_own(void *arg)
{
	go_sema_acquire(arg);
	go_waitgroup_done(&wg);
}

static void sema_many(void)
{
	go_waitgroup_add(&wg, 2 * Many);
	for (int i = 0; i < 2 * Many; i++)
		go(takes_its_own, &many[i % Many]);
	yield(10);
	for (int i = 0, at = 0; i < 2 * Many; i++, at = (at + 7919) % Many)
		go_sema_release(&many[at]);
	go_waitgroup_wait(&wg);
	for (int i = 0; i < Many; i++)
		CHECK(many[i] == 0);
}

static void sema_stuck(void) { go_sema_acquire(&sema); }

const struct testcase cases[] = {
	{"rw_excludes", rw_excludes},
	{"rw_shares", rw_shares},
	{"rw_tries", rw_tries},
	{"rw_order", rw_order},
	{"rw_ownerless", rw_ownerless},
	{"rw_fair", rw_fair},
	{"rw_freed", rw_freed},
	{"rw_freed_early", rw_freed_early},
	{"runlock_unlocked", runlock_unlocked},
	{"unlock_unlocked", unlock_unlocked},
	{"runlock_locked", runlock_locked},
	{"unlock_rlocked", unlock_rlocked},
	{"runlock_twice", runlock_twice},
	{"rlock_stuck", rlock_stuck},
	{"lock_stuck", lock_stuck},
	{"lock_stuck_behind", lock_stuck_behind},
	{"once_only", once_only},
	{"once_panics", once_panics},
	{"once_exits", once_exits},
	{"once_freed", once_freed},
	{"once_nested", once_nested},
	{"cond_signals", cond_signals},
	{"cond_broadcasts", cond_broadcasts},
	{"cond_in_order", cond_in_order},
	{"cond_buffer", cond_buffer},
	{"cond_ping_pong", cond_ping_pong},
	{"cond_freed", cond_freed},
	{"cond_stuck", cond_stuck},
	{"cond_unlocked", cond_unlocked},
	{"sema_limits", sema_limits},
	{"sema_in_order", sema_in_order},
	{"sema_many", sema_many},
	{"sema_stuck", sema_stuck},
	{NULL, NULL},
};
