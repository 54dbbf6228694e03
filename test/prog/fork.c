/* SPDX-License-Identifier: MIT */
/*
 * fork.c - fork from goroutines: the child has the caller alone, and a runtime as
 * good as new.
 */
#define _GNU_SOURCE
#include "prog.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* ---- little things ---- */

static int status_of(pid_t pid)
{
	int status;

	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* fn() in a child, which must end with this status. */
static void in_child(void (*fn)(void), int status)
{
	pid_t pid = fork();
	int got;

	if (pid == 0) {
		alarm(30);
		fn();
		_exit(0);
	}
	got = status_of(pid);
	if (got != status)
		dprintf(2, "a child ended with %d\n", got);
	CHECK(got == status);
}

/* No report of the child's reaches the test. */
static void silent(void)
{
	int fd = open("/dev/null", O_WRONLY);

	CHECK(dup2(fd, 2) == 2 && close(fd) == 0);
}

static go_waitgroup wg;

static void run_here(void *fn)
{
	(*(void (**)(void))fn)();
	go_waitgroup_done(&wg);
}

/* fn() on a goroutine that is not main's, and back. */
static void elsewhere(void (*fn)(void))
{
	go_waitgroup_add(&wg, 1);
	go(run_here, &fn);
	go_waitgroup_wait(&wg);
}

/* ---- what a child can do ---- */

static void square(void *arg)
{
	chan(int) c = arg;
	int v = chan_recv(c);

	chan_send(c, v * v);
}

static void sleeper(void *arg)
{
	go_sleep(2 * MS);
	chan_send((chan(int))arg, 1);
}

static void use_goroutines(void)
{
	chan(int) c = chan_make(int, 0);

	for (int i = 0; i < 50; i++) {
		go(square, c);
		chan_send(c, i);
		CHECK(chan_recv(c) == i * i);
	}
	for (int i = 0; i < 50; i++)
		go(sleeper, c);
	for (int i = 0; i < 50; i++)
		CHECK(chan_recv(c) == 1);
	wait_for_goroutines(1);
	chan_free(c);
}

static void set_flag(void *flag)
{
	__atomic_store_n((int *)flag, 1, __ATOMIC_SEQ_CST);
}

static void use_timers(void)
{
	int64_t start = go_nanotime();
	go_timer *t = go_timer_new(MS), *f;
	int flag = 0;

	CHECK(chan_recv(go_timer_chan(t)) >= start + MS);
	go_timer_free(t);
	f = go_timer_func(MS, set_flag, &flag);
	while (!__atomic_load_n(&flag, __ATOMIC_SEQ_CST))
		go_sleep(MS);
	go_timer_free(f);
	go_sleep(MS);
	CHECK(go_nanotime() - start >= 3 * MS);
}

static int fds[2];

static void write_later(void *arg)
{
	(void)arg;
	go_sleep(2 * MS);
	CHECK(write(fds[1], "x", 1) == 1);
}

static void use_pipe(void)
{
	char c;

	CHECK(pipe(fds) == 0);
	go(write_later, NULL);
	CHECK(read(fds[0], &c, 1) == 1 && c == 'x');
	close(fds[0]);
	close(fds[1]);
}

static void use_all(void)
{
	CHECK(go_num_goroutine() == 1);
	use_goroutines();
	use_timers();
	use_pipe();
	CHECK(go_maxprocs(3) > 0);
	use_goroutines();
}

static void child_uses_all(void)
{
	uint64_t id = go_id();

	in_child(use_all, 0);
	CHECK(go_id() == id);
}

static void works(void)
{
	child_uses_all();
	elsewhere(child_uses_all);
}

/* ---- the others are gone ---- */

static volatile long turns;

static void busy(void *arg)
{
	for (;; go_sched())
		if (!arg)
			turns++;
}

static void turns_stand_still(void)
{
	long before = turns;

	CHECK(go_num_goroutine() == 1);
	for (int i = 0; i < 20; i++) {
		yield(10);
		go_sleep(MS / 10);
	}
	use_goroutines();
	CHECK(turns == before);
}

static void alone(void)
{
	long before;

	for (int i = 0; i < 10; i++)
		go(busy, NULL);
	go_sleep(MS);
	for (int i = 0; i < 20; i++)
		in_child(turns_stand_still, 0);
	for (before = turns; turns < before + 100;)
		go_sched();
	CHECK(go_num_goroutine() == 11);
}

static chan(int) numbers, others;
static go_mutex mutex;
static go_cond cond;

static void await_number(void *arg)
{
	(void)arg;
	for (;;)
		if (chan_recv(numbers) > 0)
			turns++;
}

static void await_one_of_two(void *arg)
{
	int v;

	(void)arg;
	for (;;)
		if (chan_select_timeout(1000000 * MS, case_recv(numbers, &v), case_recv(others, &v)) >= 0)
			turns++;
}

static void await_room(void *arg)
{
	(void)arg;
	chan_send(others, 77);
	turns++;
}

static void await_signal(void *arg)
{
	(void)arg;
	go_mutex_lock(&mutex);
	go_cond_wait(&cond, &mutex);
	turns++;
	go_mutex_unlock(&mutex);
}

static void forward(void *arg)
{
	(void)arg;
	for (int v; chan_recv_ok(numbers, &v);)
		chan_send(others, v + 1);
	chan_close(others);
}

static void signalled(void *arg)
{
	go_mutex_lock(&mutex);
	chan_send((chan(int))arg, 0);
	go_cond_wait(&cond, &mutex);
	go_mutex_unlock(&mutex);
	chan_send((chan(int))arg, 1);
}

/* Those who waited in the parent get nothing of what is sent here, and give nothing. */
static void queues_have_nobody(void)
{
	chan(int) done = chan_make(int, 0);
	int v;

	CHECK(!chan_trysend(numbers, 5));
	CHECK(!chan_tryrecv(others, &v));
	CHECK(chan_select_timeout(0, case_send(numbers, 5), case_recv(others, &v)) == -1);
	CHECK(chan_select_timeout(MS, case_send(numbers, 5), case_recv(others, &v)) == -1);
	go(forward, NULL);
	for (int i = 0; i < 100; i++) {
		chan_send(numbers, i);
		CHECK(chan_recv(others) == i + 1);
	}
	chan_close(numbers);
	CHECK(!chan_recv_ok(others, &v));
	go(signalled, done);
	chan_recv(done);
	go_mutex_lock(&mutex);
	go_cond_signal(&cond);
	go_mutex_unlock(&mutex);
	CHECK(chan_recv(done) == 1);
	go_cond_broadcast(&cond);
	wait_for_goroutines(1);
	CHECK(turns == 0);
}

static void waiters(void)
{
	numbers = chan_make(int, 0);
	others = chan_make(int, 0);
	for (int i = 0; i < 5; i++) {
		go(await_number, NULL);
		go(await_one_of_two, NULL);
		go(await_signal, NULL);
	}
	go_sleep(MS);
	in_child(queues_have_nobody, 0);
	chan_send(others, 1);
	while (turns == 0)
		go_sched();
	turns = 0;
	numbers = chan_make(int, 0);
	others = chan_make(int, 0);
	go(await_room, NULL);
	go_sleep(MS);
	in_child(queues_have_nobody, 0);
	CHECK(chan_recv(others) == 77);
}

/* ---- locks ---- */

static void lock_and_wait(void *arg)
{
	(void)arg;
	go_mutex_lock(&mutex);
	turns++;
	go_mutex_unlock(&mutex);
}

/* The caller's own lock is still its own, and the others who wanted it are gone. */
static void own_lock(void)
{
	go_mutex_unlock(&mutex);
	for (int i = 0; i < 20; i++) {
		go_waitgroup_go(&wg, lock_and_wait, NULL);
		go_mutex_lock(&mutex);
		yield(3);
		go_mutex_unlock(&mutex);
	}
	go_waitgroup_wait(&wg);
	CHECK(turns == 20);
}

static pthread_mutex_t recursive;
static _Thread_local int local = 1;
static pthread_key_t key;

static void own_thread(void)
{
	CHECK(local == 2 && pthread_getspecific(key) == &local);
	CHECK(pthread_mutex_trylock(&recursive) == 0);
	CHECK(pthread_mutex_unlock(&recursive) == 0);
	CHECK(pthread_mutex_unlock(&recursive) == 0);
	use_goroutines();
	CHECK(local == 2);
}

static void locks(void)
{
	pthread_mutexattr_t attr;

	go_mutex_lock(&mutex);
	for (int i = 0; i < 10; i++)
		go(lock_and_wait, NULL);
	yield(10);
	in_child(own_lock, 0);
	go_mutex_unlock(&mutex);
	local = 2;
	CHECK(pthread_key_create(&key, NULL) == 0);
	CHECK(pthread_setspecific(key, &local) == 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	CHECK(pthread_mutex_init(&recursive, &attr) == 0);
	pthread_mutex_lock(&recursive);
	in_child(own_thread, 0);
}

/* ---- stdio ---- */

static FILE *in, *out;

static void hold_in(void *arg)
{
	char line[8];

	(void)arg;
	fgets(line, sizeof line, in); /* for ever, with its lock */
}

static void hold_out(void *arg)
{
	flockfile(out);
	chan_send((chan(int))arg, 0);
	chan_recv((chan(int))arg);
	funlockfile(out);
	chan_send((chan(int))arg, 0);
}

static void print_and_exit(void)
{
	fprintf(out, "from the child");
	fprintf(stdout, "%s", "");
	exit(3); /* locks them all */
}

static void keep_out(void)
{
	flockfile(out);
	fprintf(out, "mine ");
	funlockfile(out);
	funlockfile(out);
	exit(4);
}

static void stdio(void)
{
	chan(int) c = chan_make(int, 0);
	char buf[64] = "";
	int p[2], q[2];

	CHECK(pipe(p) == 0 && pipe(q) == 0);
	in = fdopen(p[0], "r");
	out = fdopen(q[1], "w");
	go(hold_in, NULL);
	go(hold_out, c);
	chan_recv(c);
	go_sleep(MS);
	in_child(print_and_exit, 3);
	CHECK(read(q[0], buf, sizeof buf) == 14 && !strcmp(buf, "from the child"));
	chan_send(c, 0);
	chan_recv(c);
	flockfile(out);
	in_child(keep_out, 4);
	funlockfile(out);
	CHECK(write(p[1], "\n", 1) == 1); /* else our own exit waits for its lock */
}

/* ---- timers ---- */

static int fired;
static go_timer *ticker;

static void fire(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&fired, 1, __ATOMIC_SEQ_CST);
}

static void sleep_and_count(void *arg)
{
	go_sleep((5 + (intptr_t)arg % 10) * MS);
	turns++;
}

/* The program's timers go on, sleeps have ended with their sleepers. */
static void timers_go_on(void)
{
	int64_t end = go_nanotime() + 20 * MS;
	long before = turns; /* some sleeps may have ended before the fork */

	for (int i = 0; i < 3; i++)
		chan_recv(go_timer_chan(ticker));
	while (go_nanotime() < end || !__atomic_load_n(&fired, __ATOMIC_SEQ_CST))
		go_sleep(MS);
	CHECK(turns == before && fired == 1);
	CHECK(go_timer_stop(ticker) || true);
	go_timer_free(ticker);
}

/* Nobody but sysmon can run it: the only m is in a call. */
static void timer_during_call(void)
{
	char c;

	CHECK(pipe(fds) == 0);
	go_timer_func(2 * MS, write_later, NULL);
	CHECK(syscall(SYS_gettid) == getpid());
	CHECK(read(fds[0], &c, 1) == 1);
}

static void inherited_during_call(void)
{
	char c;

	CHECK(read(fds[0], &c, 1) == 1);
}

static void timers(void)
{
	ticker = go_ticker_new(3 * MS);
	for (intptr_t i = 0; i < 100; i++)
		go(sleep_and_count, (void *)i);
	yield(5);
	go_timer_func(10 * MS, fire, NULL);
	in_child(timers_go_on, 0);
	go_timer_free(ticker);
	in_child(timer_during_call, 0);
	CHECK(pipe(fds) == 0);
	go_timer_func(20 * MS, write_later, NULL);
	in_child(inherited_during_call, 0);
}

/* ---- descriptors ---- */

static chan(int) bytes;

static void read_one(void *arg)
{
	char c;

	CHECK(read(*(int *)arg, &c, 1) == 1);
	chan_send(bytes, c);
}

/* The parent's reader is not here: what comes is our reader's. */
static void read_inherited(void)
{
	go(read_one, &fds[0]);
	go_sleep(MS);
	CHECK(write(fds[1], "c", 1) == 1);
	CHECK(chan_recv(bytes) == 'c');
	use_pipe();
}

/* ... nor does closing a descriptor here end a wait there. */
static void close_inherited(void)
{
	CHECK(close(fds[0]) == 0);
	CHECK(close(fds[1]) == 0);
	use_pipe();
}

static void close_and_exit(void *arg)
{
	pid_t pid = arg ? vfork() : _Fork();

	if (pid == 0) {
		close(fds[0]);
		dup2(fds[1], 70);
		_exit(0);
	}
	CHECK(status_of(pid) == 0);
}

static void *close_in_children(void *unused)
{
	close_and_exit("vfork");
	close_and_exit(NULL);
	return unused;
}

static void descriptors(void)
{
	int ours[2];
	pthread_t t;

	bytes = chan_make(int, 0);
	CHECK(pipe(ours) == 0 && pipe(fds) == 0);
	go(read_one, &fds[0]);
	go(read_one, &ours[0]);
	go_sleep(MS);
	in_child(close_inherited, 0);
	close_in_children(NULL);
	CHECK(pthread_create(&t, NULL, close_in_children, NULL) == 0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(write(fds[1], "p", 1) == 1);
	CHECK(chan_recv(bytes) == 'p');
	in_child(read_inherited, 0);
	CHECK(write(ours[1], "q", 1) == 1);
	CHECK(chan_recv(bytes) == 'q');
}

/* ---- how a child ends ---- */

static int *shared;

static void at_exit(void) { __atomic_add_fetch(shared, 1, __ATOMIC_SEQ_CST); }

static void set_later(void *arg)
{
	(void)arg;
	go_sleep(3 * MS);
	__atomic_add_fetch(shared, 10, __ATOMIC_SEQ_CST);
}

static void fork_and_return(void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(30);
		for (int i = 0; arg && i < 5; i++)
			go(set_later, NULL);
		return; /* the last goroutine ends the child, as the last thread would */
	}
	turns = pid;
}

static void fork_and_exit(void *arg)
{
	pid_t pid = fork();

	(void)arg;
	if (pid == 0)
		go_exit();
	turns = pid;
}

static void last(void (*fn)(void *), void *arg, int want)
{
	*shared = 0;
	go_waitgroup_go(&wg, fn, arg);
	go_waitgroup_wait(&wg);
	CHECK(status_of((pid_t)turns) == 0);
	CHECK(*shared == want);
}

static void hang(void)
{
	silent();
	chan_recv((chan(int))NULL);
}

static void main_exits(void)
{
	silent();
	go_exit();
}

static void normal_exit(void) { exit(9); }

static void exits_elsewhere(void)
{
	in_child(hang, 2);
	in_child(normal_exit, 9);
}

static void ends(void)
{
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	atexit(at_exit);
	last(fork_and_return, NULL, 1);
	last(fork_and_return, "more", 51);
	last(fork_and_exit, NULL, 1);
	in_child(hang, 2);
	in_child(main_exits, 2);
	in_child(normal_exit, 9);
	elsewhere(exits_elsewhere);
}

/* ---- descendants ---- */

static int depth;

static void descend(void)
{
	use_goroutines();
	if (depth++ < 5)
		in_child(descend, 0);
	use_timers();
}

static void descend_once(void) { in_child(descend, 0); }

static void grandchildren(void)
{
	descend_once();
	elsewhere(descend_once);
}

static void fork_beside(void *arg)
{
	(void)arg;
	in_child(use_goroutines, 0);
}

/* A child whose goroutines fork, several at once. */
static void many_fork(void)
{
	for (int i = 0; i < 8; i++)
		go_waitgroup_go(&wg, fork_beside, NULL);
	go_waitgroup_wait(&wg);
}

static void families(void)
{
	in_child(many_fork, 0);
	many_fork();
}

/* ---- pthread_atfork ---- */

static char order[32];
static chan(int) token;

static void note(char c) { order[strlen(order)] = c; }
static void prepare1(void) { note('1'); }
static void prepare2(void)
{
	note('2');
	chan_recv(token); /* handlers are ordinary code and may block */
	go_sleep(MS / 10);
}
static void parent1(void) { note('p'); }
static void parent2(void)
{
	note('P');
	chan_send(token, 1);
}
static void child1(void) { note('c'); }
static void child2(void)
{
	note('C');
	chan_send(token, 1);
}

static void see_child_order(void)
{
	CHECK(!strcmp(order, "21Cc") || !strcmp(order, "21cC"));
	CHECK(chan_recv(token) == 1);
	use_goroutines();
}

static void atfork(void)
{
	token = chan_make(int, 1);
	chan_send(token, 1);
	CHECK(pthread_atfork(prepare1, parent1, child1) == 0);
	CHECK(pthread_atfork(prepare2, parent2, child2) == 0);
	in_child(see_child_order, 0);
	CHECK(!strcmp(order, "21pP"));
	many_fork();
}

/* ---- threads ---- */

static void is_first_thread(void)
{
	CHECK(thread() == getpid());
	for (int i = 0; i < 20; i++) {
		use_goroutines();
		CHECK(thread() == getpid());
	}
}

static void wired(void)
{
	go_lock_os_thread();
	in_child(is_first_thread, 0);
	go_unlock_os_thread();
	in_child(use_all, 0);
}

static void wired_elsewhere(void)
{
	wired();
	elsewhere(wired);
}

static void *plain_fork(void *arg)
{
	pid_t pid = fork();

	(void)arg;
	if (pid == 0) {
		char *p = malloc(100);
		pthread_t t;

		alarm(30);
		CHECK(go_num_cpu() > 0 && p);
		free(p);
		CHECK(pthread_create(&t, NULL, (void *(*)(void *))strdup, "x") == 0);
		CHECK(pthread_join(t, NULL) == 0);
		fprintf(stdout, "%s", "");
		exit(6);
	}
	CHECK(status_of(pid) == 6);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 8", (char *)NULL);
		_exit(1);
	}
	CHECK(status_of(pid) == 8);
	pid = fork();
	if (pid == 0) {
		silent();
		go_sched();
		_exit(1);
	}
	CHECK(status_of(pid) == 2);
	return NULL;
}

