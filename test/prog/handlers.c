/* SPDX-License-Identifier: MIT */
/* handlers.c - what handlers may do, where they run, and how they are left. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "prog.h"
#include "crew.h"

static volatile sig_atomic_t got;
static volatile uint64_t on;

static void count(int sig)
{
	(void)sig;
	got++;
	on = go_id();
}

static void handle(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};

	got = 0;
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static uint64_t kernel_mask(void)
{
	uint64_t mask;

	CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8) == 0);
	return mask;
}

static uint64_t bit(int sig) { return UINT64_C(1) << (sig - 1); }

static void mask(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK(pthread_sigmask(how, &set, NULL) == 0);
}

/* Others that run all the while, on whatever threads there are. */
static void busy(void *arg)
{
	(void)arg;
	while (!stop) {
		for (volatile int i = 0; i < 1000; i = i + 1)
			;
		go_sched();
	}
	go_waitgroup_done(&wg);
}

/* ---- to the process: the main goroutine's calls return ---- */

static void kills(void *arg)
{
	go_sleep(5 * MS);
	CHECK(kill(getpid(), (intptr_t)arg) == 0);
}

static void pauses(void)
{
	handle(SIGUSR1, count, SA_RESTART);
	start(2, busy);
	for (int i = 1; i <= 10; i++) {
		go(kills, (void *)SIGUSR1);
		CHECK(pause() == -1 && errno == EINTR);
		CHECK(got == i && on == 1);
	}
	end();
}

static void alarms(void)
{
	struct itimerval t = {{0, 0}, {0, 5000}};

	handle(SIGALRM, count, 0);
	for (int i = 1; i <= 5; i++) {
		CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
		CHECK(pause() == -1 && errno == EINTR);
		CHECK(got == i && on == 1);
	}
}

static void suspends(void)
{
	sigset_t none;

	sigemptyset(&none);
	handle(SIGUSR1, count, 0);
	mask(SIG_BLOCK, SIGUSR1);
	start(2, busy);
	for (int i = 1; i <= 10; i++) {
		if (i % 2)
			CHECK(kill(getpid(), SIGUSR1) == 0); /* waits */
		else
			go(kills, (void *)SIGUSR1);
		CHECK(got == i - 1);
		CHECK(sigsuspend(&none) == -1 && errno == EINTR);
		CHECK(got == i);
		CHECK(kernel_mask() & bit(SIGUSR1));
	}
	end();
}

/* read returns EINTR, or goes on where the handler says so. */
static int fd[2];

static void writes_late(void *arg)
{
	(void)arg;
	while (!got)
		go_sleep(MS);
	CHECK(write(fd[1], "x", 1) == 1);
}

static void reads(void)
{
	char c;

	CHECK(pipe(fd) == 0);
	start(2, busy);
	for (int i = 0; i < 5; i++) {
		handle(SIGUSR1, count, 0);
		go(kills, (void *)SIGUSR1);
		CHECK(read(fd[0], &c, 1) == -1 && errno == EINTR);
		CHECK(got == 1 && on == 1);
		handle(SIGUSR1, count, SA_RESTART);
		go(kills, (void *)SIGUSR1);
		go(writes_late, NULL);
		CHECK(read(fd[0], &c, 1) == 1 && c == 'x');
		CHECK(got == 1 && on == 1);
	}
	end();
}

/* While main waits for a channel the handler runs at once all the same. */
static chan(int) done;

static void waits_for_handler(void *arg)
{
	(void)arg;
	CHECK(kill(getpid(), SIGUSR1) == 0);
	while (!got)
		;
	chan_send(done, 1);
}

static void main_parked(void)
{
	done = chan_make(int, 0);
	for (int i = 0; i < 20; i++) {
		handle(SIGUSR1, count, 0);
		go(waits_for_handler, NULL);
		CHECK(chan_recv(done) == 1);
	}
}

/* ---- to a goroutine ---- */

static pthread_t reader;

static void is_interrupted(void *arg)
{
	char c;

	(void)arg;
	reader = pthread_self();
	chan_send(done, 0);
	CHECK(read(fd[0], &c, 1) == -1 && errno == EINTR);
	CHECK(on == go_id());
	chan_send(done, 1);
}

