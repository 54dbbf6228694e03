/* SPDX-License-Identifier: MIT */
/* waits.c - poll, select, epoll, sleeps, terminals and the like in goroutines. */
#define _GNU_SOURCE
#include "prog.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>

static go_waitgroup wg;
static int ticks;
static bool stop;

/* With one P it only ticks while nobody holds it. */
static void ticker(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		__atomic_fetch_add(&ticks, 1, __ATOMIC_RELAXED);
		go_sleep(MS / 2);
	}
}

static int64_t since(int64_t t)
{
	return go_nanotime() - t;
}

struct later {
	int fd;
	const char *what;
};

static void writelater(void *arg)
{
	struct later *l = arg;

	go_sleep(2 * MS);
	CHECK(write(l->fd, l->what, strlen(l->what)) == (ssize_t)strlen(l->what));
}

static void pair(int fd[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
}

/* ---- poll ---- */

static void polls(void)
{
	struct pollfd p[40];
	struct timespec ts = {0, 5000000};
	struct later l;
	int fd[40][2];
	int64_t t;

	for (int i = 0; i < 40; i++) {
		pair(fd[i]);
		p[i] = (struct pollfd){fd[i][0], POLLIN, 0};
	}
	t = go_nanotime();
	CHECK(poll(p, 40, 10) == 0 && since(t) >= 10 * MS && since(t) < 2000 * MS);
	t = go_nanotime();
	CHECK(ppoll(p, 40, &ts, NULL) == 0 && since(t) >= 5 * MS);
	CHECK(poll(p, 40, 0) == 0);
	for (int n = 1; n <= 40; n += 13) {
		l = (struct later){fd[n - 1][1], "x"};
		go_waitgroup_go(&wg, writelater, &l);
		CHECK(poll(p, (nfds_t)n, -1) == 1 && p[n - 1].revents == POLLIN);
		for (int i = 0; i < n - 1; i++)
			CHECK(p[i].revents == 0);
		go_waitgroup_wait(&wg);
		CHECK(read(fd[n - 1][0], (char[8]){0}, 8) == 1);
	}
	p[3].events = POLLOUT;
	CHECK(poll(p, 40, -1) == 1 && p[3].revents == POLLOUT);
	close(fd[7][1]);
	p[3].events = 0;
	CHECK(poll(p, 40, -1) == 1 && p[7].revents & POLLHUP);
}

static void hangup(void *arg)
{
	go_sleep(2 * MS);
	close(*(int *)arg);
}

static void polledge(void)
{
	struct pollfd p[4];
	int fd[2], f = open("/proc/self/exe", O_RDONLY);
	int64_t t = go_nanotime();

	CHECK(poll(NULL, 0, 3) == 0 && since(t) >= 3 * MS);
	pair(fd);
	p[0] = (struct pollfd){-1, POLLIN, 7};
	p[1] = (struct pollfd){fd[0], 0, 7}; /* hang-up only */
	p[2] = (struct pollfd){fd[0], POLLIN | POLLPRI, 7};
	CHECK(poll(p, 3, 2) == 0 && p[0].revents == 0);
	p[3] = (struct pollfd){f, POLLIN, 0};
	CHECK(poll(p, 4, -1) == 1 && p[3].revents == POLLIN);
	p[3].fd = 9999;
	CHECK(poll(p, 4, -1) == 1 && p[3].revents == POLLNVAL);
	go_waitgroup_go(&wg, hangup, &fd[1]);
	CHECK(poll(p + 1, 1, -1) == 1 && p[1].revents == POLLHUP);
	go_waitgroup_wait(&wg);
	CHECK(poll((void *)8, 1, -1) == -1 && errno == EFAULT);
	p[3] = (struct pollfd){f, 0, 0}; /* a file, and nothing wanted of it */
	CHECK(poll(p + 3, 1, 2) == 0);
}

static void selects(void)
{
	int fd[2], high;
	struct timeval tv = {0, 5000};
	struct timespec ts = {0, 5000000};
	struct later l;
	fd_set r, w;
	int64_t t;

	pair(fd);
	high = fcntl(fd[0], F_DUPFD, 700);
	CHECK(high == 700);
	FD_ZERO(&r);
	FD_SET(fd[0], &r);
	FD_SET(high, &r);
	t = go_nanotime();
	CHECK(select(high + 1, &r, NULL, NULL, &tv) == 0 && since(t) >= 5 * MS);
	CHECK(!FD_ISSET(fd[0], &r) && !FD_ISSET(high, &r));
	FD_SET(high, &r);
	t = go_nanotime();
	CHECK(pselect(high + 1, &r, NULL, NULL, &ts, NULL) == 0 && since(t) >= 5 * MS);
	FD_SET(fd[0], &r);
	l = (struct later){fd[1], "x"};
	go_waitgroup_go(&wg, writelater, &l);
	CHECK(select(high + 1, &r, NULL, NULL, NULL) == 1 && FD_ISSET(fd[0], &r));
	go_waitgroup_wait(&wg);
	FD_ZERO(&w);
	FD_SET(fd[1], &w);
	FD_SET(high, &r);
	CHECK(read(fd[0], (char[8]){0}, 8) == 1);
	CHECK(select(high + 1, &r, &w, NULL, NULL) == 1 && FD_ISSET(fd[1], &w));
	t = go_nanotime();
	tv = (struct timeval){0, 3000};
	CHECK(select(0, NULL, NULL, NULL, &tv) == 0 && since(t) >= 3 * MS);
	tv.tv_usec = -1;
	CHECK(select(0, NULL, NULL, NULL, &tv) == -1 && errno == EINVAL);
	close(high);
	FD_ZERO(&r);
	FD_SET(high, &r);
	CHECK(select(high + 1, &r, NULL, NULL, NULL) == -1 && errno == EBADF);
}

static int looks;

static void looker(void *arg)
{
	struct pollfd p = {*(int *)arg, POLLIN, 0};

	while (poll(&p, 1, -1) == 1 && !(p.revents & POLLHUP)) {
		__atomic_fetch_add(&looks, 1, __ATOMIC_RELAXED);
		go_sched();
	}
}

static void taker(void *arg)
{
	char c;

	while (read(*(int *)arg, &c, 1) == 1)
		go_sched();
}

static void mixed(void)
{
	int fd[2];

	CHECK(pipe(fd) == 0);
	for (int i = 0; i < 4; i++) {
		go_waitgroup_go(&wg, looker, &fd[0]);
		go_waitgroup_go(&wg, taker, &fd[0]);
	}
	for (int i = 0; i < 300; i++) {
		CHECK(write(fd[1], "abc", 1 + (size_t)i % 3) > 0);
		i % 10 ? go_sched() : go_sleep(MS / 5);
	}
	close(fd[1]);
	go_waitgroup_wait(&wg);
}

/* ---- epoll ---- */

static void epolls(void)
{
	int ep = epoll_create1(0), fd[2], inner = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = 7}, out[4];
	struct later l;
	int64_t t = go_nanotime();
	char c;

	pair(fd);
	CHECK(epoll_ctl(inner, EPOLL_CTL_ADD, fd[0], &ev) == 0);
	ev.data.u32 = 8;
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, inner, &ev) == 0);
	CHECK(epoll_wait(ep, out, 4, 3) == 0 && since(t) >= 3 * MS);
	for (int i = 0; i < 5; i++) {
		l = (struct later){fd[1], "x"};
		go_waitgroup_go(&wg, writelater, &l);
		CHECK(epoll_wait(ep, out, 4, -1) == 1 && out[0].data.u32 == 8);
		CHECK(epoll_wait(inner, out, 4, -1) == 1 && out[0].data.u32 == 7);
		CHECK(epoll_wait(inner, out, 4, -1) == 1); /* level-triggered */
		CHECK(read(fd[0], &c, 1) == 1);
		CHECK(epoll_wait(inner, out, 4, 0) == 0);
		go_waitgroup_wait(&wg);
	}
	CHECK(epoll_wait(fd[0], out, 4, -1) == -1 && errno == EINVAL);
}

