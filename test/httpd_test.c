/* SPDX-License-Identifier: MIT */
/*
 * httpd_test.c - examples/httpd as a client sees it: each refusal, paths that try
 * to get out, what may come when on one connection, and how it stops.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "server.h"

#define HTTPD "build/examples/httpd"
#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"

static char dir[] = "/tmp/httpd.XXXXXX", root[64];
enum { BigSize = 16 << 20 };

static void put_file(const char *name, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	cr_assert_not_null(f, "%s", path);
	fputs(text, f);
	fclose(f);
}

static void put_link(const char *to, const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	cr_assert_eq(symlink(to, path), 0);
}

/* Each 8 bytes say where they are. */
static void put_big(void)
{
	char path[200];
	uint64_t *words = malloc(BigSize);
	FILE *f;

	for (size_t i = 0; i < BigSize / 8; i++)
		words[i] = i;
	snprintf(path, sizeof path, "%s/root/big.bin", dir);
	f = fopen(path, "w");
	cr_assert_eq(fwrite(words, 1, BigSize, f), BigSize);
	fclose(f);
	free(words);
}

static void make_root(void)
{
	char path[200], absolute[200];

	cr_assert_not_null(mkdtemp(dir));
	snprintf(root, sizeof root, "%s/root", dir);
	mkdir(root, 0755);
	snprintf(path, sizeof path, "%s/sub", root);
	mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/empty", root);
	mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/pipe.txt", root);
	mkfifo(path, 0644);
	put_file("secret.txt", "SECRET");
	put_file("root/index.html", "<p>index</p>\n");
	put_file("root/sub/index.html", "<p>sub</p>\n");
	put_file("root/a b%.txt", "odd name\n");
	put_file("root/hello.txt", "0123456789");
	put_file("root/none.bin", "");
	put_link("../secret.txt", "root/out");
	put_link("..", "root/up");
	put_link("/", "root/slash");
	put_link("hello.txt", "root/in.txt");
	put_link("../hello.txt", "root/sub/up.txt");
	put_link("loop", "root/loop");
	snprintf(absolute, sizeof absolute, "%s/secret.txt", dir);
	put_link(absolute, "root/absolute");
	put_big();
}

static void remove_root(void)
{
	struct run r = run("rm", "-rf", dir);

	run_free(&r);
}

TestSuite(httpd, .init = make_root, .fini = remove_root, .timeout = 120);

/* ---- a client ---- */

struct answer {
	int status;
	bool close; /* says that it will */
	char head[20000];
	char *body; /* terminated */
	long length;
};

/* A field's value, or NULL. Valid until the next call. */
static const char *field(const struct answer *a, const char *name)
{
	static char value[9000];
	size_t n = strlen(name);

	for (const char *s = a->head; (s = strchr(s, '\n'));) {
		s++;
		if (strncasecmp(s, name, n) != 0 || s[n] != ':')
			continue;
		snprintf(value, sizeof value, "%.*s", (int)strcspn(s + n + 2, "\n"), s + n + 2);
		return value;
	}
	return NULL;
}

/* The next answer, to a HEAD request or another; false: the connection ended first. */
static bool get_answer(int fd, struct answer *a, bool head)
{
	size_t n = 0;
	const char *length;
	char line[9000];

	free(a->body);
	a->body = NULL;
	while (get_line(fd, line, sizeof line) && *line)
		n += (size_t)snprintf(a->head + n, sizeof a->head - n, "%s\n", line);
	if (n == 0)
		return false;
	cr_assert_eq(sscanf(a->head, "HTTP/1.1 %d ", &a->status), 1, "%s", a->head);
	cr_assert_not_null(field(a, "Date"), "%s", a->head);
	a->close = strcmp(field(a, "Connection"), "close") == 0;
	length = field(a, "Content-Length");
	cr_assert(length || a->status == 304 || a->status < 200, "%s", a->head);
	a->length = length ? atol(length) : 0;
	a->body = calloc(1, (size_t)a->length + 1);
	if (!head)
		cr_assert(get(fd, a->body, (size_t)a->length), "body of %ld", a->length);
	return true;
}

