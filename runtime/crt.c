/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/*
 * crt.c - what crti, crtbegin, crtend and crtn would have given besides the
 * entry: C++'s handle of this program, and the way from a pc to the unwind
 * tables that libgcc wants from libc. Needs --eh-frame-hdr in the link.
 */
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symtab.h"

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

__attribute__((visibility("default"), weak)) int _dl_find_object(void *pc, struct find_object *r)
{
	uintptr_t lo, hi, tables, end;

	if (!runtime_findsegment(PT_LOAD, 0, (uintptr_t)pc, &lo, &hi) ||
	    !runtime_findsegment(PT_GNU_EH_FRAME, 0, 0, &tables, &end))
		return -1;
	*r = (struct find_object){
		.map_start = (void *)lo, .map_end = (void *)hi, .eh_frame = (void *)tables};
	return 0;
}
