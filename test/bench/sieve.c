/* SPDX-License-Identifier: MIT */
/* sieve - the concurrent prime sieve, a goroutine a prime, to the 2000th. */
#include "bench.h"
#include <go.h>

enum { WARM = 100, COUNT = 2000, PRIME_2000 = 17389 };

typedef chan(int) ints;

typedef struct {
	ints in, out;
	int prime;
} filter;

static void generate(void *arg)
{
	ints out = arg;
	for (int i = 2;; i++)
		chan_send(out, i);
}

static void pass(void *arg)
{
	filter f = *(filter *)arg;
	free(arg);
	for (;;) {
		int v = chan_recv(f.in);
		if (v % f.prime != 0)
			chan_send(f.out, v);
	}
}

/* The goroutines stay parked when it is done; the twin's do too. */
static int sieve(int n)
{
	int prime = 0;
	ints c = chan_make(int, 0);

	go(generate, c);
	for (int i = 0; i < n; i++) {
		prime = chan_recv(c);
		filter *f = malloc(sizeof *f);
		*f = (filter){ c, chan_make(int, 0), prime };
		c = f->out;
		go(pass, f);
	}
	return prime;
}

int main(void)
{
	sieve(WARM);
	int64_t start = now();
	expect(sieve(COUNT) == PRIME_2000, "the 2000th prime");
	report("time", (double)(now() - start) / 1e6, "ms");
}
