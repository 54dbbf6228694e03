/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_exit.c - exit: the ends of the caller's thread_local objects, atexit's
 * handlers, destructors, stdio, on whatever goroutine or thread it is called. The
 * others go on meanwhile. Who calls it while another is at it waits for the end; a
 * handler that calls it goes on with the handlers that are left, and its status
 * counts.
 */
#include "musl.h"

#include <stdlib.h>
#include <unistd.h>

optional hidden void __funcs_on_exit(void);
optional hidden void __stdio_exit(void);
optional void _fini(void);
extern optional hidden void (*const __fini_array_start[])(void);
extern optional hidden void (*const __fini_array_end[])(void);

/* Process and thread that end it, 0: none. The child of a fork meanwhile may end by itself. */
static uint64_t ending;

static bool first(void)
{
	uint64_t pid = (uint64_t)getpid(), me = pid << 32 | (uint32_t)self()->tid, was;

	while ((was = load(&ending)) >> 32 != pid)
		if (cas(&ending, was, me))
			return true;
	return was == me;
}

static _Noreturn void waitforend(void)
{
	static uint32_t never;
	g *gp = goroutine();

	for (;;) {
		if (gp && gp->status == Grunning)
			runtime_gopark(NULL, NULL, WaitExit);
		else
			runtime_futexsleep(&never, 0, -1);
	}
}

__attribute__((section(".text.exit_seam"))) /* .text.exit is not with the others */
seam _Noreturn void exit(int status)
{
	if (!first())
		waitforend();
	if (runtime_ends)
		runtime_runends();
	if (__funcs_on_exit)
		__funcs_on_exit();
	for (size_t n = (size_t)(__fini_array_end - __fini_array_start); n; n--)
		__fini_array_start[n - 1]();
	if (_fini)
		_fini();
	if (__stdio_exit)
		__stdio_exit();
	runtime_awaitend();
	_Exit(status);
}
