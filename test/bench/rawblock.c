/* SPDX-License-Identifier: MIT */
/*
 * rawblock - one goroutine blocks in a read that goes around the runtime's seam;
 * the longest time that another, on the same P, was kept from running.
 */
#define _GNU_SOURCE
#include "bench.h"
#include <go.h>
#include <sys/syscall.h>

enum { SPAN = 500000000, HANG = 10 };

static int ends[2];
static go_waitgroup wg;

static void blocked(void *arg)
{
	char byte;
	(void)arg;
	expect(syscall(SYS_read, ends[0], &byte, 1) == 1, "the byte read");
	go_waitgroup_done(&wg);
}

int main(void)
{
	expect(pipe(ends) == 0, "pipe");
	alarm(HANG); /* nobody would ever write if main got no P again */
	go_waitgroup_add(&wg, 1);
	go(blocked, NULL);
	int64_t start = now(), last = start, gap = 0;
	while (last - start < SPAN) {
		go_sched();
		int64_t t = now();
		gap = t - last > gap ? t - last : gap;
		last = t;
	}
	expect(write(ends[1], "x", 1) == 1, "write");
	go_waitgroup_wait(&wg);
	report("gap", gap / 1e6, "ms");
}
