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

/* With one p there is no other thread that could run what waits. */
Test(sched, a_refused_thread_is_tried_again)
{
	static const char *const dirs[] = {"build/test/prog", "build/test/prog-debug"};
	static const char *const refused[] = {"runtime: cannot create a thread", NULL};

	for (int i = 0; i < 2; i++) {
		struct run r = run("GOMAXPROCS=1", progin(dirs[i], "sched"), "no_thread");

		cr_expect_eq(r.status, 0, "%s", r.err);
		cr_expect_str_eq(r.out, "ok\n");
		expect_words(r.err, refused, dirs[i]);
		run_free(&r);
	}
	dies("sched", "no_thread", 0, "");
}

Test(sched, stacks_leave_space) { everywhere("sched", "leaves_space"); }
/* It may say on standard error that a thread was refused, too. */
Test(sched, goes_on_when_a_stack_is_refused) { dies("sched", "refused_stack", 0, ""); }

Test(sched, global_queue_has_its_turn) { everywhere("sched", "global_turn"); }
Test(sched, nobody_is_lost_where_the_ring_is_full) { everywhere("sched", "full_ring"); }
Test(sched, an_idle_p_takes_what_waits) { everywhere("sched", "idle_p"); }
Test(sched, threads_are_made_by_a_clean_one) { everywhere("sched", "clean_threads"); }
Test(sched, so_when_main_is_wired) { everywhere("sched", "clean_threads_main"); }
