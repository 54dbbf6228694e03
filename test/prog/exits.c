/* SPDX-License-Identifier: MIT */
/* exits.c - the ways in which a program ends. Each case ends it; the suite knows the status and the output. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "prog.h"

static chan(int) numbers;
static int pipes[2];

static void sleeps_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		go_sleep(1000 * MS);
}

static void runs_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		go_sched();
}

static void reads_for_ever(void *arg)
{
	char byte;

	(void)arg;
	CHECK(read(pipes[0], &byte, 1) == 1);
}

static void reads_raw(void *arg)
{
	char byte;

	(void)arg;
	CHECK(syscall(SYS_read, pipes[0], &byte, 1L) == 1);
}

static void receives(void *arg)
{
	(void)arg;
	chan_recv(numbers);
}

/* Others in every state while the program ends. */
static void company(void)
{
	numbers = chan_make(int, 0);
	CHECK(pipe(pipes) == 0);
	for (int i = 0; i < 3; i++) {
		go(sleeps_for_ever, NULL);
		go(runs_for_ever, NULL);
		go(reads_for_ever, NULL);
		go(reads_raw, NULL);
		go(receives, NULL);
	}
	yield(20);
}

/* ---- exit ---- */

static void sends(void *arg)
{
	chan_send((chan(int))arg, 42);
}

/* A handler like any code: it may start goroutines and wait for them. */
static void handler_with_channel(void)
{
	chan(int) c = chan_make(int, 0);

	go(sends, (void *)c);
	printf("handler got %d\n", chan_recv(c));
}

static void handler_1(void) { printf("handler 1\n"); }

static void exits_7(void *arg)
{
	(void)arg;
	printf("left in the buffer, ");
	exit(7);
}

static void of_goroutine(void)
{
	company();
	atexit(handler_1);
	atexit(handler_with_channel);
	go(exits_7, NULL);
	chan_recv(numbers); /* for ever, or one of the others' */
	go_exit();
}

static void of_main(void)
{
	company();
	atexit(handler_1);
	atexit(handler_with_channel);
	exit(3);
}

static void *thread_exits(void *arg)
{
	printf("left by a thread\n");
	exit(9);
	return arg;
}

static void of_thread(void)
{
	pthread_t t;

	company();
	atexit(handler_1);
	CHECK(pthread_create(&t, NULL, thread_exits, NULL) == 0);
	pthread_join(t, NULL);
}

static int handlers;

static void counts(void)
{
	go_sched();
	go_sleep(MS);
	handlers++;
}

static void prints_count(void)
{
	printf("%d handlers\n", handlers);
}

static void exits_n(void *arg)
{
	exit(40 + (int)(intptr_t)arg % 10);
}

/* Handlers run once, by one of them. */
static void at_once(void)
{
	atexit(prints_count);
	for (int i = 0; i < 5; i++)
		atexit(counts);
	for (intptr_t i = 0; i < 30; i++)
		go(exits_n, (void *)i);
	exit(40);
}

static void exits_again(void)
{
	printf("again\n");
	exit(12);
}

static void within_handler(void)
{
	atexit(handler_1);
	atexit(exits_again);
	exit(11);
}

static void child_of_handler(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		exit(5);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5);
	printf("child 5\n");
}

static void forks(void *arg)
{
	child_of_handler();
	chan_send((chan(int))arg, 1);
}

static void waits_for_fork(void)
{
	chan(int) c = chan_make(int, 0);

	go(forks, (void *)c);
	chan_recv(c);
}

/* Another goroutine forks while exit runs its handlers; the child ends by its own exit. */
static void fork_meanwhile(void)
{
	static bool parent_only;

	if (!parent_only)
		atexit(waits_for_fork);
	parent_only = true;
	exit(6);
}

/* ---- stdio ---- */

static void holds_stdout(void *arg)
{
	flockfile(stdout);
	chan_send((chan(int))arg, 1);
	go_sleep(5 * MS);
	printf("written while exit waited\n");
	funlockfile(stdout);
	sleeps_for_ever(NULL);
}

