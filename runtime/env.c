/* SPDX-License-Identifier: MIT */
/*
 * env.c - the environment variables that steer the runtime: GOMAXPROCS,
 * GOTRACEBACK and GODEBUG. A value that cannot be parsed is reported once,
 * naming the variable, and ignored.
 */
#include "runtime.h"

#include <string.h>

struct debugvars runtime_debug = {.traceback = 1};

void runtime_badenv(const char *var, const char *value, size_t n)
{
	char buf[64];

	if (n > sizeof buf - 1)
		n = sizeof buf - 1;
	memcpy(buf, value, n);
	buf[n] = 0;
	runtime_print("runtime: ignoring %s=%s: value cannot be parsed\n", var, buf);
}

/* A decimal number that fills s[0..n) and fits; false otherwise. */
bool runtime_atoi32(const char *s, size_t n, int32_t *v)
{
	int64_t x = 0;
	bool neg = n > 1 && s[0] == '-';

	if (n == 0)
		return false;
	for (size_t i = neg; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' || x > INT32_MAX / 10)
			return false;
		x = x * 10 + (s[i] - '0');
	}
	if (x > INT32_MAX)
		return false;
	*v = (int32_t)(neg ? -x : x);
	return true;
}

static void parsegomaxprocs(void)
{
	const char *s = runtime_getenv("GOMAXPROCS");
	int32_t n;

	if (!s || !*s)
		return;
	if (!runtime_atoi32(s, strlen(s), &n) || n <= 0) {
		runtime_badenv("GOMAXPROCS", s, strlen(s));
		return;
	}
	runtime_debug.gomaxprocs = n;
}

static void parsetraceback(void)
{
	static const char *const levels[] = {"none", "single", "all", "crash"};
	const char *s = runtime_getenv("GOTRACEBACK");
	int32_t n;

	if (!s || !*s)
		return;
	for (size_t i = 0; i < nelem(levels); i++)
		if (!strcmp(s, levels[i])) {
			runtime_debug.traceback = (int32_t)i;
			return;
		}
	if (!strcmp(s, "system"))
		runtime_debug.traceback = 2;
	else if (runtime_atoi32(s, strlen(s), &n) && n >= 0)
		runtime_debug.traceback = n > 2 ? 2 : n;
	else
		runtime_badenv("GOTRACEBACK", s, strlen(s));
}

static const struct {
	const char *name;
	int32_t *value;
} dbgvars[] = {
	{"inittrace", &runtime_debug.inittrace},
	{"schedtrace", &runtime_debug.schedtrace},
	{"scheddetail", &runtime_debug.scheddetail},
	{"gctrace", &runtime_debug.gctrace},
	{"asyncpreemptoff", &runtime_debug.asyncpreemptoff},
	{"stackguard", &runtime_debug.stackguard},
	{"slice", &runtime_debug.slice},
	{"nofsgsbase", &runtime_debug.nofsgsbase},
};

/* One key=value of GODEBUG, in s[0..n). Keys we do not know are for others, as in Go. */
static void parsedebugvar(const char *s, size_t n)
{
	size_t k = runtime_span(s, n, '=');
	const char *eq = k < n ? s + k : NULL;

	if (eq && k == 5 && !memcmp(s, "trace", 5)) {
		runtime_debug.trace = eq + 1;
		runtime_debug.tracelen = n - k - 1;
		return;
	}
	for (size_t i = 0; i < nelem(dbgvars); i++) {
		if (strlen(dbgvars[i].name) != k || memcmp(s, dbgvars[i].name, k))
			continue;
		if (!eq || !runtime_atoi32(eq + 1, n - k - 1, dbgvars[i].value))
			runtime_badenv("GODEBUG", s, n);
		return;
	}
}

void runtime_parsedebugvars(void)
{
	const char *s = runtime_getenv("GODEBUG");

	parsegomaxprocs();
	parsetraceback();
	while (s && *s) {
		size_t n = runtime_span(s, SIZE_MAX, ',');

		if (n)
			parsedebugvar(s, n);
		s += n + (s[n] == ',');
	}
	if (runtime_debug.nofsgsbase)
		runtime_nofsgsbase = 1;
}

/* What Go copies into its own strings stays in place here; the seam is kept for the boot walk. */
void runtime_goenvs(void)
{
	if (runtime_envp != runtime_argv + runtime_argc + 1)
		runtime_throw("runtime_goenvs: envp is not behind argv");
}
