/* SPDX-License-Identifier: MIT */
/* sync_test.c - go_mutex, go_waitgroup, go_sleep, go_nanotime. prog("sync") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(mutex, .timeout = 120);
TestSuite(waitgroup, .timeout = 120);
TestSuite(sleep, .timeout = 120);

Test(mutex, excludes) { everywhere("sync", "mutex_counts"); }
Test(mutex, trylock) { everywhere("sync", "mutex_tries"); }
Test(mutex, belongs_to_nobody) { everywhere("sync", "mutex_ownerless"); }
Test(mutex, nobody_starves) { everywhere("sync", "mutex_starving"); }
Test(mutex, first_come_first_served) { everywhere("sync", "mutex_in_order"); }
Test(mutex, may_be_freed_by_the_last_to_leave) { everywhere("sync", "mutex_freed"); }

Test(mutex, unlock_of_unlocked)
{
	dies("sync", "unlocked", 2, "fatal error: sync: unlock of unlocked mutex\n",
		"goroutine 1 [running]:\n");
	dies("sync", "unlocked_twice", 2, "fatal error: sync: unlock of unlocked mutex\n",
		"goroutine 1 [running]:\n");
	dies("sync", "unlocked_behind", 2, "fatal error: sync: unlock of unlocked mutex\n");
}

Test(waitgroup, counts) { everywhere("sync", "group_counts"); }
Test(waitgroup, lets_all_waiters_go) { everywhere("sync", "group_many_waiters"); }
Test(waitgroup, may_be_freed_after_wait) { everywhere("sync", "group_freed"); }
Test(waitgroup, lives_on_stacks) { everywhere("sync", "group_on_stack"); }
Test(waitgroup, go_exit_is_done_too) { everywhere("sync", "group_exit"); }

Test(waitgroup, below_zero)
{
	dies("sync", "negative", 2, "panic: sync: negative WaitGroup counter\n",
		"goroutine 1 [running]:\n");
	dies("sync", "negative_add", 2, "panic: sync: negative WaitGroup counter\n");
}

/* On one p that takes goroutines in the order in which they became runnable: elsewhere one may wait for its turn. */
Test(sleep, wakes_in_order)
{
	struct run r = run("GOMAXPROCS=1", "GODEBUG=", prog("sync"), "sleep_order");

	expect_ok(&r, "sleep_order");
	run_free(&r);
}

Test(sleep, never_too_short) { everywhere("sync", "sleep_many"); }
Test(sleep, ends_though_all_are_busy) { everywhere("sync", "sleep_busy"); }
Test(sleep, edges) { everywhere("sync", "sleep_edges"); }
Test(sleep, the_clock_is_for_every_thread) { everywhere("sync", "time_on_thread"); }
