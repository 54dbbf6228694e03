/* SPDX-License-Identifier: MIT */
/* lock_test.c - the runtime's lock and note (lock_futex.c) and the futex calls below, under pthreads. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define __clock_gettime clock_gettime /* musl's name */
#include "../runtime/lock_futex.c"
#undef ActiveSpin
#include "../runtime/os_linux.c"

_Thread_local g *runtime_g;
uint32_t runtime_dying;

void runtime_giveslice(void) {}

uintptr_t runtime_auxv(unsigned long type)
{
	(void)type;
	return 0;
}

int runtime_snprint(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vsnprintf(buf, n, fmt, ap);
	va_end(ap);
	return r;
}

_Noreturn void runtime_throw(const char *msg)
{
	fprintf(stderr, "throw: %s\n", msg);
	abort();
}

_Noreturn void runtime_fatal(const char *msg)
{
	runtime_throw(msg);
}

TestSuite(lock, .timeout = 60);
TestSuite(note, .timeout = 60);

enum { Threads = 8, Rounds = 50000 };
static mutex lock;
static int64_t counter;
static int inside;

static void *adds(void *arg)
{
	for (int i = 0; i < Rounds; i++) {
		runtime_lock(&lock);
		if (inside++)
			abort();
		counter++;
		if (i % 1000 == (intptr_t)arg)
			runtime_usleep(10); /* others must sleep */
		inside--;
		runtime_unlock(&lock);
	}
	return NULL;
}

static void together(void *(*fn)(void *))
{
	pthread_t t[Threads];

	for (intptr_t i = 0; i < Threads; i++)
		pthread_create(&t[i], NULL, fn, (void *)i);
	for (int i = 0; i < Threads; i++)
		pthread_join(t[i], NULL);
}

Test(lock, excludes)
{
	runtime_ncpu = 2;
	runtime_lockinit(&lock, RankSched);
	together(adds);
	cr_expect_eq(counter, Threads * Rounds);
	cr_expect_eq(lock.key, 0u);
}

Test(lock, excludes_on_one_cpu)
{
	runtime_ncpu = 1; /* does not spin */
	together(adds);
	cr_expect_eq(counter, Threads * Rounds);
}

static void *takes(void *arg)
{
	runtime_lock(&lock);
	store(&counter, INT64_C(1));
	runtime_unlock(&lock);
	return arg;
}

Test(lock, holder_keeps_others_out)
{
	pthread_t t;

	runtime_lock(&lock);
	pthread_create(&t, NULL, takes, NULL);
	while (load(&lock.key) != 2) /* held and slept on */
		runtime_usleep(1000);
	cr_expect_eq(load(&counter), 0);
	runtime_unlock(&lock);
	pthread_join(t, NULL);
	cr_expect_eq(counter, 1);
}

Test(lock, unlock_of_unlocked, .signal = SIGABRT)
{
	runtime_unlock(&lock);
}

static note notes[2];

static void *answers(void *arg)
{
	for (int i = 0; i < Rounds; i++) {
		runtime_notesleep(&notes[0]);
		runtime_noteclear(&notes[0]);
		counter++;
		runtime_notewakeup(&notes[1]);
	}
	return arg;
}

/* Notes order what two threads do. */
Test(note, wakes_each_time)
{
	pthread_t t;

	pthread_create(&t, NULL, answers, NULL);
	for (int i = 0; i < Rounds; i++) {
		cr_assert_eq(counter, i);
		runtime_notewakeup(&notes[0]);
		if (i % 2)
			runtime_notesleep(&notes[1]);
		else
			cr_assert(runtime_notetsleep(&notes[1], INT64_C(30000000000)));
		runtime_noteclear(&notes[1]);
	}
	pthread_join(t, NULL);
	cr_expect_eq(counter, Rounds);
}

Test(note, wake_before_sleep_is_kept)
{
	runtime_notewakeup(&notes[0]);
	runtime_notesleep(&notes[0]);
	cr_expect(runtime_notetsleep(&notes[0], 0));
	cr_expect(runtime_notetsleep(&notes[0], -1));
}

Test(note, sleep_ends_in_time_and_not_before)
{
	int64_t start = runtime_nanotime(), took;

	cr_expect(!runtime_notetsleep(&notes[0], 20 * 1000 * 1000));
	took = runtime_nanotime() - start;
	cr_expect_geq(took, 20 * 1000 * 1000);
	cr_expect(!runtime_notetsleep(&notes[0], 0));
}

Test(note, double_wakeup, .signal = SIGABRT)
{
	runtime_notewakeup(&notes[0]);
	runtime_notewakeup(&notes[0]);
}

Test(futex, does_not_sleep_on_another_value)
{
	uint32_t word = 5;

	cr_expect_eq(runtime_futexsleep(&word, 4, -1), -EAGAIN);
	cr_expect_eq(runtime_futexsleep(&word, 5, 1000), -ETIMEDOUT);
}

Test(os, memory)
{
	char *p = runtime_sysalloc(1 << 20), *q;

	cr_assert_not_null(p);
	for (int i = 0; i < 1 << 20; i += 512)
		cr_assert_eq(p[i], 0);
	runtime_sysfree(p, 1 << 20);
	cr_expect_null(runtime_sysalloc((size_t)1 << 60));
	runtime_physpagesize = 4096;
	runtime_mallocinit();
	for (size_t align = 8; align <= 4096; align *= 2)
		for (size_t n = 1; n < 400 << 10; n *= 3) {
			p = runtime_persistentalloc(n, align);
			q = runtime_persistentalloc(1, 1);
			cr_assert_eq((uintptr_t)p % align, 0u);
			for (size_t i = 0; i < n; i++)
				cr_assert_eq(p[i], 0);
			memset(p, 1, n);
			cr_assert(q < p || q >= p + n, "overlap");
			cr_assert_eq(*q, 0);
		}
}

Test(os, quota_rounds_up)
{
	cr_expect_eq(quotacpus("100000 100000\n"), 1);
	cr_expect_eq(quotacpus("150000 100000\n"), 2);
	cr_expect_eq(quotacpus("800000 100000\n"), 8);
	cr_expect_eq(quotacpus("max 100000\n"), 0);
	cr_expect_eq(quotacpus(""), 0);
}
