/* SPDX-License-Identifier: MIT */
/*
 * unwind.c - DWARF call frame information, and what to do without.
 *
 * Where the tables are: .eh_frame_hdr's sorted index when the link made one
 * (found through the program headers), else .eh_frame by the section headers,
 * one pass over it a step. Nothing is cached.
 *
 * libc.a's members have no tables. For a pc in one of them, in order: its
 * frame pointer, if its code begins by making one; where the function's
 * prologue, read instruction by instruction, says that the return address is;
 * the first word up the stack that is a return address of a call that leads to
 * the function; the first that is a return address at all; a frame pointer
 * chain. The first three need symbols. Such a frame is marked guessed, its
 * registers are valid only as far as the prologue's pushes tell, and a later
 * step that has to use an invalid one counts only if it ends at a return
 * address, else it is again a guess. musl's signal trampoline is known by its
 * bytes.
 *
 * The tables themselves are trusted to mean well, but every read is bounded:
 * stack by [lo, hi), tables by their segment, code by text segments.
 */
#include <elf.h>
#include <string.h>

#include "symtab.h"
#include "unwind.h"

/* ---- What a port replaces ---- */

enum { /* DWARF's register numbers */
	RegBX = 3,
	RegFP = 6,
	RegSP = 7,
	RegPC = 16,
};

static const uint32_t calleesaved = 1 << RegBX | 1 << RegFP | 0xf << 12;
static const uint8_t trampoline[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};

enum { TrapAt = 7 }; /* its system call instruction */
enum { RegsInUcontext = 40 };

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
static struct runtime_reader code(uintptr_t pc, size_t before, size_t after)
{
	struct runtime_reader r = {NULL, NULL, true};
	uintptr_t lo, hi;

	if (pc && runtime_findsegment(PT_LOAD, PF_X, pc, &lo, &hi) && pc - lo >= before &&
		hi - pc >= after)
		r = (struct runtime_reader){
			(const uint8_t *)pc - before, (const uint8_t *)pc + after, false};
	return r;
}

/* The length of the operand that starts with the ModRM byte at p; p[1] must be readable too. */
static unsigned operandlen(const uint8_t *p)
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
static bool indirect(const uint8_t *p, unsigned n)
{
	return p[0] == 0xff && (p[1] >> 3 & 7) == 2 && 1 + operandlen(p + 1) == n;
}

/* Whether a call instruction ends at pc; *target is where it goes, 0 for an indirect one. */
static bool isreturn(uintptr_t pc, uintptr_t *target)
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

/* Whether the code at from leads to entry by a jump soon: a tail call, a PLT-like stub. */
static bool leadsto(uintptr_t from, uintptr_t entry)
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

static bool istrampoline(uintptr_t pc)
{
	struct runtime_reader r = code(pc, 0, sizeof trampoline);

	if (!r.bad && memcmp(r.p, trampoline, sizeof trampoline) == 0)
		return true;
	r = code(pc, TrapAt, sizeof trampoline - TrapAt);
	return !r.bad && memcmp(r.p, trampoline, sizeof trampoline) == 0;
}

/* Whether a function makes a frame pointer first thing, and pc is where that holds. */
static bool hasframe(uintptr_t entry, uintptr_t pc)
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

/* What a function does to the stack before pc: how far it is down, and where it saved registers. */
struct prologue {
	size_t depth;
	uint32_t at[UnwindRegs]; /* depth after the push, 0 when not pushed */
};

/* An instruction with an operand in memory or a register: false if unknown, or if it sets sp. */
static bool otherinsn(struct runtime_reader *r, unsigned rex, unsigned op)
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
static bool prologueinsn(struct runtime_reader *r, struct prologue *p)
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

static void readprologue(uintptr_t entry, uintptr_t pc, struct prologue *p)
{
	struct runtime_reader r = code(entry, 0, pc - entry);

	memset(p, 0, sizeof *p);
	while (!r.bad && r.p < r.end && prologueinsn(&r, p))
		;
}

/* ---- The same for all ---- */

enum { ScanMax = 32 << 10, MaxOps = 1000, ExprDepth = 16, RowDepth = 6 };

enum { /* pointer encodings */
	EncUleb = 1,
	EncUdata2,
	EncUdata4,
	EncUdata8,
	EncSleb = 9,
	EncSdata2,
	EncSdata4,
	EncSdata8,
	EncPcrel = 0x10,
	EncDatarel = 0x30,
	EncIndirect = 0x80,
	EncOmit = 0xff,
};

