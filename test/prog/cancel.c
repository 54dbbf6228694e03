/* SPDX-License-Identifier: MIT */
/*
 * cancel.c - goroutines as threads that others join and cancel. Cases of joining end by
 * main's pthread_exit: who joins says ok.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "waits.h"

static pthread_t mainthread;
static go_waitgroup wg;

/* ---- join of main ---- */

static int cleaned;

static void cleans(void *arg)
{
	cleaned += (int)(intptr_t)arg;
}

static void joins_main(void)
{
	struct timespec soon = in(CLOCK_REALTIME, 3 * MS);
	void *result = NULL;
	pthread_attr_t attr;
	int state;

	CHECK(pthread_getattr_np(mainthread, &attr) == 0);
	CHECK(pthread_attr_getdetachstate(&attr, &state) == 0 && state == PTHREAD_CREATE_JOINABLE);
	CHECK(pthread_tryjoin_np(mainthread, &result) == EBUSY);
	CHECK(pthread_timedjoin_np(mainthread, &result, &soon) == ETIMEDOUT);
	go_waitgroup_done(&wg);
	CHECK(pthread_join(mainthread, &result) == 0);
	CHECK(result == (void *)42 && cleaned == 7);
	puts("ok");
}

static void goroutine_joins(void *arg)
{
	(void)arg;
	joins_main();
}

static void *thread_joins(void *arg)
{
	struct timespec t = {0, 3 * MS};
	void *result;

	nanosleep(&t, NULL); /* main waits for it by then */
	CHECK(pthread_tryjoin_np(mainthread, NULL) == EBUSY);
	__atomic_store_n((int *)arg, 1, __ATOMIC_SEQ_CST);
	CHECK(pthread_join(mainthread, &result) == 0);
	CHECK(result == (void *)42 && cleaned == 7);
	puts("ok");
	return NULL;
}

static _Noreturn void leaves(void)
{
	pthread_cleanup_push(cleans, (void *)7);
	pthread_exit((void *)42);
	pthread_cleanup_pop(0);
	_exit(1);
}

static void join_main(void)
{
	mainthread = pthread_self();
	go_waitgroup_add(&wg, 1);
	go(goroutine_joins, NULL);
	go_waitgroup_wait(&wg);
	yield(3); /* it waits, or is about to */
	leaves();
}

static void join_main_by_thread(void)
{
	int joins = 0;
	pthread_t t;

	mainthread = pthread_self();
	CHECK(pthread_create(&t, NULL, thread_joins, &joins) == 0);
	while (!__atomic_load_n(&joins, __ATOMIC_SEQ_CST))
		go_sched();
	leaves();
}

static void joins_late(void *arg)
{
	void *result;

	go_sleep(5 * MS);
	CHECK(pthread_join(mainthread, &result) == 0);
	CHECK(result == (void *)42 && cleaned == 7);
	go_sleep(MS); /* and goes on */
	puts("ok");
	(void)arg;
}

static void join_main_late(void)
{
	mainthread = pthread_self();
	go(joins_late, NULL);
	leaves();
}

static void joins_none(void *arg)
{
	CHECK(pthread_join(mainthread, NULL) == EINVAL);
	CHECK(pthread_detach(mainthread) == EINVAL);
	if (arg)
		puts("ok");
}

static void detach_main(void)
{
	mainthread = pthread_self();
	CHECK(pthread_detach(mainthread) == 0);
	go(joins_none, NULL);
	wait_for_goroutines(1);
	go(joins_none, &wg);
	pthread_exit(NULL);
}

/* Who waits for main while main waits for it: no way out, and it is said so. */
static void joins_stuck(void *arg)
{
	(void)arg;
	pthread_join(mainthread, NULL);
}

static void join_stuck(void)
{
	mainthread = pthread_self();
	go_waitgroup_add(&wg, 1);
	go(joins_stuck, NULL);
	go_waitgroup_wait(&wg);
}