/* One request on a connection of its own. */
static struct answer ask(struct server *s, const char *request)
{
	struct answer a = {0};
	int fd = dial(s->port);

	put(fd, request);
	cr_assert(get_answer(fd, &a, strncmp(request, "HEAD", 4) == 0), "no answer to %.200s", request);
	close(fd);
	return a;
}

/* ---- refusals ---- */

/* The request is answered so, and the connection goes on or not. */
static void expect_status(struct server *s, const char *request, int status, bool goes_on)
{
	struct answer a = {0};
	int fd = dial(s->port);

	put(fd, request);
	cr_assert(get_answer(fd, &a, strncmp(request, "HEAD", 4) == 0), "no answer to:\n%.200s",
		request);
	cr_expect_eq(a.status, status, "%d, not %d, to:\n%.300s", a.status, status, request);
	cr_expect_eq(a.close, !goes_on, "Connection: %s after:\n%.300s",
		field(&a, "Connection"), request);
	if (goes_on) {
		put(fd, GET("/hello.txt"));
		cr_expect(get_answer(fd, &a, false) && strcmp(a.body, "0123456789") == 0,
			"no second answer after:\n%.300s", request);
	} else {
		cr_expect(at_end(fd), "left open after:\n%.300s", request);
	}
	free(a.body);
	close(fd);
}

#define HOST "Host: x\r\n"
#define LINE " HTTP/1.1\r\n" HOST

