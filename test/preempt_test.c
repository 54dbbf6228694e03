/* SPDX-License-Identifier: MIT */
/*
 * preempt_test.c - slices that are taken, and ps taken from calls that went round
 * the seams. prog("preempt"), prog("inlibc") and prog("rawcall") have the cases.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(preempt, .timeout = 240);

Test(preempt, a_short_sleep_beside_a_loop) { everywhere("preempt", "fair"); }
Test(preempt, can_be_turned_off) { everywhere_env("GODEBUG=asyncpreemptoff=1", "preempt", "off"); }
Test(preempt, the_world_stops_for_loops) { everywhere("preempt", "world"); }
Test(preempt, wired_goroutines_stay) { everywhere("preempt", "wires"); }
Test(preempt, every_register) { everywhere_env("GODEBUG=slice=20", "preempt", "registers"); }
Test(preempt, ordinary_code) { everywhere_env("GODEBUG=slice=20", "preempt", "ordinary"); }
Test(preempt, with_the_runtime_in_between) { everywhere_env("GODEBUG=slice=20", "preempt", "mixed"); }
Test(preempt, without_wrfsbase) { everywhere_env("GODEBUG=slice=20,nofsgsbase=1", "preempt", "mixed"); }
Test(preempt, loops_that_stay_in_libc) { everywhere("inlibc", "turns"); }
Test(preempt, what_libc_computes) { everywhere_env("GODEBUG=slice=20", "inlibc", "results"); }
Test(preempt, what_libc_keeps) { everywhere_env("GODEBUG=slice=20", "inlibc", "meanwhile"); }
Test(preempt, system_calls_that_no_seam_sees) { everywhere("rawcall", "each"); }
Test(preempt, several_such_calls) { everywhere("rawcall", "together"); }
Test(preempt, such_calls_when_the_slice_is_over) { everywhere("rawcall", "entered"); }
