/* SPDX-License-Identifier: MIT */
/* runq_test.c - runq.c alone: order, overflow, stealing, and none lost or doubled among real threads. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>

#include "../sched/runq.c"
#include "../sched/park.h"

_Thread_local g *runtime_g;
struct sched runtime_sched;
int32_t runtime_gomaxprocs = 1;
static p one;
p *runtime_onlyp = &one; /* which one it is does not matter here */

void runtime_swap(gobuf *from, gobuf *to, m *mp)
{
	(void)from, (void)to, (void)mp;
}

void runtime_lock(mutex *l)
{
	while (!cas_acq(&l->key, 0u, 1u))
		procyield();
}

void runtime_unlock(mutex *l)
{
	store_rel(&l->key, 0u);
}

void runtime_usleep(uint32_t us)
{
	(void)us;
}

static p *newp(void)
{
	p *pp = aligned_alloc(64, sizeof *pp);

	memset(pp, 0, sizeof *pp);
	pp->status = Prunning;
	return pp;
}

static g gs[4 * RunqSize];

static void expect_next(p *pp, g *want, bool inherited)
{
	bool inherit = !inherited;
	g *gp = runtime_runqget(pp, &inherit);

	cr_assert_eq(gp, want, "got %td, not %td", gp ? gp - gs : -1, want ? want - gs : -1);
	if (want)
		cr_expect_eq(inherit, inherited);
}

/* With one p the ring does without atomics: both ways. */
static void procs(int n)
{
	runtime_gomaxprocs = n;
	runtime_onlyp = n == 1 ? &one : NULL;
}

static void alone(void) { procs(1); }
static void not_alone(void) { procs(2); }

static void first_in_first_out(void)
{
	p *pp = newp();

	cr_expect(runtime_runqempty(pp));
	expect_next(pp, NULL, false);
	for (int round = 0; round < 10; round++) { /* round the ring */
		for (int i = 0; i < RunqSize - 10; i++)
			runtime_runqput(pp, &gs[i], false);
		cr_expect(!runtime_runqempty(pp));
		for (int i = 0; i < RunqSize - 10; i++)
			expect_next(pp, &gs[i], false);
		cr_expect(runtime_runqempty(pp));
	}
	cr_expect_eq(runtime_sched.runqsize, 0);
}

Test(runq, first_in_first_out, .init = alone) { first_in_first_out(); }
Test(runq, first_in_first_out_of_two, .init = not_alone) { first_in_first_out(); }

static void next_goes_first(void)
{
	p *pp = newp();

	runtime_runqput(pp, &gs[0], false);
	runtime_runqput(pp, &gs[1], true);
	cr_expect(!runtime_runqempty(pp));
	runtime_runqput(pp, &gs[2], true);
	expect_next(pp, &gs[2], true);
	expect_next(pp, &gs[0], false);
	expect_next(pp, &gs[1], false);
	expect_next(pp, NULL, false);
	runtime_runqput(pp, &gs[3], true);
	cr_expect(!runtime_runqempty(pp), "a lone runnext is work");
	expect_next(pp, &gs[3], true);
}

Test(runq, next_goes_first_and_moves_the_one_before, .init = alone) { next_goes_first(); }
Test(runq, next_goes_first_of_two, .init = not_alone) { next_goes_first(); }

/* The newest first, all before the ring, and on the same slice. */
static void young_go_first(void)
{
	p *pp = newp();

	runtime_runqput(pp, &gs[0], false);
	for (int round = 0; round < 3 * YoungSize; round++) {
		for (int i = 1; i <= 5; i++) {
			runtime_runqspawn(pp, &gs[i]);
			cr_expect(!runtime_runqempty(pp));
		}
		for (int i = 5; i > 0; i--)
			expect_next(pp, &gs[i], true);
	}
	expect_next(pp, &gs[0], false);
	expect_next(pp, NULL, false);
	cr_expect(runtime_runqempty(pp));
}

Test(runq, young_go_first, .init = alone) { young_go_first(); }
Test(runq, young_go_first_of_two, .init = not_alone) { young_go_first(); }

