/* SPDX-License-Identifier: MIT */
/*
 * rawcall.c - system calls by the instruction, which no seam of libc sees, and
 * calls of libc that inline theirs. Each blocks in one goroutine while another
 * wants to go on: it may be kept waiting once, and the call must not notice.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "prog.h"

static go_waitgroup wg;
static volatile bool stop;
static volatile long turns; /* that the other one had */
static volatile long before; /* and those before the call, -1: that is to come */
static long during; /* and those during it */

/* The vector registers too must be as they were, when it returns. */
static long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	static const uint64_t marks[2] = {0x1122334455667788, 0x99aabbccddeeff00};
	uint64_t after[2];
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("movdqu %[in], %%xmm7; fld1\n\tsyscall\n\tfstp %%st; movdqu %%xmm7, %[out]"
			 : "=a"(ret), [out] "=m"(after)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9), [in] "m"(marks)
			 : "rcx", "r11", "xmm7", "memory");
	CHECK(!memcmp(marks, after, sizeof marks));
	return ret;
}

static void ticks(void *arg)
{
	(void)arg;
	for (; !stop; turns++)
		go_sched();
	go_waitgroup_done(&wg);
}

struct call {
	const char *name;
	long (*make)(void);
	void (*wake)(void); /* after some 50 ms and a turn of the other one; NULL: the call's own time-out of 60 ms ends it */
	long result;
};

static int ends[2], socks[2], lockfd[2], queue, sems, ep;
static char byte;
static int32_t word;
static struct timespec sixty = {0, 60 * MS}, rest;

static long reads(void) { return raw(SYS_read, ends[0], (long)&byte, 1, 0, 0, 0); }
static void writes(void) { CHECK(write(ends[1], "x", 1) == 1); }
static long receives(void) { return raw(SYS_recvfrom, socks[0], (long)&byte, 1, 0, 0, 0); }
static void sends(void) { CHECK(write(socks[1], "x", 1) == 1); }

static long polls(void)
{
	struct pollfd p = {ends[0], POLLIN, 0};
	return raw(SYS_poll, (long)&p, 1, 60, 0, 0, 0);
}

static long polls_for_ever(void)
{
	struct pollfd p = {ends[0], POLLIN, 0};
	return raw(SYS_poll, (long)&p, 1, -1, 0, 0, 0);
}


static long ppolls(void)
{
	struct pollfd p = {socks[0], POLLIN, 0};
	struct timespec t = sixty;
	return raw(SYS_ppoll, (long)&p, 1, (long)&t, 0, 8, 0);
}

static long selects(void)
{
	struct timeval t = {0, 60000};
	fd_set set;
	FD_ZERO(&set);
	FD_SET(socks[0], &set);
	return raw(SYS_select, socks[0] + 1, (long)&set, 0, 0, (long)&t, 0);
}

static long epolls(void)
{
	struct epoll_event ev;
	return raw(SYS_epoll_wait, ep, (long)&ev, 1, 60, 0, 0);
}

static long sleeps(void) { return raw(SYS_nanosleep, (long)&sixty, 0, 0, 0, 0, 0); }
static long sleeps_rest(void) { return raw(SYS_nanosleep, (long)&sixty, (long)&rest, 0, 0, 0, 0); }

static long sleeps_until(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += 60 * MS;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return raw(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, (long)&t, 0, 0, 0);
}

static long futexes(void) { return raw(SYS_futex, (long)&word, 128, 0, (long)&sixty, 0, 0); }

/* It may be on the way to its sleep, for the first time or again: so the word says what happened. */
static long futexes_for_ever(void)
{
	long r = raw(SYS_futex, (long)&word, 128, 0, 0, 0, 0);
	return r == -EAGAIN && word == 1 ? 0 : r;
}

static void wakes(void)
{
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	CHECK(syscall(SYS_futex, &word, 129, 1, 0, 0, 0) >= 0);
}

static long gets_message(void)
{
	struct { long type; char c; } m;
	return raw(SYS_msgrcv, queue, (long)&m, 1, 0, 0, 0);
}

static void puts_message(void)
{
	struct { long type; char c; } m = {1, 'x'};
	CHECK(syscall(SYS_msgsnd, queue, &m, 1, 0) == 0);
}

static long semops(void)
{
	struct sembuf s = {0, -1, 0};
	return semop(sems, &s, 1); /* inlined by libc */
}

static void semposts(void)
{
	struct sembuf s = {0, 1, 0};
	CHECK(semop(sems, &s, 1) == 0);
}

static long flocks(void) { return flock(lockfd[1], LOCK_EX); }
static void unflocks(void) { CHECK(flock(lockfd[0], LOCK_UN) == 0); }

static const struct call calls[] = {
	{"read", reads, writes, 1},
	{"recvfrom", receives, sends, 1},
	{"poll", polls, NULL, 0},
	{"poll for ever", polls_for_ever, writes, 1},
	{"ppoll", ppolls, NULL, 0},
	{"select", selects, NULL, 0},
	{"epoll_wait", epolls, NULL, 0},
	{"nanosleep", sleeps, NULL, 0},
	{"nanosleep, rest", sleeps_rest, NULL, 0},
	{"clock_nanosleep", sleeps_until, NULL, 0},
	{"futex", futexes, NULL, -ETIMEDOUT},
	{"futex for ever", futexes_for_ever, wakes, 0},
	{"msgrcv", gets_message, puts_message, 1},
	{"semop", semops, semposts, 0},
	{"flock", flocks, unflocks, 0},
};

