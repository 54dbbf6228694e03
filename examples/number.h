/* SPDX-License-Identifier: MIT */
/* number.h - a number that the user gave; what is none, or too small or large, ends the program with a message. */
#ifndef NUMBER_H
#define NUMBER_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static inline long number(const char *what, const char *text, long least, long most)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (end == text || *end || errno || n < least || n > most) {
		fprintf(stderr, "%s: \"%s\" is not a number from %ld to %ld\n", what, text, least, most);
		exit(2);
	}
	return n;
}

#endif
