/* SPDX-License-Identifier: MIT */
/*
 * build_test.c - what a program's author meets: gocrt-gcc and the plain compile
 * line, gcc and clang, every usual option; installing and uninstalling; the
 * program in the README. Run from the project's root, as `make test` does.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "run.h"

#define HELLO "hello, world, from goroutine 1\n"
#define PLAIN "-static -nostartfiles -Ibuild/include examples/hello.c build/lib/gocrt.o"

static char dir[] = "/tmp/gocrt.XXXXXX"; /* each test's own */

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
	setenv("D", dir, 1);
	unsetenv("MAKEFLAGS"); /* the make above is none of ours */
	unsetenv("MAKELEVEL");
	unsetenv("REALGCC");
}

static void remove_dir(void)
{
	struct run r = run("rm", "-rf", dir);
	run_free(&r);
}

TestSuite(wrapper, .init = make_dir, .fini = remove_dir);
TestSuite(install, .init = make_dir, .fini = remove_dir);
TestSuite(readme, .init = make_dir, .fini = remove_dir);

/* Run a line of shell, which must succeed and print out. */
static void expect(const char *line, const char *out)
{
	struct run r = run("sh", "-ec", line);

	cr_expect_eq(
		r.status, 0, "%s\nended with %d:\n%s%s", line, r.status, r.out, r.err);
	cr_expect_str_eq(r.out, out, "%s\nprinted:\n%s%s", line, r.out, r.err);
	run_free(&r);
}

/* Every way to build hello; $D is the test's directory. */
struct line {
	char text[200];
};

ParameterizedTestParameters(wrapper, builds_hello)
{
	static struct line lines[] = {
		{"musl-gcc " PLAIN},
		{"musl-gcc -O0 -g " PLAIN},
		{"musl-gcc -O2 -s " PLAIN},
		{"musl-gcc -O3 " PLAIN},
		{"musl-gcc -O2 -flto " PLAIN},
		{"musl-gcc -ffunction-sections -Wl,--gc-sections " PLAIN},
		{"musl-gcc -fstack-protector-all " PLAIN},
		{"build/bin/gocrt-gcc examples/hello.c"},
		{"build/bin/gocrt-gcc -O2 -g3 -Wall -Wextra -Werror -std=c11 "
		 "examples/hello.c"},
		{"build/bin/gocrt-gcc -O3 -flto examples/hello.c -lm -lpthread"},
		{"build/bin/gocrt-gcc -pthread examples/hello.c"},
		{"build/bin/gocrt-gcc -x c - <examples/hello.c"},
		{"REALGCC=gcc build/bin/gocrt-gcc examples/hello.c"},
		{"REALGCC=clang build/bin/gocrt-gcc -O0 examples/hello.c"},
		{"REALGCC=clang build/bin/gocrt-gcc -O2 -g -Wall -Wextra -Werror "
		 "examples/hello.c"},
		{"REALGCC=clang build/bin/gocrt-gcc -O3 -x c - <examples/hello.c"},
		{"build/bin/gocrt-gcc -c examples/hello.c -o $D/o.o; build/bin/gocrt-gcc "
		 "$D/o.o"},
		{"build/bin/gocrt-gcc -S examples/hello.c -o $D/s.s; build/bin/gocrt-gcc "
		 "$D/s.s"},
		{"REALGCC=clang build/bin/gocrt-gcc -Werror -c examples/hello.c -o "
		 "$D/o.o; "
		 "REALGCC=clang build/bin/gocrt-gcc -Werror $D/o.o"},
		{"ln -s $PWD/build/bin/gocrt-gcc $D/linked; $D/linked examples/hello.c"},
		{"build/debug/bin/gocrt-gcc examples/hello.c"},
	};
	return cr_make_param_array(struct line, lines, sizeof lines / sizeof *lines);
}

ParameterizedTest(struct line *l, wrapper, builds_hello)
{
	char line[320];

	snprintf(line, sizeof line, "%s -o $D/hello; $D/hello", l->text);
	expect(line, HELLO);
}