/* ---- cancelling what waits ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem, end;
static pthread_key_t key;
static pthread_t other;
static int fds[2], sock[2], listener, file;
static pid_t child;

static void in_pipe(void)
{
	char c;

	read(fds[0], &c, 1);
}

static void in_full_pipe(void)
{
	static char page[4096];

	for (;;)
		write(fds[1], page, sizeof page);
}

static void in_poll(void)
{
	struct pollfd p = {fds[0], POLLIN, 0};

	poll(&p, 1, -1);
}

static void in_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	select(fds[0] + 1, &set, NULL, NULL, NULL);
}

static void in_epoll(void)
{
	struct epoll_event ev;

	epoll_wait(file, &ev, 1, -1);
}

static void in_recv(void)
{
	char c;

	recv(sock[0], &c, 1, 0);
}

static void in_accept(void) { accept(listener, NULL, NULL); }
static void in_sleep(void) { sleep(1000); }
static void in_pause(void) { pause(); }
static void in_waitpid(void) { waitpid(child, NULL, 0); }
static void in_wait_any(void) { wait(NULL); }
static void in_sem(void) { sem_wait(&sem); }
static void in_join(void) { pthread_join(other, NULL); }
static void in_join_of_main(void) { pthread_join(mainthread, NULL); }

static void in_timed_sem(void)
{
	struct timespec at = in(CLOCK_REALTIME, 1000 * 1000 * MS);

	sem_timedwait(&sem, &at);
}

static void unlocks(void *arg)
{
	CHECK(pthread_mutex_unlock(arg) == 0); /* it is locked again, by this goroutine */
}

static void in_cond(void)
{
	CHECK(pthread_mutex_lock(&mutex) == 0);
	pthread_cleanup_push(unlocks, &mutex);
	pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(1);
}

static void in_timed_cond(void)
{
	struct timespec at = in(CLOCK_REALTIME, 1000 * 1000 * MS);

	CHECK(pthread_mutex_lock(&mutex) == 0);
	pthread_cleanup_push(unlocks, &mutex);
	pthread_cond_timedwait(&cond, &mutex, &at);
	pthread_cleanup_pop(1);
}

static void in_sigwait(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigwait(&set, &sig);
}

static void in_open(void) { open("cancel-fifo", O_RDONLY); }

static void in_lock(void)
{
	struct flock l = {.l_type = F_WRLCK};

	fcntl(file, F_SETLKW, &l);
}

/* Each waits for ever. */
static const struct wait {
	const char *name;
	void (*fn)(void);
} waits[] = {
	{"pipe", in_pipe}, {"full_pipe", in_full_pipe}, {"poll", in_poll}, {"select", in_select},
	{"epoll", in_epoll}, {"recv", in_recv}, {"accept", in_accept}, {"sleep", in_sleep},
	{"pause", in_pause}, {"waitpid", in_waitpid}, {"wait_any", in_wait_any}, {"sem", in_sem},
	{"timed_sem", in_timed_sem}, {"cond", in_cond}, {"timed_cond", in_timed_cond},
	{"sigwait", in_sigwait}, {"open", in_open}, {"lock", in_lock}, {"join", in_join},
	{"join_of_main", in_join_of_main},
};

static void *ends_when_told(void *arg)
{
	while (sem_wait(&end) != 0)
		;
	return arg;
}

/* A child that holds file's lock until it is killed. */
static void make_child(void)
{
	struct flock l = {.l_type = F_WRLCK};
	int locked[2];
	char c;

	CHECK(pipe(locked) == 0 && (child = fork()) >= 0);
	if (child == 0) {
		fcntl(file, F_SETLK, &l);
		write(locked[1], "", 1);
		for (;;)
			pause();
	}
	CHECK(read(locked[0], &c, 1) == 1);
}

