/* SPDX-License-Identifier: MIT */
/*
 * answer.c - the answer to a request that makes sense, a file's contents above
 * all. The kernel sees to it that no path leads out of the root, neither by ".."
 * nor by a symbolic link: see open_beneath.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "httpd.h"

static int root; /* the directory */

/* ---- heads, and answers without a file ---- */

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {{200, "OK"}, {206, "Partial Content"}, {301, "Moved Permanently"},
		{304, "Not Modified"}, {400, "Bad Request"}, {403, "Forbidden"},
		{404, "Not Found"}, {405, "Method Not Allowed"}, {408, "Request Timeout"},
		{411, "Length Required"}, {413, "Content Too Large"}, {414, "URI Too Long"},
		{416, "Range Not Satisfiable"}, {417, "Expectation Failed"},
		{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
		{501, "Not Implemented"}, {503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"}, {0, "Unknown"}};
	size_t i = 0;

	while (reasons[i].status && reasons[i].status != status)
		i++;
	return reasons[i].reason;
}

static const char *date(char buf[static 32], time_t t)
{
	struct tm tm;

	strftime(buf, 32, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
	return buf;
}

/* All of it; the socket's time limit is for each piece. */
static void send_all(struct conn *c, const char *s, size_t n, int flags)
{
	while (n > 0 && !c->gone) {
		ssize_t sent = send(c->fd, s, n, flags);

		if (sent < 0 && errno != EINTR)
			c->gone = true;
		if (sent > 0) {
			s += sent;
			n -= (size_t)sent;
		}
	}
}

/* fields are whole lines. body: one follows, and the kernel may wait for it. */
static void send_head(struct conn *c, int status, const char *fields, bool body)
{
	char head[LineMax + 600], now[32];
	int n;

	c->close |= stopping;
	n = snprintf(head, sizeof head,
		"HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: %s\r\n%s\r\n", status, reason(status),
		date(now, time(NULL)), c->close ? "close" : "keep-alive", fields);
	send_all(c, head, (size_t)n, body ? MSG_MORE : 0);
}

/* The status is also the body. */
void send_status(struct conn *c, const struct request *r, int status, const char *fields)
{
	char body[64], all[LineMax + 200];
	int n = snprintf(body, sizeof body, "%d %s\n", status, reason(status));

	snprintf(all, sizeof all, "%sContent-Type: text/plain\r\nContent-Length: %d\r\n", fields, n);
	send_head(c, status, all, !r->head);
	if (!r->head)
		send_all(c, body, (size_t)n, 0);
}

/* ---- files ---- */

/* Beneath the root, whatever links and dots the path has. libc has no name for the call. */
static int open_beneath(const char *path)
{
	struct {
		uint64_t flags, mode, resolve;
	} how = {O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0x08 /* RESOLVE_BENEATH */};
	int fd, tries = 100;

	do /* EAGAIN: something was renamed while the kernel went up a ".." */
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	while (fd < 0 && (errno == EAGAIN || errno == EINTR) && --tries);
	return fd;
}

/* Fails with ENOSYS on Linux before 5.6, which could not keep paths inside. */
int open_root(const char *path)
{
	int fd;

	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || (fd = open_beneath(".")) < 0)
		return -1;
	return close(fd);
}

/* What is out of the root (EXDEV) does not exist. */
static int status_of(int error)
{
	static const struct {
		int error, status;
	} known[] = {{ENOENT, 404}, {ENOTDIR, 404}, {ENAMETOOLONG, 404}, {ELOOP, 404},
		{EXDEV, 404}, {ENXIO, 404}, {EACCES, 403}, {EPERM, 403}, {EMFILE, 503},
		{ENFILE, 503}, {ENOMEM, 503}, {EAGAIN, 503}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].error == error)
			return known[i].status;
	return 500;
}

static const char *type_of(const char *path)
{
	static const char *const types[][2] = {{"html", "text/html; charset=utf-8"},
		{"htm", "text/html; charset=utf-8"}, {"css", "text/css"},
		{"js", "text/javascript"}, {"json", "application/json"},
		{"txt", "text/plain; charset=utf-8"}, {"md", "text/plain; charset=utf-8"},
		{"c", "text/plain; charset=utf-8"}, {"h", "text/plain; charset=utf-8"},
		{"svg", "image/svg+xml"}, {"png", "image/png"}, {"jpg", "image/jpeg"},
		{"jpeg", "image/jpeg"}, {"gif", "image/gif"}, {"ico", "image/x-icon"},
		{"pdf", "application/pdf"}, {"wasm", "application/wasm"}};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
		if (strcasecmp(dot + 1, types[i][0]) == 0)
			return types[i][1];
	return "application/octet-stream";
}

/* A date has any of three forms; -1: this has none of them. */
static time_t parse_date(const char *s)
{
	static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};

	for (int i = 0; i < 3; i++) {
		struct tm tm = {0};
		const char *end = strptime(s, forms[i], &tm);

		if (end && !*end)
			return timegm(&tm);
	}
	return -1;
}

