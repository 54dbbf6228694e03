/* SPDX-License-Identifier: MIT */
/* panic.c - panic, defer, recover, and how a program ends that does not recover. */
#include <setjmp.h>

#include "prog.h"

static char trail[256];

static void mark(void *arg)
{
	strcat(trail, arg);
}

static void reset(void)
{
	trail[0] = 0;
}

/* ---- defer ---- */

static int leavings(int how)
{
	for (int i = 0; i < 2; i++) {
		go_defer(mark, "a");
		go_defer(mark, "b");
		if (how == 1)
			break;
		if (how == 2)
			continue;
		if (how == 3)
			return i;
		if (how == 4)
			goto out;
		mark(".");
	}
out:
	mark("!");
	return -1;
}

static void ways_to_leave(void)
{
	static const char *const want[] = {".ba.ba!", "ba!", "baba!", "ba", "ba!"};

	for (int how = 0; how < 5; how++) {
		reset();
		leavings(how);
		CHECK(!strcmp(trail, want[how]));
	}
}

static void park_and_mark(void *arg)
{
	go_sleep(MS);
	go_sched();
	mark(arg);
}

static void exits(void *arg)
{
	go_defer(mark, "1");
	go_defer(park_and_mark, "2");
	{
		go_defer(mark, "3");
		if (arg)
			go_exit();
	}
	mark("not here");
}

static void exit_runs_them(void)
{
	go_waitgroup wg = {0};

	go_waitgroup_go(&wg, exits, "x");
	go_waitgroup_wait(&wg);
	CHECK(!strcmp(trail, "321"));
}

/* ---- recover ---- */

static void boom(void *arg)
{
	go_defer(mark, "d");
	if (arg)
		go_panic("boom %s %d %.1f", (char *)arg, 7, 2.5);
}

static void stopped(void)
{
	const char *msg = go_try(boom, "now");

	CHECK(msg && !strcmp(msg, "boom now 7 2.5"));
	CHECK(!strcmp(trail, "d"));
	CHECK(go_try(boom, NULL) == NULL);
	CHECK(!strcmp(trail, "dd"));
	CHECK(!strcmp(msg, "boom now 7 2.5"));
}

static void outer(void *arg)
{
	const char *msg = go_try(boom, arg);

	go_defer(mark, "o");
	CHECK(!strcmp(msg, "boom in 7 2.5"));
	go_panic("again: %s", msg);
}

static void nested(void)
{
	const char *msg = go_try(outer, "in");

	CHECK(!strcmp(msg, "again: boom in 7 2.5"));
	CHECK(!strcmp(trail, "do"));
}

static void panicking(void *arg)
{
	go_panic("%s", (char *)arg);
}

static void recovering(void *arg)
{
	CHECK(!strcmp(go_try(panicking, arg), arg));
	mark("r");
}

static void two(void *arg)
{
	(void)arg;
	go_defer(mark, "last");
	go_defer(panicking, "second");
	go_defer(recovering, "small");
	go_panic("first");
}

/* The newer panic wins; one that is stopped inside a deferred call changes nothing. */
static void while_panicking(void)
{
	CHECK(!strcmp(go_try(two, NULL), "second"));
	CHECK(!strcmp(trail, "rlast"));
}

static void longmsg(void *arg)
{
	go_panic("%300s", (char *)arg);
}

static void long_message(void)
{
	const char *msg = go_try(longmsg, "end");

	CHECK(strlen(msg) == 300 && !strcmp(msg + 297, "end"));
}

static void exit_in_try(void *arg)
{
	(void)arg;
	go_defer(mark, "t");
	go_exit();
}

static void trying(void *arg)
{
	go_defer(mark, "g");
	go_try(exit_in_try, arg);
	mark("not here");
}

static void exit_passes_try(void)
{
	go_waitgroup wg = {0};

	go_waitgroup_go(&wg, trying, NULL);
	go_waitgroup_wait(&wg);
	CHECK(!strcmp(trail, "tg"));
}

static void quietly(void *arg)
{
	CHECK(!strcmp(go_try(panicking, arg), arg));
	go_sched();
	go_panic("%s again", (char *)arg);
}

static void many(void *arg)
{
	for (int i = 0; i < 200; i++) {
		char what[32], want[40];
		const char *msg;

		snprintf(what, sizeof what, "%d of %d", i, (int)(intptr_t)arg);
		snprintf(want, sizeof want, "%s again", what);
		msg = go_try(quietly, what);
		go_sched();
		CHECK(!strcmp(msg, want));
	}
}

static int depth;

static void down(void *arg)
{
	if (depth++ == 1000)
		go_panic("bottom");
	if (depth < 2000)
		down(arg);
}

