/* SPDX-License-Identifier: MIT */
/*
 * cfi_test.c - at every instruction of the boot and of the stack switches gdb
 * can walk the stack to its end (test/tools/cfi.py).
 */
#include <criterion/criterion.h>

#include "run.h"

TestSuite(cfi, .timeout = 120);

static void stepthrough(const char *procs, const char *nofsgsbase, const char *path)
{
	struct run r = run(procs, nofsgsbase, "gdb", "-batch", "-nx", "-ex",
			   "python STEPS = 40000", "-x", "test/tools/cfi.py", path);

	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_not_null(strstr(r.out, "ok: "), "%s%s", r.out, r.err);
	run_free(&r);
}

Test(cfi, holds_through_the_boot)
{
	stepthrough("GOMAXPROCS=2", "GODEBUG=", "build/examples/hello");
}

Test(cfi, holds_through_switches_parks_and_sleeps)
{
	stepthrough("GOMAXPROCS=1", "GODEBUG=", prog("cfi"));
}

Test(cfi, holds_where_the_thread_pointer_is_set_by_a_system_call)
{
	stepthrough("GOMAXPROCS=1", "GODEBUG=nofsgsbase=1", prog("cfi"));
}
