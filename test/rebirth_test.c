/* SPDX-License-Identifier: MIT */
/* rebirth_test.c - a goroutine that ends becomes another. prog("rebirth") has the cases. */
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(rebirth, .timeout = 120);

Test(rebirth, is_like_new) { everywhere("rebirth", "like_new"); }
Test(rebirth, keeps_the_makers_control_words) { everywhere("rebirth", "control_words"); }
Test(rebirth, however_the_one_before_ended) { everywhere("rebirth", "ends"); }
Test(rebirth, has_its_own_number) { everywhere("rebirth", "numbers"); }
Test(rebirth, not_with_an_argument_on_the_stack) { everywhere("rebirth", "groups"); }
Test(rebirth, while_others_wait) { everywhere("rebirth", "meanwhile"); }

Test(rebirth, happens)
{
	struct run r = run("GOMAXPROCS=1", "build/test/prog/rebirth", "happens");

	expect_ok(&r, "happens");
	run_free(&r);
}
