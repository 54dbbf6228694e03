/* SPDX-License-Identifier: MIT */
/* watch.c - sysmon's thread starts with the first thing that there is to watch, and then does watch. */
#include "prog.h"

#include <dirent.h>
#include <pthread.h>

static int pipes[2];

static int threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = 0;

	CHECK(dir);
	for (struct dirent *d; (d = readdir(dir));)
		n += d->d_name[0] != '.';
	closedir(dir);
	return n;
}

static int before;

__attribute__((constructor)) static void construct(void)
{
	before = threads();
}

static void alone(void)
{
	CHECK(before == 1 && threads() == 1);
	yield(100);
	CHECK(write(1, "", 0) == 0);
	CHECK(threads() == 1);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void goroutine(void)
{
	go(nothing, NULL);
	CHECK(threads() >= 2);
}

static void timer(void)
{
	go_timer_new(1000 * MS);
	CHECK(threads() >= 2);
}

static void sleeps(void)
{
	go_sleep(1);
	CHECK(threads() >= 2);
}

static void *ends(void *arg)
{
	return arg;
}

static void pthread(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, ends, NULL) == 0);
	CHECK(threads() >= 2);
	CHECK(pthread_join(t, NULL) == 0);
}

static void send(void *arg)
{
	CHECK(write(pipes[1], arg, 1) == 1);
}

/* Nobody but sysmon can see that the timer is due. */
static void timer_while_reading(void)
{
	char c = 0;

	CHECK(pipe(pipes) == 0);
	go_timer_func(5 * MS, send, "x");
	CHECK(read(pipes[0], &c, 1) == 1 && c == 'x');
}

static void goroutine_while_reading(void)
{
	char c = 0;

	CHECK(pipe(pipes) == 0);
	go(send, "y");
	CHECK(read(pipes[0], &c, 1) == 1 && c == 'y');
}

const struct testcase cases[] = {
	{"alone", alone},
	{"goroutine", goroutine},
	{"timer", timer},
	{"sleeps", sleeps},
	{"pthread", pthread},
	{"timer_while_reading", timer_while_reading},
	{"goroutine_while_reading", goroutine_while_reading},
	{NULL, NULL},
};
