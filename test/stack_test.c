/* SPDX-License-Identifier: MIT */
/* stack_test.c - stack.c alone: layout, classes, reuse, and the three kinds of guard. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

#include "../runtime/stack.c"

_Thread_local g *runtime_g;
struct debugvars runtime_debug;
size_t runtime_physpagesize = 4096, runtime_hugepagesize = 2 << 20;

static size_t tlssize = 320;
static g *made[10000];
static int nmade;
static p pp;

size_t runtime_tlssize(void)
{
	return tlssize;
}

uintptr_t runtime_tlsnew(void *mem, g *gp)
{
	cr_assert_eq((uintptr_t)mem % 64, 0u);
	for (size_t i = 0; i < tlssize; i++)
		cr_assert_eq(((char *)mem)[i], 0);
	memset(mem, 0xaa, tlssize);
	cr_assert_leq((uintptr_t)gp + sizeof *gp, (uintptr_t)mem);
	return (uintptr_t)mem;
}

void runtime_lockinit(mutex *l, enum lockrank rank)
{
	(void)l, (void)rank;
}

void runtime_lock(mutex *l)
{
	cr_assert_eq(l->key++, 0u);
}

void runtime_unlock(mutex *l)
{
	cr_assert_eq(--l->key, 0u);
}

bool runtime_findsegment(uint32_t type, uint32_t flags, uintptr_t addr, uintptr_t *lo, uintptr_t *hi)
{
	(void)type, (void)flags, (void)addr, (void)lo, (void)hi;
	return false;
}

static bool noroom;

bool runtime_addallg(g *gp)
{
	if (!noroom)
		made[nmade++] = gp;
	return !noroom;
}

static uintptr_t unmapped;

void runtime_sysfree(void *p, size_t n)
{
	unmapped = (uintptr_t)p;
	cr_assert_eq(munmap(p, n), 0);
}

_Noreturn void runtime_fatal(const char *msg)
{
	fprintf(stderr, "%s\n", msg);
	abort();
}

/* ---- what touching an address does ---- */

static sigjmp_buf env;

static void faulted(int sig)
{
	(void)sig;
	siglongjmp(env, 1);
}

static bool faults(uintptr_t addr)
{
	struct sigaction sa = {.sa_handler = faulted, .sa_flags = SA_ONSTACK}, old;
	bool r;

	sigaction(SIGSEGV, &sa, &old);
	if (sigsetjmp(env, 1)) {
		r = true;
	} else {
		*(volatile char *)addr = 1;
		r = false;
	}
	sigaction(SIGSEGV, &old, NULL);
	return r;
}

static void init(int guard)
{
	runtime_debug.stackguard = guard;
	runtime_stackinit();
	pp = (p){0}; /* the slots that it cut ahead were of another size, maybe */
}

static void check_layout(g *gp, size_t bytes)
{
	cr_assert_not_null(gp);
	cr_expect_eq(gp->status, (uint32_t)Gdead);
	cr_expect_eq((uintptr_t)gp % 64, 0u);
	cr_expect_eq(gp->stackhi, (uintptr_t)gp, "the g is right above its stack");
	cr_expect_eq(gp->stackhi % 16, 0u);
	cr_expect_eq(gp->stacklo % 4096, 0u);
	cr_expect_geq(gp->stackhi - gp->stacklo, bytes);
}

Test(stack, default_one)
{
	init(0);
	for (int i = 0; i < 1000; i++)
		check_layout(runtime_stackalloc(0, &pp), StackUsable);
	cr_expect_eq(nmade, 1000);
	for (int i = 1; i < nmade; i++)
		cr_expect_neq(made[i]->stackhi % StackDefault, made[i - 1]->stackhi % StackDefault,
			"neighbours are of the same colour");
	for (int i = 0; i < nmade; i++) {
		memset((void *)made[i]->stacklo, i, StackUsable);
		cr_expect(faults(made[i]->stacklo - 1));
	}
	for (int i = 0; i < nmade; i++) /* no two overlap */
		for (int k = 0; k < StackUsable; k += 4096)
			cr_assert_eq(((unsigned char *)made[i]->stacklo)[k], i & 255);
}

