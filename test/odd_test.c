/* SPDX-License-Identifier: MIT */
/* odd_test.c - descriptors used in ways that few programs do; prog("odd") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(odd, .timeout = 120);

Test(odd, nonblocking_reads_ask_again) { everywhere("odd", "nonblocking"); }
Test(odd, accept_on_no_listener) { everywhere("odd", "accepts_wrong"); }
Test(odd, vectors_too_long_and_empty) { everywhere("odd", "vectors"); }
Test(odd, reading_the_terminal_in_the_background) { everywhere("odd", "background"); }
Test(odd, numbers_that_the_resolver_had) { everywhere("odd", "resolver_numbers"); }
Test(odd, limits_of_a_number_used_again) { everywhere("odd", "limits_of_new"); }
Test(odd, datagram_sockets_end) { everywhere("odd", "datagrams_end"); }
Test(odd, fifo_without_a_writer) { everywhere("odd", "fifo_without_a_writer"); }
