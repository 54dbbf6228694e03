/* SPDX-License-Identifier: MIT */
/* sched.c - the scheduler's corners: who is dead, who is next, whose thread begets whose, no more memory. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "prog.h"

static go_waitgroup wg;

/* ---- nobody can go on ---- */

static void ends_wired(void *arg)
{
	(void)arg;
	go_lock_os_thread();
	go_sched();
}

static void waits_for_ever(void *arg)
{
	(void)arg;
	go_select(NULL, 0, -1);
}

/* The last to run is wired, and its thread ends with it. */
static void wired_ends(void)
{
	go(ends_wired, NULL);
	waits_for_ever(NULL);
}

/* The main goroutine ends wired to the first thread, which stays. */
static void wired_main_ends(void)
{
	go_lock_os_thread();
	go(waits_for_ever, NULL);
	go_exit();
}

static void *naps(void *arg)
{
	usleep((useconds_t)(intptr_t)arg);
	return NULL;
}

/* It could have woken somebody until it ended. */
static void thread_ends(void)
{
	pthread_t t;

	srand((unsigned)getpid());
	CHECK(pthread_create(&t, NULL, naps, (void *)(intptr_t)(rand() % 110000)) == 0);
	pthread_detach(t);
	waits_for_ever(NULL);
}

/* ---- a thread is refused while all else waits ---- */

static struct rlimit space;

static void more_space(int sig)
{
	(void)sig;
	setrlimit(RLIMIT_AS, &space);
}

static void nothing(void *arg)
{
	(void)arg;
	go_waitgroup_done(&wg);
}

/* A first goroutine, for which stacks are reserved: so that it is not they that are refused. */
static void first_goroutine(void)
{
	go_waitgroup_add(&wg, 1);
	go(nothing, NULL);
	go_waitgroup_wait(&wg);
}

/* No new mappings from now on, for 50 ms. */
static void no_space(void)
{
	struct sigaction sa = {.sa_handler = more_space, .sa_flags = SA_RESTART};
	struct itimerval t = {.it_value = {.tv_usec = 50000}};
	struct rlimit none;

	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	CHECK(getrlimit(RLIMIT_AS, &space) == 0);
	none = (struct rlimit){1 << 20, space.rlim_max};
	CHECK(setrlimit(RLIMIT_AS, &none) == 0);
	CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
}

static int pipefd[2];

static void lets_go(void *arg)
{
	(void)arg;
	CHECK(syscall(SYS_write, pipefd[1], "x", 1) == 1);
}

/* All ps are idle, and the only thread is in a call that ends when the goroutine has run. */
static void no_thread(void)
{
	pid_t child;
	char c;

	CHECK(pipe(pipefd) == 0);
	first_goroutine();
	child = fork();
	if (child == 0) {
		syscall(SYS_read, pipefd[0], &c, 1);
		_exit(0);
	}
	no_space();
	go(lets_go, NULL);
	CHECK(waitpid(child, NULL, 0) == child);
}

/* ---- the global queue has its turn ---- */

static bool stop;
static chan(int) ping;
static chan(int) pong;

static void hits(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		chan_send(ping, 1);
		chan_recv(pong);
	}
	chan_close(ping);
	go_waitgroup_done(&wg);
}

static void hits_back(void *arg)
{
	int v;

	(void)arg;
	while (chan_recv_ok(ping, &v))
		chan_send(pong, v);
	go_waitgroup_done(&wg);
}

static FILE *file;
static int64_t unlocked;
static int turn;

