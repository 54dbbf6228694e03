/* SPDX-License-Identifier: MIT */
/*
 * unwind.h - from a frame to its caller's, by the unwind tables where there
 * are any, by guess where not.
 *
 * For a crash handler: no locks, no malloc, at most 2 KiB of stack. Stack
 * memory is read within [lo, hi) only, so rubbish on the stack or in the
 * registers gives rubbish or an early end, never a fault.
 *
 *	struct runtime_unwind u;
 *
 *	runtime_unwind_signal(&u, ucontext, lo, hi);
 *	do
 *		show(runtime_unwind_lookup(&u), u.guessed);
 *	while (n-- > 0 && runtime_unwind_step(&u));
 *
 * Bound the number of frames: on one stack the frames go strictly up, but a
 * stackof that is fed rubbish may lead in a circle between two.
 */
#ifndef RUNTIME_UNWIND_H
#define RUNTIME_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

enum { UnwindRegs = 17 };

/* A frame. Zero-fill it, then set pc, sp, lo, hi, and what is known of reg. */
struct runtime_unwind {
	uintptr_t pc, sp;
	uintptr_t reg[UnwindRegs]; /* by DWARF's numbers; pc and sp are there too */
	/* Bit n: reg[n] is this frame's; else it is an inner frame's left-over. */
	uint32_t valid;
	uintptr_t lo, hi; /* the stack that may be read */
	bool exact;   /* pc is the next instruction, as in a signal; no return address */
	bool guessed; /* set by a step that found this frame by guess */

	/*
	 * May be NULL. Asked about an address outside [lo, hi), when a frame is
	 * on another stack (signal stack, g0): true with the bounds of the
	 * known stack that holds it. Without it such a step ends on a frame
	 * with sp out of [lo, hi); set lo and hi there and go on.
	 */
	bool (*stackof)(uintptr_t addr, uintptr_t *lo, uintptr_t *hi);
};

/*
 * To the caller's frame. False, with u as it was, at the stack's bottom (CFI
 * marks the return address undefined, or it is 0), or when nothing plausible
 * is found.
 */
bool runtime_unwind_step(struct runtime_unwind *u);

/* The frame that a signal interrupted, from the handler's third argument. */
void runtime_unwind_signal(
	struct runtime_unwind *u, const void *ucontext, uintptr_t lo, uintptr_t hi);

/* The caller's own frame, at the call of this. */
void runtime_unwind_self(struct runtime_unwind *u, uintptr_t lo, uintptr_t hi);

/* The address to look up for this frame: within the call instruction for a return address. */
static inline uintptr_t runtime_unwind_lookup(const struct runtime_unwind *u)
{
	return u->pc - !u->exact;
}

#endif
