/* SPDX-License-Identifier: MIT */
/* pwait.c - goroutines, and threads among them, that wait for each other with pthread and C11 objects. */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/time.h>
#include <threads.h>

#include "refuse.h"
#include "waits.h"

enum { Many = 1000 };

static go_waitgroup wg;
static int64_t counter;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;

static void start(int n, void (*fn)(void *))
{
	go_waitgroup_add(&wg, n);
	for (intptr_t i = 0; i < n; i++)
		go(fn, (void *)i);
}

static void each(int n, void (*fn)(void *))
{
	start(n, fn);
	go_waitgroup_wait(&wg);
}

/* Those that parked took no thread each. */
static void few_threads(void)
{
	CHECK(threads() < 40);
}

static void lock(pthread_mutex_t *m) { CHECK(pthread_mutex_lock(m) == 0); }
static void unlock(pthread_mutex_t *m) { CHECK(pthread_mutex_unlock(m) == 0); }

/* ---- mutex ---- */

static void adds(void *arg)
{
	for (int i = 0; i < 3; i++) {
		int64_t was;

		lock(&mutex);
		was = counter;
		if (((intptr_t)arg + i) % 4 == 0)
			go_sched();
		counter = was + 1;
		unlock(&mutex);
	}
	go_waitgroup_done(&wg);
}

static void contend(int type)
{
	pthread_mutexattr_t a;

	CHECK(pthread_mutexattr_init(&a) == 0);
	CHECK(pthread_mutexattr_settype(&a, type) == 0);
	CHECK(pthread_mutex_init(&mutex, &a) == 0);
	counter = 0;
	each(Many, adds);
	CHECK(counter == 3 * Many);
	few_threads();
}

static void mutex_normal(void) { contend(PTHREAD_MUTEX_NORMAL); }
static void mutex_recursive(void) { contend(PTHREAD_MUTEX_RECURSIVE); }
static void mutex_errorcheck(void) { contend(PTHREAD_MUTEX_ERRORCHECK); }

/* All wait at once while main holds it over a sleep. */
static void mutex_held_long(void)
{
	lock(&mutex);
	start(Many, adds);
	go_sleep(10 * MS);
	few_threads();
	CHECK(counter == 0);
	unlock(&mutex);
	go_waitgroup_wait(&wg);
	CHECK(counter == 3 * Many);
}

static pthread_mutex_t owned[2]; /* recursive, errorcheck */

static void owns(void *arg)
{
	(void)arg;
	for (int i = 0; i < 5; i++) {
		lock(&owned[0]);
		go_sched();
		lock(&owned[0]);
		go_sleep(i * 10000);
		unlock(&owned[0]);
		go_sched();
		counter++;
		unlock(&owned[0]);
		CHECK(pthread_mutex_unlock(&owned[0]) == EPERM);
		lock(&owned[1]);
		go_sched();
		CHECK(pthread_mutex_lock(&owned[1]) == EDEADLK);
		CHECK(pthread_mutex_trylock(&owned[1]) == EBUSY);
		counter++;
		unlock(&owned[1]);
		CHECK(pthread_mutex_unlock(&owned[1]) == EPERM);
	}
	go_waitgroup_done(&wg);
}

static void owners(void)
{
	pthread_mutexattr_t a;

	CHECK(pthread_mutexattr_init(&a) == 0);
	CHECK(pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE) == 0);
	CHECK(pthread_mutex_init(&owned[0], &a) == 0);
	CHECK(pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK) == 0);
	CHECK(pthread_mutex_init(&owned[1], &a) == 0);
	each(30, owns);
}

static void times_out(void *arg)
{
	int64_t begin = go_nanotime(), ns = (1 + (intptr_t)arg % 20) * MS;
	struct timespec at = in(CLOCK_REALTIME, ns);

	CHECK(pthread_mutex_timedlock(&mutex, &at) == ETIMEDOUT);
	CHECK(go_nanotime() - begin >= ns);
	CHECK(pthread_mutex_timedlock(&mutex, &at) == ETIMEDOUT); /* at once: it is past */
	at.tv_nsec = 1000000000;
	CHECK(pthread_mutex_timedlock(&mutex, &at) == EINVAL);
	at = in(CLOCK_REALTIME, MS);
	CHECK(pthread_rwlock_timedrdlock(&rwlock, &at) == ETIMEDOUT);
	at = in(CLOCK_REALTIME, MS);
	CHECK(pthread_rwlock_timedwrlock(&rwlock, &at) == ETIMEDOUT);
	go_waitgroup_done(&wg);
}

