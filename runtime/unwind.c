/* SPDX-License-Identifier: MIT */
/*
 * unwind.c - a step to the caller: from a signal's frame, by the tables
 * (cfi.c), and what to do without.
 *
 * libc.a's members have no tables. For a pc in one of them, in order: its
 * frame pointer, if its code begins by making one; where the function's
 * prologue, read instruction by instruction, says that the return address is;
 * the first word up the stack that is a return address of a call that leads to
 * the function; the first that is a return address at all; a frame pointer
 * chain. The first three need symbols. Such a frame is marked guessed, and its
 * registers are valid only as far as the prologue's pushes tell. All of this
 * is for a processor whose calls leave the return address on the stack.
 *
 * The signal trampoline, which has no tables either, is known by its bytes.
 *
 * Every read is bounded: stack by [lo, hi), code by text segments. What the
 * processor has to do with it is in rt0/unwind_amd64.h.
 */
#include <string.h>

#include "cfi.h"
#include "unwind_amd64.h"

enum { ScanMax = 32 << 10 }; /* how far up the stack a return address is looked for */

bool runtime_readstack(const struct runtime_unwind *u, uintptr_t addr, void *to, size_t n)
{
	uintptr_t lo = u->lo, hi = u->hi;

	if (!runtime_within(addr, n, lo, hi) &&
		!(u->stackof && u->stackof(addr, &lo, &hi) &&
			runtime_within(addr, n, lo, hi)))
		return false;
	memcpy(to, (const void *)addr, n);
	return true;
}

void runtime_enterframe(
	struct runtime_unwind *u, uintptr_t pc, uintptr_t sp, uint32_t valid)
{
	u->reg[RegPC] = u->pc = pc;
	u->reg[RegSP] = u->sp = sp;
	u->valid = valid | 1 << RegSP | 1 << RegPC;
	if (!runtime_within(sp, 1, u->lo, u->hi) && sp != u->hi && u->stackof)
		u->stackof(sp, &u->lo, &u->hi);
}

/* ---- A step by guess ---- */

bool runtime_likelyreturn(uintptr_t w, uintptr_t entry)
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
	uintptr_t pcat = place + sizeof w + UcontextFromSP + RegsInUcontext +
			 (sizeof ucontextregs - 1) * sizeof w;

	return istrampoline(w) && runtime_readword(u, pcat, &w) && !code(w, 0, 0).bad;
}

/* Where the first likely return address is, from sp up; 0 when there is none near. */
static uintptr_t scan(const struct runtime_unwind *u, uintptr_t entry)
{
	uintptr_t w;

	for (uintptr_t at = u->sp;
		at - u->sp < ScanMax && runtime_within(at, sizeof w, u->lo, u->hi);
		at += sizeof w) {
		memcpy(&w, (const void *)at, sizeof w);
		if (runtime_likelyreturn(w, entry) || handlerreturn(u, w, at))
			return at;
	}
	return 0;
}

/* at, if that is where a likely return address is; else 0. */
static uintptr_t ifreturn(const struct runtime_unwind *u, uintptr_t at, uintptr_t entry)
{
	uintptr_t w;

	if (at < u->sp || at % sizeof w != 0 ||
		!runtime_within(at, sizeof w, u->lo, u->hi))
		return 0;
	memcpy(&w, (const void *)at, sizeof w);
	return runtime_likelyreturn(w, entry) ? at : 0;
}

/* Where the return address of the function at entry is, by the best way that finds it. */
static uintptr_t findreturn(const struct runtime_unwind *u, uintptr_t entry, size_t depth)
{
	uintptr_t at = 0, byframe = u->reg[RegFP] + ReturnFromFP;

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

/* The registers pushed below the return address. The others may be anything now. */
static void unpush(struct runtime_unwind *u, const struct prologue *p, uintptr_t place)
{
	u->valid = 0;
	for (unsigned i = 0; i < UnwindRegs; i++)
		if (p->at[i] && place - p->at[i] >= u->sp &&
			runtime_readword(u, place - p->at[i], &u->reg[i]))
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
	if (!place || !runtime_readword(u, place, &pc))
		return false;
	unpush(u, &p, place);
	runtime_enterframe(u, pc, place + sizeof pc, u->valid);
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

	if (!runtime_readstack(
		    u, u->sp + UcontextFromSP + RegsInUcontext, regs, sizeof regs))
		return false;
	for (unsigned i = 0; i < sizeof ucontextregs; i++)
		to.reg[ucontextregs[i]] = regs[i];
	*u = to;
	runtime_enterframe(u, u->reg[RegPC], u->reg[RegSP], (1u << UnwindRegs) - 1);
	u->exact = true;
	return true;
}

bool runtime_unwind_step(struct runtime_unwind *u)
{
	enum runtime_cfiverdict v;

	if (u->pc == 0 && !u->exact)
		return false;
	u->reg[RegPC] = u->pc;
	u->reg[RegSP] = u->sp;
	u->valid |= 1 << RegSP | 1 << RegPC;
	if (istrampoline(u->pc) && signalstep(u)) {
		u->guessed = false;
		return true;
	}
	v = runtime_cfistep(u);
	if (v == CfiStepped) {
		u->exact |= istrampoline(u->pc);
		u->guessed = false;
	}
	return v == CfiStepped || (v == CfiFailed && guess(u));
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
	runtime_enterframe(u, u->reg[RegPC], u->reg[RegSP], (1u << UnwindRegs) - 1);
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
	runtime_enterframe(u, u->reg[RegPC], u->reg[RegSP], calleesaved);
	u->exact = true;
	runtime_unwind_step(u);
	__asm__ volatile("" : : : "memory"); /* no tail call */
}