static void locked_file(void)
{
	chan(int) c = chan_make(int, 0);

	go(holds_stdout, (void *)c);
	chan_recv(c);
	exit(0);
}

static void keeps_stdout(void *arg)
{
	flockfile(stdout);
	chan_send((chan(int))arg, 1);
	chan_recv((chan(int))arg);
}

/* Plain musl would hang. */
static void locked_for_ever(void)
{
	chan(int) c = chan_make(int, 0);

	go(keeps_stdout, (void *)c);
	chan_recv(c);
	exit(0);
}

/* ---- at once ---- */

static void unreached(void) { print("a handler ran\n"); }

static void exits_at_once(void *arg)
{
	printf("lost in the buffer");
	if (arg)
		_Exit(21);
	_exit(20);
}

static void immediately(void)
{
	company();
	atexit(unreached);
	go(exits_at_once, NULL);
	sleeps_for_ever(NULL);
}

static void immediately_c99(void)
{
	company();
	atexit(unreached);
	go(exits_at_once, &handlers);
	sleeps_for_ever(NULL);
}

static void quick_1(void) { print("quick 1\n"); }
static void quick_2(void)
{
	chan(int) c = chan_make(int, 0);

	go(sends, (void *)c);
	CHECK(chan_recv(c) == 42);
	print("quick 2\n");
}

static void exits_quickly(void *arg)
{
	(void)arg;
	printf("lost in the buffer");
	quick_exit(22);
}

static void quickly(void)
{
	company();
	atexit(unreached);
	CHECK(at_quick_exit(quick_1) == 0 && at_quick_exit(quick_2) == 0);
	go(exits_quickly, NULL);
	sleeps_for_ever(NULL);
}

/* ---- abort ---- */

static void aborts_now(void *arg)
{
	(void)arg;
	abort();
}

static void aborts(void)
{
	company();
	go(aborts_now, NULL);
	sleeps_for_ever(NULL);
}

static void tells(int sig)
{
	(void)sig;
	print("handled\n");
}

static void abort_handled(void)
{
	signal(SIGABRT, tells);
	aborts();
}

static void abort_ignored(void)
{
	signal(SIGABRT, SIG_IGN);
	aborts();
}

static void abort_blocked(void)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGABRT);
	pthread_sigmask(SIG_BLOCK, &s, NULL);
	aborts();
}

/* ---- pthread_exit in main: the process ends well with the last of the others ---- */

static void say_main_left(void)
{
	print("last\n");
}

static bool said; /* atomic; by the thread, before the goroutine has its turn */

static void *outlives(void *arg)
{
	usleep(20000);
	print(arg);
	__atomic_store_n(&said, true, __ATOMIC_RELEASE);
	return NULL;
}

static void outlives_too(void *arg)
{
	while (!__atomic_load_n(&said, __ATOMIC_ACQUIRE))
		go_sleep(MS);
	print(arg);
}

static void main_leaves(void)
{
	pthread_t t;

	atexit(say_main_left);
	CHECK(pthread_create(&t, NULL, outlives, "thread\n") == 0);
	go(outlives_too, "goroutine\n");
	pthread_exit(NULL);
}

const struct testcase cases[] = {
	{"of_goroutine", of_goroutine},
	{"of_main", of_main},
	{"of_thread", of_thread},
	{"main_leaves", main_leaves},
	{"at_once", at_once},
	{"within_handler", within_handler},
	{"fork_meanwhile", fork_meanwhile},
	{"locked_file", locked_file},
	{"locked_for_ever", locked_for_ever},
	{"immediately", immediately},
	{"immediately_c99", immediately_c99},
	{"quickly", quickly},
	{"aborts", aborts},
	{"abort_handled", abort_handled},
	{"abort_ignored", abort_ignored},
	{"abort_blocked", abort_blocked},
	{NULL, NULL},
};