static void own_messages(void)
{
	go_waitgroup wg = {0};

	for (int i = 0; i < 50; i++)
		go_waitgroup_go(&wg, many, (void *)(intptr_t)i);
	go_waitgroup_wait(&wg);
	CHECK(!strcmp(go_try(down, NULL), "bottom"));
}

static void unlocks(void *mu)
{
	go_mutex_unlock(mu);
}

static void locked(void *mu)
{
	go_mutex_lock(mu);
	go_defer(unlocks, mu);
	go_panic("while locked");
}

static void releases(void)
{
	go_mutex mu = {0};

	for (int i = 0; i < 1000; i++)
		CHECK(go_try(locked, &mu));
	CHECK(go_mutex_trylock(&mu));
}

/* ---- the end of a program ---- */

static void say(void *arg)
{
	print(arg);
}

static void uncaught(void)
{
	go_defer(say, "deferred\n");
	go_panic("nobody stops %s", "this");
}

static void uncaught_two(void)
{
	go_defer(panicking, "second");
	go_panic("first");
}

static void elsewhere(void)
{
	go(panicking, "on another");
	go_sleep(10000 * MS);
}

static volatile bool parks;

static void parked(void *arg)
{
	go_set_name(arg);
	parks = true;
	go_sleep(10000 * MS);
}

static void with_others(void)
{
	go_maxprocs(1); /* else it might still run when main panics */
	go(parked, "sleeper");
	while (!parks)
		go_sleep(MS);
	go_panic("all shown");
}

static void fault(void *arg)
{
	*(volatile int *)arg = 1;
}

static void fault_in_try(void)
{
	go_try(fault, NULL);
}

/* ---- longjmp ---- */

static jmp_buf env;
static int skipped, kept;

static void inc(void *n) { ++*(int *)n; }

static void clobber(void)
{
	volatile char junk[4096];

	for (size_t i = 0; i < sizeof junk; i++)
		junk[i] = 0x5a;
}

static void jumps(void *arg)
{
	go_defer(inc, &skipped);
	(void)arg;
	longjmp(env, 1);
}

static void panics_after(void *arg)
{
	go_defer(inc, &kept);
	if (!setjmp(env)) {
		if (arg)
			go_try(jumps, NULL);
		else
			jumps(NULL);
	}
	clobber();
	go_panic("after the jump");
}

static void exits_after(void *arg)
{
	go_waitgroup *wg = arg;

	go_defer((void (*)(void *))go_waitgroup_done, wg);
	go_defer(inc, &kept);
	if (!setjmp(env))
		go_try(jumps, NULL);
	clobber();
	go_exit();
}

static void jumped_over(void)
{
	go_waitgroup wg = {0};
	const char *s;

	for (long i = 0; i < 100; i++) {
		s = go_try(panics_after, (void *)(i % 2));
		CHECK(s && !strcmp(s, "after the jump") && skipped == 0 && kept == i + 1);
	}
	go_waitgroup_add(&wg, 1);
	go(exits_after, &wg);
	go_waitgroup_wait(&wg);
	CHECK(skipped == 0 && kept == 101);
}

static void jumped_over_uncaught(void)
{
	if (!setjmp(env))
		go_try(jumps, NULL);
	clobber();
	go_panic("after the jump");
}

/* ---- a panic in what go_exit runs ---- */

static void exits_now(void *arg)
{
	(void)arg;
	go_exit();
}

static void panics_too(void *arg)
{
	(void)arg;
	go_panic("in a deferred call");
}

static void exits_in_try(void *arg)
{
	go_defer(panics_too, NULL);
	go_try(exits_now, arg);
	CHECK(!"here");
}

/* go_exit has left the inner go_try; the outer one stops the panic and not the exit. */
static void exit_goes_on_in(void *arg)
{
	go_defer(inc, &kept);
	go_try(exits_in_try, arg);
	CHECK(!"here");
}

static void exit_goes_on(void)
{
	int n = go_num_goroutine();

	for (int i = 1; i <= 20; i++) {
		go(exit_goes_on_in, NULL);
		wait_for_goroutines(n);
		CHECK(kept == i);
	}
}

static void exit_uncaught(void)
{
	go(exits_in_try, NULL);
	go_sleep(60 * 1000 * MS);
}

#define CASE(f) {#f, f}
const struct testcase cases[] = {
	CASE(ways_to_leave), CASE(exit_runs_them), CASE(stopped),	CASE(nested),
	CASE(while_panicking), CASE(long_message),   CASE(exit_passes_try), CASE(own_messages),
	CASE(releases),	       CASE(uncaught),	     CASE(uncaught_two),	CASE(elsewhere),
	CASE(jumped_over), CASE(jumped_over_uncaught), CASE(exit_goes_on), CASE(exit_uncaught),
	CASE(with_others),     CASE(fault_in_try),   {NULL, NULL},
};
