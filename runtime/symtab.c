/* SPDX-License-Identifier: MIT */
/*
 * symtab.c - the program's own ELF file, for tracebacks.
 *
 * The file is mapped whole, read-only, at the first question that memory
 * cannot answer, and never unmapped: a crash must be able to ask at any moment,
 * and names that were handed out stay good. It cannot be truncated under us
 * while it runs (ETXTBSY). It is used only if its program headers are those in
 * memory, for /proc/self/exe is not us when an interpreter such as ld.so was
 * run by hand. A lookup is one pass over the symbols: no index, so no memory.
 *
 * Lock rule: none. Two threads may both map the file at first; one of the two
 * mappings wins by cas, the other goes. System calls are raw: musl's open() is
 * a cancellation point, which for us means the scheduler.
 *
 * A port to a 32-bit processor replaces the Elf64 types and SYS_mmap.
 */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch_amd64.h"
#include "atomic.h"
#include "symtab.h"

extern const Elf64_Ehdr __ehdr_start __attribute__((weak, visibility("hidden")));

static const Elf64_Ehdr *givenhdr; /* by runtime_setphdr, once */
static const unsigned char *image; /* atomic; NULL: not mapped yet, MAP_FAILED: no use */
static size_t imagesize; /* written before image, by everybody with the same value */

struct sections {
	const Elf64_Shdr *sh;
	size_t n;
};

/* A pass over the symbols for pc (as linked), and what it has seen so far. */
struct search {
	uintptr_t pc;
	struct sections secs;
	const Elf64_Sym *sized; /* the best of those that contain pc by their size */
	const Elf64_Sym *bare;  /* the nearest at or below pc of those without size */
	uintptr_t below, above; /* the nearest symbols on either side, below <= pc */
	const char *str;
	size_t nstr;
};

static const Elf64_Ehdr *header(void)
{
	return &__ehdr_start ? &__ehdr_start : givenhdr;
}

void runtime_setphdr(const void *phdr)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)phdr - 1;

	/* The header must be on the same page, or it might not be there at all. */
	if (((uintptr_t)phdr & 4095) < sizeof *h ||
		memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
		return;
	if (h->e_phoff == sizeof *h)
		givenhdr = h;
}

static const Elf64_Phdr *phdrs(const Elf64_Ehdr *h)
{
	return (const Elf64_Phdr *)((const char *)h + h->e_phoff);
}

uintptr_t runtime_loadbias(void)
{
	const Elf64_Ehdr *h = header();

	for (unsigned i = 0; h && i < h->e_phnum; i++)
		if (phdrs(h)[i].p_type == PT_LOAD && phdrs(h)[i].p_offset == 0)
			return (uintptr_t)h - phdrs(h)[i].p_vaddr;
	return 0;
}

bool runtime_findsegment(
	uint32_t type, uint32_t flags, uintptr_t addr, uintptr_t *lo, uintptr_t *hi)
{
	const Elf64_Ehdr *h = header();
	uintptr_t bias = runtime_loadbias();

	for (unsigned i = 0; h && i < h->e_phnum; i++) {
		const Elf64_Phdr *ph = &phdrs(h)[i];
		uintptr_t start = ph->p_vaddr + bias;

		if (ph->p_type != type || (ph->p_flags & flags) != flags)
			continue;
		if (addr && (addr < start || addr - start >= ph->p_memsz))
			continue;
		*lo = start;
		*hi = start + ph->p_memsz;
		return true;
	}
	return false;
}

static bool isours(const unsigned char *img, size_t size)
{
	const Elf64_Ehdr *h = header();
	size_t n;

	if (!h || size < sizeof *h || memcmp(img, h, sizeof *h) != 0)
		return false;
	n = h->e_phnum * sizeof(Elf64_Phdr);
	return h->e_ident[EI_CLASS] == ELFCLASS64 && h->e_phoff <= size &&
	       n <= size - h->e_phoff && memcmp(img + h->e_phoff, phdrs(h), n) == 0;
}

static const unsigned char *mapfile(size_t *n)
{
	long fd = arch_syscall6(SYS_openat, AT_FDCWD, (long)"/proc/self/exe", O_RDONLY | O_CLOEXEC, 0, 0, 0);
	long end, p = -1;

	if (fd < 0)
		return NULL;
	end = arch_syscall3(SYS_lseek, fd, 0, SEEK_END);
	if (end > 0)
		p = arch_syscall6(SYS_mmap, 0, end, PROT_READ, MAP_PRIVATE, fd, 0);
	arch_syscall3(SYS_close, fd, 0, 0);
	*n = (size_t)end;
	return p < 0 && p > -4096 ? NULL : (const unsigned char *)p;
}

/* The mapped file; NULL when there is none of use. A file that could not be opened is tried again. */
static const unsigned char *getimage(size_t *n)
{
	const unsigned char *img = load_acq(&image); /* pairs with the cas below */

	if (!img) {
		img = mapfile(n);
		if (!img)
			return NULL;
		store_rlx(&imagesize, *n);
		if (!cas(&image, NULL, isours(img, *n) ? img : MAP_FAILED))
			arch_syscall3(SYS_munmap, (long)img, (long)*n, 0);
		img = load_acq(&image);
	}
	*n = load_rlx(&imagesize);
	return img == MAP_FAILED ? NULL : img;
}

static struct sections getsections(const unsigned char *img, size_t size)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)img;
	struct sections s = {NULL, 0};

	if (h->e_shentsize == sizeof(Elf64_Shdr) && h->e_shoff && h->e_shoff % 8 == 0 &&
		h->e_shoff <= size &&
		h->e_shnum <= (size - h->e_shoff) / sizeof(Elf64_Shdr)) {
		s.sh = (const Elf64_Shdr *)(img + h->e_shoff);
		s.n = h->e_shnum;
	}
	return s;
}

