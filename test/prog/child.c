/* SPDX-License-Identifier: MIT */
/* child.c - goroutines that wait for one child each: parked, by its pidfd. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "waits.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static int gate[2];
static go_waitgroup wg;
static int got, none; /* atomic */

static void limit(rlim_t n)
{
	struct rlimit r;

	CHECK(getrlimit(RLIMIT_NOFILE, &r) == 0);
	r.rlim_cur = n;
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
}

/* Ends with that status when it may read a byte. */
static pid_t child(int status)
{
	pid_t pid = fork();
	char c;

	if (pid == 0)
		_exit(read(gate[0], &c, 1) == 1 ? status : 99);
	CHECK(pid > 0);
	return pid;
}

static void let(int n)
{
	while (n-- > 0)
		CHECK(write(gate[1], "", 1) == 1);
}

static void waits(void *arg)
{
	pid_t pid = (pid_t)(intptr_t)arg, r;
	int st;

	r = waitpid(pid, &st, 0);
	CHECK(r == pid || (r == -1 && errno == ECHILD));
	__atomic_add_fetch(r == pid ? &got : &none, 1, __ATOMIC_SEQ_CST);
	go_waitgroup_done(&wg);
}

static void wait_for(pid_t pid)
{
	go_waitgroup_add(&wg, 1);
	go(waits, (void *)(intptr_t)pid);
}

/* Of several that wait for one child one gets it; nobody holds a thread. */
static void many(void)
{
	enum { Children = 20, Each = 50 };
	pid_t pid[Children];

	CHECK(pipe(gate) == 0);
	limit(4096);
	for (int i = 0; i < Children; i++)
		pid[i] = child(0);
	for (int i = 0; i < Children * Each; i++)
		wait_for(pid[i % Children]);
	go_sleep(20 * MS);
	CHECK(threads() < 16);
	CHECK(got + none == 0);
	let(Children);
	go_waitgroup_wait(&wg);
	CHECK(got == Children && none == Children * (Each - 1));
	CHECK(wait(NULL) == -1 && errno == ECHILD);
}

/* Where no number is to be had, each holds a thread, and goes on as well. */
static void few_numbers(void)
{
	pid_t pid[4];

	CHECK(pipe(gate) == 0);
	limit(5);
	while (dup(0) >= 0)
		;
	for (int i = 0; i < 4; i++)
		pid[i] = child(0);
	for (int i = 0; i < 8; i++)
		wait_for(pid[i / 2]);
	go_sleep(5 * MS);
	let(4);
	go_waitgroup_wait(&wg);
	CHECK(got == 4 && none == 4);
}

static volatile sig_atomic_t signals, ended;

static void count(int sig)
{
	(void)sig;
	signals++;
}

static void sends(void)
{
	int before = signals;

	CHECK(kill(getpid(), SIGUSR1) == 0);
	while (signals == before)
		go_sleep(MS);
}

/* Until one has ended the wait: the first may come before it. */
static void interrupts(void *arg)
{
	(void)arg;
	while (!ended) {
		go_sleep(5 * MS);
		sends();
	}
}

static void interrupts_and_lets(void *arg)
{
	(void)arg;
	go_sleep(5 * MS);
	sends();
	let(1);
}

/* A handler ends the wait, unless it has SA_RESTART. */
static void interrupted(void)
{
	struct sigaction sa = {.sa_handler = count};
	siginfo_t si;
	pid_t pid;
	int st;

	CHECK(pipe(gate) == 0);
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	pid = child(7);
	for (int i = 0; i < 2; i++) {
		ended = 0;
		go_waitgroup_go(&wg, interrupts, NULL);
		if (i == 0)
			CHECK(waitpid(pid, &st, 0) == -1 && errno == EINTR);
		else
			CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED) == -1 && errno == EINTR);
		CHECK(signals > 0);
		ended = 1;
		go_waitgroup_wait(&wg);
		signals = 0;
	}
	sa.sa_flags = SA_RESTART;
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	go(interrupts_and_lets, NULL);
	CHECK(waitpid(pid, &st, 0) == pid && WEXITSTATUS(st) == 7 && signals == 1);
}

