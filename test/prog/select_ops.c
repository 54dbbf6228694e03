/* SPDX-License-Identifier: MIT */
/* select_ops.c - what select does, one case after the other. */
#include "prog.h"

static go_waitgroup wg;

static void settle(void)
{
	for (int i = 0; i < 20; i++)
		go_sched();
	go_sleep(5 * MS);
}

/* ---- without waiting ---- */

static void takes_the_ready(void)
{
	chan(int) a = chan_make(int, 1), b = chan_make(int, 1);
	chan(long) full = chan_make(long, 1);
	int v = -1;
	long w = -1;
	bool ok = false;

	chan_send(full, 5L);
	CHECK(chan_select_timeout(0, case_recv(a, &v), case_recv(b, &v)) == -1 && v == -1);
	chan_send(b, 7);
	CHECK(chan_select(case_recv(a, &v), case_recv(b, &v), case_send(full, 6)) == 1);
	CHECK(v == 7);
	CHECK(chan_select(case_recv(b, &v), case_send(a, 8)) == 1);
	CHECK(chan_recv(a) == 8);
	CHECK(chan_select(case_send(full, 9), case_recv_ok(full, &w, &ok)) == 1);
	CHECK(w == 5 && ok);
	CHECK(chan_select(case_send(full, 9), case_recv_ok(full, &w, &ok)) == 0);
	CHECK(chan_recv(full) == 9);
	chan_close(a);
	v = 4;
	ok = true;
	CHECK(chan_select(case_recv_ok(a, &v, &ok), case_recv(b, &v)) == 0 && v == 0 && !ok);
	CHECK(chan_select(case_recv(a, NULL), case_recv_ok(b, NULL, NULL)) == 0);
	chan_free(a);
	chan_free(b);
	chan_free(full);
}

/* Select has no preference: neither for the first, nor for whoever was last. */
static void uniform(void)
{
	enum { N = 5, Rounds = 20000 };
	chan(int) c[N];
	int count[N] = {0}, v;

	for (int i = 0; i < N; i++) {
		c[i] = chan_make(int, 1);
		if (i != 2) /* a gap must not favour its neighbour */
			chan_send(c[i], i);
	}
	for (int i = 0; i < Rounds; i++) {
		int k = chan_select(case_recv(c[0], &v), case_recv(c[1], &v),
			case_recv(c[2], &v), case_recv(c[3], &v), case_recv(c[4], &v));

		CHECK(v == k);
		count[k]++;
		chan_send(c[k], k);
	}
	for (int i = 0; i < N; i++)
		if (i == 2)
			CHECK(count[i] == 0);
		else /* eight standard deviations */
			CHECK(count[i] > 4500 && count[i] < 5500);
	for (int i = 0; i < N; i++)
		chan_free(c[i]);
}

static void evaluates_once(void)
{
	chan(int) c[3] = {chan_make(int, 4), chan_make(int, 4), chan_make(int, 4)}, *p = c;
	int value = 1, v[2] = {0, 0}, *at = v;
	int64_t ns = 0;

	CHECK(chan_select_timeout(ns++, case_send(*p++, value++)) == 0);
	CHECK(p == c + 1 && value == 2 && ns == 1);
	p = c;
	CHECK(chan_select_timeout(ns--, case_recv(*p++, at++)) == 0);
	CHECK(p == c + 1 && at == v + 1 && v[0] == 1 && ns == 0);
	for (int i = 0; i < 3; i++)
		chan_free(c[i]);
}

/* ---- waiting ---- */

static void sendslater(void *arg)
{
	go_sleep(3 * MS);
	chan_send((chan(int))arg, 11);
	go_waitgroup_done(&wg);
}

static void receiveslater(void *arg)
{
	go_sleep(3 * MS);
	CHECK(chan_recv((chan(int))arg) == 12);
	go_waitgroup_done(&wg);
}

static void closeslater(void *arg)
{
	go_sleep(3 * MS);
	chan_close((chan(int))arg);
	go_waitgroup_done(&wg);
}

static void waits(void)
{
	chan(int) a = chan_make(int, 0), b = chan_make(int, 0), n = NULL;
	void (*const how[])(void *) = {sendslater, receiveslater, closeslater};

	for (int64_t timeout = -1; timeout < 10000 * MS; timeout += 9000 * MS)
		for (int i = 0; i < 3; i++) {
			int v = -1, got;
			bool ok = i == 2;

			go_waitgroup_add(&wg, 1);
			go(how[i], i == 1 ? b : a);
			got = chan_select_timeout(timeout, case_recv(n, &v),
				case_recv_ok(a, &v, &ok), case_send(b, 12), case_send(n, 1));
			CHECK(got == (i == 1 ? 2 : 1));
			CHECK(v == (i == 0 ? 11 : i == 1 ? -1 : 0) && ok == (i == 0));
			go_waitgroup_wait(&wg);
			if (i == 2) {
				chan_free(a);
				a = chan_make(int, 0);
			}
		}
	chan_free(a);
	chan_free(b);
}

