/* SPDX-License-Identifier: MIT */
/* panic_test.c - panic, defer and recover as programs see them; prog("panic") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(defer, .timeout = 120);
TestSuite(panic, .timeout = 120);

Test(defer, runs_however_the_block_is_left) { everywhere("panic", "ways_to_leave"); }
Test(defer, runs_when_the_goroutine_exits) { everywhere("panic", "exit_runs_them"); }
Test(defer, exit_passes_a_try) { everywhere("panic", "exit_passes_try"); }

Test(defer, is_skipped_by_longjmp) { everywhere("panic", "jumped_over"); }
Test(defer, exit_goes_on_after_a_panic) { everywhere("panic", "exit_goes_on"); }

Test(panic, after_longjmp_out_of_a_try)
{
	dies("panic", "jumped_over_uncaught", 2, "panic: after the jump\n", "goroutine 1 [running]:");
}

Test(panic, in_what_exit_runs)
{
	dies("panic", "exit_uncaught", 2, "panic: in a deferred call\n", " [running]:");
}

Test(panic, is_stopped_by_try) { everywhere("panic", "stopped"); }
Test(panic, nests) { everywhere("panic", "nested"); }
Test(panic, in_a_deferred_call) { everywhere("panic", "while_panicking"); }
Test(panic, with_a_long_message) { everywhere("panic", "long_message"); }
Test(panic, has_a_message_of_its_own_in_each_goroutine) { everywhere("panic", "own_messages"); }
Test(panic, releases_what_was_deferred) { everywhere("panic", "releases"); }

Test(panic, ends_the_program)
{
	dies("panic", "uncaught", 2, "panic: nobody stops this\n", "\ngoroutine 1 [running]:\n",
		"go_panic()", "uncaught()", "panic.c:", "main()");
	struct run r = run(prog("panic"), "uncaught");
	cr_expect_str_eq(r.out, "deferred\n");
	run_free(&r);
}

Test(panic, shows_all_that_were_under_way)
{
	dies("panic", "uncaught_two", 2, "panic: first\n\tpanic: second\n", "goroutine 1 [running]:");
}

Test(panic, on_any_goroutine)
{
	dies("panic", "elsewhere", 2, "panic: on another\n", "goroutine ", " [running]:",
		"panicking()", "created by elsewhere in goroutine 1");
}

Test(panic, shows_the_others_when_asked)
{
	dies_env("GOTRACEBACK=all", "panic", "with_others", 2, "panic: all shown\n",
		"goroutine 1 [running]:", " [sleep]: \"sleeper\"\n", "parked()");
	struct run r = run("GOTRACEBACK=none", prog("panic"), "with_others");
	cr_expect_str_eq(r.err, "panic: all shown\n");
	run_free(&r);
}

Test(panic, can_dump_core)
{
	struct run r = run("GOTRACEBACK=crash", prog("panic"), "uncaught");

	cr_expect_eq(r.status, 128 + SIGABRT);
	run_free(&r);
}

Test(panic, is_not_what_a_fault_is)
{
	dies("panic", "fault_in_try", 2, "fatal error: SIGSEGV", "addr=0x0", "fault()");
}
