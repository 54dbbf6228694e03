/* SPDX-License-Identifier: MIT */
/* pthread.c - threads that the program makes itself, next to goroutines. */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <threads.h>

#include "prog.h"

static go_waitgroup wg;
static int64_t counter;

static void each(int n, void (*fn)(void *))
{
	go_waitgroup_add(&wg, n);
	for (intptr_t i = 0; i < n; i++)
		go(fn, (void *)i);
	go_waitgroup_wait(&wg);
}

/* ---- create, join ---- */

static void *doubles(void *arg)
{
	return (void *)(2 * (intptr_t)arg);
}

static void makes_threads(void *arg)
{
	for (intptr_t i = 0; i < 20; i++) {
		intptr_t n = (intptr_t)arg * 100 + i;
		void *result;
		pthread_t t;

		CHECK(pthread_create(&t, NULL, doubles, (void *)n) == 0);
		go_sched();
		CHECK(pthread_join(t, &result) == 0);
		CHECK((intptr_t)result == 2 * n);
	}
	go_waitgroup_done(&wg);
}

static void create_join(void) { each(20, makes_threads); }

static int triples(void *arg) { return 3 * (int)(intptr_t)arg; }

static void c11(void)
{
	for (intptr_t i = 0; i < 20; i++) {
		thrd_t t;
		int result;

		CHECK(thrd_create(&t, triples, (void *)i) == thrd_success);
		CHECK(thrd_join(t, &result) == thrd_success);
		CHECK(result == 3 * i);
	}
}

static sem_t detached_done;

static void *detached(void *arg)
{
	sem_post(&detached_done);
	return arg;
}

static void detaches(void)
{
	pthread_attr_t attr;

	CHECK(sem_init(&detached_done, 0, 0) == 0);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 1 << 20);
	for (int i = 0; i < 50; i++) {
		pthread_t t;

		CHECK(pthread_create(&t, i % 2 ? &attr : NULL, detached, NULL) == 0);
		if (i % 2 == 0)
			CHECK(pthread_detach(t) == 0);
	}
	for (int i = 0; i < 50; i++)
		CHECK(sem_wait(&detached_done) == 0);
}

/* ---- locks between threads and goroutines ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static int turn;

static void add_locked(void)
{
	for (int i = 0; i < 300; i++) {
		int64_t was;

		CHECK(pthread_mutex_lock(&mutex) == 0);
		was = counter;
		if (i % 50 == 0)
			sched_yield();
		counter = was + 1;
		CHECK(pthread_mutex_unlock(&mutex) == 0);
	}
}

static void *thread_adds(void *arg)
{
	add_locked();
	return arg;
}

static void goroutine_adds(void *arg)
{
	(void)arg;
	add_locked();
	go_waitgroup_done(&wg);
}

static void mutexes(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, thread_adds, NULL) == 0);
	each(20, goroutine_adds);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	CHECK(counter == 24 * 300);
}

/* A goroutine may be switched away, and move, with a mutex held. */
static void holds_across(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		int64_t was;

		CHECK(pthread_mutex_lock(&mutex) == 0);
		was = counter;
		go_sched();
		counter = was + 1;
		CHECK(pthread_mutex_unlock(&mutex) == 0);
	}
	go_waitgroup_done(&wg);
}

static void mutex_across_sched(void)
{
	each(20, holds_across);
	CHECK(counter == 20 * 20);
}

static void take_turns(int mine)
{
	for (int i = 0; i < 100; i++) {
		CHECK(pthread_mutex_lock(&mutex) == 0);
		while (turn % 2 != mine)
			CHECK(pthread_cond_wait(&cond, &mutex) == 0);
		turn++;
		CHECK(pthread_cond_signal(&cond) == 0);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
	}
}

static void *thread_turns(void *arg)
{
	take_turns(1);
	return arg;
}

static void conds(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, thread_turns, NULL) == 0);
	take_turns(0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(turn == 200);
}

static void goroutine_turns(void *arg)
{
	take_turns((int)(intptr_t)arg);
	go_waitgroup_done(&wg);
}

static void conds_of_goroutines(void)
{
	each(2, goroutine_turns);
	CHECK(turn == 200);
}

static int readers, writers;

