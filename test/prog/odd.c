/* SPDX-License-Identifier: MIT */
/* odd.c - calls on descriptors that fail at once in a thread, numbers that libc uses up itself, O_NONBLOCK, ends, limits. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "prog.h"
#include "tcp.h"

static int v[2];

/* ---- O_NONBLOCK on what the poller has ---- */

static void writes_late(void *fd)
{
	go_sleep(30 * MS);
	CHECK(write((int)(long)fd, "abc", 3) == 3);
}

/* A read that has emptied the socket saves the next one its try, but not when there is more. */
static void nonblocking(void)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET};
	struct pollfd p;
	char b[100];
	int ep = epoll_create1(0);

	tcppair(v);
	go(writes_late, (void *)(long)v[0]);
	CHECK(read(v[1], b, sizeof b) == 3);
	CHECK(fcntl(v[1], F_SETFL, O_NONBLOCK) == 0);
	for (int i = 0; i < 200; i++) {
		CHECK(write(v[0], "xyz", 3) == 3);
		p = (struct pollfd){v[1], POLLIN, 0};
		CHECK(poll(&p, 1, 5000) == 1);
		CHECK(read(v[1], b, sizeof b) == 3);
		CHECK(read(v[1], b, sizeof b) == -1 && errno == EAGAIN);
	}
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, v[1], &e) == 0);
	for (int i = 0; i < 200; i++) {
		CHECK(write(v[0], "xyz", 3) == 3);
		CHECK(epoll_wait(ep, &e, 1, 5000) == 1);
		CHECK(read(v[1], b, sizeof b) == 3);
		CHECK(read(v[1], b, sizeof b) == -1 && errno == EAGAIN);
	}
}

/* ---- what fails at once ---- */

static void no_accept(int fd, int error)
{
	CHECK(accept(fd, NULL, NULL) == -1 && errno == error);
}

static void accepts_wrong(void)
{
	int p[2];

	no_accept(socket(AF_INET, SOCK_DGRAM, 0), EOPNOTSUPP);
	no_accept(socket(AF_INET, SOCK_STREAM, 0), EINVAL);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, v) == 0 && pipe(p) == 0);
	no_accept(v[0], EINVAL);
	no_accept(p[0], ENOTSOCK);
	no_accept(eventfd(0, 0), ENOTSOCK);
	tcppair(v);
	no_accept(v[0], EINVAL);
	no_accept(-1, EBADF);
}

static void vectors_on(int in, int out)
{
	static struct iovec io[IOV_MAX + 1];
	static char c[IOV_MAX + 1];
	struct iovec none[2] = {{c, 0}, {c, 0}};

	for (int i = 0; i <= IOV_MAX; i++)
		io[i] = (struct iovec){c + i, 1};
	CHECK(readv(in, io, IOV_MAX + 1) == -1 && errno == EINVAL);
	CHECK(writev(out, io, IOV_MAX + 1) == -1 && errno == EINVAL);
	CHECK(readv(in, io, -1) == -1 && errno == EINVAL);
	CHECK(readv(in, none, 2) == 0 && readv(in, io, 0) == 0);
	CHECK(writev(out, io, IOV_MAX) == IOV_MAX && readv(in, io, IOV_MAX) == IOV_MAX);
}

static void vectors(void)
{
	char c;

	tcppair(v);
	vectors_on(v[0], v[1]);
	CHECK(read(v[0], &c, (size_t)-1) == -1 && errno == EFAULT);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, v) == 0);
	vectors_on(v[0], v[1]);
	CHECK(pipe(v) == 0);
	vectors_on(v[0], v[1]);
}

/* A process in the background that reads its terminal is stopped. */
static void reads_terminal(int fd)
{
	char b;

	CHECK(setpgid(0, 0) == 0);
	alarm(20);
	(void)!read(fd, &b, 1);
	_exit(7);
}

static void background(void)
{
	int master, slave, status;
	pid_t leader, pid;

	CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	if ((leader = fork()) == 0) {
		CHECK(setsid() > 0 && ioctl(slave, TIOCSCTTY, 0) == 0);
		if ((pid = fork()) == 0)
			reads_terminal(slave);
		CHECK(waitpid(pid, &status, WUNTRACED) == pid);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid);
		_exit(0);
	}
	CHECK(waitpid(leader, &status, 0) == leader && status == 0);
}