static void kill_reading(void)
{
	done = chan_make(int, 0);
	CHECK(pipe(fd) == 0);
	start(2, busy);
	for (int i = 0; i < 10; i++) {
		handle(SIGUSR1, count, 0);
		go(is_interrupted, NULL);
		CHECK(chan_recv(done) == 0);
		go_sleep(3 * MS);
		CHECK(pthread_kill(reader, SIGUSR1) == 0);
		CHECK(chan_recv(done) == 1);
		CHECK(got == 1);
	}
	end();
}

/* A running one, wherever it is: each is counted by the one that it was for. */
static __thread volatile sig_atomic_t mine;
static __thread int target;
static pthread_t targets[8];
enum { Kills = 10 };
static volatile int arrived[nelem(targets)];

static void count_mine(int sig)
{
	(void)sig;
	arrived[target] = ++mine;
}

static void is_target(void *arg)
{
	target = (int)(intptr_t)arg;
	targets[target] = pthread_self();
	for (int i = 1; i <= Kills; i++)
		while (mine < i)
			if (i % 2)
				go_sched();
	CHECK(mine == Kills);
	go_waitgroup_done(&wg);
}

static void kill_running(void)
{
	handle(SIGUSR1, count_mine, SA_RESTART);
	start(nelem(targets), is_target);
	for (size_t i = 0; i < nelem(targets); i++)
		while (!*(pthread_t volatile *)&targets[i])
			go_sched();
	for (int n = 1; n <= Kills; n++) {
		for (size_t i = 0; i < nelem(targets); i++)
			CHECK(pthread_kill(targets[i], SIGUSR1) == 0);
		for (size_t i = 0; i < nelem(targets); i++)
			while (arrived[i] < n) /* two at once would be one */
				go_sched();
	}
	go_waitgroup_wait(&wg);
}

/* One that blocks the signal, and waits for it, or will. */
static void waits_blocked(void *arg)
{
	sigset_t set;
	int sig;

	(void)arg;
	mask(SIG_BLOCK, SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	reader = pthread_self();
	chan_send(done, 0);
	for (int i = 0; i < 10; i++) {
		if (i % 2)
			go_sleep(4 * MS);
		CHECK(sigwait(&set, &sig) == 0 && sig == SIGUSR1);
		chan_send(done, i);
	}
}

static void kill_waiting(void)
{
	done = chan_make(int, 0);
	start(2, busy);
	go(waits_blocked, NULL);
	CHECK(chan_recv(done) == 0);
	for (int i = 0; i < 10; i++) {
		go_sleep(2 * MS);
		CHECK(pthread_kill(reader, SIGUSR1) == 0);
		CHECK(chan_recv(done) == i);
	}
	end();
}

/* ---- blocked by main, taken by sigwait or signalfd, though other threads are idle ---- */

static void naps(void *arg)
{
	(void)arg;
	usleep(1000);
	go_waitgroup_done(&wg);
}

static void sigwait_beside_idle(void)
{
	static const int sigs[] = {SIGTERM, SIGINT, SIGUSR2, 40};
	sigset_t set;
	int sig;

	for (size_t i = 0; i < nelem(sigs); i++) {
		start(10, naps); /* makes threads */
		go_waitgroup_wait(&wg);
		go_sleep(2 * MS);
		mask(SIG_BLOCK, sigs[i]);
		CHECK(kill(getpid(), sigs[i]) == 0);
		start(10, naps);
		go_waitgroup_wait(&wg);
		go_sleep(2 * MS);
		sigemptyset(&set);
		sigaddset(&set, sigs[i]);
		CHECK(sigwait(&set, &sig) == 0 && sig == sigs[i]);
		mask(SIG_UNBLOCK, sigs[i]);
	}
}

static void signal_fd(void)
{
	struct signalfd_siginfo si;
	sigset_t set;
	int f;

	start(10, naps);
	go_waitgroup_wait(&wg);
	mask(SIG_BLOCK, SIGTERM);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	CHECK((f = signalfd(-1, &set, SFD_CLOEXEC)) >= 0);
	for (int i = 0; i < 5; i++) {
		go(kills, (void *)SIGTERM);
		CHECK(read(f, &si, sizeof si) == sizeof si && si.ssi_signo == SIGTERM);
	}
}

static void raises(void *main)
{
	CHECK(pthread_kill((pthread_t)main, SIGTERM) == 0);
	go_waitgroup_done(&wg);
}

static bool reads_of(int f, int sig)
{
	struct signalfd_siginfo si;

	return read(f, &si, sizeof si) == sizeof si && (int)si.ssi_signo == sig;
}

/* Signals to the goroutine itself: from before the descriptor, before the read, and in the middle of it. */
static void signal_fd_of_mine(void)
{
	struct pollfd p = {.events = POLLIN};
	sigset_t set;
	int sig;

	mask(SIG_BLOCK, SIGTERM);
	mask(SIG_BLOCK, SIGUSR2);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR2);
	CHECK(raise(SIGUSR2) == 0);
	CHECK((p.fd = signalfd(-1, &set, SFD_CLOEXEC)) >= 0);
	CHECK(reads_of(p.fd, SIGUSR2));
	for (int i = 0; i < 5; i++) {
		CHECK(raise(SIGTERM) == 0);
		CHECK(poll(&p, 1, -1) == 1 && reads_of(p.fd, SIGTERM));
		go_waitgroup_add(&wg, 1);
		go(raises, (void *)pthread_self());
		CHECK(reads_of(p.fd, SIGTERM));
		go_waitgroup_wait(&wg);
	}
	CHECK(poll(&p, 1, 0) == 0);
	CHECK(raise(SIGTERM) == 0);
	CHECK(sigpending(&set) == 0 && sigismember(&set, SIGTERM));
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	CHECK(sigwait(&set, &sig) == 0 && sig == SIGTERM);
}

