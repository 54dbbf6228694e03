/* SPDX-License-Identifier: MIT */
/* waits.h - for programs that wait: until when, and how many threads that takes. */
#ifndef WAITS_H
#define WAITS_H

#include <dirent.h>

#include "prog.h"

static inline struct timespec in(clockid_t clock, int64_t ns)
{
	struct timespec t;

	clock_gettime(clock, &t);
	ns += t.tv_nsec;
	t.tv_sec += ns / 1000000000;
	t.tv_nsec = ns % 1000000000;
	return t;
}

/* Of this process, as the kernel counts them. */
static inline int threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = -2; /* . and .. */

	CHECK(d != NULL);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

#endif
