/* SPDX-License-Identifier: MIT */
/*
 * run.h - run a program from a test and keep what it printed and how it ended.
 *
 * A program that is not done after RUN_SECONDS is killed with SIGKILL. Arguments
 * are listed after the path; environment settings are "NAME=value" strings put
 * before it:
 *
 *	struct run r = run(prog("hello"));
 *	struct run r = run("GOMAXPROCS=1", "GODEBUG=schedtrace=1", prog("spin"), "3");
 *	cr_assert_eq(r.status, 0, "%s", r.err);
 *	run_free(&r);
 */
#ifndef RUN_H
#define RUN_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUN_SECONDS = 60 };

struct run {
	int status; /* exit status; 128 + n: killed by signal n; 127: not found */
	bool late;  /* killed for taking too long */
	char *out, *err;
};

/* The path of a program of test/prog; PROGDIR chooses among its builds. */
__attribute__((unused)) static const char *prog(const char *name)
{
	static char path[8][256];
	static unsigned next;
	const char *dir = getenv("PROGDIR");
	char *p = path[next++ % 8];

	snprintf(p, sizeof path[0], "%s/%s", dir ? dir : "build/test/prog", name);
	return p;
}

static void run_child(const char *const *argv, int in, int out, int err)
{
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	for (; *argv && strchr(*argv, '=') && (*argv)[0] != '/'; argv++)
		putenv((char *)*argv);
	/* Criterion's workers ignore or block some signals; a program expects neither. */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	execvp(argv[0], (char *const *)argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* All that f holds, as a string; closes f. */
static char *run_slurp(FILE *f)
{
	size_t size = (size_t)lseek(fileno(f), 0, SEEK_END), n;
	char *s = malloc(size + 1);

	rewind(f);
	n = fread(s, 1, size, f);
	s[n] = '\0';
	fclose(f);
	return s;
}

static int64_t run_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* As run, with a list that ends in NULL; input (may be NULL) is the program's standard input. */
__attribute__((unused)) static struct run run_list(
	const char *input, const char *const *argv)
{
	struct run r = {.status = -1};
	FILE *in = tmpfile(), *out = tmpfile(), *err = tmpfile();
	int64_t end = run_now() + RUN_SECONDS * 1000000000LL;
	int status;
	pid_t pid;

	if (input) {
		fputs(input, in);
		rewind(in);
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_child(argv, fileno(in), fileno(out), fileno(err));
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (!r.late && run_now() > end) {
			r.late = true;
			kill(pid, SIGKILL);
		}
		usleep(500);
	}
	r.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	r.out = run_slurp(out);
	r.err = run_slurp(err);
	fclose(in);
	return r;
}

#define run(...) run_list(NULL, (const char *const[]){__VA_ARGS__, NULL})

__attribute__((unused)) static void run_free(struct run *r)
{
	free(r->out);
	free(r->err);
	*r = (struct run){0};
}

#endif