/* ---- descriptors of other kinds ---- */

static void postlater(void *arg)
{
	uint64_t n = 3;

	go_sleep(2 * MS);
	CHECK(write(*(int *)arg, &n, 8) == 8);
}

static void touchlater(void *arg)
{
	go_sleep(2 * MS);
	close(open(arg, O_CREAT | O_WRONLY, 0600));
}

static void others(void)
{
	struct itimerspec it = {.it_value = {0, 3000000}};
	int e = eventfd(0, EFD_SEMAPHORE), t = timerfd_create(CLOCK_MONOTONIC, 0);
	char dir[] = "/tmp/waitsXXXXXX", path[64];
	struct inotify_event *ie;
	union {
		struct inotify_event e;
		char room[512];
	} u;
	uint64_t n;
	int i;

	go_waitgroup_go(&wg, postlater, &e);
	for (int k = 0; k < 3; k++)
		CHECK(read(e, &n, 8) == 8 && n == 1);
	go_waitgroup_wait(&wg);
	CHECK(timerfd_settime(t, 0, &it, NULL) == 0);
	CHECK(read(t, &n, 8) == 8 && n == 1);
	CHECK(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/f", dir);
	CHECK((i = inotify_init1(0)) >= 0 && inotify_add_watch(i, dir, IN_CREATE) >= 0);
	go_waitgroup_go(&wg, touchlater, path);
	CHECK(read(i, &u, sizeof u) > 0);
	ie = &u.e;
	CHECK(ie->mask == IN_CREATE && !strcmp(ie->name, "f"));
	go_waitgroup_wait(&wg);
	unlink(path);
	rmdir(dir);
}

static void ptys(void)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), s;
	struct termios t;
	struct later l;
	char b[64];

	CHECK(m >= 0 && grantpt(m) == 0 && unlockpt(m) == 0);
	CHECK((s = open(ptsname(m), O_RDWR | O_NOCTTY)) >= 0);
	l = (struct later){m, "line\n"};
	go_waitgroup_go(&wg, writelater, &l);
	CHECK(read(s, b, sizeof b) == 5 && !memcmp(b, "line\n", 5));
	go_waitgroup_wait(&wg);
	CHECK(write(s, "out", 3) == 3);
	while (read(m, b, 1) == 1 && b[0] != 'o')
		; /* the echo comes first */
	CHECK(read(m, b, 2) == 2 && !memcmp(b, "ut", 2));
	tcgetattr(s, &t);
	cfmakeraw(&t);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	tcsetattr(s, TCSANOW, &t);
	CHECK(read(s, b, 1) == 0); /* set not to wait */
	t.c_cc[VTIME] = 1;
	tcsetattr(s, TCSANOW, &t);
	CHECK(read(s, b, 1) == 0);
}

