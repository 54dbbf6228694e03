/* SPDX-License-Identifier: MIT */
/* time_test.c - time.c's heap alone: random timers added, deleted, moved and fired, with a clock of our own. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>

#include "../sched/time.c"

_Noreturn void runtime_nop(void)
{
	cr_assert(false, "a timer without a p");
	__builtin_unreachable();
}

_Thread_local g *runtime_g;

_Noreturn void runtime_notgoroutine(const char *call)
{
	(void)call;
	abort();
}

struct sched runtime_sched;
p **runtime_allp;
int32_t runtime_gomaxprocs;

static p *ps[3];
static m mp;
static g g0 = {.m = &mp};

void runtime_lock(mutex *l)
{
	cr_assert_eq(l->key++, 0u);
}

void runtime_unlock(mutex *l)
{
	cr_assert_eq(--l->key, 0u);
}

void *runtime_sysalloc(size_t n)
{
	return aligned_alloc(4096, (n + 4095) & ~(size_t)4095);
}

void runtime_sysfree(void *p, size_t n)
{
	memset(p, 0xee, n);
	free(p);
}

int64_t runtime_nanotime(void) { return 0; }
long runtime_blockingcall(long nr, long a, long b, long c, long d, long e, long f)
{
	(void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
	cr_assert(false, "call %ld", nr);
	return 0;
}

void runtime_osyield(void) {}
void runtime_futexwakeup(uint32_t *addr, int n) { (void)addr, (void)n; }
bool runtime_pollerinited(void) { return false; }
void runtime_pollerbreak(void) {}
void runtime_netpoll(int64_t ns, struct glist *l) { (void)ns, (void)l; }
void runtime_startwatch(void) {}
void runtime_startm(p *pp, bool spinning) { (void)pp, (void)spinning; }
void runtime_ready(g *gp, bool next) { (void)gp, (void)next; }
static g sleepers[2000];
static int64_t wakes[2000]; /* when; 0: woken */
static int64_t lastwake, clocknow;
static int nwoken;

void runtime_readydue(g **v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int64_t *at = &wakes[v[i] - sleepers];

		cr_assert_neq(*at, 0, "woken twice");
		cr_assert_leq(*at, clocknow, "woken too early");
		cr_assert_geq(*at, lastwake, "out of order");
		lastwake = *at;
		*at = 0;
		nwoken++;
	}
}
void runtime_goready(g *gp) { (void)gp; }
_Noreturn void runtime_fatal(const char *msg) { (void)msg; abort(); }

int runtime_futexsleep(uint32_t *addr, uint32_t val, int64_t ns)
{
	return (void)addr, (void)val, (void)ns, 0;
}

void runtime_gopark(bool (*unlockf)(g *, void *), void *lock, enum waitreason why)
{
	(void)unlockf, (void)lock, (void)why;
}

static void init(void)
{
	for (int i = 0; i < 3; i++) {
		ps[i] = aligned_alloc(64, sizeof *ps[i]);
		memset(ps[i], 0, sizeof *ps[i]);
	}
	runtime_allp = ps;
	runtime_gomaxprocs = runtime_sched.pused = 3;
	runtime_sched.nmspinning = 1; /* nobody needs waking */
	mp.p = ps[0];
	runtime_g = &g0;
}

TestSuite(timers, .init = init);

enum { Many = 3000 };
static struct timer timers[Many];
static int64_t due[Many]; /* 0: not to fire */
static int64_t last;
static int nfired;

static void fires(struct timer *t, int64_t now)
{
	int64_t i = t - timers;

	cr_assert_neq(due[i], 0, "%ld fired though it was not to", (long)i);
	cr_assert_leq(due[i], now);
	cr_assert_geq(due[i], last, "out of order");
	last = due[i];
	due[i] = 0;
	nfired++;
}

static void check_heap(p *pp)
{
	int64_t first = pp->ntimers ? pp->timers[0].when : 0;

	cr_assert_eq(pp->timer0when, first);
	for (uint32_t i = 1; i < pp->ntimers; i++)
		cr_assert_leq(pp->timers[(i - 1) / 4].when, pp->timers[i].when);
}

static void add_one(int i, int64_t when)
{
	timers[i].fn = fires;
	due[i] = when;
	runtime_addtimer(&timers[i], when);
}

/* All that is due, however many are fired at a time. */
static int64_t run_until(p *pp, int64_t now)
{
	int64_t next;

	while ((next = runtime_checktimers(pp, now)) && next <= now)
		;
	return next;
}

Test(timers, fire_in_order)
{
	srand(1);
	for (int i = 0; i < Many; i++) {
		add_one(i, 1 + rand() % 100000);
		if (i % 100 == 0)
			check_heap(ps[0]);
	}
	cr_expect_eq(ps[0]->ntimers, (uint32_t)Many);
	for (int64_t now = 0; now <= 100000; now += 777) {
		int64_t next = run_until(ps[0], now), least = 0;

		check_heap(ps[0]);
		for (int i = 0; i < Many; i++) {
			cr_assert(due[i] == 0 || due[i] > now, "one was left out");
			if (due[i] && (!least || due[i] < least))
				least = due[i];
		}
		cr_assert_eq(next, least);
		cr_assert_eq(runtime_nexttimer(), least);
	}
	run_until(ps[0], 100000);
	cr_expect_eq(nfired, Many);
	cr_expect_eq(ps[0]->ntimers, 0u);
	cr_expect_eq(runtime_nexttimer(), 0);
}

