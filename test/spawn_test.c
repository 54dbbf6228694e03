/* SPDX-License-Identifier: MIT */
/* spawn_test.c - posix_spawn and its kin, exec and wait. prog("spawn") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(spawn, .timeout = 120);

Test(spawn, posix_spawn) { everywhere("spawn", "posix_spawn"); }
Test(spawn, keeps_out_of_the_scheduler) { everywhere("spawn", "storm"); }
Test(spawn, vfork) { everywhere("spawn", "vfork"); }
Test(spawn, system_popen_wordexp) { everywhere("spawn", "shells"); }
Test(spawn, waiting_holds_nobody_up) { everywhere("spawn", "waits"); }
Test(spawn, several_wait) { everywhere("spawn", "several_wait"); }
Test(spawn, daemon) { everywhere("spawn", "daemon"); }
Test(spawn, exec) { everywhere("spawn", "exec"); }
