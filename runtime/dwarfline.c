/* SPDX-License-Identifier: MIT */
/*
 * dwarfline.c - from a pc to file and line, by DWARF's line table, versions 2
 * to 5, of either offset size.
 *
 * Each lookup runs the line programs of the units until one has a row for pc:
 * linear in .debug_line, no index and so no memory. The unit that answered
 * last is tried first, for a traceback's frames often share one.
 *
 * Not done: compressed sections, strings by index (DW_FORM_strx, which neither
 * gcc nor clang puts here), supplementary files, VLIW operation indices.
 */
#include "atomic.h"
#include "symtab.h"

enum { /* opcodes of the line program */
	LnsCopy = 1,
	LnsAdvancePC,
	LnsAdvanceLine,
	LnsSetFile,
	LnsConstAddPC = 8,
	LnsFixedAdvancePC,

	LneEndSequence = 1,
	LneSetAddress,
};

enum { /* how version 5 stores names */
	ContentPath = 1,
	ContentDirectory,

	FormBlock2 = 3,
	FormBlock4,
	FormData2,
	FormData4,
	FormData8,
	FormString,
	FormBlock,
	FormBlock1,
	FormData1,
	FormStrp = 0xe,
	FormUdata,
	FormData16 = 0x1e,
	FormLineStrp,
};

/* A unit's header. */
struct unit {
	uint16_t version;
	uint8_t offsetsize; /* 4 or 8 */
	uint8_t mininsn, linerange, opbase;
	int8_t linebase;
	const uint8_t *oplens;        /* operands of standard opcodes, from 1 */
	struct runtime_reader tables; /* directories and files */
	struct runtime_reader prog;
};

/* The line program's registers that matter here. */
struct state {
	uintptr_t addr, first; /* first of the sequence */
	uint64_t file;
	int64_t line;
	bool any;
};

/* The row that may contain pc; rowaddr is where it starts. */
struct row {
	uintptr_t addr;
	uint64_t file;
	int64_t line;
	bool set;
};

static size_t
	lastunit; /* atomic; offset in .debug_line of the last that answered: a hint */

/* Takes the unit at r, header and all; r goes on to the next. */
static bool readunit(struct runtime_reader *r, struct unit *u)
{
	struct runtime_reader b = *r;
	uint64_t n = rd_uint(&b, 4);

	u->offsetsize = n == 0xffffffff ? 8 : 4;
	if (u->offsetsize == 8)
		n = rd_uint(&b, 8);
	r->p = b.p;
	if (!rd_skip(r, n) || b.bad)
		return false;
	b.end = r->p;
	u->version = rd_uint(&b, 2);
	if (u->version >= 5)
		rd_skip(&b, 2); /* sizes of address and segment selector */
	n = rd_uint(&b, u->offsetsize);
	u->prog = b;
	rd_skip(&u->prog, n);
	b.end = u->prog.p;
	u->mininsn = rd_uint(&b, 1);
	/* maximum_operations_per_instruction, default_is_stmt */
	rd_skip(&b, u->version >= 4 ? 2 : 1);
	u->linebase = rd_int(&b, 1);
	u->linerange = rd_uint(&b, 1);
	u->opbase = rd_uint(&b, 1);
	u->oplens = rd_skip(&b, u->opbase ? u->opbase - 1 : 0);
	u->tables = b;
	return true;
}

static bool unitok(const struct unit *u)
{
	return !u->prog.bad && !u->tables.bad && u->version >= 2 && u->version <= 5 &&
	       u->linerange && u->opbase;
}

static void startsequence(struct state *st)
{
	st->addr = st->first = 0;
	st->file = 1;
	st->line = 1;
	st->any = false;
}

/*
 * A row of the table: true when the one before it contains pc. Rows of line 0
 * belong to no line: there the line before goes on. Sequences that start at 0
 * are of functions that the linker threw away.
 */
static bool addrow(const struct state *st, struct row *at, uintptr_t pc)
{
	if (at->set && st->first && at->addr <= pc && pc < st->addr)
		return true;
	if (st->line > 0) {
		at->addr = st->addr;
		at->file = st->file;
		at->line = st->line;
		at->set = true;
	}
	return false;
}

