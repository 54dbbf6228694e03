/* SPDX-License-Identifier: MIT */
/* fenv_test.c - the floating point environment. prog("fenv") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(fenv, .timeout = 120);

Test(fenv, rounding) { everywhere("fenv", "rounding"); }
Test(fenv, rounding_and_preemption) { everywhere_env("GODEBUG=slice=20", "fenv", "rounding"); }
Test(fenv, exceptions) { everywhere("fenv", "exceptions"); }
Test(fenv, exceptions_and_preemption) { everywhere_env("GODEBUG=slice=20", "fenv", "exceptions"); }
Test(fenv, of_timers_and_handlers) { everywhere("fenv", "others"); }