static void files(void)
{
	char path[] = "/tmp/waitsXXXXXX", b[16];
	int f = mkstemp(path), null = open("/dev/null", O_RDWR), d = open("/", O_RDONLY), z;

	CHECK(write(f, "hello", 5) == 5 && lseek(f, 0, SEEK_SET) == 0);
	CHECK(read(f, b, 16) == 5 && read(f, b, 16) == 0);
	CHECK(pread(f, b, 2, 1) == 2 && !memcmp(b, "el", 2));
	CHECK(write(null, "x", 1) == 1 && read(null, b, 1) == 0);
	CHECK(read(d, b, 1) == -1 && errno == EISDIR);
	z = open("/dev/zero", O_RDONLY);
	CHECK(read(z, b, 16) == 16);
	z = open("/proc/self/stat", O_RDONLY);
	CHECK(read(z, b, 16) == 16);
	z = open(path, O_RDONLY);
	CHECK(write(z, "x", 1) == -1 && errno == EBADF);
	unlink(path);
}

/* ---- time ---- */

static void sleeps(void)
{
	struct timespec ts = {0, 3000000}, now;
	int64_t t = go_nanotime();

	go(ticker, NULL);
	CHECK(nanosleep(&ts, NULL) == 0 && since(t) >= 3 * MS);
	t = go_nanotime();
	CHECK(usleep(3000) == 0 && since(t) >= 3 * MS);
	t = go_nanotime();
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL) == 0 && since(t) >= 3 * MS);
	t = go_nanotime();
	CHECK(clock_nanosleep(CLOCK_BOOTTIME, 0, &ts, NULL) == 0 && since(t) >= 3 * MS);
	clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_nsec += 3000000;
	now.tv_sec += now.tv_nsec / 1000000000;
	now.tv_nsec %= 1000000000;
	t = go_nanotime();
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL) == 0 && since(t) >= 2 * MS);
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL) == 0);
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &now, NULL) == 0);
	ts.tv_nsec = 1000000000;
	CHECK(nanosleep(&ts, NULL) == -1 && errno == EINVAL);
	ts = (struct timespec){0, 0};
	CHECK(nanosleep(&ts, NULL) == 0);
	CHECK(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL) == EINVAL);
	CHECK(ticks > 2);
	stop = true;
}

