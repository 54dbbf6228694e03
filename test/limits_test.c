/* SPDX-License-Identifier: MIT */
/*
 * limits_test.c - what the kernel refuses: threads, memory, the Nth call of each kind that the runtime makes. The
 * program goes on, or says why not and ends with status 2; it neither hangs nor crashes. prog("limits") has the work.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>

#include "everywhere.h"

TestSuite(limits, .timeout = 240);

static void expect_sound(struct run *r, const char *what)
{
	bool said = strstr(r->err, "fatal error: ") || strstr(r->err, "panic: ");

	if (r->status == 0)
		cr_expect_str_eq(r->out, "ok\n", "%s printed:\n%s%s", what, r->out, r->err);
	else
		cr_expect(r->status == 2 && said, "%s ended with %d%s:\n%s%s", what, r->status,
			r->late ? " (too late)" : "", r->out, r->err);
}

/* ---- threads ---- */

Test(limits, threads_refused_from_now_on)
{
	dies("limits", "threads_refused", 0, ""); /* and says so if it needed one */
}

Test(limits, not_even_sysmon)
{
	struct run r = run("strace", "-f", "-qqq", "-o", "/dev/null", "-e", "trace=clone", "-e",
		"inject=clone:error=EAGAIN:when=1+", prog("limits"), "work");
	const char *words[] = {"runtime: cannot create a thread (error 11); going on with 1\n",
		"fatal error: cannot create the sysmon thread\n", NULL};

	cr_expect_eq(r.status, 2, "ended with %d", r.status);
	expect_words(r.err, words, "no sysmon");
	run_free(&r);
}

/* ---- memory ---- */

static void within(const char *path, const char *setting, void *arg)
{
	char script[400], *megabytes = arg;
	struct run r;

	snprintf(script, sizeof script, "ulimit -v $((%s * 1024)); exec %s unwired", megabytes, path);
	r = run(setting, "sh", "-c", script);
	expect_sound(&r, script);
	run_free(&r);
}

/* Unwired as below. From what the kernel can just start, main's stack being the program's, up to enough. */
Test(limits, address_space)
{
	static const char *const sizes[] = {"12", "14", "16", "18", "20", "24", "32", "48", "64", "96", "128",
		"192", "256", "1024"};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		in_each(within, "limits", (void *)sizes[i]);
}

Test(limits, no_memory_for_a_goroutine)
{
	struct run r = run("GOMAXPROCS=1", "sh", "-c", "ulimit -v 12288; exec build/test/prog/limits unwired");

	cr_expect_eq(r.status, 2, "ended with %d", r.status);
	cr_expect(strstr(r.err, "panic: out of memory: no stack for a new goroutine\n") != NULL, "%s", r.err);
	run_free(&r);
}

/* One p's heap is full, and no thread can be made either. */
Test(limits, no_memory_for_more_timers)
{
	struct run r = run("GOMAXPROCS=1", prog("limits"), "timers_full");

	cr_expect_eq(r.status, 0, "ended with %d: %s", r.status, r.err);
	cr_expect_str_eq(r.out, "ok\n", "%s", r.out);
	run_free(&r);
}

/* ---- waits ---- */

Test(limits, sleeps_are_interrupted) { everywhere("limits", "sleeps_interrupted"); }
Test(limits, wake_ups_are_refused)
{
	dies("limits", "wakes_refused", 2, "fatal error: the kernel refuses to wake a thread\n");
}
Test(limits, sleeps_come_too_late) { everywhere("limits", "sleeps_too_late"); }

/* ---- the Nth call ---- */

/* A thread's own Nth call: strace counts for each. */
static const struct injection {
	const char *call, *error, *when; /* when: numbers, n+ is the nth and all after */
} injections[] = {
	{"mmap", "ENOMEM", "1 2 3 4 5 6 8 10 1+ 2+ 3+ 4+ 5+ 6+ 8+"},
	{"munmap", "EINVAL", "1 1+"},
	{"mprotect", "ENOMEM", "1 2 3 4 1+"},
	{"madvise", "EINVAL", "1 2 3 10 20 1+"},
	{"madvise", "ENOMEM", "1 2 1+"},
	{"madvise", "EAGAIN", "1+"},
	{"process_madvise", "ENOSYS", "1 1+"},
	{"process_madvise", "EPERM", "2"},
	{"process_madvise", "ENOMEM", "1 3"},
	{"clone", "EAGAIN", "1 2 3 4 2+ 3+"},
	{"rt_sigaction", "EINVAL", "1 2 3 4 5 6 1+"},
	{"rt_sigprocmask", "EINVAL", "1 2 3 5 9 15"},
	{"sigaltstack", "ENOMEM", "1 2 1+"},
	{"getrlimit", "EPERM", "1 1+"},
	{"prlimit64", "EPERM", "1+"},
	{"sched_getaffinity", "EINVAL", "1"},
	{"sched_yield", "ENOSYS", "1+"},
	{"membarrier", "ENOSYS", "1+"},
	{"nanosleep", "EINTR", "1 5 1+"},
	{"open,openat", "ENOENT", "1 2 1+"},
	{"open,openat", "EMFILE", "1+"},
	{"read", "EIO", "1 1+"},
	{"close", "EINTR", "1+"},
	{"gettid", "ENOSYS", "1 1+"},
	{"set_tid_address", "ENOSYS", "1"},
};