enum rule {
	RuleSame,
	RuleUndefined,
	RuleOffset,
	RuleValOffset,
	RuleRegister,
	RuleExpr,
	RuleValExpr
};

/* How to find the caller's registers. Expressions are kept as distances from the FDE's start. */
struct row {
	uint8_t rule[UnwindRegs];
	uint8_t cfareg;
	bool cfaexpr;
	int32_t val[UnwindRegs];
	int32_t cfaval;
};

struct cie {
	uintptr_t at; /* 0: none read */
	struct runtime_reader insns;
	uint64_t codealign;
	int64_t dataalign;
	uint64_t pcreg;
	uint8_t enc;
	bool signal, augdata;
};

struct fde {
	struct cie cie;
	const uint8_t *base; /* what the expressions in a row are counted from */
	struct runtime_reader insns;
	uintptr_t start, size;
};

/* The virtual machine that runs an FDE down to pc. */
struct machine {
	const struct fde *f;
	uintptr_t loc;
	struct row row, init; /* init: as the CIE leaves it */
	struct row saved[RowDepth];
	unsigned nsaved;
};

/* A step in the making. doubt: an invalid register was used. */
struct stepping {
	const struct runtime_unwind *u;
	const uint8_t *base;
	bool doubt;
};

static bool within(uintptr_t addr, size_t n, uintptr_t lo, uintptr_t hi)
{
	return addr >= lo && addr < hi && hi - addr >= n;
}

static bool readstack(const struct runtime_unwind *u, uintptr_t addr, void *to, size_t n)
{
	uintptr_t lo = u->lo, hi = u->hi;

	if (!within(addr, n, lo, hi) &&
		!(u->stackof && u->stackof(addr, &lo, &hi) && within(addr, n, lo, hi)))
		return false;
	memcpy(to, (const void *)addr, n);
	return true;
}

static bool readword(const struct runtime_unwind *u, uintptr_t addr, uintptr_t *w)
{
	return readstack(u, addr, w, sizeof *w);
}

static uintptr_t readreg(struct stepping *s, uint64_t n)
{
	if (n >= UnwindRegs || !(s->u->valid >> n & 1))
		s->doubt = true;
	return n < UnwindRegs ? s->u->reg[n] : 0;
}

/* The frame is complete but for sp, pc and valid, which are also where they are by number. */
static void enter(struct runtime_unwind *u, uintptr_t pc, uintptr_t sp, uint32_t valid)
{
	u->reg[RegPC] = u->pc = pc;
	u->reg[RegSP] = u->sp = sp;
	u->valid = valid | 1 << RegSP | 1 << RegPC;
	if (!within(sp, 1, u->lo, u->hi) && sp != u->hi && u->stackof)
		u->stackof(sp, &u->lo, &u->hi);
}

/* ---- Finding the FDE ---- */

/* A pointer in the given encoding; what we do not know sets bad. */
static uintptr_t encoded(struct runtime_reader *r, uint8_t enc, uintptr_t data)
{
	uintptr_t at = (uintptr_t)r->p, v = 0;

	switch (enc & 0xf) {
	case 0:
		v = rd_uint(r, sizeof v);
		break;
	case EncUleb:
		v = rd_uleb(r);
		break;
	case EncUdata2:
		v = rd_uint(r, 2);
		break;
	case EncUdata4:
		v = rd_uint(r, 4);
		break;
	case EncUdata8:
		v = rd_uint(r, 8);
		break;
	case EncSleb:
		v = rd_sleb(r);
		break;
	case EncSdata2:
		v = rd_int(r, 2);
		break;
	case EncSdata4:
		v = rd_int(r, 4);
		break;
	case EncSdata8:
		v = rd_int(r, 8);
		break;
	default:
		r->bad = true;
	}
	switch (enc & 0xf0) {
	case 0:
		return v;
	case EncPcrel:
		return v + at;
	case EncDatarel:
		return v + data;
	}
	r->bad = true;
	return 0;
}

/* The body of the CIE or FDE at r, which moves past it. Bad at the end of the table, or of all sense. */
static struct runtime_reader record(struct runtime_reader *r)
{
	uint64_t n = rd_uint(r, 4);
	struct runtime_reader b;

	if (n == 0xffffffff)
		n = rd_uint(r, 8);
	b = *r;
	rd_skip(r, n);
	b.end = r->p;
	b.bad = r->bad;
	return b;
}

