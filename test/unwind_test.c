/* SPDX-License-Identifier: MIT */
/*
 * unwind_test.c - unwind.c, symtab.c and dwarfline.c, by comparison: with the
 * return addresses that each frame saw itself, with libgcc's unwinder, and at
 * every instruction of some functions under single step.
 *
 * Built against glibc, so main's callers are in libc.so, of which the unwinder
 * knows nothing: frames are compared as far as the program's own text goes.
 * Lines are checked only in a build with -g.
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <criterion/criterion.h>
#include <elf.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "../runtime/symtab.h"
#include "../runtime/unwind.h"

#ifndef __clang__
#pragma GCC optimize("O2", "omit-frame-pointer")
#endif

#define noinline __attribute__((noinline, noclone))
#ifdef __clang__
#undef noinline
#define noinline __attribute__((noinline))
#endif

enum { MaxFrames = 4096, BX = 3, BP = 6 };

struct frame {
	uintptr_t pc, sp, reg[UnwindRegs];
	bool guessed;
};

struct trace {
	size_t n;
	struct frame f[MaxFrames];
};

static struct trace ours, theirs;
static uintptr_t seen[MaxFrames]; /* return addresses, as the frames saw them, by depth */
static size_t nseen;
static uintptr_t stacklo, stackhi;

void asm_pushes(void (*fn)(void));
void asm_expr(void (*fn)(void));
void asm_states(void (*fn)(void));
void asm_nocfi(void (*fn)(void));
void asm_nocfiframe(void (*fn)(void));
void asm_bottom(void (*fn)(void), void *stack);
void asm_switch(void (*fn)(void), void *stack);
void asm_restore(void);
extern const char asm_restore_end[];

