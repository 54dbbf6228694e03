/* SPDX-License-Identifier: MIT */
/*
 * net_examples_test.c - the examples that wait for others: echo, chat, portscan and
 * tail, run as programs with the other sides played by the test. Each step waits
 * for what it must bring about.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "server.h"

#define EXAMPLE(name) "build/examples/" name

TestSuite(echo, .timeout = 60);
TestSuite(chat, .timeout = 100);
TestSuite(portscan, .timeout = 60);

/* ---- echo ---- */

enum { Clients = 60, Sent = 20000 };

static char *letters(int seed)
{
	char *s = malloc(Sent + 1);

	for (int i = 0; i < Sent; i++)
		s[i] = (char)('a' + (seed + i * 7 + i / 13) % 26);
	s[Sent] = '\0';
	return s;
}

static void echoes(int fd, const char *s)
{
	char back[Sent + 1];
	size_t n = strlen(s);

	cr_assert(get(fd, back, n));
	back[n] = '\0';
	cr_expect_str_eq(back, s);
}

Test(echo, gives_back_to_each_what_it_sent)
{
	for_each_procs(setting) {
		struct server s = serve(setting, EXAMPLE("echo"), "0");
		int fd[Clients], quiet = dial(s.port);

		for (int i = 0; i < Clients; i++)
			put(fd[i] = dial(s.port), letters(i));
		for (int i = Clients - 1; i >= 0; i--) {
			echoes(fd[i], letters(i));
			put(fd[i], "and more");
			shutdown(fd[i], SHUT_WR);
			echoes(fd[i], "and more");
			cr_expect(at_end(fd[i]));
			close(fd[i]);
		}
		put(quiet, "late");
		echoes(quiet, "late");
		close(quiet);
		cr_expect_eq(stop(&s, SIGTERM), 128 + SIGTERM);
		cr_expect_str_empty(s.log);
	}
}

/* A client that resets its connection, and one that does not read, hurt nobody. */
Test(echo, survives_rude_clients)
{
	for_each_procs(setting) {
		struct server s = serve(setting, EXAMPLE("echo"), "0");
		struct linger reset = {1, 0};
		int stuck = dial_buffer(s.port, 4096), fd;

		fcntl(stuck, F_SETFL, O_NONBLOCK);
		while (send(stuck, letters(1), Sent, MSG_NOSIGNAL) > 0)
			continue;
		for (int i = 0; i < 20; i++) {
			put(fd = dial(s.port), letters(i));
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
			close(fd);
		}
		put(fd = dial(s.port), "still there?");
		echoes(fd, "still there?");
		close(fd);
		close(stuck);
		cr_expect_eq(stop(&s, SIGTERM), 128 + SIGTERM);
		cr_expect_str_empty(s.log);
	}
}

/* ---- chat ---- */

static void expect_line(int fd, const char *want)
{
	char line[400];

	cr_assert(get_line(fd, line, sizeof line), "closed, and not \"%s\"", want);
	cr_expect_str_eq(line, want);
}

/* Connect, and be greeted by that name. */
static int enter_buffer(struct server *s, const char *name, const char *as, int rcvbuf)
{
	char prompt[12] = "", line[40];
	int fd = dial_buffer(s->port, rcvbuf);

	cr_assert(get(fd, prompt, 11));
	cr_expect_str_eq(prompt, "your name? ");
	snprintf(line, sizeof line, "%s\n", name);
	put(fd, line);
	snprintf(line, sizeof line, "* you are %s", as);
	expect_line(fd, line);
	return fd;
}
#define enter(s, name, as) enter_buffer(s, name, as, 0)

Test(chat, everybody_hears_the_others)
{
	for_each_procs(setting) {
		struct server s = serve(setting, EXAMPLE("chat"), "0");
		int alice = enter(&s, "alice", "alice"), bob, other, fd;

		bob = enter(&s, "bob\r", "bob");
		expect_line(alice, "* bob joined");
		other = enter(&s, "bob", "bob2");
		expect_line(alice, "* bob2 joined");
		expect_line(bob, "* bob2 joined");
		put(alice, "hello all\n");
		expect_line(bob, "alice: hello all");
		expect_line(other, "alice: hello all");
		put(bob, "hi\x1b[2J\n\n");
		expect_line(alice, "bob: hi [2J");
		expect_line(alice, "bob: ");
		put(other, "cut in the mid");
		put(alice, "first\n");
		expect_line(bob, "alice: first");
		put(other, "dle\n");
		expect_line(alice, "bob2: cut in the middle");
		close(other);
		expect_line(alice, "* bob2 left");
		fd = enter(&s, "", "guest");
		expect_line(alice, "* guest joined");
		shutdown(fd, SHUT_WR);
		expect_line(alice, "* guest left");
		cr_expect(at_end(fd));
		close(dial(s.port)); /* one without a name */
		put(bob, "done\n");
		expect_line(alice, "bob: done");
		close(alice), close(bob), close(fd);
		cr_expect_eq(stop(&s, SIGTERM), 128 + SIGTERM);
		cr_expect_str_empty(s.log);
	}
}

