/* SPDX-License-Identifier: MIT */
/* crew.h - goroutines that run all the while until they are told to stop; after prog.h. */
#ifndef CREW_H
#define CREW_H

static go_waitgroup wg; /* each is done with it at its end */
static volatile bool stop;

static void start(int n, void (*fn)(void *))
{
	go_waitgroup_add(&wg, n);
	for (intptr_t i = 0; i < n; i++)
		go(fn, (void *)i);
}

static void end(void)
{
	stop = true;
	go_waitgroup_wait(&wg);
	stop = false;
}

#endif