__asm__(".text\n"
	/* Pushes with an odd adjustment, told step by step. */
	".globl asm_pushes\n.type asm_pushes,@function\nasm_pushes:\n.cfi_startproc\n"
	"push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset rbx,0\n"
	"push %r12\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset r12,0\n"
	"sub $1048,%rsp\n.cfi_adjust_cfa_offset 1048\n"
	"mov $0x1234,%ebx\nmov $0x5678,%r12d\ncall *%rdi\n"
	"add $1048,%rsp\n.cfi_adjust_cfa_offset -1048\n"
	"pop %r12\n.cfi_adjust_cfa_offset -8\n.cfi_restore r12\n"
	"pop %rbx\n.cfi_adjust_cfa_offset -8\n.cfi_restore rbx\n"
	"ret\n.cfi_endproc\n.size asm_pushes,.-asm_pushes\n"
	/*
	 * The CFA saved in memory at sp+8: def_cfa_expression breg7 8, deref;
	 * rbx by expression: cfa - 24 by plus and const1s; r12 by
	 * val_expression: cfa + 0x11 by dup, lit, minus and friends.
	 */
	".globl asm_expr\n.type asm_expr,@function\nasm_expr:\n.cfi_startproc\n"
	"lea 8(%rsp),%rax\n"
	"sub $56,%rsp\n.cfi_adjust_cfa_offset 56\n"
	"mov %rbx,40(%rsp)\nmov %r12,32(%rsp)\nmov %rax,8(%rsp)\n"
	".cfi_escape 0x0f,0x03,0x77,0x08,0x06\n"
	".cfi_escape 0x10,0x03,0x03,0x09,0xe8,0x22\n"
	".cfi_escape 0x16,0x0c,0x0a,0x12,0x41,0x22,0x16,0x13,0x77,0x08,0x06,0x41,0x22\n"
	"mov $0x99,%ebx\ncall *%rdi\n"
	"mov 40(%rsp),%rbx\nadd $56,%rsp\n.cfi_def_cfa rsp,8\n.cfi_restore "
	"rbx\n.cfi_restore r12\n"
	"ret\n.cfi_endproc\n.size asm_expr,.-asm_expr\n"
	/* remember and restore, nested, GNU_args_size, and a long advance (a hole of nops). */
	".globl asm_states\n.type asm_states,@function\nasm_states:\n.cfi_startproc\n"
	"push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset rbx,0\n"
	".cfi_remember_state\ntest %rdi,%rdi\njz 1f\n"
	".skip 70000,0x90\n"
	"sub $16,%rsp\n.cfi_adjust_cfa_offset 16\n.cfi_remember_state\n"
	"jmp 2f\n"
	"add $16,%rsp\n.cfi_adjust_cfa_offset -16\npop %rbx\n.cfi_adjust_cfa_offset "
	"-8\nret\n"
	"2: .cfi_restore_state\n.cfi_escape 0x2e,0x10\n"
	"mov $0x4321,%ebx\ncall *%rdi\nadd $16,%rsp\n"
	"1: .cfi_restore_state\npop %rbx\n.cfi_adjust_cfa_offset -8\nret\n"
	".cfi_endproc\n.size asm_states,.-asm_states\n"
	/* As libc.a's members: no tables; a frame, and rbp and rbx used for something else. */
	".globl asm_nocfi\n.type asm_nocfi,@function\nasm_nocfi:\n"
	"push %rbp\nmov %rdi,%rax\npush %rbx\nsub $40,%rsp\nxor %ebp,%ebp\nmov $7,%ebx\n"
	"lea asm_nocfi+3(%rip),%rcx\nmov %rcx,8(%rsp)\nmovq $-1,(%rsp)\n"
	"call *%rax\nadd $40,%rsp\npop %rbx\npop %rbp\nret\n.size asm_nocfi,.-asm_nocfi\n"
	".globl asm_nocfiframe\n.type asm_nocfiframe,@function\nasm_nocfiframe:\n"
	"push %rbp\nmov %rsp,%rbp\npush %rbx\nsub $24,%rsp\ncall *%rdi\n"
	"add $24,%rsp\npop %rbx\npop %rbp\nret\n.size asm_nocfiframe,.-asm_nocfiframe\n"
	/* The bottom of another stack. */
	".globl asm_bottom\n.type asm_bottom,@function\nasm_bottom:\n.cfi_startproc\n"
	"push %rbp\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset rbp,0\n"
	"mov %rsp,%rbp\n.cfi_def_cfa_register rbp\nmov %rsi,%rsp\n"
	".cfi_remember_state\n.cfi_undefined rip\ncall *%rdi\n"
	".cfi_restore_state\nmov %rbp,%rsp\npop %rbp\n.cfi_def_cfa rsp,8\nret\n"
	".cfi_endproc\n.size asm_bottom,.-asm_bottom\n"
	/* A call on another stack that unwinds back to this one. */
	".globl asm_switch\n.type asm_switch,@function\nasm_switch:\n.cfi_startproc\n"
	"push %rbp\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset rbp,0\n"
	"mov %rsp,%rbp\n.cfi_def_cfa_register rbp\nmov %rsi,%rsp\n"
	"call *%rdi\nmov %rbp,%rsp\npop %rbp\n.cfi_def_cfa rsp,8\nret\n"
	".cfi_endproc\n.size asm_switch,.-asm_switch\n"
	/* musl's __restore_rt; no type, no size, no tables. */
	"nop\n.globl asm_restore\nasm_restore:\nmov $15,%rax\nsyscall\n"
	".globl asm_restore_end\nasm_restore_end:\n.skip 16,0x90\n");

static void bounds(void)
{
	pthread_attr_t a;
	void *p;
	size_t n;

	pthread_getattr_np(pthread_self(), &a);
	pthread_attr_getstack(&a, &p, &n);
	pthread_attr_destroy(&a);
	stackhi = (uintptr_t)p + n;
	stacklo = (uintptr_t)__builtin_frame_address(0) - (1 << 20);
}

static bool inprogram(uintptr_t pc)
{
	uintptr_t lo, hi;

	return pc && runtime_findsegment(PT_LOAD, PF_X, pc, &lo, &hi);
}

static void add(struct trace *t, const struct runtime_unwind *u)
{
	struct frame *f = &t->f[t->n++];

	f->pc = u->pc;
	f->sp = u->sp;
	f->guessed = u->guessed;
	memcpy(f->reg, u->reg, sizeof f->reg);
}

/* All frames from u on, in ours; true when they came to a clean end. */
static void walkfrom(struct runtime_unwind *u)
{
	ours.n = 0;
	do
		add(&ours, u);
	while (ours.n < MaxFrames && runtime_unwind_step(u));
}