/*
 * The poller's. Where it cannot be had, or not for one descriptor, the calls are the kernel's, on threads
 * of their own. (A wait that ends with EBADF says that the program closed what it does not know of.)
 */
static const struct injection polls[] = {
	{"epoll_create1", "EMFILE", "1"},
	{"epoll_create1", "ENOMEM", "1+"},
	{"eventfd2", "EMFILE", "1"},
	{"eventfd2", "ENFILE", "1+"},
	{"epoll_ctl", "ENOSPC", "1 3 4+"},
	{"epoll_ctl", "ENOMEM", "2 1+ 10+"},
	{"epoll_pwait", "EINTR", "1 3"},
	{"epoll_pwait", "EBADF", "2"},
	{"epoll_pwait2", "ENOSYS", "1+"},
	{"epoll_pwait2", "EINTR", "1"},
	{"fcntl", "EMFILE", "1+"},
	{"fcntl", "EINVAL", "2"},
	{"epoll_pwait", "EINVAL", "1 3 1+"},
	{"fstat", "EIO", "1 3 1+"},
	{"getsockopt", "ENOPROTOOPT", "1 3 1+"},
	{"setsockopt", "ENOMEM", "1 1+"},
};

/* Waiting for a child: by a thread where there is no pidfd. */
static const struct injection children[] = {
	{"pidfd_open", "EMFILE", "1 3 1+"},
	{"pidfd_open", "ENOSYS", "1+"},
	{"fcntl", "EMFILE", "1 2 1+"},
};

/* What preemption takes: without the timers it has signals. */
static const struct injection slices[] = {
	{"timer_create", "EAGAIN", "1 1+"},
	{"timer_settime", "EINVAL", "1 1+"},
	{"timer_delete", "EINVAL", "1+"},
	{"open", "EMFILE", "1+"},
	{"pread64", "EIO", "1+"},
	{"tgkill", "EAGAIN", "1 3 1+"},
	{"tgkill", "ESRCH", "1+"},
	{"prctl", "EINVAL", "1+"},
};

/*
 * Where every later call is refused there may be no thread beyond the first: a
 * goroutine wired to that one and parked then stops all, so there is none.
 */
static void inject(const char *path, const char *work, const struct injection *in, const char *when)
{
	char trace[100], what[200];
	struct run r;

	snprintf(trace, sizeof trace, "trace=%s", in->call);
	snprintf(what, sizeof what, "inject=%s:error=%s:when=%s", in->call, in->error, when);
	r = run("GOMAXPROCS=2", "strace", "-f", "-qqq", "-o", "/dev/null", "-e", trace, "-e", what,
		path, work);
	expect_sound(&r, what);
	run_free(&r);
}

/* many: the case where all calls from one on are refused. */
static void each(const struct injection *v, size_t n, const char *path, const char *work, const char *many)
{
	for (size_t i = 0; i < n; i++) {
		char when[100], *save, *w;

		strcpy(when, v[i].when);
		for (w = strtok_r(when, " ", &save); w; w = strtok_r(NULL, " ", &save))
			inject(path, strchr(w, '+') ? many : work, &v[i], w);
	}
}

#define EACH(v, ...) each(v, sizeof(v) / sizeof *(v), __VA_ARGS__)

Test(limits, nth_call) { EACH(injections, prog("limits"), "work", "unwired"); }
Test(limits, nth_call_of_the_poller) { EACH(polls, prog("netpoll"), "storm", "storm"); }
Test(limits, nth_call_of_waits_for_children) { EACH(children, prog("child"), "churn", "churn"); }
Test(limits, nth_call_of_preemption) { EACH(slices, prog("preempt"), "fair", "fair"); }
