/* SPDX-License-Identifier: MIT */
/* corners.c - pthread programs that are hard on a scheduler: every call from goroutines, in crowds. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <threads.h>

#include "waits.h"

static go_waitgroup wg;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t sem;
static int counter;

static int add(int *p, int n) { return __atomic_add_fetch(p, n, __ATOMIC_SEQ_CST); }
static int get(int *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }

static void start(int n, void (*fn)(void *))
{
	go_waitgroup_add(&wg, n);
	for (intptr_t i = 0; i < n; i++)
		go(fn, (void *)i);
}

static void make(pthread_mutex_t *m, int type, int robust, int shared)
{
	pthread_mutexattr_t a;

	CHECK(pthread_mutexattr_init(&a) == 0 && pthread_mutexattr_settype(&a, type) == 0);
	CHECK(pthread_mutexattr_setrobust(&a, robust) == 0 && pthread_mutexattr_setpshared(&a, shared) == 0);
	CHECK(pthread_mutex_init(m, &a) == 0);
}

/* ---- robust: the owner ends while many wait ---- */

enum { Waiters = 12 };
static pthread_mutex_t robust;
static int dead, lost, consistent;

static void dies_holding(void *arg)
{
	CHECK(pthread_mutex_lock(&robust) == 0);
	go_waitgroup_done(&wg);
	go_sleep(3 * MS);
	(void)arg; /* ends with it */
}

static void waits_for_dead(void *arg)
{
	int r = pthread_mutex_lock(&robust);

	(void)arg;
	if (r == EOWNERDEAD) {
		add(&dead, 1);
		if (consistent)
			CHECK(pthread_mutex_consistent(&robust) == 0);
	} else if (r == ENOTRECOVERABLE) {
		add(&lost, 1);
		go_waitgroup_done(&wg);
		return;
	} else {
		CHECK(r == 0);
	}
	go_sched();
	CHECK(pthread_mutex_unlock(&robust) == 0);
	go_waitgroup_done(&wg);
}

static void robusts(void)
{
	static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK};

	for (int i = 0; i < 6; i++) {
		make(&robust, types[i % 3], PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
		dead = lost = 0;
		consistent = i < 3;
		start(1, dies_holding);
		go_waitgroup_wait(&wg);
		CHECK(pthread_mutex_trylock(&robust) == EBUSY);
		start(Waiters, waits_for_dead);
		go_waitgroup_wait(&wg);
		CHECK(dead == 1 && lost == (consistent ? 0 : Waiters - 1));
		CHECK(pthread_mutex_trylock(&robust) == (consistent ? 0 : ENOTRECOVERABLE));
	}
}

/* ---- owners that are never on the same thread twice ---- */

static pthread_mutex_t recursive, checked;

static void nests(void *arg)
{
	for (int i = 0; i < 10; i++) {
		int depth = 1 + (int)(intptr_t)arg % 5;

		for (int d = 0; d < depth; d++) {
			CHECK(pthread_mutex_lock(&recursive) == 0);
			usleep(50);
		}
		CHECK(counter++ == 0);
		go_sched();
		CHECK(--counter == 0);
		for (int d = 0; d < depth; d++) {
			CHECK(pthread_mutex_unlock(&recursive) == 0);
			go_sched();
		}
		if (pthread_mutex_trylock(&checked) != 0)
			CHECK(pthread_mutex_lock(&checked) == 0);
		usleep(50);
		CHECK(pthread_mutex_lock(&checked) == EDEADLK && pthread_mutex_trylock(&checked) == EBUSY);
		CHECK(pthread_mutex_unlock(&checked) == 0);
		CHECK(pthread_mutex_unlock(&checked) == EPERM);
	}
	go_waitgroup_done(&wg);
}

