/* SPDX-License-Identifier: MIT */
/*
 * everywhere.h - run cases of test/prog's programs in both builds and with
 * several numbers of Ps. With PROGDIR or GOMAXPROCS set (make stress), only
 * where these say.
 */
#ifndef EVERYWHERE_H
#define EVERYWHERE_H

#include <criterion/criterion.h>

#include "run.h"

/* A program's build, as an absolute or relative path that run takes. */
static const char *progin(const char *dir, const char *name)
{
	static char path[8][256];
	static unsigned next;
	char *p = path[next++ % 8];

	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

/* What a case that went well ends with. */
__attribute__((unused)) static void expect_ok(struct run *r, const char *what)
{
	cr_expect_eq(r->status, 0, "%s ended with %d%s:\n%s%s", what, r->status,
		r->late ? " (too late)" : "", r->out, r->err);
	cr_expect_str_eq(r->out, "ok\n", "%s printed:\n%s", what, r->out);
	cr_expect_str_empty(r->err, "%s reported:\n%s", what, r->err);
}

/* Call fn for each build and number of Ps; setting is "GOMAXPROCS=n". */
__attribute__((unused)) static void in_each(
	void (*fn)(const char *path, const char *setting, void *arg), const char *name, void *arg)
{
	static const char *const dirs[] = {"build/test/prog", "build/test/prog-debug"};
	static const char *const procs[] = {"GOMAXPROCS=1", "GOMAXPROCS=2", "GOMAXPROCS=8"};
	const char *dir = getenv("PROGDIR"), *n = getenv("GOMAXPROCS");
	char setting[64];

	snprintf(setting, sizeof setting, "GOMAXPROCS=%s", n ? n : "");
	for (size_t d = 0; d < (dir ? 1 : 2); d++)
		for (size_t i = 0; i < (n ? 1 : 3); i++)
			fn(progin(dir ? dir : dirs[d], name), n ? setting : procs[i], arg);
}

struct everywhere {
	const char *env, *arg;
};

__attribute__((unused)) static void run_case(const char *path, const char *setting, void *arg)
{
	struct everywhere *e = arg;
	struct run r = run(setting, e->env ? e->env : "GODEBUG=", path, e->arg);
	char what[400];

	snprintf(what, sizeof what, "%s %s %s %s", e->env ? e->env : "", setting, path, e->arg);
	expect_ok(&r, what);
	run_free(&r);
}

/* The case ends well in every build with every number of Ps. */
#define everywhere(name, arg) everywhere_env(NULL, name, arg)
#define everywhere_env(env, name, arg) in_each(run_case, name, &(struct everywhere){env, arg})

/* The case ends with this status and its standard error has the given words, in that order. */
__attribute__((unused)) static void expect_words(const char *text, const char *const *words, const char *what)
{
	const char *at = text;

	for (; *words; words++) {
		const char *found = strstr(at, *words);

		cr_expect(found != NULL, "%s: no \"%s\" in its place:\n%s", what, *words, text);
		if (!found)
			return;
		at = found + strlen(*words);
	}
}

struct death {
	const char *env, *arg;
	int status;
	const char *const *words;
};

__attribute__((unused)) static void run_death(const char *path, const char *setting, void *arg)
{
	struct death *d = arg;
	struct run r = run(setting, d->env ? d->env : "GODEBUG=", path, d->arg);
	char what[400];

	snprintf(what, sizeof what, "%s %s %s %s", d->env ? d->env : "", setting, path, d->arg);
	cr_expect_eq(r.status, d->status, "%s ended with %d%s:\n%s%s", what, r.status,
		r.late ? " (too late)" : "", r.out, r.err);
	expect_words(r.err, d->words, what);
	run_free(&r);
}

#define dies(name, arg, status, ...) dies_env(NULL, name, arg, status, __VA_ARGS__)
#define dies_env(env, name, arg, status, ...)                                                       \
	in_each(run_death, name,                                                                    \
		&(struct death){env, arg, status, (const char *const[]){__VA_ARGS__, NULL}})

#endif
