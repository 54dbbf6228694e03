/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * musl_lock.c - pthread mutexes, read-write locks, spin locks and once, where a
 * goroutine that waits parks and a thread of the program's own sleeps in the kernel.
 *
 * The objects are laid out and used as musl does, whose other members (init,
 * trylock, destroy, consistent) stay. What differs is how one sleeps on a word and
 * is woken, so both sides are ours:
 *
 *   sleeper: goroutine   waiters++, mark the word, runtime_addrwait
 *   sleeper: thread      waiters++, mark the word, sleepers++, FUTEX_WAIT
 *   waker                change the word, runtime_addrwake, sleepers? FUTEX_WAKE
 *
 * Both counts are raised by full barriers before the word is looked at again, and
 * read after it was changed by one: so either the sleeper sees the change or the
 * waker sees the sleeper. A waker reads the object for the last time when it
 * changes the word: the next owner may free it. A goroutine and a thread may both
 * be woken for one release; the one that comes too late sleeps again.
 *
 * What another process or the end of a thread may have to wake, which only the
 * kernel can, is waited for in the kernel without a p: process-shared and robust
 * objects.
 */
#include "musl.h"

/* Threads that sleep in the kernel on the word of an object that goroutines may wait for too. */
static int32_t sleepers;

hidden int __pthread_mutex_trylock(pthread_mutex_t *m);

static cold int32_t kernelsleep(int32_t *word, int32_t val, bool private, int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};
	g *gp = goroutine();
	bool handoff = gp && runtime_mayblock(gp);
	long r;

	if (handoff)
		runtime_entersyscallblock();
	r = arch_syscall6(SYS_futex, (long)word, private ? 128 : 0, val, ns < 0 ? 0 : (long)&ts, 0, 0);
	if (handoff)
		runtime_exitsyscall();
	return (int32_t)-r;
}

/*
 * While *word is val, ns at most, on a word that this process alone uses. 0 or
 * ETIMEDOUT, where cancel is set ECANCELED, and on a thread EINTR.
 */
int runtime_wordwait(int32_t *word, int32_t val, int64_t ns, bool cancel, enum waitreason why)
{
	g *gp = goroutine();
	int r;

	if (gp && runtime_mayblock(gp) && cancel && __syscall_cp_c)
		return runtime_addrpointwait(word, val, ns, why);
	if (gp && runtime_mayblock(gp))
		return runtime_addrtimedwait(word, val, ns, why) ? 0 : ETIMEDOUT;
	xadd(&sleepers, 1);
	r = cancel ? runtime_cpwait(word, val, true, ns) : kernelsleep(word, val, true, ns);
	xadd(&sleepers, -1);
	return r == ETIMEDOUT || r == EINTR || r == ECANCELED ? r : 0;
}

/* Up to n threads; as in all wakes, *word is not touched. */
void runtime_threadwake(int32_t *word, int32_t n)
{
	if (load(&sleepers))
		wakeword(word, n);
}

/* Up to n goroutines and as many threads. */
void runtime_wordwake(int32_t *word, int32_t n)
{
	for (int32_t i = 0; i < n && runtime_addrwake(word); i++)
		;
	runtime_threadwake(word, n);
}

void runtime_shortlock(int32_t *l)
{
	if (cas_acq(l, 0, 1))
		return;
	cas(l, 1, 2);
	do
		__wait(l, NULL, 2, 1);
	while (!cas(l, 0, 2));
}

void runtime_shortunlock(int32_t *l)
{
	if (xchg(l, 0) == 2)
		runtime_futexwakeup((uint32_t *)l, 1);
}

static int waituntil(int32_t *word, int32_t val, const struct timespec *at, bool kernel, bool private,
		     enum waitreason why)
{
	int64_t ns;
	int r = runtime_untilns(CLOCK_REALTIME, at, &ns);

	if (r)
		return r;
	if (!kernel)
		return runtime_wordwait(word, val, ns, false, why);
	r = kernelsleep(word, val, private, ns);
	return r == ETIMEDOUT || r == EINTR ? r : 0;
}

