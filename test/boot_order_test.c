/* SPDX-License-Identifier: MIT */
/*
 * boot_order_test.c - gdb puts a breakpoint on every step of the boot and meets
 * them in the order of tools/boot.txt, with a whole backtrace at each; a Go
 * program, where there is a toolchain to make one, meets its own in the same
 * order. Run from the project's root, as `make test` does.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>

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
