/* SPDX-License-Identifier: MIT */
/*
 * refuse.h - system calls that are refused from now on, on all threads. The filter is written by
 * numbers: musl-gcc sees none of the kernel's headers.
 */
#ifndef REFUSE_H
#define REFUSE_H

#include <sys/prctl.h>
#include <sys/syscall.h>

#include "prog.h"

struct insn {
	uint16_t code;
	uint8_t yes, no;
	uint32_t k;
};
enum { Load = 0x20, And = 0x54, JumpEq = 0x15, Return = 0x06 };
enum { Errno = 0x50000, Allow = 0x7fff0000 };
enum { Nr = 0, SecondArg = 24 }; /* offsets in what a filter sees */

static void filter(struct insn *code, size_t n)
{
	struct {
		uint16_t n;
		struct insn *code;
	} program = {(uint16_t)n, code};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(syscall(SYS_seccomp, 1L /* set a filter */, 1L /* on all threads */, &program) == 0);
}

/* This one, with that error. */
__attribute__((unused)) static void refuse(long nr, int error)
{
	struct insn code[] = {{Load, 0, 0, Nr}, {JumpEq, 0, 1, (uint32_t)nr},
		{Return, 0, 0, Errno | (uint32_t)error}, {Return, 0, 0, Allow}};

	filter(code, nelem(code));
}

#endif
