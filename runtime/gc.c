/* SPDX-License-Identifier: MIT */
/*
 * gc.c - the collector's settings. The collected heap itself is not there yet;
 * what the environment says about it is read, checked and kept from the boot on.
 */
#include "runtime.h"

#include <string.h>

int32_t runtime_gcpercent = 100;	     /* GOGC; -1: off */
int64_t runtime_memorylimit = INT64_MAX; /* GOMEMLIMIT, in bytes */

static void readgogc(void)
{
	const char *s = runtime_getenv("GOGC");

	if (!s || !*s)
		return;
	if (!strcmp(s, "off"))
		runtime_gcpercent = -1;
	else if (!runtime_atoi32(s, strlen(s), &runtime_gcpercent))
		runtime_badenv("GOGC", s, strlen(s));
}

/* A suffix as Go's GOMEMLIMIT has them; -1: none of those. */
static int suffixshift(const char *s, size_t n)
{
	static const char units[] = "KMGT";
	size_t u;

	if (n == 0 || (n == 1 && s[0] == 'B'))
		return 0;
	if (n != 3 || s[1] != 'i' || s[2] != 'B' || !units[u = runtime_span(units, SIZE_MAX, s[0])])
		return -1;
	return 10 * (int)(u + 1);
}

static void readgomemlimit(void)
{
	const char *s = runtime_getenv("GOMEMLIMIT");
	size_t digits = 0;
	int64_t v = 0;
	int shift;

	if (!s || !*s || !strcmp(s, "off"))
		return;
	while (s[digits] >= '0' && s[digits] <= '9')
		digits++;
	shift = suffixshift(s + digits, strlen(s) - digits);
	for (size_t i = 0; i < digits && v < INT64_MAX / 16; i++)
		v = v * 10 + (s[i] - '0');
	if (digits == 0 || digits > 18 || shift < 0 || v > INT64_MAX >> shift)
		runtime_badenv("GOMEMLIMIT", s, strlen(s));
	else
		runtime_memorylimit = v << shift;
}

void runtime_gcinit(void)
{
	readgogc();
	readgomemlimit();
}
