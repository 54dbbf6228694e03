/* SPDX-License-Identifier: MIT */
/* pingpong - two goroutines, two unbuffered channels: one round trip. */
#include "bench.h"
#include <go.h>

enum { WARM = 20000, COUNT = 1000000 };

static chan(int) ping;
static chan(int) pong;

static void echo(void *arg)
{
	int v;
	(void)arg;
	while (chan_recv_ok(ping, &v))
		chan_send(pong, v + 1);
}

static void trips(int n)
{
	for (int i = 0; i < n; i++) {
		chan_send(ping, i);
		expect(chan_recv(pong) == i + 1, "echo");
	}
}

int main(void)
{
	ping = chan_make(int, 0);
	pong = chan_make(int, 0);
	go(echo, NULL);
	trips(WARM);
	int64_t start = now();
	trips(COUNT);
	report("time", (double)(now() - start) / COUNT, "ns");
}
