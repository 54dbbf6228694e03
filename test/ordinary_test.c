/* SPDX-License-Identifier: MIT */
/*
 * ordinary_test.c - a program that nobody wrote for gocrt behaves as it does
 * with plain musl: the same source, linked both ways, whose output and status
 * are compared. Then the same with every usual way to compile it.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "everywhere.h"

TestSuite(ordinary, .timeout = 120);
TestSuite(compiled, .timeout = 120);

static const char *const parts[] = {"start_and_end", "quick", "given", "language", "processes",
	"files", "threads", "signals", "fails", "asserts"};
enum { Parts = sizeof parts / sizeof *parts };

static char dir[] = "/tmp/gocrt.XXXXXX", plain[64];

/* The same program with plain musl. */
static void build_plain(void)
{
	struct run r;

	cr_assert_not_null(mkdtemp(dir));
	snprintf(plain, sizeof plain, "%s/plain", dir);
	r = run("musl-gcc", "-static", "-O1", "test/prog/ordinary.c", "-o", plain);
	cr_assert_eq(r.status, 0, "%s", r.err);
	run_free(&r);
	setenv("ORDINARY_A", "a value", 1);
}

static void remove_dir(void)
{
	struct run r = run("rm", "-rf", dir);

	run_free(&r);
}

static struct run run_part(const char *path, const char *setting, const char *part)
{
	return run_list("first\nsecond\nthird\nno end", (const char *const[]){setting, path, part,
		"two words", "", "-x", NULL});
}

static void same(const char *path, const char *setting, void *arg)
{
	(void)arg;
	for (int i = 0; i < Parts; i++) {
		struct run want = run_part(plain, setting, parts[i]);
		struct run r = run_part(path, setting, parts[i]);

		cr_expect_eq(r.status, want.status, "%s %s %s: %d, not %d\n%s", setting, path,
			parts[i], r.status, want.status, r.err);
		cr_expect_str_eq(r.out, want.out, "%s %s %s printed:\n%s\nand not:\n%s", setting, path,
			parts[i], r.out, want.out);
		cr_expect_str_eq(r.err, want.err, "%s %s %s: %s", setting, path, parts[i], r.err);
		run_free(&r);
		run_free(&want);
	}
}

/* The other tests would pass with a program that does nothing. */
Test(ordinary, plain_is_as_expected, .init = build_plain, .fini = remove_dir)
{
	struct run r = run_part(plain, "A=b", "start_and_end");

	cr_expect_eq(r.status, 42);
	cr_expect_str_eq(r.out, "101 200 300 plain \nleft in the bufferatexit 2\natexit 3\n"
		"atexit 1\ndestructor\ndestructor 300\ndestructor 101\n");
	run_free(&r);
	r = run_part(plain, "A=b", "given");
	cr_expect_eq(r.status, 2);
	cr_expect_not_null(strstr(r.out, "argument 2: \"two words\"\nargument 3: \"\"\n"));
	cr_expect_not_null(strstr(r.out, "2 more lines, 19 characters, eof 1\n"));
	run_free(&r);
	r = run_part(plain, "A=b", "asserts");
	cr_expect_eq(r.status, 128 + SIGABRT);
	run_free(&r);
}

Test(ordinary, does_the_same, .init = build_plain, .fini = remove_dir)
{
	in_each(same, "ordinary", NULL);
}

Test(ordinary, preinit_array)
{
	struct run r = run(prog("ordinary"), "early");

	cr_expect_eq(r.status, 0);
	cr_expect_str_eq(r.out, "1\n");
	run_free(&r);
}

Test(ordinary, without_a_descriptor, .init = build_plain, .fini = remove_dir)
{
	struct run r = run("sh", "-c", "exec build/test/prog/ordinary files <&- 2>&-");

	cr_expect_eq(r.status, 0, "%d", r.status);
	run_free(&r);
}

Test(ordinary, with_an_empty_environment)
{
	struct run r = run("env", "-i", "build/test/prog/ordinary", "language");

	cr_expect_eq(r.status, 0, "%d", r.status);
	run_free(&r);
}

/* Arguments and environment of megabytes. */
Test(ordinary, with_a_large_environment)
{
	struct run r = run("sh", "-c",
		"X=$(head -c 100000 /dev/zero | tr '\\0' x); export X; export A=$X B=$X C=$X D=$X; "
		"exec build/test/prog/ordinary start_and_end $X $X $X");

	cr_expect_eq(r.status, 42, "%d %s", r.status, r.err);
	run_free(&r);
}

/* ---- every way to compile it ---- */

struct line {
	char text[160];
};

