/* SPDX-License-Identifier: MIT */
/*
 * boottrace.c - the boot's timeline for GODEBUG=inittrace=1. Steps are noted by
 * the cycle counter, which costs nothing worth saving, and turned into times
 * only when asked for.
 */
#include "runtime.h"

enum { MaxSteps = 8 };

static struct {
	const char *name;
	uint64_t ticks;
} steps[MaxSteps];
static int nsteps;

void runtime_bootstep(const char *step)
{
	if (nsteps == MaxSteps)
		return;
	steps[nsteps].name = step;
	steps[nsteps++].ticks = arch_cputicks();
}

/* Ticks a microsecond, by the clock. */
static uint64_t calibrate(void)
{
	int64_t start = runtime_nanotime(), now;
	uint64_t ticks = arch_cputicks();

	while ((now = runtime_nanotime()) - start < 1000 * 1000)
		procyield();
	ticks = (arch_cputicks() - ticks) * 1000 / (uint64_t)(now - start);
	return ticks ? ticks : 1;
}

void runtime_bootreport(void)
{
	uint64_t perus;

	if (!runtime_debug.inittrace)
		return;
	perus = calibrate();
	for (int i = 0; i < nsteps; i++)
		runtime_print("init %s @%lu us\n", steps[i].name,
			      (unsigned long)((steps[i].ticks - steps[0].ticks) / perus));
}