static void in_time(void *arg)
{
	struct timespec at = in(CLOCK_REALTIME, 50000 * MS);

	(void)arg;
	CHECK(pthread_mutex_timedlock(&mutex, &at) == 0);
	counter++;
	unlock(&mutex);
	CHECK(pthread_rwlock_timedrdlock(&rwlock, &at) == 0);
	CHECK(pthread_rwlock_unlock(&rwlock) == 0);
	CHECK(pthread_rwlock_timedwrlock(&rwlock, &at) == 0);
	CHECK(pthread_rwlock_unlock(&rwlock) == 0);
	go_waitgroup_done(&wg);
}

static void timed(void)
{
	lock(&mutex);
	CHECK(pthread_rwlock_wrlock(&rwlock) == 0);
	each(60, times_out);
	start(60, in_time);
	go_sleep(2 * MS);
	unlock(&mutex);
	CHECK(pthread_rwlock_unlock(&rwlock) == 0);
	go_waitgroup_wait(&wg);
	CHECK(counter == 60);
	few_threads();
}

/* ---- read-write lock ---- */

static int readers, writers;

static void reads_and_writes(void *arg)
{
	for (int i = 0; i < 10; i++) {
		bool write = ((intptr_t)arg + i) % 5 == 0;

		CHECK((write ? pthread_rwlock_wrlock : pthread_rwlock_rdlock)(&rwlock) == 0);
		__atomic_add_fetch(write ? &writers : &readers, 1, __ATOMIC_SEQ_CST);
		CHECK(writers == (write ? 1 : 0) && (!write || readers == 0));
		if (i % 3 == 0)
			go_sched();
		CHECK(writers == (write ? 1 : 0));
		__atomic_add_fetch(write ? &writers : &readers, -1, __ATOMIC_SEQ_CST);
		CHECK(pthread_rwlock_unlock(&rwlock) == 0);
	}
	go_waitgroup_done(&wg);
}

static void rwlocks(void)
{
	each(Many / 2, reads_and_writes);
	few_threads();
}

/* ---- cond ---- */

static int waiting, released;

static void waits(void *arg)
{
	(void)arg;
	lock(&mutex);
	waiting++;
	while (!released)
		CHECK(pthread_cond_wait(&cond, &mutex) == 0);
	released--;
	waiting--;
	unlock(&mutex);
	go_waitgroup_done(&wg);
}

static void until_waiting(int n)
{
	for (;;) {
		lock(&mutex);
		if (waiting == n)
			break;
		unlock(&mutex);
		go_sched();
	}
	unlock(&mutex);
}

static void conds(void)
{
	start(Many, waits);
	until_waiting(Many);
	few_threads();
	for (int i = 0; i < 100; i++) {
		lock(&mutex);
		released++;
		CHECK(pthread_cond_signal(&cond) == 0);
		unlock(&mutex);
	}
	until_waiting(Many - 100);
	lock(&mutex);
	released = waiting;
	CHECK(pthread_cond_broadcast(&cond) == 0);
	unlock(&mutex);
	go_waitgroup_wait(&wg);
	CHECK(waiting == 0 && released == 0);
	few_threads();
}

/* Time-outs and signals meet: a token that was signalled for is taken by somebody, always. */
static void takes_tokens(void *arg)
{
	int got = 0;

	while (got < 10) {
		struct timespec at = in(CLOCK_REALTIME, 20000 + (intptr_t)arg % 7 * 10000);
		int r = 0;

		lock(&mutex);
		while (!released && !r)
			r = pthread_cond_timedwait(&cond, &mutex, &at);
		CHECK(r == 0 || r == ETIMEDOUT);
		if (released) {
			released--;
			got++;
		}
		unlock(&mutex);
	}
	go_waitgroup_done(&wg);
}

static void gives_tokens(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++) {
		lock(&mutex);
		released++;
		unlock(&mutex);
		CHECK((i % 3 ? pthread_cond_signal : pthread_cond_broadcast)(&cond) == 0);
		if (i % 4 == 0)
			go_sleep(10000);
	}
	go_waitgroup_done(&wg);
}

static void cond_timeouts(void)
{
	start(20, takes_tokens);
	each(2, gives_tokens);
	CHECK(released == 0);
}

