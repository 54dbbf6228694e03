/* SPDX-License-Identifier: MIT */
/* nasty_test.c - what few programs do, and threads do right. prog("nasty") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(nasty, .timeout = 120);

Test(nasty, recvmmsg) { everywhere("nasty", "many_messages"); }
Test(nasty, recvmmsg_interrupted) { everywhere("nasty", "not_512"); }
Test(nasty, recvmsg_waitall) { everywhere("nasty", "whole_message"); }
Test(nasty, so_rcvlowat) { everywhere("nasty", "low_water"); }
Test(nasty, buffers_too_small) { everywhere("nasty", "too_small"); }
Test(nasty, a_handler_wakes_main) { everywhere("nasty", "handler_wakes"); }
Test(nasty, the_lowest_number_stays_free) { everywhere("nasty", "lowest_number"); }
Test(nasty, one_write_of_a_gibibyte)
{
	struct run r = run(prog("nasty"), "gibibyte");

	cr_expect_eq(r.status, 0, "%s", r.err);
	run_free(&r);
}
Test(nasty, a_write_that_the_other_side_cuts_short) { everywhere("nasty", "parts"); }
Test(nasty, fork_beside_setuid) { everywhere("nasty", "forks_and_setuid"); }
Test(nasty, realtime_signals_reach_main) { everywhere("nasty", "realtime"); }
Test(nasty, a_handler_changes_its_context_mask) { everywhere("nasty", "context_mask"); }
Test(nasty, nested_functions) { everywhere("nasty", "nested"); }

Test(nasty, a_handler_cannot_start_one)
{
	dies("nasty", "handler_starts", 2,
	     "fatal error: a signal handler that interrupted no running goroutine made a call that needs one");
}
