/* SPDX-License-Identifier: MIT */
/* seam.c - what the seam to musl does with goroutines where libc or the kernel means threads. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <threads.h>

#include "prog.h"

extern char **environ;

static go_waitgroup wg;

static void each(int n, void (*fn)(void *))
{
	go_waitgroup_add(&wg, n);
	for (intptr_t i = 0; i < n; i++)
		go(fn, (void *)i);
	go_waitgroup_wait(&wg);
}

/* ---- libc's own signals ---- */

static void blocks_all(void *arg)
{
	uint64_t all = ~UINT64_C(0), now;

	(void)arg;
	CHECK(pthread_sigmask(SIG_BLOCK, (sigset_t *)&all, NULL) == 0);
	CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, 8) == 0);
	CHECK((now >> 31 & 7) == 0);
	usleep(2000);
	go_waitgroup_done(&wg);
}

/* Goroutines with everything blocked leave idle threads behind, which setuid must reach. */
static void all_blocked(void)
{
	each(8, blocks_all);
	for (int i = 0; i < 20; i++) {
		CHECK(setuid(getuid()) == 0);
		each(2, blocks_all);
	}
}

static void spawns(void *arg)
{
	char *argv[] = {"true", NULL};
	int status;
	pid_t pid;

	(void)arg;
	CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	go_waitgroup_done(&wg);
}

static void spawn_and_setuid(void)
{
	for (int i = 0; i < 10; i++) {
		each(4, spawns);
		CHECK(setuid(getuid()) == 0);
	}
}

/* ---- mutex attributes ---- */

static void protocols(void)
{
	pthread_mutexattr_t a;

	CHECK(pthread_mutexattr_init(&a) == 0);
	CHECK(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT) == ENOTSUP);
	CHECK(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_PROTECT) == ENOTSUP);
	CHECK(pthread_mutexattr_setprotocol(&a, 77) == EINVAL);
	CHECK(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_NONE) == 0);
}

/* ---- a goroutine's pthread_t ---- */

static void has_stack(void *arg)
{
	char here, *lo;
	pthread_attr_t a;
	size_t size;
	int state;

	CHECK(pthread_getattr_np(pthread_self(), &a) == 0);
	CHECK(pthread_attr_getstack(&a, (void **)&lo, &size) == 0);
	CHECK(&here > lo && &here < lo + size);
	CHECK(size >= (arg ? 1 << 20 : 128 << 10) && size < (arg ? 64 << 20 : 256 << 10));
	lo[0] = 1; /* its lowest byte is usable */
	CHECK(pthread_attr_getdetachstate(&a, &state) == 0);
	CHECK(state == (go_id() == 1 ? PTHREAD_CREATE_JOINABLE : PTHREAD_CREATE_DETACHED));
	go_waitgroup_done(&wg);
}

static void stacks(void)
{
	go_waitgroup_add(&wg, 3);
	go(has_stack, NULL);
	go_stack(4 << 20, has_stack, &wg);
	has_stack(&wg); /* main's */
	go_waitgroup_wait(&wg);
}

static void *stack_of_thread(void *arg)
{
	char here, *lo;
	pthread_attr_t a;
	size_t size;

	CHECK(pthread_getattr_np(pthread_self(), &a) == 0);
	CHECK(pthread_attr_getstack(&a, (void **)&lo, &size) == 0);
	CHECK(&here > lo && &here < lo + size && size >= 192 << 10 && size < 256 << 10);
	return arg;
}

static void stack_of_a_thread(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 192 << 10);
	CHECK(pthread_create(&t, &a, stack_of_thread, NULL) == 0);
	CHECK(pthread_join(t, NULL) == 0);
}

/* On one thread: what is asked about it is that thread's. */
static void asks_the_kernel(void *arg)
{
	struct sched_param param;
	struct timespec ts;
	cpu_set_t set, one;
	clockid_t clock;
	int policy;

	(void)arg;
	go_lock_os_thread();
	CHECK(pthread_getaffinity_np(pthread_self(), sizeof set, &set) == 0);
	CHECK(CPU_COUNT(&set) >= 1);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &set))
			CPU_SET(i, &one);
	CHECK(pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0);
	CHECK(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_EQUAL(&set, &one));
	CHECK(sched_getaffinity(-5, sizeof set, &set) == -1 && (errno == EINVAL || errno == ESRCH));
	CHECK(pthread_getschedparam(pthread_self(), &policy, &param) == 0);
	CHECK(policy == SCHED_OTHER && param.sched_priority == 0);
	CHECK(pthread_setschedparam(pthread_self(), SCHED_OTHER, &param) == 0);
	CHECK(pthread_setschedprio(pthread_self(), 0) == 0);
	CHECK(pthread_getcpuclockid(pthread_self(), &clock) == 0);
	CHECK(clock_gettime(clock, &ts) == 0 && ts.tv_sec < 60);
	go_waitgroup_done(&wg);
}

