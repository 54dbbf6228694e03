/* SPDX-License-Identifier: MIT */
/* sem_test.c - POSIX semaphores on goroutines, with both of musl's marks. prog("sem") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(sem, .timeout = 120);

static void both(const char *name)
{
	everywhere("sem", name);
	everywhere("semsign", name);
}

Test(sem, many_waiters_are_no_threads) { both("many"); }
Test(sem, each_is_its_own) { both("each_its_own"); }
Test(sem, timeouts) { both("timeouts"); }
Test(sem, timeouts_lose_no_post) { both("timeouts_lose_nothing"); }
Test(sem, posted_by_handlers_anywhere) { both("handlers"); }
Test(sem, one_handler_posts_many) { both("handler_posts_many"); }
Test(sem, a_handler_interrupts) { both("interrupted"); }
Test(sem, threads_wait_and_post_too) { both("threads_too"); }
Test(sem, between_processes) { both("processes"); }
Test(sem, child_of_fork) { both("child"); }
Test(sem, freed_by_the_one_let_through) { both("freed"); }
Test(sem, limit) { both("limit"); }

Test(sem, nobody_left_to_post)
{
	dies("sem", "deadlock", 2, "fatal error: all goroutines are asleep - deadlock!\n",
	     "goroutine 1 [sem_wait]:\n");
}