/* ---- timers ---- */

static void ticked(union sigval v) { __atomic_add_fetch((int *)v.sival_ptr, 1, __ATOMIC_SEQ_CST); }

static void timers(void)
{
	struct itimerspec its = {{0, 2 * MS}, {0, 2 * MS}};
	int n = 0;
	struct sigevent bythread = {.sigev_notify = SIGEV_THREAD,
				    .sigev_notify_function = ticked,
				    .sigev_value.sival_ptr = &n};
	struct sigevent bysignal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	timer_t t;

	handle(SIGUSR2, count, SA_RESTART);
	CHECK(timer_create(CLOCK_MONOTONIC, &bysignal, &t) == 0);
	CHECK(timer_settime(t, 0, &its, NULL) == 0);
	while (got < 5)
		go_sleep(MS);
	CHECK(timer_delete(t) == 0);
	CHECK(timer_create(CLOCK_MONOTONIC, &bythread, &t) == 0);
	CHECK(timer_settime(t, 0, &its, NULL) == 0);
	while (__atomic_load_n(&n, __ATOMIC_SEQ_CST) < 5)
		go_sleep(MS);
	CHECK(timer_delete(t) == 0);
}

/* ---- left by a jump ---- */

static sigjmp_buf env;
static void jumps(int sig) { siglongjmp(env, sig); }

/* A time limit on a read, as one did it before poll. The Ps must not get lost. */
static void jump_from_read(void)
{
	struct itimerval t = {{0, 0}, {0, 3000}};
	char c;

	CHECK(pipe(fd) == 0);
	handle(SIGALRM, jumps, 0);
	start(3, busy);
	for (volatile int i = 0; i < 20; i = i + 1) {
		if (sigsetjmp(env, 1) == 0) {
			CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
			(void)!read(fd[0], &c, 1);
			CHECK(!"read returned");
		}
		CHECK(!(kernel_mask() & bit(SIGALRM)));
		go_sched();
		go_sleep(100);
		CHECK(!(kernel_mask() & bit(SIGALRM)));
	}
	end();
}

/* On the signal stack, from which the jump must get away before it can wait for a P. */
static void jump_from_onstack(void)
{
	handle(SIGALRM, jumps, 0);
	handle(SIGALRM, jumps, SA_ONSTACK);
	struct itimerval t = {{0, 0}, {0, 3000}};
	char c;

	CHECK(pipe(fd) == 0);
	start(3, busy);
	for (volatile int i = 0; i < 20; i = i + 1) {
		if (sigsetjmp(env, 1) == 0) {
			CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
			(void)!read(fd[0], &c, 1);
			CHECK(!"read returned");
		}
		CHECK(!(kernel_mask() & bit(SIGALRM)));
		go_sched();
	}
	end();
}