static void times_out(void)
{
	chan(int) c = chan_make(int, 0), full = chan_make(int, 1);
	int v = -1;

	chan_send(full, 1);
	for (int64_t ns = 1; ns < 100 * MS; ns *= 10) {
		int64_t start = go_nanotime();

		CHECK(chan_select_timeout(ns, case_recv(c, &v), case_send(full, 2)) == -1);
		CHECK(go_nanotime() - start >= ns);
		start = go_nanotime();
		CHECK(chan_select_timeout(ns, case_recv((chan(int))NULL, &v)) == -1);
		CHECK(go_nanotime() - start >= ns);
		start = go_nanotime();
		CHECK(chan_select_timeout(ns, case_recv(c, &v)) == -1);
		CHECK(go_nanotime() - start >= ns);
		start = go_nanotime();
		CHECK(go_select(NULL, 0, ns) == -1);
		CHECK(go_nanotime() - start >= ns);
	}
	CHECK(go_select(NULL, 0, 0) == -1);
	CHECK(chan_select_timeout(0, case_recv((chan(int))NULL, &v)) == -1);
	/* nothing is left in the queues */
	CHECK(!chan_trysend(c, 1) && v == -1);
	CHECK(chan_recv(full) == 1 && chan_len(full) == 0);
	chan_free(c);
	chan_free(full);
}

/* The end of time does not overflow. */
static void longest_timeout(void)
{
	chan(int) c = chan_make(int, 0);
	int v;

	go_waitgroup_add(&wg, 1);
	go(sendslater, c);
	CHECK(chan_select_timeout(INT64_MAX, case_recv(c, &v)) == 0 && v == 11);
	go_waitgroup_wait(&wg);
	chan_free(c);
}

/* ---- one channel in several cases ---- */

static void talksback(void *arg)
{
	chan(int) c = arg;
	int sent = 0, received = 0, v;

	for (int i = 0; i < 200; i++)
		switch (chan_select(case_send(c, 100), case_recv(c, &v), case_send(c, 101))) {
		case 1:
			CHECK(v >= 200 && v < 202);
			received++;
			break;
		default:
			sent++;
		}
	CHECK(sent + received == 200);
	go_waitgroup_done(&wg);
}

/* Both ends of one channel in a select: it never meets itself. */
static void both_ends(void)
{
	chan(int) c = chan_make(int, 0);
	int v;

	CHECK(chan_select_timeout(MS, case_send(c, 1), case_recv(c, &v), case_send(c, 2)) == -1);
	go_waitgroup_add(&wg, 1);
	go(talksback, c);
	for (int i = 0; i < 200; i++)
		if (chan_select(case_send(c, 200), case_recv(c, &v), case_send(c, 201)) == 1)
			CHECK(v >= 100 && v < 102);
	go_waitgroup_wait(&wg);
	CHECK(!chan_trysend(c, 1) && !chan_tryrecv(c, &v));
	chan_free(c);
}

static void selectstwice(void *arg)
{
	int v[3] = {0, 0, 0}, got;
	chan(int) c = arg;

	got = chan_select(case_recv(c, &v[0]), case_recv(c, &v[1]), case_recv(c, &v[2]));
	CHECK(got >= 0 && v[got] == 5 && v[0] + v[1] + v[2] == 5);
	go_waitgroup_done(&wg);
}

/* One element serves one case, and the other sudogs are gone. */
static void same_channel(void)
{
	for (int cap = 0; cap < 2; cap++) {
		chan(int) c = chan_make(int, cap);

		go_waitgroup_add(&wg, 1);
		go(selectstwice, c);
		settle();
		chan_send(c, 5);
		go_waitgroup_wait(&wg);
		CHECK(chan_trysend(c, 1) == (cap == 1));
		chan_free(c);
	}
}

/* ---- many cases ---- */

static chan(int) wide[65537];

static void sendsto(void *arg)
{
	chan_send(*(chan(int) *)arg, 77);
}

