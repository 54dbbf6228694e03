/* SPDX-License-Identifier: MIT */
/* corners_test.c - pthread programs that are hard on a scheduler. prog("corners") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(corners, .timeout = 120);

Test(corners, robust_mutex_of_one_that_ended) { everywhere("corners", "robusts"); }
Test(corners, owners_that_migrate) { everywhere("corners", "owners"); }
Test(corners, time_limits) { everywhere("corners", "limits"); }
Test(corners, barrier_of_50) { everywhere("corners", "barriers"); }
Test(corners, once_whose_initialisers_end) { everywhere("corners", "onces"); }
Test(corners, writers_against_200_readers) { everywhere("corners", "rwlocks"); }
Test(corners, broadcast_to_1000) { everywhere("corners", "broadcasts"); }
Test(corners, c11) { everywhere("corners", "c11"); }
Test(corners, threads_and_goroutines_on_one_queue) { everywhere("corners", "mixed"); }
Test(corners, between_processes) { everywhere("corners", "processes"); }
Test(corners, a_handler_runs_on_who_is_parked) { everywhere("corners", "kills"); }
Test(corners, sem_post_in_handlers) { everywhere("corners", "posts"); }
Test(corners, spin_locks) { everywhere("corners", "spinlocks"); }
Test(corners, atfork) { everywhere("corners", "atforks"); }
