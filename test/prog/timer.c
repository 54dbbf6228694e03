/* SPDX-License-Identifier: MIT */
/* timer.c - timers and tickers. */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/wait.h>

#include "prog.h"

#define HOUR (INT64_C(3600) * 1000 * MS)

static go_waitgroup wg;
static int32_t counter;

static int32_t add(int32_t *n, int32_t d) { return __atomic_add_fetch(n, d, __ATOMIC_SEQ_CST); }
static int32_t get(int32_t *n) { return __atomic_load_n(n, __ATOMIC_SEQ_CST); }

static uint32_t seed = 1;
static uint32_t chance(uint32_t *s, uint32_t below)
{
	*s = *s * 1664525 + 1013904223;
	return (*s >> 8) % below;
}

/* Use up that long without a word to the scheduler. */
static void busy(int64_t ns)
{
	for (int64_t end = go_nanotime() + ns; go_nanotime() < end;)
		;
}

static bool empty(go_timer *t)
{
	int64_t v;

	return chan_len(go_timer_chan(t)) == 0 && !chan_tryrecv(go_timer_chan(t), &v);
}

static void count(void *arg) { add(arg ? arg : &counter, 1); }

/* ---- timers with a channel ---- */

static void fires(void)
{
	static const int64_t ns[] = {1, 1000, MS / 10, MS, 20 * MS};

	for (size_t i = 0; i < nelem(ns); i++) {
		int64_t start = go_nanotime(), v;
		go_timer *t = go_timer_new(ns[i]);

		CHECK(chan_cap(go_timer_chan(t)) == 1);
		CHECK(chan_recv_ok(go_timer_chan(t), &v));
		CHECK(v >= start + ns[i] && v <= go_nanotime());
		CHECK(!go_timer_stop(t)); /* it was received */
		CHECK(empty(t));
		go_timer_free(t);
	}
	go_timer_free(NULL);
}

static void fires_at_once(void)
{
	static const int64_t ns[] = {0, -1, INT64_MIN};

	for (size_t i = 0; i < nelem(ns); i++) {
		go_timer *t = go_timer_new(ns[i]);

		chan_recv(go_timer_chan(t));
		CHECK(!go_timer_reset(t, ns[i]));
		chan_recv(go_timer_chan(t));
		go_timer_free(t);
	}
}

static void never_fires(void)
{
	go_timer *t = go_timer_new(INT64_MAX), *tick = go_ticker_new(INT64_MAX);

	go_sleep(5 * MS);
	CHECK(empty(t) && empty(tick));
	CHECK(go_timer_stop(t) && go_timer_stop(tick));
	CHECK(!go_timer_reset(t, INT64_MAX));
	CHECK(go_timer_reset(t, MS));
	chan_recv(go_timer_chan(t));
	CHECK(!go_timer_reset(tick, INT64_MAX));
	go_timer_free(t);
	go_timer_free(tick);
}

/*
 * What fires first has the earlier time, on one p: on two, one heap may be looked at later than the other.
 * When they were made counts as well, and is known to lie between two looks at the clock.
 */
static void order(void)
{
	static const int mixed[] = {5, 0, 7, 2, 6, 1, 4, 3};
	struct {
		go_timer *t;
		int64_t from, to, fired;
	} timer[nelem(mixed)];

	for (size_t k = 0; k < nelem(mixed); k++) {
		int64_t i = mixed[k], ns = (i + 1) * 3 * MS;

		timer[i].from = go_nanotime() + ns;
		timer[i].t = go_timer_new(ns);
		timer[i].to = go_nanotime() + ns;
	}
	for (size_t i = 0; i < nelem(mixed); i++) {
		timer[i].fired = chan_recv(go_timer_chan(timer[i].t));
		CHECK(timer[i].fired >= timer[i].from);
		go_timer_free(timer[i].t);
	}
	for (size_t i = 0; i < nelem(mixed); i++)
		for (size_t j = 0; j < nelem(mixed) && go_maxprocs(0) == 1; j++)
			CHECK(timer[i].to >= timer[j].from || timer[i].fired <= timer[j].fired);
}

static void stops(void)
{
	go_timer *t = go_timer_new(HOUR);

	CHECK(go_timer_stop(t));
	CHECK(!go_timer_stop(t));
	CHECK(!go_timer_reset(t, 5 * MS));
	CHECK(go_timer_reset(t, 2 * HOUR));
	CHECK(go_timer_reset(t, MS));
	chan_recv(go_timer_chan(t));
	CHECK(!go_timer_stop(t));
	CHECK(!go_timer_reset(t, MS));
	CHECK(go_timer_stop(t));
	go_sleep(3 * MS);
	CHECK(empty(t));
	go_timer_free(t);
}

