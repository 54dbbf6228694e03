/* SPDX-License-Identifier: MIT */
/*
 * ordinary.c - a program that has never heard of goroutines. Linked with plain
 * crt1 it prints the same.
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

extern char **environ;

/* ---- before and after main ---- */

static char before[400];

static void note(const char *what)
{
	strcat(before, what);
	strcat(before, " ");
}

/* musl itself does not run these in a static program; gocrt does. */
static bool preinited;

static void preinit(int argc, char **argv, char **envp)
{
	preinited = argc > 0 && argv[argc] == NULL && envp == environ && !before[0];
}

__attribute__((section(".preinit_array"), used)) static void (*preinit_entry)(int, char **,
	char **) = preinit;

__attribute__((constructor(300))) static void third(void) { note("300"); }
__attribute__((constructor(101))) static void first(void) { note("101"); }
__attribute__((constructor(200))) static void second(void) { note("200"); }
__attribute__((constructor)) static void plain(void) { note("plain"); }

static bool verbose;

__attribute__((destructor(101))) static void last(void)
{
	if (verbose)
		printf("destructor 101\n");
}
__attribute__((destructor(300))) static void last_but_one(void)
{
	if (verbose)
		printf("destructor 300\n");
}
__attribute__((destructor)) static void plain_end(void)
{
	if (verbose)
		printf("destructor\n");
}

static void at_exit_1(void) { printf("atexit 1\n"); }
static void at_exit_3(void) { printf("atexit 3\n"); }

static void at_exit_2(void)
{
	printf("atexit 2\n");
	atexit(at_exit_3); /* made while they run: comes next */
}

static int start_and_end(void)
{
	verbose = true;
	printf("%s\n", before);
	atexit(at_exit_1);
	atexit(at_exit_2);
	printf("left in the buffer");
	return 42;
}

static int early(void)
{
	printf("%d\n", preinited);
	return 0;
}

static int quick(void)
{
	verbose = true;
	atexit(at_exit_1);
	printf("lost");
	_exit(43);
}

/* ---- what it is given ---- */

static char **arguments;

static int given(void)
{
	char line[100], exe[PATH_MAX];
	int c, n = 0, total = 0;

	for (int i = 0; arguments[i]; i++)
		printf("argument %d: \"%s\"\n", i, i ? arguments[i] : "");
	printf("argv[0] %s program_invocation_name\n",
		arguments[0] == program_invocation_name ? "is" : "is not");
	for (char **e = environ; *e; e++)
		if (!strncmp(*e, "ORDINARY", 8))
			printf("%s\n", *e);
	printf("getenv %s\n", getenv("ORDINARY_A"));
	setenv("ORDINARY_B", "new", 1);
	unsetenv("ORDINARY_A");
	printf("now %s %s\n", getenv("ORDINARY_B"), getenv("ORDINARY_A") ? "still there" : "gone");
	printf("page %lu %ld, entry %s, random %s, secure %lu, uid %d\n", getauxval(AT_PAGESZ),
		sysconf(_SC_PAGESIZE), getauxval(AT_ENTRY) ? "there" : "not there",
		getauxval(AT_RANDOM) ? "there" : "not there", getauxval(AT_SECURE),
		getauxval(AT_UID) == getuid());
	errno = 0;
	unsigned long nothing = getauxval(123456); /* before errno is looked at */
	printf("nothing %lu %d\n", nothing, errno == ENOENT);
	printf("exe %d\n", readlink("/proc/self/exe", exe, sizeof exe) > 0);
	printf("pid %d, parent %d, group %d\n", getpid() > 1, getppid() > 0, getpgrp() > 0);
	if (fgets(line, sizeof line, stdin))
		printf("first line: %s", line);
	while ((c = getchar()) != EOF) {
		n += c == '\n';
		total++;
	}
	printf("%d more lines, %d characters, eof %d\n", n, total, feof(stdin) != 0);
	return n;
}

/* ---- language and library ---- */

static jmp_buf env;

static void jumps(int n);
static void (*volatile jumps_deeper)(int) = jumps;

static void jumps(int n)
{
	volatile char here[2000];

	here[n] = 1;
	if (n == 0)
		longjmp(env, 7);
	jumps_deeper(n - 1);
	here[0] = here[n];
}

