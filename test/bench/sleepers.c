/* SPDX-License-Identifier: MIT */
/* sleepers - 200,000 goroutines sleep once, a random while below a second. */
#include "bench.h"
#include <go.h>
#include <sys/resource.h>

enum { WARM = 1000, COUNT = 200000, SECOND = 1000000000 };

typedef struct {
	int64_t length, late;
} sleeper;

static sleeper all[COUNT];
static go_waitgroup wg;

static void sleep_once(void *arg)
{
	sleeper *s = arg;
	int64_t start = now();
	go_sleep(s->length);
	s->late = now() - start - s->length;
	go_waitgroup_done(&wg);
}

static void sleep_all(int n, int64_t below)
{
	uint64_t x = 1;
	for (int i = 0; i < n; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u; /* the twin's sequence too */
		all[i].length = (int64_t)(x >> 33) % below;
		go_waitgroup_add(&wg, 1);
		go(sleep_once, &all[i]);
	}
	go_waitgroup_wait(&wg);
}

static double cpu_ms(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

int main(void)
{
	sleep_all(WARM, SECOND / 100);
	double before = cpu_ms(), late = 0;
	sleep_all(COUNT, SECOND);
	report("cpu", cpu_ms() - before, "ms");
	for (int i = 0; i < COUNT; i++) {
		expect(all[i].late >= 0, "nobody wakes early");
		late += all[i].late;
	}
	report("lateness", late / COUNT / 1e3, "us");
}
