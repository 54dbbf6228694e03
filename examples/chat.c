/* SPDX-License-Identifier: MIT */
/*
 * chat.c - who connects gives a name and then talks to all the others.
 *
 *	gocrt-gcc -O2 chat.c -o chat && ./chat 7777
 *	nc 127.0.0.1 7777                           (in several other terminals)
 *
 * One goroutine, the hub, owns the list of clients; all that happens comes to it
 * by a channel. A client has two: one reads its lines and tells the hub, the other
 * writes what the hub puts into the client's own channel. The hub never waits for
 * a client: one whose channel is full is too slow, and is dropped.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <go.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "number.h"

enum { Waiting = 64 }; /* lines that a client may be behind, beside what its socket holds */

struct line {
	char text[300];
};

struct client {
	FILE *in;
	int fd;
	char wanted[20], name[32]; /* what it calls itself; the hub's */
	chan(struct line) out; /* closed by the hub when it has forgotten the client */
	go_waitgroup writer;
	bool slow;	     /* the hub's: it is on its way out */
	struct client *next; /* the hub's */
};

struct event {
	enum { Join, Say, Leave } what;
	struct client *who;
	struct line said;
};

static chan(struct event) events;

/* ---- the hub ---- */

static struct client *clients;

static void tell(struct client *c, struct line l)
{
	if (c->slow || chan_trysend(c->out, l))
		return;
	c->slow = true;
	shutdown(c->fd, SHUT_RDWR); /* its reader sees the end, and leaves */
}

__attribute__((format(printf, 2, 3))) static void tell_all(
	const struct client *but, const char *fmt, ...)
{
	struct line l;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l.text, sizeof l.text, fmt, ap);
	va_end(ap);
	for (struct client *c = clients; c; c = c->next)
		if (c != but)
			tell(c, l);
}

static bool taken(const char *name)
{
	for (struct client *c = clients; c; c = c->next)
		if (strcmp(c->name, name) == 0)
			return true;
	return false;
}

/* The second bob is bob2. */
static void join(struct client *c)
{
	const char *wanted = *c->wanted ? c->wanted : "guest";
	struct line l;

	snprintf(c->name, sizeof c->name, "%s", wanted);
	for (int n = 2; taken(c->name); n++)
		snprintf(c->name, sizeof c->name, "%s%d", wanted, n);
	snprintf(l.text, sizeof l.text, "* you are %s\n", c->name);
	tell(c, l);
	c->next = clients;
	clients = c;
	tell_all(c, "* %s joined\n", c->name);
}

static void leave(struct client *c)
{
	struct client **p = &clients;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	tell_all(NULL, "* %s %s\n", c->name, c->slow ? "was too slow" : "left");
	chan_close(c->out);
}

static void hub(void *arg)
{
	(void)arg;
	for (;;) {
		struct event e = chan_recv(events);

		if (e.what == Join)
			join(e.who);
		else if (e.what == Leave)
			leave(e.who);
		else
			tell_all(e.who, "%s: %s\n", e.who->name, e.said.text);
	}
}

/* ---- a client ---- */

static bool write_all(int fd, const char *s, size_t n)
{
	ssize_t done = 0;

	for (; n > 0 && done >= 0; s += done, n -= (size_t)done)
		done = write(fd, s, n);
	return done >= 0;
}

/* To the end of the channel, even when nobody is there any more. */
static void write_lines(void *arg)
{
	struct client *c = arg;
	bool there = true;
	struct line l;

	while (chan_recv_ok(c->out, &l))
		there = there && write_all(c->fd, l.text, strlen(l.text));
}

/* A line without its end, and without what a terminal might take for a command. */
static bool read_line(struct client *c, char *line, int size)
{
	if (!fgets(line, size, c->in))
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	for (char *s = line; *s; s++)
		if (iscntrl((unsigned char)*s))
			*s = ' ';
	return true;
}

static void talk(struct client *c)
{
	struct event e = {.what = Join, .who = c};

	if (!write_all(c->fd, "your name? ", 11) || !read_line(c, c->wanted, sizeof c->wanted))
		return;
	go_waitgroup_go(&c->writer, write_lines, c);
	chan_send(events, e);
	e.what = Say;
	while (read_line(c, e.said.text, 200))
		chan_send(events, e);
	e.what = Leave;
	chan_send(events, e);
	go_waitgroup_wait(&c->writer);
}

static void serve(void *arg)
{
	int fd = (int)(intptr_t)arg, size = 16 << 10;
	struct client c = {.fd = fd, .in = fdopen(fd, "r"), .out = chan_make(struct line, Waiting)};

	if (!c.in) {
		close(fd);
	} else {
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size); /* to notice slow ones soon */
		talk(&c);
		fclose(c.in);
	}
	chan_free(c.out);
}

/* ---- the server ---- */

static int listen_on(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, SOMAXCONN) < 0) {
		perror("chat");
		exit(1);
	}
	getsockname(fd, (struct sockaddr *)&a, &n);
	printf("listening on 127.0.0.1:%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	int listener = listen_on(argc > 1 ? (int)number("port", argv[1], 0, 65535) : 7777);

	signal(SIGPIPE, SIG_IGN);
	events = chan_make(struct event, 0);
	go(hub, NULL);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			go(serve, (void *)(intptr_t)fd);
		else if (errno == EMFILE || errno == ENFILE)
			go_sleep(10 * 1000 * 1000); /* until some are closed */
		else if (errno != EINTR && errno != ECONNABORTED)
			break;
	}
	perror("chat: accept");
	return 1;
}
