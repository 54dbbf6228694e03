/* SPDX-License-Identifier: MIT */
/* signals.c - signals that a program sends, handles, blocks and dies of. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "refuse.h"

static go_waitgroup wg;
static go_mutex gate;
static volatile sig_atomic_t got, sender, at_thread;
static uint64_t volatile at_goroutine;

static void each(int n, void (*fn)(void *))
{
	go_waitgroup_add(&wg, n);
	for (intptr_t i = 0; i < n; i++)
		go(fn, (void *)i);
	go_waitgroup_wait(&wg);
}

static void note(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	got += 1000 + sig;
	sender = si->si_pid;
	at_thread = thread();
	at_goroutine = go_id();
}

static void handle(int sig, void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO}, now;

	CHECK(sigaction(sig, &sa, NULL) == 0);
	CHECK(sigaction(sig, NULL, &now) == 0);
	CHECK(now.sa_sigaction == fn);
}

/* The thread's mask as the kernel has it. */
static uint64_t kernel_mask(void)
{
	uint64_t mask;

	CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8) == 0);
	return mask;
}

static uint64_t bit(int sig) { return UINT64_C(1) << (sig - 1); }

static void raises(void)
{
	handle(SIGUSR1, note);
	for (int i = 1; i <= 20; i++) {
		CHECK(raise(SIGUSR1) == 0);
		CHECK(got == i * (1000 + SIGUSR1) && sender == getpid());
		CHECK(at_thread == thread() && at_goroutine == 1);
	}
	CHECK(raise(1000) == -1 && errno == EINVAL);
}

static __thread volatile sig_atomic_t mine;

static void mark(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	mine++;
}

static void kills_itself(void *arg)
{
	(void)arg;
	for (int i = 1; i <= 20; i++) {
		CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0);
		CHECK(mine == i);
		go_sched();
	}
	CHECK(pthread_kill(pthread_self(), 0) == 0);
	CHECK(pthread_kill(pthread_self(), 12345) == EINVAL);
	go_waitgroup_done(&wg);
}

static void kill_self(void)
{
	handle(SIGUSR1, mark);
	each(50, kills_itself);
}

/* kill and sigqueue have sent it before they return, on whatever thread main is by now. */
static volatile sig_atomic_t sent, queued;

static void note_sent(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	CHECK(si->si_pid == getpid() && si->si_uid == getuid() && go_id() == 1);
	sent += si->si_code == SI_USER;
	queued += si->si_code == SI_QUEUE ? si->si_value.sival_int : 0;
}

static void nothing(int sig) { (void)sig; }

static void kill_own(void)
{
	struct itimerval soon = {{0, 0}, {0, 2000}};

	handle(SIGINT, note_sent);
	signal(SIGALRM, nothing);
	for (int i = 1; i <= 400; i++) {
		if (i % 20 == 0) { /* an end of a wait that takes main to another thread */
			setitimer(ITIMER_REAL, &soon, NULL);
			usleep(10000);
		}
		CHECK(kill(getpid(), SIGINT) == 0 && sent == i);
		CHECK(sigqueue(getpid(), SIGINT, (union sigval){.sival_int = 3}) == 0 && queued == 3 * i);
	}
	CHECK(kill(getpid(), 0) == 0);
	CHECK(kill(getpid(), 1000) == -1 && errno == EINVAL);
	CHECK(sigqueue(getpid(), -1, (union sigval){0}) == -1 && errno == EINVAL);
}

/* To a goroutine that is parked: it comes when that one runs again, and to it. */
static pthread_t target[50];

static void is_killed(void *arg)
{
	target[(intptr_t)arg] = pthread_self();
	go_waitgroup_done(&wg);
	go_mutex_lock(&gate);
	go_mutex_unlock(&gate);
	/* On a p of its own it may be about to park, and not do so: then it comes in a moment. */
	while (go_maxprocs(0) > 1 && !mine)
		go_sched();
	CHECK(mine == 1);
	go_waitgroup_done(&wg);
}