/* Where a section's contents lie in the file; NULL when it has none that can be read. */
static const unsigned char *contents(
	const unsigned char *img, size_t size, const Elf64_Shdr *sh)
{
	if (sh->sh_type == SHT_NOBITS || sh->sh_type == SHT_NULL ||
		sh->sh_flags & SHF_COMPRESSED)
		return NULL;
	if (sh->sh_size == 0 || sh->sh_offset > size ||
		sh->sh_size > size - sh->sh_offset)
		return NULL;
	return img + sh->sh_offset;
}

/* A string table's contents: as contents, but sure to end in NUL. */
static const char *strings(
	const unsigned char *img, size_t size, struct sections s, size_t i)
{
	const unsigned char *p = i < s.n ? contents(img, size, &s.sh[i]) : NULL;

	return p && p[s.sh[i].sh_size - 1] == 0 ? (const char *)p : NULL;
}

bool runtime_findsection(const char *name, const void **p, size_t *n, uintptr_t *addr)
{
	size_t size, stridx;
	const unsigned char *img = getimage(&size);
	struct sections s;
	const char *str;

	if (!img)
		return false;
	s = getsections(img, size);
	stridx = ((const Elf64_Ehdr *)img)->e_shstrndx;
	str = strings(img, size, s, stridx);
	for (size_t i = 0; str && i < s.n; i++) {
		const Elf64_Shdr *sh = &s.sh[i];

		if (sh->sh_name >= s.sh[stridx].sh_size ||
			strcmp(str + sh->sh_name, name) != 0)
			continue;
		*p = contents(img, size, sh);
		*n = sh->sh_size;
		*addr = sh->sh_flags & SHF_ALLOC ? sh->sh_addr + runtime_loadbias() : 0;
		return *p != NULL;
	}
	return false;
}

static const char *symname(const struct search *s, const Elf64_Sym *sym)
{
	return sym->st_name < s->nstr ? s->str + sym->st_name : "";
}

/* A name for code: not a data symbol, and not one of the ARM assemblers' $x marks. */
static bool iscode(const struct search *s, const Elf64_Sym *sym)
{
	unsigned type = ELF64_ST_TYPE(sym->st_info);
	unsigned sec = sym->st_shndx;

	if (type != STT_FUNC && type != STT_NOTYPE && type != STT_GNU_IFUNC)
		return false;
	if (sec == SHN_UNDEF || sec >= s->secs.n ||
		!(s->secs.sh[sec].sh_flags & SHF_EXECINSTR))
		return false;
	return symname(s, sym)[0] != 0 && symname(s, sym)[0] != '$';
}

/* How good a name is among those for one address: what the programmer wrote comes first. */
static int rank(const struct search *s, const Elf64_Sym *sym)
{
	const char *name = symname(s, sym);
	int r = 0;

	if (ELF64_ST_TYPE(sym->st_info) == STT_FUNC)
		r += 8;
	if (name[0] != '_')
		r += 4;
	else if (name[1] != '_')
		r += 2;
	return r + (ELF64_ST_BIND(sym->st_info) != STB_LOCAL);
}

/* The innermost of two functions, and the better of two names for one. */
static bool better(const struct search *s, const Elf64_Sym *a, const Elf64_Sym *b)
{
	if (!b || a->st_value != b->st_value)
		return !b || a->st_value > b->st_value;
	return rank(s, a) > rank(s, b);
}

static void consider(struct search *s, const Elf64_Sym *sym)
{
	uintptr_t at = sym->st_value;

	if (at > s->pc) {
		if (at < s->above)
			s->above = at;
		return;
	}
	if (at > s->below)
		s->below = at;
	if (sym->st_size == 0) {
		if (better(s, sym, s->bare))
			s->bare = sym;
	} else if (s->pc - at < sym->st_size && better(s, sym, s->sized)) {
		s->sized = sym;
	}
}

/* A symbol without size reaches to the next symbol or its section's end. */
static bool choose(struct search *s, struct runtime_func *f)
{
	const Elf64_Sym *sym = s->sized;
	const Elf64_Shdr *sec;
	uintptr_t end;

	if (sym) {
		f->size = sym->st_size;
	} else {
		sym = s->bare;
		if (!sym || sym->st_value != s->below)
			return false;
		sec = &s->secs.sh[sym->st_shndx];
		end = sec->sh_addr + sec->sh_size;
		if (s->pc >= end)
			return false;
		f->size = (s->above < end ? s->above : end) - sym->st_value;
	}
	f->name = symname(s, sym);
	f->entry = sym->st_value + runtime_loadbias();
	return true;
}

bool runtime_findfunc(uintptr_t pc, struct runtime_func *f)
{
	struct search s = {.pc = pc - runtime_loadbias(), .above = UINTPTR_MAX};
	const Elf64_Sym *sym = NULL;
	const Elf64_Shdr *sh;
	size_t size, i;
	const unsigned char *img = getimage(&size);

	if (!img)
		return false;
	s.secs = getsections(img, size);
	for (i = 0; i < s.secs.n && s.secs.sh[i].sh_type != SHT_SYMTAB; i++)
		;
	if (i == s.secs.n)
		return false;
	sh = &s.secs.sh[i];
	sym = (const Elf64_Sym *)contents(img, size, sh);
	s.str = strings(img, size, s.secs, sh->sh_link);
	if (!sym || !s.str || sh->sh_offset % 8 || sh->sh_entsize != sizeof *sym)
		return false;
	s.nstr = s.secs.sh[sh->sh_link].sh_size;
	for (i = 0; i < sh->sh_size / sizeof *sym; i++)
		if (iscode(&s, &sym[i]))
			consider(&s, &sym[i]);
	return choose(&s, f);
}
