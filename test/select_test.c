/* SPDX-License-Identifier: MIT */
/* select_test.c - select, one call at a time and many at once; the cases are in prog("select_ops") and prog("select_race"). */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(select, .timeout = 120);
TestSuite(select_race, .timeout = 120);

Test(select, takes_the_ready) { everywhere("select_ops", "takes_the_ready"); }
Test(select, uniform) { everywhere("select_ops", "uniform"); }
Test(select, evaluates_once) { everywhere("select_ops", "evaluates_once"); }
Test(select, waits) { everywhere("select_ops", "waits"); }
Test(select, times_out) { everywhere("select_ops", "times_out"); }
Test(select, longest_timeout) { everywhere("select_ops", "longest_timeout"); }
Test(select, both_ends) { everywhere("select_ops", "both_ends"); }
Test(select, same_channel) { everywhere("select_ops", "same_channel"); }
Test(select, many_cases) { everywhere("select_ops", "many_cases"); }
Test(select, array_of_cases) { everywhere("select_ops", "array_of_cases"); }
Test(select, structs) { everywhere("select_ops", "structs"); }
Test(select, zero_size) { everywhere("select_ops", "zero_size"); }
Test(select, sendtoclosed) { dies("select_ops", "sendtoclosed", 2, "panic: send on closed channel\n", "\ngoroutine "); }
Test(select, sendtoclosedbig) { dies("select_ops", "sendtoclosedbig", 2, "panic: send on closed channel\n", "\ngoroutine "); }
Test(select, closeundersend) { dies("select_ops", "closeundersend", 2, "panic: send on closed channel\n", "\ngoroutine "); }
Test(select, toomany) { dies("select_ops", "toomany", 2, "panic: select: too many cases (max 65536)\n", "\ngoroutine "); }

Test(select_race, crossbar) { everywhere("select_race", "crossbar"); }
Test(select_race, whirl) { everywhere("select_race", "whirl"); }
Test(select_race, timeout_race) { everywhere("select_race", "timeout_race"); }
Test(select_race, freed_by_receiver) { everywhere("select_race", "freed_by_receiver"); }
Test(select_race, freed_under_select) { everywhere("select_race", "freed_under_select"); }
Test(select_race, freed_by_select) { everywhere("select_race", "freed_by_select"); }
Test(select_race, two_ways) { everywhere("select_race", "two_ways"); }
Test(select_race, wide_race) { everywhere("select_race", "wide_race"); }

Test(select, deadlock)
{
	dies("select_ops", "deadlock", 2, "fatal error: all goroutines are asleep - deadlock!\n",
		"goroutine 1 [select");
}
