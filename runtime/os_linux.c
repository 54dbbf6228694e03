/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * os_linux.c - the kernel as the runtime uses it: what osinit learns about the
 * machine, futexes, the clock, pages. Every call here goes straight to the
 * kernel: libc's wrappers are the program's, and may park.
 */
#include "runtime.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LeastQuota = 2 }; /* CPUs that the smallest quota still gives */
enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

size_t runtime_physpagesize, runtime_hugepagesize;
int32_t runtime_ncpu;

/* The vDSO's, which mostly makes no system call; NULL: it has none. Set by runtime_settls. */
int (*runtime_vdsoclock)(clockid_t, struct timespec *);

/* All of a small file, as a string; false when it cannot be had. */
static bool slurp(const char *path, char *buf, size_t cap)
{
	long fd = arch_syscall3(SYS_open, (long)path, O_RDONLY | O_CLOEXEC, 0), n;

	if (fd < 0)
		return false;
	n = arch_syscall3(SYS_read, fd, (long)buf, (long)cap - 1);
	arch_syscall3(SYS_close, fd, 0, 0);
	if (n < 0)
		return false;
	buf[n] = 0;
	return true;
}

static bool exists(const char *path)
{
	return arch_syscall3(SYS_access, (long)path, F_OK, 0) == 0;
}

static int64_t number(const char **s)
{
	int64_t v = 0;

	while (**s == ' ')
		++*s;
	for (; **s >= '0' && **s <= '9'; ++*s)
		v = v * 10 + (**s - '0');
	return v;
}

/* CPUs' worth of "QUOTA PERIOD" (cgroup v2's cpu.max), rounded up; 0: no limit. */
static int32_t quotacpus(const char *s)
{
	int64_t quota = number(&s), period = number(&s);

	if (quota <= 0 || period <= 0)
		return 0;
	return (int32_t)((quota + period - 1) / period);
}

/* Cuts the last part off, with its slash. */
static void parent(char *dir)
{
	size_t n = strlen(dir);

	while (n > 0 && dir[--n] != '/')
		;
	dir[n] = 0;
}

/* The smallest cpu.max from the process's cgroup (v2) up to the root; 0: none. */
static noinline int32_t readcgroup(void)
{
	char self[512], path[640], max[64];
	int32_t least = 0;
	char *dir;

	if (!slurp("/proc/self/cgroup", self, sizeof self) || memcmp(self, "0::/", 4))
		return 0;
	dir = self + 3;
	dir[runtime_span(dir, SIZE_MAX, '\n')] = 0;
	for (;;) {
		int32_t n;

		runtime_snprint(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", dir);
		if (slurp(path, max, sizeof max) && (n = quotacpus(max)) > 0 &&
		    (!least || n < least))
			least = n;
		if (!*dir)
			return least;
		parent(dir);
	}
}

/* Version 1 of cgroups is not asked: it has no one place to look. */
static int32_t cgroupcpus(void)
{
	return exists("/sys/fs/cgroup/cgroup.controllers") ? readcgroup() : 0;
}

static int32_t countcpus(unsigned long *mask, size_t size)
{
	long n = arch_syscall3(SYS_sched_getaffinity, 0, (long)size, (long)mask);
	int32_t cpus = 0;

	for (long i = 0; i < n / (long)sizeof *mask; i++)
		for (unsigned long w = mask[i]; w; w &= w - 1)
			cpus++; /* the builtin would call libgcc */
	return cpus;
}

/* For kernels of more than 1,024 CPUs, which refuse a small mask. */
static noinline int32_t manycpus(void)
{
	unsigned long mask[1024];
	int32_t cpus = countcpus(mask, sizeof mask);

	return cpus ? cpus : 1;
}

/* As Go 1.25: a fractional quota rounds up, and one below two CPUs still gives two. */
static int32_t getncpu(void)
{
	unsigned long mask[16];
	int32_t cpus = countcpus(mask, sizeof mask), quota;

	if (cpus == 0)
		cpus = manycpus();
	if (cpus <= LeastQuota)
		return cpus; /* to ask would cost a tenth of the boot */
	quota = cgroupcpus();
	if (quota > 0 && quota < LeastQuota)
		quota = LeastQuota;
	return quota > 0 && quota < cpus ? quota : cpus;
}

void runtime_osinit(void)
{
	runtime_ncpu = getncpu();
	runtime_hugepagesize = 2 << 20; /* the PMD's reach with 4 KiB pages, fixed on amd64 */
}

int32_t runtime_gettid(void)
{
	return (int32_t)arch_syscall3(SYS_gettid, 0, 0, 0);
}

/* mp may be another's by now, or its thread may have ended: then it is for nothing. 0 or -errno. */
int runtime_signalm(m *mp, int sig)
{
	long pid = arch_syscall3(SYS_getpid, 0, 0, 0);

	return (int)arch_syscall3(SYS_tgkill, pid, mp->tid, sig);
}

/* 0, or why it ended early as -errno; a spurious wake-up is possible. */
int runtime_futexsleep(uint32_t *addr, uint32_t val, int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};

	return (int)arch_syscall6(SYS_futex, (long)addr, FUTEX_WAIT_PRIVATE, val,
				  ns < 0 ? 0 : (long)&ts, 0, 0);
}

