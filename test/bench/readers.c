/* SPDX-License-Identifier: MIT */
/*
 * readers - 100,000 goroutines (or as many as RLIMIT_NOFILE allows), each
 * blocked in read on its own pipe: memory each, and the threads it takes.
 */
#include "bench.h"
#include <go.h>
#include <sys/resource.h>

enum { COUNT = 100000, SPARE = 64 };

static int pipes[COUNT][2];
static go_waitgroup arrived, gone;

static void reader(void *arg)
{
	int *p = arg;
	char byte;
	go_waitgroup_done(&arrived);
	expect(read(p[0], &byte, 1) == 1, "the byte read");
	go_waitgroup_done(&gone);
}

/* Two descriptors a goroutine: ask for all of them, take what we get. */
static int affordable(void)
{
	struct rlimit r = { 2 * COUNT + SPARE, 2 * COUNT + SPARE };
	if (setrlimit(RLIMIT_NOFILE, &r) != 0) {
		getrlimit(RLIMIT_NOFILE, &r);
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	getrlimit(RLIMIT_NOFILE, &r);
	int n = (int)(r.rlim_cur - SPARE) / 2;
	return n < COUNT ? n : COUNT;
}

int main(void)
{
	int count = affordable();
	for (int i = 0; i < count; i++)
		expect(pipe(pipes[i]) == 0, "pipe");
	go_waitgroup_add(&arrived, count);
	go_waitgroup_add(&gone, count);
	double before = resident();
	for (int i = 0; i < count; i++)
		go(reader, pipes[i]);
	go_waitgroup_wait(&arrived);
	go_sleep(200000000); /* the last to arrive get to block */
	report("memory", (resident() - before) / count, "B");
	report("threads", status("Threads:"), "");
	report("goroutines", count, "");
	for (int i = 0; i < count; i++)
		expect(write(pipes[i][1], "x", 1) == 1, "write");
	go_waitgroup_wait(&gone);
}
