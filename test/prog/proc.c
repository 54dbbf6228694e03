/* SPDX-License-Identifier: MIT */
/* proc.c - goroutines are made, take turns and end. */
#include "prog.h"

static go_waitgroup wg;
static int64_t counter;

static void add(void *arg)
{
	__atomic_fetch_add(&counter, (int64_t)(intptr_t)arg, __ATOMIC_RELAXED);
	go_waitgroup_done(&wg);
}

static void spawn(void)
{
	go_waitgroup_add(&wg, 10000);
	for (int i = 1; i <= 10000; i++)
		go(add, (void *)(intptr_t)i);
	go_waitgroup_wait(&wg);
	CHECK(counter == 10000 * 10001 / 2);
}

static void million(void)
{
	for (int wave = 0; wave < 100; wave++) {
		go_waitgroup_add(&wg, 3000);
		for (int i = 0; i < 3000; i++)
			go(add, (void *)1);
		go_waitgroup_wait(&wg);
	}
	CHECK(counter == 300000);
}

/* A tree: every goroutine makes two. */
static void branch(void *arg)
{
	intptr_t depth = (intptr_t)arg;

	if (depth > 0) {
		go_waitgroup_add(&wg, 2);
		go(branch, (void *)(depth - 1));
		go(branch, (void *)(depth - 1));
	}
	add((void *)1);
}

static void tree(void)
{
	go_waitgroup_add(&wg, 1);
	go(branch, (void *)15);
	go_waitgroup_wait(&wg);
	CHECK(counter == (1 << 16) - 1);
}

/* Each makes the next and ends: whoever runs has one that would go before all others. */
static bool enough;
static int links[2];

static bool grown(int i)
{
	return __atomic_load_n(&links[i], __ATOMIC_RELAXED) > 1000;
}