static void too_many_young(void)
{
	enum { N = YoungSize + 2, Half = YoungSize / 2 };
	p *pp = newp();

	for (int i = 0; i < N; i++)
		runtime_runqspawn(pp, &gs[i]);
	for (int i = N - 1; i >= Half; i--)
		expect_next(pp, &gs[i], true);
	for (int i = 0; i < Half; i++)
		expect_next(pp, &gs[i], false);
	expect_next(pp, NULL, false);
}

Test(runq, too_many_young_send_the_older_half_to_the_ring, .init = alone) { too_many_young(); }
Test(runq, too_many_young_of_two, .init = not_alone) { too_many_young(); }

static void age(void)
{
	p *pp = newp();

	for (int i = 0; i < 3; i++)
		runtime_runqput(pp, &gs[i], false);
	for (int i = 3; i < 8; i++)
		runtime_runqspawn(pp, &gs[i]);
	runtime_runqage(pp);
	for (int i = 0; i < 8; i++)
		expect_next(pp, &gs[i], false);
	expect_next(pp, NULL, false);
}

Test(runq, at_the_end_of_a_slice_young_go_behind, .init = alone) { age(); }
Test(runq, at_the_end_of_a_slice_of_two, .init = not_alone) { age(); }

static void one_too_many(void)
{
	p *pp = newp();

	for (int i = 0; i <= RunqSize; i++)
		runtime_runqput(pp, &gs[i], false);
	cr_expect_eq(runtime_sched.runqsize, RunqSize / 2 + 1);
	for (int i = RunqSize / 2; i < RunqSize; i++)
		expect_next(pp, &gs[i], false);
	expect_next(pp, NULL, false);
	for (int i = 0; i < RunqSize / 2; i++)
		cr_assert_eq(runtime_globrunqget(pp, 1), &gs[i], "%d", i);
	cr_expect_eq(runtime_globrunqget(pp, 1), &gs[RunqSize], "the new one goes with them, last");
	cr_expect_null(runtime_globrunqget(pp, 1));
}

Test(runq, one_too_many_sends_the_older_half_away, .init = alone) { one_too_many(); }
Test(runq, one_too_many_of_two, .init = not_alone) { one_too_many(); }

Test(runq, global_list)
{
	p *pp = newp();

	runtime_globrunqput(&gs[1]);
	runtime_globrunqput(&gs[2]);
	runtime_globrunqputhead(&gs[0]);
	cr_expect_eq(runtime_sched.runqsize, 3);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(runtime_globrunqget(pp, 1), &gs[i]);
	runtime_globrunqputhead(&gs[5]);
	runtime_globrunqput(&gs[6]);
	cr_expect_eq(runtime_globrunqget(pp, 1), &gs[5]);
	cr_expect_eq(runtime_globrunqget(pp, 1), &gs[6]);
	cr_expect_eq(runtime_sched.runqsize, 0);
}

/* A p takes its share of the global list: one to run, the rest to its ring. */
Test(runq, share_of_the_global_list)
{
	p *pp = newp();

	procs(4);
	for (int i = 0; i < 100; i++)
		runtime_globrunqput(&gs[i]);
	cr_expect_eq(runtime_globrunqget(pp, 0), &gs[0]);
	cr_expect_eq(runtime_sched.runqsize, 100 - 26);
	for (int i = 1; i < 26; i++)
		expect_next(pp, &gs[i], false);
	expect_next(pp, NULL, false);
	procs(1);
	cr_expect_eq(runtime_globrunqget(pp, 5), &gs[26]);
	cr_expect_eq(runtime_sched.runqsize, 100 - 26 - 5);
	while (runtime_globrunqget(pp, 1))
		;
	for (int i = 0; i < 3 * RunqSize; i++)
		runtime_globrunqput(&gs[i]);
	runtime_globrunqget(pp, 0);
	cr_expect_eq(runtime_sched.runqsize, 3 * RunqSize - RunqSize / 2, "at most half a ring");
}

