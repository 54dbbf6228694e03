/* SPDX-License-Identifier: MIT */
/*
 * rt0_linux_amd64.S - the ELF entry on linux/amd64. The kernel enters with
 * argc at 0(%rsp), argv above it, then envp and auxv; all registers but %rsp
 * are undefined, and there is no return address.
 */
	.text

	.globl	_start, _rt0_amd64_linux
	.type	_start, @function
	.type	_rt0_amd64_linux, @function
_start:
_rt0_amd64_linux:
	.cfi_startproc
	.cfi_undefined %rip		/* the outermost frame */
	jmp	_rt0_amd64
	.cfi_endproc
	.size	_start, . - _start
	.size	_rt0_amd64_linux, . - _rt0_amd64_linux

	.section .note.GNU-stack, "", @progbits
