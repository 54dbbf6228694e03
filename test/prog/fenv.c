/* SPDX-License-Identifier: MIT */
/* fenv.c - rounding and exception masks are a goroutine's own, as they are a thread's. */
#define _GNU_SOURCE
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>

#include "prog.h"

static go_waitgroup wg;
static volatile bool stop;
static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
static volatile double one = 1, three = 3, zero = 0;
static volatile long double lone = 1, lthree = 3, lzero = 0;
static double thirds[4];
static long double lthirds[4];
static go_mutex mu;

static void start(int n, void (*fn)(void *))
{
	go_waitgroup_add(&wg, n);
	for (intptr_t i = 0; i < n; i++)
		go(fn, (void *)i);
}

static void has_mode(int k)
{
	CHECK(fegetround() == modes[k]);
	CHECK(one / three == thirds[k] && lone / lthree == lthirds[k]);
}

/* Whatever makes it move, and a slice's worth of nothing. */
static void moves(int i)
{
	struct timespec t = {0, 1000};

	switch (i % 5) {
	case 0:
		go_sched();
		break;
	case 1:
		go_sleep(1000);
		break;
	case 2:
		nanosleep(&t, NULL);
		break;
	case 3:
		go_mutex_lock(&mu);
		go_sched();
		go_mutex_unlock(&mu);
		break;
	case 4:
		for (volatile int k = 0; k < 20000; k = k + 1)
			;
	}
}

static void inherits(void *arg)
{
	has_mode((int)(intptr_t)arg);
	go_waitgroup_done(&wg);
}

static void rounds(void *arg)
{
	int k = (int)(intptr_t)arg % 4;

	CHECK(fegetround() == FE_TONEAREST);
	CHECK(fesetround(modes[k]) == 0);
	for (int i = 0; i < 60; i++) {
		has_mode(k);
		moves(i + k);
		if (i % 20 == 0) {
			go_waitgroup_add(&wg, 1);
			go(inherits, (void *)(intptr_t)k);
		}
	}
	go_waitgroup_done(&wg);
}

static void rounding(void)
{
	for (int k = 0; k < 4; k++) {
		CHECK(fesetround(modes[k]) == 0);
		thirds[k] = one / three;
		lthirds[k] = lone / lthree;
	}
	CHECK(fesetround(FE_TONEAREST) == 0);
	CHECK(thirds[0] != thirds[2] && lthirds[1] != lthirds[2]);
	start(16, rounds);
	go_waitgroup_wait(&wg);
	has_mode(0);
}

/* ---- exceptions ---- */

/* Division by zero traps, or not, in both units. */
static void traps(bool on)
{
	uint32_t mxcsr;
	uint16_t fcw;

	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(fcw));
	mxcsr = on ? mxcsr & ~0x200u & ~0x3fu : mxcsr | 0x200;
	fcw = on ? fcw & ~4 : fcw | 4;
	__asm__ volatile("fnclex; ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(fcw));
}

/* It divides by zero all the time, and does not care. */
static void divides(void *arg)
{
	for (int i = (int)(intptr_t)arg; !stop; i++) {
		volatile double x = one / zero;
		volatile long double y = lone / lzero;

		CHECK(x > 1e300 && y > 1e300L);
		moves(i);
	}
	go_waitgroup_done(&wg);
}

static __thread sigjmp_buf env;
static void fpe(int sig) { siglongjmp(env, sig); }

/* It cares, and nobody else's doing strikes it. */
static void cares(void *arg)
{
	volatile int struck = 0;

	for (volatile int i = 0; i < 60; i = i + 1) {
		traps(true);
		__asm__ volatile("fwait");
		moves(i + (int)(intptr_t)arg);
		__asm__ volatile("fwait");
		if (i % 5)
			continue;
		if (sigsetjmp(env, 1) == 0) {
			volatile double x = one / zero;

			(void)x;
			CHECK(!"no trap");
		}
		struck = struck + 1;
	}
	CHECK(struck == 12);
	traps(false);
	go_waitgroup_done(&wg);
}

static void exceptions(void)
{
	signal(SIGFPE, fpe);
	start(4, divides);
	start(4, cares);
	go_sleep(MS);
	for (int i = 0; go_num_goroutine() > 5; i++)
		moves(i);
	stop = true;
	go_waitgroup_wait(&wg);
}

/* ---- a timer's goroutine and a handler have a process's first ---- */

static void expects_default(void *arg)
{
	CHECK(fegetround() == FE_TONEAREST);
	chan_send((chan(int))arg, 1);
}

static volatile int mode_in_handler;
static void looks(int sig) { mode_in_handler = 1 + fegetround() + 0 * sig; }

static void others(void)
{
	chan(int) c = chan_make(int, 0);

	CHECK(fetestexcept(FE_ALL_EXCEPT) == 0); /* nor has the boot raised any */
	signal(SIGUSR1, looks);
	CHECK(fesetround(FE_UPWARD) == 0);
	for (int i = 0; i < 10; i++) {
		go_timer *t = go_timer_func(MS, expects_default, c);

		CHECK(chan_recv(c) == 1);
		CHECK(fegetround() == FE_UPWARD);
		go_timer_free(t);
		raise(SIGUSR1);
		CHECK(mode_in_handler == 1 + FE_TONEAREST && fegetround() == FE_UPWARD);
	}
}

const struct testcase cases[] = {
	{"rounding", rounding}, {"exceptions", exceptions}, {"others", others}, {NULL, NULL}};