/* Before one sleeps: where the owner runs on another CPU it may be done at once. */
static void spin(const int32_t *word, const int32_t *waiters)
{
	bool alone = runtime_ncpu == 1 || (goroutine() && load_rlx(&runtime_gomaxprocs) == 1);

	for (int i = alone ? 0 : 100; i && load_rlx(word) && !load_rlx(waiters); i--)
		procyield();
}

/* ---- mutex ---- */

struct mutexobj { /* pthread_mutex_t */
	int32_t type; /* PTHREAD_MUTEX_x in two bits, and the flags below */
	int32_t lock; /* 0 free; EBUSY or the owner's tid; with Waited, OwnerDied */
	int32_t waiters;
	int32_t unused[2];
	int32_t count;
	void *prev, *next; /* the owner's robust list goes through next */
};
_Static_assert(sizeof(struct mutexobj) == sizeof(pthread_mutex_t) &&
		       offsetof(struct mutexobj, next) == 32,
	       "pthread_mutex_t");
enum { TypeBits = 3, TypeRobust = 4, TypeInherit = 8, TypeKind = 15, TypeShared = 128 };
enum { OwnerBits = 0x3fffffff, OwnerDied = 0x40000000, Unrecoverable = 0x7fffffff };
#define Waited INT32_MIN

static int mutexsleep(struct mutexobj *m, int32_t val, const struct timespec *at)
{
	bool kernel = m->type & (TypeShared | TypeRobust);
	int r;

	xadd(&m->waiters, 1);
	cas(&m->lock, val, val | Waited);
	r = waituntil(&m->lock, val | Waited, at, kernel, !(m->type & TypeShared), WaitPthreadMutex);
	xadd(&m->waiters, -1);
	return r == EINTR ? 0 : r;
}

static noinline int mutexlock(struct mutexobj *m, const struct timespec *at)
{
	pthread_mutex_t *pm = (pthread_mutex_t *)m;
	int r = __pthread_mutex_trylock(pm);

	if (r != EBUSY)
		return r;
	if (m->type & TypeInherit) /* made by a process that can */
		return ENOTSUP;
	spin(&m->lock, &m->waiters);
	while ((r = __pthread_mutex_trylock(pm)) == EBUSY) {
		int32_t val = load(&m->lock), owner = val & OwnerBits;

		if (!owner && (!val || (m->type & TypeRobust)))
			continue;
		if ((m->type & TypeBits) == PTHREAD_MUTEX_ERRORCHECK && owner == self()->tid)
			return EDEADLK;
		if ((r = mutexsleep(m, val, at)))
			return r;
	}
	return r;
}

seam int __pthread_mutex_timedlock(pthread_mutex_t *pm, const struct timespec *at)
{
	struct mutexobj *m = (struct mutexobj *)pm;

	if ((m->type & TypeKind) == PTHREAD_MUTEX_NORMAL && cas_acq(&m->lock, 0, EBUSY))
		return 0;
	return mutexlock(m, at);
}

weakseam int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *at)
{
	return __pthread_mutex_timedlock(m, at);
}

seam int __pthread_mutex_lock(pthread_mutex_t *m)
{
	return __pthread_mutex_timedlock(m, NULL);
}

weakseam int pthread_mutex_lock(pthread_mutex_t *m)
{
	return __pthread_mutex_timedlock(m, NULL);
}

/*
 * Off the owner's robust list, and free. Until the word has changed the list's
 * pending entry says which mutex the owner is at: should the process end here,
 * the kernel finishes. Who unmaps a shared mutex waits for that (vmlock).
 */
static int32_t unlist(struct mutexobj *m, struct block *b, int32_t new)
{
	bool shared = m->type & TypeShared;
	void *prev = m->prev, *next = m->next;
	int32_t old;

	if (shared) {
		b->robust_list.pending = &m->next;
		__vm_lock();
	}
	*(void **)prev = next;
	if (next != &b->robust_list.head)
		((void **)next)[-1] = prev;
	old = xchg(&m->lock, new);
	if (shared) {
		b->robust_list.pending = NULL;
		__vm_unlock();
	}
	return old;
}