/* It fired, and nobody received: it counts as pending, and is taken back. */
static void takes_back(void)
{
	go_timer *t = go_timer_new(MS);
	int64_t before;

	for (int i = 0; i < 10; i++) {
		while (!chan_len(go_timer_chan(t)))
			go_sleep(MS);
		if (i % 2) {
			CHECK(go_timer_stop(t));
			CHECK(!go_timer_stop(t));
			CHECK(empty(t));
			CHECK(!go_timer_reset(t, MS));
			continue;
		}
		before = go_nanotime();
		CHECK(go_timer_reset(t, 2 * MS));
		CHECK(chan_recv(go_timer_chan(t)) >= before + 2 * MS);
		CHECK(!go_timer_reset(t, MS));
	}
	go_timer_free(t);
}

/* No value of before a reset is received after it, however close it came. */
static void no_stale_value(void)
{
	go_timer *t = go_timer_new(HOUR), *tick = go_ticker_new(HOUR);

	for (int i = 0; i < 3000; i++) {
		int64_t ns = chance(&seed, 60000), start;

		go_timer_reset(t, chance(&seed, 50000));
		go_timer_reset(tick, 1 + chance(&seed, 20000));
		if (i % 2)
			go_sleep(ns);
		else
			busy(ns);
		if (i % 3 == 0) {
			go_timer_stop(t);
			go_timer_stop(tick);
			CHECK(empty(t) && empty(tick));
		}
		start = go_nanotime();
		go_timer_reset(t, 20000);
		CHECK(chan_recv(go_timer_chan(t)) >= start + 20000);
		start = go_nanotime();
		go_timer_reset(tick, 20000);
		CHECK(chan_recv(go_timer_chan(tick)) >= start + 20000);
	}
	go_timer_free(t);
	go_timer_free(tick);
}

/* Either the receiver gets the value, or stop was in time; never both or neither. */
struct race {
	go_timer *t;
	chan(int) quit;
	bool got;
};

static void receives(void *arg)
{
	struct race *r = arg;
	int v;

	r->got = chan_select(case_recv(go_timer_chan(r->t), NULL), case_recv(r->quit, &v)) == 0;
	go_waitgroup_done(&wg);
}

static void stop_or_receive(void)
{
	for (int i = 0; i < 3000; i++) {
		struct race r = {.quit = chan_make(int, 0)};
		bool stopped;

		r.t = go_timer_new(chance(&seed, 30000));
		go_waitgroup_add(&wg, 1);
		go(receives, &r);
		if (i % 4)
			busy(chance(&seed, 30000));
		else
			go_sleep(chance(&seed, 60000));
		stopped = go_timer_stop(r.t);
		CHECK(empty(r.t));
		chan_close(r.quit);
		go_waitgroup_wait(&wg);
		CHECK(stopped != r.got);
		go_timer_free(r.t);
		chan_free(r.quit);
	}
}

/* Several goroutines at one timer. */
static bool over;
static go_waitgroup others;

static void meddles(void *arg)
{
	uint32_t s = (uint32_t)(uintptr_t)&s;
	go_timer *t = arg;

	for (int i = 0; i < 1000; i++) {
		switch (chance(&s, 3)) {
		case 0: go_timer_stop(t); break;
		case 1: go_timer_reset(t, 1 + chance(&s, 20000)); break;
		default: go_sched(); break;
		}
	}
	go_waitgroup_done(&wg);
}

static void drains(void *arg)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		int64_t v;

		if (chan_tryrecv(go_timer_chan(arg), &v))
			CHECK(v <= go_nanotime());
		go_sched();
	}
}

static void many_hands(void)
{
	for (int round = 0; round < 10; round++) {
		go_timer *t = round % 2 ? go_ticker_new(MS) : go_timer_new(MS);

		over = false;
		go_waitgroup_add(&wg, 4);
		for (int i = 0; i < 4; i++)
			go(meddles, t);
		go_waitgroup_go(&others, drains, t);
		go_waitgroup_wait(&wg);
		go_timer_stop(t);
		CHECK(empty(t));
		__atomic_store_n(&over, true, __ATOMIC_RELAXED);
		go_waitgroup_wait(&others);
		go_sleep(MS / 10);
		CHECK(empty(t));
		go_timer_free(t);
	}
}

