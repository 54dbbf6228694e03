/* SPDX-License-Identifier: MIT */
/* netpoll.c - goroutines that wait for pipes and sockets: threads are not held, and nothing is lost. */
#define _GNU_SOURCE
#include "prog.h"
#include "tcp.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/un.h>

static go_waitgroup wg;

static int threads(void)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	int n = 0;

	CHECK(f);
	while (fgets(line, sizeof line, f))
		sscanf(line, "Threads: %d", &n);
	fclose(f);
	return n;
}

static void pair(int fd[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
}

static void writeall(int fd, const void *p, size_t n)
{
	CHECK(write(fd, p, n) == (ssize_t)n);
}

static void readall(int fd, void *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t r = read(fd, (char *)p + at, n - at);

		CHECK(r > 0);
		at += (size_t)r;
	}
}

/* ---- many ---- */

enum { Many = 2000 };
static int many[Many][2];

static void onebyte(void *arg)
{
	int *p = arg;
	char c = 0;

	CHECK(read(p[0], &c, 1) == 1 && c == (char)(p - many[0]));
	go_waitgroup_done(&wg);
}

/* Thousands wait in read; the threads are few, and each gets its own byte. */
static void readers(void)
{
	struct rlimit r = {2 * Many + 64, 2 * Many + 64};

	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	for (int i = 0; i < Many; i++) {
		CHECK(pipe(many[i]) == 0);
		go_waitgroup_go(&wg, onebyte, many[i]);
	}
	go_waitgroup_add(&wg, Many); /* onebyte's own done comes on top */
	go_sleep(20 * MS);
	CHECK(threads() < 20);
	for (int i = Many - 1; i >= 0; i--)
		writeall(many[i][1], &(char){(char)(2 * i)}, 1);
	go_waitgroup_wait(&wg);
}

static void ring(void *arg)
{
	int (*p)[2] = arg;
	char c;

	for (int i = 0; i < 100; i++) {
		readall(p[0][0], &c, 1);
		writeall(p[1][1], &c, 1);
	}
}

/* A byte goes round through a ring of pipes. */
static void rings(void)
{
	enum { N = 50 };
	char c = 'x';

	for (int i = 0; i <= N; i++)
		CHECK(pipe(many[i]) == 0);
	for (int i = 0; i < N; i++)
		go_waitgroup_go(&wg, ring, &many[i]);
	for (int i = 0; i < 100; i++) {
		writeall(many[0][1], &c, 1);
		readall(many[N][0], &c, 1);
	}
	go_waitgroup_wait(&wg);
}

static void takebytes(void *arg)
{
	int *p = arg;
	char c;

	while (read(p[0], &c, 1) == 1)
		__atomic_fetch_add(&p[2], 1, __ATOMIC_SEQ_CST);
}

/* Several read one pipe: an edge that brings many bytes serves them all. */
static void onepipe(void)
{
	int p[3] = {0};
	char bytes[64] = {0};

	CHECK(pipe(p) == 0);
	for (int i = 0; i < 8; i++)
		go_waitgroup_go(&wg, takebytes, p);
	for (int i = 0; i < 200; i++) {
		writeall(p[1], bytes, 1 + (size_t)i % sizeof bytes);
		if (i % 7 == 0)
			go_sleep(MS / 10);
	}
	close(p[1]);
	go_waitgroup_wait(&wg);
	CHECK(p[2] == 3 * (64 * 65 / 2) + 8 * 9 / 2); /* 200 = 3 * 64 + 8 */
}

static int accepted;

static void acceptor(void *arg)
{
	int fd;

	while ((fd = accept(*(int *)arg, NULL, NULL)) >= 0) {
		__atomic_fetch_add(&accepted, 1, __ATOMIC_SEQ_CST);
		writeall(fd, "!", 1);
		close(fd);
	}
	CHECK(errno == EBADF);
}