Test(httpd, refuses)
{
	static const struct {
		const char *request;
		int status;
		bool goes_on;
	} cases[] = {
		{"GET /hello.txt" LINE "\r\n", 200, true},
		{"\r\n\r\nGET /hello.txt" LINE "\r\n", 200, true},
		{"GET /hello.txt HTTP/1.1\nHost: x\n\n", 200, true},
		{"GET http://elsewhere/hello.txt" LINE "\r\n", 200, true},
		{"GET http://elsewhere?x" LINE "\r\n", 200, true},
		{"HEAD /hello.txt" LINE "\r\n", 200, true},
		{"GET /hello.txt" LINE "Connection: close\r\n\r\n", 200, false},
		{"GET /hello.txt" LINE "Connection: x, Close\r\n\r\n", 200, false},
		{"GET /hello.txt HTTP/1.0\r\n\r\n", 200, false},
		{"GET /hello.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, true},
		{"GET /hello.txt HTTP/1.9\r\n" HOST "\r\n", 200, true},
		{"GET /?a=%zz" LINE "\r\n", 200, true},
		{"GET /hello.txt" LINE "Content-Length: 5\r\n\r\n12345", 200, true},
		{"GET /hello.txt" LINE "X: \xff\t\xfe\r\n\r\n", 200, true},
		{"GET /sub" LINE "\r\n", 301, true},
		/* 304 and 416 are below */
		{"GET\r\n\r\n", 400, false},
		{"GET /\r\n\r\n", 400, false},
		{"GET / HTTP\r\n\r\n", 400, false},
		{"GET / http/1.1\r\n" HOST "\r\n", 400, false},
		{"GET / HTTP/1.1 \r\n" HOST "\r\n", 400, false},
		{"GET  / HTTP/1.1\r\n" HOST "\r\n", 400, false},
		{"GET / HTTP/1.10\r\n" HOST "\r\n", 400, false},
		{" GET / HTTP/1.1\r\n" HOST "\r\n", 400, false},
		{"G(T /" LINE "\r\n", 400, false},
		{"GET index.html" LINE "\r\n", 400, false},
		{"GET *" LINE "\r\n", 400, false},
		{"GET http:///x" LINE "\r\n", 400, false},
		{"GET /\x01" LINE "\r\n", 400, false},
		{"GET /\xc3\xa4" LINE "\r\n", 400, false},
		{"GET / HTTP/1.1\r\n\r\n", 400, false},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, false},
		{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, false},
		{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, false},
		{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, false},
		{"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400, false},
		{"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400, false},
		{"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400, false},
		{"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400, false},
		{"GET /" LINE "X: a\x7f\r\n\r\n", 400, false},
		{"GET /" LINE "Content-Length: 5x\r\n\r\n", 400, false},
		{"GET /" LINE "Content-Length: -5\r\n\r\n", 400, false},
		{"GET /" LINE "Content-Length:\r\n\r\n", 400, false},
		{"GET /" LINE "Content-Length: 5, 5\r\n\r\n", 400, false},
		{"GET /" LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, false},
		{"GET /" LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, false},
		{"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, false},
		{"GET /%" LINE "\r\n", 400, true},
		{"GET /%4" LINE "\r\n", 400, true},
		{"GET /%zz" LINE "\r\n", 400, true},
		{"GET /index.html%00.txt" LINE "\r\n", 400, true},
		{"GET /nothing" LINE "\r\n", 404, true},
		{"HEAD /nothing" LINE "\r\n", 404, true},
		{"GET /hello.txt/" LINE "\r\n", 404, true},
		{"GET /empty/" LINE "\r\n", 404, true},
		{"GET /pipe.txt" LINE "\r\n", 404, true},
		{"GET /loop" LINE "\r\n", 404, true},
		{"POST /" LINE "\r\n", 405, true},
		{"DELETE /nothing" LINE "\r\n", 405, true},
		{"OPTIONS *" LINE "\r\n", 405, true},
		{"CONNECT a:1" LINE "\r\n", 405, true},
		{"PUT /x" LINE "Content-Length: 4\r\n\r\nGET ", 405, true},
		{"PUT /x" LINE "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n", 405, false},
		{"GET /" LINE "Transfer-Encoding: chunked\r\n\r\n", 411, false},
		{"GET /" LINE "Content-Length: 65537\r\n\r\n", 413, false},
		{"GET /" LINE "Content-Length: 99999999999999999999999\r\n\r\n", 413, false},
		{"GET /" LINE "Expect: miracles\r\n\r\n", 417, false},
		{"BREW /" LINE "\r\n", 501, true},
		{"get /" LINE "\r\n", 501, true},
		{"GET /" LINE "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, false},
		{"GET / HTTP/2.0\r\n" HOST "\r\n", 505, false},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, false},
	};

	for_each_procs(setting) {
		struct server s = serve(setting, HTTPD, "-p", "0", root);

		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
			expect_status(&s, cases[i].request, cases[i].status, cases[i].goes_on);
		cr_expect_eq(stop(&s, SIGTERM), 0);
	}
}

/* A request with n more bytes in its target or in a field. */
static char *long_request(const char *before, size_t n, const char *after)
{
	char *s = malloc(strlen(before) + n + strlen(after) + 1), *at = stpcpy(s, before);

	memset(at, 'x', n);
	strcpy(at + n, after);
	return s;
}

Test(httpd, limits_the_head)
{
	static const struct {
		const char *before;
		size_t n;
		const char *after;
		int status;
	} cases[] = {{"GET /hello.txt?", 7900, LINE "\r\n", 200}, {"GET /", 7900, LINE "\r\n", 404},
		{"GET /", 8000, LINE "\r\n", 414}, {"GET /", 30000, LINE "\r\n", 414},
		{"GET /", 100000, "", 414},
		{"GET /hello.txt" LINE "X: ", 16000, "\r\n\r\n", 200},
		{"GET /hello.txt" LINE "X: ", 16400, "\r\n\r\n", 431},
		{"GET /hello.txt" LINE "X: ", 200000, "", 431}};
	struct server s = serve(procs[1], HTTPD, "-p", "0", root);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *request = long_request(cases[i].before, cases[i].n, cases[i].after);

		expect_status(&s, request, cases[i].status, cases[i].status < 405);
		free(request);
	}
	cr_expect_eq(stop(&s, SIGTERM), 0);
}

/* A zero byte cannot be in the table above. */
Test(httpd, refuses_zero_bytes)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
	struct server s = serve(procs[1], HTTPD, "-p", "0", root);
	struct answer a = {0};
	int fd = dial(s.port);

	cr_assert_eq(write(fd, request, sizeof request - 1), (ssize_t)sizeof request - 1);
	cr_assert(get_answer(fd, &a, false));
	cr_expect_eq(a.status, 400);
	cr_expect(at_end(fd));
	cr_expect_eq(stop(&s, SIGTERM), 0);
}

/* ---- paths ---- */

Test(httpd, stays_inside)
{
	static const char *const out[] = {"/../secret.txt", "/../../../../../../etc/passwd",
		"/%2e%2e/secret.txt", "/%2E%2E%2Fsecret.txt", "/..%2fsecret.txt", "/.%2e/secret.txt",
		"/sub/../../secret.txt", "/sub/%2e%2e/%2e%2e/secret.txt", "//../secret.txt",
		"/./../secret.txt", "/out", "/up/secret.txt", "/up/root/../secret.txt", "/slash/etc/passwd",
		"/absolute", "/up/", "/slash/", "/slash", "/up", "/sub/up.txt/../../../secret.txt",
		"/..", "/%2e%2e", "/../root/../secret.txt", "http://x/../secret.txt",
		"/..\\secret.txt", "/%252e%252e/secret.txt", "/%c0%ae%c0%ae/secret.txt",
		"//etc/passwd", "/%2fetc/passwd"};
	struct server s = serve(procs[1], HTTPD, "-p", "0", root);

	for (size_t i = 0; i < sizeof out / sizeof *out; i++) {
		char request[200];

		snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", out[i]);
		struct answer a = ask(&s, request);
		cr_expect_eq(a.status, 404, "%d for %s", a.status, out[i]);
		cr_expect(!strstr(a.body, "SECRET") && !strstr(a.body, "root:"), "%s", out[i]);
		free(a.body);
	}
	cr_expect_eq(stop(&s, SIGTERM), 0);
}

Test(httpd, finds_what_is_inside)
{
	static const struct {
		const char *target, *body, *type;
	} cases[] = {{"/", "<p>index</p>\n", "text/html; charset=utf-8"},
		{"/index.html", "<p>index</p>\n", "text/html; charset=utf-8"},
		{"/sub/", "<p>sub</p>\n", "text/html; charset=utf-8"},
		{"/sub/../hello.txt", "0123456789", "text/plain; charset=utf-8"},
		{"//hello.txt", "0123456789", "text/plain; charset=utf-8"},
		{"/%68ello.tx%74?x=/../y", "0123456789", "text/plain; charset=utf-8"},
		{"/in.txt", "0123456789", "text/plain; charset=utf-8"},
		{"/sub/up.txt", "0123456789", "text/plain; charset=utf-8"},
		{"/sub%2fup.txt", "0123456789", "text/plain; charset=utf-8"},
		{"/a%20b%25.txt", "odd name\n", "text/plain; charset=utf-8"},
		{"/none.bin", "", "application/octet-stream"}};
	struct server s = serve(procs[1], HTTPD, "-p", "0", root);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char request[200];

		snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].target);
		struct answer a = ask(&s, request);
		cr_expect_eq(a.status, 200, "%d for %s", a.status, cases[i].target);
		cr_expect_str_eq(a.body, cases[i].body, "%s", cases[i].target);
		cr_expect_str_eq(field(&a, "Content-Type"), cases[i].type);
		free(a.body);
	}
	cr_expect_eq(stop(&s, SIGTERM), 0);
}