static void kernel_threads(void) { each(4, asks_the_kernel); }

static pthread_t parked;
static bool leave;

static void parks(void *arg)
{
	parked = pthread_self();
	go_chan_recv(arg, NULL);
	leave = true;
	go_waitgroup_done(&wg);
}

/* No thread, no answer; and what cannot be done is refused, not waited for. */
static void on_no_thread(void)
{
	go_chan *c = go_chan_make(0, 0);
	struct sched_param param;
	cpu_set_t set;
	clockid_t clock;
	void *result;
	int policy;

	go_waitgroup_add(&wg, 1);
	go(parks, c);
	while (!parked)
		go_sched();
	yield(100);
	go_sleep(5 * MS); /* off its thread */
	CHECK(!pthread_equal(parked, pthread_self()));
	CHECK(pthread_getaffinity_np(parked, sizeof set, &set) == ESRCH);
	CHECK(pthread_setaffinity_np(parked, sizeof set, &set) == ESRCH);
	CHECK(pthread_getschedparam(parked, &policy, &param) == ESRCH);
	CHECK(pthread_setschedparam(parked, SCHED_OTHER, &param) == ESRCH);
	CHECK(pthread_setschedprio(parked, 0) == ESRCH);
	CHECK(pthread_getcpuclockid(parked, &clock) == ESRCH);
	CHECK(pthread_join(parked, &result) == EINVAL);
	CHECK(pthread_tryjoin_np(parked, &result) == EINVAL);
	CHECK(pthread_detach(parked) == EINVAL);
	CHECK(thrd_join(parked, NULL) == thrd_error);
	CHECK(thrd_detach(parked) == thrd_error);
	CHECK(pthread_join(pthread_self(), &result) == EDEADLK);
	CHECK(pthread_kill(parked, 0) == 0);
	go_chan_send(c, NULL);
	go_waitgroup_wait(&wg);
	CHECK(leave);
}

static void cleans(void *arg)
{
	*(bool *)arg = true;
}

static void cancels_itself(void *arg)
{
	static bool cleaned;

	(void)arg;
	pthread_cleanup_push(cleans, &cleaned);
	CHECK(pthread_cancel(pthread_self()) == 0);
	go_waitgroup_done(&wg);
	pthread_testcancel();
	CHECK(!"went on after it was cancelled");
	pthread_cleanup_pop(0);
}

static void self_cancel(void)
{
	int n = go_num_goroutine();

	go_waitgroup_add(&wg, 3);
	for (int i = 0; i < 3; i++)
		go(cancels_itself, NULL);
	go_waitgroup_wait(&wg);
	wait_for_goroutines(n);
}

static void *stays(void *sem)
{
	while (sem_wait(sem) != 0)
		;
	return &wg;
}

static void joins_in_time(void *arg)
{
	struct timespec at;
	void *result = NULL;
	pthread_t t;
	sem_t end;

	CHECK(sem_init(&end, 0, 0) == 0);
	CHECK(pthread_create(&t, NULL, stays, &end) == 0);
	CHECK(pthread_tryjoin_np(t, &result) == EBUSY);
	CHECK(clock_gettime(CLOCK_REALTIME, &at) == 0);
	CHECK(pthread_timedjoin_np(t, &result, &at) == ETIMEDOUT);
	at.tv_nsec += 2000000;
	if (at.tv_nsec >= 1000000000)
		at.tv_sec++, at.tv_nsec -= 1000000000;
	CHECK(pthread_timedjoin_np(t, &result, &at) == ETIMEDOUT);
	at.tv_nsec = -1;
	CHECK(pthread_timedjoin_np(t, &result, &at) == EINVAL);
	CHECK(sem_post(&end) == 0);
	at.tv_nsec = 0;
	at.tv_sec += 30;
	CHECK(pthread_timedjoin_np(t, &result, &at) == 0);
	CHECK(result == &wg);
	(void)arg;
	go_waitgroup_done(&wg);
}

