/* SPDX-License-Identifier: MIT */
/* timer_test.c - go_timer: timers, tickers, functions. prog("timer") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(timer, .timeout = 120);
TestSuite(timer_func, .timeout = 120);
TestSuite(ticker, .timeout = 120);
TestSuite(timers, .timeout = 120);

Test(timer, fires_no_earlier) { everywhere("timer", "fires"); }
Test(timer, fires_at_once_when_it_is_past) { everywhere("timer", "fires_at_once"); }
Test(timer, no_time_is_too_long) { everywhere("timer", "never_fires"); }
Test(timer, fires_in_order) { everywhere("timer", "order"); }
Test(timer, stop_and_reset_say_whether_it_was_pending) { everywhere("timer", "stops"); }
Test(timer, takes_back_what_nobody_received) { everywhere("timer", "takes_back"); }
Test(timer, no_stale_value) { everywhere("timer", "no_stale_value"); }
Test(timer, is_stopped_or_received) { everywhere("timer", "stop_or_receive"); }
Test(timer, several_at_one) { everywhere("timer", "many_hands"); }

Test(timer_func, runs_on_a_goroutine_of_its_own) { everywhere("timer", "func_runs"); }
Test(timer_func, stops) { everywhere("timer", "func_stops"); }
Test(timer_func, is_stopped_or_runs) { everywhere("timer", "func_stop_races"); }
Test(timer_func, may_free_its_timer) { everywhere("timer", "func_chain"); }
Test(timer_func, wants_a_function) { dies("timer", "func_nil", 2, "panic: go of nil func value\n"); }
Test(timer_func, panic_names_who_made_it)
{
	dies("timer", "func_panics", 2, "panic: from a timer\n", " [running]:\n", "panics(");
}

Test(ticker, ticks) { everywhere("timer", "ticks"); }
Test(ticker, drops_for_slow_receivers) { everywhere("timer", "drops_ticks"); }
Test(ticker, resets) { everywhere("timer", "resets_ticker"); }
Test(ticker, keeps_pace) { everywhere("timer", "keeps_pace"); }
Test(ticker, panics_are_stopped) { everywhere("timer", "ticker_panics"); }
Test(ticker, wants_a_period)
{
	dies("timer", "ticker_zero", 2, "panic: non-positive interval for NewTicker\n");
	dies("timer", "ticker_negative", 2, "panic: non-positive interval for NewTicker\n");
	dies("timer", "ticker_reset_zero", 2, "panic: non-positive interval for Ticker.Reset\n");
}

Test(timers, many_stopped_from_everywhere) { everywhere("timer", "crowds"); }
Test(timers, survive_their_p) { everywhere("timer", "maxprocs_changes"); }
Test(timers, end_selects) { everywhere("timer", "timeouts"); }
Test(timers, nobody_stirs_while_all_sleep) { everywhere("timer", "sleeps_soundly"); }
Test(timers, a_pending_one_is_no_deadlock) { everywhere("timer", "only_a_timer"); }
Test(timers, a_stopped_one_is_a_deadlock)
{
	dies("timer", "stuck", 2, "fatal error: all goroutines are asleep - deadlock!\n",
		"goroutine 1 [chan receive");
}
