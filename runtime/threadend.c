/* SPDX-License-Identifier: MIT */
/*
 * threadend.c - the ends of C++'s thread_local objects, newest first: when their
 * goroutine or thread ends, before the destructors of its pthread keys, and when it
 * calls exit, before those of static objects.
 *
 * The list is its own thread's alone. What ends may make others anew, which end too.
 */
#include "runtime.h"

#include <stdlib.h>

/* A program that has such objects links operator new, and that malloc. */
#pragma weak malloc
#pragma weak free

struct end {
	void (*fn)(void *);
	void *object;
	struct end *next;
};

/* By what the compiler makes of a thread_local object that has a destructor. */
__attribute__((visibility("default"))) int __cxa_thread_atexit_impl(void (*fn)(void *), void *object, void *dso)
{
	struct end *e = malloc ? malloc(sizeof *e) : NULL;

	(void)dso; /* there is one, and it is not unloaded */
	if (!e)
		runtime_fatal("out of memory for the end of a thread_local object");
	*e = (struct end){fn, object, runtime_ends};
	runtime_ends = e;
	return 0;
}

noinline void runtime_runends(void)
{
	for (struct end *e; (e = runtime_ends);) {
		struct end now = *e;

		runtime_ends = e->next;
		free(e);
		now.fn(now.object);
	}
}
