/* SPDX-License-Identifier: MIT */
/* chan_test.c - channels, one operation at a time and many at once; the cases are in prog("chan_ops") and prog("chan_race"). */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(chan, .timeout = 120);
TestSuite(chan_race, .timeout = 120);
TestSuite(chan_types, .timeout = 60);

Test(chan, unbuffered) { everywhere("chan_ops", "unbuffered"); }
Test(chan, buffered) { everywhere("chan_ops", "buffered"); }
Test(chan, order) { everywhere("chan_ops", "order"); }
Test(chan, fifo) { everywhere("chan_ops", "fifo"); }
Test(chan, sizes) { everywhere("chan_ops", "sizes"); }
Test(chan, zero_size) { everywhere("chan_ops", "zero_size"); }
Test(chan, drains) { everywhere("chan_ops", "drains"); }
Test(chan, close_wakes) { everywhere("chan_ops", "close_wakes"); }
Test(chan, null) { everywhere("chan_ops", "null"); }
Test(chan, sendtoclosed) { dies("chan_ops", "sendtoclosed", 2, "panic: send on closed channel\n", "\ngoroutine "); }
Test(chan, trysendtoclosed) { dies("chan_ops", "trysendtoclosed", 2, "panic: send on closed channel\n", "\ngoroutine "); }
Test(chan, closeundersender) { dies("chan_ops", "closeundersender", 2, "panic: send on closed channel\n", "\ngoroutine "); }
Test(chan, closeunderfull) { dies("chan_ops", "closeunderfull", 2, "panic: send on closed channel\n", "\ngoroutine "); }
Test(chan, closenull) { dies("chan_ops", "closenull", 2, "panic: close of nil channel\n", "\ngoroutine "); }
Test(chan, closetwice) { dies("chan_ops", "closetwice", 2, "panic: close of closed channel\n", "\ngoroutine "); }
Test(chan, toobig) { dies("chan_ops", "toobig", 2, "panic: makechan: size out of range\n", "\ngoroutine "); }
Test(chan, negative) { dies("chan_ops", "negative", 2, "panic: makechan: size out of range\n", "\ngoroutine "); }
Test(chan, negativezero) { dies("chan_ops", "negativezero", 2, "panic: makechan: size out of range\n", "\ngoroutine "); }
Test(chan, nomemory) { dies("chan_ops", "nomemory", 2, "panic: makechan: size out of range\n", "\ngoroutine "); }

Test(chan_race, many) { everywhere("chan_race", "many"); }
Test(chan_race, freed_by_receiver) { everywhere("chan_race", "freed_by_receiver"); }
Test(chan_race, freed_under_sender) { everywhere("chan_race", "freed_under_sender"); }
Test(chan_race, tryall) { everywhere("chan_race", "tryall"); }
Test(chan_race, never_empty) { everywhere("chan_race", "never_empty"); }
Test(chan_race, close_race) { everywhere("chan_race", "close_race"); }
Test(chan_race, procs_change) { everywhere("chan_race", "procs_change"); }
Test(chan_race, chain) { everywhere("chan_race", "chain"); }

Test(chan, deadlock)
{
	dies("chan_ops", "deadlock", 2, "fatal error: all goroutines are asleep - deadlock!\n",
		"goroutine 1 [chan ");
}

/* Compile a body with gcc or g++; what the compiler says. */
static struct run compile(const char *compiler, const char *body)
{
	char line[800];

	snprintf(line, sizeof line,
		"printf '#include <go.h>\nstruct s { int a, b; };\nvoid f(void) { %s }\n' | "
		"%s -iquote runtime -Iruntime -Wall -Wextra -Werror -fsyntax-only -",
		body, compiler);
	return run("sh", "-c", line);
}

static const char *const compilers[] = {"gcc -xc -std=gnu11", "clang -xc -std=gnu11",
	"g++ -xc++ -std=c++17"};

Test(chan_types, right_ones_compile)
{
	static const char *const bodies[] = {
		"chan(int) c = chan_make(int, 8), d = c; chan_send(d, 42); int v = chan_recv(c); "
		"(void)v; (void)chan_recv_ok(c, &v); (void)chan_trysend(c, v); "
		"(void)chan_tryrecv(c, &v); chan_close(c); (void)chan_len(c); chan_free(c);",
		"chan(struct s) c = chan_make(struct s, 0); struct s v = chan_recv(c); chan_send(c, v); "
		"chan_send(c, (struct s){1, 2}); (void)chan_trysend(c, (struct s){3, 4});",
		"chan(const char *) c = chan_make(const char *, 1); chan_send(c, \"x\"); "
		"go_chan *g = (go_chan *)c; go_chan_free(g);",
		"chan(double) c = chan_make(double, 1); chan_send(c, 1); (void)chan_recv_ok(c, NULL);",
	};

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		for (size_t k = 0; k < sizeof compilers / sizeof *compilers; k++) {
			struct run r = compile(compilers[k], bodies[i]);

			cr_expect_eq(r.status, 0, "%s: %s", compilers[k], r.err);
			run_free(&r);
		}
}

Test(chan_types, wrong_ones_do_not)
{
	static const char *const bodies[] = {
		"chan(int) c = chan_make(int, 8); chan_send(c, \"text\");",
		"chan(int) c = chan_make(long, 8); chan_free(c);",
		"chan(int) c = chan_make(int, 8); long v; (void)chan_recv_ok(c, &v);",
		"chan(int) c = chan_make(int, 8); char *v = chan_recv(c); (void)v;",
		"chan(struct s) c = chan_make(struct s, 8); chan_send(c, 1);",
		"chan(int) c = chan_make(int, 8); chan_send(c, 1, 2);",
		"chan(struct s) c = chan_make(struct s, 8); go_case k = case_send(c, 5); (void)k;",
	};

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		for (size_t k = 0; k < sizeof compilers / sizeof *compilers; k++) {
			struct run r = compile(compilers[k], bodies[i]);

			cr_expect_neq(r.status, 0, "%s took: %s", compilers[k], bodies[i]);
			run_free(&r);
		}
}