static void kill_parked(void)
{
	handle(SIGUSR1, mark);
	go_mutex_lock(&gate);
	each(50, is_killed);
	go_sleep(5 * MS);
	for (int i = 0; i < 50; i++)
		CHECK(pthread_kill(target[i], SIGUSR1) == 0);
	go_waitgroup_add(&wg, 50);
	go_mutex_unlock(&gate);
	go_waitgroup_wait(&wg);
	CHECK(mine == 0);
}

/* Of the real-time signals each counts, up to as many as one goroutine can have. */
static void counts(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigaddset(&set, SIGUSR1);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	mine = 0;
	for (int i = 0; i < 3; i++)
		CHECK(raise(SIGRTMIN + 1) == 0 && pthread_kill(pthread_self(), SIGRTMIN + 1) == 0 && raise(SIGUSR1) == 0);
	CHECK(mine == 0);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
	CHECK(mine == 6 + 1);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	for (int i = 0; i < 5; i++)
		CHECK(raise(SIGRTMIN + 1) == 0);
	for (int i = 0; i < 5; i++) {
		siginfo_t si;

		CHECK(sigwaitinfo(&set, &si) == SIGRTMIN + 1 && si.si_pid == getpid());
	}
	CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0 && mine == 7);
	if (arg)
		go_waitgroup_done(&wg);
}

static void realtime(void)
{
	handle(SIGRTMIN + 1, mark);
	handle(SIGUSR1, mark);
	counts(NULL);
	go_waitgroup_add(&wg, 1);
	go(counts, &wg);
	go_waitgroup_wait(&wg);
}

/* Each of several that wait gets what is sent to it, as often, wherever it runs next. */
static void counts_in(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	target[(intptr_t)arg] = pthread_self();
	go_waitgroup_done(&wg);
	for (int i = 0; i < 60; i++) {
		siginfo_t si;

		CHECK(sigwaitinfo(&set, &si) == SIGRTMIN + 1);
		if (i % 3 == 0)
			go_sched();
	}
	go_waitgroup_done(&wg);
}

static void sent_to_waiters(void)
{
	handle(SIGRTMIN + 1, mark);
	each(5, counts_in);
	go_waitgroup_add(&wg, 5);
	for (int i = 0; i < 60; i++) {
		for (int k = 0; k < 5; k++)
			CHECK(pthread_kill(target[k], SIGRTMIN + 1) == 0);
		if (i % 4 == 0)
			go_sleep(MS / 10);
	}
	go_waitgroup_wait(&wg);
	CHECK(mine == 0);
}

/* The kernel queues nothing: a signal comes without what was sent with it. */
static void unqueued(void)
{
	CHECK(setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){0, 0}) == 0);
	raises();
	kill_self();
	kill_parked();
}

/* A filter lets through none of what takes a siginfo. */
static void unqueueable(void)
{
	refuse(SYS_rt_tgsigqueueinfo, EPERM);
	raises();
	kill_self();
	kill_parked();
}

/* ---- masks ---- */

static const int sigs[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGTERM, 40};

static void keeps_mask(void *arg)
{
	int sig = sigs[(intptr_t)arg % nelem(sigs)];
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK(pthread_sigmask(SIG_BLOCK, &set, &old) == 0);
	for (size_t i = 0; i < nelem(sigs); i++)
		CHECK(!sigismember(&old, sigs[i]));
	for (int i = 0; i < 100; i++) {
		if (i % 10 == 0)
			go_sleep(10000);
		else
			go_sched();
		CHECK(pthread_sigmask(SIG_BLOCK, NULL, &old) == 0);
		for (size_t k = 0; k < nelem(sigs); k++) {
			CHECK(sigismember(&old, sigs[k]) == (sigs[k] == sig));
			CHECK(!!(kernel_mask() & bit(sigs[k])) == (sigs[k] == sig));
		}
	}
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
	CHECK(!(kernel_mask() & bit(sig)));
	go_sched();
	CHECK(!(kernel_mask() & bit(sig)));
	go_waitgroup_done(&wg);
}