static _Unwind_Reason_Code libgcc(struct _Unwind_Context *c, void *arg)
{
	struct frame *f = &theirs.f[theirs.n];

	(void)arg;
	if (theirs.n == MaxFrames)
		return _URC_END_OF_STACK;
	theirs.n++;
	f->pc = _Unwind_GetIP(c);
	f->sp = _Unwind_GetCFA(c);
	f->reg[BX] = _Unwind_GetGR(c, BX);
	f->reg[BP] = _Unwind_GetGR(c, BP);
	for (int i = 12; i < 16; i++)
		f->reg[i] = _Unwind_GetGR(c, i);
	return _URC_NO_REASON;
}

/* Both traces from here. */
static noinline void walk(void)
{
	struct runtime_unwind u;

	theirs.n = 0;
	_Unwind_Backtrace(libgcc, NULL);
	runtime_unwind_self(&u, stacklo, stackhi);
	walkfrom(&u);
}

static void sameframe(size_t i)
{
	const struct frame *a = &ours.f[i], *b = &theirs.f[i];

	cr_assert_eq(a->pc, b->pc, "frame %zu: pc %lx, libgcc %lx", i, a->pc, b->pc);
	cr_assert_eq(a->sp, b->sp, "frame %zu (pc %lx): sp %lx, libgcc %lx", i, a->pc,
		a->sp, b->sp);
	cr_assert_not(a->guessed, "frame %zu guessed", i);
	for (int r = 0; r < 16; r++)
		if (r == BX || r == BP || r >= 12)
			cr_assert_eq(a->reg[r], b->reg[r],
				"frame %zu, pc %lx: register %d is %lx, libgcc %lx", i,
				a->pc, r, a->reg[r], b->reg[r]);
}

/* walk's own frame is left out: the two calls in it are at different places. Returns how many frames agree. */
static size_t agree(void)
{
	size_t i;
	uintptr_t lo, hi;

	if (!runtime_findsegment(PT_GNU_EH_FRAME, 0, 0, &lo, &hi))
		return SIZE_MAX; /* libgcc cannot do without */
	for (i = 1; i < theirs.n && inprogram(theirs.f[i].pc); i++) {
		cr_assert_lt(i, ours.n, "only %zu frames", ours.n);
		sameframe(i);
	}
	return i;
}

/* ---- Functions of every shape, which call next when depth is used up ---- */

static int depth;
static void (*next)(void);
static volatile char sink;

static void call(void);

#define record() (seen[nseen++] = (uintptr_t)__builtin_return_address(0))
#define use(p)                    \
	__asm__ volatile(""       \
			 :        \
			 : "r"(p) \
			 : "memory") /* no tail call, nothing optimised away */

static noinline void plain(void)
{
	record();
	call();
	use(&depth);
}

static noinline void vla(int n)
{
	char buf[n];

	record();
	memset(buf, n, n);
	use(buf);
	call();
	use(buf);
}

static noinline void big(void)
{
	char buf[100000];

	record();
	use(buf);
	call();
	use(buf);
}

static noinline void aligned(void)
{
	char buf[100] __attribute__((aligned(128)));

	record();
	cr_assert_eq((uintptr_t)buf % 128, 0);
	use(buf);
	call();
	use(buf);
}

/* gcc needs r10 for the arguments, and finds the frame by expression. */
static noinline void drap(int a, int b, int c, int d, int e, int f, int n, int h)
{
	char buf[64] __attribute__((aligned(64)));
	char *p = alloca(n + h);

	record();
	use(buf);
	use(p);
	call();
	use(buf);
	use(p);
	sink = a + b + c + d + e + f + h;
}

/* Keeps every callee-saved register alive across the call. */
static noinline void busy(long a, long b, long c, long d, long e, long f)
{
	record();
	call();
	use(a);
	use(b);
	use(c);
	use(d);
	use(e);
	use(f);
}

static void frompushes(void)
{
	record();
	call();
	use(&depth);
}