/* A CIE's augmentation data, as its string says. Only 'z' tells its size, so only that is read. */
static bool augmentation(struct runtime_reader *r, const char *aug, struct cie *c)
{
	uint64_t n;
	struct runtime_reader a;

	if (!*aug)
		return true;
	if (*aug != 'z')
		return false;
	c->augdata = true;
	n = rd_uleb(r);
	a = *r;
	rd_skip(r, n);
	a.end = r->p;
	while (*++aug) {
		if (*aug == 'R')
			c->enc = rd_uint(&a, 1);
		else if (*aug == 'P')
			encoded(&a, rd_uint(&a, 1) & ~EncIndirect, 0);
		else if (*aug == 'L')
			rd_uint(&a, 1);
		else if (*aug == 'S')
			c->signal = true;
		else
			return false;
	}
	return !a.bad;
}

static bool readcie(uintptr_t at, const uint8_t *end, struct cie *c)
{
	struct runtime_reader r = {(const uint8_t *)at, end, false}, b = record(&r);
	uint64_t id = rd_uint(&b, 4);
	unsigned version = rd_uint(&b, 1);
	const char *aug = rd_str(&b);

	*c = (struct cie){0};
	if (b.bad || id != 0 || (version != 1 && version != 3))
		return false;
	c->codealign = rd_uleb(&b);
	c->dataalign = rd_sleb(&b);
	c->pcreg = version == 1 ? rd_uint(&b, 1) : rd_uleb(&b);
	if (!augmentation(&b, aug, c) || b.bad)
		return false;
	c->insns = b;
	c->at = at;
	return true;
}

/* The FDE whose body is b, in tables that start at lo; false for a CIE. f->cie is kept where it is the one. */
static bool readfde(struct runtime_reader b, uintptr_t lo, struct fde *f)
{
	uintptr_t idat = (uintptr_t)b.p, id = rd_uint(&b, 4), cie = idat - id;

	if (b.bad || id == 0 || cie < lo || cie >= idat)
		return false;
	if (f->cie.at != cie && !readcie(cie, (const uint8_t *)idat, &f->cie)) {
		f->cie.at = 0;
		return false;
	}
	f->base = (const uint8_t *)idat;
	f->start = encoded(&b, f->cie.enc, 0);
	f->size = encoded(&b, f->cie.enc & 0xf, 0);
	if (f->cie.augdata)
		rd_skip(&b, rd_uleb(&b));
	f->insns = b;
	return !b.bad;
}

static bool covers(const struct fde *f, uintptr_t pc)
{
	return pc >= f->start && pc - f->start < f->size;
}

/* Through .eh_frame_hdr: 1 found, 0 pc has no FDE, -1 there is no index. */
static int searchindex(uintptr_t pc, struct fde *f)
{
	struct runtime_reader r = {NULL, NULL, false};
	uintptr_t hdr, hi, lo, at;
	uint32_t first = 0, n;
	uint8_t enc[4];

	if (!runtime_findsegment(PT_GNU_EH_FRAME, 0, 0, &hdr, &hi))
		return -1;
	r.p = (const uint8_t *)hdr;
	r.end = (const uint8_t *)hi;
	for (int i = 0; i < 4; i++)
		enc[i] = rd_uint(&r, 1); /* version; of pointer, count, table */
	if (enc[0] != 1 || enc[1] == EncOmit || enc[2] == EncOmit ||
		enc[3] != (EncDatarel | EncSdata4))
		return -1;
	encoded(&r, enc[1], hdr);
	n = encoded(&r, enc[2], hdr);
	if (r.bad || n > (size_t)(r.end - r.p) / 8)
		return -1;
	/* The last entry that starts at or below pc is in [first - 1, first + n). */
	while (n > 0) {
		struct runtime_reader e = {
			r.p + 8 * (size_t)(first + n / 2), r.end, false};

		if (hdr + rd_int(&e, 4) <= pc) {
			first += n / 2 + 1;
			n -= n / 2 + 1;
		} else {
			n /= 2;
		}
	}
	if (first == 0)
		return 0;
	r.p += 8 * (size_t)(first - 1) + 4;
	at = hdr + rd_int(&r, 4);
	if (!runtime_findsegment(PT_LOAD, PF_R, at, &lo, &hi))
		return 0;
	r = (struct runtime_reader){(const uint8_t *)at, (const uint8_t *)hi, false};
	return readfde(record(&r), lo, f) && covers(f, pc);
}