/* ---- the network ---- */

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int bound(int type, int *port)
{
	struct sockaddr_in a = loopback(0);
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, type, 0);

	CHECK(fd >= 0 && bind(fd, (void *)&a, n) == 0 && getsockname(fd, (void *)&a, &n) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void answer(void *arg)
{
	struct sockaddr_in from;
	socklen_t n = sizeof from;
	char b[100];

	for (int i = 0; i < 100; i++) {
		ssize_t r = recvfrom(*(int *)arg, b, sizeof b, 0, (void *)&from, &n);

		CHECK(r > 0 && sendto(*(int *)arg, b, (size_t)r, 0, (void *)&from, n) == r);
	}
}

static void udp(void)
{
	int port, fd = bound(SOCK_DGRAM, &port), mine, n;
	struct sockaddr_in a = loopback(port);
	char b[100];

	go_waitgroup_go(&wg, answer, &fd);
	mine = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(connect(mine, (void *)&a, sizeof a) == 0);
	for (int i = 0; i < 100; i++) {
		n = 1 + i % 50;
		CHECK(send(mine, b, (size_t)n, 0) == n && recv(mine, b, sizeof b, 0) == n);
	}
	go_waitgroup_wait(&wg);
}

static int connected;

static void connectone(void *arg)
{
	struct sockaddr_in a = loopback(*(int *)arg);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char c;

	CHECK(connect(fd, (void *)&a, sizeof a) == 0);
	__atomic_fetch_add(&connected, 1, __ATOMIC_RELAXED);
	CHECK(read(fd, &c, 1) == 1);
	close(fd);
}

/* A listener whose queue is full answers no more: who connects waits, and holds no thread. */
static void connects(void)
{
	enum { N = 4 }; /* two in the queue, two whose first try is not heard: they come in a second */
	int port, l = bound(SOCK_STREAM, &port), fd;

	CHECK(listen(l, 1) == 0);
	go(ticker, NULL);
	for (int i = 0; i < N; i++)
		go_waitgroup_go(&wg, connectone, &port);
	while (__atomic_load_n(&ticks, __ATOMIC_RELAXED) < 20)
		go_sleep(MS);
	CHECK(__atomic_load_n(&connected, __ATOMIC_RELAXED) < N);
	for (int i = 0; i < N; i++) {
		CHECK((fd = accept(l, NULL, NULL)) >= 0);
		CHECK(write(fd, "x", 1) == 1);
		close(fd);
	}
	go_waitgroup_wait(&wg);
	stop = true;
}

/* Second life, in a mount namespace whose resolv.conf names a server that never answers. */
static void resolve(void *arg)
{
	struct addrinfo *ai;

	(void)arg;
	CHECK(getaddrinfo("no-such-host.example", "80", NULL, &ai) != 0);
}

static void resolver2(void)
{
	int64_t t = go_nanotime();

	go(ticker, NULL);
	for (int i = 0; i < 5; i++)
		go_waitgroup_go(&wg, resolve, NULL);
	go_waitgroup_wait(&wg);
	CHECK(since(t) >= 900 * MS); /* "timeout:1" of a server that is silent */
	CHECK(ticks > 50);
	stop = true;
}

static void resolver(void)
{
	int port, fd = bound(SOCK_DGRAM, &port), f;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(53)};
	char path[] = "/tmp/waitsXXXXXX";
	static const char conf[] = "nameserver 127.0.0.77\noptions timeout:1 attempts:1\n";

	a.sin_addr.s_addr = inet_addr("127.0.0.77");
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(fcntl(fd, F_SETFD, 0) == 0);
	(void)bind(fd, (void *)&a, sizeof a); /* another run may have it: as silent */
	f = mkstemp(path);
	CHECK(write(f, conf, strlen(conf)) == (ssize_t)strlen(conf));
	CHECK(fchmod(f, 0644) == 0);
	go_lock_os_thread();
	CHECK(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL) == 0);
	unlink(path);
	execl("/proc/self/exe", "waits", "resolver2", NULL);
	CHECK(!"execl");
}

const struct testcase cases[] = {
	{"poll", polls},     {"polledge", polledge}, {"select", selects},   {"mixed", mixed},
	{"epoll", epolls},   {"others", others},     {"ptys", ptys},	    {"files", files},
	{"sleeps", sleeps},  {"udp", udp},	     {"connects", connects}, {"resolver", resolver},
	{"resolver2", resolver2}, {NULL, NULL},
};