static noinline cold int unlockowned(struct mutexobj *m)
{
	struct block *b = self();
	int32_t type = m->type, waiters = load_rlx(&m->waiters), old = load_rlx(&m->lock), new = 0;

	if ((old & OwnerBits) != b->tid)
		return EPERM;
	if ((type & TypeBits) == PTHREAD_MUTEX_RECURSIVE && m->count) {
		m->count--;
		return 0;
	}
	if ((type & TypeRobust) && (old & OwnerDied))
		new = Unrecoverable; /* nobody said that it is consistent */
	old = unlist(m, b, new);
	if (!waiters && old >= 0)
		return 0;
	if (type & TypeShared)
		sharedwake(&m->lock, new ? INT32_MAX : 1); /* nobody will unlock it again to wake the next */
	else if (type & TypeRobust)
		wakeword(&m->lock, new ? INT32_MAX : 1);
	else
		runtime_wordwake(&m->lock, 1);
	return 0;
}

static void unlocknormal(struct mutexobj *m)
{
	int32_t waiters = load_rlx(&m->waiters), shared = m->type & TypeShared;

	if (xchg(&m->lock, 0) >= 0 && !waiters)
		return;
	if (shared)
		sharedwake(&m->lock, 1);
	else
		runtime_wordwake(&m->lock, 1);
}

seam int __pthread_mutex_unlock(pthread_mutex_t *pm)
{
	struct mutexobj *m = (struct mutexobj *)pm;
	int r = 0;

	if ((m->type & TypeKind) != PTHREAD_MUTEX_NORMAL)
		r = unlockowned(m);
	else
		unlocknormal(m);
	runtime_giveslice();
	return r;
}

weakseam int pthread_mutex_unlock(pthread_mutex_t *m)
{
	return __pthread_mutex_unlock(m);
}

/* ---- read-write lock ---- */

struct rwlockobj { /* pthread_rwlock_t */
	int32_t lock; /* 0 free, n readers, or Writer; with Waited */
	int32_t waiters;
	int32_t shared; /* 128: between processes */
};
enum { Writer = INT32_MAX };

static int tryread(struct rwlockobj *rw)
{
	int32_t val, n;

	do {
		val = load(&rw->lock);
		n = val & INT32_MAX;
		if (n == Writer)
			return EBUSY;
		if (n == Writer - 1)
			return EAGAIN;
	} while (!cas(&rw->lock, val, val + 1));
	return 0;
}

static int trywrite(struct rwlockobj *rw)
{
	return cas(&rw->lock, 0, (int32_t)Writer) ? 0 : EBUSY;
}

static int rwlock(struct rwlockobj *rw, int (*try)(struct rwlockobj *), const struct timespec *at)
{
	int32_t val;
	int r = try(rw);

	if (r != EBUSY)
		return r;
	spin(&rw->lock, &rw->waiters);
	while ((r = try(rw)) == EBUSY) {
		val = load(&rw->lock);
		if (!val || (try == tryread && (val & INT32_MAX) != Writer))
			continue;
		xadd(&rw->waiters, 1);
		cas(&rw->lock, val, val | Waited);
		r = waituntil(&rw->lock, val | Waited, at, rw->shared, !rw->shared, WaitPthreadRwlock);
		xadd(&rw->waiters, -1);
		if (r && r != EINTR)
			return r;
	}
	return r;
}

seam int __pthread_rwlock_timedrdlock(pthread_rwlock_t *rw, const struct timespec *at)
{
	return rwlock((struct rwlockobj *)rw, tryread, at);
}

seam int __pthread_rwlock_timedwrlock(pthread_rwlock_t *rw, const struct timespec *at)
{
	return rwlock((struct rwlockobj *)rw, trywrite, at);
}

