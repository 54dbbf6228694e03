/* SPDX-License-Identifier: MIT */
/*
 * cfiexpr.c - DWARF expressions in call frame information: a stack machine
 * over registers and the stack's memory.
 *
 * Nothing is written but the machine's own stack of ExprDepth words, nothing
 * read but registers, the block itself and what runtime_readstack lets through
 * (no globals, not even the program's), and it ends: after MaxOps opcodes at
 * the latest. Any fault sets bad, which is looked at after each opcode.
 */
#include "cfi.h"

enum { MaxOps = 1000, ExprDepth = 16 };

enum { /* DW_OP_* */
	OpAddr = 0x03,
	OpDeref = 0x06,
	OpConst1u = 0x08,
	OpConst8s = 0x0f,
	OpConstu,
	OpConsts,
	OpDup,
	OpDrop,
	OpOver,
	OpPick,
	OpSwap,
	OpRot,
	OpAbs = 0x19,
	OpAnd,
	OpDiv,
	OpMinus,
	OpMod,
	OpMul,
	OpNeg,
	OpNot,
	OpOr,
	OpPlus,
	OpPlusUconst,
	OpShl,
	OpShr,
	OpShra,
	OpXor,
	OpBra,
	OpEq,
	OpGe,
	OpGt,
	OpLe,
	OpLt,
	OpNe,
	OpSkip,
	OpLit0 = 0x30,
	OpReg0 = 0x50,
	OpBreg0 = 0x70,
	OpRegx = 0x90,
	OpBregx = 0x92,
	OpDerefSize = 0x94,
	OpNop = 0x96,
};

/* An expression under way. Like a reader it may be checked once at the end: bad. */
struct expr {
	struct runtime_stepping *s;
	const uint8_t *start;
	struct runtime_reader r;
	uintptr_t stack[ExprDepth];
	unsigned n;
};

static void push(struct expr *e, uintptr_t v)
{
	if (e->n == ExprDepth)
		e->r.bad = true;
	else
		e->stack[e->n++] = v;
}

static uintptr_t pop(struct expr *e)
{
	if (e->n == 0) {
		e->r.bad = true;
		return 0;
	}
	return e->stack[--e->n];
}

/* A copy of the ith from the top. */
static void copyith(struct expr *e, unsigned i)
{
	if (i >= e->n)
		e->r.bad = true;
	else
		push(e, e->stack[e->n - 1 - i]);
}

/* The top becomes the nth. */
static void rotate(struct expr *e, unsigned n)
{
	uintptr_t v;

	if (e->n < n) {
		e->r.bad = true;
		return;
	}
	v = e->stack[e->n - 1];
	for (unsigned i = 1; i < n; i++)
		e->stack[e->n - i] = e->stack[e->n - i - 1];
	e->stack[e->n - n] = v;
}

static void deref(struct expr *e, unsigned size)
{
	uintptr_t v = 0;

	if (size > sizeof v || !runtime_readstack(e->s->u, pop(e), &v, size))
		e->r.bad = true;
	push(e, v);
}

static void jump(struct expr *e, bool taken)
{
	int64_t off = rd_int(&e->r, 2);

	if (!taken)
		return;
	if (off < e->start - e->r.p || off > e->r.end - e->r.p)
		e->r.bad = true;
	else
		e->r.p += off;
}

static uintptr_t binary(struct expr *e, unsigned op, uintptr_t a, uintptr_t b)
{
	intptr_t sa = (intptr_t)a, sb = (intptr_t)b;

	switch (op) {
	case OpAnd:
		return a & b;
	case OpOr:
		return a | b;
	case OpXor:
		return a ^ b;
	case OpPlus:
		return a + b;
	case OpMinus:
		return a - b;
	case OpMul:
		return a * b;
	case OpDiv:
		return sb == -1 ? -a : sb ? (uintptr_t)(sa / sb) : 0;
	case OpMod:
		return b ? a % b : 0;
	case OpShl:
		return b < 64 ? a << b : 0;
	case OpShr:
		return b < 64 ? a >> b : 0;
	case OpShra:
		return (uintptr_t)(sa >> (b < 63 ? b : 63));
	case OpEq:
		return sa == sb;
	case OpGe:
		return sa >= sb;
	case OpGt:
		return sa > sb;
	case OpLe:
		return sa <= sb;
	case OpLt:
		return sa < sb;
	case OpNe:
		return sa != sb;
	}
	e->r.bad = true;
	return 0;
}

