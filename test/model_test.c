/* SPDX-License-Identifier: MIT */
/*
 * model_test.c - the models of test/model are of this code: every file:function
 * that they name is there, and every line that they quote in backquotes is in the
 * function named last before it, as the model says (blanks aside). So a change to a
 * protocol fails here until its model was changed too; `make model` then checks that.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *s;
	size_t n;

	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	n = (size_t)ftell(f);
	rewind(f);
	s = malloc(n + 1);
	n = fread(s, 1, n, f);
	s[n] = 0;
	fclose(f);
	return s;
}

/* Without blanks, and without what leads the lines of a comment. In place. */
static char *squeeze(char *s)
{
	char *to = s;

	for (char *p = s; *p; p++)
		if (!isspace((unsigned char)*p) && !(*p == '*' && p > s && p[-1] == ' ' && p[1] == ' '))
			*to++ = *p;
	*to = 0;
	return s;
}

static bool inname(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Does this line, not indented, define name? */
static bool defines(const char *line, const char *name)
{
	const char *end = strchr(line, '\n'), *at = line;
	size_t n = strlen(name);

	if (!end || !inname(*line))
		return false;
	if (!strncmp(line, "func ", 5)) /* a macro of the assembly's */
		return !strncmp(line + 5, name, n) && line + 5 + n == end;
	while ((at = strstr(at, name)) && at < end) {
		if ((at == line || !inname(at[-1])) && at[n] == '(')
			return end[-1] != ';';
		at += n;
	}
	return false;
}

/* The text of a function in source, squeezed; NULL: there is none. */
static char *body(const char *source, const char *name)
{
	for (const char *line = source; line; line = strchr(line, '\n')) {
		const char *end;

		line += *line == '\n';
		if (!defines(line, name))
			continue;
		end = strstr(line, strncmp(line, "func ", 5) ? "\n}" : "\nendfunc");
		return squeeze(strndup(line, end ? (size_t)(end - line) : strlen(line)));
	}
	return NULL;
}

struct place { /* what the model named last */
	char file[64], function[64];
	char *body;
	int refs, quotes;
};

static void refer(struct place *at, const char *model, const char *name, size_t n)
{
	char *source = slurp(at->file);

	snprintf(at->function, sizeof at->function, "%.*s", (int)n, name);
	free(at->body);
	at->body = source ? body(source, at->function) : NULL;
	cr_expect(at->body != NULL, "%s: no %s in %s", model, at->function, at->file);
	free(source);
	at->refs++;
}

static size_t namelength(const char *s)
{
	size_t n = 0;

	while (inname(s[n]))
		n++;
	return n;
}

/* "sched/chan.c:send, recv" at s, or not. What follows it. */
static const char *reference(struct place *at, const char *model, const char *s)
{
	static const char *const dirs[] = {"rt0/", "runtime/", "sched/"};
	const char *file = s;

	for (size_t i = 0; i < 3; i++) {
		if (strncmp(s, dirs[i], strlen(dirs[i])))
			continue;
		s += strlen(dirs[i]);
		s += namelength(s);
		if (*s != '.' || s[2] != ':' || !inname(s[3]))
			break;
		snprintf(at->file, sizeof at->file, "%.*s", (int)(s + 2 - file), file);
		s += 3;
		for (;;) {
			size_t n = namelength(s);

			refer(at, model, s, n);
			s += n;
			n = s[0] == ',' && s[1] == ' ' ? namelength(s + 2) : 0;
			if (n == 0 || s[2 + n] == '/' || s[2 + n] == ' ') /* prose, or another file */
				return s;
			s += 2;
		}
	}
	return file + 1;
}

static const char *quote(struct place *at, const char *model, const char *s)
{
	const char *end = strchr(s + 1, '`');
	char *text;

	cr_assert(end != NULL, "%s: a backquote is not closed: %.40s", model, s);
	text = squeeze(strndup(s + 1, (size_t)(end - s - 1)));
	cr_expect(at->body && strstr(at->body, text), "%s: not in %s:%s: %.*s", model, at->file,
		at->function, (int)(end - s + 1), s);
	free(text);
	at->quotes++;
	return end + 1;
}

static void check(const char *model)
{
	char *text = slurp(model);
	struct place at = {.file = "nothing"};

	cr_assert(text != NULL, "%s", model);
	for (const char *s = text; *s;)
		s = *s == '`' ? quote(&at, model, s) : reference(&at, model, s);
	cr_expect(at.refs > 0 && at.quotes > 0, "%s points at nothing", model);
	free(at.body);
	free(text);
}

Test(model, points_at_what_is_there)
{
	glob_t models;

	cr_assert_eq(glob("test/model/*.pml", 0, NULL, &models), 0);
	for (size_t i = 0; i < models.gl_pathc; i++)
		check(models.gl_pathv[i]);
	globfree(&models);
}

Test(model, finds_functions)
{
	char text[] = "static int other(int a);\nstatic int\nother(int a)\n{\n\tf(a);\n}\nint x;\n"
		      "func label\n\tmov\nendfunc label\n";

	cr_expect_null(body(text, "f"));
	cr_expect_null(body(text, "othe"));
	cr_expect_str_eq(body(text, "other"), "other(inta){f(a);");
	cr_expect_str_eq(body(text, "label"), "funclabelmov");
}