static void reads_writes(void *arg)
{
	for (int i = 0; i < 100; i++) {
		if (i % 10 == (intptr_t)arg % 10) {
			CHECK(pthread_rwlock_wrlock(&rwlock) == 0);
			CHECK(__atomic_add_fetch(&writers, 1, __ATOMIC_SEQ_CST) == 1);
			CHECK(__atomic_load_n(&readers, __ATOMIC_SEQ_CST) == 0);
			__atomic_sub_fetch(&writers, 1, __ATOMIC_SEQ_CST);
		} else {
			CHECK(pthread_rwlock_rdlock(&rwlock) == 0);
			__atomic_add_fetch(&readers, 1, __ATOMIC_SEQ_CST);
			CHECK(__atomic_load_n(&writers, __ATOMIC_SEQ_CST) == 0);
			__atomic_sub_fetch(&readers, 1, __ATOMIC_SEQ_CST);
		}
		CHECK(pthread_rwlock_unlock(&rwlock) == 0);
	}
	go_waitgroup_done(&wg);
}

static void rwlocks(void) { each(20, reads_writes); }

/* Owners are goroutines. */
static pthread_mutex_t owned;
static go_mutex gate;

static void not_owner(void *arg)
{
	(void)arg;
	CHECK(pthread_mutex_unlock(&owned) == EPERM);
	CHECK(pthread_mutex_trylock(&owned) == EBUSY);
	go_waitgroup_done(&wg);
}

static void owners(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&owned, &attr);
	CHECK(pthread_mutex_lock(&owned) == 0);
	yield(10);
	CHECK(pthread_mutex_lock(&owned) == 0);
	each(50, not_owner);
	CHECK(pthread_mutex_unlock(&owned) == 0);
	each(50, not_owner);
	CHECK(pthread_mutex_unlock(&owned) == 0);
	CHECK(pthread_mutex_unlock(&owned) == EPERM);

	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&owned, &attr);
	CHECK(pthread_mutex_lock(&owned) == 0);
	yield(10);
	CHECK(pthread_mutex_lock(&owned) == EDEADLK);
	each(50, not_owner);
	CHECK(pthread_mutex_unlock(&owned) == 0);
}

static void dies_holding(void *arg)
{
	(void)arg;
	CHECK(pthread_mutex_lock(&owned) == 0);
}

static void robust(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&owned, &attr);
	for (int i = 0; i < 20; i++) {
		go(dies_holding, NULL);
		wait_for_goroutines(1);
		CHECK(pthread_mutex_lock(&owned) == EOWNERDEAD);
		CHECK(pthread_mutex_consistent(&owned) == 0);
		CHECK(pthread_mutex_unlock(&owned) == 0);
	}
	CHECK(pthread_mutex_lock(&owned) == 0);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_once(void)
{
	go_sched();
	counter++;
}

static void calls_once(void *arg)
{
	(void)arg;
	CHECK(pthread_once(&once, init_once) == 0);
	CHECK(counter == 1);
	go_waitgroup_done(&wg);
}

static void onces(void) { each(50, calls_once); }

static pthread_barrier_t barrier;

static void meets(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++) {
		int r = pthread_barrier_wait(&barrier);

		CHECK(r == 0 || r == PTHREAD_BARRIER_SERIAL_THREAD);
		if (r)
			__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
	}
	go_waitgroup_done(&wg);
}

static void barriers(void)
{
	CHECK(pthread_barrier_init(&barrier, NULL, 5) == 0);
	each(5, meets);
	CHECK(counter == 10);
}

static sem_t ping, pong;

static void *answers(void *arg)
{
	for (int i = 0; i < 200; i++) {
		CHECK(sem_wait(&ping) == 0);
		CHECK(sem_post(&pong) == 0);
	}
	return arg;
}

static void others_run(void *arg)
{
	for (int i = 0; i < 2000; i++)
		go_sched();
	go_waitgroup_done(&wg);
	(void)arg;
}

static void semaphores(void)
{
	pthread_t t;

	sem_init(&ping, 0, 0);
	sem_init(&pong, 0, 0);
	CHECK(pthread_create(&t, NULL, answers, NULL) == 0);
	go_waitgroup_add(&wg, 3);
	for (int i = 0; i < 3; i++)
		go(others_run, NULL);
	for (int i = 0; i < 200; i++) {
		CHECK(sem_post(&ping) == 0);
		CHECK(sem_wait(&pong) == 0);
	}
	CHECK(pthread_join(t, NULL) == 0);
	go_waitgroup_wait(&wg);
}

