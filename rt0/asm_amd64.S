/* SPDX-License-Identifier: MIT */
/*
 * asm_amd64.S - boot from the kernel's stack to C, and the stack switches.
 *
 * A stopped goroutine is sched.sp, pointing at a frame of the shape told in
 * arch_amd64.h, and sched.tp, its thread pointer. Every switch moves FS with
 * the stack, so that thread-locals (getg() and errno among them) always belong
 * to the code that runs.
 *
 * CFI holds at every instruction. On the way from one stack to another the
 * frame is described from %rsp as soon as %rsp is on a stack whose top is such
 * a frame; g0's entries from mcall and a goroutine's first frame say that %rip
 * is undefined, which is where a backtrace ends.
 */
#include "arch_amd64.h"

	.text

/*
 * Make FS point at the thread block whose address is in %r8: one instruction,
 * or a system call where the CPU lacks it. Clobbers %rax, %rcx, %r9-%r11.
 */
	.macro	settp
	cmpl	$0, runtime_nofsgsbase(%rip)
	jne	1f
	wrfsbase %r8
	jmp	2f
1:	mov	%rdi, %r9		/* the arguments stay */
	mov	%rsi, %r10
	mov	$SYS_ARCH_PRCTL, %eax
	mov	$ARCH_SET_FS_CODE, %edi
	mov	%r8, %rsi		/* the new thread pointer */
	syscall
	mov	%r9, %rdi
	mov	%r10, %rsi
2:
	.endm

/* The same with the system call out of the way: settpslow belongs behind the function's end. */
	.macro	settpfast
	cmpl	$0, runtime_nofsgsbase(%rip)
	jne	7f
	wrfsbase %r8
8:
	.endm

	.macro	settpslow
7:	mov	%rdi, %r9
	mov	%rsi, %r10
	mov	$SYS_ARCH_PRCTL, %eax
	mov	$ARCH_SET_FS_CODE, %edi
	mov	%r8, %rsi
	syscall
	mov	%r9, %rdi
	mov	%r10, %rsi
	jmp	8b
	.endm

/* Push the frame of a stopped goroutine. The return address is there already. */
	.macro	pushframe
	push	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	push	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	push	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	push	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	push	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	sub	$8, %rsp		/* for savefpenv */
	.cfi_adjust_cfa_offset 8
	.endm

/*
 * Rounding, masks and flags, the goroutine's own, to the frame at (%rsp), and in %eax and
 * %ecx. After settp, though they might go with the registers: wrfsbase waits for all before
 * it, stmxcsr is slow, and nothing after has to wait for it. (16 cycles of 85 a switch, Zen 4.)
 */
	.macro	savefpenv
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	mov	(%rsp), %eax
	movzwl	4(%rsp), %ecx
	.endm

/*
 * Load a frame's, unless they are what %eax and %ecx say that the CPU has now. MXCSR alone differs
 * as soon as one of two has rounded something (its flags), and is cheap; x87's is neither.
 */
	.macro	loadfpenv
	cmp	%eax, (%rsp)
	je	3f
	ldmxcsr	(%rsp)
3:	cmp	%cx, 4(%rsp)
	je	4f
	fnclex				/* what the one before did must not strike by this one's masks */
	fldcw	4(%rsp)
4:
	.endm

/* Pop a frame and resume. */
	.macro	popframe
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	pop	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	pop	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	pop	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	pop	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	pop	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	ret				/* to where it stopped, or runtime_gostart */
	.endm

	.macro	func name
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	.endm

	.macro	endfunc name
	.cfi_endproc
	.size	\name, . - \name
	.endm

/* _rt0_amd64: argc to DI, argv to SI. Still on the kernel's stack. */
func _rt0_amd64
	.cfi_undefined %rip
	mov	0(%rsp), %rdi		/* argc */
	lea	8(%rsp), %rsi		/* argv */
	jmp	runtime_rt0_go
endfunc _rt0_amd64

/*
 * runtime_rt0_go: in %rdi argc, %rsi argv; never returns. Binds m0 and g0,
 * gives g0 the OS stack's bounds, and runs the boot. (Go reads the CPU's features
 * here by CPUID, which costs 13 us each time under a hypervisor; the kernel has
 * left what we need in the auxiliary vector: runtime_args takes it from there.)
 * Keeps: %r12 argc, %r13 argv, %r14 m0, %r15 g0.
 */