static void dialer(void *port)
{
	int fd = dial(*(int *)port);
	char c;

	readall(fd, &c, 1);
	CHECK(read(fd, &c, 1) == 0);
	close(fd);
}

/* Several accept on one listener; closing it wakes them all. */
static void acceptors(void)
{
	static go_waitgroup dialers;
	int port, fd = listener(&port);

	for (int i = 0; i < 5; i++)
		go_waitgroup_go(&wg, acceptor, &fd);
	for (int i = 0; i < 100; i++)
		go_waitgroup_go(&dialers, dialer, &port);
	go_waitgroup_wait(&dialers);
	go_sleep(MS);
	close(fd);
	go_waitgroup_wait(&wg);
	CHECK(accepted == 100);
}

/* ---- whole transfers ---- */

enum { Big = 4 << 20 };
static char big[Big], got[Big];

static void fill(void)
{
	for (int i = 0; i < Big; i++)
		big[i] = (char)(i * 7 + i / 251);
}

static void bigreader(void *arg)
{
	memset(got, 0, sizeof got);
	readall(*(int *)arg, got, Big);
}

static void bigpieces(int fd)
{
	struct iovec v[5] = {{big, 1}, {big + 1, 0}, {big + 1, 99999}, {big + 100000, 1 << 20},
			     {big + 100000 + (1 << 20), Big - 100000 - (1 << 20)}};
	struct msghdr h = {.msg_iov = v, .msg_iovlen = 5};

	CHECK(writev(fd, v, 5) == Big);
	if (send(fd, big, 0, 0) == 0)
		CHECK(sendmsg(fd, &h, 0) == Big);
	else
		CHECK(writev(fd, v, 5) == Big);
}

/* One write is one write, however long it takes. */
static void bigwrite(void)
{
	int fd[3][2];

	fill();
	pair(fd[0]);
	CHECK(pipe(fd[1]) == 0);
	tcppair(fd[2]);
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 2; k++) {
			int *f = fd[i], in = i == 1 ? f[0] : f[1], out = i == 1 ? f[1] : f[0];

			go_waitgroup_go(&wg, bigreader, &in);
			CHECK(write(out, big, Big) == Big);
			go_waitgroup_wait(&wg);
			CHECK(memcmp(big, got, Big) == 0);
		}
}

static void twice(void *arg)
{
	bigreader(arg);
	CHECK(memcmp(big, got, Big) == 0);
	bigreader(arg);
	CHECK(memcmp(big, got, Big) == 0);
}

static void bigwritev(void)
{
	int fd[3][2];

	fill();
	pair(fd[0]);
	CHECK(pipe(fd[1]) == 0);
	tcppair(fd[2]);
	for (int i = 0; i < 3; i++) {
		int *f = fd[i], in = i == 1 ? f[0] : f[1], out = i == 1 ? f[1] : f[0];

		go_waitgroup_go(&wg, twice, &in);
		bigpieces(out);
		go_waitgroup_wait(&wg);
	}
}

static void dribble(void *arg)
{
	for (int i = 0; i < 10; i++) {
		writeall(*(int *)arg, "0123456789" + i, 1);
		go_sleep(MS / 5);
	}
}

static void waitall(void)
{
	int kinds[2][2];
	char b[10];

	pair(kinds[0]);
	tcppair(kinds[1]);
	for (int i = 0; i < 2; i++) {
		struct iovec v = {b, 10};
		struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};

		go_waitgroup_go(&wg, dribble, &kinds[i][0]);
		CHECK(recv(kinds[i][1], b, 1, MSG_PEEK) == 1 && b[0] == '0');
		CHECK(recv(kinds[i][1], b, 10, MSG_WAITALL) == 10 && !memcmp(b, "0123456789", 10));
		go_waitgroup_wait(&wg);
		go_waitgroup_go(&wg, dribble, &kinds[i][0]);
		CHECK(recvmsg(kinds[i][1], &h, MSG_WAITALL) == 10 && !memcmp(b, "0123456789", 10));
		go_waitgroup_wait(&wg);
	}
}

