/* SPDX-License-Identifier: MIT */
/*
 * cfi.h - what the parts of the unwinder share: cfifde.c finds a pc's frame
 * description (FDE), cfi.c runs it, cfiexpr.c computes its expressions, and
 * unwind.c does what can be done without one.
 *
 * Tables are read by a runtime_reader, which bounds them; stacks by
 * runtime_readstack.
 */
#ifndef RUNTIME_CFI_H
#define RUNTIME_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symtab.h"
#include "unwind.h"

/* ---- unwind.c ---- */

static inline bool runtime_within(uintptr_t addr, size_t n, uintptr_t lo, uintptr_t hi)
{
	return addr >= lo && addr < hi && hi - addr >= n;
}

/* n bytes of u's stack, or of one that stackof knows; false when they are on none. */
bool runtime_readstack(
	const struct runtime_unwind *u, uintptr_t addr, void *to, size_t n);

static inline bool runtime_readword(
	const struct runtime_unwind *u, uintptr_t addr, uintptr_t *w)
{
	return runtime_readstack(u, addr, w, sizeof *w);
}

/* Completes a frame by its pc, sp (also where they are by number) and valid registers. */
void runtime_enterframe(
	struct runtime_unwind *u, uintptr_t pc, uintptr_t sp, uint32_t valid);

/* Whether w is a return address of a call that led to the function at entry; 0: any. */
bool runtime_likelyreturn(uintptr_t w, uintptr_t entry);

/* ---- cfifde.c ---- */

struct runtime_cie {
	uintptr_t at; /* 0: none read */
	struct runtime_reader insns;
	uint64_t codealign;
	int64_t dataalign;
	uint64_t pcreg;
	uint8_t enc;
	bool signal, augdata;
};

struct runtime_fde {
	struct runtime_cie cie;
	const uint8_t *base; /* what the expressions in a row are counted from */
	struct runtime_reader insns;
	uintptr_t start, size;
};

/* The FDE that covers pc. */
bool runtime_findfde(uintptr_t pc, struct runtime_fde *f);

/* A pointer in encoding enc (DW_EH_PE_*), data its base if it has one; bad if unknown. */
uintptr_t runtime_encoded(struct runtime_reader *r, uint8_t enc, uintptr_t data);

/* ---- cfi.c ---- */

enum runtime_cfiverdict {
	CfiFailed,  /* no FDE, or none that makes sense here; u is as it was */
	CfiStepped, /* u is the caller's frame */
	CfiBottom,  /* there is no caller; u is as it was */
};

/*
 * From u's frame to its caller's by the tables. exact tells whether they say that u was
 * a signal's frame; guessed is left alone.
 */
enum runtime_cfiverdict runtime_cfistep(struct runtime_unwind *u);

/* A step in the making. doubt: an invalid register was used. */
struct runtime_stepping {
	const struct runtime_unwind *u;
	const uint8_t *base;
	bool doubt;
};

/* Register n, by DWARF's numbers; 0 for one that is not followed. */
uintptr_t runtime_readreg(struct runtime_stepping *s, uint64_t n);

/* ---- cfiexpr.c ---- */

/*
 * The value of the expression (size, opcodes) at off from s->base; first, when not
 * NULL, is pushed before. False when it is nonsense, too long or leaves the stacks.
 */
bool runtime_evaluate(
	struct runtime_stepping *s, int32_t off, const uintptr_t *first, uintptr_t *v);

#endif
