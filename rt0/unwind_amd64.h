/* SPDX-License-Identifier: MIT */
/*
 * unwind_amd64.h - what unwinding knows about this processor, and about Linux
 * on it: DWARF's registers, the signal frame, what a call and the beginning of
 * a function look like. A port has a file like it.
 *
 * Code is read within the text segments only. It may be the middle of an
 * instruction, or data, so that an answer from it is likely, never certain.
 */
#ifndef UNWIND_AMD64_H
#define UNWIND_AMD64_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "symtab.h"
#include "unwind.h"

enum { /* DWARF's register numbers */
	RegBX = 3,
	RegFP = 6,
	RegSP = 7,
	RegPC = 16,
};

_Static_assert(RegPC + 1 == UnwindRegs, "the pc is the last register followed");

static const uint32_t calleesaved = 1 << RegBX | 1 << RegFP | 0xf << 12;
static const uint8_t trampoline[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};

enum { TrapAt = 7 }; /* its system call instruction */

enum { /* in bytes */
	UcontextFromSP =
		0, /* at the trampoline, that is, when the handler has returned */
	RegsInUcontext = 40,
	ReturnFromFP =
		8, /* where a function with a frame pointer has its return address */
};

/* The order of a ucontext's registers, in DWARF's numbers; the last is the pc. */
static const uint8_t ucontextregs[] = {
	8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};

/* The registers here and now; only those that a caller keeps, and where we are. */
static inline __attribute__((always_inline)) void capture(uintptr_t reg[UnwindRegs])
{
	__asm__ volatile("lea 0(%%rip), %%rax\n\t"
			 "mov %%rax, 16*8(%0)\n\t"
			 "mov %%rbx, 3*8(%0)\n\t"
			 "mov %%rbp, 6*8(%0)\n\t"
			 "mov %%rsp, 7*8(%0)\n\t"
			 "mov %%r12, 12*8(%0)\n\t"
			 "mov %%r13, 13*8(%0)\n\t"
			 "mov %%r14, 14*8(%0)\n\t"
			 "mov %%r15, 15*8(%0)"
			 :
			 : "r"(reg)
			 : "rax", "memory");
}

/* The code from pc - before to pc + after, as a reader; bad when that is not all text. */
static inline struct runtime_reader code(uintptr_t pc, size_t before, size_t after)
{
	struct runtime_reader r = {NULL, NULL, true};
	uintptr_t lo, hi;

	if (pc && runtime_findsegment(PT_LOAD, PF_X, pc, &lo, &hi) && pc - lo >= before &&
		hi - pc >= after)
		r = (struct runtime_reader){
			(const uint8_t *)pc - before, (const uint8_t *)pc + after, false};
	return r;
}

/* The length of the operand that starts with the ModRM byte at p; p[1] is read too. */
static inline unsigned operandlen(const uint8_t *p)
{
	unsigned mod = p[0] >> 6, rm = p[0] & 7, n = 1;

	if (mod == 3)
		return n;
	if (rm == 4)
		n++;
	if (mod == 0)
		return n + (rm == 5 || (rm == 4 && (p[1] & 7) == 5) ? 4 : 0);
	return n + (mod == 1 ? 1 : 4);
}

/* Whether an indirect call (FF /2) of n bytes starts at p, of which 3 may be read. */
static inline bool indirect(const uint8_t *p, unsigned n)
{
	return p[0] == 0xff && (p[1] >> 3 & 7) == 2 && 1 + operandlen(p + 1) == n;
}

/* Whether a call instruction ends at pc; *target is where it goes, 0 if indirect. */
static inline bool isreturn(uintptr_t pc, uintptr_t *target)
{
	static const uint8_t lengths[] = {2, 3, 4, 6, 7};
	struct runtime_reader r = code(pc, 7, 0);
	int32_t rel;

	if (r.bad)
		return false;
	memcpy(&rel, r.end - 4, 4);
	*target = pc + rel;
	if (r.end[-5] == 0xe8 && !code(*target, 0, 0).bad)
		return true;
	*target = 0;
	for (unsigned i = 0; i < sizeof lengths; i++) {
		uint8_t insn[3] = {0};

		memcpy(insn, r.end - lengths[i], lengths[i] < 3 ? 2 : 3);
		if (indirect(insn, lengths[i]))
			return true;
	}
	return false;
}

