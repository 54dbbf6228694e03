/* SPDX-License-Identifier: MIT */
/*
 * spawn.c - posix_spawn, system, popen, vfork, daemon, exec and wait from goroutines,
 * while others take the ps away.
 */
#define _GNU_SOURCE
#include "prog.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <wordexp.h>

static int status_of(pid_t pid)
{
	int status;

	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static char *const sh(const char *script, char *argv[4])
{
	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = (char *)script;
	argv[3] = NULL;
	return "/bin/sh";
}

static int shell(const char *script, const posix_spawn_file_actions_t *fa, const posix_spawnattr_t *attr)
{
	char *argv[4], *path = sh(script, argv);
	pid_t pid;

	CHECK(posix_spawn(&pid, path, fa, attr, argv, environ) == 0);
	return status_of(pid);
}

/* ---- others who want the p ---- */

static uint32_t stop;
static go_waitgroup load;

static bool stopped(void) { return __atomic_load_n(&stop, __ATOMIC_SEQ_CST); }

/* A goroutine must never run in a child: it would see another process than its own. */
static void watch(void *arg)
{
	(void)arg;
	for (; !stopped(); go_sched())
		CHECK(syscall(SYS_getpid) == *(pid_t *)arg);
}

static void sleepy(void *arg)
{
	for (; !stopped(); go_sleep(MS / 50))
		CHECK(syscall(SYS_getpid) == *(pid_t *)arg);
}

static void start_load(int n)
{
	static pid_t me;

	me = getpid();
	stop = 0;
	for (int i = 0; i < n; i++) {
		go_waitgroup_go(&load, watch, &me);
		go_waitgroup_go(&load, sleepy, &me);
	}
}

static void stop_load(void)
{
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	go_waitgroup_wait(&load);
}

/* ---- posix_spawn ---- */

static void file_actions(void)
{
	posix_spawn_file_actions_t fa;
	int p[2], q[2], high;
	char buf[100];
	ssize_t n;

	CHECK(pipe2(p, O_CLOEXEC) == 0 && pipe(q) == 0);
	high = fcntl(p[1], F_DUPFD_CLOEXEC, 50);
	CHECK(posix_spawn_file_actions_init(&fa) == 0);
	CHECK(posix_spawn_file_actions_addchdir_np(&fa, "/tmp") == 0);
	CHECK(posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&fa, p[1], 1) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&fa, high, high) == 0);
	CHECK(posix_spawn_file_actions_addclose(&fa, q[1]) == 0);
	CHECK(posix_spawn_file_actions_addclose(&fa, 999) == 0);
	snprintf(buf, sizeof buf, "pwd; cat; test -e /proc/self/fd/%d || echo closed; test -e /proc/self/fd/%d && echo high", q[1], high);
	CHECK(shell(buf, &fa, NULL) == 0);
	n = read(p[0], buf, sizeof buf);
	CHECK(n == 17 && !memcmp(buf, "/tmp\nclosed\nhigh\n", 17));
	CHECK(posix_spawn_file_actions_destroy(&fa) == 0);
	for (int i = 0; i < 2; i++)
		close(p[i]), close(q[i]);
	close(high);
}

static void errors(void)
{
	char *argv[] = {"none", NULL};
	posix_spawn_file_actions_t fa;
	pid_t pid = 77;

	errno = 1234;
	CHECK(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ) == ENOENT);
	CHECK(posix_spawnp(&pid, "nonexistent", NULL, NULL, argv, environ) == ENOENT);
	CHECK(posix_spawn(&pid, "/etc/passwd", NULL, NULL, argv, environ) == EACCES);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, 999, 1);
	CHECK(posix_spawn(&pid, "/bin/true", &fa, NULL, argv, environ) == EBADF);
	posix_spawn_file_actions_destroy(&fa);
	CHECK(pid == 77 && errno == 1234);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void catch(int sig) { (void)sig; }