/* Many: each line to everybody, in each speaker's order. */
Test(chat, a_crowd)
{
	enum { Crowd = 30, Lines = 10 };

	for_each_procs(setting) {
		struct server s = serve(setting, EXAMPLE("chat"), "0");
		int fd[Crowd], next[Crowd];
		char line[400];

		for (int i = 0; i < Crowd; i++) {
			snprintf(line, sizeof line, "n%d", i);
			fd[i] = enter(&s, line, line);
			snprintf(line, sizeof line, "* n%d joined", i);
			for (int k = 0; k < i; k++)
				expect_line(fd[k], line);
		}
		for (int i = 0; i < Lines; i++)
			for (int k = 0; k < 3; k++) {
				snprintf(line, sizeof line, "line %d\n", i);
				put(fd[k], line);
			}
		for (int i = 0; i < Crowd; i++) {
			memset(next, 0, sizeof next);
			for (int n = Lines * (i < 3 ? 2 : 3); n > 0; n--) {
				int who = -1, what = -1;

				cr_assert(get_line(fd[i], line, sizeof line));
				cr_assert_eq(sscanf(line, "n%d: line %d", &who, &what), 2, "%s", line);
				cr_assert(who >= 0 && who < 3 && who != i && what == next[who]++,
					"n%d got \"%s\"", i, line);
			}
		}
		cr_expect_eq(stop(&s, SIGTERM), 128 + SIGTERM);
		cr_expect_str_empty(s.log);
	}
}

/* Who does not read is dropped, and the others do not wait for that. */
Test(chat, drops_who_is_slow)
{
	for_each_procs(setting) {
		struct server s = serve(setting, EXAMPLE("chat"), "0");
		int alice = enter(&s, "alice", "alice"), bob = enter(&s, "bob", "bob");
		int slow = enter_buffer(&s, "slow", "slow", 2048), n = 0;
		char said[200], line[400];

		memset(said, 'x', sizeof said - 2);
		strcpy(said + sizeof said - 3, "\n");
		expect_line(bob, "* slow joined");
		do {
			put(alice, said);
			cr_assert(get_line(bob, line, sizeof line));
			cr_assert_lt(n++, 20000, "%s: never dropped", setting);
		} while (strncmp(line, "alice: xxx", 10) == 0);
		cr_expect_str_eq(line, "* slow was too slow");
		cr_expect_gt(n, 64, "%s: dropped after %d lines", setting, n);
		for (ssize_t r = 1; r > 0;)
			r = read(slow, line, sizeof line);
		cr_expect(at_end(slow));
		put(bob, "gone\n");
		expect_line(alice, "* bob joined");
		expect_line(alice, "* slow joined");
		expect_line(alice, "* slow was too slow");
		expect_line(alice, "bob: gone");
		cr_expect_eq(stop(&s, SIGTERM), 128 + SIGTERM);
	}
}

/* ---- portscan ---- */

static int bound(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	getsockname(fd, (struct sockaddr *)&a, &n);
	*port = ntohs(a.sin_port);
	return fd;
}

static bool listed(const char *out, int port)
{
	char line[20];
	size_t n = (size_t)snprintf(line, sizeof line, "%d\n", port);

	for (const char *s = out; s; s = strchr(s, '\n'), s += s != NULL)
		if (strncmp(s, line, n) == 0)
			return true;
	return false;
}

static void expect_port(const char *setting, int port, bool open)
{
	char text[20];
	struct run r;

	snprintf(text, sizeof text, "%d", port);
	r = run(setting, EXAMPLE("portscan"), "127.0.0.1", text);
	cr_expect_eq(r.status, 0, "%s", r.err);
	cr_expect_eq(strcmp(r.out, open ? strcat(text, "\n") : ""), 0, "%s: %s", setting, r.out);
	run_free(&r);
}

