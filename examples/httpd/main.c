/* SPDX-License-Identifier: MIT */
/*
 * httpd - a web server for the files of a directory, one goroutine a connection.
 *
 *	gocrt-gcc -O2 *.c -o httpd && ./httpd -p 8080 /usr/share/doc
 *	curl -i http://127.0.0.1:8080/
 *
 * HTTP/1.1 with keep-alive and pipelining, GET and HEAD, Range, If-Modified-Since.
 * It is written as for a thread a connection: accept, read, send and sendfile, each
 * of which waits. -p 0 takes a free port, the first line of output tells which; -a
 * listens elsewhere than on 127.0.0.1; -t is how many seconds a client may be silent.
 * SIGTERM and SIGINT stop it when the requests in progress are answered; a second
 * one at once.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <go.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "httpd.h"
#include "../number.h"

atomic_bool stopping;
int64_t patience = 30 * Second;

static int listener;
static go_mutex lock; /* guards conns and whether they are idle */
static struct conn *conns;
static go_waitgroup serving;

/* ---- the open connections ---- */

/* A conn becomes idle before stopping is set, and finish sees it, or not at all. */
bool set_idle(struct conn *c, bool idle)
{
	go_mutex_lock(&lock);
	bool go_on = !idle || !stopping;
	c->idle = idle && go_on;
	go_mutex_unlock(&lock);
	return go_on;
}

void forget(struct conn *c)
{
	go_mutex_lock(&lock);
	if ((*c->prev = c->next))
		c->next->prev = c->prev;
	go_mutex_unlock(&lock);
}

static void remember(struct conn *c)
{
	go_mutex_lock(&lock);
	c->prev = &conns;
	if ((c->next = conns))
		conns->prev = &c->next;
	conns = c;
	go_mutex_unlock(&lock);
}

static void start(int fd)
{
	struct conn *c = malloc(sizeof *c);
	struct timeval limit = {patience / Second, patience % Second / 1000};
	int on = 1;

	if (!c) {
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c->fd = fd;
	c->gone = c->close = c->idle = false;
	c->used = 0;
	remember(c);
	go_waitgroup_go(&serving, serve, c);
}

/* ---- the server ---- */

static void accept_all(void)
{
	while (!stopping) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0) {
			start(fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			go_sleep(Second / 100); /* until some are closed */
		} else if (errno == EINVAL && !stopping) {
			perror("httpd: accept");
			exit(1);
		}
	}
}

/* The idle ones see the end of their input; the others look at stopping themselves. */
static void finish(void)
{
	close(listener);
	go_mutex_lock(&lock);
	for (struct conn *c = conns; c; c = c->next)
		if (c->idle)
			shutdown(c->fd, SHUT_RD);
	go_mutex_unlock(&lock);
	go_waitgroup_wait(&serving);
}

/* An accept that waits, or comes later, ends. */
static void stop(int sig)
{
	int saved = errno;

	(void)sig;
	stopping = true;
	shutdown(listener, SHUT_RD);
	errno = saved;
}

static void catch_signals(void)
{
	struct sigaction sa = {.sa_handler = stop, .sa_flags = SA_RESTART | (int)SA_RESETHAND};

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void die(const char *what)
{
	fprintf(stderr, "httpd: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void listen_on(const char *address, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t n = sizeof a;
	int on = 1;

	errno = EINVAL;
	if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
		die(address);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (listener < 0 || bind(listener, (struct sockaddr *)&a, sizeof a) < 0 ||
		listen(listener, SOMAXCONN) < 0)
		die("listen");
	getsockname(listener, (struct sockaddr *)&a, &n);
	printf("listening on http://%s:%d/\n", address, ntohs(a.sin_port));
	fflush(stdout);
}

static void usage(void)
{
	fprintf(stderr, "usage: httpd [-a address] [-p port] [-t seconds] [directory]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	const char *address = "127.0.0.1", *root = ".";
	int port = 8080, option;

	while ((option = getopt(argc, argv, "a:p:t:")) != -1) {
		if (option == 'a')
			address = optarg;
		else if (option == 'p')
			port = (int)number("-p", optarg, 0, 65535);
		else if (option == 't')
			patience = (int64_t)(atof(optarg) * (double)Second);
		else
			usage();
	}
	if (argc - optind > 1 || patience < Second / 1000)
		usage();
	if (optind < argc)
		root = argv[optind];
	if (open_root(root) < 0)
		die(root);
	listen_on(address, port);
	catch_signals();
	accept_all();
	finish();
	return 0;
}