static bool extended(
	struct runtime_reader *r, struct state *st, struct row *at, uintptr_t pc)
{
	struct runtime_reader b = *r;
	uint64_t n = rd_uleb(&b);
	bool found = false;

	r->p = b.p;
	rd_skip(r, n);
	if (r->bad || n == 0)
		return false;
	b.end = r->p;
	switch (rd_uint(&b, 1)) {
	case LneEndSequence:
		found = addrow(st, at, pc);
		at->set = found;
		startsequence(st);
		break;
	case LneSetAddress:
		st->addr = n - 1 <= 8 ? rd_uint(&b, n - 1) : 0;
		if (!st->any)
			st->first = st->addr;
		st->any = true;
		break;
	}
	return found;
}

static void special(const struct unit *u, struct state *st, unsigned op)
{
	unsigned adj = op - u->opbase;

	st->addr += (uintptr_t)(adj / u->linerange) * u->mininsn;
	st->line += u->linebase + (int)(adj % u->linerange);
}

/* An opcode that makes no row. */
static void standard(
	const struct unit *u, struct runtime_reader *r, struct state *st, unsigned op)
{
	switch (op) {
	case LnsAdvancePC:
		st->addr += rd_uleb(r) * u->mininsn;
		break;
	case LnsAdvanceLine:
		st->line += rd_sleb(r);
		break;
	case LnsSetFile:
		st->file = rd_uleb(r);
		break;
	case LnsConstAddPC:
		st->addr += (uintptr_t)((255 - u->opbase) / u->linerange) * u->mininsn;
		break;
	case LnsFixedAdvancePC:
		st->addr += rd_uint(r, 2);
		break;
	default:
		for (unsigned n = u->oplens[op - 1]; n > 0; n--)
			rd_uleb(r);
	}
}

/* Runs a unit's program: true with the row for pc when it has one. */
static bool run(const struct unit *u, uintptr_t pc, struct row *at)
{
	struct runtime_reader r = u->prog;
	struct state st;
	unsigned op;

	*at = (struct row){0};
	startsequence(&st);
	while (r.p < r.end) {
		op = *r.p++;
		if (op == 0) {
			if (extended(&r, &st, at, pc))
				return true;
		} else if (op >= u->opbase || op == LnsCopy) {
			if (op != LnsCopy)
				special(u, &st, op);
			if (addrow(&st, at, pc))
				return true;
		} else {
			standard(u, &r, &st, op);
		}
	}
	return false;
}

/* The string at an offset in a string section. */
static const char *sectionstr(const char *section, uint64_t off)
{
	const void *p;
	size_t n;
	uintptr_t addr;
	struct runtime_reader r;

	if (!runtime_findsection(section, &p, &n, &addr) || off >= n)
		return "";
	r = (struct runtime_reader){
		(const uint8_t *)p + off, (const uint8_t *)p + n, false};
	return rd_str(&r);
}

/* A value of version 5's tables. A string goes to *s when that is not NULL, a number to *n. */
static void formvalue(const struct unit *u, struct runtime_reader *r, unsigned form,
	const char **s, uint64_t *n)
{
	const char *str;

	switch (form) {
	case FormString:
		str = rd_str(r);
		if (s)
			*s = str;
		return;
	case FormStrp:
	case FormLineStrp:
		*n = rd_uint(r, u->offsetsize);
		if (s)
			*s = sectionstr(
				form == FormStrp ? ".debug_str" : ".debug_line_str", *n);
		return;
	case FormUdata:
		*n = rd_uleb(r);
		return;
	case FormData1:
		*n = rd_uint(r, 1);
		return;
	case FormData2:
		*n = rd_uint(r, 2);
		return;
	case FormData4:
		*n = rd_uint(r, 4);
		return;
	case FormData8:
		*n = rd_uint(r, 8);
		return;
	case FormData16:
		rd_skip(r, 16);
		return;
	case FormBlock:
		rd_skip(r, rd_uleb(r));
		return;
	case FormBlock1:
		rd_skip(r, rd_uint(r, 1));
		return;
	case FormBlock2:
		rd_skip(r, rd_uint(r, 2));
		return;
	case FormBlock4:
		rd_skip(r, rd_uint(r, 4));
		return;
	default:
		r->bad = true;
	}
}

