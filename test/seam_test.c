/* SPDX-License-Identifier: MIT */
/* seam_test.c - goroutines where libc or the kernel means threads. prog("seam") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(seam, .timeout = 120);

Test(seam, protocols_of_mutexes) { everywhere("seam", "protocols"); }
Test(seam, stack_of_a_goroutine) { everywhere("seam", "stacks"); }
Test(seam, stack_of_a_thread) { everywhere("seam", "stack_of_a_thread"); }
Test(seam, affinity_scheduling_and_clock) { everywhere("seam", "kernel_threads"); }
Test(seam, goroutine_on_no_thread) { everywhere("seam", "on_no_thread"); }
Test(seam, goroutine_cancels_itself) { everywhere("seam", "self_cancel"); }
Test(seam, timed_join) { everywhere("seam", "timed_joins"); }
Test(seam, names) { everywhere("seam", "names"); }
Test(seam, keys_come_and_go) { everywhere("seam", "keys"); }
Test(seam, all_keys) { everywhere("seam", "all_keys"); }

Test(seam, setuid_with_all_signals_blocked)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	everywhere("seam", "all_blocked");
}

Test(seam, setuid_after_posix_spawn)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	everywhere("seam", "spawn_and_setuid");
}