Test(httpd, sends_to_the_directory)
{
	struct server s = serve(procs[1], HTTPD, "-p", "0", root);
	struct answer a = ask(&s, GET("/sub?q=1"));

	cr_expect_str_eq(field(&a, "Location"), "/sub/?q=1");
	free(a.body);
	a = ask(&s, GET("///sub"));
	cr_expect_str_eq(field(&a, "Location"), "/sub/");
	free(a.body);
	a = ask(&s, "POST / HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_str_eq(field(&a, "Allow"), "GET, HEAD");
	cr_expect_eq(stop(&s, SIGTERM), 0);
}

/* A file without the right to read it; root may read all, so another user asks. */
Test(httpd, forbids)
{
	struct server s;
	struct answer a;
	char path[200], command[300];

	put_file("root/private.txt", "PRIVATE");
	snprintf(path, sizeof path, "%s/private.txt", root);
	chmod(path, 0);
	chmod(dir, 0755);
	snprintf(command, sizeof command, "exec setpriv --reuid 65534 --clear-groups " HTTPD " -p 0 %s",
		root);
	s = geteuid() ? serve(procs[1], HTTPD, "-p", "0", root)
		      : serve(procs[1], "sh", "-c", command);
	a = ask(&s, GET("/private.txt"));
	cr_expect_eq(a.status, 403, "%d", a.status);
	cr_expect_eq(stop(&s, SIGTERM), 0);
}

/* ---- parts and versions of files ---- */

Test(httpd, ranges)
{
	static const struct {
		const char *range;
		int status;
		const char *body, *content;
	} cases[] = {{"bytes=0-3", 206, "0123", "bytes 0-3/10"},
		{"bytes=3-", 206, "3456789", "bytes 3-9/10"},
		{"bytes=-4", 206, "6789", "bytes 6-9/10"},
		{"bytes=-40", 206, "0123456789", "bytes 0-9/10"},
		{"bytes=9-9", 206, "9", "bytes 9-9/10"},
		{"bytes=8-1000", 206, "89", "bytes 8-9/10"},
		{"bytes=10-", 416, "416 Range Not Satisfiable\n", "bytes */10"},
		{"bytes=-0", 416, "416 Range Not Satisfiable\n", "bytes */10"},
		{"bytes=5-4", 200, "0123456789", NULL}, {"bytes=-", 200, "0123456789", NULL},
		{"bytes=a-b", 200, "0123456789", NULL}, {"lines=1-2", 200, "0123456789", NULL},
		{"bytes=0-1,3-4", 200, "0123456789", NULL},
		{"bytes=99999999999999999999-", 200, "0123456789", NULL}};
	struct server s = serve(procs[1], HTTPD, "-p", "0", root);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char request[200];

		snprintf(request, sizeof request, "GET /hello.txt HTTP/1.1\r\nHost: x\r\nRange: %s\r\n\r\n",
			cases[i].range);
		struct answer a = ask(&s, request);
		const char *content = field(&a, "Content-Range");

		cr_expect_eq(a.status, cases[i].status, "%d for %s", a.status, cases[i].range);
		cr_expect_str_eq(a.body, cases[i].body, "%s for %s", a.body, cases[i].range);
		cr_expect(cases[i].content ? content && !strcmp(content, cases[i].content) : !content,
			"%s for %s", content, cases[i].range);
		free(a.body);
	}
	cr_expect_eq(stop(&s, SIGTERM), 0);
}