static void foreign(void)
{
	pthread_t t;

	for (int i = 0; i < 4; i++)
		go(busy, "quietly");
	for (int i = 0; i < 5; i++) {
		CHECK(pthread_create(&t, NULL, plain_fork, NULL) == 0);
		CHECK(pthread_join(t, NULL) == 0);
	}
}

/* A child that makes threads of its own. */
static void *count_up(void *arg)
{
	usleep(1000);
	++*(int *)arg;
	return NULL;
}

static void thread_in_child(void)
{
	pthread_t t;
	int n = 0;

	CHECK(pthread_create(&t, NULL, count_up, &n) == 0);
	CHECK(pthread_join(t, NULL) == 0 && n == 1);
	use_goroutines();
}

static void threads(void)
{
	in_child(thread_in_child, 0);
}

/* ---- signals ---- */

static volatile sig_atomic_t caught;

static void catch(int sig) { caught = sig; }

static void mask_is_mine(void)
{
	sigset_t now;

	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0);
	CHECK(sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));
	CHECK(sigpending(&now) == 0 && !sigismember(&now, SIGUSR1));
	raise(SIGUSR2);
	CHECK(caught == SIGUSR2);
	use_goroutines();
	sigemptyset(&now);
	CHECK(pthread_sigmask(SIG_SETMASK, &now, NULL) == 0);
	caught = 0;
	kill(getpid(), SIGUSR1); /* to the process, whose threads are several by now */
	while (caught != SIGUSR1)
		go_sleep(MS);
}