Test(wrapper, adds_what_cxx_needs)
{
	expect("build/bin/gocrt-gcc examples/hello.c -o $D/a; readelf -lW $D/a | grep -c "
	       "GNU_EH_FRAME; "
	       "readelf -lW $D/a | grep -c INTERP || :",
		"1\n0\n");
}

Test(wrapper, puts_gocrt_between_program_and_libc)
{
	expect("build/bin/gocrt-gcc -O0 examples/wordcount.c -o $D/a -Wl,-Map=$D/map; nm "
	       "-n $D/a | "
	       "grep -E ' (count_file|runtime_text|runtime_boottext|printf|runtime_stext|runtime_etext)$' | cut -d' ' "
	       "-f3",
		"count_file\nruntime_text\nruntime_boottext\nprintf\nruntime_stext\nruntime_etext\n");
}

/* All of it: a section whose name the linker sorts elsewhere (.text.exit) would be taken for the program's. */
Test(wrapper, keeps_all_code_of_gocrt_together)
{
	static const char *const links[] = {
		"musl-gcc -O2 -static -nostartfiles -Ibuild/include examples/wordcount.c build/lib/gocrt.o",
		"build/bin/gocrt-gcc -O2 examples/wordcount.c",
		"build/bin/gocrt-gcc -Wl,--no-gc-sections examples/wordcount.c",
		"build/debug/bin/gocrt-gcc examples/wordcount.c",
		"REALGCC=clang build/bin/gocrt-gcc examples/wordcount.c",
	};
	char line[400];

	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		snprintf(line, sizeof line,
			"%s -Wl,-Map=$D/map -o $D/a; nm $D/a >$D/nm; awk -f test/tools/outside.awk "
			"$D/nm $D/map", links[i]);
		expect(line, "all\n");
	}
	/* The check sees what is outside: one byte of code behind a mark that comes too early. */
	expect("a=$(awk '$3 == \"runtime_goexit\" {print $1}' $D/nm); sed \"s/^[0-9a-f]* \\(. "
	       "runtime_etext\\)/$a \\1/\" $D/nm >$D/nm2; awk -f test/tools/outside.awk $D/nm2 $D/map | "
	       "grep -c runtime_etext",
		"1\n");
}

Test(wrapper, without_a_link)
{
	expect("echo '#include <go.h>' >$D/a.c; cd $D; $OLDPWD/build/bin/gocrt-gcc -c "
	       "a.c; ls",
		"a.c\na.o\n");
	expect("build/bin/gocrt-gcc -E $D/a.c | grep -c 'void go_sched(void);'", "1\n");
	expect("build/bin/gocrt-gcc -M $D/a.c | grep -c include/go.h", "1\n");
	expect("build/bin/gocrt-gcc -MMD -c $D/a.c -o $D/b.o; test -s $D/b.d", "");
	expect("build/bin/gocrt-gcc -r $D/a.o -o $D/r.o; nm $D/r.o", "");
	expect("build/bin/gocrt-gcc --version | head -n 1 | cut -d' ' -f1",
		"x86_64-linux-gnu-gcc\n");
}

Test(wrapper, refuses_what_it_cannot_make)
{
	static const char *const flags[] = {"-shared", "-pie", "-static-pie"};

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		struct run r = run("build/bin/gocrt-gcc", flags[i], "examples/hello.c",
			"-o", "/dev/null");
		cr_expect_eq(r.status, 1);
		cr_expect_not_null(
			strstr(r.err, "static, position-dependent programs only"), "%s",
			r.err);
		cr_expect_eq(strncmp(r.err, "gocrt-gcc: -", 12), 0, "%s", r.err);
		run_free(&r);
	}
}

Test(wrapper, passes_on_the_compilers_status)
{
	struct run r = run("sh", "-c",
		"echo 'int main(void) { return x; }' | build/bin/gocrt-gcc -x c - -o "
		"/dev/null");
	cr_expect_eq(r.status, 1);
	run_free(&r);
}