static jmp_buf plain;
static void jumps_plainly(int sig) { longjmp(plain, sig); }

/* Without a mask in it the jump leaves the signal blocked: for this goroutine, not for its thread. */
static void sees_no_mask(void *arg)
{
	(void)arg;
	CHECK(!(kernel_mask() & bit(SIGUSR1)));
	go_waitgroup_done(&wg);
}

static void jump_without_mask(void)
{
	handle(SIGUSR1, jumps_plainly, 0);
	for (int i = 0; i < 10; i++) {
		start(4, sees_no_mask);
		if (setjmp(plain) == 0) {
			raise(SIGUSR1);
			CHECK(!"came back");
		}
		CHECK(kernel_mask() & bit(SIGUSR1));
		go_waitgroup_wait(&wg);
		CHECK(kernel_mask() & bit(SIGUSR1));
		mask(SIG_UNBLOCK, SIGUSR1);
		start(4, sees_no_mask);
		go_waitgroup_wait(&wg);
	}
}

static int *volatile nowhere = (int *)16;
static void panics(int sig) { go_panic("fault %d", sig); }
static void faults(void *arg) { *nowhere = 1 + !arg; }

/* A fault made a panic, again and again. */
static void panic_in_handler(void)
{
	handle(SIGSEGV, panics, 0);
	start(2, busy);
	for (int i = 0; i < 20; i++) {
		const char *msg = go_try(faults, NULL);

		CHECK(msg && !strcmp(msg, "fault 11"));
		CHECK(!(kernel_mask() & bit(SIGSEGV)));
		usleep(10);
		go_sched();
	}
	end();
}

/* ---- what a handler does ---- */

static int64_t spent;

static void does_much(int sig)
{
	struct timespec t = {0, 200000};
	int keep = errno;
	int64_t now = go_nanotime();
	sigset_t set;

	got++;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0); /* undone when it returns */
	CHECK(kernel_mask() & bit(SIGUSR1));
	go_sched();
	nanosleep(&t, NULL);
	(void)!write(-1, "", 1);
	CHECK(errno == EBADF);
	go_sched();
	kill(getpid(), 0);
	spent += go_nanotime() - now;
	errno = keep;
	(void)sig;
}

static go_mutex mu;
static go_chan *numbers;

static void mixes(void *arg)
{
	int n = 0;

	for (int i = 0; !stop; i++) {
		errno = 1000 + (int)(intptr_t)arg;
		switch ((i + (intptr_t)arg) % 6) {
		case 0:
			go_mutex_lock(&mu);
			go_mutex_unlock(&mu);
			break;
		case 1:
			(void)go_chan_trysend(numbers, &i);
			break;
		case 2:
			(void)go_chan_tryrecv(numbers, &n, NULL);
			break;
		case 3:
			go_sleep(1000);
			break;
		case 4:
			go_sched();
			break;
		case 5:
			getppid();
		}
		CHECK(errno == 1000 + (int)(intptr_t)arg);
		CHECK(!(kernel_mask() & bit(SIGUSR1)));
	}
	go_waitgroup_done(&wg);
}

static void storm(int sig, int which)
{
	struct itimerval t = {{0, 400}, {0, 400}}, off = {{0, 0}, {0, 0}};

	numbers = go_chan_make(sizeof(int), 4);
	handle(sig, does_much, SA_RESTART);
	CHECK(setitimer(which, &t, NULL) == 0);
	start(12, mixes);
	for (int i = 0; i < 60 || got < 10; i++)
		go_sleep(2 * MS);
	CHECK(setitimer(which, &off, NULL) == 0);
	end();
}

/* Signals that were on their way in the parent are none of the child's: its own come all the same. */
static int forked[2];

static void forks_children(void *arg)
{
	struct itimerval soon = {{0, 1000}, {0, 1000}};
	int status = -1;

	(void)arg;
	for (int i = 0; i < 25; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			got = 0;
			setitimer(ITIMER_REAL, &soon, NULL);
			while (got < 5)
				go_sleep(MS);
			_exit(7);
		}
		CHECK(pid > 0);
		while (waitpid(pid, &status, 0) < 0)
			CHECK(errno == EINTR);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
	CHECK(write(forked[1], "x", 1) == 1);
}