/* Through the section headers. An empty record marks an end, but only of some object's part. */
static bool searchsection(uintptr_t pc, struct fde *f)
{
	const void *file;
	size_t n;
	uintptr_t at, lo, hi;
	struct runtime_reader r;

	if (!runtime_findsection(".eh_frame", &file, &n, &at) ||
		!runtime_findsegment(PT_LOAD, PF_R, at, &lo, &hi) || n > hi - at)
		return false;
	r = (struct runtime_reader){(const uint8_t *)at, (const uint8_t *)at + n, false};
	while (r.p < r.end)
		if (readfde(record(&r), at, f) && covers(f, pc))
			return true;
	return false;
}

static bool findfde(uintptr_t pc, struct fde *f)
{
	int found;

	f->cie.at = 0;
	found = searchindex(pc, f);
	return found < 0 ? searchsection(pc, f) : found;
}

/* ---- Expressions ---- */

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
	struct stepping *s;
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
static void pick(struct expr *e, unsigned i)
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

	if (size > sizeof v || !readstack(e->s->u, pop(e), &v, size))
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

/* The opcodes that carry a number of their own: constants and registers. False for the others. */
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
		push(e, readreg(e->s, op - OpReg0));
	} else if (op >= OpBreg0 && op < OpRegx) {
		push(e, readreg(e->s, op - OpBreg0) + rd_sleb(r));
	} else if (op == OpRegx) {
		push(e, readreg(e->s, rd_uleb(r)));
	} else if (op == OpBregx) {
		uintptr_t v = readreg(e->s, rd_uleb(r));

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
		pick(e, 0);
		break;
	case OpOver:
		pick(e, 1);
		break;
	case OpPick:
		pick(e, rd_uint(&e->r, 1));
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

/* The value of the block (size, opcodes) at off from the FDE; first, when not NULL, is pushed before. */
static bool evaluate(
	struct stepping *s, int32_t off, const uintptr_t *first, uintptr_t *v)
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

/* ---- Running an FDE ---- */

enum { /* DW_CFA_*; the first three have an operand in the low six bits */
	CfaAdvance = 0x40,
	CfaOffset = 0x80,
	CfaRestore = 0xc0,

	CfaNop = 0,
	CfaSetLoc,
	CfaAdvance1,
	CfaAdvance2,
	CfaAdvance4,
	CfaOffsetExtended,
	CfaRestoreExtended,
	CfaUndefined,
	CfaSameValue,
	CfaRegister,
	CfaRememberState,
	CfaRestoreState,
	CfaDefCfa,
	CfaDefCfaRegister,
	CfaDefCfaOffset,
	CfaDefCfaExpression,
	CfaExpression,
	CfaOffsetExtendedSf,
	CfaDefCfaSf,
	CfaDefCfaOffsetSf,
	CfaValOffset,
	CfaValOffsetSf,
	CfaValExpression,
	CfaGnuArgsSize = 0x2e,
	CfaGnuNegativeOffset,
};

/* Registers that we do not follow (vector ones) are let pass. */
static bool setrule(struct row *w, uint64_t reg, enum rule rule, int64_t val)
{
	if (reg < UnwindRegs) {
		w->rule[reg] = rule;
		w->val[reg] = (int32_t)val;
	}
	return val == (int32_t)val;
}

static bool setcfa(struct row *w, uint64_t reg, int64_t val)
{
	w->cfaexpr = false;
	w->cfareg = reg;
	w->cfaval = (int32_t)val;
	return reg < UnwindRegs && val == (int32_t)val;
}

static bool restore(struct machine *m, uint64_t reg)
{
	return reg >= UnwindRegs ||
	       setrule(&m->row, reg, m->init.rule[reg], m->init.val[reg]);
}

static bool remember(struct machine *m)
{
	if (m->nsaved == RowDepth)
		return false;
	m->saved[m->nsaved++] = m->row;
	return true;
}

static bool recall(struct machine *m)
{
	if (m->nsaved == 0)
		return false;
	m->row = m->saved[--m->nsaved];
	return true;
}

/* An expression's place, for a row; the reader goes past it. */
static int64_t block(const struct machine *m, struct runtime_reader *r)
{
	int64_t at = r->p - m->f->base;

	rd_skip(r, rd_uleb(r));
	return at;
}

static bool setcfaexpr(struct machine *m, struct runtime_reader *r)
{
	bool ok = setcfa(&m->row, RegSP, block(m, r));

	m->row.cfaexpr = true;
	return ok;
}

static bool advance(struct machine *m, uint64_t n)
{
	m->loc += n * m->f->cie.codealign;
	return true;
}

/* One instruction; false when it makes no sense. The order of reads from r is the format's. */
static bool instruction(struct machine *m, struct runtime_reader *r, unsigned op)
{
	const struct cie *c = &m->f->cie;
	struct row *w = &m->row;
	uint64_t reg;

	switch (op) {
	case CfaNop:
		return true;
	case CfaSetLoc:
		m->loc = encoded(r, c->enc, 0);
		return true;
	case CfaAdvance1:
		return advance(m, rd_uint(r, 1));
	case CfaAdvance2:
		return advance(m, rd_uint(r, 2));
	case CfaAdvance4:
		return advance(m, rd_uint(r, 4));
	case CfaRememberState:
		return remember(m);
	case CfaRestoreState:
		return recall(m);
	case CfaDefCfaExpression:
		return setcfaexpr(m, r);
	case CfaDefCfaOffset:
		return setcfa(w, w->cfareg, rd_uleb(r));
	case CfaDefCfaOffsetSf:
		return setcfa(w, w->cfareg, rd_sleb(r) * c->dataalign);
	case CfaGnuArgsSize:
		rd_uleb(r);
		return true;
	}
	reg = rd_uleb(r); /* the first operand of all others */
	switch (op) {
	case CfaDefCfa:
		return setcfa(w, reg, rd_uleb(r));
	case CfaDefCfaSf:
		return setcfa(w, reg, rd_sleb(r) * c->dataalign);
	case CfaDefCfaRegister:
		return setcfa(w, reg, w->cfaval);
	case CfaRestoreExtended:
		return restore(m, reg);
	case CfaUndefined:
		return setrule(w, reg, RuleUndefined, 0);
	case CfaSameValue:
		return setrule(w, reg, RuleSame, 0);
	case CfaRegister:
		return setrule(w, reg, RuleRegister, rd_uleb(r));
	case CfaOffsetExtended:
		return setrule(w, reg, RuleOffset, rd_uleb(r) * c->dataalign);
	case CfaOffsetExtendedSf:
		return setrule(w, reg, RuleOffset, rd_sleb(r) * c->dataalign);
	case CfaGnuNegativeOffset:
		return setrule(w, reg, RuleOffset, -(rd_uleb(r) * c->dataalign));
	case CfaValOffset:
		return setrule(w, reg, RuleValOffset, rd_uleb(r) * c->dataalign);
	case CfaValOffsetSf:
		return setrule(w, reg, RuleValOffset, rd_sleb(r) * c->dataalign);
	case CfaExpression:
		return setrule(w, reg, RuleExpr, block(m, r));
	case CfaValExpression:
		return setrule(w, reg, RuleValExpr, block(m, r));
	}
	return false;
}

/* Runs instructions up to the row that holds at pc. */
static bool runto(struct machine *m, struct runtime_reader r, uintptr_t pc)
{
	while (r.p < r.end && m->loc <= pc) {
		unsigned op = rd_uint(&r, 1), low = op & 0x3f;
		bool ok;

		switch (op & 0xc0) {
		case CfaAdvance:
			ok = advance(m, low);
			break;
		case CfaOffset:
			ok = setrule(&m->row, low, RuleOffset,
				rd_uleb(&r) * m->f->cie.dataalign);
			break;
		case CfaRestore:
			ok = restore(m, low);
			break;
		default:
			ok = instruction(m, &r, op);
		}
		if (!ok || r.bad)
			return false;
	}
	return true;
}

/* noinline: the machine is the big thing on the stack, and is gone before the rest of the step. */
static __attribute__((noinline)) bool findrow(
	const struct fde *f, uintptr_t pc, struct row *w)
{
	struct machine m = {.f = f, .loc = f->start};

	if (!runto(&m, f->cie.insns, pc))
		return false;
	m.init = m.row;
	if (!runto(&m, f->insns, pc))
		return false;
	*w = m.row;
	return true;
}

/* ---- A step by the tables ---- */

enum verdict { Stepped, Bottom, Failed };

static bool findcfa(struct stepping *s, const struct row *w, uintptr_t *cfa)
{
	if (w->cfaexpr)
		return evaluate(s, w->cfaval, NULL, cfa);
	*cfa = readreg(s, w->cfareg) + w->cfaval;
	return true;
}

/* The caller's register i, by its rule. One that keeps its value needs nothing. */
static bool findreg(
	struct stepping *s, const struct row *w, unsigned i, uintptr_t cfa, uintptr_t *v)
{
	switch (w->rule[i]) {
	case RuleOffset:
		return readword(s->u, cfa + w->val[i], v);
	case RuleValOffset:
		*v = cfa + w->val[i];
		return true;
	case RuleRegister:
		*v = readreg(s, w->val[i]);
		return true;
	case RuleValExpr:
		return evaluate(s, w->val[i], &cfa, v);
	case RuleExpr:
		return evaluate(s, w->val[i], &cfa, v) && readword(s->u, *v, v);
	}
	return true;
}

/* All registers as the caller had them, in to. */
static bool findregs(
	struct stepping *s, const struct row *w, uintptr_t cfa, struct runtime_unwind *to)
{
	to->reg[RegSP] = cfa;
	to->valid = s->u->valid & (calleesaved | 1 << RegPC);
	for (unsigned i = 0; i < UnwindRegs; i++) {
		if (!findreg(s, w, i, cfa, &to->reg[i]))
			return false;
		if (w->rule[i] == RuleUndefined)
			to->valid &= ~(1u << i);
		else if (w->rule[i] != RuleSame)
			to->valid |= 1u << i;
	}
	return true;
}

/* A frame must be where it can be, and one that rests on doubt must be likely as well. */
static bool plausible(
	const struct stepping *s, const struct runtime_unwind *to, bool signal)
{
	uintptr_t sp = to->reg[RegSP], unused;

	if (sp % sizeof(uintptr_t) != 0)
		return false;
	if (!signal && sp <= s->u->sp && within(sp, 1, s->u->lo, s->u->hi))
		return false;
	return !s->doubt || isreturn(to->reg[RegPC], &unused);
}

static enum verdict tablestep(struct runtime_unwind *u, const struct fde *f)
{
	struct runtime_unwind to = *u;
	struct stepping s = {u, f->base, false};
	struct row w;
	uintptr_t cfa;

	if (f->cie.pcreg != RegPC || !findrow(f, runtime_unwind_lookup(u), &w))
		return Failed;
	if (w.rule[RegPC] == RuleUndefined)
		return Bottom;
	if (w.rule[RegPC] == RuleSame || !findcfa(&s, &w, &cfa) ||
		!findregs(&s, &w, cfa, &to) || !plausible(&s, &to, f->cie.signal))
		return Failed;
	if (to.reg[RegPC] == 0)
		return Bottom;
	*u = to;
	enter(u, to.reg[RegPC], to.reg[RegSP], to.valid);
	u->exact = f->cie.signal || istrampoline(u->pc);
	return Stepped;
}

/* ---- A step without ---- */

/* Whether w is a return address of a call that led to the function at entry, 0 for any. */
static bool likely(uintptr_t w, uintptr_t entry)
{
	uintptr_t target;

	return isreturn(w, &target) &&
	       (!entry || !target || target == entry || leadsto(target, entry));
}

/*
 * Whether a handler's return address is at place: sigaction leaves the like on
 * the stack, so the ucontext above must have a pc in it.
 */
static bool handlerreturn(const struct runtime_unwind *u, uintptr_t w, uintptr_t place)
{
	uintptr_t pcat =
		place + sizeof w + RegsInUcontext + (sizeof ucontextregs - 1) * sizeof w;

	return istrampoline(w) && readword(u, pcat, &w) && !code(w, 0, 0).bad;
}

/* Where the first likely return address is, from sp up; 0 when there is none near. */
static uintptr_t scan(const struct runtime_unwind *u, uintptr_t entry)
{
	uintptr_t w;

	for (uintptr_t at = u->sp;
		at - u->sp < ScanMax && within(at, sizeof w, u->lo, u->hi);
		at += sizeof w) {
		memcpy(&w, (const void *)at, sizeof w);
		if (likely(w, entry) || handlerreturn(u, w, at))
			return at;
	}
	return 0;
}

/* at, if that is where a likely return address is; else 0. */
static uintptr_t ifreturn(const struct runtime_unwind *u, uintptr_t at, uintptr_t entry)
{
	uintptr_t w;

	if (at < u->sp || at % sizeof w != 0 || !within(at, sizeof w, u->lo, u->hi))
		return 0;
	memcpy(&w, (const void *)at, sizeof w);
	return likely(w, entry) ? at : 0;
}

/* Where the return address of the function at entry is, from the best ways to the worst. */
static uintptr_t findreturn(const struct runtime_unwind *u, uintptr_t entry, size_t depth)
{
	uintptr_t at = 0, byframe = u->reg[RegFP] + sizeof(uintptr_t);

	if (entry && hasframe(entry, u->pc))
		at = ifreturn(u, byframe, 0);
	if (!at && entry)
		at = ifreturn(u, u->sp + depth, entry);
	if (!at && entry)
		at = scan(u, entry);
	if (!at)
		at = scan(u, 0);
	return at ? at : ifreturn(u, byframe, 0);
}

/* The registers that were pushed below the return address. The others may be anything now. */
static void unpush(struct runtime_unwind *u, const struct prologue *p, uintptr_t place)
{
	u->valid = 0;
	for (unsigned i = 0; i < UnwindRegs; i++)
		if (p->at[i] && place - p->at[i] >= u->sp &&
			readword(u, place - p->at[i], &u->reg[i]))
			u->valid |= 1u << i;
}

static bool guess(struct runtime_unwind *u)
{
	uintptr_t pc = runtime_unwind_lookup(u), place;
	struct runtime_func f = {NULL, 0, 0};
	struct prologue p = {0};

	if (u->sp % sizeof pc != 0)
		return false;
	if (!code(pc, 0, 0).bad && runtime_findfunc(pc, &f))
		readprologue(f.entry, u->pc, &p);
	place = findreturn(u, f.entry, p.depth);
	if (!place || !readword(u, place, &pc))
		return false;
	unpush(u, &p, place);
	enter(u, pc, place + sizeof pc, u->valid);
	u->exact = istrampoline(pc);
	u->guessed = true;
	return true;
}

/* ---- Signals, and the interface ---- */

/* From the trampoline that a handler returns to, at which sp points at the ucontext. */
static bool signalstep(struct runtime_unwind *u)
{
	uintptr_t regs[sizeof ucontextregs];
	struct runtime_unwind to = *u;

	if (!readstack(u, u->sp + RegsInUcontext, regs, sizeof regs))
		return false;
	for (unsigned i = 0; i < sizeof ucontextregs; i++)
		to.reg[ucontextregs[i]] = regs[i];
	*u = to;
	enter(u, u->reg[RegPC], u->reg[RegSP], (1u << UnwindRegs) - 1);
	u->exact = true;
	return true;
}

bool runtime_unwind_step(struct runtime_unwind *u)
{
	enum verdict v = Failed;
	struct fde f;

	if (u->pc == 0 && !u->exact)
		return false;
	u->reg[RegPC] = u->pc;
	u->reg[RegSP] = u->sp;
	u->valid |= 1 << RegSP | 1 << RegPC;
	if (istrampoline(u->pc) && signalstep(u)) {
		u->guessed = false;
		return true;
	}
	if (findfde(runtime_unwind_lookup(u), &f))
		v = tablestep(u, &f);
	if (v == Stepped)
		u->guessed = false;
	return v == Stepped || (v == Failed && guess(u));
}

void runtime_unwind_signal(
	struct runtime_unwind *u, const void *ucontext, uintptr_t lo, uintptr_t hi)
{
	memset(u, 0, sizeof *u);
	for (unsigned i = 0; i < sizeof ucontextregs; i++)
		memcpy(&u->reg[ucontextregs[i]],
			(const char *)ucontext + RegsInUcontext + i * sizeof(uintptr_t),
			sizeof(uintptr_t));
	u->lo = lo;
	u->hi = hi;
	enter(u, u->reg[RegPC], u->reg[RegSP], (1u << UnwindRegs) - 1);
	u->exact = true;
}

/* The step out of here must be made here: our frame is gone with our return. */
__attribute__((noinline)) void runtime_unwind_self(
	struct runtime_unwind *u, uintptr_t lo, uintptr_t hi)
{
	memset(u, 0, sizeof *u);
	capture(u->reg);
	u->lo = lo;
	u->hi = hi;
	enter(u, u->reg[RegPC], u->reg[RegSP], calleesaved);
	u->exact = true;
	runtime_unwind_step(u);
	__asm__ volatile("" : : : "memory"); /* no tail call */
}
