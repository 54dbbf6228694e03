/* SPDX-License-Identifier: MIT */
/* cancel_test.c - goroutines are joined and cancelled as threads. prog("cancel") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

/* In each build with each number of Ps. */
static void cancelled_in(const char *path, const char *setting, void *what)
{
	struct run r = run(setting, path, "wait", what);

	expect_ok(&r, what);
	run_free(&r);
}

TestSuite(join, .timeout = 120);
TestSuite(cancel, .timeout = 120);

Test(join, main_by_a_goroutine) { everywhere("cancel", "join_main"); }
Test(join, main_by_a_thread) { everywhere("cancel", "join_main_by_thread"); }
Test(join, main_that_has_ended) { everywhere("cancel", "join_main_late"); }
Test(join, not_a_detached_main) { everywhere("cancel", "detach_main"); }
Test(join, deadlock_names_it)
{
	dies("cancel", "join_stuck", 2, "fatal error: all goroutines are asleep - deadlock!\n",
		"[pthread_join");
}

Test(cancel, of_what_waits)
{
	static const char *const waits[] = {"pipe", "full_pipe", "poll", "select", "epoll", "recv", "accept",
		"sleep", "pause", "waitpid", "wait_any", "sem", "timed_sem", "cond", "timed_cond", "sigwait",
		"open", "lock", "join", "join_of_main"};

	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
		in_each(cancelled_in, "cancel", (void *)waits[i]);
}

Test(cancel, of_a_crowd_that_parks) { everywhere("cancel", "crowd_parks"); }
Test(cancel, can_be_turned_off) { everywhere("cancel", "disabled"); }
Test(cancel, not_in_what_is_no_point) { everywhere("cancel", "points"); }
Test(cancel, asynchronously) { everywhere("cancel", "async"); }
Test(cancel, not_what_computes) { everywhere("cancel", "deferred"); }
Test(cancel, while_a_handler_runs) { everywhere("cancel", "handlers"); }
Test(cancel, loses_no_data) { everywhere("cancel", "races"); }
Test(cancel, loses_no_signal_of_a_condition) { everywhere("cancel", "cond_races"); }
Test(cancel, of_threads) { everywhere("cancel", "threads"); }
Test(cancel, of_main) { everywhere("cancel", "of_main"); }
