/* SPDX-License-Identifier: MIT */
/* cancel_test.c - goroutines are joined and cancelled as threads. prog("cancel") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(join, .timeout = 120);

Test(join, main_by_a_goroutine) { everywhere("cancel", "join_main"); }
Test(join, main_by_a_thread) { everywhere("cancel", "join_main_by_thread"); }
Test(join, main_that_has_ended) { everywhere("cancel", "join_main_late"); }
Test(join, not_a_detached_main) { everywhere("cancel", "detach_main"); }
Test(join, deadlock_names_it)
{
	dies("cancel", "join_stuck", 2, "fatal error: all goroutines are asleep - deadlock!\n",
		"[pthread_join");
}