/* The hexadecimal word of /proc/self/status that begins with name, in the child. */
static uint64_t state(const char *name, const posix_spawnattr_t *attr)
{
	posix_spawn_file_actions_t fa;
	char script[100], buf[64] = "";
	int p[2];

	CHECK(pipe2(p, O_CLOEXEC) == 0);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, p[1], 1);
	snprintf(script, sizeof script, "exec grep %s: /proc/self/status", name);
	CHECK(shell(script, &fa, attr) == 0);
	CHECK(read(p[0], buf, sizeof buf - 1) > 0);
	posix_spawn_file_actions_destroy(&fa);
	close(p[0]);
	close(p[1]);
	return strtoull(strchr(buf, ':') + 1, NULL, 16) & 0x7fffffff; /* 32 and up may be inherited */
}

static uint64_t bit(int sig) { return UINT64_C(1) << (sig - 1); }

static void attributes(void)
{
	posix_spawnattr_t a;
	sigset_t set, old;
	char *argv[] = {"sleep", "100", NULL};
	pid_t pid;

	signal(SIGUSR1, catch);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	CHECK(state("SigIgn", NULL) == (bit(SIGPIPE) | bit(SIGHUP)));
	CHECK(state("SigBlk", NULL) == 0);
	CHECK(posix_spawnattr_init(&a) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	posix_spawnattr_setsigdefault(&a, &set);
	posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSIGDEF);
	CHECK(state("SigIgn", &a) == bit(SIGPIPE));
	sigaddset(&set, SIGUSR2);
	posix_spawnattr_setsigmask(&a, &set);
	posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSIGMASK);
	CHECK(state("SigBlk", &a) == (bit(SIGHUP) | bit(SIGUSR2)));
	pthread_sigmask(SIG_BLOCK, &set, &old);
	CHECK(state("SigBlk", NULL) == (bit(SIGHUP) | bit(SIGUSR2)));
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	CHECK(sigismember(&set, SIGUSR2) && !sigismember(&set, SIGUSR1));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSID);
	CHECK(posix_spawnp(&pid, "sleep", NULL, &a, argv, environ) == 0);
	CHECK(getsid(pid) == pid);
	CHECK(kill(pid, SIGKILL) == 0 && status_of(pid) == 128 + SIGKILL);
	posix_spawnattr_setflags(&a, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_RESETIDS);
	CHECK(posix_spawnp(&pid, "sleep", NULL, &a, argv, environ) == 0);
	CHECK(getpgid(pid) == pid);
	CHECK(kill(pid, SIGKILL) == 0 && status_of(pid) == 128 + SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

static void posix_spawns(void)
{
	file_actions();
	errors();
	attributes();
}

/* A program that takes a moment to load: the p is taken away in the meantime. */
static void big_child(void)
{
	posix_spawn_file_actions_t fa;
	char *argv[] = {"true", NULL};
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	for (int i = 0; i < 200; i++)
		posix_spawn_file_actions_addopen(&fa, 60, "/etc/passwd", O_RDONLY | O_SYNC, 0);
	CHECK(posix_spawnp(&pid, "true", &fa, NULL, argv, environ) == 0);
	posix_spawn_file_actions_destroy(&fa);
	CHECK(status_of(pid) == 0);
}

static void storming(void *arg)
{
	for (int i = 0; i < *(int *)arg; i++) {
		sigset_t set;

		if (i % 2)
			big_child();
		else
			CHECK(shell("exit 3", NULL, NULL) == 3);
		pthread_sigmask(SIG_SETMASK, NULL, &set);
		CHECK(!sigismember(&set, SIGUSR1));
	}
}

static void storm(void)
{
	static int each = 15;
	static go_waitgroup wg;

	start_load(4);
	for (int i = 0; i < 4; i++)
		go_waitgroup_go(&wg, storming, &each);
	go_waitgroup_wait(&wg);
	stop_load();
}

/* ---- vfork ---- */

static int failed;

static void vfork_and_exec(void)
{
	char *argv[4], *path = sh("exit 7", argv);
	pid_t pid;

	failed = 0;
	pid = vfork();
	if (pid == 0) {
		close(50);
		execve("/nonexistent", argv, environ);
		failed = errno; /* memory is shared */
		execve(path, argv, environ);
		_exit(1);
	}
	CHECK(failed == ENOENT);
	CHECK(status_of(pid) == 7);
}

/* The child's calls that would block have its parent's thread to themselves, but not its p. */
static void vfork_and_wait(void)
{
	sigset_t usr1, now;
	pid_t pid;
	int p[2];
	char c;

	CHECK(pipe(p) == 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pid = vfork();
	if (pid == 0) {
		struct timespec t = {0, 3 * MS};

		pthread_sigmask(SIG_BLOCK, &usr1, NULL);
		nanosleep(&t, NULL);
		if (raise(SIGUSR1) || write(p[1], "x", 1) != 1 || read(p[0], &c, 1) != 1)
			_exit(1);
		_exit(sigpending(&now) || !sigismember(&now, SIGUSR1));
	}
	CHECK(status_of(pid) == 0);
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	CHECK(!sigismember(&now, SIGUSR1));
	CHECK(sigpending(&now) == 0 && !sigismember(&now, SIGUSR1));
	close(p[0]);
	close(p[1]);
}

static void vforking(void *arg)
{
	for (int i = 0; i < *(int *)arg; i++) {
		vfork_and_exec();
		vfork_and_wait();
	}
}

static void vforks(void)
{
	static int each = 10;
	static go_waitgroup wg;

	vforking(&each);
	start_load(3);
	vforking(&each);
	stop_load();
	failed = 0;
	start_load(3);
	go_waitgroup_go(&wg, vforking, &each);
	go_waitgroup_wait(&wg);
	stop_load();
}

/* ---- system, popen, wordexp ---- */

static void systems(void *arg)
{
	char line[64];
	FILE *f;

	(void)arg;
	for (int i = 0; i < 5; i++) {
		CHECK(WEXITSTATUS(system("exit 5")) == 5);
		CHECK(WEXITSTATUS(system("nonexistent-command 2>/dev/null")) == 127);
		f = popen("echo one; echo two; exit 6", "r");
		CHECK(f && fgets(line, sizeof line, f) && !strcmp(line, "one\n"));
		CHECK(fgets(line, sizeof line, f) && !strcmp(line, "two\n"));
		CHECK(!fgets(line, sizeof line, f));
		CHECK(WEXITSTATUS(pclose(f)) == 6);
		f = popen("read x; exit $x", "w");
		CHECK(f && fputs("8\n", f) >= 0);
		CHECK(WEXITSTATUS(pclose(f)) == 8);
	}
}

static void shells(void)
{
	static go_waitgroup wg;
	wordexp_t we;

	systems(NULL);
	start_load(3);
	for (int i = 0; i < 4; i++)
		go_waitgroup_go(&wg, systems, NULL);
	go_waitgroup_wait(&wg);
	CHECK(wordexp("a $((1 + 2)) `echo c`", &we, 0) == 0);
	CHECK(we.we_wordc == 3 && !strcmp(we.we_wordv[1], "3") && !strcmp(we.we_wordv[2], "c"));
	wordfree(&we);
	stop_load();
}

/*
 * Whoever waits for a child holds nobody up, by whichever call: the child ends only
 * after another goroutine has had twenty turns.
 */
static int gate[2];

static void open_gate(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		go_sleep(MS / 20);
		go_sched();
	}
	CHECK(write(gate[1], "0\n", 2) == 2);
}

static pid_t gated_child(void)
{
	posix_spawn_file_actions_t fa;
	char *argv[4], *path = sh("read x; exit $x", argv);
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, gate[0], 0);
	CHECK(posix_spawn(&pid, path, &fa, NULL, argv, environ) == 0);
	posix_spawn_file_actions_destroy(&fa);
	go(open_gate, NULL);
	return pid;
}