/* ---- functions ---- */

static uint64_t caller;

static void is_new(void *arg)
{
	CHECK(go_id() != caller && arg == &caller);
	go_sleep(MS); /* may block, as it has a goroutine */
	go_waitgroup_done(&wg);
}

static void func_runs(void)
{
	int64_t start = go_nanotime();
	go_timer *t;

	caller = go_id();
	go_waitgroup_add(&wg, 1);
	t = go_timer_func(3 * MS, is_new, &caller);
	CHECK(!go_timer_chan(t));
	go_waitgroup_wait(&wg);
	CHECK(go_nanotime() >= start + 4 * MS);
	CHECK(!go_timer_stop(t));
	for (int i = 1; i >= 0; i--) { /* again */
		go_waitgroup_add(&wg, 1);
		CHECK(!go_timer_reset(t, i * MS));
		go_waitgroup_wait(&wg);
	}
	go_timer_free(t);
}

static void func_stops(void)
{
	go_timer *t = go_timer_func(HOUR, count, NULL);
	int fired = 0;

	CHECK(go_timer_stop(t));
	CHECK(!go_timer_stop(t));
	CHECK(!go_timer_reset(t, 2 * MS));
	for (; !go_timer_reset(t, HOUR); fired++) /* too late for that one */
		CHECK(go_timer_reset(t, 2 * MS));
	go_sleep(4 * MS);
	while (get(&counter) < fired)
		go_sched();
	CHECK(get(&counter) == fired);
	CHECK(go_timer_reset(t, -1));
	while (get(&counter) == fired)
		go_sched();
	CHECK(!go_timer_stop(t));
	go_timer_free(t);
}

/* Each was stopped or runs, once. */
static void func_stop_races(void)
{
	enum { N = 200 };
	static int32_t ran[N];
	go_timer *t[N];
	bool stopped[N];

	for (int round = 0; round < 30; round++) {
		memset(ran, 0, sizeof ran);
		for (int i = 0; i < N; i++)
			t[i] = go_timer_func(chance(&seed, 300000), count, &ran[i]);
		busy(chance(&seed, 200000));
		for (int i = 0; i < N; i++)
			stopped[i] = go_timer_stop(t[i]);
		for (int i = 0; i < N; i++) {
			while (!stopped[i] && !get(&ran[i]))
				go_sched();
			CHECK(!go_timer_stop(t[i]));
			go_timer_free(t[i]);
		}
		go_sleep(MS);
		for (int i = 0; i < N; i++)
			CHECK(get(&ran[i]) == !stopped[i]);
	}
}

/* From one timer's function: free it, make the next. */
static go_timer *chain;

static void next_link(void *arg)
{
	intptr_t left = (intptr_t)arg;
	go_timer *mine = __atomic_load_n(&chain, __ATOMIC_ACQUIRE);

	while (!mine) { /* not stored yet */
		go_sched();
		mine = __atomic_load_n(&chain, __ATOMIC_ACQUIRE);
	}
	__atomic_store_n(&chain, NULL, __ATOMIC_RELEASE);
	CHECK(!go_timer_stop(mine));
	go_timer_free(mine);
	if (left == 0)
		go_waitgroup_done(&wg);
	else
		__atomic_store_n(&chain, go_timer_func(chance(&seed, 20000), next_link,
						 (void *)(left - 1)), __ATOMIC_RELEASE);
}

static void func_chain(void)
{
	go_waitgroup_add(&wg, 1);
	__atomic_store_n(&chain, go_timer_func(0, next_link, (void *)2000), __ATOMIC_RELEASE);
	go_waitgroup_wait(&wg);
}

static void func_nil(void) { go_timer_func(1, NULL, NULL); }

static void panics(void *arg) { go_panic("from %s", (char *)arg); }

static void func_panics(void)
{
	go_timer_func(MS, panics, "a timer");
	go_select(NULL, 0, -1);
}

/* ---- tickers ---- */

static void ticks(void)
{
	int64_t start = go_nanotime(), period = 3 * MS, last = 0;
	go_timer *t = go_ticker_new(period);

	for (int i = 1; i <= 10; i++) {
		int64_t v = chan_recv(go_timer_chan(t));

		CHECK(v >= start + i * period && v > last && v <= go_nanotime());
		last = v;
	}
	CHECK(go_timer_stop(t));
	go_sleep(3 * period);
	CHECK(empty(t));
	CHECK(!go_timer_stop(t));
	go_timer_free(t);
}

