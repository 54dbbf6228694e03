/* SPDX-License-Identifier: MIT */
/*
 * conn.c - one connection: requests out of its stream of bytes, one after the
 * other, and its end. What was read past a request stays in the buffer and is
 * the beginning of the next (pipelining). A request that cannot be made sense of
 * is the last: nobody knows where the next would begin.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <go.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "httpd.h"

/* Wait for more; false: the client has closed, or is silent and errno is EAGAIN. */
static bool fill(struct conn *c)
{
	ssize_t n;

	do {
		errno = 0;
		n = read(c->fd, c->buf + c->used, HeadMax - c->used);
	} while (n < 0 && errno == EINTR);
	c->gone = n <= 0;
	if (n > 0)
		c->used += (size_t)n;
	return n > 0;
}

static void drop(struct conn *c, size_t n)
{
	c->used -= n;
	memmove(c->buf, c->buf + n, c->used);
}

/* Empty lines before a request are nobody's. */
static void drop_blank(struct conn *c)
{
	size_t n = 0;

	while (n < c->used && (c->buf[n] == '\r' || c->buf[n] == '\n'))
		n++;
	drop(c, n);
}

/* The first bytes of a request; false: there will be none. */
static bool await_request(struct conn *c)
{
	bool more = true;

	for (drop_blank(c); c->used == 0 && more; drop_blank(c)) {
		if (!set_idle(c, true))
			return false;
		more = fill(c);
		set_idle(c, false);
	}
	return c->used > 0;
}

/* How long the head is, its empty line included; 0: it is not all there. */
static size_t head_length(struct conn *c)
{
	char *s = c->buf, *end = c->buf + c->used;

	*end = '\0';
	while ((s = memchr(s, '\n', (size_t)(end - s)))) {
		s++;
		if (s[0] == '\n' || (s[0] == '\r' && s[1] == '\n'))
			return (size_t)(s - c->buf) + 1 + (s[0] == '\r');
	}
	return 0;
}

/* Why a head that is not all there will not be waited for; 0: it will. */
static int head_refused(struct conn *c, int64_t deadline)
{
	if (c->used > LineMax && !memchr(c->buf, '\n', LineMax))
		return 414;
	if (c->used == HeadMax)
		return 431;
	return go_nanotime() > deadline ? 408 : 0;
}

/* Read until there is a whole head, of *n bytes; or the status of a refusal. */
static int read_head(struct conn *c, size_t *n)
{
	int64_t deadline = go_nanotime() + patience;
	int status;

	while ((*n = head_length(c)) == 0) {
		if ((status = head_refused(c, deadline)) != 0)
			return status;
		if (!fill(c) && errno != EAGAIN)
			return 400;
		if (c->gone) {
			c->gone = false; /* it may still listen */
			return 408;
		}
	}
	return memchr(c->buf, '\n', *n < LineMax ? *n : LineMax) ? 0 : 414;
}

/* The body is not wanted, but the next request is behind it. */
static void skip_body(struct conn *c, off_t left)
{
	while (left > 0 && (c->used > 0 || fill(c))) {
		size_t n = (off_t)c->used < left ? c->used : (size_t)left;

		drop(c, n);
		left -= (off_t)n;
	}
}

/* One request and its answer; false: it was the last on this connection. */
static bool serve_request(struct conn *c)
{
	struct request r = {0};
	size_t n;
	int status;

	if (!await_request(c))
		return false;
	if ((status = read_head(c, &n)) == 0)
		status = parse_head(&r, c->buf, n);
	/* A client that waits for a "100 Continue" may or may not send its body now. */
	c->close = status || r.close || (r.minor == 0 && !r.keep) ||
		   (r.field[Expect] && r.length > 0);
	if (status)
		send_status(c, &r, status, "");
	else
		answer(c, &r);
	if (c->close || c->gone)
		return false;
	drop(c, n);
	skip_body(c, r.length);
	return !c->gone;
}

/*
 * Close so that the answer arrives: a socket closed with something unread in it
 * resets the connection, and the client may lose what it has not read yet.
 */
static void hang_up(struct conn *c)
{
	int64_t deadline = go_nanotime() + Second;
	struct timeval second = {1, 0};

	shutdown(c->fd, SHUT_WR);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
	while (!c->gone && go_nanotime() < deadline) {
		c->used = 0;
		fill(c);
	}
	close(c->fd);
}

/* A connection's goroutine. */
void serve(void *conn)
{
	struct conn *c = conn;

	while (serve_request(c))
		continue;
	forget(c);
	hang_up(c);
	free(c);
}