static noinline void call(void)
{
	int d = depth--;

	if (d <= 0) {
		next();
		use(&depth);
		return;
	}
	switch (d % 9) {
	case 0:
		plain();
		break;
	case 1:
		vla(d * 7 % 500 + 1);
		break;
	case 2:
		big();
		break;
	case 3:
		aligned();
		break;
	case 4:
		drap(1, 2, 3, 4, 5, 6, d + 1, 8);
		break;
	case 5:
		busy(d, d + 1, d + 2, d + 3, d + 4, d + 5);
		break;
	case 6:
		asm_pushes(frompushes);
		break;
	case 7:
		asm_expr(frompushes);
		break;
	case 8:
		asm_states(frompushes);
		break;
	}
	use(&depth);
}

/* call's frame alternates with the others': every address seen must be there, in order. */
static void sawall(void)
{
	size_t i = 0, want = nseen;

	for (; i < ours.n && want > 0; i++)
		if (ours.f[i].pc == seen[want - 1])
			want--;
	cr_assert_eq(want, 0, "return address %zu, %lx, is not in the trace", want - 1,
		seen[want - 1]);
}

static noinline void start(int d, void (*fn)(void))
{
	bounds();
	nseen = 0;
	depth = d;
	next = fn;
	call();
	use(&depth);
}

Test(unwind, shapes)
{
	for (int d = 0; d < 30; d++) {
		start(d, walk);
		sawall();
		cr_assert_geq(agree(), 2 * (size_t)d + 3);
	}
}

static noinline void recurse(int n)
{
	record();
	if (n == 0)
		walk();
	else
		recurse(n - 1);
	use(&n);
}

Test(unwind, deep_recursion)
{
	bounds();
	nseen = 0;
	recurse(1000);
	for (size_t i = 0; i <= 1000; i++)
		cr_assert_eq(ours.f[i + 2].pc, seen[1000 - i]);
	cr_assert_geq(agree(), 1002);
}

/* ---- Stacks ---- */

static uintptr_t altlo, althi;

static bool stackof(uintptr_t addr, uintptr_t *lo, uintptr_t *hi)
{
	if (addr >= altlo && addr < althi) {
		*lo = altlo;
		*hi = althi;
		return true;
	}
	*lo = stacklo;
	*hi = stackhi;
	return addr >= stacklo && addr < stackhi;
}

