/* SPDX-License-Identifier: MIT */
/*
 * hello.c - the least program: main is already a goroutine.
 *
 *	gocrt-gcc hello.c -o hello
 */
#include <go.h>
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	printf("hello, world, from goroutine %" PRIu64 "\n", go_id());
	return 0;
}
