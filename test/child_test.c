/* SPDX-License-Identifier: MIT */
/* child_test.c - waiting for one child. prog("child") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(child, .timeout = 240);

Test(child, many_wait_without_threads) { everywhere("child", "many"); }
Test(child, without_a_number_a_thread_is_held) { everywhere("child", "few_numbers"); }
Test(child, eintr_and_sa_restart) { everywhere("child", "interrupted"); }
Test(child, stops_are_for_those_who_ask) { everywhere("child", "stopped"); }
Test(child, the_program_takes_the_number) { everywhere("child", "taken"); }
Test(child, in_turn) { everywhere("child", "churn"); }