static void cond_clock(void)
{
	pthread_condattr_t a;
	pthread_cond_t c;
	struct timespec at;
	int64_t begin = go_nanotime();

	CHECK(pthread_condattr_init(&a) == 0);
	CHECK(pthread_condattr_setclock(&a, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&c, &a) == 0);
	lock(&mutex);
	at = in(CLOCK_MONOTONIC, 5 * MS);
	CHECK(pthread_cond_timedwait(&c, &mutex, &at) == ETIMEDOUT);
	CHECK(go_nanotime() - begin >= 5 * MS && go_nanotime() - begin < 20000 * MS);
	at.tv_nsec = -1;
	CHECK(pthread_cond_timedwait(&c, &mutex, &at) == EINVAL);
	unlock(&mutex);
	CHECK(pthread_cond_destroy(&c) == 0);
}

/* Who is the last to leave frees it all at once, as POSIX allows. */
struct room {
	pthread_mutex_t m;
	pthread_cond_t c;
	bool open;
	int inside;
};

static void leaves_room(void *arg)
{
	struct room *r = arg;
	bool last;

	lock(&r->m);
	r->inside++;
	while (!r->open)
		CHECK(pthread_cond_wait(&r->c, &r->m) == 0);
	last = --r->inside == 0;
	unlock(&r->m);
	if (last) {
		pthread_cond_destroy(&r->c);
		pthread_mutex_destroy(&r->m);
		memset(r, 0xee, sizeof *r);
		free(r);
		go_waitgroup_done(&wg);
	}
}

static void cond_freed(void)
{
	for (int i = 0; i < 100; i++) {
		struct room *r = calloc(1, sizeof *r);
		int n = 0;

		pthread_mutex_init(&r->m, NULL);
		pthread_cond_init(&r->c, NULL);
		go_waitgroup_add(&wg, 1);
		for (int k = 0; k < 8; k++)
			go(leaves_room, r);
		while (n < 8) {
			go_sched();
			lock(&r->m);
			n = r->inside;
			if (n == 8) {
				r->open = true;
				CHECK(pthread_cond_broadcast(&r->c) == 0);
			}
			unlock(&r->m);
		}
		go_waitgroup_wait(&wg);
	}
}

static void *waits_for_ever(void *arg)
{
	lock(&mutex);
	pthread_cleanup_push((void (*)(void *))unlock, &mutex);
	waiting++;
	for (;;)
		CHECK(pthread_cond_wait(&cond, &mutex) == 0);
	pthread_cleanup_pop(1);
	return arg;
}

/* A cancelled thread holds the mutex again when its handlers run. */
static void cond_cancelled(void)
{
	void *result;
	pthread_t t;

	for (int i = 0; i < 10; i++) {
		waiting = 0;
		CHECK(pthread_create(&t, NULL, waits_for_ever, NULL) == 0);
		until_waiting(1);
		CHECK(pthread_cancel(t) == 0);
		CHECK(pthread_join(t, &result) == 0 && result == PTHREAD_CANCELED);
		lock(&mutex);
		unlock(&mutex);
	}
}

/* ---- barrier ---- */

static int arrived, serials;

static void meets(void *arg)
{
	for (int round = 1; round <= 3; round++) {
		int r;

		__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
		r = pthread_barrier_wait(&barrier);
		CHECK(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
		CHECK(__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) >= round * Many);
		if (r)
			__atomic_add_fetch(&serials, 1, __ATOMIC_SEQ_CST);
	}
	(void)arg;
	go_waitgroup_done(&wg);
}

static void barriers(void)
{
	CHECK(pthread_barrier_init(&barrier, NULL, Many) == 0);
	start(Many - 1, meets);
	yield(10);
	go_sleep(5 * MS);
	few_threads();
	go_waitgroup_add(&wg, 1);
	go(meets, NULL);
	go_waitgroup_wait(&wg);
	CHECK(serials == 3 && arrived == 3 * Many);
	few_threads();
	CHECK(pthread_barrier_destroy(&barrier) == 0);
}

static void meets_once(void *arg)
{
	pthread_barrier_t *b = arg;

	if (pthread_barrier_wait(b)) { /* it may go as soon as one knows that all are there */
		CHECK(pthread_barrier_destroy(b) == 0);
		memset(b, 0xee, sizeof *b);
		free(b);
	}
	go_waitgroup_done(&wg);
}

static void barrier_freed(void)
{
	for (int i = 0; i < 200; i++) {
		pthread_barrier_t *b = malloc(sizeof *b);

		CHECK(pthread_barrier_init(b, NULL, 4) == 0);
		go_waitgroup_add(&wg, 4);
		for (int k = 0; k < 4; k++)
			go(meets_once, b);
		go_waitgroup_wait(&wg);
	}
}

