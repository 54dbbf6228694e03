/* SPDX-License-Identifier: MIT */
/*
 * select_race.c - selects whose cases fire at the same time, or are freed. Freed channels are
 * large: libc gives them back to the kernel, and a late touch is a SIGSEGV.
 */
#include "prog.h"

static go_waitgroup wg;

/* ---- nothing lost, nothing twice ---- */

enum { Chans = 4, Each = 4000 };
static chan(uint32_t) in[Chans], out[Chans];
static uint32_t seen[Chans * Each];
static int64_t moved;

static void feeds(void *arg)
{
	uint32_t id = (uint32_t)(intptr_t)arg;

	for (uint32_t i = 0; i < Each; i++)
		chan_send(in[id], id * Each + i);
	go_waitgroup_done(&wg);
}

/* From any input to any output, one at a time. */
static void moves(void *arg)
{
	uint32_t v = 0;

	(void)arg;
	for (;;) {
		bool ok[Chans] = {true, true, true, true};
		int k = chan_select(case_recv_ok(in[0], &v, &ok[0]), case_recv_ok(in[1], &v, &ok[1]),
			case_recv_ok(in[2], &v, &ok[2]), case_recv_ok(in[3], &v, &ok[3]));

		if (!ok[k])
			break;
		CHECK(v / Each == (uint32_t)k);
		chan_select(case_send(out[3], v), case_send(out[1], v), case_send(out[0], v),
			case_send(out[2], v));
		__atomic_add_fetch(&moved, 1, __ATOMIC_RELAXED);
	}
	go_waitgroup_done(&wg);
}

static void collects(void *arg)
{
	(void)arg;
	for (;;) {
		uint32_t v;
		bool ok = true;
		go_case a[] = {case_recv_ok(out[0], &v, &ok), case_recv_ok(out[1], &v, &ok),
			case_recv_ok(out[2], &v, &ok), case_recv_ok(out[3], &v, &ok)};

		if (go_select(a, nelem(a), (go_id() & 1) ? -1 : 200000) >= 0) {
			if (!ok)
				break;
			__atomic_add_fetch(&seen[v], 1, __ATOMIC_RELAXED);
		}
	}
	go_waitgroup_done(&wg);
}

static void crossbar(void)
{
	for (int cap = 0; cap < 3; cap++) {
		memset(seen, 0, sizeof seen);
		moved = 0;
		for (int i = 0; i < Chans; i++) {
			in[i] = chan_make(uint32_t, cap);
			out[i] = chan_make(uint32_t, cap);
		}
		go_waitgroup_add(&wg, Chans);
		for (intptr_t i = 0; i < Chans; i++)
			go(feeds, (void *)i);
		go_waitgroup_add(&wg, 8);
		for (int i = 0; i < 5; i++)
			go(moves, NULL);
		for (int i = 0; i < 3; i++)
			go(collects, NULL);
		while (__atomic_load_n(&moved, __ATOMIC_RELAXED) < Chans * Each)
			go_sleep(MS);
		for (int i = 0; i < Chans; i++)
			chan_close(in[i]);
		for (int i = 0; i < Chans; i++)
			while (chan_len(out[i]))
				go_sleep(MS);
		for (int i = 0; i < Chans; i++)
			chan_close(out[i]);
		go_waitgroup_wait(&wg);
		for (size_t i = 0; i < nelem(seen); i++)
			CHECK(seen[i] == 1);
		for (int i = 0; i < Chans; i++) {
			chan_free(in[i]);
			chan_free(out[i]);
		}
	}
}

/* ---- selects against selects ---- */

static chan(int) ring[3];
static int64_t balance;

/* Senders and receivers of the same three channels; all are selects, and both ends at once too. */
static void whirls(void *arg)
{
	int64_t mine = 0;
	int v;

	for (int i = 0; i < 3000; i++) {
		int r = (int)(intptr_t)arg + i, a = r % 3, b = (r + 1 + r / 7 % 2) % 3;

		switch (chan_select_timeout(r % 5 == 0 ? 0 : 50000, case_send(ring[a], i),
				case_recv(ring[b], &v), case_recv(ring[a], &v))) {
		case 0:
			mine += i;
			break;
		case 1:
		case 2:
			mine -= v;
			break;
		}
	}
	__atomic_add_fetch(&balance, mine, __ATOMIC_SEQ_CST);
	go_waitgroup_done(&wg);
}

