/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_cond.c - pthread condition variables and barriers; goroutines that wait
 * park (see musl_lock.c).
 *
 * Between threads of one process each waiter is a node on its own stack, in the
 * object's list under the object's lock, and sleeps on a word of its own. A node
 * is its waiter's again as soon as that word says so; the object may then be freed.
 *
 *   waiter                                 signaller
 *   list += node                           takes nodes out: Waiting -> Signalled
 *   sleeps until node.go                   those that are Leaving: counts them
 *   time is up: Waiting -> Leaving         waits until these have left
 *     out of the list, tells the counter   node.go = 1, wake
 *
 * The object's lock is held for moments and by nobody who parks. Objects shared
 * with other processes are used as musl uses them, and waited for in the kernel.
 */
#include "musl.h"

enum { Waiting, Signalled, Leaving };

struct waiter {
	struct waiter *prev, *next; /* under the object's lock; next after Signalled the signaller's */
	int32_t state;	 /* by cas, as above */
	int32_t go;	 /* the signaller's last touch */
	int32_t *leavers; /* under the lock: a signaller took it out, and waits until this is 0 */
};

struct condobj { /* pthread_cond_t */
	void *shared;
	union {
		struct waiter *head;	    /* not shared: the oldest */
		int32_t seq, waiters[2]; /* shared: signals, and at [1] who waits; its top bit: destroyer waits */
	};
	int32_t clock;
	int32_t unused[3];
	int32_t lock;
	int32_t unused2;
	struct waiter *tail;
};
_Static_assert(sizeof(struct condobj) == sizeof(pthread_cond_t) &&
		       offsetof(struct condobj, clock) == 16 && offsetof(struct condobj, lock) == 32 &&
		       offsetof(struct condobj, tail) == 40,
	       "pthread_cond_t");

static void release(struct waiter *w)
{
	store(&w->go, 1);
	runtime_wordwake(&w->go, 1);
}

/* ---- conditions ---- */

static void append(struct condobj *c, struct waiter *w)
{
	runtime_shortlock(&c->lock);
	w->prev = c->tail;
	if (w->prev)
		w->prev->next = w;
	else
		c->head = w;
	c->tail = w;
	runtime_shortunlock(&c->lock);
}

static void unlink(struct condobj *c, struct waiter *w)
{
	*(w->prev ? &w->prev->next : &c->head) = w->next;
	*(w->next ? &w->next->prev : &c->tail) = w->prev;
}

static void leave(struct condobj *c, struct waiter *w)
{
	runtime_shortlock(&c->lock);
	if (!w->leavers)
		unlink(c, w);
	runtime_shortunlock(&c->lock);
	if (w->leavers && xadd(w->leavers, -1) == 0)
		runtime_wordwake(w->leavers, 1);
}

/* Until *word is not val: 0, or ETIMEDOUT, ECANCELED, EINVAL. */
static int sleep(struct condobj *c, int32_t *word, int32_t val, const struct timespec *at)
{
	int64_t ns;
	int r;

	while (load(word) == val) {
		if ((r = runtime_untilns(c->clock, at, &ns)))
			return r;
		r = c->shared ? runtime_cpwait(word, val, false, ns)
			      : runtime_wordwait(word, val, ns, true, WaitPthreadCond);
		if (r == ETIMEDOUT || r == ECANCELED)
			return r;
	}
	return 0;
}

static int waitprivate(struct condobj *c, struct waiter *w, const struct timespec *at)
{
	int r = sleep(c, &w->go, 0, at);

	if (r && cas(&w->state, Waiting, Leaving)) {
		leave(c, w);
		return r;
	}
	while (!load_acq(&w->go)) /* signalled: go is on its way */
		runtime_wordwait(&w->go, 0, -1, false, WaitPthreadCond);
	return 0;
}

static int waitshared(struct condobj *c, int32_t seq, const struct timespec *at)
{
	int r = sleep(c, &c->seq, seq, at);

	if (r == ECANCELED && load(&c->seq) != seq)
		r = 0;
	if (xadd(&c->waiters[1], -1) == INT32_MIN)
		sharedwake(&c->waiters[1], 1);
	return r;
}

static int waitunlocked(struct condobj *c, pthread_mutex_t *m, const struct timespec *at)
{
	struct waiter w = {0};
	int32_t seq = load(&c->seq);

	if (!c->shared) {
		append(c, &w);
		__pthread_mutex_unlock(m);
		return waitprivate(c, &w, at);
	}
	xadd(&c->waiters[1], 1);
	__pthread_mutex_unlock(m);
	return waitshared(c, seq, at);
}

/* A mutex that knows its owner, who is another. */
static bool notmine(const pthread_mutex_t *m)
{
	const int32_t *type = (const int32_t *)m, *lock = type + 1;

	return (*type & 15) && (load_rlx(lock) & INT32_MAX) != self()->tid;
}

seam int __pthread_cond_timedwait(pthread_cond_t *pc, pthread_mutex_t *m, const struct timespec *at)
{
	uint8_t cancel = self()->canceldisable;
	int r, e;

	if (notmine(m))
		return EPERM;
	if (at && (at->tv_nsec < 0 || at->tv_nsec >= 1000000000))
		return EINVAL;
	if (__testcancel)
		__testcancel();
	if (cancel == PTHREAD_CANCEL_ENABLE) /* ECANCELED, and it acts when m is held again */
		self()->canceldisable = PTHREAD_CANCEL_MASKED;
	r = waitunlocked((struct condobj *)pc, m, at);
	if ((e = __pthread_mutex_lock(m)))
		r = e;
	self()->canceldisable = cancel;
	if (r == ECANCELED) {
		if (__testcancel)
			__testcancel();
		self()->canceldisable = PTHREAD_CANCEL_DISABLE;
	}
	return r;
}