Test(timers, ascending_and_descending)
{
	for (int i = 0; i < 1000; i++)
		add_one(i, 1 + i);
	for (int i = 1000; i < 2000; i++)
		add_one(i, 5000 - i);
	check_heap(ps[0]);
	run_until(ps[0], 10000);
	cr_expect_eq(nfired, 2000);
}

Test(timers, deleted_ones_do_not_fire)
{
	int deleted = 0;

	srand(2);
	for (int round = 0; round < 20; round++) {
		last = 0;
		for (int i = 0; i < Many; i++)
			if (!due[i])
				add_one(i, 1 + rand() % 1000);
		for (int k = 0; k < Many / 2; k++) {
			int i = rand() % Many;
			bool was = due[i] != 0;

			cr_assert_eq(runtime_deltimer(&timers[i]), was);
			deleted += was;
			due[i] = 0;
			if (k % 100 == 0)
				check_heap(ps[0]);
		}
		run_until(ps[0], 1 + rand() % 1500);
	}
	last = 0;
	run_until(ps[0], 2000);
	for (int i = 0; i < Many; i++)
		cr_expect_eq(due[i], 0);
	cr_expect_gt(deleted, 1000);
	cr_expect_not(runtime_deltimer(&timers[0]));
}

Test(timers, moved_ones_fire_then)
{
	srand(3);
	for (int i = 0; i < Many; i++)
		add_one(i, 1 + rand() % 1000);
	for (int k = 0; k < 2 * Many; k++) {
		int i = rand() % Many;

		due[i] = 1 + rand() % 2000;
		cr_assert(runtime_modtimer(&timers[i], due[i], 0));
	}
	check_heap(ps[0]);
	for (int64_t now = 0; now <= 2000; now += 50)
		run_until(ps[0], now);
	cr_expect_eq(nfired, Many);
}

Test(timers, never_in_the_past_or_at_zero)
{
	add_one(0, 5);
	due[0] = 1;
	runtime_modtimer(&timers[0], 0, 0); /* 0 would mean: none */
	cr_expect_eq(runtime_nexttimer(), 1);
	due[0] = 1;
	runtime_modtimer(&timers[0], -100, 0);
	cr_expect_eq(runtime_nexttimer(), 1);
	run_until(ps[0], 1);
	cr_expect_eq(nfired, 1);
}

Test(timers, a_p_that_goes_away_hands_them_on)
{
	mp.p = ps[1];
	for (int i = 0; i < 500; i++)
		add_one(i, 10000 + i);
	mp.p = ps[0];
	for (int i = 500; i < 1000; i++)
		add_one(i, 9000 + 3 * i);
	cr_expect_eq(runtime_nexttimer(), 10000);
	runtime_movetimers(ps[1], ps[0]);
	check_heap(ps[0]);
	check_heap(ps[1]);
	cr_expect_eq(ps[0]->ntimers, 1000u);
	cr_expect_eq(ps[1]->ntimers, 0u);
	cr_expect(runtime_deltimer(&timers[7]), "it knows where it is now");
	due[7] = 0;
	run_until(ps[0], 100000);
	cr_expect_eq(nfired, 999);
}

static int ticks;
static int64_t tickedat[10];

static void ticked(struct timer *t, int64_t now)
{
	(void)t;
	tickedat[ticks++ % 10] = now;
}

/* Periods do not drift, and those that were missed are skipped. */
Test(timers, periods)
{
	struct timer t = {.fn = ticked, .period = 100};

	runtime_addtimer(&t, 1000);
	run_until(ps[0], 1030);
	cr_expect_eq(ticks, 1);
	cr_expect_eq(runtime_nexttimer(), 1100);
	run_until(ps[0], 1555);
	cr_expect_eq(ticks, 2);
	cr_expect_eq(runtime_nexttimer(), 1600);
	cr_expect(runtime_deltimer(&t));
	cr_expect_eq(runtime_nexttimer(), 0);
}

/* Goroutines that sleep are on the heap themselves, among timers that are moved and deleted. */
Test(timers, sleepers_among_them)
{
	g *gp = sleepers;
	int deleted = 0;

	srand(4);
	for (int i = 0; i < 2000; i++, gp++) {
		gp->sched.sp = (uintptr_t)gp;
		gp->sched.tp = (uintptr_t)gp + 100;
		wakes[i] = 1 + rand() % 10000;
		startsleep(gp, &wakes[i]);
		add_one(i, 1 + rand() % 10000);
	}
	for (int i = 0; i < 2000; i += 3, deleted++) {
		cr_assert(runtime_deltimer(&timers[i]));
		due[i] = 0;
	}
	check_heap(ps[0]);
	for (clocknow = 100; clocknow <= 10000; clocknow += 100) {
		run_until(ps[0], clocknow);
		for (int i = 0; i < 2000; i++)
			cr_assert(wakes[i] == 0 || wakes[i] > clocknow, "overslept");
	}
	cr_expect_eq(nwoken, 2000);
	cr_expect_eq(nfired, 2000 - deleted);
	cr_expect_eq(ps[0]->ntimers, 0u);
}
