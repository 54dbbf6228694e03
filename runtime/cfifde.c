/* SPDX-License-Identifier: MIT */
/*
 * cfifde.c - the frame description (FDE) of a pc.
 *
 * By .eh_frame_hdr's sorted index when the link made one (found through the
 * program headers), else by one pass over .eh_frame, found through the section
 * headers. Nothing is cached: a crash happens once.
 *
 * The tables are trusted to mean well, and bounded by their segment all the
 * same. A CIE comes before its FDEs.
 */
#include <elf.h>

#include "cfi.h"

enum { /* pointer encodings, DW_EH_PE_*: a form and what it is relative to */
	EncAbsptr = 0,
	EncUleb = 1,
	EncUdata2 = 2,
	EncUdata8 = 4,
	EncSleb = 9,
	EncSdata2 = 10,
	EncSdata4 = 11,
	EncSdata8 = 12,
	EncForm = 0xf,
	EncPcrel = 0x10,
	EncDatarel = 0x30,
	EncBase = 0xf0,
	EncIndirect = 0x80,
	EncOmit = 0xff,
};

static uintptr_t form(struct runtime_reader *r, unsigned f)
{
	if (f == EncAbsptr)
		return rd_uint(r, sizeof(uintptr_t));
	if (f == EncUleb)
		return rd_uleb(r);
	if (f == EncSleb)
		return rd_sleb(r);
	if (f >= EncUdata2 && f <= EncUdata8)
		return rd_uint(r, 2u << (f - EncUdata2));
	if (f >= EncSdata2 && f <= EncSdata8)
		return rd_int(r, 2u << (f - EncSdata2));
	r->bad = true;
	return 0;
}

uintptr_t runtime_encoded(struct runtime_reader *r, uint8_t enc, uintptr_t data)
{
	uintptr_t at = (uintptr_t)r->p, v = form(r, enc & EncForm);

	switch (enc & EncBase) {
	case 0:
		return v;
	case EncPcrel:
		return v + at;
	case EncDatarel:
		return v + data;
	}
	r->bad = true;
	return 0;
}

/* The body of the CIE or FDE at r, which moves past it; bad at the end of the table. */
static struct runtime_reader record(struct runtime_reader *r)
{
	uint64_t n = rd_uint(r, 4);
	struct runtime_reader b;

	if (n == 0xffffffff)
		n = rd_uint(r, 8);
	b = *r;
	rd_skip(r, n);
	b.end = r->p;
	b.bad = r->bad;
	return b;
}

/* A CIE's augmentation data, as its string says; only where 'z' tells its size. */
static bool augmentation(struct runtime_reader *r, const char *aug, struct runtime_cie *c)
{
	uint64_t n;
	struct runtime_reader a;

	if (!*aug)
		return true;
	if (*aug != 'z')
		return false;
	c->augdata = true;
	n = rd_uleb(r);
	a = *r;
	rd_skip(r, n);
	a.end = r->p;
	while (*++aug) {
		if (*aug == 'R')
			c->enc = rd_uint(&a, 1);
		else if (*aug == 'P')
			runtime_encoded(&a, rd_uint(&a, 1) & ~EncIndirect, 0);
		else if (*aug == 'L')
			rd_uint(&a, 1);
		else if (*aug == 'S')
			c->signal = true;
		else
			return false;
	}
	return !a.bad;
}

static bool readcie(uintptr_t at, const uint8_t *end, struct runtime_cie *c)
{
	struct runtime_reader r = {(const uint8_t *)at, end, false}, b = record(&r);
	uint64_t id = rd_uint(&b, 4);
	unsigned version = rd_uint(&b, 1);
	const char *aug = rd_str(&b);

	*c = (struct runtime_cie){0};
	if (b.bad || id != 0 || (version != 1 && version != 3))
		return false;
	c->codealign = rd_uleb(&b);
	c->dataalign = rd_sleb(&b);
	c->pcreg = version == 1 ? rd_uint(&b, 1) : rd_uleb(&b);
	if (!augmentation(&b, aug, c) || b.bad)
		return false;
	c->insns = b;
	c->at = at;
	return true;
}

