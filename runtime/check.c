/* SPDX-License-Identifier: MIT */
/*
 * check.c - runtime_check: prove what the rest of the code assumes of the
 * compiler, the processor and libc before anything relies on it. What the
 * compiler can prove is a _Static_assert; what it might get wrong at run time,
 * or what depends on the libc that was linked, is run. A check that fails is
 * named on standard error and ends the process with exit status 2.
 */
#include "runtime.h"

/* Tests build with another value to see a check fail. */
#ifndef CHECK_SIZEOF_INT8
#define CHECK_SIZEOF_INT8 1
#endif

_Static_assert(offsetof(g, sched.sp) == G_SCHED_SP, "arch header: G_SCHED_SP");
_Static_assert(offsetof(g, sched.tp) == G_SCHED_TP, "arch header: G_SCHED_TP");
_Static_assert(offsetof(g, m) == G_M, "arch header: G_M");
_Static_assert(offsetof(g, stacklo) == G_STACKLO, "arch header: G_STACKLO");
_Static_assert(offsetof(g, stackhi) == G_STACKHI, "arch header: G_STACKHI");
_Static_assert(offsetof(g, handling) == G_HANDLING, "arch header: G_HANDLING");
_Static_assert(offsetof(g, sigmask) == G_SIGMASK, "arch header: G_SIGMASK");
_Static_assert(offsetof(g, sigpending) == G_SIGPENDING, "arch header: G_SIGPENDING");
_Static_assert(offsetof(g, defers) == G_DEFERS, "arch header: G_DEFERS");
_Static_assert(offsetof(g, trying) == G_TRYING, "arch header: G_TRYING");
_Static_assert(offsetof(g, panics) == G_PANICS, "arch header: G_PANICS");
_Static_assert(offsetof(m, g0) == M_G0, "arch header: M_G0");
_Static_assert(offsetof(m, g0store) == M_G0STORE, "arch header: M_G0STORE");
_Static_assert(offsetof(m, sigmask) == M_SIGMASK, "arch header: M_SIGMASK");

static _Noreturn void failed(const char *what)
{
	runtime_print("fatal error: runtime_check: %s\n", what);
	runtime_exit(2);
}

static void check(bool ok, const char *what)
{
	if (!ok)
		failed(what);
}

struct alignof8 { char c; int8_t v; };
struct alignof16 { char c; int16_t v; };
struct alignof32 { char c; int32_t v; };
struct alignof64 { char c; int64_t v; };
struct alignofptr { char c; void *v; };
struct alignofdouble { char c; double v; };

static void checksizes(void)
{
	check(sizeof(int8_t) == CHECK_SIZEOF_INT8, "bad int8 size");
	check(sizeof(uint8_t) == 1, "bad uint8 size");
	check(sizeof(int16_t) == 2 && sizeof(uint16_t) == 2, "bad int16 size");
	check(sizeof(int32_t) == 4 && sizeof(uint32_t) == 4, "bad int32 size");
	check(sizeof(int64_t) == 8 && sizeof(uint64_t) == 8, "bad int64 size");
	check(sizeof(float) == 4 && sizeof(double) == 8, "bad float size");
	check(sizeof(void *) == sizeof(uintptr_t), "bad pointer size");
	check(sizeof(void *) == sizeof(void (*)(void)), "bad function pointer size");
	check(sizeof(size_t) == sizeof(void *), "bad size_t size");
	check(offsetof(struct alignof8, v) == 1, "bad int8 alignment");
	check(offsetof(struct alignof16, v) == 2, "bad int16 alignment");
	check(offsetof(struct alignof32, v) == 4, "bad int32 alignment");
	check(offsetof(struct alignof64, v) == alignof(int64_t), "bad int64 alignment");
	check(offsetof(struct alignofptr, v) == sizeof(void *), "bad pointer alignment");
	check(offsetof(struct alignofdouble, v) == alignof(double), "bad double alignment");
}

