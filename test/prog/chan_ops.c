/* SPDX-License-Identifier: MIT */
/* chan_ops.c - what each operation on a channel does, one case after the other. */
#include "prog.h"

static go_waitgroup wg;

/* ---- unbuffered ---- */

struct meet {
	chan(int) c;
	bool done;
};

static void sends7(void *arg)
{
	struct meet *m = arg;

	chan_send(m->c, 7);
	__atomic_store_n(&m->done, true, __ATOMIC_SEQ_CST);
}

static void receives7(void *arg)
{
	struct meet *m = arg;

	CHECK(chan_recv(m->c) == 7);
	__atomic_store_n(&m->done, true, __ATOMIC_SEQ_CST);
}

static void unbuffered(void)
{
	struct meet m = {chan_make(int, 0), false};
	int v = -1;

	CHECK(chan_len(m.c) == 0 && chan_cap(m.c) == 0);
	CHECK(!chan_trysend(m.c, 1));
	CHECK(!chan_tryrecv(m.c, &v) && v == -1);
	go(sends7, &m);
	let_park();
	CHECK(!__atomic_load_n(&m.done, __ATOMIC_SEQ_CST));
	CHECK(chan_len(m.c) == 0);
	CHECK(chan_recv(m.c) == 7);
	let_park();
	CHECK(__atomic_load_n(&m.done, __ATOMIC_SEQ_CST));

	m.done = false;
	go(receives7, &m);
	let_park();
	CHECK(!__atomic_load_n(&m.done, __ATOMIC_SEQ_CST));
	CHECK(chan_trysend(m.c, 7));
	let_park();
	CHECK(__atomic_load_n(&m.done, __ATOMIC_SEQ_CST));

	go(sends7, &m);
	let_park();
	CHECK(chan_tryrecv(m.c, &v) && v == 7);
	let_park();
	chan_free(m.c);
}

/* ---- buffered ---- */

static void buffered(void)
{
	for (int cap = 1; cap < 20; cap++) {
		chan(int) c = chan_make(int, cap);
		int in = 0, out = 0, v;

		CHECK(chan_cap(c) == (size_t)cap);
		for (int round = 0; round < 5; round++) {
			while (chan_trysend(c, in))
				in++;
			CHECK(in - out == cap && chan_len(c) == (size_t)cap);
			for (int i = 0; i <= cap / 2; i++) {
				CHECK(chan_tryrecv(c, &v) && v == out++);
				CHECK(chan_len(c) == (size_t)(in - out));
			}
		}
		while (chan_tryrecv(c, &v))
			CHECK(v == out++);
		CHECK(in == out && chan_len(c) == 0);
		chan_free(c);
	}
}

static void sendsmany(void *arg)
{
	chan(int) c = arg;

	for (int i = 0; i < 1000; i++)
		chan_send(c, i);
	chan_close(c);
}

/* Order is kept while senders park on the full buffer and receivers on the empty one. */
static void order(void)
{
	for (int cap = 0; cap < 5; cap++) {
		chan(int) c = chan_make(int, cap);
		int v, n = 0;

		go(sendsmany, c);
		while (chan_recv_ok(c, &v)) {
			CHECK(v == n++);
			if (v % 100 < 10)
				yield(v % 10);
		}
		CHECK(n == 1000);
		chan_free(c);
	}
}

static chan(int) queue;

static void sendsturn(void *arg)
{
	chan_send(queue, (int)(intptr_t)arg);
	go_waitgroup_done(&wg);
}

static void receivesturn(void *arg)
{
	*(int *)arg = chan_recv(queue);
	go_waitgroup_done(&wg);
}