/* ---- once ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT, broken_once = PTHREAD_ONCE_INIT;
static once_flag flag = ONCE_FLAG_INIT;
static int inits;

static void slow_init(void)
{
	go_sleep(5 * MS);
	inits++;
}

static void wants_init(void *arg)
{
	CHECK(pthread_once(&once, slow_init) == 0);
	CHECK(inits >= 1);
	call_once(&flag, slow_init);
	CHECK(inits == 2);
	(void)arg;
	go_waitgroup_done(&wg);
}

static void gives_up(void)
{
	inits++;
	if (inits == 3)
		pthread_exit(NULL);
}

static void tries_init(void *arg)
{
	(void)arg;
	pthread_once(&broken_once, gives_up);
	CHECK(inits == 4);
	go_waitgroup_done(&wg);
}

static void onces(void)
{
	int n = go_num_goroutine();

	each(Many, wants_init);
	few_threads();
	go_waitgroup_add(&wg, 19); /* the first one ends inside, the next one does it */
	for (int i = 0; i < 20; i++)
		go(tries_init, NULL);
	go_waitgroup_wait(&wg);
	wait_for_goroutines(n);
}

/* ---- with threads ---- */

enum { Threads = 4, Rounds = 100 };

static int turn;

static void take_part(int me, int n)
{
	for (int i = 0; i < Rounds; i++) {
		lock(&mutex);
		while (turn % n != me)
			CHECK(pthread_cond_wait(&cond, &mutex) == 0);
		turn++;
		CHECK(pthread_cond_broadcast(&cond) == 0);
		unlock(&mutex);
		CHECK(pthread_rwlock_wrlock(&rwlock) == 0);
		counter++;
		CHECK(pthread_rwlock_unlock(&rwlock) == 0);
		CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
		CHECK(counter > 0);
		CHECK(pthread_rwlock_unlock(&rwlock) == 0);
		pthread_barrier_wait(&barrier);
	}
}

static void *thread_part(void *arg)
{
	take_part((int)(intptr_t)arg, 2 * Threads);
	return arg;
}

static void goroutine_part(void *arg)
{
	take_part(Threads + (int)(intptr_t)arg, 2 * Threads);
	go_waitgroup_done(&wg);
}

static void together(void)
{
	pthread_t t[Threads];

	for (intptr_t i = 0; i < Threads; i++)
		CHECK(pthread_create(&t[i], NULL, thread_part, (void *)i) == 0);
	each(Threads, goroutine_part);
	for (int i = 0; i < Threads; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(turn == 2 * Threads * Rounds && counter == turn);
}

static void with_threads(void)
{
	CHECK(pthread_barrier_init(&barrier, NULL, 2 * Threads) == 0);
	together();
}

/* The same with objects that other processes could use. */
static void shared(void)
{
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;
	pthread_rwlockattr_t ra;
	pthread_barrierattr_t ba;

	CHECK(pthread_mutexattr_init(&ma) == 0 && pthread_mutexattr_setpshared(&ma, 1) == 0);
	CHECK(pthread_mutexattr_settype(&ma, PTHREAD_MUTEX_ERRORCHECK) == 0);
	CHECK(pthread_mutex_init(&mutex, &ma) == 0);
	CHECK(pthread_condattr_init(&ca) == 0 && pthread_condattr_setpshared(&ca, 1) == 0);
	CHECK(pthread_cond_init(&cond, &ca) == 0);
	CHECK(pthread_rwlockattr_init(&ra) == 0 && pthread_rwlockattr_setpshared(&ra, 1) == 0);
	CHECK(pthread_rwlock_init(&rwlock, &ra) == 0);
	CHECK(pthread_barrierattr_init(&ba) == 0 && pthread_barrierattr_setpshared(&ba, 1) == 0);
	CHECK(pthread_barrier_init(&barrier, &ba, 2 * Threads) == 0);
	together();
	CHECK(pthread_barrier_destroy(&barrier) == 0);
	CHECK(pthread_cond_destroy(&cond) == 0);
	CHECK(pthread_mutex_destroy(&mutex) == 0);
}

/* ---- robust ---- */

static pthread_mutex_t robust;
static bool held;

static void *dies_holding(void *arg)
{
	CHECK(pthread_mutex_lock(&robust) == 0);
	__atomic_store_n(&held, true, __ATOMIC_SEQ_CST);
	usleep(3000); /* so that others wait for it */
	return arg;
}

static void goroutine_dies(void *arg)
{
	CHECK(pthread_mutex_lock(&robust) == 0);
	__atomic_store_n(&held, true, __ATOMIC_SEQ_CST);
	go_sleep(3 * MS);
	(void)arg;
	go_waitgroup_done(&wg);
}

static void inherits(void *arg)
{
	int r = pthread_mutex_lock(&robust);

	CHECK(r == 0 || r == EOWNERDEAD);
	if (r) {
		CHECK(pthread_mutex_consistent(&robust) == 0);
		counter++;
	}
	go_sched();
	unlock(&robust);
	(void)arg;
	go_waitgroup_done(&wg);
}

static void until_held(void)
{
	while (!__atomic_exchange_n(&held, false, __ATOMIC_SEQ_CST))
		go_sched();
}

static void robusts(void)
{
	pthread_mutexattr_t a;
	pthread_t t;

	CHECK(pthread_mutexattr_init(&a) == 0);
	CHECK(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) == 0);
	CHECK(pthread_mutex_init(&robust, &a) == 0);
	for (int i = 0; i < 5; i++) {
		counter = 0;
		CHECK(pthread_create(&t, NULL, dies_holding, NULL) == 0);
		until_held();
		each(10, inherits);
		CHECK(pthread_join(t, NULL) == 0);
		CHECK(counter == 1);
		start(1, goroutine_dies);
		until_held();
		each(10, inherits);
		CHECK(counter == 2);
	}
}

