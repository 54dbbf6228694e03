/* SPDX-License-Identifier: MIT */
/*
 * request.c - the head of a request, taken apart in place. What could be read in
 * two ways is refused: whoever stands in front of this server may have read it in
 * the other. Each parse_ and check_ returns 0, or the status of the refusal.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "httpd.h"

static const char *const field_names[Fields] = {"Host", "Content-Length",
	"Transfer-Encoding", "Expect", "If-Modified-Since", "Range", "If-Range"};

static bool is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("!#$%&'*+-.^_`|~", s[i]))
			return false;
	return n > 0;
}

/* The digits at *s, which it is moved past; -1: there are none, or too many. */
off_t digits(const char **s)
{
	off_t n = isdigit((unsigned char)**s) ? 0 : -1;

	for (; isdigit((unsigned char)**s); (*s)++)
		n = n < 0 || n > (INT64_MAX - 9) / 10 ? -1 : n * 10 + (**s - '0');
	return n;
}

/* ---- the first line ---- */

static int parse_method(struct request *r, const char *s)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE",
		"CONNECT", "OPTIONS", "TRACE", "PATCH"};

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		r->known |= strcmp(s, methods[i]) == 0;
	r->head = strcmp(s, "HEAD") == 0;
	r->get = r->head || strcmp(s, "GET") == 0;
	return is_token(s, strlen(s)) ? 0 : 400;
}

/* http://host/path, as a proxy is asked: the path, for which there is room where the host was. */
static char *after_host(char *s)
{
	char *host = s + strlen("http://"), *end = host + strcspn(host, "/?");

	if (end == host)
		return NULL;
	if (*end != '/')
		*--end = '/';
	return end;
}

/* Methods that are not served may have targets of other kinds. */
static int parse_target(struct request *r, char *s)
{
	for (const char *p = s; *p; p++)
		if (!isgraph((unsigned char)*p))
			return 400;
	r->target = strncasecmp(s, "http://", 7) == 0 ? after_host(s) : s;
	return r->target && (*r->target == '/' || !r->get) ? 0 : 400;
}

static int parse_version(struct request *r, const char *s)
{
	if (strlen(s) != strlen("HTTP/1.1") || strncmp(s, "HTTP/", 5) != 0 ||
		!isdigit((unsigned char)s[5]) || s[6] != '.' || !isdigit((unsigned char)s[7]))
		return 400;
	r->minor = s[7] - '0';
	return s[5] == '1' ? 0 : 505;
}

static int parse_line(struct request *r, char *line)
{
	char *target = strchr(line, ' '), *version = target ? strchr(target + 1, ' ') : NULL;
	int status;

	if (!version)
		return 400;
	*target++ = *version++ = '\0';
	if ((status = parse_version(r, version)) || (status = parse_method(r, line)))
		return status;
	return parse_target(r, target);
}

/* ---- the fields ---- */

/* Whether a comma-separated list has the word. */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (; *list; list += strcspn(list, ",")) {
		list += strspn(list, ", \t");
		if (strncasecmp(list, word, n) == 0 && strchr(", \t", list[n]))
			return true;
	}
	return false;
}

static int keep_field(struct request *r, const char *name, char *value)
{
	for (int i = 0; i < Fields; i++) {
		if (strcasecmp(name, field_names[i]) != 0)
			continue;
		if (r->field[i]) /* which of the two? */
			return 400;
		r->field[i] = value;
	}
	return 0;
}

/* A line that goes on from the one before, and a space before the colon, are not tokens. */
static int parse_field(struct request *r, char *line)
{
	char *colon = strchr(line, ':'), *end = line + strlen(line), *value;

	if (!colon || !is_token(line, (size_t)(colon - line)))
		return 400;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	if (strcasecmp(line, "Connection") == 0) {
		r->close |= has_word(value, "close");
		r->keep |= has_word(value, "keep-alive");
	}
	return keep_field(r, line, value);
}

static int check_host(struct request *r)
{
	const char *host = r->field[Host];

	if (!host)
		return r->minor > 0 ? 400 : 0;
	return host[strcspn(host, " \t/?#@,\\")] ? 400 : 0;
}

static int check_length(struct request *r)
{
	const char *s = r->field[Length];

	if (!s)
		return 0;
	if (!isdigit((unsigned char)*s))
		return 400;
	r->length = digits(&s);
	if (*s)
		return 400;
	return r->length < 0 || r->length > BodyMax ? 413 : 0;
}

/* How the body is to be read: by its length, or not at all. */
static int check_coding(struct request *r)
{
	const char *coding = r->field[Coding];

	if (!coding)
		return 0;
	if (r->field[Length] || r->minor == 0)
		return 400;
	return strcasecmp(coding, "chunked") == 0 ? 411 : 501;
}

static int check_expect(struct request *r)
{
	const char *expect = r->field[Expect];

	return expect && r->minor > 0 && strcasecmp(expect, "100-continue") != 0 ? 417 : 0;
}

/* ---- the whole ---- */

/*
 * The line at *s, which is moved to the next one; NULL: it has a control character.
 * There is a line: the head ends with an empty one.
 */
static char *cut_line(char **s)
{
	char *line = *s, *end = strchr(line, '\n');

	*s = end + 1;
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	for (char *p = line; p < end; p++)
		if (iscntrl((unsigned char)*p) && *p != '\t')
			return NULL;
	return line;
}

int parse_head(struct request *r, char *head, size_t n)
{
	static int (*const checks[])(struct request *) = {check_host, check_coding,
		check_length, check_expect};
	char *s = head, *line;
	int status;

	if (memchr(head, '\0', n) || !(line = cut_line(&s)))
		return 400;
	status = parse_line(r, line);
	while (!status && (line = cut_line(&s)) && *line)
		status = parse_field(r, line);
	if (!status && !line)
		return 400;
	for (int i = 0; !status && i < 4; i++)
		status = checks[i](r);
	return status;
}