static void many_cases(void)
{
	static const size_t ns[] = {2, 3, 63, 64, 65, 1000, 65535, 65536};
	static go_case a[65536];
	static int v[65536];
	chan(int) extra = chan_make(int, 0);

	for (size_t i = 0; i < nelem(wide); i++)
		wide[i] = chan_make(int, 0);
	for (size_t k = 0; k < nelem(ns); k++) {
		size_t n = ns[k];

		for (size_t i = 0; i < n; i++)
			a[i] = i % 3 == 2 ? case_recv(extra, &v[i]) : case_recv(wide[i], &v[i]);
		CHECK(go_select(a, n, 0) == -1);
		CHECK(go_select(a, n, MS) == -1);
		for (size_t at = 0; at < n; at = at * 5 + 1) {
			if (at % 3 == 2)
				continue;
			go(sendsto, &wide[at]);
			CHECK(go_select(a, n, -1) == (int)at && v[at] == 77);
		}
		go(sendsto, &extra);
		int i = n < 3 ? (chan_recv(extra), 2) : go_select(a, n, -1);
		CHECK(i % 3 == 2);
	}
	for (size_t i = 0; i < nelem(wide); i++)
		chan_free(wide[i]);
	chan_free(extra);
}

static void array_of_cases(void)
{
	chan(int) c = chan_make(int, 3);
	int v = 0;
	go_case a[] = {case_send(c, 1), case_recv(c, &v), case_send(c, 2)};

	for (int i = 0; i < 100; i++) {
		size_t before = chan_len(c);
		int k = go_select(a, nelem(a), -1);

		CHECK(chan_len(c) == (k == 1 ? before - 1 : before + 1));
	}
	chan_free(c);
}

struct point {
	double x, y, z;
};

static void sendspoint(void *arg)
{
	chan(struct point) c = arg;
	struct point p = {1, 2, 3};

	CHECK(chan_select(case_send(c, p)) == 0);
	CHECK(chan_select(case_send(c, ((struct point){4, 5, 6})),
		      case_recv((chan(int))NULL, NULL)) == 0);
}

static void structs(void)
{
	chan(struct point) c = chan_make(struct point, 0);
	struct point p;

	go(sendspoint, c);
	CHECK(chan_select(case_recv(c, &p), case_recv((chan(int))NULL, NULL)) == 0);
	CHECK(p.x == 1 && p.y == 2 && p.z == 3);
	p = chan_recv(c);
	CHECK(p.x == 4 && p.y == 5 && p.z == 6);
	yield(100);
	chan_free(c);
}

static void zero_size(void)
{
	go_chan *a = go_chan_make(0, 0), *b = go_chan_make(0, 1);
	go_case k[] = {{.c = a, .send = ""}, {.c = b, .send = ""}};

	CHECK(go_select(k, 2, -1) == 1);
	CHECK(go_select(k, 2, MS) == -1);
	CHECK(go_chan_recv(b, NULL) && !go_chan_tryrecv(a, NULL, NULL));
	go_chan_free(a);
	go_chan_free(b);
}

/* ---- how things end badly ---- */

static void sendtoclosed(void)
{
	chan(int) c = chan_make(int, 0), d = chan_make(int, 0);
	chan_close(c);
	chan_select(case_recv(d, NULL), case_send(c, 1));
}

static void sendtoclosedbig(void)
{
	chan(int) c = chan_make(int, 0), d = chan_make(int, 0);
	go_case a[70];

	for (size_t i = 0; i < nelem(a); i++)
		a[i] = case_recv(d, NULL);
	a[33] = case_send(c, 1);
	chan_close(c);
	go_select(a, nelem(a), -1);
}

static void closeundersend(void)
{
	chan(int) c = chan_make(int, 0), d = chan_make(int, 0);

	go_waitgroup_add(&wg, 1);
	go(closeslater, c);
	chan_select(case_recv(d, NULL), case_send(c, 1));
}

static void toomany(void)
{
	static go_case a[65537];
	go_select(a, nelem(a), 0);
}

static void selectson(void *arg)
{
	chan_select(case_recv((chan(int))arg, NULL), case_recv((chan(int))NULL, NULL));
}

static void nocases(void *arg)
{
	(void)arg;
	go_select(NULL, 0, -1);
}

static void deadlock(void)
{
	chan(int) c = chan_make(int, 0);
	go(selectson, c);
	go(selectson, NULL);
	go(nocases, NULL);
	chan_select_timeout(20 * MS, case_recv(c, NULL), case_recv(c, NULL));
	chan_select(case_recv(c, NULL), case_recv(c, NULL));
}

const struct testcase cases[] = {
	{"takes_the_ready", takes_the_ready},
	{"uniform", uniform},
	{"evaluates_once", evaluates_once},
	{"waits", waits},
	{"times_out", times_out},
	{"longest_timeout", longest_timeout},
	{"both_ends", both_ends},
	{"same_channel", same_channel},
	{"many_cases", many_cases},
	{"array_of_cases", array_of_cases},
	{"structs", structs},
	{"zero_size", zero_size},
	{"sendtoclosed", sendtoclosed},
	{"sendtoclosedbig", sendtoclosedbig},
	{"closeundersend", closeundersend},
	{"toomany", toomany},
	{"deadlock", deadlock},
	{NULL, NULL},
};