Test(httpd, not_modified)
{
	static const struct {
		const char *since;
		int status;
	} cases[] = {{"Sun, 09 Sep 2001 01:46:40 GMT", 304}, {"Sun, 09 Sep 2001 01:46:39 GMT", 200},
		{"Sunday, 09-Sep-01 01:46:40 GMT", 304}, {"Sun Sep  9 01:46:40 2001", 304},
		{"Sun Sep  9 01:46:39 2001", 200}, {"Mon, 10 Sep 2001 00:00:00 GMT", 304},
		{"yesterday", 200}, {"", 200}};
	struct timespec times[2] = {{1000000000, 0}, {1000000000, 0}};
	struct server s = serve(procs[1], HTTPD, "-p", "0", root);
	char path[200], request[300];

	snprintf(path, sizeof path, "%s/hello.txt", root);
	utimensat(AT_FDCWD, path, times, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(request, sizeof request,
			"GET /hello.txt HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: %s\r\n\r\n",
			cases[i].since);
		expect_status(&s, request, cases[i].status, true);
	}
	struct answer a = ask(&s, "GET /hello.txt" LINE
				  "Range: bytes=1-2\r\nIf-Range: Sun, 09 Sep 2001 01:46:40 GMT\r\n\r\n");
	cr_expect_eq(a.status, 206);
	cr_expect_str_eq(field(&a, "Last-Modified"), "Sun, 09 Sep 2001 01:46:40 GMT");
	free(a.body);
	a = ask(&s, "GET /hello.txt" LINE
		    "Range: bytes=1-2\r\nIf-Range: Sun, 09 Sep 2001 01:46:39 GMT\r\n\r\n");
	cr_expect_eq(a.status, 200);
	cr_expect_eq(stop(&s, SIGTERM), 0);
}