static void whirl(void)
{
	int v;

	for (int cap = 0; cap < 2; cap++) {
		balance = 0;
		for (int i = 0; i < 3; i++)
			ring[i] = chan_make(int, cap);
		go_waitgroup_add(&wg, 10);
		for (intptr_t i = 0; i < 10; i++)
			go(whirls, (void *)i);
		go_waitgroup_wait(&wg);
		for (int i = 0; i < 3; i++) {
			while (chan_tryrecv(ring[i], &v))
				balance -= v;
			CHECK(!chan_trysend(ring[i], 1) || cap);
			chan_free(ring[i]);
		}
		CHECK(balance == 0);
	}
}

/* ---- the timeout against a sender ---- */

struct race {
	chan(uint64_t) c, d;
	int64_t delay;
	bool sent;
};

static void sendsintime(void *arg)
{
	struct race *r = arg;
	int64_t until = go_nanotime() + r->delay;

	while (go_nanotime() < until)
		go_sched();
	r->sent = chan_trysend(r->c, 3);
	go_waitgroup_done(&wg);
}

/* What trysend says it sent was received, and only that. */
static void timeout_race(void)
{
	struct race r = {chan_make(uint64_t, 0), chan_make(uint64_t, 0), 0, false};

	for (int i = 0; i < 1500; i++) {
		uint64_t v = 0;
		int k;

		r.delay = 30000 + i % 40 * 1500;
		go_waitgroup_add(&wg, 1);
		go(sendsintime, &r);
		k = chan_select_timeout(50000, case_recv(r.d, &v), case_recv(r.c, &v));
		go_waitgroup_wait(&wg);
		CHECK(k == -1 || k == 1);
		CHECK(r.sent == (k == 1) && v == (r.sent ? 3 : 0));
	}
	chan_free(r.c);
	chan_free(r.d);
}

/* ---- freed by who was served ---- */

enum { Big = 400000 };

static void selectsends(void *arg)
{
	struct race *r = arg;
	chan(uint64_t) c = r->c, d = r->d;
	uint64_t v;

	if (r->delay)
		chan_select_timeout(r->delay, case_recv(d, &v), case_send(c, 5), case_send(c, 5),
			case_send(d, 6));
	else
		chan_select(case_recv(d, &v), case_send(c, 5), case_send(c, 5), case_recv(d, &v));
	go_waitgroup_done(&wg);
}

/* The receiver of a select's element frees all of its channels: nothing of the select touches them. */
static void freed_by_receiver(void)
{
	for (int i = 0; i < 2000; i++) {
		size_t cap = Big / 8;
		uint64_t v = 0;
		int k;
		struct race r = {chan_make(uint64_t, cap), chan_make(uint64_t, cap), i % 2 * 1000 * MS,
			false};

		go_waitgroup_add(&wg, 1);
		go(selectsends, &r);
		if (i % 3)
			yield(i % 5);
		k = chan_select(case_recv(r.c, &v), case_recv(r.d, &v)); /* with a timeout, d may get it */
		CHECK(v == (k ? 6 : 5));
		chan_free(r.c);
		chan_free(r.d);
		go_waitgroup_wait(&wg);
	}
}

typedef struct {
	char byte[Big];
} block;

struct blocks {
	chan(block) c, d;
};

static void frees(void *arg)
{
	struct blocks *b = arg;

	go_chan_recv((go_chan *)b->c, NULL);
	go_chan_recv((go_chan *)b->c, NULL); /* the select's */
	chan_free(b->c);
	chan_free(b->d);
	go_waitgroup_done(&wg);
}

/* The same when the select is parked on full buffers. */
static void freed_under_select(void)
{
	block *fill = calloc(1, sizeof *fill);

	for (int i = 0; i < 200; i++) {
		struct blocks b = {chan_make(block, 1), chan_make(block, 1)};
		go_case a[] = {{.c = (go_chan *)b.d, .send = fill}, {.c = (go_chan *)b.c, .send = fill},
			{.c = (go_chan *)b.c, .send = fill}};

		go_chan_send((go_chan *)b.c, fill);
		go_chan_send((go_chan *)b.d, fill);
		go_waitgroup_add(&wg, 1);
		go(frees, &b);
		CHECK(go_select(a, nelem(a), -1) >= 1);
		go_waitgroup_wait(&wg);
	}
	free(fill);
}