static void prepare(const char *what)
{
	struct sockaddr_in {
		uint16_t family, port;
		char rest[12];
	} any = {.family = AF_INET};

	mainthread = pthread_self();
	CHECK(pipe(fds) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock) == 0);
	CHECK((listener = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
	CHECK(bind(listener, (void *)&any, sizeof any) == 0 && listen(listener, 5) == 0);
	CHECK(sem_init(&sem, 0, 0) == 0 && sem_init(&end, 0, 0) == 0);
	if (!strcmp(what, "epoll")) {
		CHECK((file = epoll_create1(0)) >= 0);
	} else if (!strcmp(what, "lock") || strstr(what, "wait")) {
		char path[] = "/tmp/cancel-XXXXXX";

		CHECK((file = mkstemp(path)) >= 0 && unlink(path) == 0);
		make_child();
	} else if (!strcmp(what, "join")) {
		CHECK(pthread_create(&other, NULL, ends_when_told, NULL) == 0);
	} else if (!strcmp(what, "open")) {
		char dir[] = "/tmp/cancel-XXXXXX";

		CHECK(mkdtemp(dir) && chdir(dir) == 0 && mkfifo("cancel-fifo", 0600) == 0);
		CHECK(rmdir(dir) == -1);
	}
}

static void finish(void)
{
	if (child)
		CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
	if (other)
		CHECK(sem_post(&end) == 0 && pthread_join(other, NULL) == 0);
	unlink("cancel-fifo");
}

/* ---- a goroutine that is to be cancelled, and its end ---- */

static pthread_t victim;
static int ended, wenton;

static void ends(void *arg)
{
	CHECK(arg == &key);
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
	go_waitgroup_done(&wg);
}

static void waits_for_ever(void *arg)
{
	const struct wait *w = arg;

	CHECK(pthread_setspecific(key, &key) == 0);
	pthread_cleanup_push(cleans, (void *)1);
	__atomic_store_n(&victim, pthread_self(), __ATOMIC_SEQ_CST);
	w->fn();
	wenton++;
	pthread_cleanup_pop(0);
}

static void *cancels(void *t)
{
	CHECK(pthread_cancel((pthread_t)t) == 0);
	return NULL;
}

static void start(void (*fn)(void *), const void *arg)
{
	victim = NULL;
	go_waitgroup_add(&wg, 1);
	go(fn, (void *)arg);
	while (!__atomic_load_n(&victim, __ATOMIC_SEQ_CST))
		go_sched();
}

/* By a goroutine or by a thread, after a while: while it is on the way to wait, or waits. */
static void cancel(int round)
{
	pthread_t t;

	if (round % 3 == 1)
		yield(round);
	else if (round % 3 == 2)
		go_sleep(round * MS / 4);
	if (round % 2)
		cancels(victim);
	else
		CHECK(pthread_create(&t, NULL, cancels, victim) == 0 && pthread_join(t, NULL) == 0);
}

static void cancel_wait(void)
{
	enum { Rounds = 12 };
	const struct wait *w = waits;

	while (strcmp(w->name, args[0]))
		w++;
	prepare(w->name);
	CHECK(pthread_key_create(&key, ends) == 0);
	for (int i = 0; i < Rounds; i++) {
		start(waits_for_ever, w);
		cancel(i);
		go_waitgroup_wait(&wg);
		CHECK(ended == i + 1 && cleaned == i + 1 && wenton == 0);
	}
	CHECK(pthread_mutex_trylock(&mutex) == 0);
	finish();
}

/* ---- what is not to be cancelled ---- */

static bool told;

static void off(void *arg)
{
	struct timespec t = {0, 4 * MS};
	int64_t begin = go_nanotime();
	int state;
	char c;

	CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0);
	CHECK(state == PTHREAD_CANCEL_ENABLE);
	waits_for_ever(arg); /* for a mutex of libc's: no point */
	CHECK(nanosleep(&t, NULL) == 0 && go_nanotime() - begin >= 4 * MS);
	CHECK(read(fds[0], &c, 1) == 1 && c == 'x');
	CHECK(sem_wait(&sem) == 0);
	CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL) == 0);
	told = true;
	CHECK(pthread_setspecific(key, &key) == 0);
	in_pipe();
	CHECK(!"went on after it was cancelled");
}

enum { Crowd = 500 };
static pthread_t crowd[Crowd];