/* ---- ends and errors ---- */

static void sayandleave(void *arg)
{
	int fd = *(int *)arg;

	go_sleep(MS);
	writeall(fd, "bye", 3);
	shutdown(fd, SHUT_WR);
}

/* Data and the end may come in one edge: the end is seen all the same. */
static void ends(void)
{
	for (int i = 0; i < 200; i++) {
		char b[16];
		int fd[2];

		tcppair(fd);
		writeall(fd[0], "hi", 2);
		CHECK(read(fd[1], b, sizeof b) == 2); /* registered, emptied */
		go_waitgroup_go(&wg, sayandleave, &fd[0]);
		if (i % 2)
			go_sleep(2 * MS);
		for (int left = 3; left > 0;) {
			ssize_t n = read(fd[1], b, sizeof b);

			CHECK(n > 0);
			left -= (int)n;
		}
		CHECK(read(fd[1], b, sizeof b) == 0);
		CHECK(read(fd[1], b, sizeof b) == 0);
		go_waitgroup_wait(&wg);
		close(fd[0]);
		close(fd[1]);
		i += 3;
	}
}

static void reset(void *arg)
{
	struct linger l = {1, 0};

	go_sleep(MS);
	CHECK(setsockopt(*(int *)arg, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0);
	close(*(int *)arg);
}

static void errors(void)
{
	struct sockaddr_in a;
	int fd[2], port;
	char b[16];

	tcppair(fd);
	go_waitgroup_go(&wg, reset, &fd[0]);
	CHECK(read(fd[1], b, sizeof b) == -1 && errno == ECONNRESET);
	go_waitgroup_wait(&wg);

	signal(SIGPIPE, SIG_IGN);
	CHECK(write(fd[1], b, 1) == -1 && errno == EPIPE);
	pair(fd);
	close(fd[0]);
	CHECK(read(fd[1], b, 1) == 0);
	CHECK(send(fd[1], b, 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);

	close(listener(&port)); /* nobody there any more */
	a = loopback(port);
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect(fd[0], (void *)&a, sizeof a) == -1 && errno == ECONNREFUSED);
	CHECK(read(fd[0], b, 1) == -1 && errno == ENOTCONN);
	CHECK(read(9999, b, 1) == -1 && errno == EBADF);
	CHECK(write(9999, b, 1) == -1 && errno == EBADF);
	CHECK(accept(9999, NULL, NULL) == -1 && errno == EBADF);
	CHECK(recv(1, b, 1, 0) == -1 && errno == ENOTSOCK);
	CHECK(pipe(fd) == 0);
	CHECK(read(fd[0], NULL, 0) == 0);
	CHECK(write(fd[0], b, 1) == -1 && errno == EBADF);
	writeall(fd[1], b, 1);
	CHECK(read(fd[0], (void *)8, 1) == -1 && errno == EFAULT);
	CHECK(accept(fd[0], NULL, NULL) == -1 && errno == ENOTSOCK);
}

static void urgent(void *arg)
{
	int fd = *(int *)arg;

	writeall(fd, "ab", 2);
	go_sleep(MS);
	CHECK(send(fd, "!", 1, MSG_OOB) == 1);
	writeall(fd, "cd", 2);
}

/* A read stops at the mark of urgent data: short, but not the last. */
static void urgentdata(void)
{
	char b[16], all[16] = "";
	int fd[2];

	tcppair(fd);
	go_waitgroup_go(&wg, urgent, &fd[0]);
	while (strlen(all) < 4) {
		ssize_t n = read(fd[1], b, sizeof b - 1);

		CHECK(n > 0);
		b[n] = 0;
		strcat(all, b);
		if (strlen(all) == 2)
			go_sleep(3 * MS);
	}
	CHECK(!strcmp(all, "abcd"));
	go_waitgroup_wait(&wg);
}

/* ---- the program's own flags ---- */

static void nonblocking(void)
{
	int fd[2], port, l, one = 1, zero = 0;
	char b[4];

	CHECK(pipe2(fd, O_NONBLOCK) == 0);
	CHECK(read(fd[0], b, 1) == -1 && errno == EAGAIN);
	while (write(fd[1], big, 4096) > 0)
		;
	CHECK(errno == EAGAIN);

	pair(fd);
	CHECK(fcntl(fd[0], F_GETFL) == O_RDWR);
	CHECK(fcntl(fd[0], F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	CHECK(read(fd[0], b, 1) == -1 && errno == EAGAIN);
	CHECK(fcntl(fd[0], F_SETFL, O_RDWR) == 0);
	go_waitgroup_go(&wg, sayandleave, &fd[1]);
	CHECK(read(fd[0], b, 3) == 3); /* waits again */
	go_waitgroup_wait(&wg);

	tcppair(fd);
	CHECK(ioctl(fd[0], FIONBIO, &one) == 0);
	CHECK(recv(fd[0], b, 1, 0) == -1 && errno == EAGAIN);
	CHECK(ioctl(fd[0], FIONBIO, &zero) == 0);
	CHECK(recv(fd[0], b, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	go_waitgroup_go(&wg, sayandleave, &fd[1]);
	CHECK(recv(fd[0], b, 3, 0) == 3);
	go_waitgroup_wait(&wg);

	l = listener(&port);
	CHECK(fcntl(l, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	CHECK(accept(l, NULL, NULL) == -1 && errno == EAGAIN);
	dial(port);
	CHECK((fd[0] = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	CHECK(read(fd[0], b, 1) == -1 && errno == EAGAIN);
	dial(port);
	CHECK((fd[0] = accept4(l, NULL, NULL, 0)) >= 0);
	CHECK(fcntl(fd[0], F_GETFL) == O_RDWR);
}

static int64_t since(int64_t t)
{
	return go_nanotime() - t;
}

static void setlimit(int fd, int name, int ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	CHECK(setsockopt(fd, SOL_SOCKET, name, &tv, sizeof tv) == 0);
}

static void limits(void)
{
	struct timeval tv;
	socklen_t n = sizeof tv;
	ssize_t sent;
	int fd[2], port, l = listener(&port);
	int64_t t;
	char b[4];

	tcppair(fd);
	setlimit(fd[0], SO_RCVTIMEO, 20);
	t = go_nanotime();
	CHECK(read(fd[0], b, 1) == -1 && errno == EAGAIN && since(t) >= 20 * MS);
	t = go_nanotime();
	CHECK(recv(fd[0], b, 1, 0) == -1 && errno == EAGAIN && since(t) >= 20 * MS);
	setlimit(fd[0], SO_RCVTIMEO, 0);
	setlimit(fd[0], SO_SNDTIMEO, 20);
	t = go_nanotime();
	while ((sent = write(fd[0], big, Big)) > 0) { /* all, or what went out before the time was up */
		CHECK(sent == Big || since(t) >= 20 * MS);
		t = go_nanotime();
	}
	CHECK(sent == -1 && errno == EAGAIN && since(t) >= 20 * MS);
	setlimit(l, SO_RCVTIMEO, 10);
	t = go_nanotime();
	CHECK(accept(l, NULL, NULL) == -1 && errno == EAGAIN && since(t) >= 10 * MS);
	dial(port);
	CHECK((fd[1] = accept(l, NULL, NULL)) >= 0); /* the listener's limit goes to it */
	t = go_nanotime();
	CHECK(read(fd[1], b, 1) == -1 && errno == EAGAIN && since(t) >= 10 * MS);
	fd[0] = dial(port); /* connect leaves the limit alone */
	CHECK(getsockopt(fd[0], SOL_SOCKET, SO_SNDTIMEO, &tv, &n) == 0);
	CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
}

/* ---- numbers ---- */

static void readsbad(void *arg)
{
	char b;

	CHECK(read(*(int *)arg, &b, 1) == -1 && errno == EBADF);
}

static void writesbad(void *arg)
{
	while (write(*(int *)arg, big, Big) > 0)
		;
	CHECK(errno == EBADF);
}

static void closing(void)
{
	int fd[2], other[2];

	pair(fd);
	for (int i = 0; i < 3; i++)
		go_waitgroup_go(&wg, readsbad, &fd[0]);
	go_waitgroup_go(&wg, writesbad, &fd[0]);
	go_sleep(5 * MS);
	CHECK(close(fd[0]) == 0);
	go_waitgroup_wait(&wg);

	pair(other);
	CHECK(pipe(fd) == 0);
	go_waitgroup_go(&wg, readsbad, &fd[0]);
	go_sleep(5 * MS);
	CHECK(dup2(other[0], fd[0]) == fd[0]);
	go_waitgroup_wait(&wg);
	go_waitgroup_go(&wg, readsbad, &fd[0]);
	go_sleep(5 * MS);
	CHECK(dup3(other[0], fd[0], O_CLOEXEC) == fd[0]);
	go_waitgroup_wait(&wg);
}

static void *pthreadclose(void *arg)
{
	usleep(5000);
	CHECK(close(*(int *)arg) == 0);
	return NULL;
}

static void closedbythread(void)
{
	pthread_t t;
	int fd[2];

	pair(fd);
	CHECK(pthread_create(&t, NULL, pthreadclose, &fd[0]) == 0);
	readsbad(&fd[0]);
	CHECK(pthread_join(t, NULL) == 0);
}

static void onbyte(void *arg)
{
	go_sleep(MS);
	writeall(*(int *)arg, "x", 1);
}

/* Wait once, so that the poller knows fd[0]. */
static void waitonce(int from, int to)
{
	char b;

	go_waitgroup_go(&wg, onbyte, &to);
	readall(from, &b, 1);
	go_waitgroup_wait(&wg);
}

/* The same number, time and again another file. */
static void reused(void)
{
	int a[2], b[2], last, times = 0;
	FILE *f;

	pair(a);
	waitonce(a[0], a[1]);
	for (int i = 0; i < 40; i++) {
		if (i % 4 == 0) {
			close(a[0]);
		} else if (i % 4 == 1) {
			CHECK((f = fdopen(a[0], "r")) != NULL);
			fclose(f);
		} else if (i % 4 == 2) {
			CHECK(syscall(SYS_close, a[0]) == 0);
		} else {
			CHECK(pipe(b) == 0);
			CHECK(dup2(b[0], a[0]) == a[0]);
			close(b[0]);
			waitonce(a[0], b[1]);
			close(a[0]);
			close(b[1]);
		}
		close(a[1]);
		last = a[0];
		if (i % 3 == 0)
			CHECK(pipe(a) == 0);
		else if (i % 3 == 1)
			pair(a);
		else
			tcppair(a);
		times += a[0] == last;
		waitonce(a[0], a[1]);
	}
	CHECK(times >= 10);
}

/* A duplicate keeps the file open: what happens to it is nobody's who waits on the old number. */
static void duplicates(void)
{
	int a[2], b[2], copy;
	char c;

	pair(a);
	waitonce(a[0], a[1]);
	copy = dup(a[0]);
	close(a[0]);
	CHECK(pipe(b) == 0 && b[0] == a[0]);
	go_waitgroup_go(&wg, onebyte, memcpy(many[0], b, sizeof b));
	go_waitgroup_add(&wg, 1);
	go_sleep(MS);
	for (int i = 0; i < 10; i++) {
		writeall(a[1], "y", 1);
		go_sleep(MS / 10);
	}
	for (int i = 0; i < 10; i++)
		CHECK(read(copy, &c, 1) == 1 && c == 'y');
	writeall(b[1], "", 1);
	go_waitgroup_wait(&wg);
	waitonce(copy, a[1]);
}

static void sendfd(int via, int fd)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.h = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
			   .cmsg_type = SCM_RIGHTS}};
	struct iovec v = {"f", 1};
	struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control,
			   .msg_controllen = sizeof control.room};

	memcpy(CMSG_DATA(&control.h), &fd, sizeof fd);
	CHECK(sendmsg(via, &h, 0) == 1);
}

static void passer(void *arg)
{
	int *a = arg;

	go_sleep(MS);
	sendfd(a[0], a[1]);
}

static void passed(void)
{
	char b, room[CMSG_SPACE(sizeof(int))];
	struct iovec v = {&b, 1};
	struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room,
			   .msg_controllen = sizeof room};
	int s[2], p[2], arg[2], fd;

	pair(s);
	CHECK(pipe(p) == 0);
	waitonce(p[0], p[1]);
	arg[0] = s[0];
	arg[1] = p[0];
	go_waitgroup_go(&wg, passer, arg);
	CHECK(recvmsg(s[1], &h, 0) == 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof fd);
	go_waitgroup_wait(&wg);
	close(p[0]);
	waitonce(fd, p[1]);
}

/* A program that closes all it does not know, as daemons do: ours are not its to close. */
static void closeall(void)
{
	int fd[2];

	CHECK(pipe(fd) == 0);
	waitonce(fd[0], fd[1]);
	for (int i = 3; i < 1100; i++)
		if (i != fd[0] && i != fd[1])
			close(i);
	CHECK(syscall(SYS_close_range, fd[1] + 1, ~0u, 0) == 0);
	waitonce(fd[0], fd[1]);
	for (int i = 1000; i < 1030; i++)
		CHECK(dup2(fd[1], i) == i);
	waitonce(fd[0], fd[1]);
	waitonce(fd[0], 1020);
	CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
	CHECK(pipe(fd) == 0 && fd[0] == 3);
	waitonce(fd[0], fd[1]);
}

/* No descriptor left for the poller: calls hold threads, and work. */
static void nofiles(void)
{
	struct rlimit r = {5, 5};
	int fd[2];

	CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0); /* what we inherited */
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	CHECK(pipe(fd) == 0);
	waitonce(fd[0], fd[1]);
	waitonce(fd[0], fd[1]);
}

/* ---- everything at once ---- */

static unsigned seed = 1;

static unsigned chance(void)
{
	return __atomic_fetch_add(&seed, 1, __ATOMIC_RELAXED) * 2654435761u >> 8;
}

/* Sends bytes that count up, in pieces of any size, and closes. */
static void sender(void *arg)
{
	int fd = (int)(intptr_t)arg;
	unsigned char b[3000];
	unsigned at = 0;

	while (at < 60000) {
		unsigned n = 1 + chance() % sizeof b;

		for (unsigned i = 0; i < n; i++)
			b[i] = (unsigned char)(at + i);
		writeall(fd, b, n);
		at += n;
		if (chance() % 8 == 0)
			go_sleep(chance() % 20000);
	}
	close(fd);
}

static void receiver(void *arg)
{
	int fd = (int)(intptr_t)arg;
	unsigned char b[4096];
	unsigned at = 0;
	ssize_t n;

	while ((n = read(fd, b, 1 + chance() % sizeof b)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			CHECK(b[i] == (unsigned char)(at + i));
		at += (unsigned)n;
		if (chance() % 8 == 0)
			go_sched();
	}
	CHECK(n == 0 && at >= 60000);
	close(fd);
}

static void storm(void)
{
	seed = (unsigned)go_nanotime();
	for (int i = 0; i < 60; i++) {
		int fd[2];

		if (i % 3 == 0) {
			CHECK(pipe(fd) == 0);
		} else {
			i % 3 == 1 ? pair(fd) : tcppair(fd);
		}
		go_waitgroup_go(&wg, receiver, (void *)(intptr_t)fd[0]);
		go_waitgroup_go(&wg, sender, (void *)(intptr_t)fd[1]);
		if (i % 10 == 9)
			go_sleep(MS);
	}
	go_waitgroup_wait(&wg);
}

static void closesoon(void *arg)
{
	int *fd = arg;

	go_sleep(chance() % 100000);
	close(fd[0]);
	close(fd[1]);
}

static void mayfail(void *arg)
{
	char b[8];

	if (read(*(int *)arg, b, sizeof b) < 0)
		CHECK(errno == EBADF);
}

/* Numbers are closed under those who wait, and used again by others. */
static void closestorm(void)
{
	seed = (unsigned)go_nanotime();
	for (int round = 0; round < 40; round++) {
		static int fd[16][2];

		for (int i = 0; i < 16; i++)
			pair(fd[i]);
		for (int i = 0; i < 16; i++) {
			go_waitgroup_go(&wg, mayfail, &fd[i][0]);
			go_waitgroup_go(&wg, mayfail, &fd[i][1]);
			go_waitgroup_go(&wg, closesoon, fd[i]);
		}
		go_waitgroup_wait(&wg);
	}
}

/* The first work with a number of a region where nothing is known yet, and its close. */
static void readshigh(void *arg)
{
	char b;

	if (read((int)(intptr_t)arg, &b, 1) < 0)
		CHECK(errno == EBADF);
}

static void closehigh(void)
{
	enum { Region = 512 };
	struct rlimit r;
	int fd[2], high;

	CHECK(getrlimit(RLIMIT_NOFILE, &r) == 0);
	r.rlim_cur = r.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	pair(fd);
	for (int at = Region; at + Region < (int)r.rlim_cur && at < 20 * Region; at += Region) {
		CHECK((high = fcntl(fd[0], F_DUPFD, at)) >= at);
		go_waitgroup_go(&wg, readshigh, (void *)(intptr_t)high);
		for (int i = 0; i < at / Region % 40; i++)
			go_sched();
		CHECK((at % (2 * Region) ? close(high) : (int)syscall(SYS_close_range, high, high, 0)) == 0);
		go_waitgroup_wait(&wg);
	}
}

/* ---- deadlock ---- */

static void forever(void)
{
	char b;
	int fd[2];

	CHECK(pipe(fd) == 0);
	alarm(1); /* not reported: another process might write, for all we know */
	read(fd[0], &b, 1);
}

static void afterwards(void)
{
	int fd[2];

	pair(fd);
	waitonce(fd[0], fd[1]);
	go_chan_recv(NULL, NULL);
}

/* ---- for strace: what an idle server does ---- */

static void waits(void *arg)
{
	char b;

	read(*(int *)arg, &b, 1);
}

static void idle(void)
{
	static int fd[10][2];
	int port, l = listener(&port);

	for (int i = 0; i < 10; i++) {
		tcppair(fd[i]);
		go(waits, &fd[i][0]);
	}
	print("ready\n");
	accept(l, NULL, NULL);
}

const struct testcase cases[] = {
	{"readers", readers},	  {"rings", rings},
	{"onepipe", onepipe},	  {"acceptors", acceptors},
	{"bigwrite", bigwrite},	  {"bigwritev", bigwritev},
	{"waitall", waitall},	  {"ends", ends},
	{"errors", errors},	  {"urgent", urgentdata},
	{"nonblocking", nonblocking}, {"limits", limits},
	{"closing", closing},	  {"closedbythread", closedbythread},
	{"reused", reused},	  {"duplicates", duplicates},
	{"passed", passed},	  {"closeall", closeall},
	{"nofiles", nofiles},	  {"storm", storm},
	{"closestorm", closestorm}, {"closehigh", closehigh},
	{"forever", forever},
	{"afterwards", afterwards}, {"idle", idle}, {NULL, NULL},
};
