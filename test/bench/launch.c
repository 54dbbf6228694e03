/* SPDX-License-Identifier: MIT */
/*
 * launch COUNT PROGRAM - start PROGRAM so many times and print what a launch
 * costs: "wall US us" and "cpu US us" (medians, from before exec to after exit)
 * and "peak KIB KiB".
 *
 * Small and static on purpose. Python's fork costs more than the programs we
 * time, and an exec'd child's ru_maxrss starts at the peak of the process that
 * spawned it. The kernel also keeps that number in per-CPU batches, too coarse
 * for a program of 100 KiB. So the peak comes from one more run, under ptrace,
 * that is stopped at its exit and asked for VmHWM.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WARM = 3 };

extern char **environ;
static char **command;
static int null_out;

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void check_status(int status)
{
	if (status == 0)
		return;
	fprintf(stderr, "%s: %s %d\n", command[0], WIFSIGNALED(status) ? "signal" : "exit status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	exit(1);
}

static double us(struct timeval t)
{
	return t.tv_sec * 1e6 + t.tv_usec;
}

static void launch(double *wall, double *cpu)
{
	posix_spawn_file_actions_t quiet;
	struct timespec from, to;
	struct rusage use;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_adddup2(&quiet, null_out, 1);
	clock_gettime(CLOCK_MONOTONIC, &from);
	check(posix_spawn(&pid, command[0], &quiet, NULL, command, environ) == 0, command[0]);
	check(wait4(pid, &status, 0, &use) == pid, "wait4");
	clock_gettime(CLOCK_MONOTONIC, &to);
	check_status(status);
	*wall = (to.tv_sec - from.tv_sec) * 1e6 + (to.tv_nsec - from.tv_nsec) / 1e3;
	*cpu = us(use.ru_utime) + us(use.ru_stime);
}

/* VmHWM of a stopped process, in KiB. */
static long high_water(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *f = fopen(path, "r");
	check(f != NULL, path);
	while (fgets(line, sizeof line, f))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = atol(line + 6);
	fclose(f);
	return kib;
}

/* One untimed run, stopped on its way out. Signals on the way are passed on. */
static long peak(void)
{
	long kib = 0;
	int status;
	pid_t pid = fork();

	check(pid >= 0, "fork");
	if (pid == 0) {
		dup2(null_out, 1);
		check(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "ptrace");
		execv(command[0], command);
		_exit(127);
	}
	check(waitpid(pid, &status, 0) == pid, "waitpid"); /* the stop at exec */
	if (!WIFSTOPPED(status))
		check_status(status);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(intptr_t)PTRACE_O_TRACEEXIT);
	for (int sig = 0;;) {
		ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)sig);
		check(waitpid(pid, &status, 0) == pid, "waitpid");
		if (!WIFSTOPPED(status))
			break;
		int at_exit = status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8);
		sig = at_exit ? 0 : WSTOPSIG(status);
		if (at_exit)
			kib = high_water(pid);
	}
	check_status(status);
	return kib;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, n, sizeof *v, ascending);
	return (v[(n - 1) / 2] + v[n / 2]) / 2;
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[1]) : 0;
	if (count <= 0) {
		fprintf(stderr, "usage: launch COUNT PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	command = argv + 2;
	null_out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	double *wall = malloc(count * sizeof *wall), *cpu = malloc(count * sizeof *cpu);
	for (int i = 0; i < WARM; i++)
		launch(&wall[0], &cpu[0]);
	for (int i = 0; i < count; i++)
		launch(&wall[i], &cpu[i]);
	printf("wall %.1f us\n", median(wall, count));
	printf("cpu %.1f us\n", median(cpu, count));
	printf("peak %ld KiB\n", peak());
	return 0;
}