/* A blocked program is not a deadlock while a thread of its own may end that. */
static void *ends_it(void *arg)
{
	struct timespec t = {0, 150 * MS};

	nanosleep(&t, NULL);
	CHECK(sem_post(&pong) == 0);
	return arg;
}

static void no_deadlock(void)
{
	pthread_t t;

	sem_init(&pong, 0, 0);
	CHECK(pthread_create(&t, NULL, ends_it, NULL) == 0);
	CHECK(sem_wait(&pong) == 0);
	CHECK(pthread_join(t, NULL) == 0);
}

/* The thread prints under the file lock that the only goroutine waits for. */
static void *holds_file(void *arg)
{
	struct timespec t = {0, 250 * MS};

	flockfile(stderr);
	sem_post(&ping);
	nanosleep(&t, NULL);
	funlockfile(stderr);
	return arg;
}

static void file_of_thread(void)
{
	pthread_t t;

	sem_init(&ping, 0, 0);
	CHECK(pthread_create(&t, NULL, holds_file, NULL) == 0);
	CHECK(sem_wait(&ping) == 0);
	flockfile(stderr);
	funlockfile(stderr);
	CHECK(pthread_join(t, NULL) == 0);
}

static void *ends_soon(void *arg)
{
	struct timespec t = {0, 30 * MS};

	nanosleep(&t, NULL);
	return arg;
}

/* When the last thread ends and nobody can run any more, that is one after all. */
static void deadlock_after_thread(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, ends_soon, NULL) == 0);
	CHECK(pthread_detach(t) == 0);
	go_mutex_lock(&gate);
	go_mutex_lock(&gate);
}

/* ---- go_* on such a thread ---- */

static void nothing(void *arg) { (void)arg; }

static go_waitgroup group;
static go_mutex lock;

static const struct {
	const char *name;
} calls[] = {{"go"}, {"go_stack"}, {"go_sched"}, {"go_exit"}, {"go_id"}, {"go_maxprocs"},
	{"go_num_goroutine"}, {"go_lock_os_thread"}, {"go_unlock_os_thread"}, {"go_set_name"},
	{"go_mutex_lock"}, {"go_mutex_trylock"}, {"go_mutex_unlock"}, {"go_waitgroup_add"},
	{"go_waitgroup_done"}, {"go_waitgroup_wait"}, {"go_waitgroup_go"}, {"go_sleep"}};

static void *wrong_thread(void *arg)
{
	size_t i = 0;

	while (strcmp(calls[i].name, arg))
		CHECK(++i < nelem(calls));
	switch (i) {
	case 0: go(nothing, NULL); break;
	case 1: go_stack(0, nothing, NULL); break;
	case 2: go_sched(); break;
	case 3: go_exit(); break;
	case 4: go_id(); break;
	case 5: go_maxprocs(0); break;
	case 6: go_num_goroutine(); break;
	case 7: go_lock_os_thread(); break;
	case 8: go_unlock_os_thread(); break;
	case 9: go_set_name("x"); break;
	case 10: go_mutex_lock(&lock); break;
	case 11: go_mutex_trylock(&lock); break;
	case 12: go_mutex_unlock(&lock); break;
	case 13: go_waitgroup_add(&group, 1); break;
	case 14: go_waitgroup_done(&group); break;
	case 15: go_waitgroup_wait(&group); break;
	case 16: go_waitgroup_go(&group, nothing, NULL); break;
	case 17: go_sleep(1); break;
	}
	print("went on\n");
	return NULL;
}

static void wrong(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, wrong_thread, args[0]) == 0);
	CHECK(pthread_join(t, NULL) == 0);
}

/* ---- pthread_exit, cancellation ---- */

static void cleans(void *arg)
{
	counter = counter * 10 + (intptr_t)arg;
}

static void exits(void *arg)
{
	pthread_cleanup_push(cleans, (void *)1);
	pthread_cleanup_push(cleans, (void *)2);
	pthread_cleanup_push(cleans, (void *)3);
	go_sched();
	pthread_exit(arg);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
}

static void exit_cleans(void)
{
	go(exits, NULL);
	wait_for_goroutines(1);
	CHECK(counter == 321);
	for (int i = 0; i < 100; i++)
		go(exits, NULL);
	wait_for_goroutines(1);
}

