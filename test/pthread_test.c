/* SPDX-License-Identifier: MIT */
/* pthread_test.c - the program's own threads, and pthread calls in goroutines. prog("pthread") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(pthread, .timeout = 120);

Test(pthread, create_and_join) { everywhere("pthread", "create_join"); }
Test(pthread, c11_threads) { everywhere("pthread", "c11"); }
Test(pthread, detached) { everywhere("pthread", "detaches"); }
Test(pthread, mutex_with_threads) { everywhere("pthread", "mutexes"); }
Test(pthread, mutex_held_across_go_sched) { everywhere("pthread", "mutex_across_sched"); }
Test(pthread, cond_with_a_thread) { everywhere("pthread", "conds"); }
Test(pthread, cond_among_goroutines) { everywhere("pthread", "conds_of_goroutines"); }
Test(pthread, rwlock) { everywhere("pthread", "rwlocks"); }
Test(pthread, owners_are_goroutines) { everywhere("pthread", "owners"); }
Test(pthread, robust_mutex) { everywhere("pthread", "robust"); }
Test(pthread, once) { everywhere("pthread", "onces"); }

Test(pthread, semaphore) { everywhere("pthread", "semaphores"); }
Test(pthread, thread_may_wake_the_last_goroutine) { everywhere("pthread", "no_deadlock"); }
Test(pthread, thread_holds_a_file) { everywhere("pthread", "file_of_thread"); }
Test(pthread, exit_of_a_goroutine_cleans_up) { everywhere("pthread", "exit_cleans"); }
Test(pthread, cancel_of_a_thread) { everywhere("pthread", "cancel"); }
Test(pthread, setrlimit) { everywhere("pthread", "set_rlimit"); }

Test(pthread, setuid_reaches_every_thread)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	everywhere("pthread", "set_uid");
}

Test(pthread, seteuid_often)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	everywhere("pthread", "set_euid_often");
}

Test(pthread, deadlock_when_the_last_thread_ends)
{
	dies("pthread", "deadlock_after_thread", 2,
		"fatal error: all goroutines are asleep - deadlock!\n",
		"goroutine 1 [sync.Mutex.Lock]:\n");
}

Test(pthread, go_calls_are_for_goroutines)
{
	static const char *const calls[] = {"go", "go_stack", "go_sched", "go_exit", "go_id",
		"go_maxprocs", "go_num_goroutine", "go_lock_os_thread", "go_unlock_os_thread",
		"go_set_name", "go_mutex_lock", "go_mutex_trylock", "go_mutex_unlock",
		"go_waitgroup_add", "go_waitgroup_done", "go_waitgroup_wait", "go_waitgroup_go",
		"go_sleep"};

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		char want[120];
		struct run r = run(prog("pthread"), "wrong", calls[i]);

		snprintf(want, sizeof want,
			"fatal error: %s called on a thread that is not a goroutine's\n", calls[i]);
		cr_expect_eq(r.status, 2, "%s ended with %d", calls[i], r.status);
		cr_expect_eq(strncmp(r.err, want, strlen(want)), 0, "%s: %s", calls[i], r.err);
		cr_expect_str_empty(r.out);
		run_free(&r);
	}
}