/* A thread's unlock makes the goroutine ready, which puts it in the global queue. */
static void *holds(void *arg)
{
	for (intptr_t i = 0; i < (intptr_t)arg; i++) {
		flockfile(file);
		__atomic_store_n(&turn, 1, __ATOMIC_SEQ_CST);
		usleep(30000); /* three slices: the goroutine waits by then */
		__atomic_store_n(&unlocked, go_nanotime(), __ATOMIC_SEQ_CST);
		funlockfile(file);
		while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST))
			usleep(100);
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Two hand their p to each other all the time; a third must not wait for many of their slices. */
static void global_turn(void)
{
	int64_t took[9];
	pthread_t t;

	file = fopen("/dev/null", "r");
	ping = chan_make(int, 0);
	pong = chan_make(int, 0);
	go_waitgroup_add(&wg, 2);
	go(hits, NULL);
	go(hits_back, NULL);
	CHECK(pthread_create(&t, NULL, holds, (void *)nelem(took)) == 0);
	for (size_t i = 0; i < nelem(took); i++) {
		while (!__atomic_load_n(&turn, __ATOMIC_SEQ_CST))
			go_sched();
		flockfile(file);
		took[i] = go_nanotime() - __atomic_load_n(&unlocked, __ATOMIC_SEQ_CST);
		funlockfile(file);
		__atomic_store_n(&turn, 0, __ATOMIC_SEQ_CST);
	}
	stop = true;
	go_waitgroup_wait(&wg);
	qsort(took, nelem(took), sizeof *took, by_size);
	if (took[nelem(took) / 2] > 60 * MS)
		printf("waited %lld us\n", (long long)took[nelem(took) / 2] / 1000);
	CHECK(took[nelem(took) / 2] <= 60 * MS);
}

/* ---- a p that is idle takes what waits for another ---- */

static int arrived;

static void yields_then_insists(void *arg)
{
	(void)arg;
	yield(5000);
	__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) % 2)
		; /* for ever, unless the other gets to run */
	go_waitgroup_done(&wg);
}

/* Two that yield to each other get along with one p; then one of them keeps it. */
static void idle_p(void)
{
	if (go_maxprocs(0) < 2)
		return;
	for (int i = 0; i < 20; i++) {
		go_waitgroup_add(&wg, 2);
		go(yields_then_insists, NULL);
		go(yields_then_insists, NULL);
		go_waitgroup_wait(&wg);
	}
}

/* ---- what a wired goroutine does to its thread stays there ---- */

static cpu_set_t before;
static int spread;

