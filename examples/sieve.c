/* SPDX-License-Identifier: MIT */
/*
 * sieve.c - the concurrent prime sieve: a chain of goroutines, one a prime, each
 * passing on what its prime does not divide.
 *
 *	gocrt-gcc -O2 sieve.c -o sieve && ./sieve 20
 */
#include <go.h>
#include <stdio.h>
#include <stdlib.h>

#include "number.h"

struct filter {
	chan(int) in, out;
	int prime;
};

static void generate(void *out)
{
	for (int i = 2;; i++)
		chan_send((chan(int))out, i);
}

static void pass_on(void *arg)
{
	struct filter *f = arg;

	for (;;) {
		int n = chan_recv(f->in);

		if (n % f->prime != 0)
			chan_send(f->out, n);
	}
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? (int)number("primes", argv[1], 1, 100000) : 10;
	struct filter *filters = calloc((size_t)count, sizeof *filters);
	chan(int) c = chan_make(int, 0);

	go(generate, c);
	for (int i = 0; i < count; i++) {
		int prime = chan_recv(c);

		printf("%d\n", prime);
		filters[i] = (struct filter){c, chan_make(int, 0), prime};
		go(pass_on, &filters[i]);
		c = filters[i].out;
	}
	return 0; /* the chain is not waited for */
}