static void fork_storm(void)
{
	char byte;
	struct itimerval t = {{0, 200}, {0, 200}}, off = {{0, 0}, {0, 0}};

	handle(SIGALRM, count, SA_RESTART);
	CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
	CHECK(pipe(forked) == 0);
	for (int i = 0; i < 4; i++)
		go(forks_children, NULL);
	for (int i = 0; i < 4; i++) /* where main is woken for each signal */
		CHECK(read(forked[0], &byte, 1) == 1);
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
}

static void alarm_storm(void) { storm(SIGALRM, ITIMER_REAL); }
static void prof_storm(void) { storm(SIGPROF, ITIMER_PROF); }
static void vtalrm_storm(void) { storm(SIGVTALRM, ITIMER_VIRTUAL); }

/* It sees the goroutine that it interrupted, and what it leaves in errno stays there, as in C. */
static __thread int who;
static volatile int seen, seenerrno;

static void looks(int sig)
{
	seen = who;
	seenerrno = errno;
	errno = sig;
}

static void looked_at(void *arg)
{
	who = 1 + (int)(intptr_t)arg;
	for (int i = 0; i < 20; i++) {
		errno = 100 + who;
		seen = 0;
		raise(SIGUSR1);
		CHECK(seen == who && seenerrno == 100 + who && errno == SIGUSR1);
		go_sched();
	}
	go_waitgroup_done(&wg);
}

static void sees_the_goroutine(void)
{
	go_maxprocs(1); /* seen is one for all */
	handle(SIGUSR1, looks, 0);
	start(5, looked_at);
	go_waitgroup_wait(&wg);
}

/* ---- sigaction ---- */

static void other(int sig) { (void)sig; }

