/* SPDX-License-Identifier: MIT */
/* around_test.c - calls past libc's cancellation points hold nobody up. prog("around") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(around, .timeout = 120);

Test(around, syscall_read) { everywhere("around", "raw_read"); }
Test(around, syscall_futex) { everywhere("around", "raw_futex"); }
Test(around, syscall_of_other_kinds) { everywhere("around", "raw_others"); }
Test(around, flock) { everywhere("around", "flocks"); }
Test(around, semop) { everywhere("around", "sysv_semaphores"); }
Test(around, sendfile) { everywhere("around", "sendfiles"); }
Test(around, splice) { everywhere("around", "splice_waits"); }
Test(around, tee) { everywhere("around", "tee_waits"); }
Test(around, vmsplice) { everywhere("around", "vmsplice_waits"); }
Test(around, wait4) { everywhere("around", "children"); }
Test(around, files) { everywhere("around", "files"); }
