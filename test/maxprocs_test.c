/* SPDX-License-Identifier: MIT */
/* maxprocs_test.c - GOMAXPROCS and go_maxprocs. prog("maxprocs") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <sched.h>

#include "everywhere.h"

TestSuite(maxprocs, .timeout = 120);

Test(maxprocs, sets_and_reads) { everywhere("maxprocs", "set"); }
Test(maxprocs, up_and_down_while_thousands_run) { everywhere("maxprocs", "up_and_down"); }
Test(maxprocs, changed_by_many_at_once) { everywhere("maxprocs", "together"); }
Test(maxprocs, sleepers_move) { everywhere("maxprocs", "sleepers"); }
Test(maxprocs, wired_and_in_calls) { everywhere("maxprocs", "mixed"); }
Test(maxprocs, a_busy_one_keeps_its_p) { everywhere("maxprocs", "busy_one"); }
/* It counts who is in the midst of something, which who is preempted there still is: so without preemption. */
Test(maxprocs, no_more_at_once) { everywhere_env("GODEBUG=asyncpreemptoff=1", "maxprocs", "not_more"); }

/* What the program has for procs and CPUs with these words before it; what it reported. */
static char *ask(const char *before, int *procs, int *cpus)
{
	char line[300];
	struct run r;

	unsetenv("GOMAXPROCS");
	snprintf(line, sizeof line, "%s build/test/prog/maxprocs print", before);
	r = run("sh", "-c", line);
	cr_assert_eq(r.status, 0, "%s: %d\n%s", before, r.status, r.err);
	cr_assert_eq(sscanf(r.out, "%d %d\n", procs, cpus), 2, "%s", r.out);
	free(r.out);
	return r.err;
}

Test(maxprocs, from_the_environment)
{
	static const int n[] = {1, 2, 3, 17, 1024};

	for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
		char before[40];
		int procs, cpus;
		char *err;

		snprintf(before, sizeof before, "GOMAXPROCS=%d", n[i]);
		err = ask(before, &procs, &cpus);
		cr_expect_eq(procs, n[i]);
		cr_expect_str_empty(err);
		free(err);
	}
}

Test(maxprocs, too_large_from_the_environment)
{
	int procs, cpus;
	char *err = ask("GOMAXPROCS=1000000", &procs, &cpus);

	cr_expect_eq(procs, 1024, "%d", procs);
	free(err);
}

Test(maxprocs, invalid_is_named_and_ignored)
{
	static const char *const bad[] = {
		"abc", "0", "-1", "2x", " 2", "1.5", "99999999999", "4294967297", "0x2", "+2"};
	int procs, cpus, want;
	char before[60], words[200], *err;

	free(ask("", &want, &cpus));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(before, sizeof before, "GOMAXPROCS='%s'", bad[i]);
		snprintf(words, sizeof words,
			"runtime: ignoring GOMAXPROCS=%s: value cannot be parsed\n", bad[i]);
		err = ask(before, &procs, &cpus);
		cr_expect_eq(procs, want);
		cr_expect_str_eq(err, words);
		free(err);
	}
	err = ask("GOMAXPROCS=", &procs, &cpus);
	cr_expect_eq(procs, want);
	cr_expect_str_empty(err);
	free(err);
}

Test(maxprocs, default_is_the_affinity)
{
	int procs, cpus;
	cpu_set_t set;

	sched_getaffinity(0, sizeof set, &set);
	free(ask("taskset -c 0", &procs, &cpus));
	cr_expect_eq(procs, 1);
	cr_expect_eq(cpus, 1);
	free(ask("", &procs, &cpus));
	cr_expect_eq(procs, cpus);
	cr_expect_leq(cpus, CPU_COUNT(&set));
}