Test(portscan, finds_what_listens)
{
	for_each_procs(setting) {
		int closed, port[20], last = 0, first = 65536;
		char range[40];
		struct run r;

		bound(&closed);
		for (int i = 0; i < 20; i++) {
			cr_assert_eq(listen(bound(&port[i]), 5), 0);
			first = port[i] < first ? port[i] : first;
			last = port[i] > last ? port[i] : last;
		}
		expect_port(setting, port[0], true);
		expect_port(setting, closed, false);
		snprintf(range, sizeof range, "%d-%d", first, last);
		r = run(setting, EXAMPLE("portscan"), "-n", "30", "localhost", range);
		cr_expect_eq(r.status, 0, "%s", r.err);
		for (int i = 0; i < 20; i++)
			cr_expect(listed(r.out, port[i]), "%s: no %d in\n%s", setting, port[i], r.out);
		cr_expect_not(listed(r.out, closed));
		run_free(&r);
	}
}

/* A full backlog does not answer: the wait is as long as asked for, and others go on meanwhile. */
Test(portscan, does_not_wait_long)
{
	int port, fd = bound(&port), filler;
	char text[20];

	cr_assert_eq(listen(fd, 0), 0);
	snprintf(text, sizeof text, "%d", port);
	for (int i = 0; i < 2; i++) { /* one waits to be accepted, the next one's answer is dropped */
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(filler, (struct sockaddr *)&a, sizeof a);
	}
	for_each_procs(setting) {
		int64_t start = run_now();
		struct run r = run(setting, EXAMPLE("portscan"), "-t", "300", "127.0.0.1", text);

		cr_expect_eq(r.status, 0, "%s", r.err);
		cr_expect_str_empty(r.out);
		cr_expect(run_now() - start > 290000000 && run_now() - start < 5000000000);
		run_free(&r);
	}
}

Test(portscan, says_what_is_wrong)
{
	struct run r = run("sh", "-c", "ulimit -n 3; exec " EXAMPLE("portscan") " -n 100 127.0.0.1 1-2000");

	cr_expect_eq(r.status, 1);
	cr_expect_not_null(strstr(r.err, "portscan: socket: No file descriptors available\n"), "%s", r.err);
	run_free(&r);
	r = run(EXAMPLE("portscan"), "127.0.0.1", "5-3");
	cr_expect_eq(r.status, 2);
	cr_expect_eq(strncmp(r.err, "usage: ", 7), 0);
	run_free(&r);
}

/* ---- tail ---- */

static char dir[] = "/tmp/tail.XXXXXX";

static void make_dir(void)
{
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
}

static void remove_dir(void)
{
	struct run r = run("rm", "-rf", dir);

	run_free(&r);
}

TestSuite(tail, .init = make_dir, .fini = remove_dir, .timeout = 100);

static char tail_path[300];

__attribute__((constructor)) static void find_tail(void)
{
	if (!realpath(EXAMPLE("tail"), tail_path))
		strcpy(tail_path, EXAMPLE("tail"));
}

