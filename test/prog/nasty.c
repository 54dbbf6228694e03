/* SPDX-License-Identifier: MIT */
/* nasty.c - what few programs do, and threads do right. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "prog.h"

static go_waitgroup wg;
static int pair[2];

/* ---- recvmmsg ---- */

enum { Batch = 4, Size = 16 };
static char text[Batch][Size];
static struct iovec piece[Batch];
static struct mmsghdr msgs[Batch];

static void prepare(int type)
{
	CHECK(socketpair(AF_UNIX, type, 0, pair) == 0);
	for (int i = 0; i < Batch; i++) {
		piece[i] = (struct iovec){text[i], Size};
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = &piece[i], .msg_iovlen = 1};
	}
}

static void send_some(int n)
{
	while (n-- > 0)
		CHECK(send(pair[1], "abc", 3, 0) == 3);
}

static void receives_all(void *arg)
{
	(void)arg;
	CHECK(recvmmsg(pair[0], msgs, Batch, 0, NULL) == Batch);
	CHECK(recvmmsg(pair[0], msgs, Batch, MSG_WAITFORONE, NULL) == 1);
}

static void many_messages(void)
{
	struct timespec t = {0, 0};

	prepare(SOCK_DGRAM);
	go_waitgroup_go(&wg, receives_all, NULL);
	for (int i = 0; i < Batch + 1; i++) {
		go_sleep(MS);
		send_some(1);
	}
	go_waitgroup_wait(&wg);
	CHECK(msgs[0].msg_len == 3 && memcmp(text[0], "abc", 3) == 0);
	send_some(3);
	CHECK(recvmmsg(pair[0], msgs, Batch, 0, &t) == 1); /* it looks at the time after each */
	CHECK(recvmmsg(pair[0], msgs, Batch, MSG_DONTWAIT, NULL) == 2);
	CHECK(recvmmsg(pair[0], msgs, Batch, MSG_DONTWAIT, NULL) == -1 && errno == EAGAIN);
	t.tv_sec = -1;
	CHECK(recvmmsg(pair[0], msgs, Batch, 0, &t) == -1 && errno == EINVAL);
	t = (struct timespec){5, 0};
	send_some(Batch);
	CHECK(recvmmsg(pair[0], msgs, Batch, 0, &t) == Batch && t.tv_sec == 4);
	CHECK(recvmmsg(pair[0], msgs, 0, 0, NULL) == 0);
	CHECK(recvmmsg(-1, msgs, Batch, 0, NULL) == -1 && errno == EBADF);
}

/* A signal between two waits, which the program does not see: sysmon's for the end of a slice, say. */
static void interrupts(void *arg)
{
	for (int i = 0; i < 20; i++) {
		go_sleep(MS / 2);
		syscall(SYS_tgkill, getpid(), *(int *)arg, SIGURG);
	}
	send_some(Batch - 1);
}

static void not_512(void)
{
	int tid;

	prepare(SOCK_DGRAM);
	go_lock_os_thread();
	tid = thread();
	for (int i = 0; i < 3; i++) {
		send_some(1);
		go_waitgroup_go(&wg, interrupts, &tid);
		CHECK(recvmmsg(pair[0], msgs, Batch, 0, NULL) == Batch);
		go_waitgroup_wait(&wg);
	}
}

/* ---- MSG_WAITALL ---- */

static void sends_bytes(void *arg)
{
	for (char c = '0'; c < '0' + (char)(intptr_t)arg; c++) {
		CHECK(write(pair[1], &c, 1) == 1);
		go_sleep(MS / 4);
	}
}

static void whole_message(void)
{
	char a[2], b[5], c[3];
	struct iovec v[] = {{a, 2}, {b, 5}, {c, 3}};
	struct msghdr h = {.msg_iov = v, .msg_iovlen = 3};

	prepare(SOCK_STREAM);
	go_waitgroup_go(&wg, sends_bytes, (void *)10);
	CHECK(recvmsg(pair[0], &h, MSG_WAITALL) == 10);
	CHECK(memcmp(a, "01", 2) == 0 && memcmp(b, "23456", 5) == 0 && memcmp(c, "789", 3) == 0);
	go_waitgroup_wait(&wg);
	go_waitgroup_go(&wg, sends_bytes, (void *)4);
	go_waitgroup_wait(&wg);
	close(pair[1]);
	CHECK(recvmsg(pair[0], &h, MSG_WAITALL) == 4);
	CHECK(recvmsg(pair[0], &h, MSG_WAITALL) == 0);
}