static void waits(void)
{
	struct rusage ru;
	char script[64];
	siginfo_t si;
	pid_t pid;
	FILE *f;
	int st;

	CHECK(pipe2(gate, O_CLOEXEC) == 0);
	pid = gated_child();
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	pid = gated_child();
	CHECK(wait4(pid, &st, 0, &ru) == pid && st == 0 && ru.ru_maxrss > 0);
	pid = gated_child();
	CHECK(wait3(&st, 0, NULL) == pid && st == 0);
	pid = gated_child();
	CHECK(waitid(P_PID, pid, &si, WEXITED) == 0 && si.si_pid == pid);
	pid = gated_child();
	CHECK(wait(&st) == pid && st == 0);
	CHECK(fcntl(gate[0], F_SETFD, 0) == 0);
	snprintf(script, sizeof script, "exec >&-; read x <&%d; exit $x", gate[0]);
	f = popen(script, "r");
	go(open_gate, NULL);
	CHECK(pclose(f) == 0);
	go(open_gate, NULL);
	CHECK(system(script) == 0);
	CHECK(wait4(-1, &st, 0, NULL) == -1 && errno == ECHILD);
}

/* Several wait, each for its own. */
static void wait_for_one(void *arg)
{
	char script[32];

	snprintf(script, sizeof script, "exit %d", (int)(intptr_t)arg);
	for (int i = 0; i < 5; i++)
		CHECK(shell(script, NULL, NULL) == (int)(intptr_t)arg);
}

