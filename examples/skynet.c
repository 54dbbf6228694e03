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

struct node {
	chan(long) up;
	long number, size;
};

static void node(void *arg)
{
	struct node me = *(struct node *)arg, child[10];
	chan(long) c;
	long sum = 0;

	if (me.size == 1) {
		chan_send(me.up, me.number);
		return;
	}
	c = chan_make(long, 10);
	for (int i = 0; i < 10; i++) {
		child[i] = (struct node){c, me.number + i * (me.size / 10), me.size / 10};
		go(node, &child[i]);
	}
	for (int i = 0; i < 10; i++)
		sum += chan_recv(c);
	chan_free(c);
	chan_send(me.up, sum);
}

int main(int argc, char **argv)
{
	struct node root = {chan_make(long, 1), 0, argc > 1 ? atol(argv[1]) : 1000000};
	int64_t start = go_nanotime();

	go(node, &root);
	printf("%ld\n", chan_recv(root.up));
	fprintf(stderr, "%.0f ms\n", (double)(go_nanotime() - start) / 1e6);
	return 0;
}
