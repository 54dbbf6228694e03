/* SPDX-License-Identifier: MIT */
/*
 * workers.c - a pool of workers: jobs come in by one channel and results go out
 * by another; who collects them loses patience when none comes for a while.
 *
 *	gocrt-gcc -O2 workers.c -o workers && ./workers
 */
#include <go.h>
#include <stdio.h>

enum { Workers = 4, Jobs = 20, Ms = 1000000, Patience = 1000 * Ms };

struct result {
	int job, worker;
	long square;
};

static chan(int) jobs;
static chan(struct result) results;

/* Job 13 takes for ever. */
static void work(void *arg)
{
	int worker = (int)(intptr_t)arg, job;

	while (chan_recv_ok(jobs, &job)) {
		go_sleep(job == 13 ? 3600 * INT64_C(1000) * Ms : Ms);
		chan_send(results, ((struct result){job, worker, (long)job * job}));
	}
}

static void hand_out(void *arg)
{
	(void)arg;
	for (int i = 1; i <= Jobs; i++)
		chan_send(jobs, i);
	chan_close(jobs);
}

int main(void)
{
	int done = 0;
	long sum = 0;
	struct result r;

	jobs = chan_make(int, 0);
	results = chan_make(struct result, 0);
	for (intptr_t i = 0; i < Workers; i++)
		go(work, (void *)i);
	go(hand_out, NULL);
	while (done < Jobs) {
		switch (chan_select_timeout(Patience, case_recv(results, &r))) {
		case 0:
			done++;
			sum += r.square;
			break;
		case -1:
			printf("%d of %d jobs done, squares add up to %ld\n", done, Jobs, sum);
			printf("one did not come in time\n");
			return 0;
		}
	}
	printf("all %d jobs done, squares add up to %ld\n", done, sum);
	return 0;
}