/* At least so many, or what there is at the end. */
static void low_water(void)
{
	char b[100];
	int n = 10;
	ssize_t r;

	prepare(SOCK_STREAM);
	CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &n, sizeof n) == 0);
	go_waitgroup_go(&wg, sends_bytes, (void *)14);
	r = recv(pair[0], b, sizeof b, 0);
	CHECK(r >= 10);
	go_waitgroup_wait(&wg);
	close(pair[1]);
	CHECK(read(pair[0], b, sizeof b) == 14 - r);
}

/* ---- refused before they wait ---- */

static void too_small(void)
{
	int event = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0), sig;
	sigset_t s;
	char b[64];

	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sig = signalfd(-1, &s, 0);
	CHECK(read(event, b, 4) == -1 && errno == EINVAL);
	CHECK(write(event, b, 4) == -1 && errno == EINVAL);
	CHECK(read(timer, b, 7) == -1 && errno == EINVAL);
	CHECK(read(sig, b, 64) == -1 && errno == EINVAL);
}

/* ---- what a handler wakes, no goroutine running ---- */

static go_chan *stop;
static uint32_t sema;

static void tells(int sig)
{
	int v = sig;

	CHECK(go_chan_trysend(stop, &v));
	go_sema_release(&sema);
}

static void takes_sema(void *arg)
{
	(void)arg;
	go_sema_acquire(&sema);
}

static void handler_wakes(void)
{
	struct sigaction sa = {.sa_handler = tells};
	int v = 0;

	stop = go_chan_make(sizeof v, 1); /* room, should main not have got so far */
	sigaction(SIGALRM, &sa, NULL);
	for (int i = 0; i < 5; i++) {
		go_waitgroup_go(&wg, takes_sema, NULL);
		ualarm(3000, 0);
		CHECK(go_chan_recv(stop, &v) && v == SIGALRM);
		go_waitgroup_wait(&wg);
	}
}

static void nothing(void *arg) { (void)arg; }
static void starts(int sig)
{
	(void)sig;
	go(nothing, NULL);
}

static void handler_starts(void)
{
	struct sigaction sa = {.sa_handler = starts};
	int v;

	stop = go_chan_make(sizeof v, 0);
	sigaction(SIGALRM, &sa, NULL);
	ualarm(3000, 0);
	go_chan_recv(stop, &v);
}

/* ---- the lowest number ---- */

static int closed;

/* Computes, so that its slices are taken, and finds a closed number closed. */
static void stays_closed(void *arg)
{
	int64_t end = go_nanotime() + 200 * 1000000;

	(void)arg;
	while (go_nanotime() < end)
		CHECK(fcntl(closed, F_GETFD) == -1 && errno == EBADF);
}

static void lowest_number(void)
{
	CHECK((closed = dup(0)) >= 0 && close(closed) == 0);
	for (int i = 0; i < 4; i++)
		go_waitgroup_go(&wg, stays_closed, NULL);
	go_waitgroup_wait(&wg);
}

/* ---- gcc's nested functions: code on the stack ---- */

static __attribute__((noinline)) void call(void (*fn)(void *))
{
	go_waitgroup_go(&wg, fn, NULL);
	go_waitgroup_wait(&wg);
	fn(NULL);
}

static void nested_from(void *arg)
{
	volatile int n = 0;

	(void)arg;
	void count(void *unused)
	{
		(void)unused;
		n++;
	}
	call(count);
	CHECK(n == 2);
}

static void nested(void)
{
	go_waitgroup other = {0};

	nested_from(NULL);
	go_waitgroup_go(&other, nested_from, NULL);
	go_waitgroup_wait(&other);
}

/* ---- long writes ---- */

static long long total;

static void counts(void *arg)
{
	static char b[1 << 20];
	long n;

	(void)arg;
	while ((n = read(pair[0], b, sizeof b)) > 0)
		total += n;
	go_waitgroup_done(&wg);
}

/* A round number of bytes is no error number, nor anything else. */
static void gibibyte(void)
{
	size_t n = (size_t)1 << 30;
	void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED && pipe(pair) == 0);
	go_waitgroup_add(&wg, 1);
	go(counts, NULL);
	CHECK(write(pair[1], p, n) == (ssize_t)n);
	close(pair[1]);
	go_waitgroup_wait(&wg);
	CHECK(total == (long long)n);
}

static void reads_some(void *arg)
{
	static char b[64 << 10];

	(void)arg;
	for (int i = 0; i < 20; i++)
		CHECK(read(pair[0], b, sizeof b) > 0);
	close(pair[0]);
	go_waitgroup_done(&wg);
}

