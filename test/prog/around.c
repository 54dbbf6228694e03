/* SPDX-License-Identifier: MIT */
/*
 * around.c - calls that libc makes past its cancellation points: while a goroutine waits in one, the
 * others run, at one P as well. Each case's waiter can go on only if another goroutine did.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "prog.h"

static go_waitgroup wg;
static bool over;
static int pipes[2], file = -1;
static char path[64];

static void make_file(void)
{
	strcpy(path, "/tmp/around.XXXXXX");
	file = mkstemp(path);
	CHECK(file >= 0);
}

/* waiter must not end while this goroutine runs on; then let_go ends it. */
static void waits(void (*waiter)(void *), void (*let_go)(void))
{
	go_waitgroup_add(&wg, 1);
	go(waiter, NULL);
	for (int i = 0; i < 5; i++) {
		go_sleep(MS);
		CHECK(!over);
	}
	let_go();
	go_waitgroup_wait(&wg);
	CHECK(over);
	over = false;
}

static void ends(void)
{
	over = true;
	go_waitgroup_done(&wg);
}

static void write_pipe(void)
{
	CHECK(write(pipes[1], "x", 1) == 1);
}

/* ---- syscall ---- */

static void reads_raw(void *arg)
{
	char byte;

	(void)arg;
	CHECK(syscall(SYS_read, pipes[0], &byte, 1L) == 1 && byte == 'x');
	CHECK(syscall(SYS_read, -1, &byte, 1L) == -1 && errno == EBADF);
	ends();
}

static void raw_read(void)
{
	CHECK(pipe(pipes) == 0);
	waits(reads_raw, write_pipe);
}

static uint32_t word;

static void waits_raw(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&word, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &word, 0L, 0L, NULL, NULL, 0L);
	ends();
}

static void wake_raw(void)
{
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	CHECK(syscall(SYS_futex, &word, 1L, 1L, NULL, NULL, 0L) >= 0);
}

static void raw_futex(void) { waits(waits_raw, wake_raw); }

static void exits_raw(void *arg)
{
	go_waitgroup_done(arg);
	syscall(SYS_exit, 0L);
	CHECK(!"after exit");
}

static void masks_raw(void *arg)
{
	uint64_t usr1 = 1 << (SIGUSR1 - 1);
	sigset_t now;

	CHECK(syscall(SYS_rt_sigprocmask, (long)SIG_BLOCK, &usr1, NULL, 8L) == 0);
	yield(20);
	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR1));
	(void)arg;
	go_waitgroup_done(&wg);
}

/* What means the thread, means the goroutine. */
static void raw_others(void)
{
	int n = go_num_goroutine();
	sigset_t now;

	go_waitgroup_add(&wg, 10);
	for (int i = 0; i < 5; i++)
		go(exits_raw, &wg);
	for (int i = 0; i < 5; i++)
		go(masks_raw, NULL);
	go_waitgroup_wait(&wg);
	wait_for_goroutines(n);
	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && !sigismember(&now, SIGUSR1));
	CHECK(syscall(SYS_getpid) == getpid());
	CHECK(syscall(100000L) == -1 && errno == ENOSYS);
	CHECK(syscall(SYS_sched_yield) == 0);
}

/* ---- locks ---- */