/* The opcodes with a number of their own: constants, registers. False for the others. */
static bool operand(struct expr *e, unsigned op)
{
	struct runtime_reader *r = &e->r;

	if (op == OpAddr) {
		push(e, rd_uint(r, sizeof(uintptr_t)) + runtime_loadbias());
	} else if (op >= OpConst1u && op <= OpConst8s) {
		unsigned size = 1u << ((op - OpConst1u) / 2);

		push(e, op & 1 ? (uintptr_t)rd_int(r, size) : rd_uint(r, size));
	} else if (op == OpConstu) {
		push(e, rd_uleb(r));
	} else if (op == OpConsts) {
		push(e, rd_sleb(r));
	} else if (op >= OpLit0 && op < OpReg0) {
		push(e, op - OpLit0);
	} else if (op >= OpReg0 && op < OpBreg0) {
		push(e, runtime_readreg(e->s, op - OpReg0));
	} else if (op >= OpBreg0 && op < OpRegx) {
		push(e, runtime_readreg(e->s, op - OpBreg0) + rd_sleb(r));
	} else if (op == OpRegx) {
		push(e, runtime_readreg(e->s, rd_uleb(r)));
	} else if (op == OpBregx) {
		uintptr_t v = runtime_readreg(e->s, rd_uleb(r));

		push(e, v + rd_sleb(r));
	} else {
		return false;
	}
	return true;
}

static void operate(struct expr *e, unsigned op)
{
	uintptr_t v;

	switch (op) {
	case OpDeref:
		deref(e, sizeof v);
		break;
	case OpDerefSize:
		deref(e, rd_uint(&e->r, 1));
		break;
	case OpDup:
		copyith(e, 0);
		break;
	case OpOver:
		copyith(e, 1);
		break;
	case OpPick:
		copyith(e, rd_uint(&e->r, 1));
		break;
	case OpDrop:
		pop(e);
		break;
	case OpSwap:
		rotate(e, 2);
		break;
	case OpRot:
		rotate(e, 3);
		break;
	case OpAbs:
		v = pop(e);
		push(e, (intptr_t)v < 0 ? -v : v);
		break;
	case OpNeg:
		push(e, -pop(e));
		break;
	case OpNot:
		push(e, ~pop(e));
		break;
	case OpPlusUconst:
		v = pop(e);
		push(e, v + rd_uleb(&e->r));
		break;
	case OpBra:
		jump(e, pop(e) != 0);
		break;
	case OpSkip:
		jump(e, true);
		break;
	case OpNop:
		break;
	default:
		v = pop(e);
		push(e, binary(e, op, pop(e), v));
	}
}

bool runtime_evaluate(
	struct runtime_stepping *s, int32_t off, const uintptr_t *first, uintptr_t *v)
{
	/* The block was read once by its length, so it is within the tables. */
	struct runtime_reader r = {s->base + off, s->base + off + 16, false};
	uint64_t n = rd_uleb(&r);
	struct expr e = {.s = s, .start = r.p, .r = {r.p, r.p + n, false}};
	unsigned op;

	if (first)
		push(&e, *first);
	for (int i = 0; e.r.p < e.r.end && !e.r.bad; i++) {
		if (i == MaxOps)
			return false;
		op = rd_uint(&e.r, 1);
		if (!operand(&e, op))
			operate(&e, op);
	}
	*v = pop(&e);
	return !e.r.bad;
}