/* The other side closes in the middle: what was written is said, without SIGPIPE. */
static void part_of_one(int how)
{
	static char b[16 << 20];
	struct iovec v[2] = {{b, sizeof b / 2}, {b + sizeof b / 2, sizeof b / 2}};
	struct msghdr h = {.msg_iov = v, .msg_iovlen = 2};
	ssize_t n;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	go_waitgroup_add(&wg, 1);
	go(reads_some, NULL);
	n = how == 0 ? write(pair[1], b, sizeof b) : how == 1 ? writev(pair[1], v, 2)
	    : how == 2 ? send(pair[1], b, sizeof b, 0) : how == 3 ? sendmsg(pair[1], &h, 0)
	    : sendmsg(pair[1], &h, MSG_NOSIGNAL);
	CHECK(n > 0 && n < (ssize_t)sizeof b);
	close(pair[1]);
	go_waitgroup_wait(&wg);
}

static void parts(void)
{
	for (int how = 0; how < 5; how++)
		part_of_one(how);
}

/* ---- fork beside setuid, which waits for each thread ---- */

static void *sets_uid(void *arg)
{
	while (!*(volatile bool *)arg)
		CHECK(setuid(getuid()) == 0);
	return NULL;
}

static void forks_and_setuid(void)
{
	volatile bool stop = false;
	pthread_t t;
	int status;

	CHECK(pthread_create(&t, NULL, sets_uid, (void *)&stop) == 0);
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(7);
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
	stop = true;
	CHECK(pthread_join(t, NULL) == 0);
}

/* ---- signals ---- */

static volatile sig_atomic_t came;

static void count(int sig)
{
	(void)sig;
	came++;
}

/* One of our threads is in pause, for the kernel. */
static bool paused(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *e;
	bool found = false;

	CHECK(tasks != NULL);
	while (!found && (e = readdir(tasks))) {
		char path[300];
		long nr = -1;
		FILE *f;

		snprintf(path, sizeof path, "/proc/self/task/%s/syscall", e->d_name);
		if (!(f = fopen(path, "r")))
			continue;
		found = fscanf(f, "%ld", &nr) == 1 && nr == SYS_pause;
		fclose(f);
	}
	closedir(tasks);
	return found;
}

static void tells_when_paused(void *arg)
{
	(void)arg;
	while (!paused())
		go_sched();
	CHECK(write(pair[1], "", 1) == 1);
	go_waitgroup_done(&wg);
}

/* A real-time signal to the process ends main's wait, on whatever thread main is. */
static void realtime(void)
{
	int status;
	char c;

	CHECK(pipe(pair) == 0);
	signal(SIGRTMIN + 1, count);
	for (int i = 0; i < 5; i++) {
		pid_t me = getpid(), pid = fork();

		if (pid == 0) {
			CHECK(read(pair[0], &c, 1) == 1);
			_exit(sigqueue(me, SIGRTMIN + 1, (union sigval){.sival_int = i}));
		}
		go_waitgroup_add(&wg, 1);
		go(tells_when_paused, NULL);
		CHECK(pause() == -1 && errno == EINTR);
		CHECK(came == i + 1);
		go_waitgroup_wait(&wg);
		while (waitpid(pid, &status, 0) < 0)
			CHECK(errno == EINTR);
	}
}

static void blocks_usr2(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si;
	sigaddset(&((ucontext_t *)uc)->uc_sigmask, SIGUSR2);
}

/* The mask that a handler leaves in its context is the goroutine's from then on. */
static void context_mask(void)
{
	struct sigaction sa = {.sa_sigaction = blocks_usr2, .sa_flags = SA_SIGINFO};
	sigset_t now, usr2;

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigaction(SIGUSR1, &sa, NULL);
	signal(SIGUSR2, count);
	raise(SIGUSR1);
	raise(SIGUSR2);
	go_sleep(5 * MS);
	CHECK(came == 0 && sigpending(&now) == 0 && sigismember(&now, SIGUSR2) == 1);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &usr2, &now) == 0 && sigismember(&now, SIGUSR2) == 1);
	CHECK(came == 1);
}

const struct testcase cases[] = {
	{"gibibyte", gibibyte},		  {"parts", parts},
	{"forks_and_setuid", forks_and_setuid}, {"realtime", realtime},
	{"context_mask", context_mask},
	{"many_messages", many_messages}, {"not_512", not_512},
	{"whole_message", whole_message}, {"low_water", low_water},
	{"too_small", too_small},	  {"handler_wakes", handler_wakes},
	{"handler_starts", handler_starts}, {"nested", nested},
	{"lowest_number", lowest_number},
	{NULL, NULL},
};
