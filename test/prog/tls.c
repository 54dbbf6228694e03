/* SPDX-License-Identifier: MIT */
/* tls.c - what libc and the compiler keep for each thread belongs to the goroutine. */
#define _GNU_SOURCE
#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <stdalign.h>
#include <threads.h>

#include "prog.h"

static go_waitgroup wg;
static go_mutex mu;
static int64_t moved, destroyed;

enum { Rounds = 100, Many = 200 };

/* Go elsewhere, if there is an elsewhere. */
static void move(int i)
{
	int here = thread();

	if (i % 10 == 9)
		go_sleep(10000);
	else
		go_sched();
	if (thread() != here)
		__atomic_fetch_add(&moved, 1, __ATOMIC_RELAXED);
}

static void each(int n, void (*fn)(void *))
{
	go_waitgroup_add(&wg, n);
	for (intptr_t i = 0; i < n; i++)
		go(fn, (void *)i);
	go_waitgroup_wait(&wg);
}

/* ---- errno ---- */

static void keeps_errno(void *arg)
{
	int mine = (int)(intptr_t)arg + 1000, *at = &errno;

	CHECK(errno == 0);
	for (int i = 0; i < Rounds; i++) {
		errno = mine;
		move(i);
		CHECK(errno == mine && &errno == at);
	}
	go_waitgroup_done(&wg);
}

static void own_errno(void)
{
	each(Many, keeps_errno);
	each(Many, keeps_errno); /* on the same stacks: errno is 0 again */
}

/* A failing call on one of them is not seen by another. */
static void fails_somehow(void *arg)
{
	for (int i = 0; i < Rounds; i++) {
		int want;

		if ((intptr_t)arg % 2) {
			CHECK(close(-1) == -1);
			want = EBADF;
		} else {
			CHECK(access("/nonexistent", F_OK) == -1);
			want = ENOENT;
		}
		move(i);
		CHECK(errno == want);
	}
	go_waitgroup_done(&wg);
}

static void errno_of_calls(void) { each(Many, fails_somehow); }

/* ---- thread-locals ---- */

static _Thread_local int number = 42;
static _Thread_local char words[32] = "as it was";
static _Thread_local int64_t zeroed[100];
static _Thread_local int *self_pointer;
static _Thread_local alignas(64) char line[64] = {1, 2, 3};
static _Thread_local alignas(4096) char page[100] = {7};

static void fresh(void)
{
	CHECK(number == 42);
	CHECK(!strcmp(words, "as it was"));
	for (size_t i = 0; i < nelem(zeroed); i++)
		CHECK(zeroed[i] == 0);
	CHECK(self_pointer == NULL);
	CHECK(line[0] == 1 && line[1] == 2 && line[2] == 3 && line[63] == 0);
	CHECK(page[0] == 7 && page[99] == 0);
	CHECK((uintptr_t)line % 64 == 0);
	CHECK((uintptr_t)page % 4096 == 0);
}

static void keeps_locals(void *arg)
{
	int mine = (int)(intptr_t)arg;
	char name[32];

	fresh();
	number = mine;
	self_pointer = &number;
	snprintf(words, sizeof words, "goroutine %d", mine);
	snprintf(name, sizeof name, "goroutine %d", mine);
	for (int i = 0; i < Rounds; i++) {
		zeroed[i] = mine * i;
		line[i % 64] = (char)mine;
		page[i] = (char)(mine + i);
		move(i);
		CHECK(number == mine && self_pointer == &number && !strcmp(words, name));
		CHECK(zeroed[i] == mine * i && zeroed[i / 2] == mine * (i / 2));
		CHECK(line[i % 64] == (char)mine && page[i] == (char)(mine + i));
	}
	go_waitgroup_done(&wg);
}

static void locals(void)
{
	fresh();
	number = 1;
	each(Many, keeps_locals);
	each(Many, keeps_locals);
	CHECK(number == 1);
}

static void *thread_locals(void *arg)
{
	fresh();
	return arg;
}

static void locals_of_threads(void)
{
	number = 2;
	for (int i = 0; i < 20; i++) {
		pthread_t t;

		CHECK(pthread_create(&t, NULL, thread_locals, NULL) == 0);
		CHECK(pthread_join(t, NULL) == 0);
	}
	CHECK(number == 2);
}

/* ---- thread-specific data ---- */

static pthread_key_t key, other;
static tss_t tss;

static void destroy(void *value)
{
	CHECK(*(int *)value > 0);
	*(int *)value = -1;
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
}

static int values[Many];

static void keeps_key(void *arg)
{
	int *mine = &values[(intptr_t)arg];

	CHECK(pthread_getspecific(key) == NULL && pthread_getspecific(other) == NULL);
	CHECK(tss_get(tss) == NULL);
	*mine = 1;
	CHECK(pthread_setspecific(key, mine) == 0);
	if ((intptr_t)arg % 2)
		CHECK(tss_set(tss, mine) == thrd_success);
	for (int i = 0; i < Rounds; i++) {
		move(i);
		CHECK(pthread_getspecific(key) == mine);
		CHECK(tss_get(tss) == ((intptr_t)arg % 2 ? mine : NULL));
	}
	if ((intptr_t)arg % 3 == 0)
		go_exit();
}

