/* SPDX-License-Identifier: MIT */
/*
 * preempt_amd64.S - calls that a signal handler put into interrupted code.
 *
 * The handler (sched/preempt.c) makes the interrupted context look as if the
 * code had called one of these from where it was: 128 bytes below its stack
 * pointer, which it may be using without having said so, lies the address to
 * return to. They save every register, call C, which lets others run, and restore
 * all. What they save is on the goroutine's stack: it may go on on another m.
 *
 *   interrupted %rsp ->  (the red zone)
 *          +136 bytes    address to return to       <- %rsp at the entry
 *                        flags, rbp, rax, ... r15   <- %rbp: struct savedregs
 *                        FXSAVE, XSAVE or XSAVEC    <- %rsp, 64-byte aligned
 *
 * The frames are marked as a signal's: the return address is not behind a call.
 */
#include "arch_amd64.h"

#define REDZONE 128
#define SAVEDREGS (17 * 8) /* struct savedregs, the return address included */
#define XSAVE_HEADER 512   /* 64 bytes, zeroed first: XSAVE does not write them all */

	.text

	.macro	pushreg reg
	push	\reg
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset \reg, 0
	.endm

	.macro	injected name, fn
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa %rsp, 8 + REDZONE
	.cfi_offset %rip, -8 - REDZONE
	pushfq
	.cfi_adjust_cfa_offset 8
	pushq	$2			/* no direction, alignment or trap flag in our code */
	.cfi_adjust_cfa_offset 8
	popfq
	.cfi_adjust_cfa_offset -8
	pushreg	%rbp
	pushreg	%rax
	pushreg	%rbx
	pushreg	%rcx
	pushreg	%rdx
	pushreg	%rsi
	pushreg	%rdi
	pushreg	%r8
	pushreg	%r9
	pushreg	%r10
	pushreg	%r11
	pushreg	%r12
	pushreg	%r13
	pushreg	%r14
	pushreg	%r15
	mov	%rsp, %rbp
	.cfi_def_cfa %rbp, SAVEDREGS + REDZONE
	mov	runtime_xsavesize(%rip), %eax
	sub	%rax, %rsp
	and	$-64, %rsp
	call	savefp
	fninit				/* what is unmasked in it must not strike in our code */
	ldmxcsr	mxcsr(%rip)
	mov	%rbp, %rdi		/* struct savedregs * */
	call	\fn
	call	restorefp
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	.cfi_remember_state
	.cfi_def_cfa %rsp, 24 + REDZONE
	.cfi_restore %rax
	.cfi_restore %rbx
	.cfi_restore %rcx
	.cfi_restore %rdx
	.cfi_restore %rsi
	.cfi_restore %rdi
	.cfi_restore %r8
	.cfi_restore %r9
	.cfi_restore %r10
	.cfi_restore %r11
	.cfi_restore %r12
	.cfi_restore %r13
	.cfi_restore %r14
	.cfi_restore %r15
	pop	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	popfq
	.cfi_adjust_cfa_offset -8
	ret	$REDZONE		/* %rsp is as it was */
	.cfi_restore_state
	.cfi_endproc
	.size	\name, . - \name
	.endm

/*
 * The floating-point and vector state to 8(%rsp), 64-byte aligned, the way this
 * CPU can. Clobbers %rax, %rcx, %rdx.
 */
	.type	savefp, @function
	.p2align 4
savefp:
	.cfi_startproc
	mov	runtime_xsavekind(%rip), %ecx
	xor	%eax, %eax
	cmp	$ARCH_XSAVE, %ecx
	jb	1f
	.irp	at, 0, 8, 16, 24, 32, 40, 48, 56
	mov	%rax, 8 + XSAVE_HEADER + \at(%rsp)
	.endr
	mov	$-1, %eax		/* all that the system has enabled */
	mov	%eax, %edx
	ja	2f
	xsave64	8(%rsp)
	ret
2:	xsavec64 8(%rsp)
	ret
1:	fxsave64 8(%rsp)
	ret
	.cfi_endproc
	.size	savefp, . - savefp

/* And back. */
	.type	restorefp, @function
	.p2align 4
restorefp:
	.cfi_startproc
	cmpl	$ARCH_XSAVE, runtime_xsavekind(%rip)
	jb	1f
	mov	$-1, %eax
	mov	%eax, %edx
	xrstor64 8(%rsp)
	ret
1:	fxrstor64 8(%rsp)
	ret
	.cfi_endproc
	.size	restorefp, . - restorefp

/* To let others run: a slice is over. */
injected runtime_asyncpreempt, runtime_asyncpreempt2

/*
 * To make a system call that the code was about to make, or was interrupted in, as one
 * that may block: the return address is behind the instruction, %rax holds the number.
 */
injected runtime_asynccall, runtime_asynccall2

	.section .rodata
	.p2align 2
	.type	mxcsr, @object
	.size	mxcsr, 4
mxcsr:	.long	0x1f80			/* all masked, to nearest: as a process starts */

	.bss
	.globl	runtime_xsavesize, runtime_xsavekind
	.hidden	runtime_xsavesize, runtime_xsavekind
	.type	runtime_xsavesize, @object
	.type	runtime_xsavekind, @object
	.size	runtime_xsavesize, 4
	.size	runtime_xsavekind, 4
	.p2align 2
runtime_xsavesize:			/* 0: not known yet, see arch_xsaveinit */
	.zero	4
runtime_xsavekind:			/* ARCH_FXSAVE, ARCH_XSAVE or ARCH_XSAVEC */
	.zero	4

	.section .note.GNU-stack, "", @progbits