/* ---- numbers that the resolver has had ---- */

static void look_up(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *ai;

	CHECK(getaddrinfo("no.such.host.test", "80", &hints, &ai) != 0);
}

/* It closes its sockets within libc; what has the number then is waited for as anything. */
static void resolver_numbers(void)
{
	struct timeval tv = {20, 0};
	struct pollfd p;
	fd_set set;
	char b[10];

	for (int i = 0; i < 4; i++) {
		look_up();
		if (i % 2)
			CHECK(pipe(v) == 0);
		else
			CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, v) == 0);
		go(writes_late, (void *)(long)v[1]);
		p = (struct pollfd){v[0], POLLIN, 0};
		FD_ZERO(&set);
		FD_SET(v[0], &set);
		if (i == 1)
			CHECK(poll(&p, 1, 20000) == 1);
		else if (i == 2)
			CHECK(select(v[0] + 1, &set, NULL, NULL, &tv) == 1);
		CHECK(read(v[0], b, sizeof b) == 3);
		close(v[0]);
		close(v[1]);
	}
}

/* ---- limits of a number that has just been another's ---- */

static go_waitgroup wg;

static void waits_briefly(void *arg)
{
	struct timeval tv = {0, 1000};
	int pair[2];
	char b;

	(void)arg;
	for (int i = 0; i < 200; i++) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
		CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
		CHECK(read(pair[0], &b, 1) == -1 && errno == EAGAIN);
		close(pair[0]);
		close(pair[1]);
	}
}

/* socketpair and dup make no number known: the close of its last file may be under way. */
static void limits_of_new(void)
{
	for (int i = 0; i < 16; i++)
		go_waitgroup_go(&wg, waits_briefly, NULL);
	go_waitgroup_wait(&wg);
}

/* ---- ends that only a call which may wait is told of ---- */

static void shuts(void *fd)
{
	go_sleep(10 * MS);
	CHECK(shutdown((int)(long)fd, SHUT_RD) == 0);
}

static void datagrams_end(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	char b;

	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, v) == 0);
	CHECK(shutdown(v[0], SHUT_RDWR) == 0 && recv(v[0], &b, 1, 0) == 0);
	go(shuts, (void *)(long)v[1]);
	CHECK(read(v[1], &b, 1) == 0);
	CHECK(recv(v[1], &b, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	CHECK((v[0] = socket(AF_INET, SOCK_DGRAM, 0)) >= 0 && bind(v[0], (void *)&a, n) == 0);
	CHECK(getsockname(v[0], (void *)&a, &n) == 0 && connect(v[0], (void *)&a, n) == 0);
	go(shuts, (void *)(long)v[0]);
	CHECK(recv(v[0], &b, 1, 0) == 0);
}

static void fifo_without_a_writer(void)
{
	char path[] = "/tmp/gocrt.XXXXXX", name[40], b;

	CHECK(mkdtemp(path));
	snprintf(name, sizeof name, "%s/fifo", path);
	CHECK(mkfifo(name, 0600) == 0);
	CHECK((v[0] = open(name, O_RDONLY | O_NONBLOCK)) >= 0);
	CHECK(read(v[0], &b, 1) == 0);
	CHECK((v[1] = open(name, O_WRONLY)) >= 0);
	CHECK(read(v[0], &b, 1) == -1 && errno == EAGAIN);
	CHECK(write(v[1], "x", 1) == 1 && read(v[0], &b, 1) == 1 && close(v[1]) == 0);
	CHECK(read(v[0], &b, 1) == 0);
	CHECK(unlink(name) == 0 && rmdir(path) == 0);
}

#define CASE(f) {#f, f}
const struct testcase cases[] = {
	CASE(nonblocking), CASE(accepts_wrong), CASE(vectors), CASE(background), CASE(resolver_numbers),
	CASE(limits_of_new), CASE(datagrams_end), CASE(fifo_without_a_writer), {NULL, NULL},
};