weakseam int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *at)
{
	return __pthread_cond_timedwait(c, m, at);
}

/*
 * Up to n waiters, the oldest first, taken out of c's list and chained by next. *leavers counts
 * those that it met Leaving: out of the list as well, for the next signaller must not count them too.
 */
static struct waiter *take(struct condobj *c, int n, int32_t *leavers)
{
	struct waiter *chain = NULL, **end = &chain, *w, *next;

	for (w = c->head; n && w; w = next) {
		next = w->next;
		unlink(c, w);
		if (!cas(&w->state, Waiting, Signalled)) {
			xadd(leavers, 1);
			w->leavers = leavers;
			continue;
		}
		w->next = NULL;
		*end = w;
		end = &w->next;
		n--;
	}
	return chain;
}

seam int __private_cond_signal(pthread_cond_t *pc, int n)
{
	struct condobj *c = (struct condobj *)pc;
	struct waiter *w, *next;
	int32_t leavers = 0, left;

	runtime_shortlock(&c->lock);
	w = take(c, n, &leavers);
	runtime_shortunlock(&c->lock);
	while ((left = load(&leavers)))
		runtime_wordwait(&leavers, left, -1, false, WaitPthreadCond);
	for (; w; w = next) {
		next = w->next;
		release(w);
	}
	return 0;
}

static int signalshared(struct condobj *c, int n)
{
	if (!load(&c->waiters[1]))
		return 0;
	xadd(&c->seq, 1);
	sharedwake(&c->seq, n);
	return 0;
}

static int wakesome(pthread_cond_t *pc, int n)
{
	struct condobj *c = (struct condobj *)pc;

	return c->shared ? signalshared(c, n) : __private_cond_signal(pc, n);
}

weakseam int pthread_cond_signal(pthread_cond_t *c)
{
	return wakesome(c, 1);
}

weakseam int pthread_cond_broadcast(pthread_cond_t *c)
{
	return wakesome(c, INT32_MAX);
}

/* ---- barriers ---- */

struct barrierobj { /* pthread_barrier_t */
	int32_t lock;
	int32_t waiters; /* shared: on lock */
	int32_t limit;	 /* how many less one; its top bit: shared */
	int32_t count;	 /* who came */
	int32_t waiters2; /* shared: on count */
	int32_t unused;
	struct waiter *list;
};
_Static_assert(sizeof(struct barrierobj) == sizeof(pthread_barrier_t) &&
		       offsetof(struct barrierobj, list) == 24,
	       "pthread_barrier_t");

static int arrive(struct barrierobj *b)
{
	struct waiter w = {0};

	w.next = b->list;
	b->list = &w;
	b->count++;
	runtime_shortunlock(&b->lock);
	while (!load_acq(&w.go))
		runtime_wordwait(&w.go, 0, -1, false, WaitPthreadBarrier);
	return 0;
}

static int complete(struct barrierobj *b)
{
	struct waiter *w = b->list, *next;

	b->list = NULL;
	b->count = 0;
	runtime_shortunlock(&b->lock);
	for (; w; w = next) {
		next = w->next;
		release(w);
	}
	return PTHREAD_BARRIER_SERIAL_THREAD;
}

/* Wait until count is 0 or, with below, not positive. */
static void waitcount(struct barrierobj *b, bool below)
{
	int32_t v;

	while ((v = load(&b->count)) && (!below || v > 0))
		__wait(&b->count, &b->waiters2, v, 0);
}

static void zerocount(struct barrierobj *b)
{
	store(&b->count, 0);
	if (load(&b->waiters2))
		sharedwake(&b->count, INT32_MAX);
}

/* The way out: the last one opens the barrier for the next round, or for its destroyer. */
static void unlockshared(struct barrierobj *b)
{
	int32_t v, waiters;

	do {
		v = load(&b->lock);
		waiters = load(&b->waiters);
	} while (!cas(&b->lock, v, v == INT32_MIN + 1 ? 0 : v - 1));
	if (v == INT32_MIN + 1 || (v == 1 && waiters))
		sharedwake(&b->lock, 1);
}

/*
 * musl's protocol, for the others may be plain musl's: lock is taken to come in,
 * and kept by the last one, as a count of who is inside. All leave only when all
 * hold the lock against unmapping.
 */
static int sharedbarrier(struct barrierobj *b)
{
	int32_t n = (b->limit & INT32_MAX) + 1, v;
	int r = 0;

	if (n == 1)
		return PTHREAD_BARRIER_SERIAL_THREAD;
	while (!cas(&b->lock, 0, n))
		if ((v = load(&b->lock)))
			__wait(&b->lock, &b->waiters, v, 0);
	if (++b->count == n) {
		r = PTHREAD_BARRIER_SERIAL_THREAD;
		zerocount(b);
	} else {
		store(&b->lock, 0);
		if (load(&b->waiters))
			sharedwake(&b->lock, 1);
		waitcount(b, true);
	}
	__vm_lock();
	if (xadd(&b->count, -1) == -n)
		zerocount(b);
	else
		waitcount(b, false);
	unlockshared(b);
	__vm_unlock();
	return r;
}

weakseam int pthread_barrier_wait(pthread_barrier_t *pb)
{
	struct barrierobj *b = (struct barrierobj *)pb;

	if (b->limit == 0)
		return PTHREAD_BARRIER_SERIAL_THREAD;
	if (b->limit < 0)
		return sharedbarrier(b);
	runtime_shortlock(&b->lock);
	return b->count == b->limit ? complete(b) : arrive(b);
}
