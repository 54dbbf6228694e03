/* SPDX-License-Identifier: MIT */
/*
 * examples_test.c - what the examples print and how they end, as a reader of
 * their sources would expect it. Run from the project's root, as `make test` does.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <sched.h>

#include "run.h"

#define EXAMPLE(name) "build/examples/" name

static int cpus(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

/* The value on the line that begins with label, or NULL. Valid until the next call. */
static const char *line(const char *text, const char *label)
{
	static char value[256];

	for (const char *s = text; s && *s; s = strchr(s, '\n'), s += s != NULL) {
		if (strncmp(s, label, strlen(label)) != 0)
			continue;
		s += strlen(label) + strspn(s + strlen(label), " ");
		snprintf(value, sizeof value, "%.*s", (int)strcspn(s, "\n"), s);
		return value;
	}
	return NULL;
}

static int number(const char *text, const char *label)
{
	const char *s = line(text, label);
	cr_assert_not_null(s, "no line begins with \"%s\":\n%s", label, text);
	return atoi(s);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

Test(hello, greets)
{
	struct run r = run(EXAMPLE("hello"));

	cr_expect_eq(r.status, 0);
	cr_expect_str_eq(r.out, "hello, world, from goroutine 1\n");
	cr_expect_str_empty(r.err);
	run_free(&r);
}

Test(boot, reports)
{
	struct run r = run("GOMAXPROCS=3", EXAMPLE("boot"), "one", "two words");
	unsigned long entry = 0, start = 1;
	int pid, ctor;

	cr_assert_eq(r.status, 0, "%s", r.err);
	cr_expect_str_eq(line(r.out, "program"), EXAMPLE("boot") ", 2 arguments");
	sscanf(line(r.out, "entry"), "%lx, which is _start at %lx", &entry, &start);
	cr_expect_eq(entry, start, "%s", r.out);
	cr_expect(number(r.out, "CPUs") >= 1 && number(r.out, "CPUs") <= cpus());
	cr_expect_eq(number(r.out, "page size"), sysconf(_SC_PAGESIZE));
	cr_expect_eq(number(r.out, "Ps (GOMAXPROCS)"), 3);
	cr_expect_eq(sscanf(line(r.out, "process"), "%d; constructors ran on thread %d",
			     &pid, &ctor),
		2);
	cr_expect_not_null(strstr(r.out, "main is            goroutine 1 on thread "));
	cr_expect_not_null(strstr(r.out, "a second one is    goroutine "));
	cr_expect_null(strstr(r.out, "a second one is    goroutine 1 "));
	cr_expect_geq(number(r.out, "goroutines left"), 1);
	cr_expect_geq(number(r.out, "threads (Ms)"), 2, "sysmon is a thread of its own");
	cr_expect_str_empty(r.err);
	run_free(&r);
}

Test(boot, ps_are_the_cpus_by_default)
{
	unsetenv("GOMAXPROCS");
	struct run r = run(EXAMPLE("boot"));

	cr_assert_eq(r.status, 0, "%s", r.err);
	cr_expect_eq(number(r.out, "Ps (GOMAXPROCS)"), number(r.out, "CPUs"));
	run_free(&r);
}

Test(wordcount, counts)
{
	char a[] = "/tmp/wordcount.XXXXXX", b[] = "/tmp/wordcount.XXXXXX";
	close(mkstemp(a));
	close(mkstemp(b));
	write_file(a, "The cat, the DOG and the bird.\none1one 22 don't");
	write_file(b, "bird: the_cat\n\n");
	struct run r = run(EXAMPLE("wordcount"), a, b);

	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_str_eq(r.out,
		"        4 the\n        2 bird\n        2 cat\n        2 one\n"
		"        1 and\n        1 dog\n        1 don\n        1 t\n");
	cr_expect_eq(strncmp(r.err, "2 files, 2 goroutines on ", 25), 0, "%s", r.err);
	unlink(a);
	unlink(b);
	run_free(&r);
}

Test(wordcount, concurrent_is_serial)
{
	struct run some =
		run("sh", "-c", EXAMPLE("wordcount") " runtime/*.[ch] /usr/include/*.h");
	struct run same = run(
		"sh", "-c", EXAMPLE("wordcount") " -s runtime/*.[ch] /usr/include/*.h");
	int lines = 0;

	cr_expect_eq(some.status, 0, "%s", some.err);
	cr_expect_eq(same.status, 0, "%s", same.err);
	cr_expect_str_eq(some.out, same.out);
	for (const char *s = some.out; *s; s++)
		lines += *s == '\n';
	cr_expect_eq(lines, 10);
	cr_expect_not_null(
		strstr(same.err, " files, 1 goroutine on 1 thread\n"), "%s", same.err);
	run_free(&some);
	run_free(&same);
}

Test(wordcount, says_what_it_cannot_read)
{
	char a[] = "/tmp/wordcount.XXXXXX";
	close(mkstemp(a));
	write_file(a, "readable");
	struct run r = run(EXAMPLE("wordcount"), "/nonexistent/file", a, "/tmp");

	cr_expect_eq(r.status, 1);
	cr_expect_str_eq(r.out, "        1 readable\n");
	cr_expect_not_null(strstr(
		r.err, "wordcount: /nonexistent/file: No such file or directory\n"));
	cr_expect_not_null(
		strstr(r.err, "wordcount: /tmp: Is a directory\n"), "%s", r.err);
	unlink(a);
	run_free(&r);
}

Test(wordcount, wants_files)
{
	struct run r = run(EXAMPLE("wordcount"), "-s");

	cr_expect_eq(r.status, 2);
	cr_expect_str_eq(r.err, "usage: wordcount [-s] FILE...\n");
	run_free(&r);
}

Test(parallel, counts_primes)
{
	struct run r = run("GOMAXPROCS=4", EXAMPLE("parallel"), "1000000");
	double one = 0, many = 0, ratio = 0;

	cr_assert_eq(r.status, 0, "%s", r.err);
	cr_expect_eq(number(r.out, "primes below 1000000:"), 78498);
	cr_expect_eq(sscanf(strchr(r.out, '\n') + 1,
			     "%lf s on one core, %lf s on 4: %lf times as fast\n", &one,
			     &many, &ratio),
		3, "%s", r.out);
	run_free(&r);
}

Test(parallel, edges)
{
	static const struct {
		const char *n, *out;
	} cases[] = {{"0", "primes below 0: 0\n"}, {"2", "primes below 2: 0\n"},
		{"3", "primes below 3: 1\n"}, {"4097", "primes below 4097: 564\n"}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct run r = run(EXAMPLE("parallel"), cases[i].n);
		cr_expect_eq(r.status, 0, "%s", r.err);
		cr_expect_eq(strncmp(r.out, cases[i].out, strlen(cases[i].out)), 0, "%s",
			r.out);
		run_free(&r);
	}
	struct run r = run(EXAMPLE("parallel"), "many");
	cr_expect_eq(r.status, 2);
	cr_expect_str_eq(r.err, "usage: parallel [N]\n");
	run_free(&r);
}

/* Run with any number of Ps: status 0 and just this on standard output. */
static void prints(const char *path, const char *arg, const char *want)
{
	static const char *const procs[] = {"GOMAXPROCS=1", "GOMAXPROCS=2", "GOMAXPROCS=8"};

	for (size_t i = 0; i < sizeof procs / sizeof *procs; i++) {
		struct run r = arg ? run(procs[i], path, arg) : run(procs[i], path);

		cr_expect_eq(r.status, 0, "%s %s: %s", procs[i], path, r.err);
		cr_expect_str_eq(r.out, want, "%s %s: %s", procs[i], path, r.out);
		run_free(&r);
	}
}

Test(sieve, finds_primes) { prints(EXAMPLE("sieve"), "8", "2\n3\n5\n7\n11\n13\n17\n19\n"); }
Test(pingpong, counts_hits) { prints(EXAMPLE("pingpong"), "2000", "2000 hits\n"); }
Test(skynet, adds_up) { prints(EXAMPLE("skynet"), "100000", "4999950000\n"); }
Test(skynet, any_number_of_leaves) { prints(EXAMPLE("skynet"), "1234", "760761\n"); }

/* What is no number ends with a message that names it. */
Test(arguments, junk)
{
	static const char *const given[][2] = {{EXAMPLE("skynet"), "x"}, {EXAMPLE("skynet"), "0"},
		{EXAMPLE("pingpong"), "-5"}, {EXAMPLE("sieve"), "7 "}, {EXAMPLE("echo"), "99999"},
		{EXAMPLE("chat"), ""}, {EXAMPLE("httpd"), "-pfoo"}, {EXAMPLE("tail"), "-n1x"},
		{EXAMPLE("portscan"), "-t-1"}};

	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		struct run r = run_list(NULL, (const char *const[]){given[i][0], given[i][1], NULL});

		cr_expect_eq(r.status, 2, "%s %s: %d", given[i][0], given[i][1], r.status);
		cr_expect(strstr(r.err, "is not a number from"), "%s %s: %s", given[i][0], given[i][1], r.err);
		run_free(&r);
	}
}

