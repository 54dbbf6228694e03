/* SPDX-License-Identifier: MIT */
/*
 * longjmp_amd64.S - longjmp, which may leave a signal handler.
 *
 * jmp_buf is libc's: rbx, rbp, r12 to r15, rsp as the caller of setjmp had it, pc.
 */
#include "arch_amd64.h"

#define JMP_RBX 0
#define JMP_RBP 8
#define JMP_R12 16
#define JMP_R13 24
#define JMP_R14 32
#define JMP_R15 40
#define JMP_RSP 48
#define JMP_PC 56
#define REDZONE 128

	.text

/*
 * _Noreturn void longjmp(jmp_buf env, int val): takes libc's place. On the way out
 * of a handler of the program's the runtime is told, on the stack that is jumped
 * to, below its frames: it may have to park there.
 */
	/* Forget the records of a list that are in the frames which are left; clobbers rdx. */
	.macro	forget list
	mov	\list(%rax), %rdx
3:	cmp	%rcx, %rdx
	jae	4f
	cmp	G_STACKLO(%rax), %rdx
	jb	4f			/* none, or elsewhere */
	mov	(%rdx), %rdx
	mov	%rdx, \list(%rax)
	jmp	3b
4:
	.endm

	.globl	longjmp, _longjmp
	.type	longjmp, @function
	.type	_longjmp, @function
	.p2align 4
longjmp:
_longjmp:
	.cfi_startproc
	mov	runtime_g@gottpoff(%rip), %rax
	mov	%fs:(%rax), %rax	/* getg() */
	test	%rax, %rax
	jz	1f			/* not a thread of ours */
	cmpq	$0, G_HANDLING(%rax)
	jne	2f
5:	mov	JMP_RSP(%rdi), %rcx
	cmp	G_STACKHI(%rax), %rcx
	ja	1f			/* to a stack of the program's own */
	forget	G_DEFERS
	forget	G_TRYING
	forget	G_PANICS
1:	xor	%eax, %eax
	cmp	$1, %esi
	adc	%esi, %eax		/* val, or 1 for 0 */
	mov	JMP_RBX(%rdi), %rbx
	mov	JMP_RBP(%rdi), %rbp
	mov	JMP_R12(%rdi), %r12
	mov	JMP_R13(%rdi), %r13
	mov	JMP_R14(%rdi), %r14
	mov	JMP_R15(%rdi), %r15
	mov	JMP_RSP(%rdi), %rsp
	jmp	*JMP_PC(%rdi)
2:	mov	%rdi, %rbx
	mov	%esi, %r12d
	mov	JMP_RSP(%rdi), %rdi
	lea	-REDZONE(%rdi), %rsp
	and	$-16, %rsp
	.cfi_undefined %rip		/* who called is left behind */
	call	runtime_leavehandlers
	mov	%rbx, %rdi
	mov	%r12d, %esi
	mov	runtime_g@gottpoff(%rip), %rax
	mov	%fs:(%rax), %rax
	jmp	5b
	.cfi_endproc
	.size	longjmp, . - longjmp
	.size	_longjmp, . - _longjmp

	.section .note.GNU-stack, "", @progbits
