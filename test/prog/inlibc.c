/* SPDX-License-Identifier: MIT */
/*
 * inlibc.c - goroutines that spend their time in libc, which lose their slices there: others
 * get their turn, and what libc computes and keeps is right.
 */
#define _GNU_SOURCE
#include <math.h>
#include <regex.h>
#include <sys/wait.h>

#include "prog.h"

static go_waitgroup wg;
static volatile bool stop;

/* ---- each by itself, again and again: true, if it was right ---- */

static int byvalue(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static bool sorts(unsigned seed)
{
	int v[300];

	for (int i = 0; i < 300; i++)
		v[i] = (int)((seed = seed * 1103515245 + 12345) >> 8 & 0xffff);
	qsort(v, 300, sizeof *v, byvalue);
	for (int i = 1; i < 300; i++)
		if (v[i - 1] > v[i])
			return false;
	return bsearch(&v[seed % 300], v, 300, sizeof *v, byvalue) != NULL;
}

static bool prints(unsigned seed)
{
	char got[100], want[100] = "7 0.500000 abc 0x1p-2 <          0>";

	want[strlen(want) - 2] = (char)('0' + seed % 10);
	snprintf(got, sizeof got, "%d %f %s %a <%11u>", 7, 0.5, "abc", 0.25, seed % 10);
	return strcmp(got, want) == 0;
}

static bool scans(unsigned seed)
{
	char text[64];
	double d = 0;
	unsigned n = 0;

	snprintf(text, sizeof text, "%u 3.141592653589793116e0", seed);
	return sscanf(text, "%u %lf", &n, &d) == 2 && n == seed && d == 3.141592653589793116 &&
	       strtod("1e-5", NULL) == 1e-5;
}

static bool fills(unsigned seed)
{
	static _Thread_local char a[5000], b[5000];
	size_t n = 100 + seed % 4800;

	memset(a, (int)(seed & 127) + 1, n);
	a[n] = 0;
	memcpy(b, a, n + 1);
	memmove(b + 1, b, n - 1);
	return strlen(b) == n && memcmp(b, a, n) == 0 && strchr(b, 0) == b + n && !memchr(b, 0, n);
}

static bool allocates(unsigned seed)
{
	size_t n = 1 + seed % 3000;
	char *p = malloc(n), *q;
	bool ok;

	if (!p)
		return false;
	memset(p, (char)seed, n);
	q = realloc(p, 2 * n);
	ok = q && q[0] == (char)seed && q[n - 1] == (char)seed;
	free(q);
	q = calloc(n, 2);
	ok = ok && q && !q[0] && !q[2 * n - 1];
	free(q);
	return ok;
}

static bool matches(unsigned seed)
{
	regmatch_t at[2];
	char text[40];
	regex_t re;
	bool ok;

	snprintf(text, sizeof text, "xx(ab)*%u", seed % 1000);
	if (regcomp(&re, "b\\)\\*([0-9]*)$", REG_EXTENDED))
		return false;
	ok = regexec(&re, text, 2, at, 0) == 0 && strtoul(text + at[1].rm_so, NULL, 10) == seed % 1000;
	regfree(&re);
	return ok;
}

static bool calculates(unsigned seed)
{
	double x = 0.001 * (seed % 1000) + 0.25;

	return fabs(exp(log(x)) - x) < 1e-12 && fabs(sin(x) * sin(x) + cos(x) * cos(x) - 1) < 1e-12 &&
	       fabs(cbrt(x * x * x) - x) < 1e-12 && fabsl(expl(logl(x)) - x) < 1e-12L;
}

static bool converts(unsigned seed)
{
	time_t t = (time_t)seed * 1000, back;
	struct tm tm;

	gmtime_r(&t, &tm);
	back = timegm(&tm);
	localtime_r(&t, &tm);
	return back == t && mktime(&tm) == t;
}

/* A stream of its own, in memory: the lock of all streams, and malloc's. */
static bool streams(unsigned seed)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	bool ok;

	if (!f)
		return false;
	for (int i = 0; i < 50; i++)
		fprintf(f, "%u\n", seed);
	fclose(f);
	ok = n > 50 && strtoul(text, NULL, 10) == seed;
	free(text);
	return ok;
}

static bool (*const jobs[])(unsigned) = {
	sorts, prints, scans, fills, allocates, matches, calculates, converts, streams,
};

/* ---- others get their turn ---- */

static volatile bool seen;

static void sleeps(void *arg)
{
	(void)arg;
	go_sleep(MS);
	seen = true;
	go_waitgroup_done(&wg);
}

/* On one P; nobody but the sleeper ends the loop. */
static void turns(void)
{
	go_maxprocs(1);
	for (size_t k = 0; k < nelem(jobs); k++)
		for (int i = 0; i < 3; i++) {
			seen = false;
			go_waitgroup_add(&wg, 1);
			go(sleeps, NULL);
			for (unsigned n = 0; !seen; n++)
				for (int again = 0; again < 100; again++)
					CHECK(jobs[k](n));
			go_waitgroup_wait(&wg);
		}
}

/* ---- all at once, and libc's own state ---- */

enum { Workers = 24, Rounds = 400 };

static void works(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	for (int i = 0; i < Rounds; i++) {
		seed = seed * 1103515245 + 12345;
		errno = (int)(seed & 0xff);
		CHECK(jobs[(seed >> 16) % nelem(jobs)](seed >> 4));
	}
	go_waitgroup_done(&wg);
}

static void results(void)
{
	go_waitgroup_add(&wg, Workers);
	for (uintptr_t i = 0; i < Workers; i++)
		go(works, (void *)(i + 1));
	go_waitgroup_wait(&wg);
}

/* ---- a common stream, processes, the world stopped, meanwhile ---- */

static void prints_on(void *f)
{
	for (int i = 0; i < Rounds; i++)
		fprintf(f, "%s%s\n", "0123456789", "abcdefghijklmnopqrstuvwxyz");
	go_waitgroup_done(&wg);
}

static void forks(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();
		int status = -1;

		if (pid == 0) {
			bool ok = true;

			for (unsigned k = 0; k < nelem(jobs); k++)
				ok &= jobs[k](k);
			_exit(ok ? 7 : 8);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
	go_waitgroup_done(&wg);
}

static void stops_the_world(void *arg)
{
	int procs = go_maxprocs(0);

	(void)arg;
	for (int i = 0; i < 100; i++) {
		go_maxprocs(1 + i % 3);
		go_sleep(MS / 10);
	}
	go_maxprocs(procs);
	go_waitgroup_done(&wg);
}

static void meanwhile(void)
{
	FILE *f = tmpfile();
	char line[60];
	int n = 0;

	CHECK(f);
	go_waitgroup_add(&wg, 6 + 6 + 2);
	for (uintptr_t i = 0; i < 6; i++) {
		go(works, (void *)(i + 1));
		go(prints_on, f);
	}
	go(forks, NULL);
	go(stops_the_world, NULL);
	go_waitgroup_wait(&wg);
	rewind(f);
	for (; fgets(line, sizeof line, f); n++)
		CHECK(strcmp(line, "0123456789abcdefghijklmnopqrstuvwxyz\n") == 0);
	CHECK(n == 6 * Rounds);
	fclose(f);
}

#define CASE(f) {#f, f}
const struct testcase cases[] = {CASE(turns), CASE(results), CASE(meanwhile), {NULL, NULL}};