Test(workers, lose_patience)
{
	prints(EXAMPLE("workers"), NULL,
		"19 of 20 jobs done, squares add up to 2701\none did not come in time\n");
}

Test(philosophers, all_eat)
{
	prints(EXAMPLE("philosophers"), NULL,
		"philosopher 0 ate 100 times\nphilosopher 1 ate 100 times\n"
		"philosopher 2 ate 100 times\nphilosopher 3 ate 100 times\n"
		"philosopher 4 ate 100 times\n");
}

Test(philosophers, stubborn_ones_starve)
{
	struct run r = run("GOMAXPROCS=1", EXAMPLE("philosophers"), "-d");

	cr_expect_eq(r.status, 2);
	cr_expect_not_null(strstr(r.err, "all goroutines are asleep - deadlock!"), "%s", r.err);
	cr_expect_not_null(strstr(r.err, "[sync.Mutex.Lock]:\n"), "%s", r.err);
	run_free(&r);
}

Test(ratelimit, keeps_to_the_rate)
{
	prints(EXAMPLE("ratelimit"), NULL,
		"request 1 served\nrequest 2 served\nrequest 3 served\nrequest 4 served\n"
		"request 5 served\nrequest 6 served\nrequest 7 served\nrequest 8 served\n"
		"not faster than allowed: yes\n");
}
