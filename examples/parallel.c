/* SPDX-License-Identifier: MIT */
/*
 * parallel.c - fork and join over all cores: how many primes are there below n?
 *
 *	gocrt-gcc -O2 parallel.c -o parallel && ./parallel 10000000
 *
 * A range is halved until it is small. The left half goes to a new goroutine,
 * the right half stays, and the wait group that joins them lives on the stack.
 */
#include <errno.h>
#include <go.h>
#include <stdio.h>
#include <stdlib.h>

enum { SMALL = 4096 };

struct range {
	long lo, hi; /* lo <= n < hi */
	long primes; /* the result */
};

static bool is_prime(long n)
{
	if (n < 4)
		return n >= 2;
	if (n % 2 == 0)
		return false;
	for (long d = 3; d * d <= n; d += 2)
		if (n % d == 0)
			return false;
	return true;
}

static void count_primes(void *arg)
{
	struct range *r = arg;

	if (r->hi - r->lo <= SMALL) {
		for (long n = r->lo; n < r->hi; n++)
			r->primes += is_prime(n);
		return;
	}

	long middle = r->lo + (r->hi - r->lo) / 2;
	struct range left = {r->lo, middle, 0}, right = {middle, r->hi, 0};
	go_waitgroup wg = {0};

	go_waitgroup_go(&wg, count_primes, &left);
	count_primes(&right);
	go_waitgroup_wait(&wg);
	r->primes = left.primes + right.primes;
}

/* Count with that many goroutines running at a time; seconds in *secs. */
static long primes_below(long n, int procs, double *secs)
{
	struct range all = {0, n, 0};
	int64_t start;

	go_maxprocs(procs);
	start = go_nanotime();
	count_primes(&all);
	*secs = (double)(go_nanotime() - start) / 1e9;
	return all.primes;
}

int main(int argc, char **argv)
{
	int cores = go_maxprocs(0);
	double one, many;
	char *end = "";

	errno = 0;
	long n = argc > 1 ? strtol(argv[1], &end, 10) : 5000000;
	if (argc > 2 || *end || errno || n < 0) {
		fprintf(stderr, "usage: parallel [N]\n");
		return 2;
	}

	long serial = primes_below(n, 1, &one);
	long parallel = primes_below(n, cores, &many);
	printf("primes below %ld: %ld\n", n, parallel);
	printf("%.3f s on one core, %.3f s on %d: %.2f times as fast\n", one, many, cores,
		one / many);
	return serial != parallel;
}