/* ---- one connection ---- */

Test(httpd, pipelines)
{
	for_each_procs(setting) {
		struct server s = serve(setting, HTTPD, "-p", "0", root);
		struct answer a = {0};
		int fd = dial(s.port);

		put(fd, GET("/hello.txt") "\r\n" "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"
			"GET / HTTP/" GET("/nothing") "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
			"GET /sub/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" GET("/hello.txt"));
		cr_assert(get_answer(fd, &a, false) && a.status == 200);
		cr_expect_str_eq(a.body, "0123456789");
		cr_assert(get_answer(fd, &a, false) && a.status == 405, "%d", a.status);
		cr_assert(get_answer(fd, &a, false) && a.status == 404, "%d", a.status);
		cr_assert(get_answer(fd, &a, true) && a.status == 200, "%d", a.status);
		cr_assert(get_answer(fd, &a, false) && a.status == 200, "%d", a.status);
		cr_expect_str_eq(a.body, "<p>sub</p>\n");
		cr_expect(a.close && at_end(fd), "one answer after Connection: close");
		close(fd);
		cr_expect_eq(stop(&s, SIGTERM), 0);
	}
}

/* A request in single bytes, whose end comes with the next one's beginning. */
Test(httpd, takes_bytes_as_they_come)
{
	static const char request[] = GET("/hello.txt") GET("/sub/");
	struct server s = serve(procs[0], HTTPD, "-p", "0", root);
	struct answer a = {0};
	int fd = dial(s.port);

	for (const char *p = request; *p; p++) {
		char c[2] = {*p, 0};

		put(fd, c);
		usleep(300);
	}
	cr_assert(get_answer(fd, &a, false));
	cr_expect_str_eq(a.body, "0123456789");
	cr_assert(get_answer(fd, &a, false));
	cr_expect_str_eq(a.body, "<p>sub</p>\n");
	cr_expect_eq(stop(&s, SIGTERM), 0);
}

static double since(int64_t start)
{
	return (double)(run_now() - start) / 1e9;
}

Test(httpd, does_not_wait_for_ever)
{
	for_each_procs(setting) {
		struct server s = serve(setting, HTTPD, "-p", "0", "-t", "0.3", root);
		int idle = dial(s.port), half = dial(s.port), drip = dial(s.port), between = dial(s.port);
		struct answer a = {0};
		int64_t start = run_now();

		put(half, "GET / HTTP/1.1\r\nHost:");
		put(between, GET("/hello.txt"));
		cr_assert(get_answer(between, &a, false) && a.status == 200);
		for (int i = 0; i < 20 && silent(drip, 50); i++)
			put(drip, "G");
		cr_expect(get_answer(drip, &a, false) && a.status == 408, "dripping: %d", a.status);
		cr_expect(get_answer(half, &a, false) && a.status == 408, "half: %d", a.status);
		cr_expect(at_end(half) && at_end(idle) && at_end(between));
		cr_expect(since(start) > 0.29 && since(start) < 5, "%f s", since(start));
		cr_expect_eq(stop(&s, SIGTERM), 0);
	}
}

