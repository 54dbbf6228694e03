/* SPDX-License-Identifier: MIT */
/*
 * context_amd64.h - an interrupted context as a signal handler sees it on this
 * processor: looked at, and changed to call something. A port has a file like it.
 */
#ifndef CONTEXT_AMD64_H
#define CONTEXT_AMD64_H

#include <cpuid.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "arch_amd64.h"
#include "atomic.h"

enum { RedZone = 128, SyscallLength = 2 };

static inline uintptr_t ctx_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
}

static inline void ctx_setpc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

static inline uintptr_t ctx_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
}

static inline long ctx_result(const ucontext_t *uc)
{
	return (long)uc->uc_mcontext.gregs[REG_RAX];
}

/* Whether the instruction at pc, in text that may be read, makes a system call. */
static inline bool issyscall(uintptr_t pc)
{
	static const uint8_t insn[SyscallLength] = {0x0f, 0x05};

	return memcmp((const void *)pc, insn, sizeof insn) == 0;
}

/* The arguments that a system call of this context has or had. */
static inline void ctx_args(const ucontext_t *uc, uintptr_t *arg)
{
	static const int at[6] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};

	for (int i = 0; i < 6; i++)
		arg[i] = (uintptr_t)uc->uc_mcontext.gregs[at[i]];
}

/* What injected code puts on the stack before it calls C, alignment included. */
static inline size_t ctx_room(void)
{
	return RedZone + sizeof(struct savedregs) + runtime_xsavesize + 64;
}

/* When the handler returns, fn is called as if by the code at back. */
static inline void ctx_inject(ucontext_t *uc, void (*fn)(void), uintptr_t back)
{
	uintptr_t *sp = (uintptr_t *)(ctx_sp(uc) - RedZone) - 1;

	*sp = back;
	uc->uc_mcontext.gregs[REG_RSP] = (greg_t)sp;
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)fn;
}

/* The same for the system call nr, whose instruction is at pc. */
static inline void ctx_injectcall(ucontext_t *uc, void (*fn)(void), long nr, uintptr_t pc)
{
	uc->uc_mcontext.gregs[REG_RAX] = (greg_t)nr;
	ctx_inject(uc, fn, pc + SyscallLength);
}

/* The saved registers of a call, made: as the instruction leaves them. */
static inline long regs_syscall(const struct savedregs *r, const uintptr_t *arg)
{
	return arch_syscall6((long)r->ax, (long)arg[0], (long)arg[1], (long)arg[2], (long)arg[3],
			     (long)arg[4], (long)arg[5]);
}

static inline void regs_args(const struct savedregs *r, uintptr_t *arg)
{
	const uintptr_t v[6] = {r->di, r->si, r->dx, r->r10, r->r8, r->r9};

	memcpy(arg, v, sizeof v);
}

static inline void regs_setresult(struct savedregs *r, long ret)
{
	r->ax = (uintptr_t)ret;
	r->cx = r->pc;
	r->r11 = r->flags;
}

/*
 * How much room the vector registers take, once: CPUID is a trap of microseconds
 * under a hypervisor. Idempotent, for it may be run by several threads at once.
 */
static inline void arch_xsaveinit(void)
{
	uint32_t a, b, c, d, size, compacted = 0, kind = ARCH_XSAVE;

	if (load_acq(&runtime_xsavesize))
		return;
	size = 512; /* FXSAVE's */
	__cpuid(1, a, b, c, d);
	if (!(c & bit_OSXSAVE)) {
		store_rel(&runtime_xsavesize, size);
		return;
	}
	__cpuid_count(0xd, 0, a, size, c, d); /* of all that is enabled */
	__cpuid_count(0xd, 1, a, compacted, c, d);
	if (a & 2)
		kind = ARCH_XSAVEC;
	store_rlx(&runtime_xsavekind, kind);
	store_rel(&runtime_xsavesize, compacted > size ? compacted : size);
}

#endif