static void actions(void)
{
	struct sigaction now, sa = {.sa_handler = other, .sa_flags = SA_RESETHAND | SA_NODEFER};

	CHECK(sigaction(SIGSEGV, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGQUIT, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGURG, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
	sigfillset(&sa.sa_mask);
	for (int sig = 1; sig < _NSIG; sig++) {
		bool bad = sig == SIGKILL || sig == SIGSTOP || (sig >= 32 && sig <= 34);

		errno = 0;
		CHECK(sigaction(sig, &sa, &now) == (bad ? -1 : 0) && errno == (bad ? EINVAL : 0));
		if (bad)
			continue;
		CHECK(now.sa_handler == SIG_DFL);
		CHECK(sigaction(sig, NULL, &now) == 0 && now.sa_handler == other);
		CHECK(now.sa_flags == sa.sa_flags && !memcmp(&now.sa_mask, &sa.sa_mask, 8));
		CHECK(signal(sig, SIG_IGN) == other && signal(sig, SIG_DFL) == SIG_IGN);
	}
	CHECK(sigaction(0, &sa, NULL) == -1 && errno == EINVAL);
	CHECK(sigaction(_NSIG, NULL, &now) == -1 && errno == EINVAL);
	handle(SIGCHLD, count, SA_RESETHAND);
	CHECK(raise(SIGCHLD) == 0 && raise(SIGCHLD) == 0);
	CHECK(got == 1);
	CHECK(sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
}

static int depth;

static void nests(int sig)
{
	if (++depth < 5)
		raise(sig);
	got++;
}

static void nodefer(void)
{
	handle(SIGUSR1, nests, SA_NODEFER);
	raise(SIGUSR1);
	CHECK(got == 5);
	go_sched();
	CHECK(!(kernel_mask() & bit(SIGUSR1)));
}

/* ---- SIGURG is ours, and theirs ---- */

static void loops(void *arg)
{
	(void)arg;
	while (!stop)
		;
	go_waitgroup_done(&wg);
}

static void urgent(void)
{
	handle(SIGURG, count, 0);
	start(2 * go_maxprocs(0), loops);
	for (int i = 1; i <= 20; i++) {
		go_sleep(2 * MS); /* preempts the loops */
		if (i % 2)
			raise(SIGURG);
		else
			kill(getpid(), SIGURG);
		while (got < i)
			go_sched();
		CHECK(got == i);
	}
	mask(SIG_BLOCK, SIGURG);
	raise(SIGURG);
	go_sleep(2 * MS);
	CHECK(got == 20);
	mask(SIG_UNBLOCK, SIGURG);
	CHECK(got == 21);
	end();
	signal(SIGURG, SIG_IGN);
	raise(SIGURG);
	signal(SIGURG, SIG_DFL);
	raise(SIGURG);
	CHECK(got == 21);
}

/* Those who block everything are preempted all the same. */
static void blocks_all(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
	loops(arg);
}

static void all_blocked(void)
{
	start(go_maxprocs(0), blocks_all);
	for (int i = 0; i < 5; i++)
		go_sleep(MS);
	end();
}

/* ---- sigaltstack ---- */

static bool onstack;

static void checks_stack(int sig)
{
	stack_t now, new = {0};

	(void)sig;
	CHECK(sigaltstack(NULL, &now) == 0 && now.ss_flags == SS_ONSTACK);
	CHECK(sigaltstack(&new, NULL) == -1 && errno == EPERM);
	onstack = true;
}

static void altstack(void)
{
	static char memory[32 << 10];
	stack_t now, new = {.ss_sp = memory, .ss_size = sizeof memory};

	CHECK(sigaltstack(NULL, &now) == 0 && now.ss_flags == SS_DISABLE);
	CHECK(sigaltstack(&new, &now) == 0 && now.ss_flags == SS_DISABLE);
	CHECK(sigaltstack(NULL, &now) == 0 && now.ss_flags == 0 && now.ss_sp == memory);
	handle(SIGUSR1, checks_stack, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(onstack);
	go_sched();
	new.ss_size = 100;
	CHECK(sigaltstack(&new, NULL) == -1 && errno == ENOMEM);
	new.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&new, NULL) == 0);
	CHECK(sigaltstack(NULL, &now) == 0 && now.ss_flags == SS_DISABLE);
}

/* Used up with a handler of the program's on the signal stack: it can still say so. */
static void overflowed(int sig)
{
	(void)sig;
	print("ok\n");
	_exit(0);
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
__attribute__((noinline)) static int deeper(volatile char *up)
{
	volatile char big[4096];

	big[0] = *up;
	return deeper(big) + big[0];
}

static void overflow(void)
{
	static char memory[32 << 10];
	stack_t new = {.ss_sp = memory, .ss_size = sizeof memory};

	CHECK(sigaltstack(&new, NULL) == 0);
	handle(SIGSEGV, overflowed, SA_ONSTACK);
	deeper(memory);
}

static void parks(int sig)
{
	(void)sig;
	go_sleep(MS);
}

static void park_in_handler(void)
{
	handle(SIGUSR1, parks, 0);
	raise(SIGUSR1);
}

static void ends_in(int sig)
{
	(void)sig;
	go_waitgroup_done(&wg);
	pthread_exit(NULL);
}

static void to_be_ended(void *arg)
{
	(void)arg;
	raise(SIGUSR1);
}

static void exit_in_handler(void)
{
	handle(SIGUSR1, ends_in, 0);
	for (int i = 0; i < 20; i++) {
		start(4, to_be_ended);
		go_waitgroup_wait(&wg);
		wait_for_goroutines(1);
		start(4, sees_no_mask);
		go_waitgroup_wait(&wg);
	}
}

const struct testcase cases[] = {
	{"pauses", pauses},
	{"alarms", alarms},
	{"suspends", suspends},
	{"reads", reads},
	{"main_parked", main_parked},
	{"kill_reading", kill_reading},
	{"kill_running", kill_running},
	{"kill_waiting", kill_waiting},
	{"sigwait_beside_idle", sigwait_beside_idle},
	{"signal_fd", signal_fd}, {"signal_fd_of_mine", signal_fd_of_mine},
	{"timers", timers},
	{"jump_from_read", jump_from_read},
	{"jump_from_onstack", jump_from_onstack},
	{"jump_without_mask", jump_without_mask},
	{"panic_in_handler", panic_in_handler},
	{"alarm_storm", alarm_storm}, {"fork_storm", fork_storm},
	{"prof_storm", prof_storm},
	{"vtalrm_storm", vtalrm_storm},
	{"sees_the_goroutine", sees_the_goroutine},
	{"actions", actions},
	{"nodefer", nodefer},
	{"urgent", urgent},
	{"all_blocked", all_blocked},
	{"altstack", altstack},
	{"overflow", overflow},
	{"park_in_handler", park_in_handler},
	{"exit_in_handler", exit_in_handler},
	{NULL, NULL},
};
