/* SPDX-License-Identifier: MIT */
/* spawn - start and finish a million goroutines, joined by one wait group. */
#include "bench.h"
#include <go.h>

enum { WARM = 100000, COUNT = 1000000 };

static go_waitgroup wg;

static void child(void *arg)
{
	(void)arg;
	go_waitgroup_done(&wg);
}

static void spawn(int n)
{
	for (int i = 0; i < n; i++) {
		go_waitgroup_add(&wg, 1);
		go(child, NULL);
	}
	go_waitgroup_wait(&wg);
}

int main(void)
{
	spawn(WARM);
	int64_t start = now();
	spawn(COUNT);
	report("time", (double)(now() - start) / COUNT, "ns");
}