static void marks_thread(void)
{
	cpu_set_t one;
	int cpu = 0;

	while (!CPU_ISSET(cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
	CHECK(setpriority(PRIO_PROCESS, 0, 7) == 0);
}

static void is_clean(void *arg)
{
	cpu_set_t now;

	(void)arg;
	CHECK(getpriority(PRIO_PROCESS, 0) != 7);
	CHECK(sched_getaffinity(0, sizeof now, &now) == 0);
	CHECK(CPU_EQUAL(&now, &before));
	usleep(100);
	CHECK(getpriority(PRIO_PROCESS, 0) != 7);
	go_waitgroup_done(&wg);
}

/* Its thread is busy or gone: others are made for the rest of us. */
static void makes_threads(void *arg)
{
	(void)arg;
	go_lock_os_thread();
	marks_thread();
	for (int round = 0; round < 5; round++) {
		go_waitgroup_add(&wg, 20);
		for (int i = 0; i < 20; i++)
			go(is_clean, NULL);
		go_sched();
		usleep(1000);
	}
	__atomic_add_fetch(&spread, 1, __ATOMIC_SEQ_CST);
	go_waitgroup_done(&wg);
}

static void clean_threads(void)
{
	CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
	for (int i = 0; i < 10; i++) {
		go_waitgroup_add(&wg, 1);
		go(makes_threads, NULL);
		go_waitgroup_wait(&wg);
	}
	CHECK(spread == 10);
}

/* The main goroutine is wired to the first thread from a constructor on, say for a window system. */
static void clean_threads_main(void)
{
	CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
	go_waitgroup_add(&wg, 1);
	makes_threads(NULL);
	go_waitgroup_wait(&wg);
}

/* ---- no memory for a stack ---- */

static go_waitgroup held;
static int made;

static void stays(void *arg)
{
	(void)arg;
	go_waitgroup_wait(&held);
	go_waitgroup_done(&wg);
}

static void makes_many(void *arg)
{
	for (int i = 0; i < *(int *)arg; i++) {
		go_waitgroup_add(&wg, 1);
		go(stays, NULL);
		made++;
	}
}

/* How much address space is mapped. */
static rlim_t mapped(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	CHECK(f && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void limit_space(rlim_t more)
{
	struct rlimit r = space;

	CHECK(setrlimit(RLIMIT_AS, &space) == 0); /* mapped needs some, too */
	r.rlim_cur = mapped() + more;
	CHECK(setrlimit(RLIMIT_AS, &r) == 0);
}

/* That many, not less: the last ones may not be quite gone, and there is no room for a timer. */
static void until_goroutines(int n)
{
	for (int i = 0; i < 1000000 && go_num_goroutine() != n; i++)
		go_sched();
	CHECK(go_num_goroutine() == n);
}

/* Until go panics: it says so, and the program goes on with those that it has. */
static void until_refused(void)
{
	int n = 1000000, procs;
	const char *msg;

	go_waitgroup_add(&held, 1);
	msg = go_try(makes_many, &n);
	CHECK(msg && strstr(msg, "out of memory: no stack for a new goroutine"));
	go_waitgroup_done(&wg); /* the one that was not made */
	CHECK(made > 0);
	until_goroutines(made + 1);
	go_waitgroup_done(&held);
	go_waitgroup_wait(&wg);
	until_goroutines(1);
	procs = go_maxprocs(1); /* so that none is another P's */
	n = made;
	made = 0;
	CHECK(!go_try(makes_many, &n)); /* on the stacks of those */
	go_maxprocs(procs);
	go_waitgroup_wait(&wg);
	CHECK(made == n);
	made = 0;
}

static void refused_stack(void)
{
	int n = 10000;

	CHECK(getrlimit(RLIMIT_AS, &space) == 0);
	first_goroutine();
	limit_space(0);
	until_refused();
	limit_space(64 << 20);
	until_refused();
	CHECK(setrlimit(RLIMIT_AS, &space) == 0);
	go_waitgroup_add(&held, 1);
	CHECK(!go_try(makes_many, &n));
	go_waitgroup_done(&held);
	go_waitgroup_wait(&wg);
}

/* Stacks are reserved in advance, but not all that there is. */
static void leaves_space(void)
{
	int n = 200;
	void *p;

	space = (struct rlimit){400 << 20, 400 << 20};
	CHECK(setrlimit(RLIMIT_AS, &space) == 0);
	first_goroutine();
	p = malloc(200 << 20);
	CHECK(p);
	go_waitgroup_add(&held, 1);
	CHECK(!go_try(makes_many, &n));
	go_waitgroup_done(&held);
	go_waitgroup_wait(&wg);
	free(p);
}

/* ---- no room in the ring ---- */

static void waits_for_close(void *c)
{
	int v;

	CHECK(!chan_recv_ok((chan(int))c, &v));
	go_waitgroup_done(&wg);
}

/*
 * n are readied at once, which for some n leaves a next one and a ring of 256 that is
 * full: who yields now makes room for himself, and neither he nor the next is lost.
 */
static void full_ring(void)
{
	for (int n = 250; n < 265; n++) {
		chan(int) c = chan_make(int, 0);

		go_waitgroup_add(&wg, n);
		for (int i = 0; i < n; i++)
			go(waits_for_close, c);
		go_sleep(MS);
		chan_close(c);
		go_sched();
		go_waitgroup_wait(&wg);
		chan_free(c);
	}
}

const struct testcase cases[] = {
	{"wired_ends", wired_ends},
	{"wired_main_ends", wired_main_ends},
	{"thread_ends", thread_ends},
	{"no_thread", no_thread},
	{"global_turn", global_turn},
	{"idle_p", idle_p},
	{"clean_threads", clean_threads},
	{"clean_threads_main", clean_threads_main},
	{"refused_stack", refused_stack},
	{"leaves_space", leaves_space},
	{"full_ring", full_ring},
	{NULL, NULL},
};