/* A wake-up that is lost is a program that hangs. */
void runtime_futexwakeup(uint32_t *addr, int n)
{
	long r = arch_syscall6(SYS_futex, (long)addr, FUTEX_WAKE_PRIVATE, n, 0, 0, 0);

	if (unlikely(r < 0) && !load(&runtime_dying))
		runtime_fatal("the kernel refuses to wake a thread");
}

void runtime_usleep(uint32_t us)
{
	struct timespec ts = {us / 1000000, us % 1000000 * 1000};

	arch_syscall3(SYS_nanosleep, (long)&ts, 0, 0);
}

void runtime_osyield(void)
{
	arch_syscall3(SYS_sched_yield, 0, 0, 0);
}

int runtime_clock(clockid_t clk, struct timespec *ts)
{
	if (likely(runtime_vdsoclock != NULL) && likely(runtime_vdsoclock(clk, ts) == 0))
		return 0;
	return (int)arch_syscall3(SYS_clock_gettime, clk, (long)ts, 0);
}

int64_t runtime_nanotime(void)
{
	struct timespec ts;

	runtime_clock(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

int64_t go_nanotime(void)
{
	runtime_giveslice();
	return runtime_nanotime();
}

void *runtime_sysalloc(size_t n)
{
	long p = arch_syscall6(SYS_mmap, 0, (long)n, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

void runtime_sysfree(void *p, size_t n)
{
	arch_syscall3(SYS_munmap, (long)p, (long)n, 0);
}

/*
 * Structures that live for ever, ms and ps mostly, from chunks of the system's.
 * The first chunk is part of the program, so that a small one needs no other.
 */
static struct {
	mutex lock;
	char *p, *end;
} persist;
static alignas(64) char firstchunk[16 << 10] bigbss;

enum { PersistChunk = 256 << 10 };

void *runtime_persistenttry(size_t n, size_t align)
{
	char *p;

	runtime_lock(&persist.lock);
	p = (char *)(((uintptr_t)persist.p + align - 1) & -align);
	if (!persist.p || p + n > persist.end) {
		size_t chunk = n + align > PersistChunk ? n + align : PersistChunk;

		p = runtime_sysalloc(chunk);
		if (!p) {
			runtime_unlock(&persist.lock);
			return NULL;
		}
		persist.end = p + chunk;
		p = (char *)(((uintptr_t)p + align - 1) & -align);
	}
	persist.p = p + n;
	runtime_unlock(&persist.lock);
	return p;
}

void *runtime_persistentalloc(size_t n, size_t align)
{
	void *p = runtime_persistenttry(n, align);

	if (!p)
		runtime_fatal("out of memory for the runtime's own structures");
	return p;
}

/* A thread that is gone may have been at the chunk: begin another. */
void runtime_forkpersist(void)
{
	persist.lock.key = 0;
	persist.p = persist.end = NULL;
}

/* The allocator that every later boot step takes from. */
void runtime_mallocinit(void)
{
	if (runtime_physpagesize == 0 || runtime_physpagesize & (runtime_physpagesize - 1))
		runtime_throw("runtime_mallocinit: the page size is not a power of two");
	runtime_lockinit(&persist.lock, RankPersist);
	persist.p = firstchunk;
	persist.end = firstchunk + sizeof firstchunk;
}
