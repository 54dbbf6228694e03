/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * crt.c - what crti, crtbegin, crtend and crtn would have given besides the
 * entry: C++'s handle of this program, and the way from a pc to the unwind
 * tables that libgcc wants from libc. Needs --eh-frame-hdr in the link.
 */
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__attribute__((visibility("hidden"))) void *__dso_handle = &__dso_handle;

/*
 * Debian's libsupc++ is built for glibc, and asks there whether it may do without atomics, for the
 * objects that functions keep and for exceptions in flight: never, with other goroutines about.
 */
__attribute__((visibility("default"), weak)) char __libc_single_threaded;

/* glibc's interface, as Debian's libgcc_eh is built for it. */
struct find_object {
	unsigned long long flags;
	void *map_start, *map_end;
	void *link_map;
	void *eh_frame;
	unsigned long long reserved[7];
};

struct lookup {
	uintptr_t pc;
	struct find_object *result;
	bool found;
};

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct lookup *l = arg;
	uintptr_t lo = UINTPTR_MAX, hi = 0, tables = 0;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_GNU_EH_FRAME)
			tables = at;
		if (ph->p_type != PT_LOAD)
			continue;
		lo = at < lo ? at : lo;
		hi = at + ph->p_memsz > hi ? at + ph->p_memsz : hi;
	}
	if (!tables || l->pc < lo || l->pc >= hi)
		return 0;
	*l->result = (struct find_object){
		.map_start = (void *)lo, .map_end = (void *)hi, .eh_frame = (void *)tables};
	l->found = true;
	return 1;
}

__attribute__((visibility("default"), weak)) int _dl_find_object(void *pc, struct find_object *r)
{
	struct lookup l = {.pc = (uintptr_t)pc, .result = r};

	dl_iterate_phdr(look, &l);
	return l.found ? 0 : -1;
}