static void *newstack(void)
{
	size_t n = 1 << 18;

	altlo = (uintptr_t)mmap(
		NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	althi = altlo + n;
	return (void *)althi;
}

static noinline void walkstacks(void)
{
	struct runtime_unwind u;

	theirs.n = 0;
	_Unwind_Backtrace(libgcc, NULL);
	runtime_unwind_self(&u, altlo, althi);
	u.stackof = stackof;
	walkfrom(&u);
}

static noinline void onbottom(void)
{
	asm_bottom(walkstacks, newstack());
	use(&depth);
}

Test(unwind, ends_where_the_pc_is_undefined)
{
	start(20, onbottom);
	cr_assert_eq(ours.n, 2);
	cr_assert_eq(ours.f[1].sp, althi);
	cr_assert_not(ours.f[1].guessed);
}

static noinline void onswitch(void)
{
	asm_switch(walkstacks, newstack());
	use(&depth);
}

Test(unwind, across_stacks)
{
	start(20, onswitch);
	sawall();
	agree();
}

/* ---- Signals ---- */

struct ksigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static struct runtime_unwind interrupted;

static void onsignal(int sig, siginfo_t *info, void *uc)
{
	struct runtime_unwind u;

	(void)sig;
	(void)info;
	runtime_unwind_signal(&interrupted, uc, stacklo, stackhi);
	runtime_unwind_self(&u, altlo ? altlo : stacklo, altlo ? althi : stackhi);
	u.stackof = stackof;
	walkfrom(&u);
	use(&u);
}

static noinline void breakpoint(void)
{
	__asm__ volatile("int3");
}

/* The trace out of the handler must go on as the trace from the ucontext does. */
static void throughsignal(unsigned long flags)
{
	struct ksigaction sa = {
		onsignal, SA_SIGINFO | 0x04000000 | flags, asm_restore, 0};
	struct runtime_unwind u;
	size_t i;

	cr_assert_eq(syscall(SYS_rt_sigaction, SIGTRAP, &sa, NULL, 8), 0);
	start(20, breakpoint);
	sawall();
	for (i = 0; i < ours.n && ours.f[i].pc != (uintptr_t)asm_restore; i++)
		;
	cr_assert_lt(i + 1, ours.n);
	u = interrupted;
	cr_assert(u.exact);
	for (i++; i < ours.n; i++) {
		cr_assert_eq(ours.f[i].pc, u.pc);
		cr_assert_eq(ours.f[i].sp, u.sp);
		if (inprogram(u.pc))
			cr_assert_not(ours.f[i].guessed);
		if (nseen > 0 &&
			u.pc == seen[0]) /* beyond are libc's frames, and the stack has changed since */
			break;
		cr_assert(runtime_unwind_step(&u));
	}
}

Test(unwind, through_a_signal)
{
	throughsignal(0);
}

Test(unwind, through_a_signal_on_its_own_stack)
{
	stack_t ss = {.ss_size = 1 << 18};

	newstack();
	ss.ss_sp = (void *)altlo;
	cr_assert_eq(sigaltstack(&ss, NULL), 0);
	throughsignal(SA_ONSTACK);
}

/* ---- Every instruction ---- */

enum { TrapFlag = 0x100 };

uintptr_t wantpc, wantsp, wantbx; /* not static: the assembly below sets them */
static int nstep, nbad;
static uintptr_t badpc;

/*
 * gcc's tables do not say that the registers are back at the end of a function
 * that finds its frame by r10: lea -8(%r10),%rsp; ret.
 */
static bool tableswrong(uintptr_t pc)
{
	const unsigned char *insn = (const unsigned char *)pc;

	return memcmp(insn, "\x49\x8d\x62\xf8\xc3", 5) == 0 ||
	       (*insn == 0xc3 && memcmp(insn - 4, "\x49\x8d\x62\xf8", 4) == 0);
}

static void onstep(int sig, siginfo_t *info, void *ucontext)
{
	ucontext_t *uc = ucontext;
	struct runtime_unwind u;
	int n = 0;

	(void)sig;
	(void)info;
	runtime_unwind_signal(&u, uc, stacklo, stackhi);
	if (u.pc == wantpc) {
		uc->uc_mcontext.gregs[REG_EFL] &= ~TrapFlag;
		return;
	}
	if (!inprogram(u.pc) || tableswrong(u.pc))
		return;
	nstep++;
	while (n < 200 && u.pc != wantpc && runtime_unwind_step(&u) && !u.guessed)
		n++;
	if ((u.pc != wantpc || u.sp != wantsp || u.reg[BX] != wantbx) && nbad++ == 0)
		badpc = uc->uc_mcontext.gregs[REG_RIP];
}

void stepstart(void (*fn)(void));
__asm__(".globl stepstart\n.type stepstart,@function\nstepstart:\n.cfi_startproc\n"
	"push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset rbx,0\n"
	"lea 1f(%rip),%rax\nmov %rax,wantpc(%rip)\nmov %rsp,wantsp(%rip)\n"
	"mov $0xabcdef,%ebx\nmov %rbx,wantbx(%rip)\n"
	"pushf\n.cfi_adjust_cfa_offset 8\norq $0x100,(%rsp)\n"
	"popf\n.cfi_adjust_cfa_offset -8\ncall *%rdi\n"
	"1: pop %rbx\n.cfi_adjust_cfa_offset -8\nret\n.cfi_endproc\n.size "
	"stepstart,.-stepstart\n");

static void nothing(void)
{
}
static void callall(void)
{
	next = nothing;
	call();
	use(&depth);
}

Test(unwind, every_instruction)
{
	struct sigaction sa = {.sa_sigaction = onstep, .sa_flags = SA_SIGINFO};

	bounds();
	sigaction(SIGTRAP, &sa, NULL);
	nseen = 0;
	for (int d = 1; d < 8; d++) {
		depth = d;
		stepstart(callall);
	}
	cr_assert_gt(nstep, 500);
	cr_assert_eq(nbad, 0, "%d of %d, first at %lx", nbad, nstep, badpc);
}

/* ---- No tables ---- */

static noinline void tonocfi(void)
{
	asm_nocfi(walk);
	use(&depth);
}

static noinline void tonocfiframe(void)
{
	asm_nocfiframe(walk);
	use(&depth);
}

/* libgcc stops there; all return addresses must be found all the same, and one frame is a guess. */
static void guessed(void (*fn)(void))
{
	size_t i = 0, n = 0;
	struct runtime_func f;

	if (!runtime_findfunc((uintptr_t)asm_nocfi, &f))
		cr_skip_test("without symbols the guess may be wrong");
	for (int d = 0; d < 30; d++) {
		start(d, fn);
		sawall();
		for (n = i = 0; i < ours.n && ours.f[i].pc != (nseen ? seen[0] : 0); i++)
			n += ours.f[i].guessed;
		if (nseen)
			cr_assert_eq(n, 1, "depth %d: %zu guesses", d, n);
	}
}

Test(unwind, code_without_tables)
{
	guessed(tonocfi);
}

Test(unwind, code_without_tables_with_frame_pointer)
{
	guessed(tonocfiframe);
}

/* A call through a null pointer: pc is 0, the return address on top. */
static void onsegv(int sig, siginfo_t *info, void *ucontext)
{
	ucontext_t *uc = ucontext;

	(void)sig;
	(void)info;
	runtime_unwind_signal(&interrupted, uc, stacklo, stackhi);
	walkfrom(&interrupted);
	uc->uc_mcontext.gregs[REG_RIP] = *(greg_t *)uc->uc_mcontext.gregs[REG_RSP];
	uc->uc_mcontext.gregs[REG_RSP] += 8;
}

static noinline void callnull(void)
{
	void (*fn)(void) = NULL;

	__asm__ volatile("" : "+r"(fn));
	fn();
	use(&depth);
}

Test(unwind, call_of_null)
{
	struct sigaction sa = {.sa_sigaction = onsegv, .sa_flags = SA_SIGINFO};

	sigaction(SIGSEGV, &sa, NULL);
	start(20, callnull);
	cr_assert_eq(ours.f[0].pc, 0);
	cr_assert(ours.f[1].guessed);
	sawall();
}

/* ---- Rubbish ---- */

static uint64_t rnd(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static uintptr_t rubbish(uintptr_t textlo, uintptr_t texthi)
{
	switch (rnd() % 4) {
	case 0:
		return textlo + rnd() % (texthi - textlo);
	case 1:
		return altlo + rnd() % (althi - altlo);
	case 2:
		return altlo + rnd() % (althi - altlo) / 8 * 8;
	}
	return rnd() >> rnd() % 64;
}

/* The stack lies between pages that cannot be read, so a read outside is a crash. */
Test(unwind, rubbish_is_harmless)
{
	uintptr_t lo, hi, *stack;
	size_t n = 4096, steps = 0;
	char *p = mmap(NULL, 3 * n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(p + n, n, PROT_READ | PROT_WRITE);
	altlo = (uintptr_t)p + n;
	althi = altlo + n;
	stack = (uintptr_t *)altlo;
	cr_assert(runtime_findsegment(PT_LOAD, PF_X, (uintptr_t)rubbish, &lo, &hi));
	for (int i = 0; i < 20000; i++) {
		struct runtime_unwind u = {
			.lo = altlo, .hi = althi, .exact = rnd() & 1, .valid = rnd()};

		if (i % 20 == 0)
			for (size_t j = 0; j < n / sizeof *stack; j++)
				stack[j] = rubbish(lo, hi);
		for (int r = 0; r < UnwindRegs; r++)
			u.reg[r] = rubbish(lo, hi);
		u.pc = rnd() % 8 ? lo + rnd() % (hi - lo) : rubbish(lo, hi);
		u.sp = rubbish(lo, hi);
		for (int s = 0; s < 100 && runtime_unwind_step(&u); s++)
			steps++;
	}
	cr_assert_gt(steps, 1000);
}

Test(unwind, all_addresses_of_the_text)
{
	uintptr_t lo, hi;
	struct runtime_func f;
	const char *file;
	int line;

	cr_assert(runtime_findsegment(PT_LOAD, PF_X, (uintptr_t)walk, &lo, &hi));
	for (uintptr_t pc = lo; pc<hi; pc += pc>(uintptr_t) asm_states ? 61 : 7) {
		struct runtime_unwind u = {.pc = pc, .sp = stacklo, .exact = true};

		runtime_unwind_step(&u);
		if (runtime_findfunc(pc, &f))
			cr_assert(f.entry <= pc && pc - f.entry < f.size);
		if (runtime_findline(pc, &file, &line))
			cr_assert(line > 0 && *file);
	}
}

/* ---- Symbols and lines ---- */

static bool isfunc(uintptr_t pc, const char *name, uintptr_t entry)
{
	struct runtime_func f;

	return runtime_findfunc(pc, &f) && strcmp(f.name, name) == 0 && f.entry == entry;
}

Test(symtab, functions)
{
	struct runtime_func f;
	const void *p;
	size_t n;
	uintptr_t at;

	if (!runtime_findsection(".symtab", &p, &n, &at))
		cr_skip_test("no symbols in this build");
	cr_assert(isfunc((uintptr_t)walk, "walk", (uintptr_t)walk));
	cr_assert(isfunc((uintptr_t)recurse + 5, "recurse", (uintptr_t)recurse));
	cr_assert(isfunc(
		(uintptr_t)asm_states + 70000, "asm_states", (uintptr_t)asm_states));
	cr_assert(isfunc((uintptr_t)asm_restore, "asm_restore", (uintptr_t)asm_restore));
	cr_assert(isfunc(
		(uintptr_t)asm_restore_end - 1, "asm_restore", (uintptr_t)asm_restore));
	cr_assert(isfunc((uintptr_t)runtime_unwind_step + 9, "runtime_unwind_step",
		(uintptr_t)runtime_unwind_step));
	cr_assert(runtime_findfunc((uintptr_t)asm_restore, &f));
	cr_assert_eq(f.size, (size_t)(asm_restore_end - (char *)asm_restore));
}

Test(symtab, no_function)
{
	struct runtime_func f;
	int local;

	cr_assert_not(runtime_findfunc(0, &f));
	cr_assert_not(runtime_findfunc((uintptr_t)&ours, &f));
	cr_assert_not(runtime_findfunc((uintptr_t)&local, &f));
	cr_assert_not(runtime_findfunc(UINTPTR_MAX, &f));
}

Test(symtab, sections)
{
	static const char text[] = "a string of this test only";
	const void *p;
	size_t n;
	uintptr_t at;

	cr_assert(runtime_findsection(".rodata", &p, &n, &at));
	cr_assert_eq(memcmp(p, (void *)at, n), 0);
	cr_assert_geq((uintptr_t)text, at);
	cr_assert_lt((uintptr_t)text, at + n);
	cr_assert_not(runtime_findsection(".no_such", &p, &n, &at));
	cr_assert_not(runtime_findsection(".bss", &p, &n, &at));
	cr_assert(runtime_findsection(".shstrtab", &p, &n, &at));
	cr_assert_eq(at, 0);
}

static noinline uintptr_t here(void)
{
	use(&sink);
	return (uintptr_t)__builtin_return_address(0) - 1;
}

Test(symtab, lines)
{
	static volatile uintptr_t at[3];
	static int want[3];
	const char *file = "", *dir = "";
	const void *p;
	size_t n, len;
	uintptr_t addr;
	int line;

	if (!runtime_findsection(".debug_line", &p, &n, &addr))
		cr_skip_test("no line table in this build");
	want[0] = __LINE__ + 1;
	at[0] = here();
	at[1] = here();
	want[1] = __LINE__ - 1;

	want[2] = __LINE__ + 1;
	at[2] = here();
	for (int i = 0; i < 3; i++) {
		cr_assert(runtime_findlinedir(at[i], &dir, &file, &line));
		len = strlen(file);
		cr_assert_geq(len, strlen("unwind_test.c"));
		cr_assert_str_eq(file + len - strlen("unwind_test.c"), "unwind_test.c");
		cr_assert_eq(line, want[i]);
	}
	cr_assert_not(runtime_findline((uintptr_t)&ours, &file, &line));
	cr_assert_not(runtime_findline(0, &file, &line));
}
