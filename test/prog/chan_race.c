/* SPDX-License-Identifier: MIT */
/*
 * chan_race.c - channels under many goroutines at once. The channels that are freed early
 * hold so much that libc gives them back to the kernel: a late touch is a SIGSEGV.
 */
#include "prog.h"

static go_waitgroup wg;

/* ---- many to many ---- */

enum { Sides = 12, Each = 3000 };
static chan(uint32_t) line;
static uint32_t seen[Sides * Each];

static void produces(void *arg)
{
	for (uint32_t i = 0; i < Each; i++)
		chan_send(line, (uint32_t)(intptr_t)arg * Each + i);
	go_waitgroup_done(&wg);
}

/* What comes from one sender comes in order. */
static void consumes(void *arg)
{
	uint32_t last[Sides], v;

	memset(last, 0xff, sizeof last);
	while (chan_recv_ok(line, &v)) {
		CHECK(last[v / Each] == UINT32_MAX || last[v / Each] < v);
		last[v / Each] = v;
		__atomic_add_fetch(&seen[v], 1, __ATOMIC_RELAXED);
	}
	chan_send((chan(int))arg, 1);
}

static void many(void)
{
	static const size_t caps[] = {0, 1, 2, 128};

	for (size_t k = 0; k < nelem(caps); k++) {
		chan(int) done = chan_make(int, 0);

		memset(seen, 0, sizeof seen);
		line = chan_make(uint32_t, caps[k]);
		go_waitgroup_add(&wg, Sides);
		for (intptr_t i = 0; i < Sides; i++) {
			go(produces, (void *)i);
			go(consumes, done);
		}
		go_waitgroup_wait(&wg);
		chan_close(line);
		for (int i = 0; i < Sides; i++)
			CHECK(chan_recv(done) == 1);
		for (size_t i = 0; i < nelem(seen); i++)
			CHECK(seen[i] == 1);
		chan_free(line);
		chan_free(done);
	}
}

/* ---- freed by who was served ---- */

enum { Big = 400000 };
typedef struct {
	char byte[Big];
} block;

static void sendsone(void *arg)
{
	chan_send((chan(uint64_t))arg, 42);
	go_waitgroup_done(&wg);
}

static void closes(void *arg)
{
	chan_close((chan(uint64_t))arg);
	go_waitgroup_done(&wg);
}

/* The receiver frees at once: after a hand-over, after a buffered send, after a close. */
static void freed_by_receiver(void)
{
	for (int i = 0; i < 2000; i++) {
		chan(uint64_t) c = chan_make(uint64_t, Big / 8);

		go_waitgroup_add(&wg, 1);
		go(i % 3 == 2 ? closes : sendsone, c);
		if (i % 2)
			yield(i % 7);
		CHECK(chan_recv(c) == (i % 3 == 2 ? 0 : 42));
		chan_free(c);
	}
	go_waitgroup_wait(&wg);
}

static void frees(void *arg)
{
	chan(block) c = arg;

	go_chan_recv((go_chan *)c, NULL);
	go_chan_recv((go_chan *)c, NULL);
	chan_free(c);
	go_waitgroup_done(&wg);
}

/* The sender parks on a full buffer, and who empties that frees it. */
static void freed_under_sender(void)
{
	block *b = calloc(1, sizeof *b);

	for (int i = 0; i < 300; i++) {
		chan(block) c = chan_make(block, 1);

		go_waitgroup_add(&wg, 1);
		go_chan_send((go_chan *)c, b);
		go(frees, c);
		go_chan_send((go_chan *)c, b);
	}
	go_waitgroup_wait(&wg);
}

/* ---- try ---- */

static chan(int) tried;
static int64_t sum;
static bool over;

static void tries(void *arg)
{
	int64_t mine = 0;
	int v;

	for (int i = 0; i < 20000; i++) {
		if ((intptr_t)arg % 2 == 0)
			mine += chan_trysend(tried, 1);
		else if (chan_tryrecv(tried, &v))
			mine -= v;
		if (i % 64 == 0)
			go_sched();
	}
	__atomic_add_fetch(&sum, mine, __ATOMIC_SEQ_CST);
	go_waitgroup_done(&wg);
}

static void blocksbetween(void *arg)
{
	int v;

	(void)arg;
	while (chan_recv_ok(tried, &v))
		__atomic_add_fetch(&sum, -v, __ATOMIC_SEQ_CST);
	over = true;
	go_waitgroup_done(&wg);
}

