/* SPDX-License-Identifier: MIT */
/* strace_test.c - what the kernel is asked for, and what it is not: strace looks on. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(strace, .timeout = 120);

static void script(const char *path, const char *setting, void *text)
{
	struct run r = run(setting, "sh", "-c", text, "sh", path);

	cr_expect_eq(r.status, 0, "%s %s: %s%s", setting, path, r.out, r.err);
	cr_expect_str_eq(r.out, "ok\n", "%s %s:\n%s%s", setting, path, r.out, r.err);
	run_free(&r);
}

/*
 * Ten connections and a listener wait; once no thread has run for half a second there is no call in a
 * second. A signal that was left for when a thread runs again comes when strace stops it.
 */
Test(strace, an_idle_server_makes_no_system_calls)
{
	static char text[] = "switches() { cat /proc/$server/task/*/status | grep _switches; }\n"
			     "log=$(mktemp); ready=$(mktemp)\n"
			     "\"$1\" idle >$ready & server=$!\n"
			     "until [ -s $ready ]; do sleep 0.01; done\n"
			     "for i in $(seq 40); do\n"
			     "  before=$(switches); sleep 0.5\n"
			     "  [ \"$(switches)\" = \"$before\" ] && break\n"
			     "done\n"
			     ">$ready\n"
			     "strace -f -e trace=!rt_sigreturn -o $log -p $server 2>$ready & strace=$!\n"
			     "until grep -q attached $ready; do sleep 0.01; done\n"
			     "sleep 1\n"
			     "kill -INT $strace; wait $strace\n"
			     "kill $server\n"
			     "if grep ' = ' $log; then echo not idle; else echo ok; fi\n"
			     "rm -f $log $ready\n";

	in_each(script, "netpoll", text);
}

/* O_NONBLOCK is the program's: not for a moment is it set or cleared. */
Test(strace, no_descriptor_is_made_nonblocking)
{
	static char text[] = "log=$(mktemp)\n"
			     "strace -f -e trace=fcntl,ioctl -o $log \"$1\" storm >/dev/null\n"
			     "if grep -E 'F_SETFL|FIONBIO' $log; then echo touched; else echo ok; fi\n"
			     "rm -f $log\n";

	in_each(script, "netpoll", text);
}

/* Closes that take their time, so that the first reader of a number comes between their look and the kernel's part. */
Test(strace, slow_closes_of_numbers_that_are_being_met)
{
	static char text[] = "timeout 20 strace -f -qqq -o /dev/null -e trace=close,close_range "
			     "-e inject=close,close_range:delay_enter=20000 \"$1\" closehigh\n";

	in_each(script, "netpoll", text);
}

/*
 * How many calls the guards of 2,000 stacks take, for one each and for several; the latter are refused
 * where inject says so. (Each of several threads may be refused once.)
 */
#define GUARDS(inject, single, several)                                                     \
	"log=$(mktemp)\n"                                                                    \
	"strace -f -qqq -o $log -e trace=madvise,process_madvise " inject                     \
	" \"$1\" crowd >/dev/null || echo failed\n"                                           \
	"one=$(grep -c ' madvise(' $log); more=$(grep -c 'process_madvise(' $log)\n"          \
	"if [ $one " single " -a $more " several " ]; then echo ok; else echo $one $more; fi\n" \
	"rm -f $log\n"

Test(strace, guards_are_made_many_at_a_time)
{
	static char text[] = GUARDS("", "-lt 100", "-gt 120");

	in_each(script, "limits", text);
}

/* Where the kernel knows no call for several it is asked once, and each stack gets its guard all the same. */
Test(strace, guards_are_made_one_at_a_time)
{
	static char text[] = GUARDS("-e inject=process_madvise:error=EBADF", "-ge 2000", "-le 8");

	in_each(script, "limits", text);
}
