/* SPDX-License-Identifier: MIT */
/* stdio.c - FILEs are locked by goroutines. */
#define _GNU_SOURCE
#include <pthread.h>

#include "prog.h"

static go_waitgroup wg;
static go_mutex mu;

static void each(int n, void (*fn)(void *))
{
	go_waitgroup_add(&wg, n);
	for (intptr_t i = 0; i < n; i++)
		go(fn, (void *)i);
	go_waitgroup_wait(&wg);
}

/* A line that tells when it is torn: letters of one kind between its number and its end. */
static void prints(void *arg)
{
	int n = (int)(intptr_t)arg;
	char letters[81];

	memset(letters, 'a' + n % 26, 80);
	letters[80] = 0;
	for (int i = 0; i < 10; i++) {
		printf("%d %s%c%s\n", n, letters, 'a' + n % 26, letters);
		if (i % 4 == n % 4)
			go_sched();
	}
	go_waitgroup_done(&wg);
}

static void whole_lines(void)
{
	each(1000, prints);
}

/* The same through a pipe, whose reader is slow: the printers block in write. */
static void small_buffer(void)
{
	static char buf[64];

	setvbuf(stdout, buf, _IOFBF, sizeof buf);
	each(200, prints);
}

static void several_calls(void *arg)
{
	for (int i = 0; i < 20; i++) {
		flockfile(stdout);
		printf("%d", (int)(intptr_t)arg);
		go_sched();
		flockfile(stdout); /* recursive */
		putchar(' ');
		if (i % 5 == 0)
			go_sleep(1000);
		funlockfile(stdout);
		printf("%d", (int)(intptr_t)arg);
		go_sched();
		fputs("\n", stdout);
		funlockfile(stdout);
	}
	go_waitgroup_done(&wg);
}

static void held_across_sched(void) { each(100, several_calls); }

static void tries(void *arg)
{
	(void)arg;
	CHECK(ftrylockfile(stderr) != 0);
	go_waitgroup_done(&wg);
}

static void trylock(void)
{
	CHECK(ftrylockfile(stderr) == 0);
	CHECK(ftrylockfile(stderr) == 0);
	each(50, tries);
	funlockfile(stderr);
	each(50, tries);
	funlockfile(stderr);
	CHECK(ftrylockfile(stderr) == 0);
	funlockfile(stderr);
}

static FILE *f;
static int64_t sum, bytes;

static void reads(void *arg)
{
	int64_t mine = 0, n = 0;
	int c;

	while ((c = (intptr_t)arg % 2 ? getc(f) : fgetc(f)) != EOF) {
		mine += c;
		if (++n % 100 == 0)
			go_sched();
	}
	__atomic_fetch_add(&sum, mine, __ATOMIC_RELAXED);
	__atomic_fetch_add(&bytes, n, __ATOMIC_RELAXED);
	go_waitgroup_done(&wg);
}

static void writes(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		CHECK(((intptr_t)arg % 2 ? putc : fputc)(1 + (int)(intptr_t)arg, f) != EOF);
		if (i % 100 == 0)
			go_sched();
	}
	go_waitgroup_done(&wg);
}

/* Many at the same FILE, byte by byte: none lost, none twice. */
static void bytewise(void)
{
	CHECK((f = tmpfile()) != NULL);
	each(10, writes);
	rewind(f);
	each(10, reads);
	CHECK(bytes == 10 * 20000);
	CHECK(sum == 55 * 20000);
	CHECK(fclose(f) == 0);
}

/* Threads of the program's own take part. */
static void *thread_prints(void *arg)
{
	int n = (int)(intptr_t)arg;

	for (int i = 0; i < 500; i++) {
		flockfile(stdout);
		printf("%d", n);
		printf(" %d\n", n);
		funlockfile(stdout);
	}
	return NULL;
}

static void with_threads(void)
{
	pthread_t t[4];

	for (intptr_t i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, thread_prints, (void *)(i + 1000)) == 0);
	each(50, several_calls);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
}

/* A waiter parks: the holder's P and the waiter's serve others meanwhile. */
static int served;

static void waits(void *arg)
{
	(void)arg;
	fputs("waited\n", stdout);
	go_waitgroup_done(&wg);
}

static void serves(void *arg)
{
	(void)arg;
	__atomic_fetch_add(&served, 1, __ATOMIC_RELAXED);
}

static void waiters_park(void)
{
	flockfile(stdout);
	go_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(waits, NULL);
	for (int i = 0; i < 100; i++)
		go(serves, NULL);
	while (__atomic_load_n(&served, __ATOMIC_RELAXED) < 100)
		go_sched();
	funlockfile(stdout);
	go_waitgroup_wait(&wg);
}

/* Reading a pipe blocks its goroutine alone. */
static int pipefd[2];
static bool reading;

static void reads_pipe(void *arg)
{
	char line[64] = "";

	(void)arg;
	__atomic_store_n(&reading, true, __ATOMIC_SEQ_CST);
	CHECK(read(pipefd[0], line, sizeof line) == 17 && !strcmp(line, "through the pipe\n"));
	CHECK(read(pipefd[0], line, sizeof line) == 0);
	go_waitgroup_done(&wg);
}

static void gets_pipe(void *arg)
{
	FILE *in = fdopen(pipefd[0], "r");
	char line[64];

	(void)arg;
	__atomic_store_n(&reading, true, __ATOMIC_SEQ_CST);
	CHECK(fgets(line, sizeof line, in) && !strcmp(line, "through the pipe\n"));
	CHECK(fgets(line, sizeof line, in) == NULL && feof(in));
	go_waitgroup_done(&wg);
}

static void blocking(void (*reader)(void *))
{
	CHECK(pipe(pipefd) == 0);
	go_waitgroup_add(&wg, 1);
	go(reader, NULL);
	while (!__atomic_load_n(&reading, __ATOMIC_SEQ_CST))
		go_sched();
	go_sleep(5 * MS);
	CHECK(write(pipefd[1], "through the pipe\n", 17) == 17);
	go_sleep(5 * MS);
	close(pipefd[1]);
	go_waitgroup_wait(&wg);
}

static void blocking_read(void) { blocking(reads_pipe); }
static void blocking_fgets(void) { blocking(gets_pipe); }

/* A goroutine that ends with a FILE locked leaves it locked for ever, as a thread would. */
static void ends_locked(void *arg)
{
	(void)arg;
	flockfile(stdout);
}

static void orphaned(void)
{
	go(ends_locked, NULL);
	wait_for_goroutines(1);
	go_mutex_lock(&mu);
	puts("never");
}

const struct testcase cases[] = {
	{"whole_lines", whole_lines},
	{"small_buffer", small_buffer},
	{"held_across_sched", held_across_sched},
	{"trylock", trylock},
	{"bytewise", bytewise},
	{"with_threads", with_threads},
	{"waiters_park", waiters_park},
	{"blocking_read", blocking_read},
	{"blocking_fgets", blocking_fgets},
	{"orphaned", orphaned},
	{NULL, NULL},
};
