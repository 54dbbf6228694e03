/* SPDX-License-Identifier: MIT */
/* forkjoin - fib(32): every call above 12 hands one half to a new goroutine and joins it. */
#include "bench.h"
#include <go.h>

enum { N = 32, SERIAL = 12, REPEAT = 5, FIB_N = 2178309 };

typedef struct {
	int n;
	int64_t value;
	go_waitgroup done;
} half;

/*
 * Unhindered, gcc inlines the recursion into itself and the comparison would
 * be one of compilers; like this the serial part takes as long as Go's.
 */
__attribute__((noinline)) static int64_t serial(int n)
{
	return n < 2 ? n : serial(n - 1) + serial(n - 2);
}

static int64_t fib(int n);

static void run(void *arg)
{
	half *h = arg;
	h->value = fib(h->n);
	go_waitgroup_done(&h->done);
}

static int64_t fib(int n)
{
	if (n <= SERIAL)
		return serial(n);
	half h = { .n = n - 1 };
	go_waitgroup_add(&h.done, 1);
	go(run, &h);
	int64_t other = fib(n - 2);
	go_waitgroup_wait(&h.done);
	return h.value + other;
}

int main(void)
{
	expect(fib(N) == FIB_N, "fib(32)");
	int64_t start = now();
	for (int i = 0; i < REPEAT; i++)
		expect(fib(N) == FIB_N, "fib(32)");
	report("time", (double)(now() - start) / 1e6 / REPEAT, "ms");
}
