/* SPDX-License-Identifier: MIT */
/*
 * cfi.c - a step to the caller by DWARF call frame information.
 *
 * An FDE's instructions are run up to the pc and give a row: a rule for each
 * register, by which its value in the caller is found. A register that no rule
 * tells and no callee keeps is invalid in the caller. A step that had to use an
 * invalid one (doubt: below is a guessed frame) counts only if it ends at a
 * return address. Frames go strictly up on one stack, but for a signal's.
 *
 * What is not followed, vector registers for one, is let pass; what makes no
 * sense fails the whole step.
 */
#include "cfi.h"
#include "unwind_amd64.h"

enum { RowDepth = 6 };

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

enum rule {
	RuleSame,
	RuleUndefined,
	RuleOffset,
	RuleValOffset,
	RuleRegister,
	RuleExpr,
	RuleValExpr
};

/* How to find the caller's registers. Expressions as distances from the FDE's base. */
struct row {
	uint8_t rule[UnwindRegs];
	uint8_t cfareg;
	bool cfaexpr;
	int32_t val[UnwindRegs];
	int32_t cfaval;
};

/* The virtual machine that runs an FDE down to pc. */
struct machine {
	const struct runtime_fde *f;
	uintptr_t loc;
	struct row row, init; /* init: as the CIE leaves it */
	struct row saved[RowDepth];
	unsigned nsaved;
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

/* One instruction; false if it makes no sense. Reads from r are in the format's order. */
static bool instruction(struct machine *m, struct runtime_reader *r, unsigned op)
{
	const struct runtime_cie *c = &m->f->cie;
	struct row *w = &m->row;
	uint64_t reg;

	switch (op) {
	case CfaNop:
		return true;
	case CfaSetLoc:
		m->loc = runtime_encoded(r, c->enc, 0);
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

/* noinline: the machine, big on the stack, is gone before the rest of the step. */
static __attribute__((noinline)) bool findrow(
	const struct runtime_fde *f, uintptr_t pc, struct row *w)
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

/* ---- A step ---- */

uintptr_t runtime_readreg(struct runtime_stepping *s, uint64_t n)
{
	if (n >= UnwindRegs || !(s->u->valid >> n & 1))
		s->doubt = true;
	return n < UnwindRegs ? s->u->reg[n] : 0;
}

static bool findcfa(struct runtime_stepping *s, const struct row *w, uintptr_t *cfa)
{
	if (w->cfaexpr)
		return runtime_evaluate(s, w->cfaval, NULL, cfa);
	*cfa = runtime_readreg(s, w->cfareg) + w->cfaval;
	return true;
}

/* The caller's register i, by its rule. One that keeps its value needs nothing. */
static bool findreg(struct runtime_stepping *s, const struct row *w, unsigned i,
	uintptr_t cfa, uintptr_t *v)
{
	switch (w->rule[i]) {
	case RuleOffset:
		return runtime_readword(s->u, cfa + w->val[i], v);
	case RuleValOffset:
		*v = cfa + w->val[i];
		return true;
	case RuleRegister:
		*v = runtime_readreg(s, w->val[i]);
		return true;
	case RuleValExpr:
		return runtime_evaluate(s, w->val[i], &cfa, v);
	case RuleExpr:
		return runtime_evaluate(s, w->val[i], &cfa, v) &&
		       runtime_readword(s->u, *v, v);
	}
	return true;
}

/* All registers as the caller had them, in to. */
static bool findregs(struct runtime_stepping *s, const struct row *w, uintptr_t cfa,
	struct runtime_unwind *to)
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
	const struct runtime_stepping *s, const struct runtime_unwind *to, bool signal)
{
	uintptr_t sp = to->reg[RegSP];

	if (sp % sizeof(uintptr_t) != 0)
		return false;
	if (!signal && sp <= s->u->sp && runtime_within(sp, 1, s->u->lo, s->u->hi))
		return false;
	return !s->doubt || runtime_likelyreturn(to->reg[RegPC], 0);
}

static enum runtime_cfiverdict tablestep(
	struct runtime_unwind *u, const struct runtime_fde *f)
{
	struct runtime_unwind to = *u;
	struct runtime_stepping s = {u, f->base, false};
	struct row w;
	uintptr_t cfa;

	if (f->cie.pcreg != RegPC || !findrow(f, runtime_unwind_lookup(u), &w))
		return CfiFailed;
	if (w.rule[RegPC] == RuleUndefined)
		return CfiBottom;
	if (w.rule[RegPC] == RuleSame || !findcfa(&s, &w, &cfa) ||
		!findregs(&s, &w, cfa, &to) || !plausible(&s, &to, f->cie.signal))
		return CfiFailed;
	if (to.reg[RegPC] == 0)
		return CfiBottom;
	*u = to;
	runtime_enterframe(u, to.reg[RegPC], to.reg[RegSP], to.valid);
	u->exact = f->cie.signal;
	return CfiStepped;
}

enum runtime_cfiverdict runtime_cfistep(struct runtime_unwind *u)
{
	struct runtime_fde f;

	return runtime_findfde(runtime_unwind_lookup(u), &f) ? tablestep(u, &f)
							     : CfiFailed;
}