/* How many sockets it has. Descriptors would not do: the runtime makes its own when it first waits. */
static int sockets(pid_t pid)
{
	char path[64], to[16];
	struct dirent *e;
	DIR *d;
	int n = 0;

	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	cr_assert_not_null(d = opendir(path));
	while ((e = readdir(d)))
		n += readlinkat(dirfd(d), e->d_name, to, sizeof to) > 7 && memcmp(to, "socket:", 7) == 0;
	closedir(d);
	return n;
}

/* Who does not read is let go of, and meanwhile holds up nobody. */
Test(httpd, does_not_wait_for_slow_readers)
{
	for_each_procs(setting) {
		struct server s = serve(setting, HTTPD, "-p", "0", "-t", "1", root);
		int before = sockets(s.pid), slow = dial_buffer(s.port, 4096);
		int64_t start = run_now();
		char *rest = malloc(BigSize);
		struct answer a;

		put(slow, GET("/big.bin"));
		a = ask(&s, GET("/hello.txt")); /* accepted later than slow */
		cr_expect_eq(a.status, 200);
		cr_expect_lt(since(start), 1, "%s: held up %f s", setting, since(start));
		while (sockets(s.pid) > before && since(start) < ServerSeconds)
			usleep(10 * 1000);
		cr_expect_lt(since(start), ServerSeconds, "%s: not let go of", setting);
		cr_expect_not(get(slow, rest, BigSize), "%s: all of it after all", setting);
		cr_expect_eq(stop(&s, SIGTERM), 0);
		close(slow);
		free(a.body);
		free(rest);
	}
}

/* ---- its end ---- */

static bool refused(int port)
{
	int fd = dial_buffer(port, 0);

	if (fd < 0)
		return errno == ECONNREFUSED;
	close(fd);
	return false;
}

static void stops_gracefully(const char *setting, int sig)
{
	struct server s = serve(setting, HTTPD, "-p", "0", root);
	int idle = dial(s.port), fresh = dial(s.port), half = dial(s.port), busy = dial_buffer(s.port, 4096);
	struct answer a = {0};

	put(idle, GET("/hello.txt"));
	cr_assert(get_answer(idle, &a, false));
	put(half, "GET /hello.txt HTTP/1.1\r\n");
	put(busy, GET("/big.bin"));
	cr_assert(!silent(busy, ServerSeconds * 1000)); /* the answer has begun */
	wait_taken(half, s.port);
	kill(s.pid, sig);
	cr_expect(at_end(idle) && at_end(fresh), "%s: an idle connection is left open", setting);
	cr_expect(refused(s.port), "%s: still listening", setting);
	put(half, "Host: x\r\n\r\n");
	cr_assert(get_answer(half, &a, false), "%s: no answer to half a request", setting);
	cr_expect(a.status == 200 && a.close && at_end(half));
	cr_expect_eq(waitpid(s.pid, NULL, WNOHANG), 0, "%s: gone before the last answer", setting);
	cr_assert(get_answer(busy, &a, false), "%s: cut off", setting);
	cr_expect_eq(a.length, BigSize);
	for (size_t i = 0; i < BigSize / 8; i++)
		cr_assert_eq(((uint64_t *)a.body)[i], i);
	cr_expect(at_end(busy));
	close(idle), close(fresh), close(half), close(busy);
	cr_expect_eq(ended(&s), 0);
	free(a.body);
}

Test(httpd, stops_gracefully)
{
	for_each_procs(setting)
		stops_gracefully(setting, SIGTERM);
	stops_gracefully(procs[1], SIGINT);
}

Test(httpd, a_second_signal_ends_it)
{
	struct server s = serve(procs[1], HTTPD, "-p", "0", root);
	int fd = dial(s.port);

	put(fd, "GET / HTTP/1.1\r\n");
	wait_taken(fd, s.port);
	kill(s.pid, SIGTERM);
	cr_assert(silent(fd, 50));
	cr_expect_eq(stop(&s, SIGTERM), 128 + SIGTERM);
}

