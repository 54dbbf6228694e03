/* SPDX-License-Identifier: MIT */
/* handlers_test.c - the program's signal handlers. prog("handlers") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(handlers, .timeout = 240);

Test(handlers, pause_returns) { everywhere("handlers", "pauses"); }
Test(handlers, alarm_ends_pause) { everywhere("handlers", "alarms"); }
Test(handlers, sigsuspend) { everywhere("handlers", "suspends"); }
Test(handlers, eintr_and_sa_restart) { everywhere("handlers", "reads"); }
Test(handlers, run_while_main_is_parked) { everywhere("handlers", "main_parked"); }
Test(handlers, pthread_kill_to_one_that_reads) { everywhere("handlers", "kill_reading"); }
Test(handlers, pthread_kill_to_those_that_run) { everywhere("handlers", "kill_running"); }
Test(handlers, pthread_kill_to_one_in_sigwait) { everywhere("handlers", "kill_waiting"); }
Test(handlers, sigwait_beside_idle_threads) { everywhere("handlers", "sigwait_beside_idle"); }
Test(handlers, signalfd) { everywhere("handlers", "signal_fd"); }
Test(handlers, signalfd_sees_those_to_the_goroutine) { everywhere("handlers", "signal_fd_of_mine"); }
Test(handlers, timers) { everywhere("handlers", "timers"); }
Test(handlers, siglongjmp_out_of_a_read) { everywhere("handlers", "jump_from_read"); }
Test(handlers, siglongjmp_from_the_signal_stack) { everywhere("handlers", "jump_from_onstack"); }
Test(handlers, longjmp_leaves_it_blocked) { everywhere("handlers", "jump_without_mask"); }
Test(handlers, a_fault_becomes_a_panic) { everywhere("handlers", "panic_in_handler"); }
Test(handlers, storm_of_alarms) { everywhere("handlers", "alarm_storm"); }
Test(handlers, forks_in_a_storm) { everywhere("handlers", "fork_storm"); }
Test(handlers, storm_of_sigprof) { everywhere("handlers", "prof_storm"); }
Test(handlers, storm_of_sigvtalrm) { everywhere("handlers", "vtalrm_storm"); }
Test(handlers, see_whom_they_interrupt) { everywhere("handlers", "sees_the_goroutine"); }
Test(handlers, sigaction_reports) { everywhere("handlers", "actions"); }
Test(handlers, sa_nodefer) { everywhere("handlers", "nodefer"); }
Test(handlers, sigurg_of_the_program) { everywhere("handlers", "urgent"); }
Test(handlers, preemption_with_all_blocked) { everywhere("handlers", "all_blocked"); }
Test(handlers, sigaltstack) { everywhere("handlers", "altstack"); }
Test(handlers, own_report_of_overflow) { everywhere("handlers", "overflow"); }
Test(handlers, pthread_exit) { everywhere("handlers", "exit_in_handler"); }

Test(handlers, must_not_park)
{
	dies("handlers", "park_in_handler", 2,
		"fatal error: a signal handler would park its goroutine\n");
}
