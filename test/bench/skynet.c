/* SPDX-License-Identifier: MIT */
/* skynet - a tree of goroutines, ten children a node, a million leaves; each sends its sum up. */
#include "bench.h"
#include <go.h>

enum { WARM = 1000, COUNT = 1000000, FAN = 10 };

typedef struct {
	chan(int64_t) up;
	int64_t number, size;
} node;

static void skynet(void *arg)
{
	node *self = arg;
	if (self->size == 1) {
		chan_send(self->up, self->number);
		return;
	}
	node child[FAN];
	chan(int64_t) c = chan_make(int64_t, 0);
	for (int i = 0; i < FAN; i++) {
		int64_t size = self->size / FAN;
		child[i] = (node){ c, self->number + i * size, size };
		go(skynet, &child[i]);
	}
	int64_t sum = 0;
	for (int i = 0; i < FAN; i++)
		sum += chan_recv(c);
	chan_free(c);
	chan_send(self->up, sum);
}

static int64_t sum(int64_t leaves)
{
	node root = { chan_make(int64_t, 0), 0, leaves };
	go(skynet, &root);
	int64_t total = chan_recv(root.up);
	chan_free(root.up);
	return total;
}

int main(void)
{
	sum(WARM);
	int64_t start = now();
	expect(sum(COUNT) == (int64_t)COUNT * (COUNT - 1) / 2, "sum of the leaves");
	report("time", (double)(now() - start) / 1e6, "ms");
	report("peak", (status("VmHWM:") + status("VmPTE:")) / 1024.0, "MiB");
}