static void tryall(void)
{
	for (int cap = 0; cap < 3; cap++) {
		sum = 0;
		tried = chan_make(int, cap);
		go_waitgroup_add(&wg, 8);
		for (intptr_t i = 0; i < 8; i++)
			go(tries, (void *)i);
		go_waitgroup_wait(&wg);
		go_waitgroup_add(&wg, 1);
		go(blocksbetween, NULL);
		for (int i = 0; i < 1000; i++) {
			sum += 0;
			while (!chan_trysend(tried, 0))
				go_sched();
		}
		chan_close(tried);
		go_waitgroup_wait(&wg);
		CHECK(sum == 0 && over);
		chan_free(tried);
	}
}

/* A try on a channel that never is empty while it is open does not say that it would block. */
static chan(int) steady;
static bool stop;

static void keepsone(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		chan_send(steady, 1);
		chan_recv(steady);
		go_sched();
	}
	go_waitgroup_done(&wg);
}

static void never_empty(void)
{
	steady = chan_make(int, 2);
	chan_send(steady, 1);
	go_waitgroup_add(&wg, 1);
	go(keepsone, NULL);
	for (int i = 0; i < 20000; i++) {
		/* one of them is always in the buffer */
		CHECK(chan_len(steady) >= 1);
		if (i % 100 == 0)
			go_sched();
	}
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	go_waitgroup_wait(&wg);
	chan_free(steady);
}

/* ---- close against everything ---- */

static void drainsit(void *arg)
{
	int v;

	while (chan_recv_ok((chan(int))arg, &v))
		CHECK(v == 1);
	go_waitgroup_done(&wg);
}

static void close_race(void)
{
	for (int i = 0; i < 2000; i++) {
		chan(int) c = chan_make(int, i % 3);

		go_waitgroup_add(&wg, 3);
		for (int k = 0; k < 3; k++)
			go(drainsit, c);
		if (i % 3)
			chan_trysend(c, 1);
		yield(i % 4);
		chan_close(c);
		go_waitgroup_wait(&wg);
		chan_free(c);
	}
}

/* ---- GOMAXPROCS changes while channels are busy ---- */

static void bounces(void *arg)
{
	chan(int) *pair = arg;
	int v;

	while (chan_recv_ok(pair[0], &v))
		chan_send(pair[1], v + 1);
	go_waitgroup_done(&wg);
}

static void procs_change(void)
{
	enum { Pairs = 6 };
	chan(int) c[Pairs][2];
	int was = go_maxprocs(0);

	go_waitgroup_add(&wg, Pairs);
	for (int i = 0; i < Pairs; i++) {
		c[i][0] = chan_make(int, i % 3);
		c[i][1] = chan_make(int, i % 2);
		go(bounces, c[i]);
	}
	for (int n = 0; n < 2000; n++) {
		for (int i = 0; i < Pairs; i++)
			chan_send(c[i][0], n);
		if (n % 20 == 0)
			go_maxprocs(1 + n / 20 % 3);
		for (int i = 0; i < Pairs; i++)
			CHECK(chan_recv(c[i][1]) == n + 1);
	}
	for (int i = 0; i < Pairs; i++)
		chan_close(c[i][0]);
	go_waitgroup_wait(&wg);
	go_maxprocs(was);
}

/* ---- a ring of ten thousand ---- */

static void passes(void *arg)
{
	chan(int) *link = arg;
	int v;

	while (chan_recv_ok(link[0], &v))
		chan_send(link[1], v + 1);
	chan_close(link[1]);
}

static void chain(void)
{
	enum { Links = 10000 };
	static chan(int) c[Links + 1];

	for (int i = 0; i <= Links; i++)
		c[i] = chan_make(int, i % 2);
	for (int i = 0; i < Links; i++)
		go(passes, &c[i]);
	for (int i = 0; i < 20; i++)
		chan_send(c[0], i);
	chan_close(c[0]);
	for (int i = 0; i < 20; i++)
		CHECK(chan_recv(c[Links]) == i + Links);
	CHECK(!chan_recv_ok(c[Links], NULL));
	for (int i = 0; i <= Links; i++)
		chan_free(c[i]);
}

const struct testcase cases[] = {
	{"many", many},
	{"freed_by_receiver", freed_by_receiver},
	{"freed_under_sender", freed_under_sender},
	{"tryall", tryall},
	{"never_empty", never_empty},
	{"close_race", close_race},
	{"procs_change", procs_change},
	{"chain", chain},
	{NULL, NULL},
};