static void signals(void)
{
	sigset_t usr1;

	signal(SIGUSR1, catch);
	signal(SIGUSR2, catch);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
	raise(SIGUSR1);
	in_child(mask_is_mine, 0);
	CHECK(sigpending(&usr1) == 0 && sigismember(&usr1, SIGUSR1));
	CHECK(caught == 0);
}

/* ---- _Fork ---- */

static void bare(void)
{
	char *const argv[] = {"sh", "-c", "exit 5", NULL};
	pid_t pid = _Fork();

	if (pid == 0) {
		alarm(30);
		if (write(2, "", 0) != 0 || raise(SIGCHLD) || close(0))
			_exit(1);
		execve("/bin/sh", argv, environ);
		_exit(1);
	}
	CHECK(status_of(pid) == 5);
}

static void bare_forks(void)
{
	for (int i = 0; i < 4; i++)
		go(busy, "quietly");
	for (int i = 0; i < 20; i++)
		bare();
	elsewhere(bare);
}

/* ---- under load ---- */

static uint32_t stop, errors;

static bool stopped(void) { return __atomic_load_n(&stop, __ATOMIC_SEQ_CST); }

static void load_malloc(void *arg)
{
	(void)arg;
	for (size_t n = 1; !stopped(); n = n * 5 % 4093 + 1) {
		free(malloc(n));
		go_sched();
	}
}

