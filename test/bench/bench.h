/* SPDX-License-Identifier: MIT */
/*
 * What the benchmark programs share. A program does its work once for warmth,
 * once under the clock, checks its own result, and prints one line a metric:
 * NAME VALUE UNIT. bench.py reads those lines.
 */
#ifndef BENCH_H
#define BENCH_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline void report(const char *metric, double value, const char *unit)
{
	printf("%s %.3f %s\n", metric, value, unit);
}

/* A benchmark of wrong results is worth nothing: say so and fail. */
static inline void expect(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "wrong result: %s\n", what);
	exit(1);
}

/* A number from /proc/self/status, in the unit it has there (KiB for memory). */
static inline long status(const char *field)
{
	char buf[4096];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(fd, buf, sizeof buf - 1);
	close(fd);
	buf[n > 0 ? n : 0] = 0;
	const char *p = strstr(buf, field);
	return p ? atol(p + strlen(field)) : 0;
}

/* Bytes of memory this process costs now, its page tables included. */
static inline double resident(void)
{
	return 1024.0 * (status("VmRSS:") + status("VmPTE:"));
}

#endif
