/* SPDX-License-Identifier: MIT */
/*
 * symtab.h - what the running program knows about its own file: program
 * headers, sections, function symbols, source lines.
 *
 * Everything here may be called from a signal handler on any stack: no locks,
 * no malloc, less than 1 KiB of stack. errno may be changed. Addresses in and
 * out are those of the running program: the load bias of a PIE is taken care of.
 */
#ifndef RUNTIME_SYMTAB_H
#define RUNTIME_SYMTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct runtime_func {
	const char *name;
	uintptr_t entry;
	size_t size; /* for a symbol without a size: as far as the next symbol */
};

/* ---- symtab.c ---- */

/*
 * The function that contains pc; false in a stripped binary, or when there is
 * none. For a return address pass pc - 1: the call may be a function's last
 * instruction.
 */
bool runtime_findfunc(uintptr_t pc, struct runtime_func *f);

/*
 * A section of the program's file: its contents in p and n, mapped for ever
 * and read-only, and in addr where it is loaded, 0 if it is not. False when
 * it is absent, empty or compressed.
 */
bool runtime_findsection(const char *name, const void **p, size_t *n, uintptr_t *addr);

/*
 * The first segment of this type that has all of flags (PF_*) and contains
 * addr, as loaded: [lo, hi). addr 0 takes any. From memory, needs no file.
 */
bool runtime_findsegment(
	uint32_t type, uint32_t flags, uintptr_t addr, uintptr_t *lo, uintptr_t *hi);

/* Where the program lies less where it was linked to lie; 0 unless it is a PIE. */
uintptr_t runtime_loadbias(void);

/*
 * Only for a link that gives no __ehdr_start: AT_PHDR's value, before all
 * else. Without either, nothing here finds anything.
 */
void runtime_setphdr(const void *phdr);

/* ---- dwarfline.c ---- */

/*
 * The source line of pc (for a return address again pc - 1), from .debug_line.
 * file is as the compiler was given it but without its directory; that is what
 * dir, which may be NULL, gets: absolute, relative to the compiler's working
 * directory, or "".
 */
bool runtime_findline(uintptr_t pc, const char **file, int *line);
bool runtime_findlinedir(uintptr_t pc, const char **dir, const char **file, int *line);

/*
 * A reader over [p, end), for the formats of both DWARF readers. What would go
 * past the end gives 0, leaves p at the end and sets bad, so that a caller may
 * check once after several reads, and every loop up to end ends.
 */
struct runtime_reader {
	const uint8_t *p, *end;
	bool bad;
};

static inline const uint8_t *rd_skip(struct runtime_reader *r, uint64_t n)
{
	const uint8_t *p = r->p;

	if (n > (uint64_t)(r->end - p)) {
		r->bad = true;
		r->p = r->end;
		return NULL;
	}
	r->p += n;
	return p;
}

/* An unsigned number of n bytes, n <= 8, in the machine's order (which is little-endian). */
static inline uint64_t rd_uint(struct runtime_reader *r, unsigned n)
{
	const uint8_t *p = rd_skip(r, n);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, n);
	return v;
}

/* The same, signed. */
static inline int64_t rd_int(struct runtime_reader *r, unsigned n)
{
	unsigned unused = 64 - 8 * n;

	return (int64_t)(rd_uint(r, n) << unused) >> unused;
}

static inline uint64_t rd_uleb(struct runtime_reader *r)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t b;

	do {
		b = rd_uint(r, 1);
		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
	} while (b & 0x80);
	return v;
}

static inline int64_t rd_sleb(struct runtime_reader *r)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t b;

	do {
		b = rd_uint(r, 1);
		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
	} while (b & 0x80);
	if (b & 0x40 && shift < 64)
		v |= ~(uint64_t)0 << shift;
	return (int64_t)v;
}

/* A string with its NUL; "" when it does not end in time. */
static inline const char *rd_str(struct runtime_reader *r)
{
	const uint8_t *s = r->p;

	while (r->p < r->end)
		if (!*r->p++)
			return (const char *)s;
	r->bad = true;
	return "";
}

#endif
