/* SPDX-License-Identifier: MIT */
/* sched - two goroutines yield to each other: the price of one switch. */
#include "bench.h"
#include <go.h>

enum { WARM = 100000, COUNT = 5000000 };

static go_waitgroup wg;

static void yielder(void *arg)
{
	for (int n = *(int *)arg; n > 0; n--)
		go_sched();
	go_waitgroup_done(&wg);
}

static void two(int count)
{
	go_waitgroup_add(&wg, 2);
	go(yielder, &count);
	go(yielder, &count);
	go_waitgroup_wait(&wg);
}

int main(void)
{
	two(WARM);
	int64_t start = now();
	two(COUNT);
	report("time", (double)(now() - start) / (2.0 * COUNT), "ns");
}
