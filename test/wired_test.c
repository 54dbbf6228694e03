/* SPDX-License-Identifier: MIT */
/* wired_test.c - go_lock_os_thread. prog("wired") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(wired, .timeout = 120);

Test(wired, stays_on_its_thread) { everywhere("wired", "same_thread"); }
Test(wired, nests) { everywhere("wired", "nests"); }
Test(wired, has_it_for_itself) { everywhere("wired", "alone"); }
Test(wired, ends_it) { everywhere("wired", "ends_thread"); }
Test(wired, is_not_inherited) { everywhere("wired", "children"); }
Test(wired, hand_over_to_each_other) { everywhere("wired", "pingpong"); }

Test(wired, main_may_end_so)
{
	struct run r = run(prog("wired"), "main_ends");

	cr_expect_eq(r.status, 0);
	cr_expect_str_eq(r.out, "went on\n");
	cr_expect_str_empty(r.err);
	run_free(&r);
}
