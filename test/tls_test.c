/* SPDX-License-Identifier: MIT */
/* tls_test.c - errno, thread-locals and their kind. prog("tls") and prog("bigtls") have the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(tls, .timeout = 120);

Test(tls, errno_is_the_goroutines) { everywhere("tls", "errno"); }
Test(tls, errno_of_calls) { everywhere("tls", "errno_of_calls"); }
Test(tls, variables_initialised_and_aligned) { everywhere("tls", "locals"); }
Test(tls, variables_of_threads) { everywhere("tls", "locals_of_threads"); }
Test(tls, specific_data_with_destructors) { everywhere("tls", "specific"); }
Test(tls, destructor_that_sets_again) { everywhere("tls", "stubborn"); }
Test(tls, deleted_keys) { everywhere("tls", "deleted_key"); }
Test(tls, locale) { everywhere("tls", "locales"); }
Test(tls, pthread_self) { everywhere("tls", "identity"); }
Test(tls, goroutines_move) { everywhere("tls", "do_move"); }
Test(tls, rounding_mode) { everywhere("tls", "rounding"); }
Test(tls, larger_than_a_stack) { everywhere("bigtls", "goroutines"); }
Test(tls, larger_than_a_threads_stack) { everywhere("bigtls", "threads"); }
Test(tls, larger_than_a_stack_overflow) { dies("bigtls", "overflow", 2, "fatal error: stack overflow\n"); }
