/* SPDX-License-Identifier: MIT */
/* pwait_test.c - goroutines that wait with pthread and C11 objects. prog("pwait") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(pwait, .timeout = 120);

Test(pwait, mutex_normal) { everywhere("pwait", "mutex_normal"); }
Test(pwait, mutex_recursive) { everywhere("pwait", "mutex_recursive"); }
Test(pwait, mutex_errorcheck) { everywhere("pwait", "mutex_errorcheck"); }
Test(pwait, mutex_held_long) { everywhere("pwait", "mutex_held_long"); }
Test(pwait, owners_move) { everywhere("pwait", "owners"); }
Test(pwait, timed_locks) { everywhere("pwait", "timed"); }
Test(pwait, rwlocks) { everywhere("pwait", "rwlocks"); }
Test(pwait, conds) { everywhere("pwait", "conds"); }
Test(pwait, cond_timeouts_meet_signals) { everywhere("pwait", "cond_timeouts"); }
Test(pwait, cond_clock) { everywhere("pwait", "cond_clock"); }
Test(pwait, cond_freed_by_the_last) { everywhere("pwait", "cond_freed"); }
Test(pwait, cond_in_a_cancelled_thread) { everywhere("pwait", "cond_cancelled"); }
Test(pwait, barriers) { everywhere("pwait", "barriers"); }
Test(pwait, barrier_freed_at_once) { everywhere("pwait", "barrier_freed"); }
Test(pwait, onces) { everywhere("pwait", "onces"); }
Test(pwait, threads_and_goroutines) { everywhere("pwait", "with_threads"); }
Test(pwait, process_shared) { everywhere("pwait", "shared"); }
Test(pwait, robust_mutexes) { everywhere("pwait", "robusts"); }
Test(pwait, spin_locks) { everywhere("pwait", "spinlocks"); }
Test(pwait, yields) { everywhere("pwait", "yields"); }
Test(pwait, semaphores) { everywhere("pwait", "sems"); }
Test(pwait, semaphore_posted_by_a_handler) { everywhere("pwait", "sem_of_a_handler"); }
Test(pwait, c11) { everywhere("pwait", "c11"); }
Test(pwait, handler_ends_a_program_that_waits) { everywhere("pwait", "handler_ends_it"); }

Test(pwait, no_more_threads_are_to_be_had)
{
	dies("pwait", "without_threads", 0, "");
}

Test(pwait, deadlock)
{
	dies("pwait", "deadlock", 2, "fatal error: all goroutines are asleep - deadlock!\n",
		"goroutine 1 [pthread_cond_wait]:\n", "[pthread_mutex_lock]:\n");
}
