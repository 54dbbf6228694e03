/* SPDX-License-Identifier: MIT */
/*
 * time.c - timers: one 4-ary heap a p, and the idle m that sleeps until the next
 * is due or a descriptor is ready.
 *
 * A timer is added to the heap of the p that runs and stays there until it is
 * deleted or fires; only a p that goes away hands its timers on (movetimers).
 * Timers are stolen with the p's work: any m that finds nothing to run fires what
 * is due on the other ps' heaps.
 *
 * Locks. A heap, and when, pp and slot of the timers on it, are under the p's
 * timerlock. t->pp changes under the lock of the heap that it names, or with
 * the world stopped; so who wants to delete t reads t->pp, locks that heap and
 * looks again (lockheap). timer0when mirrors the top for those who look without
 * the lock.
 *
 * Firing. One m at a time runs a heap's due timers: it takes one off and makes it
 * p->firing under the lock, runs its fn without, clears p->firing, and does
 * not touch the timer after fn was entered. Others who come by leave it to
 * that m. Whoever deletes a timer that is p->firing waits until it is not:
 * fn is short and does not park, so that is a spin, and a yield where the kernel took
 * the CPU from the other m. (Running fn under timerlock would do that too, but
 * would order timerlock before every lock that an fn takes, a channel's for one, and
 * select wants to add its timer while holding those.)
 *
 * A sleeping goroutine is on the heap itself, without a timer: nobody deletes it, so it need
 * not know its slot. Its pages were not touched since it went to sleep, and a path through the
 * heap would miss the cache and the TLB at each of its levels. For the same reason those who
 * are due are taken off several at a time, and all that they will touch is fetched at once
 * before the first of them runs.
 *
 * The heap is of the memory that the kernel gives when it is full; whoever waits with a time limit asks
 * for that before it is on the way to park (runtime_timerroom): where there is none it sleeps on its
 * thread, or asks again every millisecond, and what makes a timer panics.
 *
 * When no goroutine is runnable one idle m, the sleeper, sleeps until the next timer
 * in the poller, which reports descriptors meanwhile (runtime_idlesleep); while there is no
 * poller yet, on a futex. The others sleep on their notes. The pairing:
 *
 *   adder                         sleeper
 *   store timer0when              store sleeper.until
 *   fence                         (the store is one)
 *   load sleeper.until            load every timer0when
 *   wake it if later than ours    sleep no longer than the earliest
 *
 * It wakes on time while timers are sparse. Where several fell due since it
 * last slept it sleeps the longer the more they were, up to a millisecond, so that
 * a crowd of sleepers does not cost a thread's wake-up each.
 */
#include "sched.h"
#include "netpoll.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>

enum { CoalesceMin = 4, CoalesceEachNs = 25 * 1000, CoalesceMostNs = 1000 * 1000 };
enum { FireMin = RunqSize / 16 + 1, CrowdMost = RunqSize / 16 + 1 };
enum { NapNs = 1000 * 1000 };
enum { LineEnts = 64 / sizeof(struct timerent) }; /* the four children of an entry: one cache line */

static const int64_t Never = INT64_MAX;
static struct timer crowd; /* firing, while sleeping goroutines are readied */

static struct {
	uint32_t busy;	/* an m sleeps, or is about to */
	uint32_t polls; /* it sleeps in the poller, not on key; set before until */
	uint32_t key;	/* futex: changed to wake it */
	int64_t until;	/* when it wakes; 0: not asleep */
	uint32_t fired; /* timers since it last went to sleep, about */
} sleeper;

/* ---- heap; timerlock held ---- */

static inline struct timer *timerof(struct timerent e)
{
	return (struct timer *)e.t;
}

static inline bool issleep(struct timerent e)
{
	return e.t & 1;
}

static inline g *sleeperof(struct timerent e)
{
	return (g *)(e.t & ~(uintptr_t)1);
}