static void timed_joins(void) { each(10, joins_in_time); }

static void named(void *arg)
{
	char name[32], comm[32];
	int n = (int)(intptr_t)arg;

	sprintf(comm, "worker %d", n);
	CHECK(pthread_getname_np(pthread_self(), name, 15) == ERANGE);
	CHECK(pthread_getname_np(pthread_self(), name, sizeof name) == 0 && !strcmp(name, "seam"));
	CHECK(pthread_setname_np(pthread_self(), "sixteen letters!") == ERANGE);
	CHECK(pthread_setname_np(pthread_self(), comm) == 0);
	yield(10);
	CHECK(pthread_getname_np(pthread_self(), name, sizeof name) == 0 && !strcmp(name, comm));
	if (n == 0) {
		go_lock_os_thread();
		CHECK(pthread_setname_np(pthread_self(), "wired") == 0);
		CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "wired"));
	}
	go_waitgroup_done(&wg);
}

static void names(void)
{
	char name[32];
	pthread_t t;
	sem_t end;

	each(5, named);
	CHECK(sem_init(&end, 0, 0) == 0);
	CHECK(pthread_create(&t, NULL, stays, &end) == 0);
	CHECK(pthread_setname_np(t, "sleeper") == 0);
	CHECK(pthread_getname_np(t, name, sizeof name) == 0 && !strcmp(name, "sleeper"));
	CHECK(sem_post(&end) == 0);
	CHECK(pthread_join(t, NULL) == 0);
}

/* ---- keys ---- */

static void *const something = &wg;

static void destroys(void *x)
{
	CHECK(x == something);
}

static void key_user(void *arg)
{
	for (int i = 0; i < 20; i++) {
		pthread_key_t k[4];

		for (int j = 0; j < 4; j++) {
			CHECK(pthread_key_create(&k[j], destroys) == 0);
			CHECK(pthread_getspecific(k[j]) == NULL);
			CHECK(pthread_setspecific(k[j], something) == 0);
		}
		go_sched();
		for (int j = 0; j < 4; j++) {
			CHECK(pthread_getspecific(k[j]) == something);
			CHECK(pthread_key_delete(k[j]) == 0);
		}
	}
	(void)arg;
	go_waitgroup_done(&wg);
}

static pthread_key_t shared_key;

/* Ends with a table of its own while others delete keys. */
static void short_lived(void *arg)
{
	CHECK(pthread_setspecific(shared_key, something) == 0);
	if ((intptr_t)arg % 2)
		go_sched();
	CHECK(pthread_getspecific(shared_key) == something);
	go_waitgroup_done(&wg);
}

static void keys(void)
{
	CHECK(pthread_key_create(&shared_key, destroys) == 0);
	go_waitgroup_add(&wg, 8 + 400);
	for (int i = 0; i < 8; i++)
		go(key_user, NULL);
	for (intptr_t i = 0; i < 400; i++)
		go(short_lived, (void *)i);
	go_waitgroup_wait(&wg);
}

static void all_keys(void)
{
	pthread_key_t k[PTHREAD_KEYS_MAX], more;

	for (int i = 0; i < PTHREAD_KEYS_MAX; i++) {
		CHECK(pthread_key_create(&k[i], NULL) == 0);
		CHECK(pthread_setspecific(k[i], &k[i]) == 0);
	}
	CHECK(pthread_key_create(&more, NULL) == EAGAIN);
	for (int i = 0; i < PTHREAD_KEYS_MAX; i++) {
		CHECK(pthread_getspecific(k[i]) == &k[i]);
		CHECK(pthread_key_delete(k[i]) == 0);
	}
	CHECK(pthread_key_create(&more, NULL) == 0);
	CHECK(pthread_getspecific(more) == NULL);
}

const struct testcase cases[] = {
	{"all_blocked", all_blocked},
	{"spawn_and_setuid", spawn_and_setuid},
	{"protocols", protocols},
	{"stacks", stacks},
	{"stack_of_a_thread", stack_of_a_thread},
	{"kernel_threads", kernel_threads},
	{"on_no_thread", on_no_thread},
	{"self_cancel", self_cancel},
	{"timed_joins", timed_joins},
	{"names", names},
	{"keys", keys},
	{"all_keys", all_keys},
	{NULL, NULL},
};