static void in_crowd(void *arg)
{
	crowd[(intptr_t)arg] = pthread_self();
	pthread_cleanup_push(cleans, (void *)1);
	go_waitgroup_done(&wg);
	sem_wait(&sem);
	pthread_cleanup_pop(0);
}

/* They park, though they are at a cancellation point. */
static void crowd_parks(void)
{
	CHECK(sem_init(&sem, 0, 0) == 0);
	go_maxprocs(1); /* for the counts by cleans */
	go_waitgroup_add(&wg, Crowd);
	for (intptr_t i = 0; i < Crowd; i++)
		go(in_crowd, (void *)i);
	go_waitgroup_wait(&wg);
	go_sleep(5 * MS);
	CHECK(threads() < 20);
	for (int i = 0; i < Crowd; i++)
		CHECK(pthread_cancel(crowd[i]) == 0);
	wait_for_goroutines(1);
	CHECK(cleaned == Crowd);
}

static void nowait(void) {}

static void disabled(void)
{
	static const struct wait no = {"", nowait};

	prepare("");
	CHECK(pthread_key_create(&key, ends) == 0);
	start(off, &no);
	cancel(0);
	go_sleep(8 * MS);
	CHECK(write(fds[1], "x", 1) == 1);
	go_sleep(2 * MS);
	CHECK(!told && ended == 0 && sem_post(&sem) == 0);
	go_waitgroup_wait(&wg);
	CHECK(told && ended == 1);
}

static chan(int) c;

/* stdio, locks and channels are no points; what they wait for comes, and then it is cancelled. */
static void no_points(void *arg)
{
	FILE *f = fdopen(fds[0], "r");
	int fd;

	(void)arg;
	CHECK(pthread_setspecific(key, &key) == 0);
	__atomic_store_n(&victim, pthread_self(), __ATOMIC_SEQ_CST);
	CHECK(getc(f) == 'x');
	CHECK(chan_recv(c) == 7);
	CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
	CHECK((fd = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && fcntl(fd, F_GETFL) & O_NONBLOCK);
	told = true;
	close(fd);
	CHECK(!"went on after it was cancelled");
}

static void points(void)
{
	prepare("");
	CHECK(pthread_key_create(&key, ends) == 0);
	c = chan_make(int, 0);
	CHECK(pthread_mutex_lock(&mutex) == 0);
	start(no_points, NULL);
	cancel(2);
	cancel(3);
	CHECK(write(fds[1], "x", 1) == 1);
	go_sleep(2 * MS);
	chan_send(c, 7);
	go_sleep(2 * MS);
	CHECK(!told && pthread_mutex_unlock(&mutex) == 0);
	go_waitgroup_wait(&wg);
	CHECK(told && ended == 1);
}

/* ---- asynchronously ---- */

static volatile uint64_t spun;

static void spins_till_cancelled(void)
{
	pthread_cleanup_push(cleans, (void *)1);
	CHECK(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0);
	__atomic_store_n(&victim, pthread_self(), __ATOMIC_SEQ_CST);
	for (;;)
		spun++;
	pthread_cleanup_pop(0);
}

static void spins(void *arg)
{
	(void)arg;
	CHECK(pthread_setspecific(key, &key) == 0);
	spins_till_cancelled();
}

static void async(void)
{
	CHECK(pthread_key_create(&key, ends) == 0);
	for (int i = 0; i < 6; i++) {
		start(spins, NULL);
		cancel(i);
		go_waitgroup_wait(&wg);
		CHECK(ended == i + 1 && cleaned == i + 1);
	}
}

static void spins_deferred(void *arg)
{
	uint64_t n = spun;

	CHECK(pthread_setspecific(key, &key) == 0);
	__atomic_store_n(&victim, pthread_self(), __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&told, __ATOMIC_SEQ_CST))
		n++;
	spun = n;
	pthread_testcancel();
	CHECK(!arg);
}

/* Not where it computes, and at the next test. */
static void deferred(void)
{
	CHECK(pthread_key_create(&key, ends) == 0);
	start(spins_deferred, &key);
	cancel(1);
	go_sleep(30 * MS);
	CHECK(ended == 0);
	__atomic_store_n(&told, true, __ATOMIC_SEQ_CST);
	go_waitgroup_wait(&wg);
	CHECK(ended == 1);
}