ParameterizedTestParameters(compiled, does_the_same)
{
	static struct line lines[] = {
		{"musl-gcc -O0 -g"},
		{"musl-gcc -O2"},
		{"musl-gcc -O2 -s"},
		{"musl-gcc -O3 -march=native"},
		{"musl-gcc -O2 -flto"},
		{"musl-gcc -Os -fomit-frame-pointer"},
		{"musl-gcc -O2 -fstack-protector-all"},
		{"REALGCC=clang build/bin/gocrt-gcc -O0"},
		{"REALGCC=clang build/bin/gocrt-gcc -O2 -s"},
		{"REALGCC=clang build/bin/gocrt-gcc -O3"},
	};
	return cr_make_param_array(struct line, lines, sizeof lines / sizeof *lines);
}

/* Both programs: one that knows nothing of gocrt and one that does. */
ParameterizedTest(struct line *l, compiled, does_the_same, .init = build_plain, .fini = remove_dir)
{
	const char *tail = strstr(l->text, "gocrt-gcc") ? ""
							: "-static -nostartfiles -Ibuild/include "
							  "build/lib/gocrt.o";
	static const char *const names[] = {"ordinary", "proc", "tls", "faults"};
	char line[600], path[4][64];

	for (int i = 0; i < 4; i++) {
		struct run r;

		snprintf(path[i], sizeof path[i], "%s/%s", dir, names[i]);
		snprintf(line, sizeof line, "%s test/prog/%s.c %s -o %s", l->text, names[i], tail,
			path[i]);
		r = run("sh", "-c", line);
		cr_assert_eq(r.status, 0, "%s\n%s", line, r.err);
		run_free(&r);
	}
	same(path[0], "GOMAXPROCS=2", NULL);
	for (int i = 0; i < 3; i++) {
		static const char *const cases[] = {"tree", "fair", "big_stacks"};

		run_case(path[1], "GOMAXPROCS=2", &(struct everywhere){NULL, cases[i]});
	}
	run_case(path[2], "GOMAXPROCS=2", &(struct everywhere){NULL, "errno"});
	run_case(path[2], "GOMAXPROCS=2", &(struct everywhere){NULL, "locals"});
	run_death(path[1], "GOMAXPROCS=2", &(struct death){NULL, "deadlock_mutex", 2,
		(const char *const[]){"fatal error: all goroutines are asleep - deadlock!\n",
			"goroutine 1 [sync.Mutex.Lock]:\n", NULL}});
	run_death(path[3], "GOMAXPROCS=2", &(struct death){NULL, "null_other", 2,
		(const char *const[]){"fatal error: SIGSEGV", "goroutine ", " [running]:\n", NULL}});
	run_death(path[3], "GOMAXPROCS=2", &(struct death){NULL, "overflow_main", 2,
		(const char *const[]){"fatal error: stack overflow\n", NULL}});
}

/* Objects before and after main, exceptions, run-time types and thread_local objects in goroutines, by Debian's libsupc++. */
Test(compiled, cxx_runs, .init = build_plain, .fini = remove_dir)
{
	static const char *const compilers[] = {"g++",
		"clang++ -L$(dirname $(gcc -print-file-name=libsupc++.a))"};
	char line[400];

	for (int i = 0; i < 2; i++) {
		struct run r;

		snprintf(line, sizeof line,
			"set -- %s; c=$1; shift; REALGCC=$c build/bin/gocrt-gcc -O2 test/prog/cxx.cc "
			"-o %s/cxx \"$@\" -lsupc++", compilers[i], dir);
		r = run("sh", "-c", line);
		cr_assert_eq(r.status, 0, "%s\n%s", line, r.err);
		run_free(&r);
		snprintf(line, sizeof line, "%s/cxx", dir);
		for (int n = 0; n < 3; n++) {
			static const char *const procs[] = {"GOMAXPROCS=1", "GOMAXPROCS=2", "GOMAXPROCS=8"};

			r = run(procs[n], line);
			cr_expect_eq(r.status, 0, "%s", r.err);
			cr_expect_str_eq(r.out, "first made\nmade in a function, once\n400 caught\n"
				"401 made, 401 ended, 0 strange\nmain's own: end\n"
				"made in a function: end\nfirst: end\n", "%s: %s", procs[n], r.out);
			run_free(&r);
		}
	}
}

/* The header is C++, too. */
Test(compiled, header_is_cxx17)
{
	struct run r = run("sh", "-c",
		"printf '#include <go.h>\\nstatic void f(void *p) { *(int *)p = 1; }\\n"
		"int main() { int i = 0; go_waitgroup w = {}; go_mutex m{}; go_mutex_lock(&m); "
		"go_waitgroup_go(&w, f, &i); go_waitgroup_wait(&w); go_exit(); }\\n' | "
		"g++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -Ibuild/include -x c++ -");

	cr_expect_eq(r.status, 0, "%s", r.err);
	run_free(&r);
}

Test(compiled, header_is_c11)
{
	struct run r = run("sh", "-c",
		"for cc in gcc clang; do for std in c11 gnu11 c17 c2x; do echo '#include <go.h>' | "
		"$cc -std=$std -Wall -Wextra -Werror -pedantic -fsyntax-only -Ibuild/include -x c -; "
		"done; done");

	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_str_empty(r.err);
	run_free(&r);
}