static void specific(void)
{
	CHECK(pthread_key_create(&key, destroy) == 0);
	CHECK(pthread_key_create(&other, destroy) == 0);
	CHECK(tss_create(&tss, NULL) == thrd_success);
	for (int round = 0; round < 2; round++) {
		destroyed = 0;
		for (intptr_t i = 0; i < Many; i++)
			go(keeps_key, (void *)i);
		wait_for_goroutines(1);
		CHECK(destroyed == Many);
		for (int i = 0; i < Many; i++)
			CHECK(values[i] == -1);
	}
}

/* A destructor may set the key again: it is called again, four times at most. */
static void again(void *value)
{
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
	pthread_setspecific(key, value);
}

static void sets_again(void *arg) { pthread_setspecific(key, arg); }

static void stubborn(void)
{
	CHECK(pthread_key_create(&key, again) == 0);
	go(sets_again, &key);
	wait_for_goroutines(1);
	CHECK(destroyed == 4);
}

/* A key that is deleted and made again is empty in every goroutine. */
static void sees_none(void *arg)
{
	CHECK(pthread_setspecific(key, arg) == 0);
	go_waitgroup_done(&wg);
	go_mutex_lock(&mu);
	go_mutex_unlock(&mu);
	CHECK(pthread_getspecific(key) == NULL);
	go_waitgroup_done(&wg);
}

static void deleted_key(void)
{
	pthread_key_t was;

	CHECK(pthread_key_create(&key, NULL) == 0);
	go_mutex_lock(&mu);
	pthread_setspecific(key, &mu);
	each(100, sees_none); /* each is done twice: the first time is waited for here */
	was = key;
	CHECK(pthread_key_delete(key) == 0);
	do
		CHECK(pthread_key_create(&key, NULL) == 0);
	while (key != was);
	CHECK(pthread_getspecific(key) == NULL);
	go_waitgroup_add(&wg, 100);
	go_mutex_unlock(&mu);
	go_waitgroup_wait(&wg);
}

/* ---- locale, identity ---- */

static void keeps_locale(void *arg)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", NULL), u = newlocale(LC_ALL_MASK, "C.UTF-8", NULL);
	locale_t mine = (intptr_t)arg % 2 ? c : u;
	size_t longest = (intptr_t)arg % 2 ? 1 : 4;

	CHECK(c && u);
	CHECK(uselocale(NULL) == LC_GLOBAL_LOCALE);
	uselocale(mine);
	for (int i = 0; i < Rounds; i++) {
		move(i);
		CHECK(uselocale(NULL) == mine);
		CHECK(MB_CUR_MAX == longest);
	}
	go_waitgroup_done(&wg);
}

static void locales(void) { each(Many, keeps_locale); }

static pthread_t selves[Many];

static void knows_itself(void *arg)
{
	pthread_t me = pthread_self();

	selves[(intptr_t)arg] = me;
	for (int i = 0; i < Rounds; i++) {
		move(i);
		CHECK(pthread_equal(pthread_self(), me));
	}
	go_waitgroup_done(&wg);
	go_mutex_lock(&mu);
	go_mutex_unlock(&mu);
}

static void identity(void)
{
	go_mutex_lock(&mu);
	each(Many, knows_itself);
	for (int i = 0; i < Many; i++) {
		CHECK(selves[i] != pthread_self());
		for (int k = 0; k < i; k++)
			CHECK(selves[i] != selves[k]);
	}
	go_mutex_unlock(&mu);
}

static void wanders(void *arg)
{
	for (int i = 0; i < Rounds * 10; i++)
		move(i);
	go_waitgroup_done(&wg);
	(void)arg;
}

/* What the cases above rely on: with several Ps goroutines do move. */
static void do_move(void)
{
	if (go_maxprocs(0) == 1)
		return;
	for (int i = 0; i < 50 && !moved; i++)
		each(Many, wanders);
	CHECK(moved > 0);
}

/* The rounding mode is part of a goroutine's context. */
static void keeps_rounding(void *arg)
{
	uint32_t was, mine;

	__asm__ volatile("stmxcsr %0" : "=m"(was));
	mine = (was & ~0x6000u) | ((uint32_t)(intptr_t)arg % 4) << 13;
	__asm__ volatile("ldmxcsr %0" ::"m"(mine));
	for (int i = 0; i < Rounds; i++) {
		move(i);
		__asm__ volatile("stmxcsr %0" : "=m"(was));
		CHECK((was & 0x6000) == (mine & 0x6000));
	}
	go_waitgroup_done(&wg);
}

static void rounding(void) { each(Many, keeps_rounding); }

const struct testcase cases[] = {
	{"errno", own_errno},
	{"errno_of_calls", errno_of_calls},
	{"locals", locals},
	{"locals_of_threads", locals_of_threads},
	{"specific", specific},
	{"stubborn", stubborn},
	{"deleted_key", deleted_key},
	{"locales", locales},
	{"identity", identity},
	{"do_move", do_move},
	{"rounding", rounding},
	{NULL, NULL},
};