/* A slow receiver finds one tick, not all that were missed. */
static void drops_ticks(void)
{
	int64_t start = go_nanotime(), period = 2 * MS, v;
	go_timer *t = go_ticker_new(period);
	int n;

	go_sleep(20 * period);
	CHECK(chan_len(go_timer_chan(t)) == 1);
	v = chan_recv(go_timer_chan(t));
	CHECK(v >= start + period);
	for (n = 1; n < 5; n++)
		chan_recv(go_timer_chan(t));
	CHECK(go_nanotime() >= start + (20 + n - 1) * period);
	go_timer_free(t);
}

static void resets_ticker(void)
{
	go_timer *t = go_ticker_new(HOUR);
	int64_t start = go_nanotime();

	CHECK(go_timer_reset(t, 2 * MS));
	for (int i = 1; i <= 3; i++)
		CHECK(chan_recv(go_timer_chan(t)) >= start + i * 2 * MS);
	start = go_nanotime();
	CHECK(go_timer_reset(t, 5 * MS));
	for (int i = 1; i <= 3; i++)
		CHECK(chan_recv(go_timer_chan(t)) >= start + i * 5 * MS);
	CHECK(go_timer_stop(t));
	CHECK(!go_timer_reset(t, MS)); /* and on it goes */
	chan_recv(go_timer_chan(t));
	chan_recv(go_timer_chan(t));
	CHECK(go_timer_reset(t, HOUR));
	go_sleep(3 * MS);
	CHECK(empty(t));
	go_timer_free(t);
}

/* However late single ticks are, the many keep the pace. */
static void keeps_pace(void)
{
	int64_t period = MS / 2, start = go_nanotime(), v = 0, n = 0;
	go_timer *t = go_ticker_new(period);

	while (v < start + 100 * period) {
		v = chan_recv(go_timer_chan(t));
		n++;
		CHECK(v >= start + n * period);
		if (n % 5 == 0)
			busy(period / 2); /* late, but less than one */
	}
	go_timer_free(t);
}

static void ticker_zero(void) { go_ticker_new(0); }
static void ticker_negative(void) { go_ticker_new(-1); }
static void ticker_reset_zero(void) { go_timer_reset(go_ticker_new(MS), 0); }

static void try_zero(void *arg) { go_timer_reset(arg, 0); }
static void try_new(void *arg) { go_ticker_new(arg ? 0 : -1); }

static void ticker_panics(void)
{
	go_timer *t = go_ticker_new(2 * MS);

	for (int i = 0; i < 3; i++) {
		CHECK(!strcmp(go_try(try_zero, t), "non-positive interval for Ticker.Reset"));
		CHECK(!strcmp(go_try(try_new, t), "non-positive interval for NewTicker"));
		CHECK(!strcmp(go_try(try_new, NULL), "non-positive interval for NewTicker"));
		chan_recv(go_timer_chan(t)); /* as if nothing had been */
	}
	go_timer_free(t);
}

/* ---- many ---- */

/* Timers made on one P are stopped from others, while they fall due. */
enum { Crowd = 400, Crowds = 50 };

static void crowd(void *arg)
{
	go_timer **t = calloc(Crowd, sizeof *t);
	uint32_t s = (uint32_t)(uintptr_t)arg;
	int32_t mine = 0;

	for (int i = 0; i < Crowd; i++)
		t[i] = go_timer_func(chance(&s, 5 * MS), count, &mine);
	int32_t expected = Crowd;
	for (int i = 0; i < Crowd; i++) {
		if (chance(&s, 2))
			expected -= go_timer_stop(t[i]);
		else if (chance(&s, 2) && go_timer_stop(t[i]))
			go_timer_reset(t[i], chance(&s, 10 * MS));
		if (chance(&s, 16) == 0)
			go_sched();
		if (chance(&s, 64) == 0)
			go_sleep(chance(&s, MS / 10));
	}
	while (get(&mine) < expected)
		go_sleep(MS / 2);
	go_sleep(MS);
	CHECK(get(&mine) == expected);
	for (int i = 0; i < Crowd; i++)
		go_timer_free(t[i]);
	free(t);
	go_waitgroup_done(&wg);
}

static void crowds(void)
{
	go_waitgroup_add(&wg, Crowds);
	for (intptr_t i = 0; i < Crowds; i++)
		go(crowd, (void *)(i * 977 + 1));
	go_waitgroup_wait(&wg);
}