static void continues(void *arg)
{
	pid_t pid = (pid_t)(intptr_t)arg;

	for (int i = 0; i < 3; i++) {
		go_sleep(2 * MS);
		CHECK(kill(pid, i % 2 ? SIGCONT : SIGSTOP) == 0);
	}
	CHECK(kill(pid, SIGCONT) == 0);
	let(1);
}

/* A child that stops is told of to those alone that ask. */
static void stopped(void)
{
	struct rusage ru = {0};
	siginfo_t si = {0};
	pid_t pid;
	int st;

	CHECK(pipe(gate) == 0);
	pid = child(3);
	CHECK(waitpid(pid, &st, WNOHANG) == 0);
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &st, WCONTINUED) == pid && WIFCONTINUED(st));
	go(continues, (void *)(intptr_t)pid);
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
	CHECK(si.si_pid == pid && si.si_code == CLD_EXITED && si.si_status == 3 && si.si_signo == SIGCHLD);
	CHECK(wait4(pid, &st, 0, &ru) == pid && WEXITSTATUS(st) == 3 && ru.ru_minflt > 0);
	CHECK(waitpid(pid, &st, 0) == -1 && errno == ECHILD);
	CHECK(waitpid(getppid(), &st, 0) == -1 && errno == ECHILD);
	signal(SIGCHLD, SIG_IGN);
	pid = child(0);
	go(continues, (void *)(intptr_t)pid);
	CHECK(waitpid(pid, &st, 0) == -1 && errno == ECHILD);
}

static int openfds(void)
{
	int n = 0;

	for (int fd = 900; fd < 1100; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* The numbers are the runtime's, are not the child's of a fork, and the program may take or close them. */
static void taken(void)
{
	pid_t pid, other;
	int st;

	CHECK(pipe(gate) == 0);
	limit(2048);
	for (int i = 0; i < 4; i++) {
		wait_for(pid = child(0));
		go_sleep(2 * MS);
		for (int fd = 900; fd < 1100; fd++)
			CHECK(close(fd) == -1 && errno == EBADF);
		other = fork();
		if (other == 0)
			_exit(openfds());
		CHECK(waitpid(other, &st, 0) == other && st == 0);
		if (i == 1)
			for (int fd = 900; fd < 1100; fd++)
				CHECK(dup2(gate[0], fd) == fd);
		if (i == 3)
			CHECK(syscall(SYS_close_range, 900, ~0U, 0) == 0);
		go_sleep(2 * MS);
		let(1);
		go_waitgroup_wait(&wg);
		CHECK(got == i + 1 && none == 0);
		for (int fd = 900; i == 1 && fd < 1100; fd++)
			CHECK(close(fd) == 0);
	}
}

/* Waits that end all the while, beside other work with descriptors. */
static void churns(void *arg)
{
	for (int i = 0; i < 15; i++) {
		int p[2], st;
		pid_t pid;
		char c;

		CHECK(pipe(p) == 0);
		pid = fork();
		if (pid == 0)
			_exit(write(p[1], "", 1) == 1 ? (int)(intptr_t)arg : 99);
		CHECK(read(p[0], &c, 1) == 1);
		close(p[0]);
		close(p[1]);
		CHECK(waitpid(pid, &st, 0) == pid && WEXITSTATUS(st) == (int)(intptr_t)arg);
	}
	go_waitgroup_done(&wg);
}

static void churn(void)
{
	enum { Goroutines = 12 };

	go_waitgroup_add(&wg, Goroutines);
	for (intptr_t i = 0; i < Goroutines; i++)
		go(churns, (void *)i);
	go_waitgroup_wait(&wg);
}

const struct testcase cases[] = {
	{"many", many}, {"few_numbers", few_numbers}, {"interrupted", interrupted}, {"stopped", stopped},
	{"taken", taken}, {"churn", churn}, {NULL, NULL},
};
