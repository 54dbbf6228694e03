/* SPDX-License-Identifier: MIT */
/* starve_test.c - nobody is kept from a lock or from its p for ever; prog("starve") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(starve, .timeout = 120);

Test(starve, pthread_mutexes) { everywhere("starve", "mutexes"); }
Test(starve, pthread_rwlocks) { everywhere("starve", "rwlocks"); }
Test(starve, semaphores) { everywhere("starve", "semaphores"); }
Test(starve, files) { everywhere("starve", "files"); }
Test(starve, exit_beside_printers) { everywhere("starve", "exits"); }
Test(starve, loops_that_look_at_the_clock) { everywhere("starve", "clocks"); }