static int by_length(const void *a, const void *b)
{
	return (int)strlen(*(char *const *)a) - (int)strlen(*(char *const *)b);
}

static double vla(int n)
{
	double v[n][n], sum = 0;

	for (int i = 0; i < n; i++)
		for (int k = 0; k < n; k++)
			v[i][k] = i * k;
	for (int i = 0; i < n; i++)
		sum += v[i][n - 1 - i];
	return sum;
}

static unsigned big_frame(void)
{
	volatile unsigned char block[7 << 20];
	unsigned sum = 0;

	for (size_t i = sizeof block; i > 0; i -= 4096)
		block[i - 1] = (unsigned char)(i >> 12);
	for (size_t i = sizeof block; i > 0; i -= 4096)
		sum += block[i - 1];
	return sum;
}

static int recurse(int n)
{
	volatile char here[1000];

	here[0] = (char)n;
	return n == 0 ? 0 : 1 + recurse(n - 1) + 0 * here[0];
}

static int language(void)
{
	const char *words[] = {"seven", "a", "thirteen", "to", "one"};
	volatile int after = 1;
	wchar_t wide[32];
	char text[100], *end, *mem;
	struct tm tm;
	time_t t = 1000000000;
	int r;

	if ((r = setjmp(env)) == 0) {
		after = 2;
		jumps(50);
	}
	printf("setjmp %d %d\n", r, after);
	qsort(words, 5, sizeof *words, by_length);
	for (int i = 0; i < 5; i++)
		printf("%s ", words[i]);
	printf("\nvla %g, alloca %d, frame %u, depth %d\n", vla(100),
		((char *)memset(alloca(100000), 1, 100000))[99999], big_frame(), recurse(5000));
	printf("%s %.10f %g %La %e\n", "doubles", M_PI, 1e300, 1.5L, strtod("2.5e-3x", &end));
	printf("rest \"%s\", sqrt %.6f, pow %.3f\n", end, sqrt(2), pow(2, 0.5));
	printf("locale %s", setlocale(LC_ALL, NULL));
	printf(" %s", setlocale(LC_ALL, "C.UTF-8"));
	printf(" %s\n", nl_langinfo(CODESET));
	printf("wide %zu", mbstowcs(wide, "gr\xc3\xbc\xc3\x9f", 32));
	printf(" %ls\n", wide);
	gmtime_r(&t, &tm);
	strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
	printf("time %s, %s\n", text, strerror(ENOENT));
	mem = malloc(1 << 20);
	memset(mem, 3, 1 << 20);
	mem = realloc(mem, 8 << 20);
	printf("malloc %d %d\n", mem[12345], calloc(1000, 1000) != NULL);
	free(mem);
	srand(1);
	printf("rand %d, upper %c\n", rand() == rand(), toupper('x'));
	return 0;
}

/* ---- files and processes ---- */

static volatile sig_atomic_t children;

static void child_ended(int sig)
{
	(void)sig;
	children++;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int processes(void)
{
	char *const argv[] = {"sh", "-c", "echo spawned $ORDINARY_C; exit 5", NULL};
	struct sigaction sa = {.sa_handler = child_ended, .sa_flags = SA_RESTART};
	char line[100];
	int fd[2];
	pid_t pid;
	FILE *p;

	setenv("ORDINARY_C", "c", 1);
	sigaction(SIGCHLD, &sa, NULL);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		printf("child %d\n", getppid() > 0);
		exit(6);
	}
	printf("fork: %d\n", wait_for(pid));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execlp("sh", "sh", "-c", "echo executed; exit 7", NULL);
		_exit(127);
	}
	printf("exec: %d\n", wait_for(pid));
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		abort();
	printf("abort: %d\n", wait_for(pid));
	pid = fork();
	if (pid == 0) {
		raise(SIGTERM);
		_exit(1);
	}
	printf("term: %d\n", wait_for(pid));
	fflush(stdout);
	printf("system: %d\n", WEXITSTATUS(system("echo from system; exit 3")));
	p = popen("cat; echo piped", "w");
	fprintf(p, "to cat\n");
	fflush(stdout);
	printf("pclose: %d\n", pclose(p));
	p = popen("echo read; exit 4", "r");
	printf("popen: %s", fgets(line, sizeof line, p));
	printf("pclose: %d\n", WEXITSTATUS(pclose(p)));
	fflush(stdout);
	printf("posix_spawnp: %d", posix_spawnp(&pid, "sh", NULL, NULL, argv, environ));
	printf(" %d\n", wait_for(pid));
	printf("no such: %d\n", posix_spawnp(&pid, "/nonexistent", NULL, NULL, argv, environ));
	fflush(stdout);
	if (pipe(fd) == 0 && (pid = fork()) == 0) {
		dprintf(fd[1], "through a pipe");
		_exit(0);
	}
	close(fd[1]);
	line[read(fd[0], line, sizeof line - 1)] = 0;
	printf("%s %d\n", line, wait_for(pid));
	printf("children %d\n", children > 5);
	return 0;
}