/* One entry of a table of version 5, by the table's format. */
static void entry5(const struct unit *u, struct runtime_reader *r,
	struct runtime_reader format, unsigned nformat, const char **path, uint64_t *dir)
{
	for (; nformat > 0; nformat--) {
		unsigned content = rd_uleb(&format), form = rd_uleb(&format);
		uint64_t n = 0;

		formvalue(u, r, form, content == ContentPath ? path : NULL, &n);
		if (content == ContentDirectory)
			*dir = n;
	}
}

/* Reads past a table of version 5, keeping entry number want; its path stays "" when it is not there. */
static void table5(const struct unit *u, struct runtime_reader *r, uint64_t want,
	const char **path, uint64_t *dir)
{
	unsigned nformat = rd_uint(r, 1);
	struct runtime_reader format = *r;
	uint64_t n, ignored = 0;

	*path = "";
	*dir = 0;
	for (unsigned i = 0; i < 2 * nformat; i++)
		rd_uleb(r);
	n = rd_uleb(r);
	for (uint64_t i = 0; nformat && i < n && !r->bad; i++)
		entry5(u, r, format, nformat, i == want ? path : NULL,
			i == want ? dir : &ignored);
}

static bool name5(
	const struct unit *u, uint64_t file, const char **dir, const char **path)
{
	struct runtime_reader r = u->tables;
	uint64_t d, ignored;

	table5(u, &r, UINT64_MAX, dir, &ignored);
	table5(u, &r, file, path, &d);
	r = u->tables;
	table5(u, &r, d, dir, &ignored);
	return **path != 0;
}

/* Before version 5: strings up to an empty one; numbers start at 1, directory 0 is the compiler's. */
static bool name4(
	const struct unit *u, uint64_t file, const char **dir, const char **path)
{
	struct runtime_reader r = u->tables;
	uint64_t d = 0;

	while (*rd_str(&r))
		;
	for (uint64_t i = 1; *(*path = rd_str(&r)); i++) {
		d = rd_uleb(&r);
		rd_uleb(&r); /* time */
		rd_uleb(&r); /* size */
		if (i == file)
			break;
	}
	r = u->tables;
	for (*dir = ""; d > 0; d--)
		if (!*(*dir = rd_str(&r)))
			break;
	return **path != 0;
}

static bool lookup(const struct unit *u, uintptr_t pc, const char **dir,
	const char **file, int *line)
{
	struct row at;

	if (!unitok(u) || !run(u, pc, &at))
		return false;
	*line = (int)at.line;
	return u->version >= 5 ? name5(u, at.file, dir, file)
			       : name4(u, at.file, dir, file);
}

bool runtime_findlinedir(uintptr_t pc, const char **dir, const char **file, int *line)
{
	const char *nodir;
	const void *p;
	size_t n, hint = load_rlx(&lastunit);
	uintptr_t addr;
	struct runtime_reader r;
	struct unit u;

	if (!runtime_findsection(".debug_line", &p, &n, &addr))
		return false;
	if (!dir)
		dir = &nodir;
	pc -= runtime_loadbias();
	r = (struct runtime_reader){
		(const uint8_t *)p + hint, (const uint8_t *)p + n, false};
	if (readunit(&r, &u) && lookup(&u, pc, dir, file, line))
		return true;
	r = (struct runtime_reader){p, (const uint8_t *)p + n, false};
	while (r.p < r.end) {
		hint = r.p - (const uint8_t *)p;
		if (!readunit(&r, &u))
			return false;
		if (lookup(&u, pc, dir, file, line)) {
			store_rlx(&lastunit, hint);
			return true;
		}
	}
	return false;
}

bool runtime_findline(uintptr_t pc, const char **file, int *line)
{
	return runtime_findlinedir(pc, NULL, file, line);
}