/* From a p that works, the oldest alone; from one that does not get on, half. */
Test(runq, steals_one_or_half, .init = not_alone)
{
	p *from = newp(), *pp = newp();

	for (int i = 0; i < 20; i++)
		runtime_runqput(from, &gs[i], false);
	cr_expect_eq(runtime_runqsteal(pp, from, false), &gs[0]);
	cr_expect(runtime_runqempty(pp));
	cr_expect_eq(runtime_runqsteal(pp, from, false), &gs[10], "the youngest of the ten it took");
	for (int i = 1; i < 10; i++)
		expect_next(pp, &gs[i], false);
	expect_next(pp, NULL, false);
	from->schedtick++;
	cr_expect_eq(runtime_runqsteal(pp, from, false), &gs[11]);
	cr_expect(runtime_runqempty(pp));
	for (int i = 12; i < 20; i++)
		expect_next(from, &gs[i], false);
	cr_expect_null(runtime_runqsteal(pp, from, true));
}

Test(runq, steals_the_oldest_young, .init = not_alone)
{
	p *from = newp(), *pp = newp();

	for (int i = 0; i < 10; i++)
		runtime_runqspawn(from, &gs[i]);
	for (int i = 0; i < 9; i++)
		cr_expect_eq(runtime_runqsteal(pp, from, false), &gs[i]);
	cr_expect_null(runtime_runqsteal(pp, from, false), "the tenth is next");
	expect_next(from, &gs[9], true);
	cr_expect(runtime_runqempty(from));
}

Test(runq, steals_runnext_only_when_asked, .init = not_alone)
{
	p *from = newp(), *pp = newp();

	runtime_runqput(from, &gs[0], true);
	cr_expect_null(runtime_runqsteal(pp, from, false));
	cr_expect_eq(runtime_runqsteal(pp, from, true), &gs[0]);
	cr_expect(runtime_runqempty(from));
	cr_expect(runtime_runqempty(pp));
}

/* ---- among threads ---- */

enum { Threads = 4, Each = 3 * RunqSize / 2, Operations = 400 * 1000, Steals = 1000 };
static p *ps[Threads];
static g many[Threads * Each];
static int state[Threads * Each]; /* 0: in somebody's hand, 1: queued */
static int64_t taken, stolen;

static void queue(p *pp, g *gp, int how)
{
	if (!cas(&state[gp - many], 0, 1)) {
		fprintf(stderr, "%td was put twice\n", gp - many);
		abort();
	}
	if (how < 2)
		runtime_runqput(pp, gp, how);
	else
		runtime_runqspawn(pp, gp);
}

static bool take(g *gp)
{
	if (gp && !cas(&state[gp - many], 1, 0)) {
		fprintf(stderr, "%td was had twice\n", gp - many);
		abort();
	}
	return gp != NULL;
}

static pthread_barrier_t start;

static void *worker(void *arg)
{
	intptr_t me = (intptr_t)arg;
	uint32_t x = (uint32_t)me * 7919 + 12345;
	g *hand[Threads * Each];
	m mp = {.rand = (uint64_t)me + 1};
	g g0 = {.m = &mp};
	int n = 0;

	runtime_g = &g0;
	pthread_barrier_wait(&start);
	for (int i = 0; i < Each; i++)
		hand[n++] = &many[me * Each + i];
	for (int i = 0; i < Operations || (load(&stolen) < Steals && i < 100 * Operations); i++) {
		bool inherit;
		g *gp;

		x = x * 1103515245 + 12345;
		switch (x >> 16 & 7) {
		case 0:
		case 1:
		case 2:
		case 3:
			if (n)
				queue(ps[me], hand[--n], x >> 20 & 3);
			break;
		case 4:
		case 5:
			if ((gp = runtime_runqget(ps[me], &inherit)) && take(gp))
				hand[n++] = gp;
			break;
		case 6:
			if ((x >> 20) % 64 == 0)
				runtime_runqage(ps[me]);
			runtime_lock(&runtime_sched.lock);
			gp = runtime_sched.runqsize ? globpop() : NULL;
			runtime_unlock(&runtime_sched.lock);
			if (take(gp))
				hand[n++] = gp;
			break;
		default:
			while ((gp = runtime_runqget(ps[me], &inherit)) && take(gp))
				hand[n++] = gp;
			gp = runtime_runqsteal(ps[me], ps[(x >> 20) % Threads == (uint32_t)me
								  ? (me + 1) % Threads
								  : (x >> 20) % Threads],
				x >> 24 & 1);
			if (take(gp)) {
				hand[n++] = gp;
				xadd(&stolen, 1);
			}
		}
	}
	while (n)
		queue(ps[me], hand[--n], 0);
	runtime_g = NULL;
	return NULL;
}

