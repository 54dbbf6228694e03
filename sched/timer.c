/* SPDX-License-Identifier: MIT */
/*
 * timer.c - go_timer: time.Timer, time.Ticker and time.AfterFunc over the heaps
 * of time.c.
 *
 * No stale value after stop or reset: stop deletes the timer, which waits for a
 * callback that is running (runtime_deltimer), so that what has fired is in the
 * channel or with a receiver; then it takes back what is in the channel. A receiver
 * at the same time gets the value, and stop was too late; or it does not, and
 * waits for the next. lock makes that one step, and those of several
 * goroutines one after the other. The callback must not take it: it runs while stop waits.
 */
#include "sched.h"

struct go_timer {
	struct timer t; /* arg is the go_timer */
	mutex lock;
	go_chan *c;   /* of int64_t; NULL: calls fn. Does not change, as what follows */
	bool ticker;
	void (*fn)(void *);
	void *arg;
	uintptr_t pc; /* fn's goroutine is as if made there, */
	uint64_t goid, sigmask; /* by this one, with this mask */
};

/* ---- firing; on g0 ---- */

static void sendtime(struct timer *t, int64_t now)
{
	go_timer *gt = t->arg;

	go_chan_trysend(gt->c, &now);
}

static void spawn(struct timer *t, int64_t now)
{
	go_timer *gt = t->arg;

	(void)now;
	if (!runtime_spawnfrom(getg()->m->p, gt->fn, gt->arg, gt->pc, gt->goid, gt->sigmask))
		runtime_fatal("out of memory: no stack for a timer's goroutine");
}

/* ---- making ---- */

static int64_t when(int64_t ns)
{
	int64_t now = runtime_nanotime();

	if (ns <= 0)
		return now;
	return ns > INT64_MAX - now ? INT64_MAX : now + ns;
}

/* c becomes its own. */
static go_timer *maketimer(void (*fire)(struct timer *, int64_t), go_chan *c)
{
	go_timer *gt = runtime_timerroom() ? runtime_alloc(sizeof *gt) : NULL;

	if (!gt) {
		go_chan_free(c);
		go_panic("out of memory: no timer");
	}
	*gt = (go_timer){.c = c};
	runtime_lockinit(&gt->lock, RankGoTimer);
	gt->t.fn = fire;
	gt->t.arg = gt;
	gt->t.lasting = true;
	return gt;
}

static go_timer *makechan(void)
{
	return maketimer(sendtime, go_chan_make(sizeof(int64_t), 1));
}

go_timer *go_timer_new(int64_t ns)
{
	go_timer *gt;

	runtime_need_g("go_timer_new");
	gt = makechan();
	runtime_addtimer(&gt->t, when(ns));
	return gt;
}

go_timer *go_ticker_new(int64_t period)
{
	go_timer *gt;

	runtime_need_g("go_ticker_new");
	if (period <= 0)
		go_panic("non-positive interval for NewTicker");
	gt = makechan();
	gt->ticker = true;
	gt->t.period = period;
	runtime_addtimer(&gt->t, when(period));
	return gt;
}

go_timer *go_timer_func(int64_t ns, void (*fn)(void *), void *arg)
{
	g *gp = runtime_need_g("go_timer_func");
	go_timer *gt;

	if (!fn)
		go_panic("go of nil func value");
	gt = maketimer(spawn, NULL);
	gt->fn = fn;
	gt->arg = arg;
	gt->pc = (uintptr_t)__builtin_return_address(0);
	gt->goid = gp->goid;
	gt->sigmask = gp->sigmask;
	runtime_addtimer(&gt->t, when(ns));
	return gt;
}

int64_t *go_timer_chan(go_timer *gt)
{
	return (int64_t *)gt->c;
}

/* ---- stopping ---- */

/* It is not on a heap, its callback is not running, its channel is empty. lock held. */
static bool stop(go_timer *gt)
{
	bool pending = runtime_deltimer(&gt->t);

	return (gt->c && go_chan_tryrecv(gt->c, NULL, NULL)) || pending;
}

bool go_timer_stop(go_timer *gt)
{
	bool pending;

	runtime_need_g("go_timer_stop");
	runtime_lock(&gt->lock);
	pending = stop(gt);
	runtime_unlock(&gt->lock);
	return pending;
}

bool go_timer_reset(go_timer *gt, int64_t ns)
{
	bool pending;

	runtime_need_g("go_timer_reset");
	if (gt->ticker && ns <= 0)
		go_panic("non-positive interval for Ticker.Reset");
	if (!runtime_timerroom())
		go_panic("out of memory: no room for the timer");
	runtime_lock(&gt->lock);
	pending = stop(gt);
	gt->t.period = gt->ticker ? ns : 0;
	runtime_addtimer(&gt->t, when(ns));
	runtime_unlock(&gt->lock);
	return pending;
}

void go_timer_free(go_timer *gt)
{
	if (!gt)
		return;
	go_timer_stop(gt);
	go_chan_free(gt->c);
	runtime_free(gt, sizeof *gt);
}