/* Waiting senders, and receivers, are served in the order in which they came. */
static void fifo(void)
{
	enum { N = 50 };
	static int got[N];

	for (int cap = 0; cap < 3; cap++) {
		queue = chan_make(int, cap);
		go_waitgroup_add(&wg, N);
		for (intptr_t i = 0; i < N; i++) {
			go(sendsturn, (void *)i);
			let_park(); /* it parks, or has sent */
		}
		for (int i = 0; i < N; i++)
			CHECK(chan_recv(queue) == i);
		go_waitgroup_wait(&wg);

		go_waitgroup_add(&wg, N);
		for (int i = 0; i < N; i++) {
			go(receivesturn, &got[i]);
			let_park();
		}
		for (int i = 0; i < N; i++)
			chan_send(queue, i + 1000);
		go_waitgroup_wait(&wg);
		for (int i = 0; i < N; i++)
			CHECK(got[i] == i + 1000);
		chan_free(queue);
	}
}

/* ---- elements ---- */

static void echoes(void *arg)
{
	go_chan **pair = arg;
	char buf[5000];

	while (go_chan_recv(pair[0], buf))
		go_chan_send(pair[1], buf);
	go_chan_close(pair[1]);
}

/* Every size of element arrives whole and nothing beside it is touched. */
static void sizes(void)
{
	static const size_t list[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32,
		33, 63, 64, 65, 100, 128, 1000, 4096, 4999};
	unsigned char in[5000], out[5002];

	for (size_t i = 0; i < nelem(list); i++)
		for (size_t cap = 0; cap < 4; cap++) {
			size_t n = list[i];
			go_chan *pair[] = {go_chan_make(n, cap), go_chan_make(n, cap)};

			go(echoes, pair);
			for (int k = 0; k < 10; k++) {
				memset(in, 0, sizeof in);
				for (size_t b = 0; b < n; b++)
					in[b] = (unsigned char)(b * 7 + (size_t)k);
				go_chan_send(pair[0], in);
				memset(out, 0xee, sizeof out);
				CHECK(go_chan_recv(pair[1], out + 1));
				CHECK(!memcmp(out + 1, in, n));
				CHECK(out[0] == 0xee && out[n + 1] == 0xee);
			}
			go_chan_send(pair[0], in);
			CHECK(go_chan_recv(pair[1], NULL)); /* thrown away */
			go_chan_close(pair[0]);
			memset(out, 0xee, sizeof out);
			CHECK(!go_chan_recv(pair[1], out + 1));
			for (size_t b = 0; b < n; b++)
				CHECK(out[b + 1] == 0);
			CHECK(out[0] == 0xee && out[n + 1] == 0xee);
			go_chan_free(pair[0]);
			go_chan_free(pair[1]);
		}
}

static void nothings(void *arg)
{
	go_chan *c = arg;

	for (int i = 0; i < 100; i++)
		go_chan_send(c, NULL);
	go_chan_close(c);
}

static void zero_size(void)
{
	go_chan *c = go_chan_make(0, (size_t)1 << 40);
	int n = 0;

	CHECK(go_chan_cap(c) == (size_t)1 << 40);
	for (int i = 0; i < 1000; i++)
		go_chan_send(c, NULL);
	CHECK(go_chan_len(c) == 1000);
	go_chan_free(c);
	for (size_t cap = 0; cap < 3; cap++) {
		c = go_chan_make(0, cap);
		go(nothings, c);
		for (n = 0; go_chan_recv(c, NULL); n++)
			yield(n % 3);
		CHECK(n == 100);
		go_chan_free(c);
	}
}

/* ---- close ---- */

static void drains(void)
{
	chan(int) c = chan_make(int, 4);
	int v = 9;
	bool ok;

	chan_send(c, 1);
	chan_send(c, 2);
	chan_close(c);
	CHECK(chan_len(c) == 2);
	CHECK(chan_recv(c) == 1);
	ok = false;
	CHECK(go_chan_tryrecv((go_chan *)c, &v, &ok) && ok && v == 2);
	for (int i = 0; i < 3; i++) {
		v = 9;
		CHECK(!chan_recv_ok(c, &v) && v == 0);
		CHECK(chan_recv(c) == 0);
		v = 9;
		CHECK(!chan_tryrecv(c, &v) && v == 0);
		v = 9;
		ok = true;
		CHECK(go_chan_tryrecv((go_chan *)c, &v, &ok) && !ok && v == 0);
		CHECK(go_chan_tryrecv((go_chan *)c, NULL, NULL));
	}
	chan_free(c);
}

