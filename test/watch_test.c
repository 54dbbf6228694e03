/* SPDX-License-Identifier: MIT */
/* watch_test.c - when sysmon's thread is there, and that it is when it is needed. prog("watch") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(watch, .timeout = 60);

Test(watch, not_for_main_alone) { everywhere("watch", "alone"); }
Test(watch, for_a_goroutine) { everywhere("watch", "goroutine"); }
Test(watch, for_a_timer) { everywhere("watch", "timer"); }
Test(watch, for_a_sleep) { everywhere("watch", "sleeps"); }
Test(watch, for_a_thread) { everywhere("watch", "pthread"); }
Test(watch, fires_while_main_reads) { everywhere("watch", "timer_while_reading"); }
Test(watch, runs_others_while_main_reads) { everywhere("watch", "goroutine_while_reading"); }
