/* SPDX-License-Identifier: MIT */
/* once.c - a handler gives way to SIG_DFL: each signal counts once, on whatever thread it came, and the next is deadly. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "prog.h"
#include "crew.h"

static volatile sig_atomic_t got;
static pthread_barrier_t turn;

static void count(int sig)
{
	(void)sig;
	got++;
}

static void count_once(int sig)
{
	count(sig);
	signal(sig, SIG_DFL);
}

static void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags | SA_RESTART};

	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static bool is_default(int sig)
{
	struct sigaction sa;

	CHECK(sigaction(sig, NULL, &sa) == 0);
	return sa.sa_handler == SIG_DFL;
}

static void busy(void *arg)
{
	(void)arg;
	while (!stop) {
		for (volatile int i = 0; i < 1000; i = i + 1)
			;
		go_sched();
	}
	go_waitgroup_done(&wg);
}

enum { Rounds = 150 };

/* A thread of its own: the kernel gives what it sends to whichever it likes. */
static void *sends(void *arg)
{
	for (int i = 0; i < Rounds; i++) {
		pthread_barrier_wait(&turn);
		for (volatile int k = 0; k < i * 100; k = k + 1)
			;
		CHECK(kill(getpid(), SIGTERM) == 0);
	}
	return arg;
}

/* Main is now here, now there: running, yielding, in a sleep. */
static void until_got(int i)
{
	while (!got) {
		if (i % 3 == 0)
			go_sched();
		else if (i % 3 == 1)
			usleep(10);
	}
	for (int k = 0; k < 20; k++)
		i % 2 ? go_sched() : (void)usleep(50);
}

static void each_counts_once(void (*fn)(int), int flags)
{
	pthread_t t;

	CHECK(pthread_barrier_init(&turn, NULL, 2) == 0);
	CHECK(pthread_create(&t, NULL, sends, NULL) == 0);
	start(4, busy);
	for (int i = 0; i < Rounds; i++) {
		got = 0;
		handle(SIGTERM, fn, flags);
		pthread_barrier_wait(&turn);
		until_got(i);
		CHECK(got == 1 && is_default(SIGTERM));
	}
	end();
	CHECK(pthread_join(t, NULL) == 0);
}

static void resethand(void) { each_counts_once(count, (int)SA_RESETHAND); }
static void set_default(void) { each_counts_once(count_once, 0); }

/* In a child, which gets two. */
static void dies_of(int sig, int how)
{
	pid_t pid = fork();
	int st;

	CHECK(pid >= 0);
	if (pid == 0) {
		alarm(20);
		handle(sig, count, (int)SA_RESETHAND);
		for (int i = 0; i < 2; i++) {
			how == 0 ? kill(getpid(), sig) : how == 1 ? raise(sig) : pthread_kill(pthread_self(), sig);
			if (i)
				usleep(10000000); /* the kernel may have given it to another thread */
		}
		_exit(0);
	}
	CHECK(waitpid(pid, &st, 0) == pid && WIFSIGNALED(st) && WTERMSIG(st) == sig);
}

/* The second one does what is the default, to the eye of the parent too. */
static void second_is_deadly(void)
{
	start(2, busy);
	for (int how = 0; how < 3; how++) {
		dies_of(SIGTERM, how);
		dies_of(SIGUSR1, how);
		dies_of(SIGQUIT, how);
	}
	end();
}

/* A default that is not to die: stopped, ignored; and a handler may come back. */
static void comes_back(void)
{
	got = 0;
	for (int i = 0; i < 20; i++) {
		handle(SIGCHLD, count, (int)SA_RESETHAND);
		CHECK(raise(SIGCHLD) == 0 && raise(SIGCHLD) == 0 && got == 3 * i + 1);
		handle(SIGTERM, count, (int)SA_RESETHAND);
		CHECK(raise(SIGTERM) == 0 && got == 3 * i + 2);
		signal(SIGTERM, SIG_IGN);
		CHECK(raise(SIGTERM) == 0 && kill(getpid(), SIGTERM) == 0);
		handle(SIGTERM, count, 0);
		CHECK(raise(SIGTERM) == 0 && got == 3 * i + 3);
	}
}

static void stops(void)
{
	pid_t pid = fork();
	int st;

	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(setpgid(0, 0) == 0); /* one whose group nobody else looks after is not stopped */
		handle(SIGTSTP, count, (int)SA_RESETHAND);
		raise(SIGTSTP);
		raise(SIGTSTP);
		_exit(got == 1 ? 7 : 1);
	}
	CHECK(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &st, 0) == pid && WIFEXITED(st) && WEXITSTATUS(st) == 7);
}

const struct testcase cases[] = {
	{"resethand", resethand},
	{"set_default", set_default},
	{"second_is_deadly", second_is_deadly},
	{"comes_back", comes_back},
	{"stops", stops},
	{NULL, NULL},
};