static void owners(void)
{
	make(&recursive, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	make(&checked, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
	start(20, nests);
	go_waitgroup_wait(&wg);
}

/* ---- time limits ---- */

static pthread_mutex_t held;
static pthread_rwlock_t read_held, write_held;

static void times_out(void *arg)
{
	int64_t ns = (5 + (intptr_t)arg % 7) * MS, begin = go_nanotime();
	struct timespec at = in(CLOCK_REALTIME, ns);
	int r;

	switch ((intptr_t)arg % 5) {
	case 0:
		r = pthread_mutex_timedlock(&held, &at);
		break;
	case 1:
		r = pthread_rwlock_timedrdlock(&write_held, &at);
		break;
	case 2:
		r = pthread_rwlock_timedwrlock(&read_held, &at);
		break;
	case 3:
		r = sem_timedwait(&sem, &at) ? errno : 0;
		break;
	default:
		CHECK(pthread_mutex_lock(&mutex) == 0);
		r = pthread_cond_timedwait(&cond, &mutex, &at);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
	}
	CHECK(r == ETIMEDOUT && go_nanotime() - begin >= ns - MS);
	go_waitgroup_done(&wg);
}

static void limits(void)
{
	CHECK(pthread_mutex_init(&held, NULL) == 0 && pthread_mutex_lock(&held) == 0);
	CHECK(pthread_rwlock_init(&read_held, NULL) == 0 && pthread_rwlock_rdlock(&read_held) == 0);
	CHECK(pthread_rwlock_init(&write_held, NULL) == 0 && pthread_rwlock_wrlock(&write_held) == 0);
	CHECK(sem_init(&sem, 0, 0) == 0);
	start(100, times_out);
	go_waitgroup_wait(&wg);
	CHECK(pthread_rwlock_tryrdlock(&read_held) == 0 && pthread_rwlock_unlock(&read_held) == 0);
	CHECK(pthread_rwlock_unlock(&read_held) == 0 && pthread_rwlock_trywrlock(&read_held) == 0);
	CHECK(pthread_mutex_unlock(&held) == 0 && pthread_mutex_trylock(&held) == 0);
	CHECK(sem_post(&sem) == 0 && sem_trywait(&sem) == 0);
}

/* ---- crowds ---- */

enum { Meeting = 50, Rounds = 30 };
static pthread_barrier_t barrier;
static int serial[Rounds];

static void meets(void *arg)
{
	(void)arg;
	for (int i = 0; i < Rounds; i++) {
		add(&counter, 1);
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			add(&serial[i], 1);
		CHECK(get(&counter) >= (i + 1) * Meeting);
	}
	go_waitgroup_done(&wg);
}

static void barriers(void)
{
	CHECK(pthread_barrier_init(&barrier, NULL, Meeting) == 0);
	start(Meeting, meets);
	go_waitgroup_wait(&wg);
	for (int i = 0; i < Rounds; i++)
		CHECK(serial[i] == 1);
	CHECK(pthread_barrier_destroy(&barrier) == 0);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int tries;

/* The first two do not finish. */
static void initialises(void)
{
	struct timespec t = {0, 2 * MS};

	tries++;
	nanosleep(&t, NULL);
	if (tries <= 2)
		pthread_exit(NULL);
	counter++;
}

static void done(void *arg)
{
	(void)arg;
	go_waitgroup_done(&wg);
}

static void calls_once(void *arg)
{
	pthread_cleanup_push(done, arg);
	CHECK(pthread_once(&once, initialises) == 0);
	CHECK(counter == 1);
	pthread_cleanup_pop(1);
}

static void *thread_calls_once(void *arg)
{
	CHECK(pthread_once(&once, initialises) == 0 && counter == 1);
	return arg;
}

static void gone(void *arg)
{
	pthread_cleanup_push(done, arg);
	pthread_once(&once, initialises);
	CHECK(!"went on");
	pthread_cleanup_pop(0);
}

static void onces(void)
{
	pthread_t t[2];

	start(1, gone);
	while (get(&tries) == 0)
		go_sched();
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, thread_calls_once, NULL) == 0);
	start(100, calls_once);
	go_waitgroup_wait(&wg);
	CHECK(counter == 1 && tries == 3);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
}

static int writes, readers, writers;

static void reads(void *arg)
{
	for (int i = 0; i < 10; i++) {
		CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
		add(&readers, 1);
		CHECK(get(&writers) == 0);
		if (i % 3 == 0)
			go_sched();
		add(&readers, -1);
		CHECK(pthread_rwlock_unlock(&rwlock) == 0);
		if ((intptr_t)arg % 4 == 0)
			usleep(10);
	}
	go_waitgroup_done(&wg);
}

static void changes(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++) {
		CHECK(pthread_rwlock_wrlock(&rwlock) == 0);
		CHECK(add(&writers, 1) == 1 && get(&readers) == 0);
		writes++;
		if (i % 5 == 0)
			go_sched();
		add(&writers, -1);
		CHECK(pthread_rwlock_unlock(&rwlock) == 0);
	}
	go_waitgroup_done(&wg);
}

static void rwlocks(void)
{
	start(200, reads);
	start(4, changes);
	go_waitgroup_wait(&wg);
	CHECK(writes == 200 && pthread_rwlock_trywrlock(&rwlock) == 0);
}