Test(install, works_from_anywhere_and_leaves_nothing)
{
	expect("make -s install PREFIX=/opt/go DESTDIR=$D/root", "");
	expect("cd $D/root/opt/go; find . -type f | sort",
		"./bin/gocrt-gcc\n./include/gocrt/go.h\n./lib/gocrt-cold.ld\n./lib/gocrt.o\n./lib/"
		"gocrt.specs\n"
		"./lib/pkgconfig/gocrt.pc\n");
	expect("mv $D/root $D/moved; $D/moved/opt/go/bin/gocrt-gcc examples/hello.c -o "
	       "$D/a; $D/a",
		HELLO);
	expect("REALGCC=clang $D/moved/opt/go/bin/gocrt-gcc examples/hello.c -o $D/a; "
	       "$D/a",
		HELLO);
	expect("mv $D/moved $D/root; touch $D/root/opt/go/lib/other; "
	       "make -s uninstall PREFIX=/opt/go DESTDIR=$D/root; cd $D/root; find . ! "
	       "-type d; "
	       "test ! -e opt/go/include/gocrt",
		"./opt/go/lib/other\n");
}

Test(install, pkg_config)
{
	expect("make -s install PREFIX=$D/usr; export "
	       "PKG_CONFIG_PATH=$D/usr/lib/pkgconfig; "
	       "pkg-config --modversion gocrt; "
	       "musl-gcc examples/hello.c $(pkg-config --cflags --libs gocrt) -o $D/a; "
	       "$D/a",
		"0.1\n" HELLO);
	/* What makes it small is asked for: it is about the program's sections, too. */
	expect("export PKG_CONFIG_PATH=$D/usr/lib/pkgconfig; musl-gcc -s examples/hello.c "
	       "$(pkg-config --cflags --libs gocrt) $(pkg-config --variable=small gocrt) -o $D/small; "
	       "$D/small; $D/usr/bin/gocrt-gcc -s examples/hello.c -o $D/b; "
	       "test $(stat -c %s $D/small) -le $(($(stat -c %s $D/b) + 1024))",
		HELLO);
}

Test(readme, program_prints_what_it_says)
{
	struct run said = run("sh", "-c",
		"sed -n '/^```console/,/^```$/p' README.md | sed -n '/sleepsort "
		"300/,/```/p' | grep '^[0-9]'");

	cr_assert_str_not_empty(said.out);
	expect("sed -n '/^```c$/,/^```$/p' README.md | grep -v '^```' >$D/sleepsort.c; "
	       "build/bin/gocrt-gcc -Wall -Wextra -Werror $D/sleepsort.c -o "
	       "$D/sleepsort; "
	       "$D/sleepsort $(sed -n 's/^\\$ .*sleepsort \\([0-9 ]*\\)$/\\1/p' "
	       "README.md)",
		said.out);
	run_free(&said);
}

/* The check must see what it is there to see. */
Test(exports, check_tells)
{
	char list[] = "/tmp/gocrt.exports.XXXXXX";
	close(mkstemp(list));
	setenv("L", list, 1);
	struct run good =
		run("tools/check-exports.sh", "build/lib/gocrt.o", "tools/exports.txt");
	cr_expect_eq(good.status, 0, "%s", good.err);
	struct run bad = run("sh", "-c",
		"{ grep -v '^go_id$' tools/exports.txt; echo go_nothing; } >$L; "
		"tools/check-exports.sh build/lib/gocrt.o $L");
	cr_expect_eq(bad.status, 1);
	cr_expect_not_null(strstr(bad.err, "go_id: exported, but not in"), "%s", bad.err);
	cr_expect_not_null(
		strstr(bad.err, "go_nothing: in /tmp/gocrt.exports"), "%s", bad.err);
	unlink(list);
	run_free(&good);
	run_free(&bad);
}
