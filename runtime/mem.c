/* SPDX-License-Identifier: MIT */
/*
 * mem.c - what the runtime uses of <string.h>, and the compiler for it: local to
 * gocrt.o, the program and libc have libc's. So whoever is interrupted in libc's was
 * not called by the runtime, which may be in the middle of anything (sched/preempt.c), and a
 * program that brings its own changes nothing here.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t word __attribute__((aligned(1), may_alias));
typedef uint64_t pair __attribute__((vector_size(16), aligned(1), may_alias));

/* Up to 16 bytes: all are loaded before any is stored. */
static void few(char *to, const char *from, size_t n)
{
	if (n >= 8) {
		uint64_t first = *(word *)from, last = *(word *)(from + n - 8);

		*(word *)to = first;
		*(word *)(to + n - 8) = last;
	} else {
		uint64_t all = 0;

		for (size_t i = n; i-- > 0;)
			all = all << 8 | (unsigned char)from[i];
		for (; n; n--, all >>= 8)
			*to++ = (char)all;
	}
}

/* Over 16 bytes, from below or from above: what is stored last was loaded first, the rest one pair ahead. */
static void upwards(char *to, const char *from, size_t n)
{
	pair now = *(pair *)from, last = *(pair *)(from + n - 16);
	size_t i;

	for (i = 16; i < n - 16; i += 16) {
		*(pair *)(to + i - 16) = now;
		now = *(pair *)(from + i);
	}
	*(pair *)(to + i - 16) = now;
	*(pair *)(to + n - 16) = last;
}

static void downwards(char *to, const char *from, size_t n)
{
	pair now = *(pair *)(from + n - 16), first = *(pair *)from;
	size_t i;

	for (i = n - 16; i > 16; i -= 16) {
		*(pair *)(to + i) = now;
		now = *(pair *)(from + i - 16);
	}
	*(pair *)(to + i) = now;
	*(pair *)to = first;
}

void *memmove(void *to, const void *from, size_t n)
{
	if (n <= 16)
		few(to, from, n);
	else if ((uintptr_t)to - (uintptr_t)from >= n)
		upwards(to, from, n);
	else
		downwards(to, from, n);
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n) __attribute__((alias("memmove")));

void *memset(void *to, int c, size_t n)
{
	pair v = {0};
	char *t = to;

	v += (unsigned char)c * UINT64_C(0x0101010101010101);
	if (n < 16) {
		for (size_t i = 0; i < n; i++)
			t[i] = (char)c;
		return to;
	}
	for (size_t i = 0; i < n - 16; i += 16)
		*(pair *)(t + i) = v;
	*(pair *)(t + n - 16) = v;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--)
		a++, b++;
	return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}