/*
 * What "bytes=from-to", "from-" or "-last" is of a file of size bytes: 206 and
 * [*from, *to); 416: it has none of these; 200: not one such range, so all of it.
 */
static int parse_range(const char *s, off_t size, off_t *from, off_t *to)
{
	off_t first, last;

	if (!s || strncasecmp(s, "bytes=", 6) != 0)
		return 200;
	s += 6;
	first = digits(&s);
	if (*s++ != '-')
		return 200;
	last = digits(&s);
	if (*s || (first < 0 && last < 0) || (first >= 0 && last >= 0 && last < first))
		return 200;
	if (first >= size || (first < 0 && (last == 0 || size == 0)))
		return 416;
	*from = first >= 0 ? first : last < size ? size - last : 0;
	*to = first >= 0 && last >= 0 && last < size ? last + 1 : size;
	return 206;
}

/* From from up to to. When the file has become shorter the client must see that it got less. */
static void send_contents(struct conn *c, int file, off_t from, off_t to)
{
	while (from < to && !c->gone) {
		ssize_t n = sendfile(c->fd, file, &from, (size_t)(to - from));

		if (n == 0 || (n < 0 && errno != EINTR))
			c->gone = true;
	}
}

static void send_range(struct conn *c, const struct request *r, int file, off_t size,
	const char *fields)
{
	char all[400];
	off_t from = 0, to = size;
	int n, status = parse_range(r->head ? NULL : r->field[Range], size, &from, &to);

	if (status == 416) {
		snprintf(all, sizeof all, "Content-Range: bytes */%lld\r\n", (long long)size);
		send_status(c, r, 416, all);
		return;
	}
	n = snprintf(all, sizeof all, "%sAccept-Ranges: bytes\r\nContent-Length: %lld\r\n", fields,
		(long long)(to - from));
	if (status == 206)
		snprintf(all + n, sizeof all - (size_t)n, "Content-Range: bytes %lld-%lld/%lld\r\n",
			(long long)from, (long long)to - 1, (long long)size);
	send_head(c, status, all, !r->head && from < to);
	if (!r->head)
		send_contents(c, file, from, to);
}

static void send_file(struct conn *c, struct request r, int file, const struct stat *st,
	const char *type)
{
	char modified[32], fields[200];
	const char *since = r.field[Since], *version = r.field[IfRange];

	snprintf(fields, sizeof fields, "Last-Modified: %s\r\nContent-Type: %s\r\n",
		date(modified, st->st_mtime), type);
	if (version && strcmp(version, modified) != 0)
		r.field[Range] = NULL; /* the part that it has is of another version */
	if (since && st->st_mtime <= parse_date(since))
		send_head(c, 304, fields, false);
	else
		send_range(c, &r, file, st->st_size, fields);
}

/* To the same with a slash at its end. Two at its beginning would name another host. */
static void redirect(struct conn *c, const struct request *r)
{
	char fields[LineMax + 100];
	const char *target = r->target + strspn(r->target, "/") - 1;
	int path = (int)strcspn(target, "?");

	snprintf(fields, sizeof fields, "Location: %.*s/%s\r\n", path, target, target + path);
	send_status(c, r, 301, fields);
}

/* path has room for a directory's index.html. */
static void answer_path(struct conn *c, const struct request *r, char *path)
{
	size_t n = strlen(path);
	struct stat st;
	int file;

	if (n == 0 || path[n - 1] == '/')
		strcpy(path + n, "index.html");
	file = open_beneath(path);
	if (file < 0 || fstat(file, &st) < 0)
		send_status(c, r, status_of(errno), "");
	else if (S_ISDIR(st.st_mode))
		redirect(c, r);
	else if (S_ISREG(st.st_mode))
		send_file(c, *r, file, &st, type_of(path));
	else
		send_status(c, r, 404, "");
	if (file >= 0)
		close(file);
}

/* ---- targets ---- */

static int hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10;
}

/* The target without its query, percent-decoded; false: it names no path. */
static bool decode(char *path, const char *s)
{
	for (; *s && *s != '?'; s++) {
		*path = *s;
		if (*s == '%') {
			if (!isxdigit((unsigned char)s[1]) || !isxdigit((unsigned char)s[2]))
				return false;
			*path = (char)(hex(s[1]) << 4 | hex(s[2]));
			s += 2;
		}
		if (!*path++)
			return false;
	}
	*path = '\0';
	return true;
}

void answer(struct conn *c, const struct request *r)
{
	char path[LineMax + sizeof "index.html"];

	if (!r->known)
		send_status(c, r, 501, "");
	else if (!r->get)
		send_status(c, r, 405, "Allow: GET, HEAD\r\n");
	else if (!decode(path, r->target))
		send_status(c, r, 400, "");
	else
		answer_path(c, r, path + strspn(path, "/"));
}
