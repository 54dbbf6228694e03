/* SPDX-License-Identifier: MIT */
/* buffered - one sender, one receiver, a channel of 128: one item. */
#include "bench.h"
#include <go.h>

enum { WARM = 100000, COUNT = 10000000, CAP = 128 };

static chan(int) c;

static void producer(void *arg)
{
	int n = *(int *)arg;
	for (int i = 0; i < n; i++)
		chan_send(c, i);
}

static void transfer(int n)
{
	int64_t sum = 0;
	go(producer, &n);
	for (int i = 0; i < n; i++)
		sum += chan_recv(c);
	expect(sum == (int64_t)n * (n - 1) / 2, "sum of the items");
}

int main(void)
{
	c = chan_make(int, CAP);
	transfer(WARM);
	int64_t start = now();
	transfer(COUNT);
	report("time", (double)(now() - start) / COUNT, "ns");
}
