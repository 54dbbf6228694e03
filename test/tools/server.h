/* SPDX-License-Identifier: MIT */
/*
 * server.h - start a program that prints the port it listens on, talk to it, and
 * see how it ends. Every wait has a limit, past which the test fails by name.
 */
#ifndef SERVER_H
#define SERVER_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "run.h"

enum { ServerSeconds = 20 };

struct server {
	pid_t pid;
	int in, out; /* its standard input and output */
	int port;
	FILE *err;
	char *log; /* what it wrote there; once it has ended */
};

/* A stream with a limit to each of its reads. */
static void limit(int fd)
{
	struct timeval t = {ServerSeconds, 0};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

/* As run: settings, path, arguments, NULL. No port is waited for. */
static struct server start_list(const char *const *argv)
{
	struct server s = {.err = tmpfile()};
	int in[2], out[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in), 0);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out), 0);
	fflush(NULL);
	s.pid = fork();
	if (s.pid == 0)
		run_child(argv, in[1], out[1], fileno(s.err));
	close(in[1]);
	close(out[1]);
	s.in = in[0];
	s.out = out[0];
	limit(s.out);
	return s;
}
#define start(...) start_list((const char *const[]){__VA_ARGS__, NULL})

/* A line without its end, byte by byte, so that nothing after it is lost. false: the end. */
static bool get_line(int fd, char *line, size_t size)
{
	size_t n = 0;
	char c;

	for (line[0] = '\0';;) {
		ssize_t r = read(fd, &c, 1);

		cr_assert_geq(r, 0, "no line within %d s: %s, after \"%.*s\"", ServerSeconds,
			strerror(errno), (int)n, line);
		line[n] = '\0';
		if (r == 0)
			return n > 0;
		if (c == '\n')
			return true;
		if (c != '\r' && n < size - 1)
			line[n++] = c;
	}
}

__attribute__((unused)) static struct server serve_list(const char *const *argv)
{
	struct server s = start_list(argv);
	char line[200];
	const char *port;

	cr_assert(get_line(s.out, line, sizeof line), "%s printed nothing", argv[1]);
	port = strrchr(line, ':');
	cr_assert(port && (s.port = atoi(port + 1)) > 0, "no port in \"%s\"", line);
	return s;
}
#define serve(...) serve_list((const char *const[]){__VA_ARGS__, NULL})

/* Its exit status; 128 + n: ended by signal n. It has to end by itself. */
static int ended(struct server *s)
{
	int64_t end = run_now() + ServerSeconds * INT64_C(1000000000);
	int status;

	while (waitpid(s->pid, &status, WNOHANG) == 0) {
		if (run_now() > end) {
			kill(s->pid, SIGKILL);
			waitpid(s->pid, &status, 0);
			cr_assert_fail("not ended after %d s", ServerSeconds);
		}
		usleep(500);
	}
	close(s->in);
	close(s->out);
	s->log = run_slurp(s->err);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

__attribute__((unused)) static int stop(struct server *s, int sig)
{
	kill(s->pid, sig);
	return ended(s);
}

/* A connection to a port of 127.0.0.1. rcvbuf: of the socket, 0: the system's. */
static int dial_buffer(int port, int rcvbuf)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	limit(fd);
	if (rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

__attribute__((unused)) static int dial(int port)
{
	int fd = dial_buffer(port, 0);

	cr_assert_geq(fd, 0, "connect: %s", strerror(errno));
	return fd;
}

__attribute__((unused)) static void put(int fd, const char *s)
{
	size_t n = strlen(s);

	cr_assert_eq(send(fd, s, n, MSG_NOSIGNAL), (ssize_t)n, "send: %s", strerror(errno));
}

/* n bytes exactly; false: fewer came. */
__attribute__((unused)) static bool get(int fd, void *buf, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t r = read(fd, (char *)buf + got, n - got);

		if (r <= 0)
			return false;
		got += (size_t)r;
	}
	return true;
}

/* The other side has closed, or does now; nothing more came before that. */
__attribute__((unused)) static bool at_end(int fd)
{
	char c;
	ssize_t r = read(fd, &c, 1);

	return r == 0 || (r < 0 && errno == ECONNRESET);
}

/* Nothing comes, and it is not closed, for as long. */
__attribute__((unused)) static bool silent(int fd, int ms)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, ms) == 0;
}

/* All that was sent on fd has been read by the other side, which has the port. */
__attribute__((unused)) static bool taken(int fd, int port)
{
	struct sockaddr_in a;
	socklen_t n = sizeof a;
	unsigned from, to, queue = 1;
	char line[300];
	FILE *f = fopen("/proc/net/tcp", "r");

	cr_assert(f && getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "%*s %*x:%x %*x:%x %*x %*x:%x", &from, &to, &queue) == 3 &&
			(int)from == port && to == ntohs(a.sin_port))
			break;
	fclose(f);
	return queue == 0;
}

__attribute__((unused)) static void wait_taken(int fd, int port)
{
	int64_t end = run_now() + ServerSeconds * INT64_C(1000000000);

	while (!taken(fd, port))
		cr_assert_lt(run_now(), end, "nobody reads what was sent");
	usleep(20 * 1000); /* what it does then */
}

static const char *const procs[] = {"GOMAXPROCS=1", "GOMAXPROCS=2", "GOMAXPROCS=8"};
enum { Procs = sizeof procs / sizeof *procs };
#define for_each_procs(setting)                                                                \
	for (const char *setting, *const *at_ = procs; at_ < procs + Procs && (setting = *at_); at_++)

#endif