enum { Crowd = 1000 };
static int waiting, woken;
static bool goes;

static void waits(void *arg)
{
	(void)arg;
	CHECK(pthread_mutex_lock(&mutex) == 0);
	waiting++;
	while (!goes)
		CHECK(pthread_cond_wait(&cond, &mutex) == 0);
	woken++;
	CHECK(pthread_mutex_unlock(&mutex) == 0);
	go_waitgroup_done(&wg);
}

static void broadcasts(void)
{
	for (int round = 1; round <= 3; round++) {
		goes = false;
		start(Crowd, waits);
		for (int all = 0; !all; go_sched()) {
			CHECK(pthread_mutex_lock(&mutex) == 0);
			if ((all = waiting == round * Crowd)) {
				goes = true;
				CHECK(pthread_cond_broadcast(&cond) == 0);
			}
			CHECK(pthread_mutex_unlock(&mutex) == 0);
		}
		go_waitgroup_wait(&wg);
		CHECK(woken == round * Crowd);
	}
}

/* ---- C11 ---- */

static mtx_t mtx;
static cnd_t cnd;
static once_flag flag = ONCE_FLAG_INIT;
static tss_t tss;
static int ends;

static void destroys(void *p)
{
	CHECK(p == &tss);
	add(&ends, 1);
}

static void counts(void)
{
	go_sched();
	counter++;
}

static void c11_goroutine(void *arg)
{
	struct timespec at = in(CLOCK_REALTIME, 2 * MS);

	call_once(&flag, counts);
	CHECK(counter == 1 && tss_get(tss) == NULL && tss_set(tss, &tss) == thrd_success);
	if ((intptr_t)arg % 2) {
		CHECK(mtx_timedlock(&mtx, &at) == thrd_timedout);
	} else {
		mtx_t own;

		CHECK(mtx_init(&own, mtx_plain) == thrd_success && mtx_lock(&own) == thrd_success);
		CHECK(cnd_timedwait(&cnd, &own, &at) == thrd_timedout);
		CHECK(mtx_unlock(&own) == thrd_success);
	}
	CHECK(thrd_equal(thrd_current(), thrd_current()) && tss_get(tss) == &tss);
	go_waitgroup_done(&wg);
}

static void c11(void)
{
	CHECK(mtx_init(&mtx, mtx_timed | mtx_recursive) == thrd_success && cnd_init(&cnd) == thrd_success);
	CHECK(tss_create(&tss, destroys) == thrd_success);
	CHECK(mtx_lock(&mtx) == thrd_success && mtx_lock(&mtx) == thrd_success);
	start(40, c11_goroutine);
	go_waitgroup_wait(&wg);
	wait_for_goroutines(1);
	CHECK(ends == 40);
	CHECK(mtx_unlock(&mtx) == thrd_success && mtx_unlock(&mtx) == thrd_success);
}

/* ---- threads and goroutines on one queue ---- */

enum { Items = 3000, Takers = 12, Givers = 12 };
static int queue[4], queued, sum;
static pthread_cond_t notempty = PTHREAD_COND_INITIALIZER, notfull = PTHREAD_COND_INITIALIZER;
static sem_t room;

static void puts_items(int n)
{
	for (int i = 0; i < n; i++) {
		while (sem_wait(&room) != 0)
			;
		CHECK(pthread_mutex_lock(&mutex) == 0);
		while (queued == nelem(queue))
			CHECK(pthread_cond_wait(&notfull, &mutex) == 0);
		queue[queued++] = i;
		CHECK(pthread_cond_signal(&notempty) == 0);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
	}
}

static void takes_items(int n)
{
	for (int i = 0; i < n; i++) {
		CHECK(pthread_mutex_lock(&mutex) == 0);
		while (!queued)
			CHECK(pthread_cond_wait(&notempty, &mutex) == 0);
		sum += queue[--queued];
		CHECK(pthread_cond_signal(&notfull) == 0);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
		CHECK(sem_post(&room) == 0);
	}
}

static void goroutine_puts(void *arg) { puts_items(Items / Givers), done(arg); }
static void goroutine_takes(void *arg) { takes_items(Items / Takers), done(arg); }
static void *thread_puts(void *arg) { return puts_items(Items / Givers), arg; }
static void *thread_takes(void *arg) { return takes_items(Items / Takers), arg; }

