/* SPDX-License-Identifier: MIT */
/* hello - the least program: what booting costs. Linked with gocrt.o and with musl's crt1.o. */
#include <stdio.h>

int main(void)
{
	puts("hello, world");
	return 0;
}
