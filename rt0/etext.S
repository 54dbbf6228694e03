/* SPDX-License-Identifier: MIT */
/* The end of the runtime's code: the Makefile joins this file last. runtime_text is its begin. */

	.section .text.runtime_etext,"ax",@progbits
	.globl	runtime_etext
runtime_etext:
	.byte	0			# an empty section would leave the link

	.section .note.GNU-stack,"",@progbits