static void *waits_for_ever(void *arg)
{
	sem_t never;

	sem_init(&never, 0, 0);
	pthread_cleanup_push(cleans, (void *)7);
	sem_post(&ping);
	for (;;)
		sem_wait(&never);
	pthread_cleanup_pop(0);
	return arg;
}

static void cancel(void)
{
	void *result;
	pthread_t t;

	sem_init(&ping, 0, 0);
	CHECK(pthread_create(&t, NULL, waits_for_ever, NULL) == 0);
	CHECK(sem_wait(&ping) == 0);
	CHECK(pthread_cancel(t) == 0);
	CHECK(pthread_join(t, &result) == 0);
	CHECK(result == PTHREAD_CANCELED);
	CHECK(counter == 7);
}

/* ---- what must reach every thread ---- */

static bool stop;
static go_waitgroup keeping;

static void keeps_m(void *arg)
{
	go_lock_os_thread();
	go_waitgroup_done(&keeping);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		go_sleep(100000);
	go_waitgroup_done(&wg);
	(void)arg;
}

static int threads_with_uid(int uid)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0, total = 0;

	CHECK(d != NULL);
	while ((e = readdir(d))) {
		char path[300], line[200];
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
		if (!(f = fopen(path, "r")))
			continue;
		total++;
		while (fgets(line, sizeof line, f)) {
			int r, eff, s;

			if (sscanf(line, "Uid: %d %d %d", &r, &eff, &s) == 3)
				n += r == uid && eff == uid && s == uid;
		}
		fclose(f);
	}
	closedir(d);
	CHECK(total >= 20);
	return n == total ? n : -1;
}

static void *idle_thread(void *arg)
{
	struct timespec t = {0, 1000000};

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		nanosleep(&t, NULL);
	return arg;
}

static void set_uid(void)
{
	pthread_t t[3];

	go_waitgroup_add(&wg, 20);
	go_waitgroup_add(&keeping, 20);
	for (int i = 0; i < 20; i++)
		go(keeps_m, NULL);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, idle_thread, NULL) == 0);
	go_waitgroup_wait(&keeping);
	CHECK(setgid(12345) == 0);
	CHECK(setuid(12346) == 0);
	CHECK(setuid(0) == -1 && errno == EPERM);
	CHECK(getuid() == 12346 && getgid() == 12345);
	CHECK(threads_with_uid(12346) > 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	go_waitgroup_wait(&wg);
}

/* Over and over, by several, while goroutines come and go. */
static void changes_euid(void *arg)
{
	for (int i = 0; i < 20; i++) {
		CHECK(seteuid((uid_t)(1000 + (intptr_t)arg)) == 0 || errno == EPERM);
		CHECK(seteuid(0) == 0);
		go_sched();
	}
	go_waitgroup_done(&wg);
}

static void comes_and_goes(void *arg)
{
	(void)arg;
	yield(3);
	go_waitgroup_done(&wg);
}

static void set_euid_often(void)
{
	go_waitgroup_add(&wg, 4);
	for (intptr_t i = 0; i < 4; i++)
		go(changes_euid, (void *)i);
	go_waitgroup_add(&wg, 2000);
	for (int i = 0; i < 2000; i++)
		go(comes_and_goes, NULL);
	go_waitgroup_wait(&wg);
	CHECK(geteuid() == 0);
}

static void set_rlimit(void)
{
	struct rlimit rl = {500, 500}, now;

	CHECK(setrlimit(RLIMIT_NOFILE, &rl) == 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0);
	CHECK(now.rlim_cur == 500 && now.rlim_max == 500);
}

const struct testcase cases[] = {
	{"create_join", create_join},
	{"c11", c11},
	{"detaches", detaches},
	{"mutexes", mutexes},
	{"mutex_across_sched", mutex_across_sched},
	{"conds", conds},
	{"conds_of_goroutines", conds_of_goroutines},
	{"rwlocks", rwlocks},
	{"owners", owners},
	{"robust", robust},
	{"onces", onces},
	{"barriers", barriers},
	{"semaphores", semaphores},
	{"no_deadlock", no_deadlock},
	{"file_of_thread", file_of_thread},
	{"deadlock_after_thread", deadlock_after_thread},
	{"wrong", wrong},
	{"exit_cleans", exit_cleans},
	{"cancel", cancel},
	{"set_uid", set_uid},
	{"set_euid_often", set_euid_often},
	{"set_rlimit", set_rlimit},
	{NULL, NULL},
};