/* ---- a handler of the program's is in between ---- */

static int inhandler, goes;

/* It interrupts the wait; the request comes while it runs, and finds no call to interrupt. */
static void handler(int sig)
{
	(void)sig;
	__atomic_store_n(&inhandler, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&goes, __ATOMIC_SEQ_CST))
		;
}

static void *cancels_in_handler(void *arg)
{
	while (!__atomic_load_n(&inhandler, __ATOMIC_SEQ_CST))
		usleep(100);
	CHECK(pthread_cancel(victim) == 0);
	__atomic_store_n(&goes, 1, __ATOMIC_SEQ_CST);
	return arg;
}

static void handlers(void)
{
	static const struct wait kinds[] = {{"", in_sem}, {"", in_pipe}, {"", in_pause}};
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
	pthread_t t;

	prepare("");
	CHECK(pthread_key_create(&key, ends) == 0);
	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	for (int i = 0; i < 12; i++) {
		inhandler = goes = 0;
		CHECK(pthread_create(&t, NULL, cancels_in_handler, NULL) == 0);
		start(waits_for_ever, &kinds[i % 3]);
		go_sleep(i % 2 * MS);
		CHECK(pthread_kill(victim, SIGUSR1) == 0);
		go_waitgroup_wait(&wg);
		CHECK(ended == i + 1 && cleaned == i + 1);
		CHECK(pthread_join(t, NULL) == 0);
	}
}

/* ---- races ---- */

enum { Many = 200 };

static int got[Many];

/* Takes what it gets: nothing is lost between a read that is over and a cancellation. */
static void takes(void *arg)
{
	int i = (int)(intptr_t)arg;
	char byte;

	CHECK(pthread_setspecific(key, &key) == 0);
	__atomic_store_n(&victim, pthread_self(), __ATOMIC_SEQ_CST);
	for (;;)
		if (read(sock[0], &byte, 1) == 1)
			got[i]++;
}

static void gives(void *arg)
{
	int n = (int)(intptr_t)arg;

	for (int i = 0; i < n; i++)
		CHECK(write(sock[1], "x", 1) == 1);
	go_waitgroup_done(&wg);
}

static void races(void)
{
	int total = 0, left = 0;
	char byte;

	prepare("");
	CHECK(pthread_key_create(&key, ends) == 0);
	for (int i = 0; i < Many; i++) {
		go_waitgroup_add(&wg, 1);
		go(gives, (void *)(intptr_t)(i % 20));
		start(takes, (void *)(intptr_t)i);
		yield(i % 7);
		cancels(victim);
		go_waitgroup_wait(&wg);
		total += i % 20;
	}
	for (int i = 0; i < Many; i++)
		left += got[i];
	while (recv(sock[0], &byte, 1, MSG_DONTWAIT) == 1)
		left++;
	CHECK(left == total && ended == Many);
}

/* A signal of a condition is not lost to one that is cancelled. */
static int tokens, taken;

static void takes_token(void *arg)
{
	(void)arg;
	CHECK(pthread_setspecific(key, &key) == 0);
	CHECK(pthread_mutex_lock(&mutex) == 0);
	__atomic_store_n(&victim, pthread_self(), __ATOMIC_SEQ_CST);
	pthread_cleanup_push(unlocks, &mutex);
	while (!tokens)
		pthread_cond_wait(&cond, &mutex);
	tokens--;
	taken++;
	pthread_cleanup_pop(1);
}

