/* SPDX-License-Identifier: MIT */
/*
 * philosophers.c - five at a round table with five forks, each eating with two.
 * The last one picks his forks up in the other order: so nobody starves. Run
 * with -d they all pick the left one first, and you see the runtime's report.
 *
 *	gocrt-gcc -O2 philosophers.c -o philosophers && ./philosophers
 */
#include <go.h>
#include <stdio.h>
#include <string.h>

enum { Seats = 5, Meals = 100 };

static go_mutex fork_at[Seats];
static int eaten[Seats];
static bool stubborn;

static void philosopher(void *arg)
{
	int seat = (int)(intptr_t)arg, first = seat, second = (seat + 1) % Seats;

	if (seat == Seats - 1 && !stubborn) {
		first = second;
		second = seat;
	}
	for (int i = 0; i < Meals; i++) {
		go_mutex_lock(&fork_at[first]);
		go_sched(); /* thinking, with one fork in hand */
		go_mutex_lock(&fork_at[second]);
		eaten[seat]++;
		go_mutex_unlock(&fork_at[second]);
		go_mutex_unlock(&fork_at[first]);
	}
}

int main(int argc, char **argv)
{
	go_waitgroup wg = {0};

	stubborn = argc > 1 && !strcmp(argv[1], "-d");
	for (intptr_t i = 0; i < Seats; i++)
		go_waitgroup_go(&wg, philosopher, (void *)i);
	go_waitgroup_wait(&wg);
	for (int i = 0; i < Seats; i++)
		printf("philosopher %d ate %d times\n", i, eaten[i]);
	return 0;
}
