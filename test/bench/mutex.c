/* SPDX-License-Identifier: MIT */
/*
 * mutex - lock and unlock, alone and by 64 goroutines. Every sixteenth holder
 * yields inside, so that the others find the lock taken on one P too.
 */
#include "bench.h"
#include <go.h>

enum { WARM = 1000, COUNT = 20000, GOROUTINES = 64, ALONE = 20000000 };

static go_mutex mu;
static go_waitgroup wg;
static int64_t counter;

static void contender(void *arg)
{
	for (int n = *(int *)arg; n > 0; n--) {
		go_mutex_lock(&mu);
		if (++counter % 16 == 0)
			go_sched();
		go_mutex_unlock(&mu);
	}
	go_waitgroup_done(&wg);
}

static void contend(int n)
{
	counter = 0;
	go_waitgroup_add(&wg, GOROUTINES);
	for (int i = 0; i < GOROUTINES; i++)
		go(contender, &n);
	go_waitgroup_wait(&wg);
	expect(counter == (int64_t)n * GOROUTINES, "the count under the lock");
}

int main(void)
{
	contend(WARM);
	int64_t start = now();
	contend(COUNT);
	report("contended", (double)(now() - start) / ((double)COUNT * GOROUTINES), "ns");

	start = now();
	for (int i = 0; i < ALONE; i++) {
		go_mutex_lock(&mu);
		counter++;
		go_mutex_unlock(&mu);
	}
	report("alone", (double)(now() - start) / ALONE, "ns");
}
