/* SPDX-License-Identifier: MIT */
/*
 * httpd.h - what the parts share: main.c listens and stops, conn.c reads
 * requests from a connection, request.c makes sense of one, answer.c answers it.
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LineMax = 8000, HeadMax = 16 << 10, BodyMax = 64 << 10 };
#define Second INT64_C(1000000000)

enum field { Host, Length, Coding, Expect, Since, Range, IfRange, Fields };

struct request { /* the strings lie in the connection's buffer */
	bool known, get, head; /* the method: one of HTTP's; GET or HEAD; HEAD */
	bool close, keep;      /* what Connection asks for */
	int minor;	       /* HTTP/1.minor */
	char *target;	       /* from its path on, as sent */
	char *field[Fields];   /* NULL: not there */
	off_t length;	       /* of the body */
};

struct conn {
	int fd;
	bool gone;  /* the client has closed, or is too slow: nothing more is read or sent */
	bool close; /* nothing more is to be read */
	bool idle;  /* between two requests; under main.c's lock */
	struct conn *next, **prev; /* under main.c's lock */
	size_t used;		   /* bytes in buf */
	char buf[HeadMax + 1];
};

/* main.c */
extern atomic_bool stopping;
extern int64_t patience; /* with a silent client, and for a request's head; in ns */
bool set_idle(struct conn *c, bool idle); /* false: there is not to be another request */
void forget(struct conn *c);

/* conn.c */
void serve(void *conn);

/* request.c */
int parse_head(struct request *r, char *head, size_t n); /* 0, or the status of a refusal */
off_t digits(const char **s);

/* answer.c */
int open_root(const char *path); /* -1: errno says why */
void answer(struct conn *c, const struct request *r);
void send_status(struct conn *c, const struct request *r, int status, const char *fields);

#endif
