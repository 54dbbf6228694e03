/* SPDX-License-Identifier: MIT */
/* faults.c - what ends a program: faults and used-up stacks, in main and in goroutines. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "prog.h"

static go_waitgroup wg;

static void in_goroutine(void (*fn)(void *))
{
	go_waitgroup_add(&wg, 1);
	go(fn, NULL);
	go_waitgroup_wait(&wg);
}

/* ---- faults ---- */

static int *volatile null;
static volatile int zero;

static void dereferences(void *arg)
{
	(void)arg;
	*null = 1;
}

static void null_main(void) { dereferences(NULL); }
static void null_other(void) { in_goroutine(dereferences); }

/* On one p main has parked when the other runs. */
static void null_parked(void)
{
	go_maxprocs(1);
	null_other();
}

static void calls_null(void)
{
	void (*volatile fn)(void) = NULL;

	fn();
}

static volatile int quotient;

static void divides(void *arg)
{
	(void)arg;
	quotient = 100 / zero;
}

static void divide(void) { in_goroutine(divides); }
static void illegal(void) { __builtin_trap(); }

static void bus(void)
{
	char name[] = "/tmp/faults.XXXXXX";
	int fd = mkstemp(name);
	char *p;

	unlink(name);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	*(volatile char *)p = 1;
}

static void sent(void) { kill(getpid(), SIGSEGV); }

static void many_fault(void)
{
	for (int i = 0; i < 50; i++)
		go(dereferences, NULL);
	go_sleep(1000 * MS);
	CHECK(!"nobody faulted");
}

/* A pointer into the code of nobody, with the stack in order. */
static void wild(void)
{
	*(volatile int *)0xdead000000000000 = 1;
}

/* ---- stacks ---- */

static int deep(int depth);
static int (*volatile deeper)(int) = deep;
static bool parking;
static int64_t limit = INT64_MAX;

/* Frames of a page, so that none steps over a guard. */
static int deep(int depth)
{
	volatile char here[2000];

	here[0] = (char)depth;
	if (parking)
		go_sched();
	if (depth >= limit)
		return depth;
	return deeper(depth + 1) + here[0];
}

static void overflows(void *arg)
{
	(void)arg;
	deep(0);
}

static void overflow_main(void) { deep(0); }
static void overflow_other(void) { in_goroutine(overflows); }

static void overflow_big(void)
{
	go_waitgroup_add(&wg, 1);
	go_stack(3 << 20, overflows, NULL);
	go_waitgroup_wait(&wg);
}

static void overflow_parking(void)
{
	parking = true;
	overflow_other();
}

/* Guards of stacks that were used before. */
static void goes_deep(void *arg)
{
	limit = 60;
	deep(0);
	go_waitgroup_done(&wg);
	(void)arg;
}

static void overflow_reused(void)
{
	for (int i = 0; i < 100; i++)
		in_goroutine(goes_deep);
	limit = INT64_MAX;
	overflow_other();
}

/* Slots that were cut together, and got their guards together. */
static void stands(void *arg)
{
	(void)arg;
	go_sleep(INT64_MAX);
}

static void overflow_crowded(void)
{
	for (int i = 0; i < 300; i++)
		go(stands, NULL);
	overflow_other();
}

/* One huge frame that is written from its far end. */
static void far_frame(void *arg)
{
	volatile char here[(192 << 10) + (34 << 10)]; /* of 196 to 224 KiB that are there, and 32 of guard */

	for (size_t i = sizeof here; i > 0; i -= 512)
		here[i - 512] = 1;
	(void)arg;
}

static void overflow_far(void) { in_goroutine(far_frame); }

/* Deep recursion that calls into libc, whose frame then hits the guard. */
static int prints_deep(int depth);
static int (*volatile prints_deeper)(int) = prints_deep;

static int prints_deep(int depth)
{
	char buf[200];

	snprintf(buf, sizeof buf, "%d %f", depth, depth * 1.5);
	return prints_deeper(depth + 1) + buf[0];
}

static void printing(void *arg)
{
	(void)arg;
	prints_deep(0);
}

static void overflow_libc(void) { in_goroutine(printing); }

const struct testcase cases[] = {
	{"null_main", null_main},
	{"null_other", null_other},
	{"null_parked", null_parked},
	{"calls_null", calls_null},
	{"divide", divide},
	{"illegal", illegal},
	{"bus", bus},
	{"sent", sent},
	{"many_fault", many_fault},
	{"wild", wild},
	{"overflow_main", overflow_main},
	{"overflow_other", overflow_other},
	{"overflow_big", overflow_big},
	{"overflow_parking", overflow_parking},
	{"overflow_reused", overflow_reused},
	{"overflow_far", overflow_far},
	{"overflow_crowded", overflow_crowded},
	{"overflow_libc", overflow_libc},
	{NULL, NULL},
};
