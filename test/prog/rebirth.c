/* SPDX-License-Identifier: MIT */
/*
 * rebirth.c - goroutines that end and go on as others. Each makes sure that it is like new,
 * then leaves behind all that it can.
 */
#define _GNU_SOURCE
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>

#include "prog.h"

enum { Many = 60, Rounds = 20, Dirt = 0x5a };

static go_waitgroup wg;
static pthread_key_t key;
static locale_t locale;
static int rounding = FE_TONEAREST; /* of who makes them */
static int again;		    /* how often one began where the last one had */
static uintptr_t last;
static uint64_t maker;
static int destroyed, deferred, begun;

static int increment(int *n)
{
	return __atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

static void destroy(void *value)
{
	CHECK(value == (void *)Dirt);
	increment(&destroyed);
}

static void done(void *group)
{
	go_waitgroup_done(group);
}

static void defer(void *arg)
{
	CHECK(arg == (void *)Dirt);
	increment(&deferred);
}

/* What the x87 rounds by: fegetround asks MXCSR. */
static int x87round(void)
{
	uint16_t word;

	__asm__("fnstcw %0" : "=m"(word));
	return word & 0xc00;
}

static void likenew(void)
{
	char name[16] = "";
	sigset_t mask;
	stack_t st;

	CHECK(errno == 0);
	CHECK(!pthread_getspecific(key));
	CHECK(uselocale((locale_t)0) == LC_GLOBAL_LOCALE);
	CHECK(fegetround() == rounding && x87round() == rounding);
	CHECK(pthread_getname_np(pthread_self(), name, sizeof name) == 0 && strcmp(name, "dirty"));
	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0 && !sigismember(&mask, SIGUSR1));
	CHECK(sigaltstack(NULL, &st) == 0 && st.ss_flags == SS_DISABLE);
}

static void dirty(void)
{
	static char stack[64 << 10];
	stack_t st = {.ss_sp = stack, .ss_size = sizeof stack};

	errno = Dirt;
	CHECK(pthread_setspecific(key, (void *)Dirt) == 0);
	uselocale(locale);
	fesetround(FE_UPWARD);
	go_set_name("dirty");
	CHECK(sigaltstack(&st, NULL) == 0);
}

static void *place(void)
{
	return __builtin_frame_address(0);
}

/* Where it runs: with one p, those that go on as others are always at the same place. */
static void meet(void)
{
	uintptr_t here = (uintptr_t)place();

	if (__atomic_exchange_n(&last, here, __ATOMIC_RELAXED) == here)
		increment(&again);
}

static void ordinary(void *arg)
{
	CHECK(arg);
	increment(&begun);
	likenew();
	dirty();
	go_waitgroup_done(&wg);
}

static void spawn(int n, void (*fn)(void *))
{
	go_waitgroup_add(&wg, n);
	for (intptr_t i = 1; i <= n; i++)
		go(fn, (void *)i);
	go_waitgroup_wait(&wg);
}

/* The others have ended: they are done a moment before. */
static void alone(void)
{
	while (go_num_goroutine() > 1)
		go_sched();
}

static void like_new(void)
{
	for (int i = 0; i < Rounds; i++)
		spawn(Many, ordinary);
	alone();
	CHECK(begun == Rounds * Many && destroyed == Rounds * Many);
}

/* The maker's rounding is theirs, also where the one before had another. */
static void control_words(void)
{
	static const int modes[] = {FE_UPWARD, FE_TOWARDZERO, FE_DOWNWARD, FE_TONEAREST};

	for (int i = 0; i < Rounds; i++) {
		rounding = modes[i % 4];
		fesetround(rounding);
		spawn(Many, ordinary);
		CHECK(fegetround() == rounding);
	}
}

/* Parks far down its stack, which is given back then. */
__attribute__((noinline)) static void godeep(void)
{
	volatile char deep[100 << 10];

	deep[0] = 1;
	go_sched();
	CHECK(deep[0]);
}

static void leaves(void)
{
	go_defer(defer, (void *)Dirt);
	go_defer(done, &wg);
	go_exit();
}

/* Some end in other ways, and some cannot go on as the next. */
static void various(void *arg)
{
	sigset_t mask;

	likenew();
	dirty();
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	switch ((uintptr_t)arg % 6) {
	case 0:
		CHECK(pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0);
		break;
	case 1:
		leaves();
		break;
	case 2:
		godeep();
		break;
	case 3:
		go_lock_os_thread();
		break;
	case 4:
		go_sched();
	}
	go_waitgroup_done(&wg);
}

static void ends(void)
{
	for (int i = 0; i < Rounds; i++)
		spawn(Many, various);
	alone();
	CHECK(deferred == Rounds * Many / 6);
}

/* Numbers, parents and the count are those of the one that it is now. */
static unsigned char seen[4096];

static void numbered(void *arg)
{
	uint64_t id = go_id();

	(void)arg;
	CHECK(id > maker && id < sizeof seen);
	CHECK(!__atomic_exchange_n(&seen[id], 1, __ATOMIC_RELAXED));
	CHECK(go_num_goroutine() >= 2 && go_num_goroutine() <= Many + 1);
	meet();
	go_waitgroup_done(&wg);
}

static void numbers(void)
{
	maker = go_id();
	for (int i = 0; i < Rounds; i++) {
		spawn(Many, numbered);
		alone();
	}
}

/* It happens at all: else none of this says anything. On one p of the release build. */
static void happens(void)
{
	numbers();
	CHECK(again > Rounds * Many / 2);
}

/* An argument on the new one's own stack. */
static void copied(void *arg)
{
	CHECK((intptr_t)arg == 7);
	likenew();
	dirty();
}

static void groups(void)
{
	for (int i = 0; i < Rounds * Many; i++)
		go_waitgroup_go(&wg, copied, (void *)7);
	go_waitgroup_wait(&wg);
}

/* Others wait meanwhile, for the ones that end. */
static chan(int) results;

static void sends(void *arg)
{
	likenew();
	dirty();
	chan_send(results, (int)(intptr_t)arg);
}

static void meanwhile(void)
{
	int sum = 0;

	results = chan_make(int, 0);
	for (int i = 0; i < Rounds; i++) {
		for (intptr_t k = 1; k <= Many; k++)
			go(sends, (void *)k);
		for (int k = 0; k < Many; k++)
			sum += chan_recv(results);
	}
	CHECK(sum == Rounds * Many * (Many + 1) / 2);
}

__attribute__((constructor)) static void prepare(void)
{
	CHECK(pthread_key_create(&key, destroy) == 0);
	locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
	CHECK(locale);
}

const struct testcase cases[] = {
	{"like_new", like_new},
	{"control_words", control_words},
	{"ends", ends},
	{"numbers", numbers},
	{"happens", happens},
	{"groups", groups},
	{"meanwhile", meanwhile},
	{NULL, NULL},
};