static void makes(void *arg)
{
	const struct call *c = arg;
	int64_t t = go_nanotime();
	long r;

	before = turns;
	r = c->make();
	during = turns - before;
	t = go_nanotime() - t;
	if (r != c->result)
		dprintf(2, "%s returned %ld\n", c->name, r);
	CHECK(r == c->result);
	CHECK(c->wake || t >= 59 * MS);
	go_waitgroup_done(&wg);
}

static void prepare(void)
{
	char path[] = "/tmp/gocrt-rawcall-XXXXXX";

	CHECK(pipe(ends) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, socks) == 0);
	CHECK((queue = msgget(IPC_PRIVATE, 0600)) >= 0);
	CHECK((sems = semget(IPC_PRIVATE, 1, 0600)) >= 0);
	CHECK((ep = epoll_create1(0)) >= 0);
	CHECK((lockfd[0] = mkstemp(path)) >= 0 && (lockfd[1] = open(path, O_RDWR)) >= 0);
	CHECK(unlink(path) == 0);
	CHECK(flock(lockfd[0], LOCK_EX) == 0);
}

static void cleanup(void)
{
	CHECK(msgctl(queue, IPC_RMID, NULL) == 0);
	CHECK(semctl(sems, 0, IPC_RMID) == 0);
}

static void one(const struct call *c)
{
	stop = false;
	before = -1;
	go_waitgroup_add(&wg, 1);
	go(makes, (void *)c);
	go_waitgroup_add(&wg, 1);
	go(ticks, NULL);
	go_sleep(50 * MS);
	while (c->wake && (before < 0 || turns == before))
		go_sleep(MS);
	if (c->wake)
		c->wake();
	go_sleep(20 * MS);
	stop = true;
	go_waitgroup_wait(&wg);
	if (c->make == polls_for_ever)
		CHECK(read(ends[0], &byte, 1) == 1);
}

/*
 * The other one goes on during the call, on the same p; or there would be no wake-up. One that
 * ends of itself may end before, if the machine is busy with others: so it is for most of them.
 */
static void each(void)
{
	size_t timed = 0, shared = 0;

	prepare();
	go_maxprocs(1);
	for (size_t i = 0; i < nelem(calls); i++) {
		one(&calls[i]);
		CHECK(!calls[i].wake || during > 0);
		timed += !calls[i].wake;
		shared += !calls[i].wake && during > 0;
	}
	cleanup();
	CHECK(shared > timed / 2);
}

/*
 * On as many Ps as there are, several times: those that the kernel restarts, which
 * may be begun at any moment.
 */
static void together(void)
{
	prepare();
	for (int round = 0; round < 5; round++) {
		stop = false;
		go_waitgroup_add(&wg, 3);
		go(makes, (void *)&calls[0]);
		go(makes, (void *)&calls[1]);
		go(ticks, NULL);
		go_sleep(30 * MS);
		writes();
		sends();
		go_sleep(5 * MS);
		stop = true;
		go_waitgroup_wait(&wg);
	}
	cleanup();
}

/* ---- calls that the kernel never restarts, entered when the slice is long over ---- */

static char area[64 << 10];

static long sleeps_shortly(void)
{
	struct timespec t = {0, 100000};
	return raw(SYS_nanosleep, (long)&t, 0, 0, 0, 0, 0);
}

static long epolls_shortly(void)
{
	struct epoll_event ev;
	return raw(SYS_epoll_wait, ep, (long)&ev, 1, 1, 0, 0);
}

static long semops_shortly(void)
{
	struct sembuf s = {0, -1, 0};
	struct timespec t = {0, 100000};
	long r = raw(SYS_semtimedop, sems, (long)&s, 1, (long)&t, 0, 0);
	return r == -EAGAIN ? 0 : r;
}

/*
 * In libc, where nobody is preempted, until the runtime has asked for the slice many times,
 * and again just before each call: so the next request often comes with the call.
 */
static void overdue(void *arg)
{
	static long (*const make[])(void) = {sleeps_shortly, epolls_shortly, semops_shortly};

	(void)arg;
	for (int i = 0; i < 60; i++) {
		int64_t until = go_nanotime() + 11 * MS + i * 37000;
		long r;

		while (go_nanotime() < until)
			memset(area, i, sizeof area);
		r = make[i % 3]();
		if (r != 0)
			dprintf(2, "call %d returned %ld\n", i, r);
		CHECK(r == 0);
	}
	stop = true;
	go_waitgroup_done(&wg);
}

static void entered(void)
{
	prepare();
	go_waitgroup_add(&wg, 2);
	go(overdue, NULL);
	go(ticks, NULL);
	go_waitgroup_wait(&wg);
	cleanup();
}

const struct testcase cases[] = {{"each", each}, {"together", together}, {"entered", entered}, {NULL, NULL}};
