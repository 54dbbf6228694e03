/* SPDX-License-Identifier: MIT */
/*
 * preempt.c - goroutines that never enter the runtime by themselves.
 */
#include <cpuid.h>
#include <sys/time.h>

#include "prog.h"
#include "crew.h"

static uint64_t turns;
static void *last[1 << 12]; /* who ran on a thread last; nobody leaves one but by preemption */

static void loops(void *arg)
{
	(void)arg;
	while (!stop)
		;
	go_waitgroup_done(&wg);
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t cputime(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
	return t.tv_sec * 1000 * MS + t.tv_nsec;
}

/*
 * A sleep of 1 ms beside n tight loops, on one P: what the loops get meanwhile. The median and CPU
 * time, for the machine may be busy with others.
 */
static void beside(int n)
{
	int64_t took[21];

	start(n, loops);
	for (size_t i = 0; i < nelem(took); i++) {
		int64_t t = cputime();

		go_sleep(MS);
		took[i] = cputime() - t;
	}
	end();
	qsort(took, nelem(took), sizeof *took, ascending);
	if (took[nelem(took) / 2] > 25 * MS) /* 12 to 16 on an idle machine */
		dprintf(2, "a sleep of 1 ms beside %d took %ld us\n", n, (long)(took[nelem(took) / 2] / 1000));
	CHECK(took[nelem(took) / 2] <= 25 * MS);
}

static void fair(void)
{
	go_maxprocs(1); /* with more than there are CPUs, it is the kernel that is fair or not */
	beside(1);
	beside(5);
}

/* Without preemption the sleeper waits for the loop, on one P. */
static bool looped;

static void loops_a_while(void *arg)
{
	(void)arg;
	for (volatile int i = 0; i < 200 * 1000 * 1000; i = i + 1)
		;
	looped = true;
	go_waitgroup_done(&wg);
}

static void off(void)
{
	go_maxprocs(1);
	start(1, loops_a_while);
	go_sleep(MS);
	CHECK(looped);
	go_waitgroup_wait(&wg);
}

/* The world stops while loops run, and starts again. */
static void world(void)
{
	int n = go_maxprocs(0);

	start(n, loops);
	go_sleep(MS);
	for (int i = 0; i < 20; i++) {
		CHECK(go_maxprocs(1 + i % 4) == (i ? 1 + (i - 1) % 4 : n));
		if (i % 5 == 0)
			go_sleep(MS);
	}
	end();
}

/* A goroutine that is preempted while wired to its thread stays on it. */
static void wired(void *arg)
{
	int here;

	(void)arg;
	go_lock_os_thread();
	here = thread();
	while (!stop) {
		for (volatile int i = 0; i < 100000; i = i + 1)
			;
		CHECK(thread() == here);
	}
	go_unlock_os_thread();
	go_waitgroup_done(&wg);
}

static void wires(void)
{
	start(4, wired);
	start(4, loops);
	for (int i = 0; i < 10; i++)
		go_sleep(MS);
	end();
}

/* ---- every register ---- */

struct regs {
	uint64_t gpr[14]; /* rax rbx rdx rsi rdi rbp r8-r15; rcx counts, rsp is the stack's */
	uint64_t flags;
	uint64_t red[16];
	uint32_t mxcsr;
	uint16_t fcw, fsw;
	uint8_t st[8][10];
	uint8_t pad[8];
	uint64_t k[8];
	uint8_t v[32][64];
};

enum { SSE, AVX, AVX512 };
static int level;

/* Load everything from in, wait for n turns of a loop, store everything to out. */
void hold(const struct regs *in, struct regs *out, long n, int level);
enum {
	Flags = offsetof(struct regs, flags),
	Red = offsetof(struct regs, red),
	Mxcsr = offsetof(struct regs, mxcsr),
	Fcw = offsetof(struct regs, fcw),
	Fsw = offsetof(struct regs, fsw),
	St = offsetof(struct regs, st),
	K = offsetof(struct regs, k),
	V = offsetof(struct regs, v),
};
_Static_assert(Flags == 112 && Red == 120 && Mxcsr == 248 && Fcw == 252 && Fsw == 254 &&
		       St == 256 && K == 344 && V == 408,
	       "the assembly below knows it");

#define EACH16 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"
#define EACH32 EACH16 ",16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"
#define GPRS(op)                                                                                   \
	op(0, rax) op(8, rbx) op(16, rdx) op(24, rsi) op(40, rbp) op(48, r8) op(56, r9)            \
		op(64, r10) op(72, r11) op(80, r12) op(88, r13) op(96, r14) op(104, r15)
#define LOAD(at, reg) "mov " #at "(%rdi), %" #reg "\n\t"
#define STORE(at, reg) "mov %" #reg ", " #at "(%rdi)\n\t"

__asm__(".text\n\t.globl hold\n\t.type hold, @function\n"
	"hold:\n\t"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n\t"
	"push %rsi; push %rdx; push %rcx\n\t" /* 0 level, 8 n, 16 out */
	"cmp $1, %ecx; jb 1f; je 2f\n\t"
	".irp i," EACH32 "; vmovdqu64 408+64*\\i(%rdi), %zmm\\i; .endr\n\t"
	".irp i,0,1,2,3,4,5,6,7; kmovq 344+8*\\i(%rdi), %k\\i; .endr\n\t"
	"jmp 3f\n"
	"1:\t.irp i," EACH16 "; movdqu 408+64*\\i(%rdi), %xmm\\i; .endr\n\tjmp 3f\n"
	"2:\t.irp i," EACH16 "; vmovdqu 408+64*\\i(%rdi), %ymm\\i; .endr\n"
	"3:\tldmxcsr 248(%rdi)\n\t"
	"fninit; .irp i,7,6,5,4,3,2,1,0; fldt 256+10*\\i(%rdi); .endr; fldcw 252(%rdi)\n\t"
	"push 112(%rdi); popfq\n\t"
	".irp i," EACH16 "; mov 120+8*\\i(%rdi), %rax; mov %rax, -8-8*\\i(%rsp); .endr\n\t"
	"mov 8(%rsp), %rcx\n\t" GPRS(LOAD) "mov 32(%rdi), %rdi\n"
	"4:\tlea -1(%rcx), %rcx; jrcxz 5f; jmp 4b\n" /* touches no flag */
	"5:\tlea -128(%rsp), %rsp; pushfq; cld; push %rdi\n\t" /* 0 rdi, 8 flags, 16 red zone, 144 level */
	"mov 160(%rsp), %rdi\n\t" GPRS(STORE)
	"pop 32(%rdi); pop 112(%rdi)\n\t" /* rdi, flags */
	".irp i," EACH16 "; mov 120-8*\\i(%rsp), %rax; mov %rax, 120+8*\\i(%rdi); .endr\n\t"
	"lea 128(%rsp), %rsp\n\t"
	"stmxcsr 248(%rdi); fnstcw 252(%rdi); fnstsw 254(%rdi)\n\t"
	".irp i,0,1,2,3,4,5,6,7; fstpt 256+10*\\i(%rdi); .endr; fninit\n\t"
	"pushq $0x1f80; ldmxcsr (%rsp); pop %rcx\n\t"
	"pop %rcx; cmp $1, %ecx; jb 1f; je 2f\n\t"
	".irp i," EACH32 "; vmovdqu64 %zmm\\i, 408+64*\\i(%rdi); .endr\n\t"
	".irp i,0,1,2,3,4,5,6,7; kmovq %k\\i, 344+8*\\i(%rdi); .endr\n\t"
	"vzeroupper; jmp 3f\n"
	"1:\t.irp i," EACH16 "; movdqu %xmm\\i, 408+64*\\i(%rdi); .endr\n\tjmp 3f\n"
	"2:\t.irp i," EACH16 "; vmovdqu %ymm\\i, 408+64*\\i(%rdi); .endr; vzeroupper\n"
	"3:\tpop %rdx; pop %rsi\n\t"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n\t"
	"ret\n\t.size hold, . - hold");

static uint64_t xorshift(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	return *x ^= *x << 17;
}

static void randomize(struct regs *r, uint64_t *seed)
{
	static const uint64_t user = 0xcd5; /* CF PF AF ZF SF DF OF */

	memset(r, 0, sizeof *r);
	for (size_t i = 0; i < nelem(r->gpr); i++)
		r->gpr[i] = xorshift(seed);
	r->flags = (xorshift(seed) & user) | 0x202;
	for (size_t i = 0; i < nelem(r->red); i++)
		r->red[i] = xorshift(seed);
	r->mxcsr = 0x1f80 | (xorshift(seed) & 0xe03f); /* rounding, FTZ, flags */
	r->fcw = 0x037f | (xorshift(seed) & 0x0c00);
	for (int i = 0; i < 8; i++) {
		uint64_t mantissa = xorshift(seed) | UINT64_C(1) << 63;
		uint16_t exponent = 0x3fff + i;

		memcpy(r->st[i], &mantissa, 8);
		memcpy(r->st[i] + 8, &exponent, 2);
		r->k[i] = level == AVX512 ? xorshift(seed) : 0;
	}
	for (int i = 0; i < (level == AVX512 ? 32 : 16); i++)
		for (int k = 0; k < 16 << level; k += 8) {
			uint64_t x = xorshift(seed);
			memcpy(&r->v[i][k], &x, 8);
		}
}

static void differ(const struct regs *in, const struct regs *out)
{
	const uint8_t *a = (const uint8_t *)in, *b = (const uint8_t *)out;

	for (size_t i = 0; i < sizeof *in; i++)
		if (a[i] != b[i])
			dprintf(2, "offset %zu: %#x is %#x\n", i, a[i], b[i]);
	_exit(1);
}

static __thread struct regs in, out;
enum { Spins = 30000 };

static void holds(void *arg)
{
	uint64_t seed = 0x9e3779b97f4a7c15u * ((uintptr_t)arg + 1);

	while (!stop) {
		randomize(&in, &seed);
		memset(&out, 0, sizeof out);
		hold(&in, &out, Spins, level);
		out.fsw &= 0x00ff; /* where the stack's top is and what the last comparison was */
		if (memcmp(&in, &out, sizeof in))
			differ(&in, &out);
		if (__atomic_exchange_n(&last[thread() % nelem(last)], &in, __ATOMIC_RELAXED) != &in)
			__atomic_add_fetch(&turns, 1, __ATOMIC_RELAXED);
	}
	go_waitgroup_done(&wg);
}

/* Until so many preemptions. */
static void registers(void)
{
	uint64_t want = args[0] ? strtoull(args[0], NULL, 10) : 300;

	level = __builtin_cpu_supports("avx512bw") ? AVX512
		: __builtin_cpu_supports("avx2")   ? AVX
						   : SSE;
	start(2 * go_maxprocs(0) + 1, holds);
	while (__atomic_load_n(&turns, __ATOMIC_RELAXED) < want)
		go_sleep(MS);
	end();
}

/* ---- ordinary code ---- */

static __thread uint64_t own;
static uint64_t expected[5];

__attribute__((noinline)) static uint64_t collatz(uint64_t n)
{
	uint64_t steps = 0;

	for (; n != 1; steps++)
		n = n % 2 ? 3 * n + 1 : n / 2;
	return steps;
}

/* Integers, doubles, long doubles, thread-locals, library calls, allocations. */
static uint64_t computes(int kind)
{
	uint64_t sum = 0;
	long double x = kind;
	double y = kind;

	own = 0;
	for (int i = 1; i < 3000; i++) {
		char text[64], *copy;

		sum += collatz(i + kind);
		x = x * 0.999L + i;
		y = y * 0.999 - i;
		own += i;
		if (i % 50)
			continue;
		errno = i;
		snprintf(text, sizeof text, "%d %.3Lf %.3f", i, x, y);
		copy = strdup(text);
		for (char *c = copy; *c; c++)
			sum = sum * 31 + (unsigned char)*c;
		free(copy);
		CHECK(errno == i);
	}
	return sum + own;
}

static void works(void *arg)
{
	int kind = (intptr_t)arg % nelem(expected);

	while (!stop)
		CHECK(computes(kind) == expected[kind]);
	go_waitgroup_done(&wg);
}

static void ordinary(void)
{
	for (size_t i = 0; i < nelem(expected); i++)
		expected[i] = computes(i);
	start(2 * go_maxprocs(0) + 1, works);
	for (int i = 0; i < 100; i++)
		go_sleep(2 * MS);
	end();
}

/* Preemption between, in and around everything that the runtime does itself. */
static go_mutex mu;
static int counted;
static chan(int) numbers;

static void mixes(void *arg)
{
	for (int i = 0; !stop; i++) {
		switch ((i + (intptr_t)arg) % 5) {
		case 0:
			go_mutex_lock(&mu);
			counted++;
			go_mutex_unlock(&mu);
			break;
		case 1:
			(void)chan_trysend(numbers, i);
			break;
		case 2: {
			int n;
			(void)chan_tryrecv(numbers, &n);
			break;
		}
		case 3:
			usleep(1);
			break;
		case 4:
			go_sched();
		}
		for (volatile int k = 0; k < 300; k = k + 1)
			;
	}
	go_waitgroup_done(&wg);
}

static void mixed(void)
{
	numbers = chan_make(int, 4);
	start(20, mixes);
	for (int i = 0; i < 100; i++)
		go_sleep(2 * MS);
	end();
	CHECK(counted > 0);
}

const struct testcase cases[] = {
	{"fair", fair},	      {"off", off},	      {"world", world}, {"wires", wires},
	{"registers", registers}, {"ordinary", ordinary}, {"mixed", mixed}, {NULL, NULL},
};
