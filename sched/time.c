/* SPDX-License-Identifier: MIT */
/*
 * time.c - timers: one 4-ary heap a p, under the p's timerlock.
 *
 * A timer is added to the heap of the p that runs; its callback runs on an m
 * that holds that p, or that of a thief, or none but sysmon's successor: it
 * readies goroutines and must not block. timer0when mirrors the top of the heap
 * for those who look without the lock.
 *
 * When no goroutine is runnable one idle m sleeps until the next timer
 * (runtime_timersleep); the others sleep on their notes. The pairing:
 *
 *   adder                         sleeper
 *   store timer0when              store sleeper.until
 *   load sleeper.until            load every timer0when
 *   wake it if later than ours    sleep no longer than the earliest
 */
#include "runtime.h"

#include <string.h>

static struct {
	uint32_t busy;	/* an m sleeps, or is about to */
	uint32_t key;	/* futex: changed to wake it */
	int64_t until;	/* when it wakes; 0: not asleep */
} sleeper;

/* ---- heap; timerlock held ---- */

static void place(p *pp, uint32_t i, struct timerent e)
{
	pp->timers[i] = e;
	e.t->index = i;
	if (i == 0)
		store(&pp->timer0when, e.when);
}

static void siftup(p *pp, uint32_t i, struct timerent e)
{
	while (i > 0) {
		uint32_t up = (i - 1) / 4;

		if (e.when >= pp->timers[up].when)
			break;
		place(pp, i, pp->timers[up]);
		i = up;
	}
	place(pp, i, e);
}

static void siftdown(p *pp, uint32_t i, struct timerent e)
{
	for (;;) {
		uint32_t first = i * 4 + 1, least = first;

		if (first >= pp->ntimers)
			break;
		for (uint32_t c = first + 1; c < first + 4 && c < pp->ntimers; c++)
			if (pp->timers[c].when < pp->timers[least].when)
				least = c;
		if (e.when <= pp->timers[least].when)
			break;
		place(pp, i, pp->timers[least]);
		i = least;
	}
	place(pp, i, e);
}

static void grow(p *pp)
{
	uint32_t cap = pp->captimers ? pp->captimers * 2 : 256;
	struct timerent *v = runtime_sysalloc(cap * sizeof *v);

	if (!v)
		runtime_fatal("out of memory for timers");
	if (pp->timers) {
		memcpy(v, pp->timers, pp->ntimers * sizeof *v);
		runtime_sysfree(pp->timers, pp->captimers * sizeof *v);
	}
	pp->timers = v;
	pp->captimers = cap;
}

static void insert(p *pp, struct timer *t, int64_t when)
{
	if (pp->ntimers == pp->captimers)
		grow(pp);
	t->when = when;
	store_rlx(&t->pp, pp);
	pp->ntimers++;
	siftup(pp, pp->ntimers - 1, (struct timerent){when, t});
}

static struct timer *removeat(p *pp, uint32_t i)
{
	struct timer *t = pp->timers[i].t;
	struct timerent last = pp->timers[--pp->ntimers];

	store_rlx(&t->pp, NULL);
	if (pp->ntimers == 0)
		store(&pp->timer0when, 0);
	else if (i < pp->ntimers) {
		siftdown(pp, i, last);
		siftup(pp, last.t->index, last);
	}
	return t;
}

/* ---- use ---- */

/* t->fn(t) at about when; on an m with a p. t is on no heap. */
void runtime_addtimer(struct timer *t, int64_t when)
{
	p *pp = getg()->m->p;
	bool first;

	if (when <= 0)
		when = 1; /* 0 means none */
	runtime_lock(&pp->timerlock);
	insert(pp, t, when);
	first = t->index == 0;
	runtime_unlock(&pp->timerlock);
	if (first)
		runtime_timerwake(when);
}

/* Run what is due on pp's heap, whose m we are or which we look at as thieves. When the next is due; 0: none. */
int64_t runtime_checktimers(p *pp, int64_t now)
{
	int64_t when = load_rlx(&pp->timer0when);

	if (!when || when > now)
		return when;
	runtime_lock(&pp->timerlock);
	while (pp->ntimers && pp->timers[0].when <= now) {
		struct timer *t = removeat(pp, 0);

		runtime_unlock(&pp->timerlock);
		t->fn(t, now);
		runtime_lock(&pp->timerlock);
	}
	when = pp->timer0when;
	runtime_unlock(&pp->timerlock);
	return when;
}

int64_t runtime_nexttimer(void)
{
	int32_t n = load_acq(&runtime_gomaxprocs);
	int64_t next = 0;

	for (int32_t i = 0; i < n; i++) {
		int64_t when = load(&load_acq(&runtime_allp)[i]->timer0when);

		if (when && (!next || when < next))
			next = when;
	}
	return next;
}

/* World stopped. */
void runtime_movetimers(p *from, p *to)
{
	while (from->ntimers) {
		int64_t when = from->timers[0].when;

		insert(to, removeat(from, 0), when);
	}
}

/* ---- waiting for the next one ---- */

bool runtime_timersleep(int64_t until)
{
	if (!cas(&sleeper.busy, 0u, 1u)) {
		runtime_timerwake(until);
		return false;
	}
	for (;;) {
		uint32_t key = load(&sleeper.key);
		int64_t next, ns;

		store(&sleeper.until, until);
		next = runtime_nexttimer();
		if (next && next < until)
			store(&sleeper.until, until = next);
		ns = until - runtime_nanotime();
		if (ns <= 0)
			break;
		runtime_futexsleep(&sleeper.key, key, ns);
		if (load(&sleeper.key) != key)
			break;
	}
	store(&sleeper.until, 0);
	store(&sleeper.busy, 0);
	return true;
}

/* The next timer may now be at when: wake the sleeper if later, find one if there is none. */
void runtime_timerwake(int64_t when)
{
	struct sched *s = &runtime_sched;
	int64_t until = load(&sleeper.until);

	if (!when || (until && until <= when))
		return;
	if (until) {
		xadd(&sleeper.key, 1);
		runtime_futexwakeup(&sleeper.key, 1);
	} else if (load(&s->npidle) && !load(&sleeper.busy) && !load(&s->nmspinning) &&
		   cas(&s->nmspinning, 0u, 1u)) {
		runtime_startm(NULL, true);
	}
}

/* ---- sleep ---- */

static void wakesleeper(struct timer *t, int64_t now)
{
	(void)now;
	runtime_goready(t->arg);
}

/* Once the sleeper is saved and nothing can ready it too early. */
static bool startsleep(g *gp, void *arg)
{
	struct timer *t = arg;

	(void)gp;
	runtime_addtimer(t, t->when);
	return true;
}

void go_sleep(int64_t ns)
{
	g *gp = runtime_need_g("go_sleep");
	struct timer t = {.fn = wakesleeper, .arg = gp};
	int64_t now;

	if (ns <= 0)
		return;
	now = runtime_nanotime();
	t.when = ns > INT64_MAX - now ? INT64_MAX : now + ns;
	runtime_gopark(startsleep, &t, WaitSleep);
}