static void link_on(void *arg)
{
	__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
	if (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		go(link_on, arg);
	else
		go_waitgroup_done(&wg);
}

static void chains(void)
{
	go_waitgroup_add(&wg, 2);
	go(link_on, &links[0]);
	go(link_on, &links[1]);
	for (int i = 0; i < 10 || !grown(0) || !grown(1); i++)
		go_sched();
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	go_waitgroup_wait(&wg);
}

enum { Ids = 20000 };
static uint64_t ids[Ids];

static void note_id(void *arg)
{
	uint64_t id = go_id();

	go_sched();
	CHECK(go_id() == id);
	ids[(intptr_t)arg] = id;
	go_waitgroup_done(&wg);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void unique_ids(void)
{
	CHECK(go_id() == 1);
	go_waitgroup_add(&wg, Ids);
	for (intptr_t i = 0; i < Ids; i++)
		go(note_id, (void *)i);
	go_waitgroup_wait(&wg);
	CHECK(go_id() == 1);
	qsort(ids, Ids, sizeof *ids, by_value);
	CHECK(ids[0] > 1);
	for (int i = 1; i < Ids; i++)
		CHECK(ids[i] != ids[i - 1]);
}

static go_mutex gate;

static void pass_gate(void *arg)
{
	(void)arg;
	go_mutex_lock(&gate);
	go_mutex_unlock(&gate);
	go_waitgroup_done(&wg);
}

static void count(void)
{
	CHECK(go_num_goroutine() == 1);
	go_mutex_lock(&gate);
	go_waitgroup_add(&wg, 1000);
	for (int i = 0; i < 1000; i++)
		go(pass_gate, NULL);
	CHECK(go_num_goroutine() == 1001);
	go_mutex_unlock(&gate);
	go_waitgroup_wait(&wg);
	wait_for_goroutines(1);
	go_waitgroup_add(&wg, 5);
	for (int i = 0; i < 5; i++)
		go_stack(1 << 20, pass_gate, NULL);
	go_waitgroup_wait(&wg);
	wait_for_goroutines(1);
}

static bool stop;
static int64_t turns[50];
static double share; /* of the one with the fewest, next to the one with the most */

static void take_turns(void *arg)
{
	int64_t *mine = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		__atomic_store_n(mine, *mine + 1, __ATOMIC_RELAXED);
		go_sched();
	}
	go_waitgroup_done(&wg);
}

/* Everybody gets turns while main does. */
static void fair(void)
{
	int64_t least = INT64_MAX, most = 0;
	int rounds = 0;

	go_waitgroup_add(&wg, nelem(turns));
	for (size_t i = 0; i < nelem(turns); i++)
		go(take_turns, &turns[i]);
	while (rounds < 20000 || (least < 100 && rounds < 10000000)) {
		rounds++;
		go_sched();
		least = INT64_MAX;
		for (size_t i = 0; i < nelem(turns); i++) {
			int64_t n = __atomic_load_n(&turns[i], __ATOMIC_RELAXED);

			least = n < least ? n : least;
			most = n > most ? n : most;
		}
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	go_waitgroup_wait(&wg);
	CHECK(least >= 100);
	share = (double)least / (double)most;
}

/* And on one P as many. */
static void even(void)
{
	fair();
	CHECK(share > 0.5);
}

static void end_deep(int depth);
static void (*volatile deeper)(int) = end_deep;

static void end_deep(int depth)
{
	if (depth == 0)
		go_exit();
	deeper(depth - 1);
	CHECK(!"go_exit returned");
}

static void ends_early(void *arg)
{
	add(arg);
	end_deep(20);
}

static void exit_ordinary(void)
{
	for (int i = 0; i < 1000; i++) {
		go_waitgroup_add(&wg, 1);
		go(ends_early, (void *)1);
	}
	go_waitgroup_wait(&wg);
	CHECK(counter == 1000);
	wait_for_goroutines(1);
}

static void goes_on(void *arg)
{
	(void)arg;
	go_sleep(20 * MS);
	print("the other went on\n");
}

static void exit_main(void)
{
	go(goes_on, NULL);
	go_exit();
}

static void exit_main_alone(void)
{
	go_exit();
}

static void bye(void)
{
	printf("atexit in %s\n", go_id() == 1 ? "main" : "another");
}

static void exits(void *arg)
{
	(void)arg;
	go_sleep(10 * MS);
	printf("not flushed yet, ");
	exit(7);
}

/* exit on a goroutine that is not main, after main's has ended. */
static void exit_main_other_exits(void)
{
	atexit(bye);
	go(exits, NULL);
	go_exit();
}

static void other_exits(void)
{
	atexit(bye);
	go(exits, NULL);
	for (;;)
		go_sleep(1000 * MS);
}

static void forever(void *arg)
{
	(void)arg;
	for (;;)
		go_sleep(3600 * 1000 * MS);
}

/* main does not wait for the others. */
static void main_returns(void)
{
	for (int i = 0; i < 100; i++)
		go(forever, NULL);
	go(take_turns, &turns[0]);
	go_sched();
}

static void nil(void) { go(NULL, NULL); }
static void nil_stack(void) { go_stack(1 << 20, NULL, NULL); }
static void nil_group(void) { go_waitgroup_go(&wg, NULL, NULL); }
static void nil_zero(void) { go_stack(0, NULL, NULL); }

static void says(void) { go_panic("%d is not %s", 2, "three"); }

static void says_much(void)
{
	char much[255 + 1];

	memset(much, 'x', 255);
	much[255] = 0;
	go_panic("%s", much);
}

/* ---- what deadlocks ---- */

static void deadlock_group(void)
{
	go_waitgroup_add(&wg, 1);
	go_waitgroup_wait(&wg);
}

static void deadlock_mutex(void)
{
	go_mutex_lock(&gate);
	go_mutex_lock(&gate);
}

static void file_waiter(void *arg)
{
	(void)arg;
	fputs("never\n", stdout);
}

static void deadlock_file(void)
{
	flockfile(stdout);
	go(file_waiter, NULL);
	deadlock_group();
}

static void lock_gate(void *arg)
{
	go_set_name(arg);
	go_mutex_lock(&gate);
}

static void wired(void *arg)
{
	go_lock_os_thread();
	lock_gate(arg);
}

static void deadlock_many(void)
{
	go_mutex_lock(&gate);
	go(lock_gate, "first waiter");
	go(lock_gate, "a name of more than thirty-one bytes is cut");
	go(wired, "wired");
	go_set_name("the main one");
	deadlock_group();
}

/* A sleeper is no deadlock: it ends, and only then is there one. */
static void deadlock_late(void)
{
	go(goes_on, NULL);
	deadlock_group();
}

static void deadlock_after_threads(void)
{
	go_waitgroup_add(&wg, 3000);
	for (int i = 0; i < 3000; i++)
		go(add, NULL);
	go_waitgroup_wait(&wg);
	deadlock_mutex();
}

static void unnamed(void)
{
	go_set_name("something");
	go_set_name(NULL);
	deadlock_group();
}

/* ---- many ---- */

enum { Parked = 100000 };

static void park(void *arg)
{
	int64_t mine = (intptr_t)arg;

	go_mutex_lock(&gate);
	counter += mine;
	go_mutex_unlock(&gate);
	go_waitgroup_done(&wg);
}

static void parked(void)
{
	go_mutex_lock(&gate);
	go_waitgroup_add(&wg, Parked);
	for (intptr_t i = 0; i < Parked; i++)
		go(park, (void *)i);
	CHECK(go_num_goroutine() == Parked + 1);
	go_mutex_unlock(&gate);
	go_waitgroup_wait(&wg);
	CHECK(counter == (int64_t)Parked * (Parked - 1) / 2);
}

/* ---- stacks ---- */

static unsigned fill(size_t bytes)
{
	volatile unsigned char block[bytes];
	unsigned sum = 0;

	for (size_t i = 0; i < bytes; i += 512)
		block[i] = (unsigned char)(i >> 9);
	go_sched();
	for (size_t i = 0; i < bytes; i += 512)
		sum += block[i] == (unsigned char)(i >> 9);
	return sum;
}

static void use_stack(void *arg)
{
	size_t n = (size_t)arg;

	CHECK(fill(n) == (n + 511) / 512);
	add((void *)1);
}

static void big_stacks(void)
{
	static const size_t sizes[] = {1, 100000, 192 << 10, 300000, 1 << 20, 5000000, 64 << 20};
	enum { Rounds = 5 };

	for (int round = 0; round < Rounds; round++)
		for (size_t i = 0; i < nelem(sizes); i++) {
			go_waitgroup_add(&wg, 1);
			go_stack(sizes[i], use_stack, (void *)(sizes[i] < 1000 ? 1 : sizes[i] - 512));
		}
	go_waitgroup_wait(&wg);
	CHECK(counter == (int64_t)(Rounds * nelem(sizes)));
	go_waitgroup_add(&wg, 1);
	go(use_stack, (void *)(190 << 10));
	go_waitgroup_wait(&wg);
}

static void main_stack(void)
{
	CHECK(fill(7 << 20) == (7 << 20) / 512);
}

static void main_stack16(void)
{
	CHECK(fill(15 << 20) == (15 << 20) / 512);
}

static void impossible_stack(void)
{
	go_stack((size_t)-1, add, NULL);
}

const struct testcase cases[] = {
	{"spawn", spawn},
	{"waves", million},
	{"tree", tree},
	{"chains", chains},
	{"ids", unique_ids},
	{"count", count},
	{"fair", fair},
	{"even", even},
	{"exit", exit_ordinary},
	{"exit_main", exit_main},
	{"exit_main_alone", exit_main_alone},
	{"exit_main_other_exits", exit_main_other_exits},
	{"other_exits", other_exits},
	{"main_returns", main_returns},
	{"nil", nil},
	{"nil_stack", nil_stack},
	{"nil_group", nil_group},
	{"nil_zero", nil_zero},
	{"says", says},
	{"says_much", says_much},
	{"deadlock_group", deadlock_group},
	{"deadlock_mutex", deadlock_mutex},
	{"deadlock_file", deadlock_file},
	{"deadlock_many", deadlock_many},
	{"deadlock_late", deadlock_late},
	{"deadlock_after_threads", deadlock_after_threads},
	{"unnamed", unnamed},
	{"parked", parked},
	{"big_stacks", big_stacks},
	{"main_stack", main_stack},
	{"main_stack16", main_stack16},
	{"impossible_stack", impossible_stack},
	{NULL, NULL},
};