Test(stack, as_much_as_asked)
{
	size_t sizes[] = {1, 1000, StackUsable, StackUsable + 1, 250000, 256 << 10, 300000, 1 << 20,
		(1 << 20) + 1, 8 << 20, 100 << 20, (size_t)1 << 30, (size_t)3 << 30};

	init(0);
	for (size_t i = 0; i < nelem(sizes); i++) {
		g *gp = runtime_stackalloc(sizes[i], &pp);

		check_layout(gp, sizes[i]);
		cr_expect(!faults(gp->stacklo));
		cr_expect(!faults(gp->stackhi - sizes[i]));
		cr_expect(faults(gp->stacklo - 1));
		cr_expect(faults(gp->stacklo - Guard));
	}
}

Test(stack, too_large_is_refused)
{
	init(0);
	cr_expect_null(runtime_stackalloc((size_t)-1, &pp));
	cr_expect_null(runtime_stackalloc((size_t)1 << 62, &pp));
	cr_expect_null(runtime_stackalloc((size_t)1 << 50, &pp));
	check_layout(runtime_stackalloc(0, &pp), StackUsable);
	cr_expect_eq(nmade, 1);
}

Test(stack, one_that_cannot_be_listed_is_refused)
{
	init(0);
	noroom = true;
	cr_expect_null(runtime_stackalloc(0, &pp));
	cr_expect_neq(unmapped, 0);
	noroom = false;
	check_layout(runtime_stackalloc(0, &pp), StackUsable);
}

Test(stack, large_ones_are_used_again)
{
	g *a, *b, *c;

	init(0);
	a = runtime_stackalloc(1 << 20, &pp);
	b = runtime_stackalloc(1 << 20, &pp);
	c = runtime_stackalloc(4 << 20, &pp);
	cr_expect_neq(a, b);
	memset((void *)a->stacklo, 1, a->stackhi - a->stacklo);
	runtime_stackfree(a);
	runtime_stackfree(c);
	cr_expect_eq(runtime_stackalloc(4 << 20, &pp), c);
	cr_expect_eq(runtime_stackalloc((1 << 20) - 5000, &pp), a);
	cr_expect_eq(*(char *)a->stacklo, 0, "its memory was given back");
	cr_expect(faults(a->stacklo - 1), "its guard is still there");
	cr_expect_neq(runtime_stackalloc(1 << 20, &pp), a);
	cr_expect_eq(nmade, 4);
}

Test(stack, trim_keeps_what_the_g_needs)
{
	g *gp;

	init(0);
	gp = runtime_stackalloc(0, &pp);
	memset((void *)gp->stacklo, 1, gp->stackhi - gp->stacklo);
	gp->goid = 99;
	runtime_stacktrim(gp);
	cr_expect_eq(gp->goid, 99u);
	cr_expect_eq(*(char *)gp->stacklo, 0);
	cr_expect_eq(*(unsigned char *)gp->sched.tp, 0xaa);
}

Test(stack, guard_by_mprotect)
{
	init(GuardMprotect);
	for (int i = 0; i < 100; i++) {
		g *gp = runtime_stackalloc(i % 2 ? 0 : 1 << 20, &pp);
		uintptr_t size, lo = runtime_stackguard(gp, &size);

		cr_expect(gp->guarded);
		cr_expect_eq(lo + size, gp->stacklo);
		cr_expect(faults(lo));
		cr_expect(faults(lo + size - 1));
		cr_expect(!faults(lo + size));
		cr_expect(runtime_stackcanaryok(gp));
	}
	cr_expect_eq(guardkind, GuardMprotect);
}