static void cond_races(void)
{
	CHECK(pthread_key_create(&key, ends) == 0);
	for (int i = 0; i < Many; i++) {
		pthread_t first;

		start(takes_token, NULL);
		first = victim;
		start(takes_token, NULL);
		yield(i % 5);
		CHECK(pthread_mutex_lock(&mutex) == 0);
		tokens++;
		if (i % 2)
			cancels(first);
		CHECK(pthread_cond_signal(&cond) == 0);
		if (i % 2 == 0)
			cancels(first);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
		if (i % 3)
			yield(i % 11);
		for (int done = 0; !done; go_sched()) { /* one of them takes it */
			pthread_mutex_lock(&mutex);
			done = !tokens;
			pthread_mutex_unlock(&mutex);
		}
		CHECK(pthread_mutex_lock(&mutex) == 0);
		tokens = 2; /* for who waits still */
		CHECK(pthread_cond_broadcast(&cond) == 0);
		CHECK(pthread_mutex_unlock(&mutex) == 0);
		go_waitgroup_wait(&wg);
		tokens = 0;
		CHECK(ended == 2 * (i + 1));
	}
}

/* ---- the program's own threads, as ever ---- */

static bool hasended;

static void *thread_waits(void *arg)
{
	const struct wait *w = arg;

	pthread_cleanup_push(cleans, (void *)1);
	__atomic_store_n(&victim, pthread_self(), __ATOMIC_SEQ_CST);
	w->fn();
	wenton++;
	pthread_cleanup_pop(0);
	return NULL;
}

static void *thread_spins(void *arg)
{
	spins_till_cancelled();
	return arg;
}

static void *thread_no_points(void *arg)
{
	struct timespec t = {0, 1000};
	int fd;

	__atomic_store_n(&victim, pthread_self(), __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&told, __ATOMIC_SEQ_CST))
		;
	CHECK((fd = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && dup2(fd, fd) == fd);
	CHECK(syscall(SYS_getpid) == getpid());
	hasended = true;
	nanosleep(&t, NULL);
	return arg;
}

static void cancel_thread(void *(*fn)(void *), const void *arg)
{
	int was = cleaned;
	void *result;
	pthread_t t;

	victim = NULL;
	CHECK(pthread_create(&t, NULL, fn, (void *)arg) == 0);
	while (!__atomic_load_n(&victim, __ATOMIC_SEQ_CST))
		go_sched();
	go_sleep(MS / 2);
	CHECK(pthread_cancel(t) == 0);
	__atomic_store_n(&told, true, __ATOMIC_SEQ_CST);
	CHECK(pthread_join(t, &result) == 0);
	CHECK(result == PTHREAD_CANCELED && wenton == 0);
	CHECK(cleaned == was + (fn != thread_no_points));
}

static void of_threads(void)
{
	static const struct wait kinds[] = {{"", in_pipe}, {"", in_sem}, {"", in_sleep}, {"", in_cond},
					    {"", in_accept}, {"", in_join_of_main}};

	prepare("");
	for (size_t i = 0; i < nelem(kinds); i++)
		cancel_thread(thread_waits, &kinds[i]);
	CHECK(pthread_mutex_trylock(&mutex) == 0);
	cancel_thread(thread_spins, NULL);
	told = false;
	cancel_thread(thread_no_points, NULL);
	CHECK(hasended);
}

/* ---- main ---- */

static void cancels_main(void *arg)
{
	void *result;

	go_sleep(2 * MS);
	CHECK(pthread_cancel(mainthread) == 0);
	CHECK(pthread_join(mainthread, &result) == 0);
	CHECK(result == PTHREAD_CANCELED && cleaned == 7);
	puts("ok");
	(void)arg;
}

static void of_main(void)
{
	mainthread = pthread_self();
	go(cancels_main, NULL);
	pthread_cleanup_push(cleans, (void *)7);
	in_sleep();
	pthread_cleanup_pop(0);
	CHECK(!"went on after it was cancelled");
}

const struct testcase cases[] = {
	{"join_main", join_main},
	{"join_main_by_thread", join_main_by_thread},
	{"join_main_late", join_main_late},
	{"detach_main", detach_main},
	{"join_stuck", join_stuck},
	{"wait", cancel_wait},
	{"disabled", disabled},
	{"crowd_parks", crowd_parks},
	{"points", points},
	{"async", async},
	{"deferred", deferred},
	{"handlers", handlers},
	{"races", races},
	{"cond_races", cond_races},
	{"threads", of_threads},
	{"of_main", of_main},
	{NULL, NULL},
};
