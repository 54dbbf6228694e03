/* SPDX-License-Identifier: MIT */
/*
 * ratelimit.c - requests come in a burst and are served one a tick; a few may
 * go at once when there was quiet before, for tokens pile up in a channel.
 *
 *	gocrt-gcc -O2 ratelimit.c -o ratelimit && ./ratelimit
 */
#include <go.h>
#include <stdio.h>

enum { Burst = 3, Requests = 8 };
static const int64_t period = 10 * 1000 * 1000;

static chan(int64_t) tokens;

/* One token a tick, as long as there is room. */
static void refill(void *arg)
{
	go_timer *ticker = arg;

	for (;;) {
		int64_t now = chan_recv(go_timer_chan(ticker));

		(void)chan_trysend(tokens, now);
	}
}

int main(void)
{
	int64_t start = go_nanotime(), took;

	tokens = chan_make(int64_t, Burst);
	for (int i = 0; i < Burst; i++)
		chan_send(tokens, start);
	go(refill, go_ticker_new(period));
	for (int i = 1; i <= Requests; i++) {
		chan_recv(tokens);
		printf("request %d served\n", i);
	}
	took = go_nanotime() - start;
	fprintf(stderr, "%.0f ms\n", (double)took / 1e6);
	printf("not faster than allowed: %s\n",
	       took >= (Requests - Burst) * period * 9 / 10 ? "yes" : "no");
	return 0;
}