static void mixed(void)
{
	int each = Items / Givers;
	pthread_t t[4];

	CHECK(sem_init(&room, 0, 3) == 0);
	start(Givers - 2, goroutine_puts);
	start(Takers - 2, goroutine_takes);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, i % 2 ? thread_puts : thread_takes, NULL) == 0);
	go_waitgroup_wait(&wg);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(!queued && sum == Givers * each * (each - 1) / 2);
}

/* ---- between processes ---- */

struct shared {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	sem_t sem;
	int turn, count;
};
static struct shared *sh;

static void takes_turns(int mine)
{
	for (int i = 0; i < 50; i++) {
		CHECK(pthread_mutex_lock(&sh->mutex) == 0);
		while (sh->turn % 2 != mine)
			CHECK(pthread_cond_wait(&sh->cond, &sh->mutex) == 0);
		sh->turn++;
		CHECK(pthread_cond_signal(&sh->cond) == 0);
		CHECK(pthread_mutex_unlock(&sh->mutex) == 0);
	}
}

static void counts_shared(void *arg)
{
	for (int i = 0; i < 100; i++) {
		int r = pthread_mutex_lock(&sh->mutex), was = sh->count;

		CHECK(r == 0);
		if (i % 10 == 0)
			go_sched();
		sh->count = was + 1;
		CHECK(pthread_mutex_unlock(&sh->mutex) == 0);
	}
	done(arg);
}

static void ends_with_shared(void *arg)
{
	CHECK(pthread_mutex_lock(&sh->mutex) == 0);
	CHECK(sem_post(&sh->sem) == 0);
	go_sleep(2 * MS); /* the other process waits */
	(void)arg; /* ends with it */
}

static void both(int mine)
{
	start(6, counts_shared);
	go_waitgroup_wait(&wg);
	pthread_barrier_wait(&sh->barrier);
	takes_turns(mine);
}

static void processes(void)
{
	pthread_condattr_t c;
	pthread_barrierattr_t b;
	pid_t pid;
	int status;

	sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(sh != MAP_FAILED && sem_init(&sh->sem, 1, 0) == 0);
	make(&sh->mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
	pthread_condattr_init(&c), pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED);
	CHECK(pthread_cond_init(&sh->cond, &c) == 0);
	pthread_barrierattr_init(&b), pthread_barrierattr_setpshared(&b, PTHREAD_PROCESS_SHARED);
	CHECK(pthread_barrier_init(&sh->barrier, &b, 2) == 0);
	CHECK((pid = fork()) >= 0);
	if (pid == 0) {
		both(1);
		go(ends_with_shared, NULL);
		wait_for_goroutines(1);
		_exit(0);
	}
	both(0);
	while (sem_wait(&sh->sem) != 0)
		;
	CHECK(pthread_mutex_lock(&sh->mutex) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(&sh->mutex) == 0 && pthread_mutex_unlock(&sh->mutex) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(sh->count == 1200 && sh->turn == 100);
}

/* ---- signals ---- */

static pthread_t target;
static __thread volatile sig_atomic_t mine;

static void marks(int sig)
{
	(void)sig;
	mine++;
	CHECK(sem_post(&sem) == 0);
}

static bool lets;

static void waits_in(int how)
{
	struct timespec at = in(CLOCK_REALTIME, 30 * 1000 * MS);

	switch (how) {
	case 0:
		CHECK(pthread_mutex_lock(&held) == 0 && pthread_mutex_unlock(&held) == 0);
		break;
	case 1:
		CHECK(pthread_rwlock_rdlock(&write_held) == 0 && pthread_rwlock_unlock(&write_held) == 0);
		break;
	case 2:
		CHECK(pthread_mutex_lock(&mutex) == 0);
		while (!lets)
			CHECK(pthread_cond_timedwait(&cond, &mutex, &at) == 0);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
		break;
	default:
		pthread_barrier_wait(&barrier);
	}
}

static void is_killed(void *arg)
{
	__atomic_store_n(&target, pthread_self(), __ATOMIC_SEQ_CST);
	waits_in((int)(intptr_t)arg);
	CHECK(mine == 5);
	go_waitgroup_done(&wg);
}

static void let_go(void)
{
	CHECK(pthread_mutex_unlock(&held) == 0 && pthread_rwlock_unlock(&write_held) == 0);
	CHECK(pthread_mutex_lock(&mutex) == 0);
	lets = true;
	CHECK(pthread_cond_broadcast(&cond) == 0 && pthread_mutex_unlock(&mutex) == 0);
}

/* The handler of one that is parked runs at once, on it, and it waits on. */
static void kills(void)
{
	struct sigaction sa = {.sa_handler = marks, .sa_flags = SA_RESTART};

	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0 && sem_init(&sem, 0, 0) == 0);
	CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
	CHECK(pthread_mutex_init(&held, NULL) == 0 && pthread_mutex_lock(&held) == 0);
	CHECK(pthread_rwlock_init(&write_held, NULL) == 0 && pthread_rwlock_wrlock(&write_held) == 0);
	for (intptr_t how = 0; how < 4; how++) {
		target = NULL;
		go_waitgroup_add(&wg, 1);
		go(is_killed, (void *)how);
		while (!__atomic_load_n(&target, __ATOMIC_SEQ_CST))
			go_sched();
		for (int i = 0; i < 5; i++) {
			if (i > 2)
				go_sleep(MS);
			CHECK(pthread_kill(target, SIGUSR1) == 0);
			while (sem_wait(&sem) != 0)
				;
		}
	}
	let_go();
	pthread_barrier_wait(&barrier);
	go_waitgroup_wait(&wg);
	CHECK(mine == 0);
}

