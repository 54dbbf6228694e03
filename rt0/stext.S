/* SPDX-License-Identifier: MIT */
/* The begin of the runtime's code but the boot's: the Makefile joins this file first. See tools/gocrt.ld. */

	.section .text.runtime_stext,"ax",@progbits
	.globl	runtime_stext
runtime_stext:
	.byte	0			# an empty section would leave the link

	.section .note.GNU-stack,"",@progbits
