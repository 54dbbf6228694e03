/* SPDX-License-Identifier: MIT */
/* print_test.c - print.c's formats, next to libc's. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "../runtime/print.c"

_Thread_local g *runtime_g;

int32_t runtime_gettid(void) { return 1; }
void runtime_usleep(uint32_t us) { (void)us; }

_Noreturn void runtime_tracebackexit(bool all)
{
	(void)all;
	_exit(2);
}

/* The same from both, at every buffer size. */
#define SAME(...)                                                                        \
	do {                                                                             \
		char want[300], got[300];                                                \
		int n = snprintf(want, sizeof want, __VA_ARGS__);                        \
		cr_expect_eq(runtime_snprint(got, sizeof got, __VA_ARGS__), n, #__VA_ARGS__); \
		cr_expect_str_eq(got, want, #__VA_ARGS__);                               \
		for (size_t cap = 1; cap <= (size_t)n + 1; cap++) {                      \
			memset(got, 'x', sizeof got);                                    \
			snprintf(want, cap, __VA_ARGS__);                                \
			cr_expect_eq(runtime_snprint(got, cap, __VA_ARGS__), n);         \
			cr_expect_str_eq(got, want);                                     \
			cr_expect_eq(got[cap], 'x', "it wrote past the end");            \
		}                                                                        \
	} while (0)

Test(print, strings)
{
	char cut[4] = {'a', 'b', 'c', 'd'}; /* without an end */

	SAME("plain");
	SAME("%s", "");
	SAME("<%s> <%s>", "one", "two");
	SAME("%c%c", 'a', '%');
	SAME("100%%");
	SAME("%.*s|", 4, cut);
	SAME("%.*s|", 0, cut);
	SAME("%.*s|", 9, "short");
}

Test(print, numbers)
{
	SAME("%d %d %d", 0, 1, -1);
	SAME("%d %d", INT_MAX, INT_MIN);
	SAME("%ld %ld", LONG_MAX, LONG_MIN);
	SAME("%lld %lld", LLONG_MAX, LLONG_MIN);
	SAME("%u %u", 0u, UINT_MAX);
	SAME("%lu", ULONG_MAX);
	SAME("%zu %zu", (size_t)0, SIZE_MAX);
	SAME("%zd", (ssize_t)-5);
	SAME("%x %x", 0xdeadbeefu, 0u);
	SAME("%lx", 0xfedcba9876543210ul);
	SAME("%#x %#lx", 0x1fu, 0x123456789abul);
	SAME("%p", (void *)0x1234);
	SAME("%d%s%u%c%lx", -5, "and", 7u, '!', 255ul);
}

Test(print, widths)
{
	SAME("%5u|%05u|%1u", 42u, 42u, 42u);
	SAME("%016lx", 0xabcul);
	SAME("%8lu|", 123456789012ul);
	SAME("%5d|%5d", 1, 12345678);
}

Test(print, into_nothing)
{
	char c = 'x';

	cr_expect_eq(runtime_snprint(NULL, 0, "%d", 12345), 5);
	cr_expect_eq(runtime_snprint(&c, 0, "abc"), 3);
	cr_expect_eq(c, 'x');
}

/* What a child that calls fn prints, and its status. */
static int child_says(void (*fn)(void), char *buf, size_t n)
{
	int fd[2], status;
	size_t got = 0;
	ssize_t r;
	pid_t pid;

	cr_assert_eq(pipe(fd), 0);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		dup2(fd[1], 2);
		close(fd[0]);
		close(fd[1]);
		fn();
		_exit(0);
	}
	close(fd[1]);
	while ((r = read(fd[0], buf + got, n - 1 - got)) > 0)
		got += (size_t)r;
	buf[got] = 0;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char much[2000];

static void prints(void) { runtime_print("a %s of %d\n", "line", 3); }
static void prints_much(void) { runtime_print("%s", much); }
static void throws(void) { runtime_throw("values are wrong"); }
static void dies(void) { runtime_fatal("this cannot go on"); }
static void needs(void) { runtime_need_g("go_something"); }
static void exits(void) { runtime_exit(77); }

Test(print, to_standard_error)
{
	char said[3000];

	cr_expect_eq(child_says(prints, said, sizeof said), 0);
	cr_expect_str_eq(said, "a line of 3\n");
	memset(much, 'y', sizeof much - 1);
	cr_expect_eq(child_says(prints_much, said, sizeof said), 0);
	cr_expect_gt(strlen(said), 400);
	cr_expect_eq(strspn(said, "y"), strlen(said));
}

Test(print, ways_to_die)
{
	char said[3000];

	cr_expect_eq(child_says(throws, said, sizeof said), 2);
	cr_expect_str_eq(said, "fatal error: values are wrong\n[runtime bug: please report it]\n");
	cr_expect_eq(child_says(dies, said, sizeof said), 2);
	cr_expect_str_eq(said, "fatal error: this cannot go on\n");
	cr_expect_eq(child_says(needs, said, sizeof said), 2);
	cr_expect_str_eq(
		said, "fatal error: go_something called on a thread that is not a goroutine's\n");
	cr_expect_eq(child_says(exits, said, sizeof said), 77);
	cr_expect_str_empty(said);
}

/* One that dies while it reports its death ends at once. */
static void dies_twice(void)
{
	runtime_diestart();
	runtime_print("first\n");
	runtime_diestart();
	runtime_print("second\n");
}

Test(print, dies_only_once)
{
	char said[100];

	cr_expect_eq(child_says(dies_twice, said, sizeof said), 2);
	cr_expect_str_eq(said, "first\n");
}