static void write_to(const char *name, const char *mode, const char *text)
{
	FILE *f = fopen(name, mode);

	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

/* It has said so on standard error. */
static void wait_said(struct server *s, const char *what)
{
	int64_t end = run_now() + ServerSeconds * INT64_C(1000000000);
	char said[2000] = "";

	while (!strstr(said, what)) {
		ssize_t n = pread(fileno(s->err), said, sizeof said - 1, 0);

		said[n > 0 ? n : 0] = '\0';
		cr_assert_lt(run_now(), end, "not said: %s", what);
		usleep(1000);
	}
}

static void counts(const char *name, const char *mode, int from, int to)
{
	FILE *f = fopen(name, mode);

	for (int i = from; i < to; i++)
		fprintf(f, "line %d\n", i);
	fclose(f);
}

Test(tail, follows_files_through_all_that_happens_to_them)
{
	for_each_procs(setting) {
		struct server s;
		int64_t start;

		counts("a", "w", 0, 1000);
		unlink("b");
		unlink("b.1");
		s = start(setting, tail_path, "-n", "2", "-i", "10", "a", "b", "-");
		expect_line(s.out, "a: line 998");
		expect_line(s.out, "a: line 999");
		wait_said(&s, "tail: b: No such file or directory\n");
		write_to("b", "w", "is here\nhalf ");
		expect_line(s.out, "b: is here");
		put(s.in, "typed\n");
		expect_line(s.out, "-: typed");
		write_to("b", "a", "a line\n");
		expect_line(s.out, "b: half a line");
		write_to("a", "w", "shorter\n");
		expect_line(s.out, "a: shorter");
		write_to("a", "w", "");
		start = run_now();
		write_to("a", "a", "x\n");
		expect_line(s.out, "a: x");
		cr_assert_eq(rename("b", "b.1"), 0);
		write_to("b.1", "a", "late\n");
		write_to("b", "w", "new\n");
		expect_line(s.out, "b: late");
		expect_line(s.out, "b: new");
		write_to("b.1", "a", "too late\n");
		write_to("b", "a", "newer\n");
		expect_line(s.out, "b: newer");
		unlink("b");
		write_to("b", "w", "again\n");
		expect_line(s.out, "b: again");
		put(s.in, "the end");
		shutdown(s.in, SHUT_WR);
		expect_line(s.out, "-: the end");
		write_to("a", "a", "more\n");
		expect_line(s.out, "a: more");
		cr_expect_lt(run_now() - start, 5000000000);
		cr_expect_eq(stop(&s, SIGTERM), 128 + SIGTERM);
		cr_expect_not_null(strstr(s.log, "tail: b: is there now\n"), "%s", s.log);
		cr_expect_not_null(strstr(s.log, "tail: a: was cut short\n"), "%s", s.log);
		cr_expect_not_null(strstr(s.log, "tail: b: is another file now\n"), "%s", s.log);
	}
}

/* Standard input that says nothing holds up no file; lines keep their order, however many. */
Test(tail, loses_nothing)
{
	enum { Lines = 50000 };

	for_each_procs(setting) {
		struct server s;
		int next[2] = {0};
		char line[100], name;
		FILE *f;

		write_to("a", "w", "");
		write_to("b", "w", "");
		s = start(setting, tail_path, "-i", "1", "-n", "1000000", "-", "a", "b");
		for (int i = 0; i < Lines; i += Lines / 10) {
			counts("a", "a", i, i + Lines / 10);
			counts("b", "a", i, i + Lines / 10);
		}
		f = fdopen(dup(s.out), "r");
		while (next[0] + next[1] < 2 * Lines) {
			int n = -1;

			cr_assert(fgets(line, sizeof line, f) &&
				  sscanf(line, "%c: line %d\n", &name, &n) == 2);
			cr_assert_eq(n, next[name - 'a']++, "%s: %s", setting, line);
		}
		fclose(f);
		cr_expect_eq(stop(&s, SIGTERM), 128 + SIGTERM);
	}
}

static void expect_last(const char *n, const char *contents, const char *want)
{
	struct server s;

	write_to("c", "w", contents);
	s = start(procs[1], tail_path, "-i", "1", "-n", n, "c");
	for (const char *line = want; *line; line += strlen(line) + 1)
		expect_line(s.out, line);
	cr_expect_eq(stop(&s, SIGTERM), 128 + SIGTERM);
}

Test(tail, begins_with_the_last_lines)
{
	char *many = malloc(100001 * 10), *at = many;

	expect_last("5", "1\n2\n", "c: 1\0c: 2\0");
	expect_last("2", "1\n2\n", "c: 1\0c: 2\0");
	expect_last("2", "\n\n1\n2\n3\n", "c: 2\0c: 3\0");
	expect_last("3", "1\n\n\n", "c: 1\0c: \0c: \0");
	for (int i = 0; i < 100000; i++)
		at += sprintf(at, "%d\n", i);
	write_to("c", "w", many);
	free(many);
	struct server s = start(procs[0], tail_path, "-n", "1500", "c");
	for (int i = 98500; i < 100000; i++) {
		char want[30];

		sprintf(want, "c: %d", i);
		expect_line(s.out, want);
	}
	stop(&s, SIGTERM);
}

Test(tail, ends_with_standard_input)
{
	for_each_procs(setting) {
		struct run r = run_list("one\ntwo", (const char *const[]){setting, tail_path, "-", NULL});

		cr_expect_eq(r.status, 0);
		cr_expect_str_eq(r.out, "-: one\n-: two\n");
		run_free(&r);
	}
	struct run r = run(tail_path);
	cr_expect_eq(r.status, 2);
	run_free(&r);
}

Test(tail, a_fifo_and_a_directory)
{
	struct server s;
	int fd;

	cr_assert_eq(mkfifo("fifo", 0600), 0);
	s = start(procs[0], tail_path, "-i", "1", "fifo", ".", "-");
	put(s.in, "x\n");
	expect_line(s.out, "-: x");
	fd = open("fifo", O_WRONLY);
	dprintf(fd, "through\n");
	expect_line(s.out, "fifo: through");
	close(fd);
	cr_expect_eq(stop(&s, SIGTERM), 128 + SIGTERM);
	cr_expect_not_null(strstr(s.log, "tail: .: Is a directory\n"), "%s", s.log);
}