Test(httpd, says_why_it_cannot)
{
	struct server s = serve(procs[1], HTTPD, "-p", "0", root);
	char port[20];

	snprintf(port, sizeof port, "%d", s.port);
	struct run r = run(HTTPD, "-p", port, root);
	cr_expect_eq(r.status, 1);
	cr_expect_str_eq(r.err, "httpd: listen: Address in use\n");
	r = run(HTTPD, "-p", "0", "/nonexistent");
	cr_expect_eq(r.status, 1);
	cr_expect_str_eq(r.err, "httpd: /nonexistent: No such file or directory\n");
	r = run(HTTPD, "-p", "70000");
	cr_expect_eq(r.status, 2);
	cr_expect_eq(stop(&s, SIGTERM), 0);
}

/* ---- real clients ---- */

__attribute__((format(printf, 1, 2))) static char *sh(const char *fmt, ...)
{
	char command[1000];
	va_list ap;
	struct run r;

	va_start(ap, fmt);
	vsnprintf(command, sizeof command, fmt, ap);
	va_end(ap);
	r = run("sh", "-c", command);
	cr_expect_eq(r.status, 0, "%s: %d\n%s%s", command, r.status, r.out, r.err);
	free(r.err);
	return r.out;
}

Test(httpd, curl)
{
	struct server s = serve(procs[1], HTTPD, "-p", "0", root);
	char url[100];

	snprintf(url, sizeof url, "http://127.0.0.1:%d", s.port);
	cr_expect_str_eq(sh("curl -sS %s/hello.txt", url), "0123456789");
	cr_expect_str_eq(sh("curl -sS -r 2-4 %s/hello.txt", url), "234");
	cr_expect_str_eq(sh("curl -sS -o /dev/null -w '%%{http_code}' -I %s/big.bin", url), "200");
	cr_expect_str_eq(sh("curl -sSL -w '%%{num_redirects}' %s/sub", url), "<p>sub</p>\n1");
	cr_expect_str_eq(sh("curl -sS -w '%%{http_code}' -z %s/hello.txt %s/hello.txt", root, url), "304");
	cr_expect_str_eq(sh("curl -sS -o /dev/null -w '%%{http_code}' -d x=y %s/", url), "405");
	cr_expect_str_eq(sh("head -c 3000000 /dev/zero | curl -sS -o /dev/null -w '%%{http_code}' "
			    "-T - -H 'Content-Length: 3000000' -H 'Transfer-Encoding:' %s/x", url), "413");
	cr_expect_str_eq(sh("curl -sS --http1.0 %s/hello.txt", url), "0123456789");
	cr_expect_str_eq(sh("curl -sS --path-as-is -w '%%{http_code}' -o /dev/null %s/../secret.txt", url),
		"404");
	cr_expect_str_eq(sh("curl -sS -w '%%{num_connects} ' %s/hello.txt %s/sub/ %s/nothing "
			    "%s/hello.txt", url, url, url, url),
		"01234567891 <p>sub</p>\n0 404 Not Found\n0 01234567890 ");
	cr_expect_str_eq(sh("curl -sS %s/big.bin | cmp - %s/big.bin && echo same", url, root), "same\n");
	cr_expect_eq(stop(&s, SIGTERM), 0);
}

/* Many at once, and no answer missing or wrong. */
Test(httpd, wrk)
{
	for_each_procs(setting) {
		struct server s = serve(setting, HTTPD, "-p", "0", root);
		char *out = sh("wrk -t1 -c50 -d1s --timeout 5s http://127.0.0.1:%d/hello.txt", s.port);
		const char *done = strstr(out, " requests in ");

		cr_expect(done && !strstr(out, "Socket errors") && !strstr(out, "Non-2xx"), "%s: %s",
			setting, out);
		cr_expect_eq(stop(&s, SIGTERM), 0);
		free(out);
	}
}
