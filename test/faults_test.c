/* SPDX-License-Identifier: MIT */
/* faults_test.c - reports of faults and stack overflows. prog("faults") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(faults, .timeout = 120);
TestSuite(overflow, .timeout = 120);

#define SEGV "fatal error: SIGSEGV: segmentation violation\n"

Test(faults, null_pointer)
{
	dies("faults", "null_main", 2, SEGV, "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x",
		"\ngoroutine 1 [running]:\n", "dereferences()\n", "test/prog/faults.c:", "null_main()\n",
		"main()\n");
	dies("faults", "null_other", 2, SEGV, "addr=0x0 pc=0x", "\ngoroutine ", " [running]:\n",
		"dereferences()\n", "created by in_goroutine in goroutine 1\n", "test/prog/faults.c:");
}

Test(faults, null_function)
{
	dies("faults", "calls_null", 2, SEGV, "addr=0x0 pc=0x0]\n", "\ngoroutine 1 [running]:\n",
		"calls_null()", "main()\n");
}

Test(faults, wild_pointer) { dies("faults", "wild", 2, SEGV, "\ngoroutine 1 [running]:\n", "wild()\n"); }

Test(faults, other_kinds)
{
	dies("faults", "divide", 2, "fatal error: SIGFPE: floating-point exception\n", "divides()\n",
		"created by in_goroutine in goroutine 1\n");
	dies("faults", "illegal", 2, "fatal error: SIGILL: illegal instruction\n",
		"goroutine 1 [running]:\n", "illegal()\n");
	dies("faults", "bus", 2, "fatal error: SIGBUS: bus error\n", "goroutine 1 [running]:\n", "bus()\n");
}

Test(faults, sent_by_a_process)
{
	dies("faults", "sent", 2, SEGV, "[signal SIGSEGV: segmentation violation sent by process ");
}

/* Of many at once one reports, whole. */
static void check_one_report(const char *path, const char *setting, void *arg)
{
	struct run r = run(setting, path, arg);
	int reports = 0, heads = 0;

	cr_expect_eq(r.status, 2, "%d", r.status);
	for (char *s = r.err; (s = strstr(s, "fatal error:")); s++)
		reports++;
	for (char *s = r.err; (s = strstr(s, "\ngoroutine ")); s++)
		heads++;
	cr_expect_eq(reports, 1, "%s", r.err);
	cr_expect_eq(heads, 1, "%s", r.err);
	run_free(&r);
}

Test(faults, one_report_of_many) { in_each(check_one_report, "faults", "many_fault"); }

Test(faults, traceback_none)
{
	struct run r = run("GOTRACEBACK=none", prog("faults"), "null_main");

	cr_expect_eq(r.status, 2);
	cr_expect_not_null(strstr(r.err, SEGV));
	cr_expect_null(strstr(r.err, "goroutine"), "%s", r.err);
	run_free(&r);
}

Test(faults, traceback_all)
{
	struct run r = run("GOTRACEBACK=all", prog("faults"), "null_parked");

	cr_expect_eq(r.status, 2);
	cr_expect_not_null(strstr(r.err, "goroutine 1 [sync.WaitGroup.Wait]:\n"), "%s", r.err);
	run_free(&r);
}

Test(faults, traceback_crash)
{
	struct run r = run("GOTRACEBACK=crash", prog("faults"), "null_main");

	cr_expect_eq(r.status, 128 + SIGABRT, "%d", r.status);
	cr_expect_not_null(strstr(r.err, "dereferences()\n"));
	run_free(&r);
}

Test(faults, traceback_unknown)
{
	struct run r = run("GOTRACEBACK=loud", prog("faults"), "null_main");

	cr_expect_eq(r.status, 2);
	cr_expect_not_null(
		strstr(r.err, "runtime: ignoring GOTRACEBACK=loud: value cannot be parsed\n"), "%s", r.err);
	run_free(&r);
}

static const char *const guards[] = {"GODEBUG=", "GODEBUG=stackguard=1"};

Test(overflow, of_main)
{
	for (int i = 0; i < 2; i++)
		dies_env(guards[i], "faults", "overflow_main", 2, "runtime: goroutine 1's stack of ",
			" bytes is used up\n", "fatal error: stack overflow\n",
			"\ngoroutine 1 [running]:\n", "deep()\n");
}

Test(overflow, of_a_goroutine)
{
	static const char *const name[] = {"overflow_other", "overflow_parking", "overflow_reused",
		"overflow_crowded", "overflow_far"};

	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 5; k++)
			dies_env(guards[i], "faults", name[k], 2, "runtime: goroutine ",
				"'s stack of ", " bytes is used up\n", "fatal error: stack overflow\n",
				"\ngoroutine ", " [running]:\n", k < 4 ? "deep()\n" : "far_frame()\n");
}

Test(overflow, of_a_large_one)
{
	for (int i = 0; i < 2; i++)
		dies_env(guards[i], "faults", "overflow_big", 2, "runtime: goroutine ",
			"'s stack of ", " bytes is used up\n", "fatal error: stack overflow\n", "deep()\n");
}

Test(overflow, inside_libc)
{
	for (int i = 0; i < 2; i++)
		dies_env(guards[i], "faults", "overflow_libc", 2, "runtime: goroutine ",
			"fatal error: stack overflow\n", "\ngoroutine ", " [running]:\n");
}

/* Without guards it is found when the goroutine parks, at the latest. */
Test(overflow, found_by_the_canary)
{
	dies_env("GODEBUG=stackguard=2", "faults", "overflow_parking", 2, "runtime: goroutine ",
		"'s stack of ", " bytes is used up\n", "fatal error: stack overflow\n",
		"\ngoroutine ", " [running]:\n");
}