static void sendsfrom(void *arg)
{
	chan_send((chan(uint64_t))arg, 8);
	go_waitgroup_done(&wg);
}

static void closesit(void *arg)
{
	chan_close((chan(uint64_t))arg);
	go_waitgroup_done(&wg);
}

/* A select that received frees all while the sender is still returning. */
static void freed_by_select(void)
{
	for (int i = 0; i < 2000; i++) {
		chan(uint64_t) c = chan_make(uint64_t, Big / 8), d = chan_make(uint64_t, Big / 8);
		uint64_t v = 1;

		go_waitgroup_add(&wg, 1);
		go(i % 3 == 2 ? closesit : sendsfrom, c);
		CHECK(chan_select_timeout(i % 2 ? -1 : 1000 * MS, case_recv(d, &v), case_recv(c, &v),
			      case_recv(c, &v)) >= 1);
		CHECK(v == (i % 3 == 2 ? 0 : 8));
		chan_free(c);
		chan_free(d);
		if (i % 8 == 0)
			go_waitgroup_wait(&wg);
	}
	go_waitgroup_wait(&wg);
}

/* ---- lock order ---- */

static void selectsboth(void *arg)
{
	struct race *r = arg;
	uint64_t v;

	for (int i = 0; i < 3000; i++)
		if (i % 2)
			chan_select(case_send(r->c, 1), case_recv(r->d, &v));
		else
			chan_select(case_recv(r->d, &v), case_send(r->c, 1));
	go_waitgroup_done(&wg);
}

static void selectsother(void *arg)
{
	struct race *r = arg;
	uint64_t v;

	for (int i = 0; i < 3000; i++)
		if (i % 2)
			chan_select(case_send(r->d, 1), case_recv(r->c, &v));
		else
			chan_select(case_recv(r->c, &v), case_send(r->d, 1));
	go_waitgroup_done(&wg);
}

static void two_ways(void)
{
	struct race r = {chan_make(uint64_t, 0), chan_make(uint64_t, 0), 0, false};

	go_waitgroup_add(&wg, 8);
	for (int i = 0; i < 4; i++) {
		go(selectsboth, &r);
		go(selectsother, &r);
	}
	go_waitgroup_wait(&wg);
	chan_free(r.c);
	chan_free(r.d);
}

/* ---- big selects ---- */

enum { Wide = 300 };
static chan(int) wide[Wide];
static int got;

static void selectswide(void *arg)
{
	go_case a[Wide];
	int v[Wide];

	(void)arg;
	for (int i = 0; i < Wide; i++)
		a[i] = case_recv(wide[(i * 7) % Wide], &v[i]);
	for (;;) {
		int k = go_select(a, Wide, -1);

		if (v[k] == 0)
			break;
		CHECK(v[k] == k * 7 % Wide + 1);
		__atomic_add_fetch(&got, 1, __ATOMIC_SEQ_CST);
	}
	go_waitgroup_done(&wg);
}

static void feedswide(void *arg)
{
	for (int n = 0; n < 3; n++)
		for (int i = (int)(intptr_t)arg; i < Wide; i += 4)
			chan_send(wide[i], i + 1);
	go_waitgroup_done(&wg);
}

static void wide_race(void)
{
	for (int i = 0; i < Wide; i++)
		wide[i] = chan_make(int, 0);
	go_waitgroup_add(&wg, 4);
	for (intptr_t i = 0; i < 4; i++)
		go(feedswide, (void *)i);
	go_waitgroup_add(&wg, 5);
	for (int i = 0; i < 5; i++)
		go(selectswide, NULL);
	while (__atomic_load_n(&got, __ATOMIC_SEQ_CST) < 3 * Wide)
		go_sleep(MS);
	chan_close(wide[17]);
	go_waitgroup_wait(&wg);
	for (int i = 0; i < Wide; i++)
		chan_free(wide[i]);
}

const struct testcase cases[] = {
	{"crossbar", crossbar},
	{"whirl", whirl},
	{"timeout_race", timeout_race},
	{"freed_by_receiver", freed_by_receiver},
	{"freed_under_select", freed_under_select},
	{"freed_by_select", freed_by_select},
	{"two_ways", two_ways},
	{"wide_race", wide_race},
	{NULL, NULL},
};