static void masks(void)
{
	each(100, keeps_mask);
	CHECK(!(kernel_mask() & bit(SIGUSR1)));
	CHECK(sigprocmask(12345, &(sigset_t){{0}}, NULL) == -1 && errno == EINVAL);
}

static void inherits(void *arg)
{
	sigset_t now;

	(void)arg;
	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0);
	CHECK(sigismember(&now, SIGUSR2) && !sigismember(&now, SIGUSR1));
	CHECK(kernel_mask() & bit(SIGUSR2));
	yield(10);
	CHECK(kernel_mask() & bit(SIGUSR2));
	go_waitgroup_done(&wg);
}

/* As a thread does its creator's. */
static void mask_inherited(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK(sigprocmask(SIG_SETMASK, &set, NULL) == 0);
	each(100, inherits);
	CHECK(kernel_mask() & bit(SIGUSR2));
	sigemptyset(&set);
	CHECK(sigprocmask(SIG_SETMASK, &set, NULL) == 0);
	CHECK(kernel_mask() == 0);
}

static void blocks(void *arg)
{
	sigset_t set, pending;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(raise(SIGUSR1) == 0);
	CHECK(mine == 0);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
	CHECK(mine == 1);
	go_waitgroup_done(&wg);
}

static void blocked(void)
{
	handle(SIGUSR1, mark);
	each(20, blocks);
}

/* One that was sent to it while blocked waits for it, wherever others run meanwhile. */
static void blocks_long(void *arg)
{
	sigset_t set;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(raise(SIGUSR1) == 0);
	yield(20);
	CHECK(mine == 0);
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
	CHECK(mine == 1);
	go_waitgroup_done(&wg);
}

static void never_marked(void *arg)
{
	(void)arg;
	yield(50);
	CHECK(mine == 0);
	go_waitgroup_done(&wg);
}

static void blocked_across(void)
{
	handle(SIGUSR1, mark);
	go_waitgroup_add(&wg, 10);
	for (int i = 0; i < 10; i++)
		go(never_marked, NULL);
	each(10, blocks_long);
	CHECK(mine == 0);
}

static void waits_for_signal(void)
{
	struct timespec t = {0, 10 * MS};
	siginfo_t si;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(raise(SIGUSR1) == 0);
	CHECK(sigwait(&set, &sig) == 0 && sig == SIGUSR1);
	CHECK(sigtimedwait(&set, &si, &t) == -1 && errno == EAGAIN);
}

/* ---- sigsetjmp ---- */

static sigjmp_buf env;

static void jumps(int sig)
{
	(void)sig;
	siglongjmp(env, 5);
}

static void set_jump(void)
{
	struct sigaction sa = {.sa_handler = jumps};
	volatile int n = 0;

	sigaction(SIGUSR1, &sa, NULL);
	for (int i = 0; i < 10; i++) {
		int r = sigsetjmp(env, 1);

		if (r == 0) {
			raise(SIGUSR1);
			CHECK(!"came back");
		}
		CHECK(r == 5);
		CHECK(!(kernel_mask() & bit(SIGUSR1)));
		n = n + 1;
		go_sched();
	}
	CHECK(n == 10);
	if (sigsetjmp(env, 0) == 0)
		raise(SIGUSR1);
	CHECK(kernel_mask() & bit(SIGUSR1)); /* the mask was not saved */
	go_sched();
	CHECK(kernel_mask() & bit(SIGUSR1));
}

static void jumps_in(void *arg)
{
	sigjmp_buf mine;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	for (volatile int i = 0; i < 20; i = i + 1) {
		volatile int count = 0;

		if (sigsetjmp(mine, 1) < 3) {
			CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
			go_sched();
			CHECK(kernel_mask() & bit(SIGUSR2));
			count = count + 1;
			siglongjmp(mine, count);
		}
		CHECK(!(kernel_mask() & bit(SIGUSR2)));
	}
	go_waitgroup_done(&wg);
	(void)arg;
}