/* The Ps whose heaps they are on come and go. */
static void maxprocs_changes(void)
{
	int old = go_maxprocs(0);

	go_waitgroup_add(&wg, 10);
	for (intptr_t i = 0; i < 10; i++)
		go(crowd, (void *)(i * 991 + 1));
	for (int i = 0; i < 30; i++) {
		go_maxprocs(1 + i * 7 % 5);
		go_sleep(MS / 2);
	}
	go_maxprocs(old);
	go_waitgroup_wait(&wg);
}

static void times_out(void *arg)
{
	uint32_t s = (uint32_t)(uintptr_t)arg;
	chan(int) c = chan_make(int, 1);

	for (int i = 0; i < 20; i++) {
		int64_t ns = 1 + chance(&s, 2 * MS), start = go_nanotime();
		int v;

		CHECK(chan_select_timeout(ns, case_recv(c, &v)) == -1);
		CHECK(go_nanotime() >= start + ns);
		chan_send(c, i);
		CHECK(chan_select_timeout(ns, case_recv(c, &v)) == 0 && v == i);
	}
	chan_free(c);
	go_waitgroup_done(&wg);
}

static void timeouts(void)
{
	go_waitgroup_add(&wg, 500);
	for (intptr_t i = 0; i < 500; i++)
		go(times_out, (void *)i);
	go_waitgroup_wait(&wg);
}

/* ---- idle ---- */

/* How often threads of a process gave up the CPU of their own accord; less than 0: one of them would run. */
static long switches(pid_t pid)
{
	char path[300], line[256], state;
	bool awake = false;
	struct dirent *e;
	long sum = 0, n;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	CHECK(d = opendir(path));
	while ((e = readdir(d))) {
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/proc/%d/task/%s/status", pid, e->d_name);
		if (!(f = fopen(path, "r")))
			continue;
		while (fgets(line, sizeof line, f))
			if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
				sum += n;
			else if (sscanf(line, "State: %c", &state) == 1)
				awake |= state == 'R';
		fclose(f);
	}
	closedir(d);
	return awake ? -1 : sum;
}

/* Of a process that has gone to bed by then; a look at oneself would wake it. */
static long switches_asleep(pid_t pid)
{
	long before, now = switches(pid);

	for (int i = 0; i < 400; i++) {
		before = now;
		go_sleep(50 * MS);
		if ((now = switches(pid)) == before && now >= 0)
			break;
	}
	go_sleep(700 * MS);
	return switches(pid) - now;
}

static void sleeps(void *arg)
{
	(void)arg;
	go_sleep(HOUR);
}

/* Nobody stirs while all sleep. */
static void sleeps_soundly(void)
{
	pid_t parent = getpid(), child;
	int status;

	go(sleeps, NULL);
	CHECK((child = fork()) >= 0);
	if (child == 0) {
		CHECK(switches_asleep(parent) < 10);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void stuck(void)
{
	go_timer *t = go_timer_new(HOUR);

	go_timer_stop(t);
	chan_recv(go_timer_chan(t));
}

static void exits_ok(void *arg)
{
	(void)arg;
	puts("ok");
	exit(0);
}

/* A pending timer can still wake somebody: no deadlock. */
static void only_a_timer(void)
{
	go_timer_func(20 * MS, exits_ok, NULL);
	go_exit();
}

const struct testcase cases[] = {
	{"fires", fires},
	{"fires_at_once", fires_at_once},
	{"never_fires", never_fires},
	{"order", order},
	{"stops", stops},
	{"takes_back", takes_back},
	{"no_stale_value", no_stale_value},
	{"stop_or_receive", stop_or_receive},
	{"many_hands", many_hands},
	{"func_runs", func_runs},
	{"func_stops", func_stops},
	{"func_stop_races", func_stop_races},
	{"func_chain", func_chain},
	{"func_nil", func_nil},
	{"func_panics", func_panics},
	{"ticks", ticks},
	{"drops_ticks", drops_ticks},
	{"resets_ticker", resets_ticker},
	{"keeps_pace", keeps_pace},
	{"ticker_zero", ticker_zero},
	{"ticker_negative", ticker_negative},
	{"ticker_reset_zero", ticker_reset_zero},
	{"ticker_panics", ticker_panics},
	{"crowds", crowds},
	{"maxprocs_changes", maxprocs_changes},
	{"timeouts", timeouts},
	{"sleeps_soundly", sleeps_soundly},
	{"stuck", stuck},
	{"only_a_timer", only_a_timer},
	{NULL, NULL},
};
