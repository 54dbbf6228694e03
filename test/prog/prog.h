/* SPDX-License-Identifier: MIT */
/*
 * prog.h - what the test programs share: the first argument names a case; a
 * case that returns prints "ok" and ends with status 0, and a CHECK that fails
 * says where and ends the program with status 1.
 */
#ifndef PROG_H
#define PROG_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <go.h>

#define nelem(a) (sizeof(a) / sizeof((a)[0]))
#define MS INT64_C(1000000)

#define CHECK(x)                                                                         \
	do {                                                                             \
		if (!(x)) {                                                              \
			dprintf(2, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x);       \
			_exit(1);                                                        \
		}                                                                        \
	} while (0)

struct testcase {
	const char *name;
	void (*run)(void);
};

extern const struct testcase cases[];

/* What stands after the name of the case. */
__attribute__((unused)) static char **args;

/* The kernel's id of the thread that this goroutine is on just now. */
__attribute__((unused)) static int thread(void)
{
	return (int)syscall(SYS_gettid);
}

__attribute__((unused)) static void print(const char *s)
{
	CHECK(write(1, s, strlen(s)) == (ssize_t)strlen(s));
}

/* Some rounds through the scheduler: enough for the others to run and to be stolen. */
__attribute__((unused)) static void yield(int n)
{
	while (n-- > 0)
		go_sched();
}

/* Until the others have parked, where they will: on one p they run before we do again. */
__attribute__((unused)) static void let_park(void)
{
	int n = go_maxprocs(1);

	yield(10);
	go_maxprocs(n);
}

/* Until the number of goroutines is n again: the last act of one is not visible otherwise. */
__attribute__((unused)) static void wait_for_goroutines(int n)
{
	for (int i = 0; i < 5000 && go_num_goroutine() != n; i++)
		go_sleep(MS);
	CHECK(go_num_goroutine() == n);
}

int main(int argc, char **argv)
{
	args = argv + 2;
	for (const struct testcase *c = cases; argc > 1 && c->name; c++)
		if (!strcmp(c->name, argv[1])) {
			c->run();
			puts("ok");
			return 0;
		}
	fprintf(stderr, "no case %s\n", argc > 1 ? argv[1] : "");
	return 3;
}

#endif