func runtime_rt0_go
	.cfi_undefined %rip
	xor	%ebp, %ebp		/* the frame chain ends here */
	.cfi_undefined %rbp
	mov	%rdi, %r12		/* argc */
	mov	%rsi, %r13		/* argv */
	and	$-16, %rsp
	lea	runtime_m0(%rip), %r14
	lea	M_G0STORE(%r14), %r15	/* g0 is part of m0 */
	mov	%r15, M_G0(%r14)	/* bind them to each other */
	mov	%r14, G_M(%r15)

	sub	$16, %rsp		/* struct rlimit */
	mov	$SYS_GETRLIMIT, %eax
	mov	$RLIMIT_STACK_CODE, %edi
	mov	%rsp, %rsi
	syscall
	mov	$G0_STACK_MAX, %ecx
	test	%eax, %eax
	jnz	1f			/* no answer: assume the usual */
	mov	(%rsp), %rax		/* rlim_cur */
	mov	%rax, runtime_oslimit(%rip)
	cmp	%rcx, %rax
	cmovb	%rax, %rcx		/* the smaller of the two */
1:	mov	%r13, %rax
	mov	%rax, G_STACKHI(%r15)	/* argv is just above the first frame */
	sub	%rcx, %rax
	add	$4096, %rax		/* what environment and arguments took */
	mov	%rax, G_STACKLO(%r15)
	add	$16, %rsp

	lea	8(%r13,%r12,8), %rdi	/* envp, past argv's NULL */
	mov	(%r13), %rsi		/* argv[0] */
	call	runtime_settls		/* thread pointer and libc */
	mov	runtime_g@gottpoff(%rip), %rax
	mov	%r15, %fs:(%rax)	/* now getg() is g0 */
	mov	%fs:0, %rax
	mov	%rax, G_SCHED_TP(%r15)

	call	runtime_check
	mov	%r12d, %edi		/* argc */
	mov	%r13, %rsi		/* argv */
	call	runtime_args
	call	runtime_osinit
	call	runtime_schedinit

	lea	runtime_mainPC(%rip), %rdi /* entry of the main goroutine */
	call	runtime_newproc
	call	runtime_mstart		/* start this m; never returns */
	ud2
endfunc runtime_rt0_go

/*
 * void runtime_gosave(gobuf *buf): the caller's stack pointer becomes the place
 * where calls onto this stack start, now and for ever after.
 */
func runtime_gosave
	lea	8(%rsp), %rax		/* sp as the caller has it after this returns */
	and	$-16, %rax
	mov	%rax, G_SCHED_SP(%rdi)
	mov	%fs:0, %rax
	mov	%rax, G_SCHED_TP(%rdi)
	ret
endfunc runtime_gosave

/*
 * void runtime_mstart(void): on g0 of a thread that starts. The bottom of
 * every m's stack.
 */
func runtime_mstart
	.cfi_undefined %rip
	xor	%ebp, %ebp
	and	$-16, %rsp
	call	runtime_mstart0
	ud2
endfunc runtime_mstart

/*
 * void runtime_switch(gobuf *from, gobuf *to, m *mp)
 * Stop here as from, go on as to on the same m, and there run
 * runtime_finishswitch(mp) first. Returns when somebody switches back.
 *
 *   from's stack: ... | return address | rbp rbx r12-r15 | fp env | <- from->sp
 *   to's stack:   the same, or a new goroutine's: return address gostart
 */
func runtime_switch
	pushframe
	mov	%rsp, G_SCHED_SP(%rdi)
	mov	G_SCHED_TP(%rsi), %r8
	settp
	savefpenv
	mov	G_SCHED_SP(%rsi), %rsp	/* to's frame: the CFI holds again */
	loadfpenv
	mov	%rdx, %rdi		/* mp */
	call	runtime_finishswitch
	popframe
endfunc runtime_switch

/*
 * void runtime_swap(gobuf *from, gobuf *to, m *mp): the same where nothing is owed to
 * from, which is where it belongs already; finishswitch sees to signals alone.
 */
func runtime_swap
	pushframe
	mov	%rsp, G_SCHED_SP(%rdi)
	mov	G_SCHED_TP(%rsi), %r8
	.cfi_remember_state
	settpfast
	savefpenv
	mov	G_SCHED_SP(%rsi), %rsp
	loadfpenv
	mov	G_SIGMASK(%rsi), %rax
	cmp	%rax, M_SIGMASK(%rdx)
	jne	6f
	cmpq	$0, G_SIGPENDING(%rsi)
	jne	6f
5:	popframe
	.cfi_restore_state
6:	mov	%rdx, %rdi		/* mp */
	call	runtime_finishswitch
	jmp	5b
	settpslow
endfunc runtime_swap

/* _Noreturn void runtime_gogo(gobuf *to): from g0, whose own place stays as gosave left it. */
func runtime_gogo
	.cfi_undefined %rip
	sub	$8, %rsp
	mov	G_SCHED_TP(%rdi), %r8
	settp
	savefpenv
	mov	G_SCHED_SP(%rdi), %rsp
	.cfi_endproc			/* from here on, to's frame */
	.cfi_startproc
	.cfi_def_cfa %rsp, FRAME_SIZE
	.cfi_offset %rip, -8
	.cfi_offset %rbp, -16
	.cfi_offset %rbx, -24
	.cfi_offset %r12, -32
	.cfi_offset %r13, -40
	.cfi_offset %r14, -48
	.cfi_offset %r15, -56
	loadfpenv
	popframe