static void load_print(void *arg)
{
	FILE *f = arg;

	for (int i = 0; !stopped(); i++) {
		fprintf(f, "%d %g\n", i, i * 0.5);
		go_sched();
	}
}

static void load_chan(void *arg)
{
	chan(int) c = arg;
	int v = 0;

	while (!stopped()) {
		chan_select_timeout(MS / 10, case_send(c, v), case_recv(c, &v));
		v++;
	}
}

static void load_sleep(void *arg)
{
	(void)arg;
	while (!stopped())
		go_sleep(MS / 20);
}

static void nothing(void *arg) { (void)arg; }

static void load_spawn(void *arg)
{
	(void)arg;
	for (; !stopped(); go_sched())
		go(nothing, NULL);
}

static void load_read(void *arg)
{
	char c;
	int *p = arg;

	while (!stopped()) {
		CHECK(write(p[1], "x", 1) == 1);
		CHECK(read(p[0], &c, 1) == 1);
	}
}

static void load_procs(void *arg)
{
	int n = go_maxprocs(0);

	(void)arg;
	while (!stopped()) {
		go_maxprocs(n + 1);
		go_sleep(MS);
		go_maxprocs(n);
		go_sleep(MS);
	}
}

static void child_of_storm(int i)
{
	char *const argv[] = {"true", NULL};
	chan(int) c;

	alarm(60);
	switch (i % 8) {
	case 0:
		c = chan_make(int, 0);
		for (int k = 0; k < 3; k++)
			go(sleeper, c);
		for (int k = 0; k < 3; k++)
			chan_recv(c);
		exit(0); /* with all of stdio's locks */
	case 1:
		execve("/bin/true", argv, environ);
		_exit(1);
	case 2:
		free(malloc(1000));
		exit(0);
	case 3:
		go_sleep(MS / 10);
		_exit(0);
	}
	_exit(0);
}