/* The mask that is saved is the goroutine's, wherever it goes in between. */
static void jump_masks(void) { each(30, jumps_in); }

/* ---- while all goroutines run ---- */

static void spins(void *arg)
{
	int64_t end = go_nanotime() + 100 * MS;
	double x = (intptr_t)arg;

	while (go_nanotime() < end || got <= 5) {
		for (int i = 0; i < 100; i++)
			x = x * 1.0000001 + 1;
		errno = (int)(intptr_t)arg;
		go_sched();
		CHECK(errno == (int)(intptr_t)arg);
	}
	CHECK(x > 0);
	go_waitgroup_done(&wg);
}

static void ticks(int sig)
{
	int keep = errno;

	(void)sig;
	got++;
	errno = keep;
}

/* Handlers of asynchronous signals run on whatever goroutine is running. */
static void storm(void)
{
	struct itimerval tick = {{0, 500}, {0, 500}};
	struct sigaction sa = {.sa_handler = ticks, .sa_flags = SA_RESTART};

	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &tick, NULL) == 0);
	each(20, spins);
}

static void stacked(int sig)
{
	char big[100 << 10];

	(void)sig;
	memset(big, 1, sizeof big);
	__asm__ volatile("" ::"r"(big) : "memory");
	got++;
}

/* Without SA_ONSTACK a handler runs on the goroutine's own, large stack. */
static void handler_stack(void)
{
	struct sigaction sa = {.sa_handler = stacked};

	CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
	for (int i = 0; i < 10; i++)
		raise(SIGUSR1);
	CHECK(got == 10);
}

static void interrupted(void)
{
	struct itimerval tick = {{0, 0}, {0, 20000}};
	struct sigaction sa = {.sa_handler = ticks};
	int fd[2];
	char c;

	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	CHECK(pipe(fd) == 0);
	go_lock_os_thread();
	do {
		got = 0;
		CHECK(setitimer(ITIMER_REAL, &tick, NULL) == 0);
		CHECK(pthread_kill(pthread_self(), 0) == 0);
		errno = 0;
		if (read(fd[0], &c, 1) == -1)
			CHECK(errno == EINTR);
	} while (!got);
}

/* ---- ends ---- */

static void aborts(void) { abort(); }

static void aborts_handled(void)
{
	handle(SIGABRT, note);
	print("handled, ");
	abort();
}

static void aborts_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	abort();
}

static void aborts_in(void *arg)
{
	(void)arg;
	abort();
}

static void aborts_elsewhere(void)
{
	go(aborts_in, NULL);
	go_mutex_lock(&gate);
	go_mutex_lock(&gate);
}

static void dies_of(void)
{
	raise(atoi(args[0]));
	print("lived\n");
}

static void parks(void *arg)
{
	go_set_name(arg);
	go_waitgroup_done(&wg);
	go_mutex_lock(&gate);
}

static void sleeps(void *arg)
{
	(void)arg;
	go_waitgroup_done(&wg);
	go_sleep(3600 * 1000 * MS);
}

/* A dump is asked for while some are parked, some sleep and main runs. */
static void quits(void)
{
	go_maxprocs(1); /* main runs when the others have parked, and they when it has */
	go_mutex_lock(&gate);
	go_waitgroup_add(&wg, 3);
	go(parks, "a");
	go(parks, "b");
	go(sleeps, NULL);
	go_waitgroup_wait(&wg);
	go_sleep(5 * MS);
	raise(SIGQUIT);
	go_sleep(1000 * MS);
}

static void says_ready(void *arg)
{
	(void)arg;
	print("ready\n");
}

