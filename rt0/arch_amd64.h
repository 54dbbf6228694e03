/* SPDX-License-Identifier: MIT */
/*
 * arch_amd64.h - what C and assembly share about this processor: structure
 * offsets (asserted in runtime/check.c), system call numbers that assembly
 * uses, the layout of a saved context, and the few instructions C needs by name.
 */
#ifndef ARCH_AMD64_H
#define ARCH_AMD64_H

#define G_SCHED_SP 0
#define G_SCHED_TP 8
#define G_M 16
#define G_STACKLO 24
#define G_STACKHI 32
#define G_HANDLING 40
#define G_SIGMASK 72
#define G_SIGPENDING 144
#define G_DEFERS 200
#define G_TRYING 208
#define G_PANICS 216
#define M_G0 0
#define M_G0STORE 8
#define M_SIGMASK 408

#define SYS_VFORK 58
#define SYS_GETRLIMIT 97
#define SYS_ARCH_PRCTL 158
#define ARCH_SET_FS_CODE 0x1002
#define RLIMIT_STACK_CODE 3
#define G0_STACK_MAX (8 << 20) /* of an unlimited OS stack g0 claims this much */

/*
 * The frame that a stopped goroutine's sched.sp points at, lowest address
 * first: the floating-point control words, then the callee-saved registers,
 * then the address to resume at. runtime_switch, swap, mcall and systemstack push it.
 */
#define FRAME_FPENV 0
#define FRAME_R15 8
#define FRAME_R14 16
#define FRAME_R13 24
#define FRAME_R12 32
#define FRAME_RBX 40
#define FRAME_RBP 48
#define FRAME_PC 56
#define FRAME_SIZE 64

/* How the vector registers are saved, by what the CPU can; in rising order. */
#define ARCH_FXSAVE 0
#define ARCH_XSAVE 1
#define ARCH_XSAVEC 2

#ifndef __ASSEMBLER__
#include <stdint.h>

static inline void procyield(void) { __builtin_ia32_pause(); }

/* The stack pointer, about: it costs no frame pointer. */
static inline uintptr_t arch_sp(void)
{
	uintptr_t sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return sp;
}

static inline uint64_t arch_cputicks(void) { return __builtin_ia32_rdtsc(); }

/* The registers that a stopped goroutine's frame holds, by DWARF's numbers. */
static inline void arch_frameregs(const uintptr_t *frame, uintptr_t *reg, uint32_t *valid)
{
	reg[3] = frame[FRAME_RBX / 8];
	reg[6] = frame[FRAME_RBP / 8];
	reg[12] = frame[FRAME_R12 / 8];
	reg[13] = frame[FRAME_R13 / 8];
	reg[14] = frame[FRAME_R14 / 8];
	reg[15] = frame[FRAME_R15 / 8];
	*valid = 1 << 3 | 1 << 6 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 15;
}

/* A system call as the kernel has it: the result, or -errno. It knows no scheduler. */
static inline long arch_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long arch_syscall3(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

/* MXCSR in the low half, the x87 control word above it: as a frame holds them. */
static inline uint64_t arch_fpenv(void)
{
	uint32_t mxcsr;
	uint16_t fcw;

	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(fcw));
	return (uint64_t)fcw << 32 | mxcsr;
}

/* Where a new stack's first frame is. Whoever ran there, and stopped, did so further down. */
static inline uintptr_t arch_newsp(uintptr_t hi)
{
	return (hi & -(uintptr_t)16) - FRAME_SIZE - 16;
}

/* A frame at the top of a new stack that makes its first switch enter it at start. */
static inline uintptr_t arch_newframe(uintptr_t hi, void (*start)(void),
				      void (*fn)(void *), void *arg)
{
	uintptr_t sp = arch_newsp(hi);
	uintptr_t *f = (uintptr_t *)sp;

	f[FRAME_FPENV / 8] = arch_fpenv();
	f[FRAME_R12 / 8] = (uintptr_t)arg;
	f[FRAME_RBX / 8] = (uintptr_t)fn;
	f[FRAME_RBP / 8] = 0;
	f[FRAME_PC / 8] = (uintptr_t)start;
	return sp;
}

/* fn(arg), returned in two registers. */
struct arch_call {
	void *arg;
	void (*fn)(void *);
};

/*
 * What the new frame at sp would call, and its floating-point control words: ours now. (To read
 * MXCSR takes ten times as long as to load it.)
 */
static inline struct arch_call arch_firstcall(uintptr_t sp)
{
	const uintptr_t *f = (const uintptr_t *)sp;
	uint16_t fcw = (uint16_t)(f[FRAME_FPENV / 8] >> 32), now;

	__asm__ volatile("ldmxcsr %1; fnstcw %0" : "=m"(now) : "m"(f[FRAME_FPENV / 8]));
	if (fcw != now)
		__asm__ volatile("fnclex; fldcw %0" : : "m"(fcw)); /* see loadfpenv */
	return (struct arch_call){(void *)f[FRAME_R12 / 8], (void (*)(void *))f[FRAME_RBX / 8]};
}

/* The frame at sp gets what a process starts with: exceptions masked, to nearest, x87 at full width. */
static inline void arch_initfpenv(uintptr_t sp)
{
	((uint64_t *)sp)[FRAME_FPENV / 8] = UINT64_C(0x37f) << 32 | 0x1f80;
}

/* What preempt_amd64.S saves of interrupted code, lowest address first. */
struct savedregs {
	uintptr_t r15, r14, r13, r12, r11, r10, r9, r8, di, si, dx, cx, bx, ax, bp, flags, pc;
};

extern uint32_t runtime_xsavesize, runtime_xsavekind;
void runtime_asyncpreempt(void);
void runtime_asynccall(void);

/* AT_HWCAP2's bit for FSGSBASE, and where assembly looks for its absence. */
enum { ARCH_HWCAP2_FSGSBASE = 2 };
extern uint32_t runtime_nofsgsbase;

#endif
#endif