static void waitsforclose(void *arg)
{
	int v = 5;

	CHECK(!chan_recv_ok((chan(int))arg, &v) && v == 0);
	go_waitgroup_done(&wg);
}

static void close_wakes(void)
{
	for (int cap = 0; cap < 2; cap++) {
		chan(int) c = chan_make(int, cap);

		go_waitgroup_add(&wg, 1000);
		for (int i = 0; i < 1000; i++)
			go(waitsforclose, c);
		let_park();
		chan_close(c);
		go_waitgroup_wait(&wg);
		chan_free(c);
	}
}

/* ---- NULL ---- */

static void meetsnull(void *arg)
{
	*(bool *)arg = true;
	chan_send((chan(int))NULL, 1);
	CHECK(!"sent to NULL");
}

static void takesnull(void *arg)
{
	*(bool *)arg = true;
	chan_recv((chan(int))NULL);
	CHECK(!"received from NULL");
}

static void null(void)
{
	chan(int) c = NULL;
	bool there[2] = {false, false};
	int v = 3;

	CHECK(!chan_trysend(c, 1));
	CHECK(!chan_tryrecv(c, &v) && v == 3);
	CHECK(chan_len(c) == 0 && chan_cap(c) == 0);
	chan_free(c);
	go(meetsnull, &there[0]);
	go(takesnull, &there[1]);
	let_park();
	CHECK(there[0] && there[1]);
}

/* ---- how things end badly ---- */

static void sendtoclosed(void)
{
	chan(int) c = chan_make(int, 1);
	chan_close(c);
	chan_send(c, 1);
}

static void trysendtoclosed(void)
{
	chan(int) c = chan_make(int, 1);
	chan_close(c);
	chan_trysend(c, 1);
}

static void sends(void *arg)
{
	chan_send((chan(int))arg, 1);
}

/* The sender that waits panics, not the closer. */
static void closeundersender(void)
{
	chan(int) c = chan_make(int, 0);
	go(sends, c);
	let_park();
	chan_close(c);
	go_sleep(1000 * MS);
}

static void closeunderfull(void)
{
	chan(int) c = chan_make(int, 1);
	chan_send(c, 0);
	go(sends, c);
	let_park();
	chan_close(c);
	go_sleep(1000 * MS);
}

static void closenull(void)
{
	chan_close((chan(int))NULL);
}

static void closetwice(void)
{
	chan(int) c = chan_make(int, 0);
	chan_close(c);
	chan_close(c);
}

static void toobig(void)
{
	go_chan_make(16, (size_t)1 << 60);
}

static void negative(void)
{
	volatile int n = -1;
	(void)chan_make(int, (size_t)n);
}

static void negativezero(void)
{
	go_chan_make(0, (size_t)-1);
}

static void nomemory(void)
{
	go_chan_make(8, (size_t)1 << 50);
}

static void receives(void *arg)
{
	chan_recv((chan(int))arg);
}

static void deadlock(void)
{
	chan(int) c = chan_make(int, 0);
	go(receives, NULL);
	go(receives, c);
	go(sends, NULL);
	let_park();
	CHECK(chan_trysend(c, 1));
	chan_send(c, 1);
}

const struct testcase cases[] = {
	{"unbuffered", unbuffered},
	{"buffered", buffered},
	{"order", order},
	{"fifo", fifo},
	{"sizes", sizes},
	{"zero_size", zero_size},
	{"drains", drains},
	{"close_wakes", close_wakes},
	{"null", null},
	{"sendtoclosed", sendtoclosed},
	{"trysendtoclosed", trysendtoclosed},
	{"closeundersender", closeundersender},
	{"closeunderfull", closeunderfull},
	{"closenull", closenull},
	{"closetwice", closetwice},
	{"toobig", toobig},
	{"negative", negative},
	{"negativezero", negativezero},
	{"nomemory", nomemory},
	{"deadlock", deadlock},
	{NULL, NULL},
};
