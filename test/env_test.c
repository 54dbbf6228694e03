/* SPDX-License-Identifier: MIT */
/* env_test.c - env.c: what the variables mean and what is said about those that mean nothing. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>

#include "../runtime/env.c"

int runtime_argc;
char **runtime_argv, **runtime_envp;
uint32_t runtime_nofsgsbase;

static char said[1000];

const char *runtime_getenv(const char *name)
{
	return getenv(name);
}

void runtime_print(const char *fmt, ...)
{
	size_t n = strlen(said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + n, sizeof said - n, fmt, ap);
	va_end(ap);
}

_Noreturn void runtime_throw(const char *msg)
{
	(void)msg;
	abort();
}

/* After parsing with NAME=value alone. */
static struct debugvars *with(const char *name, const char *value)
{
	static struct debugvars defaults;
	static bool kept;

	if (!kept)
		defaults = runtime_debug;
	kept = true;
	runtime_debug = defaults;
	said[0] = 0;
	unsetenv("GOMAXPROCS");
	unsetenv("GOTRACEBACK");
	unsetenv("GODEBUG");
	if (value)
		setenv(name, value, 1);
	runtime_parsedebugvars();
	return &runtime_debug;
}

static void ignored(const char *name, const char *value, const char *part)
{
	char want[300];

	with(name, value);
	snprintf(want, sizeof want, "runtime: ignoring %s=%s: value cannot be parsed\n", name, part);
	cr_expect_str_eq(said, want);
}

static void silent(const char *name, const char *value)
{
	with(name, value);
	cr_expect_str_empty(said, "%s=%s: %s", name, value, said);
}

Test(env, gomaxprocs)
{
	static const char *const bad[] = {"x", "0", "-3", "1x", " 1", "1 ", "2147483648", "99999999999999999999",
		"1.5", "-", "+1", "0x10"};

	cr_expect_eq(with("GOMAXPROCS", NULL)->gomaxprocs, 0);
	cr_expect_eq(with("GOMAXPROCS", "1")->gomaxprocs, 1);
	cr_expect_eq(with("GOMAXPROCS", "0008")->gomaxprocs, 8);
	cr_expect_eq(with("GOMAXPROCS", "1000")->gomaxprocs, 1000);
	silent("GOMAXPROCS", "");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ignored("GOMAXPROCS", bad[i], bad[i]);
		cr_expect_eq(runtime_debug.gomaxprocs, 0, "%s", bad[i]);
	}
}

Test(env, gotraceback)
{
	static const struct {
		const char *value;
		int level;
	} good[] = {{NULL, 1}, {"", 1}, {"none", 0}, {"single", 1}, {"all", 2}, {"system", 2},
		{"crash", 3}, {"0", 0}, {"1", 1}, {"2", 2}};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		cr_expect_eq(with("GOTRACEBACK", good[i].value)->traceback, good[i].level, "%s",
			good[i].value);
		cr_expect_str_empty(said);
	}
	ignored("GOTRACEBACK", "loud", "loud");
	cr_expect_eq(runtime_debug.traceback, 1);
	ignored("GOTRACEBACK", "-1", "-1");
}

Test(env, godebug)
{
	struct debugvars *d = with("GODEBUG", "inittrace=1,schedtrace=1000,scheddetail=1");

	cr_expect_eq(d->inittrace, 1);
	cr_expect_eq(d->schedtrace, 1000);
	cr_expect_eq(d->scheddetail, 1);
	cr_expect_eq(d->gctrace, 0);
	d = with("GODEBUG", ",,asyncpreemptoff=1,,gctrace=2,");
	cr_expect_eq(d->asyncpreemptoff, 1);
	cr_expect_eq(d->gctrace, 2);
	d = with("GODEBUG", "schedtrace=5,schedtrace=6");
	cr_expect_eq(d->schedtrace, 6, "the last one counts");
	d = with("GODEBUG", "stackguard=2");
	cr_expect_eq(d->stackguard, 2);
	cr_expect_str_empty(said);
	silent("GODEBUG", "http2client=0,unknown,x=y=z"); /* for others */
	silent("GODEBUG", "");
	silent("GODEBUG", ",");
}

Test(env, godebug_trace_is_a_path)
{
	struct debugvars *d = with("GODEBUG", "gctrace=1,trace=/tmp/a=b,inittrace=1");

	cr_expect_eq(d->tracelen, strlen("/tmp/a=b"));
	cr_expect_eq(strncmp(d->trace, "/tmp/a=b", d->tracelen), 0);
	cr_expect_eq(d->inittrace, 1);
	cr_expect_eq(d->gctrace, 1);
}

Test(env, godebug_bad_values_are_named_and_the_others_kept)
{
	ignored("GODEBUG", "inittrace=yes,gctrace=1", "inittrace=yes");
	cr_expect_eq(runtime_debug.inittrace, 0);
	cr_expect_eq(runtime_debug.gctrace, 1);
	ignored("GODEBUG", "gctrace", "gctrace");
	ignored("GODEBUG", "gctrace=", "gctrace=");
	ignored("GODEBUG", "schedtrace=12345678901", "schedtrace=12345678901");
}

Test(env, long_values_are_cut)
{
	char value[500];

	memset(value, 'z', sizeof value - 1);
	value[sizeof value - 1] = 0;
	with("GOMAXPROCS", value);
	cr_expect_eq(strncmp(said, "runtime: ignoring GOMAXPROCS=zzz", 32), 0, "%s", said);
	cr_expect_lt(strlen(said), 200);
}