/* Whether the code at from soon jumps to entry: a tail call, a PLT-like stub. */
static inline bool leadsto(uintptr_t from, uintptr_t entry)
{
	struct runtime_reader r = code(from, 0, 256);
	int32_t rel;

	for (; r.end - r.p >= 5; r.p++) {
		memcpy(&rel, r.p + 1, 4);
		if (r.p[0] == 0xe9 && (uintptr_t)r.p + 5 + rel == entry)
			return true;
		if (r.p[0] == 0xeb && (uintptr_t)r.p + 2 + (int8_t)r.p[1] == entry)
			return true;
	}
	return false;
}

static inline bool istrampoline(uintptr_t pc)
{
	struct runtime_reader r = code(pc, 0, sizeof trampoline);

	if (!r.bad && memcmp(r.p, trampoline, sizeof trampoline) == 0)
		return true;
	r = code(pc, TrapAt, sizeof trampoline - TrapAt);
	return !r.bad && memcmp(r.p, trampoline, sizeof trampoline) == 0;
}

/* Whether a function makes a frame pointer first thing, and pc is where that holds. */
static inline bool hasframe(uintptr_t entry, uintptr_t pc)
{
	static const uint8_t endbr[] = {0xf3, 0x0f, 0x1e, 0xfa},
			     enter[] = {0x55, 0x48, 0x89, 0xe5};
	struct runtime_reader r = code(entry, 0, 8);
	uintptr_t at;

	if (r.bad)
		return false;
	if (memcmp(r.p, endbr, sizeof endbr) == 0)
		rd_skip(&r, sizeof endbr);
	at = (uintptr_t)r.p + sizeof enter;
	return memcmp(r.p, enter, sizeof enter) == 0 && pc >= at &&
	       *(const uint8_t *)pc != 0xc3;
}

/* What a function did to the stack: how far it is down, and where registers are saved. */
struct prologue {
	size_t depth;
	uint32_t at[UnwindRegs]; /* depth after the push, 0 when not pushed */
};

/* An instruction with a ModRM operand: false if unknown, or if it sets sp. */
static inline bool otherinsn(struct runtime_reader *r, unsigned rex, unsigned op)
{
	unsigned modrm = r->end - r->p >= 2 ? r->p[0] : 0, imm = 0;
	bool load = false;

	switch (op) {
	case 0x03:
	case 0x2b:
	case 0x33:
	case 0x63:
	case 0x8b:
	case 0x8d:
		load = true;
		break;
	case 0x01:
	case 0x29:
	case 0x31:
	case 0x39:
	case 0x3b:
		break;
	case 0x84:
	case 0x85:
	case 0x88:
	case 0x89:
		break;
	case 0x83:
	case 0xc6:
		imm = 1;
		break;
	case 0x81:
	case 0xc7:
		imm = 4;
		break;
	default:
		return false;
	}
	if (load ? (modrm >> 3 & 7) == 4 && !(rex & 4)
		 : modrm >> 6 == 3 && (modrm & 7) == 4 && !(rex & 1))
		return false;
	return r->end - r->p >= 2 && rd_skip(r, operandlen(r->p) + imm);
}

/* The next instruction of a prologue; false when that ends, or we do not know it. */
static inline bool prologueinsn(struct runtime_reader *r, struct prologue *p)
{
	static const uint8_t dwarf[] = {
		0, 2, 1, 3, 7, 6, 4, 5}; /* from the CPU's numbers */
	unsigned rex = 0, op = rd_uint(r, 1), reg;

	if (op == 0xf3) /* endbr64 */
		return rd_uint(r, 3) == 0xfa1e0f;
	if (op >> 4 == 4) {
		rex = op;
		op = rd_uint(r, 1);
	}
	if (op >> 3 == 0x50 >> 3) { /* push */
		reg = rex & 1 ? 8 + (op & 7) : dwarf[op & 7];
		p->depth += sizeof(uintptr_t);
		if (!p->at[reg])
			p->at[reg] = p->depth;
		return true;
	}
	if (op >> 3 == 0xb8 >> 3) /* mov $imm, reg */
		return rd_skip(r, rex & 8 ? 8 : 4);
	if ((op == 0x83 || op == 0x81) && r->p < r->end && r->p[0] == 0xec &&
		rex == 0x48) { /* sub $imm, %rsp */
		rd_skip(r, 1);
		p->depth += rd_int(r, op == 0x83 ? 1 : 4);
		return true;
	}
	return otherinsn(r, rex, op);
}

static inline void readprologue(uintptr_t entry, uintptr_t pc, struct prologue *p)
{
	struct runtime_reader r = code(entry, 0, pc - entry);

	memset(p, 0, sizeof *p);
	while (!r.bad && r.p < r.end && prologueinsn(&r, p))
		;
}

#endif