weakseam int pthread_rwlock_timedrdlock(pthread_rwlock_t *rw, const struct timespec *at)
{
	return __pthread_rwlock_timedrdlock(rw, at);
}

weakseam int pthread_rwlock_timedwrlock(pthread_rwlock_t *rw, const struct timespec *at)
{
	return __pthread_rwlock_timedwrlock(rw, at);
}

/* The last one out wakes as many as were in: readers waited for one writer, one writer for the readers. */
seam int __pthread_rwlock_unlock(pthread_rwlock_t *p)
{
	struct rwlockobj *rw = (struct rwlockobj *)p;
	int32_t val, n, waiters, new, shared = rw->shared;

	do {
		val = load(&rw->lock);
		n = val & INT32_MAX;
		waiters = load(&rw->waiters);
		new = n == Writer || n == 1 ? 0 : val - 1;
	} while (!cas(&rw->lock, val, new));
	if (!new && (waiters || val < 0)) {
		if (shared)
			sharedwake(&rw->lock, n);
		else
			runtime_wordwake(&rw->lock, n);
	}
	runtime_giveslice();
	return 0;
}

weakseam int pthread_rwlock_unlock(pthread_rwlock_t *rw)
{
	return __pthread_rwlock_unlock(rw);
}

/* ---- spin lock ---- */

/* The owner may be a goroutine that waits for this very p. */
static noinline cold void giveway(void)
{
	g *gp = goroutine();

	if (gp && runtime_mayblock(gp))
		runtime_gosched();
	runtime_osyield();
}

weakseam int pthread_spin_lock(pthread_spinlock_t *lock)
{
	int32_t *l = (int32_t *)lock;

	for (int i = 0;; i++) {
		if (!load_rlx(l) && cas_acq(l, 0, EBUSY))
			return 0;
		if (runtime_ncpu > 1 && i < 100)
			procyield();
		else
			giveway();
	}
}

weakseam int sched_yield(void)
{
	giveway();
	return 0;
}

weakseam void thrd_yield(void)
{
	giveway();
}

/* ---- once ---- */

enum { OnceNew, OnceRuns, OnceDone, OnceWaited }; /* pthread_once_t */

static cold void onceundo(void *control)
{
	if (xchg((int32_t *)control, OnceNew) == OnceWaited)
		runtime_wordwake(control, INT32_MAX);
}

static void oncerun(int32_t *control, void (*init)(void))
{
	struct block *b = self();
	struct cleanup c = {onceundo, control, b->cancelbuf};

	b->cancelbuf = &c; /* should init end this goroutine or thread */
	init();
	b->cancelbuf = c.next;
	if (xchg(control, OnceDone) == OnceWaited)
		runtime_wordwake(control, INT32_MAX);
}

static noinline cold int onceslow(int32_t *control, void (*init)(void))
{
	for (;;) {
		if (cas(control, OnceNew, OnceRuns)) {
			oncerun(control, init);
			return 0;
		}
		if (load_acq(control) == OnceDone)
			return 0;
		if (cas(control, OnceRuns, OnceWaited) || load(control) == OnceWaited)
			runtime_wordwait(control, OnceWaited, -1, false, WaitPthreadOnce);
	}
}

seam int __pthread_once(pthread_once_t *control, void (*init)(void))
{
	return load_acq(control) == OnceDone ? 0 : onceslow(control, init);
}

weakseam int pthread_once(pthread_once_t *control, void (*init)(void))
{
	return __pthread_once(control, init);
}

/* ---- making threads against forking, which holds it with signals blocked: nobody parks here ---- */

static int32_t ptc;

seam void __acquire_ptc(void)
{
	runtime_shortlock(&ptc);
}

seam cold void __inhibit_ptc(void)
{
	runtime_shortlock(&ptc);
}

seam void __release_ptc(void)
{
	runtime_shortunlock(&ptc);
}

/* In a child of fork: whoever was making a thread, or slept in the kernel, is gone. */
void runtime_forkshortlocks(void)
{
	ptc = 0;
	sleepers = 0;
}
