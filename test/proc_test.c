/* SPDX-License-Identifier: MIT */
/*
 * proc_test.c - goroutines as programs see them: made, counted, named, taking
 * turns, ending, and the reports when none can go on. prog("proc") has the cases.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(proc, .timeout = 120);
TestSuite(deadlock, .timeout = 120);
TestSuite(stack, .timeout = 120);

Test(proc, all_run) { everywhere("proc", "spawn"); }
Test(proc, waves) { everywhere("proc", "waves"); }
Test(proc, tree) { everywhere("proc", "tree"); }
Test(proc, chains_hold_nobody_up) { everywhere("proc", "chains"); }
Test(proc, ids_are_unique) { everywhere("proc", "ids"); }
Test(proc, are_counted) { everywhere("proc", "count"); }
Test(proc, take_turns) { everywhere("proc", "fair"); }

Test(proc, take_as_many_turns)
{
	struct run r = run("GOMAXPROCS=1", "build/test/prog/proc", "even");

	expect_ok(&r, "even");
	run_free(&r);
}

Test(proc, end_early) { everywhere("proc", "exit"); }
Test(proc, main_does_not_wait) { everywhere("proc", "main_returns"); }

Test(proc, a_hundred_thousand_parked)
{
	struct run r = run(prog("proc"), "parked");

	expect_ok(&r, "parked");
	run_free(&r);
}

/* Kernels without guard pages: the mappings run out on the way, and the canary takes over. */
Test(proc, a_hundred_thousand_without_guard_pages)
{
	static const char *const settings[] = {"GODEBUG=stackguard=1", "GODEBUG=stackguard=2"};

	for (int i = 0; i < 2; i++) {
		struct run r = run(settings[i], prog("proc"), "parked");

		expect_ok(&r, settings[i]);
		run_free(&r);
	}
}

Test(proc, main_may_end_first)
{
	dies("proc", "exit_main", 2, "fatal error: no goroutines (main called runtime.Goexit) - deadlock!");
	dies("proc", "exit_main_alone", 2,
		"fatal error: no goroutines (main called runtime.Goexit) - deadlock!");
	struct run r = run(prog("proc"), "exit_main");
	cr_expect_str_eq(r.out, "the other went on\n");
	run_free(&r);
}

Test(proc, exit_on_any_goroutine)
{
	static const char *const name[] = {"other_exits", "exit_main_other_exits"};

	for (int i = 0; i < 2; i++) {
		struct run r = run(prog("proc"), name[i]);

		cr_expect_eq(r.status, 7, "%s: %d", name[i], r.status);
		cr_expect_str_eq(r.out, "not flushed yet, atexit in another\n");
		cr_expect_str_empty(r.err);
		run_free(&r);
	}
}

Test(proc, null_function)
{
	static const char *const name[] = {"nil", "nil_stack", "nil_group", "nil_zero"};

	for (size_t i = 0; i < 4; i++)
		dies("proc", name[i], 2, "panic: go of nil func value\n", "goroutine 1 [running]:\n",
			"main()\n");
}

Test(proc, panic_says_what)
{
	char line[300] = "panic: ";

	dies("proc", "says", 2, "panic: 2 is not three\n", "\ngoroutine 1 [running]:\n", "says()\n",
		"main()\n");
	memset(line + 7, 'x', 255);
	strcpy(line + 7 + 255, "\n");
	dies("proc", "says_much", 2, line);
}

#define DEADLOCK "fatal error: all goroutines are asleep - deadlock!\n"

Test(deadlock, wait_group)
{
	dies("proc", "deadlock_group", 2, DEADLOCK, "\ngoroutine 1 [sync.WaitGroup.Wait]:\n",
		"deadlock_group()\n", "test/prog/proc.c:", "main()\n");
}

Test(deadlock, mutex)
{
	dies("proc", "deadlock_mutex", 2, DEADLOCK, "\ngoroutine 1 [sync.Mutex.Lock]:\n",
		"deadlock_mutex()\n");
	dies("proc", "deadlock_after_threads", 2, DEADLOCK, "\ngoroutine 1 [sync.Mutex.Lock]:\n");
}

Test(deadlock, file)
{
	dies("proc", "deadlock_file", 2, DEADLOCK, "goroutine 1 [sync.WaitGroup.Wait]:\n");
	dies("proc", "deadlock_file", 2, DEADLOCK, " [file lock]:\n", "file_waiter()",
		"created by deadlock_file in goroutine 1\n");
}

Test(deadlock, lists_all_with_names)
{
	static const char *const waiters[] = {
		" [sync.Mutex.Lock]: \"first waiter\"\n",
		" [sync.Mutex.Lock]: \"a name of more than thirty-one \"\n",
		" [sync.Mutex.Lock, locked to thread]: \"wired\"\n",
		"goroutine 1 [sync.WaitGroup.Wait]: \"the main one\"\n",
	};

	for (size_t i = 0; i < sizeof waiters / sizeof *waiters; i++)
		dies("proc", "deadlock_many", 2, DEADLOCK, waiters[i]);
	dies("proc", "deadlock_many", 2, DEADLOCK, "lock_gate()\n", "created by deadlock_many in goroutine 1\n");
	dies("proc", "unnamed", 2, DEADLOCK, "goroutine 1 [sync.WaitGroup.Wait]:\n");
}

Test(deadlock, not_while_one_sleeps)
{
	dies("proc", "deadlock_late", 2, DEADLOCK, "goroutine 1 [sync.WaitGroup.Wait]:\n");
	struct run r = run(prog("proc"), "deadlock_late");
	cr_expect_str_eq(r.out, "the other went on\n");
	run_free(&r);
}

Test(deadlock, without_traceback)
{
	struct run r = run("GOTRACEBACK=none", prog("proc"), "deadlock_many");

	cr_expect_eq(r.status, 2);
	cr_expect_str_eq(r.err, DEADLOCK);
	run_free(&r);
}

Test(stack, as_large_as_asked) { everywhere("proc", "big_stacks"); }

Test(stack, main_has_8_mib)
{
	everywhere("proc", "main_stack");
	struct run r = run("sh", "-c", "ulimit -s 256; exec build/test/prog/proc main_stack");
	expect_ok(&r, "main_stack with a small OS stack");
	run_free(&r);
	r = run("sh", "-c", "ulimit -s unlimited; exec build/test/prog/proc main_stack");
	expect_ok(&r, "main_stack with an unlimited OS stack");
	run_free(&r);
	r = run("sh", "-c", "ulimit -s 16384; exec build/test/prog/proc main_stack16");
	expect_ok(&r, "main_stack16 with a large OS stack");
	run_free(&r);
}

Test(stack, too_large)
{
	dies("proc", "impossible_stack", 2, "panic: out of memory: no stack for a new goroutine\n",
		"impossible_stack()\n");
}