static void takes_flock(void *arg)
{
	int fd = open(path, O_RDONLY);

	(void)arg;
	CHECK(fd >= 0);
	CHECK(flock(fd, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	CHECK(flock(fd, LOCK_EX) == 0);
	close(fd);
	ends();
}

static void let_flock(void)
{
	CHECK(flock(file, LOCK_UN) == 0);
}

static void flocks(void)
{
	make_file();
	CHECK(flock(file, LOCK_EX) == 0);
	waits(takes_flock, let_flock);
	CHECK(unlink(path) == 0);
}

static int sems;

static void takes_sem(void *arg)
{
	struct sembuf down = {0, -1, 0};

	(void)arg;
	CHECK(semop(sems, &down, 1) == 0);
	ends();
}

static void let_sem(void)
{
	struct sembuf up = {0, 1, 0};

	CHECK(semop(sems, &up, 1) == 0);
}

static void sysv_semaphores(void)
{
	struct sembuf down = {0, -1, 0};
	struct timespec ms = {0, 1000000};

	sems = semget(IPC_PRIVATE, 1, 0600);
	CHECK(sems >= 0);
	CHECK(semtimedop(sems, &down, 1, &ms) == -1 && errno == EAGAIN);
	waits(takes_sem, let_sem);
	CHECK(semctl(sems, 0, IPC_RMID) == 0);
}

/* ---- moving bytes ---- */

static int full[2]; /* a pipe with no room */

static void fill_pipe(void)
{
	static char zeros[4096];

	CHECK(pipe2(full, O_NONBLOCK) == 0);
	while (write(full[1], zeros, sizeof zeros) > 0)
		;
	CHECK(fcntl(full[1], F_SETFL, 0) == 0 && fcntl(full[0], F_SETFL, 0) == 0);
}

static void drain_pipe(void)
{
	static char buf[1 << 16];

	CHECK(read(full[0], buf, sizeof buf) == sizeof buf);
}

static void sends_file(void *arg)
{
	off_t at = 0;

	(void)arg;
	CHECK(sendfile(full[1], file, &at, 5) == 5 && at == 5);
	ends();
}

static void sendfiles(void)
{
	make_file();
	CHECK(write(file, "hello", 5) == 5);
	fill_pipe();
	waits(sends_file, drain_pipe);
	CHECK(unlink(path) == 0);
}

static void splices(void *arg)
{
	int to[2];

	(void)arg;
	CHECK(pipe(to) == 0);
	CHECK(splice(pipes[0], NULL, to[1], NULL, 10, 0) == 1);
	ends();
}

static void splice_waits(void)
{
	CHECK(pipe(pipes) == 0);
	waits(splices, write_pipe);
}

static void tees(void *arg)
{
	int to[2];

	(void)arg;
	CHECK(pipe(to) == 0);
	CHECK(tee(pipes[0], to[1], 10, 0) == 1);
	ends();
}

static void tee_waits(void)
{
	CHECK(pipe(pipes) == 0);
	waits(tees, write_pipe);
}

static void vmsplices(void *arg)
{
	struct iovec v = {"abc", 3};

	(void)arg;
	CHECK(vmsplice(full[1], &v, 1, 0) == 3);
	ends();
}

static void vmsplice_waits(void)
{
	fill_pipe();
	waits(vmsplices, drain_pipe);
}

/* ---- processes ---- */

static pid_t child;
static int hold[2];

static void waits_for_child(void *arg)
{
	struct rusage usage;
	int status;

	(void)arg;
	CHECK(wait4(child, &status, WNOHANG, &usage) == 0);
	CHECK(wait4(child, &status, 0, &usage) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	CHECK(wait3(&status, 0, NULL) == -1 && errno == ECHILD);
	ends();
}

static void let_child(void)
{
	CHECK(close(hold[1]) == 0);
}

static void children(void)
{
	CHECK(pipe(hold) == 0);
	child = fork();
	if (child == 0) {
		char byte;

		close(hold[1]);
		syscall(SYS_read, hold[0], &byte, 1L); /* until the parent closes its end */
		_exit(5);
	}
	waits(waits_for_child, let_child);
}

/* ---- those that do not wait here, but do their work ---- */

static void files(void)
{
	struct stat st;
	char other[80], dir[80];
	off_t from = 0, to = 0;
	int copy;

	make_file();
	CHECK(write(file, "hello, world", 12) == 12);
	CHECK(ftruncate(file, 5) == 0 && fstat(file, &st) == 0 && st.st_size == 5);
	CHECK(truncate(path, 4) == 0 && fstat(file, &st) == 0 && st.st_size == 4);
	CHECK(ftruncate(-1, 0) == -1 && errno == EBADF);
	CHECK(fallocate(file, 0, 0, 100) == 0 || errno == EOPNOTSUPP);
	CHECK(readahead(file, 0, 4) == 0);
	CHECK(sync_file_range(file, 0, 4, SYNC_FILE_RANGE_WRITE) == 0);
	CHECK(syncfs(file) == 0);
	sprintf(other, "%s.2", path);
	sprintf(dir, "%s.d", path);
	copy = open(other, O_RDWR | O_CREAT, 0600);
	CHECK(copy >= 0);
	CHECK(copy_file_range(file, &from, copy, &to, 4, 0) == 4 && from == 4 && to == 4);
	CHECK(rename(other, path) == 0);
	CHECK(unlink(other) == -1 && errno == ENOENT);
	CHECK(unlink(path) == 0);
	CHECK(mkdir(dir, 0700) == 0 && mkdir(dir, 0700) == -1 && errno == EEXIST);
	CHECK(unlink(dir) == -1 && rmdir(dir) == 0 && rmdir(dir) == -1);
}

const struct testcase cases[] = {
	{"raw_read", raw_read},
	{"raw_futex", raw_futex},
	{"raw_others", raw_others},
	{"flocks", flocks},
	{"sysv_semaphores", sysv_semaphores},
	{"sendfiles", sendfiles},
	{"splice_waits", splice_waits},
	{"tee_waits", tee_waits},
	{"vmsplice_waits", vmsplice_waits},
	{"children", children},
	{"files", files},
	{NULL, NULL},
};
