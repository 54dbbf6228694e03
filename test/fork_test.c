/* SPDX-License-Identifier: MIT */
/* fork_test.c - fork from goroutines. prog("fork") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(fork, .timeout = 120);

Test(fork, child_has_a_runtime) { everywhere("fork", "works"); }
Test(fork, child_is_alone) { everywhere("fork", "alone"); }
Test(fork, waiters_are_gone) { everywhere("fork", "waiters"); }
Test(fork, locks_stay) { everywhere("fork", "locks"); }
Test(fork, files_are_free) { everywhere("fork", "stdio"); }
Test(fork, timers_go_on) { everywhere("fork", "timers"); }
Test(fork, descriptors) { everywhere("fork", "descriptors"); }
Test(fork, ends) { everywhere("fork", "ends"); }
Test(fork, grandchildren) { everywhere("fork", "grandchildren"); }
Test(fork, several_at_once) { everywhere("fork", "families"); }
Test(fork, handlers) { everywhere("fork", "atfork"); }
Test(fork, wired) { everywhere("fork", "wired"); }
Test(fork, from_a_thread) { everywhere("fork", "foreign"); }
Test(fork, then_threads) { everywhere("fork", "threads"); }
Test(fork, signals) { everywhere("fork", "signals"); }
Test(fork, bare) { everywhere("fork", "bare"); }
Test(fork, under_load) { everywhere("fork", "storm"); }
Test(fork, clone_of_a_process) { everywhere("fork", "clones"); }