static int files(void)
{
	char name[] = "/tmp/ordinary.XXXXXX", line[100];
	int fd = mkstemp(name), n = 0;
	struct stat st;
	FILE *f = fdopen(fd, "w+");
	char *p;

	for (int i = 0; i < 1000; i++)
		fprintf(f, "line %d\n", i);
	fflush(f);
	rewind(f);
	while (fgets(line, sizeof line, f))
		n++;
	fstat(fd, &st);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	printf("%d lines, %ld bytes, \"%.6s\"\n", n, (long)st.st_size, p);
	fseek(f, -9, SEEK_END);
	printf("last: %s", fgets(line, sizeof line, f));
	fclose(f);
	f = fopen("/nonexistent", "r");
	printf("%d %s\n", f == NULL, strerror(errno));
	unlink(name);
	f = fmemopen("some words here", 15, "r");
	printf("%d", fscanf(f, "%*s %99s", line));
	printf(" %s\n", line);
	fclose(f);
	return 0;
}

/* ---- threads, as under plain musl ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread int local = 5;
static int shared;

static void *works(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		shared++;
		local++;
		pthread_mutex_unlock(&mutex);
	}
	return (void *)(intptr_t)(local + (int)(intptr_t)arg);
}

static int threads(void)
{
	pthread_t t[8];
	intptr_t sum = 0;

	for (intptr_t i = 0; i < 8; i++)
		if (pthread_create(&t[i], NULL, works, (void *)i))
			return 1;
	for (int i = 0; i < 8; i++) {
		void *r;

		pthread_join(t[i], &r);
		sum += (intptr_t)r;
	}
	printf("%d %ld %d\n", shared, (long)sum, local);
	return 0;
}

static volatile sig_atomic_t ticks, others;

static void tick(int sig)
{
	(void)sig;
	ticks++;
}

static void other(int sig)
{
	(void)sig;
	others++;
}

/* The last tick may still be on its way, on another thread, when the timer was stopped. */
static int signals(void)
{
	struct itimerval it = {{0, 2000}, {0, 2000}};
	struct timespec ts = {0, 1000000};
	sigset_t set, old;

	signal(SIGALRM, tick);
	signal(SIGUSR1, other);
	setitimer(ITIMER_REAL, &it, NULL);
	while (ticks < 10)
		nanosleep(&ts, NULL);
	it = (struct itimerval){{0, 0}, {0, 0}};
	setitimer(ITIMER_REAL, &it, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	kill(getpid(), SIGUSR1);
	printf("blocked %d", others);
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf(" now %d\n", others);
	raise(SIGUSR1);
	printf("raised %d\n", others);
	sigprocmask(SIG_BLOCK, &set, &old);
	kill(getpid(), SIGUSR1);
	sigsuspend(&old);
	printf("suspended %d\n", others);
	return 0;
}

static int fails(void)
{
	fprintf(stderr, "a message\n");
	return 1;
}

static int asserts(void)
{
	fflush(stdout);
	abort();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} parts[] = {{"start_and_end", start_and_end}, {"early", early}, {"quick", quick}, {"given", given},
		{"language", language}, {"processes", processes}, {"files", files},
		{"threads", threads}, {"signals", signals}, {"fails", fails},
		{"asserts", asserts}};

	arguments = argv;
	for (size_t i = 0; argc > 1 && i < sizeof parts / sizeof *parts; i++)
		if (!strcmp(parts[i].name, argv[1]))
			return parts[i].run();
	return 99;
}