/* 1.6 million operations of four threads, each at its own queue and at the others'. */
Test(runq, threads_lose_none_and_double_none, .timeout = 60)
{
	pthread_t t[Threads];
	bool inherit;
	g *gp;

	for (int i = 0; i < Threads; i++)
		ps[i] = newp();
	pthread_barrier_init(&start, NULL, Threads);
	procs(Threads);
	for (intptr_t i = 0; i < Threads; i++)
		pthread_create(&t[i], NULL, worker, (void *)i);
	for (int i = 0; i < Threads; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < Threads; i++)
		while ((gp = runtime_runqget(ps[i], &inherit)) && take(gp))
			taken++;
	while (runtime_sched.runqsize && take(globpop()))
		taken++;
	cr_expect_eq(taken, Threads * Each);
	cr_expect_geq(stolen, Steals, "%ld", (long)stolen);
	for (int i = 0; i < Threads * Each; i++)
		cr_expect_eq(state[i], 0);
}

/* ---- the short way of a switch ---- */

/* What runqget would give, or nothing, and then nothing has changed. */
Test(runq, short_way_takes_what_the_long_one_does, .init = alone)
{
	p *pp = newp();

	runtime_runqput(pp, &gs[0], false);
	runtime_runqput(pp, &gs[1], false);
	runtime_runqput(pp, &gs[2], true);
	cr_expect_eq(nextalone(pp), &gs[2]);
	cr_expect_eq(nextalone(pp), &gs[0]);
	cr_expect_eq(nextalone(pp), &gs[1]);
	cr_expect_null(nextalone(pp));
	cr_expect_eq(pp->nswitch, 3);
	cr_expect_eq(pp->schedtick, 2, "what comes from the ring has a slice of its own");
	cr_expect(runtime_runqempty(pp));
}

static void expect_long(p *pp, g *want, bool inherited)
{
	cr_expect_null(nextalone(pp));
	expect_next(pp, want, inherited);
}

Test(runq, short_way_leaves_the_particular_alone, .init = alone)
{
	p *pp = newp();
	m wire;

	runtime_runqput(pp, &gs[0], false);
	pp->preempt = true;
	expect_long(pp, &gs[0], false);
	pp->preempt = false;
	runtime_runqspawn(pp, &gs[0]);
	runtime_runqspawn(pp, &gs[1]);
	cr_expect_eq(nextalone(pp), &gs[1]);
	runtime_runqput(pp, &gs[2], false);
	expect_long(pp, &gs[0], true); /* a young one */
	gs[2].lockedm = &wire;
	expect_long(pp, &gs[2], false);
	runtime_runqput(pp, &gs[2], true);
	expect_long(pp, &gs[2], true);
	gs[2].lockedm = NULL;
}

Test(runq, short_way_leaves_timers_and_the_global_list_a_turn, .init = alone)
{
	p *pp = newp();
	int taken = 0;

	pp->timer0when = 1;
	for (int i = 0; i < 64; i++) {
		runtime_runqput(pp, &gs[i], false);
		if (nextalone(pp))
			taken++;
		else
			pp->nswitch++, expect_next(pp, &gs[i], false);
	}
	cr_expect_eq(taken, 64 - 8);
	pp->timer0when = 0;
	runtime_globrunqput(&gs[64]);
	for (int i = 0; i < 64; i++) {
		runtime_runqput(pp, &gs[i], false);
		cr_expect_eq(pp->globalfirst, false);
		if (!nextalone(pp))
			cr_expect(i == 63 && pp->globalfirst);
	}
}