endfunc runtime_gogo

/*
 * void runtime_mcall(void (*fn)(g *)): stop the running goroutine and call
 * fn(it) on g0. fn never returns; the goroutine goes on after the call when
 * somebody makes it run.
 */
func runtime_mcall
	pushframe
	mov	%rdi, %rdx		/* fn */
	mov	runtime_g@gottpoff(%rip), %rax
	mov	%fs:(%rax), %rdi	/* the goroutine, fn's argument */
	mov	%rsp, G_SCHED_SP(%rdi)
	mov	G_M(%rdi), %rax
	mov	M_G0(%rax), %rsi
	mov	G_SCHED_TP(%rsi), %r8
	settp
	savefpenv
	.cfi_remember_state
	.cfi_undefined %rip		/* g0's own story ended in gosave */
	mov	G_SCHED_SP(%rsi), %rsp
	xor	%ebp, %ebp
	call	*%rdx
	ud2
	.cfi_restore_state
endfunc runtime_mcall

/*
 * void runtime_systemstack(void (*fn)(void *), void *arg): fn(arg) on g0's
 * stack and with g0's thread block, then back. On g0 already: a plain call.
 * On g0 a backtrace ends here; the goroutine's own goes on from sched.sp.
 */
func runtime_systemstack
	pushframe
	mov	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	mov	runtime_g@gottpoff(%rip), %rax
	mov	%fs:(%rax), %rbx	/* who calls */
	mov	%rdi, %rdx		/* fn */
	mov	%rsi, %rdi		/* arg */
	mov	G_M(%rbx), %rax
	mov	M_G0(%rax), %rsi
	cmp	%rsi, %rbx
	je	4f			/* on g0 */
	mov	%rsp, G_SCHED_SP(%rbx)	/* so that a dump finds the frame */
	mov	G_SCHED_TP(%rsi), %r8
	settp
	.cfi_remember_state
	.cfi_undefined %rip		/* debuggers refuse a caller on a stack elsewhere */
	mov	G_SCHED_SP(%rsi), %rsp
	call	*%rdx
	mov	%rbp, %rsp
	.cfi_restore_state
	mov	G_SCHED_TP(%rbx), %r8
	settp
	jmp	5f
4:	call	*%rdx
5:	mov	%rbp, %rsp
	.cfi_def_cfa_register %rsp
	popframe			/* fn keeps the control words */
endfunc runtime_systemstack

/*
 * Where a new goroutine's first switch arrives: %rbx fn, %r12 its argument
 * (arch_newframe). The bottom of every goroutine's stack. Its frames are looked
 * up as return addresses are, one byte back: so it is entered after a nop. Where goend
 * returns, it has become another: see sched/rebirth.h.
 */
func runtime_gostart
	.cfi_undefined %rip
	.cfi_undefined %rbp
	nop
	.globl	runtime_goentry
	.hidden	runtime_goentry
runtime_goentry:
	mov	%r12, %rdi
	call	*%rbx			/* fn(arg) */
	call	runtime_goend
	mov	%rax, %r12
	mov	%rdx, %rbx
	jmp	runtime_goentry
endfunc runtime_gostart

/*
 * pid_t vfork(void): returns twice on one stack, first in the child. What the child
 * calls overwrites the stack above the return address and that too: %rdx keeps it,
 * over the system call and so over the child's life. Weak, as all of libc that is replaced.
 */
	.weak	vfork
	.type	vfork, @function
	.p2align 4
vfork:
	.cfi_startproc
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	runtime_vforkenter	/* the p is let go */
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	test	%al, %al
	jz	fork
	pop	%rdx			/* the return address */
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rdx
	mov	$SYS_VFORK, %eax
	syscall
	push	%rdx
	.cfi_adjust_cfa_offset 8
	.cfi_offset %rip, -8
	test	%eax, %eax
	jz	6f
	mov	%rax, %rdi
	jmp	runtime_vforkleave	/* the parent */
6:	ret
	.cfi_endproc
	.size	vfork, . - vfork

	.section .rodata
	.globl	runtime_mainPC
	.hidden	runtime_mainPC
	.type	runtime_mainPC, @object
	.size	runtime_mainPC, 8
	.p2align 3
runtime_mainPC:				/* the main goroutine's entry, as Go's: a word, not code */
	.quad	runtime_main

	.bss
	.globl	runtime_nofsgsbase
	.hidden	runtime_nofsgsbase
	.p2align 2
	.type	runtime_nofsgsbase, @object
	.size	runtime_nofsgsbase, 4
runtime_nofsgsbase:			/* set by runtime_args where AT_HWCAP2 lacks the bit */
	.zero	4

	.section .note.GNU-stack, "", @progbits
