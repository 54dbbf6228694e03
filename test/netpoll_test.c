/* SPDX-License-Identifier: MIT */
/* netpoll_test.c - goroutines that wait for descriptors. prog("netpoll") and prog("waits") have the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <signal.h>

#include "everywhere.h"

TestSuite(netpoll, .timeout = 120);
TestSuite(waits, .timeout = 120);

Test(netpoll, thousands_of_readers_on_few_threads) { everywhere("netpoll", "readers"); }
Test(netpoll, rings_of_pipes) { everywhere("netpoll", "rings"); }
Test(netpoll, several_read_one_pipe) { everywhere("netpoll", "onepipe"); }
Test(netpoll, several_accept_on_one_listener) { everywhere("netpoll", "acceptors"); }
Test(netpoll, a_write_is_whole) { everywhere("netpoll", "bigwrite"); }
Test(netpoll, a_writev_is_whole) { everywhere("netpoll", "bigwritev"); }
Test(netpoll, waitall_waits_for_all) { everywhere("netpoll", "waitall"); }
Test(netpoll, data_and_its_end_in_one_edge) { everywhere("netpoll", "ends"); }
Test(netpoll, errors_are_the_kernels) { everywhere("netpoll", "errors"); }
Test(netpoll, urgent_data) { everywhere("netpoll", "urgent"); }
Test(netpoll, nonblocking_is_the_programs_choice) { everywhere("netpoll", "nonblocking"); }
Test(netpoll, socket_time_outs) { everywhere("netpoll", "limits"); }
Test(netpoll, close_and_dup2_wake_with_ebadf) { everywhere("netpoll", "closing"); }
Test(netpoll, close_by_a_thread_wakes) { everywhere("netpoll", "closedbythread"); }
Test(netpoll, numbers_used_again) { everywhere("netpoll", "reused"); }
Test(netpoll, duplicates_and_old_numbers) { everywhere("netpoll", "duplicates"); }
Test(netpoll, passed_descriptors) { everywhere("netpoll", "passed"); }
Test(netpoll, program_that_closes_all) { everywhere("netpoll", "closeall"); }
Test(netpoll, no_descriptor_for_the_poller) { everywhere("netpoll", "nofiles"); }
Test(netpoll, storm) { everywhere("netpoll", "storm"); }
Test(netpoll, storm_of_closes) { everywhere("netpoll", "closestorm"); }
Test(netpoll, first_use_and_close_of_high_numbers) { everywhere("netpoll", "closehigh"); }

static void ends_by_alarm(const char *path, const char *setting, void *arg)
{
	struct run r = run(setting, path, arg);

	cr_expect_eq(r.status, 128 + SIGALRM, "%s: %d\n%s", path, r.status, r.err);
	cr_expect_str_empty(r.err);
	run_free(&r);
}

Test(netpoll, waiting_for_a_pipe_is_no_deadlock)
{
	in_each(ends_by_alarm, "netpoll", "forever");
}

Test(netpoll, deadlock_after_waits)
{
	dies("netpoll", "afterwards", 2, "fatal error: all goroutines are asleep - deadlock!\n",
	     "goroutine 1 [chan receive (nil chan)]:");
}

Test(waits, poll) { everywhere("waits", "poll"); }
Test(waits, poll_of_odd_sets) { everywhere("waits", "polledge"); }
Test(waits, select) { everywhere("waits", "select"); }
Test(waits, pollers_and_readers_of_one_descriptor) { everywhere("waits", "mixed"); }
Test(waits, programs_own_epoll) { everywhere("waits", "epoll"); }
Test(waits, eventfd_timerfd_inotify) { everywhere("waits", "others"); }
Test(waits, terminals) { everywhere("waits", "ptys"); }
Test(waits, files_are_plain) { everywhere("waits", "files"); }
Test(waits, sleep_family) { everywhere("waits", "sleeps"); }
Test(waits, udp) { everywhere("waits", "udp"); }
Test(waits, connects) { everywhere("waits", "connects"); }
Test(waits, silent_resolver_stops_nobody) { everywhere("waits", "resolver"); }