static int posted;

static void posts(int sig)
{
	(void)sig;
	posted++;
	CHECK(sem_post(&sem) == 0);
}

static void takes(void *arg)
{
	for (int i = 0; i < 20; i++)
		while (sem_wait(&sem) != 0)
			CHECK(errno == EINTR);
	done(arg);
}

static void posts_from_handlers(void)
{
	struct itimerval tick = {{0, 300}, {0, 300}}, no = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_handler = posts};

	CHECK(sem_init(&sem, 0, 0) == 0 && sigaction(SIGALRM, &sa, NULL) == 0);
	start(10, takes);
	CHECK(setitimer(ITIMER_REAL, &tick, NULL) == 0);
	go_waitgroup_wait(&wg);
	CHECK(setitimer(ITIMER_REAL, &no, NULL) == 0 && posted >= 200);
}

/* ---- spin locks ---- */

static pthread_spinlock_t spin;

static void spins(void *arg)
{
	for (int i = 0; i < 100; i++) {
		int was;

		CHECK(pthread_spin_lock(&spin) == 0);
		was = counter;
		if (i % 20 == 0)
			go_sched(); /* its holder is off its p */
		counter = was + 1;
		CHECK(pthread_spin_unlock(&spin) == 0);
	}
	done(arg);
}

static void spinlocks(void)
{
	CHECK(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE) == 0);
	start(30, spins);
	go_waitgroup_wait(&wg);
	CHECK(counter == 3000 && pthread_spin_trylock(&spin) == 0 && pthread_spin_trylock(&spin) == EBUSY);
}

/* ---- forks ---- */

static int before, parent, child;

static void prepares(void)
{
	CHECK(pthread_mutex_lock(&mutex) == 0);
	before++;
}

static void in_parent(void)
{
	parent++;
	CHECK(pthread_mutex_unlock(&mutex) == 0);
}

static void in_child(void)
{
	child++;
	CHECK(pthread_mutex_unlock(&mutex) == 0);
}

static void works_in_child(void *arg)
{
	CHECK(pthread_mutex_lock(&mutex) == 0);
	counter++;
	CHECK(pthread_mutex_unlock(&mutex) == 0);
	done(arg);
}

static void forks(void *arg)
{
	int status;
	pid_t pid;

	for (int i = 0; i < 5; i++) {
		CHECK((pid = fork()) >= 0);
		if (pid == 0) {
			go_waitgroup group = {0};

			CHECK(child == 1 && before >= 1);
			wg = group;
			counter = 0;
			start(5, works_in_child);
			go_waitgroup_wait(&wg);
			CHECK(counter == 5);
			_exit(7);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	}
	done(arg);
}

/* The handlers take the lock that other goroutines want all the time. */
static void atforks(void)
{
	CHECK(pthread_atfork(prepares, in_parent, in_child) == 0);
	start(4, forks);
	start(10, works_in_child);
	go_waitgroup_wait(&wg);
	CHECK(before == 20 && parent == 20 && child == 0 && counter == 10);
}

const struct testcase cases[] = {
	{"robusts", robusts},
	{"owners", owners},
	{"limits", limits},
	{"barriers", barriers},
	{"onces", onces},
	{"rwlocks", rwlocks},
	{"broadcasts", broadcasts},
	{"c11", c11},
	{"mixed", mixed},
	{"processes", processes},
	{"kills", kills},
	{"posts", posts_from_handlers},
	{"spinlocks", spinlocks},
	{"atforks", atforks},
	{NULL, NULL},
};
