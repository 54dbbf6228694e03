/* SPDX-License-Identifier: MIT */
/*
 * skynet.c - a tree of goroutines, ten children each, with a million leaves that
 * send their numbers up to be added.
 *
 *	gocrt-gcc -O2 skynet.c -o skynet && ./skynet
 */
#include <go.h>
#include <stdio.h>
#include <stdlib.h>

#include "number.h"

struct node {
	chan(long) up;
	long number, size;
};

static void node(void *arg)
{
	struct node me = *(struct node *)arg, child[10];
	chan(long) c;
	long sum = 0;
	int n = 0;

	if (me.size == 1) {
		chan_send(me.up, me.number);
		return;
	}
	c = chan_make(long, 10);
	for (int i = 0; i < 10; i++) {
		long from = i * me.size / 10, to = (i + 1) * me.size / 10;

		if (from == to)
			continue; /* fewer than ten leaves */
		child[n] = (struct node){c, me.number + from, to - from};
		go(node, &child[n++]);
	}
	for (int i = 0; i < n; i++)
		sum += chan_recv(c);
	chan_free(c);
	chan_send(me.up, sum);
}

int main(int argc, char **argv)
{
	long leaves = argc > 1 ? number("leaves", argv[1], 1, 100000000) : 1000000;
	struct node root = {chan_make(long, 1), 0, leaves};
	int64_t start = go_nanotime();

	go(node, &root);
	printf("%ld\n", chan_recv(root.up));
	fprintf(stderr, "%.0f ms\n", (double)(go_nanotime() - start) / 1e6);
	return 0;
}