/* Volatile, so that it is the processor that answers. */
static void checkshifts(void)
{
	volatile int32_t i32 = -8;
	volatile uint32_t u32 = 0x80000001u;
	volatile int64_t i64 = -(INT64_C(1) << 40);
	volatile int n = 1;

	check(i32 >> n == -4, "bad signed shift");
	check(u32 >> n == 0x40000000u, "bad unsigned shift");
	check(i64 >> (n + 38) == -2, "bad 64-bit signed shift");
	check((u32 << n) == 2, "bad left shift");
	check((int8_t)(volatile int){0x1ff} == -1, "bad narrowing");
}

static void checkatomics(void)
{
	uint32_t z = 1;
	uint64_t z64 = 42;
	uint8_t b = 0xf0;
	int32_t neg = 0;
	void *ptr = NULL;

	check(cas(&z, 1u, 2u) && z == 2, "cas1: swap");
	z = 4;
	check(!cas(&z, 5u, 6u) && z == 4, "cas2: no swap");
	z = UINT32_MAX;
	check(cas(&z, UINT32_MAX, UINT32_MAX - 1) && z == UINT32_MAX - 1, "cas3: top bit");
	check(xadd(&neg, -1) == -1, "xadd: negative");
	check(xchg(&z, 7u) == UINT32_MAX - 1 && load_acq(&z) == 7, "xchg");
	check(!cas(&z64, UINT64_C(0), UINT64_C(1)) && z64 == 42, "cas64: no swap");
	check(cas(&z64, UINT64_C(42), UINT64_C(1) << 40), "cas64: swap");
	check(load(&z64) == UINT64_C(1) << 40, "load64");
	store(&z64, (UINT64_C(1) << 40) + 1);
	check(load_acq(&z64) == (UINT64_C(1) << 40) + 1, "store64");
	check(xadd(&z64, (UINT64_C(1) << 40) + 1) == (UINT64_C(2) << 40) + 2, "xadd64");
	check(xchg(&z64, (UINT64_C(3) << 40) + 3) == (UINT64_C(2) << 40) + 2, "xchg64");
	check((__atomic_or_fetch(&b, 1, __ATOMIC_SEQ_CST), b == 0xf1), "or8");
	check((__atomic_and_fetch(&b, 1, __ATOMIC_SEQ_CST), b == 1), "and8");
	check(cas(&ptr, NULL, (void *)&z) && ptr == &z, "casp");
}

static void checknans(void)
{
	volatile double nan = __builtin_nan(""), zero = 0.0;
	volatile float fnan = __builtin_nanf("");
	uint64_t all = UINT64_MAX;
	double quiet;

	__builtin_memcpy(&quiet, &all, sizeof quiet);
	check(!(nan == nan) && nan != nan, "float64nan");
	check(!(quiet == quiet) && quiet != quiet, "float64nan: quiet");
	/* Quietly: FE_INVALID would be raised when main starts. */
	check(!__builtin_isless(nan, zero) && !__builtin_isgreater(nan, zero) &&
		      !__builtin_islessequal(nan, zero),
	      "float64nan: order");
	check(!(fnan == fnan) && fnan != fnan, "float32nan");
	check(zero == -zero, "float64: signed zero");
}

/* Divide by repeated subtraction of shifted divisors, as 32-bit ports do for times. */
static int32_t timediv(int64_t v, int32_t div, int32_t *rem)
{
	int32_t res = 0;

	for (int bit = 30; bit >= 0; bit--)
		if (v >= (int64_t)div << bit) {
			v -= (int64_t)div << bit;
			res |= (int32_t)1 << bit;
		}
	*rem = (int32_t)v;
	return res;
}

static void checktimediv(void)
{
	int32_t rem;

	check(timediv(INT64_C(12345) * 1000000000 + 54321, 1000000000, &rem) == 12345,
	      "timediv: quotient");
	check(rem == 54321, "timediv: remainder");
}

static void checkstack(void)
{
	g *gp = getg();
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);

	check(gp && gp->m == &runtime_m0 && runtime_m0.g0 == gp, "m0 and g0 are not bound");
	check(sp % 16 == 0, "stack not aligned");
	check(gp->stacklo < sp && sp < gp->stackhi, "g0 not on its stack");
}

void runtime_check(void)
{
	const char *libc;

	checksizes();
	checkshifts();
	checkatomics();
	checknans();
	checktimediv();
	checkstack();
	if ((libc = runtime_checklibc()))
		failed(libc);
}