/* Everything is asleep, so that a thread without a goroutine takes the signal. */
static void quits_idle(void)
{
	go_maxprocs(1);
	go_mutex_lock(&gate);
	go_waitgroup_add(&wg, 3);
	go(parks, "a");
	go(parks, "b");
	go(sleeps, NULL);
	go_waitgroup_wait(&wg);
	go(says_ready, NULL);
	go_sleep(10 * 1000 * MS);
}

static void quits_handled(void)
{
	handle(SIGQUIT, note);
	raise(SIGQUIT);
	CHECK(got == 1000 + SIGQUIT);
}

static void quits_ignored(void)
{
	raise(SIGQUIT);
}

static sigjmp_buf back;

static void jumps_back(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	siglongjmp(back, si->si_addr == (void *)16 ? 1 : 2);
}

static int *volatile nowhere = (int *)16;

/* The program's own handler is asked first, and last. */
static void own_segv(void)
{
	volatile int n = 0;

	handle(SIGSEGV, jumps_back);
	for (int i = 0; i < 10; i++)
		switch (sigsetjmp(back, 1)) {
		case 0:
			*nowhere = 1;
			CHECK(!"no fault");
		case 1:
			n = n + 1;
			go_sched();
			break;
		default:
			CHECK(!"wrong address");
		}
	CHECK(n == 10);
}

/*
 * What main blocks waits, on whatever thread the signal finds: idle, going idle, waking for another
 * goroutine, or in the handler of the alarms.
 */
static volatile int storming;
static volatile sig_atomic_t alarms, all;

static void nods(void *arg)
{
	(void)arg;
	while (storming)
		go_sleep(50 * 1000);
	go_waitgroup_done(&wg);
}

static void tally(int sig, siginfo_t *si, void *uc)
{
	(void)si, (void)uc;
	if (sig == SIGALRM)
		alarms++;
	else
		all++;
}

static void blocked_in_a_storm(void)
{
	struct itimerval t = {{0, 100}, {0, 100}}, off = {{0, 0}, {0, 0}};
	sigset_t set, old;

	handle(SIGALRM, tally);
	handle(SIGUSR1, tally);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	storming = 1;
	go_waitgroup_add(&wg, 3);
	for (int i = 0; i < 3; i++)
		go(nods, NULL);
	CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
	for (int i = 1; i <= 1500; i++) {
		int before = all;

		CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
		if (i % 3 == 0)
			usleep(50);
		CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
		CHECK(kill(getpid(), SIGUSR1) == 0);
		if (i % 4 == 0)
			usleep(100);
		CHECK(all == before);
		CHECK(sigsuspend(&old) == -1 && errno == EINTR);
		while (all == before) /* it was an alarm */
			CHECK(sigsuspend(&old) == -1 && errno == EINTR);
		CHECK(all == before + 1);
	}
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	storming = 0;
	go_waitgroup_wait(&wg);
	CHECK(alarms > 0);
}

const struct testcase cases[] = {
	{"raises", raises},
	{"kill_self", kill_self},
	{"kill_own", kill_own},
	{"kill_parked", kill_parked},
	{"realtime", realtime},
	{"sent_to_waiters", sent_to_waiters},
	{"unqueued", unqueued},
	{"unqueueable", unqueueable},
	{"masks", masks},
	{"mask_inherited", mask_inherited},
	{"blocked", blocked},
	{"blocked_across", blocked_across},
	{"waits_for_signal", waits_for_signal},
	{"set_jump", set_jump},
	{"jump_masks", jump_masks},
	{"storm", storm},
	{"blocked_in_a_storm", blocked_in_a_storm},
	{"handler_stack", handler_stack},
	{"interrupted", interrupted},
	{"aborts", aborts},
	{"aborts_handled", aborts_handled},
	{"aborts_blocked", aborts_blocked},
	{"aborts_elsewhere", aborts_elsewhere},
	{"dies_of", dies_of},
	{"quits", quits},
	{"quits_idle", quits_idle},
	{"quits_handled", quits_handled},
	{"quits_ignored", quits_ignored},
	{"own_segv", own_segv},
	{NULL, NULL},
};
