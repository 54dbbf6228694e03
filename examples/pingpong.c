/* SPDX-License-Identifier: MIT */
/*
 * pingpong.c - two goroutines and two channels: a ball goes to and fro.
 *
 *	gocrt-gcc -O2 pingpong.c -o pingpong && ./pingpong 1000000
 */
#include <go.h>
#include <stdio.h>
#include <stdlib.h>

#include "number.h"

static chan(int) ping, pong;

static void player(void *arg)
{
	int ball;

	(void)arg;
	while (chan_recv_ok(ping, &ball))
		chan_send(pong, ball + 1);
	chan_close(pong);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? (int)number("rounds", argv[1], 1, 1000000000) : 100000;
	int64_t start = go_nanotime();
	int ball = 0;

	ping = chan_make(int, 0);
	pong = chan_make(int, 0);
	go(player, NULL);
	for (int i = 0; i < rounds; i++) {
		chan_send(ping, ball);
		ball = chan_recv(pong);
	}
	chan_close(ping);
	chan_recv(pong); /* closed: the player has ended */
	printf("%d hits\n", ball);
	fprintf(stderr, "%.0f ns a round\n", (double)(go_nanotime() - start) / rounds);
	return 0;
}