/* ---- spin lock and yields ---- */

static pthread_spinlock_t spinlock;

static void spins(void *arg)
{
	for (int i = 0; i < 20; i++) {
		int64_t was;

		CHECK(pthread_spin_lock(&spinlock) == 0);
		was = counter;
		if (i % 5 == 0)
			go_sched(); /* the others find it held, by one that waits for their p */
		counter = was + 1;
		CHECK(pthread_spin_unlock(&spinlock) == 0);
	}
	(void)arg;
	go_waitgroup_done(&wg);
}

static void spinlocks(void)
{
	CHECK(pthread_spin_init(&spinlock, 0) == 0);
	each(50, spins);
	CHECK(counter == 1000);
}

static void passes(void *arg)
{
	int me = (int)(intptr_t)arg;

	for (int i = 0; i < 50; i++) {
		while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) % 10 != me)
			i % 2 ? (void)sched_yield() : thrd_yield();
		__atomic_add_fetch(&turn, 1, __ATOMIC_SEQ_CST);
	}
	go_waitgroup_done(&wg);
}

static void yields(void)
{
	each(10, passes);
	CHECK(turn == 500);
}

/* ---- semaphores ---- */

static sem_t sem, done;

static void sem_user(void *arg)
{
	struct timespec at = in(CLOCK_REALTIME, 50000 * MS);

	CHECK(((intptr_t)arg % 2 ? sem_wait(&sem) : sem_timedwait(&sem, &at)) == 0);
	CHECK(sem_post(&done) == 0);
	go_waitgroup_done(&wg);
}

static void sems(void)
{
	struct timespec at = in(CLOCK_REALTIME, 2 * MS);

	CHECK(sem_init(&sem, 0, 0) == 0 && sem_init(&done, 0, 0) == 0);
	CHECK(sem_timedwait(&sem, &at) == -1 && errno == ETIMEDOUT);
	start(50, sem_user);
	for (int i = 0; i < 50; i++) {
		CHECK(sem_post(&sem) == 0);
		CHECK(sem_wait(&done) == 0);
	}
	go_waitgroup_wait(&wg);
}

static void posts(int sig)
{
	(void)sig;
	sem_post(&sem);
}

/* What a handler may do. */
static void sem_of_a_handler(void)
{
	struct itimerval in2ms = {{0, 0}, {0, 2000}};

	CHECK(sem_init(&sem, 0, 0) == 0);
	signal(SIGALRM, posts);
	for (int i = 0; i < 5; i++) {
		CHECK(setitimer(ITIMER_REAL, &in2ms, NULL) == 0);
		while (sem_wait(&sem) != 0)
			CHECK(errno == EINTR);
	}
}

/* ---- C11 ---- */

static mtx_t c11_mutex;
static cnd_t c11_cond;
static tss_t c11_key;