struct storm {
	go_waitgroup wg;
	int each;
};

static void storming(void *arg)
{
	struct storm *s = arg;

	for (int i = 0; i < s->each; i++) {
		pid_t pid = fork();

		if (pid == 0)
			child_of_storm(i);
		if (status_of(pid) != 0)
			__atomic_add_fetch(&errors, 1, __ATOMIC_SEQ_CST);
	}
}

/* fork from four goroutines at once, each so many times, while others do all kinds of things. */
static void storm(int each)
{
	chan(int) c = chan_make(int, 1);
	FILE *null = fopen("/dev/null", "w");
	struct storm s = {.each = each};
	int p[2];

	CHECK(pipe(p) == 0 && null);
	for (int i = 0; i < 3; i++) {
		go_waitgroup_go(&wg, load_malloc, NULL);
		go_waitgroup_go(&wg, load_print, null);
		go_waitgroup_go(&wg, load_chan, c);
		go_waitgroup_go(&wg, load_sleep, NULL);
	}
	go_waitgroup_go(&wg, load_read, p);
	go_waitgroup_go(&wg, load_procs, NULL);
	go_waitgroup_go(&wg, load_spawn, NULL);
	for (int i = 0; i < 4; i++)
		go_waitgroup_go(&s.wg, storming, &s);
	go_waitgroup_wait(&s.wg);
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	go_waitgroup_wait(&wg);
	CHECK(errors == 0);
}

