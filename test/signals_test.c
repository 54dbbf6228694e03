/* SPDX-License-Identifier: MIT */
/* signals_test.c - signals, masks, abort, SIGQUIT's dump. prog("signals") and prog("once") have the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(signals, .timeout = 120);

Test(signals, raise) { everywhere("signals", "raises"); }
Test(signals, kill_to_its_own_process) { everywhere("signals", "kill_own"); }
Test(signals, pthread_kill_to_itself) { everywhere("signals", "kill_self"); }
Test(signals, pthread_kill_to_one_that_is_parked) { everywhere("signals", "kill_parked"); }
Test(signals, real_time_ones_are_counted) { everywhere("signals", "realtime"); }
Test(signals, to_several_in_sigwaitinfo) { everywhere("signals", "sent_to_waiters"); }
Test(signals, that_the_kernel_does_not_queue) { everywhere("signals", "unqueued"); }
Test(signals, that_a_filter_refuses_to_queue) { everywhere("signals", "unqueueable"); }
Test(signals, masks_are_the_goroutines) { everywhere("signals", "masks"); }
Test(signals, mask_is_inherited) { everywhere("signals", "mask_inherited"); }
Test(signals, blocked_until_unblocked) { everywhere("signals", "blocked"); }
Test(signals, blocked_across_switches) { everywhere("signals", "blocked_across"); }
Test(signals, sigwait) { everywhere("signals", "waits_for_signal"); }
Test(signals, sigsetjmp) { everywhere("signals", "set_jump"); }
Test(signals, sigsetjmp_keeps_the_goroutines_mask) { everywhere("signals", "jump_masks"); }
Test(signals, storm_of_timers) { everywhere("signals", "storm"); }
Test(signals, blocked_in_a_storm) { everywhere("signals", "blocked_in_a_storm"); }
Test(signals, handler_on_the_goroutines_stack) { everywhere("signals", "handler_stack"); }
Test(signals, interrupted_call) { everywhere("signals", "interrupted"); }
Test(signals, sigsegv_of_the_program) { everywhere("signals", "own_segv"); }
Test(signals, handler_that_runs_once) { everywhere("once", "resethand"); }
Test(signals, handler_that_sets_the_default) { everywhere("once", "set_default"); }
Test(signals, after_a_handler_the_default) { everywhere("once", "second_is_deadly"); }
Test(signals, after_a_handler_another) { everywhere("once", "comes_back"); }
Test(signals, after_a_handler_a_stop) { everywhere("once", "stops"); }
Test(signals, sigquit_of_the_program) { everywhere("signals", "quits_handled"); }

Test(signals, abort)
{
	static const char *const name[] = {
		"aborts", "aborts_handled", "aborts_blocked", "aborts_elsewhere"};

	for (int i = 0; i < 4; i++)
		dies("signals", name[i], 128 + SIGABRT, "");
}

Test(signals, default_action)
{
	static const int deadly[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGKILL, SIGPIPE, SIGALRM};

	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
		char n[8];
		struct run r;

		snprintf(n, sizeof n, "%d", deadly[i]);
		r = run(prog("signals"), "dies_of", n);
		cr_expect_eq(r.status, 128 + deadly[i], "%d", r.status);
		cr_expect_str_empty(r.out);
		run_free(&r);
	}
	struct run r = run(prog("signals"), "dies_of", "17"); /* SIGCHLD: ignored */
	cr_expect_eq(r.status, 0);
	run_free(&r);
}

Test(signals, sigquit_lists_all)
{
	dies("signals", "quits", 2, "SIGQUIT: quit\n", "\ngoroutine 1 [running]:\n", "quits()\n",
		"main()\n");
	dies("signals", "quits", 2, "SIGQUIT: quit\n", " [sync.Mutex.Lock]: \"a\"\n", "parks()\n",
		"created by quits in goroutine 1\n");
	dies("signals", "quits", 2, "SIGQUIT: quit\n", " [sync.Mutex.Lock]: \"b\"\n");
	dies("signals", "quits", 2, "SIGQUIT: quit\n", " [sleep]:\n", "sleeps()\n");
}

Test(signals, sigquit_from_outside)
{
	static const char *const words[] = {"SIGQUIT: quit\n", "goroutine 1 [sleep]:\n",
		"quits_idle()\n", "main()\n", NULL};
	struct run r = run("bash", "-c",
		"coproc build/test/prog/signals quits_idle 2>&1 >&${COPROC[1]-1}; pid=$!; "
		"read -ru ${COPROC[0]} line; sleep 0.05; kill -QUIT $pid; cat <&${COPROC[0]}; wait $pid");

	cr_expect_eq(r.status, 2, "%d %s", r.status, r.err);
	expect_words(r.out, words, "quits_idle");
	cr_expect_not_null(strstr(r.out, " [sync.Mutex.Lock]: \"a\"\n"));
	cr_expect_not_null(strstr(r.out, " [sync.Mutex.Lock]: \"b\"\n"));
	run_free(&r);
}

Test(signals, ignored_sigquit_stays_ignored)
{
	struct run r = run("sh", "-c", "trap '' QUIT; exec build/test/prog/signals quits_ignored");

	expect_ok(&r, "quits_ignored");
	run_free(&r);
}
