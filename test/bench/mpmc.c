/* SPDX-License-Identifier: MIT */
/* mpmc - eight senders and eight receivers on one channel of 128: one item. */
#include "bench.h"
#include <go.h>

enum { WARM = 10000, COUNT = 500000, CAP = 128, SIDES = 8 }; /* counts are for each sender */

static chan(int) c;
static chan(int64_t) sums;

static void producer(void *arg)
{
	int n = *(int *)arg;
	for (int i = 0; i < n; i++)
		chan_send(c, i);
}

static void consumer(void *arg)
{
	int64_t sum = 0;
	for (int n = *(int *)arg; n > 0; n--)
		sum += chan_recv(c);
	chan_send(sums, sum);
}

static void transfer(int n)
{
	int64_t sum = 0;
	for (int i = 0; i < SIDES; i++) {
		go(producer, &n);
		go(consumer, &n);
	}
	for (int i = 0; i < SIDES; i++)
		sum += chan_recv(sums);
	expect(sum == (int64_t)n * (n - 1) / 2 * SIDES, "sum of the items");
}

int main(void)
{
	c = chan_make(int, CAP);
	sums = chan_make(int64_t, 0);
	transfer(WARM);
	int64_t start = now();
	transfer(COUNT);
	report("time", (double)(now() - start) / ((double)COUNT * SIDES), "ns");
}