static void short_storm(void) { storm(25); }
static void long_storm(void) { storm(2500); }

/* ---- clone, by name and by number: a child that is a process is one of fork ---- */

static void nothing_at_all(void *arg) { (void)arg; }

static int waits_and_returns(void *n)
{
	usleep(1000);
	return (int)(intptr_t)n;
}

static void clones(void)
{
	static _Alignas(16) char stack[1 << 16];

	for (int i = 0; i < 5; i++) {
		pid_t pid;

		CHECK(status_of(clone(waits_and_returns, stack + sizeof stack, SIGCHLD, (void *)(intptr_t)i)) == i);
		if ((pid = (pid_t)syscall(SYS_fork)) == 0)
			_exit(waits_and_returns((void *)3));
		CHECK(status_of(pid) == 3);
		if ((pid = (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L)) == 0) {
			go(nothing_at_all, NULL);
			go_sched();
			_exit(waits_and_returns((void *)4));
		}
		CHECK(status_of(pid) == 4);
	}
}

const struct testcase cases[] = {
	{"clones", clones},
	{"works", works},
	{"alone", alone},
	{"waiters", waiters},
	{"locks", locks},
	{"stdio", stdio},
	{"timers", timers},
	{"descriptors", descriptors},
	{"ends", ends},
	{"grandchildren", grandchildren},
	{"families", families},
	{"atfork", atfork},
	{"wired", wired_elsewhere},
	{"foreign", foreign},
	{"threads", threads},
	{"signals", signals},
	{"bare", bare_forks},
	{"storm", short_storm},
	{"storm10000", long_storm},
	{NULL, NULL},
};