static volatile sig_atomic_t children;

static void child_ended(int sig)
{
	(void)sig;
	children = 1;
}

static void several_wait(void)
{
	static go_waitgroup wg;

	signal(SIGCHLD, child_ended);
	for (int i = 1; i <= 10; i++)
		go_waitgroup_go(&wg, wait_for_one, (void *)(intptr_t)i);
	go_waitgroup_wait(&wg);
	CHECK(children == 1);
}

/* ---- daemon ---- */

static void later(void *arg)
{
	go_sleep(2 * MS);
	chan_send((chan(int))arg, 42);
}

static void be_daemon(int *shared)
{
	chan(int) c = chan_make(int, 0);

	CHECK(daemon(0, 0) == 0);
	go(later, c);
	shared[1] = chan_recv(c);
	shared[2] = getsid(0) != getpid() && getsid(0) > 0;
	__atomic_store_n(&shared[0], getpid(), __ATOMIC_SEQ_CST);
	go_sched();
	_exit(0);
}

static void daemons(void)
{
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	CHECK(shared != MAP_FAILED);
	if (pid == 0)
		be_daemon(shared);
	CHECK(status_of(pid) == 0);
	while (!__atomic_load_n(&shared[0], __ATOMIC_SEQ_CST))
		go_sleep(MS);
	CHECK(shared[1] == 42 && shared[0] != pid);
}

/* ---- exec ---- */

/* The program again: what came over? */
static void after_exec(void)
{
	sigset_t now;

	pthread_sigmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2) && !sigismember(&now, SIGCHLD));
	CHECK(sigpending(&now) == 0 && sigismember(&now, SIGUSR1));
	CHECK(signal(SIGPIPE, SIG_DFL) == SIG_IGN);
	CHECK(signal(SIGUSR2, SIG_DFL) == SIG_DFL);
}

static void exec_again(void *arg)
{
	char *argv[] = {"spawn", "after_exec", NULL};
	sigset_t usr1;

	(void)arg;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	raise(SIGUSR1);
	go_sleep(MS);
	execv("/proc/self/exe", argv);
	CHECK(!"exec");
}

static void exec(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, catch);
	signal(SIGUSR2, catch);
	start_load(3);
	go(exec_again, NULL);
	chan_recv((chan(int))NULL);
}

const struct testcase cases[] = {
	{"posix_spawn", posix_spawns},
	{"storm", storm},
	{"vfork", vforks},
	{"shells", shells},
	{"waits", waits},
	{"several_wait", several_wait},
	{"daemon", daemons},
	{"exec", exec},
	{"after_exec", after_exec},
	{NULL, NULL},
};
