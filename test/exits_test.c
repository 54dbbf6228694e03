/* SPDX-License-Identifier: MIT */
/* exits_test.c - the ways in which a program ends. prog("exits") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(exits, .timeout = 120);

struct end {
	const char *arg;
	int least, most; /* status */
	const char *out;
};

static void run_end(const char *path, const char *setting, void *arg)
{
	struct end *e = arg;
	struct run r = run(setting, path, e->arg);

	cr_expect(r.status >= e->least && r.status <= e->most, "%s %s %s ended with %d%s:\n%s%s",
		setting, path, e->arg, r.status, r.late ? " (too late)" : "", r.out, r.err);
	cr_expect_str_eq(r.out, e->out, "%s %s %s printed:\n%s", setting, path, e->arg, r.out);
	cr_expect_str_empty(r.err, "%s %s %s reported:\n%s", setting, path, e->arg, r.err);
	run_free(&r);
}

#define ends(arg, status, out) ends_in(arg, status, status, out)
#define ends_in(arg, least, most, out) in_each(run_end, "exits", &(struct end){arg, least, most, out})

Test(exits, exit_of_a_goroutine)
{
	ends("of_goroutine", 7, "left in the buffer, handler got 42\nhandler 1\n");
}

Test(exits, exit_of_main) { ends("of_main", 3, "handler got 42\nhandler 1\n"); }
Test(exits, pthread_exit_in_main) { ends("main_leaves", 0, "thread\ngoroutine\nlast\n"); }
Test(exits, exit_of_a_thread) { ends("of_thread", 9, "left by a thread\nhandler 1\n"); }
Test(exits, many_at_once) { ends_in("at_once", 40, 49, "5 handlers\n"); }
Test(exits, within_a_handler) { ends("within_handler", 12, "again\nhandler 1\n"); }
Test(exits, child_forked_meanwhile) { ends("fork_meanwhile", 6, "child 5\n"); }
Test(exits, waits_for_a_locked_file) { ends("locked_file", 0, "written while exit waited\n"); }
Test(exits, immediately) { ends("immediately", 20, ""); }
Test(exits, immediately_c99) { ends("immediately_c99", 21, ""); }
Test(exits, quickly) { ends("quickly", 22, "quick 2\nquick 1\n"); }
Test(exits, abort) { ends("aborts", 128 + SIGABRT, ""); }
Test(exits, abort_handled) { ends("abort_handled", 128 + SIGABRT, "handled\n"); }
Test(exits, abort_ignored) { ends("abort_ignored", 128 + SIGABRT, ""); }
Test(exits, abort_blocked) { ends("abort_blocked", 128 + SIGABRT, ""); }

Test(exits, file_locked_for_ever)
{
	dies("exits", "locked_for_ever", 2, "fatal error: all goroutines are asleep - deadlock!\n",
		"goroutine 1 [file lock]:\n");
}