/*
 * The FDE whose body is b, in tables that start at lo; false for a CIE. f->cie is
 * kept where it is the one.
 */
static bool readfde(struct runtime_reader b, uintptr_t lo, struct runtime_fde *f)
{
	uintptr_t idat = (uintptr_t)b.p, id = rd_uint(&b, 4), cie = idat - id;

	if (b.bad || id == 0 || cie < lo || cie >= idat)
		return false;
	if (f->cie.at != cie && !readcie(cie, (const uint8_t *)idat, &f->cie)) {
		f->cie.at = 0;
		return false;
	}
	f->base = (const uint8_t *)idat;
	f->start = runtime_encoded(&b, f->cie.enc, 0);
	f->size = runtime_encoded(&b, f->cie.enc & 0xf, 0);
	if (f->cie.augdata)
		rd_skip(&b, rd_uleb(&b));
	f->insns = b;
	return !b.bad;
}

static bool covers(const struct runtime_fde *f, uintptr_t pc)
{
	return pc >= f->start && pc - f->start < f->size;
}

/* Through .eh_frame_hdr: 1 found, 0 pc has no FDE, -1 there is no index. */
static int searchindex(uintptr_t pc, struct runtime_fde *f)
{
	struct runtime_reader r = {NULL, NULL, false};
	uintptr_t hdr, hi, lo, at;
	uint32_t first = 0, n;
	uint8_t enc[4];

	if (!runtime_findsegment(PT_GNU_EH_FRAME, 0, 0, &hdr, &hi))
		return -1;
	r.p = (const uint8_t *)hdr;
	r.end = (const uint8_t *)hi;
	for (int i = 0; i < 4; i++)
		enc[i] = rd_uint(&r, 1); /* version; of pointer, count, table */
	if (enc[0] != 1 || enc[1] == EncOmit || enc[2] == EncOmit ||
		enc[3] != (EncDatarel | EncSdata4))
		return -1;
	runtime_encoded(&r, enc[1], hdr);
	n = runtime_encoded(&r, enc[2], hdr);
	if (r.bad || n > (size_t)(r.end - r.p) / 8)
		return -1;
	/* The last entry that starts at or below pc is in [first - 1, first + n). */
	while (n > 0) {
		struct runtime_reader e = {
			r.p + 8 * (size_t)(first + n / 2), r.end, false};

		if (hdr + rd_int(&e, 4) <= pc) {
			first += n / 2 + 1;
			n -= n / 2 + 1;
		} else {
			n /= 2;
		}
	}
	if (first == 0)
		return 0;
	r.p += 8 * (size_t)(first - 1) + 4;
	at = hdr + rd_int(&r, 4);
	if (!runtime_findsegment(PT_LOAD, PF_R, at, &lo, &hi))
		return 0;
	r = (struct runtime_reader){(const uint8_t *)at, (const uint8_t *)hi, false};
	return readfde(record(&r), lo, f) && covers(f, pc);
}

/* Through the section headers. An empty record ends only some object's part. */
static bool searchsection(uintptr_t pc, struct runtime_fde *f)
{
	const void *file;
	size_t n;
	uintptr_t at, lo, hi;
	struct runtime_reader r;

	if (!runtime_findsection(".eh_frame", &file, &n, &at) ||
		!runtime_findsegment(PT_LOAD, PF_R, at, &lo, &hi) || n > hi - at)
		return false;
	r = (struct runtime_reader){(const uint8_t *)at, (const uint8_t *)at + n, false};
	while (r.p < r.end)
		if (readfde(record(&r), at, f) && covers(f, pc))
			return true;
	return false;
}

bool runtime_findfde(uintptr_t pc, struct runtime_fde *f)
{
	int found;

	f->cie.at = 0;
	found = searchindex(pc, f);
	return found < 0 ? searchsection(pc, f) : found;
}
