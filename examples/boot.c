/* SPDX-License-Identifier: MIT */
/*
 * boot.c - what the boot found and made, as far as a program can see it.
 *
 *	gocrt-gcc boot.c -o boot
 *
 * In Go's terms: a g is a goroutine, an m a thread of the kernel's, a p the
 * right to run Go code; an m needs a p to run a g.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <go.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

extern const char _start[];

static int constructed_on; /* the thread that ran the constructors */

/* The kernel's name for the running thread. A goroutine may move, so it can change. */
static int thread(void)
{
	return (int)syscall(SYS_gettid);
}

__attribute__((constructor)) static void construct(void)
{
	constructed_on = thread();
}

/* The threads of this process: those that run goroutines, the idle ones and sysmon. */
static int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = 0;

	if (!dir)
		return -1;
	for (struct dirent *d; (d = readdir(dir));)
		n += d->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void say(void *who)
{
	char on_stack;

	printf("%-18s goroutine %" PRIu64 " on thread %d, its stack near %p\n",
		(char *)who, go_id(), thread(), (void *)&on_stack);
}

int main(int argc, char **argv)
{
	go_waitgroup wg = {0};

	printf("program            %s, %d argument%s\n", argv[0], argc - 1,
		argc == 2 ? "" : "s");
	printf("entry              %#lx, which is _start at %p\n", getauxval(AT_ENTRY),
		(const void *)_start);
	printf("CPUs               %d\n", go_num_cpu());
	printf("page size          %ld bytes\n", sysconf(_SC_PAGESIZE));
	printf("Ps (GOMAXPROCS)    %d\n", go_maxprocs(0));
	printf("process            %d; constructors ran on thread %d\n", (int)getpid(),
		constructed_on);
	say("main is");
	go_waitgroup_go(&wg, say, "a second one is");
	go_waitgroup_wait(&wg);
	printf("goroutines left    %d\n", go_num_goroutine());
	printf("threads (Ms)       %d\n", count_threads());
	return 0;
}
