/* SPDX-License-Identifier: MIT */
/* sched_test.c - corners of the scheduler. prog("sched") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(sched, .timeout = 120);

static const char asleep[] = "fatal error: all goroutines are asleep - deadlock!";

Test(sched, all_wait_when_a_wired_one_has_ended)
{
	dies("sched", "wired_ends", 2, asleep, "goroutine 1 [select (no cases)]");
}

Test(sched, all_wait_when_main_has_ended_wired)
{
	dies("sched", "wired_main_ends", 2, asleep, "goroutine 2 [select (no cases)]");
}

Test(sched, all_wait_when_a_thread_has_ended)
{
	dies("sched", "thread_ends", 2, asleep, "goroutine 1 [select (no cases)]");
}

/* These say on standard error that a thread was refused, and end with status 0. */
Test(sched, a_refused_thread_is_tried_again)
{
	dies("sched", "no_thread", 0, "runtime: cannot create a thread");
}

Test(sched, goes_on_when_a_stack_is_refused) { dies("sched", "refused_stack", 0, ""); }

Test(sched, global_queue_has_its_turn) { everywhere("sched", "global_turn"); }
Test(sched, an_idle_p_takes_what_waits) { everywhere("sched", "idle_p"); }
Test(sched, threads_are_made_by_a_clean_one) { everywhere("sched", "clean_threads"); }
Test(sched, so_when_main_is_wired) { everywhere("sched", "clean_threads_main"); }
