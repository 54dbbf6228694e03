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
Test(nasty, nested_functions) { everywhere("nasty", "nested"); }

Test(nasty, a_handler_cannot_start_one)
{
	dies("nasty", "handler_starts", 2,
	     "fatal error: a signal handler that interrupted no running goroutine made a call that needs one");
}
