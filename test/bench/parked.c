/* SPDX-License-Identifier: MIT */
/* parked COUNT - so many goroutines wait at one gate: the memory that each costs. */
#include "bench.h"
#include <go.h>

static go_waitgroup arrived, gate, gone;

static void waiter(void *arg)
{
	(void)arg;
	go_waitgroup_done(&arrived);
	go_waitgroup_wait(&gate);
	go_waitgroup_done(&gone);
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1000000;

	go_waitgroup_add(&arrived, count);
	go_waitgroup_add(&gate, 1);
	go_waitgroup_add(&gone, count);
	double before = resident();
	int64_t start = now();
	for (int i = 0; i < count; i++)
		go(waiter, NULL);
	go_waitgroup_wait(&arrived);
	double ns = (double)(now() - start) / count;
	go_sleep(20000000); /* the last to arrive get to park */
	report("memory", (resident() - before) / count, "B");
	report("time", ns, "ns");
	go_waitgroup_done(&gate);
	go_waitgroup_wait(&gone);
}