static void c11_user(void *arg)
{
	struct timespec at;
	int r;

	CHECK(tss_set(c11_key, arg) == thrd_success);
	CHECK(mtx_lock(&c11_mutex) == thrd_success);
	CHECK(mtx_lock(&c11_mutex) == thrd_success); /* recursive */
	go_sched();
	CHECK(mtx_unlock(&c11_mutex) == thrd_success);
	while (turn < 10)
		CHECK(cnd_wait(&c11_cond, &c11_mutex) == thrd_success);
	do { /* the last broadcast may be on its way */
		at = in(CLOCK_REALTIME, MS);
		r = cnd_timedwait(&c11_cond, &c11_mutex, &at);
	} while (r == thrd_success);
	CHECK(r == thrd_timedout);
	CHECK(mtx_unlock(&c11_mutex) == thrd_success);
	CHECK(tss_get(c11_key) == arg);
	go_waitgroup_done(&wg);
}

static int c11_thread(void *arg)
{
	for (int i = 0; i < 10; i++) {
		CHECK(mtx_lock(&c11_mutex) == thrd_success);
		turn++;
		CHECK(mtx_unlock(&c11_mutex) == thrd_success);
		CHECK(cnd_broadcast(&c11_cond) == thrd_success);
		thrd_yield();
	}
	(void)arg;
	return 77;
}

static void c11(void)
{
	struct timespec at;
	thrd_t t;
	int r;

	CHECK(mtx_init(&c11_mutex, mtx_timed | mtx_recursive) == thrd_success);
	CHECK(cnd_init(&c11_cond) == thrd_success);
	CHECK(tss_create(&c11_key, NULL) == thrd_success);
	start(40, c11_user);
	CHECK(thrd_create(&t, c11_thread, NULL) == thrd_success);
	CHECK(thrd_join(t, &r) == thrd_success && r == 77);
	go_waitgroup_wait(&wg);
	CHECK(mtx_init(&c11_mutex, mtx_timed) == thrd_success);
	at = in(CLOCK_REALTIME, MS);
	CHECK(mtx_lock(&c11_mutex) == thrd_success);
	CHECK(mtx_timedlock(&c11_mutex, &at) == thrd_timedout);
	CHECK(mtx_unlock(&c11_mutex) == thrd_success);
	tss_delete(c11_key);
}

/* ---- no more threads ---- */

static void without_threads(void)
{
	each(1, adds); /* the first goroutine starts sysmon, without which nothing goes */
	counter = 0;
	refuse(SYS_clone, EAGAIN);
	mutex_held_long();
	conds();
	barriers();
	rwlocks();
	yields();
}

/* ---- deadlock ---- */

static void locks_it(void *arg)
{
	(void)arg;
	lock(&mutex);
}

static void deadlock(void)
{
	static pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;

	lock(&mutex);
	lock(&other);
	go(locks_it, NULL);
	pthread_cond_wait(&cond, &other);
}

static void ends_it(int sig)
{
	(void)sig;
	print("ok\n");
	_exit(0);
}

/* Nobody will signal; but a handler ends the program, as it would under plain musl. */
static void handler_ends_it(void)
{
	struct itimerval in20ms = {{0, 0}, {0, 20000}};

	signal(SIGALRM, ends_it);
	CHECK(setitimer(ITIMER_REAL, &in20ms, NULL) == 0);
	lock(&mutex);
	for (;;)
		pthread_cond_wait(&cond, &mutex);
}

const struct testcase cases[] = {
	{"mutex_normal", mutex_normal},
	{"mutex_recursive", mutex_recursive},
	{"mutex_errorcheck", mutex_errorcheck},
	{"mutex_held_long", mutex_held_long},
	{"owners", owners},
	{"timed", timed},
	{"rwlocks", rwlocks},
	{"conds", conds},
	{"cond_timeouts", cond_timeouts},
	{"cond_clock", cond_clock},
	{"cond_freed", cond_freed},
	{"cond_cancelled", cond_cancelled},
	{"barriers", barriers},
	{"barrier_freed", barrier_freed},
	{"onces", onces},
	{"with_threads", with_threads},
	{"shared", shared},
	{"robusts", robusts},
	{"spinlocks", spinlocks},
	{"yields", yields},
	{"sems", sems},
	{"sem_of_a_handler", sem_of_a_handler},
	{"c11", c11},
	{"without_threads", without_threads},
	{"handler_ends_it", handler_ends_it},
	{"deadlock", deadlock},
	{NULL, NULL},
};
