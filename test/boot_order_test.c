/* SPDX-License-Identifier: MIT */
/*
 * boot_order_test.c - gdb puts a breakpoint on every step of the boot and meets
 * them in the order of tools/boot.txt, with a whole backtrace at each; a Go
 * program, where there is a toolchain to make one, meets its own in the same
 * order. And the boot touches few pages. Run from the project's root, as `make test` does.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>

#include "run.h"

TestSuite(boot_order, .timeout = 120);

static struct run steps(void)
{
	return run("sh", "-c", "grep -v '^#' tools/boot.txt | cut -f1");
}

Test(boot_order, is_the_table)
{
	struct run want = steps();
	struct run r = run("tools/boot-order.sh", "build/examples/hello");

	cr_assert_eq(want.status, 0);
	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_str_eq(r.out, want.out, "gdb met:\n%s%s", r.out, r.err);
	run_free(&want);
	run_free(&r);
}

Test(boot_order, is_the_same_with_any_number_of_ps)
{
	static const char *const procs[] = {
		"GOMAXPROCS=1", "GOMAXPROCS=2", "GOMAXPROCS=8"};
	struct run want = steps();

	for (size_t i = 0; i < sizeof procs / sizeof *procs; i++) {
		struct run r =
			run(procs[i], "tools/boot-order.sh", "build/examples/hello");
		cr_expect_str_eq(
			r.out, want.out, "%s, gdb met:\n%s%s", procs[i], r.out, r.err);
		run_free(&r);
	}
	run_free(&want);
}

/* boot-order.sh --bt ends a line with "..." when the unwinder lost its way. */
Test(boot_order, backtraces_end_cleanly)
{
	struct run r = run("tools/boot-order.sh", "--bt", "build/examples/hello");

	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_null(strstr(r.out, "..."), "%s", r.out);
	cr_expect_null(strstr(r.out, "0x"), "a frame without a name:\n%s", r.out);
	cr_expect_not_null(
		strstr(r.out, "\nruntime_check < runtime_rt0_go\n"), "%s", r.out);
	cr_expect_not_null(strstr(r.out, "\nmain < runtime_main"), "%s", r.out);
	run_free(&r);
}

Test(boot_order, is_gos)
{
	struct run r = run("tools/boot-compare.sh", "build/examples/hello");

	cr_expect_eq(r.status, 0, "%s%s", r.out, r.err);
	if (!strstr(r.err, "no Go toolchain"))
		cr_expect_not_null(
			strstr(r.out, " steps, the same order\n"), "%s", r.out);
	run_free(&r);
}

/* The faults of hello from exec to exit, and the few of the child that is to become it. */
static long faults(void)
{
	posix_spawn_file_actions_t quiet;
	char *argv[] = {"hello", NULL};
	struct rusage use;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	cr_assert_eq(posix_spawn(&pid, "build/examples/hello", &quiet, NULL, argv, environ), 0);
	cr_assert_eq(wait4(pid, &status, 0, &use), pid);
	cr_assert_eq(status, 0);
	return use.ru_minflt;
}

/*
 * 8 to 10, as the kernel happens to place the stack; 12 with one more page of data or with the boot's code in two
 * windows of 64 KiB. With many CPUs the cgroup's files are read too, so there is one.
 */
Test(boot_order, touches_few_pages)
{
	long least = 1000;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
	for (int i = 0; i < 30; i++) {
		long n = faults();

		least = n < least ? n : least;
	}
	cr_expect_leq(least, 9, "%ld faults at least", least);
}