/* Of slots cut together. The kernel made some of the guards, or none, and the rest is made one by one. */
static void guards_after(size_t made_by_kernel)
{
	g *gp;

	for (int i = 0; i < 1000 || pp.fresh.next != pp.fresh.end; i++)
		gp = runtime_stackalloc(0, &pp);
	gp = runtime_stackalloc(0, &pp);
	cr_assert_eq((pp.fresh.end - pp.fresh.next) / slot0, (size_t)Ahead - 1);
	pp.fresh.guarded = gp->stacklo - Guard + made_by_kernel * slot0;
	madvise((void *)pp.fresh.guarded, pp.fresh.end - pp.fresh.guarded, MADV_GUARD_INSTALL + 1);
	cr_assert(!faults(pp.fresh.guarded), "the rest has none yet");
	for (int i = 1; i < Ahead; i++) {
		gp = runtime_stackalloc(0, &pp);
		check_layout(gp, StackUsable);
		cr_expect(gp->guarded);
		cr_expect(faults(gp->stacklo - 1), "slot %d", i);
		cr_expect(faults(gp->stacklo - Guard));
		cr_expect(!faults(gp->stacklo));
	}
}

Test(stack, guards_of_many)
{
	init(0);
	guards_after(7);
	guards_after(1);
	cr_expect_not(nomany, "the kernel does it, here");
	nomany = true;
	for (int i = 0; i < 100; i++)
		cr_expect(faults(runtime_stackalloc(0, &pp)->stacklo - 1));
}

Test(stack, guard_by_canary)
{
	g *gp;

	init(GuardCanary);
	gp = runtime_stackalloc(0, &pp);
	cr_expect(!gp->guarded);
	cr_expect(runtime_stackcanaryok(gp));
	memset((void *)(gp->stacklo + 8), 1, 100);
	cr_expect(runtime_stackcanaryok(gp));
	runtime_stacktrim(gp);
	cr_expect(runtime_stackcanaryok(gp));
	*(volatile char *)gp->stacklo = 0;
	cr_expect(!runtime_stackcanaryok(gp));
}

Test(stack, main_is_part_of_the_program_or_not)
{
	static const size_t sizes[] = {StackMainMin, 16 << 20, StackMainMin};

	init(0);
	for (size_t i = 0; i < nelem(sizes); i++) {
		g *gp = (tlssize = i == 2 ? 3 << 20 : 320, runtime_stackmain(sizes[i], &pp));
		uintptr_t at = (uintptr_t)gp - (uintptr_t)mainslot;

		check_layout(gp, sizes[i]);
		cr_expect(faults(gp->stacklo - 1));
		cr_expect(!faults(gp->stacklo));
		cr_expect(i == 0 || at >= sizeof mainslot, "too large for it");
	}
}

/* A dead main's stack is nobody else's, for it is smaller than its class would be. */
Test(stack, main_is_not_used_again)
{
	g *gp;

	init(0);
	runtime_hugepagesize = (uintptr_t)1 << 47; /* wherever the kernel has put this test, mainslot fits */
	gp = runtime_stackmain(StackMainMin, &pp);
	cr_assert_eq(gp->sizeclass, ClassMain);
	runtime_stackfree(gp);
	for (int i = 0; i < 3; i++)
		cr_expect_neq(runtime_stackalloc(StackMainMin >> i, &pp), gp);
}

/* Thread-locals take of the slot, not of the stack. */
Test(stack, room_for_thread_locals)
{
	static const size_t sizes[] = {320, 5000, 60 << 10, 128 << 10, 300 << 10, 3 << 20};

	for (size_t i = 0; i < nelem(sizes); i++) {
		tlssize = sizes[i];
		init(0);
		for (int k = 0; k < 20; k++) {
			check_layout(runtime_stackalloc(0, &pp), 128 << 10);
			check_layout(runtime_stackalloc(1 << 20, &pp), 1 << 20);
		}
	}
}

Test(stack, main_is_as_large_as_the_system_says)
{
	static const struct {
		uint64_t limit;
		size_t size;
	} cases[] = {
		{0, StackMainMin}, /* no answer */
		{1 << 20, StackMainMin},
		{16 << 20, 16 << 20},
		{UINT64_C(1) << 40, 1 << 30},
		{RLIM_INFINITY, StackMainMin},
	};

	for (size_t i = 0; i < nelem(cases); i++) {
		runtime_oslimit = cases[i].limit;
		cr_expect_eq(runtime_mainstacksize(), cases[i].size, "%#lx", cases[i].limit);
	}
}
