/* SPDX-License-Identifier: MIT */
/* stdio_test.c - stdio among goroutines. prog("stdio") has the cases. */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(stdio, .timeout = 120);

/* "N aaa...": the number's letter, 161 times; returns the number, or -1 when the line is torn. */
static int number_of(const char *line, size_t n)
{
	int number, used;

	if (sscanf(line, "%d %n", &number, &used) != 1 || n - (size_t)used != 161)
		return -1;
	for (size_t i = (size_t)used; i < n; i++)
		if (line[i] != 'a' + number % 26)
			return -1;
	return number;
}

struct printed {
	const char *arg, *pipe;
	int printers;
};

/* Each printer's ten lines are there, whole, and nothing else but the last "ok". */
static void check_lines(const char *path, const char *setting, void *arg)
{
	struct printed *p = arg;
	int *seen = calloc((size_t)p->printers, sizeof *seen);
	char line[400];
	struct run r;

	snprintf(line, sizeof line, "%s %s %s", path, p->arg, p->pipe);
	r = run(setting, "sh", "-c", line);
	cr_expect_eq(r.status, 0, "%s: %d\n%s", line, r.status, r.err);
	cr_expect_str_empty(r.err);
	for (char *s = r.out, *e; (e = strchr(s, '\n')); s = e + 1) {
		int n = number_of(s, (size_t)(e - s));

		if (e[1] == '\0') {
			cr_expect_str_eq(s, "ok\n");
			break;
		}
		cr_assert(n >= 0 && n < p->printers, "%s: torn: %.*s", path, (int)(e - s), s);
		seen[n]++;
	}
	for (int i = 0; i < p->printers; i++)
		cr_expect_eq(seen[i], 10, "%s: printer %d: %d lines", path, i, seen[i]);
	free(seen);
	run_free(&r);
}

Test(stdio, whole_lines_by_a_thousand)
{
	in_each(check_lines, "stdio", &(struct printed){"whole_lines", "", 1000});
}

Test(stdio, whole_lines_through_a_small_buffer_and_a_slow_pipe)
{
	in_each(check_lines, "stdio",
		&(struct printed){"small_buffer", "| (sleep 0.05; cat)", 200});
}

/* Lines "N N", count of them. */
static void check_pairs(const char *path, const char *setting, void *arg)
{
	struct printed *p = arg;
	struct run r = run(setting, path, p->arg);
	int lines = 0;

	cr_expect_eq(r.status, 0, "%s: %d\n%s", path, r.status, r.err);
	for (char *s = r.out, *e; (e = strchr(s, '\n')); s = e + 1, lines++) {
		int a, b, used = 0;

		if (e[1] == '\0') {
			cr_expect_str_eq(s, "ok\n");
			break;
		}
		cr_assert(sscanf(s, "%d %d%n", &a, &b, &used) == 2 && a == b && s + used == e,
			"%s %s: torn: %.*s", setting, path, (int)(e - s), s);
	}
	cr_expect_eq(lines, p->printers, "%d", lines);
	run_free(&r);
}

Test(stdio, lock_held_across_go_sched)
{
	in_each(check_pairs, "stdio", &(struct printed){"held_across_sched", NULL, 100 * 20});
}

Test(stdio, with_threads)
{
	in_each(check_pairs, "stdio", &(struct printed){"with_threads", NULL, 50 * 20 + 4 * 500});
}

Test(stdio, trylock) { everywhere("stdio", "trylock"); }
Test(stdio, bytewise) { everywhere("stdio", "bytewise"); }
Test(stdio, blocking_read) { everywhere("stdio", "blocking_read"); }

/* musl's stdio reads past __syscall_cp: such a read keeps its P, so there must be another. */
Test(stdio, blocking_fgets)
{
	struct run r = run("GOMAXPROCS=2", prog("stdio"), "blocking_fgets");

	expect_ok(&r, "blocking_fgets");
	run_free(&r);
}

static void check_waited(const char *path, const char *setting, void *arg)
{
	struct run r = run(setting, path, arg);
	int lines = 0;

	cr_expect_eq(r.status, 0, "%s: %d\n%s", path, r.status, r.err);
	for (char *s = r.out; !strncmp(s, "waited\n", 7); s += 7)
		lines++;
	cr_expect_eq(lines, 50);
	run_free(&r);
}

Test(stdio, waiters_park) { in_each(check_waited, "stdio", "waiters_park"); }

Test(stdio, left_locked)
{
	dies("stdio", "orphaned", 2, "fatal error: all goroutines are asleep - deadlock!\n",
		"goroutine 1 [file lock]:\n");
}