static inline void place(p *pp, uint32_t i, struct timerent e)
{
	pp->timers[i] = e;
	if (!issleep(e))
		timerof(e)->slot = i + 1;
	if (i == 0)
		store_rel(&pp->timer0when, e.when);
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

/* The earliest of the children from first on; without a branch that would be guessed wrong. */
static inline uint32_t earliest(p *pp, uint32_t first)
{
	struct timerent *v = pp->timers;
	uint32_t a = first, b;

	if (unlikely(first + 4 > pp->ntimers)) {
		for (uint32_t c = first + 1; c < pp->ntimers; c++)
			a = v[c].when < v[a].when ? c : a;
		return a;
	}
	a = first + (v[first + 1].when < v[first].when);
	b = first + 2 + (v[first + 3].when < v[first + 2].when);
	return v[b].when < v[a].when ? b : a;
}

static void siftdown(p *pp, uint32_t i, struct timerent e)
{
	for (;;) {
		uint32_t first = i * 4 + 1, least;

		if (first >= pp->ntimers)
			break;
		least = earliest(pp, first);
		if (e.when <= pp->timers[least].when)
			break;
		place(pp, i, pp->timers[least]);
		i = least;
	}
	place(pp, i, e);
}

/* The array begins one entry before the end of a cache line, so that children share one. False: out of memory. */
static bool grow(p *pp)
{
	uint32_t cap = pp->captimers ? pp->captimers * 2 : 256;
	struct timerent *v = runtime_sysalloc((cap + LineEnts) * sizeof *v);

	if (!v)
		return false;
	v += LineEnts - 1;
	if (pp->timers) {
		memcpy(v, pp->timers, pp->ntimers * sizeof *v);
		runtime_sysfree(pp->timers - (LineEnts - 1),
				(pp->captimers + LineEnts) * sizeof *v);
	}
	pp->timers = v;
	pp->captimers = cap;
	return true;
}

bool runtime_timerroom(void)
{
	p *pp = getg()->m->p;
	bool room;

	if (unlikely(!pp))
		runtime_nop();
	if (likely(load_rlx(&pp->ntimers) < pp->captimers)) /* others make it less, we alone more */
		return true;
	runtime_lock(&pp->timerlock);
	room = pp->ntimers < pp->captimers || grow(pp);
	runtime_unlock(&pp->timerlock);
	return room;
}

static void insert(p *pp, struct timerent e)
{
	if (unlikely(pp->ntimers == pp->captimers) && !grow(pp))
		runtime_fatal("out of memory: no room for one more timer");
	if (!issleep(e))
		store_rel(&timerof(e)->pp, pp);
	pp->ntimers++;
	siftup(pp, pp->ntimers - 1, e);
}

static void removeat(p *pp, uint32_t i)
{
	struct timerent e = pp->timers[i], last = pp->timers[--pp->ntimers];

	if (!issleep(e))
		timerof(e)->slot = 0;
	if (i == pp->ntimers) {
		if (i == 0)
			store_rel(&pp->timer0when, INT64_C(0));
	} else if (i > 0 && last.when < pp->timers[(i - 1) / 4].when) {
		siftup(pp, i, last);
	} else {
		siftdown(pp, i, last);
	}
}

/* ---- use ---- */

static inline void add(struct timerent e)
{
	p *pp = getg()->m->p;
	bool first;

	if (unlikely(!pp))
		runtime_nop();
	runtime_lock(&pp->timerlock);
	first = pp->ntimers == 0 || e.when < pp->timers[0].when;
	insert(pp, e);
	runtime_unlock(&pp->timerlock);
	if (first) {
		fence(); /* timer0when, then sleeper.until */
		runtime_timerwake(e.when);
	}
}

/* t->fn(t) at about when; on an m with a p. t is on no heap. */
void runtime_addtimer(struct timer *t, int64_t when)
{
	t->when = when > 0 ? when : 1; /* 0 means none */
	add((struct timerent){t->when, (uintptr_t)t});
}

/* The p on whose heap t is or was last, its timerlock held; NULL: it never was on any. */
static p *lockheap(struct timer *t)
{
	for (;;) {
		p *pp = load_acq(&t->pp);

		if (!pp)
			return NULL;
		runtime_lock(&pp->timerlock);
		if (likely(load_rlx(&t->pp) == pp))
			return pp;
		runtime_unlock(&pp->timerlock);
	}
}

/* Until fn of t, which an m found due on pp's heap, has returned. */
static noinline void waitfired(p *pp, struct timer *t)
{
	enum { Spins = 100 };

	for (int i = 0; load_acq(&pp->firing) == t; i++) {
		if (i < Spins)
			procyield();
		else
			runtime_osyield();
	}
}

bool runtime_deltimer(struct timer *t)
{
	p *pp = lockheap(t);
	bool pending, running;

	if (!pp)
		return false;
	pending = t->slot > 0;
	if (pending)
		removeat(pp, t->slot - 1);
	running = load_rlx(&pp->firing) == t;
	runtime_unlock(&pp->timerlock);
	if (running)
		waitfired(pp, t);
	return pending;
}

bool runtime_modtimer(struct timer *t, int64_t when, int64_t period)
{
	bool pending = runtime_deltimer(t);

	t->period = period;
	runtime_addtimer(t, when);
	return pending;
}

/* After now, a whole number of periods after when. */
static int64_t nextperiod(int64_t when, int64_t period, int64_t now)
{
	int64_t late = (now - when) / period * period;

	return late > INT64_MAX - period - when ? INT64_MAX : when + late + period;
}

/* Fire the first timer of pp's heap. timerlock held, but not while its fn runs. */
static void fire(p *pp, int64_t now)
{
	struct timer *t = timerof(pp->timers[0]);

	if (t->period > 0) {
		t->when = nextperiod(t->when, t->period, now);
		siftdown(pp, 0, (struct timerent){t->when, pp->timers[0].t});
	} else {
		removeat(pp, 0);
	}
	if (pp->ntimers)
		__builtin_prefetch((void *)pp->timers[0].t);
	store_rlx(&pp->firing, t);
	runtime_unlock(&pp->timerlock);
	t->fn(t, now);
	store_rel(&pp->firing, NULL);
	runtime_lock(&pp->timerlock);
}

/* Off pp's heap: the goroutines that slept and are due before anything else is. timerlock held. */
static uint32_t popcrowd(p *pp, int64_t now, g **v)
{
	uint32_t n = 0;

	while (n < CrowdMost && pp->ntimers && pp->timers[0].when <= now &&
	       issleep(pp->timers[0])) {
		v[n++] = sleeperof(pp->timers[0]);
		removeat(pp, 0);
	}
	return n;
}

/* From its saved frame over its g to the end of its thread block; or the ends of it, if it is deep. */
static void fetchgoroutine(g *gp)
{
	enum { Line = 64, Block = 192, Most = 2048 };
	uintptr_t from = gp->sched.sp, end = gp->sched.tp + Block;

	if (end - from > Most) {
		__builtin_prefetch((void *)from);
		__builtin_prefetch((void *)(from + Line));
		from = end - Most / 2;
	}
	for (; from <= end; from += Line)
		__builtin_prefetch((void *)from);
}

/* As fire, for goroutines that slept: how many. */
static uint32_t firecrowd(p *pp, int64_t now)
{
	g *v[CrowdMost];
	uint32_t n = popcrowd(pp, now, v);

	store_rlx(&pp->firing, &crowd);
	runtime_unlock(&pp->timerlock);
	for (uint32_t i = 0; i < n; i++)
		__builtin_prefetch(v[i]);
	for (uint32_t i = 0; i < n; i++)
		fetchgoroutine(v[i]);
	runtime_readydue(v, n);
	store_rel(&pp->firing, NULL);
	runtime_lock(&pp->timerlock);
	return n;
}

static uint32_t firenext(p *pp, int64_t now)
{
	if (issleep(pp->timers[0]))
		return firecrowd(pp, now);
	fire(pp, now);
	return 1;
}

/* How many gs wait on the queue of the p that we hold. */
static uint32_t queued(p *pp)
{
	return pp->runqtail - load_rlx(&pp->runqhead);
}

/*
 * Run what is due on pp's heap, whose m we are or which we look at as thieves,
 * until it is enough to be busy with for now. When the next is due; 0: none.
 */
int64_t runtime_checktimers(p *pp, int64_t now)
{
	p *ours = getg()->m->p;
	int64_t when = load_rlx(&pp->timer0when);
	uint32_t n = 0;

	if (!when || when > now)
		return when;
	runtime_lock(&pp->timerlock);
	if (!pp->firing)
		while (pp->ntimers && pp->timers[0].when <= now) {
			if (n >= FireMin && queued(ours) >= RunqSize / 2)
				break;
			n += firenext(pp, now);
		}
	when = pp->timer0when;
	runtime_unlock(&pp->timerlock);
	if (n)
		store_rlx(&sleeper.fired, load_rlx(&sleeper.fired) + n);
	return when;
}

int64_t runtime_nexttimer(void)
{
	int32_t n = load_acq(&runtime_gomaxprocs), used = load(&runtime_sched.pused);
	int64_t next = 0;

	for (int32_t i = 0; i < n && i < used; i++) {
		int64_t when = load(&load_acq(&runtime_allp)[i]->timer0when);

		if (when && (!next || when < next))
			next = when;
	}
	return next;
}

/* World stopped. */
void runtime_movetimers(p *from, p *to)
{
	for (uint32_t i = 0; i < from->ntimers; i++)
		insert(to, from->timers[i]);
	from->ntimers = 0;
	store(&from->timer0when, INT64_C(0));
}

/* Sleeps and timeouts are over with their goroutines. No heap was being changed. */
cold void runtime_forktimers(void)
{
	memset(&sleeper, 0, sizeof sleeper);
	for (int32_t i = 0; i < runtime_gomaxprocs; i++) {
		p *pp = runtime_allp[i];
		uint32_t n = pp->ntimers;

		pp->timerlock.key = 0;
		pp->firing = NULL;
		pp->ntimers = 0;
		store_rlx(&pp->timer0when, 0);
		for (uint32_t k = 0; k < n; k++)
			if (!issleep(pp->timers[k]) && timerof(pp->timers[k])->lasting)
				insert(pp, pp->timers[k]);
	}
}

/* ---- waiting for the next one ---- */

/* How long to sleep at the least after so many timers fired. */
static int64_t coalesce(uint32_t fired)
{
	return fired < CoalesceMostNs / CoalesceEachNs ? fired * (int64_t)CoalesceEachNs
						       : CoalesceMostNs;
}

/*
 * Until woken or for ns (< 0: no limit); true: woken since key was read, or l has some to
 * run. The key is read before the timers are looked at: no wake in between is lost.
 */
static bool sleepfor(uint32_t key, int64_t ns, struct glist *l)
{
	m *mp = getg()->m;

	if (load_rlx(&sleeper.polls)) {
		runtime_netpoll(ns, l);
	} else {
		runtime_rest(mp, true);
		runtime_futexsleep(&sleeper.key, key, ns);
		runtime_rest(mp, false);
	}
	return l->head || load(&sleeper.key) != key;
}

/* How long to sleep for `until`; 0: it is due. < 0: nothing limits it. */
static int64_t remaining(int64_t until, int64_t dense)
{
	int64_t ns;

	if (until == Never)
		return -1;
	ns = (until > dense ? until : dense) - runtime_nanotime();
	return ns > 0 ? ns : 0;
}

/*
 * Sleep until `until`, the next timer's time as the caller saw it (0: there was
 * none), until a descriptor lets goroutines go on, which are put in l, or until woken. False:
 * another m does that already. Runs on an m without a p.
 */
bool runtime_idlesleep(int64_t until, struct glist *l)
{
	int64_t dense = 0, ns;
	uint32_t key;

	if (!cas(&sleeper.busy, 0u, 1u)) {
		runtime_timerwake(until);
		return false;
	}
	until = until ? until : Never;
	if (load_rlx(&sleeper.fired) >= CoalesceMin)
		dense = runtime_nanotime() + coalesce(load_rlx(&sleeper.fired));
	store_rlx(&sleeper.fired, 0u);
	key = load(&sleeper.key); /* before polls: the poller is made, then key changes */
	store(&sleeper.polls, runtime_pollerinited());
	do {
		int64_t next;

		store(&sleeper.until, until);
		next = runtime_nexttimer();
		if (next && next < until)
			store(&sleeper.until, until = next);
		ns = remaining(until, dense);
	} while (ns && !sleepfor(key, ns, l));
	store(&sleeper.until, INT64_C(0));
	store(&sleeper.busy, 0u);
	return true;
}

/* The sleeper looks around, if there is one. */
void runtime_sleeperwake(void)
{
	xadd(&sleeper.key, 1);
	if (load(&sleeper.polls))
		runtime_pollerbreak();
	else
		runtime_futexwakeup(&sleeper.key, 1);
}

/*
 * For checkdead, under sched.lock: without it the sleeper cannot get a p, and
 * fires nothing. Its timer may have been deleted, it is not woken for that.
 */
bool runtime_idlesleeping(void)
{
	return load(&sleeper.until) != 0;
}

/* The next timer may now be at when: wake the sleeper if later, find one if there is none. */
void runtime_timerwake(int64_t when)
{
	struct sched *s = &runtime_sched;
	int64_t until = load(&sleeper.until);

	runtime_watch();
	if (!when || (until && until <= when))
		return;
	if (until) {
		runtime_sleeperwake();
	} else if (load(&s->npidle) && !load(&sleeper.busy) && !load(&s->nmspinning) &&
		   cas(&s->nmspinning, 0u, 1u)) {
		runtime_startm(NULL, true);
	}
}

/* ---- sleep ---- */

/* Once the sleeper is saved and nothing can ready it too early. */
static bool startsleep(g *gp, void *when)
{
	add((struct timerent){*(int64_t *)when, (uintptr_t)gp | 1});
	return true;
}

void go_sleep(int64_t ns)
{
	int64_t now, when;

	runtime_need_g("go_sleep");
	if (ns <= 0)
		return;
	now = runtime_nanotime();
	when = ns > INT64_MAX - now ? INT64_MAX : now + ns;
	if (likely(runtime_timerroom()))
		runtime_gopark(startsleep, &when, WaitSleep);
	else
		runtime_nap(when);
}

cold void runtime_nap(int64_t until)
{
	struct timespec at = {until / 1000000000, until % 1000000000};

	while (runtime_nanotime() < until)
		runtime_blockingcall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, (long)&at, 0, 0, 0);
}

cold bool runtime_napbriefly(int64_t deadline)
{
	int64_t until = runtime_nanotime() + NapNs;

	runtime_nap(until < deadline ? until : deadline);
	return runtime_nanotime() >= deadline;
}
