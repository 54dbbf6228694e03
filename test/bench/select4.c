/* SPDX-License-Identifier: MIT */
/* select4 - one goroutine selects over four unbuffered channels, each fed by its own sender. */
#include "bench.h"
#include <go.h>

enum { WARM = 10000, COUNT = 250000 }; /* for each sender */

typedef struct {
	chan(int) c;
	int n;
} feed;

static void producer(void *arg)
{
	feed f = *(feed *)arg; /* the original is gone when the last value was received */
	for (int i = 0; i < f.n; i++)
		chan_send(f.c, i);
}

static void collect(int n)
{
	feed f[4];
	int64_t sum = 0;
	int v = 0;

	for (int i = 0; i < 4; i++) {
		f[i] = (feed){ chan_make(int, 0), n };
		go(producer, &f[i]);
	}
	for (int i = 0; i < 4 * n; i++) {
		switch (chan_select(case_recv(f[0].c, &v), case_recv(f[1].c, &v),
				    case_recv(f[2].c, &v), case_recv(f[3].c, &v))) {
		case 0: sum += v; break;
		case 1: sum += v; break;
		case 2: sum += v; break;
		case 3: sum += v; break;
		}
	}
	expect(sum == 4 * ((int64_t)n * (n - 1) / 2), "sum of the items");
	for (int i = 0; i < 4; i++)
		chan_free(f[i].c);
}

int main(void)
{
	collect(WARM);
	int64_t start = now();
	collect(COUNT);
	report("time", (double)(now() - start) / (4.0 * COUNT), "ns");
}
