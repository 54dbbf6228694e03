/* SPDX-License-Identifier: MIT */
/* bigtls.c - thread-locals larger than a goroutine's usual stack. */
#include <pthread.h>

#include "prog.h"

enum { Size = 300 << 10 };
static _Thread_local unsigned char big[Size] = {[0] = 1, [Size - 1] = 2};
static go_waitgroup wg;

static void uses(void *arg)
{
	unsigned char mine = (unsigned char)(intptr_t)arg;
	volatile char stack[150 << 10];

	CHECK(big[0] == 1 && big[Size - 1] == 2 && big[Size / 2] == 0);
	memset(big, mine, Size);
	for (size_t i = 0; i < sizeof stack; i += 1024)
		stack[i] = (char)mine;
	yield(10);
	for (size_t i = 0; i < Size; i++)
		CHECK(big[i] == mine);
	for (size_t i = 0; i < sizeof stack; i += 1024)
		CHECK(stack[i] == (char)mine);
	go_waitgroup_done(&wg);
}

static void goroutines(void)
{
	for (int round = 0; round < 3; round++) {
		go_waitgroup_add(&wg, 220);
		for (intptr_t i = 0; i < 200; i++)
			go(uses, (void *)i);
		for (intptr_t i = 0; i < 20; i++)
			go_stack(1 << 20, uses, (void *)i);
		go_waitgroup_wait(&wg);
	}
	CHECK(big[0] == 1 && big[Size - 1] == 2);
}

static void *on_thread(void *arg)
{
	CHECK(big[0] == 1 && big[Size - 1] == 2);
	return arg;
}

static void threads(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, on_thread, NULL) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	goroutines();
}

static int overflow_deep(int depth);
static int (*volatile deeper)(int) = overflow_deep;

static int overflow_deep(int depth)
{
	volatile char here[4096];

	here[0] = (char)depth;
	return deeper(depth + 1) + here[0];
}

static void overflows(void *arg) { overflow_deep((int)(intptr_t)arg); }

static void overflow(void)
{
	go_waitgroup_add(&wg, 1);
	go(overflows, NULL);
	go_waitgroup_wait(&wg);
}

const struct testcase cases[] = {
	{"goroutines", goroutines}, {"threads", threads}, {"overflow", overflow}, {NULL, NULL}};
