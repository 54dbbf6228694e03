/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_sem.c - sem_wait and sem_post, where a goroutine that waits parks and a
 * thread of the program's own, or whoever waits for another process, sleeps in the kernel.
 *
 * The semaphore is laid out and used as musl does, whose other members stay. That somebody
 * waits is -1 in place of 0 up to musl 1.2.3, where who takes the last one puts it back
 * while there are waiters, and since then the sign bit, which stays while there are several.
 * Other processes may use the semaphore by the same libc, so which it is is asked of
 * its sem_trywait.
 *
 *   waiter                                     sem_post
 *   1 load the edge count of its address       1 value++ by cas; was it marked?
 *   2 value > 0? take it                       2 an edge for the address, its first
 *   3 waiters++; 0 becomes the mark              waiter is woken; sleepers? FUTEX_WAKE
 *   4 link unless an edge came; park
 *
 * A post after 3 sees the mark; so does one between, which then makes 3's cas fail. The last
 * touch of the semaphore is the cas: who gets what was posted may free it.
 *
 * sem_post is for signal handlers too, which may have struck in the middle of all of this, or of
 * the scheduler. There, and on a thread of the program's own, where handlers are not
 * known of, the address is left with sysmon, in late, or where that is full all
 * who wait for any semaphore look again.
 */
#include "io_linux.h"
#include "musl.h"
#include "netpoll.h"
#include "signals.h"

#include <semaphore.h>
#include <string.h>

struct sem {
	int32_t value;	 /* atomic */
	int32_t waiters; /* atomic */
	int32_t private; /* FUTEX_PRIVATE, or 0 */
};
_Static_assert(sizeof(struct sem) <= sizeof(sem_t), "sem_t");

enum { Sign = INT32_MIN, Late = 16 };

static const void *late[Late]; /* atomic; whose waiters sysmon is to wake */
static uint32_t pending; /* atomic; something is in late: Pending, then Posting while sysmon is at it */
static uint32_t alllate; /* atomic */

enum { Pending = 1, Posting };

/* -1 or Sign: what 0 is while somebody waits. */
static int32_t markof(void)
{
	static int32_t mark; /* atomic */
	struct sem probe = {.value = Sign | 1};
	int was = errno;

	if (unlikely(!load_rlx(&mark))) {
		store_rlx(&mark, sem_trywait((sem_t *)&probe) ? -1 : Sign);
		errno = was;
	}
	return load_rlx(&mark);
}

/* ---- posting ---- */

static bool leavein(const void **slot, const void *key)
{
	return load(slot) == key || cas(slot, NULL, key);
}

static void leavelate(const void *key)
{
	int i = 0;

	while (i < Late && !leavein(&late[i], key))
		i++;
	if (i == Late)
		store(&alllate, 1u);
	store(&pending, (uint32_t)Pending);
	runtime_sysmonkick();
}

/* Somebody is to be woken whom nobody knows of but sysmon: it is no deadlock. */
bool runtime_semlate(void)
{
	return load(&pending);
}

/* On sysmon. One post may stand for several here, so all look. */
void runtime_sempoll(void)
{
	const void *key;

	if (likely(!load_rlx(&pending)))
		return;
	store(&pending, (uint32_t)Posting);
	for (int i = 0; i < Late; i++)
		if ((key = xchg(&late[i], NULL)))
			runtime_pollpost(key, true);
	if (xchg(&alllate, 0u))
		runtime_pollpostall();
	cas(&pending, (uint32_t)Posting, 0u); /* or there is more */
}

/* Nobody else is there. */
void runtime_forksems(void)
{
	memset(late, 0, sizeof late);
	pending = alllate = 0;
}

static void wake(struct sem *s, bool private, int32_t n)
{
	if (!private) {
		sharedwake(&s->value, n);
		return;
	}
	if (maypark())
		runtime_pollpost(s, n > 1);
	else
		leavelate(s);
	runtime_threadwake(&s->value, n);
}

/* The value after a post; 0: it is at its limit. *n: how many to wake. */
static int32_t posted(int32_t old, int32_t waiters, int32_t *n)
{
	if (markof() == -1) {
		*n = old < 0 || waiters;
		return old == SEM_VALUE_MAX ? 0 : old + 1 + (old < 0);
	}
	*n = old >= 0 ? 0 : waiters > 1 ? 1 : INT_MAX;
	if ((old & ~Sign) == SEM_VALUE_MAX)
		return 0;
	return waiters > 1 ? old + 1 : (old + 1) & ~Sign;
}

seam int sem_post(sem_t *sem)
{
	struct sem *s = (struct sem *)sem;
	bool private = s->private;
	int32_t old, new, n;

	do {
		old = load(&s->value);
		new = posted(old, load(&s->waiters), &n);
		if (!new)
			return (int)ret(-EOVERFLOW);
	} while (!cas(&s->value, old, new));
	if (n)
		wake(s, private, n);
	runtime_giveslice();
	return 0;
}

/* ---- waiting ---- */

/* 0: look again, else an error. A cancellation point. */
static int park(struct pollwait *w, int64_t ns)
{
	bool point = runtime_beginpoint();
	int r = 0;

	getg()->sighandled = 0;
	switch (runtime_pollwaitkey(w, ns < 0 ? 0 : runtime_nanotime() + ns, WaitSemaphore)) {
	case PollTimeout:
		r = ETIMEDOUT;
		break;
	case PollInterrupt:
		r = (int)-runtime_iointerrupted(false);
		break;
	default:
		break;
	}
	if (point)
		runtime_endpoint();
	return r;
}

/* In the kernel. ECANCELED: the counts are right, and it is time to act on it. */
static int sleep(struct sem *s, int32_t mark, int64_t ns)
{
	uint8_t cancel = self()->canceldisable;
	int r;

	if (cancel == PTHREAD_CANCEL_ENABLE)
		self()->canceldisable = PTHREAD_CANCEL_MASKED;
	r = s->private ? runtime_wordwait(&s->value, mark, ns, true, WaitSemaphore)
		       : runtime_cpwait(&s->value, mark, false, ns);
	self()->canceldisable = cancel;
	if (r == EINTR)
		return __eintr_valid_flag ? r : 0;
	return r == ETIMEDOUT || r == ECANCELED ? r : 0;
}

/* It was 0, and w has the edge count from before. 0: look again. */
static int waitonce(struct sem *s, struct pollwait *w, const struct timespec *at)
{
	int32_t mark = markof();
	int64_t ns;
	int r = runtime_untilns(CLOCK_REALTIME, at, &ns);

	if (r)
		return r;
	xadd(&s->waiters, 1);
	cas(&s->value, 0, mark);
	if (load(&s->value) == mark)
		r = s->private && maypark() ? park(w, ns) : sleep(s, mark, ns);
	xadd(&s->waiters, -1);
	if (r == ECANCELED)
		__testcancel();
	return r;
}

seam int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict at)
{
	struct sem *s = (struct sem *)sem;
	struct pollwait w = {.pd = runtime_pollkey(s), .key = s};
	int r;

	if (__testcancel)
		__testcancel();
	for (;;) {
		w.edgein = load(&w.pd->edgein);
		if (!sem_trywait(sem))
			return 0;
		if ((r = waitonce(s, &w, at)))
			return (int)ret(-r);
	}
}
